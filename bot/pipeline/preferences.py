"""Preferences: the service for everything that a person sets in a chat or on the web, and for deleting it all."""

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import available_timezones

from bot.domain.channels import FEED
from bot.domain.chats import chat_of
from bot.domain.errors import UsageError
from bot.domain.papers import Paper, PaperId
from bot.domain.preferences import (
    LONGEST_NAME,
    LONGEST_QUERY,
    MOST_EXCLUSIONS,
    MOST_SAVED,
    MOST_SUBSCRIPTIONS,
    OFF,
    Admission,
    Choices,
    ChosenChannel,
    ChosenSubscription,
    Exclusion,
    exclusions,
    like_text,
    names_in_both,
    same_name,
    saved_paper_owners,
    subscriptions_yaml,
)
from bot.domain.query import Query, document_of, parse
from bot.domain.schedule import parse_quiet_hours, parse_said_schedule, parse_zone, schedule_text
from bot.domain.subscriptions import Channel, QuizMode, Subscriber, Subscription
from bot.domain.text import cut, nearest, one_line
from bot.domain.translations import LANGUAGES
from bot.pipeline.ports.outbox import DeliveryStore
from bot.pipeline.ports.papers import PaperStore
from bot.pipeline.ports.preferences import PreferenceStore, Proposal
from bot.pipeline.subscribers import SubscriberRegistry

_LANGUAGE_NAMES = {"english": "en", "英文": "en", "英语": "en", "chinese": "zh", "中文": "zh", "汉语": "zh"}
_NOT_GEOGRAPHIC = frozenset({"Factory", "localtime"})
"""Names among the time zones that are no places."""
_ZONES_ALIKE = 0.8
LONGEST_SNOOZE = timedelta(days=366)
_ID_BYTES = 9
READER = "reader-"
"""Prefix of the ids of subscribers who made a private feed on the web."""
MOST_READERS = 1_000

log = logging.getLogger(__name__)

Refusal = Literal[
    "configured",
    "fixed",
    "unknown",
    "too many",
    "too long",
    "zone",
    "hours",
    "times",
    "language",
    "snooze",
    "taken",
    "address",
]


class ChoiceRefused(UsageError):
    """A choice that a person may not, or cannot, make; `why` and `values` tell it in any language."""

    def __init__(self, why: Refusal, text: str, **values: str | int) -> None:
        super().__init__(text)
        self.why = why
        self.values: Mapping[str, str | int] = values


@dataclass(frozen=True, kw_only=True, slots=True)
class AddedSubscription:
    """Result of making a subscription: its name, whether it `is_new`, and whether a configured one of that name `wins`."""

    name: str
    is_new: bool = True
    wins: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedSubscription:
    """A subscription as it is listed to the person."""

    name: str
    text: str
    only: frozenset[str] = frozenset()
    chosen: bool = False
    """Made by the person, who can change and remove it; others can only be paused."""
    paused: bool = False
    wins: bool = False
    """Configured, and replaces one that the person made under the same name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deletion:
    """Result of deleting a person: rows removed and remaining, by table; `configured` where the configuration still has them."""

    removed: Mapping[str, int]
    remains: Mapping[str, int] = field(default_factory=dict)
    configured: bool = False


_RECENT = 300
"""Number of noticed papers, the newest, on which the effect of an exclusion is counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Objection:
    """Objection to papers like one: the `subscriptions` that brought it, and `words` any of which, excluded, would have kept
    it away. There are no words where all of these subscriptions are paused.
    """

    paper: Paper
    subscriptions: tuple[str, ...]
    words: tuple[Exclusion, ...]
    papers: int
    """Number of noticed papers on which the words were counted."""


class Preferences:
    """Preferences of all subscribers: changes are stored, show at once, and call `on_change`. All are idempotent."""

    def __init__(
        self,
        store: PreferenceStore,
        registry: SubscriberRegistry,
        deliveries: DeliveryStore,
        papers: PaperStore,
    ) -> None:
        self._store = store
        self._registry = registry
        self._deliveries = deliveries
        self._papers = papers
        self._on_change: Callable[[], object] = lambda: None

    def on_change(self, call: Callable[[], object]) -> None:
        """Have this called, from any thread, after each change."""
        self._on_change = call

    # --- who it is

    def subscriber_at(self, addresses: Sequence[str]) -> str:
        """The id of the subscriber whose chat this is, else the id that the chat would get.

        `addresses` are those that the chat may have as a `Channel.address`, the most exact first.
        """
        at_chat = self._registry.at_chat(addresses, self._deliveries)
        owner = next((subscriber.id for subscriber, _ in at_chat), None)
        if owner is not None:
            return owner
        chat = chat_of(addresses[0])
        whole = self._registry.at_chat((chat,), self._deliveries)
        return next((subscriber.id for subscriber, _ in whole if subscriber.chosen), f"chat{chat}")

    def owner(self, name: str) -> str:
        """The owner of a subscriber's saved papers: the target of their private chat, else their id."""
        subscriber = self._registry.subscriber(name)
        return saved_paper_owners(subscriber)[0] if subscriber else name

    def choices(self, name: str) -> Choices:
        """Everything that the subscriber set."""
        return self._store.choices(name)

    def subscriber(self, name: str) -> Subscriber | None:
        """The subscriber as it is now, with all choices applied."""
        return self._registry.subscriber(name)

    def subscriber_with(self, target: str) -> str | None:
        """The id of the subscriber who has a channel at that target, in any case; the configured one first."""
        key = target.casefold()
        return next(
            (
                subscriber.id
                for subscriber in self._registry.subscribers.values()
                if any(channel.target.casefold() == key for channel in subscriber.channels)
            ),
            None,
        )

    def is_configured(self, name: str) -> bool:
        """True where the configuration names the subscriber."""
        return name in self._registry.configured

    def admission(self, name: str) -> Admission:
        """Whether an operator let the subscriber in; configured ones are always allowed."""
        return "allowed" if self.is_configured(name) else self._store.choices(name).admission

    def admit(self, name: str, admission: Admission, now: datetime) -> bool:
        """Store an admission; False where it was the same already."""
        before = self._store.choices(name).admission
        self._change(name, lambda choices: replace(choices, admission=admission), now)
        return before != admission

    # --- subscriptions

    def listed(self, name: str) -> tuple[ListedSubscription, ...]:
        """All subscriptions of the subscriber, the configured ones first, paused ones included."""
        configured, choices = self._registry.configured.get(name), self._store.choices(name)
        names_twice = (
            {twice.casefold() for twice in names_in_both(configured, choices)} if configured else set()
        )
        own = [
            ListedSubscription(
                name=subscription.name,
                text=subscription.text,
                only=subscription.only,
                paused=choices.is_paused(subscription.name),
                wins=subscription.name.casefold() in names_twice,
            )
            for subscription in (configured.subscriptions if configured else ())
        ]
        chosen = [
            ListedSubscription(
                name=subscription.name,
                text=subscription.text or like_text(subscription.like),
                only=frozenset(subscription.only),
                chosen=True,
                paused=choices.is_paused(subscription.name),
            )
            for subscription in choices.subscriptions
            if subscription.name.casefold() not in names_twice
        ]
        return (*own, *chosen)

    def add(
        self,
        name: str,
        query: str,
        now: datetime,
        *,
        channel: ChosenChannel | None = None,
        only: Sequence[str] = (),
        called: str = "",
    ) -> AddedSubscription:
        """Subscribe to a query; `channel` is opened unless the subscriber has one at that address.

        Raises QuerySyntaxError, and ChoiceRefused where there are too many.
        """
        text = checked_query(query).text
        chosen = ChosenSubscription(name=_name(called or text), text=text, only=tuple(only))
        return self._add(name, chosen, channel, now)

    def add_reader(self, query: str, now: datetime, *, language: str = "en") -> str:
        """Make a new subscriber who gets a private feed of the query, in that language, and nothing else; gives their id.

        Raises QuerySyntaxError, and ChoiceRefused where there are too many of them.
        """
        if sum(name.startswith(READER) for name in self._registry.subscribers) >= MOST_READERS:
            raise ChoiceRefused("too many", f"there are {MOST_READERS} readers already", most=MOST_READERS)
        name = READER + secrets.token_hex(6)
        channel = ChosenChannel(kind=FEED, address=name, quizzes="none")
        self.add(name, query, now, channel=channel)
        self.set_language(name, language, now)
        return name

    def add_like(
        self,
        name: str,
        paper: PaperId,
        now: datetime,
        *,
        channel: ChosenChannel | None = None,
        only: Sequence[str] = (),
    ) -> AddedSubscription:
        """Subscribe to papers like this one."""
        stored = self._papers.stored([paper]).get(paper)
        title = stored.paper.title.partition(":")[0] if stored else paper
        chosen = ChosenSubscription(name=_name(f"like {title}"), like=(paper,), only=tuple(only))
        return self._add(name, chosen, channel, now)

    def _add(
        self, name: str, chosen: ChosenSubscription, channel: ChosenChannel | None, now: datetime
    ) -> AddedSubscription:
        configured = self._registry.configured.get(name)
        added = AddedSubscription(name=chosen.name)

        def change(choices: Choices) -> Choices:
            nonlocal added
            wins = configured is not None and _find(configured.subscriptions, chosen.name) is not None
            known = choices.subscription(chosen.name)
            if known is not None and (known.text, known.like) == (chosen.text, chosen.like):
                added = AddedSubscription(name=known.name, is_new=False, wins=wins)
                return choices
            if len(choices.subscriptions) >= MOST_SUBSCRIPTIONS:
                raise ChoiceRefused(
                    "too many",
                    f"there are {MOST_SUBSCRIPTIONS} subscriptions already; remove one first",
                    most=MOST_SUBSCRIPTIONS,
                )
            new = replace(chosen, name=_free_name(chosen.name, choices))
            added = AddedSubscription(name=new.name, wins=wins)
            return replace(
                choices,
                channels=_opened(choices.channels, channel),
                subscriptions=(*choices.subscriptions, new),
            )

        self._change(name, change, now)
        return added

    def open_channel(self, name: str, channel: ChosenChannel, now: datetime) -> None:
        """Open a channel for the subscriber; one that is open already stays as it is."""
        self._change(name, lambda choices: replace(choices, channels=_opened(choices.channels, channel)), now)

    def close_channel(self, name: str, target: str, now: datetime) -> bool:
        """Close a channel that the person opened; False where there is none at that target."""
        before = self._store.choices(name).channels
        after = self._change(
            name,
            lambda choices: replace(
                choices, channels=tuple(channel for channel in choices.channels if channel.target != target)
            ),
            now,
        )
        return after.channels != before

    def remove(self, name: str, subscription: str, now: datetime) -> bool:
        """Remove a subscription that the person made; False where there is none of that name. Raises ChoiceRefused."""
        known = self._store.choices(name).subscription(subscription)
        if known is None:
            self._refuse_configured(name, subscription)
            return False
        self._change(
            name,
            lambda choices: replace(
                choices,
                subscriptions=tuple(
                    known for known in choices.subscriptions if not same_name(known.name, subscription)
                ),
                paused=_names_without(choices.paused, subscription),
            ),
            now,
        )
        return True

    def pause(self, name: str, subscription: str, now: datetime, *, paused: bool = True) -> bool:
        """Pause a subscription, or resume it; False where nothing changes. Raises ChoiceRefused."""
        known = next((listed for listed in self.listed(name) if same_name(listed.name, subscription)), None)
        if known is None:
            raise _unknown(subscription)

        def change(choices: Choices) -> Choices:
            rest = _names_without(choices.paused, subscription)
            return replace(choices, paused=(*rest, known.name) if paused else rest)

        self._change(name, change, now)
        return known.paused != paused

    def rename(self, name: str, subscription: str, called: str, now: datetime) -> str:
        """Rename a subscription to `called`; gives the name that it has then. Raises ChoiceRefused."""
        new = _name(called)
        listed = self.listed(name)
        if not same_name(new, subscription) and any(same_name(other.name, new) for other in listed):
            raise ChoiceRefused("taken", f"a subscription is called {new!r} already", name=new)
        self._edit(name, subscription, now, lambda each: replace(each, name=new))
        return new

    def edit(self, name: str, subscription: str, query: str, now: datetime) -> str:
        """Replace the query of a subscription; gives its name, which changes too where it was the query itself.

        Raises QuerySyntaxError, and ChoiceRefused.
        """
        text = checked_query(query).text
        known = self._store.choices(name).subscription(subscription)
        called = known.name if known is not None and known.name != _name(known.text) else _name(text)
        others = [other for other in self.listed(name) if not same_name(other.name, subscription)]
        if any(same_name(other.name, called) for other in others):
            raise ChoiceRefused("taken", f"a subscription is called {called!r} already", name=called)
        self._edit(name, subscription, now, lambda each: replace(each, name=called, text=text, like=()))
        return called

    def route(self, name: str, subscription: str, channel: ChosenChannel | None, now: datetime) -> None:
        """Limit a subscription to one channel, which is opened where needed; None: to none. Raises ChoiceRefused."""
        only = () if channel is None else (channel.target,)
        self._edit(name, subscription, now, lambda each: replace(each, only=only), channel)

    def _edit(
        self,
        name: str,
        subscription: str,
        now: datetime,
        edit: Callable[[ChosenSubscription], ChosenSubscription],
        channel: ChosenChannel | None = None,
    ) -> None:
        def change(choices: Choices) -> Choices:
            known = choices.subscription(subscription)
            if known is None:
                self._refuse_configured(name, subscription)
                raise _unknown(subscription)
            edited = edit(known)
            rest = _names_without(choices.paused, known.name)
            return replace(
                choices,
                subscriptions=tuple(edited if other is known else other for other in choices.subscriptions),
                paused=(*rest, edited.name) if choices.is_paused(known.name) else rest,
                channels=_opened(choices.channels, channel),
            )

        self._change(name, change, now)

    def exclude(self, name: str, query: str, now: datetime) -> bool:
        """Exclude what a query matches from all subscriptions of the subscriber; False where it was excluded already.

        Raises QuerySyntaxError, and ChoiceRefused where there are too many.
        """
        text = checked_query(query).text
        if text in self._all_exclusions(name):
            return False

        def change(choices: Choices) -> Choices:
            if len(choices.exclude) >= MOST_EXCLUSIONS:
                raise ChoiceRefused(
                    "too many",
                    f"there are {MOST_EXCLUSIONS} exclusions already; remove one first",
                    most=MOST_EXCLUSIONS,
                )
            return replace(choices, exclude=tuple(dict.fromkeys((*choices.exclude, text))))

        self._change(name, change, now)
        return True

    def include(self, name: str, query: str, now: datetime) -> bool:
        """Remove an exclusion; False where the person made none of that text."""
        text = " ".join(query.split())
        known = text in self._store.choices(name).exclude
        self._change(
            name,
            lambda choices: replace(
                choices, exclude=tuple(query for query in choices.exclude if query != text)
            ),
            now,
        )
        return known

    def objection(self, name: str, paper: PaperId) -> Objection | None:
        """The subscriber's objection to papers like this one; None where none of their subscriptions brought it."""
        subscriber = self._registry.subscriber(name)
        notice = self._papers.with_notices(name, [paper]).get(paper)
        if subscriber is None or notice is None:
            return None
        names = tuple(listed.name for listed in self.listed(name) if listed.name in notice.subscriptions)
        if not names:
            return None
        brought = [subscription for subscription in subscriber.subscriptions if subscription.name in names]
        noticed = [earlier.stored.paper for earlier in self._papers.noticed(name, _RECENT)]
        return Objection(
            paper=notice.stored.paper,
            subscriptions=names,
            words=exclusions(
                notice.stored.paper,
                [subscription.query for subscription in brought if subscription.query],
                [document_of(other) for other in noticed if other.id != paper],
                list(map(document_of, self.saved(self.owner(name)))),
            )
            if brought
            else (),
            papers=len(noticed),
        )

    def _all_exclusions(self, name: str) -> tuple[str, ...]:
        configured = self._registry.configured.get(name)
        return (*(configured.exclude if configured else ()), *self._store.choices(name).exclude)

    # --- settings

    def set_timezone(self, name: str, zone: str, now: datetime) -> str:
        """Set the IANA time zone, whose name may be in any case; gives its name. Raises ChoiceRefused, with the most similar one."""
        self._refuse_fixed(name, "timezone")
        known = {zone_id.casefold(): zone_id for zone_id in available_timezones() - _NOT_GEOGRAPHIC}
        wanted = "_".join(zone.split())
        zone_name = known.get(wanted.casefold())
        if zone_name is None:
            cities = {zone_id.rpartition("/")[2].casefold(): zone_id for zone_id in sorted(known.values())}
            close = nearest(wanted.casefold(), [*known, *cities], cutoff=_ZONES_ALIKE)
            near = (known.get(close) or cities[close]) if close else ""
            hint = f"; did you mean {near}?" if near else ""
            text = one_line(zone, LONGEST_NAME)
            raise ChoiceRefused("zone", f"{text!r} is no time zone{hint}", zone=text, near=near)
        parse_zone(zone_name)
        self._set(name, now, timezone=zone_name)
        return zone_name

    def set_language(self, name: str, language: str, now: datetime) -> str:
        """Set the language of texts, by its code or its name. Raises ChoiceRefused."""
        self._refuse_fixed(name, "language")
        word = language.strip().lower()
        code = _LANGUAGE_NAMES.get(word, word.replace("_", "-").partition("-")[0])
        if code not in LANGUAGES:
            raise ChoiceRefused("language", f"languages are {', '.join(LANGUAGES)}")
        self._set(name, now, language=code)
        return code

    def set_quiet_hours(self, name: str, hours: str, now: datetime) -> str:
        """Set the quiet hours, `off` for none; gives them as they are stored. Raises ChoiceRefused."""
        self._refuse_fixed(name, "quiet_hours")
        text = hours.strip().lower()
        if text == "none":
            text = OFF
        if text != OFF:
            try:
                quiet = parse_quiet_hours(text)
            except ValueError as error:
                raise ChoiceRefused("hours", str(error)) from error
            text = f"{quiet.start:%H:%M}-{quiet.end:%H:%M}"
        self._set(name, now, quiet_hours=text)
        return text

    def set_delivery(self, name: str, times: str, now: datetime) -> str:
        """Set when the channels deliver; gives it as it is stored. Raises ChoiceRefused."""
        self._refuse_where_fixed(name, "deliver", lambda channel: not channel.capabilities.is_document)
        try:
            text = schedule_text(parse_said_schedule(times))
        except ValueError as error:
            raise ChoiceRefused("times", str(error)) from error
        self._set(name, now, deliver=text)
        return text

    def set_quizzes(self, name: str, quizzes: QuizMode, now: datetime) -> None:
        """Set which questions come as polls by themselves. Raises ChoiceRefused."""
        self._refuse_where_fixed(name, "quizzes", lambda channel: channel.capabilities.polls)
        self._set(name, now, quizzes=quizzes)

    def set_weekly(self, name: str, now: datetime, *, weekly: bool) -> None:
        """Turn the weekly look back on or off."""
        self._set(name, now, weekly=weekly)

    def snooze(self, name: str, until: datetime | None, now: datetime) -> None:
        """Send nothing new before `until`; None ends a snooze. Raises ChoiceRefused."""
        if until is not None and not now < until <= now + LONGEST_SNOOZE:
            raise ChoiceRefused("snooze", f"a snooze ends within {LONGEST_SNOOZE.days} days")
        self._set(name, now, snoozed_until=until)

    def _set(self, name: str, now: datetime, **values: object) -> None:
        self._change(name, lambda choices: replace(choices, **values), now)  # type: ignore[arg-type]

    # --- saved papers

    def save(self, owner: str, paper: PaperId, now: datetime) -> bool:
        """Save a paper; False where it was saved already. Raises ChoiceRefused where there are too many."""
        before = {saved.paper for saved in self._store.saved(owner)}
        if len(before) >= MOST_SAVED and paper not in before:
            raise ChoiceRefused("too many", f"{MOST_SAVED} papers are saved already", most=MOST_SAVED)
        return self._store.save_paper(owner, paper, now)

    def unsave(self, owner: str, paper: PaperId) -> bool:
        """Remove a paper from the saved ones; False where it was not among them."""
        return self._store.unsave_paper(owner, paper)

    def saved(self, owner: str) -> tuple[Paper, ...]:
        """The saved papers as they are now, the last saved first."""
        ids = [saved.paper for saved in self._store.saved(owner)]
        stored = self._papers.stored(ids)
        return tuple(stored[paper].paper for paper in ids if paper in stored)

    # --- proposals

    def propose(self, kind: str, address: str, now: datetime, **values: str) -> str:
        """Store a proposal for a button in the chat `address`; gives its id."""
        proposal = Proposal(id=secrets.token_urlsafe(_ID_BYTES), kind=kind, address=address, values=values)
        self._store.propose(proposal, now)
        return proposal.id

    def proposal(self, proposal_id: str, address: str) -> Proposal | None:
        """The proposal with this id, if it was made in this chat; else None."""
        proposal = self._store.proposal(proposal_id)
        return proposal if proposal is not None and proposal.address == address else None

    def await_answer(
        self, address: str, person: int | None, until: datetime, now: datetime, **values: str
    ) -> None:
        """Treat the person's next text in this chat, until `until`, as an answer; replaces an earlier question."""
        awaited = {**values, "until": until.isoformat()}
        self._store.propose(
            Proposal(id=_answer_id(address, person), kind="answer", address=address, values=awaited), now
        )

    def take_answer(self, address: str, person: int | None, now: datetime) -> Mapping[str, str] | None:
        """The values of the question that waits for the person's answer, which then no longer waits; None where there is none."""
        question = self._store.withdraw(_answer_id(address, person))
        if question is None or datetime.fromisoformat(question.values["until"]) < now:
            return None
        return question.values

    # --- everything

    def export(self, name: str) -> str:
        """The subscriber as YAML for the configuration, without paused subscriptions."""
        subscriber = self._registry.subscriber(name)
        return subscriptions_yaml((subscriber,) if subscriber else ())

    def stop(self, name: str, now: datetime) -> int:
        """Remove all subscriptions, settings and channels that the person made; gives the number of subscriptions."""
        before = self._store.choices(name)
        self._change(name, lambda choices: Choices(admission=choices.admission), now)
        return len(before.subscriptions)

    def delete(self, name: str, person: int | None, now: datetime) -> Deletion:
        """Delete everything about a person for good.

        Of a configured subscriber only what they did and set is deleted; of any other nothing remains.
        """
        configured = self.is_configured(name)
        removed = self._store.forget(name, person, now, whole=not configured)
        remains = self._store.remains(name, person)
        self._registry.show(name, Choices())
        self._on_change()
        log.info("person.deleted", extra={"rows": sum(removed.values()), "configured": configured})
        return Deletion(removed=removed, remains=remains, configured=configured)

    # --- inside

    def _change(self, name: str, change: Callable[[Choices], Choices], now: datetime) -> Choices:
        before = self._store.choices(name)
        after = self._store.change(name, change, now)
        subscriber = self._registry.show(name, after)
        if subscriber is not None and _timing(before) != _timing(after):
            self._store.reschedule(subscriber, now)
        if after != before:
            self._on_change()
        return after

    def _refuse_fixed(self, name: str, key: str) -> None:
        configured = self._registry.configured.get(name)
        if configured is not None and key in configured.fixed:
            self._refuse(key)

    def _refuse_where_fixed(self, name: str, key: str, concerns: Callable[[Channel], bool]) -> None:
        """Refuse a setting that no channel would follow, as the configuration sets it for all that it concerns."""
        subscriber = self._registry.subscriber(name)
        channels = [channel for channel in (subscriber.channels if subscriber else ()) if concerns(channel)]
        if channels and all(key in channel.fixed for channel in channels):
            self._refuse(key)

    def _refuse(self, key: str) -> None:
        raise ChoiceRefused("fixed", f"the configuration sets {key}, and its owner changes it", key=key)

    def _refuse_configured(self, name: str, subscription: str) -> None:
        configured = self._registry.configured.get(name)
        if configured is not None and _find(configured.subscriptions, subscription) is not None:
            raise ChoiceRefused(
                "configured",
                f"{subscription!r} is in the configuration, whose owner changes it; it can be paused",
                name=subscription,
            )


def _answer_id(address: str, person: int | None) -> str:
    return f"answer {address} {person}"


def _timing(choices: Choices) -> tuple[object, ...]:
    return (choices.timezone, choices.quiet_hours, choices.deliver, choices.snoozed_until)


def checked_query(query: str) -> Query:
    """The query on one line; QuerySyntaxError, or ChoiceRefused for one that is too long."""
    text = " ".join(query.split())
    if len(text) > LONGEST_QUERY:
        raise ChoiceRefused("too long", f"a query has at most {LONGEST_QUERY} characters", most=LONGEST_QUERY)
    return parse(text)


def _name(text: str) -> str:
    return cut(one_line(text), LONGEST_NAME)


def _free_name(wanted: str, choices: Choices) -> str:
    """The name, with a number where another subscription has it."""
    name, number = wanted, 2
    while choices.subscription(name) is not None:
        name, number = f"{cut(wanted, LONGEST_NAME - 4)} {number}", number + 1
    return name


def _opened(channels: tuple[ChosenChannel, ...], channel: ChosenChannel | None) -> tuple[ChosenChannel, ...]:
    if channel is None or any(other.target == channel.target for other in channels):
        return channels
    return (*channels, channel)


def _names_without(names: Sequence[str], name: str) -> tuple[str, ...]:
    return tuple(other for other in names if not same_name(other, name))


def _find(subscriptions: Sequence[Subscription], name: str) -> Subscription | None:
    return next((subscription for subscription in subscriptions if same_name(subscription.name, name)), None)


def _unknown(subscription: str) -> ChoiceRefused:
    name = one_line(subscription, LONGEST_NAME)
    return ChoiceRefused("unknown", f"there is no subscription {name!r}", name=name)
