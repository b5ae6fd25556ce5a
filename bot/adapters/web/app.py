"""The web application: its routes, and the middleware around them."""

from functools import partial

from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Route, Router

from bot.adapters.web.api import ApiEndpoints
from bot.adapters.web.feeds import FeedEndpoints, FeedFormats
from bot.adapters.web.forms import FormEndpoints
from bot.adapters.web.middleware import Middleware
from bot.adapters.web.negotiation import language_of
from bot.adapters.web.pages.layout import Layout, static_files
from bot.adapters.web.pages.papers import PaperPages, QuizProvider, original_questions
from bot.adapters.web.pages.people import PersonPages
from bot.adapters.web.pages.queries import QueryPages
from bot.adapters.web.papers import PaperEndpoints
from bot.adapters.web.responses import FRESH_FOR, ResponseCache
from bot.adapters.web.service import WebService
from bot.adapters.web.site import MAX_BODY_BYTES, WebSite
from bot.adapters.web.system import SystemEndpoints
from bot.pipeline.ports import Clock


def create_app(
    service: WebService,
    *,
    formats: FeedFormats,
    clock: Clock,
    site_title: str,
    site_url: str,
    quiz: QuizProvider = original_questions,
    fresh_for: float = FRESH_FOR,
) -> Middleware:
    """The application over that service, whose methods run in threads.

    `formats` turn feeds into bytes; `quiz` gives a paper's questions, with answers only where they may be shown;
    `fresh_for` is that of ResponseCache.
    """
    layout = Layout(title=site_title, url=site_url)
    site = WebSite(
        service=service,
        layout=layout,
        papers=PaperPages(layout, quiz),
        queries=QueryPages(layout, mail=service.sign_ups is not None, is_open=service.is_open),
        people=PersonPages(layout, service.capabilities),
        cache=ResponseCache(service.version, fresh_for=fresh_for),
        clock=clock,
    )
    papers, feeds = PaperEndpoints(site), FeedEndpoints(site, formats)
    api = ApiEndpoints(site)
    forms, system = FormEndpoints(site), SystemEndpoints(site)
    router = Router(
        [
            Route("/", papers.front),
            Route("/papers/{paper:path}", papers.paper),
            Route("/digests", papers.days),
            Route("/digests/{day}", papers.day),
            Route("/search", papers.search),
            Route("/preview", papers.preview),
            Route("/trends", papers.trends),
            Route("/feed.atom", feeds.atom),
            Route("/feed.json", feeds.json),
            Route("/feeds/{token}.atom", feeds.private_atom),
            Route("/feeds/{token}.json", feeds.private_json),
            Route("/archive/{month}.atom", feeds.archive),
            Route("/opml", feeds.opml),
            Route("/api/papers", api.papers),
            Route("/api/papers/{paper:path}", api.paper),
            Route("/api/preview", api.preview),
            Route("/api/openapi.json", api.description),
            Route("/unsubscribe/{token}", forms.unsubscribe_page, methods=["GET"]),
            Route("/unsubscribe/{token}", forms.unsubscribe, methods=["POST"], max_body_size=MAX_BODY_BYTES),
            Route("/subscribe", forms.subscribe, methods=["POST"], max_body_size=MAX_BODY_BYTES),
            Route("/subscribe/feed", forms.make_feed, methods=["POST"], max_body_size=MAX_BODY_BYTES),
            Route("/confirm/{token}", forms.confirmation_page, methods=["GET"]),
            Route("/confirm/{token}", forms.confirm, methods=["POST"], max_body_size=MAX_BODY_BYTES),
            Route("/preferences/{token}", forms.preferences, methods=["GET"]),
            Route(
                "/preferences/{token}",
                forms.change_preferences,
                methods=["POST"],
                max_body_size=MAX_BODY_BYTES,
            ),
            Route("/preferences/{token}/export", forms.export),
            Route("/preferences/{token}/papers/{paper:path}", forms.objection, methods=["GET"]),
            Route(
                "/preferences/{token}/papers/{paper:path}",
                forms.change_objection,
                methods=["POST"],
                max_body_size=MAX_BODY_BYTES,
            ),
            Route("/healthz", system.health),
            Route("/readyz", system.ready),
            Route("/metrics", system.metrics),
            Route("/robots.txt", system.robots),
            Route("/favicon.ico", partial(system.static, name="favicon.svg")),
            *(Route(f"/{name}", partial(system.static, name=name)) for name in static_files()),
        ],
        redirect_slashes=False,  # Starlette would redirect to the host that the request names
    )
    return Middleware(
        ExceptionMiddleware(router, handlers={HTTPException: site.http_error}),
        cache=site.cache,
        prefix=layout.base,
        on_error=lambda scope: site.message(language_of(scope), 500),
    )
