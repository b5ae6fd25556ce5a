"""Papers like others: noticed, told with their words, kept up with what is stored."""

from dataclasses import replace

from bot.domain.papers import PaperId
from bot.domain.similarity import Similarity
from bot.domain.subscriptions import Subscription
from bot.pipeline.history import paper_history
from bot.pipeline.planning_runs import Planned
from bot.pipeline.subscribers import SimilarityCache, SubscriberRegistry
from tests.builders import a_digest, a_paper, a_subscriber, a_subscription, an_entry
from tests.pipeline.conftest import MakeWorld
from tests.rigs.world import World

LIKED = an_entry(1, title="Arabic translation", summary="Translating Arabic.")
ALIKE = an_entry(2, title="More Arabic", summary="We translate into Arabic.")
MEDICAL = an_entry(3, title="Medical Arabic", summary="Translations of medical Arabic.")
OTHERS = tuple(an_entry(n, title=f"Topic{n}", summary=f"On kind{n}.") for n in range(4, 40))
LIKES = Subscription(
    name="like it",
    text="like 1",
    like=(a_paper(1).id,),
    near=0.2,
    unless=tuple(subscription.query for subscription in (a_subscription("medical"),) if subscription.query),
)


def lia(world: MakeWorld, **more: object) -> World:
    made = world(**more)
    made.registry = SubscriberRegistry([a_subscriber(asks=(LIKES,))], SimilarityCache(made.store.papers))
    made.builder._registry = made.ingest._registry = made.registry
    return made


def told(made: World) -> list[str]:
    return [row.paper for row in made.rows() if row.kind == "alert"]


async def test_what_is_near_is_told_with_the_words_it_shares(world: MakeWorld):
    made = lia(world)
    made.read("a.md", a_digest(LIKED, *OTHERS))
    made.read("b.md", a_digest(ALIKE, MEDICAL))
    assert told(made) == [ALIKE.id]
    await made.send_all()
    (reason,) = made.telegram.taken[0].items[0].reasons
    assert reason.subscription == "like it"
    assert {(why.term, why.text) for why in reason.why} >= {("like Arabic translation", "Arabic")}


def test_a_liked_paper_that_comes_later_is_liked_from_then_on(world: MakeWorld):
    made = lia(world)
    made.read("a.md", a_digest(*OTHERS))
    made.read("b.md", a_digest(LIKED))
    made.read("c.md", a_digest(ALIKE))
    assert told(made) == [ALIKE.id]


def test_history_that_is_like_a_liked_paper_tells_nobody(world: MakeWorld):
    made = lia(world)
    files = [made.press.file("a.md", a_digest(LIKED, ALIKE, *OTHERS))]
    made.ingest.process_history(files, made.clock.now())
    made.ingest.finish_history(made.clock.now())
    made.look()
    assert told(made) == []
    assert [notice.stored.paper.id for notice in made.store.papers.noticed("alice", 9)] == [ALIKE.id]


def test_nobody_who_likes_nothing_to_note(world: MakeWorld):
    made = world(a_subscriber())
    assert made.ingest.finish_history(made.clock.now()) == Planned()
    assert made.rows() == ()


def test_the_story_tells_how_near_and_what_excludes(world: MakeWorld):
    made = lia(world)
    made.read("a.md", a_digest(LIKED, *OTHERS))
    made.read("b.md", a_digest(ALIKE, MEDICAL))
    subscriber = made.registry.subscriber("alice")
    assert subscriber is not None

    def verdict(number: int):
        parts = {
            "papers": made.store.papers,
            "digests": made.store.digests,
            "deliveries": made.store.deliveries,
            "stops": made.store.incidents,
        }
        found = paper_history(a_paper(number).id, subscriber, **parts)
        assert found is not None
        return found.verdicts[0]

    assert (verdict(2).nearness or 0) > 0.2
    assert verdict(2).why
    subscriber = replace(subscriber, subscriptions=(replace(LIKES, near=verdict(2).nearness or 0),))
    assert verdict(2).why  # near enough is also what is just so near
    assert (verdict(3).why, verdict(3).missing) == (None, ("NOT medical",))
    assert (verdict(4).why, verdict(4).nearness) == (None, 0.0)
    assert (verdict(2).noticed, verdict(3).noticed) == (True, False)
    assert verdict(1).nearness == 0.0  # no paper is like itself


def test_it_is_made_anew_only_when_it_is_old(world: MakeWorld):
    made = world(a_subscriber())
    made.read("a.md", a_digest(LIKED, *OTHERS))
    cache = SimilarityCache(made.store.papers)
    first = cache(frozenset({LIKED.id}))
    assert cache(frozenset({LIKED.id})) is first
    made.read("b.md", a_digest(ALIKE))
    assert cache(frozenset({LIKED.id})) is first
    assert cache(frozenset({ALIKE.id})) is not first
    again = cache(frozenset({ALIKE.id}))
    for _ in range(500):
        cache(frozenset({ALIKE.id}))
    assert cache(frozenset({ALIKE.id})) is again  # old, but nothing changed
    made.read("c.md", a_digest(MEDICAL))
    for _ in range(300):
        cache(frozenset({ALIKE.id}))
    assert cache(frozenset({ALIKE.id})) is not again


def test_similarity_is_made_for_the_reasons_of_those_subscriptions_alone_that_like_a_paper(world: MakeWorld):
    made = world()
    made.read("a.md", a_digest(LIKED, ALIKE, *OTHERS))
    cache, wanted = SimilarityCache(made.store.papers), list[frozenset[PaperId]]()

    def counted(liked: frozenset[PaperId]) -> Similarity:
        wanted.append(liked)
        return cache(liked)

    alice = a_subscriber(asks=("arabic", LIKES))
    registry = SubscriberRegistry([alice], counted)
    paper = made.store.papers.stored([ALIKE.id])[ALIKE.id].paper
    assert [reason.subscription for reason in registry.reasons(alice, paper, {"arabic"})] == ["arabic"]
    assert wanted == []
    assert [reason.subscription for reason in registry.reasons(alice, paper, {"like it"})] == ["like it"]
    assert wanted == [{LIKED.id}]


def test_after_two_hundred_uses_it_is_made_of_what_is_stored_by_then(world: MakeWorld):
    made = world(a_subscriber())
    made.read("a.md", a_digest(LIKED, *OTHERS))
    cache = SimilarityCache(made.store.papers)
    first = cache(frozenset({LIKED.id}))
    made.read("b.md", a_digest(ALIKE))
    assert all(cache(frozenset({LIKED.id})) is first for _ in range(199))
    assert cache(frozenset({LIKED.id})) is not first
