"""Card: one paper made ready for every medium: cleaned, links checked, matched words marked, nothing escaped yet.

Mail, chat, web, feeds and previews all show cards, so texts are cleaned here and nowhere else.
"""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from bot.domain.gist import (
    CleanSummary,
    LabelledPart,
    Role,
    clean_summary,
    gist_of,
    label_words,
    role_of,
    without_opening,
    without_part_opening,
)
from bot.domain.message import Item
from bot.domain.notices import Reason
from bot.domain.papers import Edition, Links, Paper, PaperId
from bot.domain.query.folding import joined as folded_words
from bot.domain.text import cut, excerpt, one_line, plain_line
from bot.domain.translations import ENGLISH, Wording, wording

_NOT_IN_LINKS = re.compile(r"[^\x21-\x7e]|[\"<>\\^`{|}]")

TEXT_LIMIT = 4_000
_TITLE_LIMIT = 400
_NAME_LIMIT = 80
_CACHED_TEXTS, _CACHED_CARDS = 512, 4_096
"""Enough for a day's papers, for everybody."""
_WORDS_NAMED = 4
_AUTHORS_NAMED = 20
_FIRST_CJK = "\u2e80"
"""The first character of scripts without blanks between words, where a word may have letters beside it."""


class Piece(NamedTuple):
    """A piece of text, and whether it is a word that matched."""

    text: str
    matched: bool = False


Pieces = tuple[Piece, ...]


def text_of(pieces: Pieces) -> str:
    """The pieces as one text."""
    return "".join(piece.text for piece in pieces)


@dataclass(frozen=True, kw_only=True, slots=True)
class CardMatch:
    """A subscription that matched, and the words of the paper that did, where they tell more than its name."""

    subscription: str
    words: tuple[str, ...] = ()
    """Each once, whatever its spellings."""
    excerpt: Pieces = ()
    """The first match in points or summary with the words around it; empty where title or authors match."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CardPoint:
    """A point of a digest, or a part of a summary; `label` is in the reader's language, else the digest's own."""

    role: Role
    label: str
    text: Pieces


@dataclass(frozen=True, kw_only=True, slots=True)
class CardSummary:
    """One source's cleaned summary; with `is_points` the card's points say the same."""

    text: Pieces
    source: str
    """The source's name; empty where it has none."""
    is_points: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """Card of one paper, ready for a template. Texts are one line each and may be empty; links are http or https.

    `gist` tells in at most 280 characters what the paper does and what came out. `points` are the digest's labelled
    points, else the parts of a summary; no two `summaries` have the same text.
    """

    id: PaperId
    language: str
    title: Pieces
    authors: tuple[Pieces, ...]
    """Names of people, then names of accounts."""
    gist: Pieces
    points: tuple[CardPoint, ...]
    summaries: tuple[CardSummary, ...]
    matches: tuple[CardMatch, ...]
    sources: tuple[str, ...]
    """Names of the sources that brought it (see `source_names`)."""
    source_count: int
    """Number of sources that brought it, also of those without a name."""
    date: dt.date | None
    links: Links
    questions: int

    @property
    def title_text(self) -> str:
        return text_of(self.title)

    @property
    def gist_text(self) -> str:
        return text_of(self.gist)

    def author_line(self, most: int = _AUTHORS_NAMED) -> Pieces:
        """The first `most` authors and the number of the others; a single other one is named instead."""
        left = len(self.authors) - most
        named = self.authors if left <= 1 else self.authors[:most]
        line = [
            piece for index, name in enumerate(named) for piece in ((Piece(", "),) if index else ()) + name
        ]
        if left > 1:
            line.append(
                Piece(wording(self.language).other_authors.format(count=left, total=len(self.authors)))
            )
        return tuple(line)

    @property
    def further_summaries(self) -> tuple[CardSummary, ...]:
        """The summaries that are neither the gist nor the points."""
        return tuple(
            summary
            for summary in self.summaries
            if not summary.is_points and text_of(summary.text) != self.gist_text
        )


def cut_pieces(pieces: Pieces, limit: int) -> Pieces:
    """The pieces in at most `limit` characters, ended between words with `…` where something is left out."""
    whole = text_of(pieces)
    if len(whole) <= limit:
        return pieces
    short = cut(whole, limit).removesuffix("…")
    shortened: list[Piece] = []
    room = len(short)
    for piece in pieces:
        if room > 0:
            shortened.append(Piece(piece.text[:room], piece.matched))
        room -= len(piece.text)
    return (*shortened, Piece("…"))


def web_link(url: str | None) -> str | None:
    """The link, if it is http or https to a host, without a user name and without unusual characters; else None."""
    if not url or _NOT_IN_LINKS.search(url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    is_web = parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc
    return url if is_web else None


def web_links(links: Links) -> Links:
    return Links(
        abs=web_link(links.abs),
        pdf=web_link(links.pdf),
        huggingface=web_link(links.huggingface),
        code=web_link(links.code),
        other=tuple(link for link in links.other if web_link(link)),
    )


def marked(text: str, words: Iterable[str]) -> Pieces:
    """The text in pieces, of which every whole-word occurrence of one of `words` is a matched one."""
    spans = sorted(span for word in words for span in _occurrences(text, word))
    if not spans:
        return (Piece(text),) if text else ()
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


def _occurrences(text: str, word: str) -> list[tuple[int, int]]:
    low_text, low_word = text.lower(), word.lower()
    if len(low_text) != len(text):  # a few signs grow when lowered, and positions would shift
        low_text, low_word = text, word
    spans: list[tuple[int, int]] = []
    start = low_text.find(low_word) if word else -1
    while start >= 0:
        end = start + len(low_word)
        before, after = text[start - 1 : start], text[end : end + 1]
        if not _runs_on(before, text[start]) and not _runs_on(after, text[end - 1]):
            spans.append((start, end))
        start = low_text.find(low_word, end)
    return spans


def _runs_on(neighbour: str, last: str) -> bool:
    """True where the character beside an occurrence belongs to the same word as the occurrence's character at that end."""
    return neighbour.isalnum() and last.isalnum() and neighbour < _FIRST_CJK and last < _FIRST_CJK


def card_of(item: Item, *, language: str, text_limit: int = TEXT_LIMIT) -> Card:
    """The paper of `item` as a card in that language, else in English, else in one that it has.

    Points and summaries are at most `text_limit` long each. Cards with the default limit, those of messages, are cached: a
    day's papers go to many people. Feeds and pages cache the results themselves.
    """
    make = _cached_card if text_limit == TEXT_LIMIT else _card
    return make(item.paper, item.reasons, language, text_limit)


class _CardText(NamedTuple):
    """The cleaned texts of a paper in one language: the parts of a card that do not depend on reasons."""

    title: str
    authors: tuple[str, ...]
    gist: str
    points: tuple[tuple[Role, str, str], ...]
    summaries: tuple[tuple[str, str, bool], ...]
    """(text, source's name, whether the points say the same)"""
    links: Links
    questions: int


def _card(paper: Paper, reasons: tuple[Reason, ...], language: str, text_limit: int) -> Card:
    content = _card_text(paper, language)
    in_title = _words_matched(reasons, "title")
    in_authors = _words_matched(reasons, "authors")
    in_body = _words_matched(reasons, "summary", "points")
    return Card(
        id=paper.id,
        language=wording(language).language,
        title=marked(content.title, in_title),
        authors=tuple(marked(name, in_authors) for name in content.authors),
        gist=marked(content.gist, (*in_body, *in_title)),
        points=tuple(
            CardPoint(role=role, label=label, text=marked(cut(text, text_limit), in_body))
            for role, label, text in content.points
        ),
        summaries=tuple(
            CardSummary(text=marked(cut(text, text_limit), in_body), source=source, is_points=is_points)
            for text, source, is_points in content.summaries
        ),
        matches=_matches(
            reasons, [*(text for _, _, text in content.points), *(text for text, _, _ in content.summaries)]
        ),
        sources=source_names(paper.digests),
        source_count=paper.source_count,
        date=paper.date or paper.published,
        links=content.links,
        questions=content.questions,
    )


_cached_card = lru_cache(maxsize=_CACHED_CARDS)(_card)


@lru_cache(maxsize=_CACHED_TEXTS)
def _card_text(paper: Paper, language: str) -> _CardText:
    edition = _edition(paper, language)
    title = (edition.title if edition.language == language else None) or paper.title
    cleaned = _summaries(paper, edition)
    summaries = [summary for summary, _ in cleaned]
    in_parts = next((summary for summary in summaries if summary.parts), None)
    gist = gist_of(summaries, edition.points)
    written = _own_parts(edition) or _with_one_beginning(in_parts.parts if in_parts else ())
    parts = [part for part in written if not _is_told(part, gist)]
    return _CardText(
        title=plain_line(title, _TITLE_LIMIT) or paper.id,
        authors=tuple(_authors(paper)),
        gist=gist,
        points=tuple(_labelled(parts, wording(language))),
        summaries=tuple(
            (summary.text, source, summary is in_parts and not edition.points) for summary, source in cleaned
        ),
        links=web_links(paper.links),
        questions=len(edition.quiz),
    )


def _edition(paper: Paper, language: str) -> Edition:
    """The edition to show: of another language where those of the reader's language and of English are empty."""
    edition = paper.edition(language)
    if edition.points or edition.quiz or paper.summaries:
        return edition
    return next((other for other in paper.editions if other.points or other.summary), edition)


def _summaries(paper: Paper, edition: Edition) -> list[tuple[CleanSummary, str]]:
    """The cleaned summaries with their sources' names: a translated one first, each text once."""
    written = [(edition.summary, "")] if edition.summary else []
    written += [
        (summary.text, next(iter(source_names((summary.digest,))), "")) for summary in paper.summaries
    ]
    summaries: dict[str, tuple[CleanSummary, str]] = {}
    for text, source in written:
        summary = clean_summary(text, paper.title)
        summaries.setdefault(summary.text, (summary, source))
    summaries.pop("", None)
    return list(summaries.values())


def _own_parts(edition: Edition) -> list[LabelledPart]:
    parts = (
        LabelledPart(role_of(point.label), label_words(point.label), clean_summary(point.text).text)
        for point in edition.points
    )
    return [part for part in parts if part.text]


def _with_one_beginning(parts: Sequence[LabelledPart]) -> list[LabelledPart]:
    """The parts, of which an unlabelled first one gets the role `gist` where a later part has its role."""
    is_beginning = any(not parts[0].label and other.role == parts[0].role for other in parts[1:])
    return [parts[0]._replace(role="gist"), *parts[1:]] if is_beginning else list(parts)


def _is_told(part: LabelledPart, gist: str) -> bool:
    """True for a part that the gist contains already."""
    return part.role == "gist" and gist.startswith(without_opening(part.text).rstrip(" ."))


def _labelled(parts: Iterable[LabelledPart], words: Wording) -> list[LabelledPart]:
    """The parts with labels in the reader's language, each label once: a part that the digest calls so has precedence."""
    parts = list(parts)
    called = {part.role for part in parts if _is_called(part)}
    labelled: list[LabelledPart] = []
    for part in parts:
        used = {other.label for other in labelled}
        known = words.roles.get(part.role, part.label)
        if part.label and part.role in called and not _is_called(part):
            known = part.label
        if known in used:
            known = "" if part.label in used else part.label
        text = (
            without_part_opening(part.text)
            if part.role in ("problem", "method", "result", "use")
            else part.text
        )
        labelled.append(part._replace(label=known, text=text))
    return labelled


def _is_called(part: LabelledPart) -> bool:
    """True where the digest's label is the role's English name."""
    return part.label.casefold() == ENGLISH.roles.get(part.role, "").casefold()


_HANDLE = re.compile(r"(?=.*[a-z])[a-z0-9][\w.-]*|[A-Za-z][\w.-]*[\d_][\w.-]*|[A-Za-z]+-[a-z]+")


def _names(author: str) -> list[str]:
    """The names in one author of a digest: `Ada Osei, Kuan Li` are two, `Osei, Ada` is one."""
    names = author.split(", ")
    return names if all(" " in name for name in names) else [author]


def _authors(paper: Paper) -> list[str]:
    written = (name for author in paper.authors for name in _names(plain_line(author)))
    names = [name for name in (cut(name, _NAME_LIMIT) for name in written) if name]
    return sorted(names, key=lambda name: _HANDLE.fullmatch(name) is not None)


_DATED = re.compile(r"[\d._-]*\d{4}[\d._-]*|\d{1,4}")
_GENERIC_FOLDERS = frozenset(
    {"state", "sources", "data", "out", "output", "archive", "history", "inbox", "digests", "papers"}
)


def source_names(digests: Iterable[str]) -> tuple[str, ...]:
    """Display names of the sources of these digests, each once: the first folder that is neither a date nor a generic name.

    Where all folders are generic it is the first of them; a digest in no folder has none.
    """
    names: dict[str, None] = {}
    for digest in digests:
        folders = [plain_line(folder, 60) for folder in digest.split("/")[:-1]]
        named = [folder for folder in folders if folder and not _DATED.fullmatch(folder)]
        if named:
            names[next((folder for folder in named if folder not in _GENERIC_FOLDERS), named[0])] = None
    return tuple(names)


def _matches(reasons: Iterable[Reason], texts: Sequence[str]) -> tuple[CardMatch, ...]:
    """The matches that a card shows, in the order of the reasons."""
    matches: list[CardMatch] = []
    for reason in reasons:
        words = _telling_words(reason)
        in_body = [
            plain_line(why.text, _NAME_LIMIT) for why in reason.why if why.field in ("points", "summary")
        ]
        in_head = any(why.field in ("title", "authors") for why in reason.why)
        excerpt = () if in_head or not in_body else _excerpt(in_body[0], texts)
        matches.append(
            CardMatch(subscription=one_line(reason.subscription, _NAME_LIMIT), words=words, excerpt=excerpt)
        )
    return tuple(matches)


_FIELD_PREFIX = re.compile(r"^(?:title|author|summary|source):\s*|[\"“”=*]", re.IGNORECASE)


def _telling_words(reason: Reason) -> tuple[str, ...]:
    """The matched words that are not the subscription's name, each in its first spelling, the first four."""
    known = {_folded(_FIELD_PREFIX.sub("", reason.subscription)), ""}
    words: list[str] = []
    for why in reason.why:
        word = plain_line(why.text, _NAME_LIMIT)
        if (folded := _folded(word)) not in known:
            known.add(folded)
            words.append(word)
    return tuple(words[:_WORDS_NAMED])


def _folded(text: str) -> str:
    return folded_words(text, "folded").replace(" ", "")


def _excerpt(word: str, texts: Sequence[str]) -> Pieces:
    """The first occurrence of the word in the texts, with some words on either side; empty where there is none."""
    for text in texts:
        spans = _occurrences(text, word)
        if not spans:
            continue
        before, found, after = excerpt(text, *spans[0])
        pieces = (Piece(before), Piece(found, matched=True), Piece(after))
        return tuple(piece for piece in pieces if piece.text)
    return ()


def _words_matched(reasons: tuple[Reason, ...], *fields: str) -> tuple[str, ...]:
    texts = (why.text for reason in reasons for why in reason.why if why.field in fields)
    return tuple(dict.fromkeys(filter(None, map(plain_line, texts))))
