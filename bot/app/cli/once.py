"""`paperboy once`: one pass over the folders, or a dry run of it."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.app.cli.context import (
    ConfigOption,
    JsonOption,
    VerboseOption,
    check_recipients,
    load_only_settings,
    load_only_subscribers,
    say,
    say_json,
    start_logs,
)
from bot.app.cli.fetch import fetch_sources, results_json, unreachable_line
from bot.app.cli.status import NEEDS_A_LOOK, needs_a_look, unusable
from bot.app.cli.terminal import counted
from bot.domain.text import printable

if TYPE_CHECKING:
    from bot.app.config.settings import Settings
    from bot.app.once import Done, DryRunMessage, Looked
    from bot.domain.subscriptions import Subscriber
    from bot.pipeline.fetch import FetchResult
    from bot.pipeline.ingest import Taken


def once(
    context: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send and store nothing; print what would go out.")
    ] = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    config: ConfigOption = None,
) -> int:
    """Read what is in the folders now, send all that is due, stop.

    Sources that are due are fetched first.
    Exit 1 when something needs a look: a dead letter, an uncertain delivery, an unreadable file.
    """
    import asyncio

    from bot.app.container import build_container
    from bot.app.once import look_around, run_and_close

    verbose += context.obj.verbose
    settings = load_only_settings(context, config)
    start_logs(verbose)
    fetched = [] if dry_run else fetch_sources(settings, due=True)
    looked = look_around(settings)
    subscribers = load_only_subscribers(context, config, settings)
    if dry_run:
        return _dry_run(settings, subscribers, looked, as_json=as_json, verbose=verbose)
    check_recipients(settings, subscribers)
    container = build_container(settings, subscribers)
    done = asyncio.run(run_and_close(container, looked))
    counts = container.store.deliveries.counts(container.clock.now())
    container.store.close()
    unreadable = bool(unusable(looked.skipped))
    stuck = needs_a_look(counts) or unreadable or done.taken.unread or done.feeds_error
    code = NEEDS_A_LOOK if stuck else 0
    _say_done(done, settings, looked, fetched, as_json=as_json, verbose=verbose)
    if code and not as_json:
        typer.echo("something needs a look: `paperboy status` names it", err=True)
    return code


def _dry_run(
    settings: "Settings",
    subscribers: "Sequence[Subscriber]",
    looked: "Looked",
    *,
    as_json: bool,
    verbose: int,
) -> int:
    from bot.app.once import dry_run_messages

    messages: list[DryRunMessage] = []

    def show(message: "DryRunMessage") -> None:
        messages.append(message)
        if not as_json:
            say(f"── {message.kind} to {message.target} ({message.subscriber})\n{message.text}\n")

    taken = dry_run_messages(settings, subscribers, looked, show=show)
    if as_json:
        say_json(
            {
                "new": taken.new,
                "gained": taken.gained,
                "problems": _problems_json(taken),
                "messages": [dataclasses.asdict(message) for message in messages],
            }
        )
        return 0
    _say_skipped(settings, looked, verbose=verbose)
    for line in _problem_lines(taken):
        typer.echo(line)
    summary = f"{counted(taken.new, 'new paper')}; {counted(len(messages), 'message')} would go out."
    typer.echo(f"{summary} Nothing was sent or stored.")
    return 0


def _say_done(
    done: "Done",
    settings: "Settings",
    looked: "Looked",
    fetched: "Sequence[FetchResult]",
    *,
    as_json: bool,
    verbose: int,
) -> None:
    if as_json:
        say_json(_done_json(done, looked) | ({"sources": results_json(fetched)} if settings.sources else {}))
        return
    for result in fetched:
        if result.state.error:
            typer.echo(unreachable_line(result), err=True)
    _say_skipped(settings, looked, verbose=verbose)
    for line in _done_lines(done, looked):
        typer.echo(line)


def _say_skipped(settings: "Settings", looked: "Looked", *, verbose: int) -> None:
    from bot.domain.files import EXPECTED_SKIPS

    for folder in settings.watch.folders:
        if not folder.is_dir():
            typer.echo(f"the watched folder {printable(str(folder))} is not there", err=True)
    expected = () if verbose else (*EXPECTED_SKIPS, "missing")
    for file in looked.skipped:
        if file.reason not in expected:
            typer.echo(f"skipped {printable(file.name)}: {printable(file.what)}", err=True)


def _done_lines(done: "Done", looked: "Looked") -> list[str]:
    taken = done.taken
    states = ", ".join(f"{count} {state}" for state, count in sorted(done.ends.items()) if count)
    lines = [
        f"{counted(taken.digests, 'new digest')} of {counted(len(looked.whole), 'file')}: "
        f"{counted(taken.entries, 'entry', 'entries')}, {counted(taken.new, 'new paper')}, "
        f"{taken.gained} gained something",
        *_problem_lines(taken),
        *([printable(f"feeds: {done.feeds_error}")] if done.feeds_error else []),
        f"deliveries: {states}" if states else "nothing was due",
    ]
    if looked.still_written:
        files = counted(looked.still_written, "file is", "files are")
        lines.append(f"{files} still being written and left for the next pass")
    return lines


def _done_json(done: "Done", looked: "Looked") -> dict[str, Any]:
    taken = done.taken
    return {
        "files": len(looked.whole),
        "digests": taken.digests,
        "entries": taken.entries,
        "new": taken.new,
        "gained": taken.gained,
        "deliveries": dict(done.ends),
        "problems": _problems_json(taken),
        "feeds_error": done.feeds_error,
        "skipped": [{"file": file.name, "why": file.what} for file in looked.skipped],
    }


def _problem_lines(taken: "Taken") -> list[str]:
    """A line for each part of the files that could not be used."""
    return [printable(f"{name}:{line}: {what}") for name, line, what in taken.problems]


def _problems_json(taken: "Taken") -> list[dict[str, str | int]]:
    return [{"file": name, "line": line, "what": what} for name, line, what in taken.problems]
