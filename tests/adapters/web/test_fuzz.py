"""Requests that schemathesis makes up: the read API against its own description, and every form and page against a crash."""

from collections import Counter
from itertools import count
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bot.adapters.web.app import create_app
from bot.adapters.web.forms import form_key
from bot.pipeline.ports import TokenStore
from bot.pipeline.sign_ups import SignUps
from tests.adapters.web.conftest import FORMATS, SITE
from tests.adapters.web.test_forms import Asked
from tests.adapters.web.test_service import a_service
from tests.builders import a_channel, a_digest, a_subscriber
from tests.pipeline.conftest import MakeWorld
from tests.rigs.world import World

MAIL = "alice@example.org"

PROMISES = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


READER = a_subscriber("alice", a_channel("email", MAIL), a_channel("atom"))


@pytest.fixture
def made(world: MakeWorld) -> World:
    made = world(READER, first_run=0)
    made.read("a.md", a_digest(1, 2))
    return made


@pytest.fixture
def app(made: World) -> Any:
    """The application, for which each request comes from another address: limits would hide what is behind them."""
    service = a_service(made)
    service.sign_ups = SignUps(
        made.store.sign_ups, made.store.tokens, service.preferences, made.store.deliveries, Asked()
    )
    app = create_app(service, formats=FORMATS, clock=made.clock, site_title="P", site_url=SITE, fresh_for=0)
    clients = count(1)

    async def from_elsewhere(scope, receive, send) -> None:
        number = next(clients)
        client = f"10.0.{number // 256}.{number % 256}", 1
        await app({**scope, "client": client}, receive, send)

    return from_elsewhere


def fuzz(schema: Any, checks: list[Any]) -> Counter[int]:
    """Send what fits each operation's description and what does not; gives how often each status came."""
    statuses: Counter[int] = Counter()

    def send(case: schemathesis.Case) -> None:
        response = case.call_and_validate(checks=checks)
        statuses[response.status_code] += 1

    for result in schema.get_all_operations():
        operation = result.ok()
        has_wrong = operation.query or operation.body  # any text is a path
        for mode in (GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if has_wrong else ())):
            made_up = operation.as_strategy(generation_mode=mode)
            settings(max_examples=8, suppress_health_check=list(HealthCheck))(given(case=made_up)(send))()
    return statuses


def test_the_api_keeps_its_description_whatever_is_asked(app: Any) -> None:
    statuses = fuzz(schemathesis.openapi.from_asgi("/api/openapi.json", app), PROMISES)
    assert set(statuses) == {200, 400, 404}


def test_no_page_and_no_form_fails_whatever_is_asked(app: Any, made: World) -> None:
    schema = schemathesis.openapi.from_dict(described(made.store.tokens))
    schema.app = app
    statuses = fuzz(schema, [not_a_server_error])
    assert set(statuses) >= {200, 400, 404}  # redirects are followed


def described(tokens: TokenStore) -> dict[str, Any]:
    """Pages and forms in the words of OpenAPI, with capabilities that open something."""
    preferences, unsubscribe = (
        tokens.issue("preferences", "alice"),
        tokens.issue("unsubscribe", f"email:{MAIL}"),
    )
    text = {"type": "string"}
    day = {"anyOf": [text, {"type": "string", "format": "date"}]}
    fields = ("name", "query", "timezone", "language", "quiet_hours", "deliver")
    forms = {
        f"/preferences/{preferences}": {
            "action": {"enum": ["add", "edit", "remove", "pause", "resume", "settings", "delete"]},
            "key": {"const": form_key(preferences)},
            "subscription": {"anyOf": [text, {"const": "language models"}]},
            **dict.fromkeys(fields, text),
        },
        f"/unsubscribe/{unsubscribe}": {"List-Unsubscribe": text},
        "/subscribe": {"address": {"type": "string", "format": "email"}, "q": text, "timezone": text},
        "/confirm/{token}": {},
    }
    pages = {
        "/": {},
        "/search": {"q": text, "page": {"type": "integer"}, "lang": text},
        "/preview": {"q": text, "days": {"type": "integer"}},
        "/trends": {"q": text},
        "/feed.atom": {"q": text},
        "/papers/{id}": {"id": text},
        "/digests/{day}": {"day": day},
        "/archive/{month}.atom": {"month": text},
        "/feeds/{token}.json": {"token": text},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Pages and forms", "version": "1"},
        "paths": {path: {"get": _page(path, fields)} for path, fields in pages.items()}
        | {path: {"post": _form(path, fields)} for path, fields in forms.items()},
    }


def _parameters(path: str, fields: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "schema": schema, "in": "path", "required": True}
        if f"{{{name}}}" in path
        else {"name": name, "schema": schema, "in": "query"}
        for name, schema in fields.items()
    ]


def _page(path: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"parameters": _parameters(path, fields), "responses": {"default": {"description": "A page"}}}


def _form(path: str, fields: dict[str, Any]) -> dict[str, Any]:
    token = {"token": {"type": "string"}} if "{token}" in path else {}
    schema = {"type": "object", "properties": fields, "required": list(fields)}
    body = {"content": {"application/x-www-form-urlencoded": {"schema": schema}}}
    return {**_page(path, token), "requestBody": body}
