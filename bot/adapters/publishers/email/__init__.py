"""Email: one well-set message per parcel, composed by pure code and handed to a Maildir or an SMTP server."""

from bot.adapters.publishers.email.compose import compose, compose_text, message_id
from bot.adapters.publishers.email.dkim import DkimSigner, dkim_signer
from bot.adapters.publishers.email.maildir import MaildirTransport
from bot.adapters.publishers.email.publisher import EmailPublisher, Transport
from bot.adapters.publishers.email.server import SmtpServer
from bot.adapters.publishers.email.settings import EmailSettings
from bot.adapters.publishers.email.smtp import SmtpTransport

__all__ = [
    "DkimSigner",
    "EmailPublisher",
    "EmailSettings",
    "MaildirTransport",
    "SmtpServer",
    "SmtpTransport",
    "Transport",
    "compose",
    "compose_text",
    "dkim_signer",
    "message_id",
]
