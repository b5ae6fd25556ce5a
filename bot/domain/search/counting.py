"""How many papers a query finds, for one query after the other over the same papers."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cached_property

from bot.domain.query import Document
from bot.domain.query.documents import UNFOLDED
from bot.domain.query.evaluation import test_of
from bot.domain.query.folding import folded_form
from bot.domain.query.language import And, Node, Not, Or, Phrase, Word
from bot.domain.query.plurals import common_beginning


class Papers:
    """Documents by their words: only those that have a query's words are looked at."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = documents
        self._beginning_with: dict[str, set[int]] = {}

    @cached_property
    def vocabulary(self) -> Counter[str]:
        """Folded words to how many papers have them."""
        return Counter({word: len(places) for word, places in self._with.items()})

    def count(self, node: Node) -> int:
        """How many papers the query finds."""
        test = test_of(node)
        places = self._possible(node)
        some = self.documents if places is None else [self.documents[place] for place in places]
        return sum(map(test, some))

    @cached_property
    def _with(self) -> dict[str, set[int]]:
        """Folded words to the papers that have them."""
        found: dict[str, set[int]] = defaultdict(set)
        for place, document in enumerate(self.documents):
            for word in set(document.line("", "folded").split()):
                found[word].add(place)
        return dict(found)

    def _possible(self, node: Node) -> set[int] | None:
        """Papers besides which none matches; None where that may be any."""
        match node:
            case Not():
                return None
            case And():
                known = [some for some in map(self._possible, node.children) if some is not None]
                return set.intersection(*known) if known else None
            case Or():
                each = [self._possible(child) for child in node.children]
                known = [some for some in each if some is not None]
                return set().union(*known) if len(known) == len(each) else None
            case _:
                if node.scope in UNFOLDED:
                    return None
                words = node.words if isinstance(node, Phrase) else node.left + node.right
                return set.intersection(*map(self._having, words))

    def _having(self, word: Word) -> set[int]:
        if word.mode != "prefix":
            return self._with.get(folded_form(word.text), set())
        beginning = common_beginning(word.text)
        if beginning not in self._beginning_with:
            known = (places for other, places in self._with.items() if other.startswith(beginning))
            self._beginning_with[beginning] = set().union(*known)
        return self._beginning_with[beginning]
