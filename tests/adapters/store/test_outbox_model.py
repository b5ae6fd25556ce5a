"""The outbox against a model of its contract, whatever is done to it in whatever order."""

from collections import Counter
from datetime import datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from bot.domain.delivery import OPT_OUT_TEXTS, Delivery
from bot.domain.papers import Paper
from bot.pipeline.ports.outbox import Claim, Outcome
from tests.adapters.store.conftest import KINDS as CHANNELS
from tests.adapters.store.conftest import LEASE, Database, Hand
from tests.adapters.store.outbox_model import DONE, Line, Model, Taken
from tests.builders import NOW, a_change, a_delivery, a_paper
from tests.rigs.publishers import receipt

EXAMPLES, STEPS = 12, 30
MINUTE = timedelta(minutes=1)
EVER = datetime(2000, 1, 1, tzinfo=NOW.tzinfo)
TARGETS = ("telegram:1", "telegram:-5", "email:a@example.org", "atom:alice")
KINDS = st.sampled_from(["alert", "alert", "alert", "quiz", "edit"])
MINUTES = st.sampled_from([0, 0, 0, 1, 3, 9]).map(lambda count: count * MINUTE)
MAY_WAIT = st.none() | MINUTES
PLANNED = st.tuples(KINDS, st.integers(1, 9), MINUTES, st.sampled_from(["alice", "alice", "bob"]))
PICK = st.integers(0, 10_000)
PICKS = st.lists(PICK, min_size=1, max_size=4)
HARMLESS = frozenset({"atom"})
AGAIN = st.sampled_from([HARMLESS, HARMLESS | {"telegram"}])
SHOWN = st.integers(0, 3)


class Outboxes(RuleBasedStateMachine):
    """Two machines on one state, and the model beside them."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        while len(database.opened) < 2:
            database.open(new_message_name=None)
        self.stores = database.opened[:2]
        self.model = Model()
        self.now = self.latest = NOW
        self.held: list[tuple[Claim, Taken]] = []
        self.done: set[str] = set()
        self.numbers = 0
        self.looks = 0
        self.runs: list[list[list[Delivery]]] = []
        """Parts of the planning runs that are still to be planned."""
        self.run_papers: list[Paper] = []

    def number(self):
        self.numbers += 1
        return self.numbers

    def teardown(self) -> None:
        try:
            self.everything_ends_in_bounded_time()
        finally:
            with self.stores[0]._engine.begin() as connection:
                for table in (
                    "deliveries",
                    "messages",
                    "targets",
                    "planning_runs",
                    "notices",
                    "noticed_papers",
                ):
                    connection.execute(text(f"DELETE FROM {table}"))

    # --- what happens -------------------------------------------------------------------------------------

    @rule(to=st.sampled_from(TARGETS), planned=st.lists(PLANNED, min_size=1, max_size=4))
    def plan(self, to, planned):
        rows, new = [], 0
        for kind, paper, wait, who in planned:
            part, due, state = "" if kind == "alert" else kind, self.now + wait, "held" if wait else "pending"
            row = a_delivery(paper, to, kind, part, subscriber=who, state=state, due_at=due)
            new += self.model.plan(Line(self.number(), row.key, to, kind, who, state, due))
            rows.append(row)
        assert Hand(self.stores[0]).plan(*rows, now=self.now) == new

    @rule(
        planned=st.lists(
            st.tuples(st.sampled_from(TARGETS), MINUTES),
            min_size=1,
            max_size=2,
            unique_by=lambda pair: pair[0],
        ),
        count=st.integers(1, 2),
    )
    def begin_run(self, planned, count):
        papers = [a_paper(100 + len(self.run_papers) + number) for number in range(count)]
        self.run_papers += papers
        with self.stores[0].digests.transaction() as tx:
            tx.save_papers(papers, self.now, changed=True)
            tx.begin_run([a_change(paper) for paper in papers], self.now, rule="news")
        self.runs.append([alerts(target, papers, self.now, self.now + wait) for target, wait in planned])

    @precondition(lambda self: self.runs)
    @rule(who=st.integers(0, 1))
    def plan_part(self, who):
        part = self.runs[0].pop(0)
        name = part[0].subscriber
        with self.stores[who].digests.transaction() as tx:
            run = tx.open_run()
            assert tx.plan(part, run.number) == len(part)
            if self.runs[0]:
                tx.advance(run, name)
                assert tx.open_run().cursor == name
            else:
                tx.finish(run, self.now)
                self.runs.pop(0)
        for row in part:
            line = Line(self.number(), row.key, row.target, "alert", name, row.state, row.due_at)
            self.model.plan(line)

    @precondition(lambda self: self.model.next_due())
    @rule(who=st.integers(0, 1), few=st.booleans(), kinds=st.sampled_from([CHANNELS, ("telegram",)]))
    def claim(self, who, few, kinds):
        limit = 1 if few else 10
        expected = self.model.claimable(self.now, kinds)
        claims = self.stores[who].outbox.claim(
            self.now, lease=LEASE, limit=limit, kinds=kinds, documents=["atom"]
        )
        assert {claim.target_key for claim in claims} <= expected.keys()
        assert few or len(claims) == len(expected)
        for claim in claims:
            lines = expected[claim.target_key]
            assert [row.key for row in claim.rows] == [line.key for line in lines], lines
            assert claim.target.address == self.model.targets[claim.target_key].address
            taken = self.model.take(claim.target_key, lines, self.now, self.now + LEASE)
            assert (claim.attempts, claim.created_at) == (lines[0].attempts + 1, taken.message.created_at)
            self.held.append((claim, taken))

    @precondition(lambda self: self.held)
    @rule(pick=PICK, who=st.integers(0, 1))
    def begin(self, pick, who):
        claim, taken = self.held[-1 - pick % len(self.held)]
        begun = self.stores[who].outbox.begin([claim])
        assert begun == ({claim.lease} if self.model.begin(taken) else frozenset())

    def settle(self, pick, who, claim_and_taken=None, **parts):
        claim, taken = claim_and_taken or self.held[-1 - pick % len(self.held)]
        if not taken.begun and self.model.targets[taken.target].taken is not taken:
            return  # it could not be begun, and so did not end
        outcome = Outcome(claim=claim, begun=taken.begun, **parts)
        self.stores[who].outbox.settle([outcome], self.now)
        self.model.settle(taken, outcome, self.now)

    @precondition(lambda self: self.held)
    @rule(pick=PICK, who=st.integers(0, 1), wait=MAY_WAIT, kept_out=SHOWN, names=st.booleans())
    def it_arrives(self, pick, who, wait, kept_out, names):
        claim, _ = pair = self.held[-1 - pick % len(self.held)]
        keys = [row.key for row in reversed(claim.rows)]
        shown = keys[kept_out:] if claim.kind == "alert" and claim.target.kind != "atom" else keys
        limited = tuple(key for key in keys if key not in shown)
        if not shown:
            return self.settle(pick, who, pair, state="skipped", limited=limited)
        named = (
            tuple(key for key, _ in self.stores[who].deliveries.unnamed(claim.target_key)) if names else ()
        )
        parts = {
            "sent": tuple(shown),
            "limited": limited,
            "named": named,
            "wait_until": wait and self.now + wait,
        }
        return self.settle(pick, who, pair, state="sent", receipt=receipt(f"m-{pick}"), **parts)

    @precondition(lambda self: self.held)
    @rule(
        pick=PICK,
        who=st.integers(0, 1),
        wait=MAY_WAIT,
        counted=st.booleans(),
        end=st.sampled_from(["", "gone", "moved"]),
    )
    def it_is_put_back(self, pick, who, wait, counted, end):
        parts = {"gone": {"suspend": "blocked"}, "moved": {"moved_to": f"-100{pick}"}}.get(end, {})
        self.settle(pick, who, state="pending", wait_until=wait and self.now + wait, counted=counted, **parts)

    @precondition(lambda self: self.held)
    @rule(
        pick=PICK, who=st.integers(0, 1), wait=MAY_WAIT, end=st.sampled_from(["uncertain", "dead", "skipped"])
    )
    def it_ends_otherwise(self, pick, who, wait, end):
        self.settle(pick, who, state=end, wait_until=wait and self.now + wait)

    @precondition(lambda self: any(target_state.taken for target_state in self.model.targets.values()))
    @rule(who=st.integers(0, 1), again=AGAIN)
    def expire(self, who, again):
        uncertain = self.stores[who].outbox.expire(self.now, again=again - HARMLESS, harmless=HARMLESS)
        assert uncertain == self.model.expire(self.now, again)

    @rule(by=st.sampled_from([MINUTE, 5 * MINUTE, 20 * MINUTE, -3 * MINUTE, timedelta(seconds=1)]))
    def time_passes(self, by):
        self.now += by
        self.latest = max(self.latest, self.now)

    # --- by hand ------------------------------------------------------------------------------------------

    def keys(self, picks):
        known = list(self.model.lines)
        return [known[pick % len(known)] for pick in picks]

    @precondition(lambda self: self.model.by_hand(self.model.lines, ("dead", "uncertain")))
    @rule(picks=PICKS)
    def retry(self, picks):
        keys = self.keys(picks)
        assert self.stores[1].deliveries.retry(keys, self.now) == self.model.retry(
            keys, self.now, OPT_OUT_TEXTS.values()
        )

    @precondition(lambda self: self.model.lines)
    @rule(picks=PICKS)
    def drop(self, picks):
        keys = self.keys(picks)
        assert self.stores[1].deliveries.drop(keys, self.now) == self.model.drop(keys, self.now)

    @precondition(lambda self: any(line.state == "uncertain" for line in self.model.lines.values()))
    @rule(picks=PICKS)
    def arrived(self, picks):
        keys = self.keys(picks)
        assert self.stores[1].deliveries.arrived(keys) == self.model.arrived(keys)

    @precondition(
        lambda self: any(not target_state.suspended for target_state in self.model.targets.values())
    )
    @rule(pick=PICK)
    def suspend(self, pick):
        target_state = list(self.model.targets.values())[pick % len(self.model.targets)]
        assert self.stores[0].deliveries.suspend(target_state.key, "blocked", self.now) == (
            target_state.suspended is None
        )
        target_state.suspended = target_state.suspended or "blocked"

    @precondition(lambda self: self.model.targets)
    @rule(pick=PICK)
    def opt_out(self, pick):
        target_state, stopped = (
            list(self.model.targets.values())[pick % len(self.model.targets)],
            OPT_OUT_TEXTS["stopped"],
        )
        assert self.stores[0].deliveries.opt_out(target_state.key, "stopped", self.now) == (
            target_state.suspended != stopped
        )
        target_state.suspended = stopped

    @precondition(lambda self: any(target_state.suspended for target_state in self.model.targets.values()))
    @rule(pick=PICK)
    def revive(self, pick):
        target_state = list(self.model.targets.values())[pick % len(self.model.targets)]
        assert self.stores[0].deliveries.revive(target_state.key) == (target_state.suspended is not None)
        target_state.suspended = None

    @precondition(lambda self: any(line.message for line in self.model.lines.values()))
    @rule(age=MINUTES)
    def prune(self, age):
        before = self.now - age
        assert self.stores[0].maintenance.prune_messages(before, 1000) == self.model.prune(before)

    @precondition(lambda self: any(target_state.wait_until for target_state in self.model.targets.values()))
    @rule()
    def clamp_delays(self):
        assert self.stores[0].maintenance.clamp_delays(self.now, 2 * MINUTE) == self.model.clamp_delays(
            self.now, 2 * MINUTE
        )

    # --- what holds all the time --------------------------------------------------------------------------

    @invariant()
    def every_row_is_where_the_contract_says(self):
        rows = self.stores[0].deliveries.list_rows(states=(), keys=(), limit=1000)
        found = [(row.key, row.state, row.attempts, row.settled_at) for row in rows]
        lines = self.model.lines.values()
        assert found == [(line.key, line.state, line.attempts, line.settled_at) for line in lines]
        done = {row.key for row in rows if row.state in DONE}
        assert self.done <= done
        self.done = done

    @invariant()
    def what_is_due_is_never_overlooked(self):
        due, wanted = self.stores[1].outbox.next_due(CHANNELS), self.model.next_due()
        assert wanted is None or (due is not None and due <= wanted)

    @invariant()
    def everything_is_counted(self):
        self.looks += 1
        if self.looks % 4:
            return  # counting takes as long as all else: each fourth time, and in the end
        self.count()

    def count(self):
        counted = self.stores[1].deliveries.counts(self.now).deliveries
        assert {state: count for state, count in counted.items() if count} == Counter(
            line.state for line in self.model.lines.values()
        )
        assert len(self.stores[1].digests.open_runs()) == len(self.runs)

    @invariant()
    def what_was_told_is_counted(self):
        for target in self.model.targets:
            assert self.stores[0].deliveries.alerted_since(target, EVER) == self.model.told(target)
            unnamed = [key for key, _ in self.stores[0].deliveries.unnamed(target)]
            assert unnamed == self.model.unnamed(target)

    def everything_ends_in_bounded_time(self):
        """Nothing is lost: with time and a target that is there again, whatever is open goes out."""
        while self.runs:
            self.plan_part(0)
        for target_state in self.model.targets.values():
            self.stores[0].deliveries.revive(target_state.key)
            target_state.suspended = None
        for _ in range(len(self.model.lines) + 2):
            self.now += 60 * MINUTE
            self.expire(0, HARMLESS)
            self.held.clear()
            self.claim(0, few=False, kinds=CHANNELS)
            for values in self.held:
                sent = tuple(row.key for row in values[0].rows)
                self.settle(0, 0, values, state="sent", sent=sent, receipt=receipt())
        assert not [line for line in self.model.lines.values() if line.is_open]
        assert self.stores[0].outbox.next_due(CHANNELS) is None
        self.every_row_is_where_the_contract_says()
        self.count()


def alerts(target, papers, now, due):
    """Alerts on these papers to one target."""
    state = "held" if due > now else "pending"
    return [
        Delivery(target, f"who has {target}", "alert", paper.id, state, max(now, due)) for paper in papers
    ]


def test_the_outbox_keeps_its_contract_whatever_is_done_to_it(database: Database):
    run_state_machine_as_test(
        lambda: Outboxes(database),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
