"""`paperboy outbox`: lists, retries and ends messages, and reopens channels and addresses."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_args

import typer

from bot.app.cli.context import (
    ConfigOption,
    JsonOption,
    load_only_settings,
    masked,
    open_state,
    say_json,
)
from bot.domain.delivery import STATES, WRITTEN, DeliveryKind, State
from bot.domain.errors import UsageError
from bot.domain.schedule import parse_span
from bot.domain.text import counted, one_line, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.adapters.store import Store
    from bot.pipeline.ports.outbox import DeliveryRecord, MessageRecord, Selection


def _choice(words: "Sequence[str]") -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


app = typer.Typer(
    help="List messages, send them again or give them up; reopen a channel.", no_args_is_help=True
)

KeysArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY", help="Keys of deliveries, as `outbox list --json` shows them."),
]
StateOption = Annotated[
    list[str] | None,
    typer.Option("--state", metavar="STATE", help=f"Only {_choice(STATES)}; can be repeated."),
]
KindOption = Annotated[
    list[str] | None,
    typer.Option("--kind", metavar="KIND", help=f"Only {_choice(get_args(DeliveryKind))}; can be repeated."),
]
TargetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--target", metavar="TARGET", help="Only to this target, address or channel; can be repeated."
    ),
]
SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="WHEN", help="Only in their state since then: 2h, 3d, or a date (and time) in UTC."
    ),
]
LimitOption = Annotated[
    int, typer.Option("--limit", min=1, metavar="N", help="At most N messages, oldest first.")
]
MostOption = Annotated[
    int | None,
    typer.Option("--limit", min=1, metavar="N", help="At most N messages, oldest first (default: all)."),
]
_MESSAGES_SHOWN = 50
_TITLES_SHOWN = 3


@app.command("list")
def list_(
    context: typer.Context,
    keys: KeysArgument = None,
    target: TargetOption = None,
    since: SinceOption = None,
    kind: KindOption = None,
    state: StateOption = None,
    limit: LimitOption = _MESSAGES_SHOWN,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List messages, oldest first."""
    with open_state(load_only_settings(context, config)) as store:
        selection = _selection(store, keys, target, since, kind, state)
        total, messages = store.deliveries.list_messages(selection, limit)
        _refuse_unknown_keys(store, selection, keys)
        titles = _titles(store, messages)
    if as_json:
        say_json({"total": total, "messages": [_message_json(message, titles) for message in messages]})
        return
    for message in messages:
        for line in _message_lines(message, titles):
            typer.echo(line)
    if not messages:
        _say_nothing_found(state)
    elif total > len(messages):
        typer.echo(
            f"{total - len(messages)} more of {counted(total, 'message')}; --limit shows them", err=True
        )


def _say_nothing_found(state: list[str] | None) -> None:
    typer.echo("no messages" + (f" that are {' or '.join(state)}" if state else ""), err=True)


class OutboxAction(NamedTuple):
    """An operator's action on messages; each takes the same options."""

    about: str
    states: tuple[State, ...]
    """States of the deliveries that it changes."""
    done: str
    only: str


ACTIONS = {
    "retry": OutboxAction(
        about="Send dead or uncertain messages again, and pending ones now.\n\n"
        "Targets that are suspended because their service refused them are tried again too, with all that waits for them,"
        " and a stopped channel is reopened. An uncertain message may have arrived: sent again, it may show up twice.",
        states=("pending", "uncertain", "dead"),
        done="will be sent again",
        only="only pending, dead and uncertain deliveries are sent again",
    ),
    "drop": OutboxAction(
        about="Give up messages for good.",
        states=("pending", "held", "uncertain", "dead"),
        done="given up",
        only="only pending, held, uncertain and dead deliveries are given up",
    ),
    "arrived": OutboxAction(
        about="Mark uncertain messages as sent.\n\n"
        "For messages that you found in the chat or mailbox. They are never sent again.",
        states=("uncertain",),
        done="marked as sent",
        only="only uncertain deliveries are marked as sent",
    ),
}


def _command(action: str) -> Callable[..., None]:
    """The command of that action."""

    def command(
        context: typer.Context,
        keys: KeysArgument = None,
        target: TargetOption = None,
        since: SinceOption = None,
        kind: KindOption = None,
        state: StateOption = None,
        limit: MostOption = None,
        as_json: JsonOption = False,
        config: ConfigOption = None,
    ) -> None:
        _act(context, config, action, (keys, target, since, kind, state), limit, as_json=as_json)

    return command


for name, action in ACTIONS.items():
    app.command(name, help=action.about)(_command(name))


@app.command("open")
def open_(
    context: typer.Context,
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="telegram, email, …")],
    target: Annotated[
        str | None, typer.Option("--target", metavar="ADDRESS", help="Only this address or chat.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Reopen a stopped channel, or one suspended address on it.

    What waits there goes out at once. An address is suspended when its server refused it repeatedly, or reported it
    as gone. An unsubscription can only be undone by the recipient.
    """
    from bot.app.config.channels import CHANNELS

    if channel not in CHANNELS:
        raise UsageError(f"there is no channel {printable(channel)!r}; one of {', '.join(CHANNELS)}")
    with open_state(load_only_settings(context, config)) as store:
        if target is None:
            name, opened = channel, bool(_open_channels(store, [channel]))
        else:
            name, opened = _open_target(store, channel, target)
    if as_json:
        say_json({"channel": channel, **({"target": masked(name)} if target else {}), "opened": opened})
    else:
        typer.echo(masked(printable(f"{name} is open again" if opened else f"{name} was not stopped")))


def _open_target(store: "Store", channel: str, address: str) -> tuple[str, bool]:
    """End the suspension and waits of a target; gives its key, and whether it was suspended or waited.

    Raises UsageError for a target without deliveries, and for a recipient who unsubscribed.
    """
    from bot.adapters.clock import SystemClock
    from bot.domain.incidents import REFUSED, resolve_incidents
    from bot.pipeline.ports.outbox import Selection

    named = address if address.startswith(f"{channel}:") else f"{channel}:{address}"
    key = {masked(url): url for url in store.deliveries.url_targets()}.get(named, named)
    status = store.deliveries.target(key)
    if status is None:
        raise UsageError(
            f"nothing was ever planned for {printable(named)}; `paperboy status` names the suspended addresses"
        )
    if status.opted_out is not None:
        raise UsageError(f"{printable(named)}: {status.suspended}; only the recipient can take that back")
    now = SystemClock().now()
    waited = status.suspended is not None or (status.paused_until is not None and status.paused_until > now)
    store.deliveries.revive(key)
    _, messages = store.deliveries.list_messages(Selection(states=("pending",), targets=(key,)))
    store.deliveries.try_now([row.key for message in messages for row in message.rows], now)
    with store.incidents.change() as tx:
        tx.keep_incidents(resolve_incidents(key, tx.open_incidents(), REFUSED).open)
    return key, waited


_Filters = tuple[list[str] | None, list[str] | None, str | None, list[str] | None, list[str] | None]
"""Keys, targets, since, kinds and states, as typed."""


def _act(
    context: typer.Context, config: Any, action: str, filters: _Filters, limit: int | None, *, as_json: bool
) -> None:
    from bot.adapters.clock import SystemClock

    if not any(filters):
        raise UsageError(
            f"outbox {action} needs keys, a --state, a --target, a --kind or --since; `paperboy outbox list` shows them"
        )
    now = SystemClock().now()
    with open_state(load_only_settings(context, config)) as store:
        selection = _selection(store, *filters)
        if not selection.states and not selection.keys:
            selection = replace(selection, states=ACTIONS[action].states)
        _, messages = store.deliveries.list_messages(selection, limit)
        _refuse_unknown_keys(store, selection, filters[0])
        rows = [
            row
            for message in messages
            for row in message.rows
            if row.state in (selection.states or (row.state,))
        ]
        revived = _revive_targets(store, rows) if action == "retry" else 0
        count = _apply(store, action, rows, now)
        opened = (
            _open_channels(store, [row.target.partition(":")[0] for row in rows]) if action == "retry" else []
        )
    if as_json:
        say_json(
            {
                "messages": len(messages),
                "asked": len(rows),
                "done": count,
                "targets_revived": revived,
                "channels_opened": opened,
            }
        )
        return
    if not messages:
        _say_nothing_found(filters[4])
        return
    typer.echo(
        f"{counted(len(messages), 'message')}: {count} of {counted(len(rows), 'delivery', 'deliveries')} {ACTIONS[action].done}"
    )
    for channel in opened:
        typer.echo(f"{channel} is open again")
    if revived:
        typer.echo(f"{counted(revived, 'suspended target')} tried again with all that waits for it")
    elif count < len(rows):
        typer.echo(ACTIONS[action].only, err=True)


def _apply(store: "Store", action: str, rows: "Sequence[DeliveryRecord]", now: datetime) -> int:
    """Apply the action to the deliveries; gives the number of those that it changed."""
    deliveries, keys = store.deliveries, [row.key for row in rows]
    if action == "drop":
        return deliveries.drop(keys, now)
    if action == "arrived":
        return deliveries.arrived(keys)
    waiting = [row.key for row in rows if row.state == "pending"]
    return deliveries.retry(keys, now) + deliveries.try_now(waiting, now)


def _selection(
    store: "Store",
    keys: list[str] | None,
    target: list[str] | None,
    since: str | None,
    kind: list[str] | None,
    state: list[str] | None,
) -> "Selection":
    from bot.pipeline.ports.outbox import Selection

    real = {masked(key): key for key in store.deliveries.url_targets()}
    return Selection(
        states=_known(state, "state", STATES),
        kinds=_known(kind, "kind", get_args(DeliveryKind)),
        targets=[real.get(name, name) for name in target or ()],
        keys=[_unmasked(key, real) for key in keys or ()],
        since=_moment(since) if since else None,
    )


def _known(names: list[str] | None, what: str, known: tuple[str, ...]) -> Any:
    for name in names or ():
        if name not in known:
            raise UsageError(f"there is no {what} {printable(name)!r}; one of {', '.join(known)}")
    return tuple(names or ())


def _unmasked(key: str, real: "Mapping[str, str]") -> str:
    """The real key of a delivery, from a key with a masked target."""
    target, bar, rest = key.partition("|")
    return f"{real.get(target, target)}{bar}{rest}"


def _moment(text: str) -> datetime:
    """The moment of `--since`: a time ago like 2h, or a date with or without a time, in UTC."""
    from bot.adapters.clock import SystemClock

    if (ago := parse_span(text)) is not None:
        return SystemClock().now() - ago
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"--since {printable(text)}: use 30m, 2h, 3d, 1w, or a date like 2026-11-28 or 2026-11-28T14:00"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _refuse_unknown_keys(store: "Store", selection: "Selection", typed: list[str] | None) -> None:
    """Raise UsageError for a key that no delivery in these states has."""
    if not selection.keys:
        return
    rows = store.deliveries.list_rows(states=selection.states, keys=selection.keys, limit=len(selection.keys))
    missing = set(selection.keys) - {row.key for row in rows}
    for key, argument in zip(selection.keys, typed or (), strict=True):
        if key in missing:
            among = f" that is {' or '.join(selection.states)}" if selection.states else ""
            raise UsageError(
                f"no such delivery{among}: {printable(argument)}; `paperboy outbox list --json` shows the keys"
            )


def _revive_targets(store: "Store", rows: "Sequence[DeliveryRecord]") -> int:
    """End the suspension of the rows' targets, except of recipients who unsubscribed; gives their number."""
    count = 0
    for target in dict.fromkeys(row.target for row in rows if row.state in ("pending", "held")):
        status = store.deliveries.target(target)
        if status and status.suspended is not None and status.opted_out is None:
            count += store.deliveries.revive(target)
    return count


def _open_channels(store: "Store", kinds: "Sequence[str]") -> list[str]:
    """Reopen stopped channels and close their incidents; gives those that were stopped."""
    from bot.domain.incidents import STOPPED, resolve_incidents

    stopped = [kind for kind in dict.fromkeys(kinds) if kind in store.incidents.stopped_channels()]
    for kind in stopped:
        store.incidents.open_channel(kind)
        with store.incidents.change() as tx:
            tx.keep_incidents(resolve_incidents(kind, tx.open_incidents(), STOPPED).open)
    return stopped


def _titles(store: "Store", messages: "Sequence[MessageRecord]") -> "Mapping[str, str]":
    """The title of the paper, or the subject of the alarm or look back, by delivery key."""
    rows = [row for message in messages for row in message.rows]
    papers = store.papers.stored({row.paper for row in rows if row.paper})
    return {
        row.key: papers[row.paper].paper.title if row.paper in papers else row.paper
        for row in rows
        if row.paper
    } | {row.key: store.deliveries.written_text(row.key).subject for row in rows if row.kind in WRITTEN}


def _message_json(message: "MessageRecord", titles: "Mapping[str, str]") -> dict[str, Any]:
    head = message.head
    return {
        "target": head.target,
        "subscriber": head.subscriber,
        "kind": head.kind,
        "state": head.state,
        "titles": list(dict.fromkeys(titles[row.key] for row in message.rows if row.key in titles)),
        "since": message.since.isoformat(),
        "attempts": head.attempts,
        "error": message.error,
        "keys": [row.key for row in message.rows],
    }


def _message_lines(message: "MessageRecord", titles: "Mapping[str, str]") -> list[str]:
    head = message.head
    names = list(dict.fromkeys(titles[row.key] for row in message.rows if row.key in titles))
    more = len(names) - _TITLES_SHOWN
    about = "; ".join(one_line(name, 60) for name in names[:_TITLES_SHOWN]) + (
        f" +{more}" if more > 0 else ""
    )
    note = f" ({message.error})" if message.error else ""
    tries = f", {counted(head.attempts, 'try', 'tries')}" if head.attempts else ""
    return [
        masked(
            printable(
                f"{head.state:<9}  {message.since:%Y-%m-%d %H:%M} UTC  {head.kind:<9}  {head.target}{tries}{note}"
            )
        ),
        f"           {printable(about)}",
    ]
