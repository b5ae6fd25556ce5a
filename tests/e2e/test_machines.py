"""Several processes share one state, and any of them may be killed at any moment, as may the database.

In small; the whole of it: `python -m tests.e2e.machines`.
"""

import random

from tests.e2e.kills import GAP
from tests.e2e.machines import shared_by_machines


def test_machines_and_a_database_that_are_killed_lose_nothing_and_repeat_nothing() -> None:
    count = shared_by_machines(
        random.Random(5), machines=2, chats=60, mailboxes=20, every=0.8, restarts=1, most=1
    )
    assert (count.lost, count.repeated, count.dead) == (0, 0, 0)
    assert count.false_doubt <= count.kills * GAP
    assert count.kills == 1
    assert count.sigterm < 10
