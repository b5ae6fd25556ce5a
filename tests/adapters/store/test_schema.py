"""The schema: what a new state gets, what the migrations lead to, and that what must be fast finds its index."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, create_mock_engine, event, inspect
from sqlalchemy.pool import NullPool

import bot.adapters.store
from bot.adapters.store import Store
from bot.adapters.store.engine import reading
from bot.adapters.store.schema import HEAD, metadata
from bot.adapters.store.sql import driver
from bot.pipeline.ports.outbox import Outcome
from tests.adapters.store.conftest import KINDS, LEASE, Database, Hand
from tests.builders import NOW

MIGRATIONS = Path(bot.adapters.store.__file__).parent / "migrations"


def config() -> Config:
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    return made


@pytest.fixture
def database(sqlite_only: Database) -> Database:
    return sqlite_only


@pytest.fixture
def migrated(tmp_path: Path) -> Path:
    """A state that was made by the migrations alone."""
    path = tmp_path / "migrated.sqlite3"
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.begin() as connection:
        made = config()
        made.attributes["connection"] = connection
        command.upgrade(made, "head")
    return path


def shapes(path: Path) -> dict[str, object]:
    """Every table and index in the database's own words, as far as they mean something."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found: dict[str, object] = {}
        for table in tables:
            found[table] = connection.execute(f"SELECT * FROM pragma_table_xinfo('{table}')").fetchall()
            found[f"{table} foreign"] = sorted(
                row[2:] for row in connection.execute(f"SELECT * FROM pragma_foreign_key_list('{table}')")
            )
        for name, sql in connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index'"):
            found[f"index {name}"] = " ".join(sql.split()) if sql else None
    return found


def test_a_new_state_equals_a_migrated_one(database: Database, migrated: Path, tmp_path: Path):
    database.open().close()
    new = shapes(tmp_path / "state.sqlite3")
    assert new == shapes(migrated)
    assert sum(" WHERE " in str(shape) for name, shape in new.items() if name.startswith("index")) == 10


def test_an_index_that_is_partial_on_sqlite_is_partial_on_postgresql():
    statements: list[str] = []
    engine = create_mock_engine(
        "postgresql+psycopg://",
        lambda ddl, *_, **__: statements.append(str(ddl.compile(dialect=engine.dialect))),
    )
    metadata.create_all(engine, checkfirst=False)
    assert sum("INDEX" in statement and " WHERE " in statement for statement in statements) == 10


def test_alembic_finds_nothing_left_to_migrate(migrated: Path):
    engine = create_engine(f"sqlite:///{migrated}", poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_server_default": True,
                "include_name": lambda name, _kind, _parents: not (name or "").startswith("full_text"),
            },
        )
        assert compare_metadata(context, metadata) == []


def test_the_newest_migration_is_the_version_we_write():
    scripts = ScriptDirectory.from_config(config())
    assert scripts.get_heads() == [HEAD]
    names = [path.name for path in (MIGRATIONS / "versions").glob("[0-9]*.py")]
    assert sorted(name.split("_")[0] for name in names) == sorted(
        script.revision for script in scripts.walk_revisions()
    )


def test_a_migrated_state_is_opened_as_it_is(migrated: Path):
    store = Store(f"sqlite:///{migrated}")
    assert store.deliveries.counts(NOW).papers == 0
    store.close()


def test_what_happens_all_day_long_scans_no_table(hand: Hand, store: Store):
    """Each statement of a day's work, as it is sent, asks the database how it would find its rows."""
    seen: dict[str, None] = {}

    @event.listens_for(store._engine, "checkout")
    def remember(connection: sqlite3.Connection, _record: object, _proxy: object) -> None:
        connection.set_trace_callback(seen.setdefault)

    hand.alerts(1, 2, target="telegram:1")
    for person in range(100, 170):
        hand.alerts(1, target=f"telegram:{person}")
    hand.alerts(1, target="email:a@example.org")
    hand.alerts(1, target="atom:alice")
    hand.settle(hand.claim(limit=1)[0])
    claims = hand.claim(limit=100)
    ends = [Outcome(claim=claim, state="sent", sent=(claim.rows[0].key,)) for claim in claims[3:]]
    store.outbox.settle(ends, NOW)
    store.outbox.next_due(KINDS)
    store.outbox.expire(NOW + 2 * LEASE)
    store.deliveries.alerted_since("telegram:1", NOW)
    store.deliveries.unnamed("telegram:1")
    store.deliveries.alert_on("telegram:1", claims[0].rows[0].paper)
    store.deliveries.rows_of(claims[0].message)
    store.papers.newest(10)
    store.papers.noticed("alice", 10)
    store.papers.notices_on("alice", [claims[0].rows[0].paper])
    store.papers.version()
    store.tokens.issue("feed", "alice")
    event.remove(store._engine, "checkout", remember)
    asked = [statement for statement in seen if statement.lstrip().startswith(("SELECT", "UPDATE", "WITH"))]
    assert len(asked) > 40
    scans = set()
    with reading(store._engine) as connection:
        for statement in asked:
            plan = driver(connection).execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
            scans.update(row[3] for row in plan if row[3].startswith("SCAN"))
    walked_in_order = {
        "SCAN papers USING INDEX ix_papers_newest",
        "SCAN papers USING COVERING INDEX ix_papers_newest",
        "SCAN targets USING INDEX ix_targets_ready",
        "SCAN targets USING COVERING INDEX ix_targets_lease",
    }
    tables = {
        scan
        for scan in scans
        if not scan.startswith(("SCAN (subquery", "SCAN anon_", "SCAN given"))
        and "CONSTANT ROW" not in scan
        and "VIRTUAL TABLE" not in scan
    }
    assert tables <= walked_in_order


def test_every_table_has_its_place(store: Store):
    names = set(inspect(store._engine).get_table_names())
    assert {name for name in names if not name.startswith("full_text_")} == {
        *metadata.tables,
        "full_text",
        "alembic_version",
    }
