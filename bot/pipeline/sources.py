"""Sources: fetches those that are due, each by itself, so that none stops another."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.analysis.findings import Finding
from bot.domain.errors import SourceUnreachable
from bot.domain.sources import Source, SourceState, fetch_findings
from bot.pipeline.ports import Clock
from bot.pipeline.ports.sources import SourceStore

log = logging.getLogger(__name__)

CONCURRENCY = 4
"""Sources fetched at the same time."""

Fetch = Callable[[Source], Awaitable[bool]]
"""Fetches what a source has into its folder; False where nothing is new. Raises SourceUnreachable."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchResult:
    """Result of fetching one source once."""

    source: Source
    state: SourceState
    changed: bool = False


class Fetcher:
    """Fetches sources when they are due, and stores the state of each."""

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        states: SourceStore,
        fetch: Fetch,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self.sources = {source.name: source for source in sources}
        """Sources by name, in the configured order."""
        self._states = states
        self._fetch_source = fetch
        self._clock = clock
        self._rng = rng

    def states(self) -> dict[str, SourceState]:
        """The state of each configured source, in the configured order; one never fetched is due at once."""
        stored = self._states.source_states() if self.sources else {}
        now = self._clock.now()
        return {name: stored.get(name) or SourceState(name=name, next_at=now) for name in self.sources}

    def findings(self) -> Iterable[Finding]:
        """Sources that cannot be reached."""
        return fetch_findings(self.sources.values(), self.states(), self._clock.now())

    async def next_due(self) -> datetime | None:
        """When the next source is due; None where there are no sources."""
        states, now = await asyncio.to_thread(self.states), self._clock.now()
        return min((state.due_at(self.sources[name], now) for name, state in states.items()), default=None)

    async def fetch_due(self) -> list[FetchResult]:
        """Fetch every source that is due; results in the configured order. Raises StateError."""
        states, now = await asyncio.to_thread(self.states), self._clock.now()
        due = [state for name, state in states.items() if state.due_at(self.sources[name], now) <= now]
        return await self._fetch(due)

    async def fetch(
        self, names: Sequence[str] = (), *, done: Callable[[FetchResult], object] = lambda _: None
    ) -> list[FetchResult]:
        """Fetch these sources now (all of them where none is named), and call `done` with each result as it comes.

        Raises KeyError for an unknown name, and StateError.
        """
        states = await asyncio.to_thread(self.states)
        return await self._fetch([states[name] for name in dict.fromkeys(names or states)], done)

    async def _fetch(
        self, states: Sequence[SourceState], done: Callable[[FetchResult], object] = lambda _: None
    ) -> list[FetchResult]:
        slots = asyncio.Semaphore(CONCURRENCY)

        async def fetch_alone(state: SourceState) -> FetchResult:
            async with slots:
                result = await self._attempt(self.sources[state.name], state)
            done(result)
            return result

        # A StateError of one source is raised only when the others have ended.
        results = await asyncio.gather(*map(fetch_alone, states), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if isinstance(result, FetchResult)]

    async def _attempt(self, source: Source, state: SourceState) -> FetchResult:
        try:
            changed = await self._fetch_source(source)
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
            after = state.succeeded(source, changed=changed, now=self._clock.now(), rng=self._rng)
            log.info("source.fetched", extra={"source": source.name, "changed": changed})
            result = FetchResult(source=source, state=after, changed=changed)
        await asyncio.to_thread(self._states.save_source_state, result.state)
        return result
