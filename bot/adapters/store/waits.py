"""Waits that are longer than any rate limit: left behind by a clock that was set back."""

from datetime import datetime, timedelta

from sqlalchemy import Engine

from bot.adapters.store.columns import micros
from bot.adapters.store.engine import reading, writing
from bot.adapters.store.outbox import hold, refresh_ready
from bot.adapters.store.statements import Statement

_TOO_FAR = Statement(
    "SELECT key FROM targets WHERE wait_until > :longest AND lease_until IS NULL AND NOT EXISTS"
    # a message that was tried may have been told to wait for any time
    " (SELECT 1 FROM deliveries AS one WHERE one.target = targets.number"
    " AND one.settled_at IS NULL AND one.attempts > 0)"
)
_CUT = Statement("UPDATE targets SET wait_until = :longest WHERE key = ANY(:targets)")


class StoredWaits:
    """See the port for what each method promises."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def cut_waits(self, now: datetime, longest: timedelta) -> int:
        until = micros(now + longest)
        with reading(self._engine) as connection:  # most often there is nothing to write
            targets = list(_TOO_FAR.run(connection, longest=until).scalars())
        if not targets:
            return 0
        with writing(self._engine) as connection:
            hold(connection, targets)
            still = set(_TOO_FAR.run(connection, longest=until).scalars())
            targets = [target for target in targets if target in still]
            _CUT.run(connection, longest=until, targets=targets)
            refresh_ready(connection, targets)
        return len(targets)
