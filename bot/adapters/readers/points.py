"""The labelled points of a summary, also where one point holds all that follow it."""

import re
from collections.abc import Iterable, Iterator

from bot.adapters.readers.page_text import plain
from bot.domain.papers import Point

_RAW_POINT = re.compile(r"(?<!\S)(\d{1,2})\.\s{0,9}\*\*([^*]{1,99})\*\*\s{0,9}[:：]?")
_RAW_LABEL = re.compile(r"\s*\*\*([^*]{1,99})\*\*\s{0,9}[:：]?")


def points_of(parts: Iterable[tuple[int, str, str]]) -> tuple[Point, ...]:
    """The points from (number, label, text) as the digest gives them, in the order of their numbers.

    In some digests each point's text goes on with all following points as raw `2. **Label:** text`: such a
    tail is cut off, and used where its point does not stand on its own.
    """
    own: list[tuple[int, Point]] = []
    raw: dict[int, Point] = {}
    for number, label, text in parts:
        first, *others = _cascade(number, label, text)
        own.append(first)
        for following, point in others:
            raw.setdefault(following, point)
    present = {number for number, _ in own}
    missing = [(number, point) for number, point in raw.items() if number not in present]
    return tuple(point for _, point in sorted([*own, *missing], key=lambda numbered: numbered[0]))


def _cascade(number: int, label: str, text: str) -> Iterator[tuple[int, Point]]:
    labelled = None if label else _RAW_LABEL.match(text)
    begin = labelled.end() if labelled else 0
    label = labelled[1] if labelled else label
    for found in _RAW_POINT.finditer(text, begin) if "**" in text else ():
        if int(found[1]) == number + 1:
            yield number, _point(label, text[begin : found.start()])
            number, label, begin = number + 1, found[2], found.end()
    yield number, _point(label, text[begin:])


def _point(label: str, text: str) -> Point:
    # The model that writes the pages sometimes ends its answer with a line of equals signs.
    return Point(label=plain(label).rstrip(":： "), text=plain(text).removesuffix("===").rstrip())
