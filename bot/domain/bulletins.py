"""Bulletins: what people who look after paperboy are told when an incident begins, and when it is over.

pending ──claimed──► sending ──accepted──► sent
   ▲                    │
   └─ certainly not ────┼── refused for good, or nobody there ──► dead
      sent: later       └── answer never seen, or lease ended ──► uncertain   (and stays so)
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.domain.alarms import SECOND_POLLER, STOPPED, TOPIC_GONE, Incident, News
from bot.domain.delivery import Target
from bot.domain.schedule import Immediately, release_time
from bot.domain.subscriptions import Channel, Subscriber

BulletinState = Literal["pending", "sending", "sent", "uncertain", "dead"]
_NAMED = 8
"""So many incidents one message names; how many more there are, it says."""
_LONGEST = 300
"""Characters of what is said about one incident."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bulletin:
    """One message about incidents to one place; a second with its key is never planned.

    `subject` is one line, `text` several, both plain.
    """

    key: str
    target: Target
    subject: str
    text: str
    created_at: datetime
    due_at: datetime

    @property
    def name(self) -> str:
        """A short name of its own, of letters and digits."""
        return f"alarm{hashlib.sha256(self.key.encode()).hexdigest()[:24]}"


@dataclass(frozen=True, slots=True)
class _Words:
    begun: str
    over: str
    it_had: str


_SOURCES = {
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
}
_UNREADABLE = _Words("{} cannot be read", "{} is no longer in the way", "It could not be read as a digest.")
_CHANNELS = {
    ("telegram", STOPPED): _Words(
        "No Telegram messages go out", "Telegram messages go out again", "Telegram had refused all of them."
    ),
    ("email", STOPPED): _Words(
        "No mails go out", "Mails go out again", "The mail server had refused all of them."
    ),
    ("telegram", SECOND_POLLER): _Words(
        "A second program answers for the bot",
        "The bot is ours alone again",
        "A second program had answered for it.",
    ),
}
_TOPIC = _Words(
    "{} is gone, so its messages go to the chat itself", "{} gets its messages again", "It had been gone."
)
_ELSE = _Words("{} needs a look", "{} is well again", "It had needed a look.")


def can_be_told(subscriber: Subscriber) -> bool:
    """False for somebody who has only feeds: those carry papers."""
    return any(channel.kind != "atom" for channel in subscriber.channels)


def bulletins(found: News, recipients: Iterable[Subscriber], now: datetime) -> tuple[Bulletin, ...]:
    """What is to be told of the news, each place once; held until somebody's quiet hours end.

    That a channel has stopped is told on the other channels.
    """
    made: dict[str, Bulletin] = {}
    for subscriber in recipients:
        for channel in subscriber.channels:
            for one in _for_place(found, subscriber, channel, now):
                made.setdefault(one.key, one)
    return tuple(made.values())


def _for_place(found: News, subscriber: Subscriber, channel: Channel, now: datetime) -> Iterator[Bulletin]:
    if channel.kind == "atom":
        return
    for what, incidents in (("began", found.opened), ("ended", found.closed)):
        mine = [one for one in incidents if (one.area, one.source) != ("channels", channel.kind)]
        if not mine:
            continue
        subject, text = _begun(mine, subscriber) if what == "began" else _over(mine, subscriber)
        about = "\n".join(sorted(f"{'|'.join(one.key)}|{one.since.isoformat()}" for one in mine))
        yield Bulletin(
            key=f"{channel.target}|{what}|{hashlib.sha256(about.encode()).hexdigest()[:16]}",
            target=Target(kind=channel.kind, address=channel.address),
            subject=subject,
            text=text,
            created_at=now,
            due_at=release_time(
                now, schedule=Immediately(), quiet=subscriber.quiet_hours, zone=subscriber.timezone
            ),
        )


def _begun(incidents: Sequence[Incident], reader: Subscriber) -> tuple[str, str]:
    headlines = [_headline(one, _words(one).begun) for one in incidents]
    end = (
        f"Noticed on {_moment(incidents[0].since, reader)}. The command “paperboy doctor” tells more. "
        "You will be told when it is over."
    )
    if len(incidents) == 1:
        return headlines[0], f"{_sentence(incidents[0].what)}\n\n{end}"
    lines = [f"{headline}. {_sentence(one.what)}" for headline, one in zip(headlines, incidents, strict=True)]
    return f"{len(incidents)} things need a look", f"{_listed(lines)}\n\n{end}"


def _over(incidents: Sequence[Incident], reader: Subscriber) -> tuple[str, str]:
    headlines = [_headline(one, _words(one).over) for one in incidents]
    histories = [
        f"{_words(one).it_had} That was noticed on {_moment(one.since, reader)}." for one in incidents
    ]
    if len(incidents) == 1:
        return headlines[0], histories[0]
    lines = [f"{headline}. {history}" for headline, history in zip(headlines, histories, strict=True)]
    return f"{len(incidents)} things are well again", _listed(lines)


def _listed(lines: Sequence[str]) -> str:
    more = len(lines) - _NAMED
    return "\n\n".join([*lines[:_NAMED], *([f"And {more} more."] if more > 0 else [])])


def _words(incident: Incident) -> _Words:
    if incident.kind == TOPIC_GONE:
        return _TOPIC
    if incident.area == "channels":
        return _CHANNELS.get((incident.source, incident.kind), _ELSE)
    return _UNREADABLE if incident.kind == "unreadable" else _SOURCES.get(incident.kind, _ELSE)


def _headline(incident: Incident, words: str) -> str:
    name = " ".join(incident.source.split())
    what = {"unreadable": "file", TOPIC_GONE: "topic"}.get(incident.kind, "source")
    return words.format(f"The {what} “{name}”")


def _sentence(text: str) -> str:
    """The text on one line as a sentence, cut where it is very long."""
    line = " ".join(text.split())
    line = line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
    line = line[:1].upper() + line[1:]
    return line if line.endswith((".", "?", "!", "…")) else f"{line}."


def _moment(moment: datetime, reader: Subscriber) -> str:
    local = moment.astimezone(reader.timezone)
    return f"{local:%A}, {local.day} {local:%B %Y} at {local:%H:%M} ({reader.timezone.key})"
