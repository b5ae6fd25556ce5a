"""Feeds and mails from real digests: whatever stands in them, the outcome is in good form."""

from pathlib import Path

from bot.adapters.email.content import EmailSettings
from bot.adapters.email.publisher import compose
from bot.adapters.feeds.atom import MAX_FEED_BYTES, render_atom
from bot.adapters.readers import read_digest
from bot.domain.digests import merge
from bot.domain.feeds import FeedEntry, entry_id
from bot.domain.mailbox import Mailbox
from bot.domain.message import Item
from bot.domain.papers import Paper, PaperId
from bot.domain.site import SiteAddresses
from tests.adapters.feeds.test_atom import faults
from tests.builders import AUTHORITY, NOW, a_feed, a_reason, an_outgoing

SETTINGS = EmailSettings(
    sender=Mailbox.parse("Paperboy <paperboy@example.org>"), site=SiteAddresses("https://papers.example.org")
)


def papers_in(files: list[Path]) -> list[Paper]:
    papers: dict[PaperId, Paper] = {}
    for file in files:
        digest = read_digest(file.read_bytes(), name=file.name)
        for entry in digest.entries:
            papers[entry.id] = merge(papers.get(entry.id), entry, digest=file.name, day=digest.date)
    return list(papers.values())


def check_feed(papers: list[Paper]) -> None:
    feed = a_feed(
        *[
            FeedEntry(id=entry_id(AUTHORITY, paper.id), paper=paper, published=NOW, updated=NOW)
            for paper in papers
        ]
    )
    assert faults(feed) == []
    assert len(render_atom(feed)) <= MAX_FEED_BYTES


def check_mail(papers: list[Paper], language: str) -> None:
    reason = a_reason("models", ("title", "Model"), ("summary", "models"))
    items = [Item(paper=paper, reasons=(reason,)) for paper in papers]
    message = compose(an_outgoing(*items, language=language, unsubscribe_token="t0k"), SETTINGS)
    assert message.isascii()
    assert max(map(len, message.split(b"\r\n"))) <= 998


def test_the_seeds_make_a_clean_feed_and_mail(seeds: Path) -> None:
    papers = papers_in(sorted(seeds.iterdir()))
    assert len(papers) == 82
    check_feed(papers)
    check_mail(papers, "en")


def test_real_digests_make_clean_feeds_and_mails(corpus: Path) -> None:
    tables, pages = sorted(corpus.glob("tables/*.md")), sorted(corpus.glob("pages/*.html"))
    papers = papers_in([*tables[::12], *pages[::12]])
    assert len(papers) > 200
    for start in range(0, len(papers), 100):
        check_feed(papers[start : start + 100])
    for start in range(0, len(papers), 15):
        check_mail(papers[start : start + 15], "zh" if start % 2 else "en")
