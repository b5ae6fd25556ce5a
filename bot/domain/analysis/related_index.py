"""RelatedIndex: an index of many papers by their words, which finds those most similar to one.

Apart from `domain.similarity`, since it needs numpy, which only processes that show papers load.
"""

from array import array
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from bot.domain.query import Document
from bot.domain.similarity import COMMON, NEAR, telling_words, weights_of

_HEAVIEST = 40
"""Number of the paper's words, the heaviest, by which similar papers are found."""


class _Postings(NamedTuple):
    """The words of papers that were added together, sorted by word: those of `word` begin at `starts[word]`."""

    starts: np.ndarray
    rows: np.ndarray
    weights: np.ndarray


class RelatedIndex:
    """Index of papers by number, which compares them as `similarity` does.

    The weights of a paper are set when it is added, by the papers of that moment; so the caller builds a new index after
    many additions.
    """

    def __init__(self) -> None:
        self._numbers = array("q")
        self._words: dict[str, int] = {}
        self._counts = np.zeros(0, np.int32)
        """Number of papers that have each word, by the number of the word."""
        self._added: list[_Postings] = []

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, papers: Iterable[tuple[int, Document]]) -> None:
        """Add papers by number; one whose number is there already does not replace the other."""
        first = len(self._numbers)
        words, times, lengths = array("i"), array("i"), array("i")
        for number, document in papers:
            counts = telling_words(document)
            words.extend([self._words.setdefault(word, len(self._words)) for word in counts])
            times.extend(counts.values())
            lengths.append(len(counts))
            self._numbers.append(number)
        word, total = np.frombuffer(words, np.int32), len(self._numbers)
        counted = np.bincount(word, minlength=len(self._words)).astype(np.int32)
        counted[: len(self._counts)] += self._counts
        self._counts = counted
        rows = np.repeat(np.arange(len(lengths), dtype=np.int32), np.frombuffer(lengths, np.int32))
        frequency = self._counts[word]
        weights = (1 + np.log(np.frombuffer(times, np.int32))) * np.log((total + 1) / (frequency + 0.5))
        weights[frequency > max(total * COMMON, 1)] = 0.0
        norms = np.sqrt(np.bincount(rows, weights * weights, len(lengths)))
        norms[norms == 0] = 1.0
        order = np.argsort(word, kind="stable")
        order = order[weights[order] > 0]
        self._added.append(
            _Postings(
                starts=np.searchsorted(word[order], np.arange(len(self._words) + 1)),
                rows=(rows[order] + first).astype(np.int32),
                weights=(weights / norms[rows])[order].astype(np.float32),
            )
        )

    def near(self, document: Document, limit: int) -> list[int]:
        """The numbers of the papers nearest to this one, nearest first; only those with a nearness of NEAR or more."""
        weights = self._weights(document)
        heaviest = sorted(weights.items(), key=lambda entry: -entry[1])[:_HEAVIEST]
        scores = np.zeros(len(self._numbers), np.float32)
        for text, weight in heaviest:
            word = self._words.get(text)
            for starts, rows, others in self._added:
                if word is not None and word < len(starts) - 1:
                    postings = slice(starts[word], starts[word + 1])
                    scores[rows[postings]] += weight * others[postings]
        best = np.argsort(-scores, kind="stable")[:limit]
        return [self._numbers[int(row)] for row in best if scores[row] >= NEAR]

    def shared(self, first: Document, second: Document) -> list[str]:
        """The words that two papers share, the most important first."""
        weights, others = self._weights(first), self._weights(second)
        return sorted(weights.keys() & others.keys(), key=lambda word: (-weights[word] * others[word], word))

    def _weights(self, document: Document) -> dict[str, float]:
        return weights_of(document, self._count, len(self._numbers))

    def _count(self, word: str) -> int:
        number = self._words.get(word)
        return 0 if number is None else int(self._counts[number])
