"""BibTeX entries: what a bibliography needs, and nothing that could end a field."""

from dataclasses import replace
from datetime import date

import bibtexparser

from bot.domain.bibliography import bibtex
from bot.domain.papers import Links, PaperId
from tests.builders import a_paper


def fields(text: str) -> dict[str, str]:
    parsed = bibtexparser.parse_string(text)
    assert not parsed.failed_blocks
    (entry,) = parsed.entries
    return {"key": entry.key, **{field.key: field.value for field in entry.fields}}


def test_an_arxiv_paper_has_its_number_its_class_and_a_key_that_people_recognise() -> None:
    paper = a_paper(
        "2509.14008",
        title="Towards RAG-free BERT: the model",
        authors=("Hasan Al-Hammoud", "Mohammad Zbeeb"),
        published=date(2025, 9, 17),
        categories=("cs.CL", "cs.AI"),
    )
    assert fields(bibtex([paper])) == {
        "key": "alhammoud2025rag",
        "title": "Towards {RAG-free} {BERT}: the model",
        "author": "Hasan Al-Hammoud and Mohammad Zbeeb",
        "year": "2025",
        "month": "9",
        "eprint": "2509.14008",
        "archivePrefix": "arXiv",
        "primaryClass": "cs.CL",
        "url": paper.links.abs,
    }


def test_a_doi_is_named_and_an_inverted_author_sorts_by_surname() -> None:
    paper = replace(
        a_paper(title="It", authors=("Müller, A.",)), id=PaperId("doi:10.1101/2024.01"), date=date(2024, 1, 2)
    )
    found = fields(bibtex([paper]))
    assert (found["doi"], found["year"], found["key"]) == ("10.1101/2024.01", "2024", "mller2024it")


def test_what_is_not_known_is_left_out() -> None:
    paper = replace(
        a_paper(title="", authors=(), links=Links()), id=PaperId("title:0123456789abcdef"), date=None, published=None
    )  # fmt: skip
    assert fields(bibtex([paper])) == {"key": "title", "title": "title:0123456789abcdef"}
    signs = replace(paper, title="—")
    assert fields(bibtex([signs]))["key"] == "paper"


def test_no_text_ends_its_field() -> None:
    evil = "A }, note = {x} \\input{/etc/passwd} 100% & $5 #1 a_b ~ ^"
    found = fields(bibtex([a_paper(title=evil, authors=("Eve } Mallory",))]))
    assert "note" not in found
    assert r"\input" not in found["title"]
    assert r"100\% \& \$5 \#1" in found["title"]
    assert found["author"] == r"Eve \} Mallory"
