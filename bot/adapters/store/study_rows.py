"""Polls, their states and votes as everybody else knows them."""

import json
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from bot.adapters.store.papers import question_of
from bot.adapters.store.schema import messages, subscribers
from bot.adapters.store.study_schema import polls, votes
from bot.domain.papers import PaperId
from bot.domain.quizzes.votes import AskedPoll, CastVote, PollState, home_of

ASKED = (
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
"""Every poll, with whom its message was for."""


def asked_of(row: Any) -> AskedPoll:
    """The poll of a row of `ASKED`."""
    return AskedPoll(
        poll=row.poll,
        home=home_of(row.target),
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
    connection: Connection, *those: ColumnElement[bool]
) -> tuple[tuple[AskedPoll, CastVote], ...]:
    """The votes in polls that we know, oldest first; each poll is read once."""
    query = (
        ASKED.add_columns(votes.c.person, votes.c.shown, votes.c.voted_at, votes.c.late)
        .join(votes, votes.c.poll == polls.c.poll)
        .where(*those)
        .order_by(votes.c.voted_at, votes.c.poll, votes.c.person)
    )
    known: dict[str, AskedPoll] = {}
    found: list[tuple[AskedPoll, CastVote]] = []
    for row in connection.execute(query):
        if row.poll not in known:
            known[row.poll] = asked_of(row)
        vote = CastVote(
            poll=row.poll,
            person=row.person,
            shown=_numbers(row.shown),
            at=row.voted_at,
            late=bool(row.late),
        )
        found.append((known[row.poll], vote))
    return tuple(found)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(","))) if text else ()
