"""Stored papers found by query or likeness, over a real state."""

from bot.domain.papers import PaperId
from bot.domain.query import parse
from bot.pipeline.finder import PaperFinder
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
    assert preview.better is None
    assert preview.near_misses == ()


def test_a_preview_says_what_is_dead_and_what_is_a_flood(world: MakeWorld) -> None:
    made = with_papers(world)
    look = finder(made)
    dead = look.preview(parse("tool AND zebra"))
    assert dead.verdict == "dead"
    assert [miss.missing for miss in dead.near_misses] == ["zebra", "zebra"]
    assert look.preview(parse("language")).verdict == "fine"  # of nine papers
    made.read("b.md", a_digest(*range(100, 120)))
    assert look.preview(parse("language")).verdict == "flood"


def test_a_better_spelling_is_told_where_it_finds_much_more(world: MakeWorld) -> None:
    look = finder(with_papers(world))
    better = look.preview(parse('"language model"')).better
    assert better is not None
    assert (better.query, better.would_find) == ("language model", 7)
    assert look.preview(parse("language model")).better is None


def test_the_spelling_is_tried_on_what_is_stored_now(world: MakeWorld) -> None:
    made = with_papers(world)
    look = finder(made)
    assert look.preview(parse('"robot arm"')).better is None
    made.read("b.md", a_digest(*(an_entry(40 + n, title="Robot arms") for n in range(6))))
    assert look.preview(parse('"robot arm"')).better is not None


def test_a_search_goes_page_by_page(world: MakeWorld) -> None:
    look = finder(with_papers(world))
    count, first = look.search(parse("language models"))
    assert (count, len(first)) == (7, 5)
    assert [match.paper.id for match in look.search(parse("language models"), start=5)[1]] == [
        a_paper(6).id,
        a_paper(7).id,
    ]


def test_the_newest_of_all(world: MakeWorld) -> None:
    assert [paper.id for paper in finder(with_papers(world)).newest(start=1, limit=2)] == [
        a_paper(2).id,
        a_paper(3).id,
    ]


def test_papers_like_one_come_with_the_words_that_they_share(world: MakeWorld) -> None:
    made = with_papers(world)
    wanted = made.store.papers.stored([a_paper(20).id])[a_paper(20).id].paper
    ((paper, reason),) = finder(made).like(wanted)
    assert paper.id == a_paper(21).id
    assert reason.subscription == "like Agents 0"
    assert {"tool", "calling"} & {why.text for why in reason.why}


def test_documents_are_those_of_stored_papers(world: MakeWorld) -> None:
    made = with_papers(world)
    assert len(finder(made).documents([a_paper(1).id, PaperId("arxiv:9")])) == 1
