"""`paperboy doctor`: findings on sources, subscriptions and channels."""

import errno
import os
import sys
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.app.cli.context import (
    NEEDS_A_LOOK,
    ConfigOption,
    JsonOption,
    everybody,
    load,
    open_state,
    say,
    say_json,
)
from bot.app.cli.fetch import fetcher_of
from bot.app.cli.terminal import Style, style_of
from bot.domain.errors import DeliveryError, TryLater
from bot.domain.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bot.adapters.telegram.client import BotClient
    from bot.app.config.settings import Settings
    from bot.domain.incidents import Finding, Incident
    from bot.domain.message import AlarmText
    from bot.domain.subscriptions import Subscriber
    from bot.pipeline.ports.chats import ChatStore
    from bot.pipeline.ports.outbox import Counts, DeliveryRecord

_AREAS = ("sources", "subscriptions", "channels")
_PATIENCE_SECONDS = 10.0
_CHATS_ASKED = 50
"""Chats that are asked for the bot's rights; more would take too long."""
_TRIED_BYTES = 65_536
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_USUAL_MAIL = 102_000
"""Bytes that a long digest may have."""


def doctor(
    context: typer.Context,
    online: Annotated[
        bool,
        typer.Option("--online", help="Also ask Telegram and the mail server."),
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Find problems with sources, subscriptions and channels.

    Exit 1 if something needs a look (marked !).
    """
    settings, subscribers = load(context, config)
    findings = list(_examined(settings, subscribers, online=online))
    if as_json:
        say_json(doctor_json(findings))
    else:
        for line in doctor_lines(findings, style_of(sys.stdout)):
            say(line)
    return NEEDS_A_LOOK if any(finding.urgent for finding in findings) else 0


def _examined(
    settings: "Settings", subscribers: "Sequence[Subscriber]", *, online: bool
) -> "Iterator[Finding]":
    from bot.adapters.clock import SystemClock
    from bot.app.cli.status import failing_targets
    from bot.app.config.cross_checks import unseen_topics
    from bot.domain.matcher import SubscriptionMatcher
    from bot.domain.sources import undigested_findings
    from bot.pipeline.doctor import Doctor
    from bot.pipeline.subscribers import SimilarityCache

    with open_state(settings) as store:
        now = SystemClock().now()
        subscribers = everybody(store, subscribers)
        matcher = SubscriptionMatcher(subscribers, SimilarityCache(store.papers))
        look = Doctor(store.digests, store.papers, matcher, now.date())
        counts = store.deliveries.counts(now)
        yield from reading_findings(counts)
        yield from look.sources()
        fetcher = fetcher_of(settings, store)
        yield from fetcher.findings()
        yield from undigested_findings(
            fetcher.states().values(), [digest.name for digest in store.digests.all()]
        )
        yield from look.subscriptions()
        yield from channel_findings(settings, subscribers, online=online)
        yield from stop_findings(counts)
        yield from failing_findings(failing_targets(store.deliveries))
        yield from incident_findings(store.incidents.open_incidents())
        yield from alarm_findings(store.deliveries.unsent_alarms())
        for target, why in unseen_topics(subscribers, store.chats).items():
            yield _finding(target, "topic", why)
        if online:
            import asyncio  # every other command starts without it

            yield from asyncio.run(online_findings(settings, subscribers, store.chats))


def doctor_json(findings: "Sequence[Finding]") -> dict[str, Any]:
    """The findings as JSON, by area."""
    return {
        "needs_a_look": any(finding.urgent for finding in findings),
        **{
            area: [
                {
                    "kind": finding.kind,
                    "subject": finding.subject,
                    "what": finding.what,
                    "urgent": finding.urgent,
                    **({"figures": dict(finding.figures)} if finding.figures else {}),
                }
                for finding in findings
                if finding.area == area
            ]
            for area in _AREAS
        },
    }


def doctor_lines(findings: "Sequence[Finding]", style: Style) -> list[str]:
    """Lines on the findings by area, the urgent ones first."""
    lines: list[str] = []
    for area in _AREAS:
        lines += [*([""] if lines else []), style.strong(area)]
        in_area = sorted(
            (finding for finding in findings if finding.area == area), key=lambda finding: not finding.urgent
        )
        lines += [_line(finding, style) for finding in in_area] or ["  nothing to say"]
    urgent = sum(finding.urgent for finding in findings)
    verdict = f"{urgent} need{'s' if urgent == 1 else ''} a look (marked !)" if urgent else "all is well"
    return [*lines, "", verdict]


def _line(finding: "Finding", style: Style) -> str:
    mark, subject = (
        ("!", style.strong(finding.subject)) if finding.urgent else (" ", printable(finding.subject))
    )
    return f"{mark} {subject}: {printable(finding.what)}"


def channel_findings(
    settings: "Settings", subscribers: "Sequence[Subscriber]", *, online: bool
) -> "Iterator[Finding]":
    """Findings from settings, environment and folders, without asking a service."""
    from bot.adapters.proxies import network_fault

    if (settings.sends_telegram or settings.sources) and (fault := network_fault()):
        yield _finding("network", "unusable", fault)
    yield from _telegram(settings, subscribers, online=online)
    yield from _email(settings, online=online)
    yield from _folders(settings)


def reading_findings(counts: "Counts") -> "Iterator[Finding]":
    """A finding if no digest has been read yet."""
    from bot.domain.incidents import Finding

    if not counts.digests:
        what = "none has been read yet; `paperboy once` reads the watched folders"
        yield Finding(
            area="sources", kind="nothing read", subject="digests", what=what, urgent=False, figures={}
        )


def stop_findings(counts: "Counts") -> "Iterator[Finding]":
    """Findings: stopped channels and suspended targets."""
    for kind, stop in counts.stopped.items():
        yield _finding(kind, "stopped", f"stopped since {stop.since:%Y-%m-%d %H:%M} UTC: {stop.reason}")
    for target, why in sorted(counts.suspended.items()):
        yield _finding(target, "suspended", f"gets nothing more: {why}", urgent=False)


def incident_findings(incidents: "Iterable[Incident]") -> "Iterator[Finding]":
    """Findings: open incidents of channels and targets, except the stops in `stop_findings`."""
    from bot.domain.incidents import STOPPED

    for incident in incidents:
        if incident.area == "channels" and incident.kind != STOPPED:
            since = f"since {incident.since:%Y-%m-%d %H:%M} UTC"
            yield _finding(incident.subject, incident.kind, f"{incident.kind} {since}: {incident.what}")


def failing_findings(failing: "Mapping[str, DeliveryRecord]") -> "Iterator[Finding]":
    """Findings: targets whose deliveries failed and are tried again."""
    for target, row in failing.items():
        tries = f"{row.attempts} {'try' if row.attempts == 1 else 'tries'}"
        yield _finding(target, "tried again", f"{tries} so far: {row.error}", urgent=False)


def alarm_findings(unsent: "Iterable[tuple[DeliveryRecord, AlarmText]]") -> "Iterator[Finding]":
    """Findings: alarms that may not have arrived."""
    for alarm, text in unsent:
        if alarm.state in ("uncertain", "dead"):
            yield _finding(alarm.target, "alarm", f"{text.subject!r} is {alarm.state}: {alarm.error}")


async def online_findings(
    settings: "Settings", subscribers: "Sequence[Subscriber]", chats: "ChatStore"
) -> "Iterator[Finding]":
    """Findings from Telegram, whose answers are kept in `chats`, and from the mail server."""
    return iter([*await _bot_answers(settings, subscribers, chats), *await _server_answers(settings)])


def _telegram(
    settings: "Settings", subscribers: "Sequence[Subscriber]", *, online: bool
) -> "Iterator[Finding]":
    from bot.app.config.addresses import is_bot_token
    from bot.app.config.cross_checks import sample_fault, token_warning

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
        yield _fine(
            "telegram", "a token is set" + ("" if online else "; whether it is taken is not tried (--online)")
        )


def _email(settings: "Settings", *, online: bool) -> "Iterator[Finding]":
    from bot.app.config.addresses import Maildir
    from bot.app.config.cross_checks import mail_warnings

    transport = settings.email.transport
    if isinstance(transport, Maildir):
        yield from _writable("email", transport.folder, "the Maildir")
        return
    for key, warning in mail_warnings(settings):
        yield _finding("email", ".".join(key), warning)
    server = f"{transport.host}:{transport.port}"
    if transport.encryption == "none" and not _is_local(transport.host):
        yield _finding("email", "no TLS", f"{server} is spoken to without TLS; use smtp:// or smtps://")
    if transport.user and not settings.email.password.get_secret_value():
        yield _finding("email", "no password", f"{transport.user} logs in to {server} without a password")
    yield _fine("email", f"mails go to {server}" + ("" if online else "; not tried (--online)"))


def _is_local(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _folders(settings: "Settings") -> "Iterator[Finding]":
    from bot.app.cli.status import unusable_entries

    yield from _writable("atom", settings.atom.folder, "the folder of the feeds")
    state = settings.sqlite_file
    if state is not None:
        yield from _writable("state", state.parent, "the folder of the state")
    for folder in settings.watch.folders:
        if not folder.is_dir():
            yield _finding("watch", "missing", f"the watched folder {folder} is not there")
        elif not os.access(folder, os.R_OK | os.X_OK):
            yield _finding("watch", "rights", f"the watched folder {folder} may not be read; chmod u+rx it")
    missing = {str(folder) for folder in settings.watched}
    for name, what in unusable_entries(settings).items():
        if name not in missing:
            yield _finding("watch", "unreadable", f"{name}: {what}")


def _writable(subject: str, folder: Path, what: str) -> "Iterator[Finding]":
    """A finding on whether the folder, or the nearest existing one above it, is writable; writes a temporary file."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        yield _finding(subject, "rights", f"{existing} is no folder, so {what} cannot be there")
        return
    try:
        with TemporaryFile(dir=existing, prefix=".paperboy-") as file:
            file.write(bytes(_TRIED_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        remedy = "make room on that disk" if error.errno in _NO_ROOM else f"chmod u+wx {existing}"
        yield _finding(subject, "rights", f"{what}, {folder}, cannot be written to ({why}); {remedy}")
    else:
        yield _fine(subject, f"{what}, {folder}, is writable (a file was written there)")


async def _bot_answers(
    settings: "Settings", subscribers: "Sequence[Subscriber]", chats: "ChatStore"
) -> "list[Finding]":
    if not settings.sends_telegram:
        return []
    from bot.adapters.telegram.client import BotClient

    client = BotClient(settings.telegram.token.get_secret_value(), api_url=settings.telegram.api_url)
    try:
        known = _fine("telegram", f"the service knows the bot as @{await client.username()}")
        return [known, *await _chat_rights(client, subscribers, chats)]
    except DeliveryError as error:
        return [_finding("telegram", "refused", str(error))]
    finally:
        await client.close()


async def _chat_rights(
    client: "BotClient", subscribers: "Sequence[Subscriber]", chats: "ChatStore"
) -> "list[Finding]":
    """Findings on the rights of the bot in each configured chat."""
    from bot.adapters.telegram.client import parse_address

    channels = {
        channel.target: channel
        for subscriber in subscribers
        for channel in subscriber.channels
        if channel.kind == "telegram"
    }
    findings: list[Finding] = []
    for key, channel in list(channels.items())[:_CHATS_ASKED]:
        try:
            chat = parse_address(channel.address).id
            facts = await client.chat_facts(chat)
            chats.keep_chat_facts(chat, facts)
        except TryLater as error:
            return [
                *findings,
                _finding("telegram", "rights", f"not all chats were asked: {error}", urgent=False),
            ]
        except DeliveryError as error:
            findings.append(_finding(key, "rights", f"the bot cannot write there: {error}"))
            continue
        if not facts.messages:
            findings.append(_finding(key, "rights", "the bot may not write there; make it an administrator"))
        elif channel.quizzes != "none" and not facts.polls:
            what = "polls are not allowed in this chat; allow them there, or set `quizzes: false`"
            findings.append(_finding(key, "rights", what))
    return findings


async def _server_answers(settings: "Settings") -> "list[Finding]":
    from bot.app.config.addresses import Maildir

    transport = settings.email.transport
    if isinstance(transport, Maildir):
        return []
    from bot.adapters.email.transports import SmtpServer, SmtpSession

    session = SmtpSession(
        SmtpServer(
            host=transport.host, port=transport.port, security=transport.encryption, user=transport.user
        ),
        password=settings.email.password.get_secret_value(),
        hello_name=settings.email.sender.address.rpartition("@")[2],
        tls=None,
        timeout=_PATIENCE_SECONDS,
    )
    try:
        await session.open()
    except DeliveryError as error:
        return [_finding("email", "unreachable", f"{transport.host}:{transport.port}: {error}")]
    limit = session.size_limit
    await session.quit()
    size = f" and takes mails of {limit / 1_000_000:g} MB at most" if limit else ""
    small = limit is not None and limit < _USUAL_MAIL
    more = "; larger ones are split" if small else ""
    return [_fine("email", f"{transport.host}:{transport.port} answers and lets us in{size}{more}")]


def _finding(subject: str, kind: str, what: str, *, urgent: bool = True) -> "Finding":
    from bot.domain.incidents import Finding

    return Finding(area="channels", kind=kind, subject=subject, what=what, urgent=urgent, figures={})


def _fine(subject: str, what: str) -> "Finding":
    return _finding(subject, "fine", what, urgent=False)
