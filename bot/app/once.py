"""One pass: read what is in the folders now, send all that is due, stop."""

import hashlib
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bot import __version__
from bot.adapters.clock import SystemClock
from bot.adapters.folders import fingerprint, look, read_bytes
from bot.adapters.glance import nothing_to_do
from bot.domain.arrivals import Found, Settling, Skipped
from bot.domain.errors import DigestError

if TYPE_CHECKING:
    from bot.app.config.settings_model import Settings
    from bot.app.wiring import House
    from bot.pipeline.ingest import Taken

_PATIENCE = timedelta(seconds=10)
"""How long files that are still being written are waited for."""
_PACED = timedelta(seconds=5)
"""Rows that wait no longer than this wait for a channel's pace, and belong to this pass."""
_LONGEST = timedelta(minutes=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """The folders as they are now."""

    whole: tuple[Found, ...]
    skipped: tuple[Skipped, ...]
    still_written: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What a pass came to."""

    taken: "Taken"
    ends: Counter[str]


def look_around(settings: "Settings") -> Looked:
    """All files that are whole, after a moment's patience with those that are not yet; blocks meanwhile."""
    clock = SystemClock()
    settling = Settling(
        timedelta(seconds=settings.watch.settle_seconds), trust_times=not settings.watch.polling
    )
    give_up = clock.now() + _PATIENCE
    whole: dict[str, Found] = {}
    while True:
        sightings = tuple(look(settings.watch.folders, max_bytes=_max_bytes(settings), base=settings.base))
        settled = settling.see((one for one in sightings if isinstance(one, Found)), clock.now())
        whole.update({found.name: found for found in settled.whole})
        if settled.look_again_at is None or clock.now() >= give_up:
            skipped = tuple(one for one in sightings if isinstance(one, Skipped))
            return Looked(whole=tuple(whole.values()), skipped=skipped, still_written=settled.waiting)
        time.sleep(max((settled.look_again_at - clock.now()).total_seconds(), 0.01))


def settled_before(settings: "Settings", config: Path, looked: Looked) -> bool:
    """True where a glance at the state shows that this pass would change nothing."""
    state = settings.sqlite_file
    if state is None or looked.still_written or not settings.atom.folder.is_dir():
        return False
    hashes: dict[str, str] = {}
    for found in looked.whole:
        try:
            hashes[found.name] = fingerprint(read_bytes(found, max_bytes=_max_bytes(settings)))
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
    parts = hashlib.sha256(f"{__version__}\0{settings.model_dump_json()}\0".encode())
    for path in (config, settings.subscriptions):
        parts.update(path.read_bytes() if path.is_file() else b"-")
        parts.update(b"\0")
    return parts.hexdigest()


async def run_once(house: "House", looked: Looked) -> Done:
    """Take in what is there and send all that is due, keeping each channel's pace."""
    import asyncio  # a pass with nothing to do ends before it needs this

    from bot.app.gone import forget_gone
    from bot.app.service import take_in
    from bot.pipeline.departures import forget_feeds
    from bot.pipeline.upkeep import mind_the_clock

    taken = await asyncio.to_thread(take_in, house, looked.whole)
    taken.add_planned(await asyncio.to_thread(house.ingest.finish_planning, house.clock.now()))
    await asyncio.to_thread(forget_gone, house)
    await asyncio.to_thread(mind_the_clock, house.store.waits, house.clock.now())
    await asyncio.to_thread(forget_feeds, house.store.intake, house.roster.matcher, house.feed_writer)
    await asyncio.to_thread(house.quizzes.look_after, house.clock.now())
    ends: Counter[str] = Counter()
    give_up = house.clock.now() + _LONGEST
    while True:
        ends.update(await house.dispatcher.flush())
        due = await house.dispatcher.next_due()
        now = house.clock.now()
        if due is None or due > min(now + _PACED, give_up):
            return Done(taken=taken, ends=ends)
        await asyncio.sleep(max((due - now).total_seconds(), 0.05))


def _max_bytes(settings: "Settings") -> int:
    return int(settings.watch.max_file_mb * 1_000_000)
