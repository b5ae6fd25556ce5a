"""A mail as HTML, with what it needs in its elements' styles, and nothing remote."""

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
_ENTRIES = 1_024
"""Papers of which the HTML is kept: the same ones go to many people."""


def html_body(content: EmailContent) -> str:
    """The content as HTML."""
    words = content.words

    def details(entry: EmailEntry) -> str:
        return _details(entry.details, words.language)

    return template("mail.html").render(content=content, words=words, details=details, links=_links)


@lru_cache(maxsize=_ENTRIES)
def _details(entry: EmailEntry, language: str) -> str:
    """HTML below the title of a paper."""
    from markupsafe import Markup

    words: Wording = wording(language)
    return Markup(template("details.html").render(entry=entry, words=words))  # noqa: S704 - rendered with its texts escaped


@lru_cache(maxsize=_ENTRIES)
def _links(links: tuple[tuple[str, str], ...]) -> str:
    from markupsafe import Markup

    return Markup(template("links.html").render(links=links).strip())  # noqa: S704 - rendered with its texts escaped


@cache
def template(name: str) -> "jinja2.Template":
    """The template of that name, its style sheet written into its elements."""
    import css_inline
    import jinja2

    folder = files("bot.adapters.email").joinpath("templates")
    source, style = (folder.joinpath(each).read_text("utf-8") for each in (name, "mail.css"))
    inliner = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    # As comments, which may stand in a table, and are left as they are.
    commented = _BLOCK.sub(r"<!--\g<0>-->", source).replace("/* mail.css */", style)
    whole = commented.startswith("<!doctype")
    inlined = inliner.inline(commented) if whole else inliner.inline_fragment(commented, style)
    made: Any = environment.from_string(_COMMENT.sub(r"\1", inlined))
    return made  # type: ignore[no-any-return]
