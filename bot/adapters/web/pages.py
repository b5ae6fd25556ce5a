"""The pages, filled in from their templates; every text is escaped there."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from markupsafe import Markup, escape

from bot.adapters.svg import safe_svg
from bot.adapters.web.charts import Bar, bars
from bot.adapters.web.texts import LANGUAGES, Texts
from bot.domain.bibtex import bibtex
from bot.domain.card import Piece, card_of, paper_url, plain_line, web_link
from bot.domain.channels import FEED, Target
from bot.domain.message import Item
from bot.domain.notices import Reason
from bot.domain.papers import Edition, Paper, PaperId, Question
from bot.domain.quizzes.polls import clean, evidence_for, poll_of
from bot.domain.text import one_line
from bot.domain.translations import Wording, wording
from bot.pipeline.ports.papers import StoredPaper

if TYPE_CHECKING:
    import jinja2

STRIP_DAYS = 56
FRONT_PAPERS = 40
OLDER_DAYS = 18
_TEXT_LIMIT = 20_000
_NAMED_AUTHORS = 3
_SOURCES_NAMED = 6
_ROOM = files("bot.adapters.web")

Days = Mapping[date | None, int]
"""How many papers each day has, newest first; under None those without a day."""
ShownQuiz = Callable[[Paper, str], Sequence[Question]]
"""The questions of a paper in a language; an answer there is one that may be told."""


def as_read(paper: Paper, language: str) -> Sequence[Question]:
    """The questions as the digests have them."""
    return paper.edition(language).quiz


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """The language of a page; `explicit` where the address asked for it, so that its links must as well."""

    language: str = "en"
    explicit: bool = False


class StaticFile(NamedTuple):
    """A file that pages refer to, under a name that changes with its content."""

    body: bytes
    media_type: str
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PlayedOption:
    text: str
    correct: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PlayedQuestion:
    """A question to play: its options in a mixed order; `answer` is empty where it is unknown.

    `sure` is the confidence of a worked-out answer in percent; None for the digest's own.
    """

    text: str
    options: tuple[PlayedOption, ...]
    answer: str = ""
    evidence: str = ""
    sure: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Relations:
    """Papers around a paper: those that are similar, and later ones that name it by `short_name`."""

    related: tuple[Paper, ...] = ()
    builds_on: tuple[Paper, ...] = ()
    short_name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """A day as a link."""

    path: str
    name: str
    count: str
    papers: list[dict[str, Any]] = field(default_factory=list)


class Pages:
    """Writes the pages of one site."""

    def __init__(self, *, title: str, url: str, quiz: ShownQuiz = as_read) -> None:
        self._quiz = quiz
        self.title = one_line(title, 80) or "Paperboy"
        self.url = url.rstrip("/") if web_link(url) else ""
        self.base = urlsplit(self.url).path

    def front(self, view: View, days: Days, papers: Mapping[date | None, Sequence[Paper]]) -> str:
        """The papers of the newest days, above them how many each day had, below them the way to all others."""
        texts = Texts(view.language)
        if not days:
            return self._page("empty.html", view, "/", self.title)
        dated = [day for day in days if day is not None]
        return self._page(
            "front.html",
            view,
            "/",
            self.title,
            description=f"{self.title}: {texts.newest}",
            **self._strip(view, days, dated),
            sections=[self._day(view, day, days[day], shown) for day, shown in papers.items()],
            older=[self._day(view, day, days[day], ()) for day in dated if day not in papers][:OLDER_DAYS],
        )

    def day(self, view: View, day: date | None, days: Days, papers: Sequence[Paper]) -> str:
        """One day's papers (None: those without a day), with the days before and after it."""
        dated = sorted(other for other in days if other is not None)
        texts = Texts(view.language)
        newer = next((other for other in dated if day and other > day), None)
        older = next((other for other in reversed(dated) if day and other < day), None)
        name = self._day(view, day, len(papers), papers)
        return self._page(
            "day.html",
            view,
            name.path,
            name.name,
            description=f"{name.name}: {texts.count('paper', len(papers))}",
            count=name.count if papers else "",
            papers=name.papers,
            newer=self._day(view, newer, 0, ()) if newer else None,
            older=self._day(view, older, 0, ()) if older else None,
        )

    def days(self, view: View, days: Days) -> str:
        """All days, by month."""
        texts, words = Texts(view.language), wording(view.language)
        months = []
        dated = [day for day in days if day is not None]
        for (year, month), group in groupby(dated, key=lambda day: (day.year, day.month)):
            inside = list(group)
            name = f"{year} 年 {month} 月" if view.language == "zh" else f"{words.months[month - 1]} {year}"
            total = texts.count("paper", sum(days[day] for day in inside))
            months.append(
                {
                    "name": name,
                    "count": total,
                    "days": [self._day(view, day, days[day], (), short=True) for day in inside],
                }
            )
        undated = texts.count("paper", days[None]) if days.get(None) else ""
        return self._page("days.html", view, "/digests", texts.days, months=months, undated=undated)

    def paper(self, view: View, stored: StoredPaper, relations: Relations) -> str:
        """Everything known of one paper, points and quiz in the view's language where there are any."""
        paper, texts, words = stored.paper, Texts(view.language), wording(view.language)
        edition = paper.edition(view.language)
        drawing = edition.drawing or paper.edition("en").drawing
        card = card_of(Item(paper=paper), language=view.language, text_limit=_TEXT_LIMIT)
        line = self._line(view, paper)
        named = (
            ("arXiv" if paper.id.startswith("arxiv:") else texts.paper_page, card.links.abs),
            ("PDF", card.links.pdf),
            ("Hugging Face", card.links.huggingface),
            (texts.code, card.links.code),
            *((urlsplit(link).hostname or link, link) for link in card.links.other[:3]),
        )
        facts = (
            (texts.published, words.day(paper.published) if paper.published else ""),
            (texts.categories, ", ".join(map(one_line, paper.categories[:8]))),
            (texts.sources, ", ".join(card.sources[:_SOURCES_NAMED])),
            ("ID", paper.id),
        )
        return self._page(
            "paper.html",
            view,
            f"/papers/{quote(paper.id, safe=':/')}",
            plain_line(paper.title, 120) or paper.id,
            description=line["plain_gist"],
            paper={**line, "authors": card.author_line()},
            links=[(name, href) for name, href in named if href],
            content_language=edition.language if _says(edition) else view.language,
            points=card.points,
            summaries=card.summaries if len(card.summaries) != 1 else card.further_summaries,
            drawing=safe_svg(drawing) if drawing else None,
            flowchart=one_line(edition.flowchart or "", _TEXT_LIMIT),
            quiz=[
                played
                for question in self._quiz(paper, edition.language)
                if (played := _played(question, paper, edition.language)) is not None
            ],
            related=[self._short(view, other) for other in relations.related],
            builds_on=[self._short(view, other) for other in relations.builds_on],
            short_name=relations.short_name,
            facts=[(label, value) for label, value in facts if value],
            bibtex=bibtex(paper),
        )

    def paper_path(self, paper: PaperId) -> str:
        """The path of the paper's page on this server."""
        return paper_url(self.base, paper)

    def unsubscribe(self, view: View, target: Target, *, done: bool) -> str:
        """The page that asks, or the one that says that it is done."""
        texts = Texts(view.language)
        title = texts.unsubscribed if done else texts.unsubscribe
        return self._page("unsubscribe.html", view, None, title, done=done, target=_masked(target))

    def message(self, view: View, name: str, *, searched: str | None = None) -> str:
        """A page that only says something: the texts `name` and `name_text`. With `searched` it offers a search."""
        texts = Texts(view.language)
        return self._page(
            "message.html",
            view,
            None,
            texts(name),
            text=texts(f"{name}_text"),
            searching=searched is not None,
            searched=searched or "",
        )

    def _strip(self, view: View, days: Days, dated: Sequence[date]) -> dict[str, Any]:
        """The bars of the newest days, as many as fit."""
        if not dated:
            return {"strip": None}
        last = dated[0]
        shown = [last - timedelta(days=number) for number in reversed(range(STRIP_DAYS))]
        if sum(day in days for day in shown) < STRIP_DAYS // 4:  # a calendar would be mostly gaps
            shown = list(reversed(dated[:STRIP_DAYS]))
        words = wording(view.language)
        drawn = [
            Bar(
                value=days.get(day, 0),
                label=self._bar_label(view, day, days),
                href=self._url(view, f"/digests/{day}") if days.get(day) else None,
                marked=day == last,
            )
            for day in shown
        ]
        return {
            "strip": bars(drawn, title=Texts(view.language).papers_a_day),
            "first_day": _short_day(words, shown[0]),
            "last_day": _short_day(words, last),
        }

    def _bar_label(self, view: View, day: date, days: Days) -> str:
        return f"{wording(view.language).day(day)}: {Texts(view.language).count('paper', days.get(day, 0))}"

    def _day(
        self, view: View, day: date | None, count: int, papers: Sequence[Paper], *, short: bool = False
    ) -> Day:
        texts, words = Texts(view.language), wording(view.language)
        name = words.day(day) if day else texts.undated
        if day and short:
            name = f"{words.weekdays[day.weekday()]} {day.day}"
        return Day(
            path=f"/digests/{day or 'undated'}",
            name=name,
            count=str(count) if short else texts.count("paper", count),
            papers=[self._line(view, paper) for paper in best_first(papers)],
        )

    def _line(self, view: View, paper: Paper, reasons: tuple[Reason, ...] = ()) -> dict[str, Any]:
        """A paper in a list."""
        texts = Texts(view.language)
        card = card_of(Item(paper=paper, reasons=reasons), language=view.language, text_limit=_TEXT_LIMIT)
        return {
            "path": f"/papers/{quote(paper.id, safe=':/')}",
            "plain_title": card.title_text,
            "title": card.title,
            "gist": card.gist,
            "plain_gist": card.gist_text,
            "authors": card.author_line(_NAMED_AUTHORS),
            "day": "",
            "found": None,
            "sources": texts("sources_many", count=card.source_count) if card.source_count > 1 else "",
            "source_names": ", ".join(card.sources),
            "questions": card.questions,
        }

    def _short(self, view: View, paper: Paper, note: str = "") -> dict[str, Any]:
        """A paper as one line."""
        title = plain_line(paper.title, 200) or paper.id
        return {
            "path": f"/papers/{quote(paper.id, safe=':/')}",
            "title": (Piece(title),),
            "day": wording(view.language).day(paper.date) if paper.date else "",
            "note": note,
        }

    def _url(self, view: View, path: str) -> str:
        """The address of a page on this site, in the view's language where that was asked for."""
        if not view.explicit:
            return self.base + path
        path, hash_, fragment = path.partition("#")
        return f"{self.base}{path}{'&' if '?' in path else '?'}lang={view.language}{hash_}{fragment}"

    def _page(self, template: str, view: View, path: str | None, title: str, **parts: object) -> str:
        """`path` is the page's own address, canonical in any language; None for a page that nobody is to keep."""
        here = path or "/"

        def in_language(code: str) -> str:
            return self._url(View(language=code, explicit=True), here)

        return _environment().get_template(template).render(
            site=self.title,
            base=self.base,
            title=title,
            t=Texts(view.language),
            explicit=view.explicit,
            languages=LANGUAGES,
            url=lambda to: self._url(view, to),
            in_language=in_language,
            static=lambda name: f"{self.base}/{name}?v={static_files()[name].version}",
            here=here.partition("?")[0],
            canonical=self.url + path if path and self.url else None,
            private=path is None,
            **{"description": "", **parts},
        )  # fmt: skip


def best_first(papers: Iterable[Paper]) -> list[Paper]:
    """The papers that more sources name, then those with a quiz, first; else in their order."""
    return sorted(papers, key=lambda paper: (-len(paper.sources), not paper.has_quiz))


def search_path(path: str, **query: object) -> str:
    """A path with its query string; values that are None are left out."""
    given = {name: str(value) for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


@cache
def static_files() -> Mapping[str, StaticFile]:
    """The files that pages refer to, by name."""
    types = {
        "style.css": "text/css; charset=utf-8",
        "feed.css": "text/css; charset=utf-8",
        "paperboy.js": "text/javascript; charset=utf-8",
        "favicon.svg": "image/svg+xml",
    }
    read = {name: _ROOM.joinpath("static", name).read_bytes() for name in types}
    return {
        name: StaticFile(body, types[name], hashlib.sha256(body).hexdigest()[:12]) for name, body in read.items()
    }  # fmt: skip


def _short_day(words: Wording, day: date) -> str:
    return words.short_date.format(day=day.day, month=words.months[day.month - 1][:3], year=day.year)


def _says(edition: Edition) -> bool:
    return bool(edition.points or edition.quiz or edition.flowchart or edition.drawing)


def _played(question: Question, paper: Paper, language: str) -> PlayedQuestion | None:
    """The question to play; None where it has fewer than two options that can be told apart."""
    poll = poll_of(question, seed=paper.id)
    if poll is None:
        return None
    right = question.usable_answer
    options = tuple(
        PlayedOption(text=clean(question.options[index]), correct=index == right) for index in poll.order
    )
    if right is None:
        return PlayedQuestion(text=clean(question.question), options=options)
    return PlayedQuestion(
        text=clean(question.question),
        options=options,
        answer=clean(question.options[right]),
        evidence=evidence_for(question, paper, language) or "",
        sure=None if question.keyed else int((question.confidence or 0) * 100),
    )


def _masked(target: Target) -> str:
    """The target in words that its owner recognises and that tell others little."""
    if target.kind != "email":
        return {"telegram": "this Telegram chat", FEED: "this feed"}.get(target.kind, "this channel")
    local, _, domain = one_line(target.address, 254).rpartition("@")
    return f"{local[:1]}…@{domain}"


def _filled(text: str, **parts: Markup) -> Markup:
    """The text, escaped, with pieces of markup in the places of their names."""
    return Markup(str(escape(text)).format(**parts))  # noqa: S704 - the text is escaped, the parts are markup


def _code(text: str) -> Markup:
    return Markup("<code>{}</code>").format(text)


def _link(href: str, text: str) -> Markup:
    return Markup('<a href="{}">{}</a>').format(href, text)


@cache
def _environment() -> "jinja2.Environment":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bot.adapters.web"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
    )
    environment.filters["filled"] = _filled
    environment.globals["code"] = _code
    environment.globals["link"] = _link
    return environment
