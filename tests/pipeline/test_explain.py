"""The whole story of one paper and one person."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.backlog import Rule
from bot.domain.incidents import REFUSED, TOPIC_GONE, Incident
from bot.domain.papers import PaperId
from bot.domain.schedule import parse_quiet_hours
from bot.pipeline.history import PaperHistory, paper_history, rule_text, why_not_queued
from tests.builders import (
    NOW,
    a_channel,
    a_digest,
    a_paper,
    a_quiz,
    a_subscriber,
    a_subscription,
    an_edition,
    an_entry,
)
from tests.pipeline.conftest import MakeWorld
from tests.rigs.world import World

ONE = a_paper(1).id


def told(
    world: World, paper: PaperId = ONE, name: str = "alice", *, incidents: Sequence[Incident] = ()
) -> PaperHistory:
    subscriber = world.registry.subscriber(name)
    assert subscriber is not None
    found = paper_history(
        paper,
        subscriber,
        papers=world.store.papers,
        digests=world.store.digests,
        deliveries=world.store.deliveries,
        stops=world.store.incidents,
        incidents=incidents,
    )
    assert found is not None
    return found


async def test_a_paper_that_went_out_names_digests_words_and_messages(world: MakeWorld):
    made = world(a_subscriber(asks=("language models", "cats")))
    made.read("a.md", a_digest(1))
    made.read("b.md", a_digest(1, 2))
    await made.send_all()
    found = told(made)
    assert [digest.name for digest in found.digests] == ["a.md", "b.md"]
    yes, no = found.verdicts
    assert yes.why
    assert (yes.why[0].term, yes.why[0].field, yes.why[0].text) == (
        "language models",
        "title",
        "Language Models",
    )
    assert (no.why, no.missing) == (None, ("cats",))
    assert (yes.noticed, no.noticed) == (True, False)
    (row,) = found.deliveries
    assert (row.state, row.kind, row.target) == ("sent", "alert", "telegram:1001")
    assert row.remote_id
    assert found.was_alerted
    assert why_not_queued(found) is None


async def test_alerted_is_who_was_sent_an_alert_and_not_only_a_question(world: MakeWorld):
    made = world(a_subscriber())
    made.read("a.md", a_digest(1))
    assert not told(made).was_alerted  # it waits
    await made.send_all()
    found = told(made)
    assert found.was_alerted
    (alert,) = found.deliveries
    assert not replace(found, deliveries=(replace(alert, kind="quiz"),)).was_alerted
    assert not replace(found, deliveries=(replace(alert, state="skipped", message=None),)).was_alerted


async def test_what_was_skipped_while_nobody_was_subscribed_stays_unsent_for_who_comes_back(
    world: MakeWorld,
):
    alice = a_subscriber("alice", a_channel(quizzes="all"))
    made = world(alice)
    made.read("a.md", a_digest(1))
    made.subscribe()
    await made.send_all()
    made.subscribe(alice)
    (row,) = told(made).deliveries
    assert (row.state, row.message, row.error) == ("skipped", None, "no longer subscribed")
    assert not told(made).was_alerted
    made.read(
        "b.md",
        a_digest(an_entry(1, title="Corrected Language Models", editions=(an_edition(quiz=a_quiz()),))),
    )
    await made.send_all()
    assert told(made).deliveries == (row,)  # no alert that an edit could change, nor a question reply to


async def test_a_paper_sent_inside_another_message_counts_as_sent_long_after_that_was_removed(
    world: MakeWorld,
):
    made = world(a_subscriber())
    made.read("a.md", a_digest(1, 2))
    await made.send_all()
    (merged,) = made.rows("merged")
    assert made.store.maintenance.prune(made.clock.now() + timedelta(days=91)) == 1
    found = told(made, merged.paper)
    assert (found.deliveries[0].message, found.was_alerted) == (None, True)


def test_a_paper_that_nobody_names_has_no_story(world: MakeWorld):
    made = world(a_subscriber())
    assert (
        paper_history(
            ONE,
            a_subscriber(),
            papers=made.store.papers,
            digests=made.store.digests,
            deliveries=made.store.deliveries,
            stops=made.store.incidents,
        )
        is None
    )


def test_a_paper_that_does_not_match_needs_no_reason(world: MakeWorld):
    made = world(a_subscriber(asks=("cats",)))
    made.read("a.md", a_digest(1))
    assert why_not_queued(told(made)) is None
    assert told(made).deliveries == ()


def test_what_a_first_run_left_out_is_said(world: MakeWorld):
    made = world(first_run=0)
    made.read("a.md", a_digest(1))
    made.subscribe(a_subscriber())
    made.look()
    assert why_not_queued(told(made)) == (
        "it was here before you came: only the newest `first_run` matches are sent"
    )


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("news", "new"),
        ("backlog", "backlog of seeds"),
        ("import", "imported"),
        ("new subscriber", "it was here before you came"),
        ("new subscription", "it was here before the subscription"),
        ("asked", "asked for"),
        (None, "new"),
    ],
)
def test_each_rule_has_its_words(rule: Rule | None, text: str):
    assert rule_text(rule, "seeds") == text


def test_what_an_import_brought_is_said(world: MakeWorld):
    made = world(a_subscriber())
    made.look(made.press.file("a.md", a_digest(1)), send=False)
    assert why_not_queued(told(made)) == "imported: nothing of it is sent"


def test_a_newer_subscription_is_said(world: MakeWorld):
    made = world(a_subscriber(asks=("cats",)))
    made.read("a.md", a_digest(1))
    made.subscribe(a_subscriber())
    assert "newer" in (why_not_queued(told(made)) or "")


def test_somebody_paperboy_has_not_met_is_said(world: MakeWorld):
    made = world()
    made.read("a.md", a_digest(1))
    made.subscribe(a_subscriber())
    assert "has not run" in (why_not_queued(told(made)) or "")


def test_channels_that_take_nothing_are_said(world: MakeWorld):
    made = world(a_subscriber(asks=(a_subscription(only=("email",)),)), a_subscriber("mute"))
    made.read("a.md", a_digest(1))
    assert "only:" in (why_not_queued(told(made)) or "")
    made.subscribe(a_subscriber("mute", asks=("language models",), channels=()))
    assert told(made, name="mute").deliveries  # what was planned before the channels went


def test_a_subscriber_without_channels_is_said(world: MakeWorld):
    made = world(a_subscriber("mute", channels=()))
    made.read("a.md", a_digest(1))
    assert "no channels" in (why_not_queued(told(made, name="mute")) or "")


def test_suspended_targets_and_quiet_hours_belong_to_the_story(world: MakeWorld):
    made = world(a_subscriber(quiet_hours=parse_quiet_hours("00:00-23:59")))
    made.read("a.md", a_digest(1))
    made.store.deliveries.suspend("telegram:1001", "blocked", made.clock.now())
    made.store.incidents.stop_channel("telegram", "401", made.clock.now(), made.clock.now())
    found = told(made)
    assert found.suspended == {"telegram:1001": "blocked"}
    assert found.stopped["telegram"].reason == "401"
    assert found.deliveries[0].state == "held"


def test_a_gone_topic_of_the_subscribers_own_belongs_to_the_story_and_other_trouble_does_not(
    world: MakeWorld,
):
    def trouble(kind: str, target: str) -> Incident:
        return Incident(subject=target, kind=kind, what=f"{target}: {kind}", since=NOW, area="channels")

    made = world(a_subscriber("alice", a_channel(address="-5/7"), a_channel(address="-5/8")))
    made.read("a.md", a_digest(1))
    found = told(
        made,
        incidents=(
            trouble(TOPIC_GONE, "telegram:-5/7"),
            trouble(TOPIC_GONE, "telegram:-6/9"),
            trouble(REFUSED, "telegram:-5/8"),
        ),
    )
    assert found.lost_topics == {"telegram:-5/7": "telegram:-5/7: topic gone"}
