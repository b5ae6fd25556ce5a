"""Addresses in the settings: URLs, mail transports, mailboxes, listen addresses, authorities, intervals."""

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from bot.adapters.email.servers import ImapFolder, Security, SmtpServer
from bot.app.config.validation import Context, FieldFault, resolved_path
from bot.domain.mailbox import DOMAIN, LOCAL_PART, Mailbox
from bot.domain.schedule import parse_span
from bot.domain.sources import MIN_INTERVAL

_SMTP: dict[str, tuple[Security, int]] = {
    "smtp": ("starttls", 587),
    "smtps": ("tls", 465),
    "smtp+plain": ("none", 25),
}
_IMAPS = 993
_AUTHORITY = re.compile(rf"(?P<authority>(?:{LOCAL_PART}@)?{DOMAIN}),(?P<date>\d{{4}}(?:-\d\d){{0,2}})")
_TOKEN = re.compile(r"\d{5,}:[A-Za-z0-9_-]{30,}")
_NO_BLANKS = re.compile(r"[^\s\x00-\x1f\x7f]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Maildir:
    """A folder that mails are written to, or read from."""

    folder: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Listen:
    """Address of the web server; port 0 means any free port."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The server's address for this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - all networks
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def parse_mailbox(text: str) -> Mailbox:
    """`a@b.c` or `Name <a@b.c>`, exactly one."""
    if "\r" in text or "\n" in text:
        raise FieldFault("must be one mail address on one line")
    try:
        return Mailbox.parse(text)
    except ValueError as error:
        raise FieldFault("must be one mail address like alice@example.org") from error


def is_bot_token(text: str) -> bool:
    """True for a bot's number, a colon and its secret, as BotFather gives them (seen 2026-11)."""
    return _TOKEN.fullmatch(text) is not None


def parse_web_address(text: str) -> str:
    """An http or https address without a slash at its end."""
    parts = _split(text, "must be an http or https address like https://papers.example.org")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise FieldFault("must be an http or https address like https://papers.example.org")
    if parts.username is not None:
        raise FieldFault("an address with a user or a password; write it without")
    return text.rstrip("/")


def parse_feed_authority(text: str) -> str:
    """The authority and date of tag URIs (RFC 4151 §2.1): `papers.example.org,2026`, lower case, a real date."""
    authority = _AUTHORITY.fullmatch(text)
    if not authority or not _is_date(authority["date"]):
        raise FieldFault("must be a domain you own and a year like papers.example.org,2026 (RFC 4151)")
    if text != text.lower():
        raise FieldFault("must be in lower case")
    return text


def parse_listen(text: str) -> Listen | None:
    """`host:port` (`[::1]:8080` for IPv6); None for the empty text."""
    if not text.strip():
        return None
    expected = "must be host:port like 127.0.0.1:8080 (0.0.0.0 for all networks), or empty for no web server"
    parts = _split(f"//{text}", expected)
    port = _port(parts)
    if not parts.hostname or port is None or parts.netloc != text or parts.username is not None:
        raise FieldFault(expected)
    return Listen(host=parts.hostname, port=port)


def parse_transport(text: str, context: Context) -> Maildir | SmtpServer:
    """`maildir:PATH`, `smtp://`, `smtps://` or `smtp+plain://` with an optional user and port.

    A password is refused here, since addresses are shown in messages.
    """
    if text.startswith("maildir:"):
        return Maildir(folder=resolved_path(text.removeprefix("maildir:"), context))
    expected = "must be maildir:FOLDER, smtp://user@host:587 (STARTTLS), smtps://user@host:465 or smtp+plain://host:25"
    parts = _split(text, expected)
    if parts.scheme not in _SMTP or not parts.hostname or parts.path.strip("/") or parts.query:
        raise FieldFault(expected)
    if parts.password is not None:
        raise FieldFault("must not hold the password; write it under email.password or email.password_file")
    security, usual_port = _SMTP[parts.scheme]
    port = _port(parts)
    if port is None and _has_port(parts):
        raise FieldFault("must have a port between 1 and 65535")
    user = unquote(parts.username) if parts.username else None
    return SmtpServer(host=parts.hostname, port=port or usual_port, user=user, security=security)


def parse_reports(text: str, context: Context) -> Maildir | ImapFolder | None:
    """`maildir:PATH` or `imaps://user@host/FOLDER`; None for the empty text."""
    if not text.strip():
        return None
    if text.startswith("maildir:"):
        return Maildir(folder=resolved_path(text.removeprefix("maildir:"), context))
    expected = "must be maildir:FOLDER or imaps://user@host/FOLDER"
    parts = _split(text, expected)
    folder = unquote(parts.path.strip("/")) or "INBOX"
    if parts.scheme != "imaps" or not parts.hostname or not parts.username or parts.query:
        raise FieldFault(expected)
    if parts.password is not None:
        raise FieldFault("must not hold the password; write it under email.reports_password_file")
    port = _port(parts)
    if (port is None and _has_port(parts)) or not folder.isascii() or not folder.isprintable():
        raise FieldFault(expected)
    return ImapFolder(host=parts.hostname, port=port or _IMAPS, user=unquote(parts.username), folder=folder)


def parse_state(text: str, context: Context) -> str:
    """URL of the database for SQLAlchemy; a relative SQLite file starts at the base folder."""
    if text.startswith("sqlite:///"):
        file = text.removeprefix("sqlite:///")
        if not file.strip() or "?" in file:
            raise FieldFault("must name a file: sqlite:///state/paperboy.sqlite3")
        return f"sqlite:///{resolved_path(file, context)}"
    expected = "must be sqlite:///FILE or postgresql://user@host/database"
    parts = _split(text, expected)
    if parts.scheme != "postgresql" or not parts.path.strip("/"):
        raise FieldFault(expected)
    return text


def _split(text: str, expected: str) -> SplitResult:
    if not _NO_BLANKS.fullmatch(text):
        raise FieldFault(expected)
    try:
        return urlsplit(text)
    except ValueError as error:
        raise FieldFault(expected) from error


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        return None


def _has_port(parts: SplitResult) -> bool:
    return parts.netloc.rpartition("]")[2].rpartition("@")[2].rpartition(":")[1] == ":"


def _is_date(text: str) -> bool:
    try:
        return dt.date.fromisoformat(text + "-01-01"[len(text) - 4 :]) is not None
    except ValueError:
        return False


def parse_fetched_address(text: str) -> str:
    """An http or https address of a document, with its query, without a fragment."""
    expected = "must be an http or https address like https://rss.arxiv.org/rss/cs.CL"
    parts = _split(text.strip(), expected)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise FieldFault(expected)
    if parts.username is not None:
        raise FieldFault("a user or a password in an address; write 'Authorization: …' into a headers_file")
    return parts._replace(fragment="").geturl()


def parse_git_address(text: str, context: Context) -> str:
    """Any URL that git takes, `host:path`, or a path from the base folder; without a password."""
    address = text.strip()
    if not address or "\n" in address or address.startswith("-"):
        raise FieldFault("must be a URL or a path of a git repository")
    if "://" in address:
        parts = _split(address, "must be a URL or a path of a git repository")
        if parts.password is not None or (parts.username and parts.scheme in ("http", "https")):
            raise FieldFault("a password or token in an address; leave it to git's credential helpers")
        return address
    is_remote = re.match(r"[^/]+:", address)
    return address if is_remote else str(resolved_path(address, context))


def parse_interval(text: str) -> dt.timedelta:
    """A time like 30m, 6h or 1d, not under MIN_INTERVAL."""
    interval = parse_span(text)
    if interval is None or interval < MIN_INTERVAL:
        raise FieldFault("must be a time like 30m, 6h or 1d, not under 10m")
    return interval
