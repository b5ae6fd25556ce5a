"""The ways out that the settings describe."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.app.config.addresses import Maildir
from bot.app.config.settings import Settings
from bot.domain.delivery import Parcel, Target
from bot.domain.pacing import Limit
from bot.domain.subscriptions import ChannelKind
from bot.pipeline.dispatch import Rules
from bot.pipeline.pace import Limits
from bot.pipeline.ports import Publisher

if TYPE_CHECKING:
    from bot.adapters.email.content import EmailSettings

_MARGIN = timedelta(milliseconds=2)
OVERALL = Limit(most=30, span=timedelta(seconds=1) + _MARGIN)
PRIVATE = Limit(most=1, span=timedelta(seconds=1) + _MARGIN)
CROWD = Limit(most=20, span=timedelta(minutes=1) + _MARGIN)
"""Telegram's pace over all chats, in a private one, and in a group or channel."""
SMTP_CONNECTIONS = 3
"""As many as even the strictest of the large providers allow one sender."""


def publishers(settings: Settings) -> Mapping[ChannelKind, Publisher]:
    """One for each channel that speaks to a service; feeds are written by the pipeline itself."""
    return {"telegram": telegram(settings), "email": email(settings)}


def telegram(settings: Settings) -> Publisher:
    """The bot, or without a token a folder of previews."""
    from bot.adapters.telegram.preview import PreviewPublisher
    from bot.adapters.telegram.publisher import TelegramPublisher

    if not settings.sends_telegram:
        return PreviewPublisher(settings.previews_folder)
    return TelegramPublisher(
        settings.telegram.token.get_secret_value(),
        api_url=settings.telegram.api_url,
    )


def email(settings: Settings) -> Publisher:
    """Mails by SMTP, or into a Maildir."""
    from bot.adapters.email.publisher import EmailPublisher, Transport
    from bot.adapters.email.transports import MaildirTransport, SmtpServer, SmtpTransport

    way = settings.email.transport
    transport: Transport
    if isinstance(way, Maildir):
        transport = MaildirTransport(way.folder)
    else:
        transport = SmtpTransport(
            SmtpServer(host=way.host, port=way.port, security=way.encryption, user=way.user),
            password=settings.email.password.get_secret_value(),
            hello_name=settings.email.sender.address.rpartition("@")[2],
            connections=SMTP_CONNECTIONS,
        )
    return EmailPublisher(email_settings(settings), transport)


def email_settings(settings: Settings) -> "EmailSettings":
    """What every mail has in common."""
    from bot.adapters.email.content import EmailSettings
    from bot.adapters.email.dkim import dkim_signer

    dkim = settings.email.dkim
    signer = (
        dkim_signer(domain=dkim.domain, selector=dkim.selector, pem=dkim.key.get_secret_value().encode())
        if dkim.is_on
        else None
    )
    return EmailSettings(
        sender=settings.email.sender,
        site_title=settings.site.title,
        site_url=settings.site.url,
        dkim=signer,
    )


def rules(settings: Settings) -> Rules:
    """What the settings say about sending."""
    resend: frozenset[ChannelKind] = frozenset(
        {"telegram"} if settings.telegram.on_uncertain == "resend" else ()
    )
    return Rules(
        resend_uncertain=resend,
        limits=TELEGRAM_LIMITS if settings.sends_telegram else Limits(),
        at_once={} if settings.maildir else {"email": SMTP_CONNECTIONS},
    )


def _limit(target: Target) -> Limit | None:
    if target.kind != "telegram":
        return None
    return PRIVATE if target.address.isdigit() else CROWD


def _lane(target: Target) -> str:
    """The chat: its topics share one pace."""
    return target.key.partition("/")[0] if target.kind == "telegram" else target.key


TELEGRAM_LIMITS = Limits(overall={"telegram": OVERALL}, of=_limit, lane=_lane)


async def shown(parcel: Parcel, settings: Settings) -> str:
    """A message as people will see it, for a terminal."""
    if parcel.target.kind == "email":
        from bot.adapters.email.publisher import compose_text

        return compose_text(parcel, email_settings(settings))
    from bot.adapters.telegram.preview import PreviewPublisher

    texts: list[str] = []
    await PreviewPublisher(show=lambda preview: texts.append(preview.text())).send(parcel)
    return "\n".join(texts)
