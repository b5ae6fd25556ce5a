"""Telegram's errors as ours: the one place that decides what a failed call means for a delivery.

What is certain comes from an answer of the service or from a connection that was never made. Everything
else may have been taken over: nobody knows. Texts are those of the Bot API server, lower-cased, seen 2026-11.
"""

import re
from collections.abc import Iterator
from datetime import timedelta

from bot.domain.errors import (
    ChannelDown,
    DeliveryError,
    OutcomeUnknown,
    Refused,
    TargetGone,
    TargetMoved,
    TryLater,
)


class WrongToken(ChannelDown):
    """The service does not know this bot."""


class SecondPoller(ChannelDown):
    """Another program asks for the same bot's updates."""


class TopicGone(Refused):
    """The topic does not exist (any more); the chat does."""


class NotModified(Refused):
    """The message is already as the edit wants it."""


class NamesNeeded(Refused):
    """Channels take anonymous polls only."""


_GONE = re.compile(
    r"chat not found|user not found|peer_id_invalid|group chat was deactivated|chat_write_forbidden"
    r"|not enough rights to send text|have no rights to send|need administrator rights|chat_admin_required"
    r"|chat_restricted|channel_private|topic_closed|not a member of the c|bot was kicked|channel is inaccessible"
)
_TOPIC_GONE = "message thread not found"
_NOT_MODIFIED = "message is not modified"
_NAMES_NEEDED = "non-anonymous polls can't be sent to channel"
_FLOOD = re.compile(r"too many requests|flood control", re.IGNORECASE)
_LONGEST_TEXT = 300


def translated(error: Exception, *, secret: str) -> DeliveryError:
    """What an error of the library means for the message that was being sent; `secret` is cut from its text.

    The order of the questions matters: the library derives both BadRequest and TimedOut from NetworkError.
    """
    from telegram import error as foreign

    text = told(error, secret=secret)
    ours: DeliveryError
    match error:
        case foreign.RetryAfter():
            ours = TryLater(text, wait=_wait(error.retry_after))
        case foreign.ChatMigrated():
            ours = TargetMoved(text, address=str(error.new_chat_id))
        case foreign.Forbidden():
            ours = TargetGone(text)
        case foreign.InvalidToken() | foreign.EndPointNotFound():
            ours = WrongToken("Telegram does not accept the token: check telegram.token")
        case foreign.Conflict():
            ours = SecondPoller(
                f"another program answers for this bot: stop it or use another token ({text})"
            )
        case foreign.BadRequest():
            ours = _refused(text)
        case _ if _FLOOD.match(text):
            ours = TryLater(text)
        case _:
            ours = _unreached(error, text) or OutcomeUnknown(text)
    return ours


def told(error: BaseException, *, secret: str) -> str:
    """The error's text on one line, short, without the secret."""
    text = " ".join(str(error).split()).replace(secret, "***") if secret else " ".join(str(error).split())
    return text[:_LONGEST_TEXT] or type(error).__name__


def _refused(text: str) -> DeliveryError:
    low = text.lower()
    if _TOPIC_GONE in low:
        return TopicGone(text)
    if _NOT_MODIFIED in low:
        return NotModified(text)
    if _NAMES_NEEDED in low:
        return NamesNeeded(text)
    return TargetGone(text) if _GONE.search(low) else Refused(text)


def _unreached(error: Exception, text: str) -> DeliveryError | None:
    """What a connection that was never made means; None where something may have been sent."""
    import httpx

    for cause in _causes(error):
        if isinstance(cause, httpx.PoolTimeout):
            return TryLater(text)
        if isinstance(cause, (httpx.ConnectError, httpx.ConnectTimeout)):
            return TryLater(f"Telegram cannot be reached: {text}", scope="channel")
        if isinstance(cause, (httpx.UnsupportedProtocol, httpx.ProxyError, httpx.InvalidURL)):
            return TryLater(f"Telegram cannot be reached: {text}", scope="channel")
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _wait(retry_after: int | timedelta) -> timedelta:
    return retry_after if isinstance(retry_after, timedelta) else timedelta(seconds=retry_after)
