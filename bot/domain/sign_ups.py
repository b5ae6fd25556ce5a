"""Sign-ups: subscriptions by mail that were entered in the web form, until the address's owner confirms them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

VALID_FOR = timedelta(days=2)
"""How long a sign-up can be confirmed."""
KEPT_FOR = timedelta(days=7)
"""How long a sign-up is stored, confirmed or not."""
MOST_PER_ADDRESS = 5
"""Most mails a day to an address whose owner confirmed each one before; to any other goes one a day."""
MOST_PER_HOUR = 50
"""Most mails an hour to all addresses together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SignUp:
    """A request to get a query's papers by mail, which may or may not come from the address's owner."""

    id: str
    address: str
    query: str
    language: str
    deliver: str
    """A schedule, as `parse_schedule` reads it."""
    timezone: str
    asked_at: datetime
    confirmed_at: datetime | None = None

    @property
    def valid_until(self) -> datetime:
        return self.asked_at + VALID_FOR


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfirmationRequest:
    """The content of a mail that asks an address's owner to confirm; `token` opens the page with the button."""

    sign_up: SignUp
    token: str


def may_ask(at_address: Sequence[SignUp], last_hour: int, now: datetime) -> bool:
    """True where one more mail may go to an address with these sign-ups; `last_hour` mails went to all addresses."""
    if last_hour >= MOST_PER_HOUR:
        return False
    today = [earlier for earlier in at_address if now - earlier.asked_at < timedelta(days=1)]
    return not today or (
        len(today) < MOST_PER_ADDRESS and all(earlier.confirmed_at is not None for earlier in today)
    )


_LONGEST_SHOWN = 60
_OPERATORS = frozenset(" -_\"'()*=:,+#")


def is_harmless(query: str) -> bool:
    """True where the query may stand in a mail to a stranger: it cannot contain an address or a link."""
    return len(query) <= _LONGEST_SHOWN and all(sign.isalnum() or sign in _OPERATORS for sign in query)
