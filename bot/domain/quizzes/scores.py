"""Scores of a person's answers, in all and by topic, computed from the votes on each request."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.domain.papers import PaperId
from bot.domain.quizzes.votes import AskedPoll, PollState, QuizAnswer, chosen_option


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """Score of one person: of `judged` first answers `right` were right; `waiting` first answers have no key yet.

    `learned` are questions answered wrong first and right last; `streak` are days in a row with an answer.
    """

    right: int = 0
    judged: int = 0
    waiting: int = 0
    learned: int = 0
    streak: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """One line of a leaderboard; equal scores share a rank."""

    rank: int
    person: int
    right: int
    judged: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals:
    """Sums over anonymous polls; `judged` are votes on questions with a known answer, of which `right` were right."""

    questions: int = 0
    votes: int = 0
    judged: int = 0
    right: int = 0


def first_answers(answers: Iterable[QuizAnswer]) -> tuple[QuizAnswer, ...]:
    """Each person's first answer to each question, oldest first: repeated questions are practice and score nothing."""
    first: dict[tuple[int, str, str], QuizAnswer] = {}
    for answer in sorted(answers, key=_when):
        first.setdefault((answer.person, answer.paper, answer.part), answer)
    return tuple(first.values())


def score(answers: Sequence[QuizAnswer], *, now: datetime, zone: ZoneInfo) -> Score:
    """The score of one person's answers; days are those of the person's calendar."""
    first = first_answers(answers)
    last = {(answer.paper, answer.part): answer for answer in sorted(answers, key=_when)}
    wrong = {(answer.paper, answer.part) for answer in first if answer.right is False}
    return Score(
        right=sum(answer.right is True for answer in first),
        judged=sum(answer.right is not None for answer in first),
        waiting=sum(answer.right is None for answer in first),
        learned=sum(last[question].right is True for question in wrong),
        streak=streak((answer.at.astimezone(zone).date() for answer in answers), now.astimezone(zone).date()),
    )


def streak(days: Iterable[date], today: date) -> int:
    """The number of consecutive days with an answer up to today, or to yesterday where today has none yet."""
    answered = set(days)
    day = today if today in answered else today - timedelta(days=1)
    length = 0
    while day - timedelta(days=length) in answered:
        length += 1
    return length


def leaderboard(answers: Iterable[QuizAnswer], *, hidden: Collection[int] = ()) -> tuple[Standing, ...]:
    """Everybody with a judged answer: most right answers first, then fewest judged ones; hidden people are left out."""
    judged: dict[int, list[bool]] = defaultdict(list)
    for answer in first_answers(answers):
        if answer.right is not None and answer.person not in hidden:
            judged[answer.person].append(answer.right)
    rows = sorted(((-sum(rights), len(rights), person) for person, rights in judged.items()))
    standings: list[Standing] = []
    for position, (minus_right, total, person) in enumerate(rows, start=1):
        same = bool(standings) and (standings[-1].right, standings[-1].judged) == (-minus_right, total)
        rank = standings[-1].rank if same else position
        standings.append(Standing(rank=rank, person=person, right=-minus_right, judged=total))
    return tuple(standings)


def totals(polls: Iterable[tuple[AskedPoll, PollState | None]]) -> Totals:
    """The sums of a chat's polls and their states (None where none was reported)."""
    questions = votes = judged = right = 0
    for asked, state in polls:
        questions += 1
        if state is None:
            continue
        votes += state.voters
        known = asked.question.usable_answer
        if known is not None:
            judged += sum(state.counts)
            right += sum(
                count for option, count in enumerate(state.counts) if chosen_option(asked, (option,)) == known
            )
    return Totals(questions=questions, votes=votes, judged=judged, right=right)


def _when(answer: QuizAnswer) -> datetime:
    return answer.at


OTHER = ""
"""The topic of papers that no subscription names."""

_ENOUGH = 3
"""Fewest answers by which a topic may be called weak."""
_WEAK = 0.6

Topics = Mapping[tuple[str, PaperId], tuple[str, ...]]
"""Names of the subscriptions that matched, by (subscriber, paper)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TopicScore:
    """Score of one topic: of `judged` questions a person answered `right` right at the first try."""

    name: str
    right: int
    judged: int

    @property
    def is_weak(self) -> bool:
        """True where the score is low, and there are enough answers to say so."""
        return self.judged >= _ENOUGH and self.right < _WEAK * self.judged


def by_topic(answers: Iterable[QuizAnswer], topics: Topics) -> tuple[TopicScore, ...]:
    """The scores by topic, most judged first, OTHER last; a paper of several topics counts for each."""
    right: Counter[str] = Counter()
    judged: Counter[str] = Counter()
    for answer in first_answers(answers):
        if answer.right is not None:
            names = topics.get((answer.subscriber, answer.paper)) or (OTHER,)
            judged.update(names)
            right.update(names if answer.right else ())
    scores = (TopicScore(name=name, right=right[name], judged=count) for name, count in judged.items())
    return tuple(sorted(scores, key=lambda topic: (not topic.name, -topic.judged, topic.name)))


def weak_topics(topics: Iterable[TopicScore]) -> tuple[TopicScore, ...]:
    """The weak topics, the weakest first."""
    weak = (topic for topic in topics if topic.is_weak and topic.name != OTHER)
    return tuple(sorted(weak, key=lambda topic: (topic.right / topic.judged, -topic.judged, topic.name)))
