"""Fetching sources that are due: each alone, so that none stops another."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.errors import SourceUnreachable
from bot.domain.sources import Fetched, Source, SourceState, Validators
from bot.pipeline.ports import Clock

log = logging.getLogger(__name__)

CONCURRENCY = 4
"""Sources asked at the same time."""

Fetch = Callable[[Source, Validators], Awaitable[Fetched]]
"""Brings what a source has into its folder. Raises SourceUnreachable."""


class SourceStates(Protocol):
    """Where the states of sources are kept: the database, or memory in tests."""

    def source_states(self) -> Mapping[str, SourceState]:
        """Every stored state by the name of its source. Raises StateError."""
        ...

    def save_source_state(self, state: SourceState) -> None:
        """Store it, instead of an older one of that name. Raises StateError."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchResult:
    """What came of one attempt at one source."""

    source: Source
    state: SourceState
    changed: bool = False


class Fetcher:
    """Asks sources when they are due, and writes down how each stands."""

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        states: SourceStates,
        fetchers: Mapping[str, Fetch],
        clock: Clock,
        rng: random.Random,
    ) -> None:
        """`fetchers` has one for each kind of source."""
        self._sources = {source.name: source for source in sources}
        self._states = states
        self._fetchers = fetchers
        self._clock = clock
        self._rng = rng

    async def states(self) -> dict[str, SourceState]:
        """How each configured source stands, in the configured order; one never asked is due at once."""
        stored = await asyncio.to_thread(self._states.source_states)
        now = self._clock.now()
        return {name: stored.get(name) or SourceState(name=name, next_at=now) for name in self._sources}

    async def next_due(self) -> datetime | None:
        """When the next source is to be asked; None where there are no sources."""
        return min((state.next_at for state in (await self.states()).values()), default=None)

    async def fetch_due(self) -> list[FetchResult]:
        """Ask every source whose time has come; results in the configured order."""
        now = self._clock.now()
        return await self._fetch(
            {name: state for name, state in (await self.states()).items() if state.next_at <= now}
        )

    async def fetch(self, names: Sequence[str] = ()) -> list[FetchResult]:
        """Ask these sources now (all of them where none is named). Raises KeyError for an unknown name."""
        states = await self.states()
        return await self._fetch({name: states[name] for name in names or states})

    async def _fetch(self, states: Mapping[str, SourceState]) -> list[FetchResult]:
        slots = asyncio.Semaphore(CONCURRENCY)

        async def fetch_alone(state: SourceState) -> FetchResult:
            async with slots:
                return await self._attempt(self._sources[state.name], state)

        return await asyncio.gather(*(fetch_alone(state) for state in states.values()))

    async def _attempt(self, source: Source, state: SourceState) -> FetchResult:
        try:
            fetched = await self._fetchers[source.kind](source, state.validators)
        except Exception as error:  # a fault of ours with one source must not stop another
            if not isinstance(error, SourceUnreachable):
                log.exception("source.fetch_failed", extra={"source": source.name})
            retry_after = error.retry_after if isinstance(error, SourceUnreachable) else None
            reason = str(error) or type(error).__name__
            after = state.failed(reason, self._clock.now(), self._rng, retry_after=retry_after)
            log.warning(
                "source.unreachable",
                extra={"source": source.name, "reason": reason, "next_at": after.next_at.isoformat()},
            )
            result = FetchResult(source=source, state=after)
        else:
            after = state.succeeded(source, fetched, self._clock.now(), self._rng)
            log.info("source.fetched", extra={"source": source.name, "changed": fetched.changed})
            result = FetchResult(source=source, state=after, changed=fetched.changed)
        await asyncio.to_thread(self._states.save_source_state, result.state)
        return result
