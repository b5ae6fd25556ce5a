r"""A packed index as bytes and back: plain arrays behind a header, checked by version and digest.

    "paperboy index\n" · length of the header · header (JSON) · arrays, each at a multiple of 64 · SHA-256 of all

The rules by which words are folded are part of the version: an index of other rules would find other words.
"""

import hashlib
import json
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.domain.errors import IndexUnusable
from bot.domain.query.folding import RULES
from bot.domain.query.index.packing import Packed, PackedRows

VERSION = 1
Saved = bytes | bytearray | memoryview
_MAGIC = b"paperboy index\n"
_ALIGNED = 64
_DIGEST = hashlib.sha256().digest_size


def to_bytes(packed: Packed, stamp: str) -> bytes:
    """The file of the index; `stamp` says what it was made from."""
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
    """The index of the file; its arrays lie in `data`.

    Raises IndexUnusable where the file is damaged, of another version, or made from something else.
    """
    header, start = _header(data)
    if hashlib.sha256(memoryview(data)[:-_DIGEST]).digest() != data[-_DIGEST:]:
        raise IndexUnusable("the saved index is damaged: its digest does not fit")
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
    if data[: len(_MAGIC)] != _MAGIC or end + _DIGEST > len(data):
        raise IndexUnusable("this is no saved index, or only the beginning of one")
    try:
        header = json.loads(bytes(data[start:end]))
    except ValueError as error:
        raise IndexUnusable("the saved index is damaged: its header cannot be read") from error
    return header, end


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
