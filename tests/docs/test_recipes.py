"""The recipes of CONTRIBUTING.md, followed literally: each is applied to a copy of the tree, and what it adds is used."""

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
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```\w+ (?P<where>(?:file|in)=.*)\n(?P<lines>(?s:.*?))^```$", re.MULTILINE)

SETTINGS = "watch: {folders: [seeds], settle_seconds: 0}\nweb: {listen: ''}\n"
SUBSCRIBERS = """\
subscribers:
  - id: alice
    channels:
      - email: alice@example.org
    keywords: [language models]
"""


@dataclass(frozen=True)
class Tree:
    """A copy of the project, and a home with a configuration beside it."""

    root: Path
    home: Path

    def follow(self, title: str) -> None:
        """Do what the recipe of that title says."""
        recipe = GUIDE.partition(f"\n### {title}\n")[2].partition("\n### ")[0]
        blocks = list(_BLOCK.finditer(recipe))
        assert blocks, f"no recipe is called {title!r}"
        files = {
            self._apply(dict(part.split("=", 1) for part in shlex.split(block["where"])), block["lines"])
            for block in blocks
        }
        python = sorted(file for file in files if file.endswith(".py"))
        if "Then `make format`." in recipe:
            self._ruff("check", "--fix-only", *python)
            self._ruff("format", *python)
        self._ruff("check", *python)
        self._ruff("format", "--check", *python)

    def _apply(self, where: dict[str, str], lines: str) -> str:
        """Do what one block says; the file that it changes."""
        file = where.pop("file", "")
        if file:
            path = self.root / file
            assert not path.exists(), f"{file} is there already"
            path.write_text(lines, encoding="utf-8")
            return file
        file = where.pop("in")
        ((how, line),) = where.items()
        text = (self.root / file).read_text(encoding="utf-8").splitlines(keepends=True)
        at = next((at for at, other in enumerate(text) if other.startswith(line)), None)
        assert at is not None, f"{file}: no line begins with {line!r}"
        start, end = {"after": (at + 1, at + 1), "before": (at, at), "instead-of": (at, at + 1)}[how]
        (self.root / file).write_text("".join((*text[:start], lines, *text[end:])), encoding="utf-8")
        return file

    def _ruff(self, *arguments: str) -> None:
        """Format and lint as `make format` and `make check` do."""
        command = [sys.executable, "-m", "ruff", arguments[0], "--no-cache", *arguments[1:]]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def python(self, *arguments: str, cwd: Path | None = None) -> str:
        """Standard output of Python over this tree; it must succeed."""
        environment = {**os.environ, "PYTHONPATH": str(self.root)}
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=cwd or self.home,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def paperboy(self, *arguments: str) -> str:
        return self.python("-m", "bot", *arguments)

    def copy_tests(self) -> None:
        left_out = shutil.ignore_patterns("data", "e2e", "docs")
        shutil.copytree(ROOT / "tests", self.root / "tests", ignore=left_out)

    def write(self, name: str, text: str) -> None:
        (self.home / "config" / name).write_text(text, encoding="utf-8")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    root, home = tmp_path / "tree", tmp_path / "home"
    root.mkdir()
    for name in ("bot", "config", "pyproject.toml"):
        path = ROOT / name
        (shutil.copytree if path.is_dir() else shutil.copy2)(path, root / name)
    (home / "config").mkdir(parents=True)
    (home / "seeds").mkdir()
    shutil.copy2(ROOT / "seeds/000_a9c5d5985cb68500.txt", home / "seeds")
    made = Tree(root, home)
    made.write("paperboy.yaml", SETTINGS)
    made.write("subscriptions.yaml", SUBSCRIBERS)
    return made


def test_a_channel_that_was_added_receives_a_message(tree: Tree) -> None:
    tree.copy_tests()
    shutil.copy2(ROOT / "README.md", tree.root)
    (tree.root / "docs").mkdir()
    shutil.copy2(ROOT / "docs/reference.md", tree.root / "docs")
    tree.follow("Add a channel")
    papers = tree.home / "papers.txt"
    tree.write("subscriptions.yaml", SUBSCRIBERS.replace("email: alice@example.org", f"text_file: {papers}"))
    tree.paperboy("once")
    assert "Language Models via Machine Unlearning https://arxiv.org/abs/" in papers.read_text(
        encoding="utf-8"
    )
    (finding,) = (
        finding
        for finding in json.loads(tree.paperboy("doctor", "--json"))["channels"]
        if finding["subject"] == "text_file"
    )
    assert finding["what"] == "sends to 1 address; none was tried"
    assert f'text_file: "{papers}"' in tree.paperboy("export", "subscriptions")
    tests = "tests/adapters/test_text_file.py"
    assert "2 passed" in tree.python("-m", "pytest", "-n", "0", tests, cwd=tree.root)


def test_a_reader_that_was_added_reads_a_file(tree: Tree) -> None:
    tree.follow("Add a reader")
    (tree.home / "papers.refer").write_text(
        "%D 2026-01-02\n\n%T Attention Is All You Need\n%A Ashish Vaswani\n%A Noam Shazeer\n"
        "%U https://arxiv.org/abs/1706.03762v7\n"
    )
    read = json.loads(tree.paperboy("read", "--json", "papers.refer"))
    assert (read["kind"], read["date"]) == ("refer", "2026-01-02")
    (paper,) = read["papers"]
    assert paper["id"] == "arxiv:1706.03762"
    assert paper["authors"] == ["Ashish Vaswani", "Noam Shazeer"]


def test_a_chat_command_that_was_added_answers(tree: Tree) -> None:
    tree.copy_tests()
    tree.follow("Add a chat command")
    tests = "tests/adapters/telegram/test_who.py"
    assert "1 passed" in tree.python("-m", "pytest", "-n", "0", tests, cwd=tree.root)


def test_a_setting_that_was_added_is_read_and_described(tree: Tree) -> None:
    tree.follow("Add a setting")
    tree.write("paperboy.yaml", SETTINGS + "email: {heading: Papers of the week}\n")
    tree.paperboy("once")
    (mail,) = (tree.home / "state/mail/new").iterdir()
    assert "Papers of the week" in mail.read_text(encoding="utf-8")
    assert '"Name over every mail, instead of the site\'s title."' in tree.paperboy("schema")
    assert "heading: Papers of the week" in (tree.root / "config/paperboy.yaml").read_text()


def test_a_migration_that_was_added_upgrades_a_state_and_keeps_its_data(tree: Tree) -> None:
    tree.paperboy("once")
    before = _rows(tree.home)
    tree.follow("Add a migration")
    assert json.loads(tree.paperboy("once", "--json"))["deliveries"] == {}
    after = _rows(tree.home)
    assert after["alembic_version"] == [("0002",)]
    assert before["digests"]
    assert [row[:-1] for row in after["digests"]] == before["digests"]
    assert {after["digests"][0][-1], before["alembic_version"][0][0]} == {None, "0001"}
    assert all(after[table] == before[table] for table in ("papers", "deliveries", "targets"))


def _rows(home: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the tables that people would miss."""
    with closing(sqlite3.connect(home / "state/paperboy.sqlite3")) as connection:
        tables = ("alembic_version", "digests", "papers", "deliveries", "targets")
        return {table: connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in tables}
