"""What a person is sent in the first hour, and after every other surprise: a table of cases.

As a program (`python -m tests.e2e.first_contact`) it prints the table. Real store, planning, sending and rendering; the
files are generated, a paper in each matches, and the clock is virtual.
"""

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.adapters.readers import peek_date, read_digest
from bot.adapters.telegram.preview import PreviewPublisher
from bot.domain.channels import ChannelKind
from bot.domain.digests import Digest
from bot.domain.message import Begin, OutgoingMessage, Receipt, unrecorded
from bot.domain.subscriptions import Subscriber
from bot.pipeline.send import SendRules
from tests.builders import (
    NOW,
    a_channel,
    a_digest,
    a_quiz,
    a_subscriber,
    a_subscription,
    an_edition,
    an_entry,
)
from tests.rigs.clock import VirtualClock
from tests.rigs.files import FakeFile
from tests.rigs.world import World

ANN = a_subscriber("ann", a_channel(quizzes="all"))
WINDOW = timedelta(minutes=10)
TODAY = NOW.date()


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """One message as it went out: how many papers it named, and how many of them it showed."""

    at: datetime
    target: str
    kind: str
    papers: tuple[str, ...]
    shown: int


class Recorder(PreviewPublisher):
    """Telegram's publisher without a token, which writes down what it sends."""

    kind: ChannelKind = "telegram"

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(show=lambda _preview: None)
        self._clock = clock
        self.sent: list[Sent] = []

    async def send(self, outgoing: OutgoingMessage, begin: Begin = unrecorded) -> Receipt:
        receipt = await super().send(outgoing, begin)
        papers = tuple(item.paper.id for item in outgoing.items)
        self.sent.append(
            Sent(
                at=self._clock.now(),
                target=outgoing.target.key,
                kind=outgoing.kind,
                papers=papers,
                shown=len(papers) if receipt.papers_shown is None else receipt.papers_shown,
            )
        )
        return receipt


class Installation:
    """One state, over which paperboy is started again and again."""

    def __init__(self, folder: Path, *people: Subscriber) -> None:
        self._url = f"sqlite:///{folder}/state.sqlite3"
        self._numbers = count(1)
        self.clock = VirtualClock()
        self.telegram = Recorder(self.clock)
        self.people: tuple[Subscriber, ...] = people or (ANN,)
        self.first_run: int | None = 3
        self.files = 0
        self.world: World
        self.start()

    def start(self) -> None:
        """Paperboy is started, or started again."""
        self.world = World(
            self._url,
            *self.people,
            clock=self.clock,
            rules=SendRules(),
            publishers=[self.telegram],
            first_run=self.first_run,
        )

    def restart(self) -> None:
        self.close()
        self.start()

    def close(self) -> None:
        self.world.close()

    def digests(
        self, days: int, papers: int = 4, *, until: date = TODAY, source: str = "digests", quiz: bool = False
    ) -> list[FakeFile]:
        """A digest a day, the oldest first."""
        first = until - timedelta(days=days - 1)
        return [self.digest(first + timedelta(days=n), papers, source, quiz=quiz) for n in range(days)]

    def digest(
        self, day: date | None, papers: int = 4, source: str = "digests", *, quiz: bool = False
    ) -> FakeFile:
        number = next(self._numbers)
        editions = (an_edition(quiz=a_quiz()),) if quiz else ()
        entries = [an_entry(next(self._numbers), editions=editions) for _ in range(papers)]
        return self.file(f"{source}/{number}.md", a_digest(*entries, day=day), source)

    def file(self, name: str, digest: Digest, source: str = "digests") -> FakeFile:
        file = FakeFile(name, b"", source)
        file.data = self.world.press.printed(digest)
        return file

    async def look(self, *files: FakeFile) -> None:
        """One look at the folders, and all that is due goes out."""
        self.files += len(files)
        self.world.look(*files)
        await self.world.send()

    async def pass_time(self, span: timedelta) -> None:
        """Send whatever becomes due meanwhile."""
        until = self.clock.now() + span
        while (due := await self.world.dispatcher.next_due()) and due <= until:
            self.clock.go_to(max(due, self.clock.now()))
            await self.world.send()
        self.clock.go_to(until)

    def alerts(self) -> list[Sent]:
        return [sent for sent in self.telegram.sent if sent.kind == "alert"]

    def polls(self) -> list[Sent]:
        return [sent for sent in self.telegram.sent if sent.kind == "quiz"]

    def papers(self) -> list[str]:
        return [paper for sent in self.alerts() for paper in sent.papers]

    def worst(self, sent: Sequence[Sent]) -> int:
        """The most of these messages to one target in any ten minutes."""
        return max(
            (
                sum(
                    message.target == first.target and first.at <= message.at < first.at + WINDOW
                    for message in sent
                )
                for first in sent
            ),
            default=0,
        )


async def empty_folder(installation: Installation) -> None:
    await installation.look()
    installation.clock.advance(seconds=3)
    await installation.look(*installation.digests(210, quiz=True))


async def missing_folder(installation: Installation) -> None:
    await installation.look()
    installation.restart()
    await installation.look(*installation.digests(210, quiz=True))


async def once_twice(installation: Installation) -> None:
    await installation.look()
    await installation.pass_time(timedelta(days=1))
    installation.restart()
    await installation.look(*installation.digests(210, quiz=True))
    installation.restart()
    await installation.look()


async def slow_copy(installation: Installation) -> None:
    await installation.look()
    for file in installation.digests(210, quiz=True):
        installation.clock.advance(seconds=20)
        await installation.look(file)


async def slow_copy_newest_first(installation: Installation) -> None:
    await installation.look()
    for file in reversed(installation.digests(210, quiz=True)):
        installation.clock.advance(seconds=20)
        await installation.look(file)


async def seeds_then_one(installation: Installation) -> None:
    """Somebody drops a digest of their own beside the seeds, to try it."""
    await installation.look(*installation.digests(3))
    installation.clock.advance(seconds=40)
    await installation.look(installation.digest(TODAY + timedelta(days=1), 5))


async def import_then_next_day(installation: Installation) -> None:
    history = installation.digests(210, until=TODAY - timedelta(days=1), source="history")
    installation.files += len(history)
    installation.world.look(*history, send=False)
    installation.restart()
    installation.clock.advance(minutes=1)
    await installation.look(installation.digest(TODAY, 46, "inbox"))


async def second_archive(installation: Installation) -> None:
    await installation.look(installation.digest(TODAY))
    await installation.pass_time(timedelta(days=1))
    await installation.look(*installation.digests(100, until=TODAY - timedelta(days=30), source="other"))


async def older_archive(installation: Installation) -> None:
    """An archive of the same source, added after its first look gave everybody their share."""
    await installation.look(*installation.digests(5))
    await installation.pass_time(timedelta(days=1))
    await installation.look(*installation.digests(100, until=TODAY - timedelta(days=30)))


async def three_weeks_away(installation: Installation) -> None:
    await installation.look(installation.digest(TODAY))
    await installation.pass_time(timedelta(days=21))
    installation.restart()
    await installation.look(*installation.digests(21, until=TODAY + timedelta(days=21)))
    await installation.pass_time(timedelta(hours=1))


async def new_subscriber(installation: Installation) -> None:
    installation.people = (a_subscriber("away", a_channel(address="7"), asks=("cats",)),)
    installation.restart()
    await installation.look(*installation.digests(5))
    installation.people = (*installation.people, ANN)
    installation.restart()
    await installation.look(installation.digest(TODAY + timedelta(days=1), 5))


async def new_keyword(installation: Installation) -> None:
    installation.people = (a_subscriber("ann", a_channel(quizzes="all"), asks=("cats",)),)
    installation.restart()
    await installation.look(*installation.digests(5))
    both = (a_subscription("cats"), a_subscription("language models"))
    installation.people = (a_subscriber("ann", a_channel(quizzes="all"), asks=both),)
    installation.restart()
    await installation.look(installation.digest(TODAY + timedelta(days=1), 5))


def a_readme(installation: Installation, papers: int, first: int = 1000) -> FakeFile:
    """A file with the whole history, a day for every ten papers, the newest last."""
    entries = [an_entry(first + n, date=TODAY + timedelta(days=(n - 500) // 10)) for n in range(papers)]
    return installation.file("README.md", a_digest(*entries, day=None))


async def growing_readme(installation: Installation) -> None:
    await installation.look(a_readme(installation, 500))
    await installation.pass_time(timedelta(days=3))
    await installation.look(a_readme(installation, 530))


async def quiz_page(installation: Installation) -> None:
    await installation.look(installation.digest(TODAY, 3, quiz=True))


async def first_run_all(installation: Installation) -> None:
    """Everything is wanted: the guard alone stands between it and the telephone."""
    installation.first_run = None
    installation.restart()
    await installation.look(*installation.digests(60, quiz=True))
    await installation.pass_time(timedelta(hours=1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What is done in one case, and how many papers and messages it sends; the guard's limits hold in each."""

    name: str
    steps: Callable[[Installation], "asyncio._CoroutineLike[None]"]
    papers: int
    messages: int
    polls: int = 0


CASES = (
    Case(name="empty folder, then 210 files", steps=empty_folder, papers=3, messages=1, polls=9),
    Case(name="missing folder, restart, 210 files", steps=missing_folder, papers=3, messages=1, polls=9),
    Case(name="`once`, 210 files, `once` twice", steps=once_twice, papers=3, messages=1, polls=9),
    Case(name="210 files copied one by one", steps=slow_copy, papers=11, messages=3, polls=33),
    Case(name="the same, newest first", steps=slow_copy_newest_first, papers=11, messages=3, polls=33),
    Case(name="seeds, then one digest dropped", steps=seeds_then_one, papers=8, messages=2),
    Case(name="import of 210, then the next day's 46", steps=import_then_next_day, papers=46, messages=1),
    Case(name="archive of a second source added", steps=second_archive, papers=7, messages=2),
    Case(name="older archive of the same source", steps=older_archive, papers=3, messages=1),
    Case(name="three weeks away, 21 digests", steps=three_weeks_away, papers=88, messages=2),
    Case(name="a new subscriber, and a digest", steps=new_subscriber, papers=8, messages=1),
    Case(name="a new keyword, and a digest", steps=new_keyword, papers=8, messages=1),
    Case(name="README of 500 grows by 30", steps=growing_readme, papers=33, messages=2),
    Case(name="a page of 3 papers with 9 questions", steps=quiz_page, papers=3, messages=1, polls=9),
    Case(name="`first_run: all`, 60 files, 1 hour", steps=first_run_all, papers=240, messages=1, polls=63),
)


class SeedFile:
    """A real digest."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.source = path.parent.name
        self._path = path

    def read(self) -> bytes:
        return self._path.read_bytes()

    def beside(self, name: str) -> bytes | None:
        return None


def told_of_corpus(folder: Path, state: Path) -> tuple[int, int, int]:
    """An empty folder that is watched, then a real archive: files, papers and messages."""

    async def steps() -> tuple[int, int, int]:
        people = a_subscriber("ann", a_channel(quizzes="all"), asks=("language models", "diffusion", "agent"))
        installation = Installation(state, people)
        ingest = installation.world.ingest
        ingest._read_digest = lambda data, name, _: read_digest(data, name=name)
        ingest._peek_date = lambda data, name: peek_date(data, name=name)
        await installation.look()
        files = [SeedFile(path) for path in sorted(folder.iterdir()) if path.is_file()]
        ingest.process(files, installation.clock.now())
        ingest.finish_planning(installation.clock.now())
        await installation.world.send()
        result = len(files), len(installation.papers()), len(installation.telegram.sent)
        installation.close()
        return result

    return asyncio.run(steps())


def run_case(case: Case, folder: Path) -> Installation:
    """The installation after all steps of the case."""
    installation = Installation(folder)
    try:
        asyncio.run(case.steps(installation))
    finally:
        installation.close()
    return installation


def main() -> int:
    lines = ["| case | files | papers | messages | polls | in 10 min |", "|---|--:|--:|--:|--:|--:|"]
    for case in CASES:
        with TemporaryDirectory() as folder:
            installation = run_case(case, Path(folder))
        most = (
            f"{installation.worst(installation.alerts())} + {installation.worst(installation.polls())} polls"
        )
        numbers = (
            installation.files,
            len(installation.papers()),
            len(installation.alerts()),
            len(installation.polls()),
            most,
        )
        lines.append(f"| {case.name} | " + " | ".join(map(str, numbers)) + " |")
    sys.stdout.write("\n".join([*lines, ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
