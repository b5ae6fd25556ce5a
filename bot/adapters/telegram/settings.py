"""Settings in the chat: start and stop, digest times, quizzes, quiet hours, time zone, language, snooze, the private
feed, and deleting everything.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from bot.adapters.telegram.markup import bold, code, joined, own_text, plain
from bot.adapters.telegram.rendering import Button, Message
from bot.adapters.telegram.requests import Actions, Deliver, Request, line, message, own_message, shortened
from bot.adapters.telegram.subscriptions import follow_link
from bot.adapters.telegram.texts import text
from bot.domain.channels import FEED
from bot.domain.preferences import OFF, ChosenChannel
from bot.domain.schedule import parse_schedule, parse_span, schedule_in_words
from bot.domain.subscriptions import QuizMode, Subscriber
from bot.domain.translations import wording
from bot.pipeline.preferences import ChoiceRefused

_NAMES = 600
_ZONES = ("Europe/Berlin", "America/New_York", "America/Los_Angeles", "Asia/Shanghai", "Asia/Kolkata", "UTC")
_HOURS = ("22:00-07:00", "23:00-08:00")
_TIMES = {
    "immediately": "immediately",
    "daily": "daily at 08:00",
    "weekdays": "weekdays at 08:00",
    "mondays": "mondays at 08:00",
}
_QUIZZES: Mapping[str, QuizMode] = {
    "all": "all",
    "one": "one",
    "1": "one",
    "on request": "on_request",
    "on_request": "on_request",
    "none": "none",
    "off": "none",
}
_WAKES_AT = time(8)


def start(request: Request) -> Actions:
    """Resume deliveries, or say hello; with the payload of a link offer its query."""
    resumed = request.services.deliveries.resume(request.addresses)
    if request.arguments:
        return follow_link(request)
    return (*request.say(start_text(request, resumed=resumed)), *((Deliver(),) if resumed else ()))


def greet(request: Request) -> Actions:
    """Say hello to people who may change nothing."""
    return request.say(start_text(request, resumed=False))


def start_text(request: Request, *, resumed: bool) -> Message:
    """The greeting: what the chat is subscribed to, or how to begin."""
    listed = request.preferences.listed(request.subscriber)
    if not listed:
        return message(
            line(bold(request.t("hello")), " " + request.t("about")),
            own_text(request.t("begin")),
            own_text(request.t("begin.search")),
        )
    names = shortened(request.t("comma").join(subscription.name for subscription in listed), _NAMES)
    return message(
        plain(request.t("welcome back") if resumed else ""),
        line(request.t("subscribed"), bold(names)),
        own_text(request.t("subscribed.rest")),
    )


def stop(request: Request) -> Actions:
    """Suspend deliveries to the chat."""
    stopped = request.services.deliveries.stop(request.addresses, request.now)
    return request.reply("stopped" if stopped else "stopped.already")


# --- delivery times and quizzes


def digest(request: Request) -> Actions:
    """Set when papers and questions come, or show it with buttons."""
    wanted = " ".join(request.arguments.lower().split())
    if not wanted:
        return request.say(_digest_text(request))
    if wanted == "quizzes":
        return request.say(_quizzes_text(request))
    if wanted.startswith("quizzes "):
        return set_quizzes(request, wanted.removeprefix("quizzes "))
    return set_digest(request, wanted)


def set_digest(request: Request, wanted: str) -> Actions:
    """Set a delivery time, by name or as written, or turn the weekly look back on or off."""
    name = request.subscriber
    if wanted in ("weekly", "weekly on", "weekly off"):
        weekly = wanted != "weekly off"
        request.preferences.set_weekly(name, request.now, weekly=weekly)
        return request.show(own_message(request.t(f"digest.weekly {'on' if weekly else 'off'}")))
    try:
        times = request.preferences.set_delivery(name, _TIMES.get(wanted, wanted), request.now)
    except ChoiceRefused as refused:
        return request.refuse(refused)
    when = schedule_in_words(parse_schedule(times), request.language)
    return (*request.show(own_message(request.t("digest.set", when=when))), Deliver())


def _digest_text(request: Request) -> Message:
    channels = [
        channel
        for subscriber in request.subscribers
        for channel in subscriber.channels
        if channel.address in request.addresses
    ]
    times = dict.fromkeys(schedule_in_words(channel.deliver, request.language) for channel in channels)
    weekly = request.preferences.choices(request.subscriber).weekly
    look_back = "weekly off" if weekly else "weekly on"
    rows = [
        [Button(text=request.t(f"button.{key}"), data=f"dig:{key}") for key in ("immediately", "daily")],
        [Button(text=request.t(f"button.{key}"), data=f"dig:{key}") for key in ("weekdays", "mondays")],
        [
            Button(text=request.t(f"button.{look_back}"), data=f"dig:{look_back.replace(' ', '_')}"),
            Button(text=request.t("button.quizzes"), data="quizzes:show"),
        ],
    ]
    now = line(
        request.t("digest.now"), bold(request.t("comma").join(times) or wording(request.language).at_once)
    )
    questions = line(request.t("quizzes.now"), bold(request.t(f"quizzes.{_quizzes_now(request)}")))
    return message(joined("\n", (now, questions)), own_text(request.t("digest.how")), rows=rows)


def digest_pressed(request: Request, key: str) -> Actions:
    """Set the delivery time that a button names, or show when papers come."""
    wanted = key.replace("_", " ")
    if wanted == "show":
        return request.show(_digest_text(request))
    if wanted not in (*_TIMES, "weekly on", "weekly off"):
        return request.acknowledge(request.t("dead button"))
    return set_digest(request, wanted)


def set_quizzes(request: Request, wanted: str) -> Actions:
    """Set which questions come without being asked for."""
    mode = _QUIZZES.get(wanted)
    if mode is None:
        return request.say(_quizzes_text(request, note=request.t("quizzes.which")))
    try:
        request.preferences.set_quizzes(request.subscriber, mode, request.now)
    except ChoiceRefused as refused:
        return request.refuse(refused)
    return request.show(_quizzes_text(request))


def quizzes_pressed(request: Request, key: str) -> Actions:
    """Set the mode that a button names, or show the current one."""
    if key == "show":
        return request.show(_quizzes_text(request))
    if key not in _QUIZZES.values():
        return request.acknowledge(request.t("dead button"))
    return set_quizzes(request, key.replace("_", " "))


def _quizzes_text(request: Request, note: str = "") -> Message:
    mode = _quizzes_now(request)
    buttons = [
        Button(
            text=("✓ " if option == mode else "") + request.t(f"button.quizzes {option}"),
            data=f"quizzes:{option}",
        )
        for option in ("all", "one", "on_request", "none")
    ]
    now = line(request.t("quizzes.now"), bold(request.t(f"quizzes.{mode}")))
    back = Button(text="‹", data="dig:show")
    return message(
        plain(note), now, own_text(request.t("quizzes.how")), rows=[buttons[:2], buttons[2:], [back]]
    )


def _quizzes_now(request: Request) -> QuizMode:
    """How questions come in the chat, or will come where nobody is subscribed yet."""
    modes = (
        channel.quizzes
        for subscriber in request.subscribers
        for channel in subscriber.channels
        if channel.address in request.addresses
    )
    chosen = request.preferences.choices(request.subscriber).quizzes
    return next(modes, chosen or request.channel.quizzes)


def quiet(request: Request) -> Actions:
    """Set the quiet hours, or show them with buttons."""
    if not request.arguments:
        buttons = [Button(text=hours, data=f"quiet:{hours.replace(':', '')}") for hours in _HOURS]
        buttons.append(Button(text=request.t("button.off"), data=f"quiet:{OFF}"))
        return request.say(
            message(plain(_quiet_now(request)), own_text(request.t("quiet.how")), rows=[buttons])
        )
    return set_quiet(request, request.arguments)


def set_quiet(request: Request, hours: str) -> Actions:
    """Set the quiet hours."""
    try:
        new = request.preferences.set_quiet_hours(request.subscriber, hours, request.now)
    except ChoiceRefused as refused:
        return request.refuse(refused)
    if new == OFF:
        return (*request.show(own_message(request.t("quiet.none"))), Deliver())
    return request.show(own_message(request.t("quiet.set", hours=new, zone=_zone(request).key)))


def quiet_pressed(request: Request, key: str) -> Actions:
    """Set the quiet hours that a button names."""
    hours = next((option for option in _HOURS if option.replace(":", "") == key), OFF if key == OFF else None)
    return set_quiet(request, hours) if hours else request.acknowledge(request.t("dead button"))


def _quiet_now(request: Request) -> str:
    person = request.preferences.subscriber(request.subscriber)
    hours = person.quiet_hours if person else None
    if hours is None:
        return request.t("quiet.none")
    span = f"{hours.start:%H:%M}-{hours.end:%H:%M}"
    return request.t("quiet.now", hours=span, zone=_zone(request).key)


def timezone(request: Request) -> Actions:
    """Set the time zone, or show it with buttons."""
    if request.arguments:
        return set_timezone(request, request.arguments)
    buttons = [Button(text=zone, data=f"zone:{number}") for number, zone in enumerate(_ZONES)]
    rows = [buttons[start : start + 2] for start in range(0, len(buttons), 2)]
    return request.say(message(plain(_zone_now(request)), own_text(request.t("zone.how")), rows=rows))


def set_timezone(request: Request, zone: str) -> Actions:
    """Set the time zone."""
    try:
        request.preferences.set_timezone(request.subscriber, zone, request.now)
    except ChoiceRefused as refused:
        return request.refuse(refused)
    return (*request.show(message(plain(_zone_now(request)))), Deliver())


def timezone_pressed(request: Request, number: str) -> Actions:
    """Set the time zone that a button names."""
    if not number.isdecimal() or int(number) >= len(_ZONES):
        return request.acknowledge(request.t("dead button"))
    return set_timezone(request, _ZONES[int(number)])


def _zone_now(request: Request) -> str:
    zone = _zone(request)
    return request.t("zone.now", zone=zone.key, time=f"{request.now.astimezone(zone):%H:%M}")


def _zone(request: Request) -> ZoneInfo:
    """The zone of the chat's subscriber, or the one chosen before subscribing."""
    person = request.preferences.subscriber(request.subscriber)
    if person is not None:
        return person.timezone
    return ZoneInfo(request.preferences.choices(request.subscriber).timezone or "UTC")


def language(request: Request) -> Actions:
    """Set the language, or show it with buttons."""
    if request.arguments:
        return set_language(request, request.arguments)
    buttons = [Button(text="English", data="lang:en"), Button(text="中文", data="lang:zh")]
    return request.say(message(plain(request.t("language.now")), rows=[buttons]))


def set_language(request: Request, code: str) -> Actions:
    """Set the language; the answer is in the new one."""
    try:
        new = request.preferences.set_language(request.subscriber, code, request.now)
    except ChoiceRefused as refused:
        return request.refuse(refused)
    return request.show(own_message(text("language.set", new)))


# --- snooze


def snooze(request: Request) -> Actions:
    """Send nothing new for a while, or ask how long."""
    if not request.arguments:
        person = request.preferences.subscriber(request.subscriber)
        buttons = [
            Button(text=request.t(f"button.{name}"), data=f"snooze:{span}")
            for name, span in (("day", "1d"), ("week", "1w"), ("two weeks", "2w"))
        ]
        if person is not None and person.snoozed_until and person.snoozed_until > request.now:
            buttons.append(Button(text=request.t("button.end"), data=f"snooze:{OFF}"))
        return request.say(message(own_text(request.t("snooze.how")), rows=[buttons]))
    return set_snooze(request, request.arguments)


def set_snooze(request: Request, wanted: str) -> Actions:
    """Send nothing new until the end of a span, until a day, or end the snooze (`off`)."""
    wanted = wanted.strip().lower()
    until = None if wanted == OFF else _until(wanted, request.now, _zone(request))
    if until is None and wanted != OFF:
        return request.reply("snooze")
    try:
        request.preferences.snooze(request.subscriber, until, request.now)
    except ChoiceRefused as refused:
        return request.refuse(refused)
    if until is None:
        return (*request.show(own_message(request.t("snooze.off"))), Deliver())
    local = until.astimezone(_zone(request))
    return request.show(own_message(request.t("snooze.set", until=f"{local:%Y-%m-%d %H:%M}")))


def _until(wanted: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The end of a span, or eight o'clock of a day in the person's zone; None for any other text."""
    if (span := parse_span(wanted)) is not None:
        return now + span
    try:
        day = date.fromisoformat(wanted)
        return datetime.combine(day, _WAKES_AT, tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


# --- the private feed


def feed(request: Request) -> Actions:
    """Show the address of the person's own feed, or offer to make one."""
    if not request.chat.is_private:
        return request.reply("private only")
    if request.services.site.feed_address is None:
        return request.reply("feed.none")
    person = request.preferences.subscriber(request.subscriber)
    if person is None or not person.has_feed:
        button = Button(text=request.t("button.make feed"), data="feed:make")
        return request.say(message(plain(request.t("feed.ask")), rows=[[button]]))
    return request.say(_feed_text(request, person, "feed"))


def feed_pressed(request: Request, wanted: str) -> Actions:
    """Make a feed, give it another address, or end it."""
    site, name = request.services.site, request.subscriber
    if not request.chat.is_private or site.feed_address is None or wanted not in ("make", "new", "end"):
        return request.acknowledge(request.t("dead button"))
    channel = ChosenChannel(kind=FEED, address=name, quizzes="none")
    if wanted == "end":
        closed = request.preferences.close_channel(name, channel.target, request.now)
        return request.show(own_message(request.t("feed.ended" if closed else "configured")))
    if wanted == "make" and not (site.is_open or request.subscribers or _may_subscribe(request)):
        return request.acknowledge(request.t("add.usage"))
    if wanted == "make":
        request.preferences.open_channel(name, channel, request.now)
    else:
        site.renew_feed(name)
    person = request.preferences.subscriber(name)
    if person is None or not person.has_feed:
        return request.acknowledge(request.t("dead button"))
    return (
        *request.show(_feed_text(request, person, "feed" if wanted == "make" else "feed.renewed")),
        Deliver(),
    )


def _may_subscribe(request: Request) -> bool:
    is_operator = request.author.id in request.services.site.operators
    return is_operator or request.preferences.admission(request.subscriber) == "allowed"


def _feed_text(request: Request, person: Subscriber, key: str) -> Message:
    address = request.services.site.feed_address
    assert address is not None  # checked by the callers
    rows: Sequence[Sequence[Button]] = [
        [
            Button(text=request.t("button.renew feed"), data="feed:new"),
            Button(text=request.t("button.end feed"), data="feed:end"),
        ]
    ]
    return message(plain(request.t(key)), code(address(person.id)), rows=rows)


# --- delete everything


def delete_me(request: Request) -> Actions:
    """Ask whether to delete everything about the person; `/delete_me yes` deletes at once."""
    if request.voter() is None:
        return request.reply("as chat")
    if request.arguments.lower() == "yes":
        return delete(request, "yes")
    rows = [
        [
            Button(text=request.t("button.delete"), data=f"forget:{request.author.id}"),
            Button(text=request.t("button.keep me"), data="forget:no"),
        ]
    ]
    return request.say(message(plain(request.t("delete.ask")), rows=rows))


def delete(request: Request, answer: str) -> Actions:
    """Delete everything about the person; the button only works for the person whom it was shown to."""
    person = request.author.id
    if answer == "no":
        return request.show(own_message(request.t("cancelled")))
    if person is None or answer not in ("yes", str(person)):
        return request.acknowledge(request.t("dead button"))
    name = request.preferences.subscriber_at((str(person),))
    deleted = request.preferences.delete(name, person, request.now)
    what = request.t("comma").join(
        f"{request.t(f'row.{kind}')} {count}" for kind, count in deleted.removed.items()
    )
    parts = [plain(request.t("deleted", what=what) if what else request.t("deleted.nothing"))]
    if deleted.configured:
        parts.append(plain(request.t("deleted.configured", rows=sum(deleted.remains.values()))))
    elif not deleted.remains:
        parts.append(plain(request.t("deleted.proof")))
    return request.show(message(*parts))
