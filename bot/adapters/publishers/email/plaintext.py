"""The letter as plain text, set for 72 columns."""

import re
from collections.abc import Iterator

from bot.adapters.publishers.email.letter import Letter, Story
from bot.adapters.publishers.email.questions import ShownQuestion
from bot.domain.card import Pieces, ShownMatch, ShownPoint
from bot.domain.text import columns

_WIDTH = 72
_INDENT = "   "
_RULE = "-" * _WIDTH

_WIDE_LETTER = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003fffd"
_CLOSING = "\u2019\u201d\u3001\u3002\u3009\u300b\u300d\u300f\u3011\uff01\uff09\uff0c\uff1a\uff1b\uff1f"
_STRETCH = re.compile(f"([{_WIDE_LETTER}][{_CLOSING}]*|[^ {_WIDE_LETTER}]+)( ?)")
"""What must stay on one line, and the blank after it; Chinese and Japanese break at any letter but not before `，`."""


def plain_text(letter: Letter) -> str:
    """The whole letter with line feeds, in the order of the HTML."""
    blocks = [f"{letter.site_title} · {letter.heading}\n{letter.day}", _RULE]
    for number, story in enumerate(letter.stories, start=1):
        blocks.extend((_story(letter, story, number), _RULE))
    if letter.answers:
        blocks.extend((_answers(letter), _RULE))
    if letter.rest:
        blocks.extend((_rest(letter), _RULE))
    blocks.append(_footer(letter))
    return "\n\n".join(blocks) + "\n"


def _story(letter: Letter, story: Story, number: int) -> str:
    paper = story.paper
    parts = [_filled(paper.title, first=f"{number}. ".ljust(len(_INDENT)))]
    if paper.authors:
        parts[0] += "\n" + _filled(_joined(paper.authors))
    if paper.matches:
        named = "; ".join(map(_match, paper.matches))
        parts.append(_filled(f"{letter.words.matched}: {named}"))
    parts.extend(_filled(_joined(summary)) for summary in paper.summaries[:1])
    if paper.points:
        parts.append("\n".join(map(_point, paper.points)))
    if paper.questions:
        parts.append(_filled(letter.words.quiz(paper.questions)))
    parts.extend(map(_question, story.quiz))
    parts.append("\n".join(_links(story)))
    return "\n\n".join(parts)


def _question(question: ShownQuestion) -> str:
    asked = _filled(f"{question.number}. {question.text}", rest=_INDENT + "   ")
    options = (
        _filled(f"{letter}. {text}", first=_INDENT * 2, rest=_INDENT * 3) for letter, text in question.options
    )
    return "\n".join((asked, *options))


def _answers(letter: Letter) -> str:
    answers = (
        _filled(f"{question.number}. {question.answer}", rest=_INDENT + "   ") for question in letter.answers
    )
    return "\n".join((letter.words.answers, *answers))


def _match(match: ShownMatch) -> str:
    words = ", ".join(f"“{word}”" for word in match.words)
    return f"{match.subscription} ({words})" if words else match.subscription


def _point(point: ShownPoint) -> str:
    label = f"{point.label}: " if point.label else ""
    return _filled(label + _joined(point.text), first=_INDENT + "* ", rest=_INDENT + "  ")


def _links(story: Story) -> Iterator[str]:
    width = max(columns(name) for name, _ in story.links) + 2
    for name, url in story.links:
        yield _INDENT + name + " " * (width - columns(name)) + url


def _rest(letter: Letter) -> str:
    lines = [letter.words.more_heading.format(count=letter.rest)]
    lines.extend(_filled(title, first=_INDENT + "* ", rest=_INDENT + "  ") for title in letter.rest_titles)
    if letter.rest_titles and letter.unnamed:
        lines.append(_filled(letter.words.more_unnamed.format(count=letter.unnamed)))
    lines.append(f"{_INDENT}{letter.words.all_papers}: {letter.site_url}")
    return "\n".join(lines)


def _footer(letter: Letter) -> str:
    lines = [_filled(letter.why_you, first="", rest="")]
    if letter.unsubscribe_url:
        lines.append(f"{letter.words.unsubscribe}: {letter.unsubscribe_url}")
    return "\n".join(lines)


def _joined(pieces: Pieces) -> str:
    return "".join(piece.text for piece in pieces)


def _filled(text: str, *, first: str = _INDENT, rest: str = _INDENT) -> str:
    """The one-line text in lines of at most 72 columns; only what has no place to break is longer."""
    lines: list[str] = []
    line, width, bare = first, columns(first), True
    for stretch, blank in _STRETCH.findall(text):
        if width + columns(stretch) > _WIDTH and not bare:
            lines.append(line.rstrip(" "))
            line, width = rest, len(rest)
        line += stretch + blank
        width += columns(stretch) + len(blank)
        bare = False
    return "\n".join((*lines, line.rstrip(" ")))
