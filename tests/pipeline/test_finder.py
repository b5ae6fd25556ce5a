"""Stored papers found by query, similarity and name, over a real state."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import pytest

from bot.domain.query import Document, parse
from bot.pipeline.finder import PaperFinder, QueryPreview
from bot.pipeline.ports.full_text import FullTextStore, PaperWindow
from tests.builders import a_digest, a_paper, an_entry
from tests.pipeline.conftest import MakeWorld
from tests.rigs.world import World

TOOLS = ("tool use agent planning calling executing", "agent tool calling plans executing steps")


def finder(made: World) -> PaperFinder:
    return PaperFinder(made.store.full_text, made.store.papers)


def with_papers(world: MakeWorld) -> World:
    made = world()
    about = [an_entry(20 + n, title=f"Agents {n}", summary=text) for n, text in enumerate(TOOLS)]
    made.read("a.md", a_digest(*range(1, 8), *about))
    return made


def test_a_preview_counts_and_shows_the_newest(world: MakeWorld) -> None:
    preview = finder(with_papers(world)).preview(parse("tool"))
    assert (preview.papers, preview.found, preview.verdict) == (9, 2, "fine")
    assert [match.paper.title for match in preview.matches] == ["Agents 0", "Agents 1"]
    assert preview.better == ()
    assert preview.near_misses == ()
    assert (sum(preview.hits.values()), preview.per_day) == (2, 2.0)


@pytest.mark.parametrize(
    ("found", "covered", "frequency"),
    [
        (9, 3, (3, "day")),
        (3, 7, (3, "week")),
        (2, 30, (2, "month")),
        (3, 365, (3, "year")),
        (1, 1000, (0, "year")),
        (0, 7, None),
    ],
)
def test_a_pace_is_told_in_the_shortest_unit_that_has_a_match(
    found: int, covered: int, frequency: tuple[int, str] | None
) -> None:
    newest = date(2031, 5, 5)
    preview = QueryPreview(
        query=parse("tool"),
        days=5000,
        papers=100,
        found=found,
        newest=newest,
        oldest=newest - timedelta(days=covered - 1),
        hits={},
    )
    assert preview.frequency == frequency


def test_every_match_comes_in_short(world: MakeWorld) -> None:
    with finder(with_papers(world)).every_match(parse("tool"), days=30) as (outcome, matches):
        assert (outcome.found, outcome.matches) == (2, ())
        assert [(match.title, match.why[0]) for match in matches] == [
            ("Agents 0", ("tool", "summary", "tool")),
            ("Agents 1", ("tool", "summary", "tool")),
        ]


def test_of_nothing_a_preview_says_so(world: MakeWorld) -> None:
    empty = finder(world()).preview(parse("tool"))
    assert (empty.papers, empty.per_day, empty.verdict) == (0, 0.0, "dead")


def test_a_preview_says_what_is_dead_and_what_is_a_flood(world: MakeWorld) -> None:
    made = with_papers(world)
    look = finder(made)
    dead = look.preview(parse("tool AND zebra"))
    assert dead.verdict == "dead"
    assert [miss.missing for miss in dead.near_misses] == ["zebra", "zebra"]
    assert look.preview(parse("language")).verdict == "fine"  # of nine papers
    made.read("b.md", a_digest(*range(100, 120)))
    assert look.preview(parse("language")).verdict == "flood"


@pytest.mark.parametrize(
    ("found", "papers", "verdict"), [(10, 20, "fine"), (11, 20, "flood"), (19, 19, "fine"), (1, 20, "fine")]
)
def test_more_than_half_of_twenty_papers_or_more_are_a_flood(found: int, papers: int, verdict: str) -> None:
    preview = QueryPreview(query=parse("tool"), days=30, papers=papers, found=found, hits={})
    assert preview.verdict == verdict


def test_a_better_spelling_is_told_where_it_finds_much_more(world: MakeWorld) -> None:
    look = finder(with_papers(world))
    (better,) = look.preview(parse('"language model"')).better
    assert (better.query, better.would_find) == ("language model", 7)
    assert look.preview(parse("language model")).better == ()
    assert look.preview(parse('"language model"'), spellings=False).better == ()


def test_a_spelling_is_worth_a_word_from_a_fifth_more_papers_on(world: MakeWorld) -> None:
    made = world()
    made.read(
        "a.md", a_digest(*(an_entry(n, title="Robot arm") for n in range(5)), an_entry(5, title="Robot arms"))
    )
    (better,) = finder(made).preview(parse('"robot arm"')).better
    assert (better.found, better.would_find) == (5, 6)
    made.read("b.md", a_digest(an_entry(6, title="Robot arm")))
    assert finder(made).preview(parse('"robot arm"')).better == ()  # 7 instead of 6


def test_a_word_that_no_paper_has_comes_with_one_that_some_have(world: MakeWorld) -> None:
    look = finder(with_papers(world))
    (misspelling,) = look.misspellings(parse("agnet tools OR zebra OR plan*"), days=30)
    assert (misspelling.term, misspelling.word) == ("agnet tools", "agnet")
    assert (misspelling.meant, misspelling.count) == ("agent", 2)
    made = with_papers(world)
    made.read("old.md", a_digest(an_entry(60, title="Quantum chess"), day=date(2026, 8, 1)))
    assert list(finder(made).misspellings(parse("quantun"), days=1)) == []  # that paper is older
    assert [misspelling.meant for misspelling in finder(made).misspellings(parse("quantun"), days=90)] == [
        "quantum"
    ]


def test_the_spelling_is_tried_on_what_is_stored_now(world: MakeWorld) -> None:
    made = with_papers(world)
    look = finder(made)
    assert look.preview(parse('"robot arm"')).better == ()
    made.read("b.md", a_digest(*(an_entry(40 + n, title="Robot arms") for n in range(6))))
    assert [spelling.query for spelling in look.preview(parse('"robot arm"')).better] == ["robot arm"]


def test_a_search_goes_page_by_page(world: MakeWorld) -> None:
    look = finder(with_papers(world))
    first = look.search(parse("language models"))
    assert (first.total, len(first.matches)) == (7, 5)
    assert [match.paper.id for match in look.search(parse("language models"), start=5).matches] == [
        a_paper(6).id,
        a_paper(7).id,
    ]


def test_the_newest_of_all(world: MakeWorld) -> None:
    assert [paper.id for paper in finder(with_papers(world)).newest(start=1, limit=2)] == [
        a_paper(2).id,
        a_paper(3).id,
    ]


def test_a_paper_is_found_by_its_id(world: MakeWorld) -> None:
    look = finder(with_papers(world))
    found = look.paper(a_paper(20).id)
    assert found is not None
    assert found.title == "Agents 0"
    assert look.paper(a_paper(999).id) is None


def test_papers_like_one_come_with_the_words_that_they_share(world: MakeWorld) -> None:
    made = with_papers(world)
    wanted = made.store.papers.stored([a_paper(20).id])[a_paper(20).id].paper
    ((paper, reason),) = finder(made).like(wanted)
    assert paper.id == a_paper(21).id
    assert reason.subscription == "like Agents 0"
    assert {"tool", "calling"} & {why.text for why in reason.why}


NAMED = an_entry(30, title="LumoRL: Light by Reward", summary="tool use agent planning calling")


def test_relations_are_the_nearest_papers_and_the_later_ones_that_say_the_name(world: MakeWorld) -> None:
    made = with_papers(world)
    look = finder(made)
    look.warm_up()
    made.read("b.md", a_digest(NAMED, an_entry(31, title="Lamps", summary="LumoRL plans tool calling steps")))
    stored = made.store.papers.stored([NAMED.id, a_paper(20).id])
    relations = look.relations(stored[NAMED.id].paper)
    assert relations.short_name == "LumoRL"
    assert [paper.title for paper in relations.builds_on] == ["Lamps"]
    assert relations.related[0].title == "Agents 0"  # Lamps is near as well, and named already
    assert "Lamps" not in {paper.title for paper in relations.related}
    nameless = look.relations(stored[a_paper(20).id].paper)
    assert (nameless.short_name, nameless.builds_on) == ("", ())
    assert "Agents 1" in {paper.title for paper in nameless.related}


class CountedTexts:
    """The stored papers, and how many documents were read at each time."""

    def __init__(self, texts: FullTextStore) -> None:
        self._texts = texts
        self.read: list[int] = []

    @contextmanager
    def last_days(self, days: int) -> Iterator[PaperWindow]:
        with self._texts.last_days(days) as window:
            documents = window.documents

            def counted(numbers: Iterable[int], *, with_texts: bool) -> Iterator[tuple[int, Document]]:
                wanted = list(numbers)
                self.read.append(len(wanted))
                return documents(wanted, with_texts=with_texts)

            window.documents = counted  # type: ignore[method-assign]
            yield window


def test_an_index_of_few_papers_is_not_made_before_somebody_asks(world: MakeWorld) -> None:
    made = with_papers(world)
    texts = CountedTexts(made.store.full_text)
    look = PaperFinder(texts, made.store.papers)
    look.warm_up(fewest=10)
    assert texts.read == []
    look.warm_up(fewest=9)
    assert texts.read == [9]


def test_papers_that_came_since_are_indexed_alone_up_to_a_tenth(world: MakeWorld) -> None:
    made = world()
    made.read("a.md", a_digest(*range(1, 21)))
    texts = CountedTexts(made.store.full_text)
    look = PaperFinder(texts, made.store.papers)
    look.warm_up()
    look.warm_up()
    assert texts.read == [20]
    made.read("b.md", a_digest(31, 32))
    look.warm_up()
    assert texts.read == [20, 2]
    made.read("c.md", a_digest(41, 42, 43))
    look.warm_up()
    assert texts.read == [20, 2, 25]


def test_older_papers_that_the_index_left_out_do_not_count_as_new(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.pipeline.finder._INDEXED", 10)
    made = world()
    made.read("a.md", a_digest(*range(1, 11)))
    made.read("old.md", a_digest(*range(21, 26), day=date(2026, 8, 1)))
    texts = CountedTexts(made.store.full_text)
    look = PaperFinder(texts, made.store.papers)
    look.warm_up()
    made.read("b.md", a_digest(31))
    look.warm_up()
    assert texts.read == [10, 1]


def test_many_new_papers_make_the_index_of_similar_papers_anew(world: MakeWorld) -> None:
    made = with_papers(world)
    look = finder(made)
    look.warm_up()
    wanted = made.store.papers.stored([a_paper(20).id])[a_paper(20).id].paper
    assert len(look.like(wanted)) == 1
    about = [an_entry(50 + n, title=f"Tools {n}", summary=TOOLS[0]) for n in range(4)]
    made.read("b.md", a_digest(*about, *range(70, 100)))
    assert len(look.like(wanted, limit=20)) == 5
    assert len(look.like(wanted, limit=2)) == 2
    made.read("c.md", a_digest(an_entry(50, title="Tools, corrected", summary=TOOLS[0])))
    assert "Tools, corrected" in {paper.title for paper, _ in look.like(wanted, limit=20)}


# --- trends

WEDNESDAY = date(2026, 8, 12)


def brought(made: World, days_before: int, title: str, first: int, count: int = 4) -> None:
    """A digest of so many papers with that word in their titles, so many days before that Wednesday."""
    entries = [an_entry(first + n, title=f"{title} {n}") for n in range(count)]
    made.read(f"{first}.md", a_digest(*entries, day=WEDNESDAY - timedelta(days=days_before)))


def test_trends_count_the_papers_of_weeks_that_begin_on_monday(world: MakeWorld) -> None:
    made = world()
    brought(made, 10, "Agents", first=1)  # a Sunday
    brought(made, 9, "Agents", first=11, count=2)
    brought(made, 2, "Agents", first=21, count=3)
    brought(made, 0, "Agents", first=31, count=1)
    trends = finder(made).trends([parse("agents"), parse("nothing")], weeks=3)
    assert trends.weeks == (date(2026, 7, 27), date(2026, 8, 3), date(2026, 8, 10))
    assert [counts for _, counts in trends.counts] == [(4, 2, 4), (0, 0, 0)]
    made.read("none.md", a_digest(an_entry(300, title="Undated agents"), day=None))
    assert finder(made).trends([parse("agents")], weeks=3).counts[0][1] == (4, 2, 4)


def test_trends_begin_with_the_first_week_that_has_papers(world: MakeWorld) -> None:
    made = world()
    brought(made, 16, "Agents", first=1)
    brought(made, 0, "Agents", first=11, count=1)
    trends = finder(made).trends([parse("agents")], weeks=26)
    assert trends.weeks == (date(2026, 7, 27), date(2026, 8, 3), date(2026, 8, 10))
    assert trends.counts[0][1] == (4, 0, 1)
    assert finder(made).trends([], weeks=2).weeks == (date(2026, 8, 10),)  # the week before has none


def test_an_empty_state_has_no_trends(world: MakeWorld) -> None:
    trends = finder(world()).trends([parse("tool")], weeks=3)
    assert (trends.weeks, trends.risers) == ((), ())
    assert [counts for _, counts in trends.counts] == [()]


def test_words_rise_that_thirty_days_have_more_of_than_the_ninety_before(world: MakeWorld) -> None:
    made = world()
    brought(made, 29, "Worlds", first=1)
    brought(made, 0, "Worlds", first=11)
    brought(made, 30, "Lamps", first=21, count=8)
    brought(made, 119, "Robots", first=31, count=8)
    brought(made, 120, "Worlds", first=41)
    assert finder(made).trends((), weeks=26).risers == (("world", 8, 0.0),)


def test_in_the_first_month_nothing_rises(world: MakeWorld) -> None:
    made = world()
    brought(made, 0, "Worlds", first=1)
    assert finder(made).trends((), weeks=26).risers == ()


def test_a_word_as_written_has_no_near_misses(world: MakeWorld) -> None:
    made = with_papers(world)
    assert finder(made).preview(parse("=agents")).near_misses == ()
