"""Pages that list papers by day, the page of one paper, and a paper as a line or a link of any page."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.adapters.svg import safe_svg
from bot.adapters.web.charts import FEWEST_BARS, Bar, Chart, bars
from bot.adapters.web.pages.layout import Layout, PageLanguage
from bot.domain.analysis.disagreement import disagreements
from bot.domain.bibliography import bibtex
from bot.domain.card import (
    Card,
    CardPoint,
    CardSummary,
    Piece,
    Pieces,
    card_of,
    text_of,
)
from bot.domain.flowchart import Flowchart
from bot.domain.message import Item
from bot.domain.notices import Reason
from bot.domain.papers import Paper, Question
from bot.domain.quizzes.polls import evidence_for, poll_of
from bot.domain.site import SiteAddresses
from bot.domain.text import one_line, plain_line
from bot.pipeline.ports.papers import StoredPaper

if TYPE_CHECKING:
    from bot.pipeline.finder import Relations

CHART_DAYS = 56
"""Days of the front page's chart at most."""
FRONT_PAPERS = 40
"""Papers on the front page at least, in whole days."""
OLDER_DAYS = 18
"""Links to earlier days on the front page at most."""
_TEXT_LIMIT = 20_000
_AUTHORS_NAMED = 3
_MOST_SOURCES_NAMED = 6
_PATHS = SiteAddresses("")

Days = Mapping[date | None, int]
"""How many papers each day has, newest first; under None those without a day."""
QuizProvider = Callable[[Paper, str], Sequence[Question]]
"""A function that gives a paper's questions in a language, with answers only where they may be shown."""


def original_questions(paper: Paper, language: str) -> Sequence[Question]:
    """The questions as the digests give them."""
    return paper.edition(language).quiz


@dataclass(frozen=True, kw_only=True, slots=True)
class PaperLine:
    """A paper in a list; `excerpt` is one with a match, where neither title, gist nor authors have one."""

    path: str
    title: Pieces
    plain_title: str
    gist: Pieces
    plain_gist: str
    authors: Pieces
    excerpt: Pieces = ()
    day: str = ""
    sources: str
    """How many sources name the paper; empty for one."""
    source_names: str
    questions: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PaperLink:
    """A paper as a link, with its day and a note."""

    path: str
    title: Pieces
    day: str
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """A day as a link, with its papers where they are shown."""

    path: str
    name: str
    count: str = ""
    papers: Sequence[PaperLine] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Month:
    """A month of the list of days."""

    name: str
    count: str
    days: Sequence[Day]


@dataclass(frozen=True, kw_only=True, slots=True)
class QuizOption:
    text: str
    correct: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class QuizQuestion:
    """A question of a page's quiz, its options shuffled; `answer` is empty where it is unknown.

    `sure` is the confidence of a worked-out answer in percent; None for an answer of the digest.
    """

    text: str
    options: tuple[QuizOption, ...]
    answer: str = ""
    evidence: str = ""
    sure: int | None = None


class PaperPages:
    """Pages that list papers by day, and the page of one paper."""

    def __init__(self, layout: Layout, quiz: QuizProvider = original_questions) -> None:
        self._layout = layout
        self._quiz = quiz

    def front(self, language: PageLanguage, days: Days, papers: Mapping[date | None, Sequence[Paper]]) -> str:
        """The front page: a chart of papers per day, the papers of the newest days, and links to earlier days."""
        title = self._layout.title
        if not days:
            return self._layout.page("empty.html", language, "/", title)
        older = [day for day in days if day is not None and day not in papers]
        return self._layout.page(
            "front.html",
            language,
            "/",
            title,
            description=f"{title}: {language.texts.newest}",
            chart=self._days_chart(language, days),
            sections=[_day(language, day, days[day], day_papers) for day, day_papers in papers.items()],
            older=[_day(language, day, days[day]) for day in older[:OLDER_DAYS]],
        )

    def day(self, language: PageLanguage, day: date | None, days: Days, papers: Sequence[Paper]) -> str:
        """The papers of a day, or with None those without a day, and links to the days before and after."""
        dated = sorted(other for other in days if other is not None)
        newer = next((other for other in dated if day and other > day), None)
        older = next((other for other in reversed(dated) if day and other < day), None)
        shown = _day(language, day, len(papers), papers)
        return self._layout.page(
            "day.html",
            language,
            shown.path,
            shown.name,
            description=f"{shown.name}: {language.texts.count('paper', len(papers))}",
            count=shown.count if papers else "",
            papers=shown.papers,
            newer=_day_link(language, newer),
            older=_day_link(language, older),
        )

    def days(self, language: PageLanguage, days: Days) -> str:
        """All days, by month, with the number of papers of each."""
        texts, words = language.texts, language.words
        dated = [day for day in days if day is not None]
        months = []
        for (year, month), group in groupby(dated, key=lambda day: (day.year, day.month)):
            inside = list(group)
            months.append(
                Month(
                    name=texts("month_name", month=words.months[month - 1], year=year),
                    count=texts.count("paper", sum(days[day] for day in inside)),
                    days=[_day_in_month(language, day, days[day]) for day in inside],
                )
            )
        undated = texts.count("paper", days[None]) if days.get(None) else ""
        return self._layout.page(
            "days.html", language, "/digests", texts.days, months=months, undated=undated
        )

    def paper(self, language: PageLanguage, stored: StoredPaper, relations: "Relations") -> str:
        """Everything known of one paper; points and quiz are in the page's language where the paper has them."""
        paper, edition = stored.paper, stored.paper.edition(language.code)
        flowchart = paper.flowchart or Flowchart()
        has_content = edition.points or edition.quiz or paper.flowchart
        card = _card(language, paper)
        line = _card_line(language, card)
        points, summaries, differ = _mark_disagreements(
            card.points, card.summaries if len(card.summaries) != 1 else card.further_summaries
        )
        quiz = (
            _quiz_question(question, paper, edition.language)
            for question in self._quiz(paper, edition.language)
        )
        return self._layout.page(
            "paper.html",
            language,
            line.path,
            plain_line(paper.title, 120) or paper.id,
            description=line.plain_gist,
            paper=replace(line, authors=card.author_line()),
            links=_links(language, card),
            content_language=edition.language if has_content else language.code,
            points=points,
            summaries=summaries,
            differ=differ,
            drawing=safe_svg(flowchart.drawing) if flowchart.drawing else None,
            flowchart=one_line(flowchart.words, _TEXT_LIMIT),
            quiz=[question for question in quiz if question is not None],
            related=[paper_link(language, other) for other in relations.related],
            builds_on=[paper_link(language, other) for other in relations.builds_on],
            short_name=relations.short_name,
            facts=_facts(language, paper, card),
            bibtex=bibtex([paper]),
        )

    def _days_chart(self, language: PageLanguage, days: Days) -> Chart | None:
        """The chart of papers per day; None where no paper has a day."""
        dated = [day for day in days if day is not None]
        if not dated:
            return None
        texts, words = language.texts, language.words
        chart_days = _chart_days(dated)
        drawn = [
            Bar(
                value=days.get(day, 0),
                label=f"{words.day(day)}: {texts.count('paper', days.get(day, 0))}",
                href=self._layout.link(language, f"/digests/{day}") if days.get(day) else None,
                marked=day == dated[0],
            )
            for day in chart_days
        ]
        return Chart(
            drawing=bars(drawn, title=texts.papers_a_day),
            title=texts.papers_a_day,
            first_day=words.short_day(chart_days[0]),
            last_day=words.short_day(chart_days[-1]),
        )


def paper_line(language: PageLanguage, paper: Paper) -> PaperLine:
    return _card_line(language, _card(language, paper))


def match_line(language: PageLanguage, paper: Paper, reason: Reason) -> PaperLine:
    """A paper that a query found, with its day."""
    card = _card(language, paper, reason)
    line = _card_line(language, card)
    excerpt = next((match.excerpt for match in card.matches if match.excerpt), ())
    is_marked = any(piece.matched for piece in (*line.title, *line.gist, *line.authors))
    return replace(line, excerpt=() if is_marked else excerpt, day=_paper_day(language, paper))


def paper_link(language: PageLanguage, paper: Paper, note: str = "") -> PaperLink:
    return PaperLink(
        path=_PATHS.paper(paper.id),
        title=(Piece(plain_line(paper.title, 200) or paper.id),),
        day=_paper_day(language, paper),
        note=note,
    )


def best_first(papers: Iterable[Paper]) -> list[Paper]:
    """The papers by number of digests, then those with a quiz first, else in their order."""
    return sorted(papers, key=lambda paper: (-len(paper.digests), not paper.has_quiz))


def _card(language: PageLanguage, paper: Paper, *reasons: Reason) -> Card:
    return card_of(Item(paper=paper, reasons=reasons), language=language.code, text_limit=_TEXT_LIMIT)


def _card_line(language: PageLanguage, card: Card) -> PaperLine:
    return PaperLine(
        path=_PATHS.paper(card.id),
        title=card.title,
        plain_title=card.title_text,
        gist=card.gist,
        plain_gist=card.gist_text,
        authors=card.author_line(_AUTHORS_NAMED),
        sources=language.texts("sources_many", count=card.source_count) if card.source_count > 1 else "",
        source_names=", ".join(card.sources),
        questions=card.questions,
    )


def _paper_day(language: PageLanguage, paper: Paper) -> str:
    return language.words.short_day(paper.date) if paper.date else ""


def _day(language: PageLanguage, day: date | None, count: int, papers: Sequence[Paper] = ()) -> Day:
    return Day(
        path=f"/digests/{day or 'undated'}",
        name=language.words.day(day) if day else language.texts.undated,
        count=language.texts.count("paper", count),
        papers=[paper_line(language, paper) for paper in best_first(papers)],
    )


def _day_in_month(language: PageLanguage, day: date, count: int) -> Day:
    weekday = language.words.weekdays[day.weekday()]
    name = language.texts("day_in_month", day=day.day, weekday=weekday)
    return Day(path=f"/digests/{day}", name=name, count=str(count))


def _day_link(language: PageLanguage, day: date | None) -> Day | None:
    return Day(path=f"/digests/{day}", name=language.words.short_day(day)) if day else None


def _chart_days(dated: Sequence[date]) -> list[date]:
    """The newest `CHART_DAYS` days from the first one with papers on, or where those would be mostly gaps, only days with
    papers. `dated` are the days with papers, newest first.
    """
    with_papers = set(dated)
    newest = [dated[0] - timedelta(days=number) for number in reversed(range(CHART_DAYS))]
    few = CHART_DAYS // 4
    if sum(day in with_papers for day in newest) < few <= len(dated):
        return list(reversed(dated[:CHART_DAYS]))
    first = next(number for number, day in enumerate(newest) if day in with_papers)
    return newest[min(first, CHART_DAYS - FEWEST_BARS) :]


def _links(language: PageLanguage, card: Card) -> list[tuple[str, str]]:
    """Names and addresses of the paper elsewhere."""
    texts = language.texts
    addresses = (
        ("arXiv" if card.id.startswith("arxiv:") else texts.paper_page, card.links.abs),
        ("PDF", card.links.pdf),
        ("Hugging Face", card.links.huggingface),
        (texts.code, card.links.code),
        *((urlsplit(link).hostname or link, link) for link in card.links.other[:3]),
    )
    return [(name, href) for name, href in addresses if href]


def _facts(language: PageLanguage, paper: Paper, card: Card) -> list[tuple[str, str]]:
    """Labels and values of the paper's details."""
    texts = language.texts
    facts = (
        (texts.published, language.words.short_day(paper.published) if paper.published else ""),
        (texts.categories, ", ".join(map(one_line, paper.categories[:8]))),
        (texts.sources, ", ".join(card.sources[:_MOST_SOURCES_NAMED])),
        ("ID", paper.id),
    )
    return [(label, value) for label, value in facts if value]


def _mark_disagreements(
    points: Sequence[CardPoint], summaries: Sequence[CardSummary]
) -> tuple[list[CardPoint], list[CardSummary], bool]:
    """Points and summaries with contradictory numbers marked, and whether there are any."""
    texts = [text_of(summary.text) for summary in summaries]
    in_points, *in_summaries = disagreements(
        [[text_of(point.text) for point in points], *([text] for text in texts)]
    )
    marked_points = [
        replace(
            point,
            text=_marked_at(text_of(point.text), [span[1:] for span in in_points if span[0] == number]),
        )
        for number, point in enumerate(points)
    ]
    marked_summaries = [
        replace(summary, text=_marked_at(text, [span[1:] for span in spans]))
        for summary, text, spans in zip(summaries, texts, in_summaries, strict=True)
    ]
    return marked_points, marked_summaries, bool(in_points or any(in_summaries))


def _marked_at(text: str, spans: Iterable[tuple[int, int]]) -> Pieces:
    """The text in pieces; those of the spans (start, end) are marked."""
    pieces: list[Piece] = []
    at = 0
    for start, end in spans:
        pieces += (Piece(text[at:start]), Piece(text[start:end], matched=True))
        at = end
    return tuple(piece for piece in (*pieces, Piece(text[at:])) if piece.text)


def _quiz_question(question: Question, paper: Paper, language: str) -> QuizQuestion | None:
    """The question as the page shows it; None where fewer than two options differ."""
    poll = poll_of(question, seed=paper.id)
    if poll is None:
        return None
    right = question.usable_answer
    options = tuple(
        QuizOption(text=plain_line(question.options[index]), correct=index == right) for index in poll.order
    )
    if right is None:
        return QuizQuestion(text=plain_line(question.question), options=options)
    return QuizQuestion(
        text=plain_line(question.question),
        options=options,
        answer=plain_line(question.options[right]),
        evidence=evidence_for(question, paper, language) or "",
        sure=None if question.keyed else int((question.confidence or 0) * 100),
    )
