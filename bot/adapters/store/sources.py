"""States of fetched sources over a database."""

from dataclasses import asdict

from sqlalchemy import Engine, select

from bot.adapters.store.engine import reading, writing
from bot.adapters.store.schema import source_states
from bot.adapters.store.sql import upsert
from bot.domain.sources import SourceState


class Sources:
    """`SourceStore` over a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def source_states(self) -> dict[str, SourceState]:
        with reading(self._engine) as connection:
            rows = connection.execute(select(source_states)).mappings()
            return {row["name"]: SourceState(**row) for row in rows}

    def save_source_state(self, state: SourceState) -> None:
        values = asdict(state)
        key = {"name": values.pop("name")}
        with writing(self._engine) as connection:
            upsert(connection, source_states, key, values)
