"""Mail through a real Postfix: refusals, limits, a restart in mid-run, and its delivery reports."""

import asyncio
import re
import smtplib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.adapters.email.content import EmailSettings
from bot.adapters.email.publisher import EmailPublisher
from bot.adapters.email.reports import MaildirReports
from bot.adapters.email.servers import SmtpServer
from bot.adapters.email.transports import SmtpTransport
from bot.domain.delivery import DEAD_ADDRESS
from bot.domain.mailbox import Mailbox
from bot.pipeline.reports import ReportReader
from tests.builders import a_channel, a_digest, a_subscriber, an_entry
from tests.pipeline.dispatching import until
from tests.rigs.ports import Faults
from tests.rigs.postfix import (
    BOUNCES,
    DOMAIN,
    ELSEWHERE,
    MAILS_A_MINUTE,
    MISSING,
    SIZE_LIMIT,
    Postfix,
    running_postfix,
)
from tests.rigs.world import World

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    with running_postfix() as server:
        yield server


class Sending:
    """A paperboy that sends mails to these addresses by one door of the server."""

    def __init__(
        self, folder: Path, port: int, *addresses: str, connections: int = 2, faults: Faults | None = None
    ) -> None:
        settings = EmailSettings(
            sender=Mailbox.parse("Paperboy <paperboy@example.org>"), bounces=Mailbox.parse(BOUNCES)
        )
        server = SmtpServer(host="127.0.0.1", port=port, security="none")
        self.publisher = EmailPublisher(settings, SmtpTransport(server, connections=connections))
        people = [a_subscriber(address, a_channel("email", address)) for address in addresses]
        self.world = World(
            f"sqlite:///{folder}/state.sqlite3",
            *people,
            publishers=[self.publisher],
            first_run=0,
            faults=faults,
        )
        self.world.look()
        self._digests = 0

    def read(self, papers: int = 1, summary: str = "It is about language models.") -> None:
        """One more digest."""
        first = self._digests * 100
        entries = [an_entry(first + number, summary=summary) for number in range(1, papers + 1)]
        self._digests += 1
        self.world.read(f"{self._digests}.md", a_digest(*entries))

    def states(self) -> dict[str, str]:
        """By address the state of what was planned last."""
        return {row.target.partition(":")[2]: row.state for row in self.world.rows()}

    @property
    def stopped(self) -> bool:
        return "email" in self.world.store.incidents.stopped_channels()

    async def close(self) -> None:
        await self.publisher.close()
        self.world.close()


def at(*users: str) -> list[str]:
    return [f"{user}@{DOMAIN}" for user in users]


def papers(mails: list[bytes]) -> Counter[str]:
    """How often these mails bring each paper."""
    return Counter(
        number for mail in mails for number in set(re.findall(rb"https://arxiv.org/abs/2509\.(\d+)", mail))
    )


def received(postfix: Postfix, user: str, tag: str) -> list[bytes]:
    """The mails to that user under this tag of theirs, which no other test has."""
    return [mail for mail in postfix.inbox(user) if f"Delivered-To: {user}+{tag}".encode() in mail]


async def test_each_address_that_is_refused_waits_alone(postfix: Postfix, tmp_path: Path) -> None:
    refused = at("nobody", "greylisted", "full", "stuffed")
    sending = Sending(tmp_path, postfix.plain, *refused, *at("ada+refusals", "ben+refusals"))
    sending.read()
    await sending.world.send()
    assert sending.states() == dict.fromkeys(refused, "pending") | dict.fromkeys(
        at("ada+refusals", "ben+refusals"), "sent"
    )
    assert not sending.stopped
    suspended = sending.world.store.deliveries.counts(sending.world.clock.now()).suspended
    assert list(suspended) == ["email:nobody@example.org"]
    assert "5.1.1" in suspended["email:nobody@example.org"]

    tries = Counter(re.findall(r"to=<(\w+)@", postfix.log))
    await sending.world.send_all(days=1)
    again = Counter(re.findall(r"to=<(\w+)@", postfix.log)) - tries
    assert again["nobody"] == 0  # suspended
    assert 12 < again["greylisted"] < 50  # minutes, growing to hours
    assert again["full"] <= 24  # an hour at least
    assert again["stuffed"] <= 24
    await until(lambda: received(postfix, "ben", "refusals"))
    assert len(received(postfix, "ada", "refusals")) == len(received(postfix, "ben", "refusals")) == 1
    await sending.close()


async def test_no_mail_is_larger_than_the_server_takes_and_every_paper_arrives_once(
    postfix: Postfix, tmp_path: Path
) -> None:
    sending = Sending(tmp_path, postfix.small, *at("ada+size", "ben+size"))
    sending.read(papers=40, summary="It is about language models. " + "What it does takes many words. " * 15)
    ends = await sending.world.send_all()
    assert ends["sent"] + ends["merged"] == 80
    for user in ("ada", "ben"):
        await until(lambda user=user: len(papers(received(postfix, user, "size"))) == 40)
        mails = received(postfix, user, "size")
        assert len(mails) > 1
        assert max(map(len, mails)) <= SIZE_LIMIT + 1_000  # and what the server wrote above it
        assert set(papers(mails).values()) == {1}
    assert "Message size exceeds" not in postfix.log  # it was never even asked
    await sending.close()


async def test_a_limit_on_mails_a_minute_makes_all_wait_and_loses_none(
    postfix: Postfix, tmp_path: Path
) -> None:
    addresses = at(*(f"ada+rate{number}" for number in range(5)))
    sending = Sending(tmp_path, postfix.slow, *addresses, connections=1)
    sending.read()
    ends = await sending.world.send()
    assert ends["sent"] == MAILS_A_MINUTE
    assert sending.stopped
    assert "too much mail" in sending.world.store.incidents.stopped_channels()["email"].reason
    postfix.restart()
    await sending.world.send_all()
    assert sending.states() == dict.fromkeys(addresses, "sent")
    for number in range(5):
        await until(lambda number=number: received(postfix, "ada", f"rate{number}"))
        assert len(received(postfix, "ada", f"rate{number}")) == 1
    await sending.close()


async def test_a_server_that_dies_in_mid_run_leaves_one_mail_in_doubt_and_then_gets_the_others(
    postfix: Postfix, tmp_path: Path
) -> None:
    class Crash(Faults):
        """Ends the server between all of the second mail and its final dot."""

        def __call__(self, step: str) -> None:
            super().__call__(step)
            if self.steps.count("outbox.mark") == 2 and step == "outbox.mark":
                postfix.abort()

    addresses = at(*(f"dee+crash{number}" for number in range(5)))
    sending = Sending(tmp_path, postfix.plain, *addresses, connections=1, faults=Crash())
    sending.read()
    assert await sending.world.send() == {"sent": 1, "uncertain": 1, "pending": 1}
    assert sending.stopped
    postfix.start()
    await sending.world.send_all()
    assert Counter(sending.states().values()) == {"sent": 4, "uncertain": 1}
    for address, state in sending.states().items():
        tag = address.partition("+")[2].partition("@")[0]
        await until(lambda tag=tag, state=state: len(received(postfix, "dee", tag)) == (state == "sent"))
    sending.read()
    assert await sending.world.send() == {"sent": 5}
    await sending.close()


async def test_the_servers_report_suspends_a_dead_address_and_a_forged_one_nobody(
    postfix: Postfix, tmp_path: Path
) -> None:
    alive, gone = "cy+reports@example.org", f"cy@{ELSEWHERE}"
    sending = Sending(tmp_path, postfix.plain, alive, gone)
    box = MaildirReports(postfix.folder / "mail" / "bounces", Mailbox.parse(BOUNCES))
    reader = ReportReader(
        "email", box, sending.world.store.tokens, sending.world.deliveries, sending.world.incidents
    )
    sending.read()
    assert await sending.world.send() == {"sent": 2}  # the server took both
    await until(lambda: postfix.inbox("bounces"))

    (report,) = postfix.inbox("bounces")
    token = re.search(rb"X-Original-To: bounces\+([\w-]+)@", report)
    assert token is not None
    forged = (
        report.partition(b"From: MAILER")[2]
        .replace(token[1], b"x" * len(token[1]))
        .replace(gone.encode(), alive.encode())
    )
    with smtplib.SMTP("127.0.0.1", postfix.plain) as server:
        server.sendmail("", f"bounces+{'x' * len(token[1])}@example.org", b"From: MAILER" + forged)
        server.sendmail("", BOUNCES, b"From: MAILER" + forged)
    delivered = postfix.folder / "mail" / "bounces" / "new"
    await until(lambda: len(list(delivered.iterdir())) == 3)

    now = sending.world.clock.now()
    assert await asyncio.to_thread(reader.read, now) == 1
    suspended = sending.world.store.deliveries.counts(now).suspended
    assert list(suspended) == [f"email:{gone}"]
    assert suspended[f"email:{gone}"].startswith(DEAD_ADDRESS)
    sending.read()
    assert await sending.world.send() == {"sent": 1}
    await until(lambda: len(received(postfix, "cy", "reports")) == 2)
    await sending.close()
