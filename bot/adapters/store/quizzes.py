"""Quiz tables: polls, votes, repetitions and members, read and written."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, or_, select, update

from bot.adapters.store.deliveries import ROWS, key_of
from bot.adapters.store.digests import SqlIngestTransaction
from bot.adapters.store.engine import reading, writing
from bot.adapters.store.notices import of_subscriber_on
from bot.adapters.store.outbox import refresh_ready
from bot.adapters.store.papers import paper_of, question_of, question_text
from bot.adapters.store.row_numbers import delivery_numbers, target_number
from bot.adapters.store.schema import (
    NEEDS_A_LOOK,
    NEWEST_FIRST,
    deliveries,
    members,
    messages,
    papers,
    poll_states,
    polls,
    repetitions,
    subscribers,
    targets,
    updates,
    voters,
    votes,
)
from bot.adapters.store.sql import chunks, insert, upsert
from bot.domain.backlog import ASKED
from bot.domain.chats import CHAT, chat_of, chat_target, topics_prefix
from bot.domain.delivery import Delivery, State, repeat_part
from bot.domain.papers import Paper, PaperId, Question
from bot.domain.quizzes.repetition import STEPS, Repetition
from bot.domain.quizzes.votes import AskedPoll, CastVote, PollState
from bot.pipeline.ports.quizzes import ReceivedUpdate, StoredRepetition, UncertainQuiz, Voter

ASKED_POLLS = (
    select(
        polls.c.poll,
        polls.c.target,
        polls.c.paper,
        polls.c.question,
        polls.c.option_order,
        subscribers.c.id.label("subscriber"),
    )
    .outerjoin(messages, messages.c.id == polls.c.message)
    .outerjoin(subscribers, subscribers.c.number == messages.c.subscriber)
)
"""Every poll with the subscriber of its message."""


def asked_of(row: Any) -> AskedPoll:
    """The poll of a row of `ASKED_POLLS`."""
    return AskedPoll(
        poll=row.poll,
        chat=chat_of(row.target),
        subscriber=row.subscriber or "",
        paper=PaperId(row.paper),
        question=question_of(row.question),
        order=_numbers(row.option_order),
    )


def state_of(row: Any) -> PollState:
    """The state of a row of `poll_states`."""
    options = json.loads(row.options)
    return PollState(
        poll=row.poll,
        question=row.question,
        options=tuple(text for text, _ in options),
        counts=tuple(count for _, count in options),
        voters=row.voters,
        closed=row.closed_at is not None,
    )


def votes_where(
    connection: Connection, *conditions: ColumnElement[bool]
) -> tuple[tuple[AskedPoll, CastVote], ...]:
    """The votes in known polls with their poll, oldest first."""
    query = (
        ASKED_POLLS.add_columns(votes.c.person, votes.c.options, votes.c.voted_at, votes.c.late)
        .join(votes, votes.c.poll == polls.c.poll)
        .where(*conditions)
        .order_by(votes.c.voted_at, votes.c.poll, votes.c.person)
    )
    known: dict[str, AskedPoll] = {}
    cast: list[tuple[AskedPoll, CastVote]] = []
    for row in connection.execute(query):
        if row.poll not in known:
            known[row.poll] = asked_of(row)
        vote = CastVote(
            poll=row.poll,
            person=row.person,
            options=_numbers(row.options),
            at=row.voted_at,
            late=bool(row.late),
        )
        cast.append((known[row.poll], vote))
    return tuple(cast)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(","))) if text else ()


AGAIN = repeat_part(0, "").partition(":")[0] + ":%"
"""LIKE pattern of the parts of deliveries that repeat a question."""


class SqlQuizTransaction:
    """`QuizTransaction` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ingest = SqlIngestTransaction(connection)

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
        known: dict[str, AskedPoll] = {}
        for chunk in chunks(sorted(ids)):
            for row in self._connection.execute(ASKED_POLLS.where(polls.c.poll.in_(chunk))):
                known[row.poll] = asked_of(row)
        return known

    def closed(self, ids: Collection[str]) -> frozenset[str]:
        closed: set[str] = set()
        for chunk in chunks(sorted(ids)):
            query = select(poll_states.c.poll).where(
                poll_states.c.poll.in_(chunk), poll_states.c.closed_at.is_not(None)
            )
            closed.update(self._connection.execute(query).scalars())
        return frozenset(closed)

    def save_votes(self, cast: Sequence[CastVote]) -> None:
        for vote in cast:
            values = {
                "options": ",".join(map(str, vote.options)),
                "voted_at": vote.at,
                "late": int(vote.late),
            }
            key = {"poll": vote.poll, "person": vote.person}
            if vote.late:
                statement = insert(self._connection, votes).values(**key, **values)
                self._connection.execute(statement.on_conflict_do_nothing())
            else:
                upsert(self._connection, votes, key, values)

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
            upsert(self._connection, poll_states, {"poll": state.poll}, values)

    def save_names(self, names: Mapping[int, str]) -> None:
        for person, name in names.items():
            upsert(self._connection, voters, {"person": person}, {"name": name})

    def expect_member(self, chat: str, person: int) -> None:
        statement = insert(self._connection, members).values(chat=chat, person=person)
        self._connection.execute(statement.on_conflict_do_nothing())

    def votes_on(self, person: int, paper: PaperId) -> tuple[tuple[AskedPoll, CastVote], ...]:
        return votes_where(self._connection, votes.c.person == person, polls.c.paper == paper)

    def voters(self, poll: str) -> frozenset[int]:
        query = select(votes.c.person).where(votes.c.poll == poll)
        return frozenset(self._connection.execute(query).scalars())

    def save_repetition(self, person: int, paper: PaperId, part: str, repetition: Repetition | None) -> None:
        key = {"person": person, "paper": paper, "part": part}
        if repetition is None:
            row = (repetitions.c.person == person, repetitions.c.paper == paper, repetitions.c.part == part)
            self._connection.execute(delete(repetitions).where(*row))
            return
        due_at = repetition.answered_at + timedelta(days=STEPS[repetition.step])
        values = {
            "step": repetition.step,
            "answers": repetition.answers,
            "answered_at": repetition.answered_at,
            "due_at": due_at,
        }
        upsert(self._connection, repetitions, key, values)

    def unchecked_polls(self, limit: int) -> tuple[AskedPoll, ...]:
        stale = or_(polls.c.checked_against.is_(None), polls.c.checked_against != papers.c.changed_at)
        query = ASKED_POLLS.join(papers, papers.c.id == polls.c.paper).where(stale).limit(limit)
        return tuple(map(asked_of, self._connection.execute(query)))

    def check(self, poll: str, question: Question) -> None:
        changed = select(papers.c.changed_at).where(papers.c.id == polls.c.paper).scalar_subquery()
        self._connection.execute(
            update(polls)
            .where(polls.c.poll == poll)
            .values(question=question_text(question), checked_against=changed)
        )

    def papers(self, ids: Iterable[PaperId]) -> dict[PaperId, Paper]:
        return self._ingest.papers(ids)

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
        ).order_by(deliveries.c.number)
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
        number = delivery_numbers(self._connection, [quiz.key]).get(quiz.key)
        self._connection.execute(
            update(deliveries)
            .where(deliveries.c.number == number, deliveries.c.state == "uncertain")
            .values(state="sent", rank=0, error=None, settled_at=now)
        )

    def people_due(self, before: datetime) -> frozenset[int]:
        query = select(repetitions.c.person).where(repetitions.c.due_at < before).distinct()
        return frozenset(self._connection.execute(query).scalars())

    def repetitions(self, person: int, before: datetime) -> tuple[StoredRepetition, ...]:
        query = (
            select(repetitions)
            .where(repetitions.c.person == person, repetitions.c.due_at < before)
            .order_by(repetitions.c.due_at, repetitions.c.paper, repetitions.c.part)
        )
        return tuple(
            StoredRepetition(
                paper=PaperId(row.paper),
                part=row.part,
                repetition=Repetition(step=row.step, answers=row.answers, answered_at=row.answered_at),
            )
            for row in self._connection.execute(query)
        )

    def states_of(self, keys: Collection[str]) -> dict[str, State]:
        return self._ingest.planned(sorted(keys))

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
        rows = self._connection.execute(ASKED_POLLS.where(polls.c.target == target))
        return frozenset((asked.paper, asked.part) for asked in map(asked_of, rows))

    def plan(self, planned: Sequence[Delivery], now: datetime, *, asked: bool = False) -> int:
        if not planned:
            return 0
        return self._ingest.plan(planned, self._ingest.new_run(now, ASKED if asked else None))

    def release_now(self, key: str, now: datetime) -> bool:
        number = delivery_numbers(self._connection, [key]).get(key)
        held = (deliveries.c.number == number, deliveries.c.state.in_(("held", "limited", "skipped")))
        query = select(targets.c.key).join(deliveries, deliveries.c.target == targets.c.number).where(*held)
        target = self._connection.execute(query).scalar()
        if target is None:
            return False
        self._connection.execute(
            update(deliveries)
            .where(*held)
            .values(
                state="pending",
                due_at=now,
                settled_at=None,
                message=None,
                cause=None,
                error=None,
                run=self._ingest.new_run(now, ASKED),
            )
        )
        refresh_ready(self._connection, [target])
        return True


class QuizTables:
    """`QuizStore` over a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def transaction(self) -> Iterator[SqlQuizTransaction]:
        with writing(self._engine, alone=True) as connection:
            yield SqlQuizTransaction(connection)

    def chats_at(self, addresses: Sequence[str]) -> tuple[str, ...]:
        chats = sorted({chat_of(address) for address in addresses})
        at_chats = or_(
            targets.c.address.in_(chats),
            *(targets.c.address.startswith(topics_prefix(chat), autoescape=True) for chat in chats),
        )
        query = select(targets.c.key).where(targets.c.kind == CHAT, at_chats).order_by(targets.c.key)
        with reading(self._engine) as connection:
            names = dict.fromkeys(map(chat_of, connection.execute(query).scalars()))
        return tuple(names) or (chat_of(addresses[0]),)

    def votes_in(self, chats: Sequence[str]) -> tuple[tuple[AskedPoll, CastVote], ...]:
        with reading(self._engine) as connection:
            return votes_where(connection, _in_chats(chats))

    def votes_by(self, person: int) -> tuple[tuple[AskedPoll, CastVote], ...]:
        with reading(self._engine) as connection:
            return votes_where(connection, votes.c.person == person)

    def polls_in(self, chats: Sequence[str]) -> tuple[tuple[AskedPoll, PollState | None], ...]:
        query = ASKED_POLLS.where(_in_chats(chats)).order_by(polls.c.sent_at, polls.c.poll)
        with reading(self._engine) as connection:
            sent_polls = tuple(map(asked_of, connection.execute(query)))
            states: dict[str, PollState] = {}
            for chunk in chunks(poll.poll for poll in sent_polls):
                for row in connection.execute(select(poll_states).where(poll_states.c.poll.in_(chunk))):
                    states[row.poll] = state_of(row)
        return tuple((poll, states.get(poll.poll)) for poll in sent_polls)

    def names(self, people: Collection[int]) -> dict[int, str]:
        names: dict[int, str] = {}
        with reading(self._engine) as connection:
            for chunk in chunks(sorted(people)):
                rows = connection.execute(select(voters).where(voters.c.person.in_(chunk)))
                names.update({row.person: row.name for row in rows})
        return names

    def members(self, chats: Sequence[str]) -> dict[str, frozenset[int]]:
        query = select(members.c.chat, members.c.person).where(
            members.c.chat.in_(chats), members.c.belongs == 1
        )
        by_chat: dict[str, set[int]] = {chat: set() for chat in chats}
        with reading(self._engine) as connection:
            for row in connection.execute(query):
                by_chat[row.chat].add(row.person)
        return {chat: frozenset(people) for chat, people in by_chat.items()}

    def chats_with(self, person: int) -> frozenset[str]:
        query = select(members.c.chat).where(members.c.person == person, members.c.belongs == 1)
        with reading(self._engine) as connection:
            return frozenset(connection.execute(query).scalars())

    def unknown_members(self, limit: int) -> tuple[Voter, ...]:
        query = (
            select(members.c.chat, members.c.person)
            .where(members.c.belongs.is_(None))
            .order_by(members.c.chat, members.c.person)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            unknown = connection.execute(query).all()
            wanted = {row.chat for row in unknown}
            addresses = select(targets.c.key, targets.c.address).where(targets.c.kind == CHAT)
            current_addresses = {
                chat_of(row.key): chat_of(row.address)
                for row in (connection.execute(addresses) if wanted else ())
                if chat_of(row.key) in wanted
            }
        return tuple(
            Voter(chat=row.chat, address=current_addresses.get(row.chat, row.chat), person=row.person)
            for row in unknown
        )

    def save_members(self, chat: str, people: Mapping[int, bool]) -> None:
        with writing(self._engine) as connection:
            for person, is_member in people.items():
                upsert(connection, members, {"chat": chat, "person": person}, {"belongs": int(is_member)})

    def hidden(self, chats: Sequence[str]) -> frozenset[int]:
        query = select(members.c.person).where(members.c.chat.in_(chats), members.c.hidden == 1)
        with reading(self._engine) as connection:
            return frozenset(connection.execute(query).scalars())

    def hide(self, chat: str, person: int, *, hidden: bool) -> None:
        with writing(self._engine) as connection:
            upsert(connection, members, {"chat": chat, "person": person}, {"hidden": int(hidden)})

    def topics(self, wanted: Collection[tuple[str, PaperId]]) -> dict[tuple[str, PaperId], tuple[str, ...]]:
        papers_by_subscriber: dict[str, set[PaperId]] = defaultdict(set)
        for subscriber, paper in wanted:
            papers_by_subscriber[subscriber].add(paper)
        topics: dict[tuple[str, PaperId], tuple[str, ...]] = {}
        with reading(self._engine) as connection:
            for subscriber, ids in papers_by_subscriber.items():
                for paper, notice in of_subscriber_on(connection, subscriber, ids).items():
                    topics[subscriber, paper] = notice.names
        return topics

    def with_quiz(self, limit: int) -> tuple[Paper, ...]:
        query = (
            select(papers.c.id, papers.c.content)
            .where(papers.c.quizzes > 0)
            .order_by(*NEWEST_FIRST)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return tuple(paper_of(row.id, row.content) for row in connection.execute(query))


def _in_chats(chats: Sequence[str]) -> Any:
    keys = list(map(chat_target, chats))
    in_topics = (polls.c.target.startswith(topics_prefix(key), autoescape=True) for key in keys)
    return or_(polls.c.target.in_(keys), *in_topics)
