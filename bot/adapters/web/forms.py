"""Forms: unsubscribing by a capability in the address."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from bot.adapters.web.negotiation import capability, view_of
from bot.adapters.web.site import WebSite, private_page, read_body


class FormEndpoints:
    """Endpoints of pages with a form."""

    def __init__(self, site: WebSite) -> None:
        self._site = site
        self._service = site.service
        self._pages = site.pages

    async def ask_unsubscribe(self, request: Request) -> Response:
        """The page with the button; mail scanners fetch it unasked, so it changes nothing."""
        target = await asyncio.to_thread(self._service.unsubscribable, capability(request))
        if target is None:
            raise HTTPException(404)
        return private_page(self._pages.unsubscribe(view_of(request.scope), target, done=False))

    async def unsubscribe(self, request: Request) -> Response:
        """Done at once, whatever the body says: who has the token may (RFC 8058 §3.2, no redirect)."""
        token = capability(request)
        await read_body(request)  # so that its limit counts and the connection stays usable
        target = await asyncio.to_thread(self._service.unsubscribe, token, self._site.clock.now())
        if target is None:
            raise HTTPException(404)
        return private_page(self._pages.unsubscribe(view_of(request.scope), target, done=True))
