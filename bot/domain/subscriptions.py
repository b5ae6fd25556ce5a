"""Subscribers, with their subscriptions and the channels on which they get messages."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from bot.domain.channels import FEED, Capabilities, ChannelKind
from bot.domain.papers import PaperId
from bot.domain.query import Query
from bot.domain.schedule import Immediately, QuietHours, Schedule
from bot.domain.similarity import NEAR

QuizMode = Literal["none", "one", "all", "on_request"]
"""The questions of a paper that come as polls: none, the least guessable one, all, or one for each press of a button."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """A subscription: a query, or papers for more `like` them."""

    name: str
    text: str
    """The query as the person wrote it, without the subscriber's exclusions; else the papers in words."""
    query: Query | None = None
    """Query with the subscriber's exclusions."""
    like: tuple[PaperId, ...] = ()
    """Papers near one of these match; empty where there is a query."""
    near: float = NEAR
    """The least nearness for a match, from 0 to 1."""
    unless: tuple[Query, ...] = ()
    """The subscriber's exclusions, where there is no query."""
    only: frozenset[str] = frozenset()
    """Channel kinds, channel names or targets to which it is limited; empty: all."""
    chosen: bool = field(default=False, compare=False)
    """Made in a chat or on the web, not configured."""

    def __post_init__(self) -> None:
        if (self.query is None) is not bool(self.like):
            raise ValueError("a subscription has either a query or papers to like")

    @property
    def canonical(self) -> str:
        """Equal for subscriptions that match the same papers."""
        if self.query is not None:
            return self.query.canonical
        return f"like {' '.join(self.like)} {self.near} {' '.join(query.canonical for query in self.unless)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    """A channel of a subscriber: its kind and address, and how it is used.

    `address` has the form that the channel's publisher reads; of a feed it is the subscriber's id.
    """

    kind: ChannelKind
    address: str
    name: str | None = None
    deliver: Schedule = field(default_factory=Immediately)
    quizzes: QuizMode = "none"
    silent: bool = False
    """Its messages make no sound, where the service supports that."""
    capabilities: Capabilities = field(default_factory=Capabilities)
    fixed: frozenset[str] = field(default=frozenset(), compare=False)
    """The keys that the configuration sets, so that the person cannot change them."""

    @property
    def target(self) -> str:
        """The key of the target, which channels of several subscribers may share."""
        return f"{self.kind}:{self.address}"

    def takes(self, subscription: Subscription) -> bool:
        """True unless the subscription is limited to other channels."""
        only = subscription.only
        return not only or self.kind in only or self.name in only or self.target in only


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscriber:
    """A person or a chat that gets papers; ids are unique."""

    id: str
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    language: str = "en"
    quiet_hours: QuietHours | None = None
    daily_limit: int | None = None
    channels: tuple[Channel, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    exclude: tuple[str, ...] = field(default=(), compare=False)
    """The exclusions as written; the queries have them already."""
    snoozed_until: datetime | None = None
    """Moment before which nothing new is sent; documents do not wait."""
    chosen: bool = field(default=False, compare=False)
    """Came by a chat or the web, not configured."""
    fixed: frozenset[str] = field(default=frozenset(), compare=False)
    """The keys that the configuration sets, so that the person cannot change them."""

    @property
    def has_feed(self) -> bool:
        return any(channel.kind == FEED for channel in self.channels)
