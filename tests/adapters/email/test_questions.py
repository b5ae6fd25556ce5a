"""The quiz in a mail: questions beside their papers, answers at the end, the same in text and HTML."""

import re
from dataclasses import replace

from selectolax.lexbor import LexborHTMLParser

from bot.domain.papers import Question
from tests.adapters.email.test_compose import a_mail, html_of, text_of, words
from tests.builders import a_question, a_quiz, a_reason, an_item

GUESSED = Question(
    question="What hides the rest?",
    options=("Clouds", "A dome"),
    answer=0,
    answer_source="inferred",
    confidence=0.974,
    confident=True,
)
UNSURE = replace(GUESSED, question="Who looked?", confidence=0.5, confident=False)


def quizzed(*quiz: Question, number: int = 1, **parts: object):
    return replace(an_item(number, a_reason(), **parts), quiz=quiz)


def plain_of(mail) -> tuple[str, str]:
    """Both parts as running words."""
    html = LexborHTMLParser(html_of(mail)).body.text(separator=" ")
    return words(text_of(mail)), words(html)


def test_a_mail_without_quizzes_has_no_answers() -> None:
    for part in plain_of(a_mail(an_item(1))):
        assert "Answers" not in part


def test_every_option_stands_lettered_and_the_answer_at_the_end_names_the_right_one() -> None:
    question = a_question("How many?", "Twelve", "Two", "Two hundred", answer=0)
    for part in plain_of(a_mail(quizzed(question))):
        body, _, end = part.partition("Answers")
        assert "1. How many?" in body
        letters = {text: letter for letter, text in re.findall(r"\b([A-C])\. (Two hundred|Twelve|Two)", body)}
        assert len(letters) == 3
        assert f"1. {letters['Twelve']}. Twelve" in end


def test_questions_count_through_the_whole_mail_in_both_parts() -> None:
    mail = a_mail(quizzed(*a_quiz(2)), quizzed(*a_quiz(1, of="that"), number=2))
    for part in plain_of(mail):
        body, _, end = part.partition("Answers")
        assert body.index("1. What is thing 0 of it?") < body.index("2. What is thing 1 of it?")
        assert "3. What is thing 0 of that?" in body
        assert [int(number) for number in re.findall(r"(\d)\. [A-C]\. ", end)] == [1, 2, 3]


def test_it_is_said_how_sure_a_worked_out_answer_is_and_that_there_is_none() -> None:
    for part in plain_of(a_mail(quizzed(GUESSED, UNSURE))):
        assert "Clouds (worked out, 97 %)" in part
        assert "2. The digest gives no answer." in part


def test_what_cannot_be_asked_is_left_out() -> None:
    for part in plain_of(
        a_mail(quizzed(a_question("Alone?", "only", answer=None), a_question("Both?", "a", "b")))
    ):
        assert "Alone?" not in part
        assert "1. Both?" in part


def test_questions_are_shown_as_text() -> None:
    evil = a_question("<script>x</script> & $x^2$?", "<b>a</b>", "b\u202e", answer=0)
    mail = a_mail(quizzed(evil))
    assert "<script>x" not in html_of(mail)
    assert "\u202e" not in text_of(mail)


def test_entries_that_have_no_room_take_their_answers_with_them() -> None:
    many = [quizzed(*a_quiz(12, of=f"paper {number} " + "x" * 900), number=number) for number in range(1, 20)]
    text, html = plain_of(a_mail(*many))
    for part in (text, html):
        body, _, end = part.partition("Answers")
        asked = re.findall(r"(\d+)\. What is thing", body)
        answered = re.findall(r"(\d+)\. [A-C]\. The", end)
        assert asked == answered
    assert len(asked) < 19 * 12


def test_chinese_mails_speak_chinese() -> None:
    mail = a_mail(quizzed(GUESSED), language="zh")
    for part in plain_of(mail):
        assert "答案" in part
        assert "推断所得，97 %" in part
