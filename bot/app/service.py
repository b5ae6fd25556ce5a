"""Service: the tasks and periodic jobs of `run`."""

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from bot.adapters.heartbeat import EVERY, notify_systemd, watchdog_interval
from bot.adapters.scheduler import Job, Scheduler
from bot.adapters.watcher import Watcher, rounds
from bot.app.config.subscriptions import SubscriptionsReloader
from bot.app.container import Container, chat_service, start_web
from bot.app.delays import repair_delays
from bot.app.tasks import FailureLog, StateUnusable, Task, TaskRunner, log_failure
from bot.app.watched import forget_missing_files, ingest_files, scan_watched, stabilizer_of
from bot.domain.channels import ChannelKind
from bot.domain.chats import CHAT
from bot.domain.errors import (
    ChannelDown,
    PaperboyError,
    StateDamaged,
    StateTooNew,
    StateUnavailable,
    UsageError,
)
from bot.domain.files import EXPECTED_SKIPS, FileStabilizer, FoundFile
from bot.domain.incidents import JOB_FAILING, SECOND_POLLER, STOPPED, TASK_FAILING
from bot.domain.sources import MIN_INTERVAL
from bot.pipeline.feeds import remove_orphan_feeds
from bot.pipeline.incidents import SourceWatch
from bot.pipeline.ingest import IngestResult
from bot.pipeline.planning_runs import Planned

log = logging.getLogger(__name__)

ROLES = ("ingest", "deliver", "chat", "web")
_DELIVER_AT_LEAST = timedelta(seconds=30)
_FINISH = timedelta(seconds=3)
"""Time for deliveries in flight at the end; with the grace period of an interrupted flush, less than ten seconds."""
_CHECK_EVERY = timedelta(hours=1)
_CLOCK_EVERY = timedelta(minutes=1)
_RELOAD_EVERY = timedelta(seconds=2)
_QUIZZES_EVERY = timedelta(minutes=1)
_LOOK_BACKS_EVERY = timedelta(minutes=10)
_REPORTS_EVERY = timedelta(minutes=2)
_PRUNE_EVERY = timedelta(hours=1)
_PLAN_EVERY = timedelta(seconds=30)
_HUB_EVERY = timedelta(minutes=5)
_FEEDS_EVERY = timedelta(seconds=30)
_TRY_STATE_EVERY, _LOG_STATE_EVERY = timedelta(seconds=2), timedelta(minutes=1)
"""While the state is unavailable."""
_PLANNING_PAUSE = 0.01
"""Seconds between two transactions of planning, in which other processes can write."""
_INGEST = "ingest"
"""The task that looks through the folders; also the name under which each ingest of files is recorded, as a job."""
_DUTIES = {
    "fetch": "sources",
    **dict.fromkeys(("check sources", "reports", "prune", "quizzes", "look backs"), "maintenance"),
}
"""Duty by job, for jobs that do nothing in a process without the duty."""

Announce = Callable[[IngestResult], Awaitable[None]]
T = TypeVar("T")


def wait_for_state(
    build: Callable[[], T],
    *,
    sleep: Callable[[float], None] = time.sleep,
    elapsed: Callable[[], float] = time.monotonic,
) -> T:
    """The result of `build`, which is tried again while the state is unavailable; this is logged once a minute.

    Raises StateError if waiting does not help: a damaged, newer or foreign state, a wrong password.
    """
    logged_at: float | None = None
    while True:
        try:
            return build()
        except StateUnavailable as error:
            if logged_at is None or elapsed() - logged_at >= _LOG_STATE_EVERY.total_seconds():
                logged_at = elapsed()
                log.warning("state.waiting", extra={"error": str(error)})
                notify_systemd(STATUS=f"waiting for the state: {error}")
        notify_systemd(WATCHDOG="1")
        sleep(_TRY_STATE_EVERY.total_seconds())


def log_bad_edit(error: UsageError) -> None:
    """Log each fault of an edited configuration."""
    for fault in str(error).splitlines():
        log.error("configuration.bad_edit", extra={"fault": fault, "keeping": "the one before"})


def _log_result(result: IngestResult) -> None:
    for name, line, what in result.problems:
        log.warning("digest.problem", extra={"file": name, "line": line, "what": what})
    if result.changed:
        log.info(
            "digests.ingested",
            extra={
                "digests": result.digests,
                "new_papers": result.new,
                "gained": result.gained,
                "deliveries": result.deliveries,
            },
        )


class Service:
    """Service of `paperboy run` with some or all roles; calls `announce` once, after the first scan."""

    def __init__(
        self,
        container: Container,
        *,
        roles: Collection[str] = ROLES,
        announce: Announce,
        reloader: SubscriptionsReloader,
        check: Callable[[], object] = lambda: None,
    ) -> None:
        """`check` reads the configuration anew before a restart, and raises UsageError if it has mistakes."""
        self._container = container
        self._roles = roles
        self._announce: Announce | None = announce
        self._reloader = reloader
        self._check = check
        self._checking: asyncio.Task[None] | None = None
        self.restarts = False
        """True if the service ended to be started again with an edited configuration."""
        self._scheduler = Scheduler(container.clock.now, self._record_job)
        self._stop = asyncio.Event()
        self._failures = FailureLog(container)
        self._runner = TaskRunner(container, self._failures, self._stop)
        self._duties: set[str] = set()
        """Names of the duties that this process has."""
        self._rate_limited = [
            kind for kind, publisher in container.publishers.items() if publisher.capabilities.limits.overall
        ]
        """Channels with a limit on all their messages. It holds for the whole cluster, so one process sends there."""
        self._has_hub = bool(container.settings.atom.hub and container.settings.web.listen)
        self._hub_pinged_for: datetime | None = None
        """The newest change of the feeds that the hub knows of."""
        self._sources = SourceWatch(
            container.store.digests, container.store.papers, container.incidents, container.fetcher
        )
        self._has_sources = "ingest" in roles and bool(container.settings.sources)
        self._fetching: asyncio.Task[Any] | None = None
        self._heartbeat = container.settings.heartbeat
        self._wake_chat: Callable[[], None] = lambda: None
        self._ingest_lock = asyncio.Lock()
        """Held while papers are matched, planned and stored, and while the subscribers change."""

    async def run(self) -> None:
        """Run until SIGTERM, SIGINT, or SIGHUP with a valid configuration, and then finish deliveries in flight."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self._request_restart)
        if "deliver" in self._roles:
            self._container.incidents.on_planned(partial(loop.call_soon_threadsafe, self._wake_delivery))
            for kind in self._rate_limited:
                self._container.dispatcher.leave_channel(kind)
        tasks, jobs = self._tasks(), self._jobs()
        if set(ROLES) <= set(self._roles):
            await self._failures.forget_others(
                {
                    *((TASK_FAILING, task.name) for task in tasks),
                    *((JOB_FAILING, name) for name in (_INGEST, *(job.name for job in jobs))),
                }
            )
        async with AsyncExitStack() as stack:
            if "web" in self._roles:
                await self._serve(stack)
            running = [asyncio.create_task(self._runner.run(task)) for task in tasks]
            stack.callback(self._heartbeat.end)
            self._scheduler.start(jobs)
            self._container.preferences.on_change(partial(loop.call_soon_threadsafe, self._wake_reload))
            if "ingest" not in self._roles:  # otherwise after the first look
                notify_systemd(READY="1", STATUS=f"running: {', '.join(self._roles)}")
            await self._until_stopped(running)

    def stop(self) -> None:
        """Ask the service to stop."""
        self._container.dispatcher.stop()
        self._stop.set()

    def _request_restart(self) -> None:
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self._restart_if_valid())

    async def _restart_if_valid(self) -> None:
        """End the service for a restart; mistakes in the configuration are logged, and the service goes on."""
        try:
            await asyncio.to_thread(self._check)
        except UsageError as error:
            log_bad_edit(error)
        else:
            self.restarts = True
            self.stop()

    async def _until_stopped(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        stopped = asyncio.create_task(self._stop.wait())
        done, _ = await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        log.info("service.reloading" if self.restarts else "service.stopping")
        if self.restarts:
            notify_systemd(RELOADING="1", MONOTONIC_USEC=str(time.monotonic_ns() // 1000))
        else:
            notify_systemd(STOPPING="1")
        self.stop()
        await self._scheduler.stop(_FINISH)
        for task in (*tasks, stopped):
            task.cancel()
        await asyncio.gather(*tasks, stopped, return_exceptions=True)
        for task in done - {stopped}:
            task.result()  # raises the error of a task that failed

    def _tasks(self) -> list[Task]:
        tasks: list[Task] = []
        if "deliver" in self._roles:
            listen = partial(self._container.store.wake_up.listen, self._wake_delivery)
            tasks.append(Task(name="wake-up", run=listen))
            tasks.append(Task(name="maintenance", run=partial(self._hold, "maintenance"), is_duty=True))
            for kind in self._rate_limited:
                hold = partial(self._hold_channel, kind)
                tasks.append(Task(name=f"{kind} rate limit", run=hold, is_duty=True))
        if "ingest" in self._roles:
            tasks.append(Task(name=_INGEST, run=self._ingest))
        if self._has_sources:
            tasks.append(Task(name="sources", run=self._hold_sources, is_duty=True))
        if "chat" in self._roles and self._container.settings.sends_telegram:
            tasks.append(Task(name="chat", run=self._chat, is_duty=True))
        return tasks

    async def _hold(self, duty: str) -> None:
        """Let the jobs of this duty work until it ends."""
        self._duties.add(duty)
        try:
            await self._stop.wait()
        finally:
            self._duties.discard(duty)

    async def _hold_channel(self, kind: ChannelKind) -> None:
        """Let this process send on a channel with an overall limit, which holds for the whole cluster."""
        self._container.dispatcher.take_channel(kind)
        self._wake_delivery()
        try:
            await self._stop.wait()
        finally:
            self._container.dispatcher.leave_channel(kind)

    async def _hold_sources(self) -> None:
        """Let the fetch job work until the duty ends; then a running fetch is cancelled."""
        self._scheduler.wake("fetch")
        try:
            await self._hold("sources")
        finally:
            if self._fetching:
                self._fetching.cancel()

    async def _record_job(self, name: str, failure: Exception | None) -> None:
        if failure:
            await self._failures.record_failure(JOB_FAILING, name, failure)
        elif name not in _DUTIES or _DUTIES[name] in self._duties:
            await self._failures.record_success(JOB_FAILING, name)

    def _jobs(self) -> list[Job]:
        jobs = [
            Job(name="watchdog", every=watchdog_interval(), run=self._satisfy_watchdog),
            Job(name="heartbeat", every=EVERY, run=self._beat),
            Job(name="reload", every=_RELOAD_EVERY, run=self._reload, at_start=False),
        ]
        if "ingest" in self._roles:
            jobs.append(Job(name="plan", every=_PLAN_EVERY, run=self._plan, at_start=False))
            if self._has_hub:
                jobs.append(Job(name="hub", every=_HUB_EVERY, run=self._ping_hub, at_start=False))
            jobs.append(Job(name="feeds", every=_FEEDS_EVERY, run=self._retry_feeds, at_start=False))
        if "deliver" in self._roles:
            jobs.append(Job(name="deliver", every=_DELIVER_AT_LEAST, run=self._deliver))
            jobs.append(Job(name="clock", every=_CLOCK_EVERY, run=self._repair_delays))
            jobs.append(
                Job(name="check sources", every=_CHECK_EVERY, run=self._check_sources, at_start=False)
            )
            if self._container.reports:
                jobs.append(Job(name="reports", every=_REPORTS_EVERY, run=self._read_reports, at_start=False))
            jobs.append(Job(name="prune", every=_PRUNE_EVERY, run=self._prune, at_start=False))
            jobs.append(Job(name="quizzes", every=_QUIZZES_EVERY, run=self._update_quizzes, at_start=False))
            jobs.append(Job(name="look backs", every=_LOOK_BACKS_EVERY, run=self._look_back, at_start=False))
        if self._has_sources:
            jobs.append(Job(name="fetch", every=MIN_INTERVAL, run=self._fetch, at_start=False))
        return jobs

    async def _ingest(self) -> None:
        container, watch = self._container, self._container.settings.watch
        stabilizer, folders = stabilizer_of(container.settings), container.settings.watched
        async with Watcher(folders, polling=watch.polling) as watcher:
            async for scanned in rounds(
                lambda: scan_watched(container.settings),
                watcher=watcher,
                stabilizer=stabilizer,
                now=container.clock.now,
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
                    await self._ingest_files(scanned.stable, stabilizer, waiting=scanned.waiting)

    async def _ingest_files(
        self, files: Sequence[FoundFile], stabilizer: FileStabilizer, *, waiting: int
    ) -> None:
        try:
            async with self._ingest_lock:
                result = await asyncio.to_thread(ingest_files, self._container, files)
            await asyncio.to_thread(forget_missing_files, self._container)
        except Exception as error:
            if self._announce and isinstance(error, (StateDamaged, StateTooNew)):
                raise StateUnusable(error) from error
            log_failure("ingest.interrupted", error, files=len(files))
            await self._failures.record_failure(JOB_FAILING, _INGEST, error)
            for file in files:
                stabilizer.report_again(file)
            return
        await self._failures.record_success(JOB_FAILING, _INGEST)
        _log_result(result)
        for file in files:
            if file.name in result.unread:
                stabilizer.report_again(file)
        self._scheduler.wake("plan")
        if self._container.feed_files.error:
            self._scheduler.wake("feeds")
        self._wake_delivery()
        if result.changed and self._has_hub:
            self._scheduler.wake("hub")
        if result.changed and not self._announce and "deliver" in self._roles:
            self._scheduler.wake("check sources")
        if self._announce and not waiting:
            await self._end_first_look(result, self._announce)

    async def _end_first_look(self, result: IngestResult, announce: Announce) -> None:
        """Send what is due and announce the result, once; if that fails, the periodic jobs send."""
        self._announce = None
        try:
            await self._remove_orphan_feeds()
            if "deliver" in self._roles:
                await self._container.dispatcher.flush()
            await announce(result)
        except Exception as error:  # noqa: BLE001 - the service runs all the same
            log_failure("first_look.interrupted", error)
        notify_systemd(READY="1", STATUS=f"running: {', '.join(self._roles)}")

    async def _ping_hub(self) -> None:
        """Tell the WebSub hub if the public feeds changed since the last ping; a failed ping is repeated later."""
        from bot.adapters.feeds.websub import ping

        atom, site = self._container.settings.atom, self._container.settings.site.addresses
        feed = await asyncio.to_thread(self._container.feeds.everything)
        if self._hub_pinged_for == feed.updated:
            return
        try:
            await ping(atom.hub, [site.public_feed, f"{site.url}/feed.json"], private=atom.hub_is_private)
        except PaperboyError as error:
            log.warning("hub.ping_failed", extra={"error": str(error)})
            return
        self._hub_pinged_for = feed.updated

    async def _retry_feeds(self) -> datetime | None:
        return await asyncio.to_thread(self._container.feed_files.retry, self._container.clock.now())

    async def _fetch(self) -> datetime | None:
        """Fetch the sources that are due into watched folders; returns when the next one is due."""
        if "sources" not in self._duties:
            return None
        self._fetching = asyncio.current_task()
        try:
            await self._container.fetcher.fetch_due()
        finally:
            self._fetching = None
        return await self._container.fetcher.next_due()

    async def _plan(self) -> None:
        """Continue the unfinished planning runs of all processes, while deliveries go out."""
        container, total = self._container, Planned()
        while not self._stop.is_set():
            async with self._ingest_lock:
                with container.measured("match"):
                    part = await asyncio.to_thread(container.ingest.continue_planning, container.clock.now())
            if part is None:
                break
            total += part
            self._wake_delivery()
            await asyncio.sleep(_PLANNING_PAUSE)
        if total.notices:
            log.info("planning.done", extra={"notices": total.notices, "deliveries": total.deliveries})

    async def _satisfy_watchdog(self) -> None:
        """Tell systemd's watchdog that this loop responds; the state is not asked, since a restart would not help it."""
        notify_systemd(WATCHDOG="1")

    async def _beat(self) -> None:
        """Write the heartbeat if both this loop and the state respond."""
        container = self._container
        await asyncio.to_thread(container.store.incidents.stopped_channels)
        await asyncio.to_thread(self._heartbeat.beat, container.clock.now())

    async def _check_sources(self) -> None:
        if "ingest" in self._roles:
            await asyncio.to_thread(forget_missing_files, self._container)
        if "maintenance" in self._duties:
            await asyncio.to_thread(self._sources.check, self._container.clock.now())

    async def _chat(self) -> None:
        """Run the chat."""
        chat = chat_service(self._container, wake=self._wake_delivery, on_polling=self._record_polling)
        self._wake_chat = chat.notice_update
        try:
            await chat.run(self._stop)
        finally:
            await chat.close()

    def _on_update(self) -> None:
        """Wake the chat for an update that came by the webhook; a chat in another process looks every second."""
        self._wake_chat()

    def _wake_delivery(self) -> None:
        if "deliver" in self._roles:
            self._container.dispatcher.wake()
            self._scheduler.wake("deliver")

    async def _record_polling(self, refusal: ChannelDown | None) -> None:
        """Open or close the incident of a Bot API that refuses to be polled."""
        from bot.adapters.telegram.client import SecondPoller

        incidents, now = self._container.incidents, self._container.clock.now()
        if refusal is None:
            await asyncio.to_thread(incidents.resolve, CHAT, now)
        else:
            kind = SECOND_POLLER if isinstance(refusal, SecondPoller) else STOPPED
            await asyncio.to_thread(incidents.report, CHAT, str(refusal), now, kind)

    async def _deliver(self) -> datetime | None:
        await self._container.dispatcher.flush()
        return await self._container.dispatcher.next_due()

    async def _update_quizzes(self) -> None:
        container = self._container
        if "maintenance" not in self._duties:
            return
        if await asyncio.to_thread(container.quizzes.update, container.clock.now()):
            self._wake_delivery()

    async def _look_back(self) -> None:
        container = self._container
        if "maintenance" not in self._duties:
            return
        if await asyncio.to_thread(container.look_backs.plan_due, container.clock.now()):
            self._wake_delivery()

    async def _repair_delays(self) -> None:
        if await asyncio.to_thread(repair_delays, self._container):
            self._wake_delivery()

    async def _read_reports(self) -> None:
        reports = self._container.reports
        if reports and "maintenance" in self._duties:
            await asyncio.to_thread(reports.read, self._container.clock.now())

    async def _prune(self) -> None:
        if "maintenance" in self._duties:
            store, now = self._container.store, self._container.clock.now()
            await asyncio.to_thread(store.maintenance.prune, now)

    async def _reload(self) -> None:
        """Take over edited subscriptions, and preferences that were set on any machine."""
        subscribers = await asyncio.to_thread(self._reloader.changed)
        container = self._container
        async with self._ingest_lock:
            if subscribers is not None:
                await asyncio.to_thread(container.registry.replace, subscribers)
            elif not await asyncio.to_thread(container.registry.refresh):
                return
            await asyncio.to_thread(ingest_files, container, ())
        await self._remove_orphan_feeds()
        self._scheduler.wake("plan")
        self._wake_delivery()

    def _wake_reload(self) -> None:
        self._scheduler.wake("reload")

    async def _remove_orphan_feeds(self) -> None:
        container = self._container
        await asyncio.to_thread(
            remove_orphan_feeds, container.store.digests, container.registry.matcher, container.feed_writer
        )

    async def _serve(self, stack: AsyncExitStack) -> None:
        if self._container.settings.web.listen:
            server = await start_web(self._container, self._on_update)
            stack.push_async_callback(server.stop)
            log.info("web.listening", extra={"address": server.address})
