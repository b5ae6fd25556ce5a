"""The outbox as its port describes it, in plain Python: what the store has to agree with at every step."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.domain.delivery import DeliveryKind, State
from bot.pipeline.ports.outbox import Outcome

DONE: frozenset[State] = frozenset({"sent", "merged", "limited"})


@dataclass(eq=False)
class Message:
    """What was put together once; `told` counts the papers that it alerted to."""

    target: str
    created_at: datetime
    went_out: bool = False
    told: int = 0


@dataclass
class Line:
    """A row; `number` is its rank in the order of all rows."""

    number: int
    key: str
    target: str
    kind: DeliveryKind
    subscriber: str
    state: State
    due_at: datetime
    attempts: int = 0
    message: Message | None = None
    settled_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.settled_at is None

    def end(self, state: State, now: datetime) -> None:
        self.state = state
        self.message = None if state == "skipped" else self.message
        self.settled_at = None if state == "pending" else now


@dataclass(eq=False)
class Taken:
    """A claim, as somebody holds it until long after its lease."""

    target: str
    lines: tuple[Line, ...]
    message: Message
    lease_until: datetime
    begun: bool = False


@dataclass
class TargetState:
    """A target, and what is known of it."""

    key: str
    address: str
    suspended: str | None = None
    wait_until: datetime | None = None
    taken: Taken | None = None

    @property
    def kind(self) -> str:
        return self.key.partition(":")[0]


@dataclass
class Model:
    """What was planned, and what became of it."""

    targets: dict[str, TargetState] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)

    # --- what may be claimed ------------------------------------------------------------------------------

    def of(self, target: str) -> list[Line]:
        return [line for line in self.lines.values() if line.target == target and line.is_open]

    def ready_at(self, target_state: TargetState) -> datetime | None:
        """When the target may next be sent to; None where nothing waits for it or nobody may."""
        waiting = [line.due_at for line in self.of(target_state.key)]
        if not waiting or target_state.suspended or target_state.taken:
            return None
        return max(min(waiting), target_state.wait_until or min(waiting))

    def next_message(self, target: str, now: datetime) -> tuple[Line, ...]:
        """The lines that go out together next; empty where nothing is due."""
        due = [line for line in self.of(target) if line.due_at <= now]
        if not due:
            return ()
        head = due[0]
        if head.message:
            return tuple(line for line in self.of(target) if line.message is head.message)
        if target.startswith("atom:"):
            return tuple(due)
        if head.kind != "alert":
            return (head,)
        return tuple(
            line
            for line in due
            if line.kind == "alert" and line.message is None and line.subscriber == head.subscriber
        )

    def claimable(self, now: datetime, kinds: Collection[str]) -> dict[str, tuple[Line, ...]]:
        ready = {
            target_state.key: self.ready_at(target_state)
            for target_state in self.targets.values()
            if target_state.kind in kinds
        }
        return {key: self.next_message(key, now) for key, at in ready.items() if at is not None and at <= now}

    def next_due(self) -> datetime | None:
        ready = [self.ready_at(target_state) for target_state in self.targets.values()]
        leases = [
            target_state.taken.lease_until for target_state in self.targets.values() if target_state.taken
        ]
        return min((at for at in (*ready, *leases) if at is not None), default=None)

    # --- what happens -------------------------------------------------------------------------------------

    def plan(self, line: Line) -> bool:
        self.targets.setdefault(line.target, TargetState(line.target, line.target.partition(":")[2]))
        return self.lines.setdefault(line.key, line) is line

    def take(self, target: str, lines: tuple[Line, ...], now: datetime, until: datetime) -> Taken:
        taken = Taken(target, lines, lines[0].message or Message(target, now), until)
        self.targets[target].taken = taken
        return taken

    def begin(self, taken: Taken) -> bool:
        """False where it must not be sent."""
        target_state = self.targets[taken.target]
        if target_state.taken is not taken or target_state.suspended:
            return False
        self._begin(taken)
        return True

    def _begin(self, taken: Taken) -> None:
        taken.begun = True
        if taken.message not in self.messages:
            self.messages.append(taken.message)
        for line in taken.lines:
            if line.state in ("pending", "held"):
                line.state, line.message, line.attempts = "sending", taken.message, line.attempts + 1

    def settle(self, taken: Taken, outcome: Outcome, now: datetime) -> None:
        target_state, known = self.targets[taken.target], outcome.state == "sent"
        ours = target_state.taken is taken
        if not ours and not known:
            return
        if ours and not taken.begun and (outcome.state != "pending" or outcome.counted):
            self._begin(taken)
        believed = {"sending"} if ours else {"sending", "uncertain", "pending"}
        for line in taken.lines:
            if line.state in believed and line.message is taken.message:
                line.attempts -= not outcome.counted
                line.end(_state(line, outcome), now)
        for key in outcome.named:
            if self.lines[key].state == "limited":
                self.lines[key].message = taken.message
        if outcome.sent or outcome.state == "uncertain":
            taken.message.told = len(outcome.sent) if taken.lines[0].kind == "alert" else 0
            taken.message.went_out |= outcome.receipt is not None
        if ours:
            target_state.taken, target_state.wait_until = None, outcome.wait_until
            target_state.suspended = target_state.suspended or outcome.suspend
            target_state.address = outcome.moved_to or target_state.address

    def expire(self, now: datetime, again: Collection[str]) -> int:
        uncertain = 0
        for target_state in self.targets.values():
            if target_state.taken is None or target_state.taken.lease_until > now:
                continue
            for line in self.of(target_state.key):
                if line.state == "sending":
                    goes_again = target_state.kind in again or line.kind == "edit"
                    line.end("pending" if goes_again else "uncertain", now)
                    uncertain += not goes_again
            target_state.taken = None
        return uncertain

    def by_hand(self, keys: Iterable[str], states: Collection[State]) -> list[Line]:
        lines = (self.lines[key] for key in dict.fromkeys(keys) if key in self.lines)
        return [line for line in lines if line.state in states]

    def retry(self, keys: Sequence[str], now: datetime, opt_outs: Collection[str]) -> int:
        lines = self.by_hand(keys, ("dead", "uncertain"))
        for line in lines:
            line.end("pending", now)
            line.due_at, line.attempts = now, 0
            target_state = self.targets[line.target]
            if target_state.suspended not in opt_outs:
                target_state.suspended = target_state.wait_until = None
        self._revoke(lines)
        return len(lines)

    def drop(self, keys: Sequence[str], now: datetime) -> int:
        lines = self.by_hand(keys, ("pending", "held", "uncertain", "dead"))
        for line in lines:
            line.end("dead", now)
        self._revoke(lines)
        return len(lines)

    def _revoke(self, lines: Iterable[Line]) -> None:
        """End the claims of these targets of which nothing is being sent."""
        for target in {line.target for line in lines}:
            if not any(line.state == "sending" for line in self.of(target)):
                self.targets[target].taken = None

    def arrived(self, keys: Sequence[str]) -> int:
        lines = self.by_hand(keys, ("uncertain",))
        for line in lines:
            first = min(other.number for other in self.lines.values() if other.message is line.message)
            line.state = "sent" if line.number == first else "merged"
        for line in lines:
            assert line.message
            went = [other for other in self.lines.values() if other.message is line.message]
            line.message.told = sum(
                sent_line.kind == "alert" and sent_line.state in ("sent", "merged") for sent_line in went
            )
        return len(lines)

    def prune(self, before: datetime) -> int:
        """Remove the old messages that ended well."""
        old = [message for message in self.messages if self._is_old(message, before)]
        self.messages = [message for message in self.messages if message not in old]
        for line in self.lines.values():
            line.message = None if line.message in old else line.message
        return len(old)

    def clamp_delays(self, now: datetime, longest: timedelta) -> int:
        cut = 0
        for target_state in self.targets.values():
            tried = any(line.attempts for line in self.of(target_state.key))
            if (
                target_state.wait_until
                and target_state.wait_until > now + longest
                and not target_state.taken
                and not tried
            ):
                target_state.wait_until, cut = now + longest, cut + 1
        return cut

    # --- what is known afterwards -------------------------------------------------------------------------

    def told(self, target: str) -> int:
        return sum(message.told for message in self.messages if message.target == target)

    def unnamed(self, target: str) -> list[str]:
        return [
            line.key
            for line in self.lines.values()
            if line.target == target and line.state == "limited" and line.kind == "alert"
            if line.message and not line.message.went_out
        ]

    def _is_old(self, message: Message, before: datetime) -> bool:
        lines = [line for line in self.lines.values() if line.message is message]
        return message.created_at < before and all(
            line.settled_at is not None
            and line.settled_at < before
            and line.state in DONE
            and (line.state != "limited" or message.went_out)
            for line in lines
        )


def _state(line: Line, outcome: Outcome) -> State:
    if line.key in outcome.sent:
        return "sent" if line.key == outcome.sent[0] else "merged"
    return "limited" if line.key in outcome.limited else outcome.state
