"""The mail that asks the owner of an address."""

from dataclasses import replace

import pytest
from selectolax.lexbor import LexborHTMLParser

from bot.adapters.email.confirmation import confirmation_mail
from bot.adapters.email.publisher import EmailPublisher
from bot.domain.errors import Refused
from bot.domain.sign_ups import ConfirmationRequest
from tests.adapters.email.test_compose import SETTINGS, html_of, parsed, text_of, words
from tests.domain.test_sign_ups import ASKED

REQUEST = ConfirmationRequest(sign_up=ASKED, token="t0ken")
LINK = "https://papers.example.org/confirm/t0ken"


def asked(**parts: str):
    return parsed(confirmation_mail(replace(REQUEST, sign_up=replace(ASKED, **parts)), SETTINGS))


def test_it_says_what_was_asked_how_long_it_holds_and_what_no_answer_means() -> None:
    mail = asked()
    assert mail.keys() == [
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
    ]  # fmt: skip
    assert mail["Subject"] == "Please confirm: new papers from Paperboy"
    assert mail["To"] == "ann@example.org"
    tree = LexborHTMLParser(html_of(mail))
    assert tree.css_first(".button").attributes["href"] == LINK
    for part in (words(text_of(mail)), words(tree.body.text())):
        assert "new papers on “rag”" in part
        assert "Sunday, 20 September 2026" in part
        assert "ignore this mail" in part
    assert LINK in text_of(mail)


@pytest.mark.parametrize("query", ["BUY at http://evil.example", "<b>now</b>"])
def test_a_query_that_could_be_an_advertisement_is_not_repeated(query: str) -> None:
    mail = asked(query=query)
    assert query not in text_of(mail)
    assert "of a search" in text_of(mail)


def test_a_chinese_visitor_is_asked_in_chinese() -> None:
    assert asked(language="zh")["Subject"] == "请确认：来自 Paperboy 的新论文"


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(Refused):
        asked(address="a@b.c\nBcc: d@e.f")


async def test_the_publisher_sends_it() -> None:
    sent: list[tuple[str, str, str]] = []

    class Transport:
        at_once = None
        harmless_twice = False

        async def deliver(self, message: bytes, *, sender: str, recipient: str, name: str) -> None:
            sent.append((sender, recipient, name))

        async def close(self) -> None:
            pass

    await EmailPublisher(SETTINGS, Transport()).ask(REQUEST)
    assert sent == [("paperboy@example.org", "ann@example.org", "a")]
