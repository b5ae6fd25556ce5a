"""The vocabulary numbers pieces of texts; what is read from the numbers is what folding the texts gives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.query import parse
from bot.domain.query.documents import FIELDS
from bot.domain.query.folding import FIELD_END, PART_END, folded_fields, words
from bot.domain.query.index.index import Index
from bot.domain.query.vocabulary import PieceVocabulary, vocabulary
from tests.domain.query.samples import document, odd_texts

_TEXTS = st.lists(
    st.one_of(odd_texts(), st.text(st.sampled_from(f"aB é{PART_END}{FIELD_END}—模\n"))), max_size=3
)


@given(st.lists(_TEXTS, min_size=len(FIELDS), max_size=len(FIELDS)))
def test_the_folded_words_of_each_part_are_the_same_from_the_numbers_and_without_them(
    fields: list[list[str]],
) -> None:
    numbered = PieceVocabulary()
    folded = numbered.folded_texts(numbered.numbers(fields))
    assert folded == folded_fields(fields)
    assert [text.split("\n") if text else [] for text in folded] == [
        [f" {''.join(f'{word} ' for word in words(text, 'folded'))}" for text in texts] for texts in fields
    ]


def test_a_piece_keeps_its_number() -> None:
    numbered = PieceVocabulary()
    numbers = numbered.numbers([["graphs of graphs"]])
    assert numbered.numbers([["graphs of graphs"]]) == numbers
    assert numbered.__missing__("graphs") == numbered["graphs"]  # as when another thread was first
    assert numbered.pieces == [PART_END, FIELD_END, "graphs", "of"]


@pytest.mark.parametrize("limit", ["MOST_PIECES", "MOST_CHARACTERS"])
def test_a_full_vocabulary_is_followed_by_a_new_one(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"bot.domain.query.vocabulary.{limit}", 8)
    monkeypatch.setattr(PieceVocabulary, "current", PieceVocabulary())
    first = vocabulary()
    assert vocabulary() is first
    old = document("graph theory of trees and nets and sets")
    index = Index([parse("graph"), parse("tree"), parse("net")])
    assert list(index.matches([old])) == [(0, 0), (1, 0), (2, 0)]
    assert vocabulary() is not first
    assert list(index.matches([document("a net"), old])) == [(2, 0), (0, 1), (1, 1), (2, 1)]
