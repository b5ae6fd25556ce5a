"""SQL helpers: statements for both SQLite and PostgreSQL, and statements over many rows."""

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Table
from sqlalchemy.dialects import sqlite

_T = TypeVar("_T")
_CHUNK = 500
_ROWS_AT_ONCE = 64
"""Rows of one statement on SQLite: one INSERT takes half the time of as many single ones, an UPDATE four fifths."""
_NAMED = re.compile(r"(?<!:):(\w+)")
_ANY = re.compile(r"= ANY\(:(\w+)\)")


def insert(connection: Connection, table: Table) -> Any:
    """An INSERT statement of the database's dialect, which has ON CONFLICT."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


def upsert(connection: Connection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Insert a row, or give these values to the row that has the key already."""
    statement = insert(connection, table).values(**key, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=dict(values)))


def chunks(values: Iterable[_T]) -> Iterator[list[_T]]:
    """The values in lists short enough for an IN (…) clause."""
    left = iter(values)
    while chunk := list(islice(left, _CHUNK)):
        yield chunk


def driver(connection: Connection) -> sqlite3.Connection:
    """The sqlite3 connection below SQLAlchemy's, whose overhead costs more than a small statement itself."""
    own = connection.connection.driver_connection
    assert isinstance(own, sqlite3.Connection)
    return own


def _with_json_lists(values: dict[str, Any]) -> dict[str, Any]:
    lists = {name: json.dumps(value) for name, value in values.items() if isinstance(value, list)}
    return {**values, **lists}


class Statement:
    """A prepared statement for both databases, which costs less than building one with SQLAlchemy each time.

    `:name` is a value for the driver (moments as microseconds), `= ANY(:name)` means one of a list. `postgresql` is the
    text for PostgreSQL where that differs.
    """

    def __init__(self, text: str, *, postgresql: str | None = None) -> None:
        self._sqlite = _ANY.sub(r"IN (SELECT value FROM json_each(:\1))", text)
        self._postgresql = _NAMED.sub(r"%(\1)s", (postgresql or text).replace("%", "%%"))

    def run(self, connection: Connection, **values: Any) -> CursorResult[Any]:
        if connection.dialect.name == "sqlite":
            return connection.exec_driver_sql(self._sqlite, _with_json_lists(values))
        return connection.exec_driver_sql(self._postgresql, values)

    def rows(self, connection: Connection, **values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query as plain tuples of the driver."""
        if connection.dialect.name == "sqlite":
            return driver(connection).execute(self._sqlite, _with_json_lists(values)).fetchall()
        with self.run(connection, **values) as result:
            assert result.cursor is not None
            return list(result.cursor.fetchall())


class ForEach:
    """A statement executed for many rows, at a cost of microseconds each.

    On SQLite the driver repeats it (many rows: `_ROWS_AT_ONCE` at a time); on PostgreSQL it runs once over arrays, which
    appear as a table named `given`. `columns` maps names to PostgreSQL's types; the values of each row are in that order,
    as the driver takes them (moments as microseconds). The type `utf8` is a text given as bytes, which SQLite stores
    without making a string of them.
    """

    def __init__(
        self, *, sqlite: str, postgresql: str, columns: dict[str, str], several: str | None = None
    ) -> None:
        """`several` is SQLite's statement for `_ROWS_AT_ONCE` rows, with all their values in a row."""
        arrays = ", ".join(f"%s::{'text' if kind == 'utf8' else kind}[]" for kind in columns.values())
        self._kinds = tuple(columns.values())
        self._several = several
        self._sqlite, self._in_order = _positional(sqlite, tuple(columns))
        self._postgresql = postgresql.replace("{given}", f"unnest({arrays}) AS given({', '.join(columns)})")

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        """Execute the statement for these rows; gives the number of rows changed."""
        if not rows:
            return 0
        if connection.dialect.name == "sqlite":
            return self._repeated(connection, rows)
        columns = zip(self._kinds, zip(*rows, strict=True), strict=True)
        arrays = tuple(_array(kind, values) for kind, values in columns)
        return connection.exec_driver_sql(self._postgresql, arrays).rowcount

    def _repeated(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        changed, own = 0, driver(connection)
        if self._several and len(rows) >= _ROWS_AT_ONCE:
            groups = len(rows) // _ROWS_AT_ONCE
            values = tuple(chain.from_iterable(rows[: groups * _ROWS_AT_ONCE]))
            rows = rows[groups * _ROWS_AT_ONCE :]
            width = len(values) // groups
            several = [values[start : start + width] for start in range(0, len(values), width)]
            changed = own.executemany(self._several, several).rowcount
        if rows:
            parameters = map(self._in_order, rows) if self._in_order else rows
            changed += own.executemany(self._sqlite, parameters).rowcount
        return changed


def _positional(
    text: str, columns: tuple[str, ...]
) -> tuple[str, Callable[[tuple[Any, ...]], tuple[Any, ...]] | None]:
    """(statement with `?` for each name, function that orders a row's values for it, or None where they are in order).

    Numbered parameters (`?2`) would need no function, but Python 3.12.0 to 3.12.3 warn about them.
    """
    names = tuple(_NAMED.findall(text))
    order = [columns.index(name) for name in names]
    if names == columns:
        return _NAMED.sub("?", text), None
    if len(order) == 1:
        return _NAMED.sub("?", text), lambda row: (row[order[0]],)
    return _NAMED.sub("?", text), itemgetter(*order)


def _array(kind: str, values: Sequence[Any]) -> list[str] | str:
    """A PostgreSQL array; of numbers as a literal, since the driver would check each for characters that need quoting."""
    if kind == "text":
        return list(values)
    if kind == "utf8":
        return [value.decode() for value in values]
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def inserting(table: str, columns: dict[str, str], *, on_conflict: str | None = None) -> ForEach:
    """INSERT … VALUES for many rows, in order; without `on_conflict` a conflict raises."""
    conflict = f" ON CONFLICT {on_conflict}" if on_conflict else ""
    names = ", ".join(columns)
    values = ", ".join(
        f"CAST(:{name} AS TEXT)" if kind == "utf8" else f":{name}" for name, kind in columns.items()
    )
    return ForEach(
        sqlite=f"INSERT INTO {table} ({names}) VALUES ({values}){conflict}",
        several=f"INSERT INTO {table} ({names}) VALUES {_several(columns)}{conflict}",
        postgresql=f"INSERT INTO {table} ({names}) SELECT * FROM {{given}}{conflict}",
        columns=columns,
    )


def _several(columns: Mapping[str, str]) -> str:
    row = ", ".join("CAST(? AS TEXT)" if kind == "utf8" else "?" for kind in columns.values())
    return ", ".join([f"({row})"] * _ROWS_AT_ONCE)


def updating(table: str, changes: str, *, where: str, columns: dict[str, str]) -> ForEach:
    """UPDATE for many rows; `:name` is a value of the row. No two given rows may update the same row of the table."""
    text = f"UPDATE {table} SET {changes} {{from}} WHERE {where}"
    joined = _NAMED.sub(r"given.\1", text)
    values_table = f"WITH given({', '.join(columns)}) AS (VALUES {_several(columns)})"
    return ForEach(
        sqlite=text.replace("{from}", ""),
        several=f"{values_table} {joined.replace('{from}', 'FROM given')}",
        postgresql=joined.replace("{from}", "FROM {given}"),
        columns=columns,
    )
