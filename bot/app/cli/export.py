"""`paperboy export`: subscriptions as YAML, feeds as OPML, papers as BibTeX, RIS or JSON lines, on standard output."""

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bot.app.cli.context import (
    ConfigOption,
    JsonOption,
    everybody,
    find_subscriber,
    load,
    load_only_settings,
    open_state,
    say_json,
)
from bot.app.cli.read import links_json
from bot.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bot.adapters.store import Store
    from bot.domain.papers import Paper
    from bot.domain.subscriptions import Subscriber

app = typer.Typer(help="Write subscriptions, feeds or papers to standard output.", no_args_is_help=True)

SubscriberArgument = Annotated[
    str | None, typer.Argument(metavar="SUBSCRIBER", help="Only this subscriber (default: all).")
]


@app.command("subscriptions")
def subscriptions(
    context: typer.Context,
    subscriber: SubscriberArgument = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Write subscribers in the form of `subscriptions.yaml`.

    Includes what they set in the chat or on the web.
    """
    from bot.domain.preferences import subscriptions_yaml

    settings, configured = load(context, config)
    with open_state(settings) as store:
        people: Sequence[Subscriber] = everybody(store, configured)
        if subscriber is not None:
            people = (find_subscriber(subscriber, people),)
        text = subscriptions_yaml(people)
    if as_json:
        say_json({"subscribers": len(people), "yaml": text})
    else:
        sys.stdout.write(text)


@app.command("opml")
def opml(context: typer.Context, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Write the public feeds as OPML, which feed readers import."""
    settings = load_only_settings(context, config)
    if not settings.web.listen:
        raise UsageError("there is no web server (web.listen is empty), so no feed has an address")
    from bot.adapters.feeds.opml import Outline, render_opml

    title, site = settings.site.title, settings.site.addresses
    outline = Outline(title=title, feed_url=site.public_feed, page_url=site.url)
    text = render_opml(title, [outline]).decode()
    if as_json:
        say_json({"opml": text})
    else:
        sys.stdout.write(text)


SavedByArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="SUBSCRIBER", help="Only papers that this subscriber saved (default: all papers)."
    ),
]


@app.command("bibtex")
def bibtex(
    context: typer.Context,
    subscriber: SavedByArgument = None,
    form: Annotated[
        Literal["bibtex", "ris"],
        typer.Option("--format", metavar="FORMAT", help="bibtex, or ris for reference managers."),
    ] = "bibtex",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Write papers as BibTeX or RIS."""
    from bot.domain import bibliography

    settings, configured = load(context, config)
    with open_state(settings) as store:
        papers = _papers(store, configured, subscriber)
        text = bibliography.ris(papers) if form == "ris" else bibliography.bibtex(papers)
    if as_json:
        say_json({"format": form, "text": text})
    else:
        sys.stdout.write(text)


@app.command("papers")
def papers(
    context: typer.Context,
    subscriber: SavedByArgument = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Write papers as JSON, one per line; with --json as one document."""
    settings, configured = load(context, config)
    with open_state(settings) as store:
        papers = map(paper_json, _papers(store, configured, subscriber))
        if as_json:
            say_json({"papers": list(papers)})
            return
        for paper in papers:
            sys.stdout.write(json.dumps(paper, ensure_ascii=False) + "\n")


def _papers(store: "Store", configured: "Sequence[Subscriber]", subscriber: str | None) -> "Iterable[Paper]":
    """All papers, newest first, or those that a subscriber saved, last saved first."""
    if subscriber is None:
        return store.papers.every_paper()
    from bot.domain.preferences import saved_paper_owners

    person = find_subscriber(subscriber, everybody(store, configured))
    owners = saved_paper_owners(person)
    saved = {entry.paper: None for owner in owners for entry in store.preferences.saved(owner)}
    if not saved:
        typer.echo(f"{person.id} has saved no papers", err=True)
    stored = store.papers.stored(saved)
    return [stored[paper].paper for paper in saved if paper in stored]


def paper_json(paper: "Paper") -> dict[str, Any]:
    """A paper with the keys of `read --json`."""
    return {
        "id": paper.id,
        "title": paper.title,
        "authors": list(paper.authors),
        "summary": paper.summary,
        "date": paper.date.isoformat() if paper.date else None,
        "published": paper.published.isoformat() if paper.published else None,
        "categories": list(paper.categories),
        "links": links_json(paper.links),
        "digests": list(paper.digests),
    }
