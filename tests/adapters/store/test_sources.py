"""States of sources, on every database."""

from dataclasses import replace
from datetime import timedelta

from bot.adapters.store import Store
from bot.domain.sources import SourceState
from tests.builders import NOW

HOUR = timedelta(hours=1)


def test_a_state_is_kept_whole_and_replaced_by_the_next_one(store: Store) -> None:
    assert store.sources.source_states() == {}
    fine = SourceState(name="cl", next_at=NOW + HOUR, checked_at=NOW, changed_at=NOW)
    away = SourceState(
        name="daily",
        next_at=NOW,
        checked_at=NOW - HOUR,
        failing_since=NOW - 2 * HOUR,
        failures=3,
        error="away",
    )
    store.sources.save_source_state(fine)
    store.sources.save_source_state(away)
    assert store.sources.source_states() == {"cl": fine, "daily": away}
    later = replace(away, failing_since=None, failures=0, error="")
    store.sources.save_source_state(later)
    assert store.sources.source_states() == {"cl": fine, "daily": later}
