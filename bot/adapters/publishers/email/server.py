"""Which SMTP server the mails go to, and how the way there is kept private."""

from dataclasses import dataclass
from typing import Literal

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SmtpServer:
    """A host and port; `security` is what the connection must have, never a wish."""

    host: str
    port: int
    security: Security
    user: str | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
