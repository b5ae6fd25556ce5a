"""The letter as HTML with every style inline; the styles are put in place once, before anything is filled in."""

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from bot.adapters.publishers.email.letter import Letter

if TYPE_CHECKING:
    import jinja2

MAX_HTML_BYTES = 96_000
"""Gmail hides what comes after some 102 kB."""


def hypertext(letter: Letter) -> tuple[Letter, str]:
    """The HTML, and the letter as it fits: stories that make it too long are only named, the last ones first."""
    html = _render(letter)
    while (size := len(html.encode())) > MAX_HTML_BYTES and len(letter.stories) > 1:
        fitting = len(letter.stories) * MAX_HTML_BYTES // size
        letter = letter.shortened(max(1, min(fitting, len(letter.stories) - 1)))
        html = _render(letter)
    return letter, html


def _render(letter: Letter) -> str:
    return _template().render(letter=letter)


@cache
def _template() -> "jinja2.Template":
    import css_inline
    import jinja2

    source = files("bot.adapters.publishers.email").joinpath("templates", "mail.html").read_text("utf-8")
    inliner = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(inliner.inline(source))
