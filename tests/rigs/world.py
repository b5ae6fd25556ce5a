"""The whole pipeline over a real state, with fake files in front of it and fake services behind."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bot.adapters.feeds.folder import AtomPublisher
from bot.adapters.store import Store
from bot.app.config.channels import CAPABILITIES
from bot.domain.channels import ChannelKind
from bot.domain.delivery import State
from bot.domain.digests import Digest
from bot.domain.flood_guard import NO_GUARD
from bot.domain.site import SiteAddresses
from bot.domain.subscriptions import Subscriber
from bot.pipeline.compose import MessageBuilder
from bot.pipeline.dispatch import Dispatcher
from bot.pipeline.feeds import FeedBuilder, FeedSettings
from bot.pipeline.incidents import IncidentLog
from bot.pipeline.ingest import Ingest, IngestResult
from bot.pipeline.planning_runs import RunPlanner
from bot.pipeline.ports import Publisher
from bot.pipeline.ports.outbox import DeliveryRecord
from bot.pipeline.preferences import Preferences
from bot.pipeline.send import SendRules
from bot.pipeline.subscribers import SubscriberRegistry
from tests.builders import AUTHORITY
from tests.rigs.clock import VirtualClock
from tests.rigs.files import FakeFile, Press
from tests.rigs.ports import Faults, Hooked
from tests.rigs.publishers import FakePublisher, KeptFeeds

SITE = FeedSettings(
    title="Paperboy", site=SiteAddresses("https://papers.example.org"), authority=AUTHORITY, entries=100
)


class World:
    """Everything that works on one state. `faults` stands at the door of the store of digests and of what sending asks the state."""

    def __init__(
        self,
        url: str,
        *subscribers: Subscriber,
        clock: VirtualClock | None = None,
        rules: SendRules | None = None,
        publishers: Sequence[Publisher] | None = None,
        first_run: int | None = None,
        faults: Any = None,
        entries: int = SITE.entries,
        alarms_to: Sequence[str] = (),
        telegram: dict[str, Any] | None = None,
    ) -> None:
        self.url = url
        self.clock = clock or VirtualClock()
        self.faults = faults or Faults()
        self.store = Store(url)
        self.press = Press()
        self.registry = SubscriberRegistry(
            subscribers, preferences=self.store.preferences, capabilities=CAPABILITIES
        )
        self.telegram, self.email = FakePublisher("telegram", **(telegram or {})), FakePublisher("email")
        self.feed_files = KeptFeeds()
        self.outbox: Any = Hooked(self.store.outbox, "outbox", self.faults)
        deliveries: Any = Hooked(self.store.deliveries, "deliveries", self.faults)
        self.deliveries = deliveries
        incidents: Any = Hooked(self.store.incidents, "incidents", self.faults)
        self.digests: Any = Hooked(self.store.digests, "digests", self.faults)
        site = replace(SITE, entries=entries)
        self.feeds = FeedBuilder(self.store.papers, self.store.tokens, self.registry, site)
        chosen = publishers if publishers is not None else (self.telegram, self.email)
        by_kind: dict[ChannelKind, Publisher] = {publisher.kind: publisher for publisher in chosen}
        by_kind.setdefault("atom", AtomPublisher(self.feeds, self.feed_files))
        capabilities = {kind: publisher.capabilities for kind, publisher in by_kind.items()}
        self.builder = MessageBuilder(
            deliveries,
            self.store.papers,
            self.store.tokens,
            self.registry,
            lambda paper, lang: paper.edition(lang).quiz,
            capabilities,
        )
        self.ingest = Ingest(
            self.digests,
            self.registry,
            RunPlanner(self.digests, self.store.full_text, first_run=first_run),
            self.press.read,
            self.press.peek_date,
        )
        self.preferences = Preferences(self.store.preferences, self.registry, deliveries, self.store.papers)
        self.incidents = IncidentLog(incidents, self.registry, capabilities, alarms_to)
        self.dispatcher = Dispatcher(
            outbox=self.outbox,
            deliveries=deliveries,
            stops=incidents,
            builder=self.builder,
            publishers=by_kind,
            incidents=self.incidents,
            clock=self.clock,
            rng=random.Random(7),
            rules=rules or SendRules(flood_guard=NO_GUARD),
        )

    # --- what happens -------------------------------------------------------------------------------------

    def look(self, *files: FakeFile, send: bool = True) -> IngestResult:
        """What the service does with files that are whole; all that follows is planned."""
        taken = self.look_only(*files, send=send)
        taken.add_planned(self.ingest.finish_planning(self.clock.now()))
        return taken

    def look_only(self, *files: FakeFile, send: bool = True) -> IngestResult:
        """The same, but only the first part is planned."""
        if send:
            return self.ingest.process(files, self.clock.now())
        return self.ingest.process_history(files, self.clock.now())

    def read(self, name: str, digest: Digest) -> IngestResult:
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
        self.registry.replace(subscribers)

    def close(self) -> None:
        self.store.close()

    # --- how it stands ------------------------------------------------------------------------------------

    def rows(self, *states: State) -> tuple[DeliveryRecord, ...]:
        return self.store.deliveries.list_rows(states=states, keys=(), limit=10_000)

    def states(self) -> dict[str, State]:
        """The state of each row, by kind, channel and the last digit of its paper."""
        return {
            f"{row.kind} {row.target.partition(':')[0]} {row.paper[-1]}": row.state for row in self.rows()
        }

    def counts(self) -> Counter[State]:
        return Counter(row.state for row in self.rows())
