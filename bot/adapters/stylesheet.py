"""A drawing's own style sheet as plain attributes, so that nothing of it can reach the page around it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

MAX_RULES = 300


def names(listed: str) -> frozenset[str]:
    """The names in a list that is written as one text."""
    return frozenset(listed.split())


PRESENTATION = names(
    "color display dominant-baseline fill fill-opacity fill-rule filter flood-color flood-opacity font-family "
    "font-size font-style font-weight letter-spacing marker-end marker-mid marker-start opacity rx ry "
    "shape-rendering stop-color stop-opacity stroke stroke-dasharray stroke-dashoffset stroke-linecap "
    "stroke-linejoin stroke-miterlimit stroke-opacity stroke-width text-anchor text-decoration "
    "visibility word-spacing"
)
"""Properties that SVG also takes as attributes (SVG 2 §6.6), without those that fetch or move anything."""

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_COMPOUND = re.compile(r"([a-zA-Z]*)((?:[.#][\w-]+)*)")
_MARK = re.compile(r"[.#][\w-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rule:
    weight: tuple[int, int, int, int]
    """Ids, classes, elements, place in the sheet: what makes one rule stronger than another."""
    tag: str
    marks: frozenset[str]
    declarations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StyleSheet:
    """The rules with simple selectors (`rect`, `.box`, `#id`, `text.small`); all others are left out."""

    _rules: dict[str, list[_Rule]] = field(default_factory=dict)

    @classmethod
    def parse(cls, css: str) -> "StyleSheet":
        rules: dict[str, list[_Rule]] = {}
        for rule in islice(_rules(css), MAX_RULES):
            rules.setdefault(min(rule.marks, default=rule.tag), []).append(rule)
        return cls(rules)

    def of(self, tag: str, classes: Iterable[str], identity: str | None) -> dict[str, str]:
        """What the sheet says of an element with these classes and this id, the strongest rule last."""
        marks = {f".{name}" for name in classes} | ({f"#{identity}"} if identity else set())
        matching = [
            rule
            for key in (tag, *marks)
            for rule in self._rules.get(key, ())
            if rule.marks <= marks and rule.tag in {"", tag}
        ]
        said: dict[str, str] = {}
        for rule in sorted(matching, key=lambda rule: rule.weight):
            said |= rule.declarations
        return said


def declarations(body: str) -> dict[str, str]:
    """The declarations of a rule or a `style` attribute that are presentation attributes too."""
    found: dict[str, str] = {}
    for declaration in body.split(";"):
        name, colon, value = declaration.partition(":")
        name = name.strip().lower()
        if colon and name in PRESENTATION:
            found[name] = value.replace("!important", "").strip()
    return found


def _rules(css: str) -> Iterator[_Rule]:
    for place, block in enumerate(_COMMENT.sub(" ", css).split("}")):
        selectors, _, body = block.rpartition("{")
        said = declarations(body)
        # What stands before the last brace or semicolon is an at-rule around or before this rule.
        for selector in re.split(r"[{;]", selectors)[-1].split(",") if said else ():
            rule = _rule(selector, said, place)
            if rule:
                yield rule


def _rule(selector: str, said: Mapping[str, str], place: int) -> _Rule | None:
    compounds = selector.replace(">", " ").split()
    simple = _COMPOUND.fullmatch(compounds[-1]) if compounds else None
    if simple is None or not simple[0]:
        return None
    marks = frozenset(_MARK.findall(simple[2]))
    ids = sum(mark.startswith("#") for mark in marks)
    weight = (ids, len(marks) - ids, bool(simple[1]), place)
    return _Rule(weight=weight, tag=simple[1].lower(), marks=marks, declarations=said)
