"""The addresses of feeds: told by `feeds`, `status` and `run`; renewed on request."""

import asyncio
from pathlib import Path

import pytest

from bot.adapters.store import Store
from bot.app.cli.run import first_lines
from bot.app.config.settings import load_settings
from bot.app.config.subscriptions import load_subscribers
from bot.app.container import build_container
from bot.pipeline.ingest import IngestResult
from tests.app.cli.conftest import Paperboy
from tests.rigs.terminal import Terminal


@pytest.fixture
def served(home: Path, paperboy: Paperboy) -> Path:
    """A home with a web server and a state."""
    path = home / "config/paperboy.yaml"
    path.write_text(path.read_text().replace("listen: ''", "listen: 127.0.0.1:18090"))
    paperboy("once")
    return home


def alices(paperboy: Paperboy) -> str:
    (_, private) = paperboy("feeds", "--json").json["feeds"]
    assert private["subscriber"] == "alice"
    return private["url"]


def test_every_feed_has_its_address_and_file(served: Path, paperboy: Paperboy) -> None:
    everything, private = paperboy("feeds", "--json").json["feeds"]
    assert everything == {
        "subscriber": None,
        "url": "http://127.0.0.1:18090/feed.atom",
        "file": str(served / "state/feeds/all.atom"),
        "preferences": None,
    }
    assert private["preferences"].startswith("http://127.0.0.1:18090/preferences/")
    assert private["url"].startswith("http://127.0.0.1:18090/feeds/")
    assert private["url"] in Path(private["file"]).read_text()
    lines = paperboy("feeds").out.splitlines()
    assert lines[1] == f"alice\t{private['url']}\t{private['file']}\t{private['preferences']}"


def test_status_names_the_private_feed(served: Path, paperboy: Paperboy) -> None:
    assert f"private      alice: {alices(paperboy)}" in paperboy("status").out.splitlines()
    assert paperboy("status", "--json").json["feeds"][1]["url"] == alices(paperboy)


def test_run_names_the_private_feed(served: Path, paperboy: Paperboy) -> None:
    url = alices(paperboy)
    settings = load_settings(served / "config/paperboy.yaml", {})
    container = build_container(settings, load_subscribers(settings.subscriptions))
    lines = first_lines(container, IngestResult())
    asyncio.run(container.close())
    assert f"  private   alice: {url}" in lines
    steps = [line.strip() for line in lines if line[:4] == "    " or line.startswith("  next")]
    assert steps == [
        "next      1. telegram.token from @BotFather in paperboy.yaml",
        "2. email.transport in paperboy.yaml, like smtp://you@your.server:587",
    ]


def first_lines_with(home: Path, subscribers: str, settings: str = "") -> str:
    """What `run` says after its first look."""
    (home / "config/paperboy.yaml").write_text(
        f"watch: {{folders: [.]}}\nweb: {{listen: ''}}\n{settings}", encoding="utf-8"
    )
    (home / "config/subscriptions.yaml").write_text(f"subscribers:\n{subscribers}")
    loaded = load_settings(home / "config/paperboy.yaml", {})
    container = build_container(loaded, load_subscribers(loaded.subscriptions))
    lines = first_lines(container, IngestResult())
    asyncio.run(container.close())
    return "\n".join(lines)


def test_run_says_what_is_next_to_those_only_for_whom_something_is(home: Path) -> None:
    token = "telegram: {token: '123456789:AAE-a-token-of-thirty-five-signs-xy'}"
    done = first_lines_with(home, "  - {id: me, channels: [telegram: 5], keywords: [rag]}", token)
    assert "  next  " not in done
    assert "  email  " not in done
    assert "0 messages and polls sent" in done
    feed_only = first_lines_with(home, "  - {id: me, channels: [atom: true], keywords: [rag]}")
    assert "  next  " not in feed_only
    assert "  telegram  " not in feed_only


def test_run_has_a_line_for_a_channel_that_says_nothing_of_its_own(home: Path) -> None:
    by_apprise = "  - {id: me, channels: ['apprise: ntfy://ntfy.example.org/papers'], keywords: [rag]}"
    assert (
        "  apprise   0 Apprise messages sent"
        in first_lines_with(home, by_apprise.replace("'", "")).splitlines()
    )


def test_run_says_keywords_first_to_the_sample_people_and_where_nobody_is(home: Path) -> None:
    keywords = "  next      1. your own keywords in config/subscriptions.yaml (read again when you save it)"
    sample = first_lines_with(home, "  - {id: me, channels: [telegram: 4000000000001], keywords: [rag]}")
    assert keywords + "\n            2. telegram.token from @BotFather" in sample
    assert keywords in first_lines_with(home, "  []")


def test_on_a_terminal_no_address_is_broken_in_two(served: Path, paperboy: Paperboy) -> None:
    (private,) = paperboy("feeds", "--json").json["feeds"][1:]
    with Terminal(["feeds"], served, {"COLUMNS": "40", "NO_COLOR": "1"}) as terminal:
        assert terminal.end() == 0
    assert terminal.shown.splitlines()[3:] == [
        "alice",
        f"  address      {private['url']}",
        f"  file         {private['file']}",
        f"  preferences  {private['preferences']}",
    ]


def test_a_renewed_address_takes_the_place_of_the_one_before(served: Path, paperboy: Paperboy) -> None:
    before = alices(paperboy)
    ran = paperboy("feeds", "--renew", "ALICE", "--json")
    after = ran.json["feeds"][1]["url"]
    assert ran.code == 0
    assert before != after == alices(paperboy)
    content = (served / "state/feeds/alice.atom").read_text()
    assert after in content
    assert before not in content
    store = Store(f"sqlite:///{served}/state/paperboy.sqlite3")
    tokens = [
        url.removeprefix("http://127.0.0.1:18090/feeds/").removesuffix(".atom") for url in (before, after)
    ]
    assert [store.tokens.subject("feed", token) for token in tokens] == [None, "alice"]
    store.close()


def test_without_a_state_no_address_is_made_up(home: Path, paperboy: Paperboy) -> None:
    path = home / "config/paperboy.yaml"
    path.write_text(path.read_text().replace("listen: ''", "listen: 127.0.0.1:18090"))
    assert alices(paperboy) is None
    assert "private feeds get their addresses with the first `paperboy run`" in paperboy("feeds").err
    assert paperboy("feeds", "--renew", "alice").code == 2
    assert not (home / "state").exists()


def test_without_a_web_server_the_file_is_named(home: Path, paperboy: Paperboy) -> None:
    paperboy("once")
    assert alices(paperboy) is None
    assert f"private      alice: {home}/state/feeds/alice.atom" in paperboy("status").out.splitlines()


def test_somebody_without_a_feed_has_none_to_renew(served: Path, paperboy: Paperboy) -> None:
    path = served / "config/subscriptions.yaml"
    path.write_text(path.read_text().replace("      - atom: true\n", ""))
    ran = paperboy("feeds", "--renew", "alice")
    assert (ran.code, "alice has no private feed" in ran.err) == (2, True)


def test_the_state_is_closed_where_there_is_nobody_of_that_name(
    served: Path, paperboy: Paperboy, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Store] = []
    close = Store.close

    def recorded(store: Store) -> None:
        closed.append(store)
        close(store)

    monkeypatch.setattr(Store, "close", recorded)
    assert paperboy("feeds", "--renew", "nobody").code == 2
    assert len(closed) == 1


def test_of_many_private_feeds_a_few_are_named(served: Path, paperboy: Paperboy) -> None:
    people = "".join(f"  - {{id: s{n}, channels: [{{atom: true}}], keywords: [agents]}}\n" for n in range(12))
    (served / "config/subscriptions.yaml").write_text(f"subscribers:\n{people}")
    lines = paperboy("status").out.splitlines()
    assert sum("/feeds/" in line for line in lines) == 10
    assert "             and 2 more: `paperboy feeds`" in lines
