"""The operator's hand: what waits for it, and what is over once it was there."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.store import Store
from bot.domain.delivery import State
from bot.pipeline.ports.outbox import Outcome
from tests.app.cli.conftest import Paperboy
from tests.builders import NOW, a_delivery, a_paper


@pytest.fixture
def troubled(home: Path) -> Path:
    """A state with one dead letter and one delivery that nobody knows of."""
    store = Store(f"sqlite:///{home}/state/paperboy.sqlite3")
    with store.digests.transaction() as tx:
        tx.save_papers([a_paper(1), a_paper(2)], NOW, changed=True)
        tx.plan([a_delivery(1, "telegram:1"), a_delivery(2, "telegram:2")], tx.new_run(NOW))
    ends: dict[str, State] = {"telegram:1": "dead", "telegram:2": "uncertain"}
    claims = store.outbox.claim(NOW, lease=timedelta(minutes=5), limit=5, kinds=("telegram",))
    outcomes = [Outcome(claim=one, state=ends[one.key], error="it went wrong") for one in claims]  # type: ignore[arg-type]
    store.outbox.settle(outcomes, NOW)
    store.close()
    return home


def test_what_is_stuck_is_listed_with_the_reason(troubled: Path, paperboy: Paperboy):
    ran = paperboy("outbox", "list", "--state", "dead", "--json")
    assert [(row["key"], row["error"]) for row in ran.json] == [
        (f"telegram:1|alert|{a_paper(1).id}", "it went wrong")
    ]
    assert "it went wrong" in paperboy("outbox", "list").out


def test_status_needs_a_look_until_the_operator_gave_it_up(troubled: Path, paperboy: Paperboy):
    assert paperboy("status").code == 1
    assert (
        "2 of 2 deliveries given up"
        in paperboy("outbox", "drop", "--state", "dead", "--state", "uncertain").out
    )
    status = paperboy("status", "--json")
    assert (status.code, status.json["deliveries"]["dead"]) == (0, 2)
    assert "needs a look" not in paperboy("status").out


def test_a_pass_is_at_peace_with_what_was_given_up(troubled: Path, paperboy: Paperboy):
    assert paperboy("once").code == 1
    paperboy("outbox", "drop", "--state", "dead", "--state", "uncertain")
    assert paperboy("once").code == 0
    assert paperboy("once").code == 0


def test_what_is_retried_goes_out(troubled: Path, paperboy: Paperboy):
    assert (
        "1 of 1 deliveries will be sent again"
        in paperboy("outbox", "retry", a_delivery(1, "telegram:1").key).out
    )
    assert paperboy("outbox", "list", "--state", "pending", "--json").json[0]["target"] == "telegram:1"


def test_what_arrived_is_taken_for_sent(troubled: Path, paperboy: Paperboy):
    assert "1 of 1 deliveries marked as sent" in paperboy("outbox", "arrived", "--state", "uncertain").out
    assert paperboy("outbox", "list", "--state", "uncertain", "--json").json == []


def test_a_hand_that_names_nothing_or_nobody_does_nothing(troubled: Path, paperboy: Paperboy):
    assert paperboy("outbox", "drop").code == 2
    ran = paperboy("outbox", "retry", "telegram:9|alert|x")
    assert (ran.code, ran.out) == (2, "")
    assert "no such delivery" in ran.err
    assert paperboy("outbox", "list", "--state", "lost").code == 2


def test_a_list_without_deliveries_says_so_and_keys_that_name_none_are_wrong(home: Path, paperboy: Paperboy):
    assert paperboy("outbox", "list", "--state", "dead").err == "no deliveries that are dead\n"
    assert paperboy("outbox", "list").err == "no deliveries\n"
    ran = paperboy("outbox", "list", "telegram:9|alert|x")
    assert (ran.code, ran.out) == (2, "")
    assert "no such delivery: telegram:9|alert|x" in ran.err
    assert paperboy("outbox", "list", "--limit", "-1").code == 2


def test_a_limit_hides_no_wrong_key(troubled: Path, paperboy: Paperboy):
    keys = [a_delivery(number, f"telegram:{number}").key for number in (1, 2)]
    assert len(paperboy("outbox", "list", *keys, "--limit", "1").out.splitlines()) == 1


def test_a_hand_that_changes_nothing_says_why(troubled: Path, paperboy: Paperboy):
    ran = paperboy("outbox", "arrived", "--state", "dead")
    assert (ran.code, ran.out) == (0, "0 of 1 deliveries marked as sent\n")
    assert ran.err == "only uncertain deliveries are marked as sent\n"


def test_the_hand_speaks_json(troubled: Path, paperboy: Paperboy):
    done = {"asked": 1, "done": 1, "targets_revived": 0}
    assert paperboy("outbox", "arrived", "--state", "uncertain", "--json").json == done
    assert paperboy("outbox", "retry", "--state", "dead", "--json").json == done
    assert paperboy("outbox", "drop", "--state", "pending", "--json").json == done


def test_times_in_the_list_name_their_zone(troubled: Path, paperboy: Paperboy):
    assert " 08:00 UTC  telegram:1|alert|" in paperboy("outbox", "list").out
