"""`paperboy once`: one pass over the folders, as a command or as a dry run."""

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.app.cli.context import (
    ConfigOption,
    JsonOption,
    VerboseOption,
    check_recipients,
    load_only_settings,
    load_only_subscribers,
    say,
    say_json,
    start_logs,
)
from bot.app.cli.fetch import fetch_sources, results_json, unreachable_line
from bot.app.cli.status import NEEDS_A_LOOK, needs_a_look, unusable
from bot.app.cli.terminal import counted
from bot.domain.errors import StateError, UsageError
from bot.domain.message import unrecorded
from bot.domain.text import printable

if TYPE_CHECKING:
    from bot.app.config.settings import Settings
    from bot.app.container import Container
    from bot.domain.channels import Capabilities, ChannelKind
    from bot.domain.feeds import Feed
    from bot.domain.files import FoundFile, Skipped
    from bot.domain.message import Begin, OutgoingMessage, Receipt
    from bot.domain.subscriptions import Subscriber
    from bot.pipeline.fetch import FetchResult
    from bot.pipeline.ingest import Taken
    from bot.pipeline.ports import Publisher

_PATIENCE = timedelta(seconds=10)
"""Time to wait for files that are still being written."""
_RATE_LIMITED = timedelta(seconds=5)
"""Deliveries that are due within this time wait for a rate limit only, so the pass waits for them."""
_LONGEST = timedelta(minutes=30)


def once(
    context: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send and store nothing; print what would go out.")
    ] = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    config: ConfigOption = None,
) -> int:
    """Read what is in the folders now, send all that is due, stop.

    Sources that are due are fetched first.
    Exit 1 when something needs a look: a dead letter, an uncertain delivery, an unreadable file.
    """
    verbose += context.obj.verbose
    settings = load_only_settings(context, config)
    start_logs(verbose)
    fetched = [] if dry_run else fetch_sources(settings, due=True)
    looked = look_around(settings)
    subscribers = load_only_subscribers(context, config, settings)
    if dry_run:
        return _dry_run(settings, subscribers, looked, as_json=as_json, verbose=verbose)
    check_recipients(settings, subscribers)

    import asyncio

    from bot.app.container import build_container

    container = build_container(settings, subscribers)
    done = asyncio.run(_run_and_close(container, looked))
    counts = container.store.deliveries.counts(container.clock.now())
    container.store.close()
    unreadable = bool(unusable(looked.skipped))
    stuck = needs_a_look(counts) or unreadable or done.taken.unread or done.feeds_error
    code = NEEDS_A_LOOK if stuck else 0
    _say_done(done, settings, looked, fetched, as_json=as_json, verbose=verbose)
    if code and not as_json:
        typer.echo("something needs a look: `paperboy status` names it", err=True)
    return code


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """The files in the watched folders now."""

    whole: "tuple[FoundFile, ...]"
    """Stable files, to be read."""
    skipped: "tuple[Skipped, ...]"
    still_written: int
    """Number of files that kept changing; they are left for the next pass."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """Result of a pass."""

    taken: "Taken"
    ends: Counter[str]
    """Number of deliveries by the state they ended in."""
    feeds_error: str | None = None
    """Why the feed files could not be written."""


def look_around(settings: "Settings") -> Looked:
    """The files in the watched folders; blocks up to 10 seconds for files that are still being written."""
    from bot.adapters.clock import SystemClock
    from bot.app.service import scan_watched
    from bot.domain.files import FileStabilizer, FoundFile, Skipped

    clock = SystemClock()
    stabilizer = FileStabilizer(
        timedelta(seconds=settings.watch.settle_seconds), trust_times=not settings.watch.polling
    )
    give_up = clock.now() + _PATIENCE
    whole: dict[str, FoundFile] = {}
    while True:
        entries = tuple(scan_watched(settings))
        result = stabilizer.see((entry for entry in entries if isinstance(entry, FoundFile)), clock.now())
        whole.update({file.name: file for file in result.files})
        if result.next_scan_at is None or clock.now() >= give_up:
            skipped = tuple(entry for entry in entries if isinstance(entry, Skipped))
            return Looked(whole=tuple(whole.values()), skipped=skipped, still_written=result.waiting)
        time.sleep(max((result.next_scan_at - clock.now()).total_seconds(), 0.01))


async def run_once(container: "Container", looked: Looked) -> Done:
    """Ingests the files and sends all that is due, within each channel's rate limit."""
    import asyncio

    from bot.app.service import forget_gone, mind_the_clock, take_in
    from bot.pipeline.feeds import remove_orphan_feeds

    taken = await asyncio.to_thread(take_in, container, looked.whole)
    taken.add_planned(await asyncio.to_thread(container.ingest.finish_planning, container.clock.now()))
    await asyncio.to_thread(forget_gone, container)
    await asyncio.to_thread(mind_the_clock, container)
    await asyncio.to_thread(
        remove_orphan_feeds, container.store.digests, container.registry.matcher, container.feed_writer
    )
    await asyncio.to_thread(container.quizzes.look_after, container.clock.now())
    await asyncio.to_thread(container.look_backs.plan_due, container.clock.now())
    ends: Counter[str] = Counter()
    give_up = container.clock.now() + _LONGEST
    while True:
        ends.update(await container.dispatcher.flush())
        due = await container.dispatcher.next_due()
        now = container.clock.now()
        if due is None or due > min(now + _RATE_LIMITED, give_up):
            return Done(taken=taken, ends=ends, feeds_error=container.feed_files.error)
        await asyncio.sleep(max((due - now).total_seconds(), 0.05))


async def _run_and_close(container: "Container", looked: Looked) -> Done:
    try:
        return await run_once(container, looked)
    finally:
        await container.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class DryRunMessage:
    """A message that would go out, as its channel would show it."""

    kind: str
    target: str
    subscriber: str
    text: str


def dry_run_messages(
    settings: "Settings",
    subscribers: "Sequence[Subscriber]",
    looked: Looked,
    *,
    show: Callable[[DryRunMessage], object],
) -> "Taken":
    """Runs a pass on a copy of the state and shows each message; state, feeds and mailboxes stay untouched."""
    import asyncio
    from tempfile import TemporaryDirectory

    from bot.app.container import build_container

    if settings.sqlite_file is None:
        raise UsageError("--dry-run works on a copy of the state and can copy only SQLite states")
    with TemporaryDirectory(prefix="paperboy-") as folder:
        copy = Path(folder) / "state.sqlite3"
        _copy_state(settings.sqlite_file, copy)
        container = build_container(
            settings,
            subscribers,
            state_url=f"sqlite:///{copy}",
            publishers=dry_run_publishers(settings, show),
            feed_writer=DryRunFeedWriter(),
        )
        return asyncio.run(_run_and_close(container, looked)).taken


def _copy_state(state: Path, copy: Path) -> None:
    import sqlite3
    from contextlib import closing

    if not state.exists():
        return
    try:
        with (
            closing(sqlite3.connect(f"{state.as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
    except sqlite3.Error as error:
        raise StateError(f"{state} cannot be copied: {error}") from error


def dry_run_publishers(
    settings: "Settings", show: Callable[[DryRunMessage], object]
) -> "dict[ChannelKind, Publisher]":
    """A DryRunPublisher for each channel that is no document."""
    from bot.app.config.publishers import CHANNELS

    return {
        kind: DryRunPublisher(kind, channel.capabilities, settings, show)
        for kind, channel in CHANNELS.items()
        if not channel.capabilities.is_document
    }


class DryRunPublisher:
    """A publisher that shows each message instead of sending it, without rate limits."""

    def __init__(
        self,
        kind: "ChannelKind",
        capabilities: "Capabilities",
        settings: "Settings",
        show: Callable[[DryRunMessage], object],
    ) -> None:
        from bot.domain.channels import Limits

        self.kind = kind
        self.capabilities = dataclasses.replace(capabilities, limits=Limits())
        self._sent = 0
        self._settings = settings
        self._show = show

    async def send(self, message: "OutgoingMessage", begin: "Begin" = unrecorded, /) -> "Receipt":
        from bot.app.config.publishers import shown
        from bot.domain.message import Receipt

        self._sent += 1
        await begin()
        text = await shown(message, self._settings)
        self._show(
            DryRunMessage(
                kind=message.kind, target=message.target.key, subscriber=message.subscriber, text=text
            )
        )
        return Receipt(message=str(self._sent), poll=f"dry-run-{self._sent}" if message.question else None)

    async def close(self) -> None:
        """Does nothing: nothing is open."""


class DryRunFeedWriter:
    """A feed writer that writes nothing."""

    def write(self, name: str, feed: "Feed") -> bool:  # noqa: ARG002
        return False

    def remove(self, name: str) -> None:
        """Does nothing: nothing was written."""


def _dry_run(
    settings: "Settings",
    subscribers: "Sequence[Subscriber]",
    looked: Looked,
    *,
    as_json: bool,
    verbose: int,
) -> int:
    messages: list[DryRunMessage] = []

    def show(message: DryRunMessage) -> None:
        messages.append(message)
        if not as_json:
            say(f"── {message.kind} to {message.target} ({message.subscriber})\n{message.text}\n")

    taken = dry_run_messages(settings, subscribers, looked, show=show)
    if as_json:
        say_json(
            {
                "new": taken.new,
                "gained": taken.gained,
                "problems": _problems_json(taken),
                "messages": [dataclasses.asdict(message) for message in messages],
            }
        )
        return 0
    _say_skipped(settings, looked, verbose=verbose)
    for line in _problem_lines(taken):
        typer.echo(line)
    summary = f"{counted(taken.new, 'new paper')}; {counted(len(messages), 'message')} would go out."
    typer.echo(f"{summary} Nothing was sent or stored.")
    return 0


def _say_done(
    done: Done,
    settings: "Settings",
    looked: Looked,
    fetched: "Sequence[FetchResult]",
    *,
    as_json: bool,
    verbose: int,
) -> None:
    if as_json:
        say_json(_done_json(done, looked) | ({"sources": results_json(fetched)} if settings.sources else {}))
        return
    for result in fetched:
        if result.state.error:
            typer.echo(unreachable_line(result), err=True)
    _say_skipped(settings, looked, verbose=verbose)
    for line in _done_lines(done, looked):
        typer.echo(line)


def _say_skipped(settings: "Settings", looked: Looked, *, verbose: int) -> None:
    from bot.domain.files import EXPECTED_SKIPS

    for folder in settings.watch.folders:
        if not folder.is_dir():
            typer.echo(f"the watched folder {printable(str(folder))} is not there", err=True)
    expected = () if verbose else (*EXPECTED_SKIPS, "missing")
    for file in looked.skipped:
        if file.reason not in expected:
            typer.echo(f"skipped {printable(file.name)}: {printable(file.what)}", err=True)


def _done_lines(done: Done, looked: Looked) -> list[str]:
    taken = done.taken
    states = ", ".join(f"{count} {state}" for state, count in sorted(done.ends.items()) if count)
    lines = [
        f"{counted(taken.digests, 'new digest')} of {counted(len(looked.whole), 'file')}: "
        f"{counted(taken.entries, 'entry', 'entries')}, {counted(taken.new, 'new paper')}, "
        f"{taken.gained} gained something",
        *_problem_lines(taken),
        *([printable(f"feeds: {done.feeds_error}")] if done.feeds_error else []),
        f"deliveries: {states}" if states else "nothing was due",
    ]
    if looked.still_written:
        files = counted(looked.still_written, "file is", "files are")
        lines.append(f"{files} still being written and left for the next pass")
    return lines


def _done_json(done: Done, looked: Looked) -> dict[str, Any]:
    taken = done.taken
    return {
        "files": len(looked.whole),
        "digests": taken.digests,
        "entries": taken.entries,
        "new": taken.new,
        "gained": taken.gained,
        "deliveries": dict(done.ends),
        "problems": _problems_json(taken),
        "feeds_error": done.feeds_error,
        "skipped": [{"file": file.name, "why": file.what} for file in looked.skipped],
    }


def _problem_lines(taken: "Taken") -> list[str]:
    """A line for each part of the files that could not be used."""
    return [printable(f"{name}:{line}: {what}") for name, line, what in taken.problems]


def _problems_json(taken: "Taken") -> list[dict[str, str | int]]:
    return [{"file": name, "line": line, "what": what} for name, line, what in taken.problems]
