"""What an SMTP reply means for a delivery (RFC 5321 §4.2, RFC 3463); pure, so that the whole table can be tested."""

import re
from datetime import timedelta
from typing import Literal

from bot.domain.errors import ChannelDown, NotSent, Refused, TargetGone, TryLater

Phase = Literal["connect", "login", "sender", "recipient", "data", "content"]
"""Where in the dialogue the reply came; `content` is the one after the final dot."""

GREYLIST_WAIT = timedelta(minutes=5)
MAILBOX_FULL_WAIT = timedelta(hours=1)

_ENHANCED = re.compile(r"^([245]\.\d{1,3}\.\d{1,3})\b")
_MAILBOX_FULL = {"4.2.2", "5.2.2"}
_TOO_LARGE = {"5.3.4", "5.2.3"}
_BEFORE_RECIPIENT = {"connect", "login", "sender"}
_OUR_TROUBLE = range(530, 540)
_CLOSING = 421
_OVER_QUOTA = 552


def refusal(phase: Phase, code: int, text: str, *, server: str) -> NotSent:
    """The error for a reply that is not the hoped-for one; certainly nothing went out."""
    found = _ENHANCED.match(text)
    status = found.group(1) if found else ""
    said = f"{server} said {code} {text}".rstrip()
    if _mailbox_is_full(phase, code, status):
        return TryLater(f"mailbox full: {said}", wait=MAILBOX_FULL_WAIT)
    if 400 <= code < 500:  # noqa: PLR2004
        everybody = phase in _BEFORE_RECIPIENT or code == _CLOSING
        return TryLater(said, wait=GREYLIST_WAIT, scope="channel" if everybody else "target")
    if status in _TOO_LARGE:
        return Refused(f"too large for them: {said}")
    if phase in _BEFORE_RECIPIENT or status.startswith("5.7.") or code in _OUR_TROUBLE:
        return ChannelDown(f"{said}; nobody was unsubscribed, look at what the mail server wants of us")
    # Without an enhanced status nobody can tell a missing mailbox from a policy: the address is not suspended.
    return TargetGone(said) if status.startswith("5.1.") else Refused(said)


def _mailbox_is_full(phase: Phase, code: int, status: str) -> bool:
    if phase in _BEFORE_RECIPIENT:
        return False
    return status in _MAILBOX_FULL or (phase == "recipient" and code == _OVER_QUOTA and not status)
