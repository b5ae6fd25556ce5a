"""The sign of life: fresh while somebody works, and nobody's but ours."""

import os
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.heartbeat import LATE, Heartbeat
from tests.builders import NOW


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_is_alive_for_a_minute_after_each_beat() -> None:
    one = Heartbeat("sqlite:///a")
    assert not one.is_alive(NOW)
    one.beat(NOW)
    assert one.last() == NOW
    assert one.is_alive(NOW + LATE - timedelta(seconds=1))
    assert not one.is_alive(NOW + LATE)
    assert not Heartbeat("sqlite:///b").is_alive(NOW)
    one.end()
    one.end()
    assert not one.is_alive(NOW)


def test_a_link_that_somebody_laid_there_is_neither_followed_nor_believed(folder: Path) -> None:
    one = Heartbeat("sqlite:///a")
    one.beat(NOW)
    (file,) = folder.iterdir()
    file.unlink()
    target = folder / "precious"
    target.write_text("kept")
    before = target.stat().st_mtime
    file.symlink_to(target)
    os.utime(target, (before, before))
    one.beat(NOW)
    assert target.stat().st_mtime == before
    assert one.last() is None
    one.end()
    assert file.is_symlink()
