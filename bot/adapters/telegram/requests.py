"""Requests: a command, button or text with everything that its answer may use, and the actions that answers consist of."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Literal

from bot.adapters.telegram.client import InlineResult
from bot.adapters.telegram.markup import Markup, block, joined, own_text, plain
from bot.adapters.telegram.rendering import Button, Message
from bot.adapters.telegram.texts import text
from bot.adapters.telegram.updates import NOBODY, Author, Chat
from bot.domain.chats import CHAT, ChatAddress, chat_target
from bot.domain.errors import QuerySyntaxError
from bot.domain.message import Item, OutgoingMessage
from bot.domain.papers import Paper
from bot.domain.preferences import ChosenChannel
from bot.domain.query.faults import fault_text
from bot.domain.subscriptions import Subscriber
from bot.domain.text import caret, cut, one_line
from bot.pipeline.compose import MessageBuilder
from bot.pipeline.finder import PaperFinder
from bot.pipeline.ports.chats import ChatStore
from bot.pipeline.ports.outbox import DeliveryStore
from bot.pipeline.ports.papers import PaperStore
from bot.pipeline.preferences import ChoiceRefused, Preferences
from bot.pipeline.quizzes import QuizScheduler, QuizStats
from bot.pipeline.subscribers import SubscriberRegistry

# --- actions, performed in order by the chat service


@dataclass(frozen=True, kw_only=True, slots=True)
class Say:
    """A message to send; in groups as a reply to the message that it answers."""

    chat: ChatAddress
    message: Message
    reply_to: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """Replaces a message of the bot."""

    chat: ChatAddress
    number: int
    message: Message


@dataclass(frozen=True, kw_only=True, slots=True)
class SendFile:
    """A file to send."""

    chat: ChatAddress
    name: str
    content: str
    reply_to: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Acknowledge:
    """Stops the progress indicator of a pressed button, with an optional short note."""

    callback: str
    note: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DropButtons:
    """Removes the buttons of a message of the bot."""

    chat: ChatAddress
    message: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Deliver:
    """Wakes the sender: deliveries may be due now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerInline:
    """Results of an inline query."""

    query: str
    results: tuple[InlineResult, ...]
    next_offset: str = ""


Action = Say | Edit | SendFile | Acknowledge | DropButtons | Deliver | AnswerInline
Actions = tuple[Action, ...]

# --- what answers use


class ChatDeliveries:
    """Deliveries to a chat: its subscribers, stopping and resuming, its newest papers, and sent messages.

    `addresses` are those by which `Channel.address` may name the chat, the most specific first.
    """

    def __init__(
        self,
        papers: PaperStore,
        deliveries: DeliveryStore,
        builder: MessageBuilder,
        registry: SubscriberRegistry,
    ) -> None:
        self._papers = papers
        self._deliveries = deliveries
        self._builder = builder
        self._registry = registry

    def subscribers(self, addresses: Sequence[str]) -> tuple[Subscriber, ...]:
        """Subscribers with this chat as a channel, in configuration order."""
        at_chat = self._registry.at_chat(addresses, self._deliveries)
        return tuple({subscriber.id: subscriber for subscriber, _ in at_chat}.values())

    def latest(self, addresses: Sequence[str], limit: int, start: int = 0) -> tuple[Item, ...]:
        """The papers that matched for this chat, newest first, from index `start` on; all papers without a subscriber."""
        subscriber = next(iter(self.subscribers(addresses)), None)
        if subscriber is None:
            return items_of([stored.paper for stored in self._papers.newest(limit, start)])
        return tuple(
            Item(
                paper=noticed.stored.paper,
                reasons=self._registry.reasons(subscriber, noticed.stored.paper, noticed.subscriptions),
            )
            for noticed in self._papers.noticed(subscriber.id, start + limit)[start:]
        )

    def is_stopped(self, addresses: Sequence[str]) -> bool:
        """True where somebody stopped deliveries in the chat itself."""
        targets = {self._target(address) for address in addresses}
        return any(
            (status := self._deliveries.target(target)) is not None and status.opted_out == "stopped"
            for target in targets
        )

    def stop(self, addresses: Sequence[str], now: datetime) -> bool:
        """Suspend the chat until it is started again; False where it was unknown or stopped already."""
        targets = {channel.target for _, channel in self._registry.at_chat(addresses, self._deliveries)}
        suspended = [self._deliveries.opt_out(target, "stopped", now) for target in sorted(targets)]
        return any(suspended)

    def resume(self, addresses: Sequence[str]) -> bool:
        """Lift the chat's suspension, and those of its topics that were caused by errors; False where there was none.

        A topic that a person stopped has to be resumed in the topic.
        """
        targets = [self._target(address) for address in addresses]
        targets += [target for address in addresses for target in self._failed_topics(address)]
        revived = [self._deliveries.revive(target) for target in dict.fromkeys(targets)]
        return any(revived)

    def message(self, message_id: str, addresses: Sequence[str]) -> OutgoingMessage | None:
        """The alert with that id as it would be sent now; None where it was not sent to this chat."""
        sent = self._deliveries.rows_of(message_id)
        if sent is None:
            return None
        claim, _ = sent
        if claim.target.address not in addresses or claim.kind != "alert":
            return None
        subscriber = self._registry.subscriber(claim.subscriber)
        return self._builder.shown_again(claim, subscriber) if subscriber else None

    def move(self, chat: int, moved_to: int) -> bool:
        """Redirect deliveries to a group and its topics to the supergroup that it became; False where there are none."""
        moved = [
            self._deliveries.move_target(self._target(str(address)), str(replace(address, id=moved_to)))
            for address in self._addresses()
            if address.id == chat
        ]
        return any(moved)

    def _addresses(self) -> Iterator[ChatAddress]:
        """Addresses of chats in the subscriptions, each once."""
        addresses = {
            channel.address
            for subscriber in self._registry.subscribers.values()
            for channel in subscriber.channels
            if channel.kind == CHAT
        }
        return map(ChatAddress.parse, sorted(addresses))

    def _failed_topics(self, address: str) -> Iterator[str]:
        """Targets of the chat's topics that were suspended because of errors."""
        chat = ChatAddress.parse(address)
        topics = (
            topic
            for topic in self._addresses()
            if not chat.has_topic and topic.has_topic and topic.id == chat.id
        )
        for target in map(self._target, map(str, topics)):
            status = self._deliveries.target(target)
            if status is not None and status.suspended is not None and status.opted_out is None:
                yield target

    def _target(self, address: str) -> str:
        return self._deliveries.target_at(CHAT, address)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatSite:
    """The settings and functions of the installation that answers need."""

    title: str = "Paperboy"
    feed_address: Callable[[str], str] | None = None
    """The address of a subscriber's feed; None without a web server."""
    renew_feed: Callable[[str], object] = lambda _: None
    is_open: bool = False
    """Everybody may subscribe; otherwise the operators are asked."""
    operators: tuple[int, ...] = ()
    status: Callable[[datetime], "Status"] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """Counts of the state and the open incidents, for an operator."""

    papers: int
    subscribers: int
    pending: int
    held: int
    uncertain: int
    dead: int
    incidents: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """Everything that answers read and change. All changes but those of /quiz are idempotent."""

    deliveries: ChatDeliveries
    scheduler: QuizScheduler
    stats: QuizStats
    preferences: Preferences
    chats: ChatStore
    finder: PaperFinder
    site: ChatSite = ChatSite()


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A command, a pressed button or a text, with everything that its answer may use."""

    services: Services
    now: datetime
    chat: Chat
    message: int
    """The number of the message that asks, or whose button was pressed."""
    subscriber: str
    """The id of the chat's subscriber; the one that it would get where nobody is subscribed."""
    language: str = "en"
    author: Author = NOBODY
    speaks_as_chat: bool = False
    may_change: bool = True
    """True in private chats and for administrators."""
    arguments: str = ""
    callback: str | None = None
    """The id of a pressed button's query; None for a message."""

    @property
    def preferences(self) -> Preferences:
        return self.services.preferences

    @property
    def addresses(self) -> tuple[str, ...]:
        return self.chat.addresses

    @property
    def address(self) -> str:
        """The address of the chat, with its topic, under which proposals and questions are stored."""
        return self.chat.addresses[0]

    @property
    def channel(self) -> ChosenChannel:
        """The chat, or its topic, as a channel."""
        return self.channel_at(self.chat)

    def channel_at(self, chat: Chat) -> ChosenChannel:
        """A chat as a channel, by the address that its subscriber uses already, else by its number."""
        here = (
            channel.address
            for subscriber in self.services.deliveries.subscribers(chat.addresses)
            for channel in subscriber.channels
            if channel.kind == CHAT and channel.address in chat.addresses
        )
        return chat_channel(next(here, chat.addresses[0]))

    @property
    def topics(self) -> Mapping[int, str]:
        """The names of the chat's topics by number, as far as they were seen."""
        return self.services.chats.topics(self.chat.id)

    @property
    def only(self) -> tuple[str, ...]:
        """Targets that a subscription made here is limited to: in groups this chat or topic."""
        return () if self.chat.is_private else (self.channel.target,)

    @property
    def owner(self) -> str | None:
        """The owner of the papers that the author saves; None where a chat itself posts."""
        return None if self.author.id is None else chat_target(self.author.id)

    @property
    def subscribers(self) -> tuple[Subscriber, ...]:
        """The subscribers of the chat."""
        return self.services.deliveries.subscribers(self.addresses)

    def t(self, key: str, /, **values: object) -> str:
        """The text of that key in the language of the chat."""
        return text(key, self.language, **values)

    def voter(self) -> int | None:
        """The person who asks, recorded as a member of the group; None where a chat itself posts."""
        if self.author.id is None:
            return None
        if not self.chat.is_private:
            self.services.stats.add_member(self.addresses, self.author.id)
        return self.author.id

    def say(self, message: Message) -> Actions:
        """Answer with a new message."""
        reply_to = None if self.chat.is_private else self.message
        return (*self.acknowledge(), Say(chat=self.chat.reply_address, message=message, reply_to=reply_to))

    def show(self, message: Message) -> Actions:
        """Answer by replacing the message whose button was pressed; with a new message where none was."""
        if self.callback is None:
            return self.say(message)
        return (
            *self.acknowledge(),
            Edit(chat=self.chat.reply_address, number=self.message, message=message),
        )

    def reply(self, key: str, **values: object) -> Actions:
        """Answer with one of our texts: as a note where a button was pressed, else as a new message."""
        if self.callback is not None:
            return self.acknowledge(self.t(key, **values))
        return self.say(own_message(self.t(key, **values)))

    def acknowledge(self, note: str | None = None) -> Actions:
        """Stop the progress indicator of a pressed button; nothing for a message."""
        if self.callback is None:
            return ()
        return (Acknowledge(callback=self.callback, note=note and cut(note, _NOTE)),)

    def file(self, name: str, content: str) -> Actions:
        """Answer with a file."""
        reply_to = None if self.chat.is_private else self.message
        return (
            *self.acknowledge(),
            SendFile(chat=self.chat.reply_address, name=name, content=content, reply_to=reply_to),
        )

    def refuse(self, refusal: ChoiceRefused) -> Actions:
        """Answer that a choice was refused, and why."""
        key = _REFUSALS.get(refusal.why, refusal.why)
        answer = self.t(key, **refusal.values)
        if near := refusal.values.get("near"):
            answer += " " + self.t("zone.near", near=near)
        elif refusal.why == "zone":
            answer += " " + self.t("zone.like")
        if self.callback is not None:
            return self.acknowledge(answer)
        return self.say(message(own_text(answer)))

    def wrong_query(self, query: str, error: QuerySyntaxError) -> Actions:
        """Answer that a query cannot be parsed, with a caret below the error."""
        return self.say(
            message(
                own_text(self.t("query.wrong", why=one_line(fault_text(error, self.language), _REASON))),
                block(caret(query, error.position, _CARET_WIDTH)),
            )
        )


_REFUSALS = {"unknown": "gone"}
_NOTE, _REASON = 190, 160
_CARET_WIDTH = 34
"""Characters of a query shown around an error, few enough for one line on a phone."""


def chat_channel(address: str) -> ChosenChannel:
    """A chat as the channel of a new subscriber: questions come on request."""
    return ChosenChannel(kind=CHAT, address=address, quizzes="on_request")


def message(*parts: Markup, rows: Sequence[Sequence[Button]] = (), asks: str | None = None) -> Message:
    """A message of these paragraphs with rows of buttons; the last paragraphs are left out where they do not fit."""
    paragraphs = list(parts)
    while len(paragraphs) > 1 and not joined("\n\n", paragraphs).fits:
        del paragraphs[-1]
    return Message(html=joined("\n\n", paragraphs).html, buttons=keyboard(rows), asks=asks)


def own_message(text: str) -> Message:
    """A message of our own text, in which commands are active."""
    return message(own_text(text))


def keyboard(rows: Sequence[Sequence[Button]]) -> tuple[Button, ...]:
    """The buttons of these rows."""
    return tuple(replace(button, row=number) for number, row in enumerate(rows) for button in row)


def line(*parts: Markup | str) -> Markup:
    """The parts on one line; strings are text from outside and are escaped."""
    return joined("", (plain(part) if isinstance(part, str) else part for part in parts))


def shortened(outside_text: str, limit: int) -> str:
    """Text from outside on one line, cut to the limit."""
    return cut(one_line(outside_text), limit)


# --- callback data, 64 bytes at most

_KEY_LENGTH = 12


def short_key(name: str) -> str:
    """Hash of a name for callback data; it is looked up among the names that the chat has."""
    return sha256(name.casefold().encode("utf-8", "replace")).hexdigest()[:_KEY_LENGTH]


def item_of(request: Request, message_id: str, number: str) -> Item | None:
    """A paper of a message that was sent to this chat; None for any other, since callback data can be forged."""
    outgoing = request.services.deliveries.message(message_id, request.addresses)
    index = parse_number(number)
    if outgoing is None or index is None or index >= len(outgoing.items):
        return None
    return outgoing.items[index]


def parse_number(text: str) -> int | None:
    """The number in a part of callback data; None for anything else, or too many digits."""
    return int(text) if _NUMBER.fullmatch(text) else None


_NUMBER = re.compile(r"\d{1,12}", re.ASCII)


def items_of(papers: Sequence[Paper]) -> tuple[Item, ...]:
    """Papers as items without reasons."""
    return tuple(Item(paper=paper) for paper in papers)


Who = Literal["everyone", "administrators"]
"""Who may do something in a group; in private chats everything is allowed."""
