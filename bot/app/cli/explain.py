"""`paperboy explain`: the history of one paper for one subscriber, with times in the subscriber's zone."""

import datetime as dt
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.app.cli.context import (
    ConfigOption,
    JsonOption,
    everybody,
    find_subscriber,
    load,
    open_state,
    parse_paper,
    say,
    say_json,
)
from bot.app.cli.terminal import Style, style_of
from bot.domain.errors import UsageError
from bot.domain.schedule import schedule_text
from bot.domain.text import printable

if TYPE_CHECKING:
    from bot.pipeline.history import PaperHistory, Verdict
    from bot.pipeline.ports.outbox import DeliveryRecord


_WHYS = 6
_STATE_TEXTS: dict[str, str] = {
    "sent": "sent",
    "merged": "sent inside another message",
    "limited": "over the daily limit",
    "skipped": "not sent",
    "held": "held until",
    "pending": "waits, due",
    "sending": "being sent, due",
    "uncertain": "UNCERTAIN: the answer was never seen",
    "dead": "GIVEN UP",
}


def explain(
    context: typer.Context,
    paper: Annotated[str, typer.Argument(metavar="PAPER", help="A paper's id, arXiv number or link.")],
    subscriber: Annotated[str, typer.Argument(metavar="SUBSCRIBER", help="The subscriber's id.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Explain why a subscriber got a paper, or did not.

    Lists each subscription with the words that matched or are missing, and what became of each delivery.
    """
    from bot.pipeline.history import paper_history

    paper_id = parse_paper(paper)
    settings, subscribers = load(context, config)
    with open_state(settings) as store:
        person = find_subscriber(subscriber, everybody(store, subscribers))
        history = paper_history(
            paper_id,
            person,
            papers=store.papers,
            digests=store.digests,
            deliveries=store.deliveries,
            stops=store.incidents,
            incidents=store.incidents.open_incidents(),
            paused=store.preferences.choices(person.id).paused,
        )
    if history is None:
        raise UsageError(
            f"no digest that was read names {paper_id}; `paperboy once` reads the watched folders"
        )
    if as_json:
        say_json(history_json(history))
        return
    for line in history_lines(history, style_of(sys.stdout)):
        say(line)


def history_json(history: "PaperHistory") -> dict[str, Any]:
    """The history as JSON; moments are UTC."""
    from bot.pipeline.history import why_not_queued

    subscriber = history.subscriber
    return {
        "paper": {"id": history.paper.id, "title": history.paper.title},
        "subscriber": subscriber.id,
        "digests": [
            {
                "name": digest.name,
                "kind": digest.kind,
                "date": digest.date.isoformat() if digest.date else None,
                "read_at": digest.read_at.isoformat(),
            }
            for digest in history.digests
        ],
        "subscriptions": [_verdict_json(verdict) for verdict in history.verdicts],
        "paused": list(history.paused),
        "registered_at": history.registered_at.isoformat() if history.registered_at else None,
        "noticed_at": history.notice.noticed_at.isoformat() if history.notice else None,
        "rule": history.notice.rule if history.notice else None,
        "source": history.notice.source if history.notice else None,
        "noticed_for": list(history.notice.subscriptions) if history.notice else [],
        "told": history.was_alerted,
        "why_not_queued": why_not_queued(history),
        "deliveries": [_delivery_json(row) for row in history.deliveries],
        "suspended": dict(history.suspended),
        "topics_gone": dict(history.lost_topics),
        "stopped": {kind: stop.reason for kind, stop in history.stopped.items()},
        "daily_limit": subscriber.daily_limit,
        "quiet_hours": quiet_text(history),
        "timezone": subscriber.timezone.key,
    }


def quiet_text(history: "PaperHistory") -> str | None:
    """The quiet hours in the form of the configuration."""
    quiet = history.subscriber.quiet_hours
    return f"{quiet.start:%H:%M}-{quiet.end:%H:%M}" if quiet else None


def _verdict_json(verdict: "Verdict") -> dict[str, Any]:
    return {
        "name": verdict.subscription.name,
        "query": verdict.subscription.text,
        "matched": verdict.why is not None,
        "why": [{"term": why.term, "field": why.field, "text": why.text} for why in verdict.why or ()],
        "missing": list(verdict.missing),
        "noticed": verdict.noticed,
        **(
            {}
            if verdict.nearness is None
            else {"nearness": round(verdict.nearness, 3), "near": verdict.subscription.near}
        ),
        "only": sorted(verdict.subscription.only),
    }


def _delivery_json(row: "DeliveryRecord") -> dict[str, Any]:
    return {
        "key": row.key,
        "target": row.target,
        "kind": row.kind,
        "state": row.state,
        "due_at": row.due_at.isoformat(),
        "settled_at": row.settled_at.isoformat() if row.settled_at else None,
        "attempts": row.attempts,
        "message": row.remote_id,
        "cause": row.cause,
        "error": row.error,
        "rule": row.rule,
        "source": row.source,
    }


def history_lines(history: "PaperHistory", style: Style) -> list[str]:
    """The history as text."""
    paper = history.paper
    lines = [style.strong(paper.title), f"{paper.id}  {paper.links.best or ''}".rstrip()]
    lines += ["", f"Digests that name it (times are in {history.subscriber.timezone.key})"]
    for digest in history.digests:
        day = digest.date.isoformat() if digest.date else "no date"
        lines.append(
            f"  {day}  {printable(digest.name)} ({digest.kind}), read {_moment(digest.read_at, history)}"
        )
    lines += ["", f"Subscriptions of {history.subscriber.id}"]
    if not history.verdicts and not history.paused:
        lines.append("  none")
    for verdict in history.verdicts:
        lines += _verdict_lines(verdict, style)
    for name in history.paused:
        lines += [f"  off  {printable(name)}", "       paused: it finds nothing until it is resumed"]
    lines += ["", "What was sent", *_delivery_lines(history, style)]
    rules = _rule_lines(history)
    return [*lines, "", "Rules that apply", *rules] if rules else lines


def _verdict_lines(verdict: "Verdict", style: Style) -> list[str]:
    name = printable(verdict.subscription.name)
    wording = (
        ""
        if verdict.subscription.text in (verdict.subscription.name, "")
        else f"  {printable(verdict.subscription.text)}"
    )
    if verdict.why is None:
        reason = _lacking(verdict)
        earlier = "; it matched when the paper was noticed" if verdict.noticed else ""
        return [f"  no   {name}{style.faint(wording)}", f"       {reason}{earlier}"]
    since = "" if verdict.noticed else style.faint("  (not when it was noticed)")
    near = [] if verdict.nearness is None else [f"near by {verdict.nearness:.2f}"]
    reasons = near + [f"{why.field}: {style.strong(why.text)}" for why in verdict.why[:_WHYS]]
    more = f", +{len(verdict.why) - _WHYS}" if len(verdict.why) > _WHYS else ""
    only = (
        f"; only to {', '.join(sorted(map(printable, verdict.subscription.only)))}"
        if verdict.subscription.only
        else ""
    )
    return [
        f"  yes  {style.strong(name)}{style.faint(wording)}{since}",
        f"       {', '.join(reasons)}{more}{only}",
    ]


def _lacking(verdict: "Verdict") -> str:
    terms = ", ".join(map(printable, verdict.missing))
    if terms.startswith("NOT "):
        return f"left out by {terms}"
    if verdict.nearness is not None:
        return f"not near enough: {verdict.nearness:.2f}, wanted are {verdict.subscription.near:.2f}"
    return f"missing: {terms}"


def _delivery_lines(history: "PaperHistory", style: Style) -> list[str]:
    from bot.pipeline.history import rule_text, why_not_queued

    lines = []
    if history.notice:
        names = ", ".join(map(printable, history.notice.subscriptions))
        rule = printable(rule_text(history.notice.rule, history.notice.source))
        lines.append(f"  noticed {_moment(history.notice.noticed_at, history)} for {names} ({rule})")
    reason = why_not_queued(history)
    if reason:
        lines.append(f"  nothing was planned: {reason}")
    elif not history.deliveries:
        lines.append("  nothing: no subscription matches")
    return [*lines, *(line for row in history.deliveries for line in _row_lines(row, history, style))]


def _row_lines(row: "DeliveryRecord", history: "PaperHistory", style: Style) -> list[str]:
    when = row.settled_at or row.due_at
    bold = style.strong if row.state in ("dead", "uncertain") else printable
    tries = f", {row.attempts} tries" if row.attempts > 1 else ""
    message = f", message {printable(row.remote_id)}" if row.remote_id else ""
    state = bold(_STATE_TEXTS[row.state])
    line = f"  {row.kind:<5}  {printable(row.target)}: {state} {_moment(when, history)}{message}{tries}"
    return [line, f"         {printable(row.error)}"] if row.error else [line]


def _rule_lines(history: "PaperHistory") -> list[str]:
    person = history.subscriber
    lines = [
        f"  SUSPENDED {printable(target)}: {printable(why)}"
        for target, why in sorted(history.suspended.items())
    ]
    lines += [
        f"  TOPIC GONE {printable(target)}: its messages go to the chat itself ({printable(why)})"
        for target, why in sorted(history.lost_topics.items())
    ]
    for kind, stop in history.stopped.items():
        lines.append(f"  STOPPED {kind} since {_moment(stop.since, history)}: {printable(stop.reason)}")
    if person.quiet_hours:
        lines.append(f"  quiet hours {quiet_text(history)} {person.timezone.key}")
    if person.daily_limit is not None:
        lines.append(f"  daily limit {person.daily_limit} papers at each target")
    for channel in person.channels:
        schedule = schedule_text(channel.deliver)
        if schedule != "immediately" and not channel.capabilities.is_document:
            lines.append(f"  {printable(channel.target)} gets its messages {schedule}")
    return lines


def _moment(moment: dt.datetime, history: "PaperHistory") -> str:
    return f"{moment.astimezone(history.subscriber.timezone):%Y-%m-%d %H:%M}"
