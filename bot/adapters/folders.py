"""Watched folders: a scan of their files, and the bytes of one file.

Only regular files are opened. Each folder and file is opened by its bare name relative to the open parent folder and
never through a link, so that whoever can write to a watched folder cannot make a scan leave it. A link to something
inside (a Kubernetes ConfigMap's `..data`) is followed by opening its target, again by bare names from the top.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from bot.domain.errors import DigestNotReady, DigestTooLarge
from bot.domain.files import (
    FileSignature,
    FoundFile,
    ScanEntry,
    Skipped,
    SkipReason,
    digest_name,
    folder_names,
    is_ignored,
    name_prefixes,
    skip_reason,
)

MAX_DEPTH = 24
BESIDE_BYTES = 65_536
"""Bytes read of a file beside a digest, enough to see which paper it is about."""
_MEGABYTE = 1_000_000
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Without O_NONBLOCK, opening a FIFO that replaced a file would wait for a writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_REASONS: dict[SkipReason, str] = {
    "hidden": "is hidden",
    "temporary": "has a temporary file's name",
    "ignored": "is ignored by watch.ignore",
    "copy": "has the name of a copy that an editor or a synchronisation makes",
    "link": "is a symbolic link that leads out of the watched folder, or nowhere",
    "special": "is no regular file",
    "empty": "is empty",
}


def scan(
    folders: Sequence[Path], *, max_bytes: int, base: Path, ignore: Sequence[str] = ()
) -> Iterator[ScanEntry]:
    """All entries of the folders and their subfolders, folder by folder, sorted by name.

    Relative folders start at `base`. File names are unique within one scan. Entries that cannot be used, those that
    match a pattern of `ignore`, and missing folders are `Skipped` entries with a reason; nothing is raised.
    """
    taken: set[str] = set()
    roots = _roots([base / folder for folder in folders])
    for root, prefix, source in zip(roots, name_prefixes(roots), folder_names(roots), strict=True):
        walk = _Walk(root=root, prefix=prefix, source=source, max_bytes=max_bytes, ignore=tuple(ignore))
        for entry in walk.entries():
            if isinstance(entry, FoundFile):
                name = _unique_name(entry.name, taken)
                taken.add(name)
                yield entry if name == entry.name else replace(entry, name=name)
            else:
                yield entry


def read_bytes(file: FoundFile, *, max_bytes: int) -> bytes:
    """The content of the file as the scan found it.

    Raises DigestTooLarge, or DigestNotReady where the file was removed, has changed since, or cannot be read.
    """
    if file.size > max_bytes:
        raise DigestTooLarge(f"{file.name}: {_too_large(file.size, max_bytes)}")
    try:
        with _opened(file) as handle:
            _expect_unchanged(handle, file)
            content = _content(handle, file.size)
            _expect_unchanged(handle, file)
    except OSError as error:
        raise DigestNotReady(f"{file.name}: cannot be read: {_reason(error)}") from error
    return content


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderFile:
    """A file of a watched folder with its content, as `Ingest` reads it."""

    found: FoundFile
    max_bytes: int

    @property
    def name(self) -> str:
        return self.found.name

    @property
    def source(self) -> str:
        return self.found.source

    def read(self) -> bytes:
        return read_bytes(self.found, max_bytes=self.max_bytes)

    def beside(self, name: str) -> bytes | None:
        """The first BESIDE_BYTES of the regular file with that name in the same folder; None where there is none."""
        if "/" in name or skip_reason(name):
            return None
        folder, slash, _ = self.found.relative.rpartition("/")
        try:
            with _opened(replace(self.found, relative=folder + slash + name)) as handle:
                if stat.S_ISREG(os.fstat(handle).st_mode):
                    return _content(handle, BESIDE_BYTES - 1)
        except (OSError, ValueError):  # ValueError: a name with a zero byte
            pass
        return None


def _roots(folders: Sequence[Path]) -> list[Path]:
    """Real paths of the folders, in order, without duplicates and without folders inside another one."""
    real = list(dict.fromkeys(Path(os.path.realpath(folder)) for folder in folders))
    return [folder for folder in real if not any(other in folder.parents for other in real)]


def _unique_name(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    return next(other for number in count(2) if (other := f"{name} ({number})") not in taken)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Walk:
    """Scan of one watched folder; `parents` is the stack of (device, inode) of the folders being listed."""

    root: Path
    prefix: str
    source: str
    max_bytes: int
    ignore: tuple[str, ...] = ()
    parents: list[tuple[int, int]] = field(default_factory=list)

    def entries(self) -> Iterator[ScanEntry]:
        try:
            handle = os.open(self.root, _FOLDER)
        except (FileNotFoundError, NotADirectoryError) as error:
            yield self._skipped("", "missing", f"cannot be searched: {_reason(error)}")
        except OSError as error:
            yield self._unreadable("", error)
        else:
            yield from self._inside(handle, "", "")

    def _inside(self, handle: int, path: str, real: str) -> Iterator[ScanEntry]:
        """Entries of an open folder, which is closed afterwards. `path` is empty or ends in a slash; `real` is `path` with
        all links resolved.
        """
        try:
            identity = _identity(handle)
            if identity in self.parents or len(self.parents) > MAX_DEPTH:
                yield self._skipped(path, "too_deep", f"lies in itself or more than {MAX_DEPTH} folders deep")
                return
            with os.scandir(handle) as listing:
                ordered = sorted(listing, key=lambda entry: entry.name)
            self.parents.append(identity)
            for entry in ordered:
                yield from self._entry(handle, path + entry.name, real + entry.name, entry)
            self.parents.pop()
        except OSError as error:
            yield self._unreadable(path, error)
        finally:
            os.close(handle)

    def _entry(self, handle: int, path: str, real: str, entry: "os.DirEntry[str]") -> Iterator[ScanEntry]:
        try:
            reason = skip_reason(entry.name) or ("ignored" if is_ignored(path, self.ignore) else None)
            if reason:
                yield self._skipped(path, reason)
            elif entry.is_symlink():
                yield from self._linked(path, real)
            elif entry.is_dir(follow_symlinks=False):
                inner = os.open(entry.name, _FOLDER | os.O_NOFOLLOW, dir_fd=handle)
                yield from self._inside(inner, path + "/", real + "/")
            else:
                yield self._file(path, real, entry.stat(follow_symlinks=False))
        except FileNotFoundError:
            return  # deleted after the listing
        except OSError as error:
            yield self._unreadable(path, error)

    def _linked(self, path: str, real: str) -> Iterator[ScanEntry]:
        """Entries behind a link to something in the watched folder, named by the link; none if the scan finds them anyway."""
        target = Path(os.path.realpath(self.root / real))
        if self.root not in target.parents or not target.exists():
            yield self._skipped(path, "link")
            return
        relative = os.fspath(target.relative_to(self.root))
        if self._is_found_anyway(relative):
            return
        with _opened_at(self.root, relative) as (folder, name):
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                inner = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            else:
                inner = None
        if inner is None:
            yield self._file(path, relative, status)
        else:
            yield from self._inside(inner, path + "/", relative + "/")

    def _is_found_anyway(self, relative: str) -> bool:
        """Whether the scan reaches that path without the link: no part of it is skipped."""
        names = relative.split("/")
        paths = ("/".join(names[: length + 1]) for length in range(len(names)))
        return not any(map(skip_reason, names)) and not any(is_ignored(path, self.ignore) for path in paths)

    def _file(self, path: str, real: str, status: os.stat_result) -> ScanEntry:
        if not stat.S_ISREG(status.st_mode):
            return self._skipped(path, "special")
        file = FoundFile(
            folder=self.root,
            relative=real,
            name=digest_name(self.prefix + path),
            signature=_signature(status),
            source=self.source,
        )
        if status.st_size > self.max_bytes:
            return self._skipped(path, "too_large", _too_large(status.st_size, self.max_bytes))
        if not status.st_size:
            return replace(self._skipped(path, "empty"), changed_at=file.changed_at)
        if not os.access(self.root / real, os.R_OK):
            return self._skipped(path, "unreadable", "may not be read; chmod u+r it")
        return file

    def _unreadable(self, path: str, error: OSError) -> Skipped:
        return self._skipped(path, "unreadable", f"cannot be searched: {_reason(error)}")

    def _skipped(self, path: str, reason: SkipReason, what: str = "") -> Skipped:
        path = path.rstrip("/")
        return Skipped(
            path=self.root / path,
            name=digest_name(self.prefix + path if path else str(self.root)),
            reason=reason,
            what=what or _REASONS[reason],
        )


def _identity(handle: int) -> tuple[int, int]:
    status = os.fstat(handle)
    return status.st_dev, status.st_ino


def _signature(status: os.stat_result) -> FileSignature:
    return FileSignature(
        device=status.st_dev,
        inode=status.st_ino,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        ctime_ns=status.st_ctime_ns,
    )


@contextmanager
def _opened(file: FoundFile) -> Iterator[int]:
    """An open handle of the file, closed afterwards."""
    with _opened_at(file.folder, file.relative) as (folder, name):
        opened = os.open(name, _FILE, dir_fd=folder)
    try:
        yield opened
    finally:
        os.close(opened)


@contextmanager
def _opened_at(root: Path, relative: str) -> Iterator[tuple[int, str]]:
    """(handle of its parent folder, bare name) of a path, opened folder by folder and never through a link."""
    *folders, name = relative.split("/")
    handle = os.open(root, _FOLDER)
    try:
        for folder in folders:
            inner = os.open(folder, _FOLDER | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle, name
    finally:
        os.close(handle)


def _expect_unchanged(handle: int, file: FoundFile) -> None:
    # Called before reading to refuse any other file, and after it to refuse a mix of two versions.
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or _signature(status) != file.signature:
        raise DigestNotReady(f"{file.name}: was changed since it was found")


def _content(handle: int, size: int) -> bytes:
    """The content; `size` and one more byte of a file that has grown."""
    parts: list[bytes] = []
    remaining = size + 1
    while remaining > 0 and (part := os.read(handle, remaining)):
        parts.append(part)
        remaining -= len(part)
    return b"".join(parts)


def _too_large(size: int, limit: int) -> str:
    return f"is larger than the limit of {limit / _MEGABYTE:g} MB ({size / _MEGABYTE:.1f} MB); see watch.max_file_mb"


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
