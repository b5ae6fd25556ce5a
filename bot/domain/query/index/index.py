"""The index: finds the same matches as the plain evaluation, for a million queries at once.

A query is split into clauses (`atoms.py`). Each clause is a row, filed under its rarest literal, which is a node in a
tree of words. To match papers, the index finds the nodes that occur in them (`occurrences.py`), takes the rows filed
under these nodes, and keeps those whose other literals hold too:

    query 0  graph                 filed under graph
    query 1  graph AND NOT tree    filed under graph, other literals: NOT tree

    paper 0  "graph theory"        masks of nodes   graph 0b11, tree 0b10
    paper 1  "a tree is a graph"   masks of rows    query 0: 0b11; query 1: 0b11 & ~0b10 = 0b01
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np

from bot.domain.query.documents import Document
from bot.domain.query.evaluation import Test, test_of
from bot.domain.query.index.arrays import (
    MASK_BITS,
    NOTHING,
    Column,
    DuplicateFinder,
    Ints,
    LinkedLists,
    Longs,
    Masks,
    NodeMasks,
    Rows,
)
from bot.domain.query.index.atoms import COMPLEX_ROOT, Atoms, Clause, Complex, Key, clauses_of
from bot.domain.query.index.occurrences import Batch, Pairs, PaperWords, near_masks
from bot.domain.query.index.storage import Packed, Saved, empty, from_bytes, packed, to_bytes
from bot.domain.query.parser import tree_of
from bot.domain.query.syntax import Query

_FREE = -2
"""Marks a handle without a query, in place of the head of a list."""
MOST_PAPERS = 1_024
MOST_PIECES = 400_000
"""Most papers in a batch, and the number of pieces of their texts after which a batch ends."""
_MASKS_AT_ONCE = 300_000
"""Masks unpacked in one go: with fewer the overhead is felt, and more do not fit the processor's cache."""
_MOST_TESTS = 20_000


class Index:
    """Index of queries by handle. Queries are added and removed in place; do not change it while another thread matches.

    Handles are small numbers; those of removed queries are given out again, the smallest first.
    """

    def __init__(self, queries: Iterable[Query] = (), *, saved: Packed | None = None) -> None:
        saved = saved or empty()
        self._atoms = Atoms(saved.strings, saved.parents, saved.labels, saved.uses)
        self._rows = Rows(saved.rows.counts, saved.rows.targets, saved.rows.rests)
        self._guards = Rows(saved.guards.counts, saved.guards.targets, saved.guards.rests)
        """Rows whose targets are nodes of complex atoms."""
        self._rests = LinkedLists(saved.rest_values, saved.rest_next)
        """By row: its literals besides the one it is filed under, each node * 2, + 1 where negated."""
        self._filings = LinkedLists(saved.filing_values, saved.filing_next)
        """By query or complex atom: the nodes under which its rows are filed."""
        self._first = Column(saved.first, fill=_FREE)
        """By handle: the head of its list in `_filings`."""
        self._guarded = Column(fill=NOTHING)
        """By node of a complex atom: the head of its list in `_filings`."""
        self._distances = Column()
        """By node: the distance of a NEAR of two simple atoms, which are its one guard; else 0."""
        self._reserve(self._atoms.size)
        self._guarded.array[saved.guarded_nodes] = saved.guarded_first
        self._distances.array[saved.guarded_nodes] = saved.guarded_distances
        self._size = len(saved.first)
        self._free = np.flatnonzero(saved.first == _FREE).tolist()
        self._live = self._size - len(self._free)
        self._tests: dict[int, Test] = {}
        self._paper_words = PaperWords(self._atoms)
        self._masks = NodeMasks()
        self._duplicates = DuplicateFinder()
        for query in queries:
            self.add(query)

    @classmethod
    def from_bytes(cls, data: Saved, *, stamp: str = "") -> "Index":
        """The index saved with that stamp. Raises IndexUnusable where the data is damaged or has another stamp."""
        return cls(saved=from_bytes(data, stamp))

    def to_bytes(self, *, stamp: str = "") -> bytes:
        """The index as bytes; the same queries under the same handles always give the same bytes.

        `stamp` identifies the queries that the index was built from; `from_bytes` must be given the same one.
        """
        distances, first = self._distances.array, self._first.array[: self._size]
        contents = packed(self._atoms, self._rows, self._guards, self._rests, distances, first, _FREE)
        return to_bytes(contents, stamp)

    def __len__(self) -> int:
        """Queries in the index."""
        return self._live

    def add(self, query: Query) -> int:
        """Add the query; gives its handle."""
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
        """Remove the query of that handle; KeyError where there is none."""
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
        """Two columns, handles of queries and indexes of documents: each match once, in no order."""
        handles: list[Ints] = [np.empty(0, dtype=np.int32)]
        positions: list[Ints] = [np.empty(0, dtype=np.int32)]
        for columns in self._masks_of_matches(documents):
            for some_handles, some_positions in _unpacked(*columns):
                handles.append(some_handles)
                positions.append(some_positions)
        return np.concatenate(handles), np.concatenate(positions)

    def _masks_of_matches(self, documents: Sequence[Document]) -> Iterator[tuple[Ints, Ints, Masks]]:
        """Three columns, about _MASKS_AT_ONCE rows at a time: the handle of a query, the index of the first of 64 documents,
        and the mask of those among them that match.
        """
        waiting: list[tuple[Ints, Ints, Masks]] = []
        size = 0
        for start, batch in self._batches(documents):
            for offset, (handles, masks) in enumerate(self._matches_of(batch)):
                first = start + offset * MASK_BITS
                waiting.append((handles, np.full(len(handles), first, dtype=np.int32), masks))
                size += len(handles)
                if size > _MASKS_AT_ONCE:
                    yield _joined(waiting)
                    waiting, size = [], 0
        if waiting:
            yield _joined(waiting)

    def _batches(self, documents: Sequence[Document]) -> Iterator[tuple[int, Batch]]:
        """The documents in batches, each with the index of its first one."""
        self._paper_words.refresh()
        start = pieces = 0
        for index, document in enumerate(documents):
            if pieces > MOST_PIECES or index - start == MOST_PAPERS:
                yield start, Batch(documents[start:index], self._atoms, self._paper_words)
                start, pieces = index, 0
                self._paper_words.refresh()
            pieces += len(document.pieces(self._paper_words.pieces))
        if start < len(documents):
            yield start, Batch(documents[start:], self._atoms, self._paper_words)

    def _matches_of(self, batch: Batch) -> Iterator[tuple[Ints, Masks]]:
        """The handles of the queries that match, each once, and their masks, for each 64 papers."""
        self._masks.begin(self._atoms.size, len(batch.documents))
        batch.add_to(self._masks)
        if self._atoms.is_used(COMPLEX_ROOT):
            self._masks.add(*self._complex_atoms_in(batch))
        candidates = self._candidates(self._rows)
        targets = self._rows.targets.array[candidates.positions]
        unions, handles = self._unions(targets), targets >> 1
        columns = self._masks.columns()
        self._masks.end()
        for column in columns:
            masks = candidates.masks(column)
            for first, repeated in unions:
                masks[first] |= masks[repeated]
                masks[repeated] = 0
            matching = np.flatnonzero(masks != 0)
            yield handles.take(matching), masks.take(matching)

    def _unions(self, targets: Ints) -> list[tuple[Longs, Longs]]:
        """How to join the clauses of each query that has several: steps of index pairs (into, from).

        targets (query, several clauses?)  4 yes  9 no  4 yes  4 yes
        gives                              (3, 0), then (3, 2): within a step each index comes once
        """
        unions: list[tuple[Longs, Longs]] = []
        repeated = np.flatnonzero(targets & 1 != 0)
        first = repeated
        while len(repeated):
            last = self._duplicates.representatives(targets[repeated] >> 1, self._size)
            chosen = last == np.arange(len(last))
            if first is repeated:
                first = repeated[last]
            else:
                unions.append((first[chosen], repeated[chosen]))
            first, repeated = first[~chosen], repeated[~chosen]
        return unions

    def _candidates(self, rows: Rows) -> "_Candidates":
        """The rows of all nodes that occur, and the tests of their other literals.

        A literal `tree` (node 5) is 10, `NOT tree` is 11: for an odd one -(literal & 1) is all ones, and the XOR inverts
        the mask of the node.
        """
        nodes = self._masks.nodes
        nodes = nodes[nodes < len(rows.counts.array)]
        nodes = nodes[rows.counts.array[nodes] > 0]
        positions, counts = rows.positions_of(nodes)
        tests: list[tuple[Longs, Ints, Masks]] = []
        rests = rows.rests.array[positions]
        tested = np.flatnonzero(rests >= 0)
        rests = rests[tested]
        while len(tested):
            literals = self._rests.values.array[rests]
            tests.append((tested, self._masks.rows[literals >> 1], -(literals & 1).astype(np.uint64)))
            rests = self._rests.successors.array[rests]
            more = np.flatnonzero(rests >= 0)
            tested, rests = tested[more], rests[more]
        return _Candidates(positions, np.repeat(self._masks.rows[nodes], counts), tests)

    def _complex_atoms_in(self, batch: Batch) -> tuple[Longs, Masks]:
        """Nodes of the complex atoms that hold, and their masks; only atoms whose guards hold are tested."""
        candidates = self._candidates(self._guards)
        masks = np.stack([candidates.masks(column) for column in self._masks.columns()], axis=1)
        holding = np.flatnonzero(masks.any(axis=1))
        masks, positions = masks[holding], candidates.positions[holding]
        nodes = (self._guards.targets.array[positions] >> 1).astype(np.int64)
        near = self._distances.array[nodes] > 0
        others, other_masks = self._evaluated(batch.documents, nodes[~near], masks[~near])
        nodes, masks = nodes[near], self._near(batch, nodes[near], self._guards.rests.array[positions[near]])
        holding = np.flatnonzero(masks.any(axis=1))
        return np.concatenate((nodes[holding], others)), np.concatenate((masks[holding], other_masks))

    def _near(self, batch: Batch, nodes: Longs, rests: Ints) -> Masks:
        """Masks of the papers in which these NEAR atoms hold; `rests` are those of their guards' rows.

        The guard of `graph NEAR/5 neural` is one clause of both sides: it is filed under one of them, and the other is its
        rest (where there is none, both sides are the same).
        """
        left = self._filings.values.array[self._guarded.array[nodes]].astype(np.int64)
        right = left.copy()
        right[rests >= 0] = self._rests.values.array[rests[rests >= 0]] >> 1
        words = self._atoms.depths(left), self._atoms.depths(right)
        pairs = Pairs(left, right, *words, self._distances.array[nodes].astype(np.int64))
        return near_masks(batch.occurrences(), batch.parts, pairs, len(batch.documents))

    def _evaluated(self, documents: Sequence[Document], nodes: Longs, masks: Masks) -> tuple[Longs, Masks]:
        """Those of the nodes whose atoms hold in some of these papers, with their masks, by the plain evaluation.

        `masks` are the papers in which each may hold.
        """
        possible: dict[int, int] = {}
        for node, mask in zip(nodes.tolist(), masks, strict=True):
            possible[node] = possible.get(node, 0) | int.from_bytes(mask.astype("<u8").tobytes(), "little")
        holding: list[int] = []
        bits: list[bytes] = []
        for node, mask in possible.items():
            test = self._test(node)
            papers = sum(
                1 << paper for paper, document in enumerate(documents) if mask >> paper & 1 and test(document)
            )
            if papers:
                holding.append(node)
                bits.append(papers.to_bytes(masks.itemsize * masks.shape[1], "little"))
        rows = np.frombuffer(b"".join(bits), dtype="<u8").astype(np.uint64)
        return np.array(holding, dtype=np.int64), rows.reshape(-1, masks.shape[1])

    def _test(self, node: int) -> Test:
        test = self._tests.get(node)
        if test is None:
            if len(self._tests) >= _MOST_TESTS:
                self._tests.clear()
            test = self._tests[node] = test_of(tree_of(self._atoms.text(node)), many=False)
        return test

    def _file(self, rows: Rows, target: int, clauses: Sequence[Clause]) -> int:
        """File each clause under its rarest literal that is not negated; gives the head of the list of these nodes."""
        code = target * 2 + (len(clauses) > 1)
        filings = NOTHING
        for clause in clauses:
            literals = [self._obtain(atom) * 2 + negated for atom, negated in clause]
            uses = self._atoms.uses.cells
            rarest = min((uses[literal >> 1], literal) for literal in literals if not literal & 1)[1]
            literals.remove(rarest)
            rest = NOTHING
            for literal in literals:
                rest = self._rests.push(literal, rest)
            rows.add(rarest >> 1, code, rest)
            filings = self._filings.push(rarest >> 1, filings)
        return filings

    def _withdraw(self, rows: Rows, target: int, filings: int) -> None:
        """Undo `_file`."""
        code = target * 2 + (filings != NOTHING and self._filings.successors.cells[filings] != NOTHING)
        while filings != NOTHING:
            node, filings = self._filings.pop(filings)
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
            filings = self._guarded.cells[node]
            if filings != NOTHING:
                self._withdraw(self._guards, node, filings)
                self._guarded.cells[node] = NOTHING
                self._distances.cells[node] = 0
                self._tests.pop(node, None)
        self._atoms.release(node)

    def _reserve(self, nodes: int) -> None:
        self._guarded.reserve(nodes)
        self._distances.reserve(nodes)


def _joined(parts: list[tuple[Ints, Ints, Masks]]) -> tuple[Ints, Ints, Masks]:
    handles, firsts, masks = zip(*parts, strict=True)
    return np.concatenate(handles), np.concatenate(firsts), np.concatenate(masks)


def _unpacked(handles: Ints, firsts: Ints, masks: Masks) -> Iterator[tuple[Ints, Ints]]:
    """Columns of handles and indexes of papers, from masks that begin at the papers `firsts`.

    A step takes the lowest bit of each mask: handle 7 with 0b101 gives (7, 0), then (7, 2).
    """
    while len(handles):
        below = masks - np.uint64(1)
        yield handles, np.bitwise_count(~masks & below) + firsts
        masks = masks & below
        more = np.flatnonzero(masks != 0)
        handles, firsts, masks = handles.take(more), firsts.take(more), masks.take(more)


class _Candidates(NamedTuple):
    """Rows that may match, with the tests that decide."""

    positions: Longs
    """Positions in `Rows`."""
    rows: Ints
    """By candidate: the row, in `NodeMasks`, of the mask of the node under which it is filed."""
    tests: list[tuple[Longs, Ints, Masks]]
    """Each tests one more literal: the candidates that have one, the rows of the masks of these literals' nodes, and masks
    of all ones where the literal is negated.
    """

    def masks(self, column: Masks) -> Masks:
        """The mask of the papers in which all literals hold, by candidate, from a column of `NodeMasks`."""
        masks = column.take(self.rows)
        for candidates, rows, negated in self.tests:
            masks[candidates] &= column.take(rows) ^ negated
        return masks


_DIGEST_SIZE = 16
_COUNT = 8
_ALIGNED = 64
_NO_DIGEST = bytes(_DIGEST_SIZE)
_DOCUMENT_BITS = 32


class PersistentIndex:
    """Index of a list of queries, which can be saved to a file, and updated to another list.

    Queries are identified by their positions in the list. Do not change it while another thread matches.
    """

    def __init__(self, queries: Sequence[Query], *, saved: "tuple[Index, list[bytes]] | None" = None) -> None:
        """`saved` is a loaded index with the digests of its queries by handle; it is updated to these queries."""
        self._index, self._digests = saved or (Index(queries), list(map(_digest, queries)))
        self._positions: Ints = np.arange(len(queries), dtype=np.int32)
        """By handle: the position of its query, NOTHING without one."""
        self.is_saved = saved is not None
        """True while the saved file has the same content; set by the code that saves it."""
        if saved:
            self.change(queries)

    @classmethod
    def from_bytes(cls, data: bytes | bytearray, queries: Sequence[Query]) -> "PersistentIndex":
        """The saved index, updated to these queries. Raises IndexUnusable where it cannot be used."""
        end = _COUNT + int.from_bytes(data[:_COUNT], "little") * _DIGEST_SIZE
        start = end + -end % _ALIGNED
        view = memoryview(data)
        index = Index.from_bytes(view[start:], stamp=_stamp(view[:start]))
        digests = bytes(view[_COUNT:end])
        saved = index, [digests[at : at + _DIGEST_SIZE] for at in range(0, len(digests), _DIGEST_SIZE)]
        return cls(queries, saved=saved)

    def to_bytes(self) -> bytes:
        """The content of the file."""
        while self._digests and self._digests[-1] == _NO_DIGEST:
            self._digests.pop()
        digests = b"".join((len(self._digests).to_bytes(_COUNT, "little"), *self._digests))
        digests += bytes(-len(digests) % _ALIGNED)
        return digests + self._index.to_bytes(stamp=_stamp(digests))

    def __len__(self) -> int:
        """Queries in the index."""
        return len(self._index)

    def change(self, queries: Sequence[Query]) -> int:
        """Update to these queries; gives the number of those that were added or removed."""
        wanted = [_digest(query) for query in queries]
        if wanted == self._digests:
            self._positions = np.arange(len(queries), dtype=np.int32)
            return 0
        handles = self._handles_of(wanted)
        present = set(handles)
        removed = [
            handle
            for handle, digest in enumerate(self._digests)
            if digest != _NO_DIGEST and handle not in present
        ]
        for handle in removed:
            self._index.remove(handle)
            self._digests[handle] = _NO_DIGEST
        added = [position for position, handle in enumerate(handles) if handle == NOTHING]
        for position in added:
            handles[position] = self._add(queries[position], wanted[position])
        self._positions = np.full(len(self._digests), NOTHING, dtype=np.int32)
        self._positions[handles] = np.arange(len(handles), dtype=np.int32)
        self.is_saved = self.is_saved and not removed and not added
        return len(removed) + len(added)

    def matches(self, documents: Sequence[Document]) -> Iterator[tuple[int, int]]:
        """(position of the query, index of the document) of each match, by query, then by document."""
        positions, papers = self.hits(documents)
        return zip(positions.tolist(), papers.tolist(), strict=True)

    def hits(self, documents: Sequence[Document]) -> tuple[Longs, Longs]:
        """The matches as two columns, in the same order."""
        handles, papers = self._index.hits(documents)
        matches = np.sort(self._positions[handles].astype(np.int64) << _DOCUMENT_BITS | papers)
        return matches >> _DOCUMENT_BITS, matches & ((1 << _DOCUMENT_BITS) - 1)

    def _handles_of(self, wanted: Sequence[bytes]) -> list[int]:
        """The handle of a query with it for each digest, each handle once; NOTHING where none is left."""
        first: dict[bytes, int] = {}
        successors = [NOTHING] * len(self._digests)
        for handle in range(len(self._digests) - 1, -1, -1):
            digest = self._digests[handle]
            successors[handle] = first.get(digest, NOTHING)
            first[digest] = handle
        handles: list[int] = []
        for digest in wanted:
            handle = first.get(digest, NOTHING)
            handles.append(handle)
            if handle != NOTHING:
                first[digest] = successors[handle]
        return handles

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
