"""Telegram's HTML, built so that it is always well-formed and its cost against the limits is known.

Only the tags of https://core.telegram.org/bots/api#html-style, seen 2026-11, are ever written.
"""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass

from bot.domain.card import Pieces, web_link
from bot.domain.text import units

TEXT_UNITS = 4096
"""After entities are parsed; in UTF-16 units, which is safe under either reading of the documentation."""
HTML_BYTES = 30_000
"""Before they are parsed; the service takes 32 768."""
ENTITIES = 90
"""Beyond 100, those that it makes by itself among them, the service drops the rest silently."""
_URL_LENGTH = 1000

_WORD_JOINER = "\u2060"
_MADE_A_LINK = re.compile(
    r"(?P<address>https?://\S+)"
    r"|(?P<sign>(?<![\w/<>])/(?=\w|\Z)|(?<!\w)[@#](?=\w|\Z))"
    r"|(?<=\w)(?P<dot>\.)(?=(?:md|py|rs|sh|so|cc|pl|ps|mov|zip|ml)\b)"
)
"""What the service links by itself: addresses, which may be; mentions, commands, tags, and file names that are domains."""

_STILL_LINKED = re.compile(r"(?<=\w)\.(?=[^\W\d])|://|\$[A-Za-z]|\d:\d\d|\d{12}")
"""What may make an entity all the same: addresses and domains, cashtags, times, card numbers."""
_MOST_LINKED = 12
"""A text with more of them is no longer one that links are read in."""


@dataclass(frozen=True, slots=True)
class Markup:
    """Well-formed HTML, the UTF-16 units of its visible text, and the entities it may make."""

    html: str = ""
    units: int = 0
    entities: int = 0

    def __add__(self, other: "Markup") -> "Markup":
        return Markup(self.html + other.html, self.units + other.units, self.entities + other.entities)

    def __bool__(self) -> bool:
        return bool(self.html)

    @property
    def fits(self) -> bool:
        """True where one message may hold it."""
        return (
            self.units <= TEXT_UNITS
            and self.entities <= ENTITIES
            and len(self.html.encode("utf-8", "surrogatepass")) <= HTML_BYTES
        )


NOTHING = Markup()


def plain(text: str) -> Markup:
    """The text as it is. What the service would turn into a mention, a command or a link by itself stays text."""
    quiet = _MADE_A_LINK.sub(_unlinked, text)
    linked = len(_STILL_LINKED.findall(quiet))
    if linked > _MOST_LINKED:
        quiet = _STILL_LINKED.sub(lambda found: found[0][0] + _WORD_JOINER + found[0][1:], quiet)
        linked = 0
    return Markup(html.escape(quiet, quote=False), units(quiet), linked)


def _unlinked(found: re.Match[str]) -> str:
    if found["sign"]:
        return found["sign"] + _WORD_JOINER
    return _WORD_JOINER + "." if found["dot"] else found["address"]


def ours(text: str) -> Markup:
    """Words of our own, in which commands and links are meant."""
    return Markup(html.escape(text, quote=False), units(text))


def bold(inside: Markup | str) -> Markup:
    return _tagged("b", inside)


def italic(inside: Markup | str) -> Markup:
    return _tagged("i", inside)


def code(inside: str) -> Markup:
    return _tagged("code", Markup(html.escape(inside, quote=False), units(inside)))


def block(inside: str) -> Markup:
    """Lines to be copied."""
    return _tagged("pre", Markup(html.escape(inside, quote=False), units(inside)))


def folded(inside: Markup) -> Markup:
    """A quotation that shows its first lines until somebody opens it."""
    return _tagged("blockquote", inside, attributes=" expandable")


def link(inside: Markup | str, url: str | None) -> Markup:
    """The text linked where the address is plain http or https, else the text."""
    address = web_link(url)
    if not address or len(address) > _URL_LENGTH:
        return inside if isinstance(inside, Markup) else plain(inside)
    return _tagged("a", inside, attributes=f' href="{html.escape(address)}"')


def pieces(parts: Pieces, *, mark: bool = True) -> Markup:
    """The text with its matched stretches in bold."""
    return joined("", (bold(part.text) if mark and part.matched else plain(part.text) for part in parts))


def joined(separator: str, parts: Iterable[Markup]) -> Markup:
    """The parts that hold something, with the separator between them."""
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
