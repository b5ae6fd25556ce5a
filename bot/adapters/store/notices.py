"""Notices: their tables, read and written.

Each planning run has one row for each subscriber, with all papers noticed for them: a year of these takes a sixth of the
space of a row for each paper, and a digest for many subscribers is written in half the time. In `papers` the names of
the subscriptions that matched come before the numbers of their papers:

    [["agents"], 17, 18, ["agents", "evaluation"], 21]
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from bot.adapters.store.row_numbers import RowNumbers
from bot.adapters.store.sql import Statement, inserting, updating
from bot.domain.backlog import Rule
from bot.domain.notices import Notices
from bot.domain.papers import PaperId

Names = tuple[str, ...]

_NOTICE = inserting(
    "notices",
    {"run": "bigint", "subscriber": "bigint", "count": "integer", "papers": "text"},
)
_AT = inserting("noticed_papers", {"paper": "bigint", "run": "bigint"}, on_conflict="(paper, run) DO NOTHING")
_REWRITE = updating(
    "notices",
    "papers = :new_papers",
    where="run = :run_number AND subscriber = :subscriber_number",
    columns={"run_number": "bigint", "subscriber_number": "bigint", "new_papers": "text"},
)
_RUNS = "SELECT run FROM noticed_papers WHERE paper = ANY(:papers)"
_OF_ALL = Statement(
    "SELECT subscribers.id, notice.subscriber, notice.run, notice.papers FROM notices AS notice"
    f" JOIN subscribers ON subscribers.number = notice.subscriber WHERE notice.run IN ({_RUNS})"
)
_OF_SUBSCRIBERS = Statement(
    "SELECT subscribers.id, notice.subscriber, notice.run, notice.papers FROM notices AS notice"
    " JOIN subscribers ON subscribers.number = notice.subscriber"
    f" WHERE notice.run IN ({_RUNS}) AND notice.subscriber = ANY(:subscribers)"
)
_OF_SUBSCRIBER = (
    "SELECT notice.papers, planning_runs.made_at, planning_runs.rule, planning_runs.source FROM notices AS notice JOIN planning_runs ON planning_runs.number = notice.run"
    " WHERE notice.subscriber = (SELECT number FROM subscribers WHERE id = :subscriber)"
)
_ALL_OF_SUBSCRIBER = Statement(_OF_SUBSCRIBER)
_COUNTS = Statement(
    "SELECT papers, count FROM notices WHERE subscriber = (SELECT number FROM subscribers WHERE id = :subscriber)"
)
_ON_PAPERS_OF_SUBSCRIBER = Statement(f"{_OF_SUBSCRIBER} AND notice.run IN ({_RUNS})")
_DECODER = json.JSONDecoder()
_quoted, _escaped = json.JSONEncoder(ensure_ascii=False).encode, json.JSONEncoder().encode


class NoticedAt(NamedTuple):
    """The subscriptions that noticed a paper, and the time (in microseconds), rule and source of the planning run."""

    names: Names
    moment: int
    rule: Rule | None
    source: str | None


def write(connection: Connection, numbers: RowNumbers, noticed: Notices, run: int) -> None:
    """Insert notices of papers that were not noticed before."""
    papers, subscribers = numbers.of_papers(_papers(noticed)), numbers.of_subscribers(noticed)
    rows = [
        (
            run,
            subscribers[name],
            len(noticed[name]),
            _text({papers[paper]: names for paper, names in noticed[name].items()}),
        )
        for name in sorted(noticed, key=subscribers.__getitem__)  # in the order of the table's index
    ]
    _NOTICE.run(connection, rows)
    _AT.run(connection, [(paper, run) for paper in sorted(papers.values())])


def rewrite(connection: Connection, numbers: RowNumbers, noticed: Notices) -> None:
    """Replace the subscriptions of existing notices."""
    if not noticed:
        return
    subscribers = numbers.of_subscribers(noticed)
    papers = {number: paper for paper, number in numbers.of_papers(_papers(noticed)).items()}
    rows = _OF_SUBSCRIBERS.rows(
        connection, papers=list(papers), subscribers=[subscribers[name] for name in noticed]
    )
    rewritten: list[tuple[int, int, str]] = []
    for name, subscriber, run, text in rows:
        before = _read(text)
        changed = {
            number: noticed[name][papers[number]] for number in before if papers.get(number) in noticed[name]
        }
        if changed:
            rewritten.append((run, subscriber, _text({**before, **changed})))
    _REWRITE.run(connection, rewritten)


def _papers(noticed: Notices) -> set[PaperId]:
    return {paper for papers in noticed.values() for paper in papers}


def on_papers(
    connection: Connection,
    numbers: RowNumbers,
    paper_ids: Iterable[PaperId],
    subscribers: Iterable[str] | None = None,
) -> dict[str, dict[PaperId, Names]]:
    """The notices on these papers, by subscriber and paper; of all subscribers or only of these."""
    papers = {number: paper for paper, number in numbers.of_papers(set(paper_ids)).items()}
    if not papers:
        return {}
    if subscribers is None:
        rows = _OF_ALL.rows(connection, papers=list(papers))
    else:
        named = list(numbers.of_subscribers(subscribers).values())
        rows = _OF_SUBSCRIBERS.rows(connection, papers=list(papers), subscribers=named)
    noticed: dict[str, dict[PaperId, Names]] = defaultdict(dict)
    for name, _, _, text in rows:
        on_these = {papers[number]: names for number, names in _read(text).items() if number in papers}
        if on_these:
            noticed[name].update(on_these)
    return dict(noticed)


def of_subscriber(connection: Connection, subscriber: str) -> dict[int, NoticedAt]:
    """All notices of a subscriber, by the papers' numbers."""
    rows = _ALL_OF_SUBSCRIBER.rows(connection, subscriber=subscriber)
    return {number: NoticedAt(names, *run) for text, *run in rows for number, names in _read(text).items()}


def counts_of(connection: Connection, subscriber: str) -> Counter[Names]:
    """Number of papers noticed for a subscriber by each set of subscriptions.

    Called for every message: usually all papers of a row have the same names, and then only those are parsed.
    """
    counts: Counter[Names] = Counter()
    for text, count in _COUNTS.rows(connection, subscriber=subscriber):
        names, end = _DECODER.raw_decode(text, 1)
        if text.find("[", end) == -1:
            counts[tuple(names)] += count
        else:
            counts.update(_read(text).values())
    return counts


def of_subscriber_on(
    connection: Connection, subscriber: str, paper_ids: Iterable[PaperId]
) -> dict[PaperId, NoticedAt]:
    """The notices of a subscriber on these papers."""
    papers = {number: paper for paper, number in RowNumbers(connection).of_papers(set(paper_ids)).items()}
    if not papers:
        return {}
    rows = _ON_PAPERS_OF_SUBSCRIBER.rows(connection, subscriber=subscriber, papers=list(papers))
    return {
        papers[number]: NoticedAt(names, *run)
        for text, *run in rows
        for number, names in _read(text).items()
        if number in papers
    }


def _text(papers: Mapping[int, Names]) -> str:
    """The value of the column `papers`."""
    groups: dict[Names, list[int]] = {}
    for number, names in papers.items():
        groups.setdefault(names, []).append(number)
    text = _joined(groups, _quoted)
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which YAML can write and no database accepts
        return _joined(groups, _escaped)
    return text


def _joined(groups: Mapping[Names, Sequence[int]], quoted: Callable[[str], str]) -> str:
    texts = [
        f"[{','.join(map(quoted, names))}],{','.join(map(str, numbers))}" for names, numbers in groups.items()
    ]
    return f"[{', '.join(texts)}]"


def _read(text: str) -> dict[int, Names]:
    """The subscriptions by the number of a paper, from the column `papers`."""
    names_by_paper: dict[int, Names] = {}
    names: Names = ()
    for item in json.loads(text):
        if isinstance(item, int):
            names_by_paper[item] = names
        else:
            names = tuple(item)
    return names_by_paper
