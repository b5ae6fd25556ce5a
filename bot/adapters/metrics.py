"""Metrics for Prometheus: counts of the state, read on each scrape, and durations of this process's work."""

import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from threading import Lock
from typing import TYPE_CHECKING

from bot.domain.channels import Capabilities, ChannelKind
from bot.domain.errors import NotSent, OutcomeUnknown, TryLater
from bot.domain.incidents import Incident
from bot.domain.message import Begin, OutgoingMessage, Receipt, unrecorded
from bot.domain.sources import SourceState
from bot.pipeline.ports import Publisher
from bot.pipeline.ports.outbox import Counts

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_SEND_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_WORK_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


@dataclass(frozen=True, kw_only=True, slots=True)
class StateFigures:
    """Figures of the state at one moment."""

    counts: Counts
    sources: Mapping[str, SourceState]
    incidents: tuple[Incident, ...]
    subscribers: int
    now: datetime


class _Histogram:
    """Histogram of seconds by labels; may be used from any thread."""

    def __init__(self, name: str, about: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        self._name = name
        self._about = about
        self._labels = labels
        self._bounds = bounds
        self._counts: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0] * (len(bounds) + 1))
        """Number of durations in each bucket, up to its bound; the last bucket has no bound."""
        self._sums: dict[tuple[str, ...], float] = defaultdict(float)
        self._lock = Lock()

    def observe(self, values: tuple[str, ...], seconds: float) -> None:
        """Count one duration under these values of the labels."""
        with self._lock:
            self._counts[values][bisect_left(self._bounds, seconds)] += 1
            self._sums[values] += seconds

    def family(self) -> "Metric":
        """The histogram as it is now."""
        from prometheus_client.core import HistogramMetricFamily

        family = HistogramMetricFamily(self._name, self._about, labels=self._labels)
        bounds = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        with self._lock:
            for values, counts in self._counts.items():
                buckets = list(zip(bounds, accumulate(counts), strict=True))
                family.add_metric(values, buckets, self._sums[values])
        return family


class Metrics:
    """Metrics of one process. Prometheus' client library (2 MB) is imported on the first scrape."""

    def __init__(self) -> None:
        self._sends = _Histogram(
            "paperboy_send_seconds",
            "Time of one message's way to its service.",
            ["channel", "outcome"],
            _SEND_SECONDS,
        )
        self._work = _Histogram(
            "paperboy_work_seconds",
            "Time of one round: `ingest` reads and stores digests, `match` matches and plans them.",
            ["step"],
            _WORK_SECONDS,
        )
        self._waits: Counter[str] = Counter()
        self._figures: Callable[[], StateFigures] | None = None

    def observe_state(self, figures: Callable[[], StateFigures]) -> None:
        """Call `figures` on each scrape."""
        self._figures = figures

    def timed(self, publisher: Publisher) -> Publisher:
        """The publisher, with the time of each send measured."""
        return TimedPublisher(publisher, self)

    @contextmanager
    def work(self, step: str) -> Iterator[None]:
        """Measure one round of that step."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._work.observe((step,), time.perf_counter() - start)

    def sent(self, channel: ChannelKind, outcome: str, seconds: float) -> None:
        """Count one send; call it in the event loop's thread."""
        self._sends.observe((channel, outcome), seconds)
        if outcome == "wait":
            self._waits[channel] += 1

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        from prometheus_client import generate_latest

        return generate_latest(self)

    def collect(self) -> "Iterator[Metric]":
        """All metrics; Prometheus' client library calls this."""
        from prometheus_client.core import CounterMetricFamily

        waits = CounterMetricFamily(
            "paperboy_told_to_wait",
            "Messages that a service told to wait, as by HTTP 429.",
            labels=["channel"],
        )
        for channel, count in tuple(self._waits.items()):
            waits.add_metric([channel], count)
        yield from (self._sends.family(), waits, self._work.family())
        if self._figures is not None:
            yield from _state_gauges(self._figures())


class TimedPublisher:
    """Publisher that measures the sends of another one."""

    def __init__(self, publisher: Publisher, metrics: Metrics) -> None:
        self._publisher = publisher
        self._metrics = metrics
        self.kind = publisher.kind

    @property
    def capabilities(self) -> Capabilities:
        return self._publisher.capabilities

    async def send(self, message: OutgoingMessage, begin: Begin = unrecorded) -> Receipt:
        start, outcome = time.perf_counter(), "failed"
        try:
            receipt = await self._publisher.send(message, begin)
            outcome = "sent"
        except TryLater:
            outcome = "wait"
            raise
        except OutcomeUnknown:
            outcome = "uncertain"
            raise
        except NotSent:
            outcome = "not sent"
            raise
        finally:
            self._metrics.sent(self.kind, outcome, time.perf_counter() - start)
        return receipt

    async def close(self) -> None:
        await self._publisher.close()


def _state_gauges(figures: StateFigures) -> "Iterator[Metric]":
    from prometheus_client.core import GaugeMetricFamily

    counts = figures.counts
    totals = {
        "digests": (counts.digests, "Digests that were read."),
        "papers": (counts.papers, "Papers that are known."),
        "quiz_questions": (counts.quizzes, "Questions of all papers' quizzes."),
        "matches": (counts.notices, "Papers that were noticed for somebody."),
        "unreadable_files": (counts.unreadable, "Files of the folders that gave no digest."),
        "subscribers": (figures.subscribers, "Subscribers with a channel."),
        "targets_suspended": (len(counts.suspended), "Targets to which nothing is sent any more."),
    }
    for name, (value, help_text) in totals.items():
        yield GaugeMetricFamily(f"paperboy_{name}", help_text, value=value)
    oldest = counts.oldest_pending.total_seconds() if counts.oldest_pending else 0.0
    yield GaugeMetricFamily(
        "paperboy_oldest_pending_seconds", "Age of the oldest delivery that is due.", value=oldest
    )
    deliveries = GaugeMetricFamily(
        "paperboy_deliveries", "Deliveries by channel and state.", labels=["channel", "state"]
    )
    for channel, states in counts.channels.items():
        for state, count in states.items():
            deliveries.add_metric([channel, state], count)
    yield deliveries
    stopped = GaugeMetricFamily(
        "paperboy_channel_stopped", "1 for a channel that is stopped.", labels=["channel"]
    )
    for channel in counts.channels.keys() | counts.stopped.keys():
        stopped.add_metric([channel], float(channel in counts.stopped))
    yield stopped
    yield from _source_gauges(figures)
    incidents = GaugeMetricFamily(
        "paperboy_incidents_open", "Incidents that are open.", labels=["area", "kind"]
    )
    for area, kind in sorted({(incident.area, incident.kind) for incident in figures.incidents}):
        count = sum(1 for incident in figures.incidents if (incident.area, incident.kind) == (area, kind))
        incidents.add_metric([area, kind], count)
    yield incidents


def _source_gauges(figures: StateFigures) -> "Iterator[Metric]":
    from prometheus_client.core import GaugeMetricFamily

    failures = GaugeMetricFamily(
        "paperboy_source_failures", "Attempts in a row at which a source was not reached.", labels=["source"]
    )
    silence = GaugeMetricFamily(
        "paperboy_source_silence_seconds", "Time since a source last brought something.", labels=["source"]
    )
    for name, state in sorted(figures.sources.items()):
        failures.add_metric([name], state.failures)
        if state.changed_at is not None:
            silence.add_metric([name], (figures.now - state.changed_at).total_seconds())
    yield failures
    yield silence
