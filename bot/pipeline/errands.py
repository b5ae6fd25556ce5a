"""One claim's way: packed, handed to its publisher, and how that ended."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial

from bot.domain.errors import DeliveryError, StateError, TryLater
from bot.domain.subscriptions import ChannelKind
from bot.pipeline.courier import Courier
from bot.pipeline.endings import Endings, Landed, named
from bot.pipeline.feeds import FeedBuilder
from bot.pipeline.parcels import Packed, Packer
from bot.pipeline.ports import Claim, FeedWriter, Outcome, Publisher

log = logging.getLogger(__name__)


class Errands:
    """Sends what was claimed, one message at a call; nothing here is written down."""

    def __init__(
        self,
        *,
        packer: Packer,
        publishers: Mapping[ChannelKind, Publisher],
        feeds: FeedBuilder,
        feed_writer: FeedWriter,
        courier: Courier,
        endings: Endings,
        is_trial: Callable[[Claim], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._packer = packer
        self._publishers = publishers
        self._feeds = feeds
        self._feed_writer = feed_writer
        self._courier = courier
        self._endings = endings
        self._is_trial = is_trial
        self._now = now

    async def run(self, claim: Claim) -> Landed:
        """How the send of this claim ended; raises nothing, whatever goes wrong with this one."""
        if claim.target.kind == "atom":
            return Landed(outcome=await self._write_feed(claim))
        packed = await self._pack(claim)
        return Landed(outcome=packed) if isinstance(packed, Outcome) else await self._send(claim, packed)

    async def _pack(self, claim: Claim) -> Packed | Outcome:
        try:
            packed = await asyncio.to_thread(self._packer.pack, claim, self._now())
        except asyncio.CancelledError:
            return untried(claim).outcome
        except StateError as error:  # no try of the place's
            return replace(self._endings.later(claim, TryLater(str(error))), counted=False)
        except Exception as error:
            log.exception("delivery.pack_failed", extra={"batch": claim.batch, "target": claim.key})
            return Outcome(claim=claim, state="dead", error=f"could not be put together: {error!r}")
        if packed.parcel is None:
            return Outcome(claim=claim, state=packed.state, limited=packed.limited, error=packed.note)
        return packed

    async def _write_feed(self, claim: Claim) -> Outcome:
        try:
            written = await asyncio.to_thread(self._feeds.write_for, self._feed_writer, claim.subscriber)
        except asyncio.CancelledError:
            return untried(claim).outcome
        except Exception as error:
            log.exception("feed.write_failed", extra={"subscriber": claim.subscriber})
            return self._endings.later(claim, TryLater(f"the feed could not be written: {error}"))
        if not written:
            return Outcome(claim=claim, state="merged", error="no longer subscribed")
        return Outcome(claim=claim, state="sent", sent=tuple(row.key for row in claim.rows))

    async def _send(self, claim: Claim, packed: Packed) -> Landed:
        assert packed.parcel is not None
        told = {"batch": claim.batch, "target": claim.key, "keys": named(claim)}
        try:
            send = partial(self._publishers[claim.target.kind].send, packed.parcel)
            receipt = await self._courier.hand_over(
                claim.key, claim.target, send, trying=self._is_trial(claim)
            )
        except DeliveryError as error:
            log.warning("delivery.failed", extra={**told, "error": str(error), "is": type(error).__name__})
            return self._endings.failed(claim, error)
        except asyncio.CancelledError:
            log.warning("delivery.cut_off", extra=told)
            return self._endings.unknown(claim, "cut off while paperboy stopped")
        except Exception as error:  # a fault of ours in the middle of a send: nobody knows what went out
            log.exception("delivery.send_failed", extra=told)
            return self._endings.unknown(claim, f"unexpected: {type(error).__name__}")
        if isinstance(receipt, datetime):
            log.debug("delivery.put_back", extra={**told, "until": receipt})
            return Landed(outcome=self._endings.not_before(claim, receipt))
        log.debug("delivery.sent", extra={**told, "papers": len(packed.sent)})
        return self._endings.sent(claim, packed, receipt)


def untried(claim: Claim) -> Landed:
    """Certainly nothing of it went out, and nothing was wrong with it."""
    return Landed(outcome=Outcome(claim=claim, state="pending", counted=False))
