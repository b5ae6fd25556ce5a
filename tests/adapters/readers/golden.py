"""A digest as plain JSON values, to be compared with a file that says what must come out."""

from typing import Any

from bot.domain.digests import Digest
from bot.domain.papers import Edition, Entry


def as_json(digest: Digest) -> dict[str, Any]:
    return {
        "kind": digest.kind,
        "date": str(digest.date) if digest.date else None,
        "papers": [_paper(entry) for entry in digest.entries],
        "tips": dict(digest.tips),
        "problems": [f"{problem.line}: {problem.what}" for problem in digest.problems],
    }


def _paper(entry: Entry) -> dict[str, Any]:
    links = {
        "abs": entry.links.abs,
        "pdf": entry.links.pdf,
        "huggingface": entry.links.huggingface,
        "code": entry.links.code,
        "other": list(entry.links.other),
    }
    paper = {
        "id": entry.id,
        "title": entry.title,
        "authors": list(entry.authors),
        "summary": entry.summary,
        "published": str(entry.published) if entry.published else None,
        "categories": list(entry.categories),
        "comment": entry.comment,
        "score": entry.score,
        "links": {name: link for name, link in links.items() if link},
        "flowchart": entry.flowchart.words if entry.flowchart else None,
        "drawing": " ".join(entry.flowchart.drawing.split())
        if entry.flowchart and entry.flowchart.drawing
        else None,
        "editions": [_edition(edition) for edition in entry.editions],
    }
    return {name: value for name, value in paper.items() if value}


def _edition(edition: Edition) -> dict[str, Any]:
    said = {
        "language": edition.language,
        "title": edition.title,
        "summary": edition.summary,
        "points": [f"{point.label}: {point.text}" for point in edition.points],
        "quiz": [
            {
                "question": question.question,
                "options": list(question.options),
                "answer": question.answer,
                "source": question.answer_source,
            }
            for question in edition.quiz
        ],
    }
    return {name: value for name, value in said.items() if value}
