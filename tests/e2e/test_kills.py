"""Killed the hard way, somewhere in a flood and between any two steps of a day: nothing is lost, repeated or doubted in vain.

In small; the whole of it: `python -m tests.e2e.kills`.
"""

import json
import random
import subprocess
import sys

from tests.conftest import ROOT
from tests.e2e.kills import GAP, killed_in_a_flood

POINTS = 18
"""One of each of the steps that matter."""


def test_a_flood_that_is_killed_goes_on_at_once_and_doubts_only_what_was_on_the_wire() -> None:
    kill = killed_in_a_flood(random.Random(7), chats=70, mailboxes=10, within=0.3)
    assert (kill.lost, kill.repeated) == (0, 0)
    assert kill.uncertain <= kill.on_the_wire + GAP
    assert kill.false_doubt <= GAP
    assert kill.accepted + kill.uncertain < kill.expected  # it was killed in the middle


def test_a_day_that_is_killed_at_any_step_goes_on_after_it() -> None:
    """In a process of its own, which has no threads when it forks."""
    command = [
        sys.executable,
        "-m",
        "tests.e2e.kills",
        "--json",
        "--points",
        str(POINTS),
        "--of-each",
        "1",
        "--times",
        "1",
    ]
    ended = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, timeout=120)
    assert ended.returncode == 0, ended.stdout.decode() + ended.stderr.decode()
    count = json.loads(ended.stdout.splitlines()[-1])["points"]
    # Threads take turns as they like: a step that was seen once need not come again.
    assert count["killed"] >= POINTS - 3
    # Whether one of them falls on what is on the wire depends on that too; what is not called uncertain there is repeated.
    assert (count["lost"], count["repeated"], count["false_doubt"]) == (0, 0, 0)
