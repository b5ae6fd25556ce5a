"""Atom documents (RFC 4287), with the links of archives (RFC 5005) and hubs (WebSub)."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from bot.adapters.feeds.entries import EntryCache, entry_parts
from bot.domain.card import web_link
from bot.domain.feeds import Feed, FeedEntry
from bot.domain.text import one_line

MAX_FEED_BYTES = 1_000_000
"""Feed readers give up on documents over a megabyte: the oldest entries of a larger feed are left out."""

_MAX_ARCHIVE_BYTES = 20_000_000
"""Limit of an archive document, which is read by programs that want the whole month."""
_ARCHIVE_MARK = b'<fh:archive xmlns:fh="http://purl.org/syndication/history/1.0"/>\n'
_END = b"</feed>"


def render_atom(feed: Feed) -> bytes:
    """The feed as UTF-8 XML, entries in the feed's order; the last ones are left out where the size limit is reached."""
    moments = _update_times(feed.entries)
    frame = _frame(feed, max(moments, default=feed.updated))
    room = (_MAX_ARCHIVE_BYTES if feed.current else MAX_FEED_BYTES) - len(frame)
    fragments: list[bytes] = []
    for entry, updated in zip(feed.entries, moments, strict=True):
        fragment = _ENTRIES.rendered(entry, updated, feed)
        room -= len(fragment)
        if room < 0:
            break
        fragments.append(fragment)
    before, end, after = frame.rpartition(_END)
    mark = _ARCHIVE_MARK if feed.current else b""
    return b"".join((*_styled(before, feed), mark, *fragments, end, after))


def _styled(before: bytes, feed: Feed) -> tuple[bytes, ...]:
    """The beginning of the document, with a link to the style sheet for browsers where the site has an address."""
    site_url = web_link(feed.site_url)
    declaration, line, rest = before.partition(b"\n")
    if not site_url:
        return (before,)
    path = f"{urlsplit(site_url).path}/feed.css"
    return declaration, line, f'<?xml-stylesheet type="text/css" href="{path}"?>\n'.encode(), rest


def _update_times(entries: Iterable[FeedEntry]) -> list[datetime]:
    """When each entry was updated, all different: the W3C validator warns of entries that readers cannot sort.

    Papers of one digest are stored at one moment, so each time is moved by less than a second, derived from the id.
    """
    moments: dict[datetime, None] = {}
    for entry in entries:
        digest = hashlib.sha256(entry.id.encode()).digest()
        offset = timedelta(microseconds=int.from_bytes(digest[:4]) % 1_000_000)
        moment = entry.updated.astimezone(UTC) + offset
        while moment in moments:
            moment += timedelta(microseconds=1)
        moments[moment] = None
    return list(moments)


def _frame(feed: Feed, newest: datetime) -> bytes:
    """The document without its entries."""
    from feedgen.feed import FeedGenerator

    title = one_line(feed.title, 200) or "Paperboy"
    generator = FeedGenerator()
    generator.id(feed.id)
    generator.title(title)
    generator.updated(max(feed.updated.astimezone(UTC), newest))
    generator.language(feed.language)
    generator.author(name=title)  # for papers whose digest names no authors (RFC 4287 §4.1.1)
    generator.generator("Paperboy", version=None, uri=None)
    if self_url := web_link(feed.self_url):
        generator.link(href=self_url, rel="self", type="application/atom+xml")
    if site_url := web_link(feed.site_url):
        generator.link(href=site_url, rel="alternate", type="text/html")
    for rel, url in (("hub", feed.hub), ("prev-archive", feed.previous), ("current", feed.current)):
        if href := web_link(url):
            generator.link(href=href, rel=rel)
    document: bytes = generator.atom_str(pretty=True)
    return document


def _entry(entry: FeedEntry, updated: datetime, feed: Feed) -> bytes:
    """The `<entry>` element, formatted as feedgen does, which takes four times as long."""
    parts = entry_parts(entry, feed)
    lines = [
        "<entry>",
        _element("id", entry.id),
        _element("title", parts.title, ' type="text"'),
        _element("updated", updated.isoformat()),
        *(f"  <author>\n    <name>{_escaped(name)}</name>\n  </author>" for name in parts.authors),
        _element("content", parts.content, ' type="html"'),
        *(f"  <category term={_quoted(tag)}/>" for tag in parts.tags),
        _element("published", entry.published.astimezone(UTC).isoformat()),
    ]
    if parts.summary:
        lines.append(_element("summary", parts.summary, ' type="text"'))
    if alternate := parts.links.abs or parts.links.huggingface or parts.page:
        lines.append(f'  <link href={_quoted(alternate)} rel="alternate" type="text/html"/>')
    if parts.links.pdf:
        lines.append(f'  <link href={_quoted(parts.links.pdf)} rel="related" type="application/pdf"/>')
    return "\n".join((*lines, "</entry>\n")).encode("utf-8")


_ENTRIES = EntryCache(_entry)


def _element(name: str, text: str, attributes: str = "") -> str:
    return f"  <{name}{attributes}>{_escaped(text)}</{name}>"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quoted(text: str) -> str:
    return f'"{_escaped(text).replace(chr(34), "&quot;")}"'
