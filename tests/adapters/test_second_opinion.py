"""Second opinions from a service on loopback, whatever it answers."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.second_opinion import NoOpinion, SecondOpinion
from bot.adapters.store import Store
from bot.app.opinions import Opinions
from bot.domain.papers import Paper, Question
from bot.domain.quizzes.agreement import agreed, wants_opinion
from bot.pipeline.subscribers import SubscriberRegistry
from tests.builders import NOW, a_delivery, a_question
from tests.rigs.quizzes import a_learner, a_quizzed_paper

PATIENCE = timedelta(seconds=5)
UNSURE = Question(
    question="Which one?", options=("one", "two", "three"), answer=1, answer_source="inferred", confidence=0.7
)


class Service:
    """An OpenAI-compatible service with one thing to say."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.status = 200
        self.reply: Callable[[], bytes] = lambda: completion('{"answer": "B"}')
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.asked.append(json.loads(body))
                service.keys.append(self.headers["Authorization"])
                content = service.reply()
                self.send_response(service.status)
                self.send_header("Location", "http://127.0.0.1:1/")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1/"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def completion(content: object) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.close()


def ask(service: Service, question: Question = UNSURE) -> int | None:
    paper = a_quizzed_paper(1, question)
    return SecondOpinion(service.url, "small", "hush").ask(question, paper, "en", patience=PATIENCE)


def test_the_letter_of_the_reply_is_the_opinion(service: Service) -> None:
    assert ask(service) == 1
    (asked,) = service.asked
    assert asked["model"] == "small"
    assert "B. two" in asked["messages"][1]["content"]
    assert "family of language models" in asked["messages"][1]["content"]
    assert service.keys == ["Bearer hush"]


@pytest.mark.parametrize(
    ("content", "opinion"),
    [('```json\n{"answer": "C"}\n```', 2), (' {"answer":"A"} ', 0), ('{"answer": null}', None)],
)
def test_usual_dressings_are_understood(service: Service, content: str, opinion: int | None) -> None:
    service.reply = lambda: completion(content)
    assert ask(service) == opinion


@pytest.mark.parametrize(
    "reply",
    [
        completion("B"),
        completion('{"answer": "D"}'),
        completion('{"answer": "AB"}'),
        completion('{"answer": ""}'),
        completion('{"answer": 1}'),
        completion('{"answer": "b"}'),
        completion('{"answer": "B", "run": "rm"}'),
        completion('{"answer": "B"} and now ignore'),
        completion('["B"]'),
        completion(None),
        completion({"answer": "B"}),
        b"{}",
        b"[]",
        b"<html>",
        b"\xff\xfe",
        b'{"choices": []}',
        b"[" * 5000,
        b"x" * 100_000,
    ],
)
def test_any_other_reply_is_no_opinion(service: Service, reply: bytes) -> None:
    service.reply = lambda: reply
    with pytest.raises(NoOpinion):
        ask(service)


@pytest.mark.parametrize("status", [201, 302, 401, 429, 500])
def test_a_refusal_is_no_opinion_and_is_not_followed_elsewhere(service: Service, status: int) -> None:
    service.status = status
    with pytest.raises(NoOpinion, match=str(status)):
        ask(service)


def test_nobody_there_is_no_opinion_and_the_key_is_never_told() -> None:
    there = SecondOpinion("http://127.0.0.1:1/v1", "small", "hush")
    with pytest.raises(NoOpinion) as told:
        there.ask(UNSURE, a_quizzed_paper(1, UNSURE), "en", patience=PATIENCE)
    assert "hush" not in f"{told.value}{there!r}"


def test_a_slow_service_is_waited_for_no_longer_than_said(service: Service) -> None:
    release = threading.Event()
    service.reply = lambda: completion("{}") if release.wait(5) else b""
    began = time.monotonic()
    with pytest.raises(NoOpinion):
        SecondOpinion(service.url, "small").ask(
            UNSURE, a_quizzed_paper(1, UNSURE), "en", patience=timedelta(milliseconds=50)
        )
    assert time.monotonic() - began < 4
    release.set()


def test_agreement_makes_surer_but_never_certain_and_changes_no_answer() -> None:
    raised = agreed(UNSURE, 1)
    assert raised.answer == 1
    assert 0.9 < (raised.confidence or 0) <= 0.99
    assert agreed(UNSURE, 0) == agreed(UNSURE, None) == UNSURE
    assert agreed(replace(UNSURE, confidence=0.999), 1).confidence == 0.999
    keyed = a_question(answer=1)
    assert agreed(keyed, 1) == keyed
    assert wants_opinion(UNSURE, 0.9)
    assert not wants_opinion(keyed, 0.9)
    assert not wants_opinion(UNSURE, 0.7)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path}/state.sqlite3")
    yield made
    made.close()


def planned(store: Store, *quiz: Question) -> Paper:
    """A paper whose questions wait to go out to person 7."""
    paper = a_quizzed_paper(1, *quiz)
    rows = [
        a_delivery(
            1,
            "telegram:7",
            "quiz",
            one.part,
            subscriber="person-7",
        )
        for one in quiz
    ]
    with store.intake.transaction() as tx:
        tx.save_papers([paper], NOW, changed=True)
        tx.plan(rows, tx.new_run(NOW))
    return paper


def test_opinions_are_sought_once_for_what_waits_and_is_not_sure(service: Service, store: Store) -> None:
    sure = replace(UNSURE, question="Sure?", confidence=0.95)
    paper = planned(store, UNSURE, sure, a_question("Keyed?", "a", "b"))
    desk = Opinions(
        lambda one, language: one.edition(language).quiz,
        SecondOpinion(service.url, "small"),
        min_confidence=0.9,
    )
    assert desk(paper, "en") == paper.edition("en").quiz
    roster = SubscriberRegistry([a_learner(7)])
    assert desk.seek(store.outbox, store.papers, roster) == 1
    assert desk.seek(store.outbox, store.papers, roster) == 0
    assert len(service.asked) == 1
    first, *others = desk(paper, "en")
    assert (first.confidence or 0) > 0.9
    assert others == list(paper.edition("en").quiz[1:])


def test_a_service_that_fails_is_left_alone_after_two_questions(service: Service, store: Store) -> None:
    service.status = 500
    quiz = [replace(UNSURE, question=f"Number {number}?") for number in range(6)]
    paper = planned(store, *quiz)
    desk = Opinions(
        lambda one, language: one.edition(language).quiz,
        SecondOpinion(service.url, "small"),
        min_confidence=0.9,
    )
    assert desk.seek(store.outbox, store.papers, SubscriberRegistry([a_learner(7)])) == 0
    assert len(service.asked) == 2
    assert desk(paper, "en") == tuple(quiz)


def test_no_time_left_means_nobody_is_asked(service: Service, store: Store) -> None:
    planned(store, UNSURE)
    desk = Opinions(
        lambda one, language: one.edition(language).quiz,
        SecondOpinion(service.url, "small"),
        min_confidence=0.9,
    )
    assert (
        desk.seek(store.outbox, store.papers, SubscriberRegistry([a_learner(7)]), at_most=timedelta(0)) == 0
    )
    assert service.asked == []
