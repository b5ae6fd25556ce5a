"""Feeds as documents and as files."""

import os
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import feedparser
import pytest
from feedgen.entry import FeedEntry as Draft
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree
from selectolax.lexbor import LexborHTMLParser

from bot.adapters.feeds.atom import MAX_FEED_BYTES, render_atom
from bot.adapters.feeds.entries import entry_parts
from bot.adapters.feeds.folder import FeedFolder
from bot.domain.errors import ChannelDown
from bot.domain.papers import Links, Summary
from tests.builders import NOW, a_feed, a_feed_entry, a_question, a_reason, an_edition

ATOM = "{http://www.w3.org/2005/Atom}"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")
EVIL = "</title><script>alert(1)</script> & \x00\x0b\u202e =?utf-8?q?x?= ]]>"


def parsed(feed):
    return etree.fromstring(render_atom(feed), etree.XMLParser(resolve_entities=False))


def content_of(entry) -> LexborHTMLParser:
    return LexborHTMLParser(entry.findtext(ATOM + "content"))


def faults(feed) -> list[str]:
    """What RFC 4287 forbids and what the W3C validator warns of."""
    root = parsed(feed)
    entries = root.findall(ATOM + "entry")
    found = [
        f"not exactly one {name}"
        for element in (root, *entries)
        for name in ("id", "title", "updated")
        if len(element.findall(ATOM + name)) != 1 or not element.findtext(ATOM + name)
    ]
    for name in ("id", "updated"):
        texts = [entry.findtext(ATOM + name) for entry in entries]
        if len(set(texts)) != len(texts):
            found.append(f"two entries with the same {name}")
    if root.find(ATOM + "author") is None:
        found.append("no author")
    if not root.get("{http://www.w3.org/XML/1998/namespace}lang"):
        found.append("no language")
    rels = [link.get("rel") for link in root.findall(ATOM + "link")]
    if rels.count("self") != 1 or rels.count("alternate") != 1:
        found.append(f"links of the feed: {rels}")
    for entry in entries:
        found.extend(link_faults(entry))
    moments = [moment.text for moment in root.iter(ATOM + "updated", ATOM + "published")]
    return found + [f"moment {text}" for text in moments if not MOMENT.fullmatch(text)]


def link_faults(entry) -> list[str]:
    kinds = [
        (link.get("rel"), link.get("type"), link.get("hreflang")) for link in entry.findall(ATOM + "link")
    ]
    found = [] if len(set(kinds)) == len(kinds) else [f"links {kinds}"]
    addresses = [link.get("href") for link in entry.findall(ATOM + "link")]
    addresses += [
        node.attributes[a]
        for node in content_of(entry).css("*")
        for a in ("href", "src")
        if a in node.attributes
    ]
    found.extend(f"link {url}" for url in addresses if not re.match(r"https?://[\w.]+", url))
    return found


A_FEED = a_feed(
    a_feed_entry(
        1,
        a_reason("language models", ("title", "Language Models"), ("summary", "language models")),
        a_reason("agents"),
        editions=(an_edition(quiz=(a_question(), a_question())),),
    ),
    a_feed_entry(2, authors=(), links=Links(), summaries=()),
    a_feed_entry(3, title=EVIL, authors=(EVIL,), summaries=(Summary(text=EVIL, digest=EVIL),)),
    a_feed_entry(4, a_reason(EVIL, ("title", EVIL)), links=Links(abs="javascript:alert(1)", pdf="/x.pdf")),
)


def test_a_feed_has_no_faults_whatever_its_papers_say() -> None:
    assert faults(A_FEED) == []


def test_the_same_feed_gives_the_same_bytes() -> None:
    assert render_atom(A_FEED) == render_atom(replace(A_FEED))


def test_an_entry_says_who_what_where_and_why() -> None:
    entry = parsed(A_FEED).find(ATOM + "entry")
    assert entry.findtext(ATOM + "id") == "tag:paperboy.example,2026:paper/arxiv:2509.14001"
    assert entry.find(ATOM + "title").get("type") == "text"
    assert entry.findtext(ATOM + "title") == "Paper 1: Language Models at Scale"
    assert [a.findtext(ATOM + "name") for a in entry.findall(ATOM + "author")] == [
        "Bernard Ghanem",
        "Mohammad Zbeeb",
    ]
    assert [c.get("term") for c in entry.findall(ATOM + "category")] == ["language models", "agents"]
    links = {link.get("rel"): (link.get("href"), link.get("type")) for link in entry.findall(ATOM + "link")}
    assert links == {
        "alternate": ("https://arxiv.org/abs/2509.14001", "text/html"),
        "related": ("https://arxiv.org/pdf/2509.14001", "application/pdf"),
    }
    assert entry.find(ATOM + "content").get("type") == "html"
    content = content_of(entry)
    assert [mark.text() for mark in content.css("p mark")] == [
        "Language Models",
        "language models",
        "language models",
    ]
    assert "Matched: language models; agents (Language Models)" in content.text()
    assert len(content.css("li")) == 5
    assert (
        content.css_first('a[href="https://papers.example.org/papers/arxiv:2509.14001"]').text()
        == "Quiz: 2 questions"
    )


def test_a_paper_without_links_leads_to_its_page() -> None:
    entry = parsed(A_FEED).findall(ATOM + "entry")[1]
    (link,) = entry.findall(ATOM + "link")
    assert link.get("href") == "https://papers.example.org/papers/arxiv:2509.14002"


def test_a_feed_that_nobody_serves_has_no_self_and_no_page_links() -> None:
    root = parsed(replace(A_FEED, self_url=None, site_url=None))
    assert not root.findall(ATOM + "link")
    assert "papers.example.org" not in etree.tostring(root, encoding="unicode")


def test_hostile_titles_are_shown_and_never_work() -> None:
    entry = feedparser.parse(render_atom(A_FEED)).entries[2]
    assert entry.title == "</title><script>alert(1)</script> & =?utf-8?q?x?= ]]>"
    raw = content_of(parsed(A_FEED).findall(ATOM + "entry")[2])
    assert not raw.css("script")
    assert "<script>alert(1)</script>" in raw.text()


def test_every_summary_is_there_in_its_order() -> None:
    texts = (Summary(text="The newer.", digest="b"), Summary(text="The older.", digest="a"))
    entry = parsed(a_feed(a_feed_entry(1, summaries=texts))).find(ATOM + "entry")
    assert [p.text() for p in content_of(entry).css("p")][1:3] == ["The newer.", "The older."]


def test_an_entry_s_moment_depends_on_nothing_but_itself() -> None:
    early, late = a_feed_entry(1), a_feed_entry(2)

    def moment(feed, at: int) -> str:
        return parsed(feed).findall(ATOM + "entry")[at].findtext(ATOM + "updated")

    assert moment(a_feed(early, late), 0) == moment(a_feed(late, early), 1) == moment(a_feed(early), 0)
    later = replace(early, updated=NOW + timedelta(seconds=1))
    assert moment(a_feed(later), 0) > moment(a_feed(early), 0)


def test_the_feed_is_as_new_as_its_newest_entry() -> None:
    root = parsed(A_FEED)
    entries = [entry.findtext(ATOM + "updated") for entry in root.findall(ATOM + "entry")]
    assert root.findtext(ATOM + "updated") >= max(entries)


def test_a_changed_paper_changes_the_bytes_and_other_reasons_too() -> None:
    before = render_atom(a_feed(a_feed_entry(1)))
    assert render_atom(a_feed(a_feed_entry(1, title="Corrected"))) != before
    assert render_atom(a_feed(a_feed_entry(1, a_reason("other")))) != before


def test_a_feed_over_a_megabyte_loses_its_oldest_entries() -> None:
    long = tuple(Summary(text=f"{number} " * 2500, digest=str(number)) for number in range(4))
    entries = [
        a_feed_entry(number, summaries=long, at=NOW - timedelta(days=number)) for number in range(1, 90)
    ]
    document = render_atom(a_feed(*entries))
    assert MAX_FEED_BYTES - 30_000 < len(document) <= MAX_FEED_BYTES
    kept = [entry.id for entry in feedparser.parse(document).entries]
    assert kept == [entry.id for entry in entries[: len(kept)]]


def test_a_chinese_feed_says_so() -> None:
    root = parsed(replace(A_FEED, language="zh"))
    assert root.get("{http://www.w3.org/XML/1998/namespace}lang") == "zh"
    assert "匹配" in root.find(ATOM + "entry").findtext(ATOM + "content")


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=30))
def test_no_text_breaks_a_feed(title, summary, name) -> None:
    entry = a_feed_entry(
        1,
        a_reason(name, ("title", title)),
        title=title,
        authors=(name,),
        summaries=(Summary(text=summary, digest=name),),
    )
    assert faults(a_feed(entry, title=name)) == []


HISTORY = "{http://purl.org/syndication/history/1.0}"


def by_feedgen(entry, feed) -> bytes:
    """The entry as feedgen writes it."""
    parts = entry_parts(entry, feed)
    draft = Draft()
    draft.id(entry.id)
    draft.title(parts.title)
    draft.updated(moment_of(entry))
    draft.published(entry.published.astimezone(UTC))
    for name in parts.authors:
        draft.author(name=name)
    for tag in parts.tags:
        draft.category(term=tag)
    draft.content(parts.content, type="html")
    element = draft.atom_entry()
    element.find("title").set("type", "text")
    if parts.summary:
        etree.SubElement(element, "summary", type="text").text = parts.summary
    if alternate := parts.links.abs or parts.links.huggingface or parts.page:
        etree.SubElement(element, "link", href=alternate, rel="alternate", type="text/html")
    if parts.links.pdf:
        etree.SubElement(element, "link", href=parts.links.pdf, rel="related", type="application/pdf")
    return etree.tostring(element, encoding="utf-8", pretty_print=True)


def moment_of(entry):
    """The moment that the feed gives to its only entry."""
    return datetime.fromisoformat(parsed(a_feed(entry)).findtext(f"{ATOM}entry/{ATOM}updated"))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=60), st.text(max_size=60), st.text(min_size=1, max_size=30))
@example(EVIL, f"a\r\nb\tc {EVIL}", 'qu"ote\n\t&<>')
def test_an_entry_has_the_form_that_feedgen_gives_it(title, summary, name) -> None:
    entry = a_feed_entry(
        1, a_reason(name), title=title, authors=(name,), summaries=(Summary(text=summary, digest="d"),)
    )
    feed = a_feed(entry)
    assert by_feedgen(entry, feed) in render_atom(feed)


def test_a_feed_leads_to_its_archive_and_to_its_hub() -> None:
    hub, before = "https://hub.example.org/", "https://papers.example.org/archive/2026-08.atom"
    root = parsed(replace(A_FEED, hub=hub, previous=before))
    links = {link.get("rel"): link.get("href") for link in root.findall(ATOM + "link")}
    assert (links["hub"], links["prev-archive"]) == (hub, before)
    assert root.find(HISTORY + "archive") is None
    assert "hub" not in {link.get("rel") for link in parsed(A_FEED).findall(ATOM + "link")}


def test_a_document_of_the_archive_says_so_and_keeps_every_entry() -> None:
    long = [a_feed_entry(number, summaries=(Summary(text="x " * 2900, digest="a"),)) for number in range(300)]
    root = parsed(a_feed(*long, current="https://papers.example.org/feed.atom"))
    assert root.find(HISTORY + "archive") is not None
    assert [link.get("href") for link in root.findall(ATOM + "link") if link.get("rel") == "current"] == [
        "https://papers.example.org/feed.atom"
    ]
    assert len(root.findall(ATOM + "entry")) == 300


def test_a_browser_is_told_how_to_show_a_feed_that_is_served() -> None:
    served = render_atom(replace(A_FEED, site_url="https://papers.example.org/below"))
    declaration, style = served.split(b"\n")[:2]
    assert declaration.startswith(b"<?xml version=")
    assert style == b'<?xml-stylesheet type="text/css" href="/below/feed.css"?>'
    assert b"xml-stylesheet" not in render_atom(replace(A_FEED, site_url=None))


def test_an_entry_has_the_gist_as_its_summary() -> None:
    entry = parsed(A_FEED).find(ATOM + "entry")
    assert entry.find(ATOM + "summary").get("type") == "text"
    assert entry.findtext(ATOM + "summary").startswith("A family of language models")


def test_a_month_that_is_over_is_kept_as_it_was_made_first(tmp_path: Path) -> None:
    folder = FeedFolder(tmp_path / "feeds")
    assert folder.archived("2026-08", lambda: b"first") == b"first"
    assert folder.archived("2026-08", lambda: b"second") == b"first"
    assert (tmp_path / "feeds/archive/2026-08.atom").read_bytes() == b"first"


@pytest.mark.parametrize("number", [0, 1])
def test_a_feed_may_be_empty_or_short(number) -> None:
    feed = a_feed(*[a_feed_entry(1)][:number])
    assert faults(feed) == []
    assert len(feedparser.parse(render_atom(feed)).entries) == number


def test_a_feed_becomes_a_file_of_its_name(tmp_path: Path) -> None:
    feed = a_feed(a_feed_entry(1))
    assert FeedFolder(tmp_path / "feeds").write("all", feed)
    assert (tmp_path / "feeds" / "all.atom").read_bytes() == render_atom(feed)
    assert [file.name for file in (tmp_path / "feeds").iterdir()] == ["all.atom"]


def test_a_private_feed_and_its_folder_are_for_this_user_alone(tmp_path: Path) -> None:
    folder = FeedFolder(tmp_path / "state" / "feeds")
    for name in ("all", "alice"):
        folder.write(name, a_feed(a_feed_entry(1)))
    paths = [tmp_path / "state", tmp_path / "state/feeds", folder.path("all"), folder.path("alice")]
    assert [f"{path.stat().st_mode & 0o777:o}" for path in paths] == ["700", "700", "644", "600"]


def test_the_same_bytes_are_not_written_again(tmp_path: Path) -> None:
    folder = FeedFolder(tmp_path)
    folder.write("all", a_feed(a_feed_entry(1)))
    before = (tmp_path / "all.atom").stat()
    assert not folder.write("all", a_feed(a_feed_entry(1)))
    assert (tmp_path / "all.atom").stat().st_ino == before.st_ino
    assert folder.write("all", a_feed(a_feed_entry(2)))
    assert (tmp_path / "all.atom").stat().st_ino != before.st_ino


@pytest.mark.parametrize("name", ["../evil", "a/b", ".hidden", "..", "a\x00b", "名字", "x" * 300, "名" * 90])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name) -> None:
    folder = FeedFolder(tmp_path / "feeds")
    folder.write(name, a_feed())
    (file,) = (tmp_path / "feeds").iterdir()
    assert file.name.endswith(".atom")
    assert not file.name.startswith(".")
    folder.remove(name)
    assert not list((tmp_path / "feeds").iterdir())


def test_names_of_subscribers_stay_as_they_are(tmp_path: Path) -> None:
    assert FeedFolder(tmp_path).path("alice.b_c-1").name == "alice.b_c-1.atom"


def test_removing_what_is_not_there_is_silent(tmp_path: Path) -> None:
    FeedFolder(tmp_path / "absent").remove("all")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = FeedFolder(tmp_path)
    folder.write("all", a_feed(a_feed_entry(1)))
    before = (tmp_path / "all.atom").read_bytes()

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ChannelDown, match="No space left"):
        folder.write("all", a_feed(a_feed_entry(2)))
    assert (tmp_path / "all.atom").read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["all.atom"]


def test_a_folder_that_cannot_be_made_names_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ChannelDown, match=r"set atom\.folder"):
        FeedFolder(tmp_path / "file").write("all", a_feed())
