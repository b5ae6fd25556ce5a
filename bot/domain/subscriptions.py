"""Subscribers, their subscriptions, and the channels on which they get messages."""

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
"""Which questions of a paper come as polls: none, the most telling, all, or one for each press of a button."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """One subscription of a subscriber: a query, without the subscriber's exclusions, or papers that matches are like."""

    name: str
    text: str
    """The query as the person wrote it, without the exclusions; for papers like others, what they are."""
    query: Query | None = None
    like: tuple[PaperId, ...] = ()
    """Papers near one of these match; only where there is no query."""
    near: float = NEAR
    """How near, from 0 to 1."""
    unless: tuple[Query, ...] = ()
    """The subscriber's exclusions, for papers like others."""
    only: frozenset[str] = frozenset()
    """Channel kinds, channel names or targets it is limited to; empty: all."""
    chosen: bool = field(default=False, compare=False)
    """Made in a chat or on the web, not in the configuration."""

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
    """One channel of a subscriber: a kind, an address, and when and how it is used.

    `address` is written as the channel's publisher reads it; a feed's is the subscriber's id.
    """

    kind: ChannelKind
    address: str
    name: str | None = None
    deliver: Schedule = field(default_factory=Immediately)
    quizzes: QuizMode = "none"
    silent: bool = False
    """Its messages make no sound, where the service knows such."""
    capabilities: Capabilities = field(default_factory=Capabilities)
    """Those of the channel's publisher."""
    fixed: frozenset[str] = field(default=frozenset(), compare=False)
    """The keys that the configuration sets, which no chat changes."""

    @property
    def target(self) -> str:
        """The key of the target: equal for everybody who names the same one."""
        return f"{self.kind}:{self.address}"

    def takes(self, subscription: Subscription) -> bool:
        """True where the subscription is not limited to other channels."""
        only = subscription.only
        return not only or self.kind in only or self.name in only or self.target in only


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscriber:
    """A person or chat; ids are unique among all of them."""

    id: str
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    language: str = "en"
    quiet_hours: QuietHours | None = None
    daily_limit: int | None = None
    channels: tuple[Channel, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    exclude: tuple[str, ...] = field(default=(), compare=False)
    """The exclusions as written; each query holds them already."""
    snoozed_until: datetime | None = None
    """Nothing new goes out before then, but for documents."""
    chosen: bool = field(default=False, compare=False)
    """Came by a chat or the web, and is not in the configuration."""
    fixed: frozenset[str] = field(default=frozenset(), compare=False)
    """The keys that the configuration sets, which no chat changes."""

    @property
    def has_feed(self) -> bool:
        return any(channel.kind == FEED for channel in self.channels)
