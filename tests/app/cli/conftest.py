"""A command line to try, in a folder of its own."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.app.cli import main as cli

SUBSCRIBERS = """\
subscribers:
  - id: alice
    channels:
      - {telegram: 123456789, quizzes: true}
      - email: alice@example.org
      - atom: true
    keywords: [language models]
"""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Paperboy = Callable[..., Ran]


@pytest.fixture
def paperboy(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Paperboy:
    """Run `paperboy ARGUMENT…` in this process."""

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["paperboy", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return Ran(code=int(ended.value.code or 0), out=printed.out, err=printed.err)

    return run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seeds: Path) -> Path:
    """A folder with the two configuration files, whose digests are the seeds."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "paperboy.yaml").write_text(
        f"watch: {{folders: ['{seeds}'], settle_seconds: 0}}\nweb: {{listen: ''}}\n"
    )
    (tmp_path / "config" / "subscriptions.yaml").write_text(SUBSCRIBERS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def without_chats(home: Path) -> None:
    """Leaves alice without Telegram, so that nobody misses a token."""
    path = home / "config" / "subscriptions.yaml"
    path.write_text(path.read_text().replace("      - {telegram: 123456789, quizzes: true}\n", ""))
