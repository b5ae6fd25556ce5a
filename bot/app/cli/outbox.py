"""`paperboy outbox`: the operator's hand on deliveries."""

from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from bot.app.cli.opened import opened
from bot.app.cli.options import ConfigOption, JsonOption, load_only_settings, say_json
from bot.app.cli.safe import plain
from bot.app.cli.terminal import counted
from bot.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bot.adapters.store import Store
    from bot.domain.delivery import State
    from bot.pipeline.ports import DeliveryRecord, DeliveryStore

app = typer.Typer(help="List, send again or give up deliveries.", no_args_is_help=True)

StateOption = Annotated[
    list[str] | None, typer.Option("--state", metavar="STATE", help="Only these states; may be repeated.")
]
KeysArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY…]", help="Keys, as `outbox list` shows them.")
]
_MOST = 1_000_000
_SHOWN = 200


@app.command("list")
def list_(
    context: typer.Context,
    keys: KeysArgument = None,
    state: StateOption = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, oldest first.")] = _SHOWN,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show deliveries, oldest first."""
    with opened(load_only_settings(context, config)) as store:
        rows = _rows(store, keys, state, limit=limit)
    if as_json:
        say_json([_row_json(row) for row in rows])
        return
    for row in rows:
        note = f"  {plain(row.error)}" if row.error else ""
        typer.echo(f"{row.state:<9}  {row.due_at:%Y-%m-%d %H:%M} UTC  {plain(row.key)}{note}")
    if not rows:
        typer.echo("no deliveries" + (f" that are {' or '.join(state)}" if state else ""), err=True)
    elif len(rows) == limit:
        typer.echo(f"only the first {limit}; --limit shows more", err=True)


@app.command()
def retry(
    context: typer.Context,
    keys: KeysArgument = None,
    state: StateOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Send dead or uncertain deliveries again.

    By key, or all of a --state.

    A place that was suspended because its service refused it is tried again too, and with it what waits there.
    What is uncertain may have arrived already; sending it again may show it twice.
    """
    _act(context, config, keys, state, "retry", as_json=as_json)


@app.command()
def drop(
    context: typer.Context,
    keys: KeysArgument = None,
    state: StateOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Give deliveries up for good: by key, or all of a --state."""
    _act(context, config, keys, state, "drop", as_json=as_json)


@app.command()
def arrived(
    context: typer.Context,
    keys: KeysArgument = None,
    state: StateOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Say that uncertain deliveries did arrive.

    By key, or all of --state uncertain, as you saw where they went to.
    """
    _act(context, config, keys, state, "arrived", as_json=as_json)


_DONE = {"retry": "will be sent again", "drop": "given up", "arrived": "taken for sent"}
_ONLY = {
    "retry": "only what is dead or uncertain is sent again",
    "drop": "only what is pending, held, uncertain or dead is given up",
    "arrived": "only what is uncertain is taken for sent",
}


def _act(
    context: typer.Context,
    config: Any,
    keys: list[str] | None,
    state: list[str] | None,
    what: str,
    *,
    as_json: bool,
) -> None:
    from bot.adapters.clock import SystemClock

    if not keys and not state:
        raise UsageError(f"outbox {what} needs keys or a --state; `paperboy outbox list` shows them")
    now = SystemClock().now()
    with opened(load_only_settings(context, config)) as store:
        rows = _rows(store, keys, state, limit=_MOST)
        acts = {
            "retry": store.deliveries.retry,
            "drop": store.deliveries.drop,
            "arrived": store.deliveries.arrived,
        }
        count = acts[what]([row.key for row in rows], now)
        revived = _revived(store.deliveries, rows, now) if what == "retry" else 0
    if as_json:
        say_json({"asked": len(rows), "done": count, "places_revived": revived})
        return
    typer.echo(f"{count} of {len(rows)} deliveries {_DONE[what]}")
    if revived:
        typer.echo(f"{counted(revived, 'suspended place')} tried again with what waits there")
    elif count < len(rows):
        typer.echo(_ONLY[what], err=True)


def _rows(
    store: "Store", keys: list[str] | None, state: list[str] | None, *, limit: int
) -> "Sequence[DeliveryRecord]":
    """The rows that are meant; UsageError where a key names none of them."""
    rows = store.deliveries.list_rows(states=_states(state), keys=keys or (), limit=limit)
    missing = sorted(set(keys or ()) - {row.key for row in rows}) if len(rows) < limit else []
    if missing:
        among = f" that is {' or '.join(map(plain, state))}" if state else ""
        raise UsageError(
            f"no such delivery{among}: {plain(missing[0])}; `paperboy outbox list` shows the keys"
        )
    return rows


def _revived(deliveries: "DeliveryStore", rows: "Sequence[DeliveryRecord]", now: "datetime") -> int:
    """Revive the places of rows that only wait for that, but for those whose recipient wished to hear no more."""
    from bot.domain.delivery import OWN_WISH

    count = 0
    for target in dict.fromkeys(row.target for row in rows if row.state in ("pending", "held")):
        status = deliveries.target(target)
        if status and status.suspended is not None and status.suspended not in OWN_WISH:
            count += deliveries.revive(target, now)
    return count


def _states(given: list[str] | None) -> "tuple[State, ...]":
    from bot.domain.delivery import State as States

    for state in given or ():
        if state not in get_args(States):
            raise UsageError(f"there is no state {plain(state)!r}; one of {', '.join(get_args(States))}")
    return tuple(given or ())  # type: ignore[arg-type]  # checked above


def _row_json(row: "DeliveryRecord") -> dict[str, Any]:
    return {
        "key": row.key,
        "target": row.target,
        "subscriber": row.subscriber,
        "kind": row.kind,
        "paper": row.paper,
        "state": row.state,
        "due_at": row.due_at.isoformat(),
        "attempts": row.attempts,
        "error": row.error,
        "created_at": row.created_at.isoformat(),
        "settled_at": row.settled_at.isoformat() if row.settled_at else None,
    }
