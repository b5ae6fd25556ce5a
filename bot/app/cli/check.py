"""`paperboy check`: the faults and warnings of both configuration files."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bot.app.cli.context import (
    WRONG_USAGE,
    ConfigOption,
    JsonOption,
    config_path,
    everybody,
    open_state,
    say_json,
)
from bot.app.cli.terminal import people_counted
from bot.domain.errors import ConfigError, Fault, StateError, UsageError
from bot.domain.text import nearest, printable

if TYPE_CHECKING:
    from bot.app.config.settings import ReadSettings, Settings
    from bot.app.config.subscriptions import ReadSubscribers
    from bot.domain.subscriptions import Subscriber

SILENCE = timedelta(days=90)
_WARNINGS_SHOWN = 10
"""Warnings of a kind that are printed; more would push the first ones off the screen."""
_IN_CHAT = Fault(file="set in a chat or on the web", line=0, column=0, message="")
"""Position of a subscription that is in no file."""


def check(context: typer.Context, as_json: JsonOption = False, config: ConfigOption = None) -> int:
    """Check both configuration files.

    Mistakes are shown as file:line:column. Warns of valid settings that need a look, such as a subscription that
    matched nothing in 90 days.
    """
    explicit = config is not None or context.obj.config is not None
    checked = examine(config_path(context, config), os.environ, explicit=explicit)
    silent: list[Fault] = []
    unusable: StateError | None = None
    if checked.settings is not None and not checked.faults:
        try:
            silent = silent_subscriptions(checked.settings, checked.subscribers, checked.positions)
            checked = replace(
                checked, warnings=(*checked.warnings, *topic_warnings(checked.settings, checked))
            )
        except StateError as error:
            unusable = error
    if as_json:
        warnings = map(_fault_json, (*checked.warnings, *silent))
        say_json({"errors": list(map(_fault_json, checked.faults)), "warnings": list(warnings)})
    else:
        for fault in checked.faults:
            typer.echo(printable(str(fault)), err=True)
        _warn(checked.warnings, "more warnings; `paperboy check --json` lists them all")
        _warn(silent, "more subscriptions matched nothing; `paperboy doctor` lists them all")
        if not checked.faults:
            typer.echo(f"fine: {people_counted(checked.subscribers)}")
    if unusable is not None:
        raise unusable
    return WRONG_USAGE if checked.faults else 0


def _warn(warnings: Sequence[Fault], rest: str) -> None:
    for warning in warnings[:_WARNINGS_SHOWN]:
        position = f"{warning.file}:{warning.line}:{warning.column}" if warning.line else warning.file
        typer.echo(printable(f"{position}: warning: {warning.message}"), err=True)
    if len(warnings) > _WARNINGS_SHOWN:
        typer.echo(f"… and {len(warnings) - _WARNINGS_SHOWN} {rest}", err=True)


def _fault_json(fault: Fault) -> dict[str, Any]:
    return {"file": fault.file, "line": fault.line, "column": fault.column, "message": fault.message}


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """Result of checking both files; faults and warnings are those of paperboy.yaml first, by line."""

    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    settings: "Settings | None"
    """None if paperboy.yaml has a fault."""
    subscribers: "tuple[Subscriber, ...]"
    """Those without a fault."""
    positions: Mapping[tuple[str, str], Fault] = field(default_factory=dict)
    """File, line and column of each subscription, by subscriber id and name; the message is empty."""


def examine(config: Path, environ: Mapping[str, str], *, explicit: bool = True) -> Checked:
    """Check both files without the state; faults in one file do not hide those of the other.

    Raises UsageError if paperboy.yaml cannot be read.
    """
    from bot.app.config.settings import read_settings

    try:
        read = read_settings(config, environ, explicit=explicit)
    except ConfigError as error:
        return Checked(faults=error.faults, warnings=(), settings=None, subscribers=())
    subscribers, naming_faults = _examine_subscriptions(read)
    return Checked(
        faults=(
            *_by_line(*read.faults, *naming_faults, *_sample_faults(read, subscribers)),
            *subscribers.faults,
        ),
        warnings=(*_by_line(*read.warnings, *_outside_warnings(read, subscribers)), *subscribers.warnings),
        settings=read.settings,
        subscribers=subscribers.subscribers,
        positions=subscribers.positions,
    )


def _examine_subscriptions(read: "ReadSettings") -> "tuple[ReadSubscribers, tuple[Fault, ...]]":
    """Check subscriptions.yaml; if it cannot be read, gives a fault at its name in paperboy.yaml."""
    from bot.app.config.subscriptions import ReadSubscribers, read_subscribers
    from bot.app.config.yaml import is_absent

    nobody = ReadSubscribers(subscribers=(), faults=(), warnings=(), positions={})
    path, document = read.subscriptions, read.document
    offset = document.offset_of(("subscriptions",))
    if not document.find(("subscriptions",)).known and is_absent(path):
        missing = f"{path} is not there: nobody gets anything; `paperboy init` writes it"
        return replace(nobody, warnings=(document.fault_at(offset, missing),)), ()
    try:
        return read_subscribers(path), ()
    except ConfigError as error:
        return replace(nobody, faults=error.faults), ()
    except UsageError as error:
        if document.is_faulty_at(offset):
            return nobody, ()
        return nobody, (document.fault_at(offset, str(error)),)


def _outside_warnings(read: "ReadSettings", subscribers: "ReadSubscribers") -> Iterator[Fault]:
    """Warnings about things outside paperboy.yaml: missing folders, unknown subscribers."""
    from bot.app.config.channels import CHANNELS
    from bot.app.config.validation import shown_text
    from bot.domain.incidents import takes_alarms

    if read.settings is None:
        return

    def warning(message: str, *path: str | int) -> Fault:
        return read.document.fault_at(read.document.offset_of(path), message)

    for channel in CHANNELS.values():
        for key, message in channel.warnings(read.settings, subscribers.subscribers):
            yield warning(message, *key)
    for index, folder in enumerate(read.settings.watch.folders):
        if not folder.is_dir():
            yield warning(f"the folder {folder} is not there (yet)", "watch", "folders", index)
    by_id = {subscriber.id: subscriber for subscriber in subscribers.subscribers}
    for index, name in enumerate(read.settings.source_alarm.to):
        if name not in by_id and not subscribers.faults:
            near = nearest(name, by_id)
            hint = f"; did you mean {near!r}?" if near else ""
            yield warning(f"no subscriber has the id {shown_text(name)}{hint}", "source_alarm", "to", index)
        elif name in by_id and not takes_alarms(by_id[name]):
            *first, last = (kind for kind, can in CHANNELS.items() if not can.capabilities.is_document)
            unreachable = f"{name} gets no alarms: they go by {', '.join(first)} or {last}, never into a feed"
            yield warning(unreachable, "source_alarm", "to", index)


def _sample_faults(read: "ReadSettings", subscribers: "ReadSubscribers") -> Iterator[Fault]:
    from bot.app.config.channels.telegram import sample_fault

    if read.settings is not None and (fault := sample_fault(read.settings, subscribers.subscribers)):
        key = "token" if read.document.find(("telegram", "token")).known > 1 else "token_file"
        yield read.document.fault_at(read.document.offset_of(("telegram", key)), fault)


def _by_line(*faults: Fault) -> list[Fault]:
    return sorted(faults, key=lambda fault: (fault.line, fault.column))


def silent_subscriptions(
    settings: "Settings",
    subscribers: "tuple[Subscriber, ...]",
    positions: Mapping[tuple[str, str], Fault],
) -> list[Fault]:
    """A warning for each subscription that matched no paper of the state's last 90 days.

    The days are counted back from the newest digest, since a silent source is no fault of the subscriptions. An
    empty state gives no warnings.
    """
    from bot.adapters.clock import SystemClock
    from bot.adapters.store import Store
    from bot.domain.matcher import SubscriptionMatcher
    from bot.pipeline.subscribers import SimilarityCache

    if not settings.has_state:
        return []
    with closing(Store(settings.state)) as store:
        subscribers = everybody(store, subscribers)
        newest = store.papers.newest(1)
        if not newest:
            return []
        last = newest[0].paper.latest or SystemClock().now().date()
        papers = [
            paper
            for paper in store.papers.every_paper()
            if paper.latest is None or paper.latest >= last - SILENCE
        ]
        matches = SubscriptionMatcher(subscribers, SimilarityCache(store.papers)).matches(papers)
    alive = {
        (subscriber, subscription.name)
        for subscriber, by_paper in matches.items()
        for subscriptions in by_paper.values()
        for subscription in subscriptions
    }
    return [
        replace(
            positions.get((subscriber.id, subscription.name), _IN_CHAT),
            message=f"{subscription.name!r} of {subscriber.id} matched none of the {len(papers)} papers of the "
            f"last {SILENCE.days} days",
        )
        for subscriber in subscribers
        for subscription in subscriber.subscriptions
        if (subscriber.id, subscription.name) not in alive
        and (subscription.chosen or (subscriber.id, subscription.name) in positions)
    ]


def topic_warnings(settings: "Settings", checked: Checked) -> Iterator[Fault]:
    """A warning for each topic in the file whose name the bot has not seen."""
    from bot.app.config.channels.telegram import named_topics, unseen_topics

    if not named_topics(checked.subscribers):
        return
    with open_state(settings) as store:
        unseen = unseen_topics(checked.subscribers, store.chats)
    for (_, target), position in checked.positions.items():
        if target in unseen:
            yield replace(position, message=unseen[target])
