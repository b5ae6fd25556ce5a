"""The full-text table: at least every paper that a query matches is a candidate, on every database."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, timedelta
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from bot.adapters.store import Store
from bot.adapters.store import full_text as module
from bot.adapters.store.engine import writing
from bot.adapters.store.papers import StoredDocument, paper_json
from bot.domain.analysis.preview import Previewer
from bot.domain.papers import Edition, Paper, PaperId, Point, Summary
from bot.domain.query import Document, Query, document_of, match, parse
from bot.domain.query.documents import SCOPES
from bot.domain.query.needs import Term, need_of
from bot.pipeline.ports.papers import ReadDigest
from tests.adapters.store.conftest import Database, Hand
from tests.builders import NOW, a_digest, a_paper
from tests.domain.query.samples import ODD_TERMS, ODD_WORDS, VOCABULARY, odd_queries, odd_texts, queries

EVER = 10**6


def papers() -> list[Paper]:
    """Papers of few words each, in all fields."""
    words = [*VOCABULARY, *ODD_WORDS, "don't stop", "C# and C++", "a'b", "x" * 300, "ｗｉｄｅ"]

    def paper(number: int) -> Paper:
        first, second, third = (words[(number * step + step) % len(words)] for step in (1, 5, 11))
        return a_paper(
            number,
            title=f"{first} {second}",
            authors=(f"Ada {third}",),
            summaries=(Summary(text=f"{second} {third} {first}'s", digest="a.md"),),
            editions=(Edition(language="en", points=(Point(label=third, text=f"{third}-{second}"),)),),
            digests=(f"tables/{first}.md",),
        )

    return [paper(number) for number in range(len(words))]


@cache
def documents() -> list[tuple[str, Document]]:
    """(title, document) of each of them."""
    return [(paper.title, document_of(paper)) for paper in papers()]


@pytest.fixture
def filled(hand: Hand) -> Store:
    hand.keep(*papers())
    return hand.store


def found(store: Store, query: Query, *, with_texts: bool = True) -> dict[int, Document]:
    with store.full_text.last_days(EVER) as window:
        return dict(window.documents(window.candidates(need_of(query.root)), with_texts=with_texts))


def titles(store: Store, query: str) -> set[str]:
    return {document.parts[0].text for document in found(store, parse(query)).values()}


def every_match_is_a_candidate(store: Store, query: Query) -> None:
    candidates = found(store, query).values()
    matches = [title for title, document in documents() if match(query, document) is not None]
    previewer = Previewer(query)
    with store.full_text.last_days(EVER) as window:
        numbers = window.matching(previewer.bounds, previewer.matches, with_texts=previewer.needs_texts)
        assert sorted(matches) == sorted(paper.title for paper, _ in window.papers(numbers))
        assert window.certain(previewer.bounds) <= set(numbers)
    assert set(matches) <= {document.parts[0].text for document in candidates}
    assert sorted(matches) == sorted(
        document.parts[0].text for document in candidates if match(query, document) is not None
    )


@given(st.one_of(queries(), odd_queries()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_match_is_a_candidate(filled: Store, query: Query):
    every_match_is_a_candidate(filled, query)


def test_every_match_of_an_odd_term_is_a_candidate(filled: Store):
    for term in (*ODD_TERMS, "x" * 300, f'"{"x" * 300}"', f"{'x' * 150}*", "a'b", "author:ada"):
        every_match_is_a_candidate(filled, parse(term))


def test_words_of_other_fields_are_no_candidates(hand: Hand):
    hand.keep(a_paper(1, title="Graphs", summaries=()), a_paper(2, title="Cats", authors=("Ada Graph",)))
    assert titles(hand.store, "title:graph") == {"Graphs"}
    assert titles(hand.store, "author:graph") == {"Cats"}
    assert titles(hand.store, "graph OR author:graph") == {"Graphs", "Cats"}
    assert titles(hand.store, "title:graph AND author:graph") == set()
    assert titles(hand.store, "source:graph") == set()


def test_a_phrase_is_one_part_s_words_in_their_order(hand: Hand):
    across = (Summary(text="Of a graph", digest="a.md"), Summary(text="Neural nets", digest="b.md"))
    hand.keep(
        a_paper(1, title="Graph neural networks", summaries=()),
        a_paper(2, title="Neural graphs", summaries=()),
        a_paper(3, title="Two parts", summaries=across),
    )
    previewer = Previewer(parse("graph neural"))
    with hand.store.full_text.last_days(EVER) as window:
        found = window.matching(previewer.bounds, previewer.matches, with_texts=False)
        assert [paper.title for paper, _ in window.papers(found)] == ["Graph neural networks"]
        if window._is_exact:
            assert window.matching(previewer.bounds, lambda _: False, with_texts=False) == found


@pytest.mark.parametrize("few", [1, 50])
def test_few_and_many_papers_come_newest_first(hand: Hand, monkeypatch: pytest.MonkeyPatch, few: int):
    monkeypatch.setattr(module, "_FEW", few)
    days = [date(2025, 9, 18), None, date(2025, 9, 20), date(2025, 9, 18), None]
    hand.keep(*(a_paper(number, title="Graphs", date=day) for number, day in enumerate(days)))
    with hand.store.full_text.last_days(EVER) as window:
        dates = [paper.date for paper, _ in window.papers(window.candidates(need_of(parse("graph").root)))]
    assert dates == [days[2], days[0], days[3], None, None]


def test_a_query_of_a_thousand_words_is_taken(hand: Hand):
    hand.keep(a_paper(1, title="word999 of many"), a_paper(2, title="Cats"))
    assert titles(hand.store, " OR ".join(f"word{number}" for number in range(1_000))) == {"word999 of many"}
    assert titles(hand.store, f"{'(' * 40}cats{')' * 40}") == {"Cats"}


def test_a_changed_paper_is_found_by_its_new_words_alone(hand: Hand):
    hand.keep(a_paper(1, title="Graphs", summaries=()), a_paper(2, title="More graphs"))
    hand.keep(a_paper(1, title="Cats", summaries=()))
    assert titles(hand.store, "graph") == {"More graphs"}
    assert titles(hand.store, "cat") == {"Cats"}


def test_what_was_not_committed_is_not_found(hand: Hand):
    with suppress(InterruptedError), hand.store.digests.transaction() as tx:
        tx.save_papers([a_paper(1, title="Graphs")], NOW, changed=True)
        raise InterruptedError
    hand.keep(a_paper(2, title="Cats"))
    assert titles(hand.store, "graph OR cat") == {"Cats"}


def test_documents_bring_the_words_that_were_stored(filled: Store):
    query = parse("graph OR 扩散 OR model")
    folded, whole = (found(filled, query, with_texts=texts) for texts in (False, True))
    assert list(folded) == list(whole)
    assert folded
    for number, document in whole.items():
        assert folded[number].folded_words() == document.folded_words()
        assert Document(texts=document.texts).folded_words() == document.folded_words()


def test_a_translated_title_and_summary_are_found(hand: Hand):
    edition = Edition(language="zh", title="扩散模型的综述", summary="我们研究图。")
    hand.keep(a_paper(1, title="A survey", summaries=(), editions=(edition,)), a_paper(2, title="Cats"))
    assert titles(hand.store, "title:扩散模型") == {"A survey"}
    assert titles(hand.store, "研究图") == {"A survey"}
    (document,) = found(hand.store, parse("综述")).values()
    assert [(hit.field, hit.part, hit.text) for hit in match(parse("综述"), document) or ()] == [
        ("title", 1, "综述")
    ]


def test_documents_are_those_of_the_papers(filled: Store):
    for folded, whole in zip(
        found(filled, parse("graph OR model")).values(), papers_of(filled, "graph OR model"), strict=True
    ):
        assert folded.parts == document_of(whole).parts


def papers_of(store: Store, query: str) -> list[Paper]:
    with store.full_text.last_days(EVER) as window:
        return [paper for paper, _ in window.papers(window.candidates(need_of(parse(query).root)))]


def test_a_paper_of_too_many_words_is_a_candidate_for_every_query(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "_MOST_BYTES", 100)
    hand.keep(a_paper(1, title=" ".join(f"word{number}" for number in range(100))), a_paper(2, title="Cats"))
    assert len(titles(hand.store, "word7")) == 1
    with hand.store.full_text.last_days(EVER) as window:
        candidates = window.candidates(need_of(parse("zebra").root))
    assert len(candidates) <= 1


def dated(*days: date | None) -> Sequence[Paper]:
    return [a_paper(number, date=day, latest=day) for number, day in enumerate(days, start=1)]


def test_days_are_counted_back_from_the_newest_digest(hand: Hand):
    newest = date(2026, 8, 11)
    hand.keep(*dated(newest, newest - timedelta(days=5), None, newest - timedelta(days=90)))
    with hand.store.full_text.last_days(7) as window:
        assert (window.newest, window.oldest, len(window)) == (None, newest - timedelta(days=90), 4)
    with hand.store.digests.transaction() as tx:
        tx.save_digests([a_taken(newest)], NOW)
    with hand.store.full_text.last_days(7) as window:
        assert (window.newest, window.oldest, len(window)) == (newest, newest - timedelta(days=5), 3)
        numbers = window.candidates(None)
        assert [window.day(number) for number in numbers] == [newest, newest - timedelta(days=5), None]
        assert [paper.date for paper, _ in window.papers(reversed(numbers))] == [
            None,
            newest - timedelta(days=5),
            newest,
        ]
        assert window.candidates(None, without=numbers[:1]) == numbers[1:]


def test_papers_are_folded_again_where_the_rules_have_changed(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    hand = Hand(database.open())
    hand.keep(a_paper(1, title="Graphs"), a_paper(2, title="Cats"))
    with writing(hand.store._engine) as connection:
        for table in (
            ("paper_words", "full_text") if connection.dialect.name != "sqlite" else ("paper_words",)
        ):
            connection.execute(text(f"DELETE FROM {table}"))
        if connection.dialect.name == "sqlite":
            connection.execute(text("INSERT INTO full_text (full_text) VALUES ('delete-all')"))
    assert titles(database.open(), "graph") == set()
    monkeypatch.setattr(module, "RULES", "of another version")
    monkeypatch.setattr(module, "_FOLDED_AT_ONCE", 1)
    assert titles(database.open(), "graph") == {"Graphs"}


def test_words_that_no_rule_folds_alike_are_kept_apart(hand: Hand):
    hand.keep(a_paper(1, title="C++"), a_paper(2, title="C#"), a_paper(3, title="C", summaries=()))
    assert titles(hand.store, "C++") == {"C++"}
    assert titles(hand.store, '"c#"') == {"C#"}


def test_words_are_known_by_their_beginning(hand: Hand):
    hand.keep(a_paper(1, title="Agents agree"), a_paper(2, title="Agents", authors=("Ada",)))
    fields = ("title", "summary", "points")
    with hand.store.full_text.last_days(EVER) as window:
        assert sorted(window.words_from("ag")) == ["agent", "agree"]
        assert window.words_from("zz") == []
        assert window.count(Term(fields, "agent", is_prefix=False)) == 2
        assert window.count(Term(fields, "ada", is_prefix=False)) == 0
        assert window.has(Term(fields, "agr", is_prefix=True))
        assert not window.has(Term(fields, "ada", is_prefix=False))


def a_taken(day: date) -> ReadDigest:
    return ReadDigest(name="a.md", sha256="0" * 64, digest=a_digest(day=day))


def test_paper_ids_have_one_number(hand: Hand):
    hand.keep(a_paper(1, id=PaperId("arxiv:2601.00001"), title="One graph"))
    (number,) = found(hand.store, parse("graph"))
    hand.keep(a_paper(1, id=PaperId("arxiv:2601.00001"), title="Another graph"))
    assert list(found(hand.store, parse("graph"))) == [number]


@given(
    st.one_of(queries(), odd_queries()),
    odd_texts(),
    st.lists(odd_texts(), max_size=2),
    odd_texts(),
    st.booleans(),
)
def test_a_stored_text_decides_as_its_paper_does(
    query: Query, title: str, summaries: list[str], point: str, has_edition: bool
):
    edition = Edition(language="en", points=(Point(label="", text=point),))
    paper = a_paper(
        1,
        title=title,
        summaries=tuple(Summary(text=text, digest='a "b"\\.md') for text in summaries),
        editions=(edition,) if has_edition else (),
    )
    document = document_of(paper)
    stored = StoredDocument(paper_json(paper).decode(), document.folded_words())
    assert Previewer(query).matches(stored) == (match(query, document) is not None)
    texts, _ = stored.texts_at_hand("")
    assert texts == [part.text for part in document.parts if part.field in SCOPES[""]][: len(texts)]


def test_the_title_and_the_only_summary_of_a_plain_paper_are_all_its_texts():
    paper = a_paper(1, title="Graphs", summaries=(Summary(text="Of nets.", digest="a.md"),))
    stored = StoredDocument(paper_json(paper).decode(), document_of(paper).folded_words())
    assert stored.texts_at_hand("") == (["Graphs", "Of nets."], True)
    assert stored.texts_at_hand("title") == (["Graphs"], True)
    assert stored.texts_at_hand("author") == ([], False)
