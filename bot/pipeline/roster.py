"""Who is subscribed now; replaced whole when the configuration changes."""

from collections.abc import Container, Sequence
from datetime import datetime

from bot.domain.audience import Audience
from bot.domain.changes import Change
from bot.domain.notices import Reason
from bot.domain.papers import Paper
from bot.domain.reasons import reasons
from bot.domain.routing import route
from bot.domain.similarity import LikenessOf
from bot.domain.subscriptions import Subscriber
from bot.pipeline.indexing import IndexDesk
from bot.pipeline.ports import NOT_NEW, Intake, Transaction

_TOGETHER = 200


class Roster:
    """The current audience. Reading it is safe from any thread: it is replaced, never changed."""

    def __init__(
        self,
        subscribers: Sequence[Subscriber] = (),
        likeness: LikenessOf | None = None,
        indexes: IndexDesk | None = None,
    ) -> None:
        self._indexes = indexes
        self.audience = Audience(subscribers, likeness, indexes)

    def replace(self, subscribers: Sequence[Subscriber]) -> None:
        """Take other subscribers up; costs what changed, and waits for a matching under way to end."""
        self.audience = self.audience.changed_to(subscribers)

    def keep_index(self) -> None:
        """Save the index of all subscriptions, where there is one that is worth it."""
        index = self.audience.index
        if index is not None and self._indexes is not None:
            self._indexes.keep(index)

    def reasons(self, subscriber: Subscriber, paper: Paper, names: Container[str]) -> tuple[Reason, ...]:
        """What made the named subscriptions match; see `reasons`."""
        likes = any(one.like and one.name in names for one in subscriber.subscriptions)
        return reasons(subscriber, paper, names, self.audience.likeness if likes else None)

    def subscriber(self, name: str) -> Subscriber | None:
        return self.audience.subscribers.get(name)


def meet(intake: Intake, audience: Audience, first_run: int | None, now: datetime) -> int:
    """Make new subscribers known, each with `first_run` first matches to come (None: all); how many there were."""
    if not intake.unmet(audience.subscribers.keys()):
        return 0
    with intake.transaction() as tx:
        new = audience.subscribers.keys() - tx.met()
        tx.save_openings(dict.fromkeys(sorted(new), first_run), now)
    return len(new)


def open_for_new(intake: Intake, audience: Audience, now: datetime) -> int:
    """Notice for new subscribers all that is stored, plan their newest matches, and count those.

    One transaction: afterwards they are new no longer. Call it when the folders have been looked through,
    so that the newest are really the newest.
    """
    if audience.subscribers.keys().isdisjoint(intake.openings()):
        return 0
    with intake.transaction() as tx:
        openings = tx.openings()
        newcomers = audience.only(openings.keys())
        if not newcomers.subscribers:
            return 0
        planned = _open(tx, newcomers, {name: openings[name] for name in newcomers.subscribers}, now)
        tx.save_openings(dict.fromkeys(newcomers.subscribers, NOT_NEW), now)
    return planned


def note_alike(intake: Intake, audience: Audience, now: datetime) -> None:
    """Notice, and send to nobody, what is stored and like the papers that people like.

    Where history is read, what is near can only be told when all of it is there.
    """
    alike = audience.only_likes()
    if alike.subscribers:
        with intake.transaction() as tx:
            _open(tx, alike, dict.fromkeys(alike.subscribers, 0), now)


def _open(tx: Transaction, newcomers: Audience, opening: dict[str, int | None], now: datetime) -> int:
    planned = 0
    together: list[Change] = []
    for paper in tx.every_paper():
        together.append(Change(paper=paper))
        if len(together) == _TOGETHER:
            planned += _open_some(tx, newcomers, opening, together, now)
            together = []
    return planned + _open_some(tx, newcomers, opening, together, now)


def _open_some(
    tx: Transaction,
    newcomers: Audience,
    opening: dict[str, int | None],
    changes: Sequence[Change],
    now: datetime,
) -> int:
    matches = newcomers.matches([change.paper for change in changes])
    noticed = tx.noticed(change.paper.id for change in changes)  # history that was read before they came
    routed = route(changes, matches, newcomers, noticed=noticed, planned={}, opening=opening, now=now)
    opening.update(routed.opening)
    tx.save_notices(routed.notices, now)
    return tx.plan(routed.deliveries, now)
