"""The words of messages: numbers and days in each language."""

from datetime import date

from bot.domain.message import Occasion
from bot.domain.translations import CHINESE, ENGLISH, wording


def test_one_paper_and_one_question_are_named_in_the_singular() -> None:
    english = wording("en")
    assert english.count(1) != english.count(2).replace("2", "1")
    assert english.quiz(1) != english.quiz(2).replace("2", "1")
    assert "2" in english.count(2)
    assert "2" in english.quiz(2)


def test_a_day_is_written_out_in_the_readers_language() -> None:
    assert wording("en").day(date(2026, 9, 18)) == "Friday, 18 September 2026"
    assert "9月18日" in wording("zh").day(date(2026, 9, 18)).replace(" ", "")


def test_a_roll_up_says_why_so_much_comes_at_once() -> None:
    slept, away = Occasion(quiet_hours="22:00–07:00"), Occasion(away_days=12)
    assert slept.heading(ENGLISH, "7 new papers") == "While you slept (22:00–07:00): 7 new papers"
    assert away.heading(ENGLISH, "7 new papers") == "While you were away (12 days): 7 new papers"


def test_a_day_of_this_year_is_written_without_its_year() -> None:
    day = date(2026, 9, 18)
    assert ENGLISH.short_day(day) == "18 Sep 2026"
    assert ENGLISH.short_day(day, date(2026, 12, 1)) == "18 Sep"
    assert CHINESE.short_day(day, date(2027, 1, 1)) == "2026 年 9 月 18 日"


def test_names_are_listed_as_in_a_sentence() -> None:
    assert ENGLISH.listed(["WebSailor"]) == "WebSailor"
    assert ENGLISH.listed(["WebSailor", "ReSum", "THOR"]) == "WebSailor, ReSum and THOR"


def test_others_that_are_not_named_are_counted_in_words_while_they_are_few() -> None:
    assert ENGLISH.listed_more(["WebSailor", "ReSum"], 2) == "WebSailor, ReSum and two more"
    assert ENGLISH.listed_more(["WebSailor", "ReSum"], 57) == "WebSailor, ReSum and 57 more"
    assert CHINESE.listed_more(["WebSailor", "ReSum"], 3) == "WebSailor、ReSum 等 5 篇"
