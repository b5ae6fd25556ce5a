"""`paperboy ledger`: every paper of a day, and what became of it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.adapters.store import Store
from bot.domain.delivery import Cause
from bot.pipeline.ports.outbox import Outcome
from tests.app.cli.conftest import Paperboy
from tests.builders import NOW


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


def test_why_questions_were_kept_back_is_said(home: Path, paperboy: Paperboy) -> None:
    config = home / "config/subscriptions.yaml"
    config.write_text(config.read_text().replace("quizzes: true", "quizzes: true, deliver: mondays at 08:00"))
    paperboy("once")
    store, late = Store(f"sqlite:///{home}/state/paperboy.sqlite3"), datetime.max.replace(tzinfo=UTC)
    while claims := store.outbox.claim(late, lease=timedelta(0), limit=1, kinds=("telegram",)):
        cause: Cause = "on request" if claims[0].kind == "quiz" else "unwanted"
        store.outbox.settle([Outcome(claim=claims[0], state="skipped", cause=cause)], NOW)
    store.close()
    shown = paperboy("ledger", "alice", "--date", "2025-09-18").out
    assert "quiz polls: 3 skipped (questions come when they are asked for)" in shown
    assert "skipped    telegram:123456789: its subscription was removed or paused" in shown
    papers = paperboy("ledger", "alice", "--date", "2025-09-18", "--json").json["papers"]
    assert {row["cause"] for paper in papers for row in paper["others"]} == {"on request"}
    ends = {target["end"]: target["cause"] for paper in papers for target in paper["targets"]}
    assert (ends["skipped"], ends["sent"]) == ("unwanted", None)


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
