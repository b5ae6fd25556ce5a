"""The story of a paper and a subscriber for people, moments in the subscriber's own time."""

from datetime import datetime
from typing import TYPE_CHECKING

from bot.app.cli.safe import plain
from bot.app.cli.terminal import Style
from bot.domain.schedule import schedule_text

if TYPE_CHECKING:
    from bot.pipeline.explain import Story, Verdict
    from bot.pipeline.ports import DeliveryRecord

_WHYS = 6
_PASSED: dict[str, str] = {
    "sent": "sent",
    "merged": "sent inside another message",
    "limited": "over the daily limit, named in “+N more”",
    "held": "held until",
    "pending": "waits, due",
    "sending": "being sent, due",
    "uncertain": "UNCERTAIN: the answer was never seen",
    "dead": "GIVEN UP",
}


def story_lines(told: "Story", style: Style) -> list[str]:
    """What `paperboy explain` prints."""
    paper = told.paper
    lines = [style.strong(paper.title), f"{paper.id}  {paper.links.best or ''}".rstrip()]
    lines += ["", f"Digests that name it (times are in {told.subscriber.timezone.key})"]
    for one in told.digests:
        day = one.date.isoformat() if one.date else "no date"
        lines.append(f"  {day}  {plain(one.name)} ({one.kind}), read {_moment(one.read_at, told)}")
    lines += ["", f"Subscriptions of {told.subscriber.id}"]
    if not told.verdicts:
        lines.append("  none")
    for verdict in told.verdicts:
        lines += _verdict_lines(verdict, style)
    lines += ["", "What was sent", *_delivery_lines(told, style)]
    rules = _rule_lines(told)
    return [*lines, "", "Rules that apply", *rules] if rules else lines


def _verdict_lines(one: "Verdict", style: Style) -> list[str]:
    name = plain(one.subscription.name)
    wording = (
        "" if one.subscription.text in (one.subscription.name, "") else f"  {plain(one.subscription.text)}"
    )
    if one.why is None:
        reason = _lacking(one)
        earlier = "; it matched when the paper was noticed" if one.noticed else ""
        return [f"  no   {name}{style.faint(wording)}", f"       {reason}{earlier}"]
    since = "" if one.noticed else style.faint("  (not when it was noticed)")
    near = [] if one.nearness is None else [f"near by {one.nearness:.2f}"]
    found = near + [f"{why.field}: {style.strong(why.text)}" for why in one.why[:_WHYS]]
    more = f", +{len(one.why) - _WHYS}" if len(one.why) > _WHYS else ""
    only = (
        f"; only to {', '.join(sorted(map(plain, one.subscription.only)))}" if one.subscription.only else ""
    )
    return [
        f"  yes  {style.strong(name)}{style.faint(wording)}{since}",
        f"       {', '.join(found)}{more}{only}",
    ]


def _lacking(one: "Verdict") -> str:
    terms = ", ".join(map(plain, one.missing))
    if terms.startswith("NOT "):
        return f"left out by {terms}"
    if one.nearness is not None:
        return f"not near enough: {one.nearness:.2f}, wanted are {one.subscription.near:.2f}"
    return f"missing: {terms}"


def _delivery_lines(told: "Story", style: Style) -> list[str]:
    from bot.pipeline.explain import why_not_queued

    lines = []
    if told.notice:
        names = ", ".join(map(plain, told.notice.subscriptions))
        lines.append(f"  noticed {_moment(told.notice.noticed_at, told)} for {names}")
    reason = why_not_queued(told)
    if reason:
        lines.append(f"  nothing was planned: {reason}")
    elif not told.deliveries:
        lines.append("  nothing: no subscription matches")
    return [*lines, *(line for row in told.deliveries for line in _row_lines(row, told, style))]


def _row_lines(row: "DeliveryRecord", told: "Story", style: Style) -> list[str]:
    when = row.settled_at or row.due_at
    bold = style.strong if row.state in ("dead", "uncertain") else plain
    tries = f", {row.attempts} tries" if row.attempts > 1 else ""
    message = f", message {plain(row.message)}" if row.message else ""
    line = f"  {row.kind:<5}  {plain(row.target)}: {bold(_PASSED[row.state])} {_moment(when, told)}{message}{tries}"
    return [line, f"         {plain(row.error)}"] if row.error else [line]


def _rule_lines(told: "Story") -> list[str]:
    from bot.app.cli.explain import quiet_text
    from bot.pipeline.explain import channel_kind

    person = told.subscriber
    lines = [f"  SUSPENDED {plain(target)}: {plain(why)}" for target, why in sorted(told.suspended.items())]
    lines += [
        f"  TOPIC GONE {plain(target)}: its messages go to the chat itself ({plain(why)})"
        for target, why in sorted(told.astray.items())
    ]
    for kind, stop in told.stopped.items():
        lines.append(f"  STOPPED {kind} since {_moment(stop.since, told)}: {plain(stop.reason)}")
    if person.quiet_hours:
        lines.append(f"  quiet hours {quiet_text(told)} {person.timezone.key}")
    if person.daily_limit is not None:
        lines.append(f"  daily limit {person.daily_limit} papers a place")
    for channel in person.channels:
        schedule = schedule_text(channel.deliver)
        if schedule != "immediately" and channel_kind(channel.target) != "atom":
            lines.append(f"  {plain(channel.target)} gets its messages {schedule}")
    return lines


def _moment(moment: datetime, told: "Story") -> str:
    return f"{moment.astimezone(told.subscriber.timezone):%Y-%m-%d %H:%M}"
