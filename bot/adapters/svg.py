"""Untrusted drawings, rewritten as well-formed SVG without scripts, external references or unknown markup."""

import hashlib
import html
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from bot.domain.text import UNSAFE, unescape

_MAX_RULES = 300


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PRESENTATION = _words(
    "color display dominant-baseline fill fill-opacity fill-rule filter flood-color flood-opacity font-family "
    "font-size font-style font-weight letter-spacing marker-end marker-mid marker-start opacity rx ry "
    "shape-rendering stop-color stop-opacity stroke stroke-dasharray stroke-dashoffset stroke-linecap "
    "stroke-linejoin stroke-miterlimit stroke-opacity stroke-width text-anchor text-decoration "
    "visibility word-spacing"
)
"""CSS properties that SVG also takes as attributes (SVG 2 §6.6), without those that fetch or move anything."""

_CSS_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_COMPOUND = re.compile(r"([a-zA-Z]*)((?:[.#][\w-]+)*)")
_MARK = re.compile(r"[.#][\w-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class _StyleRule:
    weight: tuple[int, int, int, int]
    """Specificity (ids, classes, elements), then the index in the sheet."""
    tag: str
    marks: frozenset[str]
    declarations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Stylesheet:
    """Rules with simple selectors (`rect`, `.box`, `#id`, `text.small`); all others are left out."""

    _rules: dict[str, list[_StyleRule]] = field(default_factory=dict)

    @classmethod
    def parse(cls, css: str) -> "_Stylesheet":
        rules: dict[str, list[_StyleRule]] = {}
        for rule in islice(_rules(css), _MAX_RULES):
            rules.setdefault(min(rule.marks, default=rule.tag), []).append(rule)
        return cls(rules)

    def declarations_for(self, tag: str, classes: Iterable[str], identity: str | None) -> dict[str, str]:
        """Declarations for an element with these classes and this id; the most specific rule wins."""
        marks = {f".{name}" for name in classes} | ({f"#{identity}"} if identity else set())
        matching = [
            rule
            for key in (tag, *marks)
            for rule in self._rules.get(key, ())
            if rule.marks <= marks and rule.tag in {"", tag}
        ]
        declared: dict[str, str] = {}
        for rule in sorted(matching, key=lambda rule: rule.weight):
            declared |= rule.declarations
        return declared


def _declarations(body: str) -> dict[str, str]:
    """Declarations in a rule or a `style` attribute whose property is also a presentation attribute."""
    declared: dict[str, str] = {}
    for declaration in body.split(";"):
        name, colon, value = declaration.partition(":")
        name = name.strip().lower()
        if colon and name in _PRESENTATION:
            declared[name] = value.replace("!important", "").strip()
    return declared


def _rules(css: str) -> Iterator[_StyleRule]:
    for index, block in enumerate(_CSS_COMMENT.sub(" ", css).split("}")):
        selectors, _, body = block.rpartition("{")
        declared = _declarations(body)
        # Text before the last brace or semicolon is an at-rule around or before this rule.
        for selector in re.split(r"[{;]", selectors)[-1].split(",") if declared else ():
            rule = _parsed_rule(selector, declared, index)
            if rule:
                yield rule


def _parsed_rule(selector: str, declared: Mapping[str, str], index: int) -> _StyleRule | None:
    compounds = selector.replace(">", " ").split()
    simple = _COMPOUND.fullmatch(compounds[-1]) if compounds else None
    if simple is None or not simple[0]:
        return None
    marks = frozenset(_MARK.findall(simple[2]))
    ids = sum(mark.startswith("#") for mark in marks)
    weight = (ids, len(marks) - ids, bool(simple[1]), index)
    return _StyleRule(weight=weight, tag=simple[1].lower(), marks=marks, declarations=declared)


MAX_CHARACTERS = 200_000
MAX_ELEMENTS = 5_000
MAX_DEPTH = 40

_SHAPES = "circle ellipse line path polygon polyline rect"
_TEXTS = "text tspan title desc"
_PAINT = (
    "clipPath defs feBlend feColorMatrix feComponentTransfer feComposite feDropShadow feFlood feFuncA feFuncB "
    "feFuncG feFuncR feGaussianBlur feMerge feMergeNode feMorphology feOffset filter g linearGradient marker "
    "radialGradient stop svg"
)
_ELEMENTS = {name.lower(): name for name in f"{_SHAPES} {_TEXTS} {_PAINT}".split()}
_TEXT_ELEMENTS = _words(_TEXTS)
_NAMESPACE = "http://www.w3.org/2000/svg"
_GEOMETRY = (
    "amplitude clip-path clipPathUnits cx cy d dx dy exponent filterUnits fx fy gradientTransform gradientUnits "
    "height in in2 intercept k1 k2 k3 k4 lengthAdjust markerHeight markerUnits markerWidth mode offset operator "
    "orient pathLength points preserveAspectRatio primitiveUnits r radius refX refY result rotate slope "
    "spreadMethod stdDeviation tableValues textLength transform type values viewBox width x x1 x2 y y1 y2"
)
_ATTRIBUTES = {name.lower(): name for name in (*_GEOMETRY.split(), *_PRESENTATION)}
_FUNCTIONS = _words(
    "blur brightness calc contrast drop-shadow grayscale hsl hsla matrix opacity rgb rgba rotate saturate scale "
    "skewx skewy translate"
)
_DROPPED = _words(
    "audio canvas foreignobject iframe mask metadata noscript object pattern script style symbol template "
    "textarea video"
)
"""Elements that run, fetch, repeat or hold HTML: dropped with everything in them."""
_BLOCKS = frozenset({"br", "div", "li", "p"})
"""HTML elements that end a word: a blank takes their place."""
_INLINE = _words("a b code em font i small span strong sub sup u")
_KNOWN = _INLINE | _BLOCKS | _DROPPED | _ELEMENTS.keys()
_INVISIBLE = frozenset({"clippath", "defs", "filter", "marker"})
"""Elements whose content is not drawn where it stands."""
_LEAVES = _words(f"{_SHAPES} stop")

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_ROOT = re.compile(r"<(?=svg\b)", re.IGNORECASE)
_STYLE = re.compile(r"<style\b[^<>]*>(.*?)(?:</style\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"""(/?)([A-Za-z][\w:.-]*+)((?:[^>"']++|"[^"]*+"|'[^']*+')*+)>""")
_ATTRIBUTE = re.compile(
    r"""(?<![\w:.-])([A-Za-z_][\w:.-]*+)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++))"""
)
_HARMFUL = re.compile(r"[\\<>{}@]|//|/\*|script:", re.IGNORECASE)
_CALL = re.compile(r"(?<![\w-])([\w-]*+) ?\(")
_REFERENCE = re.compile(r"""url\( ?["']?#([\w.-]+)["']? ?\)""")
_BLANKS = re.compile(r"\s+")
_NAME = re.compile(r"[\w.-]+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:px)?")


def safe_svg(raw: str) -> str | None:
    """The drawing as well-formed SVG that may be placed inside an HTML page; None where nothing visible is left.

    Only known elements and attributes stay. Style sheets become attributes, ids get a prefix unique to the drawing,
    references stay within it, and every element is closed. Whatever exceeds a limit is cut off.
    """
    raw = _COMMENT.sub("", UNSAFE.sub("", raw[:MAX_CHARACTERS])).replace("<![CDATA[", "").replace("]]>", "")
    stylesheet = _Stylesheet.parse(" ".join(_STYLE.findall(raw)))
    sanitizer = _Sanitizer(stylesheet, prefix=f"f{hashlib.sha256(raw.encode()).hexdigest()[:8]}-")
    root = _ROOT.search(raw)
    for piece in raw[root.end() :].split("<") if root else ():
        sanitizer.feed(piece)
    return sanitizer.close()


class _Sanitizer:
    """Reads a drawing in pieces, each from one `<` to the next, and writes the harmless parts."""

    def __init__(self, stylesheet: _Stylesheet, *, prefix: str) -> None:
        self._stylesheet = stylesheet
        self._prefix = prefix
        self._out: list[str] = []
        self._open: list[str] = []
        self._dropped: list[str] = []
        """The dropped elements that are still open."""
        self._elements = 0
        self._visible = False
        self._complete = False

    def feed(self, piece: str) -> None:
        if self._complete:
            return
        tag = _TAG.match(piece)
        name = tag[2].lower() if tag else ""
        if tag is None or not (name in _KNOWN or tag[3].strip("/ ")):
            self._write_text("<" + piece)  # not a tag but text of the drawing, such as `<think>` or `<10B`
            return
        if name in _DROPPED:
            self._drop(name, closing=bool(tag[1]), empty=tag[3].endswith("/"))
        elif name in _ELEMENTS and not self._dropped:
            if tag[1]:
                self._close(name)
            else:
                self._begin(name, tag[3])
        self._write_text((" " if name in _BLOCKS else "") + piece[tag.end() :])

    def close(self) -> str | None:
        """The whole drawing with every element closed; None where nothing is visible."""
        while self._open:
            self._end()
        return "".join(self._out) if self._visible else None

    def _drop(self, name: str, *, closing: bool, empty: bool) -> None:
        if not closing:
            self._dropped += [] if empty or len(self._dropped) == MAX_DEPTH else [name]
        elif name in self._dropped:
            del self._dropped[self._dropped.index(name) :]

    def _begin(self, name: str, markup: str) -> None:
        is_text = name in _TEXT_ELEMENTS
        while self._open and (
            (self._open[-1] in _LEAVES and name not in {"title", "desc"})
            or (self._open[-1] in _TEXT_ELEMENTS and (not is_text or name == "text"))
        ):
            self._end()
        if len(self._open) >= MAX_DEPTH + (name in _LEAVES) or (name == "tspan" and "text" not in self._open):
            return
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            self._complete = True
            return
        attributes = self._attributes(name, markup)
        self._out.append("".join((f"<{_ELEMENTS[name]}", *attributes)))
        empty = markup.endswith("/")
        self._out.append("/>" if empty else ">")
        if name in _LEAVES and _INVISIBLE.isdisjoint(self._open):
            self._visible = True
        if not empty:
            self._open.append(name)

    def _close(self, name: str) -> None:
        if name not in self._open:
            return
        while self._open[-1] != name:
            self._end()
        self._end()
        self._complete = not self._open

    def _end(self) -> None:
        self._out.append(f"</{_ELEMENTS[self._open.pop()]}>")

    def _write_text(self, text: str) -> None:
        if self._dropped or not self._open or self._open[-1] not in _TEXT_ELEMENTS:
            return
        safe_text = UNSAFE.sub("", unescape(text))
        is_drawn = self._open[-1] in {"text", "tspan"} and _INVISIBLE.isdisjoint(self._open)
        if is_drawn and safe_text.strip():
            self._visible = True
        self._out.append(html.escape(_BLANKS.sub(" ", safe_text), quote=False))

    def _attributes(self, name: str, markup: str) -> list[str]:
        """The element's attributes as written, those from the style sheet and its `style` included."""
        raw: dict[str, str] = {}
        for key, *values in _ATTRIBUTE.findall(markup):
            raw.setdefault(key.lower(), unescape("".join(values)))
        attributes = {_ATTRIBUTES[key]: value for key, value in raw.items() if key in _ATTRIBUTES}
        attributes |= self._stylesheet.declarations_for(name, raw.get("class", "").split(), raw.get("id"))
        attributes |= _declarations(raw.get("style", ""))
        if name == "svg" and not self._open:
            attributes = {"xmlns": _NAMESPACE} | _with_view_box(attributes)
        if _NAME.fullmatch(raw.get("id", "")):
            attributes["id"] = self._prefix + raw["id"]
        checked = {key: self._checked(key, value) for key, value in attributes.items()}
        return [f' {key}="{html.escape(value)}"' for key, value in checked.items() if value is not None]

    def _checked(self, key: str, value: str) -> str | None:
        """The value, with references limited to the drawing; None where it might fetch or run something."""
        value = " ".join(UNSAFE.sub("", value).split())
        if key == "xmlns":
            return value
        if _HARMFUL.search(value):
            return None
        if "(" in value:
            reference = _REFERENCE.fullmatch(value)
            if reference:
                return f"url(#{self._prefix}{reference[1]})"
            if any(call.lower() not in _FUNCTIONS for call in _CALL.findall(value)):
                return None
        return value


def _with_view_box(attributes: dict[str, str]) -> dict[str, str]:
    """The root's attributes with a `viewBox`, so that the drawing scales to any width."""
    width, height = attributes.get("width", ""), attributes.get("height", "")
    if "viewBox" not in attributes and _NUMBER.fullmatch(width) and _NUMBER.fullmatch(height):
        return attributes | {"viewBox": f"0 0 {width.removesuffix('px')} {height.removesuffix('px')}"}
    return attributes
