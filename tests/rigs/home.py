"""A whole paperboy as a process of its own, with everything it needs in one folder, before an emulated Bot API."""

import email
import email.policy
import os
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.adapters.store import Store
from tests.conftest import ROOT
from tests.rigs.botapi import BotApi, Chat

CHATS = 40
PAPERS_A_DIGEST = 1


class Home:
    """Its configuration asks for every paper in every chat and mailbox."""

    def __init__(self, folder: Path, api: BotApi) -> None:
        self.folder = folder
        self.api = api
        self.papers: list[str] = []
        self.chats = [1000 + number for number in range(CHATS)]
        (folder / "config").mkdir()
        (folder / "digests").mkdir()
        (folder / "config" / "paperboy.yaml").write_text(
            "watch: {folders: [digests], settle_seconds: 0.05}\nweb: {listen: ''}\nfirst_run: all\n"
            f"telegram: {{token: '{api.token}', api_url: '{api.url}'}}\n"
        )
        people = "".join(
            f"  - {{id: p{chat}, channels: [{{telegram: {chat}}}, {{email: p{chat}@example.org}}],"
            " keywords: [language models]}\n"
            for chat in self.chats
        )
        (folder / "config" / "subscriptions.yaml").write_text("subscribers:\n" + people)
        for chat in self.chats:
            api._chats.add(Chat(id=chat))

    def drop_digest(self) -> None:
        """One more digest whose papers everybody is to hear of."""
        number = len(self.papers) // PAPERS_A_DIGEST
        day = datetime(2031, 1, 1, tzinfo=UTC) + timedelta(days=number)
        rows = []
        for _ in range(PAPERS_A_DIGEST):
            arxiv = f"3101.{len(self.papers) + 1:05}"
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
        return subprocess.Popen(
            [sys.executable, "-m", "bot", "run", "--only", "ingest,deliver"],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def in_chats(self) -> Counter[tuple[int, str]]:
        """How often each paper stands in each chat."""
        return Counter(
            (message.chat.id, arxiv)
            for message in self.api.messages
            for arxiv in self.papers
            if f"Part {arxiv}" in message.text
        )

    def in_mails(self) -> Counter[tuple[int, str]]:
        found: Counter[tuple[int, str]] = Counter()
        for path in (self.folder / "state" / "mail" / "new").glob("*"):
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            body = message.get_body(("plain",))
            text = body.get_content() if body else ""
            chat = int(str(message["To"]).partition("@")[0].strip("<p"))
            found.update((chat, arxiv) for arxiv in self.papers if f"Part {arxiv}" in text)
        return found

    def look_up(self) -> int:
        """As the operator does when the leases have ended: what did not arrive goes again; how many rows did."""
        store = Store(f"sqlite:///{self.folder}/state/paperboy.sqlite3")
        now = datetime.now(UTC)
        store.outbox.expire(now + timedelta(minutes=6))
        chats, mails = self.in_chats(), self.in_mails()
        again = []
        for row in store.deliveries.list_rows(states=["uncertain", "dead"], keys=[], limit=9999):
            kind, _, address = row.target.partition(":")
            chat, arrived = (
                (int(address), chats) if kind == "telegram" else (int(address[1 : address.index("@")]), mails)
            )
            if not arrived[chat, row.paper.removeprefix("arxiv:")]:
                again.append(row.key)
        store.deliveries.retry(again, now)
        store.close()
        return len(again)

    def expected(self) -> set[tuple[int, str]]:
        return {(chat, arxiv) for chat in self.chats for arxiv in self.papers}

    def wait_until_quiet(self, patience: float) -> None:
        """Until everything is in its chats and mailboxes, or nothing has come for a while."""
        since, before = time.monotonic(), -1
        while time.monotonic() - since < patience:
            chats, mails = self.in_chats(), self.in_mails()
            if not self.expected() - chats.keys() and not self.expected() - mails.keys():
                return
            if chats.total() + mails.total() != before:
                since, before = time.monotonic(), chats.total() + mails.total()
            time.sleep(0.2)
