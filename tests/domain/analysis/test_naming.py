"""Which later papers name one that somebody saved."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from bot.adapters.readers import read_digest
from bot.domain.analysis.related import naming
from bot.domain.papers import Paper, PaperId, Summary, merge
from tests.builders import a_paper

LABELS = Path(__file__).parents[2] / "data" / "naming.txt"
SAVED = a_paper(1, title="LumoRL: Light by Reward", date=date(2026, 1, 1))


def later(number: int, text: str, title: str = "Another Paper", day: date = date(2026, 2, 1)) -> Paper:
    return a_paper(number, title=title, date=day, summaries=(Summary(text=text, source="s"),))


def test_a_later_paper_that_says_the_name_as_a_word_names_it() -> None:
    one, two = (
        later(2, "It outperforms LumoRL by 5%."),
        later(3, "It uses LumoRLs and LumoRL-2 and LumoRL.js."),
    )
    assert naming(SAVED, [SAVED, one, two]) == (one,)


def test_points_and_titles_count_too() -> None:
    titled = later(2, "Nothing.", title="Beyond LumoRL")
    assert naming(SAVED, [titled]) == (titled,)


@pytest.mark.parametrize(
    "text",
    [
        "We introduce LumoRL, a lamp.",
        "Light Under Motion (LumoRL) is new.",
        "A new benchmark, LumoRL, is made.",
    ],
)
def test_who_gives_the_name_to_something_else_does_not_name_it(text: str) -> None:
    others = [later(number, "It beats LumoRL.") for number in range(3, 8)]
    assert naming(SAVED, [later(2, text), *others]) == tuple(others)


def test_a_name_that_many_give_or_that_was_there_before_is_nobody_s() -> None:
    named = later(2, "It beats LumoRL.")
    assert naming(SAVED, [named, later(3, "x LumoRL", title="LumoRL: Again")]) == ()
    assert naming(SAVED, [named, later(3, "Old LumoRL.", day=date(2025, 1, 1))]) == ()
    assert naming(a_paper(4, title="A Title without a Name"), [named]) == ()


def test_an_acronym_means_the_paper_only_where_a_word_of_its_title_is_shared() -> None:
    lisa = a_paper(1, title="LISA: Layerwise Sampling of Language Models", date=date(2026, 1, 1))
    tuned = [later(number, "Fine-tuned by LISA, language models …") for number in (2, 3, 4)]
    waves = later(5, "Gravitational waves within reach of LISA.")
    assert naming(lisa, [*tuned, waves]) == tuple(tuned)
    assert naming(lisa, [tuned[0], waves]) == ()


def test_what_came_first_is_told_by_arxiv_s_ids_rather_than_by_the_day_of_a_digest() -> None:
    older = replace(later(2, "It beats LumoRL."), id=PaperId("arxiv:2401.00002"))
    newer = replace(later(3, "It beats LumoRL."), id=PaperId("arxiv:2602.00003"), date=date(2025, 1, 1))
    assert naming(SAVED, [older]) == ()
    assert naming(SAVED, [newer]) == (newer,)


def test_the_same_paper_under_another_id_is_not_another_one() -> None:
    named = later(2, "It beats LumoRL.")
    again = replace(SAVED, id=PaperId("title:0526a471380d1421"))
    assert naming(SAVED, [again, named]) == (named,)
    assert naming(SAVED, [later(3, "LumoRL", title="LUMORL: a lamp"), named]) == ()


def test_of_what_it_finds_in_real_digests_nine_in_ten_are_right(corpus: Path) -> None:
    papers: dict[PaperId, Paper] = {}
    for path in (*sorted((corpus / "tables").glob("*.md")), *sorted((corpus / "pages").glob("*.html"))):
        digest = read_digest(path.read_bytes(), name=path.name)
        for entry in digest.entries:
            papers[entry.id] = merge(papers.get(entry.id), entry, source=path.name, day=digest.date)
    right: list[bool] = []
    for line in LABELS.read_text().splitlines()[1:]:
        saved, other, answer = line.split()
        found = naming(papers[PaperId(f"arxiv:{saved}")], papers.values())
        if any(paper.id == f"arxiv:{other}" for paper in found):
            right.append(answer == "yes")
    assert len(right) >= 85, len(right)
    assert sum(right) >= 0.95 * len(right)
