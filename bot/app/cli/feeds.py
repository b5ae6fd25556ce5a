"""`paperboy feeds`: shows the addresses of all feeds, and renews private ones."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from bot.app.cli.context import ConfigOption, JsonOption, everybody, find_subscriber, load, say_json
from bot.app.cli.terminal import style_of
from bot.domain.errors import UsageError
from bot.domain.text import printable

if TYPE_CHECKING:
    from bot.adapters.store import Store
    from bot.app.config.settings import Settings
    from bot.domain.subscriptions import Subscriber


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedAddress:
    """Addresses of one feed: on the web server, and its file."""

    subscriber: str | None
    """None for the feed of all papers."""
    url: str | None
    """None without a web server; for a private feed also without a state."""
    file: str
    preferences: str | None = None
    """The page of a subscriber's own settings; as secret as the feed."""


def feeds(
    context: typer.Context,
    renew: Annotated[
        str | None,
        typer.Option(
            "--renew",
            metavar="SUBSCRIBER",
            help="Give this subscriber's feed and preferences page new addresses; the old ones stop working.",
        ),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show the addresses of all feeds.

    The address of a private feed is a secret: whoever has it can read the feed.
    """
    from bot.adapters.store import Store

    settings, subscribers = load(context, config)
    with ExitStack() as stack:
        store = stack.enter_context(closing(Store(settings.state))) if settings.has_state else None
        if store is not None:
            subscribers = everybody(store, subscribers)
        if renew is not None:
            _renew(renew, settings, subscribers, store)
        addresses = feed_addresses(settings, subscribers, store)
    if as_json:
        say_json({"feeds": [asdict(address) for address in addresses]})
        return
    for line in _lines(addresses):
        typer.echo(line)
    if store is None and len(addresses) > 1:
        typer.echo("private feeds get their addresses with the first `paperboy run`", err=True)


def _lines(addresses: Sequence[FeedAddress]) -> Iterator[str]:
    """The lines to print: in a pipe one with tabs for each feed; on a terminal one for each address, so that none is wrapped."""
    style = style_of(sys.stdout)
    for address in addresses:
        name = address.subscriber or "all papers"
        if not sys.stdout.isatty():
            yield "\t".join(
                map(printable, (name, address.url or "", address.file, address.preferences or ""))
            )
            continue
        yield style.strong(name)
        about = (("address", address.url), ("file", address.file), ("preferences", address.preferences))
        yield from (f"  {label:<13}{printable(text)}" for label, text in about if text)


def feed_addresses(
    settings: "Settings", subscribers: "Sequence[Subscriber]", store: "Store | None"
) -> list[FeedAddress]:
    """The feed of all papers, then the private ones in the file's order."""
    from bot.adapters.feeds.folder import FeedFolder
    from bot.pipeline.feeds import EVERYTHING

    folder, site = FeedFolder(settings.atom.folder), settings.site.addresses if settings.web.listen else None
    everything = FeedAddress(
        subscriber=None, url=site.public_feed if site else None, file=str(folder.path(EVERYTHING))
    )
    private = (
        FeedAddress(
            subscriber=subscriber.id,
            url=site.private_feed(store.tokens.issue("feed", subscriber.id)) if site and store else None,
            file=str(folder.path(subscriber.id)),
            preferences=site.preferences(store.tokens.issue("preferences", subscriber.id))
            if site and store
            else None,
        )
        for subscriber in subscribers
        if subscriber.has_feed
    )
    return [everything, *private]


def private_feed_lines(addresses: Sequence[FeedAddress], *, most: int, width: int) -> list[str]:
    """Lines with the addresses of the first `most` private feeds, behind a label column of `width` characters."""
    private = [address for address in addresses if address.subscriber is not None]
    lines = [
        f"{'private' if not index else '':<{width}}{printable(address.subscriber or '')}: {address.url or address.file}"
        for index, address in enumerate(private[:most])
    ]
    more = len(private) - len(lines)
    return [*lines, *([f"{'':<{width}}and {more} more: `paperboy feeds`"] if more > 0 else [])]


def _renew(
    name: str, settings: "Settings", subscribers: "tuple[Subscriber, ...]", store: "Store | None"
) -> None:
    from bot.app.container import build_container

    subscriber = find_subscriber(name, subscribers)
    if not subscriber.has_feed:
        raise UsageError(f"{subscriber.id} has no private feed; `- atom: true` among the channels makes one")
    if store is None:
        raise UsageError(f"{subscriber.id}'s feed has no address yet; the first `paperboy run` makes it")
    store.tokens.renew(subscriber.id)
    container = build_container(settings, subscribers, publishers={})
    with closing(container.store):
        container.feeds.write_for(container.feed_writer, subscriber.id)  # the file names its own address
