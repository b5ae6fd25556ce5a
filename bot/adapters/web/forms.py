"""Forms: preferences and unsubscribing by a capability in the address, and sign-ups by mail."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bot.adapters.web.answers import NEVER
from bot.adapters.web.limits import FormLimit, client_of, form_key, refuse_foreign, refuse_keyless
from bot.adapters.web.negotiation import capability, view_of
from bot.adapters.web.pages import ShownPreferences, View, refusal_text
from bot.adapters.web.site import WebSite, private_page, read_body
from bot.domain.channels import Target
from bot.domain.errors import DeliveryError, QuerySyntaxError
from bot.domain.papers import PaperId, parse_paper_id
from bot.pipeline.preferences import ChoiceRefused, Objection, Preferences
from bot.pipeline.sign_ups import SignUps

_MOST_FIELDS = 20
Change = Callable[[Preferences, str, dict[str, str], datetime], object]


def _settings(preferences: Preferences, name: str, form: dict[str, str], now: datetime) -> None:
    """Set what differs from what is shown."""
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


_CHANGES: dict[str, Change] = {
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
    "settings": _settings,
}


_OBJECTIONS: dict[str, Change] = {
    "exclude": lambda preferences, name, form, now: preferences.exclude(name, form["word"], now),
    "include": lambda preferences, name, form, now: preferences.include(name, form["word"], now),
    "pause": _CHANGES["pause"],
    "resume": _CHANGES["resume"],
}
"""Changes that the page of an objection offers."""


class FormEndpoints:
    """Endpoints of pages with a form."""

    def __init__(self, site: WebSite) -> None:
        self._site = site
        self._service = site.service
        self._pages = site.pages
        self._limit = FormLimit()
        self._page_limit = FormLimit(burst=60, per_second=1.0)

    async def preferences(self, request: Request) -> Response:
        """The person's subscriptions, settings and channels."""
        token = self._capability(request)
        preferences = await asyncio.to_thread(self._shown, token)
        done = request.query_params.get("done") == "1"
        return private_page(
            self._pages.preferences(
                view_of(request.scope), preferences, token=token, key=form_key(token), done=done
            )
        )

    async def change_preferences(self, request: Request) -> Response:
        """One change, then the page again; what cannot be set is said on it, with what was typed kept."""
        token, form = await self._form(request)
        preferences = await asyncio.to_thread(self._shown, token)
        refuse_keyless(form, token)
        view, action, now = view_of(request.scope), form.get("action", ""), self._site.clock.now()
        if action == "delete":
            if form.get("sure") != "yes":
                return self._back(token, view)
            deleted = await asyncio.to_thread(
                self._service.preferences.delete, preferences.subscriber.id, None, now
            )
            return private_page(self._pages.deleted(view, configured=deleted.configured))
        change = _CHANGES.get(action)
        if change is None:
            raise HTTPException(400)
        try:
            await asyncio.to_thread(change, self._service.preferences, preferences.subscriber.id, form, now)
        except (QuerySyntaxError, ChoiceRefused) as error:
            page = self._pages.preferences(
                view, preferences, token=token, key=form_key(token), done=False, refused=error, typed=form
            )
            return private_page(page, 400)
        return self._back(token, view, done=1)

    async def export(self, request: Request) -> Response:
        """Everything that is set, as YAML that a configuration takes."""
        preferences = await asyncio.to_thread(self._shown, self._capability(request))
        text = await asyncio.to_thread(self._service.preferences.export, preferences.subscriber.id)
        headers = {
            "Cache-Control": "no-store",
            "X-Robots-Tag": "noindex",
            "Content-Disposition": 'attachment; filename="paperboy.yaml"',
        }
        return Response(text, media_type="application/yaml; charset=utf-8", headers=headers)

    async def objection(self, request: Request) -> Response:
        """Why a paper came, and what keeps such papers away; mail scanners fetch it unasked, so it changes nothing."""
        token = self._capability(request)
        objection, preferences = await asyncio.to_thread(self._objection, token, request)
        done = request.query_params.get("done") == "1"
        return private_page(
            self._pages.objection(
                view_of(request.scope), objection, preferences, token=token, key=form_key(token), done=done
            )
        )

    async def object_to(self, request: Request) -> Response:
        """One of the changes that the page offers, then the page again, with the way back."""
        token, form = await self._form(request)
        objection, preferences = await asyncio.to_thread(self._objection, token, request)
        refuse_keyless(form, token)
        view, change = view_of(request.scope), _OBJECTIONS.get(form.get("action", ""))
        offered = {*objection.subscriptions, *(each.word for each in objection.words)}
        if change is None or not {form.get("word") or form.get("subscription")} <= offered:
            raise HTTPException(400)
        now = self._site.clock.now()
        try:
            await asyncio.to_thread(change, self._service.preferences, preferences.subscriber.id, form, now)
        except ChoiceRefused as error:
            page = self._pages.objection(
                view, objection, preferences, token=token, key=form_key(token), done=False, refused=error
            )
            return private_page(page, 400)
        return self._back(token, view, done=1, paper=objection.paper.id)

    def _objection(self, token: str, request: Request) -> tuple[Objection, ShownPreferences]:
        paper = parse_paper_id(request.path_params["paper"])
        objection = self._service.objection_behind(token, paper) if paper else None
        if objection is None:
            raise HTTPException(404)
        return objection

    async def subscribe(self, request: Request) -> Response:
        """Asks the owner of an address by mail; the answer is the same whatever came of it."""
        sign_ups = self._sign_ups()
        form = await self._fields(request)
        view, query = view_of(request.scope), form.get("q", "")
        zone = form.get("timezone") or "UTC"
        try:
            await sign_ups.ask(
                form.get("address", ""), query, self._site.clock.now(), language=view.language, timezone=zone
            )
        except (QuerySyntaxError, ChoiceRefused) as error:
            return private_page(
                self._pages.said(view, "not_subscribed", refusal_text(error, view.language), query), 400
            )
        except DeliveryError:
            return private_page(self._pages.said(view, "mail_failed", "", query), 503)
        return private_page(self._pages.said(view, "mail_asked", "", query))

    async def make_feed(self, request: Request) -> Response:
        """A private feed of a query for somebody new, whose address stands on their preferences."""
        if not self._service.is_open:
            raise HTTPException(404)
        form = await self._fields(request)
        view, query = view_of(request.scope), form.get("q", "")
        try:
            name = await asyncio.to_thread(
                self._service.preferences.add_reader, query, self._site.clock.now()
            )
        except (QuerySyntaxError, ChoiceRefused) as error:
            return private_page(
                self._pages.said(view, "not_subscribed", refusal_text(error, view.language), query), 400
            )
        token = await asyncio.to_thread(self._service.preferences_token, name)
        return self._back(token, view, done=1, fragment="feed")

    async def ask_confirmation(self, request: Request) -> Response:
        """The page with the button; mail scanners fetch it unasked, so it changes nothing."""
        token, sign_ups = self._capability(request), self._sign_ups()
        sign_up = await asyncio.to_thread(sign_ups.pending, token, self._site.clock.now())
        if sign_up is None:
            raise HTTPException(404)
        target = Target(kind="email", address=sign_up.address)
        return private_page(self._pages.confirmation(view_of(request.scope), target, sign_up.query))

    async def confirm(self, request: Request) -> Response:
        """Subscribes the owner of the address, who said yes, and leads to their preferences."""
        token, sign_ups = capability(request), self._sign_ups()
        await self._fields(request)
        now = self._site.clock.now()
        sign_up = await asyncio.to_thread(sign_ups.pending, token, now)
        if sign_up is None or await asyncio.to_thread(sign_ups.confirm, token, now) is None:
            raise HTTPException(404)
        name = await asyncio.to_thread(sign_ups.subscriber_of, sign_up.address)
        preferences = await asyncio.to_thread(self._service.preferences_token, name)
        return self._back(preferences, view_of(request.scope), done=1)

    def _sign_ups(self) -> SignUps:
        if self._service.sign_ups is None:
            raise HTTPException(404)
        return self._service.sign_ups

    async def ask_unsubscribe(self, request: Request) -> Response:
        """The page with the button; mail scanners fetch it unasked, so it changes nothing."""
        target = await asyncio.to_thread(self._service.unsubscribable, self._capability(request))
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

    def _capability(self, request: Request) -> str:
        """The token of a page that is looked at, not too often."""
        self._page_limit.take(client_of(request), asyncio.get_running_loop().time())
        return capability(request)

    async def _form(self, request: Request) -> tuple[str, dict[str, str]]:
        """Token and fields of a form."""
        return capability(request), await self._fields(request)

    async def _fields(self, request: Request) -> dict[str, str]:
        """The fields of a form that came from this site, not too often."""
        refuse_foreign(request, self._pages.url)
        self._limit.take(client_of(request), asyncio.get_running_loop().time())
        body = await read_body(request)
        try:
            fields = parse_qsl(
                body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"
            )
        except ValueError:
            raise HTTPException(400) from None
        return dict(fields)

    def _shown(self, token: str) -> ShownPreferences:
        preferences = self._service.preferences_behind(token)
        if preferences is None:
            raise HTTPException(404)
        return preferences

    def _back(
        self,
        token: str,
        view: View,
        done: int | None = None,
        paper: PaperId | None = None,
        fragment: str = "",
    ) -> Response:
        """To the page again, so that loading it anew sends no form."""
        path = self._pages.preferences_path(token, view.language if view.explicit else None, done, paper)
        if fragment:
            path += f"#{fragment}"
        return RedirectResponse(path, status_code=303, headers={"Cache-Control": NEVER})
