"""What a paper does, in a sentence or two, from summaries in all the forms that digests have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.gist import (
    GIST_LENGTH,
    CleanSummary,
    clean_summary,
    gist_of,
    label_words,
    role_of,
    without_opening,
    without_part_opening,
)
from bot.domain.papers import Point
from bot.domain.text import DANGLING


def gist(summary: str, *points: tuple[str, str], title: str = "") -> str:
    summaries = [clean_summary(summary, title)] if summary else []
    return gist_of(summaries, [Point(label=label, text=text) for label, text in points])


def roles(summary: str) -> list[str]:
    return [part.role for part in clean_summary(summary).parts]


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("This paper introduces HALA, a family of models.", "HALA, a family of models."),
        ("This paper introduces a benchmark to measure X.", "A benchmark to measure X."),
        ("In this paper, we propose a method that is fast.", "A method that is fast."),
        ("In this work we investigate whether models forget.", "Investigates whether models forget."),
        ("We study how graphs grow.", "Studies how graphs grow."),
        ("We address noise.", "Addresses noise."),
        ("The authors present ZipNet for video.", "ZipNet for video."),
        ("This paper demonstrates that small models suffice.", "Small models suffice."),
        ("This research aims to improve retrieval.", "Aims to improve retrieval."),
        ("The paper introduces and evaluates a model.", "Introduces and evaluates a model."),
        ("This paper presents mPLUG-Owl for documents.", "mPLUG-Owl for documents."),
        (
            'The research paper, "A: B at Scale", by Ann Poe, yhshu, and hrz introduces a novel benchmark.',
            "A novel benchmark.",
        ),
        (
            "To address these challenges, this paper proposes SmartMage, a unified model.",
            "SmartMage, a unified model.",
        ),
        ("To enable search, we propose a tree.", "To enable search, we propose a tree."),
        ("The paper explores the novel idea of forgetting.", "Explores the novel idea of forgetting."),
        ("In this paper, the X1 is introduced, a twin.", "The X1 is introduced, a twin."),
        ("In this work, we propose to ask.", "Proposes to ask."),
        ("In this work, we propose In-Context Learning.", "In-Context Learning."),
        ("We introduce (i) a data set, and (ii) a lamp.", "We introduce (i) a data set, and (ii) a lamp."),
        ("PixWizard is an assistant.", "PixWizard is an assistant."),
        ("This paper is a survey.", "This paper is a survey."),
        ("本文提出了一种新的方法。", "提出了一种新的方法。"),
    ],
)
def test_openings_that_say_nothing_are_left_out(sentence: str, said: str) -> None:
    assert without_opening(sentence) == said


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        ("This paper presents HALA, which is new. It does more.", "HALA, which is new."),
        ("i) The paper introduces the X method for graphs. ii) The question is Y.", "The X method for graphs."),
        ("a) The research aims at better graphs of words b) it uses Y. c) Z is won by 5% on all.", "Aims at better graphs of words."),
        ("1. Summary: The paper introduces the G2PT model for graphs. 2. Key: Y.", "The G2PT model for graphs."),
        (
            'Here is a concise summary of the paper "APOLLO: SGD-like Memory": i) **Summary:** It saves memory in training. ii) Z',
            "It saves memory in training.",
        ),
        ("Here's a summary following your strict guidelines: i) UniPose is a framework for poses. ii) B", "UniPose is a framework for poses."),
        ("i) **One-line summary:** MONET decomposes all experts. ii) B", "MONET decomposes all experts."),
        ("Summary: i) We present a tokenizer for video. ii) The main research objective is Y.", "A tokenizer for video."),
        ("**i) Summary** Arb is a model of light. **ii) Key methodology used** It has layers.", "Arb is a model of light."),
        ("i) A 1-line summary Qwen is a series of models. ii) B", "Qwen is a series of models."),
        ("Summary of the research paper is: The study investigates how models explore. It is done.", "Investigates how models explore."),
        ("**Hog! Inference: A Way** This paper proposes Hog! Inference, a method for threads.", "Hog! Inference, a method for threads."),
        ("It beats SOTA (e.g. GPT-4o vs. Gemini) by J. Smith et al. in 3.5 days. Then", "It beats SOTA (e.g. GPT-4o vs. Gemini) by J. Smith et al. in 3.5 days."),
        ("EfficientTAMs are lightweight models for video", "EfficientTAMs are lightweight models for video."),
        ("Models are large. They are slow. In this paper, we propose a small one that is fast. It achieves 95% accuracy on all tasks.",
         "A small one that is fast. It achieves 95% accuracy on all tasks."),
        ("本文提出了一种方法。 然后", "提出了一种方法。"),
        ("Based on old ideas, we propose: a new graph of words.", "Based on old ideas, we propose: a new graph of words."),
        ("", ""),
    ],
)  # fmt: skip
def test_the_gist_says_what_the_paper_does(summary: str, said: str) -> None:
    assert gist(summary, title="Hog! Inference: A Way") == said


WHAT = "We present Halo, a model of light."
USUAL = (
    f"{WHAT} The main objective is to see in the dark. The methodology involves lamps. "
    "Experimental results show that Halo improves sight by 12% on two sets. AI practitioners can use it."
)


def test_the_result_follows_without_its_opening() -> None:
    assert gist(USUAL) == "Halo, a model of light. Halo improves sight by 12% on two sets."


def test_four_or_five_sentences_in_the_usual_order_are_parts() -> None:
    assert roles(USUAL) == ["gist", "problem", "method", "result", "use"]
    assert roles(USUAL.removesuffix(" AI practitioners can use it.")) == [
        "gist",
        "problem",
        "method",
        "result",
    ]
    assert roles(f"{WHAT} AI practitioners can use it. The main objective is light. Results show 5%.") == []
    assert roles("One. Two. Three. Four. Five.") == []


def test_a_sentence_without_a_cue_belongs_to_the_part_before() -> None:
    (_, problem, *_) = clean_summary(USUAL.replace("in the dark.", "in the dark. Nobody could.")).parts
    assert problem.text.endswith("Nobody could.")


def test_parts_of_a_list_are_named_by_label_by_words_and_by_place() -> None:
    assert roles("i) Light. ii) Dark. iii) Lamps. iv) Twelve. v) Everybody.") == [
        "gist",
        "problem",
        "method",
        "result",
        "use",
    ]
    assert roles("a) Light. b) Dark. c) Lamps. d) Twelve.") == ["problem", "method", "result", "use"]
    assert roles("i) **Results:** Light is 5% up. ii) Dark. iii) The main goal is Z.") == [
        "result",
        "other",
        "problem",
    ]
    assert roles("i) Light. ii) Dark.") == ["gist", "other"]


def test_one_part_of_a_whole_list_that_begins_like_another_is_what_its_place_says() -> None:
    usual = "i) Halo sees. ii) The main goal is to see. iii) The method is a lamp."
    whole = f"{usual} iv) The method keeps 99 % while it costs a third. v) Practitioners save power."
    assert roles(whole) == ["gist", "problem", "method", "result", "use"]
    labelled = whole.replace("iv) The", "iv) Methodology: The")
    assert roles(labelled) == ["gist", "problem", "method", "method", "use"]
    twice = whole.replace("v) Practitioners save", "v) Experiments save")
    assert roles(twice) == ["gist", "problem", "method", "method", "result"]


def test_a_numbered_list_in_chinese_or_of_one_item_loses_its_numbers() -> None:
    assert clean_summary("1) 构建数据集；2) 提出方法；3. 不同").text == "构建数据集；提出方法；3. 不同"
    assert clean_summary("1. Only one item of a list.").text == "Only one item of a list."


def test_text_before_a_list_comes_first() -> None:
    parts = clean_summary("Halo is a model of light. i) Halo sees. ii) The main goal is to see.").parts
    assert [part.text for part in parts] == [
        "Halo is a model of light.",
        "Halo sees.",
        "The main goal is to see.",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "It has two aims: i) speed; ii) scale; and iii) cost.",
        "It combines (a) search and (b) memory in one loop.",
        "We ask 1. nothing",
    ],
)
def test_a_list_within_a_sentence_stays(text: str) -> None:
    assert clean_summary(text) == CleanSummary(text, ())


def test_questions_of_the_model_to_its_reader_are_left_out() -> None:
    text = clean_summary(
        "a) **Objective:** To see. b) **Results:** It sees. **Follow-up Questions:** 1. Why? 2. How?"
    ).text
    assert text == "To see. It sees."


def test_markup_and_latex_become_words() -> None:
    assert clean_summary(r"We use $\pi_0$ and **bold** `code`.").text == "We use π₀ and bold code."


POINTS = (
    ("📘 Topic and Domain", "This paper focuses on light."),
    (
        "💡 Previous Research and New Ideas",
        "Building on old lamps like Edison, the paper introduces a lamp that thinks.",
    ),
    ("🛠️ Methods", "The authors employ mirrors."),
    ("📊 Results and Evaluation", "The best lamp achieves only 41% of the sun; analysis reveals why."),
)


def test_of_points_what_is_new_and_the_results_are_told_never_the_topic() -> None:
    assert (
        gist("", *POINTS)
        == "A lamp that thinks. The best lamp achieves only 41% of the sun; analysis reveals why."
    )


@pytest.mark.parametrize(
    ("idea", "said"),
    [
        ("Earlier lamps were dim, while this paper proposes a bright one for all.", "A bright one for all."),
        (
            "It builds on lamps, proposing instead a more flexible way to make much light.",
            "A more flexible way to make much light.",
        ),
        ("Lamps are old.", "Employ mirrors."),
    ],
)
def test_what_is_new_is_found_behind_earlier_work(idea: str, said: str) -> None:
    assert gist("", ("Ideas", idea), ("Methods", "Employ mirrors.")) == said


def test_a_point_in_short_tells_it_best() -> None:
    said = gist(
        "Light is old. Nobody knows it.",
        ("TL;DR", "the paper introduces halo, a fast model of light."),
        ("Topic", "Light."),
    )
    assert said == "Halo, a fast model of light."


def test_where_there_is_only_a_result_or_a_topic_that_is_told() -> None:
    assert gist("", ("Results", "Halo wins by 5%.")) == "Halo wins by 5%."
    assert gist("", ("Topic", "Light in the dark.")) == "Light in the dark."


def test_a_result_that_repeats_the_beginning_is_not_told_twice() -> None:
    summary = "i) Halo improves all models of light by 12%. ii) Halo improves all models of light by 12% and is nice."
    assert gist(summary).count("12%") == 1
    assert (
        gist(
            "i) Halo wins 5% on sets of light. ii) X. iii) Y. iv) Halo wins 5% on sets of light. v) Z."
        ).count("5%")
        == 1
    )


def test_a_long_result_is_told_up_to_a_clause() -> None:
    result = "Halo improves sight by 12%, " + "demonstrating that light is " + "very " * 40 + "good."
    assert gist(WHAT, ("Results", result)) == "Halo, a model of light. Halo improves sight by 12%."
    assert gist(WHAT, ("Results", "Halo is, " + "being " * 60 + "good.")) == "Halo, a model of light."


def test_a_result_that_just_fits_is_told() -> None:
    said = "Halo, a model of light."
    room = GIST_LENGTH - len(f"{said} Halo sees .")
    assert gist(WHAT, ("Results", f"Halo sees {'x' * room}.")) == f"{said} Halo sees {'x' * room}."
    assert gist(WHAT, ("Results", f"Halo sees {'x' * room}x.")) == said


def test_what_leads_on_is_not_left_at_the_end_of_a_clause() -> None:
    result = "Halo outperforms all lamps, for example, showing that light is " + "very " * 50 + "good."
    assert gist(WHAT, ("Results", result)) == "Halo, a model of light. Halo outperforms all lamps."


def test_a_clause_without_a_result_or_with_an_open_bracket_is_no_result() -> None:
    result = "Halo sees light (improving by 12%, showing " + "very " * 60 + "much)."
    assert gist(WHAT, ("Results", result)) == "Halo, a model of light."


def test_a_long_first_sentence_is_cut_between_words_that_can_end() -> None:
    said = gist("We present " + "a thing of the " * 30 + "world.")
    assert said.endswith("thing…")
    assert len(said) <= GIST_LENGTH


def test_what_introduces_something_is_found_late_in_a_long_sentence() -> None:
    said = gist(
        "Lamps are "
        + "very " * 30
        + "old, but in this paper we introduce a lamp of an entirely new kind that thinks."
    )
    assert said == "A lamp of an entirely new kind that thinks."


def test_what_is_introduced_in_few_words_does_not_stand_without_what_comes_before() -> None:
    before, introduced = "Lamps are " + "very " * 30 + "old, but ", "in this paper we introduce a lamp of "
    assert gist(f"{before}{introduced.ljust(59, 'x')}.").startswith("Lamps are")
    assert gist(f"{before}{introduced.ljust(60, 'x')}.").startswith("A lamp of")


def test_a_sentence_of_one_word_takes_the_next_along() -> None:
    assert gist("Halo is a way. It makes light.") == "Halo is a way. It makes light."


@pytest.mark.parametrize(
    ("label", "role", "words"),
    [
        ("📊 Results and Evaluation", "result", "Results and Evaluation"),
        ("**Main research question/objective:**", "problem", "Main research question/objective"),
        ("Why selected", "other", "Why selected"),
        ("💡 先前研究与新思路", "idea", "先前研究与新思路"),
        ("TL;DR", "gist", "TL;DR"),
        ("Anything", "other", "Anything"),
    ],
)
def test_labels_tell_what_a_part_is(label: str, role: str, words: str) -> None:
    assert (role_of(label), label_words(label)) == (role, words)


@given(
    st.lists(
        st.sampled_from(
            [
                "We",
                "present",
                "of",
                "the",
                "a",
                "graph.",
                "Results",
                "show",
                "5%,",
                "i)",
                "ii)",
                "。",
                "**x:**",
            ]
        ),
        max_size=90,
    )
)
def test_any_summary_gives_a_gist_within_its_length_that_does_not_dangle(words: list[str]) -> None:
    said = gist(" ".join(words))
    assert len(said) <= GIST_LENGTH
    if said.endswith("…") and " " in said:
        assert said[:-1].split()[-1].lower() not in DANGLING


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("The main objective is to see in the dark.", "See in the dark."),
        ("Experiments show that Halo wins.", "Halo wins."),
        (
            "The key methodology involves 1) light, and 2) dark.",
            "The key methodology involves 1) light, and 2) dark.",
        ),
        ("Halo wins.", "Halo wins."),
    ],
)
def test_a_labelled_part_does_not_repeat_its_label(text: str, said: str) -> None:
    assert without_part_opening(text) == said
