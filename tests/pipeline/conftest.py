"""Worlds to try the pipeline in, each with a state of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.store import Store
from bot.domain.subscriptions import Subscriber
from tests.rigs.world import World

MakeWorld = Callable[..., World]


@pytest.fixture(scope="session")
def empty_state(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A new state, made once: a copy is quicker than a new one."""
    path = tmp_path_factory.mktemp("empty") / "state.sqlite3"
    store = Store(f"sqlite:///{path}")
    store.close()
    return path.read_bytes()


@pytest.fixture
def state(tmp_path: Path, empty_state: bytes) -> str:
    """The address of an empty state."""
    path = tmp_path / "state.sqlite3"
    path.write_bytes(empty_state)
    return f"sqlite:///{path}"


@pytest.fixture
def world(state: str) -> Iterator[MakeWorld]:
    """Make worlds over one state: the second one is what comes after a restart."""
    made: list[World] = []

    def make(*subscribers: Subscriber, **more: Any) -> World:
        new_world = World(state, *subscribers, **more)
        if made:
            new_world.press = made[0].press
            new_world.ingest._read_digest, new_world.ingest._peek_date = (
                new_world.press.read,
                new_world.press.peek_date,
            )
        made.append(new_world)
        return new_world

    yield make
    for made_world in made:
        made_world.close()
