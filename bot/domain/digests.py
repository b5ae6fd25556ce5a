"""A digest: what a reader found in one file."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bot.domain.papers import Entry

DigestKind = Literal[
    "table",
    "quiz_text",
    "quiz_page",
    "markdown",
    "json",
    "feed",
    "html",
    "csv",
    "bibtex",
    "ris",
    "yaml",
    "org",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Something in a digest that could not be used or had to be guessed; `line` counts from 1."""

    line: int
    what: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Digest:
    """One file of papers. Entries stand in the file's order, one per paper."""

    kind: DigestKind
    date: dt.date | None
    entries: tuple[Entry, ...]
    tips: Mapping[str, str] = field(default_factory=dict)
    """Reading tips by language."""
    problems: tuple[Problem, ...] = ()
    lines: tuple[int, ...] = field(default=(), compare=False)
    """For each entry the line, from 1, where it stands in the file."""
    passed_over: tuple[Problem, ...] = field(default=(), compare=False)
    """Places that name a paper and are none of the entries, with why."""
