"""Ways out that keep the publisher's contract and can fail in every way; and feeds that are only kept."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bot.app.config.channels import CHANNELS
from bot.domain.channels import ChannelKind, Limits
from bot.domain.chats import ChatFacts
from bot.domain.feeds import Feed
from bot.domain.message import Begin, OutgoingMessage, Receipt, unrecorded


def receipt(message: str = "m-1", **parts: Any) -> Receipt:
    return Receipt(message=message, **parts)


class FakePublisher:
    """Takes everything over, unless told otherwise.

    `taken` are the outgoing_messages that the service took, in order; `tried` all that it was handed. What is put
    into `answers` for an address (or `""` for any) is used up first: an exception is raised, an event is
    waited for. With `taken_before_failing`, a message is taken although its answer is an error.
    """

    def __init__(self, kind: ChannelKind, **can: Any) -> None:
        """`can` stands for capabilities other than those of the kind; without, it has no limits."""
        self.kind = kind
        self.capabilities = replace(CHANNELS[kind].capabilities, **{"limits": Limits(), **can})
        self.tried: list[OutgoingMessage] = []
        self.taken: list[OutgoingMessage] = []
        self.answers: dict[str, deque[BaseException | asyncio.Event]] = defaultdict(deque)
        self.taken_before_failing = False
        self.at_once = self.most_at_once = 0
        self.closed = False
        self.papers_shown: int | None = None
        """How many of an alert's papers it shows; None: all."""

    def answer(self, *answers: BaseException | asyncio.Event, to: str = "") -> None:
        """What the next messages (to that address) get."""
        self.answers[to].extend(answers)

    async def send(self, outgoing: OutgoingMessage, begin: Begin = unrecorded) -> Receipt:
        await begin()
        self.tried.append(outgoing)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self._answer(outgoing)
        finally:
            self.at_once -= 1
        self.taken.append(outgoing)
        number = len(self.taken)
        if outgoing.question is None:
            return Receipt(message=f"{self.kind}-{number}", papers_shown=self.papers_shown)
        order = tuple(reversed(range(len(outgoing.question.options))))
        return Receipt(message=f"{self.kind}-{number}", poll=f"poll-{number}", option_order=order)

    async def close(self) -> None:
        self.closed = True

    async def _answer(self, outgoing: OutgoingMessage) -> None:
        waiting = self.answers[outgoing.target.address] or self.answers[""]
        while waiting:
            answer = waiting.popleft()
            if isinstance(answer, asyncio.Event):
                await answer.wait()
                continue
            if self.taken_before_failing:
                self.taken.append(outgoing)
            raise answer

    def papers(self) -> list[str]:
        """The papers of every alert taken, message by message, best first."""
        return [
            item.paper.id for outgoing in self.taken if outgoing.kind == "alert" for item in outgoing.items
        ]

    def of(self, kind: str) -> list[OutgoingMessage]:
        return [outgoing for outgoing in self.taken if outgoing.kind == kind]


class KeptFeeds:
    """A feed folder in memory; `failures` are raised first."""

    def __init__(self) -> None:
        self.feeds: dict[str, Feed] = {}
        self.writes: list[str] = []
        self.failures: deque[BaseException] = deque()
        self.before_write: Callable[[], None] = lambda: None

    def write(self, name: str, feed: Feed) -> bool:
        self.writes.append(name)
        self.before_write()
        if self.failures:
            raise self.failures.popleft()
        changed = self.feeds.get(name) != feed
        self.feeds[name] = feed
        return changed

    def remove(self, name: str) -> None:
        self.feeds.pop(name, None)


class ChatMemory:
    """`ChatStore` in memory, for tests of what keeps none."""

    def __init__(self) -> None:
        self._facts: dict[str, ChatFacts] = {}
        self._topics: dict[int, dict[int, str]] = {}
        self._bot_name: str | None = None

    def chat_facts(self, chat: int | str) -> ChatFacts | None:
        return self._facts.get(str(chat))

    def keep_chat_facts(self, chat: int | str, facts: ChatFacts) -> None:
        self._facts[str(chat)] = facts

    def forget_chat_facts(self, chat: int) -> None:
        self._facts = {name: facts for name, facts in self._facts.items() if facts.id != chat}

    def bot_name(self) -> str | None:
        return self._bot_name

    def keep_bot_name(self, name: str) -> None:
        self._bot_name = name

    def name_topic(self, chat: int, topic: int, name: str, *, renamed: bool) -> None:
        topics = self._topics.setdefault(chat, {})
        topics[topic] = name if renamed else topics.get(topic, name)

    def topics(self, chat: int) -> dict[int, str]:
        return self._topics.get(chat, {})
