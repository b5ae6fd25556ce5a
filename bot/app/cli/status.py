"""`paperboy status`: counts, and what needs a look."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.app.cli.context import (
    NEEDS_A_LOOK,
    ConfigOption,
    JsonOption,
    config_path,
    everybody,
    load,
    load_only_settings,
    open_state,
    say,
    say_json,
)
from bot.app.cli.feeds import feed_addresses, private_feed_lines
from bot.app.cli.fetch import fetcher_of, state_lines, states_json
from bot.app.cli.terminal import span_text
from bot.domain.text import counted, printable

if TYPE_CHECKING:
    from bot.adapters.store.deliveries import Deliveries
    from bot.app.config.settings import Settings
    from bot.domain.delivery import State
    from bot.domain.files import Skipped
    from bot.domain.incidents import Incident
    from bot.domain.message import WrittenText
    from bot.domain.subscriptions import Subscriber
    from bot.pipeline.ports.outbox import Counts, DeliveryRecord
    from bot.pipeline.ports.papers import PlanningRun

_ROWS_SEARCHED, _LINES_SHOWN = 5_000, 10
"""Oldest deliveries that are searched for failures; lines of a kind that are printed."""


def status(
    context: typer.Context,
    alive: Annotated[
        bool,
        typer.Option("--alive", help="Only tell whether `run` is running here: exit 0 or 1."),
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Show counts, and what needs a look.

    Exit 1 if something does: a dead letter, an uncertain delivery, a stopped channel, an unreadable file, an open
    incident (such as a source that fell silent), a forum topic that the bot has not seen.
    """
    from bot.adapters.clock import SystemClock
    from bot.app.config.channels.telegram import unseen_topics

    if alive:
        return _running(load_only_settings(context, config), as_json=as_json)
    settings, subscribers = load(context, config)
    now = SystemClock().now()
    with open_state(settings) as store:
        subscribers = everybody(store, subscribers)
        counts = store.deliveries.counts(now)
        incidents = store.incidents.open_incidents()
        unseen = unseen_topics(subscribers, store.chats)
        unsent = store.deliveries.unsent_alarms()
        failing = failing_targets(store.deliveries)
        is_set_up = config_path(context, config).exists()
        unreadable = store.digests.unreadable() | (unusable_entries(settings) if is_set_up else {})
        no_digests = store.digests.no_digests()
        sources = fetcher_of(settings, store).states()
        runs = store.digests.open_runs()
        known = settings.has_state
        addresses = feed_addresses(settings, subscribers, store if known else None)
    running = settings.heartbeat.is_alive(now)
    if as_json:
        more = {
            "running": running,
            "sources": states_json(settings, sources),
            "unreadable": unreadable,
            "no_digests": no_digests,
            "incidents": incidents_json(incidents),
            "unseen_topics": unseen,
            "alarms_not_sent": alarms_json(unsent),
            "failing": failing_json(failing),
            "planning": planning_json(runs, subscribers),
            "feeds": [asdict(address) for address in addresses],
        }
        say_json(status_json(counts, subscribers) | more)
    else:
        for line in (
            "run          " + ("running" if running else "not seen running by this user on this machine"),
            *status_lines(counts, subscribers),
            *state_lines(sources),
            *private_feed_lines(addresses, most=_LINES_SHOWN, width=13),
            *planning_lines(runs, subscribers),
            *unreadable_lines("unreadable", unreadable),
            *unreadable_lines("no digest", no_digests),
            *failing_lines(failing),
            *incident_lines(incidents),
            *(f"TOPIC        {printable(target)}: {printable(why)}" for target, why in unseen.items()),
            *alarm_lines(unsent),
        ):
            say(line)
    return NEEDS_A_LOOK if needs_a_look(counts) or unreadable or incidents or unseen else 0


def _running(settings: "Settings", *, as_json: bool) -> int:
    from bot.adapters.clock import SystemClock

    running = settings.heartbeat.is_alive(SystemClock().now())
    if as_json:
        say_json({"running": running})
    else:
        typer.echo("running" if running else "`paperboy run` is not running here")
    return 0 if running else NEEDS_A_LOOK


def needs_a_look(counts: "Counts") -> bool:
    """True if the operator should act."""
    return bool(_stuck(counts) or counts.stopped or counts.unreadable)


def unusable(skipped: "Iterable[Skipped]") -> "list[Skipped]":
    """Entries of the watched folders that are unreadable or missing."""
    return [entry for entry in skipped if entry.reason in ("unreadable", "missing")]


def unusable_entries(settings: "Settings") -> dict[str, str]:
    """The reasons of unreadable and missing entries of the watched folders, by name."""
    from bot.app.watched import scan_watched
    from bot.domain.files import Skipped

    skipped = (entry for entry in scan_watched(settings) if isinstance(entry, Skipped))
    return {entry.name: entry.what for entry in unusable(skipped)}


def _stuck(counts: "Counts") -> int:
    """Number of deliveries that wait for the operator."""
    return counts.deliveries["dead"] - counts.given_up + counts.deliveries["uncertain"]


def status_json(counts: "Counts", subscribers: "tuple[Subscriber, ...]") -> dict[str, Any]:
    """The JSON of `status --json`; its names are fixed."""
    from bot.app.config.channels import CHANNELS

    return {
        "digests": counts.digests,
        "entries": counts.entries,
        "papers": counts.papers,
        "quizzes": counts.quizzes,
        "subscribers": len(subscribers),
        "subscriptions": sum(len(subscriber.subscriptions) for subscriber in subscribers),
        "messages": dict(counts.messages),
        "deliveries": dict(counts.deliveries),
        "channels": {
            kind: {
                "deliveries": dict(states),
                "stopped": counts.stopped[kind].reason if kind in counts.stopped else None,
                "stopped_since": counts.stopped[kind].since.isoformat() if kind in counts.stopped else None,
                "suspended": {
                    target: why for target, why in counts.suspended.items() if target.startswith(f"{kind}:")
                },
            }
            for kind in CHANNELS
            for states in (counts.channels.get(kind, {}),)
        },
        "unreadable_files": counts.unreadable,
        "oldest_pending_seconds": _seconds(counts.oldest_pending),
    }


def failing_targets(deliveries: "Deliveries") -> "dict[str, DeliveryRecord]":
    """The oldest delivery that failed and will be tried again, by target."""
    failing: dict[str, DeliveryRecord] = {}
    for row in deliveries.list_rows(states=("pending",), keys=(), limit=_ROWS_SEARCHED):
        if row.attempts and row.error:
            failing.setdefault(row.target, row)
    return failing


def planning_json(runs: "Sequence[PlanningRun]", subscribers: "Sequence[Subscriber]") -> list[dict[str, Any]]:
    """Planning runs that are not finished, as JSON, oldest first."""
    return [
        {
            "since": run.made_at.isoformat(),
            "papers": run.papers,
            "sends": run.sends,
            "subscribers_left": _subscribers_left(run, subscribers),
        }
        for run in runs
    ]


def planning_lines(runs: "Sequence[PlanningRun]", subscribers: "Sequence[Subscriber]") -> list[str]:
    """Lines about planning runs that are not finished, oldest first."""
    lines = [
        f"planning     {counted(run.papers, 'paper')} of {run.made_at:%Y-%m-%d %H:%M} UTC,"
        f" {_subscribers_left(run, subscribers)} of {counted(len(subscribers), 'subscriber')} left"
        for run in runs[:_LINES_SHOWN]
    ]
    more = len(runs) - _LINES_SHOWN
    return [*lines, *([f"             and {counted(more, 'more run', 'more runs')}"] if more > 0 else [])]


def _subscribers_left(run: "PlanningRun", subscribers: "Sequence[Subscriber]") -> int:
    chosen = None if run.subscribers is None else frozenset(run.subscribers)
    return sum(
        subscriber.id > run.cursor and (chosen is None or subscriber.id in chosen)
        for subscriber in subscribers
    )


def unreadable_lines(what: str, unreadable: "Mapping[str, str]") -> list[str]:
    """Lines about entries of the watched folders that gave no digest: name and reason."""
    lines = [
        f"{what:<11}  {printable(name)}: {printable(reason.removeprefix(f'{name}: '))}"
        for name, reason in list(unreadable.items())[:_LINES_SHOWN]
    ]
    more = len(unreadable) - _LINES_SHOWN
    return [*lines, *([f"             and {counted(more, 'more file', 'more files')}"] if more > 0 else [])]


def failing_json(failing: "Mapping[str, DeliveryRecord]") -> list[dict[str, str | int | None]]:
    """Failing deliveries as JSON."""
    return [
        {
            "target": target,
            "error": row.error,
            "attempts": row.attempts,
            "since": row.created_at.isoformat(),
        }
        for target, row in failing.items()
    ]


def failing_lines(failing: "Mapping[str, DeliveryRecord]") -> list[str]:
    """Lines about failing deliveries, oldest first."""
    lines = [
        f"tried again  {printable(target)} since {row.created_at:%Y-%m-%d %H:%M} UTC: {printable(row.error or '')}"
        for target, row in list(failing.items())[:_LINES_SHOWN]
    ]
    more = len(failing) - _LINES_SHOWN
    return [*lines, *([f"             and {more} more targets"] if more > 0 else [])]


def incidents_json(incidents: "Sequence[Incident]") -> list[dict[str, str]]:
    """Open incidents as JSON."""
    return [
        {
            "area": incident.area,
            "subject": incident.subject,
            "kind": incident.kind,
            "what": incident.what,
            "since": incident.since.isoformat(),
        }
        for incident in incidents
    ]


def alarms_json(unsent: "Sequence[tuple[DeliveryRecord, WrittenText]]") -> list[dict[str, str | None]]:
    """Alarms that may not have arrived, as JSON."""
    return [
        {
            "target": alarm.target,
            "subject": text.subject,
            "state": alarm.state,
            "error": alarm.error,
            "created_at": alarm.created_at.isoformat(),
        }
        for alarm, text in unsent
    ]


def alarm_lines(unsent: "Sequence[tuple[DeliveryRecord, WrittenText]]") -> list[str]:
    """Lines about alarms that may not have arrived."""
    return [
        f"ALARM        {alarm.state} to {printable(alarm.target)}: {printable(text.subject)}"
        + (f" ({printable(alarm.error)})" if alarm.error else "")
        for alarm, text in unsent
    ]


def incident_lines(incidents: "Sequence[Incident]") -> list[str]:
    """Lines about open incidents."""
    return [
        f"{incident.area.removesuffix('s').upper():<11}  {printable(incident.subject)}: {incident.kind} ({printable(incident.what)}), "
        f"since {incident.since:%Y-%m-%d %H:%M} UTC"
        for incident in incidents
    ]


def status_lines(counts: "Counts", subscribers: "tuple[Subscriber, ...]") -> list[str]:
    """Lines about counts and stops, the most urgent last."""
    subscriptions = sum(len(subscriber.subscriptions) for subscriber in subscribers)
    lines = [
        f"papers       {counts.papers} from {counted(counts.digests, 'digest')} "
        f"({counted(counts.entries, 'entry', 'entries')}), {counted(counts.quizzes, 'quiz question')}",
        f"subscribers  {len(subscribers)} with {counted(subscriptions, 'subscription')}",
        "messages     " + (_by_state(counts.messages) or "none yet"),
    ]
    if any(counts.deliveries.values()):
        lines.append("deliveries   " + _by_state(counts.deliveries))
    lines += [f"  {kind:<9}  " + _by_state(states) for kind, states in counts.channels.items() if states]
    oldest = _seconds(counts.oldest_pending)
    if oldest is not None:
        lines.append(f"oldest due   {span_text(oldest)} ago")
    lines += [f"suspended    {target}: {why}" for target, why in sorted(counts.suspended.items())]
    lines += [
        f"STOPPED      {kind} since {stop.since:%Y-%m-%d %H:%M} UTC: {stop.reason}"
        for kind, stop in counts.stopped.items()
    ]
    if _stuck(counts):
        lines.append("needs a look: paperboy outbox list --state dead --state uncertain")
    return lines


def _by_state(counts: "Mapping[State, int]") -> str:
    return ", ".join(f"{count} {state}" for state, count in counts.items() if count)


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else round(span.total_seconds(), 1)
