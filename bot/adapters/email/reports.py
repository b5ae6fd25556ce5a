"""Delivery reports (RFC 3464) and complaints (RFC 5965) in a Maildir or an IMAP folder, and the addresses they come to.

Anybody can forge such a mail, so it counts only with the token in the address that it came to, which is known only to
those who handled the mail that it reports on.
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
from email.message import Message
from pathlib import Path

from bot.adapters.email.servers import ImapFolder
from bot.domain.errors import ReportsUnreadable
from bot.domain.mailbox import Mailbox
from bot.domain.reports import DeliveryReport, ReportKind
from bot.domain.text import one_line

log = logging.getLogger(__name__)

Take = Callable[[DeliveryReport], object]

_TOKEN = "[a-z2-7]{26}"  # noqa: S105 - the form of a token
_MAX_BYTES = 256 * 1024
"""Limit of bytes read of a report; everything relevant is at its beginning."""
_MAX_MAILS = 1_000
"""Limit of mails read at a time; the rest follows next time."""


def return_address(bounces: Mailbox, token: str) -> str:
    """The envelope sender of mails to one target, to which undeliverable ones are returned (VERP)."""
    return f"{bounces.local_part}+{token}@{bounces.domain}"


# --- reading a report -------------------------------------------------------------------------------------

_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_GONE = re.compile(r"5\.1\.(?!7$|8$)\d+|5\.2\.1|5\.7\.17")
"""Mailbox or domain missing, disabled or reassigned (RFC 3463, RFC 7505); 5.1.7 and 5.1.8 are about the sender, us."""
_UNSPECIFIC = re.compile(r"[45]\.0\.0")
_RECIPIENT_HEADERS = ("Delivered-To", "X-Original-To", "Envelope-To", "To")
_ORIGINAL_SENDER_HEADERS = ("Original-Mail-From", "Return-Path")
_MOST_TOKENS = 8


def read_report(content: bytes, bounces: Mailbox) -> DeliveryReport | None:
    """The report in a mail; None where there is none, or it is not about a failure."""
    try:
        mail = email.message_from_bytes(content[:_MAX_BYTES], policy=email.policy.compat32)
        parts = list(mail.walk())
        report_type = str(mail.get_param("report-type", "")).lower()
        if mail.get_content_type() != "multipart/report":
            return None
        report = _complaint(parts) if report_type == "feedback-report" else _failure(parts)
        tokens = _tokens(mail, parts, bounces)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        log.info("report.unreadable", extra={"error": one_line(str(error), 200)})
        return None
    if report is None:
        return None
    kind, what = report
    return DeliveryReport(kind=kind, tokens=tokens, what=one_line(what, 200))


def _failure(parts: Iterable[Message]) -> tuple[ReportKind, str] | None:
    """(kind, reason): the worst of all recipients that the report names; None where it is not about a failure."""
    failures: list[tuple[ReportKind, str]] = []
    for group in _groups(parts, "message/delivery-status"):
        if _word(group, "Action") not in ("failed", "delayed"):
            continue
        diagnosis = str(group.get("Diagnostic-Code") or "").partition(";")[2].strip()
        status = _status(str(group.get("Status") or ""), diagnosis)
        gone = _word(group, "Action") == "failed" and _GONE.fullmatch(status)
        failures.append(("gone" if gone else "soft", f"{diagnosis or status or 'no reason given'}"))
    return min(failures, default=None)  # "gone" comes before "soft"


def _status(stated: str, diagnosis: str) -> str:
    """The enhanced status code: the stated one, or the one in the diagnosis where that is missing or unspecific."""
    own, other = _STATUS.search(stated), _STATUS.search(diagnosis)
    if own is None or (_UNSPECIFIC.fullmatch(own[0]) and other):
        return other[0] if other else ""
    return own[0]


def _complaint(parts: Iterable[Message]) -> tuple[ReportKind, str] | None:
    for group in _groups(parts, "message/feedback-report"):
        if _word(group, "Feedback-Type") == "abuse":
            return "complaint", f"complaint by {one_line(str(group.get('User-Agent') or 'a provider'), 80)}"
    return None


def _groups(parts: Iterable[Message], content_type: str) -> Iterator[Message]:
    """Groups of fields in the parts of that type, each parsed as a message."""
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
    """Tokens in the addresses that the report came to, then in those that it names as the original sender."""
    local, domain = re.escape(bounces.local_part), re.escape(bounces.domain)
    address = re.compile(rf"(?<![\w.+-]){local}\+({_TOKEN})@{domain}(?![\w.-])", re.IGNORECASE)
    values = [str(value) for name in _RECIPIENT_HEADERS for value in mail.get_all(name, [])]
    values += [
        str(value) for part in parts for name in _ORIGINAL_SENDER_HEADERS for value in part.get_all(name, [])
    ]
    values += [
        str(value)
        for group in _groups(parts, "message/feedback-report")
        for value in group.get_all("Original-Mail-From", [])
    ]
    for part in parts:
        if part.get_content_type() == "text/rfc822-headers" and isinstance(part.get_payload(), str):
            headers = email.message_from_string(str(part.get_payload()), policy=email.policy.compat32)
            values += [str(value) for value in headers.get_all("Return-Path", [])]
    tokens = (match[1].lower() for value in values for match in address.finditer(value[:1_000]))
    return tuple(dict.fromkeys(tokens))[:_MOST_TOKENS]


# --- boxes of reports -------------------------------------------------------------------------------------


class MaildirReports:
    """Reports in a Maildir: a report that was taken is moved to `cur/` and marked as seen; other mails stay."""

    def __init__(self, folder: Path, bounces: Mailbox) -> None:
        self._folder = folder
        self._bounces = bounces
        self._not_reports: set[str] = set()
        """Names of mails that turned out to be no reports."""

    def read(self, take: Take) -> None:
        """See `ReportBox`; a missing Maildir counts as empty."""
        try:
            self._read(take)
        except OSError as error:
            raise ReportsUnreadable(f"reports in {self._folder}: {error.strerror or error}") from error

    def _read(self, take: Take) -> None:
        unread = [path for path in self._unread() if path.name not in self._not_reports]
        for path in unread[:_MAX_MAILS]:
            with suppress(FileNotFoundError):  # a mail program moved it meanwhile
                with path.open("rb") as file:
                    report = read_report(file.read(_MAX_BYTES), self._bounces)
                if report is None:
                    self._not_reports.add(path.name)
                    continue
                take(report)
                name, _, flags = path.name.partition(":2,")
                seen = "".join(sorted({*flags, "S"}))
                (self._folder / "cur").mkdir(exist_ok=True)
                path.rename(self._folder / "cur" / f"{name}:2,{seen}")

    def _unread(self) -> list[Path]:
        """Regular files that are not marked as seen, oldest first."""
        unread: list[tuple[float, Path]] = []
        for folder in ("new", "cur"):
            with suppress(FileNotFoundError):
                for path in (self._folder / folder).iterdir():
                    with suppress(FileNotFoundError):
                        state = path.lstat()
                        if stat.S_ISREG(state.st_mode) and "S" not in path.name.partition(":2,")[2]:
                            unread.append((state.st_mtime, path))
        return [path for _, path in sorted(unread)]


_TIMEOUT_SECONDS = 30


class ImapReports:
    """Reports in an IMAP folder: a report that was taken is marked as seen; `tls` replaces the system's trust store."""

    def __init__(
        self, folder: ImapFolder, bounces: Mailbox, *, password: str, tls: ssl.SSLContext | None = None
    ) -> None:
        self._folder = folder
        self._bounces = bounces
        self._password = password
        self._tls = tls
        self._not_reports: set[tuple[str, str]] = set()
        """(UIDVALIDITY, UID) of mails that turned out to be no reports."""

    def __repr__(self) -> str:
        return f"ImapReports({self._folder})"

    def read(self, take: Take) -> None:
        """See `ReportBox`."""
        try:
            self._read(take)
        except (OSError, imaplib.IMAP4.error) as error:
            message = one_line(
                str(error).replace(self._password, "***") if self._password else str(error), 200
            )
            raise ReportsUnreadable(f"reports in {self._folder}: {message}") from None

    def _read(self, take: Take) -> None:
        context = self._tls or ssl.create_default_context()
        with imaplib.IMAP4_SSL(
            self._folder.host, self._folder.port, ssl_context=context, timeout=_TIMEOUT_SECONDS
        ) as server:
            server.login(self._folder.user, self._password)
            _checked(server.select(_quoted(self._folder.folder)))
            validity = str(server.response("UIDVALIDITY")[1][0])
            (numbers,) = _checked(server.uid("SEARCH", "UNSEEN"))
            uids = [number.decode("ascii") for number in (numbers or b"").split()]
            for uid in [uid for uid in uids if (validity, uid) not in self._not_reports][:_MAX_MAILS]:
                report = read_report(_content(server, uid), self._bounces)
                if report is None:
                    self._not_reports.add((validity, uid))
                    continue
                take(report)
                _checked(server.uid("STORE", uid, "+FLAGS.SILENT", r"(\Seen)"))


def _content(server: imaplib.IMAP4, uid: str) -> bytes:
    answer = _checked(server.uid("FETCH", uid, f"(BODY.PEEK[]<0.{_MAX_BYTES}>)"))
    return next((item[1] for item in answer if isinstance(item, tuple)), b"")


def _checked(answer: tuple[str, list]) -> list:  # type: ignore[type-arg]  # imaplib says no more
    """The data of an answer; raises imaplib's error where its status is not OK."""
    status, data = answer
    if status != "OK":
        raise imaplib.IMAP4.error(f"{status} {data}")
    return data


def _quoted(folder: str) -> str:
    return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'
