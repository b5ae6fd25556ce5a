"""People in columns: who wished for what, and in which manner each of them is told.

Who is told in no manner of their own (most people are: no subscription is limited to some channels, nobody else
has the same place) can be told of new papers by arithmetic over columns; the others are routed one by one.
"""

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from datetime import datetime
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bot.domain.channels import ChannelKind
from bot.domain.delivery import State
from bot.domain.fanout import Fanout, Way
from bot.domain.papers import Paper
from bot.domain.routing import asked_parts, question_parts, release
from bot.domain.subscriptions import Subscriber, Subscription

Ints = npt.NDArray[np.int64]

TOGETHER = 2_000
"""People of one fan-out: written out in some hundredths of a second, for which others wait."""
ALONE = -1
"""Instead of a manner: routed one by one."""


class Hits(NamedTuple):
    """Columns beside each other: the place of a subscription among all, and of a paper that it matches."""

    wishes: Ints
    papers: Ints


class Crowd:
    """Everybody of an audience; the places of subscriptions count through all of them, person by person."""

    def __init__(self, subscribers: Sequence[Subscriber]) -> None:
        self.people = [one.id for one in subscribers]
        self.targets = [[channel.target for channel in one.channels] for one in subscribers]
        self.owners: Ints = np.repeat(
            np.arange(len(subscribers)), [len(one.subscriptions) for one in subscribers]
        )
        """By the place of a subscription: whose it is."""
        self.names = [each.name for one in subscribers for each in one.subscriptions]
        shared = {
            place for place, users in Counter(t for some in self.targets for t in some).items() if users > 1
        }
        models: dict[object, int] = {}
        self.models: list[Subscriber] = []
        """Somebody of each manner."""
        manners = []
        for one, targets in zip(subscribers, self.targets, strict=True):
            manner = ALONE
            if not any(map(_is_special, one.subscriptions)) and shared.isdisjoint(targets):
                manner = models.setdefault(_manner(one), len(models))
                if manner == len(self.models):
                    self.models.append(one)
            manners.append(manner)
        self.manners: Ints = np.array(manners, dtype=np.int64)
        """By person: the manner, as the place of its model."""

    def __len__(self) -> int:
        return len(self.people)

    def alone(self, hits: Hits) -> Hits:
        """The hits of those who are to be routed one by one, in the same order."""
        chosen = self.manners[self.owners[hits.wishes]] == ALONE
        return Hits(hits.wishes[chosen], hits.papers[chosen])

    def fan_out(
        self, hits: Hits, papers: Sequence[Paper], now: datetime, here: Container[str] | None = None
    ) -> Iterator[Fanout]:
        """What is to be planned for the others (of those who are `here`, where it is given), some people at a time."""
        wishes, found = self._together(hits, here)
        ids = [paper.id for paper in papers]
        ways = _Ways(papers, now)
        owners = self.owners[wishes]
        pairs = _beginnings(owners * len(papers) + found)
        people = _beginnings(owners[pairs])
        for first in range(0, len(people), TOGETHER):
            some = people[first : first + TOGETHER]
            end = people[first + TOGETHER] if first + TOGETHER < len(people) else len(pairs)
            some_pairs = pairs[some[0] : end]
            last = pairs[end] if end < len(pairs) else len(wishes)
            numbers = owners[pairs[some]]
            counts = np.diff(some, append=end)
            models, manners = np.unique(self.manners[numbers], return_inverse=True)
            theirs = [ways.of(self.models[model]) for model in models.tolist()]
            yield Fanout(
                papers=ids,
                ways=theirs,
                people=_those(self.people, numbers),
                manners=manners.tolist(),
                targets=[self.targets[number] for number in numbers.tolist()],
                counts=counts.tolist(),
                found=found[some_pairs].tolist(),
                wishes=np.diff(some_pairs, append=last).tolist(),
                names=_those(self.names, wishes[some_pairs[0] : last]),
                rows=_rows(theirs, np.repeat(manners, counts), found[some_pairs], len(papers)),
            )

    def _together(self, hits: Hits, here: Container[str] | None) -> Hits:
        """By person, then by paper, then in the order of the subscriptions."""
        manners = self.manners
        if here is not None:
            manners = np.where([name in here for name in self.people], manners, ALONE)
        people = self.owners[hits.wishes]
        chosen = np.flatnonzero(manners[people] != ALONE)
        wishes, papers, people = hits.wishes[chosen], hits.papers[chosen], people[chosen]
        order = np.lexsort((wishes, papers, people))
        return Hits(wishes[order], papers[order])


def _is_special(one: Subscription) -> bool:
    return bool(one.only or one.like)


def _manner(one: Subscriber) -> object:
    """Equal for those who are told alike, each at their own places."""
    channels = tuple([(each.kind, each.deliver, each.quizzes) for each in one.channels])
    return one.language, one.timezone.key, one.quiet_hours, channels


class _Ways:
    """The ways to people of each manner, worked out once for each."""

    def __init__(self, papers: Sequence[Paper], now: datetime) -> None:
        self._papers = papers
        self._now = now
        self._known: dict[str, list[Way]] = {}
        self._parts: dict[str, list[list[str]]] = {}
        """By language the questions of each paper."""

    def of(self, model: Subscriber) -> list[Way]:
        if model.id not in self._known:
            self._known[model.id] = self._worked_out(model)
        return self._known[model.id]

    def _worked_out(self, model: Subscriber) -> list[Way]:
        if model.language not in self._parts:
            self._parts[model.language] = [question_parts(paper, model.language) for paper in self._papers]
        parts = self._parts[model.language]
        return [
            Way(
                channel.kind,
                *release(channel, model, self._now),
                [asked_parts(channel, questions) for questions in parts],
            )
            for channel in model.channels
        ]


def _rows(
    ways: Sequence[Sequence[Way]], manners: Ints, found: Ints, papers: int
) -> Counter[tuple[ChannelKind, State]]:
    """How many deliveries come of each kind and state, where these papers are found for people of these manners."""
    rows: Counter[tuple[ChannelKind, State]] = Counter()
    told = np.bincount(manners * papers + found, minlength=len(ways) * papers).reshape(len(ways), papers)
    for some, counts in zip(ways, told.tolist(), strict=True):
        for way in some:
            rows[way.kind, way.state] += sum(
                [count * (1 + len(parts)) for count, parts in zip(counts, way.parts, strict=True)]
            )
    return rows


def _beginnings(values: Ints) -> Ints:
    """Where in the column another value begins."""
    return np.flatnonzero(np.diff(values, prepend=values[:1] - 1))


def _those(values: Sequence[str], numbers: Ints) -> list[str]:
    """The values at these places."""
    chosen = numbers.tolist()
    return list(itemgetter(*chosen)(values)) if len(chosen) > 1 else [values[number] for number in chosen]
