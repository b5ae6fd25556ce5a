"""The pages, filled in from their templates; every text is escaped there."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.adapters.svg import safe_svg
from bot.domain.card import paper_url, shown_paper, web_link
from bot.domain.channels import FEED, Target
from bot.domain.feeds import Feed
from bot.domain.message import Item
from bot.domain.papers import Edition, Paper, PaperId, Question
from bot.domain.text import one_line
from bot.domain.translations import ENGLISH
from bot.pipeline.ports.papers import StoredPaper

if TYPE_CHECKING:
    import jinja2

_TEXT_LIMIT = 20_000
_LANGUAGES = {"en": "English", "zh": "中文"}
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FROM = files("bot.adapters.web").joinpath("templates")


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownQuestion:
    """A question with its options lettered; `answer` is empty where it is unknown."""

    text: str
    options: tuple[tuple[str, str], ...]
    answer: str
    worked_out: int | None
    """Confidence of a worked-out answer in percent; None for the digest's own."""


ShownQuiz = Callable[[Paper, str], Sequence[Question]]
"""The questions of a paper in a language; an answer there is one that may be told."""


def as_read(paper: Paper, language: str) -> Sequence[Question]:
    """The questions as the digests have them."""
    return paper.edition(language).quiz


class Pages:
    """Writes the pages of one site."""

    def __init__(self, *, title: str, url: str, quiz: ShownQuiz = as_read) -> None:
        self._quiz = quiz
        self._title = one_line(title, 80)
        self._url = url.rstrip("/") if web_link(url) else ""
        self._base = urlsplit(self._url).path

    def front(self, feed: Feed) -> str:
        """The newest papers, by the day of the digest that brought them."""
        papers = sorted(
            (entry.paper for entry in feed.entries), key=lambda paper: paper.latest or date.min, reverse=True
        )
        days = [
            (ENGLISH.day(day) if day else "", [self._line(paper) for paper in group])
            for day, group in groupby(papers, key=lambda paper: paper.latest)
        ]
        return self._page("front.html", "/", self._title, days=days)

    def paper(self, stored: StoredPaper, language: str) -> str:
        """Everything known of one paper, points and quiz in that language where there are any."""
        paper = stored.paper
        edition = paper.edition(language)
        drawing = edition.drawing or paper.edition("en").drawing
        return self._page(
            "paper.html",
            f"/papers/{paper.id}",
            one_line(paper.title, 120) or paper.id,
            paper=shown_paper(Item(paper=paper), language=language, text_limit=_TEXT_LIMIT),
            sources=[one_line(summary.source, 80) for summary in paper.summaries if one_line(summary.text)],
            day=ENGLISH.day(paper.date) if paper.date else "",
            edition=edition,
            languages=[(code, name) for code, name in _LANGUAGES.items() if _has(paper, code)],
            drawing=safe_svg(drawing) if drawing else None,
            flowchart=one_line(edition.flowchart or "", _TEXT_LIMIT),
            quiz=[_question(question) for question in self._quiz(paper, edition.language)],
        )

    def paper_path(self, paper: PaperId) -> str:
        """The path of the paper's page on this server."""
        return paper_url(self._base, paper)

    def unsubscribe(self, target: Target, *, done: bool) -> str:
        """The page that asks, or the one that says that it is done."""
        title = "Unsubscribed" if done else "Unsubscribe"
        return self._page("unsubscribe.html", None, title, done=done, target=_masked(target))

    def message(self, title: str, text: str) -> str:
        """A page that only says something."""
        return self._page("message.html", None, title, text=text)

    def _line(self, paper: Paper) -> dict[str, str | int]:
        line = shown_paper(Item(paper=paper), language="en", text_limit=_TEXT_LIMIT)
        authors = "".join(piece.text for piece in line.authors)
        return {
            "url": self.paper_path(paper.id),
            "title": line.title,
            "authors": authors,
            "questions": line.questions,
        }

    def _page(self, template: str, path: str | None, title: str, **parts: object) -> str:
        return _environment().get_template(template).render(
            site=self._title,
            base=self._base,
            title=title,
            canonical=self._url + path if path and self._url else None,
            **parts,
        )  # fmt: skip


def content_security_policy() -> str:
    """The Content-Security-Policy: a page may load its one style sheet and its icon, nothing else."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def _has(paper: Paper, language: str) -> bool:
    return any(edition.language == language and _says(edition) for edition in paper.editions)


def _says(edition: Edition) -> bool:
    return bool(edition.points or edition.quiz or edition.flowchart or edition.drawing)


def _question(question: Question) -> ShownQuestion:
    options = tuple(
        (_LETTERS[number % len(_LETTERS)], one_line(option)) for number, option in enumerate(question.options)
    )
    right = question.usable_answer
    answer = ". ".join(options[right]) if right is not None else ""
    sure = None if question.keyed else int((question.confidence or 0) * 100)
    return ShownQuestion(text=one_line(question.question), options=options, answer=answer, worked_out=sure)


def _masked(target: Target) -> str:
    """The target in words that its owner recognises and that tell others little."""
    if target.kind != "email":
        return {"telegram": "this Telegram chat", FEED: "this feed"}.get(target.kind, "this channel")
    local, _, domain = one_line(target.address, 254).rpartition("@")
    return f"{local[:1]}…@{domain}"


@cache
def _style() -> str:
    return _FROM.joinpath("style.css").read_text("utf-8")


@cache
def _environment() -> "jinja2.Environment":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bot.adapters.web"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals["style"] = _style()
    return environment
