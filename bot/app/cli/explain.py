"""`paperboy explain`: the whole story of one paper and one subscriber."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.app.cli.lookup import the_paper, the_subscriber
from bot.app.cli.opened import opened
from bot.app.cli.options import ConfigOption, JsonOption, load, say_json
from bot.app.cli.terminal import style_of
from bot.domain.errors import UsageError

if TYPE_CHECKING:
    from bot.pipeline.explain import Story, Verdict
    from bot.pipeline.ports import DeliveryRecord


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
    from bot.app.cli.explain_text import story_lines
    from bot.pipeline.explain import story

    paper_id = the_paper(paper)
    settings, subscribers = load(context, config)
    person = the_subscriber(subscriber, subscribers)
    with opened(settings) as store:
        told = story(
            paper_id,
            person,
            shelf=store.shelf,
            records=store.records,
            outbox=store.outbox,
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
    """The story for machines; moments are UTC."""
    from bot.pipeline.explain import why_not_queued

    subscriber = told.subscriber
    return {
        "paper": {"id": told.paper.id, "title": told.paper.title},
        "subscriber": subscriber.id,
        "digests": [
            {
                "name": one.name,
                "kind": one.kind,
                "date": one.date.isoformat() if one.date else None,
                "read_at": one.read_at.isoformat(),
            }
            for one in told.digests
        ],
        "subscriptions": [_verdict_json(one) for one in told.verdicts],
        "registered_at": told.registered_at.isoformat() if told.registered_at else None,
        "noticed_at": told.notice.noticed_at.isoformat() if told.notice else None,
        "noticed_for": list(told.notice.subscriptions) if told.notice else [],
        "told": told.told,
        "why_not_queued": why_not_queued(told),
        "deliveries": [_delivery_json(one) for one in told.deliveries],
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


def _verdict_json(one: "Verdict") -> dict[str, Any]:
    return {
        "name": one.subscription.name,
        "query": one.subscription.text,
        "matched": one.why is not None,
        "why": [{"term": why.term, "field": why.field, "text": why.text} for why in one.why or ()],
        "missing": list(one.missing),
        "noticed": one.noticed,
        **(
            {}
            if one.nearness is None
            else {"nearness": round(one.nearness, 3), "near": one.subscription.near}
        ),
        "only": sorted(one.subscription.only),
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
        "message": row.message,
        "error": row.error,
    }
