"""Papers are counted as they are matched."""

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.query import Document, Query, match, parse
from bot.domain.search.counting import Papers
from tests.domain.query.samples import document, documents, queries


@given(st.lists(queries(), min_size=1, max_size=5), st.lists(documents(), max_size=6))
def test_as_many_are_counted_as_match(asked: list[Query], papers: list[Document]):
    counted = Papers(papers)
    for query in asked:
        assert counted.count(query.root) == sum(match(query, paper) is not None for paper in papers)


def test_words_of_any_kind_are_counted():
    papers = Papers(
        [document("Policies of graphs", authors=("Ada",)), document("A policy"), document("graph")]
    )
    counts = {
        "policy": 2,
        '"policies"': 1,
        "=Policies": 1,
        "polici*": 1,
        "policies*": 1,
        "zebra OR graph": 2,
        "graph AND NOT policy": 1,
        "author:ada OR title:graph": 2,
        "author:ada": 1,
        "policy NEAR/2 graph": 1,
        "zebra*": 0,
    }
    assert {text: papers.count(parse(text).root) for text in counts} == counts
    assert papers.vocabulary["policy"] == 2
    assert papers.vocabulary["zebra"] == 0
