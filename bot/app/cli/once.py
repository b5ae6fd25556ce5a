"""`paperboy once`: one pass over the folders, or a dry run of it."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.app.cli.context import (
    NEEDS_A_LOOK,
    ConfigOption,
    JsonOption,
    VerboseOption,
    check_recipients,
    load_only_settings,
    load_only_subscribers,
    say,
    say_json,
)
from bot.app.cli.fetch import fetch_sources, results_json, unreachable_line
from bot.app.cli.logs import start_logs
from bot.app.cli.status import needs_a_look, unusable
from bot.domain.text import counted, printable

if TYPE_CHECKING:
    from bot.app.config.settings import Settings
    from bot.app.once import DryRunMessage, FolderScan, OnceResult
    from bot.domain.subscriptions import Subscriber
    from bot.pipeline.ingest import IngestResult
    from bot.pipeline.sources import FetchResult


def once(
    context: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send and store nothing; print what would go out.")
    ] = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    config: ConfigOption = None,
) -> int:
    """Read what is in the folders, send what is due, and stop.

    Sources that are due are fetched first. Exit 1 if something needs a look: a dead letter, an uncertain delivery, an
    unreadable file.
    """
    import asyncio

    from bot.app.container import build_container
    from bot.app.once import run_and_close, scan_folders

    verbose += context.obj.verbose
    settings = load_only_settings(context, config)
    start_logs(verbose)
    fetched = [] if dry_run else fetch_sources(settings, due=True)
    scan = scan_folders(settings)
    subscribers = load_only_subscribers(context, config, settings)
    if dry_run:
        return _dry_run(settings, subscribers, scan, as_json=as_json, verbose=verbose)
    check_recipients(settings, subscribers)
    result = asyncio.run(run_and_close(build_container(settings, subscribers), scan))
    unreadable = bool(unusable(scan.skipped))
    stuck = needs_a_look(result.counts) or unreadable or result.ingest.unread or result.feeds_error
    code = NEEDS_A_LOOK if stuck else 0
    _say_result(result, settings, scan, fetched, as_json=as_json, verbose=verbose)
    if code and not as_json:
        typer.echo("something needs a look: `paperboy status` names it", err=True)
    return code


def _dry_run(
    settings: "Settings",
    subscribers: "Sequence[Subscriber]",
    scan: "FolderScan",
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

    result = dry_run_messages(settings, subscribers, scan, show=show)
    if as_json:
        say_json(
            {
                "new": result.new,
                "gained": result.gained,
                "problems": problems_json(result),
                "messages": [dataclasses.asdict(message) for message in messages],
            }
        )
        return 0
    _say_skipped(settings, scan, verbose=verbose)
    for line in _problem_lines(result):
        typer.echo(line)
    summary = f"{counted(result.new, 'new paper')}; {counted(len(messages), 'message')} would go out."
    typer.echo(f"{summary} Nothing was sent or stored.")
    return 0


def _say_result(
    result: "OnceResult",
    settings: "Settings",
    scan: "FolderScan",
    fetched: "Sequence[FetchResult]",
    *,
    as_json: bool,
    verbose: int,
) -> None:
    if as_json:
        say_json(
            _result_json(result, scan) | ({"sources": results_json(fetched)} if settings.sources else {})
        )
        return
    for fetch in fetched:
        if fetch.state.error:
            typer.echo(unreachable_line(fetch), err=True)
    _say_skipped(settings, scan, verbose=verbose)
    for line in _result_lines(result, scan):
        typer.echo(line)


def _say_skipped(settings: "Settings", scan: "FolderScan", *, verbose: int) -> None:
    from bot.domain.files import EXPECTED_SKIPS

    for folder in settings.watch.folders:
        if not folder.is_dir():
            typer.echo(f"the watched folder {printable(str(folder))} is not there", err=True)
    expected = () if verbose else (*EXPECTED_SKIPS, "missing")
    for file in scan.skipped:
        if file.reason not in expected:
            typer.echo(f"skipped {printable(file.name)}: {printable(file.what)}", err=True)


def _result_lines(result: "OnceResult", scan: "FolderScan") -> list[str]:
    ingest = result.ingest
    states = ", ".join(f"{count} {state}" for state, count in sorted(result.ends.items()) if count)
    files = counted(len(scan.whole), "file")
    lines = [
        f"{counted(ingest.digests, 'new digest')} of {files}: {counted(ingest.entries, 'entry', 'entries')}, "
        f"{counted(ingest.new, 'new paper')}, {ingest.gained} updated"
        if ingest.digests
        else f"nothing new in {files}",
        *_problem_lines(ingest),
        *([printable(f"feeds: {result.feeds_error}")] if result.feeds_error else []),
        f"deliveries: {states}" if states else "nothing was due",
    ]
    if scan.still_written:
        files = counted(scan.still_written, "file is", "files are")
        lines.append(f"{files} still being written and left for the next pass")
    return lines


def _result_json(result: "OnceResult", scan: "FolderScan") -> dict[str, Any]:
    ingest = result.ingest
    return {
        "files": len(scan.whole),
        "digests": ingest.digests,
        "entries": ingest.entries,
        "new": ingest.new,
        "gained": ingest.gained,
        "deliveries": dict(result.ends),
        "problems": problems_json(ingest),
        "feeds_error": result.feeds_error,
        "skipped": [{"file": file.name, "why": file.what} for file in scan.skipped],
    }


def _problem_lines(result: "IngestResult") -> list[str]:
    """A line for each problem in the files."""
    return [printable(f"{name}:{line}: {what}") for name, line, what in result.problems]


def problems_json(result: "IngestResult") -> list[dict[str, str | int]]:
    """The problems in the files, as JSON."""
    return [{"file": name, "line": line, "what": what} for name, line, what in result.problems]
