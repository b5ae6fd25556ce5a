"""config/ as it is shipped: sound, safe to run, and with something to show on the seeds."""

from pathlib import Path

import pytest

from bot.adapters.readers import read_digest
from bot.app.cli.check import examine
from bot.app.config.addresses import Maildir
from bot.app.config.settings import load_settings
from bot.app.config.subscriptions import load_subscribers
from bot.domain.digests import merge
from bot.domain.papers import Paper
from bot.domain.query import document_of, match
from bot.domain.subscriptions import Subscriber

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def people() -> dict[str, Subscriber]:
    return {
        load_subscriber.id: load_subscriber
        for load_subscriber in load_subscribers(ROOT / "config" / "subscriptions.yaml")
    }


@pytest.fixture(scope="module")
def papers(seeds: Path) -> list[Paper]:
    known: dict[object, Paper] = {}
    for path in sorted(seeds.iterdir()):
        digest = read_digest(path.read_bytes(), name=path.name)
        for entry in digest.entries:
            known[entry.id] = merge(known.get(entry.id), entry, digest=path.name, day=digest.date)
    return list(known.values())


def test_the_shipped_files_have_no_fault_and_no_warning() -> None:
    checked = examine(ROOT / "config" / "paperboy.yaml", {})
    assert (checked.faults, checked.warnings) == ((), ())


def test_nothing_leaves_the_machine() -> None:
    settings = load_settings(ROOT / "config" / "paperboy.yaml", {})
    assert not settings.telegram.token
    assert settings.email.transport == Maildir(folder=ROOT / "state" / "mail")


def test_everybody_has_matches_in_the_seeds(people: dict[str, Subscriber], papers: list[Paper]) -> None:
    for person in people.values():
        for subscription in person.subscriptions:
            found = [paper for paper in papers if match(subscription.query, document_of(paper)) is not None]
            assert found, (person.id, subscription.name)


def test_alice_gets_the_paper_that_two_digests_name(
    people: dict[str, Subscriber], papers: list[Paper]
) -> None:
    (hala,) = [paper for paper in papers if str(paper.id) == "arxiv:2509.14008"]
    names = [
        subscription.name
        for subscription in people["alice"].subscriptions
        if match(subscription.query, document_of(hala)) is not None
    ]
    assert "language models" in names
    assert "author: Bernard Ghanem" in names


def test_every_kind_of_channel_and_delivery_is_shown(people: dict[str, Subscriber]) -> None:
    channels = [channel for person in people.values() for channel in person.channels]
    assert {channel.kind for channel in channels} == {"telegram", "email", "atom"}
    assert {channel.quizzes for channel in channels} == {"all", "one", "none"}
