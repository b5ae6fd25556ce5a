"""The file of the saved index."""

from pathlib import Path

import pytest

from bot.adapters.index_file import SavedIndex
from bot.domain.errors import IndexUnusable


def test_what_was_written_last_is_read(tmp_path: Path) -> None:
    file = SavedIndex(tmp_path / "new" / "paperboy.index")
    assert file.read() is None
    file.write(b"first")
    file.write(b"second")
    assert file.read() == b"second"
    assert [one.name for one in (tmp_path / "new").iterdir()] == ["paperboy.index"]


def test_a_write_that_is_cut_off_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = SavedIndex(tmp_path / "paperboy.index")
    file.write(b"first")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bot.adapters.index_file.os.fsync", full)
    with pytest.raises(IndexUnusable, match="No space left"):
        file.write(b"second")
    assert file.read() == b"first"
    assert [one.name for one in tmp_path.iterdir()] == ["paperboy.index"]


def test_a_place_where_nothing_can_be_written_or_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    file = SavedIndex(tmp_path / "file" / "paperboy.index")
    with pytest.raises(IndexUnusable, match="cannot be written"):
        file.write(b"data")
    with pytest.raises(IndexUnusable, match="cannot be read"):
        file.read()


def test_a_folder_that_is_read_only_is_said(tmp_path: Path) -> None:
    with pytest.raises(IndexUnusable, match="cannot be written"):
        SavedIndex(Path("/proc/paperboy.index")).write(b"data")
    with pytest.raises(IndexUnusable, match="cannot be read"):
        SavedIndex(tmp_path).read()
