"""Speller: other spellings of a query's terms, and how many papers each would find.

A quoted phrase misses plurals (`"large language model"` finds a quarter of what the words without quotes find), a prefix
also matches unintended words, two words miss the spelling as one, and a name in full misses its initials. Each variant is
tried on the given papers.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from typing import Literal

from bot.domain.query import Document, Query
from bot.domain.query.documents import SCOPES, UNFOLDED
from bot.domain.query.evaluation import test_of
from bot.domain.query.folding import folded_form
from bot.domain.query.needs import AllOf, ButNot, Need, Term, need_of
from bot.domain.query.syntax import And, Atom, Near, Node, Not, Or, Phrase, Word, atoms, both, either
from bot.domain.text import nearest

SpellingChange = Literal[
    "without quotes", "in any case", "written as one", "written apart", "its initials", "close to it"
]

_SHORTEST_INITIALS = 3
_LIKELY = 5
"""A word or phrase that fewer papers have is not suggested."""
_ALIKE = 0.8
_SHORTEST_MISSPELT = 4
"""Shorter words resemble too many others."""
_ODD_LETTERS = 2
"""Most letters by which a misspelt word and the one that was meant differ in length."""
_MOST_CLOSE = 5
_SHORT = 4
"""Length up to which the letters of a word occur mostly inside other words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spelling:
    """A spelling of a query that finds more papers: how many the query finds now, and how many it would find."""

    change: SpellingChange
    term: str
    query: str
    found: int
    would_find: int

    @property
    def missed(self) -> float:
        """The share of what the better spelling finds that the query misses now."""
        return (self.would_find - self.found) / self.would_find if self.would_find else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Noise:
    """Papers that a looser reading of a term (`looser`) brings beyond those with the word itself (`found`); `words` are the
    most frequent other words that do so.
    """

    term: str
    found: int
    looser: int
    words: tuple[str, ...]

    @property
    def share(self) -> float:
        """The share of the looser reading that is not the word itself."""
        return (self.looser - self.found) / self.looser if self.looser else 0.0


class DocumentCounter:
    """Counts how many of the documents a query finds, by an index of their folded words."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = documents
        numbers: dict[str, set[int]] = defaultdict(set)
        for number, document in enumerate(documents):
            for word in set(document.line("", "folded").split()):
                numbers[word].add(number)
        self._numbers = dict(numbers)
        self._beginning_with: dict[str, set[int]] = {}
        self.vocabulary = Counter({word: len(having) for word, having in numbers.items()})
        """Number of papers that have each folded word of titles, summaries and points."""

    def count(self, node: Node) -> int:
        """How many papers the query finds."""
        test = test_of(node, many=False)
        need = need_of(node)
        numbers = None if need is None else self._having(need)
        candidates = self.documents if numbers is None else [self.documents[number] for number in numbers]
        return sum(map(test, candidates))

    def _having(self, need: Need) -> set[int] | None:
        """The numbers of the documents that may meet the need; None where any may."""
        match need:
            case Term():
                return self._having_words(need) if need.fields == SCOPES[""] else None
            case AllOf():
                known = [numbers for numbers in map(self._having, need.needs) if numbers is not None]
                return set.intersection(*known) if known else None
            case ButNot():
                return self._having(need.need)
            case _:
                parts = [self._having(part) for part in need.needs]
                known = [numbers for numbers in parts if numbers is not None]
                return set().union(*known) if len(known) == len(parts) else None

    def _having_words(self, term: Term) -> set[int]:
        *firsts, last = term.text.split()
        having = self._beginning(last) if term.is_prefix else self._numbers.get(last, set())
        return having.intersection(*(self._numbers.get(word, set()) for word in firsts))

    def _beginning(self, text: str) -> set[int]:
        if text not in self._beginning_with:
            known = (having for word, having in self._numbers.items() if word.startswith(text))
            self._beginning_with[text] = set().union(*known)
        return self._beginning_with[text]


class Speller:
    """Tries other spellings of queries on the documents of many papers."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._papers = DocumentCounter(documents)

    def better(self, query: Query) -> tuple[Spelling, ...]:
        """Spellings that find more papers than the query, the most first."""
        found = self._papers.count(query.root)
        tried: dict[str, Spelling] = {}
        for atom in atoms(query.root):
            for change, node in self._variants(atom):
                root = replaced(query.root, atom, node)
                would_find = self._papers.count(root)
                if would_find > found:
                    text = str(root)
                    tried.setdefault(
                        text,
                        Spelling(
                            change=change, term=atom.written, query=text, found=found, would_find=would_find
                        ),
                    )
        return tuple(sorted(tried.values(), key=lambda spelling: (-spelling.would_find, spelling.query)))

    def prefix_noise(self, query: Query) -> tuple[Noise, ...]:
        """Noise of each prefix of the query that is a word itself: papers that it brings beyond those with that word."""
        tried = (
            self._noise(atom, last)
            for atom in atoms(query.root)
            if isinstance(atom, Phrase) and (last := atom.words[-1]).mode == "prefix"
        )
        return tuple(noise for noise in tried if noise.found >= _LIKELY)

    def inside_noise(self, query: Query) -> tuple[Noise, ...]:
        """Noise of each short word of the query: papers that a search for its letters inside other words would bring beyond it."""
        return tuple(
            self._inside(atom)
            for atom in atoms(query.root)
            if isinstance(atom, Phrase) and not atom.scope and self._is_short(atom)
        )

    def _is_short(self, phrase: Phrase) -> bool:
        (first, *others) = phrase.words
        return not others and first.mode != "prefix" and first.text.isascii() and len(first.text) <= _SHORT

    def _noise(self, phrase: Phrase, last: Word) -> Noise:
        full_word = _with_words(
            phrase, (*phrase.words[:-1], Word(text=folded_form(last.text), mode="folded"))
        )
        return Noise(
            term=phrase.written,
            found=self._papers.count(either((full_word, _plain(phrase, last)))),
            looser=self._papers.count(phrase),
            words=self._frequent(lambda word: word.startswith(last.text), last.text),
        )

    def _inside(self, phrase: Phrase) -> Noise:
        letters = phrase.words[0].text.lower()
        return Noise(
            term=phrase.written,
            found=self._papers.count(phrase),
            looser=sum(letters in document.line("", "plain") for document in self._papers.documents),
            words=self._frequent(lambda word: letters in word, letters),
        )

    def _frequent(self, wanted: Callable[[str], bool], itself: str) -> tuple[str, ...]:
        others = ((word, n) for word, n in self._papers.vocabulary.items() if word != itself and wanted(word))
        return tuple(word for word, _ in sorted(others, key=lambda entry: (-entry[1], entry[0]))[:4])

    def _variants(self, atom: Atom) -> Iterator[tuple[SpellingChange, Node]]:
        if isinstance(atom, Near) or atom.scope in UNFOLDED:
            return
        modes = {word.mode for word in atom.words}
        if modes & {"plain", "exact"}:
            change: SpellingChange = "in any case" if "exact" in modes else "without quotes"
            yield change, _with_words(atom, tuple(map(_folded, atom.words)))
        if modes != {"folded"}:
            return
        yield from (("written as one", either((atom, node))) for node in self._as_one(atom))
        yield from (("written apart", either((atom, node))) for node in self._apart(atom))
        yield from (("its initials", either((atom, node))) for node in self._initials(atom))
        if not self._papers.count(atom):
            yield from (("close to it", node) for node in self._close(atom))

    def _as_one(self, phrase: Phrase) -> Iterator[Node]:
        for index, (left, right) in enumerate(pairwise(phrase.words)):
            joined = folded_form(left.text + right.text)
            if self._papers.vocabulary[joined] >= _LIKELY:
                yield _with_words(phrase, (*phrase.words[:index], _word(joined), *phrase.words[index + 2 :]))

    def _apart(self, phrase: Phrase) -> Iterator[Node]:
        for index, word in enumerate(phrase.words):
            for cut in range(3, len(word.text) - 2):
                pair = (_word(word.text[:cut]), _word(word.text[cut:]))
                if all(self._papers.vocabulary[half.text] >= _LIKELY for half in pair):
                    apart = _with_words(phrase, (*phrase.words[:index], *pair, *phrase.words[index + 1 :]))
                    if self._papers.count(_with_words(phrase, pair)) >= _LIKELY:
                        yield apart

    def _initials(self, phrase: Phrase) -> Iterator[Node]:
        """The initials of a name, where enough papers define them: `Large Language Models (LLMs)`."""
        initials = "".join(word.text[0] for word in phrase.words)
        defined = _with_words(phrase, (*phrase.words, _word(initials)))
        if len(initials) >= _SHORTEST_INITIALS and self._papers.count(defined) >= _LIKELY:
            yield _with_words(phrase, (_word(initials),))

    def _close(self, phrase: Phrase) -> Iterator[Node]:
        for index, word in enumerate(phrase.words):
            if self._papers.vocabulary[word.text]:
                continue
            likely = [known for known, count in self._papers.vocabulary.items() if count >= _LIKELY]
            if near := nearest(word.text, likely, cutoff=_ALIKE):
                yield _with_words(phrase, (*phrase.words[:index], _word(near), *phrase.words[index + 1 :]))


def closest(word: str, known: Iterable[str]) -> list[str]:
    """The known words most like a misspelt one, the likeliest first, at most five."""
    if len(word) < _SHORTEST_MISSPELT:
        return []
    near = (other for other in known if abs(len(other) - len(word)) <= _ODD_LETTERS)
    likely = get_close_matches(word, near, n=4 * _MOST_CLOSE, cutoff=_ALIKE)
    likely.sort(key=lambda other: sorted(other) != sorted(word))  # `modle` is `model`, not `module`
    return likely[:_MOST_CLOSE]


def replaced(node: Node, atom: Atom, by: Node) -> Node:
    """The tree with that atom replaced; exclusions stay as they are."""
    match node:
        case And():
            return both(tuple(replaced(child, atom, by) for child in node.children))
        case Or():
            return either(tuple(replaced(child, atom, by) for child in node.children))
        case Not():
            return node
        case _:
            return by if node == atom else node


def _with_words(phrase: Phrase, words: tuple[Word, ...]) -> Phrase:
    return Phrase(scope=phrase.scope, words=words, written=phrase.written, position=phrase.position)


def _word(text: str) -> Word:
    return Word(text=text, mode="folded")


def _folded(word: Word) -> Word:
    return word if word.mode == "prefix" else _word(folded_form(word.text))


def _plain(phrase: Phrase, last: Word) -> Phrase:
    return _with_words(phrase, (*phrase.words[:-1], Word(text=last.text, mode="plain")))
