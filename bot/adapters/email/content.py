"""An email's content: one value, from which plain text and HTML are made."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from string import ascii_uppercase
from urllib.parse import quote, urlsplit
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
    paper_url,
    text_of,
    web_link,
)
from bot.domain.gist import Role
from bot.domain.mailbox import Mailbox
from bot.domain.message import Item, OutgoingMessage
from bot.domain.notices import Reason
from bot.domain.papers import Paper, Question
from bot.domain.quizzes.polls import poll_of, shuffle_seed
from bot.domain.text import cut, one_line, plain_line, sentences
from bot.domain.translations import Wording, wording


@dataclass(frozen=True, kw_only=True, slots=True)
class EmailSettings:
    """Settings of all mails: the sender, the site, the signature."""

    sender: Mailbox
    site_title: str = "Paperboy"
    site_url: str = "http://127.0.0.1:8080"
    dkim: DkimSigner | None = None
    bounces: Mailbox | None = None
    """Where undeliverable mails come back to."""

    def __post_init__(self) -> None:
        if web_link(self.site_url) is None:
            raise ValueError(f"site.url is no http or https address: {one_line(self.site_url, 80)!r}")


# --- questions

_QUESTION_LIMIT, _OPTION_LIMIT = 1_000, 400


@dataclass(frozen=True, kw_only=True, slots=True)
class EmailQuestion:
    """One question with its lettered options in the order shown, and its answer for the end of the mail."""

    number: int
    """Counts through the whole mail."""
    text: str
    options: tuple[tuple[str, str], ...]
    """(letter, text)"""
    answer: str


def shown_questions(
    quiz: Sequence[Question], *, first: int, target: str, words: Wording
) -> tuple[EmailQuestion, ...]:
    """The questions that can be asked, numbered from `first`; each target has its own order of options."""
    return tuple(
        EmailQuestion(number=number, text=text, options=options, answer=answer)
        for number, (text, options, answer) in enumerate(_askable(quiz, target, words), start=first)
    )


def _askable(
    quiz: Sequence[Question], target: str, words: Wording
) -> Iterator[tuple[str, tuple[tuple[str, str], ...], str]]:
    for question in quiz:
        poll = poll_of(question, seed=shuffle_seed(question, target))
        if poll is None:
            continue
        texts = (plain_line(question.options[option], _OPTION_LIMIT) for option in poll.order)
        options = tuple(zip(ascii_uppercase, texts, strict=False))
        answer = words.no_key if poll.correct is None else "{}. {}".format(*options[poll.correct])
        if poll.marked_inferred:
            answer += f" ({words.worked_out.format(sure=int((question.confidence or 0) * 100))})"
        yield plain_line(question.question, _QUESTION_LIMIT), options, answer


# --- papers

_AUTHORS = 4
_MATCHES = 6
_TOPICS = 12
_ENTRIES = 1_024
"""Papers that are kept as they are told: the same ones go to many people."""
_POINTS = 3
_POINT_LENGTH = 200
_TOLD: tuple[Role, ...] = ("problem", "method", "result", "idea", "use", "topic")
"""What a point is about, the most telling first."""
_SAME = 48
"""Letters in a row that gist and point share where they say the same."""
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
    """One paper of a mail; a short one is a title and its link."""

    number: int
    title: Pieces
    link: str
    topic: str
    """The subscription that it is counted under; empty where it has none."""
    authors: Pieces = ()
    date: str = ""
    sources: int = 1
    gist: Pieces = ()
    points: tuple[CardPoint, ...] = ()
    why: tuple[CardMatch, ...] = ()
    """Subscriptions with the words that made them match, where those stand nowhere in the entry."""
    questions: int = 0
    page: str = ""
    links: tuple[tuple[str, str], ...] = ()
    """(name, address)"""
    objection: str = ""
    """The address of the page that says why the paper came and how to get none like it; the recipient's own."""
    quiz: tuple[EmailQuestion, ...] = ()
    """Empty where the channel takes no quizzes."""
    told: "EmailEntry | None" = field(default=None, compare=False, repr=False)
    """The entry that this one puts into its place in a mail."""

    @property
    def title_text(self) -> str:
        return text_of(self.title)

    @property
    def facts(self) -> tuple[str, ...]:
        """Which of `authors`, `date`, `sources` and `questions` there are to tell."""
        facts = {
            "authors": self.authors,
            "date": self.date,
            "sources": self.sources > 1,
            "questions": self.questions,
        }
        return tuple(name for name, value in facts.items() if value)

    @property
    def details(self) -> "EmailEntry":
        """The paper without its place in the mail: equal in every mail that tells the same of it."""
        if self.told is not None and not self.quiz:
            return self.told
        return replace(self, number=0, topic="", objection="", told=None)

    @property
    def short(self) -> "EmailEntry":
        """Only its title and link, without a place in the mail to go to."""
        title = cut_pieces(self.title, 160)
        return EmailEntry(number=self.number, title=title, link=self.link, topic=self.topic)


@dataclass(frozen=True, kw_only=True, slots=True)
class EmailTopic:
    """A subscription, and the papers of the mail that are counted under it: how many, and the numbers of those shown."""

    name: str
    count: int
    numbers: tuple[int, ...] = ()


MOST_ENTRIES = 20
"""Papers told in full; more of them make a mail that nobody reads to its end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EmailContent:
    """Everything one mail says: its papers best first, those told in full, then those named with a link.

    `unnamed` counts the papers that are not even named.
    """

    subject: str
    preheader: str
    site_title: str
    heading: str
    day: str
    note: str
    """A sentence before the papers; most often empty."""
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
        """The questions whose answers stand at the end."""
        return tuple(question for entry in self.entries for question in entry.quiz)

    @property
    def asking(self) -> tuple[int, ...]:
        """The numbers of the papers with questions."""
        return tuple(entry.number for entry in self.entries if entry.quiz)

    @property
    def more(self) -> int:
        """The number of papers that are not told in full."""
        return len(self.rest) + self.unnamed

    @property
    def shown_topics(self) -> tuple[EmailTopic, ...]:
        """The topics, with the numbers of the papers that are told in full."""
        numbers: dict[str, list[int]] = {topic.name: [] for topic in self.topics}
        for entry in self.entries:
            if entry.topic in numbers:
                numbers[entry.topic].append(entry.number)
        return tuple(replace(topic, numbers=tuple(numbers[topic.name])) for topic in self.topics)

    @property
    def smaller(self) -> "EmailContent | None":
        """The content with fewer papers in full, or fewer named, or no questions; None where nothing can be left out."""
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
        """The content with only the first `entries` in full and at most `rest` of the others named."""
        named = (*(entry.short for entry in self.entries[entries:]), *self.rest)
        return replace(
            self,
            entries=self.entries[:entries],
            rest=named[:rest],
            unnamed=self.unnamed + len(named[rest:]),
        )


def email_content(outgoing: OutgoingMessage, settings: EmailSettings) -> EmailContent:
    """The content of the mail for that message: the best papers in full, the others named."""
    words = wording(outgoing.language)
    site_url = settings.site_url.rstrip("/")
    cards = [card_of(item, language=outgoing.language) for item in outgoing.items]
    topics = _topics(cards)
    counted = Counter(topics)
    day = outgoing.created_at.astimezone(ZoneInfo(outgoing.timezone)).date()
    count = len(cards) + outgoing.more
    subscriptions = dict.fromkeys(match.subscription for card in cards for match in card.matches)
    token = outgoing.unsubscribe_token
    preferences = _capability(site_url, "preferences", outgoing.preferences_token)
    content = EmailContent(
        subject=_subject(words, cards, counted, count, words.brief_day(day)),
        preheader=_preheader(words, cards, count),
        site_title=one_line(settings.site_title, 80),
        heading=words.count(count),
        day=words.day(day),
        note="",
        topics=tuple(EmailTopic(name=name, count=number) for name, number in counted.most_common() if name),
        entries=tuple(_entries(outgoing, topics, site_url, preferences, words)),
        rest=tuple(_left_out(outgoing, site_url)),
        unnamed=outgoing.more - len(outgoing.more_papers),
        site_url=site_url + "/",
        why_you=words.why_you.format(
            address=one_line(outgoing.target.address, 120),
            subscriptions=cut(", ".join(subscriptions) or settings.site_title, 400),
        ),
        unsubscribe_url=_capability(site_url, "unsubscribe", token),
        preferences_url=preferences,
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
    """For each paper the one of its subscriptions that tells most of it: the one that brought the fewest papers."""
    brought = Counter(match.subscription for card in cards for match in card.matches)
    names = ([match.subscription for match in card.matches] for card in cards)
    return [min(named, key=lambda name: brought[name], default="") for named in names]


def _capability(site_url: str, page: str, token: str | None) -> str | None:
    return f"{site_url}/{page}/{quote(token, safe='')}" if token else None


def _entries(
    outgoing: OutgoingMessage,
    topics: Sequence[str],
    site_url: str,
    preferences: str | None,
    words: Wording,
) -> Iterator[EmailEntry]:
    question = 1
    for number, (item, topic) in enumerate(zip(outgoing.items, topics, strict=True), start=1):
        quiz: tuple[EmailQuestion, ...] = ()
        if item.quiz and number <= MOST_ENTRIES:
            quiz = shown_questions(item.quiz, first=question, target=outgoing.target.key, words=words)
            question += len(quiz)
        entry = _told(item.paper, item.reasons, outgoing.language, site_url)
        objection = paper_url(preferences, item.paper.id) if preferences and item.reasons else ""
        yield replace(entry, number=number, topic=topic, quiz=quiz, objection=objection, told=entry)


@lru_cache(maxsize=_ENTRIES)
def _told(paper: Paper, reasons: tuple[Reason, ...], language: str, site_url: str) -> EmailEntry:
    """The paper as it is told in every mail for these reasons."""
    words = wording(language)
    card = card_of(Item(paper=paper, reasons=reasons), language=language)
    page = paper_url(site_url, card.id)
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
    """The most telling points that the gist does not tell already, in their own order."""
    gist = card.gist_text
    others = [point for point in card.points if not _says_the_same(text_of(point.text), gist)]
    best = sorted(
        (point for point in others if point.role in _TOLD), key=lambda point: _TOLD.index(point.role)
    )
    chosen = best[:_POINTS]
    for point in others:
        if any(point is other for other in chosen):
            yield replace(point, text=_in_short(point.text))


def _in_short(text: Pieces) -> Pieces:
    """As many of the first sentences as fit into a line or two."""
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


def _says_the_same(text: str, gist: str) -> bool:
    return text in gist or gist[:_SAME] in text or text[:_SAME] in gist


def _why(matches: Sequence[CardMatch], visible: Sequence[Pieces]) -> Iterator[CardMatch]:
    """Each match, with its words only where they cannot be seen anyway."""
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


def _left_out(outgoing: OutgoingMessage, site_url: str) -> Iterator[EmailEntry]:
    """The papers that the daily limit kept out."""
    for number, paper in enumerate(outgoing.more_papers, start=len(outgoing.items) + 1):
        card = card_of(Item(paper=paper), language=outgoing.language)
        link = card.links.abs or paper_url(site_url, card.id)
        yield EmailEntry(number=number, title=card.title, link=link, topic="").short


# --- subject and preheader

_SUBJECT_TITLE = 78
_TOPICS_NAMED = 3
_TOPIC_LENGTH = 28
_AUTHOR = "author: "
_NAMED = 3
_SHORT_TITLE = 36
_PREHEADER = 140


def _subject(words: Wording, cards: Sequence[Card], counted: Mapping[str, int], count: int, day: str) -> str:
    """Subject: what brought how many: `3 on agents, 2 on diffusion · 18 Sep`; of a single paper its title."""
    if count == 1:
        return cut(cards[0].title_text, _SUBJECT_TITLE).replace("…", "...")  # keeps most of them plain ASCII
    named = sorted((name for name in counted if name), key=lambda name: -counted[name])[:_TOPICS_NAMED]
    topics = [topic_text(words, name, counted[name]) for name in named]
    if left := count - sum(counted[name] for name in named):
        topics.append(words.subject_more.format(count=left) if topics else words.count(left))
    return words.subject_day.format(said=words.comma.join(topics), day=day)


def topic_text(words: Wording, name: str, count: int) -> str:
    """How many papers a subscription brought: `3 on agents`."""
    is_author = name.startswith(_AUTHOR)
    form = words.subject_author if is_author else words.subject_topic
    return form.format(
        count=count, topic=cut(name.removeprefix(_AUTHOR) if is_author else name, _TOPIC_LENGTH)
    )


def _preheader(words: Wording, cards: Sequence[Card], count: int) -> str:
    """The line that an inbox shows beside the subject: which papers; of a single one its gist."""
    if count == 1:
        return cut(cards[0].gist_text or text_of(cards[0].author_line()), _PREHEADER)
    titles = [short_title(card.title_text) for card in cards[:_NAMED]]
    left = count - len(titles)
    if not left:
        return words.listed(titles)
    return words.listed_more(titles, left)


def short_title(title: str) -> str:
    """A paper's name in short: the name before the colon, or its first words."""
    name = title.partition(":")[0].strip()
    return name if 1 < len(name) <= _SHORT_TITLE else cut(title, _SHORT_TITLE)
