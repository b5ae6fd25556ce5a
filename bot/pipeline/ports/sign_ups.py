"""The sign-up store, and the sender of the mails that ask for confirmation."""

from datetime import datetime
from typing import Protocol, runtime_checkable

from bot.domain.channels import ChannelKind
from bot.domain.sign_ups import ConfirmationRequest, SignUp


class SignUpStore(Protocol):
    """Store of the sign-ups of the last days. Every method is one transaction."""

    def keep_sign_up(self, sign_up: SignUp) -> bool:
        """Store the sign-up if `domain.sign_ups.may_ask` allows it beside the stored ones; False where it does not.

        No other sign-up is stored between the decision and the writing.
        """
        ...

    def sign_up(self, sign_up_id: str) -> SignUp | None:
        """The sign-up with this id; None where it is not stored any more."""
        ...

    def confirm_sign_up(self, sign_up_id: str, now: datetime) -> bool:
        """Mark the sign-up as confirmed; False where it was already."""
        ...


@runtime_checkable
class Confirmations(Protocol):
    """Sender of the messages that ask for confirmation."""

    kind: ChannelKind

    async def ask(self, request: ConfirmationRequest, /) -> None:
        """Send the message. Raises DeliveryError."""
        ...
