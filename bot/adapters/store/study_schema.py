"""The tables of polls, and of what people answer and learn. What changes here needs a migration in `migrations/`."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, text

from bot.adapters.store.columns import Moment, metadata

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
    Column("shown", Text, nullable=False),
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
    Column("home", Text, primary_key=True),
    Column("person", BigInteger, primary_key=True, autoincrement=False),
    Column("belongs", Integer),
    Column("hidden", Integer, nullable=False, server_default=text("0")),
    Index("ix_members_person", "person"),
)

cards = Table(
    "cards",
    metadata,
    Column("person", BigInteger, primary_key=True, autoincrement=False),
    Column("paper", Text, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("step", Integer, nullable=False),
    Column("answers", Integer, nullable=False),
    Column("answered_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Index("ix_cards_due", "person", "due_at"),
)
