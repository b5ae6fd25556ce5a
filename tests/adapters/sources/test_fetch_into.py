"""Each source has a folder of its own, for its owner only and for one process at a time."""

import asyncio
import fcntl
import os
from pathlib import Path

import pytest

from bot.adapters.sources import fetch_into
from bot.domain.errors import SourceUnreachable
from bot.domain.sources import Source

SOURCE = Source(name="cl", kind="url", address="http://127.0.0.1:1/")


async def keep(source: Source, folder: Path, max_bytes: int) -> bool:
    (folder / "x.md").write_text(f"{source.name} {max_bytes}")
    return True


async def test_the_folders_are_for_their_owner_only(tmp_path: Path) -> None:
    root = tmp_path / "state/sources"
    assert await fetch_into(root, SOURCE, 7, fetcher=keep)
    assert (root / "cl/x.md").read_text() == "cl 7"
    assert [path.stat().st_mode & 0o777 for path in (root, root / "cl")] == [0o700, 0o700]


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "cl").write_text("a file")
    with pytest.raises(SourceUnreachable, match=f"cannot be stored in {tmp_path}/cl: File exists"):
        await fetch_into(tmp_path, SOURCE, 7, fetcher=keep)


async def test_two_processes_fetch_a_source_one_after_the_other(tmp_path: Path) -> None:
    lock = os.open(tmp_path / ".cl.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with pytest.raises(SourceUnreachable, match="another paperboy has been fetching it"):
        await fetch_into(tmp_path, SOURCE, 7, fetcher=keep, patience=0)
    waiting = asyncio.create_task(fetch_into(tmp_path, SOURCE, 7, fetcher=keep))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    os.close(lock)
    assert await waiting
