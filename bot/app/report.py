"""What was done, in the few lines that a person reads."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot import __version__
from bot.app.cli.safe import plain
from bot.app.cli.terminal import counted

if TYPE_CHECKING:
    from bot.app.config.settings_model import Settings
    from bot.app.once import Done, Looked
    from bot.app.wiring import House
    from bot.pipeline.ingest import Taken
    from bot.pipeline.ports import Counts


def first_lines(house: "House", taken: "Taken") -> list[str]:
    """What `run` says when it has looked around for the first time: what happened, where to look, what next."""
    settings = house.settings
    counts = house.store.deliveries.counts(house.clock.now())
    people = house.roster.matcher.subscribers
    feeds = 1 + sum(one.has_feed for one in people.values())
    lines = [
        f"paperboy {__version__} is at work",
        f"  read      {counted(counts.digests, 'digest')}: {counted(counts.papers, 'paper')},"
        f" {counted(counts.quizzes, 'quiz question')} ({taken.new} new, {taken.gained} gained something)",
        f"  matched   {counted(counts.notices, 'time')} for {counted(len(people), 'subscriber')}"
        f" ({_near(settings.subscriptions)})",
        _telegram_line(settings, counts),
        _email_line(settings, counts),
        f"  feeds     {counted(feeds, 'feed')} in {_near(settings.atom.folder)}/"
        + _served(settings, "/feed.atom"),
        f"  watching  {', '.join(map(_watched, settings.watch.folders))}: drop a digest there",
    ]
    return [*lines, *_next_steps(settings), "  stop      Ctrl-C; `paperboy status` tells how things stand"]


def _telegram_line(settings: "Settings", counts: "Counts") -> str:
    from bot.app.config.publishers import previews_folder, sends_telegram

    sent = _out(counts, "telegram")
    what = "1 message or poll" if sent == 1 else f"{sent} messages and polls"
    if sends_telegram(settings):
        return f"  telegram  {what} sent"
    return f"  telegram  {what} kept as previews in {_near(previews_folder(settings))}/"


def _email_line(settings: "Settings", counts: "Counts") -> str:
    from bot.app.config.publishers import maildir

    waiting = counts.channels.get("email", {}).get("held", 0)
    wait = "1 paper waits for its" if waiting == 1 else f"{waiting} papers wait for their"
    later = f", {wait} digest's time" if waiting else ""
    folder = maildir(settings)
    where = f" in {_near(folder)}/new/" if folder else ""
    return f"  email     {counted(_out(counts, 'email'), 'mail')}{where}{later}"


def _next_steps(settings: "Settings") -> list[str]:
    from bot.app.config.publishers import maildir, sends_telegram

    steps = []
    if not sends_telegram(settings):
        steps.append("telegram.token from @BotFather in config/paperboy.yaml")
    if maildir(settings):
        steps.append("email.transport: smtp://you@your.server:587")
    steps.append(f"your own keywords in {_near(settings.subscriptions)} (read again when you save it)")
    return [f"  {'next' if not number else '':<8}  {number + 1}. {step}" for number, step in enumerate(steps)]


def _out(counts: "Counts", kind: str) -> int:
    return counts.channels.get(kind, {}).get("sent", 0)


def _served(settings: "Settings", path: str) -> str:
    return f", and at {settings.site.url.rstrip('/')}{path}" if settings.web.listen else ""


def _watched(folder: Path) -> str:
    return _near(folder) if folder.is_dir() else f"{_near(folder)} (not there yet)"


def _near(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def done_lines(done: "Done | None", looked: "Looked") -> list[str]:
    """What `once` says."""
    if done is None:
        return [f"nothing new in {counted(len(looked.whole), 'file')}, nothing due"]
    taken, ends = done.taken, done.ends
    lines = [
        f"{counted(taken.digests, 'new digest')} of {counted(len(looked.whole), 'file')}: "
        f"{counted(taken.entries, 'entry', 'entries')}, {counted(taken.new, 'new paper')}, "
        f"{taken.gained} gained something"
    ]
    lines += problem_lines(taken)
    ended = ", ".join(f"{count} {state}" for state, count in sorted(ends.items()) if count)
    lines.append(f"deliveries: {ended}" if ended else "nothing was due")
    if looked.still_written:
        written = counted(looked.still_written, "file is", "files are")
        them = "it is" if looked.still_written == 1 else "they are"
        lines.append(f"{written} still being written; {them} for the next pass")
    return lines


def problem_lines(taken: "Taken") -> list[str]:
    """What in the files could not be used, a line each."""
    return [plain(f"{name}:{line}: {what}") for name, line, what in taken.problems]


def problems_json(taken: "Taken | None") -> list[dict[str, str | int]]:
    """The same for machines."""
    problems = taken.problems if taken else ()
    return [{"file": name, "line": line, "what": what} for name, line, what in problems]


def done_json(done: "Done | None", looked: "Looked") -> dict[str, Any]:
    """The same for machines."""
    taken = done.taken if done else None
    return {
        "files": len(looked.whole),
        "digests": taken.digests if taken else 0,
        "entries": taken.entries if taken else 0,
        "new": taken.new if taken else 0,
        "gained": taken.gained if taken else 0,
        "deliveries": dict(done.ends) if done else {},
        "problems": problems_json(taken),
        "skipped": [{"file": one.name, "why": one.what} for one in looked.skipped],
    }
