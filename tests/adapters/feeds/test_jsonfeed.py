"""JSON Feed 1.1, and OPML."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree as ET

from bot.adapters.feeds.jsonfeed import render_json
from bot.adapters.feeds.opml import Outline, render_opml
from bot.domain.papers import Links
from tests.adapters.feeds.test_atom import A_FEED, EVIL
from tests.builders import NOW, a_feed, a_feed_entry, a_reason

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def parsed(feed):
    return json.loads(render_json(feed))


def test_a_feed_has_what_the_format_requires() -> None:
    document = parsed(A_FEED)
    assert document["version"] == "https://jsonfeed.org/version/1.1"
    assert document["title"] == "Paperboy"
    assert document["home_page_url"] == "https://papers.example.org"
    assert document["feed_url"] == "https://papers.example.org/feed.json"
    assert len({item["id"] for item in document["items"]}) == len(A_FEED.entries)
    for item in document["items"]:
        assert isinstance(item["content_html"], str)
        assert MOMENT.fullmatch(item["date_published"])
        assert MOMENT.fullmatch(item["date_modified"])
        assert all(author["name"] for author in item.get("authors", []))


def test_an_item_says_who_what_where_and_why() -> None:
    entry = a_feed_entry(
        1, a_reason("agents", ("title", "Language Models")), at=NOW + timedelta(microseconds=5)
    )
    (item,) = parsed(a_feed(entry))["items"]
    assert item["url"] == "https://papers.example.org/papers/arxiv:2509.14001"
    assert item["external_url"] == "https://arxiv.org/abs/2509.14001"
    assert item["tags"] == ["agents"]
    assert item["authors"] == [{"name": "Bernard Ghanem"}, {"name": "Mohammad Zbeeb"}]
    assert item["attachments"] == [
        {"url": "https://arxiv.org/pdf/2509.14001", "mime_type": "application/pdf"}
    ]
    assert item["summary"].startswith("A family of language models")
    assert "<mark>Language Models</mark>" in item["content_html"]


def test_hostile_texts_stay_texts() -> None:
    feed = a_feed(a_feed_entry(1, title=EVIL, links=Links(abs="javascript:alert(1)", pdf="data:x")))
    (item,) = parsed(feed)["items"]
    assert item["title"].startswith("</title><script>")
    assert "\u202e" not in item["title"]
    assert "<script" not in item["content_html"]
    assert "external_url" not in item
    assert "attachments" not in item


def test_what_nobody_serves_has_no_addresses_and_a_hub_is_named() -> None:
    document = parsed(replace(A_FEED, self_url=None, site_url=None, hub="https://hub.example.org/"))
    assert "feed_url" not in document
    assert "home_page_url" not in document
    assert document["hubs"] == [{"type": "WebSub", "url": "https://hub.example.org/"}]
    assert not any("url" in item for item in document["items"])


def test_the_same_feed_gives_the_same_bytes() -> None:
    assert render_json(A_FEED) == render_json(replace(A_FEED))


def test_an_opml_list_names_each_feed_whatever_its_title() -> None:
    feeds = [
        Outline(
            title='A "title" & <more>', feed_url="https://x.org/feed.atom?q=a&b", page_url="https://x.org"
        )
    ]
    root = ET.fromstring(
        render_opml("Papers & <co>", [*feeds, Outline(title="B", feed_url="https://x.org/b")])
    )
    assert (root.tag, root.get("version"), root.findtext("head/title")) == ("opml", "2.0", "Papers & <co>")
    first, second = root.findall("body/outline")
    assert first.attrib == {
        "type": "rss",
        "text": 'A "title" & <more>',
        "title": 'A "title" & <more>',
        "xmlUrl": "https://x.org/feed.atom?q=a&b",
        "htmlUrl": "https://x.org",
    }
    assert "htmlUrl" not in second.attrib
