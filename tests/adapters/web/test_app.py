"""The application over an in-memory service: what each path answers."""

import asyncio
import gzip
import logging
from dataclasses import replace
from datetime import date

import httpx
import pytest
from selectolax.lexbor import LexborHTMLParser

from bot.adapters.feeds.atom import render_atom
from bot.domain.flowchart import Flowchart
from bot.domain.papers import Links, Point, Question, Summary
from tests.adapters.web.conftest import FEED_TOKEN, MAIL_TOKEN, SITE, FakeService, an_app
from tests.builders import NOW, a_feed, a_feed_entry, a_paper, a_question, an_edition

ALL_PAGES = [
    "/",
    "/feed.atom",
    "/papers/arxiv:2509.14008",
    f"/feeds/{FEED_TOKEN}.atom",
    f"/unsubscribe/{MAIL_TOKEN}",
    "/healthz",
    "/nothing",
]
HALA = a_paper(
    "2509.14008",
    title="Hala: A <script>alert(1)</script> Report & More",
    summaries=(
        Summary(text="The newer one.", digest="b.html"),
        Summary(text="The older one.", digest="tables/a.md"),
    ),
    flowchart=Flowchart(
        text="Teacher then student",
        drawing='<svg viewBox="0 0 9 9" onload="alert(1)"><script>alert(1)</script><text x="1" y="2">Teacher</text></svg>',
    ),
    editions=(
        an_edition(quiz=(a_question(answer=1), a_question("Unknown?", answer=None))),
        replace(an_edition("zh"), points=(Point(label="主题", text="研究"),)),
    ),
)


def page(response: httpx.Response) -> LexborHTMLParser:
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return LexborHTMLParser(response.text)


# --- feeds ------------------------------------------------------------------------------------------


async def test_the_feed_has_the_entries_of_the_service(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    response = await client.get("/feed.atom")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/atom+xml; charset=utf-8"
    assert response.content == render_atom(service.feed)


async def test_the_feed_is_made_once_per_edition(client: httpx.AsyncClient, service: FakeService) -> None:
    first = await client.get("/feed.atom")
    await asyncio.gather(*(client.get("/feed.atom") for _ in range(5)))
    assert service.renders == 1
    service.number, service.feed = 2, a_feed(a_feed_entry(99))
    second = await client.get("/feed.atom")
    assert service.renders == 2
    assert second.headers["etag"] != first.headers["etag"]


async def test_a_known_feed_is_not_sent_again(client: httpx.AsyncClient) -> None:
    first = await client.get("/feed.atom")
    again = await client.get("/feed.atom", headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-control"] == first.headers["cache-control"]


@pytest.mark.parametrize(
    ("date", "status"),
    [("Fri, 18 Sep 2026 08:00:00 GMT", 304), ("Fri, 18 Sep 2026 07:59:59 GMT", 200), ("yesterday", 200)],
)
async def test_a_date_is_compared_where_there_is_no_tag(client: httpx.AsyncClient, date, status) -> None:
    assert (await client.get("/feed.atom", headers={"If-Modified-Since": date})).status_code == status
    both = {"If-Modified-Since": date, "If-None-Match": '"other"'}
    assert (await client.get("/feed.atom", headers=both)).status_code == 200


async def test_gzip_goes_to_clients_that_accept_it_and_has_its_own_etag(client: httpx.AsyncClient) -> None:
    plain = await client.get("/feed.atom", headers={"Accept-Encoding": "identity"})
    zipped = await client.get("/feed.atom", headers={"Accept-Encoding": "deflate, gzip;q=0.5"})
    refused = await client.get("/feed.atom", headers={"Accept-Encoding": "gzip;q=0"})
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in refused.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert int(zipped.headers["content-length"]) < len(plain.content) / 3
    assert zipped.content == plain.content
    assert zipped.headers["etag"] != plain.headers["etag"]
    assert {r.headers["vary"] for r in (plain, zipped, refused)} == {"Accept-Encoding, Accept"}
    known = {"Accept-Encoding": "gzip", "If-None-Match": zipped.headers["etag"]}
    assert (await client.get("/feed.atom", headers=known)).status_code == 304


async def test_compressed_bytes_are_the_same_every_time(app, service: FakeService) -> None:
    from bot.adapters.web.responses import prepare

    body = render_atom(service.feed)
    first, second = (prepare(body, "x", cache="y").encoded["gzip"] for _ in range(2))
    assert first == second
    assert gzip.decompress(first) == body


async def test_a_private_feed_opens_to_its_token_and_stays_private(client: httpx.AsyncClient) -> None:
    response = await client.get(f"/feeds/{FEED_TOKEN}.atom")
    assert response.status_code == 200
    assert "agents" in response.text
    assert response.headers["cache-control"].startswith("private")
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-robots-tag"] == "noindex"
    known = await client.get(f"/feeds/{FEED_TOKEN}.atom", headers={"If-None-Match": response.headers["etag"]})
    assert known.status_code == 304


@pytest.mark.parametrize("token", ["x" * 30, "short", "a" * 200, FEED_TOKEN + "x", "%2e%2e", "%00" * 20])
async def test_other_tokens_open_nothing(client: httpx.AsyncClient, token) -> None:
    assert (await client.get(f"/feeds/{token}.atom")).status_code == 404
    assert (await client.get(f"/unsubscribe/{token}")).status_code == 404
    assert (await client.post(f"/unsubscribe/{token}")).status_code == 404


# --- pages ------------------------------------------------------------------------------------------


async def test_the_front_page_lists_the_newest_papers_and_the_feed(client: httpx.AsyncClient) -> None:
    tree = page(await client.get("/"))
    links = [node.attributes["href"] for node in tree.css(".papers .title a")]
    assert links == [f"/papers/arxiv:2509.1400{number}" for number in range(1, 9)]
    assert tree.css_first('link[type="application/atom+xml"]').attributes["href"] == "/feed.atom"
    assert tree.css_first("h2 a").text() == "Friday, 18 September 2026"


async def test_the_first_request_starts_the_warm_up(client: httpx.AsyncClient, service: FakeService) -> None:
    assert [(await client.get("/")).status_code for _ in range(3)] == [200, 200, 200]
    assert service.warmed == 1


async def test_a_day_has_one_heading_whatever_the_order_of_arrival(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    days = (date(2026, 9, 17), date(2026, 9, 18), date(2026, 9, 17))
    service.feed = a_feed(*[a_feed_entry(number, latest=day) for number, day in enumerate(days)])
    headings = [node.text() for node in page(await client.get("/")).css("section h2 a")]
    assert headings == ["Friday, 18 September 2026", "Thursday, 17 September 2026"]


async def test_a_site_without_papers_shows_how_to_get_started(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    service.feed = a_feed()
    assert "No papers yet" in page(await client.get("/")).css_first("main").text()


async def test_numbers_in_which_two_sources_differ_are_marked(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    texts = "A network of 32 layers <b> for images.", "It has 48 layers, and 7 stages."
    summaries = tuple(Summary(text=text, digest=f"{name}.md") for name, text in zip("ab", texts, strict=True))
    service.put(a_paper(1, summaries=summaries))
    tree = LexborHTMLParser((await client.get(f"/papers/{a_paper(1).id}")).text)
    marks = tree.css("article .both mark.differs")
    assert [mark.text() for mark in marks] == ["32", "48"]
    assert marks[0].attributes["title"] == "The sources give different numbers for this."
    assert "32 layers" in tree.css_first(".both p:last-child").text()
    service.put(a_paper(2, summaries=summaries[:1]))
    assert "differs" not in (await client.get(f"/papers/{a_paper(2).id}")).text


async def test_a_paper_page_shows_all_that_is_known(client: httpx.AsyncClient, service: FakeService) -> None:
    service.put(HALA)
    tree = page(await client.get("/papers/arxiv:2509.14008"))
    text = tree.css_first("article").text()
    assert tree.css_first("h1").text() == HALA.title
    for part in (
        "Bernard Ghanem",
        "The newer one.",
        "The older one.",
        "tables",
        "What there is to say on Topic.",
        "Teacher then student",
    ):
        assert part in text
    assert [link.attributes["href"] for link in tree.css(".links a")] == [
        HALA.links.abs,
        HALA.links.pdf,
        HALA.links.huggingface,
        "#quiz",
    ]
    assert tree.css_first("figure svg text").text() == "Teacher"
    assert [node.text() for node in tree.css(".quiz details strong")] == ["The second one"]
    assert "gives no answer" in text
    assert tree.css_first('link[rel="canonical"]').attributes["href"] == f"{SITE}/papers/arxiv:2509.14008"


async def test_a_worked_out_answer_says_so_and_how_sure_it_is(service: FakeService) -> None:
    service.put(HALA)
    worked_out = Question(
        question="Why?",
        options=("This", "That"),
        answer=0,
        answer_source="inferred",
        confidence=0.979,
        confident=True,
    )
    app = an_app(
        service,
        quiz=lambda paper, language: [worked_out] if (paper.id, language) == (HALA.id, "en") else [],
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SITE) as client:
        tree = page(await client.get("/papers/arxiv:2509.14008"))
    assert tree.css_first(".quiz details strong").text() == "This"
    assert "Our guess, 97% sure" in tree.css_first(".quiz details").text()


async def test_nothing_in_a_paper_page_runs(client: httpx.AsyncClient, service: FakeService) -> None:
    service.put(replace(HALA, links=Links(abs="javascript:alert(1)", pdf="//evil.example/")))
    tree = page(await client.get("/papers/arxiv:2509.14008"))
    assert not tree.css("iframe, object, embed, img, foreignObject")
    assert [node.text() for node in tree.css("script")] == [""]
    assert tree.css_first("script").attributes["src"].startswith("/paperboy.js?v=")
    assert not [
        node
        for node in tree.css("*")
        if any(name.startswith("on") or name == "style" for name in node.attributes)
    ]
    assert [link.attributes["href"] for link in tree.css(".links a")] == ["#quiz"]


async def test_the_chinese_half_is_one_click_away(client: httpx.AsyncClient, service: FakeService) -> None:
    service.put(HALA)
    english = page(await client.get("/papers/arxiv:2509.14008"))
    assert english.css_first(".languages a").attributes["href"] == "/papers/arxiv:2509.14008?lang=zh"
    asked = await client.get("/papers/arxiv:2509.14008?lang=zh")
    preferred = await client.get("/papers/arxiv:2509.14008", headers={"Accept-Language": "zh-CN, en;q=0.8"})
    for chinese in (page(asked), page(preferred)):
        assert chinese.css_first("dl.points").text(strip=True) == "主题研究"
        assert chinese.css_first("html").attributes["lang"] == "zh"
        assert chinese.css_first("article h2").text() == "要点"
    assert "Accept-Language" in preferred.headers["vary"]
    assert page(asked).css_first(".name").attributes["href"] == "/?lang=zh"
    assert page(preferred).css_first(".name").attributes["href"] == "/"


@pytest.mark.parametrize(
    "asked", ["2509.14008", "2509.14008v3", "arXiv:2509.14008", "https://arxiv.org/abs/2509.14008"]
)
async def test_other_names_of_a_paper_lead_to_its_page(
    client: httpx.AsyncClient, service: FakeService, asked
) -> None:
    service.put(HALA)
    response = await client.get(f"/papers/{asked}", follow_redirects=False)
    assert response.status_code == 301
    final = await client.get(f"/papers/{asked}", follow_redirects=True)
    assert str(final.url) == f"{SITE}/papers/arxiv:2509.14008"
    assert final.status_code == 200


async def test_old_ids_with_a_slash_have_a_page(client: httpx.AsyncClient, service: FakeService) -> None:
    service.put(a_paper("cs/0112017"))
    assert (await client.get("/papers/arxiv:cs/0112017")).status_code == 200
    response = await client.get("/papers/cs/0112017", follow_redirects=True)
    assert (str(response.url), response.status_code) == (f"{SITE}/papers/arxiv:cs/0112017", 200)


@pytest.mark.parametrize(
    "asked",
    ["arxiv:2509.99999", "nothing", "title:zz", "../../etc/passwd", "%2e%2e/x", "https://evil.example/"],
)
async def test_unknown_papers_are_not_found(client: httpx.AsyncClient, asked) -> None:
    assert (await client.get(f"/papers/{asked}")).status_code == 404


async def test_a_site_below_a_path_keeps_its_links_there(service: FakeService) -> None:
    app = an_app(service, site_url=f"{SITE}/paperboy")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SITE) as client:
        tree = page(await client.get("/"))
        links = [node.attributes["href"] for node in tree.css("body a, link[rel=stylesheet]")]
        assert {link.split("/")[1] for link in links if not link.startswith("#")} == {"paperboy"}
        style = tree.css_first("link[rel=stylesheet]").attributes["href"]
        for path in (style, style.removeprefix("/paperboy")):  # a proxy takes the prefix off, or leaves it
            assert (await client.get(path)).headers["content-type"] == "text/css; charset=utf-8"


# --- unsubscribing ----------------------------------------------------------------------------------


async def test_a_visit_asks_and_changes_nothing(client: httpx.AsyncClient, service: FakeService) -> None:
    response = await client.get(f"/unsubscribe/{MAIL_TOKEN}")
    tree = page(response)
    assert tree.css_first("form").attributes.get("method") == "post"
    assert tree.css_first("button").text() == "Unsubscribe"
    assert "a…@example.org" in response.text
    assert "alice" not in response.text
    assert not service.unsubscribed
    assert response.headers["cache-control"] == "no-store"
    await client.head(f"/unsubscribe/{MAIL_TOKEN}")
    assert not service.unsubscribed


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"List-Unsubscribe": "One-Click"}},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {},
    ],
    ids=["urlencoded", "multipart", "empty"],
)
async def test_one_click_is_done_at_once_and_may_come_twice(
    client: httpx.AsyncClient, service: FakeService, body
) -> None:
    for _ in range(2):
        response = await client.post(f"/unsubscribe/{MAIL_TOKEN}", **body)
        assert response.status_code == 200
        assert "Unsubscribed" in response.text
    ((target, at),) = service.unsubscribed
    assert (target.address, at) == ("alice@example.org", NOW)


async def test_a_huge_body_is_refused_and_nothing_done(
    client: httpx.AsyncClient, service: FakeService
) -> None:
    async def chunks():
        for _ in range(100):
            yield b"x" * 1000

    for content in (b"x" * 100_000, chunks()):
        response = await client.post(f"/unsubscribe/{MAIL_TOKEN}", content=content)
        assert response.status_code == 413
    assert not service.unsubscribed


# --- all of them ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ALL_PAGES)
async def test_every_answer_has_the_security_headers(
    client: httpx.AsyncClient, service: FakeService, path
) -> None:
    service.put(HALA)
    response = await client.get(path)
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["referrer-policy"] == "no-referrer"
    if "html" in response.headers["content-type"]:
        tree = LexborHTMLParser(response.text)
        assert not tree.css("style, [style], script:not([src])")
        assert tree.css_first("link[rel=stylesheet]").attributes["href"].startswith("/style.css?v=")


@pytest.mark.parametrize("path", ALL_PAGES[:-1])
async def test_a_wrong_method_is_answered_with_405(client: httpx.AsyncClient, path) -> None:
    response = await client.delete(path)
    assert response.status_code == 405
    assert "GET" in response.headers["allow"]


async def test_an_unknown_address_gets_a_plain_page(client: httpx.AsyncClient) -> None:
    response = await client.get("/nothing/<script>")
    assert response.status_code == 404
    assert page(response).css_first("h1").text() == "Not found"
    assert "<script>" not in response.text


async def test_a_failure_shows_neither_traceback_nor_token(
    client: httpx.AsyncClient, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    service.failure = RuntimeError(f"SELECT … WHERE token = '{MAIL_TOKEN}'")
    with caplog.at_level(logging.DEBUG, logger="bot"):
        response = await client.get(f"/unsubscribe/{MAIL_TOKEN}")
    assert response.status_code == 500
    assert page(response).css_first("h1").text() == "Something went wrong"
    (record,) = caplog.records
    assert (record.message, record.error) == ("web_request_failed", "RuntimeError")
    logged = "".join(map(str, vars(record).values()))
    assert "unsubscribe_target" in logged
    for text in (logged, caplog.text, response.text):
        assert MAIL_TOKEN not in text
        assert "SELECT" not in text


async def test_health_follows_the_state(client: httpx.AsyncClient, service: FakeService) -> None:
    response = await client.get("/healthz")
    assert (response.status_code, response.text) == (200, "ok\n")


async def test_a_locked_state_is_unhealthy(client: httpx.AsyncClient, locked: FakeService) -> None:
    assert (await client.get("/healthz")).status_code == 503
