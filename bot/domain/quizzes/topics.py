"""Hits by topic: a topic is a subscription that the question's paper was noticed for."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.domain.papers import PaperId
from bot.domain.quizzes.scores import first_answers
from bot.domain.quizzes.votes import Answer

OTHER = ""
"""The topic of papers that no subscription names."""

_ENOUGH = 3
"""Fewer answers than this say nothing about a topic."""
_WEAK = 0.6

Topics = Mapping[tuple[str, PaperId], tuple[str, ...]]
"""(subscriber, paper) to the names of the subscriptions that matched."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TopicScore:
    """How many of a topic's questions somebody answered right at the first try."""

    name: str
    right: int
    judged: int

    @property
    def is_weak(self) -> bool:
        """True where there are enough answers to say that the topic needs reading."""
        return self.judged >= _ENOUGH and self.right < _WEAK * self.judged


def by_topic(answers: Iterable[Answer], topics: Topics) -> tuple[TopicScore, ...]:
    """The topics, most answered first; a paper of several topics counts for each."""
    right: Counter[str] = Counter()
    judged: Counter[str] = Counter()
    for answer in first_answers(answers):
        if answer.right is not None:
            names = topics.get((answer.subscriber, answer.paper)) or (OTHER,)
            judged.update(names)
            right.update(names if answer.right else ())
    scores = (TopicScore(name=name, right=right[name], judged=count) for name, count in judged.items())
    return tuple(sorted(scores, key=lambda one: (not one.name, -one.judged, one.name)))


def weak_topics(topics: Iterable[TopicScore]) -> tuple[TopicScore, ...]:
    """The topics that need reading, the weakest first."""
    weak = (topic for topic in topics if topic.is_weak and topic.name != OTHER)
    return tuple(sorted(weak, key=lambda one: (one.right / one.judged, -one.judged, one.name)))
