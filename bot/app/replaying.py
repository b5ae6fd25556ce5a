"""The whole system over years of digests, before built-in services, in the time that computing takes."""

import asyncio
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.adapters.fakes import (
    CountingFeeds,
    FakeService,
    Faults,
    LoopClock,
    VirtualLoop,
    draw_people,
    no_faults,
)
from bot.adapters.folders import look, read_bytes
from bot.app import wiring
from bot.app.config.publishers import CHANNELS
from bot.app.config.settings import Settings, load_settings
from bot.app.service import take_in
from bot.domain.arrivals import Found
from bot.domain.channels import ChannelKind, Limit
from bot.domain.digests import Digest
from bot.domain.errors import DigestError, UsageError
from bot.domain.subscriptions import Subscriber
from bot.pipeline.ports import DeliveryRecord, Publisher
from bot.pipeline.replay import Foretelling, Scorecard, score

SEED = 20_261_120
_MAX_BYTES = 20_000_000
_MORNING = time(6)
_BETWEEN = timedelta(minutes=7)
"""Between two digests of one day."""
_AFTERWARDS = timedelta(days=9)
"""Long enough for every weekly digest's time to come round."""
_BREATH = timedelta(milliseconds=50)
_SETTINGS = (
    "site: {{title: Replay}}\nfirst_run: all\nweb: {{listen: ''}}\natom: {{entries: {entries}}}\n"
    "telegram: {{token: '1:replay'}}\n"
)
_ENTRIES = 60
_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own in it, where the state costs no disk

Wrap = Callable[[Publisher], Publisher]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Issue:
    """A digest and when it arrives."""

    found: Found
    digest: Digest
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Play:
    """What is played: the digests in their order, the people, and what goes wrong."""

    issues: tuple[Issue, ...]
    people: tuple[Subscriber, ...]
    faults: Faults

    @property
    def start(self) -> datetime:
        return self.issues[0].at - timedelta(hours=1)

    @property
    def end(self) -> datetime:
        return self.issues[-1].at + _AFTERWARDS


def prepare(folders: Sequence[Path], *, subscribers: int, faults: bool, seed: int = SEED) -> Play:
    """Read the digests of the folders and draw the people; UsageError where there is no digest."""
    issues = tuple(_issues(folders))
    if not issues:
        raise UsageError(f"there is no dated digest in {', '.join(map(str, folders))}")
    start, end = issues[0].at - timedelta(hours=1), issues[-1].at
    return Play(
        issues=issues,
        people=tuple(
            _able(person) for person in draw_people(subscribers, [issue.digest for issue in issues], seed)
        ),
        faults=Faults(seed, start=start, end=end) if faults else no_faults(start),
    )


def _issues(folders: Sequence[Path]) -> Iterator[Issue]:
    """Every dated digest, day by day, those of one day some minutes apart."""
    read: list[tuple[Digest, Found]] = []
    for found in look([folder.resolve() for folder in folders], max_bytes=_MAX_BYTES, base=Path.cwd()):
        if isinstance(found, Found):
            try:
                read.append((wiring.read(read_bytes(found, max_bytes=_MAX_BYTES), found.name), found))
            except DigestError:
                continue
    dated = [(digest.date, found.name, digest, found) for digest, found in read if digest.date]
    last = None
    for day, _, digest, found in sorted(dated, key=lambda one: one[:2]):
        morning = datetime.combine(day, _MORNING, UTC)
        last = morning if last is None or morning > last else last + _BETWEEN
        yield Issue(found=found, digest=digest, at=last)


def replay(
    play: Play, *, wrap: Wrap = lambda publisher: publisher, progress: Progress = lambda *_: None
) -> Scorecard:
    """Play it through and count; `wrap` stands between the system and each service."""
    with ExitStack() as stack:
        memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="paperboy-replay-", dir=memory)))
        runner = stack.enter_context(asyncio.Runner(loop_factory=VirtualLoop))
        return runner.run(_Stage(play, _settings(folder), wrap, progress).run())


def _settings(folder: Path) -> Settings:
    (folder / "config").mkdir()
    config = folder / "config" / "paperboy.yaml"
    config.write_text(_SETTINGS.format(entries=_ENTRIES))
    return load_settings(config, {})


class _Stage:
    """One replay on its loop."""

    def __init__(self, play: Play, settings: Settings, wrap: Wrap, progress: Progress) -> None:
        self._play = play
        self._progress = progress
        self._settings = settings
        self._wrap = wrap

    async def run(self) -> Scorecard:
        play = self._play
        self._clock = clock = LoopClock(asyncio.get_running_loop(), play.start)
        self._services: Mapping[ChannelKind, FakeService] = {
            "telegram": FakeService(
                "telegram",
                CHANNELS["telegram"].capabilities,
                now=clock.now,
                faults=play.faults,
                limit_of=_limit_of,
                moves=self._moves,
            ),
            "email": FakeService("email", CHANNELS["email"].capabilities, now=clock.now, faults=play.faults),
        }
        self._feeds = CountingFeeds()
        self._house = wiring.build(
            self._settings,
            play.people,
            publishers={kind: self._wrap(service) for kind, service in self._services.items()},
            feed_writer=self._feeds,
            clock=clock,
            rng=random.Random(SEED),  # noqa: S311 - jitter
        )
        self._reachable_again = {
            channel.target: tuple(spell.end for spell in play.faults.spells(channel.kind, channel.address))
            for person in play.people
            for channel in person.channels
        }
        foretold = Foretelling(play.people)
        for number, issue in enumerate(play.issues):
            await self._live_until(issue.at)
            foretold.hear(issue.digest, issue.found.name, clock.now())
            take_in(self._house, [issue.found])
            self._house.ingest.finish_planning(clock.now())
            await self._house.dispatcher.flush()
            self._progress(number + 1, len(play.issues))
        await self._live_until(play.end)
        await self._wind_up()
        card = self._score(foretold)
        await self._house.close()
        return card

    async def _live_until(self, moment: datetime) -> None:
        """What the service does between two digests: send whenever something is due; once a day, look after things."""
        while (now := self._clock.now()) < moment:
            noon = datetime.combine(now.date(), time(12), UTC)
            noon += timedelta(days=noon <= now)
            await self._send_until(min(moment, noon))
            if self._clock.now() >= noon and self._play.faults.any:
                self._look_after(timedelta(days=1))

    async def _send_until(self, moment: datetime) -> None:
        while True:
            due = await self._house.dispatcher.next_due()
            now = self._clock.now()
            if due is None or due > moment:
                await asyncio.sleep(max((moment - now).total_seconds(), 0))
                return
            await asyncio.sleep(max(due - now, _BREATH).total_seconds())
            await self._house.dispatcher.flush()

    def _look_after(self, since: timedelta) -> None:
        """The operator and the people: who can be reached again since then says so; what is unsure is looked up."""
        now, deliveries = self._clock.now(), self._house.store.deliveries
        for key, ends in self._reachable_again.items():
            if any(now - since < end <= now for end in ends):
                deliveries.revive(key, now)
        rows = deliveries.list_rows(states=["uncertain", "dead"], keys=[], limit=100_000)
        unsure = [row.key for row in rows if self._did_not_arrive(row)]
        if unsure:
            deliveries.retry(unsure, now)

    def _did_not_arrive(self, row: DeliveryRecord) -> bool:
        kind = row.target.partition(":")[0]
        return all(
            row.message not in service.message_ids
            for service in self._services.values()
            if service.kind == kind
        )

    async def _wind_up(self) -> None:
        """Go on until nothing is open any more, for as long as anything changes."""
        now_and_before = self._play.end - self._play.start
        for _ in range(60):
            self._look_after(now_and_before)
            await self._send_until(self._clock.now() + timedelta(days=1))
            if (
                await self._house.dispatcher.next_due() is None
                and not self._house.store.deliveries.counts(self._clock.now()).suspended
            ):
                return

    def _score(self, foretold: Foretelling) -> Scorecard:
        arrivals = [one for service in self._services.values() for one in service.taken]
        counts = self._house.store.deliveries.counts(self._clock.now())
        patience = timedelta(days=1) if not self._play.faults.any else timedelta(days=60)
        card = score(foretold, arrivals, self._feeds.papers, patience=patience)
        card.digests = len(self._play.issues)
        card.subscribers = len(self._play.people)
        card.days = (self._play.issues[-1].at - self._play.issues[0].at).days + 1
        card.refused = sum(service.refused for service in self._services.values())
        card.floods = sum(service.floods for service in self._services.values())
        card.uncertain = counts.deliveries["uncertain"]
        return card

    def _moves(self, address: str) -> datetime | None:
        """One group in three moves, a third of the way in."""
        moves = self._play.faults.any and address.startswith("-") and int(address) % 3 == 0
        return self._play.start + (self._play.end - self._play.start) / 3 if moves else None


def _limit_of(address: str) -> Limit | None:
    return CHANNELS["telegram"].capabilities.limits.of(address)


def _able(person: Subscriber) -> Subscriber:
    """The person with channels that can do what their publishers can."""
    channels = (
        replace(channel, capabilities=CHANNELS[channel.kind].capabilities) for channel in person.channels
    )
    return replace(person, channels=tuple(channels))
