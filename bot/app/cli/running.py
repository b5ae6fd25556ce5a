"""`paperboy run`, `once` and `demo`: the main job."""

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from bot.app.cli.options import (
    ConfigOption,
    JsonOption,
    VerboseOption,
    config_path,
    load,
    load_only_settings,
    load_only_subscribers,
    say_json,
)
from bot.app.cli.safe import plain
from bot.app.cli.terminal import counted
from bot.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.app.config.settings_model import Settings
    from bot.app.once import Done, Looked
    from bot.app.wiring import House
    from bot.domain.subscriptions import Subscriber
    from bot.pipeline.ingest import Taken

_EVERYTHING = "ingest,deliver,chat,web"


def run(
    context: typer.Context,
    only: Annotated[
        str, typer.Option("--only", metavar="ROLES", help="Some of ingest,deliver,chat,web; all by default.")
    ] = _EVERYTHING,
    log_json: Annotated[bool, typer.Option("--log-json", help="Logs as JSON, one object a line.")] = False,
    verbose: VerboseOption = 0,
    config: ConfigOption = None,
) -> int:
    """Watch, deliver, schedule and serve until SIGTERM or Ctrl-C.

    What is in flight then is finished.
    """
    from bot import __version__
    from bot.app import logs, service, wiring
    from bot.app.reloading import Reloading
    from bot.app.report import first_lines

    roles = _roles(only, service.ROLES)
    settings, subscribers = load(context, config)
    _able(roles, only, settings)
    logs.start(max(context.obj.verbose + verbose, 1), as_json=log_json)
    house = wiring.build(settings, subscribers)
    if "ingest" not in roles:  # which else tells what it found
        typer.echo(f"paperboy {__version__} is at work: {', '.join(roles)}")

    async def announce(taken: "Taken") -> None:
        for line in first_lines(house, taken):
            typer.echo(line)

    async def work() -> None:
        try:
            await service.Service(
                house, roles=roles, announce=announce, reloading=Reloading(settings.subscriptions)
            ).run()
        finally:
            await house.close()

    import asyncio

    asyncio.run(work())
    return 0


def _roles(only: str, known: tuple[str, ...]) -> tuple[str, ...]:
    roles = tuple(role.strip() for role in only.split(",") if role.strip())
    for role in roles:
        if role not in known:
            raise UsageError(f"--only {plain(role)}: there is no such role; use {', '.join(known)}")
    if not roles:
        raise UsageError(f"--only needs a role: {', '.join(known)}")
    return roles


def _able(roles: tuple[str, ...], only: str, settings: "Settings") -> None:
    """UsageError where none of the roles has anything to do."""
    from bot.app.config.publishers import sends_telegram

    lacking = {
        **({} if sends_telegram(settings) else {"chat": "chat needs telegram.token"}),
        **({} if settings.web.listen else {"web": "web needs web.listen"}),
    }
    if all(role in lacking for role in roles):
        why = ", and ".join(lacking[role] for role in roles)
        raise UsageError(f"--only {plain(only)} would do nothing: {why}")


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
    from bot.app import once as passes

    verbose += context.obj.verbose
    settings = load_only_settings(context, config)
    looked = passes.look_around(settings)
    path = config_path(context, config)
    if not dry_run and passes.settled_before(settings, path, looked):
        _say_done(None, settings, looked, as_json=as_json, verbose=verbose)
        return 0
    subscribers = load_only_subscribers(context, config, settings)
    import asyncio  # a pass with nothing to do ends before it needs this

    from bot.app import logs, wiring

    logs.start(verbose)
    if dry_run:
        return _rehearsed(settings, subscribers, looked, as_json=as_json, verbose=verbose)
    house = wiring.build(settings, subscribers)
    done = asyncio.run(_pass(house, looked))
    house.store.remember_configuration(passes.configuration(settings, path))
    code = _verdict(house)
    house.store.close()
    _say_done(done, settings, looked, as_json=as_json, verbose=verbose)
    if code and not as_json:
        typer.echo("something needs a look: `paperboy status` names it", err=True)
    return code


def _rehearsed(
    settings: "Settings",
    subscribers: "Sequence[Subscriber]",
    looked: "Looked",
    *,
    as_json: bool,
    verbose: int,
) -> int:
    from bot.app.rehearsal import Shown, rehearse
    from bot.app.report import problem_lines, problems_json

    messages: list[Shown] = []

    def show(one: Shown) -> None:
        messages.append(one)
        if not as_json:
            typer.echo(f"── {one.kind} to {one.target} ({one.subscriber})\n{one.text}\n")

    taken = rehearse(settings, subscribers, looked, show=show)
    if as_json:
        shown = [dataclasses.asdict(one) for one in messages]
        say_json(
            {"new": taken.new, "gained": taken.gained, "problems": problems_json(taken), "messages": shown}
        )
        return 0
    _say_skipped(settings, looked, verbose=verbose)
    for line in problem_lines(taken):
        typer.echo(line)
    went = f"{counted(taken.new, 'new paper')}; {counted(len(messages), 'message')} would go out."
    typer.echo(f"{went} Nothing was sent or stored.")
    return 0


async def _pass(house: "House", looked: "Looked") -> "Done":
    from bot.app.once import run_once

    try:
        return await run_once(house, looked)
    finally:
        await house.close()


def _verdict(house: "House") -> int:
    from bot.app.cli.status import NEEDS_A_LOOK, needs_a_look

    return NEEDS_A_LOOK if needs_a_look(house.store.deliveries.counts(house.clock.now())) else 0


def _say_done(
    done: "Done | None", settings: "Settings", looked: "Looked", *, as_json: bool, verbose: int
) -> None:
    from bot.app.report import done_json, done_lines

    if as_json:
        say_json(done_json(done, looked))
        return
    _say_skipped(settings, looked, verbose=verbose)
    for line in done_lines(done, looked):
        typer.echo(line)


def _say_skipped(settings: "Settings", looked: "Looked", *, verbose: int) -> None:
    from bot.domain.arrivals import USUAL

    for folder in settings.watch.folders:
        if not folder.is_dir():
            typer.echo(f"the watched folder {plain(str(folder))} is not there", err=True)
    told = () if verbose else (*USUAL, "missing")
    for skipped in (one for one in looked.skipped if one.reason not in told):
        typer.echo(f"skipped {plain(skipped.name)}: {plain(skipped.what)}", err=True)


def demo() -> int:
    """Show it all in ten seconds, with nothing left behind.

    Three made-up subscribers, the seeds, and no network.
    """
    from bot.app.demo import show

    show(typer.echo)
    return 0
