"""`paperboy backup`: a whole copy, made while others write."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.app.cli.conftest import Paperboy

STATE = Path("state/paperboy.sqlite3")


def test_a_copy_stands_in_for_the_state(home: Path, paperboy: Paperboy) -> None:
    paperboy("once")
    before = paperboy("status", "--json").json
    with closing(sqlite3.connect(home / STATE, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO meta VALUES ('half', 'written')")
        backed_up = paperboy("backup", home / "copy.sqlite3")
        writer.execute("ROLLBACK")
    assert (backed_up.code, backed_up.err) == (0, "")
    assert "copy.sqlite3" in backed_up.out
    for file in (home / "state").glob("paperboy.sqlite3*"):
        file.unlink()
    (home / "copy.sqlite3").rename(home / STATE)
    assert paperboy("status", "--json").json == before
    assert paperboy("once").code == 0
    assert paperboy("status", "--json").json["deliveries"] == before["deliveries"]


def test_a_copy_is_one_file_that_only_we_may_read(home: Path, paperboy: Paperboy) -> None:
    paperboy("once")
    (home / "kept").mkdir()
    paperboy("backup", home / "kept/copy.sqlite3")
    assert [file.name for file in (home / "kept").iterdir()] == ["copy.sqlite3"]
    assert (home / "kept/copy.sqlite3").stat().st_mode & 0o077 == 0


def test_the_copy_of_yesterday_stays_when_the_state_is_damaged(home: Path, paperboy: Paperboy) -> None:
    paperboy("once")
    paperboy("backup", home / "copy.sqlite3")
    yesterday = (home / "copy.sqlite3").read_bytes()
    for file in (home / "state").glob("paperboy.sqlite3-*"):
        file.unlink()
    whole = (home / STATE).read_bytes()
    (home / STATE).write_bytes(whole[:8192] + b"torn" * 2048 + whole[16384:])
    backed_up = paperboy("backup", home / "copy.sqlite3")
    assert backed_up.code == 3
    assert "nothing was written" in backed_up.err
    assert (home / "copy.sqlite3").read_bytes() == yesterday
    assert not list(home.glob(".copy*"))


def test_what_cannot_be_copied_is_said(home: Path, paperboy: Paperboy) -> None:
    nothing = paperboy("backup", home / "copy.sqlite3")
    assert (nothing.code, "there is no state" in nothing.err) == (3, True)
    paperboy("once")
    assert paperboy("backup", home).code == 2
    assert paperboy("backup", home / STATE).code == 2
    assert paperboy("backup", home / "nowhere/copy.sqlite3").code == 3


def test_postgresql_has_its_own_tool(home: Path, paperboy: Paperboy) -> None:
    (home / "config/paperboy.yaml").write_text("state: postgresql://paperboy@db/paperboy\n")
    told = paperboy("backup", home / "copy.sqlite3")
    assert told.code == 2
    assert "pg_dump" in told.err


def test_a_copy_is_told_as_json(home: Path, paperboy: Paperboy) -> None:
    paperboy("once")
    told = paperboy("backup", "copy.sqlite3", "--json").json
    assert told == {"file": "copy.sqlite3", "bytes": (home / "copy.sqlite3").stat().st_size}
