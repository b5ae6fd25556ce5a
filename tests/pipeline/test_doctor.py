"""The doctor over a stored state."""

from datetime import date, timedelta

import pytest

from bot.domain.analysis.findings import ENOUGH, Finding
from bot.domain.digests import Problem
from bot.domain.errors import DigestTooLarge
from bot.domain.query import document_of
from bot.domain.subscriptions import Subscription
from bot.pipeline.doctor import Doctor
from bot.pipeline.subscribers import SimilarityCache, SubscriberRegistry
from tests.builders import a_digest, a_paper, a_quiz, a_subscriber, an_edition, an_entry
from tests.pipeline.conftest import MakeWorld
from tests.rigs.world import World

FIRST = date(2026, 6, 1)


def doctor(world: World, today: date) -> Doctor:
    return Doctor(world.store.digests, world.store.papers, world.registry.matcher, today)


def many(world: World, count: int = 50, title: str = "Language models", **parts: object) -> date:
    files = []
    for number in range(count):
        day = FIRST + timedelta(days=number)
        entry = an_entry(number, title=f"{title} {number}", **parts)
        files.append(world.press.file(f"t/{day}.md", a_digest(entry, day=day)))
    world.look(*files)
    return FIRST + timedelta(days=count - 1)


def kinds(found: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.kind, finding.subject) for finding in found]


def test_sources_are_told_apart_by_folder_and_kind(world: MakeWorld):
    made = world(a_subscriber())
    last = many(made)
    quiz = an_entry(70, editions=(an_edition(quiz=a_quiz(keyed=False)),))
    made.read("q/a.html", a_digest(quiz, kind="quiz_page", day=FIRST))
    made.read("undated.md", a_digest(71, day=None))
    made.press.faults["x.md"] = DigestTooLarge("x.md: more than 20,000 papers; split the file")
    made.look(made.press.file("x.md", a_digest(1)))
    assert kinds(list(doctor(made, last).sources())) == [("unreadable", "x.md")]
    assert kinds(list(doctor(made, last + timedelta(days=30)).sources()))[0] == ("silent", "tables in t")


def test_empty_digests_and_missing_authors_are_seen_in_the_state(world: MakeWorld):
    made = world(a_subscriber())
    last = many(made)
    for later in range(1, 4):
        made.read(f"t/e{later}.md", a_digest(day=last + timedelta(days=later)))
    for later in range(4, 7):
        entry = an_entry(80 + later, authors=())
        made.read(f"t/n{later}.md", a_digest(entry, day=last + timedelta(days=later)))
    found = list(doctor(made, last + timedelta(days=7)).sources())
    assert [(finding.kind, finding.figures["digests"]) for finding in found] == [
        ("empty", 3),
        ("no authors", 3),
    ]


def test_odd_rows_are_seen_in_the_state_but_not_what_is_odd_about_the_file(world: MakeWorld):
    made = world(a_subscriber())
    last = many(made, 20)
    problems = (Problem(line=1, what="no date"), Problem(line=2, what="no title"), Problem(line=3, what="?"))
    for later in range(1, 4):
        day = last + timedelta(days=later)
        made.read(f"t/odd{later}.md", a_digest(80 + later, day=day, problems=problems))
    (finding,) = doctor(made, last + timedelta(days=4)).sources()
    assert (finding.kind, finding.figures["digests"], finding.figures["problems"]) == ("changed form", 3, 6)


def test_missing_keys_are_seen_in_the_state(world: MakeWorld):
    made = world(a_subscriber())
    for number in range(20):
        questions = a_quiz(keyed=number != 15)
        entry = an_entry(number, editions=(an_edition(quiz=questions),))
        made.read(f"q/{number}.html", a_digest(entry, kind="quiz_page", day=FIRST + timedelta(days=number)))
    found = list(doctor(made, FIRST + timedelta(days=20)).sources())
    assert [(finding.kind, finding.figures["unkeyed"]) for finding in found] == [("no keys", len(a_quiz()))]


def test_a_file_that_is_rewritten_and_brings_nothing_new_is_seen_in_the_state(world: MakeWorld):
    made = world(a_subscriber())
    for number in range(5):
        made.read("readme/README.md", a_digest(*range(1, number + 2), day=None))
        made.clock.advance(days=1)
    assert list(doctor(made, FIRST).sources()) == []
    for number in range(3):
        made.read("readme/README.md", a_digest(*range(5, number + 1, -1), day=None))
        made.clock.advance(days=1)
    (found,) = doctor(made, FIRST).sources()
    assert (found.kind, found.subject, found.urgent) == ("nothing new", "tables in readme", True)


def test_subscriptions_are_looked_at_with_their_papers(world: MakeWorld):
    made = world(a_subscriber(asks=('"language model"', "zymurgy", "language models", "model*")))
    found = list(doctor(made, many(made)).subscriptions())
    assert ("dead", "alice: zymurgy") in kinds(found)
    assert ("noisy", "alice: language models") in kinds(found)
    assert ("contained", 'alice: "language model"') in kinds(found)


def test_a_subscription_that_found_nothing_for_90_days_is_dead(world: MakeWorld):
    made = world(a_subscriber(asks=("ancient", "recent", "undated")))
    last = many(made)
    for title, days in (("Ancient", 90), ("Recent", 89)):
        entry = an_entry(len(title) + 90, title=title, summary="x")
        made.read(f"t/{title}.md", a_digest(entry, day=last - timedelta(days=days)))
    made.read("t/undated.md", a_digest(an_entry(99, title="Undated", summary="x"), day=None))
    found = doctor(made, last).subscriptions()
    assert [finding.subject for finding in found if finding.kind == "dead"] == ["alice: ancient"]


def test_a_loss_by_quotes_is_named_with_its_share(world: MakeWorld):
    made = world(a_subscriber(asks=('"language model"',)))
    today = many(made, summary="Texts.")
    (loss,) = [
        subscription
        for subscription in doctor(made, today).subscriptions()
        if subscription.kind == "spelling"
    ]
    assert loss.urgent
    assert "misses 100% of the 50 that language model finds" in loss.what


def test_noise_of_a_beginning_and_of_letters_is_named(world: MakeWorld):
    made = world(a_subscriber(asks=("rag*", "rag")))
    many(made, 40, title="RAGEN leverage", summary="x")
    files = [
        made.press.file(f"u{n}.md", a_digest(an_entry(100 + n, title="RAG", summary="x"), day=FIRST))
        for n in range(6)
    ]
    made.look(*files)
    found = {
        subscription.what.split(" is ")[0].split(" brings ")[0]: subscription
        for subscription in doctor(made, FIRST).subscriptions()
        if subscription.kind == "noise"
    }
    assert found["rag*"].figures == {"found": 6, "looser": 46, "noise": 0.87}
    assert found["rag"].figures["noise"] == 0.87
    assert (found["rag*"].urgent, found["rag"].urgent) == (True, False)


def test_noise_of_letters_is_named_from_one_half_on(world: MakeWorld):
    made = world(a_subscriber(asks=("rag",)))
    many(made, 30, title="RAGEN", summary="x")
    files = [
        made.press.file(f"u{n}.md", a_digest(an_entry(100 + n, title="RAG", summary="x"), day=FIRST))
        for n in range(30)
    ]
    made.look(*files)
    noise = [finding for finding in doctor(made, FIRST).subscriptions() if finding.kind == "noise"]
    assert [finding.figures["noise"] for finding in noise] == [0.5]


@pytest.mark.parametrize(("share", "is_urgent"), [(0.5, True), (0.2, False)])
def test_a_loss_and_noise_are_named_from_one_fifth_on_and_urgent_from_one_half_on(
    world: MakeWorld, share: float, is_urgent: bool
):
    made = world(a_subscriber(asks=('"language model"', "graph*")))
    others = round(60 * share)
    many(made, 60 - others, title="Language model graph", summary="x")
    entries = (an_entry(100 + n, title="Language models of graphene", summary="x") for n in range(others))
    made.read("others.md", a_digest(*entries, day=FIRST))
    named = doctor(made, FIRST).subscriptions()
    found = [finding for finding in named if finding.kind in ("spelling", "noise")]
    shares = [
        (finding.kind, finding.figures.get("missed", finding.figures.get("noise"))) for finding in found
    ]
    assert shares == [("spelling", share), ("noise", share)]
    assert [finding.urgent for finding in found] == [is_urgent, is_urgent]
    assert found[1].what.endswith("without the word itself (most: graphene)")


def test_a_small_loss_by_quotes_is_not_named(world: MakeWorld):
    made = world(a_subscriber(asks=('"language model"',)))
    many(made, 45, title="Language model", summary="x")
    made.read("t/few.md", a_digest(an_entry(90, title="Language models", summary="x"), day=FIRST))
    assert {subscription.kind for subscription in doctor(made, FIRST).subscriptions()} == {"noisy"}


def test_little_noise_is_not_named(world: MakeWorld):
    made = world(a_subscriber(asks=("rag*", "rag")))
    many(made, 50, title="RAG")
    made.read("t/few.md", a_digest(an_entry(90, title="RAGEN"), day=FIRST))
    assert [
        subscription
        for subscription in doctor(made, FIRST).subscriptions()
        if subscription.kind in ("noise", "spelling")
    ] == []


@pytest.mark.parametrize(("papers", "found"), [(ENOUGH - 1, []), (ENOUGH, ["spelling"])])
def test_with_few_papers_no_spelling_is_tried(world: MakeWorld, papers: int, found: list[str]):
    made = world(a_subscriber(asks=('"language model"', "paper")))
    kinds_found = [finding.kind for finding in doctor(made, many(made, papers)).subscriptions()]
    assert [kind for kind in kinds_found if kind == "spelling"] == found


def test_the_threshold_of_likes_is_shown(world: MakeWorld):
    made = world()
    likes = Subscription(name="more", text="like", like=(a_paper(1).id,))
    lost = Subscription(name="lost", text="like", like=(a_paper(999).id,))
    made.registry = SubscriberRegistry(
        [a_subscriber(asks=(likes, lost, "models"))], SimilarityCache(made.store.papers)
    )
    found = [
        subscription
        for subscription in doctor(made, many(made)).subscriptions()
        if subscription.kind == "near"
    ]
    assert [(finding.subject, finding.urgent) for finding in found] == [
        ("alice: more", False),
        ("alice: lost", True),
    ]
    assert "by threshold" in found[0].what
    assert "not stored" not in found[0].what
    assert found[1].what.endswith("; not stored, so nothing is near: arxiv:2509.14999")


def test_a_paper_just_so_near_as_a_threshold_passes_it(world: MakeWorld, monkeypatch: pytest.MonkeyPatch):
    made = world()
    likes = Subscription(name="more", text="like", like=(a_paper(1).id,))
    made.registry = SubscriberRegistry([a_subscriber(asks=(likes,))], SimilarityCache(made.store.papers))
    titles = ("Arabic translation", "More Arabic", *(f"Topic{n}" for n in range(20)))
    entries = (an_entry(n, title=title, summary=title) for n, title in enumerate(titles, start=1))
    made.read("t/a.md", a_digest(*entries, day=FIRST))
    similarity = made.registry.matcher.similarity
    assert similarity is not None
    (paper,) = made.store.papers.stored([a_paper(2).id]).values()
    near = similarity.nearness(document_of(paper.paper))[a_paper(1).id]
    monkeypatch.setattr("bot.pipeline.doctor._STEPS", (near,))
    (finding,) = (finding for finding in doctor(made, FIRST).subscriptions() if finding.kind == "near")
    assert finding.figures[f"from {near}"] == 1


def test_a_paper_is_not_near_itself(world: MakeWorld):
    made = world()
    likes = Subscription(name="more", text="like", like=(an_entry(1).id,))
    made.read(
        "t/a.md",
        a_digest(
            *(an_entry(n, title=word, summary=word) for n, word in ((1, "tigers"), (2, "bears"))), day=FIRST
        ),
    )
    made.registry = SubscriberRegistry([a_subscriber(asks=(likes,))], SimilarityCache(made.store.papers))
    (finding,) = (finding for finding in doctor(made, FIRST).subscriptions() if finding.kind == "near")
    assert {number for name, number in finding.figures.items() if name.startswith("from ")} == {0}


@pytest.mark.parametrize(
    ("most", "left_out"), [(1, [("2 more queries", 2)]), (2, [("1 more queries", 1)]), (3, [])]
)
def test_so_many_queries_are_tried_and_the_rest_is_said(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch, most: int, left_out: list[tuple[str, int]]
):
    monkeypatch.setattr("bot.pipeline.doctor.MOST_SPELLED", most)
    made = world(a_subscriber(asks=("language models", "paper", "family")))
    found = [
        subscription
        for subscription in doctor(made, many(made)).subscriptions()
        if subscription.kind == "spelling"
    ]
    assert [(finding.subject, finding.figures["left_out"]) for finding in found] == left_out


def test_a_source_of_any_kind_of_digest_is_looked_at(world: MakeWorld):
    made = world(a_subscriber())
    for number in range(12):
        day = FIRST + timedelta(days=number)
        made.read(f"w/{day}.md", a_digest(an_entry(number), kind="markdown", day=day))
    found = list(doctor(made, FIRST + timedelta(days=60)).sources())
    assert kinds(found) == [("silent", "markdown digests in w")]
