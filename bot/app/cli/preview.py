"""`paperboy preview`: the matches of a query in the stored papers, and its near misses."""

import datetime as dt
import sys
from collections import Counter
from textwrap import indent
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.app.cli.context import ConfigOption, JsonOption, load_only_settings, open_state, say_long_json
from bot.app.cli.terminal import Style, bar, style_of
from bot.domain.errors import QuerySyntaxError, UsageError
from bot.domain.text import caret, excerpt, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bot.domain.notices import Why
    from bot.domain.papers import Paper
    from bot.domain.query import Query
    from bot.pipeline.finder import MatchedText, Misspelling, QueryPreview

DAYS = 90
_SHOWN = 10
_CELLS = 32
_MOST_BARS = 16
_WHYS = 3
_BAR_FORMATS = ("%Y-%m-%d", "%G week %V", "%Y-%m", "%Y")


def preview(
    context: typer.Context,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="A query, best in quotes.")],
    days: Annotated[
        int, typer.Option(min=1, metavar="N", help="Search the N days before the newest digest.")
    ] = DAYS,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="Show at most N matches.")] = _SHOWN,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show which stored papers a query matches.

    How many a day or week, why each one matched, and near misses.
    """
    from bot.pipeline.finder import PaperFinder

    parsed = parsed_query(query)
    settings = load_only_settings(context, config)
    with open_state(settings) as store:
        finder = PaperFinder(store.full_text, store.papers)
        if as_json:
            with finder.every_match(parsed, days=days) as (outcome, matches):
                say_preview_json(outcome, matches)
            return
        result = finder.preview(parsed, days=days, limit=limit, spellings=False)
        remarks = hints(parsed, finder.misspellings(parsed, days=days))
        for line in preview_lines(result, remarks, style_of(sys.stdout)):
            typer.echo(line)


def parsed_query(text: str) -> "Query":
    """The query; raises UsageError, which marks the position of the mistake."""
    from bot.domain.query import parse

    try:
        return parse(text)
    except QuerySyntaxError as error:
        raise UsageError(f"{error}\n{indent(caret(text, error.position), '  ')}") from error


def hints(query: "Query", misspellings: "Iterable[Misspelling]") -> "Iterator[str]":
    """Hints on the query, and one for each word that no stored paper has."""
    from bot.domain.query.faults import hints_on
    from bot.domain.query.folding import singular

    yield from hints_on(query)
    for misspelling in misspellings:
        written = _as_written(misspelling.term, misspelling.word) or misspelling.word
        meant = misspelling.meant
        if written.endswith("s") and singular(f"{meant}s") == meant:
            meant = f"{meant}s"
        count = misspelling.count
        papers = f"{count} of them has" if count == 1 else f"{count} have"
        yield f"no stored paper has {written!r}; did you mean {meant!r}, which {papers}?"


def _as_written(term: str, folded: str) -> str | None:
    """The word as written in a term of the query."""
    from bot.domain.query.folding import folded_form, spans

    words = (term[start:end] for start, end in spans(term))
    return next((word for word in words if folded_form(word) == folded), None)


def say_preview_json(outcome: "QueryPreview", matches: "Iterable[MatchedText]") -> None:
    """Print the JSON of `preview --json`; its names are fixed."""
    near_misses = [
        {"id": miss.paper.id, "title": miss.paper.title, "missing": miss.missing}
        for miss in outcome.near_misses
    ]
    say_long_json(
        {"query": outcome.query.text, "days": outcome.days, "papers_searched": outcome.papers},
        "matches",
        map(_match_json, matches),
        {"per_day": outcome.per_day, "near_misses": near_misses},
    )


def _match_json(match: "MatchedText") -> dict[str, Any]:
    return {
        "id": match.id,
        "title": match.title,
        "date": match.date.isoformat() if match.date else None,
        "why": [{"term": term, "field": field, "text": text} for term, field, text in match.why],
    }


def preview_lines(result: "QueryPreview", hints: "Iterable[str]", style: Style) -> list[str]:
    """The preview as text."""
    if not result.papers:
        return [
            "no papers are stored yet: `paperboy once` reads the watched folders, `paperboy import` history"
        ]
    lines = [
        f"{style.strong(result.query.text)} matches {style.strong(str(result.found))} of the {result.papers} papers "
        f"of {_span(result)}{_often(result.frequency)}",
        *(f"hint: {printable(hint)}" for hint in hints),
        *_bars(result.hits, style),
    ]
    for match in result.matches:
        lines += ["", *_match_lines(match.paper, match.why, style)]
    if result.found > len(result.matches):
        rest = result.found - len(result.matches)
        lines += ["", style.faint(f"… and {rest} more: --limit {result.found} shows them all")]
    if result.near_misses:
        lines += ["", "Near misses, each for want of one term"]
    for miss in result.near_misses:
        lines.append(f"  {_day(miss.paper)}  {printable(miss.paper.title)}")
        lines.append(f"              {_lack(miss.missing)} {style.strong(miss.missing.removeprefix('NOT '))}")
    return lines


def _lack(missing: str) -> str:
    return "kept out by NOT" if missing.startswith("NOT ") else "without"


def _span(result: "QueryPreview") -> str:
    newest, oldest, days = result.newest, result.oldest, result.days
    if newest is None or oldest is None:
        return "the state"
    start = newest - dt.timedelta(days=days - 1) if days < newest.toordinal() else dt.date.min
    return f"{max(start, min(oldest, newest))} to {newest}"


def _often(frequency: "tuple[int, str] | None") -> str:
    return f": about {frequency[0]} a {frequency[1]}" if frequency else ""


def _bars(hits: "Mapping[dt.date, int]", style: Style) -> list[str]:
    """Bars of the matches a day, or for longer spans a week, a month or a year; a gap is a line without a bar."""
    if len(hits) <= 1:
        return []
    first, last = min(hits), max(hits)
    steps = next((form for form in _BAR_FORMATS if len(_run(first, last, form)) <= _MOST_BARS), "%Y")
    counts: Counter[str] = Counter()
    for day, count in hits.items():
        counts[day.strftime(steps)] += count
    names = _run(first, last, steps)
    top = max(counts.values())
    return ["", *(_bar_line(name, counts[name], top, style) for name in names)]


def _run(first: dt.date, last: dt.date, steps: str) -> list[str]:
    count = (last - first).days + 1
    return list(dict.fromkeys((first + dt.timedelta(days=number)).strftime(steps) for number in range(count)))


def _bar_line(name: str, count: int, top: int, style: Style) -> str:
    return f"  {name}  {style.faint(bar(count, top, _CELLS))} {count or ''}".rstrip()


def _match_lines(paper: "Paper", whys: "Sequence[Why]", style: Style) -> list[str]:
    in_title = [why.text for why in whys if why.field == "title" and why.text in paper.title]
    lines = [f"{_day(paper)}  {style.marked(paper.title, in_title)}"]
    excerpts: dict[tuple[str, str], str] = {}
    for why in whys:  # "agents", and the "agent" in it, share an excerpt
        if why.field != "title" or why.text not in paper.title:
            excerpts.setdefault((why.field, _around(paper, why)), why.text)
    first = list(excerpts.items())[: _WHYS if not in_title else 1]
    lines += [
        f"            {style.faint(field)}: {style.marked(around, [word])}" for (field, around), word in first
    ]
    rest = len(excerpts) - len(first)
    if rest > 0:
        lines[-1] += style.faint(f" (+{rest})")
    lines.append(f"            {style.faint(paper.links.best or paper.id)}")
    return lines


def _around(paper: "Paper", why: "Why") -> str:
    text = next((text for text in _texts(paper, why.field) if why.text in text), why.text)
    start = text.index(why.text)
    return "".join(excerpt(text, start, start + len(why.text)))


def _texts(paper: "Paper", field: str) -> list[str]:
    match field:
        case "title":
            return [edition.title for edition in paper.editions if edition.title]
        case "summary":
            translated = [edition.summary for edition in paper.editions if edition.summary]
            return [*(summary.text for summary in paper.summaries), *translated]
        case "points":
            return [point.text for edition in paper.editions for point in edition.points]
        case "authors":
            return list(paper.authors)
        case _:
            return list(paper.digests)


def _day(paper: "Paper") -> str:
    return paper.date.isoformat() if paper.date else "no date   "
