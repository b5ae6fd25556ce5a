"""Transports: SMTP sessions with their reply codes, and a Maildir."""

import asyncio
import base64
import errno
import logging
import os
import re
import ssl
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal, TypeVar

from bot.adapters import atomic_file
from bot.domain.errors import (
    ChannelDown,
    NotSent,
    OutcomeUnknown,
    Refused,
    TargetGone,
    TargetRefuses,
    TooLarge,
    TryLater,
)
from bot.domain.message import Begin, unrecorded
from bot.domain.text import one_line

log = logging.getLogger(__name__)

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SmtpServer:
    """A mail server; `security` is what the connection must have."""

    host: str
    port: int
    security: Security
    user: str | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


Phase = Literal["connect", "login", "sender", "recipient", "data", "content"]
"""When in the session the reply came; `content` is the one after the final dot."""

GREYLIST_WAIT = timedelta(minutes=5)
MAILBOX_FULL_WAIT = timedelta(hours=1)
SENDING_LIMIT_WAIT = timedelta(hours=18)
"""Accounts may send so many mails a day: until tomorrow, or so."""

_ENHANCED = re.compile(r"^([245]\.\d{1,3}\.\d{1,3})\b")
_MAILBOX_FULL = {"4.2.2", "5.2.2"}
_TOO_LARGE = {"5.3.4", "5.2.3"}
_SENDING_LIMIT = {"5.4.5", "4.4.5", "5.1.90", "5.7.232", "5.7.233"}
"""Of Gmail and Exchange Online: the account's own limit of a day, wherever in the session it is said (seen 2026-11)."""
_SENDING_LIMIT_TEXT = re.compile(
    r"(daily|24[ -]?hours?|hourly).{0,40}(limit|quota)|sending (limit|quota)|(mails|emails|messages) per (hour|day)",
    re.IGNORECASE,
)
_BAD_SENDER = {"5.1.7", "5.1.8"}
"""About our address, although it is the recipient that is answered: servers judge the sender there."""
_BEFORE_RECIPIENT = {"connect", "login", "sender"}
_CLOSING = 421
_OVER_QUOTA = 552


def refusal(phase: Phase, code: int, text: str, *, server: str) -> NotSent:
    """The error for an SMTP reply that refuses (RFC 5321 §4.2, RFC 3463); certainly nothing went out.

    What is said before the recipient is known concerns everybody; what is said of a recipient or of a whole mail is
    that target's trouble, until several in a row hear it.
    """
    enhanced = _ENHANCED.match(text)
    status = enhanced.group(1) if enhanced else ""
    reply = f"{server} said {code} {text}".rstrip()
    if status in _SENDING_LIMIT or (
        _SENDING_LIMIT_TEXT.search(text) and not _mailbox_is_full(phase, code, status)
    ):
        return TryLater(
            f"the sending limit of the account: {reply}", wait=SENDING_LIMIT_WAIT, scope="channel"
        )
    if _mailbox_is_full(phase, code, status):
        return TryLater(f"mailbox full: {reply}", wait=MAILBOX_FULL_WAIT)
    if status in _TOO_LARGE or (code == _OVER_QUOTA and phase in ("sender", "content")):
        return TooLarge(f"too large for them: {reply}")
    if phase not in _BEFORE_RECIPIENT:
        return _targets_refusal(code, status, reply)
    if code < 500:  # noqa: PLR2004
        return TryLater(reply, wait=GREYLIST_WAIT, scope="channel")
    return ChannelDown(f"{reply}; nobody was unsubscribed, look at what the mail server wants of us")


def _targets_refusal(code: int, status: str, reply: str) -> NotSent:
    """The error for a refusal of a recipient or of a whole mail."""
    if code < 500 and code != _CLOSING:  # noqa: PLR2004
        return TryLater(reply, wait=GREYLIST_WAIT)
    if status.startswith("5.1.") and status not in _BAD_SENDER:
        return TargetGone(reply)
    # Without an enhanced status a missing mailbox looks like a policy: the address is not suspended at once.
    return Refused(reply) if status.startswith("5.6.") else TargetRefuses(reply)


def _mailbox_is_full(phase: Phase, code: int, status: str) -> bool:
    if phase in _BEFORE_RECIPIENT:
        return False
    return status in _MAILBOX_FULL or (phase == "recipient" and code == _OVER_QUOTA and not status)


_START_INPUT = 354
_FIRST_REFUSAL, _FIRST_BEYOND = 400, 600
_QUIT_SECONDS = 5.0
_DRAIN_STEP_SECONDS = 0.01
_FRESH_SECONDS = 1.0
"""So soon after a mail a connection is taken as it is: no round trip to see whether it is still there."""


class _ConnectionSpent(TryLater):
    """A connection that had mails takes no more: servers allow so many on each. A new one may do."""


class SmtpSession:
    """One connection to an SMTP server, for one mail after the other; `mails` counts them.

    Every way in which it can fail is told apart by whether the mail may have gone out.
    """

    def __init__(
        self,
        server: SmtpServer,
        *,
        password: str,
        hello_name: str,
        tls: ssl.SSLContext | None,
        timeout: float,
    ) -> None:
        from aiosmtplib import SMTP

        self.mails = 0
        self._is_done = False
        """True from the server's yes to a mail to the beginning of the next one."""
        self._server = server
        self._password = password
        self._timeout = timeout
        self._client: SMTP = SMTP(
            hostname=server.host,
            port=server.port,
            local_hostname=hello_name,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=tls,
            timeout=timeout,
        )

    async def open(self) -> None:
        """Connect, with TLS where the server's security says so, and log in; raises NotSent."""
        try:
            with self._nothing_sent("connect"):
                await self._client.connect()
                await self._greet()
            if self._server.user:
                with self._nothing_sent("login"):
                    await self._client.login(self._server.user, self._password)
        except BaseException:
            self.drop()
            raise

    async def _greet(self) -> None:
        """Say EHLO, so that the server's limits are known before the first mail; HELO where it knows no other."""
        from aiosmtplib import SMTPHeloError

        if self._client.is_ehlo_or_helo_needed:
            try:
                await self._client.ehlo()
            except SMTPHeloError as error:
                if error.code == _CLOSING:
                    raise
                await self._client.helo()

    async def prepare(self, message: bytes, *, sender: str, recipient: str) -> None:
        """All of the mail but its final dot; raises NotSent. When it is cancelled, the connection is given up."""
        try:
            await self._prepare(message, sender=sender, recipient=recipient)
        except asyncio.CancelledError:
            self.drop()
            raise

    async def _prepare(self, message: bytes, *, sender: str, recipient: str) -> None:
        self._is_done = False
        size = self._size(message)
        try:
            with self._nothing_sent("sender"):
                await self._client.mail(sender, options=size)
        except TryLater as error:
            if self.mails:
                raise _ConnectionSpent(str(error), wait=error.wait, scope=error.scope) from error
            raise
        with self._nothing_sent("recipient"):
            await self._recipient(recipient)
        with self._nothing_sent("data"):
            reply = await self._client.execute_command(b"DATA")
        if reply.code != _START_INPUT:
            raise self._refused("data", reply.code, reply.message)
        with self._nothing_sent("data"):
            await self._write(_with_dots(message))

    async def _recipient(self, recipient: str) -> None:
        """RCPT TO, to which some servers say 252 or another yes."""
        from aiosmtplib import SMTPRecipientRefused

        try:
            await self._client.rcpt(recipient)
        except SMTPRecipientRefused as error:
            if not _is_yes(error.code):
                raise

    def _size(self, message: bytes) -> list[str]:
        """The option of MAIL FROM that tells the size; TooLarge where the server has said that it takes less (RFC 1870)."""
        if not self._client.supports_extension("size"):
            return []
        most = size_limit(self._client.esmtp_extensions.get("size", ""))
        if most is not None and len(message) > most:
            raise TooLarge(f"{self._server} takes mails of {most} bytes at most, this one has {len(message)}")
        return [f"SIZE={len(message)}"]

    @property
    def size_limit(self) -> int | None:
        """The largest mail that the server takes, in bytes; None where it does not say."""
        return size_limit(self._client.esmtp_extensions.get("size", ""))

    async def finish(self) -> None:
        """The final dot and its answer; raises NotSent or OutcomeUnknown."""
        code, text = await self._finish()
        if not code < _FIRST_REFUSAL:
            raise self._refused("content", code, text)
        self.mails += 1
        self._is_done = True

    async def ready(self, idle: float) -> bool:
        """True where the server is still there, after so many seconds, and has forgotten what came before."""
        from aiosmtplib import SMTPException

        if self._is_done and idle < _FRESH_SECONDS and self._client.is_connected:
            return True
        with suppress(OSError, SMTPException):
            await self._client.rset()
            return True
        self.drop()
        return False

    async def quit(self) -> None:
        """Say goodbye; a server that does not answer is left."""
        from aiosmtplib import SMTPException

        with suppress(OSError, SMTPException):
            await self._client.quit(timeout=_QUIT_SECONDS)
        self.drop()

    def drop(self) -> None:
        self._client.close()

    async def _write(self, content: bytes) -> None:
        """The mail without its final dot; when it has left us, the dot alone decides."""
        # aiosmtplib's own data() writes both at once, and then a break on the way would leave everything uncertain.
        protocol = self._client.protocol
        if protocol is None:
            raise ConnectionResetError("connection lost")
        protocol.write(content)
        async with asyncio.timeout(self._timeout):
            # Nothing tells when the buffer is empty; a usual mail has left at the first look.
            while (wire := protocol.transport) and wire.get_write_buffer_size():  # type: ignore[attr-defined]  # noqa: ASYNC110
                await asyncio.sleep(_DRAIN_STEP_SECONDS)
        if not protocol.is_connected:
            raise ConnectionResetError("connection lost")

    async def _finish(self) -> tuple[int, str]:
        """The answer to the final dot; a refusal is an answer too."""
        from aiosmtplib import SMTPException, SMTPResponseException

        protocol = self._client.protocol
        if protocol is None:
            raise TryLater(f"{self._server}: connection lost")
        try:
            protocol.write(b".\r\n")
            code, text = await protocol.read_response(timeout=self._timeout)
        except (OSError, SMTPException) as error:
            reply = error.message if isinstance(error, SMTPResponseException) else str(error)
            raise OutcomeUnknown(
                f"{self._server}: no answer to a whole mail was seen: {self._said(reply)}"
            ) from error
        if not (_is_yes(code) or _FIRST_REFUSAL <= code < _FIRST_BEYOND):
            raise OutcomeUnknown(f"{self._server} answered a whole mail with {code} {self._said(text)}")
        return code, text

    @contextmanager
    def _nothing_sent(self, phase: Phase) -> Iterator[None]:
        """Before the final dot every failure means that nothing went out."""
        from aiosmtplib import SMTPException, SMTPResponseException

        try:
            yield
        except SMTPResponseException as error:
            # What a server says to a password may repeat it, so that cause is not kept.
            raise self._refused(phase, error.code, error.message) from (None if phase == "login" else error)
        except (OSError, SMTPException) as error:
            raise self._broken(phase, error) from error

    def _refused(self, phase: Phase, code: int, text: str) -> NotSent:
        if not _FIRST_REFUSAL <= code < _FIRST_BEYOND:
            why = f"{self._server} does not speak SMTP as we know it: {code} {self._said(text)}"
            return ChannelDown(why) if phase in _BEFORE_RECIPIENT else TargetRefuses(why)
        return refusal(phase, code, self._said(text), server=str(self._server))

    def _broken(self, phase: Phase, error: Exception) -> NotSent:
        reason = error if isinstance(error, ssl.SSLError) else error.__cause__
        if isinstance(reason, ssl.SSLCertVerificationError):
            return ChannelDown(f"{self._server}: its certificate is not trusted: {reason.verify_message}")
        torn = isinstance(reason, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
        if isinstance(error, OSError) and (torn or not isinstance(reason, ssl.SSLError)):
            scope: Literal["target", "channel"] = "channel" if phase in _BEFORE_RECIPIENT else "target"
            return TryLater(f"{self._server}: {self._said(str(error)) or 'no answer in time'}", scope=scope)
        return ChannelDown(f"{self._server}: {self._said(str(error))}")

    def _said(self, text: str) -> str:
        """The server's text on one line, without our password should it be repeated there."""
        for secret in (self._password, base64.b64encode(self._password.encode()).decode()):
            text = text.replace(secret, "***") if secret else text
        return one_line(text, 300)


def _is_yes(code: int) -> bool:
    return 200 <= code < 300  # noqa: PLR2004


def _with_dots(message: bytes) -> bytes:
    """The mail with a dot before each line that begins with one (RFC 5321 §4.5.2)."""
    dotted = message.replace(b"\r\n.", b"\r\n..")
    return b"." + dotted if dotted.startswith(b".") else dotted


def size_limit(reply: str) -> int | None:
    """The limit that a server says after SIZE; 0 and nothing mean none."""
    first = reply.split(maxsplit=1)
    return int(first[0]) or None if first and first[0].isdecimal() else None


MAILS_PER_CONNECTION = 100
IDLE_LIMIT = timedelta(seconds=30)
"""Servers hang up on silent clients after some minutes; we open a new connection before that."""
GIVE_UP = timedelta(minutes=2)
"""For all of a mail before its final dot, from waiting for a connection on. With the answer to the dot, which
gets `timeout` more, that is well below the lease on the mail.
"""

_T = TypeVar("_T")


class SmtpTransport:
    """Sends mails over kept connections, up to `connections` at a time; `tls` replaces the system's trust."""

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
        self.harmless_twice = False
        self._slots = asyncio.Semaphore(connections)
        self._idle: list[tuple[SmtpSession, float]] = []
        self._said_plain = False

    def __repr__(self) -> str:
        return f"SmtpTransport({self._server})"

    async def deliver(
        self,
        message: bytes,
        *,
        sender: str,
        recipient: str,
        name: str,  # noqa: ARG002
        begin: Begin = unrecorded,
    ) -> None:
        """Hand the mail over; raises a DeliveryError, and OutcomeUnknown only after the final dot."""
        deadline = asyncio.get_running_loop().time() + self._give_up
        await self._by(deadline, self._slots.acquire(), scope="channel")
        try:
            session = await self._by(deadline, self._connection(), scope="channel")
            try:
                try:
                    await self._by(deadline, session.prepare(message, sender=sender, recipient=recipient))
                except _ConnectionSpent:
                    session.drop()
                    session = await self._by(deadline, self._opened(), scope="channel")
                    await self._by(deadline, session.prepare(message, sender=sender, recipient=recipient))
                await _begun(session, begin)
                await session.finish()
            except NotSent:
                await self._keep(session)
                raise
            except BaseException:
                session.drop()
                raise
            await self._keep(session)
        finally:
            self._slots.release()

    async def close(self) -> None:
        while self._idle:
            session, _ = self._idle.pop()
            await session.quit()

    async def _by(
        self, deadline: float, work: Awaitable[_T], *, scope: Literal["target", "channel"] = "target"
    ) -> _T:
        """The result of the work; TryLater where it is not done by the deadline."""
        try:
            async with asyncio.timeout_at(deadline) as patience:
                return await work
        except TimeoutError as error:
            if not patience.expired():
                raise
            raise TryLater(
                f"{self._server}: took more than {self._give_up:.0f} s for one mail", scope=scope
            ) from error

    async def _connection(self) -> SmtpSession:
        return await self._kept() or await self._opened()

    async def _kept(self) -> SmtpSession | None:
        """An idle connection that still answers."""
        while self._idle:
            session, since = self._idle.pop()
            idle = asyncio.get_running_loop().time() - since
            if idle > IDLE_LIMIT.total_seconds():
                await session.quit()
            elif await session.ready(idle):
                return session
        return None

    async def _keep(self, session: SmtpSession) -> None:
        if session.mails >= MAILS_PER_CONNECTION:
            await session.quit()
        else:
            self._idle.append((session, asyncio.get_running_loop().time()))

    async def _opened(self) -> SmtpSession:
        if self._server.security == "none" and not self._said_plain:
            self._said_plain = True
            log.warning("smtp_without_tls", extra={"server": str(self._server)})
        session = SmtpSession(
            self._server,
            password=self._password,
            hello_name=self._hello_name,
            tls=self._tls,
            timeout=self._timeout,
        )
        await session.open()
        return session


async def _begun(session: SmtpSession, begin: Begin) -> None:
    """Begin; where that fails the server never gets the final dot, and the mail is nothing."""
    try:
        await begin()
    except BaseException:
        session.drop()
        raise


_MAY_PASS = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE}


class MaildirTransport:
    """Delivers into `new/` of a Maildir; a mail of the same name replaces the one before."""

    at_once: int | None = None
    harmless_twice = True

    def __init__(self, path: Path) -> None:
        self._path = path

    async def deliver(
        self,
        message: bytes,
        *,
        sender: str,  # noqa: ARG002
        recipient: str,  # noqa: ARG002
        name: str,
        begin: Begin = unrecorded,
    ) -> None:
        """Put the mail on disk for good; raises TryLater where the disk is full, else ChannelDown."""
        await begin()
        try:
            await asyncio.to_thread(self._store, message, name)
        except OSError as error:
            where = f"Maildir {self._path}: {error.strerror or error}"
            if error.errno in _MAY_PASS:
                raise TryLater(where, scope="channel") from error
            raise ChannelDown(f"{where}; make it writable or set email.transport") from error

    async def close(self) -> None:
        """Nothing is held open."""

    def _store(self, message: bytes, name: str) -> None:
        for folder in ("tmp", "new", "cur"):
            atomic_file.private_folder(self._path / folder)
        unique = f"{name}.paperboy"
        if self._was_read(unique):
            return
        content = message.replace(b"\r\n", b"\n")
        atomic_file.write(self._path / "new" / unique, content, draft=self._path / "tmp" / unique)

    def _was_read(self, unique: str) -> bool:
        """True where a mail program has it already: it moves what was seen to `cur/` and adds `:2,FLAGS`."""
        with os.scandir(self._path / "cur") as entries:
            return any(entry.name.partition(":")[0] == unique for entry in entries)
