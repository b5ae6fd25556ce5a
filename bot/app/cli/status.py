"""`paperboy status`: how things stand."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.app.cli.opened import opened
from bot.app.cli.options import ConfigOption, JsonOption, load, load_only_settings, say_json
from bot.app.cli.safe import plain
from bot.app.cli.terminal import counted, span_text

if TYPE_CHECKING:
    from bot.app.config.settings_model import Settings
    from bot.domain.incidents import Incident
    from bot.domain.message import AlarmText
    from bot.domain.subscriptions import Subscriber
    from bot.pipeline.ports import Counts, DeliveryRecord, DeliveryStore, PlanningRun

NEEDS_A_LOOK = 1
_LOOKED_AT, _NAMED = 5_000, 10
"""So many of the oldest deliveries are looked at for what is failing; so many places are named."""


def status(
    context: typer.Context,
    alive: Annotated[
        bool,
        typer.Option(
            "--alive", help="Only whether `run` is at work here: exit 0 or 1, whatever else is wrong."
        ),
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Show how things stand.

    What was read, what waits, what went wrong. Exit 1 when something needs a look: a dead letter, an uncertain delivery, a stopped channel, an unreadable file,
    a source that fell silent or changed, an alarm that did not arrive for sure.
    """
    from bot.adapters.clock import SystemClock
    from bot.app.life import heartbeat

    if alive:
        return _at_work(load_only_settings(context, config))
    settings, subscribers = load(context, config)
    now = SystemClock().now()
    with opened(settings) as store:
        counts = store.deliveries.counts(now)
        incidents = store.incidents.open_incidents()
        unsent = store.deliveries.unsent_alarms()
        failing = failing_places(store.deliveries)
        unreadable = store.records.unreadable()
        runs = store.intake.open_runs()
    at_work = heartbeat(settings).is_alive(now)
    if as_json:
        more = {
            "seen_at_work": at_work,
            "unreadable": unreadable,
            "incidents": incidents_json(incidents),
            "alarms_not_sent": alarms_json(unsent),
            "failing": failing_json(failing),
            "planning": planning_json(runs, subscribers),
        }
        say_json(status_json(counts, subscribers) | more)
    else:
        for line in (
            "run          " + ("at work" if at_work else "not seen at work by this user on this machine"),
            *status_lines(counts, subscribers),
            *planning_lines(runs, subscribers),
            *unreadable_lines(unreadable),
            *failing_lines(failing),
            *incident_lines(incidents),
            *alarm_lines(unsent),
        ):
            typer.echo(line)
    return NEEDS_A_LOOK if needs_a_look(counts) or incidents else 0


def _at_work(settings: "Settings") -> int:
    from bot.adapters.clock import SystemClock
    from bot.app.life import heartbeat

    at_work = heartbeat(settings).is_alive(SystemClock().now())
    typer.echo("at work" if at_work else "`paperboy run` is not at work here")
    return 0 if at_work else NEEDS_A_LOOK


def needs_a_look(counts: "Counts") -> bool:
    """True where the operator should act."""
    return bool(_stuck(counts) or counts.stopped or counts.unreadable)


def _stuck(counts: "Counts") -> int:
    """Deliveries that wait for the operator's hand."""
    return counts.deliveries["dead"] - counts.given_up + counts.deliveries["uncertain"]


def status_json(counts: "Counts", subscribers: "tuple[Subscriber, ...]") -> dict[str, Any]:
    """In the form that the contract fixes."""
    from bot.app.config.publishers import CHANNELS

    return {
        "digests": counts.digests,
        "entries": counts.entries,
        "papers": counts.papers,
        "quizzes": counts.quizzes,
        "subscribers": len(subscribers),
        "subscriptions": sum(len(one.subscriptions) for one in subscribers),
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


def failing_places(deliveries: "DeliveryStore") -> "dict[str, DeliveryRecord]":
    """By place the oldest delivery that was tried, did not go out, and goes again."""
    found: dict[str, DeliveryRecord] = {}
    for row in deliveries.list_rows(states=("pending",), keys=(), limit=_LOOKED_AT):
        if row.attempts and row.error:
            found.setdefault(row.target, row)
    return found


def planning_json(runs: "Sequence[PlanningRun]", subscribers: "Sequence[Subscriber]") -> list[dict[str, Any]]:
    """What is still being planned, for machines; the oldest first, which is the one that goes on."""
    return [
        {
            "since": run.made_at.isoformat(),
            "papers": run.papers,
            "told": run.told,
            "subscribers_left": _subscribers_left(run, subscribers),
        }
        for run in runs
    ]


def planning_lines(runs: "Sequence[PlanningRun]", subscribers: "Sequence[Subscriber]") -> list[str]:
    """The same for people."""
    lines = [
        f"planning     {counted(run.papers, 'paper')} of {run.made_at:%Y-%m-%d %H:%M} UTC,"
        f" {_subscribers_left(run, subscribers)} of {counted(len(subscribers), 'subscriber')} left"
        for run in runs[:_NAMED]
    ]
    more = len(runs) - _NAMED
    return [*lines, *([f"             and {counted(more, 'more run', 'more runs')}"] if more > 0 else [])]


def _subscribers_left(run: "PlanningRun", subscribers: "Sequence[Subscriber]") -> int:
    return sum(subscriber.id > run.cursor for subscriber in subscribers)


def unreadable_lines(unreadable: "Mapping[str, str]") -> list[str]:
    """Files in the watched folders that gave no digest, with why."""
    lines = [
        f"unreadable   {plain(name)}: {plain(why.removeprefix(f'{name}: '))}"
        for name, why in list(unreadable.items())[:_NAMED]
    ]
    more = len(unreadable) - _NAMED
    return [*lines, *([f"             and {counted(more, 'more file', 'more files')}"] if more > 0 else [])]


def failing_json(failing: "Mapping[str, DeliveryRecord]") -> list[dict[str, str | int | None]]:
    """What is tried again and again, for machines."""
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
    """The same for people, the oldest first."""
    lines = [
        f"tried again  {plain(target)} since {row.created_at:%Y-%m-%d %H:%M} UTC: {plain(row.error or '')}"
        for target, row in list(failing.items())[:_NAMED]
    ]
    more = len(failing) - _NAMED
    return [*lines, *([f"             and {more} more places"] if more > 0 else [])]


def incidents_json(incidents: "Sequence[Incident]") -> list[dict[str, str]]:
    """What is wrong with sources and channels, for machines."""
    return [
        {
            "area": one.area,
            "source": one.source,
            "kind": one.kind,
            "what": one.what,
            "since": one.since.isoformat(),
        }
        for one in incidents
    ]


def alarms_json(unsent: "Sequence[tuple[DeliveryRecord, AlarmText]]") -> list[dict[str, str | None]]:
    """Alarms that did not arrive for sure, for machines."""
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


def alarm_lines(unsent: "Sequence[tuple[DeliveryRecord, AlarmText]]") -> list[str]:
    """The same for people."""
    return [
        f"ALARM        {alarm.state} to {plain(alarm.target)}: {plain(text.subject)}"
        + (f" ({plain(alarm.error)})" if alarm.error else "")
        for alarm, text in unsent
    ]


def incident_lines(incidents: "Sequence[Incident]") -> list[str]:
    """The same for people."""
    return [
        f"{'SOURCE' if one.area == 'sources' else 'CHANNEL':<11}  {plain(one.source)}: {one.kind} ({plain(one.what)}), "
        f"noticed {one.since:%Y-%m-%d %H:%M} UTC"
        for one in incidents
    ]


def status_lines(counts: "Counts", subscribers: "tuple[Subscriber, ...]") -> list[str]:
    """The same for people, most urgent last, where the eye is."""
    subscriptions = sum(len(one.subscriptions) for one in subscribers)
    lines = [
        f"papers       {counts.papers} from {counted(counts.digests, 'digest')} "
        f"({counted(counts.entries, 'entry', 'entries')}), {counted(counts.quizzes, 'quiz question')}",
        f"subscribers  {len(subscribers)} with {counted(subscriptions, 'subscription')}",
        "deliveries   "
        + (", ".join(f"{n} {state}" for state, n in counts.deliveries.items() if n) or "none yet"),
    ]
    for kind, states in counts.channels.items():
        if states:
            lines.append(f"  {kind:<9}  " + ", ".join(f"{n} {state}" for state, n in states.items() if n))
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


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else round(span.total_seconds(), 1)
