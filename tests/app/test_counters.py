"""What the web server tells of a quiz."""

from pathlib import Path

import pytest

from bot.app.config.settings import load_settings
from bot.app.container import build_container
from bot.app.once import scan_folders
from bot.app.watched import ingest_files
from bot.domain.papers import parse_paper_id


@pytest.mark.parametrize(("sure", "answers"), [(0.0, [0, 1, 2]), (1.0, [None, None, None])])
def test_the_page_tells_the_answers_that_a_poll_would(
    tmp_path: Path, seeds: Path, sure: float, answers: list[int | None]
) -> None:
    config = tmp_path / "paperboy.yaml"
    config.write_text(
        f"watch: {{folders: ['{seeds}'], settle_seconds: 0}}\nquiz: {{min_confidence: {sure}}}\n"
    )
    settings = load_settings(config, {})
    container = build_container(settings, ())
    ingest_files(container, scan_folders(settings).whole)
    hala = parse_paper_id("arxiv:2509.14008")
    assert hala is not None
    told = container.answer_quiz(container.store.papers.stored([hala])[hala].paper, "en")
    container.store.close()
    assert [question.usable_answer for question in told] == answers
