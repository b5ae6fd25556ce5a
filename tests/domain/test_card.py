"""Papers made fit to be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.card import Piece, marked, paper_url, shown_matches, shown_paper, web_link
from bot.domain.papers import PaperId
from bot.domain.text import cut, one_line
from tests.builders import a_reason, an_edition, an_item


def matched(text: str, *words: str) -> list[str]:
    return [piece.text for piece in marked(text, words) if piece.matched]


def test_line_breaks_and_runs_of_blanks_become_one_blank() -> None:
    assert one_line(" a\r\n\tb  c\u2028d ") == "a b c d"


def test_what_steers_eyes_terminals_or_parsers_is_gone() -> None:
    assert one_line("a\x00b\x1b[31mc\u202edcba\u2066x\u2069\ud800\ufffe\x85y\x7f") == "ab[31mcdcbax y"


def test_emoji_and_other_scripts_stay_whole() -> None:
    assert one_line("🛠️ 方法 العربية é") == "🛠️ 方法 العربية é"


@given(st.text(), st.integers(2, 50))
def test_a_cut_text_is_short_enough_and_says_that_it_was_cut(text, limit) -> None:
    result = cut(text, limit)
    assert len(result) <= limit
    assert result == text or result.endswith("…")


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example/x",
        "/papers/1",
        "ftp://example.org/x",
        "http://",
        "https://arxiv.org@evil.example/",
        "https://example.org/a b",
        'https://example.org/"onclick="x',
        "https://example.org/\n",
        "https://exämple.org/",
        "http://[::1",
    ],
)
def test_only_plain_web_links_are_kept(url) -> None:
    assert web_link(url) is None


@pytest.mark.parametrize(
    "url", ["https://arxiv.org/abs/2509.14008", "http://127.0.0.1:8080", "https://example.org/a?b=c&d=%20#e"]
)
def test_web_links_are_kept_as_they_are(url) -> None:
    assert web_link(url) == url


def test_a_paper_s_page_keeps_its_id_readable() -> None:
    assert paper_url("https://p.org/", PaperId("arxiv:cs/0112017")) == "https://p.org/papers/arxiv:cs/0112017"


def test_matched_words_are_whole_words_in_any_case() -> None:
    assert matched("RAG and leverage, rag: storage Rag", "rag") == ["RAG", "rag", "Rag"]


def test_overlapping_matches_become_one_stretch_after_the_other() -> None:
    pieces = marked("large language models here", ("large language", "language models"))
    assert pieces == (Piece("large language", True), Piece(" models", True), Piece(" here"))


def test_scripts_without_blanks_match_within_the_text() -> None:
    assert matched("大型语言模型的研究", "语言模型") == ["语言模型"]


@given(
    st.text(st.sampled_from("aAb İß-语 "), max_size=30),
    st.lists(st.text(st.sampled_from("aAbİß语"), max_size=3), max_size=3),
)
def test_the_pieces_joined_are_the_text(text, words) -> None:
    assert "".join(piece.text for piece in marked(text, words)) == text


def test_words_that_only_repeat_the_subscription_are_not_named_again() -> None:
    reason = a_reason("language models", ("title", "Language Models"), ("summary", "language model"))
    (match,) = shown_matches([reason])
    assert match.words == ("language model",)


def test_words_are_marked_in_their_own_field_only() -> None:
    item = an_item(
        1,
        a_reason("x", ("title", "Scale"), ("author", "Ghanem")),
        a_reason("y", ("points", "say")),
        title="Scale and family",
        editions=(an_edition(points=1),),
    )
    paper = shown_paper(item, language="en", text_limit=100)
    assert [p.text for p in paper.title_pieces if p.matched] == ["Scale"]
    assert [p.text for p in paper.authors if p.matched] == ["Ghanem"]
    assert [p.text for p in paper.points[0].text if p.matched] == ["say"]
    assert not [p for p in paper.summaries[0] if p.matched]


def test_a_title_of_nothing_but_controls_is_replaced_by_the_id() -> None:
    assert (
        shown_paper(an_item(1, title="\x00\u202e"), language="en", text_limit=9).title == "arxiv:2509.14001"
    )
