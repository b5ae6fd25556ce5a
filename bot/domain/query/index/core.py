"""Queries in, matches out.

Every clause of every query is filed as a row under one of its literals, the rarest one that is not negated.
A pass over up to 32 papers finds which atoms they have, as one bit per paper, and looks only at the rows
of these atoms: the cost grows with what matches, not with how many queries there are.
"""

from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush

import numpy as np
import numpy.typing as npt

from bot.domain.query.documents import Document
from bot.domain.query.evaluation import Test, test_of
from bot.domain.query.index.arrays import NOTHING, Chains, Column, Ints, Longs, Masks
from bot.domain.query.index.atoms import COMPLEX_ROOT, Atoms
from bot.domain.query.index.clauses import Clause, Complex, Key, clauses_of
from bot.domain.query.index.lexicon import Lexicon
from bot.domain.query.index.near import Pairs, near_masks
from bot.domain.query.index.packing import Packed, empty, packed
from bot.domain.query.index.rows import Rows
from bot.domain.query.index.saving import Saved, from_bytes, to_bytes
from bot.domain.query.index.scratch import Marks, Scratch
from bot.domain.query.index.sight import Seen, atoms_in
from bot.domain.query.parser import tree_of
from bot.domain.query.syntax import Query

_FREE = -2
"""Instead of a chain: a handle that no query has."""
MOST_PAPERS = 32
"""In one pass: the bits of a mask."""
_MOST_TESTS = 20_000


class Index:
    """Queries by handle, changed in place; not to be changed by one thread while another one matches.

    Handles are small numbers; those of removed queries are given out again, the smallest first.
    """

    def __init__(self, queries: Iterable[Query] = (), *, saved: Packed | None = None) -> None:
        saved = saved or empty()
        self._atoms = Atoms(saved.strings, saved.parents, saved.labels, saved.uses)
        self._rows = Rows(saved.rows.counts, saved.rows.targets, saved.rows.rests)
        self._guards = Rows(saved.guards.counts, saved.guards.targets, saved.guards.rests)
        """Rows whose targets are nodes of complex atoms."""
        self._rests = Chains(saved.rest_values, saved.rest_following)
        """Literals besides the one that a row is filed under: node * 2, + 1 where negated."""
        self._filed = Chains(saved.filed_values, saved.filed_following)
        """Nodes under which the rows of a query, or of a complex atom, are filed."""
        self._first = Column(saved.first, fill=_FREE)
        """By handle: where its chain in `_filed` begins."""
        self._guarded = Column(fill=NOTHING)
        """By node of a complex atom: where its chain in `_filed` begins."""
        self._distances = Column()
        """By node: the distance of a NEAR whose sides are its one guard."""
        self._reserve(self._atoms.size)
        self._guarded.array[saved.guarded_nodes] = saved.guarded_first
        self._distances.array[saved.guarded_nodes] = saved.guarded_distances
        self._size = len(saved.first)
        self._free = np.flatnonzero(saved.first == _FREE).tolist()
        self._live = self._size - len(self._free)
        self._tests: dict[int, Test] = {}
        self._lexicon = Lexicon(self._atoms)
        self._sight = Scratch()
        self._marks = Marks()
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
        handles, places = self.hits(documents)
        order = np.lexsort((handles, places))
        return zip(handles[order].tolist(), places[order].tolist(), strict=True)

    def hits(self, documents: Sequence[Document]) -> tuple[Ints, Ints]:
        """Handles of queries and, beside them, indexes of documents: each match once, in no order."""
        handles: list[Ints] = [np.empty(0, dtype=np.int32)]
        places: list[Ints] = [np.empty(0, dtype=np.int32)]
        for start in range(0, len(documents), MOST_PAPERS):
            matched, masks = self._pass(documents[start : start + MOST_PAPERS])
            while len(matched):
                lowest = masks & (~masks + np.uint32(1))
                handles.append(matched)
                places.append(np.bitwise_count(lowest - np.uint32(1)).astype(np.int32) + np.int32(start))
                masks = masks ^ lowest
                more = np.flatnonzero(masks != 0)
                matched, masks = matched[more], masks[more]
        return np.concatenate(handles), np.concatenate(places)

    def _pass(self, documents: Sequence[Document]) -> tuple[Ints, Masks]:
        """Handles, each once, and the masks of the papers that they match."""
        seen = atoms_in(documents, self._atoms, self._lexicon)
        with self._sight.sized(self._atoms.size) as sight:
            sight.add_papers(seen.sightings.nodes, seen.sightings.papers)
            if self._atoms.is_used(COMPLEX_ROOT):
                sight.add(*self._complex_atoms_in(documents, seen, sight))
            places, masks = self._candidates(self._rows, sight)
        targets = self._rows.targets.array[places]
        return self._merged(targets >> 1, masks, targets & 1 != 0)

    def _merged(self, handles: Ints, masks: Masks, several: npt.NDArray[np.bool_]) -> tuple[Ints, Masks]:
        """Each handle once, with all its masks; only the ones of `several` can come more than once."""
        again = np.flatnonzero(several)
        of_several = masks[again]
        owners = self._marks.owners(handles[again], self._size)
        owned = owners != np.arange(len(owners))
        np.bitwise_or.at(of_several, owners[owned], of_several[owned])
        masks[again] = of_several
        masks[again[owned]] = 0
        kept = np.flatnonzero(masks != 0)
        return handles[kept], masks[kept]

    def _candidates(self, rows: Rows, sight: Scratch) -> tuple[Longs, Masks]:
        """Places of the rows that hold for some paper, with the masks of these papers."""
        nodes = sight.touched
        nodes = nodes[nodes < len(rows.counts.array)]
        nodes = nodes[rows.counts.array[nodes] > 0]
        places, counts = rows.of(nodes)
        masks = np.repeat(sight.masks[nodes], counts)
        rests = rows.rests.array[places]
        open_ones = np.flatnonzero(rests >= 0)
        rests = rests[open_ones]
        while len(open_ones):
            literals = self._rests.values.array[rests]
            held = masks[open_ones] & (sight.masks[literals >> 1] ^ -(literals & 1).view(np.uint32))
            masks[open_ones] = held
            rests = self._rests.following.array[rests]
            more = np.flatnonzero((rests >= 0) & (held != 0))
            open_ones, rests = open_ones[more], rests[more]
        held_ones = np.flatnonzero(masks != 0)
        return places[held_ones], masks[held_ones]

    def _complex_atoms_in(
        self, documents: Sequence[Document], seen: Seen, sight: Scratch
    ) -> tuple[Longs, Masks]:
        """The complex atoms of the papers, found among those whose guards hold."""
        places, masks = self._candidates(self._guards, sight)
        nodes = (self._guards.targets.array[places] >> 1).astype(np.int64)
        near = self._distances.array[nodes] > 0
        others, other_masks = self._decided(documents, nodes[~near], masks[~near])
        nodes, masks = nodes[near], self._near(seen, nodes[near], self._guards.rests.array[places[near]])
        held = np.flatnonzero(masks != 0)
        return np.concatenate((nodes[held], others)), np.concatenate((masks[held], other_masks))

    def _near(self, seen: Seen, nodes: Longs, rests: Ints) -> Masks:
        """The papers of these NEAR atoms; `rests` are those of their guards' rows."""
        left = self._filed.values.array[self._guarded.array[nodes]].astype(np.int64)
        right = left.copy()
        right[rests >= 0] = self._rests.values.array[rests[rests >= 0]] >> 1
        words = self._atoms.depths(left), self._atoms.depths(right)
        pairs = Pairs(left, right, *words, self._distances.array[nodes].astype(np.int64))
        return near_masks(seen.sightings, seen.part_of_place, pairs)

    def _decided(self, documents: Sequence[Document], nodes: Longs, masks: Masks) -> tuple[Longs, Masks]:
        """Of atoms that possibly hold in these papers those that do, by the plain evaluation."""
        possible: dict[int, int] = {}
        for node, mask in zip(nodes.tolist(), masks.tolist(), strict=True):
            possible[node] = possible.get(node, 0) | mask
        found: dict[int, int] = {}
        for node, mask in possible.items():
            test = self._test(node)
            held = sum(
                1 << place for place, document in enumerate(documents) if mask >> place & 1 and test(document)
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
            filed = self._filed.push(rarest >> 1, filed)
        return filed

    def _withdraw(self, rows: Rows, target: int, filed: int) -> None:
        """Undo `_file`."""
        code = target * 2 + (filed != NOTHING and self._filed.following.cells[filed] != NOTHING)
        while filed != NOTHING:
            node, filed = self._filed.pop(filed)
            rest = rows.take(node, code)
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
