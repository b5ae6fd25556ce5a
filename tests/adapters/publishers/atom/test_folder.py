"""Feed files, replaced whole or not at all."""

import os
from pathlib import Path

import pytest

from bot.adapters.publishers.atom import FeedFolder, render_atom
from bot.domain.errors import ChannelDown
from tests.builders import a_feed, a_feed_entry


def test_a_feed_becomes_a_file_of_its_name(tmp_path: Path) -> None:
    feed = a_feed(a_feed_entry(1))
    assert FeedFolder(tmp_path / "feeds").write("all", feed)
    assert (tmp_path / "feeds" / "all.atom").read_bytes() == render_atom(feed)
    assert [file.name for file in (tmp_path / "feeds").iterdir()] == ["all.atom"]


def test_the_same_bytes_are_not_written_again(tmp_path: Path) -> None:
    folder = FeedFolder(tmp_path)
    folder.write("all", a_feed(a_feed_entry(1)))
    before = (tmp_path / "all.atom").stat()
    assert not folder.write("all", a_feed(a_feed_entry(1)))
    assert (tmp_path / "all.atom").stat().st_ino == before.st_ino
    assert folder.write("all", a_feed(a_feed_entry(2)))
    assert (tmp_path / "all.atom").stat().st_ino != before.st_ino


@pytest.mark.parametrize("name", ["../evil", "a/b", ".hidden", "..", "a\x00b", "名字", "x" * 300, "名" * 90])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name) -> None:
    folder = FeedFolder(tmp_path / "feeds")
    folder.write(name, a_feed())
    (file,) = (tmp_path / "feeds").iterdir()
    assert file.name.endswith(".atom")
    assert not file.name.startswith(".")
    folder.remove(name)
    assert not list((tmp_path / "feeds").iterdir())


def test_names_of_subscribers_stay_as_they_are(tmp_path: Path) -> None:
    assert FeedFolder(tmp_path).path("alice.b_c-1").name == "alice.b_c-1.atom"


def test_removing_what_is_not_there_is_silent(tmp_path: Path) -> None:
    FeedFolder(tmp_path / "absent").remove("all")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = FeedFolder(tmp_path)
    folder.write("all", a_feed(a_feed_entry(1)))
    before = (tmp_path / "all.atom").read_bytes()

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ChannelDown, match="No space left"):
        folder.write("all", a_feed(a_feed_entry(2)))
    assert (tmp_path / "all.atom").read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["all.atom"]


def test_a_folder_that_cannot_be_made_names_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ChannelDown, match=r"set atom\.folder"):
        FeedFolder(tmp_path / "file").write("all", a_feed())
