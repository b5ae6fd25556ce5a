"""What a query would have brought, and what it barely missed."""

from bot.domain.papers import Paper
from bot.domain.query import parse
from bot.domain.search.previewing import Preview, Previewer
from tests.builders import a_paper


def titled(*titles: str) -> list[Paper]:
    return [a_paper(number, title=title, summaries=(), authors=()) for number, title in enumerate(titles)]


def preview(query: str, *titles: str) -> Preview:
    return Previewer(parse(query)).preview(titled(*titles))


def missed(found: Preview) -> list[tuple[str, str]]:
    return [(one.paper.title, one.missing) for one in found.near_misses]


def test_matches_keep_their_order_and_tell_why():
    found = preview("graph*", "Graphs", "Cats", "A graphical model of graphs")
    assert [one.paper.title for one in found.matches] == ["Graphs", "A graphical model of graphs"]
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
    assert [one.paper.title for one in found.near_misses] == ["graph 0", "graph 1", "graph 2"]


def test_papers_that_can_play_no_part_are_not_wanted():
    previewer = Previewer(parse("graph AND robot AND vision"))
    assert previewer.wants("graph robot vision")
    assert previewer.wants("graph robot")
    assert not previewer.wants("graph")
    assert not previewer.wants("cats")


def test_only_so_many_near_papers_are_wanted_but_every_match():
    previewer = Previewer(parse("graph AND robot"))
    wanted = [previewer.wants("graph") for _ in range(1_000)]
    assert 0 < sum(wanted) < 1_000
    assert not any(wanted[500:])
    assert previewer.wants("graph robot")
    assert previewer.wants("what no probe is sure of: ﬁ")
