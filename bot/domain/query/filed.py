"""An index of a list of queries, which can be changed to another list and saved.

A saved one holds, beside the index, a digest of every query under its handle. Whoever loads it for a list
of queries gets an index of exactly these: what the list has anew is added, what it has no longer is removed.

    number of handles · digest of each handle's query, zeros where it has none · filling · the saved index
"""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from bot.domain.errors import IndexUnusable
from bot.domain.query.documents import Document
from bot.domain.query.index import Index
from bot.domain.query.index.arrays import NOTHING, Ints, Longs
from bot.domain.query.syntax import Query

_DIGEST = 16
_COUNT = 8
_ALIGNED = 64
_FREE = bytes(_DIGEST)
_DOCUMENT_BITS = 32


class Filed:
    """Queries by their place in a list; not to be changed by one thread while another one matches."""

    def __init__(self, queries: Sequence[Query], *, saved: "tuple[Index, list[bytes]] | None" = None) -> None:
        """`saved` is an index, and by handle the digests of its queries, to be brought up to date."""
        self._index, self._digests = saved or (Index(queries), list(map(_digest, queries)))
        self._places: Ints = np.arange(len(queries), dtype=np.int32)
        """By handle; NOTHING where it has no query."""
        self.is_saved = saved is not None
        """True where nothing changed since it was saved or loaded; for whoever saves it to set."""
        if saved:
            self.change(queries)

    @classmethod
    def from_bytes(cls, data: bytes | bytearray, queries: Sequence[Query]) -> "Filed":
        """The saved index, brought up to date with these queries; IndexUnusable where it cannot be trusted."""
        end = _COUNT + int.from_bytes(data[:_COUNT], "little") * _DIGEST
        start = end + -end % _ALIGNED
        if len(data) < start:
            raise IndexUnusable("this is no saved index, or only the beginning of one")
        view = memoryview(data)
        index = Index.from_bytes(view[start:], stamp=_stamp(view[:start]))
        digests = bytes(view[_COUNT:end])
        saved = index, [digests[at : at + _DIGEST] for at in range(0, len(digests), _DIGEST)]
        return cls(queries, saved=saved)

    def to_bytes(self) -> bytes:
        """The file of the index."""
        while self._digests and self._digests[-1] == _FREE:
            self._digests.pop()
        digests = b"".join((len(self._digests).to_bytes(_COUNT, "little"), *self._digests))
        digests += bytes(-len(digests) % _ALIGNED)
        return digests + self._index.to_bytes(stamp=_stamp(digests))

    def __len__(self) -> int:
        """Queries in the index."""
        return len(self._index)

    def change(self, queries: Sequence[Query]) -> int:
        """Become the index of these queries in place; gives how many were added or removed."""
        wanted = [_digest(query) for query in queries]
        if wanted == self._digests:
            self._places = np.arange(len(queries), dtype=np.int32)
            return 0
        handles = self._found(wanted)
        kept = set(handles)
        gone = [
            handle for handle, digest in enumerate(self._digests) if digest != _FREE and handle not in kept
        ]
        for handle in gone:
            self._index.remove(handle)
            self._digests[handle] = _FREE
        new = [place for place, handle in enumerate(handles) if handle == NOTHING]
        for place in new:
            handles[place] = self._add(queries[place], wanted[place])
        self._places = np.full(len(self._digests), NOTHING, dtype=np.int32)
        self._places[handles] = np.arange(len(handles), dtype=np.int32)
        self.is_saved = self.is_saved and not gone and not new
        return len(gone) + len(new)

    def matches(self, documents: Sequence[Document]) -> Iterator[tuple[int, int]]:
        """(place of the query, index of the document) of each match, by query, then by document."""
        places, found_in = self.hits(documents)
        return zip(places.tolist(), found_in.tolist(), strict=True)

    def hits(self, documents: Sequence[Document]) -> tuple[Longs, Longs]:
        """The same in two columns."""
        handles, found_in = self._index.hits(documents)
        found = np.sort(self._places[handles].astype(np.int64) << _DOCUMENT_BITS | found_in)
        return found >> _DOCUMENT_BITS, found & ((1 << _DOCUMENT_BITS) - 1)

    def _found(self, wanted: Sequence[bytes]) -> list[int]:
        """The handle of a query of each digest, all of them different, NOTHING where there are no more."""
        first: dict[bytes, int] = {}
        following = [NOTHING] * len(self._digests)
        for handle in range(len(self._digests) - 1, -1, -1):
            digest = self._digests[handle]
            following[handle] = first.get(digest, NOTHING)
            first[digest] = handle
        found: list[int] = []
        for digest in wanted:
            handle = first.get(digest, NOTHING)
            found.append(handle)
            if handle != NOTHING:
                first[digest] = following[handle]
        return found

    def _add(self, query: Query, digest: bytes) -> int:
        handle = self._index.add(query)
        if handle < len(self._digests):
            self._digests[handle] = digest
        else:
            self._digests.append(digest)
        return handle


def _digest(query: Query) -> bytes:
    return hashlib.blake2b(query.canonical.encode("utf-8", "surrogatepass"), digest_size=_DIGEST).digest()


def _stamp(digests: bytes | memoryview) -> str:
    return hashlib.sha256(digests).hexdigest()
