"""How a send ends: the error's class decides."""

import random
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.delivery import MAX_ATTEMPTS, Kind, Target
from bot.domain.errors import (
    ChannelDown,
    DeliveryError,
    NotSent,
    OutcomeUnknown,
    Refused,
    TargetGone,
    TargetMoved,
    TryLater,
)
from bot.domain.subscriptions import ChannelKind
from bot.pipeline.endings import Endings, Landed, Rules
from bot.pipeline.parcels import Packed
from bot.pipeline.ports import Claim, ClaimedRow
from tests.builders import NOW, a_paper, a_parcel, a_question
from tests.rigs.publishers import receipt

MINUTE = timedelta(minutes=1)


def a_claim(*, channel: ChannelKind = "telegram", kind: Kind = "alert", attempts: int = 1) -> Claim:
    target = Target(kind=channel, address="1001")
    row = ClaimedRow(seq=1, key="k1", paper=a_paper().id, part="")
    return Claim(
        number=1,
        batch="b1",
        key=target.key,
        target=target,
        subscriber="alice",
        kind=kind,
        rows=(row,),
        attempts=attempts,
        created_at=NOW,
    )


def endings(**rules: Any) -> Endings:
    return Endings(rules=Rules(**rules), now=lambda: NOW, rng=random.Random(1))


def failed(error: DeliveryError, rules: dict[str, Any] | None = None, **claim: Any) -> Landed:
    return endings(**(rules or {})).failed(a_claim(**claim), error)


def waits(landed: Landed) -> timedelta:
    assert landed.outcome.wait_until
    return landed.outcome.wait_until - NOW


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
def test_each_error_ends_as_it_is_drawn(error: DeliveryError, state: str):
    landed = failed(error)
    assert landed.outcome.state == state
    assert landed.outcome.error == str(error)
    assert landed.outcome.sent == ()


def test_what_comes_later_comes_no_sooner_than_told():
    assert waits(failed(TryLater("flood", wait=10 * MINUTE))) == 10 * MINUTE
    assert waits(failed(TryLater("flood", wait=timedelta(seconds=1)))) >= timedelta(seconds=3)


def test_waits_grow_with_the_tries():
    assert waits(failed(TryLater("later"), attempts=9)) > 10 * waits(failed(TryLater("later"), attempts=1))


def test_after_too_many_tries_it_is_a_dead_letter():
    alive = failed(TryLater("still"), attempts=MAX_ATTEMPTS - 1)
    dead = failed(TryLater("still"), attempts=MAX_ATTEMPTS)
    assert (alive.outcome.state, dead.outcome.state) == ("pending", "dead")
    assert dead.outcome.error == f"given up after {MAX_ATTEMPTS} tries: still"


@pytest.mark.parametrize("error", [ChannelDown("down"), TryLater("down", scope="channel", wait=MINUTE)])
def test_a_whole_channels_failure_is_no_try_of_this_message(error: DeliveryError):
    landed = failed(error, attempts=MAX_ATTEMPTS)
    assert (landed.outcome.state, landed.outcome.counted, landed.outcome.wait_until) == (
        "pending",
        False,
        None,
    )
    assert landed.trouble is error
    assert not landed.answered


def test_a_place_that_is_gone_is_suspended_with_the_reason():
    landed = failed(TargetGone("Forbidden: bot was blocked by the user"))
    assert landed.outcome.suspend == "Forbidden: bot was blocked by the user"
    assert landed.answered


def test_a_place_that_moved_is_tried_at_once_and_not_for_ever():
    first = failed(TargetMoved("moved", address="-1002"))
    assert (first.outcome.moved_to, first.outcome.wait_until) == ("-1002", None)
    assert waits(failed(TargetMoved("moved", address="-1002"), attempts=4)) > timedelta(0)
    last = failed(TargetMoved("moved", address="-1002"), attempts=MAX_ATTEMPTS)
    assert (last.outcome.state, last.outcome.moved_to) == ("dead", "-1002")


def test_nobody_knows_is_uncertain_and_the_place_takes_a_breath():
    landed = failed(OutcomeUnknown("read timeout"))
    assert landed.unknown
    assert not landed.answered
    assert waits(landed) > timedelta(0)


def test_an_edit_that_nobody_knows_of_goes_again():
    landed = failed(OutcomeUnknown("read timeout"), kind="edit")
    assert (landed.outcome.state, landed.unknown) == ("pending", True)


def test_what_is_uncertain_goes_again_where_the_settings_say_so():
    rules = {"resend_uncertain": frozenset({"telegram"})}
    assert failed(OutcomeUnknown("?"), rules).outcome.state == "pending"
    assert failed(OutcomeUnknown("?"), rules, channel="email").outcome.state == "uncertain"
    assert endings(**rules).rules.may_go_again == {"telegram", "atom"}


def test_a_success_tells_what_went_out_and_what_did_not():
    packed = Packed(parcel=a_parcel(), sent=("k1",), limited=("k2",), named=("k3",))
    landed = endings().sent(a_claim(), packed, receipt("m9"))
    outcome = landed.outcome
    assert (outcome.state, outcome.sent, outcome.limited, outcome.named) == (
        "sent",
        ("k1",),
        ("k2",),
        ("k3",),
    )
    assert (outcome.receipt, outcome.question, outcome.wait_until) == (receipt("m9"), None, None)
    assert landed.answered


def test_a_polls_question_is_kept_with_it():
    packed = Packed(parcel=a_parcel(kind="telegram", question=a_question()), sent=("k1",))
    assert endings().sent(a_claim(kind="quiz"), packed, receipt()).outcome.question == a_question()
    assert endings().sent(a_claim(), Packed(parcel=None), receipt()).outcome.question is None


@pytest.mark.parametrize("end", ["sent", "later", "unknown"])
def test_a_places_pace_is_kept_whatever_came_of_the_message(end: str):
    paced = Endings(rules=Rules(), now=lambda: NOW, rng=random.Random(1), next_for=lambda _: NOW + 9 * MINUTE)
    landed = {
        "sent": lambda: paced.sent(a_claim(), Packed(parcel=a_parcel()), receipt()),
        "later": lambda: paced.failed(a_claim(), TryLater("later")),
        "unknown": lambda: paced.failed(a_claim(), OutcomeUnknown("?")),
    }[end]()
    assert waits(landed) == 9 * MINUTE


def test_what_the_pace_put_back_was_not_tried():
    outcome = endings().not_before(a_claim(), NOW + MINUTE)
    assert (outcome.state, outcome.counted, outcome.wait_until) == ("pending", False, NOW + MINUTE)
