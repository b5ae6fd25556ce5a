"""Addresses of pages and feeds."""

from datetime import date

import pytest

from bot.domain.papers import PaperId
from bot.domain.site import SiteAddresses, is_loopback

PAPER = PaperId("arxiv:cs/0112017")


def addresses(site: SiteAddresses) -> list[str]:
    return [
        site.front,
        site.public_feed,
        site.private_feed("f"),
        site.archive(date(2026, 9, 1)),
        site.paper(PAPER),
        site.preferences("p"),
        site.objection("p", PAPER),
        site.unsubscribe("u"),
        site.confirm("c"),
    ]


@pytest.mark.parametrize("url", ["https://p.org", "https://p.org/below", "/below", ""])
def test_every_address_begins_with_that_of_the_site_and_keeps_ids_readable(url: str) -> None:
    assert addresses(SiteAddresses(url)) == [
        f"{url}/",
        f"{url}/feed.atom",
        f"{url}/feeds/f.atom",
        f"{url}/archive/2026-09.atom",
        f"{url}/papers/arxiv:cs/0112017",
        f"{url}/preferences/p",
        f"{url}/preferences/p/papers/arxiv:cs/0112017",
        f"{url}/unsubscribe/u",
        f"{url}/confirm/c",
    ]


def test_a_token_and_an_id_cannot_leave_their_part_of_the_path() -> None:
    site = SiteAddresses("https://p.org")
    assert site.preferences("a/b?c") == "https://p.org/preferences/a%2Fb%3Fc"
    assert site.paper(PaperId("title:a b?c#d")) == "https://p.org/papers/title:a%20b%3Fc%23d"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LocalHost", True),
        ("papers.localhost", True),
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("", False),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example.org", False),
        ("notlocalhost", False),
    ],
)
def test_this_machine_is_known_by_its_names_and_addresses(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
