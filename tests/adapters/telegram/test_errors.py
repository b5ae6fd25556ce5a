"""What each failure of the library means for a delivery."""

from datetime import timedelta

import httpx
import pytest
from telegram import error as foreign

from bot.adapters.telegram import client
from bot.adapters.telegram.client import (
    NoSuchMethod,
    NothingToEdit,
    NotModified,
    OnlyAnonymousPolls,
    SecondPoller,
    TopicGone,
    WrongToken,
    chat_facts,
    translate_error,
)
from bot.domain.errors import KindForbidden, OutcomeUnknown, Refused, TargetGone, TargetMoved, TryLater


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (foreign.ChatMigrated(-100), TargetMoved),
        (foreign.Forbidden("Forbidden: bot was blocked by the user"), TargetGone),
        (foreign.Forbidden("Forbidden: bot was kicked from the channel chat"), TargetGone),
        (foreign.BadRequest("Chat not found"), TargetGone),
        (foreign.BadRequest("Not enough rights to send text messages to the chat"), TargetGone),
        (foreign.BadRequest("Not enough rights to send polls to the chat"), KindForbidden),
        (foreign.BadRequest("CHAT_SEND_POLL_FORBIDDEN"), KindForbidden),
        (foreign.BadRequest("Message thread not found"), TopicGone),
        (foreign.BadRequest("TOPIC_DELETED"), TopicGone),
        (foreign.BadRequest("Message to edit not found"), NothingToEdit),
        (foreign.BadRequest("Message can't be edited"), NothingToEdit),
        (foreign.BadRequest("MESSAGE_ID_INVALID"), NothingToEdit),
        (foreign.EndPointNotFound("Not Found: method not found"), NoSuchMethod),
        (foreign.EndPointNotFound("Not Found"), WrongToken),
        (foreign.BadRequest("Message is not modified: specified new message content"), NotModified),
        (foreign.BadRequest("Non-anonymous polls can't be sent to channel chats"), OnlyAnonymousPolls),
        (foreign.BadRequest("Can't parse entities: unsupported start tag"), Refused),
        (foreign.BadRequest("Message is too long"), Refused),
        (foreign.BadRequest("Poll options length must not exceed 100"), Refused),
        (foreign.InvalidToken("Unauthorized"), WrongToken),
        (foreign.Conflict("Conflict: terminated by other getUpdates request"), SecondPoller),
        (foreign.NetworkError("Too Many Requests"), TryLater),
        (foreign.NetworkError("Bad Gateway"), OutcomeUnknown),
        (foreign.NetworkError("Internal Server Error"), OutcomeUnknown),
        (foreign.TelegramError("Invalid server response"), OutcomeUnknown),
        (foreign.TimedOut(), OutcomeUnknown),
        (caused(foreign.NetworkError("httpx.ConnectError"), httpx.ConnectError("x")), TryLater),
        (caused(foreign.TimedOut(), httpx.ConnectTimeout("x")), TryLater),
        (caused(foreign.TimedOut(), httpx.PoolTimeout("x")), TryLater),
        (caused(foreign.TimedOut(), httpx.ReadTimeout("x")), OutcomeUnknown),
        (caused(foreign.TimedOut(), httpx.WriteTimeout("x")), OutcomeUnknown),
        (caused(foreign.NetworkError("x"), httpx.ReadError("x")), OutcomeUnknown),
        (caused(foreign.NetworkError("x"), httpx.RemoteProtocolError("x")), OutcomeUnknown),
    ],
    ids=repr,
)
def test_each_failure_has_one_meaning(error: Exception, ours: type[Exception]) -> None:
    assert type(translate_error(error, secret="s3cret")) is ours


@pytest.mark.parametrize("switch", ["1", "0"])
@pytest.mark.filterwarnings("ignore:.*timedelta")
def test_the_wait_is_kept_in_either_form(switch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", switch)
    ours = translate_error(foreign.RetryAfter(7), secret="s3cret")
    assert isinstance(ours, TryLater)
    assert ours.wait == timedelta(seconds=7)


def test_an_unreachable_service_rests_the_channel_and_a_full_pool_the_target() -> None:
    unreachable = translate_error(caused(foreign.NetworkError("x"), httpx.ConnectError("x")), secret="s")
    crowded = translate_error(caused(foreign.TimedOut(), httpx.PoolTimeout("x")), secret="s")
    assert isinstance(unreachable, TryLater)
    assert isinstance(crowded, TryLater)
    assert (unreachable.scope, crowded.scope) == ("channel", "target")


def test_the_secret_is_cut_from_the_text_and_the_text_is_one_short_line() -> None:
    ours = translate_error(foreign.BadRequest("No s3cret\nhere " + "x" * 900), secret="s3cret")
    assert "s3cret" not in str(ours)
    assert "\n" not in str(ours)
    assert len(str(ours)) <= 300


GROUP = {"id": -1, "type": "supergroup", "permissions": {"can_send_messages": True, "can_send_polls": False}}
OPEN_GROUP = {
    "id": -1,
    "type": "supergroup",
    "permissions": {"can_send_messages": True, "can_send_polls": True},
}
CHANNEL = {"id": -2, "type": "channel"}


@pytest.mark.parametrize(
    ("chat", "member", "messages", "polls"),
    [
        (OPEN_GROUP, {"status": "member"}, True, True),
        (GROUP, {"status": "member"}, True, False),
        (GROUP, {"status": "administrator"}, True, True),
        (OPEN_GROUP, {"status": "left"}, False, False),
        (OPEN_GROUP, {"status": "kicked"}, False, False),
        (
            OPEN_GROUP,
            {"status": "restricted", "can_send_messages": True, "can_send_polls": False},
            True,
            False,
        ),
        (OPEN_GROUP, {"status": "restricted", "can_send_messages": False}, False, False),
        (CHANNEL, {"status": "administrator", "can_post_messages": True}, True, True),
        (CHANNEL, {"status": "administrator", "can_post_messages": False}, False, False),
        (CHANNEL, {"status": "member"}, False, False),
        ({"id": 5, "type": "private"}, None, True, True),
        ({"id": -1}, None, True, True),
    ],
)
def test_what_the_bot_may_send_follows_from_the_chat_and_its_membership(
    chat, member, messages, polls
) -> None:
    facts = chat_facts(chat, member)
    assert (facts.messages, facts.polls) == (messages, polls)
    assert facts.has_names is (chat is not CHANNEL)


@pytest.mark.parametrize(
    ("parameters", "believed"),
    [
        ('{"retry_after": 7, "migrate_to_chat_id": -1001}', {"retry_after": 7, "migrate_to_chat_id": -1001}),
        ('{"retry_after": -5}', {"retry_after": 0}),
        ('{"retry_after": 999999999}', {"retry_after": 30 * 24 * 3600}),
        ('{"retry_after": "soon", "migrate_to_chat_id": true}', {}),
        ('{"retry_after": 1e3, "migrate_to_chat_id": 1000000000000000000000}', {}),
        ("[]", {}),
        ("null", {}),
    ],
)
def test_a_refusal_whose_parameters_are_nonsense_is_a_refusal_all_the_same(parameters, believed):
    """The library fails over them, and then nobody would know that nothing was sent."""
    answer = (
        f'{{"ok": false, "error_code": 429, "description": "Too Many Requests", "parameters": {parameters}}}'
    )
    assert client._request_class().parse_json_payload(answer.encode())["parameters"] == believed
