"""`paperboy preview`: what a query would have brought."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.app.cli.context import ConfigOption, JsonOption, load_only_settings, open_state, say_json
from bot.app.cli.terminal import caret, style_of
from bot.domain.errors import QuerySyntaxError, UsageError

if TYPE_CHECKING:
    from bot.app.config.settings import Settings
    from bot.domain.query import Query
    from bot.domain.search.previewing import Preview, Previewer
    from bot.pipeline.ports import Sifted

DAYS = 90
_SHOWN = 10


def preview(
    context: typer.Context,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="In the query language, best in quotes.")],
    days: Annotated[int, typer.Option(min=1, help="So many days back from the newest digest.")] = DAYS,
    limit: Annotated[int, typer.Option(min=0, help="Show at most so many matches as text.")] = _SHOWN,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what a query would have brought.

    Among the stored papers: how often, why each matched, and what it barely missed.
    """
    from bot.domain.search.previewing import Previewer

    parsed = parsed_query(query)
    settings = load_only_settings(context, config)
    previewer = Previewer(parsed)
    sifted = _sift(settings, days, previewer)
    found = previewer.preview(sifted.papers)
    if as_json:
        say_json(preview_json(query, days, sifted, found))
        return
    from bot.app.cli.preview_text import preview_lines

    pace = per_day(days, sifted, found)
    for line in preview_lines(parsed, days, sifted, found, pace, limit, style_of(sys.stdout)):
        typer.echo(line)


def parsed_query(text: str) -> "Query":
    """The query; UsageError shows the place of what is wrong with it."""
    from bot.domain.query import parse

    try:
        return parse(text)
    except QuerySyntaxError as error:
        raise UsageError(f"{error}\n{caret(text, error.position)}") from error


def _sift(settings: "Settings", days: int, previewer: "Previewer") -> "Sifted":
    from bot.adapters.glance_papers import glance_at_papers

    if settings.sqlite_file is not None:
        glanced = glance_at_papers(settings.sqlite_file, days, previewer.wants)
        if glanced is not None:
            return glanced
    with open_state(settings) as store:
        return store.records.sift(days, previewer.wants)


def per_day(days: int, sifted: "Sifted", found: "Preview") -> float:
    """Matches a day, over the days asked for as far as the stored papers reach back."""
    if sifted.newest is None or sifted.oldest is None:
        return 0.0
    covered = (max(sifted.newest, sifted.oldest) - sifted.oldest).days + 1
    return round(len(found.matches) / min(days, covered), 3)


def preview_json(query: str, days: int, sifted: "Sifted", found: "Preview") -> dict[str, Any]:
    """In the form that the contract fixes."""
    return {
        "query": query,
        "days": days,
        "papers_searched": sifted.searched,
        "matches": [
            {
                "id": one.paper.id,
                "title": one.paper.title,
                "date": one.paper.date.isoformat() if one.paper.date else None,
                "why": [{"term": why.term, "field": why.field, "text": why.text} for why in one.why],
            }
            for one in found.matches
        ],
        "per_day": per_day(days, sifted, found),
        "near_misses": [
            {"id": one.paper.id, "title": one.paper.title, "missing": one.missing}
            for one in found.near_misses
        ],
    }
