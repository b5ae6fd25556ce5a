"""The fixed texts: the same names in every language, each of them used."""

import re
from importlib.resources import files
from string import Formatter
from typing import get_args

import pytest

from bot.adapters.web.pages.refusals import refusal_text
from bot.adapters.web.texts import _CHINESE as CHINESE
from bot.adapters.web.texts import _ENGLISH as ENGLISH
from bot.adapters.web.texts import Texts
from bot.pipeline.preferences import ChoiceRefused, Refusal

ROOM = files("bot.adapters.web")


def test_every_language_has_the_same_texts_with_the_same_parts() -> None:
    assert ENGLISH.keys() == CHINESE.keys()
    for name, text in ENGLISH.items():
        in_both = [
            {part for _, part, _, _ in Formatter().parse(wording) if part}
            for wording in (text, CHINESE[name])
        ]
        assert in_both[0] == in_both[1], name


def test_every_text_is_used() -> None:
    source = " ".join(
        path.read_text("utf-8")
        for folder in (ROOM, ROOM.joinpath("pages"), ROOM.joinpath("templates"))
        for path in folder.iterdir()
        if path.is_file() and path.name != "texts.py"
    )
    quoted = set(re.findall(r"[\"'](\w+?)_?[\"'{]", source))  # also the beginning of f"pace_{unit}"
    used = quoted | set(re.findall(r"(?:\bt|\btexts|Texts\([^)]*\))\.(\w+)", source))
    used |= {f"refused_{why.replace(' ', '_')}" for why in get_args(Refusal)}
    endings = (
        "_hint",
        "_near",
        "_like",
        "_one",
        "_many",
        "_none",
        "_text",
        "_day",
        "_week",
        "_month",
        "_year",
    )
    for name in ENGLISH:
        base = next((name.removesuffix(end) for end in endings if name.endswith(end)), name)
        assert {name, base} & used or re.fullmatch(r"example_\d", name), name


def test_an_unknown_language_is_english() -> None:
    assert Texts("fr").language == "en"
    assert Texts("zh").skip != Texts("en").skip


@pytest.mark.parametrize("why", get_args(Refusal))
def test_every_refusal_is_said_in_both_languages(why: Refusal) -> None:
    refusal = ChoiceRefused(why, "in the operator's words", name="agents", zone="Mars", near="", most=20)
    english, chinese = (refusal_text(refusal, language) for language in ("en", "zh"))
    assert "operator" not in english
    assert english.endswith(".")
    assert chinese.endswith("。")
    assert english != chinese
