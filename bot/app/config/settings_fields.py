"""The kinds of value that only `config/paperboy.yaml` has: each with its check and its JSON Schema."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator

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
from bot.app.config.fields import Chosen, FieldFault, Parsed, typed
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
