"""Queries that are meant to hurt: through the configuration, and through `preview`."""

import json
import time
from pathlib import Path

import pytest

from tests.app.cli.conftest import Paperboy

REFUSED = {
    " OR ".join(f"w{number}" for number in range(10_000)): "20000 characters",
    " OR ".join(f"w{number}" for number in range(1_500)): "1000 words",
    "(" * 1_000 + "model" + ")" * 1_000: "nested 50 deep",
    "model AND m*": "2 letters",
}
"""Queries to what is said of them."""
UNPRINTABLE = {"mod\x00el": "U+0000", "model " + chr(0xD800): "U+D800", "model " + chr(0xDCFF): "U+DCFF"}
HARD = (
    " OR ".join(f"{first}{second}*" for first in "bcdmst" for second in "aeio") + " OR nothing",
    " AND ".join(f"(w{number} OR model)" for number in range(60)),
    "(" * 45 + "models" + ")" * 45,
    "\u202eשלום עולם\u202c OR مرحبا OR model",
    "扩散模型 OR model",
)
"""Queries that are answered, with all that `model` finds."""


def subscriptions(*queries: str) -> str:
    asked = [{"name": f"k{number}", "query": query} for number, query in enumerate(queries)]
    lines = "".join(f"      - {json.dumps(query, ensure_ascii=False)}\n" for query in asked)
    return (
        f"subscribers:\n  - id: mallory\n    channels: [{{atom: true}}]\n    keywords:\n{lines}"
        "  - {id: alice, channels: [{atom: true}], keywords: [model]}\n"
    )


def told(paperboy: Paperboy) -> list[tuple[str, str]]:
    """What became of each paper of the newest day for alice."""
    return [(entry["id"], entry["fate"]) for entry in paperboy("ledger", "alice", "--json").json["papers"]]


@pytest.mark.parametrize(("query", "why"), REFUSED.items(), ids=range(len(REFUSED)))
def test_a_query_that_is_too_much_is_refused_with_its_place(
    home: Path, paperboy: Paperboy, query: str, why: str
) -> None:
    shown = paperboy("preview", query)
    assert shown.code == 2
    assert why in shown.err
    assert "^" in shown.err
    assert len(shown.err) < 1_000
    (home / "config" / "subscriptions.yaml").write_text(subscriptions("fine", query))
    checked = paperboy("check")
    assert checked.code == 2
    assert "config/subscriptions.yaml:6:" in checked.out + checked.err
    assert why in checked.out + checked.err


@pytest.mark.parametrize(("query", "sign"), UNPRINTABLE.items(), ids=range(len(UNPRINTABLE)))
def test_a_sign_that_is_no_text_is_refused_with_its_place(
    home: Path, paperboy: Paperboy, query: str, sign: str
) -> None:
    shown = paperboy("preview", query)
    assert shown.code == 2
    assert sign in shown.err
    assert "^" in shown.err
    assert query[-1] == "l" or query[-1] not in shown.err
    text = subscriptions("fine").encode().replace(b"fine", query.encode("utf-8", "surrogatepass"))
    (home / "config" / "subscriptions.yaml").write_bytes(text)
    checked = paperboy("check")
    assert checked.code == 2
    assert "config/subscriptions.yaml:" in checked.out + checked.err


def test_hard_queries_are_answered_and_cost_nobody_a_match(home: Path, paperboy: Paperboy) -> None:
    paperboy("once")
    wanted = paperboy("preview", "model", "--json").json["matches"]
    start = time.process_time()
    for query in HARD:
        found = {entry["id"] for entry in paperboy("preview", query, "--json").json["matches"]}
        assert found >= {entry["id"] for entry in wanted}
    assert time.process_time() - start < 20
    (home / "config" / "subscriptions.yaml").write_text(subscriptions(*HARD))
    assert paperboy("check").code in {0, 1}
    assert paperboy("once").code == 0
    for entry in wanted:
        told = paperboy("explain", entry["id"], "alice")
        assert told.code == 0
        assert "model" in told.out


def test_hard_queries_in_the_index_cost_nobody_a_match(
    home: Path, paperboy: Paperboy, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "config" / "subscriptions.yaml").write_text(subscriptions(*HARD))
    paperboy("once")
    plain = told(paperboy)
    monkeypatch.setattr("bot.domain.matcher.INDEXED_FROM", 2)
    monkeypatch.setattr("bot.pipeline.subscribers.SAVED_FROM", 2)
    for state in (home / "state").glob("paperboy.*"):
        state.unlink()
    paperboy("once")
    assert (home / "state" / "paperboy.index").exists()
    assert told(paperboy) == plain
    assert plain


def test_four_megabytes_of_subscriptions_are_read_or_refused_in_bounded_time(
    home: Path, paperboy: Paperboy
) -> None:
    path = home / "config" / "subscriptions.yaml"
    path.write_text("subscribers:\n" + "  - {id: [}\n" * 360_000)
    start = time.process_time()
    checked = paperboy("check")
    assert checked.code == 2
    assert "config/subscriptions.yaml:2:" in checked.out + checked.err
    assert len(checked.out + checked.err) < 100_000
    assert time.process_time() - start < 20
