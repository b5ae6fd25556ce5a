"""Shared by the commands: their options, the configuration, the open state, names that people type, and logs."""

import json
import logging
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.domain.errors import UsageError
from bot.domain.text import mask_addresses, names_url_targets, nearest, printable

if TYPE_CHECKING:
    from bot.adapters.store import Store
    from bot.app.config.settings import Settings
    from bot.domain.papers import PaperId
    from bot.domain.subscriptions import Subscriber

CONFIG_VARIABLE = "PAPERBOY_CONFIG"
DEFAULT_CONFIG = Path("config/paperboy.yaml")
_NAMES_SHOWN = 5
_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


@dataclass(frozen=True, kw_only=True, slots=True)
class Common:
    """Options before the command."""

    config: Path | None = None
    verbose: int = 0
    as_json: bool = False


ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings file (default: config/paperboy.yaml)."),
]
VerboseOption = Annotated[
    int,
    typer.Option("-v", "--verbose", count=True, help="Log more; -vv logs everything.", show_default=False),
]


def before_or_after(context: typer.Context, value: bool) -> bool:
    """True if `--json` stands before the command or after it."""
    return value or bool(context.obj and context.obj.as_json)


JsonOption = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document instead of text.", callback=before_or_after),
]


def config_path(context: typer.Context, config: Path | None) -> Path:
    """The settings file: of the option behind the command, else of the one before it, else the default."""
    return config or context.obj.config or DEFAULT_CONFIG


def load(context: typer.Context, config: Path | None) -> "tuple[Settings, tuple[Subscriber, ...]]":
    """Settings and subscribers; raises ConfigError with every fault of the first file that has one."""
    settings = load_only_settings(context, config)
    return settings, load_only_subscribers(context, config, settings)


def load_only_settings(context: typer.Context, config: Path | None) -> "Settings":
    """The settings alone. Warnings about them go to stderr."""
    from bot.app.config.settings import load_settings
    from bot.app.config.yaml import is_absent

    path = config_path(context, config)
    explicit = config is not None or context.obj.config is not None
    settings = load_settings(path, os.environ, explicit=explicit)
    if is_absent(path):
        typer.echo(
            f"paperboy: warning: there is no {path} here, so the defaults are used; "
            "`paperboy init` writes it, --config names another",
            err=True,
        )
    for warning in settings.warnings:
        typer.echo(f"paperboy: warning: {warning}", err=True)
    return settings


def load_only_subscribers(
    context: typer.Context, config: Path | None, settings: "Settings"
) -> "tuple[Subscriber, ...]":
    """The subscribers in the file that the settings name; none if neither file exists."""
    from bot.app.config.subscriptions import load_subscribers
    from bot.app.config.yaml import is_absent

    if is_absent(settings.subscriptions) and is_absent(config_path(context, config)):
        return ()
    return load_subscribers(settings.subscriptions)


def everybody(store: "Store", subscribers: "Sequence[Subscriber]") -> "tuple[Subscriber, ...]":
    """The configured subscribers with what they set themselves, and those who came by a chat or the web."""
    from bot.app.config.publishers import capabilities_of
    from bot.domain.preferences import with_choices

    _, choices = store.preferences.all_choices()
    return with_choices(subscribers, choices, capabilities_of)


def check_recipients(settings: "Settings", subscribers: "Sequence[Subscriber]") -> None:
    """Checks the recipients before anything is sent: UsageError for sample people with a token, a warning for chats without one."""
    from bot.adapters.proxies import network_fault
    from bot.app.config.cross_checks import refuse_sample_people, token_warning

    refuse_sample_people(settings, subscribers)
    if warning := token_warning(settings, subscribers):
        typer.echo(f"paperboy: warning: {warning}", err=True)
    if (settings.sends_telegram or settings.sources) and (fault := network_fault()):
        typer.echo(f"paperboy: warning: {fault}", err=True)


@contextmanager
def open_state(settings: "Settings") -> "Iterator[Store]":
    """The state, closed at the end. A missing SQLite file reads as an empty state and is not created."""
    from bot.adapters.store import Store

    with ExitStack() as stack:
        url = settings.state
        if not settings.has_state:
            from tempfile import TemporaryDirectory

            folder = stack.enter_context(TemporaryDirectory(prefix="paperboy-"))
            url = f"sqlite:///{folder}/empty.sqlite3"
        store = Store(url)
        stack.callback(store.close)
        yield store


def find_subscriber(name: str, subscribers: "Sequence[Subscriber]") -> "Subscriber":
    """The subscriber with that id, in any case; raises UsageError that names the nearest id."""
    by_id = {subscriber.id.lower(): subscriber for subscriber in subscribers}
    if name.lower() in by_id:
        return by_id[name.lower()]
    near = nearest(name, [subscriber.id for subscriber in subscribers])
    hint = f"did you mean {near!r}?" if near else _first_ids(subscribers)
    raise UsageError(f"no subscriber has the id {printable(name)!r}; {hint}")


def _first_ids(subscribers: "Sequence[Subscriber]") -> str:
    if not subscribers:
        return "there are no subscribers yet: `paperboy init` writes a first one"
    names = [subscriber.id for subscriber in subscribers[:_NAMES_SHOWN]]
    more = f" and {len(subscribers) - len(names)} more" if len(subscribers) > len(names) else ""
    return f"known are {', '.join(names)}{more}"


def parse_paper(text: str) -> "PaperId":
    """The id in an id, a bare arXiv number or a link; raises UsageError for other text."""
    from bot.domain.papers import parse_paper_id

    paper_id = parse_paper_id(text)
    if paper_id is None:
        raise UsageError(
            f"{printable(text)!r} names no paper; use an id like arxiv:2509.14008, the number alone, or a link"
        )
    return paper_id


def masked(text: str) -> str:
    """The text with every address masked that holds a token."""
    if not names_url_targets(text):
        return text
    from bot.app.config.publishers import CHANNELS

    return mask_addresses(text, [kind for kind, channel in CHANNELS.items() if channel.secret])


_TOGETHER = 500
"""Items of a long list that are written at once."""


def say_json(value: Any) -> None:
    """Prints one JSON document on one line, in which addresses that may hold secrets are masked."""
    typer.echo(masked(_json(value)))


def say_long_json(before: dict[str, Any], key: str, items: Iterable[Any], after: dict[str, Any]) -> None:
    """Prints as `say_json` does, with very many items at a key between others: they are written as they come."""
    typer.echo(masked(f"{_json(before)[:-1]}, {_json(key)}: ["), nl=False)
    rest, gap = iter(items), ""
    while chunk := list(map(_json, islice(rest, _TOGETHER))):
        typer.echo(masked(gap + ", ".join(chunk)), nl=False)
        gap = ", "
    typer.echo(masked(f"], {_json(after)[1:]}"))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def say(line: str, *, err: bool = False) -> None:
    """Prints a line, in which addresses that may hold secrets are masked."""
    typer.echo(masked(line), err=err)


def start_logs(verbose: int, *, as_json: bool = False) -> None:
    """Sends logs to stderr; `verbose` 0 shows warnings, 1 also events, 2 everything."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormat() if as_json else TextFormat())
    if verbose < len(_LEVELS) - 1:
        handler.addFilter(RepeatFilter())
    logging.basicConfig(level=_LEVELS[min(verbose, 2)], handlers=[handler], force=True)
    for name in ("httpx", "httpcore", "watchdog", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)  # their INFO shows tokens in URLs, or each poll
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


def no_logs() -> None:
    """Leaves logs out, where the command itself says what came of its work."""
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)


class RepeatFilter(logging.Filter):
    """Log filter: an error that comes again and again is said once a minute, with how often it came in between.

    The same error is one with the same event and the same fields, whatever its text. So a database that is away for a
    night is a few lines an hour.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[object, ...], float] = {}
        self._unsaid: Counter[tuple[object, ...]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        fields = _fields(record)
        if record.levelno < logging.WARNING or "error" not in fields:
            return True
        about = tuple((name, str(value)) for name, value in fields.items() if name not in _OF_ONE_ERROR)
        same = (record.name, record.msg, *about)
        if record.created - self._said.get(same, -_REPEATS_SECONDS) < _REPEATS_SECONDS:
            self._unsaid[same] += 1
            return False
        self._forget(record.created)
        self._said[same] = record.created
        if unsaid := self._unsaid.pop(same, 0):
            record.repeated = unsaid
        return True

    def _forget(self, now: float) -> None:
        """Keep nothing of what is over; what was left unsaid is said where it comes again within an hour."""
        over = [same for same, moment in self._said.items() if now - moment > _REPEATS_SECONDS * 60]
        for same in over:
            del self._said[same]
            self._unsaid.pop(same, None)


class TextFormat(logging.Formatter):
    """Log format for people, in this machine's time: `12:00:03 digest.taken_in digests=1 new_papers=14`."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).astimezone()
        fields = "".join(f" {name}={printable(_cut(value))}" for name, value in _fields(record).items())
        level = "" if record.levelno <= logging.INFO else f"{record.levelname} "
        text = f"{moment:%H:%M:%S} {level}{printable(record.getMessage())}{fields}"
        return masked(f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text)


class JsonFormat(logging.Formatter):
    """Log format for machines: one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        parts = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **{
                name: value if isinstance(value, int | float | bool) else _cut(value)
                for name, value in _fields(record).items()
            },
        }
        if record.exc_info:
            parts["exception"] = self.formatException(record.exc_info)
        return masked(json.dumps(parts, ensure_ascii=False))


_OF_ONE_ERROR = frozenset({"error", "failures", "until", "retry_in", "seconds"})
"""Fields that differ from one time to the next."""
_REPEATS_SECONDS = 60.0
_LONGEST_FIELD = 300


def _cut(value: object) -> str:
    """The field's text, masked before it is cut, short enough for a line."""
    text = masked(str(value))
    return text if len(text) <= _LONGEST_FIELD else f"{text[: _LONGEST_FIELD - 1]}…"


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _OWN_FIELDS}
