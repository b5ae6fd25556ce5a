"""The digests of many public repositories: floors under what is read of them."""

from pathlib import Path

import pytest

from benchmarks import wild
from bot.adapters.readers import markdown, read_digest


@pytest.fixture(scope="module")
def folder(corpus: Path) -> Path:
    path = corpus / "wild"
    if not path.is_dir():
        pytest.skip(f"no digests of other repositories: {path} does not exist (set PAPERBOY_CORPUS)")
    return path


@pytest.fixture(scope="module")
def scores(folder: Path) -> dict[str, wild.Score]:
    return wild.score(folder)


def test_the_papers_that_links_name_are_found(scores: dict[str, wild.Score]) -> None:
    assert scores["all"].found >= 0.998 * scores["all"].linked
    for family, score in scores.items():
        assert score.found >= 0.99 * score.linked, family


def test_titles_are_right(scores: dict[str, wild.Score]) -> None:
    assert scores["all"].right >= 0.987 * scores["all"].titled


def test_no_id_is_invented(scores: dict[str, wild.Score]) -> None:
    assert scores["all"].invented == 0


def test_other_kinds_of_ids_are_found(scores: dict[str, wild.Score]) -> None:
    assert scores["all"].others_found >= 0.98 * scores["all"].others


def test_only_files_without_a_paper_are_unread(scores: dict[str, wild.Score]) -> None:
    assert (
        len(scores["all"].unread) == 5
    )  # an empty day, two texts without an id, two lists of links to other files


def test_rows_that_are_read_directly_are_read_as_the_others_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = sorted((folder / "digests" / "md-table-linkcell").rglob("*.md"))
    for path in paths[:6]:
        data = path.read_bytes()
        monkeypatch.setattr(markdown, "MANY_LINES", 1)
        directly = read_digest(data, name="x")
        monkeypatch.setattr(markdown, "MANY_LINES", 1_000_000)
        whole = read_digest(data, name="x")
        assert {entry.id: entry for entry in directly.entries} == {entry.id: entry for entry in whole.entries}
