"""Schema: the tables of the state. A change here needs a migration in `migrations/`.

Large tables (notices, deliveries) refer to targets, subscribers and papers by number and to states and kinds by
code, so that a row takes tens of bytes. The numbers are looked up in the transaction that uses them, of rows that
are never deleted: a foreign key would only check them again, at a third of the time that planning takes.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    Date,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    TypeDecorator,
    event,
    text,
)

HEAD = "0001"
"""The newest schema version; equals the newest migration."""

STATES = {
    "pending": 0,
    "held": 1,
    "sending": 2,
    "sent": 3,
    "uncertain": 4,
    "dead": 5,
    "merged": 6,
    "limited": 7,
    "skipped": 8,
}
"""The states of a delivery as the tables keep them; what stands here stays as it is for good."""

KINDS = {"alert": 0, "quiz": 1, "edit": 2, "alarm": 3, "look_back": 4}
"""The kinds of a delivery, likewise."""

CAUSES: Mapping[str, int] = {
    "message flood": 0,
    "poll flood": 1,
    "over limit": 2,
    "paper over limit": 3,
    "paper behind more": 4,
    "paper skipped": 5,
    "paper dead": 6,
    "no subscriber": 7,
    "unwanted": 8,
    "on request": 9,
    "replaced": 10,
    "nothing to edit": 11,
    "corrected before": 12,
    "data deleted": 13,
    "dropped": 14,
}
"""The causes of a delivery, likewise."""

OPT_OUTS = {"unsubscribed": 0, "stopped": 1, "complained": 2}
"""How recipients end what comes to a target, likewise."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """A moment as the database keeps it."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(micros_: int) -> datetime:
    """The moment that is kept as this number."""
    return _EPOCH + timedelta(microseconds=micros_)


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as microseconds since 1970 so that it sorts and compares as a number."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else micros(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else moment_of(value)


class Coded(TypeDecorator[str]):
    """One of a few words, kept as its number."""

    impl = SmallInteger
    cache_ok = True

    def __init__(self, codes: Mapping[str, int]) -> None:
        super().__init__()
        self.codes = tuple(codes.items())
        self._code = dict(codes)
        self._word = {code: word for word, code in codes.items()}

    def process_bind_param(self, value: str | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else self._code[value]

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else self._word[value]


RowNumber = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only for INTEGER

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _partial_index(name: str, *columns: Column[Any], where: str) -> None:
    """An index of the rows for which `where` is true.

    PostgreSQL is told when its tables are created: an option of its dialect here would load the dialect (3 MB)
    beside every SQLite state.
    """
    index = Index(name, *columns, sqlite_where=text(where))

    def before_create(_table: Table, connection: Connection, **_options: object) -> None:
        if connection.dialect.name == "postgresql":
            index.dialect_options["postgresql"]["where"] = text(where)

    event.listen(columns[0].table, "before_create", before_create)


meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

digests = Table(
    "digests",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("date", Date),
    Column("entries", Integer, nullable=False),
    Column("problems", Text, nullable=False),
    Column("tips", Text, nullable=False),
    Column("read_at", Moment, nullable=False),
)

files = Table(
    "files",
    metadata,
    Column("name", Text, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("error", Text),
    Column("no_digest", Boolean, nullable=False, server_default=text("false")),
)
"""`no_digest`: the error says that it is plainly none, such as a README beside the digests."""

papers = Table(
    "papers",
    metadata,
    Column("number", RowNumber, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, unique=True),
    Column("date", Date),
    Column("quizzes", Integer, nullable=False),
    Column("first_seen_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("content", Text, nullable=False),
)
NEWEST_FIRST = (papers.c.date.desc().nulls_last(), papers.c.number)
Index("ix_papers_newest", papers.c.date.desc(), papers.c.number)

paper_words = Table(
    "paper_words",
    metadata,
    Column("paper", RowNumber, primary_key=True, autoincrement=False),
    Column("title", Text, nullable=False),
    Column("authors", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("points", Text, nullable=False),
    Column("source", Text, nullable=False),
)
"""The folded words of each paper, by its number, as `query.documents.FieldWords` says."""
FULL_TEXT: dict[str, tuple[str, ...]] = {
    "sqlite": (
        "CREATE VIRTUAL TABLE full_text USING fts5(title, authors, summary, points, source,"
        " content='', columnsize=0, tokenize=\"ascii tokenchars '+#'\")",
        "INSERT INTO full_text (full_text, rank) VALUES ('automerge', 8)",
        "INSERT INTO full_text (full_text, rank) VALUES ('hashsize', 2097152)",
    ),
    "postgresql": (
        "CREATE TABLE full_text (paper BIGINT NOT NULL, lexemes TSVECTOR NOT NULL,"
        " CONSTRAINT pk_full_text PRIMARY KEY (paper))",
        "CREATE INDEX ix_full_text_lexemes ON full_text USING gin (lexemes)",
    ),
}
"""The index of these words, made in each database's own words. FTS5 collects up to 2 MB of a transaction's words before
it writes them, and merges what it wrote eight pieces at a time (its defaults are 1 MB and four): a third less work at ingest.
"""
for _dialect, _statements in FULL_TEXT.items():
    for _statement in _statements:
        event.listen(
            paper_words,
            "after_create",
            DDL(_statement).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]
        )

digest_papers = Table(
    "digest_papers",
    metadata,
    Column("digest", Text, ForeignKey("digests.sha256"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("paper", Text, nullable=False, index=True),
)

subscribers = Table(
    "subscribers",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("registered_at", Moment),
    Column("backlog", Integer),
    Column("subscriptions", Text),
    Column("onboarded", SmallInteger, nullable=False, server_default=text("0")),
)
"""`registered_at` is empty for one that was only written to, as by an import. While a subscriber
or a new subscription is onboarded, `backlog` is how many matches are still to be sent (all where it is empty).
`subscriptions` are hashes of those that were onboarded, as `onboarding` makes them.
"""
_partial_index(
    "ix_subscribers_to_onboard",
    subscribers.c.id,
    where="registered_at IS NOT NULL AND onboarded = 0",
)

planning_runs = Table(
    "planning_runs",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("made_at", Moment, nullable=False),
    Column("changes", Text),
    Column("rule", Text),
    Column("source", Text),
    Column("papers", Integer),
    Column("last_paper", BigInteger),
    Column("subscribers", Text),
    Column("cursor", Text),
    Column("done_at", Moment),
    CheckConstraint("done_at IS NOT NULL OR cursor IS NOT NULL", name="begun"),
)
"""Each time that something was noticed or planned, which names that time by a number of two bytes. A run that
takes many transactions holds its `changes`, or its `last_paper` and `subscribers`, and its `cursor`, as `planning` writes
them; `papers` is the number of its papers. `rule` is a `domain.backlog.Rule`, `source`
that whose backlog it plans.
"""
_partial_index(
    "ix_planning_runs_open",
    planning_runs.c.number,
    where="done_at IS NULL",
)

source_history = Table(
    "source_history",
    metadata,
    Column("source", Text, primary_key=True),
    Column("first_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
    Column("newest", Date),
    Column("young", SmallInteger, nullable=False),
    Column("announced", Text, nullable=False),
)
"""The history of each source (`domain.backlog.SourceHistory`); `announced` is a JSON list of days."""

backlog_shares = Table(
    "backlog_shares",
    metadata,
    Column("source", Text, primary_key=True),
    Column("subscriber", RowNumber, primary_key=True, autoincrement=False),
    Column("remaining", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""How many matches of a source's backlog a subscriber is still to get, once some were planned."""

notices = Table(
    "notices",
    metadata,
    Column("run", RowNumber, primary_key=True, autoincrement=False),
    Column("subscriber", RowNumber, primary_key=True, autoincrement=False),
    Column("count", Integer, nullable=False),
    Column("papers", Text, nullable=False),
    Index("ix_notices_subscriber", "subscriber"),
    sqlite_with_rowid=False,
)
"""What was noticed for a subscriber by one run: so many `papers`, as `notices` writes them. Each paper that a subscriber
was noticed of stands in one of these rows, the one of the run that noticed it first.
"""

noticed_papers = Table(
    "noticed_papers",
    metadata,
    Column("paper", RowNumber, primary_key=True, autoincrement=False),
    Column("run", RowNumber, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""Which runs noticed a paper for anybody: few, so that its notices are found among all."""

targets = Table(
    "targets",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("ready_at", Moment),
    Column("wait_until", Moment),
    Column("lease_until", Moment),
    Column("lease", RowNumber),
    Column("owner", RowNumber),
    Column("suspended", Text),
    Column("suspended_at", Moment),
    Column("opt_out", Coded(OPT_OUTS)),
    Column("bounces", Integer),
    Column("bounced_on", Date),
)
"""`lease` is what the target is under: each claim has one of its own. `owner` is the process that holds it, as `owners`
numbers it. `suspended` is the error that suspended the target,
empty where its recipient did, by `opt_out`. `bounces` and `bounced_on` are a `domain.reports.SoftBounces`.
"""
_partial_index(
    "ix_targets_ready",
    targets.c.ready_at,
    targets.c.number,  # so that many that became ready together need no sorting
    where="ready_at IS NOT NULL",
)
_partial_index(
    "ix_targets_lease",
    targets.c.lease_until,
    where="lease_until IS NOT NULL",
)

_LAST_OPEN = STATES["sending"]  # a comparison costs nothing, a list is made into a table for each row
deliveries = Table(
    "deliveries",
    metadata,
    Column("number", RowNumber, primary_key=True),
    Column("target", RowNumber, nullable=False),
    Column("subscriber", RowNumber, nullable=False),
    Column("kind", Coded(KINDS), nullable=False),
    Column("paper", RowNumber, nullable=False),
    Column("part", Text, nullable=False),
    Column("state", Coded(STATES), nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("message", RowNumber),
    Column("rank", SmallInteger),
    Column("cause", Coded(CAUSES)),
    Column("error", Text),
    Column("run", RowNumber, nullable=False),
    Column("settled_at", Moment),
    CheckConstraint(f"(settled_at IS NULL) = (state <= {_LAST_OPEN})", name="settled"),
)
"""No row is ever deleted, so that what is planned once is planned for good. `message` is the number of its
message, `rank` its index in the order shown; the `paper` of an alarm or a look back is 0."""
Index(
    "uq_deliveries_key",
    deliveries.c.target,
    deliveries.c.paper,
    deliveries.c.kind,
    deliveries.c.part,
    unique=True,
)
OPEN = deliveries.c.settled_at.is_(None)
_partial_index(
    "ix_deliveries_open",
    deliveries.c.target,
    deliveries.c.number,
    deliveries.c.due_at,
    where="settled_at IS NULL",
)
_partial_index(
    "ix_deliveries_message",
    deliveries.c.message,
    where="message IS NOT NULL",
)
NEEDS_A_LOOK = text(f"deliveries.state IN ({STATES['uncertain']}, {STATES['dead']})")
"""Must stand in a query as it is written here, without parameters: else its partial index is not used."""
_partial_index(
    "ix_deliveries_attention",
    deliveries.c.state,
    where=f"state IN ({STATES['uncertain']}, {STATES['dead']})",
)
_partial_index(
    "ix_deliveries_limited",
    deliveries.c.target,
    deliveries.c.number,
    where=f"state = {STATES['limited']}",
)

messages = Table(
    "messages",
    metadata,
    Column("number", RowNumber, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, unique=True),
    Column("target", RowNumber, nullable=False),
    Column("subscriber", RowNumber, nullable=False),
    Column("kind", Coded(KINDS), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("remote_id", Text),
    Column("papers", Integer, nullable=False, server_default=text("0")),
    Column("papers_shown", Integer),
    Column("settled_at", Moment),
)
"""Messages of one or more deliveries. A message has the number of the row that it began with; `settled_at` is when it went out,
or may have, `remote_id` the service's name for it, and `papers` counts those it alerted to, of which the
first `papers_shown` stand in it (empty: all) and the others behind a button.
"""
_partial_index(
    "ix_messages_went_out",
    messages.c.target,
    messages.c.settled_at,
    where="settled_at IS NOT NULL",
)

updates = Table(
    "updates",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("taken_at", Moment),
)

_partial_index(
    "ix_updates_waiting",
    updates.c.id,
    where="taken_at IS NULL",
)

tokens = Table(
    "tokens",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("subject", Text, nullable=False),
)

written_texts = Table(
    "written_texts",
    metadata,
    Column("key", Text, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
)
"""The texts of alarms and look backs, by the keys of their deliveries."""

source_states = Table(
    "source_states",
    metadata,
    Column("name", Text, primary_key=True),
    Column("next_at", Moment, nullable=False),
    Column("checked_at", Moment),
    Column("changed_at", Moment),
    Column("failing_since", Moment),
    Column("failures", Integer, nullable=False),
    Column("error", Text, nullable=False),
)

# --- preferences: what people set in chats and on the web

preferences = Table(
    "preferences",
    metadata,
    Column("subscriber", Text, primary_key=True),
    Column("content", Text, nullable=False),
    Column("changed_at", Moment, nullable=False),
)
"""`content` are a subscriber's `domain.preferences.Choices` in JSON."""

saved_papers = Table(
    "saved_papers",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("paper", Text, primary_key=True),
    Column("saved_at", Moment, nullable=False),
)
"""`owner` is the target of a person's private chat, or a subscriber's id where there is none."""

proposals = Table(
    "proposals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    Index("ix_proposals_made_at", "made_at"),
)
"""Offers that wait for a button, which carries their `id`; `address` is that of the chat, with its topic, that may take them."""

chats = Table(
    "chats",
    metadata,
    Column("name", Text, primary_key=True),
    Column("id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("messages", Boolean, nullable=False),
    Column("polls", Boolean, nullable=False),
    Index("ix_chats_id", "id"),
)
"""What the service told of a chat, as `domain.chats.ChatFacts` says; `name` is the id or `@name` that it was asked by."""

topics = Table(
    "topics",
    metadata,
    Column("chat", BigInteger, primary_key=True, autoincrement=False),
    Column("topic", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
)

sign_ups = Table(
    "sign_ups",
    metadata,
    Column("id", Text, primary_key=True),
    Column("address", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("deliver", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("confirmed_at", Moment),
    Index("ix_sign_ups_address", "address"),
    Index("ix_sign_ups_asked_at", "asked_at"),
)
"""`domain.sign_ups.SignUp`s of the last days."""

# --- quizzes: polls, and what people answer and learn

polls = Table(
    "polls",
    metadata,
    Column("poll", Text, primary_key=True),
    Column("message", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("paper", Text, nullable=False),
    Column("option_order", Text, nullable=False),
    Column("question", Text, nullable=False),
    Column("sent_at", Moment, nullable=False),
    Column("checked_against", Moment),
    Index("ix_polls_paper", "paper"),
    Index("ix_polls_target", "target"),
)

votes = Table(
    "votes",
    metadata,
    Column("poll", Text, primary_key=True),
    Column("person", BigInteger, primary_key=True, autoincrement=False),
    Column("options", Text, nullable=False),
    Column("voted_at", Moment, nullable=False),
    Column("late", Integer, nullable=False),
    Index("ix_votes_person", "person"),
)

poll_states = Table(
    "poll_states",
    metadata,
    Column("poll", Text, primary_key=True),
    Column("question", Text, nullable=False),
    Column("options", Text, nullable=False),
    Column("voters", Integer, nullable=False),
    Column("closed_at", Moment),
)

voters = Table(
    "voters",
    metadata,
    Column("person", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
)

members = Table(
    "members",
    metadata,
    Column("chat", Text, primary_key=True),
    Column("person", BigInteger, primary_key=True, autoincrement=False),
    Column("belongs", Integer),
    Column("hidden", Integer, nullable=False, server_default=text("0")),
    Index("ix_members_person", "person"),
)

repetitions = Table(
    "repetitions",
    metadata,
    Column("person", BigInteger, primary_key=True, autoincrement=False),
    Column("paper", Text, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("step", Integer, nullable=False),
    Column("answers", Integer, nullable=False),
    Column("answered_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Index("ix_repetitions_due", "person", "due_at"),
)
