"""Form endpoints: preferences and unsubscribing by a token in the path, sign-ups, and the protection of forms."""

import asyncio
import hmac
import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bot.adapters.web.negotiation import language_of, token_of
from bot.adapters.web.pages.layout import PageLanguage
from bot.adapters.web.pages.people import SubscriberPreferences
from bot.adapters.web.pages.refusals import refusal_text
from bot.adapters.web.responses import NEVER
from bot.adapters.web.site import WebSite, private_page, read_body
from bot.domain.errors import DeliveryError, QuerySyntaxError
from bot.domain.papers import PaperId, parse_paper_id
from bot.pipeline.preferences import ChoiceRefused, Objection, Preferences
from bot.pipeline.sign_ups import SignUps

_MOST_FIELDS = 20
ChangePreferences = Callable[[Preferences, str, dict[str, str], datetime], object]


def _change_settings(preferences: Preferences, name: str, form: dict[str, str], now: datetime) -> None:
    """Set the fields whose values differ from those that the page showed."""
    setters: dict[str, Callable[[str, str, datetime], object]] = {
        "timezone": preferences.set_timezone,
        "language": preferences.set_language,
        "quiet_hours": preferences.set_quiet_hours,
        "deliver": preferences.set_delivery,
    }
    for field, set_value in setters.items():
        value = form.get(field, "").strip()
        if value and value != form.get(f"{field}_before", ""):
            set_value(name, value, now)


_PREFERENCE_CHANGES: dict[str, ChangePreferences] = {
    "add": lambda preferences, name, form, now: preferences.add(
        name, form.get("query", ""), now, called=form.get("name", "")
    ),
    "edit": lambda preferences, name, form, now: preferences.edit(
        name, form.get("subscription", ""), form.get("query", ""), now
    ),
    "remove": lambda preferences, name, form, now: preferences.remove(
        name, form.get("subscription", ""), now
    ),
    "pause": lambda preferences, name, form, now: preferences.pause(name, form.get("subscription", ""), now),
    "resume": lambda preferences, name, form, now: preferences.pause(
        name, form.get("subscription", ""), now, paused=False
    ),
    "include": lambda preferences, name, form, now: preferences.include(name, form.get("query", ""), now),
    "settings": _change_settings,
}


_OBJECTION_CHANGES: dict[str, ChangePreferences] = {
    "exclude": lambda preferences, name, form, now: preferences.exclude(name, form["word"], now),
    "include": lambda preferences, name, form, now: preferences.include(name, form["word"], now),
    "pause": _PREFERENCE_CHANGES["pause"],
    "resume": _PREFERENCE_CHANGES["resume"],
}
"""Changes that the page of an objection offers, by action."""


class FormEndpoints:
    """Endpoints of the pages with forms."""

    def __init__(self, site: WebSite) -> None:
        self._site = site
        self._service = site.service
        self._pages = site.people
        self._form_limit = RequestLimit()
        self._page_limit = RequestLimit(burst=60, per_second=1.0)

    async def preferences(self, request: Request) -> Response:
        """The person's subscriptions, settings and channels."""
        token = self._page_token(request)
        preferences = await asyncio.to_thread(self._preferences_of, token)
        done = request.query_params.get("done") == "1"
        return private_page(
            self._pages.preferences(
                language_of(request.scope), preferences, token=token, key=form_key(token), done=done
            )
        )

    async def change_preferences(self, request: Request) -> Response:
        """Make one change and redirect to the page; a refused change shows the page with the reason and what was typed."""
        token, form = await self._form(request)
        preferences = await asyncio.to_thread(self._preferences_of, token)
        check_form_key(form, token)
        language, action, now = language_of(request.scope), form.get("action", ""), self._site.clock.now()
        if action == "delete":
            if form.get("sure") != "yes":
                return self._redirect_back(token, language)
            deleted = await asyncio.to_thread(
                self._service.preferences.delete, preferences.subscriber.id, None, now
            )
            return private_page(self._pages.deletion(language, configured=deleted.configured))
        change = _PREFERENCE_CHANGES.get(action)
        if change is None:
            raise HTTPException(400)
        try:
            await asyncio.to_thread(change, self._service.preferences, preferences.subscriber.id, form, now)
        except (QuerySyntaxError, ChoiceRefused) as error:
            page = self._pages.preferences(
                language, preferences, token=token, key=form_key(token), done=False, refused=error, typed=form
            )
            return private_page(page, 400)
        return self._redirect_back(token, language, done=1)

    async def export(self, request: Request) -> Response:
        """The person's settings, as YAML that a configuration file takes."""
        preferences = await asyncio.to_thread(self._preferences_of, self._page_token(request))
        text = await asyncio.to_thread(self._service.preferences.export, preferences.subscriber.id)
        headers = {
            "Cache-Control": "no-store",
            "X-Robots-Tag": "noindex",
            "Content-Disposition": 'attachment; filename="paperboy.yaml"',
        }
        return Response(text, media_type="application/yaml; charset=utf-8", headers=headers)

    async def objection(self, request: Request) -> Response:
        """Why a paper came, and what keeps such papers away. Mail scanners follow links, so a GET changes nothing."""
        token = self._page_token(request)
        objection, preferences = await asyncio.to_thread(self._objection, token, request)
        done = request.query_params.get("done") == "1"
        return private_page(
            self._pages.objection(
                language_of(request.scope),
                objection,
                preferences,
                token=token,
                key=form_key(token),
                done=done,
            )
        )

    async def change_objection(self, request: Request) -> Response:
        """Make one of the changes that the page offers, and redirect to it."""
        token, form = await self._form(request)
        objection, preferences = await asyncio.to_thread(self._objection, token, request)
        check_form_key(form, token)
        language, change = language_of(request.scope), _OBJECTION_CHANGES.get(form.get("action", ""))
        offered = {*objection.subscriptions, *(word.word for word in objection.words)}
        if change is None or not {form.get("word") or form.get("subscription")} <= offered:
            raise HTTPException(400)
        now = self._site.clock.now()
        try:
            await asyncio.to_thread(change, self._service.preferences, preferences.subscriber.id, form, now)
        except ChoiceRefused as error:
            page = self._pages.objection(
                language, objection, preferences, token=token, key=form_key(token), done=False, refused=error
            )
            return private_page(page, 400)
        return self._redirect_back(token, language, done=1, paper=objection.paper.id)

    def _objection(self, token: str, request: Request) -> tuple[Objection, SubscriberPreferences]:
        paper = parse_paper_id(request.path_params["paper"])
        objection = self._service.objection_of(token, paper) if paper else None
        if objection is None:
            raise HTTPException(404)
        return objection

    async def subscribe(self, request: Request) -> Response:
        """Ask the owner of an address by mail. The answer does not tell whether a mail went out."""
        sign_ups = self._sign_ups()
        form = await self._fields(request)
        language, query = language_of(request.scope), form.get("q", "")
        zone = form.get("timezone") or "UTC"
        try:
            await sign_ups.ask(
                form.get("address", ""), query, self._site.clock.now(), language=language.code, timezone=zone
            )
        except (QuerySyntaxError, ChoiceRefused) as error:
            return private_page(
                self._pages.sign_up_outcome(
                    language, "not_subscribed", refusal_text(error, language.code), query
                ),
                400,
            )
        except DeliveryError:
            return private_page(self._pages.sign_up_outcome(language, "mail_failed", "", query), 503)
        return private_page(self._pages.sign_up_outcome(language, "mail_asked", "", query))

    async def make_feed(self, request: Request) -> Response:
        """Make a private feed of a query for a new subscriber, and redirect to their preferences, which show its address."""
        if not self._service.is_open:
            raise HTTPException(404)
        form = await self._fields(request)
        language, query = language_of(request.scope), form.get("q", "")
        try:
            name = await asyncio.to_thread(
                self._service.preferences.add_reader,
                query,
                self._site.clock.now(),
                language=language.code,
            )
        except (QuerySyntaxError, ChoiceRefused) as error:
            return private_page(
                self._pages.sign_up_outcome(
                    language, "not_subscribed", refusal_text(error, language.code), query
                ),
                400,
            )
        token = await asyncio.to_thread(self._service.preferences_token, name)
        return self._redirect_back(token, language, done=1, fragment="feed")

    async def confirmation_page(self, request: Request) -> Response:
        """The page with the button. Mail scanners follow links, so a GET changes nothing."""
        token, sign_ups = self._page_token(request), self._sign_ups()
        sign_up = await asyncio.to_thread(sign_ups.pending, token, self._site.clock.now())
        if sign_up is None:
            raise HTTPException(404)
        target = sign_ups.target(sign_up.address)
        return private_page(self._pages.confirmation(language_of(request.scope), target, sign_up.query))

    async def confirm(self, request: Request) -> Response:
        """Subscribe the owner of the address, and redirect to their preferences."""
        token, sign_ups = token_of(request), self._sign_ups()
        await self._fields(request)
        now = self._site.clock.now()
        sign_up = await asyncio.to_thread(sign_ups.pending, token, now)
        if sign_up is None or await asyncio.to_thread(sign_ups.confirm, token, now) is None:
            raise HTTPException(404)
        name = await asyncio.to_thread(sign_ups.subscriber_of, sign_up.address)
        preferences = await asyncio.to_thread(self._service.preferences_token, name)
        return self._redirect_back(preferences, language_of(request.scope), done=1)

    def _sign_ups(self) -> SignUps:
        if self._service.sign_ups is None:
            raise HTTPException(404)
        return self._service.sign_ups

    async def unsubscribe_page(self, request: Request) -> Response:
        """The page with the button. Mail scanners follow links, so a GET changes nothing."""
        target = await asyncio.to_thread(self._service.unsubscribe_target, self._page_token(request))
        if target is None:
            raise HTTPException(404)
        return private_page(self._pages.unsubscribe(language_of(request.scope), target, done=False))

    async def unsubscribe(self, request: Request) -> Response:
        """Unsubscribe at once, whatever the body holds: the token is the permission (RFC 8058 §3.2, no redirect)."""
        token = token_of(request)
        await read_body(request)  # applies its limit, and leaves the connection usable
        target = await asyncio.to_thread(self._service.unsubscribe, token, self._site.clock.now())
        if target is None:
            raise HTTPException(404)
        return private_page(self._pages.unsubscribe(language_of(request.scope), target, done=True))

    def _page_token(self, request: Request) -> str:
        """The token of a page, within the rate limit of pages."""
        self._page_limit.take(client_of(request), asyncio.get_running_loop().time())
        return token_of(request)

    async def _form(self, request: Request) -> tuple[str, dict[str, str]]:
        """Token and fields of a form on a token's page."""
        return token_of(request), await self._fields(request)

    async def _fields(self, request: Request) -> dict[str, str]:
        """The fields of a form from this site, within the rate limit of forms."""
        refuse_cross_site(request, self._site.layout.url)
        self._form_limit.take(client_of(request), asyncio.get_running_loop().time())
        body = await read_body(request)
        try:
            fields = parse_qsl(
                body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"
            )
        except ValueError:
            raise HTTPException(400) from None
        return dict(fields)

    def _preferences_of(self, token: str) -> SubscriberPreferences:
        preferences = self._service.preferences_of(token)
        if preferences is None:
            raise HTTPException(404)
        return preferences

    def _redirect_back(
        self,
        token: str,
        language: PageLanguage,
        done: int | None = None,
        paper: PaperId | None = None,
        fragment: str = "",
    ) -> Response:
        """Redirect to the page, so that reloading it does not send the form again."""
        path = self._pages.preferences_path(token, language.code if language.explicit else None, done, paper)
        if fragment:
            path += f"#{fragment}"
        return RedirectResponse(path, status_code=303, headers={"Cache-Control": NEVER})


# --- protection of forms: rate limit, origin and key

_MOST_CLIENTS = 10_000


class RequestLimit:
    """Rate limit: a token bucket of `burst` requests for each client; the clients seen longest ago are forgotten."""

    def __init__(self, *, burst: int = 20, per_second: float = 0.2) -> None:
        self._burst = float(burst)
        self._per_second = per_second
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, now: float) -> None:
        """Take one token; HTTP 429 where none is left. `now` is in seconds of a monotonic clock."""
        left, at = self._buckets.pop(client, (self._burst, now))
        left = min(left + (now - at) * self._per_second, self._burst)
        self._buckets[client] = (left - 1, now) if left >= 1 else (left, now)
        if len(self._buckets) > _MOST_CLIENTS:
            self._buckets.popitem(last=False)
        if left < 1:
            raise HTTPException(429, headers={"Retry-After": str(int((1 - left) / self._per_second) + 1)})


def client_of(request: Request) -> str:
    """The client's address, for rate limits; behind a trusted proxy the last one of X-Forwarded-For.

    For IPv6 the /64 network, which usually belongs to one client.
    """
    peer = request.client.host if request.client else ""
    forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    if forwarded and is_trusted_proxy(peer):
        peer = forwarded
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv6Address) and (mapped := address.ipv4_mapped):
        address = mapped  # a server that listens on [::] sees IPv4 clients so
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def refuse_cross_site(request: Request, site_url: str) -> None:
    """HTTP 403 for a form that another site sent, by Sec-Fetch-Site or Origin."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise HTTPException(403)
    origin = request.headers.get("origin")
    if origin in {None, "null"}:  # browsers send `null` under Referrer-Policy: no-referrer
        return
    ours = {request.headers.get("host", ""), urlsplit(site_url).netloc}
    if urlsplit(origin or "").netloc not in ours:
        raise HTTPException(403)


def form_key(token: str) -> str:
    """The key in the forms of a token's page, against cross-site requests: only a reader of the page knows it."""
    return hmac.digest(token.encode(), b"paperboy form", "sha256").hex()[:32]


def check_form_key(form: dict[str, str], token: str) -> None:
    """HTTP 403 for a form without the key of its page."""
    if not hmac.compare_digest(form.get("key", "").encode(), form_key(token).encode()):
        raise HTTPException(403)


def is_trusted_proxy(peer: str) -> bool:
    """True for an address of this machine or of a private network, as containers have one.

    Nobody connects from such an address over the internet. Who connects from another could name any client.
    """
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    return address.is_loopback or address.is_private
