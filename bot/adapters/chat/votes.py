"""Votes as the Bot API tells of them; and who of those who vote belongs to the chat."""

import asyncio
import json
import logging
from typing import Any, Protocol

from bot.domain.errors import DeliveryError, NotSent
from bot.domain.quizzes.votes import PollState, Vote
from bot.pipeline.ports import Clock
from bot.pipeline.ports.quizzes import QuizStore, Voter
from bot.pipeline.vote_counter import VoteCounter

log = logging.getLogger(__name__)

_AT_ONCE = 20
"""So many people are asked for between two looks for updates."""
_NOT_THERE = ("user not found", "participant_id_invalid", "member not found")
_NAME = 64


class Registrar(Protocol):
    """Who can tell whether somebody is of a chat; raises DeliveryErrors only."""

    async def is_member(self, chat: int | str, user: int) -> bool: ...


def read_vote(body: str) -> Vote | PollState | None:
    """What a raw update says of votes; None where it says nothing usable: it comes from outside and may be anything."""
    update = json.loads(body)
    if not isinstance(update, dict):
        return None
    if isinstance(answer := update.get("poll_answer"), dict):
        return _vote(answer)
    return _state(poll) if isinstance(poll := update.get("poll"), dict) else None


def _vote(answer: dict[str, Any]) -> Vote | None:
    poll, shown = answer.get("poll_id"), answer.get("option_ids")
    voter = answer.get("user") or answer.get("voter_chat")
    if not isinstance(poll, str) or not isinstance(shown, list) or not isinstance(voter, dict):
        return None
    if not isinstance(person := voter.get("id"), int):
        return None
    places = tuple(place for place in shown if isinstance(place, int))
    name = " ".join(str(voter.get(part) or "") for part in ("first_name", "last_name")).strip()
    return Vote(poll=poll, person=person, shown=places, name=name[:_NAME] or None)


def _state(poll: dict[str, Any]) -> PollState | None:
    number, question, options = poll.get("id"), poll.get("question"), poll.get("options")
    if not isinstance(number, str) or not isinstance(question, str) or not isinstance(options, list):
        return None
    shown = [one for one in options if isinstance(one, dict) and isinstance(one.get("text"), str)]
    return PollState(
        poll=number,
        question=question,
        options=tuple(one["text"] for one in shown),
        counts=tuple(_count(one.get("voter_count")) for one in shown),
        voters=_count(poll.get("total_voter_count")),
        closed=poll.get("is_closed") is True,
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


class VoteKeeper:
    """Counts what was received, and asks who of the voters belongs where."""

    def __init__(self, counter: VoteCounter, study: QuizStore, clock: Clock) -> None:
        self._counter = counter
        self._study = study
        self._clock = clock
        self._unanswered: set[Voter] = set()

    async def keep(self, registrar: Registrar) -> None:
        """Count all votes that wait; raises StateError, and DeliveryErrors of nobody but ourselves."""
        counted = await asyncio.to_thread(self._counter.count, self._clock.now())
        if counted:
            await self._ask(registrar)

    async def _ask(self, registrar: Registrar) -> None:
        limit = _AT_ONCE + len(self._unanswered)
        for voter in await asyncio.to_thread(self._study.unknown_members, limit):
            if voter in self._unanswered:
                continue
            belongs = await self._belongs(registrar, voter)
            if belongs is None:
                self._unanswered.add(voter)
            else:
                await asyncio.to_thread(self._study.save_members, voter.home, {voter.person: belongs})

    async def _belongs(self, registrar: Registrar, voter: Voter) -> bool | None:
        """Whether the person is of the chat; None where nobody says."""
        chat = int(voter.address) if voter.address.lstrip("-").isdecimal() else voter.address
        try:
            return await registrar.is_member(chat, voter.person)
        except NotSent as error:
            if any(text in str(error).lower() for text in _NOT_THERE):
                return False
            log.warning("votes.member_unknown", extra={"chat": voter.home, "error": str(error)})
        except DeliveryError as error:
            log.warning("votes.member_unknown", extra={"chat": voter.home, "error": str(error)})
        return None
