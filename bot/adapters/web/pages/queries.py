"""Pages of queries: search, the preview of a subscription, and trends."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from bot.adapters.web.charts import FEWEST_BARS, Bar, Chart, Series, bars, lines
from bot.adapters.web.pages.layout import Layout, PageLanguage, path_with
from bot.adapters.web.pages.papers import PaperLine, PaperLink, match_line, paper_link
from bot.adapters.web.pages.refusals import ShownRefusal
from bot.adapters.web.texts import Texts
from bot.domain.analysis.preview import Match
from bot.domain.notices import Reason
from bot.domain.preferences import start_link
from bot.domain.query import Query
from bot.domain.query.faults import hints_on
from bot.domain.text import cut

if TYPE_CHECKING:
    from bot.pipeline.finder import QueryPreview, SearchResult, Trends

PAGE_SIZE = 25
"""Papers on a page of search results."""
_MOST_BARS = 100
_WEEK = 7
_EXAMPLES = (
    "diffusion model AND NOT survey",
    "(agent OR tool use) AND benchmark",
    'title:"retrieval-augmented generation"',
    "author:Bengio",
    "quantiz*",
    "graph NEAR/5 neural",
    "=RAG",
)
"""Example queries, whose meanings are the texts `example_1` and so on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultsPart:
    """A page of search results: how many there are in all, which page it is, and the pages before and after."""

    summary: str
    where: str
    hints: Sequence[str]
    papers: Sequence[PaperLine]
    newer: str | None
    older: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BetterQuery:
    """Another spelling of a query, and how many papers it would find."""

    query: str
    path: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviewPart:
    """The preview of a query: how much it would have brought (`frequency`), when, samples and near misses; and better queries."""

    frequency: str
    hints: Sequence[str]
    chart: Chart | None
    better: Sequence[BetterQuery]
    samples: Sequence[PaperLine]
    near: Sequence[PaperLink]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrendSeries:
    """The papers of one query, with the path of its search."""

    name: str
    path: str
    total: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Riser:
    """A rising term, with the path of its search."""

    term: str
    path: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TrendsPart:
    """Papers per week for some queries, as a plot (`top` is its highest value) and as a table, newest week first; and the
    rising terms. `is_empty`: no paper is stored.
    """

    is_empty: bool
    series: Sequence[TrendSeries]
    chart: Chart | None
    top: int
    table: Sequence[tuple[str, Sequence[int]]]
    risers: Sequence[Riser]


class QueryPages:
    """Pages of queries."""

    def __init__(self, layout: Layout, *, mail: bool = False, is_open: bool = False) -> None:
        """`mail`: visitors can sign up by mail address. `is_open`: they can make private feeds."""
        self._layout = layout
        self._mail = mail
        self._is_open = is_open

    def search(
        self,
        language: PageLanguage,
        text: str,
        result: "SearchResult | None" = None,
        *,
        page: int = 1,
        fault: ShownRefusal | None = None,
    ) -> str:
        """A page of search results; for a faulty query the reason, without a query how to write one."""
        texts = language.texts
        return self._layout.page(
            "search.html",
            language,
            path_with("/search", q=text or None, page=page if page > 1 else None),
            cut(f"{text} · {texts.search}" if result else texts.search, 120),
            query=text,
            fault=fault,
            results=_results(language, text, result, page) if result else None,
            follow=path_with("/preview", q=text),
            feed=path_with(f"{self._layout.base}/feed.atom", q=text),
            examples=_EXAMPLES,
        )

    def preview(
        self,
        language: PageLanguage,
        text: str,
        result: "QueryPreview | None" = None,
        *,
        days: int,
        bot: str | None = None,
        fault: ShownRefusal | None = None,
    ) -> str:
        """The papers that a query would have brought, and the ways to subscribe to it; `bot` is the bot's name."""
        texts, feed = language.texts, path_with("/feed.atom", q=text)
        return self._layout.page(
            "preview.html",
            language,
            path_with("/preview", q=text or None),
            cut(f"{text} · {texts.preview}", 120) if text else texts.preview,
            query=text,
            days=f"{days:,}",
            fault=fault,
            preview=_preview(language, result, days) if result else None,
            feed=self._layout.addresses.url + feed,
            feed_path=self._layout.base + feed,
            mail=self._mail,
            is_open=self._is_open,
            add=f"/add {text}",
            bot=bot,
            start=start_link(bot, text) if bot else None,
            found=path_with("/search", q=text),
            examples=_EXAMPLES,
        )

    def trends(
        self,
        language: PageLanguage,
        text: str,
        result: "Trends | None" = None,
        *,
        fault: ShownRefusal | None = None,
    ) -> str:
        """Papers per week for some queries, as a plot and as a table, and the rising terms."""
        return self._layout.page(
            "trends.html",
            language,
            path_with("/trends", q=text or None),
            language.texts.trends_title,
            query=text,
            fault=fault,
            trends=_trends(language, result) if result else None,
        )


def _results(language: PageLanguage, text: str, result: "SearchResult", page: int) -> ResultsPart:
    texts = language.texts
    kind = "none" if not result.total else "one" if result.total == 1 else "many"
    pages = -(-result.total // PAGE_SIZE)
    return ResultsPart(
        summary=texts(f"results_{kind}", count=f"{result.total:,}", query=cut(text, 100)),
        where=texts("page_of", page=page, pages=pages) if pages > 1 else "",
        hints=hints_on(result.query, language.code),
        papers=_match_lines(language, result.query, result.matches),
        newer=path_with("/search", q=text, page=page - 1) if page > 1 else None,
        older=path_with("/search", q=text, page=page + 1) if page < pages else None,
    )


def _preview(language: PageLanguage, result: "QueryPreview", days: int) -> PreviewPart:
    texts = language.texts
    return PreviewPart(
        frequency=_frequency(texts, result),
        hints=hints_on(result.query, language.code),
        chart=_hits_chart(language, result, days),
        better=[
            BetterQuery(
                query=spelling.query,
                path=path_with("/preview", q=spelling.query),
                text=texts("better_would", count=f"{spelling.would_find:,}"),
            )
            for spelling in result.better
        ],
        samples=_match_lines(language, result.query, result.matches),
        near=[
            paper_link(language, miss.paper, _missing_note(texts, miss.missing))
            for miss in result.near_misses
        ],
    )


def _match_lines(language: PageLanguage, query: Query, matches: Sequence[Match]) -> list[PaperLine]:
    return [
        match_line(language, match.paper, Reason(subscription=query.text, why=match.why)) for match in matches
    ]


def _missing_note(texts: Texts, missing: str) -> str:
    if missing.startswith("NOT "):
        return f"{texts.left_out_by} {missing.removeprefix('NOT ')}"
    return f"{texts.without} {missing}"


def _frequency(texts: Texts, result: "QueryPreview") -> str:
    """How often the query matches, as a sentence."""
    span = texts.count("span", result.covered)
    if not result.found:
        return texts("preview_nothing", span=span)
    count, unit = result.frequency or (0, "year")
    return texts(
        "preview_frequency",
        count=f"{result.found:,}",
        searched=f"{result.papers:,}",
        span=span,
        frequency=texts(f"frequency_{unit}", count=count),
    )


def _hits_chart(language: PageLanguage, result: "QueryPreview", days: int) -> Chart | None:
    """The matches by day, or by weeks where there would be too many bars; None without any.

    The bars go no further back than the oldest paper, but are at least `FEWEST_BARS`.
    """
    if not result.found or result.newest is None:
        return None
    texts, words = language.texts, language.words
    last = max([result.newest, *result.hits])
    first = min([result.oldest or last, *result.hits])
    days = min(days, max((last - first).days + 1, FEWEST_BARS))
    step = 1 if days <= _MOST_BARS else -(-days // (_MOST_BARS * _WEEK)) * _WEEK
    starts = [last - timedelta(days=step * number - 1) for number in range(-(-days // step), 0, -1)]
    title = _hits_title(texts, step)
    drawn = [
        Bar(value=hits, label=f"{words.day(day)}: {texts.count('paper', hits)}")
        for day, hits in zip(starts, _hits_by_bar(result.hits, last, step, len(starts)), strict=True)
    ]
    return Chart(
        drawing=bars(drawn, title=title),
        title=title,
        first_day=words.short_day(starts[0]),
        last_day=words.short_day(last),
    )


def _hits_by_bar(hits: Mapping[date, int], last: date, step: int, count: int) -> list[int]:
    """The matches in each of `count` bars of `step` days, the last of which ends on `last`."""
    by_bar: dict[int, int] = defaultdict(int)
    for day, number in hits.items():
        by_bar[count - 1 - (last - day).days // step] += number
    return [by_bar[bar] for bar in range(count)]


def _hits_title(texts: Texts, step: int) -> str:
    if step == 1:
        return texts.hits_a_day
    return texts.hits_a_week if step == _WEEK else texts("hits_every", days=step)


def _trends(language: PageLanguage, result: "Trends") -> TrendsPart:
    texts, words = language.texts, language.words
    weeks = [words.short_day(week) for week in result.weeks]
    series = [Series(name=query.text, values=values) for query, values in result.counts]
    chart = None
    if series and len(weeks) > 1:
        title = texts.trends_title
        chart = Chart(drawing=lines(series, title=title), title=title, first_day=weeks[0], last_day=weeks[-1])
    return TrendsPart(
        is_empty=not weeks,
        series=[
            TrendSeries(name=line.name, path=path_with("/search", q=line.name), total=sum(line.values))
            for line in series
        ],
        chart=chart,
        top=max((value for line in series for value in line.values), default=0),
        table=[
            (week, [line.values[number] for line in series])
            for number, week in reversed(list(enumerate(weeks)))
        ],
        risers=[
            Riser(
                term=term,
                path=path_with("/search", q=f"title:({term})"),
                text=texts("riser_line", now=now, before=f"{before:g}"),
            )
            for term, now, before in result.risers
        ],
    )
