"""The first configuration, as `init` writes it: both files with comments, the token's file, and the folders."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot.adapters.atomic_file import private_folder, private_opener
from bot.app.config.known_sources import SourceEntry
from bot.domain.errors import UsageError

SETTINGS_NAME, SUBSCRIPTIONS_NAME, TOKEN_NAME = "paperboy.yaml", "subscriptions.yaml", "telegram.token"
_CONFIG = "config"
_OTHER_CHANNELS = """\
      #- email: me@example.org
      #  deliver: weekdays at 08:00     # immediately | hourly | daily at HH:MM | mondays at HH:MM"""
_WITH_CHAT = """\
      - telegram: {chat}
        quizzes: true                   # a poll per question; or 1: one a paper
      #- atom: true                     # a private feed; `paperboy feeds` names its address
"""
_WITHOUT_CHAT = """\
      - atom: true                      # a private feed; `paperboy feeds` names its address
      #- telegram: 123456789            # your chat's id: the bot tells it when you send /start
      #  quizzes: true                  # a poll per question; or 1: one a paper
"""
_KEYWORDS = """\
      - language models
      - name: agents                    # a query with a name of its own
        query: (agent OR tool use) AND NOT survey
        #only: [telegram]               # kinds of channels, or a channel's `name:`"""
_TOKEN_LINE = "  token: ${PAPERBOY_TELEGRAM_TOKEN:-}     # or token_file: /run/secrets/telegram"  # noqa: S105 - a template
_API_LINE = "#  api_url: https://api.telegram.org\n"
_IN_CHECKOUT = Path(__file__).resolve().parents[3] / _CONFIG / SETTINGS_NAME
"""The shipped settings where paperboy runs from a checkout; the wheel has them among its templates."""
_FOLDERS_LINE = "#watch:\n#  folders: [seeds]                       #"
_SUBSCRIPTIONS_LINE = f"#subscriptions: {_CONFIG}/{SUBSCRIPTIONS_NAME}"
_FIRST_RUN = "#first_run:"
_PLAIN = re.compile(r"[A-Za-z(=][\w ()*=/+.-]*")
_NOT_TEXT = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstConfiguration:
    """The answers for the first configuration; the templates' defaults are used for the rest."""

    folder: Path
    """Where both files go."""
    name: str = SETTINGS_NAME
    keywords: Sequence[str] = ()
    sources: Sequence[SourceEntry] = ()
    timezone: str = "UTC"
    chat: int | str | None = None
    token: str = field(default="", repr=False)
    api_url: str = ""

    @property
    def settings(self) -> Path:
        return self.folder / self.name

    @property
    def subscriptions(self) -> Path:
        return self.folder / SUBSCRIPTIONS_NAME

    @property
    def token_file(self) -> Path:
        return self.folder / TOKEN_NAME

    @property
    def in_config(self) -> bool:
        """True if the folder is called `config`; relative paths then start above it."""
        return self.folder.absolute().name == _CONFIG

    @property
    def base(self) -> Path:
        """Start of relative paths."""
        return self.folder.absolute().parent if self.in_config else self.folder

    @property
    def watched(self) -> list[str]:
        """Watched folders, as the settings name them."""
        return [source.watched for source in self.sources if source.watched] or ["seeds"]


def refuse_to_overwrite(first: FirstConfiguration) -> None:
    """Raise UsageError if one of the files exists."""
    for path in (first.settings, first.subscriptions, first.token_file):
        if path.exists() or path.is_symlink():
            raise UsageError(f"{path} exists already; init never overwrites: move it away, or edit it")


def write_first_configuration(first: FirstConfiguration) -> list[Path]:
    """Write the files, readable by this user alone (0600), and make the folders; gives the files, settings first.

    Raises UsageError if a file exists or cannot be written; then no file is left behind.
    """
    refuse_to_overwrite(first)
    texts = {first.settings: settings_text(first), first.subscriptions: subscriptions_text(first)}
    if first.token:
        texts[first.token_file] = f"{first.token}\n"
    try:
        private_folder(first.folder)
        _write_all(texts)
        for watched in first.watched:
            (first.base / Path(watched).expanduser()).mkdir(parents=True, exist_ok=True)
        private_folder(first.base / "state")
    except OSError as error:
        reason = (error.strerror or "cannot be written").lower()
        raise UsageError(
            f"{error.filename or first.folder}: {reason}; choose a folder you may write to"
        ) from error
    return list(texts)


def _write_all(texts: Mapping[Path, str]) -> None:
    written: list[Path] = []
    try:
        for path, text in texts.items():
            with open(path, "x", encoding="utf-8", opener=private_opener) as file:
                written.append(path)
                file.write(text)
    except OSError:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def settings_text(first: FirstConfiguration) -> str:
    """The text of paperboy.yaml: the shipped file with the answers filled in.

    Raises UsageError if this is a checkout whose own `config/paperboy.yaml` is missing or lacks a line to fill in.
    """
    text = _settings_template()
    folder = f"{_CONFIG}/" if first.in_config else ""
    if not first.in_config:
        text = _replaced(text, _SUBSCRIPTIONS_LINE, f"subscriptions: {SUBSCRIPTIONS_NAME}")
    if first.token:
        text = _replaced(text, _TOKEN_LINE, f"  token_file: {folder}{TOKEN_NAME}")
    if first.api_url:
        text = _replaced(text, _API_LINE, f"  api_url: {_scalar(first.api_url)}\n")
    if any(source.watched for source in first.sources):
        folders = ", ".join(json.dumps(folder, ensure_ascii=False) for folder in first.watched)
        text = _replaced(text, _FOLDERS_LINE, f"watch:\n  folders: [{folders}]  #")
    items = "\n".join(source.yaml for source in first.sources if source.yaml)
    return _replaced(text, _FIRST_RUN, f"sources:\n{items}\n\n{_FIRST_RUN}") if items else text


def subscriptions_text(first: FirstConfiguration) -> str:
    """The text of subscriptions.yaml with one subscriber: the Telegram chat, or a private feed."""
    channels = _WITHOUT_CHAT if first.chat is None else _WITH_CHAT.format(chat=_scalar(str(first.chat)))
    keywords = "\n".join(f"      - {_scalar(keyword)}" for keyword in first.keywords) or _KEYWORDS
    return (
        _template(SUBSCRIPTIONS_NAME)
        .replace("{timezone}", f"{first.timezone:<24}  # IANA name like Europe/Berlin")
        .replace("{channels}", channels + _OTHER_CHANNELS)
        .replace("{keywords}", keywords)
    )


def _settings_template() -> str:
    try:
        return _template(SETTINGS_NAME)
    except FileNotFoundError:  # a checkout
        pass
    try:
        return _IN_CHECKOUT.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{_IN_CHECKOUT}: {(error.strerror or 'cannot be read').lower()}; in a checkout `init` starts from this "
            "file: restore it, and name another place with --config"
        ) from error


def _template(name: str) -> str:
    from importlib.resources import files

    return (files("bot.app.config") / "templates" / name).read_text(encoding="utf-8")


def _replaced(text: str, line: str, by: str) -> str:
    if line not in text:
        raise UsageError(
            f"{_IN_CHECKOUT} was edited: it has no {line.strip().partition(chr(10))[0]!r}; in a checkout `init` starts "
            "from this file: restore it"
        )
    return text.replace(line, by, 1)


def _scalar(text: str) -> str:
    """The text as a YAML scalar: bare if that is unambiguous, else in double quotes."""
    plain = (_PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT) or re.fullmatch(r"-?\d+", text)
    return text if plain and text == text.strip() else json.dumps(text, ensure_ascii=False)


def local_timezone() -> str:
    """This machine's IANA time zone; UTC if it has none."""
    from zoneinfo import ZoneInfoNotFoundError

    from tzlocal import get_localzone_name

    from bot.domain.schedule import parse_zone

    try:
        name = get_localzone_name()
        parse_zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC"
    return "UTC" if name == "Etc/UTC" else name
