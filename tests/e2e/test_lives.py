"""What becomes of a target: what the service says of it, what the operator sees, and how it comes back."""

import shutil
import subprocess
from pathlib import Path

import pytest

from bot.adapters.store import Store
from tests.app.cli.conftest import Paperboy, paperboy
from tests.e2e.conftest import CHAT
from tests.e2e.test_file_to_message import TABLE, eventually, one_pass, running
from tests.rigs.botapi import BotApi

__all__ = ["paperboy"]

FORUM = -1001
TOPIC = f"telegram:{FORUM}/7"
HALA = "2509.14008"


@pytest.fixture
def seeded(home: Path, seeds: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home with one digest, where the command line is at home too."""
    shutil.copy(seeds / TABLE, home / "digests" / "today.md")
    monkeypatch.chdir(home)
    monkeypatch.delenv("PAPERBOY_CONFIG", raising=False)
    return home


def lives_at(home: Path, *channels: str, keywords: str = "title:(Hala OR WebSailor-V2)") -> None:
    listed = "".join(f"\n      - {channel}" for channel in channels)
    (home / "config/subscriptions.yaml").write_text(
        f'subscribers:\n  - id: alice\n    channels:{listed}\n    keywords: ["{keywords}"]\n'
    )


def more_wanted(home: Path, *channels: str) -> None:
    """Another digest with other papers that match."""
    text = (home / "digests" / "today.md").read_text()
    (home / "digests" / "tomorrow.md").write_text(
        text.replace("2509.1", "2510.1").replace("Hala", "Hala two")
    )
    lives_at(home, *channels, keywords="title:(Hala OR WebSailor-V2)")


def test_a_topic_that_is_deleted_is_answered_in_the_chat_seen_everywhere_and_forgotten_when_it_is_back(
    seeded: Path, bot_api: BotApi, paperboy: Paperboy, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = "telegram: {chat: -1001, topic: 7}"
    lives_at(seeded, where)
    forum = bot_api.chat(FORUM, kind="supergroup")
    one_pass(seeded, monkeypatch)
    assert [message.thread for message in bot_api.messages] == [None]
    ran = paperboy("status")
    assert ran.code == 1
    assert f"TARGET       {TOPIC}: topic gone (" in ran.out
    assert f"TOPIC GONE {TOPIC}: its messages go to the chat itself" in paperboy("explain", HALA, "alice").out
    assert "topic gone" in paperboy("doctor").out
    forum.topics.add(7)
    more_wanted(seeded, where)
    one_pass(seeded, monkeypatch)
    assert [message.thread for message in bot_api.messages] == [None, 7]
    assert "topic gone" not in paperboy("status").out


def test_what_waited_for_a_chat_that_had_blocked_us_is_there_at_once_after_start(
    seeded: Path, bot_api: BotApi
) -> None:
    lives_at(seeded, f"telegram: {CHAT}")
    chat = bot_api.chat(CHAT)
    chat.condition = "blocked"
    store = Store(f"sqlite:///{seeded}/state/paperboy.sqlite3")
    with running(seeded):
        eventually(lambda: bool(store.incidents.stopped_channels() or _suspended(store)))
        assert bot_api.messages == []
        chat.condition = "open"
        bot_api.say(chat, "/start")
        eventually(lambda: len(bot_api.messages) == 2, seconds=10)
    store.close()
    assert "Hala" in bot_api.messages[1].text + bot_api.messages[0].text


def _suspended(store: Store) -> bool:
    known = store.deliveries.target(f"telegram:{CHAT}")
    return known is not None and known.suspended is not None


def test_a_target_that_is_gone_is_seen_everywhere_and_revived_by_outbox_retry(
    seeded: Path, bot_api: BotApi, paperboy: Paperboy, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives_at(seeded, f"telegram: {CHAT}")
    chat = bot_api.chat(CHAT)
    chat.condition = "deactivated"
    one_pass(seeded, monkeypatch)
    for command in (("status",), ("explain", HALA, "alice"), ("doctor",)):
        assert "user is deactivated" in paperboy(*command).out
    chat.condition = "open"
    one_pass(seeded, monkeypatch)
    assert bot_api.messages == []
    messages = paperboy("outbox", "list", "--json").json["messages"]
    waiting = [key for message in messages for key in message["keys"]]
    assert "1 suspended target tried again" in paperboy("outbox", "retry", *waiting).out
    one_pass(seeded, monkeypatch)
    assert len(bot_api.messages) == 1
    assert "suspended" not in paperboy("status").out


def test_a_group_that_became_a_supergroup_is_followed_and_so_is_its_stop(
    seeded: Path, bot_api: BotApi, paperboy: Paperboy, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives_at(seeded, "telegram: -55")
    old, new = bot_api.chat(-55, kind="group"), bot_api.chat(-1005, kind="supergroup")
    old.condition, old.moved_to = "migrated", new.id
    one_pass(seeded, monkeypatch)
    more_wanted(seeded, "telegram: -55")
    one_pass(seeded, monkeypatch)
    assert [message.chat.id for message in bot_api.messages] == [-1005, -1005]
    assert paperboy("status").code == 0


def test_of_two_processes_on_one_sqlite_state_one_asks_for_updates(
    seeded: Path, bot_api: BotApi, paperboy: Paperboy
) -> None:
    lives_at(seeded, f"telegram: {CHAT}")
    bot_api.chat(CHAT)
    with running(seeded) as first, running(seeded) as second:
        eventually(lambda: bot_api.calls["getUpdates"] > 0 and bool(bot_api.messages))
        said = "".join(map(_until_running, (first, second)))
        assert paperboy("status", "--alive").code == 0
        said += _both(first, second)
    assert len(bot_api.messages) == 1
    assert "leader.waiting" in said
    assert "second_poller" not in said


def _until_running(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    said = ""
    while "is running" not in said:
        line = process.stdout.readline()
        assert line, f"it ended: {said}"
        said += line
    return said


def _both(*processes: "subprocess.Popen[str]") -> str:
    for process in processes:
        process.terminate()
    return "".join(process.communicate(timeout=15)[0] for process in processes)
