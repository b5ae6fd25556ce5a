"""Metrics: what Prometheus reads, from a real state and from sends that end in each way."""

import json
import re
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from bot.adapters.metrics import Metrics, StateFigures
from bot.domain.errors import NotSent, OutcomeUnknown, TryLater
from bot.domain.incidents import Incident
from bot.domain.sources import SourceState
from tests.builders import NOW, a_channel, a_digest, a_subscriber, an_outgoing
from tests.pipeline.conftest import MakeWorld, empty_state, state, world  # noqa: F401 - fixtures
from tests.rigs.publishers import FakePublisher
from tests.rigs.world import World

DEPLOY = Path(__file__).parents[2] / "deploy"
MAIL = a_subscriber("alice", a_channel(), a_channel("email"))


def samples(metrics: Metrics) -> dict[str, float]:
    """The value of each sample by its name with its labels."""
    return {
        f"{sample.name}{sorted(sample.labels.items()) if sample.labels else ''}": sample.value
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
    }


def observed(made: World) -> Metrics:
    metrics = Metrics()
    silent = SourceState(name="daily", next_at=NOW, changed_at=NOW - timedelta(hours=2), failures=3)
    incidents = (Incident(subject="daily", kind="silent", what="it is silent", since=NOW),)
    metrics.observe_state(
        lambda: StateFigures(
            counts=made.deliveries.counts(made.clock.now()),
            sources={"daily": silent, "new": SourceState(name="new", next_at=NOW)},
            incidents=incidents,
            subscribers=1,
            now=NOW,
        )
    )
    return metrics


async def test_the_state_is_counted_as_it_is_when_asked(world: MakeWorld) -> None:  # noqa: F811
    made = world(MAIL, first_run=0)
    made.look()
    metrics = observed(made)
    assert samples(metrics)["paperboy_papers"] == 0
    made.read("a.md", a_digest(1, 2))
    await made.send()
    found = samples(metrics)
    assert (found["paperboy_papers"], found["paperboy_digests"], found["paperboy_matches"]) == (2, 1, 2)
    assert found["paperboy_deliveries[('channel', 'telegram'), ('state', 'sent')]"] == 1
    assert found["paperboy_channel_stopped[('channel', 'telegram')]"] == 0
    assert found["paperboy_source_failures[('source', 'daily')]"] == 3
    assert found["paperboy_source_silence_seconds[('source', 'daily')]"] == 7200
    assert "paperboy_source_silence_seconds[('source', 'new')]" not in found
    assert found["paperboy_incidents_open[('area', 'sources'), ('kind', 'silent')]"] == 1
    made.store.incidents.stop_channel("telegram", "401", NOW + timedelta(days=1), NOW)
    assert samples(metrics)["paperboy_channel_stopped[('channel', 'telegram')]"] == 1


@pytest.mark.parametrize(
    ("error", "outcome", "waits"),
    [
        (None, "sent", None),
        (TryLater("429", wait=timedelta(seconds=3)), "wait", 1),
        (OutcomeUnknown("read timeout"), "uncertain", None),
        (NotSent("no"), "not sent", None),
        (RuntimeError("ours"), "failed", None),
    ],
)
async def test_each_send_is_timed_by_how_it_ended(error, outcome, waits) -> None:
    class Publisher(FakePublisher):
        async def send(self, message, *begin):
            if error:
                raise error
            return await super().send(message, *begin)

    metrics = Metrics()
    timed = metrics.timed(Publisher("telegram"))
    assert timed.capabilities == Publisher("telegram").capabilities
    with pytest.raises(type(error)) if error else nullcontext():
        await timed.send(an_outgoing())
    await timed.close()
    found = samples(metrics)
    assert found[f"paperboy_send_seconds_count[('channel', 'telegram'), ('outcome', '{outcome}')]"] == 1
    assert found.get("paperboy_told_to_wait_total[('channel', 'telegram')]") == waits


def test_rounds_of_work_are_timed_by_step() -> None:
    metrics = Metrics()
    with metrics.work("match"):
        pass
    assert samples(metrics)["paperboy_work_seconds_count[('step', 'match')]"] == 1


def test_times_are_counted_up_to_each_bound() -> None:
    metrics = Metrics()
    for seconds in (0.05, 0.06, 31):
        metrics.sent("email", "sent", seconds)
    lines = metrics.exposition().decode().splitlines()
    labels = 'channel="email",{}outcome="sent"'
    for bound, count in {"0.05": 1, "0.1": 2, "30.0": 2, "+Inf": 3}.items():
        bucket = labels.format(f'le="{bound}",')
        assert f"paperboy_send_seconds_bucket{{{bucket}}} {count}.0" in lines
    total = samples(metrics)["paperboy_send_seconds_sum[('channel', 'email'), ('outcome', 'sent')]"]
    assert total == pytest.approx(31.11)


def test_dashboard_and_alerts_ask_for_metrics_that_there_are(world: MakeWorld) -> None:  # noqa: F811
    metrics = observed(world(MAIL, first_run=0))
    metrics.sent("telegram", "wait", 1.0)
    with metrics.work("match"):
        pass
    known = {
        family.name + end
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for end in ("", "_total", "_bucket")
    }
    dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text("utf-8"))
    rules = YAML(typ="safe").load((DEPLOY / "prometheus-alerts.yaml").read_text("utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    names = {name for expression in asked for name in re.findall(r"paperboy_\w+", expression)}
    assert len(names) > 8
    assert names <= known
