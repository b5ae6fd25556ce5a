"""Incidents and the alarms on them, as the operator sees them."""

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.store import Store
from bot.app.config.settings import load_settings
from bot.domain.incidents import JOB_FAILING, REFUSED, Incident, report_incident
from bot.domain.message import WrittenDelivery
from bot.pipeline.ports.outbox import Outcome
from tests.app.cli.conftest import Paperboy
from tests.builders import a_delivery, a_look_back, a_paper, an_alarm


def a_state(home: Path, state: str, planned: WrittenDelivery | None = None) -> None:
    """A state with an alarm, or what is given, that ended so just now."""
    store, now = Store(f"sqlite:///{home}/state/paperboy.sqlite3"), SystemClock().now()
    with store.incidents.change() as tx:
        tx.plan([planned or an_alarm()], now)
    (claim,) = store.outbox.claim(now, lease=timedelta(minutes=5), limit=1, kinds=("telegram",))
    outcome = Outcome(claim=claim, state=state, error="timeout")  # type: ignore[arg-type]
    store.outbox.settle([outcome], now)
    store.close()


def test_an_alarm_that_did_not_arrive_for_sure_is_shown_everywhere(home: Path, paperboy: Paperboy) -> None:
    a_state(home, "uncertain")
    ran = paperboy("status")
    assert ran.code == 1
    assert "ALARM        uncertain to telegram:1: The source “tables” has fallen silent (timeout)" in ran.out
    (told,) = paperboy("status", "--json").json["alarms_not_sent"]
    assert (told["target"], told["state"], told["error"]) == ("telegram:1", "uncertain", "timeout")
    assert "is uncertain: timeout" in paperboy("doctor").out


def test_an_alarm_that_still_waits_is_shown_and_nothing_to_act_on(home: Path, paperboy: Paperboy) -> None:
    a_state(home, "pending")
    ran = paperboy("status")
    assert ran.code == 0
    assert "pending to telegram:1" in ran.out
    assert "has fallen silent" not in paperboy("doctor").out


def test_a_look_back_that_did_not_arrive_is_no_alarm(home: Path, paperboy: Paperboy) -> None:
    a_state(home, "dead", a_look_back())
    ran = paperboy("status")
    assert "ALARM" not in ran.out
    assert paperboy("status", "--json").json["alarms_not_sent"] == []
    assert "Your week" not in paperboy("doctor").out
    (message,) = paperboy("outbox", "list", "--kind", "look_back", "--json").json["messages"]
    assert (message["state"], message["titles"]) == ("dead", ["Your week: 4 new papers"])


def test_incidents_of_sources_and_channels_are_told_apart(home: Path, paperboy: Paperboy) -> None:
    store, now = Store(f"sqlite:///{home}/state/paperboy.sqlite3"), SystemClock().now()
    silent = Incident(subject="tables", kind="silent", what="nothing", since=now)
    poller = Incident(subject="telegram", kind="second poller", what="Conflict", since=now, area="channels")
    others = (("telegram:1", REFUSED), ("fetch", JOB_FAILING))
    with store.incidents.change() as tx:
        tx.keep_incidents([silent, poller])
        for subject, kind in others:
            tx.keep_incidents(report_incident(subject, kind, "broken", tx.open_incidents(), now).open)
    store.close()
    ran = paperboy("status")
    assert ran.code == 1
    assert "SOURCE       tables: silent (nothing)" in ran.out
    assert "CHANNEL      telegram: second poller (Conflict)" in ran.out
    assert "TARGET       telegram:1: refused (broken)" in ran.out
    assert "PROGRAM      fetch: job failing (broken)" in ran.out
    assert [
        (entry["area"], entry["subject"]) for entry in paperboy("status", "--json").json["incidents"]
    ] == [
        ("sources", "tables"),
        ("channels", "telegram"),
        ("targets", "telegram:1"),
        ("program", "fetch"),
    ]


def test_a_mailbox_that_is_full_is_seen_while_it_is_tried_again(home: Path, paperboy: Paperboy) -> None:
    store, now = Store(f"sqlite:///{home}/state/paperboy.sqlite3"), SystemClock().now()
    with store.digests.transaction() as tx:
        tx.save_papers([a_paper(n) for n in range(12)], now, changed=True)
        tx.plan([a_delivery(n, f"email:{n}@example.org") for n in range(12)], tx.new_run(now))
    claims = store.outbox.claim(now, lease=timedelta(minutes=5), limit=20, kinds=("email",))
    said = "mailbox full: mx said 452 4.2.2 over quota"
    later = now + timedelta(hours=1)
    store.outbox.settle(
        [Outcome(claim=claim, state="pending", error=said, wait_until=later) for claim in claims], now
    )
    store.close()
    ran = paperboy("status")
    assert ran.code == 0
    assert f"tried again  email:0@example.org since {now:%Y-%m-%d %H:%M} UTC: {said}" in ran.out
    assert "and 2 more targets" in ran.out
    assert len(paperboy("status", "--json").json["failing"]) == 12
    assert f"1 try so far: {said}" in paperboy("doctor").out


def test_a_healthcheck_looks_only_at_whether_somebody_is_running(
    home: Path, paperboy: Paperboy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    a_state(home, "uncertain")
    assert paperboy("status").code == 1
    ran = paperboy("status", "--alive")
    assert (ran.code, ran.out) == (1, "`paperboy run` is not running here\n")
    load_settings(home / "config/paperboy.yaml", {}).heartbeat.beat(SystemClock().now())
    ran = paperboy("status", "--alive")
    assert (ran.code, ran.out) == (0, "running\n")
