"""What `config/subscriptions.yaml` may say: subscribers, their channels and what they asked for."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, create_model, model_validator

from bot.app.config.fields import (
    Chosen,
    FieldFault,
    Line,
    Many,
    Number,
    Parsed,
    Section,
    setting,
)
from bot.app.config.publishers import CHANNELS
from bot.app.config.validation import nearest, shown_text
from bot.domain.channels import Capabilities, ChannelKind
from bot.domain.errors import QuerySyntaxError
from bot.domain.papers import PaperId, parse_paper_id
from bot.domain.query import Query, parse
from bot.domain.schedule import (
    WEEKDAYS,
    QuietHours,
    Schedule,
    parse_quiet_hours,
    parse_schedule,
    parse_zone,
)
from bot.domain.similarity import NEAR
from bot.domain.subscriptions import Quizzes

_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_TAKEN_IDS = frozenset({"all"})
"""The feed of all papers is named so."""
_TIME = r"([01]?\d|2[0-3]):[0-5]\d"
_DAYS = "|".join(("daily", "weekdays", *WEEKDAYS))
_QUERY_FIELDS = frozenset({"title", "author", "summary", "source"})


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenQuery:
    """A query with its text as written."""

    text: str
    query: Query


def _subscriber_id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise FieldFault(
            "must be 1 to 64 letters, digits, dots, dashes or underscores (first no dot or dash)"
        )
    if text.lower() in _TAKEN_IDS:
        raise FieldFault("must be another word: the feed of all papers has this name")
    return text


def _zone(text: str) -> ZoneInfo:
    try:
        return parse_zone(text)
    except ValueError as error:
        from zoneinfo import available_timezones

        near = nearest(text, sorted(available_timezones()))
        hint = f"did you mean {near!r}?" if near else "use a name like 'Europe/Berlin'"
        raise FieldFault(f"unknown time zone {shown_text(text)}; {hint}") from error


def _query(text: str) -> WrittenQuery:
    try:
        return WrittenQuery(text=text, query=parse(text))
    except QuerySyntaxError as error:
        raise FieldFault(f"query: {error}", position=error.position) from error


def _paper(text: str) -> PaperId:
    found = parse_paper_id(text)
    if found is None:
        raise FieldFault("must be a paper: an id like arxiv:2509.14008, the number alone, or a link")
    return found


def _quizzes(value: object) -> Quizzes:
    if value is True or value is False:
        return "all" if value else "none"
    if type(value) is int and value == 1:
        return "one"
    raise FieldFault("must be true (all), false, or 1 (one a paper)")


SubscriberId = Annotated[str, Parsed(_subscriber_id, {"type": "string", "pattern": f"^{_ID.pattern}$"})]
Zone = Annotated[ZoneInfo, Parsed(_zone, {"type": "string", "pattern": "^[A-Za-z0-9_+/-]+$"})]
Quiet = Annotated[
    QuietHours, Parsed(parse_quiet_hours, {"type": "string", "pattern": rf"^\s*{_TIME}\s*[-–]\s*{_TIME}\s*$"})
]
Delivery = Annotated[
    Schedule,
    Parsed(
        parse_schedule,
        {"type": "string", "pattern": rf"^(immediately|hourly|({_DAYS}) at {_TIME})$"},
    ),
]
QueryText = Annotated[WrittenQuery, Parsed(_query, {"type": "string", "minLength": 1})]
QuizChoice = Annotated[
    Quizzes, Chosen(_quizzes, {"anyOf": [{"type": "boolean"}, {"type": "integer", "const": 1}]})
]
PaperName = Annotated[PaperId, Parsed(_paper, {"type": "string", "minLength": 1})]
Nearness = Annotated[Number, Field(gt=0, le=1)]
Positive = Annotated[int, Field(ge=1)]


class ChannelForm(Section):
    """One channel of a subscriber; the keys that name its kind come from CHANNELS."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [kind]} for kind in CHANNELS]})

    name: Line | None = setting(None, description="For `only:`, where there are several of a kind.")
    deliver: Delivery = setting(
        "immediately",
        description="immediately, hourly, daily at HH:MM, weekdays at HH:MM, or mondays at HH:MM.",
    )
    quizzes: QuizChoice = setting(
        default=False,
        description="True: a poll per question, as a reply to the paper's alert; 1: one a paper.",
    )

    @model_validator(mode="after")
    def _one_kind(self) -> "ChannelForm":
        given = [kind for kind in CHANNELS if getattr(self, kind) is not None]
        if len(given) != 1:
            found = f"here are {' and '.join(given)}; make a list item of each" if given else "none is here"
            *first, last = CHANNELS
            raise FieldFault(f"a channel needs exactly one of {', '.join(first)} and {last}; {found}")
        if self.name in CHANNELS:
            raise FieldFault("must not be the name of a kind of channel", key="name")
        if self.quizzes != "none" and not (self.capabilities.polls or self.capabilities.carries_quiz):
            raise FieldFault(f"{self.kind} has no quizzes; remove the key", key="quizzes")
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
    """A query, or papers to find more like; with a name of its own or limited to some channels."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["query"]}, {"required": ["like"]}]})

    query: QueryText | None = setting(None, description="In the query language.")
    like: Many[PaperName] = setting(
        (), description="Instead of a query: papers (arxiv:2509.14008) to find more like."
    )
    near: Nearness = setting(
        NEAR, description="With like: how near, from 0 to 1; `paperboy doctor` shows what each would bring."
    )
    name: Line | None = setting(
        None, description="Shown as the reason; the query itself where there is none."
    )
    only: Many[Line] = setting((), description="Channel kinds, or a channel's `name:`.")

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
    """A person or a chat."""

    id: SubscriberId = Field(description="Unique; shown to the operator, and the name of the feed.")
    timezone: Zone = setting("UTC", description="IANA time zone, like Europe/Berlin.")
    language: Literal["en", "zh"] = setting("en", description="zh where the digest has it; en otherwise.")
    quiet_hours: Quiet | None = setting(
        None, description="22:00-07:00: held, never dropped; sent as one roll-up when they end."
    )
    daily_limit: Positive | None = setting(
        None, description='Best matches first; the rest is named as "+N more".'
    )
    channels: Many[AnyChannelForm] = setting((), description="Where it goes.")
    keywords: Many[KeywordForm] = setting((), description="What is looked for.")
    authors: Many[Line] = setting((), description="Authors to follow.")
    exclude: Many[QueryText] = setting(
        (), description="Queries taken from every keyword of this subscriber (not from authors)."
    )


class SubscriptionsForm(Section):
    """Subscribers of paperboy."""

    subscribers: Many[SubscriberForm] = setting((), description="One item for each person or chat.")


class SubscribersOnly(Section):
    """The same one level deep, so that one subscriber's faults do not hide another's."""

    subscribers: Many[object] = setting(())
