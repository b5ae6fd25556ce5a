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
"""Texts that Telegram links by itself: addresses, which may stay; mentions, commands, tags, and file names that are domains."""

_STILL_LINKED = re.compile(r"(?<=\w)\.(?=[^\W\d])|://|\$[A-Za-z]|\d:\d\d|\d{12}")
"""Texts that may become entities all the same: addresses and domains, cashtags, times, card numbers."""
_MOST_LINKED = 12
"""Most of them in one text; beyond, all are broken up."""


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
    """The text, escaped. Mentions, commands and links that Telegram would make by itself stay text."""
    quiet = _MADE_A_LINK.sub(_unlinked, text)
    linked = len(_STILL_LINKED.findall(quiet))
    if linked > _MOST_LINKED:
        quiet = _STILL_LINKED.sub(lambda match: match[0][0] + _WORD_JOINER + match[0][1:], quiet)
        linked = 0
    return Markup(html.escape(quiet, quote=False), units(quiet), linked)


def _unlinked(match: re.Match[str]) -> str:
    if match["sign"]:
        return match["sign"] + _WORD_JOINER
    return _WORD_JOINER + "." if match["dot"] else match["address"]


def ours(text: str) -> Markup:
    """Our own text, in which commands and links are meant."""
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
    """An expandable quotation: shows its first lines until it is opened."""
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
