"""The saved index as a file beside the state: a copy that may be deleted at any time."""

import os
import secrets
from pathlib import Path

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
        draft = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("xb") as file:
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


def _forget(draft: Path) -> None:
    try:
        draft.unlink(missing_ok=True)
    except OSError:
        return  # what could not even be begun
