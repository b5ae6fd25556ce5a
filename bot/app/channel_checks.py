"""The ways out and the folders, looked at: what is set, what may be written, and if asked what answers."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot.app.config.addresses import Maildir, is_bot_token
from bot.app.config.cross_checks import mail_warnings, sample_fault, token_warning
from bot.app.config.settings import Settings
from bot.domain.alarms import STOPPED
from bot.domain.errors import DeliveryError
from bot.domain.search.checkup import Finding
from bot.domain.subscriptions import Subscriber

if TYPE_CHECKING:
    from bot.domain.alarms import Incident
    from bot.pipeline.ports import Counts, Row
    from bot.pipeline.ports.alarms import UntoldBulletin

_PATIENCE_SECONDS = 10.0


def channel_findings(settings: Settings, subscribers: Sequence[Subscriber]) -> Iterator[Finding]:
    """What can be said without asking any service."""
    yield from _telegram(settings, subscribers)
    yield from _email(settings)
    yield from _folders(settings)


def reading_findings(counts: "Counts") -> Iterator[Finding]:
    """That there is nothing yet to judge sources and subscriptions by."""
    if not counts.digests:
        what = "none has been read yet; `paperboy once` reads the watched folders"
        yield Finding(
            area="sources", kind="nothing read", subject="digests", what=what, urgent=False, figures={}
        )


def life_findings(counts: "Counts") -> Iterator[Finding]:
    """Channels that are stopped and places that are suspended."""
    for kind, stop in counts.stopped.items():
        yield _finding(kind, "stopped", f"stopped since {stop.since:%Y-%m-%d %H:%M} UTC: {stop.reason}")
    for target, why in sorted(counts.suspended.items()):
        yield _finding(target, "suspended", f"gets nothing more: {why}", urgent=False)


def incident_findings(incidents: "Iterable[Incident]") -> Iterator[Finding]:
    """What is wrong with channels and places, but for what `life_findings` tells."""
    for one in incidents:
        if one.area == "channels" and one.kind != STOPPED:
            since = f"since {one.since:%Y-%m-%d %H:%M} UTC"
            yield _finding(one.source, one.kind, f"{one.kind} {since}: {one.what}")


def failing_findings(failing: "Mapping[str, Row]") -> Iterator[Finding]:
    """Places that did not take their messages so far and are tried again."""
    for target, row in failing.items():
        tries = f"{row.attempts} {'try' if row.attempts == 1 else 'tries'}"
        yield _finding(target, "tried again", f"{tries} so far: {row.error}", urgent=False)


def untold_findings(untold: "Iterable[UntoldBulletin]") -> Iterator[Finding]:
    """Alarms that did not arrive for sure."""
    for one in untold:
        if one.state in ("uncertain", "dead"):
            yield _finding(one.target, "alarm", f"{one.subject!r} is {one.state}: {one.error}")


async def online_findings(settings: Settings) -> Iterator[Finding]:
    """What the services answer."""
    found = [*await _bot_answers(settings), *await _server_answers(settings)]
    return iter(found)


def _telegram(settings: Settings, subscribers: Sequence[Subscriber]) -> Iterator[Finding]:
    token = settings.telegram.token.get_secret_value()
    if fault := sample_fault(settings, subscribers):
        yield _finding("telegram", "sample people", fault)
    if warning := token_warning(settings, subscribers):
        yield _finding("telegram", "no token", warning, urgent=False)
    elif not token:
        folder = settings.previews_folder
        yield _finding("telegram", "no token", f"messages are kept as previews in {folder}", urgent=False)
    elif not is_bot_token(token):
        yield _finding("telegram", "token", "this is no bot token; @BotFather gives one like 123456789:AAE…")
    else:
        yield _fine("telegram", "a token is set; whether it is taken is not tried (--online)")


def _email(settings: Settings) -> Iterator[Finding]:
    way = settings.email.transport
    if isinstance(way, Maildir):
        yield from _writable("email", way.folder, "the Maildir")
        return
    for key, warning in mail_warnings(settings):
        yield _finding("email", ".".join(key), warning)
    place = f"{way.host}:{way.port}"
    if way.encryption == "none" and not _is_local(way.host):
        yield _finding("email", "no TLS", f"{place} is spoken to without TLS; use smtp:// or smtps://")
    if way.user and not settings.email.password.get_secret_value():
        yield _finding("email", "no password", f"{way.user} logs in to {place} without a password")
    yield _fine("email", f"mails go to {place}; not tried (--online)")


def _is_local(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _folders(settings: Settings) -> Iterator[Finding]:
    yield from _writable("atom", settings.atom.folder, "the folder of the feeds")
    state = settings.sqlite_file
    if state is not None:
        yield from _writable("state", state.parent, "the folder of the state")
    for folder in settings.watch.folders:
        if not folder.is_dir():
            yield _finding("watch", "missing", f"the watched folder {folder} is not there")
        elif not os.access(folder, os.R_OK | os.X_OK):
            yield _finding("watch", "rights", f"the watched folder {folder} may not be read; chmod u+rx it")


def _writable(subject: str, folder: Path, what: str) -> Iterator[Finding]:
    """Whether the folder, or where it is not there yet the one above it, may be written."""
    existing = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not existing.is_dir():
        yield _finding(subject, "rights", f"{existing} is no folder, so {what} cannot be there")
    elif not os.access(existing, os.W_OK | os.X_OK):
        yield _finding(subject, "rights", f"{what}, {folder}, may not be written; chmod u+wx {existing}")
    else:
        yield _fine(subject, f"{what}, {folder}, is writable")


async def _bot_answers(settings: Settings) -> list[Finding]:
    if not settings.sends_telegram:
        return []
    from bot.adapters.telegram.client import BotClient

    client = BotClient(settings.telegram.token.get_secret_value(), api_url=settings.telegram.api_url)
    try:
        return [_fine("telegram", f"the service knows the bot as @{await client.username()}")]
    except DeliveryError as error:
        return [_finding("telegram", "refused", f"the service does not take the token: {error}")]
    finally:
        await client.close()


async def _server_answers(settings: Settings) -> list[Finding]:
    way = settings.email.transport
    if isinstance(way, Maildir):
        return []
    from bot.adapters.email.transports import SmtpServer, SmtpSession

    dialogue = SmtpSession(
        SmtpServer(host=way.host, port=way.port, security=way.encryption, user=way.user),
        password=settings.email.password.get_secret_value(),
        hello_name=settings.email.sender.address.rpartition("@")[2],
        tls=None,
        timeout=_PATIENCE_SECONDS,
    )
    try:
        await dialogue.open()
    except DeliveryError as error:
        return [_finding("email", "unreachable", f"{way.host}:{way.port}: {error}")]
    await dialogue.quit()
    return [_fine("email", f"{way.host}:{way.port} answers and lets us in")]


def _finding(subject: str, kind: str, what: str, *, urgent: bool = True) -> Finding:
    return Finding(area="channels", kind=kind, subject=subject, what=what, urgent=urgent, figures={})


def _fine(subject: str, what: str) -> Finding:
    return _finding(subject, "fine", what, urgent=False)
