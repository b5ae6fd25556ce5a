"""The state, for commands that look at it or lend the operator's hand."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.adapters.store import Store
    from bot.app.config.settings_model import Settings


@contextmanager
def opened(settings: "Settings") -> "Iterator[Store]":
    """The state, closed at the end. A file that is not there yet is an empty state, and looking does not make it."""
    from bot.adapters.store import Store

    with ExitStack() as stack:
        url = settings.state
        if settings.sqlite_file is not None and not settings.sqlite_file.exists():
            from tempfile import TemporaryDirectory

            folder = stack.enter_context(TemporaryDirectory(prefix="paperboy-"))
            url = f"sqlite:///{folder}/empty.sqlite3"
        store = Store(url)
        stack.callback(store.close)
        yield store
