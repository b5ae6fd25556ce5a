"""Files that are replaced whole or not at all, drafts that were left behind, and the file of the saved index."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.atomic_file import ABANDONED, PUBLIC, SavedIndex, draft_of, private_folder, sweep, write
from bot.adapters.feeds.folder import FeedFolder
from bot.domain.errors import IndexUnusable
from tests.builders import NOW


def left(path: Path, age: timedelta) -> Path:
    path.write_bytes(b"half")
    written = (NOW - age).timestamp()
    os.utime(path, (written, written))
    return path


OLD, FRESH = ABANDONED + timedelta(seconds=1), ABANDONED - timedelta(seconds=1)


def test_a_draft_of_a_killed_process_is_swept(tmp_path: Path) -> None:
    left(draft_of(tmp_path / "paperboy.index"), OLD)
    SavedIndex(tmp_path / "paperboy.index").tidy(NOW)
    left(draft_of(tmp_path / "alice.atom"), OLD)
    FeedFolder(tmp_path).tidy(NOW)
    assert not list(tmp_path.iterdir())


def test_a_draft_that_another_process_may_be_writing_stays(tmp_path: Path) -> None:
    draft = left(draft_of(tmp_path / "paperboy.index"), FRESH)
    ahead = left(draft_of(tmp_path / "paperboy.index"), -OLD)  # by a clock that is ahead of ours
    sweep(tmp_path, "paperboy.index", NOW)
    assert {draft, ahead} == set(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name",
    [
        "paperboy.index",
        ".paperboy.index",
        ".other.index.0123abcd",
        ".paperboy.index.old",
        "paperboy.index.0123abcd",
    ],
)
def test_nothing_else_is_touched_however_old(tmp_path: Path, name: str) -> None:
    kept = left(tmp_path / name, OLD)
    sweep(tmp_path, "paperboy.index", NOW)
    assert kept.exists()


def test_a_link_or_a_folder_of_such_a_name_stays(tmp_path: Path) -> None:
    target = left(tmp_path / "target", OLD)
    link, folder = draft_of(tmp_path / "a.atom"), draft_of(tmp_path / "a.atom")
    link.symlink_to(target)
    folder.mkdir()
    os.utime(link, (0, 0), follow_symlinks=False)
    os.utime(folder, (0, 0))
    sweep(tmp_path, "*.atom", NOW)
    assert link.is_symlink()
    assert folder.is_dir()
    assert target.exists()


def test_a_folder_that_is_not_there_needs_no_sweeping(tmp_path: Path) -> None:
    sweep(tmp_path / "nowhere", "*", NOW)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_a_file_is_for_this_user_alone_unless_it_is_public_whatever_the_umask(
    tmp_path: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        write(tmp_path / "private", b"secret")
        write(tmp_path / "maildir", b"secret", draft=tmp_path / "tmp")
        write(tmp_path / "public", b"for all", mode=PUBLIC)
    finally:
        os.umask(before)
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == {"private": 0o600, "maildir": 0o600, "public": 0o644}


def test_a_private_folder_and_its_parents_are_for_this_user_alone_and_an_existing_one_stays(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o755)
    private_folder(tmp_path / "state" / "mail")
    folders = (tmp_path, tmp_path / "state", tmp_path / "state" / "mail")
    assert [folder.stat().st_mode & 0o777 for folder in folders] == [0o755, 0o700, 0o700]


def test_what_was_written_last_is_read(tmp_path: Path) -> None:
    file = SavedIndex(tmp_path / "new" / "paperboy.index")
    assert file.read() is None
    file.write(b"first")
    file.write(b"second")
    assert file.read() == b"second"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["paperboy.index"]


def test_a_write_that_is_cut_off_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = SavedIndex(tmp_path / "paperboy.index")
    file.write(b"first")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bot.adapters.atomic_file.os.fsync", full)
    with pytest.raises(IndexUnusable, match="No space left"):
        file.write(b"second")
    assert file.read() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["paperboy.index"]


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
