"""`paperboy demo`: a pass over the seeds for three made-up subscribers, without network, nothing left behind."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bot.app.cli.once import DryRunMessage, dry_run_publishers, look_around, run_once
from bot.domain.errors import UsageError

if TYPE_CHECKING:
    from bot.pipeline.ingest import Taken

_SETTINGS = "site: {title: Paperboy demo}\nwatch: {folders: [SEEDS]}\nweb: {listen: ''}\nfirst_run: 3\n"
_SUBSCRIBERS = """\
subscribers:
  - id: alice
    channels: [{telegram: 1001, quizzes: true}]
    keywords:
      - language models
      - {name: agents, query: (agent OR tool use) AND NOT survey}
  - id: bob
    channels: [{email: bob@example.org}]
    keywords: [video, 3D, reinforcement learn*]
  - id: carol
    channels: [{atom: true}]
    keywords: ["title:reasoning OR math*"]
    authors: [Bernard Ghanem]
"""
_FEED_LINES = 24
_MAIL_LINES = 40
_WIDEST = 110


def demo() -> int:
    """Show alerts, a quiz, a mail and a feed made from the seeds.

    For three made-up subscribers, without network; nothing is left behind.
    """
    show(typer.echo)
    return 0


def show(say: Callable[[str], object]) -> None:
    """Prints an alert, a quiz, a mail and a feed made from the seeds."""
    from tempfile import TemporaryDirectory

    with _seeds() as seeds, TemporaryDirectory(prefix="paperboy-demo-") as folder:
        config = Path(folder) / "paperboy.yaml"
        config.write_text(_SETTINGS.replace("SEEDS", str(seeds)) + "subscriptions: subscriptions.yaml\n")
        (config.parent / "subscriptions.yaml").write_text(_SUBSCRIBERS)
        _show_in(config, say)


def _show_in(config: Path, say: Callable[[str], object]) -> None:
    import asyncio

    from bot.app import wiring
    from bot.app.config.settings import load_settings
    from bot.app.config.subscriptions import load_subscribers

    settings = load_settings(config, {})
    messages: list[DryRunMessage] = []
    house = wiring.build(
        settings,
        load_subscribers(settings.subscriptions),
        publishers=dry_run_publishers(settings, messages.append),
    )

    async def run_pass() -> "Taken":
        try:
            return (await run_once(house, look_around(settings))).taken
        finally:
            await house.close()

    taken = asyncio.run(run_pass())
    say(f"Read {taken.digests} digests with {taken.new} papers for alice, bob and carol.\n")
    mails = [message.text for message in messages if message.target.startswith("email:")]
    chat = [message for message in messages if message.target.startswith("telegram:")]
    alerts = [message.text for message in chat if message.kind == "alert"]
    quizzes = [message.text for message in chat if message.kind == "quiz"]
    _section(say, "alice gets this in Telegram", *alerts[:1])
    _section(say, f"… and {len(quizzes)} quiz polls as replies to it, such as", *quizzes[:1])
    _section(say, "bob gets this mail", *(_excerpt(text, _MAIL_LINES) for text in mails[:1]))
    _section(say, "carol's feed reader fetches this", _feed(settings.atom.folder / "carol.atom"))
    say("Nothing was sent, and nothing is left behind. Your turn: paperboy init, then paperboy run.")


def _section(say: Callable[[str], object], title: str, *texts: str) -> None:
    say(f"━━ {title} " + "━" * max(4, 76 - len(title)))
    for text in texts or ("(nothing matched)",):
        say(text)
    say("")


def _feed(path: Path) -> str:
    return _excerpt(path.read_text(encoding="utf-8").replace("><", ">\n<"), _FEED_LINES)


def _excerpt(text: str, max_lines: int) -> str:
    lines = text.splitlines()
    if len(lines) <= max_lines:
        return text
    shown = [line if len(line) <= _WIDEST else line[: _WIDEST - 1] + "…" for line in lines[:max_lines]]
    return "\n".join([*shown, f"… and {len(lines) - max_lines} more lines"])


@contextmanager
def _seeds() -> Iterator[Path]:
    """The folder of seeds: of the checkout, or of the installed package."""
    from importlib.resources import as_file, files

    checkout = Path(__file__).resolve().parents[3] / "seeds"
    if checkout.is_dir():
        yield checkout
        return
    packaged = files("bot") / "seeds"
    if not packaged.is_dir():
        raise UsageError("the seeds are missing from this installation; run the demo from a checkout")
    with as_file(packaged) as folder:
        yield folder
