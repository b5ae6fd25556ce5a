"""Entries of feeds: the parts of an entry that every format shows, and a cache of rendered ones."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from html import escape
from threading import Lock

from bot.domain.card import Card, CardMatch, CardPoint, Pieces, card_of, web_link
from bot.domain.feeds import Feed, FeedEntry
from bot.domain.message import Item
from bot.domain.papers import Links
from bot.domain.site import SiteAddresses
from bot.domain.text import one_line
from bot.domain.translations import Wording, wording

_TEXT_LIMIT = 6_000
_MOST_CACHED = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryParts:
    """Parts of an entry: `content` is HTML with every text escaped, `page` the address of the paper's page."""

    title: str
    summary: str
    content: str
    authors: tuple[str, ...]
    tags: tuple[str, ...]
    links: Links
    page: str | None


def entry_parts(entry: FeedEntry, feed: Feed) -> EntryParts:
    """The parts of an entry in the language of that feed, with its links."""
    card = card_of(
        Item(paper=entry.paper, reasons=entry.reasons), language=feed.language, text_limit=_TEXT_LIMIT
    )
    site_url = web_link(feed.site_url)
    page = SiteAddresses(site_url).paper(card.id) if site_url else None
    return EntryParts(
        title=card.title_text,
        summary=card.gist_text,
        content="\n".join(_blocks(card, page, wording(feed.language))),
        authors=tuple(filter(None, map(one_line, entry.paper.authors))),
        tags=tuple(match.subscription for match in card.matches),
        links=card.links,
        page=page,
    )


class EntryCache:
    """Cache of the latest rendered entries of one format: rendering one costs as much as joining fifty."""

    def __init__(self, render: Callable[[FeedEntry, datetime, Feed], bytes]) -> None:
        self._render = render
        self._cache: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._lock = Lock()  # the web server renders in threads

    def rendered(self, entry: FeedEntry, updated: datetime, feed: Feed) -> bytes:
        # By the paper's hash: the paper itself as a key would keep its drawings in memory.
        key = (
            entry.id, updated, entry.published, entry.reasons, hash(entry.paper),
            feed.language, feed.site_url,
        )  # fmt: skip
        with self._lock:
            rendered = self._cache.pop(key, None)
        rendered = rendered or self._render(entry, updated, feed)
        with self._lock:
            self._cache[key] = rendered
            while len(self._cache) > _MOST_CACHED:
                self._cache.popitem(last=False)
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
    # Escaped as a whole, which is faster; a card has no control characters that could be mistaken for these two.
    text = escape("".join([f"\1{text}\2" if matched else text for text, matched in pieces]))
    return text.replace("\1", "<mark>").replace("\2", "</mark>")


def _link(text: str, url: str) -> str:
    return f'<a href="{escape(url)}">{escape(text)}</a>'
