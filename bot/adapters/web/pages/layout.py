"""Layout: title, addresses, language and static files, which all pages of a site share; and the filled templates."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode, urlsplit

from markupsafe import Markup, escape

from bot.adapters.web.texts import Texts
from bot.domain.card import web_link
from bot.domain.site import SiteAddresses
from bot.domain.text import one_line
from bot.domain.translations import LANGUAGES, Wording, wording

if TYPE_CHECKING:
    import jinja2

_PACKAGE = "bot.adapters.web"


@dataclass(frozen=True, kw_only=True, slots=True)
class PageLanguage:
    """The language of a page; `explicit` where `?lang=` asked for it, so that the page's links ask for it as well."""

    code: str = "en"
    explicit: bool = False

    @property
    def texts(self) -> Texts:
        return Texts(self.code)

    @property
    def words(self) -> Wording:
        return wording(self.code)


class StaticFile(NamedTuple):
    """A static file; `version` changes with its content."""

    body: bytes
    media_type: str
    version: str


class Layout:
    """The layout of one site's pages: fills templates into it."""

    def __init__(self, *, title: str, url: str) -> None:
        self.title = one_line(title, 80) or "Paperboy"
        self.url = url if web_link(url) else ""
        self.base = urlsplit(self.url).path
        """The path below which the site stands; empty at the root of its host."""
        self.paths = SiteAddresses(self.base)
        self.addresses = SiteAddresses(self.url or self.base)

    def link(self, language: PageLanguage, path: str) -> str:
        """The path of a page below `base`; it keeps `?lang=` where the page has it."""
        if not language.explicit:
            return self.base + path
        path, hash_, fragment = path.partition("#")
        return f"{self.base}{path}{'&' if '?' in path else '?'}lang={language.code}{hash_}{fragment}"

    def page(
        self, template: str, language: PageLanguage, path: str | None, title: str, **parts: object
    ) -> str:
        """The filled template. `path` is the page's canonical path in any language; None for a private page."""
        here = path or "/"

        def in_language(code: str) -> str:
            return self.link(PageLanguage(code=code, explicit=True), here)

        return _environment().get_template(template).render(
            site=self.title,
            base=self.base,
            title=title,
            t=language.texts,
            explicit=language.explicit,
            languages=LANGUAGES,
            url=lambda to: self.link(language, to),
            in_language=in_language,
            static=lambda name: f"{self.base}/{name}?v={static_files()[name].version}",
            here=here.partition("?")[0],
            canonical=self.url + path if path and self.url else None,
            private=path is None,
            **{"description": "", **parts},
        )  # fmt: skip

    def message(
        self, language: PageLanguage, name: str, *, searched: str | None = None, **values: object
    ) -> str:
        """A message: the texts `name` and `name_text`. With `searched`, even empty, it offers a search for that."""
        texts = language.texts
        return self.page(
            "message.html",
            language,
            None,
            texts(name),
            text=texts(f"{name}_text", **values),
            searching=searched is not None,
            searched=searched or "",
        )


def path_with(path: str, **query: object) -> str:
    """A path with a query string of the values that are not None."""
    parameters = {name: str(value) for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(parameters)}" if parameters else path


@cache
def static_files() -> Mapping[str, StaticFile]:
    """The static files, by name."""
    types = {
        "style.css": "text/css; charset=utf-8",
        "feed.css": "text/css; charset=utf-8",
        "paperboy.js": "text/javascript; charset=utf-8",
        "favicon.svg": "image/svg+xml",
    }
    folder = files(_PACKAGE).joinpath("static")
    contents = {name: folder.joinpath(name).read_bytes() for name in types}
    return {
        name: StaticFile(body, types[name], hashlib.sha256(body).hexdigest()[:12]) for name, body in contents.items()
    }  # fmt: skip


def _fill(text: str, **parts: Markup) -> Markup:
    """The escaped text with markup filled in for the names in braces."""
    return Markup(str(escape(text)).format(**parts))  # noqa: S704 - the text is escaped, the parts are markup


def _code(text: str) -> Markup:
    return Markup("<code>{}</code>").format(text)


def _target_name(text: str) -> Markup:
    return Markup('<span class="target">{}</span>').format(text)


def _link(href: str, text: str) -> Markup:
    return Markup('<a href="{}">{}</a>').format(href, text)


@cache
def _environment() -> "jinja2.Environment":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(_PACKAGE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
    )
    environment.filters["fill"] = _fill
    environment.globals["search_for"] = lambda query: path_with("/search", q=query)
    environment.globals["preview_of"] = lambda query: path_with("/preview", q=query)
    environment.globals["code"] = _code
    environment.globals["link"] = _link
    environment.globals["target_name"] = _target_name
    return environment
