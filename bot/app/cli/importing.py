"""`paperboy import`: history, that nobody is told of."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.app.cli.options import ConfigOption, JsonOption, VerboseOption, interactive, load, say_json
from bot.app.cli.safe import plain
from bot.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.app.config.settings_model import Settings
    from bot.app.wiring import House
    from bot.domain.arrivals import Found, Skipped
    from bot.pipeline.ingest import Taken

NEEDS_A_LOOK = 1
INTERRUPTED = 130
_NAMED = 5
_TOGETHER = 32
"""Files between two looks at the progress; what was stored until a stop stays stored."""


def import_(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A folder of digests, with its subfolders.")
    ],
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    config: ConfigOption = None,
) -> int:
    """Read the history in a folder and tell nobody, now or later.

    May be stopped and started again: what was read stays, and is not read twice. Exit 1 when a file could
    not be used.
    """
    from bot.app import logs, wiring
    from bot.pipeline.ingest import Taken

    if not folder.is_dir():
        raise UsageError(
            f"{plain(str(folder))} is no folder; `paperboy import FOLDER` reads a folder of digests"
        )
    settings, subscribers = load(context, config)
    logs.start(context.obj.verbose + verbose)
    found, skipped = _look(folder, settings)
    house = wiring.build(settings, subscribers)
    total = Taken()
    try:
        _take_all(house, found, total)
    except KeyboardInterrupt:
        typer.echo("paperboy: stopped; the same command goes on from here", err=True)
        return INTERRUPTED
    finally:
        house.store.close()
    if as_json:
        say_json(_json(found, total, skipped))
    else:
        _say(found, total, skipped)
    return NEEDS_A_LOOK if _unusable(total) else 0


def _look(folder: Path, settings: "Settings") -> "tuple[list[Found], list[Skipped]]":
    """The folder's files, named by it too: they stay apart from those of the watched folders."""
    from bot.adapters.folders import look
    from bot.app.wiring import max_bytes
    from bot.domain.arrivals import Found

    root = folder.resolve()
    found: list[Found] = []
    skipped: list[Skipped] = []
    for one in look([root], max_bytes=max_bytes(settings), base=settings.base):
        if isinstance(one, Found):
            found.append(replace(one, name=f"{plain(root.name)}/{one.name}"))
        else:
            skipped.append(one)
    return found, skipped


def _take_all(house: "House", found: "Sequence[Found]", total: "Taken") -> None:
    files = sorted(house.files(found), key=lambda file: file.name, reverse=True)
    with typer.progressbar(
        length=len(files), label="reading", file=sys.stderr, hidden=not interactive()
    ) as bar:
        for start in range(0, len(files), _TOGETHER):
            some = files[start : start + _TOGETHER]
            total.add(house.ingest.take_in_history(some, house.clock.now()))
            total.add_planned(house.ingest.finish_planning(house.clock.now()))
            bar.update(len(some))
    if total.changed:
        total.add_planned(house.ingest.finish_history(house.clock.now()))


def _unusable(taken: "Taken") -> list[tuple[str, str]]:
    """Files that gave no digest, with why."""
    return [(name, what) for name, line, what in taken.problems if not line]


def _say(found: "Sequence[Found]", taken: "Taken", skipped: "Sequence[Skipped]") -> None:
    for one in skipped:
        typer.echo(f"skipped {plain(one.name)}: {plain(one.what)}", err=True)
    unusable = _unusable(taken)
    for name, what in unusable[:_NAMED]:
        typer.echo(plain(what if what.startswith(name) else f"{name}: {what}"), err=True)
    if len(unusable) > _NAMED:
        typer.echo(
            f"… and {len(unusable) - _NAMED} more files that cannot be used (--json names them)", err=True
        )
    if not taken.changed:
        typer.echo(f"nothing new in {len(found)} files")
        return
    rows = len(taken.problems) - len(unusable)
    typer.echo(
        f"{taken.digests} digests of {len(found)} files: {taken.entries} entries, {taken.new} new papers; "
        "nobody is told of them"
        + (f"; {rows} things in them were odd (`paperboy read` names them)" if rows else "")
    )


def _json(found: "Sequence[Found]", taken: "Taken", skipped: "Sequence[Skipped]") -> dict[str, Any]:
    return {
        "files": len(found),
        "digests": taken.digests,
        "entries": taken.entries,
        "new": taken.new,
        "gained": taken.gained,
        "matched": taken.notices,
        "problems": [{"file": name, "line": line, "what": what} for name, line, what in taken.problems],
        "skipped": [{"file": one.name, "why": one.what} for one in skipped],
    }
