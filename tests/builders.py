"""Whole values from the few parts that a test cares about."""

from dataclasses import replace
from datetime import UTC, date, datetime

from bot.app.config.channels import CHANNELS
from bot.domain.channels import ChannelKind, Target
from bot.domain.delivery import NO_PAPER, Delivery, DeliveryKind
from bot.domain.digests import Change, Digest
from bot.domain.feeds import Feed, FeedEntry, entry_id, feed_id
from bot.domain.message import Item, OutgoingMessage, WrittenDelivery, WrittenText
from bot.domain.notices import Reason, Why
from bot.domain.papers import Edition, Entry, Links, Paper, PaperId, Point, Question, Summary
from bot.domain.query import parse
from bot.domain.subscriptions import Channel, Subscriber, Subscription

NOW = datetime(2026, 9, 18, 8, 0, tzinfo=UTC)
AUTHORITY = "paperboy.example,2026"


def a_question(question: str = "Which one is right?", *options: str, answer: int | None = 1) -> Question:
    return Question(
        question=question,
        options=options or ("The first one", "The second one", "The third one"),
        answer=answer,
        answer_source=None if answer is None else "key",
    )


def an_edition(language: str = "en", *, points: int = 5, quiz: tuple[Question, ...] = ()) -> Edition:
    labels = ("📘 Topic", "❓ Problem", "🛠️ Method", "📊 Results", "💡 Takeaway")
    return Edition(
        language=language,
        points=tuple(
            Point(label=label, text=f"What there is to say on {label[2:]}.") for label in labels[:points]
        ),
        quiz=quiz,
    )


def a_paper(number: int | str = 1, **parts: object) -> Paper:
    """An arXiv paper of that running number (or of that id); any field can be given."""
    arxiv = f"2509.{14000 + number}" if isinstance(number, int) else number.removeprefix("arxiv:")
    given = {
        "id": PaperId(f"arxiv:{arxiv}"),
        "title": f"Paper {number}: Language Models at Scale",
        "authors": ("Bernard Ghanem", "Mohammad Zbeeb"),
        "summaries": (Summary(text="This paper presents a family of language models.", digest="a.md"),),
        "date": date(2026, 9, 18),
        "latest": date(2026, 9, 18),
        "links": Links(
            abs=f"https://arxiv.org/abs/{arxiv}",
            pdf=f"https://arxiv.org/pdf/{arxiv}",
            huggingface=f"https://huggingface.co/papers/{arxiv}",
        ),
        "digests": ("a.md",),
        **parts,
    }
    return Paper(**given)  # type: ignore[arg-type]


def a_reason(subscription: str = "language models", *why: tuple[str, str]) -> Reason:
    """A reason from (field, text) pairs; by default its words in the title."""
    found = why or (("title", "Language Models"),)
    return Reason(
        subscription=subscription,
        why=tuple(Why(term=text.lower(), field=field, text=text) for field, text in found),
    )


def an_item(number: int | str = 1, *reasons: Reason, **parts: object) -> Item:
    return Item(paper=a_paper(number, **parts), reasons=reasons or (a_reason(),))


def an_outgoing(
    *items: Item, kind: str = "email", address: str = "alice@example.org", **parts: object
) -> OutgoingMessage:
    """An alert; `kind` is the channel's, `more_titles` name papers over the daily limit."""
    titles = parts.pop("more_titles", ())
    given = {
        "id": "b5f1c0de",
        "kind": "alert",
        "target": Target(kind=kind, address=address),  # type: ignore[arg-type]
        "subscriber": "alice",
        "language": "en",
        "timezone": "Europe/Berlin",
        "created_at": NOW,
        "items": items or (an_item(1),),
        "more_papers": tuple(a_paper(700 + at, title=title) for at, title in enumerate(titles)),  # type: ignore[arg-type]
        **parts,
    }
    return OutgoingMessage(**given)  # type: ignore[arg-type]


def an_alarm_text(**parts: str) -> WrittenText:
    """A source that is silent."""
    given = {
        "subject": "The source “tables” has fallen silent",
        "body": "Nothing since 2026-09-11.\n\nNoticed today.",
        **parts,
    }
    return WrittenText(**given)


def an_alarm_message(kind: str = "telegram", address: str = "1", **text: str) -> OutgoingMessage:
    """A message with that alarm; `kind` is the channel's."""
    parts = {"kind": "alarm", "items": (), "text": an_alarm_text(**text)}
    return replace(an_outgoing(kind=kind, address=address), **parts)  # type: ignore[arg-type]


def a_look_back(target: str = "telegram:1", *, due_at: datetime = NOW) -> WrittenDelivery:
    """A week of alice."""
    row = Delivery(target, "alice", "look_back", NO_PAPER, "pending", due_at, "week:2026-09-14")
    return WrittenDelivery(delivery=row, text=WrittenText(subject="Your week: 4 new papers", body="llm 4"))


def an_alarm(target: str = "telegram:1", *, due_at: datetime = NOW, part: str = "began:1") -> WrittenDelivery:
    """An alarm for alice that a source is silent."""
    delivery = Delivery(
        target=target,
        subscriber="alice",
        kind="alarm",
        paper=NO_PAPER,
        state="held" if due_at > NOW else "pending",
        due_at=due_at,
        part=part,
    )
    return WrittenDelivery(delivery=delivery, text=an_alarm_text())


def a_feed_entry(number: int | str = 1, *reasons: Reason, at: datetime = NOW, **parts: object) -> FeedEntry:
    paper = a_paper(number, **parts)
    return FeedEntry(id=entry_id(AUTHORITY, paper.id), paper=paper, published=at, updated=at, reasons=reasons)


def a_feed(*entries: FeedEntry, **parts: object) -> Feed:
    given = {
        "id": feed_id(AUTHORITY, "all"),
        "title": "Paperboy",
        "updated": max((entry.updated for entry in entries), default=NOW),
        "entries": entries,
        "self_url": "https://papers.example.org/feed.atom",
        "site_url": "https://papers.example.org",
        **parts,
    }
    return Feed(**given)  # type: ignore[arg-type]


def an_entry(number: int | str = 1, **parts: object) -> Entry:
    """One digest's word on the paper of that number: with title, summary and links, but nothing of a quiz page."""
    arxiv = f"2509.{14000 + number}" if isinstance(number, int) else number
    given = {
        "id": PaperId(f"arxiv:{arxiv}"),
        "title": f"Paper {number}: Language Models at Scale",
        "authors": ("Bernard Ghanem",),
        "summary": f"Paper {number} presents a family of language models.",
        "links": Links(abs=f"https://arxiv.org/abs/{arxiv}"),
        **parts,
    }
    return Entry(**given)  # type: ignore[arg-type]


def a_digest(*entries: Entry | int, day: date | None = date(2026, 9, 18), **parts: object) -> Digest:
    """A table digest of these entries, or of the papers of these numbers."""
    given = {
        "kind": "table",
        "date": day,
        "entries": tuple(an_entry(entry) if isinstance(entry, int) else entry for entry in entries),
        **parts,
    }
    return Digest(**given)  # type: ignore[arg-type]


def a_quiz(count: int = 3, *, keyed: bool = True, of: str = "it") -> tuple[Question, ...]:
    return tuple(
        a_question(f"What is thing {n} of {of}?", answer=n % 3 if keyed else None) for n in range(count)
    )


def a_subscription(
    query: str = "language models", *, only: tuple[str, ...] = (), **parts: object
) -> Subscription:
    given = {"name": query, "text": query, "query": parse(query), "only": frozenset(only), **parts}
    return Subscription(**given)  # type: ignore[arg-type]


def a_channel(kind: ChannelKind = "telegram", address: str = "", **parts: object) -> Channel:
    usual = {"telegram": "1001", "email": "alice@example.org", "atom": "alice"}
    can = CHANNELS[kind].capabilities
    return Channel(kind=kind, address=address or usual[kind], capabilities=can, **parts)  # type: ignore[arg-type]


def a_subscriber(
    name: str = "alice",
    *channels: Channel,
    asks: tuple[str | Subscription, ...] = ("language models",),
    **parts: object,
) -> Subscriber:
    """Somebody with one Telegram chat who asks for language models, unless said otherwise."""
    given = {
        "id": name,
        "channels": channels or (a_channel(),),
        "subscriptions": tuple(a_subscription(ask) if isinstance(ask, str) else ask for ask in asks),
        **parts,
    }
    return Subscriber(**given)  # type: ignore[arg-type]


def a_change(paper: Paper | int = 1, *gains: str) -> Change:
    """A new paper, or one that gained something."""
    whole = a_paper(paper) if isinstance(paper, int) else paper
    return Change(paper=whole, gains=frozenset(gains))  # type: ignore[arg-type]


def a_delivery(
    paper: int = 1,
    target: str = "telegram:1001",
    kind: DeliveryKind = "alert",
    part: str = "",
    **parts: object,
) -> Delivery:
    """A row that is due now."""
    paper_id = a_paper(paper).id
    given = {
        "target": target,
        "subscriber": "alice",
        "kind": kind,
        "paper": paper_id,
        "state": "pending",
        "due_at": NOW,
        "part": part,
        **parts,
    }
    return Delivery(**given)  # type: ignore[arg-type]
