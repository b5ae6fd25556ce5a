"""A sign of life beside the state: a file that `run` touches while it works, and that others may look at.

It lies in the system's folder for temporary files, so that each machine and each container has its own.
"""

import hashlib
import os
import stat
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

EVERY = timedelta(seconds=15)
LATE = timedelta(seconds=60)
"""Without a beat for so long, nobody is at work."""


class Heartbeat:
    """The sign of life of whoever works on that state, as this user, on this machine."""

    def __init__(self, state: str) -> None:
        name = hashlib.sha256(f"{os.geteuid()} {state}".encode()).hexdigest()[:16]
        self._path = Path(tempfile.gettempdir()) / f"paperboy-{name}.alive"

    def beat(self, now: datetime) -> None:
        """Give a sign; without effect where the file cannot be written, or is somebody else's."""
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError:
            return
        try:
            if os.fstat(file).st_uid == os.geteuid():
                os.utime(file, (now.timestamp(), now.timestamp()))
        finally:
            os.close(file)

    def last(self) -> datetime | None:
        """The last sign; None where there was none."""
        try:
            seen = self._path.lstat()
        except OSError:
            return None
        ours = stat.S_ISREG(seen.st_mode) and seen.st_uid == os.geteuid()
        return datetime.fromtimestamp(seen.st_mtime, UTC) if ours else None

    def is_alive(self, now: datetime) -> bool:
        """True where the last sign is not long ago."""
        last = self.last()
        return last is not None and abs(now - last) < LATE

    def end(self) -> None:
        """Take the sign away."""
        if self.last() is not None:
            self._path.unlink(missing_ok=True)
