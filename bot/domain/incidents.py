"""Incidents: troubles that last, of sources, channels, targets and the program itself; and the alarms on them.

    (nothing) ──wrong──► open, one alarm ──still wrong: no alarm──► open ──right again──► closed, one alarm

One incident is open for a subject and a kind of trouble at a time, however long it goes on.
"""

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bot.domain.analysis.findings import Finding
from bot.domain.channels import CapabilitiesOf, ChannelKind
from bot.domain.message import WrittenDelivery, WrittenText
from bot.domain.planning import written_to
from bot.domain.subscriptions import Subscriber
from bot.domain.text import mask_addresses, one_line

Area = Literal["sources", "channels", "targets", "program"]
"""What an incident is about; `program` are the tasks and jobs of `run`."""

STOPPED = "stopped"
SECOND_POLLER = "second poller"
TOPIC_GONE = "topic gone"
REFUSED = "refused"
NO_POLLS = "no polls"
REPORTS = "reports unreadable"
TASK_FAILING = "task failing"
JOB_FAILING = "job failing"
"""The kinds of trouble that channels, their targets and (the last two) the program have."""
_AREAS: Mapping[str, Area] = {
    **dict.fromkeys((TOPIC_GONE, REFUSED, NO_POLLS), "targets"),
    **dict.fromkeys((TASK_FAILING, JOB_FAILING), "program"),
}
"""The area by kind of trouble; every other kind of this list is one of channels."""
_NAMED = 8
"""Most incidents that one alarm names; further ones are counted."""
_LONGEST = 300
"""Characters of the description of one incident."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Incident:
    """Something that has been wrong since `since`; `what` describes it as last seen."""

    subject: str
    """A source, a channel, the key of a target, or the name of a task or job."""
    kind: str
    """Of a source `silent`, `empty`, `no authors`, `no keys`, `changed form`, `unreadable`, `unreachable` or
    `nothing new`; of a channel `stopped`, `second poller` or `reports unreadable`; of a target `topic gone`, `refused`
    or `no polls`; of the program `task failing` or `job failing`.
    """
    what: str
    since: dt.datetime
    area: Area = "sources"

    @property
    def key(self) -> tuple[Area, str, str]:
        return self.area, self.subject, self.kind


@dataclass(frozen=True, kw_only=True, slots=True)
class IncidentDiff:
    """A change of the open incidents: `open` are all now, `opened` the new ones, `closed` those that ended."""

    open: tuple[Incident, ...]
    opened: tuple[Incident, ...] = ()
    closed: tuple[Incident, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.opened or self.closed)


def compare_sources(
    findings: Iterable[Finding], before: Sequence[Incident], now: dt.datetime
) -> IncidentDiff:
    """The change that these findings make to the incidents of sources; all others stay as they are.

    Of several urgent findings of one kind on one source the last describes the incident.
    """
    others = tuple(incident for incident in before if incident.area != "sources")
    known = {incident.key: incident for incident in before if incident.area == "sources"}
    current: dict[tuple[Area, str, str], Incident] = {}
    for finding in findings:
        if finding.area != "sources" or not finding.urgent:
            continue
        fresh = Incident(subject=finding.subject, kind=finding.kind, what=finding.what, since=now)
        current[fresh.key] = replace(known.get(fresh.key, fresh), what=finding.what)
    return IncidentDiff(
        open=(*others, *current.values()),
        opened=tuple(incident for key, incident in current.items() if key not in known),
        closed=tuple(incident for key, incident in known.items() if key not in current),
    )


def report_incident(
    subject: str, kind: str, what: str, before: Sequence[Incident], now: dt.datetime
) -> IncidentDiff:
    """The change when a channel, a target, a task or a job is in trouble; one that is open gets a new `what`."""
    fresh = Incident(subject=subject, kind=kind, what=what, since=now, area=_AREAS.get(kind, "channels"))
    known = next((incident for incident in before if incident.key == fresh.key), None)
    if known is None:
        return IncidentDiff(open=(*before, fresh), opened=(fresh,))
    return IncidentDiff(
        open=tuple(replace(incident, what=what) if incident is known else incident for incident in before)
    )


def resolve_incidents(subject: str, before: Sequence[Incident], *kinds: str) -> IncidentDiff:
    """The change when that subject's incidents of these kinds (of any, where none is named) are over."""
    over = tuple(
        incident
        for incident in before
        if incident.subject == subject
        and incident.area != "sources"
        and (not kinds or incident.kind in kinds)
    )
    return IncidentDiff(open=tuple(incident for incident in before if incident not in over), closed=over)


def takes_alarms(subscriber: Subscriber) -> bool:
    """False for a subscriber who has only documents (feeds), which carry no alarms."""
    return any(not channel.capabilities.is_document for channel in subscriber.channels)


def alarms(
    diff: IncidentDiff, recipients: Iterable[Subscriber], capabilities: CapabilitiesOf, now: dt.datetime
) -> tuple[WrittenDelivery, ...]:
    """The alarms on a change of the incidents, each target once; held until a recipient's quiet hours end.

    An alarm about a channel goes out on the other channels.
    """
    planned: dict[str, WrittenDelivery] = {}
    for subscriber in recipients:
        for channel in subscriber.channels:
            if channel.capabilities.is_document:
                continue
            for part, text in _texts(diff, subscriber, channel.kind, capabilities):
                alarm = written_to(
                    subscriber, channel.target, "alarm", text, part=part, earliest=now, now=now
                )
                planned.setdefault(alarm.delivery.key, alarm)
    return tuple(planned.values())


def _texts(
    diff: IncidentDiff, reader: Subscriber, kind: ChannelKind, capabilities: CapabilitiesOf
) -> Iterator[tuple[str, WrittenText]]:
    """The alarms for one channel, each with the part of its key."""
    for what, changed, compose in (("began", diff.opened, _begun), ("ended", diff.closed, _over)):
        incidents = [
            incident for incident in changed if (incident.area, incident.subject) != ("channels", kind)
        ]
        if not incidents:
            continue
        about = "\n".join(
            sorted(f"{'|'.join(incident.key)}|{incident.since.isoformat()}" for incident in incidents)
        )
        yield (
            f"{what}:{hashlib.sha256(about.encode()).hexdigest()[:16]}",
            compose(incidents, reader, capabilities),
        )


@dataclass(frozen=True, slots=True)
class _Words:
    """Texts on incidents of one kind; braces stand for the subject."""

    begun: str
    over: str
    it_had: str
    """What was wrong, as a sentence of the alarm that it is over."""


_WORDS = {
    "silent": _Words("{} has fallen silent", "{} is heard again", "It had fallen silent."),
    "empty": _Words("{} sends empty digests", "{} sends papers again", "Its digests had been empty."),
    "no authors": _Words(
        "{} no longer names authors", "{} names authors again", "It had left the authors out."
    ),
    "no keys": _Words(
        "{} no longer names the answers", "{} names the answers again", "Its questions had named no answers."
    ),
    "changed form": _Words(
        "{} may have changed its form", "{} can be read again", "Its form seemed to have changed."
    ),
    "unreachable": _Words(
        "{} cannot be reached", "{} can be reached again", "It could not be reached for a day or longer."
    ),
    "nothing new": _Words(
        "{} changes and brings nothing new", "{} brings new papers again", "It had brought nothing new."
    ),
    "unreadable": _Words(
        "{} cannot be read", "{} is no longer in the way", "It could not be read as a digest."
    ),
    TOPIC_GONE: _Words(
        "{} is not found, so its messages go to the chat itself",
        "{} gets its messages again",
        "It had not been found.",
    ),
    SECOND_POLLER: _Words(
        "A second program answers for the bot",
        "The bot is ours alone again",
        "A second program had answered for it.",
    ),
    REFUSED: _Words(
        "{} is refused, so nothing is sent there any more",
        "{} is accepted again",
        "It had been refused again and again.",
    ),
    NO_POLLS: _Words(
        "{} forbids polls, so no questions are sent there",
        "{} takes polls again",
        "It had forbidden polls.",
    ),
    REPORTS: _Words(
        "Delivery reports cannot be read",
        "Delivery reports can be read again",
        "Mails that came back had gone unnoticed.",
    ),
    **dict.fromkeys((TASK_FAILING, JOB_FAILING), _Words("{} fails", "{} works again", "It had failed.")),
}
"""The words of each kind of trouble; `{}` is its subject. A stopped channel's depend on the channel."""
_ELSE = _Words("{} needs a look", "{} is well again", "It had needed a look.")


def _begun(incidents: Sequence[Incident], reader: Subscriber, capabilities: CapabilitiesOf) -> WrittenText:
    headlines = [_headline(incident, _words(incident, capabilities).begun) for incident in incidents]
    end = (
        f"Noticed on {_moment(incidents[0].since, reader)}. The command “paperboy doctor” tells more. "
        "You will be told when it is over."
    )
    if len(incidents) == 1:
        return WrittenText(subject=headlines[0], body=f"{_sentence(incidents[0].what)}\n\n{end}")
    lines = [
        f"{headline}. {_sentence(incident.what)}"
        for headline, incident in zip(headlines, incidents, strict=True)
    ]
    return WrittenText(subject=f"{len(incidents)} things need a look", body=f"{_listed(lines)}\n\n{end}")


def _over(incidents: Sequence[Incident], reader: Subscriber, capabilities: CapabilitiesOf) -> WrittenText:
    headlines = [_headline(incident, _words(incident, capabilities).over) for incident in incidents]
    histories = [
        f"{_words(incident, capabilities).it_had} That was noticed on {_moment(incident.since, reader)}."
        for incident in incidents
    ]
    if len(incidents) == 1:
        return WrittenText(subject=headlines[0], body=histories[0])
    lines = [f"{headline}. {history}" for headline, history in zip(headlines, histories, strict=True)]
    return WrittenText(subject=f"{len(incidents)} things are well again", body=_listed(lines))


def _listed(lines: Sequence[str]) -> str:
    more = len(lines) - _NAMED
    return "\n\n".join([*lines[:_NAMED], *([f"And {more} more."] if more > 0 else [])])


def _words(incident: Incident, capabilities: CapabilitiesOf) -> _Words:
    if incident.kind != STOPPED or incident.subject not in capabilities:
        return _WORDS.get(incident.kind, _ELSE)
    noun = capabilities[incident.subject].noun
    return _Words(
        f"No {noun} go out",
        f"{noun[:1].upper()}{noun[1:]} go out again",
        "The service had refused all of them.",
    )


def _headline(incident: Incident, words: str) -> str:
    name = mask_addresses(one_line(incident.subject), [incident.subject.partition(":")[0]])
    what = {
        "unreadable": "file",
        TOPIC_GONE: "topic",
        REFUSED: "target",
        NO_POLLS: "chat",
        TASK_FAILING: "task",
        JOB_FAILING: "job",
    }.get(incident.kind, "source")
    return words.format(f"The {what} “{name}”")


def _sentence(text: str) -> str:
    """The text on one line as a sentence, cut where it is very long."""
    line = one_line(text, _LONGEST)
    line = line[:1].upper() + line[1:]
    return line if line.endswith((".", "?", "!", "…")) else f"{line}."


def _moment(moment: dt.datetime, reader: Subscriber) -> str:
    local = moment.astimezone(reader.timezone)
    return f"{local:%A}, {local.day} {local:%B %Y} at {local:%H:%M} ({reader.timezone.key})"
