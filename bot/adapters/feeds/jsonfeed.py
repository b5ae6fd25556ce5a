"""JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/): the same feeds as the Atom documents, in JSON."""

import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from bot.adapters.feeds.entries import EntryCache, entry_parts
from bot.domain.card import web_link
from bot.domain.feeds import Feed, FeedEntry
from bot.domain.text import one_line

VERSION = "https://jsonfeed.org/version/1.1"


def render_json(feed: Feed) -> bytes:
    """The feed as UTF-8 JSON; equal feeds give equal bytes."""
    site_url, self_url = web_link(feed.site_url), web_link(_json_url(feed.self_url))
    hub = web_link(feed.hub)
    document: dict[str, Any] = {
        "version": VERSION,
        "title": one_line(feed.title, 200) or "Paperboy",
        **({"home_page_url": site_url} if site_url else {}),
        **({"feed_url": self_url} if self_url else {}),
        **({"hubs": [{"type": "WebSub", "url": hub}]} if hub else {}),
        "language": feed.language,
    }
    items = b",".join([_ITEMS.rendered(entry, entry.updated, feed) for entry in feed.entries])
    return _json(document).removesuffix(b"}") + b',"items":[' + items + b"]}"


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _json_url(atom_url: str | None) -> str | None:
    """The address of the JSON document, derived from that of the Atom document beside it."""
    address = urlsplit(atom_url or "")
    return urlunsplit(address._replace(path=re.sub(r"\.atom$", ".json", address.path))) or None


def _item(entry: FeedEntry, updated: datetime, feed: Feed) -> bytes:
    parts = entry_parts(entry, feed)
    item = {
        "id": entry.id,
        **({"url": parts.page} if parts.page else {}),
        **({"external_url": parts.links.abs} if parts.links.abs else {}),
        "title": parts.title,
        "content_html": parts.content,
        **({"summary": parts.summary} if parts.summary else {}),
        "date_published": _timestamp(entry.published),
        "date_modified": _timestamp(updated),
        **({"authors": [{"name": name} for name in parts.authors]} if parts.authors else {}),
        **({"tags": list(parts.tags)} if parts.tags else {}),
        **(
            {"attachments": [{"url": parts.links.pdf, "mime_type": "application/pdf"}]}
            if parts.links.pdf
            else {}
        ),
    }
    return _json(item)


_ITEMS = EntryCache(_item)


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
