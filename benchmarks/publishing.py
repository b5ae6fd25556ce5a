"""What it costs to write a personal feed, beside feedgen that makes the same one from scratch: `python -m benchmarks.publishing`.

All times are the processor's. A person's feed is made for the first time when its papers were told to somebody before, in the
feed of all papers or in a mail, but never with this person's reasons. Goal: five times as fast as from scratch, that time too.
"""

import random
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial

from bot.adapters.feeds import atom
from bot.adapters.feeds.atom import render_atom
from bot.adapters.feeds.entries import entry_parts
from bot.domain import card, gist
from bot.domain.feeds import Feed, FeedEntry, entry_id, feed_id
from bot.domain.notices import Reason, Why
from bot.domain.papers import Edition, Links, Paper, PaperId, Point, Summary

AUTHORITY = "paperboy.example,2026"
NOW = datetime(2026, 9, 18, 8, tzinfo=UTC)
ROUNDS = 5
SENTENCES = (
    "We introduce {name}, a benchmark of {number} tasks on which an agent plans, acts and explains itself.",
    "The main objective is to learn whether a language model of {number} million weights can check its own answers.",
    "Existing approaches rely on labels that are costly to come by, and they do not carry over to other domains.",
    "Our method trains a verifier on the traces of {name} and lets it choose among {number} candidates.",
    "It needs neither a reward model nor more memory than the policy itself takes, which is {number} GB.",
    "Experiments on four public data sets show that it is {number} % better than the strongest agent before it.",
    "On the hardest tenth of the tasks it reaches an accuracy of {number} %, while its cost falls by a third.",
    "Ablations indicate that most of the gain comes from the verifier, not from the longer context.",
    "We also find that the order of the examples matters less than their number, up to {number} of them.",
    "For practitioners this means that a small model with {name} can take the place of a large one.",
    "Code, data and all {number} traces are released under a free licence.",
)
"""What a made-up paper says: no two papers say the same, as no text of it must be known from another one."""
REASON = Reason(subscription="agents", why=(Why(term="agent", field="summary", text="agent"),))


def a_paper(number: int) -> Paper:
    arxiv = f"2509.{number:05}"

    def text(part: int, sentences: int) -> str:
        chosen = random.Random(f"{number} {part}").choices(SENTENCES, k=sentences)
        return " ".join(sentence.format(name=f"Method{number}", number=number) for sentence in chosen)

    return Paper(
        id=PaperId(f"arxiv:{arxiv}"),
        title=f"Paper {number}: Language Models and What They Are Trained On",
        authors=("Ada Lovelace", "Alan Turing", "Grace Hopper"),
        summaries=(Summary(text=text(0, 11), digest="digest.md"),),
        date=date(2026, 9, 18),
        latest=date(2026, 9, 18),
        links=Links(abs=f"https://arxiv.org/abs/{arxiv}", pdf=f"https://arxiv.org/pdf/{arxiv}"),
        editions=(
            Edition(
                language="en", points=tuple(Point(label=f"Point {n}", text=text(n, 2)) for n in range(1, 6))
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
    """Seconds of the processor a call, in the fastest of several rounds."""
    work()
    rounds = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        for _ in range(times):
            work()
        rounds.append((time.process_time() - begin) / times)
    return min(rounds)


# --- feeds -----------------------------------------------------------------------------------------


def from_scratch(feed: Feed) -> bytes:
    """The same feed by feedgen, each entry with all its texts worked out anew."""
    from feedgen.feed import FeedGenerator

    forget_papers()
    made = FeedGenerator()
    made.id(feed.id)
    made.title(feed.title)
    made.updated(feed.updated)
    for entry in feed.entries:
        parts = entry_parts(entry, feed)
        draft = made.add_entry(order="append")
        draft.id(entry.id)
        draft.title(parts.title)
        draft.updated(entry.updated)
        draft.published(entry.published)
        for name in parts.authors:
            draft.author(name=name)
        for tag in parts.tags:
            draft.category(term=tag)
        draft.summary(parts.summary)
        draft.content(parts.content, type="html")
        draft.link(href=parts.links.abs, rel="alternate")
    document_bytes: bytes = made.atom_str(pretty=True)
    return document_bytes


def forget_papers() -> None:
    card._card_text.cache_clear()  # noqa: SLF001
    gist.clean_summary.cache_clear()
    forget_person()


def forget_person() -> None:
    atom._ENTRIES._cache.clear()  # noqa: SLF001


def measure_feeds() -> None:
    for entries in (50, 100):
        feed = a_feed(entries)
        size = len(render_atom(feed))

        def first(feed: Feed = feed) -> bytes:
            forget_person()
            return render_atom(feed)

        def after_start(feed: Feed = feed) -> bytes:
            forget_papers()
            return render_atom(feed)

        scratch = fastest(partial(from_scratch, feed), 5)
        print(
            f"feed of {entries:3} entries, {size / 1000:.0f} kB: feedgen from scratch {scratch * 1e3:.1f} ms"
        )
        again = partial(render_atom, feed)
        for name, work, times in (
            ("first time for this person", first, 5),
            ("again", again, 50),
            ("right after the start", after_start, 5),
        ):
            seconds = fastest(work, times)
            print(f"  {name:26} {seconds * 1e3:6.2f} ms, {scratch / seconds:6.1f} x as fast")


if __name__ == "__main__":
    measure_feeds()
