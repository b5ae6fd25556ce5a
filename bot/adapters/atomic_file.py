"""Atomic file writes: content goes to a draft beside the path, which is then renamed, so that readers never see half of it.

`sweep` removes drafts that a killed process left behind.
"""

import os
import re
import secrets
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path

from bot.domain.errors import IndexUnusable

PRIVATE, PUBLIC = 0o600, 0o644
"""File modes: for this user alone; readable by everybody on the machine, whatever the umask."""
ABANDONED = timedelta(hours=1)
"""Age from which a draft counts as left behind by a killed process: no write takes this long."""
_DRAFT = re.compile(r"\.(.+)\.[0-9a-f]{8}")


def draft_of(path: Path) -> Path:
    """A new hidden name beside the path that no other process uses."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


def private_folder(folder: Path) -> None:
    """Make the folder and its missing parents, accessible to this user alone (0700); existing ones stay as they are."""
    if folder.is_dir():
        return
    if folder.parent != folder:
        private_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def private_opener(path: str, flags: int) -> int:
    """An `opener` for `open` that makes files for this user alone (0600)."""
    return os.open(path, flags, PRIVATE)


def write(
    path: Path, content: bytes, *, draft: Path | None = None, durable: bool = True, mode: int = PRIVATE
) -> None:
    """Replace the file with that content, whole or not at all. Raises OSError.

    On return, a `durable` file survives a loss of power. `draft` names another path on the same file system to write
    to first, and to overwrite.
    """
    draft_path = draft or draft_of(path)
    try:
        with open(draft_path, "wb" if draft else "xb", opener=private_opener) as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
        if durable:
            replace_file(draft_path, path)
        else:
            draft_path.replace(path)
    except BaseException:
        _remove(draft_path)
        raise


def replace_file(draft: Path, path: Path) -> None:
    """Rename the finished draft to the path. On return, content and name are on disk. Raises OSError."""
    _sync(draft, os.O_RDONLY)
    draft.replace(path)
    _sync(path.parent, os.O_RDONLY | os.O_DIRECTORY)


def sweep(folder: Path, pattern: str, now: datetime) -> None:
    """Remove abandoned drafts of files whose names match the pattern.

    Younger drafts stay, since another process may be writing them; so do those that cannot be examined or removed.
    """
    try:
        with os.scandir(folder) as entries:
            names = ((entry, _DRAFT.fullmatch(entry.name)) for entry in entries)
            drafts = [entry for entry, match in names if match and fnmatch(match[1], pattern)]
        for draft in drafts:
            written = datetime.fromtimestamp(draft.stat(follow_symlinks=False).st_mtime, UTC)
            if now - written > ABANDONED and draft.is_file(follow_symlinks=False):
                Path(draft).unlink(missing_ok=True)
    except OSError:
        return


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(draft: Path) -> None:
    try:
        draft.unlink(missing_ok=True)
    except OSError:
        return  # the folder is missing or not writable


class SavedIndex:
    """The saved index, in one file beside the state; the file may be deleted at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytearray | None:
        try:
            with self._path.open("rb") as file:
                data = bytearray(os.fstat(file.fileno()).st_size)
                del data[file.readinto(data) :]
        except FileNotFoundError:
            return None
        except OSError as error:
            raise IndexUnusable(f"{self._path} cannot be read: {error.strerror or error}") from error
        return data

    def write(self, data: bytes) -> None:
        try:
            private_folder(self._path.parent)
            write(self._path, data)
        except OSError as error:
            raise IndexUnusable(
                f"{self._path} cannot be written: {error.strerror or error}; make its folder writable"
            ) from error

    def tidy(self, now: datetime) -> None:
        """Remove abandoned drafts."""
        sweep(self._path.parent, self._path.name, now)
