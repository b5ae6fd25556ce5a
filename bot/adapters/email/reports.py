"""Delivery reports (RFC 3464) and complaints (RFC 5965) in a Maildir or an IMAP folder, and the addresses they come to.

Anybody can write such a mail, so nothing in it is believed but the token of the address that it came to, which only
those know who handled the mail that it is about.
"""

import email
import email.policy
import imaplib
import logging
import re
import ssl
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

from bot.domain.errors import ReportsUnreadable
from bot.domain.mailbox import Mailbox
from bot.domain.reports import DeliveryReport, Verdict
from bot.domain.text import one_line

log = logging.getLogger(__name__)

Take = Callable[[DeliveryReport], object]

_TOKEN = "[a-z2-7]{26}"  # noqa: S105 - its form
MAX_BYTES = 256 * 1024
"""Of a report so much is read at most: what counts stands at its beginning."""
MAX_MAILS = 1_000
"""Mails that one look takes at most; the next one goes on."""


def return_address(bounces: Mailbox, token: str) -> str:
    """The envelope sender of one target's mails: undeliverable ones come back to it (VERP)."""
    local, _, domain = bounces.address.rpartition("@")
    return f"{local}+{token}@{domain}"


# --- reading a report -------------------------------------------------------------------------------------

_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_GONE = re.compile(r"5\.1\.(?!7$|8$)\d+|5\.2\.1|5\.7\.17")
"""No such mailbox or domain, one that is disabled or handed to somebody else (RFC 3463, RFC 7505); 5.1.7 and 5.1.8 speak of us."""
_UNSAID = re.compile(r"[45]\.0\.0")
_CAME_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "To")
_REPORTED = ("Original-Mail-From", "Return-Path")
_MOST_TOKENS = 8


def read_report(content: bytes, bounces: Mailbox) -> DeliveryReport | None:
    """The report in a mail; None where it is none, or tells nothing of a mail that failed."""
    try:
        mail = email.message_from_bytes(content[:MAX_BYTES], policy=email.policy.compat32)
        parts = list(mail.walk())
        kind = str(mail.get_param("report-type", "")).lower()
        if mail.get_content_type() != "multipart/report":
            return None
        report = _complaint(parts) if kind == "feedback-report" else _failure(parts)
        tokens = _tokens(mail, parts, bounces)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        log.info("report.unreadable", extra={"error": one_line(str(error), 200)})
        return None
    if report is None:
        return None
    verdict, what = report
    return DeliveryReport(verdict=verdict, tokens=tokens, what=one_line(what, 200))


def _failure(parts: Iterable[Message]) -> tuple[Verdict, str] | None:
    """Verdict on the recipient: the worst of all that the report names."""
    verdicts: list[tuple[Verdict, str]] = []
    for group in _groups(parts, "message/delivery-status"):
        if _word(group, "Action") not in ("failed", "delayed"):
            continue
        diagnosis = str(group.get("Diagnostic-Code") or "").partition(";")[2].strip()
        status = _status(str(group.get("Status") or ""), diagnosis)
        gone = _word(group, "Action") == "failed" and _GONE.fullmatch(status)
        verdicts.append(("gone" if gone else "soft", f"{diagnosis or status or 'no reason given'}"))
    return min(verdicts, default=None)  # "gone" comes before "soft"


def _status(stated: str, diagnosis: str) -> str:
    """The enhanced status; the one in the server's own words where the stated one says nothing."""
    own, other = _STATUS.search(stated), _STATUS.search(diagnosis)
    if own is None or (_UNSAID.fullmatch(own[0]) and other):
        return other[0] if other else ""
    return own[0]


def _complaint(parts: Iterable[Message]) -> tuple[Verdict, str] | None:
    for group in _groups(parts, "message/feedback-report"):
        if _word(group, "Feedback-Type") == "abuse":
            return "complaint", f"complaint by {one_line(str(group.get('User-Agent') or 'a provider'), 80)}"
    return None


def _groups(parts: Iterable[Message], content_type: str) -> Iterator[Message]:
    """The groups of fields in the parts of that type: the parser makes a message of each."""
    for part in parts:
        if part.get_content_type() != content_type:
            continue
        payload = part.get_payload()
        if isinstance(payload, str):
            yield email.message_from_string(payload.lstrip(), policy=email.policy.compat32)
        elif isinstance(payload, list):
            yield from (group for group in payload if isinstance(group, Message))


def _word(group: Message, name: str) -> str:
    return str(group.get(name) or "").partition("(")[0].strip().lower()


def _tokens(mail: Message, parts: Iterable[Message], bounces: Mailbox) -> tuple[str, ...]:
    """Tokens in the addresses that the report came to, then in those that it says the mail was from."""
    local, _, domain = bounces.address.rpartition("@")
    address = re.compile(
        rf"(?<![\w.+-]){re.escape(local)}\+({_TOKEN})@{re.escape(domain)}(?![\w.-])", re.IGNORECASE
    )
    named = [str(value) for name in _CAME_TO for value in mail.get_all(name, [])]
    named += [str(value) for part in parts for name in _REPORTED for value in part.get_all(name, [])]
    named += [
        str(value)
        for group in _groups(parts, "message/feedback-report")
        for value in group.get_all("Original-Mail-From", [])
    ]
    for part in parts:
        if part.get_content_type() == "text/rfc822-headers" and isinstance(part.get_payload(), str):
            headers = email.message_from_string(str(part.get_payload()), policy=email.policy.compat32)
            named += [str(value) for value in headers.get_all("Return-Path", [])]
    tokens = (match[1].lower() for value in named for match in address.finditer(value[:1_000]))
    return tuple(dict.fromkeys(tokens))[:_MOST_TOKENS]


# --- where they arrive ------------------------------------------------------------------------------------


class MaildirReports:
    """Reports in a Maildir: those that were taken go to `cur/` as seen, everything else is left alone."""

    def __init__(self, folder: Path, bounces: Mailbox) -> None:
        self._folder = folder
        self._bounces = bounces
        self._others: set[str] = set()
        """Mails that are no reports, looked at once."""

    def read(self, take: Take) -> None:
        """As `ReportBox`; a Maildir that is not there yet is empty."""
        try:
            self._read(take)
        except OSError as error:
            raise ReportsUnreadable(f"reports in {self._folder}: {error.strerror or error}") from error

    def _read(self, take: Take) -> None:
        unread = [path for path in self._unread() if path.name not in self._others]
        for path in unread[:MAX_MAILS]:
            with suppress(FileNotFoundError):  # a mail program moved it meanwhile
                with path.open("rb") as file:
                    report = read_report(file.read(MAX_BYTES), self._bounces)
                if report is None:
                    self._others.add(path.name)
                    continue
                take(report)
                name, _, flags = path.name.partition(":2,")
                seen = "".join(sorted({*flags, "S"}))
                (self._folder / "cur").mkdir(exist_ok=True)
                path.rename(self._folder / "cur" / f"{name}:2,{seen}")

    def _unread(self) -> list[Path]:
        """Regular files that nobody has seen, oldest first."""
        found: list[tuple[float, Path]] = []
        for folder in ("new", "cur"):
            with suppress(FileNotFoundError):
                for path in (self._folder / folder).iterdir():
                    with suppress(FileNotFoundError):
                        state = path.lstat()
                        if stat.S_ISREG(state.st_mode) and "S" not in path.name.partition(":2,")[2]:
                            found.append((state.st_mtime, path))
        return [path for _, path in sorted(found)]


@dataclass(frozen=True, kw_only=True, slots=True)
class ImapFolder:
    """A folder on an IMAP server, spoken to with TLS from the first byte."""

    host: str
    user: str
    folder: str
    port: int = 993

    def __str__(self) -> str:
        return f"imaps://{self.host}:{self.port}/{self.folder}"


_SECONDS = 30


class ImapReports:
    """Reports in an IMAP folder: those that were taken are marked as seen; `tls` replaces the system's trust."""

    def __init__(
        self, place: ImapFolder, bounces: Mailbox, *, password: str, tls: ssl.SSLContext | None = None
    ) -> None:
        self._place = place
        self._bounces = bounces
        self._password = password
        self._tls = tls
        self._others: set[tuple[str, str]] = set()
        """Mails that are no reports, looked at once, as (UIDVALIDITY, UID)."""

    def __repr__(self) -> str:
        return f"ImapReports({self._place})"

    def read(self, take: Take) -> None:
        """As `ReportBox`."""
        try:
            self._read(take)
        except (OSError, imaplib.IMAP4.error) as error:
            message = one_line(
                str(error).replace(self._password, "***") if self._password else str(error), 200
            )
            raise ReportsUnreadable(f"reports in {self._place}: {message}") from None

    def _read(self, take: Take) -> None:
        context = self._tls or ssl.create_default_context()
        with imaplib.IMAP4_SSL(
            self._place.host, self._place.port, ssl_context=context, timeout=_SECONDS
        ) as server:
            server.login(self._place.user, self._password)
            _checked(server.select(_quoted(self._place.folder)))
            validity = str(server.response("UIDVALIDITY")[1][0])
            (numbers,) = _checked(server.uid("SEARCH", "UNSEEN"))
            uids = [number.decode("ascii") for number in (numbers or b"").split()]
            for uid in [uid for uid in uids if (validity, uid) not in self._others][:MAX_MAILS]:
                report = read_report(_fetched(server, uid), self._bounces)
                if report is None:
                    self._others.add((validity, uid))
                    continue
                take(report)
                _checked(server.uid("STORE", uid, "+FLAGS.SILENT", r"(\Seen)"))


def _fetched(server: imaplib.IMAP4, uid: str) -> bytes:
    answer = _checked(server.uid("FETCH", uid, f"(BODY.PEEK[]<0.{MAX_BYTES}>)"))
    return next((item[1] for item in answer if isinstance(item, tuple)), b"")


def _checked(answer: tuple[str, list]) -> list:  # type: ignore[type-arg]  # what imaplib gives
    status, data = answer
    if status != "OK":
        raise imaplib.IMAP4.error(f"{status} {data}")
    return data


def _quoted(folder: str) -> str:
    return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'
