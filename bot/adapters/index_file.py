"""The saved index as a file beside the state: a copy that may be deleted at any time."""

import os
from datetime import datetime
from pathlib import Path

from bot.adapters.drafts import draft_of, private_folder, private_opener, sweep
from bot.domain.errors import IndexUnusable


class SavedIndex:
    """One index in one file, replaced whole or not at all."""

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
        draft = draft_of(self._path)
        try:
            private_folder(self._path.parent)
            with open(draft, "xb", opener=private_opener) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            raise IndexUnusable(
                f"{self._path} cannot be written: {error.strerror or error}; make its folder writable"
            ) from error
        finally:
            _forget(draft)

    def tidy(self, now: datetime) -> None:
        """Remove what processes that were killed left unfinished."""
        sweep(self._path.parent, self._path.name, now)


def _forget(draft: Path) -> None:
    try:
        draft.unlink(missing_ok=True)
    except OSError:
        return  # what could not even be begun
