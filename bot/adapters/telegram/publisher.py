"""The Telegram channel: renders outgoing messages and sends them through the bot."""

import asyncio
import html
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from bot.adapters.telegram.client import (
    BotClient,
    NothingToEdit,
    NotModified,
    OnlyAnonymousPolls,
    SentPoll,
    TopicGone,
    beginning,
)
from bot.adapters.telegram.rendering import Message, render_alert, render_written
from bot.domain.card import card_of, web_link
from bot.domain.channels import Capabilities, ChannelKind, ChannelWords, Limit, Limits
from bot.domain.chats import ChatAddress, ChatFacts, chat_of, find_topic, is_private, unseen_topic_text
from bot.domain.errors import DeliveryError, KindForbidden, NotSent, OutcomeUnknown, Refused, TryLater
from bot.domain.message import Begin, OutgoingMessage, Receipt, unrecorded
from bot.domain.quizzes.polls import Poll, evidence_for, poll_of, shuffle_seed
from bot.pipeline.ports.chats import ChatStore

log = logging.getLogger(__name__)

_Result = TypeVar("_Result")
_MOST_REMEMBERED = 5_000
_PREFACE_PAUSE = timedelta(seconds=1, milliseconds=2)
"""Pause between a preface and its poll: a chat accepts one message a second."""
_MARGIN = timedelta(milliseconds=2)
OVERALL = Limit(most=30, span=timedelta(seconds=1) + _MARGIN)
PRIVATE = Limit(most=1, span=timedelta(seconds=1) + _MARGIN)
GROUP = Limit(most=20, span=timedelta(minutes=1) + _MARGIN)
"""Telegram's rate limits over all chats, in a private one, and in a group or channel."""


def _limit(address: str) -> Limit:
    return PRIVATE if is_private(address) else GROUP


class TelegramPublisher:
    """Sends alerts, alarms and look backs as messages, questions as polls, and edits earlier alerts."""

    kind: ChannelKind = "telegram"
    capabilities: Capabilities = Capabilities(
        polls=True,
        edits=True,
        noun="Telegram messages",
        words={
            "en": ChannelWords(name="Telegram", target="this Telegram chat"),
            "zh": ChannelWords(name="Telegram", target="此 Telegram 聊天"),
        },
        address_value=lambda address: ChatAddress.parse(address).value,
        owns_saved_papers=is_private,
        limits=Limits(overall=OVERALL, per_target=_limit, bucket=chat_of),
    )

    def __init__(self, client: BotClient, *, chats: ChatStore) -> None:
        self._client = client
        self._chats = chats
        self._flooded: set[str] = set()
        self._shown: OrderedDict[tuple[int | str, int], int] = OrderedDict()
        """Hashes of the latest messages as shown, to skip edits that change nothing."""

    async def send(self, outgoing: OutgoingMessage, begin: Begin = unrecorded) -> Receipt:
        """Send it; the receipt has the message's id, and a poll's with the order of its options. Raises a DeliveryError."""
        try:
            address = ChatAddress.parse(outgoing.target.address)
            chat, lost_topic = await self._find_topic(address)
            anonymous = outgoing.kind == "quiz" and await self._anonymous_polls(chat)
            with beginning(begin):
                receipt = await self._send(outgoing, chat, begin, anonymous=anonymous)
        except TryLater as error:
            raise self._widened(outgoing, error) from error
        self._flooded.clear()
        if outgoing.kind == "edit":
            return receipt
        lost_topic = receipt.lost_topic or lost_topic
        return replace(receipt, lost_topic=lost_topic, in_topic=address.has_topic and lost_topic is None)

    async def close(self) -> None:
        await self._client.close()

    async def _find_topic(self, chat: ChatAddress) -> tuple[ChatAddress, str | None]:
        """The address with the number of a topic given by name; the chat itself, and the reason, for an unknown name."""
        if chat.topic_name is None:
            return chat, None
        facts = await self._facts(chat.id)
        topics = await asyncio.to_thread(self._chats.topics, facts.id) if facts else {}
        topic = find_topic(topics, chat.topic_name)
        general = ChatAddress(id=chat.id)
        if topic is None:
            return general, unseen_topic_text(chat.topic_name)
        return replace(general, topic=topic), None

    async def _anonymous_polls(self, chat: ChatAddress) -> bool:
        """Whether polls in the chat must be anonymous. Raises KindForbidden where the service still forbids polls."""
        facts = await self._facts(chat.id)
        if facts is not None and not facts.polls:
            facts = await self._fetch_facts(chat.id)  # they may be allowed again by now
        if facts is not None and not facts.polls:
            raise KindForbidden("polls are not allowed in this chat")
        return facts is not None and not facts.has_names

    async def _facts(self, chat: int | str) -> ChatFacts | None:
        """Stored facts about the chat, fetched the first time; None where the service does not give them."""
        if isinstance(chat, int) and chat > 0:
            return ChatFacts(id=chat, kind="private", messages=True, polls=True)
        return await asyncio.to_thread(self._chats.chat_facts, chat) or await self._fetch_facts(chat)

    async def _fetch_facts(self, chat: int | str) -> ChatFacts | None:
        try:
            facts = await self._client.chat_facts(chat)
        except DeliveryError as error:
            log.info("telegram.chat_unknown", extra={"chat": chat, "error": str(error)})
            return None
        await asyncio.to_thread(self._chats.keep_chat_facts, chat, facts)
        return facts

    async def _forget_facts(self, chat: ChatAddress) -> None:
        """Drop facts about the chat that turned out to be wrong, so that they are fetched again."""
        facts = await asyncio.to_thread(self._chats.chat_facts, chat.id)
        if facts is not None:
            await asyncio.to_thread(self._chats.forget_chat_facts, facts.id)

    async def _send(
        self, outgoing: OutgoingMessage, chat: ChatAddress, begin: Begin, *, anonymous: bool
    ) -> Receipt:
        match outgoing.kind:
            case "alert" | "alarm" | "look_back":
                message = rendered_text(outgoing)
                sent, lost_topic = await self._in_topic(
                    chat, lambda address: self._client.send(address, message, silent=outgoing.silent)
                )
                self._remember(chat, sent, message)
                return Receipt(message=str(sent), papers_shown=message.papers_shown, lost_topic=lost_topic)
            case "quiz":
                return await self._send_quiz(outgoing, chat, anonymous=anonymous)
            case "edit":
                return await self._edit(outgoing, chat, begin)

    async def _send_quiz(self, outgoing: OutgoingMessage, chat: ChatAddress, *, anonymous: bool) -> Receipt:
        poll = quiz_poll(outgoing)
        reply_to = _message_id(outgoing.reply_to)
        if poll.preface is None:
            sent, lost_topic = await self._send_poll(chat, poll, reply_to, anonymous=anonymous)
        else:
            sent, lost_topic = await self._send_with_preface(
                chat, poll, poll.preface, reply_to, anonymous=anonymous
            )
        return Receipt(
            message=str(sent.message),
            poll=sent.poll,
            option_order=poll.order,
            messages=1 if poll.preface is None else 2,
            lost_topic=lost_topic,
        )

    async def _send_with_preface(
        self, chat: ChatAddress, poll: Poll, preface: str, reply_to: int | None, *, anonymous: bool
    ) -> tuple[SentPoll, str | None]:
        """Send the poll as a reply to a message with the texts that a poll has no room for.

        Where the poll certainly was not sent, the message is deleted, so that a second try does not repeat it; where the
        outcome is unknown, the message stays and the quiz is uncertain.
        """
        text = Message(html=html.escape(preface, quote=False))
        before, _ = await self._in_topic(
            chat, lambda address: self._client.send(address, text, reply_to=reply_to, silent=True)
        )
        await asyncio.sleep(_PREFACE_PAUSE.total_seconds())
        try:
            return await self._send_poll(chat, poll, before, anonymous=anonymous)
        except NotSent:
            with suppress(DeliveryError):
                await self._client.delete(chat, before)
            raise

    async def _send_poll(
        self, chat: ChatAddress, poll: Poll, reply_to: int | None, *, anonymous: bool
    ) -> tuple[SentPoll, str | None]:
        """Send the poll, with named voters where the chat allows it (channels do not), since scores need them."""
        try:
            return await self._in_topic(
                chat,
                lambda address: self._client.send_poll(address, poll, anonymous=anonymous, reply_to=reply_to),
            )
        except (KindForbidden, OnlyAnonymousPolls) as error:  # the stored facts are wrong or missing
            await self._forget_facts(chat)
            if anonymous or isinstance(error, KindForbidden):
                raise
        return await self._send_poll(chat, poll, reply_to, anonymous=True)

    async def _edit(self, outgoing: OutgoingMessage, chat: ChatAddress, begin: Begin) -> Receipt:
        message_id = _message_id(outgoing.replaces)
        if outgoing.replaces is None or message_id is None:
            raise Refused(f"{outgoing.id}: there is no message to edit")
        message = rendered_text(outgoing)
        if self._shown.get((chat.id, message_id)) == hash(message):
            await begin()  # nothing is sent, but it is settled as if it were
            return outgoing.replaces
        try:
            await self._client.edit(chat, message_id, message)
        except (NotModified, NothingToEdit):
            pass  # it has that text already, or was deleted: nothing is left to do
        except OutcomeUnknown as error:
            raise TryLater(f"editing again does no harm: {error}") from error
        self._remember(chat, message_id, message)
        return outgoing.replaces

    def _remember(self, chat: ChatAddress, message_id: int, message: Message) -> None:
        self._shown[chat.id, message_id] = hash(message)
        while len(self._shown) > _MOST_REMEMBERED:
            self._shown.popitem(last=False)

    async def _in_topic(
        self, chat: ChatAddress, send: Callable[[ChatAddress], Awaitable[_Result]]
    ) -> tuple[_Result, str | None]:
        """Send to the topic, or to the chat itself where the topic is gone; gives the result, and then the reason."""
        try:
            return await send(chat), None
        except TopicGone as error:
            if chat.topic is None:
                raise
            reason = str(error)
        log.warning("telegram.topic_gone", extra={"chat": chat.id, "topic": chat.topic, "error": reason})
        return await send(replace(chat, topic=None)), reason

    def _widened(self, outgoing: OutgoingMessage, error: TryLater) -> TryLater:
        """The error, made one of the whole channel when a second chat has to wait with no success in between."""
        if error.wait is None or error.scope == "channel":
            return error
        self._flooded.add(outgoing.target.key)
        several = len(self._flooded) > 1
        return TryLater(str(error), wait=error.wait, scope="channel" if several else "target")


def rendered_text(outgoing: OutgoingMessage) -> Message:
    """The text of an alert, an edit, an alarm or a look back; Refused where there is nothing to show."""
    if outgoing.text is not None:
        return render_written(outgoing.text)
    message = render_alert(outgoing)
    if message is None:
        raise Refused(f"{outgoing.id}: an alert without papers")
    return message


def _message_id(receipt: Receipt | None) -> int | None:
    """The id to reply to or edit; None for a preview."""
    return int(receipt.message) if receipt is not None and receipt.message.isdecimal() else None


def quiz_poll(outgoing: OutgoingMessage) -> Poll:
    """The question as a poll within the service's limits; Refused where it cannot be asked.

    The order of the options depends only on the question, the target and the repeat, so a second try sends the same poll.
    """
    if outgoing.question is None:
        raise Refused(f"{outgoing.id}: a quiz without a question")
    card = card_of(outgoing.items[0], language=outgoing.language)
    paper = outgoing.items[0].paper
    parts = [question.part for question in paper.edition(outgoing.language).quiz]
    part = outgoing.question.part
    poll = poll_of(
        outgoing.question,
        seed=shuffle_seed(outgoing.question, outgoing.target.key, outgoing.repeat),
        link=web_link(paper.links.best),
        evidence=evidence_for(outgoing.question, paper, outgoing.language),
        gist=card.gist_text,
        title=card.title_text,
        position=(parts.index(part) + 1, len(parts)) if part in parts else None,
        language=outgoing.language,
    )
    if poll is None:
        raise Refused(f"a question on {paper.id} cannot be asked: fewer than two usable options, or no room")
    return poll
