"""The index of many queries: exactly the matches of the plain evaluation, for a million queries at once."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush

import numpy as np
import numpy.typing as npt

from bot.domain.errors import IndexUnusable
from bot.domain.query.documents import Document
from bot.domain.query.evaluation import Test, test_of
from bot.domain.query.index.arrays import (
    NOTHING,
    Column,
    DuplicateFinder,
    Ints,
    LinkedLists,
    Longs,
    MaskBuffer,
    Masks,
    Rows,
)
from bot.domain.query.index.atoms import COMPLEX_ROOT, Atoms, Clause, Complex, Key, clauses_of
from bot.domain.query.index.occurrences import (
    BatchOccurrences,
    Pairs,
    Vocabulary,
    find_occurrences,
    near_masks,
)
from bot.domain.query.index.storage import Packed, Saved, empty, from_bytes, packed, to_bytes
from bot.domain.query.language import Query
from bot.domain.query.parser import tree_of

_FREE = -2
"""Instead of a chain: a handle that no query has."""
MOST_PAPERS = 32
"""In one pass: the bits of a mask."""
_MOST_TESTS = 20_000


class Index:
    """Queries by handle, changed in position; not to be changed by one thread while another one matches.

    Handles are small numbers; those of removed queries are given out again, the smallest first.
    """

    def __init__(self, queries: Iterable[Query] = (), *, saved: Packed | None = None) -> None:
        saved = saved or empty()
        self._atoms = Atoms(saved.strings, saved.parents, saved.labels, saved.uses)
        self._rows = Rows(saved.rows.counts, saved.rows.targets, saved.rows.rests)
        self._guards = Rows(saved.guards.counts, saved.guards.targets, saved.guards.rests)
        """Rows whose targets are nodes of complex atoms."""
        self._rests = LinkedLists(saved.rest_values, saved.rest_next)
        """Literals besides the one that a row is filed under: node * 2, + 1 where negated."""
        self._filings = LinkedLists(saved.filing_values, saved.filing_next)
        """Nodes under which the rows of a query, or of a complex atom, are filed."""
        self._first = Column(saved.first, fill=_FREE)
        """By handle: where its chain in `_filings` begins."""
        self._guarded = Column(fill=NOTHING)
        """By node of a complex atom: where its chain in `_filings` begins."""
        self._distances = Column()
        """By node: the distance of a NEAR whose sides are its one guard."""
        self._reserve(self._atoms.size)
        self._guarded.array[saved.guarded_nodes] = saved.guarded_first
        self._distances.array[saved.guarded_nodes] = saved.guarded_distances
        self._size = len(saved.first)
        self._free = np.flatnonzero(saved.first == _FREE).tolist()
        self._live = self._size - len(self._free)
        self._tests: dict[int, Test] = {}
        self._vocabulary = Vocabulary(self._atoms)
        self._buffer = MaskBuffer()
        self._duplicates = DuplicateFinder()
        for query in queries:
            self.add(query)

    @classmethod
    def from_bytes(cls, data: Saved, *, stamp: str = "") -> "Index":
        """The index that was saved with that stamp; IndexUnusable where it cannot be trusted."""
        return cls(saved=from_bytes(data, stamp))

    def to_bytes(self, *, stamp: str = "") -> bytes:
        """The index to be saved: the same queries under the same handles always give the same bytes.

        `stamp` says what the index was made from; loading asks for it again.
        """
        distances, first = self._distances.array, self._first.array[: self._size]
        whole = packed(self._atoms, self._rows, self._guards, self._rests, distances, first, _FREE)
        return to_bytes(whole, stamp)

    def __len__(self) -> int:
        """Queries in the index."""
        return self._live

    def add(self, query: Query) -> int:
        """The handle under which the query is found from now on."""
        clauses = clauses_of(query.root)
        handle = heappop(self._free) if self._free else self._size
        if handle == self._size:
            self._size += 1
            if self._size > len(self._first.array):
                self._first.reserve(self._size)
        self._first.cells[handle] = self._file(self._rows, handle, clauses)
        self._live += 1
        return handle

    def remove(self, handle: int) -> None:
        """Forget the query of that handle; KeyError where there is none."""
        if not 0 <= handle < self._size or self._first.cells[handle] == _FREE:
            raise KeyError(handle)
        self._withdraw(self._rows, handle, self._first.cells[handle])
        self._first.cells[handle] = _FREE
        heappush(self._free, handle)
        self._live -= 1

    def matches(self, documents: Sequence[Document]) -> Iterator[tuple[int, int]]:
        """(handle of the query, index of the document) of each match, by document, then by handle."""
        handles, positions = self.hits(documents)
        order = np.lexsort((handles, positions))
        return zip(handles[order].tolist(), positions[order].tolist(), strict=True)

    def hits(self, documents: Sequence[Document]) -> tuple[Ints, Ints]:
        """Handles of queries and, beside them, indexes of documents: each match once, in no order."""
        handles: list[Ints] = [np.empty(0, dtype=np.int32)]
        positions: list[Ints] = [np.empty(0, dtype=np.int32)]
        for start in range(0, len(documents), MOST_PAPERS):
            matched, masks = self._pass(documents[start : start + MOST_PAPERS])
            while len(matched):
                lowest = masks & (~masks + np.uint32(1))
                handles.append(matched)
                positions.append(np.bitwise_count(lowest - np.uint32(1)).astype(np.int32) + np.int32(start))
                masks = masks ^ lowest
                more = np.flatnonzero(masks != 0)
                matched, masks = matched[more], masks[more]
        return np.concatenate(handles), np.concatenate(positions)

    def _pass(self, documents: Sequence[Document]) -> tuple[Ints, Masks]:
        """Handles, each once, and the masks of the papers that they match."""
        batch = find_occurrences(documents, self._atoms, self._vocabulary)
        with self._buffer.sized(self._atoms.size) as buffer:
            buffer.add_papers(batch.occurrences.nodes, batch.occurrences.papers)
            if self._atoms.is_used(COMPLEX_ROOT):
                buffer.add(*self._complex_atoms_in(documents, batch, buffer))
            positions, masks = self._candidates(self._rows, buffer)
        targets = self._rows.targets.array[positions]
        return self._merged(targets >> 1, masks, targets & 1 != 0)

    def _merged(self, handles: Ints, masks: Masks, several: npt.NDArray[np.bool_]) -> tuple[Ints, Masks]:
        """Each handle once, with all its masks; only the ones of `several` can come more than once."""
        again = np.flatnonzero(several)
        of_several = masks[again]
        representatives = self._duplicates.representatives(handles[again], self._size)
        owned = representatives != np.arange(len(representatives))
        np.bitwise_or.at(of_several, representatives[owned], of_several[owned])
        masks[again] = of_several
        masks[again[owned]] = 0
        kept = np.flatnonzero(masks != 0)
        return handles[kept], masks[kept]

    def _candidates(self, rows: Rows, buffer: MaskBuffer) -> tuple[Longs, Masks]:
        """Places of the rows that hold for some paper, with the masks of these papers."""
        nodes = buffer.nodes
        nodes = nodes[nodes < len(rows.counts.array)]
        nodes = nodes[rows.counts.array[nodes] > 0]
        positions, counts = rows.positions_of(nodes)
        masks = np.repeat(buffer.masks[nodes], counts)
        rests = rows.rests.array[positions]
        open_ones = np.flatnonzero(rests >= 0)
        rests = rests[open_ones]
        while len(open_ones):
            literals = self._rests.values.array[rests]
            held = masks[open_ones] & (buffer.masks[literals >> 1] ^ -(literals & 1).view(np.uint32))
            masks[open_ones] = held
            rests = self._rests.successors.array[rests]
            more = np.flatnonzero((rests >= 0) & (held != 0))
            open_ones, rests = open_ones[more], rests[more]
        held_ones = np.flatnonzero(masks != 0)
        return positions[held_ones], masks[held_ones]

    def _complex_atoms_in(
        self, documents: Sequence[Document], batch: BatchOccurrences, buffer: MaskBuffer
    ) -> tuple[Longs, Masks]:
        """The complex atoms of the papers, found among those whose guards hold."""
        positions, masks = self._candidates(self._guards, buffer)
        nodes = (self._guards.targets.array[positions] >> 1).astype(np.int64)
        near = self._distances.array[nodes] > 0
        others, other_masks = self._decided(documents, nodes[~near], masks[~near])
        nodes, masks = nodes[near], self._near(batch, nodes[near], self._guards.rests.array[positions[near]])
        held = np.flatnonzero(masks != 0)
        return np.concatenate((nodes[held], others)), np.concatenate((masks[held], other_masks))

    def _near(self, batch: BatchOccurrences, nodes: Longs, rests: Ints) -> Masks:
        """The papers of these NEAR atoms; `rests` are those of their guards' rows."""
        left = self._filings.values.array[self._guarded.array[nodes]].astype(np.int64)
        right = left.copy()
        right[rests >= 0] = self._rests.values.array[rests[rests >= 0]] >> 1
        words = self._atoms.depths(left), self._atoms.depths(right)
        pairs = Pairs(left, right, *words, self._distances.array[nodes].astype(np.int64))
        return near_masks(batch.occurrences, batch.parts, pairs)

    def _decided(self, documents: Sequence[Document], nodes: Longs, masks: Masks) -> tuple[Longs, Masks]:
        """Of atoms that possibly hold in these papers those that do, by the plain evaluation."""
        possible: dict[int, int] = {}
        for node, mask in zip(nodes.tolist(), masks.tolist(), strict=True):
            possible[node] = possible.get(node, 0) | mask
        found: dict[int, int] = {}
        for node, mask in possible.items():
            test = self._test(node)
            held = sum(
                1 << position
                for position, document in enumerate(documents)
                if mask >> position & 1 and test(document)
            )
            if held:
                found[node] = held
        return np.array(list(found), dtype=np.int64), np.array(list(found.values()), dtype=np.uint32)

    def _test(self, node: int) -> Test:
        test = self._tests.get(node)
        if test is None:
            if len(self._tests) >= _MOST_TESTS:
                self._tests.clear()
            test = self._tests[node] = test_of(tree_of(self._atoms.text(node)))
        return test

    def _file(self, rows: Rows, target: int, clauses: Sequence[Clause]) -> int:
        """File each clause under the rarest of its literals; gives the chain of where they are filed."""
        code = target * 2 + (len(clauses) > 1)
        filed = NOTHING
        for clause in clauses:
            literals = [self._obtain(atom) * 2 + negated for atom, negated in clause]
            uses = self._atoms.uses.cells
            rarest = min((uses[literal >> 1], literal) for literal in literals if not literal & 1)[1]
            literals.remove(rarest)
            rest = NOTHING
            for literal in literals:
                rest = self._rests.push(literal, rest)
            rows.add(rarest >> 1, code, rest)
            filed = self._filings.push(rarest >> 1, filed)
        return filed

    def _withdraw(self, rows: Rows, target: int, filed: int) -> None:
        """Undo `_file`."""
        code = target * 2 + (filed != NOTHING and self._filings.successors.cells[filed] != NOTHING)
        while filed != NOTHING:
            node, filed = self._filings.pop(filed)
            rest = rows.remove(node, code)
            self._release(node)
            while rest != NOTHING:
                literal, rest = self._rests.pop(rest)
                self._release(literal >> 1)

    def _obtain(self, atom: Key | Complex) -> int:
        node = self._atoms.obtain(atom)
        if isinstance(atom, Complex):
            self._reserve(node + 1)
            if self._guarded.cells[node] == NOTHING:
                guards = [tuple([(key, False) for key in guard]) for guard in atom.guards]
                self._guarded.cells[node] = self._file(self._guards, node, guards)
                self._distances.cells[node] = atom.distance
        return node

    def _release(self, node: int) -> None:
        if self._atoms.uses.cells[node] == 1 and node < len(self._guarded):
            filed = self._guarded.cells[node]
            if filed != NOTHING:
                self._withdraw(self._guards, node, filed)
                self._guarded.cells[node] = NOTHING
                self._distances.cells[node] = 0
                self._tests.pop(node, None)
        self._atoms.release(node)

    def _reserve(self, nodes: int) -> None:
        self._guarded.reserve(nodes)
        self._distances.reserve(nodes)


_DIGEST_SIZE = 16
_COUNT = 8
_ALIGNED = 64
_NO_DIGEST = bytes(_DIGEST_SIZE)
_DOCUMENT_BITS = 32


class PersistentIndex:
    """Queries by their position in a list; not to be changed by one thread while another one matches."""

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
    def from_bytes(cls, data: bytes | bytearray, queries: Sequence[Query]) -> "PersistentIndex":
        """The saved index, brought up to date with these queries; IndexUnusable where it cannot be trusted."""
        end = _COUNT + int.from_bytes(data[:_COUNT], "little") * _DIGEST_SIZE
        start = end + -end % _ALIGNED
        if len(data) < start:
            raise IndexUnusable("this is no saved index, or only the beginning of one")
        view = memoryview(data)
        index = Index.from_bytes(view[start:], stamp=_stamp(view[:start]))
        digests = bytes(view[_COUNT:end])
        saved = index, [digests[at : at + _DIGEST_SIZE] for at in range(0, len(digests), _DIGEST_SIZE)]
        return cls(queries, saved=saved)

    def to_bytes(self) -> bytes:
        """The file of the index."""
        while self._digests and self._digests[-1] == _NO_DIGEST:
            self._digests.pop()
        digests = b"".join((len(self._digests).to_bytes(_COUNT, "little"), *self._digests))
        digests += bytes(-len(digests) % _ALIGNED)
        return digests + self._index.to_bytes(stamp=_stamp(digests))

    def __len__(self) -> int:
        """Queries in the index."""
        return len(self._index)

    def change(self, queries: Sequence[Query]) -> int:
        """Become the index of these queries in position; gives how many were added or removed."""
        wanted = [_digest(query) for query in queries]
        if wanted == self._digests:
            self._places = np.arange(len(queries), dtype=np.int32)
            return 0
        handles = self._found(wanted)
        kept = set(handles)
        gone = [
            handle
            for handle, digest in enumerate(self._digests)
            if digest != _NO_DIGEST and handle not in kept
        ]
        for handle in gone:
            self._index.remove(handle)
            self._digests[handle] = _NO_DIGEST
        new = [position for position, handle in enumerate(handles) if handle == NOTHING]
        for position in new:
            handles[position] = self._add(queries[position], wanted[position])
        self._places = np.full(len(self._digests), NOTHING, dtype=np.int32)
        self._places[handles] = np.arange(len(handles), dtype=np.int32)
        self.is_saved = self.is_saved and not gone and not new
        return len(gone) + len(new)

    def matches(self, documents: Sequence[Document]) -> Iterator[tuple[int, int]]:
        """(position of the query, index of the document) of each match, by query, then by document."""
        positions, found_in = self.hits(documents)
        return zip(positions.tolist(), found_in.tolist(), strict=True)

    def hits(self, documents: Sequence[Document]) -> tuple[Longs, Longs]:
        """The same in two columns."""
        handles, found_in = self._index.hits(documents)
        found = np.sort(self._places[handles].astype(np.int64) << _DOCUMENT_BITS | found_in)
        return found >> _DOCUMENT_BITS, found & ((1 << _DOCUMENT_BITS) - 1)

    def _found(self, wanted: Sequence[bytes]) -> list[int]:
        """The handle of a query of each digest, all of them different, NOTHING where there are no more."""
        first: dict[bytes, int] = {}
        successors = [NOTHING] * len(self._digests)
        for handle in range(len(self._digests) - 1, -1, -1):
            digest = self._digests[handle]
            successors[handle] = first.get(digest, NOTHING)
            first[digest] = handle
        found: list[int] = []
        for digest in wanted:
            handle = first.get(digest, NOTHING)
            found.append(handle)
            if handle != NOTHING:
                first[digest] = successors[handle]
        return found

    def _add(self, query: Query, digest: bytes) -> int:
        handle = self._index.add(query)
        if handle < len(self._digests):
            self._digests[handle] = digest
        else:
            self._digests.append(digest)
        return handle


def _digest(query: Query) -> bytes:
    return hashlib.blake2b(
        query.canonical.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_SIZE
    ).digest()


def _stamp(digests: bytes | memoryview) -> str:
    return hashlib.sha256(digests).hexdigest()
