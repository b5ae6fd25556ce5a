"""The likeness of papers to those that people like, kept up with what is stored."""

from dataclasses import dataclass

from bot.domain.papers import PaperId
from bot.domain.similarity import Likeness
from bot.pipeline.ports import PaperStore

_PAPERS = 2_000
"""So many of the newest papers tell how rare a word is."""
_USES = 200
"""Times that a likeness is used before it is made anew from a shelf that changed."""


@dataclass(kw_only=True, slots=True)
class _Made:
    liked: frozenset[PaperId]
    likeness: Likeness
    missing: frozenset[PaperId]
    edition: str
    uses: int = 0


class LikenessDesk:
    """Makes a likeness when it is first asked for, and again when it is too old or lacked a liked paper."""

    def __init__(self, shelf: PaperStore) -> None:
        self._shelf = shelf
        self._made: _Made | None = None

    def __call__(self, liked: frozenset[PaperId]) -> Likeness:
        made = self._made
        if made is None or not liked <= made.liked or self._is_old(made):
            made = self._made = self._make(liked)
        made.uses += 1
        return made.likeness

    def _is_old(self, made: _Made) -> bool:
        if made.uses < _USES and not made.missing:
            return False
        return self._shelf.version() != made.edition and (
            made.uses >= _USES or bool(self._shelf.stored(made.missing))
        )

    def _make(self, liked: frozenset[PaperId]) -> _Made:
        edition = self._shelf.version()
        found = self._shelf.stored(liked)
        newest = (stored.paper for stored in self._shelf.newest(_PAPERS))
        return _Made(
            liked=liked,
            likeness=Likeness(newest, (found[one].paper for one in sorted(found))),
            missing=liked - found.keys(),
            edition=edition,
        )
