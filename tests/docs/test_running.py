"""docs/running.md: what it says of alarms."""

import re
from pathlib import Path

from bot.domain import incidents

PAGE = (Path(__file__).parents[2] / "docs/running.md").read_text(encoding="utf-8")


def test_every_kind_of_incident_is_listed() -> None:
    table = PAGE.partition("## Alarms\n")[2].partition("\n## ")[0]
    kinds = {
        kind
        for line in table.splitlines()
        if line.startswith("|")
        for kind in re.findall("`([a-z ]+)`", line.split("|")[2])
    }
    assert kinds == {*incidents._WORDS, incidents.STOPPED}
