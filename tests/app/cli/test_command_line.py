"""The command line as a whole: help, examples, completion, version, JSON, and streams that are full or closed."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from bot import __version__
from bot.app.cli.main import _WITHOUT_JSON, COMMANDS, GROUP_EXAMPLES, command_line
from tests.app.cli.conftest import Paperboy
from tests.conftest import ROOT
from tests.rigs.terminal import Terminal
from tools import man

ROOT_COMMAND: Any = get_command(command_line())


def commands() -> dict[str, Any]:
    """Every command by its name, with those of groups."""
    everything: dict[str, Any] = {}
    for name, command in ROOT_COMMAND.commands.items():
        parts = getattr(command, "commands", {})
        everything |= {f"{name} {part}": below for part, below in parts.items()} or {name: command}
    return everything


def shell(line: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The line in a shell, where `paperboy` is this program."""
    return subprocess.run(
        ["bash", "-c", f'paperboy() {{ "{sys.executable}" -m bot "$@"; }}; {line}'],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_an_option_too(paperboy: Paperboy, option: str) -> None:
    ran = paperboy(option)
    assert (ran.code, ran.out) == (0, f"paperboy {__version__}\n")


@pytest.mark.parametrize("name", commands())
def test_every_command_shows_examples_that_are_right(paperboy: Paperboy, name: str) -> None:
    shown = paperboy(*name.split(), "--help").out
    examples = [line.strip() for line in shown.partition("Examples\n")[2].splitlines()]
    assert examples
    command = commands()[name]
    known = {option for part in (*command.params, *ROOT_COMMAND.params) for option in part.opts}
    for example in examples:
        words = example.split(" > ")[0].split()
        assert words[0] == "paperboy"
        assert " ".join(words[1:]).startswith(name) or name == "version"
        options = {word for word in words if word.startswith("--")}
        assert options <= known, (example, options - known)


def test_no_example_writes_over_a_file_that_its_command_reads() -> None:
    """The shell empties the file before the command reads it."""
    examples = [example for entry in COMMANDS for example in entry.examples]
    examples += [example for of_command in GROUP_EXAMPLES.values() for example in of_command]
    written = [example.partition(" > ")[2] for example in examples if " > " in example]
    assert written
    assert [file for file in written if (ROOT / file).exists()] == []


def test_every_example_belongs_to_a_command() -> None:
    assert set(GROUP_EXAMPLES) == {name for name in commands() if " " in name}
    assert {entry.name for entry in COMMANDS} == set(ROOT_COMMAND.commands)


@pytest.mark.parametrize("name", ["run", "outbox retry", "help"])
def test_help_shows_what_the_option_shows(paperboy: Paperboy, name: str) -> None:
    shown = paperboy("help", *name.split())
    assert (shown.code, shown.out) == (0, paperboy(*name.split(), "--help").out)


def test_help_alone_lists_the_commands_and_of_an_unknown_one_says_so(paperboy: Paperboy) -> None:
    assert paperboy("help").out == paperboy("--help").out
    unknown = paperboy("help", "rum")
    assert (unknown.code, "Did you mean 'run'?" in unknown.err) == (2, True)


def test_json_may_stand_before_or_after_the_command(home: Path, paperboy: Paperboy) -> None:
    digest = ROOT / "seeds" / "000_a9c5d5985cb68500.txt"
    for command in (
        ["status"],
        ["status", "--alive"],
        ["feeds"],
        ["version"],
        ["check"],
        ["schema"],
        ["outbox", "list"],
        ["read", str(digest)],
        ["init", "--source", "list"],
    ):
        assert paperboy("--json", *command).json == paperboy(*command, "--json").json


def test_json_before_a_command_that_prints_none_is_wrong_usage(paperboy: Paperboy) -> None:
    without = {
        name.split()[0]
        for name, command in commands().items()
        if all("--json" not in part.opts for part in command.params)
    }
    assert without == _WITHOUT_JSON
    ran = paperboy("--json", "run")
    assert (ran.code, "`paperboy run` has no --json" in ran.err) == (2, True)


def test_a_configuration_that_may_not_be_read_is_exit_2(
    home: Path, paperboy: Paperboy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a folder that is another user's; it is not taken for one without a configuration."""
    ask, begin = Path.stat, Path.open

    def refuse(path: Path, then: Any, *args: Any, **kw: Any) -> Any:
        if path.name == "paperboy.yaml":
            raise PermissionError(13, "Permission denied", str(path))
        return then(path, *args, **kw)

    monkeypatch.setattr(Path, "stat", lambda path, *args, **kw: refuse(path, ask, *args, **kw))
    monkeypatch.setattr(Path, "open", lambda path, *args, **kw: refuse(path, begin, *args, **kw))
    ran = paperboy("status")
    assert (ran.code, ran.err) == (
        2,
        "paperboy: config/paperboy.yaml: permission denied; it must be a file that paperboy may read\n",
    )


@pytest.mark.parametrize("words", ["paperboy st", "paperboy outbox re"])
def test_a_shell_completes_commands(words: str) -> None:
    ran = shell(
        "paperboy", _PAPERBOY_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(words.count(" "))
    )
    assert ran.stdout.split() == [{"st": "status", "re": "retry"}[words.rsplit(maxsplit=1)[-1]]]


@pytest.mark.parametrize("line", ["paperboy schema > /dev/full", "paperboy --help > /dev/full"])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_output_is_one_line(line: str) -> None:
    ran = shell(line)
    assert (ran.returncode, ran.stderr) == (
        1,
        "paperboy: the output cannot be written: no space left on device\n",
    )


@pytest.mark.parametrize("line", ["paperboy schema >&-", "paperboy schema 2>&-", "paperboy --help >&- 2>&-"])
def test_a_closed_stream_is_no_fault(line: str) -> None:
    ran = shell(line)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_reader_that_goes_away_is_no_fault() -> None:
    ran = shell("set -o pipefail; paperboy schema | head -1")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "{\n", "")


def test_a_reader_that_went_away_before_the_first_line_is_no_fault() -> None:
    ran = shell("set -o pipefail; (sleep 0.01; paperboy init --source list) | true")
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_help_lists_the_commands_in_groups(paperboy: Paperboy) -> None:
    page = paperboy("--help").out
    titles = list(dict.fromkeys(entry.group for entry in COMMANDS))
    indices = [page.index(f"\n\n{title}\n  ") for title in titles]
    assert indices == sorted(indices)
    for entry in COMMANDS:
        group = page.partition(f"\n\n{entry.group}\n")[2].partition("\n\n")[0]
        assert re.search(rf"^  {entry.name} +[A-Z].*", group, re.MULTILINE), entry.name


@pytest.mark.parametrize("name", ["--help", *(f"{name} --help" for name in commands())])
def test_a_help_page_is_plain_short_and_says_first_what_the_command_does(
    paperboy: Paperboy, name: str
) -> None:
    page = paperboy(*name.split()).out
    usage, first, *_ = page.split("\n\n")
    assert usage.startswith("Usage: paperboy")
    assert re.fullmatch(r"[A-Z`].{10,100}\.", first.replace("\n", " ")), first
    assert not re.search(r"[<>{}│╭]|x>=|env var", page.partition("Examples")[0])
    assert len(page.splitlines()) <= 60


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_help_fits_the_terminal(columns: int, paperboy: Paperboy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for name in ["--help", *(f"{name} --help" for name in commands())]:
        text = paperboy(*name.split()).out.partition("Examples")[0]
        assert max(map(len, text.splitlines())) <= min(columns, 100), name
        assert not re.search(r"[^\S\n]$", text, re.MULTILINE), name


def test_a_narrow_terminal_shows_descriptions_below_the_options(
    paperboy: Paperboy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert "\n  --renew SUBSCRIBER\n      Give this subscriber's feed and\n" in paperboy("feeds", "-h").out


def test_on_a_terminal_the_headings_of_the_help_are_bold(tmp_path: Path, paperboy: Paperboy) -> None:
    plain = paperboy("outbox", "retry", "--help").out
    for environ, headings in (({"NO_COLOR": ""}, "\x1b[1mOptions\x1b[0m"), ({"NO_COLOR": "1"}, "Options")):
        with Terminal(["outbox", "retry", "--help"], tmp_path, {"COLUMNS": "80", **environ}) as terminal:
            assert terminal.end() == 0
        assert f"\n{headings}\n" in terminal.shown
        assert re.sub(r"\x1b\[\dm", "", terminal.shown) == plain


@pytest.mark.parametrize(
    ("command", "rest", "message"),
    [
        ("outbox list", "--limit 0", "Invalid value for '--limit': must be 1 or more"),
        ("preview", "agent --days many", "Invalid value for '--days': must be a whole number"),
        (
            "export bibtex",
            "--format pdf",
            "Invalid value for '--format': 'pdf' is not one of 'bibtex', 'ris'",
        ),
        ("status", "now", "too many arguments: now"),
    ],
)
def test_wrong_arguments_are_named_in_plain_words(
    paperboy: Paperboy, command: str, rest: str, message: str
) -> None:
    ran = paperboy(*command.split(), *rest.split())
    expected = f"paperboy: {message}; `paperboy {command} --help` shows the options\n"
    assert (ran.code, ran.err) == (2, expected)


def test_signs_that_the_output_cannot_show_become_question_marks() -> None:
    """As in a locale of Latin-1."""
    ran = shell("paperboy demo", PYTHONIOENCODING="latin-1")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "?? alice gets this in Telegram ??" in ran.stdout


def test_progress_is_shown_on_a_terminal_and_not_in_a_pipe(
    home: Path, paperboy: Paperboy, seeds: Path
) -> None:
    assert "reading" not in paperboy("import", seeds).err
    with Terminal(["replay", str(seeds), "--subscribers", "2"], home) as terminal:
        assert terminal.end() == 0
    assert "replaying" in terminal.shown
    assert "lost       0" in terminal.shown


def test_tables_are_drawn_on_a_terminal(home: Path) -> None:
    with Terminal(["init", "--source", "list"], home) as terminal:
        assert terminal.end() == 0
    assert "brings" in terminal.shown
    assert "\t" not in terminal.shown


FOR_THE_HELP = ("rich", "pydantic", "sqlalchemy", "httpx", "numpy", "lxml")
FOR_A_PASS = (
    "rich", "numpy", "httpx", "telegram", "starlette", "uvicorn", "prometheus_client", "watchdog.observers",
    "sqlalchemy.dialects.postgresql", "alembic", "feedparser", "cryptography", "apprise", "imaplib",
)  # fmt: skip


@pytest.mark.parametrize(
    ("argument", "late"), [("--help", FOR_THE_HELP), ("--version", FOR_THE_HELP), ("once", FOR_A_PASS)]
)
def test_what_a_command_does_not_use_is_not_loaded(home: Path, argument: str, late: tuple[str, ...]) -> None:
    program = (
        f"import sys\nsys.argv[1:] = [{argument!r}]\nfrom bot.app.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    print(end.code)\n"
        f"print(sorted(set({late}) & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-2:] == ["0", "[]"]


def test_the_man_page_is_the_one_that_the_commands_make() -> None:
    assert man.PAGE.read_text(encoding="utf-8") == man.man_page(), "run `make man`"


def test_the_man_page_names_every_command_and_option() -> None:
    page = man.man_page().replace("\\-", "-")
    for name, command in commands().items():
        section = page.partition(f".SS paperboy {name}")[2].partition(".SS ")[0]
        assert section, name
        for part in command.params:
            if part.param_type_name == "option":
                assert all(option in section for option in part.opts), (name, part.opts)
