"""Files in watched folders: their names, which are skipped, and when one is stable.

    first seen ──signature unchanged for a while──► stable (reported once) ──changed──► first seen

A file's *signature* (size, times, inode) stands for its content between two scans; whether the content is new
its hash decides later.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

SkipReason = Literal[
    "hidden",
    "temporary",
    "ignored",
    "copy",
    "link",
    "special",
    "empty",
    "too_large",
    "unreadable",
    "too_deep",
    "missing",
]
EXPECTED_SKIPS: frozenset[SkipReason] = frozenset({"hidden", "temporary", "ignored"})
"""Reasons that are normal in any folder and not worth a warning."""

LONGEST_NAME = 200
EMPTY_REPORTED_AFTER = timedelta(minutes=1)
_TEMPORARY = re.compile(
    r".*(\.(tmp|temp|part|partial|filepart|crdownload|download|!sync|swp|swo|swx)|___jb_(tmp|old)___)|#.*#|~\$.*",
    re.IGNORECASE | re.DOTALL,
)
_COPY = re.compile(
    r"~$|\.(orig|bak|rej|old|save|mine|r\d+)$|(?-i:[._](BACKUP|BASE|LOCAL|REMOTE)[._]\d+\b)"  # editors, patch, Subversion, git mergetool
    r"|\.sync-conflict-|\bconflicted copy\b|\[conflict(ed)?\]"  # Syncthing, Dropbox …
    r"|\([^()]*(conflict|conflit|konflikt|冲突|衝突|競合|конфликт)[^()]*\)"  # … and what those, Seafile and others say in each language
    r"|[._ -]conflict-?\d{6,}|_conflict-|\.conflict\b",
    re.IGNORECASE,
)
"""Names of copies that programs make beside a file: an older text, or one of two that could not be merged."""
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""More than `text.UNSAFE`: a name is a key of the state, so each such character is written out, and none is dropped."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class FileSignature:
    """Identity of a file's content: changes when the file is written, replaced or renamed.

    Unlike `mtime_ns`, `ctime_ns` cannot be set by a program.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundFile:
    """A regular file in a watched folder, as one scan saw it.

    `name` is the name of its digest (see `digest_name`). `relative` is the path from `folder` as the system spells it.
    """

    folder: Path
    relative: str
    name: str
    signature: FileSignature
    source: str = ""
    """The name of the watched folder, from which all its digests come."""

    @property
    def path(self) -> Path:
        return self.folder / self.relative

    @property
    def size(self) -> int:
        return self.signature.size

    @property
    def mtime_ns(self) -> int:
        return self.signature.mtime_ns

    @property
    def changed_at(self) -> datetime:
        """Time of the last change by the file system's clock, to the microsecond."""
        return _EPOCH + timedelta(microseconds=self.signature.ctime_ns // 1000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Skipped:
    """An entry of a watched folder that is not used; `what` says why in words."""

    path: Path
    name: str
    reason: SkipReason
    what: str
    changed_at: datetime | None = None


ScanEntry = FoundFile | Skipped


@dataclass(frozen=True, kw_only=True, slots=True)
class StableFiles:
    """Files that became stable with a scan, in its order; the number of those not yet stable; the time of the next scan."""

    files: tuple[FoundFile, ...]
    waiting: int
    next_scan_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Observation:
    """A file's signature, when it was first seen so, and whether the file was reported as stable."""

    signature: FileSignature
    since: datetime
    reported: bool


class FileStabilizer:
    """Finds the stable files among successive scans; each version of a file is reported once.

    A file is stable when its signature did not change for `stable_after`. With `trust_times` the file system's
    time of change counts too, so that an old file is stable at its first scan; not for network file systems, whose
    clock may differ from ours.
    """

    def __init__(self, stable_after: timedelta, *, trust_times: bool = True) -> None:
        self._stable_after = stable_after
        self._trust_times = trust_times
        self._observations: dict[str, _Observation] = {}

    def see(self, files: Iterable[FoundFile], now: datetime) -> StableFiles:
        """Compare one complete scan with the one before; files that it lacks are forgotten."""
        known, self._observations = self._observations, {}
        stable: list[FoundFile] = []
        ready_times: list[datetime] = []
        for file in files:
            observation = self._observe(known.get(file.name), file, now)
            if not observation.reported:
                ready_at = self._unchanged_since(observation, file, now) + self._stable_after
                if ready_at <= now:
                    stable.append(file)
                    observation = replace(observation, reported=True)
                else:
                    ready_times.append(ready_at)
            self._observations[file.name] = observation
        return StableFiles(
            files=tuple(stable), waiting=len(ready_times), next_scan_at=min(ready_times, default=None)
        )

    def report_again(self, file: FoundFile) -> None:
        """Report a stable file once more with the next scan: it could not be read this time."""
        observation = self._observations.get(file.name)
        if observation:
            self._observations[file.name] = replace(observation, reported=False)

    @staticmethod
    def _observe(known: _Observation | None, file: FoundFile, now: datetime) -> _Observation:
        if known is None or known.signature != file.signature:
            return _Observation(signature=file.signature, since=now, reported=False)
        # After the clock was set back, do not wait until it reaches the old time again.
        return known if known.since <= now else replace(known, since=now)

    def _unchanged_since(self, observation: _Observation, file: FoundFile, now: datetime) -> datetime:
        if self._trust_times and file.changed_at <= now:
            return min(observation.since, file.changed_at)
        return observation.since


class SkipLog:
    """Reports each skipped entry once for as long as it stays there for the same reason.

    An empty file is reported only when it stays empty: every file is empty at first.
    """

    def __init__(self) -> None:
        self._reported: set[tuple[str, SkipReason]] = set()

    def new(self, skipped: Iterable[Skipped], now: datetime) -> tuple[Skipped, ...]:
        """The entries of one complete scan that were not reported before, in its order."""
        lasting = [entry for entry in skipped if not _just_created(entry, now)]
        before, self._reported = self._reported, {(entry.name, entry.reason) for entry in lasting}
        return tuple(entry for entry in lasting if (entry.name, entry.reason) not in before)


def _just_created(entry: Skipped, now: datetime) -> bool:
    return (
        entry.reason == "empty"
        and entry.changed_at is not None
        and now - entry.changed_at < EMPTY_REPORTED_AFTER
    )


def skip_reason(name: str) -> SkipReason | None:
    """Why a file or folder of that bare name is ignored; None for ordinary names."""
    if name.startswith("."):
        return "hidden"
    if _TEMPORARY.fullmatch(name):
        return "temporary"
    return "copy" if _COPY.search(name) else None


def is_ignored(path: str, patterns: Sequence[str]) -> bool:
    """Whether a path below a watched folder, or its bare name, matches one of the patterns (`*`, `?`, `[abc]`)."""
    name = path.rpartition("/")[2]
    return any(fnmatchcase(path, pattern) or fnmatchcase(name, pattern) for pattern in patterns)


def digest_name(relative: str) -> str:
    """Name of a digest, from its file's path in the watched folder: printable, and the same on each machine.

    Invisible characters and undecodable bytes become `%XX`. In a name over LONGEST_NAME a hash of the whole name stands
    for its middle.
    """
    text = unicodedata.normalize("NFC", relative)
    name = text if text.isprintable() else "".join(map(_visible, text))
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: LONGEST_NAME // 2 - 14]}…{digest}…{name[-LONGEST_NAME // 2 :]}"


def _visible(char: str) -> str:
    if unicodedata.category(char) not in _INVISIBLE:
        return char
    # Undecodable bytes come as U+DC80 to U+DCFF (PEP 383) and are turned back into bytes.
    errors = "surrogateescape" if "\udc80" <= char <= "\udcff" else "surrogatepass"
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", errors))


def folder_names(folders: Sequence[Path]) -> tuple[str, ...]:
    """The name of each watched folder as a source: the shortest end of its path that no folder before it has."""
    names: list[str] = []
    for folder in folders:
        ends = map(digest_name, _ends(folder))
        names.append(next((name for name in ends if name not in names), str(folder)))
    return tuple(names)


def name_prefixes(folders: Sequence[Path]) -> tuple[str, ...]:
    """Prefixes of the names of each folder's files: empty for the first folder, for each other one the shortest
    end of its path that no folder before it has.

        /a/digests, /b/digests, /c/digests   →   "", "digests/", "c/digests/"

    A prefix depends on the folders alone, not on their files: one more folder at the end of the list renames
    nothing.
    """
    prefixes: list[str] = []
    for index, folder in enumerate(folders):
        ends = (f"{end}/" for end in _ends(folder))
        prefixes.append(next((end for end in ends if end not in prefixes), "") if index else "")
    return tuple(prefixes)


def _ends(folder: Path) -> Iterator[str]:
    """The ends of the folder's path, shortest first: `digests`, `a/digests`."""
    parts = [part for part in folder.parts if part != folder.anchor]
    return ("/".join(parts[-length:]) for length in range(1, len(parts) + 1))
