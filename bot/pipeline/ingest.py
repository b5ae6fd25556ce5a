"""Taking digest files in: read, compare, match, and store it all in one transaction."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from bot.domain.audience import Audience
from bot.domain.errors import DigestError, StateError
from bot.pipeline.batch import Batch
from bot.pipeline.ports import FileMark, Intake, Reader, TakenDigest, Transaction

log = logging.getLogger(__name__)

_TOGETHER = 64
"""Files that share one transaction when many come at once: each is still stored whole or not at all."""
_KEPT_BYTES = 32_000_000
"""So much of what was read to find out what is fresh is kept, so that it need not be read again."""


class DigestFile(Protocol):
    """A file that may hold a digest."""

    @property
    def name(self) -> str:
        """Its name below the watched folder: the same on every machine."""
        ...

    def read(self) -> bytes:
        """Its bytes; DigestError where it cannot or must not be read."""
        ...


PeekDate = Callable[[bytes, str], date | None]


@dataclass(kw_only=True, slots=True)
class Taken:
    """What came of looking at some files."""

    digests: int = 0
    entries: int = 0
    new: int = 0
    gained: int = 0
    notices: int = 0
    deliveries: int = 0
    problems: list[tuple[str, int, str]] = field(default_factory=list)
    """(file, line, what); line 0 where the whole file is meant."""
    unread: set[str] = field(default_factory=set)
    """Files that could not be read this time."""

    @property
    def changed(self) -> bool:
        return bool(self.digests)

    def add(self, other: "Taken") -> None:
        """Count in what came of some more files."""
        self.digests += other.digests
        self.entries += other.entries
        self.new += other.new
        self.gained += other.gained
        self.notices += other.notices
        self.deliveries += other.deliveries
        self.problems += other.problems
        self.unread |= other.unread


class Ingest:
    """Takes files in; safe to call again with the same files, which then changes nothing."""

    def __init__(self, intake: Intake, read_digest: Reader, peek_date: PeekDate) -> None:
        self._intake = intake
        self._read_digest = read_digest
        self._peek_date = peek_date

    def take_in(
        self, files: Sequence[DigestFile], audience: Audience, now: datetime, *, tell: bool = True
    ) -> Taken:
        """Store what is new in these files, newest digest first, and plan who is told.

        With `tell` false matches are noticed, but nothing is planned: history that nobody is to hear of, not
        even when one of its papers gains something later. A file that is no digest, or
        that we fail at, is named in the result and looked at again only when its content changes; one that
        cannot be read now is in `unread`. StateError ends it all; what was stored until then stays stored.
        """
        taken = Taken()
        fresh = self._fresh(files, taken)
        for start in range(0, len(fresh), _TOGETHER):
            self._take_batch(fresh[start : start + _TOGETHER], audience, now, taken, tell=tell)
        return taken

    def _fresh(self, files: Sequence[DigestFile], taken: Taken) -> list["_Fresh"]:
        """The files whose content is not the one last looked at, newest date first."""
        known = self._intake.known_files()
        fresh: list[_Fresh] = []
        room = _KEPT_BYTES
        for file in files:
            data = _read(file, taken)
            if data is None or known.get(file.name) == hashlib.sha256(data).hexdigest():
                continue
            room -= len(data)
            day = self._day(data, file.name)
            fresh.append(_Fresh(file=file, day=day, data=data if room >= 0 else None))
        return sorted(fresh, key=lambda one: (-one.day.toordinal(), one.file.name))

    def _take_batch(
        self, fresh: Sequence["_Fresh"], audience: Audience, now: datetime, taken: Taken, *, tell: bool
    ) -> None:
        read = list(self._read(fresh, taken))
        try:
            taken.add(self._store(read, audience, now, tell=tell))
        except StateError:
            raise
        except Exception:  # one of them is more than we can take: the others must not wait for it
            log.exception("ingest.batch_failed", extra={"files": len(read)})
            for one in read:
                taken.add(self._store_alone(one, audience, now, tell=tell))

    def _store_alone(
        self, one: TakenDigest | FileMark, audience: Audience, now: datetime, *, tell: bool
    ) -> Taken:
        try:
            return self._store([one], audience, now, tell=tell)
        except StateError:
            raise
        except Exception as error:
            log.exception("ingest.digest_failed", extra={"file": one.name})
            why = _our_fault(error)
            self._store([FileMark(name=one.name, sha256=one.sha256, error=why)], audience, now, tell=tell)
            return Taken(problems=[(one.name, 0, why)])

    def _store(
        self, read: Sequence[TakenDigest | FileMark], audience: Audience, now: datetime, *, tell: bool
    ) -> Taken:
        with self._intake.transaction() as tx:
            return _store(tx, read, audience, now, tell=tell)

    def _day(self, data: bytes, name: str) -> date:
        try:
            return self._peek_date(data, name) or date.min
        except Exception:  # the reader will say what is wrong with it
            log.debug("ingest.no_date", extra={"file": name}, exc_info=True)
            return date.min

    def _read(self, fresh: Sequence["_Fresh"], taken: Taken) -> Iterator[TakenDigest | FileMark]:
        for one in fresh:
            data = one.data if one.data is not None else _read(one.file, taken)
            if data is None:
                continue
            name, sha256 = one.file.name, hashlib.sha256(data).hexdigest()
            one.data = None
            try:
                digest = self._read_digest(data, name)
            except DigestError as error:
                why = str(error)
            except Exception as error:  # whatever is in a file, the others go on
                log.exception("ingest.reader_failed", extra={"file": name})
                why = _our_fault(error)
            else:
                yield TakenDigest(name=name, sha256=sha256, digest=digest)
                continue
            taken.problems.append((name, 0, why))
            yield FileMark(name=name, sha256=sha256, error=why)


@dataclass(kw_only=True, slots=True)
class _Fresh:
    file: DigestFile
    day: date
    data: bytes | None


def _read(file: DigestFile, taken: Taken) -> bytes | None:
    try:
        return file.read()
    except DigestError as error:
        taken.problems.append((file.name, 0, str(error)))
        taken.unread.add(file.name)
        return None


def _store(
    tx: Transaction,
    read: Sequence[TakenDigest | FileMark],
    audience: Audience,
    now: datetime,
    *,
    tell: bool,
) -> Taken:
    known = tx.digests_known(one.sha256 for one in read)
    first: dict[str, TakenDigest] = {}
    for one in read:
        if isinstance(one, TakenDigest) and one.sha256 not in known:
            first.setdefault(one.sha256, one)
    fresh = list(first.values())
    told = audience.without(tx.openings().keys()) if tell else audience
    batch = Batch(tx, told, [one.digest for one in fresh], tell=tell)
    for taken_digest in fresh:
        batch.add(taken_digest, now)
    tx.save_digests(fresh, now)
    marks = [_mark(one) for one in read if first.get(one.sha256) is not one]
    tx.save_files([mark for mark in marks if tell or not mark.error])  # among history lies much else
    batch.save(now)
    return Taken(
        digests=len(fresh),
        entries=sum(len(one.digest.entries) for one in fresh),
        new=batch.new,
        gained=batch.gained,
        notices=batch.notices,
        deliveries=batch.deliveries,
        problems=[(one.name, problem.line, problem.what) for one in fresh for problem in one.digest.problems],
    )


def _our_fault(error: Exception) -> str:
    return f"paperboy fails at this file ({type(error).__name__}: {error}); please report it"


def _mark(one: TakenDigest | FileMark) -> FileMark:
    return one if isinstance(one, FileMark) else FileMark(name=one.name, sha256=one.sha256)
