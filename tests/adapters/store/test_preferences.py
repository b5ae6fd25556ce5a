"""What people set, saved and were offered, on every database; and that a person can be forgotten."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.adapters.store import Store
from bot.adapters.store.schema import metadata
from bot.domain.papers import PaperId
from bot.domain.preferences import NOTHING, Choices, ChosenChannel, ChosenSubscription
from bot.domain.schedule import parse_quiet_hours, parse_schedule
from bot.pipeline.ports import Update
from bot.pipeline.ports.preferences import Proposal
from tests.adapters.store.conftest import Hand
from tests.builders import NOW, a_channel, a_delivery, a_paper, a_subscriber

HOUR = timedelta(hours=1)
EVERYTHING = Choices(
    channels=(ChosenChannel(kind="telegram", address="7", quizzes="one"),),
    subscriptions=(
        ChosenSubscription(name="rag “x”", text="rag", only=("telegram:7",)),
        ChosenSubscription(name="like", like=(PaperId("arxiv:1"),)),
    ),
    exclude=("survey",),
    paused=("like",),
    timezone="Europe/Berlin",
    language="zh",
    quiet_hours="22:00-07:00",
    deliver="daily at 08:00",
    snoozed_until=NOW,
    weekly=True,
    admission="allowed",
)


def test_choices_are_kept_whole_and_the_revision_grows_with_each_change(store: Store) -> None:
    before = store.preferences.revision()
    assert store.preferences.choices("chat7") == NOTHING
    assert store.preferences.change("chat7", lambda _: EVERYTHING, NOW) == EVERYTHING
    assert store.preferences.choices("chat7") == EVERYTHING
    assert store.preferences.all_choices() == (before + 1, {"chat7": EVERYTHING})
    store.preferences.change("chat7", lambda choices: choices, NOW)
    assert store.preferences.revision() == before + 1
    store.preferences.change("chat7", lambda _: NOTHING, NOW)
    assert store.preferences.all_choices() == (before + 2, {})


def test_a_change_that_raises_stores_nothing(store: Store) -> None:
    def refuse(_: Choices) -> Choices:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.preferences.change("chat7", refuse, NOW)
    assert store.preferences.all_choices()[1] == {}


def test_a_paper_is_saved_once_and_only_if_it_is_stored(store: Store, hand: Hand) -> None:
    hand.keep(a_paper(1), a_paper(2))
    paper, other = a_paper(1).id, a_paper(2).id
    assert store.preferences.save_paper("telegram:1", paper, NOW)
    assert not store.preferences.save_paper("telegram:1", paper, NOW + HOUR)
    assert store.preferences.save_paper("telegram:1", other, NOW + HOUR)
    assert not store.preferences.save_paper("telegram:1", PaperId("arxiv:9999.99999"), NOW)
    assert [bookmark.paper for bookmark in store.preferences.saved("telegram:1")] == [other, paper]
    assert store.preferences.saved("telegram:2") == ()
    assert store.preferences.unsave_paper("telegram:1", paper)
    assert not store.preferences.unsave_paper("telegram:1", paper)


def test_a_proposal_is_found_by_its_id_until_it_is_old(store: Store) -> None:
    offer = Proposal(id="a1", kind="add", address="1", values={"query": "rag ‘x’"})
    store.preferences.propose(offer, NOW)
    assert store.preferences.proposal("a1") == offer
    assert store.preferences.proposal("a2") is None
    store.preferences.propose(replace(offer, id="a2"), NOW + timedelta(days=91))
    assert store.preferences.proposal("a1") is None


def test_what_waits_gets_the_moment_of_what_is_new(store: Store, hand: Hand) -> None:
    again = a_delivery(3, kind="quiz", part="again:1:abc", due_at=NOW + HOUR, state="held")
    tried = a_delivery(4)
    hand.plan(a_delivery(1), a_delivery(2, kind="quiz", part="x"), again, tried)
    hand.plan(a_delivery(5, target="telegram:2002"))
    snoozed = a_subscriber(snoozed_until=NOW + timedelta(days=2))
    assert store.preferences.reschedule(snoozed, NOW) == 4
    assert store.preferences.reschedule(snoozed, NOW) == 0
    rows = {row.key: row for row in hand.rows()}
    assert {row.due_at for row in rows.values() if row.target == "telegram:1001"} == {snoozed.snoozed_until}
    assert rows["telegram:2002|alert|arxiv:2509.14005"].state == "pending"
    assert store.outbox.next_due(["telegram"]) == NOW
    assert store.preferences.reschedule(a_subscriber(), NOW) == 3
    states = {row.key: row.state for row in hand.rows()}
    assert states[again.key] == "held"  # its day is its own
    assert states[tried.key] == "pending"


def test_a_digest_time_and_quiet_hours_move_what_waits(store: Store, hand: Hand) -> None:
    hand.plan(a_delivery(1))
    daily = a_subscriber("alice", a_channel(deliver=parse_schedule("daily at 18:00")), a_channel("atom"))
    store.preferences.reschedule(daily, NOW)
    assert hand.rows()[0].due_at == NOW.replace(hour=18)
    quiet = a_subscriber(quiet_hours=parse_quiet_hours("07:00-09:00"))
    store.preferences.reschedule(quiet, NOW)
    assert hand.rows()[0].due_at == NOW.replace(hour=9)


def test_what_is_being_sent_is_left_alone(store: Store, hand: Hand) -> None:
    hand.plan(a_delivery(1))
    hand.claim()
    assert store.preferences.reschedule(a_subscriber(snoozed_until=NOW + HOUR), NOW) == 0


def dump(store: Store) -> str:
    """Everything in the state, as text."""
    with store._engine.connect() as connection:
        return json.dumps(
            [
                [table.name, [list(map(str, row)) for row in connection.execute(select(table))]]
                for table in metadata.sorted_tables
            ]
        )


PERSON = 424242424


def lived(store: Store, hand: Hand) -> None:
    """Somebody who came by a chat did everything that can be done."""
    hand.keep(a_paper(1))
    home, name = f"telegram:{PERSON}", f"chat{PERSON}"
    store.preferences.change(name, lambda _: EVERYTHING, NOW)
    store.preferences.save_paper(home, a_paper(1).id, NOW)
    store.preferences.propose(Proposal(id="a1", kind="add", address=str(PERSON)), NOW)
    hand.plan(a_delivery(1, target=home, subscriber=name), a_delivery(1))
    message = {"message_id": 1, "chat": {"id": PERSON, "type": "private"}, "text": "/add rag"}
    bodies = ({"message": message}, {"poll_answer": {"poll_id": "1", "user": {"id": PERSON}}}, {"x": PERSON})
    store.updates.keep_updates(
        [
            Update(id=number, body=json.dumps({"update_id": number, **body}, separators=(",", ":")))
            for number, body in enumerate(bodies, start=1)
        ],
        NOW,
    )
    store.quizzes.save_members("-5", {PERSON: True})
    store.tokens.issue("feed", name)
    store.tokens.issue("unsubscribe", home)
    store.tokens.renew(name)


def test_somebody_who_came_by_a_chat_leaves_no_trace(store: Store, hand: Hand) -> None:
    lived(store, hand)
    name = f"chat{PERSON}"
    removed = store.preferences.forget(name, PERSON, NOW, whole=True)
    assert removed == {
        "choices": 1,
        "saved papers": 1,
        "proposals": 1,
        "memberships": 1,
        "tokens": 2,
        "feed addresses": 1,
        "targets": 1,
        "deliveries": 1,
        "registrations": 1,
        "updates": 2,
    }
    assert store.preferences.remains(name, PERSON) == {}
    left = dump(store)
    assert f'"{PERSON}"' not in left
    assert left.count(str(PERSON)) == 1  # in an update that names no person: {"x": …}
    assert [row.key for row in hand.rows()] == [a_delivery(1).key]


def test_of_somebody_in_the_configuration_what_was_sent_stays(store: Store, hand: Hand) -> None:
    lived(store, hand)
    store.preferences.change("alice", lambda _: replace(NOTHING, language="zh"), NOW)
    removed = store.preferences.forget("alice", PERSON, NOW, whole=False)
    assert removed["choices"] == 1
    assert "deliveries" not in removed
    assert len(hand.rows()) == 2
    assert store.preferences.remains("alice", None)["deliveries"] == 1


def test_without_a_person_only_the_subscriber_is_forgotten(store: Store, hand: Hand) -> None:
    lived(store, hand)
    removed = store.preferences.forget(f"chat{PERSON}", None, NOW, whole=True)
    assert "memberships" not in removed
    assert removed["deliveries"] == 1


def test_a_target_that_others_share_stays(store: Store, hand: Hand) -> None:
    home = f"telegram:{PERSON}"
    hand.keep(a_paper(1), a_paper(2))
    hand.plan(a_delivery(1, target=home, subscriber="alice"), a_delivery(2, target=home, subscriber="chat7"))
    assert "targets" not in store.preferences.forget("chat7", PERSON, NOW, whole=True)
    assert [row.subscriber for row in hand.rows()] == ["alice"]
