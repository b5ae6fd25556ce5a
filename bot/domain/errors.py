"""Errors: the class says who must act, and for a delivery whether it may be tried again.

PaperboyError
├── UsageError                 the person at the keyboard must change something (exit 2)
│   ├── ConfigError            one or more faults in the YAML files, each with its position
│   └── QuerySyntaxError       a query that cannot be read, or that nothing could match
├── StateError                 the state cannot be used (exit 3)
│   ├── StateTooNew            written by a newer paperboy
│   ├── StateUnavailable       out of reach for now: a database that is not up, a full disk; `run` waits
│   │   └── StateLocked        another process holds it for too long
│   └── StateDamaged           not a paperboy state, or torn
│       └── RecordDamaged      one record of it, such as a paper: the others may be whole
├── IndexUnusable              a saved index that is damaged, old or of something else: build it anew
├── DigestError                one file cannot be used; the others go on
│   ├── NotADigest             no reader recognises it
│   ├── DigestTooLarge         over a stated limit
│   └── DigestNotReady         gone, changed or refused while it was read: a later look may do
├── SourceUnreachable          a source could not be fetched: it is asked again later, the others go on
├── ReportsUnreadable          the box of delivery reports cannot be read now: a later look may do
└── DeliveryError              one send did not end well
    ├── NotSent                certainly nothing went out
    │   ├── NotYet             its turn comes at `until`: not even tried
    │   ├── TryLater           come back after `wait` (the target alone, or its whole channel)
    │   ├── TargetRefuses      refused there, maybe for good: growing waits, then suspend the target
    │   ├── TargetGone         refused for good: suspend the target, keep its data
    │   ├── TargetMoved        the target has a new address: rewrite it, send again
    │   ├── Refused            our own mistake: a dead letter for the operator
    │   │   ├── TooLarge       over the service's size: send it in smaller parts
    │   │   └── KindForbidden  no messages of this kind there (polls) until that changes; the others go on
    │   └── ChannelDown        nobody on this channel can be reached: stop it, alarm
    └── OutcomeUnknown         it may or may not have gone out: `uncertain`
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal


class PaperboyError(Exception):
    """Root of everything paperboy raises on purpose; the text is fit to be shown to a person."""


class UsageError(PaperboyError):
    """The command line or the configuration asks for something that cannot be done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One thing wrong in a configuration file; line and column count from 1."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class ConfigError(UsageError):
    """Everything found wrong in the configuration, in file order."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class QuerySyntaxError(UsageError):
    """A query that cannot be used; `position` counts characters of the query from 0.

    `fault` says why, with `values` in its braces: by it the same is said in another language.
    """

    def __init__(self, fault: str, position: int, **values: object) -> None:
        super().__init__(fault.format(**values))
        self.fault, self.position, self.values = fault, position, values


class StateError(PaperboyError):
    """The state cannot be used as it is; nothing was changed."""


class StateTooNew(StateError):
    """The state was written by a newer paperboy."""


class StateUnavailable(StateError):
    """The state cannot be used now; that passes by itself, or once somebody has made room or started the database."""


class StateLocked(StateUnavailable):
    """Another process kept the state locked for longer than we wait."""


class StateDamaged(StateError):
    """The state is not ours or not whole."""


class RecordDamaged(StateDamaged):
    """One record of the state cannot be read; the message names it and shows nothing of its content."""


class IndexUnusable(PaperboyError):
    """A saved index cannot be trusted; nothing is lost, it is built anew."""


class DigestError(PaperboyError):
    """One file cannot be read as a digest."""


class NotADigest(DigestError):
    """No reader recognises the content."""


class DigestTooLarge(DigestError):
    """The file is over the limit that the settings state."""


class DigestNotReady(DigestError):
    """The file cannot be read now; nothing is wrong with what it holds."""


class SourceUnreachable(PaperboyError):
    """A source could not be fetched. `retry_after` is what its server asked for, if it did."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DeliveryError(PaperboyError):
    """A send that did not end in `sent`."""


class ReportsUnreadable(PaperboyError):
    """The folder or server with the delivery reports cannot be read; sending goes on."""


class NotSent(DeliveryError):
    """Nothing reached the target, for certain."""


class NotYet(NotSent):
    """The rate limits, or a stopped channel, allow nothing to this target before `until`: no attempt was made."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"not before {until:%Y-%m-%d %H:%M:%S} UTC")
        self.until = until


class Withdrawn(NotSent):
    """A claim that must not be sent any more: somebody dropped it, the target is suspended, or the lease has ended."""


class TryLater(NotSent):
    """Send the same again; no sooner than `wait` where the service named one.

    `scope` tells how much waits: the one target, or everything on its channel.
    """

    def __init__(
        self,
        message: str,
        *,
        wait: timedelta | None = None,
        scope: Literal["target", "channel"] = "target",
    ) -> None:
        super().__init__(message)
        self.wait = wait
        self.scope = scope


class TargetRefuses(NotSent):
    """The service accepts us and refuses this target, by its policy or the target's: growing waits, then suspend it."""


class TargetGone(NotSent):
    """The target refuses us for good (blocked, deleted, kicked, no such mailbox)."""


class TargetMoved(NotSent):
    """The target lives at `address` now; the old address will never work again."""

    def __init__(self, message: str, *, address: str) -> None:
        super().__init__(message)
        self.address = address


class Refused(NotSent):
    """The service understood and said no to this very message: sending it again cannot help."""


class TooLarge(Refused):
    """The message is larger than the service takes; a smaller one may go out."""


class KindForbidden(Refused):
    """The target takes messages and none of this kind, such as polls, until its owner changes that."""


class ChannelDown(NotSent):
    """The service refuses us as a whole (wrong token, a second poller, policy)."""


class OutcomeUnknown(DeliveryError):
    """The connection ended after the message may have been taken over: nobody knows."""
