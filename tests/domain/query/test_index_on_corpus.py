"""The index on real digests, with thousands of random queries of every kind: the plain evaluation's matches."""

import random
from pathlib import Path

import pytest

from bot.adapters.readers import read_digest
from bot.domain.digests import merge
from bot.domain.errors import QuerySyntaxError
from bot.domain.query import Document, Query, QueryEvaluator, document_of, excluding, parse
from bot.domain.query.folding import words
from bot.domain.query.index.index import Index

QUERIES = 1_500
PAPERS = 90
SEED = 20260811


@pytest.fixture(scope="module")
def papers(corpus: Path) -> list[Document]:
    """Papers of tables, and of quiz pages with their Chinese half."""
    paths = [*sorted(corpus.glob("tables/*.md"))[::12], *sorted(corpus.glob("pages/*.html"))[::12]]
    digests = [(path.name, read_digest(path.read_bytes(), name=path.name)) for path in paths]
    found = [
        document_of(merge(None, entry, digest=name, day=digest.date))
        for name, digest in digests
        for entry in digest.entries
    ]
    return random.Random(SEED).sample(found, PAPERS)


class Asking:
    """Random queries in the words of the papers."""

    def __init__(self, papers: list[Document]) -> None:
        self._random = random.Random(SEED)
        self._texts = [words(part.text, "exact") for paper in papers for part in paper.parts]
        self._texts = [text for text in self._texts if len(text) > 3]
        self._names = [part.text for paper in papers for part in paper.parts if part.field == "authors"]

    def queries(self, count: int) -> list[Query]:
        found: list[Query] = []
        while len(found) < count:
            try:
                query = parse(self._group(self._random.choice((0, 1, 1, 2, 3))))
                found.append(
                    excluding(query, (parse(self._term()),)) if self._random.random() < 0.1 else query
                )
            except QuerySyntaxError:
                continue  # what could match nothing, or everything
        return found

    def _group(self, depth: int) -> str:
        if not depth or self._random.random() < 0.2:
            return self._term()
        parts = [self._group(depth - 1) for _ in range(self._random.randint(2, 4))]
        joint = self._random.choice((" AND ", " OR ", " AND NOT ", " NOT "))
        inside = f"({joint.join(parts)})"
        return self._random.choice(("title:", "summary:", "NOT ", "", "", "")) + inside

    def _term(self) -> str:
        source = self._random
        size = source.choice((1, 1, 1, 2, 2, 3, 5))
        word = self._phrase(size)
        kind = source.random()
        if kind < 0.08 and self._names:
            return f"author:{source.choice((source.choice(self._names).split()[0], word))}"
        if kind < 0.18:
            return f"{word[: max(3, len(word) - source.randint(1, 4))]}*"
        if kind < 0.28:
            return source.choice((f'"{word}"', f'="{word}"', f"={self._phrase(1)}"))
        if kind < 0.42:
            return f"{word} NEAR/{source.randint(1, 12)} {self._phrase(source.randint(1, 2))}"
        return source.choice(("title:", "summary:", "", "", "")) + word

    def _phrase(self, size: int) -> str:
        text = self._random.choice(self._texts)
        start = self._random.randrange(max(len(text) - size, 1))
        found = " ".join(text[start : start + size])
        return found.upper() if self._random.random() < 0.1 else found


@pytest.fixture(scope="module")
def asked(papers: list[Document]) -> list[Query]:
    return Asking(papers).queries(QUERIES)


def test_random_queries_in_real_words_match_as_without_the_index(
    papers: list[Document], asked: list[Query]
) -> None:
    expected = list(QueryEvaluator(asked).matches(papers))
    index = Index(asked)
    assert list(index.matches(papers)) == expected
    assert len({query for query, _ in expected}) > QUERIES / 4
    assert any("\u4e00" <= sign <= "\u9fff" for query, _ in expected for sign in asked[query].text)
    loaded = Index.from_bytes(index.to_bytes())
    assert list(loaded.matches(papers)) == expected


def test_what_comes_and_goes_among_real_queries_leaves_the_bytes_as_they_were(
    papers: list[Document], asked: list[Query]
) -> None:
    kept, others = asked[: QUERIES // 2], asked[QUERIES // 2 :]
    index = Index(kept)
    before = index.to_bytes()
    source = random.Random(SEED)
    handles: list[int] = []
    for query in others:
        handles.append(index.add(query))
        if source.random() < 0.3:
            index.remove(handles.pop(source.randrange(len(handles))))
    source.shuffle(handles)
    for handle in handles:
        index.remove(handle)
    assert index.to_bytes() == before
    assert list(index.matches(papers)) == list(QueryEvaluator(kept).matches(papers))
