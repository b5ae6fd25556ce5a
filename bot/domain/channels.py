"""Channels: their capabilities, their rate limits, and the targets on them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

ChannelKind = str
"""The name of a channel, such as `email`: a key of the list in `app/config/channels/__init__.py`."""
FEED: ChannelKind = "atom"
"""The channel of a subscriber's own feed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One address on a channel."""

    kind: ChannelKind
    address: str

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.address}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """At most `most` messages within any `span`."""

    most: int
    span: timedelta

    def __post_init__(self) -> None:
        if self.most < 1 or self.span <= timedelta(0):
            raise ValueError(f"{self.most} messages in {self.span} is no rate")


def _no_limit(_: str) -> Limit | None:
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Rate limits of a channel: `overall`, and `per_target` by its address.

    Targets with the same `bucket`, such as the topics of one group, share the limit of a target.
    """

    overall: Limit | None = None
    per_target: Callable[[str], Limit | None] = _no_limit
    bucket: Callable[[str], str] = str


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """Capabilities of a channel, stated by its publisher's class."""

    polls: bool = False
    """Questions go out as polls, each a message of its own."""
    edits: bool = False
    """A message that went out can be changed."""
    corrects: bool = False
    """A message that went out cannot be changed; a reply corrects what was wrong in it."""
    carries_quiz: bool = False
    """The message itself contains the questions."""
    unsubscribes: bool = False
    """Each message carries a link that unsubscribes its target."""
    reports: bool = False
    """Undeliverable messages return to an address that names their target."""
    harmless_twice: bool = False
    """Sending the same again changes nothing."""
    is_document: bool = False
    """A target is one document, rewritten as a whole: it takes all that is due, at any hour, and no alarms."""
    noun: str = "messages"
    """The word for its messages in alarms."""
    limits: Limits = field(default_factory=Limits)
    at_once: int | None = None
    """Most messages in flight at a time; None: the dispatcher's maximum."""
    parse_address: Callable[[str], str] = str
    """Turns an address as people write it into the stored form; raises ValueError with the reason."""


CapabilitiesOf = Mapping[ChannelKind, Capabilities]
"""The capabilities of each channel that has a publisher."""
