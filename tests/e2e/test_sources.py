"""A running service that fetches its sources itself, from a real web server to the chat."""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.e2e.test_file_to_message import TABLE, eventually, running
from tests.rigs.botapi import BotApi
from tests.rigs.site import reply, serving


class Site:
    """A web server with a digest at /daily.md; whoever asks for anything else waits for an answer."""

    def __init__(self, digest: bytes) -> None:
        self.digest = digest
        self.asked: list[str] = []
        self.closing = threading.Event()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        if request.path == "/daily.md":
            reply(request, body=self.digest)
        else:
            self.closing.wait()


@contextmanager
def site_with(digest: bytes, home: Path) -> Iterator[Site]:
    """The server, with two sources in the home's configuration: one hangs, the other brings the digest."""
    site = Site(digest)
    config = home / "config/paperboy.yaml"
    with serving(site.answer) as address:
        config.write_text(
            f"{config.read_text()}sources:\n"
            f"  - {{name: hangs, url: {address}/hangs}}\n"
            f"  - {{name: daily, url: {address}/daily.md}}\n"
        )
        yield site
        site.closing.set()


@pytest.fixture
def site(home: Path, seeds: Path) -> Iterator[Site]:
    with site_with((seeds / TABLE).read_bytes(), home) as site:
        yield site


def test_a_due_source_is_fetched_and_its_digest_told_while_another_source_hangs(
    home: Path, site: Site, bot_api: BotApi
) -> None:
    with running(home) as process:
        eventually(lambda: bool(bot_api.messages))
        assert sorted(site.asked) == ["/daily.md", "/hangs"]
        assert process.poll() is None
    assert process.returncode == 0
    assert "Hala Technical Report" in bot_api.messages[0].text


def test_what_was_fetched_and_not_read_when_the_process_was_killed_is_told_by_the_next(
    home: Path, site: Site, bot_api: BotApi
) -> None:
    config = home / "config/paperboy.yaml"
    quick = config.read_text()
    config.write_text(quick.replace("settle_seconds: 0.05", "settle_seconds: 3600"))
    with running(home) as process:
        eventually((home / "state/sources/daily/daily.md").exists)
        process.kill()
    assert bot_api.messages == []
    config.write_text(quick)
    with running(home):
        eventually(lambda: bool(bot_api.messages))
    assert sum("Hala Technical Report" in message.text for message in bot_api.messages) == 1


def test_of_several_processes_on_one_state_one_fetches(home: Path, site: Site, bot_api: BotApi) -> None:
    (home / "state").mkdir()
    with (home / "state/paperboy.sqlite3.sources.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with running(home) as process:
            assert process.stdout
            for line in process.stdout:
                if "leader.waiting" in line and "duty=sources" in line:
                    break
            assert site.asked == []
            fcntl.flock(lock, fcntl.LOCK_UN)
            eventually(lambda: bool(bot_api.messages))
