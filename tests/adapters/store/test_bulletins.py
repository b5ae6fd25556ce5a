"""The bulletins' outbox on each database: marked before and after, claimed by one, never twice."""

from datetime import datetime, timedelta
from threading import Thread

import pytest

from bot.adapters.store import Store
from bot.domain.alarms import Incident
from bot.domain.bulletins import Bulletin
from bot.domain.delivery import Target
from bot.pipeline.ports.alarms import BulletinEnd, ClaimedBulletin
from tests.adapters.store.conftest import LEASE, Database
from tests.builders import NOW

MINUTE = timedelta(minutes=1)
BOTH = ("telegram", "email")


def a_bulletin(number: int = 1, kind: str = "telegram", address: str = "1", **parts) -> Bulletin:
    given = {"due_at": NOW, "created_at": NOW, **parts}
    return Bulletin(
        key=f"{kind}:{address}|{number}",
        target=Target(kind=kind, address=address),  # type: ignore[arg-type]
        subject=f"Subject {number}",
        text="Text\n\nmore",
        **given,
    )


def plan(store: Store, *planned: Bulletin) -> int:
    with store.incidents.change() as tx:
        return tx.plan_bulletins(planned)


def claim(store: Store, now: datetime = NOW, kinds=BOTH, limit: int = 10) -> tuple[ClaimedBulletin, ...]:
    return store.bulletins.claim_bulletins(now, lease=LEASE, limit=limit, kinds=kinds)


def end(store: Store, claimed: ClaimedBulletin, state, *, now: datetime = NOW, **parts) -> None:
    store.bulletins.settle_bulletins([BulletinEnd(claimed=claimed, state=state, **parts)], now)


def states(store: Store) -> list[tuple[str, str]]:
    return [(one.subject[-1], one.state) for one in store.bulletins.untold_bulletins(NOW - MINUTE)]


def test_incidents_and_their_bulletins_are_stored_together_or_not_at_all(store: Store) -> None:
    silent = Incident(source="tables", kind="silent", what="nothing", since=NOW)
    stopped = Incident(source="email", kind="stopped", what="535", since=NOW, area="channels")

    def change() -> None:
        with store.incidents.change() as tx:
            assert tx.open_incidents() == ()
            tx.keep_incidents([silent, stopped])
            tx.plan_bulletins([a_bulletin()])
            assert tx.open_incidents() == (silent, stopped)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        change()
    assert (store.incidents.open_incidents(), states(store)) == ((), [])
    with store.incidents.change() as tx:
        tx.keep_incidents([silent, stopped])
    assert store.incidents.open_incidents() == (silent, stopped)


def test_one_with_a_key_that_was_planned_is_not_planned_again(store: Store) -> None:
    assert plan(store, a_bulletin(), a_bulletin(2)) == 2
    assert plan(store, a_bulletin(), a_bulletin(3)) == 1


def test_a_place_gets_one_at_a_time_in_their_order(store: Store) -> None:
    plan(store, a_bulletin(1), a_bulletin(2), a_bulletin(3, address="2"))
    first, other = claim(store)
    assert (first.bulletin, other.bulletin) == (a_bulletin(1), a_bulletin(3, address="2"))
    assert claim(store) == ()
    end(store, first, "sent")
    (second,) = claim(store)
    assert second.bulletin == a_bulletin(2)
    assert (second.attempts, states(store)) == (1, [("2", "sending"), ("3", "sending")])


def test_only_what_is_due_on_the_channels_asked_for_is_claimed(store: Store) -> None:
    plan(store, a_bulletin(1, due_at=NOW + MINUTE), a_bulletin(2, "email", "a@b.c"))
    assert [one.bulletin.subject for one in claim(store)] == ["Subject 2"]
    assert claim(store, NOW + MINUTE, kinds=("email",)) == ()
    assert len(claim(store, NOW + MINUTE)) == 1


def test_what_certainly_did_not_go_out_goes_again_no_sooner_than_told(store: Store) -> None:
    plan(store, a_bulletin(1), a_bulletin(2))
    (claimed,) = claim(store)
    end(store, claimed, "pending", error="flood", due_at=NOW + MINUTE)
    assert claim(store) == ()
    assert store.bulletins.next_bulletin(BOTH) == NOW + MINUTE  # the one behind it waits as well
    (again,) = claim(store, NOW + MINUTE)
    assert (again.number, again.attempts) == (claimed.number, 2)
    end(store, again, "pending", counted=False, now=NOW + MINUTE)
    (third,) = claim(store, NOW + MINUTE)
    assert third.attempts == 2


@pytest.mark.parametrize("state", ["uncertain", "dead"])
def test_what_nobody_knows_and_what_was_given_up_stays_and_is_shown_for_a_while(
    store: Store, state: str
) -> None:
    plan(store, a_bulletin())
    (claimed,) = claim(store)
    end(store, claimed, state, error="timeout")
    assert claim(store, NOW + 10 * LEASE) == ()
    (shown,) = store.bulletins.untold_bulletins(NOW - MINUTE)
    assert (shown.target, shown.state, shown.error) == ("telegram:1", state, "timeout")
    assert store.bulletins.untold_bulletins(NOW + MINUTE) == ()


def test_a_lease_that_ends_leaves_it_uncertain_and_a_late_success_is_believed(store: Store) -> None:
    plan(store, a_bulletin())
    (claimed,) = claim(store)
    assert store.bulletins.next_bulletin(()) == NOW + LEASE
    assert store.bulletins.expire_bulletins(NOW + LEASE - MINUTE) == 0
    assert store.bulletins.expire_bulletins(NOW + LEASE) == 1
    assert states(store) == [("1", "uncertain")]
    end(store, claimed, "pending")
    assert states(store) == [("1", "uncertain")]
    end(store, claimed, "sent")
    assert states(store) == []


def test_nothing_waits_where_nothing_was_planned(store: Store) -> None:
    assert store.bulletins.next_bulletin(BOTH) is None
    assert store.bulletins.expire_bulletins(NOW) == 0


def test_those_that_ended_long_ago_are_forgotten(store: Store) -> None:
    plan(store, a_bulletin(1), a_bulletin(2, address="2"))
    first, _ = claim(store)
    end(store, first, "sent")
    assert store.bulletins.thin_bulletins(NOW) == 0
    assert store.bulletins.thin_bulletins(NOW + MINUTE) == 1
    assert states(store) == [("2", "sending")]


def test_machines_that_claim_at_once_never_get_the_same_one(database: Database) -> None:
    count, got = 40, []
    plan(database.open(), *(a_bulletin(n, address=str(n)) for n in range(count)))

    def work(store: Store) -> None:
        while claimed := claim(store, limit=3):
            got.extend(one.number for one in claimed)

    threads = [Thread(target=work, args=(database.open(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == len(set(got)) == count


def test_an_end_that_is_told_twice_takes_nothing_from_whoever_has_it_by_now(store: Store) -> None:
    plan(store, a_bulletin())
    (first,) = claim(store)
    end(store, first, "pending")
    (second,) = claim(store, NOW + MINUTE)
    end(store, first, "pending", now=NOW + MINUTE)
    assert states(store) == [("1", "sending")]
    assert claim(store, NOW + MINUTE) == ()
    end(store, second, "sent", now=NOW + MINUTE)
    assert states(store) == []
