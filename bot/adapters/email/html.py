"""HTML of a mail: styles are inline, since mail programs drop style sheets, and nothing is loaded from elsewhere."""

import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from bot.adapters.email.content import EmailContent, EmailEntry
from bot.domain.translations import Wording, wording

if TYPE_CHECKING:
    import jinja2

_BLOCK = re.compile(r"\{%.*?%\}")
_COMMENT = re.compile(r"<!--(\{%.*?%\})-->")
_CACHED_ENTRIES = 1_024
"""The same papers go to many people."""


def html_body(content: EmailContent) -> str:
    """The content as HTML."""
    words = content.words

    def details(entry: EmailEntry) -> str:
        return _details(entry.details, words.language)

    return template("mail.html").render(content=content, words=words, details=details, links=_links)


@lru_cache(maxsize=_CACHED_ENTRIES)
def _details(entry: EmailEntry, language: str) -> str:
    """HTML of a paper below its title."""
    from markupsafe import Markup

    words: Wording = wording(language)
    return Markup(template("details.html").render(entry=entry, words=words))  # noqa: S704 - rendered with its texts escaped


@lru_cache(maxsize=_CACHED_ENTRIES)
def _links(links: tuple[tuple[str, str], ...]) -> str:
    from markupsafe import Markup

    return Markup(template("links.html").render(links=links).strip())  # noqa: S704 - rendered with its texts escaped


@cache
def template(name: str) -> "jinja2.Template":
    """The template of that name, with the style sheet inlined into its elements."""
    import css_inline
    import jinja2

    folder = files("bot.adapters.email").joinpath("templates")
    text, style = (folder.joinpath(file).read_text("utf-8") for file in (name, "mail.css"))
    inliner = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    # The inliner leaves comments alone, wherever they stand, so Jinja's blocks become comments for its sake.
    commented = _BLOCK.sub(r"<!--\g<0>-->", text).replace("/* mail.css */", style)
    is_document = commented.startswith("<!doctype")
    inlined = inliner.inline(commented) if is_document else inliner.inline_fragment(commented, style)
    compiled: Any = environment.from_string(_COMMENT.sub(r"\1", inlined))
    return compiled  # type: ignore[no-any-return]
