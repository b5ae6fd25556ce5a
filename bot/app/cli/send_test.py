"""`paperboy test`: sends one real paper, with its quiz, to each channel of a subscriber."""

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from bot.app.cli.context import (
    NEEDS_A_LOOK,
    ConfigOption,
    JsonOption,
    VerboseOption,
    check_recipients,
    everybody,
    find_subscriber,
    load,
    masked,
    say_json,
)
from bot.app.cli.feeds import feed_addresses
from bot.app.cli.logs import no_logs, start_logs
from bot.app.cli.terminal import print_table
from bot.domain.channels import FEED, Target
from bot.domain.text import printable

if TYPE_CHECKING:
    from bot.app.config.settings import Settings
    from bot.app.sample import SampleMessage
    from bot.domain.subscriptions import Subscriber


def send_test(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="SUBSCRIBER", help="The subscriber's id.")],
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    config: ConfigOption = None,
) -> int:
    """Send one real paper to each channel of a subscriber.

    Sends at once, whatever the subscriber's hours and limits, with a quiz where the channel takes quizzes. Nothing is
    stored, so the paper may come again. Exit 1 if a message was not sent.
    """
    import asyncio

    from bot.adapters.store import Store
    from bot.app.sample import choose_paper, send_sample

    settings, subscribers = load(context, config)
    if verbose := context.obj.verbose + verbose:
        start_logs(verbose)
    else:
        no_logs()
    with closing(Store(settings.state)) as store:
        subscriber = find_subscriber(name, everybody(store, subscribers))
        check_recipients(settings, [subscriber])
        paper = choose_paper(subscriber, store)
        messages = asyncio.run(send_sample(settings, subscriber, paper, store=store))
        feeds = [address for address in feed_addresses(settings, [subscriber], store) if address.subscriber]
    if as_json:
        say_json(
            {
                "subscriber": subscriber.id,
                "paper": paper.id,
                "messages": [
                    {"target": message.target, "kind": message.kind, "outcome": _outcome(message, settings)}
                    | {"error": message.error}
                    for message in messages
                ],
                "feed": feeds[0].url or feeds[0].file if feeds else None,
            }
        )
    else:
        typer.echo(f"{printable(paper.title)} ({paper.id})")
        rows = [
            (masked(message.target), str(message.kind), _outcome(message, settings)) for message in messages
        ]
        own_feed = Target(kind=FEED, address=subscriber.id).key
        rows += [(own_feed, "feed", f"is read at {feed.url or feed.file}") for feed in feeds]
        print_table(("target", "message", "outcome"), rows)
        if not rows:
            typer.echo(f"{subscriber.id} has no channels", err=True)
    return NEEDS_A_LOOK if not _complete(subscriber, messages) else 0


def _outcome(message: "SampleMessage", settings: "Settings") -> str:
    if message.error is not None:
        return f"NOT SENT: {printable(message.error)}"
    from bot.app.config.channels import CHANNELS

    stand_in = CHANNELS[message.target.partition(":")[0]].stand_in(settings)
    return stand_in.outcome if stand_in else "sent"


def _complete(subscriber: "Subscriber", messages: "Sequence[SampleMessage]") -> bool:
    """True if each channel but the feed took its alert, and no message failed."""
    expected = {channel.target for channel in subscriber.channels if not channel.capabilities.is_document}
    alerted = {message.target for message in messages if message.kind == "alert"}
    return (
        bool(subscriber.channels) and expected <= alerted and not any(message.error for message in messages)
    )
