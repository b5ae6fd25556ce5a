"""Delivery: one thing to send to one target once; its states, its key, and how long a retry waits.

    pending ──begun────► sending ──accepted──► sent         (the first row of a message)
       ▲  ▲                 │  └───────────────► merged       (the others that went out inside it)
       │  └─ certainly not ─┤
       │     sent: later    ├── refused for good ──► dead
       │                    └── answer never seen, or lease ended ──► uncertain
      held (quiet hours, a digest's time)          pending ──over the daily limit──► limited

A row is `sending` from just before its request goes out. `held` becomes `pending` when its time comes. `uncertain` and `dead` become `pending` only by the
operator's hand (or `on_uncertain: resend`).
"""

import random
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple, cast, get_args

from bot.domain.papers import PaperId, Question

State = Literal["pending", "held", "sending", "sent", "uncertain", "dead", "merged", "limited"]
STATES: tuple[State, ...] = ("pending", "held", "sending", "sent", "uncertain", "dead", "merged", "limited")
OPEN: frozenset[State] = frozenset({"pending", "held", "sending"})
"""States from which a delivery still moves by itself."""

Kind = Literal["alert", "quiz", "edit", "alarm"]

NO_PAPER = PaperId("")
"""The paper of an alarm, which is about none; its `part` tells alarms of one target apart."""
ONE_QUESTION = "one"
"""The part of a quiz delivery that stands for the paper's most telling question, whichever that is when sent."""

_KEY = re.compile(
    rf"(?P<target>.+)\|(?P<kind>{'|'.join(get_args(Kind))})\|(?P<paper>[^|]*)(?:\|(?P<part>.+))?", re.DOTALL
)
_AGAIN = re.compile(r"again:(?P<number>\d{1,6}):(?P<part>.+)", re.ASCII)

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(hours=1)
MAX_ATTEMPTS = 60
"""About two days of hourly tries: after that a delivery is a dead letter."""
FIRST_REFUSAL_WAIT = timedelta(minutes=5)
LONGEST_REFUSAL_WAIT = timedelta(hours=6)
MAX_REFUSALS = 8
"""About a day of refusals: after that the target is suspended and keeps what waits for it."""
UNKNOWN_IN_A_ROW = 5
"""After so many unknown outcomes one after the other the channel is stopped for a while."""

UNSUBSCRIBED = "unsubscribed by the recipient"
STOPPED = "stopped in the chat"
COMPLAINED = "called spam by the recipient"
OWN_WISH: frozenset[str] = frozenset({UNSUBSCRIBED, STOPPED, COMPLAINED})
"""Suspensions that only the recipient takes back."""
UNWANTED = "its subscription was removed or paused"
"""Why an alert that waited was not sent, nor its quizzes."""
DEAD_ADDRESS = "no such address"
"""How the reason begins where a delivery report says so."""


def delivery_key(target: str, kind: Kind, paper: PaperId, part: str = "") -> str:
    """The identity of a delivery: a second one with this key is never planned.

    `part` tells questions of one quiz, successive edits of one alert, or alarms apart.
    """
    return f"{target}|{kind}|{paper}|{part}" if part else f"{target}|{kind}|{paper}"


def parts_of_key(key: str) -> tuple[str, Kind, PaperId, str] | None:
    """Target, kind, paper and part of a key that `delivery_key` made; None where it cannot have made it."""
    match = _KEY.fullmatch(key)
    if not match or not (match["paper"] or match["part"]):
        return None
    return match["target"], cast(Kind, match["kind"]), PaperId(match["paper"]), match["part"] or ""


class Delivery(NamedTuple):
    """One thing to send to one target once, as planned.

    A tuple: of one digest there are hundreds of thousands, and making a dataclass takes three times as long.
    """

    target: str
    subscriber: str
    kind: Kind
    paper: PaperId
    state: Literal["pending", "held"]
    due_at: datetime
    part: str = ""

    @property
    def key(self) -> str:
        return delivery_key(self.target, self.kind, self.paper, self.part)


def retry_wait(attempts: int, rng: random.Random) -> timedelta:
    """The wait before the attempt after `attempts` failed ones: doubling from 5 s to an hour, with jitter of ± 25 %."""
    wait = min(FIRST_WAIT * (1 << min(max(attempts - 1, 0), 20)), LONGEST_WAIT)
    return wait * rng.uniform(0.75, 1.25)


def refusal_wait(attempts: int, rng: random.Random) -> timedelta:
    """The wait of a target that refused `attempts` times: 5 min, then three times as long each, up to 6 h; up to a fifth more by chance."""
    wait = min(FIRST_REFUSAL_WAIT * int(3 ** min(max(attempts - 1, 0), 10)), LONGEST_REFUSAL_WAIT)
    return wait * rng.uniform(1.0, 1.2)


def channel_wait(down_for: timedelta) -> timedelta:
    """The pause of a channel that has been down for so long: as long again, 5 s to an hour."""
    return min(max(down_for, FIRST_WAIT), LONGEST_WAIT)


def edit_part(moment: datetime, fingerprint: str, gains: Iterable[str]) -> str:
    """The part of the edit that shows what a paper gained at that moment; `fingerprint` tells its content."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%S%f}-{fingerprint}-{'+'.join(sorted(gains))}"


def edit_gains(part: str) -> frozenset[str]:
    """Gains of the paper that an edit shows anew."""
    return frozenset(filter(None, part.rpartition("-")[2].split("+")))


def again_part(number: int, part: str) -> str:
    """The part of the delivery that asks question `part` once more, after `number` answers to it."""
    return f"again:{number}:{part}"


def is_again(part: str) -> bool:
    """True where the delivery brings back a question that was answered before."""
    return _AGAIN.fullmatch(part) is not None


def plain_part(part: str) -> str:
    """The part without its `again:` prefix."""
    match = _AGAIN.fullmatch(part)
    return match["part"] if match else part


def question_of_part(quiz: Iterable[Question], part: str) -> Question | None:
    """The question that `part` names; None where the quiz has it no longer."""
    wanted = plain_part(part)
    return next((question for question in quiz if question.part == wanted), None)


def repeats(part: str) -> int:
    """How often the question had been answered when this delivery of it was planned."""
    match = _AGAIN.fullmatch(part)
    return int(match["number"]) if match else 0
