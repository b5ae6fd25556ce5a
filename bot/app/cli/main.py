"""The `paperboy` program: its commands, and the messages and exit codes of errors.

Only the module of the requested command is imported; `--help` imports all of them. Commands import clients, the store
and pydantic inside their functions, so both stay fast.
"""

import io
import logging
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from bot import __version__
from bot.app.cli.context import (
    CONFIG_VARIABLE,
    INTERRUPTED,
    STATE_UNUSABLE,
    WRONG_USAGE,
    Common,
    JsonOption,
    VerboseOption,
    say_json,
)
from bot.app.cli.help import HelpCommand, HelpGroup
from bot.domain.errors import ConfigError, PaperboyError, StateError, UsageError
from bot.domain.text import counted, printable

_FAULTS_SHOWN = 10
"""Configuration faults that other commands print; `check` prints all."""
_START, _RUN, _UNDERSTAND, _MAINTAIN, _REFERENCE = (
    "Get started",
    "Run",
    "Understand",
    "Maintain",
    "Reference",
)
"""Groups of commands in the help."""


class CommandEntry(NamedTuple):
    """A command of the program."""

    name: str
    group: str
    run: str
    """`module:name` of a function, or of a Typer application with commands of its own, in `bot.app.cli`."""
    examples: tuple[str, ...]
    """Command lines without `paperboy`, for the help and the man page."""

    def load(self) -> Callable[..., object] | typer.Typer:
        """The function or application, imported."""
        module, _, name = self.run.partition(":")
        loaded: Callable[..., object] | typer.Typer = getattr(import_module(f"bot.app.cli.{module}"), name)
        return loaded


def version(as_json: JsonOption = False) -> None:
    """Print the version."""
    if as_json:
        say_json({"version": __version__})
    else:
        typer.echo(f"paperboy {__version__}")


def help_(
    command: Annotated[
        list[str] | None, typer.Argument(metavar="COMMAND", help="A command, like run or outbox retry.")
    ] = None,
) -> None:
    """Show the help of a command."""
    command_line()([*(command or ()), "--help"], standalone_mode=False, prog_name="paperboy")


_WITHOUT_JSON = frozenset({"run", "help"})


COMMANDS: tuple[CommandEntry, ...] = (
    CommandEntry(
        "init",
        _START,
        "init:init",
        (
            "init",
            "init --keywords 'agents, diffusion model' --source daily-paper --telegram token.txt",
            "init --source list",
        ),
    ),
    CommandEntry("demo", _START, "demo:demo", ("demo",)),
    CommandEntry("check", _START, "check:check", ("check", "check --json")),
    CommandEntry("test", _START, "send_test:send_test", ("test me",)),
    CommandEntry("run", _RUN, "run:run", ("run", "run --only ingest,deliver", "run --log-json")),
    CommandEntry("once", _RUN, "once:once", ("once", "once --dry-run")),
    CommandEntry("fetch", _RUN, "fetch:fetch", ("fetch", "fetch daily-paper")),
    CommandEntry("status", _RUN, "status:status", ("status", "status --json", "status --alive")),
    CommandEntry("feeds", _RUN, "feeds:feeds", ("feeds", "feeds --renew me")),
    CommandEntry(
        "preview",
        _UNDERSTAND,
        "preview:preview",
        ("preview 'language models'", "preview 'graph NEAR/5 neural' --days 30"),
    ),
    CommandEntry("explain", _UNDERSTAND, "explain:explain", ("explain arxiv:2509.14008 me",)),
    CommandEntry("ledger", _UNDERSTAND, "ledger:ledger", ("ledger me", "ledger me --date 2025-10-01")),
    CommandEntry("doctor", _UNDERSTAND, "doctor:doctor", ("doctor", "doctor --online")),
    CommandEntry(
        "read",
        _UNDERSTAND,
        "read:read",
        ("read seeds/*.txt", "read --json digest.md", "read --explain digest.md"),
    ),
    CommandEntry("replay", _UNDERSTAND, "replay:replay", ("replay archive/ --subscribers 200 --faults",)),
    CommandEntry("import", _MAINTAIN, "import_:import_", ("import archive/",)),
    CommandEntry("backup", _MAINTAIN, "backup:backup", ("backup paperboy.backup",)),
    CommandEntry(
        "outbox", _MAINTAIN, "outbox:app", ("outbox list --state uncertain", "outbox retry --state dead")
    ),
    CommandEntry(
        "export",
        _MAINTAIN,
        "export:app",
        ("export subscriptions > subscriptions.new.yaml", "export bibtex me > papers.bib"),
    ),
    CommandEntry("schema", _REFERENCE, "schema:schema", ("schema > paperboy.schema.json",)),
    CommandEntry("version", _REFERENCE, "main:version", ("version", "--version")),
    CommandEntry("help", _REFERENCE, "main:help_", ("help run", "help outbox retry")),
)


GROUP_EXAMPLES: dict[str, tuple[str, ...]] = {
    "outbox list": ("outbox list --state uncertain --since 2h", "outbox list --target email --limit 10"),
    "outbox retry": ("outbox retry --state dead", "outbox retry --target email:ann@example.org"),
    "outbox drop": ("outbox drop --state dead --kind quiz",),
    "outbox arrived": ("outbox arrived --state uncertain --target telegram:123456789",),
    "outbox open": ("outbox open email",),
    "export subscriptions": ("export subscriptions", "export subscriptions chat123456789"),
    "export opml": ("export opml > feeds.opml",),
    "export bibtex": ("export bibtex me", "export bibtex --format ris"),
    "export papers": ("export papers > papers.jsonl",),
}
"""Examples of the commands of a group, by both names."""


def command_line(only: str = "") -> typer.Typer:
    """The command line with the command named `only`, or with all commands if none has that name."""
    line = typer.Typer(
        name="paperboy",
        cls=HelpGroup,
        help="Digests of new papers as alerts, mails, feeds and quizzes.\n\n"
        "`paperboy demo` shows what it does; `paperboy help COMMAND` describes a command.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    line.callback()(_common)
    for entry in [entry for entry in COMMANDS if entry.name == only] or COMMANDS:
        run = entry.load()
        about: dict[str, Any] = {
            "name": entry.name,
            "epilog": _command_lines(entry.examples),
            "rich_help_panel": entry.group,
        }
        if isinstance(run, typer.Typer):
            for command in run.registered_commands:
                name = command.name or (command.callback.__name__.strip("_") if command.callback else "")
                command.cls = HelpCommand
                command.epilog = _command_lines(GROUP_EXAMPLES.get(f"{entry.name} {name}", ()))
            line.add_typer(run, cls=HelpGroup, **about)
        else:
            line.command(cls=HelpCommand, **about)(run)
    return line


def _command_lines(examples: tuple[str, ...]) -> str:
    return "\n".join(f"paperboy {example}" for example in examples)


def _print_version(asked: bool) -> None:
    if asked:
        version()
        raise typer.Exit


def _common(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            envvar=CONFIG_VARIABLE,
            help=f"Settings file (default: config/paperboy.yaml, or ${CONFIG_VARIABLE}).",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")] = False,
    verbose: VerboseOption = 0,
    _version: Annotated[
        bool,
        typer.Option("-V", "--version", help="Print the version.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Options before the command."""
    context.obj = Common(config=config, verbose=verbose, as_json=as_json)
    if as_json and context.invoked_subcommand in _WITHOUT_JSON:
        raise UsageError(f"`paperboy {context.invoked_subcommand}` has no --json")


def main() -> None:
    """Run the command line and end the process: 0 done, 1 needs a look, 2 wrong usage, 3 state unusable."""
    logging.captureWarnings(capture=True)
    _prepare_streams()
    try:
        code = command_line("".join(sys.argv[1:2]))(standalone_mode=False, prog_name="paperboy")
        sys.stdout.flush()
        if code == INTERRUPTED:
            _print_error("interrupted")
    except SystemExit as ended:
        if not isinstance(ended.__context__, BrokenPipeError):
            raise
        _discard_output()  # typer exits with 1, which here means that something needs a look
        sys.exit(0)
    except typer.TyperException as error:
        _print_error_of_usage(error)
        sys.exit(WRONG_USAGE)
    except (typer.Abort, KeyboardInterrupt):
        _print_error("interrupted")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        _discard_output()
        sys.exit(0)
    except ConfigError as error:
        _print_error_of_faults(error)
        sys.exit(WRONG_USAGE)
    except PaperboyError as error:
        _print_error(str(error))
        by_kind = {UsageError: WRONG_USAGE, StateError: STATE_UNUSABLE}
        sys.exit(next((code for kind, code in by_kind.items() if isinstance(error, kind)), 1))
    except OSError as error:
        _discard_output()
        what = printable(str(error.filename)) if error.filename else "the output cannot be written"
        _print_error(f"{what}: {(error.strerror or str(error)).lower()}")
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _prepare_streams() -> None:
    """Replace closed standard streams by the null device; characters that stdout cannot encode become `?`."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")


def _discard_output() -> None:
    """Discard buffered output of stdout, so that the end of the process does not fail on writing it."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_REWORDED = (
    (r"Input should be greater than or equal to (\d+)", r"must be \1 or more"),
    (r"Input should be a valid integer.*", "must be a whole number"),
    (r"Value error, (.+) is not one of (.+)", r"\1 is not one of \2"),
    (r"Got unexpected extra argument\(s\) \((.+)\)", r"too many arguments: \1"),
)
"""Patterns of messages of typer 0.29 and pydantic, and the plainer words printed instead."""


def _print_error_of_usage(error: typer.TyperException) -> None:
    text = error.format_message() if hasattr(error, "format_message") else str(error)
    if text.startswith("Usage:"):  # no command: print the help
        typer.echo(text, err=True)
    else:
        for pattern, plain in _REWORDED:
            text = re.sub(pattern, plain, text)
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
    with suppress(OSError):  # stderr may be closed or full, too
        for line in text.splitlines():
            typer.echo(f"paperboy: {line}", err=True)
