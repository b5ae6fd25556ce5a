"""Shared by the commands: options, exit codes, configuration, open state, names that people type, JSON output."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
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

NEEDS_A_LOOK = 1
"""Exit code: done, but something in the result needs the user's attention."""
WRONG_USAGE = 2
STATE_UNUSABLE = 3
INTERRUPTED = 130

CONFIG_VARIABLE = "PAPERBOY_CONFIG"
DEFAULT_CONFIG = Path("config/paperboy.yaml")
_NAMES_SHOWN = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Common:
    """Options that were given before the command."""

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


def json_requested(context: typer.Context, value: bool) -> bool:
    """True if `--json` stands before the command or after it."""
    return value or bool(context.obj and context.obj.as_json)


JsonOption = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document instead of text.", callback=json_requested),
]


def config_path(context: typer.Context, config: Path | None) -> Path:
    """The settings file: of the option after the command, else of the one before it, else the default."""
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
    """All subscribers: the configured ones with what they set themselves, and those who signed up in a chat or on the web."""
    from bot.app.config.channels import CAPABILITIES
    from bot.domain.preferences import with_choices

    _, choices = store.preferences.all_choices()
    return with_choices(subscribers, choices, CAPABILITIES)


def check_recipients(settings: "Settings", subscribers: "Sequence[Subscriber]") -> None:
    """Check the recipients before anything is sent.

    Raises UsageError for sample people together with a token; warns of chats without a token, and of a network that
    cannot be used.
    """
    from bot.adapters.proxies import network_fault
    from bot.app.config.channels.telegram import refuse_sample_people, token_warning

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
    from bot.app.config.channels import CHANNELS

    return mask_addresses(text, [kind for kind, channel in CHANNELS.items() if channel.secret])


_CHUNK = 500
"""Items of a long list that are written at once."""


def say_json(value: Any) -> None:
    """Print one JSON document on one line, in which addresses that may hold secrets are masked."""
    typer.echo(masked(_json(value)))


def say_long_json(before: dict[str, Any], key: str, items: Iterable[Any], after: dict[str, Any]) -> None:
    """Print one JSON document with a long list at `key`, whose items are written as they come."""
    typer.echo(masked(f"{_json(before)[:-1]}, {_json(key)}: ["), nl=False)
    rest, gap = iter(items), ""
    while chunk := list(map(_json, islice(rest, _CHUNK))):
        typer.echo(masked(gap + ", ".join(chunk)), nl=False)
        gap = ", "
    typer.echo(masked(f"], {_json(after)[1:]}"))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def say(line: str, *, err: bool = False) -> None:
    """Print a line, in which addresses that may hold secrets are masked."""
    typer.echo(masked(line), err=err)
