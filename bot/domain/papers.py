"""Papers, what one digest says of them, and how those sayings become one paper.

A digest *entry* is one digest's word on a paper; a *paper* is everything that all digests said
of one work, known by its id. Nothing here is cut or escaped: that is done where it is shown.
"""

import datetime as dt
import hashlib
import re
import unicodedata
from dataclasses import dataclass, field, replace
from typing import Literal, NewType, TypeVar

PaperId = NewType("PaperId", str)
"""`arxiv:2509.14008`, `arxiv:cs/0112017`, or `title:` and 16 hex digits."""

_T = TypeVar("_T")

AnswerSource = Literal["key", "inferred"]

_ARXIV = re.compile(
    r"(?<![\w-])arxiv\.org/(?:abs|pdf|html|format)/"
    r"(?P<id>\d{4}\.\d{4,5}|[a-z][a-z.-]*(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?(?:\.pdf)?(?!\w|/\w)",
    re.IGNORECASE | re.ASCII,
)
_BARE_ARXIV = re.compile(
    r"^(?:arxiv:)?(\d{4}\.\d{4,5}|[a-z][a-z.-]*(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?$",
    re.IGNORECASE | re.ASCII,
)
_HUGGINGFACE = re.compile(
    r"(?<![\w-])huggingface\.co/papers/(\d{4}\.\d{4,5})(?!\w)", re.IGNORECASE | re.ASCII
)
_NOT_WORD = re.compile(r"[\W_]+")


def arxiv_id(url: str) -> str | None:
    """The arXiv number inside a link to arXiv or Hugging Face papers, without its version; None elsewhere.

    Source: https://info.arxiv.org/help/arxiv_identifier.html, seen 2026-11.
    """
    found = _ARXIV.search(url) or _HUGGINGFACE.search(url)
    return found.group(1).lower() if found else None


def folded_title(title: str) -> str:
    """The title without case, accents, width and punctuation: what makes two titles the same.

    A title of signs alone stays as it is, so that two such are not the same work.
    """
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", title).casefold())
    bare = "".join(char for char in plain if not unicodedata.combining(char))
    return _NOT_WORD.sub(" ", bare).strip() or title.strip()


def paper_id(title: str, *urls: str | None) -> PaperId:
    """The identity of a work: its arXiv number where one of the links has it, else its title's digest."""
    for url in urls:
        number = arxiv_id(url) if url else None
        if number:
            return PaperId(f"arxiv:{number}")
    return PaperId("title:" + hashlib.sha256(folded_title(title).encode(errors="replace")).hexdigest()[:16])


def parse_paper_id(text: str) -> PaperId | None:
    """A paper id from what a person types: an id, a bare arXiv number, or a link; None where it is none."""
    text = text.strip()
    if re.fullmatch(r"title:[0-9a-f]{16}", text):
        return PaperId(text)
    bare = _BARE_ARXIV.match(text)
    number = bare.group(1).lower() if bare else arxiv_id(text)
    return PaperId(f"arxiv:{number}") if number else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One of the labelled points of a summary; `label` keeps its emoji, without the number."""

    label: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A quiz question; `answer` is the index of the right option, None where nobody knows."""

    question: str
    options: tuple[str, ...]
    answer: int | None = None
    answer_source: AnswerSource | None = None
    confidence: float | None = None
    """Of a worked-out answer: the probability that it is right."""
    confident: bool = False
    """A worked-out answer reaches `quiz.min_confidence`; set where it is worked out."""

    def __post_init__(self) -> None:
        if self.answer is not None and not 0 <= self.answer < len(self.options):
            raise ValueError(f"answer {self.answer} of {len(self.options)} options")
        if (self.answer is None) != (self.answer_source is None):
            raise ValueError("an answer has a source, and a source has an answer")
        if self.confident and self.answer_source != "inferred":
            raise ValueError("only a worked-out answer is more or less confident")

    @property
    def keyed(self) -> bool:
        """True where the digest itself names the answer."""
        return self.answer_source == "key"

    @property
    def usable_answer(self) -> int | None:
        """The answer where it may be told and scored: the key, or a worked-out one that is confident enough."""
        return self.answer if self.keyed or self.confident else None

    @property
    def part(self) -> str:
        """Tells the questions of one paper apart, whatever digest they came from."""
        return hashlib.sha256(self.question.encode("utf-8", "replace")).hexdigest()[:12]


@dataclass(frozen=True, kw_only=True, slots=True)
class Links:
    """Where the paper lives; http and https only."""

    abs: str | None = None
    pdf: str | None = None
    huggingface: str | None = None

    @property
    def best(self) -> str | None:
        """The one link to show when there is room for one."""
        return self.abs or self.huggingface or self.pdf

    def filled_from(self, other: "Links") -> "Links":
        return Links(
            abs=self.abs or other.abs,
            pdf=self.pdf or other.pdf,
            huggingface=self.huggingface or other.huggingface,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Edition:
    """The parts of an entry that exist once per language (`en`, `zh`)."""

    language: str
    points: tuple[Point, ...] = ()
    flowchart: str | None = None
    """The flowchart's words, one line."""
    drawing: str | None = None
    """The flowchart's own SVG markup, as found: untrusted, never shown without being made safe."""
    quiz: tuple[Question, ...] = ()

    def filled_from(self, other: "Edition") -> "Edition":
        """The edition with what it lacks taken from `other`; a keyed quiz is never lost to an unkeyed one."""
        return Edition(
            language=self.language,
            points=self.points or other.points,
            flowchart=self.flowchart or other.flowchart,
            drawing=self.drawing or other.drawing,
            quiz=better_quiz(self.quiz, other.quiz),
        )


def better_quiz(first: tuple[Question, ...], second: tuple[Question, ...]) -> tuple[Question, ...]:
    """Of two quizzes on one paper the one that knows more answers, then has more questions, then more options,
    then the first.
    """

    def worth(quiz: tuple[Question, ...]) -> tuple[int, int, int]:
        keyed = sum(question.keyed for question in quiz)
        return keyed, len(quiz), sum(len(question.options) for question in quiz)

    return second if worth(second) > worth(first) else first


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One digest's word on one paper. Texts have line breaks and runs of blanks folded to one blank."""

    id: PaperId
    title: str
    authors: tuple[str, ...] = ()
    summary: str | None = None
    published: dt.date | None = None
    date: dt.date | None = None
    """The row's own day, in files that hold a whole history."""
    links: Links = field(default_factory=Links)
    editions: tuple[Edition, ...] = ()
    """At most one per language; the digest's first language first."""

    def edition(self, language: str) -> Edition:
        """The edition in that language, else the English one, else an empty one."""
        return _edition(self.editions, language)


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """One summary of a paper and the digest (`source`) that wrote it."""

    text: str
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Paper:
    """One work: everything that the digests so far said of it.

    `date` is the day of the first digest that named it, `latest` of the newest; `summaries` hold at most
    one per source and no text twice, newest first; `sources` are the digests' names in the order in which
    they were read.
    """

    id: PaperId
    title: str
    authors: tuple[str, ...] = ()
    summaries: tuple[Summary, ...] = ()
    published: dt.date | None = None
    date: dt.date | None = None
    latest: dt.date | None = None
    links: Links = field(default_factory=Links)
    editions: tuple[Edition, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def summary(self) -> str | None:
        """The newest summary."""
        return self.summaries[0].text if self.summaries else None

    @property
    def has_quiz(self) -> bool:
        return any(edition.quiz for edition in self.editions)

    def edition(self, language: str) -> Edition:
        """The edition in that language, else the English one, else an empty one."""
        return _edition(self.editions, language)


def _edition(editions: tuple[Edition, ...], language: str) -> Edition:
    by_language = {edition.language: edition for edition in editions}
    return by_language.get(language) or by_language.get("en") or Edition(language=language)


def merge(known: Paper | None, entry: Entry, *, source: str, day: dt.date | None) -> Paper:
    """The paper after the digest `source` of `day` said `entry` of it.

    A newer (or equally new) digest wins where both say something; nothing known is ever lost. The same
    source speaking again replaces its own summary. Merging the same entry twice changes nothing.
    """
    if known is None:
        known = Paper(id=entry.id, title=entry.title, date=day, latest=day)
    newer = known.latest is None or (day is not None and day >= known.latest)
    return replace(
        known,
        title=_chosen(newer, entry.title, known.title),
        authors=_chosen(newer, entry.authors, known.authors),
        summaries=_summaries(known.summaries, entry.summary, source, newest_first=newer),
        published=_chosen(newer, entry.published, known.published),
        date=min(filter(None, (known.date, day)), default=None),
        latest=max(filter(None, (known.latest, day)), default=None),
        links=entry.links.filled_from(known.links) if newer else known.links.filled_from(entry.links),
        editions=_editions(entry.editions, known.editions)
        if newer
        else _editions(known.editions, entry.editions),
        sources=known.sources if source in known.sources else (*known.sources, source),
    )


def _chosen(newer: bool, said: _T, known: _T) -> _T:
    return (said or known) if newer else (known or said)


def _summaries(
    known: tuple[Summary, ...], text: str | None, source: str, *, newest_first: bool
) -> tuple[Summary, ...]:
    if not text:
        return known
    if any(summary.text == text for summary in known):
        return known
    said = Summary(text=text, source=source)
    if any(summary.source == source for summary in known):
        return tuple(said if summary.source == source else summary for summary in known)
    return (said, *known) if newest_first else (*known, said)


def _editions(first: tuple[Edition, ...], second: tuple[Edition, ...]) -> tuple[Edition, ...]:
    others = {edition.language: edition for edition in second}
    mine = tuple(
        edition.filled_from(others.pop(edition.language)) if edition.language in others else edition
        for edition in first
    )
    return (*mine, *others.values())
