"""`paperboy ledger`: what became of every paper of a day, for one subscriber."""

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
    say,
    say_json,
)
from bot.app.cli.terminal import Style, style_of
from bot.domain.errors import UsageError
from bot.domain.text import counted, printable

if TYPE_CHECKING:
    from bot.pipeline.history import Ledger, LedgerLine


def ledger(
    context: typer.Context,
    subscriber: Annotated[str, typer.Argument(metavar="SUBSCRIBER", help="The subscriber's id.")],
    date: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="A day, like 2025-09-18 (default: the newest digest's)."),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Account for every paper of a day.

    Shows what was seen, matched and queued for a subscriber, and what was sent, held, merged, limited or skipped.
    """
    from bot.pipeline.history import ledger as read_ledger

    asked = _day(date)
    settings, subscribers = load(context, config)
    with open_state(settings) as store:
        person = find_subscriber(subscriber, everybody(store, subscribers))
        day = asked or store.digests.newest_day()
        if day is None:
            raise UsageError("no digest has been read yet; `paperboy once` reads the watched folders")
        day_ledger = read_ledger(person, day, store.digests, store.deliveries, store.papers)
    if as_json:
        say_json(ledger_json(day_ledger))
        return
    for line in ledger_lines(day_ledger, style_of(sys.stdout)):
        say(line)


def _day(text: str | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError as error:
        raise UsageError(f"--date {printable(text or '')}: a day is written like 2025-09-18") from error


def ledger_json(day_ledger: "Ledger") -> dict[str, Any]:
    """The ledger with its sums as JSON; `balanced` is true if they agree."""
    return {
        "subscriber": day_ledger.subscriber,
        "date": day_ledger.day.isoformat(),
        "seen": len(day_ledger.lines),
        "not_matched": day_ledger.fates["not matched"],
        "being_planned": day_ledger.fates["being planned"],
        "asked_for_since": day_ledger.fates["asked for since"],
        "no_channel": day_ledger.fates["no channel"],
        "matched": day_ledger.fates["matched"],
        "targets": day_ledger.targets,
        "queued": day_ledger.queued,
        "ends": day_ledger.ends,
        "balanced": sum(day_ledger.fates.values()) == len(day_ledger.lines)
        and sum(day_ledger.ends.values()) == day_ledger.targets,
        "papers": [_line_json(line) for line in day_ledger.lines],
    }


def _line_json(line: "LedgerLine") -> dict[str, Any]:
    return {
        "id": line.paper.id,
        "title": line.paper.title,
        "fate": line.fate,
        "subscriptions": list(line.subscriptions),
        "rule": line.rule,
        "source": line.source,
        "targets": [
            {
                "target": target.target,
                "end": target.end,
                "key": target.delivery.key if target.delivery else None,
                "cause": target.delivery.cause if target.delivery else None,
                "error": target.delivery.error if target.delivery else None,
            }
            for target in line.targets
        ],
        "others": [
            {"key": row.key, "kind": row.kind, "state": row.state, "cause": row.cause} for row in line.others
        ],
    }


def ledger_lines(day_ledger: "Ledger", style: Style) -> list[str]:
    """The ledger as text: each matched paper with its targets, the other papers by fate."""
    if not day_ledger.lines:
        return [f"no digest of {day_ledger.day} has been read"]
    fates, seen = day_ledger.fates, len(day_ledger.lines)
    lines = [f"{day_ledger.subscriber}, papers of {day_ledger.day}", ""]
    for line in day_ledger.lines:
        if line.targets or line.fate == "no channel":
            lines += _matched_lines(line, style)
    for fate in ("being planned", "asked for since", "not matched"):
        others = [line for line in day_ledger.lines if line.fate == fate]
        if others:
            lines += [
                f"{fate}: {len(others)}",
                *(style.faint(f"  {line.paper.id}  {line.paper.title}") for line in others),
            ]
    papers = ", ".join(f"{count} {fate}" for fate, count in fates.items() if count)
    ends = ", ".join(f"{count} {end}" for end, count in day_ledger.ends.items())
    lines += ["", f"{seen} seen = {papers}"]
    if day_ledger.targets:
        matches = counted(day_ledger.targets, "match", "matches")
        lines.append(f"{matches} at a target ({day_ledger.queued} queued) = {ends}")
    return lines


def _matched_lines(line: "LedgerLine", style: Style) -> list[str]:
    from bot.pipeline.history import rule_text

    rule = printable(rule_text(line.rule, line.source))
    lines = [
        f"{line.paper.id}  {style.strong(line.paper.title)}",
        f"  for {printable(', '.join(line.subscriptions))} ({rule})",
    ]
    if not line.targets:
        lines.append("  no channel takes what matched")
    for target in line.targets:
        error = f": {printable(target.delivery.error)}" if target.delivery and target.delivery.error else ""
        lines.append(f"  {target.end:<9}  {printable(target.target)}{error}")
    quizzes = [
        f"{row.state} ({row.error})" if row.cause else row.state for row in line.others if row.kind == "quiz"
    ]
    if quizzes:
        states = ", ".join(f"{quizzes.count(state)} {state}" for state in dict.fromkeys(quizzes))
        lines.append(style.faint(f"  quiz polls: {states}"))
    return [*lines, ""]
