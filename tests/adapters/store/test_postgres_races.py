"""Machines that get between each other's statements on PostgreSQL, and connections that end there."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from bot.adapters.store import Store
from bot.adapters.store.engine import writing
from bot.adapters.store.outbox import lock_targets
from bot.domain.errors import StateError
from tests.adapters.store.conftest import KINDS, LEASE, Database, Hand
from tests.builders import NOW, a_delivery
from tests.rigs.postgres import PostgresStates

ENDED = NOW + LEASE


@pytest.fixture
def database(postgres_states: PostgresStates) -> Iterator[Database]:
    with postgres_states.state() as url:
        made = Database(url)
        yield made
        made.close()


def until_somebody_waits(url: str) -> None:
    """Until a statement waits for a lock."""
    give_up = time.monotonic() + 30
    with psycopg.connect(url, autocommit=True) as connection:
        waits = (
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        while connection.execute(waits).fetchone() is None:
            assert time.monotonic() < give_up
            time.sleep(0.005)


def meanwhile(
    database: Database, store: Store, target: str, work: Callable[[], object], then: Callable[[], object]
):
    """Begin `work`, which has to wait for that target; what it gives after `then` was done and the target is free."""
    with ThreadPoolExecutor(1) as pool:
        with writing(store._engine) as connection:
            lock_targets(connection, [target])
            working = pool.submit(work)
            until_somebody_waits(database.url)
            then()
        return working.result(30)


@pytest.mark.parametrize("by_hand", ["retry", "drop"])
def test_a_row_whose_lease_ends_while_the_operator_chooses_is_not_overlooked(
    database: Database, by_hand: str
):
    here, there = database.open(), database.open()
    hand = Hand(here)
    hand.alerts(1, target="telegram:1")
    hand.settle(hand.claim_one(), "uncertain")
    hand.alerts(2, 3, target="telegram:2")
    hand.claim_one()
    keys = [a_delivery(1, "telegram:1").key, a_delivery(2, "telegram:2").key]
    chosen = meanwhile(
        database,
        there,
        "telegram:1",
        lambda: getattr(here.deliveries, by_hand)(keys, ENDED),
        lambda: there.outbox.expire(ENDED),
    )
    assert chosen == 2
    sent = sorted(paper for message in hand.send(ENDED) for paper in message)
    assert sent == (["1", "2"] if by_hand == "retry" else [])
    assert here.outbox.next_due(KINDS) is None


def test_a_late_success_that_comes_while_the_operator_says_it_arrived_counts_once(database: Database):
    here, there = database.open(), database.open()
    hand = Hand(here)
    hand.alerts(1, 2)
    late = hand.claim_one()
    there.outbox.expire(ENDED)
    keys = [row.key for row in late.rows]
    meanwhile(
        database,
        there,
        "telegram:1001",
        lambda: here.deliveries.arrived(keys),
        lambda: None,
    )
    hand.settle(late, now=ENDED)
    assert hand.states() == {"alert 1": "sent", "alert 2": "merged"}
    assert here.deliveries.alerted_since("telegram:1001", NOW) == 2


def test_an_end_whose_connection_dies_is_told_again(database: Database):
    here, there = database.open(), database.open()
    hand = Hand(here)
    hand.alerts(1)
    claim = hand.claim_one()
    with pytest.raises(StateError):
        meanwhile(
            database,
            there,
            claim.target_key,
            lambda: hand.settle(claim),
            lambda: end_others(database.url),
        )
    assert hand.states() == {"alert 1": "sending"}
    hand.settle(claim)
    assert hand.states() == {"alert 1": "sent"}
    assert hand.claim() == ()


def test_a_claim_whose_connection_dies_took_nothing(database: Database):
    here, there = database.open(), database.open()
    hand = Hand(here)
    hand.alerts(1)
    with ThreadPoolExecutor(1) as pool, there.digests.transaction():
        claiming = pool.submit(hand.claim)
        until_somebody_waits(database.url)
        end_others(database.url)
        with pytest.raises(StateError):
            claiming.result(30)
    assert len(hand.claim()) == 1


def end_others(url: str) -> None:
    """End the connections that wait for somebody."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
