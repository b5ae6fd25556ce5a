"""What changes when people answer: one transaction over votes, polls, cards and the outbox."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, or_, select, update

from bot.adapters.store.deliveries import ROWS, key_of
from bot.adapters.store.digests import StoredTransaction
from bot.adapters.store.numbers import numbers_of_deliveries, target_number
from bot.adapters.store.outbox import refresh_ready
from bot.adapters.store.papers import question_text
from bot.adapters.store.schema import NEEDS_A_LOOK, deliveries, papers, targets, updates
from bot.adapters.store.statements import chunks, insert
from bot.adapters.store.study_rows import ASKED, asked_of, state_of, votes_where
from bot.adapters.store.study_schema import cards, members, poll_states, polls, voters, votes
from bot.domain.delivery import Delivery, State, again_part
from bot.domain.papers import Paper, PaperId, Question
from bot.domain.quizzes.repetition import STEPS, Card
from bot.domain.quizzes.votes import AskedPoll, CastVote, PollState
from bot.pipeline.ports.study import KeptCard, ReceivedUpdate, UncertainQuiz

AGAIN = again_part(0, "").partition(":")[0] + ":%"
"""Parts of deliveries that bring a question back."""


class StoredStudyTransaction:
    """One open transaction; see the port for what each method promises."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._intake = StoredTransaction(connection)

    def waiting_votes(self, after: int | None, limit: int) -> tuple[ReceivedUpdate, ...]:
        query = select(updates.c.id, updates.c.body, updates.c.received_at).where(
            updates.c.taken_at.is_(None), updates.c.body.like('%"poll%')
        )
        if after is not None:
            query = query.where(updates.c.id > after)
        rows = self._connection.execute(query.order_by(updates.c.id).limit(limit))
        return tuple(ReceivedUpdate(id=row.id, body=row.body, received_at=row.received_at) for row in rows)

    def take(self, ids: Sequence[int], now: datetime) -> None:
        for chunk in chunks(ids):
            self._connection.execute(update(updates).where(updates.c.id.in_(chunk)).values(taken_at=now))

    def polls(self, ids: Collection[str]) -> dict[str, AskedPoll]:
        found: dict[str, AskedPoll] = {}
        for chunk in chunks(sorted(ids)):
            for row in self._connection.execute(ASKED.where(polls.c.poll.in_(chunk))):
                found[row.poll] = asked_of(row)
        return found

    def closed(self, ids: Collection[str]) -> frozenset[str]:
        found: set[str] = set()
        for chunk in chunks(sorted(ids)):
            query = select(poll_states.c.poll).where(
                poll_states.c.poll.in_(chunk), poll_states.c.closed_at.is_not(None)
            )
            found.update(self._connection.execute(query).scalars())
        return frozenset(found)

    def save_votes(self, cast: Sequence[CastVote]) -> None:
        for one in cast:
            values = {"shown": ",".join(map(str, one.shown)), "voted_at": one.at, "late": int(one.late)}
            key = {"poll": one.poll, "person": one.person}
            if one.late:
                statement = insert(self._connection, votes).values(**key, **values)
                self._connection.execute(statement.on_conflict_do_nothing())
            else:
                self._put(votes, key, values)

    def save_states(self, states: Sequence[PollState], now: datetime) -> None:
        for state in states:
            options = json.dumps(list(zip(state.options, state.counts, strict=True)))
            values: dict[str, Any] = {
                "question": state.question,
                "options": options,
                "voters": state.voters,
            }
            if state.closed:
                values["closed_at"] = now
            self._put(poll_states, {"poll": state.poll}, values)

    def save_names(self, names: Mapping[int, str]) -> None:
        for person, name in names.items():
            self._put(voters, {"person": person}, {"name": name})

    def expect_member(self, home: str, person: int) -> None:
        statement = insert(self._connection, members).values(home=home, person=person)
        self._connection.execute(statement.on_conflict_do_nothing())

    def votes_on(self, person: int, paper: PaperId) -> tuple[tuple[AskedPoll, CastVote], ...]:
        return votes_where(self._connection, votes.c.person == person, polls.c.paper == paper)

    def voters(self, poll: str) -> frozenset[int]:
        query = select(votes.c.person).where(votes.c.poll == poll)
        return frozenset(self._connection.execute(query).scalars())

    def save_card(self, person: int, paper: PaperId, part: str, card: Card | None) -> None:
        key = {"person": person, "paper": paper, "part": part}
        if card is None:
            these = (cards.c.person == person, cards.c.paper == paper, cards.c.part == part)
            self._connection.execute(delete(cards).where(*these))
            return
        due_at = card.answered_at + timedelta(days=STEPS[card.step])
        values = {
            "step": card.step,
            "answers": card.answers,
            "answered_at": card.answered_at,
            "due_at": due_at,
        }
        self._put(cards, key, values)

    def unchecked_polls(self, limit: int) -> tuple[AskedPoll, ...]:
        stale = or_(polls.c.checked_against.is_(None), polls.c.checked_against != papers.c.changed_at)
        query = ASKED.join(papers, papers.c.id == polls.c.paper).where(stale).limit(limit)
        return tuple(map(asked_of, self._connection.execute(query)))

    def check(self, poll: str, question: Question) -> None:
        changed = select(papers.c.changed_at).where(papers.c.id == polls.c.paper).scalar_subquery()
        self._connection.execute(
            update(polls)
            .where(polls.c.poll == poll)
            .values(question=question_text(question), checked_against=changed)
        )

    def papers(self, ids: Iterable[PaperId]) -> dict[PaperId, Paper]:
        return self._intake.papers(ids)

    def unmatched(self) -> tuple[PollState, ...]:
        query = (
            select(poll_states)
            .outerjoin(polls, polls.c.poll == poll_states.c.poll)
            .where(polls.c.poll.is_(None))
            .order_by(poll_states.c.poll)
        )
        return tuple(map(state_of, self._connection.execute(query)))

    def uncertain_quizzes(self) -> tuple[UncertainQuiz, ...]:
        query = ROWS.where(
            NEEDS_A_LOOK,
            deliveries.c.state == "uncertain",
            deliveries.c.kind == "quiz",
            deliveries.c.message.is_not(None),
        ).order_by(deliveries.c.seq)
        return tuple(
            UncertainQuiz(
                key=key_of(row),
                message=row.message,
                target=row.target,
                address=row.address,
                subscriber=row.subscriber,
                paper=PaperId(row.paper),
                part=row.part,
            )
            for row in self._connection.execute(query)
        )

    def adopt(
        self, poll: str, quiz: UncertainQuiz, question: Question, order: tuple[int, ...], now: datetime
    ) -> None:
        row = {
            "poll": poll,
            "message": quiz.message,
            "target": quiz.target,
            "paper": quiz.paper,
            "option_order": ",".join(map(str, order)),
            "question": question_text(question),
            "sent_at": now,
        }
        self._connection.execute(insert(self._connection, polls).on_conflict_do_nothing(), [row])
        seq = numbers_of_deliveries(self._connection, [quiz.key]).get(quiz.key)
        self._connection.execute(
            update(deliveries)
            .where(deliveries.c.seq == seq, deliveries.c.state == "uncertain")
            .values(state="sent", rank=0, error=None, settled_at=now)
        )

    def people_due(self, before: datetime) -> frozenset[int]:
        query = select(cards.c.person).where(cards.c.due_at < before).distinct()
        return frozenset(self._connection.execute(query).scalars())

    def cards(self, person: int, before: datetime) -> tuple[KeptCard, ...]:
        query = (
            select(cards)
            .where(cards.c.person == person, cards.c.due_at < before)
            .order_by(cards.c.due_at, cards.c.paper, cards.c.part)
        )
        return tuple(
            KeptCard(
                paper=PaperId(row.paper),
                part=row.part,
                card=Card(step=row.step, answers=row.answers, answered_at=row.answered_at),
            )
            for row in self._connection.execute(query)
        )

    def states_of(self, keys: Collection[str]) -> dict[str, State]:
        return self._intake.planned(sorted(keys))

    def brought_back(self, target: str, start: datetime, end: datetime) -> int:
        query = select(func.count()).where(
            deliveries.c.target == target_number(target),
            deliveries.c.kind == "quiz",
            deliveries.c.part.like(AGAIN),
            deliveries.c.due_at >= start,
            deliveries.c.due_at < end,
        )
        return self._connection.execute(query).scalar_one()

    def questions_asked(self, target: str) -> frozenset[tuple[PaperId, str]]:
        rows = self._connection.execute(ASKED.where(polls.c.target == target))
        return frozenset((one.paper, one.part) for one in map(asked_of, rows))

    def plan(self, planned: Sequence[Delivery], now: datetime) -> int:
        return self._intake.plan(planned, self._intake.new_run(now)) if planned else 0

    def hasten(self, key: str, now: datetime) -> bool:
        seq = numbers_of_deliveries(self._connection, [key]).get(key)
        held = (deliveries.c.seq == seq, deliveries.c.state == "held")
        query = select(targets.c.key).join(deliveries, deliveries.c.target == targets.c.number).where(*held)
        target = self._connection.execute(query).scalar()
        if target is None:
            return False
        self._connection.execute(update(deliveries).where(*held).values(state="pending", due_at=now))
        refresh_ready(self._connection, [target])
        return True

    def _put(self, table: Any, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        statement = insert(self._connection, table).values(**key, **values)
        self._connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=dict(values)))
