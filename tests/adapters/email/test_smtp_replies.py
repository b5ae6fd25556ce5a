"""What each SMTP reply means: the whole table of phases and codes."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.email.transports import GREYLIST_WAIT, refusal, size_limit
from bot.domain.errors import (
    ChannelDown,
    NotSent,
    Refused,
    TargetGone,
    TargetRefuses,
    TooLarge,
    TryLater,
)

PHASES = ("connect", "login", "sender", "recipient", "data", "content")


@pytest.mark.parametrize(
    ("phase", "code", "text", "outcome"),
    [
        ("connect", 421, "4.3.2 shutting down", TryLater),
        ("connect", 554, "no SMTP service here", ChannelDown),
        ("login", 454, "4.7.0 temporary authentication failure", TryLater),
        ("login", 535, "5.7.8 bad credentials", ChannelDown),
        ("sender", 452, "4.3.1 out of space", TryLater),
        ("sender", 530, "5.7.0 authentication required", ChannelDown),
        ("sender", 550, "5.1.0 sender rejected", ChannelDown),
        ("sender", 550, "5.1.8 bad sender's system", ChannelDown),
        ("sender", 552, "5.3.4 message too big", TooLarge),
        ("recipient", 421, "4.7.0 too many connections", TargetRefuses),
        ("recipient", 450, "4.2.0 greylisted", TryLater),
        ("recipient", 451, "try again", TryLater),
        ("recipient", 452, "4.2.2 over quota", TryLater),
        ("recipient", 452, "4.5.3 too many recipients", TryLater),
        ("recipient", 552, "5.2.2 mailbox full", TryLater),
        ("recipient", 552, "exceeded storage allocation", TryLater),
        ("recipient", 550, "5.1.1 no such user", TargetGone),
        ("recipient", 550, "5.1.2 bad destination system", TargetGone),
        ("recipient", 553, "5.1.3 bad address syntax", TargetGone),
        ("recipient", 550, "5.1.10 null mx", TargetGone),
        ("recipient", 550, "5.7.1 blocked by a list", TargetRefuses),
        ("recipient", 554, "5.7.1 relay access denied", TargetRefuses),
        ("recipient", 553, "5.1.8 sender address rejected: domain not found", TargetRefuses),
        ("recipient", 550, "5.4.1 recipient address rejected: access denied", TargetRefuses),
        ("recipient", 530, "authentication required", TargetRefuses),
        ("recipient", 550, "no such user, or a policy", TargetRefuses),
        ("recipient", 550, "5.4.5 daily user sending quota exceeded", TryLater),
        ("data", 554, "5.5.1 no valid recipients", TargetRefuses),
        ("data", 550, "5.4.5 Daily user sending limit exceeded", TryLater),
        ("data", 451, "4.3.0 local error", TryLater),
        ("content", 451, "4.7.1 greylisted after DATA", TryLater),
        ("content", 550, "5.1.1 no such user after all", TargetGone),
        ("content", 550, "5.7.26 not authenticated", TargetRefuses),
        ("content", 421, "4.3.2 closing", TargetRefuses),
        ("content", 554, "5.7.1 spam", TargetRefuses),
        ("content", 550, "5.4.5 daily limit", TryLater),
        ("content", 454, "throttling failure: daily message quota exceeded", TryLater),
        ("login", 550, "5.4.5 daily limit", TryLater),
        ("sender", 552, "message size exceeds fixed limit", TooLarge),
        ("content", 552, "5.2.2 mailbox full", TryLater),
        ("content", 552, "5.3.4 too big", TooLarge),
        ("content", 552, "too much mail data", TooLarge),
        ("content", 554, "5.6.0 content rejected", Refused),
    ],
)
def test_a_reply_has_one_meaning(phase, code, text, outcome) -> None:
    error = refusal(phase, code, text, server="mx:25")
    assert type(error) is outcome
    assert f"{code} {text}" in str(error)
    assert "mx:25" in str(error)


@given(
    phase=st.sampled_from(PHASES),
    code=st.integers(400, 599),
    status=st.from_regex(r"([45]\.[0-9]\.[0-9]{1,2} )?", fullmatch=True),
)
def test_nobody_is_suspended_but_for_a_bad_address_of_their_own(phase, code, status) -> None:
    error = refusal(phase, code, f"{status}text", server="mx:25")
    assert isinstance(error, NotSent)
    if isinstance(error, TargetGone):
        assert phase in {"recipient", "data", "content"}
        assert status.startswith("5.1.")
    if code < 500 and code != 421:
        assert isinstance(error, TryLater)
        assert error.wait is not None
        assert error.wait >= GREYLIST_WAIT == timedelta(minutes=5)


@pytest.mark.parametrize(
    ("phase", "code", "text", "scope"),
    [
        ("connect", 421, "busy", "channel"),
        ("sender", 451, "slow down", "channel"),
        ("recipient", 450, "greylisted", "target"),
        ("recipient", 451, "local error", "target"),
        ("recipient", 550, "5.4.5 daily limit", "channel"),
        ("recipient", 452, "4.2.2 full", "target"),
        ("content", 451, "later", "target"),
    ],
)
def test_what_concerns_everybody_makes_everybody_wait(phase, code, text, scope) -> None:
    error = refusal(phase, code, text, server="mx:25")
    assert isinstance(error, TryLater)
    assert error.scope == scope


def test_a_full_mailbox_waits_longer_than_a_greylist() -> None:
    full = refusal("recipient", 452, "4.2.2 full", server="mx:25")
    assert isinstance(full, TryLater)
    assert full.wait is not None
    assert full.wait > GREYLIST_WAIT


@pytest.mark.parametrize("phase", ["sender", "recipient", "data", "content"])
def test_the_accounts_limit_of_a_day_pauses_the_channel_until_tomorrow_or_so(phase) -> None:
    error = refusal(phase, 550, "5.4.5 Daily user sending limit exceeded", server="mx:25")
    assert isinstance(error, TryLater)
    assert error.wait is not None
    assert timedelta(hours=12) <= error.wait <= timedelta(hours=24)


def test_a_full_mailbox_is_no_limit_of_the_account() -> None:
    full = refusal("recipient", 452, "4.2.2 the mailbox is over its daily quota", server="mx:25")
    assert isinstance(full, TryLater)
    assert full.scope == "target"


@given(phase=st.sampled_from(PHASES), code=st.integers(400, 599), text=st.text(max_size=40))
def test_only_what_comes_before_the_recipient_brings_the_channel_down(phase, code, text) -> None:
    if isinstance(refusal(phase, code, text, server="mx:25"), ChannelDown):
        assert phase in {"connect", "login", "sender"}


@pytest.mark.parametrize(
    ("said", "limit"), [("1000", 1000), ("0", None), ("", None), ("10 20", 10), ("many", None)]
)
def test_the_size_that_a_server_takes_is_what_it_says_after_size(said, limit) -> None:
    assert size_limit(said) == limit
