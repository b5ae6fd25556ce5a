"""Commands and buttons: their tables, the handlers of help, quizzes and scores, and the dispatch of events to handlers.

A new command is an entry of `COMMANDS` and a handler; a new button is an entry of `BUTTONS`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bot.adapters.telegram import papers, settings, subscriptions
from bot.adapters.telegram.client import MenuScope
from bot.adapters.telegram.markup import Markup, bold, joined, own_text, plain
from bot.adapters.telegram.rendering import Message
from bot.adapters.telegram.requests import (
    Actions,
    Deliver,
    Request,
    Services,
    Who,
    line,
    message,
    own_message,
    shortened,
)
from bot.adapters.telegram.texts import TEXTS, language_of
from bot.adapters.telegram.updates import (
    NOBODY,
    Author,
    ButtonPress,
    Chat,
    ChatMove,
    CommandMessage,
    Event,
    InlineQuery,
    MembershipChange,
    TextMessage,
)
from bot.domain.preferences import same_name
from bot.domain.quizzes.scores import OTHER, Standing, TopicScore, Totals, weak_topics
from bot.domain.text import nearest, one_line
from bot.pipeline.quizzes import Board, NextQuestion, Scores

Handler = Callable[[Request], Actions]


# --- handlers: help and status


def refuse(request: Request) -> Actions:
    """Answer people who may not use a command of administrators."""
    return request.reply("not allowed")


def help_(request: Request) -> Actions:
    """List the commands, in the language of the chat."""
    return request.say(help_text(request.language, request.chat))


def help_text(language: str, chat: Chat) -> Message:
    """The answer to /help."""
    scope: MenuScope = "private" if chat.is_private else "administrators"
    lines = (own_text(f"/{name} – {what}") for name, what in menu(language, scope).items())
    notes = [own_text(TEXTS["help.marks"][language])]
    if not chat.is_private:
        notes.append(own_text(TEXTS["help.admins"][language]))
    return message(own_text(TEXTS["about"][language]), joined("\n", lines), *notes)


def status(request: Request) -> Actions:
    """Show counts of the state to operators."""
    site = request.services.site
    if request.author.id not in site.operators or site.status is None:
        return request.reply("status.only")
    now = site.status(request.now)
    counts = request.t(
        "status",
        papers=now.papers,
        subscribers=now.subscribers,
        pending=now.pending,
        held=now.held,
        uncertain=now.uncertain,
        dead=now.dead,
    )
    incidents = [plain(f"• {shortened(incident, 200)}") for incident in now.incidents[:10]]
    what = bold(request.t("status.incidents")) if incidents else plain(request.t("status.fine"))
    return request.say(message(plain(counts), joined("\n", (what, *incidents))))


# --- handlers: quizzes

_NAMES = 600
_NOT_PLANNED: dict[NextQuestion, str] = {
    "none": "quiz.none",
    "unsubscribed": "quiz.unsubscribed",
    "stopped": "quiz.stopped",
}


def quiz(request: Request) -> Actions:
    """Plan one question for the chat, on papers of the subscription where one is named; it is sent as a delivery."""
    topic = request.arguments
    names = [listed.name for listed in request.preferences.listed(request.subscriber)]
    if topic and not any(same_name(topic, name) for name in names):
        shown_names = shortened(" · ".join(names), _NAMES)
        return (
            request.reply("quiz.topics", names=shown_names) if names else request.reply("quiz.unsubscribed")
        )
    planned = request.services.scheduler.next_question(
        request.addresses, request.voter(), request.now, topic=topic
    )
    if planned == "none" and topic:
        return request.reply("quiz.topic")
    if planned in _NOT_PLANNED:
        return request.reply(_NOT_PLANNED[planned])
    return (Deliver(),)


def score(request: Request) -> Actions:
    """Show the person's score; in channels, where votes have no names, the totals."""
    person = request.voter()
    if request.chat.kind == "channel":
        return request.say(totals_text(request, request.services.stats.totals(request.addresses)))
    if person is None:
        return request.reply("as chat")
    return request.say(
        score_text(request, request.services.stats.score(request.addresses, person, request.now))
    )


def leaderboard(request: Request) -> Actions:
    """Show the group's leaderboard, or leave the person off it (`hide`, `show`)."""
    person, wanted = request.voter(), request.arguments.lower()
    stats = request.services.stats
    if request.chat.kind == "channel":
        return request.say(totals_text(request, stats.totals(request.addresses)))
    if request.chat.is_private:
        return request.reply("board.private")
    if wanted not in {"", "hide", "show"}:
        return request.reply("board.usage")
    if not wanted:
        return request.say(board_text(request, stats.leaderboard(request.addresses)))
    if person is None:
        return request.reply("as chat")
    stats.hide(request.addresses, person, hidden=wanted == "hide")
    return request.reply("board.hidden" if wanted == "hide" else "board.shown")


# --- the table of commands


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A chat command: `/help` and the menus of Telegram clients are made from these values."""

    name: str
    handler: Handler
    help: Mapping[str, str]
    """By language: what the command does, in at most 256 characters."""
    who: Who = "everyone"
    otherwise: Handler = refuse
    """Answers people who may not use the command."""
    where: frozenset[str] = frozenset({"private", "groups"})
    """Menus that list it."""


_PRIVATE = frozenset({"private"})
_GROUPS = frozenset({"groups"})
_HIDDEN = frozenset[str]()

COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        Command(
            name="start",
            who="administrators",
            handler=settings.start,
            otherwise=settings.greet,
            help={"en": "Start here; resumes after /stop", "zh": "从这里开始；/stop 之后用它恢复"},
        ),
        Command(
            name="add",
            who="administrators",
            handler=subscriptions.add,
            help={
                "en": "Subscribe: /add rag AND NOT survey shows what it brings",
                "zh": "订阅：/add rag AND NOT survey，先看效果再保存",
            },
        ),
        Command(
            name="list",
            handler=subscriptions.list_subscriptions,
            help={
                "en": "What this chat is subscribed to: pause, edit, remove",
                "zh": "本聊天的订阅：暂停、修改、删除",
            },
        ),
        Command(
            name="remove",
            who="administrators",
            handler=subscriptions.remove,
            help={"en": "Remove a subscription, by number or name", "zh": "删除订阅：编号或名称"},
        ),
        Command(
            name="preview",
            handler=subscriptions.add,
            help={"en": "What a query would have brought", "zh": "试试一个查询能匹配到什么"},
        ),
        Command(
            name="latest",
            handler=papers.latest,
            help={"en": "The newest papers for this chat", "zh": "本聊天的最新论文"},
        ),
        Command(
            name="search",
            handler=subscriptions.search,
            help={"en": "Search all papers", "zh": "搜索全部论文"},
        ),
        Command(
            name="quiz",
            handler=quiz,
            help={
                "en": "A question now; /quiz rag: on papers of rag",
                "zh": "来一道题；/quiz rag：只考 rag 匹配的论文",
            },
        ),
        Command(
            name="score",
            handler=score,
            help={
                "en": "Your right answers, streak and weak topics",
                "zh": "答对多少、连续几天、哪些主题较弱",
            },
        ),
        Command(
            name="leaderboard",
            handler=leaderboard,
            where=_GROUPS,
            help={
                "en": "Who in this group knows most; add hide or show",
                "zh": "本群谁答得最好；可加 hide 或 show",
            },
        ),
        Command(
            name="saved",
            handler=papers.saved,
            where=_PRIVATE,
            help={"en": "The papers that you saved", "zh": "你保存的论文"},
        ),
        Command(
            name="digest",
            who="administrators",
            handler=settings.digest,
            help={
                "en": "When papers and quizzes come: /digest every day at 08:00",
                "zh": "论文和测验何时发送：/digest 每天 08:00",
            },
        ),
        Command(
            name="quiet",
            who="administrators",
            handler=settings.quiet,
            help={"en": "Quiet hours: /quiet 22:00-07:00", "zh": "免打扰时间：/quiet 22:00-07:00"},
        ),
        Command(
            name="timezone",
            who="administrators",
            handler=settings.timezone,
            help={"en": "Time zone: /timezone Europe/Berlin", "zh": "时区：/timezone Asia/Shanghai"},
        ),
        Command(
            name="language",
            who="administrators",
            handler=settings.language,
            help={"en": "English or Chinese", "zh": "中文或英文"},
        ),
        Command(
            name="snooze",
            who="administrators",
            handler=settings.snooze,
            help={"en": "Send nothing for a while: /snooze 3d", "zh": "暂停一段时间：/snooze 3d"},
        ),
        Command(
            name="feed",
            handler=settings.feed,
            where=_PRIVATE,
            help={"en": "Your private feed", "zh": "你的私人订阅源"},
        ),
        Command(
            name="export",
            handler=papers.export,
            help={
                "en": "Your subscriptions as YAML; /export bib: saved papers",
                "zh": "订阅导出为 YAML；/export bib：已保存的论文",
            },
        ),
        Command(
            name="stop",
            who="administrators",
            handler=settings.stop,
            help={"en": "Stop sending here", "zh": "不再向这里发送"},
        ),
        Command(
            name="delete_me",
            handler=settings.delete_me,
            help={"en": "Delete everything about you", "zh": "删除关于你的一切"},
        ),
        Command(name="help", handler=help_, help={"en": "All commands", "zh": "全部命令"}),
        Command(
            name="status",
            handler=status,
            where=_HIDDEN,
            help={"en": "Counts, for operators", "zh": "运营者的统计"},
        ),
    )
}


def menu(language: str, scope: MenuScope) -> dict[str, str]:
    """The commands of a scope's chats, with what each does in that language; a number is an operator's chat."""
    listed = {}
    for command in COMMANDS.values():
        if scope in ("everywhere", "private") or isinstance(scope, int):
            is_listed = "private" in command.where or (isinstance(scope, int) and command.where == _HIDDEN)
        elif scope == "administrators":
            is_listed = "groups" in command.where
        else:
            is_listed = "groups" in command.where and command.who == "everyone"
        if is_listed:
            listed[command.name] = command.help[language]
    return listed


# --- the table of buttons


@dataclass(frozen=True, kw_only=True, slots=True)
class ButtonKind:
    """A kind of button; `handler` takes the request and the `parts` of the callback data after its name."""

    handler: Callable[..., Actions]
    parts: int = 1
    who: Who = "everyone"


def _for_administrators(handler: Callable[..., Actions], parts: int = 1) -> ButtonKind:
    return ButtonKind(handler=handler, parts=parts, who="administrators")


BUTTONS: dict[str, ButtonKind] = {
    # below an offer or a search
    "keep": _for_administrators(subscriptions.keep),
    "both": _for_administrators(subscriptions.keep_both),
    "edit": _for_administrators(subscriptions.ask_for_query),
    "no": _for_administrators(subscriptions.cancel),
    "sub": _for_administrators(subscriptions.subscribe),
    "find": ButtonKind(handler=subscriptions.more_found, parts=2),
    "let": ButtonKind(handler=subscriptions.admit, parts=2),
    # in the list
    "list": ButtonKind(handler=subscriptions.page),
    "ed": _for_administrators(subscriptions.edit_pressed),
    "hold": _for_administrators(subscriptions.pause),
    "go": _for_administrators(subscriptions.resume),
    "del": _for_administrators(subscriptions.remove_pressed),
    "route": _for_administrators(subscriptions.route_pressed),
    "to": _for_administrators(subscriptions.route, parts=2),
    # settings
    "dig": _for_administrators(settings.digest_pressed),
    "quizzes": _for_administrators(settings.quizzes_pressed),
    "quiet": _for_administrators(settings.quiet_pressed),
    "zone": _for_administrators(settings.timezone_pressed),
    "lang": _for_administrators(settings.set_language),
    "snooze": _for_administrators(settings.set_snooze),
    "feed": ButtonKind(handler=settings.feed_pressed),
    # below alerts
    "more": ButtonKind(handler=papers.more, parts=2),
    "page": ButtonKind(handler=papers.page, parts=2),
    "open": ButtonKind(handler=papers.open_card, parts=2),
    "save": ButtonKind(handler=papers.save, parts=2),
    "like": ButtonKind(handler=papers.like, parts=2),
    "not": _for_administrators(papers.not_for_me, parts=2),
    "quiz": ButtonKind(handler=papers.quiz_me, parts=2),
    "ex": _for_administrators(papers.exclude),
    "in": _for_administrators(papers.include),
    # lists of papers, and the end
    "latest": ButtonKind(handler=papers.latest_page),
    "saved": ButtonKind(handler=papers.saved_page),
    "unsave": ButtonKind(handler=papers.unsave, parts=2),
    "forget": ButtonKind(handler=settings.delete),
}
_DATA = re.compile(r"[a-z]{2,8}(?::[A-Za-z0-9_.-]{1,48}){1,2}", re.ASCII)


def parse_button(data: str) -> tuple[ButtonKind, list[str]] | None:
    """The kind of a pressed button and the parts of its data; None for any other text, since it is untrusted."""
    if not _DATA.fullmatch(data):
        return None
    name, *parts = data.split(":")
    kind = BUTTONS.get(name)
    return (kind, parts) if kind is not None and kind.parts == len(parts) else None


# --- events


class Conversation:
    """Decides how to answer an event. All changes but those of /quiz are idempotent."""

    def __init__(self, services: Services, now: Callable[[], datetime]) -> None:
        self._services = services
        self._now = now

    def asks_for_rights(self, event: Event) -> bool:
        """True where the answer in a group depends on whether an administrator asks."""
        match event:
            case CommandMessage():
                command = COMMANDS.get(event.name)
                return command is not None and command.who == "administrators"
            case ButtonPress():
                button = parse_button(event.data)
                return button is not None and button[0].who == "administrators"
            case TextMessage():
                return True
            case _:
                return False

    def decide(self, event: Event, *, may_change: bool) -> Actions:
        """Change the state; gives the actions to perform, in order.

        `may_change`: the event comes from a private chat or from an administrator.
        """
        match event:
            case CommandMessage():
                return self._command(event, may_change=may_change)
            case TextMessage():
                request = self._request(
                    event.chat,
                    event.message,
                    event.author,
                    arguments=event.text,
                    speaks_as_chat=event.speaks_as_chat,
                    may_change=may_change,
                )
                return subscriptions.answer(request)
            case ButtonPress():
                return self._press(event, may_change=may_change)
            case InlineQuery(author=author):
                return (papers.inline(self._services.finder, event, language_of(author.language)),)
            case _:
                return self._update_chat(event)

    def _update_chat(self, event: MembershipChange | ChatMove) -> Actions:
        """Stop, resume or redirect deliveries to a chat after the bot's membership or the chat's id changed."""
        deliveries, chat = self._services.deliveries, event.chat
        match event:
            case MembershipChange(is_member=True):
                changed = deliveries.resume(chat.addresses)
            case MembershipChange():
                deliveries.stop(chat.addresses, self._now())
                changed = False
            case ChatMove(moved_to=moved_to):
                changed = deliveries.move(chat.id, moved_to)
        return (Deliver(),) if changed else ()

    def _command(self, written: CommandMessage, *, may_change: bool) -> Actions:
        request = self._request(
            written.chat,
            written.message,
            written.author,
            arguments=written.arguments,
            speaks_as_chat=written.speaks_as_chat,
            may_change=may_change,
        )
        command = COMMANDS.get(written.name)
        if command is None:
            return request.say(unknown_text(request, written.name)) if written.chat.is_private else ()
        allowed = command.who == "everyone" or may_change
        return command.handler(request) if allowed else command.otherwise(request)

    def _press(self, press: ButtonPress, *, may_change: bool) -> Actions:
        request = self._request(
            press.chat, press.message, press.author, callback=press.callback, may_change=may_change
        )
        button = parse_button(press.data)
        if button is None:
            return request.acknowledge(request.t("dead button"))
        kind, parts = button
        if kind.who == "administrators" and not may_change:
            return request.acknowledge(request.t("not allowed"))
        return kind.handler(request, *parts)

    def too_fast(self, event: Event) -> Actions:
        """The answer to somebody who asks too often."""
        if isinstance(event, CommandMessage | TextMessage):
            return self._request(event.chat, event.message, event.author).reply("too fast")
        if isinstance(event, ButtonPress):
            request = self._request(event.chat, event.message, event.author, callback=event.callback)
            return request.reply("too fast")
        return ()

    def _request(self, chat: Chat, number: int, author: Author = NOBODY, **parts: Any) -> Request:
        if chat.topic is not None:
            names = self._services.chats.topics(chat.id)
            chat = replace(chat, topic_name=names.get(chat.topic, ""))
        name = self._services.preferences.subscriber_at(chat.addresses)
        person = self._services.preferences.subscriber(name)
        chosen = self._services.preferences.choices(name).language
        language = person.language if person else chosen or language_of(author.language)
        return Request(
            services=self._services,
            now=self._now(),
            chat=chat,
            message=number,
            author=author,
            subscriber=name,
            language=language if language in TEXTS["about"] else "en",
            **parts,
        )


# --- texts

_TOPICS, _RANKS, _PERSON = 8, 20, 40
_MEDALS = {1: "🥇", 2: "🥈", 3: "🥉"}


def unknown_text(request: Request, name: str) -> Message:
    """The answer to an unknown command."""
    near = nearest(name, menu(request.language, "private"), cutoff=0.75)
    rest = request.t("unknown.near", near=near) if near else request.t("unknown.rest")
    return message(
        line(
            request.t("unknown"),
            one_line(name, 80),
            request.t("stop"),
            request.t("sentences"),
            own_text(rest),
        )
    )


def score_text(request: Request, scores: Scores) -> Message:
    """The answer to /score."""
    own = scores.score
    if not own.judged and not own.waiting:
        return own_message(request.t("score.none"))
    lines = [_counted(request, own.right, own.judged)] if own.judged else []
    if own.streak:
        days = request.t("score.streak.one" if own.streak == 1 else "score.streak", days=own.streak)
        row = plain(request.t("score.in a row"))
        lines.append(plain("🔥 ") + (row + bold(days) if request.language == "zh" else bold(days) + row))
    if own.learned:
        lines.append(plain(request.t("score.learned", count=own.learned)))
    if own.waiting:
        lines.append(plain(request.t("score.waiting", count=own.waiting)))
    if scores.due:
        lines.append(own_text(request.t("score.due", count=scores.due)))
    return message(
        joined("\n", lines),
        _topics(request, "score.topics", scores.topics[:_TOPICS]),
        _topics(request, "score.weak", weak_topics(scores.topics)[:_TOPICS]),
    )


def board_text(request: Request, board: Board) -> Message:
    """The answer to /leaderboard in a group."""
    if not board.standings:
        lines = [plain(request.t("board.none"))]
    else:
        lines = [_standing(request, standing, board) for standing in board.standings[:_RANKS]]
        if len(board.standings) > _RANKS:
            lines.append(plain(request.t("board.more", count=len(board.standings) - _RANKS)))
    notes = []
    if board.strangers:
        notes.append(plain(request.t("board.strangers", count=_people(request, board.strangers))))
    if board.hidden:
        notes.append(plain(request.t("board.not named", count=_people(request, board.hidden))))
    return message(joined("\n", lines), joined("\n", notes))


def totals_text(request: Request, totals: Totals) -> Message:
    """The answer in a channel, where votes have no names."""
    if not totals.votes:
        return own_message(request.t("totals.none"))
    lines = [plain(request.t("totals", questions=totals.questions, votes=totals.votes))]
    if totals.judged:
        lines.append(plain(request.t("totals.right")) + _counted(request, totals.right, totals.judged))
    lines.append(plain(request.t("totals.note")))
    return message(joined("\n", lines))


def _standing(request: Request, standing: Standing, board: Board) -> Markup:
    name = shortened(board.names.get(standing.person, ""), _PERSON) or request.t("board.somebody")
    rank = _MEDALS.get(standing.rank, f"{standing.rank}.")
    counts = request.t("board.line", right=standing.right, judged=standing.judged)
    return plain(f"{rank} ") + bold(name) + plain(counts)


def _topics(request: Request, heading: str, topics: Iterable[TopicScore]) -> Markup:
    judged: Sequence[TopicScore] = [topic for topic in topics if topic.judged]
    if not judged or [topic.name for topic in judged] == [OTHER]:
        return plain("")
    lines = (
        plain(f"• {shortened(topic.name, _PERSON) or request.t('score.other')}: ")
        + plain(request.t("score.right", right=topic.right, judged=topic.judged))
        for topic in judged
    )
    return joined("\n", (bold(request.t(heading)), *lines))


def _counted(request: Request, right: int, judged: int) -> Markup:
    share = round(100 * right / judged)
    return bold(request.t("score.right", right=right, judged=judged)) + plain(
        request.t("score.share", share=share)
    )


def _people(request: Request, count: int) -> str:
    return request.t("people.one" if count == 1 else "people.many", count=count)
