"""Everything that can be said about both configuration files without the state."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bot.app.config.settings import ReadSettings, read_settings
from bot.app.config.settings_model import Settings
from bot.app.config.subscriptions import ReadSubscribers, read_subscribers
from bot.app.config.validation import nearest, shown_text
from bot.domain.errors import ConfigError, Fault, UsageError
from bot.domain.incidents import takes_alarms
from bot.domain.subscriptions import Subscriber


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """What was found, each list in the order paperboy.yaml, subscriptions.yaml, and there by place."""

    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    settings: Settings | None
    """None where paperboy.yaml has a fault."""
    subscribers: tuple[Subscriber, ...]
    """Those without a fault."""
    places: Mapping[tuple[str, str], Fault] = field(default_factory=dict)
    """By subscriber's id and subscription's name: its place, with an empty message."""


def check_files(
    config: Path, environ: Mapping[str, str], *, explicit: bool = True
) -> tuple[tuple[Fault, ...], tuple[Fault, ...]]:
    """Every fault of both files, and every warning; UsageError where paperboy.yaml itself cannot be read."""
    checked = examine(config, environ, explicit=explicit)
    return checked.faults, checked.warnings


def examine(config: Path, environ: Mapping[str, str], *, explicit: bool = True) -> Checked:
    """The same, with what the files say; one file's faults do not hide the other's."""
    try:
        read = read_settings(config, environ, explicit=explicit)
    except ConfigError as error:
        return Checked(faults=error.faults, warnings=(), settings=None, subscribers=())
    subscribers, more = _subscribers(read)
    return Checked(
        faults=(*_by_place(*read.faults, *more), *subscribers.faults),
        warnings=(*_by_place(*read.warnings, *_beyond(read, subscribers)), *subscribers.warnings),
        settings=read.settings,
        subscribers=subscribers.subscribers,
        places=subscribers.places,
    )


def _subscribers(read: ReadSettings) -> tuple[ReadSubscribers, tuple[Fault, ...]]:
    """The other file, and the fault of naming it where it cannot be read."""
    nobody = ReadSubscribers(subscribers=(), faults=(), warnings=(), places={})
    path, place = read.subscriptions, read.document.place_of(("subscriptions",))
    named = read.document.find(("subscriptions",)).known
    if not named and not path.exists():
        nobody_told = f"{path} is not there: nobody gets anything; `paperboy init` writes it"
        return replace(nobody, warnings=(read.document.fault_at(place, nobody_told),)), ()
    try:
        return read_subscribers(path), ()
    except ConfigError as error:
        return replace(nobody, faults=error.faults), ()
    except UsageError as error:
        if read.document.is_faulty_at(place):
            return nobody, ()
        return nobody, (read.document.fault_at(place, str(error)),)


def _beyond(read: ReadSettings, subscribers: ReadSubscribers) -> Iterator[Fault]:
    """What the file alone cannot tell: folders that are not there, names that nobody has."""
    if read.settings is None:
        return
    for index, folder in enumerate(read.settings.watch.folders):
        if not folder.is_dir():
            yield read.document.fault_at(
                read.document.place_of(("watch", "folders", index)), f"the folder {folder} is not there (yet)"
            )
    by_id = {one.id: one for one in subscribers.subscribers}
    for index, name in enumerate(read.settings.source_alarm.to):
        place = read.document.place_of(("source_alarm", "to", index))
        if name not in by_id and not subscribers.faults:
            near = nearest(name, by_id)
            hint = f"; did you mean {near!r}?" if near else ""
            yield read.document.fault_at(place, f"no subscriber has the id {shown_text(name)}{hint}")
        elif name in by_id and not takes_alarms(by_id[name]):
            told = f"{name} would not hear of it: alarms go by telegram or email, never into a feed"
            yield read.document.fault_at(place, told)


def _by_place(*faults: Fault) -> list[Fault]:
    return sorted(faults, key=lambda fault: (fault.line, fault.column))
