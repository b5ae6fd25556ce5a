"""Folder → papers → matches → Telegram, mail and feed, as one process before emulated services."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.telegram.publisher import TelegramPublisher
from bot.app.config.settings import load_settings
from bot.app.config.subscriptions import load_subscribers
from bot.app.container import build_container
from bot.app.once import run_once, scan_folders
from bot.domain.channels import Limits
from tests.e2e.conftest import CHAT
from tests.rigs.botapi import BotApi, SentPoll

TABLE, QUIZ_TEXT = "000_a9c5d5985cb68500.txt", "002_7448b9b0a17a3cd7.txt"
HALA_KEY = ("Reduced model parameters", "Scarcity of high-quality", "Spherical linear interpolation")


def one_pass(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`paperboy once`, without the pause between two messages to one chat."""
    unlimited = replace(TelegramPublisher.capabilities, limits=Limits())
    monkeypatch.setattr(TelegramPublisher, "capabilities", unlimited)
    settings = load_settings(home / "config/paperboy.yaml", {})
    scan = scan_folders(settings)
    container = build_container(settings, load_subscribers(settings.subscriptions))

    async def work() -> None:
        await run_once(container, scan)
        await container.close()

    asyncio.run(work())


@contextmanager
def running(home: Path) -> Iterator[subprocess.Popen[str]]:
    """`paperboy run` as a process of its own, which ends by SIGTERM."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "run"],
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=15)
        finally:
            process.kill()


def eventually(true: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until it is so, looking often."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def test_the_nine_questions_reply_to_the_alert_of_their_papers(
    home: Path, seeds: Path, bot_api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (TABLE, QUIZ_TEXT):
        shutil.copy(seeds / name, home / "digests")
    one_pass(home, monkeypatch)
    (alert,) = bot_api.messages
    assert "Hala Technical Report" in alert.text
    assert len(bot_api.polls) == 9
    assert {poll.reply_to for poll in bot_api.polls} == {alert.id}
    assert not any(poll.anonymous for poll in bot_api.polls)


def test_with_the_page_beside_it_the_polls_are_quizzes_with_the_pages_answers(
    home: Path, seeds: Path, corpus: Path, bot_api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (seeds / TABLE, seeds / QUIZ_TEXT, corpus / "pages" / "2025-09-18.html"):
        shutil.copy(path, home / "digests")
    one_pass(home, monkeypatch)
    hala = [poll for poll in bot_api.polls if "HALA" in poll.question]
    assert len(hala) == 3
    assert {poll.kind for poll in bot_api.polls} == {"quiz"}
    assert sorted(right(poll) for poll in hala) == sorted(
        right(poll) for poll in hala if right(poll).startswith(HALA_KEY)
    )


def right(poll: SentPoll) -> str:
    (correct,) = poll.correct
    return poll.options[correct]


def test_a_second_pass_sends_nothing(
    home: Path, seeds: Path, bot_api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(seeds / TABLE, home / "digests")
    one_pass(home, monkeypatch)
    before = len(bot_api.sent)
    assert before
    one_pass(home, monkeypatch)
    assert len(bot_api.sent) == before


def test_a_quiz_that_comes_later_replies_to_the_old_alert_which_is_edited(
    home: Path, seeds: Path, bot_api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(seeds / TABLE, home / "digests")
    one_pass(home, monkeypatch)
    (alert,) = bot_api.messages
    shutil.copy(seeds / QUIZ_TEXT, home / "digests")
    one_pass(home, monkeypatch)
    hala = [poll for poll in bot_api.polls if "HALA" in poll.question]
    assert [poll.reply_to for poll in hala] == [alert.id] * 3
    alerts = [message for message in bot_api.messages if "Hala Technical Report" in message.text]
    assert alerts == [alert]


def test_a_running_service_tells_of_a_dropped_digest_and_ends_on_sigterm(
    home: Path, seeds: Path, bot_api: BotApi
) -> None:
    chat = bot_api.chat(CHAT)
    with running(home) as process:
        eventually(lambda: bot_api.calls["getUpdates"] > 0)
        shutil.copy(seeds / TABLE, home / "digests" / "incoming.part")
        (home / "digests" / "incoming.part").rename(home / "digests" / "today.md")
        eventually(lambda: bool(bot_api.messages))
        bot_api.say(chat, "/list")
        eventually(lambda: any("WebSailor-V2" in message.text for message in bot_api.messages[1:]))
        config = home / "config/subscriptions.yaml"
        good = config.read_text()
        config.write_text("subscribers: [{id: alice, keywordz: []}]\n")
        time.sleep(0.1)
        assert process.poll() is None
        config.write_text(good)
    assert process.returncode == 0
    assert (home / "state/feeds/alice.atom").exists()
