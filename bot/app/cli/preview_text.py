"""A preview for people: how many, how often, what matched and what it barely missed."""

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING

from bot.app.cli.terminal import Style, bar, excerpt
from bot.domain.text import printable

if TYPE_CHECKING:
    from bot.domain.notices import Why
    from bot.domain.papers import Paper
    from bot.domain.query import Query
    from bot.domain.search.previewing import Match, Preview
    from bot.pipeline.ports import Sifted

_CELLS = 32
_MOST_BARS = 16
_WHYS = 3


def preview_lines(
    query: "Query", days: int, sifted: "Sifted", found: "Preview", pace: float, limit: int, style: Style
) -> list[str]:
    """What `paperboy preview` prints; at most `limit` of the matches."""
    if not sifted.searched:
        return [
            "no papers are stored yet: `paperboy once` reads the watched folders, `paperboy import` history"
        ]
    many = len(found.matches)
    lines = [
        f"{style.strong(query.text)} matches {style.strong(str(many))} of the {sifted.searched} papers "
        f"of {_span(days, sifted)}{_often(pace)}",
        *(f"hint: {printable(hint)}" for hint in query.hints),
        *_bars(found, style),
    ]
    for one in found.matches[:limit]:
        lines += ["", *_match_lines(one, style)]
    if many > limit:
        lines += ["", style.faint(f"… and {many - limit} more: --limit {many} shows them all")]
    if found.near_misses:
        lines += ["", "Barely missed"]
    for miss in found.near_misses:
        lines.append(f"  {_day(miss.paper)}  {printable(miss.paper.title)}")
        lines.append(f"              {_lack(miss.missing)} {style.strong(miss.missing.removeprefix('NOT '))}")
    return lines


def _lack(missing: str) -> str:
    return "left out by NOT" if missing.startswith("NOT ") else "without"


def _span(days: int, sifted: "Sifted") -> str:
    if sifted.newest is None or sifted.oldest is None:
        return "the state"
    asked = sifted.newest - dt.timedelta(days=days - 1) if days < sifted.newest.toordinal() else dt.date.min
    return f"{max(asked, min(sifted.oldest, sifted.newest))} to {sifted.newest}"


def _often(pace: float) -> str:
    if not pace:
        return ""
    for unit, size in (("day", 1), ("week", 7), ("month", 30.4), ("year", 365)):
        if pace * size >= 1 or unit == "year":
            return f": about {pace * size:.0f} a {unit}"
    return ""


def _bars(found: "Preview", style: Style) -> list[str]:
    """How many a day, or where there are many days a week, a month, a year; gaps stand as empty lines."""
    days = [one.paper.date for one in found.matches if one.paper.date]
    if len(set(days)) <= 1:
        return []
    steps = next((steps for steps in _STEPS if len(_run(min(days), max(days), steps)) <= _MOST_BARS), "%Y")
    counts = Counter(day.strftime(steps) for day in days)
    names = _run(min(days), max(days), steps)
    top = max(counts.values())
    return ["", *(_bar_line(name, counts[name], top, style) for name in names)]


_STEPS = ("%Y-%m-%d", "%G week %V", "%Y-%m", "%Y")


def _run(first: dt.date, last: dt.date, steps: str) -> list[str]:
    count = (last - first).days + 1
    return list(dict.fromkeys((first + dt.timedelta(days=number)).strftime(steps) for number in range(count)))


def _bar_line(name: str, count: int, top: int, style: Style) -> str:
    return f"  {name}  {style.faint(bar(count, top, _CELLS))} {count or ''}".rstrip()


def _match_lines(one: "Match", style: Style) -> list[str]:
    in_title = [why.text for why in one.why if why.field == "title"]
    lines = [f"{_day(one.paper)}  {style.marked(one.paper.title, in_title)}"]
    shown = [why for why in one.why if why.field != "title"][: _WHYS if not in_title else 1]
    lines += [f"            {style.faint(why.field)}: {_around(one.paper, why, style)}" for why in shown]
    rest = len(one.why) - len(in_title) - len(shown)
    if rest > 0:
        lines[-1] += style.faint(f" (+{rest})")
    lines.append(f"            {style.faint(one.paper.links.best or one.paper.id)}")
    return lines


def _around(paper: "Paper", why: "Why", style: Style) -> str:
    text = next((text for text in _texts(paper, why.field) if why.text in text), why.text)
    return style.marked(excerpt(text, why.text), [why.text])


def _texts(paper: "Paper", field: str) -> list[str]:
    match field:
        case "summary":
            return [summary.text for summary in paper.summaries]
        case "points":
            return [point.text for edition in paper.editions for point in edition.points]
        case "authors":
            return list(paper.authors)
        case _:
            return list(paper.sources)


def _day(paper: "Paper") -> str:
    return paper.date.isoformat() if paper.date else "no date   "
