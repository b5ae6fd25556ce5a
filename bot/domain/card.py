"""Card: one paper made ready for every medium: cleaned, links checked, matched words marked, nothing escaped yet.

Mail, chat, web, feeds and previews show cards and nothing else; what is cleaned is cleaned here.
"""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlsplit

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
from bot.domain.text import cut, one_line, plain_line
from bot.domain.translations import ENGLISH, Wording, wording

_NOT_IN_LINKS = re.compile(r"[^\x21-\x7e]|[\"<>\\^`{|}]")

TEXT_LIMIT = 4_000
_TITLE = 400
_NAME = 80
_PAPERS, _CARDS = 512, 4_096
"""Papers and cards that are kept: a day's papers, for everybody."""
_WORDS_NAMED = 4
_AUTHORS_NAMED = 20
_AROUND = 34
"""Characters of an excerpt on either side of the matched word."""
_FIRST_CJK = "\u2e80"
"""From here on scripts put no blanks between words, so a neighbouring letter does not disprove a match."""


class Piece(NamedTuple):
    """A stretch of text, and whether it is among the words that matched."""

    text: str
    matched: bool = False


Pieces = tuple[Piece, ...]


def text_of(pieces: Pieces) -> str:
    """The pieces as one text."""
    return "".join(piece.text for piece in pieces)


@dataclass(frozen=True, kw_only=True, slots=True)
class CardMatch:
    """A subscription that matched, and the paper's words that made it so where they tell more than its name."""

    subscription: str
    words: tuple[str, ...] = ()
    """No word twice, in whatever spelling."""
    excerpt: Pieces = ()
    """The words around the first of `words` in the body of the paper; empty where it stands in title or authors."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CardPoint:
    """A part of what a digest says on the paper; `label` is in the reader's language, or as the digest words it."""

    role: Role
    label: str
    text: Pieces


@dataclass(frozen=True, kw_only=True, slots=True)
class CardSummary:
    """One source's summary, whole and cleaned; with `is_points` it is told by the card's points already."""

    text: Pieces
    source: str
    """Empty where the source has no name but its file's."""
    is_points: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """Card: one paper, ready for a template. Texts are one line each and may be empty; links are http or https.

    `gist` tells in at most 280 characters what the paper does and what came out. `points` are the digest's labelled
    points, else the parts of the summary; `summaries` hold one text each once.
    """

    id: PaperId
    language: str
    title: Pieces
    authors: tuple[Pieces, ...]
    """One each; names of accounts stand after names of people."""
    gist: Pieces
    points: tuple[CardPoint, ...]
    summaries: tuple[CardSummary, ...]
    matches: tuple[CardMatch, ...]
    sources: tuple[str, ...]
    """Names of the sources that brought it, never a file's."""
    source_count: int
    """How many sources brought it, also those without a name."""
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
        """The first so many authors, and how many more there are; one more than `most` is named as well."""
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
        """The summaries that say more than gist and points do."""
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
    """True where a neighbour of the last sign of an occurrence belongs to the same word."""
    return neighbour.isalnum() and last.isalnum() and neighbour < _FIRST_CJK and last < _FIRST_CJK


def card_of(item: Item, *, language: str, text_limit: int = TEXT_LIMIT) -> Card:
    """The paper of `item` as a card in that language; English, or else what there is, where that is missing.

    Points and summaries are at most `text_limit` long each. Cards of messages, which have the usual limit, are cached: a
    day's papers go to many people. Feeds and pages keep what they made of a card.
    """
    make = _cached_card if text_limit == TEXT_LIMIT else _card
    return make(item.paper, item.reasons, language, text_limit)


class _CardText(NamedTuple):
    """The texts of a paper in one language, cleaned: all of a card that nobody's reasons change."""

    title: str
    authors: tuple[str, ...]
    gist: str
    points: tuple[tuple[Role, str, str], ...]
    summaries: tuple[tuple[str, str, bool], ...]
    """(text, source, whether the points tell it already)"""
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
        sources=source_names(paper.sources),
        source_count=paper.source_count,
        date=paper.date or paper.published,
        links=content.links,
        questions=content.questions,
    )


_cached_card = lru_cache(maxsize=_CARDS)(_card)


@lru_cache(maxsize=_PAPERS)
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
        title=plain_line(title, _TITLE) or paper.id,
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
    """The edition to show; of another language where the reader's and English say nothing."""
    edition = paper.edition(language)
    if edition.points or edition.quiz or paper.summaries:
        return edition
    return next((other for other in paper.editions if other.points or other.summary), edition)


def _summaries(paper: Paper, edition: Edition) -> list[tuple[CleanSummary, str]]:
    """The summaries cleaned, with their sources' names: a translated one first, no text twice."""
    written = [(edition.summary, "")] if edition.summary else []
    written += [
        (summary.text, next(iter(source_names((summary.source,))), "")) for summary in paper.summaries
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
    """The parts; a first one without a label is the beginning where a later one tells what it was taken for."""
    is_beginning = any(not parts[0].label and other.role == parts[0].role for other in parts[1:])
    return [parts[0]._replace(role="gist"), *parts[1:]] if is_beginning else list(parts)


def _is_told(part: LabelledPart, gist: str) -> bool:
    """True for the beginning of a summary that the gist tells whole."""
    return part.role == "gist" and gist.startswith(without_opening(part.text).rstrip(" ."))


def _labelled(parts: Iterable[LabelledPart], words: Wording) -> list[LabelledPart]:
    """The parts with labels in the reader's language, each label once: of several the one that is called so has it."""
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
    """True where the label is the role's own name."""
    return part.label.casefold() == ENGLISH.roles.get(part.role, "").casefold()


_HANDLE = re.compile(r"(?=.*[a-z])[a-z0-9][\w.-]*|[A-Za-z][\w.-]*[\d_][\w.-]*|[A-Za-z]+-[a-z]+")


def _names(author: str) -> list[str]:
    """The names in what a digest took for one author: `Ada Osei, Kuan Li` are two, `Osei, Ada` is one."""
    names = author.split(", ")
    return names if all(" " in name for name in names) else [author]


def _authors(paper: Paper) -> list[str]:
    written = (name for author in paper.authors for name in _names(plain_line(author)))
    names = [name for name in (cut(name, _NAME) for name in written) if name]
    return sorted(names, key=lambda name: _HANDLE.fullmatch(name) is not None)


_DATED = re.compile(r"[\d._-]*\d{4}[\d._-]*|\d{1,4}")
_UNTELLING = frozenset(
    {"state", "sources", "data", "out", "output", "archive", "history", "inbox", "digests", "papers"}
)


def source_names(sources: Iterable[str]) -> tuple[str, ...]:
    """The names by which readers know the sources of these digests: the first folder that is no date, each once.

    A digest that lies in no folder has none: its file's name says nothing to a reader.
    """
    names: dict[str, None] = {}
    for source in sources:
        folders = [plain_line(folder, 60) for folder in source.split("/")[:-1]]
        telling = [folder for folder in folders if folder and not _DATED.fullmatch(folder)]
        if telling:
            names[next((folder for folder in telling if folder not in _UNTELLING), telling[0])] = None
    return tuple(names)


def _matches(reasons: Iterable[Reason], texts: Sequence[str]) -> tuple[CardMatch, ...]:
    """The matches to name as the reason, in the subscriptions' order."""
    matches: list[CardMatch] = []
    for reason in reasons:
        words = _telling_words(reason)
        in_body = [plain_line(why.text, _NAME) for why in reason.why if why.field in ("points", "summary")]
        in_head = any(why.field in ("title", "authors") for why in reason.why)
        excerpt = () if in_head or not in_body else _excerpt(in_body[0], texts)
        matches.append(
            CardMatch(subscription=one_line(reason.subscription, _NAME), words=words, excerpt=excerpt)
        )
    return tuple(matches)


_FIELD_PREFIX = re.compile(r"^(?:title|author|summary|source):\s*|[\"“”=*]", re.IGNORECASE)


def _telling_words(reason: Reason) -> tuple[str, ...]:
    """The words that tell more than the subscription's name, each in its first spelling."""
    known = {_folded(_FIELD_PREFIX.sub("", reason.subscription)), ""}
    words: list[str] = []
    for why in reason.why:
        word = plain_line(why.text, _NAME)
        if (folded := _folded(word)) not in known:
            known.add(folded)
            words.append(word)
    return tuple(words[:_WORDS_NAMED])


def _folded(text: str) -> str:
    return folded_words(text, "folded").replace(" ", "")


def _excerpt(word: str, texts: Sequence[str]) -> Pieces:
    """The first place of the word in the texts, with some words on either side."""
    for text in texts:
        spans = _occurrences(text, word)
        if not spans:
            continue
        start, end = spans[0]
        left = max(text.rfind(" ", 0, max(start - _AROUND, 0)) + 1, 0) if start > _AROUND else 0
        right = text.find(" ", end + _AROUND) if end + _AROUND < len(text) else len(text)
        right = len(text) if right < 0 else right
        before = ("…" if left else "") + text[left:start]
        after = text[end:right].rstrip(" ,;:") + ("…" if right < len(text) else "")
        return tuple(
            piece
            for piece in (Piece(before), Piece(text[start:end], matched=True), Piece(after))
            if piece.text
        )
    return ()


def _words_matched(reasons: tuple[Reason, ...], *fields: str) -> tuple[str, ...]:
    texts = (why.text for reason in reasons for why in reason.why if why.field in fields)
    return tuple(dict.fromkeys(filter(None, map(plain_line, texts))))
