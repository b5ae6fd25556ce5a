"""`paperboy demo`: a pass over the sample digests for three made-up subscribers, without network or traces."""

from collections.abc import Callable, Sequence
from pathlib import Path

import typer

from bot.app.cli.context import JsonOption, say_json
from bot.domain.text import counted, cut

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
_FEED_ENTRIES = 3
_MAIL_LINES = 40
_ATOM = "{http://www.w3.org/2005/Atom}"
_WIDEST = 110


def demo(as_json: JsonOption = False) -> int:
    """Show an alert, a quiz, a mail and a feed, made from sample digests.

    For three made-up subscribers, without network; nothing is left behind.
    """
    if as_json:
        lines: list[str] = []
        show(lambda text: lines.append(str(text)))
        say_json({"text": "\n".join(lines)})
    else:
        show(typer.echo)
    return 0


def show(say: Callable[[str], object]) -> None:
    """Print an alert, a quiz, a mail and a feed made from the seeds."""
    from tempfile import TemporaryDirectory

    from bot.app.sample import seed_folder

    with seed_folder() as seeds, TemporaryDirectory(prefix="paperboy-demo-") as folder:
        config = Path(folder) / "paperboy.yaml"
        config.write_text(_SETTINGS.replace("SEEDS", str(seeds)) + "subscriptions: subscriptions.yaml\n")
        (config.parent / "subscriptions.yaml").write_text(_SUBSCRIBERS)
        _show_in(config, say)


def _show_in(config: Path, say: Callable[[str], object]) -> None:
    import asyncio

    from bot.app.config.settings import load_settings
    from bot.app.config.subscriptions import load_subscribers
    from bot.app.container import build_container
    from bot.app.once import DryRunMessage, dry_run_publishers, run_and_close, scan_folders

    settings = load_settings(config, {})
    messages: list[DryRunMessage] = []
    container = build_container(
        settings,
        load_subscribers(settings.subscriptions),
        publishers=dry_run_publishers(settings, messages.append),
    )
    result = asyncio.run(run_and_close(container, scan_folders(settings))).ingest
    say(f"Read {result.digests} digests with {result.new} papers for alice, bob and carol.\n")
    mails = [message.text for message in messages if message.subscriber == "bob"]
    chat = [message for message in messages if message.subscriber == "alice"]
    alerts = [message.text for message in chat if message.kind == "alert"]
    quizzes = [message.text for message in chat if message.kind == "quiz"]
    _section(say, "alice gets this in Telegram", *alerts[:1])
    _section(say, f"… and {len(quizzes)} quiz polls as replies to it, such as", *quizzes[:1])
    _section(say, "bob gets this mail", *(_beginning(text, _MAIL_LINES) for text in mails[:1]))
    _section(say, "carol's feed reader shows this", *feed_lines(settings.atom.folder / "carol.atom"))
    say("Nothing was sent, and nothing is left behind. Your turn: paperboy init, then paperboy run.")


def _section(say: Callable[[str], object], title: str, *texts: str) -> None:
    say(f"━━ {title} " + "━" * max(4, 76 - len(title)))
    for text in texts or ("(nothing matched)",):
        say(text)
    say("")


def feed_lines(path: Path) -> list[str]:
    """The feed as a reader shows it: its title, then each entry with date, authors, text and link."""
    from lxml import etree

    feed = etree.parse(path).getroot()
    all_entries = feed.findall(f"{_ATOM}entry")
    lines = [f"{feed.findtext(f'{_ATOM}title')}: {counted(len(all_entries), 'paper')}", ""]
    for entry in all_entries[:_FEED_ENTRIES]:
        authors = [name.text or "" for name in entry.iterfind(f"{_ATOM}author/{_ATOM}name")]
        link = entry.find(f"{_ATOM}link[@rel='alternate']")
        published = (entry.findtext(f"{_ATOM}published") or "")[:10]
        lines += [
            f"● {entry.findtext(f'{_ATOM}title')}",
            f"  {published}  {cut(', '.join(authors), _WIDEST - 14)}",
        ]
        lines += [f"  {line}" for line in _paragraphs(entry.findtext(f"{_ATOM}content") or "", authors)]
        lines += [f"  {link.get('href')}" if link is not None else "", ""]
    more = len(all_entries) - _FEED_ENTRIES
    return [*lines, *([f"… and {counted(more, 'more paper', 'more papers')}"] if more > 0 else [])]


def _paragraphs(html: str, authors: Sequence[str]) -> list[str]:
    """The first two lines of an entry's text, without its authors and links."""
    from lxml.html import fragments_fromstring

    texts = [
        " ".join(part.text_content().split())
        for part in fragments_fromstring(html)
        if not isinstance(part, str)
    ]
    return [cut(text, _WIDEST - 2) for text in texts if text and text != ", ".join(authors)][:2]


def _beginning(text: str, max_lines: int) -> str:
    lines = text.splitlines()
    if len(lines) <= max_lines:
        return text
    return "\n".join(
        [*(cut(line, _WIDEST) for line in lines[:max_lines]), f"… and {len(lines) - max_lines} more lines"]
    )
