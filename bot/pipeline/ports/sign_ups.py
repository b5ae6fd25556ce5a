"""Sign-ups: where they are kept, and who asks the owner of an address."""

from datetime import datetime
from typing import Protocol, runtime_checkable

from bot.domain.sign_ups import ConfirmationRequest, SignUp


class SignUpStore(Protocol):
    """Store of sign-ups of the last days. Every method is one transaction."""

    def keep_sign_up(self, sign_up: SignUp) -> bool:
        """Keep the sign-up where `domain.sign_ups.may_ask` allows it, by all that is kept; False where it does not.

        Nobody else decides meanwhile, so that two at once are one too many.
        """
        ...

    def sign_up(self, sign_up_id: str) -> SignUp | None:
        """The sign-up with this id; None for one that was forgotten."""
        ...

    def confirm_sign_up(self, sign_up_id: str, now: datetime) -> bool:
        """Note that the owner said yes; False where that was known."""
        ...


@runtime_checkable
class Confirmations(Protocol):
    """Sends the mails that ask."""

    async def ask(self, request: ConfirmationRequest, /) -> None:
        """Send the mail; raises a DeliveryError."""
        ...
