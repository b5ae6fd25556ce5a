"""Telegram's HTML, built so that it is always well-formed and its size against the limits is known.

Uses only the tags of https://core.telegram.org/bots/api#html-style (seen 2026-11).
"""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass

from bot.domain.card import Pieces, web_link
from bot.domain.text import units

TEXT_UNITS = 4096
"""Limit of the visible text in UTF-16 units, which is safe under either reading of the documentation."""
_HTML_BYTES = 30_000
"""Limit of the HTML; the service accepts 32 768."""
ENTITIES = 90
"""Limit of entities: the service silently drops those beyond 100, including those that it makes by itself."""
_LONGEST_URL = 1000

_WORD_JOINER = "\u2060"
_AUTO_LINKED = re.compile(
    r"(?P<address>https?://\S+)"
    r"|(?P<sign>(?<![\w/<>])/(?=\w|\Z)|(?<!\w)[@#](?=\w|\Z))"
    r"|(?<=\w)(?P<dot>\.)(?=(?:md|py|rs|sh|so|cc|pl|ps|mov|zip|ml)\b)"
)
"""Text that Telegram links by itself: addresses, which may stay; mentions, commands, hashtags, and file names like domains."""

_MAYBE_ENTITY = re.compile(r"(?<=\w)\.(?=[^\W\d])|://|\$[A-Za-z]|\d:\d\d|\d{12}")
"""Text that may still become an entity: addresses and domains, cashtags, times, card numbers."""
_MOST_MAYBE_ENTITIES = 12
"""Limit of those in one text; beyond it all are broken up."""


@dataclass(frozen=True, slots=True)
class Markup:
    """Well-formed HTML, with the UTF-16 units of its visible text and the number of entities that it may make."""

    html: str = ""
    units: int = 0
    entities: int = 0

    def __add__(self, other: "Markup") -> "Markup":
        return Markup(self.html + other.html, self.units + other.units, self.entities + other.entities)

    def __bool__(self) -> bool:
        return bool(self.html)

    @property
    def fits(self) -> bool:
        """True where it is within the limits of one message."""
        return (
            self.units <= TEXT_UNITS
            and self.entities <= ENTITIES
            and len(self.html.encode("utf-8", "surrogatepass")) <= _HTML_BYTES
        )


NOTHING = Markup()


def plain(text: str) -> Markup:
    """Text from outside: escaped, and without the mentions, commands and links that Telegram would make of it."""
    unlinked = _AUTO_LINKED.sub(_unlinked, text)
    entities = len(_MAYBE_ENTITY.findall(unlinked))
    if entities > _MOST_MAYBE_ENTITIES:
        unlinked = _MAYBE_ENTITY.sub(lambda match: match[0][0] + _WORD_JOINER + match[0][1:], unlinked)
        entities = 0
    return Markup(html.escape(unlinked, quote=False), units(unlinked), entities)


def _unlinked(match: re.Match[str]) -> str:
    if match["sign"]:
        return match["sign"] + _WORD_JOINER
    return _WORD_JOINER + "." if match["dot"] else match["address"]


def own_text(text: str) -> Markup:
    """Our own text: escaped, and Telegram makes its commands and links active."""
    return Markup(html.escape(text, quote=False), units(text))


def bold(inside: Markup | str) -> Markup:
    return _tagged("b", inside)


def italic(inside: Markup | str) -> Markup:
    return _tagged("i", inside)


def code(inside: str) -> Markup:
    return _tagged("code", Markup(html.escape(inside, quote=False), units(inside)))


def block(inside: str) -> Markup:
    """Preformatted lines, which a tap copies."""
    return _tagged("pre", Markup(html.escape(inside, quote=False), units(inside)))


def folded(inside: Markup) -> Markup:
    """An expandable quotation, of which only the first lines are shown until it is opened."""
    return _tagged("blockquote", inside, attributes=" expandable")


def link(inside: Markup | str, url: str | None) -> Markup:
    """The text as a link; only the text where the address is not http or https, or too long."""
    address = web_link(url)
    if not address or len(address) > _LONGEST_URL:
        return inside if isinstance(inside, Markup) else plain(inside)
    return _tagged("a", inside, attributes=f' href="{html.escape(address)}"')


def pieces(parts: Pieces, *, mark: bool = True) -> Markup:
    """The text, with what matched in bold."""
    return joined("", (bold(part.text) if mark and part.matched else plain(part.text) for part in parts))


def joined(separator: str, parts: Iterable[Markup]) -> Markup:
    """The parts that are not empty, with the separator between them."""
    whole, between = NOTHING, plain(separator)
    for part in parts:
        if part:
            whole = whole + between + part if whole else part
    return whole


def _tagged(tag: str, inside: Markup | str, *, attributes: str = "") -> Markup:
    content = plain(inside) if isinstance(inside, str) else inside
    if not content:
        return NOTHING
    return Markup(f"<{tag}{attributes}>{content.html}</{tag}>", content.units, content.entities + 1)
