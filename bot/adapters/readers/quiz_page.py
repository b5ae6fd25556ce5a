"""Reads quiz pages: HTML with the day's papers, each with five points, a flowchart and a quiz with its key.

The pages hold raw, unescaped texts, and drawings cut off in the middle of a comment or a style sheet; an HTML
parser loses what stands behind those. So a page is cut at the headings and the `<div class=…>` that its
generator always writes, and only the pieces are looked at. No step takes more than linear time.
"""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bot.adapters.readers.document import (
    MAX_QUESTIONS,
    DigestText,
    Findings,
    find_date,
    language_of,
    links_of,
    plain,
    points_of,
    question_of,
)
from bot.domain.digests import Digest
from bot.domain.flowchart import Flowchart
from bot.domain.papers import Edition, Entry, Links, Point, Question, paper_id
from bot.domain.text import unescape

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


def recognises(document: DigestText) -> int:
    """4 for HTML that calls itself a day's papers, 2 for HTML with cards like such a page's."""
    if _HEADING.search(document.text):
        return 4
    return 2 if 'class="' in document.text and _CARD.search(document.text) else 0


def heading_date(text: str) -> dt.date | None:
    """The date in the page's title or first heading."""
    match = _HEADING.search(text)
    return find_date(match[0]) if match else None


def read(document: DigestText) -> Digest:
    """The page's papers, with points, flowchart and quiz in English and, where it has it, in Chinese."""
    text = document.text
    findings = Findings(document)
    whole = "</html>" in text[-200:]
    end = _start_of(_TIPS, text, 0, len(text)) if "daily-tips-section" in text else len(text)
    starts = [match.start() for match in _PAPER.finditer(text, 0, end)]
    for start, stop in zip(starts, (*starts[1:], end), strict=False):
        _read_paper(text, start, stop, findings, whole=whole or stop < len(text))
    if not whole:
        findings.problem(len(text), "the page ends before its </html>: it is cut short")
    return findings.digest(
        "quiz_page", date=heading_date(text), empty_at=max(text.find("<body"), 0), tips=_tips(text, end)
    )


def _tips(text: str, start: int) -> dict[str, str]:
    tips: dict[str, str] = {}
    for match in _DIV.finditer(text, start):
        close = text.find("</div>", match.end())
        tip = plain(text[match.end() : close]) if "tips-content" in match[1] and close >= 0 else ""
        if tip:
            tips.setdefault(language_of(match[1]), tip)
    return tips


def _read_paper(text: str, start: int, stop: int, findings: Findings, *, whole: bool) -> None:
    flow = _start_of(_FLOWCHART_OR_QUIZ, text, start, stop)
    drawn = text.find("</svg>", flow, stop)
    quiz = _start_of(_QUIZ, text, max(flow, drawn), stop)
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
        flowchart=read_flowchart(text, flow, quiz, findings),
        editions=tuple(_editions(text, (body, flow, quiz, stop), findings)),
    )
    findings.add(entry, at=start)


def _start_of(pattern: re.Pattern[str], text: str, start: int, stop: int) -> int:
    match = pattern.search(text, start, stop)
    return match.start() if match else stop


def _title(text: str, start: int, stop: int) -> tuple[str, int]:
    """The title and where it ends; empty where there is none."""
    opening = _STRONG.search(text, start, stop)
    close = text.find("</strong>", opening.end(), stop) if opening else -1
    if opening is None or close < 0:
        return "", start
    title = plain(text[opening.end() : close])
    return ("", start) if title in {"Published:", "Link:"} else (title, close)


def _editions(text: str, bounds: tuple[int, int, int, int], findings: Findings) -> Iterator[Edition]:
    body, flow, quiz, stop = bounds
    points = _points(text, body, flow, findings)
    quizzes = read_quizzes(text, quiz, stop, findings)
    for language in dict.fromkeys(("en", *points, *quizzes)):
        edition = Edition(
            language=language,
            points=points.get(language, ()),
            quiz=quizzes.get(language, ()),
        )
        if edition.points or edition.quiz or language == "en":
            yield edition


def _points(text: str, start: int, stop: int, findings: Findings) -> dict[str, tuple[Point, ...]]:
    language = "en"
    parts: dict[str, list[tuple[int, str, str]]] = {}
    for match in _DIV.finditer(text, start, stop):
        if "data-lang" in match[1]:
            language = language_of(match[1])
        if "category-chunk" not in match[1]:
            continue
        close = text.find("</div>", match.end(), stop)
        if close < 0:
            findings.problem(match.start(), "a point that is cut short, left out")
        else:
            points = parts.setdefault(language, [])
            points.append(_point(text[match.end() : close], len(points) + 1))
    if not parts:
        findings.problem(start, "a paper without points")
    return {language: points_of(points) for language, points in parts.items()}


def _point(piece: str, index: int) -> tuple[int, str, str]:
    number = _NUMBER.match(piece)
    index, begin = (int(number[1]), number.end()) if number else (index, 0)
    opening = _STRONG.search(piece, begin)
    close = piece.find("</strong>", opening.end()) if opening else -1
    if opening is None or close < 0:
        return index, "", piece[begin:]
    return index, plain(piece[opening.end() : close]), piece[begin : opening.start()] + piece[close + 9 :]


_MARK = re.compile(r"<div\b[^<>]*?\bclass\s*=\s*[\"'](?:[^\"'<>]*\s)??quiz-(popup|question|choice)(?![\w-])")
_PLAIN_POPUP = re.compile(r'"\s+data-answer="([^"]*)"(?:\s+data-lang="([a-z]+)"[^<>]*)?>\s*\Z')
_PLAIN_CHOICE = re.compile(r'[^"<>]*"\s+data-value="[^"]*"\s*>([^<]*)</div>')
"""How the generator writes tags as long as no text in them disturbs it."""
_KEY = re.compile(r"\bdata-answer\s*=\s*([\"'])")
_KEY_END = re.compile(r"[\"'](?:\s+(?:data-lang|style)\s*=|\s*>\s*\Z)")
_VALUE = re.compile(r"\bdata-value\s*=\s*([\"'])")
_VALUE_END = re.compile(r"[\"']\s*>")


@dataclass(kw_only=True, slots=True)
class _Popup:
    at: int
    language: str
    keys: tuple[str, ...]
    question: str = ""
    options: list[str] = field(default_factory=list)
    whole: bool = False


def read_quizzes(text: str, start: int, stop: int, findings: Findings) -> dict[str, tuple[Question, ...]]:
    """The questions between `start` and `stop` by language; `en` where the page names none."""
    quizzes: dict[str, list[Question]] = {}
    for popup in _popups(text, start, stop):
        quiz = quizzes.setdefault(popup.language, [])
        if not popup.whole:
            findings.problem(popup.at, "a question that is cut short, left out")
        elif len(quiz) == MAX_QUESTIONS:
            findings.problem(popup.at, f"over {MAX_QUESTIONS} questions on one paper, left out")
        else:
            problems: list[str] = []
            question = question_of(popup.question, popup.options, keys=popup.keys, problems=problems)
            for what in problems:
                findings.problem(popup.at, what)
            quiz += [question] if question else []
    return {language: tuple(quiz) for language, quiz in quizzes.items() if quiz}


def _popups(text: str, start: int, stop: int) -> Iterator[_Popup]:
    marks = list(_MARK.finditer(text, start, stop))
    ends = (*(mark.start() for mark in marks[1:]), stop)
    popup: _Popup | None = None
    for mark, end in zip(marks, ends, strict=False):
        piece = text[mark.end() : end]
        if mark[1] == "popup":
            if popup:
                yield popup
            popup = _opened(piece, mark.start())
        elif popup and mark[1] == "question":
            popup.question = _question_text(piece)
        elif popup and mark[1] == "choice":
            option = _option(piece)
            popup.options += [] if option is None else [option]
            popup.whole = piece.count("</div>") > 1  # its own, and that of all choices
    if popup:
        yield popup


def _opened(piece: str, at: int) -> _Popup:
    """The popup whose attributes begin the piece; the key may hold quotation marks and angle brackets."""
    usual = _PLAIN_POPUP.match(piece)
    if usual:
        return _Popup(at=at, language=usual[2] or "en", keys=(plain(usual[1]),))
    key = _KEY.search(piece)
    if key is None:
        return _Popup(at=at, language=language_of(piece), keys=())
    end = _KEY_END.search(piece, key.end())
    whole = piece[key.end() : end.start() if end else len(piece)]
    short = whole.partition(key[1])[0]
    outside = piece[: key.start()] + piece[key.end() + len(whole) :]
    keys = (whole,) if short == whole else (whole, short)
    return _Popup(at=at, language=language_of(outside), keys=tuple(map(plain, keys)))


def _question_text(piece: str) -> str:
    content = piece.find(">") + 1
    close = piece.find("</div>", content)
    return plain(piece[content:close]) if content and close >= 0 else ""


def _option(piece: str) -> str | None:
    """The option's text, which the page writes twice: in its attribute, and as what is shown."""
    usual = _PLAIN_CHOICE.match(piece)
    if usual:
        return plain(usual[1])
    close = piece.find("</div>")
    if close < 0:
        return None
    value = _VALUE.search(piece, 0, close)
    if value is None:
        return plain(piece[piece.find(">", 0, close) + 1 : close])
    twice = piece[value.end() : close]
    half = len(twice) // 2 - 1
    if twice[half : half + 2] == value[1] + ">" and twice[:half] == twice[half + 2 :]:
        return plain(twice[:half])
    end = _VALUE_END.search(twice)
    return plain(twice[end.end() if end else twice.find(">") + 1 :])


MAX_DRAWING = 200_000
"""Characters; real drawings have at most 23,000."""


def read_flowchart(text: str, start: int, stop: int, findings: Findings) -> Flowchart | None:
    """The flowchart in the card at `start`; an SVG that is never closed ends with the card, at `stop`."""
    begin = text.find("<svg", start, stop)
    if begin < 0:
        if start < stop:
            findings.problem(start, "a flowchart card without a drawing")
        return None
    end = text.rfind("</svg>", begin, stop)
    if end < 0:
        findings.problem(begin, "a drawing that is never closed")
    drawing = text[begin : end + len("</svg>")] if end >= 0 else _without_card(text[begin:stop])
    if len(drawing) > MAX_DRAWING:
        findings.problem(begin, f"a drawing of more than {MAX_DRAWING:,} characters, left out")
        return None
    return Flowchart(drawing=drawing.strip())


def _without_card(drawing: str) -> str:
    """The drawing without the ends of the elements around it."""
    drawing = drawing.rstrip()
    while drawing.endswith("</div>"):
        drawing = drawing.removesuffix("</div>").rstrip()
    return drawing
