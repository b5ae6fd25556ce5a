"""What the bot says: texts made from what the desk knows, nothing sent here."""

from collections.abc import Iterable, Sequence

from bot.adapters.botapi.alerts import render_list
from bot.adapters.botapi.markup import Markup, block, bold, code, joined, ours, plain
from bot.adapters.botapi.messages import Message
from bot.adapters.chat.events import Chat
from bot.adapters.chat.study import COMMANDS as STUDY_COMMANDS
from bot.adapters.presentation import shown
from bot.domain.message import Item
from bot.domain.quizzes.lengths import cut_to_units
from bot.domain.schedule import schedule_text
from bot.domain.subscriptions import Channel, Subscriber, Subscription
from bot.pipeline.ports import Told

COMMANDS = {
    "start": "This chat's id and how to subscribe; goes on after /stop",
    "list": "What this chat is subscribed to",
    "latest": "The newest papers for this chat",
    **STUDY_COMMANDS,
    "stop": "Send nothing more here",
    "help": "What I understand",
}
ABOUT = (
    "I send new papers that match your keywords: what each is about, the words that matched, and quizzes to test "
    "what you read."
)
LATEST = 5
_NAME, _QUERY, _NAMES = 80, 200, 600


def start(chat: Chat, subscribers: Sequence[Subscriber], *, resumed: bool) -> Message:
    """The answer to /start: who gets what here, or how to begin."""
    if not subscribers:
        return _message(
            _line(bold("Hello!"), " " + ABOUT),
            _how_to_subscribe(chat),
            ours("/help lists what I understand."),
        )
    names = ", ".join(dict.fromkeys(one.name for who in subscribers for _, one in _here(who, chat.addresses)))
    return _message(
        ours(
            "Welcome back. What waited in the meantime comes now." if resumed else "This chat is subscribed."
        ),
        _line("Its id is ", code(chat.addresses[0]), ". It gets papers for ", bold(_cut(names, _NAMES)), "."),
        ours("/list tells more, /latest shows the newest, /stop stops them."),
    )


def help_text() -> Message:
    """The answer to /help."""
    return _message(ours(ABOUT), joined("\n", (ours(f"/{name} – {what}") for name, what in COMMANDS.items())))


def subscriptions(chat: Chat, subscribers: Sequence[Subscriber]) -> Message:
    """The answer to /list."""
    if not subscribers:
        return _message(ours("Nobody is subscribed here yet."), _how_to_subscribe(chat))
    lines = [line for who in subscribers for line in _listed(who, chat.addresses)]
    whole = joined("\n", lines)
    count = len(lines)
    while not whole.fits:
        count -= 1
        whole = joined("\n", (*lines[:count], ours(f"… and {len(lines) - count} more")))
    return _message(whole)


def latest(told: Sequence[Told], subscribers: Sequence[Subscriber]) -> Message:
    """The answer to /latest."""
    if not told:
        return _message(ours("Nothing yet. I will write as soon as a paper matches."))
    heading = "The latest papers for this chat" if subscribers else "The latest papers"
    language = subscribers[0].language if subscribers else "en"
    return render_list(heading, tuple(Item(paper=one.paper, reasons=one.reasons) for one in told), language)


def stopped(*, was_running: bool) -> Message:
    """The answer to /stop."""
    if not was_running:
        return _message(ours("Nothing is sent here as it is. /start takes that back."))
    return _message(
        ours("Stopped: nothing more comes here. What matches meanwhile waits until you say /start.")
    )


def administrators_only() -> Message:
    """The answer to somebody who may not change things for the chat."""
    return _message(ours("Only administrators of this chat can do that."))


def unknown(name: str) -> Message:
    """The answer to a command that there is not."""
    return _message(
        _line("I do not know /", shown(name, _NAME), ". ", ours("/help lists what I understand."))
    )


def hint() -> Message:
    """The answer to words that are no command."""
    return _message(ours("I understand commands only: /help lists them."))


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
    told = _line("This chat's id is ", code(chat.addresses[0]), ". Whoever runs me subscribes it in ")
    return told + code("config/subscriptions.yaml") + ours(":\n") + block(example)


def _listed(subscriber: Subscriber, addresses: Sequence[str]) -> Iterable[Markup]:
    here = tuple(_here(subscriber, addresses))
    when = ", ".join(dict.fromkeys(schedule_text(channel.deliver) for channel, _ in here)) or "nothing"
    yield _line(bold(_cut(subscriber.id, _NAME)), f" gets here, {when}:")
    for one in dict.fromkeys(one for _, one in here):
        name, query = _cut(one.name, _NAME), _cut(one.text, _QUERY)
        yield _line(f"• {name}") if name == query else _line(f"• {name} – ", code(query))


def _here(subscriber: Subscriber, addresses: Sequence[str]) -> Iterable[tuple[Channel, Subscription]]:
    """What of the subscriber goes to this chat."""
    for channel in subscriber.channels:
        if channel.kind == "telegram" and channel.address in addresses:
            yield from ((channel, one) for one in subscriber.subscriptions if channel.takes(one))


def _cut(text: str, limit: int) -> str:
    return cut_to_units(shown(text), limit)


def _line(*parts: Markup | str) -> Markup:
    return joined("", (plain(part) if isinstance(part, str) else part for part in parts))


def _message(*parts: Markup) -> Message:
    return Message(html=joined("\n\n", parts).html)
