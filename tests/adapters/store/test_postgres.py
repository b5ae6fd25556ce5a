"""What only PostgreSQL has to do: many machines at once, and a server that can go away."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from bot.adapters.store import Store
from bot.adapters.store.engine import _state_error, writing
from bot.domain.errors import StateError, StateLocked, StateUnavailable
from bot.pipeline.ingest import Ingest
from bot.pipeline.planning_runs import RunPlanner
from bot.pipeline.subscribers import SubscriberRegistry
from tests.adapters.store.conftest import Database, Hand
from tests.builders import NOW, a_delivery, a_digest, a_paper, a_subscriber
from tests.rigs.files import Press
from tests.rigs.postgres import PostgresStates, postgres_database

SOON = timedelta(milliseconds=50)


@pytest.fixture
def database(postgres_states: PostgresStates) -> Iterator[Database]:
    with postgres_states.state() as url:
        made = Database(url)
        yield made
        made.close()


def test_a_state_that_another_test_used_is_empty(postgres_states: PostgresStates):
    with postgres_states.state() as url, closing(Store(url)) as store:
        Hand(store).alerts(1, 2)
        before = [row.key for row in Hand(store).rows()]
    with postgres_states.state() as again:
        assert again == url
        with psycopg.connect(url) as connection:
            tables = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall()
            filled = {name for (name,) in tables if connection.execute(f"SELECT 1 FROM {name}").fetchone()}
        assert filled == {"alembic_version"}
        with closing(Store(url)) as store:
            Hand(store).alerts(1, 2)
            assert [row.key for row in Hand(store).rows()] == before


def end_connections(url: str) -> None:
    """What a server does that is restarted."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def in_threads(count: int, work: Callable[[int], object]) -> list[object]:
    """What each of so many threads gives that begin at the same moment."""
    ready = threading.Barrier(count)

    def begin(number: int) -> object:
        ready.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


def an_ingest(store: Store, registry: SubscriberRegistry, press: Press, *, first_run: int) -> Ingest:
    planner = RunPlanner(store.digests, store.full_text, first_run=first_run)
    return Ingest(store.digests, registry, planner, press.read, press.peek_date)


def test_machines_that_all_start_at_once_make_one_schema(postgres: str):
    with postgres_database(postgres) as url:
        in_threads(6, lambda _: Store(url).close())
        with closing(Store(url)) as store:
            assert store.deliveries.counts(NOW).papers == 0


def test_a_digest_that_several_machines_see_is_stored_and_told_once(database: Database):
    press, registry = Press(), SubscriberRegistry([a_subscriber()])
    files = [press.file(f"{day}.md", a_digest(day, day + 1)) for day in range(1, 6)]
    stores = [database.open() for _ in range(4)]

    def take_in(number: int) -> int:
        ingest = an_ingest(stores[number], registry, press, first_run=0)
        taken = ingest.process(files, NOW)
        ingest.finish_planning(NOW)
        return taken.digests

    taken = in_threads(4, take_in)
    counts = stores[0].deliveries.counts(NOW)
    assert sum(taken) == counts.digests == 5
    assert (counts.papers, counts.notices) == (6, 6)
    assert counts.deliveries["pending"] == 6


def test_a_newcomer_gets_first_matches_once_however_many_machines_onboard(database: Database):
    stores = [database.open() for _ in range(4)]
    Hand(stores[0]).keep(*(a_paper(number) for number in range(1, 6)))
    registry = SubscriberRegistry([a_subscriber()])

    def onboard(number: int) -> int:
        ingest = an_ingest(stores[number], registry, Press(), first_run=3)
        ingest.process([], NOW)
        return ingest.finish_planning(NOW).deliveries

    assert sum(in_threads(4, onboard)) == 3
    assert stores[0].deliveries.counts(NOW).notices == 5


def test_machines_never_claim_the_same_target_and_settle_all(database: Database):
    stores = [database.open() for _ in range(4)]
    Hand(stores[0]).plan(
        *(
            a_delivery(n, f"telegram:{number}", subscriber=f"s{number}")
            for number in range(60)
            for n in (1, 2)
        )
    )

    def work(number: int) -> list[str]:
        hand, keys = Hand(stores[number]), []
        while claims := hand.claim(limit=7):
            for claim in claims:
                keys += [row.key for row in claim.rows]
                hand.settle(claim)
        return keys

    sent = [key for keys in in_threads(4, work) for key in keys]  # type: ignore[attr-defined]
    assert len(sent) == len(set(sent)) == 120
    counts = stores[0].deliveries.counts(NOW).deliveries
    assert (counts["sent"], counts["merged"], counts["pending"]) == (60, 60, 0)


def test_who_takes_digests_in_waits_for_those_who_claim_and_they_for_it(database: Database):
    """Else an alert could be put together from a paper as it was, while its correction counts on the new one."""
    store, impatient = database.open(), database.open(patience=SOON)
    Hand(store).alerts(1)
    with store.digests.transaction(), pytest.raises(StateLocked):
        Hand(impatient).claim()
    with writing(store._engine), pytest.raises(StateLocked), impatient.digests.transaction():
        pass
    assert len(Hand(impatient).claim()) == 1


def test_one_who_claims_does_not_wait_for_another(database: Database):
    store, impatient = database.open(), database.open(patience=SOON)
    Hand(store).alerts(1)
    with writing(store._engine):
        assert len(Hand(impatient).claim()) == 1


def test_text_with_nul_is_stored_all_the_same(database: Database):
    hand = Hand(database.open())
    hand.alerts(1)
    hand.settle(hand.claim_one(), "dead", error="550 no\0such user")
    assert hand.rows()[0].error == "550 no\N{REPLACEMENT CHARACTER}such user"


def test_work_goes_on_after_the_server_was_restarted(database: Database):
    hand = Hand(database.open())
    hand.alerts(1)
    end_connections(database.url)
    assert len(hand.claim()) == 1


def test_a_connection_lost_in_a_transaction_stores_nothing_and_is_told(database: Database):
    store = database.open()

    def lose() -> None:
        with store.digests.transaction() as tx:
            tx.save_papers([a_paper()], NOW, changed=True)
            end_connections(database.url)
            tx.registered()

    with pytest.raises(StateError, match="see that the server runs"):
        lose()
    assert store.papers.newest(1) == ()


def test_a_server_that_is_not_there_is_named_with_the_remedy_and_without_the_password():
    with pytest.raises(StateUnavailable) as told:
        Store("postgresql://me:hush@127.0.0.1:1/none")
    assert "postgresql://me:***@127.0.0.1:1/none" in str(told.value)
    assert "see that the server runs" in str(told.value)
    assert "hush" not in str(told.value)
    assert "\n" not in str(told.value)


def test_a_database_that_is_not_there_is_to_be_created(postgres: str):
    address = make_url(postgres).set(database="nowhere").render_as_string(hide_password=False)
    with pytest.raises(StateError, match=r'"nowhere" does not exist.*create the database'):
        Store(address)


@pytest.mark.parametrize(
    ("said", "code", "waits"),
    [
        ('FATAL: password authentication failed for user "me"', None, False),
        ("FATAL: no pg_hba.conf entry for host", None, False),
        ("nobody is let in", "28000", False),
        ("FATAL: the database system is starting up", "57P03", True),
        ("terminating connection due to administrator command", "57P01", True),
        ("could not extend file: No space left on device", "53100", True),
    ],
)
def test_only_who_is_turned_away_need_not_wait(said: str, code: str | None, *, waits: bool):
    class Said(Exception):
        sqlstate = code

    error = OperationalError("SELECT 1", None, Said(said))
    assert type(_state_error("the state", error)) is (StateUnavailable if waits else StateError)


async def test_a_plan_on_one_machine_wakes_the_others(database: Database):
    there, here = database.open(), database.open()
    wake_ups: asyncio.Queue[None] = asyncio.Queue()
    listening = asyncio.create_task(here.wake_up.listen(lambda: wake_ups.put_nowait(None)))
    await asyncio.wait_for(wake_ups.get(), 5)  # the one that says that it listens
    await asyncio.to_thread(Hand(there).alerts, 1)
    await asyncio.wait_for(wake_ups.get(), 2)
    end_connections(database.url)
    await asyncio.wait_for(wake_ups.get(), 5)  # back again, and something may have been missed
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_a_plan_that_bwake_ups_nothing_new_wakes_nobody(database: Database):
    there, here = database.open(), database.open()
    Hand(there).alerts(1)
    wake_ups: asyncio.Queue[str] = asyncio.Queue()
    listening = asyncio.create_task(here.wake_up.listen(lambda: wake_ups.put_nowait("woken")))
    await asyncio.wait_for(wake_ups.get(), 5)
    await asyncio.to_thread(Hand(there).alerts, 1)
    await asyncio.to_thread(Hand(there).alerts, 2)
    await asyncio.wait_for(wake_ups.get(), 2)
    assert wake_ups.empty()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


class Led:
    """Work that lasts until it is cancelled."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def work(self) -> None:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()


async def test_a_duty_is_led_by_one_and_handed_over_within_five_seconds(database: Database):
    first, second = Led(), Led()
    polling = asyncio.create_task(database.open().leader_election.lead("polling", first.work))
    await asyncio.wait_for(first.began.wait(), 5)
    other = asyncio.create_task(database.open().leader_election.lead("polling", second.work))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(second.began.wait(), 0.3)
    polling.cancel()
    await asyncio.wait_for(second.began.wait(), 5)
    assert first.cancelled.is_set()
    other.cancel()
    await asyncio.gather(polling, other, return_exceptions=True)


async def test_duties_do_not_stand_in_each_others_way(database: Database):
    store, polling, maintaining = database.open(), Led(), Led()
    tasks = [
        asyncio.create_task(store.leader_election.lead("polling", polling.work)),
        asyncio.create_task(store.leader_election.lead("maintenance", maintaining.work)),
    ]
    await asyncio.wait_for(asyncio.gather(polling.began.wait(), maintaining.began.wait()), 5)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_who_loses_the_server_stops_at_once_and_begins_anew_when_it_leads_again(database: Database):
    led = Led()
    leading = asyncio.create_task(database.open().leader_election.lead("polling", led.work))
    await asyncio.wait_for(led.began.wait(), 5)
    led.began.clear()
    end_connections(database.url)
    await asyncio.wait_for(led.cancelled.wait(), 3)
    await asyncio.wait_for(led.began.wait(), 5)
    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)


async def test_leading_ends_with_the_work(database: Database):
    async def nothing() -> None: ...

    await asyncio.wait_for(database.open().leader_election.lead("polling", nothing), 5)
