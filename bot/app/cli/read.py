"""`paperboy read`: what the readers find, file by file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.app.cli.context import say_json
from bot.app.cli.terminal import counted
from bot.domain.errors import DigestError, NotADigest, UsageError
from bot.domain.text import printable

if TYPE_CHECKING:
    from bot.domain.digests import Digest
    from bot.domain.papers import Edition, Entry, Question

LANGUAGES = ("en", "zh")
WITH_PROBLEMS = 1
NO_DIGEST = 2


def read(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Digest files, or folders of them.")],
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON a file instead of text.")] = False,
    language: Annotated[str, typer.Option(help="`zh` for the Chinese half of a page.")] = "en",
) -> int:
    """Show what the readers find in digest files.

    Exit 1 when something in them could not be used, 2 when a file is no digest at all.
    """
    if language not in LANGUAGES:
        raise UsageError(
            f"--language {printable(language)}: there is no such language; use {' or '.join(LANGUAGES)}"
        )
    worst = 0
    for path in _expanded(files):
        worst = max(worst, _read_file(path, language, as_json=as_json))
    return worst


def _expanded(paths: list[Path]) -> list[Path]:
    """The files, with those below a folder in place of the folder."""
    files: list[Path] = []
    for path in paths:
        files += sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return files


def _read_file(path: Path, language: str, *, as_json: bool) -> int:
    from bot.app.wiring import read as read_digest

    try:
        digest = read_digest(_content(path), path.name)
    except DigestError as error:
        what = str(error).removeprefix(f"{path.name}: ")
        typer.echo(f"paperboy: {printable(str(path))}: {printable(what)}", err=True)
        return NO_DIGEST
    if as_json:
        say_json(digest_json(digest, language))
    else:
        _show(path, digest, language)
    return WITH_PROBLEMS if digest.problems else 0


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotADigest(f"cannot be read: {error.strerror}") from error


def digest_json(digest: "Digest", language: str) -> dict[str, Any]:
    """The JSON of `read --json`; its names are fixed."""
    return {
        "date": digest.date.isoformat() if digest.date else None,
        "kind": digest.kind,
        "papers": [_entry_json(entry, language) for entry in digest.entries],
        "tips": digest.tips.get(language) or digest.tips.get("en"),
        "problems": [{"line": problem.line, "what": problem.what} for problem in digest.problems],
    }


def _entry_json(entry: "Entry", language: str) -> dict[str, Any]:
    from bot.adapters.svg import safe_svg

    edition = entry.edition(language)
    return {
        "id": entry.id,
        "title": entry.title,
        "authors": list(entry.authors),
        "summary": entry.summary,
        "points": [{"label": point.label, "text": point.text} for point in edition.points],
        "flowchart": edition.flowchart,
        "flowchart_svg": safe_svg(edition.drawing) if edition.drawing else None,
        "published": entry.published.isoformat() if entry.published else None,
        "links": {
            "abs": entry.links.abs,
            "pdf": entry.links.pdf,
            "huggingface": entry.links.huggingface,
        },
        "quiz": [_question_json(question) for question in _quiz(entry, edition)],
    }


def _quiz(entry: "Entry", edition: "Edition") -> "tuple[Question, ...]":
    from bot.adapters.answer_model import answered
    from bot.domain.papers import merge

    if all(question.keyed for question in edition.quiz):
        return edition.quiz
    return answered(merge(None, entry, source="", day=None), edition.language, min_confidence=1)


def _question_json(question: "Question") -> dict[str, Any]:
    return {
        "question": question.question,
        "options": list(question.options),
        "answer": question.answer,
        "answer_source": question.answer_source,
        "confidence": question.confidence,
    }


def _show(path: Path, digest: "Digest", language: str) -> None:
    quizzes = sum(len(entry.edition(language).quiz) for entry in digest.entries)
    day = digest.date.isoformat() if digest.date else "no date"
    typer.echo(
        f"{printable(str(path))}: {digest.kind}, {day}, "
        f"{counted(len(digest.entries), 'paper')}, {counted(quizzes, 'question')}"
    )
    for entry in digest.entries:
        typer.echo(f"  {entry.id}  {printable(entry.title)}")
    for problem in digest.problems:
        typer.echo(f"{printable(str(path))}:{problem.line}: {printable(problem.what)}", err=True)
