"""Preferences: what a person set in a chat or on the web, beside what the configuration says of them."""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Literal

from bot.domain.channels import Capabilities, ChannelKind
from bot.domain.errors import QuerySyntaxError
from bot.domain.papers import PaperId
from bot.domain.query import Query, excluding, parse
from bot.domain.schedule import (
    parse_quiet_hours,
    parse_schedule,
    parse_zone,
    schedule_text,
)
from bot.domain.similarity import NEAR
from bot.domain.subscriptions import Channel, QuizMode, Subscriber, Subscription

MOST_SUBSCRIPTIONS = 100
"""Of one subscriber, made in chats and on the web."""
MOST_EXCLUSIONS = 50
MOST_SAVED = 1_000
LONGEST_QUERY = 500
LONGEST_NAME = 80
OFF = "off"
"""Quiet hours that the person does not want, though the configuration may name some."""

Admission = Literal["unknown", "asked", "allowed", "refused"]
"""Whether an operator lets the person subscribe, where not everybody may."""
CapabilitiesOfKind = Callable[[ChannelKind], Capabilities]


@dataclass(frozen=True, kw_only=True, slots=True)
class ChosenSubscription:
    """A subscription that a person made: a query, or papers to find more like."""

    name: str
    text: str = ""
    like: tuple[PaperId, ...] = ()
    only: tuple[str, ...] = ()
    """Targets it is limited to; empty: all channels of the person."""


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
    """Names of subscriptions, also of the configuration's, that find nothing for now."""
    timezone: str | None = None
    language: str | None = None
    quiet_hours: str | None = None
    deliver: str | None = None
    quizzes: QuizMode | None = None
    """How questions come in chats."""
    snoozed_until: datetime | None = None
    weekly: bool = False
    """Gets a weekly look back."""
    admission: Admission = "unknown"

    def subscription(self, name: str) -> ChosenSubscription | None:
        """The one of that name, in any case."""
        return next(
            (subscription for subscription in self.subscriptions if same_name(subscription.name, name)), None
        )

    def is_paused(self, name: str) -> bool:
        return any(same_name(name, other) for other in self.paused)


NOTHING = Choices()


def same_name(name: str, other: str) -> bool:
    """True where both name the same subscription."""
    return name.casefold() == other.casefold()


def with_choices(
    configured: Iterable[Subscriber], choices: Mapping[str, Choices], capabilities: CapabilitiesOfKind
) -> tuple[Subscriber, ...]:
    """Everybody: the configured subscribers in their order, then those who came by themselves, by their ids."""
    known = {subscriber.id: subscriber for subscriber in configured}
    everybody = [
        chosen_subscriber(name, known.get(name), choices.get(name, NOTHING), capabilities)
        for name in (*known, *sorted(choices.keys() - known.keys()))
    ]
    return tuple(subscriber for subscriber in everybody if subscriber is not None)


def chosen_subscriber(
    name: str, configured: Subscriber | None, choices: Choices, capabilities: CapabilitiesOfKind
) -> Subscriber | None:
    """The subscriber with what the person set; where both say something, the configuration wins.

    None for somebody who is neither configured nor has a channel.
    """
    if configured is not None and choices == NOTHING:
        return configured
    if configured is None and not choices.channels:
        return None
    person = configured or Subscriber(id=name, chosen=True)
    excluded = tuple(filter(None, map(parsed, choices.exclude)))
    own = (_without(subscription, excluded) for subscription in person.subscriptions)
    names = {subscription.name.casefold() for subscription in person.subscriptions}
    chosen = (
        _subscription(subscription, _all_exclusions(person, excluded))
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
    """Names of subscriptions that the person made and the configuration has too: the configuration's hold."""
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


def _channels(person: Subscriber, choices: Choices, capabilities: CapabilitiesOfKind) -> Iterator[Channel]:
    known = {channel.target for channel in person.channels}
    chosen = (
        Channel(
            kind=opened.kind,
            address=opened.address,
            quizzes=opened.quizzes,
            capabilities=capabilities(opened.kind),
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
    """None for a query that this version cannot read any more."""
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
    query = parsed(chosen.text)
    if query is None:
        return None
    plain = Subscription(name=chosen.name, text=chosen.text, query=query, only=only, chosen=True)
    return _without(plain, excluded)


def _without(subscription: Subscription, excluded: tuple[Query, ...]) -> Subscription:
    """The subscription without what is excluded; an exclusion that would leave nothing of it is left out."""
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
"""The names of subscriptions to authors begin so; exclusions do not concern them."""


def _all_exclusions(person: Subscriber, excluded: tuple[Query, ...]) -> tuple[Query, ...]:
    return (*filter(None, map(parsed, person.exclude)), *excluded)


@lru_cache(maxsize=50_000)
def parsed(text: str) -> Query | None:
    """The query of a text that was checked when it was stored; None where this version refuses it."""
    try:
        return parse(text)
    except QuerySyntaxError:
        return None


def like_text(papers: Sequence[PaperId]) -> str:
    """The papers as a subscription to papers like them shows itself."""
    return f"like {', '.join(paper.removeprefix('arxiv:') for paper in papers)}"


def subscriptions_yaml(subscribers: Iterable[Subscriber]) -> str:
    """The subscribers as they stand in `subscriptions.yaml`."""
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
    """By target the channel's name; those that a subscription is limited to get one."""
    limited = {name for subscription in subscriber.subscriptions for name in subscription.only}
    return {
        channel.target: channel.name or (f"channel {number}" if channel.target in limited else None)
        for number, channel in enumerate(subscriber.channels, start=1)
    }


def _channel_lines(channel: Channel, name: str | None) -> Iterator[str]:
    if channel.capabilities.is_document:
        yield f"      - {channel.kind}: true"
    elif channel.kind == "telegram":
        chat, _, topic = channel.address.partition("/")
        number = chat if chat.lstrip("-").isdecimal() else _quoted(chat)
        thread = topic if topic.isdecimal() else _quoted(topic)
        yield f"      - telegram: {f'{{chat: {number}, topic: {thread}}}' if topic else number}"
    else:
        yield f"      - {channel.kind}: {_quoted(channel.address)}"
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


def _quoted(text: str) -> str:
    """As YAML's double quotes take it, which are JSON's."""
    return json.dumps(text, ensure_ascii=False)


# --- deep links: t.me/BOT?start=PAYLOAD

_LONGEST_PAYLOAD = 64
_QUERY_MARK = "q"


def start_link(bot: str, query: str) -> str | None:
    """A link to the bot, named without `@`, that offers this query there; None for a query too long for a link."""
    payload = start_payload(query)
    return payload and f"https://t.me/{bot}?start={payload}"


def start_payload(query: str) -> str | None:
    """The payload of a link that offers this query; None for one that is too long: more than 64 signs are not allowed."""
    text = base64.urlsafe_b64encode(query.encode()).rstrip(b"=").decode()
    payload = f"{_QUERY_MARK}{text}"
    return payload if len(payload) <= _LONGEST_PAYLOAD else None


def query_of_payload(payload: str) -> str | None:
    """The query that a link offers; None for any other text: it comes from outside and may be anything."""
    if not payload.startswith(_QUERY_MARK) or len(payload) > _LONGEST_PAYLOAD:
        return None
    text = payload.removeprefix(_QUERY_MARK)
    try:
        query = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return query if query and query.isprintable() else None
