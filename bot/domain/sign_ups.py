"""Sign-ups: mail addresses that somebody typed into the web form, and that wait for their owner's yes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

VALID = timedelta(days=2)
"""So long a sign-up can be confirmed."""
KEPT = timedelta(days=7)
"""Then it is forgotten, confirmed or not."""
MOST_OF_AN_ADDRESS = 5
"""Mails a day to an address whose owner said yes to the one before; anybody else gets one a day."""
MOST_OF_ALL = 50
"""Mails an hour to all addresses together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SignUp:
    """A wish for a query's papers by mail; nobody knows yet whether it is the owner's of the address."""

    id: str
    address: str
    query: str
    language: str
    deliver: str
    """Times as `schedule.parse_schedule` reads them."""
    timezone: str
    asked_at: datetime
    confirmed_at: datetime | None = None

    @property
    def valid_until(self) -> datetime:
        return self.asked_at + VALID


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfirmationRequest:
    """The mail that asks the owner of an address; `token` opens the page with the button."""

    sign_up: SignUp
    token: str


def may_ask(of_address: Sequence[SignUp], of_all: int, now: datetime) -> bool:
    """True where one more mail may go to an address; `of_all` went out to everybody within the last hour."""
    if of_all >= MOST_OF_ALL:
        return False
    today = [earlier for earlier in of_address if now - earlier.asked_at < timedelta(days=1)]
    return not today or (
        len(today) < MOST_OF_AN_ADDRESS and all(earlier.confirmed_at is not None for earlier in today)
    )


_SHOWN = 60
_OPERATORS = frozenset(" -_\"'()*=:,+#")


def is_harmless(query: str) -> bool:
    """True where the query may stand in a mail to a stranger: words, and nothing that could be an address or a link."""
    return len(query) <= _SHOWN and all(sign.isalnum() or sign in _OPERATORS for sign in query)
