"""`config/paperboy.yaml`: every key with its default, its check and its description; and how the file is read."""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, PrivateAttr, SecretStr, model_validator
from ruamel.yaml.nodes import ScalarNode

from bot.adapters.heartbeat import Heartbeat
from bot.app.config.addresses import (
    Listen,
    Maildir,
    Smtp,
    parse_feed_authority,
    parse_listen,
    parse_mailbox,
    parse_state,
    parse_transport,
    parse_web_address,
)
from bot.app.config.validation import (
    READABLE_BY_ALL,
    Chosen,
    Context,
    FieldFault,
    FilePath,
    Flag,
    Integer,
    Line,
    Many,
    Number,
    Parsed,
    Secret,
    SecretFile,
    Section,
    ShownPath,
    Substitution,
    absolute,
    path_as_written,
    setting,
    typed,
    validated,
)
from bot.app.config.yaml import Document, read_document, to_data
from bot.domain.errors import ConfigError, Fault
from bot.domain.mailbox import Mailbox


def _first_run(value: object) -> int | Literal["all"]:
    if value == "all":
        return "all"
    if type(value) is int and value >= 0:
        return value
    raise FieldFault("must be a whole number of 0 or more, or all")


def _dns_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]*", text.strip()):
        raise FieldFault("must be a DNS name like papers.example.org")
    return text.strip()


WebAddress = Annotated[
    str, Parsed(parse_web_address, {"type": "string", "pattern": "^https?://[^/?#@]+[^?#]*$"})
]
FeedAuthority = Annotated[
    str, Parsed(parse_feed_authority, {"type": "string", "pattern": r"^[^\sA-Z,]+,\d{4}(-\d\d){0,2}$"})
]
StateUrl = Annotated[
    str,
    Parsed(
        parse_state,
        {"type": "string", "pattern": "^(sqlite:///[^?]+|postgresql://[^/]*/.+)$"},
        in_context=True,
    ),
]
ListenAddress = Annotated[
    Listen | None, Parsed(parse_listen, {"type": "string", "pattern": r"^([^\s/@]+:\d{1,5})?$"})
]
Transport = Annotated[
    Maildir | Smtp,
    Parsed(
        parse_transport,
        {"type": "string", "pattern": r"^(maildir:.+|(smtp|smtps|smtp\+plain)://[^\s/]+/?)$"},
        in_context=True,
    ),
]
DnsName = Annotated[str, Parsed(_dns_name, {"type": "string", "pattern": "^[A-Za-z0-9._-]*$"})]
Sender = Annotated[Mailbox, Parsed(parse_mailbox, {"type": "string", "pattern": "^[^@]+@[^@]+$"})]
FirstRun = Annotated[
    int | Literal["all"],
    Chosen(_first_run, {"anyOf": [{"type": "integer", "minimum": 0}, {"const": "all"}]}),
]
OnUncertain = Annotated[Literal["hold", "resend"], BeforeValidator(typed)]


class Site(Section):
    """Name and addresses of this installation."""

    title: Line = setting("Paperboy", description="Shown in feeds, mails and pages.")
    url: WebAddress = setting(
        "http://127.0.0.1:8080",
        description="How readers reach the web server; no feed id is made from it.",
    )
    feed_authority: FeedAuthority = setting(
        "paperboy.example,2026",
        description="RFC 4151 authority and year of all feed ids; never change it.",
    )


class Watch(Section):
    """Watched folders of digests."""

    folders: Many[FilePath] = setting(
        ("seeds",), min_length=1, description="Searched through all their subfolders."
    )
    settle_seconds: Number = setting(
        0.3, ge=0, le=3600, description="A file counts as whole when it has not changed for so long."
    )
    rescan_seconds: Number = setting(
        30, gt=0, le=86_400, description="Full look besides the events, which may get lost."
    )
    polling: Flag = setting(
        default=False, description="True where events do not work (network file systems)."
    )
    max_file_mb: Number = setting(20, gt=0, le=1024, description="Larger files are refused.")


class Atom(Section):
    """Feed files."""

    folder: FilePath = setting("state/feeds", description="all.atom and one file per subscriber with a feed.")
    entries: Integer = setting(100, ge=1, le=10_000, description="Newest papers in each feed.")


class Web(Section):
    """Web server."""

    listen: ListenAddress = setting("127.0.0.1:8080", description="host:port; empty for no web server.")


class Dkim(Section):
    """Signatures of mails, if all three keys are set (RFC 6376)."""

    domain: DnsName = setting("", description="The domain that signs.")
    selector: DnsName = setting("", description="The name of the key's DNS record.")
    key: Annotated[SecretStr, SecretFile(("email", "dkim", "key_file"), one_line=False)] = setting(
        "", alias="key_file", description="The private key, PEM."
    )

    @model_validator(mode="after")
    def _all_or_nothing(self) -> "Dkim":
        is_set = {"domain": bool(self.domain), "selector": bool(self.selector), "key_file": bool(self.key)}
        if any(is_set.values()) and not all(is_set.values()):
            missing = next(name for name, value in is_set.items() if not value)
            raise FieldFault(
                f"dkim needs domain, selector and key_file, or none; {missing} is empty", key=missing
            )
        if self.key and "PRIVATE KEY" not in self.key.get_secret_value():
            raise FieldFault("must name a file with a private key in PEM form", key="key_file")
        return self

    @property
    def is_on(self) -> bool:
        return bool(self.domain)


class Email(Section):
    """Outgoing mail."""

    transport: Transport = setting(
        "maildir:state/mail",
        description="maildir:FOLDER (written there, not sent), smtp://user@host:587 (STARTTLS required), "
        "smtps://user@host:465 or smtp+plain://127.0.0.1:25 (no TLS, said out loud).",
    )
    inline_password: Secret = setting("", alias="password", description="For the user of the transport.")
    password_file: Annotated[
        SecretStr, SecretFile(("email", "password_file"), instead_of="inline_password")
    ] = setting("", description="A file with the password instead.")
    sender: Sender = setting(
        "Paperboy <paperboy@localhost>", alias="from", description="Name <address> of the sender."
    )
    dkim: Dkim = setting({}, description="Signatures.")

    @property
    def password(self) -> SecretStr:
        """Of `password` or `password_file`; empty for none."""
        return self.password_file or self.inline_password

    @model_validator(mode="after")
    def _password_has_its_user(self) -> "Email":
        if isinstance(self.transport, Smtp) and self.password and not self.transport.user:
            raise FieldFault("a password without a user; write smtp://user@host", key="transport")
        return self


class Telegram(Section):
    """Telegram bot."""

    inline_token: Secret = setting(
        "",
        alias="token",
        description="From @BotFather. Empty: messages are rendered and kept as previews, nothing is sent.",
    )
    token_file: Annotated[SecretStr, SecretFile(("telegram", "token_file"), instead_of="inline_token")] = (
        setting("", description="A file with the token instead.")
    )
    api_url: WebAddress = setting("https://api.telegram.org", description="The Bot API server.")
    on_uncertain: OnUncertain = setting(
        "hold",
        description="A message whose answer was never seen: hold it for `paperboy outbox retry`, or resend it.",
    )

    @property
    def token(self) -> SecretStr:
        """Of `token` or `token_file`; empty for previews."""
        return self.token_file or self.inline_token


class Quiz(Section):
    """Quiz polls."""

    min_confidence: Number = setting(
        0.9,
        ge=0,
        le=1,
        description="Below it a worked-out answer is not used: an ordinary poll is sent.",
    )
    per_day: Integer = setting(
        5,
        ge=0,
        le=100,
        description="So many questions at most come back to a person on one day; 0: none.",
    )


class SourceAlarm(Section):
    """Recipients of alarms about sources."""

    to: Many[Line] = setting(
        (),
        description="Subscriber ids told when a source falls silent, is empty or changes its form.",
    )


class Settings(Section):
    """Settings of paperboy. Every key is optional."""

    site: Site = setting({})
    watch: Watch = setting({})
    first_run: FirstRun = setting(
        3, description="What of a backlog is sent to each subscriber: the newest so many matches; or `all`."
    )
    state: StateUrl = setting(
        "sqlite:///state/paperboy.sqlite3",
        repr=False,
        description="sqlite:///FILE, or postgresql://user@host/db: then several machines share the work.",
    )
    subscriptions: ShownPath = setting("config/subscriptions.yaml", description="The file of subscribers.")
    atom: Atom = setting({})
    web: Web = setting({})
    email: Email = setting({})
    telegram: Telegram = setting({})
    quiz: Quiz = setting({})
    source_alarm: SourceAlarm = setting({})
    _warnings: tuple[Fault, ...] = PrivateAttr(default=())
    _base: Path = PrivateAttr(default=Path())

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """Valid settings that somebody should look at, each with its line and column."""
        return self._warnings

    @property
    def base(self) -> Path:
        """Start of relative paths; absolute."""
        return self._base

    @property
    def first_run_limit(self) -> int | None:
        """Number of backlog matches that a new subscriber gets; None for all."""
        return None if self.first_run == "all" else self.first_run

    @property
    def sqlite_file(self) -> Path | None:
        """The file of a SQLite state; None for PostgreSQL."""
        sqlite, _, file = self.state.partition("sqlite:///")
        return Path(file) if file and not sqlite else None

    @property
    def max_bytes(self) -> int:
        """Size of the largest file that is read."""
        return int(self.watch.max_file_mb * 1_000_000)

    @property
    def sends_telegram(self) -> bool:
        """True if there is a token; else messages are kept as previews."""
        return bool(self.telegram.token.get_secret_value())

    @property
    def previews_folder(self) -> Path:
        """Folder of Telegram messages while there is no token: beside the feeds."""
        return self.atom.folder.parent / "previews"

    @property
    def maildir(self) -> Path | None:
        """Folder of mails while there is no mail server; None if there is one."""
        transport = self.email.transport
        return transport.folder if isinstance(transport, Maildir) else None

    @property
    def heartbeat(self) -> Heartbeat:
        """Heartbeat of the processes on this state; the same from any working directory."""
        file = self.sqlite_file
        return Heartbeat(str(file.resolve()) if file else self.state)

    def remember(self, *, base: Path, warnings: tuple[Fault, ...]) -> None:
        """Keeps the base folder and the warnings of the file that was read."""
        self._base, self._warnings = base, warnings


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadSettings:
    """Result of reading the file: its settings or its faults."""

    settings: Settings | None
    """None if there are faults."""
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    subscriptions: Path
    """Path of the other file, also if the settings as a whole are invalid."""
    document: Document


def load_settings(path: Path, environ: Mapping[str, str], *, explicit: bool = True) -> Settings:
    """The settings of the file; all defaults if it is absent and was not named by the user (`explicit` false).

    Raises:
        ConfigError: with every fault, in file order.
        UsageError: the file cannot be read.
    """
    read = read_settings(path, environ, explicit=explicit)
    if read.settings is None:
        raise ConfigError(read.faults)
    return read.settings


def read_settings(path: Path, environ: Mapping[str, str], *, explicit: bool = True) -> ReadSettings:
    """Like `load_settings`, with faults and warnings as values; raises UsageError if the file cannot be read."""
    absent = not explicit and not path.exists()
    document = Document(file=str(path)) if absent else read_document(path)
    context = Context(base=base_folder(path))
    data = to_data(document.root, Substitution(document, environ)) if document.root else {}
    settings = validated(Settings, data, document, context=context)
    if settings is None or document.fault_count:
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
    """Start of relative paths: the folder above a folder named `config`, else the file's own folder.

    Relative to the working directory if the config file's path is.
    """
    folder = config.parent
    if folder.absolute().name != "config":
        return folder
    return folder.parent if folder.name == "config" else folder / os.pardir


def _subscriptions(data: object, context: Context) -> Path:
    default = str(Settings.model_fields["subscriptions"].default)
    text = data.get("subscriptions") if isinstance(data, dict) else None
    try:
        return path_as_written(text if isinstance(text, str) else default, context)
    except FieldFault:
        return path_as_written(default, context)


def _warnings(settings: Settings, document: Document, context: Context, file: Path) -> tuple[Fault, ...]:
    by_key = (*context.warnings, *_transport_warnings(settings), *_open_secrets(document, file))
    by_offset = ((document.offset_of(key), message) for key, message in by_key)
    return tuple(document.fault_at(offset, message) for offset, message in sorted(by_offset))


def _transport_warnings(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    transport, key = settings.email.transport, ("email", "transport")
    if not isinstance(transport, Smtp):
        return
    if transport.encryption == "none":
        yield key, f"mails go to {transport.host} without encryption"
    if transport.user and not settings.email.password:
        yield key, f"a user but no password; set email.password where {transport.host} asks for one"


def _open_secrets(document: Document, file: Path) -> Iterator[tuple[tuple[str, ...], str]]:
    """Warnings about secrets in a configuration file that everybody may read."""
    for key in (("telegram", "token"), ("email", "password")):
        node, _, known = document.find(key)
        written = node.value if known == len(key) and isinstance(node, ScalarNode) else ""
        if written and "${" not in written and file.stat().st_mode & stat.S_IROTH:
            yield key, f"this secret {READABLE_BY_ALL}, or use {key[-1]}_file"
