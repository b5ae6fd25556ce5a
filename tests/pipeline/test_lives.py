"""What becomes of a mail address: full, gone, and back; and of a topic of a forum."""

from datetime import timedelta

from bot.adapters.store.maintenance import LONGEST_DELAY
from bot.app.config.channels import CHANNELS
from bot.domain.channels import ChannelKind, Limit, Limits
from bot.domain.errors import TargetGone, TryLater
from bot.domain.message import Begin, OutgoingMessage, Receipt, unrecorded
from bot.pipeline.history import paper_history
from tests.builders import NOW, a_channel, a_digest, a_subscriber, an_entry
from tests.pipeline.conftest import MakeWorld
from tests.pipeline.dispatching import started
from tests.rigs.clock import VirtualClock

HOUR = timedelta(hours=1)
ALICE = a_subscriber("alice", a_channel("email", "alice@example.org"))


async def test_a_full_mailbox_is_tried_again_in_an_hour_and_nobody_is_suspended(world: MakeWorld):
    made = started(world, ALICE)
    made.email.answer(TryLater("mailbox full: 452 4.2.2", wait=HOUR))
    made.read("a.md", a_digest(1))
    assert await made.send() == {"pending": 1}
    made.clock.advance(HOUR - timedelta(seconds=1))
    assert await made.send() == {}
    assert made.store.deliveries.counts(made.clock.now()).suspended == {}
    made.clock.advance(timedelta(seconds=1))
    assert await made.send() == {"sent": 1}


async def test_an_address_that_is_gone_is_suspended_with_the_reason_and_revived_by_hand(world: MakeWorld):
    made = started(world, ALICE)
    made.email.answer(TargetGone("550 5.1.1 no such user"))
    made.read("a.md", a_digest(1))
    assert await made.send() == {"pending": 1}
    made.read("b.md", a_digest(2))
    assert await made.send() == {}
    assert made.store.deliveries.counts(NOW).suspended == {
        "email:alice@example.org": "550 5.1.1 no such user"
    }
    assert made.store.deliveries.revive("email:alice@example.org")
    assert await made.send() == {"sent": 2}


class Forum:
    """A chat service whose topic is there or not."""

    kind: ChannelKind = "telegram"
    capabilities = CHANNELS["telegram"].capabilities

    def __init__(self) -> None:
        self.gone: str | None = None
        self.says_nothing = False

    async def send(self, outgoing: OutgoingMessage, begin: Begin = unrecorded) -> Receipt:
        await begin()
        if self.says_nothing:
            return Receipt(message="1")
        return Receipt(message="1", lost_topic=self.gone, in_topic=self.gone is None)

    async def close(self) -> None: ...


async def test_a_topic_that_is_gone_is_one_incident_until_a_message_gets_there(world: MakeWorld):
    forum = Forum()
    made = started(world, a_subscriber("alice", a_channel(address="-1001/7")), publishers=[forum])
    seen = []
    for number, gone in enumerate((None, "thread not found", "thread not found", None, None), start=1):
        forum.gone = gone
        made.read(f"{number}.md", a_digest(number))
        await made.send()
        seen.append([(incident.subject, incident.kind) for incident in made.store.incidents.open_incidents()])
    incident = [("telegram:-1001/7", "topic gone")]
    assert seen == [[], incident, incident, [], []]


async def test_a_message_that_says_nothing_of_its_topic_leaves_the_incident_open(world: MakeWorld):
    forum = Forum()
    made = started(world, a_subscriber("alice", a_channel(address="-1001/7")), publishers=[forum])
    forum.gone = "thread not found"
    made.read("1.md", a_digest(1))
    await made.send()
    forum.says_nothing = True
    made.read("2.md", a_digest(2))
    await made.send()
    (incident,) = made.store.incidents.open_incidents()
    assert incident.kind == "topic gone"


async def test_a_story_says_where_messages_of_a_topic_that_is_gone_go(world: MakeWorld):
    forum = Forum()
    alice = a_subscriber("alice", a_channel(address="-1001/7"))
    made = started(world, alice, publishers=[forum])
    forum.gone = "thread not found"
    made.read("a.md", a_digest(1))
    await made.send()
    store = made.store
    told = paper_history(
        an_entry(1).id,
        alice,
        papers=store.papers,
        digests=store.digests,
        deliveries=store.deliveries,
        stops=store.incidents,
        incidents=store.incidents.open_incidents(),
    )
    assert told is not None
    assert list(told.lost_topics) == ["telegram:-1001/7"]


async def test_a_clock_that_is_set_back_delays_a_chat_for_minutes_at_most(world: MakeWorld):
    limits = Limits(per_target=lambda _: Limit(most=1, span=timedelta(seconds=1)))
    clock = VirtualClock(step=timedelta(milliseconds=100))
    made = started(world, a_subscriber(), telegram={"limits": limits}, clock=clock)
    made.read("a.md", a_digest(1))
    await made.send()
    made.clock.go_to(NOW - HOUR)
    made.read("b.md", a_digest(2))
    assert await made.send() == {}
    assert made.store.maintenance.clamp_delays(made.clock.now()) == 1
    assert made.store.maintenance.clamp_delays(made.clock.now()) == 0
    made.clock.advance(LONGEST_DELAY)
    assert await made.send() == {"sent": 1}
