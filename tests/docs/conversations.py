"""Ten conversations with the bot, held before the emulator and written down as text: `docs/conversations.md`.

`python -m tests.docs.conversations` writes the page anew.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bot.adapters.telegram.requests import ChatSite
from bot.domain.preferences import start_payload
from tests.builders import a_digest, a_question, an_edition, an_entry
from tests.rigs.botapi import BotApi, Chat, SentFile, SentPoll
from tests.rigs.botapi.entities import Formatted
from tests.rigs.botapi.messages import Sent
from tests.rigs.talk import Talk, talking

PAGE = Path(__file__).parents[2] / "docs" / "conversations.md"
_HEAD = """\
# Conversations

Ten conversations with the bot, as they come out of its tests: a test holds them and compares. Lines with `>` are people, `[…]` are
buttons, and what stands below *the message becomes* replaced a message in place. Matched words are bold in Telegram; here they stand between `*`.

<p>
<picture><source media="(prefers-color-scheme: dark)" srcset="chat/alert-dark.png"><img src="chat/alert-light.png" width="240" alt="An alert: one paper with its gist, points and buttons"></picture>
<picture><source media="(prefers-color-scheme: dark)" srcset="chat/roll-up-dark.png"><img src="chat/roll-up-light.png" width="240" alt="A roll-up: what came while somebody slept"></picture>
<picture><source media="(prefers-color-scheme: dark)" srcset="chat/quiz-dark.png"><img src="chat/quiz-light.png" width="240" alt="A quiz below its paper, answered"></picture>
<picture><source media="(prefers-color-scheme: dark)" srcset="chat/conversation-dark.png"><img src="chat/conversation-light.png" width="240" alt="A conversation: a query with a slip, then what one would have brought"></picture>
</p>

"""

PAPERS = (
    an_entry(
        1,
        title="Improving Context Fidelity via Native Retrieval-Augmented Reasoning",
        summary="A reasoning model that quotes its context while it thinks. It beats RAG pipelines by 6.8 points on four benchmarks.",
        authors=("Suyuchen Wang", "Jinlin Wang"),
    ),
    an_entry(
        2,
        title="WebSailor-V2: Bridging the Chasm to Proprietary Agents",
        summary="An open web agent trained on synthetic data and reinforcement learning. It reaches 35.3 on BrowseComp-EN.",
        authors=("Kuan Li",),
    ),
    an_entry(
        3,
        title="Medical Agents at the Bedside: a Survey",
        summary="A survey of medical agents that call tools. Most of them were never tried in a hospital.",
        authors=("Ada Osei",),
    ),
    an_entry(
        4,
        title="ReSum: Long-Horizon Search by Summaries of Context",
        summary="Web agents that summarise their own context. They gain 4.5 % over ReAct without training.",
        authors=("Xixi Wu", "Kuan Li"),
        editions=(
            an_edition(
                points=0,
                quiz=(
                    a_question(
                        "What lets ReSum search for longer?",
                        "A larger model",
                        "Summaries of its own context",
                        "More tools",
                        answer=1,
                    ),
                ),
            ),
        ),
    ),
)


class Script:
    """One conversation, written down while it is held."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.lines: list[str] = []

    async def say(self, chat: Chat, text: str, who: str = "", **parts: Any) -> Sent | None:
        """Somebody writes; the last message of the answer."""
        self.lines.append(f"> {who}{text}")
        answer = await self.talk.say(chat, text, **parts)
        self.told(answer.sent, chat)
        return answer.sent[-1] if answer.sent else None

    async def press(self, message: Any, label: str, user: int, who: str = "") -> Sent | None:
        """Somebody presses a button; the last message of the answer."""
        before = message.content
        self.lines.append(f"> {who}[{label}]")
        answer = await self.talk.press(message, label, user=user)
        if answer.note:
            self.lines.append(f"({answer.note})")
        if message.content != before:
            self.lines += ["(the message becomes)", *shown(message)]
        self.told(answer.sent, message.chat)
        return answer.sent[-1] if answer.sent else None

    def told(self, sent: Any, chat: Chat) -> None:
        for message in sent:
            if message.chat is not chat:
                self.lines.append(f"(to {NAMES[message.chat.id]})")
            self.lines += shown(message)

    def happens(self, what: str, sent: Any, chat: Chat) -> None:
        """Something that nobody wrote: a digest, or time that passed."""
        self.lines.append(f"({what})")
        self.told(sent, chat)


NAMES = {7: "Ann", 8: "Bob", 99: "the operator", -1001: "the group"}


def shown(sent: Sent) -> list[str]:
    """A message, poll or file as lines."""
    if isinstance(sent, SentPoll):
        options = [
            f"  ({'x' if index in sent.correct else ' '}) {text}" for index, text in enumerate(sent.options)
        ]
        return [f"❔ {sent.question}", *options, f"  💡 {sent.explanation}"]
    if isinstance(sent, SentFile):
        return [f"📄 {sent.name}"]
    rows = [" ".join(f"[{button['text']}]" for button in row) for row in sent.buttons]
    asked = [f"(a reply is asked for: {sent.asks})"] if sent.asks else []
    return [*marked(sent.content).splitlines(), *rows, *asked]


def marked(content: Formatted) -> str:
    """The text with its bold parts between asterisks."""
    raw = content.text.encode("utf-16-le")
    marks = sorted(
        (
            index
            for entity in content.entities
            if entity.kind == "Bold"
            for index in (entity.offset, entity.offset + entity.length)
        ),
        reverse=True,
    )
    for index in marks:
        raw = raw[: 2 * index] + "*".encode("utf-16-le") + raw[2 * index :]
    return raw.decode("utf-16-le").replace("\u2060", "")


def feed(talk: Talk, *entries: Any, name: str = "a.md") -> None:
    talk.made.registry.refresh()
    talk.made.look()
    talk.made.read(name, a_digest(*entries))


async def first_words(script: Script) -> None:
    """Beginning."""
    feed(script.talk, *PAPERS)
    ann = script.talk.api.chat(7)
    await script.say(ann, "/start")
    offered = await script.say(ann, "/add agents AND NOT survey")
    await script.press(offered, "Keep", 7)
    script.happens("what was there already comes, the newest few", await script.talk.deliver(), ann)
    await script.say(ann, "/list")


async def a_slip(script: Script) -> None:
    """A query with a slip in it."""
    feed(script.talk, *PAPERS)
    ann = script.talk.api.chat(7)
    await script.say(ann, "/add (agent OR tool use")
    offered = await script.say(ann, "/add zebra")
    await script.press(offered, "Edit", 7)
    again = await script.say(ann, "agent OR tool use")
    await script.press(again, "Keep", 7)


async def two_spellings(script: Script) -> None:
    """A better spelling."""
    feed(script.talk, *PAPERS, *range(20, 26))
    ann = script.talk.api.chat(7)
    offered = await script.say(ann, '/add "language model"')
    await script.press(offered, "Keep both spellings", 7)


async def a_search(script: Script) -> None:
    """A text that is no command."""
    feed(script.talk, *PAPERS)
    ann = script.talk.api.chat(7)
    found = await script.say(ann, "web agents")
    offered = await script.press(found, "Subscribe to this", 7)
    await script.press(offered, "Cancel", 7)
    await script.say(ann, "quantum chess")


async def an_alert(script: Script) -> None:
    """An alert, saved and exported."""
    ann = script.talk.api.chat(7)
    await subscribed(script.talk, ann, "agents")
    feed(script.talk, PAPERS[1])
    sent = await script.talk.deliver()
    script.happens("a digest comes", sent, ann)
    await script.press(sent[0], "Save", 7)
    await script.press(sent[0], "Save", 7)
    await script.say(ann, "/saved")
    await script.say(ann, "/export bib")


async def not_for_me(script: Script) -> None:
    """A paper that was not wanted."""
    ann = script.talk.api.chat(7)
    await subscribed(script.talk, ann, "agents")
    feed(script.talk, PAPERS[1], PAPERS[3])
    await script.talk.deliver()
    feed(script.talk, PAPERS[2], name="b.md")
    sent = await script.talk.deliver()
    script.happens("a digest comes", sent, ann)
    why = await script.press(sent[0], "Not for me", 7)
    await script.press(why, "NOT medical", 7)


async def a_quiz(script: Script) -> None:
    """A question."""
    ann = script.talk.api.chat(7)
    await subscribed(script.talk, ann, "agents")
    feed(script.talk, PAPERS[3])
    sent = await script.talk.deliver()
    script.happens("a digest comes", sent, ann)
    await script.press(sent[0], "Quiz me", 7)
    sent = await script.talk.deliver()
    script.told(sent, ann)
    poll = next(message for message in sent if isinstance(message, SentPoll))
    script.lines.append("> (votes for the right one)")
    script.talk.api.vote(poll, 7, poll.correct[0])
    await script.talk.settled()
    await script.say(ann, "/score")
    await script.say(ann, "/quiz")
    when = await script.say(ann, "/digest")
    await script.press(when, "❔ Quizzes", 7)
    await script.press(when, "One a paper", 7)


async def a_quiet_night(script: Script) -> None:
    """A quiet night."""
    ann = script.talk.api.chat(7)
    await subscribed(script.talk, ann, "agents")
    zones = await script.say(ann, "/timezone")
    await script.press(zones, "Europe/Berlin", 7)
    await script.say(ann, "/quiet 22:00-07:00")
    script.talk.made.clock.advance(hours=14)
    feed(script.talk, PAPERS[1], PAPERS[3])
    script.happens("two papers come at midnight", await script.talk.deliver(), ann)
    script.talk.made.clock.advance(hours=7)
    script.happens("seven in the morning", await script.talk.deliver(), ann)
    await script.say(ann, "/snooze 3d")


async def a_group(script: Script) -> None:
    """A group with topics, and an operator who is asked."""
    group = script.talk.api.chat(-1001, kind="supergroup", topics={3, 7}, administrators={7})
    script.talk.api.chat(99)
    await script.talk.say(group, "hello", user=8, topic=7, topic_name="Agents")
    await script.say(group, "/add agents", who="Bob: ", user=8, topic=3)
    offered = await script.say(group, "/add agents", who="Ann, an administrator: ", user=7, topic=3)
    asked = await script.press(offered, "Keep", 7, who="Ann: ")
    await script.press(asked, "Allow", 99, who="the operator: ")
    listed = await script.say(group, "/list", who="Ann: ", user=7, topic=3)
    await script.press(listed, "1 ⇄", 7, who="Ann: ")
    await script.press(listed, "Agents", 7, who="Ann: ")


async def chinese_and_the_end(script: Script) -> None:
    """In Chinese, by a link, and the end."""
    feed(script.talk, *PAPERS)
    ann = script.talk.api.chat(7)
    offered = await script.say(ann, f"/start {start_payload('agents')}", language="zh-hans")
    await script.press(offered, "保留", 7)
    await script.say(ann, "/language zh")
    asked = await script.say(ann, "/delete_me")
    await script.press(asked, "全部删除", 7)


SCRIPTS: tuple[Callable[[Script], Awaitable[None]], ...] = (
    first_words,
    a_slip,
    two_spellings,
    a_search,
    an_alert,
    not_for_me,
    a_quiz,
    a_quiet_night,
    a_group,
    chinese_and_the_end,
)


async def subscribed(talk: Talk, chat: Chat, query: str) -> None:
    """Somebody subscribed some time ago."""
    answer = await talk.say(chat, f"/add {query}", user=chat.id)
    await talk.press(answer.message, "Keep", user=chat.id)
    await talk.deliver()
    talk.made.clock.advance(minutes=5)


async def held(script: Callable[[Script], Awaitable[None]]) -> str:
    """The conversation as text."""
    site = ChatSite(is_open=script is not a_group, operators=(99,))
    with TemporaryDirectory() as folder:
        async with (
            BotApi() as api,
            talking(api, f"sqlite:///{folder}/state.sqlite3", site=site, first_run=1) as talk,
        ):
            written = Script(talk)
            await script(written)
    title = (script.__doc__ or "").strip().rstrip(".")
    body = "\n".join(line.rstrip() for line in written.lines)
    return f"## {title}\n\n```\n{body}\n```\n"


async def page() -> str:
    """The whole page."""
    return _HEAD + "\n".join([await held(script) for script in SCRIPTS])


if __name__ == "__main__":
    PAGE.write_text(asyncio.run(page()), encoding="utf-8")
