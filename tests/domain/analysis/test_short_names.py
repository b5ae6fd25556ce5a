"""Which later papers name one that somebody saved."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from bot.adapters.readers import read_digest
from bot.domain.analysis.short_names import papers_naming, short_name
from bot.domain.digests import merge
from bot.domain.papers import Paper, PaperId, Summary
from tests.builders import a_paper

LABELS = Path(__file__).parents[2] / "data" / "naming.txt"
LAMPS = """Lamps above a theatre follow actors: cameras, dimmers, curtains and wires obey the conductor of an orchestra while
singers, dancers, painters and carpenters watch from the balcony."""
BEES = """Bees around a hive carry nectar past flowers: queens, drones, swarms and honeycombs serve the keeper of an orchard while
foxes, badgers, swallows and hedgehogs look from the meadow."""


def saved_paper(title: str, text: str, *authors: str) -> Paper:
    return a_paper(
        1, title=title, date=date(2026, 1, 1), authors=authors, summaries=(Summary(text=text, digest="s"),)
    )


SAVED = saved_paper("LumoRL: Light by Reward", "LumoRL lights a stage.", "Ada Osei")


def later(
    number: int,
    text: str,
    title: str = "Another Paper",
    day: date = date(2026, 2, 1),
    author: str = "Kuan Li",
) -> Paper:
    return a_paper(
        number, title=title, date=day, authors=(author,), summaries=(Summary(text=text, digest="s"),)
    )


def test_a_later_paper_that_says_the_name_as_a_word_names_it() -> None:
    first, second = (
        later(2, "It outperforms LumoRL by 5%."),
        later(3, "It uses LumoRLs and LumoRL-2 and LumoRL.js."),
    )
    assert papers_naming(SAVED, [SAVED, first, second]) == (first,)


def test_points_and_titles_count_too() -> None:
    titled = later(2, "Nothing.", title="Beyond LumoRL")
    assert papers_naming(SAVED, [titled]) == (titled,)


@pytest.mark.parametrize(
    "text",
    [
        "We introduce LumoRL, a lamp.",
        "Light Under Motion (LumoRL) is new.",
        "A new benchmark, LumoRL, is made.",
        "A pipeline dubbed LumoRL follows.",
        "For this we build LumoRL, a corpus.",
    ],
)
def test_who_gives_the_name_to_something_else_does_not_name_it(text: str) -> None:
    others = [later(number, "It beats LumoRL.") for number in range(3, 8)]
    assert papers_naming(SAVED, [later(2, text), *others]) == tuple(others)


def test_a_name_that_many_give_or_that_was_there_before_is_nobody_s() -> None:
    named = later(2, "It beats LumoRL.")
    assert papers_naming(SAVED, [named, later(3, "x LumoRL", title="LumoRL: Again")]) == ()
    assert papers_naming(SAVED, [named, later(3, "Old LumoRL.", day=date(2025, 1, 1))]) == ()
    assert papers_naming(a_paper(4, title="A Title without a Name"), [named]) == ()


@pytest.mark.parametrize("name", ["LISA", "R2R", "BoT", "Net-Zero", "Hands-On"])
def test_a_name_of_initials_or_of_plain_words_means_the_paper_only_where_the_subject_is_the_same(
    name: str,
) -> None:
    saved = saved_paper(f"{name}: Lamps that Listen", f"{name} at work. {LAMPS}", "Ada Osei")
    near = [later(number, f"Better than {name}. {LAMPS}") for number in (2, 3, 4)]
    far = later(5, f"Better than {name}. {BEES}")
    assert papers_naming(saved, [*near, far]) == tuple(near)
    assert papers_naming(saved, [near[0], far]) == ()


def test_an_invented_name_is_left_out_of_another_subject_and_stays_the_paper_s() -> None:
    saved = saved_paper("LumoRL: Lamps that Listen", f"LumoRL at work. {LAMPS}", "Ada Osei")
    near, far = later(2, f"Better than LumoRL. {LAMPS}"), later(3, f"Better than LumoRL. {BEES}")
    assert papers_naming(saved, [near, far]) == (near,)


def test_a_name_that_the_paper_itself_does_not_use_needs_the_same_subject() -> None:
    half = f"{BEES} A camera, a theatre."  # some words in common, as many papers have
    used, unused = (
        saved_paper("LumoRL: Lamps that Listen", text, "Ada Osei") for text in (f"LumoRL. {LAMPS}", LAMPS)
    )
    other = later(2, f"Better than LumoRL. {half}")
    assert papers_naming(used, [other]) == (other,)
    assert papers_naming(unused, [other]) == ()


def test_texts_that_are_hardly_more_than_titles_need_one_word_in_common() -> None:
    lisa = saved_paper("LISA: Layerwise Sampling", "LISA samples.", "Ada Osei")
    near, far = later(2, "LISA, layerwise."), later(3, "Waves within reach of LISA.")
    assert papers_naming(lisa, [near]) == (near,)
    assert papers_naming(lisa, [far]) == ()


def test_a_later_paper_of_the_same_authors_goes_on_with_what_they_named() -> None:
    again = later(2, f"We propose LumoRL. {BEES}", title="LumoRL: In the Hive", author="ada osei")
    assert papers_naming(SAVED, [again]) == (again,)
    assert papers_naming(SAVED, [replace(again, id=PaperId("arxiv:2401.00002"))]) == ()


@pytest.mark.parametrize(
    "subtitle", ["A Deployment-Centric Analysis of Lamps", "a survey", "An In-Depth Review"]
)
def test_a_study_of_what_others_made_names_nothing(subtitle: str) -> None:
    assert short_name(a_paper(1, title=f"LumoRL-20B: {subtitle}")) is None
    assert short_name(a_paper(1, title="LumoRL-20B: Sentiment Analysis with Lamps")) == "LumoRL-20B"


def test_what_came_first_is_told_by_arxiv_s_ids_rather_than_by_the_day_of_a_digest() -> None:
    older = replace(later(2, "It beats LumoRL."), id=PaperId("arxiv:2401.00002"))
    newer = replace(later(3, "It beats LumoRL."), id=PaperId("arxiv:2602.00003"), date=date(2025, 1, 1))
    assert papers_naming(SAVED, [older]) == ()
    assert papers_naming(SAVED, [newer]) == (newer,)


def test_the_same_paper_under_another_id_is_not_another_one() -> None:
    named = later(2, "It beats LumoRL.")
    again = replace(SAVED, id=PaperId("title:0526a471380d1421"))
    assert papers_naming(SAVED, [again, named]) == (named,)
    assert papers_naming(SAVED, [later(3, "LumoRL", title="LUMORL: a lamp"), named]) == ()


def test_of_what_it_finds_in_real_digests_nine_in_ten_are_right(corpus: Path) -> None:
    papers: dict[PaperId, Paper] = {}
    for path in (*sorted((corpus / "tables").glob("*.md")), *sorted((corpus / "pages").glob("*.html"))):
        digest = read_digest(path.read_bytes(), name=path.name)
        for entry in digest.entries:
            papers[entry.id] = merge(papers.get(entry.id), entry, digest=path.name, day=digest.date)
    right: list[bool] = []
    for line in LABELS.read_text().splitlines()[1:]:
        saved, other, answer = line.split()
        found = papers_naming(papers[PaperId(f"arxiv:{saved}")], papers.values())
        if any(paper.id == f"arxiv:{other}" for paper in found):
            right.append(answer == "yes")
    assert len(right) >= 75, len(right)
    assert sum(right) >= 0.95 * len(right)
