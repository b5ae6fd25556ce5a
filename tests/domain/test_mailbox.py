"""Mail addresses: one is taken, everything else refused."""

import pytest

from bot.domain.mailbox import Mailbox


@pytest.mark.parametrize(
    ("text", "address", "name"),
    [
        ("ada@example.org", "ada@example.org", ""),
        (' "Ada L" <ada@Example.ORG> ', "ada@example.org", "Ada L"),
        ("ada@müller.example", "ada@xn--mller-kva.example", ""),
        ("a" * 64 + "@example.org", "a" * 64 + "@example.org", ""),
    ],
)
def test_an_address_is_read_with_its_name(text: str, address: str, name: str) -> None:
    mailbox = Mailbox.parse(text)
    assert (mailbox.address, mailbox.name) == (address, name)
    assert (mailbox.local_part, mailbox.domain) == tuple(address.split("@"))
    assert str(mailbox) == (f"{name} <{address}>" if name else address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "ada@",
        "@example.org",
        "ada@example.org, bob@example.org",
        '"a b"@example.org',
        "a" * 65 + "@example.org",
        "ada@" + "a" * 64 + ".org",
        "ada@" + "a.b" * 90 + ".org",
        "=?utf-8?q?Ada?= <ada@example.org>",
        "Ada\nBcc: x <ada@example.org>",
        "Ada\rBcc: x <ada@example.org>",
    ],
)
def test_what_is_not_one_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not one mail address"):
        Mailbox.parse(text)
