"""Scenario: digests with their times of arrival and generated subscribers, and its replay on a virtual clock."""

import asyncio
import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from bot.adapters.folders import FolderFile, scan
from bot.adapters.readers import read_digest
from bot.app.config.channels import CHANNELS
from bot.app.config.settings import Settings, load_settings
from bot.app.container import build_container
from bot.app.replay.fakes import (
    CountingFeeds,
    FakeService,
    Faults,
    LoopClock,
    VirtualLoop,
    no_faults,
)
from bot.app.replay.oracle import Oracle, Scorecard, score
from bot.app.watched import ingest_files
from bot.domain.channels import FEED, ChannelKind
from bot.domain.digests import Digest
from bot.domain.errors import DigestError, QuerySyntaxError, UsageError
from bot.domain.files import FoundFile
from bot.domain.query import author_query, excluding, parse
from bot.domain.schedule import At, Hourly, Immediately, QuietHours, Schedule
from bot.domain.subscriptions import Channel, QuizMode, Subscriber, Subscription
from bot.domain.text import printable
from bot.pipeline.ports import Publisher
from bot.pipeline.ports.outbox import DeliveryRecord

SEED = 20_261_120
_MAX_BYTES = 20_000_000
_MORNING = time(6)
_BETWEEN_DIGESTS = timedelta(minutes=7)
"""Time between two digests of one day."""
_AFTERWARDS = timedelta(days=9)
"""Enough for every weekly schedule to come due."""
_MIN_PAUSE = timedelta(milliseconds=50)
_SETTINGS = (
    "site: {{title: Replay}}\nfirst_run: all\nweb: {{listen: ''}}\natom: {{entries: {entries}}}\n"
    "telegram: {{token: '1:replay'}}\n"
)
_ENTRIES = 60
_MEMORY = Path("/dev/shm")  # noqa: S108 - a temporary folder in memory, which costs no disk writes
_WORD = re.compile(r"[A-Za-z][a-z]{3,}")
_STOP_WORDS = frozenset(
    "with from that this into over using toward towards based through beyond your more".split()  # noqa: SIM905
)
_ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Shanghai")
_TIMES = (time(8), time(12), time(18))
_DAILY, _WORKING = frozenset(range(7)), frozenset(range(5))
_POOL = 160
_IMMEDIATELY = Immediately()


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduledDigest:
    """A digest and the time of its arrival."""

    file: FoundFile
    digest: Digest
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """The input of a replay: digests in order of arrival, subscribers, and faults."""

    digests: tuple[ScheduledDigest, ...]
    subscribers: tuple[Subscriber, ...]
    faults: Faults

    @property
    def start(self) -> datetime:
        return self.digests[0].at - timedelta(hours=1)

    @property
    def end(self) -> datetime:
        return self.digests[-1].at + _AFTERWARDS


def prepare(folders: Sequence[Path], *, subscribers: int, faults: bool, seed: int = SEED) -> Scenario:
    """A scenario from the digests of the folders; raises UsageError for a missing folder, or without a dated digest."""
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{printable(str(folder))} is no folder; name a folder of digests")
    digests = tuple(_schedule_digests(folders))
    if not digests:
        raise UsageError(f"there is no dated digest in {', '.join(map(str, folders))}")
    start, end = digests[0].at - timedelta(hours=1), digests[-1].at
    return Scenario(
        digests=digests,
        subscribers=generate_subscribers(subscribers, [scheduled.digest for scheduled in digests], seed),
        faults=Faults(seed, start=start, end=end) if faults else no_faults(start),
    )


def _schedule_digests(folders: Sequence[Path]) -> Iterator[ScheduledDigest]:
    """All dated digests by date and name; those of one day arrive some minutes apart."""
    dated: list[tuple[date, str, Digest, FoundFile]] = []
    for file in scan([folder.resolve() for folder in folders], max_bytes=_MAX_BYTES, base=Path.cwd()):
        if isinstance(file, FoundFile):
            with suppress(DigestError):
                document = FolderFile(found=file, max_bytes=_MAX_BYTES)
                digest = read_digest(document.read(), name=document.name, neighbour=document.beside)
                if digest.date:
                    dated.append((digest.date, file.name, digest, file))
    last = None
    for day, _, digest, file in sorted(dated, key=lambda entry: entry[:2]):
        morning = datetime.combine(day, _MORNING, UTC)
        last = morning if last is None or morning > last else last + _BETWEEN_DIGESTS
        yield ScheduledDigest(file=file, digest=digest, at=last)


def replay(
    scenario: Scenario,
    *,
    wrap: Callable[[Publisher], Publisher] = lambda publisher: publisher,
    progress: Callable[[], object] = lambda: None,
) -> Scorecard:
    """Run the whole system over the scenario and score it.

    `wrap` replaces each fake service by a publisher around it; `progress` is called after each digest.
    """
    with ExitStack() as stack:
        memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="paperboy-replay-", dir=memory)))
        runner = stack.enter_context(asyncio.Runner(loop_factory=VirtualLoop))
        return runner.run(_Replay(scenario, _settings(folder), wrap, progress).run())


def _settings(folder: Path) -> Settings:
    (folder / "config").mkdir()
    config = folder / "config" / "paperboy.yaml"
    config.write_text(_SETTINGS.format(entries=_ENTRIES))
    return load_settings(config, {})


class _Replay:
    """One replay on its event loop."""

    def __init__(
        self,
        scenario: Scenario,
        settings: Settings,
        wrap: Callable[[Publisher], Publisher],
        progress: Callable[[], object],
    ) -> None:
        self._scenario = scenario
        self._progress = progress
        self._settings = settings
        self._wrap = wrap

    async def run(self) -> Scorecard:
        scenario = self._scenario
        self._clock = clock = LoopClock(asyncio.get_running_loop(), scenario.start)
        self._services: Mapping[ChannelKind, FakeService] = {
            "telegram": FakeService(
                "telegram",
                CHANNELS["telegram"].capabilities,
                now=clock.now,
                faults=scenario.faults,
                limit_of=CHANNELS["telegram"].capabilities.limits.per_target,
                moves=self._moves,
            ),
            "email": FakeService(
                "email", CHANNELS["email"].capabilities, now=clock.now, faults=scenario.faults
            ),
        }
        self._feeds = CountingFeeds()
        self._container = build_container(
            self._settings,
            scenario.subscribers,
            publishers={kind: self._wrap(service) for kind, service in self._services.items()},
            feed_writer=self._feeds,
            clock=clock,
            rng=random.Random(SEED),  # noqa: S311 - jitter
        )
        self._reachable_again = {
            channel.target: tuple(
                spell.end for spell in scenario.faults.spells(channel.kind, channel.address)
            )
            for subscriber in scenario.subscribers
            for channel in subscriber.channels
        }
        oracle = Oracle(scenario.subscribers)
        for scheduled in scenario.digests:
            await self._run_until(scheduled.at)
            oracle.expect(scheduled.digest, scheduled.file.name, clock.now())
            ingest_files(self._container, [scheduled.file])
            self._container.ingest.finish_planning(clock.now())
            await self._container.dispatcher.flush()
            self._progress()
        await self._run_until(scenario.end)
        await self._finish()
        card = self._score(oracle)
        await self._container.close()
        return card

    async def _run_until(self, moment: datetime) -> None:
        """Send whenever something is due; with faults an operator repairs at noon."""
        while (now := self._clock.now()) < moment:
            noon = datetime.combine(now.date(), time(12), UTC)
            noon += timedelta(days=noon <= now)
            await self._send_until(min(moment, noon))
            if self._clock.now() >= noon and self._scenario.faults.any:
                self._repair(timedelta(days=1))

    async def _send_until(self, moment: datetime) -> None:
        while True:
            due = await self._container.dispatcher.next_due()
            now = self._clock.now()
            if due is None or due > moment:
                await asyncio.sleep(max((moment - now).total_seconds(), 0))
                return
            await asyncio.sleep(max(due - now, _MIN_PAUSE).total_seconds())
            await self._container.dispatcher.flush()

    def _repair(self, since: timedelta) -> None:
        """Act as subscribers and operator: revive reachable targets, retry what did not arrive."""
        now, deliveries = self._clock.now(), self._container.store.deliveries
        for target, ends in self._reachable_again.items():
            if any(now - since < end <= now for end in ends):
                deliveries.revive(target)
        rows = deliveries.list_rows(states=["uncertain", "dead"], keys=[], limit=100_000)
        missing = [row.key for row in rows if self._did_not_arrive(row)]
        if missing:
            deliveries.retry(missing, now)

    def _did_not_arrive(self, row: DeliveryRecord) -> bool:
        kind = row.target.partition(":")[0]
        return all(
            row.message not in service.message_ids
            for service in self._services.values()
            if service.kind == kind
        )

    async def _finish(self) -> None:
        """Continue until nothing is pending or suspended, for at most 60 days."""
        whole_time = self._scenario.end - self._scenario.start
        for _ in range(60):
            self._repair(whole_time)
            await self._send_until(self._clock.now() + timedelta(days=1))
            if (
                await self._container.dispatcher.next_due() is None
                and not self._container.store.deliveries.counts(self._clock.now()).suspended
            ):
                return

    def _score(self, oracle: Oracle) -> Scorecard:
        received = [message for service in self._services.values() for message in service.received]
        counts = self._container.store.deliveries.counts(self._clock.now())
        patience = timedelta(days=1) if not self._scenario.faults.any else timedelta(days=60)
        card = score(oracle, received, self._feeds.papers, patience=patience)
        card.digests = len(self._scenario.digests)
        card.subscribers = len(self._scenario.subscribers)
        card.days = (self._scenario.digests[-1].at - self._scenario.digests[0].at).days + 1
        card.refused = sum(service.refused for service in self._services.values())
        card.floods = sum(service.floods for service in self._services.values())
        card.uncertain = counts.deliveries["uncertain"]
        return card

    def _moves(self, address: str) -> datetime | None:
        """The time at which a group moves; one in three does, after a third of the scenario."""
        moves = self._scenario.faults.any and address.startswith("-") and int(address) % 3 == 0
        return self._scenario.start + (self._scenario.end - self._scenario.start) / 3 if moves else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Vocabulary:
    """Words, pairs of words and authors in digests, the most frequent first."""

    words: tuple[str, ...]
    pairs: tuple[str, ...]
    authors: tuple[str, ...]


def vocabulary(digests: Iterable[Digest]) -> Vocabulary:
    """The words of titles and the authors in the digests, without the too frequent ones."""
    words, pairs, authors = Counter[str](), Counter[str](), Counter[str]()
    papers = 0
    for entry in (entry for digest in digests for entry in digest.entries):
        papers += 1
        title = [word.lower() for word in _WORD.findall(entry.title)]
        words.update(set(title) - _STOP_WORDS)
        pairs.update(
            {f"{first} {second}" for first, second in pairwise(title) if not {first, second} & _STOP_WORDS}
        )
        authors.update(set(entry.authors))
    most = max(papers // 80, 3)
    return Vocabulary(
        words=_frequent(words, most, 300),
        pairs=_frequent(pairs, most, 200),
        authors=_frequent(authors, most, 100),
    )


def _frequent(counted: Counter[str], most: int, length: int) -> tuple[str, ...]:
    """The `length` most frequent of those that occur at most `most` times."""
    ordered = sorted(counted.items(), key=lambda entry: (-entry[1], entry[0]))
    return tuple(name for name, count in ordered if count <= most)[:length]


def generate_subscribers(count: int, digests: Sequence[Digest], seed: int) -> tuple[Subscriber, ...]:
    """Generate subscribers with interests from the digests; the same for the same digests and seed."""
    rng = random.Random(seed)  # noqa: S311 - made-up subscribers
    known = vocabulary(digests)
    drawn = (_draw_subscription(rng, known) for _ in range(_POOL))
    pool = [subscription for subscription in drawn if subscription is not None]
    return tuple(_draw_subscriber(number, rng, pool, known) for number in range(count))


def _draw_subscription(rng: random.Random, known: Vocabulary) -> Subscription | None:
    if len(known.words) < 2:  # noqa: PLR2004 - nothing to draw two from
        return None
    word, other = rng.sample(known.words, 2)
    pair = rng.choice(known.pairs or known.words)
    forms = (pair, pair, pair, word, f"title:{word}", f"{word} AND {other}", f"{pair} AND NOT {other}")
    text = rng.choice((*forms, f"({word} OR {other}) NEAR/5 {rng.choice(known.words)}", f'"{word}"'))
    try:
        return Subscription(name=text, text=text, query=parse(text))
    except QuerySyntaxError:
        return None


def _draw_subscriber(
    number: int, rng: random.Random, pool: Sequence[Subscription], known: Vocabulary
) -> Subscriber:
    name = f"person-{number:04}"
    drawn = rng.sample(pool, min(rng.randint(1, 3), len(pool)))
    subscriptions = {subscription.name: subscription for subscription in drawn}
    if known.authors and rng.random() < 0.3:  # noqa: PLR2004 - shares of subscribers
        with suppress(QuerySyntaxError):
            author = rng.choice(known.authors)
            subscriptions.setdefault(
                author, Subscription(name=author, text=author, query=author_query(author))
            )
    if known.words and rng.random() < 0.2:  # noqa: PLR2004
        word = rng.choice(known.words)
        subscriptions = {name: _without(subscription, word) for name, subscription in subscriptions.items()}
    return Subscriber(
        id=name,
        timezone=ZoneInfo(rng.choice(_ZONES)),
        language="zh" if rng.random() < 0.1 else "en",  # noqa: PLR2004
        quiet_hours=QuietHours(start=time(22), end=time(7)) if rng.random() < 0.3 else None,  # noqa: PLR2004
        daily_limit=rng.choice((1, 3, 5)) if rng.random() < 0.3 else None,  # noqa: PLR2004
        channels=_draw_channels(number, name, rng),
        subscriptions=tuple(subscriptions.values()),
    )


def _without(subscription: Subscription, word: str) -> Subscription:
    """The subscription with papers that match the word excluded, if that gives a valid query."""
    with suppress(QuerySyntaxError):
        if subscription.query is not None:
            return replace(subscription, query=excluding(subscription.query, (parse(word),)))
    return subscription


def _draw_channels(number: int, name: str, rng: random.Random) -> tuple[Channel, ...]:
    quizzes: QuizMode = rng.choice(("none", "one", "all"))
    is_group = rng.random() < 0.15  # noqa: PLR2004
    address = str(-100_000 - number) if is_group else str(100_000 + number)
    telegram = _channel("telegram", address, quizzes=quizzes, deliver=_draw_schedule(rng))
    email = _channel("email", f"{name}@example.org", deliver=_draw_schedule(rng))
    feed = _channel(FEED, name)
    return rng.choices(
        ((telegram,), (email,), (telegram, email), (feed,), (telegram, feed)), weights=(45, 30, 15, 6, 4)
    )[0]


def _channel(
    kind: ChannelKind, address: str, *, quizzes: QuizMode = "none", deliver: Schedule = _IMMEDIATELY
) -> Channel:
    return Channel(
        kind=kind,
        address=address,
        deliver=deliver,
        quizzes=quizzes,
        capabilities=CHANNELS[kind].capabilities,
    )


def _draw_schedule(rng: random.Random) -> Schedule:
    at = rng.choice(_TIMES)
    return rng.choices(
        (
            Immediately(),
            Hourly(),
            At(days=_DAILY, at=at),
            At(days=_WORKING, at=at),
            At(days=frozenset({rng.randrange(7)}), at=at),
        ),
        weights=(30, 5, 30, 15, 20),
    )[0]
