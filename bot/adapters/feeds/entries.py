"""Entries of feeds: the parts of one that every format shows."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from html import escape
from threading import Lock

from bot.domain.card import Card, CardMatch, CardPoint, Pieces, card_of, paper_url, web_link
from bot.domain.feeds import Feed, FeedEntry
from bot.domain.message import Item
from bot.domain.papers import Links
from bot.domain.text import one_line
from bot.domain.translations import Wording, wording

_TEXT_LIMIT = 6_000
_KEPT = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryParts:
    """The parts of an entry; `content` is HTML in which every text is escaped, `page` the paper's own page."""

    title: str
    summary: str
    content: str
    authors: tuple[str, ...]
    tags: tuple[str, ...]
    links: Links
    page: str | None


def entry_parts(entry: FeedEntry, feed: Feed) -> EntryParts:
    """The parts of an entry as that feed shows it."""
    paper = card_of(
        Item(paper=entry.paper, reasons=entry.reasons), language=feed.language, text_limit=_TEXT_LIMIT
    )
    site_url = web_link(feed.site_url)
    page = paper_url(site_url, paper.id) if site_url else None
    return EntryParts(
        title=paper.title_text,
        summary=paper.gist_text,
        content="\n".join(_blocks(paper, page, wording(feed.language))),
        authors=tuple(filter(None, map(one_line, entry.paper.authors))),
        tags=tuple(match.subscription for match in paper.matches),
        links=paper.links,
        page=page,
    )


class EntryCache:
    """Cache of rendered entries of one format: rendering one costs as much as joining fifty."""

    def __init__(self, render: Callable[[FeedEntry, datetime, Feed], bytes]) -> None:
        self._render = render
        self._kept: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._lock = Lock()  # the web server renders in threads

    def of(self, entry: FeedEntry, updated: datetime, feed: Feed) -> bytes:
        # The paper's hash stands for the paper: keeping the paper itself would keep its drawings in memory.
        key = (
            entry.id, updated, entry.published, entry.reasons, hash(entry.paper),
            feed.language, feed.site_url,
        )  # fmt: skip
        with self._lock:
            rendered = self._kept.pop(key, None)
        rendered = rendered or self._render(entry, updated, feed)
        with self._lock:
            self._kept[key] = rendered
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return rendered


def _blocks(card: Card, page: str | None, words: Wording) -> Iterator[str]:
    """The blocks of an entry's HTML: why it matched, authors, gist, summaries, points, quiz, links."""
    if card.matches:
        yield f"<p><strong>{escape(words.matched)}:</strong> {'; '.join(map(_match, card.matches))}</p>"
    if card.authors:
        yield f"<p><em>{_marked(card.author_line())}</em></p>"
    if card.gist:
        yield f"<p>{_marked(card.gist)}</p>"
    for summary in card.further_summaries:
        yield f"<p>{_marked(summary.text)}</p>"
    if card.points:
        yield f"<ul>\n{''.join(map(_point, card.points))}</ul>"
    if card.questions:
        quiz = words.quiz(card.questions)
        yield f"<p>{_link(quiz, page) if page else escape(quiz)}</p>"
    links = [("arXiv", card.links.abs), ("PDF", card.links.pdf), ("Hugging Face", card.links.huggingface)]
    if any(url for _, url in links):
        named = [*links, (words.paper_page, page)]
        yield f"<p>{' · '.join(_link(name, url) for name, url in named if url)}</p>"


def _match(match: CardMatch) -> str:
    marks = ", ".join(f"<mark>{escape(word)}</mark>" for word in match.words)
    return f"<strong>{escape(match.subscription)}</strong>" + (f" ({marks})" if marks else "")


def _point(point: CardPoint) -> str:
    label = f"<strong>{escape(point.label)}:</strong> " if point.label else ""
    return f"<li>{label}{_marked(point.text)}</li>\n"


def _marked(pieces: Pieces) -> str:
    # Escaped as a whole, which is faster; a card has no control characters that could be taken for these two.
    text = escape("".join([f"\1{text}\2" if matched else text for text, matched in pieces]))
    return text.replace("\1", "<mark>").replace("\2", "</mark>")


def _link(text: str, url: str) -> str:
    return f'<a href="{escape(url)}">{escape(text)}</a>'
