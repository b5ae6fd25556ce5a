"""Reads feeds: RSS, Atom and RDF by feedparser, which is handed bytes and never an address."""

import datetime as dt
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from bot.adapters.readers.document import DigestText, Findings, any_date, plain_words
from bot.adapters.readers.record import Record, label_of, names_of, role_of, text_ids, text_urls
from bot.domain.digests import Digest
from bot.domain.errors import NotADigest
from bot.domain.papers import linked_id

_ROOT = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!DOCTYPE.{0,4000}?)?(?:<\?[^>]{0,500}\?>\s*|<!--.{0,2000}?-->\s*)*<(rss|feed|rdf:RDF|RDF)\b",
    re.IGNORECASE | re.DOTALL,
)
_PART = re.compile(
    r"<(?:b|strong|h[1-6]|p><strong|li)[^<>]*>\s*([^<>:：]{2,40})\s*[:：]?\s*</(?:b|strong|h[1-6])>\s*[:：]?",
    re.IGNORECASE,
)
_LINE_LABEL = re.compile(
    r"(?:^|\n)\s*(authors?|tags|categories|subjects|upvotes|score|doi|comments?|journal(?: ref)?)\s*[:：]\s*([^\n]{1,3000})",
    re.IGNORECASE,
)
_AUTHORS = re.compile(r"\bAuthor\(s\)\s*:\s*(.{2,3000})$")
_NAME_OF_JOURNAL = re.compile(
    r"\b(?:journal|review|reviews|nature|science|sciences|letters|proceedings|transactions|research|studies|quarterly|annals|annual|advances|reports|"
    r"archives|communications|psychology|economics|management|medicine|physics|chemistry|biology|engineering|[a-z]*rxiv|feeds?)\b|\bof\b",
    re.IGNORECASE,
)
MANY_ENTRIES = 3
"""Entries with one author from which it may be the journal."""
_BREAKS = re.compile(r"<(?:br|/p|/li|/div|/h[1-6]|li|p)\b[^<>]*>", re.IGNORECASE)
_PYTHON_LIST = re.compile(r"""['"]((?:[^'"\\]|\\.)+)['"]\s*(?=[,\]])""")
_PUBLISHED = re.compile(
    r"sciencedirect|ieeexplore|springer|dl\.acm\.org|wiley|mdpi|tandfonline|oup\.com|journals?\.|cell\.com|thelancet|nejm|jmlr|pmlr|thecvf|neurips|"
    r"science\.org|iop\.org|aps\.org|acs\.org|rsc\.org|frontiersin|plos|biomedcentral|/(?:article|abs|doi|pii|abstract)s?/",
    re.IGNORECASE,
)
"""Addresses of publishers, whose feeds name papers without an id that we know."""
_JOURNAL = re.compile(r"\s*\[([^\[\]]{2,80})\]\s+")
_LINES = re.compile(r"<(?:item|entry)\b", re.IGNORECASE)


def recognises(document: DigestText) -> int:
    """3 where the root is a feed's."""
    return 3 if _ROOT.match(document.text[:5_000]) else 0


def heading_date(text: str) -> dt.date | None:
    """The day on which the feed says it was made."""
    head = re.split(r"<(?:item|entry)\b", text[:20_000], maxsplit=1)[0]
    match = re.search(r"<(?:lastBuildDate|pubDate|updated|dc:date)>([^<]{8,60})<", head)
    return any_date(match[1]) if match else None


def read(document: DigestText) -> Digest:
    """The feed's entries as papers."""
    if re.search(r"<!ENTITY|<!DOCTYPE[^>]*\[", document.text[:100_000]):
        raise NotADigest("a feed that defines entities of its own, which may grow without end: refused")
    import feedparser

    feed = feedparser.parse(
        document.text.encode(errors="replace"),
        resolve_relative_uris=False,
        sanitize_html=False,
        response_headers={"content-type": "application/xml; charset=utf-8"},
    )
    findings = Findings(document)
    lines = (
        [document.line(match.start()) for match in _LINES.finditer(document.text)]
        if len(document.text) < 200_000
        else _line_numbers(document.text)
    )
    journals = _journals(feed.entries)
    for index, item in enumerate(feed.entries):
        line = lines[index] if index < len(lines) else 1
        record = _record(item, journals)
        entry = record.entry()
        if entry is None:
            findings.pass_over(line, "an entry of the feed without a title")
        elif record.id is None and not (record.authors or any(map(_PUBLISHED.search, record.urls))):
            findings.pass_over(line, f"an entry that links to no paper: {entry.title[:60]!r}")
        else:
            findings.take(entry, line=line)
    if not len(findings) and feed.entries:
        raise NotADigest("a feed whose entries link to no paper")
    if feed.bozo and not feed.entries:
        raise NotADigest(f"a feed that cannot be read: {feed.get('bozo_exception')}")
    if feed.bozo and not isinstance(feed.get("bozo_exception"), feedparser.CharacterEncodingOverride):
        findings.note(
            1, f"the feed is no well-formed XML: {plain_words(str(feed.get('bozo_exception')))[:150]}"
        )
    return findings.loose_digest("feed", date=heading_date(document.text))


def _line_numbers(text: str) -> list[int]:
    numbers: list[int] = []
    line, at = 1, 0
    for match in _LINES.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        numbers.append(line)
    return numbers


def _journals(entries: list[Any]) -> frozenset[str]:
    """The authors that are journals: one that all entries have, or one of several that is called as journals are."""
    names = Counter(str(entry.get("author", "")) for entry in entries)
    return frozenset(
        name
        for name, count in names.items()
        if name and count >= MANY_ENTRIES and (len(names) == 1 or _NAME_OF_JOURNAL.search(name))
    )


def _record(item: dict[str, Any], journals: frozenset[str]) -> Record:
    record = Record()
    author = str(item.get("author", ""))
    journal = author if author in journals else ""
    record.add("title", item.get("title"))
    texts = [str(part.get("value", "")) for part in item.get("content", ())] + [str(item.get("summary", ""))]
    record.urls += [str(link.get("href")) for link in item.get("links", ()) if link.get("href")]
    for name in ("link", "id", "prism_doi", "dc_identifier", "arxiv_doi", "prism_url"):
        value = item.get(name)
        if isinstance(value, str):
            record.add("doi" if "doi" in name else "link" if name in {"link", "prism_url"} else "id", value)
            record.add("link", value)
    authors = [
        author.get("name")
        for author in item.get("authors", ())
        if isinstance(author, Mapping) and author.get("name")
    ]
    prefix = _JOURNAL.match(str(item.get("title", "")))
    if prefix and (not authors or authors == [prefix[1]]):
        record.titles = []
        record.add("title", str(item.get("title"))[prefix.end() :])
        journal = prefix[1]
        authors = []
    if listed := _AUTHORS.search(plain_words(texts[0])):
        record.authors = names_of(listed[1])
        record.comment = journal or None
        texts = [text for text in texts if not plain_words(text).startswith("Publication date:")]
    elif authors and not journal:
        record.authors = names_of(authors if len(authors) > 1 else authors[0])
    elif journal and "arxiv.org" not in journal.lower():
        record.comment = journal
    record.categories = [str(tag.get("term")) for tag in item.get("tags", ()) if tag.get("term")][:50]
    for name in ("published", "updated"):
        if dict.__contains__(item, name):  # feedparser's own `in` takes one for the other, with a warning
            record.add(name, item[name])
    record.add("comment", item.get("arxiv_comment") or item.get("prism_publicationname"))
    for text in texts:
        _take_text(record, text)
    return record


def _take_text(record: Record, markup: str) -> None:
    """Take a description in: its labelled parts as fields, else the whole as the summary."""
    if not markup.strip():
        return
    if record.id is None:
        record.urls += [url for url in text_urls(markup)[:50] if linked_id(url)][:1]
        record.ids += text_ids(plain_words(markup[:2_000]))[:1]
    parts = list(_PART.finditer(markup))
    rest = markup
    for index, part in enumerate(parts):
        stop = parts[index + 1].start() if index + 1 < len(parts) else len(markup)
        label, text = part[1].strip(), markup[part.end() : stop]
        if role_of(label)[0]:
            record.add(
                label,
                plain_words(text) if role_of(label)[0] != "authors" else _names(plain_words(text)),
                label=label_of(label),
            )
            rest = rest.replace(markup[part.start() : stop], " ", 1)
    for match in _LINE_LABEL.finditer(_BREAKS.sub("\n", rest)):
        value = plain_words(match[2])
        record.add(match[1], _names(value) if match[1].lower().startswith("author") else value)
    record.add("summary", plain_words(rest))


def _names(text: str) -> Any:
    """The names in a Python list that was printed, else the text itself."""
    return _PYTHON_LIST.findall(text) if text.startswith("[") else text
