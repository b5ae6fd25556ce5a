"""The word that would have kept a paper away."""

from bot.domain.papers import Summary
from bot.domain.preferences import exclusions
from bot.domain.query import document_of, parse
from tests.builders import a_paper

UNWANTED = a_paper(
    1,
    title="A Survey of Medical Imaging Agents with Language Models",
    summaries=(Summary(text="Medical imaging, medical agents, a survey.", digest="a"),),
)


def other(title: str):  # type: ignore[no-untyped-def]
    return document_of(a_paper(2, title=title, summaries=()))


def test_the_word_that_the_paper_says_most_comes_first_and_never_a_word_of_the_query() -> None:
    noticed = [other("Agents at work"), other("More agents"), other("Medical agents"), other("A survey")] * 2
    found = exclusions(UNWANTED, [parse("agents NEAR/5 models")], noticed, [])
    assert [(word.word, word.noticed) for word in found] == [("medical", 2), ("imaging", 0), ("survey", 2)]


def test_a_word_of_saved_papers_is_offered_last() -> None:
    found = exclusions(UNWANTED, [parse("agents")], [], [other("Medical reports")])
    assert [word.word for word in found] == ["imaging", "survey", "medical"]
    assert found[-1].saved == 1


def test_a_word_that_most_papers_have_is_not_offered() -> None:
    noticed = [other("Medical agents")] * 8
    assert "medical" not in [
        exclusion.word for exclusion in exclusions(UNWANTED, [parse("agents")], noticed, [])
    ]


def test_a_title_of_the_query_alone_gives_nothing() -> None:
    assert exclusions(a_paper(1, title="Agents", summaries=()), [parse("agents")], [], []) == ()
