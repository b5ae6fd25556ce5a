"""Polls that went out and votes that came in, over a real store and without a service."""

import json
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from bot.adapters.store import Store
from bot.adapters.telegram.publisher import quiz_poll
from bot.adapters.telegram.updates import read_vote
from bot.app.config.channels import CAPABILITIES
from bot.domain.delivery import Delivery
from bot.domain.message import Receipt
from bot.domain.papers import Edition, Paper, Question
from bot.domain.quizzes.polls import Poll
from bot.domain.subscriptions import Subscriber
from bot.pipeline.compose import BuiltMessage, MessageBuilder
from bot.pipeline.ports import Update
from bot.pipeline.ports.outbox import Claim, Outcome
from bot.pipeline.quizzes import QuizScheduler, QuizStats
from bot.pipeline.subscribers import SubscriberRegistry
from bot.pipeline.vote_counter import VoteCounter
from tests.builders import a_channel, a_paper, a_subscriber
from tests.rigs.clock import VirtualClock


def answered(paper: Paper, language: str) -> tuple[Question, ...]:
    return paper.edition(language).quiz


def a_quizzed_paper(number: int, *quiz: Question, language: str = "en", **parts: Any) -> Paper:
    return a_paper(number, editions=(Edition(language=language, quiz=quiz),), **parts)


def a_learner(person: int = 7, name: str = "", *, zone: str = "UTC", **parts: Any) -> Subscriber:
    """Somebody whose private chat takes quizzes."""
    channel = a_channel(address=str(person), quizzes="all", **parts.pop("channel", {}))
    return a_subscriber(name or f"person-{person}", channel, timezone=ZoneInfo(zone), **parts)


class Classroom:
    """A store, the parts that count and bring back, and hands for the service and the people."""

    def __init__(self, store: Store, *subscribers: Subscriber, per_day: int = 5) -> None:
        self.store = store
        self.clock = VirtualClock()
        self.registry = SubscriberRegistry(subscribers)
        quizzes, deliveries, papers = store.quizzes, store.deliveries, store.papers
        self.counter = VoteCounter(quizzes, papers, self.registry, answered, read_vote=read_vote)
        self.stats = QuizStats(quizzes, deliveries, self.registry)
        self.scheduler = QuizScheduler(quizzes, papers, deliveries, self.registry, per_day=per_day)
        self.builder = MessageBuilder(deliveries, papers, store.tokens, self.registry, answered, CAPABILITIES)
        self._updates = count(1_001)
        self._numbers = count(2**53 + 1)
        self.polls: dict[str, tuple[str, Poll]] = {}
        """Poll number to (address, what is shown)."""

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def keep(self, *papers: Paper) -> None:
        with self.store.digests.transaction() as tx:
            tx.save_papers(papers, self.now, changed=True)

    def ask(self, paper: Paper, target: str = "telegram:7", subscriber: str = "person-7") -> list[str]:
        """Every question of the paper as a poll there; the polls' numbers."""
        self.keep(paper)
        rows = [
            Delivery(
                target=target,
                subscriber=subscriber,
                kind="quiz",
                paper=paper.id,
                part=question.part,
                state="pending",
                due_at=self.now,
            )
            for edition in paper.editions
            for question in edition.quiz
        ]
        with self.store.digests.transaction() as tx:
            tx.plan(rows, tx.new_run(self.now))
        return self.deliver()

    def deliver(self, *, lost: bool = False) -> list[str]:
        """Send what is due; the numbers of the polls. With `lost` no answer to a send is seen."""
        sent: list[str] = []
        while claims := self.store.outbox.claim(
            self.now, lease=timedelta(minutes=5), limit=10, kinds=("telegram",)
        ):
            for claim in claims:
                packed = self.builder.build(claim, self.now)
                outcome = self._sent(claim, packed, sent, lost=lost)
                self.store.outbox.settle([outcome], self.now)
        return sent

    def _sent(self, claim: Claim, packed: BuiltMessage, sent: list[str], *, lost: bool) -> Outcome:
        outgoing = packed.message
        if outgoing is None:
            return Outcome(claim=claim, state=packed.state, error=packed.note)
        assert outgoing.question is not None
        poll = quiz_poll(outgoing)
        number = str(next(self._numbers))
        self.polls[number] = (claim.target.address, poll)
        sent.append(number)
        if lost:
            return Outcome(claim=claim, state="uncertain", error="no answer")
        receipt = Receipt(message=number[-6:], poll=number, option_order=poll.order)
        return Outcome(
            claim=claim, state="sent", sent=packed.sent, receipt=receipt, question=outgoing.question
        )

    def receive(self, kind: str, body: dict[str, Any]) -> int:
        """An update as the long poll stores it."""
        number = next(self._updates)
        update = Update(id=number, body=json.dumps({"update_id": number, kind: body}))
        self.store.updates.keep_updates([update], self.now)
        return number

    def vote(self, poll: str, person: int, *shown: int) -> int:
        user = {"id": person, "is_bot": False, "first_name": f"Person {person}"}
        return self.receive("poll_answer", {"poll_id": poll, "user": user, "option_ids": list(shown)})

    def answer(self, poll: str, person: int, *, right: bool) -> int:
        """Vote for the right option or for another one."""
        correct = self.polls[poll][1].correct
        assert correct is not None
        return self.vote(poll, person, correct if right else (correct + 1) % len(self.polls[poll][1].options))

    def told(self, poll: str, *counts: int, closed: bool = False) -> int:
        """The service tells how the poll stands."""
        shown = self.polls[poll][1]
        votes = counts or tuple(0 for _ in shown.options)
        options = [
            {"text": text, "voter_count": votes_} for text, votes_ in zip(shown.options, votes, strict=True)
        ]
        body = {
            "id": poll,
            "question": shown.question,
            "options": options,
            "total_voter_count": sum(votes),
            "is_closed": closed,
        }
        return self.receive("poll", body)

    def count(self) -> int:
        return self.counter.count(self.now)

    def question(self, poll: str) -> str:
        return self.polls[poll][1].question

    def parts(self, prefix: str = "") -> list[str]:
        """The parts of the quiz deliveries, in order."""
        rows = self.store.deliveries.list_rows(
            states=("pending", "held", "sending", "sent", "uncertain", "merged"), keys=(), limit=1000
        )
        parts = [row.key.split("|", 3)[3] for row in rows if row.kind == "quiz"]
        return [part for part in parts if part.startswith(prefix)]
