"""The feed as real feed readers take it: all entries once, nothing the second time, each change once."""

import asyncio
import mailbox
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from email.header import decode_header, make_header
from pathlib import Path

import feedparser
import pytest

from bot.adapters.web.middleware import Middleware
from bot.adapters.web.server import serve
from tests.adapters.web.conftest import FakeService
from tests.builders import NOW, a_feed, a_feed_entry, a_reason

EVIL = "</title><script>alert(1)</script> & \x00\u202e <b>bold</b> =?utf-8?q?x?="
EVIL_SHOWN = "</title><script>alert(1)</script> & bold =?utf-8?q?x?="


class Newsstand:
    """A server of one feed that remembers the status of each answer; `change` corrects one entry and adds another."""

    def __init__(self, service: FakeService) -> None:
        self.url = ""
        self.statuses: list[int] = []
        self._service = service
        service.feed = a_feed(a_feed_entry(1, title=EVIL), *[a_feed_entry(number) for number in range(2, 6)])

    def change(self) -> None:
        self._service.number += 1
        later = NOW + timedelta(hours=1)
        corrected = a_feed_entry(2, a_reason("agents"), at=later, title="A corrected title")
        first, _, *others = self._service.feed.entries
        self._service.feed = a_feed(a_feed_entry(9, at=later), first, corrected, *others)


@pytest.fixture
async def stand(app: Middleware, service: FakeService) -> AsyncIterator[Newsstand]:
    stand = Newsstand(service)

    async def remembered(scope, receive, send) -> None:
        async def recorded(message) -> None:
            if message["type"] == "http.response.start":
                stand.statuses.append(message["status"])
            await send(message)

        await app(scope, receive, recorded)

    server = await serve(remembered, "127.0.0.1:0")
    stand.url = f"http://{server.address}/feed.atom"
    yield stand
    await server.stop()


Run = Callable[..., Awaitable[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a program in a home of its own; skips where it is not installed."""

    async def run(program: str, *arguments: str) -> str:
        found = shutil.which(program)
        if found is None:
            pytest.skip(f"{program} is not installed")
        environment = {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "HOME": str(tmp_path),
            "XDG_CONFIG_HOME": str(tmp_path),
            "XDG_DATA_HOME": str(tmp_path),
        }
        process = await asyncio.create_subprocess_exec(
            *(found, *arguments),
            cwd=tmp_path,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
        return said.decode()

    return run


async def test_newsboat_shows_each_entry_once_and_is_told_that_nothing_changed(
    stand: Newsstand, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "urls").write_text(stand.url)
    (tmp_path / "config").write_text("")
    files = ("-u", "urls", "-c", "cache.db", "-C", "config")

    async def unread() -> str:
        await run("newsboat", *files, "-x", "reload")
        return (await run("newsboat", *files, "-x", "print-unread")).strip()

    for status in (200, 200, 304):  # its first fetch forgets the validators: it makes the feed's row too late
        assert await unread() == "5 unread articles"
        assert stand.statuses[-1] == status
    stand.change()
    assert await unread() == "6 unread articles"
    assert stand.statuses == [200, 200, 304, 200]


async def test_rss2email_sends_each_entry_once_and_is_told_that_nothing_changed(
    stand: Newsstand, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "rss2email.cfg").write_text(
        "[DEFAULT]\nto = alice@example.org\nemail-protocol = maildir\n"
        f"maildir-path = {tmp_path}\nmaildir-mailbox = mail\n"
    )
    for folder in ("cur", "new", "tmp"):
        (tmp_path / "mail" / folder).mkdir(parents=True)
    mails = mailbox.Maildir(tmp_path / "mail")
    await run("r2e", "add", "papers", stand.url)
    await run("r2e", "run")
    subjects = [str(make_header(decode_header(mail["Subject"]))) for mail in mails]
    assert len(subjects) == 5
    assert any(subject.startswith("</title><script>") for subject in subjects)
    await run("r2e", "run")
    assert (len(mails), stand.statuses) == (5, [200, 304])
    stand.change()
    await run("r2e", "run")
    assert (len(mails), stand.statuses) == (6, [200, 304, 200])


async def test_feedparser_finds_nothing_wrong_and_nothing_new_the_second_time(stand: Newsstand) -> None:
    first = await asyncio.to_thread(feedparser.parse, stand.url)
    assert not first.bozo
    assert len(first.entries) == 5
    again = await asyncio.to_thread(feedparser.parse, stand.url, etag=first.etag, modified=first.modified)
    assert again.status == 304


def read_three_times(stand: Newsstand) -> tuple:
    """What lemon24/reader makes of three fetches, the last one after a change."""
    from reader import make_reader

    with make_reader(":memory:") as reader:
        reader.add_feed(stand.url)
        first = reader.update_feed(stand.url)
        titles = [entry.title for entry in reader.get_entries()]
        second = reader.update_feed(stand.url)
        stand.change()
        third = reader.update_feed(stand.url)
    return first, titles, second, third


async def test_reader_sees_each_entry_once_and_each_change_once(stand: Newsstand) -> None:
    first, titles, second, third = await asyncio.to_thread(read_three_times, stand)
    assert (first.new, first.modified) == (5, 0)
    assert EVIL_SHOWN in titles
    assert second is None
    assert (third.new, third.modified) == (1, 1)
    assert stand.statuses == [200, 304, 200]
