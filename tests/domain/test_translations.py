"""The words of messages: numbers and days in each language."""

from datetime import date

from bot.domain.translations import wording


def test_one_paper_and_one_question_are_named_in_the_singular() -> None:
    english = wording("en")
    assert english.count(1) != english.count(2).replace("2", "1")
    assert english.quiz(1) != english.quiz(2).replace("2", "1")
    assert "2" in english.count(2)
    assert "2" in english.quiz(2)


def test_a_day_is_written_out_in_the_readers_language() -> None:
    assert wording("en").day(date(2026, 9, 18)) == "Friday, 18 September 2026"
    assert "9月18日" in wording("zh").day(date(2026, 9, 18)).replace(" ", "")
