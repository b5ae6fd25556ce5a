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
    """Limit: at most `most` messages within any `span`."""

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
class ChannelWords:
    """Words for a channel on pages, in one language."""

    name: str
    target: str
    """Stands for one target, whose address would tell others too much."""


AddressValue = str | int | bool | Mapping[str, str | int]


def _no_owner(_: str) -> bool:
    return False


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
    """The word for its messages in alarms, in the plural."""
    words: Mapping[str, ChannelWords] = field(default_factory=dict, hash=False)
    """Words by language, at least in `en`; without any it is called by its kind."""
    limits: Limits = field(default_factory=Limits)
    at_once: int | None = None
    """Most messages in flight at a time; None: the dispatcher's maximum."""
    parse_address: Callable[[str], str] = str
    """Turns an address as people write it into the stored form; raises ValueError with the reason."""
    address_value: Callable[[str], AddressValue] = str
    """The value in `subscriptions.yaml` that gives the address."""
    mask: Callable[[str], str] | None = None
    """Shortens an address so that its owner recognises it and it tells others little; None: words stand for it."""
    owns_saved_papers: Callable[[str], bool] = _no_owner
    """True for an address at which one person saves papers by a button: they belong to the target."""

    def words_in(self, language: str) -> ChannelWords | None:
        """The words in that language, else in English."""
        return self.words.get(language) or self.words.get("en")


CapabilitiesOf = Mapping[ChannelKind, Capabilities]
"""The capabilities of each channel."""
