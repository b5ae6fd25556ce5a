"""One send: the error's class decides how it ends, and nothing lasts longer than the lease on it."""

import asyncio
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.channels import Capabilities, ChannelKind, Limit, Limits, Target
from bot.domain.delivery import (
    FIRST_REFUSAL_WAIT,
    FIRST_WAIT,
    LONGEST_REFUSAL_WAIT,
    MAX_ATTEMPTS,
    MAX_REFUSALS,
    DeliveryKind,
)
from bot.domain.errors import (
    ChannelDown,
    DeliveryError,
    KindForbidden,
    NotSent,
    OutcomeUnknown,
    RecordDamaged,
    Refused,
    StateLocked,
    TargetGone,
    TargetMoved,
    TargetRefuses,
    TooLarge,
    TryLater,
    Withdrawn,
)
from bot.domain.message import Begin, OutgoingMessage, Receipt, unrecorded
from bot.domain.papers import PaperId
from bot.pipeline import send
from bot.pipeline.compose import BuiltMessage, NothingToSend
from bot.pipeline.ports.outbox import Claim, ClaimedRow
from bot.pipeline.rate_limiter import RateLimiter
from bot.pipeline.send import CHANNEL_PAUSE, Sender, SendResult
from tests.builders import NOW, a_paper, a_question, an_outgoing
from tests.pipeline.dispatching import other_steps
from tests.rigs.publishers import receipt

MINUTE = timedelta(minutes=1)
ONE_A_MINUTE = Limits(per_target=lambda _: Limit(most=1, span=MINUTE))


def a_claim(
    *,
    channel: ChannelKind = "telegram",
    kind: DeliveryKind = "alert",
    attempts: int = 1,
    rows: tuple[ClaimedRow, ...] = (),
) -> Claim:
    target = Target(kind=channel, address="1001")
    return Claim(
        number=1,
        message="b1",
        target_key=target.key,
        target=target,
        subscriber="alice",
        kind=kind,
        rows=rows or (ClaimedRow(number=1, key="k1", paper=a_paper().id, part=""),),
        attempts=attempts,
        created_at=NOW,
    )


class Parts:
    """A publisher, a builder and the past of a target, each of which may be told to fail."""

    kind = "telegram"
    capabilities = Capabilities(edits=True)

    def __init__(self, answer: BaseException | asyncio.Event | None = None, **built: Any) -> None:
        self.answer = answer
        self.built = BuiltMessage(**{"message": an_outgoing(kind="telegram"), "sent": ("k1",), **built})
        self.build_error: Exception | None = None
        self.past_error: Exception | None = None
        self.begin_error: Exception | None = None
        self.begun: list[Claim] = []
        self.begins = True
        self.limiter = RateLimiter({}, now=lambda: NOW)
        self.handed: list[OutgoingMessage] = []

    async def send(self, message: OutgoingMessage, begin: Begin = unrecorded) -> Receipt:
        if self.begins:
            await begin()
        self.handed.append(message)
        if isinstance(self.answer, asyncio.Event):
            await self.answer.wait()
        elif self.answer is not None:
            raise self.answer
        return receipt("m9")

    async def begin(self, claim: Claim) -> None:
        if self.begin_error:
            raise self.begin_error
        self.begun.append(claim)

    def build(self, _claim: Claim, _now: object) -> BuiltMessage:
        if self.build_error:
            raise self.build_error
        return self.built

    def sends_since(self, _key: str, _since: object) -> tuple[()]:
        if self.past_error:
            raise self.past_error
        return ()

    def sender(self, **parts: Any) -> Sender:
        given: dict[str, Any] = {
            "builder": self,
            "deliveries": self,
            "publishers": {"telegram": self, "email": self, "atom": self},
            "limiter": self.limiter,
            "harmless": frozenset({"atom"}),
            "resend": frozenset(),
            "begin": self.begin,
            "is_probe": lambda _: False,
            "forbidden": lambda _: None,
            "now": lambda: NOW,
            "rng": random.Random(1),
            **parts,
        }
        return Sender(**given)


async def failed(error: BaseException, resend: frozenset[str] = frozenset(), **claim: Any) -> SendResult:
    return await Parts(error).sender(harmless=frozenset(), resend=resend).send(a_claim(**claim))


def waits(result: SendResult) -> timedelta:
    assert result.outcome.wait_until
    return result.outcome.wait_until - NOW


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (TryLater("later"), "pending"),
        (TryLater("later", scope="channel"), "pending"),
        (NotSent("no"), "pending"),
        (TargetGone("blocked"), "pending"),
        (TargetMoved("moved", address="-1002"), "pending"),
        (ChannelDown("wrong token"), "pending"),
        (Refused("can't parse"), "dead"),
        (OutcomeUnknown("read timeout"), "uncertain"),
        (DeliveryError("something else"), "uncertain"),
    ],
)
async def test_each_error_ends_as_it_is_drawn(error: DeliveryError, state: str):
    result = await failed(error)
    assert result.outcome.state == state
    assert result.outcome.error == str(error)
    assert result.outcome.sent == ()


async def test_a_retry_waits_no_less_than_the_service_asked_for():
    assert waits(await failed(TryLater("flood", wait=10 * MINUTE))) == 10 * MINUTE
    assert waits(await failed(TryLater("flood", wait=timedelta(seconds=1)))) >= timedelta(seconds=3)


async def test_waits_grow_with_the_attempts():
    late = await failed(TryLater("later"), attempts=9)
    assert waits(late) > 10 * waits(await failed(TryLater("later"), attempts=1))


async def test_after_too_many_attempts_it_is_a_dead_letter():
    alive = await failed(TryLater("still"), attempts=MAX_ATTEMPTS - 1)
    dead = await failed(TryLater("still"), attempts=MAX_ATTEMPTS)
    assert (alive.outcome.state, dead.outcome.state) == ("pending", "dead")
    assert dead.outcome.error == f"given up after {MAX_ATTEMPTS} tries: still"


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (ChannelDown("down"), CHANNEL_PAUSE),
        (TryLater("down", scope="channel", wait=MINUTE), MINUTE),
        (TryLater("down", scope="channel"), FIRST_WAIT),
    ],
)
async def test_a_whole_channels_failure_is_no_attempt_of_this_message(error: DeliveryError, wait: timedelta):
    """The target waits as long as its channel, so that the next probe takes another one."""
    result = await failed(error, attempts=MAX_ATTEMPTS)
    outcome = result.outcome
    assert (outcome.state, outcome.counted, waits(result)) == ("pending", False, wait)
    assert result.trouble is error
    assert not result.answered


async def test_a_target_that_is_gone_is_suspended_with_the_reason():
    result = await failed(TargetGone("Forbidden: bot was blocked by the user"))
    assert result.outcome.suspend == "Forbidden: bot was blocked by the user"
    assert result.answered


async def test_a_target_that_refuses_waits_longer_each_time_and_is_suspended_in_the_end():
    first = await failed(TargetRefuses("554 5.7.1"))
    later = await failed(TargetRefuses("554 5.7.1"), attempts=4)
    last = await failed(TargetRefuses("554 5.7.1"), attempts=MAX_REFUSALS)
    assert FIRST_REFUSAL_WAIT <= waits(first) < waits(later) / 10
    assert waits(last) >= LONGEST_REFUSAL_WAIT
    assert (first.outcome.suspend, later.outcome.suspend) == (None, None)
    assert last.outcome.suspend == f"refused {MAX_REFUSALS} times: 554 5.7.1"
    assert last.outcome.state == "pending"
    assert all(result.refused and not result.answered for result in (first, later, last))


async def test_a_target_that_refuses_a_probe_is_not_suspended_for_it():
    parts = Parts(TargetRefuses("554 5.7.1"))
    result = await parts.sender(is_probe=lambda _: True).send(a_claim(attempts=MAX_REFUSALS))
    assert (result.outcome.suspend, result.outcome.counted) == (None, False)


async def test_a_kind_that_the_target_forbids_is_given_up_and_a_known_one_not_even_built():
    result = await failed(KindForbidden("no polls"))
    assert (result.outcome.state, result.outcome.error, result.forbidden) == ("skipped", "no polls", True)
    parts = Parts()
    known = await parts.sender(forbidden=lambda _: "no polls").send(a_claim())
    assert (known.outcome.state, known.outcome.error, known.forbidden) == ("skipped", "no polls", False)
    assert parts.handed == []


async def test_a_message_that_is_too_large_leaves_half_of_its_rows_to_a_later_one():
    rows = tuple(ClaimedRow(n, f"k{n}", PaperId(f"arxiv:{n}"), "") for n in range(5))
    result = await failed(TooLarge("552 5.3.4"), rows=rows)
    assert (result.outcome.state, result.outcome.released) == ("pending", ("k2", "k3", "k4"))
    assert result.outcome.wait_until is None


async def test_one_paper_that_is_too_large_is_a_dead_letter():
    assert (await failed(TooLarge("552 5.3.4"))).outcome.state == "dead"


async def test_a_target_that_moved_is_tried_at_once_and_not_for_ever():
    first = await failed(TargetMoved("moved", address="-1002"))
    assert (first.outcome.moved_to, first.outcome.wait_until) == ("-1002", None)
    assert waits(await failed(TargetMoved("moved", address="-1002"), attempts=4)) > timedelta(0)
    last = await failed(TargetMoved("moved", address="-1002"), attempts=MAX_ATTEMPTS)
    assert (last.outcome.state, last.outcome.moved_to) == ("dead", "-1002")


async def test_an_unknown_outcome_is_uncertain_and_the_target_pauses():
    result = await failed(OutcomeUnknown("read timeout"))
    assert result.unknown
    assert not result.answered
    assert waits(result) > timedelta(0)


async def test_what_failed_before_it_began_to_leave_is_never_in_doubt():
    parts = Parts(OutcomeUnknown("connect(): port must be 0-65535"))
    parts.begins = False
    result = await parts.sender().send(a_claim())
    assert (result.outcome.state, result.unknown) == ("pending", False)
    assert result.outcome.error == "connect(): port must be 0-65535"


async def test_an_edit_with_an_unknown_outcome_goes_again():
    result = await failed(OutcomeUnknown("read timeout"), kind="edit")
    assert (result.outcome.state, result.unknown) == ("pending", True)


async def test_a_correction_with_an_unknown_outcome_does_not():
    parts = Parts(OutcomeUnknown("read timeout"))
    parts.capabilities = Capabilities(corrects=True)
    result = await parts.sender(harmless=frozenset()).send(a_claim(kind="edit"))
    assert (result.outcome.state, result.unknown) == ("uncertain", True)


async def test_an_unknown_outcome_goes_again_on_a_channel_that_may_repeat_but_never_an_alarm():
    telegram = frozenset({"telegram"})
    assert (await failed(OutcomeUnknown("?"), telegram)).outcome.state == "pending"
    assert (await failed(OutcomeUnknown("?"), telegram, channel="email")).outcome.state == "uncertain"
    assert (await failed(OutcomeUnknown("?"), telegram, kind="alarm")).outcome.state == "uncertain"
    assert (await failed(OutcomeUnknown("?"), telegram, kind="look_back")).outcome.state == "pending"


async def test_an_unknown_outcome_goes_again_where_twice_changes_nothing_alarms_too():
    parts = Parts(OutcomeUnknown("?"))
    sender = parts.sender(harmless=frozenset({"email"}))
    assert (await sender.send(a_claim(channel="email", kind="alarm"))).outcome.state == "pending"


async def test_a_success_says_what_went_out_and_what_did_not():
    result = await Parts(limited=("k2",), named=("k3",)).sender().send(a_claim())
    outcome = result.outcome
    assert (outcome.state, outcome.sent, outcome.limited) == ("sent", ("k1",), ("k2",))
    assert (outcome.named, outcome.receipt, outcome.question) == (("k3",), receipt("m9"), None)
    assert outcome.wait_until is None
    assert result.answered


async def test_a_polls_question_is_kept_with_it():
    parts = Parts(message=an_outgoing(kind="telegram", question=a_question()))
    assert (await parts.sender().send(a_claim(kind="quiz"))).outcome.question == a_question()


@pytest.mark.parametrize("answer", [None, TryLater("later"), OutcomeUnknown("?")])
async def test_a_targets_rate_limit_is_kept_whatever_came_of_the_message(answer: DeliveryError | None):
    parts = Parts(answer)
    nine_minutes = Limits(per_target=lambda _: Limit(most=1, span=9 * MINUTE))
    parts.limiter = RateLimiter({"telegram": nine_minutes}, now=lambda: NOW)
    result = await parts.sender().send(a_claim())
    if not isinstance(answer, NotSent):  # what was certainly not sent fills no slot
        assert waits(result) == 9 * MINUTE
    again = await parts.sender().send(a_claim())
    assert (again.outcome.state, again.outcome.counted) == (("pending", isinstance(answer, NotSent)))


async def test_without_a_slot_it_is_put_back_and_was_not_tried():
    parts = Parts()
    parts.limiter = RateLimiter({"telegram": ONE_A_MINUTE}, now=lambda: NOW)
    parts.limiter.remember(a_claim().target, [NOW])
    outcome = (await parts.sender().send(a_claim())).outcome
    assert (outcome.state, outcome.counted, outcome.wait_until) == ("pending", False, NOW + MINUTE)
    assert parts.handed == []


@pytest.mark.parametrize(
    ("error", "said"),
    [(Withdrawn("dropped"), None), (StateLocked("busy"), "busy")],
    ids=["withdrawn", "busy"],
)
async def test_what_cannot_be_begun_is_not_sent_and_counts_for_nothing(error: Exception, said: str | None):
    parts = Parts()
    parts.begin_error = error
    outcome = (await parts.sender().send(a_claim())).outcome
    assert (outcome.state, outcome.counted, outcome.begun, outcome.error) == ("pending", False, False, said)


async def test_a_fault_of_ours_before_the_request_is_tried_again(caplog: pytest.LogCaptureFixture):
    parts = Parts()
    parts.begin_error = ZeroDivisionError("ours")
    outcome = (await parts.sender().send(a_claim())).outcome
    assert (outcome.state, outcome.counted, outcome.error) == (
        "pending",
        True,
        "unexpected: ZeroDivisionError",
    )
    assert "delivery.send_failed" in caplog.text


async def test_a_publisher_that_never_says_that_it_begins_is_named(caplog: pytest.LogCaptureFixture):
    parts = Parts()
    parts.begins = False
    result = await parts.sender().send(a_claim())
    assert (result.outcome.state, result.outcome.begun) == ("sent", False)
    assert "delivery.never_begun" in caplog.text


async def test_what_takes_too_long_before_its_request_is_tried_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(send, "GIVE_UP", timedelta(seconds=0.01))
    parts = Parts(asyncio.Event())
    parts.begins = False
    outcome = (await parts.sender().send(a_claim())).outcome
    assert outcome.state == "pending"
    assert "no end of it" in (outcome.error or "")


async def test_nothing_to_send_settles_the_rows_with_the_reason():
    parts = Parts()
    parts.build_error = NothingToSend("over limit", limited=("k1",))
    outcome = (await parts.sender().send(a_claim())).outcome
    assert (outcome.state, outcome.limited, outcome.cause) == ("skipped", ("k1",), "over limit")


@pytest.mark.parametrize("where", ["build_error", "past_error"])
async def test_a_busy_state_only_delays(where: str):
    parts = Parts()
    two_a_minute = Limits(per_target=lambda _: Limit(most=2, span=MINUTE))
    parts.limiter = RateLimiter({"telegram": two_a_minute}, now=lambda: NOW)
    setattr(parts, where, StateLocked("busy"))
    outcome = (await parts.sender().send(a_claim())).outcome
    assert (outcome.state, outcome.error) == ("pending", "busy")
    assert parts.handed == []


async def test_a_message_with_a_damaged_paper_is_a_dead_letter():
    parts = Parts()
    parts.build_error = RecordDamaged("arxiv:1 cannot be read")
    outcome = (await parts.sender().send(a_claim())).outcome
    assert (outcome.state, outcome.error) == (
        "dead",
        "could not be put together: RecordDamaged('arxiv:1 cannot be read')",
    )


async def test_a_message_that_cannot_be_built_is_a_dead_letter():
    parts = Parts()
    parts.build_error = ZeroDivisionError("ours")
    outcome = (await parts.sender().send(a_claim())).outcome
    assert (outcome.state, outcome.error) == ("dead", "could not be put together: ZeroDivisionError('ours')")


@pytest.mark.parametrize("error", [ZeroDivisionError("ours"), TimeoutError("ours"), StateLocked("ours")])
async def test_a_fault_of_ours_in_the_middle_of_a_send_is_an_unknown_outcome(error: Exception):
    result = await failed(error)
    assert result.unknown
    assert result.outcome.error == f"unexpected: {type(error).__name__}"


async def test_a_publisher_that_never_ends_is_cut_off_and_nobody_knows(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(send, "GIVE_UP", timedelta(seconds=0.01))
    result = await Parts(asyncio.Event()).sender().send(a_claim())
    assert result.unknown
    assert "no end of it" in (result.outcome.error or "")


async def _cut_off(parts: Parts, ready: Callable[[], bool]) -> SendResult:
    task = asyncio.create_task(parts.sender().send(a_claim()))
    while not ready():
        await asyncio.sleep(0.001)
    await other_steps()
    task.cancel()
    return await task


async def test_cut_off_while_it_waits_for_its_slot_it_was_certainly_not_sent():
    parts = Parts()
    limit = Limits(per_target=lambda _: Limit(most=1, span=timedelta(seconds=1)))
    parts.limiter = RateLimiter({"telegram": limit}, now=lambda: NOW)
    parts.limiter.remember(a_claim().target, [NOW])
    result = await _cut_off(parts, lambda: bool(parts.limiter._changed._waiters))
    assert (result.outcome.state, result.outcome.counted, parts.handed) == ("pending", False, [])


async def test_cut_off_while_the_service_has_it_nobody_knows():
    parts = Parts(asyncio.Event())
    result = await _cut_off(parts, lambda: bool(parts.handed))
    assert (result.outcome.state, result.unknown) == ("uncertain", True)
    assert result.outcome.error == "cut off while paperboy stopped"
