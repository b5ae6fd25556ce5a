"""States of older versions are brought up to date with all that they hold."""

from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

import bot.adapters.store
from bot.adapters.store import Store
from bot.adapters.store.columns import micros
from bot.domain.delivery import delivery_key
from bot.pipeline.ports import NoticeRecord
from tests.adapters.store.conftest import Database, Hand
from tests.builders import NOW, a_delivery, a_paper

LATER = NOW + timedelta(hours=1)
ONE, OTHER, THIRD = (a_paper(number).id for number in (1, 2, 3))

OLD_ROWS = (
    "INSERT INTO subscribers (number, id, opening, met_at) VALUES (1, 'alice', -1, {now}), (2, 'bob', -1, {now})",
    "INSERT INTO papers (id, date, position, quizzes, first_seen_at, changed_at, content) VALUES"
    " ('{one}', '2026-09-18', 1, 0, {now}, {now}, '{{}}'), ('{other}', '2026-09-18', 2, 0, {now}, {now}, '{{}}'),"
    " ('{third}', '2026-09-18', 3, 0, {now}, {now}, '{{}}')",
    "INSERT INTO notices (subscriber, paper, subscriptions, noticed_at) VALUES"
    ' (1, 1, \'["a", "中文"]\', {now}), (1, 2, \'["a"]\', {now}), (1, 3, \'["a"]\', {later}), (2, 1, \'["b"]\', {later})',
    "INSERT INTO targets (number, key, kind, address, ready_at) VALUES (1, 'telegram:1001', 'telegram', '1001', {later})",
    "INSERT INTO messages (number, id, target, subscriber, kind, created_at, remote_id, papers, settled_at) VALUES"
    " (1, 'b-old', 1, 1, 0, {now}, 'm-old', 2, {now})",
    "INSERT INTO deliveries (seq, target, subscriber, kind, paper, part, state, due_at, attempts, message, rank,"
    " created_at, settled_at) VALUES (1, 1, 1, 0, 1, '', 3, {now}, 1, 1, 0, {now}, {now}),"
    " (2, 1, 1, 0, 2, '', 6, {now}, 1, 1, 1, {now}, {now}), (7, 1, 1, 0, 3, '', 0, {later}, 0, NULL, NULL, {later}, NULL)",
)


@pytest.fixture
def old(database: Database) -> Store:
    """A state of the first schema with people, notices and deliveries, opened by this version."""
    made = Config()
    made.set_main_option("script_location", str(Path(bot.adapters.store.__file__).parent / "migrations"))
    engine = create_engine(database.url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    values = {"now": micros(NOW), "later": micros(LATER), "one": ONE, "other": OTHER, "third": THIRD}
    with engine.begin() as connection:
        made.attributes["connection"] = connection
        command.upgrade(made, "0001")
        for statement in OLD_ROWS:
            connection.execute(text(statement.format(**values).replace(":", "\\:")))
        if engine.dialect.name != "sqlite":
            for counter in ("deliveries_seq", "targets_number", "subscribers_number"):
                connection.execute(text(f"SELECT setval('{counter}_seq', 7)"))
    return database.open()


def test_notices_of_the_first_schema_keep_their_names_and_moments(old: Store):
    assert old.records.notices_on("alice", [ONE, OTHER, THIRD]) == {
        ONE: NoticeRecord(subscriptions=("a", "中文"), noticed_at=NOW),
        OTHER: NoticeRecord(subscriptions=("a",), noticed_at=NOW),
        THIRD: NoticeRecord(subscriptions=("a",), noticed_at=LATER),
    }
    assert old.records.notices_on("bob", [ONE]) == {ONE: NoticeRecord(subscriptions=("b",), noticed_at=LATER)}
    with old.intake.transaction() as tx:
        assert tx.noticed([ONE]) == {"alice": {ONE: ("a", "中文")}, "bob": {ONE: ("b",)}}
    assert old.deliveries.counts(NOW).notices == 4


def test_deliveries_of_the_first_schema_are_neither_lost_nor_planned_again(old: Store):
    hand = Hand(old)
    rows = [(row.key, row.state, row.message, row.created_at, row.settled_at) for row in hand.rows()]
    assert rows == [
        (delivery_key("telegram:1001", "alert", ONE), "sent", "b-old", NOW, NOW),
        (delivery_key("telegram:1001", "alert", OTHER), "merged", "b-old", NOW, NOW),
        (delivery_key("telegram:1001", "alert", THIRD), "pending", None, LATER, None),
    ]
    with old.intake.transaction() as tx:
        assert tx.plan([a_delivery(1), a_delivery(2), a_delivery(3)], LATER) == 0
        assert tx.plan([a_delivery(1, target="telegram:2")], LATER) == 1


def test_what_comes_next_is_numbered_after_what_was_there(old: Store):
    hand = Hand(old)
    hand.alerts(4)
    assert [row.paper[-1] for row in hand.rows()] == ["1", "2", "3", "4"]
    (claim,) = hand.claim(LATER)
    assert [row.paper[-1] for row in claim.rows] == ["3", "4"]
    hand.settle(claim, now=LATER)
    assert set(hand.states().values()) == {"sent", "merged"}
