"""A real SMTP server on loopback whose answers can be set, phase by phase, and that can hang up at any point."""

# ruff: noqa: N802 - aiosmtpd finds the commands by these names

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from aiosmtpd.smtp import SMTP, AuthResult

Phase = Literal["connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "content"]

HANG_UP = "hang up"
"""Instead of a reply: close the connection. In `content` the mail was taken first."""
HANG_UP_IN_BODY = "hang up in the body"
"""In `data`: ask for the mail, and close the connection after its first line."""

SILENCE = "silence"
"""Instead of a reply: say nothing, and keep the connection."""


@dataclass(frozen=True)
class TakenMail:
    sender: str
    recipient: str
    content: bytes
    over_tls: bool
    user: str | None


class SmtpRig:
    """Takes mails (`mails`); counts connections and commands (`counts`); plays the replies it was given once each."""

    def __init__(
        self,
        *,
        security: Literal["starttls", "tls", "none"] = "none",
        tls: ssl.SSLContext | None = None,
        password: str | None = None,
        size: int | None = None,
    ) -> None:
        """`size` is the largest mail that the server says it takes."""
        self.mails: list[TakenMail] = []
        self.counts: Counter[str] = Counter()
        self.security = security
        self._tls = tls
        self._password = password
        self.size = size
        self._replies: dict[str, deque[str]] = defaultdict(deque)
        self._server: asyncio.Server | None = None
        self._sessions: list[_Session] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._session, "127.0.0.1", 0, ssl=self._tls if self.security == "tls" else None
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for session in self._sessions:
            if session.transport is not None:
                session.transport.abort()
        await asyncio.sleep(0)

    @property
    def port(self) -> int:
        assert self._server is not None
        return self._server.sockets[0].getsockname()[1]

    def answer(self, phase: Phase, *replies: str) -> None:
        """The next times that phase is reached, one reply each; after them it goes on as usual."""
        self._replies[phase].extend(replies)

    def played(self, phase: str) -> str | None:
        self.counts[phase] += 1
        return self._replies[phase].popleft() if self._replies[phase] else None

    def _session(self) -> "_Session":
        session = _Session(self, self._tls if self.security == "starttls" else None, self._password)
        self._sessions.append(session)
        return session


class _Session(SMTP):
    def __init__(self, rig: SmtpRig, tls: ssl.SSLContext | None, password: str | None) -> None:
        super().__init__(
            self,
            hostname="rig.example",
            ident="ready",
            tls_context=tls,
            loop=asyncio.get_running_loop(),
            authenticator=self._authenticate,
            auth_require_tls=rig.security != "tls",
            data_size_limit=rig.size,
        )
        self._rig = rig
        self._expected = password
        self._user: str | None = None
        self._gone = False
        self._greeted = False

    def _authenticate(self, *args: Any) -> AuthResult:
        login = args[-1]
        self._user = login.login.decode()
        return AuthResult(success=login.password.decode() == self._expected, handled=False)

    async def push(self, status: Any) -> None:
        if not self._greeted:
            self._greeted = True
            played = self._rig.played("connect")
            if played == HANG_UP:
                self._hang_up()
            status = played or status
        if not self._gone:
            await super().push(status)

    def _hang_up(self) -> None:
        self._gone = True
        assert self.transport is not None
        self.transport.abort()

    async def _intercepted(self, phase: Phase) -> str | None:
        played = self._rig.played(phase)
        if played == HANG_UP:
            self._hang_up()
        elif played == HANG_UP_IN_BODY:
            await self.push("354 go on")
            await self._reader.readline()
            self._hang_up()
        elif played is not None and played != SILENCE:
            await self.push(played)
        return played

    async def smtp_EHLO(self, arg: str) -> None:
        if not await self._intercepted("ehlo"):
            await super().smtp_EHLO(arg)

    async def smtp_STARTTLS(self, arg: str) -> None:
        if not await self._intercepted("starttls"):
            await super().smtp_STARTTLS(arg)

    async def smtp_AUTH(self, arg: str) -> None:
        if not await self._intercepted("auth"):
            await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg: str | None) -> None:
        if not await self._intercepted("mail"):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str | None) -> None:
        played = await self._intercepted("rcpt")
        if played is None:
            await super().smtp_RCPT(arg)
        elif played.startswith("2"):
            self.envelope.rcpt_tos.append((arg or "").removeprefix("TO:").strip("<>"))

    async def smtp_DATA(self, arg: str) -> None:
        if not await self._intercepted("data"):
            await super().smtp_DATA(arg)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        played = self._rig.played("content")
        if played is None or played == HANG_UP or played.startswith("2"):
            assert len(envelope.rcpt_tos) == 1
            self._rig.mails.append(
                TakenMail(
                    sender=envelope.mail_from,
                    recipient=envelope.rcpt_tos[0],
                    content=envelope.original_content,
                    over_tls=self.session.ssl is not None or self._rig.security == "tls",
                    user=self._user,
                )
            )
        if played == HANG_UP:
            self._hang_up()
        return played or "250 2.0.0 taken"


@dataclass(frozen=True)
class TlsPair:
    """A server's side with a certificate of its own for 127.0.0.1, and a client's side that trusts only that."""

    server: ssl.SSLContext
    client: ssl.SSLContext


def self_signed(folder: Path) -> TlsPair:
    """A pair whose certificate was made just now; `folder` is where its files may lie."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    start = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=3))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    both = folder / "server.pem"
    pem = serialization.Encoding.PEM
    both.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(both)
    client = ssl.create_default_context(cadata=certificate.public_bytes(pem).decode())
    return TlsPair(server, client)
