"""`paperboy demo`: the whole way on the seeds, for three made-up people, without network or leftovers."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.app import wiring
from bot.app.config.publishers import CHANNELS, shown
from bot.app.config.settings import Settings, load_settings
from bot.app.config.subscriptions import load_subscribers
from bot.app.once import Looked, look_around, run_once
from bot.domain.channels import ChannelKind
from bot.domain.errors import UsageError
from bot.domain.message import OutgoingMessage, Receipt
from bot.pipeline.ingest import Taken

Say = Callable[[str], object]

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


class _Collecting:
    """Keeps what it is given, as people would see it."""

    def __init__(self, kind: ChannelKind, settings: Settings) -> None:
        self.kind = kind
        self.capabilities = CHANNELS[kind].capabilities
        self._settings = settings
        self.texts: list[tuple[str, str]] = []

    async def send(self, parcel: OutgoingMessage) -> Receipt:
        self.texts.append((parcel.kind, await shown(parcel, self._settings)))
        number = len(self.texts)
        return Receipt(message=str(number), poll=f"demo-{number}" if parcel.question else None)

    async def close(self) -> None:
        """Nothing is held open."""


def show(say: Say) -> None:
    """Print an alert, a quiz, a mail and a feed made from the seeds."""
    with _seeds() as seeds, TemporaryDirectory(prefix="paperboy-demo-") as folder:
        config = Path(folder) / "paperboy.yaml"
        config.write_text(_SETTINGS.replace("SEEDS", str(seeds)) + "subscriptions: subscriptions.yaml\n")
        (config.parent / "subscriptions.yaml").write_text(_SUBSCRIBERS)
        _show_in(config, say)


def _show_in(config: Path, say: Say) -> None:
    settings = load_settings(config, {})
    telegram, email = _Collecting("telegram", settings), _Collecting("email", settings)
    house = wiring.build(
        settings,
        load_subscribers(settings.subscriptions),
        publishers={"telegram": telegram, "email": email},
    )
    looked = look_around(settings)
    taken = asyncio.run(_pass(house, looked))
    say(f"Read {taken.digests} digests with {taken.new} papers for alice, bob and carol.\n")
    alerts = [text for kind, text in telegram.texts if kind == "alert"]
    quizzes = [text for kind, text in telegram.texts if kind == "quiz"]
    _section(say, "alice gets this in Telegram", *alerts[:1])
    _section(say, f"… and {len(quizzes)} quiz polls as replies to it, such as", *quizzes[:1])
    _section(say, "bob gets this mail", *(_beginning(text, _MAIL_LINES) for _, text in email.texts[:1]))
    _section(say, "carol's feed reader fetches this", _feed(settings.atom.folder / "carol.atom"))
    say("Nothing was sent, and nothing is left behind. Your turn: paperboy init, then paperboy run.")


async def _pass(house: wiring.House, looked: Looked) -> Taken:
    try:
        return (await run_once(house, looked)).taken
    finally:
        await house.close()


def _section(say: Say, title: str, *texts: str) -> None:
    say(f"━━ {title} " + "━" * max(4, 76 - len(title)))
    for text in texts or ("(nothing matched)",):
        say(text)
    say("")


def _feed(path: Path) -> str:
    return _beginning(path.read_text(encoding="utf-8").replace("><", ">\n<"), _FEED_LINES)


def _beginning(text: str, most: int) -> str:
    lines = text.splitlines()
    if len(lines) <= most:
        return text
    shown = [line if len(line) <= _WIDEST else line[: _WIDEST - 1] + "…" for line in lines[:most]]
    return "\n".join([*shown, f"… and {len(lines) - most} more lines"])


@contextmanager
def _seeds() -> Iterator[Path]:
    """The seeds: beside the code in a checkout, inside the package where it is installed."""
    checkout = Path(__file__).resolve().parent.parent.parent / "seeds"
    if checkout.is_dir():
        yield checkout
        return
    packaged = files("bot") / "seeds"
    if not packaged.is_dir():
        raise UsageError("the seeds are missing from this installation; run the demo from a checkout")
    with as_file(packaged) as folder:
        yield folder
