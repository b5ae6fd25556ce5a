"""`paperboy preview`: the matches of a query among the stored papers, and its near misses."""

import datetime as dt
import sys
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.app.cli.context import ConfigOption, JsonOption, load_only_settings, open_state, say_json
from bot.app.cli.terminal import Style, bar, caret, style_of
from bot.domain.errors import QuerySyntaxError, UsageError
from bot.domain.excerpts import excerpt
from bot.domain.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bot.adapters.store.full_text import PaperWindow
    from bot.domain.analysis.preview import NearMiss, Previewer
    from bot.domain.notices import Why
    from bot.domain.papers import Paper
    from bot.domain.query import Query

DAYS = 90
_SHOWN = 10
_CELLS = 32
_MOST_BARS = 16
_WHYS = 3
_BAR_FORMATS = ("%Y-%m-%d", "%G week %V", "%Y-%m", "%Y")


def preview(
    context: typer.Context,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="In the query language, best in quotes.")],
    days: Annotated[int, typer.Option(min=1, help="So many days back from the newest digest.")] = DAYS,
    limit: Annotated[int, typer.Option(min=0, help="Show at most so many matches as text.")] = _SHOWN,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what a query would have brought.

    Among the stored papers: how often, why each matched, and its near misses.
    """
    from bot.domain.analysis.preview import Previewer

    parsed = parsed_query(query)
    settings = load_only_settings(context, config)
    previewer = Previewer(parsed)
    with open_state(settings) as store, store.full_text.last_days(days) as papers:
        if as_json:
            say_json(preview_json(previewer, days, papers))
            return
        for line in preview_lines(previewer, days, papers, limit, style_of(sys.stdout)):
            typer.echo(line)


def parsed_query(text: str) -> "Query":
    """The query; UsageError shows the place of what is wrong with it."""
    from bot.domain.query import parse

    try:
        return parse(text)
    except QuerySyntaxError as error:
        raise UsageError(f"{error}\n{caret(text, error.position)}") from error


def near_misses(
    previewer: "Previewer", papers: "PaperWindow", matching: "Iterable[int]"
) -> "tuple[NearMiss, ...]":
    """The papers that barely do not match."""
    candidates = papers.candidates(previewer.near_need, without=frozenset(matching))
    others = papers.documents(candidates, with_texts=previewer.needs_texts)
    return previewer.near_misses(
        papers.papers(number for number, document in others if previewer.lacks_one(document))
    )


def spelling_hints(query: "Query", papers: "PaperWindow") -> "Iterator[str]":
    """A remark on each word of the query that no paper has, where there is a word like it that some have."""
    from bot.domain.analysis.spelling import closest
    from bot.domain.query.documents import SCOPES
    from bot.domain.query.folding import folded_form, singular
    from bot.domain.query.needs import Term
    from bot.domain.query.syntax import atoms, words_of

    for atom in atoms(query.root):
        for word in words_of(atom):
            fields, text = SCOPES[atom.scope], folded_form(word.text)
            if word.mode == "prefix" or papers.has(Term(fields, text, is_prefix=False)):
                continue
            for near in closest(text, papers.words_from(text[:1])):
                if count := papers.count(Term(fields, near, is_prefix=False)):
                    written = _as_written(atom.written, text) or text
                    meant = f"{near}s" if written.endswith("s") and singular(f"{near}s") == near else near
                    yield f"no stored paper has {written!r}; did you mean {meant!r}, which {_papers(count)}?"
                    break


def _as_written(term: str, folded: str) -> str | None:
    """The word as it stands in a term of the query."""
    from bot.domain.query.folding import folded_form, spans

    words = (term[start:end] for start, end in spans(term))
    return next((word for word in words if folded_form(word) == folded), None)


def _papers(count: int) -> str:
    return f"{count} of them has" if count == 1 else f"{count} have"


def per_day(days: int, papers: "PaperWindow", matches: int) -> float:
    """Matches a day, over the days asked for as far as the stored papers reach back."""
    if papers.newest is None or papers.oldest is None:
        return 0.0
    covered = (max(papers.newest, papers.oldest) - papers.oldest).days + 1
    return round(matches / min(days, covered), 3)


def preview_json(previewer: "Previewer", days: int, papers: "PaperWindow") -> dict[str, Any]:
    """The JSON of `preview --json`; its names are fixed."""
    certain = papers.certain(previewer.bounds)
    matches: dict[int, dict[str, Any]] = {}
    for number, paper_id, document in papers.texts(papers.candidates(previewer.bounds.possible)):
        if number in certain or previewer.matches(document):
            day = papers.day(number)
            matches[number] = {
                "id": paper_id,
                "title": document.parts[0].text,
                "date": day.isoformat() if day else None,
                "why": [
                    {"term": term, "field": field, "text": text}
                    for term, field, text in previewer.reasons(document)
                ],
            }
    return {
        "query": previewer.query.text,
        "days": days,
        "papers_searched": len(papers),
        "matches": list(matches.values()),
        "per_day": per_day(days, papers, len(matches)),
        "near_misses": [
            {"id": miss.paper.id, "title": miss.paper.title, "missing": miss.missing}
            for miss in near_misses(previewer, papers, matches)
        ],
    }


def preview_lines(
    previewer: "Previewer",
    days: int,
    papers: "PaperWindow",
    limit: int,
    style: Style,
) -> list[str]:
    """Lines of the preview, with at most `limit` of the matches."""
    query = previewer.query
    matching = papers.matching(previewer.bounds, previewer.matches, with_texts=previewer.needs_texts)
    many = len(matching)
    if not papers:
        return [
            "no papers are stored yet: `paperboy once` reads the watched folders, `paperboy import` history"
        ]
    dates = [day for day in map(papers.day, matching) if day]
    lines = [
        f"{style.strong(query.text)} matches {style.strong(str(many))} of the {len(papers)} papers "
        f"of {_span(days, papers)}{_often(per_day(days, papers, many))}",
        *(f"hint: {printable(hint)}" for hint in (*query.hints, *spelling_hints(query, papers))),
        *_bars(dates, style),
    ]
    for paper, document in papers.papers(matching[:limit]):
        lines += ["", *_match_lines(paper, previewer.match(paper, document).why, style)]
    if many > limit:
        lines += ["", style.faint(f"… and {many - limit} more: --limit {many} shows them all")]
    missed = near_misses(previewer, papers, matching)
    if missed:
        lines += ["", "Near misses, each for want of one term"]
    for miss in missed:
        lines.append(f"  {_day(miss.paper)}  {printable(miss.paper.title)}")
        lines.append(f"              {_lack(miss.missing)} {style.strong(miss.missing.removeprefix('NOT '))}")
    return lines


def _lack(missing: str) -> str:
    return "kept out by NOT" if missing.startswith("NOT ") else "without"


def _span(days: int, papers: "PaperWindow") -> str:
    newest, oldest = papers.newest, papers.oldest
    if newest is None or oldest is None:
        return "the state"
    asked = newest - dt.timedelta(days=days - 1) if days < newest.toordinal() else dt.date.min
    return f"{max(asked, min(oldest, newest))} to {newest}"


def _often(pace: float) -> str:
    if not pace:
        return ""
    for unit, size in (("day", 1), ("week", 7), ("month", 30.4), ("year", 365)):
        if pace * size >= 1 or unit == "year":
            return f": about {pace * size:.0f} a {unit}"
    return ""


def _bars(days: "Sequence[dt.date]", style: Style) -> list[str]:
    """Bars of the matches a day, or over many days a week, a month or a year; gaps are empty lines."""
    if len(set(days)) <= 1:
        return []
    first, last = min(days), max(days)
    steps = next((form for form in _BAR_FORMATS if len(_run(first, last, form)) <= _MOST_BARS), "%Y")
    counts: Counter[str] = Counter()
    for day, count in Counter(days).items():
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
    others = [why for why in whys if why.field != "title" or why.text not in paper.title]
    shown = others[: _WHYS if not in_title else 1]
    lines += [f"            {style.faint(why.field)}: {_around(paper, why, style)}" for why in shown]
    rest = len(others) - len(shown)
    if rest > 0:
        lines[-1] += style.faint(f" (+{rest})")
    lines.append(f"            {style.faint(paper.links.best or paper.id)}")
    return lines


def _around(paper: "Paper", why: "Why", style: Style) -> str:
    text = next((text for text in _texts(paper, why.field) if why.text in text), why.text)
    return style.marked(excerpt(text, why.text), [why.text])


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
            return list(paper.sources)


def _day(paper: "Paper") -> str:
    return paper.date.isoformat() if paper.date else "no date   "
