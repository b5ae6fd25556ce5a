"""Files that turn up in watched folders: what they are called, which are passed over, and when one is whole.

    first seen ──size, times and inode unchanged for a while──► whole (handed on once) ──changed──► first seen

A file's *stamp* stands for its content between two looks; what the content is, its hash decides later.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

SkipReason = Literal[
    "hidden", "temporary", "link", "special", "empty", "too_large", "unreadable", "too_deep", "missing"
]
EXPECTED_SKIPS: frozenset[SkipReason] = frozenset({"hidden", "temporary"})
"""What is passed over everywhere and surprises nobody."""

LONGEST_NAME = 200
EMPTY_REPORTED_AFTER = timedelta(minutes=1)
_TEMPORARY = re.compile(
    r".*(~|\.(tmp|temp|part|partial|filepart|crdownload|download|swp|swo|swx))|#.*#|~\$.*",
    re.IGNORECASE | re.DOTALL,
)
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class FileSignature:
    """What changes when a file is written, replaced or renamed; `ctime_ns` cannot be set by anybody."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundFile:
    """A regular file in a watched folder, as one look saw it.

    `name` is the digest's source name: it is the same wherever the folder lies, and fit to be shown.
    `relative` is the way from `folder` in the system's own spelling.
    """

    folder: Path
    relative: str
    name: str
    stamp: FileSignature

    @property
    def path(self) -> Path:
        return self.folder / self.relative

    @property
    def size(self) -> int:
        return self.stamp.size

    @property
    def mtime_ns(self) -> int:
        return self.stamp.mtime_ns

    @property
    def changed_at(self) -> datetime:
        """When the file system last saw a change, to the microsecond."""
        return _EPOCH + timedelta(microseconds=self.stamp.ctime_ns // 1000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Skipped:
    """Something in a watched folder that is passed over, and why in words (`what`)."""

    path: Path
    name: str
    reason: SkipReason
    what: str
    changed_at: datetime | None = None


ScanEntry = FoundFile | Skipped


@dataclass(frozen=True, kw_only=True, slots=True)
class StableFiles:
    """The files that are whole since this look, in its order; how many still wait, and until when at least."""

    whole: tuple[FoundFile, ...]
    waiting: int
    look_again_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Observation:
    stamp: FileSignature
    since: datetime
    handed_on: bool


class FileStabilizer:
    """Tells from successive looks which files are whole; each state of a file is handed on once.

    A file is whole when nothing about it changed for `still_for`. With `trust_times` the file system's
    own time of change counts as well as what the looks saw, so that an old file need not be seen twice;
    a network file system's clock is not to be trusted so.
    """

    def __init__(self, still_for: timedelta, *, trust_times: bool = True) -> None:
        self._still_for = still_for
        self._trust_times = trust_times
        self._sights: dict[str, _Observation] = {}

    def see(self, found: Iterable[FoundFile], now: datetime) -> StableFiles:
        """Take in one whole look; files that it does not hold are forgotten."""
        known, self._sights = self._sights, {}
        whole: list[FoundFile] = []
        waits: list[datetime] = []
        for file in found:
            sight = self._sight(known.get(file.name), file, now)
            if not sight.handed_on:
                ready_at = self._still_since(sight, file, now) + self._still_for
                if ready_at <= now:
                    whole.append(file)
                    sight = replace(sight, handed_on=True)
                else:
                    waits.append(ready_at)
            self._sights[file.name] = sight
        return StableFiles(whole=tuple(whole), waiting=len(waits), look_again_at=min(waits, default=None))

    def again(self, file: FoundFile) -> None:
        """Hand that file on once more at the next look: it could not be used this time."""
        sight = self._sights.get(file.name)
        if sight:
            self._sights[file.name] = replace(sight, handed_on=False)

    @staticmethod
    def _sight(known: _Observation | None, file: FoundFile, now: datetime) -> _Observation:
        if known is None or known.stamp != file.stamp:
            return _Observation(stamp=file.stamp, since=now, handed_on=False)
        # A clock that was set back must not make a file wait for the hour to come round again.
        return known if known.since <= now else replace(known, since=now)

    def _still_since(self, sight: _Observation, file: FoundFile, now: datetime) -> datetime:
        if self._trust_times and file.changed_at <= now:
            return min(sight.since, file.changed_at)
        return sight.since


class SkipLog:
    """Lets each skipped thing through once, as long as it stays there for the same reason.

    An empty file is news only when it stays empty: every file begins so.
    """

    def __init__(self) -> None:
        self._said: set[tuple[str, SkipReason]] = set()

    def news(self, skipped: Iterable[Skipped], now: datetime) -> tuple[Skipped, ...]:
        """Those of one whole look that were not said before, in its order."""
        ripe = [skip for skip in skipped if not _just_created(skip, now)]
        before, self._said = self._said, {(skip.name, skip.reason) for skip in ripe}
        return tuple(skip for skip in ripe if (skip.name, skip.reason) not in before)


def _just_created(skip: Skipped, now: datetime) -> bool:
    return (
        skip.reason == "empty"
        and skip.changed_at is not None
        and now - skip.changed_at < EMPTY_REPORTED_AFTER
    )


def skip_reason(name: str) -> SkipReason | None:
    """Why a file or folder of that bare name is never looked into; None for ordinary names."""
    if name.startswith("."):
        return "hidden"
    return "temporary" if _TEMPORARY.fullmatch(name) else None


def source_name(relative: str) -> str:
    """A file's way from its folder as the name of a source: bounded, printable, the same on each machine.

    Signs that cannot be seen and bytes that are no text become `%XX`; a name over the limit is cut in
    the middle and told apart by a digest of the whole.
    """
    text = unicodedata.normalize("NFC", relative)
    shown = text if text.isascii() and text.isprintable() else "".join(map(_visible, text))
    if len(shown) <= LONGEST_NAME:
        return shown
    mark = hashlib.sha256(shown.encode()).hexdigest()[:12]
    return f"{shown[: LONGEST_NAME // 2 - 14]}…{mark}…{shown[-LONGEST_NAME // 2 :]}"


def _visible(char: str) -> str:
    if unicodedata.category(char) not in _INVISIBLE:
        return char
    # The system's undecodable bytes come as U+DC80 to U+DCFF (PEP 383) and go back to what they were.
    errors = "surrogateescape" if "\udc80" <= char <= "\udcff" else "surrogatepass"
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", errors))


def name_prefixes(folders: Sequence[Path]) -> tuple[str, ...]:
    """What stands before the names of each folder's files: nothing for the first folder, for each other
    one as much of the end of its path as tells it from those before it.

    It depends on the folders alone and never on what lies in them: a file keeps its name, and one more
    folder at the end of the list changes nothing.
    """
    given: list[str] = []
    for place, folder in enumerate(folders):
        parts = [part for part in folder.parts if part != folder.anchor]
        tails = ("/".join(parts[-length:]) + "/" for length in range(1, len(parts) + 1))
        given.append(next((tail for tail in tails if tail not in given), "") if place else "")
    return tuple(given)
