"""Mails into a Maildir, for reading them on the spot and for mail programs that take over from there."""

import asyncio
import errno
import os
from pathlib import Path

from bot.domain.errors import ChannelDown, TryLater

_MAY_PASS = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE}


class MaildirTransport:
    """Delivers into `new/`; a mail of the same name takes the place of the one before instead of standing beside it."""

    at_once: int | None = None

    def __init__(self, path: Path) -> None:
        self._path = path

    async def deliver(self, message: bytes, *, sender: str, recipient: str, name: str) -> None:  # noqa: ARG002
        """Put the mail on disk for good; raises TryLater where the disk is full, else ChannelDown."""
        try:
            await asyncio.to_thread(self._store, message, name)
        except OSError as error:
            where = f"Maildir {self._path}: {error.strerror or error}"
            if error.errno in _MAY_PASS:
                raise TryLater(where, scope="channel") from error
            raise ChannelDown(f"{where}; make it writable or set email.transport") from error

    async def close(self) -> None:
        """Nothing is held open."""

    def _store(self, message: bytes, name: str) -> None:
        for folder in ("tmp", "new", "cur"):
            (self._path / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        unique = f"{name}.paperboy"
        if self._was_read(unique):
            return
        draft = self._path / "tmp" / unique
        with draft.open("wb") as file:
            file.write(message.replace(b"\r\n", b"\n"))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path / "new" / unique)
        _sync(self._path / "new")

    def _was_read(self, unique: str) -> bool:
        """True where a mail program has it already: it moves what was seen to `cur/` and adds `:2,FLAGS`."""
        with os.scandir(self._path / "cur") as entries:
            return any(entry.name.partition(":")[0] == unique for entry in entries)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
