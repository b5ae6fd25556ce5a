"""The `paperboy` program: its commands, and exit codes for errors.

Commands import clients, the store and pydantic inside their functions, so `--help` and `version` stay fast.
"""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from bot import __version__
from bot.app.cli import (
    backup,
    check,
    demo,
    doctor,
    explain,
    import_,
    init,
    ledger,
    once,
    outbox,
    preview,
    read,
    replay,
    run,
    status,
)
from bot.app.cli.context import CONFIG_VARIABLE, Common, JsonOption, VerboseOption, say_json
from bot.app.cli.terminal import counted
from bot.domain.errors import ConfigError, PaperboyError, StateError, UsageError
from bot.domain.text import printable

WRONG_USAGE = 2
STATE_UNUSABLE = 3
_FAULTS_SHOWN = 10
"""Configuration faults that other commands print; `check` prints all."""

app = typer.Typer(
    name="paperboy",
    help="From digests of new papers to the alerts, mails, feeds and quizzes that each person asked for.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (
    run.run,
    once.once,
    demo.demo,
    init.init,
    check.check,
    read.read,
    preview.preview,
    explain.explain,
    ledger.ledger,
    doctor.doctor,
    import_.import_,
    replay.replay,
    status.status,
    backup.backup,
    check.schema,
):
    app.command(command.__name__.strip("_"))(command)
app.add_typer(outbox.app, name="outbox")


@app.callback()
def common(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            envvar=CONFIG_VARIABLE,
            help="The settings; config/paperboy.yaml by default.",
        ),
    ] = None,
    verbose: VerboseOption = 0,
) -> None:
    """Options before the command."""
    context.obj = Common(config=config, verbose=verbose)


@app.command()
def version(as_json: JsonOption = False) -> None:
    """Show the version."""
    if as_json:
        say_json({"version": __version__})
    else:
        typer.echo(f"paperboy {__version__}")


def main() -> None:
    """Runs the command line and ends the process: 0 done, 1 needs a look, 2 wrong usage, 3 state unusable."""
    logging.captureWarnings(capture=True)
    try:
        code = app(standalone_mode=False, prog_name="paperboy")
    except typer.TyperException as error:
        _print_error_of_usage(error)
        sys.exit(WRONG_USAGE)
    except (typer.Abort, KeyboardInterrupt):
        _print_error("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except ConfigError as error:
        _print_error_of_faults(error)
        sys.exit(WRONG_USAGE)
    except UsageError as error:
        _print_error(str(error))
        sys.exit(WRONG_USAGE)
    except StateError as error:
        _print_error(str(error))
        sys.exit(STATE_UNUSABLE)
    except PaperboyError as error:
        _print_error(str(error))
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _print_error_of_usage(error: typer.TyperException) -> None:
    text = error.format_message() if hasattr(error, "format_message") else str(error)
    if text.startswith("Usage:"):  # no command: print the help
        typer.echo(text, err=True)
    else:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "paperboy"
        mark = "" if text.endswith("?") else ";"
        _print_error(f"{text.rstrip('.')}{mark} `{command} --help` shows the options")


def _print_error_of_faults(error: ConfigError) -> None:
    for fault in error.faults[:_FAULTS_SHOWN]:
        _print_error(printable(str(fault)))
    more = len(error.faults) - _FAULTS_SHOWN
    if more > 0:
        _print_error(f"and {counted(more, 'more fault', 'more faults')}; `paperboy check` lists them")


def _print_error(text: str) -> None:
    for line in text.splitlines():
        typer.echo(f"paperboy: {line}", err=True)
