"""Errors: the class tells who must act, and for a delivery whether it is tried again.

PaperboyError
├── UsageError                 the person at the keyboard must change something (exit 2)
│   ├── ConfigError            faults in the YAML files, each with its position
│   └── QuerySyntaxError       a query that cannot be read, or that nothing could match
├── StateError                 the state cannot be used (exit 3)
│   ├── StateTooNew            written by a newer paperboy
│   ├── StateUnavailable       for now: the database is down, the disk is full; `run` waits
│   │   └── StateLocked        another process holds it for too long
│   └── StateDamaged           not a paperboy state, or torn
│       └── RecordDamaged      one record of it, such as a paper; others may be usable
├── IndexUnusable              a saved index is damaged, old or of other queries: it is built anew
├── DigestError                one file cannot be used; the others go on
│   ├── NotADigest             no reader recognises it
│   ├── DigestTooLarge         over the limit of the settings
│   └── DigestNotReady         gone, changed or locked while it was read: tried again later
├── SourceUnreachable          a source could not be fetched: tried again later; the others go on
├── ReportsUnreadable          the box of delivery reports cannot be read: tried again later
└── DeliveryError              a send failed
    ├── NotSent                certainly nothing went out
    │   ├── NotYet             not tried: rate limits or a stop forbid it until `until`
    │   ├── Withdrawn          not tried: the claim must not be sent any more
    │   ├── TryLater           send again after `wait` (to the target, or on its whole channel)
    │   ├── TargetRefuses      perhaps for good: growing waits, then suspend the target
    │   ├── TargetGone         for good: suspend the target, keep its data
    │   ├── TargetMoved        the target has a new address: store it, send again
    │   ├── Refused            our own mistake: a dead letter for the operator
    │   │   ├── TooLarge       over the service's size: send it in smaller parts
    │   │   └── KindForbidden  the target takes no messages of this kind (polls) for now
    │   └── ChannelDown        the service refuses us as a whole: stop the channel, alarm
    └── OutcomeUnknown         it may or may not have gone out: `uncertain`
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal


class PaperboyError(Exception):
    """Root of all errors that paperboy raises on purpose; the text can be shown to a person."""


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
    """All faults of the configuration, in file order."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class QuerySyntaxError(UsageError):
    """A query that cannot be used; `position` counts characters of the query from 0.

    `fault` is the message with braces for `values`, by which `query.faults` finds its translation.
    """

    def __init__(self, fault: str, position: int, **values: object) -> None:
        super().__init__(fault.format(**values))
        self.fault, self.position, self.values = fault, position, values


class StateError(PaperboyError):
    """The state cannot be used as it is; nothing was changed."""


class StateTooNew(StateError):
    """The state was written by a newer paperboy."""


class StateUnavailable(StateError):
    """The state cannot be used now; it can again by itself, or once the database runs or the disk has room."""


class StateLocked(StateUnavailable):
    """Another process kept the state locked for longer than we wait."""


class StateDamaged(StateError):
    """The state is not ours or not whole."""


class RecordDamaged(StateDamaged):
    """One record of the state cannot be read; the message names it and shows nothing of its content."""


class IndexUnusable(PaperboyError):
    """A saved index cannot be used; nothing is lost, as it can be built anew."""


class DigestError(PaperboyError):
    """One file cannot be read as a digest."""


class NotADigest(DigestError):
    """No reader recognises the content."""


class DigestTooLarge(DigestError):
    """The file is over the limit that the settings state."""


class DigestNotReady(DigestError):
    """The file cannot be read now; nothing is known to be wrong with its content."""


class SourceUnreachable(PaperboyError):
    """A source could not be fetched. `retry_after` is the wait that its server asked for, if any."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DeliveryError(PaperboyError):
    """A send that did not end in `sent`."""


class ReportsUnreadable(PaperboyError):
    """The folder or server with the delivery reports cannot be read; sending goes on."""


class NotSent(DeliveryError):
    """Failure after which it is certain that nothing reached the target."""


class NotYet(NotSent):
    """Not tried: rate limits or a stopped channel allow no message to this target before `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"not before {until:%Y-%m-%d %H:%M:%S} UTC")
        self.until = until


class Withdrawn(NotSent):
    """Not tried: the claim's rows were dropped, its target was suspended, or its lease has ended."""


class TryLater(NotSent):
    """Send the same again, not before `wait` where the service gave one; `scope` is what has to wait."""

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
    """The service accepts us but refuses this target, by its own policy or the target's."""


class TargetGone(NotSent):
    """The target is refused for good (blocked, deleted, kicked, no such mailbox)."""


class TargetMoved(NotSent):
    """The target is at `address` now; the old address will never work again."""

    def __init__(self, message: str, *, address: str) -> None:
        super().__init__(message)
        self.address = address


class Refused(NotSent):
    """The service refuses this very message: sending it again is useless."""


class TooLarge(Refused):
    """The message is larger than the service allows; a smaller one may be accepted."""


class KindForbidden(Refused):
    """The target takes messages, but none of this kind, such as polls, until its owner changes that."""


class ChannelDown(NotSent):
    """The service refuses us as a whole (wrong token, a second poller, policy)."""


class OutcomeUnknown(DeliveryError):
    """The connection ended when the message may already have been accepted."""
