"""Behind nginx, set up as `deploy/nginx.conf` says: below a prefix, with the proxy's headers."""

import gzip
import shutil
import subprocess
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import feedparser
import httpx
import pytest
import pytest_asyncio
from selectolax.lexbor import LexborHTMLParser

from tests.rigs.web import QUIZ_PAPER, ROOT, ServedSite, free_port, served_site

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]
PREFIX = "/paperboy"
CONFIGURATION = """\
master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    gzip on; gzip_types *; gzip_proxied any; gzip_min_length 1;
    server {{ listen 127.0.0.1:{port}; include {folder}/paperboy.conf; }}
}}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServedSite]:
    """The site; its `url` is nginx' address with the prefix."""
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    async with served_site(folder / "home", url=f"http://127.0.0.1:{port}{PREFIX}") as site:
        example = (ROOT / "deploy/nginx.conf").read_text(encoding="utf-8")
        assert example.count("127.0.0.1:8080") == 1
        (folder / "paperboy.conf").write_text(example.replace("127.0.0.1:8080", site.address))
        (folder / "nginx.conf").write_text(CONFIGURATION.format(folder=folder, port=port))
        nginx = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf")]
        subprocess.run(nginx, check=True)  # it goes into the background once it listens
        yield site
        subprocess.run([*nginx, "-s", "stop"], check=True)


@pytest_asyncio.fixture(loop_scope="module")
async def client(site: ServedSite) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=site.url) as client:
        yield client


PAGES = (
    "/",
    QUIZ_PAPER,
    "/digests",
    "/search?q=agent",
    "/preview?q=agent",
    "/trends?q=agent",
    "/papers/none",
)


async def test_every_link_stays_below_the_prefix_and_leads_somewhere(
    client: httpx.AsyncClient, site: ServedSite
) -> None:
    here, linked, sent = urlsplit(site.url), set(), set()
    for path in (*PAGES, site.capability("preferences"), site.capability("unsubscribe")):
        page = LexborHTMLParser((await client.get(path)).text)
        sent |= {form.attributes.get("action") or f"{PREFIX}{path}" for form in page.css("form")}
        for node in page.css("[href], [src]"):
            address = urlsplit(node.attributes.get("href") or node.attributes["src"])
            if address.scheme in {"", "http"} and address.netloc in {"", here.netloc} and address.path:
                linked.add(f"{address.path}?{address.query}")
    assert {path for path in linked | sent if not path.startswith(f"{PREFIX}/")} == set()
    statuses = {path: (await client.get(f"http://{here.netloc}{path}")).status_code for path in linked}
    assert len(statuses) > 40
    assert set(statuses.values()) == {200}


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [("", "/"), ("/papers/2509.14008", QUIZ_PAPER), ("/search?q=2509.14008", QUIZ_PAPER)],
)
async def test_redirects_keep_the_prefix(client: httpx.AsyncClient, site: ServedSite, path, leads_to) -> None:
    answer = await client.get(site.url + path, follow_redirects=True)
    assert len(answer.history) == 1
    assert (answer.status_code, str(answer.url)) == (200, site.url + leads_to)


async def test_feeds_name_the_address_under_which_they_are_read(
    client: httpx.AsyncClient, site: ServedSite
) -> None:
    for path in ("/feed.atom", "/feed.atom?q=agent", site.capability("feed")):
        feed = feedparser.parse((await client.get(path)).content)
        links = {link.rel: link.href for link in feed.feed.links}
        assert links["self"] == site.url + path
        assert links["alternate"].startswith(site.url)
    for path in ("/feed.json", "/feed.json?q=agent", site.capability("feed").replace(".atom", ".json")):
        assert (await client.get(path)).json()["feed_url"] == site.url + path


async def test_answers_are_compressed_once_and_keep_their_tag(site: ServedSite) -> None:
    async with httpx.AsyncClient(headers={"Accept-Encoding": "gzip"}) as client:
        for path in ("/", "/feed.atom", "/style.css"):
            async with client.stream("GET", site.url + path) as answer:
                body = b"".join([part async for part in answer.aiter_raw()])
            assert answer.headers.get_list("content-encoding") == ["gzip"]
            assert gzip.decompress(body)[:2] != b"\x1f\x8b"
            tag = answer.headers["etag"]
            assert tag.startswith('"')
            again = await client.get(site.url + path, headers={"If-None-Match": tag})
            assert (again.status_code, again.headers["etag"]) == (304, tag)


async def test_one_click_unsubscribes_by_the_address_in_the_mail(
    client: httpx.AsyncClient, site: ServedSite
) -> None:
    path = site.mailed("/unsubscribe/")
    assert site.mailed(site.url + "/unsubscribe/") == site.url + path
    answer = await client.post(path, data={"List-Unsubscribe": "One-Click"})
    assert (answer.status_code, answer.history) == (200, [])
    assert "set-cookie" not in answer.headers


async def test_forms_work_from_here_and_from_nowhere_else(
    client: httpx.AsyncClient, site: ServedSite
) -> None:
    path, here = site.capability("preferences"), urlsplit(site.url)
    page = LexborHTMLParser((await client.get(path)).text)
    form = {
        "key": page.css_first("[name=key]").attributes["value"],
        "action": "add",
        "query": "graph network",
    }
    for origin, status in (("https://elsewhere.example", 403), (f"http://{here.netloc}", 303)):
        answer = await client.post(path, data=form, headers={"Origin": origin})
        assert answer.status_code == status
    assert answer.headers["location"] == f"{PREFIX}{path}?done=1"
    assert (await client.post(path, data={**form, "key": ""})).status_code == 403


async def test_a_client_is_told_to_wait_whatever_address_it_makes_up(client: httpx.AsyncClient) -> None:
    statuses = [
        (await client.post("/subscribe", headers={"X-Forwarded-For": f"192.0.2.{number}"})).status_code
        for number in range(25)
    ]
    assert statuses[-1] == 429


async def test_nginx_writes_no_token_down(site: ServedSite) -> None:
    log = site.container.settings.base.parent / "access.log"
    assert log.read_text() == ""
