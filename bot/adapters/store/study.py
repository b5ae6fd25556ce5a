"""Votes and what follows from them, to read; and to forget."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, delete, or_, select, update

from bot.adapters.store.engine import reading, writing
from bot.adapters.store.notices import of_subscriber_on
from bot.adapters.store.numbers import target_number
from bot.adapters.store.papers import paper_of
from bot.adapters.store.schema import NEWEST_FIRST, deliveries, papers, targets, updates
from bot.adapters.store.statements import chunks, insert
from bot.adapters.store.study_rows import ASKED, asked_of, state_of, votes_where
from bot.adapters.store.study_schema import cards, members, poll_states, polls, voters, votes
from bot.adapters.store.studying import AGAIN, StoredStudyTransaction
from bot.domain.papers import Paper, PaperId
from bot.domain.quizzes.votes import AskedPoll, CastVote, PollState, home_of
from bot.pipeline.ports.study import Voter


class StoredStudy:
    """See the port for what each method promises."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def transaction(self) -> Iterator[StoredStudyTransaction]:
        with writing(self._engine, alone=True) as connection:
            yield StoredStudyTransaction(connection)

    def homes_at(self, addresses: Sequence[str]) -> tuple[str, ...]:
        chats = sorted({home_of(address) for address in addresses})
        there = or_(
            targets.c.address.in_(chats),
            *(targets.c.address.startswith(f"{one}/", autoescape=True) for one in chats),
        )
        query = select(targets.c.key).where(targets.c.kind == "telegram", there).order_by(targets.c.key)
        with reading(self._engine) as connection:
            found = dict.fromkeys(map(home_of, connection.execute(query).scalars()))
        return tuple(found) or (home_of(addresses[0]),)

    def votes_in(self, homes: Sequence[str]) -> tuple[tuple[AskedPoll, CastVote], ...]:
        with reading(self._engine) as connection:
            return votes_where(connection, _in_homes(homes))

    def votes_by(self, person: int) -> tuple[tuple[AskedPoll, CastVote], ...]:
        with reading(self._engine) as connection:
            return votes_where(connection, votes.c.person == person)

    def polls_in(self, homes: Sequence[str]) -> tuple[tuple[AskedPoll, PollState | None], ...]:
        query = ASKED.where(_in_homes(homes)).order_by(polls.c.sent_at, polls.c.poll)
        with reading(self._engine) as connection:
            asked = tuple(map(asked_of, connection.execute(query)))
            states: dict[str, PollState] = {}
            for chunk in chunks(one.poll for one in asked):
                for row in connection.execute(select(poll_states).where(poll_states.c.poll.in_(chunk))):
                    states[row.poll] = state_of(row)
        return tuple((one, states.get(one.poll)) for one in asked)

    def names(self, people: Collection[int]) -> dict[int, str]:
        found: dict[int, str] = {}
        with reading(self._engine) as connection:
            for chunk in chunks(sorted(people)):
                rows = connection.execute(select(voters).where(voters.c.person.in_(chunk)))
                found.update({row.person: row.name for row in rows})
        return found

    def members(self, homes: Sequence[str]) -> dict[str, frozenset[int]]:
        query = select(members.c.home, members.c.person).where(
            members.c.home.in_(homes), members.c.belongs == 1
        )
        found: dict[str, set[int]] = {home: set() for home in homes}
        with reading(self._engine) as connection:
            for row in connection.execute(query):
                found[row.home].add(row.person)
        return {home: frozenset(people) for home, people in found.items()}

    def homes_with(self, person: int) -> frozenset[str]:
        query = select(members.c.home).where(members.c.person == person, members.c.belongs == 1)
        with reading(self._engine) as connection:
            return frozenset(connection.execute(query).scalars())

    def unknown_members(self, limit: int) -> tuple[Voter, ...]:
        query = (
            select(members.c.home, members.c.person)
            .where(members.c.belongs.is_(None))
            .order_by(members.c.home, members.c.person)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            unknown = connection.execute(query).all()
            wanted = {row.home for row in unknown}
            places = select(targets.c.key, targets.c.address).where(targets.c.kind == "telegram")
            now_at = {
                home_of(row.key): home_of(row.address)
                for row in (connection.execute(places) if wanted else ())
                if home_of(row.key) in wanted
            }
        return tuple(
            Voter(home=row.home, address=now_at.get(row.home, row.home), person=row.person) for row in unknown
        )

    def save_members(self, home: str, people: Mapping[int, bool]) -> None:
        with writing(self._engine) as connection:
            for person, is_member in people.items():
                self._put_member(connection, home, person, {"belongs": int(is_member)})

    def hidden(self, homes: Sequence[str]) -> frozenset[int]:
        query = select(members.c.person).where(members.c.home.in_(homes), members.c.hidden == 1)
        with reading(self._engine) as connection:
            return frozenset(connection.execute(query).scalars())

    def hide(self, home: str, person: int, *, hidden: bool) -> None:
        with writing(self._engine) as connection:
            self._put_member(connection, home, person, {"hidden": int(hidden)})

    def topics(self, wanted: Collection[tuple[str, PaperId]]) -> dict[tuple[str, PaperId], tuple[str, ...]]:
        asked: dict[str, set[PaperId]] = defaultdict(set)
        for subscriber, paper in wanted:
            asked[subscriber].add(paper)
        found: dict[tuple[str, PaperId], tuple[str, ...]] = {}
        with reading(self._engine) as connection:
            for subscriber, ids in asked.items():
                for paper, one in of_subscriber_on(connection, subscriber, ids).items():
                    found[subscriber, paper] = one.names
        return found

    def with_quiz(self, limit: int) -> tuple[Paper, ...]:
        query = (
            select(papers.c.id, papers.c.content)
            .where(papers.c.quizzes > 0)
            .order_by(*NEWEST_FIRST)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return tuple(paper_of(row.id, row.content) for row in connection.execute(query))

    def forget(self, person: int, now: datetime) -> int:
        with writing(self._engine, alone=True) as connection:
            gone = connection.execute(delete(votes).where(votes.c.person == person)).rowcount
            for table in (voters, members, cards):
                connection.execute(delete(table).where(table.c.person == person))
            connection.execute(
                update(deliveries)
                .where(
                    deliveries.c.target == target_number(f"telegram:{person}"),
                    deliveries.c.state.in_(("pending", "held")),
                    deliveries.c.part.like(AGAIN),
                )
                .values(state="merged", error="the person deleted what it came from", settled_at=now)
            )
            query = select(updates.c.id, updates.c.body).where(
                updates.c.body.like('%"poll_answer"%'), updates.c.body.like(f'%"id":{person}%')
            )
            for row in connection.execute(query).all():
                if _voter_in(row.body) == person:
                    blank = json.dumps({"update_id": row.id}, separators=(",", ":"))
                    connection.execute(update(updates).where(updates.c.id == row.id).values(body=blank))
        return gone

    def _put_member(self, connection: Any, home: str, person: int, values: Mapping[str, int]) -> None:
        statement = insert(connection, members).values(home=home, person=person, **values)
        connection.execute(
            statement.on_conflict_do_update(index_elements=["home", "person"], set_=dict(values))
        )


def _in_homes(homes: Sequence[str]) -> Any:
    keys = [f"telegram:{home}" for home in homes]
    in_topics = (polls.c.target.startswith(f"{key}/", autoescape=True) for key in keys)
    return or_(polls.c.target.in_(keys), *in_topics)


def _voter_in(body: str) -> int | None:
    answer = json.loads(body).get("poll_answer")
    voter = (answer.get("user") or answer.get("voter_chat")) if isinstance(answer, dict) else None
    number = voter.get("id") if isinstance(voter, dict) else None
    return number if isinstance(number, int) else None
