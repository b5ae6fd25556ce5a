"""Places as the configuration writes them."""

import pytest

from bot.adapters.telegram.client import ChatAddress, addresses_of, parse_address


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("123", ChatAddress(id=123)),
        ("-100123", ChatAddress(id=-100123)),
        ("@papers", ChatAddress(id="@papers")),
        ("-100123/7", ChatAddress(id=-100123, topic=7)),
        ("-100123/1", ChatAddress(id=-100123)),
        ("@papers/7", ChatAddress(id="@papers", topic=7)),
        ("-100123/New papers", ChatAddress(id=-100123, topic_name="new papers")),
    ],
)
def test_an_address_names_a_place(address: str, place: ChatAddress) -> None:
    assert parse_address(address) == place


def test_a_chat_is_found_under_every_name_it_may_have() -> None:
    assert addresses_of(-100123, username="papers") == ("-100123", "@papers", "-100123/1")
    assert addresses_of(-100123, topic=7) == ("-100123/7",)
    assert addresses_of(-100123, username="Papers", topic=7, topic_name="RAG") == (
        "-100123/7",
        "@papers/7",
        "-100123/rag",
        "@papers/rag",
    )
    assert addresses_of(123) == ("123", "123/1")
