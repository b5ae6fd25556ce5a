"""What some digests bring, worked out in one transaction: changed papers, notices, and what is planned."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from bot.domain.audience import Audience, Matches
from bot.domain.changes import Change, diff
from bot.domain.delivery import Delivery, State
from bot.domain.digests import Digest
from bot.domain.fanout import Fanout
from bot.domain.notices import Noticed
from bot.domain.papers import Paper, PaperId
from bot.domain.routing import alert_keys, route
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
        self._fanouts: list[Fanout] = []
        """What the last digest brings many people, if it does."""
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
        if self._audience.subscribers and found.changes:
            self._gather_fanouts()
            if self._tell and self._audience.is_wide:
                self._tell_many(found.changes, now)
            else:
                self._route(found.changes, self._audience.concerned(found.changes, self._noticed), now)

    def save(self, now: datetime) -> None:
        """Store it all."""
        changed = self._changed
        self._tx.save_papers(self._in_order(changed), now, changed=True)
        self._tx.save_papers(self._in_order(self._resighted - changed), now, changed=False)
        self._tx.save_notices(self._notices, now)
        self.deliveries = self._tx.plan(self._deliveries, now)
        self._tx.fan_out(self._fanouts, now)
        self.deliveries += sum(sum(one.rows.values()) for one in self._fanouts)
        self.notices = sum(map(len, self._notices.values())) + sum(one.notices for one in self._fanouts)

    def _tell_many(self, changes: Sequence[Change], now: datetime) -> None:
        """Of a new paper nobody can have been told: it goes to many at once, and the rest is routed."""
        new = [change for change in changes if change.is_new]
        known = [change for change in changes if not change.is_new]
        self._fanouts, alone = self._audience.fan_out([change.paper for change in new], now)
        self._route(new, alone, now)
        if known:
            self._route(known, self._audience.concerned(known, self._noticed), now)

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
        self._remember(routed.notices, routed.deliveries)

    def _look_up(self, keys: Sequence[str]) -> None:
        while self._unnamed:
            self._planned.update({one.key: one.state for one in self._unnamed.pop()})
        self._planned.update(self._tx.planned(key for key in keys if key not in self._planned))

    def _gather_fanouts(self) -> None:
        """The next digest may have more to say on what was fanned out: it is treated like all else then."""
        for one in self._fanouts:
            self._remember(one.noticed(), one.deliveries())
        self._fanouts = []

    def _remember(self, notices: Noticed, deliveries: Sequence[Delivery]) -> None:
        for subscriber, papers in notices.items():
            self._notices[subscriber].update(papers)
            self._noticed.setdefault(subscriber, {}).update(papers)
        if self._tell:
            self._unnamed.append(deliveries)
            self._deliveries += deliveries

    def _in_order(self, ids: set[PaperId]) -> list[Paper]:
        return [paper for paper_id, paper in self._papers.items() if paper_id in ids]
