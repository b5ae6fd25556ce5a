"""The recipes of CONTRIBUTING.md, followed literally in a copy of the tree: what they add is used, and the tests pass."""

import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("\n## Recipes\n")[2]
TITLES = re.findall(r"^### (.+)$", GUIDE, re.MULTILINE)
_BLOCK = re.compile(r"^```\w+ (?P<where>(?:file|in)=.*)\n(?P<lines>(?s:.*?))^```$", re.MULTILINE)

CONCERNED = (
    *(f"tests/docs/test_{page}.py" for page in ("architecture", "conversations", "glossary", "readme")),
    *("tests/app/config", "tests/app/cli/test_check.py", "tests/app/cli/test_schema.py"),
    "tests/app/cli/test_commands.py::test_status_has_the_contracts_counts",
    "tests/app/cli/test_init.py::test_the_settings_that_are_written_are_the_defaults_with_every_comment_true",
    "tests/app/cli/test_init.py::test_the_shipped_settings_are_what_init_writes",
    "tests/adapters/readers/test_choice.py::test_the_readers_are_a_list_in_the_order_in_which_they_are_asked",
    *("tests/adapters/store/test_schema.py", "tests/adapters/test_text_file.py"),
    "tests/adapters/telegram/test_commands.py::test_the_commands_of_the_contract_are_there",
    "tests/adapters/telegram/test_who.py",
)
"""Tests that look at all channels, readers, commands, keys, tables or words, and the tests that recipes add.

Of the whole suite no others failed after the recipes.
"""
NOT_CONCERNED = "bounded_time or test_yaml or (loop_variables and (benchmarks or tools))"
"""Tests of these that take long and that no recipe concerns."""

SETTINGS = "watch: {folders: [seeds], settle_seconds: 0}\nweb: {listen: ''}\n"
SUBSCRIBERS = """\
subscribers:
  - id: alice
    channels:
      - email: alice@example.org
    keywords: [language models]
"""


def run(*arguments: str, program: Path, cwd: Path) -> str:
    """Standard output of Python with the program of that tree; it must succeed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(program), "RUFF_NO_CACHE": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def follow(tree: Path, title: str) -> None:
    """Do what the blocks of that recipe say."""
    recipe = GUIDE.partition(f"\n### {title}\n")[2].partition("\n### ")[0]
    blocks = list(_BLOCK.finditer(recipe))
    assert blocks, f"{title!r} has no blocks"
    for block in blocks:
        apply(tree, dict(part.split("=", 1) for part in shlex.split(block["where"])), block["lines"])


def apply(tree: Path, where: dict[str, str], lines: str) -> None:
    """Do what one block says."""
    file = where.pop("file", "")
    if file:
        path = tree / file
        assert not path.exists(), f"{file} is there already"
        path.write_text(lines, encoding="utf-8")
        return
    path = tree / where.pop("in")
    ((how, line),) = where.items()
    text = path.read_text(encoding="utf-8").splitlines(keepends=True)
    at = next((at for at, other in enumerate(text) if other.startswith(line)), None)
    assert at is not None, f"{path.name}: no line begins with {line!r}"
    start, end = {"after": (at + 1, at + 1), "before": (at, at), "instead-of": (at, at + 1)}[how]
    path.write_text("".join((*text[:start], lines, *text[end:])), encoding="utf-8")


def make(tree: Path, target: str, *, only: str = "") -> None:
    """Run the commands of a target of the Makefile, or those of one program."""
    makefile = (tree / "Makefile").read_text(encoding="utf-8")
    commands = re.search(rf"^{target}:.*\n((?:\t.+\n)+)", makefile, re.MULTILINE)
    assert commands is not None
    for command in commands[1].splitlines():
        name, *arguments = shlex.split(command.strip().replace("$(BIN)/", ""))
        if only in name:
            run(*(() if name == "python" else ("-m", name)), *arguments, program=tree, cwd=tree)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project after all recipes and `make format`."""
    tree = tmp_path_factory.mktemp("recipes") / "tree"
    # Compiled files stay valid, since the times of the files are copied too.
    left_out = shutil.ignore_patterns(".git", ".*cache", ".hypothesis", ".venv", "state", "build", "dist")
    shutil.copytree(ROOT, tree, ignore=left_out)
    for title in TITLES:
        follow(tree, title)
    make(tree, "format")
    return tree


@dataclass(frozen=True)
class Home:
    """A configuration with a folder of digests, and the program of a tree that uses them."""

    folder: Path
    program: Path

    def paperboy(self, *arguments: str, program: Path | None = None) -> str:
        return run("-m", "bot", *arguments, program=program or self.program, cwd=self.folder)

    def write(self, name: str, text: str) -> None:
        (self.folder / "config" / name).write_text(text, encoding="utf-8")


@pytest.fixture
def home(tmp_path: Path, tree: Path) -> Home:
    (tmp_path / "config").mkdir()
    (tmp_path / "seeds").mkdir()
    shutil.copy2(ROOT / "seeds/000_a9c5d5985cb68500.txt", tmp_path / "seeds")
    home = Home(tmp_path, tree)
    home.write("paperboy.yaml", SETTINGS)
    home.write("subscriptions.yaml", SUBSCRIBERS)
    return home


def test_a_channel_that_was_added_receives_a_message(home: Home) -> None:
    papers = home.folder / "papers.txt"
    home.write("subscriptions.yaml", SUBSCRIBERS.replace("email: alice@example.org", f"text_file: {papers}"))
    home.paperboy("once")
    assert "Language Models via Machine Unlearning https://arxiv.org/abs/" in papers.read_text(
        encoding="utf-8"
    )
    (finding,) = (
        finding
        for finding in json.loads(home.paperboy("doctor", "--json"))["channels"]
        if finding["subject"] == "text_file"
    )
    assert finding["what"] == "sends to 1 address; none was tried"
    assert f'text_file: "{papers}"' in home.paperboy("export", "subscriptions")


def test_a_reader_that_was_added_reads_a_file(home: Home) -> None:
    (home.folder / "papers.refer").write_text(
        "%D 2026-01-02\n\n%T Attention Is All You Need\n%A Ashish Vaswani\n%A Noam Shazeer\n"
        "%U https://arxiv.org/abs/1706.03762v7\n"
    )
    read = json.loads(home.paperboy("read", "--json", "papers.refer"))
    assert (read["kind"], read["date"]) == ("refer", "2026-01-02")
    (paper,) = read["papers"]
    assert paper["id"] == "arxiv:1706.03762"
    assert paper["authors"] == ["Ashish Vaswani", "Noam Shazeer"]


def test_a_setting_that_was_added_is_read_and_described(home: Home) -> None:
    home.write("paperboy.yaml", SETTINGS + "email: {heading: Papers of the week}\n")
    home.paperboy("once")
    (mail,) = (home.folder / "state/mail/new").iterdir()
    assert "Papers of the week" in mail.read_text(encoding="utf-8")
    assert '"Name over every mail, instead of the site\'s title."' in home.paperboy("schema")
    assert "#  heading: " in (home.program / "config/paperboy.yaml").read_text()


def test_a_migration_that_was_added_upgrades_a_state_and_keeps_its_data(home: Home) -> None:
    home.paperboy("once", program=ROOT)
    before = rows(home.folder)
    assert json.loads(home.paperboy("once", "--json"))["deliveries"] == {}
    after = rows(home.folder)
    assert (before["alembic_version"], after["alembic_version"]) == ([("0001",)], [("0002",)])
    assert before["digests"]
    assert [row[:-1] for row in after["digests"]] == before["digests"]
    assert {row[-1] for row in after["digests"]} == {None}
    assert all(after[table] == before[table] for table in ("papers", "deliveries", "targets"))


def rows(home: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the tables that people would miss."""
    with closing(sqlite3.connect(home / "state/paperboy.sqlite3")) as connection:
        tables = ("alembic_version", "digests", "papers", "deliveries", "targets")
        return {table: connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in tables}


def test_after_the_recipes_format_and_lint_are_as_the_checks_want_them(tree: Path) -> None:
    make(tree, "check", only="ruff")


def test_after_the_recipes_the_tests_that_they_concern_pass(tree: Path) -> None:
    """A chat command is tried here too, by the test that its recipe adds."""
    run("-m", "pytest", "-n", "0", *CONCERNED, "-k", f"not ({NOT_CONCERNED})", program=tree, cwd=tree)
