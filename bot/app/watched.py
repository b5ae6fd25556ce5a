"""Watched folders: what is in them now, and the ingest of it, for `run`, `once` and `status`."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.adapters.folders import scan
from bot.app.config.settings import Settings
from bot.domain.files import FileStabilizer, FoundFile, ScanEntry, Skipped

if TYPE_CHECKING:
    from bot.app.container import Container
    from bot.pipeline.ingest import IngestResult


def scan_watched(settings: Settings) -> Iterator[ScanEntry]:
    """All entries of the watched folders; a folder of a source may be missing, before its first fetch."""
    fetched_into = frozenset(settings.watched) - frozenset(settings.watch.folders)
    entries = scan(
        settings.watched, max_bytes=settings.max_bytes, base=settings.base, ignore=settings.watch.ignore
    )
    return (
        entry
        for entry in entries
        if not (isinstance(entry, Skipped) and entry.reason == "missing" and entry.path in fetched_into)
    )


def stabilizer_of(settings: Settings) -> FileStabilizer:
    """The stabilizer of the watched folders, with the waits of the settings."""
    watch = settings.watch
    return FileStabilizer(timedelta(seconds=watch.settle_seconds), trust_times=not watch.polling)


def ingest_files(container: "Container", files: Sequence[FoundFile]) -> "IngestResult":
    """Ingest the files, begin to plan deliveries for what changed, and update quizzes and feeds."""
    with container.measured("ingest"):
        result = container.ingest.process(container.files(files), container.clock.now())
    container.quizzes.counter.correct()
    container.feed_files.write(container.clock.now())
    return result


def forget_missing_files(container: "Container") -> None:
    """Forget unreadable files that no longer exist, unless a watched folder is missing on this machine."""
    digests = container.store.digests
    unreadable = digests.unreadable() | digests.no_digests()
    folders = container.settings.watched
    if not unreadable or not all(folder.is_dir() for folder in folders):
        return
    entries = scan_watched(container.settings)
    present = {
        entry.name for entry in entries if not (isinstance(entry, Skipped) and entry.reason == "ignored")
    }
    container.store.maintenance.forget_unreadable([name for name in unreadable if name not in present])
