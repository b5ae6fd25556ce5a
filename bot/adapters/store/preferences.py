"""Preferences: choices, saved papers and proposals over a database; and deleting everything about a person."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)

from bot.adapters.store.cluster import notify
from bot.adapters.store.engine import reading, writing
from bot.adapters.store.outbox import lock_targets, refresh_ready
from bot.adapters.store.quizzes import AGAIN
from bot.adapters.store.row_numbers import subscriber_number, target_number
from bot.adapters.store.schema import (
    backlog_shares,
    deliveries,
    members,
    messages,
    meta,
    moment_of,
    notices,
    papers,
    planning_runs,
    poll_states,
    polls,
    preferences,
    proposals,
    repetitions,
    saved_papers,
    sign_ups,
    subscribers,
    targets,
    tokens,
    updates,
    voters,
    votes,
    written_texts,
)
from bot.adapters.store.schema import micros as micros_of
from bot.adapters.store.sql import insert, upsert
from bot.domain.backlog import ASKED
from bot.domain.chats import chat_target
from bot.domain.papers import PaperId
from bot.domain.planning import due_time
from bot.domain.preferences import NOTHING, Choices, ChosenChannel, ChosenSubscription
from bot.domain.subscriptions import Subscriber
from bot.pipeline.ports.preferences import ChangeChoices, Proposal, SavedPaper

_REVISION = "preferences revision"
_PROPOSALS_KEPT_MICROS = 90 * 24 * 3600 * 1_000_000


class PreferenceTables:
    """`PreferenceStore` over a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # --- choices

    def revision(self) -> int:
        with reading(self._engine) as connection:
            return _revision(connection)

    def choices(self, subscriber: str) -> Choices:
        with reading(self._engine) as connection:
            return _choices(connection, subscriber)

    def all_choices(self) -> tuple[int, dict[str, Choices]]:
        with reading(self._engine) as connection:
            rows = connection.execute(select(preferences.c.subscriber, preferences.c.content))
            return _revision(connection), {row.subscriber: choices_of(row.content) for row in rows}

    def change(self, subscriber: str, change: ChangeChoices, now: datetime) -> Choices:
        with writing(self._engine, alone=True) as connection:
            before = _choices(connection, subscriber)
            after = change(before)
            if after == before:
                return after
            if after == NOTHING:
                connection.execute(delete(preferences).where(preferences.c.subscriber == subscriber))
            else:
                values = {"content": text_of(after), "changed_at": now}
                upsert(connection, preferences, {"subscriber": subscriber}, values)
            _next_revision(connection)
            return after

    # --- saved papers

    def save_paper(self, owner: str, paper: PaperId, now: datetime) -> bool:
        row = {"owner": owner, "paper": paper, "saved_at": now}
        with writing(self._engine) as connection:
            if connection.execute(select(papers.c.id).where(papers.c.id == paper)).scalar() is None:
                return False
            statement = insert(connection, saved_papers).values(row).on_conflict_do_nothing()
            return connection.execute(statement.returning(saved_papers.c.paper)).first() is not None

    def unsave_paper(self, owner: str, paper: PaperId) -> bool:
        statement = delete(saved_papers).where(saved_papers.c.owner == owner, saved_papers.c.paper == paper)
        with writing(self._engine) as connection:
            return connection.execute(statement).rowcount > 0

    def saved(self, owner: str) -> tuple[SavedPaper, ...]:
        query = (
            select(saved_papers.c.paper, saved_papers.c.saved_at)
            .where(saved_papers.c.owner == owner)
            .order_by(saved_papers.c.saved_at.desc(), saved_papers.c.paper)
        )
        with reading(self._engine) as connection:
            return tuple(
                SavedPaper(paper=PaperId(row.paper), saved_at=row.saved_at)
                for row in connection.execute(query)
            )

    # --- proposals

    def propose(self, proposal: Proposal, now: datetime) -> None:
        values = {
            "kind": proposal.kind,
            "address": proposal.address,
            "content": json.dumps(dict(proposal.values), ensure_ascii=False),
            "made_at": now,
        }
        old = proposals.c.made_at < moment_of(micros_of(now) - _PROPOSALS_KEPT_MICROS)
        with writing(self._engine) as connection:
            connection.execute(delete(proposals).where(old))
            upsert(connection, proposals, {"id": proposal.id}, values)

    def withdraw(self, proposal_id: str) -> Proposal | None:
        stored = self.proposal(proposal_id)
        with writing(self._engine) as connection:
            deleted = connection.execute(delete(proposals).where(proposals.c.id == proposal_id)).rowcount
        return stored if deleted else None

    def proposal(self, proposal_id: str) -> Proposal | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(proposals).where(proposals.c.id == proposal_id)).first()
        if row is None:
            return None
        return Proposal(id=row.id, kind=row.kind, address=row.address, values=json.loads(row.content))

    # --- waiting deliveries

    def reschedule(self, subscriber: Subscriber, now: datetime) -> int:
        changed = 0
        timed = [channel for channel in subscriber.channels if not channel.capabilities.is_document]
        with writing(self._engine) as connection:
            lock_targets(connection, [channel.target for channel in timed])
            for channel in timed:
                due = due_time(channel, subscriber, now)
                state = "held" if due > now else "pending"
                waiting = _waiting(channel.target, subscriber.id)
                fresh = waiting.where(deliveries.c.part.not_like(AGAIN), deliveries.c.due_at != due)
                late = waiting.where(deliveries.c.part.like(AGAIN), deliveries.c.due_at < due)
                for query in (fresh, late):
                    rows = connection.execute(query).scalars().all()
                    if rows:
                        connection.execute(
                            update(deliveries)
                            .where(deliveries.c.number.in_(rows))
                            .values(state=state, due_at=due)
                        )
                    changed += len(rows)
            refresh_ready(connection, [channel.target for channel in timed])
            notify(connection)
        return changed

    # --- forgetting

    def forget(self, subscriber: str, person: int | None, now: datetime, *, whole: bool) -> dict[str, int]:
        with writing(self._engine, alone=True) as connection:
            removed = {
                name: connection.execute(delete(table).where(condition)).rowcount
                for name, table, condition in _rows_about(subscriber, person, whole=whole)
            }
            if person is not None:
                _end_repeats(connection, person, now)
                removed["updates"] = _blank_updates(connection, person)
            _next_revision(connection)
        return {name: count for name, count in removed.items() if count}

    def remains(self, subscriber: str, person: int | None) -> dict[str, int]:
        with reading(self._engine) as connection:
            counts = {
                name: connection.execute(
                    select(func.count()).select_from(table).where(condition)
                ).scalar_one()
                for name, table, condition in _rows_about(subscriber, person, whole=True)
            }
            if person is not None:
                counts["updates"] = len(_updates_of(connection, person))
        return {name: count for name, count in counts.items() if count}


# --- rows that are about a person

_RowsOfPerson = tuple[str, Table, ColumnElement[bool]]


def _rows_about(subscriber: str, person: int | None, *, whole: bool) -> Iterator[_RowsOfPerson]:
    """(name, table, condition) of all rows about the person, each before the rows that its condition refers to."""
    private = chat_target(person)
    yield "choices", preferences, preferences.c.subscriber == subscriber
    yield "saved papers", saved_papers, saved_papers.c.owner.in_([private, subscriber])
    if person is not None:
        yield "proposals", proposals, proposals.c.address == str(person)
        for name, table in (
            ("votes", votes),
            ("names", voters),
            ("memberships", members),
            ("repetitions", repetitions),
        ):
            yield name, table, table.c.person == person
    if not whole:
        return
    number = func.coalesce(subscriber_number(subscriber), -1)
    own_targets = select(deliveries.c.target).where(deliveries.c.subscriber == number)
    shared = select(deliveries.c.target).where(deliveries.c.subscriber != number)
    keys = select(targets.c.key).where(
        or_(targets.c.number.in_(own_targets), targets.c.key == private), targets.c.number.not_in(shared)
    )
    own_polls = (
        polls.c.target.in_(keys)
        if person is None
        else or_(polls.c.target.in_(keys), polls.c.target == private)
    )
    yield "poll states", poll_states, poll_states.c.poll.in_(select(polls.c.poll).where(own_polls))
    yield "polls", polls, own_polls
    yield "tokens", tokens, or_(tokens.c.subject == subscriber, tokens.c.subject.in_(keys))
    addresses = select(targets.c.address).where(targets.c.key.in_(keys))
    yield "sign-ups", sign_ups, sign_ups.c.address.in_(addresses)
    yield "feed addresses", meta, meta.c.key == f"feed salt {subscriber}"
    yield "messages", messages, messages.c.subscriber == number
    alone = targets.c.key.in_(keys)
    to_them = func.substr(written_texts.c.key, 1, func.length(targets.c.key) + 1) == targets.c.key + "|"
    yield "texts", written_texts, exists().where(alone, to_them)
    yield "targets", targets, alone
    yield "deliveries", deliveries, deliveries.c.subscriber == number
    yield "notices", notices, notices.c.subscriber == number
    yield "backlog shares", backlog_shares, backlog_shares.c.subscriber == number
    yield "registrations", subscribers, subscribers.c.id == subscriber


def _end_repeats(connection: Connection, person: int, now: datetime) -> None:
    """End the repeated questions that wait for the person in a chat that is not removed."""
    connection.execute(
        update(deliveries)
        .where(
            deliveries.c.target == target_number(chat_target(person)),
            deliveries.c.state.in_(("pending", "held")),
            deliveries.c.part.like(AGAIN),
        )
        .values(state="skipped", message=None, cause="data deleted", error=None, settled_at=now)
    )


def _blank_updates(connection: Connection, person: int) -> int:
    """Empty raw updates that name the person; their ids stay, so that none is answered again. Gives their number."""
    blanked = _updates_of(connection, person)
    for number in blanked:
        blank = json.dumps({"update_id": number}, separators=(",", ":"))
        connection.execute(update(updates).where(updates.c.id == number).values(body=blank))
    return len(blanked)


def _updates_of(connection: Connection, person: int) -> list[int]:
    query = select(updates.c.id, updates.c.body).where(updates.c.body.like(f'%"id":{person}%'))
    return [row.id for row in connection.execute(query) if _has_id(json.loads(row.body), person)]


def _has_id(value: object, number: int) -> bool:
    """True where some object in the value has that number as its `id`."""
    if isinstance(value, dict):
        return value.get("id") == number or any(_has_id(part, number) for part in value.values())
    return isinstance(value, list) and any(_has_id(part, number) for part in value)


def _waiting(target: str, subscriber: str) -> Any:
    """Query: the subscriber's waiting rows on a target that were neither tried nor asked for."""
    return (
        select(deliveries.c.number)
        .join(planning_runs, planning_runs.c.number == deliveries.c.run, isouter=True)
        .where(
            deliveries.c.target == target_number(target),
            deliveries.c.subscriber == subscriber_number(subscriber),
            deliveries.c.settled_at.is_(None),
            deliveries.c.state.in_(("pending", "held")),
            deliveries.c.kind.in_(("alert", "quiz")),
            deliveries.c.message.is_(None),
            func.coalesce(planning_runs.c.rule, "") != ASKED,
        )
    )


# --- choices as text


def _choices(connection: Connection, subscriber: str) -> Choices:
    query = select(preferences.c.content).where(preferences.c.subscriber == subscriber)
    content = connection.execute(query).scalar()
    return NOTHING if content is None else choices_of(content)


def _revision(connection: Connection) -> int:
    return int(connection.execute(select(meta.c.value).where(meta.c.key == _REVISION)).scalar() or 0)


def _next_revision(connection: Connection) -> None:
    """Increase the revision of the preferences, and wake the other machines."""
    upsert(connection, meta, {"key": _REVISION}, {"value": str(_revision(connection) + 1)})
    notify(connection)


def text_of(choices: Choices) -> str:
    """The choices as stored: JSON without what has its initial value."""
    values = {
        field.name: getattr(choices, field.name)
        for field in fields(Choices)
        if getattr(choices, field.name) != getattr(NOTHING, field.name)
    }
    if choices.snoozed_until is not None:
        values["snoozed_until"] = micros_of(choices.snoozed_until)
    for name in ("channels", "subscriptions"):
        if name in values:
            values[name] = [asdict(part) for part in values[name]]
    return json.dumps(values, ensure_ascii=True)


def choices_of(text: str) -> Choices:
    """The choices that were stored as this text."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(text).items()
    }
    if "snoozed_until" in values:
        values["snoozed_until"] = moment_of(values["snoozed_until"])
    if "channels" in values:
        values["channels"] = tuple(ChosenChannel(**part) for part in values["channels"])
    if "subscriptions" in values:
        values["subscriptions"] = tuple(_subscription(part) for part in values["subscriptions"])
    return Choices(**values)


def _subscription(values: Mapping[str, Any]) -> ChosenSubscription:
    lists: dict[str, Sequence[str]] = {"like": values["like"], "only": values["only"]}
    return ChosenSubscription(**{**values, **{name: tuple(value) for name, value in lists.items()}})
