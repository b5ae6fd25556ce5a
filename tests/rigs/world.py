"""The whole pipeline over a real state, with fake files in front of it and fake services behind."""

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

from bot.adapters.store import Store
from bot.domain.delivery import State
from bot.domain.digests import Digest
from bot.domain.subscriptions import ChannelKind, Subscriber
from bot.pipeline.alarms import AlarmDesk
from bot.pipeline.dispatch import Dispatcher, Rules
from bot.pipeline.facing import ChatDesk, ReadingRoom
from bot.pipeline.feeds import FeedDesk, Site
from bot.pipeline.herald import Telling
from bot.pipeline.ingest import Ingest, Taken
from bot.pipeline.parcels import Packer
from bot.pipeline.ports import Publisher, Row
from bot.pipeline.ports.alarms import Teller
from bot.pipeline.subscribers import SubscriberRegistry
from tests.builders import AUTHORITY
from tests.rigs.clock import VirtualClock
from tests.rigs.files import FakeFile, Press
from tests.rigs.ports import Faults, Hooked
from tests.rigs.publishers import FakePublisher, KeptFeeds

SITE = Site(title="Paperboy", url="https://papers.example.org", authority=AUTHORITY, entries=100)


class World:
    """Everything that works on one state. `faults` stands at the door of the intake and the outbox."""

    def __init__(
        self,
        url: str,
        *subscribers: Subscriber,
        clock: VirtualClock | None = None,
        rules: Rules | None = None,
        publishers: Sequence[Publisher] | None = None,
        first_run: int | None = None,
        faults: Any = None,
        entries: int = SITE.entries,
        alarms_to: Sequence[str] = (),
    ) -> None:
        self.clock = clock or VirtualClock()
        self.faults = faults or Faults()
        self.store = Store(url)
        self.press = Press()
        self.roster = SubscriberRegistry(subscribers)
        self.telegram, self.email = FakePublisher("telegram"), FakePublisher("email")
        self.feed_files = KeptFeeds()
        outbox: Any = Hooked(self.store.outbox, "outbox", self.faults)
        self.outbox = outbox
        self.intake: Any = Hooked(self.store.intake, "intake", self.faults)
        site = Site(title=SITE.title, url=SITE.url, authority=AUTHORITY, entries=entries)
        self.feeds = FeedDesk(self.store.shelf, self.store.tokens, self.roster, site)
        self.packer = Packer(
            outbox,
            self.store.shelf,
            self.store.tokens,
            self.roster,
            lambda paper, lang: paper.edition(lang).quiz,
        )
        self.ingest = Ingest(
            self.intake, self.roster, self.press.read, self.press.peek_date, first_run=first_run
        )
        ways_out = publishers if publishers is not None else (self.telegram, self.email)
        by_kind: dict[ChannelKind, Publisher] = {publisher.kind: publisher for publisher in ways_out}
        self.alarms = AlarmDesk(self.store.incidents, self.roster, alarms_to)
        self.dispatcher = Dispatcher(
            outbox=outbox,
            packer=self.packer,
            publishers=by_kind,
            feeds=self.feeds,
            feed_writer=self.feed_files,
            clock=self.clock,
            rng=random.Random(7),
            rules=rules or Rules(),
            telling=Telling(
                alarms=self.alarms,
                bulletins=Hooked(self.store.bulletins, "bulletins", self.faults),  # type: ignore[arg-type]
                tellers={kind: one for kind, one in by_kind.items() if isinstance(one, Teller)},
            ),
        )
        self.library = ReadingRoom(self.store.shelf, outbox, self.store.tokens, self.feeds)
        self.desk = ChatDesk(self.store.shelf, outbox, self.packer, self.roster)

    # --- what happens -------------------------------------------------------------------------------------

    def look(self, *files: FakeFile, tell: bool = True) -> Taken:
        """What the service does with files that are whole; all that follows is planned."""
        taken = self.look_only(*files, tell=tell)
        taken.add_planned(self.ingest.finish_planning(self.clock.now()))
        return taken

    def look_only(self, *files: FakeFile, tell: bool = True) -> Taken:
        """The same, but only the first part is planned."""
        if tell:
            return self.ingest.take_in(files, self.clock.now())
        return self.ingest.take_in_history(files, self.clock.now())

    def read(self, name: str, digest: Digest) -> Taken:
        """One digest file turns up."""
        return self.look(self.press.file(name, digest))

    async def send(self) -> Counter[State]:
        """Send what is due."""
        return await self.dispatcher.flush()

    async def send_all(self, days: int = 5) -> Counter[State]:
        """Send what is due and go on as time passes, until nothing more wants to go out."""
        ends = await self.send()
        give_up = self.clock.now().timestamp() + days * 86_400
        while (due := await self.dispatcher.next_due()) and due.timestamp() < give_up:
            self.clock.go_to(max(due, self.clock.now()))
            ends += await self.send()
        return ends

    def subscribe(self, *subscribers: Subscriber) -> None:
        """The configuration changes."""
        self.roster.replace(subscribers)

    def close(self) -> None:
        self.store.close()

    # --- how it stands ------------------------------------------------------------------------------------

    def rows(self, *states: State) -> tuple[Row, ...]:
        return self.store.outbox.list_rows(states=states, keys=(), limit=10_000)

    def states(self) -> dict[str, State]:
        """The state of each row, by kind, channel and the last digit of its paper."""
        return {
            f"{row.kind} {row.target.partition(':')[0]} {row.paper[-1]}": row.state for row in self.rows()
        }

    def counts(self) -> Counter[State]:
        return Counter(row.state for row in self.rows())
