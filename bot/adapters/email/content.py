"""Content of a mail: one value, from which both the plain text and the HTML are made."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from string import ascii_uppercase
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from bot.adapters.email.dkim import DkimSigner
from bot.domain.card import (
    Card,
    CardMatch,
    CardPoint,
    Piece,
    Pieces,
    card_of,
    cut_pieces,
    text_of,
    web_link,
)
from bot.domain.gist import Role
from bot.domain.mailbox import Mailbox
from bot.domain.message import Item, OutgoingMessage
from bot.domain.notices import Reason
from bot.domain.papers import Paper, Question
from bot.domain.quizzes.polls import poll_of, shuffle_seed
from bot.domain.site import SiteAddresses
from bot.domain.text import cut, one_line, plain_line, sentences
from bot.domain.translations import Wording, wording

_LOCAL = SiteAddresses("http://127.0.0.1:8080")


@dataclass(frozen=True, kw_only=True, slots=True)
class EmailSettings:
    """Settings that all mails share."""

    sender: Mailbox
    site_title: str = "Paperboy"
    site: SiteAddresses = _LOCAL
    dkim: DkimSigner | None = None
    bounces: Mailbox | None = None
    """Address that undeliverable mails are returned to."""

    def __post_init__(self) -> None:
        if web_link(self.site.url) is None:
            raise ValueError(f"site.url is no http or https address: {one_line(self.site.url, 80)!r}")


# --- questions

_QUESTION_LIMIT, _OPTION_LIMIT = 1_000, 400


@dataclass(frozen=True, kw_only=True, slots=True)
class EmailQuestion:
    """A question with its lettered options in the order shown, and its answer for the end of the mail."""

    number: int
    """Counted through the whole mail."""
    text: str
    options: tuple[tuple[str, str], ...]
    """(letter, text)"""
    answer: str


def _questions(
    quiz: Sequence[Question], *, first: int, target: str, words: Wording
) -> tuple[EmailQuestion, ...]:
    """The questions that can be asked, numbered from `first`; each target has its own order of options."""
    questions: list[EmailQuestion] = []
    for question in quiz:
        poll = poll_of(question, seed=shuffle_seed(question, target))
        if poll is None:
            continue
        texts = (plain_line(question.options[option], _OPTION_LIMIT) for option in poll.order)
        options = tuple(zip(ascii_uppercase, texts, strict=False))
        answer = words.no_key if poll.correct is None else "{}. {}".format(*options[poll.correct])
        if poll.marked_inferred:
            answer += f" ({words.worked_out.format(sure=int((question.confidence or 0) * 100))})"
        text = plain_line(question.question, _QUESTION_LIMIT)
        number = first + len(questions)
        questions.append(EmailQuestion(number=number, text=text, options=options, answer=answer))
    return tuple(questions)


# --- papers

_AUTHORS = 4
_MATCHES = 6
_CACHED_ENTRIES = 1_024
"""The same papers go to many people."""
_POINTS = 3
_POINT_LENGTH = 200
_ROLES: tuple[Role, ...] = ("problem", "method", "result", "idea", "use", "topic")
"""Roles of the points that are shown, the most informative first."""
_SHARED_LETTERS = 48
"""Length of a common beginning from which a point repeats the gist."""
_PUBLISHERS = {
    "arxiv.org": "arXiv",
    "doi.org": "DOI",
    "openreview.net": "OpenReview",
    "aclanthology.org": "ACL Anthology",
    "huggingface.co": "Hugging Face",
    "biorxiv.org": "bioRxiv",
    "medrxiv.org": "medRxiv",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class EmailEntry:
    """One paper of a mail; a short entry has only its title and link."""

    number: int
    title: Pieces
    link: str
    topic: str
    """The subscription that it is counted under; empty without one."""
    authors: Pieces = ()
    date: str = ""
    sources: int = 1
    gist: Pieces = ()
    points: tuple[CardPoint, ...] = ()
    why: tuple[CardMatch, ...] = ()
    """Matching subscriptions, each with the words that matched where the rest of the entry does not show them."""
    questions: int = 0
    page: str = ""
    links: tuple[tuple[str, str], ...] = ()
    """(name, address)"""
    not_for_me: str = ""
    """Address of the recipient's page that says why the paper came and how to get no more like it."""
    quiz: tuple[EmailQuestion, ...] = ()
    """Empty where the channel's settings ask for no quizzes."""
    common: "EmailEntry | None" = field(default=None, compare=False, repr=False)
    """The cached entry that this one was made from, shared by all mails that show the paper in the same way."""

    @property
    def title_text(self) -> str:
        return text_of(self.title)

    @property
    def facts(self) -> tuple[str, ...]:
        """Those of `authors`, `date`, `sources` and `questions` that there is something to say about."""
        facts = {
            "authors": self.authors,
            "date": self.date,
            "sources": self.sources > 1,
            "questions": self.questions,
        }
        return tuple(name for name, value in facts.items() if value)

    @property
    def details(self) -> "EmailEntry":
        """The entry without what is specific to one mail: equal in all mails that show the paper in the same way."""
        if self.common is not None and not self.quiz:
            return self.common
        return replace(self, number=0, topic="", not_for_me="", common=None)

    @property
    def short(self) -> "EmailEntry":
        """Only its title and link."""
        title = cut_pieces(self.title, 160)
        return EmailEntry(number=self.number, title=title, link=self.link, topic=self.topic)


@dataclass(frozen=True, kw_only=True, slots=True)
class EmailTopic:
    """A subscription, with the count of its papers in the mail and the numbers of those shown in full."""

    name: str
    count: int
    numbers: tuple[int, ...] = ()


MOST_ENTRIES = 20
"""Most papers shown in full: nobody reads a longer mail to its end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EmailContent:
    """Everything that one mail says. Papers come best first: `entries` in full, `rest` as a title with a link.

    `unnamed` counts the papers that are left out altogether.
    """

    subject: str
    preheader: str
    site_title: str
    heading: str
    day: str
    note: str
    """A sentence before the papers; usually empty."""
    topics: tuple[EmailTopic, ...]
    entries: tuple[EmailEntry, ...]
    rest: tuple[EmailEntry, ...]
    unnamed: int
    site_url: str
    why_you: str
    unsubscribe_url: str | None
    preferences_url: str | None
    words: Wording

    @property
    def answers(self) -> tuple[EmailQuestion, ...]:
        """All questions of the mail; their answers are shown at the end."""
        return tuple(question for entry in self.entries for question in entry.quiz)

    @property
    def quiz_numbers(self) -> tuple[int, ...]:
        """The numbers of the papers with questions."""
        return tuple(entry.number for entry in self.entries if entry.quiz)

    @property
    def more(self) -> int:
        """The number of papers that are not shown in full."""
        return len(self.rest) + self.unnamed

    @property
    def shown_topics(self) -> tuple[EmailTopic, ...]:
        """The topics, with the numbers of the papers shown in full."""
        numbers: dict[str, list[int]] = {topic.name: [] for topic in self.topics}
        for entry in self.entries:
            if entry.topic in numbers:
                numbers[entry.topic].append(entry.number)
        return tuple(replace(topic, numbers=tuple(numbers[topic.name])) for topic in self.topics)

    @property
    def smaller(self) -> "EmailContent | None":
        """The next smaller content: fewer papers in full, then fewer named, then no questions; None if none is left."""
        entries, named = len(self.entries), len(self.rest)
        if entries > 1:
            in_full = entries - max(1, entries // 8)
            return self.shortened(in_full, named + entries - in_full)
        if named:
            return self.shortened(entries, named - max(1, named // 8))
        if self.answers:
            return replace(self, entries=tuple(replace(entry, quiz=()) for entry in self.entries))
        return None

    def shortened(self, entries: int, rest: int) -> "EmailContent":
        """The content with the first `entries` papers in full and at most `rest` of the others named."""
        named = (*(entry.short for entry in self.entries[entries:]), *self.rest)
        return replace(
            self,
            entries=self.entries[:entries],
            rest=named[:rest],
            unnamed=self.unnamed + len(named[rest:]),
        )


def email_content(outgoing: OutgoingMessage, settings: EmailSettings) -> EmailContent:
    """The content of the mail for that message, not yet limited in size."""
    words = wording(outgoing.language)
    site = settings.site
    cards = [card_of(item, language=outgoing.language) for item in outgoing.items]
    topics = _topics(cards)
    counted = Counter(topics)
    day = outgoing.created_at.astimezone(ZoneInfo(outgoing.timezone)).date()
    count = len(cards) + outgoing.more
    subscriptions = dict.fromkeys(match.subscription for card in cards for match in card.matches)
    unsubscribe, preferences = outgoing.unsubscribe_token, outgoing.preferences_token
    content = EmailContent(
        subject=_subject(words, cards, counted, count, words.brief_day(day)),
        preheader=_preheader(words, cards, count),
        site_title=one_line(settings.site_title, 80),
        heading=words.count(count),
        day=words.day(day),
        note="",
        topics=tuple(EmailTopic(name=name, count=number) for name, number in counted.most_common() if name),
        entries=tuple(_entries(outgoing, topics, site, words)),
        rest=tuple(_left_out(outgoing, site)),
        unnamed=outgoing.more - len(outgoing.more_papers),
        site_url=site.front,
        why_you=words.why_you.format(
            address=one_line(outgoing.target.address, 120),
            subscriptions=cut(", ".join(subscriptions) or settings.site_title, 400),
        ),
        unsubscribe_url=site.unsubscribe(unsubscribe) if unsubscribe else None,
        preferences_url=site.preferences(preferences) if preferences else None,
        words=words,
    )
    content = content.shortened(MOST_ENTRIES, len(cards) + len(content.rest))
    return content if outgoing.corrects is None else _correction(content, outgoing.corrects, settings)


def _correction(content: EmailContent, wrong: OutgoingMessage, settings: EmailSettings) -> EmailContent:
    """The content as a reply to the mail that it corrects."""
    words = content.words
    original = email_content(wrong, settings)
    return replace(
        content,
        subject=words.reply.format(subject=original.subject),
        preheader=words.correction,
        heading=words.correction,
        note=words.correction_note.format(day=original.day),
        topics=(),
    )


def _topics(cards: Sequence[Card]) -> list[str]:
    """The most specific subscription of each paper: the one with the fewest papers in this mail."""
    counts = Counter(match.subscription for card in cards for match in card.matches)
    subscriptions = ([match.subscription for match in card.matches] for card in cards)
    return [min(names, key=lambda name: counts[name], default="") for names in subscriptions]


def _entries(
    outgoing: OutgoingMessage, topics: Sequence[str], site: SiteAddresses, words: Wording
) -> Iterator[EmailEntry]:
    question = 1
    for number, (item, topic) in enumerate(zip(outgoing.items, topics, strict=True), start=1):
        quiz: tuple[EmailQuestion, ...] = ()
        if item.quiz and number <= MOST_ENTRIES:
            quiz = _questions(item.quiz, first=question, target=outgoing.target.key, words=words)
            question += len(quiz)
        entry = _common_entry(item.paper, item.reasons, outgoing.language, site)
        token = outgoing.preferences_token
        not_for_me = site.objection(token, item.paper.id) if token and item.reasons else ""
        yield replace(entry, number=number, topic=topic, quiz=quiz, not_for_me=not_for_me, common=entry)


@lru_cache(maxsize=_CACHED_ENTRIES)
def _common_entry(
    paper: Paper, reasons: tuple[Reason, ...], language: str, site: SiteAddresses
) -> EmailEntry:
    """The entry as all mails show it that bring the paper for these reasons."""
    words = wording(language)
    card = card_of(Item(paper=paper, reasons=reasons), language=language)
    page = site.paper(card.id)
    links = tuple(_links(card, page, words))
    points = tuple(_points(card))
    visible = (card.title, card.gist, *card.authors[:_AUTHORS], *(point.text for point in points))
    return EmailEntry(
        number=0,
        title=card.title,
        link=links[0][1],
        topic="",
        authors=card.author_line(_AUTHORS),
        date=words.brief_day(card.date) if card.date else "",
        sources=card.source_count,
        gist=card.gist,
        points=points,
        why=tuple(_why(card.matches[:_MATCHES], visible)),
        questions=card.questions,
        page=page,
        links=links,
    )


def _points(card: Card) -> Iterator[CardPoint]:
    """The most informative points that do not repeat the gist, in their own order."""
    gist = card.gist_text
    candidates = [point for point in card.points if not _repeats(text_of(point.text), gist)]
    ranked = sorted(
        (point for point in candidates if point.role in _ROLES), key=lambda point: _ROLES.index(point.role)
    )
    best = ranked[:_POINTS]
    for point in candidates:
        if any(point is other for other in best):
            yield replace(point, text=_first_sentences(point.text))


def _first_sentences(text: Pieces) -> Pieces:
    """The first sentences, as many as fit in _POINT_LENGTH; a longer first one is cut."""
    length = 0
    for sentence in sentences(text_of(text)):
        if length + len(sentence) + 1 > _POINT_LENGTH:
            break
        length += len(sentence) + 1
    return cut_pieces(text, _POINT_LENGTH) if not length else _first(text, length - 1)


def _first(text: Pieces, length: int) -> Pieces:
    pieces: list[Piece] = []
    for piece in text:
        if length > 0:
            pieces.append(piece._replace(text=piece.text[:length]))
        length -= len(piece.text)
    return tuple(pieces)


def _repeats(text: str, gist: str) -> bool:
    return text in gist or gist[:_SHARED_LETTERS] in text or text[:_SHARED_LETTERS] in gist


def _why(matches: Sequence[CardMatch], visible: Sequence[Pieces]) -> Iterator[CardMatch]:
    """Each match, with its words only where the visible text does not mark them."""
    seen = {piece.text.casefold() for pieces in visible for piece in pieces if piece.matched}
    for match in matches:
        matched_words = [*match.words, *(piece.text for piece in match.excerpt if piece.matched)]
        is_seen = any(word.casefold() in seen for word in matched_words)
        words = tuple(word for word in match.words if word.casefold() not in seen)
        yield replace(match, words=words, excerpt=() if is_seen else match.excerpt)


def _links(card: Card, page: str, words: Wording) -> Iterator[tuple[str, str]]:
    if card.links.abs:
        yield _publisher(card.links.abs), card.links.abs
    if card.links.pdf:
        yield "PDF", card.links.pdf
    if card.links.code:
        yield words.code, card.links.code
    yield words.paper_page, page


def _publisher(url: str) -> str:
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    return _PUBLISHERS.get(host, host)


def _left_out(outgoing: OutgoingMessage, site: SiteAddresses) -> Iterator[EmailEntry]:
    """The papers over the daily limit, as short entries."""
    for number, paper in enumerate(outgoing.more_papers, start=len(outgoing.items) + 1):
        card = card_of(Item(paper=paper), language=outgoing.language)
        link = card.links.abs or site.paper(card.id)
        yield EmailEntry(number=number, title=card.title, link=link, topic="").short


# --- subject and preheader

_SUBJECT_LENGTH = 78
_SUBJECT_TOPICS = 3
_TOPIC_LENGTH = 28
_AUTHOR = "author: "
_PREHEADER_TITLES = 3
_SHORT_TITLE_LENGTH = 36
_PREHEADER_LENGTH = 140


def _subject(words: Wording, cards: Sequence[Card], counted: Mapping[str, int], count: int, day: str) -> str:
    """The subject: `3 on agents, 2 on diffusion · 18 Sep`, or the title of a single paper."""
    if count == 1:
        return cut(cards[0].title_text, _SUBJECT_LENGTH).replace("…", "...")  # keeps most of them plain ASCII
    named = sorted((name for name in counted if name), key=lambda name: -counted[name])[:_SUBJECT_TOPICS]
    topics = [topic_text(words, name, counted[name]) for name in named]
    if left := count - sum(counted[name] for name in named):
        topics.append(words.subject_more.format(count=left) if topics else words.count(left))
    return words.subject_day.format(said=words.comma.join(topics), day=day)


def topic_text(words: Wording, name: str, count: int) -> str:
    """A subscription with its number of papers: `3 on agents`."""
    is_author = name.startswith(_AUTHOR)
    form = words.subject_author if is_author else words.subject_topic
    return form.format(
        count=count, topic=cut(name.removeprefix(_AUTHOR) if is_author else name, _TOPIC_LENGTH)
    )


def _preheader(words: Wording, cards: Sequence[Card], count: int) -> str:
    """The line that an inbox shows beside the subject: some titles, or the gist of a single paper."""
    if count == 1:
        return cut(cards[0].gist_text or text_of(cards[0].author_line()), _PREHEADER_LENGTH)
    titles = [_short_title(card.title_text) for card in cards[:_PREHEADER_TITLES]]
    left = count - len(titles)
    return words.listed_more(titles, left) if left else words.listed(titles)


def _short_title(title: str) -> str:
    """The name before the colon, or the first words of the title."""
    name = title.partition(":")[0].strip()
    return name if 1 < len(name) <= _SHORT_TITLE_LENGTH else cut(title, _SHORT_TITLE_LENGTH)
