"""`paperboy fetch`, and how `once`, `status` and `doctor` deal with sources: real git, a real web server."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from bot.adapters.store import Store
from bot.domain.sources import SourceState
from tests.app.cli.conftest import Paperboy
from tests.rigs.site import reply, serving

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed here")

Configure = Callable[[str], None]


@pytest.fixture
def remote(tmp_path: Path, seeds: Path) -> Path:
    """A git repository whose folder `days` has one digest."""
    repository = tmp_path / "remote"
    (repository / "days").mkdir(parents=True)
    shutil.copy(seeds / "001_481e2204d0d52106.txt", repository / "days" / "2025-09-12.md")
    (repository / "README.md").write_text("# About\n")
    for arguments in (
        ("init", "-q", "-b", "main"),
        ("add", "-A"),
        ("-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "digest"),
    ):
        subprocess.run(["git", *arguments], cwd=repository, check=True)
    return repository


@pytest.fixture
def site(seeds: Path) -> Iterator[str]:
    """A web server that has one digest, as /daily.md; everything else it refuses for two hours."""
    digest = (seeds / "000_a9c5d5985cb68500.txt").read_bytes()

    def answer(request: BaseHTTPRequestHandler) -> None:
        if request.path != "/daily.md":
            reply(request, 503, Retry_After="7200")
        elif request.headers["If-None-Match"] == '"1"':
            reply(request, 304)
        else:
            reply(request, body=digest, ETag='"1"')

    with serving(answer) as address:
        yield address


@pytest.fixture
def configure(home: Path) -> Configure:
    """Write a configuration with these sources and an empty watched folder."""
    (home / "digests").mkdir()

    def write(sources: str) -> None:
        (home / "config/paperboy.yaml").write_text(
            f"watch: {{folders: [digests], settle_seconds: 0}}\nweb: {{listen: ''}}\nsources:\n{sources}"
        )

    return write


@pytest.fixture
def three(configure: Configure, remote: Path, site: str) -> None:
    """Three sources, of which the last cannot be reached."""
    configure(
        f"  - {{name: daily, git: '{remote}', folder: days}}\n"
        f"  - {{name: web, url: {site}/daily.md}}\n"
        f"  - {{name: away, url: {site}/away}}\n"
    )


def digests(home: Path) -> set[str]:
    store = Store(f"sqlite:///{home}/state/paperboy.sqlite3")
    names = {digest.name for digest in store.digests.all()}
    store.close()
    return names


def put_off(home: Path, name: str, **failed: object) -> None:
    """Replace the source's state: it is due in an hour."""
    store, now = Store(f"sqlite:///{home}/state/paperboy.sqlite3"), datetime.now(UTC)
    store.sources.save_source_state(SourceState(name=name, next_at=now + timedelta(hours=1), **failed))
    store.close()


def test_what_is_fetched_is_read_under_the_name_of_its_source(
    home: Path, paperboy: Paperboy, three: None
) -> None:
    ran = paperboy("fetch")
    assert ran.code == 1
    daily, web, away, hint = ran.out.splitlines()
    assert (daily, web) == ("daily: new", "web: new")
    assert away.startswith(
        "away: cannot be reached: the server answered 503 Service Unavailable; tried again 2"
    )
    assert "`paperboy once` reads what is new" in hint
    assert ran.err == ""
    assert (home / "state/sources").stat().st_mode & 0o777 == 0o700
    paperboy("once")
    assert digests(home) == {"daily/days/2025-09-12.md", "web/daily.md"}
    (match, *_) = paperboy("preview", "source:web AND hala", "--json").json["matches"]
    assert match["why"]


def test_a_second_fetch_finds_nothing_new(home: Path, paperboy: Paperboy, three: None) -> None:
    paperboy("fetch")
    ran = paperboy("fetch", "Daily", "web", "--json")
    assert ran.code == 0
    assert [(entry["name"], entry["changed"], entry["error"]) for entry in ran.json["sources"]] == [
        ("daily", False, None),
        ("web", False, None),
    ]


def test_a_pass_fetches_what_is_due_first_and_a_dry_run_nothing(
    home: Path, paperboy: Paperboy, three: None
) -> None:
    assert paperboy("once", "--dry-run").code == 0
    assert not (home / "state").exists()
    ran = paperboy("once", "--json")
    assert ran.code == 0
    assert ran.json["digests"] == 2
    assert [entry["changed"] for entry in ran.json["sources"]] == [True, True, False]
    shutil.rmtree(home / "state/sources")
    assert paperboy("once", "--json").json["sources"] == []  # none is due, and the server's wait is obeyed


def test_a_pass_names_what_cannot_be_reached(home: Path, paperboy: Paperboy, three: None) -> None:
    ran = paperboy("once")
    assert ran.code == 0
    assert [line.partition(":")[0] for line in ran.err.splitlines() if "warning" not in line] == ["away"]
    assert "away: cannot be reached: the server answered 503" in ran.err


def test_what_was_fetched_by_a_process_that_died_before_it_was_read_is_read_by_the_next(
    home: Path, paperboy: Paperboy, three: None
) -> None:
    paperboy("fetch", "daily", "web")
    for name in ("daily", "web", "away"):
        put_off(home, name)
    ran = paperboy("once", "--json").json
    assert (ran["sources"], ran["digests"]) == ([], 2)
    assert paperboy("once", "--json").json["digests"] == 0


def test_a_login_page_is_no_digest_and_disturbs_nobody(
    home: Path, paperboy: Paperboy, configure: Configure
) -> None:
    page = b"<!doctype html><title>Log in</title><form><input name=user><input type=password></form>"
    with serving(lambda request: reply(request, body=page, Content_Type="text/html")) as site:
        configure(f"  - {{name: members, url: {site}/papers}}\n")
        assert paperboy("fetch").code == 0
        paperboy("once")
    assert digests(home) == set()
    assert "  members: was fetched, and no digest of it has been read" in paperboy("doctor").out


def test_an_unknown_name_is_wrong_usage_and_the_nearest_one_named(
    home: Path, paperboy: Paperboy, three: None
) -> None:
    ran = paperboy("fetch", "dayly")
    assert (ran.code, ran.err) == (2, "paperboy: no source has the name 'dayly'; did you mean 'daily'?\n")
    assert "there are daily, web, away" in paperboy("fetch", "quux").err


def test_without_sources_there_is_nothing_to_fetch(home: Path, paperboy: Paperboy) -> None:
    ran = paperboy("fetch")
    assert (ran.code, ran.out) == (
        0,
        "no source is set; name some under `sources:` in config/paperboy.yaml\n",
    )
    assert paperboy("fetch", "--json").json == {"sources": []}
    assert "there is none under `sources:`" in paperboy("fetch", "x").err
    assert paperboy("status", "--json").json["sources"] == []


def test_a_source_that_was_not_fetched_yet_is_no_unreadable_folder(home: Path, paperboy: Paperboy) -> None:
    (home / "digests").mkdir(exist_ok=True)
    (home / "config/paperboy.yaml").write_text(
        "watch: {folders: [digests]}\nweb: {listen: ''}\nsources: [{name: later, git: /nowhere}]\n"
    )
    ran = paperboy("status", "--json")
    assert (ran.code, ran.json["unreadable"]) == (0, {})
    assert "source       later: never fetched" in paperboy("status").out
    (home / "digests").rmdir()
    assert list(paperboy("status", "--json").json["unreadable"]) == [str(home / "digests")]


def test_no_progress_is_drawn_in_a_pipe(home: Path, paperboy: Paperboy, three: None) -> None:
    assert "fetching" not in paperboy("fetch", "daily").err


def test_status_and_doctor_tell_how_the_sources_stand(home: Path, paperboy: Paperboy, three: None) -> None:
    assert "source       daily: never fetched" in paperboy("status").out
    paperboy("fetch")
    lines = paperboy("status").out.splitlines()
    assert any(line.startswith("source       daily: fetched 2") for line in lines)
    assert any(line.startswith("source       away: cannot be reached since 2") for line in lines)
    sources = paperboy("status", "--json").json["sources"]
    assert [(entry["name"], entry["kind"], entry["failures"]) for entry in sources] == [
        ("daily", "git", 0),
        ("web", "url", 0),
        ("away", "url", 1),
    ]
    assert sources[0]["changed_at"] == sources[0]["checked_at"]
    assert sources[2]["error"] == "the server answered 503 Service Unavailable"
    assert "  away: cannot be reached since" in paperboy("doctor").out
    since = datetime.now(UTC) - timedelta(days=2)
    put_off(home, "away", failing_since=since, failures=9, error="the server answered 503")
    ran = paperboy("doctor")
    assert ran.code == 1
    assert "! away: cannot be reached since" in ran.out


def test_the_folder_of_a_source_that_was_taken_out_of_the_configuration_is_no_longer_read(
    home: Path, paperboy: Paperboy, three: None, configure: Configure, site: str, seeds: Path
) -> None:
    paperboy("once")
    configure(f"  - {{name: web, url: {site}/daily.md}}\n")
    shutil.copy(seeds / "003_85667ae4e7239915.txt", home / "state/sources/daily/days")
    assert paperboy("once", "--json").json["files"] == 1
