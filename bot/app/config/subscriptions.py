"""`config/subscriptions.yaml` to subscribers; a pure function of the file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.app.config.fields import Context
from bot.app.config.publishers import CHANNELS
from bot.app.config.subscriptions_model import (
    ChannelForm,
    KeywordForm,
    SubscriberForm,
    SubscribersOnly,
)
from bot.app.config.validation import nearest, shown_text, validated
from bot.app.config.yaml_nodes import Document, to_data
from bot.app.config.yaml_reader import read_document
from bot.domain.errors import ConfigError, Fault, QuerySyntaxError
from bot.domain.query import Query, author_query, excluding
from bot.domain.subscriptions import Channel, Subscriber, Subscription

PathTo = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadSubscribers:
    """What came of reading the file: subscribers where nothing is wrong, and what was found in any case."""

    subscribers: tuple[Subscriber, ...]
    """In the file's order; those with a fault are left out."""
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    places: dict[tuple[str, str], Fault]
    """By subscriber's id and subscription's name: where it stands, with an empty message."""


def load_subscribers(path: Path) -> tuple[Subscriber, ...]:
    """The subscribers of the file, in its order; none for an empty file.

    ConfigError holds every fault, in file order; UsageError says that there is no file to read.
    """
    read = read_subscribers(path)
    if read.faults:
        raise ConfigError(read.faults)
    return read.subscribers


def read_subscribers(path: Path) -> ReadSubscribers:
    """The same, with faults and warnings as values; UsageError as in `load_subscribers`."""
    reading = _Reading(read_document(path))
    subscribers = reading.subscribers()
    document = reading.document
    if not subscribers and not document.found:
        reading.warnings.append((0, "nobody is named under `subscribers:`: nobody gets anything"))
    return ReadSubscribers(
        subscribers=subscribers,
        faults=document.faults,
        warnings=tuple(document.fault_at(start, text) for start, text in sorted(reading.warnings)),
        places={key: document.fault_at(start, "") for key, start in reading.places.items()},
    )


class _Reading:
    """One pass over the file; a subscriber with a fault does not hide the others' faults."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.warnings: list[tuple[int, str]] = []
        self.places: dict[tuple[str, str], int] = {}
        self._context = Context(base=Path())
        self._ids: dict[str, str] = {}

    def subscribers(self) -> tuple[Subscriber, ...]:
        data = to_data(self.document.root, lambda scalar: scalar.plain)
        file = validated(SubscribersOnly, data, self.document, context=self._context)
        found = (self._subscriber(one, index) for index, one in enumerate(file.subscribers if file else ()))
        return tuple(subscriber for subscriber in found if subscriber)

    def _subscriber(self, data: object, index: int) -> Subscriber | None:
        at: PathTo = ("subscribers", index)
        before = len(self.document.found)
        form = validated(SubscriberForm, data, self.document, context=self._context, at=at)
        self._check_id(data, at)
        if form is None:
            return None
        channels = self._channels(form, at)
        subscriptions = self._subscriptions(form, channels, at)
        if len(self.document.found) > before:
            return None
        self._warn(form, at)
        return Subscriber(
            id=form.id,
            timezone=form.timezone,
            language=form.language,
            quiet_hours=form.quiet_hours,
            daily_limit=form.daily_limit,
            channels=channels,
            subscriptions=subscriptions,
        )

    def _check_id(self, data: object, at: PathTo) -> None:
        name = data.get("id") if isinstance(data, dict) else None
        if not isinstance(name, str):
            return
        if taken := self._ids.get(name.lower()):
            self._fault(
                (*at, "id"), f"the id {shown_text(taken)} is taken already; ids differ by more than case"
            )
        self._ids.setdefault(name.lower(), name)

    def _channels(self, form: SubscriberForm, at: PathTo) -> tuple[Channel, ...]:
        channels: list[Channel] = []
        for index, item in enumerate(form.channels):
            channel = _channel(item, form.id)
            here = (*at, "channels", index)
            if channel.name is not None and any(channel.name == other.name for other in channels):
                self._fault((*here, "name"), f"a second channel named {shown_text(channel.name)}")
            if any((channel.target, channel.name) == (other.target, other.name) for other in channels):
                self._fault(
                    (*here, item.kind), "the same place a second time; give each a `name:`, or remove one"
                )
            if not item.is_off:
                channels.append(channel)
        return tuple(channels)

    def _subscriptions(
        self, form: SubscriberForm, channels: tuple[Channel, ...], at: PathTo
    ) -> tuple[Subscription, ...]:
        excluded = tuple(one.query for one in form.exclude)
        places = {channel.name for channel in channels if channel.name} | {
            channel.kind for channel in channels
        }
        asked: dict[str, Subscription] = {}
        for subscription, here in (*self._keywords(form, excluded, at), *self._authors(form, at)):
            folded = subscription.name.casefold()
            if folded in asked:
                self._fault(
                    here, f"{shown_text(subscription.name)} stands here twice; give it another `name:`"
                )
            asked.setdefault(folded, subscription)
            self.places[form.id, subscription.name] = self.document.place_of(here)
        self._check_only(form, places, at)
        return tuple(asked.values())

    def _keywords(
        self, form: SubscriberForm, excluded: tuple[Query, ...], at: PathTo
    ) -> Iterator[tuple[Subscription, PathTo]]:
        for index, keyword in enumerate(form.keywords):
            here = (*at, "keywords", index, "query")
            if keyword.query is None:
                yield _liking(keyword, excluded), (*at, "keywords", index, "like")
                continue
            try:
                query = excluding(keyword.query.query, excluded)
            except QuerySyntaxError as error:
                self._fault(here, f"query: {error}")
                continue
            self.warnings += [(self._start(here), f"query: {hint}") for hint in query.hints]
            yield _subscription(keyword, query, keyword.query.text), here

    def _authors(self, form: SubscriberForm, at: PathTo) -> Iterator[tuple[Subscription, PathTo]]:
        for index, author in enumerate(form.authors):
            here = (*at, "authors", index)
            try:
                query = author_query(author)
            except QuerySyntaxError as error:
                self._fault(here, str(error))
                continue
            yield Subscription(name=f"author: {author}", text=query.text, query=query), here

    def _check_only(self, form: SubscriberForm, places: set[str], at: PathTo) -> None:
        known = sorted(places | set(CHANNELS))
        for number, keyword in enumerate(form.keywords):
            for index, name in enumerate(keyword.only):
                here = (*at, "keywords", number, "only", index)
                if name not in known:
                    near = nearest(name, known)
                    hint = f"did you mean {near!r}?" if near else f"possible here: {', '.join(known)}"
                    self._fault(here, f"unknown channel {shown_text(name)}; {hint}")
                elif name not in places:
                    self.warnings.append((self._start(here), f"{form.id} has no channel {name!r}"))

    def _warn(self, form: SubscriberForm, at: PathTo) -> None:
        start = self._start((*at, "id"))
        if not form.channels:
            self.warnings.append((start, f"{form.id} has no channels: nothing can go out"))
        if not form.keywords and not form.authors:
            self.warnings.append((start, f"{form.id} has neither keywords nor authors: nothing will match"))

    def _start(self, path: PathTo) -> int:
        return self.document.place_of(path)

    def _fault(self, path: PathTo, message: str) -> None:
        self.document.fault(self._start(path), message)


def _channel(form: ChannelForm, subscriber: str) -> Channel:
    return Channel(
        kind=form.kind,
        address=form.address(subscriber),
        name=form.name,
        deliver=form.deliver,
        quizzes=form.quizzes,
        capabilities=form.capabilities,
    )


def _liking(form: KeywordForm, excluded: tuple[Query, ...]) -> Subscription:
    papers = tuple(dict.fromkeys(form.like))
    text = f"like {', '.join(paper.removeprefix('arxiv:') for paper in papers)}"
    return Subscription(
        name=form.name or text,
        text=text,
        like=papers,
        near=form.near,
        unless=excluded,
        only=frozenset(form.only),
    )


def _subscription(form: KeywordForm, query: Query, text: str) -> Subscription:
    return Subscription(
        name=form.name or " ".join(text.split()), text=text, query=query, only=frozenset(form.only)
    )
