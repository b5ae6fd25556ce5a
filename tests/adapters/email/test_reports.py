"""Delivery reports as mail servers write them, and the folders that they arrive in."""

import asyncio
import mailbox
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.email.content import EmailSettings
from bot.adapters.email.publisher import EmailPublisher
from bot.adapters.email.reports import (
    ImapReports,
    MaildirReports,
    read_report,
    return_address,
)
from bot.adapters.email.servers import ImapFolder
from bot.domain.errors import ReportsUnreadable
from bot.domain.mailbox import Mailbox
from bot.domain.reports import DeliveryReport
from tests.builders import an_item, an_outgoing
from tests.rigs.imap import ImapRig
from tests.rigs.smtp import TlsPair, self_signed

BOUNCES = Mailbox.parse("bounces@example.org")
TOKEN = "abcdefghijklmnopqrstuvwxy2"


def dsn(
    *,
    to: str = f"bounces+{TOKEN}@example.org",
    action: str = "failed",
    status: str = "5.1.1",
    said: str = "smtp; 550 5.1.1 <ann@example.com>: Recipient address rejected: User unknown",
    original: str = "From: Paperboy <paperboy@example.org>\nTo: ann@example.com\nSubject: Papers\n",
) -> bytes:
    """A report in the form of Postfix."""
    return f"""\
Return-Path: <>
Date: Fri, 18 Sep 2026 08:00:05 +0000 (UTC)
From: MAILER-DAEMON@mail.example.org (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: {to}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
	boundary="6B1.1758182405/mail.example.org"
Message-Id: <20260918080005.7C2@mail.example.org>

This is a MIME-encapsulated message.

--6B1.1758182405/mail.example.org
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

--6B1.1758182405/mail.example.org
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.org
X-Postfix-Queue-ID: 6B1
Arrival-Date: Fri, 18 Sep 2026 08:00:01 +0000 (UTC)

Final-Recipient: rfc822; ann@example.com
Original-Recipient: rfc822;ann@example.com
Action: {action}
Status: {status}
Remote-MTA: dns; mx.example.com
Diagnostic-Code: {said}

--6B1.1758182405/mail.example.org
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

{original}
--6B1.1758182405/mail.example.org--
""".encode()


def complaint(kind: str = "abuse", *, to: str = "fbl@example.org") -> bytes:
    """A report in the form of RFC 5965, appendix B."""
    return f"""\
From: <abusedesk@example.com>
To: {to}
Subject: FW: 3 on agents
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report;
     boundary="part1_13d.2e68ed54_boundary"

--part1_13d.2e68ed54_boundary
Content-Type: text/plain; charset="US-ASCII"

This is an email abuse report.

--part1_13d.2e68ed54_boundary
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <bounces+{TOKEN}@example.org>
Source-IP: 192.0.2.1

--part1_13d.2e68ed54_boundary
Content-Type: message/rfc822

From: Paperboy <paperboy@example.org>
To: ann@example.com
Subject: 3 on agents

Papers
--part1_13d.2e68ed54_boundary--
""".encode()


def kind_of(content: bytes) -> str | None:
    report = read_report(content, BOUNCES)
    return report.kind if report else None


def test_a_report_on_an_unknown_user_names_the_target_and_the_reason() -> None:
    assert read_report(dsn(), BOUNCES) == DeliveryReport(
        kind="gone",
        tokens=(TOKEN,),
        what="550 5.1.1 <ann@example.com>: Recipient address rejected: User unknown",
    )


@pytest.mark.parametrize(
    ("action", "status", "said", "expected"),
    [
        ("failed", "5.1.1", "smtp; 550 no", "gone"),
        ("failed", "5.1.10", "smtp; 550 5.1.10 RESOLVER.ADR.RecipientNotFound", "gone"),
        ("failed", "5.1.2", "", "gone"),
        ("failed", "5.2.1", "smtp; 550 5.2.1 The email account that you tried to reach is disabled", "gone"),
        ("failed", "5.0.0", "smtp; 550 5.1.1 User unknown", "gone"),
        ("failed (bounced)", "5.1.1 (unknown)", "smtp; 550 no", "gone"),
        ("failed", "5.1.8", "smtp; 550 5.1.8 bad sender", "soft"),
        ("failed", "5.2.2", "smtp; 552 5.2.2 mailbox full", "soft"),
        ("failed", "5.7.1", "smtp; 550 5.7.1 policy", "soft"),
        ("failed", "5.4.4", "", "soft"),
        ("failed", "", "", "soft"),
        ("failed", "5.0.0", "smtp; 550 refused", "soft"),
        ("failed", "4.4.7", "smtp; 450 4.4.7 message expired", "soft"),
        ("delayed", "4.4.1", "smtp; connect timed out", "soft"),
        ("delayed", "5.1.1", "", "soft"),
        ("delivered", "2.0.0", "", None),
        ("relayed", "2.0.0", "", None),
    ],
)
def test_only_what_says_that_there_is_no_such_mailbox_is_hard(
    action: str, status: str, said: str, expected: str | None
) -> None:
    assert kind_of(dsn(action=action, status=status, said=said)) == expected


def test_a_complaint_is_known_by_the_address_that_it_says_the_mail_was_from() -> None:
    report = read_report(complaint(), BOUNCES)
    assert report == DeliveryReport(kind="complaint", tokens=(TOKEN,), what="complaint by SomeGenerator/1.0")


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "opt-out"])
def test_other_feedback_is_no_complaint(kind: str) -> None:
    assert kind_of(complaint(kind)) is None


@pytest.mark.parametrize(
    "to",
    [
        "bounces@example.org",
        f"bounces+{TOKEN[:-1]}@example.org",
        f"bounces+{TOKEN}@example.org.evil.example",
        f"other+{TOKEN}@example.org",
        f"xbounces+{TOKEN}@example.org",
        f"bounces+{TOKEN}@examplexorg",
    ],
)
def test_other_addresses_bring_no_token(to: str) -> None:
    report = read_report(dsn(to=to), BOUNCES)
    assert report is not None
    assert report.tokens == ()


def test_the_token_is_read_from_where_servers_keep_the_envelope() -> None:
    upper = dsn(to=f"BOUNCES+{TOKEN.upper()}@Example.ORG")
    delivered = f"Delivered-To: bounces+{TOKEN}@example.org\n".encode() + dsn(to="postmaster@example.org")
    returned = dsn(to="postmaster@example.org", original=f"Return-Path: <bounces+{TOKEN}@example.org>\n")
    for content in (upper, delivered, returned):
        report = read_report(content, BOUNCES)
        assert report is not None
        assert report.tokens == (TOKEN,)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"Subject: Out of office\n\nI am away until Monday.\n",
        b"Subject: Re: 3 on agents\nTo: bounces+" + TOKEN.encode() + b"@example.org\n\n5.1.1 Thanks!\n",
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\n\n--x\n",
        b"".join(
            b'Content-Type: multipart/report; boundary="b%d"\n\n--b%d\n' % (number, number)
            for number in range(3000)
        ),
        b"Content-Type: multipart/report; report-type*=utf-9''x; boundary=x\n\n--x--\n",
    ],
)
def test_what_is_no_report_is_none(content: bytes) -> None:
    assert read_report(content, BOUNCES) is None


@given(where=st.integers(0, len(dsn())), junk=st.binary(max_size=40))
def test_damaged_reports_never_raise(where: int, junk: bytes) -> None:
    whole = dsn()
    read_report(whole[:where] + junk + whole[where + len(junk) :], BOUNCES)


# --- the envelope


class KeptSenders:
    at_once = None
    harmless_twice = False

    def __init__(self) -> None:
        self.senders: list[str] = []

    async def deliver(self, message: bytes, *, sender: str, **_: object) -> None:
        self.senders.append(sender)

    async def close(self) -> None:
        pass


async def test_a_mail_comes_back_to_an_address_that_names_its_target() -> None:
    kept = KeptSenders()
    outgoing = an_outgoing(an_item(1), return_token=TOKEN)
    plain = EmailSettings(sender=Mailbox.parse("paperboy@example.org"))
    with_bounces = EmailSettings(sender=Mailbox.parse("paperboy@example.org"), bounces=BOUNCES)
    assert not EmailPublisher(plain, kept).capabilities.reports
    assert EmailPublisher(with_bounces, kept).capabilities.reports
    await EmailPublisher(with_bounces, kept).send(outgoing)
    await EmailPublisher(plain, kept).send(outgoing)
    assert kept.senders == [return_address(BOUNCES, TOKEN), "paperboy@example.org"]


# --- where they arrive


def taken(box: MaildirReports | ImapReports) -> list[str]:
    reports: list[DeliveryReport] = []
    box.read(reports.append)
    return [report.kind for report in reports]


def test_a_maildir_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    assert taken(MaildirReports(tmp_path / "none", BOUNCES)) == []


def test_reports_in_a_maildir_are_taken_once_and_other_mail_is_left_alone(tmp_path: Path) -> None:
    folder = mailbox.Maildir(tmp_path / "mail")
    folder.add(dsn())
    folder.add(b"Subject: hello\n\nA person writes.\n")
    opened = mailbox.MaildirMessage(complaint())
    opened.set_subdir("cur")
    folder.add(opened)
    box = MaildirReports(tmp_path / "mail", BOUNCES)
    assert sorted(taken(box)) == ["complaint", "gone"]
    assert taken(box) == []
    assert taken(MaildirReports(tmp_path / "mail", BOUNCES)) == []
    left = {message["Subject"]: message.get_flags() for message in mailbox.Maildir(tmp_path / "mail")}
    assert left == {"Undelivered Mail Returned to Sender": "S", "hello": "", "FW: 3 on agents": "S"}


def test_a_report_that_could_not_be_stored_is_taken_again(tmp_path: Path) -> None:
    mailbox.Maildir(tmp_path / "mail").add(dsn())
    box = MaildirReports(tmp_path / "mail", BOUNCES)

    def fail(_: DeliveryReport) -> None:
        raise RuntimeError("the state is locked")

    with pytest.raises(RuntimeError):
        box.read(fail)
    assert taken(box) == ["gone"]


def test_links_and_pipes_in_a_maildir_are_left_alone(tmp_path: Path) -> None:
    import os

    (tmp_path / "report").write_bytes(dsn())
    new = tmp_path / "mail" / "new"
    new.mkdir(parents=True)
    (new / "link").symlink_to(tmp_path / "report")
    os.mkfifo(new / "pipe")
    assert taken(MaildirReports(tmp_path / "mail", BOUNCES)) == []


def test_a_maildir_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "new").write_text("a file")
    with pytest.raises(ReportsUnreadable, match="mail"):
        taken(MaildirReports(tmp_path / "mail", BOUNCES))


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TlsPair:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def imap(tls: TlsPair) -> AsyncIterator[ImapRig]:
    async with ImapRig(tls.server, password="s3cret") as rig:
        yield rig


def imap_box(rig: ImapRig, tls: ssl.SSLContext | None, password: str = "s3cret") -> ImapReports:
    folder = ImapFolder(host="127.0.0.1", port=rig.port, user="bounces", folder='Lists "a"')
    return ImapReports(folder, BOUNCES, password=password, tls=tls)


async def test_reports_on_an_imap_server_are_marked_as_seen_and_other_mail_is_left_alone(
    imap: ImapRig, tls: TlsPair
) -> None:
    imap.mails = [dsn(), b"Subject: hello\r\n\r\nA person writes.\r\n", complaint()]
    box = imap_box(imap, tls.client)
    assert await asyncio.to_thread(taken, box) == ["gone", "complaint"]
    assert imap.seen == {1, 3}
    assert imap.selected == 'Lists "a"'
    fetched = imap.fetched
    assert await asyncio.to_thread(taken, box) == []
    assert imap.fetched == fetched


async def test_an_imap_server_is_trusted_by_its_certificate_only(imap: ImapRig) -> None:
    with pytest.raises(ReportsUnreadable, match="certificate"):
        await asyncio.to_thread(taken, imap_box(imap, None))


async def test_a_refused_password_is_said_and_not_repeated(imap: ImapRig, tls: TlsPair) -> None:
    box = imap_box(imap, tls.client, password="wr0ng")
    with pytest.raises(ReportsUnreadable, match="LOGIN") as caught:
        await asyncio.to_thread(taken, box)
    assert "wr0ng" not in str(caught.value) + repr(box)
