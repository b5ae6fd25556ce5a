"""Email: one mail a message, composed by pure code and handed to a Maildir or an SMTP server."""

from bot.adapters.email.content import EmailSettings
from bot.adapters.email.dkim import DkimSigner, dkim_signer
from bot.adapters.email.mime import Mailbox
from bot.adapters.email.publisher import EmailPublisher, Transport, compose, compose_text, message_id
from bot.adapters.email.transports import MaildirTransport, SmtpServer, SmtpTransport

__all__ = [
    "DkimSigner",
    "EmailPublisher",
    "EmailSettings",
    "Mailbox",
    "MaildirTransport",
    "SmtpServer",
    "SmtpTransport",
    "Transport",
    "compose",
    "compose_text",
    "dkim_signer",
    "message_id",
]
