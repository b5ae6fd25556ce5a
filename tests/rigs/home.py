"""A whole paperboy as processes of their own, with everything they need in one folder, before services that count.

The services are an emulated Bot API and a mail server, both on loopback and both slow enough that something is always
on the wire. They know when each request came and when its answer left; nobody else does.
"""

import asyncio
import email
import email.policy
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope

from bot.adapters.store import Store
from bot.domain.delivery import State
from bot.pipeline.ports.outbox import DeliveryRecord
from tests.conftest import ROOT
from tests.rigs.botapi import BotApi, Chat
from tests.rigs.botapi.emulator import Exchange

CHATS = 40
PAPERS_A_DIGEST = 1
LATENCY = 0.15
"""Seconds from a request to its answer."""
_ANSWERED_JUST_NOW = 0.3
"""An answer that left so shortly before a process died may not have been written down."""
_LOOK = 0.1

Thing = tuple[str, str]
"""A target, and a paper that it got."""


class _Session(SMTP):
    """A session that takes the mail whose final dot came, as real servers do, also where its client is gone by then."""

    def connection_lost(self, error: Exception | None) -> None:
        asyncio.StreamReaderProtocol.connection_lost(self, error)


class Mails:
    """A mail server that takes everything: who got which mail, and when it was answered."""

    def __init__(self, latency: float) -> None:
        self.taken: list[tuple[str, str]] = []
        """Recipient and plain text."""
        self.exchanges: list[Exchange] = []
        self.port = 0
        self._latency = latency
        self._loop = asyncio.new_event_loop()

    async def handle_DATA(self, _server: SMTP, _session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        message = email.message_from_bytes(envelope.original_content or b"", policy=email.policy.default)
        body = message.get_body(("plain",))
        exchange = Exchange()
        self.exchanges.append(exchange)
        self.taken.append((envelope.rcpt_tos[0], body.get_content() if body else ""))
        await asyncio.sleep(self._latency)
        exchange.answered = time.monotonic()
        return "250 2.0.0 taken"

    @classmethod
    @contextmanager
    def in_thread(cls, latency: float = LATENCY) -> "Iterator[Mails]":
        mails, started = cls(latency), threading.Event()

        async def serve() -> asyncio.Server:
            server = await mails._loop.create_server(
                lambda: _Session(mails, loop=mails._loop, decode_data=False), "127.0.0.1", 0
            )
            mails.port = server.sockets[0].getsockname()[1]
            started.set()
            return server

        def work() -> None:
            server = mails._loop.run_until_complete(serve())
            mails._loop.run_forever()
            server.close()
            for task in asyncio.all_tasks(mails._loop):
                task.cancel()
            mails._loop.run_until_complete(asyncio.sleep(0.01))
            mails._loop.close()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        started.wait()
        try:
            yield mails
        finally:
            mails._loop.call_soon_threadsafe(mails._loop.stop)
            thread.join()


@dataclass(kw_only=True)
class Home:
    """Its configuration asks for every paper in every chat and mailbox; without a mail server mails go to a Maildir."""

    folder: Path
    api: BotApi
    mails: Mails | None = None
    state: str = ""
    chats: int = CHATS
    mailboxes: int = CHATS
    papers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = self.state or f"sqlite:///{self.folder}/state/paperboy.sqlite3"
        (self.folder / "config").mkdir()
        (self.folder / "digests").mkdir()
        transport = f"smtp+plain://127.0.0.1:{self.mails.port}" if self.mails else "maildir:state/mail"
        (self.folder / "config" / "paperboy.yaml").write_text(
            "watch: {folders: [digests], settle_seconds: 0.05}\nweb: {listen: ''}\nfirst_run: all\n"
            f"state: '{self.state}'\nsite: {{url: 'https://papers.example.org'}}\n"
            f"email: {{transport: '{transport}', from: 'Paperboy <paperboy@example.org>'}}\n"
            f"telegram: {{token: '{self.api.token}', api_url: '{self.api.url}'}}\n"
        )
        people = [f"{{telegram: {1000 + number}}}" for number in range(self.chats)]
        people += [f"{{email: p{number}@example.org}}" for number in range(self.mailboxes)]
        (self.folder / "config" / "subscriptions.yaml").write_text(
            "subscribers:\n"
            + "".join(
                f"  - {{id: p{number}, channels: [{channel}], keywords: [language models]}}\n"
                for number, channel in enumerate(people)
            )
        )
        for number in range(self.chats):
            self.api._chats.add(Chat(id=1000 + number))

    def drop_digest(self) -> None:
        """One more digest whose papers everybody is to hear of."""
        number = len(self.papers) // PAPERS_A_DIGEST
        day = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=number)
        rows = []
        for _ in range(PAPERS_A_DIGEST):
            arxiv = f"2501.{len(self.papers) + 1:05}"
            self.papers.append(arxiv)
            rows.append(
                f"| Language Models, Part {arxiv} (Read more on [arXiv](https://arxiv.org/abs/{arxiv}) or "
                f"[HuggingFace](https://huggingface.co/papers/{arxiv}))| Ada Example | It is about part {arxiv}. |"
            )
        head = (
            f"## Papers for {day:%Y-%m-%d}\n\n| Title | Authors | Summary |\n|-------|---------|---------|\n"
        )
        target = self.folder / "digests" / f"{day:%Y-%m-%d}.md"
        target.with_suffix(".tmp").write_text(head + "\n".join(rows) + "\n")
        target.with_suffix(".tmp").rename(target)

    def start(self) -> "subprocess.Popen[bytes]":
        """One more process of it."""
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "bot", "run", "--only", "ingest,deliver"],
                cwd=self.folder,
                # An installed program has its bytecode, whatever the environment of the tests says.
                env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""},
                stdout=log,
                stderr=log,
            )

    # --- what the services know -------------------------------------------------------------------------------

    def accepted(self) -> Counter[Thing]:
        """How often each paper arrived at each target."""
        said = [(f"telegram:{message.chat.id}", message.text) for message in tuple(self.api.messages)]
        if self.mails:
            said += [(f"email:{recipient}", text) for recipient, text in tuple(self.mails.taken)]
        else:
            said += list(self._in_maildir())
        return Counter(
            (target, f"arxiv:{arxiv}")
            for target, text in said
            for arxiv in self.papers
            if f"Part {arxiv}" in text
        )

    def _in_maildir(self) -> Iterator[tuple[str, str]]:
        for path in (self.folder / "state" / "mail" / "new").glob("*"):
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            body = message.get_body(("plain",))
            yield f"email:{message['To']}", body.get_content() if body else ""

    def on_the_wire(self, moment: float) -> int:
        """Requests that the services had at that moment and had not answered, or only just."""
        exchanges = [*self.api.exchanges, *(self.mails.exchanges if self.mails else ())]
        return sum(
            exchange.came <= moment
            and (exchange.answered is None or exchange.answered > moment - _ANSWERED_JUST_NOW)
            for exchange in exchanges
        )

    def last_request(self) -> float:
        """When the last request came."""
        exchanges = [*self.api.exchanges, *(self.mails.exchanges if self.mails else ())]
        return max((exchange.came for exchange in exchanges), default=0.0)

    def expected(self) -> set[Thing]:
        targets = [f"telegram:{1000 + number}" for number in range(self.chats)]
        targets += [f"email:p{number}@example.org" for number in range(self.mailboxes)]
        return {(target, f"arxiv:{arxiv}") for target in targets for arxiv in self.papers}

    # --- what the operator knows ------------------------------------------------------------------------------

    def rows(self, *states: State) -> tuple[DeliveryRecord, ...]:
        store = Store(self.state)
        try:
            return store.deliveries.list_rows(states=states, keys=[], limit=100_000)
        finally:
            store.close()

    def is_quiet(self) -> bool:
        """True where everything was planned, and nothing moves by itself any more."""
        rows = self.rows()
        return len(rows) >= len(self.expected()) and not any(
            row.state in ("pending", "held", "sending") for row in rows
        )

    def wait_until_quiet(self, patience: float) -> bool:
        """Wait until nothing moves any more; False where that takes too long."""
        give_up = time.monotonic() + patience
        while not self.is_quiet():
            if time.monotonic() > give_up:
                return False
            time.sleep(_LOOK)
        return True

    def wait_until_accepted(self, count: int, patience: float = 30) -> None:
        give_up = time.monotonic() + patience
        while len(self.api.messages) + len(self.mails.taken if self.mails else ()) < count:
            if time.monotonic() > give_up:
                raise TimeoutError(
                    f"{count} messages were not sent:\n" + (self.folder / "log").read_text()[-2000:]
                )
            time.sleep(_LOOK / 5)


def killed(process: "subprocess.Popen[bytes]") -> float:
    """Kill it without a word; when that was."""
    process.send_signal(signal.SIGKILL)
    moment = time.monotonic()
    process.wait()
    return moment


def stopped(process: "subprocess.Popen[bytes]") -> float:
    """Stop it as an operator does; how many seconds it took."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return time.monotonic() - began
