"""Reads HTML digests: cards, tables and lists of papers, and papers that a page holds as data for its scripts."""

import datetime as dt
import json
import re
from itertools import islice

from bot.adapters.readers.document import DigestText, Findings, NotThisKind, any_date
from bot.adapters.readers.items import take_outline
from bot.adapters.readers.outline import local_papers, names_papers, outline, parse_fragment
from bot.adapters.readers.rows import take_html_rows
from bot.adapters.readers.structured import take_values
from bot.domain.digests import Digest
from bot.domain.errors import DigestTooLarge

MAX_TAGS = 600_000
_SCRIPT = re.compile(r"<script\b[^<>]{0,1000}>(.*?)</script>", re.IGNORECASE | re.DOTALL)
_DATA = re.compile(r"(?:\A|=)\s*(?=[\[{])")
MAX_DATA = 50
"""Positions in a script at which data may begin."""
_BEGINS = re.compile(
    r"\s*(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html|head|body|h[1-6]|div|p|table|ul|ol|main|article|section|title|meta)\b",
    re.IGNORECASE | re.DOTALL,
)
_DOCTYPE = re.compile(r"\s*(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<(title|h1|h2)\b[^<>]*>(.{0,300}?)</\1>", re.IGNORECASE | re.DOTALL)


def recognises(document: DigestText) -> int:
    """3 where the document says that it is HTML, 2 where it begins as HTML does, 1 where it is full of its links."""
    text = document.text
    if _DOCTYPE.match(text):
        return 3
    if _BEGINS.match(text):
        return 2
    return int(text.count("href=") > 2 and "```" not in text)


def heading_date(text: str) -> dt.date | None:
    """The date in the page's title or first headings."""
    for match in _TITLE.finditer(text[:20_000]):
        if day := any_date(match[2]):
            return day
    return None


def read(document: DigestText) -> Digest:
    """The papers on the page, each with what stands around its link."""
    if not names_papers(document.text):
        raise NotThisKind("nothing in it links to a paper")
    if document.text.count("<") > MAX_TAGS:
        raise DigestTooLarge(f"{document.name}: more than {MAX_TAGS:,} tags; split the file")
    findings = Findings(document)
    findings.near = heading_date(document.text) or any_date(document.name)
    text = take_html_rows(document.text, findings, lambda index, _: document.line(index))
    top = outline(
        parse_fragment(text),
        line_of=lambda element: element.sourceline or 0,
        keep_lines=False,
        local=local_papers(document),
    )
    take_outline(top, findings, document.text)
    if not len(findings):
        _read_scripts(document.text, findings)
    if not len(findings):
        raise NotThisKind("HTML without papers")
    return findings.loose_digest("html", date=findings.near)


def _read_scripts(text: str, findings: Findings) -> None:
    """Add the papers of pages that hold them as data for a script: `const papers = [{"title": …}]`."""
    decoder = json.JSONDecoder()
    for script in _SCRIPT.finditer(text):
        body, at = script[1], 0
        for start in islice(_DATA.finditer(body), MAX_DATA) if '"title"' in body else ():
            if start.end() < at:
                continue
            try:
                value, at = decoder.raw_decode(body, start.end())
            except (ValueError, RecursionError):
                continue
            take_values([value], findings)
