"""Whom a mail may go to that nobody asked for yet, and what may stand in it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.sign_ups import MOST_PER_ADDRESS, MOST_PER_HOUR, SignUp, is_harmless, may_ask
from tests.builders import NOW

HOUR = timedelta(hours=1)
ASKED = SignUp(
    id="a", address="ann@example.org", query="rag", language="en", deliver="daily at 08:00", timezone="UTC", asked_at=NOW
)  # fmt: skip
CONFIRMED = replace(ASKED, confirmed_at=NOW + HOUR)


def test_an_address_gets_one_mail_a_day():
    assert may_ask([], 0, NOW)
    assert not may_ask([ASKED], 1, NOW + 23 * HOUR)
    assert may_ask([ASKED], 1, NOW + 24 * HOUR)


def test_an_owner_who_said_yes_may_ask_for_more():
    assert may_ask([CONFIRMED], 1, NOW + HOUR)
    assert not may_ask([CONFIRMED, ASKED], 2, NOW + HOUR)
    assert not may_ask([CONFIRMED] * MOST_PER_ADDRESS, 5, NOW + HOUR)


def test_all_addresses_together_get_so_many_an_hour():
    assert may_ask([], MOST_PER_HOUR - 1, NOW)
    assert not may_ask([], MOST_PER_HOUR, NOW)


@pytest.mark.parametrize(
    "query", ["rag", "(agent OR tool use) AND NOT survey", 'title:"扩散模型"', "=RAG quantiz*"]
)
def test_a_query_of_words_fields_and_operators_may_stand_in_a_mail(query: str):
    assert is_harmless(query)


@pytest.mark.parametrize(
    "query",
    ["see http://evil.example", "evil.example", "a@b", "<b>now</b>", "word " * 20, "a\nb", "100 % off!"],
)
def test_what_could_be_a_link_or_an_advertisement_may_not(query: str):
    assert not is_harmless(query)
