"""Mails over real SMTP on loopback: TLS as asked for, and no doubt about what went out."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.email import transports
from bot.adapters.email.content import EmailSettings
from bot.adapters.email.publisher import EmailPublisher
from bot.adapters.email.servers import SmtpServer
from bot.adapters.email.transports import SmtpTransport
from bot.domain.errors import (
    ChannelDown,
    OutcomeUnknown,
    Refused,
    TargetGone,
    TargetRefuses,
    TooLarge,
    TryLater,
)
from bot.domain.mailbox import Mailbox
from bot.pipeline import send as sending
from bot.pipeline.dispatch import LEASE
from tests.builders import an_outgoing
from tests.rigs.smtp import HANG_UP, HANG_UP_IN_BODY, SILENCE, SmtpRig, TlsPair, self_signed

PASSWORD = "correct horse 7"
MESSAGE = b"Subject: hello\r\n\r\nA line.\r\n.A line with a dot.\r\n..\r\n"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TlsPair:
    return self_signed(tmp_path_factory.mktemp("tls"))


def a_transport(rig: SmtpRig, *, user: str | None = None, **options) -> SmtpTransport:
    server = SmtpServer(host="127.0.0.1", port=rig.port, security=rig.security, user=user)
    return SmtpTransport(server, **{"timeout": timedelta(seconds=10), **options})


async def deliver(
    transport: SmtpTransport, message: bytes = MESSAGE, *, to: str = "alice@example.org"
) -> None:
    await transport.deliver(message, sender="paperboy@example.org", recipient=to, name="b1")


async def test_a_mail_arrives_byte_for_byte() -> None:
    async with SmtpRig() as rig:
        transport = a_transport(rig)
        await deliver(transport)
        await transport.close()
    (mail,) = rig.mails
    assert (mail.sender, mail.recipient, mail.content) == (
        "paperboy@example.org",
        "alice@example.org",
        MESSAGE,
    )


async def test_the_publisher_gives_the_message_id_and_a_second_try_the_same_bytes() -> None:
    settings = EmailSettings(sender=Mailbox.parse("Paperboy <paperboy@example.org>"))
    async with SmtpRig() as rig:
        publisher = EmailPublisher(settings, a_transport(rig))
        first = await publisher.send(an_outgoing(id="b42"))
        again = await publisher.send(an_outgoing(id="b42"))
        await publisher.close()
    assert first == again
    assert first.message == "<b42@example.org>"
    assert rig.mails[0] == rig.mails[1]
    assert b"Message-ID: <b42@example.org>\r\n" in rig.mails[0].content


async def test_one_connection_carries_many_mails() -> None:
    async with SmtpRig() as rig:
        transport = a_transport(rig)
        for _ in range(5):
            await deliver(transport)
        await transport.close()
    assert len(rig.mails) == 5
    assert rig.counts["connect"] == 1


async def test_a_connection_is_changed_after_its_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transports, "MAILS_PER_CONNECTION", 2)
    async with SmtpRig() as rig:
        transport = a_transport(rig)
        for _ in range(5):
            await deliver(transport)
        await transport.close()
    assert rig.counts["connect"] == 3


async def test_a_kept_connection_that_was_closed_is_replaced_unnoticed() -> None:
    async with SmtpRig() as rig:
        transport = a_transport(rig)
        await deliver(transport)
        rig.answer("rcpt", HANG_UP)
        with pytest.raises(TryLater):
            await deliver(transport)
        await deliver(transport)
        await transport.close()
    assert len(rig.mails) == 2


async def test_a_refused_recipient_does_not_cost_the_connection() -> None:
    async with SmtpRig() as rig:
        rig.answer("rcpt", "550 5.1.1 no such user")
        transport = a_transport(rig)
        with pytest.raises(TargetGone, match=r"550 5\.1\.1 no such user"):
            await deliver(transport, to="nobody@example.org")
        await deliver(transport)
        await transport.close()
    assert [mail.recipient for mail in rig.mails] == ["alice@example.org"]
    assert rig.counts["connect"] == 1


async def test_starttls_is_used_and_its_certificate_checked(tls: TlsPair) -> None:
    async with SmtpRig(security="starttls", tls=tls.server) as rig:
        transport = a_transport(rig, tls=tls.client)
        await deliver(transport)
        await transport.close()
        assert rig.mails[0].over_tls
        with pytest.raises(ChannelDown, match="certificate is not trusted"):
            await deliver(a_transport(rig))
    assert len(rig.mails) == 1


async def test_implicit_tls_is_used_and_its_certificate_checked(tls: TlsPair) -> None:
    async with SmtpRig(security="tls", tls=tls.server) as rig:
        transport = a_transport(rig, tls=tls.client)
        await deliver(transport)
        await transport.close()
        with pytest.raises(ChannelDown, match="certificate is not trusted"):
            await deliver(a_transport(rig))
    assert len(rig.mails) == 1


async def test_a_server_without_starttls_gets_no_mail() -> None:
    async with SmtpRig() as rig:
        server = SmtpServer(host="127.0.0.1", port=rig.port, security="starttls")
        with pytest.raises(ChannelDown, match="STARTTLS"):
            await deliver(SmtpTransport(server))
    assert not rig.mails
    assert rig.counts["mail"] == 0


async def test_a_refused_starttls_is_no_reason_to_go_on_in_plain(tls: TlsPair) -> None:
    async with SmtpRig(security="starttls", tls=tls.server) as rig:
        rig.answer("starttls", "454 4.7.0 TLS not available")
        with pytest.raises(TryLater):
            await deliver(a_transport(rig, tls=tls.client))
    assert rig.counts["mail"] == 0


async def test_sending_without_tls_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async with SmtpRig() as rig:
        transport = a_transport(rig)
        with caplog.at_level(logging.WARNING):
            await deliver(transport)
            await transport.close()
            await deliver(transport)
            await transport.close()
    assert [record.message for record in caplog.records] == ["smtp.without_tls"]


async def test_the_password_is_used_and_never_shown(tls: TlsPair, caplog: pytest.LogCaptureFixture) -> None:
    async with SmtpRig(security="tls", tls=tls.server, password=PASSWORD) as rig:
        transport = a_transport(rig, user="paperboy", password=PASSWORD, tls=tls.client)
        with caplog.at_level(logging.DEBUG, logger="bot"):
            await deliver(transport)
            await transport.close()
            rig.answer("auth", *[f"535 5.7.8 {PASSWORD} is wrong"] * 2)  # one for each way to log in
            with pytest.raises(ChannelDown) as refused:
                await deliver(transport)
    assert rig.mails[0].user == "paperboy"
    for text in (repr(transport), str(refused.value), repr(refused.value), caplog.text):
        assert PASSWORD not in text


async def test_a_wrong_password_stops_the_channel(tls: TlsPair) -> None:
    async with SmtpRig(security="tls", tls=tls.server, password=PASSWORD) as rig:
        with pytest.raises(ChannelDown, match="535"):
            await deliver(a_transport(rig, user="paperboy", password="wrong", tls=tls.client))


async def test_a_server_that_is_not_there_is_tried_later() -> None:
    async with SmtpRig() as rig:
        transport = a_transport(rig)
    with pytest.raises(TryLater) as later:
        await deliver(transport)
    assert later.value.scope == "channel"


@pytest.mark.parametrize(
    ("phase", "scope"),
    [("connect", "channel"), ("mail", "channel"), ("rcpt", "target"), ("data", "target")],
)
async def test_a_connection_lost_before_the_final_dot_means_not_sent(phase, scope) -> None:
    async with SmtpRig() as rig:
        rig.answer(phase, HANG_UP)
        with pytest.raises(TryLater) as later:
            await deliver(a_transport(rig))
    assert later.value.scope == scope
    assert not rig.mails


@pytest.mark.parametrize("first", [True, False])
async def test_a_mail_over_the_servers_size_is_not_even_begun(first) -> None:
    async with SmtpRig(size=200) as rig:
        transport = a_transport(rig)
        if not first:
            await deliver(transport)
        with pytest.raises(TooLarge, match="takes mails of 200 bytes at most, this one has 2"):
            await deliver(transport, b"Subject: long\r\n\r\n" + b"x" * 250 + b"\r\n")
        await deliver(transport)
        await transport.close()
    assert len(rig.mails) == rig.counts["mail"] == (1 if first else 2)
    assert rig.counts["connect"] == 1


async def test_a_server_that_knows_no_ehlo_gets_its_mails_all_the_same() -> None:
    async with SmtpRig() as rig:
        rig.answer("ehlo", "502 5.5.1 unknown")
        transport = a_transport(rig)
        await deliver(transport)
        await transport.close()
    assert len(rig.mails) == 1


async def test_a_connection_lost_within_a_long_mail_means_not_sent() -> None:
    async with SmtpRig() as rig:
        rig.answer("data", HANG_UP_IN_BODY)
        with pytest.raises(TryLater):
            await deliver(a_transport(rig), b"Subject: long\r\n\r\n" + b"x" * 70 + b"\r\n" * 4_000_000)
    assert not rig.mails


async def test_a_connection_lost_after_the_final_dot_is_uncertain() -> None:
    async with SmtpRig() as rig:
        rig.answer("content", HANG_UP)
        with pytest.raises(OutcomeUnknown):
            await deliver(a_transport(rig))
    assert len(rig.mails) == 1


@pytest.mark.parametrize("phase", ["mail", "rcpt", "data"])
async def test_a_mail_that_takes_too_long_before_its_final_dot_was_not_sent(phase) -> None:
    async with SmtpRig() as rig:
        rig.answer(phase, SILENCE)
        transport = a_transport(rig, give_up=timedelta(seconds=0.3))
        with pytest.raises(TryLater, match="for one mail") as told:
            await deliver(transport)
        assert told.value.scope == "target"
        await deliver(transport)
        await transport.close()
    assert len(rig.mails) == 1


async def test_who_waits_too_long_for_a_connection_was_not_sent() -> None:
    async with SmtpRig() as rig:
        transport = a_transport(rig, give_up=timedelta(seconds=0.1))
        async with transport._slots:  # the only connection is another mail's
            with pytest.raises(TryLater):
                await deliver(transport)
        transport._give_up = 10
        await deliver(transport)
        await transport.close()
    assert len(rig.mails) == 1


async def test_a_mail_that_takes_too_long_lets_the_next_one_have_the_connection() -> None:
    async with SmtpRig() as rig:
        transport = a_transport(rig)
        await deliver(transport)  # which loads the library
        rig.answer("data", SILENCE)
        transport._give_up = 0.3
        with pytest.raises(TryLater):
            await deliver(transport)
        transport._give_up = 10
        await deliver(transport)
        await transport.close()
    assert len(rig.mails) == 2


def test_one_mail_takes_no_longer_than_half_the_lease_on_it_and_its_answer() -> None:
    assert transports.GIVE_UP + timedelta(seconds=60) <= LEASE * 0.6
    assert sending.GIVE_UP < LEASE


async def test_an_answer_that_never_comes_after_the_final_dot_is_uncertain() -> None:
    async with SmtpRig() as rig:
        rig.answer("content", "250-and so on")
        with pytest.raises(OutcomeUnknown):
            await deliver(a_transport(rig, timeout=timedelta(seconds=0.3)))
    assert len(rig.mails) == 1


@pytest.mark.parametrize(
    ("phase", "reply", "outcome"),
    [
        ("connect", "421 busy", TryLater),
        ("connect", "554 5.7.1 go away", ChannelDown),
        ("mail", "451 4.7.1 slow down", TryLater),
        ("mail", "550 5.7.1 not you", ChannelDown),
        ("rcpt", "450 4.2.0 greylisted", TryLater),
        ("rcpt", "452 4.2.2 mailbox full", TryLater),
        ("rcpt", "554 5.7.1 blocked", TargetRefuses),
        ("data", "451 4.3.0 not now", TryLater),
        ("content", "421 4.3.2 closing", TargetRefuses),
        ("content", "552 5.2.2 mailbox full", TryLater),
        ("content", "554 5.6.0 we do not like its form", Refused),
    ],
)
async def test_each_refusal_on_the_wire_has_its_outcome(phase, reply, outcome) -> None:
    async with SmtpRig() as rig:
        rig.answer(phase, reply)
        with pytest.raises(outcome) as refused:
            await deliver(a_transport(rig))
    assert type(refused.value) is outcome
    assert reply.split(maxsplit=1)[1] in str(refused.value)
    assert not rig.mails


@pytest.mark.parametrize(
    "reply",
    ["421 too many messages in this connection", "451 4.7.0 too many mails in this session", HANG_UP],
)
async def test_a_server_that_takes_so_many_mails_on_each_connection_gets_the_next_one_on_a_new_one(
    reply: str,
) -> None:
    """Exim says 421 (smtp_accept_max_per_connection)."""
    async with SmtpRig() as rig:
        transport = a_transport(rig)
        await deliver(transport)
        rig.answer("mail", reply)
        await deliver(transport)
        assert (len(rig.mails), rig.counts["connect"]) == (2, 2)
        rig.answer("mail", reply, reply)  # said to a new one too: it is no matter of this connection
        with pytest.raises(TryLater) as later:
            await deliver(transport)
        await transport.close()
    assert later.value.scope == "channel"


async def test_any_yes_to_a_recipient_is_one() -> None:
    async with SmtpRig() as rig:
        rig.answer("rcpt", "252 2.1.5 will try", "251 2.1.5 will forward")
        transport = a_transport(rig)
        await deliver(transport)
        await deliver(transport)
        await transport.close()
    assert len(rig.mails) == 2


@pytest.mark.parametrize(
    ("phase", "reply", "outcome"),
    [
        ("connect", "no greeting of ours", ChannelDown),
        ("mail", "350 tell me more", ChannelDown),
        ("rcpt", "350 tell me more", TargetRefuses),
        ("rcpt", "nonsense", TargetRefuses),
        ("rcpt", "550 " + "x" * 100_000, TargetRefuses),
        ("data", "250 taken already", TargetRefuses),
    ],
)
async def test_what_is_no_smtp_concerns_everybody_only_before_the_recipient(phase, reply, outcome) -> None:
    async with SmtpRig() as rig:
        rig.answer(phase, reply)
        transport = a_transport(rig)
        with pytest.raises(outcome, match="does not speak SMTP"):
            await deliver(transport)
        await deliver(transport)
        await transport.close()
    assert len(rig.mails) == 1


async def test_a_server_that_is_too_busy_to_be_greeted_is_quoted() -> None:
    async with SmtpRig() as rig:
        rig.answer("ehlo", "421 4.3.2 busy, come back later")
        with pytest.raises(TryLater, match="busy, come back later"):
            await deliver(a_transport(rig))


def test_the_repr_of_a_transport_names_only_the_server(tmp_path: Path) -> None:
    server = SmtpServer(host="mail.example.org", port=587, security="starttls", user="user@x")
    assert repr(SmtpTransport(server, password=PASSWORD)) == "SmtpTransport(mail.example.org:587)"
