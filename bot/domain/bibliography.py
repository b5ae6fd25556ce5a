"""Bibliographies: papers as BibTeX and as RIS, which reference managers read."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import date

from bot.domain.card import web_links
from bot.domain.papers import Paper
from bot.domain.text import one_line, plain_line

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip
_ESCAPED = str.maketrans(_SPECIAL)
_WORD = re.compile(r"[a-z0-9]+")
_FILLERS = frozenset(["a", "an", "the", "on", "of", "in", "towards", "toward", "is", "are", "for"])
_CAPITALS = re.compile(r"\b(?=\w*[A-Z]\w*[A-Z\d]|\d+[A-Z])[\w-]+")
"""Words whose capitals a bibliography style must not change."""


def bibtex(papers: Iterable[Paper]) -> str:
    """A BibTeX file of the papers; texts are escaped, and keys are unique."""
    used: Counter[str] = Counter()
    entries = []
    for paper in papers:
        key = _key(paper)
        used[key] += 1
        entries.append(_bibtex_entry(paper, key if used[key] == 1 else f"{key}_{used[key]}"))
    return "\n".join(entries)


def ris(papers: Iterable[Paper]) -> str:
    """A RIS file of the papers, one tag a line."""
    return "\n".join(map(_ris_entry, papers))


def _bibtex_entry(paper: Paper, key: str) -> str:
    day, title = _day(paper), _title(paper)
    kind, name = paper.id.partition(":")[::2]
    is_arxiv = kind == "arxiv"
    fields = {
        "title": _CAPITALS.sub(lambda word: f"{{{word[0]}}}", title.translate(_ESCAPED)),
        "author": " and ".join(one_line(author).translate(_ESCAPED) for author in paper.authors),
        "year": str(day.year) if day else "",
        "month": str(day.month) if day else "",
        "eprint": _verbatim(name) if is_arxiv else "",
        "archivePrefix": "arXiv" if is_arxiv else "",
        "primaryClass": paper.categories[0].translate(_ESCAPED) if is_arxiv and paper.categories else "",
        "doi": _verbatim(name) if kind == "doi" else "",
        "url": _verbatim(_url(paper)),
    }
    lines = [f"  {field} = {{{value}}}," for field, value in fields.items() if value]
    return "\n".join([f"@misc{{{key},", *lines, "}\n"])


def _ris_entry(paper: Paper) -> str:
    day = _day(paper)
    kind, name = paper.id.partition(":")[::2]
    tags = [
        ("TY", "UNPB"),
        ("ID", paper.id),
        ("TI", _title(paper)),
        *(("AU", one_line(author)) for author in paper.authors),
        ("PY", str(day.year) if day else ""),
        ("DA", f"{day:%Y/%m/%d}" if day else ""),
        ("DO", name if kind == "doi" else ""),
        ("AB", plain_line(paper.summary or "")),
        ("UR", _url(paper)),
    ]
    return "\n".join([*(f"{tag}  - {value}" for tag, value in tags if value), "ER  - \n"])


def _verbatim(text: str) -> str:
    """The value of a field that is not typeset; braces, which could end it, are percent-encoded."""
    return text.replace("{", "%7B").replace("}", "%7D")


def _title(paper: Paper) -> str:
    return plain_line(paper.title) or paper.id


def _day(paper: Paper) -> date | None:
    return paper.published or paper.date


def _url(paper: Paper) -> str:
    return web_links(paper.links).best or ""


def _key(paper: Paper) -> str:
    """Surname, year and first significant word of the title, as is usual in computer science."""
    author = one_line(paper.authors[0]) if paper.authors else ""
    surname = author.partition(",")[0] if "," in author else author.rpartition(" ")[2]
    day = _day(paper)
    words = [word for word in _WORD.findall(_title(paper).lower()) if word not in _FILLERS]
    parts = ("".join(_WORD.findall(surname.lower())), str(day.year) if day else "", *words[:1])
    return "".join(parts) or "paper"
