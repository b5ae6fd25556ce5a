"""Names that people type: a subscriber, a paper."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.domain.errors import UsageError
from bot.domain.text import printable

if TYPE_CHECKING:
    from bot.domain.papers import PaperId
    from bot.domain.subscriptions import Subscriber


def the_subscriber(name: str, subscribers: "Sequence[Subscriber]") -> "Subscriber":
    """The subscriber of that id, however it is capitalised; UsageError names the nearest one."""
    from bot.app.config.validation import nearest

    known = {one.id.lower(): one for one in subscribers}
    found = known.get(name.lower())
    if found is not None:
        return found
    near = nearest(name, [one.id for one in subscribers])
    hint = f"did you mean {near!r}?" if near else f"known are {_some(subscribers)}"
    raise UsageError(f"no subscriber has the id {printable(name)!r}; {hint}")


def _some(subscribers: "Sequence[Subscriber]") -> str:
    names = [one.id for one in subscribers[:5]]
    more = f" and {len(subscribers) - len(names)} more" if len(subscribers) > len(names) else ""
    return ", ".join(names) + more if names else "none; config/subscriptions.yaml names them"


def the_paper(text: str) -> "PaperId":
    """The id behind an id, a bare arXiv number or a link; UsageError for other text."""
    from bot.domain.papers import parse_paper_id

    found = parse_paper_id(text)
    if found is None:
        raise UsageError(
            f"{printable(text)!r} names no paper; use an id like arxiv:2509.14008, the number alone, or a link"
        )
    return found
