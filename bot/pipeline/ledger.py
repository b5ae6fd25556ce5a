"""A subscriber's ledger of a day: each paper that was seen, and what became of it, place by place.

    seen ─┬─ not matched
          ├─ being planned: it matches, and its deliveries are not made yet
          ├─ asked for since: what matches it now did not exist, or read otherwise, when it came
          └─ matched ─┬─ no channel: nothing that matched may go anywhere
                      └─ for each place ─┬─ before you came: noticed, but not sent, on a first run or import
                                         ├─ place added since
                                         └─ queued ── pending, held, sending, sent, merged, limited, …

Every paper stands in it once, and every place of a matched paper has one end, so that the sums are equal.
"""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bot.domain.delivery import State
from bot.domain.matcher import SubscriptionMatcher
from bot.domain.papers import Paper, PaperId
from bot.domain.subscriptions import Subscriber
from bot.pipeline.ports import DeliveryRecord, NoticeRecord, Records, Shelf
from bot.pipeline.subscribers import SimilarityCache

Fate = Literal["not matched", "being planned", "asked for since", "no channel", "matched"]
Reason = Literal["before you came", "place added since"]
FATES: tuple[Fate, ...] = ("not matched", "being planned", "asked for since", "no channel", "matched")
REASONS: tuple[Reason, ...] = ("before you came", "place added since")


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceLine:
    """What became of a paper at one place: the state of its alert, or why none was planned."""

    target: str
    end: State | Reason
    delivery: DeliveryRecord | None = None

    @property
    def queued(self) -> bool:
        return self.delivery is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerLine:
    """One paper: which subscriptions it was noticed for, and its alerts, in the subscriber's order of places.

    `others` are the quizzes and edits that followed.
    """

    paper: Paper
    fate: Fate
    subscriptions: tuple[str, ...] = ()
    places: tuple[PlaceLine, ...] = ()
    others: tuple[DeliveryRecord, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """All papers that the digests of a day named, in their order."""

    subscriber: str
    day: dt.date
    lines: tuple[LedgerLine, ...]

    @property
    def fates(self) -> dict[Fate, int]:
        """How many papers; they add up to all papers seen."""
        found = Counter(line.fate for line in self.lines)
        return {fate: found[fate] for fate in FATES}

    @property
    def places(self) -> int:
        """For how many places a paper was meant, each paper counted by itself."""
        return sum(len(line.places) for line in self.lines)

    @property
    def ends(self) -> dict[str, int]:
        """What became of them; they add up to all places. Without the ends that nothing came to."""
        return dict(Counter(place.end for line in self.lines for place in line.places))

    @property
    def queued(self) -> int:
        return sum(place.queued for line in self.lines for place in line.places)


def ledger(subscriber: Subscriber, day: dt.date, records: Records, shelf: Shelf) -> Ledger:
    """The ledger of that day, from the state as it is now."""
    ids = records.papers_of(day)
    stored = shelf.stored(ids)
    papers = [stored[one].paper for one in ids]
    notices = records.notices_on(subscriber.id, ids)
    rows: dict[PaperId, list[DeliveryRecord]] = {one: [] for one in ids}
    for row in records.deliveries_on(subscriber.id, ids):
        rows[row.paper].append(row)
    being_planned = records.being_planned(subscriber.id)
    matching = (
        SubscriptionMatcher([subscriber], SimilarityCache(shelf)).matches(papers).get(subscriber.id, {})
    )
    return Ledger(
        subscriber=subscriber.id,
        day=day,
        lines=tuple(
            _line(
                subscriber,
                paper,
                notices.get(paper.id),
                rows[paper.id],
                fate=_unnoticed(matches=paper.id in matching, being_planned=paper.id in being_planned),
            )
            for paper in papers
        ),
    )


def _unnoticed(*, matches: bool, being_planned: bool) -> Fate:
    """The fate of a paper that was not noticed."""
    if not matches:
        return "not matched"
    return "being planned" if being_planned else "asked for since"


def _line(
    subscriber: Subscriber,
    paper: Paper,
    notice: NoticeRecord | None,
    rows: Sequence[DeliveryRecord],
    *,
    fate: Fate,
) -> LedgerLine:
    if notice is None and not rows:
        return LedgerLine(paper=paper, fate=fate)
    names = notice.subscriptions if notice else ()
    alerts = {row.target: row for row in rows if row.kind == "alert"}
    places = _places(subscriber, names, alerts)
    return LedgerLine(
        paper=paper,
        fate="matched" if places else "no channel",
        subscriptions=names,
        places=places,
        others=tuple(row for row in rows if row.kind != "alert"),
    )


def _places(
    subscriber: Subscriber, names: Sequence[str], alerts: Mapping[str, DeliveryRecord]
) -> tuple[PlaceLine, ...]:
    """The places that the paper was, or by what matched could have been, meant for."""
    matched = [one for one in subscriber.subscriptions if one.name in names]
    gone = any(name not in {one.name for one in matched} for name in names)
    meant = [channel.target for channel in subscriber.channels if gone or any(map(channel.takes, matched))]
    nothing_sent: Reason = "place added since" if alerts else "before you came"
    return tuple(
        PlaceLine(target=target, end=alerts[target].state, delivery=alerts[target])
        if target in alerts
        else PlaceLine(target=target, end=nothing_sent)
        for target in dict.fromkeys((*meant, *alerts))
    )
