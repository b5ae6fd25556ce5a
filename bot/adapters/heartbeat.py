"""Heartbeat: a file that `run` touches while it works, for `status` and health checks; and systemd's watchdog."""

import hashlib
import os
import socket
import stat
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

EVERY = timedelta(seconds=15)
LATE = timedelta(seconds=60)
"""Time without a beat after which `run` counts as dead."""
_MOST_DIGITS = 15
"""Longest watchdog time in microseconds that is believed: about thirty years."""


class Heartbeat:
    """Heartbeat of this user's process on that state, on this machine.

    The file is in the system's temporary folder, so that each machine and each container has its own.
    """

    def __init__(self, state: str) -> None:
        name = hashlib.sha256(f"{os.geteuid()} {state}".encode()).hexdigest()[:16]
        self._path = Path(tempfile.gettempdir()) / f"paperboy-{name}.alive"

    def beat(self, now: datetime) -> None:
        """Touch the file; does nothing where it cannot be written or belongs to another user."""
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
        """Time of the last beat; None where there is no file, or it is a link or another user's."""
        try:
            status = self._path.lstat()
        except OSError:
            return None
        is_own = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
        return datetime.fromtimestamp(status.st_mtime, UTC) if is_own else None

    def is_alive(self, now: datetime) -> bool:
        """True where the last beat is less than LATE ago."""
        last = self.last()
        return last is not None and abs(now - last) < LATE

    def end(self) -> None:
        """Remove the file."""
        if self.last() is not None:
            self._path.unlink(missing_ok=True)


def watchdog_interval() -> timedelta:
    """Interval between keep-alives to systemd: half of its watchdog time (sd_watchdog_enabled(3)), at most EVERY."""
    text = os.environ.get("WATCHDOG_USEC", "")
    is_set = text.isdecimal() and len(text) <= _MOST_DIGITS
    watchdog_time = timedelta(microseconds=int(text)) if is_set else 2 * EVERY
    return min(max(watchdog_time / 2, timedelta(seconds=0.1)), EVERY)


def notify_systemd(**state: str) -> None:
    """Send states such as `READY="1"` or `STATUS="…"` to systemd (sd_notify(3)), where it set NOTIFY_SOCKET."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    message = "\n".join(f"{name}={' '.join(value.split())}" for name, value in state.items())
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
        manager.connect("\0" + address[1:] if address.startswith("@") else address)
        manager.sendall(message.encode())
