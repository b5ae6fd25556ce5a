"""Pages that look as a Telegram chat does, 390 pixels wide, in light and dark: an alert, a roll-up, a quiz, a conversation.

    python -m tools.pictures FOLDER [--screenshots]
    python -m tools.pictures --docs
    python -m tools.pictures --readme

The papers are those of `seeds/`, rendered by the same code that writes to Telegram. With `--screenshots` the pages are
photographed by Chromium, which must be installed, with a font of emoji. `--docs` photographs those of docs/chat. `--readme` photographs an alert, a quiz and a mail
side by side for the README, docs/arrives.png, which pngquant makes small.
"""

import argparse
import asyncio
import html
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.adapters.answer_model import answered
from bot.adapters.email.content import EmailSettings, email_content
from bot.adapters.email.html import html_body
from bot.adapters.folders import scan
from bot.adapters.readers import read_digest
from bot.adapters.telegram.publisher import quiz_poll
from bot.adapters.telegram.rendering import Button, Message, render_alert
from bot.adapters.telegram.requests import Say
from bot.adapters.telegram.updates import Author, Chat, CommandMessage
from bot.app.config.settings import load_settings
from bot.app.container import build_container, chat_service
from bot.domain.channels import Target
from bot.domain.digests import merge
from bot.domain.files import FoundFile
from bot.domain.mailbox import Mailbox
from bot.domain.message import Item, Occasion, OutgoingMessage
from bot.domain.notices import reasons_for, relevance
from bot.domain.papers import Paper, PaperId
from bot.domain.query import parse
from bot.domain.quizzes.polls import Poll
from bot.domain.subscriptions import Subscriber, Subscription

ROOT = Path(__file__).parents[1]
WIDTH, HEIGHT = 390, 844
QUERIES = {"agents": "agent", "multimodal": "multimodal OR vision", "arabic": "Arabic"}
STYLE = """
:root { color-scheme: light dark; --paper: light-dark(#fff, #212d3b); --text: light-dark(#000, #fff);
  --soft: light-dark(#8293a0, #7f91a4); --link: light-dark(#168acd, #6ab3f3); --mine: light-dark(#effdde, #2b5278);
  --quote: light-dark(#eef6fc, #26384a); --button: light-dark(#7c9a6f80, #2d3f5180); }
* { box-sizing: border-box; }
body { margin: 0; font: 15px/1.32 -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", "Noto Color Emoji", sans-serif; color: var(--text);
  background: light-dark(linear-gradient(160deg, #d7e3b5, #9fc6a4), #0e1621); background-color: light-dark(#bcd5ac, #0e1621); }
header { display: flex; gap: 10px; align-items: center; padding: 10px 14px; background: var(--paper); position: sticky; top: 0;
  border-bottom: 1px solid light-dark(#0001, #0004); }
header i { width: 38px; height: 38px; border-radius: 50%; background: linear-gradient(#6fb1ef, #3d83d1); color: #fff; font: 600 17px/38px sans-serif; text-align: center; }
header b { display: block; font-size: 16px; } header span { color: var(--soft); font-size: 13px; }
main { padding: 10px 8px 18px; display: flex; flex-direction: column; gap: 8px; }
.bubble { background: var(--paper); border-radius: 14px 14px 14px 4px; padding: 7px 11px 6px; max-width: 362px; box-shadow: 0 1px 1px light-dark(#0002, #0005);
  overflow-wrap: anywhere; white-space: pre-wrap; }
.mine { align-self: flex-end; background: var(--mine); border-radius: 14px 14px 4px 14px; }
a { color: var(--link); text-decoration: none; }
b { font-weight: 600; }
pre { margin: 0; font: 14px/1.3 "Noto Sans Mono", "DejaVu Sans Mono", monospace; white-space: pre-wrap; }
blockquote { margin: 4px 0; padding: 3px 22px 0 9px; border-bottom: 4px solid var(--quote); border-left: 3px solid var(--link); border-radius: 4px; background: var(--quote); position: relative;
  font-size: 14px; max-height: calc(3.96em + 7px); overflow: hidden; }
blockquote::after { content: "⌄"; position: absolute; right: 7px; bottom: -3px; color: var(--link); background: var(--quote); padding-left: 6px; }
.time { float: right; color: var(--soft); font-size: 11px; margin: 7px 0 0 10px; }
.rows { display: flex; flex-direction: column; gap: 4px; margin-top: 4px; max-width: 362px; }
.row { display: flex; gap: 4px; }
.button { flex: 1; background: var(--button); color: light-dark(#fff, #fff); text-align: center; border-radius: 8px; padding: 8px 4px; font-size: 14px; font-weight: 500; }
.reply { border-left: 3px solid var(--link); border-radius: 4px; background: var(--quote); padding: 2px 8px; margin-bottom: 5px; font-size: 13px; color: var(--link);
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.poll .kind { color: var(--soft); font-size: 13px; } .poll p { margin: 6px 0 0; display: flex; gap: 9px; align-items: flex-start; }
.poll p::before { content: ""; flex: none; width: 18px; height: 18px; border: 1.5px solid var(--soft); border-radius: 50%; margin-top: 1px; }
.poll p.right::before { content: "✓"; background: #4fae4e; border-color: #4fae4e; color: #fff; font: 700 13px/16px sans-serif; text-align: center; }
.hint { background: var(--quote); border-radius: 8px; padding: 6px 9px; margin-top: 9px; font-size: 14px; }
"""
PAGE = """<!doctype html><html lang="en" style="color-scheme: {scheme}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>{style}</style>
<header><i>P</i><div><b>Paperboy</b><span>bot</span></div></header><main>
{bubbles}
</main></html>
"""

ARRIVES = ROOT / "docs" / "arrives.png"
DOCS = ROOT / "docs" / "chat"
DOCS_HEIGHTS = {"alert": 560, "roll-up": 844, "quiz": 1000, "conversation": 640}
"""The pictures of the docs, each with its height in pixels."""
README_WIDTH, README_HEIGHT = 1080, 1016
SIDE_BY_SIDE = """<!doctype html><html lang="en" style="color-scheme: light"><meta charset="utf-8"><title>What arrives</title><style>{style}
body {{ background: #e9e4da; display: flex; gap: 28px; padding: 28px; height: {height}px; overflow: hidden; }}
.screen {{ flex: none; width: 390px; border-radius: 22px; overflow: hidden; background: linear-gradient(160deg, #d7e3b5, #9fc6a4); }}
.screen, iframe {{ box-shadow: 0 12px 32px #0003; height: 100%; }}
iframe {{ flex: 1; border: 0; border-radius: 12px; background: #fff; }}
</style><div class="screen"><header><i>P</i><div><b>Paperboy</b><span>bot</span></div></header><main>{bubbles}</main></div>
<iframe srcdoc="{mail}"></iframe></html>
"""


def papers() -> list[Paper]:
    """The papers of the seeds, merged."""
    known: dict[PaperId, Paper] = {}
    for path in sorted((ROOT / "seeds").glob("*.txt")):
        digest = read_digest(path.read_bytes(), name=path.name)
        for entry in digest.entries:
            name = f"{'daily-paper' if digest.kind == 'quiz_text' else 'daily-ai-papers'}/{path.name}"
            known[entry.id] = merge(known.get(entry.id), entry, digest=name, day=digest.date or entry.date)
    return list(known.values())


def an_alert(found: Iterable[Paper], *, most: int, occasion: Occasion | None = None) -> OutgoingMessage:
    """The best of the papers that somebody with QUERIES is told of."""
    subscriptions = tuple(
        Subscription(name=name, text=text, query=parse(text)) for name, text in QUERIES.items()
    )
    person = Subscriber(id="ann", subscriptions=subscriptions)
    items = [
        Item(
            paper=paper, reasons=tuple(reason for reason in reasons_for(person, paper, QUERIES) if reason.why)
        )
        for paper in found
    ]
    best = sorted(
        (item for item in items if item.reasons), key=lambda item: -relevance(item.reasons, item.paper)
    )
    return OutgoingMessage(
        id="b5f1c0de", kind="alert", target=Target(kind="telegram", address="1"), subscriber="ann", language="en", timezone="Europe/Berlin",
        created_at=datetime(2025, 9, 18, 8, 0, tzinfo=UTC), items=tuple(best[:most]), more=max(len(best) - most, 0), occasion=occasion,
    )  # fmt: skip


def a_quiz(alert: OutgoingMessage) -> Poll:
    """The question of the alert's paper whose worked-out answer is the surest, as a quiz."""
    questions = answered(alert.items[0].paper, "en", min_confidence=0.0)
    question = max(questions, key=lambda question: question.confidence or 0)
    return quiz_poll(replace(alert, kind="quiz", question=question))


def message_bubble(message: Message) -> str:
    """A message of the bot with the buttons below it."""
    body = re.sub(r"</blockquote>\n", "</blockquote>", message.html)
    body = re.sub(r"\n<blockquote", "<blockquote", body)
    return f'<div class="bubble">{body}<span class="time">08:00</span></div>{_buttons(message.buttons)}'


def said(text: str) -> str:
    """A message of the person."""
    return f'<div class="bubble mine">{html.escape(text)}<span class="time">08:01 ✓✓</span></div>'


def poll_bubble(poll: Poll, reply_to: str) -> str:
    """A quiz after it was answered."""
    options = "".join(
        f"<p{' class=right' if index == poll.correct else ''}><span>{html.escape(option)}</span></p>"
        for index, option in enumerate(poll.options)
    )
    hint = f'<div class="hint">💡 {html.escape(poll.explanation)}</div>' if poll.explanation else ""
    kind = "Quiz" if poll.correct is not None else "Poll"
    description = f"{html.escape(poll.description)}\n\n" if poll.description else ""
    return (
        f'<div class="bubble poll"><div class="reply">{html.escape(reply_to)}</div>{description}<b>{html.escape(poll.question)}</b>'
        f'<div class="kind">{kind}</div>{options}{hint}<span class="time">08:00</span></div>'
    )


def _buttons(buttons: Iterable[Button]) -> str:
    rows = (
        "".join(f'<div class="button">{html.escape(button.text)}</div>' for button in row)
        for _, row in groupby(buttons, key=lambda button: button.row)
    )
    lines = "".join(f'<div class="row">{row}</div>' for row in rows)
    return f'<div class="rows">{lines}</div>' if lines else ""


def conversation() -> str:
    """Two commands and their answers, over a state that has read the seeds."""
    with TemporaryDirectory() as folder:
        settings = load_settings(Path(folder) / "config" / "paperboy.yaml", {}, explicit=False)
        container = build_container(settings, (), state_url=f"sqlite:///{folder}/state.sqlite3")
        clock, chat = container.clock, Chat(id=1, kind="private")
        found = (file for file in scan([ROOT / "seeds"], max_bytes=settings.max_bytes, base=ROOT))
        files = container.files([file for file in found if isinstance(file, FoundFile)])
        container.ingest.process_history(files, clock.now())
        answering = chat_service(container).conversation
        bubbles = []
        for query in ("(agent OR tool", "arabic OR multimodal"):
            command = CommandMessage(chat=chat, name="add", arguments=query, message=1, author=Author(id=1))
            actions = answering.decide(command, may_change=True)
            bubbles += [said(f"/add {query}")]
            bubbles += [message_bubble(action.message) for action in actions if isinstance(action, Say)]
        asyncio.run(container.close())
    return "".join(bubbles)


def pictures() -> dict[str, str]:
    """Name of each picture to its bubbles."""
    found = papers()
    with_quiz = [paper for paper in found if paper.edition("en").quiz]
    single = replace(an_alert(with_quiz, most=1), more=0)
    item = single.items[0]
    quiz = a_quiz(single)
    several = an_alert(found, most=6)
    slept = an_alert(found, most=20, occasion=Occasion(quiet_hours="22:00–07:00"))
    alert, roll_up, more = render_alert(single), render_alert(slept), render_alert(several)
    if alert is None or roll_up is None or more is None:
        raise SystemExit("pictures: the seeds hold no paper that matches")
    return {
        "alert": message_bubble(alert),
        "roll-up": message_bubble(roll_up),
        "several": message_bubble(more),
        "quiz": message_bubble(alert) + poll_bubble(quiz, item.paper.title),
        "conversation": conversation(),
    }


def chat_pages(folder: Path) -> Iterator[Path]:
    """The pages, written into the folder: NAME-light.html and NAME-dark.html of each picture."""
    for name, bubbles in pictures().items():
        for scheme in ("light", "dark"):
            page = folder / f"{name}-{scheme}.html"
            page.write_text(
                PAGE.format(scheme=scheme, title=name, style=STYLE, bubbles=bubbles), encoding="utf-8"
            )
            yield page


def side_by_side() -> str:
    """A page with an alert and its quiz beside a mail of the same day."""
    found = papers()
    single = replace(an_alert([paper for paper in found if paper.edition("en").quiz], most=1), more=0)
    item = single.items[0]
    quiz = a_quiz(single)
    alert = render_alert(single)
    mail = email_content(
        replace(an_alert(found, most=6), target=Target(kind="email", address="ann@example.org")),
        EmailSettings(sender=Mailbox(address="paperboy@example.org")),
    )
    if alert is None:
        raise SystemExit("pictures: the seeds hold no paper that matches")
    return SIDE_BY_SIDE.format(
        style=STYLE,
        height=README_HEIGHT,
        bubbles=message_bubble(alert) + poll_bubble(quiz, item.paper.title),
        mail=html.escape(html_body(mail)),
    )


def photograph(page: Path, picture: Path, width: int, height: int) -> None:
    """A picture of the page by Chromium."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise SystemExit("pictures: Chromium is not installed")
    arguments = [
        *("--headless", "--no-sandbox", "--hide-scrollbars", "--force-device-scale-factor=2"),
        f"--window-size={width},{height}",
        f"--screenshot={picture}",
        page.resolve().as_uri(),
    ]
    subprocess.run([chromium, *arguments], check=True, capture_output=True, timeout=60)  # noqa: S603 - our own arguments


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--docs", action="store_true")
    parser.add_argument("--readme", action="store_true")
    parser.add_argument("--screenshots", action="store_true")
    parser.add_argument("--height", type=int, default=HEIGHT, help="of the screenshots, in pixels")
    options = parser.parse_args(arguments)
    if options.readme:
        with TemporaryDirectory() as folder:
            page = Path(folder) / "arrives.html"
            page.write_text(side_by_side(), encoding="utf-8")
            photograph(page, ARRIVES, README_WIDTH, README_HEIGHT)
            subprocess.run(["pngquant", "--force", "--ext=.png", "128", str(ARRIVES)], check=True)  # noqa: S603, S607 - our own
        return 0
    if options.docs:
        DOCS.mkdir(exist_ok=True)
        with TemporaryDirectory() as folder:
            for page in chat_pages(Path(folder)):
                name, _, _ = page.stem.rpartition("-")
                if name in DOCS_HEIGHTS:
                    picture = DOCS / f"{page.stem}.png"
                    photograph(page, picture, WIDTH, DOCS_HEIGHTS[name])
                    subprocess.run(["pngquant", "--force", "--ext=.png", "32", str(picture)], check=True)  # noqa: S603, S607 - our own
        return 0
    if options.folder is None:
        parser.error("name a folder")
    options.folder.mkdir(parents=True, exist_ok=True)
    for page in chat_pages(options.folder):
        if options.screenshots:
            photograph(page, page.with_suffix(".png"), WIDTH, options.height)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
