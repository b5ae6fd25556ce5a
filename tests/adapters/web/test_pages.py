"""The pages over a real state: days, search, previews, trends, relations, feeds of queries and the archive."""

import json
from collections.abc import AsyncIterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import feedparser
import httpx
import pytest
from selectolax.lexbor import LexborHTMLParser

from bot.adapters.web.app import create_app
from bot.domain.preferences import query_of_payload
from tests.adapters.web.conftest import FORMATS, SITE
from tests.adapters.web.test_service import a_service
from tests.builders import a_digest, an_entry
from tests.pipeline.conftest import MakeWorld
from tests.rigs.web import served_site
from tests.rigs.world import World

DAY = date(2026, 9, 18)
BEFORE = DAY - timedelta(days=8)


def an_entry_on(number: int, title: str, summary: str = ""):
    return an_entry(number, title=title, summary=summary or f"{title} is measured.", editions=())


@pytest.fixture
def made(world: MakeWorld) -> World:
    made = world(first_run=0)
    sailor = an_entry_on(1, "WebSailor-V2: Bridging the Chasm", "Web agents with synthetic data.")
    resum = an_entry_on(
        2, "ReSum: Long-Horizon Search", "It extends WebSailor-V2 with summaries for web agents."
    )
    made.read("a.md", a_digest(sailor, an_entry_on(3, "Cats <b>& dogs</b>", "Pictures of cats."), day=BEFORE))
    made.read("b.md", a_digest(resum, an_entry_on(4, "Quantized nets", "Weights in 4 bits."), day=DAY))
    return made


@pytest.fixture
async def client(made: World) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        a_service(made), formats=FORMATS, clock=made.clock, site_title="Paperboy", site_url=SITE, fresh_for=0
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SITE) as client:
        yield client


async def page(client: httpx.AsyncClient, path: str, status: int = 200) -> LexborHTMLParser:
    response = await client.get(path)
    assert response.status_code == status, response.text
    return LexborHTMLParser(response.text)


def titles(tree: LexborHTMLParser) -> list[str]:
    return [node.text() for node in tree.css(".papers .title a")]


# --- days -------------------------------------------------------------------------------------------


async def test_the_front_page_leads_to_every_day(client: httpx.AsyncClient) -> None:
    tree = await page(client, "/")
    assert [node.text() for node in tree.css("section h2 a")] == [
        "Friday, 18 September 2026",
        "Thursday, 10 September 2026",
    ]
    assert [node.attributes["aria-label"] for node in tree.css("svg.bars a")] == [
        "Thursday, 10 September 2026: 2 papers",
        "Friday, 18 September 2026: 2 papers",
    ]
    assert (
        len(tree.css("svg.bars .bar, svg.bars .none")) == 21
    )  # not two thin bars at the end of eight empty weeks
    days = await page(client, "/digests")
    assert [node.attributes["href"] for node in days.css(".days a")] == [
        "/digests/2026-09-18",
        "/digests/2026-09-10",
    ]


async def test_a_day_links_to_the_days_beside_it(client: httpx.AsyncClient) -> None:
    tree = await page(client, "/digests/2026-09-10")
    assert len(titles(tree)) == 2
    assert tree.css_first("[rel=prev]").attributes["href"] == "/digests/2026-09-18"
    assert tree.css_first("[rel=next]") is None


@pytest.mark.parametrize(
    ("path", "status"),
    [("2026-09-11", 404), ("2026-13-01", 404), ("x", 404), ("20260918", 301), ("undated", 404)],
)
async def test_other_days_are_not_found_and_other_spellings_lead_there(client, path, status) -> None:
    assert (await client.get(f"/digests/{path}")).status_code == status


async def test_a_new_digest_is_on_the_front_page_at_once(client: httpx.AsyncClient, made: World) -> None:
    assert len(titles(await page(client, "/"))) == 4
    made.read("c.md", a_digest(an_entry_on(5, "Brand new"), day=DAY + timedelta(days=1)))
    assert titles(await page(client, "/"))[0] == "Brand new"


# --- one paper --------------------------------------------------------------------------------------


async def test_a_paper_names_the_later_ones_that_build_on_it(client: httpx.AsyncClient) -> None:
    tree = await page(client, "/papers/arxiv:2509.14001")
    names = {node.text(): node for node in tree.css("article h2")}
    assert "Papers that build on it" in names
    assert "Later papers that mention WebSailor-V2." in tree.css_first("article").text()
    assert "/papers/arxiv:2509.14002" in [node.attributes["href"] for node in tree.css(".rows a")]
    later = await page(client, "/papers/arxiv:2509.14002")
    assert "Papers that build on it" not in later.css_first("article").text()


async def test_a_paper_can_be_cited(client: httpx.AsyncClient) -> None:
    tree = await page(client, "/papers/arxiv:2509.14001")
    assert "eprint = {2509.14001}" in tree.css_first("pre").text()


async def test_a_missing_paper_is_offered_to_be_searched(client: httpx.AsyncClient) -> None:
    tree = await page(client, "/papers/some-title", 404)
    assert tree.css_first(".find input").attributes["value"] == "some title"


# --- search -----------------------------------------------------------------------------------------


async def test_search_finds_by_the_query_language_and_marks_what_matched(client: httpx.AsyncClient) -> None:
    tree = await page(client, "/search?q=web+agent+AND+NOT+title:ReSum")
    assert titles(tree) == ["WebSailor-V2: Bridging the Chasm"]
    assert tree.css_first("h1").text().startswith("1 paper for web agent AND NOT title:ReSum")
    assert "Web agents" in [mark.text() for mark in tree.css("mark")]
    assert tree.css_first(".button.second").attributes["href"].startswith("/preview?q=web+agent")


async def test_a_wrong_query_shows_the_place(client: httpx.AsyncClient) -> None:
    tree = await page(client, "/search?q=(agent+OR+tool", 400)
    message, pointed = tree.css_first(".fault p").text(), tree.css_first(".fault pre").text()
    assert "bracket" in message or "parenthesis" in message
    query, caret = pointed.split("\n")
    assert (query, caret.strip()) == ("(agent OR tool", "^")


async def test_a_wrong_query_that_is_still_typed_is_no_failed_request(client: httpx.AsyncClient) -> None:
    await page(client, "/preview?q=(agent", 400)
    assert (await page(client, "/preview?q=(agent&live=1")).css_first(".fault pre") is not None


async def test_markup_in_a_query_or_a_title_stays_text(client: httpx.AsyncClient) -> None:
    for path in ("/search", "/preview", "/trends"):
        response = await client.get(path, params={"q": 'x"><script>alert(1)</script>'})
        assert "<script>alert" not in response.text
    tree = await page(client, "/search?q=cat")
    assert titles(tree) == ["Cats & dogs"]
    assert not tree.css(".papers b")


async def test_an_identifier_leads_to_its_paper(client: httpx.AsyncClient) -> None:
    response = await client.get("/search?q=2509.14001", follow_redirects=False)
    assert response.headers["location"] == "/papers/arxiv:2509.14001"


async def test_an_empty_search_teaches_the_language(client: httpx.AsyncClient) -> None:
    tree = await page(client, "/search")
    examples = [node.attributes["href"] for node in tree.css(".rows a")]
    assert len(examples) == 7
    for example in examples:  # each of them is a query that can be used
        assert (await client.get(example)).status_code == 200


async def test_many_results_come_by_pages(client: httpx.AsyncClient, made: World) -> None:
    made.read("many.md", a_digest(*[an_entry_on(n, f"Bulk number {n}") for n in range(100, 160)]))
    first = await page(client, "/search?q=bulk")
    assert len(titles(first)) == 25
    assert first.css_first("[rel=prev]") is None
    last = await page(client, "/search?q=bulk&page=3")
    assert len(titles(last)) == 10
    assert last.css_first("[rel=next]") is None
    assert last.css_first("[rel=prev]").attributes["href"] == "/search?q=bulk&page=2"


@pytest.mark.parametrize("path", ["/search", "/preview", "/trends"])
async def test_a_fault_of_a_query_is_said_in_the_reader_s_language(
    client: httpx.AsyncClient, path: str
) -> None:
    english = await client.get(path, params={"q": "(agent OR tool"})
    assert "This bracket is never closed." in english.text
    chinese = await client.get(
        path,
        params={"q": "web, (agent OR tool" if path == "/trends" else "(agent"},
        headers={"Accept-Language": "zh"},
    )
    assert "这个括号没有闭合。" in chinese.text


# --- preview and trends -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/search", "/preview"])
async def test_a_small_operator_is_hinted_at_in_the_reader_s_language(
    client: httpx.AsyncClient, path: str
) -> None:
    for language, hint in (("en", "in small letters is a word"), ("zh", "运算符要大写")):
        assert hint in (await client.get(f"{path}?q=cats+or+dogs&lang={language}")).text


async def test_a_long_query_is_cut_in_the_heading_of_its_results(client: httpx.AsyncClient) -> None:
    tree = await page(client, "/search?q=" + "web+agent+OR+" * 30 + "cats")
    assert len(tree.css_first("h1").text()) < 130
    assert tree.css_first("[name=q]").attributes["value"].endswith("cats")


async def test_a_preview_says_how_often_shows_samples_and_near_misses(client: httpx.AsyncClient) -> None:
    tree = await page(client, "/preview?q=web+agent+AND+synthetic")
    assert tree.css_first(".frequency").text().startswith("1 of 4 papers in 9 days")
    assert titles(tree) == ["WebSailor-V2: Bridging the Chasm"]
    assert "without synthetic" in tree.css_first(".rows").text()
    hits = [node.text() for node in tree.css("svg.bars title")]
    assert len(hits) == 21  # the papers go no further back
    assert "Thursday, 10 September 2026: 1 paper" in hits


@pytest.mark.parametrize(
    ("back", "bars", "every"),
    [(99, 100, "Matches per day"), (699, 100, "Matches per week"), (3_600, 86, "Matches per 42 days")],
)
async def test_bars_of_a_preview_reach_all_the_days(
    made: World, client: httpx.AsyncClient, back: int, bars: int, every: str
) -> None:
    day = DAY - timedelta(days=back)
    made.read("old.md", a_digest(an_entry_on(9, "An early web agent"), day=day))
    tree = await page(client, "/preview?q=web+agent&days=3650")
    hits = [node.text() for node in tree.css("svg.bars title")]
    assert len(hits) == bars
    assert hits[0].endswith(": 1 paper")
    assert every in tree.css_first(".strip .ends").text()


async def test_five_queries_are_not_compared_and_not_cut_to_four(client: httpx.AsyncClient) -> None:
    assert (await client.get("/trends?q=a,b,,c,d,")).status_code == 200
    response = await client.get("/trends?q=a,b,c,d,e")
    assert response.status_code == 400
    assert "At most 4 queries" in response.text


@pytest.mark.parametrize("month", ["0000-01", "0000-12", "9999-12", "2025-13", "2025-9"])
async def test_an_invalid_month_is_not_found(client: httpx.AsyncClient, month: str) -> None:
    assert (await client.get(f"/archive/{month}.atom")).status_code == 404


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("/search/?q=web+agent", "/search?q=web+agent"),
        ("/papers/arxiv:2509.14001/", "/papers/arxiv:2509.14001"),
        ("/%E2%80%A6/", "/%E2%80%A6"),
    ],
)
async def test_a_slash_too_many_leads_to_the_page_on_this_site(
    client: httpx.AsyncClient, path: str, there: str
) -> None:
    response = await client.get(
        httpx.URL(f"{client.base_url}".rstrip("/") + path), headers={"Host": "evil.example"}
    )
    assert (response.status_code, response.headers["location"]) == (301, there)
    assert (
        await client.get(httpx.URL(f"{client.base_url}".rstrip("/") + "//evil.example/"))
    ).status_code == 404


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("zh;q=nan, en", "en"),
        ("zh;q=inf, en", "en"),
        ("zh;q=0, en;q=0.1", "en"),
        ("en;q=0, zh;q=0.1", "zh"),
        ("fr", "en"),
    ],
)
async def test_invalid_weights_choose_no_language(
    client: httpx.AsyncClient, accepted: str, language: str
) -> None:
    response = await client.get("/", headers={"Accept-Language": accepted})
    assert f'<html lang="{language}">' in response.text


@pytest.mark.parametrize(
    ("address", "name"),
    [
        *(
            (f"{path}?q=web&page={text}", "page")
            for path in ("/search", "/api/papers")
            for text in ("abc", "0", "-1", "1.5", "10001", "9" * 400, "²")
        ),
        *(
            (f"{path}?q=web&days={text}", "days")
            for path in ("/preview", "/api/preview")
            for text in ("0", "x", "3651")
        ),
        *(
            (f"{path}?q={'x' * 1001}", "q")
            for path in ("/search", "/preview", "/trends", "/feed.atom", "/feed.json", "/api/papers")
        ),
    ],
)
async def test_a_parameter_that_cannot_be_used_is_named(
    client: httpx.AsyncClient, address: str, name: str
) -> None:
    response = await client.get(address)
    assert response.status_code == 400
    if address.startswith("/api"):
        assert response.json()["parameter"] == name
    else:
        assert f"In the address, {name} " in response.text
    chinese = await client.get(address, headers={"Accept-Language": "zh"})
    assert address.startswith("/api") or f"地址中的 {name} " in chinese.text


async def test_a_preview_leads_into_telegram_where_a_bot_listens(
    made: World, client: httpx.AsyncClient
) -> None:
    assert "Telegram" not in (await page(client, "/preview?q=web+agent")).css_first(".ways").text()
    made.store.chats.keep_bot_name("papers_bot")
    offer = (await page(client, "/preview?q=web+agent+")).css_first(".ways .button")
    bot, _, payload = offer.attributes["href"].partition("?start=")
    assert bot == "https://t.me/papers_bot"
    assert query_of_payload(payload) == "web agent"
    long = "web agent OR synthetic data OR long horizon OR summaries"
    tree = await page(client, f"/preview?q={long.replace(' ', '+')}")
    assert tree.css_first(".ways .button") is None
    assert [node.text() for node in tree.css(".ways code")][-1] == f"/add {long}"
    assert tree.css_first(".ways a[href='https://t.me/papers_bot']").text() == "@papers_bot"


async def test_a_preview_leads_to_no_bot_whose_token_was_taken_out(tmp_path: Path) -> None:
    async with served_site(tmp_path / "site") as site, httpx.AsyncClient() as client:
        site.container.store.chats.keep_bot_name("papers_bot")
        shown = (await client.get(f"{site.url}/preview?q=agent")).text
    assert "feed.atom?q=agent" in shown
    assert "papers_bot" not in shown


async def test_a_preview_leads_to_a_feed(client: httpx.AsyncClient) -> None:
    tree = await page(client, "/preview?q=web+agent")
    (feed,) = (node.text() for node in tree.css(".ways code"))
    assert feed == f"{SITE}/feed.atom?q=web+agent"
    found = feedparser.parse((await client.get(feed)).content)
    assert {entry.title for entry in found.entries} == {
        "WebSailor-V2: Bridging the Chasm",
        "ReSum: Long-Horizon Search",
    }


async def test_a_query_without_matches_says_so_and_a_faulty_one_says_why(client: httpx.AsyncClient) -> None:
    assert (
        (await page(client, "/preview?q=zebrafish"))
        .css_first(".frequency")
        .text()
        .startswith("No papers in the last 9 days")
    )
    assert (await page(client, "/preview?q=NOT+cats", 400)).css_first(".fault") is not None


async def test_trends_count_by_week(client: httpx.AsyncClient) -> None:
    tree = await page(client, "/trends?q=web+agent,%20cats")
    assert [node.css_first("title").text() for node in tree.css("svg.plot polyline")] == ["web agent", "cats"]
    rows = [[cell.text() for cell in row.css("td")] for row in tree.css("tbody tr")]
    assert rows[:2] == [["1", "0"], ["1", "1"]]
    assert len(rows) == 2  # no week before the first paper's
    wrong = await page(client, "/trends?q=cats,%20(dogs", 400)
    query, caret = wrong.css_first(".fault pre").text().split("\n")
    assert query[len(caret) - 1] in "(s"


async def test_trends_of_an_installation_without_papers_say_so(world: MakeWorld) -> None:
    made = world()
    app = create_app(a_service(made), formats=FORMATS, clock=made.clock, site_title="P", site_url=SITE)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SITE) as client:
        tree = await page(client, "/trends?q=cats")
    assert "No papers yet" in tree.css_first("main").text()
    assert tree.css_first("svg.plot") is None


async def test_one_week_is_listed_and_not_drawn(world: MakeWorld) -> None:
    made = world(first_run=0)
    made.read("a.md", a_digest(an_entry_on(3, "Cats", "Pictures of cats."), day=DAY))
    app = create_app(a_service(made), formats=FORMATS, clock=made.clock, site_title="P", site_url=SITE)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SITE) as client:
        tree = await page(client, "/trends?q=cats")
    assert tree.css_first("svg.plot") is None
    assert [cell.text() for cell in tree.css("tbody td")] == ["1"]


# --- feeds ------------------------------------------------------------------------------------------


async def test_a_feed_of_a_query_names_itself_and_its_reasons(client: httpx.AsyncClient) -> None:
    response = await client.get("/feed.atom?q=cat")
    found = feedparser.parse(response.content)
    assert [entry.title for entry in found.entries] == ["Cats <b>& dogs</b>"] or len(found.entries) == 1
    assert found.feed.title == "Paperboy: cat"
    assert {link.href for link in found.feed.links if link.rel == "self"} == {f"{SITE}/feed.atom?q=cat"}
    assert found.entries[0].tags[0].term == "cat"
    known = await client.get("/feed.atom?q=cat", headers={"If-None-Match": response.headers["etag"]})
    assert known.status_code == 304


async def test_a_browser_gets_a_feed_as_xml_that_it_can_show(client: httpx.AsyncClient) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    reader = {"Accept": "application/atom+xml, text/html;q=0.5"}
    shown, read = (
        await client.get("/feed.atom", headers=browser),
        await client.get("/feed.atom", headers=reader),
    )
    assert shown.headers["content-type"] == "application/xml; charset=utf-8"
    assert read.headers["content-type"] == "application/atom+xml; charset=utf-8"
    assert shown.content == read.content
    assert shown.headers["etag"] != read.headers["etag"]
    assert "Accept," in shown.headers["vary"] + ","
    assert (await client.get("/feed.css")).headers["content-type"] == "text/css; charset=utf-8"


async def test_a_json_feed_has_the_same_papers(client: httpx.AsyncClient) -> None:
    response = await client.get("/feed.json?q=cat")
    assert response.headers["content-type"].startswith("application/feed+json")
    assert len(json.loads(response.text)["items"]) == 1


async def test_a_feed_of_a_wrong_query_says_where(client: httpx.AsyncClient) -> None:
    response = await client.get("/feed.atom?q=(cat")
    assert response.status_code == 400
    assert response.text.splitlines()[1:] == ["(cat", "^"]


async def test_the_archive_is_reached_from_the_feed(client: httpx.AsyncClient, made: World) -> None:
    made.read("old.md", a_digest(an_entry_on(9, "Old"), day=date(2026, 7, 3)))
    feed = feedparser.parse((await client.get("/feed.atom")).content)
    (before,) = (link.href for link in feed.feed.links if link.rel == "prev-archive")
    month = feedparser.parse((await client.get(before)).content)
    assert [entry.title for entry in month.entries] == ["Old"]
    for path in ("/archive/2026-06.atom", "/archive/2026-13.atom", "/archive/x.atom"):
        assert (await client.get(path)).status_code == 404


async def test_the_public_feeds_can_be_imported(client: httpx.AsyncClient) -> None:
    assert f'xmlUrl="{SITE}/feed.atom"' in (await client.get("/opml")).text


# --- machines ---------------------------------------------------------------------------------------


async def test_a_stopped_channel_is_not_ready(client: httpx.AsyncClient, made: World) -> None:
    assert (await client.get("/readyz")).text == "ready\n"
    made.store.incidents.stop_channel(
        "email", "535 no", made.clock.now() + timedelta(hours=1), made.clock.now()
    )
    response = await client.get("/readyz")
    assert (response.status_code, response.text) == (503, "the channel email is stopped\n")


async def test_metrics_and_robots(client: httpx.AsyncClient) -> None:
    assert (await client.get("/metrics")).text == "paperboy_papers 4.0\n"
    robots = (await client.get("/robots.txt")).text
    assert "Disallow: /feeds/" in robots
    assert "Disallow: /papers" not in robots


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    "path", ["/", "/digests", "/digests/2026-09-18", "/papers/arxiv:2509.14001", "/search?q=web", "/search",
             "/preview?q=web", "/preview", "/trends?q=web", "/nothing"]
)  # fmt: skip
async def test_every_page_is_in_the_readers_language_and_its_links_stay_in_it(client, path, language) -> None:
    joined = f"{path}{'&' if '?' in path else '?'}lang={language}"
    tree = LexborHTMLParser((await client.get(joined)).text)
    assert tree.css_first("html").attributes["lang"] == language
    for link in tree.css("main a[href^='/']"):
        href = link.attributes["href"]
        assert f"lang={language}" in href or href.startswith("/feed"), href


# --- whoever reads, and by whatever means ------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/", "/digests", "/digests/2026-09-18", "/papers/arxiv:2509.14001", "/search?q=web", "/search?q=(x", "/search",
     "/preview?q=web", "/preview", "/trends?q=web,cats", "/nothing"],
)  # fmt: skip
async def test_a_page_suits_screen_readers_and_keyboards(client: httpx.AsyncClient, path: str) -> None:
    tree = LexborHTMLParser((await client.get(path)).text)
    ids = [node.attributes["id"] for node in tree.css("[id]")]
    assert len(ids) == len(set(ids))
    assert len(tree.css("h1")) == 1
    assert len(tree.css("main")) == 1
    levels = [int(node.tag[1]) for node in tree.css("h1, h2, h3")]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for field in tree.css("input:not([type=hidden]):not([type=radio]), select"):
        named = field.attributes.get("aria-label") or tree.css_first(
            f"label[for='{field.attributes.get('id')}']"
        )
        assert named, field.html
    for link in tree.css("a, button, summary"):
        assert link.text().strip() or link.attributes.get("aria-label"), link.html
    for node in tree.css("[aria-labelledby]"):
        assert node.attributes["aria-labelledby"] in ids
    assert tree.css_first(f"{tree.css_first('.skip').attributes['href']}") is not None
    for drawing in tree.css("main svg:not([aria-hidden])"):
        assert drawing.attributes.get("aria-label")
