"""Papers of the state: as JSON text, cached in memory, and with a subscriber's notices."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from threading import Lock
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json
from sqlalchemy import Connection, Engine, select

from bot.adapters.store.engine import reading
from bot.adapters.store.notices import counts_of, of_subscriber, of_subscriber_on
from bot.adapters.store.schema import NEWEST_FIRST, moment_of, papers
from bot.adapters.store.sql import Statement, chunks
from bot.domain.errors import RecordDamaged
from bot.domain.flowchart import Flowchart
from bot.domain.notices import Rarity
from bot.domain.papers import Edition, Links, Paper, PaperId, Point, Question, Summary
from bot.domain.query.documents import Document, FieldTexts, FieldWords, Scope, texts_of
from bot.pipeline.ports.papers import NoticedPaper, StoredPaper

_NEWEST_FIRST = "papers.date DESC NULLS LAST, papers.number"
_NEWEST = Statement(f"SELECT id FROM papers ORDER BY {_NEWEST_FIRST} LIMIT :most OFFSET :start")
_NEWEST_OF = Statement(
    f"SELECT id, number FROM papers WHERE number = ANY(:numbers) ORDER BY {_NEWEST_FIRST} LIMIT :most"
)
_ON_DAYS = (
    "SELECT date AS day, id AS paper FROM papers UNION SELECT digests.date, digest_papers.paper FROM digest_papers"
    " JOIN digests ON digests.sha256 = digest_papers.digest WHERE digests.date IS NOT NULL"
)
_DAYS = Statement(
    f"SELECT day, count(*) FROM ({_ON_DAYS}) AS named GROUP BY day ORDER BY day DESC NULLS LAST"
)
_ON_DAY_IDS = (
    "SELECT id FROM papers WHERE id IN (SELECT id FROM papers WHERE date = {0} UNION SELECT paper FROM digest_papers"
    " JOIN digests ON digests.sha256 = digest_papers.digest WHERE digests.date = {0}) ORDER BY number"
)
_ON_DAY = Statement(_ON_DAY_IDS.format(":day"), postgresql=_ON_DAY_IDS.format(":day::date"))
_FIRST_SEEN = Statement("SELECT id, date, first_seen_at FROM papers ORDER BY number")
_UNDATED = Statement("SELECT id FROM papers WHERE date IS NULL ORDER BY number LIMIT :most")


class Papers:
    """`PaperStore` over a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._cache = PaperCache()

    def newest(self, limit: int, start: int = 0) -> tuple[StoredPaper, ...]:
        with reading(self._engine) as connection:
            ids = [row[0] for row in _NEWEST.rows(connection, most=limit, start=start)]
            known = self._cache.of(connection, version(connection), ids)
        return tuple(known[paper] for paper in map(PaperId, ids))

    def days(self) -> dict[dt.date | None, int]:
        with reading(self._engine) as connection:
            return {day_of(day): count for day, count in _DAYS.rows(connection)}

    def on_day(self, day: dt.date) -> tuple[StoredPaper, ...]:
        with reading(self._engine) as connection:
            ids = [row[0] for row in _ON_DAY.rows(connection, day=day.isoformat())]
            known = self._cache.of(connection, version(connection), ids)
        return tuple(known[paper] for paper in map(PaperId, ids))

    def undated(self, limit: int) -> tuple[StoredPaper, ...]:
        with reading(self._engine) as connection:
            ids = [row[0] for row in _UNDATED.rows(connection, most=limit)]
            known = self._cache.of(connection, version(connection), ids)
        return tuple(known[paper] for paper in map(PaperId, ids))

    def first_seen(self) -> tuple[tuple[PaperId, dt.date | None, dt.datetime], ...]:
        with reading(self._engine) as connection:
            rows = _FIRST_SEEN.rows(connection)
        return tuple((PaperId(paper), day_of(day), moment_of(moment)) for paper, day, moment in rows)

    def every_paper(self) -> Iterator[Paper]:
        query = select(papers.c.id, papers.c.content).order_by(*NEWEST_FIRST)
        with reading(self._engine) as connection:
            rows = connection.execution_options(yield_per=200).execute(query)
            for paper_id, content in rows:
                yield paper_of(paper_id, content)

    def stored(self, ids: Iterable[PaperId]) -> dict[PaperId, StoredPaper]:
        wanted = list[str](ids)
        if not wanted:
            return {}
        with reading(self._engine) as connection:
            return self._cache.of(connection, version(connection), wanted)

    def noticed(self, subscriber: str, limit: int) -> tuple[NoticedPaper, ...]:
        with reading(self._engine) as connection:
            noticed = of_subscriber(connection, subscriber)
            rows = _NEWEST_OF.rows(connection, numbers=list(noticed), most=limit)
            known = self._cache.of(connection, version(connection), [row[0] for row in rows])
        return tuple(
            NoticedPaper(stored=known[paper], subscriptions=noticed[number].names) for paper, number in rows
        )

    def with_notices(self, subscriber: str, ids: Iterable[PaperId]) -> dict[PaperId, NoticedPaper]:
        wanted = list[str](ids)
        with reading(self._engine) as connection:
            known = self._cache.of(connection, version(connection), wanted)
            names = _noticed(connection, subscriber, wanted)
        return {
            paper: NoticedPaper(stored=stored, subscriptions=names.get(paper, ()))
            for paper, stored in known.items()
        }

    def notices_on(self, subscriber: str, ids: Iterable[PaperId]) -> dict[PaperId, tuple[str, ...]]:
        with reading(self._engine) as connection:
            return _noticed(connection, subscriber, ids)

    def rarity(self, subscriber: str) -> Rarity:
        with reading(self._engine) as connection:
            noticed = counts_of(connection, subscriber)
        counts: Counter[str] = Counter()
        for names, count in noticed.items():
            counts.update(dict.fromkeys(names, count))
        return Rarity(counts=dict(counts), notices=noticed.total())

    def version(self) -> str:
        with reading(self._engine) as connection:
            return version(connection)


def _noticed(connection: Connection, subscriber: str, ids: Iterable[str]) -> dict[PaperId, tuple[str, ...]]:
    known = of_subscriber_on(connection, subscriber, map(PaperId, ids))
    return {paper: notice.names for paper, notice in known.items()}


_VERSION_KEY = "papers_version"
"""The row of `meta` that counts how often papers or notices changed."""
_VERSION = Statement("SELECT value FROM meta WHERE key = :key")
_SET_VERSION = Statement(
    "INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)


def version(connection: Connection) -> str:
    """Changes whenever papers or notices do."""
    rows = _VERSION.rows(connection, key=_VERSION_KEY)
    return rows[0][0] if rows else "0"


def next_version(connection: Connection) -> None:
    """Write down that papers or notices changed; inside the transaction that changes it."""
    _SET_VERSION.run(connection, key=_VERSION_KEY, value=str(int(version(connection)) + 1))


_MOST_CACHED = 2_000
_PAPERS = Statement(
    "SELECT id, first_seen_at, changed_at, content FROM papers WHERE id = ANY(:ids)",
)

_PaperRow = tuple[str, int, int, str]
_Cached = tuple[str, _PaperRow, StoredPaper]
"""The version in which it was last seen to be so, the row, and what is in it."""


class PaperCache:
    """Papers in memory, so that the same ones need not be read and decoded for each message and feed. Thread-safe.

    A paper is taken from memory only where the state says that no paper has changed since
    (`version`, read in the same transaction), or where its row is the same to the letter.
    """

    def __init__(self, most: int = _MOST_CACHED) -> None:
        self._most = most
        self._cached: dict[str, _Cached] = {}
        self._lock = Lock()

    def of(self, connection: Connection, version: str, ids: list[str]) -> dict[PaperId, StoredPaper]:
        """Those of the papers that are stored, as they are in this transaction."""
        known: dict[PaperId, StoredPaper] = {}
        missing: list[str] = []
        for paper_id in ids:
            cached = self._cached.get(paper_id)
            if cached is not None and cached[0] == version:
                known[PaperId(paper_id)] = cached[2]
            else:
                missing.append(paper_id)
        for chunk in chunks(missing):
            for paper_id, first_seen_at, changed_at, content in _PAPERS.rows(connection, ids=chunk):
                row = paper_id, first_seen_at, changed_at, content
                known[PaperId(paper_id)] = self._take(version, row)
        return known

    def _take(self, version: str, row: _PaperRow) -> StoredPaper:
        cached = self._cached.get(row[0])
        stored = cached[2] if cached is not None and cached[1] == row else _stored(*row)
        with self._lock:
            self._cached.pop(row[0], None)
            self._cached[row[0]] = version, row, stored
            if len(self._cached) > self._most:
                del self._cached[next(iter(self._cached))]
        return stored


def _stored(paper_id: str, first_seen_at: int, changed_at: int, content: str) -> StoredPaper:
    return StoredPaper(
        paper=paper_of(paper_id, content),
        first_seen_at=moment_of(first_seen_at),
        changed_at=moment_of(changed_at),
    )


def json_text(value: Any) -> str:
    """The value as compact JSON."""
    return _json(value).decode()


def _json(value: Any) -> bytes:
    """The value as compact JSON, by pydantic's writer, which takes a quarter of the time of Python's."""
    try:
        return to_json(value)
    except PydanticSerializationError:  # a lone surrogate, which no database takes as it is
        return json.dumps(value, separators=(",", ":")).encode()


def paper_json(paper: Paper) -> bytes:
    """The paper as compact JSON in UTF-8."""
    return _json(
        {
            "title": paper.title,
            "authors": paper.authors,
            "summaries": [(summary.text, summary.digest) for summary in paper.summaries],
            "published": _day_text(paper.published),
            "date": _day_text(paper.date),
            "latest": _day_text(paper.latest),
            "categories": paper.categories,
            "comment": paper.comment,
            "score": paper.score,
            "links": (
                paper.links.abs,
                paper.links.pdf,
                paper.links.huggingface,
                paper.links.code,
                paper.links.other,
            ),
            "flowchart": paper.flowchart and (paper.flowchart.text, paper.flowchart.drawing),
            "editions": [_edition(edition) for edition in paper.editions],
            "digests": paper.digests,
        }
    )


def loaded(content: str) -> Any:
    """The values of a stored text, by pydantic's reader, which takes half the time of Python's."""
    try:
        return from_json(content, cache_strings="keys")
    except ValueError:  # a lone surrogate, which only Python's reader takes
        return json.loads(content)


def texts_in(content: str) -> FieldTexts:
    """The texts that the paper's document has, without making the paper."""
    parts = loaded(content)
    editions = parts["editions"]
    return texts_of(
        title=(parts["title"], *[edition["title"] for edition in editions if edition["title"]]),
        authors=parts["authors"],
        summary=(
            *[text for text, _ in parts["summaries"]],
            *[edition["summary"] for edition in editions if edition["summary"]],
        ),
        points=[point for edition in editions for point in edition["points"]],
        source=parts["digests"],
    )


class StoredDocument(Document):
    """Document of a stored paper, whose text is taken apart only where title and first summary leave something open.

    Names of fields are found in the text as they are: inside of a string their quotation marks would be escaped.
    """

    __slots__ = ("_content",)

    def __init__(self, content: str, words: FieldWords) -> None:
        super().__init__(words=words)
        self._content = content

    @property
    def texts(self) -> FieldTexts:
        if self._texts is None:
            self._texts = texts_in(self._content)
        return self._texts

    def texts_at_hand(self, scope: Scope) -> tuple[list[str], bool]:
        title, _ = _string_after('{"title":"', self._content)
        summary, end = _string_after('"summaries":[["', self._content)
        if not title or not summary or scope not in _SCOPES_AT_HAND:
            return [], False
        digest, end = _string_after('","', self._content, end)
        are_all = digest and self._content.startswith("]]", end + 1) and '"editions":[]' in self._content
        texts = {"": [title, summary], "title": [title], "summary": [summary]}
        return texts[scope], bool(are_all)


_SCOPES_AT_HAND: frozenset[Scope] = frozenset({"", "title", "summary"})


def _string_after(name: str, content: str, start: int = 0) -> tuple[str, int]:
    """The string of JSON that begins behind the name, and where it ends; empty where something in it is escaped."""
    found = content.find(name, start)
    start = found + len(name)
    end = content.find('"', start)
    text = content[start:end] if found >= 0 else ""
    return "" if "\\" in text else text, end


def paper_of(paper_id: str, content: str) -> Paper:
    """The paper that `paper_json` wrote; raises RecordDamaged, which names it and shows nothing of its text."""
    try:
        return _paper(paper_id, loaded(content))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise RecordDamaged(
            f"the state is damaged: what it keeps of {paper_id} cannot be read ({type(error).__name__});"
            " restore it from a backup"
        ) from None


def _paper(paper_id: str, parts: dict[str, Any]) -> Paper:
    return Paper(
        id=PaperId(paper_id),
        title=parts["title"],
        authors=tuple(parts["authors"]),
        summaries=tuple(Summary(text=text, digest=digest) for text, digest in parts["summaries"]),
        published=_day(parts["published"]),
        date=_day(parts["date"]),
        latest=_day(parts["latest"]),
        categories=tuple(parts["categories"]),
        comment=parts["comment"],
        score=parts["score"],
        links=_links_of(parts["links"]),
        flowchart=_flowchart_of(parts["flowchart"]),
        editions=tuple(map(_edition_of, parts["editions"])),
        digests=tuple(parts["digests"]),
    )


def question_text(question: Question) -> str:
    """The question as compact JSON."""
    return json_text(_question(question))


def question_of(text: str) -> Question:
    """The question that `question_text` wrote."""
    return _question_of(loaded(text))


def _day_text(day: dt.date | None) -> str | None:
    return day.isoformat() if day else None


def _day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def day_of(value: str | dt.date | None) -> dt.date | None:
    """A day as either database gives it."""
    return dt.date.fromisoformat(value) if isinstance(value, str) else value


def _links_of(parts: list[Any]) -> Links:
    *single, other = parts
    return Links(abs=single[0], pdf=single[1], huggingface=single[2], code=single[3], other=tuple(other))


def _flowchart_of(parts: list[Any] | None) -> Flowchart | None:
    return Flowchart(text=parts[0], drawing=parts[1]) if parts else None


def _edition(edition: Edition) -> dict[str, Any]:
    return {
        "language": edition.language,
        "title": edition.title,
        "summary": edition.summary,
        "points": [(point.label, point.text) for point in edition.points],
        "quiz": [_question(question) for question in edition.quiz],
    }


def _edition_of(parts: dict[str, Any]) -> Edition:
    return Edition(
        language=parts["language"],
        title=parts["title"],
        summary=parts["summary"],
        points=tuple(Point(label=label, text=text) for label, text in parts["points"]),
        quiz=tuple(map(_question_of, parts["quiz"])),
    )


def _question(question: Question) -> tuple[Any, ...]:
    return (
        question.question,
        question.options,
        question.answer,
        question.answer_source,
        question.confidence,
        question.confident,
    )


def _question_of(parts: list[Any]) -> Question:
    return Question(
        question=parts[0],
        options=tuple(parts[1]),
        answer=parts[2],
        answer_source=parts[3],
        confidence=parts[4],
        confident=parts[5],
    )
