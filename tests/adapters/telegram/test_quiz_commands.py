"""Quizzes in the conversation: what the commands say, and whose votes count, before the emulator."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.store import Store
from bot.adapters.telegram.chat import ChatService, VoteCollector
from bot.adapters.telegram.client import BotClient
from bot.adapters.telegram.commands import board_text, score_text
from bot.adapters.telegram.requests import ChatDeliveries, Request, Services
from bot.adapters.telegram.updates import Chat, read_vote
from bot.domain.errors import DeliveryError, OutcomeUnknown, Refused, TargetGone
from bot.domain.quizzes.scores import Score, Standing, TopicScore
from bot.domain.quizzes.votes import PollState, Vote
from bot.pipeline.finder import PaperFinder
from bot.pipeline.preferences import Preferences
from bot.pipeline.quizzes import Board, Scores
from tests.adapters.telegram.conftest import WAITS, until
from tests.builders import NOW, a_channel, a_question, a_quiz, a_subscriber
from tests.rigs.botapi import BotApi
from tests.rigs.quizzes import Classroom, a_learner, a_quizzed_paper

GROUP = "telegram:-100"
Talk = Callable[..., Awaitable[str]]


def a_request() -> Request:
    """A request that only gives its texts."""
    return Request(
        services=None,  # type: ignore[arg-type]
        now=NOW,
        chat=Chat(id=7, kind="private"),
        message=1,
        subscriber="chat7",
    )


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Classroom]:
    store = Store(f"sqlite:///{tmp_path}/state.sqlite3")
    club = a_subscriber("club", a_channel(address="-100", quizzes="all"))
    yield Classroom(store, a_learner(7), club)
    store.close()


class Wakes:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.fixture
def wakes() -> Wakes:
    return Wakes()


@pytest.fixture
async def talk(api: BotApi, room: Classroom, wakes: Wakes) -> AsyncIterator[Talk]:
    """Say something and give the bot's answer; the whole service works on the room's store."""
    stop, store = asyncio.Event(), room.store
    service = ChatService(
        BotClient(api.token, api_url=api.url),
        room.store.updates,
        Services(
            deliveries=ChatDeliveries(store.papers, store.deliveries, room.builder, room.registry),
            scheduler=room.scheduler,
            stats=room.stats,
            preferences=Preferences(store.preferences, room.registry, store.deliveries, store.papers),
            chats=store.chats,
            finder=PaperFinder(store.full_text, store.papers),
        ),
        room.clock,
        votes=VoteCollector(room.counter, room.store.quizzes, room.clock),
        wake=wakes,
        waits=WAITS,
    )
    task = asyncio.create_task(service.run(stop))

    async def say(chat: Any, text: str, **parts: Any) -> str:
        before = len(api.messages)
        api.say(chat, text, **parts)
        await until(lambda: len(api.messages) > before)
        return api.messages[-1].text

    yield say
    stop.set()
    await asyncio.wait_for(task, 5)
    await service.close()


async def test_quiz_plans_one_question_and_wakes_the_delivery(
    talk: Talk, api: BotApi, room: Classroom, wakes: Wakes
) -> None:
    room.keep(a_quizzed_paper(1, a_question("One?", "a", "b")))
    chat = api.chat(7)
    api.say(chat, "/quiz")
    await until(lambda: wakes.count == 1)
    assert [room.question(message) for message in room.deliver()] == ["One?"]
    assert "every question I know" in await talk(chat, "/quiz")
    assert "/start explains how to begin" in await talk(api.chat(8), "/quiz")


def test_a_question_on_a_paper_is_planned_once_for_a_chat_that_wants_it(room: Classroom) -> None:
    paper = a_quizzed_paper(1, a_question("One?", "a", "b"))
    room.keep(paper)
    assert room.scheduler.question_on(("8",), paper, room.now) == "unsubscribed"
    room.store.deliveries.opt_out("telegram:7", "stopped", room.now)
    assert room.scheduler.question_on(("7",), paper, room.now) == "stopped"
    room.store.deliveries.revive("telegram:7")
    assert room.scheduler.question_on(("7",), paper, room.now) == "new"
    assert room.scheduler.question_on(("7",), paper, room.now) == "none"


async def test_score_is_empty_then_counts(talk: Talk, api: BotApi, room: Classroom) -> None:
    chat = api.chat(7)
    assert "No answers yet" in await talk(chat, "/score")
    for index, poll in enumerate(room.ask(a_quizzed_paper(1, *a_quiz(3)))):
        room.answer(poll, 7, right=index > 0)
    room.count()
    text = await talk(chat, "/score")
    assert "2 of 3 right (67 %)" in text
    assert "1 day in a row" in text


async def test_only_members_stand_on_the_leaderboard(talk: Talk, api: BotApi, room: Classroom) -> None:
    chat = api.chat(-100, kind="supergroup")
    chat.outsiders = {66}
    assert "Nobody here" in await talk(chat, "/leaderboard", user=1)
    (poll,) = room.ask(a_quizzed_paper(1, a_question("One?", "a", "b", "c")), GROUP, "club")
    correct = room.polls[poll][1].correct
    for person, right in ((1, False), (2, True), (66, True)):
        user = {"id": person, "is_bot": False, "first_name": f"Person {person}"}
        shown = correct if right else (correct + 1) % 3
        api.updates.add("poll_answer", {"poll_id": poll, "user": user, "option_ids": [shown]})
    await until(lambda: len(room.stats.leaderboard(("-100",)).standings) == 2)
    text = await talk(chat, "/leaderboard", user=1)
    assert text.splitlines()[:2] == ["🥇 Person 2 – 1 of 1", "🥈 Person 1 – 0 of 1"]
    assert "Not counted: 1 person who answered forwarded copies." in text
    assert room.store.quizzes.unknown_members(10) == ()
    assert "0 of 1" in await talk(chat, "/score", user=1)


async def test_people_hide_themselves_and_nobody_else(talk: Talk, api: BotApi, room: Classroom) -> None:
    chat = api.chat(-100, kind="supergroup")
    (poll,) = room.ask(a_quizzed_paper(1, a_question("One?", "a", "b")), GROUP, "club")
    for person in (1, 2):
        room.answer(poll, person, right=True)
    room.count()
    await talk(chat, "/leaderboard hide", user=2)
    await talk(chat, "/leaderboard", user=1)
    text = await talk(chat, "/leaderboard", user=1)
    assert "Person 1" in text
    assert "Person 2" not in text
    assert "Not listed: 1 person" in text
    assert "ask as yourself" in await talk(chat, "/leaderboard hide", as_chat=True)
    assert "hide or /leaderboard show" in await talk(chat, "/leaderboard everybody", user=1)
    await talk(chat, "/leaderboard show", user=2)
    assert "Person 2" in await talk(chat, "/leaderboard", user=1)


async def test_private_chats_have_no_leaderboard_and_channels_no_people(
    talk: Talk, api: BotApi, room: Classroom
) -> None:
    assert "needs a group" in await talk(api.chat(7), "/leaderboard")
    channel = api.chat(-100, kind="channel")
    assert "No votes here yet" in await talk(channel, "/score")
    (poll,) = room.ask(a_quizzed_paper(1, a_question("One?", "a", "b")), GROUP, "club")
    right = room.polls[poll][1].correct
    room.told(poll, *(3 if index == right else 1 for index in range(2)))
    room.count()
    text = await talk(channel, "/leaderboard")
    assert "Questions: 1, votes: 4." in text
    assert "3 of 4 right (75 %)" in text


async def test_delete_me_asks_first_and_then_deletes(talk: Talk, api: BotApi, room: Classroom) -> None:
    chat = api.chat(7)
    (poll,) = room.ask(a_quizzed_paper(1, a_question("One?", "a", "b")))
    room.answer(poll, 7, right=True)
    room.count()
    assert "deletes everything about you" in await talk(chat, "/delete_me")
    assert "1 of 1" in await talk(chat, "/score")
    gone = await talk(chat, "/delete_me yes")
    assert "votes 1, names 1" in gone
    assert "The operator's configuration file names this chat" in gone
    assert "No answers yet" in await talk(chat, "/score")


async def test_who_speaks_for_the_whole_chat_has_no_score(talk: Talk, api: BotApi) -> None:
    chat = api.chat(-100, kind="supergroup")
    assert "ask as yourself" in await talk(chat, "/score", as_chat=True)
    assert "ask as yourself" in await talk(chat, "/delete_me", as_chat=True)


class Doorman:
    """Answers who is a member, or fails so."""

    def __init__(self, answer: Callable[[int], bool | DeliveryError]) -> None:
        self.answer = answer
        self.asked: list[tuple[int | str, int]] = []

    async def is_member(self, chat: int | str, user: int) -> bool:
        self.asked.append((chat, user))
        answer = self.answer(user)
        if isinstance(answer, DeliveryError):
            raise answer
        return answer


@pytest.mark.parametrize(
    "error",
    [
        TargetGone("Bad Request: user not found"),
        Refused("Bad Request: PARTICIPANT_ID_INVALID"),
        TargetGone("Bad Request: chat_admin_required"),
        OutcomeUnknown("timed out"),
    ],
)
async def test_a_voter_of_whom_nobody_says_anything_is_not_ranked_and_not_asked_for_again_and_again(
    room: Classroom, error: DeliveryError
) -> None:
    (poll,) = room.ask(a_quizzed_paper(1, a_question("One?", "a", "b")), GROUP, "club")
    collector = VoteCollector(room.counter, room.store.quizzes, room.clock)
    doorman = Doorman(lambda _: error)
    for _ in range(2):
        room.answer(poll, 1, right=True)
        await collector.collect(doorman)
    assert doorman.asked == [(-100, 1)]
    board = room.stats.leaderboard(("-100",))
    assert (board.standings, board.strangers) == ((), 1)


def test_votes_are_read_with_whatever_is_in_them() -> None:
    def read(**update: Any) -> Vote | PollState | None:
        return read_vote(json.dumps({"update_id": 1, **update}))

    user = {"id": 5, "first_name": "Ada", "last_name": "L"}
    assert read(poll_answer={"poll_id": "9", "user": user, "option_ids": [1]}) == Vote(
        poll="9", person=5, options=(1,), name="Ada L"
    )
    chat = {"id": -100, "title": "Club"}
    assert read(poll_answer={"poll_id": "9", "voter_chat": chat, "option_ids": []}) == Vote(
        poll="9", person=-100, name="Club"
    )
    for nonsense in ({}, {"poll_id": "9"}, {"poll_id": 9, "user": user, "option_ids": []}, []):
        assert read(poll_answer=nonsense) is None
    assert read(
        poll={"id": "9", "question": "?", "options": [{"text": "a", "voter_count": -1}, 5]}
    ) == PollState(poll="9", question="?", options=("a",), counts=(0,), voters=0)
    assert read(poll={"id": "9"}) is None
    assert read(message={"text": "poll"}) is None
    assert read_vote("[]") is None


def test_names_and_topics_are_shown_as_text() -> None:
    evil = "<b>x</b>\u202e\n@all"
    board = Board(standings=(Standing(rank=4, person=1, right=1, judged=2),), names={1: evil})
    assert "&lt;b&gt;x&lt;/b&gt;" in board_text(a_request(), board).html
    assert "\u202e" not in board_text(a_request(), board).html
    scores = Scores(
        score=Score(right=0, judged=3, waiting=1, learned=1, streak=2),
        topics=(TopicScore(name=evil, right=0, judged=3), TopicScore(name="", right=0, judged=1)),
        due=2,
    )
    text = score_text(a_request(), scores).html
    assert "Worth reading again" in text
    assert "other papers: 0 of 1" in text
    assert "2 due today: /quiz" in text
    assert "<b>x" not in text
