"""Claims and who holds them: a claim only reserves, and what a dead process had claimed comes free at once."""

import errno
import fcntl
import os
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from bot.adapters.store import Store, owners
from bot.adapters.store.owners import FileOwner, SessionOwner
from bot.domain.errors import StateUnavailable
from tests.adapters.store.conftest import KINDS, LEASE, Database, Hand
from tests.builders import NOW, an_alarm

MINUTE = timedelta(minutes=1)


def impatient(store: Store) -> Store:
    """Take an owner without its lock for dead at once."""
    if isinstance(store._owner, SessionOwner):
        store._owner.patience = timedelta(0)
    return store


@pytest.fixture
def hand(database: Database) -> Hand:
    return Hand(database.open())


@pytest.fixture
def other(database: Database) -> Hand:
    return Hand(impatient(database.open()))


# --- a claim reserves -------------------------------------------------------------------------------------


def test_a_claim_changes_no_row(hand: Hand):
    hand.alerts(1, state="held", due_at=NOW + MINUTE)
    hand.alerts(2)
    (claim,) = hand.reserve(NOW + MINUTE)
    assert len(claim.rows) == 2
    assert [(row.state, row.attempts, row.message) for row in hand.rows()] == [
        ("held", 0, None),
        ("pending", 0, None),
    ]


def test_what_is_begun_is_sending_under_its_message(hand: Hand):
    hand.alerts(1, state="held", due_at=NOW)
    hand.alerts(2)
    (claim,) = hand.reserve()
    assert hand.store.outbox.begin([claim]) == {claim.lease}
    assert [(row.state, row.attempts, row.message) for row in hand.rows()] == [
        ("sending", 1, claim.message),
        ("sending", 1, claim.message),
    ]


def test_a_claim_that_is_put_back_leaves_no_trace(hand: Hand):
    hand.alerts(1)
    (claim,) = hand.reserve()
    hand.settle(claim, "pending", counted=False)
    hand.alerts(2)
    (again,) = hand.reserve()
    assert (again.attempts, len(again.rows)) == (1, 2)
    assert again.message != claim.message


def test_a_try_that_failed_before_its_request_is_counted_and_keeps_its_rows(hand: Hand):
    hand.alerts(1)
    (claim,) = hand.reserve()
    hand.settle(claim, "pending", error="no such server")
    hand.alerts(2)
    (again,) = hand.reserve()
    assert (again.attempts, again.message, len(again.rows)) == (2, claim.message, 1)


@pytest.mark.parametrize("state", ["dead", "skipped", "uncertain", "sent"])
def test_what_ends_without_a_request_ends_all_the_same(hand: Hand, state: str):
    hand.alerts(1, 2)
    (claim,) = hand.reserve()
    hand.settle(claim, state)
    assert {row.settled_at for row in hand.rows()} == {NOW}
    assert hand.rows()[1].state == ("merged" if state == "sent" else state)


def test_a_begin_that_was_written_down_unseen_is_taken_back(hand: Hand):
    """The connection died in its commit, so nothing was sent."""
    hand.alerts(1)
    (claim,) = hand.claim()
    hand.settle(claim, "pending", counted=False)
    assert [(row.state, row.attempts) for row in hand.rows()] == [("pending", 0)]


def test_nobody_begins_what_was_dropped_or_suspended_or_is_no_longer_theirs(hand: Hand):
    for chat in "1234":
        hand.alerts(1, target=f"telegram:{chat}")
    claims = hand.reserve()
    hand.store.deliveries.drop([claims[0].rows[0].key], NOW)
    hand.store.deliveries.suspend("telegram:2", "blocked", NOW)
    hand.settle(claims[2], "pending", counted=False)
    assert hand.store.outbox.begin(claims) == {claims[3].lease}
    assert [row.state for row in hand.rows()] == ["dead", "pending", "pending", "sending"]


def test_a_drop_frees_what_was_only_claimed_and_nothing_that_is_being_sent(hand: Hand):
    hand.alerts(1, target="telegram:1")
    hand.alerts(1, target="telegram:2")
    reserved, begun = hand.reserve()
    hand.store.outbox.begin([begun])
    hand.alerts(2, target="telegram:1")
    hand.alerts(2, target="telegram:2")
    keys = [row.key for row in hand.rows() if row.state == "pending"]
    assert hand.store.deliveries.drop([keys[0], keys[2]], NOW) == 2
    assert [claim.target_key for claim in hand.claim()] == [reserved.target_key]


def test_for_planning_an_alert_that_is_claimed_is_being_sent(hand: Hand):
    """Its message may be built already, from the paper as it was: a correction must be an edit."""
    hand.alerts(1)
    (row,) = hand.rows()
    hand.reserve()
    with hand.store.digests.transaction() as tx:
        assert tx.planned([row.key]) == {row.key: "sending"}


# --- whose process died -----------------------------------------------------------------------------------


def closed(hand: Hand, database: Database) -> None:
    """Close it; a server lets go of a session's lock a moment later."""
    hand.store.close()
    while database.url.startswith("postgresql") and sessions(database.url, hand.store._owner.number):
        pass


def test_what_a_process_that_died_had_only_claimed_is_claimed_by_the_next(
    hand: Hand, other: Hand, database: Database
):
    hand.alerts(1)
    hand.reserve()
    assert other.store.outbox.expire(NOW) == 0
    assert other.reserve() == ()
    closed(hand, database)
    assert other.store.outbox.expire(NOW) == 0
    assert len(other.reserve()) == 1


def test_only_what_a_process_that_died_was_sending_is_uncertain(hand: Hand, other: Hand, database: Database):
    hand.alerts(1, target="telegram:1")
    hand.alerts(1, target="telegram:2")
    begun, _ = hand.reserve()
    hand.store.outbox.begin([begun])
    closed(hand, database)
    assert other.store.outbox.expire(NOW) == 1
    assert [row.state for row in other.rows()] == ["uncertain", "pending"]


def test_what_does_no_harm_twice_simply_goes_again_alarms_too(hand: Hand, other: Hand, database: Database):
    hand.alerts(1, target="email:a@example.org")
    with hand.store.incidents.change() as tx:
        tx.plan([an_alarm("email:b@example.org")], NOW)
    hand.claim()
    closed(hand, database)
    assert other.store.outbox.expire(NOW, harmless={"email"}) == 0
    assert {row.state for row in other.rows()} == {"pending"}


def test_while_another_process_has_a_lease_somebody_looks_whether_it_lives(hand: Hand, other: Hand):
    hand.alerts(1)
    soon = NOW + timedelta(seconds=2)
    hand.reserve()
    assert hand.store.outbox.next_due(KINDS, soon) == NOW + LEASE
    assert other.store.outbox.next_due(KINDS, soon) == soon
    assert other.store.outbox.next_due(KINDS) == NOW + LEASE


def test_a_backup_that_is_opened_elsewhere_waits_for_nobody(tmp_path: Path):
    store = Store(f"sqlite:///{tmp_path}/state.sqlite3")
    hand = Hand(store)
    hand.alerts(1)
    hand.reserve()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    from bot.adapters.store.maintenance import back_up

    back_up(tmp_path / "state.sqlite3", elsewhere / "state.sqlite3")
    copy = Store(f"sqlite:///{elsewhere}/state.sqlite3")
    copy.outbox.expire(NOW)
    assert len(Hand(copy).reserve()) == 1
    copy.close()
    store.close()


# --- the locked file --------------------------------------------------------------------------------------


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.owner"))


def test_an_owner_leaves_no_file_and_removes_those_of_the_dead(sqlite_only: Database, tmp_path: Path):
    (tmp_path / "state.sqlite3.00000000000000ff.owner").touch()
    store = sqlite_only.open()
    assert files(tmp_path) == ["state.sqlite3.00000000000000ff.owner"]  # who only looks holds nothing
    Hand(store).claim()
    store.outbox.expire(NOW)
    assert files(tmp_path) == [f"state.sqlite3.{store._owner.number:016x}.owner"]
    store.close()
    assert files(tmp_path) == []


def test_a_state_behind_a_link_has_the_owners_of_the_state(sqlite_only: Database, tmp_path: Path):
    """Else the one that came by the link would take the other for dead, and send what that is sending."""
    hand = Hand(sqlite_only.open())
    hand.alerts(1)
    hand.claim()
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "state.sqlite3").symlink_to(tmp_path / "state.sqlite3")
    other = Hand(Store(f"sqlite:///{tmp_path}/link/state.sqlite3"))
    assert other.store.outbox.expire(NOW) == 0
    assert other.reserve() == ()
    other.store.close()


def test_an_owner_whose_file_was_removed_makes_it_anew(sqlite_only: Database, tmp_path: Path):
    hand, other = Hand(sqlite_only.open()), Hand(sqlite_only.open())
    hand.alerts(1, target="telegram:1")
    hand.reserve()
    for name in files(tmp_path):
        (tmp_path / name).unlink()
    hand.alerts(1, target="telegram:2")
    hand.reserve()
    other.store.outbox.expire(NOW)
    assert other.reserve() == ()


def test_where_files_cannot_be_locked_the_time_of_the_lease_decides(
    sqlite_only: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def unlockable(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unlockable)
    hand, other = Hand(sqlite_only.open()), Hand(sqlite_only.open())
    hand.alerts(1)
    hand.reserve()
    assert "owner.no_locks" in caplog.text
    other.store.outbox.expire(NOW)
    assert other.reserve() == ()
    other.store.outbox.expire(NOW + LEASE)
    assert len(other.reserve(NOW + LEASE)) == 1


# --- marks ------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(database: Database, tmp_path: Path) -> Path:
    """Folder of the owners' files: of this machine, also where the state is not."""
    return tmp_path if database.url.startswith("sqlite") else tmp_path / "state"


@pytest.fixture
def here(database: Database, folder: Path) -> Hand:
    """A process on this machine."""
    return Hand(database.open(folder=folder))


@pytest.fixture
def beside(database: Database, folder: Path) -> Hand:
    """Another process on this machine."""
    return Hand(database.open(folder=folder))


def file_of(hand: Hand) -> FileOwner:
    owner = hand.store._owner
    file = owner._file if isinstance(owner, SessionOwner) else owner
    assert isinstance(file, FileOwner)
    return file


def die(hand: Hand) -> None:
    """As a killed process does: its file stays, and nobody holds it. The server may not have noticed yet."""
    file = file_of(hand)
    assert file._file is not None
    os.close(file._file)
    file._file = None


def test_what_was_begun_and_never_marked_was_never_sent(here: Hand, beside: Hand, folder: Path):
    for chat in "123":
        here.alerts(1, target=f"telegram:{chat}")
    left, begun, _ = here.reserve()
    here.store.outbox.begin([left, begun])
    here.store.outbox.mark(left)
    die(here)
    assert beside.store.outbox.expire(NOW) == 1
    assert [(row.state, row.attempts) for row in beside.rows()] == [
        ("uncertain", 1),
        ("pending", 0),
        ("pending", 0),
    ]
    again, _ = beside.reserve()
    assert (again.message, again.attempts) == (begun.message, 1)
    beside.store.outbox.expire(NOW)
    assert files(folder) == [f"{file_of(beside)._path(beside.store._owner.number).name}"]


def test_a_file_is_kept_until_the_leases_of_its_owner_ended(
    here: Hand, beside: Hand, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    """They need not end at once: the server may still hold their rows for the one that died."""
    here.alerts(1)
    here.claim()
    die(here)
    with monkeypatch.context() as patched:
        patched.setattr(beside.store.outbox, "_end_leases", lambda *_: 0)
        beside.store.outbox.expire(NOW)
    assert len(files(folder)) == 1
    beside.store.outbox.expire(NOW)
    assert [row.state for row in beside.rows()] == ["pending"]


def test_the_file_of_one_that_claims_and_dies_while_others_look_is_read(
    here: Hand, beside: Hand, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    here.alerts(1)
    look = file_of(beside).abandoned

    def claims_and_dies_meanwhile() -> frozenset[int]:
        left_behind = look()
        here.claim()
        die(here)
        return left_behind

    monkeypatch.setattr(beside.store._owner, "abandoned", claims_and_dies_meanwhile)
    beside.store.outbox.expire(NOW)
    monkeypatch.undo()
    beside.store.outbox.expire(NOW)
    assert [row.state for row in beside.rows()] == ["pending"]


def test_after_the_machine_started_again_no_mark_counts(
    here: Hand, beside: Hand, database: Database, monkeypatch: pytest.MonkeyPatch
):
    here.alerts(1)
    here.claim()
    die(here)
    closed(here, database)
    monkeypatch.setattr(owners, "_boot_id", lambda: b"another")
    assert impatient(beside.store).outbox.expire(NOW) == 1


def test_who_hangs_may_still_send_whatever_is_marked(here: Hand, beside: Hand):
    here.alerts(1)
    here.claim()
    assert beside.store.outbox.expire(NOW + LEASE) == 1


def test_a_file_that_is_made_anew_has_the_marks_of_the_one_before(here: Hand, beside: Hand, folder: Path):
    here.alerts(1)
    (claim,) = here.claim()
    here.store.outbox.mark(claim)
    (folder / files(folder)[0]).unlink()
    here.reserve()
    die(here)
    assert beside.store.outbox.expire(NOW) == 1


def test_marks_take_the_places_of_those_that_ended(tmp_path: Path):
    owner = FileOwner(tmp_path / "state.sqlite3")
    owner.acquire()
    (path,) = tmp_path.glob("*.owner")
    assert path.stat().st_size == 4096
    for first in (1, 1001, 2001):
        for lease in range(first, first + 600):
            owner.mark(lease)
        assert set(range(first, first + 600)) <= (owners._marks(path) or set())
        assert path.stat().st_size == 64 + 600 * 8
        owner.unmark(range(first, first + 600))
    owner.close()


@pytest.mark.parametrize("content", [b"", bytes(4096), b"torn"])
def test_a_file_that_says_no_boot_marks_nothing(tmp_path: Path, content: bytes):
    path = tmp_path / "owner"
    path.write_bytes(content)
    assert owners._marks(path) is None
    assert owners._marks(tmp_path / "gone") is None


def test_what_cannot_be_marked_says_so(sqlite_only: Database, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    hand = Hand(sqlite_only.open())
    hand.alerts(1)
    (claim,) = hand.claim()
    with monkeypatch.context() as patched:
        patched.setattr(owners.os, "pwrite", full)
        with pytest.raises(StateUnavailable, match="No space left"):
            hand.store.outbox.mark(claim)
        with pytest.raises(StateUnavailable, match="No space left"):
            FileOwner(Path(sqlite_only.url.removeprefix("sqlite:///"))).acquire()


def test_where_the_system_names_no_boot_nothing_is_marked(monkeypatch: pytest.MonkeyPatch):
    def missing(_: Path) -> bytes:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_bytes", missing)
    assert owners._boot_id.__wrapped__() == b""


# --- the session ------------------------------------------------------------------------------------------


on_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


def sessions(url: str, number: int) -> list[int]:
    """The server's processes that hold the lock of that owner."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1"
            " AND (classid::bigint << 32) + objid::bigint = %s",
            (number,),
        ).fetchall()
    return [pid for (pid,) in rows]


def end(url: str, pid: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 2000)", (pid,))


@on_postgresql
def test_an_owner_whose_session_ended_takes_its_lock_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(owners, "_PULSE", timedelta(milliseconds=10))
    hand, other = Hand(database.open()), Hand(database.open())
    hand.alerts(1)
    hand.reserve()
    number = hand.store._owner.number
    (first,) = sessions(database.url, number)
    end(database.url, first)
    other.store.outbox.expire(NOW)  # seen without its lock, perhaps, but not for long
    while not (again := sessions(database.url, number)):
        pass
    assert again != [first]
    impatient(other.store).outbox.expire(NOW)
    assert other.reserve() == ()


@on_postgresql
def test_an_owner_without_its_lock_is_dead_after_a_while(database: Database, monkeypatch: pytest.MonkeyPatch):
    clock = [100.0]
    monkeypatch.setattr(owners.time, "monotonic", lambda: clock[0])
    hand, other = Hand(database.open()), Hand(database.open())
    hand.alerts(1)
    hand.reserve()
    closed(hand, database)
    for since, free in [(0.0, 0), (2.9, 0), (3.1, 1)]:
        clock[0] = 100.0 + since
        other.store.outbox.expire(NOW)
        assert len(other.reserve()) == free


@on_postgresql
def test_on_its_own_machine_an_owner_without_a_session_lives_as_long_as_it_has_its_file(
    here: Hand, beside: Hand, database: Database
):
    here.alerts(1)
    here.claim()
    owner = here.store._owner
    assert isinstance(owner, SessionOwner)
    owner._stop.set()
    while sessions(database.url, owner.number):
        pass
    impatient(beside.store)
    assert beside.store.outbox.expire(NOW) == 0
    assert [row.state for row in beside.rows()] == ["sending"]


@on_postgresql
def test_another_machine_knows_no_marks(here: Hand, database: Database, tmp_path: Path):
    elsewhere = Hand(impatient(database.open(folder=tmp_path / "elsewhere")))
    here.alerts(1)
    here.claim()
    die(here)
    assert (
        elsewhere.store.outbox.expire(NOW) == 0
    )  # its session may be another process's, for all that is known there
    closed(here, database)
    assert elsewhere.store.outbox.expire(NOW) == 1


@on_postgresql
def test_where_no_file_can_be_made_the_session_alone_decides(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "state").touch()
    hand, other = (Hand(impatient(database.open(folder=tmp_path / "state"))) for _ in range(2))
    hand.alerts(1)
    (claim,) = hand.claim()
    hand.store.outbox.mark(claim)
    hand.reserve()
    assert caplog.messages == ["owner.no_file"]
    assert other.store.outbox.expire(NOW) == 0
    closed(hand, database)
    assert other.store.outbox.expire(NOW) == 1


@on_postgresql
def test_where_files_cannot_be_locked_the_session_alone_decides(
    here: Hand, beside: Hand, database: Database, monkeypatch: pytest.MonkeyPatch
):
    def unlockable(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unlockable)
    impatient(beside.store)
    here.alerts(1)
    here.claim()
    assert beside.store.outbox.expire(NOW) == 0
    die(here)
    closed(here, database)
    assert beside.store.outbox.expire(NOW) == 1


@on_postgresql
def test_a_file_in_which_a_mark_is_missing_is_withdrawn(
    here: Hand, beside: Hand, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    here.alerts(1)
    (claim,) = here.claim()
    with monkeypatch.context() as patched:
        patched.setattr(owners.os, "pwrite", full)
        here.store.outbox.mark(claim)
        assert files(folder) == []
        here.reserve()  # makes one that names no boot
    assert beside.store.outbox.expire(NOW) == 0
    closed(here, database)
    assert impatient(beside.store).outbox.expire(NOW) == 1


@on_postgresql
def test_what_cannot_be_marked_nor_withdrawn_is_not_sent(here: Hand, monkeypatch: pytest.MonkeyPatch):
    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    here.alerts(1)
    (claim,) = here.claim()
    with monkeypatch.context() as patched:
        patched.setattr(owners.os, "pwrite", read_only)
        patched.setattr(Path, "unlink", read_only)
        with pytest.raises(StateUnavailable, match="Read-only"):
            here.store.outbox.mark(claim)
