"""A mail as HTML, with every style inline and nothing remote."""

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from bot.adapters.email.content import EmailContent

if TYPE_CHECKING:
    import jinja2

_BLOCK = re.compile(r"\{%.*?%\}")
_COMMENT = re.compile(r"<!--(\{%.*?%\})-->")


def html_body(content: EmailContent) -> str:
    """The content as HTML."""
    return template("mail.html").render(content=content, words=content.words)


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
    inlined = _COMMENT.sub(r"\1", inliner.inline(commented))
    made: Any = environment.from_string(inlined)
    return made  # type: ignore[no-any-return]
