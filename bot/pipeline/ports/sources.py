"""The store of the states of fetched sources."""

from collections.abc import Mapping
from typing import Protocol

from bot.domain.sources import SourceState


class SourceStore(Protocol):
    """Store of the states of sources. Every method is one transaction."""

    def source_states(self) -> Mapping[str, SourceState]:
        """Every stored state by the name of its source. Raises StateError."""
        ...

    def save_source_state(self, state: SourceState) -> None:
        """Store the state in place of an older one of that source. Raises StateError."""
        ...
