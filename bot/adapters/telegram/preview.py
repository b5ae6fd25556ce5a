"""Previews of messages and polls, for a terminal and a browser: the Telegram channel without a token."""

import asyncio
import html
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from html.parser import HTMLParser
from itertools import groupby
from pathlib import Path

from bot.adapters import atomic_file
from bot.adapters.telegram.publisher import TelegramPublisher, quiz_poll, rendered_text
from bot.adapters.telegram.rendering import Button, Message
from bot.domain.channels import Capabilities, ChannelKind, Limits
from bot.domain.delivery import DeliveryKind
from bot.domain.errors import TryLater
from bot.domain.message import Begin, OutgoingMessage, Receipt, unrecorded
from bot.domain.quizzes.polls import Poll
from bot.domain.text import columns

_WIDTH = 76
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.45 system-ui, sans-serif; background: light-dark(#dfe7ee, #0e1621); margin: 2rem 1rem; }}
main {{ max-width: 34rem; margin: auto; }}
article {{ background: light-dark(#fff, #182533); color: light-dark(#111, #f2f2f2); border-radius: .8rem;
  padding: .7rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere; }}
a {{ color: light-dark(#2678b6, #6ab3f3); text-decoration: none; }}
blockquote {{ margin: .3rem 0; padding: .3rem .7rem; border-left: 3px solid #3390ec; border-radius: .3rem;
  background: light-dark(#eef5fc, #1f3345); }}
header, .button {{ color: light-dark(#56697a, #8aa0b4); font-size: .85rem; }}
.row {{ display: flex; gap: .3rem; }}
.button {{ flex: 1; text-align: center; background: light-dark(#c8d8e4, #223546); border-radius: .5rem; padding: .4rem; margin-top: .3rem; }}
ol {{ list-style: none; padding: 0; margin: .5rem 0; }}
</style>
<main><header>{title}</header>
<article>{body}</article>{buttons}
</main></html>
"""


def plain_preview(content: Message | Poll, heading: str = "Telegram", width: int = _WIDTH) -> str:
    """The message or poll for a terminal: asterisks around bold words, addresses below the line that links them."""
    lines = _poll_lines(content) if isinstance(content, Poll) else _message_lines(content)
    framed = [f"│ {part}".rstrip() for line in lines for part in _wrapped(line, width - 2)]
    rows = () if isinstance(content, Poll) else _rows(content.buttons)
    below = ["".join(f"  [ {button.text} ]" for button in row) for row in rows]
    return "\n".join([f"╭─ {heading}", *framed, "╰─", *below])


def html_preview(content: Message | Poll, heading: str) -> str:
    """The message or poll as an HTML page."""
    if isinstance(content, Poll):
        body, buttons = _poll_html(content), ""
    else:
        body = content.html.replace("</blockquote>\n", "</blockquote>")  # a block ends its line by itself
        rows = (
            "".join(f'<div class="button">{html.escape(button.text)}</div>' for button in row)
            for row in _rows(content.buttons)
        )
        buttons = "".join(f'<div class="row">{row}</div>' for row in rows)
    return _PAGE.format(title=html.escape(heading), body=body, buttons=buttons)


def _rows(buttons: Iterable[Button]) -> list[list[Button]]:
    """The buttons, row by row."""
    return [list(row) for _, row in groupby(buttons, key=lambda button: button.row)]


def _message_lines(message: Message) -> list[str]:
    parser = _HtmlToText()
    parser.feed(message.html)
    parser.close()
    return parser.text().split("\n")


class _HtmlToText(HTMLParser):
    """Parser that converts our own HTML, which is always well-formed, to the text that Telegram shows."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._hrefs: list[str] = []
        self._waiting: list[str] = []
        self._quoted = False

    def text(self) -> str:
        return "".join(self._parts) + self._addresses()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._hrefs.append(dict(attrs).get("href") or "")
        elif tag == "b":
            self._parts.append("*")
        elif tag == "blockquote":
            self._quoted = True
            self._parts.append("▎ ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._waiting.append(self._hrefs.pop())
        elif tag == "b":
            self._parts.append("*")
        elif tag == "blockquote":
            self._quoted = False

    def handle_data(self, data: str) -> None:
        first, *rest = data.split("\n")
        self._parts.append(first)
        for line in rest:
            self._parts += [self._addresses(), "\n", "▎ " if self._quoted else "", line]

    def _addresses(self) -> str:
        waiting, self._waiting = self._waiting, []
        return "".join(f"\n{address}" for address in waiting)


def _poll_lines(poll: Poll) -> Iterator[str]:
    if poll.preface:
        yield from (*poll.preface.split("\n"), "")
    if poll.description:
        yield from (*poll.description.split("\n"), "")
    yield poll.question
    for index, option in enumerate(poll.options):
        yield f"  {'●' if index == poll.correct else '○'} {option}{'  ✓' if index == poll.correct else ''}"
    if poll.explanation:
        yield from ("", *f"💡 {poll.explanation}".split("\n"))


def _poll_html(poll: Poll) -> str:
    above = (html.escape(text) + "\n\n" for text in (poll.preface, poll.description) if text)
    options = (
        f"<li>{'●' if index == poll.correct else '○'} {html.escape(option)}</li>"
        for index, option in enumerate(poll.options)
    )
    below = f"💡 {html.escape(poll.explanation)}" if poll.explanation else ""
    return f"{''.join(above)}<b>{html.escape(poll.question)}</b><ol>{''.join(options)}</ol>{below}"


def _wrapped(line: str, width: int) -> Iterator[str]:
    """The line in parts of at most `width` columns; continuation lines keep the indent."""
    indent = "▎ " if line.startswith("▎") else " " * (len(line) - len(line.lstrip()))
    part, used = "", 0
    for word in _words(line):
        if part.strip("▎ ") and used + columns(word.rstrip()) > width:
            yield part
            part, used, word = indent, len(indent), word.lstrip()  # noqa: PLW2901
        part += word
        used += columns(word)
    yield part


def _words(line: str) -> Iterator[str]:
    """Text that stays on one line, with the blanks after it: a word, or a single wide character."""
    word = ""
    for character in line:
        is_break = word and (word[-1] == " " or columns(character) > 1 or columns(word[-1]) > 1)
        if is_break and character != " ":
            yield word
            word = ""
        word += character
    yield word


_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9@_-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """A message or poll that would have been sent."""

    kind: DeliveryKind
    address: str
    message_id: str
    created_at: datetime
    content: Message | Poll
    is_reply: bool = False

    @property
    def heading(self) -> str:
        """One line above the preview, such as `Telegram quiz to 123`."""
        if isinstance(self.content, Message):
            what = "edited message" if self.kind == "edit" else "message"
        else:
            what = "poll" if self.content.correct is None else "quiz"
        return f"Telegram {what} to {self.address}" + (", a reply to the alert" if self.is_reply else "")

    def text(self) -> str:
        """The preview as text for a terminal."""
        return plain_preview(self.content, self.heading)


Sink = Callable[[Preview], None]


class PreviewFolder:
    """Writes each preview as a page and as text into a folder for each chat; an equal preview replaces its files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, preview: Preview) -> None:
        """Write both files; raises OSError."""
        folder = self._folder / f"telegram-{_NOT_IN_NAMES.sub('_', preview.address)}"
        atomic_file.private_folder(folder)
        message_id = _NOT_IN_NAMES.sub("_", preview.message_id)
        name = f"{preview.created_at:%Y-%m-%dT%H%M%S}-{message_id}-{preview.kind}"
        page = html_preview(preview.content, preview.heading)
        atomic_file.write(folder / f"{name}.html", page.encode(), durable=False)
        atomic_file.write(folder / f"{name}.txt", f"{preview.text()}\n".encode(), durable=False)


class PreviewPublisher:
    """The Telegram channel without a token: renders messages into a folder, or for `show`, and sends nothing."""

    kind: ChannelKind = "telegram"
    capabilities: Capabilities = replace(TelegramPublisher.capabilities, limits=Limits(), harmless_twice=True)

    def __init__(self, folder: Path | None = None, *, show: Sink | None = None) -> None:
        self._sinks = tuple(sink for sink in (PreviewFolder(folder) if folder else None, show) if sink)

    async def send(self, outgoing: OutgoingMessage, begin: Begin = unrecorded) -> Receipt:
        """Write the preview; edits and replies recognise its receipt. Raises TryLater where it cannot be written."""
        content = quiz_poll(outgoing) if outgoing.kind == "quiz" else rendered_text(outgoing)
        preview = Preview(
            kind=outgoing.kind,
            address=outgoing.target.address,
            message_id=outgoing.id,
            created_at=outgoing.created_at,
            content=content,
            is_reply=outgoing.reply_to is not None,
        )
        await begin()
        await self._write(preview)
        name = f"preview-{outgoing.id}"
        if isinstance(content, Poll):
            return Receipt(message=name, option_order=content.order)
        return Receipt(message=name, papers_shown=content.papers_shown)

    async def close(self) -> None:
        """Nothing is held open."""

    async def _write(self, preview: Preview) -> None:
        for sink in self._sinks:
            try:
                await asyncio.to_thread(sink, preview)
            except OSError as error:
                raise TryLater(f"the preview cannot be kept: {error}", scope="channel") from error
