"""Polls: repaired to the limits, shuffled, with the sentence that decides them."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.papers import Point, Question, Summary
from bot.domain.quizzes.polls import Poll, deciding_sentence, evidence_for, part_about, poll_of, shuffle_seed
from bot.domain.text import cut, units
from tests.builders import a_paper, an_edition


def ask(question: Question, *, seed: str = "seed", **parts: object) -> Poll | None:
    given = {"link": "https://arxiv.org/abs/2509.14008", **parts}
    return poll_of(question, seed=seed, **given)  # type: ignore[arg-type]


def asked(question: Question, **parts: object) -> Poll:
    poll = ask(question, **parts)
    assert poll is not None
    return poll


def keyed(*options: str, answer: int = 0, question: str = "Which?") -> Question:
    return Question(question=question, options=options, answer=answer, answer_source="key")


def unkeyed(*options: str) -> Question:
    return Question(question="Which?", options=options)


def inferred(confidence: float, *, confident: bool = True) -> Question:
    return Question(
        question="Which?",
        options=("a", "b", "c"),
        answer=1,
        answer_source="inferred",
        confidence=confidence,
        confident=confident,
    )


def test_a_keyed_question_is_a_quiz_with_its_answer_where_it_is_shown() -> None:
    poll = asked(keyed("one", "two", "three", answer=2))
    assert poll.correct is not None
    assert poll.options[poll.correct] == "three"
    assert [("one", "two", "three")[index] for index in poll.order] == list(poll.options)


def test_the_order_depends_on_the_seed_alone() -> None:
    question = keyed("one", "two", "three")
    assert asked(question, seed="x").order == asked(question, seed="x").order
    assert len({asked(question, seed=str(number)).order for number in range(100)}) == 6


def test_every_order_is_equally_likely() -> None:
    question = keyed("one", "two", "three", "four")
    orders = Counter(asked(question, seed=str(number)).order for number in range(4_800))
    assert len(orders) == 24
    assert sum((count - 200) ** 2 / 200 for count in orders.values()) < 41.6  # χ², 23 degrees, p > .01


def test_an_unkeyed_question_is_an_ordinary_poll_that_says_so() -> None:
    poll = asked(unkeyed("one", "two"))
    assert (poll.correct, poll.explanation) == (None, None)
    assert poll.description == (
        "No official key, and no guess that is sure enough: an ordinary poll. https://arxiv.org/abs/2509.14008"
    )


def test_an_answer_worked_out_is_used_when_sure_enough_and_says_how_sure() -> None:
    poll = asked(inferred(0.974))
    assert poll.correct is not None
    assert poll.marked_inferred
    assert poll.description == "No official key: our guess, 97 % sure."


def test_an_answer_that_is_not_sure_enough_is_not_used() -> None:
    poll = asked(inferred(0.89, confident=False))
    assert poll.correct is None
    assert not poll.marked_inferred


def test_the_notes_are_in_the_readers_language() -> None:
    assert asked(inferred(0.97), language="zh").description == "没有官方答案：这是我们的推断，把握 97 %。"


def test_the_paper_is_named() -> None:
    assert asked(keyed("one", "two"), title="Hala: **Report**").description == "❔ Hala: Report"


@pytest.mark.parametrize(
    "question",
    [
        unkeyed(),
        unkeyed("one"),
        unkeyed("one", "", " "),
        unkeyed("one", "one"),
        unkeyed(*map(str, range(13))),
        keyed("", "b", "c", answer=0),
        replace(unkeyed("one", "two"), question=" "),
    ],
)
def test_what_cannot_be_asked_is_no_poll(question: Question) -> None:
    assert ask(question) is None


def test_twelve_options_are_not_too_many() -> None:
    assert len(asked(unkeyed(*map(str, range(12)))).options) == 12


def test_a_repeated_question_has_another_seed_each_time() -> None:
    question = keyed("one", "two")
    seeds = [shuffle_seed(question, target, repeat) for target in "ab" for repeat in range(3)]
    assert len(set(seeds)) == 6
    assert shuffle_seed(question, "a") == seeds[0]


def test_of_two_equal_options_the_right_one_stays() -> None:
    poll = asked(keyed("same", "same", "other", answer=1))
    assert sorted(poll.order) == [1, 2]
    assert poll.correct == poll.order.index(1)


def test_options_over_the_limit_are_lettered_in_the_order_shown() -> None:
    long, short = "a very long option " * 8, "a short one"
    poll = asked(keyed(long, short, "another", answer=0))
    assert poll.options == ("A", "B", "C")
    assert poll.correct is not None
    lines = (poll.description or "").split("\n")
    texts = (long.strip(), short, "another")
    assert lines == [f"{letter}. {texts[index]}" for letter, index in zip("ABC", poll.order, strict=True)]


def test_an_option_of_exactly_the_limit_is_shown_itself() -> None:
    assert set(asked(keyed("x" * 100, "y")).options) == {"x" * 100, "y"}
    assert asked(keyed("x" * 101, "y")).options == ("A", "B")
    assert asked(keyed("𝓐" * 51, "y")).options == ("A", "B")


def test_a_question_over_the_limit_moves_to_the_description() -> None:
    long = "There is much to say before. " * 12 + "What is the point?"
    poll = asked(keyed("one", "two", question=long))
    assert poll.question == "What is the point?"
    assert long in (poll.description or "")


def test_a_question_of_exactly_the_limit_stays_where_it_is() -> None:
    question = "What is the point? " + "x" * 280 + "?"
    poll = asked(keyed("one", "two", question=question))
    assert (poll.question, poll.description) == (question, None)


def test_what_has_no_room_in_the_description_stands_before_the_poll() -> None:
    options = tuple(letter * 500 for letter in "xyz")
    poll = asked(keyed(*options), title="Hala")
    assert all(option in (poll.preface or "") for option in options)
    assert poll.description == "❔ Hala\n\nSee above."
    assert ask(keyed(*(letter * 2000 for letter in "xyz"))) is None


def test_what_just_fits_into_the_description_or_before_the_poll_stays_there() -> None:
    def with_question_of(length: int) -> Poll | None:
        return ask(keyed("one", "two", question="x" * (length - 1) + "?"))

    described, moved, longest = map(with_question_of, (1024, 1025, 4096))
    assert described is not None
    assert moved is not None
    assert longest is not None
    assert (described.preface, len(described.description or "")) == (None, 1024)
    assert (len(moved.preface or ""), len(longest.preface or "")) == (1025, 4096)
    assert with_question_of(4097) is None


def test_all_of_the_above_stays_last() -> None:
    question = keyed("one", "two", "All of the above", answer=2)
    assert {asked(question, seed=str(number)).options[-1] for number in range(30)} == {"All of the above"}


def test_options_that_name_others_by_letter_keep_their_places() -> None:
    question = keyed("one", "two", "Both A and B", answer=2)
    assert {asked(question, seed=str(number)).order for number in range(30)} == {(0, 1, 2)}


def test_markup_is_shown_as_meant() -> None:
    poll = asked(
        keyed("'</think>' tokens", r"$\pi_0$ **policy**", "`<|image|>`\x00\u202e", question="<10B or $5?")
    )
    assert poll.question == "<10B or $5?"
    assert set(poll.options) == {"'</think>' tokens", "π₀ policy", "<|image|>"}


def test_the_explanation_is_the_sentence_and_the_link() -> None:
    poll = asked(keyed("one", "two"), evidence="It is one, as Table 2 shows.")
    assert poll.explanation == "“It is one, as Table 2 shows.”\nhttps://arxiv.org/abs/2509.14008"


def test_a_long_sentence_is_cut_around_what_decides() -> None:
    evidence = (
        "Before that comes "
        + "a lot of talk " * 20
        + "then spherical interpolation wins "
        + "and more talk " * 20
    )
    poll = asked(keyed("spherical interpolation", "two"), evidence=evidence)
    sentence, link = (poll.explanation or "").split("\n")
    assert "spherical interpolation" in sentence
    assert sentence.startswith("“…")
    assert sentence.endswith("…”")
    assert link == "https://arxiv.org/abs/2509.14008"


def test_where_no_sentence_decides_the_gist_explains() -> None:
    poll = asked(keyed("one", "two"), gist="A method " + "of some kind " * 30)
    said, link = (poll.explanation or "").split("\n")
    assert said.startswith("A method of some kind")
    assert said.endswith("kind…")
    assert link == "https://arxiv.org/abs/2509.14008"


def test_the_place_among_the_questions_on_a_paper_is_told_where_there_are_several() -> None:
    first = asked(keyed("one", "two"), title="Hala", position=(2, 3)).description or ""
    assert first.startswith("❔ Question 2 of 3 · Hala")
    assert asked(keyed("one", "two"), title="Hala", position=(1, 1)).description == "❔ Hala"


@pytest.mark.parametrize(
    ("sentence", "decides"),
    [
        ("It is 1.35x faster at the same quality.", True),
        ("It is 1.48x faster at the same quality.", False),
        ("It is faster at the same quality.", False),
    ],
)
def test_a_sentence_with_another_number_explains_nothing(sentence: str, decides: bool) -> None:
    question = keyed("1.35x faster at the same quality", "2x faster at the same quality")
    assert (deciding_sentence(question, [sentence]) is not None) is decides


def test_a_name_with_digits_is_as_good_as_a_number() -> None:
    question = keyed("8-bit floating point (FP8)", "binary quantization")
    assert deciding_sentence(question, ["The teacher is quantized to FP8, a floating point of few bits."])


def test_a_number_may_be_written_in_thousands() -> None:
    question = keyed("2,300 trajectories", "5,000 trajectories")
    assert deciding_sentence(question, ["It used 2.3K trajectories for training."])


def test_a_link_too_long_to_explain_is_left_out() -> None:
    assert (
        asked(keyed("one", "two"), link="https://e.org/" + "a" * 200, evidence="One.").explanation == "“One.”"
    )


@pytest.mark.parametrize(
    ("length", "says"), [(159, True), (160, False), (200, False)], ids=["room", "less", "none"]
)
@pytest.mark.parametrize(
    "parts", [{"evidence": "It is one."}, {"gist": "It is one."}], ids=["evidence", "gist"]
)
def test_beside_a_long_link_a_sentence_stands_only_where_it_has_room(
    length: int, says: bool, parts: dict[str, str]
) -> None:
    link = "https://e.org/".ljust(length, "a")
    explanation = asked(keyed("one", "two"), link=link, **parts).explanation or ""
    assert explanation.endswith(link)
    assert ("It is one." in explanation) is says


_ANY = st.text(max_size=400)


@given(
    st.builds(
        Question,
        question=_ANY,
        options=st.lists(_ANY, max_size=14).map(tuple),
    ),
    st.integers(0, 13),
    st.sampled_from([None, "key", "inferred"]),
    _ANY,
    st.text(max_size=250),
)
def test_no_poll_is_ever_over_a_limit(
    question: Question, answer: int, source: str | None, evidence: str, title: str
) -> None:
    if source and answer < len(question.options):
        question = replace(
            question, answer=answer, answer_source=source, confidence=0.95, confident=source == "inferred"
        )
    poll = ask(question, evidence=evidence, title=title)
    if poll is None:
        return
    assert 1 <= units(poll.question) <= 300
    assert all(1 <= units(option) <= 100 for option in poll.options)
    assert 2 <= len(set(poll.options)) == len(poll.options) <= 12
    assert units(poll.description or "") <= 1024
    assert units(poll.explanation or "") <= 200
    assert (poll.explanation or "").count("\n") <= 2
    assert units(poll.preface or "") <= 4096
    assert len(set(poll.order)) == len(poll.options)


@given(st.text(), st.integers(2, 50))
def test_a_cut_text_fits_and_begins_like_the_text(text: str, limit: int) -> None:
    short = cut(text, limit, units)
    assert units(short) <= limit
    assert short == text or text.startswith(short.removesuffix("…"))


QUESTION = Question(
    question="Which technique did HALA use to balance specialization?",
    options=("Layer freezing", "Knowledge distillation", "Spherical linear interpolation (slerp) merging"),
    answer=2,
    answer_source="key",
)
POINTS = (
    Point(label="Topic", text="HALA is about Arabic models. It balances specialization."),
    Point(label="Methods", text="Translated data were used. Models were merged by spherical interpolation (slerp merging)."),
)  # fmt: skip


def paper_with(*points: Point, summary: str = "Nothing here.") -> object:
    edition = replace(an_edition(points=0), points=points)
    return a_paper(1, editions=(edition,), summaries=(Summary(text=summary, digest="a"),))


def test_the_sentence_with_the_right_options_own_words_is_found() -> None:
    found = evidence_for(QUESTION, paper_with(*POINTS), "en")
    assert found == "Models were merged by spherical interpolation (slerp merging)."


def test_the_summary_may_decide_it() -> None:
    found = evidence_for(QUESTION, paper_with(summary="First. It uses **slerp** merging. Last."), "en")
    assert found == "It uses slerp merging."


def test_words_that_wrong_options_share_do_not_decide() -> None:
    question = Question(
        question="What?", options=("fast merging", "slow merging"), answer=0, answer_source="key"
    )
    assert evidence_for(question, paper_with(Point(label="x", text="It does merging.")), "en") is None


def test_nothing_is_shown_where_nothing_decides_or_the_question_asks_for_what_is_not_said() -> None:
    assert evidence_for(QUESTION, paper_with(), "en") is None
    assert evidence_for(replace(QUESTION, answer=None, answer_source=None), paper_with(*POINTS), "en") is None
    negated = replace(QUESTION, question="Which technique did HALA NOT use?")
    assert evidence_for(negated, paper_with(*POINTS), "en") is None


def test_an_option_of_common_words_only_has_no_evidence() -> None:
    question = Question(question="What?", options=("It is this", "That"), answer=0, answer_source="key")
    assert evidence_for(question, paper_with(*POINTS), "en") is None


def test_chinese_is_compared_by_pairs_of_signs() -> None:
    question = Question(
        question="使用什么工具？", options=("使用球面插值合并", "知识蒸馏"), answer=0, answer_source="key"
    )
    sentence = "最后用球面插值合并模型。"
    assert evidence_for(question, paper_with(Point(label="方法", text=sentence)), "en") == sentence
    assert deciding_sentence(keyed("合并", "蒸馏"), ["两者相并。"]) is None


def test_an_excerpt_shows_the_start_or_the_end_whole_where_the_words_are_there() -> None:
    text = "slerp wins here " + "and so on " * 30
    assert part_about(text, "slerp", 60).startswith("slerp wins here")
    backwards = "and so on " * 30 + "slerp wins by far in the end"
    assert part_about(backwards, "slerp", 60).endswith("slerp wins by far in the end")


def test_an_excerpt_from_the_middle_has_the_words_in_its_own_middle() -> None:
    before, after = part_about("and " * 60 + "slerp " + "and " * 60, "slerp", 60).split("slerp")
    assert before.startswith("…")
    assert after.endswith("…")
    assert (before.count("and"), after.count("and")) == (6, 7)


def test_a_sentence_that_just_fits_is_its_own_excerpt() -> None:
    assert part_about("slerp wins", "slerp", 10) == "slerp wins"


def test_an_excerpt_of_one_word_without_room_is_empty() -> None:
    assert part_about("x" * 300, "x", 50) == ""


def test_an_excerpt_leaves_out_a_word_without_room() -> None:
    assert part_about("x" * 80 + " slerp wins in the end.", "slerp", 50) == "…slerp wins in the end."


def test_an_excerpt_always_fits() -> None:
    text = "模型球面插值" * 40
    for limit in range(10, 200, 17):
        part = part_about(text, "球面插值", limit)
        assert units(part) <= limit
        assert "球面插值" in part


def test_the_explanation_fills_its_room_to_the_last_unit() -> None:
    right = "球面插值"
    poll = asked(keyed(right, "two"), evidence="前" * 250 + right + "后" * 250)
    sentence, link = (poll.explanation or "").split("\n")
    assert right in sentence
    assert units(sentence) + 1 + units(link) == 200


def test_evidence_may_use_another_form_of_the_right_options_words() -> None:
    question = Question(question="What?", options=("merging", "freezing"), answer=0, answer_source="key")
    sentence = "The weights are merged."
    assert evidence_for(question, paper_with(Point(label="x", text=sentence)), "en") == sentence


def test_a_word_that_only_begins_like_the_right_options_is_another_word() -> None:
    question = keyed("Dropout", "Weight decay")
    texts = ["Some tokens are dropped.", "It regularizes by dropout."]
    assert deciding_sentence(question, texts) == "It regularizes by dropout."
    assert deciding_sentence(keyed("ring", "star"), ["Its nodes are red."]) is None


def test_a_deciding_sentence_has_a_good_third_of_the_right_options_words() -> None:
    words = [first + second for first in "abcdefghij" for second in "bcdfg"]
    question = keyed(" ".join(words), "two")
    sentence = " ".join(words[:17])
    assert deciding_sentence(question, [sentence]) == sentence
    assert deciding_sentence(question, [" ".join(words[:16])]) is None


def test_of_two_sentences_with_the_right_option_the_one_nearer_to_the_question_decides() -> None:
    question = keyed("lamps", "candles", question="What lights the garden?")
    texts = ["Lamps are cheap.", "Lamps stand in the garden."]
    assert deciding_sentence(question, texts) == "Lamps stand in the garden."
