"""Looking at real folders with everything in them that a folder can hold."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.adapters.folders import BESIDE_BYTES, MAX_DEPTH, FolderFile, read_bytes, scan
from bot.domain.errors import DigestNotReady, DigestTooLarge
from bot.domain.files import FoundFile, ScanEntry, Skipped

LIMIT = 1000


def entries(*folders: Path, max_bytes: int = LIMIT) -> list[ScanEntry]:
    return list(scan(folders, max_bytes=max_bytes, base=Path("/nowhere")))


def names(*folders: Path) -> list[str]:
    return [file.name for file in entries(*folders) if isinstance(file, FoundFile)]


def skips(*folders: Path) -> dict[str, str]:
    return {skip.name: skip.reason for skip in entries(*folders) if isinstance(skip, Skipped)}


def only(folder: Path) -> FoundFile:
    (file,) = (file for file in entries(folder) if isinstance(file, FoundFile))
    return file


@pytest.fixture
def outside(tmp_path_factory) -> Path:
    """A folder that no look may reach."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "secret.md").write_bytes(b"secret")
    return folder


def test_all_subfolders_are_searched_in_the_order_of_names(tmp_path):
    for name in ("b/2.md", "a.md", "b/1.md", "c.md", "b/deep/er/0.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert names(tmp_path) == ["a.md", "b/1.md", "b/2.md", "b/deep/er/0.md", "c.md"]


def test_the_seeds_are_found_under_their_bare_names(seeds):
    found = [entry.name for entry in entries(seeds, max_bytes=20_000_000)]
    assert found == sorted(found)
    assert len(found) == 5
    assert found[2] == "002_7448b9b0a17a3cd7.txt"


def test_relative_folders_start_at_the_base(tmp_path):
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "a.md").write_bytes(b"x")
    (file,) = scan([Path("seeds")], max_bytes=LIMIT, base=tmp_path)
    assert isinstance(file, FoundFile)
    assert file.path == tmp_path / "seeds" / "a.md"


def test_links_are_never_followed(tmp_path, outside):
    (tmp_path / "file.md").symlink_to(outside / "secret.md")
    (tmp_path / "folder").symlink_to(outside)
    (tmp_path / "self").symlink_to(tmp_path)
    (tmp_path / "dangling.md").symlink_to(tmp_path / "no.md")
    assert names(tmp_path) == []
    assert skips(tmp_path) == dict.fromkeys(("dangling.md", "file.md", "folder", "self"), "link")


def test_a_watched_folder_may_itself_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.md").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real")
    assert names(tmp_path / "link") == ["a.md"]


def test_what_is_no_regular_file_is_passed_over(tmp_path):
    os.mkfifo(tmp_path / "fifo.md")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        assert skips(tmp_path) == {"fifo.md": "special", "s": "special"}


def test_devices_are_passed_over(tmp_path):
    try:
        os.mknod(tmp_path / "zero.md", 0o600 | 0o020000, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root makes devices")
    assert skips(tmp_path) == {"zero.md": "special"}


def test_hidden_and_temporary_names_are_passed_over_with_all_that_is_in_them(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "a.md").write_bytes(b"x")
    (tmp_path / "a.md.part").write_bytes(b"x")
    assert skips(tmp_path) == {".git": "hidden", "a.md.part": "temporary"}
    assert names(tmp_path) == []


def test_a_file_over_the_limit_is_named_with_both_sizes(tmp_path):
    (tmp_path / "big.md").write_bytes(b"x" * 2_600_000)
    (tmp_path / "fits.md").write_bytes(b"x" * 2_000_000)
    big, fits = entries(tmp_path, max_bytes=2_000_000)
    assert isinstance(big, Skipped)
    assert isinstance(fits, FoundFile)
    assert big.reason == "too_large"
    assert big.what == "is larger than the limit of 2 MB (2.6 MB); see watch.max_file_mb"


def test_an_empty_file_waits(tmp_path):
    (tmp_path / "a.md").touch()
    (empty,) = entries(tmp_path)
    assert isinstance(empty, Skipped)
    assert empty.reason == "empty"
    assert empty.changed_at is not None


def test_a_missing_folder_is_said_and_the_others_go_on(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "a.md").write_bytes(b"x")
    (tmp_path / "file").write_bytes(b"x")
    assert names(tmp_path / "gone", tmp_path / "file", tmp_path / "b") == ["b/a.md"]
    assert skips(tmp_path / "gone", tmp_path / "file") == {
        str(tmp_path / "gone"): "missing",
        str(tmp_path / "file"): "missing",
    }


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that everybody may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        for inner in folder.iterdir():
            inner.chmod(0o700)


def test_a_folder_that_may_not_be_read_is_said_and_the_others_go_on(public):
    """Runs as somebody without rights, because root may read everything."""
    (public / "closed").mkdir(mode=0o000)
    (public / "open.md").write_bytes(b"x")
    (public / "shut.md").write_bytes(b"x")
    (public / "shut.md").chmod(0o000)
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from bot.adapters.folders import scan, read_bytes\n"
        "from bot.domain.errors import DigestNotReady\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "for entry in scan([Path(sys.argv[1])], max_bytes=100, base=Path()):\n"
        "    try: print(entry.name, getattr(entry, 'reason', None) or read_bytes(entry, max_bytes=9))\n"
        "    except DigestNotReady as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(public)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "closed unreadable",
        "open.md b'x'",
        "shut.md unreadable",
    ]


def test_depth_is_bounded(tmp_path):
    deep = tmp_path / "/".join("d" * (MAX_DEPTH + 1))
    deep.mkdir(parents=True)
    (deep / "a.md").write_bytes(b"x")
    (deep.parent / "b.md").write_bytes(b"x")
    assert [name[-4:] for name in names(tmp_path)] == ["b.md"]
    assert set(skips(tmp_path).values()) == {"too_deep"}


def test_a_folder_that_lies_in_itself_is_entered_once(tmp_path, monkeypatch):
    """As a bind mount of a folder inside itself would show it."""
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "a.md").write_bytes(b"x")
    monkeypatch.setattr("bot.adapters.folders._identity", lambda handle: (1, 1))
    assert names(tmp_path) == []
    assert skips(tmp_path) == {"again": "too_deep"}


def test_names_with_signs_that_nobody_sees_are_made_visible(tmp_path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9\n.md")).write_bytes(b"x")
    file = only(tmp_path)
    assert file.name == "caf%E9%0A.md"
    assert read_bytes(file, max_bytes=LIMIT) == b"x"


def test_several_folders_keep_their_files_apart(tmp_path):
    for name in ("tables/a.md", "pages/a.md", "pages/sub/b.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert names(tmp_path / "tables", tmp_path / "pages") == ["a.md", "pages/a.md", "pages/sub/b.md"]


def test_no_two_files_of_a_look_have_the_same_name(tmp_path):
    for name in ("one/two/a.md", "two/a.md"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"x")
    assert names(tmp_path / "one", tmp_path / "two") == ["two/a.md", "two/a.md (2)"]


def test_a_folder_inside_another_watched_one_is_searched_once(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.md").write_bytes(b"x")
    (tmp_path / "link").symlink_to("sub")
    assert names(tmp_path / "sub", tmp_path, tmp_path, tmp_path / "link") == ["sub/a.md"]


def test_the_content_is_read(tmp_path):
    content = os.urandom(LIMIT)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.md").write_bytes(content)
    assert read_bytes(only(tmp_path), max_bytes=LIMIT) == content


def test_a_file_that_is_larger_than_the_reader_takes_is_refused(tmp_path):
    (tmp_path / "a.md").write_bytes(b"x" * LIMIT)
    with pytest.raises(DigestTooLarge, match=r"a\.md: is larger than the limit"):
        read_bytes(only(tmp_path), max_bytes=LIMIT - 1)


def test_a_file_that_changed_since_it_was_found_is_not_read(tmp_path):
    path = tmp_path / "a.md"
    path.write_bytes(b"x")
    file = only(tmp_path)
    path.write_bytes(b"xy")
    with pytest.raises(DigestNotReady, match="was changed since"):
        read_bytes(file, max_bytes=LIMIT)


def test_a_file_that_grows_while_it_is_read_is_not_taken(tmp_path, monkeypatch):
    path = tmp_path / "a.md"
    path.write_bytes(b"x")
    file = only(tmp_path)
    really_read = os.read

    def read_and_grow(handle: int, size: int) -> bytes:
        part = really_read(handle, size)
        with path.open("ab") as other:
            other.write(b"more")
        return part

    monkeypatch.setattr("bot.adapters.folders.os.read", read_and_grow)
    with pytest.raises(DigestNotReady, match="was changed since"):
        read_bytes(file, max_bytes=LIMIT)


def test_a_file_that_is_gone_is_said(tmp_path):
    (tmp_path / "a.md").write_bytes(b"x")
    file = only(tmp_path)
    file.path.unlink()
    with pytest.raises(DigestNotReady, match="No such file"):
        read_bytes(file, max_bytes=LIMIT)


def test_a_fifo_in_the_place_of_a_file_neither_blocks_nor_is_read(tmp_path):
    (tmp_path / "a.md").write_bytes(b"x")
    file = only(tmp_path)
    file.path.unlink()
    os.mkfifo(file.path)
    with pytest.raises(DigestNotReady, match="was changed since"):
        read_bytes(file, max_bytes=LIMIT)


def test_a_link_in_the_place_of_a_file_or_its_folder_leads_nowhere(tmp_path, outside):
    (tmp_path / "sub").mkdir()
    path = tmp_path / "sub" / "secret.md"
    path.write_bytes(b"x")
    file = only(tmp_path)
    path.unlink()
    path.symlink_to(outside / "secret.md")
    with pytest.raises(DigestNotReady):
        read_bytes(file, max_bytes=LIMIT)
    path.unlink()
    path.parent.rmdir()
    path.parent.symlink_to(outside)
    with pytest.raises(DigestNotReady):
        read_bytes(file, max_bytes=LIMIT)


def test_what_lies_beside_a_file_can_be_read_and_nothing_else(tmp_path, outside):
    folder = tmp_path / "day"
    folder.mkdir()
    (folder / "index.md").write_bytes(b"x")
    file = FolderFile(found=only(tmp_path), max_bytes=LIMIT)
    (folder / "paper.md").write_bytes(b"y" * (BESIDE_BYTES + 1))
    (folder / "inner").mkdir()
    (folder / "link.md").symlink_to(outside / "secret.md")
    (folder / ".hidden.md").write_bytes(b"z")
    (tmp_path / "above.md").write_bytes(b"z")
    assert file.beside("paper.md") == b"y" * BESIDE_BYTES
    for name in ("absent.md", "inner", "link.md", ".hidden.md", "../above.md", "inner/../paper.md", "a\0b"):
        assert file.beside(name) is None, name


def test_what_lies_beside_a_file_of_the_watched_folder_itself_can_be_read(tmp_path):
    (tmp_path / "index.md").write_bytes(b"x")
    file = FolderFile(found=only(tmp_path), max_bytes=LIMIT)
    (tmp_path / "paper.md").write_bytes(b"y")
    assert file.beside("paper.md") == b"y"


def test_a_file_that_goes_while_the_folder_is_looked_at_is_not_there(tmp_path):
    for name in ("a.md", "b.md"):
        (tmp_path / name).write_bytes(b"x")
    walk = scan([tmp_path], max_bytes=LIMIT, base=tmp_path)
    assert isinstance(next(walk), FoundFile)
    (tmp_path / "b.md").unlink()
    assert list(walk) == []


def test_a_look_that_is_broken_off_leaves_nothing_open(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("a.md", "b.md"):
        (tmp_path / "sub" / name).write_bytes(b"x")
    before = len(list(Path("/proc/self/fd").iterdir()))
    walk = scan([tmp_path], max_bytes=LIMIT, base=tmp_path)
    next(walk)
    walk.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_links_that_stay_inside_are_followed_and_others_are_said(tmp_path: Path) -> None:
    """As Kubernetes mounts a ConfigMap: `a.md` → `..data/a.md`, and `..data` → a hidden folder with a date."""
    folder, outside = tmp_path / "digests", tmp_path / "outside"
    (folder / "..2026_09_18").mkdir(parents=True)
    (outside / "deep").mkdir(parents=True)
    (folder / "..2026_09_18" / "a.md").write_bytes(b"inside")
    (folder / "..2026_09_18" / "sub").mkdir()
    (folder / "..2026_09_18" / "sub" / "b.md").write_bytes(b"too")
    (outside / "deep" / "c.md").write_bytes(b"outside")
    (folder / "..data").symlink_to("..2026_09_18")
    (folder / "a.md").symlink_to("..data/a.md")
    (folder / "sub").symlink_to("..data/sub")
    (folder / "c.md").symlink_to("../outside/deep/c.md")
    (folder / "d").symlink_to(outside)
    (folder / "e.md").symlink_to("nowhere.md")
    (folder / "loop").symlink_to(folder)
    found = entries(folder)
    files = [entry for entry in found if isinstance(entry, FoundFile)]
    assert [(file.name, read_bytes(file, max_bytes=LIMIT)) for file in files] == [
        ("a.md", b"inside"),
        ("sub/b.md", b"too"),
    ]
    said = [entry.name for entry in found if isinstance(entry, Skipped) and entry.reason == "link"]
    assert said == ["c.md", "d", "e.md", "loop"]


def test_a_link_to_what_is_found_anyway_is_no_second_file(tmp_path: Path) -> None:
    (tmp_path / "2026-09-18.md").write_bytes(b"x")
    (tmp_path / "latest.md").symlink_to("2026-09-18.md")
    (entry,) = entries(tmp_path)
    assert entry.name == "2026-09-18.md"


def test_a_link_that_is_turned_outside_after_the_scan_is_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "digests"
    (folder / "..1").mkdir(parents=True)
    (folder / "..1" / "a.md").write_bytes(b"inside")
    (folder / "a.md").symlink_to("..1/a.md")
    (tmp_path / "secret").write_bytes(b"secret")
    (file,) = (entry for entry in entries(folder) if isinstance(entry, FoundFile))
    (folder / "..1" / "a.md").unlink()
    (folder / "..1" / "a.md").symlink_to(tmp_path / "secret")
    with pytest.raises(DigestNotReady):
        read_bytes(file, max_bytes=LIMIT)
