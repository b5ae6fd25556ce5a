"""What `config/paperboy.yaml` may say: every key with its default, its check and its description."""

from pathlib import Path
from typing import Annotated

from pydantic import PrivateAttr, SecretStr, model_validator

from bot.app.config.addresses import Smtp
from bot.app.config.fields import (
    FieldFault,
    FilePath,
    Flag,
    Integer,
    Line,
    Many,
    Number,
    Section,
    ShownPath,
    setting,
)
from bot.app.config.secret_files import Secret, SecretFile
from bot.app.config.settings_fields import (
    DnsName,
    FeedAuthority,
    FirstRun,
    ListenAddress,
    OnUncertain,
    Sender,
    StateUrl,
    Transport,
    WebAddress,
)
from bot.domain.errors import Fault


class Site(Section):
    """How paperboy is called and reached."""

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
    """Where digests arrive, and how the folders are looked at."""

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
    """The feed files."""

    folder: FilePath = setting("state/feeds", description="all.atom and one file per subscriber with a feed.")
    entries: Integer = setting(100, ge=1, le=10_000, description="Newest papers in each feed.")


class Web(Section):
    """The web server."""

    listen: ListenAddress = setting("127.0.0.1:8080", description="host:port; empty for no web server.")


class Dkim(Section):
    """Signs mails, where all three are set (RFC 6376)."""

    domain: DnsName = setting("", description="The domain that signs.")
    selector: DnsName = setting("", description="The name of the key's DNS record.")
    key: Annotated[SecretStr, SecretFile(("email", "dkim", "key_file"), one_line=False)] = setting(
        "", alias="key_file", description="The private key, PEM."
    )

    @model_validator(mode="after")
    def _all_or_nothing(self) -> "Dkim":
        given = {"domain": bool(self.domain), "selector": bool(self.selector), "key_file": bool(self.key)}
        if any(given.values()) and not all(given.values()):
            missing = next(name for name, there in given.items() if not there)
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
    """How mails go out."""

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
        """From wherever it is written; empty for none."""
        return self.password_file or self.inline_password

    @model_validator(mode="after")
    def _password_has_its_user(self) -> "Email":
        if isinstance(self.transport, Smtp) and self.password and not self.transport.user:
            raise FieldFault("a password without a user; write smtp://user@host", key="transport")
        return self


class Telegram(Section):
    """The Telegram bot."""

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
        """From wherever it is written; empty for previews."""
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
    """Who hears that something is wrong with the digests."""

    to: Many[Line] = setting(
        (),
        description="Subscriber ids told when a source falls silent, is empty or changes its form.",
    )


class Settings(Section):
    """Settings of paperboy. Every key is optional."""

    site: Site = setting({})
    watch: Watch = setting({})
    first_run: FirstRun = setting(
        3, description="Per subscriber: newest matches sent when the state is new; or `all`."
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
        """What works but should be looked at, with its place."""
        return self._warnings

    @property
    def base(self) -> Path:
        """Where relative paths start, absolute."""
        return self._base

    @property
    def first_run_limit(self) -> int | None:
        """How many first matches a new subscriber gets; None for all."""
        return None if self.first_run == "all" else self.first_run

    @property
    def sqlite_file(self) -> Path | None:
        """The file of the state, where it is one."""
        sqlite, _, file = self.state.partition("sqlite:///")
        return Path(file) if file and not sqlite else None

    def remember(self, *, base: Path, warnings: tuple[Fault, ...]) -> None:
        """Keeps what was found while the file was read."""
        self._base, self._warnings = base, warnings
