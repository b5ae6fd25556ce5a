"""`paperboy fetch`: fetches the sources now."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.app.cli.context import (
    NEEDS_A_LOOK,
    ConfigOption,
    JsonOption,
    VerboseOption,
    load_only_settings,
    say_json,
)
from bot.app.cli.logs import start_logs
from bot.app.cli.terminal import progress
from bot.domain.errors import UsageError
from bot.domain.text import nearest, printable

if TYPE_CHECKING:
    from bot.adapters.store import Store
    from bot.app.config.settings import Settings
    from bot.domain.sources import SourceState
    from bot.pipeline.sources import Fetcher, FetchResult


def fetch(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Names of sources (default: all).")
    ] = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = 0,
    config: ConfigOption = None,
) -> int:
    """Fetch the sources now, due or not.

    A running `run` reads what was fetched by itself; otherwise `once` reads it. Exit 1 if a source cannot be reached.
    """
    settings = load_only_settings(context, config)
    chosen = [_configured_name(name, settings) for name in names or ()]
    start_logs(context.obj.verbose + verbose)
    count = len(set(chosen)) or len(settings.sources)
    with progress("fetching", count) as advance:
        results = fetch_sources(settings, chosen, done=lambda _: advance(1))
    if as_json:
        say_json({"sources": results_json(results)})
    else:
        for line in _lines(results):
            typer.echo(line)
    return NEEDS_A_LOOK if any(result.state.error for result in results) else 0


def fetch_sources(
    settings: "Settings",
    names: Sequence[str] = (),
    *,
    due: bool = False,
    done: "Callable[[FetchResult], object]" = lambda _: None,
) -> "list[FetchResult]":
    """Fetch the named sources, all if none is named, or with `due` only those that are due."""
    if not settings.sources:
        return []
    import asyncio  # imported late: a pass without sources does not need it

    from bot.adapters.store import Store

    log = logging.getLogger("bot.pipeline.sources")
    log.setLevel(max(log.getEffectiveLevel(), logging.ERROR))  # the command prints unreachable sources itself
    with closing(Store(settings.state)) as store:
        fetcher = fetcher_of(settings, store)
        return asyncio.run(fetcher.fetch_due() if due else fetcher.fetch(names, done=done))


def fetcher_of(settings: "Settings", store: "Store") -> "Fetcher":
    """The fetcher of the configured sources."""
    from bot.adapters.clock import SystemClock
    from bot.app.container import build_fetcher

    return build_fetcher(settings, store, SystemClock())


def unreachable_line(result: "FetchResult") -> str:
    """A line on a source that cannot be reached."""
    state = result.state
    return printable(
        f"{state.name}: cannot be reached: {state.error}; tried again {state.next_at:%Y-%m-%d %H:%M} UTC"
    )


def results_json(results: "Sequence[FetchResult]") -> list[dict[str, Any]]:
    """Results as JSON."""
    return [
        {
            "name": result.source.name,
            "changed": result.changed,
            "error": result.state.error or None,
            "next_at": result.state.next_at.isoformat(timespec="seconds"),
        }
        for result in results
    ]


def states_json(settings: "Settings", states: "Mapping[str, SourceState]") -> list[dict[str, Any]]:
    """The sources of `status --json`."""
    moments = ("checked_at", "changed_at", "failing_since", "next_at")
    kinds = {form.name: form.source.kind for form in settings.sources}
    return [
        {
            "name": name,
            "kind": kinds[name],
            **{
                key: moment.isoformat(timespec="seconds") if (moment := getattr(state, key)) else None
                for key in moments
            },
            "failures": state.failures,
            "error": state.error or None,
        }
        for name, state in states.items()
    ]


def state_lines(states: "Mapping[str, SourceState]") -> list[str]:
    """The sources of `status`."""
    lines = []
    for name, state in states.items():
        if state.failing_since:
            how = f"cannot be reached since {state.failing_since:%Y-%m-%d %H:%M} UTC: {state.error}"
        elif state.checked_at is None:
            how = "never fetched"
        else:
            news = f"{state.changed_at:%Y-%m-%d %H:%M}" if state.changed_at else "never"
            how = f"fetched {state.checked_at:%Y-%m-%d %H:%M} UTC, last changed {news}"
        lines.append(f"source       {name}: {printable(how)}")
    return lines


def _configured_name(name: str, settings: "Settings") -> str:
    known = {form.name.lower(): form.name for form in settings.sources}
    if name.lower() in known:
        return known[name.lower()]
    near = nearest(name, known.values())
    hint = (
        f"did you mean {near!r}?"
        if near
        else f"there {'are ' + ', '.join(known.values()) if known else 'is none under `sources:`'}"
    )
    raise UsageError(f"no source has the name {printable(name)!r}; {hint}")


def _lines(results: "Sequence[FetchResult]") -> list[str]:
    if not results:
        return ["no source is set; name some under `sources:` in config/paperboy.yaml"]
    lines = [
        unreachable_line(result)
        if result.state.error
        else f"{result.source.name}: {'new' if result.changed else 'nothing new'}"
        for result in results
    ]
    if any(result.changed for result in results):
        lines.append("`paperboy once` reads what is new; a running `paperboy run` does so by itself")
    return lines
