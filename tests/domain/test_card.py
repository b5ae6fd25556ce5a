"""Papers made fit to be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.card import (
    Card,
    Piece,
    _labelled,
    card_of,
    cut_pieces,
    marked,
    source_names,
    text_of,
    web_link,
)
from bot.domain.gist import LabelledPart, Role
from bot.domain.notices import Reason
from bot.domain.papers import Edition, Point, Summary
from bot.domain.text import cut, one_line
from bot.domain.translations import wording
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


def test_matched_words_are_whole_words_in_any_case() -> None:
    assert matched("RAG and leverage, rag: storage Rag", "rag") == ["RAG", "rag", "Rag"]
    assert matched("language models", "models", "language models") == ["language models"]


def test_overlapping_matches_become_one_stretch_after_the_other() -> None:
    assert marked("models", ("models",)) == (Piece("models", matched=True),)
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


def a_card(*reasons: Reason, language: str = "en", **parts: object) -> Card:
    return card_of(an_item(1, *reasons, **parts), language=language)


def a_summary(text: str, digest: str = "a.md") -> Summary:
    return Summary(text=text, digest=digest)


def words_of(*why: tuple[str, str], subscription: str = "agents") -> tuple[str, ...]:
    (match,) = a_card(a_reason(subscription, *why)).matches
    return match.words


def test_a_word_in_two_spellings_is_named_once() -> None:
    assert words_of(("summary", "tool use"), ("points", "tool-use"), ("title", "Tool Use")) == ("tool use",)
    assert words_of(("summary", "models"), ("summary", "model"), ("points", "Methods")) == (
        "models",
        "Methods",
    )


def test_words_that_only_repeat_the_subscription_are_not_named() -> None:
    assert words_of(("title", "Language Models"), subscription="language model") == ()
    assert words_of(("authors", "Bernard Ghanem"), subscription="author: Bernard Ghanem") == ()


def test_words_are_marked_in_their_own_field_only() -> None:
    card = a_card(
        a_reason("x", ("title", "Scale"), ("authors", "Ghanem")),
        a_reason("y", ("points", "say")),
        title="Scale and family",
        summaries=(a_summary("We present a method to Scale it."),),
        editions=(an_edition(points=1),),
    )
    assert [piece.text for piece in card.title if piece.matched] == ["Scale"]
    assert [piece.text for piece in card.author_line() if piece.matched] == ["Ghanem"]
    assert [piece.text for piece in card.points[0].text if piece.matched] == ["say"]
    assert not [piece for piece in card.summaries[0].text if piece.matched]


def test_a_title_of_nothing_but_controls_is_replaced_by_the_id() -> None:
    assert a_card(title="\x00\u202e").title_text == "arxiv:2509.14001"


def test_a_translated_title_and_summary_are_shown_to_those_who_read_the_language() -> None:
    chinese = Edition(
        language="zh", title="规模化语言模型", summary="本文提出了一种新的语言模型方法。效果提升了 5%。"
    )
    card = a_card(language="zh", editions=(an_edition(), chinese))
    assert card.title_text == "规模化语言模型"
    assert card.gist_text == "提出了一种新的语言模型方法。效果提升了 5%。"
    assert a_card(editions=(an_edition(), chinese)).title_text == "Paper 1: Language Models at Scale"


def test_where_only_another_language_has_points_they_are_shown() -> None:
    card = a_card(
        summaries=(),
        editions=(Edition(language="zh", points=(Point(label="结果", text="提升了百分之五十的准确率。"),)),),
    )
    assert [(point.label, text_of(point.text)) for point in card.points] == [
        ("Result", "提升了百分之五十的准确率。")
    ]


def test_an_edition_that_says_nothing_in_any_language_leaves_the_card_empty() -> None:
    card = a_card(summaries=(), editions=(Edition(language="zh"),))
    assert (card.points, card.gist, card.summaries) == ((), (), ())


def test_labels_are_in_the_reader_s_language_and_each_is_used_once() -> None:
    points = (
        Point(label="📊 Results and Evaluation", text="It wins."),
        Point(label="Evidence", text="It wins again."),
        Point(label="Key points", text="One."),
        Point(label="Key points", text="Two."),
        Point(label="🛠️ 方法", text="某种办法。"),
        Point(label="Empty", text=" "),
    )
    editions = (Edition(language="en", points=points),)
    assert [point.label for point in a_card(editions=editions).points] == [
        "Result",
        "Evidence",
        "Key points",
        "",
        "Method",
    ]
    assert a_card(language="zh", editions=editions).points[0].label == "结果"


LISTED = "i) The paper introduces X, a tool. ii) The goal is Y. iii) It uses Z. iv) It scores 5%. v) People can use it."


def test_a_summary_in_parts_becomes_labelled_points() -> None:
    card = a_card(summaries=(a_summary(LISTED),))
    assert [point.label for point in card.points] == ["Problem", "Method", "Result", "So what"]
    assert card.summaries[0].is_points
    assert card.further_summaries == ()


def test_an_unlabelled_beginning_is_not_taken_for_the_results_that_a_later_part_tells() -> None:
    text = (
        "i) X is a tool that achieves high-quality results in both tasks. ii) Main question: How to do Y? "
        "iii) Key methodology: Z of Y. iv) Primary results: X outperforms others by 5%. v) People can use it."
    )
    card = a_card(summaries=(a_summary(text),))
    assert [point.label for point in card.points][:3] == ["Problem", "Method", "Result"]
    assert text_of(card.points[2].text).startswith("X outperforms")


def test_of_two_points_that_tell_one_thing_the_one_that_is_called_so_has_the_label() -> None:
    points = (Point(label="Evidence", text="A theory."), Point(label="result", text="It holds."))
    edition = Edition(language="en", points=points)
    assert [point.label for point in a_card(editions=(edition,)).points] == ["Evidence", "Result"]


def test_a_point_that_the_gist_tells_whole_is_not_told_again() -> None:
    points = (Point(label="TL;DR", text="A lamp that dims itself while somebody sleeps below it."),)
    card = a_card(summaries=(), editions=(Edition(language="en", points=points),))
    assert card.gist_text == "A lamp that dims itself while somebody sleeps below it."
    assert card.points == ()


@pytest.mark.parametrize(
    ("author", "names"),
    [
        ("Ada Osei, Kuan Li, Jo X. Wu", ["Ada Osei", "Kuan Li", "Jo X. Wu"]),
        ("Osei, Ada", ["Osei, Ada"]),
        ("ALICE Collaboration", ["ALICE Collaboration"]),
    ],
)
def test_several_names_in_one_are_several_authors(author: str, names: list[str]) -> None:
    assert [text_of(name) for name in a_card(authors=(author,)).authors] == names


def test_a_first_part_that_the_gist_does_not_tell_whole_stays_a_point() -> None:
    longer = LISTED.replace("a tool.", "a tool for all who read. It is new and it is small.")
    assert a_card(summaries=(a_summary(longer),)).points[0].label == "In short"


def test_summaries_of_two_sources_are_both_there_with_their_names_and_no_text_twice() -> None:
    card = a_card(
        summaries=(
            a_summary("We present a thing that works in many ways. It is large.", "tables/2025-09-18.md"),
            a_summary(
                "Here is a summary of the paper: We present a thing that works in many ways. It is large.",
                "b/x.md",
            ),
            a_summary("\x00"),
            a_summary("We present another thing that works in few ways. It is small.", "pages/2025/x.html"),
        )
    )
    assert [(text_of(summary.text)[11:16], summary.source) for summary in card.further_summaries] == [
        ("a thi", "tables"),
        ("anoth", "pages"),
    ]


def test_a_summary_that_is_the_gist_is_not_told_again() -> None:
    card = a_card(summaries=(a_summary("Networks that learn to forget what they have learnt."),))
    assert card.further_summaries == ()


def test_accounts_stand_after_people_and_the_rest_is_counted() -> None:
    card = a_card(authors=("hrz42", "Ann Poe", "yhshu", "Bo Li", "OpenAI", " ", "Z"))
    assert [text_of(name) for name in card.authors] == ["Ann Poe", "Bo Li", "OpenAI", "Z", "hrz42", "yhshu"]
    assert text_of(card.author_line(2)) == "Ann Poe, Bo Li and 4 more"
    assert text_of(card.author_line(5)).endswith("hrz42, yhshu")


@pytest.mark.parametrize(
    ("digest", "names"),
    [
        ("2025-09-18.md", ()),
        ("000_a9c5d5985cb68500.txt", ()),
        ("daily-paper/2026-08-11.html", ("daily-paper",)),
        ("archive/2025/09/18.md", ("archive",)),
        ("2025/09/tables/18.md", ("tables",)),
        ("state/sources/arxiv-cl/feed.xml", ("arxiv-cl",)),
    ],
)
def test_a_source_is_named_by_its_folder_never_by_a_file(digest: str, names: tuple[str, ...]) -> None:
    assert source_names((digest, digest)) == names


def test_what_several_sources_bring_is_counted() -> None:
    assert a_card(digests=("a/1.md", "a/2.md")).source_count == 1
    assert a_card(digests=("1.md", "1.html")).source_count == 2
    assert a_card(digests=("a.md", "b.md"), editions=(an_edition(),)).source_count == 2
    assert a_card(digests=("a.md",), editions=(an_edition(),)).source_count == 1


def test_the_words_around_a_match_in_the_body_are_shown() -> None:
    text = "We present a family of models that were trained in many steps on very large graphs of tool-use traces by agents of several kinds and sizes."
    (match,) = a_card(a_reason("agents", ("summary", "tool-use")), summaries=(a_summary(text),)).matches
    assert (
        text_of(match.excerpt)
        == "…many steps on very large graphs of tool-use traces by agents of several kinds…"
    )
    assert [piece.text for piece in match.excerpt if piece.matched] == ["tool-use"]


def test_a_match_that_title_or_authors_show_has_no_excerpt() -> None:
    (match,) = a_card(a_reason("x", ("title", "Scale"), ("summary", "family"))).matches
    assert match.excerpt == ()


def test_an_excerpt_may_be_a_whole_text_or_missing() -> None:
    (match,) = a_card(
        a_reason("x", ("summary", "graph")), summaries=(a_summary("A graph of words."),)
    ).matches
    assert text_of(match.excerpt) == "A graph of words."
    (match,) = a_card(a_reason("x", ("summary", "absent"))).matches
    assert match.excerpt == ()


def test_a_sign_that_grows_when_it_is_lowered_shifts_no_match() -> None:
    assert matched("İİİ and RAG", "RAG") == ["RAG"]


def test_pieces_are_cut_between_words_and_what_is_left_stays_matched() -> None:
    pieces = (Piece("A long "), Piece("title", matched=True), Piece(" of agents"))
    assert cut_pieces(pieces, 14) == (*pieces[:2], Piece("…"))
    assert cut_pieces(pieces, 22) == pieces


def test_cards_of_messages_are_kept_and_others_not() -> None:
    item = an_item()
    assert card_of(item, language="en") is card_of(item, language="en")
    assert card_of(item, language="en", text_limit=100) is not card_of(item, language="en", text_limit=100)


@given(st.lists(st.text(st.sampled_from("ab "), min_size=1), min_size=1, max_size=5), st.integers(2, 20))
def test_cut_pieces_are_short_enough_and_begin_as_the_whole(texts: list[str], limit: int) -> None:
    pieces = tuple(Piece(text, bool(number % 2)) for number, text in enumerate(texts))
    short = text_of(cut_pieces(pieces, limit))
    assert len(short) <= limit or short == text_of(pieces)
    assert text_of(pieces).startswith(short.removesuffix("…"))


@pytest.mark.parametrize(
    ("role", "text"), [("method", "See in the dark."), ("gist", "The main objective is to see in the dark.")]
)
def test_only_a_part_that_is_labelled_loses_the_words_of_its_label(role: Role, text: str) -> None:
    part = LabelledPart(role, "", "The main objective is to see in the dark.")
    assert [labelled.text for labelled in _labelled([part], wording("en"))] == [text]
