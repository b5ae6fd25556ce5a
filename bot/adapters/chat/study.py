"""What the bot says about quizzes: /quiz, /score, /leaderboard and /delete_me."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.adapters.botapi.markup import Markup, bold, joined, ours, plain
from bot.adapters.botapi.messages import Message
from bot.adapters.chat.events import Command
from bot.domain.quizzes.scores import OTHER, Standing, TopicScore, Totals, weak_topics
from bot.domain.text import cut, one_line, units
from bot.pipeline.practice import Given, Practice
from bot.pipeline.study import Board, ScoreSheet, StudyDesk

COMMANDS = {
    "quiz": "One question now: due ones first, then new ones",
    "score": "Your hits, your streak, your weak topics",
    "leaderboard": "Who of this group knows most; add hide or show",
    "delete_me": "Delete your votes and scores",
}
_NAME = 40
_TOPICS = 8
_RANKS = 20
_MEDALS = {1: "🥇", 2: "🥈", 3: "🥉"}
_NOT_GIVEN: dict[Given, str] = {
    "none": "This chat has had every question I know. New ones come with new papers.",
    "unsubscribed": "Nobody is subscribed here yet, so I cannot send questions. /start tells how to begin.",
    "stopped": "I send nothing here since you said /stop. /start takes that back.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What to say, if anything, and whether something was planned that may go out now."""

    message: Message | None = None
    planned: bool = False


class StudyTalk:
    """Answers these commands. What it changes can be done twice without harm, but for /quiz, which gives one more."""

    def __init__(self, desk: StudyDesk, practice: Practice) -> None:
        self._desk = desk
        self._practice = practice

    def reply(self, command: Command, now: datetime) -> Reply:
        """The answer to one of `COMMANDS`."""
        chat = command.chat
        person = None if command.speaks_as_chat else command.user
        if person is not None and not chat.is_private:
            self._desk.met(chat.addresses, person)
        match command.name:
            case "quiz":
                return self._quiz(command, person, now)
            case "delete_me":
                return Reply(message=self._delete(command, person, now))
            case "score" | "leaderboard" if chat.kind == "channel":
                return Reply(message=totals_text(self._desk.totals(chat.addresses)))
            case "leaderboard":
                return Reply(message=self._leaderboard(command, person))
            case _ if person is None:
                return Reply(message=_said("You speak for the whole chat; ask as yourself."))
            case _:
                return Reply(message=score_text(self._desk.score(chat.addresses, person, now)))

    def _quiz(self, command: Command, person: int | None, now: datetime) -> Reply:
        given = self._practice.give(command.chat.addresses, person, now)
        if given in _NOT_GIVEN:
            return Reply(message=_said(_NOT_GIVEN[given]))
        return Reply(planned=True)

    def _leaderboard(self, command: Command, person: int | None) -> Message:
        addresses, wish = command.chat.addresses, command.arguments.lower()
        if command.chat.is_private:
            return _said("A leaderboard needs a group. /score tells yours.")
        if wish not in {"", "hide", "show"}:
            return _said("Say /leaderboard, /leaderboard hide or /leaderboard show.")
        if not wish:
            return board_text(self._desk.leaderboard(addresses))
        if person is None:
            return _said("You speak for the whole chat; ask as yourself.")
        self._desk.hide(addresses, person, hidden=wish == "hide")
        if wish == "hide":
            return _said("You are not named here any more. /leaderboard show takes that back.")
        return _said("You are named here again.")

    def _delete(self, command: Command, person: int | None, now: datetime) -> Message:
        if person is None:
            return _said("You speak for the whole chat; ask as yourself.")
        if command.arguments.lower() != "yes":
            return _said(
                "This deletes your votes, scores and coming questions in all chats, for good. "
                "To do it, send:  /delete_me yes"
            )
        votes = self._desk.forget(person, now)
        return _said(f"Deleted: {votes} {'vote' if votes == 1 else 'votes'} and all that followed from them.")


def score_text(sheet: ScoreSheet) -> Message:
    """The answer to /score."""
    score = sheet.score
    if not score.judged and not score.waiting:
        return _said("No answers yet. /quiz gives a question.")
    lines = [_counted(score.right, score.judged)] if score.judged else []
    if score.streak:
        days = "day" if score.streak == 1 else "days"
        lines.append(plain("🔥 ") + bold(f"{score.streak} {days}") + plain(" in a row"))
    if score.mended:
        lines.append(plain(f"🔁 {score.mended} wrong at first and right in the end"))
    if score.waiting:
        lines.append(plain(f"⏳ {score.waiting} without a known answer yet"))
    if sheet.due:
        lines.append(ours(f"📬 {sheet.due} due today: /quiz"))
    parts = [joined("\n", lines), _topics("By topic", sheet.topics[:_TOPICS])]
    parts.append(_topics("Worth reading again", weak_topics(sheet.topics)[:_TOPICS]))
    return Message(html=joined("\n\n", parts).html)


def board_text(board: Board) -> Message:
    """The answer to /leaderboard in a group."""
    if not board.standings:
        lines = [plain("Nobody here has answered a question with a known answer yet.")]
    else:
        lines = [_standing(one, board) for one in board.standings[:_RANKS]]
        if len(board.standings) > _RANKS:
            lines.append(plain(f"… and {len(board.standings) - _RANKS} more"))
    notes = []
    if board.strangers:
        notes.append(plain(f"Not counted: {_people(board.strangers)} who answered forwarded copies."))
    if board.hidden:
        notes.append(plain(f"Not named: {_people(board.hidden)}, by their own wish."))
    return Message(html=joined("\n\n", (joined("\n", lines), joined("\n", notes))).html)


def totals_text(totals: Totals) -> Message:
    """The answer in a channel, where votes have no names."""
    if not totals.votes:
        return _said("No votes here yet.")
    lines = [plain(f"Questions: {totals.questions}, votes: {totals.votes}.")]
    if totals.judged:
        lines.append(plain("Right: ") + _counted(totals.right, totals.judged))
    lines.append(plain("Votes in channels have no names, so there are no scores of people here."))
    return Message(html=joined("\n", lines).html)


def _standing(one: Standing, board: Board) -> Markup:
    name = cut(one_line(board.names.get(one.person, "")), _NAME, units) or "Somebody"
    place = _MEDALS.get(one.rank, f"{one.rank}.")
    return plain(f"{place} ") + bold(name) + plain(f" – {one.right} of {one.judged}")


def _topics(heading: str, topics: Iterable[TopicScore]) -> Markup:
    named = [one for one in topics if one.judged]
    if not named or [one.name for one in named] == [OTHER]:
        return plain("")
    lines = (
        plain(f"• {cut(one_line(one.name), _NAME, units) or 'other papers'}: {one.right} of {one.judged}")
        for one in named
    )
    return joined("\n", (bold(heading), *lines))


def _counted(right: int, judged: int) -> Markup:
    return bold(f"{right} of {judged}") + plain(f" right ({round(100 * right / judged)} %)")


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"


def _said(text: str) -> Message:
    return Message(html=ours(text).html)
