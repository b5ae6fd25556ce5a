"""What a query would have brought, and what it barely missed."""

from dataclasses import dataclass

from hypothesis import given

from bot.domain.analysis.preview import MOST_NEAR, Match, NearMiss, Previewer
from bot.domain.query import Document, Query, document_of, parse
from tests.builders import a_paper
from tests.domain.query.samples import documents, has, odd_documents, odd_queries, queries


@dataclass
class Preview:
    matches: list[Match]
    near_misses: tuple[NearMiss, ...]


def preview(query: str, *titles: str) -> Preview:
    previewer = Previewer(parse(query))
    papers = [a_paper(number, title=title, summaries=(), authors=()) for number, title in enumerate(titles)]
    pairs = [(paper, document_of(paper)) for paper in papers]
    return Preview(
        matches=[previewer.match(*pair) for pair in pairs if previewer.matches(pair[1])],
        near_misses=previewer.near_misses(
            pair for pair in pairs if not previewer.matches(pair[1]) and previewer.lacks_one(pair[1])
        ),
    )


def missed(found: Preview) -> list[tuple[str, str]]:
    return [(miss.paper.title, miss.missing) for miss in found.near_misses]


def test_matches_keep_their_order_and_tell_why():
    found = preview("graph*", "Graphs", "Cats", "A graphical model of graphs")
    assert [match.paper.title for match in found.matches] == ["Graphs", "A graphical model of graphs"]
    assert [(why.term, why.field, why.text) for why in found.matches[1].why] == [
        ("graph*", "title", "graphical"),
        ("graph*", "title", "graphs"),
    ]


def test_a_near_miss_names_the_one_missing_term():
    found = preview("graph AND robot AND vision", "graph vision", "graph", "cats")
    assert missed(found) == [("graph vision", "robot")]


def test_what_an_exclusion_keeps_out_is_a_near_miss():
    assert missed(preview("agent AND NOT survey", "A survey of agents", "Cats")) == [
        ("A survey of agents", "NOT survey")
    ]


def test_more_of_the_missing_phrase_is_nearer():
    found = preview("graph AND world model", "graph of cats", "graph model of a world", "graph world")
    assert missed(found) == [
        ("graph model of a world", "world model"),
        ("graph world", "world model"),
        ("graph of cats", "world model"),
    ]


def test_a_longer_word_is_near_to_a_single_one():
    assert missed(preview("rag", "RAGEN agents", "leverage")) == [("RAGEN agents", "rag")]


def test_an_exact_word_is_near_only_to_the_letter():
    found = preview("=Large =Model", "a Large thing", "a large model", "Larger Models")
    assert missed(found) == [("a Large thing", "=Large =Model")]


def test_there_are_three_near_misses_at_most_newest_first_where_equal():
    found = preview("graph AND robot", *(f"graph {number}" for number in range(9)))
    assert [miss.paper.title for miss in found.near_misses] == ["graph 0", "graph 1", "graph 2"]


def test_only_the_newest_near_papers_are_compared():
    titles = [*(f"graph {number}" for number in range(MOST_NEAR)), "graph vision robot"]
    assert [miss.paper.title for miss in preview("graph AND robot vision", *titles).near_misses] == titles[:3]
    assert missed(preview("graph AND robot vision", *titles[1:]))[0] == (titles[-1], "robot vision")


def test_what_may_play_a_part_is_asked_for_by_its_words():
    previewer = Previewer(parse("graph AND robot AND vision"))
    assert previewer.near_need is not None
    asked = {text: has(previewer.near_need, document_of(a_paper(title=text))) for text in TITLES}
    assert asked == {"graph robots": True, "vision of graphs": True, "graph": False, "cats": False}


TITLES = ("graph robots", "vision of graphs", "graph", "cats")


@given(queries(), documents())
def test_every_near_miss_has_the_words_that_are_asked_for(query: Query, document: Document):
    near_misses_are_candidates(query, document)


@given(odd_queries(), odd_documents())
def test_every_near_miss_of_odd_texts_has_them_too(query: Query, document: Document):
    near_misses_are_candidates(query, document)


def near_misses_are_candidates(query: Query, document: Document) -> None:
    previewer = Previewer(query)
    paper = a_paper()
    if previewer.near_misses([(paper, document)]) and previewer.near_need is not None:
        assert has(previewer.near_need, document)


def test_of_a_single_word_as_written_nothing_is_near():
    can_be_near = {
        text: Previewer(parse(text)).can_be_near for text in ("=Graph", '"graph"', "=Graph =net", "=A OR =B")
    }
    assert can_be_near == {"=Graph": False, '"graph"': True, "=Graph =net": True, "=A OR =B": True}
    assert preview("=Graph", "graph", "Graphs").near_misses == ()
