"""Papers and questions as JSON text, and back."""

import datetime as dt
import json
import re
from typing import Any

from bot.domain.papers import Edition, Links, Paper, PaperId, Point, Question, Summary

_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
_ascii = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def _dumps(value: Any) -> str:
    text = _compact(value)
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which no database takes as it is
        return _ascii(value)
    return text


def paper_text(paper: Paper) -> str:
    """The paper as compact JSON."""
    return _dumps(
        {
            "title": paper.title,
            "authors": paper.authors,
            "summaries": [(summary.text, summary.source) for summary in paper.summaries],
            "published": _day_text(paper.published),
            "date": _day_text(paper.date),
            "latest": _day_text(paper.latest),
            "categories": paper.categories,
            "comment": paper.comment,
            "score": paper.score,
            "links": (
                paper.links.abs,
                paper.links.pdf,
                paper.links.huggingface,
                paper.links.code,
                paper.links.other,
            ),
            "editions": [_edition(edition) for edition in paper.editions],
            "sources": paper.sources,
        }
    )


def paper_of(paper_id: str, content: str) -> Paper:
    """The paper that `paper_text` wrote."""
    parts = json.loads(content)
    return Paper(
        id=PaperId(paper_id),
        title=parts["title"],
        authors=tuple(parts["authors"]),
        summaries=tuple(Summary(text=text, source=source) for text, source in parts["summaries"]),
        published=_day(parts["published"]),
        date=_day(parts["date"]),
        latest=_day(parts["latest"]),
        categories=tuple(parts["categories"]),
        comment=parts["comment"],
        score=parts["score"],
        links=_links_of(parts["links"]),
        editions=tuple(map(_edition_of, parts["editions"])),
        sources=tuple(parts["sources"]),
    )


def question_text(question: Question) -> str:
    """The question as compact JSON."""
    return _dumps(_question(question))


def question_of(text: str) -> Question:
    """The question that `question_text` wrote."""
    return _question_of(json.loads(text))


def _day_text(day: dt.date | None) -> str | None:
    return day.isoformat() if day else None


def _day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def _links_of(parts: list[Any]) -> Links:
    *single, other = parts
    return Links(abs=single[0], pdf=single[1], huggingface=single[2], code=single[3], other=tuple(other))


def _edition(edition: Edition) -> dict[str, Any]:
    return {
        "language": edition.language,
        "title": edition.title,
        "summary": edition.summary,
        "points": [(point.label, point.text) for point in edition.points],
        "flowchart": edition.flowchart,
        "drawing": edition.drawing,
        "quiz": [_question(question) for question in edition.quiz],
    }


def _edition_of(parts: dict[str, Any]) -> Edition:
    return Edition(
        language=parts["language"],
        title=parts["title"],
        summary=parts["summary"],
        points=tuple(Point(label=label, text=text) for label, text in parts["points"]),
        flowchart=parts["flowchart"],
        drawing=parts["drawing"],
        quiz=tuple(map(_question_of, parts["quiz"])),
    )


def _question(question: Question) -> tuple[Any, ...]:
    return (
        question.question,
        question.options,
        question.answer,
        question.answer_source,
        question.confidence,
    )


def _question_of(parts: list[Any]) -> Question:
    return Question(
        question=parts[0],
        options=tuple(parts[1]),
        answer=parts[2],
        answer_source=parts[3],
        confidence=parts[4],
    )


_DRAWING, _AFTER_DRAWING = '"drawing":"', '","quiz":['
_PARTING = re.compile(r"\\[bfnrtu]")
"""Where no two escape signs stand for one."""


def searchable(content: str) -> str | None:
    """The content without its drawings: each word of the paper stands in it as written.

    None where an escape sign may stand between two words, or for a letter of one.
    """
    pieces: list[str] = []
    at = 0
    while (start := content.find(_DRAWING, at)) >= 0:
        pieces.append(content[at:start])
        at = content.index(_AFTER_DRAWING, start)
    text = "".join((*pieces, content[at:]))
    return None if "\\" in text and _PARTING.search(text.replace("\\\\", "")) else text
