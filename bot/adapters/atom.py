"""Atom feeds (RFC 4287): documents, files that are replaced whole or not at all, and the channel that writes them."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import quote

from bot.adapters import atomic_file
from bot.domain.card import Card, card_of, paper_url, web_link
from bot.domain.channels import FEED, Capabilities, ChannelKind
from bot.domain.errors import ChannelDown, DeliveryError, StateError, TryLater
from bot.domain.feeds import Feed, FeedEntry
from bot.domain.message import Begin, Item, OutgoingMessage, Receipt, unrecorded
from bot.domain.text import one_line
from bot.domain.translations import wording
from bot.pipeline.feeds import EVERYTHING, FeedBuilder
from bot.pipeline.ports import FeedWriter

if TYPE_CHECKING:
    import jinja2

MAX_FEED_BYTES = 1_000_000
"""The oldest entries of a larger feed are left out: readers give up on documents over a megabyte."""

_TEXT_LIMIT = 6_000
_FRAGMENTS_KEPT = 512
_END = b"</feed>"

_CONTENT = """{%- macro text(pieces) -%}
{%- for piece in pieces %}{% if piece.matched %}<mark>{{ piece.text }}</mark>{% else %}{{ piece.text }}{% endif %}{% endfor -%}
{%- endmacro -%}
{% if paper.matches %}
<p><strong>{{ words.matched }}:</strong> {% for match in paper.matches -%}
  <strong>{{ match.subscription }}</strong>{% if match.words %} ({% for word in match.words %}<mark>{{ word }}</mark>{% if not loop.last %}, {% endif %}{% endfor %}){% endif %}{% if not loop.last %}; {% endif %}
{%- endfor %}</p>
{% endif %}
{% if paper.authors %}
<p><em>{{ text(paper.author_line()) }}</em></p>
{% endif %}
{% if paper.gist %}
<p>{{ text(paper.gist) }}</p>
{% endif %}
{% for summary in paper.further_summaries %}
<p>{{ text(summary.text) }}</p>
{% endfor %}
{% if paper.points %}
<ul>
{% for point in paper.points %}
<li>{% if point.label %}<strong>{{ point.label }}:</strong> {% endif %}{{ text(point.text) }}</li>
{% endfor %}
</ul>
{% endif %}
{% if paper.questions %}
<p>{% if page %}<a href="{{ page }}">{{ words.quiz(paper.questions) }}</a>{% else %}{{ words.quiz(paper.questions) }}{% endif %}</p>
{% endif %}
{% if paper.links.abs or paper.links.pdf or paper.links.huggingface %}
<p>{% for name, url in links %}<a href="{{ url }}">{{ name }}</a>{% if not loop.last %} · {% endif %}{% endfor %}</p>
{% endif %}
"""
"""An entry's content as a Jinja template."""


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
    """Cache of rendered entries: rendering one costs as much as joining fifty."""

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
            fragment = self._kept.pop(key, None)
        fragment = fragment or _entry(entry, updated, feed)
        with self._lock:
            self._kept[key] = fragment
            while len(self._kept) > _FRAGMENTS_KEPT:
                self._kept.popitem(last=False)
        return fragment


_FRAGMENTS = _Fragments()


def _shell(feed: Feed, newest: datetime) -> bytes:
    """The document without its entries."""
    from feedgen.feed import FeedGenerator

    title = one_line(feed.title, 200) or "Paperboy"
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

    paper = card_of(
        Item(paper=entry.paper, reasons=entry.reasons), language=feed.language, text_limit=_TEXT_LIMIT
    )
    site_url = web_link(feed.site_url)
    page = paper_url(site_url, paper.id) if site_url else None
    draft = Draft()
    draft.id(entry.id)
    draft.title(paper.title_text)
    draft.updated(updated)
    draft.published(entry.published.astimezone(UTC))
    for name in filter(None, map(one_line, entry.paper.authors)):
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


def _content(paper: Card, page: str | None, language: str) -> str:
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

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.from_string(_CONTENT)


_LONGEST_NAME = 180


class FeedFolder:
    """Writes feeds to `<folder>/<name>.atom`; raises ChannelDown where the folder cannot be written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, feed: Feed) -> bool:
        """Replace the feed file of that name; False where its bytes were the same, and it was not touched."""
        content = render_atom(feed)
        path = self.path(name)
        try:
            if path.is_file() and path.read_bytes() == content:
                return False
            atomic_file.private_folder(self._folder)
            mode = atomic_file.PUBLIC if name == EVERYTHING else atomic_file.PRIVATE
            atomic_file.write(path, content, mode=mode)
        except OSError as error:
            raise ChannelDown(_cannot(path, error)) from error
        return True

    def remove(self, name: str) -> None:
        """Remove the feed file of that name, if there is one."""
        path = self.path(name)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ChannelDown(_cannot(path, error)) from error

    def tidy(self, now: datetime) -> None:
        """Remove the unfinished files of killed processes."""
        atomic_file.sweep(self._folder, "*.atom", now)

    def path(self, name: str) -> Path:
        """The file of the feed of that name; characters that a file name should not hold are written as `%xx`."""
        safe = quote(name, safe="")
        if safe.startswith("."):
            safe = "%2E" + safe[1:]
        if len(safe) > _LONGEST_NAME:
            safe = safe[:_LONGEST_NAME] + "-" + hashlib.sha256(name.encode()).hexdigest()[:16]
        return self._folder / f"{safe}.atom"


def _cannot(path: Path, error: OSError) -> str:
    return f"feed {path}: {error.strerror or error}; make the folder writable or set atom.folder"


class AtomPublisher:
    """The feed channel: each message has its subscriber's feed file rewritten whole, from the state as it is now."""

    kind: ChannelKind = FEED
    capabilities: Capabilities = Capabilities(edits=True, harmless_twice=True, is_document=True, noun="feeds")

    def __init__(self, feeds: FeedBuilder, writer: FeedWriter) -> None:
        self._feeds = feeds
        self._writer = writer

    async def send(self, message: OutgoingMessage, begin: Begin = unrecorded) -> Receipt:
        """A receipt without a name, once the file is in place; TryLater where it cannot be written."""
        await begin()
        try:
            await asyncio.to_thread(self._feeds.write_for, self._writer, message.subscriber)
        except (DeliveryError, StateError) as error:
            raise TryLater(f"the feed could not be written: {error}") from error
        return Receipt(message="")

    async def close(self) -> None:
        """Nothing is held open."""
