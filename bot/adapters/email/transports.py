"""Transports: SMTP, with the meaning of its reply codes, and Maildir."""

import asyncio
import base64
import errno
import logging
import os
import re
import ssl
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Literal, TypeVar

from bot.adapters import atomic_file
from bot.adapters.email.servers import SmtpServer
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

Phase = Literal["connect", "login", "sender", "recipient", "data", "content"]
"""Phase of the session in which a reply came; `content` is the reply to the final dot."""

GREYLIST_WAIT = timedelta(minutes=5)
MAILBOX_FULL_WAIT = timedelta(hours=1)
SENDING_LIMIT_WAIT = timedelta(hours=18)
"""Sending limits are counted by the day: wait until about tomorrow."""

_ENHANCED = re.compile(r"^([245]\.\d{1,3}\.\d{1,3})\b")
_MAILBOX_FULL = {"4.2.2", "5.2.2"}
_TOO_LARGE = {"5.3.4", "5.2.3"}
_SENDING_LIMIT = {"5.4.5", "4.4.5", "5.1.90", "5.7.232", "5.7.233"}
"""Daily limit of the sending account (Gmail and Exchange Online, seen 2026-11), in any phase of the session."""
_SENDING_LIMIT_TEXT = re.compile(
    r"(daily|24[ -]?hours?|hourly).{0,40}(limit|quota)|sending (limit|quota)|(mails|emails|messages) per (hour|day)",
    re.IGNORECASE,
)
_BAD_SENDER = {"5.1.7", "5.1.8"}
"""About the sender's address, although in reply to the recipient: many servers judge the sender only then."""
_BEFORE_RECIPIENT = {"connect", "login", "sender"}
_CLOSING = 421
_OVER_QUOTA = 552


def refusal(phase: Phase, code: int, text: str, *, server: str) -> NotSent:
    """The error for a negative SMTP reply (RFC 5321 §4.2, RFC 3463); nothing was sent.

    Replies before the recipient concern the whole channel; later ones concern only that target, until several targets
    in a row get them.
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
        return TooLarge(f"too large for the server: {reply}")
    if phase not in _BEFORE_RECIPIENT:
        return _recipient_refusal(code, status, reply)
    if code < 500:  # noqa: PLR2004
        return TryLater(reply, wait=GREYLIST_WAIT, scope="channel")
    return ChannelDown(f"{reply}; nobody was unsubscribed, look at what the mail server requires")


def _recipient_refusal(code: int, status: str, reply: str) -> NotSent:
    """The error for a negative reply to the recipient or to the whole mail."""
    if code < 500 and code != _CLOSING:  # noqa: PLR2004
        return TryLater(reply, wait=GREYLIST_WAIT)
    if status.startswith("5.1.") and status not in _BAD_SENDER:
        return TargetGone(reply)
    # Without an enhanced status a missing mailbox looks like a policy, so the address is not suspended at once.
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
"""Idle time up to which a connection is reused without a round trip to check it."""


class _ConnectionSpent(TryLater):
    """The connection takes no more mails, since servers limit their number; a new one may work."""


class SmtpSession:
    """One connection to an SMTP server, for one mail after the other; `mails` counts those sent.

    Its errors tell whether the mail may have been sent.
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
        self._is_between_mails = False
        """True from the server's acceptance of a mail to the beginning of the next one."""
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
            with self._errors_as_not_sent("connect"):
                await self._client.connect()
                await self._greet()
            if self._server.user:
                with self._errors_as_not_sent("login"):
                    await self._client.login(self._server.user, self._password)
        except BaseException:
            self.drop()
            raise

    async def _greet(self) -> None:
        """Say EHLO, which tells the server's limits, before the first mail; HELO where the server does not know EHLO."""
        from aiosmtplib import SMTPHeloError

        if self._client.is_ehlo_or_helo_needed:
            try:
                await self._client.ehlo()
            except SMTPHeloError as error:
                if error.code == _CLOSING:
                    raise
                await self._client.helo()

    async def prepare(self, message: bytes, *, sender: str, recipient: str) -> None:
        """Send all of the mail but its final dot; raises NotSent. Closes the connection when it is cancelled."""
        try:
            await self._prepare(message, sender=sender, recipient=recipient)
        except asyncio.CancelledError:
            self.drop()
            raise

    async def _prepare(self, message: bytes, *, sender: str, recipient: str) -> None:
        self._is_between_mails = False
        size = self._size(message)
        try:
            with self._errors_as_not_sent("sender"):
                await self._client.mail(sender, options=size)
        except TryLater as error:
            if self.mails:
                raise _ConnectionSpent(str(error), wait=error.wait, scope=error.scope) from error
            raise
        with self._errors_as_not_sent("recipient"):
            await self._recipient(recipient)
        with self._errors_as_not_sent("data"):
            reply = await self._client.execute_command(b"DATA")
        if reply.code != _START_INPUT:
            raise self._refused("data", reply.code, reply.message)
        with self._errors_as_not_sent("data"):
            await self._write(_with_dots(message))

    async def _recipient(self, recipient: str) -> None:
        """RCPT TO; unlike the library, accepts 252 and every other positive reply."""
        from aiosmtplib import SMTPRecipientRefused

        try:
            await self._client.rcpt(recipient)
        except SMTPRecipientRefused as error:
            if not _is_yes(error.code):
                raise

    def _size(self, message: bytes) -> list[str]:
        """The SIZE option of MAIL FROM (RFC 1870). Raises TooLarge for a mail over the server's limit."""
        if not self._client.supports_extension("size"):
            return []
        most = size_limit(self._client.esmtp_extensions.get("size", ""))
        if most is not None and len(message) > most:
            raise TooLarge(f"{self._server} takes mails of {most} bytes at most, this one has {len(message)}")
        return [f"SIZE={len(message)}"]

    @property
    def size_limit(self) -> int | None:
        """The largest mail that the server accepts, in bytes; None where it does not say."""
        return size_limit(self._client.esmtp_extensions.get("size", ""))

    async def finish(self) -> None:
        """Send the final dot and read the reply; raises NotSent or OutcomeUnknown."""
        code, text = await self._finish()
        if code >= _FIRST_REFUSAL:
            raise self._refused("content", code, text)
        self.mails += 1
        self._is_between_mails = True

    async def ready(self, idle: float) -> bool:
        """True where the connection, idle for so many seconds, still works and is reset for the next mail."""
        from aiosmtplib import SMTPException

        if self._is_between_mails and idle < _FRESH_SECONDS and self._client.is_connected:
            return True
        with suppress(OSError, SMTPException):
            await self._client.rset()
            return True
        self.drop()
        return False

    async def quit(self) -> None:
        """Say QUIT and close the connection, whether the server answers or not."""
        from aiosmtplib import SMTPException

        with suppress(OSError, SMTPException):
            await self._client.quit(timeout=_QUIT_SECONDS)
        self.drop()

    def drop(self) -> None:
        self._client.close()

    async def _write(self, content: bytes) -> None:
        """Send the mail without its final dot, until all of it has left; then only the dot decides."""
        # aiosmtplib's own data() writes both at once, so that a broken connection would leave every outcome unknown.
        protocol = self._client.protocol
        if protocol is None:
            raise ConnectionResetError("connection lost")
        protocol.write(content)
        async with asyncio.timeout(self._timeout):
            # There is no event for an empty buffer; an ordinary mail has left at the first check.
            while (wire := protocol.transport) and wire.get_write_buffer_size():  # type: ignore[attr-defined]  # noqa: ASYNC110
                await asyncio.sleep(_DRAIN_STEP_SECONDS)
        if not protocol.is_connected:
            raise ConnectionResetError("connection lost")

    async def _finish(self) -> tuple[int, str]:
        """The code and text of the reply to the final dot, positive or negative. Raises OutcomeUnknown without one."""
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
    def _errors_as_not_sent(self, phase: Phase) -> Iterator[None]:
        """Translate errors of the library before the final dot, all of which mean that nothing was sent."""
        from aiosmtplib import SMTPException, SMTPResponseException

        try:
            yield
        except SMTPResponseException as error:
            # A reply to a login may repeat the password, so the cause is not kept.
            raise self._refused(phase, error.code, error.message) from (None if phase == "login" else error)
        except (OSError, SMTPException) as error:
            raise self._connection_error(phase, error) from error

    def _refused(self, phase: Phase, code: int, text: str) -> NotSent:
        if not _FIRST_REFUSAL <= code < _FIRST_BEYOND:
            why = f"{self._server} does not speak SMTP as we know it: {code} {self._said(text)}"
            return ChannelDown(why) if phase in _BEFORE_RECIPIENT else TargetRefuses(why)
        return refusal(phase, code, self._said(text), server=str(self._server))

    def _connection_error(self, phase: Phase, error: Exception) -> NotSent:
        reason = error if isinstance(error, ssl.SSLError) else error.__cause__
        if isinstance(reason, ssl.SSLCertVerificationError):
            return ChannelDown(f"{self._server}: its certificate is not trusted: {reason.verify_message}")
        torn = isinstance(reason, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
        if isinstance(error, OSError) and (torn or not isinstance(reason, ssl.SSLError)):
            scope: Literal["target", "channel"] = "channel" if phase in _BEFORE_RECIPIENT else "target"
            return TryLater(f"{self._server}: {self._said(str(error)) or 'no answer in time'}", scope=scope)
        return ChannelDown(f"{self._server}: {self._said(str(error))}")

    def _said(self, text: str) -> str:
        """The server's text on one line, with our password masked should it be repeated there."""
        for secret in (self._password, base64.b64encode(self._password.encode()).decode()):
            text = text.replace(secret, "***") if secret else text
        return one_line(text, 300)


def _is_yes(code: int) -> bool:
    return 200 <= code < 300  # noqa: PLR2004


def _with_dots(message: bytes) -> bytes:
    """The mail with the dots of its lines doubled (RFC 5321 §4.5.2)."""
    dotted = message.replace(b"\r\n.", b"\r\n..")
    return b"." + dotted if dotted.startswith(b".") else dotted


def size_limit(reply: str) -> int | None:
    """The limit in the value of the SIZE extension; None for 0 and for no value."""
    first = reply.split(maxsplit=1)
    return int(first[0]) or None if first and first[0].isdecimal() else None


MAILS_PER_CONNECTION = 100
IDLE_LIMIT = timedelta(seconds=30)
"""Servers close idle connections after some minutes; an older one is not used again."""
GIVE_UP = timedelta(minutes=2)
"""Limit for a mail up to its final dot, including the wait for a connection. Together with `timeout` for the reply to
the dot this is well below the lease on the mail.
"""

_T = TypeVar("_T")


class SmtpTransport:
    """Sends mails over reused connections, up to `connections` at a time; `tls` replaces the system's trust store."""

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
        self._has_warned = False

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
        """Send the mail; raises a DeliveryError, OutcomeUnknown only after the final dot."""
        deadline = asyncio.get_running_loop().time() + self._give_up
        await self._by(deadline, self._slots.acquire(), scope="channel")
        try:
            session = await self._by(deadline, self._session(), scope="channel")
            try:
                try:
                    await self._by(deadline, session.prepare(message, sender=sender, recipient=recipient))
                except _ConnectionSpent:
                    session.drop()
                    session = await self._by(deadline, self._new_session(), scope="channel")
                    await self._by(deadline, session.prepare(message, sender=sender, recipient=recipient))
                await _begin_or_drop(session, begin)
                await session.finish()
            except NotSent:
                await self._return(session)
                raise
            except BaseException:
                session.drop()
                raise
            await self._return(session)
        finally:
            self._slots.release()

    async def close(self) -> None:
        while self._idle:
            session, _ = self._idle.pop()
            await session.quit()

    async def _by(
        self, deadline: float, work: Awaitable[_T], *, scope: Literal["target", "channel"] = "target"
    ) -> _T:
        """The result of the work. Raises TryLater where it is not done by the deadline."""
        try:
            async with asyncio.timeout_at(deadline) as patience:
                return await work
        except TimeoutError as error:
            if not patience.expired():
                raise
            raise TryLater(
                f"{self._server}: took more than {self._give_up:.0f} s for one mail", scope=scope
            ) from error

    async def _session(self) -> SmtpSession:
        """An idle session that still works, else a new one."""
        while self._idle:
            session, since = self._idle.pop()
            idle = asyncio.get_running_loop().time() - since
            if idle > IDLE_LIMIT.total_seconds():
                await session.quit()
            elif await session.ready(idle):
                return session
        return await self._new_session()

    async def _return(self, session: SmtpSession) -> None:
        """Make the session available for the next mail; close one that has sent enough."""
        if session.mails >= MAILS_PER_CONNECTION:
            await session.quit()
        else:
            self._idle.append((session, asyncio.get_running_loop().time()))

    async def _new_session(self) -> SmtpSession:
        if self._server.security == "none" and not self._has_warned:
            self._has_warned = True
            log.warning("smtp.without_tls", extra={"server": str(self._server)})
        session = SmtpSession(
            self._server,
            password=self._password,
            hello_name=self._hello_name,
            tls=self._tls,
            timeout=self._timeout,
        )
        await session.open()
        return session


async def _begin_or_drop(session: SmtpSession, begin: Begin) -> None:
    """Begin; where that fails close the connection, so that the server drops the mail without its final dot."""
    try:
        await begin()
    except BaseException:
        session.drop()
        raise


_TEMPORARY = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE}


class MaildirTransport:
    """Delivers into `new/` of a Maildir; a mail replaces an earlier one of the same name."""

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
        """Store the mail durably. Raises TryLater for a temporary error such as a full disk, else ChannelDown."""
        await begin()
        try:
            await asyncio.to_thread(self._store, message, name)
        except OSError as error:
            where = f"Maildir {self._path}: {error.strerror or error}"
            if error.errno in _TEMPORARY:
                raise TryLater(where, scope="channel") from error
            raise ChannelDown(f"{where}; make it writable or set email.transport") from error

    async def close(self) -> None:
        """Nothing is held open."""

    def _store(self, message: bytes, name: str) -> None:
        for folder in ("tmp", "new", "cur"):
            atomic_file.private_folder(self._path / folder)
        file_name = f"{name}.paperboy"
        if self._was_read(file_name):
            return
        content = message.replace(b"\r\n", b"\n")
        atomic_file.write(self._path / "new" / file_name, content, draft=self._path / "tmp" / file_name)

    def _was_read(self, file_name: str) -> bool:
        """True where a mail program has moved the mail to `cur/` already, with `:2,FLAGS` added to its name."""
        with os.scandir(self._path / "cur") as entries:
            return any(entry.name.partition(":")[0] == file_name for entry in entries)
