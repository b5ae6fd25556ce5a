"""Words with some text around them, and a caret below a place."""

from bot.domain.excerpts import caret, excerpt


def test_an_excerpt_is_cut_at_words_and_says_so() -> None:
    text = "word " * 20 + "the RAG system " + "more " * 20
    assert (
        excerpt(text, "RAG") == "…word word word word word word the RAG system more more more more more more…"
    )
    assert excerpt("a RAG", "RAG") == "a RAG"
    assert excerpt("nothing here", "RAG") == "RAG"
    assert excerpt("x" * 60 + "RAG" + "y" * 60, "RAG").startswith("…x")


def test_a_caret_stands_below_its_place_also_in_long_and_wide_text() -> None:
    assert caret("(rag", 0) == "(rag\n^"
    assert caret("检索 (", 3) == "检索 (\n     ^"
    shown, below = caret("a" * 120 + "(b", 120, 30).splitlines()
    assert shown[len(below) - 1] == "("
    assert shown.startswith("… ")
