"""What is new, and to whom: every case of the contract, as the table of `first_contact` has it."""

from pathlib import Path

import pytest

from bot.domain.flood_guard import FLOOD_GUARD
from tests.e2e.first_contact import CASES, Case, play, told_of_corpus


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_person_is_sent_what_the_contract_says(case: Case, tmp_path: Path):
    trial = play(case, tmp_path)
    assert (len(trial.papers()), len(trial.alerts()), len(trial.polls())) == (
        case.papers,
        case.messages,
        case.polls,
    )
    assert len(set(trial.papers())) == case.papers
    assert trial.worst(trial.alerts()) <= FLOOD_GUARD["alert"].most
    assert trial.worst(trial.polls()) <= FLOOD_GUARD["quiz"].most
    shown = {paper for sent in trial.alerts() for paper in sent.papers[: sent.shown]}
    assert {paper for sent in trial.polls() for paper in sent.papers} <= shown


def test_a_real_archive_copied_into_an_empty_folder_brings_three_papers(corpus: Path, tmp_path: Path):
    files, papers, messages = told_of_corpus(corpus / "tables", tmp_path)
    assert (files, papers, messages) == (200, 3, 1)
