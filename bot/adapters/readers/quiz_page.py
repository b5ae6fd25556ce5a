"""Reads quiz pages: HTML with the day's papers, each with five points, a flowchart and a quiz with its key.

The pages hold raw, unescaped texts, and drawings cut off in the middle of a comment or a style sheet; an HTML
parser loses what stands behind those. So a page is cut at the headings and the `<div class=…>` that its
generator always writes, and only the pieces are looked at. No step takes more than linear time.
"""

import datetime as dt
import re
from collections.abc import Iterator

from bot.adapters.readers.document import Document, find_date
from bot.adapters.readers.findings import Findings
from bot.adapters.readers.flowchart import read_flowchart
from bot.adapters.readers.links import links_of
from bot.adapters.readers.page_quiz import read_quizzes
from bot.adapters.readers.page_text import language_of, plain, unescape
from bot.adapters.readers.points import points_of
from bot.domain.digests import Digest
from bot.domain.papers import Edition, Entry, Links, Point, paper_id

_HEADING = re.compile(r"<(?:title|h1)\b[^<>]*>\s*\d{4}-\d\d-\d\d\s+Papers\b[^<>]*<")
_CARD = re.compile(r'class="(?:paper-card|quiz-popup|category-chunk)\b')
_PAPER = re.compile(r"<h2\b[^<>]*>\s*Paper\s*:?\s*\d+\s*</h2>")
_FLOWCHART_OR_QUIZ = re.compile(r"<div\b[^<>]*\b(?:flowchart-card|quiz-tabs?)\b")
_QUIZ = re.compile(r"<div\b[^<>]*\bquiz-tabs?\b")
_TIPS = re.compile(r"<div\b[^<>]*\bdaily-tips-section\b")
_DIV = re.compile(r"<div\b([^<>]*+)>")
_STRONG = re.compile(r"<strong\b[^<>]*>")
_PUBLISHED = re.compile(r"Published:\s*</strong>([^<]*)<")
_LINK = re.compile(r"Link:\s*</strong>\s*<a\b[^<>]*?\bhref\s*=\s*[\"']([^\"'<>]*)[\"']")
_NUMBER = re.compile(r"\s*(\d{1,2})\s*\.")


def recognises(document: Document) -> bool:
    """True for HTML that calls itself a day's papers, or holds the cards of such a page."""
    return bool(_HEADING.search(document.text) or _CARD.search(document.text))


def heading_date(text: str) -> dt.date | None:
    """The date in the page's title or first heading."""
    found = _HEADING.search(text)
    return find_date(found[0]) if found else None


def read(document: Document) -> Digest:
    """The page's papers, with points, flowchart and quiz in English and, where it has it, in Chinese."""
    text = document.text
    findings = Findings(document)
    whole = "</html>" in text[-200:]
    end = _place(_TIPS, text, 0, len(text)) if "daily-tips-section" in text else len(text)
    starts = [found.start() for found in _PAPER.finditer(text, 0, end)]
    for start, stop in zip(starts, (*starts[1:], end), strict=False):
        _read_paper(text, start, stop, findings, whole=whole or stop < len(text))
    if not whole:
        findings.problem(len(text), "the page ends before its </html>: it is cut short")
    return findings.digest(
        "quiz_page", date=heading_date(text), empty_at=max(text.find("<body"), 0), tips=_tips(text, end)
    )


def _tips(text: str, start: int) -> dict[str, str]:
    tips: dict[str, str] = {}
    for found in _DIV.finditer(text, start):
        close = text.find("</div>", found.end())
        tip = plain(text[found.end() : close]) if "tips-content" in found[1] and close >= 0 else ""
        if tip:
            tips.setdefault(language_of(found[1]), tip)
    return tips


def _read_paper(text: str, start: int, stop: int, findings: Findings, *, whole: bool) -> None:
    flow = _place(_FLOWCHART_OR_QUIZ, text, start, stop)
    drawn = text.find("</svg>", flow, stop)
    quiz = _place(_QUIZ, text, max(flow, drawn), stop)
    title, body = _title(text, start, flow)
    link = _LINK.search(text, body, flow)
    links = links_of([unescape(link[1])] if link else [])
    if not title or not (link or whole or flow < stop):
        findings.problem(
            start, "a paper without a title, left out" if whole else "a paper cut short, left out"
        )
        return
    if links == Links():
        findings.problem(start, f"no link that can be used: {title[:60]!r}")
    published = _PUBLISHED.search(text, body, flow)
    day = find_date(published[1]) if published else None
    if day is None:
        findings.problem(start, f"no date of publication that can be read: {title[:60]!r}")
    entry = Entry(
        id=paper_id(title, links.abs, links.pdf),
        title=title,
        published=day,
        links=links,
        editions=tuple(_editions(text, (body, flow, quiz, stop), findings)),
    )
    findings.add(entry, at=start)


def _place(pattern: re.Pattern[str], text: str, start: int, stop: int) -> int:
    found = pattern.search(text, start, stop)
    return found.start() if found else stop


def _title(text: str, start: int, stop: int) -> tuple[str, int]:
    """The title and where it ends; empty where there is none."""
    opening = _STRONG.search(text, start, stop)
    close = text.find("</strong>", opening.end(), stop) if opening else -1
    if opening is None or close < 0:
        return "", start
    title = plain(text[opening.end() : close])
    return ("", start) if title in {"Published:", "Link:"} else (title, close)


def _editions(text: str, places: tuple[int, int, int, int], findings: Findings) -> Iterator[Edition]:
    body, flow, quiz, stop = places
    points = _points(text, body, flow, findings)
    chart = read_flowchart(text, flow, quiz, findings)
    quizzes = read_quizzes(text, quiz, stop, findings)
    # The drawing stands on the page once, for all languages.
    for language in dict.fromkeys(("en", *points, *quizzes)):
        edition = Edition(
            language=language,
            points=points.get(language, ()),
            flowchart=chart.words,
            drawing=chart.drawing,
            quiz=quizzes.get(language, ()),
        )
        if edition.points or edition.quiz or language == "en":
            yield edition


def _points(text: str, start: int, stop: int, findings: Findings) -> dict[str, tuple[Point, ...]]:
    language = "en"
    parts: dict[str, list[tuple[int, str, str]]] = {}
    for found in _DIV.finditer(text, start, stop):
        if "data-lang" in found[1]:
            language = language_of(found[1])
        if "category-chunk" not in found[1]:
            continue
        close = text.find("</div>", found.end(), stop)
        if close < 0:
            findings.problem(found.start(), "a point that is cut short, left out")
        else:
            said = parts.setdefault(language, [])
            said.append(_point(text[found.end() : close], len(said) + 1))
    if not parts:
        findings.problem(start, "a paper without points")
    return {language: points_of(said) for language, said in parts.items()}


def _point(piece: str, place: int) -> tuple[int, str, str]:
    number = _NUMBER.match(piece)
    place, begin = (int(number[1]), number.end()) if number else (place, 0)
    opening = _STRONG.search(piece, begin)
    close = piece.find("</strong>", opening.end()) if opening else -1
    if opening is None or close < 0:
        return place, "", piece[begin:]
    return place, plain(piece[opening.end() : close]), piece[begin : opening.start()] + piece[close + 9 :]
