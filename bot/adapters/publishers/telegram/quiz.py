"""A parcel's question as the poll that goes out."""

from bot.adapters.presentation import web_link
from bot.domain.errors import Refused
from bot.domain.message import OutgoingMessage
from bot.domain.quizzes.evidence import evidence_for
from bot.domain.quizzes.repair import Poll, poll_of, shuffle_seed


def quiz_poll(parcel: OutgoingMessage, *, min_confidence: float) -> Poll:
    """The parcel's question within the service's limits; Refused where it cannot be asked.

    The order of the options depends on the question, the target and its repeat alone: a second try asks the same.
    """
    if parcel.question is None:
        raise Refused(f"{parcel.id}: a quiz without a question")
    paper = parcel.items[0].paper
    poll = poll_of(
        parcel.question,
        seed=shuffle_seed(parcel.question, parcel.target.key, parcel.repeat),
        min_confidence=min_confidence,
        link=web_link(paper.links.best),
        evidence=evidence_for(parcel.question, paper, parcel.language),
        title=paper.title,
        language=parcel.language,
    )
    if poll is None:
        raise Refused(f"a question on {paper.id} cannot be asked: fewer than two usable options, or no room")
    return poll
