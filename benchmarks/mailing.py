"""How fast mails are made, signed and handed over, beside the plain tools for the same work.

    python -m benchmarks.mailing

The peer takes the same two parts: `EmailMessage` builds them, dkimpy signs, smtplib sends over one TLS connection that it
keeps. Both ways lead to a sink on loopback, a process of its own that takes everything at once. Ours also chooses the words,
renders the page and fits the size, for each mail anew.
"""

import asyncio
import smtplib
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import NamedTuple

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from benchmarks.publishing import NOW, REASON, a_paper
from bot.adapters.email.content import EmailSettings, email_content
from bot.adapters.email.dkim import DkimSigner
from bot.adapters.email.html import html_body
from bot.adapters.email.mime import alternatives
from bot.adapters.email.publisher import EmailPublisher, compose
from bot.adapters.email.servers import SmtpServer
from bot.adapters.email.text import text_body
from bot.adapters.email.transports import SmtpTransport
from bot.domain.channels import Target
from bot.domain.mailbox import Mailbox
from bot.domain.message import Item, OutgoingMessage
from bot.domain.site import SiteAddresses
from tests.rigs.smtp import self_signed

CONNECTIONS = 8
MAILS = 1_000
PEERS_MAILS = 100
HEADERS = ("From: a@example.org", "To: b@example.org", "Subject: Papers")


DAY = 26
"""Papers of a day, of which each person gets a few."""
ITEMS = [Item(paper=a_paper(number), reasons=(REASON,)) for number in range(1, DAY + 1)]


def fastest(work: Callable[[], object], rounds: int) -> float:
    """Seconds of the fastest of so many rounds."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)


def an_outgoing(papers: int, number: int = 1) -> OutgoingMessage:
    return OutgoingMessage(
        id=f"b{number}",
        kind="alert",
        target=Target(kind="email", address="ada@example.org"),
        subscriber="ada",
        language="en",
        timezone="UTC",
        created_at=NOW,
        items=tuple(ITEMS[(number * 7 + at) % len(ITEMS)] for at in range(papers)),
        unsubscribe_token="t" * 32,
    )


class Parts:
    """The two parts of a mail, and the keys to sign it with."""

    def __init__(self, papers: int) -> None:
        key = generate_private_key(public_exponent=65537, key_size=2048)
        self.pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        self.signer = DkimSigner(domain="example.org", selector="s1", key=key)
        self.settings = EmailSettings(
            sender=Mailbox.parse("Paperboy <paperboy@example.org>"),
            site=SiteAddresses("https://papers.example.org"),
            dkim=self.signer,
        )
        content = email_content(an_outgoing(papers), self.settings)
        self.html = html_body(content)
        self.text = text_body(content)

    def ours(self) -> bytes:
        return self.signer.sign(alternatives(HEADERS, text=self.text, html=self.html, name="b1"), NOW)

    def peers(self) -> bytes:
        message = EmailMessage(policy=SMTP.clone(max_line_length=998))
        for header in HEADERS:
            name, _, value = header.partition(": ")
            message[name] = value
        message.set_content(self.text)
        message.add_alternative(self.html, subtype="html")
        content = message.as_bytes()
        return bytes(dkim.sign(content, b"s1", b"example.org", self.pem)) + content


def measure_making() -> None:
    for papers in (1, 5):
        parts = Parts(papers)
        ours, peers = fastest(parts.ours, 20), fastest(parts.peers, 5)
        whole = fastest(lambda parts=parts, papers=papers: compose(an_outgoing(papers), parts.settings), 20)  # type: ignore[misc]
        print(
            f"mail of {papers} papers, {len(parts.ours()) / 1000:.0f} kB: built and signed {1 / ours:,.0f}/s, "
            f"{peers / ours:.1f} × EmailMessage and dkimpy; with its words, page and styles {1 / whole:,.0f}/s"
        )


class Sink(asyncio.Protocol):
    """Takes mails as fast as they come and remembers how many."""

    taken = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._reading, self._heard = transport, False, bytearray()
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._heard += data
        if self._reading:
            if self._heard.endswith(b"\r\n.\r\n"):
                Sink.taken += 1
                self._reading = False
                self._heard.clear()
                self._transport.write(b"250 taken\r\n")
            return
        while not self._reading and (end := self._heard.find(b"\r\n")) >= 0:
            command = bytes(self._heard[:4]).upper()
            del self._heard[: end + 2]
            self._reading = command == b"DATA"
            self._transport.write(
                {b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}.get(command, b"250 ok\r\n")
            )


async def sink(certificate: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    print(Sink.taken, flush=True)


class Rate(NamedTuple):
    """Mails a second, and mails a second of this process on a processor."""

    second: float
    cpu_second: float


async def ours_sent(parts: Parts, papers: int, server: SmtpServer, tls: ssl.SSLContext) -> Rate:
    """Each mail is composed, signed and handed over."""
    transport = SmtpTransport(server, tls=tls, connections=CONNECTIONS, timeout=timedelta(seconds=30))
    publisher = EmailPublisher(parts.settings, transport)
    await asyncio.gather(*(publisher.send(an_outgoing(papers, number)) for number in range(CONNECTIONS)))
    start, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(publisher.send(an_outgoing(papers, number)) for number in range(MAILS)))
    rate = Rate(MAILS / (time.perf_counter() - start), MAILS / (time.process_time() - cpu))
    await publisher.close()
    return rate


def peers_sent(content: Callable[[], bytes], server: SmtpServer, tls: ssl.SSLContext) -> Rate:
    start, cpu = time.perf_counter(), time.process_time()
    with smtplib.SMTP_SSL(server.host, server.port, context=tls) as connection:
        for _ in range(PEERS_MAILS):
            connection.sendmail("a@example.org", ["b@example.org"], content())
    return Rate(PEERS_MAILS / (time.perf_counter() - start), PEERS_MAILS / (time.process_time() - cpu))


def measure_sending() -> None:
    with tempfile.TemporaryDirectory() as folder:
        pair = self_signed(Path(folder))
        certificate = Path(folder) / "server.pem"
        command = [sys.executable, "-m", "benchmarks.mailing", "sink", str(certificate)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin
            assert process.stdout
            server = SmtpServer(host="127.0.0.1", port=int(process.stdout.readline()), security="tls")
            for papers in (1, 5):
                parts = Parts(papers)
                ready = parts.ours()
                ours = asyncio.run(ours_sent(parts, papers, server, pair.client))
                peers = peers_sent(parts.peers, server, pair.client)
                bare = peers_sent(lambda ready=ready: ready, server, pair.client)  # type: ignore[misc]
                print(
                    f"mail of {papers} papers made, signed and sent: {ours.second:,.0f}/s over {CONNECTIONS} kept TLS connections, "
                    f"{ours.second / peers.second:.1f} × EmailMessage, dkimpy and smtplib over one "
                    f"({ours.cpu_second / peers.cpu_second:.1f} × by processor time, {ours.cpu_second:,.0f}/s); "
                    f"{ours.second / bare.second:.1f} × smtplib alone that is handed the ready mail"
                )
            process.stdin.write(b"\n")
            process.stdin.flush()
            expected = 2 * (MAILS + CONNECTIONS + 2 * PEERS_MAILS)
            assert int(process.stdout.readline()) == expected


def main() -> None:
    if sys.argv[1:2] == ["sink"]:
        asyncio.run(sink(sys.argv[2]))
        return
    measure_making()
    measure_sending()


if __name__ == "__main__":
    main()
