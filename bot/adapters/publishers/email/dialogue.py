"""One connection to an SMTP server: every way in which it can fail, told apart by whether the mail may have gone out."""

import asyncio
import base64
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bot.adapters.publishers.email.replies import Phase, refusal
from bot.adapters.publishers.email.server import SmtpServer
from bot.domain.errors import ChannelDown, NotSent, OutcomeUnknown, TryLater
from bot.domain.text import one_line

_START_INPUT = 354
_FIRST_REFUSAL, _FIRST_BEYOND = 400, 600
_QUIT_SECONDS = 5.0
_DRAIN_STEP_SECONDS = 0.01
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)


class Dialogue:
    """A connection that carries one mail after the other; `mails` counts them."""

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
            if self._server.user:
                with self._nothing_sent("login"):
                    await self._client.login(self._server.user, self._password)
        except BaseException:
            self.drop()
            raise

    async def prepare(self, message: bytes, *, sender: str, recipient: str) -> None:
        """All of the mail but its final dot; raises NotSent. When it is cancelled, the connection is given up."""
        try:
            await self._prepare(message, sender=sender, recipient=recipient)
        except asyncio.CancelledError:
            self.drop()
            raise

    async def _prepare(self, message: bytes, *, sender: str, recipient: str) -> None:
        size = [f"SIZE={len(message)}"] if self._client.supports_extension("size") else []
        with self._nothing_sent("sender"):
            await self._client.mail(sender, options=size)
        with self._nothing_sent("recipient"):
            await self._client.rcpt(recipient)
        with self._nothing_sent("data"):
            reply = await self._client.execute_command(b"DATA")
        if reply.code != _START_INPUT:
            raise self._refused("data", reply.code, reply.message)
        with self._nothing_sent("data"):
            await self._write(_LEADING_DOT.sub(b"..", message))

    async def finish(self) -> None:
        """The final dot and its answer; raises NotSent or OutcomeUnknown."""
        code, text = await self._finish()
        if not code < _FIRST_REFUSAL:
            raise self._refused("content", code, text)
        self.mails += 1

    async def ready(self) -> bool:
        """True where the server is still there and has forgotten what came before."""
        from aiosmtplib import SMTPException

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
            raise TryLater(f"{self._server}: connection lost", scope="channel")
        try:
            protocol.write(b".\r\n")
            code, text = await protocol.read_response(timeout=self._timeout)
        except (OSError, SMTPException) as error:
            said = error.message if isinstance(error, SMTPResponseException) else str(error)
            raise OutcomeUnknown(
                f"{self._server}: no answer to a whole mail was seen: {self._said(said)}"
            ) from error
        if not (200 <= code < 300 or _FIRST_REFUSAL <= code < _FIRST_BEYOND):  # noqa: PLR2004
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
            raise self._broken(error) from error

    def _refused(self, phase: Phase, code: int, text: str) -> NotSent:
        if not _FIRST_REFUSAL <= code < _FIRST_BEYOND:
            return ChannelDown(f"{self._server} does not speak SMTP as we know it: {code} {self._said(text)}")
        return refusal(phase, code, self._said(text), server=str(self._server))

    def _broken(self, error: Exception) -> NotSent:
        reason = error if isinstance(error, ssl.SSLError) else error.__cause__
        if isinstance(reason, ssl.SSLCertVerificationError):
            return ChannelDown(f"{self._server}: its certificate is not trusted: {reason.verify_message}")
        torn = isinstance(reason, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
        if isinstance(error, OSError) and (torn or not isinstance(reason, ssl.SSLError)):
            return TryLater(
                f"{self._server}: {self._said(str(error)) or 'no answer in time'}", scope="channel"
            )
        return ChannelDown(f"{self._server}: {self._said(str(error))}")

    def _said(self, text: str) -> str:
        """What the server said, on one line, without our password should it have been repeated."""
        for secret in (self._password, base64.b64encode(self._password.encode()).decode()):
            text = text.replace(secret, "***") if secret else text
        return one_line(text, 300)
