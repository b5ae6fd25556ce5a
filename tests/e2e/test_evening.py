"""A scripted evening: three people, a forum and a channel, every command and every button, a night in which the clock is set
back; and the same again with a restart between any two acts.
"""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.adapters.telegram.commands import BUTTONS, COMMANDS
from bot.adapters.telegram.requests import ChatSite, Status
from bot.domain.preferences import start_payload
from tests.builders import a_channel, a_digest, a_quiz, a_subscriber, an_edition, an_entry
from tests.rigs.botapi import BotApi, SentMessage, SentPoll
from tests.rigs.botapi.messages import Sent
from tests.rigs.clock import VirtualClock
from tests.rigs.talk import Answer, Talk, talking

ALICE, BOB, CAROL, ADMIN, OPERATOR = 11, 12, 13, 14, 15
FORUM, CHANNEL = -1001, -1009
SUBSCRIBERS = (
    a_subscriber("alice", a_channel(address=str(ALICE), quizzes="one"), asks=("language models",)),
    a_subscriber("news", a_channel(address=str(CHANNEL)), asks=("language models",)),
)
SITE = ChatSite(
    operators=(OPERATOR,),
    feed_address=lambda name: f"https://papers.example.org/feeds/{name}.atom",
    status=lambda _: Status(papers=5, subscribers=2, pending=0, held=0, uncertain=0, dead=0),
)
_INTRODUCED = 20
"""So often a bot that is restarted introduces itself as well: it costs a dozen calls, and the service knows it."""
SUNDAY = datetime(2026, 10, 25, tzinfo=UTC)
"""Clocks in Berlin are set back at 01:00 UTC: quiet hours from 22:00 to 07:00 last ten hours."""


def agents(number: int, title: str) -> Any:
    return an_entry(
        number, title=f"{title}: Language Models", summary="Agents call tools and plan with tools."
    )


class Evening:
    """The bot, whether it is restarted between two steps, and all that was seen of it."""

    def __init__(self, url: str, api: BotApi, *, restarts: bool) -> None:
        self.api = api
        self.seen: list[str] = []
        self.commands: set[str] = set()
        self.pressed: set[str] = set()
        self.messages: dict[str, SentMessage] = {}
        self._url = url
        self._restarts = restarts
        self._acts = 0
        self._clock = VirtualClock()
        self._stack = AsyncExitStack()
        self._talk: Talk | None = None
        for number in (ALICE, BOB, CAROL, ADMIN, OPERATOR):
            api.chat(number)
        api.chat(FORUM, kind="supergroup", topics={3, 7}, administrators={ADMIN})
        api.chat(CHANNEL, kind="channel")

    async def talk(self) -> Talk:
        """The bot as it runs now, made anew over the same state before every act where it is restarted."""
        if self._talk is not None and not self._restarts:
            return self._talk
        press = self._talk.made.press if self._talk else None
        await self._stack.aclose()
        self._talk = await self._stack.enter_async_context(
            talking(
                self.api,
                self._url,
                *SUBSCRIBERS,
                site=SITE,
                clock=self._clock,
                press=press,
                introduces=self._acts % _INTRODUCED == 0,
                first_run=1,
            )
        )
        self._acts += 1
        return self._talk

    async def close(self) -> None:
        await self._stack.aclose()

    async def say(self, chat: int, text: str, *, keep: str = "", **parts: Any) -> Answer:
        """Somebody writes; `keep` names the answer for a button of it later."""
        talk = await self.talk()
        answer = await talk.say(self.api._chats.find(str(chat)), text, **parts)
        self.commands |= {text[1:].split(maxsplit=1)[0]} if text.startswith("/") else set()
        self._note(f"{chat} > {text}", answer.sent)
        if keep:
            self.messages[keep] = answer.message
        return answer

    async def press(self, name: str, label: str, user: int, *, keep: str = "") -> Answer:
        """Somebody presses a button of a message that was kept."""
        talk = await self.talk()
        message = self.messages[name]
        answer = await talk.press(message, label, user=user)
        self.pressed.add(talk.pressed[-1].partition(":")[0])
        self._note(f"{user} > [{label}]", answer.sent, answer.note)
        self.seen.append(f"= {message.text}")
        if keep:
            self.messages[keep] = answer.message
        return answer

    async def below(self, name: str, kind: str, user: int, *, keep: str = "") -> Answer:
        """Somebody presses a button below an alert on one paper."""
        talk = await self.talk()
        message = self.messages[name]
        rows = talk.made.store.deliveries.list_rows(states=("sent", "merged"), keys=(), limit=999)
        claim = next(row.message for row in rows if row.remote_id == str(message.id) and row.kind == "alert")
        answer = await talk.press(message, user=user, data=f"{kind}:{claim}:0")
        self.pressed.add(kind)
        self._note(f"{user} > [{kind}]", answer.sent, answer.note)
        if keep:
            self.messages[keep] = answer.message
        return answer

    async def digest(self, name: str, *entries: Any) -> list[Sent]:
        """A digest comes, and is sent."""
        talk = await self.talk()
        talk.made.registry.refresh()
        talk.made.look()
        talk.made.read(name, a_digest(*entries, day=self._clock.now().date()))
        return await self.deliver(name)

    async def deliver(self, what: str = "later") -> list[Sent]:
        talk = await self.talk()
        sent = await talk.deliver()
        self._note(f"* {what}", sent)
        return sent

    async def at(self, moment: datetime) -> list[Sent]:
        self._clock.go_to(moment)
        return await self.deliver(f"{moment:%d %H:%M}")

    def _note(self, what: str, sent: Any, note: str | None = None) -> None:
        self.seen.append(what + (f" ({note})" if note else ""))
        told = [f"{message.chat.id}/{message.thread or 0} < {message.text}" for message in sent]
        self.seen += sorted(told, key=lambda text: text.partition(" ")[0])  # targets are sent to at once


# --- the steps


async def hello(evening: Evening) -> None:
    await evening.say(ALICE, "/start")
    await evening.say(ALICE, "/help")
    await evening.digest("a.md", 1, agents(20, "Planner"), agents(21, "Caller"))
    await evening.say(ALICE, "/latest")
    await evening.say(ALICE, "/preview tools")
    await evening.say(ALICE, "/search models", keep="found")
    await evening.say(ALICE, "agents", keep="search")
    await evening.press("search", "Subscribe", ALICE, keep="offer")
    await evening.press("offer", "Keep", ALICE)


async def a_stranger_is_let_in(evening: Evening) -> None:
    await evening.say(BOB, "/add (models", keep="wrong")
    await evening.say(BOB, '/add "language model"', keep="offer")
    asked = await evening.press("offer", "Keep", BOB)
    assert isinstance(asked.sent[0], SentMessage)
    evening.messages["ask"] = asked.sent[0]
    await evening.press("ask", "Allow", OPERATOR)
    await evening.say(BOB, "/add planner", keep="second")
    await evening.press("second", "Edit", BOB)
    await evening.say(BOB, "planner OR caller", keep="edited")
    await evening.press("edited", "Keep", BOB)
    await evening.say(BOB, "/add zebra", keep="no")
    await evening.press("no", "Cancel", BOB)
    await evening.deliver("backlog")
    await evening.say(OPERATOR, "/status")


async def a_link_brings_somebody_chinese(evening: Evening) -> None:
    await evening.say(CAROL, f"/start {start_payload('tools')}", keep="link", language="zh-hans")
    asked = await evening.press("link", "保留", CAROL)
    assert isinstance(asked.sent[0], SentMessage)
    evening.messages["ask"] = asked.sent[0]
    await evening.press("ask", "Allow", OPERATOR)
    await evening.say(CAROL, "/language", keep="language", language="zh")
    await evening.press("language", "中文", CAROL)
    await evening.say(CAROL, "/list", keep="list")
    await evening.press("list", "⏸", CAROL)
    await evening.press("list", "▶", CAROL)
    await evening.deliver("backlog")


async def the_forum(evening: Evening) -> None:
    await evening.say(FORUM, "hello", user=BOB, topic=7, topic_name="Tools")
    await evening.say(FORUM, "/add tools", user=BOB, topic=3)
    await evening.say(FORUM, "/add tools", user=ADMIN, topic=3, keep="offer")
    asked = await evening.press("offer", "Keep", ADMIN)
    assert isinstance(asked.sent[0], SentMessage)
    evening.messages["ask"] = asked.sent[0]
    await evening.press("ask", "Allow", OPERATOR)
    await evening.say(FORUM, "/list", user=ADMIN, topic=3, keep="list")
    await evening.press("list", "⇄", BOB)
    await evening.press("list", "⇄", ADMIN)
    await evening.press("list", "Tools", ADMIN)
    await evening.press("list", "✎", ADMIN)
    await evening.say(FORUM, "/remove 9", user=ADMIN, topic=3, keep="list")
    await evening.deliver("backlog")
    sent = await evening.digest("b.md", agents(22, "Grasper"))
    assert [message.thread for message in sent if message.chat.id == FORUM] == [7]
    await evening.say(FORUM, "/leaderboard", user=BOB)
    await evening.say(CHANNEL, "/list")


async def one_paper_and_its_buttons(evening: Evening) -> None:
    quizzed = an_entry(
        30,
        title="Medical Imaging: Language Models",
        summary="Medical imaging with medical models.",
        editions=(an_edition(quiz=a_quiz(2)),),
    )
    sent = await evening.digest("c.md", quizzed)
    alert = next(message for message in sent if message.chat.id == ALICE and isinstance(message, SentMessage))
    evening.messages["alert"] = alert
    await evening.below("alert", "save", ALICE)
    await evening.below("alert", "save", ALICE)
    await evening.below("alert", "like", ALICE, keep="near")
    await evening.press("near", "Follow", ALICE)
    await evening.below("alert", "quiz", ALICE)
    polls = [message for message in await evening.deliver("quiz me") if isinstance(message, SentPoll)]
    evening.api.vote(polls[0], ALICE, polls[0].correct[0])
    await (await evening.talk()).settled()
    await evening.say(ALICE, "/score")
    await evening.say(ALICE, "/quiz")
    await evening.below("alert", "not", ALICE, keep="why")
    await evening.press("why", "NOT medical", ALICE)
    await evening.press("why", "Undo", ALICE)
    await evening.say(ALICE, "/saved", keep="saved")
    await evening.say(ALICE, "/export")
    await evening.say(ALICE, "/export bib")
    await evening.press("saved", "1 ✕", ALICE)


async def settings(evening: Evening) -> None:
    for command, label in (
        ("digest", "At once"),
        ("digest", "Quizzes"),
        ("timezone", "Berlin"),
        ("quiet", "22:00"),
        ("snooze", "1 day"),
        ("snooze", "Resume now"),
        ("feed", "Make one"),
        ("feed", "New address"),
        ("feed", "Turn it off"),
    ):
        await evening.say(BOB, f"/{command}", keep=command)
        await evening.press(command, label, BOB)


async def many_pages(evening: Evening) -> None:
    for word in ("one", "two", "three", "four", "five", "six", "seven", "eight"):
        await evening.say(BOB, f"/add {word}", keep="offer")
        await evening.press("offer", "Keep", BOB)
        evening._clock.advance(seconds=10)
    await evening.say(BOB, "/list", keep="list")
    await evening.press("list", "›", BOB)
    await evening.press("list", "✕", BOB)
    await evening.digest("d.md", *range(31, 38))
    await evening.say(BOB, "/search models", keep="found")
    await evening.press("found", "More", BOB)
    for number in range(31, 37):
        talk = await evening.talk()
        talk.made.preferences.save(f"telegram:{BOB}", an_entry(number).id, evening._clock.now())
    await evening.say(BOB, "/saved", keep="saved")
    await evening.press("saved", "›", BOB)
    await evening.say(ALICE, "/latest", keep="latest")
    await evening.press("latest", "›", ALICE)


async def the_night(evening: Evening) -> None:
    await evening.at(SUNDAY.replace(day=24, hour=20, minute=30))
    for hour, number in ((0, 40), (1, 41)):  # twice half past two in Berlin
        evening._clock.go_to(SUNDAY.replace(hour=hour, minute=30))
        sent = await evening.digest(f"n{number}.md", agents(number, f"Planner by Night {number}"))
        assert BOB not in {message.chat.id for message in sent}
        assert ALICE in {message.chat.id for message in sent}
    assert await evening.at(SUNDAY.replace(hour=5, minute=59)) == []
    (roll_up,) = await evening.at(SUNDAY.replace(hour=6))
    assert roll_up.chat.id == BOB
    assert "Night 40" in roll_up.text
    assert "Night 41" in roll_up.text
    assert await evening.at(SUNDAY.replace(hour=7)) == []


async def the_end(evening: Evening) -> None:
    await evening.say(CAROL, "/stop")
    await evening.digest("e.md", agents(50, "Last"))
    await evening.say(CAROL, "/start")
    await evening.deliver("what waited")
    await evening.say(BOB, "/delete_me", keep="delete")
    await evening.press("delete", "Delete everything", BOB)
    sent = await evening.digest("f.md", agents(51, "Very Last"))
    assert BOB not in {message.chat.id for message in sent}


STEPS: tuple[Callable[[Evening], Awaitable[None]], ...] = (
    hello,
    a_stranger_is_let_in,
    a_link_brings_somebody_chinese,
    the_forum,
    one_paper_and_its_buttons,
    settings,
    many_pages,
    the_night,
    the_end,
)


UNUSED = {"more", "page", "open", "both"}
"""Buttons of long alerts and of spellings, which have tests of their own."""


async def whole_evening(tmp_path: Path, api: BotApi, *, restarts: bool) -> Evening:
    evening = Evening(f"sqlite:///{tmp_path}/state.sqlite3", api, restarts=restarts)
    try:
        for step in STEPS:
            await step(evening)
            evening._clock.advance(minutes=2)  # one person is answered thirty times a minute
    finally:
        await evening.close()
    return evening


async def test_an_evening_uses_every_command_and_button_and_a_restart_changes_nothing(tmp_path: Path) -> None:
    evenings = []
    for restarts in (False, True):
        (folder := tmp_path / str(restarts)).mkdir()
        async with BotApi() as api:
            evenings.append(await whole_evening(folder, api, restarts=restarts))
            assert api.complaints == []
    assert evenings[0].seen == evenings[1].seen
    assert evenings[0].commands == COMMANDS.keys()
    assert evenings[0].pressed == BUTTONS.keys() - UNUSED
