"""Claimed rows become messages: what is shown, what the limit keeps out, what replies to what."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain.delivery import repeat_part
from bot.domain.errors import OutcomeUnknown, Refused, TargetMoved
from bot.domain.message import MOST_NAMED, Occasion
from bot.domain.papers import Entry
from bot.domain.schedule import QuietHours
from bot.domain.subscriptions import QuizMode, Subscriber
from bot.pipeline.quizzes import QuizScheduler
from tests.builders import (
    NOW,
    a_channel,
    a_delivery,
    a_digest,
    a_question,
    a_quiz,
    a_subscriber,
    a_subscription,
    an_edition,
    an_entry,
)
from tests.pipeline.conftest import MakeWorld
from tests.rigs.publishers import receipt
from tests.rigs.world import World

DAY = timedelta(days=1)
QUIZZED = a_subscriber("alice", a_channel(quizzes="all"))


def started(world: MakeWorld, *subscribers: Subscriber) -> World:
    """A world in which everybody was met long ago."""
    made = world(*(subscribers or (a_subscriber(),)), first_run=0)
    made.look()
    return made


def page(number: int, *, keyed: bool = True, of: str = "it", title: str | None = None):
    parts = {"title": title} if title else {}
    return an_entry(number, editions=(an_edition(quiz=a_quiz(keyed=keyed, of=of)),), **parts)


# --- alerts -----------------------------------------------------------------------------------------------


async def test_an_alert_holds_all_papers_of_one_person_best_first(world: MakeWorld):
    made = started(world, a_subscriber(asks=("language models", "scale", "author:Ghanem")))
    plain = an_entry(1, title="Of models", summary="Language models.", authors=())
    made.read("a.md", a_digest(plain, 2, an_entry(3, authors=())))
    await made.send()
    (outgoing,) = made.telegram.taken
    assert [item.paper.id[-1] for item in outgoing.items] == ["2", "3", "1"]
    assert [reason.subscription for reason in outgoing.items[0].reasons] == [
        "language models",
        "scale",
        "author:Ghanem",
    ]
    assert outgoing.items[2].reasons[0].why[0].text == "Language models"
    assert (outgoing.subscriber, outgoing.language, outgoing.timezone) == ("alice", "en", "UTC")
    assert (outgoing.more, outgoing.question, outgoing.reply_to, outgoing.replaces) == (0, None, None, None)
    assert made.states() == {
        "alert telegram 1": "merged",
        "alert telegram 2": "sent",
        "alert telegram 3": "merged",
    }


@pytest.mark.parametrize(("mode", "asked"), [("on_request", False), ("all", True)])
async def test_questions_on_request_are_not_asked_unasked(world: MakeWorld, mode: QuizMode, asked: bool):
    made = started(world, a_subscriber("alice", a_channel(quizzes=mode, silent=True)))
    made.read("a.html", a_digest(page(1)))
    await made.send()
    alert, *polls = made.telegram.taken
    assert (alert.silent, bool(polls)) == (True, asked)


NIGHT = QuietHours(start=time(22), end=time(7))


async def test_what_came_in_quiet_hours_says_so_once_they_end(world: MakeWorld):
    made = started(world, replace(a_subscriber(), quiet_hours=NIGHT))
    made.clock.go_to(NOW.replace(hour=23))
    made.read("a.md", a_digest(1, 2))
    made.read("b.md", a_digest(3))
    await made.send_all()
    (roll_up,) = made.telegram.taken
    assert len(roll_up.items) == 3
    assert roll_up.occasion == Occasion(quiet_hours="22:00–07:00")


@pytest.mark.parametrize(
    ("evening", "ends"),
    [
        (
            datetime(2026, 10, 24, 21, 30, tzinfo=UTC),
            datetime(2026, 10, 25, 6, 0, tzinfo=UTC),
        ),  # 10 hours long
        (datetime(2027, 3, 27, 22, 30, tzinfo=UTC), datetime(2027, 3, 28, 5, 0, tzinfo=UTC)),  # 8 hours long
    ],
)
async def test_over_a_clock_change_all_comes_once_in_the_first_minute_allowed(
    world: MakeWorld, evening: datetime, ends: datetime
):
    berlin = replace(a_subscriber(), quiet_hours=NIGHT, timezone=ZoneInfo("Europe/Berlin"))
    made = started(world, berlin)
    for hours, number in ((0, 1), (3, 2), (5, 3)):
        made.clock.go_to(evening + timedelta(hours=hours))
        made.read(f"{number}.md", a_digest(number))
        await made.send()
    assert made.telegram.taken == []
    made.clock.go_to(ends - timedelta(seconds=1))
    await made.send()
    assert made.telegram.taken == []
    made.clock.go_to(ends)
    await made.send()
    (roll_up,) = made.telegram.taken
    assert sorted(item.paper.id[-1] for item in roll_up.items) == ["1", "2", "3"]
    await made.send_all()
    assert len(made.telegram.taken) == 1


async def test_a_day_of_fifty_nine_papers_is_one_message(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(*range(1, 60)))
    await made.send()
    (alert,) = made.telegram.taken
    assert len(alert.items) == 59


async def test_what_came_by_day_is_no_roll_up(world: MakeWorld):
    made = started(world, replace(a_subscriber(), quiet_hours=NIGHT))
    made.read("a.md", a_digest(1, 2))
    await made.send()
    assert made.telegram.taken[0].occasion is None


async def test_after_a_long_snooze_the_message_says_how_long(world: MakeWorld):
    awake = NOW + 12 * DAY
    made = started(world, replace(a_subscriber(), snoozed_until=awake))
    made.read("a.md", a_digest(1, 2))
    await made.send_all(days=13)
    assert made.telegram.taken[0].occasion == Occasion(away_days=12)


async def test_after_a_short_snooze_nothing_is_said(world: MakeWorld):
    made = started(world, replace(a_subscriber(), snoozed_until=NOW + DAY))
    made.read("a.md", a_digest(1, 2))
    await made.send_all()
    assert made.telegram.taken[0].occasion is None


async def test_equal_papers_keep_the_digests_order(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(4, 2, 3))
    await made.send()
    assert [item.paper.id[-1] for item in made.telegram.taken[0].items] == ["4", "2", "3"]


async def test_a_channel_explains_only_the_subscriptions_that_it_takes(world: MakeWorld):
    asks = (a_subscription("scale", only=("email",)), a_subscription("language models"))
    made = started(world, a_subscriber("alice", a_channel(), a_channel("email"), asks=asks))
    made.read("a.md", a_digest(1))
    await made.send()
    named = [[r.subscription for r in box.taken[0].items[0].reasons] for box in (made.telegram, made.email)]
    assert named == [["language models"], ["scale", "language models"]]


async def test_a_message_shows_the_papers_as_they_are_when_it_goes(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1))
    made.read("b.md", a_digest(an_entry(1, title="Corrected Language Models")))
    await made.send()
    assert made.telegram.taken[0].items[0].paper.title == "Corrected Language Models"
    assert made.counts() == {"sent": 1}


async def test_only_a_mail_carries_a_way_to_unsubscribe(world: MakeWorld):
    made = started(world, a_subscriber("alice", a_channel(), a_channel("email")))
    made.read("a.md", a_digest(1))
    await made.send()
    token = made.email.taken[0].unsubscribe_token
    assert token
    assert made.store.tokens.subject("unsubscribe", token) == "email:alice@example.org"
    preferences = made.email.taken[0].preferences_token
    assert preferences
    assert made.store.tokens.subject("preferences", preferences) == "alice"
    assert made.telegram.taken[0].unsubscribe_token is None
    assert made.telegram.taken[0].preferences_token is None


# --- daily limits -----------------------------------------------------------------------------------------


def limited(most: int | None, **parts) -> Subscriber:
    return a_subscriber(daily_limit=most, asks=("language models", "scale"), **parts)


async def test_the_best_go_out_and_the_rest_is_named(world: MakeWorld):
    made = started(world, limited(2))
    plain = an_entry(1, title="Of models", summary="Language models.")
    made.read("a.md", a_digest(plain, 2, 3, 4))
    ends = await made.send()
    (outgoing,) = made.telegram.taken
    assert [item.paper.id[-1] for item in outgoing.items] == ["2", "3"]
    assert (outgoing.more, outgoing.more_titles) == (2, (an_entry(4).title, "Of models"))
    assert ends == {"sent": 1, "merged": 1, "limited": 2}


async def test_only_so_many_papers_are_named_however_many_are_left_out(world: MakeWorld):
    made = started(world, limited(1))
    made.read("a.md", a_digest(*range(1, MOST_NAMED + 10)))
    await made.send()
    (message,) = made.telegram.taken
    assert (message.more, len(message.more_papers)) == (MOST_NAMED + 8, MOST_NAMED)


async def test_what_no_message_of_the_day_named_the_next_one_names(world: MakeWorld):
    made = started(world, limited(1))
    made.read("a.md", a_digest(1))
    await made.send()
    made.read("b.md", a_digest(2, 3))
    assert await made.send() == {"limited": 2}
    assert len(made.telegram.taken) == 1
    made.clock.advance(DAY)
    made.read("c.md", a_digest(4))
    await made.send()
    last = made.telegram.taken[-1]
    assert [item.paper.id[-1] for item in last.items] == ["4"]
    assert (last.more, last.more_titles) == (2, (an_entry(2).title, an_entry(3).title))
    made.clock.advance(DAY)
    made.read("d.md", a_digest(5))
    await made.send()
    assert made.telegram.taken[-1].more == 0


async def test_what_was_left_out_is_named_even_when_the_limit_is_gone_by_then(world: MakeWorld):
    made = started(world, limited(0))
    made.read("a.md", a_digest(1))
    await made.send()
    made.subscribe(limited(None))
    made.read("b.md", a_digest(2))
    await made.send()
    assert made.telegram.taken[0].more_titles == (an_entry(1).title,)


async def test_the_limit_counts_by_the_persons_own_day(world: MakeWorld):
    made = started(world, limited(1, timezone=ZoneInfo("Asia/Tokyo")))
    made.clock.go_to(datetime(2026, 9, 18, 14, 30, tzinfo=NOW.tzinfo))  # half past eleven at night there
    made.read("a.md", a_digest(1))
    await made.send()
    made.clock.advance(minutes=40)
    made.read("b.md", a_digest(2))
    await made.send()
    assert made.telegram.papers() == [an_entry(1).id, an_entry(2).id]


async def test_a_message_that_failed_names_what_it_left_out_when_it_goes_again(world: MakeWorld):
    made = started(world, limited(1))
    made.read("a.md", a_digest(1))
    await made.send()
    made.read("b.md", a_digest(2))
    await made.send()
    made.clock.advance(DAY)
    made.telegram.answer(Refused("can't parse"))
    made.read("c.md", a_digest(3))
    await made.send()
    made.clock.advance(DAY)
    made.read("d.md", a_digest(4))
    await made.send()
    assert made.telegram.taken[-1].more_titles == (an_entry(2).title,)


# --- quizzes ----------------------------------------------------------------------------------------------


async def test_quizzes_reply_to_their_papers_alert(world: MakeWorld):
    made = started(world, QUIZZED)
    made.read("a.html", a_digest(page(1), page(2, of="that")))
    await made.send()
    alert, *quizzes = made.telegram.taken
    assert alert.kind == "alert"
    assert [quiz.question for quiz in quizzes] == [*a_quiz(), *a_quiz(of="that")]
    assert {quiz.reply_to for quiz in quizzes} == {receipt("telegram-1")}
    assert [quiz.items[0].paper.id[-1] for quiz in quizzes] == list("111222")


async def test_one_quiz_a_paper_is_picked_when_it_is_sent(world: MakeWorld):
    made = started(world, a_subscriber("alice", a_channel(quizzes="one")))
    made.read("a.html", a_digest(page(1)))
    await made.send()
    assert [outgoing.kind for outgoing in made.telegram.taken] == ["alert", "quiz"]
    assert made.telegram.taken[1].question in a_quiz()


async def test_a_quiz_that_comes_later_replies_to_the_alert_that_is_out(world: MakeWorld):
    made = started(world, QUIZZED)
    made.read("a.md", a_digest(1))
    await made.send()
    made.read("a.html", a_digest(page(1)))
    await made.send()
    assert [outgoing.kind for outgoing in made.telegram.taken] == ["alert", "edit", "quiz", "quiz", "quiz"]
    assert made.telegram.taken[2].reply_to == receipt("telegram-1")


async def test_a_key_that_comes_while_the_quiz_waits_is_used(world: MakeWorld):
    made = started(world, QUIZZED)
    made.read("a.txt", a_digest(page(1, keyed=False)))
    made.read("a.html", a_digest(page(1, keyed=True)))
    await made.send()
    assert [outgoing.question for outgoing in made.telegram.of("quiz")] == list(a_quiz(keyed=True))
    assert made.counts() == {"sent": 4}


async def test_a_question_that_was_replaced_meanwhile_is_not_asked(world: MakeWorld):
    made = started(world, QUIZZED)
    made.read("a.html", a_digest(page(1, of="it")))
    made.read("a.html", a_digest(page(1, of="that")))
    await made.send()
    assert [outgoing.question for outgoing in made.telegram.of("quiz")] == list(a_quiz(of="that"))
    replaced = [row for row in made.rows("skipped") if row.kind == "quiz"]
    assert {row.error for row in replaced} == {"replaced by a corrected question"}


async def test_questions_that_wait_are_not_asked_once_they_come_on_request_alone(world: MakeWorld):
    made = started(world, QUIZZED)
    made.read("a.html", a_digest(page(1)))
    made.subscribe(a_subscriber("alice", a_channel(quizzes="on_request")))
    await made.send()
    assert [message.kind for message in made.telegram.taken] == ["alert"]
    assert {row.error for row in made.rows("skipped")} == {"questions come when they are asked for"}


async def test_a_paper_over_the_limit_asks_nothing(world: MakeWorld):
    made = started(world, a_subscriber("alice", a_channel(quizzes="all"), daily_limit=1))
    made.read("a.html", a_digest(page(1), page(2, of="that")))
    await made.send()
    assert {outgoing.items[0].paper.id[-1] for outgoing in made.telegram.of("quiz")} == {"1"}
    assert {row.paper[-1] for row in made.rows("limited")} == {"2"}
    assert len(made.rows("limited")) == 4
    assert [row.error for row in made.rows("limited")] == [
        "named in “+N more”",
        *["its paper went over the daily limit"] * 3,
    ]


async def test_a_quiz_whose_alert_is_a_dead_letter_waits_there_with_it(world: MakeWorld):
    made = started(world, QUIZZED)
    made.telegram.answer(Refused("can't parse"))
    made.read("a.html", a_digest(page(1)))
    assert await made.send() == {"dead": 4}
    made.store.deliveries.retry([row.key for row in made.rows("dead")], made.clock.now())
    assert await made.send() == {"sent": 4}
    assert [outgoing.kind for outgoing in made.telegram.taken] == ["alert", "quiz", "quiz", "quiz"]


async def test_a_quiz_whose_alert_nobody_knows_of_stands_by_itself(world: MakeWorld):
    made = started(world, QUIZZED)
    made.telegram.answer(OutcomeUnknown("read timeout"))
    made.read("a.html", a_digest(page(1)))
    await made.send_all(days=1)
    assert made.counts() == {"uncertain": 1, "sent": 3}
    assert {outgoing.reply_to for outgoing in made.telegram.taken} == {None}


async def test_a_question_that_comes_back_is_asked_once_more_as_a_reply(world: MakeWorld):
    made = started(world, QUIZZED)
    made.read("a.html", a_digest(page(1)))
    await made.send()
    again = repeat_part(2, a_quiz()[1].part)
    with made.store.digests.transaction() as tx:
        tx.plan([a_delivery(1, kind="quiz", part=again)], tx.new_run(NOW))
    await made.send()
    repeated = made.telegram.taken[-1]
    assert (repeated.question, repeated.repeat) == (a_quiz()[1], 2)
    assert repeated.reply_to == receipt("telegram-1")


async def test_a_question_comes_back_in_the_language_it_was_answered_in(world: MakeWorld):
    made = started(world, QUIZZED)
    chinese = an_edition("zh", quiz=a_quiz(1, of="它"))
    made.read("a.html", a_digest(an_entry(1, editions=(an_edition(quiz=a_quiz()), chinese))))
    await made.send()
    parts = [a_quiz(1, of="它")[0].part, a_quiz(1, of="gone")[0].part]
    with made.store.digests.transaction() as tx:
        tx.plan([a_delivery(1, kind="quiz", part=repeat_part(1, part)) for part in parts], tx.new_run(NOW))
    await made.send()
    assert made.telegram.taken[-1].question == a_quiz(1, of="它")[0]
    assert made.counts() == {"sent": 5, "skipped": 1}


@pytest.mark.parametrize(("quizzes", "carried"), [("none", 0), ("one", 1), ("all", 3)])
async def test_a_mail_carries_its_papers_questions_itself(world: MakeWorld, quizzes: QuizMode, carried: int):
    made = started(world, a_subscriber("alice", a_channel("email", quizzes=quizzes)))
    made.read("a.html", a_digest(page(1), 2))
    await made.send()
    with_quiz, without = made.email.taken[0].items
    assert len(with_quiz.quiz) == carried
    assert without.quiz == ()


async def test_an_alert_carries_no_questions_where_they_are_polls(world: MakeWorld):
    made = started(world, a_subscriber("alice", a_channel(quizzes="all")))
    made.read("a.html", a_digest(page(1)))
    await made.send()
    assert [item.quiz for item in made.telegram.of("alert")[0].items] == [()]
    assert len(made.telegram.of("quiz")) == 3


# --- edits ------------------------------------------------------------------------------------------------


async def test_an_edit_shows_the_whole_message_as_it_is_now(world: MakeWorld):
    made = started(world, limited(2))
    made.read("a.md", a_digest(1, 2, 3))
    await made.send()
    made.read("b.md", a_digest(an_entry(1, title="Corrected Language Models")))
    await made.send()
    alert, edit = made.telegram.taken
    assert edit.kind == "edit"
    assert edit.replaces == receipt("telegram-1")
    assert edit.id == alert.id
    assert [item.paper.id for item in edit.items] == [item.paper.id for item in alert.items]
    assert edit.items[0].paper.title == "Corrected Language Models"
    assert (edit.more, edit.more_titles) == (alert.more, alert.more_titles) == (1, (an_entry(3).title,))


async def test_an_edit_says_what_each_paper_gained_since(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1, 2, 3))
    await made.send()
    made.read("b.html", a_digest(page(1, title=an_entry(1).title), an_entry(2, title="Corrected Models")))
    await made.send()
    _, *edits = made.telegram.taken
    said = [{item.paper.id[-1]: set(item.updated) for item in edit.items} for edit in edits]
    assert said == [{"1": {"quiz", "points"}, "2": {"title"}, "3": set()}] * 2


async def test_a_paper_that_stands_behind_a_button_is_not_edited(world: MakeWorld):
    made = started(world)
    made.telegram.papers_shown = 1
    made.read("a.md", a_digest(1, 2))
    await made.send()
    made.read("b.md", a_digest(an_entry(2, title="Corrected Models")))
    await made.send()
    assert [message.kind for message in made.telegram.taken] == ["alert"]
    assert made.rows("skipped")[-1].error == "its paper stands behind “+N more”"


async def test_what_went_out_is_shown_again_whole_and_as_it_is_now(world: MakeWorld):
    made = started(world, limited(2))
    made.read("a.md", a_digest(1, 2, 3))
    await made.send()
    (sent,) = made.telegram.taken
    made.read("b.md", a_digest(an_entry(3, title="Corrected Language Models")))
    kept = made.store.deliveries.rows_of(sent.id)
    assert kept is not None
    again = made.builder.shown_again(kept[0], limited(2))
    assert [item.paper.id[-1] for item in again.items] == ["1", "2", "3"]
    assert again.items[2].paper.title == "Corrected Language Models"
    assert (again.id, again.kind, again.more) == (sent.id, "alert", 0)


async def test_where_nothing_went_out_there_is_nothing_to_edit(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1))
    made.telegram.answer(Refused("can't parse"))

    class ReadMeanwhile:
        """The correction comes while the alert is on its way: nobody knows yet that it will be refused."""

        def __call__(self, step: str) -> None:
            if step == "outbox.claim done" and len(made.rows()) == 1:
                made.read("b.md", a_digest(an_entry(1, title="Corrected Language Models")))

    made.outbox._hook = ReadMeanwhile()
    await made.send()
    assert made.states() == {"alert telegram 1": "dead", "edit telegram 1": "skipped"}
    assert made.rows("skipped")[0].error == "there is no message to edit"


async def test_a_correction_that_comes_while_the_alert_is_on_its_way_edits_it(world: MakeWorld):
    made = started(world)
    made.read("a.md", a_digest(1))

    def meanwhile(step: str) -> None:
        if step == "outbox.settle" and made.rows("sending") and len(made.rows()) == 1:
            made.read("b.md", a_digest(an_entry(1, title="Corrected Language Models")))

    made.outbox._hook = meanwhile
    await made.send()
    assert [outgoing.items[0].paper.title for outgoing in made.telegram.taken] == [
        an_entry(1).title,
        "Corrected Language Models",
    ]


# --- who it is for ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "left",
    [(), (a_subscriber("alice", a_channel("email")),), (a_subscriber("bob"),)],
    ids=["all", "their chat", "another came"],
)
async def test_who_left_gets_nothing_more(world: MakeWorld, left: tuple[Subscriber, ...]):
    made = started(world)
    made.read("a.md", a_digest(1))
    made.subscribe(*left)
    assert await made.send() == {"skipped": 1}
    assert made.telegram.tried == []
    assert made.rows()[0].error == "no longer subscribed"


async def test_in_a_shared_chat_somebody_else_who_asked_for_it_still_gets_it(world: MakeWorld):
    bob = a_subscriber("bob", asks=("scale",))
    made = started(world, a_subscriber(), bob)
    made.read("a.md", a_digest(1))
    made.subscribe(bob)
    assert await made.send() == {"sent": 1}
    (outgoing,) = made.telegram.taken
    assert outgoing.subscriber == "bob"
    assert [reason.subscription for reason in outgoing.items[0].reasons] == ["scale"]


# --- what nobody asks for any more


def asking(*queries: str, **parts: object) -> Subscriber:
    return a_subscriber("alice", a_channel(quizzes="all"), asks=queries, **parts)


async def test_what_waits_for_a_subscription_that_was_removed_is_not_sent(world: MakeWorld):
    made = started(world, asking("author:Ghanem", "tokens"))
    made.read("a.md", a_digest(an_entry(1), an_entry(2, title="Of Tokens", authors=())))
    made.subscribe(asking("tokens"))
    assert await made.send() == {"sent": 1, "skipped": 1}
    assert made.telegram.papers() == [an_entry(2).id]
    gone, told = made.rows()
    assert (gone.state, gone.message, gone.cause) == ("skipped", None, "unwanted")
    assert (told.state, told.error) == ("sent", None)


async def test_nor_are_its_quizzes(world: MakeWorld):
    made = started(world, asking("language models"))
    made.read("a.md", a_digest(page(1)))
    made.subscribe(asking("tokens"))
    assert await made.send() == {"skipped": 4}
    assert made.telegram.tried == []
    alert, *quizzes = made.rows()
    assert alert.cause == "unwanted"
    assert {row.error for row in quizzes} == {"the alert that it belongs to was not sent"}


async def test_somebody_who_comes_back_and_asks_gets_a_question_on_a_paper_that_was_not_sent(
    world: MakeWorld,
):
    made = started(world, QUIZZED)
    made.read("a.html", a_digest(page(1)))
    made.subscribe()
    assert await made.send() == {"skipped": 4}
    made.subscribe(QUIZZED)
    store = made.store
    quizzes = QuizScheduler(store.quizzes, store.papers, store.deliveries, made.registry, per_day=5)
    assert quizzes.next_question(("1001",), None, NOW) == "new"
    assert await made.send() == {"sent": 1}
    assert [outgoing.question for outgoing in made.telegram.taken] == [a_quiz()[0]]


async def test_a_pause_holds_back_what_waits_and_a_correction_edits_nothing(world: MakeWorld):
    made = started(world, asking("language models"))
    made.read("a.md", a_digest(1))
    made.preferences.pause("alice", "language models", NOW)
    made.registry.refresh()
    assert await made.send() == {"skipped": 1}
    made.preferences.pause("alice", "language models", NOW, paused=False)
    made.registry.refresh()
    made.read("b.md", a_digest(page(1)))
    assert await made.send() == {}


@pytest.mark.parametrize(
    "now",
    [
        asking("family"),  # another query, or the same under another name
        asking("language models", exclude=("tokens",)),
        a_subscriber(
            "alice", a_channel(quizzes="all"), asks=(a_subscription("language models", name="LLM"),)
        ),
    ],
    ids=["another query", "another exclusion", "another name"],
)
async def test_what_still_matches_is_sent_whatever_the_subscription_is_called_now(
    world: MakeWorld, now: Subscriber
):
    made = started(world, asking("language models"))
    made.read("a.md", a_digest(1))
    made.subscribe(now)
    assert await made.send() == {"sent": 1}


async def test_what_matched_and_was_corrected_since_is_still_sent(world: MakeWorld):
    made = started(world, asking("family"))
    made.read("a.md", a_digest(1))
    made.read("a.md", a_digest(an_entry(1, summary="About something else.")))
    assert await made.send() == {"sent": 1}


async def test_what_somebody_else_at_the_target_asks_for_is_sent(world: MakeWorld):
    bob = a_subscriber("bob", asks=("scale",))
    made = started(world, asking("language models"), bob)
    made.read("a.md", a_digest(1))
    made.subscribe(asking("tokens"), bob)
    assert await made.send() == {"sent": 1}


async def test_a_subscription_that_is_limited_to_another_channel_since_sends_nothing_here(world: MakeWorld):
    both = (a_channel(), a_channel("email"))
    made = started(world, a_subscriber("alice", *both))
    made.read("a.md", a_digest(1))
    only = a_subscription("language models", only=frozenset({"email"}))
    made.subscribe(a_subscriber("alice", *both, asks=(only,)))
    assert await made.send() == {"sent": 1, "skipped": 1}
    assert (made.telegram.tried, len(made.email.taken)) == ([], 1)


async def test_a_chat_that_moved_is_known_by_its_old_name_or_its_new_one(world: MakeWorld):
    made = started(world, a_subscriber("alice", a_channel(address="-5")))
    made.telegram.answer(TargetMoved("upgraded", address="-1005"))
    made.read("a.md", a_digest(1))
    await made.send()
    assert made.telegram.taken[0].target.address == "-1005"
    made.read("b.md", a_digest(2))
    made.subscribe(a_subscriber("alice", a_channel(address="-1005")))
    await made.send()
    assert [item.paper.id[-1] for outgoing in made.telegram.taken for item in outgoing.items] == ["1", "2"]
    assert made.telegram.taken[1].items[0].reasons


# --- corrections

MAILED = a_subscriber("alice", a_channel("email", "a@example.org", quizzes="all"))


def asked(number: int, answer: int) -> Entry:
    return an_entry(number, editions=(an_edition(quiz=(a_question("Which?", "one", "two", answer=answer),)),))


async def test_a_wrong_answer_in_a_mail_is_set_right_in_one_reply(world: MakeWorld):
    made = started(world, MAILED)
    made.read("a.html", a_digest(asked(1, 0), asked(2, 0), asked(3, 0)))
    await made.send()
    made.clock.advance(timedelta(hours=1))
    made.read("a.html", a_digest(asked(1, 1), asked(2, 0), asked(3, 1)))
    assert (await made.send())["sent"] == 1
    original, correction = made.email.taken
    assert correction.kind == "edit"
    assert correction.reply_to == receipt("email-1")
    assert {item.paper.id[-1] for item in correction.items} == {"1", "3"}
    assert {item.quiz[0].answer for item in correction.items} == {1}
    assert correction.corrects is not None
    assert correction.corrects.created_at == original.created_at
    assert [item.paper.id for item in correction.corrects.items] == [item.paper.id for item in original.items]
    assert {row.state for row in made.rows() if row.kind == "edit"} == {"sent", "skipped"}


async def test_what_was_set_right_once_is_not_repeated(world: MakeWorld):
    made = started(world, MAILED)
    made.read("a.html", a_digest(asked(1, 0), asked(2, 0)))
    await made.send()
    for answers in ((1, 0), (1, 1)):
        made.clock.advance(timedelta(hours=1))
        made.read(
            "a.html", a_digest(*(asked(number, answer) for number, answer in enumerate(answers, start=1)))
        )
        await made.send()
    told = [[item.paper.id[-1] for item in message.items] for message in made.email.of("edit")]
    assert told == [["1"], ["2"]]


async def test_a_correction_that_could_not_be_sent_tells_nothing_so_the_next_one_does(world: MakeWorld):
    made = started(world, MAILED)
    made.read("a.html", a_digest(asked(1, 0), asked(2, 0)))
    await made.send()
    made.email.answer(Refused("554 5.6.0 not like this"))
    made.read("a.html", a_digest(asked(1, 1), asked(2, 1)))
    assert await made.send() == {"dead": 1, "sent": 1}
    assert len(made.email.of("edit")) == 1
