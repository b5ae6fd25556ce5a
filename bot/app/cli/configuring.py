"""`paperboy init`, `check` and `schema`: the two configuration files."""

import json
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.app.cli.options import ConfigOption, JsonOption, config_path, say_json
from bot.app.cli.terminal import people_counted
from bot.domain.errors import Fault
from bot.domain.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.app.cli.check import Checked

WRONG = 2
_WARNED = 10
"""So many warnings of a kind are printed: more would push the first ones off the screen."""


def init(
    context: typer.Context,
    telegram: Annotated[
        str | None,
        typer.Option(
            "--telegram", metavar="TOKEN", help="Wait for your /start to this bot and fill your chat's id in."
        ),
    ] = None,
    config: ConfigOption = None,
) -> int:
    """Write both configuration files, commented; never overwrites."""
    from bot.app.config.beginning import refuse_to_overwrite, write_templates

    path = config_path(context, config)
    chat_id = None
    refuse_to_overwrite(path.parent, name=path.name)
    if telegram is not None:
        from bot.app.greeting import wait_for_start

        chat_id = wait_for_start(telegram, say=typer.echo)
    for written in write_templates(path.parent, chat_id=chat_id, name=path.name):
        typer.echo(f"wrote {written}")
    if telegram is not None:
        typer.echo(
            "next: export PAPERBOY_TELEGRAM_TOKEN=…, or name a file that holds it (telegram.token_file)"
        )
    typer.echo("next: edit your keywords, then `paperboy check` and `paperboy run`")
    return 0


def check(context: typer.Context, as_json: JsonOption = False, config: ConfigOption = None) -> int:
    """Check both configuration files, and say file:line:column.

    Warns of what works but should be looked at, such as a subscription that matched nothing in 90 days.
    """
    from bot.app.cli.check import examine

    explicit = config is not None or context.obj.config is not None
    checked = examine(config_path(context, config), os.environ, explicit=explicit)
    silent: list[Fault] = []
    if checked.settings is not None and not checked.faults:
        from bot.app.silent import silent_subscriptions

        silent = silent_subscriptions(checked.settings, checked.subscribers, checked.places)
    if as_json:
        warnings = map(_fault_json, (*checked.warnings, *silent))
        say_json({"errors": list(map(_fault_json, checked.faults)), "warnings": list(warnings)})
    else:
        _say(checked, silent)
    return WRONG if checked.faults else 0


def _say(checked: "Checked", silent: list[Fault]) -> None:
    for fault in checked.faults:
        typer.echo(printable(str(fault)), err=True)
    _warn(checked.warnings, "more warnings; `paperboy check --json` lists them all")
    _warn(silent, "more subscriptions matched nothing; `paperboy doctor` lists them all")
    if not checked.faults:
        typer.echo(f"fine: {people_counted(checked.subscribers)}")


def _warn(warnings: "Sequence[Fault]", rest: str) -> None:
    for warning in warnings[:_WARNED]:
        place = f"{warning.file}:{warning.line}:{warning.column}"
        typer.echo(printable(f"{place}: warning: {warning.message}"), err=True)
    if len(warnings) > _WARNED:
        typer.echo(f"… and {len(warnings) - _WARNED} {rest}", err=True)


def _fault_json(fault: Fault) -> dict[str, Any]:
    return {"file": fault.file, "line": fault.line, "column": fault.column, "message": fault.message}


def schema() -> None:
    """Print the JSON Schema of both files, for editors."""
    from bot.app.config.schema import schema as both

    typer.echo(json.dumps(both(), indent=2, ensure_ascii=False))
