"""What is done and said about an event: decided here from the desk, performed by the service."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.adapters.botapi.addresses import Place
from bot.adapters.botapi.alerts import render_alert
from bot.adapters.botapi.messages import Message, parse_more
from bot.adapters.chat import replies
from bot.adapters.chat.events import Chat, Command, Event, Membership, Pressed, Words
from bot.adapters.chat.study import COMMANDS as STUDY_COMMANDS
from bot.adapters.chat.study import StudyTalk
from bot.domain.subscriptions import Subscriber
from bot.pipeline.ports import Desk

CHANGES = frozenset({"start", "stop"})
"""Commands that change what a chat gets, which in groups only administrators may."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Say:
    """A message to send; one that answers a message of somebody replies to it in groups."""

    place: Place
    message: Message
    reply_to: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Acknowledge:
    """The end of a pressed button's waiting sign, with a short note where there is something to say."""

    callback: str
    note: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DropButtons:
    """A message of ours whose buttons have done their work."""

    place: Place
    message: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Deliver:
    """Something waits that may go out now."""


Action = Say | Acknowledge | DropButtons | Deliver


class Conversation:
    """Answers events. What it changes through the desk can be done twice without harm."""

    def __init__(self, desk: Desk, now: Callable[[], datetime], study: StudyTalk | None = None) -> None:
        self._desk = desk
        self._now = now
        self._study = study

    def decide(self, event: Event, *, may_change: bool) -> tuple[Action, ...]:
        """What to send about the event, in order; whatever it changes is changed when this returns."""
        match event:
            case Command():
                return self._command(event, may_change=may_change)
            case Words(chat=chat):
                return (Say(place=chat.place, message=replies.hint()),)
            case Pressed():
                return self._pressed(event)
            case Membership(chat=chat, is_member=is_member):
                changed = self._turn(chat, on=is_member)
                return (Deliver(),) if changed and is_member else ()

    def _command(self, command: Command, *, may_change: bool) -> tuple[Action, ...]:
        chat, resumed = command.chat, False
        if self._study is not None and command.name in STUDY_COMMANDS:
            return self._studied(command, self._study)
        match command.name:
            case "start":
                resumed = may_change and self._turn(chat, on=True)
                message = replies.start(chat, self._subscribers(chat), resumed=resumed)
            case "help":
                message = replies.help_text()
            case "list":
                message = replies.subscriptions(chat, self._subscribers(chat))
            case "latest":
                message = self._latest(chat)
            case "stop" if may_change:
                message = replies.stopped(was_running=self._turn(chat, on=False))
            case "stop":
                message = replies.administrators_only()
            case _ if chat.is_private:
                message = replies.unknown(command.name)
            case _:
                return ()
        reply_to = None if chat.is_private else command.message
        said = Say(place=chat.place, message=message, reply_to=reply_to)
        return (said, Deliver()) if resumed else (said,)

    def _studied(self, command: Command, study: StudyTalk) -> tuple[Action, ...]:
        reply = study.reply(command, self._now())
        if reply.message is None:
            return (Deliver(),) if reply.planned else ()
        reply_to = None if command.chat.is_private else command.message
        return (Say(place=command.chat.place, message=reply.message, reply_to=reply_to),)

    def _pressed(self, pressed: Pressed) -> tuple[Action, ...]:
        """The next page of a message; whether it went to this chat is asked anew, the button may be anybody's."""
        wanted = parse_more(pressed.data)
        if wanted is None:
            return (Acknowledge(callback=pressed.callback),)
        for address in pressed.chat.addresses:
            parcel = self._desk.message(wanted.batch, address)
            page = render_alert(parcel, wanted.start) if parcel else None
            if page is not None:
                return (
                    Acknowledge(callback=pressed.callback),
                    Say(place=pressed.chat.place, message=page, reply_to=pressed.message),
                    DropButtons(place=pressed.chat.place, message=pressed.message),
                )
        return (Acknowledge(callback=pressed.callback, note="These papers are no longer at hand."),)

    def _latest(self, chat: Chat) -> Message:
        told = self._desk.latest_for(self._home(chat), replies.LATEST)
        return replies.latest(told, self._subscribers(chat))

    def _turn(self, chat: Chat, *, on: bool) -> bool:
        """Let deliveries to the chat go on, or stop them; False where they did or were already, under all its names."""
        now = self._now()
        if on:
            changed = [self._desk.resume(address, now) for address in chat.addresses]
        else:
            subscribed = [address for address in chat.addresses if self._desk.subscribers_at(address)]
            changed = [self._desk.stop(address, now) for address in subscribed]
        return any(changed)

    def _home(self, chat: Chat) -> str:
        """The name under which the chat is subscribed, else its id."""
        subscribed = (address for address in chat.addresses if self._desk.subscribers_at(address))
        return next(subscribed, chat.addresses[0])

    def _subscribers(self, chat: Chat) -> tuple[Subscriber, ...]:
        found = (who for address in chat.addresses for who in self._desk.subscribers_at(address))
        return tuple({who.id: who for who in found}.values())
