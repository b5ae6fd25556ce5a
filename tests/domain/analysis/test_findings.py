"""Dead, noisy and superfluous subscriptions."""

from collections.abc import Mapping

from bot.domain.analysis.findings import Finding, subscription_findings
from bot.domain.papers import PaperId
from tests.builders import a_paper, a_subscriber, a_subscription

PAPERS = [a_paper(number).id for number in range(100)]


def papers(*numbers: int) -> frozenset[PaperId]:
    return frozenset(PAPERS[number] for number in numbers)


def findings(
    hits: Mapping[str, frozenset[PaperId]], recent: frozenset[PaperId] | None = None
) -> list[Finding]:
    alice = a_subscriber(asks=tuple(hits))
    found = {("alice", name): hit for name, hit in hits.items()}
    newest = frozenset(PAPERS) if recent is None else recent
    return list(subscription_findings([alice], found, newest, len(PAPERS), 90))


def told(hits: Mapping[str, frozenset[PaperId]]) -> list[tuple[str, str, bool]]:
    return [(finding.kind, finding.subject, finding.urgent) for finding in findings(hits)]


def test_one_that_never_matched_is_dead():
    assert told({"zymurgy": frozenset()}) == [("dead", "alice: zymurgy", True)]


def test_one_that_matched_only_long_ago_is_dead():
    (found,) = findings({"cats": papers(99)}, recent=frozenset(PAPERS[:50]))
    assert found.kind == "dead"
    assert "(1 before)" in found.what


def test_few_recent_papers_prove_nothing():
    assert findings({"cats": papers(99)}, recent=frozenset(PAPERS[:5])) == []


def test_one_that_brings_much_of_everything_is_noisy():
    assert told({"model": papers(*range(30))}) == [("noisy", "alice: model", True)]
    assert told({"model": papers(*range(20))}) == []


def test_one_within_another_is_named_once():
    assert told({"language models": papers(1, 2), "language": papers(1, 2, 3)}) == [
        ("contained", "alice: language models", False)
    ]


def test_two_that_say_the_same_are_named_once():
    assert told({"language models": papers(1, 2), "language-model": papers(1, 2)}) == [
        ("contained", "alice: language models", False)
    ]


def test_two_that_bring_the_same_overlap():
    same = {"rag": papers(*range(10)), "retrieval": papers(*range(2, 12))}
    assert told(same) == [("overlapping", "alice: rag", False)]
    assert told({"rag": papers(*range(10)), "retrieval": papers(*range(8, 18))}) == []


def test_with_few_papers_stored_nothing_is_dead_or_noisy():
    alice = a_subscriber(asks=("cats",))
    assert list(subscription_findings([alice], {}, frozenset(), 10, 90)) == []


def test_subscriptions_for_different_channels_are_not_superfluous():
    alice = a_subscriber(asks=(a_subscription("language models", only=("atom",)), a_subscription("language")))
    assert list(subscription_findings([alice], {}, frozenset(), 10, 90)) == []


def test_five_papers_of_both_and_six_tenths_of_all_are_an_overlap():
    enough = {"rag": papers(*range(6)), "retrieval": papers(*range(1, 9))}
    assert findings(enough) == []  # 5 of 9
    assert [
        finding.figures for finding in findings({"rag": papers(*range(5)), "retrieval": papers(*range(5))})
    ] == [{"with": "retrieval", "jaccard": 1.0, "both": 5}]
    assert findings({"rag": papers(*range(4)), "retrieval": papers(*range(4))}) == []
    assert len(findings({"rag": papers(*range(8)), "retrieval": papers(*range(2, 10))})) == 1  # 6 of 10
