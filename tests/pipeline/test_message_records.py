"""A message as the operator sees it: the state that tells most, since when, and what its trouble is."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.delivery import State
from bot.domain.papers import PaperId
from bot.pipeline.ports.outbox import DeliveryRecord, MessageRecord
from tests.builders import NOW

LATER = NOW + timedelta(hours=1)
ROW = DeliveryRecord(
    key="k1",
    target="telegram:1",
    subscriber="alice",
    kind="alert",
    paper=PaperId("arxiv:1"),
    part="",
    state="pending",
    due_at=NOW,
    attempts=0,
    cause=None,
    error=None,
    message=None,
    remote_id=None,
    created_at=NOW,
    settled_at=None,
)


@pytest.mark.parametrize(
    ("state", "attempts", "error", "said"),
    [
        ("pending", 0, None, "never begun"),
        ("held", 0, None, "never begun"),
        ("pending", 2, None, None),
        ("pending", 2, "refused", "refused"),
        ("uncertain", 1, "timeout", "answer not seen: timeout"),
        ("uncertain", 1, None, "answer not seen"),
        ("dead", 60, "given up", "given up"),
        ("sent", 1, None, None),
    ],
)
def test_the_trouble_of_a_message_is_said_as_an_operator_asks(
    state: State, attempts: int, error: str | None, said: str | None
):
    record = MessageRecord(rows=(replace(ROW, state=state, attempts=attempts, error=error),))
    assert record.error == said


def test_a_message_has_the_state_that_tells_most_and_the_time_of_that():
    rows = (
        replace(ROW, state="limited", settled_at=NOW),
        replace(ROW, key="k2", state="sent", settled_at=LATER),
        replace(ROW, key="k3", state="merged", settled_at=NOW),
    )
    assert MessageRecord(rows=rows).head.key == "k2"
    assert MessageRecord(rows=rows).since == LATER
    assert MessageRecord(rows=(ROW,)).since == NOW
