"""The long-running service: what happens when, from the first look to SIGTERM."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from bot.adapters.folders import scan
from bot.adapters.heartbeat import EVERY
from bot.adapters.scheduler import Job, Scheduler
from bot.adapters.watcher import Watcher, rounds
from bot.app.config.subscriptions import SubscriptionsReloader
from bot.app.counters import chat_service, start_web
from bot.app.gone import forget_gone
from bot.app.together import Together
from bot.app.wiring import House
from bot.domain.errors import ChannelDown, StateError
from bot.domain.files import EXPECTED_SKIPS, FileStabilizer, FoundFile
from bot.domain.incidents import SECOND_POLLER, STOPPED
from bot.domain.sources import MIN_INTERVAL
from bot.pipeline.alarms import SourceWatch
from bot.pipeline.feeds import remove_orphan_feeds
from bot.pipeline.ingest import Planned, Taken

log = logging.getLogger(__name__)

ROLES = ("ingest", "deliver", "chat", "web")
_DELIVER_AT_LEAST = timedelta(seconds=30)
_FINISH = timedelta(seconds=3)
"""For what is in flight; together with the grace of a flush that is cut off, less than ten seconds."""
_SOURCES_EVERY = timedelta(hours=1)
_CLOCK_EVERY = timedelta(minutes=1)
_RELOAD_EVERY = timedelta(seconds=2)
_STUDY_EVERY = timedelta(minutes=1)
_UPKEEP_EVERY = timedelta(hours=1)
_PLAN_EVERY = timedelta(seconds=30)
_OTHERS_WRITE = 0.01
"""Seconds between two transactions of planning in which those who wait can write."""

Announce = Callable[[Taken], Awaitable[None]]


def take_in(house: House, found: Sequence[FoundFile]) -> Taken:
    """Takes the found files in, begins to plan what they changed, and brings quizzes and feeds up to date."""
    taken = house.ingest.take_in(house.files(found), house.clock.now())
    house.quizzes.counter.correct()
    house.feeds.write_all(house.feed_writer)
    return taken


def _tell(taken: Taken) -> None:
    for name, line, what in taken.problems:
        log.warning("digest.problem", extra={"file": name, "line": line, "what": what})
    if taken.changed:
        log.info(
            "digest.taken_in",
            extra={
                "digests": taken.digests,
                "new_papers": taken.new,
                "gained": taken.gained,
                "deliveries": taken.deliveries,
            },
        )


class Service:
    """All that `paperboy run` does, or the `roles` of it. `announce` hears once, when the first look is done."""

    def __init__(
        self,
        house: House,
        *,
        roles: Collection[str] = ROLES,
        announce: Announce,
        reloading: SubscriptionsReloader,
    ) -> None:
        self._house = house
        self._roles = roles
        self._announce: Announce | None = announce
        self._reloading = reloading
        self._scheduler = Scheduler(house.clock.now)
        self._stop = asyncio.Event()
        self._sources = SourceWatch(house.store.digests, house.store.papers, house.incidents, house.fetcher)
        self._has_sources = "ingest" in roles and bool(house.settings.sources)
        self._fetches = False
        """True while this is the machine that fetches the sources."""
        self._fetching: asyncio.Task[Any] | None = None
        self._heartbeat = house.settings.heartbeat
        self._together = Together(house, self._stop)
        self._taking = asyncio.Lock()
        """Held while papers are matched, planned and stored, and while the subscribers change."""

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT; what is in flight then is finished."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self.stop)
        if "deliver" in self._roles:
            self._house.incidents.on_planned(partial(loop.call_soon_threadsafe, self._wake_delivery))
        async with AsyncExitStack() as stack:
            if "web" in self._roles:
                await self._serve(stack)
            tasks = [asyncio.create_task(part) for part in self._parts()]
            stack.callback(self._heartbeat.end)
            self._scheduler.start(self._jobs())
            await self._until_stopped(tasks)

    def stop(self) -> None:
        """Begin to stop."""
        self._house.dispatcher.stop()
        self._stop.set()

    async def _until_stopped(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        stopped = asyncio.create_task(self._stop.wait())
        done, _ = await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        log.info("service.stopping")
        self.stop()
        await self._scheduler.stop(_FINISH)
        for task in (*tasks, stopped):
            task.cancel()
        await asyncio.gather(*tasks, stopped, return_exceptions=True)
        for task in done - {stopped}:
            task.result()  # a part that broke says why

    def _parts(self) -> list["asyncio._CoroutineLike[None]"]:
        parts: list[asyncio._CoroutineLike[None]] = []
        if "deliver" in self._roles:
            parts += self._together.delivering(self._wake_delivery)
        if "ingest" in self._roles:
            parts.append(self._ingest())
        if self._has_sources:
            parts.append(self._together.alone("sources", self._fetch_while_leading))
        if "chat" in self._roles and self._house.settings.sends_telegram:
            parts.append(self._chat())
        return parts

    def _jobs(self) -> list[Job]:
        jobs = [
            Job(name="heartbeat", every=EVERY, run=self._beat),
            Job(name="reload", every=_RELOAD_EVERY, run=self._reload, at_start=False),
        ]
        if "ingest" in self._roles:
            jobs.append(Job(name="plan", every=_PLAN_EVERY, run=self._plan, at_start=False))
        if "deliver" in self._roles:
            at_start = "ingest" not in self._roles
            jobs.append(Job(name="deliver", every=_DELIVER_AT_LEAST, run=self._deliver, at_start=at_start))
            jobs.append(Job(name="clock", every=_CLOCK_EVERY, run=self._clamp_delays))
            jobs.append(Job(name="sources", every=_SOURCES_EVERY, run=self._look_at_sources, at_start=False))
            jobs.append(Job(name="upkeep", every=_UPKEEP_EVERY, run=self._keep_up, at_start=False))
            jobs.append(Job(name="study", every=_STUDY_EVERY, run=self._study, at_start=False))
        if self._has_sources:
            jobs.append(Job(name="fetch", every=MIN_INTERVAL, run=self._fetch, at_start=False))
        return jobs

    async def _ingest(self) -> None:
        house, watch = self._house, self._house.settings.watch
        stabilizer = FileStabilizer(timedelta(seconds=watch.settle_seconds), trust_times=not watch.polling)
        folders = house.settings.watched
        async with Watcher(folders, polling=watch.polling) as watcher:
            async for scanned in rounds(
                lambda: scan(folders, max_bytes=house.settings.max_bytes, base=house.settings.base),
                watcher=watcher,
                stabilizer=stabilizer,
                now=house.clock.now,
                rescan=timedelta(seconds=watch.rescan_seconds),
            ):
                for skipped in scanned.skipped:
                    usual = skipped.reason in EXPECTED_SKIPS
                    log.log(
                        logging.DEBUG if usual else logging.WARNING,
                        "file.skipped",
                        extra={"file": skipped.name, "why": skipped.what},
                    )
                if scanned.stable or (self._announce and not scanned.waiting):
                    await self._take_in(scanned.stable, stabilizer, waiting=scanned.waiting)

    async def _take_in(self, files: Sequence[FoundFile], stabilizer: FileStabilizer, *, waiting: int) -> None:
        try:
            async with self._taking:
                taken = await asyncio.to_thread(take_in, self._house, files)
            await asyncio.to_thread(forget_gone, self._house)
        except StateError as error:
            if self._announce:  # it never worked: whoever started it should know
                raise
            log.error("ingest.interrupted", extra={"error": str(error), "files": len(files)})
            for file in files:
                stabilizer.report_again(file)
            return
        _tell(taken)
        for file in files:
            if file.name in taken.unread:
                stabilizer.report_again(file)
        self._scheduler.wake("plan")
        self._wake_delivery()
        if taken.changed and not self._announce and "deliver" in self._roles:
            self._scheduler.wake("sources")
        if self._announce and not waiting:
            announce, self._announce = self._announce, None
            await self._remove_orphan_feeds()
            if "deliver" in self._roles:
                await self._house.dispatcher.flush()
            await announce(taken)

    async def _fetch_while_leading(self) -> None:
        """Let the job fetch; what it is asking for is given up when this ends, and asked for again by the next."""
        self._fetches = True
        self._scheduler.wake("fetch")
        try:
            await self._stop.wait()
        finally:
            self._fetches = False
            if self._fetching:
                self._fetching.cancel()

    async def _fetch(self) -> datetime | None:
        """Fetch the sources that are due; the watcher reads what they bring."""
        if not self._fetches:
            return None
        self._fetching = asyncio.current_task()
        try:
            await self._house.fetcher.fetch_due()
        finally:
            self._fetching = None
        return await self._house.fetcher.next_due()

    async def _plan(self) -> None:
        """Go on with what is still to be planned, whichever machine began it, while others send already."""
        house, total = self._house, Planned()
        while not self._stop.is_set():
            async with self._taking:
                part = await asyncio.to_thread(house.ingest.continue_planning, house.clock.now())
            if part is None:
                break
            total += part
            self._wake_delivery()
            await asyncio.sleep(_OTHERS_WRITE)
        if total.notices:
            log.info("planning.done", extra={"notices": total.notices, "deliveries": total.deliveries})

    async def _beat(self) -> None:
        """Give a sign of life, while both this loop and the state answer."""
        house = self._house
        await asyncio.to_thread(house.store.incidents.stopped_channels)
        await asyncio.to_thread(self._heartbeat.beat, house.clock.now())

    async def _look_at_sources(self) -> None:
        if "ingest" in self._roles:
            await asyncio.to_thread(forget_gone, self._house)
        if self._together.keeps_up:
            await asyncio.to_thread(self._sources.look, self._house.clock.now())

    async def _chat(self) -> None:
        """Converse; a refused token ends the conversation and nothing else."""
        chat = chat_service(self._house, wake=self._wake_delivery, on_polling=self._note_polling)
        try:
            await self._together.alone("telegram updates", partial(chat.run, self._stop))
            await self._stop.wait()
        finally:
            await chat.close()

    def _wake_delivery(self) -> None:
        if "deliver" in self._roles:
            self._house.dispatcher.wake()
            self._scheduler.wake("deliver")

    async def _note_polling(self, refusal: ChannelDown | None) -> None:
        """Open or close the incident of a chat service that refuses polls for updates."""
        from bot.adapters.telegram.client import SecondPoller

        incidents, now = self._house.incidents, self._house.clock.now()
        if refusal is None:
            await asyncio.to_thread(incidents.channel_works, "telegram", now)
        else:
            kind = SECOND_POLLER if isinstance(refusal, SecondPoller) else STOPPED
            await asyncio.to_thread(incidents.channel_fails, "telegram", str(refusal), now, kind)

    async def _deliver(self) -> datetime | None:
        await self._house.dispatcher.flush()
        return await self._house.dispatcher.next_due()

    async def _study(self) -> None:
        house = self._house
        if not self._together.keeps_up:
            return
        if await asyncio.to_thread(house.quizzes.look_after, house.clock.now()):
            self._wake_delivery()

    async def _clamp_delays(self) -> None:
        house = self._house
        if await asyncio.to_thread(house.store.maintenance.clamp_delays, house.clock.now()):
            self._wake_delivery()

    async def _keep_up(self) -> None:
        if self._together.keeps_up:
            store, now = self._house.store, self._house.clock.now()
            await asyncio.to_thread(store.maintenance.prune, now)

    async def _reload(self) -> None:
        subscribers = await asyncio.to_thread(self._reloading.changed)
        if subscribers is None:
            return
        house = self._house
        async with self._taking:
            await asyncio.to_thread(house.registry.replace, subscribers)
            await asyncio.to_thread(take_in, house, ())
        await self._remove_orphan_feeds()
        self._scheduler.wake("plan")
        self._wake_delivery()

    async def _remove_orphan_feeds(self) -> None:
        house = self._house
        await asyncio.to_thread(
            remove_orphan_feeds, house.store.digests, house.registry.matcher, house.feed_writer
        )

    async def _serve(self, stack: AsyncExitStack) -> None:
        if self._house.settings.web.listen:
            server = await start_web(self._house)
            stack.push_async_callback(server.stop)
            log.info("web.listening", extra={"address": server.address})
