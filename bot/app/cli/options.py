"""What commands share: their options, the configuration they name, and how they print."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from bot.app.config.settings import Settings
    from bot.domain.subscriptions import Subscriber

CONFIG_VARIABLE = "PAPERBOY_CONFIG"
DEFAULT_CONFIG = Path("config/paperboy.yaml")


@dataclass(frozen=True, kw_only=True, slots=True)
class Common:
    """What stands before the command."""

    config: Path | None = None
    verbose: int = 0


ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The settings; config/paperboy.yaml by default."),
]
VerboseOption = Annotated[
    int, typer.Option("-v", "--verbose", count=True, help="Say more; twice: everything.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")]


def config_path(context: typer.Context, given: Path | None) -> Path:
    """The settings file that is meant."""
    return given or context.obj.config or DEFAULT_CONFIG


def load(context: typer.Context, given: Path | None) -> "tuple[Settings, tuple[Subscriber, ...]]":
    """Settings and subscribers, or a ConfigError with every fault of the first file that has one."""
    settings = load_only_settings(context, given)
    return settings, load_only_subscribers(context, given, settings)


def load_only_subscribers(
    context: typer.Context, given: Path | None, settings: "Settings"
) -> "tuple[Subscriber, ...]":
    """The subscribers that the settings name."""
    from bot.app.config.subscriptions import load_subscribers

    if not settings.subscriptions.exists() and not config_path(context, given).exists():
        return ()  # nothing is configured at all: everybody may try it
    return load_subscribers(settings.subscriptions)


def load_only_settings(context: typer.Context, given: Path | None) -> "Settings":
    """The settings alone."""
    from bot.app.config.settings import load_settings

    path = config_path(context, given)
    explicit = given is not None or context.obj.config is not None
    settings = load_settings(path, os.environ, explicit=explicit)
    if not path.exists():
        typer.echo(
            f"paperboy: warning: there is no {path} here, so all defaults hold; "
            "`paperboy init` writes it, --config names another",
            err=True,
        )
    for warning in settings.warnings:
        typer.echo(f"paperboy: warning: {warning}", err=True)
    return settings


def say_json(value: Any) -> None:
    """Print one JSON document on one line."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def interactive() -> bool:
    """True where a person watches, so that progress and colour help."""
    return sys.stderr.isatty()
