"""Forms: preferences and objections behind a token, sign-ups, and the protection of forms."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from selectolax.lexbor import LexborHTMLParser
from starlette.exceptions import HTTPException
from starlette.requests import Request

from bot.adapters.web.app import create_app
from bot.adapters.web.forms import RequestLimit, client_of
from bot.domain.errors import TryLater
from bot.domain.preferences import MOST_EXCLUSIONS
from bot.domain.subscriptions import Channel
from bot.pipeline.sign_ups import SignUps
from tests.adapters.web.conftest import FORMATS, SITE
from tests.adapters.web.test_service import a_service
from tests.builders import NOW, a_channel, a_digest, a_subscriber, an_entry
from tests.pipeline.conftest import MakeWorld
from tests.rigs.world import World

READER = a_subscriber("alice", a_channel("email", "alice@example.org"), a_channel("atom"))


@pytest.fixture
def made(world: MakeWorld) -> World:
    made = world(READER, first_run=0)
    made.look()
    made.read("a.md", a_digest(1))
    return made


@pytest.fixture
async def client(made: World) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        a_service(made), formats=FORMATS, clock=made.clock, site_title="P", site_url=SITE, fresh_for=0
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SITE) as client:
        yield client


@pytest.fixture
def path(made: World) -> str:
    return f"/preferences/{made.store.tokens.issue('preferences', 'alice')}"


async def tree_of(client: httpx.AsyncClient, path: str) -> LexborHTMLParser:
    response = await client.get(path)
    assert response.status_code == 200
    return LexborHTMLParser(response.text)


async def sent(client: httpx.AsyncClient, path: str, headers=None, **fields: str) -> httpx.Response:
    key = (await tree_of(client, path)).css_first("[name=key]").attributes["value"]
    return await client.post(path, data={"key": key, **fields}, headers=headers)


def text(tree: LexborHTMLParser) -> str:
    return tree.css_first("main").text()


async def test_preferences_are_shown_and_neither_cached_nor_indexed(
    client: httpx.AsyncClient, path: str
) -> None:
    response = await client.get(path)
    shown = text(LexborHTMLParser(response.text))
    for part in ("language models", "a…@example.org", f"{SITE}/feeds/"):
        assert part in shown
    assert 'value="UTC"' in response.text
    assert "alice@example.org" not in response.text
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-robots-tag"] == "noindex"


async def test_channels_are_named_in_the_reader_s_language(client: httpx.AsyncClient, path: str) -> None:
    for language, named in (("en", "Email a…@example.org"), ("zh", "邮件 a…@example.org")):
        tree = LexborHTMLParser((await client.get(f"{path}?lang={language}")).text)
        assert named in " ".join(text(tree).split())
        assert "immediately" not in tree.css_first('[aria-labelledby="channels"]').text()


async def test_delivery_times_are_shown_and_typed_in_the_reader_s_language(
    client: httpx.AsyncClient, path: str
) -> None:
    async def shown(language: str) -> str:
        tree = await tree_of(client, f"{path}?lang={language}")
        return str(tree.css_first("[name=deliver]").attributes["value"])

    assert (await shown("en"), await shown("zh")) == ("at once", "立即发送")
    response = await sent(client, path, action="settings", deliver="每周一 7:30")
    assert response.status_code == 303
    assert (await shown("en"), await shown("zh")) == ("on Mondays at 07:30", "每星期一 07:30")


async def test_a_channel_without_words_is_named_by_its_kind_and_no_address_is_shown(
    world: MakeWorld,
) -> None:
    by_file = Channel(kind="text_file", address="/var/log/papers.txt")
    by_apprise = a_channel("apprise", "ntfy://ntfy.example.org/secret")
    made = world(a_subscriber("alice", by_apprise, by_file), first_run=0)
    app = create_app(a_service(made), formats=FORMATS, clock=made.clock, site_title="P", site_url=SITE)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SITE) as client:
        path = f"/preferences/{made.store.tokens.issue('preferences', 'alice')}"
        shown = " ".join(text(await tree_of(client, path)).split())
    assert "Apprise this Apprise address" in shown
    assert "text_file this channel" in shown
    assert "secret" not in shown
    assert "/var/log" not in shown


async def test_a_query_is_added_changed_paused_and_removed(client, made: World, path: str) -> None:
    response = await sent(client, path, action="add", query="graph network")
    assert (response.status_code, response.headers["location"]) == (303, f"{path}?done=1")
    done = await tree_of(client, response.headers["location"])
    assert done.css_first("[role=status]").text() == "Saved."
    assert "graph network" in {
        subscription.name for subscription in made.registry.subscriber("alice").subscriptions
    }
    await sent(client, path, action="edit", subscription="graph network", query="graph NEAR/3 network")
    await sent(client, path, action="pause", subscription="graph NEAR/3 network")
    assert "paused" in text(await tree_of(client, path))
    await sent(client, path, action="resume", subscription="graph NEAR/3 network")
    assert "paused" not in text(await tree_of(client, path))
    await sent(client, path, action="remove", subscription="graph NEAR/3 network")
    assert {subscription.name for subscription in made.registry.subscriber("alice").subscriptions} == {
        "language models"
    }


async def test_a_visitor_makes_a_private_feed_of_a_query_in_one_press(client, made: World) -> None:
    preview = await tree_of(client, "/preview?q=language+models")
    form = preview.css_first('form[action="/subscribe/feed"]')
    query = form.css_first("[name=q]").attributes["value"]
    response = await client.post(form.attributes["action"], data={"q": query})
    assert response.status_code == 303
    page, _, fragment = response.headers["location"].partition("#")
    tree = await tree_of(client, page)
    assert tree.css_first("main").css_first(f"#{fragment}").text() == "Your private feed"
    assert "language models" in text(tree)
    address = tree.css_first('a[href*="/feeds/"]').attributes["href"]
    made.registry.refresh()
    made.look()  # meets the newcomer
    made.read("b.md", a_digest(2))
    feed = await client.get(address.removeprefix(SITE))
    assert "Paper 2" in feed.text
    assert "private" in feed.headers["cache-control"]


async def test_a_wrong_query_makes_no_feed(client, made: World) -> None:
    response = await client.post("/subscribe/feed", data={"q": "(graph"})
    assert response.status_code == 400
    assert "This bracket is never closed." in text(LexborHTMLParser(response.text))
    assert set(made.registry.subscribers) == {"alice"}


async def test_other_sites_and_closed_ones_make_no_feeds(client, made: World) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert (await client.post("/subscribe/feed", data={"q": "rag"}, headers=foreign)).status_code == 403
    app = create_app(
        a_service(made, is_open=False), formats=FORMATS, clock=made.clock, site_title="P", site_url=SITE
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SITE) as closed:
        assert (await closed.post("/subscribe/feed", data={"q": "rag"})).status_code == 404
        assert "/subscribe/feed" not in (await closed.get("/preview?q=rag")).text
    assert set(made.registry.subscribers) == {"alice"}


MEDICAL = an_entry(30, title="Language Models for Medical Imaging", summary="Medical imaging, medical.")


@pytest.fixture
def unwanted(made: World, path: str) -> str:
    """The page that the link *Not for me* of a mail leads to."""
    made.read("b.md", a_digest(2, 3, 4, MEDICAL))
    return f"{path}/papers/{MEDICAL.id}"


async def test_not_for_me_says_what_brought_a_paper_and_looking_changes_nothing(
    client, made: World, unwanted: str
) -> None:
    response = await client.get(unwanted)
    shown = text(LexborHTMLParser(response.text))
    assert "Language Models for Medical Imaging" in shown
    assert "It matched your subscription “language models”." in shown
    assert "Leave out medical" in shown
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert made.registry.subscriber("alice").exclude == ()


async def test_a_word_is_left_out_by_its_button_and_taken_back_by_the_next(
    client, made: World, path: str, unwanted: str
) -> None:
    response = await sent(client, unwanted, action="exclude", word="medical")
    assert (response.status_code, response.headers["location"]) == (303, f"{unwanted}?done=1")
    assert made.registry.subscriber("alice").exclude == ("medical",)
    assert "Take medical back in" in text(await tree_of(client, response.headers["location"]))
    assert "medical" in text(await tree_of(client, path))
    await sent(client, unwanted, action="include", word="medical")
    assert made.registry.subscriber("alice").exclude == ()
    await sent(client, unwanted, action="exclude", word="medical")
    await sent(client, path, action="include", query="medical")
    assert made.registry.subscriber("alice").exclude == ()


async def test_the_subscription_that_brought_a_paper_can_be_paused_there(
    client, made: World, unwanted: str
) -> None:
    await sent(client, unwanted, action="pause", subscription="language models")
    assert made.preferences.listed("alice")[0].paused
    assert "paused" in text(await tree_of(client, unwanted))
    await sent(client, unwanted, action="resume", subscription="language models")
    assert not made.preferences.listed("alice")[0].paused


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "exclude", "word": "learning OR graph"},
        {"action": "exclude"},
        {"action": "pause", "subscription": "robots"},
        {"action": "delete", "word": "medical"},
    ],
)
async def test_only_what_the_page_offers_is_done_there(client, made: World, unwanted: str, fields) -> None:
    before = made.preferences.choices("alice")
    assert (await sent(client, unwanted, **fields)).status_code == 400
    assert made.preferences.choices("alice") == before


async def test_an_objection_needs_the_key_the_token_and_a_paper_that_came(
    client, made: World, path: str, unwanted: str
) -> None:
    assert (await client.post(unwanted, data={"action": "exclude", "word": "medical"})).status_code == 403
    assert (await client.get(unwanted.replace("/papers", "x/papers"))).status_code == 404
    assert (await client.get(f"{path}/papers/arxiv:2001.00001")).status_code == 404
    assert (await client.get(f"{path}/papers/nothing")).status_code == 404
    assert made.registry.subscriber("alice").exclude == ()


async def test_too_many_exclusions_are_refused_on_the_page(client, made: World, unwanted: str) -> None:
    for number in range(MOST_EXCLUSIONS):
        made.preferences.exclude("alice", f"n{number}", NOW)
    response = await sent(client, unwanted, action="exclude", word="medical")
    assert response.status_code == 400
    assert (
        f"There are {MOST_EXCLUSIONS} already" in LexborHTMLParser(response.text).css_first(".fault").text()
    )


async def test_pages_behind_a_token_have_a_limit_too(client, path: str) -> None:
    answers = []
    while 429 not in answers and len(answers) < 500:
        answers.append((await client.get(path)).status_code)
    assert answers[:60] == [200] * 60
    assert answers[-1] == 429


async def test_a_wrong_query_is_shown_with_its_place_and_nothing_changes(client, made: World, path) -> None:
    response = await sent(client, path, action="add", query="(graph")
    tree = LexborHTMLParser(response.text)
    assert response.status_code == 400
    assert tree.css_first(".fault pre").text().splitlines() == ["(graph", "^"]
    assert tree.css_first("[name=query]").attributes["value"] == "(graph"
    assert len(made.registry.subscriber("alice").subscriptions) == 1


async def test_settings_are_saved_and_wrong_ones_say_why(client, made: World, path: str) -> None:
    await sent(
        client, path, action="settings", timezone="europe/berlin", quiet_hours="22:00-07:00", language="zh"
    )
    person = made.registry.subscriber("alice")
    assert (str(person.timezone), person.language) == ("Europe/Berlin", "zh")
    assert f"{person.quiet_hours.start:%H:%M}" == "22:00"
    response = await sent(client, path, action="settings", timezone="Europe/Berlim")
    assert response.status_code == 400
    assert "Europe/Berlin" in LexborHTMLParser(response.text).css_first(".fault").text()


async def test_wrong_settings_are_refused_in_the_reader_s_language(client, path: str) -> None:
    for field, value, refusal in (
        ("timezone", "Mars/Olympus", "没有“Mars/Olympus”这个时区。"),
        ("quiet_hours", "late", "免打扰时段要写成 22:00-07:00 这样"),
        ("deliver", "sometimes", "发送时间可以是立即、每小时"),
    ):
        response = await sent(client, path, {"Accept-Language": "zh"}, action="settings", **{field: value})
        assert response.status_code == 400
        assert refusal in LexborHTMLParser(response.text).css_first(".fault").text()


async def test_what_is_shown_unchanged_is_not_set(client, made: World, path: str) -> None:
    await sent(
        client,
        path,
        action="settings",
        timezone="UTC",
        timezone_before="UTC",
        language="en",
        language_before="en",
    )
    assert made.store.preferences.choices("alice").timezone is None


async def test_what_the_configuration_sets_is_shown_and_not_to_be_changed(world: MakeWorld) -> None:
    mail = replace(a_channel("email", "alice@example.org"), fixed=frozenset({"deliver"}))
    alice = a_subscriber("alice", mail, a_channel("atom"))  # a feed has no times
    made = world(replace(alice, fixed=frozenset({"timezone"})), first_run=0)
    app = create_app(
        a_service(made), formats=FORMATS, clock=made.clock, site_title="P", site_url=SITE, fresh_for=0
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SITE) as client:
        tree = await tree_of(client, f"/preferences/{made.store.tokens.issue('preferences', 'alice')}")
    fields = tree.css_first("form.fields")
    assert len(fields.css("[disabled]")) == 2
    assert {node.attributes["name"] for node in fields.css("[type=text][name], select[name]")} == {
        "quiet_hours",
        "language",
    }
    assert fields.css_first("button") is not None


async def test_a_subscriber_with_only_a_feed_is_offered_no_delivery_times(world: MakeWorld) -> None:
    made = world(a_subscriber("alice", a_channel("atom")), first_run=0)
    app = create_app(
        a_service(made), formats=FORMATS, clock=made.clock, site_title="P", site_url=SITE, fresh_for=0
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SITE) as client:
        tree = await tree_of(client, f"/preferences/{made.store.tokens.issue('preferences', 'alice')}")
    assert tree.css_first("[name=timezone]") is not None
    assert tree.css_first("[name=deliver]") is None


async def test_all_settings_can_be_downloaded(client, path: str) -> None:
    response = await client.get(f"{path}/export")
    assert "alice" in response.text
    assert "language models" in response.text
    assert response.headers["content-disposition"].startswith("attachment")


async def test_deleting_needs_a_yes(client, made: World, path: str) -> None:
    await sent(client, path, action="add", query="graph network")
    assert (await sent(client, path, action="delete")).status_code == 303
    assert len(made.registry.subscriber("alice").subscriptions) == 2
    response = await sent(client, path, action="delete", sure="yes")
    assert "deleted" in text(LexborHTMLParser(response.text))
    assert len(made.registry.subscriber("alice").subscriptions) == 1


@pytest.mark.parametrize("token", ["x" * 22, "short"])
async def test_other_tokens_open_nothing(client, token: str) -> None:
    for path in (f"/preferences/{token}", f"/preferences/{token}/export"):
        assert (await client.get(path)).status_code == 404
    assert (await client.post(f"/preferences/{token}", data={"action": "add"})).status_code == 404


async def test_a_token_for_something_else_opens_no_preferences(client, made: World) -> None:
    feed = made.store.tokens.issue("feed", "alice")
    assert (await client.get(f"/preferences/{feed}")).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}],
)
async def test_a_form_from_another_site_is_refused(client, made: World, path: str, headers) -> None:
    response = await sent(client, path, headers=headers, action="add", query="graph")
    assert response.status_code == 403
    assert len(made.registry.subscriber("alice").subscriptions) == 1


@pytest.mark.parametrize("headers", [{"Origin": "null"}, {"Origin": SITE, "Sec-Fetch-Site": "same-origin"}])
async def test_a_form_of_this_site_is_accepted(client, path: str, headers) -> None:
    assert (await sent(client, path, headers=headers, action="add", query="graph")).status_code == 303


async def test_a_form_without_its_key_or_with_an_unknown_action_is_refused(client, path: str) -> None:
    assert (await client.post(path, data={"action": "add", "query": "graph"})).status_code == 403
    assert (await sent(client, path, action="explode")).status_code == 400
    assert (await client.post(path, content=b"\xff=\xfe&a=%ff")).status_code == 400


async def test_a_client_that_sends_many_forms_has_to_wait(client, path: str) -> None:
    answers = [(await client.post(path, data={})).status_code for _ in range(22)]
    assert answers[:20] == [403] * 20
    assert answers[-1] == 429
    other = await client.post(path, data={}, headers={"X-Forwarded-For": "1.2.3.4, 203.0.113.9"})
    assert other.status_code == 403


@pytest.mark.parametrize(
    ("peer", "client"),
    [
        ("127.0.0.1", "203.0.113.9"),
        ("172.17.0.2", "203.0.113.9"),
        ("::ffff:172.17.0.2", "203.0.113.9"),
        ("fd00::2", "203.0.113.9"),
        ("8.8.8.8", "8.8.8.8"),
        ("::ffff:8.8.8.8", "8.8.8.8"),
        ("2001:4860::1", "2001:4860::/64"),
        ("", ""),
    ],
)
def test_who_a_client_is_is_believed_of_proxies_on_this_machine_or_in_a_private_network(
    peer: str, client: str
) -> None:
    headers = [(b"x-forwarded-for", b"1.2.3.4, 203.0.113.9")]
    assert client_of(Request({"type": "http", "client": (peer, 50_000), "headers": headers})) == client


def test_a_bucket_fills_again_and_each_client_has_one() -> None:
    limit = RequestLimit()
    for _ in range(20):
        limit.take("a", 0.0)
    with pytest.raises(HTTPException) as refused:
        limit.take("a", 0.0)
    assert refused.value.headers == {"Retry-After": "6"}
    limit.take("b", 0.0)
    limit.take("a", 5.0)


# --- sign-ups by mail -------------------------------------------------------------------------------


class Asked:
    """A mail server that remembers what it was to ask."""

    kind = "email"

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.failure: Exception | None = None

    async def ask(self, request) -> None:
        if self.failure:
            raise self.failure
        self.tokens.append(request.token)


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
async def open_client(made: World, asked: Asked) -> AsyncIterator[httpx.AsyncClient]:
    service = a_service(made)
    service.sign_ups = SignUps(
        made.store.sign_ups, made.store.tokens, service.preferences, made.store.deliveries, asked
    )
    app = create_app(service, formats=FORMATS, clock=made.clock, site_title="P", site_url=SITE, fresh_for=0)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SITE) as client:
        yield client


async def test_the_owner_of_an_address_is_asked_before_anything_is_sent(
    open_client, made: World, asked: Asked
) -> None:
    form = (await tree_of(open_client, "/preview?q=language")).css_first("form[action='/subscribe']")
    fields = {node.attributes["name"]: node.attributes.get("value") or "" for node in form.css("input")}
    response = await open_client.post("/subscribe", data={**fields, "address": "bob@example.org"})
    assert response.status_code == 200
    assert not made.registry.subscriber("mail-x")
    (token,) = asked.tokens
    page = await tree_of(open_client, f"/confirm/{token}")
    assert "b…@example.org" in text(page)
    assert "bob@" not in text(page)
    people = set(made.registry.subscribers)
    await open_client.get(f"/confirm/{token}")
    assert set(made.registry.subscribers) == people
    confirmed = await open_client.post(f"/confirm/{token}")
    assert confirmed.status_code == 303
    shown = text(await tree_of(open_client, confirmed.headers["location"]))
    assert "language" in shown
    (new,) = set(made.registry.subscribers) - people
    assert made.registry.subscriber(new).channels[0].address == "bob@example.org"


async def test_a_visitor_is_told_the_same_whether_a_mail_went_out_or_not(open_client, asked: Asked) -> None:
    fields = {"address": "bob@example.org", "q": "cats"}
    first = await open_client.post("/subscribe", data=fields)
    second = await open_client.post("/subscribe", data=fields)
    assert (first.status_code, first.text) == (second.status_code, second.text)
    assert len(asked.tokens) == 1


@pytest.mark.parametrize(
    "fields", [{"address": "nobody", "q": "cats"}, {"address": "a@example.org", "q": "(cats"}]
)
async def test_a_sign_up_that_is_refused_says_why(open_client, asked: Asked, fields) -> None:
    response = await open_client.post("/subscribe", data=fields)
    assert response.status_code == 400
    assert not asked.tokens


async def test_a_mail_server_that_does_not_answer_is_reported(open_client, asked: Asked) -> None:
    asked.failure = TryLater("421", wait=timedelta(minutes=1))
    response = await open_client.post("/subscribe", data={"address": "bob@example.org", "q": "cats"})
    assert response.status_code == 503
    assert "421" not in response.text


async def test_other_links_confirm_nothing_and_a_closed_site_has_no_form(client, open_client) -> None:
    assert (await open_client.get(f"/confirm/{'x' * 22}")).status_code == 404
    assert (await open_client.post(f"/confirm/{'x' * 22}")).status_code == 404
    assert (
        await client.post("/subscribe", data={"address": "bob@example.org", "q": "cats"})
    ).status_code == 404
    assert (await tree_of(client, "/preview?q=cats")).css_first("form[action='/subscribe']") is None
