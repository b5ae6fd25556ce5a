"""Entries of feeds: the parts of one that every format shows."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from bot.domain.card import Card, card_of, paper_url, web_link
from bot.domain.feeds import Feed, FeedEntry
from bot.domain.message import Item
from bot.domain.papers import Links
from bot.domain.text import one_line
from bot.domain.translations import wording

if TYPE_CHECKING:
    import jinja2

_TEXT_LIMIT = 6_000

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
        content=_content(paper, page, feed.language),
        authors=tuple(filter(None, map(one_line, entry.paper.authors))),
        tags=tuple(match.subscription for match in paper.matches),
        links=paper.links,
        page=page,
    )


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
