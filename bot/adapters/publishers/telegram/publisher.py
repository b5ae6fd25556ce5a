"""The Telegram channel: renders a parcel and hands it to the bot."""

import asyncio
import html
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from bot.adapters.botapi.addresses import Place, parse_place
from bot.adapters.botapi.alerts import render_alarm, render_alert
from bot.adapters.botapi.client import DEFAULT_API_URL, BotClient, SentPoll
from bot.adapters.botapi.messages import Message
from bot.adapters.botapi.outcomes import NamesNeeded, NotModified, TopicGone
from bot.adapters.publishers.telegram.quiz import quiz_poll
from bot.domain.channels import Capabilities, ChannelKind, Limit, Limits
from bot.domain.errors import DeliveryError, NotSent, OutcomeUnknown, Refused, TryLater
from bot.domain.message import OutgoingMessage, Receipt
from bot.domain.quizzes.repair import Poll

log = logging.getLogger(__name__)

_T = TypeVar("_T")
_BETWEEN = timedelta(seconds=1, milliseconds=2)
"""From the answer to a message to the poll behind it: one chat takes one message a second."""


_MARGIN = timedelta(milliseconds=2)
OVERALL = Limit(most=30, span=timedelta(seconds=1) + _MARGIN)
PRIVATE = Limit(most=1, span=timedelta(seconds=1) + _MARGIN)
GROUP = Limit(most=20, span=timedelta(minutes=1) + _MARGIN)
"""Telegram's rate limits over all chats, in a private one, and in a group or channel."""


def _limit(address: str) -> Limit:
    return PRIVATE if address.isdigit() else GROUP


def _bucket(address: str) -> str:
    """The chat: its topics share one rate limit."""
    return address.partition("/")[0]


class TelegramPublisher:
    """Sends alerts as messages, questions as polls, and edits earlier alerts."""

    kind: ChannelKind = "telegram"
    capabilities: Capabilities = Capabilities(
        polls=True,
        edits=True,
        noun="Telegram messages",
        limits=Limits(overall=OVERALL, of=_limit, bucket=_bucket),
    )

    def __init__(
        self,
        token: str = "",
        *,
        api_url: str = DEFAULT_API_URL,
        min_confidence: float = 0.9,
        client: BotClient | None = None,
    ) -> None:
        self._client = client or BotClient(token, api_url=api_url)
        self._min_confidence = min_confidence
        self._anonymous_only: set[int | str] = set()
        self._flooded: set[str] = set()

    async def send(self, parcel: OutgoingMessage) -> Receipt:
        """The message's id (and the poll's, with the order of its options), once Telegram has it; raises a DeliveryError."""
        place = parse_place(parcel.target.address)
        try:
            receipt = await self._sent(parcel, place)
        except TryLater as error:
            raise self._paused(parcel, error) from error
        self._flooded.clear()
        return receipt

    async def close(self) -> None:
        await self._client.close()

    async def _sent(self, parcel: OutgoingMessage, place: Place) -> Receipt:
        match parcel.kind:
            case "alert" | "alarm":
                message = _rendered(parcel)
                sent, astray = await self._in_topic(place, lambda where: self._client.send(where, message))
                return Receipt(message=str(sent), astray=astray)
            case "quiz":
                return await self._ask(parcel, place)
            case "edit":
                return await self._edit(parcel, place)

    async def _ask(self, parcel: OutgoingMessage, place: Place) -> Receipt:
        poll = quiz_poll(parcel, min_confidence=self._min_confidence)
        reply_to = _message_id(parcel.reply_to)
        if poll.preface is None:
            sent, astray = await self._send_poll(place, poll, reply_to)
        else:
            sent, astray = await self._ask_with_preface(place, poll, poll.preface, reply_to)
        return Receipt(
            message=str(sent.message),
            poll=sent.poll,
            option_order=poll.order,
            messages=1 if poll.preface is None else 2,
            astray=astray,
        )

    async def _ask_with_preface(
        self, place: Place, poll: Poll, preface: str, reply_to: int | None
    ) -> tuple[SentPoll, str | None]:
        """The poll as a reply to a message with the texts it has no room for.

        The parcel is sent once both are. Where the poll certainly did not go out, the message is taken back, so
        that a second try does not repeat it; where nobody knows, both stay and the parcel is uncertain.
        """
        text = Message(html=html.escape(preface, quote=False))
        before, _ = await self._in_topic(
            place, lambda where: self._client.send(where, text, reply_to=reply_to)
        )
        await asyncio.sleep(_BETWEEN.total_seconds())
        try:
            return await self._send_poll(place, poll, before)
        except NotSent:
            with suppress(DeliveryError):
                await self._client.delete(place, before)
            raise

    async def _send_poll(self, place: Place, poll: Poll, reply_to: int | None) -> tuple[SentPoll, str | None]:
        """Voters are named where the chat allows it: only then can scores be kept. Channels do not."""

        async def send(where: Place) -> SentPoll:
            anonymous = where.chat in self._anonymous_only
            return await self._client.send_poll(where, poll, anonymous=anonymous, reply_to=reply_to)

        try:
            return await self._in_topic(place, send)
        except NamesNeeded:
            self._anonymous_only.add(place.chat)
        return await self._in_topic(place, send)

    async def _edit(self, parcel: OutgoingMessage, place: Place) -> Receipt:
        message_id = _message_id(parcel.replaces)
        if parcel.replaces is None or message_id is None:
            raise Refused(f"{parcel.id}: there is no message to edit")
        try:
            await self._client.edit(place, message_id, _rendered(parcel))
        except NotModified:
            pass
        except OutcomeUnknown as error:
            raise TryLater(f"editing again does no harm: {error}") from error
        return parcel.replaces

    async def _in_topic(self, place: Place, send: Callable[[Place], Awaitable[_T]]) -> tuple[_T, str | None]:
        """Sent to the topic, or where that is gone to the chat itself, with why."""
        try:
            return await send(place), None
        except TopicGone as error:
            if place.topic is None:
                raise
            why = str(error)
        log.warning("telegram.topic_gone", extra={"chat": place.chat, "topic": place.topic, "error": why})
        return await send(replace(place, topic=None)), why

    def _paused(self, parcel: OutgoingMessage, error: TryLater) -> TryLater:
        """The pause, for the whole channel once a second chat is told to wait with no success in between."""
        if error.wait is None or error.scope == "channel":
            return error
        self._flooded.add(parcel.target.key)
        several = len(self._flooded) > 1
        return TryLater(str(error), wait=error.wait, scope="channel" if several else "target")


def _rendered(parcel: OutgoingMessage) -> Message:
    if parcel.alarm is not None:
        return render_alarm(parcel.alarm)
    message = render_alert(parcel)
    if message is None:
        raise Refused(f"{parcel.id}: an alert without papers")
    return message


def _message_id(receipt: Receipt | None) -> int | None:
    """The id to reply to or edit; None for what was only a preview."""
    return int(receipt.message) if receipt is not None and receipt.message.isdecimal() else None
