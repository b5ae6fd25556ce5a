"""The `paperboy` program: its commands, and exit codes for errors.

Only the command that was asked for is imported. Commands import clients, the store and pydantic inside their
functions, so `--help`, which imports all of them, stays fast.
"""

import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from bot import __version__
from bot.app.cli.context import CONFIG_VARIABLE, Common, JsonOption, VerboseOption, say_json
from bot.app.cli.terminal import counted
from bot.domain.errors import ConfigError, PaperboyError, StateError, UsageError
from bot.domain.text import printable

WRONG_USAGE = 2
STATE_UNUSABLE = 3
INTERRUPTED = 130
_FAULTS_SHOWN = 10
"""Configuration faults that other commands print; `check` prints all."""
_BEGIN, _DAILY, _LOOK, _KEEP = "To begin", "Every day", "To understand", "To operate"
"""Groups of commands in the help."""


class CommandEntry(NamedTuple):
    """A command of the program."""

    name: str
    group: str
    run: str
    """A module of `bot.app.cli`, and its function or application of further commands: `module:name`."""
    examples: tuple[str, ...]
    """Command lines without `paperboy`; the help and the man page show them."""

    def load(self) -> Callable[..., object] | typer.Typer:
        """The function or application, imported."""
        module, _, name = self.run.partition(":")
        loaded: Callable[..., object] | typer.Typer = getattr(import_module(f"bot.app.cli.{module}"), name)
        return loaded


def version(as_json: JsonOption = False) -> None:
    """Show the version."""
    if as_json:
        say_json({"version": __version__})
    else:
        typer.echo(f"paperboy {__version__}")


def help_(
    command: Annotated[
        list[str] | None, typer.Argument(metavar="COMMAND", help="A command; of a group with its own.")
    ] = None,
) -> None:
    """Show the help of a command."""
    command_line()([*(command or ()), "--help"], standalone_mode=False, prog_name="paperboy")


_WITHOUT_JSON = frozenset({"run", "help"})


COMMANDS: tuple[CommandEntry, ...] = (
    CommandEntry(
        "init",
        _BEGIN,
        "init:init",
        (
            "init",
            "init --keywords 'agents, diffusion model' --source daily-paper --telegram token.txt",
            "init --source list",
        ),
    ),
    CommandEntry("demo", _BEGIN, "demo:demo", ("demo",)),
    CommandEntry("check", _BEGIN, "check:check", ("check", "check --json")),
    CommandEntry("test", _BEGIN, "send_test:send_test", ("test me",)),
    CommandEntry("run", _DAILY, "run:run", ("run", "run --only ingest,deliver", "run --log-json")),
    CommandEntry("once", _DAILY, "once:once", ("once", "once --dry-run")),
    CommandEntry("fetch", _DAILY, "fetch:fetch", ("fetch", "fetch daily-paper")),
    CommandEntry("status", _DAILY, "status:status", ("status", "status --json", "status --alive")),
    CommandEntry("feeds", _DAILY, "feeds:feeds", ("feeds", "feeds --renew me")),
    CommandEntry(
        "preview",
        _LOOK,
        "preview:preview",
        ("preview 'language models'", "preview 'graph NEAR/5 neural' --days 30"),
    ),
    CommandEntry("explain", _LOOK, "explain:explain", ("explain arxiv:2509.14008 me",)),
    CommandEntry("ledger", _LOOK, "ledger:ledger", ("ledger me", "ledger me --date 2025-10-01")),
    CommandEntry("doctor", _LOOK, "doctor:doctor", ("doctor", "doctor --online")),
    CommandEntry(
        "read", _LOOK, "read:read", ("read seeds/*.txt", "read --json digest.md", "read --explain digest.md")
    ),
    CommandEntry("replay", _LOOK, "replay:replay", ("replay archive/ --subscribers 200 --faults",)),
    CommandEntry("import", _KEEP, "import_:import_", ("import archive/",)),
    CommandEntry(
        "outbox", _KEEP, "outbox:app", ("outbox list --state uncertain", "outbox retry --state dead")
    ),
    CommandEntry(
        "export",
        _KEEP,
        "export:app",
        ("export subscriptions > subscriptions.new.yaml", "export bibtex me > papers.bib"),
    ),
    CommandEntry("backup", _KEEP, "backup:backup", ("backup paperboy.backup",)),
    CommandEntry("schema", _KEEP, "check:schema", ("schema > paperboy.schema.json",)),
    CommandEntry("version", _KEEP, "main:version", ("version", "--version")),
    CommandEntry("help", _KEEP, "main:help_", ("help run", "help outbox retry")),
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


def command_line(only: str = "", *, colourful: bool | None = None) -> typer.Typer:
    """The command line, with one command or with all where `only` names none.

    Its help is plain text, or drawn by rich where it is colourful (on a terminal).
    """
    if colourful is None:
        colourful = sys.stdout is not None and sys.stdout.isatty()
    line = typer.Typer(
        name="paperboy",
        help="From digests of new papers to the alerts, mails, feeds and quizzes that each person asked for.",
        no_args_is_help=True,
        rich_markup_mode="rich" if colourful else None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    line.callback()(_common)
    for entry in [entry for entry in COMMANDS if entry.name == only] or COMMANDS:
        run = entry.load()
        about: dict[str, Any] = {
            "name": entry.name,
            "epilog": _epilog(entry.examples, colourful=colourful),
            "rich_help_panel": entry.group,
        }
        if isinstance(run, typer.Typer):
            run.rich_markup_mode = "rich" if colourful else None
            for command in run.registered_commands:
                name = command.name or (command.callback.__name__.strip("_") if command.callback else "")
                command.epilog = _epilog(GROUP_EXAMPLES.get(f"{entry.name} {name}", ()), colourful=colourful)
            line.add_typer(run, **about)
        else:
            line.command(**about)(run)
    return line


def _epilog(examples: tuple[str, ...], *, colourful: bool) -> str:
    """The examples at the end of the help; empty without any."""
    if not examples:
        return ""
    lines = [f"paperboy {example}" for example in examples]
    if colourful:
        escaped = [f"  [green]{text.replace('[', chr(92) + '[')}[/green]" for text in lines]
        return "\n".join(["[bold]Examples[/bold]", *escaped])
    return "\n".join(["\b", "Examples:", *(f"  {text}" for text in lines)])


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
            help="The settings; config/paperboy.yaml by default.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of text, as after the command.")
    ] = False,
    verbose: VerboseOption = 0,
    _version: Annotated[
        bool,
        typer.Option("-V", "--version", help="Show the version.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Options before the command."""
    context.obj = Common(config=config, verbose=verbose, as_json=as_json)
    if as_json and context.invoked_subcommand in _WITHOUT_JSON:
        raise UsageError(f"`paperboy {context.invoked_subcommand}` has no --json")


def main() -> None:
    """Runs the command line and ends the process: 0 done, 1 needs a look, 2 wrong usage, 3 state unusable."""
    logging.captureWarnings(capture=True)
    _replace_closed_streams()
    try:
        code = command_line("".join(sys.argv[1:2]))(standalone_mode=False, prog_name="paperboy")
        sys.stdout.flush()
        if code == INTERRUPTED:
            _print_error("interrupted")
    except SystemExit as ended:
        if not isinstance(ended.__context__, BrokenPipeError):
            raise
        _discard_output()  # typer has made a 1 of it, which means that something needs a look
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


def _replace_closed_streams() -> None:
    """Replaces standard streams that were closed before the start by the null device."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end


def _discard_output() -> None:
    """Discards buffered output of stdout, so that the end of the process does not fail on writing it."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
    with suppress(OSError):  # stderr may be closed or full, too
        for line in text.splitlines():
            typer.echo(f"paperboy: {line}", err=True)
