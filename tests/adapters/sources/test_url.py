"""URLs as sources, asked of a real HTTP server on loopback."""

import gzip
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from bot.adapters.sources.url import fetch_url
from bot.domain.errors import SourceUnreachable
from bot.domain.sources import Source
from tests.rigs.site import reply, serving
from tests.rigs.smtp import self_signed

MAX = 100_000


def source(address: str, **rest: object) -> Source:
    return Source(name="cl", kind="url", address=address, **rest)


async def fetch(address: str, folder: Path, **rest: object) -> bool:
    return await fetch_url(source(address, **rest), folder, MAX)


def documents(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if not path.name.startswith(".")]


async def test_a_document_becomes_one_file_and_is_asked_for_conditionally_after_that(tmp_path: Path) -> None:
    asked = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.headers)
        if request.headers["If-None-Match"] == '"a"':
            reply(request, 304)
        else:
            reply(request, body=b"<rss/>", ETag='"a"', Last_Modified="Mon, 05 May 2031 06:00:00 GMT")

    with serving(answer) as site:
        first = await fetch(f"{site}/rss/cs.CL", tmp_path)
        second = await fetch(f"{site}/rss/cs.CL", tmp_path)
    assert documents(tmp_path) == ["cs.CL"]
    assert (tmp_path / "cs.CL").read_bytes() == b"<rss/>"
    assert (first, second) == (True, False)
    assert asked[1]["If-Modified-Since"] == "Mon, 05 May 2031 06:00:00 GMT"
    assert "gzip" in asked[0]["Accept-Encoding"]


async def test_the_same_bytes_from_a_server_without_validators_are_no_change(tmp_path: Path) -> None:
    with serving(lambda request: reply(request, body=b"[]")) as site:
        first = await fetch_url(source(site), tmp_path, MAX)
        second = await fetch_url(source(site), tmp_path, MAX)
    assert (first, second) == (True, False)


@pytest.mark.parametrize(
    ("path", "content_type", "name"),
    [
        ("/feed", "application/atom+xml; charset=utf-8", "feed.xml"),
        ("/papers.json", "application/json", "papers.json"),
        ("/", "text/html", "cl.html"),
        ("/a/..%2F..%2Fetc", "text/csv", "etc.csv"),
        ("/.hidden", "", "hidden"),
        ("/tägliche%20liste.md", "text/markdown", "t-gliche-liste.md"),
    ],
)
async def test_the_file_has_a_plain_name_that_tells_its_form(
    tmp_path: Path, path: str, content_type: str, name: str
) -> None:
    with serving(lambda request: reply(request, body=b"x", Content_Type=content_type)) as site:
        await fetch(site + path, tmp_path)
    assert documents(tmp_path) == [name]


async def test_a_compressed_answer_is_unpacked_and_its_size_counted_then(tmp_path: Path) -> None:
    bodies = {"/fine": b"a" * 1000, "/bomb": b"a" * (MAX + 1)}

    def answer(request: BaseHTTPRequestHandler) -> None:
        reply(request, body=gzip.compress(bodies[request.path]), Content_Encoding="gzip")

    with serving(answer) as site:
        await fetch(f"{site}/fine", tmp_path)
        assert (tmp_path / "fine").read_bytes() == bodies["/fine"]
        with pytest.raises(SourceUnreachable, match=r"larger than 0\.1 MB"):
            await fetch(f"{site}/bomb", tmp_path)
    assert documents(tmp_path) == ["fine"]


@pytest.mark.parametrize(
    ("charset", "body", "stored"),
    [
        ("gb2312", "论文".encode("gb2312"), "论文".encode()),
        ("utf-8", "论文".encode(), "论文".encode()),
        ("latin-1", "论文".encode(), "论文".encode()),
        ("gb2312", b'<?xml version="1.0" encoding="gb2312"?>' + "论文".encode("gb2312"), None),
        ("nonesuch", b"\xff\xfe\xfd", None),
    ],
)
async def test_a_charset_that_only_the_server_names_is_not_lost(
    tmp_path: Path, charset: str, body: bytes, stored: bytes | None
) -> None:
    with serving(
        lambda request: reply(request, body=body, Content_Type=f"text/x; charset={charset}")
    ) as site:
        await fetch(f"{site}/x", tmp_path)
    assert (tmp_path / "x").read_bytes() == (body if stored is None else stored)


async def test_redirects_are_followed_five_times_at_most(tmp_path: Path) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        left = int(request.path.rpartition("/")[2])
        if left:
            reply(request, 302, Location=f"/step/{left - 1}")
        else:
            reply(request, body=b"here")

    with serving(answer) as site:
        await fetch(f"{site}/step/5", tmp_path)
        with pytest.raises(SourceUnreachable, match="more than 5 redirects"):
            await fetch(f"{site}/step/6", tmp_path)
    assert (tmp_path / "5").read_bytes() == b"here"


async def test_the_tokens_of_a_source_never_reach_another_host(tmp_path: Path) -> None:
    seen: list[str | None] = []

    def elsewhere(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.headers["Authorization"])
        reply(request, body=b"x")

    with serving(elsewhere) as other:

        def answer(request: BaseHTTPRequestHandler) -> None:
            seen.append(request.headers["Authorization"])
            reply(request, 307, Location=f"{other}/x")

        with serving(answer) as site:
            await fetch(f"{site}/x", tmp_path, headers={"Authorization": "Bearer geheim"})
    assert seen == ["Bearer geheim", None]
    assert "geheim" not in repr(source("http://x", headers={"Authorization": "Bearer geheim"}))


@pytest.mark.parametrize(
    "target", ["file:///etc/hostname", "gopher://127.0.0.1/", "ftp://127.0.0.1/x", "http://[broken"]
)
async def test_redirects_to_anything_but_the_web_are_refused(tmp_path: Path, target: str) -> None:
    with (
        serving(lambda request: reply(request, 302, Location=target)) as site,
        pytest.raises(SourceUnreachable, match="not followed"),
    ):
        await fetch(site, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "120"}, timedelta(minutes=2)),
        (
            {"Retry-After": "Mon, 05 May 2031 07:00:00 GMT", "Date": "Mon, 05 May 2031 06:00:00 GMT"},
            timedelta(hours=1),
        ),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
async def test_a_refusal_tells_how_long_the_server_wants_to_be_left_alone(
    tmp_path: Path, headers: dict[str, str], wait: timedelta | None
) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response_only(503)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    with serving(answer) as site, pytest.raises(SourceUnreachable, match="503 Service Unavailable") as caught:
        await fetch(site, tmp_path)
    assert caught.value.retry_after == wait


async def test_a_server_that_sends_for_ever_is_given_up(tmp_path: Path) -> None:
    stop = threading.Event()

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            while not stop.wait(0.01):
                request.wfile.write(b"x")
        except OSError:
            pass

    with serving(answer) as site, pytest.raises(SourceUnreachable, match="no complete response"):
        await fetch_url(source(site), tmp_path, MAX, deadline=0.3)
    stop.set()
    assert list(tmp_path.iterdir()) == []


async def test_only_a_whole_copy_of_this_address_is_asked_for_conditionally(tmp_path: Path) -> None:
    asked: list[str | None] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.headers["If-None-Match"])
        reply(request, body=b"<rss/>", ETag='"a"')

    with serving(answer) as site:
        assert await fetch(f"{site}/x", tmp_path)
        (tmp_path / "x").write_bytes(b"<rs")
        assert await fetch(f"{site}/x", tmp_path)
        (tmp_path / "x").unlink()
        assert await fetch(f"{site}/x", tmp_path)
        (tmp_path / ".copy.json").write_text("{")
        assert await fetch(f"{site}/x", tmp_path)
        assert await fetch(f"{site}/y", tmp_path)
    assert asked == [None] * 5
    assert documents(tmp_path) == ["y"]


async def test_a_source_has_one_document_whatever_its_form_is_today(tmp_path: Path) -> None:
    kinds = iter(["application/rss+xml", "text/html", "application/rss+xml"])
    with serving(lambda request: reply(request, body=b"x", Content_Type=next(kinds))) as site:
        for name in ("feed.xml", "feed.html", "feed.xml"):
            assert await fetch(f"{site}/feed", tmp_path)
            assert documents(tmp_path) == [name]


async def test_a_server_that_claims_that_nothing_changed_though_nothing_was_fetched_is_refused(
    tmp_path: Path,
) -> None:
    with (
        serving(lambda request: reply(request, 304)) as site,
        pytest.raises(SourceUnreachable, match="304 Not Modified"),
    ):
        await fetch(site, tmp_path)


@pytest.mark.parametrize(
    ("encoding", "says"), [("gzip", "it cannot be unpacked"), ("snappy", "compressed with snappy")]
)
async def test_an_answer_that_cannot_be_unpacked_is_named(tmp_path: Path, encoding: str, says: str) -> None:
    with (
        serving(lambda request: reply(request, body=b"no gzip", Content_Encoding=encoding)) as site,
        pytest.raises(SourceUnreachable, match=says),
    ):
        await fetch(site, tmp_path)
    assert documents(tmp_path) == []


async def test_an_answer_that_breaks_off_is_no_document(tmp_path: Path) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "100")
        request.end_headers()
        request.wfile.write(b"half")

    with serving(answer) as site, pytest.raises(SourceUnreachable, match="peer closed connection"):
        await fetch(site, tmp_path)
    assert documents(tmp_path) == []


async def test_tls_is_checked_and_its_failure_said_plainly(tmp_path: Path) -> None:
    server = self_signed(tmp_path).server
    with (
        serving(lambda request: reply(request, body=b"x"), tls=server) as site,
        pytest.raises(SourceUnreachable, match=r"its TLS certificate cannot be trusted: self.signed"),
    ):
        await fetch(site, tmp_path)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("http://127.0.0.1:1/", "the server cannot be reached: "),
        ("https://nowhere.invalid/", "the host of this address is not known"),
    ],
)
async def test_an_address_that_cannot_be_reached_is_said_in_plain_words(
    tmp_path: Path, address: str, says: str
) -> None:
    with pytest.raises(SourceUnreachable, match=says):
        await fetch(address, tmp_path)
