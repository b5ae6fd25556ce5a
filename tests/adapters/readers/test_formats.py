"""Small digests of each family and quirk, made by hand, beside what must be read of them."""

import json
from pathlib import Path

import pytest

from bot.adapters.readers import peek_date, read_digest
from bot.domain.digests import Digest
from tests.adapters.readers.golden import as_json

FOLDER = Path(__file__).parents[2] / "data" / "formats"
EXPECTED = ".expected.json"
DIGESTS = sorted(path for path in FOLDER.iterdir() if not path.name.endswith(EXPECTED))


def read(data: bytes) -> Digest:
    return read_digest(data, name="digest")


def everything(digest: Digest) -> dict[str, object]:
    over = [f"{problem.line}: {problem.what}" for problem in digest.passed_over]
    return {**as_json(digest), "lines": list(digest.lines), "passed_over": over}


def expected(path: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads(path.with_name(path.name + EXPECTED).read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("path", DIGESTS, ids=lambda path: path.name)
def test_a_small_digest_gives_what_stands_beside_it(path: Path) -> None:
    assert everything(read(path.read_bytes())) == expected(path)


@pytest.mark.parametrize("path", DIGESTS, ids=lambda path: path.name)
def test_the_kind_is_told_by_the_content_alone(path: Path) -> None:
    kind = path.name.partition("_")[0]
    for misleading in ("x.html", "x.md", "x.json", "x.bin", ""):
        assert read_digest(path.read_bytes(), name=misleading).kind == kind


@pytest.mark.parametrize("path", DIGESTS, ids=lambda path: path.name)
def test_line_endings_and_a_byte_order_mark_change_nothing(path: Path) -> None:
    data = path.read_bytes()
    for same in (
        data.replace(b"\n", b"\r\n"),
        data.replace(b"\n", b"\r"),
        b"\xef\xbb\xbf" + data,
        data.decode().encode("utf-16"),
    ):
        assert everything(read(same)) == expected(path)


@pytest.mark.parametrize("path", DIGESTS, ids=lambda path: path.name)
def test_the_date_that_is_peeked_at_is_the_one_that_is_read(path: Path) -> None:
    data = path.read_bytes()
    assert peek_date(data, name="digest") == read(data).date


@pytest.mark.parametrize("path", DIGESTS, ids=lambda path: path.name)
def test_each_paper_is_named_in_its_line_or_behind_it(path: Path) -> None:
    digest = read(path.read_bytes())
    lines = path.read_text(encoding="utf-8").split("\n")
    for entry, line in zip(digest.entries, digest.lines, strict=True):
        kind, _, name = entry.id.partition(":")
        rest = "\n".join(lines[line - 1 :]).lower()
        assert kind == "title" or name.lower() in rest or name.partition("/")[2].lower() in rest


def test_every_expectation_has_its_digest() -> None:
    names = {path.name for path in FOLDER.glob("*" + EXPECTED)}
    assert names == {path.name + EXPECTED for path in DIGESTS}
