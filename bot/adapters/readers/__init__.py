"""Bytes → digest: the readers, and the choice among them, which only the content makes.

Each reader says how sure it is that the content is its own; the surest try first, and the one that finds the most
papers with titles wins. One that recognises its format and finds nothing never stands before the others.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from bot.adapters.readers import bibliography, feed, html, markdown, quiz_page, quiz_text, structured, table
from bot.adapters.readers.document import MAX_PAPERS, DigestText, NotThisKind, any_date, decode
from bot.domain.digests import Digest, DigestKind, ReadNeighbour
from bot.domain.errors import DigestTooLarge, NotADigest
from bot.domain.papers import PaperId

__all__ = ["READERS", "ReadResult", "Reader", "ReaderAttempt", "peek_date", "read_closely", "read_digest"]


HEAD_BYTES = 16_384
"""Where every digest's heading ends long before."""

MAX_NEIGHBOURS = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """The code that knows one family of digest formats."""

    kind: DigestKind
    recognises: Callable[[DigestText], int]
    """The certainty that a text is of this format. 0: it is not. 1: possible. 2: likely. 3: for certain. 4: the very source
    that the reader knows.
    """
    heading_date: Callable[[str], dt.date | None]
    read: Callable[[DigestText], Digest]


def _no_date(_: str) -> dt.date | None:
    return None


READERS = (
    Reader(
        kind="quiz_page",
        recognises=quiz_page.recognises,
        heading_date=quiz_page.heading_date,
        read=quiz_page.read,
    ),
    Reader(kind="table", recognises=table.recognises, heading_date=table.heading_date, read=table.read),
    Reader(
        kind="quiz_text",
        recognises=quiz_text.recognises,
        heading_date=quiz_text.heading_date,
        read=quiz_text.read,
    ),
    Reader(kind="feed", recognises=feed.recognises, heading_date=feed.heading_date, read=feed.read),
    Reader(
        kind="json",
        recognises=structured.recognises_json,
        heading_date=structured.heading_date,
        read=structured.read_json,
    ),
    Reader(kind="csv", recognises=structured.recognises_csv, heading_date=_no_date, read=structured.read_csv),
    Reader(
        kind="bibtex",
        recognises=bibliography.recognises_bibtex,
        heading_date=_no_date,
        read=bibliography.read_bibtex,
    ),
    Reader(
        kind="ris", recognises=bibliography.recognises_ris, heading_date=_no_date, read=bibliography.read_ris
    ),
    Reader(
        kind="yaml",
        recognises=structured.recognises_yaml,
        heading_date=structured.yaml_heading_date,
        read=structured.read_yaml,
    ),
    Reader(
        kind="markdown",
        recognises=markdown.recognises,
        heading_date=markdown.heading_date,
        read=markdown.read,
    ),
    Reader(kind="html", recognises=html.recognises, heading_date=html.heading_date, read=html.read),
)
"""In the order in which they are asked; of two that are equally sure the first tries first."""

_NOT_ASCII = bytes(range(0x80, 0x100))
SURE, KNOWN_SOURCE = 3, 4
_NAMED = re.compile(
    r"/(?i:(?<=arxiv\.org/abs/)|(?<=arxiv\.org/pdf/)|(?<=arxiv\.org/html/)|(?<=huggingface\.co/papers/))(\d{4}\.\d{4,5})"
)
"""The number in a plain link, looked for by the slash before it, since few things in a text begin so."""
SHORTEST_LINK = len("arxiv.org/abs/2501.0001")
ENOUGH = 0.9
"""Of the papers that a plain search for links finds: a reader that finds so many needs no other beside it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReaderAttempt:
    """Result of one reader on a file: the papers that it found, or why it found none."""

    kind: DigestKind
    certainty: int
    papers: int
    what: str = ""
    """Why it found nothing."""
    chosen: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadResult:
    """Result of reading a file: its digest, and the attempts of the readers."""

    digest: Digest | None
    attempts: tuple[ReaderAttempt, ...]
    """In the order in which they were made."""
    reason: str = ""
    """Why the file is no digest."""


def read_digest(data: bytes, *, name: str, neighbour: ReadNeighbour | None = None) -> Digest:
    """The digest in a file's bytes; `name` is for messages, and for the date where no heading tells it.

    `neighbour` gives the content of files in the same folder, to which a digest may link instead of to papers.
    Raises NotADigest where no reader finds a paper, DigestTooLarge over a limit of the readers. What a reader
    knows for certain and holds no paper is a digest with a problem.
    """
    result = read_closely(data, name=name, neighbour=neighbour)
    if result.digest is None:
        raise NotADigest(f"{name}: {result.reason}")
    return result.digest


def read_closely(data: bytes, *, name: str, neighbour: ReadNeighbour | None = None) -> ReadResult:
    """The digest in a file's bytes with every attempt that was made. Raises DigestTooLarge."""
    document = decode(data, name=name)
    if neighbour is not None:
        document = replace(document, paper_beside=_PapersBeside(neighbour).paper)
    choice = _Choice(document)
    if len(document.text) > MAX_PAPERS * SHORTEST_LINK and choice.named > MAX_PAPERS:
        raise DigestTooLarge(f"{name}: more than {MAX_PAPERS:,} papers; split the file")
    for reader, certainty in _surest_first(document):
        if choice.attempt(reader, certainty):
            break
    return choice.result()


def _surest_first(document: DigestText) -> Iterator[tuple[Reader, int]]:
    """The readers that may know the document. One that knows its very source comes before others are asked at all."""
    others: list[tuple[Reader, int]] = []
    for reader in READERS:
        certainty = reader.recognises(document)
        if certainty == KNOWN_SOURCE:
            yield reader, certainty
        elif certainty:
            others.append((reader, certainty))
    yield from sorted(others, key=lambda pair: -pair[1])


def _named_papers(text: str) -> set[str]:
    """The ids in plain links."""
    return set(_NAMED.findall(text))


class _Choice:
    """The attempts of the readers at one document, and the best of them."""

    def __init__(self, document: DigestText) -> None:
        self._document = document
        self._attempts: list[ReaderAttempt] = []
        self._best: Digest | None = None
        self._chosen = 0
        self._refused = ""

    @cached_property
    def named(self) -> int:
        """How many papers the document names in plain links."""
        return len(_named_papers(self._document.text))

    def attempt(self, reader: Reader, certainty: int) -> bool:
        """Let a reader try; True where no other needs to."""
        try:
            digest = reader.read(self._document)
        except NotThisKind as error:
            self._note(reader.kind, certainty, 0, str(error))
            return False
        except NotADigest as error:
            self._note(reader.kind, certainty, 0, str(error))
            self._refused = str(error)
            return True
        self._note(digest.kind, certainty, len(digest.entries))
        if not digest.entries:
            if self._best is None and certainty >= SURE:
                self._choose(digest)
            return certainty > SURE and len(digest.problems) > 1  # its papers are there, and torn
        if self._best is None or len(digest.entries) > len(self._best.entries):
            self._choose(digest)
        return certainty >= SURE or len(digest.entries) >= ENOUGH * self.named

    def _note(self, kind: DigestKind, certainty: int, papers: int, what: str = "") -> None:
        self._attempts.append(ReaderAttempt(kind=kind, certainty=certainty, papers=papers, what=what))

    def _choose(self, digest: Digest) -> None:
        self._best = digest
        self._chosen = len(self._attempts) - 1

    def result(self) -> ReadResult:
        """The best digest, or why there is none."""
        reason = "" if self._best else self._refused or _reason(self._document, self._attempts)
        attempts = [
            replace(attempt, chosen=self._best is not None and index == self._chosen)
            for index, attempt in enumerate(self._attempts)
        ]
        return ReadResult(digest=self._best, attempts=tuple(attempts), reason=reason)


class _PapersBeside:
    """The papers that files in the same folder are about, each file looked at once and at most so many."""

    def __init__(self, neighbour: ReadNeighbour) -> None:
        self._neighbour = neighbour
        self._known: dict[str, PaperId | None] = {}

    def paper(self, name: str) -> PaperId | None:
        if name not in self._known:
            data = self._neighbour(name) if len(self._known) < MAX_NEIGHBOURS else None
            self._known[name] = _only_paper(data, name) if data else None
        return self._known[name]


def _only_paper(data: bytes, name: str) -> PaperId | None:
    """The paper that a whole file is about."""
    try:
        digest = read_closely(data, name=name).digest
    except DigestTooLarge:
        return None
    return digest.entries[0].id if digest and len(digest.entries) == 1 else None


def _reason(document: DigestText, attempts: list[ReaderAttempt]) -> str:
    if not document.text.strip():
        return "an empty file"
    if document.text.count("\ufffd") > 10 or "\0" in document.text:
        return "no text"
    reasons = [
        attempt.what for attempt in sorted(attempts, key=lambda attempt: -attempt.certainty) if attempt.what
    ]
    return reasons[0] if reasons else "no papers that a reader knows"


def peek_date(data: bytes, *, name: str) -> dt.date | None:
    """The date of a digest, of which only the first 16 kB are looked at.

    Comes from the heading, else from the name; None where neither has one.
    """
    whole = len(data) <= HEAD_BYTES
    head = data if whole else data[:HEAD_BYTES].rstrip(_NOT_ASCII)  # no torn character at its end
    text = decode(head, name=name).text
    dates = (reader.heading_date(text) for reader in READERS)
    return next(filter(None, dates), None) or any_date(name)
