"""The operator's hand: what waits for it, and what is over once it was there."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.adapters.store import Store
from bot.domain.delivery import State
from bot.domain.incidents import REFUSED, STOPPED, report_incident
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
    outcomes = [Outcome(claim=claim, state=ends[claim.target_key], error="it went wrong") for claim in claims]  # type: ignore[arg-type]
    store.outbox.settle(outcomes, NOW)
    store.close()
    return home


def test_what_is_stuck_is_listed_with_the_reason(troubled: Path, paperboy: Paperboy):
    ran = paperboy("outbox", "list", "--state", "dead", "--json")
    assert ran.json == {
        "total": 1,
        "messages": [
            {
                "target": "telegram:1",
                "subscriber": "alice",
                "kind": "alert",
                "state": "dead",
                "titles": [a_paper(1).title],
                "since": NOW.isoformat(),
                "attempts": 1,
                "error": "it went wrong",
                "keys": [f"telegram:1|alert|{a_paper(1).id}"],
            }
        ],
    }
    listed = paperboy("outbox", "list").out
    assert "(it went wrong)" in listed
    assert "(answer not seen: it went wrong)" in listed
    assert a_paper(1).title in listed


def test_status_counts_messages_before_deliveries(home: Path, paperboy: Paperboy):
    assert "messages     none yet" in paperboy("status").out
    store = Store(f"sqlite:///{home}/state/paperboy.sqlite3")
    with store.digests.transaction() as tx:
        tx.save_papers([a_paper(number) for number in (1, 2, 3)], NOW, changed=True)
        planned = [a_delivery(number, "telegram:1") for number in (1, 2, 3)]
        tx.plan([*planned, a_delivery(1, "telegram:2")], tx.new_run(NOW))
    (first, _) = store.outbox.claim(NOW, lease=timedelta(minutes=5), limit=5, kinds=("telegram",))
    sent = tuple(row.key for row in first.rows)
    store.outbox.settle([Outcome(claim=first, state="sent", sent=sent)], NOW)
    with store.digests.transaction() as tx:
        tx.save_papers([a_paper(number) for number in (4, 5)], NOW, changed=True)
        tx.plan([a_delivery(number, "telegram:1") for number in (4, 5)], tx.new_run(NOW))
    store.close()
    told = paperboy("status").out
    assert "messages     1 sent, 2 pending\ndeliveries   3 pending, 1 sent, 2 merged\n" in told
    status = paperboy("status", "--json").json
    assert status["messages"] == {"sent": 1, "pending": 2, "held": 0, "sending": 0, "uncertain": 0, "dead": 0}
    assert status["deliveries"]["pending"] == 3


def test_status_needs_a_look_until_the_operator_gave_it_up(troubled: Path, paperboy: Paperboy):
    assert paperboy("status").code == 1
    dropped = paperboy("outbox", "drop", "--state", "dead", "--state", "uncertain").out
    assert dropped == "2 messages: 2 of 2 deliveries given up\n"
    status = paperboy("status", "--json")
    assert (status.code, status.json["deliveries"]["dead"]) == (0, 2)
    assert "needs a look" not in paperboy("status").out


def test_a_pass_is_at_peace_with_what_was_given_up(troubled: Path, paperboy: Paperboy):
    assert paperboy("once").code == 1
    paperboy("outbox", "drop", "--state", "dead", "--state", "uncertain")
    assert paperboy("once").code == 0
    assert paperboy("once").code == 0


def test_what_is_retried_goes_out(troubled: Path, paperboy: Paperboy):
    retried = paperboy("outbox", "retry", a_delivery(1, "telegram:1").key).out
    assert retried == "1 message: 1 of 1 delivery will be sent again\n"
    (message,) = paperboy("outbox", "list", "--state", "pending", "--json").json["messages"]
    assert message["target"] == "telegram:1"


@pytest.mark.parametrize("action", ["retry", "drop", "arrived"])
def test_an_action_that_finds_no_message_says_so(troubled: Path, paperboy: Paperboy, action: str):
    ran = paperboy("outbox", action, "--state", "limited", "--state", "merged")
    assert (ran.code, ran.out, ran.err) == (0, "", "no messages that are limited or merged\n")


def test_what_arrived_is_taken_for_sent(troubled: Path, paperboy: Paperboy):
    assert "1 of 1 delivery marked as sent" in paperboy("outbox", "arrived", "--state", "uncertain").out
    assert paperboy("outbox", "list", "--state", "uncertain", "--json").json == {"total": 0, "messages": []}


def test_a_hand_that_names_nothing_or_nobody_does_nothing(troubled: Path, paperboy: Paperboy):
    assert paperboy("outbox", "drop").code == 2
    ran = paperboy("outbox", "retry", "telegram:9|alert|x")
    assert (ran.code, ran.out) == (2, "")
    assert "no such delivery" in ran.err
    for wrong in (
        ("--state", "lost"),
        ("--kind", "letter"),
        ("--since", "yesterday"),
        ("--since", "999999w"),
    ):
        assert paperboy("outbox", "list", *wrong).code == 2


def test_a_list_without_deliveries_says_so_and_keys_that_name_none_are_wrong(home: Path, paperboy: Paperboy):
    assert paperboy("outbox", "list", "--state", "dead").err == "no messages that are dead\n"
    assert paperboy("outbox", "list").err == "no messages\n"
    ran = paperboy("outbox", "list", "telegram:9|alert|x")
    assert (ran.code, ran.out) == (2, "")
    assert "no such delivery: telegram:9|alert|x" in ran.err
    assert paperboy("outbox", "list", "--limit", "-1").code == 2


def test_a_limit_counts_what_it_leaves_out(troubled: Path, paperboy: Paperboy):
    keys = [a_delivery(number, f"telegram:{number}").key for number in (1, 2)]
    listed = paperboy("outbox", "list", *keys, "--limit", "1")
    assert listed.out.count(" UTC ") == 1
    assert listed.err == "1 more of 2 messages; --limit shows them\n"
    shown = paperboy("outbox", "list", "--limit", "1", "--json").json
    assert (shown["total"], len(shown["messages"])) == (2, 1)


@pytest.mark.parametrize(
    ("chosen", "targets"),
    [
        (("--target", "telegram:2"), ["telegram:2"]),
        (("--target", "1"), ["telegram:1"]),
        (("--target", "telegram"), ["telegram:1", "telegram:2"]),
        (("--target", "email"), []),
        (("--kind", "alert", "--state", "uncertain"), ["telegram:2"]),
        (("--kind", "quiz"), []),
        (("--since", NOW.date().isoformat()), ["telegram:1", "telegram:2"]),
        (("--since", "2100-01-01T10:00"), []),
        (("--since", "0m"), []),
        (("--since", "9999 weeks"), ["telegram:1", "telegram:2"]),
    ],
)
def test_messages_are_chosen_by_what_an_operator_knows(
    troubled: Path, paperboy: Paperboy, chosen: tuple[str, ...], targets: list[str]
):
    found = paperboy("outbox", "list", *chosen, "--json").json["messages"]
    assert [message["target"] for message in found] == targets


def test_a_hand_on_a_target_leaves_the_others(troubled: Path, paperboy: Paperboy):
    assert "1 message: 1 of 1 delivery given up" in paperboy("outbox", "drop", "--target", "telegram:2").out
    assert paperboy("status", "--json").json["deliveries"]["uncertain"] == 0
    assert paperboy("outbox", "retry", "--target", "telegram:1", "--json").json["done"] == 1


def test_a_hand_that_changes_nothing_says_why(troubled: Path, paperboy: Paperboy):
    ran = paperboy("outbox", "arrived", "--state", "dead")
    assert (ran.code, ran.out) == (0, "1 message: 0 of 1 delivery marked as sent\n")
    assert ran.err == "only uncertain deliveries are marked as sent\n"


def test_the_hand_speaks_json(troubled: Path, paperboy: Paperboy):
    done = {"messages": 1, "asked": 1, "done": 1, "targets_revived": 0, "channels_opened": []}
    assert paperboy("outbox", "arrived", "--state", "uncertain", "--json").json == done
    assert paperboy("outbox", "retry", "--state", "dead", "--json").json == done
    assert paperboy("outbox", "drop", "--state", "pending", "--json").json == done


def test_the_help_names_every_kind_and_state(paperboy: Paperboy):
    options = " ".join(paperboy("outbox", "list", "--help").out.split())
    assert "Only alert, quiz, edit, alarm or look_back;" in options
    assert "Only pending, held, sending, sent, uncertain, dead, merged, limited or skipped;" in options


def test_times_in_the_list_name_their_zone(troubled: Path, paperboy: Paperboy):
    assert " 08:00 UTC  alert      telegram:1" in paperboy("outbox", "list").out


@pytest.fixture
def stopped(troubled: Path) -> Path:
    """Telegram is stopped, with an incident, since this state went through trouble."""
    store = Store(f"sqlite:///{troubled}/state/paperboy.sqlite3")
    later = datetime.now(UTC) + timedelta(days=1)
    store.incidents.stop_channel("telegram", "wrong token", later, NOW)
    with store.incidents.change() as tx:
        tx.keep_incidents(report_incident("telegram", STOPPED, "wrong token", (), NOW).open)
    store.close()
    return troubled


def test_a_stop_is_lifted_by_hand(stopped: Path, paperboy: Paperboy):
    assert paperboy("status", "--json").json["channels"]["telegram"]["stopped"] == "wrong token"
    assert paperboy("outbox", "open", "telegram").out == "telegram is open again\n"
    status = paperboy("status", "--json").json
    assert (status["channels"]["telegram"]["stopped"], status["incidents"]) == (None, [])
    assert paperboy("outbox", "open", "telegram").out == "telegram was not stopped\n"
    assert paperboy("outbox", "open", "email", "--json").json == {"channel": "email", "opened": False}
    assert paperboy("outbox", "open", "pigeon").code == 2


@pytest.fixture
def refused(home: Path) -> Path:
    """An address that is suspended because its server refused it, one that unsubscribed, and one that waits."""
    store = Store(f"sqlite:///{home}/state/paperboy.sqlite3")
    now = datetime.now(UTC)
    targets = [f"email:{name}@example.org" for name in ("refused", "left", "waits", "well")]
    with store.digests.transaction() as tx:
        tx.save_papers([a_paper(1)], now, changed=True)
        tx.plan([a_delivery(1, target) for target in targets], tx.new_run(now))
    claims = store.outbox.claim(now, lease=timedelta(minutes=5), limit=5, kinds=("email",))
    later = now + timedelta(hours=6)
    suspend = {targets[0]: "refused 8 times: 554 5.7.1"}
    store.outbox.settle(
        [
            Outcome(
                claim=claim,
                state="pending",
                error="554 5.7.1",
                suspend=suspend.get(claim.target_key),
                wait_until=None if claim.target_key == targets[3] else later,
                counted=claim.target_key != targets[3],
            )
            for claim in claims
        ],
        now,
    )
    assert store.deliveries.opt_out(targets[1], "unsubscribed", now)
    with store.incidents.change() as tx:
        tx.keep_incidents(report_incident(targets[0], REFUSED, "554 5.7.1", (), now).open)
    store.close()
    return home


def claimable(home: Path) -> list[str]:
    """The addresses that may be sent to now."""
    store = Store(f"sqlite:///{home}/state/paperboy.sqlite3")
    claims = store.outbox.claim(datetime.now(UTC), lease=timedelta(minutes=5), limit=5, kinds=("email",))
    store.close()
    return sorted(claim.target.address for claim in claims)


def test_the_stop_of_one_address_is_lifted_and_no_others(refused: Path, paperboy: Paperboy):
    opened = paperboy("outbox", "open", "email", "--target", "refused@example.org")
    assert opened.out == "email:refused@example.org is open again\n"
    status = paperboy("status", "--json").json
    assert list(status["channels"]["email"]["suspended"]) == ["email:left@example.org"]
    assert status["incidents"] == []
    assert claimable(refused) == ["refused@example.org", "well@example.org"]


def test_an_address_that_only_waits_is_tried_at_once(refused: Path, paperboy: Paperboy):
    opened = paperboy("outbox", "open", "email", "--target", "email:waits@example.org", "--json").json
    assert opened == {"channel": "email", "target": "email:waits@example.org", "opened": True}
    assert claimable(refused) == ["waits@example.org", "well@example.org"]
    assert "was not stopped" in paperboy("outbox", "open", "email", "--target", "well@example.org").out


def test_who_unsubscribed_is_left_alone_and_who_is_unknown_is_named(refused: Path, paperboy: Paperboy):
    left = paperboy("outbox", "open", "email", "--target", "left@example.org")
    assert (left.code, "only the recipient can take that back" in left.err) == (2, True)
    unknown = paperboy("outbox", "open", "email", "--target", "nobody@example.org")
    assert (unknown.code, "nothing was ever planned for email:nobody@example.org" in unknown.err) == (2, True)


def test_a_retry_lifts_the_stop_of_its_channel(stopped: Path, paperboy: Paperboy):
    retried = paperboy("outbox", "retry", "--state", "dead")
    assert retried.out.endswith("telegram is open again\n")
    assert paperboy("status", "--json").json["channels"]["telegram"]["stopped"] is None


def test_a_target_that_waits_after_failures_is_tried_now(home: Path, paperboy: Paperboy):
    store = Store(f"sqlite:///{home}/state/paperboy.sqlite3")
    now = datetime.now(UTC)
    with store.digests.transaction() as tx:
        tx.save_papers([a_paper(1)], now, changed=True)
        tx.plan([a_delivery(1, "email:a@example.org")], tx.new_run(now))
    (claim,) = store.outbox.claim(now, lease=timedelta(minutes=5), limit=5, kinds=("email",))
    waits = Outcome(claim=claim, state="pending", error="554 5.7.1", wait_until=now + timedelta(hours=6))
    store.outbox.settle([waits], now)
    assert store.outbox.claim(now, lease=timedelta(minutes=5), limit=5, kinds=("email",)) == ()
    assert "1 of 1 delivery will be sent again" in paperboy("outbox", "retry", "--target", "email").out
    assert store.outbox.claim(datetime.now(UTC), lease=timedelta(minutes=5), limit=5, kinds=("email",))
    store.close()


SECRET = "apprise:discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"


def test_an_address_that_holds_a_token_is_masked_and_can_be_named_so(home: Path, paperboy: Paperboy):
    store = Store(f"sqlite:///{home}/state/paperboy.sqlite3")
    with store.digests.transaction() as tx:
        tx.save_papers([a_paper(1)], NOW, changed=True)
        tx.plan([a_delivery(1, SECRET)], tx.new_run(NOW))
    (claim,) = store.outbox.claim(NOW, lease=timedelta(minutes=5), limit=5, kinds=("apprise",))
    store.outbox.settle([Outcome(claim=claim, state="dead", error=f"{SECRET} refused", suspend="401")], NOW)
    store.close()
    for command in (
        ("outbox", "list"),
        ("outbox", "list", "--json"),
        ("status",),
        ("status", "--json"),
        ("doctor",),
        ("doctor", "--json"),
        ("explain", a_paper(1).id, "alice"),
        ("explain", a_paper(1).id, "alice", "--json"),
    ):
        ran = paperboy(*command)
        assert "JHMHI8qBe7bk2ZwO5U711o3dV_js" not in ran.out + ran.err, command
    (message,) = paperboy("outbox", "list", "--json").json["messages"]
    assert message["target"].startswith("apprise:discord://…")
    assert paperboy("outbox", "retry", *message["keys"], "--json").json["done"] == 1
    assert paperboy("outbox", "drop", "--target", message["target"], "--json").json["done"] == 1
