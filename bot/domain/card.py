"""Cards: papers made ready for any medium: cleaned, links checked, matched words marked, nothing escaped yet."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from bot.domain.message import Item
from bot.domain.notices import Reason
from bot.domain.papers import Links, Paper, PaperId, Point
from bot.domain.text import one_line

_NOT_IN_LINKS = re.compile(r"[^\x21-\x7e]|[\"<>\\^`{|}]")

_WORDS_NAMED = 4
_AUTHORS_NAMED = 20
_FIRST_CJK = "\u2e80"
"""From here on scripts put no blanks between words, so a neighbouring letter does not disprove a match."""


class Piece(NamedTuple):
    """A stretch of text, and whether it is among the words that matched."""

    text: str
    matched: bool = False


Pieces = tuple[Piece, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownMatch:
    """A subscription that matched, and the paper's words that made it so where they tell more than its name."""

    subscription: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownPoint:
    label: str
    text: Pieces


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownPaper:
    """One paper, ready for a template. Texts are one line each and may be empty; links are http or https."""

    id: PaperId
    title: str
    title_pieces: Pieces
    authors: Pieces
    matches: tuple[ShownMatch, ...]
    summaries: tuple[Pieces, ...]
    points: tuple[ShownPoint, ...]
    links: Links
    questions: int


def web_link(url: str | None) -> str | None:
    """The link if it is plain http or https to a host, without a user name and without odd signs; else None."""
    if not url or _NOT_IN_LINKS.search(url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    usual = parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc
    return url if usual else None


def web_links(links: Links) -> Links:
    return Links(
        abs=web_link(links.abs),
        pdf=web_link(links.pdf),
        huggingface=web_link(links.huggingface),
        code=web_link(links.code),
        other=tuple(link for link in links.other if web_link(link)),
    )


def paper_url(site_url: str, paper: PaperId) -> str:
    """URL of the paper's page on the web server."""
    return f"{site_url.rstrip('/')}/papers/{quote(paper, safe=':/')}"


def marked(text: str, words: Iterable[str]) -> Pieces:
    """The text in pieces, with every whole-word occurrence of one of `words` a matched one; joined they are the text."""
    spans = sorted(span for word in words for span in _occurrences(text, word))
    pieces: list[Piece] = []
    at = 0
    for start, end in spans:
        if end <= at:
            continue
        if start > at:
            pieces.append(Piece(text[at:start]))
        pieces.append(Piece(text[max(start, at) : end], matched=True))
        at = end
    if at < len(text):
        pieces.append(Piece(text[at:]))
    return tuple(pieces)


def _occurrences(text: str, word: str) -> Iterator[tuple[int, int]]:
    if not word:
        return
    low_text, low_word = text.lower(), word.lower()
    if len(low_text) != len(text):  # a few signs grow when lowered, and positions would shift
        low_text, low_word = text, word
    start = low_text.find(low_word)
    while start >= 0:
        end = start + len(low_word)
        if not _runs_on(text[start - 1 : start], text[start]) and not _runs_on(
            text[end - 1], text[end : end + 1]
        ):
            yield start, end
        start = low_text.find(low_word, end)


def _runs_on(left: str, right: str) -> bool:
    """True where both neighbours belong to one word."""
    return left.isalnum() and right.isalnum() and left < _FIRST_CJK and right < _FIRST_CJK


def shown_matches(reasons: Iterable[Reason]) -> tuple[ShownMatch, ...]:
    """The matches to name as the reason, in the subscriptions' order."""
    return tuple(
        ShownMatch(subscription=one_line(reason.subscription, 80), words=_telling_words(reason))
        for reason in reasons
    )


def _telling_words(reason: Reason) -> tuple[str, ...]:
    words = {(word := one_line(why.text, 80)).casefold(): word for why in reversed(reason.why)}
    words.pop(reason.subscription.casefold(), None)
    words.pop("", None)
    return tuple(reversed(words.values()))[:_WORDS_NAMED]


def _words_matched(reasons: tuple[Reason, ...], belongs: Callable[[str], bool]) -> tuple[str, ...]:
    texts = (why.text for reason in reasons for why in reason.why if belongs(why.field))
    return tuple(dict.fromkeys(filter(None, map(one_line, texts))))


def shown_paper(item: Item, *, language: str, text_limit: int) -> ShownPaper:
    """The paper of `item` in that language (English where there is none); each text at most `text_limit` long."""
    paper, reasons = item.paper, item.reasons
    title = one_line(paper.title, 400) or paper.id
    in_body = _words_matched(reasons, lambda field: not field.startswith(("title", "author", "source")))
    edition = paper.edition(language)
    return ShownPaper(
        id=paper.id,
        title=title,
        title_pieces=marked(title, _words_matched(reasons, lambda field: field.startswith("title"))),
        authors=marked(
            _author_line(paper), _words_matched(reasons, lambda field: field.startswith("author"))
        ),
        matches=shown_matches(reasons),
        summaries=tuple(
            marked(text, in_body)
            for text in (one_line(summary.text, text_limit) for summary in paper.summaries)
            if text
        ),
        points=tuple(_shown_point(point, in_body, text_limit) for point in edition.points),
        links=web_links(paper.links),
        questions=len(edition.quiz),
    )


def _shown_point(point: Point, words: tuple[str, ...], limit: int) -> ShownPoint:
    return ShownPoint(label=one_line(point.label, 120), text=marked(one_line(point.text, limit), words))


def _author_line(paper: Paper) -> str:
    names = [name for name in map(one_line, paper.authors) if name]
    return ", ".join(names[:_AUTHORS_NAMED]) + (" …" if len(names) > _AUTHORS_NAMED else "")
