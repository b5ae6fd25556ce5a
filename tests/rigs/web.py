"""A whole paperboy on loopback: it has read two seeds and a page with drawings, and sent their mail; its web server listens."""

import re
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.app.config.settings import load_settings
from bot.app.config.subscriptions import load_subscribers
from bot.app.container import Container, build_container, start_web
from bot.app.once import run_once, scan_folders
from bot.domain.channels import Target

ROOT = Path(__file__).resolve().parents[2]
QUIZ_PAPER = "/papers/arxiv:2509.14008"
"""A paper of two sources, with two summaries, points and three questions."""
DRAWN_PAPER = "/papers/arxiv:3104.00031"
"""A paper with a drawing, points and a quiz in two languages."""
_SEEDS = ("000_a9c5d5985cb68500.txt", "002_7448b9b0a17a3cd7.txt")  # a table and a quiz page of one day
_MAIL = "alice@example.org"
_SUBSCRIBERS = f"""\
subscribers:
  - id: alice
    channels:
      - email: {_MAIL}
      - atom: true
    keywords:
      - Hala
      - name: agents
        query: (agent OR tool use) AND NOT survey
    exclude: [medical]
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServedSite:
    """`url` is how readers reach it (a prefix included), `address` where it listens."""

    url: str
    address: str
    container: Container

    def capability(self, purpose: str) -> str:
        """The path of alice's `preferences`, `unsubscribe` or feed (`feed`)."""
        subject = Target(kind="email", address=_MAIL).key if purpose == "unsubscribe" else "alice"
        token = self.container.store.tokens.issue(purpose, subject)
        return f"/feeds/{token}.atom" if purpose == "feed" else f"/{purpose}/{token}"

    def mailed(self, path: str) -> str:
        """The newest link to that path in a mail that was sent, without the site's address."""
        folder = self.container.settings.base / "state/mail/new"
        mails = sorted(folder.iterdir(), key=lambda mail: mail.stat().st_mtime_ns)
        found = [link for mail in mails for link in re.findall(rf"{path}[\w-]{{16,}}", mail.read_text())]
        return str(found[-1])


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@asynccontextmanager
async def served_site(home: Path, *, url: str = "", digests: bool = True) -> AsyncIterator[ServedSite]:
    """The site in this event loop; readers reach it at `url`, or where it listens."""
    address = f"127.0.0.1:{free_port()}"
    url = url or f"http://{address}"
    (home / "digests").mkdir(parents=True)
    (home / "config").mkdir()
    if digests:
        for seed in _SEEDS:
            shutil.copy(ROOT / "seeds" / seed, home / "digests")
        page = (ROOT / "tests/data/digests/page_bilingual.html").read_text(encoding="utf-8")
        (home / "digests/page.html").write_text(page.replace("2031-04", "2025-09"), encoding="utf-8")
    (home / "config/paperboy.yaml").write_text(
        f"site: {{url: '{url}'}}\nweb: {{listen: '{address}'}}\nemail: {{open: true}}\n"
        "watch: {folders: [digests], settle_seconds: 0.05}\n"
    )
    (home / "config/subscriptions.yaml").write_text(_SUBSCRIBERS)
    settings = load_settings(home / "config/paperboy.yaml", {})
    container = build_container(settings, load_subscribers(settings.subscriptions))
    await run_once(container, scan_folders(settings))
    server = await start_web(container)
    try:
        yield ServedSite(url=url, address=address, container=container)
    finally:
        await server.stop()
        await container.close()
