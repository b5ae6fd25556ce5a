"""The state, for commands that look at it or lend the operator's hand."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.adapters.store import Store
    from bot.app.config.settings import Settings


@contextmanager
def opened(settings: "Settings", *, in_rows: bool = False) -> "Iterator[Store]":
    """The state, closed at the end. A file that is not there yet is an empty state, and looking does not make it.

    With `in_rows` all that is planned can be seen one by one: what was fanned out is written out first.
    """
    from bot.adapters.store import Store

    with ExitStack() as stack:
        url = settings.state
        if settings.sqlite_file is not None and not settings.sqlite_file.exists():
            from tempfile import TemporaryDirectory

            folder = stack.enter_context(TemporaryDirectory(prefix="paperboy-"))
            url = f"sqlite:///{folder}/empty.sqlite3"
        store = Store(url)
        stack.callback(store.close)
        while in_rows and store.outbox.write_out():
            pass
        yield store
