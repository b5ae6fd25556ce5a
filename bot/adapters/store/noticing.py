"""What was noticed for whom, as the tables hold it.

Of one time there is a row for each subscriber, with all papers that were noticed for them then: a year of these
takes a sixth of what a row for each paper would take, and a digest for many people is written in half the time.
In `papers` the names of the subscriptions that matched go before the numbers of their papers:

    [["agents"], 17, 18, ["agents", "evaluation"], 21]
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import Connection

from bot.adapters.store.ids import Ids
from bot.adapters.store.sql import Statement, inserting, updating
from bot.domain.notices import Noticed
from bot.domain.papers import PaperId

Names = tuple[str, ...]

_NOTICE = inserting(
    "notices",
    {"plan": "bigint", "subscriber": "bigint", "count": "integer", "papers": "text"},
    on_conflict="(plan, subscriber) DO NOTHING",
)
_AT = inserting(
    "noticed_papers", {"paper": "bigint", "plan": "bigint"}, on_conflict="(paper, plan) DO NOTHING"
)
_REWRITE = updating(
    "notices",
    "papers = :text",
    where="plan = :time AND subscriber = :person",
    columns={"time": "bigint", "person": "bigint", "text": "text"},
)
_TIMES = "SELECT plan FROM noticed_papers WHERE paper = ANY(:papers)"
_OF_ALL = Statement(
    "SELECT subscribers.id, one.subscriber, one.plan, one.papers FROM notices AS one"
    f" JOIN subscribers ON subscribers.number = one.subscriber WHERE one.plan IN ({_TIMES})"
)
_OF_ONE = (
    "SELECT one.papers, plans.made_at FROM notices AS one JOIN plans ON plans.number = one.plan"
    " WHERE one.subscriber = (SELECT number FROM subscribers WHERE id = :subscriber)"
)
_EVERYTHING_OF_ONE = Statement(_OF_ONE)
_COUNTS = Statement(
    "SELECT papers, count FROM notices WHERE subscriber = (SELECT number FROM subscribers WHERE id = :subscriber)"
)
_SOME_OF_ONE = Statement(f"{_OF_ONE} AND one.plan IN ({_TIMES})")
_from_json = json.JSONDecoder()
_as_it_is, _escaped = json.JSONEncoder(ensure_ascii=False).encode, json.JSONEncoder().encode


class NoticedAt(NamedTuple):
    """The subscriptions that noticed a paper, and when it was noticed first, in microseconds."""

    names: Names
    moment: int


def write(connection: Connection, numbers: Ids, noticed: Noticed, plan: int) -> None:
    """Store what is noticed now; what was noticed before gets these names, where it stands."""
    known = _rewrite(connection, noticed, numbers.of_papers(_papers(noticed)))
    new = {
        name: {paper: names for paper, names in theirs.items() if (name, paper) not in known}
        if known
        else theirs
        for name, theirs in noticed.items()
    }
    write_new(connection, numbers, new, plan)


def write_new(connection: Connection, numbers: Ids, noticed: Noticed, plan: int) -> None:
    """Store what was certainly not noticed before."""
    papers, people = numbers.of_papers(_papers(noticed)), numbers.of_subscribers(noticed)
    rows = [
        (plan, people[name], len(theirs), _text({papers[paper]: names for paper, names in theirs.items()}))
        for name, theirs in sorted(
            noticed.items(), key=lambda one: people[one[0]]
        )  # as they will lie in the table
        if theirs
    ]
    _NOTICE.run(connection, rows)
    _AT.run(connection, [(paper, plan) for paper in sorted(papers.values())])


def _papers(noticed: Noticed) -> set[PaperId]:
    return {paper for theirs in noticed.values() for paper in theirs}


def _rewrite(
    connection: Connection, noticed: Noticed, papers: Mapping[PaperId, int]
) -> Collection[tuple[str, PaperId]]:
    """Give what was noticed before its new names, and say what that was."""
    ids = {number: paper for paper, number in papers.items()}
    known: set[tuple[str, PaperId]] = set()
    changed: list[tuple[int, int, str]] = []
    for name, number, plan, text in _OF_ALL.rows(connection, papers=list(ids)):
        theirs = noticed.get(name)
        before = _read(text) if theirs else {}
        again = (
            {one: theirs[ids[one]] for one in before if one in ids and ids[one] in theirs} if theirs else {}
        )
        known.update((name, ids[one]) for one in again)
        if any(before[one] != names for one, names in again.items()):
            changed.append((plan, number, _text({**before, **again})))
    _REWRITE.run(connection, changed)
    return known


def on_papers(connection: Connection, papers: Mapping[PaperId, int]) -> dict[str, dict[PaperId, Names]]:
    """Every notice on these papers, which come with their numbers, by subscriber."""
    ids = {number: paper for paper, number in papers.items()}
    found: dict[str, dict[PaperId, Names]] = defaultdict(dict)
    for name, _, _, text in _OF_ALL.rows(connection, papers=list(ids)) if ids else ():
        theirs = {ids[one]: names for one, names in _read(text).items() if one in ids}
        if theirs:
            found[name].update(theirs)
    return dict(found)


def of_subscriber(connection: Connection, subscriber: str) -> dict[int, NoticedAt]:
    """All that was noticed for a subscriber, by the papers' numbers."""
    rows = _EVERYTHING_OF_ONE.rows(connection, subscriber=subscriber)
    return {
        number: NoticedAt(names, moment) for text, moment in rows for number, names in _read(text).items()
    }


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
    """What was noticed for a subscriber on these papers."""
    ids = {number: paper for paper, number in Ids(connection).of_papers(set(papers)).items()}
    rows = _SOME_OF_ONE.rows(connection, subscriber=subscriber, papers=list(ids)) if ids else ()
    return {
        ids[number]: NoticedAt(names, moment)
        for text, moment in rows
        for number, names in _read(text).items()
        if number in ids
    }


def _text(papers: Mapping[int, Names]) -> str:
    together: dict[Names, list[int]] = defaultdict(list)
    for number, names in papers.items():
        together[names].append(number)
    return f"[{', '.join(_group(names, numbers) for names, numbers in together.items())}]"


def _group(names: Names, numbers: Iterable[int]) -> str:
    return f"[{','.join(map(_quoted, names))}],{','.join(map(str, numbers))}"


def _quoted(name: str) -> str:
    """As it is, unless it holds half a character (YAML can name those), which no database takes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return _escaped(name)
    return _as_it_is(name)


def _read(text: str) -> dict[int, Names]:
    found: dict[int, Names] = {}
    names: Names = ()
    for one in json.loads(text):
        if isinstance(one, int):
            found[one] = names
        else:
            names = tuple(one)
    return found
