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

from bot import __version__
from bot.app.cli.context import (
    ConfigOption,
    JsonOption,
    VerboseOption,
    check_recipients,
    config_path,
    load_only_settings,
    load_only_subscribers,
    say_json,
    start_logs,
)
from bot.app.cli.status import NEEDS_A_LOOK, needs_a_look
from bot.app.cli.terminal import counted, plain
from bot.domain.errors import DigestError, StateError, UsageError

if TYPE_CHECKING:
    from bot.app.config.settings import Settings
    from bot.app.wiring import House
    from bot.domain.arrivals import Found, Skipped
    from bot.domain.delivery import Parcel, Receipt
    from bot.domain.feeds import Feed
    from bot.domain.subscriptions import ChannelKind, Subscriber
    from bot.pipeline.ingest import Taken

_PATIENCE = timedelta(seconds=10)
"""Time to wait for files that are still being written."""
_RATE_LIMITED = timedelta(seconds=5)
"""Deliveries that are due within this time wait for a rate limit only, so the pass waits for them."""
_LONGEST = timedelta(minutes=30)
_DRY_RUN_CHANNELS: "tuple[ChannelKind, ...]" = ("telegram", "email")


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

    Exit 1 when something needs a look: a dead letter, an uncertain delivery, an unreadable file.
    """
    verbose += context.obj.verbose
    settings = load_only_settings(context, config)
    looked = look_around(settings)
    path = config_path(context, config)
    if not dry_run and settled_before(settings, path, looked):
        _say_done(None, settings, looked, as_json=as_json, verbose=verbose)
        return 0
    subscribers = load_only_subscribers(context, config, settings)
    start_logs(verbose)
    if dry_run:
        return _dry_run(settings, subscribers, looked, as_json=as_json, verbose=verbose)
    check_recipients(settings, subscribers)

    import asyncio

    from bot.app import wiring

    house = wiring.build(settings, subscribers)
    done = asyncio.run(_run_and_close(house, looked))
    house.store.remember_configuration(configuration(settings, path))
    code = NEEDS_A_LOOK if needs_a_look(house.store.outbox.counts(house.clock.now())) else 0
    house.store.close()
    _say_done(done, settings, looked, as_json=as_json, verbose=verbose)
    if code and not as_json:
        typer.echo("something needs a look: `paperboy status` names it", err=True)
    return code


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """The files in the watched folders now."""

    whole: "tuple[Found, ...]"
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


def look_around(settings: "Settings") -> Looked:
    """The files in the watched folders; blocks up to 10 seconds for files that are still being written."""
    from bot.adapters.clock import SystemClock
    from bot.adapters.folders import look
    from bot.domain.arrivals import Found, Settling, Skipped

    clock = SystemClock()
    settling = Settling(
        timedelta(seconds=settings.watch.settle_seconds), trust_times=not settings.watch.polling
    )
    give_up = clock.now() + _PATIENCE
    whole: dict[str, Found] = {}
    while True:
        entries = tuple(look(settings.watch.folders, max_bytes=settings.max_bytes, base=settings.base))
        settled = settling.see((entry for entry in entries if isinstance(entry, Found)), clock.now())
        whole.update({file.name: file for file in settled.whole})
        if settled.look_again_at is None or clock.now() >= give_up:
            skipped = tuple(entry for entry in entries if isinstance(entry, Skipped))
            return Looked(whole=tuple(whole.values()), skipped=skipped, still_written=settled.waiting)
        time.sleep(max((settled.look_again_at - clock.now()).total_seconds(), 0.01))


def settled_before(settings: "Settings", config: Path, looked: Looked) -> bool:
    """True where a glance at the state shows that this pass would change nothing."""
    from bot.adapters.clock import SystemClock
    from bot.adapters.folders import fingerprint, read_bytes
    from bot.adapters.glance import nothing_to_do

    state = settings.sqlite_file
    if state is None or looked.still_written or not settings.atom.folder.is_dir():
        return False
    hashes: dict[str, str] = {}
    for file in looked.whole:
        try:
            hashes[file.name] = fingerprint(read_bytes(file, max_bytes=settings.max_bytes))
        except DigestError:
            return False
    return nothing_to_do(
        state,
        files=hashes,
        configuration=configuration(settings, config),
        now=SystemClock().now(),
    )


def configuration(settings: "Settings", config: Path) -> str:
    """What the outcome of a pass depends on besides the folders: both files and this program."""
    import hashlib

    parts = hashlib.sha256(f"{__version__}\0{settings.model_dump_json()}\0".encode())
    for path in (config, settings.subscriptions):
        parts.update(path.read_bytes() if path.is_file() else b"-")
        parts.update(b"\0")
    return parts.hexdigest()


async def run_once(house: "House", looked: Looked) -> Done:
    """Ingests the files and sends all that is due, within each channel's rate limit."""
    import asyncio

    from bot.app.gone import forget_gone
    from bot.app.service import take_in
    from bot.pipeline.departures import forget_feeds
    from bot.pipeline.upkeep import mind_the_clock

    taken = await asyncio.to_thread(take_in, house, looked.whole)
    await asyncio.to_thread(forget_gone, house)
    await asyncio.to_thread(mind_the_clock, house.store.waits, house.clock.now())
    await asyncio.to_thread(forget_feeds, house.store.intake, house.roster.audience, house.feed_writer)
    await asyncio.to_thread(house.quizzes.look_after, house.clock.now())
    ends: Counter[str] = Counter()
    give_up = house.clock.now() + _LONGEST
    while True:
        ends.update(await house.dispatcher.flush())
        await house.dispatcher.herald.flush()
        waits = (await house.dispatcher.next_due(), await house.dispatcher.herald.next_due())
        due = min(filter(None, waits), default=None)
        now = house.clock.now()
        if due is None or due > min(now + _RATE_LIMITED, give_up):
            return Done(taken=taken, ends=ends)
        await asyncio.sleep(max((due - now).total_seconds(), 0.05))


async def _run_and_close(house: "House", looked: Looked) -> Done:
    try:
        return await run_once(house, looked)
    finally:
        await house.close()


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

    from bot.app import wiring

    if settings.sqlite_file is None:
        raise UsageError("--dry-run works on a copy of the state and can copy only SQLite states")
    with TemporaryDirectory(prefix="paperboy-") as folder:
        copy = Path(folder) / "state.sqlite3"
        _copy_state(settings.sqlite_file, copy)
        house = wiring.build(
            settings,
            subscribers,
            state_url=f"sqlite:///{copy}",
            publishers={kind: DryRunPublisher(kind, settings, show) for kind in _DRY_RUN_CHANNELS},
            feed_writer=DryRunFeedWriter(),
        )
        return asyncio.run(_run_and_close(house, looked)).taken


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


class DryRunPublisher:
    """A publisher that shows each message instead of sending it."""

    def __init__(
        self, kind: "ChannelKind", settings: "Settings", show: Callable[[DryRunMessage], object]
    ) -> None:
        self.kind = kind
        self._sent = 0
        self._settings = settings
        self._show = show

    async def send(self, parcel: "Parcel") -> "Receipt":
        from bot.app.channels import shown
        from bot.domain.delivery import Receipt

        self._sent += 1
        text = await shown(parcel, self._settings)
        self._show(
            DryRunMessage(kind=parcel.kind, target=parcel.target.key, subscriber=parcel.subscriber, text=text)
        )
        return Receipt(message=str(self._sent), poll=f"dry-run-{self._sent}" if parcel.question else None)

    async def close(self) -> None:
        """Nothing is open."""


class DryRunFeedWriter:
    """A feed writer that writes nothing."""

    def write(self, name: str, feed: "Feed") -> bool:  # noqa: ARG002
        return False

    def remove(self, name: str) -> None:
        """Nothing was written."""


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
            typer.echo(f"── {message.kind} to {message.target} ({message.subscriber})\n{message.text}\n")

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
    done: Done | None, settings: "Settings", looked: Looked, *, as_json: bool, verbose: int
) -> None:
    if as_json:
        say_json(_done_json(done, looked))
        return
    _say_skipped(settings, looked, verbose=verbose)
    for line in _done_lines(done, looked):
        typer.echo(line)


def _say_skipped(settings: "Settings", looked: Looked, *, verbose: int) -> None:
    from bot.domain.arrivals import USUAL

    for folder in settings.watch.folders:
        if not folder.is_dir():
            typer.echo(f"the watched folder {plain(str(folder))} is not there", err=True)
    expected = () if verbose else (*USUAL, "missing")
    for file in looked.skipped:
        if file.reason not in expected:
            typer.echo(f"skipped {plain(file.name)}: {plain(file.what)}", err=True)


def _done_lines(done: Done | None, looked: Looked) -> list[str]:
    if done is None:
        return [f"nothing new in {counted(len(looked.whole), 'file')}, nothing due"]
    taken = done.taken
    states = ", ".join(f"{count} {state}" for state, count in sorted(done.ends.items()) if count)
    lines = [
        f"{counted(taken.digests, 'new digest')} of {counted(len(looked.whole), 'file')}: "
        f"{counted(taken.entries, 'entry', 'entries')}, {counted(taken.new, 'new paper')}, "
        f"{taken.gained} gained something",
        *_problem_lines(taken),
        f"deliveries: {states}" if states else "nothing was due",
    ]
    if looked.still_written:
        files = counted(looked.still_written, "file is", "files are")
        lines.append(f"{files} still being written and left for the next pass")
    return lines


def _done_json(done: Done | None, looked: Looked) -> dict[str, Any]:
    taken = done.taken if done else None
    return {
        "files": len(looked.whole),
        "digests": taken.digests if taken else 0,
        "entries": taken.entries if taken else 0,
        "new": taken.new if taken else 0,
        "gained": taken.gained if taken else 0,
        "deliveries": dict(done.ends) if done else {},
        "problems": _problems_json(taken),
        "skipped": [{"file": file.name, "why": file.what} for file in looked.skipped],
    }


def _problem_lines(taken: "Taken") -> list[str]:
    """A line for each thing in the files that could not be used."""
    return [plain(f"{name}:{line}: {what}") for name, line, what in taken.problems]


def _problems_json(taken: "Taken | None") -> list[dict[str, str | int]]:
    problems = taken.problems if taken else ()
    return [{"file": name, "line": line, "what": what} for name, line, what in problems]
