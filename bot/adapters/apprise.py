"""The Apprise channel: plain text to any service that the library Apprise supports (an optional dependency).

The library returns a bool and only logs why something failed, so the outcome is read from its log:

    no connection was made                       TryLater: certainly not sent
    HTTP status 400 to 499                       TryLater (429), TargetGone (401, 403, 404, 410) or Refused
    anything else (5xx, no response, …)          OutcomeUnknown
    any failure after the first of several parts OutcomeUnknown: the first part was sent

The log messages are those of Apprise 2.3 (seen 2026-11); if they change, outcomes become unknown.
"""

import asyncio
import importlib
import logging
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

from bot.domain.card import card_of, text_of, web_link
from bot.domain.channels import Capabilities, ChannelKind, ChannelWords
from bot.domain.errors import DeliveryError, OutcomeUnknown, Refused, TargetGone, TryLater
from bot.domain.message import Begin, OutgoingMessage, Receipt, unrecorded
from bot.domain.text import one_line
from bot.domain.translations import wording

INSTALL = "Apprise is not installed; run: pip install 'paperboy-bot[apprise]'"
_STATUS = re.compile(r"\berror=(?P<status>\d{3})\b")
_NOT_CONNECTED = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeoutError|Failed to establish a new connection"
    r"|Missing dependencies for SOCKS|Not supported proxy scheme|Please check proxy URL|Unable to connect to proxy"
)
_GONE_STATUSES = frozenset({401, 403, 404, 410})
_TOO_MANY_REQUESTS = 429
_MOST_TITLES = 10


def _parse_address(text: str) -> str:
    """The URL, checked by the library; ValueError where it names no service that Apprise supports."""
    try:
        _service(text)
    except Refused as error:
        raise ValueError(str(error)) from error
    return text


class ApprisePublisher:
    """Sends alerts, alarms and look backs as plain text, in several parts where the service limits the length; no edits, no polls."""

    kind: ChannelKind = "apprise"
    capabilities: Capabilities = Capabilities(
        noun="Apprise messages",
        at_once=4,
        parse_address=_parse_address,
        words={
            "en": ChannelWords(name="Apprise", target="this Apprise address"),
            "zh": ChannelWords(name="Apprise", target="此 Apprise 地址"),
        },
    )

    async def send(self, message: OutgoingMessage, begin: Begin = unrecorded) -> Receipt:
        """Send every part; the receipt has no message id. Raises a DeliveryError."""
        if message.kind != "alert" and message.text is None:
            raise Refused(f"this channel cannot carry a {message.kind} ({message.id})")
        service = _service(message.target.address)
        parts = list(split(self.text(message), service.body_maxlen))
        await begin()
        for number, part in enumerate(parts, start=1):
            error = await asyncio.to_thread(_notify, service, part)
            if error is not None and number > 1:
                raise OutcomeUnknown(f"part {number} of {len(parts)}: {error}")
            if error is not None:
                raise error
        return Receipt(message="", messages=len(parts))

    async def close(self) -> None:
        """Nothing is held open."""

    @staticmethod
    def text(message: OutgoingMessage) -> str:
        """The message as plain text."""
        if message.text is not None:
            return f"{message.text.subject}\n\n{message.text.body}"
        words = wording(message.language)
        papers = [_paper(message, number) for number in range(len(message.items))]
        more = [words.more_heading.format(count=message.more)] if message.more else []
        titles = [f"• {one_line(title, 200)}" for title in message.more_titles[:_MOST_TITLES]]
        return "\n\n".join([*papers, "\n".join([*more, *titles])]).strip()


def split(text: str, longest: int) -> Iterator[str]:
    """Parts of at most `longest` characters, split at an empty line, a line end or a blank where possible."""
    while len(text) > longest:
        head = text[:longest]
        ends = (head.rfind(mark) for mark in ("\n\n", "\n", " "))
        end = next((end for end in ends if end > longest // 2), longest)
        yield head[:end].rstrip()
        text = text[end:].lstrip()
    yield text


def _paper(message: OutgoingMessage, number: int) -> str:
    card = card_of(message.items[number], language=message.language)
    lines = [
        card.title_text if len(message.items) == 1 else f"{number + 1}. {card.title_text}",
        text_of(card.author_line()),
        card.gist_text,
        ", ".join(match.subscription for match in card.matches),
        web_link(card.links.best) or "",
    ]
    return "\n".join(line for line in lines if line)


def _service(url: str) -> Any:
    """The library's object for a URL. Raises Refused for an invalid URL, or where the library is not installed."""
    try:
        import apprise
    except ImportError as error:
        raise Refused(INSTALL) from error
    _import_pgp()
    log = logging.getLogger("apprise")
    log.propagate = False  # its records hold URLs, and so secrets
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    service = apprise.Apprise.instantiate(url)
    if service is None:
        raise Refused("must be an Apprise URL like ntfy://host/topic or discord://id/token")
    return service


def _import_pgp() -> None:
    """Import the library's module that imports imghdr, without the deprecation warning of Python 3.11 and 3.12.

    The library needs imghdr (removed in 3.13, where it has a fallback) for PGPy, which is not installed here. The
    warning is ignored during this one import; a stub module in imghdr's place would be visible to the whole process.
    """
    if "apprise.utils.pgp" in sys.modules:
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'imghdr' is deprecated", DeprecationWarning)
        importlib.import_module("apprise.utils.pgp")


class _LogCollector(logging.Handler):
    """Collects the log messages of the thread that made it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.messages: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.messages.append(record.getMessage())


def _notify(service: Any, text: str) -> DeliveryError | None:
    """Send one part; the error where the service did not accept it, else None."""
    collector, log = _LogCollector(), logging.getLogger("apprise")
    log.setLevel(logging.DEBUG)
    log.addHandler(collector)
    try:
        accepted = service.notify(body=text, body_format="text")
    finally:
        log.removeHandler(collector)
    return None if accepted else _error(service.service_name, "\n".join(collector.messages))


def _error(service: object, log: str) -> DeliveryError:
    match = _STATUS.search(log)
    status = int(match["status"]) if match else None
    if status is None and _NOT_CONNECTED.search(log):
        return TryLater(f"{service} cannot be reached")
    if status is None or status not in range(400, 500):
        return OutcomeUnknown(f"{service} answered {status or 'nothing that says what became of it'}")
    if status == _TOO_MANY_REQUESTS:
        return TryLater(f"{service} answered {status}: too many messages")
    if status in _GONE_STATUSES:
        return TargetGone(f"{service} answered {status}: it does not take messages for this address")
    return Refused(f"{service} answered {status}")
