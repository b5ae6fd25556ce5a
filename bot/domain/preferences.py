"""Preferences: what people set in a chat or on the web, and the subscribers that follow from it and the configuration."""

import base64
import binascii
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Literal

from bot.domain.channels import CapabilitiesOf, ChannelKind
from bot.domain.errors import QuerySyntaxError
from bot.domain.papers import Paper, PaperId
from bot.domain.query import Document, Query, document_of, excluding, parse
from bot.domain.query.folding import words
from bot.domain.query.syntax import atoms, words_of
from bot.domain.schedule import (
    parse_quiet_hours,
    parse_schedule,
    parse_zone,
    schedule_text,
)
from bot.domain.similarity import NEAR
from bot.domain.subscriptions import Channel, QuizMode, Subscriber, Subscription

MOST_SUBSCRIPTIONS = 100
"""Most subscriptions that one subscriber can make in chats and on the web."""
MOST_EXCLUSIONS = 50
MOST_SAVED = 1_000
LONGEST_QUERY = 500
LONGEST_NAME = 80
OFF = "off"
"""The value of `Choices.quiet_hours` for none, also where the configuration has some."""

Admission = Literal["unknown", "asked", "allowed", "refused"]
"""Whether an operator let the person subscribe, where not everybody may."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChosenSubscription:
    """A subscription that a person made: a query, or papers for more like them."""

    name: str
    text: str = ""
    like: tuple[PaperId, ...] = ()
    only: tuple[str, ...] = ()
    """The targets to which it is limited; empty: all channels of the person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChosenChannel:
    """A channel that a person opened."""

    kind: ChannelKind
    address: str
    quizzes: QuizMode = "all"

    @property
    def target(self) -> str:
        return f"{self.kind}:{self.address}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """Everything that one person set; settings that are None are as configured."""

    channels: tuple[ChosenChannel, ...] = ()
    subscriptions: tuple[ChosenSubscription, ...] = ()
    exclude: tuple[str, ...] = ()
    paused: tuple[str, ...] = ()
    """Names of paused subscriptions, also of configured ones."""
    timezone: str | None = None
    language: str | None = None
    quiet_hours: str | None = None
    deliver: str | None = None
    quizzes: QuizMode | None = None
    """Which questions come as polls."""
    snoozed_until: datetime | None = None
    weekly: bool = False
    """Whether the person gets a weekly look back."""
    admission: Admission = "unknown"

    def subscription(self, name: str) -> ChosenSubscription | None:
        """The subscription with that name, in any case."""
        return next(
            (subscription for subscription in self.subscriptions if same_name(subscription.name, name)), None
        )

    def is_paused(self, name: str) -> bool:
        return any(same_name(name, other) for other in self.paused)


NOTHING = Choices()


def same_name(name: str, other: str) -> bool:
    """True where both are names of the same subscription."""
    return name.casefold() == other.casefold()


def with_choices(
    configured: Iterable[Subscriber], choices: Mapping[str, Choices], capabilities: CapabilitiesOf
) -> tuple[Subscriber, ...]:
    """All subscribers with their choices: the configured ones in their order, then the others by id."""
    known = {subscriber.id: subscriber for subscriber in configured}
    everybody = [
        chosen_subscriber(name, known.get(name), choices.get(name, NOTHING), capabilities)
        for name in (*known, *sorted(choices.keys() - known.keys()))
    ]
    return tuple(subscriber for subscriber in everybody if subscriber is not None)


def chosen_subscriber(
    name: str, configured: Subscriber | None, choices: Choices, capabilities: CapabilitiesOf
) -> Subscriber | None:
    """The subscriber with their choices; where the configuration sets the same thing, it wins.

    None for somebody who is not configured and has no channel.
    """
    if configured is not None and choices == NOTHING:
        return configured
    if configured is None and not choices.channels:
        return None
    person = configured or Subscriber(id=name, chosen=True)
    excluded = tuple(filter(None, map(stored_query, choices.exclude)))
    own = (_without(subscription, excluded) for subscription in person.subscriptions)
    names = {subscription.name.casefold() for subscription in person.subscriptions}
    all_excluded = (*filter(None, map(stored_query, person.exclude)), *excluded)
    chosen = (
        _subscription(subscription, all_excluded)
        for subscription in choices.subscriptions
        if subscription.name.casefold() not in names
    )
    return replace(
        _with_settings(person, choices),
        channels=tuple(_channels(person, choices, capabilities)),
        subscriptions=tuple(
            subscription
            for subscription in (*own, *filter(None, chosen))
            if not choices.is_paused(subscription.name)
        ),
        exclude=tuple(dict.fromkeys((*person.exclude, *choices.exclude))),
        snoozed_until=choices.snoozed_until,
    )


def names_in_both(configured: Subscriber, choices: Choices) -> tuple[str, ...]:
    """Names of subscriptions that the person made although the configuration has one of that name, which wins."""
    names = {subscription.name.casefold() for subscription in configured.subscriptions}
    return tuple(
        subscription.name for subscription in choices.subscriptions if subscription.name.casefold() in names
    )


def _with_settings(person: Subscriber, choices: Choices) -> Subscriber:
    def chosen(key: str, value: str | None) -> str | None:
        return None if key in person.fixed else value

    zone, quiet = chosen("timezone", choices.timezone), chosen("quiet_hours", choices.quiet_hours)
    quiet_hours = person.quiet_hours
    if quiet is not None:
        quiet_hours = None if quiet == OFF else parse_quiet_hours(quiet)
    return replace(
        person,
        timezone=parse_zone(zone) if zone else person.timezone,
        language=chosen("language", choices.language) or person.language,
        quiet_hours=quiet_hours,
    )


def _channels(person: Subscriber, choices: Choices, capabilities: CapabilitiesOf) -> Iterator[Channel]:
    known = {channel.target for channel in person.channels}
    chosen = (
        Channel(
            kind=opened.kind,
            address=opened.address,
            quizzes=opened.quizzes,
            capabilities=capabilities[opened.kind],
        )
        for opened in choices.channels
        if opened.target not in known
    )
    deliver = parse_schedule(choices.deliver) if choices.deliver else None
    for channel in (*person.channels, *chosen):
        is_timed = not channel.capabilities.is_document and "deliver" not in channel.fixed
        asks = channel.capabilities.polls and "quizzes" not in channel.fixed
        yield replace(
            channel,
            deliver=deliver if deliver and is_timed else channel.deliver,
            quizzes=choices.quizzes if choices.quizzes and asks else channel.quizzes,
        )


def _subscription(chosen: ChosenSubscription, excluded: tuple[Query, ...]) -> Subscription | None:
    """The subscription that a person made; None where this version cannot parse its query."""
    only = frozenset(chosen.only)
    if chosen.like:
        return Subscription(
            name=chosen.name,
            text=like_text(chosen.like),
            like=chosen.like,
            near=NEAR,
            unless=excluded,
            only=only,
            chosen=True,
        )
    query = stored_query(chosen.text)
    if query is None:
        return None
    plain = Subscription(name=chosen.name, text=chosen.text, query=query, only=only, chosen=True)
    return _without(plain, excluded)


def _without(subscription: Subscription, excluded: tuple[Query, ...]) -> Subscription:
    """The subscription with exclusions added; one that would leave nothing of it is ignored."""
    if subscription.query is None:
        return replace(subscription, unless=(*subscription.unless, *excluded))
    if subscription.name.startswith(AUTHOR):
        return subscription
    query = subscription.query
    for exclusion in excluded:
        try:
            query = excluding(query, (exclusion,))
        except QuerySyntaxError:
            continue
    return replace(subscription, query=query)


AUTHOR = "author: "
"""Prefix of the names of subscriptions to authors, to which exclusions do not apply."""


@lru_cache(maxsize=50_000)
def stored_query(text: str) -> Query | None:
    """The query of a stored text, which was valid when it was stored; None where this version refuses it."""
    try:
        return parse(text)
    except QuerySyntaxError:
        return None


def like_text(papers: Sequence[PaperId]) -> str:
    """The text of a subscription to papers like these."""
    return f"like {', '.join(paper.removeprefix('arxiv:') for paper in papers)}"


def subscriptions_yaml(subscribers: Iterable[Subscriber]) -> str:
    """The subscribers in the form of `subscriptions.yaml`."""
    lines = ["subscribers:"]
    for subscriber in subscribers:
        lines += _subscriber_lines(subscriber)
    return "\n".join(lines if len(lines) > 1 else ["subscribers: []"]) + "\n"


def _subscriber_lines(subscriber: Subscriber) -> Iterator[str]:
    yield f"  - id: {_quoted(subscriber.id)}"
    yield from _setting_lines(subscriber)
    names = _channel_names(subscriber)
    if subscriber.channels:
        yield "    channels:"
    for channel in subscriber.channels:
        yield from _channel_lines(channel, names[channel.target])
    authors = [
        subscription.name for subscription in subscriber.subscriptions if subscription.name.startswith(AUTHOR)
    ]
    keywords = [subscription for subscription in subscriber.subscriptions if subscription.name not in authors]
    if keywords:
        yield "    keywords:"
    for subscription in keywords:
        yield from _keyword_lines(subscription, names)
    if authors:
        yield f"    authors: [{', '.join(_quoted(name.removeprefix(AUTHOR)) for name in authors)}]"
    if subscriber.exclude:
        yield f"    exclude: [{', '.join(map(_quoted, subscriber.exclude))}]"


def _setting_lines(subscriber: Subscriber) -> Iterator[str]:
    if subscriber.timezone.key != "UTC":
        yield f"    timezone: {_quoted(subscriber.timezone.key)}"
    if subscriber.language != "en":
        yield f"    language: {_quoted(subscriber.language)}"
    if quiet := subscriber.quiet_hours:
        yield f'    quiet_hours: "{quiet.start:%H:%M}-{quiet.end:%H:%M}"'
    if subscriber.daily_limit:
        yield f"    daily_limit: {subscriber.daily_limit}"


def _channel_names(subscriber: Subscriber) -> dict[str, str | None]:
    """Names of the channels by target; a channel to which a subscription is limited gets one where it has none."""
    limited = {name for subscription in subscriber.subscriptions for name in subscription.only}
    return {
        channel.target: channel.name or (f"channel {number}" if channel.target in limited else None)
        for number, channel in enumerate(subscriber.channels, start=1)
    }


def _channel_lines(channel: Channel, name: str | None) -> Iterator[str]:
    value = channel.capabilities.address_value(channel.address)
    if isinstance(value, Mapping):
        parts = ", ".join(f"{key}: {_quoted(part)}" for key, part in value.items())
        yield f"      - {channel.kind}: {{{parts}}}"
    else:
        yield f"      - {channel.kind}: {_quoted(value)}"
    if name:
        yield f"        name: {_quoted(name)}"
    if (deliver := schedule_text(channel.deliver)) != "immediately":
        yield f"        deliver: {deliver}"
    if channel.quizzes != "none":
        yield f"        quizzes: {_QUIZZES.get(channel.quizzes, channel.quizzes)}"


_QUIZZES = {"all": "true", "one": "1"}


def _keyword_lines(subscription: Subscription, names: Mapping[str, str | None]) -> Iterator[str]:
    only = [names.get(name) or name for name in sorted(subscription.only)]
    if not subscription.like and subscription.name == subscription.text and not only:
        yield f"      - {_quoted(subscription.text)}"
        return
    yield f"      - name: {_quoted(subscription.name)}"
    if subscription.like:
        yield f"        like: [{', '.join(map(_quoted, subscription.like))}]"
        if subscription.near != NEAR:
            yield f"        near: {subscription.near}"
    else:
        yield f"        query: {_quoted(subscription.text)}"
    if only:
        yield f"        only: [{', '.join(map(_quoted, only))}]"


def _quoted(value: str | int) -> str:
    """The text, number or truth as JSON, which is YAML too."""
    return json.dumps(value, ensure_ascii=False)


def saved_paper_owners(subscriber: Subscriber) -> tuple[str, ...]:
    """Owners of the papers that the subscriber saved: the targets where that is done by a button, then the subscriber."""
    own_targets = (
        channel.target
        for channel in subscriber.channels
        if channel.capabilities.owns_saved_papers(channel.address)
    )
    return (*own_targets, subscriber.id)


# --- deep links: t.me/BOT?start=PAYLOAD

_LONGEST_PAYLOAD = 64
_QUERY_MARK = "q"


def start_link(bot: str, query: str) -> str | None:
    """A link that opens the chat with the bot, whose name has no `@`, and offers the query; None where that is too long."""
    payload = start_payload(query)
    return payload and f"https://t.me/{bot}?start={payload}"


def start_payload(query: str) -> str | None:
    """The payload of such a link; None where it would be longer than 64 characters, which are the most allowed
    (https://core.telegram.org/bots/features#deep-linking, seen 2026-11).
    """
    text = base64.urlsafe_b64encode(query.encode()).rstrip(b"=").decode()
    payload = f"{_QUERY_MARK}{text}"
    return payload if len(payload) <= _LONGEST_PAYLOAD else None


def query_of_payload(payload: str) -> str | None:
    """The query that the payload of a link offers; None for any other text."""
    if not payload.startswith(_QUERY_MARK) or len(payload) > _LONGEST_PAYLOAD:
        return None
    text = payload.removeprefix(_QUERY_MARK)
    try:
        query = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return query if query and query.isprintable() else None


# --- exclusions: words that would have kept an unwanted paper away, and few wanted ones

_SHORTEST_EXCLUSION = 4
_EXCLUDABLE = re.compile(r"[a-z][a-z0-9-]*")
_SAYS_NOTHING = frozenset([
    "about", "based", "from", "into", "over", "that", "their", "these", "this", "those", "towards",
    "toward", "using", "with", "without", "what", "when", "where", "which", "while", "your", "model",
    "large", "language", "method", "approach", "paper", "framework", "learning", "system", "novel", "data",
    "task", "via", "new", "efficient", "improving", "unified", "scalable", "general", "deep", "neural",
])  # fmt: skip
_TOO_COMMON = 0.25
"""A word that a larger share of the noticed papers has would exclude too much."""
_MOST_OFFERED = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Exclusion:
    """A word to exclude, with how many of the noticed and of the saved papers have it."""

    word: str
    noticed: int
    saved: int = 0


def exclusions(
    paper: Paper,
    queries: Iterable[Query],
    noticed: Sequence[Document],
    saved: Sequence[Document],
) -> tuple[Exclusion, ...]:
    """Words of the paper's title that set it apart, at most three: first those that no saved paper has, then those that
    the paper itself has most often. Never a word of the `queries` that it matched.
    """
    query_words = {word.text for query in queries for atom in atoms(query.root) for word in words_of(atom)}
    document = document_of(paper)
    counts = Counter(document.line("", "folded").split())
    title_words = [
        word
        for word in dict.fromkeys(words(paper.title, "folded"))
        if len(word) >= _SHORTEST_EXCLUSION
        and _EXCLUDABLE.fullmatch(word)
        and word not in query_words
        and word not in _SAYS_NOTHING
    ]
    candidates = [
        Exclusion(word=word, noticed=_having(noticed, word), saved=_having(saved, word))
        for word in title_words
    ]
    rare = [candidate for candidate in candidates if candidate.noticed <= max(_TOO_COMMON * len(noticed), 1)]
    ranked = sorted(rare, key=lambda each: (each.saved > 0, -counts[each.word], each.noticed, each.word))
    return tuple(ranked[:_MOST_OFFERED])


def _having(documents: Iterable[Document], word: str) -> int:
    """How many of the documents have the folded word."""
    return sum(word in document.line("", "folded").split() for document in documents)
