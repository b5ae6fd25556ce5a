"""What some digests bring, worked out in one transaction: changed papers, notices, and what is planned."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from bot.domain.audience import Audience, Matches
from bot.domain.changes import Change, diff
from bot.domain.delivery import Delivery, State
from bot.domain.digests import Digest
from bot.domain.fanout import Fanout
from bot.domain.papers import Paper, PaperId
from bot.domain.routing import Routed, alert_keys, route
from bot.pipeline.ports import TakenDigest, Transaction


class Batch:
    """Several digests on their way into one transaction, each seeing what the ones before it brought."""

    def __init__(self, tx: Transaction, audience: Audience, digests: Sequence[Digest], *, tell: bool) -> None:
        ids = {entry.id for digest in digests for entry in digest.entries}
        self._tx = tx
        self._audience = audience
        self._tell = tell
        self._papers = tx.papers(ids)
        self._noticed = tx.noticed(self._papers) if audience.subscribers else {}
        self._planned: dict[str, State] = {}
        self._unnamed: list[Sequence[Delivery]] = []
        """Deliveries of this batch that `_planned` does not hold yet."""
        self._changed: set[PaperId] = set()
        self._resighted: set[PaperId] = set()
        self._notices: dict[str, dict[PaperId, tuple[str, ...]]] = defaultdict(dict)
        self._deliveries: list[Delivery] = []
        self._is_wide = tell and audience.is_wide
        self._fresh: set[PaperId] = set()
        """New papers that are to be fanned out."""
        self.new = self.gained = self.notices = self.deliveries = 0
        """Papers; the other two are known when it is saved."""

    def add(self, one: TakenDigest, now: datetime) -> None:
        """Take in what the digest changes."""
        found = diff(one.digest, self._papers, source=one.name)
        for paper in (*(change.paper for change in found.changes), *found.resighted):
            self._papers[paper.id] = paper
        self._changed.update(change.paper.id for change in found.changes)
        self._resighted.update(paper.id for paper in found.resighted)
        self.new += sum(change.is_new for change in found.changes)
        self.gained += sum(not change.is_new for change in found.changes)
        changes = self._all_but_new(found.changes) if self._is_wide else found.changes
        if self._audience.subscribers and changes:
            self._route(changes, self._audience.concerned(changes, self._noticed), now)

    def save(self, now: datetime) -> None:
        """Store it all."""
        changed = self._changed
        fanouts = self._fanned_out(now)
        self._tx.save_papers(self._in_order(changed), now, changed=True)
        self._tx.save_papers(self._in_order(self._resighted - changed), now, changed=False)
        self._tx.save_notices(self._notices, now)
        self.deliveries = self._tx.plan(self._deliveries, now)
        self._tx.fan_out(fanouts, now)
        self.deliveries += sum(sum(one.rows.values()) for one in fanouts)
        self.notices = sum(map(len, self._notices.values())) + sum(one.notices for one in fanouts)

    def _all_but_new(self, changes: Sequence[Change]) -> list[Change]:
        """Of papers that are new with this batch nobody can have been told: they wait until all is known of them."""
        self._fresh.update(change.paper.id for change in changes if change.is_new)
        return [change for change in changes if change.paper.id not in self._fresh]

    def _fanned_out(self, now: datetime) -> list[Fanout]:
        fresh = self._in_order(self._fresh)
        if not fresh:
            return []
        fanouts, alone = self._audience.fan_out(fresh, now)
        self._route([Change(paper=paper) for paper in fresh], alone, now)
        return fanouts

    def _route(self, changes: Sequence[Change], matches: Matches, now: datetime) -> None:
        known = {change.paper.id for change in changes if not change.is_new}
        if known:
            self._look_up(alert_keys(matches, self._audience, known))
        routed = route(
            changes,
            matches,
            self._audience,
            noticed=self._noticed,
            planned=self._planned,
            opening={},
            now=now,
        )
        self._remember(routed)

    def _look_up(self, keys: Sequence[str]) -> None:
        while self._unnamed:
            self._planned.update({one.key: one.state for one in self._unnamed.pop()})
        self._planned.update(self._tx.planned(key for key in keys if key not in self._planned))

    def _remember(self, routed: Routed) -> None:
        for subscriber, papers in routed.notices.items():
            self._notices[subscriber].update(papers)
            self._noticed.setdefault(subscriber, {}).update(papers)
        if self._tell:
            self._unnamed.append(routed.deliveries)
            self._deliveries += routed.deliveries

    def _in_order(self, ids: set[PaperId]) -> list[Paper]:
        return [paper for paper_id, paper in self._papers.items() if paper_id in ids]
