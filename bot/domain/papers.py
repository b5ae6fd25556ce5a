"""Papers: entries of digests, and the papers that they are merged into.

An *entry* is what one digest says about a paper; a *paper* is the merged entries of one work, known by its
id. Texts are neither cut nor escaped here: that is done where they are shown.
"""

import datetime as dt
import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NewType
from urllib.parse import unquote

from bot.domain.flowchart import Flowchart

PaperId = NewType("PaperId", str)
"""`arxiv:2509.14008`, `arxiv:cs/0112017`, `doi:10.1101/…` and the other ID_KINDS; else `title:` and 16 hex digits."""

ID_KINDS = ("arxiv", "doi", "openreview", "acl", "pmid", "nber", "ssrn", "title")
"""A work that is known by several ids is known by the first kind of these."""

AnswerSource = Literal["key", "inferred"]

_NUMBER = r"(\d{4}\.\d{4,5}|[a-z][a-z.-]*(?:\.[A-Z]{2})?/\d{7})"
_ARXIV = re.compile(
    r"(?<![\w-])(?:arxiv\.org/(?:abs|pdf|html|format|ps|src|e-print)/(?:arxiv:)?"
    r"|ar5iv(?:\.labs\.arxiv)?\.org/(?:abs/|html/|pdf/)?|alphaxiv\.org/(?:[a-z]{2}/)?(?:abs/|overview/|pdf/|html/)?"
    r"|(?:papers\.cool|scirate\.com|semanticscholar\.org)/arxiv[/:]|semanticscholar\.org/paper/arxiv:|10\.48550/arxiv\.)"
    + _NUMBER
    + r"(?:v\d+)?(?:\.pdf)?(?!\w|/\w)",
    re.IGNORECASE | re.ASCII,
)
_BARE_ARXIV = re.compile(rf"^(?:arxiv:\s*)?{_NUMBER}(?:v\d+)?$", re.IGNORECASE | re.ASCII)
_HUGGINGFACE = re.compile(
    r"(?<![\w-])(?:huggingface|hf)\.co/papers/(\d{4}\.\d{4,5})(?!\w)", re.IGNORECASE | re.ASCII
)
_DOI = re.compile(r"(?<![\w.])10\.\d{4,9}/[^\s\"'<>?#&|{}]{1,200}", re.IGNORECASE)
_AFTER_DOI = re.compile(r"\]\(|,(?=https?:)", re.IGNORECASE)
"""Ends a DOI that is a link's text in Markdown, or a cell before another link."""
_DOI_PAGE = re.compile(
    r"(?:v\d+)?(?:\.(?:full|abstract|long|short)(?:[.-](?:pdf|text))?)$"
    r"|(?<=\d)v\d+$|\.pdf$|/(?:full|abstract|pdf|epdf|fulltext|html|meta)$",
    re.IGNORECASE,
)
"""What publishers add to a DOI in the addresses of pages."""
_NATURE = re.compile(
    r"(?<![\w-])nature\.com/articles/([a-z]{1,12}\d[a-z0-9.-]{4,40})", re.IGNORECASE | re.ASCII
)
_OTHERS = (
    ("openreview", re.compile(r"(?<![\w-])openreview\.net/[\w/]{2,20}\?(?:[\w=&]{0,80}&)?id=([\w-]{6,20})")),
    (
        "acl",
        re.compile(
            r"(?<![\w-])(?:aclanthology\.org|aclweb\.org/anthology)/(?:papers/)?"
            r"((?:\d{4}\.[\w-]{1,40}\.\d{1,4})|(?:[A-Z]\d\d-\d{4,5}))(?!\w)"
        ),
    ),
    (
        "pmid",
        re.compile(
            r"(?<![\w-])(?:pubmed\.ncbi\.nlm\.nih\.gov|ncbi\.nlm\.nih\.gov/pubmed|europepmc\.org/(?:article|abstract)/med)"
            r"/(\d{4,9})(?!\w)",
            re.IGNORECASE,
        ),
    ),
    ("nber", re.compile(r"(?<![\w-])nber\.org/(?:papers|system/files/working_papers)/(w\d{1,6})(?!\w)")),
    (
        "ssrn",
        re.compile(
            r"(?<![\w-])ssrn\.com/(?:abstract=|abstract/|sol3/\w{1,20}\.cfm\?(?:[\w=&]{0,80}&)?abstract_?id=)(\d{4,9})(?!\w)",
            re.IGNORECASE,
        ),
    ),
)
USUAL_LINK = re.compile(
    r"https?://(arxiv\.org/abs|arxiv\.org/pdf|huggingface\.co/papers)/([0-9]{4}\.[0-9]{4,5})"
)
"""The whole link, of most papers: (its page, its number). The general patterns take three times as long."""
_PAPER_LINK = re.compile(
    r"xiv|5iv|(?:huggingface|hf)\.co/papers|papers\.cool|scirate|10(?:\.|%2e)\d{4}|openreview|aclanthology|aclweb|pubmed"
    r"|europepmc|nber\.org|ssrn|nature\.com/articles",
    re.IGNORECASE,
)
"""Stands in every link that names a paper: most links need no closer look."""
_TYPED = {
    "title": re.compile(r"[0-9a-f]{16}"),
    "doi": re.compile(r"10\.\d{4,9}/\S{1,200}"),
    "openreview": re.compile(r"[\w-]{6,20}"),
    "acl": re.compile(r"[\w.-]{5,60}"),
    "pmid": re.compile(r"\d{1,9}"),
    "nber": re.compile(r"w\d{1,6}"),
    "ssrn": re.compile(r"\d{1,9}"),
}
_NOT_WORD = re.compile(r"[\W_]+")


def arxiv_id(url: str) -> str | None:
    """The arXiv number inside a link to arXiv, or to a site that shows arXiv's papers, without its version.

    Source: https://info.arxiv.org/help/arxiv_identifier.html, seen 2026-11.
    """
    link = _ARXIV.search(url) or _HUGGINGFACE.search(url)
    return link.group(1).lower() if link else None


def doi_of(text: str) -> str | None:
    """The first DOI in the text, lower case, without what publishers add to it in addresses.

    Source: https://www.doi.org/doi-handbook/HTML/, and the addresses of publishers, seen 2026-11.
    """
    match = _DOI.search(text)
    if match is None:
        return None
    doi = _AFTER_DOI.split(match[0], maxsplit=1)[0].rstrip(".,;:*!)]/")
    if doi.count("(") > doi.count(")"):
        doi += ")" if match[0][len(doi) : len(doi) + 1] == ")" else ""
    return _DOI_PAGE.sub("", doi).lower()


@lru_cache(4096)
def linked_id(url: str) -> PaperId | None:
    """The paper that a link names: by arXiv number, DOI, OpenReview, ACL, PubMed, NBER or SSRN; None elsewhere."""
    usual = USUAL_LINK.fullmatch(url)
    if not usual and not _PAPER_LINK.search(url):
        return None
    if number := usual[2] if usual else arxiv_id(url):
        return PaperId(f"arxiv:{number}")
    if doi := doi_of(unquote(url)):
        return PaperId(f"doi:{doi}")
    if nature := _NATURE.search(url):
        return PaperId(f"doi:10.1038/{nature[1].removesuffix('.pdf').lower()}")
    for kind, pattern in _OTHERS:
        if match := pattern.search(url):
            return PaperId(f"{kind}:{match[1]}")
    return None


def best_id(ids: Iterable[PaperId]) -> PaperId | None:
    """The id by which a work with several is known: the first kind of ID_KINDS, and of one kind the first."""
    return min(ids, key=lambda paper: ID_KINDS.index(paper.partition(":")[0]), default=None)


def folded_title(title: str) -> str:
    """The title without case, accents, width and punctuation: what makes two titles the same.

    A title of signs alone stays as it is, so that two such are not the same work.
    """
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", title).casefold())
    bare = "".join(char for char in plain if not unicodedata.combining(char))
    return _NOT_WORD.sub(" ", bare).strip() or title.strip()


def paper_id(title: str, *urls: str | None) -> PaperId:
    """The identity of a work: the best of the ids that the links name, else its title's digest."""
    ids: list[PaperId] = []
    for url in filter(None, urls):
        named = linked_id(url)
        if named and named.startswith(ID_KINDS[0]):
            return named
        ids += [named] if named else []
    return best_id(ids) or title_id(title)


def title_id(title: str) -> PaperId:
    """The identity of a work of which only the title is known."""
    return PaperId("title:" + hashlib.sha256(folded_title(title).encode(errors="replace")).hexdigest()[:16])


def parse_paper_id(text: str) -> PaperId | None:
    """A paper id from what a person types: an id, a bare arXiv number or DOI, or a link; None where it is none."""
    text = text.strip()
    kind, _, name = text.partition(":")
    typed = _TYPED.get(kind)
    if typed and typed.fullmatch(name):
        return PaperId(text.lower() if kind == "doi" else text)
    if bare := _BARE_ARXIV.match(text):
        return PaperId(f"arxiv:{bare[1].lower()}")
    if _TYPED["doi"].fullmatch(text):
        text = f"https://doi.org/{text}"
    return linked_id(text)


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
    """Probability that a worked-out answer is right."""
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
        """The answer that may be shown and scored: the key, or a worked-out one that is confident enough."""
        return self.answer if self.keyed or self.confident else None

    @property
    def part(self) -> str:
        """Tells the questions of one paper apart, whatever digest they came from."""
        return hashlib.sha256(self.question.encode("utf-8", "replace")).hexdigest()[:12]


@dataclass(frozen=True, kw_only=True, slots=True)
class Links:
    """Links to the paper; http and https only."""

    abs: str | None = None
    pdf: str | None = None
    huggingface: str | None = None
    code: str | None = None
    other: tuple[str, ...] = ()
    """Other pages about the paper: its other ids as links, the project's page."""

    @property
    def best(self) -> str | None:
        """The one link to show when there is room for one."""
        return self.abs or self.huggingface or self.pdf or next(iter(self.other), None)

    def filled_from(self, other: "Links") -> "Links":
        return Links(
            abs=self.abs or other.abs,
            pdf=self.pdf or other.pdf,
            huggingface=self.huggingface or other.huggingface,
            code=self.code or other.code,
            other=tuple(dict.fromkeys((*self.other, *other.other))),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Edition:
    """The parts of an entry that exist once per language (`en`, `zh`); title and summary where they are translated."""

    language: str
    title: str | None = None
    summary: str | None = None
    points: tuple[Point, ...] = ()
    quiz: tuple[Question, ...] = ()

    def filled_from(self, other: "Edition") -> "Edition":
        """The edition with what it lacks taken from `other`; a keyed quiz is never lost to an unkeyed one."""
        return Edition(
            language=self.language,
            title=self.title or other.title,
            summary=self.summary or other.summary,
            points=self.points or other.points,
            quiz=better_quiz(self.quiz, other.quiz),
        )


def better_quiz(first: tuple[Question, ...], second: tuple[Question, ...]) -> tuple[Question, ...]:
    """The better of two quizzes on one paper: it knows more answers, else has more questions, else more options, else is
    the first.
    """

    def worth(quiz: tuple[Question, ...]) -> tuple[int, int, int]:
        keyed = sum(question.keyed for question in quiz)
        return keyed, len(quiz), sum(len(question.options) for question in quiz)

    return second if worth(second) > worth(first) else first


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """Entry: what one digest says about one paper. Line breaks and runs of blanks in texts are one blank."""

    id: PaperId
    title: str
    authors: tuple[str, ...] = ()
    summary: str | None = None
    published: dt.date | None = None
    date: dt.date | None = None
    """The row's own day, in files that hold a whole history."""
    categories: tuple[str, ...] = ()
    comment: str | None = None
    """What the authors or the digest remark on the paper: pages, figures, where it was accepted."""
    score: str | None = None
    """The digest's own mark or votes, as written."""
    links: Links = field(default_factory=Links)
    flowchart: Flowchart | None = None
    editions: tuple[Edition, ...] = ()
    """At most one per language; the digest's first language first."""

    def edition(self, language: str) -> Edition:
        """The edition in that language, else the English one, else an empty one."""
        return _edition(self.editions, language)


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """One summary of a paper and the name of the digest that wrote it."""

    text: str
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Paper:
    """One work: the entries of all digests so far, merged.

    `date` is the day of the first digest that named it, `latest` of the newest; `summaries` hold at most
    one per digest and no text twice, newest first; `digests` are their names in the order in which they
    were read.
    """

    id: PaperId
    title: str
    authors: tuple[str, ...] = ()
    summaries: tuple[Summary, ...] = ()
    published: dt.date | None = None
    date: dt.date | None = None
    latest: dt.date | None = None
    categories: tuple[str, ...] = ()
    comment: str | None = None
    score: str | None = None
    links: Links = field(default_factory=Links)
    flowchart: Flowchart | None = None
    editions: tuple[Edition, ...] = ()
    digests: tuple[str, ...] = ()

    @property
    def summary(self) -> str | None:
        """The newest summary."""
        return self.summaries[0].text if self.summaries else None

    @property
    def has_quiz(self) -> bool:
        return any(edition.quiz for edition in self.editions)

    @property
    def source_count(self) -> int:
        """How many sources brought the paper: files of one folder and one form are one source.

        Where one folder holds the files of all sources, a summary in one file and the points in another are two.
        """
        origins = {(digest.rpartition("/")[0], digest.rpartition(".")[2]) for digest in self.digests}
        if len(origins) == 1 and any(edition.points for edition in self.editions):
            wrote = {summary.digest for summary in self.summaries}
            return 2 if wrote and wrote < set(self.digests) else 1
        return len(origins)

    def edition(self, language: str) -> Edition:
        """The edition in that language, else the English one, else an empty one."""
        return _edition(self.editions, language)


def _edition(editions: tuple[Edition, ...], language: str) -> Edition:
    by_language = {edition.language: edition for edition in editions}
    return by_language.get(language) or by_language.get("en") or Edition(language=language)
