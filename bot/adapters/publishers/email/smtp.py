"""Mails to an SMTP server over kept connections."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable
from datetime import timedelta
from typing import Literal, TypeVar

from bot.adapters.publishers.email.dialogue import Dialogue
from bot.adapters.publishers.email.server import SmtpServer
from bot.domain.errors import NotSent, TryLater

MAILS_PER_CONNECTION = 100
IDLE_LIMIT = timedelta(seconds=30)
"""Servers hang up on silent clients after some minutes; we open a new connection before that."""
GIVE_UP = timedelta(minutes=2)
"""For all of a mail before its final dot, from waiting for a connection on. With the answer to the dot, which
gets `timeout` more, that is well below the lease on the mail.
"""

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class SmtpTransport:
    """Sends up to `connections` mails at a time; `tls` replaces the system's own idea of whom to trust."""

    def __init__(
        self,
        server: SmtpServer,
        *,
        password: str = "",
        hello_name: str = "localhost",
        tls: ssl.SSLContext | None = None,
        timeout: timedelta = timedelta(seconds=60),
        give_up: timedelta = GIVE_UP,
        connections: int = 1,
    ) -> None:
        self._server = server
        self._password = password
        self._hello_name = hello_name
        self._tls = tls
        self._timeout = timeout.total_seconds()
        self._give_up = give_up.total_seconds()
        self.at_once: int | None = connections
        self._slots = asyncio.Semaphore(connections)
        self._idle: list[tuple[Dialogue, float]] = []
        self._said_plain = False

    def __repr__(self) -> str:
        return f"SmtpTransport({self._server})"

    async def deliver(self, message: bytes, *, sender: str, recipient: str, name: str) -> None:  # noqa: ARG002
        """Hand the mail over; raises a DeliveryError, and OutcomeUnknown only after the final dot."""
        deadline = asyncio.get_running_loop().time() + self._give_up
        await self._by(deadline, self._slots.acquire(), scope="channel")
        try:
            dialogue = await self._by(deadline, self._connection(), scope="channel")
            try:
                await self._by(deadline, dialogue.prepare(message, sender=sender, recipient=recipient))
                await dialogue.finish()
            except NotSent:
                await self._keep(dialogue)
                raise
            except BaseException:
                dialogue.drop()
                raise
            await self._keep(dialogue)
        finally:
            self._slots.release()

    async def close(self) -> None:
        while self._idle:
            dialogue, _ = self._idle.pop()
            await dialogue.quit()

    async def _by(
        self, deadline: float, work: Awaitable[_T], *, scope: Literal["target", "channel"] = "target"
    ) -> _T:
        """What the work gives; TryLater where it is not done by then."""
        try:
            async with asyncio.timeout_at(deadline) as patience:
                return await work
        except TimeoutError as error:
            if not patience.expired():
                raise
            raise TryLater(
                f"{self._server}: took more than {self._give_up:.0f} s for one mail", scope=scope
            ) from error

    async def _connection(self) -> Dialogue:
        return await self._kept() or await self._opened()

    async def _kept(self) -> Dialogue | None:
        """A connection from before that still answers."""
        while self._idle:
            dialogue, since = self._idle.pop()
            if asyncio.get_running_loop().time() - since > IDLE_LIMIT.total_seconds():
                await dialogue.quit()
            elif await dialogue.ready():
                return dialogue
        return None

    async def _keep(self, dialogue: Dialogue) -> None:
        if dialogue.mails >= MAILS_PER_CONNECTION:
            await dialogue.quit()
        else:
            self._idle.append((dialogue, asyncio.get_running_loop().time()))

    async def _opened(self) -> Dialogue:
        if self._server.security == "none" and not self._said_plain:
            self._said_plain = True
            _log.warning("smtp_without_tls", extra={"server": str(self._server)})
        dialogue = Dialogue(
            self._server,
            password=self._password,
            hello_name=self._hello_name,
            tls=self._tls,
            timeout=self._timeout,
        )
        await dialogue.open()
        return dialogue
