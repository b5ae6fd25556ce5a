"""`paperboy explain`: the whole story of one paper and one subscriber; moments in the subscriber's own time."""

import datetime as dt
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.app.cli.context import (
    ConfigOption,
    JsonOption,
    find_subscriber,
    load,
    open_state,
    parse_paper,
    say_json,
)
from bot.app.cli.terminal import Style, style_of
from bot.domain.errors import UsageError
from bot.domain.schedule import schedule_text
from bot.domain.text import printable

if TYPE_CHECKING:
    from bot.pipeline.history import Story, Verdict
    from bot.pipeline.ports.outbox import DeliveryRecord


_WHYS = 6
_PASSED: dict[str, str] = {
    "sent": "sent",
    "merged": "sent inside another message",
    "limited": "over the daily limit, named in “+N more”",
    "held": "held until",
    "pending": "waits, due",
    "sending": "being sent, due",
    "uncertain": "UNCERTAIN: the answer was never seen",
    "dead": "GIVEN UP",
}


def explain(
    context: typer.Context,
    paper: Annotated[str, typer.Argument(metavar="PAPER", help="Its id, its arXiv number, or a link.")],
    subscriber: Annotated[str, typer.Argument(metavar="SUBSCRIBER", help="The subscriber's id.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Tell why somebody got a paper, or did not.

    Each subscription, matched or why not, and what became of the deliveries.
    """
    from bot.pipeline.history import story

    paper_id = parse_paper(paper)
    settings, subscribers = load(context, config)
    person = find_subscriber(subscriber, subscribers)
    with open_state(settings) as store:
        told = story(
            paper_id,
            person,
            papers=store.papers,
            digests=store.digests,
            deliveries=store.deliveries,
            stops=store.incidents,
            incidents=store.incidents.open_incidents(),
        )
    if told is None:
        raise UsageError(
            f"no digest that was read names {paper_id}; `paperboy once` reads the watched folders"
        )
    if as_json:
        say_json(story_json(told))
        return
    for line in story_lines(told, style_of(sys.stdout)):
        typer.echo(line)


def story_json(told: "Story") -> dict[str, Any]:
    """The story as JSON; moments are UTC."""
    from bot.pipeline.history import why_not_queued

    subscriber = told.subscriber
    return {
        "paper": {"id": told.paper.id, "title": told.paper.title},
        "subscriber": subscriber.id,
        "digests": [
            {
                "name": digest.name,
                "kind": digest.kind,
                "date": digest.date.isoformat() if digest.date else None,
                "read_at": digest.read_at.isoformat(),
            }
            for digest in told.digests
        ],
        "subscriptions": [_verdict_json(verdict) for verdict in told.verdicts],
        "registered_at": told.registered_at.isoformat() if told.registered_at else None,
        "noticed_at": told.notice.noticed_at.isoformat() if told.notice else None,
        "rule": told.notice.rule if told.notice else None,
        "source": told.notice.source if told.notice else None,
        "noticed_for": list(told.notice.subscriptions) if told.notice else [],
        "told": told.was_alerted,
        "why_not_queued": why_not_queued(told),
        "deliveries": [_delivery_json(row) for row in told.deliveries],
        "suspended": dict(told.suspended),
        "topics_gone": dict(told.astray),
        "stopped": {kind: stop.reason for kind, stop in told.stopped.items()},
        "daily_limit": subscriber.daily_limit,
        "quiet_hours": quiet_text(told),
        "timezone": subscriber.timezone.key,
    }


def quiet_text(told: "Story") -> str | None:
    """The quiet hours as they are written in the configuration."""
    quiet = told.subscriber.quiet_hours
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
        "error": row.error,
        "rule": row.rule,
        "source": row.source,
    }


def story_lines(told: "Story", style: Style) -> list[str]:
    """Lines of the story."""
    paper = told.paper
    lines = [style.strong(paper.title), f"{paper.id}  {paper.links.best or ''}".rstrip()]
    lines += ["", f"Digests that name it (times are in {told.subscriber.timezone.key})"]
    for digest in told.digests:
        day = digest.date.isoformat() if digest.date else "no date"
        lines.append(
            f"  {day}  {printable(digest.name)} ({digest.kind}), read {_moment(digest.read_at, told)}"
        )
    lines += ["", f"Subscriptions of {told.subscriber.id}"]
    if not told.verdicts:
        lines.append("  none")
    for verdict in told.verdicts:
        lines += _verdict_lines(verdict, style)
    lines += ["", "What was sent", *_delivery_lines(told, style)]
    rules = _rule_lines(told)
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


def _delivery_lines(told: "Story", style: Style) -> list[str]:
    from bot.pipeline.history import rule_text, why_not_queued

    lines = []
    if told.notice:
        names = ", ".join(map(printable, told.notice.subscriptions))
        rule = printable(rule_text(told.notice.rule, told.notice.source))
        lines.append(f"  noticed {_moment(told.notice.noticed_at, told)} for {names} ({rule})")
    reason = why_not_queued(told)
    if reason:
        lines.append(f"  nothing was planned: {reason}")
    elif not told.deliveries:
        lines.append("  nothing: no subscription matches")
    return [*lines, *(line for row in told.deliveries for line in _row_lines(row, told, style))]


def _row_lines(row: "DeliveryRecord", told: "Story", style: Style) -> list[str]:
    when = row.settled_at or row.due_at
    bold = style.strong if row.state in ("dead", "uncertain") else printable
    tries = f", {row.attempts} tries" if row.attempts > 1 else ""
    message = f", message {printable(row.remote_id)}" if row.remote_id else ""
    line = f"  {row.kind:<5}  {printable(row.target)}: {bold(_PASSED[row.state])} {_moment(when, told)}{message}{tries}"
    return [line, f"         {printable(row.error)}"] if row.error else [line]


def _rule_lines(told: "Story") -> list[str]:
    person = told.subscriber
    lines = [
        f"  SUSPENDED {printable(target)}: {printable(why)}" for target, why in sorted(told.suspended.items())
    ]
    lines += [
        f"  TOPIC GONE {printable(target)}: its messages go to the chat itself ({printable(why)})"
        for target, why in sorted(told.astray.items())
    ]
    for kind, stop in told.stopped.items():
        lines.append(f"  STOPPED {kind} since {_moment(stop.since, told)}: {printable(stop.reason)}")
    if person.quiet_hours:
        lines.append(f"  quiet hours {quiet_text(told)} {person.timezone.key}")
    if person.daily_limit is not None:
        lines.append(f"  daily limit {person.daily_limit} papers a place")
    for channel in person.channels:
        schedule = schedule_text(channel.deliver)
        if schedule != "immediately" and not channel.capabilities.is_document:
            lines.append(f"  {printable(channel.target)} gets its messages {schedule}")
    return lines


def _moment(moment: dt.datetime, told: "Story") -> str:
    return f"{moment.astimezone(told.subscriber.timezone):%Y-%m-%d %H:%M}"
