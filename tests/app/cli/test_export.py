"""`paperboy export`: what goes to standard output can be read by others."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import bibtexparser
import pytest
import rispy

from bot.adapters.store import Store
from bot.app.config.subscriptions import load_subscribers
from bot.domain.preferences import Choices, ChosenChannel, ChosenSubscription
from tests.app.cli.conftest import Paperboy
from tests.builders import NOW, a_paper


@pytest.fixture
def home(home: Path) -> Path:
    """A folder in which somebody subscribed in the chat, and saved a paper."""
    folder = home / "state"
    folder.mkdir()
    store = Store(f"sqlite:///{folder}/paperboy.sqlite3")
    with store.digests.transaction() as tx:
        tx.save_papers([a_paper(1), a_paper(2, title="Second {Paper}")], NOW, changed=True)
    chosen = ChosenSubscription(name="rag", text="rag")
    store.preferences.change(
        "chat7",
        lambda _: Choices(
            channels=(ChosenChannel(kind="telegram", address="7"),), subscriptions=(chosen,), language="zh"
        ),
        NOW,
    )
    store.preferences.save_paper("telegram:123456789", a_paper(2).id, NOW)
    store.close()
    return home


def test_everybody_is_written_as_the_file_would_say_it(home: Path, paperboy: Paperboy) -> None:
    ran = paperboy("export", "subscriptions")
    assert ran.code == 0
    again = home / "again.yaml"
    again.write_text(ran.out)
    alice, chat = load_subscribers(again)
    assert (alice.id, [subscription.text for subscription in alice.subscriptions]) == (
        "alice",
        ["language models"],
    )
    assert (chat.id, chat.language, [subscription.text for subscription in chat.subscriptions]) == (
        "chat7",
        "zh",
        ["rag"],
    )
    only = paperboy("export", "subscriptions", "chat7", "--json").json
    assert only["subscribers"] == 1
    assert "alice" not in only["yaml"]


def test_papers_are_written_as_bibtex_and_ris(home: Path, paperboy: Paperboy) -> None:
    everything = bibtexparser.parse_string(paperboy("export", "bibtex").out)
    assert len(everything.entries) == 2
    assert everything.failed_blocks == []
    (saved,) = rispy.loads(paperboy("export", "bibtex", "alice", "--format", "ris").out)
    assert saved["title"] == "Second {Paper}"
    assert paperboy("export", "bibtex", "alice", "--json").json["format"] == "bibtex"


def test_who_saved_nothing_is_told_so(home: Path, paperboy: Paperboy) -> None:
    for form in ("bibtex", "papers"):
        ran = paperboy("export", form, "chat7")
        assert (ran.code, ran.out, ran.err) == (0, "", "chat7 has saved no papers\n")


def test_papers_are_written_line_by_line(home: Path, paperboy: Paperboy) -> None:
    papers = [json.loads(line) for line in paperboy("export", "papers").out.splitlines()]
    assert {paper["id"] for paper in papers} == {a_paper(1).id, a_paper(2).id}
    assert papers[0]["links"]["abs"].startswith("https://arxiv.org/abs/")
    (saved,) = paperboy("export", "papers", "alice", "--json").json["papers"]
    assert saved["id"] == a_paper(2).id
    assert paperboy("export", "papers", "chat7").out == ""


def test_the_public_feeds_are_written_as_opml(home: Path, paperboy: Paperboy) -> None:
    assert "no feed has an address" in paperboy("export", "opml").err
    settings = home / "config" / "paperboy.yaml"
    settings.write_text(settings.read_text().replace("listen: ''", "listen: 127.0.0.1:8123"))
    outline = ET.fromstring(paperboy("export", "opml").out).find("body/outline")
    assert outline is not None
    assert outline.attrib["xmlUrl"] == "http://127.0.0.1:8123/feed.atom"
    assert "<opml" in paperboy("export", "opml", "--json").json["opml"]


def test_somebody_who_is_not_there_is_named(home: Path, paperboy: Paperboy) -> None:
    ran = paperboy("export", "bibtex", "alise")
    assert ran.code == 2
    assert "did you mean 'alice'" in ran.err


def test_who_subscribed_in_the_chat_is_known_to_every_command(home: Path, paperboy: Paperboy) -> None:
    assert "rag" in paperboy("explain", a_paper(1).id, "chat7").out
    assert paperboy("status", "--json").json["subscribers"] == 2
    assert "chat7" in paperboy("ledger", "chat9").err  # the nearest id
    assert "'rag' of chat7 matched none" in paperboy("check").err
