"""The index of all subscriptions, kept beside the state so that a restart need not build it."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.domain.errors import IndexUnusable
from bot.domain.query import Query
from bot.pipeline.ports import IndexFile

if TYPE_CHECKING:
    from bot.domain.query.index import PersistentIndex

SAVED_FROM = 5_000
"""Queries from which on loading is worth a file; fewer are built within a twentieth of a second."""

log = logging.getLogger(__name__)


class IndexDesk:
    """Gives an index of queries from the file, or builds it and fills the file.

    What is wrong with the file is logged and costs time, nothing else.
    """

    def __init__(self, file: IndexFile) -> None:
        self._file = file

    def __call__(self, queries: Sequence[Query]) -> "PersistentIndex":
        from bot.domain.query.index import PersistentIndex  # with numpy, which few queries do without

        if len(queries) < SAVED_FROM:
            return PersistentIndex(queries)
        try:
            data = self._file.read()
            if data is not None:
                return PersistentIndex.from_bytes(data, queries)
        except IndexUnusable as error:
            log.warning("index.unusable", extra={"why": str(error), "instead": "it is built anew"})
        index = PersistentIndex(queries)
        self.keep(index)
        return index

    def keep(self, index: "PersistentIndex") -> None:
        """Fill the file, where it is worth it and anything changed."""
        if index.is_saved or len(index) < SAVED_FROM:
            return
        try:
            self._file.write(index.to_bytes())
            index.is_saved = True
        except IndexUnusable as error:
            log.warning("index.not_saved", extra={"why": str(error), "then": "a restart takes longer"})
