"""The subscriptions file while the service runs."""

import logging
from pathlib import Path

import pytest

from bot.app.config.subscriptions import SubscriptionsReloader
from bot.domain.subscriptions import Subscriber

GOOD = "subscribers:\n  - id: {id}\n    channels: [{{atom: true}}]\n    keywords: [agents]\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "subscriptions.yaml"
    path.write_text(GOOD.format(id="alice"))
    return path


def settled(reloader: SubscriptionsReloader) -> tuple[Subscriber, ...] | None:
    """What a second look in a row gives: the first only notes that something changed."""
    assert reloader.changed() is None
    return reloader.changed()


def test_nothing_changed_gives_nothing(file: Path) -> None:
    assert SubscriptionsReloader(file).changed() is None


def test_a_good_edit_gives_the_new_subscribers_once(file: Path) -> None:
    reloader = SubscriptionsReloader(file)
    file.write_text(GOOD.format(id="bob"))
    subscribers = settled(reloader)
    assert subscribers is not None
    assert [subscriber.id for subscriber in subscribers] == ["bob"]
    assert reloader.changed() is None


def test_a_bad_edit_keeps_the_last_good_ones_and_says_where_once(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reloader = SubscriptionsReloader(file)
    file.write_text("subscribers:\n  - idd: alice\n")
    with caplog.at_level(logging.ERROR):
        assert reloader.changed() is None
        assert reloader.changed() is None
    logged = [record for record in caplog.records if record.getMessage() == "subscriptions.bad_edit"]
    assert logged
    assert all("subscriptions.yaml:2:" in vars(record)["fault"] for record in logged)
    assert len({vars(record)["fault"] for record in logged}) == len(logged)


def test_a_repaired_file_is_taken_again(file: Path) -> None:
    reloader = SubscriptionsReloader(file)
    file.write_text("subscribers: [")
    assert reloader.changed() is None
    file.write_text(GOOD.format(id="carol"))
    assert settled(reloader) is not None


def test_a_file_that_goes_away_keeps_the_last_good_ones(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    reloader = SubscriptionsReloader(file)
    file.unlink()
    with caplog.at_level(logging.ERROR):
        assert settled(reloader) is None
    assert "subscriptions.missing" in caplog.text
    file.write_text(GOOD.format(id="alice"))
    assert settled(reloader) is not None


def test_a_file_of_no_bytes_is_a_slip_and_an_empty_list_is_a_wish(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reloader = SubscriptionsReloader(file)
    file.write_text("")
    with caplog.at_level(logging.ERROR):
        assert settled(reloader) is None
    assert "subscriptions.empty" in caplog.text
    file.write_text("subscribers: []\n")
    assert settled(reloader) == ()


def test_of_many_faults_the_first_are_logged_and_the_command_that_lists_the_rest(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reloader = SubscriptionsReloader(file)
    file.write_text("subscribers:\n" + "  - {idd: a}\n" * 30)
    with caplog.at_level(logging.ERROR):
        assert settled(reloader) is None
    assert len(caplog.records) == 6
    assert "`paperboy check` lists them" in vars(caplog.records[-1])["fault"]
