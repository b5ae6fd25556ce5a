"""`paperboy import`: reads old digests without sending them."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.app.cli.context import (
    INTERRUPTED,
    NEEDS_A_LOOK,
    ConfigOption,
    JsonOption,
    VerboseOption,
    load,
    say_json,
)
from bot.app.cli.logs import start_logs
from bot.app.cli.once import problems_json
from bot.app.cli.terminal import progress
from bot.domain.errors import UsageError
from bot.domain.text import counted, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.app.config.settings import Settings
    from bot.app.container import Container
    from bot.domain.files import FoundFile, Skipped
    from bot.pipeline.ingest import IngestResult

_FILES_NAMED = 5
_FILES_A_STEP = 32
"""Files that are stored together, between two updates of the progress bar."""


def import_(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A folder of digests, with its subfolders.")
    ],
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    config: ConfigOption = None,
) -> int:
    """Read old digests without sending them.

    Can be stopped and started again: no file is read twice. Exit 1 if a file could not be used.
    """
    from bot.app.container import build_container
    from bot.pipeline.ingest import IngestResult

    if not folder.is_dir():
        raise UsageError(
            f"{printable(str(folder))} is no folder; `paperboy import FOLDER` reads a folder of digests"
        )
    settings, subscribers = load(context, config)
    start_logs(context.obj.verbose + verbose)
    files, skipped = _look(folder, settings)
    container = build_container(settings, subscribers)
    total = IngestResult()
    try:
        _ingest(container, files, total)
    except KeyboardInterrupt:
        typer.echo("paperboy: stopped; the same command goes on from here", err=True)
        return INTERRUPTED
    finally:
        container.store.close()
    if as_json:
        say_json(_json(files, total, skipped))
    else:
        _say(files, total, skipped)
    return NEEDS_A_LOOK if _unusable(total) else 0


def _look(folder: Path, settings: "Settings") -> "tuple[list[FoundFile], list[Skipped]]":
    """The files and skipped entries of a folder. Names begin with the folder's, unlike those of watched folders."""
    from bot.adapters.folders import scan
    from bot.domain.files import FoundFile

    root = folder.resolve()
    files: list[FoundFile] = []
    skipped: list[Skipped] = []
    for entry in scan([root], max_bytes=settings.max_bytes, base=settings.base):
        if isinstance(entry, FoundFile):
            files.append(replace(entry, name=f"{printable(root.name)}/{entry.name}"))
        else:
            skipped.append(entry)
    return files, skipped


def _ingest(container: "Container", files: "Sequence[FoundFile]", total: "IngestResult") -> None:
    newest_first = sorted(container.files(files), key=lambda file: file.name, reverse=True)
    with progress("reading", len(newest_first)) as advance:
        for start in range(0, len(newest_first), _FILES_A_STEP):
            step = newest_first[start : start + _FILES_A_STEP]
            total.add(container.ingest.process_history(step, container.clock.now()))
            total.add_planned(container.ingest.finish_planning(container.clock.now()))
            advance(len(step))
    if total.changed:
        total.add_planned(container.ingest.finish_history(container.clock.now()))


def _unusable(result: "IngestResult") -> list[tuple[str, str]]:
    """Name and reason of each file that gave no digest."""
    return [(name, what) for name, line, what in result.problems if not line]


def _say(files: "Sequence[FoundFile]", result: "IngestResult", skipped: "Sequence[Skipped]") -> None:
    for entry in skipped:
        typer.echo(f"skipped {printable(entry.name)}: {printable(entry.what)}", err=True)
    unusable = _unusable(result)
    for name, what in unusable[:_FILES_NAMED]:
        typer.echo(printable(what if what.startswith(name) else f"{name}: {what}"), err=True)
    if len(unusable) > _FILES_NAMED:
        typer.echo(
            f"… and {len(unusable) - _FILES_NAMED} more files that cannot be used (--json names them)",
            err=True,
        )
    if not result.changed:
        typer.echo(f"nothing new in {counted(len(files), 'file')}")
        return
    rows = len(result.problems) - len(unusable)
    typer.echo(
        f"{counted(result.digests, 'digest')} of {counted(len(files), 'file')}: "
        f"{counted(result.entries, 'entry', 'entries')}, {counted(result.new, 'new paper')}; nothing of them is sent"
        + (f"; {counted(rows, 'problem')} in them (`paperboy read` lists them)" if rows else "")
    )


def _json(
    files: "Sequence[FoundFile]", result: "IngestResult", skipped: "Sequence[Skipped]"
) -> dict[str, Any]:
    return {
        "files": len(files),
        "digests": result.digests,
        "entries": result.entries,
        "new": result.new,
        "gained": result.gained,
        "matched": result.notices,
        "problems": problems_json(result),
        "skipped": [{"file": entry.name, "why": entry.what} for entry in skipped],
    }
