"""A paper's text prepared for the features: stems of folded words, Chinese as pairs of characters, by section."""

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from bot.domain.papers import Paper, Point

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[\u3400-\u9fff]+|[^\W\d_\u3400-\u9fff]+|%")
_CJK = re.compile(r"[\u3400-\u9fff]")
_SPELLED = str.maketrans({"×": "x", "✕": "x"})
_SPELLED_ENDINGS = (
    "ization isation ational fulness ations ation ments ment ities ness ively ingly izing ising ized ised izes "
    "ises ize ing ity ies ers ed er es ly al ive ion ions s"
)
_ENDINGS = tuple(_SPELLED_ENDINGS.split())
_LONG = 5
_SHORTEST_STEM = 4
_STOPPED = """a an the and or but of to in on for with by from as at is are was were be been being it its this that
    these those what which how why when where who whom does do did has have had can could will would should may
    might must not no than then into onto over under their there they them he she his her you your we our i if so
    such both each any all more most other between through during via per using use used uses while also only
    about across within without because rather instead 什么 哪些 哪个 以下 如何 为什 论文 这个 一个 通过 使用"""
STOP_WORDS = frozenset(_STOPPED.split())


def words(text: str) -> list[str]:
    """The text's words in order, folded: numbers with their commas, `%` as `percent`, Chinese as pairs of characters."""
    folded: list[str] = []
    for token in _TOKEN.findall(unicodedata.normalize("NFKC", text).casefold().translate(_SPELLED)):
        if token == "%":  # noqa: S105 - a sign, no secret
            folded.append("percent")
        elif len(token) > 1 and _CJK.match(token):
            folded.extend(token[at : at + 2] for at in range(len(token) - 1))
        else:
            folded.append(token)
    return folded


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """An approximate stem, equal for most forms of a word; for comparing only."""
    if word[0].isdigit():
        return word.replace(",", "")
    if len(word) > _LONG:
        return _long_stem(word)
    if len(word) > _SHORTEST_STEM - 1 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    return word[:-1] if len(word) > _SHORTEST_STEM and word.endswith("e") else word


def _long_stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            word = word[: -len(ending)]
            break
    if word[-1] in "eiy":
        word = word[:-1]
    return word[:-1] if len(word) > _SHORTEST_STEM and word[-1] == word[-2] else word


def stems(text: str) -> list[str]:
    """The stems of all words, in order."""
    return [stem(word) for word in words(text)]


def width(text: str) -> int:
    """The visible length of the text: a Chinese character counts twice."""
    return len(text) + len(_CJK.findall(text))


def is_number(word: str) -> bool:
    return word[0].isdigit()


SECTIONS = ("title", "topic", "new", "problem", "methods", "results", "flow", "summary")
_LABELS = (
    ("topic", re.compile("topic|domain|主题|领域", re.IGNORECASE)),
    ("new", re.compile("previous|new idea|先前|以往|已有|前人|新思路|新想法", re.IGNORECASE)),
    ("problem", re.compile("problem|问题", re.IGNORECASE)),
    ("methods", re.compile("method|方法", re.IGNORECASE)),
    ("results", re.compile("result|evaluation|结果|评估", re.IGNORECASE)),
)
_SENTENCE = re.compile(r"(?<=[.;!?])\s+|\s+(?=\(\d\))|(?<=[。；！？])")
_DENIALS = """without unlike instead eliminate eliminating avoid avoiding remove removing not no lack lacks
    limited limitation limitations existing traditional previous prior conventional fail fails suffer suffers
    overcome overcoming rather nor cannot only solely beyond compared than standard current reducing"""
_DENYING = frozenset(map(stem, _DENIALS.split()))
_CLAIMS = """propose proposes proposing introduce introduces novel present presents develop develops
    developed new achieve achieves using uses used through called via with"""
_CLAIMING = frozenset(map(stem, _CLAIMS.split()))
_DENIED_WORDS, _CLAIMED_WORDS = 6, 8
_FLOW_WINDOW, _FLOW_STEP = 24, 12
_PREFIX = 5
_BREAK = "\0"
"""Stands between sentences in the stream of words, so that nothing is near anything across it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PaperText:
    """The texts about one paper in one language; `parts` are (section of SECTIONS, text)."""

    parts: tuple[tuple[str, str], ...]

    @property
    def is_empty(self) -> bool:
        return not any(text.strip() for _, text in self.parts)


def paper_text(paper: Paper, language: str) -> PaperText:
    """The title, the points of that language's edition, the flowchart, and all summaries."""
    edition = paper.edition(language)
    parts = [("title", paper.title), *_points(edition.points)]
    if paper.flowchart:
        parts.append(("flow", paper.flowchart.words))
    parts += (("summary", summary.text) for summary in paper.summaries)
    return PaperText(parts=tuple(parts))


def _points(points: tuple[Point, ...]) -> Iterator[tuple[str, str]]:
    by_index = SECTIONS[1:6]
    for index, point in enumerate(points):
        named = next((name for name, label in _LABELS if label.search(point.label)), None)
        yield named or by_index[min(index, len(by_index) - 1)], point.text


class TextIndex:
    """Index of a paper's text by word stems; immutable."""

    __slots__ = (
        "all",
        "bigrams",
        "breadth",
        "claimed",
        "counts",
        "denied",
        "positions",
        "prefixes",
        "sections",
        "segments",
        "size",
    )

    def __init__(self, text: PaperText) -> None:
        segments = list(_segments(text))
        stream = [word for section, sentence in _sentences(text) for word in (*sentence, *[_BREAK] * 3)]
        self.size = len(stream)
        """Words in the stream, breaks counted."""
        self.positions: dict[str, list[int]] = {}
        """Positions of each stem in the stream."""
        for at, word in enumerate(stream):
            if word != _BREAK:
                self.positions.setdefault(word, []).append(at)
        self.denied = _marked_after(stream, _DENYING, _DENIED_WORDS)
        self.claimed = _marked_after(stream, _CLAIMING, _CLAIMED_WORDS)
        self.sections: dict[str, set[str]] = {}
        self.segments: dict[str, list[int]] = {}
        """Segments (sentences, windows of the flowchart) that have each stem."""
        self.bigrams: set[tuple[str, str]] = set()
        self.counts: dict[str, int] = {}
        for number, (section, segment) in enumerate(segments):
            self.sections.setdefault(section, set()).update(segment)
            for word in set(segment):
                self.segments.setdefault(word, []).append(number)
            for word in segment:
                self.counts[word] = self.counts.get(word, 0) + 1
            self.bigrams.update(pairwise(segment))
            self.bigrams.update(pairwise(word for word in segment if word not in STOP_WORDS))
        self.breadth = len(segments)
        self.all = frozenset(self.counts)
        self.prefixes = frozenset(word[:_PREFIX] for word in self.all)

    def commonness(self, word: str) -> float:
        """1 for a word that the text does not have; grows slowly with the number of its occurrences."""
        return 1 + math.log1p(len(self.positions.get(word, ())))

    def hints_at(self, word: str) -> bool:
        """True where the text has the word, or another with the same beginning."""
        return word[:_PREFIX] in self.prefixes


@lru_cache(maxsize=64)
def text_index(text: PaperText) -> TextIndex:
    """The index of a text, from a cache: the questions of one paper come together."""
    return TextIndex(text)


def _sentences(text: PaperText) -> Iterator[tuple[str, list[str]]]:
    for section, part in text.parts:
        for sentence in [part] if section == "flow" else _SENTENCE.split(part):
            folded = stems(sentence)
            if folded:
                yield section, folded


def _segments(text: PaperText) -> Iterator[tuple[str, list[str]]]:
    """The sentences, with their sections; of a flowchart, which has none, overlapping windows."""
    for section, sentence in _sentences(text):
        if section != "flow":
            yield section, sentence
            continue
        for start in range(0, max(1, len(sentence) - _FLOW_STEP + 1), _FLOW_STEP):
            yield section, sentence[start : start + _FLOW_WINDOW]


def _marked_after(stream: list[str], starts: frozenset[str], reach: int) -> bytearray:
    """A byte for each position of the stream: 1 within `reach` words after one of `starts`, in the same sentence; else 0."""
    marks = bytearray(len(stream))
    for at, word in enumerate(stream):
        if word in starts:
            for position in range(at + 1, min(len(stream), at + 1 + reach)):
                if stream[position] == _BREAK:
                    break
                marks[position] = 1
    return marks
