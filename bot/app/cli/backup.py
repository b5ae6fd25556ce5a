"""`paperboy backup`: copies the state, also while paperboy runs."""

from pathlib import Path
from typing import Annotated

import typer

from bot.app.cli.context import ConfigOption, JsonOption, load_only_settings, say_json
from bot.domain.errors import UsageError
from bot.domain.text import printable


def backup(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="File for the copy; an existing one is replaced once the copy is complete."
        ),
    ],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Back up the state, also while paperboy runs.

    To restore: stop paperboy, replace the state by the copy, and remove the state's -wal and -shm files.
    """
    from bot.adapters.store.maintenance import back_up

    settings = load_only_settings(context, config)
    state = settings.sqlite_file
    if state is None:
        raise UsageError(
            "backup copies SQLite states; for PostgreSQL use pg_dump, which copies while all run"
        )
    if file.is_dir():
        raise UsageError(f"{printable(str(file))} is a folder; name a file for the copy")
    if file.resolve() == state.resolve():
        raise UsageError(f"{printable(str(file))} is the state itself; name another file")
    size = back_up(state, file)
    if as_json:
        say_json({"file": str(file), "bytes": size})
    else:
        typer.echo(f"{printable(str(file))}: {size / 1_000_000:.1f} MB")
