"""Rows that are numbered one after the other, as those of a message mostly are: SQLite changes such a run with one
statement, in half the time that it takes for each row by itself.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from bot.pipeline.ports import ClaimedRow

_Of = TypeVar("_Of")


def in_runs(
    connection: Connection, given: Iterable[tuple[_Of, Sequence[ClaimedRow]]]
) -> tuple[list[tuple[_Of, Sequence[ClaimedRow]]], list[tuple[_Of, ClaimedRow]]]:
    """The runs of two rows or more, and the rows that are left, each beside what its rows were given with.

    Rows are given oldest first. PostgreSQL gets no runs: it knows of a range of numbers too little to plan for it.
    """
    if connection.dialect.name != "sqlite":
        return [], [(of, row) for of, rows in given for row in rows]
    runs: list[tuple[_Of, Sequence[ClaimedRow]]] = []
    left: list[tuple[_Of, ClaimedRow]] = []
    for of, rows in given:
        for run in _runs(rows):
            if len(run) > 1:
                runs.append((of, run))
            else:
                left.append((of, run[0]))
    return runs, left


def _runs(rows: Sequence[ClaimedRow]) -> Sequence[Sequence[ClaimedRow]]:
    if rows[-1].seq - rows[0].seq == len(rows) - 1:
        return (rows,)
    starts = [number for number in range(1, len(rows)) if rows[number].seq != rows[number - 1].seq + 1]
    return [rows[start:end] for start, end in zip([0, *starts], [*starts, len(rows)], strict=True)]
