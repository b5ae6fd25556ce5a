"""The watched folders: what lies in them, and the bytes of one file, without ever opening anything but files.

A folder is entered, and a file opened, only by its bare name below the open folder above it and never
through a link: whoever may write into a watched folder cannot lead a look out of it.
"""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bot.domain.errors import DigestNotReady, DigestTooLarge
from bot.domain.files import (
    FileSignature,
    FoundFile,
    ScanEntry,
    Skipped,
    SkipReason,
    name_prefixes,
    skip_reason,
    source_name,
)

MAX_DEPTH = 24
_MEGABYTE = 1_000_000
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Without O_NONBLOCK the opening of a FIFO that took a file's place would wait for a writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_WORDS: dict[SkipReason, str] = {
    "hidden": "is hidden",
    "temporary": "has a temporary file's name",
    "link": "is a symbolic link",
    "special": "is no regular file",
    "empty": "is empty",
}


def scan(folders: Sequence[Path], *, max_bytes: int, base: Path) -> Iterator[ScanEntry]:
    """Everything in the folders and all their subfolders, folder by folder, each in the order of names.

    Relative folders start at `base`. Source names are unique within one look. What cannot be used comes
    as a `Skipped` with its reason; nothing is raised for what lies in a folder or for one that is missing.
    """
    taken: set[str] = set()
    roots = _roots([base / folder for folder in folders])
    for root, prefix in zip(roots, name_prefixes(roots), strict=True):
        for sighting in _Walk(root=root, prefix=prefix, max_bytes=max_bytes).sightings():
            if isinstance(sighting, FoundFile):
                name = _free(sighting.name, taken)
                taken.add(name)
                yield sighting if name == sighting.name else replace(sighting, name=name)
            else:
                yield sighting


def read_bytes(found: FoundFile, *, max_bytes: int) -> bytes:
    """The whole content of the file as it was when the look found it.

    Raises DigestTooLarge, or DigestNotReady where the file is gone, was changed since, or is refused.
    """
    if found.size > max_bytes:
        raise DigestTooLarge(f"{found.name}: {_too_large(found.size, max_bytes)}")
    try:
        with _opened(found) as file:
            _expect_unchanged(file, found)
            content = _content(file, found.size)
            _expect_unchanged(file, found)
    except OSError as error:
        raise DigestNotReady(f"{found.name}: cannot be read: {_reason(error)}") from error
    return content


def fingerprint(content: bytes) -> str:
    """SHA-256 in hex: what makes two files the same."""
    return hashlib.sha256(content).hexdigest()


def _roots(folders: Sequence[Path]) -> list[Path]:
    """The folders' real paths, in order, without those that lie in another one."""
    real = list(dict.fromkeys(Path(os.path.realpath(folder)) for folder in folders))
    return [folder for folder in real if not any(other in folder.parents for other in real)]


def _free(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    return next(other for n in range(2, len(taken) + 3) if (other := f"{name} ({n})") not in taken)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Walk:
    """One look at one folder; `above` holds the identity of each folder on the way down."""

    root: Path
    prefix: str
    max_bytes: int
    above: list[tuple[int, int]] = field(default_factory=list)

    def sightings(self) -> Iterator[ScanEntry]:
        try:
            handle = os.open(self.root, _FOLDER)
        except (FileNotFoundError, NotADirectoryError) as error:
            yield self._skipped("", "missing", f"cannot be searched: {_reason(error)}")
        except OSError as error:
            yield self._unreadable("", error)
        else:
            yield from self._inside(handle, "")

    def _inside(self, handle: int, way: str) -> Iterator[ScanEntry]:
        """What lies in an open folder, which is closed afterwards; `way` ends in a slash or is empty."""
        try:
            identity = _identity(handle)
            if identity in self.above or len(self.above) > MAX_DEPTH:
                yield self._skipped(way, "too_deep", f"lies in itself or more than {MAX_DEPTH} folders deep")
                return
            with os.scandir(handle) as entries:
                ordered = sorted(entries, key=lambda entry: entry.name)
            self.above.append(identity)
            for entry in ordered:
                yield from self._entry(handle, way + entry.name, entry)
            self.above.pop()
        except OSError as error:
            yield self._unreadable(way, error)
        finally:
            os.close(handle)

    def _entry(self, handle: int, way: str, entry: "os.DirEntry[str]") -> Iterator[ScanEntry]:
        try:
            reason = skip_reason(entry.name) or ("link" if entry.is_symlink() else None)
            if reason:
                yield self._skipped(way, reason)
            elif entry.is_dir(follow_symlinks=False):
                inner = os.open(entry.name, _FOLDER | os.O_NOFOLLOW, dir_fd=handle)
                yield from self._inside(inner, way + "/")
            else:
                yield self._file(way, entry.stat(follow_symlinks=False))
        except FileNotFoundError:
            return  # it went between the listing and this look at it
        except OSError as error:
            yield self._unreadable(way, error)

    def _file(self, way: str, about: os.stat_result) -> ScanEntry:
        if not stat.S_ISREG(about.st_mode):
            return self._skipped(way, "special")
        found = FoundFile(
            folder=self.root, relative=way, name=source_name(self.prefix + way), stamp=_stamp(about)
        )
        if about.st_size > self.max_bytes:
            return self._skipped(way, "too_large", _too_large(about.st_size, self.max_bytes))
        if not about.st_size:
            return replace(self._skipped(way, "empty"), changed_at=found.changed_at)
        return found

    def _unreadable(self, way: str, error: OSError) -> Skipped:
        return self._skipped(way, "unreadable", f"cannot be searched: {_reason(error)}")

    def _skipped(self, way: str, reason: SkipReason, what: str = "") -> Skipped:
        way = way.rstrip("/")
        return Skipped(
            path=self.root / way,
            name=source_name(self.prefix + way if way else str(self.root)),
            reason=reason,
            what=what or _WORDS[reason],
        )


def _identity(handle: int) -> tuple[int, int]:
    about = os.fstat(handle)
    return about.st_dev, about.st_ino


def _stamp(about: os.stat_result) -> FileSignature:
    return FileSignature(
        device=about.st_dev,
        inode=about.st_ino,
        size=about.st_size,
        mtime_ns=about.st_mtime_ns,
        ctime_ns=about.st_ctime_ns,
    )


@contextmanager
def _opened(found: FoundFile) -> Iterator[int]:
    """The file, opened folder by folder from the watched one down."""
    *folders, name = found.relative.split("/")
    handle = os.open(found.folder, _FOLDER)
    try:
        for folder in folders:
            inner = os.open(folder, _FOLDER | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = inner
        file = os.open(name, _FILE, dir_fd=handle)
    finally:
        os.close(handle)
    try:
        yield file
    finally:
        os.close(file)


def _expect_unchanged(file: int, found: FoundFile) -> None:
    # Before the reading it keeps anything but the file itself from being read; after it, half of two versions.
    about = os.fstat(file)
    if not stat.S_ISREG(about.st_mode) or _stamp(about) != found.stamp:
        raise DigestNotReady(f"{found.name}: was changed since it was found")


def _content(file: int, size: int) -> bytes:
    """Up to one byte more than the `size` that is expected."""
    parts: list[bytes] = []
    left = size + 1
    while left > 0 and (part := os.read(file, left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _too_large(size: int, limit: int) -> str:
    return f"is larger than the limit of {limit / _MEGABYTE:g} MB ({size / _MEGABYTE:.1f} MB); see watch.max_file_mb"


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
