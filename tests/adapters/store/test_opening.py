"""Opening a state: new, old, newer, foreign, damaged or held by somebody else."""

import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from bot.adapters.store import Store, engine
from bot.adapters.store.engine import reading, writing
from bot.adapters.store.sql import driver
from bot.domain.errors import StateDamaged, StateError, StateLocked, StateTooNew, StateUnavailable
from tests.adapters.store.conftest import LEASE, Database, Hand
from tests.builders import NOW, a_delivery, a_paper

SOON = timedelta(milliseconds=20)


@pytest.fixture
def database(sqlite_only: Database) -> Database:
    return sqlite_only


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite3"


@pytest.fixture
def made(database: Database, path: Path) -> Path:
    """A state that is there already."""
    database.open()
    database.close()
    return path


@contextmanager
def another_writer(path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody who holds the state, as another process would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("ROLLBACK")


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def modes(*paths: Path) -> list[str]:
    return [f"{path.stat().st_mode & 0o777:o}" for path in paths]


def test_a_new_state_and_its_folder_are_for_this_user_alone(tmp_path: Path):
    folder = tmp_path / "new"
    store = Store(f"sqlite:///{folder}/s.sqlite3")
    store.tokens.issue("feed", "alice")
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == ["s.sqlite3", "s.sqlite3-shm", "s.sqlite3-wal"]
    assert modes(folder, *files) == ["700", "600", "600", "600"]
    store.close()


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path):
    (tmp_path / "there").mkdir(mode=0o755)
    Store(f"sqlite:///{tmp_path}/there/s.sqlite3").close()
    assert modes(tmp_path / "there") == ["755"]


def test_an_empty_file_is_a_damaged_state_and_not_a_new_one(path: Path):
    path.touch()
    with pytest.raises(StateDamaged, match="is empty, so the state was lost; restore it from a backup"):
        Store(f"sqlite:///{path}")
    assert path.stat().st_size == 0


def test_a_state_that_cannot_be_opened_leaves_no_connection_open(path: Path, monkeypatch: pytest.MonkeyPatch):
    path.write_bytes(b"no database at all" * 100)
    opened: list[sqlite3.Connection] = []
    set_up = engine._set_up_sqlite

    def watched(connection: sqlite3.Connection, patience: timedelta) -> None:
        opened.append(connection)
        set_up(connection, patience)

    monkeypatch.setattr(engine, "_set_up_sqlite", watched)
    with pytest.raises(StateDamaged):
        Store(f"sqlite:///{path}")
    assert opened
    for connection in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")


def test_a_new_state_is_never_seen_empty(path: Path, monkeypatch: pytest.MonkeyPatch):
    sizes: list[int] = []
    link = os.link

    def watched(source: Path, target: Path) -> None:
        link(source, target)
        sizes.append(target.stat().st_size)

    monkeypatch.setattr(os, "link", watched)
    Store(f"sqlite:///{path}").close()
    assert sizes
    assert all(sizes)


def test_where_files_cannot_be_linked_a_state_is_made_nevertheless(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refused(_source: Path, _target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    Store(f"sqlite:///{path}").close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_new_state_is_made_with_its_folder(tmp_path: Path):
    path = tmp_path / "new" / "folder" / "s.sqlite3"
    Store(f"sqlite:///{path}").close()
    assert path.is_file()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StateUnavailable, match=r"file/.*the folder cannot be made"):
        Store(f"sqlite:///{tmp_path}/file/state.sqlite3")


def test_what_was_stored_is_there_after_opening_again(database: Database):
    Hand(database.open()).keep(a_paper())
    assert [stored.paper for stored in database.open().papers.newest(5)] == [a_paper()]


def test_every_connection_is_durable_and_keeps_its_word(store: Store):
    names = ("journal_mode", "synchronous", "foreign_keys")
    with reading(store._engine) as reader, reading(store._engine) as other:
        for connection in (reader, other):
            found = [connection.execute(text(f"PRAGMA {name}")).scalar() for name in names]
            assert found == ["wal", 2, 1]  # 2 is FULL


def test_a_write_is_all_or_nothing(store: Store):
    with pytest.raises(ZeroDivisionError), store.digests.transaction() as tx:  # noqa: PT012
        tx.save_papers([a_paper()], NOW, changed=True)
        _ = 1 / 0
    assert store.papers.newest(5) == ()


def test_a_newer_state_is_refused_and_left_alone(made: Path):
    change(made, "UPDATE alembic_version SET version_num = '9999'")
    before = made.read_bytes()
    with pytest.raises(StateTooNew, match=r"schema 9999.*install the newer"):
        Store(f"sqlite:///{made}")
    assert made.read_bytes() == before


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE mine (x)", "CREATE TABLE alembic_version (version_num VARCHAR(32))"]
)
def test_another_programs_database_is_refused_and_left_alone(path: Path, statement: str):
    change(path, statement)
    with pytest.raises(StateDamaged, match="another program"):
        Store(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (1,)


def test_a_state_that_says_no_version_is_refused(made: Path):
    change(made, "DELETE FROM alembic_version")
    with pytest.raises(StateDamaged, match="does not say"):
        Store(f"sqlite:///{made}")


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path):
    path.write_bytes(b"this is a diary, not a state. " * 50)
    with pytest.raises(StateDamaged, match="damaged"):
        Store(f"sqlite:///{path}")
    assert path.read_bytes().startswith(b"this is a diary")


def test_a_connection_in_use_when_its_store_closes_is_closed_when_it_comes_back(made: Path):
    store = Store(f"sqlite:///{made}")
    with reading(store._engine) as connection:
        own = driver(connection)
        store.close()
        assert own.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        own.execute("SELECT 1")


def test_a_connection_that_comes_back_just_as_its_store_closes_is_closed(
    made: Path, monkeypatch: pytest.MonkeyPatch
):
    store = Store(f"sqlite:///{made}")
    give_back = QueuePool._do_return_conn

    def closing_first(pool: QueuePool, record: ConnectionPoolEntry) -> None:
        store.close()
        give_back(pool, record)

    with reading(store._engine) as connection:
        own = driver(connection)
        monkeypatch.setattr(QueuePool, "_do_return_conn", closing_first)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        own.execute("SELECT 1")


def test_a_closed_store_makes_no_connection(store: Store, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, logger="bot"):
        store.close()
    assert caplog.messages == []
    with pytest.raises(StateError, match="the state is closed"):
        store.deliveries.counts(NOW)


def test_a_torn_state_is_called_damaged(made: Path):
    data = made.read_bytes()
    made.write_bytes(data[: len(data) // 3])
    with pytest.raises(StateDamaged, match=r"damaged.*backup"), closing(Store(f"sqlite:///{made}")) as store:
        store.deliveries.counts(NOW)


def test_a_state_whose_damage_is_met_later_is_called_damaged(made: Path):
    with closing(sqlite3.connect(made)) as connection:
        named = "SELECT rootpage FROM sqlite_master WHERE name = 'ix_targets_ready'"
        ((root,),) = connection.execute(named).fetchall()
        ((size,),) = connection.execute("PRAGMA page_size").fetchall()
    data = bytearray(made.read_bytes())
    data[(root - 1) * size : root * size] = b"\xff" * size
    made.write_bytes(data)
    store = Store(f"sqlite:///{made}")
    with pytest.raises(StateDamaged, match=r"damaged.*backup"):
        store.outbox.claim(NOW, lease=LEASE, limit=1, kinds=("telegram",))
    store.close()


def test_a_disk_without_room_is_said_so(store: Store):
    hand = Hand(store)
    hand.plan(*(a_delivery(number, f"telegram:{number}") for number in range(300)))

    @event.listens_for(store._engine, "checkout")
    def capped(connection: sqlite3.Connection, _record: object, _proxy: object) -> None:
        connection.execute("PRAGMA max_page_count=1")  # as many as there are

    with pytest.raises(StateUnavailable, match="disk is full; make room"):
        hand.claim(limit=300)
    assert {row.state for row in hand.rows()} == {"pending"}


def test_a_fault_in_our_own_words_stays_what_it_is(store: Store):
    with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"), writing(store._engine) as connection:
        driver(connection).execute("INSERT INTO tokens DEFAULT VALUES")
    assert store.deliveries.counts(NOW).papers == 0


def test_a_connection_that_somebody_closed_is_replaced(store: Store):
    with pytest.raises(ProgrammingError, match="closed"), reading(store._engine) as connection:
        driver(connection).close()
    assert store.deliveries.counts(NOW).papers == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_state_that_may_not_be_written_is_said_so(made: Path):
    made.chmod(0o400)
    store = Store(f"sqlite:///{made}")
    with pytest.raises(StateError, match="cannot be used"), writing(store._engine):
        pass
    store.close()


def test_a_folder_in_the_states_place_is_said_so(path: Path):
    path.mkdir()
    with pytest.raises(StateError, match="cannot be used"):
        Store(f"sqlite:///{path}")


def test_a_state_held_by_another_process_can_be_opened_and_read(made: Path):
    with another_writer(made):
        store = Store(f"sqlite:///{made}", patience=SOON)
        assert store.deliveries.counts(NOW).papers == 0
        store.close()


def test_a_writer_gives_up_on_a_state_that_is_held_too_long(made: Path):
    store = Store(f"sqlite:///{made}", patience=SOON)
    with another_writer(made), pytest.raises(StateLocked, match="locked by another process"):
        store.deliveries.suspend("telegram:1", "blocked", NOW)
    store.close()


def test_a_new_state_that_somebody_else_is_making_is_locked(path: Path):
    engine._make_file(path)
    with another_writer(path), pytest.raises(StateLocked, match="locked by another process"):
        Store(f"sqlite:///{path}", patience=SOON)


def test_writers_wait_for_each_other(made: Path):
    store = Store(f"sqlite:///{made}")
    threads: list[threading.Thread] = []
    with another_writer(made):
        waiter = threading.Thread(target=store.deliveries.suspend, args=["telegram:1", "blocked", NOW])
        threads.append(waiter)
        waiter.start()
        assert waiter.is_alive()
    for waiter in threads:
        waiter.join(5)
        assert not waiter.is_alive()
    store.close()


def test_several_who_make_the_same_state_at_once_all_get_it(path: Path):
    faults: list[Exception] = []
    start = threading.Barrier(4)

    def make() -> None:
        start.wait()
        try:
            Store(f"sqlite:///{path}").close()
        except Exception as fault:  # noqa: BLE001 - told below
            faults.append(fault)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_a_password_in_the_states_address_is_never_told():
    pytest.importorskip("psycopg")
    with pytest.raises(StateError) as told:
        Store("postgresql://me:hush@127.0.0.1:1/none?connect_timeout=1")
    assert "hush" not in str(told.value)
    assert "127.0.0.1" in str(told.value)


def test_an_older_state_is_brought_up_to_date(made: Path, monkeypatch: pytest.MonkeyPatch):
    """For want of an older state, a program that is newer by a migration which does nothing."""
    told: list[str] = []
    head = engine.HEAD
    monkeypatch.setattr(engine, "HEAD", "9999")
    monkeypatch.setattr(engine, "_migrate", lambda connection: told.append(str(engine._version(connection))))
    Store(f"sqlite:///{made}").close()
    assert told == [head]


def test_migrating_a_state_that_is_up_to_date_changes_nothing(store: Store):
    Hand(store).keep(a_paper())
    with writing(store._engine) as connection:
        engine._migrate(connection)
    assert len(store.papers.newest(5)) == 1


def test_a_folder_in_the_place_of_the_state_names_the_remedy(tmp_path: Path):
    with pytest.raises(StateError, match="must be a file, in a folder, that paperboy may write"):
        Store(f"sqlite:///{tmp_path}")
