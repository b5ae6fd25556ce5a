"""Planning: changed papers and what matches them become notices and deliveries."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.delivery import ONE_QUESTION, STATES, Delivery, State, edit_gains
from bot.domain.digests import Change
from bot.domain.matcher import SubscriptionMatcher
from bot.domain.notices import Notices
from bot.domain.papers import Paper
from bot.domain.planning import Plan, alert_keys, plan
from bot.domain.schedule import parse_quiet_hours, parse_schedule
from bot.domain.subscriptions import QuizMode, Subscriber
from tests.builders import (
    NOW,
    a_change,
    a_channel,
    a_paper,
    a_quiz,
    a_subscriber,
    a_subscription,
    an_edition,
)

WITH_QUIZ = a_paper(editions=(an_edition(quiz=a_quiz()),))


def plan_of(
    changes: Sequence[Change],
    *subscribers: Subscriber,
    noticed: Notices | None = None,
    planned: Mapping[str, State] | None = None,
    backlog: Mapping[str, int | None] | None = None,
    now: datetime = NOW,
) -> Plan:
    matcher = SubscriptionMatcher(subscribers or (a_subscriber(),))
    return plan(
        changes,
        dict(matcher.concerned(changes, noticed or {}).after("")),
        matcher.subscribers,
        noticed=noticed or {},
        planned=planned or {},
        backlog=backlog,
        now=now,
    )


def said(rows: Sequence[Delivery]) -> list[str]:
    """Kind, target and paper of each row, in their order."""
    return [f"{row.kind} {row.target} {row.paper[-1]}" for row in rows]


def gain(*gains: str, paper: Paper = WITH_QUIZ) -> Change:
    return a_change(paper, *gains)


ALERTED: Notices = {"alice": {a_paper().id: ("language models",)}}


# --- the first word ---------------------------------------------------------------------------------------


def test_a_new_paper_that_matches_is_noticed_and_alerted():
    found = plan_of([a_change()])
    assert found.notices == {"alice": {a_paper().id: ("language models",)}}
    assert found.deliveries == [
        Delivery(
            target="telegram:1001",
            subscriber="alice",
            kind="alert",
            paper=a_paper().id,
            state="pending",
            due_at=NOW,
        )
    ]


def test_a_paper_that_matches_nobody_is_nobodys():
    found = plan_of([a_change(a_paper(title="Cats", summaries=()))])
    assert (found.notices, found.deliveries) == ({}, [])


def test_each_channel_gets_its_own_row():
    alice = a_subscriber("alice", a_channel(), a_channel("email"), a_channel("atom"))
    assert said(plan_of([a_change()], alice).deliveries) == [
        "alert telegram:1001 1",
        "alert email:alice@example.org 1",
        "alert atom:alice 1",
    ]


def test_rows_keep_the_order_of_the_changes():
    assert said(plan_of([a_change(3), a_change(1), a_change(2)]).deliveries) == [
        "alert telegram:1001 3",
        "alert telegram:1001 1",
        "alert telegram:1001 2",
    ]


@pytest.mark.parametrize(
    ("only", "targets"),
    [
        (("telegram",), {"telegram:1001"}),
        (("work",), {"email:work@example.org"}),
        (("email",), {"email:work@example.org", "email:home@example.org"}),
        (("work", "telegram"), {"telegram:1001", "email:work@example.org"}),
    ],
)
def test_only_limits_a_subscription_to_channel_kinds_or_names(only: tuple[str, ...], targets: set[str]):
    alice = a_subscriber(
        "alice",
        a_channel(),
        a_channel("email", "work@example.org", name="work"),
        a_channel("email", "home@example.org"),
        asks=(a_subscription(only=only),),
    )
    found = plan_of([a_change()], alice)
    assert {row.target for row in found.deliveries} == targets
    assert list(found.notices) == ["alice"]


def test_a_channel_needs_only_one_of_the_subscriptions_that_matched():
    asks = (a_subscription("scale", only=("email",)), a_subscription("language models", only=("telegram",)))
    alice = a_subscriber("alice", a_channel(), a_channel("email"), asks=asks)
    assert {row.target for row in plan_of([a_change()], alice).deliveries} == {
        "telegram:1001",
        "email:alice@example.org",
    }


def test_two_subscribers_with_one_chat_share_the_alerts_key():
    found = plan_of([a_change()], a_subscriber("alice"), a_subscriber("bob"))
    assert list(found.notices) == ["alice", "bob"]
    assert len({row.key for row in found.deliveries}) == 1


def test_a_target_of_several_gets_each_subscribers_papers_in_the_digests_order():
    cats, both = a_paper(1, title="Cats", summaries=()), a_paper(2)
    alice = a_subscriber("alice", a_channel(quizzes="one"), asks=("language models",))
    bob = a_subscriber("bob", a_channel(), a_channel("email"), asks=("cats", "language models"))
    rows = plan_of([a_change(cats), a_change(both)], alice, bob).deliveries
    assert [(row.subscriber, row.paper[-1]) for row in rows if row.target == "telegram:1001"] == [
        ("alice", "2"),
        ("bob", "1"),
        ("bob", "2"),
    ]


def test_papers_come_in_the_digests_order_whichever_subscription_asked_first():
    alice = a_subscriber(asks=("dogs", "cats"))
    changes = [a_change(a_paper(number, title=title)) for number, title in enumerate(("Cats", "Dogs"), 1)]
    assert [row.paper[-1] for row in plan_of(changes, alice).deliveries] == ["1", "2"]


def test_keys_of_all_possible_alerts_are_named():
    matcher = SubscriptionMatcher([a_subscriber("alice", a_channel(), a_channel("atom"))])
    matches = matcher.matches([a_paper(), a_paper(2)])
    assert alert_keys(matches, matcher.subscribers, {a_paper().id}) == [
        f"telegram:1001|alert|{a_paper().id}",
        f"atom:alice|alert|{a_paper().id}",
    ]


# --- schedules --------------------------------------------------------------------------------------------


def test_a_digests_time_holds_the_row():
    alice = a_subscriber(
        "alice",
        a_channel("email", deliver=parse_schedule("weekdays at 08:00")),
        timezone=ZoneInfo("Europe/Berlin"),
    )
    (row,) = plan_of([a_change()], alice, now=datetime(2026, 9, 18, 8, 0, tzinfo=UTC)).deliveries
    assert row.state == "held"
    assert row.due_at == datetime(2026, 9, 21, 6, 0, tzinfo=UTC)  # a Friday after eight: Monday


def test_quiet_hours_hold_alert_and_quiz_to_the_same_moment():
    alice = a_subscriber("alice", a_channel(quizzes="all"), quiet_hours=parse_quiet_hours("07:00-09:30"))
    rows = plan_of([a_change(WITH_QUIZ)], alice).deliveries
    assert {(row.state, row.due_at) for row in rows} == {("held", NOW + timedelta(minutes=90))}
    assert [row.kind for row in rows] == ["alert", "quiz", "quiz", "quiz"]


def test_a_feed_waits_for_nobody():
    alice = a_subscriber(
        "alice",
        a_channel("atom", deliver=parse_schedule("daily at 23:00")),
        quiet_hours=parse_quiet_hours("00:00-23:00"),
    )
    (row,) = plan_of([a_change()], alice).deliveries
    assert (row.state, row.due_at) == ("pending", NOW)


# --- quizzes ----------------------------------------------------------------------------------------------


def test_quizzes_follow_all_alerts_and_come_one_for_each_question():
    rows = plan_of(
        [a_change(WITH_QUIZ), a_change(2)], a_subscriber("alice", a_channel(quizzes="all"))
    ).deliveries
    assert [row.kind for row in rows] == ["alert", "alert", "quiz", "quiz", "quiz"]
    assert [row.part for row in rows[2:]] == [question.part for question in a_quiz()]


def test_one_quiz_a_paper_is_chosen_when_it_is_sent():
    rows = plan_of([a_change(WITH_QUIZ)], a_subscriber("alice", a_channel(quizzes="one"))).deliveries
    assert [(row.kind, row.part) for row in rows] == [("alert", ""), ("quiz", ONE_QUESTION)]


@pytest.mark.parametrize(
    "channel",
    [a_channel(), a_channel("email", quizzes="all"), a_channel("atom", quizzes="all")],
)
def test_quizzes_go_only_to_chats_that_want_them(channel):
    assert [
        row.kind for row in plan_of([a_change(WITH_QUIZ)], a_subscriber("alice", channel)).deliveries
    ] == ["alert"]


@pytest.mark.parametrize(
    ("gains", "quizzes", "state", "corrected"),
    [
        (("answers", "quiz"), "all", "sent", True),
        (("answers", "quiz"), "one", "merged", True),
        (("answers", "quiz"), "none", "sent", False),
        (("answers", "quiz"), "all", "pending", False),
        (("quiz", "title", "summary"), "all", "sent", False),
    ],
)
def test_a_mail_is_corrected_only_where_an_answer_in_it_was_wrong(
    gains: tuple[str, ...], quizzes: QuizMode, state: State, corrected: bool
):
    channel = a_channel("email", "a@example.org", quizzes=quizzes, deliver=parse_schedule("daily at 20:00"))
    planned: dict[str, State] = {f"email:a@example.org|alert|{a_paper().id}": state}
    found = plan_of([gain(*gains)], a_subscriber("alice", channel), noticed=ALERTED, planned=planned)
    assert [(row.kind, row.state, edit_gains(row.part)) for row in found.deliveries] == (
        [("edit", "held", {"answers"})] if corrected else []
    )


def test_the_quiz_is_the_one_in_the_subscribers_language():
    paper = a_paper(editions=(an_edition(quiz=a_quiz(1)), an_edition("zh", quiz=a_quiz(2, of="它"))))
    chinese = a_subscriber("alice", a_channel(quizzes="all"), language="zh")
    rows = plan_of([a_change(paper)], chinese).deliveries
    assert [row.part for row in rows[1:]] == [question.part for question in a_quiz(2, of="它")]


def test_a_question_is_known_by_its_words_alone():
    keyed, unkeyed = a_quiz(1)[0], a_quiz(1, keyed=False)[0]
    assert keyed.part == unkeyed.part
    assert keyed.part != a_quiz(1, of="that")[0].part


# --- known papers -----------------------------------------------------------------------------------------


def test_a_paper_that_was_noticed_is_not_alerted_again():
    planned: dict[str, State] = {f"telegram:1001|alert|{a_paper().id}": "sent"}
    found = plan_of([gain("summary", paper=a_paper())], noticed=ALERTED, planned=planned)
    assert found.notices == {}
    assert [row.kind for row in found.deliveries] == ["edit"]


def test_a_paper_noticed_without_an_alert_stays_without():
    found = plan_of([gain("quiz")], a_subscriber("alice", a_channel(quizzes="all")), noticed=ALERTED)
    assert (found.notices, found.deliveries) == ({}, [])


@pytest.mark.parametrize("state", ["sent", "merged", "sending", "uncertain", "pending", "held"])
def test_a_gained_quiz_is_planned_while_the_alert_is_on_its_way_or_out(state: State):
    alice = a_subscriber("alice", a_channel(quizzes="all"))
    planned: dict[str, State] = {f"telegram:1001|alert|{a_paper().id}": state}
    rows = plan_of([gain("quiz")], alice, noticed=ALERTED, planned=planned).deliveries
    assert [row.part for row in rows if row.kind == "quiz"] == [question.part for question in a_quiz()]


@pytest.mark.parametrize("state", ["dead", "limited", "skipped"])
def test_a_paper_whose_alert_never_went_out_gets_no_quiz(state: State):
    alice = a_subscriber("alice", a_channel(quizzes="all"))
    planned: dict[str, State] = {f"telegram:1001|alert|{a_paper().id}": state}
    assert plan_of([gain("quiz")], alice, noticed=ALERTED, planned=planned).deliveries == []


@pytest.mark.parametrize(
    ("state", "edited"),
    [
        ("sent", True),
        ("merged", True),
        ("sending", True),  # put together from the paper as it was, for all we know
        ("pending", False),
        ("held", False),
        ("uncertain", False),
        ("dead", False),
        ("limited", False),
        ("skipped", False),
    ],
)
def test_a_corrected_title_edits_what_is_out_already(state: State, edited: bool):
    planned: dict[str, State] = {f"telegram:1001|alert|{a_paper().id}": state}
    rows = plan_of(
        [gain("title", paper=a_paper(title="Corrected"))], noticed=ALERTED, planned=planned
    ).deliveries
    assert [row.kind for row in rows] == (["edit"] if edited else [])


@pytest.mark.parametrize(
    ("what", "edited"), [("links", False), ("flowchart", False), ("points", True), ("authors", True)]
)
def test_only_what_an_alert_shows_edits_it(what: str, edited: bool):
    planned: dict[str, State] = {f"telegram:1001|alert|{a_paper().id}": "sent"}
    rows = plan_of([gain(what)], noticed=ALERTED, planned=planned).deliveries
    assert bool(rows) == edited


def test_an_edit_waits_for_no_quiet_hours():
    alice = a_subscriber("alice", a_channel(), quiet_hours=parse_quiet_hours("07:00-09:30"))
    planned: dict[str, State] = {f"telegram:1001|alert|{a_paper().id}": "sent"}
    (row,) = plan_of(
        [gain("title", paper=a_paper(title="C"))], alice, noticed=ALERTED, planned=planned
    ).deliveries
    assert (row.state, row.due_at) == ("pending", NOW)


def test_a_title_that_is_changed_back_is_edited_back():
    planned: dict[str, State] = {f"telegram:1001|alert|{a_paper().id}": "sent"}
    keys = [
        plan_of(
            [gain("title", paper=a_paper(title=title))],
            noticed=ALERTED,
            planned=planned,
            now=NOW + timedelta(hours=hour),
        )
        .deliveries[0]
        .key
        for hour, title in enumerate(["Wrong", "Right", "Wrong"])
    ]
    assert len(set(keys)) == 3


def test_a_mail_is_never_edited_and_a_feed_always():
    alice = a_subscriber("alice", a_channel("email"), a_channel("atom"))
    planned: dict[str, State] = {
        f"email:alice@example.org|alert|{a_paper().id}": "sent",
        f"atom:alice|alert|{a_paper().id}": "merged",
    }
    rows = plan_of([gain("links")], alice, noticed=ALERTED, planned=planned).deliveries
    assert said(rows) == ["edit atom:alice 1"]


def test_a_new_subscription_alerts_a_gained_paper_where_nobody_was_told():
    alice = a_subscriber(asks=("language models", "scale"))
    found = plan_of([gain("summary")], alice, noticed=ALERTED)
    assert (found.notices, found.extended) == ({}, {"alice": {a_paper().id: ("language models", "scale")}})
    assert said(found.deliveries) == ["alert telegram:1001 1"]


def test_a_new_subscription_reaches_only_the_channel_that_was_not_told():
    alice = a_subscriber("alice", a_channel(), a_channel("email"), asks=("language models", "scale"))
    planned: dict[str, State] = {f"telegram:1001|alert|{a_paper().id}": "sent"}
    found = plan_of([gain("links")], alice, noticed=ALERTED, planned=planned)
    assert said(found.deliveries) == ["alert email:alice@example.org 1"]


def test_a_correction_reaches_those_whom_the_corrected_paper_would_not():
    cats = a_paper(title="Cats", summaries=())
    planned: dict[str, State] = {f"telegram:1001|alert|{cats.id}": "sent"}
    known = {**ALERTED, "carol": {cats.id: ("language models",)}}
    found = plan_of([gain("title", paper=cats), a_change(2)], noticed=known, planned=planned)
    assert [row.kind for row in found.deliveries if row.paper == cats.id] == ["edit"]
    assert list(found.notices["alice"]) == [a_paper(2).id]


def test_what_no_longer_concerns_a_channel_is_not_followed_up():
    alice = a_subscriber("alice", a_channel(), a_channel("email"), asks=(a_subscription(only=("email",)),))
    planned: dict[str, State] = {f"telegram:1001|alert|{a_paper().id}": "sent"}
    found = plan_of([gain("title")], alice, noticed=ALERTED, planned=planned)
    assert found.deliveries == []


# --- backlog ----------------------------------------------------------------------------------------------


def test_a_newcomer_gets_so_many_first_matches_and_the_rest_is_only_noticed():
    found = plan_of([a_change(n) for n in (5, 4, 3, 2, 1)], backlog={"alice": 3})
    assert said(found.deliveries) == [f"alert telegram:1001 {n}" for n in (5, 4, 3)]
    assert len(found.notices["alice"]) == 5
    assert found.backlog == {"alice": 0}


def test_a_newcomer_may_get_all_or_none():
    changes = [a_change(n) for n in (1, 2)]
    assert len(plan_of(changes, backlog={"alice": None}).deliveries) == 2
    assert plan_of(changes, backlog={"alice": 0}).deliveries == []


def test_a_newcomer_takes_nothing_from_the_others():
    changes = [a_change(n) for n in (1, 2)]
    bob = a_subscriber("bob", a_channel(address="2002"))
    found = plan_of(changes, a_subscriber("alice"), bob, backlog={"alice": 1})
    assert said(found.deliveries) == [
        "alert telegram:1001 1",
        "alert telegram:2002 1",
        "alert telegram:2002 2",
    ]


def test_a_paper_on_two_channels_counts_once():
    alice = a_subscriber("alice", a_channel(), a_channel("email"))
    found = plan_of([a_change(1), a_change(2)], alice, backlog={"alice": 1})
    assert [row.paper for row in found.deliveries] == [a_paper(1).id, a_paper(1).id]


# --- whatever comes ---------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=4, unique_by=lambda pair: pair[0]),
    st.dictionaries(st.integers(1, 4), st.sampled_from(STATES)),
    st.sampled_from([None, 0, 1, 3]),
)
def test_nobody_is_alerted_to_a_paper_twice(papers, planned, backlog):
    changes = [
        a_change(number) if is_new else a_change(a_paper(number), "title") for number, is_new in papers
    ]
    keys = {f"telegram:1001|alert|{a_paper(number).id}": state for number, state in planned.items()}
    found = plan_of(
        changes, a_subscriber("alice"), a_subscriber("bob"), planned=keys, backlog={"alice": backlog}
    )
    alerts = [row for row in found.deliveries if row.kind == "alert"]
    assert not {row.key for row in alerts} & keys.keys()
    assert {row.paper for row in alerts} <= {change.paper.id for change in changes}
    assert {(name, paper) for name, papers in found.notices.items() for paper in papers} == {
        (name, change.paper.id) for name in ("alice", "bob") for change in changes
    }
