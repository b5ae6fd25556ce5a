"""BibTeX: a paper as one entry that BibTeX, BibLaTeX and reference managers read."""

import re

from bot.domain.papers import Paper
from bot.domain.text import one_line, plain_text

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip
_ESCAPED = str.maketrans(_SPECIAL)
_WORD = re.compile(r"[a-z0-9]+")
_ARTICLES = frozenset({"a", "an", "the", "on", "of", "in", "towards", "toward", "is", "are", "for"})
_CAPITALS = re.compile(r"\b(?=\w*[A-Z]\w*[A-Z\d]|\d+[A-Z])[\w-]+")
"""Words whose capitals a bibliography style must not change."""


def bibtex(paper: Paper) -> str:
    """The entry, ended by a line break; texts are escaped, so that no title can end its field."""
    day = paper.published or paper.date
    kind, name = paper.id.partition(":")[::2]
    title = one_line(plain_text(paper.title)) or paper.id
    fields = {
        "title": _CAPITALS.sub(lambda word: f"{{{word[0]}}}", title.translate(_ESCAPED)),
        "author": " and ".join(one_line(author).translate(_ESCAPED) for author in paper.authors),
        "year": str(day.year) if day else "",
        "month": str(day.month) if day else "",
        "eprint": name if kind == "arxiv" else "",
        "archivePrefix": "arXiv" if kind == "arxiv" else "",
        "primaryClass": paper.categories[0].translate(_ESCAPED) if kind == "arxiv" and paper.categories else "",
        "doi": name if kind == "doi" else "",
        "url": (paper.links.best or "").replace("{", "%7B").replace("}", "%7D"),
    }  # fmt: skip
    lines = [f"  {field} = {{{value}}}," for field, value in fields.items() if value]
    return "\n".join([f"@misc{{{_key(paper, title)},", *lines, "}\n"])


def _key(paper: Paper, title: str) -> str:
    """Surname, year and first telling word; by these an entry is recognised, as in the field's bibliographies."""
    author = one_line(paper.authors[0]) if paper.authors else ""
    surname = author.partition(",")[0] if "," in author else author.rpartition(" ")[2]
    day = paper.published or paper.date
    words = [word for word in _WORD.findall(title.lower()) if word not in _ARTICLES]
    parts = ("".join(_WORD.findall(surname.lower())), str(day.year) if day else "", *words[:1])
    return "".join(parts) or "paper"
