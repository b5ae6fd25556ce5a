"""VoteCounter: turns stored updates into votes, repetitions and corrected answers."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from bot.domain.chats import chat_of, chat_target, is_own_chat, is_private
from bot.domain.delivery import ONE_QUESTION, question_of_part, repeat_count
from bot.domain.papers import PaperId, Question
from bot.domain.quizzes.answers import pick_one
from bot.domain.quizzes.polls import poll_of, shuffle_seed
from bot.domain.quizzes.repetition import Attempt, repetition_of
from bot.domain.quizzes.votes import (
    AskedPoll,
    CastVote,
    PollState,
    Vote,
    answer_of,
    order_of_reported,
    with_new_key,
)
from bot.pipeline.compose import AnswerQuiz
from bot.pipeline.ports.papers import PaperStore
from bot.pipeline.ports.quizzes import QuizStore, QuizTransaction, ReceivedUpdate, UncertainQuiz
from bot.pipeline.subscribers import SubscriberRegistry

log = logging.getLogger(__name__)

_BATCH_SIZE = 500
_PATIENCE = timedelta(hours=1)
"""How long a vote in an unknown poll is kept waiting for the poll's send to be settled."""

ReadVote = Callable[[str], Vote | PollState | None]
"""A function from a raw update to the vote or the poll's state in it; None where it has neither."""


class VoteCounter:
    """Vote counter of all polls. Every method is idempotent."""

    def __init__(
        self,
        store: QuizStore,
        papers: PaperStore,
        registry: SubscriberRegistry,
        answer_quiz: AnswerQuiz,
        *,
        read_vote: ReadVote,
    ) -> None:
        self._store = store
        self._papers = papers
        self._registry = registry
        self._answer_quiz = answer_quiz
        self._read_vote = read_vote
        self._corrected_version: str | None = None

    def count(self, now: datetime) -> int:
        """Count all votes that were received but not counted yet; gives their number.

        An update is marked as handled in the transaction that stores its vote, so that a crash neither loses nor repeats
        one.
        """
        counted, after = 0, None
        while True:
            with self._store.transaction() as tx:
                waiting = tx.waiting_votes(after, _BATCH_SIZE)
                counted += self._count(tx, waiting, now)
            if len(waiting) < _BATCH_SIZE:
                break
            after = waiting[-1].id
        if counted:
            log.info("votes.counted", extra={"votes": counted})
        return counted

    def _count(self, tx: QuizTransaction, waiting: Sequence[ReceivedUpdate], now: datetime) -> int:
        readable = [(update, vote) for update in waiting if (vote := self._vote_in(update)) is not None]
        if not readable:
            return 0
        closed = set(tx.closed({vote.poll for _, vote in readable}))
        states: dict[str, PollState] = {}
        cast: list[CastVote] = []
        names: dict[int, str] = {}
        for update, vote in readable:
            if isinstance(vote, PollState):
                states[vote.poll] = vote
                closed.update({vote.poll} if vote.closed else ())
                continue
            late = vote.poll in closed
            cast.append(
                CastVote(
                    poll=vote.poll, person=vote.person, options=vote.options, at=update.received_at, late=late
                )
            )
            names.update({vote.person: vote.name} if vote.name else {})
        tx.save_states(tuple(states.values()), now)
        tx.save_votes(cast)
        tx.save_names(names)
        self._adopt(tx, now)
        known = tx.polls({vote.poll for vote in cast})
        tx.take([update.id for update, vote in readable if _is_done(update, vote, known, now)], now)
        self._refresh_voted(tx, cast, known)
        return len(cast)

    def _vote_in(self, update: ReceivedUpdate) -> Vote | PollState | None:
        try:
            return self._read_vote(update.body)
        except Exception:  # updates come from outside: an unreadable one must not hold up the others
            log.exception("votes.unreadable", extra={"update": update.id})
            return None

    def _refresh_voted(
        self, tx: QuizTransaction, cast: Iterable[CastVote], known: Mapping[str, AskedPoll]
    ) -> None:
        voted = [(known[vote.poll], vote.person) for vote in cast if vote.poll in known]
        for poll, person in voted:
            _expect(tx, poll, person)
        for person, paper, part in sorted({(person, poll.paper, poll.part) for poll, person in voted}):
            self._refresh(tx, person, paper, part)

    def _refresh(self, tx: QuizTransaction, person: int, paper: PaperId, part: str) -> None:
        """Recompute the repetition of this person and question."""
        answers = (answer_of(poll, vote) for poll, vote in tx.votes_on(person, paper) if poll.part == part)
        attempts = [
            Attempt(at=answer.at, right=answer.right)
            for answer in answers
            if answer is not None and answer.right is not None
        ]
        tx.save_repetition(person, paper, part, repetition_of(attempts))

    def correct(self) -> int:
        """Apply keys that papers gained after their polls were sent, and recompute repetitions; gives the number of changed polls."""
        version = self._papers.version()
        if version == self._corrected_version:
            return 0
        changed = 0
        while True:
            with self._store.transaction() as tx:
                stale = tx.unchecked_polls(_BATCH_SIZE)
                papers = tx.papers({poll.paper for poll in stale})
                for poll in stale:
                    quizzes = (edition.quiz for edition in papers[poll.paper].editions)
                    question = with_new_key(
                        poll.question, (candidate for quiz in quizzes for candidate in quiz)
                    )
                    tx.check(poll.poll, question)
                    if question != poll.question:
                        changed += 1
                        for person in sorted(tx.voters(poll.poll)):
                            self._refresh(tx, person, poll.paper, poll.part)
            if len(stale) < _BATCH_SIZE:
                break
        self._corrected_version = version
        if changed:
            log.info("polls.corrected", extra={"polls": changed})
        return changed

    def adopt(self, now: datetime) -> int:
        """Match unknown polls that the service reports with uncertain quiz deliveries; gives the number matched."""
        with self._store.transaction() as tx:
            return self._adopt(tx, now)

    def _adopt(self, tx: QuizTransaction, now: datetime) -> int:
        """Likewise, in a transaction. A poll that fits several targets is left, unless a voter's private chat is one of them."""
        unmatched = tx.unmatched()
        uncertain = list(tx.uncertain_quizzes()) if unmatched else []
        adopted = 0
        for state in unmatched if uncertain else ():
            people = tx.voters(state.poll)
            fits = list(self._fits(tx, state, uncertain))
            if len(fits) > 1:
                fits = [
                    fit
                    for fit in fits
                    if any(is_own_chat(chat_of(fit[0].address), person) for person in people)
                ]
            if len(fits) != 1:
                continue
            quiz, question, order = fits[0]
            tx.adopt(state.poll, quiz, question, order, now)
            uncertain.remove(quiz)
            adopted += 1
            log.info("poll.recognised", extra={"poll": state.poll, "target": quiz.target})
            for poll in tx.polls({state.poll}).values():
                for person in sorted(people):
                    _expect(tx, poll, person)
                    self._refresh(tx, person, poll.paper, poll.part)
        return adopted

    def _fits(
        self, tx: QuizTransaction, state: PollState, uncertain: Sequence[UncertainQuiz]
    ) -> Iterator[tuple[UncertainQuiz, Question, tuple[int, ...]]]:
        papers = tx.papers({quiz.paper for quiz in uncertain})
        for quiz in uncertain:
            subscriber = self._registry.subscriber(quiz.subscriber)
            language = subscriber.language if subscriber else "en"
            questions = self._answer_quiz(papers[quiz.paper], language)
            question = (
                pick_one(questions) if quiz.part == ONE_QUESTION else question_of_part(questions, quiz.part)
            )
            if question is None:
                continue
            seed = shuffle_seed(question, chat_target(quiz.address), repeat_count(quiz.part))
            poll = poll_of(question, seed=seed)
            order = order_of_reported(state, poll) if poll else None
            if order is not None:
                yield quiz, question, order


def _is_done(
    update: ReceivedUpdate, vote: Vote | PollState, known: Mapping[str, AskedPoll], now: datetime
) -> bool:
    """True where the update is handled; False for a vote in an unknown poll, whose send may not be settled yet."""
    return isinstance(vote, PollState) or vote.poll in known or now - update.received_at > _PATIENCE


def _expect(tx: QuizTransaction, poll: AskedPoll, person: int) -> None:
    """Have the voter's membership asked for later, where the poll was in a group."""
    if person > 0 and not is_private(poll.chat):
        tx.expect_member(poll.chat, person)
