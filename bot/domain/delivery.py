"""Delivery: one thing to send to one target once; its states, its key, and how long a retry waits.

    pending ──begun────► sending ──accepted──► sent         (the first row of a message)
       ▲  ▲                 │  └───────────────► merged       (the others that went out inside it)
       │  └─ certainly not ─┤
       │     sent: later    ├── refused for good ──► dead
       │                    └── answer never seen, or lease ended ──► uncertain
      held (quiet hours, a digest's time)          pending ─┬─ over the daily limit ──► limited
                                                            └─ nothing to send any more ──► skipped

A row is `sending` from just before its request goes out. `held` becomes `pending` when its time comes. `uncertain` and
`dead` become `pending` only when the operator retries them (`uncertain` also by `on_uncertain: resend`), a quiz that is
`limited` or `skipped` when somebody asks for its question. What is `skipped` belongs to no message.
"""

import random
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple, cast, get_args

from bot.domain.papers import PaperId, Question

State = Literal["pending", "held", "sending", "sent", "uncertain", "dead", "merged", "limited", "skipped"]
STATES: tuple[State, ...] = get_args(State)
WENT_OUT: frozenset[State] = frozenset({"sent", "merged"})
"""States of a delivery that its recipient was sent."""
OPEN: frozenset[State] = frozenset({"pending", "held", "sending"})
"""States that a delivery leaves by itself."""

DeliveryKind = Literal["alert", "quiz", "edit", "alarm", "look_back"]
WRITTEN: frozenset[DeliveryKind] = frozenset({"alarm", "look_back"})
"""Kinds of deliveries that are about no paper: their texts are written when they are planned."""

NO_PAPER = PaperId("")
"""The paper of a delivery of a kind in `WRITTEN`; its `part` tells those of one target apart."""
ONE_QUESTION = "one"
"""The part of a quiz delivery whose question is chosen when it is sent (see `answers.pick_one`)."""

Cause = Literal[
    "message flood",
    "poll flood",
    "over limit",
    "paper over limit",
    "paper behind more",
    "paper skipped",
    "paper dead",
    "no subscriber",
    "unwanted",
    "on request",
    "replaced",
    "nothing to edit",
    "corrected before",
    "data deleted",
    "dropped",
]
"""Why the program itself keeps a delivery back or ends it. What a service or the system said is its `error`."""
CAUSE_TEXTS: Mapping[Cause, str] = {
    "message flood": "waits for the flood guard: three messages in ten minutes",
    "poll flood": "waits for the flood guard: nine polls in ten minutes",
    "over limit": "named in “+N more”",
    "paper over limit": "its paper went over the daily limit",
    "paper behind more": "its paper stands behind “+N more”",
    "paper skipped": "the alert that it belongs to was not sent",
    "paper dead": "the alert that it belongs to is a dead letter",
    "no subscriber": "no longer subscribed",
    "unwanted": "its subscription was removed or paused",
    "on request": "questions come when they are asked for",
    "replaced": "replaced by a corrected question",
    "nothing to edit": "there is no message to edit",
    "corrected before": "told by the correction before",
    "data deleted": "the person deleted what it came from",
    "dropped": "dropped by the operator",
}
FLOOD_GUARD_CAUSES: Mapping[DeliveryKind, Cause] = {"alert": "message flood", "quiz": "poll flood"}
"""By kind the cause of deliveries that wait because the target got so many of that kind."""

_KEY = re.compile(
    rf"(?P<target>.+)\|(?P<kind>{'|'.join(get_args(DeliveryKind))})\|(?P<paper>[^|]*)(?:\|(?P<part>.+))?",
    re.DOTALL,
)
_REPEAT = re.compile(r"again:(?P<number>\d{1,6}):(?P<part>.+)", re.ASCII)

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(hours=1)
MAX_ATTEMPTS = 60
"""About two days of hourly tries: after that a delivery is a dead letter."""
FIRST_REFUSAL_WAIT = timedelta(minutes=5)
LONGEST_REFUSAL_WAIT = timedelta(hours=6)
MAX_REFUSALS = 8
"""About a day of refusals: after that the target is suspended and keeps what waits for it."""

OptOut = Literal["unsubscribed", "stopped", "complained"]
"""How a recipient ended what comes to a target. Only the recipient lifts such a suspension."""
OPT_OUT_TEXTS: Mapping[OptOut, str] = {
    "unsubscribed": "unsubscribed by the recipient",
    "stopped": "stopped in the chat",
    "complained": "called spam by the recipient",
}
DEAD_ADDRESS = "no such address"
"""Begins the reason of a suspension that follows from a delivery report."""


def delivery_key(target: str, kind: DeliveryKind, paper: PaperId, part: str = "") -> str:
    """The identity of a delivery, of which there is only one.

    `part` tells the questions of a quiz, successive edits of an alert, alarms or look backs apart.
    """
    return f"{target}|{kind}|{paper}|{part}" if part else f"{target}|{kind}|{paper}"


def parts_of_key(key: str) -> tuple[str, DeliveryKind, PaperId, str] | None:
    """Target, kind, paper and part of a key; None where `delivery_key` cannot have made it."""
    match = _KEY.fullmatch(key)
    if not match or not (match["paper"] or match["part"]):
        return None
    return match["target"], cast(DeliveryKind, match["kind"]), PaperId(match["paper"]), match["part"] or ""


class Delivery(NamedTuple):
    """One thing to send to one target once, as planned.

    A tuple: a digest may lead to hundreds of thousands, and a dataclass takes three times as long to make.
    """

    target: str
    subscriber: str
    kind: DeliveryKind
    paper: PaperId
    state: Literal["pending", "held"]
    due_at: datetime
    part: str = ""

    @property
    def key(self) -> str:
        return delivery_key(self.target, self.kind, self.paper, self.part)


def retry_wait(attempts: int, rng: random.Random) -> timedelta:
    """The wait after so many failed attempts: doubling from 5 s to an hour, with jitter of ± 25 %."""
    wait = min(FIRST_WAIT * (1 << min(max(attempts - 1, 0), 20)), LONGEST_WAIT)
    return wait * rng.uniform(0.75, 1.25)


def refusal_wait(attempts: int, rng: random.Random) -> timedelta:
    """The wait for a target after so many refusals: tripling from 5 min to 6 h, with jitter of up to + 20 %."""
    wait = min(FIRST_REFUSAL_WAIT * int(3 ** min(max(attempts - 1, 0), 10)), LONGEST_REFUSAL_WAIT)
    return wait * rng.uniform(1.0, 1.2)


def channel_wait(down_for: timedelta) -> timedelta:
    """The pause of a channel that has been down for so long: as long again, at least 5 s and at most an hour."""
    return min(max(down_for, FIRST_WAIT), LONGEST_WAIT)


def edit_part(moment: datetime, fingerprint: str, gains: Iterable[str]) -> str:
    """The part of an edit: when the paper gained something, a fingerprint of its content, and what it gained."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%S%f}-{fingerprint}-{'+'.join(sorted(gains))}"


def edit_gains(part: str) -> frozenset[str]:
    """The gains of the paper, from the part of an edit."""
    return frozenset(filter(None, part.rpartition("-")[2].split("+")))


def repeat_part(number: int, part: str) -> str:
    """The part of a delivery that repeats question `part`, which was answered `number` times before."""
    return f"again:{number}:{part}"


def is_repeat(part: str) -> bool:
    """True for the part of a delivery that repeats a question."""
    return _REPEAT.fullmatch(part) is not None


def original_part(part: str) -> str:
    """The part of the question itself, also where the delivery repeats it."""
    match = _REPEAT.fullmatch(part)
    return match["part"] if match else part


def question_of_part(quiz: Iterable[Question], part: str) -> Question | None:
    """The question of a delivery with this part; None where the quiz no longer has it."""
    wanted = original_part(part)
    return next((question for question in quiz if question.part == wanted), None)


def repeat_count(part: str) -> int:
    """How often the question had been answered when the delivery was planned; 0 where it is not repeated."""
    match = _REPEAT.fullmatch(part)
    return int(match["number"]) if match else 0
