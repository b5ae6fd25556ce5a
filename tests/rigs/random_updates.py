"""Random updates of the Bot API, made of its own types: every field that python-telegram-bot knows, often with another value."""

import datetime as dt
import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from functools import cache
from random import Random
from typing import Any, Union, get_args, get_origin

import telegram
from telegram import TelegramObject

from bot.adapters.telegram.commands import BUTTONS, COMMANDS

_JSON_NAMES = {"from_user": "from"}
_DEPTH = 3
_IDS = (1, 7, 8, -5, -100, -1005, 0, 2**52, 2**63, -(2**70))
_CHATS = (7, 8, -5, -100)
_WORDS = (
    "rag",
    "(rag",
    "NOT x",
    "22:00-07:00",
    "off",
    "Europe/Berlin",
    "3d",
    "yes",
    "hide",
    "1",
    "",
    "weekly",
    "zh",
    "bib",
)
_ODD = (
    "\0",
    "\ud800",
    "\u202e<b>",
    "x" * 5000,
    "private",
    "supergroup",
    "²",
    "٣",
    "🦜" * 300,
    "a:b:c",
    "-1",
    " ",
)
_PARTS = (
    "0",
    "1",
    "7",
    "yes",
    "no",
    "y",
    "make",
    "new",
    "end",
    "daily",
    "off",
    "en",
    "9" * 40,
    "3d",
    "weekly_on",
)
_PEOPLE = ("message", "callback_query", "inline_query")
_ALWAYS = frozenset({"id", "type", "message_id", "chat", "text", "from", "data", "message"})


def random_update(rng: Random) -> dict[str, Any]:
    """One update: mostly something that people do, sometimes any other kind, with anything in it."""
    fields = _fields(telegram.Update)
    kind = rng.choice(_PEOPLE if rng.random() < 0.8 else sorted(fields.keys() - {"update_id"}))
    body = _value(rng, fields[kind], _DEPTH) if rng.random() < 0.5 else {}
    if isinstance(body, dict) and rng.random() < 0.9:
        body |= _plausible(rng, kind)
    return {"update_id": rng.randrange(1, 2**31), kind: body}


def _plausible(rng: Random, kind: str) -> dict[str, Any]:
    message = {"message_id": rng.randrange(1, 999), "date": 1, "chat": _chat(rng), "from": _person(rng)}
    if rng.random() < 0.3:
        message |= {"message_thread_id": rng.choice([1, 3, 7]), "is_topic_message": True}
    match kind:
        case "message" | "channel_post":
            return message | {"text": _text(rng)}
        case "callback_query":
            return {"id": "1", "from": _person(rng), "message": message, "data": _data(rng)}
        case "inline_query":
            return {"id": "1", "from": _person(rng), "query": _text(rng), "offset": rng.choice((*_PARTS, ""))}
    return {}


def _text(rng: Random) -> str:
    chance = rng.random()
    if chance < 0.6:
        at = rng.choice(["", "", "@paperboy_bot", "@other"])
        return f"/{rng.choice([*COMMANDS, 'nothing'])}{at} {rng.choice((*_WORDS, *_ODD))}"
    return rng.choice(_WORDS if chance < 0.8 else _ODD)


def _data(rng: Random) -> str:
    """What a button of ours may say, with parts of anything; seldom something else."""
    if rng.random() < 0.1:
        return rng.choice(_ODD)
    name = rng.choice(list(BUTTONS))
    count = BUTTONS[name].parts if rng.random() < 0.9 else rng.randrange(4)
    return ":".join([name, *(rng.choice(_PARTS) for _ in range(count))])


def _chat(rng: Random) -> dict[str, Any]:
    number = rng.choice(_CHATS)
    kind = "private" if number > 0 else rng.choice(["group", "supergroup", "channel"])
    return _broken(
        rng, {"id": number, "type": kind, "title": rng.choice(_ODD), "is_forum": rng.random() < 0.5}
    )


def _person(rng: Random) -> dict[str, Any]:
    language = rng.choice(["en", "zh-hans", "", 5])
    return _broken(
        rng,
        {
            "id": rng.choice([7, 8, 99]),
            "is_bot": False,
            "first_name": rng.choice(_ODD),
            "language_code": language,
        },
    )


def _broken(rng: Random, made: dict[str, Any]) -> dict[str, Any]:
    """The object, now and then with one field that is something else."""
    if made and rng.random() < 0.08:
        made[rng.choice(sorted(made))] = rng.choice([None, True, 5, 1.5, "x", [], {}, rng.choice(_ODD)])
    return made


@cache
def _fields(kind: type[TelegramObject]) -> Mapping[str, Any]:
    """The fields of a type, with what may stand in them."""
    known = vars(telegram) | {"datetime": dt.datetime, "timedelta": dt.timedelta, "dtm": dt}
    hints = typing.get_type_hints(kind.__init__, known, {})
    names = (
        name for name in inspect.signature(kind.__init__).parameters if name not in ("self", "api_kwargs")
    )
    return {_JSON_NAMES.get(name, name): hints.get(name, str) for name in names}


def _value(rng: Random, hint: Any, depth: int) -> Any:
    """A value for a field of that type."""
    if get_origin(hint) in (Union, types.UnionType):
        return _value(rng, rng.choice([arg for arg in get_args(hint) if arg is not type(None)]), depth)
    if get_origin(hint) in (Sequence, list, tuple):
        return [_value(rng, get_args(hint)[0], depth - 1) for _ in range(rng.randrange(3) if depth else 0)]
    if inspect.isclass(hint) and issubclass(hint, TelegramObject):
        return _object(rng, hint, depth - 1) if depth else {}
    if hint is bool:
        return rng.random() < 0.5
    if hint in (int, float, dt.datetime, dt.timedelta):
        return rng.choice(_IDS)
    return _text(rng)


def _object(rng: Random, kind: type[TelegramObject], depth: int) -> dict[str, Any]:
    try:
        fields = _fields(kind)
    except (NameError, TypeError):  # a type that only type checkers know
        return {"id": rng.choice(_IDS)}
    names = {name for name in fields if name in _ALWAYS or rng.random() < 0.15}
    return _broken(rng, {name: _value(rng, fields[name], depth) for name in sorted(names)})
