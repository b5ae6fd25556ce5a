"""Chat commands: the table of commands, their handlers and texts, and the answers to other events.

A new command is one entry of `COMMANDS` and one handler.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.adapters.telegram.client import ChatAddress
from bot.adapters.telegram.markup import Markup, block, bold, code, joined, ours, plain
from bot.adapters.telegram.rendering import Message, parse_more, render_alert, render_list
from bot.adapters.telegram.updates import (
    ButtonPress,
    Chat,
    CommandMessage,
    Event,
    MembershipChange,
    TextMessage,
)
from bot.domain.delivery import OWN_WISH, STOPPED
from bot.domain.message import Item, OutgoingMessage
from bot.domain.quizzes.scores import OTHER, Standing, TopicScore, Totals, weak_topics
from bot.domain.schedule import schedule_text
from bot.domain.subscriptions import Channel, Subscriber, Subscription
from bot.domain.text import cut, one_line
from bot.pipeline.compose import MessageBuilder
from bot.pipeline.ports.outbox import DeliveryStore
from bot.pipeline.ports.papers import PaperStore
from bot.pipeline.quizzes import Board, NextQuestion, QuizScheduler, QuizStats, ScoreSheet
from bot.pipeline.subscribers import SubscriberRegistry

# --- what handlers give: actions that the chat service performs, in order


@dataclass(frozen=True, kw_only=True, slots=True)
class Say:
    """A message to send; in groups as a reply to the message that it answers."""

    chat: ChatAddress
    message: Message
    reply_to: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Acknowledge:
    """Ends the waiting sign of a pressed button, with a short note where there is something to say."""

    callback: str
    note: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DropButtons:
    """Takes the buttons from a message of ours."""

    chat: ChatAddress
    message: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Deliver:
    """Wakes the delivery: something may go out now."""


Action = Say | Acknowledge | DropButtons | Deliver

# --- what handlers use


class ChatDeliveries:
    """Deliveries to a chat: its subscribers, its stop and resume, its newest papers, a message once more.

    `addresses` name the chat as `Channel.address` may, the most exact first.
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

    def latest(self, addresses: Sequence[str], limit: int) -> tuple[Item, ...]:
        """The newest papers that matched for this chat, newest first; of a chat without subscriber the newest of all."""
        subscriber = next(iter(self.subscribers(addresses)), None)
        if subscriber is None:
            return tuple(Item(paper=stored.paper) for stored in self._papers.newest(limit))
        return tuple(
            Item(
                paper=noticed.stored.paper,
                reasons=self._registry.reasons(subscriber, noticed.stored.paper, noticed.subscriptions),
            )
            for noticed in self._papers.noticed(subscriber.id, limit)
        )

    def stop(self, addresses: Sequence[str], now: datetime) -> bool:
        """Suspend the chat until it says start again; False where it was unknown or stopped already."""
        targets = {channel.target for _, channel in self._registry.at_chat(addresses, self._deliveries)}
        suspended = [self._deliveries.suspend(target, STOPPED, now) for target in sorted(targets)]
        return any(suspended)

    def resume(self, addresses: Sequence[str], now: datetime) -> bool:
        """Lift the chat's suspension, and those of its topics that errors caused; False where there was none.

        Topics that a person stopped must be resumed in the topic.
        """
        targets = [self._target(address) for address in addresses]
        targets += [target for address in addresses for target in self._failed_topics(address)]
        revived = [self._deliveries.revive(target, now) for target in dict.fromkeys(targets)]
        return any(revived)

    def message(self, message_id: str, addresses: Sequence[str]) -> OutgoingMessage | None:
        """The alert of that id as it would be sent now, if it went to this chat; None otherwise."""
        sent = self._deliveries.rows_of(message_id)
        if sent is None:
            return None
        claim, _ = sent
        if claim.target.address not in addresses or claim.kind != "alert":
            return None
        subscriber = self._registry.subscriber(claim.subscriber)
        return self._builder.shown_again(claim, subscriber) if subscriber else None

    def _failed_topics(self, address: str) -> Iterator[str]:
        """Targets of the chat's topics that are suspended because of errors."""
        channels = (
            channel for subscriber in self._registry.subscribers.values() for channel in subscriber.channels
        )
        topics = dict.fromkeys(
            channel.address
            for channel in channels
            if channel.kind == "telegram" and channel.address.startswith(f"{address}/")
        )
        for target in map(self._target, topics):
            status = self._deliveries.target(target)
            if status is not None and status.suspended is not None and status.suspended not in OWN_WISH:
                yield target

    def _target(self, address: str) -> str:
        return self._deliveries.target_at("telegram", address) or f"telegram:{address}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """Everything that commands ask and change. What they change can be done twice without harm, but for /quiz."""

    deliveries: ChatDeliveries
    scheduler: QuizScheduler
    stats: QuizStats


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A command that was said, and what its handler may use."""

    command: CommandMessage
    services: Services
    now: datetime

    @property
    def chat(self) -> Chat:
        return self.command.chat

    @property
    def addresses(self) -> tuple[str, ...]:
        return self.command.chat.addresses

    @property
    def subscribers(self) -> tuple[Subscriber, ...]:
        """The subscribers of the chat."""
        return self.services.deliveries.subscribers(self.addresses)

    def voter(self) -> int | None:
        """The person who asks, kept as a member of the group; None for the voice of a whole chat."""
        if self.command.speaks_as_chat or self.command.user is None:
            return None
        if not self.chat.is_private:
            self.services.stats.add_member(self.addresses, self.command.user)
        return self.command.user

    def reply(self, message: Message) -> tuple[Action, ...]:
        reply_to = None if self.chat.is_private else self.command.message
        return (Say(chat=self.chat.reply_address, message=message, reply_to=reply_to),)


Handler = Callable[[Request], tuple[Action, ...]]

# --- handlers: subscriptions and papers

_LATEST = 5


def start(request: Request) -> tuple[Action, ...]:
    """Let deliveries to the chat go on, and tell its id."""
    if request.services.deliveries.resume(request.addresses, request.now):
        return (*request.reply(start_text(request.chat, request.subscribers, resumed=True)), Deliver())
    return greet(request)


def greet(request: Request) -> tuple[Action, ...]:
    """Tell the chat's id; changes nothing."""
    return request.reply(start_text(request.chat, request.subscribers, resumed=False))


def list_subscriptions(request: Request) -> tuple[Action, ...]:
    return request.reply(list_text(request.chat, request.subscribers))


def latest(request: Request) -> tuple[Action, ...]:
    items = request.services.deliveries.latest(request.addresses, _LATEST)
    return request.reply(latest_text(items, request.subscribers))


def stop(request: Request) -> tuple[Action, ...]:
    """Suspend deliveries to the chat."""
    if request.services.deliveries.stop(request.addresses, request.now):
        text = "Stopped: nothing more comes here. What matches meanwhile waits until you say /start."
    else:
        text = "Nothing is sent here as it is. /start takes that back."
    return request.reply(_said(text))


def refuse(request: Request) -> tuple[Action, ...]:
    """The answer to people who may not use a command of administrators."""
    return request.reply(_said("Only administrators of this chat can do that."))


def help_(request: Request) -> tuple[Action, ...]:
    """List the commands, in the language of the chat's first subscriber."""
    language = next((subscriber.language for subscriber in request.subscribers), "en")
    return request.reply(help_text(language))


# --- handlers: quizzes

_AS_CHAT = "You speak for the whole chat; ask as yourself."
_NOT_PLANNED: dict[NextQuestion, str] = {
    "none": "This chat has had every question I know. New ones come with new papers.",
    "unsubscribed": "Nobody is subscribed here yet, so I cannot send questions. /start tells how to begin.",
    "stopped": "I send nothing here since you said /stop. /start takes that back.",
}


def quiz(request: Request) -> tuple[Action, ...]:
    """Plan one question for the chat; the delivery sends it."""
    planned = request.services.scheduler.next_question(request.addresses, request.voter(), request.now)
    if planned in _NOT_PLANNED:
        return request.reply(_said(_NOT_PLANNED[planned]))
    return (Deliver(),)


def score(request: Request) -> tuple[Action, ...]:
    """Show the person's score; in channels, where votes have no names, the totals."""
    person = request.voter()
    if request.chat.kind == "channel":
        return request.reply(totals_text(request.services.stats.totals(request.addresses)))
    if person is None:
        return request.reply(_said(_AS_CHAT))
    return request.reply(score_text(request.services.stats.score(request.addresses, person, request.now)))


def leaderboard(request: Request) -> tuple[Action, ...]:
    """Show the group's leaderboard, or leave the person off it (`hide`, `show`)."""
    person, wish = request.voter(), request.command.arguments.lower()
    stats = request.services.stats
    if request.chat.kind == "channel":
        return request.reply(totals_text(stats.totals(request.addresses)))
    if request.chat.is_private:
        return request.reply(_said("A leaderboard needs a group. /score tells yours."))
    if wish not in {"", "hide", "show"}:
        return request.reply(_said("Say /leaderboard, /leaderboard hide or /leaderboard show."))
    if not wish:
        return request.reply(board_text(stats.leaderboard(request.addresses)))
    if person is None:
        return request.reply(_said(_AS_CHAT))
    stats.hide(request.addresses, person, hidden=wish == "hide")
    hidden = "You are not named here any more. /leaderboard show takes that back."
    return request.reply(_said(hidden if wish == "hide" else "You are named here again."))


def delete_me(request: Request) -> tuple[Action, ...]:
    """Delete everything that is known of the person's answers, once they said yes."""
    person = request.voter()
    if person is None:
        return request.reply(_said(_AS_CHAT))
    if request.command.arguments.lower() != "yes":
        return request.reply(
            _said(
                "This deletes your votes, scores and coming questions in all chats, for good. "
                "To do it, send:  /delete_me yes"
            )
        )
    votes = request.services.stats.forget(person, request.now)
    noun = "vote" if votes == 1 else "votes"
    return request.reply(_said(f"Deleted: {votes} {noun} and all that followed from them."))


# --- the table


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A chat command: `/help` and the menu of Telegram clients are made from these values."""

    name: str
    handler: Handler
    help: Mapping[str, str]
    """Language to what the command does, at most 256 characters."""
    who: Literal["everyone", "administrators"] = "everyone"
    """`administrators` counts in groups only; in private chats a person may do everything."""
    otherwise: Handler = refuse
    """Answers people who may not use the command."""


COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        Command(
            name="start",
            who="administrators",
            handler=start,
            otherwise=greet,
            help={
                "en": "This chat's id and how to subscribe; goes on after /stop",
                "zh": "本聊天的 ID 和订阅方法；/stop 之后用它恢复",
            },
        ),
        Command(
            name="list",
            handler=list_subscriptions,
            help={"en": "What this chat is subscribed to", "zh": "本聊天订阅了什么"},
        ),
        Command(
            name="latest",
            handler=latest,
            help={"en": "The newest papers for this chat", "zh": "本聊天的最新论文"},
        ),
        Command(
            name="quiz",
            handler=quiz,
            help={
                "en": "One question now: due ones first, then new ones",
                "zh": "现在来一道题：先是到期的，再是新的",
            },
        ),
        Command(
            name="score",
            handler=score,
            help={
                "en": "Your hits, your streak, your weak topics",
                "zh": "你答对多少、连续几天、哪些主题较弱",
            },
        ),
        Command(
            name="leaderboard",
            handler=leaderboard,
            help={
                "en": "Who of this group knows most; add hide or show",
                "zh": "本群谁答得最好；可加 hide 或 show",
            },
        ),
        Command(
            name="delete_me",
            handler=delete_me,
            help={"en": "Delete your votes and scores", "zh": "删除你的投票和成绩"},
        ),
        Command(
            name="stop",
            who="administrators",
            handler=stop,
            help={"en": "Send nothing more here", "zh": "不再向这里发送"},
        ),
        Command(name="help", handler=help_, help={"en": "What I understand", "zh": "我能听懂什么"}),
    )
}
ABOUT = {
    "en": "I send new papers that match your keywords: what each is about, the words that matched, and quizzes to "
    "test what you read.",
    "zh": "我发送与你的关键词匹配的新论文：每篇讲什么、匹配了哪些词，以及检验阅读的测验。",
}
"""Language to the bot's description, at most 512 characters."""


def menu(language: str) -> dict[str, str]:
    """Command name to what it does, in that language."""
    return {name: command.help[language] for name, command in COMMANDS.items()}


# --- events


class Conversation:
    """Decides what is done about an event. What it changes can be done twice without harm, but for /quiz."""

    def __init__(self, services: Services, now: Callable[[], datetime]) -> None:
        self._services = services
        self._now = now

    def decide(self, event: Event, *, may_change: bool) -> tuple[Action, ...]:
        """The actions to perform, in order; changes to the state are made when this returns.

        `may_change`: the event comes from a private chat or from an administrator.
        """
        match event:
            case CommandMessage():
                return self._command(event, may_change=may_change)
            case TextMessage(chat=chat):
                return (Say(chat=chat.reply_address, message=_said(_HINT)),)
            case ButtonPress():
                return self._next_page(event)
            case MembershipChange(chat=chat, is_member=True):
                resumed = self._services.deliveries.resume(chat.addresses, self._now())
                return (Deliver(),) if resumed else ()
            case MembershipChange(chat=chat):
                self._services.deliveries.stop(chat.addresses, self._now())
                return ()

    def _command(self, said: CommandMessage, *, may_change: bool) -> tuple[Action, ...]:
        request = Request(command=said, services=self._services, now=self._now())
        command = COMMANDS.get(said.name)
        if command is None:
            return request.reply(unknown_text(said.name)) if said.chat.is_private else ()
        allowed = command.who == "everyone" or may_change
        return command.handler(request) if allowed else command.otherwise(request)

    def _next_page(self, press: ButtonPress) -> tuple[Action, ...]:
        """The next page of a message, if it went to this chat: anybody may have made the button."""
        wanted = parse_more(press.data)
        if wanted is None:
            return (Acknowledge(callback=press.callback),)
        outgoing = self._services.deliveries.message(wanted.message, press.chat.addresses)
        page = render_alert(outgoing, wanted.start) if outgoing else None
        if page is None:
            return (Acknowledge(callback=press.callback, note="These papers are no longer at hand."),)
        return (
            Acknowledge(callback=press.callback),
            Say(chat=press.chat.reply_address, message=page, reply_to=press.message),
            DropButtons(chat=press.chat.reply_address, message=press.message),
        )


# --- texts

_HINT = "I understand commands only: /help lists them."
_NAME, _QUERY, _NAMES = 80, 200, 600
_PERSON, _TOPICS, _RANKS = 40, 8, 20
_MEDALS = {1: "🥇", 2: "🥈", 3: "🥉"}


def start_text(chat: Chat, subscribers: Sequence[Subscriber], *, resumed: bool) -> Message:
    """The answer to /start: who gets what here, or how to begin."""
    if not subscribers:
        return _message(
            _line(bold("Hello!"), " " + ABOUT["en"]),
            _how_to_subscribe(chat),
            ours("/help lists what I understand."),
        )
    subscriptions = (subscription for who in subscribers for _, subscription in _here(who, chat.addresses))
    names = ", ".join(dict.fromkeys(subscription.name for subscription in subscriptions))
    welcome = (
        "Welcome back. What waited in the meantime comes now." if resumed else "This chat is subscribed."
    )
    return _message(
        ours(welcome),
        _line("Its id is ", code(chat.addresses[0]), ". It gets papers for ", bold(_cut(names, _NAMES)), "."),
        ours("/list tells more, /latest shows the newest, /stop stops them."),
    )


def help_text(language: str) -> Message:
    """The answer to /help; in English where the language has no texts."""
    spoken = language if language in ABOUT else "en"
    lines = (ours(f"/{name} – {what}") for name, what in menu(spoken).items())
    return _message(ours(ABOUT[spoken]), joined("\n", lines))


def list_text(chat: Chat, subscribers: Sequence[Subscriber]) -> Message:
    """The answer to /list; what one message cannot hold is counted."""
    if not subscribers:
        return _message(ours("Nobody is subscribed here yet."), _how_to_subscribe(chat))
    lines = [line for subscriber in subscribers for line in _listed(subscriber, chat.addresses)]
    whole = joined("\n", lines)
    count = len(lines)
    while not whole.fits:
        count -= 1
        whole = joined("\n", (*lines[:count], ours(f"… and {len(lines) - count} more")))
    return _message(whole)


def latest_text(items: Sequence[Item], subscribers: Sequence[Subscriber]) -> Message:
    """The answer to /latest."""
    if not items:
        return _said("Nothing yet. I will write as soon as a paper matches.")
    heading = "The latest papers for this chat" if subscribers else "The latest papers"
    language = subscribers[0].language if subscribers else "en"
    return render_list(heading, tuple(items), language)


def unknown_text(name: str) -> Message:
    """The answer to an unknown command."""
    return _message(
        _line("I do not know /", one_line(name, _NAME), ". ", ours("/help lists what I understand."))
    )


def score_text(sheet: ScoreSheet) -> Message:
    """The answer to /score."""
    score = sheet.score
    if not score.judged and not score.waiting:
        return _said("No answers yet. /quiz gives a question.")
    lines = [_counted(score.right, score.judged)] if score.judged else []
    if score.streak:
        days = "day" if score.streak == 1 else "days"
        lines.append(plain("🔥 ") + bold(f"{score.streak} {days}") + plain(" in a row"))
    if score.mended:
        lines.append(plain(f"🔁 {score.mended} wrong at first and right in the end"))
    if score.waiting:
        lines.append(plain(f"⏳ {score.waiting} without a known answer yet"))
    if sheet.due:
        lines.append(ours(f"📬 {sheet.due} due today: /quiz"))
    return _message(
        joined("\n", lines),
        _topics("By topic", sheet.topics[:_TOPICS]),
        _topics("Worth reading again", weak_topics(sheet.topics)[:_TOPICS]),
    )


def board_text(board: Board) -> Message:
    """The answer to /leaderboard in a group."""
    if not board.standings:
        lines = [plain("Nobody here has answered a question with a known answer yet.")]
    else:
        lines = [_standing(standing, board) for standing in board.standings[:_RANKS]]
        if len(board.standings) > _RANKS:
            lines.append(plain(f"… and {len(board.standings) - _RANKS} more"))
    notes = []
    if board.strangers:
        notes.append(plain(f"Not counted: {_people(board.strangers)} who answered forwarded copies."))
    if board.hidden:
        notes.append(plain(f"Not named: {_people(board.hidden)}, by their own wish."))
    return _message(joined("\n", lines), joined("\n", notes))


def totals_text(totals: Totals) -> Message:
    """The answer in a channel, where votes have no names."""
    if not totals.votes:
        return _said("No votes here yet.")
    lines = [plain(f"Questions: {totals.questions}, votes: {totals.votes}.")]
    if totals.judged:
        lines.append(plain("Right: ") + _counted(totals.right, totals.judged))
    lines.append(plain("Votes in channels have no names, so there are no scores of people here."))
    return _message(joined("\n", lines))


def _how_to_subscribe(chat: Chat) -> Markup:
    number = str(chat.id) if chat.topic is None else f"{{chat: {chat.id}, topic: {chat.topic}}}"
    example = (
        "subscribers:\n"
        "  - id: me\n"
        "    channels:\n"
        f"      - telegram: {number}\n"
        "        quizzes: true\n"
        "    keywords:\n"
        "      - diffusion model"
    )
    lead = _line("This chat's id is ", code(chat.addresses[0]), ". Whoever runs me subscribes it in ")
    return lead + code("config/subscriptions.yaml") + ours(":\n") + block(example)


def _listed(subscriber: Subscriber, addresses: Sequence[str]) -> Iterable[Markup]:
    here = tuple(_here(subscriber, addresses))
    when = ", ".join(dict.fromkeys(schedule_text(channel.deliver) for channel, _ in here)) or "nothing"
    yield _line(bold(_cut(subscriber.id, _NAME)), f" gets here, {when}:")
    for subscription in dict.fromkeys(subscription for _, subscription in here):
        name, query = _cut(subscription.name, _NAME), _cut(subscription.text, _QUERY)
        yield _line(f"• {name}") if name == query else _line(f"• {name} – ", code(query))


def _here(subscriber: Subscriber, addresses: Sequence[str]) -> Iterator[tuple[Channel, Subscription]]:
    """The subscriber's channels to this chat, each with every subscription that it takes."""
    for channel in subscriber.channels:
        if channel.kind == "telegram" and channel.address in addresses:
            for subscription in subscriber.subscriptions:
                if channel.takes(subscription):
                    yield channel, subscription


def _standing(standing: Standing, board: Board) -> Markup:
    name = _cut(board.names.get(standing.person, ""), _PERSON) or "Somebody"
    rank = _MEDALS.get(standing.rank, f"{standing.rank}.")
    return plain(f"{rank} ") + bold(name) + plain(f" – {standing.right} of {standing.judged}")


def _topics(heading: str, topics: Iterable[TopicScore]) -> Markup:
    judged = [topic for topic in topics if topic.judged]
    if not judged or [topic.name for topic in judged] == [OTHER]:
        return plain("")
    lines = (
        plain(f"• {_cut(topic.name, _PERSON) or 'other papers'}: {topic.right} of {topic.judged}")
        for topic in judged
    )
    return joined("\n", (bold(heading), *lines))


def _counted(right: int, judged: int) -> Markup:
    return bold(f"{right} of {judged}") + plain(f" right ({round(100 * right / judged)} %)")


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"


def _cut(text: str, limit: int) -> str:
    return cut(one_line(text), limit)


def _line(*parts: Markup | str) -> Markup:
    return joined("", (plain(part) if isinstance(part, str) else part for part in parts))


def _message(*parts: Markup) -> Message:
    return Message(html=joined("\n\n", parts).html)


def _said(text: str) -> Message:
    """A message of our own words, in which commands are links."""
    return _message(ours(text))
