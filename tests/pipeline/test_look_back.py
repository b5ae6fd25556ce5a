"""Once a week, on wish: what rose, and what names a saved paper."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from bot.adapters.store import Store
from bot.domain.schedule import QuietHours
from bot.domain.subscriptions import Subscriber
from bot.domain.translations import wording
from bot.pipeline.look_back import LookBacks, _named
from bot.pipeline.preferences import Preferences
from bot.pipeline.quizzes import QuizStats
from tests.builders import a_channel, a_digest, a_paper, a_quiz, a_subscriber, an_entry
from tests.pipeline.conftest import MakeWorld
from tests.rigs.quizzes import Classroom, a_learner, a_quizzed_paper
from tests.rigs.world import World

MONDAY = datetime(2026, 9, 21, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Readers:
    """A world in which everybody was met long ago, and its look backs."""

    def __init__(self, world: MakeWorld, *subscribers: Subscriber) -> None:
        self.made: World = world(*subscribers, first_run=0)
        self.made.look()
        store = self.made.store
        self.preferences = Preferences(store.preferences, self.made.registry, store.deliveries, store.papers)
        self.look_backs = LookBacks(
            store.preferences,
            self.preferences,
            self.made.registry,
            store.papers,
            store.incidents,
            QuizStats(store.quizzes, store.deliveries, self.made.registry),
        )

    def brings(self, day: date, *titles: str, first: int = 1, summary: str = "Language models.") -> None:
        entries = [
            an_entry(number, title=title, summary=summary) for number, title in enumerate(titles, first)
        ]
        self.made.read(f"{day}.md", replace(a_digest(*entries), date=day))

    def want(self, *names: str) -> None:
        for name in names:
            self.preferences.set_weekly(name, self.made.clock.now(), weekly=True)

    def texts(self) -> list[tuple[str, str]]:
        store = self.made.store
        rows = [row for row in self.made.rows() if row.kind == "look_back"]
        texts = (store.deliveries.written_text(row.key) for row in rows)
        return [(text.subject, text.body) for text in texts]


def test_the_week_s_papers_are_counted_and_what_rose_against_eight_weeks_is_named(world: MakeWorld) -> None:
    readers = Readers(world, a_subscriber())
    readers.brings(date(2026, 7, 19), *(f"Lantern {n}: Language Models" for n in range(9)), first=10)
    readers.brings(date(2026, 7, 20), *(f"Lamps {n}: Language Models" for n in range(2)), first=50)
    readers.brings(date(2026, 9, 13), *(f"Old {n}: Language Models" for n in range(4)), first=60)
    readers.brings(
        date(2026, 9, 14), *(f"Lamps {n}: Lantern for Language Models" for n in range(2)), first=70
    )
    readers.brings(
        date(2026, 9, 20), *(f"Lamps {n}: Lantern for Language Models" for n in range(2)), first=80
    )
    readers.brings(date(2026, 9, 21), *(f"Lamps {n}: Language Models" for n in range(3)), first=90)
    readers.want("alice")
    assert readers.look_backs.plan_due(MONDAY) == 1
    assert readers.texts() == [
        (
            "Your week: 4 new papers",
            "language models 4\n\nRising: lantern (4, hardly any before) · lamp (4, usually 1.3)",
        )
    ]


def test_what_names_a_saved_paper_is_listed_with_its_link(world: MakeWorld) -> None:
    readers = Readers(world, a_subscriber())
    readers.brings(date(2026, 9, 10), "LumoRL: Language Models that Glow", first=70)
    titles = [f"Language Models Number {n}" for n in range(5)]
    readers.brings(date(2026, 9, 17), *titles, summary="Language models. It beats LumoRL by 5%.")
    readers.brings(date(2026, 9, 18), "Language Models Alone", first=30)
    readers.preferences.save(readers.preferences.owner("alice"), an_entry(70).id, readers.made.clock.now())
    readers.want("alice")
    assert readers.look_backs.plan_due(MONDAY) == 1
    ((_, body),) = readers.texts()
    named = body.split("\n\n")[-1].splitlines()
    assert named[0] == "LumoRL, which you saved, is named here:"
    assert len(named) == 5
    assert "https://arxiv.org/abs/" in named[1]
    assert named[4] == "+2 more"


def test_it_comes_once_a_week_and_only_to_those_who_wish_for_it(world: MakeWorld) -> None:
    bob = a_subscriber("bob", a_channel("email"))
    feed = a_subscriber("carol", a_channel("atom", "carol"))
    readers = Readers(world, a_subscriber(), bob, feed)
    assert readers.look_backs.plan_due(MONDAY) == 0
    readers.brings(date(2026, 9, 17), "Language Models")
    readers.want("bob", "carol")
    assert readers.look_backs.plan_due(MONDAY - HOUR) == 0
    assert readers.look_backs.plan_due(MONDAY + 24 * HOUR) == 0
    assert readers.look_backs.plan_due(MONDAY) == 1
    assert readers.look_backs.plan_due(MONDAY + HOUR) == 0
    assert [row.subscriber for row in readers.made.rows() if row.kind == "look_back"] == ["bob"]


def test_a_week_without_papers_is_not_looked_back_at(world: MakeWorld) -> None:
    readers = Readers(world, a_subscriber())
    readers.want("alice")
    assert readers.look_backs.plan_due(MONDAY) == 0


def test_quiet_hours_hold_it(world: MakeWorld) -> None:
    late = replace(a_subscriber(), quiet_hours=QuietHours(start=time(22), end=time(11)))
    readers = Readers(world, late)
    readers.brings(date(2026, 9, 17), "Language Models")
    readers.want("alice")
    assert readers.look_backs.plan_due(MONDAY) == 1
    (row,) = (row for row in readers.made.rows() if row.kind == "look_back")
    assert (row.state, row.due_at) == ("held", MONDAY + 2 * HOUR)


WEEK = datetime(2026, 9, 17, 12, 0, tzinfo=UTC)


@pytest.fixture
def club(tmp_path: Path) -> Iterator[Classroom]:
    """A person's chat and a group, both of which wish for a look back."""
    store = Store(f"sqlite:///{tmp_path}/state.sqlite3")
    room = Classroom(store, a_learner(7), a_subscriber("club", a_channel(address="-100", quizzes="all")))
    for name in ("person-7", "club"):
        store.preferences.change(name, lambda choices: replace(choices, weekly=True), WEEK)
    yield room
    store.close()


def asked(room: Classroom, number: int, topic: str, questions: int, *, chat: str = "7") -> list[str]:
    """Questions on a paper that a subscription brought; the polls."""
    subscriber = "person-7" if chat == "7" else "club"
    paper = a_quizzed_paper(number, *a_quiz(questions))
    polls = room.ask(paper, f"telegram:{chat}", subscriber)
    with room.store.digests.transaction() as tx:
        tx.save_notices({subscriber: {paper.id: (topic,)}}, tx.new_run(room.now))
    return polls


def looked_back(room: Classroom) -> dict[str, str]:
    """By subscriber the last paragraph of their look back."""
    store = room.store
    preferences = Preferences(store.preferences, room.registry, store.deliveries, store.papers)
    LookBacks(
        store.preferences, preferences, room.registry, store.papers, store.incidents, room.stats
    ).plan_due(MONDAY)
    rows = store.deliveries.list_rows(states=("pending",), keys=(), limit=99)
    return {
        row.subscriber: store.deliveries.written_text(row.key).body.split("\n\n")[-1]
        for row in rows
        if row.kind == "look_back"
    }


def test_the_week_s_score_names_weak_topics_and_how_to_practise_them(club: Classroom) -> None:
    club.clock.go_to(WEEK - timedelta(days=7))
    before = asked(club, 1, "rag", 3)
    for poll in before[:2]:  # answered before the week, so they count no more
        club.answer(poll, 7, right=False)
    club.count()
    club.clock.go_to(WEEK)
    for number, topic, right in ((2, "agents", 1), (3, "rag", 3), (4, "vision", 0)):
        for index, poll in enumerate(asked(club, number, topic, 4)):
            club.answer(poll, 7, right=index < right)
    club.count()
    assert looked_back(club) == {
        "person-7": "❔ 4 of 12 questions right.\nWorth reading again: vision (0 of 4) · agents (1 of 4).\n"
        "To practise: /quiz vision"
    }


def test_a_group_has_one_score_of_its_members_and_strangers_do_not_count(club: Classroom) -> None:
    club.clock.go_to(WEEK)
    (poll,) = asked(club, 1, "rag", 1, chat="-100")
    club.stats.add_member(("-100",), 8)
    club.answer(poll, 8, right=True)
    club.answer(poll, 9, right=False)
    club.count()
    assert looked_back(club) == {"club": "❔ 1 of 1 questions right."}


def test_a_mail_tells_no_score(world: MakeWorld) -> None:
    readers = Readers(world, a_subscriber("bob", a_channel("email")))
    readers.want("bob")
    assert readers.look_backs.plan_due(MONDAY) == 0


@pytest.mark.parametrize(("count", "more"), [(3, False), (4, True)])
def test_papers_beyond_the_third_that_build_on_a_saved_one_are_counted(count: int, more: bool) -> None:
    lines = _named(a_paper(9), [a_paper(number) for number in range(count)], wording("en")).splitlines()
    assert len(lines) == 1 + 3 + more
