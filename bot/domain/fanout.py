"""New papers for many people at once: who gets what, in columns.

Told one by one, a hundred thousand people cost seconds of planning, while nobody else can write. In columns the
same plan is made and stored in a fraction of a second; it is written out as notices and deliveries after that,
part by part. A fan-out is exactly what `route` would give for its people.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Literal, NamedTuple

from bot.domain.channels import ChannelKind
from bot.domain.delivery import Delivery, State
from bot.domain.notices import Noticed
from bot.domain.papers import PaperId


class Way(NamedTuple):
    """A channel of everybody of one manner: when what is new may go out there, and by paper which questions follow."""

    kind: ChannelKind
    state: Literal["pending", "held"]
    due_at: datetime
    parts: Sequence[Sequence[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fanout:
    """A part of the people whom some new papers concern.

    Beside each other stand `people`, `manners`, `targets` (a place for each way of the manner) and `counts`: of
    how many papers each is told. These follow one another in `found` (places in `papers`), beside `wishes`: how many
    subscriptions matched, whose names follow one another in `names`.
    """

    papers: Sequence[PaperId]
    ways: Sequence[Sequence[Way]]
    """By manner."""
    people: Sequence[str]
    manners: Sequence[int]
    targets: Sequence[Sequence[str]]
    counts: Sequence[int]
    found: Sequence[int]
    wishes: Sequence[int]
    names: Sequence[str]
    rows: Mapping[tuple[ChannelKind, State], int]
    """How many deliveries of each kind and state it holds."""

    def noticed(self) -> Noticed:
        """The notices."""
        names, pairs = iter(self.names), iter(zip(self.found, self.wishes, strict=True))
        return {
            name: {self.papers[one]: tuple(islice(names, wishes)) for one, wishes in islice(pairs, count)}
            for name, count in zip(self.people, self.counts, strict=True)
        }

    def deliveries(self) -> list[Delivery]:
        """The deliveries, for each place in their order: all alerts before the questions."""
        alerts: list[Delivery] = []
        questions: list[Delivery] = []
        found = iter(self.found)
        people = zip(self.people, self.manners, self.targets, self.counts, strict=True)
        for name, manner, targets, count in people:
            ways = list(zip(targets, self.ways[manner], strict=True))
            for place in islice(found, count):
                paper = self.papers[place]
                for target, way in ways:
                    alerts.append(Delivery(target, name, "alert", paper, way.state, way.due_at))
                    for part in way.parts[place]:
                        row = Delivery(target, name, "quiz", paper, way.state, way.due_at, part)
                        questions.append(row)
        return [*alerts, *questions]

    @property
    def notices(self) -> int:
        """How many notices it holds."""
        return len(self.found)
