"""Odd digests beside what they must give: one file for each oddity met in the wild."""

import json
from pathlib import Path

import pytest

from bot.adapters.readers import read_digest
from tests.adapters.readers.golden import as_json

FOLDER = Path(__file__).parents[2] / "data" / "digests"
DIGESTS = sorted(path for path in FOLDER.iterdir() if path.suffix != ".json")


def _expected(path: Path) -> object:
    return json.loads(path.with_name(f"{path.name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", DIGESTS, ids=lambda path: path.name)
def test_an_odd_digest_gives_what_stands_beside_it(path: Path) -> None:
    assert as_json(read_digest(path.read_bytes(), name="digest")) == _expected(path)


@pytest.mark.parametrize("path", DIGESTS, ids=lambda path: path.name)
def test_line_endings_and_a_byte_order_mark_change_nothing(path: Path) -> None:
    data = path.read_bytes()
    for same in (
        data.replace(b"\n", b"\r\n"),
        data.replace(b"\n", b"\r"),
        b"\xef\xbb\xbf" + data,
        data.decode().encode("utf-16"),
        b"\xfe\xff" + data.decode().encode("utf-16-be"),
    ):
        assert as_json(read_digest(same, name="digest")) == _expected(path)


def test_every_expectation_has_its_digest() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == {f"{path.name}.json" for path in DIGESTS}
