"""The subscriptions file, read again when it changes; a bad edit keeps the last good ones."""

import hashlib
import logging
from pathlib import Path

from bot.app.config.subscriptions import load_subscribers
from bot.domain.errors import UsageError
from bot.domain.subscriptions import Subscriber

_NOTHING = hashlib.sha256(b"").hexdigest()
"""A file of no bytes: cut off by a full disk or a slip, and hardly the wish that nobody gets anything."""
_TOLD = 5

log = logging.getLogger(__name__)


class Reloading:
    """Watches one file by its content.

    An edit counts once two looks in a row saw the same: of a file that is just being written, a beginning may
    well be a configuration, of fewer people. A file of no bytes is no edit; `subscribers: []` is one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._content()
        self._before = self._seen

    def changed(self) -> tuple[Subscriber, ...] | None:
        """The subscribers after a good edit; None where nothing changed or the edit is bad, which is logged once."""
        content, before = self._content(), self._before
        self._before = content
        if content == self._seen or content != before:
            return None
        self._seen = content
        if content is None:
            log.error(
                "subscriptions.missing", extra={"file": str(self._path), "keeping": "the last good ones"}
            )
            return None
        if content == _NOTHING:
            log.error("subscriptions.empty", extra={"file": str(self._path), "keeping": "the last good ones"})
            return None
        try:
            subscribers = load_subscribers(self._path)
        except UsageError as error:
            lines = str(error).splitlines()
            for line in lines[:_TOLD]:
                log.error("subscriptions.bad_edit", extra={"what": line, "keeping": "the last good ones"})
            if len(lines) > _TOLD:
                more = f"{len(lines) - _TOLD} more; `paperboy check` lists them"
                log.error("subscriptions.bad_edit", extra={"what": more, "keeping": "the last good ones"})
            return None
        log.info("subscriptions.reloaded", extra={"subscribers": len(subscribers)})
        return subscribers

    def _content(self) -> str | None:
        try:
            return hashlib.sha256(self._path.read_bytes()).hexdigest()
        except OSError:
            return None
