"""`paperboy ledger`: every paper of a day, and what became of it."""

from pathlib import Path

from tests.app.cli.conftest import Paperboy


def first_run(home: Path, limit: str) -> None:
    config = home / "config/paperboy.yaml"
    lines = [line for line in config.read_text().splitlines() if not line.startswith("first_run")]
    config.write_text("\n".join([*lines, f"first_run: {limit}", ""]))


def test_the_sums_are_equal(home: Path, paperboy: Paperboy) -> None:
    first_run(home, "all")
    paperboy("once")
    found = paperboy("ledger", "alice", "--json").json
    assert found["date"] == "2025-09-18"
    assert found["balanced"]
    assert found["seen"] == found["matched"] + found["not_matched"] == len(found["papers"])
    assert sum(found["ends"].values()) == found["targets"] == found["queued"] == 3 * found["matched"]


def test_people_see_each_matched_paper_and_the_sums(home: Path, paperboy: Paperboy) -> None:
    paperboy("once")
    shown = paperboy("ledger", "alice", "--date", "2025-09-18").out
    assert "Hala Technical Report" in shown
    assert "for language models" in shown
    assert "quiz polls: 3 sent" in shown
    seen, sums = shown.splitlines()[-2:]
    assert seen == "12 seen = 7 not matched, 5 matched"
    assert sums == "15 matches at a target (9 queued) = 3 sent, 6 merged, 6 backlog"


def test_what_a_first_run_left_out_is_named(home: Path, paperboy: Paperboy) -> None:
    first_run(home, "1")
    paperboy("once")
    found = paperboy("ledger", "alice", "--json").json
    assert found["ends"]["backlog"] == found["targets"] - found["queued"] > 0


def test_a_day_without_digests_and_a_wrong_one(home: Path, paperboy: Paperboy) -> None:
    empty = paperboy("ledger", "alice")
    assert (empty.code, "no digest has been read yet" in empty.err) == (2, True)
    paperboy("once")
    assert (
        paperboy("ledger", "alice", "--date", "2020-01-01").out == "no digest of 2020-01-01 has been read\n"
    )
    wrong = paperboy("ledger", "alice", "--date", "yesterday")
    assert (wrong.code, "2025-09-18" in wrong.err) == (2, True)
