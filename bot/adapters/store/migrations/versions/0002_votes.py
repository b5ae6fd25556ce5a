"""Votes, what polls came to, who belongs where, and questions that come back."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("polls", sa.Column("checked_against", sa.BigInteger(), nullable=True))
    op.create_index("ix_polls_paper", "polls", ["paper"], unique=False)
    op.create_index("ix_polls_target", "polls", ["target"], unique=False)
    op.create_table(
        "votes",
        sa.Column("poll", sa.Text(), nullable=False),
        sa.Column("person", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("voted_at", sa.BigInteger(), nullable=False),
        sa.Column("late", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("poll", "person", name=op.f("pk_votes")),
    )
    op.create_index("ix_votes_person", "votes", ["person"], unique=False)
    op.create_table(
        "poll_states",
        sa.Column("poll", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("voters", sa.Integer(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("poll", name=op.f("pk_poll_states")),
    )
    op.create_table(
        "voters",
        sa.Column("person", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_voters")),
    )
    op.create_table(
        "members",
        sa.Column("home", sa.Text(), nullable=False),
        sa.Column("person", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("belongs", sa.Integer(), nullable=True),
        sa.Column("hidden", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("home", "person", name=op.f("pk_members")),
    )
    op.create_index("ix_members_person", "members", ["person"], unique=False)
    op.create_table(
        "cards",
        sa.Column("person", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("paper", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("person", "paper", "part", name=op.f("pk_cards")),
    )
    op.create_index("ix_cards_due", "cards", ["person", "due_at"], unique=False)
