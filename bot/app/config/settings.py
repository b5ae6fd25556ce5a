"""`config/paperboy.yaml`: its keys with defaults, checks and descriptions, and the reading of the file."""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    model_validator,
)
from ruamel.yaml.nodes import ScalarNode

from bot.adapters.email.servers import ImapFolder, SmtpServer
from bot.adapters.heartbeat import Heartbeat
from bot.app.config.addresses import (
    Listen,
    Maildir,
    parse_feed_authority,
    parse_fetched_address,
    parse_git_address,
    parse_interval,
    parse_listen,
    parse_mailbox,
    parse_reports,
    parse_state,
    parse_transport,
    parse_web_address,
)
from bot.app.config.validation import (
    READABLE_BY_ALL,
    Context,
    Converted,
    FieldFault,
    FilePath,
    Flag,
    Heading,
    Integer,
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
    resolved_path,
    secret_in,
    setting,
    shown_text,
    typed,
    validated,
)
from bot.app.config.yaml import KeyPath, YamlDocument, is_absent, read_document, to_data
from bot.domain.errors import ConfigError, Fault
from bot.domain.mailbox import Mailbox
from bot.domain.site import SiteAddresses, is_loopback
from bot.domain.sources import Source

_LONGEST_BOUNCES = 32
"""Characters of a local part, which may have 64 with the token."""
_SOURCE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_BRANCH = re.compile(r"([A-Za-z0-9_.][\w./+@#-]{0,199})?")
_HEADER = re.compile(
    r"(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*(?P<value>[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)"
)
"""A request header; its name is a token (RFC 9110, section 5.1)."""


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


def _bounce_address(text: str) -> Mailbox | None:
    """One bare address whose local part leaves room for a token."""
    if not text.strip():
        return None
    mailbox = parse_mailbox(text)
    if mailbox.name or "+" in mailbox.local_part or len(mailbox.local_part) > _LONGEST_BOUNCES:
        raise FieldFault("must be a bare address like bounces@example.org, without a +")
    return mailbox


WebAddress = Annotated[
    str, Parsed(parse_web_address, {"type": "string", "pattern": "^https?://[^/?#@]+[^?#]*$"})
]
OptionalWebAddress = Annotated[
    str,
    Parsed(
        lambda text: parse_web_address(text) if text else "",
        {"type": "string", "pattern": "^(https?://[^/?#@]+[^?#]*)?$"},
    ),
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
TransportAddress = Annotated[
    Maildir | SmtpServer,
    Parsed(
        parse_transport,
        {"type": "string", "pattern": r"^(maildir:.+|(smtp|smtps|smtp\+plain)://[^\s/]+/?)$"},
        in_context=True,
    ),
]
DnsName = Annotated[str, Parsed(_dns_name, {"type": "string", "pattern": "^[A-Za-z0-9._-]*$"})]
BounceAddress = Annotated[
    Mailbox | None, Parsed(_bounce_address, {"type": "string", "pattern": "^([^@+]+@[^@]+)?$"})
]
SenderAddress = Annotated[Mailbox, Parsed(parse_mailbox, {"type": "string", "pattern": "^[^@]+@[^@]+$"})]
Reports = Annotated[
    Maildir | ImapFolder | None,
    Parsed(
        parse_reports,
        {"type": "string", "pattern": r"^(maildir:.+|imaps://[^\s/@]+@[^\s/]+(/.*)?)?$"},
        in_context=True,
    ),
]
FirstRun = Annotated[
    int | Literal["all"],
    Converted(_first_run, {"anyOf": [{"type": "integer", "minimum": 0}, {"const": "all"}]}),
]
PersonId = Annotated[int, BeforeValidator(typed), Field(ge=1)]
OnUncertain = Annotated[Literal["hold", "resend"], BeforeValidator(typed)]


class Site(Section):
    """Name and addresses of this installation."""

    title: Heading = setting("Paperboy", description="Shown in feeds, mails and pages.")
    url: WebAddress = setting(
        "http://127.0.0.1:8080",
        description="How readers reach the web server; by default the address of web.listen. Not part of feed ids.",
    )
    feed_authority: FeedAuthority = setting(
        "paperboy.example,2026",
        description="RFC 4151 authority and year, part of every feed id; never change it.",
    )

    @property
    def addresses(self) -> SiteAddresses:
        """Addresses of the pages and feeds below `url`."""
        return SiteAddresses(self.url)


class Watch(Section):
    """Watched folders of digests."""

    folders: Many[FilePath] = setting(
        ("seeds",), min_length=1, description="Folders in which digests arrive, with all subfolders."
    )
    settle_seconds: Number = setting(
        0.3, ge=0, le=3600, description="A file is read when it has not changed for so long."
    )
    rescan_seconds: Number = setting(
        30, gt=0, le=86_400, description="Seconds between full scans, in case a file event was lost."
    )
    polling: Flag = setting(
        default=False, description="True if file events do not work (network file systems)."
    )
    max_file_mb: Number = setting(20, gt=0, le=1024, description="Larger files are not read.")
    ignore: Many[str] = setting(
        (), description="Patterns of names, or of paths below a folder, of files that are no digests."
    )


class AtomFeeds(Section):
    """Feeds."""

    folder: FilePath = setting("state/feeds", description="Holds all.atom, and a file per private feed.")
    entries: Integer = setting(100, ge=1, le=10_000, description="Newest papers in each feed.")
    hub: OptionalWebAddress = setting(
        "", description="A WebSub hub that is pinged when feeds change; empty for none."
    )
    hub_is_private: Flag = setting(
        default=False, description="The hub may be on this machine or in a private network."
    )


class Web(Section):
    """Web server."""

    listen: ListenAddress = setting("127.0.0.1:8080", description="host:port; empty for no web server.")
    open: Flag = setting(
        default=False,
        description="True: every visitor may make a private feed, as on a server that only this machine can reach.",
    )


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

    transport: TransportAddress = setting(
        "maildir:state/mail",
        description="maildir:FOLDER (written there, not sent), smtp://user@host:587 (STARTTLS required), "
        "smtps://user@host:465 or smtp+plain://127.0.0.1:25 (no encryption).",
    )
    inline_password: Secret = setting("", alias="password", description="Password of the transport's user.")
    password_file: Annotated[
        SecretStr, SecretFile(("email", "password_file"), instead_of="inline_password")
    ] = setting("", description="A file that holds the password instead.")
    sender: SenderAddress = setting(
        "Paperboy <paperboy@localhost>", alias="from", description="Name <address> of the sender."
    )
    dkim: Dkim = setting({}, description="Signatures.")
    open: Flag = setting(
        default=False,
        description="True: everybody may subscribe by mail on the web, and confirms by a link in one mail.",
    )
    bounces: BounceAddress = setting(
        "",
        description="Where undeliverable mails come back to, like bounces@example.org: each mail's envelope has "
        "bounces+TOKEN@example.org, which your mail server must accept too.",
    )
    reports: Reports = setting(
        "",
        description="Where delivery reports and complaints arrive, maildir:FOLDER or imaps://user@host/FOLDER; "
        "addresses that no longer exist get no more mails.",
    )
    inline_reports_password: Secret = setting(
        "", alias="reports_password", description="Password of the user of imaps://."
    )
    reports_password_file: Annotated[
        SecretStr, SecretFile(("email", "reports_password_file"), instead_of="inline_reports_password")
    ] = setting("", description="A file that holds that password instead.")

    @property
    def password(self) -> SecretStr:
        """The password from `password` or `password_file`; empty for none."""
        return self.password_file or self.inline_password

    @property
    def reports_password(self) -> SecretStr:
        """The password from `reports_password` or `reports_password_file`; empty for none."""
        return self.reports_password_file or self.inline_reports_password

    @model_validator(mode="after")
    def _reports_can_be_believed(self) -> "Email":
        if self.reports and not self.bounces:
            raise FieldFault(
                "reports need email.bounces, whose tokens tell true ones from forged ones", key="reports"
            )
        if isinstance(self.reports, ImapFolder) and not self.reports_password:
            raise FieldFault("imaps:// needs email.reports_password_file", key="reports")
        return self

    @model_validator(mode="after")
    def _password_has_its_user(self) -> "Email":
        if isinstance(self.transport, SmtpServer) and self.password and not self.transport.user:
            raise FieldFault("a password without a user; write smtp://user@host", key="transport")
        return self


class Telegram(Section):
    """Telegram bot."""

    inline_token: Secret = setting(
        "",
        alias="token",
        description="From @BotFather. Without a token messages are kept as previews, and nothing is sent.",
    )
    token_file: Annotated[SecretStr, SecretFile(("telegram", "token_file"), instead_of="inline_token")] = (
        setting("", description="A file that holds the token instead.")
    )
    api_url: WebAddress = setting("https://api.telegram.org", description="The Bot API server.")
    on_uncertain: OnUncertain = setting(
        "hold",
        description="A message that may or may not have arrived: hold it for `paperboy outbox retry`, or resend it.",
    )
    open: Flag = setting(
        default=False,
        description="True: everybody may subscribe in the chat. False: the operators are asked with a button.",
    )
    operators: Many[PersonId] = setting(
        (), description="Telegram user ids of the operators, who may use /status too."
    )
    webhook: Flag = setting(
        default=False,
        description="True: Telegram delivers updates to the web server at site.url, with a secret header.",
    )

    @property
    def token(self) -> SecretStr:
        """The token from `token` or `token_file`; empty for previews."""
        return self.token_file or self.inline_token


class Quiz(Section):
    """Quiz polls."""

    min_confidence: Number = setting(
        0.9,
        ge=0,
        le=1,
        description="Least confidence of a worked-out answer; below it an ordinary poll is sent.",
    )
    per_day: Integer = setting(
        5,
        ge=0,
        le=100,
        description="Most questions that come back to a person on one day; 0: none.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadersFile:
    """Request headers from a file, which may hold tokens."""

    path: Path
    headers: Mapping[str, str] = field(repr=False)
    is_open: bool
    """True if everybody on this machine may read it."""


def _headers_file(text: str, context: Context) -> HeadersFile | None:
    if not text.strip():
        return None
    path = resolved_path(text, context)
    content, is_open = secret_in(path)
    headers: dict[str, str] = {}
    for number, line in enumerate(content.splitlines(), start=1):
        header = _HEADER.fullmatch(line.strip())
        if header:
            headers[header["name"]] = header["value"]
        elif line.strip() and not line.startswith("#"):
            raise FieldFault(f"{path}, line {number}: no header; write it like 'Authorization: Bearer …'")
    return HeadersFile(path=path, headers=headers, is_open=is_open)


def _source_name(text: str) -> str:
    if not _SOURCE_NAME.fullmatch(text):
        raise FieldFault(
            "must be 1 to 64 letters, digits, dots, dashes or underscores (first no dot or dash)"
        )
    return text


def _folder(text: str) -> str:
    folder = text.strip().strip("/")
    if "\n" in folder or any(part in ("", ".", "..", ".git") for part in folder.split("/") if folder):
        raise FieldFault("must be a folder inside the repository like dailies/pages")
    return folder


def _branch(text: str) -> str:
    if not _BRANCH.fullmatch(text.strip()):
        raise FieldFault("must be the name of a branch like main")
    return text.strip()


class SourceForm(Section):
    """A source: a git repository or a URL that is fetched regularly."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["git"]}, {"required": ["url"]}]})

    name: Annotated[str, Parsed(_source_name, {"type": "string", "pattern": f"^{_SOURCE_NAME.pattern}$"})] = (
        Field(description="Its name in `source:` queries, status, doctor and alarms; also of its folder.")
    )
    git: Annotated[
        str | None, Parsed(parse_git_address, {"type": "string", "minLength": 1}, in_context=True)
    ] = Field(None, validate_default=False, description="A git repository: any URL or path that git takes.")
    url: Annotated[
        str | None,
        Parsed(parse_fetched_address, {"type": "string", "pattern": r"^\s*https?://[^/?#@\s]+\S*\s*$"}),
    ] = Field(
        None,
        validate_default=False,
        description="A document: Atom, RSS, JSON, Markdown, HTML, CSV and others.",
    )
    branch: Annotated[str, Parsed(_branch, {"type": "string", "pattern": rf"^\s*{_BRANCH.pattern}\s*$"})] = (
        setting("", description="Branch of a git repository; by default that of the remote.")
    )
    folder: Annotated[str, Parsed(_folder, {"type": "string"})] = setting(
        "", description="Folder of a git repository; only files below it are read."
    )
    every: Annotated[
        timedelta,
        Parsed(parse_interval, {"type": "string", "pattern": r"^\s*\d{1,4}\s*[mhdwMHDW][a-zA-Z]*\s*$"}),
    ] = setting("6h", description="How often it is fetched: 30m, 6h or 1d; not under 10m.")
    headers_file: Annotated[
        HeadersFile | None, Parsed(_headers_file, {"type": "string"}, in_context=True)
    ] = setting("", description="File of request headers for a URL, such as tokens; chmod 600.")

    @model_validator(mode="after")
    def _git_or_url(self) -> "SourceForm":
        if (self.git is None) == (self.url is None):
            raise FieldFault(
                f"a source needs git or url{', not both' if self.git else f'; {self.name} has neither'}"
            )
        unused = [
            key
            for key, value in (("branch", self.branch), ("folder", self.folder))
            if value and self.git is None
        ]
        unused += ["headers_file"] if self.headers_file and self.url is None else []
        for key in unused:
            other = "a url has none" if self.git is None else "git's credential helpers keep its tokens"
            raise FieldFault(f"{key} does not belong here: {other}", key=key)
        return self

    @property
    def source(self) -> Source:
        return Source(
            name=self.name,
            kind="git" if self.git else "url",
            address=self.git or self.url or "",
            branch=self.branch,
            folder=self.folder,
            every=self.every,
            headers=self.headers_file.headers if self.headers_file else {},
        )


def _different_names(sources: tuple[SourceForm, ...]) -> tuple[SourceForm, ...]:
    seen: dict[str, str] = {}
    for index, source in enumerate(sources):
        if taken := seen.get(source.name.lower()):
            raise FieldFault(
                f"the name {shown_text(taken)} is taken already; names differ by more than case",
                key=(index, "name"),
            )
        seen[source.name.lower()] = source.name
    return sources


class SourceAlarm(Section):
    """Recipients of alarms."""

    to: Many[Heading] = setting(
        (),
        description="Ids of subscribers who get an alarm when something goes wrong, such as a source that falls"
        " silent, an address that is refused, or a channel that is stopped, and when it is over.",
    )


class Settings(Section):
    """Settings of paperboy. Every key is optional."""

    site: Site = setting({})
    watch: Watch = setting({})
    first_run: FirstRun = setting(
        3, description="How many matches of a backlog each subscriber gets, newest first; or `all`."
    )
    sources: Annotated[Many[SourceForm], AfterValidator(_different_names)] = setting(
        (), description="Digests that paperboy fetches, besides those in the watched folders."
    )
    state: StateUrl = setting(
        "sqlite:///state/paperboy.sqlite3",
        repr=False,
        description="sqlite:///FILE, or postgresql://user@host/db for several machines.",
    )
    subscriptions: ShownPath = setting("config/subscriptions.yaml", description="The file of subscribers.")
    atom: AtomFeeds = setting({})
    web: Web = setting({})
    email: Email = setting({})
    telegram: Telegram = setting({})
    quiz: Quiz = setting({})
    source_alarm: SourceAlarm = setting({})
    _warnings: tuple[Fault, ...] = PrivateAttr(default=())
    _base: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _url_follows_listen(self) -> "Settings":
        if "url" not in self.site.model_fields_set and self.web.listen is not None:
            site = self.site.model_copy(update={"url": self.web.listen.url})
            self.__dict__["site"] = site  # the model is frozen
        return self

    @property
    def visitors_make_feeds(self) -> bool:
        """True if any visitor of the web server may make a private feed: with `web.open`, or on this machine alone."""
        hosts = (self.web.listen.host if self.web.listen else "", urlsplit(self.site.url).hostname or "")
        return self.web.open or all(map(is_loopback, hosts))

    @model_validator(mode="after")
    def _a_webhook_can_be_reached(self) -> "Settings":
        if self.telegram.webhook and not (self.web.listen and self.site.url.startswith("https://")):
            raise FieldFault(
                "a webhook needs web.listen, and site.url with https:// by which Telegram reaches it",
                key=("telegram", "webhook"),
            )
        return self

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """Warnings about valid settings, each with its line and column."""
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
    def state_folder(self) -> Path:
        """Folder of a SQLite state, else `state`, where this machine keeps what is not in the database."""
        file = self.sqlite_file
        return file.parent if file else self.base / "state"

    @property
    def has_state(self) -> bool:
        """False if the file of a SQLite state is not there yet."""
        return self.sqlite_file is None or not is_absent(self.sqlite_file)

    @property
    def sources_folder(self) -> Path:
        """Folder of what is fetched, with a folder for each source."""
        return self.state_folder / "sources"

    @property
    def watched(self) -> tuple[Path, ...]:
        """The watched folders and, after them, those of the sources."""
        return (*self.watch.folders, *(self.sources_folder / source.name for source in self.sources))

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
        """Heartbeat of the processes on this state, independent of the working directory."""
        file = self.sqlite_file
        return Heartbeat(str(file.resolve()) if file else self.state)

    def remember(self, *, base: Path, warnings: tuple[Fault, ...]) -> None:
        """Keep the base folder and the warnings of the file that was read."""
        self._base, self._warnings = base, warnings


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadSettings:
    """The settings of a file, or its faults."""

    settings: Settings | None
    """None if there are faults."""
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    subscriptions: Path
    """Path of the other file, also if the settings as a whole are invalid."""
    document: YamlDocument


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
    absent = not explicit and is_absent(path)
    document = YamlDocument(file=str(path)) if absent else read_document(path)
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


def _warnings(settings: Settings, document: YamlDocument, context: Context, file: Path) -> tuple[Fault, ...]:
    by_key = (
        *context.warnings,
        *_transport_warnings(settings),
        *_open_headers(settings),
        *_open_secrets(document, file),
    )
    by_offset = ((document.offset_of(key), message) for key, message in by_key)
    return tuple(document.fault_at(offset, message) for offset, message in sorted(by_offset))


def _transport_warnings(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    transport, key = settings.email.transport, ("email", "transport")
    if not isinstance(transport, SmtpServer):
        return
    if transport.security == "none":
        yield key, f"mails go to {transport.host} without encryption"
    if transport.user and not settings.email.password:
        yield key, f"a user but no password; set email.password where {transport.host} asks for one"


def _open_headers(settings: Settings) -> Iterator[tuple[KeyPath, str]]:
    for index, source in enumerate(settings.sources):
        if source.headers_file and source.headers_file.is_open:
            yield ("sources", index, "headers_file"), f"{source.headers_file.path} {READABLE_BY_ALL}"


def _open_secrets(document: YamlDocument, file: Path) -> Iterator[tuple[tuple[str, ...], str]]:
    """Warnings about secrets in a configuration file that everybody may read."""
    for key in (("telegram", "token"), ("email", "password"), ("email", "reports_password")):
        node, _, known = document.find(key)
        written = node.value if known == len(key) and isinstance(node, ScalarNode) else ""
        if written and "${" not in written and file.stat().st_mode & stat.S_IROTH:
            yield key, f"this secret {READABLE_BY_ALL}, or use {key[-1]}_file"
