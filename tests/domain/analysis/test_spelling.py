"""Better spellings, and the noise of looser ones."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.analysis.spelling import DocumentCounter, Speller, closest
from bot.domain.papers import Paper
from bot.domain.query import Document, Query, document_of, match, parse
from tests.builders import a_paper
from tests.domain.query.samples import document, documents, queries


def speller(*titles: str) -> Speller:
    papers: list[Paper] = [
        a_paper(n, title=title, summaries=(), authors=()) for n, title in enumerate(titles)
    ]
    return Speller([document_of(paper) for paper in papers])


PLURALS = speller("a language model", *["Language models"] * 5, "Cats")


def best(spelling: Speller, query: str) -> tuple[str, int, int, str]:
    found = spelling.better(parse(query))[0]
    return found.query, found.found, found.would_find, found.change


def test_quotes_miss_the_other_number():
    assert best(PLURALS, '"language model"') == ("language model", 1, 6, "without quotes")


def test_an_exact_word_misses_other_cases():
    assert best(speller("RAG", *["rags"] * 5), "=RAG") == ("rag", 1, 6, "in any case")


def test_the_rest_of_the_query_stays():
    query = '"language model" AND NOT survey'
    assert best(PLURALS, query)[0] == "language model AND NOT survey"


def test_a_good_spelling_has_no_better_one():
    assert PLURALS.better(parse("language models")) == ()


def test_two_words_are_tried_as_one_and_one_as_two():
    tried = speller(*["multimodal"] * 6, *["multi-modal"] * 5)
    assert best(tried, "multi modal")[1:] == (5, 11, "written as one")
    assert best(tried, "multimodal")[1:] == (6, 11, "written apart")


def test_initials_are_tried_where_papers_define_them():
    defined = speller(*["Large Language Models (LLMs)"] * 5, *["LLM agents"] * 5)
    assert best(defined, "large language model")[1:] == (5, 10, "its initials")
    undefined = speller(*["Large Language Models"] * 5, *["LLM agents"] * 5)
    assert undefined.better(parse("large language model")) == ()


def test_two_letters_are_no_initials():
    defined = speller(*["Language Models (LMs)"] * 5, *["LM agents"] * 5)
    assert defined.better(parse("language model")) == ()


def test_a_word_that_no_paper_has_is_likened_to_one_that_many_have():
    assert best(speller(*["Diffusion models"] * 6), "difusion model") == (
        "diffusion model",
        0,
        6,
        "close to it",
    )


def test_other_fields_and_near_are_left_alone():
    assert PLURALS.better(parse("author:ghanem")) == ()
    assert PLURALS.better(parse("language NEAR/3 cat")) == ()


def test_a_beginning_shows_what_it_brings_beside_the_word():
    tried = speller(*["RAG"] * 5, *["RAGEN"] * 14, "ragged")
    (noise,) = tried.prefix_noise(parse("rag*"))
    assert (noise.found, noise.looser, noise.share) == (5, 20, 0.75)
    assert noise.words == ("ragen", "ragged")


def test_a_beginning_that_is_no_word_makes_no_noise():
    assert speller(*["quantization"] * 9).prefix_noise(parse("quantiz*")) == ()


def test_short_words_show_what_their_letters_would_bring():
    tried = speller("RAG", *["leverage"] * 8, "storage")
    (noise,) = tried.inside_noise(parse("rag"))
    assert (noise.found, noise.looser, noise.words) == (1, 10, ("leverage", "storage"))
    assert tried.inside_noise(parse("retrieval OR title:rag")) == ()


def test_a_quoted_word_is_looked_for_with_its_ending_inside_of_others():
    (noise,) = speller("RNNs", "RNN", "ConvRNNs", "ConvRNN").inside_noise(parse('"RNNs"'))
    assert (noise.found, noise.looser) == (1, 2)


def test_the_loss_and_the_noise_on_real_digests(corpus: Path):
    from bot.adapters.readers import read_digest
    from bot.domain.digests import merge

    papers: dict[str, Paper] = {}
    for path in sorted((corpus / "tables").iterdir()):
        digest = read_digest(path.read_bytes(), name=path.name)
        for entry in digest.entries:
            papers[entry.id] = merge(papers.get(entry.id), entry, digest=path.name, day=digest.date)
    tried = Speller([document_of(paper) for paper in papers.values()])
    loss = next(
        spelling
        for spelling in tried.better(parse('"large language model"'))
        if spelling.change == "without quotes"
    )
    assert 0.7 < loss.missed < 0.8
    (noise,) = tried.inside_noise(parse("RAG"))
    assert noise.share > 0.9
    assert "leverage" in noise.words or "leveraging" in noise.words


@given(st.lists(queries(), min_size=1, max_size=5), st.lists(documents(), max_size=6))
def test_as_many_are_counted_as_match(asked: list[Query], papers: list[Document]):
    counted = DocumentCounter(papers)
    for query in asked:
        assert counted.count(query.root) == sum(match(query, paper) is not None for paper in papers)


def test_words_of_any_kind_are_counted():
    papers = DocumentCounter(
        [document("Policies of graphs", authors=("Ada",)), document("A policy it is"), document("graph")]
    )
    counts = {
        "policy": 2,
        '"policies"': 1,
        "=Policies": 1,
        "polici*": 1,
        "policies*": 1,
        "is*": 1,
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


def test_only_the_term_itself_is_replaced_among_others():
    assert best(PLURALS, '"language model" OR horse')[0] == "horse OR language model"


def test_a_spelling_that_finds_no_more_is_not_named():
    assert speller(*["Cats"] * 6).better(parse('"cats"')) == ()


def test_parts_that_stand_apart_in_other_papers_are_no_other_spelling():
    scattered = speller(*["multi agent"] * 5, *["modal logic"] * 5, *["multimodal"] * 5)
    assert scattered.better(parse("multimodal")) == ()


def test_a_word_is_not_taken_apart_into_words_of_fewer_than_three_letters():
    assert speller(*["kinds of"] * 5, *["model of"] * 5, "modelof").better(parse("modelof")) == ()


def test_five_papers_are_enough_for_a_likely_word_and_four_are_not():
    assert best(speller(*["Diffusion"] * 5), "difusion")[2:] == (5, "close to it")
    assert speller(*["Diffusion"] * 4).better(parse("difusion")) == ()


def test_a_beginning_that_hardly_any_paper_has_as_a_word_makes_no_noise():
    assert speller(*["RAG"] * 4, *["RAGEN"] * 14).prefix_noise(parse("rag*")) == ()


def test_only_words_of_up_to_four_letters_are_looked_for_inside_of_others():
    tried = speller("swarm", "swarms", "warm", "warmth")
    assert [noise.term for noise in tried.inside_noise(parse("warm OR swarm OR warm*"))] == ["warm"]


def test_a_misspelt_word_is_close_to_known_ones():
    known = ["agent", "agency", "agnostic", "model", "agentic framework"]
    assert closest("agnet", known) == ["agent"]
    assert closest("agnt", known) == ["agent"]
    assert closest("modle", ["module", "mode", "model"])[0] == "model"
    assert closest("agt", ["agt1", "agts"]) == []
