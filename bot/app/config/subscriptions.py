"""`config/subscriptions.yaml`: subscribers with their channels and subscriptions; reading and reloading the file."""

import hashlib
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, create_model, model_validator

from bot.app.config.channels import CHANNELS
from bot.app.config.validation import (
    Context,
    Converted,
    FieldFault,
    Heading,
    Many,
    Number,
    Parsed,
    Section,
    setting,
    shown_text,
    validated,
)
from bot.app.config.yaml import YamlDocument, read_document, to_data
from bot.domain.channels import Capabilities, ChannelKind
from bot.domain.errors import ConfigError, Fault, QuerySyntaxError, UsageError
from bot.domain.papers import PaperId, parse_paper_id
from bot.domain.query import Query, author_query, excluding, parse
from bot.domain.query.faults import hints_on
from bot.domain.schedule import (
    WEEKDAYS,
    QuietHours,
    Schedule,
    parse_quiet_hours,
    parse_schedule,
    parse_zone,
)
from bot.domain.similarity import NEAR
from bot.domain.subscriptions import Channel, QuizMode, Subscriber, Subscription
from bot.domain.text import nearest

log = logging.getLogger(__name__)

_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_TAKEN_IDS = frozenset({"all"})
"""`all` is the name of the feed of all papers."""
_TIME = r"([01]?\d|2[0-3]):[0-5]\d"
_DAYS = "|".join(("daily", "weekdays", *WEEKDAYS))
_QUERY_FIELDS = frozenset({"title", "author", "summary", "source"})
_EMPTY_FILE = hashlib.sha256(b"").hexdigest()
_FAULTS_LOGGED = 5

PathTo = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenQuery:
    """A query and its text as written."""

    text: str
    query: Query


def _subscriber_id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise FieldFault(
            "must be 1 to 64 letters, digits, dots, dashes or underscores (first no dot or dash)"
        )
    if text.lower() in _TAKEN_IDS:
        raise FieldFault(f"the id {shown_text(text)} is taken by the feed of all papers; choose another")
    return text


def _zone(text: str) -> ZoneInfo:
    try:
        return parse_zone(text)
    except ValueError as error:
        from zoneinfo import available_timezones

        cities = (name for name in available_timezones() if "/" in name)  # EST is no spelling of CEST
        near = nearest(text, sorted(cities))
        hint = f"did you mean {near!r}?" if near else "use a name like 'Europe/Berlin'"
        raise FieldFault(f"unknown time zone {shown_text(text)}; {hint}") from error


def _query(text: str) -> WrittenQuery:
    try:
        return WrittenQuery(text=text, query=parse(text))
    except QuerySyntaxError as error:
        raise FieldFault(f"query: {error}", position=error.position) from error


def _paper(text: str) -> PaperId:
    paper_id = parse_paper_id(text)
    if paper_id is None:
        raise FieldFault("must be a paper: an id like arxiv:2509.14008, the number alone, or a link")
    return paper_id


def _quizzes(value: object) -> QuizMode:
    if value is True or value is False:
        return "all" if value else "none"
    if type(value) is int and value == 1:
        return "one"
    if value == "on_request":
        return "on_request"
    raise FieldFault("must be true (all), false, 1 (one a paper), or on_request (a button)")


SubscriberId = Annotated[str, Parsed(_subscriber_id, {"type": "string", "pattern": f"^{_ID.pattern}$"})]
Zone = Annotated[ZoneInfo, Parsed(_zone, {"type": "string", "pattern": "^[A-Za-z0-9_+/-]+$"})]
Quiet = Annotated[
    QuietHours, Parsed(parse_quiet_hours, {"type": "string", "pattern": rf"^\s*{_TIME}\s*[-–]\s*{_TIME}\s*$"})
]
DeliverySchedule = Annotated[
    Schedule,
    Parsed(
        parse_schedule,
        {"type": "string", "pattern": rf"^(immediately|hourly|({_DAYS}) at {_TIME})$"},
    ),
]
QueryText = Annotated[WrittenQuery, Parsed(_query, {"type": "string", "minLength": 1})]
QuizChoice = Annotated[
    QuizMode,
    Converted(
        _quizzes, {"anyOf": [{"type": "boolean"}, {"type": "integer", "const": 1}, {"const": "on_request"}]}
    ),
]
PaperName = Annotated[PaperId, Parsed(_paper, {"type": "string", "minLength": 1})]
Nearness = Annotated[Number, Field(gt=0, le=1)]
Positive = Annotated[int, Field(ge=1)]


class ChannelForm(Section):
    """A channel of a subscriber; the keys that name its kind come from CHANNELS."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [kind]} for kind in CHANNELS]})

    name: Heading | None = setting(
        None, description="A name for `only:`, to tell several channels of a kind apart."
    )
    deliver: DeliverySchedule = setting(
        "immediately",
        description="immediately, hourly, daily at HH:MM, weekdays at HH:MM, or mondays at HH:MM.",
    )
    quizzes: QuizChoice = setting(
        default=False,
        description="True: a poll per question, as a reply to the paper's alert; 1: one a paper; on_request: a button.",
    )
    silent: bool = setting(
        default=False, description="True: messages make no sound. Polls are always silent."
    )

    @model_validator(mode="before")
    @classmethod
    def _one_address(cls, value: Any) -> Any:
        for kind in CHANNELS:
            if isinstance(value, dict) and isinstance(value.get(kind), tuple):
                raise FieldFault(f"one address a channel; write a list item `- {kind}: …` for each", key=kind)
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> "ChannelForm":
        kinds = [kind for kind in CHANNELS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            here = f"here are {' and '.join(kinds)}; make a list item of each" if kinds else "none is here"
            *first, last = CHANNELS
            raise FieldFault(f"a channel needs exactly one of {', '.join(first)} and {last}; {here}")
        if self.name in CHANNELS:
            raise FieldFault(f"{self.name!r} is a kind of channel; choose another name", key="name")
        if self.quizzes != "none" and not (self.capabilities.polls or self.capabilities.carries_quiz):
            raise FieldFault(f"{self.kind} has no quizzes; remove the key", key="quizzes")
        if self.quizzes == "on_request" and not self.capabilities.polls:
            raise FieldFault(f"{self.kind} has no buttons; use true, false or 1", key="quizzes")
        return self

    @property
    def kind(self) -> ChannelKind:
        return next(kind for kind in CHANNELS if getattr(self, kind) is not None)

    @property
    def capabilities(self) -> Capabilities:
        return CHANNELS[self.kind].capabilities

    @property
    def is_off(self) -> bool:
        """True for `atom: false`, which names no channel."""
        return getattr(self, self.kind) is False

    def address(self, subscriber: str) -> str:
        return CHANNELS[self.kind].address(getattr(self, self.kind), subscriber)


if TYPE_CHECKING:
    AnyChannelForm = ChannelForm
else:
    AnyChannelForm = create_model(
        "ChannelForm",
        __base__=ChannelForm,
        __doc__=ChannelForm.__doc__,
        **{
            kind: (channel.yaml_type | None, setting(None, description=channel.description))
            for kind, channel in CHANNELS.items()
        },
    )


class KeywordForm(Section):
    """A subscription: a query, or papers to find similar ones to."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["query"]}, {"required": ["like"]}]})

    query: QueryText | None = setting(None, description="In the query language.")
    like: Many[PaperName] = setting(
        (), description="Instead of a query: papers like arxiv:2509.14008, to find similar ones."
    )
    near: Nearness = setting(
        NEAR,
        description="With like: least similarity, from 0 to 1; `paperboy doctor` shows what each value would bring.",
    )
    name: Heading | None = setting(None, description="Shown as the reason in messages; by default the query.")
    only: Many[Heading] = setting((), description="Channel kinds, or a channel's `name:`.")

    @model_validator(mode="before")
    @classmethod
    def _bare_query(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return {"query": value}
        if fields := _QUERY_FIELDS & value.keys():
            raise FieldFault(f'a query with a field needs quotes here: "{min(fields)}: …"')
        return value

    @model_validator(mode="after")
    def _one_of_both(self) -> "KeywordForm":
        if self.query is not None and self.like:
            raise FieldFault("has a query and like at once; make a list item of each", key="like")
        if self.query is None and not self.like:
            raise FieldFault("the key 'query' is missing here (or 'like', with papers to find more like)")
        return self


class SubscriberForm(Section):
    """A person or chat."""

    id: SubscriberId = Field(description="Unique; also the name of the feed.")
    timezone: Zone = setting("UTC", description="IANA time zone, like Europe/Berlin.")
    language: Literal["en", "zh"] = setting("en", description="en, or zh where a digest has it.")
    quiet_hours: Quiet | None = setting(
        None, description="Like 22:00-07:00; messages are held and sent as one when they end."
    )
    daily_limit: Positive | None = setting(
        None, description='Papers a day, best matches first; the rest is named as "+N more".'
    )
    channels: Many[AnyChannelForm] = setting((), description="Where papers are sent.")
    keywords: Many[KeywordForm] = setting((), description="Queries: what is looked for.")
    authors: Many[Heading] = setting((), description="Authors to follow.")
    exclude: Many[QueryText] = setting(
        (), description="Queries whose matches are left out of every keyword, though not of authors."
    )


class SubscriptionsForm(Section):
    """Subscribers of paperboy."""

    subscribers: Many[SubscriberForm] = setting((), description="One item for each person or chat.")


class SubscribersOnly(Section):
    """The file with unvalidated subscribers; each is validated by itself, so that all faults are found."""

    subscribers: Many[object] = setting(())


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadSubscribers:
    """The subscribers of a file, its faults and warnings."""

    subscribers: tuple[Subscriber, ...]
    """In the file's order, without those that have a fault."""
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    positions: dict[tuple[str, str], Fault]
    """By subscriber's id and a subscription's name, or a channel's target: its file, line and column, with an empty message."""


def load_subscribers(path: Path) -> tuple[Subscriber, ...]:
    """The subscribers of the file, in its order; none for an empty file.

    Raises:
        ConfigError: with every fault, in file order.
        UsageError: the file cannot be read.
    """
    read = read_subscribers(path)
    if read.faults:
        raise ConfigError(read.faults)
    return read.subscribers


def read_subscribers(path: Path) -> ReadSubscribers:
    """Like `load_subscribers`, with faults and warnings as values; raises UsageError if it cannot be read."""
    reading = _SubscriberReader(read_document(path))
    subscribers = reading.subscribers()
    document = reading.document
    if not subscribers and not document.fault_count:
        reading.warnings.append((0, "nobody is named under `subscribers:`: nobody gets anything"))
    return ReadSubscribers(
        subscribers=subscribers,
        faults=document.faults,
        warnings=tuple(document.fault_at(offset, text) for offset, text in sorted(reading.warnings)),
        positions={key: document.fault_at(offset, "") for key, offset in reading.offsets.items()},
    )


class _SubscriberReader:
    """Builds the subscribers of one document and records every fault."""

    def __init__(self, document: YamlDocument) -> None:
        self.document = document
        self.warnings: list[tuple[int, str]] = []
        self.offsets: dict[tuple[str, str], int] = {}
        self._context = Context(base=Path())
        self._ids: dict[str, str] = {}

    def subscribers(self) -> tuple[Subscriber, ...]:
        data = to_data(self.document.root)
        file = validated(SubscribersOnly, data, self.document, context=self._context)
        read = (self._subscriber(item, index) for index, item in enumerate(file.subscribers if file else ()))
        return tuple(subscriber for subscriber in read if subscriber)

    def _subscriber(self, data: object, index: int) -> Subscriber | None:
        at: PathTo = ("subscribers", index)
        before = self.document.fault_count
        form = validated(SubscriberForm, data, self.document, context=self._context, at=at)
        self._check_id(data, at)
        if form is None:
            return None
        channels = self._channels(form, at)
        subscriptions = self._subscriptions(form, channels, at)
        if self.document.fault_count > before:
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
            exclude=tuple(exclusion.text for exclusion in form.exclude),
            fixed=frozenset(form.model_fields_set),
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
                    (*here, item.kind), "the same target a second time; give each a `name:`, or remove one"
                )
            if not item.is_off:
                channels.append(channel)
                self.offsets[form.id, channel.target] = self._offset((*here, item.kind))
        return tuple(channels)

    def _subscriptions(
        self, form: SubscriberForm, channels: tuple[Channel, ...], at: PathTo
    ) -> tuple[Subscription, ...]:
        excluded = tuple(exclusion.query for exclusion in form.exclude)
        names = {channel.name for channel in channels if channel.name} | {
            channel.kind for channel in channels
        }
        by_name: dict[str, Subscription] = {}
        for subscription, here in (*self._keywords(form, excluded, at), *self._authors(form, at)):
            folded = subscription.name.casefold()
            if folded in by_name:
                self._fault(
                    here, f"{shown_text(subscription.name)} is used twice; give one of them another `name:`"
                )
            by_name.setdefault(folded, subscription)
            self.offsets[form.id, subscription.name] = self._offset(here)
        self._check_only(form, names, at)
        return tuple(by_name.values())

    def _keywords(
        self, form: SubscriberForm, excluded: tuple[Query, ...], at: PathTo
    ) -> Iterator[tuple[Subscription, PathTo]]:
        for index, keyword in enumerate(form.keywords):
            here = (*at, "keywords", index, "query")
            if keyword.query is None:
                yield _similarity_subscription(keyword, excluded), (*at, "keywords", index, "like")
                continue
            try:
                query = excluding(keyword.query.query, excluded)
            except QuerySyntaxError as error:
                self._fault(here, f"query: {error}")
                continue
            self.warnings += [(self._offset(here), f"query: {hint}") for hint in hints_on(query)]
            yield _query_subscription(keyword, query, keyword.query.text), here

    def _authors(self, form: SubscriberForm, at: PathTo) -> Iterator[tuple[Subscription, PathTo]]:
        for index, author in enumerate(form.authors):
            here = (*at, "authors", index)
            try:
                query = author_query(author)
            except QuerySyntaxError as error:
                self._fault(here, str(error))
                continue
            yield Subscription(name=f"author: {author}", text=query.text, query=query), here

    def _check_only(self, form: SubscriberForm, names: set[str], at: PathTo) -> None:
        known = sorted(names | set(CHANNELS))
        for number, keyword in enumerate(form.keywords):
            for index, name in enumerate(keyword.only):
                here = (*at, "keywords", number, "only", index)
                if name not in known:
                    near = nearest(name, known)
                    hint = f"did you mean {near!r}?" if near else f"possible here: {', '.join(known)}"
                    self._fault(here, f"unknown channel {shown_text(name)}; {hint}")
                elif name not in names:
                    self.warnings.append((self._offset(here), f"{form.id} has no channel {name!r}"))

    def _warn(self, form: SubscriberForm, at: PathTo) -> None:
        offset = self._offset((*at, "id"))
        if not form.channels:
            self.warnings.append((offset, f"{form.id} has no channels: nothing can go out"))
        if not form.keywords and not form.authors:
            self.warnings.append((offset, f"{form.id} has neither keywords nor authors: nothing will match"))

    def _offset(self, path: PathTo) -> int:
        return self.document.offset_of(path)

    def _fault(self, path: PathTo, message: str) -> None:
        self.document.fault(self._offset(path), message)


def _channel(form: ChannelForm, subscriber: str) -> Channel:
    return Channel(
        kind=form.kind,
        address=form.address(subscriber),
        name=form.name,
        deliver=form.deliver,
        quizzes=form.quizzes,
        silent=form.silent,
        capabilities=form.capabilities,
        fixed=frozenset(form.model_fields_set),
    )


def _similarity_subscription(form: KeywordForm, excluded: tuple[Query, ...]) -> Subscription:
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


def _query_subscription(form: KeywordForm, query: Query, text: str) -> Subscription:
    return Subscription(
        name=form.name or " ".join(text.split()), text=text, query=query, only=frozenset(form.only)
    )


class SubscriptionsReloader:
    """Reads the subscriptions file again after an edit; if that has mistakes, the last good version stays in use.

    An edit counts once two calls in a row saw the same content: the first half of a file that is being written
    may be a valid configuration with fewer subscribers. An empty file counts as a mistake or a full disk, not as an
    edit; write `subscribers: []` for no subscribers.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._content()
        self._before = self._seen

    def changed(self) -> tuple[Subscriber, ...] | None:
        """The subscribers after a good edit; None without one. A bad edit is logged once."""
        content, before = self._content(), self._before
        self._before = content
        if content == self._seen or content != before:
            return None
        self._seen = content
        if content is None or content == _EMPTY_FILE:
            event = "subscriptions.missing" if content is None else "subscriptions.empty"
            log.error(event, extra={"file": str(self._path), "keeping": "the last good version"})
            return None
        try:
            subscribers = load_subscribers(self._path)
        except UsageError as error:
            lines = str(error).splitlines()
            if (more := len(lines) - _FAULTS_LOGGED) > 0:
                lines[_FAULTS_LOGGED:] = [f"{more} more; `paperboy check` lists them"]
            for line in lines:
                log.error("subscriptions.bad_edit", extra={"fault": line, "keeping": "the last good version"})
            return None
        log.info("subscriptions.reloaded", extra={"subscribers": len(subscribers)})
        return subscribers

    def _content(self) -> str | None:
        try:
            return hashlib.sha256(self._path.read_bytes()).hexdigest()
        except OSError:
            return None
