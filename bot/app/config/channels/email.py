"""Email as a channel of the configuration: how it is built and checked, and where delivery reports arrive."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from bot.adapters.email.servers import SmtpServer
from bot.app.config.addresses import Maildir, parse_mailbox
from bot.app.config.channels.channel_type import (
    ChannelType,
    KeyAndWarning,
    Parts,
    StandIn,
    finding,
    fine,
    shown_path,
    writable_finding,
)
from bot.app.config.settings import Settings
from bot.app.config.validation import Parsed
from bot.domain.channels import ChannelKind
from bot.domain.delivery import State
from bot.domain.errors import DeliveryError
from bot.domain.message import OutgoingMessage
from bot.domain.site import is_loopback
from bot.domain.subscriptions import Subscriber

if TYPE_CHECKING:
    from bot.adapters.email.content import EmailSettings
    from bot.domain.analysis.findings import Finding
    from bot.pipeline.ports import Publisher, ReportBox
    from bot.pipeline.ports.chats import ChatStore

KIND: ChannelKind = "email"
SMTP_CONNECTIONS = 3
"""The number that even the strictest of the large providers allow one sender."""
_PATIENCE_SECONDS = 10.0
_USUAL_MAIL = 102_000
"""Bytes that a long digest may have."""


def _parse(text: str) -> str:
    return parse_mailbox(text).address


MailAddress = Annotated[str, Parsed(_parse, {"type": "string", "pattern": "^[^@]+@[^@]+$"})]


def _build(parts: Parts) -> "Publisher":
    """Mails by SMTP, or into a Maildir."""
    from bot.adapters.email.publisher import EmailPublisher, Transport
    from bot.adapters.email.transports import MaildirTransport, SmtpTransport

    settings = parts.settings
    transport_setting = settings.email.transport
    transport: Transport
    if isinstance(transport_setting, Maildir):
        transport = MaildirTransport(transport_setting.folder)
    else:
        transport = SmtpTransport(
            transport_setting,
            password=settings.email.password.get_secret_value(),
            hello_name=settings.email.sender.domain,
            connections=SMTP_CONNECTIONS,
        )
    return EmailPublisher(_email_settings(settings), transport)


async def _show(message: OutgoingMessage, settings: Settings) -> str:
    from bot.adapters.email.publisher import compose_text

    return compose_text(message, _email_settings(settings))


def _email_settings(settings: Settings) -> "EmailSettings":
    """Sender, site and signature that all mails share."""
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
        site=settings.site.addresses,
        dkim=signer,
        bounces=settings.email.bounces,
    )


def _report_box(settings: Settings) -> "ReportBox | None":
    """The mailbox of delivery reports; None if none is set."""
    box, bounces = settings.email.reports, settings.email.bounces
    if box is None or bounces is None:
        return None
    from bot.adapters.email.reports import ImapReports, MaildirReports

    if isinstance(box, Maildir):
        return MaildirReports(box.folder, bounces)
    return ImapReports(box, bounces, password=settings.email.reports_password.get_secret_value())


def _warnings(settings: Settings, _: Sequence[Subscriber] = ()) -> Iterator[KeyAndWarning]:
    """Warnings about unreachable addresses in mails, if a mail server is set."""
    if not isinstance(settings.email.transport, SmtpServer):
        return
    host = urlsplit(settings.site.url).hostname or ""
    if is_loopback(host) or host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        yield (
            ("site", "url"),
            f"mails will hold links to {settings.site.url}, which no reader can reach: unsubscribing and feeds will "
            "not work; set site.url to the web server's public address",
        )
    sender = settings.email.sender
    if is_loopback(sender.domain):
        yield (
            ("email", "from"),
            f"mails will come from {sender.address}, which servers refuse or put to spam; set email.from to an address of yours",
        )


def _check(settings: Settings, _: Sequence[Subscriber], online: bool) -> Iterator["Finding"]:
    transport = settings.email.transport
    if isinstance(transport, Maildir):
        yield writable_finding(KIND, transport.folder, "the Maildir")
        return
    for key, warning in _warnings(settings):
        yield finding(KIND, ".".join(key), warning)
    if transport.security == "none" and not is_loopback(transport.host):
        yield finding(KIND, "no TLS", f"{transport} is spoken to without TLS; use smtp:// or smtps://")
    if transport.user and not settings.email.password.get_secret_value():
        yield finding(KIND, "no password", f"{transport.user} logs in to {transport} without a password")
    yield fine(KIND, f"mails go to {transport}" + ("" if online else "; not tried (--online)"))


async def _ask(settings: Settings, _: Sequence[Subscriber], __: "ChatStore") -> Sequence["Finding"]:
    """A finding on whether the mail server answers and takes mails of the usual size."""
    transport = settings.email.transport
    if isinstance(transport, Maildir):
        return []
    from bot.adapters.email.transports import SmtpSession

    session = SmtpSession(
        transport,
        password=settings.email.password.get_secret_value(),
        hello_name=settings.email.sender.domain,
        tls=None,
        timeout=_PATIENCE_SECONDS,
    )
    try:
        await session.open()
    except DeliveryError as error:
        return [finding(KIND, "unreachable", f"{transport}: {error}")]
    limit = session.size_limit
    await session.quit()
    size = f" and takes mails of {limit / 1_000_000:g} MB at most" if limit else ""
    small = limit is not None and limit < _USUAL_MAIL
    more = "; larger ones are split" if small else ""
    return [fine(KIND, f"{transport} answers and lets us in{size}{more}")]


def _summary(settings: Settings, states: Mapping[State, int]) -> str:
    mails, held = states.get("sent", 0), states.get("held", 0)
    sent = "1 mail" if mails == 1 else f"{mails} mails"
    folder = f" in {shown_path(settings.maildir)}/new/" if settings.maildir else ""
    waiting = "1 paper waits for its" if held == 1 else f"{held} papers wait for their"
    return f"{sent}{folder}" + (f", {waiting} digest's time" if held else "")


def _stand_in(settings: Settings) -> StandIn | None:
    """The Maildir, while there is no mail server."""
    if settings.maildir is None:
        return None
    return StandIn(
        outcome=f"written to {settings.maildir}, because no mail server is set",
        next_step="email.transport in paperboy.yaml, like smtp://you@your.server:587",
    )


EMAIL = ChannelType(
    "bot.adapters.email.publisher:EmailPublisher",
    "One mail address.",
    build=_build,
    form=MailAddress,
    show=_show,
    warnings=_warnings,
    check=_check,
    ask=_ask,
    summary=_summary,
    stand_in=_stand_in,
    report_box=_report_box,
)
