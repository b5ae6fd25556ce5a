"""The chat service's raw updates: kept before they are confirmed, answered at most once."""

import threading
from datetime import timedelta

from bot.adapters.store import Store
from bot.pipeline.ports import Update
from tests.adapters.store.conftest import Database
from tests.builders import NOW


def update(number: int, body: str = "{}") -> Update:
    return Update(id=number, body=body)


def test_what_was_kept_is_there_in_order_until_it_is_taken(database: Database):
    store = database.open()
    store.updates.keep_updates([update(7, '{"x": "中 \\ud800"}'), update(5)], NOW)
    waiting = database.open().updates.unanswered_updates(10)
    assert [kept.id for kept in waiting] == [5, 7]
    assert waiting[1].body == '{"x": "中 \\ud800"}'
    assert store.updates.take_update(5, NOW)
    assert [kept.id for kept in store.updates.unanswered_updates(10)] == [7]
    assert len(store.updates.unanswered_updates(0)) == 0


def test_an_update_that_comes_again_is_left_as_it_was(store: Store):
    store.updates.keep_updates([update(5, "first")], NOW)
    store.updates.take_update(5, NOW)
    store.updates.keep_updates([update(5, "second"), update(6)], NOW)
    assert [kept.id for kept in store.updates.unanswered_updates(10)] == [6]


def test_an_update_is_taken_once(store: Store):
    store.updates.keep_updates([update(5)], NOW)
    taken: list[bool] = []
    threads = [
        threading.Thread(target=lambda: taken.append(store.updates.take_update(5, NOW))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False, False, False, True]
    assert not store.updates.take_update(99, NOW)


def test_the_newest_update_tells_where_to_go_on(store: Store):
    assert store.updates.last_update() is None
    store.updates.keep_updates([], NOW)
    store.updates.keep_updates([update(900), update(901)], NOW)
    assert store.updates.last_update() == 901


def test_after_a_quiet_week_the_service_may_begin_anew_with_lower_numbers(store: Store):
    store.updates.keep_updates([update(900)], NOW)
    store.updates.keep_updates([update(40), update(41)], NOW + timedelta(days=8))
    assert store.updates.last_update() == 41
