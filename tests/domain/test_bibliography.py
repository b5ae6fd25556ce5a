"""Papers as BibTeX and RIS, read back by other people's readers."""

from datetime import date

import bibtexparser
import rispy

from bot.domain.bibliography import bibtex, ris
from bot.domain.papers import Links, PaperId, Summary
from tests.builders import a_paper

EVIL = a_paper(
    1,
    title="50% of {Braces} & $x_1$ by DAPO: \\input{evil}\nNew_line #1 ~^",
    authors=("Ghanem, Bernard", "Mötley “Ü” {x}"),
    categories=("cs.CL",),
    links=Links(abs="https://arxiv.org/abs/2509.14001"),
)
PLAIN = a_paper("arxiv:2509.14002", title="On the Hala Report")
DOI = a_paper(
    3,
    id=PaperId("doi:10.1101/2025.01.01.1"),
    title="",
    authors=(),
    date=None,
    links=Links(),
    summaries=(Summary(text="Two\nlines.", digest="a"),),
)


def test_bibtex_is_read_whole_whatever_stands_in_a_title() -> None:
    text = bibtex([EVIL, PLAIN, PLAIN, DOI])
    parsed = bibtexparser.parse_string(text)
    assert parsed.failed_blocks == []
    keys = [entry.key for entry in parsed.entries]
    assert keys == ["ghanem202650", "ghanem2026hala", "ghanem2026hala_2", "doi"]
    first = {field.key: field.value for field in parsed.entries[0].fields}
    assert first["eprint"] == "2509.14001"
    assert first["primaryClass"] == "cs.CL"
    assert first["year"] == "2026"
    assert "\n" not in first["title"]
    last = {field.key: field.value for field in parsed.entries[3].fields}
    assert last == {"title": last["title"], "doi": "10.1101/2025.01.01.1"}


def test_capitals_that_mean_something_are_kept() -> None:
    assert "title = {{DAPO} at Scale}" in bibtex([a_paper(1, title="DAPO at Scale")])


def test_ris_is_read_with_all_that_is_known() -> None:
    first, last = rispy.loads(ris([EVIL, DOI]))
    assert first["authors"] == ["Ghanem, Bernard", "Mötley “Ü” {x}"]
    assert (first["year"], first["date"]) == ("2026", date(2026, 9, 18).strftime("%Y/%m/%d"))
    assert first["urls"] == ["https://arxiv.org/abs/2509.14001"]
    assert last["doi"] == "10.1101/2025.01.01.1"
    assert last["abstract"] == "Two lines."
    assert "year" not in last


def test_without_author_title_or_day_there_is_still_a_key() -> None:
    bare = a_paper(1, id=PaperId("x:‽"), title="‽", authors=("",), date=None, published=None)
    assert bibtex([bare]).startswith("@misc{paper,")
    assert bibtex([]) == ris([]) == ""
