"""Sign-ups: an address that was entered in the web form gets one mail, and is subscribed once its owner confirms that."""

import hashlib
import logging
import secrets
from datetime import datetime

from bot.domain.channels import Target
from bot.domain.mailbox import Mailbox
from bot.domain.preferences import LONGEST_NAME, ChosenChannel
from bot.domain.schedule import parse_schedule, parse_zone, schedule_text
from bot.domain.sign_ups import ConfirmationRequest, SignUp
from bot.domain.text import one_line
from bot.domain.translations import LANGUAGES
from bot.pipeline.ports import TokenStore
from bot.pipeline.ports.outbox import DeliveryStore
from bot.pipeline.ports.sign_ups import Confirmations, SignUpStore
from bot.pipeline.preferences import AddedSubscription, ChoiceRefused, Preferences, checked_query

DELIVER = "daily at 08:00"
_ID_BYTES = 12

log = logging.getLogger(__name__)


class SignUps:
    """Sign-ups by mail address (double opt-in).

    For a web form: `ask` on its POST, with the same answer in any case; `pending` on the GET of the mail's link, which only
    shows a button, since scanners fetch links; `confirm` on the button's POST.
    """

    def __init__(
        self,
        store: SignUpStore,
        tokens: TokenStore,
        preferences: Preferences,
        deliveries: DeliveryStore,
        confirmations: Confirmations,
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._preferences = preferences
        self._deliveries = deliveries
        self._confirmations = confirmations

    async def ask(
        self,
        address: str,
        query: str,
        now: datetime,
        *,
        language: str = "en",
        deliver: str = DELIVER,
        timezone: str = "UTC",
    ) -> bool:
        """Send the mail that asks for confirmation; False where the limits of `domain.sign_ups` allow none.

        Tell the visitor the same in both cases. Raises QuerySyntaxError and ChoiceRefused for invalid values, and
        DeliveryError where the mail server refuses the mail.
        """
        sign_up = SignUp(
            id=secrets.token_urlsafe(_ID_BYTES),
            address=_mail_address(address),
            query=checked_query(query).text,
            language=language if language in LANGUAGES else "en",
            deliver=_times(deliver),
            timezone=_zone(timezone),
            asked_at=now,
        )
        if not self._store.keep_sign_up(sign_up):
            log.info("sign_up.too_often")
            return False
        token = self._tokens.issue("confirm", sign_up.id)
        await self._confirmations.ask(ConfirmationRequest(sign_up=sign_up, token=token))
        return True

    def pending(self, token: str, now: datetime) -> SignUp | None:
        """The sign-up of a mail's link, confirmed or not; None where it is too old, or the link is not ours."""
        sign_up_id = self._tokens.subject("confirm", token)
        sign_up = self._store.sign_up(sign_up_id) if sign_up_id else None
        return sign_up if sign_up is not None and now < sign_up.valid_until else None

    def confirm(self, token: str, now: datetime) -> AddedSubscription | None:
        """Subscribe the address, as its owner confirms; None as for `pending`. A repetition changes nothing.

        An address that was suspended, for whatever reason, is revived.
        """
        sign_up = self.pending(token, now)
        if sign_up is None:
            return None
        channel = ChosenChannel(kind=self._confirmations.kind, address=sign_up.address)
        name = self.subscriber_of(sign_up.address)
        is_new = self._preferences.subscriber(name) is None
        added = self._preferences.add(name, sign_up.query, now, channel=channel, only=(channel.target,))
        if is_new:
            self._preferences.set_delivery(name, sign_up.deliver, now)
            self._preferences.set_language(name, sign_up.language, now)
            self._preferences.set_timezone(name, sign_up.timezone, now)
        if self._store.confirm_sign_up(sign_up.id, now):
            self._deliveries.revive(channel.target)
        return added

    def target(self, address: str) -> Target:
        """The target of that address."""
        return Target(kind=self._confirmations.kind, address=address)

    def subscriber_of(self, address: str) -> str:
        """The id of the subscriber with that address, else the id that its owner would get."""
        known = self._preferences.subscriber_with(self.target(address).key)
        return known or f"mail-{hashlib.sha256(address.encode()).hexdigest()[:12]}"


def _mail_address(text: str) -> str:
    try:
        return Mailbox.parse(text).address.lower()
    except ValueError as error:
        raise ChoiceRefused("address", str(error)) from error


def _times(text: str) -> str:
    try:
        return schedule_text(parse_schedule(text))
    except ValueError as error:
        raise ChoiceRefused("times", str(error)) from error


def _zone(text: str) -> str:
    try:
        return parse_zone(text).key
    except ValueError as error:
        raise ChoiceRefused("zone", str(error), zone=one_line(text, LONGEST_NAME), near="") from error
