"""Reads quiz pages copied out as plain text: the English half, the drawing only as words, no key.

    2025-09-18 Papers / 1/2 / Paper 1 / TITLE / Published: DAY / Link: URL / 1. POINT … 5. POINT
    / TITLE / WORDS OF THE FLOWCHART / Q1 / 1. QUESTION / OPTION / OPTION / OPTION / Q2 …
    / Today's Reading Tips / TIPS

Blank lines say nothing. Where a paper has no flowchart, `1/2` and the second title are missing too.
"""

import datetime as dt
import re
from collections import Counter
from typing import NamedTuple

from bot.adapters.readers.document import (
    MAX_QUESTIONS,
    DigestText,
    Findings,
    find_date,
    links_of,
    points_of,
    question_of,
)
from bot.domain.digests import Digest
from bot.domain.flowchart import Flowchart
from bot.domain.papers import Edition, Entry, Links, Point, Question, paper_id
from bot.domain.text import one_line

_HEADING = re.compile(r"\s*(\d{4}-\d\d-\d\d) Papers[ \t]*(?:\n|\Z)")
_PAPER = re.compile(r"Paper\s*:?\s*\d+")
_PAPER_LINE = re.compile(r"^[ \t]*Paper[ \t]*:?[ \t]*\d+[ \t]*$", re.MULTILINE)
_PAPER_BEGUN = re.compile(r"P(?:a(?:p(?:e(?:r(?:\s*:?\s*\d*)?)?)?)?)?")
_COUNTER = re.compile(r"\d+/\d+")
_POINT = re.compile(r"(\d{1,2})\.\s+(?:([^:：*]{1,60})[:：])?(.*)")
_MARK = re.compile(r"Q(\d{1,3})")
_NUMBERED = re.compile(r"\d{1,3}[.)．、]")
_TIPS = re.compile(r"Today['’]s Reading Tips|今日阅读推荐")
_MAX_TITLE_LINES = 5


class _Line(NamedTuple):
    at: int
    text: str


class _OptionCount(NamedTuple):
    at: int
    options: int


def recognises(document: DigestText) -> int:
    """4 where the first line says whose papers follow, 2 where papers with their day and link stand."""
    text = document.text
    if _HEADING.match(text):
        return 4
    return 2 if "Published:" in text and _PAPER_LINE.search(text) else 0


def heading_date(text: str) -> dt.date | None:
    """The date in the first line."""
    matched = _HEADING.match(text)
    return find_date(matched[1]) if matched else None


def read(document: DigestText) -> Digest:
    """The text's papers with points, flowchart and quiz, all in English."""
    findings = Findings(document)
    lines, tips = _without_tips(_lines(document.text))
    lines = _without_beginning(lines, findings)
    starts = [index for index in range(len(lines)) if _is_paper(lines, index)]
    counts: list[_OptionCount] = []
    for start, end in zip(starts, (*starts[1:], len(lines)), strict=False):
        block = lines[start:end]
        if end < len(lines) and _COUNTER.fullmatch(block[-1].text):
            block.pop()
        torn = end == len(lines) and not document.text.endswith("\n")
        _read_paper(block, findings, counts, torn=torn)
    _compare(counts, findings)
    return findings.digest("quiz_text", date=heading_date(document.text), empty_at=0, tips=tips)


def _lines(text: str) -> list[_Line]:
    """The lines that are not blank, folded, with their places."""
    lines: list[_Line] = []
    at = 0
    for line in text.split("\n"):
        said = one_line(line)
        if said:
            lines.append(_Line(at, said))
        at += len(line) + 1
    return lines


def _is_paper(lines: list[_Line], index: int) -> bool:
    """True for `Paper 1` before a title and a day of publication, which a file that is cut short may lack."""
    if not _PAPER.fullmatch(lines[index].text):
        return False
    following = lines[index + 1 : index + 2 + _MAX_TITLE_LINES]
    return not following[1:] or any(line.text.startswith("Published:") for line in following)


def _without_tips(lines: list[_Line]) -> tuple[list[_Line], dict[str, str]]:
    for index in range(len(lines) - 1, -1, -1):
        if _TIPS.fullmatch(lines[index].text):
            tips = " ".join(line.text for line in lines[index + 1 :])
            return lines[:index], {"en": tips} if tips else {}
    return lines, {}


def _without_beginning(lines: list[_Line], findings: Findings) -> list[_Line]:
    """The lines without a next paper's first ones at the end of a file that is cut short."""
    rest = lines
    if len(lines) > 1 and _COUNTER.fullmatch(lines[-2].text) and _PAPER_BEGUN.fullmatch(lines[-1].text):
        rest = lines[:-2]
    elif lines and _COUNTER.fullmatch(lines[-1].text):
        rest = lines[:-1]
    if rest is not lines and rest:
        findings.problem(lines[-1].at, "a paper that is cut short, left out")
    return rest


def _read_paper(block: list[_Line], findings: Findings, counts: list[_OptionCount], *, torn: bool) -> None:
    heads = {word: index for index, word in _heads(block)}
    published, link = heads.get("Published:", 0), heads.get("Link:", 0)
    title = " ".join(line.text for line in block[1:published])
    if not title or not link or (torn and link == len(block) - 1):
        findings.problem(block[0].at, "a paper that is cut short, left out")
        return
    links = links_of([block[link].text.removeprefix("Link:")])
    if links == Links():
        findings.problem(block[link].at, f"no link that can be used: {title[:60]!r}")
    day = find_date(block[published].text)
    if day is None:
        findings.problem(block[published].at, f"no date of publication that can be read: {title[:60]!r}")
    marks = _marks(block, link + 1)
    points, words = _body(block[link + 1 : marks[0] if marks else len(block)], title, findings)
    entry = Entry(
        id=paper_id(title, links.abs, links.pdf),
        title=title,
        published=day,
        links=links,
        flowchart=Flowchart(text=words) if words else None,
        editions=(Edition(language="en", points=points, quiz=_quiz(block, marks, findings, counts)),),
    )
    findings.add(entry, at=block[0].at)


def _heads(block: list[_Line]) -> list[tuple[int, str]]:
    """(index of the line, its label) of the day and of the link; the first of each."""
    found: list[tuple[int, str]] = []
    for word in ("Published:", "Link:"):
        begin = found[-1][0] + 1 if found else 1
        indices = range(begin, min(len(block), begin + 1 + _MAX_TITLE_LINES))
        found += [(index, word) for index in indices if block[index].text.startswith(word)][:1]
    return found


def _body(lines: list[_Line], title: str, findings: Findings) -> tuple[tuple[Point, ...], str]:
    """The points, and the flowchart's words after the second title."""
    parts: list[tuple[int, str, str]] = []
    for line in lines:
        point = _POINT.fullmatch(line.text)
        if point is None or int(point[1]) != len(parts) + 1:
            break
        parts.append((int(point[1]), point[2] or "", point[3]))
    rest = lines[len(parts) :]
    texts = [line.text for line in rest]
    if title in texts:
        index = texts.index(title)
        words = texts[index + 1 :]
        stray = rest[:index]
    else:
        words, stray = [], rest
    if stray:
        findings.problem(stray[0].at, f"neither point nor flowchart nor quiz: {stray[0].text[:60]!r}")
    return points_of(parts), " ".join(words)


def _marks(block: list[_Line], begin: int) -> list[int]:
    """Indexes of the lines `Q1`, `Q2` … that precede a numbered question or end the file."""
    marks: list[int] = []
    for index in range(begin, len(block)):
        mark = _MARK.fullmatch(block[index].text)
        last = index + 1 == len(block)
        if mark and int(mark[1]) > len(marks) and (last or _NUMBERED.match(block[index + 1].text)):
            marks.append(index)
    return marks


def _quiz(
    block: list[_Line], marks: list[int], findings: Findings, counts: list[_OptionCount]
) -> tuple[Question, ...]:
    quiz: list[Question] = []
    for mark, end in zip(marks[:MAX_QUESTIONS], (*marks[1:], len(block)), strict=False):
        at = block[mark].at
        text, *options = [line.text for line in block[mark + 1 : end]] or [""]
        problems: list[str] = []
        question = question_of(text, options, keys=None, problems=problems)
        for what in problems:
            findings.problem(at, what)
        if question:
            quiz.append(question)
            counts.append(_OptionCount(at, len(question.options)))
    return tuple(quiz)


def _compare(counts: list[_OptionCount], findings: Findings) -> None:
    """Name questions that lost an option: copying drops what looks like markup or an emoji."""
    numbers = Counter(count.options for count in counts)
    usual = max(numbers, key=lambda number: (numbers[number], number), default=0)
    for count in counts:
        if count.options < usual:
            findings.problem(count.at, f"{count.options} options where the others have {usual}")
