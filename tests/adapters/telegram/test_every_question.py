"""Every question of the real pages is asked, within all limits, and nothing can be guessed from its place."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.adapters.readers import read_digest
from bot.domain.digests import merge
from bot.domain.papers import Paper, Question
from bot.domain.quizzes.polls import Poll, evidence_for, poll_of
from tests.rigs.botapi.chats import Chat
from tests.rigs.botapi.messages import poll_of as accepted
from tests.rigs.botapi.parameters import Parameters


def questions(folder: Path) -> Iterator[tuple[Paper, str, Question]]:
    for path in sorted((*folder.glob("pages/*.html"), *folder.glob("flat/*.txt"))):
        for entry in read_digest(path.read_bytes(), name=path.name).entries:
            paper = merge(None, entry, digest=path.name, day=None)
            for edition in paper.editions:
                yield from ((paper, edition.language, question) for question in edition.quiz)


def as_parameters(poll: Poll) -> Parameters:
    values = {
        "question": poll.question,
        "options": json.dumps(poll.options),
        "type": "regular" if poll.correct is None else "quiz",
        "is_anonymous": "false",
        "explanation": poll.explanation or "",
        "description": poll.description or "",
    }
    if poll.correct is not None:
        values["correct_option_ids"] = json.dumps([poll.correct])
    return Parameters(values)


@pytest.fixture(scope="module")
def asked(corpus: Path) -> list[tuple[Question, Poll | None]]:
    def ask(paper: Paper, language: str, question: Question) -> Poll | None:
        return poll_of(
            question,
            seed=f"{question.question}\ntelegram:1",
            link=paper.links.best,
            evidence=evidence_for(question, paper, language),
            title=paper.title,
            language=language,
        )

    return [(question, ask(paper, language, question)) for paper, language, question in questions(corpus)]


def test_ninety_nine_in_a_hundred_can_be_asked_and_none_is_refused(
    asked: list[tuple[Question, Poll | None]],
) -> None:
    possible = [poll for question, poll in asked if len(question.options) > 1]
    polls = [poll for poll in possible if poll is not None]
    assert len(polls) >= 0.99 * len(possible) > 1000
    for poll in polls:
        accepted(as_parameters(poll), number=1, chat=Chat(id=1), reply_to=None, thread=None)
        assert poll.preface is None


def test_the_right_option_stands_in_each_place_equally_often(
    asked: list[tuple[Question, Poll | None]],
) -> None:
    counts = Counter(
        poll.correct for _, poll in asked if poll and poll.correct is not None and len(poll.options) == 3
    )
    expected = counts.total() / 3
    assert (
        sum((count - expected) ** 2 / expected for count in counts.values()) < 5.99
    )  # χ², 2 degrees, p > .05


def test_shown_options_are_the_questions_own(asked: list[tuple[Question, Poll | None]]) -> None:
    for question, poll in asked:
        if poll is None:
            continue
        assert len(set(poll.order)) == len(poll.order) == len(poll.options)
        if poll.correct is not None:
            assert poll.order[poll.correct] == question.answer
