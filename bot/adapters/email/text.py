"""Plain text of a mail: wrapped at 72 columns, in the order of the HTML."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from bot.adapters.email.content import EmailContent, EmailEntry, EmailQuestion, topic_text
from bot.domain.card import CardMatch, CardPoint, Pieces, text_of
from bot.domain.text import columns
from bot.domain.translations import Wording, wording

_WIDTH = 72
_INDENT = "    "
_RULE = "-" * _WIDTH
_CACHED_ENTRIES = 1_024
"""The same papers go to many people."""

_WIDE_LETTER = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003fffd"
_CLOSING = "\u2019\u201d\u3001\u3002\u3009\u300b\u300d\u300f\u3011\uff01\uff09\uff0c\uff1a\uff1b\uff1f"
_UNBREAKABLE = re.compile(f"([{_WIDE_LETTER}][{_CLOSING}]*|[^ {_WIDE_LETTER}]+)( ?)")
"""Text that stays on one line, and the blank after it; Chinese and Japanese break at any letter but not before `，`."""


def text_body(content: EmailContent) -> str:
    """The content as plain text, with line feeds."""
    blocks = [f"{content.site_title} · {content.heading}\n{content.day}"]
    if content.note:
        blocks.append(_wrapped(content.note, first="", rest=""))
    if len(content.topics) > 1:
        blocks.append("\n".join(_index_lines(content)))
    blocks.append(_RULE)
    for entry in content.entries:
        blocks += [_entry_text(entry, content.words), _RULE]
    if content.more:
        blocks += ["\n".join(_rest_lines(content)), _RULE]
    if content.answers:
        blocks += ["\n".join(_answer_lines(content)), _RULE]
    blocks.append("\n".join(_footer_lines(content)))
    return "\n\n".join(blocks) + "\n"


def _index_lines(content: EmailContent) -> Iterator[str]:
    words = content.words
    yield words.in_this_mail
    for topic in content.shown_topics:
        yield _index_line(topic_text(words, topic.name, topic.count), topic.numbers, words)
    if content.answers:
        yield _index_line(f"{len(content.answers)} {words.questions}", content.quiz_numbers, words)


def _index_line(label: str, numbers: Sequence[int], words: Wording) -> str:
    listed = words.colon + ", ".join(map(str, numbers)) if numbers else ""
    return _wrapped(label + listed, first="  ", rest="    ")


def _entry_text(entry: EmailEntry, words: Wording) -> str:
    title = _wrapped(entry.title_text, first=f"{entry.number}. ".ljust(len(_INDENT)))
    links = "\n".join(_link_lines(entry, words))
    return f"{title}{_details(entry.details, words.language)}\n\n{links}"


@lru_cache(maxsize=_CACHED_ENTRIES)
def _details(entry: EmailEntry, language: str) -> str:
    """The text of a paper below its title."""
    words = wording(language)
    facts = " · ".join(_fact(entry, fact, words) for fact in entry.facts)
    parts = ["\n" + _wrapped(facts) if facts else ""]
    if entry.gist:
        parts.append(_wrapped(text_of(entry.gist)))
    if entry.points:
        parts.append("\n".join(_point_text(point, words) for point in entry.points))
    if entry.why:
        parts.append(_wrapped(words.why + words.colon + " · ".join(map(_match_text, entry.why))))
    parts += map(_question_text, entry.quiz)
    return "\n\n".join(parts)


def _fact(entry: EmailEntry, fact: str, words: Wording) -> str:
    match fact:
        case "authors":
            return text_of(entry.authors)
        case "date":
            return entry.date.replace(" ", "\u00a0")  # no line ends within it
        case "sources":
            return words.sources_many.format(count=entry.sources)
        case _:
            return words.quiz(entry.questions)


def _question_text(question: EmailQuestion) -> str:
    question_text = _wrapped(f"{question.number}. {question.text}", rest=_INDENT + "   ")
    options = (
        _wrapped(f"{letter}. {text}", first=_INDENT + "   ", rest=_INDENT + "      ")
        for letter, text in question.options
    )
    return "\n".join((question_text, *options))


def _answer_lines(content: EmailContent) -> Iterator[str]:
    yield content.words.answers
    for question in content.answers:
        yield _wrapped(f"{question.number}. {question.answer}", rest=_INDENT + "   ")


def _match_text(match: CardMatch) -> str:
    if match.excerpt:
        return f"{match.subscription} – “{_starred(match.excerpt)}”"
    return f"{match.subscription} ({', '.join(match.words)})" if match.words else match.subscription


def _starred(pieces: Pieces) -> str:
    """The text with asterisks around what matched."""
    return "".join(f"*{piece.text}*" if piece.matched else piece.text for piece in pieces)


def _point_text(point: CardPoint, words: Wording) -> str:
    label = f"{point.label}{words.colon}" if point.label else ""
    return _wrapped(label + text_of(point.text), first=_INDENT + "* ", rest=_INDENT + "  ")


def _link_lines(entry: EmailEntry, words: Wording) -> Iterator[str]:
    links = (*entry.links, (words.buttons["not"], entry.not_for_me)) if entry.not_for_me else entry.links
    width = max(columns(name) for name, _ in links) + 2
    for name, url in links:
        yield _INDENT + name + " " * (width - columns(name)) + url


def _rest_lines(content: EmailContent) -> Iterator[str]:
    yield content.words.more_heading.format(count=content.more)
    for entry in content.rest:
        yield _wrapped(entry.title_text, first="  * ")
        yield _INDENT + entry.link
    if content.rest and content.unnamed:
        yield _wrapped(content.words.more_unnamed.format(count=content.unnamed))
    yield f"{content.words.all_papers}{content.words.colon}{content.site_url}"


def _footer_lines(content: EmailContent) -> Iterator[str]:
    yield _wrapped(content.why_you, first="", rest="")
    if content.preferences_url:
        yield f"{content.words.preferences}{content.words.colon}{content.preferences_url}"
    if content.unsubscribe_url:
        yield f"{content.words.unsubscribe}{content.words.colon}{content.unsubscribe_url}"


def _wrapped(text: str, *, first: str = _INDENT, rest: str = _INDENT) -> str:
    """The one-line text in lines of at most 72 columns, longer only where it cannot be broken.

    `first` and `rest` are the indents of the first line and of the others.
    """
    lines: list[str] = []
    line, width, is_empty = first, columns(first), True
    for part, blank in _UNBREAKABLE.findall(text):
        if width + columns(part) > _WIDTH and not is_empty:
            lines.append(line.rstrip(" "))
            line, width = rest, len(rest)
        line += part + blank
        width += columns(part) + len(blank)
        is_empty = False
    return "\n".join((*lines, line.rstrip(" ")))
