"""The Apprise channel against a web server on loopback."""

import json
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from bot.adapters.apprise import ApprisePublisher, split
from bot.app.config.subscriptions import load_subscribers
from bot.domain.errors import (
    ConfigError,
    DeliveryError,
    OutcomeUnknown,
    Refused,
    TargetGone,
    TryLater,
)
from tests.builders import a_question, an_alarm_message, an_item, an_outgoing

pytest.importorskip("apprise")


class Service(ThreadingHTTPServer):
    """Takes notifications; `answers` are used up first, else all is well."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.texts: list[str] = []
        self.answers: list[int] = []

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server_address[1]}/x"


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.server.answers.pop(0) if self.server.answers else 200
        if status == 200:
            self.server.texts.append(body["message"])
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def send(service: Service, *items, **parts) -> None:
    await ApprisePublisher().send(an_outgoing(*items, kind="apprise", address=service.url, **parts))


async def test_an_alert_arrives_with_titles_authors_and_links(service: Service) -> None:
    await send(service, an_item(1), an_item(2), more=1, more_titles=("A third one",))
    (text,) = service.texts
    assert text.startswith("1. Paper 1: Language Models at Scale\nBernard Ghanem, Mohammad Zbeeb\n")
    assert "https://arxiv.org/abs/2509.14002" in text
    assert text.endswith("• A third one")


async def test_an_alarm_arrives(service: Service) -> None:
    await ApprisePublisher().send(an_alarm_message("apprise", service.url))
    assert service.texts == [
        "The source “tables” has fallen silent\n\nNothing since 2026-09-11.\n\nNoticed today."
    ]


async def test_a_long_text_is_split_and_nothing_of_it_is_lost(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apprise.plugins.custom_json.NotifyJSON.body_maxlen", 200)
    await send(service, *map(an_item, range(1, 9)))
    assert len(service.texts) > 3
    assert all(len(text) <= 200 for text in service.texts)
    assert all(f"{number}. Paper {number}" in "\n".join(service.texts) for number in range(1, 9))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Refused),
        (403, TargetGone),
        (404, TargetGone),
        (429, TryLater),
        (500, OutcomeUnknown),
        (503, OutcomeUnknown),
    ],
)
async def test_the_status_of_the_answer_decides(
    service: Service, status: int, error: type[DeliveryError]
) -> None:
    service.answers = [status]
    with pytest.raises(error, match=str(status)):
        await send(service)


async def test_a_part_that_fails_after_others_went_out_is_an_unknown_outcome(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apprise.plugins.custom_json.NotifyJSON.body_maxlen", 200)
    service.answers = [200, 400]
    with pytest.raises(OutcomeUnknown, match="part 2 of"):
        await send(service, *map(an_item, range(1, 9)))


async def test_a_service_that_cannot_be_reached_certainly_got_nothing() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"json://127.0.0.1:{unused.getsockname()[1]}/x"
        with pytest.raises(TryLater, match="cannot be reached"):
            await ApprisePublisher().send(an_outgoing(kind="apprise", address=address))


async def test_a_poll_is_refused(service: Service) -> None:
    alert = an_outgoing(kind="apprise", address=service.url)
    with pytest.raises(Refused, match="cannot carry a quiz"):
        await ApprisePublisher().send(replace(alert, kind="quiz", question=a_question()))


def test_texts_are_split_at_lines_and_words() -> None:
    assert list(split("one two\n\nthree four", 12)) == ["one two", "three four"]
    assert list(split("one two three", 9)) == ["one two", "three"]
    assert list(split("x" * 25, 10)) == ["x" * 10, "x" * 10, "x" * 5]


def a_file(folder: Path, url: str) -> Path:
    path = folder / "subscriptions.yaml"
    path.write_text(
        f"subscribers:\n  - id: alice\n    channels: [{{apprise: '{url}'}}]\n    keywords: [cats]\n"
    )
    return path


def test_subscriptions_name_a_channel_by_its_url(tmp_path: Path) -> None:
    (alice,) = load_subscribers(a_file(tmp_path, "json://127.0.0.1/x"))
    (channel,) = alice.channels
    assert (channel.target, channel.capabilities.polls) == ("apprise:json://127.0.0.1/x", False)


def test_a_url_of_no_service_is_an_error_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"yaml:3:26: .*must be an Apprise URL"):
        load_subscribers(a_file(tmp_path, "pigeon://roof"))


def test_without_the_extra_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ConfigError, match=r"pip install 'paperboy-bot\[apprise\]'"):
        load_subscribers(a_file(tmp_path, "json://127.0.0.1/x"))
