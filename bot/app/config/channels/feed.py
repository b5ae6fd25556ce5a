"""The feed as a channel of the configuration: how it is built and checked."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bot.app.config.channels.channel_type import ChannelType, Parts, writable_finding
from bot.app.config.settings import Settings
from bot.app.config.validation import Flag
from bot.domain.channels import FEED
from bot.domain.subscriptions import Subscriber

if TYPE_CHECKING:
    from bot.domain.analysis.findings import Finding
    from bot.pipeline.ports import Publisher


def _build(parts: Parts) -> "Publisher":
    from bot.adapters.feeds.folder import AtomPublisher

    return AtomPublisher(parts.feeds, parts.feed_writer)


def _check(settings: Settings, _: Sequence[Subscriber], __: bool) -> Iterator["Finding"]:
    yield writable_finding(FEED, settings.atom.folder, "the folder of the feeds")


FEEDS = ChannelType(
    "bot.adapters.feeds.folder:AtomPublisher",
    "True for a private feed.",
    build=_build,
    form=Flag,
    address=lambda _, subscriber: subscriber,
    check=_check,
)
