"""OPML 2.0: a list of feeds, the format in which feed readers exchange subscriptions."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from bot.domain.text import one_line


@dataclass(frozen=True, kw_only=True, slots=True)
class Outline:
    """One feed of the list."""

    title: str
    feed_url: str
    page_url: str | None = None


def render_opml(title: str, outlines: Sequence[Outline]) -> bytes:
    """The list as UTF-8 XML."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<opml version="2.0">',
        f"<head><title>{_text(title)}</title></head>",
        "<body>",
        *(
            f'<outline type="rss" text="{_text(outline.title)}" title="{_text(outline.title)}"'
            f' xmlUrl="{_text(outline.feed_url)}"'
            + (f' htmlUrl="{_text(outline.page_url)}"' if outline.page_url else "")
            + "/>"
            for outline in outlines
        ),
        "</body>",
        "</opml>\n",
    ]
    return "\n".join(lines).encode()


def _text(text: str) -> str:
    return escape(one_line(text))
