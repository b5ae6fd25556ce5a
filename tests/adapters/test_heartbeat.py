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
    heartbeat = Heartbeat("sqlite:///a")
    assert not heartbeat.is_alive(NOW)
    heartbeat.beat(NOW)
    assert heartbeat.last() == NOW
    assert heartbeat.is_alive(NOW + LATE - timedelta(seconds=1))
    assert not heartbeat.is_alive(NOW + LATE)
    assert not Heartbeat("sqlite:///b").is_alive(NOW)
    heartbeat.end()
    heartbeat.end()
    assert not heartbeat.is_alive(NOW)


def test_a_link_that_somebody_laid_there_is_neither_followed_nor_believed(folder: Path) -> None:
    heartbeat = Heartbeat("sqlite:///a")
    heartbeat.beat(NOW)
    (file,) = folder.iterdir()
    file.unlink()
    target = folder / "precious"
    target.write_text("kept")
    before = target.stat().st_mtime
    file.symlink_to(target)
    os.utime(target, (before, before))
    heartbeat.beat(NOW)
    assert target.stat().st_mtime == before
    assert heartbeat.last() is None
    heartbeat.end()
    assert file.is_symlink()
