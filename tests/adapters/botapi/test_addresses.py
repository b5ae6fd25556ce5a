"""Places as the configuration writes them."""

import pytest

from bot.adapters.botapi.addresses import Place, addresses_of, parse_place


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("123", Place(chat=123)),
        ("-100123", Place(chat=-100123)),
        ("@papers", Place(chat="@papers")),
        ("-100123/7", Place(chat=-100123, topic=7)),
        ("-100123/1", Place(chat=-100123)),
        ("@papers/7", Place(chat="@papers", topic=7)),
    ],
)
def test_an_address_names_a_place(address: str, place: Place) -> None:
    assert parse_place(address) == place


def test_a_chat_is_found_under_every_name_it_may_have() -> None:
    assert addresses_of(-100123, username="papers") == ("-100123", "@papers", "-100123/1")
    assert addresses_of(-100123, topic=7) == ("-100123/7",)
    assert addresses_of(123) == ("123", "123/1")
