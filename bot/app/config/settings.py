"""The settings of one installation: `config/paperboy.yaml` and the environment, read and checked."""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.app.config.addresses import Smtp
from bot.app.config.environment import Substitution
from bot.app.config.fields import Context, FieldFault, absolute, path_as_written
from bot.app.config.secret_files import READABLE_BY_ALL
from bot.app.config.settings_model import Settings
from bot.app.config.validation import validated
from bot.app.config.yaml_nodes import Document, Scalar, to_data
from bot.app.config.yaml_reader import read_document
from bot.domain.errors import ConfigError, Fault

__all__ = ["ReadSettings", "Settings", "load_settings", "read_settings"]

_DEFAULT_SUBSCRIPTIONS = "config/subscriptions.yaml"


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadSettings:
    """What came of reading the file: settings where nothing is wrong, and what was found in any case."""

    settings: Settings | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    subscriptions: Path
    """The other file, also where the settings as a whole cannot be used."""
    document: Document


def load_settings(path: Path, environ: Mapping[str, str], *, explicit: bool = True) -> Settings:
    """The settings of the file; where it is absent and nobody named it (`explicit` false), all defaults.

    ConfigError holds every fault, in file order; UsageError says that the file cannot be read.
    """
    read = read_settings(path, environ, explicit=explicit)
    if read.settings is None:
        raise ConfigError(read.faults)
    return read.settings


def read_settings(path: Path, environ: Mapping[str, str], *, explicit: bool = True) -> ReadSettings:
    """The same, with faults and warnings as values; UsageError as in `load_settings`."""
    absent = not explicit and not path.exists()
    document = Document(file=str(path)) if absent else read_document(path)
    context = Context(base=base_folder(path))
    data = to_data(document.root, Substitution(document, environ)) if document.root else {}
    settings = validated(Settings, data, document, context=context)
    if settings is None or document.found:
        return ReadSettings(
            settings=None,
            faults=document.faults,
            warnings=(),
            subscriptions=_subscriptions(data, context),
            document=document,
        )
    settings.remember(base=absolute(context.base), warnings=_warnings(settings, document, context, path))
    return ReadSettings(
        settings=settings,
        faults=(),
        warnings=settings.warnings,
        subscriptions=settings.subscriptions,
        document=document,
    )


def base_folder(config: Path) -> Path:
    """Where relative paths start: above a folder named `config`, else in the file's own folder.

    Relative to the working directory where the config file's path is.
    """
    folder = config.parent
    if folder.absolute().name != "config":
        return folder
    return folder.parent if folder.name == "config" else folder / os.pardir


def _subscriptions(data: object, context: Context) -> Path:
    text = data.get("subscriptions") if isinstance(data, dict) else None
    try:
        return path_as_written(text if isinstance(text, str) else _DEFAULT_SUBSCRIPTIONS, context)
    except FieldFault:
        return path_as_written(_DEFAULT_SUBSCRIPTIONS, context)


def _warnings(settings: Settings, document: Document, context: Context, file: Path) -> tuple[Fault, ...]:
    found = [
        *context.warnings,
        *_transport_warnings(settings),
        *_open_secrets(document, file),
    ]
    placed = ((document.place_of(key), message) for key, message in found)
    return tuple(document.fault_at(start, message) for start, message in sorted(placed))


def _transport_warnings(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    transport, key = settings.email.transport, ("email", "transport")
    if not isinstance(transport, Smtp):
        return
    if transport.encryption == "none":
        yield key, f"mails go to {transport.host} without encryption"
    if transport.user and not settings.email.password:
        yield key, f"a user but no password; set email.password where {transport.host} asks for one"


def _open_secrets(document: Document, file: Path) -> Iterator[tuple[tuple[str, ...], str]]:
    """Secrets written into a file that everybody may read."""
    for key in (("telegram", "token"), ("email", "password")):
        found = document.find(key)
        written = found.known == len(key) and isinstance(found.node, Scalar) and found.node.text
        if written and "${" not in written and file.stat().st_mode & stat.S_IROTH:
            yield key, f"this secret {READABLE_BY_ALL}, or use {key[-1]}_file"
