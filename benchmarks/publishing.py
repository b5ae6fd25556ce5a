"""What it costs to write feeds, beside feedgen alone: `python -m benchmarks.publishing`."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime

from bot.adapters.feeds import atom
from bot.adapters.feeds.atom import render_atom
from bot.domain.feeds import Feed, FeedEntry, entry_id, feed_id
from bot.domain.notices import Reason, Why
from bot.domain.papers import Edition, Links, Paper, PaperId, Point, Summary

AUTHORITY = "paperboy.example,2026"
NOW = datetime(2026, 9, 18, 8, tzinfo=UTC)
ROUNDS = 5
SENTENCE = "The method trains a language model on data that was made by an agent of its own. "
REASON = Reason(subscription="agents", why=(Why(term="agent", field="summary", text="agent"),))


def a_paper(number: int) -> Paper:
    arxiv = f"2509.{number:05}"
    return Paper(
        id=PaperId(f"arxiv:{arxiv}"),
        title=f"Paper {number}: Language Models and What They Are Trained On",
        authors=("Ada Lovelace", "Alan Turing", "Grace Hopper"),
        summaries=(Summary(text=SENTENCE * 14, source="digest.md"),),
        date=date(2026, 9, 18),
        latest=date(2026, 9, 18),
        links=Links(abs=f"https://arxiv.org/abs/{arxiv}", pdf=f"https://arxiv.org/pdf/{arxiv}"),
        editions=(
            Edition(
                language="en", points=tuple(Point(label=f"Point {n}", text=SENTENCE * 2) for n in range(5))
            ),
        ),
    )


def a_feed(entries: int) -> Feed:
    papers = map(a_paper, range(1, entries + 1))
    return Feed(
        id=feed_id(AUTHORITY, "all"),
        title="Paperboy",
        updated=NOW,
        entries=tuple(
            FeedEntry(
                id=entry_id(AUTHORITY, paper.id), paper=paper, published=NOW, updated=NOW, reasons=(REASON,)
            )
            for paper in papers
        ),
        self_url="https://papers.example.org/feed.atom",
        site_url="https://papers.example.org",
    )


def fastest(work: Callable[[], object], times: int) -> float:
    """Seconds a call in the fastest of several rounds: what the work costs when nobody disturbs it."""
    work()
    rounds = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for _ in range(times):
            work()
        rounds.append((time.perf_counter() - begin) / times)
    return min(rounds)


# --- feeds -----------------------------------------------------------------------------------------


def feedgen_alone(feed: Feed) -> bytes:
    """The same entries by feedgen with their texts as they are: no marking, no cleaning, no template."""
    from feedgen.feed import FeedGenerator

    made = FeedGenerator()
    made.id(feed.id)
    made.title(feed.title)
    made.updated(feed.updated)
    for entry in feed.entries:
        draft = made.add_entry(order="append")
        draft.id(entry.id)
        draft.title(entry.paper.title)
        draft.updated(entry.updated)
        draft.published(entry.published)
        for name in entry.paper.authors:
            draft.author(name=name)
        draft.content("".join(summary.text for summary in entry.paper.summaries), type="html")
        draft.link(href=entry.paper.links.abs, rel="alternate")
    document_bytes: bytes = made.atom_str(pretty=True)
    return document_bytes


def measure_feeds() -> None:
    for entries in (50, 100):
        feed = a_feed(entries)
        size = len(render_atom(feed))

        def forgetful(feed: Feed = feed) -> bytes:
            atom._FRAGMENTS = atom._Fragments()  # noqa: SLF001
            return render_atom(feed)

        cold = fastest(forgetful, 5)
        warm = fastest(lambda feed=feed: render_atom(feed), 50)
        alone = fastest(lambda feed=feed: feedgen_alone(feed), 5)
        print(
            f"feed of {entries:3} entries, {size / 1000:.0f} kB: new {cold * 1e3:.1f} ms "
            f"({cold / alone:.1f} × feedgen alone), entries known {warm * 1e3:.2f} ms ({warm / alone:.2f} ×)"
        )


if __name__ == "__main__":
    measure_feeds()
