"""Keyed questions and the texts of their papers, out of a folder of real digests."""

import datetime as dt
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from bot.adapters.readers import read_digest
from bot.domain.digests import merge
from bot.domain.papers import Paper, PaperId, Question
from bot.domain.quizzes.paper_text import PaperText, paper_text, stems

VARIANTS = {"whole": 0.4, "undrawn": 0.2, "torn": 0.2, "summarised": 0.2}
"""The forms in which a paper's text may come, and how much each counts in the training.

With its flowchart's words, without them (a seventh of all papers), with parts missing, with a summary from elsewhere.
"""
_DROPPED, _HALVED = 0.3, 0.65


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A question whose answer is known, and its paper's text in each form (see VARIANTS)."""

    day: dt.date
    paper: PaperId
    question: Question
    texts: dict[str, PaperText]


def samples(corpus: Path, first: dt.date, last: dt.date, language: str = "en") -> list[Sample]:
    """The keyed questions of the quiz pages from `first` to `last`, in the order of the pages."""
    found = []
    for paper, day in papers(corpus, first, last):
        quiz = next((edition.quiz for edition in paper.editions if edition.language == language), ())
        texts = _texts(paper, language)
        found += [
            Sample(day=day, paper=paper.id, question=question, texts=texts)
            for question in quiz
            if question.keyed and len(question.options) > 1
        ]
    return found


def papers(corpus: Path, first: dt.date, last: dt.date) -> Iterator[tuple[Paper, dt.date]]:
    """The papers of the quiz pages of those days, each with its summary from the tables up to `last`."""
    known: dict[PaperId, Paper] = {}
    for paper, _ in _entries(corpus / "tables", ".md", dt.date.min, last, {}):
        known[paper.id] = paper
    yield from _entries(corpus / "pages", ".html", first, last, known)


def texts_read(corpus: Path, last: dt.date) -> Iterator[str]:
    """One text for each paper of each digest up to that day: what words are common is counted in them."""
    tables = _entries(corpus / "tables", ".md", dt.date.min, last, {})
    pages = _entries(corpus / "pages", ".html", dt.date.min, last, {})
    for paper, _ in chain(tables, pages):
        yield " ".join(text for _, text in paper_text(paper, "en").parts)


def document_counts(texts: Iterable[str]) -> tuple[Counter[str], int]:
    """In how many texts each stem stands, and how many texts there are."""
    counts: Counter[str] = Counter()
    number = 0
    for text in texts:
        number += 1
        counts.update(set(stems(text)))
    return counts, number


def _entries(
    folder: Path, ending: str, first: dt.date, last: dt.date, known: dict[PaperId, Paper]
) -> Iterator[tuple[Paper, dt.date]]:
    for file in sorted(folder.glob(f"*{ending}")):
        day = dt.date.fromisoformat(file.stem)
        if first <= day <= last:
            for entry in read_digest(file.read_bytes(), name=file.name).entries:
                yield merge(known.get(entry.id), entry, digest=file.name, day=day), day


def _texts(paper: Paper, language: str) -> dict[str, PaperText]:
    summarised = paper_text(paper, language)
    whole = tuple(part for part in summarised.parts if part[0] != "summary")
    undrawn = tuple(part for part in whole if part[0] != "flow")
    return {
        "whole": PaperText(parts=whole),
        "undrawn": PaperText(parts=undrawn),
        "torn": PaperText(parts=tuple(_torn(whole, random.Random(paper.id)))),  # noqa: S311 - no secret
        "summarised": summarised,
    }


def _torn(parts: tuple[tuple[str, str], ...], chance: random.Random) -> Iterator[tuple[str, str]]:
    """The parts, some missing and some cut in half."""
    for section, text in parts:
        fate = chance.random()
        words = text.split()
        middle = len(words) // 2
        if section == "title" or fate > _HALVED:
            yield section, text
        elif fate > _DROPPED:
            yield section, " ".join(words[:middle] if chance.random() < 0.5 else words[middle:])
