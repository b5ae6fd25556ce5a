"""What a restart finds again: the index of all subscriptions."""

import asyncio
import logging
from pathlib import Path

import pytest

from bot.adapters.folders import scan
from bot.app.config.settings import load_settings
from bot.app.config.subscriptions import load_subscribers
from bot.app.container import build_container
from bot.app.watched import ingest_files
from bot.domain.files import FoundFile
from bot.domain.query.index.index import Index
from tests.builders import a_subscriber

SEEDS = Path(__file__).resolve().parents[2] / "seeds"
SUBSCRIPTIONS = """\
subscribers:
  - id: alice
    channels: [{atom: true}]
    keywords: [language model, quantiz*, graph NEAR/5 neural]
  - id: bob
    channels: [{atom: true}]
    keywords: [diffusion, "title:(agent OR reasoning)"]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A container in which three subscriptions are many."""
    monkeypatch.setattr("bot.domain.matcher.INDEXED_FROM", 3)
    monkeypatch.setattr("bot.pipeline.subscribers.SAVED_FROM", 3)
    (tmp_path / "paperboy.yaml").write_text(
        f"watch: {{folders: ['{SEEDS}']}}\nsubscriptions: people.yaml\nfirst_run: all\n"
    )
    (tmp_path / "people.yaml").write_text(SUBSCRIPTIONS)
    return tmp_path


def one_life(home: Path, *, seeds: int, more: bool = False) -> int:
    """Take some of the seeds in as a new process would; gives the deliveries."""
    settings = load_settings(home / "paperboy.yaml", {})
    container = build_container(settings, load_subscribers(settings.subscriptions))
    entries = scan(settings.watch.folders, max_bytes=10_000_000, base=settings.base)
    found = [entry for entry in entries if isinstance(entry, FoundFile)][:seeds]
    result = ingest_files(container, found)
    if more:
        people = list(container.registry.matcher.subscribers.values())
        container.registry.replace([*people, a_subscriber("carol", asks=("model",))])
    asyncio.run(container.close())
    return result.deliveries


def test_a_restart_matches_by_the_saved_index(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert one_life(home, seeds=1)
    saved = home / "state" / "paperboy.index"
    before = saved.read_bytes()

    def never(*_: object) -> int:
        raise AssertionError("the index is built")

    monkeypatch.setattr(Index, "add", never)
    assert one_life(home, seeds=5)
    assert saved.read_bytes() == before


def test_what_changed_while_it_ran_is_saved_when_it_ends(home: Path) -> None:
    one_life(home, seeds=1)
    before = (home / "state" / "paperboy.index").read_bytes()
    one_life(home, seeds=2, more=True)
    assert (home / "state" / "paperboy.index").read_bytes() != before
    one_life(home, seeds=3)
    assert (home / "state" / "paperboy.index").read_bytes() == before


def test_a_torn_file_costs_nobody_a_match(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    one_life(home, seeds=1)
    saved = home / "state" / "paperboy.index"
    whole = saved.read_bytes()
    saved.write_bytes(whole[:1000])
    with caplog.at_level(logging.WARNING):
        assert one_life(home, seeds=5)
    assert "index.unusable" in caplog.text
    assert saved.read_bytes() == whole


def test_a_dry_run_leaves_no_index_behind(home: Path) -> None:
    settings = load_settings(home / "paperboy.yaml", {})
    people = load_subscribers(settings.subscriptions)
    container = build_container(settings, people, state_url=f"sqlite:///{home / 'copy.sqlite3'}")
    ingest_files(container, ())
    asyncio.run(container.close())
    assert not list(home.rglob("*.index"))
