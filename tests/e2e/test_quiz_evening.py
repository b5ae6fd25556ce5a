"""A whole quiz evening: five people, forwarded polls, lost answers, a crash in the middle, and the right table."""

import email
import email.policy
import html
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.test_file_to_message import eventually, one_pass
from tests.rigs.botapi import BotApi, Chat, Fault, SentPoll

GROUP, ALICE, PEOPLE, STRANGER, SPY = -100500, 1, (1, 2, 3, 4, 5), 66, 77
KEYED = {
    "How many stars are counted?": ("Twelve", "Two", "Two hundred"),
    "What hides the rest?": ("Clouds", "The sun", "A dome"),
    "What do they look through?": ("A sextant", "A window", "A prism"),
    "Who drew the first map?": ("Hipparchus", "Ptolemy", "Brahe"),
}
LATE_KEY = {"Which star is the brightest?": ("Sirius", "Vega", "Rigel")}
RIGHT = {question: options[0] for question, options in (KEYED | LATE_KEY).items()}


def page(papers: dict[str, dict[str, tuple[str, ...]]], *, keyed: bool = True) -> str:
    """A quiz page: title to questions to options, of which the first is right."""
    sections = []
    for number, (title, quiz) in enumerate(papers.items(), start=1):
        tabs = "".join(_tab(index, *tab, keyed=keyed) for index, tab in enumerate(quiz.items(), start=1))
        sections.append(
            '<div class="paper-container"><div class="card-deck"><div class="paper-card active">'
            f"<h2>Paper {number}</h2><p><strong>{title}</strong></p>"
            "<p><strong>Published: </strong>2031-05-01</p><p><strong>Link: </strong>"
            f'<a href="http://arxiv.org/pdf/3105.{sum(map(ord, title)):05d}">x</a></p>'
            '<div><div class="category-chunk">1.  <strong>📘 Topic and Domain:</strong> Stars.</div></div>'
            f'</div></div><div class="quiz-tabs">{tabs}</div></div>'
        )
    head = (
        "<!DOCTYPE html><html><head><title>2031-05-03 Papers</title></head><body><h1>2031-05-03 Papers</h1>"
    )
    return head + "".join(sections) + "</body></html>"


def _tab(number: int, question: str, options: tuple[str, ...], *, keyed: bool) -> str:
    choices = "".join(
        f'<div class="quiz-choice" data-value="{html.escape(option)}">{html.escape(option)}</div>'
        for option in (*options[1:], options[0])
    )
    key = html.escape(options[0]) if keyed else ""
    return (
        f'<div class="quiz-tab" title="Click To Open Question #{number}">Q{number}'
        f'<div class="quiz-popup" data-answer="{key}"><div class="quiz-question">{number}. {question}</div>'
        f'<div class="quiz-choices">{choices}</div><div class="quiz-feedback"></div></div></div>'
    )


@pytest.fixture
def home(tmp_path: Path, bot_api: BotApi) -> Path:
    (tmp_path / "config").mkdir()
    (tmp_path / "digests").mkdir()
    (tmp_path / "config" / "paperboy.yaml").write_text(
        "watch: {folders: [digests], settle_seconds: 0.05}\nweb: {listen: ''}\n"
        f"telegram: {{token: '{bot_api.token}', api_url: '{bot_api.url}'}}\n"
    )
    (tmp_path / "config" / "subscriptions.yaml").write_text(
        "subscribers:\n"
        f"  - {{id: club, channels: [{{telegram: {GROUP}, quizzes: true}}], keywords: ['title:(stars OR sky)']}}\n"
        f"  - {{id: alice, channels: [{{telegram: {ALICE}, quizzes: true}}], keywords: ['title:stars']}}\n"
    )
    return tmp_path


@contextmanager
def paperboy(home: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`paperboy run` as a process; killed at the end, as by a power cut, unless it has ended by then."""
    with (home / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", "run"],
            cwd=home,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait(15)


def drop(home: Path, name: str, text: str) -> None:
    new = home / f"{name}.new"
    new.write_text(text)
    shutil.move(new, home / "digests" / name)


def vote(api: BotApi, poll: SentPoll, person: int, *, right: bool) -> None:
    index = poll.options.index(RIGHT[poll.question])
    api.vote(poll, person, index if right else (index + 1) % len(poll.options))


def in_group(api: BotApi) -> list[SentPoll]:
    return [poll for poll in api.polls if poll.chat.id == GROUP]


def knows(person: int, index: int) -> bool:
    """Person 1 knows all, person 5 nothing, the others in between."""
    return index % 5 < 6 - person or person == 1


def told(api: BotApi, chat: Chat, command: str, user: int) -> str:
    before = len(api.messages)
    api.say(chat, command, user=user)
    eventually(lambda: len(api.messages) > before)
    return api.messages[-1].text


def test_an_evening_ends_with_the_right_table(home: Path, bot_api: BotApi) -> None:
    api = bot_api
    api.chat(ALICE)
    group = api.chat(GROUP, kind="supergroup")
    group.outsiders = {STRANGER, SPY}
    drop(home, "first.html", page({"Counting Stars": dict(KEYED)}))
    drop(home, "second.html", page({"The Brightest in the Sky": dict(LATE_KEY)}, keyed=False))
    api.fail(Fault(kind="drop", after=True, methods=("sendPoll",)))

    with paperboy(home):
        eventually(lambda: len(in_group(api)) == 5 and len(api.polls) == 9)
        for poll in api.polls:  # the service tells of one whose sending nobody saw answered
            api.updates.add("poll", poll.described_poll())
        polls = sorted(in_group(api), key=lambda poll: list(RIGHT).index(poll.question))
        for index, poll in enumerate(polls[:3]):
            for person in PEOPLE:
                vote(api, poll, person, right=knows(person, index))
            vote(api, poll, STRANGER, right=True)
        eventually(lambda: api.updates.confirmed or len(api.updates.waiting) < len(PEOPLE))
    # killed while votes came in: some are confirmed, some are not, and nobody knows which are counted
    for index, poll in enumerate(polls[3:], start=3):
        for person in PEOPLE:
            vote(api, poll, person, right=knows(person, index))
    own = [poll for poll in api.polls if poll.chat.id == ALICE]
    vote(api, own[0], SPY, right=True)
    vote(api, own[0], ALICE, right=False)
    with paperboy(home) as process:
        drop(home, "third.html", page({"The Brightest in the Sky": dict(LATE_KEY)}))
        expected = [
            (person, sum(knows(person, index) for index in range(5)))
            for person in sorted(PEOPLE, key=lambda human: -sum(knows(human, index) for index in range(5)))
        ]
        found: list[tuple[int, int]] = []

        def is_right() -> bool:
            text = told(api, group, "/leaderboard", 2)
            lines = re.findall(r"Person (\d+) – (\d+) of 5", text)
            found[:] = [(int(person), int(right)) for person, right in lines]
            return found == expected and "Not counted: 1 person" in text

        eventually(is_right, seconds=90)
        assert "3 of 5 right" in told(api, group, "/score", 3)
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    questions = [poll.question for poll in in_group(api)]
    assert sorted(questions) == sorted(RIGHT)


def test_chinese_questions_are_asked_with_their_own_key(home: Path, bot_api: BotApi) -> None:
    bot_api.chat(ALICE)
    shutil.copy(Path(__file__).parents[1] / "data/digests/page_bilingual.html", home / "digests")
    (home / "config" / "subscriptions.yaml").write_text(
        f"subscribers:\n  - {{id: alice, language: zh, channels: [{{telegram: {ALICE}, quizzes: true}}],"
        " keywords: ['title:stars']}\n"
    )
    with paperboy(home):
        eventually(lambda: len(bot_api.polls) == 1)
    (poll,) = bot_api.polls
    assert poll.question == "多少？"
    assert [poll.options[index] for index in poll.correct] == ["十二"]


@pytest.mark.parametrize(("quizzes", "asked"), [("true", 4), ("1", 1), ("false", 0)])
def test_a_mail_carries_the_quiz_where_its_channel_takes_one(
    home: Path, monkeypatch: pytest.MonkeyPatch, quizzes: str, asked: int
) -> None:
    drop(home, "first.html", page({"Counting Stars": dict(KEYED)}))
    (home / "config" / "subscriptions.yaml").write_text(
        f"subscribers:\n  - {{id: bob, channels: [{{email: bob@example.org, quizzes: {quizzes}}}],"
        " keywords: ['title:stars']}\n"
    )
    one_pass(home, monkeypatch)
    (path,) = (home / "state" / "mail" / "new").iterdir()
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    text = mail.get_body(("plain",)).get_content()
    _, _, end = text.partition("Answers\n")
    answers = re.findall(r"\d\. [A-C]\. (.+)", end)
    assert sorted(answers) == sorted(set(answers) & set(RIGHT.values()))
    assert len(answers) == sum(text.count(question) for question in KEYED) == asked
