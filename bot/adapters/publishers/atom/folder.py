"""Feed files, each replaced whole or not at all."""

import hashlib
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from bot.adapters import atomic_file
from bot.adapters.publishers.atom.document import render_atom
from bot.domain.errors import ChannelDown
from bot.domain.feeds import Feed

_LONGEST_NAME = 180


class FeedFolder:
    """Writes feeds to `<folder>/<name>.atom`; raises ChannelDown where the folder cannot be written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, feed: Feed) -> bool:
        """Replace the feed file of that name; False where its bytes were the same, and it was not touched."""
        content = render_atom(feed)
        path = self.path(name)
        try:
            if path.is_file() and path.read_bytes() == content:
                return False
            self._folder.mkdir(parents=True, exist_ok=True)
            atomic_file.write(path, content)
        except OSError as error:
            raise ChannelDown(_cannot(path, error)) from error
        return True

    def remove(self, name: str) -> None:
        """Forget the feed file of that name; silent where there is none."""
        path = self.path(name)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ChannelDown(_cannot(path, error)) from error

    def tidy(self, now: datetime) -> None:
        """Remove what processes that were killed left unfinished."""
        atomic_file.sweep(self._folder, "*.atom", now)

    def path(self, name: str) -> Path:
        """Where the feed of that name lies; signs a file name should not hold are written as `%xx`."""
        safe = quote(name, safe="")
        if safe.startswith("."):
            safe = "%2E" + safe[1:]
        if len(safe) > _LONGEST_NAME:
            safe = safe[:_LONGEST_NAME] + "-" + hashlib.sha256(name.encode()).hexdigest()[:16]
        return self._folder / f"{safe}.atom"


def _cannot(path: Path, error: OSError) -> str:
    return f"feed {path}: {error.strerror or error}; make the folder writable or set atom.folder"
