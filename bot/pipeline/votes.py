"""Votes on their way in: from the stored raw updates to what is known of people's answers."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from bot.domain.delivery import ONE_QUESTION, question_of_part, repeats
from bot.domain.papers import PaperId, Question
from bot.domain.quizzes.guessing import pick_one
from bot.domain.quizzes.repair import poll_of, shuffle_seed
from bot.domain.quizzes.repetition import Attempt, card_of
from bot.domain.quizzes.votes import (
    AskedPoll,
    CastVote,
    PollState,
    Vote,
    answer_of,
    corrected,
    home_of,
    is_own_chat,
    is_private,
    recognised,
)
from bot.pipeline.compose import AnswerQuiz
from bot.pipeline.ports import PaperStore
from bot.pipeline.ports.study import ReceivedUpdate, Study, StudyTransaction, UncertainQuiz
from bot.pipeline.subscribers import SubscriberRegistry

log = logging.getLogger(__name__)

_TOGETHER = 500
_PATIENCE = timedelta(hours=1)
"""So long a vote in a poll that we do not know waits to be told which it is."""

ReadVote = Callable[[str], Vote | PollState | None]
"""What a raw update says of votes; None where it is about something else."""


class VoteCounter:
    """Counts votes. Everything here can be done twice, or break off anywhere, without harm."""

    def __init__(
        self,
        study: Study,
        papers: PaperStore,
        roster: SubscriberRegistry,
        answer_quiz: AnswerQuiz,
        *,
        read_vote: ReadVote,
        min_confidence: float,
    ) -> None:
        self._study = study
        self._papers = papers
        self._roster = roster
        self._answer_quiz = answer_quiz
        self._read_vote = read_vote
        self._min_confidence = min_confidence
        self._corrected_under: str | None = None

    def count(self, now: datetime) -> int:
        """Count all votes that were received and not counted yet, and say how many.

        An update is taken in the transaction that stores its vote, so that a crash neither loses nor
        repeats one.
        """
        counted, after = 0, None
        while True:
            with self._study.transaction() as tx:
                waiting = tx.waiting_votes(after, _TOGETHER)
                counted += self._count(tx, waiting, now)
            if len(waiting) < _TOGETHER:
                break
            after = waiting[-1].id
        if counted:
            log.info("votes.counted", extra={"votes": counted})
        return counted

    def _count(self, tx: StudyTransaction, waiting: Sequence[ReceivedUpdate], now: datetime) -> int:
        read = [(one, said) for one in waiting if (said := self._said(one)) is not None]
        if not read:
            return 0
        closed = set(tx.closed({said.poll for _, said in read}))
        states: dict[str, PollState] = {}
        cast: list[CastVote] = []
        names: dict[int, str] = {}
        for update, said in read:
            if isinstance(said, PollState):
                states[said.poll] = said
                closed.update({said.poll} if said.closed else ())
                continue
            late = said.poll in closed
            cast.append(
                CastVote(
                    poll=said.poll, person=said.person, shown=said.shown, at=update.received_at, late=late
                )
            )
            names.update({said.person: said.name} if said.name else {})
        tx.save_states(tuple(states.values()), now)
        tx.save_votes(cast)
        tx.save_names(names)
        self._adopt(tx, now)
        known = tx.polls({vote.poll for vote in cast})
        tx.take([one.id for one, said in read if _is_dealt_with(one, said, known, now)], now)
        self._refresh_voted(tx, cast, known)
        return len(cast)

    def _said(self, update: ReceivedUpdate) -> Vote | PollState | None:
        try:
            return self._read_vote(update.body)
        except Exception:  # it comes from outside: one that cannot be read must not hold up the others
            log.exception("votes.unreadable", extra={"update": update.id})
            return None

    def _refresh_voted(
        self, tx: StudyTransaction, cast: Iterable[CastVote], known: Mapping[str, AskedPoll]
    ) -> None:
        voted = [(known[vote.poll], vote.person) for vote in cast if vote.poll in known]
        for asked, person in voted:
            _expect(tx, asked, person)
        for person, paper, part in sorted({(person, asked.paper, asked.part) for asked, person in voted}):
            self._refresh(tx, person, paper, part)

    def _refresh(self, tx: StudyTransaction, person: int, paper: PaperId, part: str) -> None:
        """Work out anew when the question comes back to this person."""
        answers = (
            answer_of(asked, vote, self._min_confidence)
            for asked, vote in tx.votes_on(person, paper)
            if asked.part == part
        )
        attempts = [
            Attempt(at=answer.at, right=answer.right)
            for answer in answers
            if answer is not None and answer.right is not None
        ]
        tx.save_card(person, paper, part, card_of(attempts))

    def correct(self) -> int:
        """Give the polls whose papers got a key meanwhile that key, with all that follows; how many changed."""
        edition = self._papers.version()
        if edition == self._corrected_under:
            return 0
        changed = 0
        while True:
            with self._study.transaction() as tx:
                stale = tx.unchecked_polls(_TOGETHER)
                papers = tx.papers({asked.paper for asked in stale})
                for asked in stale:
                    quizzes = (edition.quiz for edition in papers[asked.paper].editions)
                    question = corrected(asked.question, (one for quiz in quizzes for one in quiz))
                    tx.check(asked.poll, question)
                    if question != asked.question:
                        changed += 1
                        for person in sorted(tx.voters(asked.poll)):
                            self._refresh(tx, person, asked.paper, asked.part)
            if len(stale) < _TOGETHER:
                break
        self._corrected_under = edition
        if changed:
            log.info("polls.corrected", extra={"polls": changed})
        return changed

    def adopt(self, now: datetime) -> int:
        """Find among the polls that the service tells of those whose sending is uncertain; how many were found."""
        with self._study.transaction() as tx:
            return self._adopt(tx, now)

    def _adopt(self, tx: StudyTransaction, now: datetime) -> int:
        """A poll that fits several places is left alone, unless who voted tells which it is."""
        unmatched = tx.unmatched()
        uncertain = list(tx.uncertain_quizzes()) if unmatched else []
        adopted = 0
        for state in unmatched if uncertain else ():
            people = tx.voters(state.poll)
            fits = list(self._fits(tx, state, uncertain))
            if len(fits) > 1:
                fits = [
                    one for one in fits if any(is_own_chat(home_of(one[0].address), who) for who in people)
                ]
            if len(fits) != 1:
                continue
            quiz, question, order = fits[0]
            tx.adopt(state.poll, quiz, question, order, now)
            uncertain.remove(quiz)
            adopted += 1
            log.info("poll.recognised", extra={"poll": state.poll, "target": quiz.target})
            for asked in tx.polls({state.poll}).values():
                for person in sorted(people):
                    _expect(tx, asked, person)
                    self._refresh(tx, person, asked.paper, asked.part)
        return adopted

    def _fits(
        self, tx: StudyTransaction, state: PollState, uncertain: Sequence[UncertainQuiz]
    ) -> Iterator[tuple[UncertainQuiz, Question, tuple[int, ...]]]:
        papers = tx.papers({one.paper for one in uncertain})
        for quiz in uncertain:
            subscriber = self._roster.subscriber(quiz.subscriber)
            language = subscriber.language if subscriber else "en"
            questions = self._answer_quiz(papers[quiz.paper], language)
            question = (
                pick_one(questions) if quiz.part == ONE_QUESTION else question_of_part(questions, quiz.part)
            )
            if question is None:
                continue
            seed = shuffle_seed(question, f"telegram:{quiz.address}", repeats(quiz.part))
            poll = poll_of(question, seed=seed, min_confidence=self._min_confidence)
            order = recognised(state, poll) if poll else None
            if order is not None:
                yield quiz, question, order


def _is_dealt_with(
    update: ReceivedUpdate, said: Vote | PollState, known: Mapping[str, AskedPoll], now: datetime
) -> bool:
    """False for a vote in a poll whose own sending may still be on its way to being written down: counted again later."""
    return isinstance(said, PollState) or said.poll in known or now - update.received_at > _PATIENCE


def _expect(tx: StudyTransaction, asked: AskedPoll, person: int) -> None:
    """Somebody voted in a group: whether a member or a stranger is to be asked."""
    if person > 0 and not is_private(asked.home):
        tx.expect_member(asked.home, person)
