"""`paperboy replay`: runs the whole system over a folder of digests, against fake services on a virtual clock."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.app.cli.context import (
    NEEDS_A_LOOK,
    JsonOption,
    say_json,
)
from bot.app.cli.terminal import progress, span_text
from bot.domain.text import counted, printable

if TYPE_CHECKING:
    from bot.app.replay.oracle import Scorecard

_SUBSCRIBERS = 50


def replay(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER", help="Folders of digests.")],
    subscribers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Number of made-up subscribers.")
    ] = _SUBSCRIBERS,
    faults: Annotated[bool, typer.Option("--faults", help="Also let the services fail.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Simulate years of digests, and check every delivery.

    The whole program runs on a virtual clock against built-in fake services; nothing is sent and nothing is left
    behind. Exit 1 if an alert or poll was lost, repeated or not asked for.
    """
    import logging

    from bot.app.replay.scenario import prepare
    from bot.app.replay.scenario import replay as run_scenario

    logging.getLogger("bot").setLevel(logging.CRITICAL)  # faults here are intended

    scenario = prepare(folders, subscribers=subscribers, faults=faults)
    with progress("replaying", len(scenario.digests)) as advance:
        card = run_scenario(scenario, progress=lambda: advance(1))
    if as_json:
        say_json(card.as_json())
    else:
        for line in scorecard_lines(card):
            typer.echo(line)
    return 0 if card.faultless else NEEDS_A_LOOK


def scorecard_lines(card: "Scorecard") -> list[str]:
    """The scorecard as text."""
    return [
        f"replayed   {counted(card.digests, 'digest')} with {counted(card.papers, 'paper')}"
        f" on {counted(card.days, 'day')} to {counted(card.subscribers, 'subscriber')}",
        f"expected   {card.expected} alerts: {card.arrived} arrived, {card.limited} over a limit",
        f"messages   {card.messages} ({counted(card.polls, 'poll')}), {counted(card.edits, 'edit')};"
        f" {card.messages_per_person_per_day:.2f} per subscriber per day",
        f"merged     {card.merged} papers into messages with others",
        f"refused    {card.refused} calls failed, {card.floods} of them over a rate limit;"
        f" {card.uncertain} messages stayed uncertain",
        f"late       {card.late}; the slowest took {span_text(card.latest.total_seconds())}",
        f"repeated   {card.repeated}",
        f"unasked    {card.unasked}",
        f"lost       {card.lost}",
        *(f"  {printable(fault)}" for fault in card.worst),
    ]
