"""The index as bytes, in a canonical form: equal queries under equal handles give equal bytes.

Whatever was added and removed before: words are renumbered alphabetically, nodes level by level, rows by node and
target, and every clause is filed anew under its rarest literal.
"""

import hashlib
import json
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.domain.errors import IndexUnusable
from bot.domain.query.folding import RULES
from bot.domain.query.index.arrays import NOTHING, Ints, LinkedLists, Longs, Rows
from bot.domain.query.index.atoms import FIRST_NODE, Atoms

_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, kw_only=True, slots=True)
class PackedRows:
    """Rows by node: the number of each node's rows, and then all rows, node after node."""

    counts: Ints
    targets: Ints
    rests: Ints


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """The columns of an index, as `Index` and `Atoms` name them."""

    strings: tuple[str, ...]
    """The words by number, from 1 on."""
    parents: Ints
    labels: Ints
    uses: Ints
    rows: PackedRows
    guards: PackedRows
    rest_values: Ints
    rest_next: Ints
    filing_values: Ints
    filing_next: Ints
    first: Ints
    guarded_nodes: Ints
    guarded_first: Ints
    guarded_distances: Ints


def empty() -> Packed:
    """An index without queries: only the roots of the tree of words."""

    def nothing() -> Ints:
        return np.empty(0, dtype=np.int32)

    return Packed(
        strings=(),
        parents=np.zeros(FIRST_NODE, dtype=np.int32),
        labels=np.zeros(FIRST_NODE, dtype=np.int32),
        uses=np.zeros(FIRST_NODE, dtype=np.int32),
        rows=PackedRows(counts=nothing(), targets=nothing(), rests=nothing()),
        guards=PackedRows(counts=nothing(), targets=nothing(), rests=nothing()),
        rest_values=nothing(),
        rest_next=nothing(),
        filing_values=nothing(),
        filing_next=nothing(),
        first=nothing(),
        guarded_nodes=nothing(),
        guarded_first=nothing(),
        guarded_distances=nothing(),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Renumbering:
    """New numbers of the nodes."""

    nodes: Longs
    """New numbers by old ones."""
    old: Longs
    """Old numbers by new ones."""
    uses: Ints
    """Uses by new number."""

    def literals(self, old: Longs) -> Longs:
        new: Longs = self.nodes[old >> 1] << 1 | old & 1
        return new


def packed(
    atoms: Atoms, rows: Rows, guards: Rows, rests: LinkedLists, distances: Ints, first: Ints, free: int
) -> Packed:
    """The columns of an index in canonical form; handles whose `first` is `free` have no query."""
    numbers, strings, parents, labels = _numbered(atoms)
    queries = _Sorted(rows, rests, numbers, guards=False)
    complexes = _Sorted(guards, rests, numbers, guards=True)
    size = int(np.flatnonzero(first != free)[-1]) + 1 if (first != free).any() else 0
    query_first, query_postings = queries.postings(size, 0)
    guard_first, guard_postings = complexes.postings(len(parents), len(queries.pivots))
    guarded = np.flatnonzero(guard_first != NOTHING).astype(np.int32)
    query_rests, guard_rests = queries.rests(0), complexes.rests(len(queries.others))
    return Packed(
        strings=strings,
        parents=parents,
        labels=labels,
        uses=numbers.uses,
        rows=queries.packed(len(parents), query_rests[0]),
        guards=complexes.packed(len(parents), guard_rests[0]),
        rest_values=np.concatenate((queries.others, complexes.others)).astype(np.int32),
        rest_next=np.concatenate((query_rests[1], guard_rests[1])),
        filing_values=np.concatenate((query_postings[0], guard_postings[0])),
        filing_next=np.concatenate((query_postings[1], guard_postings[1])),
        first=np.where(first[:size] == free, np.int32(free), query_first),
        guarded_nodes=guarded,
        guarded_first=guard_first[guarded],
        guarded_distances=distances[numbers.old[guarded]],
    )


def _numbered(atoms: Atoms) -> tuple[_Renumbering, tuple[str, ...], Ints, Ints]:
    """The renumbering, the words in order, and parents and labels by new number.

    Level by level: a node is ready when its parent has a number; siblings follow their words' order.
    """
    strings = sorted(atoms.words)
    words = np.zeros(len(atoms.strings), dtype=np.int64)
    words[[atoms.words[string] for string in strings]] = np.arange(1, len(strings) + 1)
    parents, labels = atoms.parents.array[: atoms.size], atoms.labels.array[: atoms.size]
    uses = atoms.uses.array[: atoms.size]
    nodes = np.full(atoms.size, NOTHING, dtype=np.int64)
    nodes[:FIRST_NODE] = np.arange(FIRST_NODE)
    left = FIRST_NODE + np.flatnonzero(uses[FIRST_NODE:])
    known = FIRST_NODE
    while len(left):
        ready = nodes[parents[left]] >= 0
        level, left = left[ready], left[~ready]
        order = np.argsort(nodes[parents[level]] << 32 | words[labels[level]])
        nodes[level[order]] = np.arange(known, known + len(level))
        known += len(level)
    old = np.argsort(np.where(nodes < 0, atoms.size, nodes), kind="stable")[:known]
    return (
        _Renumbering(nodes=nodes, old=old, uses=uses[old]),
        tuple(strings),
        np.where(old < FIRST_NODE, 0, nodes[parents[old]]).astype(np.int32),
        np.where(old < FIRST_NODE, 0, words[labels[old]]).astype(np.int32),
    )


class _Sorted:
    """Rows in canonical order: `pivots` are the nodes under which they are filed, `others` their other literals, row by row."""

    def __init__(self, rows: Rows, rests: LinkedLists, numbers: _Renumbering, *, guards: bool) -> None:
        nodes = np.flatnonzero(rows.counts.array)
        positions, counts = rows.positions_of(nodes)
        codes = rows.targets.array[positions].astype(np.int64)
        codes = numbers.literals(codes) if guards else codes
        of_row, literals = _literals(np.repeat(nodes, counts), rows.rests.array[positions], rests)
        literals = numbers.literals(literals)
        commonness = numbers.uses[literals >> 1].astype(np.int64)
        order = np.lexsort((literals, commonness, literals & 1, of_row))
        of_row, literals = of_row[order], literals[order]
        is_pivot = np.diff(of_row, prepend=-1) > 0
        pivots = literals[is_pivot] >> 1
        of_row, literals = of_row[~is_pivot], literals[~is_pivot]
        order = np.lexsort((_digests(of_row, literals, len(pivots)), codes, pivots))
        self.pivots = pivots[order]
        self._codes = codes[order]
        position = np.empty_like(order)
        position[order] = np.arange(len(order))
        of_row = position[of_row]
        order = np.argsort(of_row, kind="stable")
        self._of_other = of_row[order]
        self.others = literals[order]

    def packed(self, nodes: int, rests: Ints) -> PackedRows:
        counts = np.bincount(self.pivots, minlength=nodes).astype(np.int32)
        return PackedRows(counts=counts, targets=self._codes.astype(np.int32), rests=rests)

    def rests(self, start: int) -> tuple[Ints, Ints]:
        """The heads of the rows' lists of other literals, and the successors of the cells, which begin at `start`."""
        return _linked_lists(self._of_other, len(self.pivots), start)

    def postings(self, targets: int, start: int) -> tuple[Ints, tuple[Ints, Ints]]:
        """The heads of the targets' lists of nodes; and the values and successors of these lists."""
        order = np.argsort(self._codes >> 1, kind="stable")
        first, successors = _linked_lists(self._codes[order] >> 1, targets, start)
        return first, (self.pivots[order].astype(np.int32), successors)


def _literals(pivots: Longs, chains: Ints, rests: LinkedLists) -> tuple[Longs, Longs]:
    """(row, literal) of all literals of the rows."""
    of_row = [np.arange(len(pivots))]
    literals = [pivots << 1]
    unread = np.flatnonzero(chains >= 0)
    while len(unread):
        chain = chains[unread]
        of_row.append(unread)
        literals.append(rests.values.array[chain].astype(np.int64))
        chains = chains.copy()
        chains[unread] = rests.successors.array[chain]
        unread = unread[chains[unread] >= 0]
    return np.concatenate(of_row), np.concatenate(literals)


def _digests(of_row: Longs, literals: Longs, rows: int) -> npt.NDArray[np.uint64]:
    """A hash of each row's literals that does not depend on their order."""
    mixed = (literals.astype(np.uint64) + np.uint64(1)) * _MIX
    mixed = (mixed ^ mixed >> np.uint64(31)) * _MIX
    digests = np.zeros(rows, dtype=np.uint64)
    np.add.at(digests, of_row, mixed ^ mixed >> np.uint64(29))
    return digests


def _linked_lists(owners: Longs, number: int, start: int) -> tuple[Ints, Ints]:
    """Linked lists of cells that lie owner by owner: the head of each of `number` owners' lists, the successor of each cell.

    owners 0 0 2, number 3, start 10    →    first 10 -1 12, successors 11 -1 -1
    """
    first = np.full(number, NOTHING, dtype=np.int32)
    cells = np.arange(start, start + len(owners), dtype=np.int32)
    begins = np.diff(owners, prepend=-1) > 0
    first[owners[begins]] = cells[begins]
    successors = cells + np.int32(1)
    successors[np.append(begins[1:], len(begins) > 0)[: len(begins)]] = NOTHING
    return first, successors


VERSION = 2
Saved = bytes | bytearray | memoryview
_MAGIC = b"paperboy index\n"
_ALIGNED = 64
_DIGEST = hashlib.sha256().digest_size


def to_bytes(packed: Packed, stamp: str) -> bytes:
    """The content of the file; `stamp` identifies the queries that the index was built from."""
    strings = np.frombuffer("\n".join(packed.strings).encode(), dtype=np.uint8)
    arrays = {"strings": strings, **_arrays_of(packed, "")}
    header = json.dumps(
        {
            "version": VERSION,
            "rules": RULES,
            "stamp": stamp,
            "arrays": [[name, array.dtype.str, len(array)] for name, array in arrays.items()],
        }
    ).encode()
    pieces = [_MAGIC, len(header).to_bytes(4, "little"), header]
    length = sum(map(len, pieces))
    for array in arrays.values():
        padding = -length % _ALIGNED
        pieces += [bytes(padding), array.tobytes()]
        length += padding + array.nbytes
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return b"".join((*pieces, digest.digest()))


def from_bytes(data: Saved, stamp: str) -> Packed:
    """The columns in the file's content; the arrays are views of `data`.

    Raises IndexUnusable where it is damaged, of another version, or has another stamp.
    """
    if data[: len(_MAGIC)] != _MAGIC:
        raise IndexUnusable("this is no saved index")
    if hashlib.sha256(memoryview(data)[:-_DIGEST]).digest() != data[-_DIGEST:]:
        raise IndexUnusable(
            "the saved index is damaged, or only the beginning of one: its digest does not fit"
        )
    header, start = _header(data)
    if header["version"] != VERSION or header["rules"] != RULES:
        raise IndexUnusable("the saved index is of another version")
    if header["stamp"] != stamp:
        raise IndexUnusable("the saved index is of other subscriptions")
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, kind, length in header["arrays"]:
        start += -start % _ALIGNED
        arrays[name] = np.frombuffer(data, dtype=kind, count=length, offset=start)
        start += arrays[name].nbytes
    strings = arrays["strings"].tobytes().decode()
    return Packed(
        strings=tuple(strings.split("\n")) if strings else (),
        rows=PackedRows(**_under(arrays, "rows.")),
        guards=PackedRows(**_under(arrays, "guards.")),
        **{
            field.name: arrays[field.name]
            for field in fields(Packed)
            if field.name in arrays and field.name != "strings"
        },
    )


def _header(data: Saved) -> tuple[dict[str, Any], int]:
    """The header, and where it ends."""
    start = len(_MAGIC) + 4
    end = start + int.from_bytes(data[len(_MAGIC) : start], "little")
    return json.loads(bytes(data[start:end])), end


def _arrays_of(value: Packed | PackedRows, name: str) -> dict[str, npt.NDArray[Any]]:
    arrays: dict[str, npt.NDArray[Any]] = {}
    for field in fields(value):
        part = getattr(value, field.name)
        if isinstance(part, PackedRows):
            arrays |= _arrays_of(part, f"{field.name}.")
        elif isinstance(part, np.ndarray):
            arrays[name + field.name] = part
    return arrays


def _under(arrays: dict[str, npt.NDArray[Any]], name: str) -> dict[str, npt.NDArray[Any]]:
    return {key.removeprefix(name): array for key, array in arrays.items() if key.startswith(name)}
