"""What it costs to write feeds and web answers, beside the plain tools for the same work.

    python -m benchmarks.publishing

Feeds beside feedgen alone, requests beside an application that answers with the same bytes and looks at nothing.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, date, datetime

from bot.adapters import atom
from bot.adapters.feeds.atom import render_atom
from bot.adapters.web.app import create_app
from bot.adapters.web.server import serve
from bot.domain.channels import Target
from bot.domain.feeds import Feed, FeedEntry, entry_id, feed_id
from bot.domain.notices import Reason, Why
from bot.domain.papers import Edition, Links, Paper, PaperId, Point, Summary
from bot.pipeline.ports.papers import StoredPaper

AUTHORITY = "paperboy.example,2026"
NOW = datetime(2026, 9, 18, 8, tzinfo=UTC)
ROUNDS = 5
REQUESTS = 2_000
CLIENTS = 8
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


# --- web -------------------------------------------------------------------------------------------


class OneFeed:
    """Stands in for WebService: one feed."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def edition(self) -> str:
        return "1"

    def everything(self) -> Feed:
        return self._feed

    def feed_behind(self, token: str) -> Feed | None:
        raise KeyError(token)

    def paper(self, paper_id: PaperId) -> StoredPaper | None:
        raise KeyError(paper_id)

    def unsubscribable(self, token: str) -> Target | None:
        raise KeyError(token)

    def unsubscribe(self, token: str, now: datetime) -> Target | None:
        raise KeyError(token, now)

    def now(self) -> datetime:
        return NOW


async def requests_per_second(address: str, head: bytes) -> float:
    """Whole answers a second over a few kept connections."""
    host, _, port = address.rpartition(":")

    async def client(times: int) -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for _ in range(times):
            writer.write(b"GET /feed.atom HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n")
            lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
            length = next((line for line in lines if line.startswith(b"content-length:")), b":0")
            await reader.readexactly(int(length.partition(b":")[2]))
        writer.close()
        await writer.wait_closed()

    await client(50)
    begin = time.perf_counter()
    await asyncio.gather(*(client(REQUESTS // CLIENTS) for _ in range(CLIENTS)))
    return REQUESTS / (time.perf_counter() - begin)


async def measure_web() -> None:
    feed = a_feed(50)
    body = render_atom(feed)
    service = OneFeed(feed)
    app = create_app(
        service,
        render_feed=render_atom,
        clock=service,
        site_title="Paperboy",
        site_url="http://127.0.0.1:8080",
    )

    async def raw(_scope: object, _receive: object, send: Callable[..., object]) -> None:
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})  # type: ignore[misc]
        await send({"type": "http.response.body", "body": body})  # type: ignore[misc]

    ours, bare = await serve(app, "127.0.0.1:0"), await serve(raw, "127.0.0.1:0")  # type: ignore[arg-type]
    limit = await requests_per_second(bare.address, b"")
    plain = await requests_per_second(ours.address, b"")
    zipped = await requests_per_second(ours.address, b"Accept-Encoding: gzip\r\n")
    known = await requests_per_second(ours.address, b"If-None-Match: *\r\n")
    for server in (ours, bare):
        await server.stop()
    print(
        f"/feed.atom, {len(body) / 1000:.0f} kB: {plain:.0f}/s, gzip {zipped:.0f}/s, 304 {known:.0f}/s; "
        f"the same bytes from a bare application {limit:.0f}/s ({plain / limit:.2f} of it; client and server on one loop)"
    )


def main() -> None:
    measure_feeds()
    asyncio.run(measure_web())


if __name__ == "__main__":
    main()
