"""Ingest: reads digest files, compares them with the state, stores what changed, and plans notices and deliveries."""

import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from typing import Protocol

from bot.domain.backlog import Look, SourceHistory, backlog_of, days_of, look_at
from bot.domain.digests import Change, Gain, diff, plausible_day, with_plausible_days
from bot.domain.errors import DigestError, NotADigest, StateError
from bot.domain.matcher import SubscriptionMatcher
from bot.domain.papers import Paper, PaperId
from bot.domain.query import Document, document_of
from bot.pipeline.onboarding import begin_alike, begin_onboarding, register
from bot.pipeline.planning_runs import MatchedRun, NewRun, Planned, RunPlanner, uncollected
from bot.pipeline.ports import DigestReader
from bot.pipeline.ports.papers import (
    DigestStore,
    FileRecord,
    IngestTransaction,
    ReadDigest,
    StateView,
)
from bot.pipeline.subscribers import SubscriberRegistry

log = logging.getLogger(__name__)

_BATCH_FILES, _BATCH_BYTES = 128, 5_000_000
"""Files, and their bytes, that share one transaction when many arrive at once; each is stored whole or not at all."""
_KEPT_BYTES = 32_000_000
"""So many bytes of files that were read to find the fresh ones are kept, so that they need not be read again."""
_DAY_IN_NAME = re.compile(r"(?<!\d)(19|20)\d\d[-_.]?(0[1-9]|1[0-2])[-_.]?([0-2]\d|3[01])(?!\d)")


class DigestFile(Protocol):
    """A file that may hold a digest."""

    @property
    def name(self) -> str:
        """Its name below the watched folder: the same on every machine."""
        ...

    @property
    def source(self) -> str:
        """The name of the source that it comes from."""
        ...

    def read(self) -> bytes:
        """Its bytes; DigestError where it cannot or must not be read."""
        ...

    def beside(self, name: str) -> bytes | None:
        """The first bytes of the file of that name in the same folder; None where there is none."""
        ...


PeekDate = Callable[[bytes, str], date | None]


@dataclass(kw_only=True, slots=True)
class IngestResult:
    """Counts of one ingest; `notices` and `deliveries` as far as they are planned."""

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

    def add_planned(self, planned: "Planned | IngestResult") -> None:
        """Add the counts of a plan."""
        self.notices += planned.notices
        self.deliveries += planned.deliveries

    def add(self, other: "IngestResult") -> None:
        """Add the counts of another ingest."""
        self.digests += other.digests
        self.entries += other.entries
        self.new += other.new
        self.gained += other.gained
        self.add_planned(other)
        self.problems += other.problems
        self.unread |= other.unread


class Ingest:
    """Ingest of digest files. Idempotent: taking in the same files again changes nothing.

    What changed is planned for all subscribers by planning runs, in parts: see `continue_planning`. One thread at a time.
    """

    def __init__(
        self,
        digests: DigestStore,
        registry: SubscriberRegistry,
        planner: RunPlanner,
        read_digest: DigestReader,
        peek_date: PeekDate,
    ) -> None:
        self._digests = digests
        self._registry = registry
        self._planner = planner
        self._read_digest = read_digest
        self._peek_date = peek_date
        self._registered: SubscriptionMatcher | None = None
        """The matcher whose subscribers are certainly registered."""
        self._onboarded: SubscriptionMatcher | None = None
        """The matcher whose new subscribers and subscriptions were looked for."""
        self._being_onboarded: frozenset[str] | None = None
        """Those of its subscribers who were not onboarded then; None before all are looked at."""

    def process(self, files: Sequence[DigestFile], now: datetime) -> IngestResult:
        """Onboard new subscribers and new subscriptions, store what is new in these files, newest digest first, and begin
        to plan it.

        A file that gives no digest is a problem in the result, and is read again only when its content changes; one that
        cannot be read now is in `unread`.

        Raises: StateError; the files stored until then stay stored.
        """
        self._registry.matcher.prepare()
        self._onboard(now)
        return self._process(files, now, imported=False)

    def process_history(self, files: Sequence[DigestFile], now: datetime) -> IngestResult:
        """Ingest files that were published before: their matches are noticed, and nothing is sent, also not when one of
        their papers gains something later.

        The current subscribers are onboarded first, so that papers which come later are news to them.
        """
        self._onboard(now)
        return self._process(files, now, imported=True)

    def finish_history(self, now: datetime) -> Planned:
        """Plan all that is left, and notice papers like those that subscribers like."""
        begin_alike(self._digests, self._registry.matcher, now)
        return self.finish_planning(now)

    def continue_planning(self, now: datetime) -> Planned | None:
        """Plan the next part of the oldest planning run, for some thousand matches; None where nothing is left.

        It goes on behind the last subscriber that the run was planned for, whichever machine did that, with the
        configuration as it is now.
        """
        self._register(now)
        return self._planner.plan_part(self._registry.matcher, now)

    def finish_planning(self, now: datetime) -> Planned:
        """Plan all that is left."""
        planned = Planned()
        while (part := self.continue_planning(now)) is not None:
            planned += part
        return planned

    def _register(self, now: datetime) -> None:
        if self._registered is not self._registry.matcher:
            register(self._digests, self._registry.matcher, self._planner.first_run, now)
            self._registered = self._registry.matcher

    def _onboard(self, now: datetime) -> None:
        """Register new subscribers, and begin to onboard them and new subscriptions, so that what comes next is news."""
        self._register(now)
        matcher = self._registry.matcher
        if self._onboarded is not matcher:
            self._being_onboarded = None
        elif not self._being_onboarded:
            return
        self._being_onboarded = begin_onboarding(
            self._digests, matcher, self._planner.first_run, now, self._being_onboarded
        )
        self._onboarded = matcher

    def _process(self, files: Sequence[DigestFile], now: datetime, *, imported: bool) -> IngestResult:
        result = IngestResult()
        fresh = self._fresh_files(files, result, now.date())
        self._judge(fresh, now, imported=imported)
        for batch in _batches(fresh):
            with uncollected():
                self._process_batch(batch, now, result, imported=imported)
            if self._planner.is_full:
                result.add_planned(self.finish_planning(now))
        return result

    def _fresh_files(
        self, files: Sequence[DigestFile], result: IngestResult, today: date
    ) -> list["_FreshFile"]:
        """The files whose content is not the one last looked at, newest date first."""
        known = self._digests.known_files()
        fresh: list[_FreshFile] = []
        room = _KEPT_BYTES
        for file in files:
            data = _read(file, result)
            if data is None or known.get(file.name) == (sha256 := hashlib.sha256(data).hexdigest()):
                continue
            room -= len(data)
            day = plausible_day(self._day(data, file.name), today)
            content = data if room >= 0 else None
            seen_before = file.name in known
            fresh.append(
                _FreshFile(
                    file=file, sha256=sha256, size=len(data), day=day, data=content, seen_before=seen_before
                )
            )
        return sorted(fresh, key=lambda file: (-(file.day or date.min).toordinal(), file.file.name))

    def _judge(self, fresh: Sequence["_FreshFile"], now: datetime, *, imported: bool) -> None:
        """Give each file the look of its source. Content that is known already counts as what the source brought."""
        known = self._digests.digests_known(file.sha256 for file in fresh)
        by_source: dict[str, list[_FreshFile]] = {}
        for file in fresh:
            by_source.setdefault(file.file.source, []).append(file)
        for source, files in by_source.items():
            days: dict[bool, set[date]] = {True: set(), False: set()}
            for file in files:
                if file.day:
                    days[file.sha256 in known].add(file.day)
            history = self._digests.source_history(source)
            if any(file.sha256 in known for file in files):
                begun = history or SourceHistory(first_at=now, last_at=now)
                history = replace(begun, newest=max(filter(None, (begun.newest, *days[True])), default=None))
            look = look_at(history, days[False], now, imported=imported)
            for file in files:
                file.look = look

    def _process_batch(
        self, fresh: Sequence["_FreshFile"], now: datetime, result: IngestResult, *, imported: bool
    ) -> None:
        read = list(self._read(fresh, result, now.date(), imported=imported))
        try:
            result.add(self._store(read, now, imported=imported))
        except StateError:
            raise
        except Exception:  # one of them is more than we can take: the others must not wait for it
            log.exception("ingest.batch_failed", extra={"files": len(read)})
            for file in read:
                result.add(self._store_alone(file, now, imported=imported))

    def _store_alone(self, file: ReadDigest | FileRecord, now: datetime, *, imported: bool) -> IngestResult:
        try:
            return self._store([file], now, imported=imported)
        except StateError:
            raise
        except Exception as error:
            log.exception("ingest.digest_failed", extra={"file": file.name})
            why = _our_fault(error)
            self._store([FileRecord(name=file.name, sha256=file.sha256, error=why)], now, imported=imported)
            return IngestResult(problems=[(file.name, 0, why)])

    def _store(
        self, read: Sequence[ReadDigest | FileRecord], now: datetime, *, imported: bool
    ) -> IngestResult:
        while True:
            try:
                return self._store_once(read, now, imported=imported)
            except _WouldOvertake:
                self.finish_planning(now)

    def _store_once(
        self, read: Sequence[ReadDigest | FileRecord], now: datetime, *, imported: bool
    ) -> IngestResult:
        matcher = self._registry.matcher
        # Outside of the transaction, so that others can write while papers are matched.
        comparison = _Comparison(self._digests, read, matcher, imported=imported)
        with self._planner.transaction() as tx:
            if not comparison.holds_in(tx):
                comparison = _Comparison(tx, read, matcher, imported=imported)
            fresh, batch = comparison.fresh, comparison.batch
            tx.save_digests(fresh, now)
            # An imported folder may hold much that is no digest; `run` would name it as unreadable for ever.
            tx.save_files([file for file in comparison.records if not (imported and file.error)])
            _save_sources(tx, read, now)
            batch.save(tx, now)
            planned = self._planner.begin(tx, comparison.runs, now)
        return IngestResult(
            digests=len(fresh),
            entries=sum(len(file.digest.entries) for file in fresh),
            new=batch.new,
            gained=batch.gained,
            notices=planned.notices,
            deliveries=planned.deliveries,
            problems=[
                (file.name, problem.line, problem.what) for file in fresh for problem in file.digest.problems
            ],
        )

    def _day(self, data: bytes, name: str) -> date | None:
        try:
            return self._peek_date(data, name)
        except Exception:  # the reader will say what is wrong with it
            log.debug("ingest.no_date", extra={"file": name}, exc_info=True)
            return None

    def _read(
        self, fresh: Sequence["_FreshFile"], result: IngestResult, today: date, *, imported: bool
    ) -> Iterator[ReadDigest | FileRecord]:
        for file in fresh:
            name, sha256, data, file.data = file.file.name, file.sha256, file.data, None
            if data is None:
                data = _read(file.file, result)
                if data is None:
                    continue
                sha256 = hashlib.sha256(data).hexdigest()
            plainly_none = False
            try:
                digest = with_plausible_days(self._read_digest(data, name, file.file.beside), today)
            except DigestError as error:
                why = str(error)
                # What somebody imports is meant to be read, so that all is named.
                plainly_none = (
                    not imported and isinstance(error, NotADigest) and not self._should_be_one(file)
                )
            except Exception as error:  # whatever is in a file, the others go on
                log.exception("ingest.reader_failed", extra={"file": name})
                why = _our_fault(error)
            else:
                backlog = backlog_of(digest, file.look, seen_before=file.seen_before)
                yield ReadDigest(
                    name=name,
                    sha256=sha256,
                    digest=digest,
                    source=file.file.source,
                    history=file.look.history,
                    backlog=backlog,
                )
                continue
            if not plainly_none:
                result.problems.append((name, 0, why))
            yield FileRecord(name=name, sha256=sha256, error=why, is_no_digest=plainly_none)

    def _should_be_one(self, file: "_FreshFile") -> bool:
        """Whether a file that no reader knows is missed as a digest: it has a day in its name, or was one before."""
        name = file.file.name
        was_one = file.seen_before and name not in self._digests.no_digests()
        return was_one or _DAY_IN_NAME.search(name.rpartition("/")[2]) is not None


class _WouldOvertake(Exception):
    """A paper would change while a run that plans it is open, so that the rest would be planned of the changed paper."""


@dataclass(kw_only=True, slots=True)
class _FreshFile:
    """A file with content that was not looked at yet under its name."""

    file: DigestFile
    sha256: str
    size: int
    day: date | None
    data: bytes | None
    seen_before: bool
    """The file was taken in with other content."""
    look: Look = field(init=False)
    """The look of its source."""


def _batches(fresh: Sequence[_FreshFile]) -> Iterator[Sequence[_FreshFile]]:
    """The files in their order, as many together as share a transaction; a large file stands alone."""
    start = size = 0
    for index, file in enumerate(fresh):
        size += file.size
        if index > start and (size > _BATCH_BYTES or index - start == _BATCH_FILES):
            yield fresh[start:index]
            start, size = index, file.size
    if fresh:
        yield fresh[start:]


def _read(file: DigestFile, result: IngestResult) -> bytes | None:
    try:
        return file.read()
    except DigestError as error:
        result.problems.append((file.name, 0, str(error)))
        result.unread.add(file.name)
        return None


def _our_fault(error: Exception) -> str:
    return f"paperboy fails at this file ({type(error).__name__}: {error}); please report it"


def _record(file: ReadDigest | FileRecord) -> FileRecord:
    return file if isinstance(file, FileRecord) else FileRecord(name=file.name, sha256=file.sha256)


def _save_sources(tx: IngestTransaction, read: Sequence[ReadDigest | FileRecord], now: datetime) -> None:
    """Write down what the sources of these files have brought."""
    histories: dict[str, SourceHistory] = {}
    for file in read:
        if isinstance(file, ReadDigest) and file.history is not None:
            days = filter(None, days_of(file.digest).values())
            histories[file.source] = histories.get(file.source, file.history).with_days([*days], now)
    for source, history in histories.items():
        tx.save_source(source, history.after(tx.source_history(source)))


class _Comparison:
    """Files compared with the state and matched."""

    def __init__(
        self,
        state: StateView,
        read: Sequence[ReadDigest | FileRecord],
        matcher: SubscriptionMatcher,
        *,
        imported: bool,
    ) -> None:
        self._version = state.version()
        self._hashes = [file.sha256 for file in read]
        self._known = state.digests_known(self._hashes)
        first: dict[str, ReadDigest] = {}
        for file in read:
            if isinstance(file, ReadDigest) and file.sha256 not in self._known:
                first.setdefault(file.sha256, file)
        self.fresh = list(first.values())
        self.records = [_record(file) for file in read if file is not first.get(file.sha256)]
        """Of the files without a fresh digest."""
        ids = {entry.id for file in self.fresh for entry in file.digest.entries}
        self.batch = IngestBatch(state.papers(ids))
        for file in self.fresh:
            self.batch.add(file)
        if state.is_being_planned(self.batch.updated):
            raise _WouldOvertake
        self.runs = [
            NewRun(
                changes,
                "import" if imported else "news" if source is None else "backlog",
                source,
                MatchedRun(state, matcher, changes, self.batch.documents) if matcher.subscribers else None,
            )
            for source, changes in self.batch.by_source(imported=imported)
        ]

    def holds_in(self, state: StateView) -> bool:
        """Whether the state is still as it was compared with."""
        return state.version() == self._version and state.digests_known(self._hashes) == self._known


class IngestBatch:
    """Several digests on their way into one transaction, each seeing what the ones before it brought."""

    def __init__(self, known: Mapping[PaperId, Paper]) -> None:
        """`known` are those papers of the digests that are stored."""
        self._known = known.keys()
        self._papers = dict(known)
        self._gains: dict[PaperId, frozenset[Gain]] = {}
        """By changed paper what it gained; nothing where it is new."""
        self._resighted: set[PaperId] = set()
        self._backlog: dict[PaperId, str | None] = {}
        """By changed paper the source whose backlog it is; None where one of the digests is news."""
        self.new = self.gained = 0

    @property
    def updated(self) -> set[PaperId]:
        """Papers that were known before and are to be stored again."""
        return self._known & (self._gains.keys() | self._resighted)

    @cached_property
    def changes(self) -> list[Change]:
        """Changes of all digests together, in their order: each paper once, as it is after the last of them. Once all
        digests are added.
        """
        return [Change(paper=self._papers[paper], gains=gains) for paper, gains in self._gains.items()]

    def by_source(self, *, imported: bool) -> list[tuple[str | None, list[Change]]]:
        """(source, changes): those that are backlog by source, and before them, under None, the news; of an import all
        together under None.
        """
        changes: dict[str | None, list[Change]] = {}
        for change in self.changes:
            source = None if imported else self._backlog[change.paper.id]
            changes.setdefault(source, []).append(change)
        return sorted(changes.items(), key=lambda pair: (pair[0] is not None, pair[0] or ""))

    @cached_property
    def documents(self) -> Mapping[PaperId, Document]:
        """The papers that are to be stored, to match them and to keep their words; once all digests are added."""
        return {paper: document_of(self._papers[paper]) for paper in self._gains.keys() | self._resighted}

    def add(self, file: ReadDigest) -> None:
        """Add the changes of one digest."""
        changed = diff(file.digest, self._papers, name=file.name)
        for paper in (*(change.paper for change in changed.changes), *changed.resighted):
            self._papers[paper.id] = paper
        self._resighted.update(paper.id for paper in changed.resighted)
        for change in changed.changes:
            before = self._gains.get(change.paper.id)
            is_new = change.is_new or before == frozenset()
            self._gains[change.paper.id] = frozenset() if is_new else change.gains | (before or frozenset())
            is_news = change.paper.id not in file.backlog
            if is_news or change.paper.id not in self._backlog:
                self._backlog[change.paper.id] = None if is_news else file.source
            self.new += change.is_new
            self.gained += not change.is_new

    def save(self, tx: IngestTransaction, now: datetime) -> None:
        """Store the papers."""
        changed = [change.paper for change in self.changes]
        tx.save_papers(changed, now, changed=True, documents=self.documents)
        only_resighted = self._resighted - self._gains.keys()
        resighted = [paper for paper in self._papers.values() if paper.id in only_resighted]
        tx.save_papers(resighted, now, changed=False, documents=self.documents)
