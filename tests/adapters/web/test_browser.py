"""Every page in Debian's Chromium: narrow and wide, light and dark, English and Chinese, with a script and without, judged by axe."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import ConsoleMessage, Page, Request, async_playwright

from tests.rigs.web import DRAWN_PAPER, QUIZ_PAPER, ServedSite, served_site

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HTML_VALIDATE = shutil.which("html-validate")
pytestmark = pytest.mark.asyncio(loop_scope="module")

_DESKTOP, _PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
WINDOWS: dict[str, dict[str, Any]] = {
    "wide": {"viewport": _DESKTOP, "color_scheme": "light", "locale": "en-US"},
    "phone": {"viewport": _PHONE, "color_scheme": "dark", "locale": "zh-CN"},
    "scriptless": {"viewport": _DESKTOP, "locale": "en-US", "java_script_enabled": False},
}
SHIFTS = """
addEventListener('securitypolicyviolation', event => console.error('refused', event.violatedDirective, event.blockedURI));
window.shifts = [];
new PerformanceObserver(list => window.shifts.push(...list.getEntries().filter(each => !each.hadRecentInput).map(each => each.value)))
  .observe({type: 'layout-shift', buffered: true});
"""
MOST_SHIFT = 0.01
"""A tenth of what counts as good (web.dev/cls). A row of which a part arrived later, on a busy machine, shifts a page by
0.0001; a picture without a size, or styles that come late, by some hundredths.
"""
PAGES = {
    "/": 200,
    "/digests": 200,
    "/digests/2025-09-18": 200,
    "/digests/2020-01-01": 404,
    QUIZ_PAPER: 200,
    DRAWN_PAPER: 200,
    "/papers/some-paper": 404,
    "/search": 200,
    "/search?q=agent": 200,
    "/search?q=(agent": 400,
    "/preview?q=web+agent+AND+search&days=3650": 200,
    "/trends?q=agent,+diffusion": 200,
}
"""Path and status of every kind of page that anybody can open."""


class Visitor:
    """A browser window whose complaints are kept: of the console, of the pages' policy, and requests that go elsewhere."""

    def __init__(self, page: Page, sites: tuple[str, ...]) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[Request] = []
        self._sites = sites
        self._refused: set[str] = set()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._request)

    async def open(self, url: str, status: int = 200) -> None:
        if status != 200:  # the console names it as well
            self._refused.add(url)
        response = await self.page.goto(url)
        assert response is not None
        assert response.status == status, url

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)

    async def tab_to(self, selector: str) -> None:
        """By the tab key alone, as somebody without a mouse gets there."""
        for _ in range(100):
            await self.press("Tab")
            if await self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"the tab key does not lead to {selector}")

    async def text(self, selector: str) -> str:
        return await self.page.locator(selector).first.inner_text()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and message.location["url"] not in self._refused:
            self.complaints.append(message.text)

    def _request(self, request: Request) -> None:
        self.requests.append(request)
        if not request.url.startswith((*self._sites, "data:")):
            self.complaints.append(f"asks {request.url}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServedSite]:
    async with served_site(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def empty_site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServedSite]:
    """An installation that has read nothing yet."""
    async with served_site(tmp_path_factory.mktemp("empty"), digests=False) as site:
        yield site


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def windows(site: ServedSite, empty_site: ServedSite) -> AsyncIterator[dict[str, Visitor]]:
    """One window of each kind; the site sets no cookie, so nothing is left in them from test to test."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = {}
        for name, window in WINDOWS.items():
            context = await browser.new_context(reduced_motion="reduce", **window)
            context.set_default_timeout(30_000)
            await context.add_init_script(SHIFTS)
            opened[name] = Visitor(await context.new_page(), (site.url, empty_site.url))
        yield opened
        for visitor in opened.values():
            assert await visitor.page.context.cookies() == []
        await browser.close()


@pytest.fixture
def visitor(windows: dict[str, Visitor], request: pytest.FixtureRequest) -> Iterator[Visitor]:
    """The window of that name, in which there is nothing to complain of in the end."""
    visitor = windows[request.param]
    visitor.complaints.clear()
    yield visitor
    assert visitor.complaints == []


def in_windows(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("visitor", names, indirect=True)


# --- every page -------------------------------------------------------------------------------------


def all_pages(site: ServedSite, empty_site: ServedSite) -> dict[str, int]:
    """Address and status of every page, those behind a capability and of an empty install included."""
    own = {site.capability(purpose): 200 for purpose in ("preferences", "unsubscribe")}
    own[site.capability("preferences") + QUIZ_PAPER] = 200  # Not for me
    urls = {site.url + path: status for path, status in {**PAGES, **own}.items()}
    return urls | {f"{empty_site.url}{path}": 200 for path in ("/", "/digests")}


async def faults_of(page: Page) -> list[str]:
    """What axe finds in the open page, and whether it is too wide or moves."""
    window = page.viewport_size
    assert window is not None
    faults = []
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        results = await Axe().run(page)
        faults += [
            f"{scheme}: {entry['id']} at {node['target']}: {node['failureSummary']}"
            for entry in results.response["violations"]
            for node in entry["nodes"]
        ]
    if (needed := await page.evaluate("document.documentElement.scrollWidth")) > window["width"]:
        faults.append(f"is {needed} pixels wide")
    if (shift := sum(await page.evaluate("window.shifts"))) > MOST_SHIFT:
        faults.append(f"shifts while it loads by {shift}")
    return faults


@in_windows("wide", "phone")
async def test_every_page_is_accessible_and_loads_without_complaints(
    visitor: Visitor, site: ServedSite, empty_site: ServedSite
) -> None:
    faults = {}
    for url, status in all_pages(site, empty_site).items():
        await visitor.open(url, status)
        faults[url] = await faults_of(visitor.page)
    assert {url: fault for url, fault in faults.items() if fault} == {}


@pytest.mark.skipif(HTML_VALIDATE is None, reason="html-validate is not installed (npm)")
async def test_every_page_is_valid_html(site: ServedSite, empty_site: ServedSite, tmp_path: Path) -> None:
    async with httpx.AsyncClient() as client:
        for number, url in enumerate(all_pages(site, empty_site)):
            for language in ("en", "zh"):
                page = await client.get(url, headers={"Accept-Language": language})
                (tmp_path / f"{number}-{language}.html").write_text(page.text, encoding="utf-8")
    (tmp_path / ".htmlvalidate.json").write_text('{"root": true, "extends": ["html-validate:recommended"]}')
    judge = await asyncio.create_subprocess_exec(
        *(str(HTML_VALIDATE), "--formatter=text", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await judge.communicate()
    assert judge.returncode == 0, said.decode()


@in_windows("wide")
async def test_the_front_page_is_one_small_request_and_a_style_sheet(
    visitor: Visitor, site: ServedSite
) -> None:
    visitor.requests.clear()
    await visitor.open(f"{site.url}/")
    page, style = [request for request in visitor.requests if not request.url.startswith("data:")]
    assert style.resource_type == "stylesheet"
    async with httpx.AsyncClient(headers={"Accept-Encoding": "gzip"}) as client:
        answers = [await client.get(request.url) for request in (page, style)]
    assert all(answer.headers["content-encoding"] == "gzip" for answer in answers)
    assert sum(int(answer.headers["content-length"]) for answer in answers) < 60_000


# --- what people do there ---------------------------------------------------------------------------


@in_windows("wide")
async def test_from_the_front_page_to_a_private_feed_of_a_query_by_keyboard(
    visitor: Visitor, site: ServedSite
) -> None:
    page = visitor.page
    await visitor.open(f"{site.url}/")
    await visitor.press("Tab", "Enter")
    assert page.url.endswith("#main")
    await visitor.tab_to("#q")
    await page.keyboard.type("agent AND NOT survey")
    await visitor.press("Enter")
    await page.wait_for_url("**/search?q=*")
    assert await page.locator("mark").count()
    await visitor.tab_to("main a[href^='/preview']")
    await visitor.press("Enter")
    await page.wait_for_url("**/preview?q=*")
    public = str(await page.locator("[data-copy^=http]").get_attribute("data-copy"))
    await visitor.tab_to("form[action$='/subscribe/feed'] button")
    await visitor.press("Enter")
    await page.wait_for_url("**/preferences/**")
    private = await page.get_by_text("/feeds/").inner_text()
    async with httpx.AsyncClient() as client:
        assert "<entry>" in (await client.get(public)).text
        assert "<feed" in (await client.get(private)).text  # `run` fills it with the newest of what was there


@in_windows("phone")
async def test_a_preview_follows_what_is_typed(visitor: Visitor, site: ServedSite) -> None:
    page = visitor.page
    await visitor.open(f"{site.url}/preview?lang=en&days=3650")
    await page.locator("#q").fill("web agent AND search")
    await page.locator(".frequency").wait_for()
    assert "papers in" in await visitor.text(".frequency")
    assert await page.locator("#live .bars .bar").count()
    assert await page.locator("#live .papers > li").count()
    assert await page.locator("#live h2", has_text="Near misses").count()
    assert "q=web+agent+AND+search" in page.url
    await page.locator("#q").fill("(agent OR")  # half typed
    await page.locator(".fault").wait_for()
    await page.locator("#q").fill("zzzz")
    await page.locator(".papers").wait_for(state="detached")
    assert await page.evaluate("document.activeElement.id") == "q"


@in_windows("wide")
async def test_a_printed_page_has_its_drawings_and_nothing_to_press(
    visitor: Visitor, site: ServedSite
) -> None:
    page = visitor.page
    await page.emulate_media(media="print")
    for path, visible, hidden in (
        ("/trends?q=agent", ".plot", "form button"),
        ("/preview?q=agent&days=3650", ".bars", ".ways, .button"),
        (DRAWN_PAPER, "figure", "details, .top nav"),
    ):
        await visitor.open(site.url + path)
        assert await page.locator(visible).first.is_visible()
        assert not [element for element in await page.locator(hidden).all() if await element.is_visible()]
    await page.emulate_media(media="screen")


@in_windows("phone")
async def test_a_quiz_is_played_by_keyboard_and_scored(visitor: Visitor, site: ServedSite) -> None:
    page = visitor.page
    await visitor.open(f"{site.url}{DRAWN_PAPER}?lang=en")
    await visitor.tab_to("input[name=q1]")
    await visitor.press("Space")
    assert await page.locator(".keyed .option:has(:checked) .verdict").is_visible()
    assert await page.locator("#quiz details[open]").count() == 1
    first = await visitor.text(".score")
    await visitor.press("ArrowDown")
    assert await visitor.text(".score") == first  # the first answer counts
    assert " of 1 right" in first


@in_windows("wide")
async def test_preferences_are_changed_and_seen(visitor: Visitor, site: ServedSite) -> None:
    page = visitor.page
    await visitor.open(site.url + site.capability("preferences"))
    await page.locator("[name=query][required]").fill("diffusion NEAR/3 video")
    await visitor.press("Enter")
    await page.locator(".done").wait_for()
    assert await page.locator("strong", has_text="diffusion NEAR/3 video").count() == 1
    await page.locator("[name=timezone]").fill("Asia/Shanghai")
    await page.locator("[name=language]").select_option("zh")
    async with page.expect_navigation():
        await page.locator("form:has([name=timezone]) button").click()
    assert await page.locator(".done").count() == 1
    assert await page.locator("[name=timezone]").input_value() == "Asia/Shanghai"
    assert await page.locator("[name=language]").input_value() == "zh"


@in_windows("phone")
async def test_one_press_unsubscribes(visitor: Visitor, site: ServedSite) -> None:
    await visitor.open(f"{site.url}{site.capability('unsubscribe')}?lang=en")
    await visitor.page.locator("main button").click()
    await visitor.page.locator("h1", has_text="Unsubscribed").wait_for()


@in_windows("scriptless")
async def test_without_a_script_everything_can_be_done(visitor: Visitor, site: ServedSite) -> None:
    page = visitor.page
    await visitor.open(f"{site.url}/")
    await page.locator("#q").fill("agent")
    await visitor.press("Enter")
    await page.wait_for_url("**/search?q=agent")
    await visitor.open(site.url + DRAWN_PAPER)
    await page.locator("label.option.correct").click()
    assert await page.locator(".option.correct .verdict").is_visible()
    await visitor.open(f"{site.url}/preview")
    await page.locator("#q").fill("agent")
    await visitor.press("Enter")
    await page.wait_for_url("**/preview?q=agent")
    await page.locator("#address").fill("bob@example.org")
    await visitor.press("Enter")
    await page.wait_for_url("**/subscribe")
    await visitor.open(site.url + site.mailed("/confirm/"))
    await page.locator("main button").click()
    await page.wait_for_url("**/preferences/**")
    assert await page.locator(".rows strong", has_text="agent").count() == 1
