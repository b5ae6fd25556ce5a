"""Mail servers: one that takes mails by SMTP, and a folder on one that delivery reports are read from by IMAP."""

from dataclasses import dataclass
from typing import Literal

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SmtpServer:
    """A mail server; `security` is required of the connection: one that lacks it is not used."""

    host: str
    port: int
    security: Security
    user: str | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ImapFolder:
    """A folder on an IMAP server, reached by implicit TLS."""

    host: str
    port: int
    user: str
    folder: str

    def __str__(self) -> str:
        return f"imaps://{self.host}:{self.port}/{self.folder}"
