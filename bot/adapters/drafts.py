"""Drafts: files written beside the place that they then take at once, so that readers find the old or the new one."""

import os
import re
import secrets
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path

ABANDONED = timedelta(hours=1)
"""No write takes so long: a draft this old was left behind by a process that was killed."""
_DRAFT = re.compile(r"\.(.+)\.[0-9a-f]{8}")


def draft_of(path: Path) -> Path:
    """A new name beside the path, hidden and nobody else's."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


def private_folder(folder: Path) -> None:
    """Make the folder and what is missing above it, for this user alone (0700); one that is there stays as it is."""
    if folder.is_dir():
        return
    if folder.parent != folder:
        private_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def private_opener(path: str, flags: int) -> int:
    """An `opener` for `open` that makes files for this user alone (0600)."""
    return os.open(path, flags, 0o600)


def sweep(folder: Path, pattern: str, now: datetime) -> None:
    """Remove what killed processes left of drafts for files of that pattern; others may be writing theirs meanwhile.

    What cannot be looked at or removed stays: it is only in the way.
    """
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if _is_draft(entry.name, pattern)]
        for entry in found:
            written = datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_mtime, UTC)
            if now - written > ABANDONED and entry.is_file(follow_symlinks=False):
                Path(entry).unlink(missing_ok=True)
    except OSError:
        return


def _is_draft(name: str, pattern: str) -> bool:
    found = _DRAFT.fullmatch(name)
    return found is not None and fnmatch(found[1], pattern)
