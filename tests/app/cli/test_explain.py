"""`paperboy explain`: the whole story of one paper and one person."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.adapters.store import Store
from bot.domain.delivery import CAUSE_TEXTS, Cause
from bot.pipeline.ports.outbox import Outcome
from tests.app.cli.conftest import Paperboy
from tests.builders import NOW


@pytest.mark.parametrize(
    "paper",
    [
        "2509.14008",
        "arxiv:2509.14008v2",
        "https://arxiv.org/pdf/2509.14008",
        "https://huggingface.co/papers/2509.14008",
    ],
)
def test_the_story_tells_digests_words_and_messages(home: Path, paperboy: Paperboy, paper: str) -> None:
    paperboy("once")
    told = paperboy("explain", paper, "alice")
    assert told.code == 0
    for part in (
        "Hala Technical Report",
        "000_a9c5d5985cb68500.txt (table)",
        "002_7448b9b0a17a3cd7.txt (quiz_text)",
        "yes  language models",
        "alert  telegram:123456789: sent",
        "alert  email:alice@example.org: sent",
        "alert  atom:alice: sent",
        "quiz   telegram:123456789: sent",
        "message <",
    ):
        assert part in told.out


def test_what_did_not_match_names_the_missing_terms(home: Path, paperboy: Paperboy) -> None:
    config = home / "config/subscriptions.yaml"
    config.write_text(
        config.read_text().replace("[language models]", "[arabic AND zymurgy, arabic NOT scale]")
    )
    paperboy("once")
    told = paperboy("explain", "2509.14008", "alice").out
    assert "missing: zymurgy" in told
    assert "left out by NOT scale" in told
    assert "nothing: no subscription matches" in told


def test_rules_quiet_hours_limits_and_held_rows_are_told(home: Path, paperboy: Paperboy) -> None:
    config = home / "config/subscriptions.yaml"
    text = config.read_text().replace(
        "  - id: alice\n", "  - id: alice\n    daily_limit: 500\n    quiet_hours: '22:00-07:00'\n"
    )
    config.write_text(
        text.replace("email: alice@example.org", "{email: alice@example.org, deliver: mondays at 08:00}")
    )
    paperboy("once")
    told = paperboy("explain", "2509.14008", "alice").out
    assert "held until" in told
    assert "quiet hours 22:00-07:00 UTC" in told
    assert "daily limit 500 papers at each target" in told
    assert "email:alice@example.org gets its messages mondays at 08:00" in told


def test_a_subscription_that_is_paused_is_named(home: Path, paperboy: Paperboy) -> None:
    paperboy("once")
    store = Store(f"sqlite:///{home}/state/paperboy.sqlite3")
    store.preferences.change("alice", lambda choices: replace(choices, paused=("language models",)), NOW)
    store.close()
    told = paperboy("explain", "2509.14008", "alice")
    assert "  off  language models\n       paused: it finds nothing until it is resumed\n" in told.out
    assert paperboy("explain", "2509.14008", "alice", "--json").json["paused"] == ["language models"]


@pytest.mark.parametrize(
    ("limited", "cause", "said"),
    [
        (True, None, "over the daily limit"),
        (True, "paper over limit", "over the daily limit"),
        (False, "on request", "not sent"),
        (False, "paper behind more", "not sent"),
    ],
)
def test_why_something_was_kept_back_is_said(
    home: Path, paperboy: Paperboy, limited: bool, cause: Cause | None, said: str
) -> None:
    config = home / "config/subscriptions.yaml"
    config.write_text(
        config.read_text().replace(
            "email: alice@example.org", "{email: alice@example.org, deliver: mondays at 08:00}"
        )
    )
    paperboy("once")
    store = Store(f"sqlite:///{home}/state/paperboy.sqlite3")
    (claim,) = store.outbox.claim(
        datetime.max.replace(tzinfo=UTC), lease=timedelta(0), limit=1, kinds=("email",)
    )
    keys = tuple(row.key for row in claim.rows) if limited else ()
    store.outbox.settle([Outcome(claim=claim, state="skipped", limited=keys, cause=cause)], NOW)
    store.close()
    told = paperboy("explain", "2509.14008", "alice").out
    assert f"alert  email:alice@example.org: {said} 2026" in told
    assert CAUSE_TEXTS[cause or "over limit"] in told


def test_what_was_not_wanted_any_more_was_not_sent(home: Path, paperboy: Paperboy) -> None:
    config = home / "config/subscriptions.yaml"
    config.write_text(
        config.read_text().replace(
            "email: alice@example.org", "{email: alice@example.org, deliver: mondays at 08:00}"
        )
    )
    paperboy("once")
    store = Store(f"sqlite:///{home}/state/paperboy.sqlite3")
    claims = store.outbox.claim(
        datetime.max.replace(tzinfo=UTC), lease=timedelta(0), limit=1, kinds=("email",)
    )
    keys = tuple(row.key for row in claims[0].rows)
    store.outbox.settle([Outcome(claim=claims[0], state="skipped", unwanted=keys)], NOW)
    store.close()
    told = paperboy("explain", "2509.14008", "alice").out
    assert "alert  email:alice@example.org: not sent" in told
    assert "its subscription was removed or paused" in told
    (skipped,) = (
        row
        for row in paperboy("explain", "2509.14008", "alice", "--json").json["deliveries"]
        if row["target"].startswith("email:")
    )
    assert skipped["state"] == "skipped"


def test_json_tells_the_same(home: Path, paperboy: Paperboy) -> None:
    paperboy("once")
    told = paperboy("explain", "2509.14008", "ALICE", "--json").json
    assert told["subscriber"] == "alice"
    assert [message["name"] for message in told["digests"]] == [
        "000_a9c5d5985cb68500.txt",
        "002_7448b9b0a17a3cd7.txt",
    ]
    (subscription,) = told["subscriptions"]
    assert (subscription["matched"], subscription["noticed"]) == (True, True)
    assert told["told"]
    assert {row["state"] for row in told["deliveries"]} <= {"sent", "merged"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("2509.14008", "alicia"), "did you mean 'alice'?"),
        (("2509.99999", "alice"), "no digest that was read names arxiv:2509.99999"),
        (("nonsense", "alice"), "names no paper"),
    ],
)
def test_unknown_papers_and_people_are_exit_2(
    home: Path, paperboy: Paperboy, arguments: tuple[str, str], said: str
) -> None:
    paperboy("once")
    ran = paperboy("explain", *arguments)
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)
    assert said in ran.err


def test_words_have_their_field_and_times_their_zone(home: Path, paperboy: Paperboy) -> None:
    config = home / "config/subscriptions.yaml"
    config.write_text(config.read_text().replace("id: alice\n", "id: alice\n    timezone: Asia/Tokyo\n"))
    paperboy("once")
    told = paperboy("explain", "2509.14008", "alice").out
    assert "points: language models" in told
    assert "(times are in Asia/Tokyo)" in told
