"""Sources that paperboy fetches itself: their addresses, their states, and when each is fetched next."""

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.domain.analysis.findings import Finding

MIN_INTERVAL = timedelta(minutes=10)
"""The shortest `every` of a source."""
FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(days=1)
LONGEST_RETRY_AFTER = timedelta(days=7)
"""The longest `Retry-After` that is obeyed."""
UNREACHABLE_AFTER = timedelta(days=1)
"""A source that was unreachable for so long causes an alarm; most failures pass before."""
JITTER = 0.1
"""Share of an interval by which it varies, so that sources are not all fetched at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A git repository or a URL that is fetched regularly."""

    name: str
    """Its name in `source:` queries, `status`, `doctor` and alarms, and the name of its folder."""
    kind: str
    """`git` or `url`."""
    address: str
    branch: str = ""
    """Branch of a git repository; empty for the remote's default."""
    folder: str = ""
    """Folder of a git repository whose files are read; empty for all."""
    every: timedelta = timedelta(hours=6)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Request headers of a URL, tokens among them; never sent to another host."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceState:
    """State of a source; all moments are aware and UTC."""

    name: str
    next_at: datetime
    checked_at: datetime | None = None
    """Moment of the last fetch, successful or not."""
    changed_at: datetime | None = None
    """Moment of the last fetch that brought something new."""
    failing_since: datetime | None = None
    """Moment of the first of the consecutive failures; None where the last attempt did not fail."""
    failures: int = 0
    """Number of consecutive failures."""
    error: str = ""
    """Why the last attempt failed; empty where it did not."""

    def succeeded(self, source: Source, *, changed: bool, now: datetime, rng: random.Random) -> "SourceState":
        """The state after a success: next fetched after `every`, plus or minus JITTER."""
        return SourceState(
            name=self.name,
            next_at=now + source.every * rng.uniform(1 - JITTER, 1 + JITTER),
            checked_at=now,
            changed_at=now if changed else self.changed_at,
        )

    def failed(
        self, error: str, now: datetime, rng: random.Random, *, retry_after: timedelta | None = None
    ) -> "SourceState":
        """The state after a failure: pauses double from five minutes to a day, and are at least `retry_after`."""
        pause = min(FIRST_PAUSE * 2 ** min(self.failures, 20), LONGEST_PAUSE)
        pause *= rng.uniform(1, 1 + 2 * JITTER)
        if retry_after is not None:
            pause = max(pause, min(retry_after, LONGEST_RETRY_AFTER))
        return replace(
            self,
            next_at=now + pause,
            checked_at=now,
            failing_since=self.failing_since or now,
            failures=self.failures + 1,
            error=error,
        )

    def due_at(self, source: Source, now: datetime) -> datetime:
        """When the source is fetched next: at `next_at`, or earlier where `every` became shorter or the clock was set back."""
        longest = LONGEST_RETRY_AFTER if self.error else source.every * (1 + JITTER)
        return min(self.next_at, (self.checked_at or now) + longest, now + longest)


def undigested_findings(states: Iterable[SourceState], digests: Iterable[str]) -> Iterator[Finding]:
    """Sources that had something new, but no digest in it; `digests` are the names of all digests."""
    folders = {folder for name in digests for folder in name.split("/")[:-1]}
    for state in states:
        if state.changed_at and state.name not in folders:
            what = "was fetched, and no digest of it has been read so far; `paperboy read` tells why of each file"
            yield Finding(
                area="sources", kind="no digest", subject=state.name, what=what, urgent=False, figures={}
            )


def fetch_findings(
    sources: Iterable[Source], states: Mapping[str, SourceState], now: datetime
) -> Iterator[Finding]:
    """Sources that cannot be reached; urgent after a day, or after two intervals where that is longer."""
    for source in sources:
        state = states.get(source.name)
        if state is None or state.failing_since is None:
            continue
        yield Finding(
            area="sources",
            kind="unreachable",
            subject=source.name,
            what=f"cannot be reached since {state.failing_since:%Y-%m-%d %H:%M} UTC: {state.error}",
            urgent=now - state.failing_since >= max(UNREACHABLE_AFTER, 2 * source.every),
            figures={"since": state.failing_since.isoformat(), "attempts": state.failures},
        )
