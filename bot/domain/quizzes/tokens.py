"""Words of questions, options and papers as they are compared: folded, cut to stems, Chinese by pairs of signs."""

import re
import unicodedata
from functools import lru_cache

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
    """The text's words in order, folded: numbers with their commas, `%` as `percent`, Chinese as pairs of signs."""
    found: list[str] = []
    for token in _TOKEN.findall(unicodedata.normalize("NFKC", text).casefold().translate(_SPELLED)):
        if token == "%":  # noqa: S105 - a sign, no secret
            found.append("percent")
        elif len(token) > 1 and _CJK.match(token):
            found.extend(token[at : at + 2] for at in range(len(token) - 1))
        else:
            found.append(token)
    return found


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """What the forms of a word have in common, roughly: meant for comparing, not for showing."""
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
    """How long the text looks: a Chinese sign counts twice."""
    return len(text) + len(_CJK.findall(text))


def is_number(word: str) -> bool:
    return word[0].isdigit()
