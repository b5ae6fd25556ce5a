"""Bytes → digest: the readers, and the choice among them, which only the content makes."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from bot.adapters.readers import quiz_page, quiz_text, table
from bot.adapters.readers.document import Document, decode, find_date
from bot.domain.digests import Digest, DigestKind
from bot.domain.errors import NotADigest

__all__ = ["READERS", "Reader", "peek_date", "read_digest"]


HEAD_BYTES = 16_384
"""Where every digest's heading ends long before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """The code that knows one digest format."""

    kind: DigestKind
    recognises: Callable[[Document], bool]
    heading_date: Callable[[str], dt.date | None]
    read: Callable[[Document], Digest]


READERS = (
    Reader(
        kind="quiz_page",
        recognises=quiz_page.recognises,
        heading_date=quiz_page.heading_date,
        read=quiz_page.read,
    ),
    Reader(kind="table", recognises=table.recognises, heading_date=table.heading_date, read=table.read),
    Reader(
        kind="quiz_text",
        recognises=quiz_text.recognises,
        heading_date=quiz_text.heading_date,
        read=quiz_text.read,
    ),
)
"""In the order in which they are asked."""


def read_digest(data: bytes, *, name: str) -> Digest:
    """The digest in a file's bytes; `name` is for messages, and for the date where no heading tells it.

    Raises NotADigest where no reader knows the content, DigestTooLarge over a limit of the readers. What
    looks like a digest and holds no paper is a digest with a problem.
    """
    document = decode(data, name=name)
    for reader in READERS:
        if reader.recognises(document):
            return reader.read(document)
    raise NotADigest(f"{name}: neither a table of papers nor a quiz page nor its text")


def peek_date(head: bytes, *, name: str) -> dt.date | None:
    """The date of the digest that begins with `head`, of which the first 16 kB are looked at.

    Comes from the heading, else from the name; None where neither has one.
    """
    text = decode(head[:HEAD_BYTES], name=name).text
    dates = (reader.heading_date(text) for reader in READERS)
    return next(filter(None, dates), None) or find_date(name)
