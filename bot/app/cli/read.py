"""`paperboy read`: what the readers find in files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.app.cli.context import (
    NEEDS_A_LOOK,
    WRONG_USAGE,
    json_requested,
    say_json,
)
from bot.domain.errors import DigestError, NotADigest, UsageError
from bot.domain.text import counted, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.adapters.readers import ReaderAttempt
    from bot.domain.digests import Digest
    from bot.domain.papers import Edition, Entry, Links, Question

CERTAINTIES = (
    "no sign of its format",
    "possible",
    "likely",
    "its format for certain",
    "the source that it knows",
)


def read(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Digest files, or folders of them.")],
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print one JSON document per file, one on each line.", callback=json_requested
        ),
    ] = False,
    language: Annotated[
        str, typer.Option(metavar="LANGUAGE", help="en, or zh for the Chinese half of a page.")
    ] = "en",
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Also show why the reader was chosen, and which lines were passed over."
        ),
    ] = False,
) -> int:
    """Show what is read from digest files.

    Exit 1 if parts of a file could not be used, 2 if a file is no digest.
    """
    from bot.domain.translations import LANGUAGES

    if language not in LANGUAGES:
        raise UsageError(
            f"--language {printable(language)}: there is no such language; use {' or '.join(LANGUAGES)}"
        )
    worst = 0
    for path in _expanded(files):
        worst = max(worst, _read_file(path, language, as_json=as_json, explain=explain))
    return worst


def _expanded(paths: list[Path]) -> list[Path]:
    """The files; folders are replaced by the files below them."""
    files: list[Path] = []
    for path in paths:
        files += sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return files


def _read_file(path: Path, language: str, *, as_json: bool, explain: bool) -> int:
    from bot.adapters.readers import read_closely

    attempts: tuple[ReaderAttempt, ...] = ()
    digest, reason = None, ""
    try:
        result = read_closely(_content(path), name=path.name, neighbour=_neighbours(path))
        digest, reason, attempts = result.digest, result.reason, result.attempts
    except DigestError as error:
        reason = str(error).removeprefix(f"{path.name}: ")
    if as_json:
        shown = digest_json(digest, language) if digest else _no_digest(reason)
        say_json({"file": str(path), **shown})
    elif digest:
        _show(path, digest, language)
    else:
        typer.echo(f"paperboy: {printable(str(path))}: {printable(reason)}", err=True)
    if explain and not as_json:
        _explain(digest, attempts)
    if digest is None:
        return WRONG_USAGE
    return NEEDS_A_LOOK if digest.problems else 0


def _neighbours(path: Path) -> "Callable[[str], bytes | None]":
    """A function that gives the content of the file with that name beside the path, or None."""
    from bot.adapters.folders import BESIDE_BYTES

    def content(name: str) -> bytes | None:
        beside = path.parent / name
        if beside.name != name or beside.is_symlink() or not beside.is_file():
            return None
        with beside.open("rb") as file:
            return file.read(BESIDE_BYTES)

    return content


def _no_digest(reason: str) -> dict[str, Any]:
    return {"date": None, "kind": None, "papers": [], "tips": None, "problems": [{"line": 1, "what": reason}]}


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

    edition, flowchart = entry.edition(language), entry.flowchart
    return {
        "id": entry.id,
        "title": entry.title,
        "authors": list(entry.authors),
        "summary": edition.summary or entry.summary,
        "points": [{"label": point.label, "text": point.text} for point in edition.points],
        "flowchart": (flowchart.words or None) if flowchart else None,
        "flowchart_svg": safe_svg(flowchart.drawing) if flowchart and flowchart.drawing else None,
        "published": entry.published.isoformat() if entry.published else None,
        "categories": list(entry.categories),
        "links": links_json(entry.links),
        "quiz": [_question_json(question) for question in _quiz(entry, edition)],
    }


def links_json(links: "Links") -> dict[str, Any]:
    """The links of a paper, in every JSON of the command line."""
    return {
        "abs": links.abs,
        "pdf": links.pdf,
        "huggingface": links.huggingface,
        "code": links.code,
        "other": list(links.other),
    }


def _quiz(entry: "Entry", edition: "Edition") -> "tuple[Question, ...]":
    from bot.adapters.answer_model import answered
    from bot.domain.digests import merge

    if all(question.keyed for question in edition.quiz):
        return edition.quiz
    return answered(merge(None, entry, digest="", day=None), edition.language, min_confidence=1)


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
    width = len(str(max(digest.lines, default=1)))
    for entry, line in zip(digest.entries, digest.lines, strict=True):
        typer.echo(f"  {line:{width}}  {entry.id}  {printable(entry.title)}")
    for problem in digest.problems:
        typer.echo(f"{printable(str(path))}:{problem.line}: {printable(problem.what)}", err=True)


def _explain(digest: "Digest | None", attempts: "tuple[ReaderAttempt, ...]") -> None:
    """Print each reader's attempt, and the lines that were passed over."""
    for attempt in attempts:
        chosen = " (chosen)" if digest is not None and attempt.chosen else ""
        why = f": {printable(attempt.what)}" if attempt.what else ""
        typer.echo(
            f"  reader {attempt.kind}{chosen}: {CERTAINTIES[attempt.certainty]}, {counted(attempt.papers, 'paper')}{why}"
        )
    for problem in digest.passed_over if digest else ():
        typer.echo(f"  passed over, line {problem.line}: {printable(problem.what)}")
