"""Digest files without a disk: what is in them is given as a digest, and read back as the same."""

import hashlib
from collections.abc import Callable
from datetime import date

from bot.domain.digests import Digest, ReadNeighbour
from bot.domain.errors import DigestNotReady, NotADigest


class FakeFile:
    """A file under a name. `data` may be changed; `reads` are used up first: bytes to read, errors to raise."""

    def __init__(self, name: str, data: bytes, source: str = "digests") -> None:
        self.name = name
        self.source = source
        self.data = data
        self.reads: list[bytes | Exception] = []
        self.times_read = 0
        self.neighbours: dict[str, bytes] = {}

    def read(self) -> bytes:
        self.times_read += 1
        answer = self.reads.pop(0) if self.reads else self.data
        if isinstance(answer, Exception):
            raise answer
        return answer

    def beside(self, name: str) -> bytes | None:
        return self.neighbours.get(name)

    def named(self, name: str) -> "FakeFile":
        """The same content under another name."""
        return FakeFile(name, self.data, self.source)

    def unreadable_once(self) -> "FakeFile":
        self.reads.append(DigestNotReady(f"{self.name}: changed while it was read"))
        return self


class Press:
    """Prints digests into files, and is the reader of what it printed."""

    def __init__(self) -> None:
        self._digests: dict[bytes, Digest] = {}
        self.faults: dict[str, Exception] = {}
        """Raised by the reader for files of these names."""
        self.names_read: list[str] = []
        self.beside: ReadNeighbour | None = None
        """What lay beside the file that was read last."""

    def file(self, name: str, digest: Digest, source: str = "digests") -> FakeFile:
        return FakeFile(name, self.printed(digest), source)

    def printed(self, digest: Digest) -> bytes:
        """The bytes of that digest: equal for equal digests."""
        data = hashlib.sha256(repr(digest).encode()).hexdigest().encode()
        self._digests[data] = digest
        return data

    def read(self, data: bytes, name: str, beside: ReadNeighbour) -> Digest:
        self.names_read.append(name)
        self.beside = beside
        if name in self.faults:
            raise self.faults[name]
        if data not in self._digests:
            raise NotADigest(f"{name}: neither a table of papers nor a quiz page nor its text")
        return self._digests[data]

    def peek_date(self, data: bytes, _name: str) -> date | None:
        digest = self._digests.get(data)
        return digest.date if digest else None


Peek = Callable[[bytes, str], date | None]
