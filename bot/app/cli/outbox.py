"""`paperboy outbox`: the operator lists, repeats and ends deliveries."""

from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from bot.app.cli.context import ConfigOption, JsonOption, load_only_settings, open_state, say_json
from bot.app.cli.terminal import counted
from bot.domain.errors import UsageError
from bot.domain.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bot.adapters.store import Store
    from bot.domain.delivery import State
    from bot.pipeline.ports.outbox import DeliveryRecord, DeliveryStore

app = typer.Typer(help="List, send again or give up deliveries.", no_args_is_help=True)

StateOption = Annotated[
    list[str] | None, typer.Option("--state", metavar="STATE", help="Only these states; may be repeated.")
]
KeysArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY…]", help="Keys, as `outbox list` shows them.")
]
_MAX_ROWS = 1_000_000
_ROWS_SHOWN = 200


@app.command("list")
def list_(
    context: typer.Context,
    keys: KeysArgument = None,
    state: StateOption = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, oldest first.")] = _ROWS_SHOWN,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show deliveries, oldest first."""
    with open_state(load_only_settings(context, config)) as store:
        rows = _rows(store, keys, state, limit=limit)
    if as_json:
        say_json([_row_json(row) for row in rows])
        return
    for row in rows:
        note = f"  {printable(row.error)}" if row.error else ""
        typer.echo(f"{row.state:<9}  {row.due_at:%Y-%m-%d %H:%M} UTC  {printable(row.key)}{note}")
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

    A target that is suspended because its service refused it is tried again too, with all that waits for it.
    An uncertain delivery may have arrived already; sending it again may show it twice.
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

    By key, or all of --state uncertain, after a look at the chat or mailbox.
    """
    _act(context, config, keys, state, "arrived", as_json=as_json)


_DONE = {"retry": "will be sent again", "drop": "given up", "arrived": "marked as sent"}
_ONLY = {
    "retry": "only dead and uncertain deliveries are sent again",
    "drop": "only pending, held, uncertain and dead deliveries are given up",
    "arrived": "only uncertain deliveries are marked as sent",
}


def _act(
    context: typer.Context,
    config: Any,
    keys: list[str] | None,
    state: list[str] | None,
    action: str,
    *,
    as_json: bool,
) -> None:
    from bot.adapters.clock import SystemClock

    if not keys and not state:
        raise UsageError(f"outbox {action} needs keys or a --state; `paperboy outbox list` shows them")
    now = SystemClock().now()
    with open_state(load_only_settings(context, config)) as store:
        rows = _rows(store, keys, state, limit=_MAX_ROWS)
        actions = {
            "retry": store.deliveries.retry,
            "drop": store.deliveries.drop,
            "arrived": store.deliveries.arrived,
        }
        count = actions[action]([row.key for row in rows], now)
        revived = _revive_targets(store.deliveries, rows, now) if action == "retry" else 0
    if as_json:
        say_json({"asked": len(rows), "done": count, "targets_revived": revived})
        return
    typer.echo(f"{count} of {len(rows)} deliveries {_DONE[action]}")
    if revived:
        typer.echo(f"{counted(revived, 'suspended target')} tried again with all that waits for it")
    elif count < len(rows):
        typer.echo(_ONLY[action], err=True)


def _rows(
    store: "Store", keys: list[str] | None, state: list[str] | None, *, limit: int
) -> "Sequence[DeliveryRecord]":
    """The rows with these keys and states; raises UsageError for a key without a row."""
    rows = store.deliveries.list_rows(states=_states(state), keys=keys or (), limit=limit)
    missing = sorted(set(keys or ()) - {row.key for row in rows}) if len(rows) < limit else []
    if missing:
        among = f" that is {' or '.join(map(printable, state))}" if state else ""
        raise UsageError(
            f"no such delivery{among}: {printable(missing[0])}; `paperboy outbox list` shows the keys"
        )
    return rows


def _revive_targets(deliveries: "DeliveryStore", rows: "Sequence[DeliveryRecord]", now: "datetime") -> int:
    """Ends the suspension of the rows' targets, except of recipients who unsubscribed; gives their number."""
    from bot.domain.delivery import OWN_WISH

    count = 0
    for target in dict.fromkeys(row.target for row in rows if row.state in ("pending", "held")):
        status = deliveries.target(target)
        if status and status.suspended is not None and status.suspended not in OWN_WISH:
            count += deliveries.revive(target, now)
    return count


def _states(names: list[str] | None) -> "tuple[State, ...]":
    from bot.domain.delivery import State as States

    for state in names or ():
        if state not in get_args(States):
            raise UsageError(f"there is no state {printable(state)!r}; one of {', '.join(get_args(States))}")
    return tuple(names or ())  # type: ignore[arg-type]  # checked above


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
