"""What is new, and to whom: every case of the contract, as the table of `first_contact` has it."""

from pathlib import Path

import pytest

from bot.domain.flood_guard import FLOOD_GUARD
from tests.e2e.first_contact import CASES, Case, run_case, told_of_corpus


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_person_is_sent_what_the_contract_says(case: Case, tmp_path: Path):
    installation = run_case(case, tmp_path)
    assert (len(installation.papers()), len(installation.alerts()), len(installation.polls())) == (
        case.papers,
        case.messages,
        case.polls,
    )
    assert len(set(installation.papers())) == case.papers
    assert installation.worst(installation.alerts()) <= FLOOD_GUARD["alert"].most
    assert installation.worst(installation.polls()) <= FLOOD_GUARD["quiz"].most
    shown = {paper for sent in installation.alerts() for paper in sent.papers[: sent.shown]}
    assert {paper for sent in installation.polls() for paper in sent.papers} <= shown


def test_a_real_archive_copied_into_an_empty_folder_brings_three_papers(corpus: Path, tmp_path: Path):
    files, papers, messages = told_of_corpus(corpus / "tables", tmp_path)
    assert (files, papers, messages) == (200, 3, 1)
