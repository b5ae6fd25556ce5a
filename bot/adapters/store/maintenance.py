"""Maintenance of a state: prune what is old, clamp delays after a clock change, back up a SQLite file."""

import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, delete, update

from bot.adapters import atomic_file
from bot.adapters.store.engine import reading, writing
from bot.adapters.store.outbox import lock_targets, refresh_ready
from bot.adapters.store.schema import STATES, files, micros, updates
from bot.adapters.store.sql import Statement, chunks
from bot.domain.errors import StateDamaged, StateError

log = logging.getLogger(__name__)

MESSAGES_KEPT = timedelta(days=90)
"""Time in which a message can be edited, replied to with a quiz, and asked for more."""
UPDATES_KEPT = timedelta(days=30)
LONGEST_DELAY = timedelta(minutes=2)
"""Upper bound of a target's delay between two messages; the longest window of a rate limit is a minute."""
LONGEST_SCHEDULE = timedelta(days=8)
"""A weekly digest waits seven days and then for the end of quiet hours; only a snooze waits longer."""
_PRUNED_AT_ONCE = 1_000
"""Messages pruned in one transaction, so that other writers wait only briefly."""

_OLD_MESSAGES = Statement(
    "SELECT number FROM messages WHERE created_at < :before AND NOT EXISTS"
    " (SELECT 1 FROM deliveries AS delivery WHERE delivery.message = messages.number"
    " AND (delivery.settled_at IS NULL OR delivery.settled_at >= :before"
    " OR delivery.state NOT IN ({sent}, {merged}, {limited})"
    # the next message has yet to name papers over the daily limit
    " OR delivery.state = {limited} AND messages.remote_id IS NULL)) LIMIT :most".format(**STATES)
)
_DETACH_DELIVERIES = Statement(
    "UPDATE deliveries SET message = NULL, rank = NULL, error = NULL"
    " WHERE message IS NOT NULL AND message = ANY(:messages)"
)
_DELETE_MESSAGES = Statement("DELETE FROM messages WHERE number = ANY(:messages)")

_DELAYED_TARGETS = Statement(
    "SELECT key FROM targets WHERE wait_until > :longest AND lease_until IS NULL AND NOT EXISTS"
    # a service may have asked for any wait after a try
    " (SELECT 1 FROM deliveries AS delivery WHERE delivery.target = targets.number"
    " AND delivery.settled_at IS NULL AND delivery.attempts > 0)"
)
_HELD_FAR = Statement(
    "SELECT DISTINCT subscribers.id FROM deliveries AS delivery"
    " JOIN subscribers ON subscribers.number = delivery.subscriber"
    " WHERE delivery.settled_at IS NULL AND delivery.due_at > :longest AND delivery.message IS NULL"
    " AND delivery.part NOT LIKE 'again:%' ORDER BY subscribers.id"
)
"""Without repeated questions, which may wait for weeks."""
_CLAMP_TARGETS = Statement("UPDATE targets SET wait_until = :longest WHERE key = ANY(:targets)")


class Maintenance:
    """Maintenance: prunes messages and updates and clamps delays; never removes rows that prevent a second send."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def prune(self, now: datetime) -> int:
        """Remove old messages and the text of old updates; gives the number of messages.

        Works in short transactions, so that it can be stopped at any point and repeated.
        """
        messages = 0
        while count := self.prune_messages(now - MESSAGES_KEPT, _PRUNED_AT_ONCE):
            messages += count
        answered = self._prune_updates(now - UPDATES_KEPT)
        if messages or answered:
            log.info("state.pruned", extra={"messages": messages, "updates": answered})
        return messages

    def prune_messages(self, before: datetime, limit: int) -> int:
        """Remove at most `limit` settled messages made before that moment, in one transaction; gives their number.

        Their deliveries keep key, state and times, and lose message id, order and error.
        """
        with writing(self._engine, alone=True) as connection:
            old = _OLD_MESSAGES.run(connection, before=micros(before), most=limit).scalars().all()
            if old:
                _DETACH_DELIVERIES.run(connection, messages=list(old))
                _DELETE_MESSAGES.run(connection, messages=list(old))
        return len(old)

    def _prune_updates(self, before: datetime) -> int:
        """Empty updates answered before that moment; their ids stay, so that none is answered again."""
        with writing(self._engine) as connection:
            return connection.execute(
                update(updates).where(updates.c.taken_at < before, updates.c.body != "").values(body="")
            ).rowcount

    def forget_unreadable(self, names: Sequence[str]) -> None:
        """Forget those of these files that gave no digest, so that one that comes back is read again. One transaction."""
        with writing(self._engine) as connection:
            for chunk in chunks(names):
                connection.execute(delete(files).where(files.c.name.in_(chunk), files.c.error.is_not(None)))

    def clamp_delays(self, now: datetime, longest: timedelta = LONGEST_DELAY) -> int:
        """Delay no target longer than `longest` from now; gives the number of targets changed. One transaction.

        Otherwise a clock set back by an hour would turn a delay of a second into an hour. Targets that are being sent
        to, or whose next message was tried, are left alone.
        """
        until = micros(now + longest)
        with reading(self._engine) as connection:  # usually there is nothing to write
            targets = list(_DELAYED_TARGETS.run(connection, longest=until).scalars())
        if not targets:
            return 0
        with writing(self._engine) as connection:
            lock_targets(connection, targets)
            still_delayed = set(_DELAYED_TARGETS.run(connection, longest=until).scalars())
            targets = [target for target in targets if target in still_delayed]
            _CLAMP_TARGETS.run(connection, longest=until, targets=targets)
            refresh_ready(connection, targets)
        if targets:
            log.warning("targets.delays_clamped", extra={"targets": len(targets)})
        return len(targets)

    def subscribers_held_too_long(self, now: datetime) -> tuple[str, ...]:
        """Subscribers for whom something waits longer than any schedule allows, as after a clock was far ahead."""
        with reading(self._engine) as connection:
            return tuple(_HELD_FAR.run(connection, longest=micros(now + LONGEST_SCHEDULE)).scalars())


def back_up(state: Path, to: Path) -> int:
    """Copy a SQLite state to one file while others use it; gives the size of the copy in bytes.

    The file is replaced whole or not at all, after SQLite has checked the copy. Raises StateError.
    """
    if not state.is_file():
        raise StateError(f"{state}: there is no state to copy yet")
    draft = atomic_file.draft_of(to)
    try:
        _copy(state, draft)
        size = draft.stat().st_size
        atomic_file.replace_file(draft, to)
    except sqlite3.OperationalError as error:
        raise StateError(f"{state} cannot be copied to {to}: {error}; nothing was written") from error
    except sqlite3.DatabaseError as error:
        raise StateDamaged(f"{state} cannot be copied whole ({error}); nothing was written") from error
    except OSError as error:
        raise StateError(
            f"{to} cannot be written: {error.strerror}; name a file in a folder that is there and writable"
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return size


def _copy(state: Path, draft: Path) -> None:
    draft.touch(mode=0o600, exist_ok=False)
    with (
        closing(sqlite3.connect(f"{state.absolute().as_uri()}?mode=ro", uri=True)) as original,
        closing(sqlite3.connect(draft)) as copy,
    ):
        original.backup(copy)  # in one step: a consistent snapshot, while others go on writing
        copy.execute("PRAGMA journal_mode=DELETE")  # a single file, without a write-ahead log
        verdict = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise StateDamaged(f"{state} is damaged ({verdict}); nothing was written")
