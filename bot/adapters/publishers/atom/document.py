"""A feed as an Atom 1.0 document (RFC 4287): the same feed gives the same bytes."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from bot.adapters.presentation import ShownPaper, paper_url, shown, shown_paper, web_link
from bot.adapters.wording import wording
from bot.domain.feeds import Feed, FeedEntry
from bot.domain.message import Item

if TYPE_CHECKING:
    import jinja2

MAX_FEED_BYTES = 1_000_000
"""The oldest entries of a larger feed are left out: readers give up on documents over a megabyte."""

_TEXT_LIMIT = 6_000
_FRAGMENTS_KEPT = 512
_END = b"</feed>"


def render_atom(feed: Feed) -> bytes:
    """The feed as UTF-8 XML under `MAX_FEED_BYTES`, entries in the feed's order, the last ones left out where it is too long."""
    moments = _moments(feed.entries)
    shell = _shell(feed, max(moments, default=feed.updated))
    room = MAX_FEED_BYTES - len(shell)
    fragments: list[bytes] = []
    for entry, updated in zip(feed.entries, moments, strict=True):
        fragment = _FRAGMENTS.of(entry, updated, feed)
        room -= len(fragment)
        if room < 0:
            break
        fragments.append(fragment)
    before, end, after = shell.rpartition(_END)
    return b"".join((before, *fragments, end, after))


def _moments(entries: Iterable[FeedEntry]) -> list[datetime]:
    """When each entry was updated, no two alike: the W3C validator warns of entries that readers cannot put in order.

    Papers of one digest are stored at one moment, so each is moved by less than a second, always by the same.
    """
    moments: dict[datetime, None] = {}
    for entry in entries:
        digest = hashlib.sha256(entry.id.encode()).digest()
        at = entry.updated.astimezone(UTC) + timedelta(microseconds=int.from_bytes(digest[:4]) % 1_000_000)
        while at in moments:
            at += timedelta(microseconds=1)
        moments[at] = None
    return list(moments)


class _Fragments:
    """The entries last rendered: one costs feedgen as much as fifty cost to join."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._lock = Lock()  # the web server renders in threads

    def of(self, entry: FeedEntry, updated: datetime, feed: Feed) -> bytes:
        # The paper's hash stands for the paper: keeping the paper itself would keep its drawings in memory.
        key = (
            entry.id, updated, entry.published, entry.reasons, hash(entry.paper),
            feed.language, feed.site_url,
        )  # fmt: skip
        with self._lock:
            found = self._kept.pop(key, None)
        found = found or _entry(entry, updated, feed)
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > _FRAGMENTS_KEPT:
                self._kept.popitem(last=False)
        return found


_FRAGMENTS = _Fragments()


def _shell(feed: Feed, newest: datetime) -> bytes:
    """The document without its entries."""
    from feedgen.feed import FeedGenerator

    title = shown(feed.title, 200) or "Paperboy"
    made = FeedGenerator()
    made.id(feed.id)
    made.title(title)
    made.updated(max(feed.updated.astimezone(UTC), newest))
    made.language(feed.language)
    made.author(name=title)  # for the papers whose digest names no authors (RFC 4287 §4.1.1)
    made.generator("Paperboy", version=None, uri=None)
    if self_url := web_link(feed.self_url):
        made.link(href=self_url, rel="self", type="application/atom+xml")
    if site_url := web_link(feed.site_url):
        made.link(href=site_url, rel="alternate", type="text/html")
    document: bytes = made.atom_str(pretty=True)
    return document


def _entry(entry: FeedEntry, updated: datetime, feed: Feed) -> bytes:
    """The `<entry>` element alone."""
    from feedgen.entry import FeedEntry as Draft
    from feedgen.util import xml_elem
    from lxml import etree

    paper = shown_paper(
        Item(paper=entry.paper, reasons=entry.reasons), language=feed.language, text_limit=_TEXT_LIMIT
    )
    site_url = web_link(feed.site_url)
    page = paper_url(site_url, paper.id) if site_url else None
    draft = Draft()
    draft.id(entry.id)
    draft.title(paper.title)
    draft.updated(updated)
    draft.published(entry.published.astimezone(UTC))
    for name in filter(None, map(shown, entry.paper.authors)):
        draft.author(name=name)
    for match in paper.matches:
        draft.category(term=match.subscription)
    draft.content(_content(paper, page, feed.language), type="html")
    element = draft.atom_entry()
    element.find("title").set("type", "text")
    # feedgen 1.0.0 forgets `rel` and `type` of an entry's links, so they are written here.
    if alternate := paper.links.abs or paper.links.huggingface or page:
        xml_elem("link", element, href=alternate, rel="alternate", type="text/html")
    if paper.links.pdf:
        xml_elem("link", element, href=paper.links.pdf, rel="related", type="application/pdf")
    fragment: bytes = etree.tostring(element, encoding="utf-8", pretty_print=True)
    return fragment


def _content(paper: ShownPaper, page: str | None, language: str) -> str:
    words = wording(language)
    named = (
        ("arXiv", paper.links.abs),
        ("PDF", paper.links.pdf),
        ("Hugging Face", paper.links.huggingface),
        (words.paper_page, page),
    )
    links = tuple((name, url) for name, url in named if url)
    return _template().render(paper=paper, page=page, links=links, words=words).strip()


@cache
def _template() -> "jinja2.Template":
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("bot.adapters.publishers.atom"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    ).get_template("content.html")
