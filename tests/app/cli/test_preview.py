"""`paperboy preview`: what a query would have brought."""

import json
import re
from pathlib import Path

import pytest

from bot.adapters.readers import read_digest
from tests.app.cli.conftest import Paperboy

HALA = "arxiv:2509.14008"


def test_json_has_the_contracts_form(home: Path, paperboy: Paperboy) -> None:
    paperboy("once")
    found = paperboy("preview", "arabic", "--json").json
    assert set(found) == {"query", "days", "papers_searched", "matches", "per_day", "near_misses"}
    assert (found["query"], found["days"], found["papers_searched"]) == ("arabic", 90, 43)
    (match,) = found["matches"]
    assert set(match) == {"id", "title", "date", "why"}
    assert (match["id"], match["date"]) == (HALA, "2025-09-18")
    assert match["why"][0] == {"term": "arabic", "field": "title", "text": "Arabic"}


def test_near_misses_name_the_missing_term(home: Path, paperboy: Paperboy) -> None:
    paperboy("once")
    found = paperboy("preview", "arabic AND zymurgy", "--json").json
    assert found["matches"] == []
    assert found["near_misses"][0] == {
        "id": HALA,
        "title": "Hala Technical Report: Building Arabic-Centric Instruction & Translation Models at Scale",
        "missing": "zymurgy",
    }


def test_days_are_counted_back_from_the_newest_digest(home: Path, paperboy: Paperboy) -> None:
    paperboy("once")
    day = paperboy("preview", "model", "--days", "1", "--json").json
    assert 0 < day["papers_searched"] < 82
    assert {match["date"] for match in day["matches"]} == {"2025-09-18"}
    assert day["per_day"] == len(day["matches"])
    assert paperboy("preview", "model", "--days", "36500", "--json").json["papers_searched"] == 82


def test_people_see_how_many_why_and_what_is_near(home: Path, paperboy: Paperboy) -> None:
    paperboy("once")
    shown = paperboy("preview", "language models AND robot")
    assert shown.code == 0
    assert "language models AND robot matches" in shown.out
    assert "Near misses, each for want of one term" in shown.out
    assert "\x1b" not in shown.out
    many = paperboy("preview", "model", "--limit", "2").out
    assert "… and" in many
    assert "█" in many


@pytest.mark.parametrize(
    ("query", "what", "column"),
    [
        ("agents AND (", "a word is missing", 12),
        ("NOT agents", "only excludes", 4),
        ("扩散 OR", "word is missing", 7),
    ],
)
def test_a_bad_query_is_exit_2_with_a_mark_below_the_place(
    home: Path, paperboy: Paperboy, query: str, what: str, column: int
) -> None:
    ran = paperboy("preview", query)
    assert ran.code == 2
    said, shown, mark = ran.err.splitlines()
    assert what in said
    assert shown.endswith(query)
    assert mark.index("^") == len("paperboy:   ") + column


def test_a_long_bad_query_is_cut_around_its_mistake(home: Path, paperboy: Paperboy) -> None:
    query = " OR ".join(f"word{number}" for number in range(100)) + " OR ( OR more"
    _, shown, mark = paperboy("preview", query).err.splitlines()
    assert len(shown) < 140
    assert shown[: mark.index("^")].endswith("OR ( ")


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("agnets", "no stored paper has 'agnets'; did you mean 'agents', which "),
        ("arabic AND author:ghanen", "no stored paper has 'ghanen'; did you mean 'ghanem', which "),
        ('"Modle"', "no stored paper has 'Modle'; did you mean 'model', which "),
    ],
)
def test_a_misspelt_word_gets_a_hint(home: Path, paperboy: Paperboy, query: str, hint: str) -> None:
    paperboy("once")
    assert f"hint: {hint}" in paperboy("preview", query).out
    for sound in ("arabic", "zymurgy", "agnet*"):
        assert "hint" not in paperboy("preview", sound).out


def test_an_empty_state_is_no_fault(home: Path, paperboy: Paperboy) -> None:
    ran = paperboy("preview", "model")
    assert (ran.code, "no papers are stored yet" in ran.out) == (0, True)
    assert paperboy("preview", "model", "--json").json["per_day"] == 0.0


def test_near_misses_are_what_lacks_one_term_beside_every_match(home: Path, paperboy: Paperboy) -> None:
    paperboy("once")
    found = paperboy("preview", "model AND NOT language", "--days", "36500", "--json").json
    assert found["matches"]
    assert len(found["near_misses"]) == 3
    assert {miss["missing"] for miss in found["near_misses"]} == {"NOT language"}
    assert not {miss["id"] for miss in found["near_misses"]} & {match["id"] for match in found["matches"]}


def test_quotes_beginnings_and_exact_words_are_searched_in_the_texts(home: Path, paperboy: Paperboy) -> None:
    paperboy("once")
    texts = {
        query: {why["text"] for match in matches for why in match["why"]}
        for query in ('"models"', "=Model", "transl*")
        if (matches := paperboy("preview", query, "--days", "36500", "--json").json["matches"])
    }
    assert {text.lower() for text in texts['"models"']} == {"models"}
    assert texts["=Model"] == {"Model"}
    assert all(text.lower().startswith("transl") for text in texts["transl*"])


def test_rag_is_counted_as_whole_words_are(home: Path, paperboy: Paperboy, corpus: Path) -> None:
    assert paperboy("import", corpus / "tables").code == 0
    assert paperboy("import", corpus / "pages").code == 0
    found = paperboy("preview", "rag", "--days", "36500", "--json").json
    word = re.compile(r"(?<![^\W_])rags?(?![^\W_])", re.IGNORECASE)
    expected = set()
    for path in (*(corpus / "tables").iterdir(), *(corpus / "pages").iterdir()):
        for entry in read_digest(path.read_bytes(), name=path.name).entries:
            points = [point.text for edition in entry.editions for point in edition.points]
            if any(word.search(text) for text in (entry.title, entry.summary or "", *points)):
                expected.add(entry.id)
    assert {match["id"] for match in found["matches"]} == expected
    assert not [
        why for match in found["matches"] for why in match["why"] if why["text"].lower() == "leverage"
    ]
    assert json.dumps(found)


def test_long_json_is_one_document_however_it_is_cut(
    home: Path, paperboy: Paperboy, monkeypatch: pytest.MonkeyPatch
) -> None:
    paperboy("once")
    whole = paperboy("preview", "model", "--json").out
    monkeypatch.setattr("bot.app.cli.context._CHUNK", 2)
    assert paperboy("preview", "model", "--json").out == whole
    assert len(json.loads(whole)["matches"]) > 4
