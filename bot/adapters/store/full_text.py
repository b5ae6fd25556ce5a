"""Full text: the folded words of each stored paper, and the database's own index of them.

The words stand as text in `paper_words`, so that no paper is folded again to be searched. The index, `full_text`, is an
FTS5 table on SQLite and a `tsvector` with GIN on PostgreSQL; it gives candidates, at least every paper that matches, and
the evaluation of queries decides. Words are given to both as they are: FTS5 gets a tokenizer that parts at blanks
alone, and a `tsvector` is made of lexemes, each with its field's letter before it. FTS5 knows the places of words as well, so it
decides phrases, which may be of words that nearly every paper has; a word that is none stands between two parts.
"""

import datetime as dt
import sys
from collections import OrderedDict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine

from bot.adapters.store.engine import reading, writing
from bot.adapters.store.papers import StoredDocument, day_of, paper_of, version
from bot.adapters.store.row_numbers import RowNumbers
from bot.adapters.store.schema import FULL_TEXT, meta
from bot.adapters.store.sql import Statement, chunks, driver, insert
from bot.domain.papers import Paper, PaperId
from bot.domain.query import Document, document_of
from bot.domain.query.documents import FIELDS, Field, FieldWords
from bot.domain.query.folding import RULES as FOLDING_RULES
from bot.domain.query.needs import LONGEST_WORD, AllOf, Bounds, ButNot, Need, Term

_COLUMNS = ", ".join(FIELDS)
_WORDS = Statement(f"SELECT paper, {_COLUMNS} FROM paper_words WHERE paper = ANY(:numbers)")
_TEXTS = Statement(
    f"SELECT number, id, content, {_COLUMNS} FROM papers JOIN paper_words ON paper = number"
    " WHERE number = ANY(:numbers)"
)
_IDS = Statement("SELECT number, id FROM papers WHERE number = ANY(:numbers)")
_NEWEST_DAY = Statement("SELECT max(date) FROM digests")
_RECENT_PAPERS = (
    "SELECT number, date FROM papers WHERE date >= {} OR date IS NULL ORDER BY date DESC NULLS LAST, number"
)
_RECENT = Statement(_RECENT_PAPERS.format(":since"), postgresql=_RECENT_PAPERS.format(":since::date"))
_MOST_LISTS = 4
_FEW = 50
"""Up to this part of the papers, sorting takes less time than going through all."""
_CONTENTS = Statement(
    "SELECT number, id, content FROM papers WHERE number > :after ORDER BY number LIMIT :most"
)
_REPLACED = ", ".join(f"{field} = excluded.{field}" for field in FIELDS)
_SAVE_SQLITE = f"INSERT INTO paper_words (paper, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (paper) DO UPDATE SET {_REPLACED}"
_INDEX_SQLITE = f"INSERT INTO full_text (rowid, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"
_UNINDEX_SQLITE = f"INSERT INTO full_text (full_text, rowid, {_COLUMNS}) VALUES ('delete', ?, ?, ?, ?, ?, ?)"
_FIND_SQLITE = "SELECT rowid FROM full_text WHERE full_text MATCH ?"
_VOCABULARY_SQLITE = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS temp.vocabulary USING fts5vocab(main, full_text, row)"
)
_WORDS_SQLITE = "SELECT term FROM temp.vocabulary WHERE term >= ? AND term < ?"
_ARRAYS = ", ".join(("%s::bigint[]", *("%s::text[]" for _ in FIELDS)))
_SAVE_POSTGRESQL = (
    f"INSERT INTO paper_words (paper, {_COLUMNS}) SELECT * FROM unnest({_ARRAYS})"
    f" ON CONFLICT (paper) DO UPDATE SET {_REPLACED}"
)
_INDEX_POSTGRESQL = (
    "INSERT INTO full_text (paper, lexemes) SELECT paper, array_to_tsvector(string_to_array(lexemes, ' '))"
    " FROM unnest(%s::bigint[], %s::text[]) AS given(paper, lexemes)"
    " ON CONFLICT (paper) DO UPDATE SET lexemes = excluded.lexemes"
)
_FIND_POSTGRESQL = "SELECT paper FROM full_text WHERE lexemes @@ %s::tsquery"

_WORDS_POSTGRESQL = (
    "SELECT DISTINCT substr(word, 2) FROM ts_stat('SELECT lexemes FROM full_text ORDER BY paper DESC LIMIT 5000')"
    " WHERE word LIKE %s"
)

_LETTERS: dict[Field, str] = {"title": "t", "authors": "a", "summary": "s", "points": "p", "source": "o"}
_MOST_BYTES = 500_000
"""Of all lexemes of a paper: a `tsvector` takes a megabyte. A paper with more is a candidate for every query."""
_ANY_QUERY = "*"
"""The lexeme of such a paper; no word is written so."""
_NO_PAPER = "-"
"""A lexeme that no paper has."""

_MOST_MAPPED = 1 << 27
"""Bytes: mapped pages count as memory of the process, though the system takes them back when it needs them."""

RULES = f"{FOLDING_RULES} with places"
"""By which rules the words are folded and indexed."""
_RULES_KEY = "folding_rules"
"""The row of `meta` that holds the rules of what is stored."""
_BETWEEN_PARTS = "¶"
_RULES = Statement("SELECT value FROM meta WHERE key = :key")
_FOLDED_AT_ONCE = 500

DaysByNumber = dict[int, str | dt.date | None]
"""Papers by number, newest first, with their days as the database gives them."""


class FullText:
    """`FullTextStore` over a database. Opening it folds all papers again where the rules of folding have changed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lists: OrderedDict[tuple[str, dt.date], DaysByNumber] = OrderedDict()
        """By version of the papers and first day: the papers from that day on."""
        with reading(engine) as connection:
            current = _is_current(connection)
        if not current:
            with writing(engine, alone=True) as connection:
                if not _is_current(connection):
                    _rebuild(connection)

    @contextmanager
    def last_days(self, days: int) -> Iterator["SqlPaperWindow"]:
        with reading(self._engine) as connection, _mapped(connection):
            newest = day_of(_NEWEST_DAY.rows(connection)[0][0])
            now = version(connection)
            yield SqlPaperWindow(
                connection, now, newest, self._since(connection, now, _first_day(newest, days))
            )

    def _since(self, connection: Connection, now: str, first: dt.date) -> "DaysByNumber":
        """The papers from that day on, from the cache where no paper has changed: of many they take a while to list."""
        key = now, first
        listed = self._lists.get(key)
        if listed is None:
            listed = self._lists[key] = dict(_RECENT.rows(connection, since=first.isoformat()))
            while len(self._lists) > _MOST_LISTS:
                self._lists.popitem(last=False)
        return listed


class SqlPaperWindow:
    """`PaperWindow` over a database. On PostgreSQL the index knows no positions, and gives more candidates."""

    def __init__(
        self, connection: Connection, now: str, newest: dt.date | None, days: "DaysByNumber"
    ) -> None:
        self._connection = connection
        self.version = now
        self.newest = newest
        self._days = days

    def __len__(self) -> int:
        return len(self._days)

    @property
    def oldest(self) -> dt.date | None:
        return day_of(next((day for day in reversed(self._days.values()) if day), None))

    def day(self, number: int) -> dt.date | None:
        return day_of(self._days[number])

    def matching(self, bounds: Bounds, matches: Callable[[Document], bool], *, with_texts: bool) -> list[int]:
        matching = self.certain(bounds)
        if not (self._is_exact and bounds.certain == bounds.possible):
            undecided = self.documents(
                self.candidates(bounds.possible, without=matching), with_texts=with_texts
            )
            matching |= {number for number, document in undecided if matches(document)}
        return self._newest_first(matching)

    def certain(self, bounds: Bounds) -> set[int]:
        """The papers that certainly match."""
        return self._having(bounds.certain, or_unknown=False) if bounds.certain else set()

    def candidates(self, need: Need | None, *, without: Container[int] = ()) -> list[int]:
        if need is None:
            return [number for number in self._days if number not in without]
        having = self._having(need, or_unknown=True)
        return self._newest_first({number for number in having if number not in without})

    def documents(self, numbers: Iterable[int], *, with_texts: bool) -> Iterator[tuple[int, Document]]:
        if with_texts:
            for number, _, document in self.texts(numbers):
                yield number, document
            return
        for chunk in chunks(numbers):
            words = {row[0]: row[1:] for row in _WORDS.rows(self._connection, numbers=chunk)}
            for number in chunk:
                yield number, Document(words=words[number])

    def ids(self, numbers: Iterable[int]) -> dict[int, PaperId]:
        rows = [row for chunk in chunks(numbers) for row in _IDS.rows(self._connection, numbers=chunk)]
        return {number: PaperId(paper_id) for number, paper_id in rows}

    def texts(self, numbers: Iterable[int]) -> Iterator[tuple[int, PaperId, Document]]:
        for chunk in chunks(numbers):
            rows = {row[0]: row[1:] for row in _TEXTS.rows(self._connection, numbers=chunk)}
            for number in chunk:
                paper_id, content, *words = rows[number]
                yield number, PaperId(paper_id), StoredDocument(content, tuple(words))

    def count(self, need: Need) -> int:
        return len(self._days.keys() & self._having(need, or_unknown=False))

    def has(self, need: Need) -> bool:
        if self._is_exact:
            rows = driver(self._connection).execute(f"{_FIND_SQLITE} LIMIT 1", (_fts5(need),))
            return rows.fetchone() is not None
        result = self._connection.exec_driver_sql(f"{_FIND_POSTGRESQL} LIMIT 1", (_tsquery(need),))
        return result.first() is not None

    def words_from(self, beginning: str) -> list[str]:
        if not self._is_exact:  # PostgreSQL: some thousand of the newest papers
            rows = self._connection.exec_driver_sql(_WORDS_POSTGRESQL, (f"_{beginning}%",))
            return list(rows.scalars())
        own = driver(self._connection)
        own.execute(_VOCABULARY_SQLITE)
        rows_ = own.execute(_WORDS_SQLITE, (beginning, beginning + chr(sys.maxunicode)))
        return [row[0] for row in rows_]

    def papers(self, numbers: Iterable[int]) -> Iterator[tuple[Paper, Document]]:
        for chunk in chunks(numbers):
            rows = {row[0]: row[1:] for row in _TEXTS.rows(self._connection, numbers=chunk)}
            for number in chunk:
                paper_id, content, *words = rows[number]
                paper = paper_of(paper_id, content)
                yield paper, document_of(paper, tuple(words))

    def _newest_first(self, numbers: set[int]) -> list[int]:
        """Those of the numbers that are papers of this window; a few of very many are sorted, which takes less time."""
        if len(numbers) > len(self._days) // _FEW:
            return [number for number in self._days if number in numbers]
        days = self._days
        listed = sorted(number for number in numbers if number in days)
        return sorted(listed, key=lambda number: (days[number] is not None, days[number]), reverse=True)

    @property
    def _is_exact(self) -> bool:
        """Whether the index knows all words of all papers."""
        return self._connection.dialect.name == "sqlite"

    def _having(self, need: Need, *, or_unknown: bool) -> set[int]:
        if self._is_exact:
            rows = driver(self._connection).execute(_FIND_SQLITE, (_fts5(need),))
            return {row[0] for row in rows}
        query = f"'{_ANY_QUERY}' | {_tsquery(need)}" if or_unknown else _tsquery(need, surely=True)
        result = self._connection.exec_driver_sql(_FIND_POSTGRESQL, (query,))
        return set(result.scalars())


@contextmanager
def _mapped(connection: Connection) -> Iterator[None]:
    """Read a SQLite file as mapped memory: over most of the papers that takes a third less time."""
    if connection.dialect.name != "sqlite":
        yield
        return
    own = driver(connection)
    own.execute(f"PRAGMA mmap_size={_MOST_MAPPED}").close()
    try:
        yield
    finally:
        own.execute("PRAGMA mmap_size=0").close()


def stored_documents(connection: Connection, papers: Sequence[Paper]) -> dict[PaperId, Document]:
    """The documents of stored papers, with the words that were kept of them."""
    numbers = RowNumbers(connection).of_papers({paper.id for paper in papers})
    words: dict[int, FieldWords] = {}
    for chunk in chunks(numbers.values()):
        words.update({row[0]: row[1:] for row in _WORDS.rows(connection, numbers=chunk)})
    return {paper.id: document_of(paper, words[numbers[paper.id]]) for paper in papers}


def save_words(connection: Connection, documents: Sequence[tuple[int, Document]]) -> None:
    """Keep the words of the papers with these numbers; the ones that were kept before are replaced."""
    if not documents:
        return
    rows = [(number, *document.folded_words()) for number, document in documents]
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(_SAVE_POSTGRESQL, tuple(map(list, zip(*rows, strict=True))))
        numbers, lexemes = zip(*((row[0], _lexemes(row[1:])) for row in rows), strict=True)
        connection.exec_driver_sql(_INDEX_POSTGRESQL, (list(numbers), list(lexemes)))
        return
    raw = driver(connection)
    for chunk in chunks(number for number, _ in documents):
        raw.executemany(_UNINDEX_SQLITE, map(_indexed, _WORDS.rows(connection, numbers=chunk)))
    raw.executemany(_SAVE_SQLITE, rows)
    raw.executemany(_INDEX_SQLITE, map(_indexed, rows))


def _indexed(row: Sequence[Any]) -> list[Any]:
    """The number and the words of a paper, in which no phrase crosses the end of a part."""
    return [row[0], *(words.replace("\n", _BETWEEN_PARTS) for words in row[1:])]


def _rebuild(connection: Connection) -> None:
    """Fold and index every stored paper again."""
    if connection.dialect.name == "sqlite":
        raw = driver(connection)
        for statement in ("DROP TABLE full_text", *FULL_TEXT["sqlite"], "DELETE FROM paper_words"):
            raw.execute(statement).close()
    after = 0
    while rows := _CONTENTS.rows(connection, after=after, most=_FOLDED_AT_ONCE):
        save_words(
            connection,
            [(number, document_of(paper_of(paper_id, content))) for number, paper_id, content in rows],
        )
        after = rows[-1][0]
    kept = insert(connection, meta).values(key=_RULES_KEY, value=RULES)
    connection.execute(kept.on_conflict_do_update(index_elements=["key"], set_={"value": RULES}))


def _is_current(connection: Connection) -> bool:
    return _RULES.rows(connection, key=_RULES_KEY) == [(RULES,)]


def _fts5(need: Need) -> str:
    """The need in the query language of FTS5."""
    if isinstance(need, Term):
        return f'{{{" ".join(need.fields)}}} : "{need.text}"{"*" if need.is_prefix else ""}'
    if isinstance(need, ButNot):
        return f"({_fts5(need.need)} NOT {_fts5(need.barred)})"
    return f"({(' AND ' if isinstance(need, AllOf) else ' OR ').join(map(_fts5, need.needs))})"


def _tsquery(need: Need, *, surely: bool = False) -> str:
    """The need as the text of a `tsquery`, which knows no places: more papers than have it, or `surely` less."""
    if isinstance(need, Term):
        words = need.text.split()
        if surely and len(words) > 1:
            return f"'{_NO_PAPER}'"
        return "(" + " | ".join([_lexemes_of(field, words, need.is_prefix) for field in need.fields]) + ")"
    if isinstance(need, ButNot):
        return f"({_tsquery(need.need, surely=surely)} & !{_tsquery(need.barred, surely=not surely)})"
    operator = " & " if isinstance(need, AllOf) else " | "
    return f"({operator.join([_tsquery(part, surely=surely) for part in need.needs])})"


def _lexemes_of(field: Field, words: Sequence[str], is_prefix: bool) -> str:
    lexemes = " & ".join([f"'{_LETTERS[field]}{word[:LONGEST_WORD]}'" for word in words])
    return f"({lexemes}{':*' if is_prefix else ''})"


def _lexemes(words: FieldWords) -> str:
    """The different words of a paper with their fields' letters, between blanks."""
    lexemes = {
        _LETTERS[field] + word[:LONGEST_WORD]
        for field, text in zip(FIELDS, words, strict=True)
        for word in text.split()
    }
    joined = " ".join(lexemes)
    return joined if len(joined.encode()) <= _MOST_BYTES else _ANY_QUERY


def _first_day(newest: dt.date | None, days: int) -> dt.date:
    """The first of so many days that end with the newest one."""
    if newest is None or days >= newest.toordinal():
        return dt.date.min
    return newest - dt.timedelta(days=days - 1)
