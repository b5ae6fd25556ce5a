"""The store's tests: one suite for every database that can hold the state."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.store import Store
from bot.domain.channels import ChannelKind
from bot.domain.delivery import Delivery, State
from bot.domain.papers import Paper
from bot.pipeline.ports.outbox import Claim, DeliveryRecord, Outcome
from tests.builders import NOW, a_delivery, a_paper
from tests.pipeline.conftest import empty_state  # noqa: F401 - a fixture
from tests.rigs.postgres import PostgresStates
from tests.rigs.publishers import receipt

LEASE = timedelta(minutes=5)
KINDS: tuple[ChannelKind, ...] = ("telegram", "email", "atom")


@dataclass
class Database:
    """A place for one state, which may be opened several times."""

    url: str
    opened: list[Store] = field(default_factory=list)

    def open(self, **more: Any) -> Store:
        numbers = count(len(self.opened) * 1000 + 1)
        store = Store(self.url, **{"new_message_name": lambda: f"b{next(numbers)}", **more})
        self.opened.append(store)
        return store

    def close(self) -> None:
        for store in self.opened:
            store.close()


@pytest.fixture(scope="session")
def postgres_states(postgres: str) -> Iterator[PostgresStates]:
    """Empty states on that server."""
    with closing(PostgresStates(postgres)) as states:
        yield states


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty state in each kind of database in turn."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path}/state.sqlite3"
            (tmp_path / "state.sqlite3").write_bytes(request.getfixturevalue("empty_state"))
        else:
            url = stack.enter_context(request.getfixturevalue("postgres_states").state())
        made = Database(url)
        stack.callback(made.close)
        yield made


@pytest.fixture
def sqlite_only(tmp_path: Path) -> Iterator[Database]:
    """A state that is still to be made, for what is SQLite's own: a module's `database` may be this one."""
    made = Database(f"sqlite:///{tmp_path}/state.sqlite3")
    yield made
    made.close()


@pytest.fixture
def store(database: Database) -> Store:
    return database.open()


@dataclass
class Hand:
    """The store's outbox with the words of its tests."""

    store: Store

    def keep(self, *papers: Paper, now: datetime = NOW) -> None:
        with self.store.digests.transaction() as tx:
            tx.save_papers(papers, now, changed=True)

    def plan(self, *rows: Delivery, now: datetime = NOW) -> int:
        """Plan rows; their papers are made up where they are not there."""
        with self.store.digests.transaction() as tx:
            known = tx.papers({row.paper for row in rows})
            missing = dict.fromkeys(row.paper for row in rows if row.paper not in known)
            tx.save_papers([a_paper(paper) for paper in missing], now, changed=True)
            return tx.plan(rows, tx.new_run(now))

    def alerts(self, *numbers: int, target: str = "telegram:1001", **parts: Any) -> None:
        """Plan one alert on the paper of each number."""
        self.plan(*(a_delivery(number, target, **parts) for number in numbers))

    def claim(self, now: datetime = NOW, **more: Any) -> tuple[Claim, ...]:
        """Claim what is due, and begin to send it."""
        claims = self.reserve(now, **more)
        self.store.outbox.begin(claims)
        return claims

    def reserve(
        self, now: datetime = NOW, *, limit: int = 10, kinds: tuple[ChannelKind, ...] = KINDS
    ) -> tuple[Claim, ...]:
        """Claim what is due, and begin nothing."""
        return self.store.outbox.claim(now, lease=LEASE, limit=limit, kinds=kinds, documents=["atom"])

    def claim_one(self, now: datetime = NOW) -> Claim:
        (claim,) = self.claim(now)
        return claim

    def settle(self, claim: Claim, state: Any = "sent", *, now: datetime = NOW, **parts: Any) -> None:
        if state == "sent":
            shown = tuple(row.key for row in claim.rows)
            parts = {"sent": shown, "receipt": receipt(f"m-{claim.message}"), **parts}
        self.store.outbox.settle([Outcome(claim=claim, state=state, **parts)], now)

    def send(self, now: datetime = NOW) -> list[list[str]]:
        """Send all that is due; the papers' last digits, message by message."""
        sent = []
        while claims := self.claim(now):
            for claim in claims:
                sent.append([row.paper[-1] for row in claim.rows])
                self.settle(claim, now=now)
        return sent

    def rows(self, *states: State) -> tuple[DeliveryRecord, ...]:
        return self.store.deliveries.list_rows(states=states, keys=(), limit=1000)

    def states(self) -> dict[str, State]:
        """The state of each row, by kind and the last digit of its paper."""
        return {f"{row.kind} {row.paper[-1]}": row.state for row in self.rows()}


@pytest.fixture
def hand(store: Store) -> Hand:
    return Hand(store)
