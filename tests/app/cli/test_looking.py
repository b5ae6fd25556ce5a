"""Commands that only look: they leave no trace, and say where they looked in vain."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.clock import SystemClock
from bot.app.cli.status import planning_json, planning_lines
from bot.app.config.settings import load_settings
from bot.pipeline.ports.papers import PlanningRun
from tests.app.cli.conftest import Paperboy
from tests.builders import NOW, a_subscriber


@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["doctor"],
        ["check"],
        ["ledger", "alice"],
        ["explain", "2509.14008", "alice"],
        ["preview", "rag"],
        ["outbox", "list"],
        ["outbox", "retry", "--state", "dead"],
    ],
    ids=" ".join,
)
def test_a_state_that_is_not_there_is_empty_and_is_not_made(
    home: Path, paperboy: Paperboy, command: list[str]
) -> None:
    assert paperboy(*command).code in (0, 2)
    assert not (home / "state").exists()


def test_a_folder_without_configuration_is_told_how_to_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paperboy: Paperboy
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = paperboy("status")
    assert ran.code == 0
    assert "there is no config/paperboy.yaml here" in ran.err
    assert "`paperboy init` writes it" in ran.err
    assert not list(tmp_path.iterdir())


def test_status_says_whether_run_is_running(home: Path, paperboy: Paperboy) -> None:
    assert "run          not seen running by this user on this machine" in paperboy("status").out
    alive = load_settings(home / "config/paperboy.yaml", {}).heartbeat
    alive.beat(SystemClock().now())
    try:
        assert "run          running" in paperboy("status").out
        assert paperboy("status", "--json").json["running"] is True
    finally:
        alive.end()


def test_one_of_a_thing_is_not_many(home: Path, paperboy: Paperboy) -> None:
    assert "subscribers  1 with 1 subscription\n" in paperboy("status").out


def test_a_file_that_is_no_digest_is_named_once(tmp_path: Path, paperboy: Paperboy) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("just some notes\n")
    ran = paperboy("read", notes)
    assert ran.code == 2
    assert ran.err.startswith(f"paperboy: {notes}: nothing in it links to a paper")


def test_a_half_that_no_page_has_is_wrong_usage(seeds: Path, paperboy: Paperboy) -> None:
    ran = paperboy("read", seeds, "--language", "fr")
    assert (ran.code, ran.out) == (2, "")
    assert "use en or zh" in ran.err


def test_status_shows_what_is_still_being_planned() -> None:
    people = [a_subscriber(name) for name in ("alice", "bob", "carol")]
    run = PlanningRun(number=1, made_at=NOW, rule="news", cursor="alice", papers=30)
    assert planning_lines([run], people) == [
        "planning     30 papers of 2026-09-18 08:00 UTC, 2 of 3 subscribers left"
    ]
    assert planning_json([run], people) == [
        {"since": NOW.isoformat(), "papers": 30, "sends": True, "subscribers_left": 2}
    ]
    assert planning_lines([run] * 12, people)[-1] == "             and 2 more runs"
    onboarding = replace(run, rule="new subscriber", subscribers=("alice", "bob"))
    assert planning_json([onboarding], people)[0]["subscribers_left"] == 1


def test_status_in_json_names_no_planning_where_all_is_planned(home: Path, paperboy: Paperboy) -> None:
    assert paperboy("status", "--json").json["planning"] == []
