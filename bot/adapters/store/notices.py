"""Notices: the tables that hold them, read and written.

Of one planning run there is a row for each subscriber, with all papers that it noticed for them: a year of these
takes a sixth of what a row for each paper would take, and a digest for many people is written in half the time.
In `papers` the names of the subscriptions that matched go before the numbers of their papers:

    [["agents"], 17, 18, ["agents", "evaluation"], 21]
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from bot.adapters.store.ids import Ids
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
    "papers = :text",
    where="run = :time AND subscriber = :person",
    columns={"time": "bigint", "person": "bigint", "text": "text"},
)
_RUNS = "SELECT run FROM noticed_papers WHERE paper = ANY(:papers)"
_OF_ALL = Statement(
    "SELECT subscribers.id, notice.subscriber, notice.run, notice.papers FROM notices AS notice"
    f" JOIN subscribers ON subscribers.number = notice.subscriber WHERE notice.run IN ({_RUNS})"
)
_OF_SUBSCRIBERS = Statement(
    "SELECT subscribers.id, notice.subscriber, notice.run, notice.papers FROM notices AS notice"
    " JOIN subscribers ON subscribers.number = notice.subscriber"
    f" WHERE notice.run IN ({_RUNS}) AND notice.subscriber = ANY(:people)"
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
_from_json = json.JSONDecoder()
_as_it_is, _escaped = json.JSONEncoder(ensure_ascii=False).encode, json.JSONEncoder().encode


class NoticedAt(NamedTuple):
    """The subscriptions that noticed a paper, and when it was noticed first, in microseconds, by which rule."""

    names: Names
    moment: int
    rule: Rule | None
    source: str | None


def write(connection: Connection, numbers: Ids, noticed: Notices, run: int) -> None:
    """Insert notices of papers that were not noticed before."""
    papers, people = numbers.of_papers(_papers(noticed)), numbers.of_subscribers(noticed)
    rows = [
        (
            run,
            people[name],
            len(noticed[name]),
            _text({papers[paper]: names for paper, names in noticed[name].items()}),
        )
        for name in sorted(noticed, key=people.__getitem__)  # as they will lie in the table
    ]
    _NOTICE.run(connection, rows)
    _AT.run(connection, [(paper, run) for paper in sorted(papers.values())])


def rewrite(connection: Connection, numbers: Ids, noticed: Notices) -> None:
    """Replace the subscriptions of notices that exist, in their rows."""
    if not noticed:
        return
    papers, people = numbers.of_papers(_papers(noticed)), numbers.of_subscribers(noticed)
    ids = {number: paper for paper, number in papers.items()}
    changed: list[tuple[int, int, str]] = []
    rows = _OF_SUBSCRIBERS.rows(connection, papers=list(ids), people=[people[name] for name in noticed])
    for name, number, run, text in rows:
        before = _read(text)
        again = {paper: noticed[name][ids[paper]] for paper in before if ids.get(paper) in noticed[name]}
        if again:
            changed.append((run, number, _text({**before, **again})))
    _REWRITE.run(connection, changed)


def _papers(noticed: Notices) -> set[PaperId]:
    return {paper for papers in noticed.values() for paper in papers}


def on_papers(
    connection: Connection,
    numbers: Ids,
    papers: Iterable[PaperId],
    subscribers: Iterable[str] | None = None,
) -> dict[str, dict[PaperId, Names]]:
    """Every notice on these papers, or those of these subscribers, by subscriber."""
    ids = {number: paper for paper, number in numbers.of_papers(set(papers)).items()}
    if not ids:
        return {}
    if subscribers is None:
        rows = _OF_ALL.rows(connection, papers=list(ids))
    else:
        people = list(numbers.of_subscribers(subscribers).values())
        rows = _OF_SUBSCRIBERS.rows(connection, papers=list(ids), people=people)
    noticed: dict[str, dict[PaperId, Names]] = defaultdict(dict)
    for name, _, _, text in rows:
        names_on = {ids[number]: names for number, names in _read(text).items() if number in ids}
        if names_on:
            noticed[name].update(names_on)
    return dict(noticed)


def of_subscriber(connection: Connection, subscriber: str) -> dict[int, NoticedAt]:
    """All that was noticed for a subscriber, by the papers' numbers."""
    rows = _ALL_OF_SUBSCRIBER.rows(connection, subscriber=subscriber)
    return {number: NoticedAt(names, *run) for text, *run in rows for number, names in _read(text).items()}


def counts_of(connection: Connection, subscriber: str) -> Counter[Names]:
    """How often the same subscriptions noticed a paper for a subscriber. Every message asks: mostly all papers of a
    row stand under the same names, which are read alone then.
    """
    counts: Counter[Names] = Counter()
    for text, count in _COUNTS.rows(connection, subscriber=subscriber):
        names, end = _from_json.raw_decode(text, 1)
        if text.find("[", end) == -1:
            counts[tuple(names)] += count
        else:
            counts.update(_read(text).values())
    return counts


def of_subscriber_on(
    connection: Connection, subscriber: str, papers: Iterable[PaperId]
) -> dict[PaperId, NoticedAt]:
    """The notices of a subscriber on these papers."""
    ids = {number: paper for paper, number in Ids(connection).of_papers(set(papers)).items()}
    rows = _ON_PAPERS_OF_SUBSCRIBER.rows(connection, subscriber=subscriber, papers=list(ids)) if ids else ()
    return {
        ids[number]: NoticedAt(names, *run)
        for text, *run in rows
        for number, names in _read(text).items()
        if number in ids
    }


def _text(papers: Mapping[int, Names]) -> str:
    together: dict[Names, list[int]] = {}
    for number, names in papers.items():
        together.setdefault(names, []).append(number)
    text = _joined(together, _as_it_is)
    try:
        text.encode()
    except UnicodeEncodeError:  # half a character (YAML can name those), which no database takes
        return _joined(together, _escaped)
    return text


def _joined(together: Mapping[Names, Sequence[int]], quoted: Callable[[str], str]) -> str:
    groups = [
        f"[{','.join(map(quoted, names))}],{','.join(map(str, numbers))}"
        for names, numbers in together.items()
    ]
    return f"[{', '.join(groups)}]"


def _read(text: str) -> dict[int, Names]:
    names_by_paper: dict[int, Names] = {}
    names: Names = ()
    for item in json.loads(text):
        if isinstance(item, int):
            names_by_paper[item] = names
        else:
            names = tuple(item)
    return names_by_paper
