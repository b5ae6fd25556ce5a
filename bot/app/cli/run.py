"""`paperboy run`: the service, until SIGTERM; SIGHUP restarts it with an edited configuration."""

import signal
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from bot import __version__
from bot.app.cli.context import ConfigOption, VerboseOption, check_recipients, load
from bot.app.cli.feeds import feed_addresses, private_feed_lines
from bot.app.cli.logs import start_logs
from bot.domain.errors import UsageError
from bot.domain.text import counted, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bot.app.config.channels.channel_type import ChannelType
    from bot.app.config.settings import Settings
    from bot.app.container import Container
    from bot.domain.subscriptions import Subscriber
    from bot.pipeline.ingest import IngestResult

    Configuration = tuple[Settings, tuple[Subscriber, ...]]

_FEEDS_NAMED = 3
_ALL_ROLES = "ingest,deliver,chat,web"


def run(
    context: typer.Context,
    only: Annotated[
        str,
        typer.Option(
            "--only",
            metavar="ROLES",
            help="Only some roles: ingest, deliver, chat, web (default: all).",
            show_default=False,
        ),
    ] = _ALL_ROLES,
    log_json: Annotated[
        bool, typer.Option("--log-json", help="Write logs as JSON, one object per line.")
    ] = False,
    verbose: VerboseOption = 0,
    config: ConfigOption = None,
) -> int:
    """Run the service until Ctrl-C: fetch, read, deliver, serve.

    SIGTERM stops it too, and messages that are being sent are finished first. SIGHUP restarts it with both files as they are now, unless they
    have mistakes.
    """
    from bot.app.service import ROLES

    roles = _parse_roles(only, ROLES)

    def read() -> "Configuration":
        settings, subscribers = load(context, config)
        check_recipients(settings, subscribers)
        _refuse_idle_roles(roles, only, settings)
        return settings, subscribers

    configuration: Configuration | None = read()
    _glibc("mallopt", _M_ARENA_MAX, 1)  # one heap for all threads: separate, half empty ones took 1 MB of 85
    start_logs(max(context.obj.verbose + verbose, 1), as_json=log_json)
    hung_up = Event()
    signal.signal(signal.SIGHUP, lambda *_: hung_up.set())  # while no service handles it
    while configuration is not None:
        configuration = _serve(configuration, roles, read, hung_up)
    return 0


_M_ARENA_MAX = -8


def _glibc(function: str, *values: int) -> None:
    """Call a function of glibc, which tunes its heap; nothing where another C library is in use."""
    from ctypes import CDLL

    with suppress(OSError, AttributeError):
        getattr(CDLL(None), function)(*values)


def _serve(
    configuration: "Configuration",
    roles: tuple[str, ...],
    read: "Callable[[], Configuration]",
    hung_up: Event,
) -> "Configuration | None":
    """Run the service with this configuration; gives the configuration of a restart, or None after a stop.

    If SIGHUP comes while it waits for the state (`hung_up`), it goes on with the edited configuration.
    """
    import asyncio

    from bot.adapters.metrics import Metrics
    from bot.app import service
    from bot.app.config.subscriptions import SubscriptionsReloader
    from bot.app.container import build_container, state_figures

    edited: Configuration | None = None
    metrics = Metrics()
    handler = signal.getsignal(signal.SIGHUP)

    def build() -> "Container":
        nonlocal configuration
        if hung_up.is_set():  # the configuration may be why the state is unavailable
            hung_up.clear()
            try:
                configuration = read()
            except UsageError as error:
                service.log_bad_edit(error)
        return build_container(*configuration, metrics=metrics)

    container = service.wait_for_state(build)
    settings, _ = configuration
    metrics.observe_state(lambda: state_figures(container))
    if "ingest" not in roles:  # otherwise the summary follows the first look
        typer.echo(f"paperboy {__version__} is running: {', '.join(roles)}")

    async def announce(result: "IngestResult") -> None:
        _glibc("malloc_trim", 0)  # what a first look freed is given back, which the heap else keeps
        with suppress(OSError):  # stdout may be closed
            for line in first_lines(container, result):
                typer.echo(line)

    def check() -> None:
        nonlocal edited
        edited = read()

    async def work() -> bool:
        reloader = SubscriptionsReloader(settings.subscriptions)
        running = service.Service(container, roles=roles, announce=announce, reloader=reloader, check=check)
        try:
            await running.run()
        finally:
            await container.close()
            asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
            signal.signal(signal.SIGHUP, handler)  # before the loop's end makes it deadly
        return running.restarts

    return edited if asyncio.run(work()) else None


def _parse_roles(only: str, known: tuple[str, ...]) -> tuple[str, ...]:
    roles = tuple(role.strip() for role in only.split(",") if role.strip())
    for role in roles:
        if role not in known:
            raise UsageError(f"--only {printable(role)}: there is no such role; use {', '.join(known)}")
    if not roles:
        raise UsageError(f"--only needs a role: {', '.join(known)}")
    return roles


def _refuse_idle_roles(roles: tuple[str, ...], only: str, settings: "Settings") -> None:
    """Raise UsageError if none of the roles has anything to do."""
    missing = {
        **({} if settings.sends_telegram else {"chat": "chat needs telegram.token"}),
        **({} if settings.web.listen else {"web": "web needs web.listen"}),
    }
    if all(role in missing for role in roles):
        reasons = ", and ".join(missing[role] for role in roles)
        raise UsageError(f"--only {printable(only)} would do nothing: {reasons}")


def first_lines(container: "Container", result: "IngestResult") -> list[str]:
    """The summary after the first look at the folders: what was done, where the results are, and next steps."""
    from bot.app.config.channels import CHANNELS
    from bot.app.config.channels.channel_type import shown_path

    settings = container.settings
    counts = container.store.deliveries.counts(container.clock.now())
    subscribers = container.registry.subscribers
    kinds = {channel.kind for subscriber in subscribers.values() for channel in subscriber.channels}
    channels = {kind: channel for kind, channel in CHANNELS.items() if kind in kinds}
    feeds = 1 + sum(subscriber.has_feed for subscriber in subscribers.values())
    served = f", and at {settings.site.addresses.public_feed}" if settings.web.listen else ""
    return [
        f"paperboy {__version__} is running",
        f"  read      {counted(counts.digests, 'digest')}: {counted(counts.papers, 'paper')},"
        f" {counted(counts.quizzes, 'quiz question')} ({result.new} new, {result.gained} updated)",
        f"  matched   {counted(counts.notices, 'time')} for {counted(len(subscribers), 'subscriber')}"
        f" ({shown_path(settings.subscriptions)})",
        *(
            f"  {kind:<8}  {channel.summarized(settings, counts.channels.get(kind, {}))}"
            for kind, channel in channels.items()
            if not channel.capabilities.is_document
        ),
        f"  feeds     {counted(feeds, 'feed')} in {shown_path(settings.atom.folder)}/{served}",
        f"  watching  {', '.join(map(_watched, settings.watch.folders))}: copy a digest there",
        *([f"  fetching  {', '.join(form.name for form in settings.sources)}"] if settings.sources else []),
        *_private_feeds(container),
        *_next_steps(settings, tuple(subscribers.values()), channels.values()),
        "  stop      Ctrl-C; `paperboy status` shows counts and problems",
    ]


def _private_feeds(container: "Container") -> list[str]:
    subscribers = tuple(container.registry.subscribers.values())
    addresses = feed_addresses(container.settings, subscribers, container.store)
    return [f"  {line}" for line in private_feed_lines(addresses, most=_FEEDS_NAMED, width=10)]


def _next_steps(
    settings: "Settings", subscribers: "Sequence[Subscriber]", channels: "Iterable[ChannelType]"
) -> list[str]:
    """Changes that the shipped configuration still needs: own subscribers, a token, a mail server."""
    from bot.app.config.channels.channel_type import shown_path
    from bot.app.config.channels.telegram import sample_people

    steps = []
    if not subscribers or sample_people(subscribers):
        steps.append(
            f"your own keywords in {shown_path(settings.subscriptions)} (read again when you save it)"
        )
    steps += [stand_in.next_step for channel in channels if (stand_in := channel.stand_in(settings))]
    return [f"  {'next' if not number else '':<8}  {number + 1}. {step}" for number, step in enumerate(steps)]


def _watched(folder: Path) -> str:
    from bot.app.config.channels.channel_type import shown_path

    return shown_path(folder) if folder.is_dir() else f"{shown_path(folder)} (not there yet)"
