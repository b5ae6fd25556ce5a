"""What people may ask about their answers: scores, leaderboards, totals; and that all of it be forgotten."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.domain.quizzes.scores import Score, Standing, Totals, leaderboard, score, totals
from bot.domain.quizzes.topics import TopicScore, by_topic
from bot.domain.quizzes.votes import Answer, AskedPoll, CastVote, answer_of, belongs, is_private
from bot.pipeline.ports import DeliveryStore
from bot.pipeline.ports.study import Study
from bot.pipeline.practice import channel_at, due_cards
from bot.pipeline.subscribers import SubscriberRegistry


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreSheet:
    """One person's score, by topic; `due` questions wait to come back today."""

    score: Score
    topics: tuple[TopicScore, ...] = ()
    due: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """A chat's leaderboard; `strangers` only answered copies that were forwarded, `hidden` do not want to be named."""

    standings: tuple[Standing, ...]
    names: Mapping[int, str]
    strangers: int = 0
    hidden: int = 0


class StudyDesk:
    """The desk for answers. `addresses` name a chat as the configuration may, the most exact first."""

    def __init__(
        self, study: Study, deliveries: DeliveryStore, roster: SubscriberRegistry, *, min_confidence: float
    ) -> None:
        self._study = study
        self._deliveries = deliveries
        self._roster = roster
        self._min_confidence = min_confidence

    def score(self, addresses: Sequence[str], person: int, now: datetime) -> ScoreSheet:
        """The person's score in this chat; in the person's own chat the score in all chats."""
        homes = self._study.homes_at(addresses)
        theirs = self._study.votes_by(person)
        in_private = is_private(homes[0])
        if not in_private:
            theirs = tuple(one for one in theirs if one[0].home in homes)
        members = {home: frozenset({person}) for home in self._study.homes_with(person)}
        answers = self._answers(theirs, members)
        zone = self._zone(addresses, person)
        return ScoreSheet(
            score=score(answers, now=now, zone=zone),
            topics=by_topic(answers, self._study.topics({(one.subscriber, one.paper) for one in answers})),
            due=self._due(person, now, zone) if in_private else 0,
        )

    def leaderboard(self, addresses: Sequence[str]) -> Board:
        """Who of the chat's members knows most; strangers and those who hide are counted, not named."""
        homes = self._study.homes_at(addresses)
        cast = tuple(one for one in self._study.votes_in(homes) if one[1].shown)
        members = self._study.members(homes)
        hidden = self._study.hidden(homes)
        answers = self._answers(cast, members)
        standings = leaderboard(answers, hidden=hidden)
        of_here = {vote.person for asked, vote in cast if belongs(asked.home, vote.person, members)}
        return Board(
            standings=standings,
            names=self._study.names([one.person for one in standings]),
            strangers=len({vote.person for _, vote in cast} - of_here),
            hidden=len({one.person for one in answers} & hidden),
        )

    def totals(self, addresses: Sequence[str]) -> Totals:
        """What a channel's anonymous polls came to."""
        return totals(self._study.polls_in(self._study.homes_at(addresses)), self._min_confidence)

    def hide(self, addresses: Sequence[str], person: int, *, hidden: bool) -> None:
        """Name the person on this chat's leaderboard no longer, or again."""
        for home in self._study.homes_at(addresses):
            self._study.hide(home, person, hidden=hidden)

    def met(self, addresses: Sequence[str], person: int) -> None:
        """The person spoke in this group, and so is of it."""
        known = self._study.homes_with(person)
        for home in self._study.homes_at(addresses):
            if not is_private(home) and home not in known:
                self._study.save_members(home, {person: True})

    def forget(self, person: int, now: datetime) -> int:
        """Remove everything that is known of a person's answers for good; how many votes those were."""
        return self._study.forget(person, now)

    def _answers(
        self, cast: Iterable[tuple[AskedPoll, CastVote]], members: Mapping[str, Iterable[int]]
    ) -> list[Answer]:
        """The answers of those who belong where they were asked."""
        answers = (
            answer_of(asked, vote, self._min_confidence)
            for asked, vote in cast
            if belongs(asked.home, vote.person, members)
        )
        return [answer for answer in answers if answer is not None]

    def _due(self, person: int, now: datetime, zone: ZoneInfo) -> int:
        with self._study.transaction() as tx:
            return len(due_cards(tx, person, now, zone))

    def _zone(self, addresses: Sequence[str], person: int) -> ZoneInfo:
        for one in ((str(person),), addresses):
            found = channel_at(one, self._deliveries, self._roster)
            if found is not None:
                return found[0].timezone
        return ZoneInfo("UTC")
