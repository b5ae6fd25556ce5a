"""One row of notices for each person and time, the moment of a delivery by its plan, and fan-outs."""

import json
from collections.abc import Iterator
from itertools import groupby, islice
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KEPT = (
    "seq, target, subscriber, kind, paper, part, state, due_at, attempts, message, rank, error, settled_at"
)
_TOGETHER = 10_000


def upgrade() -> None:
    _new_tables()
    op.execute(
        "INSERT INTO plans (made_at) SELECT moment FROM (SELECT created_at AS moment FROM deliveries"
        " UNION SELECT noticed_at FROM notices) AS moments ORDER BY moment"
    )
    op.execute(
        "INSERT INTO noticed_papers (paper, plan) SELECT DISTINCT notices.paper, plans.number"
        " FROM notices JOIN plans ON plans.made_at = notices.noticed_at"
    )
    _gather_notices()
    if op.get_bind().dialect.name == "sqlite":
        _copy_deliveries()
    else:
        _change_deliveries()


def _new_tables() -> None:
    op.create_table(
        "plans",
        sa.Column("number", _ROW, nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_plans")),
    )
    op.create_table(
        "fanouts",
        sa.Column("number", _ROW, nullable=False),
        sa.Column("plan", _ROW, nullable=False),
        sa.Column("notices", sa.Integer(), nullable=False),
        sa.Column("deliveries", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_fanouts")),
    )
    op.create_table(
        "noticed_papers",
        sa.Column("paper", _ROW, autoincrement=False, nullable=False),
        sa.Column("plan", _ROW, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("paper", "plan", name=op.f("pk_noticed_papers")),
        sqlite_with_rowid=False,
    )


def _gather_notices() -> None:
    bind = op.get_bind()
    op.drop_index("ix_notices_paper", "notices")
    op.rename_table("notices", "notices_before")
    if bind.dialect.name != "sqlite":
        op.execute("ALTER TABLE notices_before RENAME CONSTRAINT pk_notices TO pk_notices_before")
    notices = op.create_table(
        "notices",
        sa.Column("plan", _ROW, autoincrement=False, nullable=False),
        sa.Column("subscriber", _ROW, autoincrement=False, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("papers", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("plan", "subscriber", name=op.f("pk_notices")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_notices_subscriber", "notices", ["subscriber"])
    before = bind.execute(
        sa.text(
            "SELECT plans.number, one.subscriber, one.subscriptions, one.paper FROM notices_before AS one"
            " JOIN plans ON plans.made_at = one.noticed_at"
            " ORDER BY plans.number, one.subscriber, one.subscriptions, one.paper"
        ).execution_options(yield_per=_TOGETHER)
    )
    gathered = _gathered(before)
    while rows := list(islice(gathered, _TOGETHER)):
        bind.execute(sa.insert(notices), rows)
    op.drop_table("notices_before")


def _gathered(rows: Any) -> Iterator[dict[str, Any]]:
    """Of each time and subscriber the papers, after the names under which they were noticed."""
    for (plan, subscriber), several in groupby(rows, key=lambda row: (row[0], row[1])):
        papers: list[Any] = []
        count = 0
        for names, some in groupby(several, key=lambda row: row[2]):
            numbers = [row[3] for row in some]
            papers += [json.loads(names), *numbers]
            count += len(numbers)
        text = json.dumps(papers, ensure_ascii=False)
        yield {"plan": plan, "subscriber": subscriber, "count": count, "papers": text}


def _change_deliveries() -> None:
    op.add_column("deliveries", sa.Column("plan", _ROW, nullable=True))
    op.execute(
        "UPDATE deliveries SET plan = plans.number FROM plans WHERE plans.made_at = deliveries.created_at"
    )
    op.alter_column("deliveries", "plan", nullable=False)
    op.drop_column("deliveries", "created_at")


def _copy_deliveries() -> None:
    indices = {
        "ix_deliveries_attention": (["state"], "state IN (4, 5)"),
        "ix_deliveries_message": (["message"], "message IS NOT NULL"),
        "ix_deliveries_limited": (["target", "seq"], "state = 7"),
        "ix_deliveries_open": (["target", "seq", "due_at"], "settled_at IS NULL"),
    }
    for name in (*indices, "uq_deliveries_key"):
        op.drop_index(name, "deliveries")
    op.rename_table("deliveries", "deliveries_before")
    op.create_table(
        "deliveries",
        sa.Column("seq", _ROW, nullable=False),
        sa.Column("target", _ROW, nullable=False),
        sa.Column("subscriber", _ROW, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("paper", _ROW, nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("message", _ROW, nullable=True),
        sa.Column("rank", sa.SmallInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("plan", _ROW, nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("(settled_at IS NULL) = (state <= 2)", name="settled"),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_deliveries")),
    )
    moments = "plans ON plans.made_at = deliveries_before.created_at"
    op.execute(
        f"INSERT INTO deliveries ({_KEPT}, plan) SELECT {_KEPT}, plans.number FROM deliveries_before JOIN {moments}"
        " ORDER BY seq"
    )
    op.drop_table("deliveries_before")
    for name, (columns, those) in indices.items():
        op.create_index(name, "deliveries", columns, sqlite_where=sa.text(those))
    op.create_index("uq_deliveries_key", "deliveries", ["target", "paper", "kind", "part"], unique=True)
