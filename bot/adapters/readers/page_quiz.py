"""The quiz on a page: questions by language, with the key that the page itself uses."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bot.adapters.readers.findings import Findings
from bot.adapters.readers.page_text import language_of, plain
from bot.adapters.readers.quizzes import MAX_QUESTIONS, question_of
from bot.domain.papers import Question

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
            popup.question = _question(piece)
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


def _question(piece: str) -> str:
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
