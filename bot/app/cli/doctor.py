"""`paperboy doctor`: sources, subscriptions and channels, and what to do about them."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.app.cli.context import ConfigOption, JsonOption, load, open_state, say_json
from bot.app.cli.terminal import Style, plain, style_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bot.app.config.settings import Settings
    from bot.domain.search.checkup import Finding
    from bot.domain.subscriptions import Subscriber

NEEDS_A_LOOK = 1
_AREAS = ("sources", "subscriptions", "channels")


def doctor(
    context: typer.Context,
    online: Annotated[
        bool,
        typer.Option("--online", help="Ask Telegram and the mail server too; otherwise nothing is asked."),
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Say what could be better: sources, queries, channels.

    Exit 1 when something needs a look (marked !); what is only good to know leaves it 0.
    """
    settings, subscribers = load(context, config)
    found = list(_examined(settings, subscribers, online=online))
    if as_json:
        say_json(doctor_json(found))
    else:
        for line in doctor_lines(found, style_of(sys.stdout)):
            typer.echo(line)
    return NEEDS_A_LOOK if any(one.urgent for one in found) else 0


def _examined(
    settings: "Settings", subscribers: "Sequence[Subscriber]", *, online: bool
) -> "Iterator[Finding]":
    from bot.adapters.clock import SystemClock
    from bot.app import channel_checks
    from bot.app.cli.status import UNTOLD_SHOWN, failing_targets
    from bot.domain.audience import Audience
    from bot.pipeline.doctor import Doctor
    from bot.pipeline.likeness import LikenessDesk

    with open_state(settings) as store:
        now = SystemClock().now()
        audience = Audience(subscribers, LikenessDesk(store.shelf))
        look = Doctor(store.records, store.shelf, audience, now.date())
        counts = store.outbox.counts(now)
        yield from channel_checks.reading_findings(counts)
        yield from look.sources()
        yield from look.subscriptions()
        yield from channel_checks.channel_findings(settings, subscribers)
        yield from channel_checks.life_findings(counts)
        yield from channel_checks.failing_findings(failing_targets(store.outbox))
        yield from channel_checks.incident_findings(store.incidents.open_incidents())
        yield from channel_checks.untold_findings(store.bulletins.untold_bulletins(now - UNTOLD_SHOWN))
    if online:
        import asyncio  # every other command starts without it

        yield from asyncio.run(channel_checks.online_findings(settings))


def doctor_json(found: "Sequence[Finding]") -> dict[str, Any]:
    """The findings for machines, area by area."""
    return {
        "needs_a_look": any(one.urgent for one in found),
        **{
            area: [
                {
                    "kind": one.kind,
                    "subject": one.subject,
                    "what": one.what,
                    "urgent": one.urgent,
                    **({"figures": dict(one.figures)} if one.figures else {}),
                }
                for one in found
                if one.area == area
            ]
            for area in _AREAS
        },
    }


def doctor_lines(found: "Sequence[Finding]", style: Style) -> list[str]:
    """The same for people: what needs a look first in each area."""
    lines: list[str] = []
    for area in _AREAS:
        lines += [*([""] if lines else []), style.strong(area)]
        mine = sorted((one for one in found if one.area == area), key=lambda one: not one.urgent)
        lines += [_line(one, style) for one in mine] or ["  nothing to say"]
    urgent = sum(one.urgent for one in found)
    verdict = f"{urgent} need{'s' if urgent == 1 else ''} a look (marked !)" if urgent else "all is well"
    return [*lines, "", verdict]


def _line(one: "Finding", style: Style) -> str:
    mark, subject = ("!", style.strong(one.subject)) if one.urgent else (" ", plain(one.subject))
    return f"{mark} {subject}: {plain(one.what)}"
