"""Answers worked out from the text, and how guessable a question is."""

import datetime as dt
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.answer_model import load_model
from bot.adapters.readers import read_digest
from bot.domain.digests import merge
from bot.domain.papers import Edition, Paper, PaperId, Point, Question, Summary
from bot.domain.quizzes.answers import AnswerModel, guessability, guesses, pick_one, with_answers
from bot.domain.quizzes.paper_text import PaperText, width

TEXT = PaperText(
    parts=(
        ("title", "Sparse attention for long documents"),
        ("problem", "Softmax attention is too slow. It grows with the square of the length."),
        ("methods", "We select key blocks with an index branch. The branch is trained with a KL loss."),
        ("results", "Attention needs 28.4× less compute at 1M tokens, and decoding is 7.6× faster."),
    )
)
MODEL = AnswerModel(
    weights={"ov.frac": 3.0, "len.ratio": 1.0, "neg.ov.frac": -3.0, "px.own": 1.0},
    plain_weights={"ov.frac": 3.0},
    columns=("ov.frac", "~len.ratio"),
    trees=((0, 0.5, 0, 0.3, -0.2, 0.0, 1, 0.0, 0.1, 0.2),),
    odds={"only": -1.0, "^ it": 0.5},
    rarity={"attention": 1.0},
    unknown_rarity=2.0,
    temperature=1.0,
    plain_temperature=1.0,
)
HOW = Question(
    question="How does the method choose what to attend to?",
    options=(
        "By sorting tokens at random",
        "By selecting key blocks with an index branch",
        "By a larger cache",
    ),
)


def paper(**parts: object) -> Paper:
    return Paper(id=PaperId("arxiv:2606.13392"), title="Sparse attention for long documents", **parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "tree",
    [
        (0, 1.0, 0, 0.0, 0.0, 0.0, 0, 0.5, -2.0, 2.0),
        (0, 2.0, 0, 1.0, -2.0, 2.0, 0, 0.0, 0.0, 0.0),
        (0, 0.5, 0, 0.0, 0.0, 0.0, 0, 1.0, -2.0, 2.0),
    ],
)
def test_a_tree_goes_to_its_upper_side_from_the_bound_on(tree):
    model = replace(MODEL, weights={}, columns=("sign.paren",), trees=(tree,))
    bare, marked = model.probabilities(replace(HOW, options=("a block", "a block (big)")), TEXT)

    assert marked > bare


def test_the_option_that_the_text_speaks_of_is_the_answer():
    guess = MODEL.infer(HOW, TEXT)

    assert guess is not None
    assert guess.answer == 1
    assert guess.confidence > 0.5


def test_a_question_for_what_is_not_so_is_answered_with_what_the_text_does_not_say():
    asked = replace(
        HOW, question="Which of these is NOT a part of the method?", options=("Key blocks", "Wavelets")
    )

    guess = MODEL.infer(asked, TEXT)

    assert guess is not None
    assert guess.answer == 1


@pytest.mark.parametrize("options", [(), ("The only one",)])
def test_a_question_without_a_choice_has_no_guess(options):
    assert MODEL.infer(replace(HOW, options=options), TEXT) is None


def test_a_paper_without_any_text_gives_no_guess():
    assert MODEL.infer(HOW, PaperText(parts=(("title", " "),))) is None


def test_a_chinese_question_is_answered_from_chinese_points():
    text = PaperText(parts=(("methods", "该方法用索引分支选择关键块，并用KL损失训练。"),))
    asked = Question(
        question="该方法如何选择内容？", options=("随机排序", "用索引分支选择关键块", "扩大缓存")
    )

    guess = MODEL.infer(asked, text)

    assert guess is not None
    assert guess.answer == 1


OPTION = st.text(alphabet="ab cdE 12.%(),-\"'×最大块", max_size=30)


@settings(max_examples=60, deadline=None)
@given(
    options=st.lists(OPTION, min_size=2, max_size=5, unique=True),
    asked=st.text(max_size=60),
    chance=st.randoms(),
)
def test_the_answer_follows_its_option_wherever_it_stands(options, asked, chance):
    model = load_model()
    shuffled = list(range(len(options)))
    chance.shuffle(shuffled)
    question = Question(question=asked, options=tuple(options))
    moved = replace(question, options=tuple(options[index] for index in shuffled))

    chances = model.probabilities(question, TEXT)

    assert [chances[index] for index in shuffled] == model.probabilities(moved, TEXT)
    assert sum(chances) == pytest.approx(1)
    first, second = model.infer(question, TEXT), model.infer(moved, TEXT)
    assert first is not None
    assert second is not None
    assert first.confidence == second.confidence == round(max(chances), 4)


def test_equal_options_share_their_probability():
    chances = MODEL.probabilities(replace(HOW, options=("Wavelets", "Key blocks", "Key blocks")), TEXT)

    assert chances[1] == chances[2] > chances[0]


def test_a_guess_fills_only_what_has_no_answer_and_is_marked():
    keyed = replace(HOW, answer=0, answer_source="key")
    known = paper(editions=(Edition(language="en", points=(Point(label="Methods", text=TEXT.parts[2][1]),)),))

    first, second = with_answers((keyed, HOW), known, "en", MODEL, 0.9)

    assert first is keyed
    assert (second.answer, second.answer_source) == (1, "inferred")
    assert second.confidence is not None


def test_a_guess_is_usable_from_the_least_confidence_on():
    known = paper(editions=(Edition(language="en", points=(Point(label="Methods", text=TEXT.parts[2][1]),)),))
    (guess,) = with_answers((HOW,), known, "en", MODEL, 0.0)
    assert guess.confidence is not None
    assert guess.usable_answer == guess.answer

    (just_enough,) = with_answers((HOW,), known, "en", MODEL, guess.confidence)
    (too_little,) = with_answers((HOW,), known, "en", MODEL, guess.confidence + 0.001)

    assert just_enough == guess
    assert (too_little.answer, too_little.usable_answer) == (guess.answer, None)


def test_a_question_that_cannot_be_guessed_stays_as_it_is():
    alone = replace(HOW, options=("The only one",))

    assert with_answers((alone,), paper(), "en", MODEL, 0.9) == (alone,)


def test_a_translated_quiz_takes_the_key_of_its_twin():
    english = replace(HOW, answer=2, answer_source="key")
    chinese = Question(
        question="该方法如何选择内容？", options=("随机排序", "用索引分支选择关键块", "更大的缓存")
    )
    known = paper(editions=(Edition(language="en", quiz=(english,)), Edition(language="zh", quiz=(chinese,))))

    (answered,) = with_answers((chinese,), known, "zh", MODEL, 0.9)

    assert (answered.answer, answered.answer_source) == (2, "inferred")


def test_a_translated_quiz_without_any_key_takes_the_guess_on_the_english_one():
    english = replace(HOW, options=("Wavelets", "Larger caches", "Key blocks with an index branch"))
    chinese = Question(question="该方法如何选择内容？", options=("用小波", "扩大缓存", "选择"))
    points = (Point(label="Methods", text=TEXT.parts[2][1]),)
    known = paper(
        editions=(
            Edition(language="en", points=points, quiz=(english,)),
            Edition(language="zh", quiz=(chinese,)),
        )
    )

    (answered,) = with_answers((chinese,), known, "zh", MODEL, 0.9)

    assert answered.answer == 2


def test_a_quiz_of_another_shape_is_no_twin():
    other = Question(question="What is new?", options=("This", "That"), answer=1, answer_source="key")
    known = paper(
        summaries=(Summary(text=TEXT.parts[2][1], digest="a.md"),),
        editions=(Edition(language="en", quiz=(HOW,)), Edition(language="zh", quiz=(other,))),
    )

    (answered,) = with_answers((HOW,), known, "en", MODEL, 0.9)

    assert answered.answer == 1


def test_the_seed_whose_key_is_known_is_answered_rightly(seeds):
    file = seeds / "002_7448b9b0a17a3cd7.txt"
    digest = read_digest(file.read_bytes(), name=file.name)

    found = []
    for entry in digest.entries:
        known = merge(None, entry, digest=file.name, day=digest.date)
        quiz = with_answers(known.edition("en").quiz, known, "en", load_model(), 0.9)
        found.append("".join("ABC"[question.answer] for question in quiz if question.answer is not None))
        assert all(question.answer_source == "inferred" for question in quiz)

    assert found == ["ABC", "BCB", "BCB"]


def test_the_shipped_model_answers_real_questions_that_it_has_never_seen(corpus):
    right = sure = right_and_sure = asked = 0
    for file in sorted((corpus / "keys").glob("*.json")):
        if file.stem < "2025-12":
            continue
        flat = corpus / "flat" / f"{file.stem}.txt"
        keys = {
            (paper["title"], question["question"]): question
            for paper in json.loads(file.read_text())
            for question in paper["questions"]
        }
        for entry in read_digest(flat.read_bytes(), name=flat.name).entries:
            known = merge(None, entry, digest=flat.name, day=dt.date.fromisoformat(file.stem))
            for question in with_answers(known.edition("en").quiz, known, "en", load_model(), 0.9):
                key = keys.get((entry.title, question.question))
                if key is None or key["answer_index"] is None or question.answer is None:
                    continue
                hit = question.options[question.answer] == key["options"][key["answer_index"]]
                asked, right = asked + 1, right + hit
                sure, right_and_sure = (
                    sure + question.confident,
                    right_and_sure + (hit and question.confident),
                )

    if asked < 100:
        pytest.skip(f"{asked} unseen keyed questions are too few to judge by")
    assert right / asked >= 0.85
    assert sure / asked >= 0.55
    assert right_and_sure / sure >= 0.95


LONGEST = Question(
    question="How?",
    options=("By sorting", "By selecting key blocks through an index branch", "By a cache"),
    answer=1,
    answer_source="key",
)
SHORT = replace(LONGEST, answer=0)
UNKNOWN = replace(LONGEST, answer=None, answer_source=None)


def test_a_question_whose_longest_option_is_right_can_be_guessed():
    assert guessability(LONGEST) > 0.5 > guessability(SHORT)
    two = replace(LONGEST, options=LONGEST.options[:2])
    assert guessability(two) > 0.5 > guessability(replace(two, answer=0))


def test_the_only_option_with_a_number_is_guessed_more_readily():
    number = replace(LONGEST, options=("With red cells", "With 123 cells", "With big cells"))
    numbers = replace(LONGEST, options=("With 456 cells", "With 123 cells", "With big cells"))

    assert guesses(number)[1] > guesses(number)[0] == guesses(number)[2]
    assert len(set(guesses(numbers))) == 1


def test_the_question_that_needs_reading_is_picked():
    assert pick_one((LONGEST, UNKNOWN, SHORT)) is SHORT


def test_of_equal_questions_the_first_is_picked_and_of_none_none():
    assert pick_one((SHORT, replace(SHORT))) is SHORT
    assert pick_one(()) is None


def test_what_has_no_choice_is_picked_only_where_there_is_nothing_else():
    alone = replace(LONGEST, options=("One",), answer=0)

    assert pick_one((alone, LONGEST)) is LONGEST
    assert pick_one((alone,)) is alone


def test_a_worked_out_answer_counts_as_far_as_it_is_sure():
    sure = replace(SHORT, answer_source="inferred", confidence=1.0)
    unsure = replace(sure, confidence=0.4)

    assert guessability(SHORT) == guessability(sure) < guessability(unsure) < guessability(UNKNOWN)


@given(options=st.lists(st.text(max_size=40), min_size=2, max_size=5), data=st.data())
def test_guessability_is_a_share(options, data):
    answer = data.draw(st.integers(0, len(options) - 1))
    question = Question(question="What?", options=tuple(options), answer=answer, answer_source="key")

    assert 0 <= guessability(question) <= 1
    assert sum(guesses(question)) == pytest.approx(1)


def test_the_longest_option_is_seldom_right_in_the_picked_questions_of_real_pages(corpus):
    picked = longest = every = longest_of_every = 0
    for file in sorted((corpus / "pages").glob("*.html"))[::4]:
        for entry in read_digest(file.read_bytes(), name=file.name).entries:
            quiz = tuple(question for question in entry.edition("en").quiz if question.keyed)
            for question in quiz:
                every, longest_of_every = every + 1, longest_of_every + _longest_is_right(question)
            chosen = pick_one(quiz)
            if chosen is not None:
                picked, longest = picked + 1, longest + _longest_is_right(chosen)

    assert longest / picked <= 0.58
    assert longest_of_every / every >= 0.7


def _longest_is_right(question: Question) -> bool:
    return max(range(len(question.options)), key=lambda at: width(question.options[at])) == question.answer
