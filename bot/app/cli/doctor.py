"""`paperboy doctor`: findings on sources, subscriptions and channels."""

import os
import sys
from itertools import chain
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
from bot.domain.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bot.app.config.settings import Settings
    from bot.domain.analysis.findings import Finding
    from bot.domain.incidents import Incident
    from bot.domain.message import WrittenText
    from bot.domain.subscriptions import Subscriber
    from bot.pipeline.ports.chats import ChatStore
    from bot.pipeline.ports.outbox import Counts, DeliveryRecord

_AREAS = ("sources", "subscriptions", "channels")


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
    from bot.app.config.channels.channel_type import finding
    from bot.app.config.channels.telegram import unseen_topics
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
            yield finding(target, "topic", why)
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
    from bot.app.config.channels import CHANNELS
    from bot.app.config.channels.channel_type import finding

    if (settings.sends_telegram or settings.sources) and (fault := network_fault()):
        yield finding("network", "unusable", fault)
    for channel in CHANNELS.values():
        yield from channel.checked(settings, subscribers, online=online)
    yield from _folders(settings)


def reading_findings(counts: "Counts") -> "Iterator[Finding]":
    """A finding if no digest has been read yet."""
    from bot.domain.analysis.findings import Finding

    if not counts.digests:
        what = "none has been read yet; `paperboy once` reads the watched folders"
        yield Finding(
            area="sources", kind="nothing read", subject="digests", what=what, urgent=False, figures={}
        )


def stop_findings(counts: "Counts") -> "Iterator[Finding]":
    """Findings: stopped channels and suspended targets."""
    from bot.app.config.channels.channel_type import finding

    for kind, stop in counts.stopped.items():
        yield finding(kind, "stopped", f"stopped since {stop.since:%Y-%m-%d %H:%M} UTC: {stop.reason}")
    for target, why in sorted(counts.suspended.items()):
        yield finding(target, "suspended", f"gets nothing more: {why}", urgent=False)


def incident_findings(incidents: "Iterable[Incident]") -> "Iterator[Finding]":
    """Findings: open incidents of channels, targets and the program, except the stops in `stop_findings`."""
    from bot.app.config.channels.channel_type import finding
    from bot.domain.incidents import STOPPED

    for incident in incidents:
        if incident.area != "sources" and incident.kind != STOPPED:
            since = f"since {incident.since:%Y-%m-%d %H:%M} UTC"
            yield finding(incident.subject, incident.kind, f"{incident.kind} {since}: {incident.what}")


def failing_findings(failing: "Mapping[str, DeliveryRecord]") -> "Iterator[Finding]":
    """Findings: targets whose deliveries failed and are tried again."""
    from bot.app.config.channels.channel_type import finding

    for target, row in failing.items():
        tries = f"{row.attempts} {'try' if row.attempts == 1 else 'tries'}"
        yield finding(target, "tried again", f"{tries} so far: {row.error}", urgent=False)


def alarm_findings(unsent: "Iterable[tuple[DeliveryRecord, WrittenText]]") -> "Iterator[Finding]":
    """Findings: alarms that may not have arrived."""
    from bot.app.config.channels.channel_type import finding

    for alarm, text in unsent:
        if alarm.state in ("uncertain", "dead"):
            yield finding(alarm.target, "alarm", f"{text.subject!r} is {alarm.state}: {alarm.error}")


async def online_findings(
    settings: "Settings", subscribers: "Sequence[Subscriber]", chats: "ChatStore"
) -> "Iterator[Finding]":
    """Findings from asking each service that can be asked; what Telegram tells of chats is kept in `chats`."""
    from bot.app.config.channels import CHANNELS

    answers = [
        await channel.ask(settings, subscribers, chats) for channel in CHANNELS.values() if channel.ask
    ]
    return chain.from_iterable(answers)


def _folders(settings: "Settings") -> "Iterator[Finding]":
    from bot.app.cli.status import unusable_entries
    from bot.app.config.channels.channel_type import finding, writable_finding

    state = settings.sqlite_file
    if state is not None:
        yield writable_finding("state", state.parent, "the folder of the state")
    for folder in settings.watch.folders:
        if not folder.is_dir():
            yield finding("watch", "missing", f"the watched folder {folder} is not there")
        elif not os.access(folder, os.R_OK | os.X_OK):
            yield finding("watch", "rights", f"the watched folder {folder} may not be read; chmod u+rx it")
    missing = {str(folder) for folder in settings.watched}
    for name, what in unusable_entries(settings).items():
        if name not in missing:
            yield finding("watch", "unreadable", f"{name}: {what}")
