"""Addresses of all kinds: what is taken, what is refused, and nothing that could smuggle a header in."""

from pathlib import Path

import pytest

from bot.adapters.email.servers import ImapFolder, SmtpServer
from bot.app.config.addresses import (
    Listen,
    Maildir,
    parse_feed_authority,
    parse_listen,
    parse_mailbox,
    parse_reports,
    parse_state,
    parse_transport,
    parse_web_address,
)
from bot.app.config.validation import Context
from bot.domain.mailbox import Mailbox

CONTEXT = Context(base=Path("/srv/paperboy"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alice@example.org", Mailbox(name="", address="alice@example.org")),
        ("Alice.B+x@Example.ORG", Mailbox(name="", address="Alice.B+x@example.org")),
        ("Paperboy <paperboy@localhost>", Mailbox(name="Paperboy", address="paperboy@localhost")),
        ('"Paper  Boy" <p@x.org>', Mailbox(name="Paper Boy", address="p@x.org")),
        ("Zoë 纸 <p@x.org>", Mailbox(name="Zoë 纸", address="p@x.org")),
        ("<p@x.org>", Mailbox(name="", address="p@x.org")),
        ("a@ä.de", Mailbox(address="a@xn--4ca.de")),
    ],
)
def test_one_mail_address_is_taken(text: str, expected: Mailbox) -> None:
    assert parse_mailbox(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "@example.org",
        "a@b.c, evil@x.y",
        "a@b.c,evil@x.y",
        "A <a@b.c>, B <b@c.d>",
        "A <a@b.c> <b@c.d>",
        "a@b.c\r\nBcc: evil@x.y",
        "a@b.c\n",
        "A\r\nBcc: x <a@b.c>",
        "=?utf-8?q?x=0ABcc:_a=40b.c?= <a@b.c>",
        "a b@c.d",
        "a..b@c.d",
        ".a@c.d",
        "a@c..d",
        "a@-c.d",
        "a@[127.0.0.1]",
        '"a b"@c.d',
        "ä@c.d",
        "x" * 65 + "@c.d",
        "a@" + "x." * 127 + "d",
        "group: a@b.c;",
    ],
)
def test_what_is_not_exactly_one_mail_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be one mail address"):
        parse_mailbox(text)


def test_a_mailbox_is_shown_as_it_is_written() -> None:
    assert str(parse_mailbox("Paperboy <p@x.org>")) == "Paperboy <p@x.org>"
    assert str(parse_mailbox("p@x.org")) == "p@x.org"


@pytest.mark.parametrize("text", ["http://127.0.0.1:8080", "https://x.org/papers", "http://[::1]:80"])
def test_web_addresses_are_taken_without_their_last_slash(text: str) -> None:
    assert parse_web_address(text) == text
    assert parse_web_address(f"{text}/") == text


@pytest.mark.parametrize(
    "text",
    ["", "x.org", "ftp://x.org", "javascript:alert(1)", "http://", "http://x.org/?q", "http://x.org/#f", "http://x y",
     "http://[::1", "//x.org"],
)  # fmt: skip
def test_other_addresses_are_no_web_addresses(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        parse_web_address(text)


def test_a_web_address_with_a_password_is_refused_without_repeating_it() -> None:
    with pytest.raises(ValueError, match=r"^an address with a user or a password; write it without$"):
        parse_web_address("http://me:pw@x.org")


@pytest.mark.parametrize(
    "text", ["paperboy.example,2026", "x.org,2026-05", "x.org,2026-05-31", "me@x.org,2026"]
)
def test_feed_authorities_of_rfc_4151_are_taken(text: str) -> None:
    assert parse_feed_authority(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "x.org", "x.org,26", "x.org,2026-13", "x.org,2026-02-30", "x.org,2026-5", "X.org,2026", "x.org, 2026",
     "http://x.org,2026", "ä.org,2026", "x.org,0000"],
)  # fmt: skip
def test_what_is_no_authority_with_a_real_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_feed_authority(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8080", Listen(host="127.0.0.1", port=8080)),
        ("[::1]:80", Listen(host="::1", port=80)),
        ("localhost:0", Listen(host="localhost", port=0)),
        ("", None),
        (" ", None),
    ],
)
def test_listen_is_host_and_port_or_nothing(text: str, expected: Listen | None) -> None:
    assert parse_listen(text) == expected


@pytest.mark.parametrize(
    "text", ["8080", ":8080", "x", "x:", "x:70000", "x:1/y", "a@x:1", "http://x:1", "::1:80"]
)
def test_other_things_to_listen_on_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be host:port like 127\.0\.0\.1:8080"):
        parse_listen(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("maildir:state/mail", Maildir(folder=Path("/srv/paperboy/state/mail"))),
        ("maildir:/var/mail/x", Maildir(folder=Path("/var/mail/x"))),
        ("smtp://me@x.org", SmtpServer(host="x.org", port=587, user="me", security="starttls")),
        ("smtp://me@x.org@mx.org:2525/", SmtpServer(host="mx.org", port=2525, user="me@x.org", security="starttls")),
        ("smtp://me%40x.org@mx.org", SmtpServer(host="mx.org", port=587, user="me@x.org", security="starttls")),
        ("smtps://x.org", SmtpServer(host="x.org", port=465, user=None, security="tls")),
        ("smtp+plain://127.0.0.1:25", SmtpServer(host="127.0.0.1", port=25, user=None, security="none")),
    ],
)  # fmt: skip
def test_mail_transports_are_taken(text: str, expected: Maildir | SmtpServer) -> None:
    assert parse_transport(text, CONTEXT) == expected


@pytest.mark.parametrize(
    "text",
    ["", "maildir:", "x.org", "smtp:", "smtp://", "http://x.org", "smtp://x.org:0x19", "smtp://x.org:99999",
     "smtp://x.org/path", "smtp://x.org?tls=no", "smtp://x\n.org", "smtp://[::1"],
)  # fmt: skip
def test_other_transports_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        parse_transport(text, CONTEXT)


def test_a_password_in_a_transport_is_refused_without_repeating_it() -> None:
    with pytest.raises(ValueError, match="must not hold the password") as caught:
        parse_transport("smtp://me:hunter2@x.org", CONTEXT)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("maildir:state/reports", Maildir(folder=Path("/srv/paperboy/state/reports"))),
        ("imaps://b@x.org", ImapFolder(host="x.org", port=993, user="b", folder="INBOX")),
        ("imaps://b%40x.org@mx.org:994/Lists/Bounces%20a", ImapFolder(host="mx.org", port=994, user="b@x.org", folder="Lists/Bounces a")),
    ],
)  # fmt: skip
def test_reports_arrive_in_a_maildir_or_on_an_imap_server(
    text: str, expected: Maildir | ImapFolder | None
) -> None:
    assert parse_reports(text, CONTEXT) == expected


@pytest.mark.parametrize(
    "text",
    ["maildir:", "imap://b@x.org/INBOX", "imaps://x.org/INBOX", "imaps://b@/INBOX", "imaps://b@x.org:0x1/",
     "imaps://b@x.org/%0d%0aA1", "imaps://b@x.org/INBOX?x", "imaps://b:hunter2@x.org/INBOX"],
)  # fmt: skip
def test_other_places_of_reports_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must") as caught:
        parse_reports(text, CONTEXT)
    assert "hunter2" not in str(caught.value)


def test_a_state_is_a_file_from_the_base_folder_or_a_postgresql_database() -> None:
    assert parse_state("sqlite:///state/p.db", CONTEXT) == "sqlite:////srv/paperboy/state/p.db"
    assert parse_state("sqlite:////var/p.db", CONTEXT) == "sqlite:////var/p.db"
    assert parse_state("postgresql://u@h/db", CONTEXT) == "postgresql://u@h/db"
    assert parse_state("postgresql:///db?host=/run/postgresql", CONTEXT).startswith("postgresql:///db")


@pytest.mark.parametrize(
    "text",
    ["", "sqlite://", "sqlite:///", "sqlite:///x?mode=ro", "mysql://x/y", "postgresql://h", "state/p.db"],
)
def test_other_states_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        parse_state(text, CONTEXT)
