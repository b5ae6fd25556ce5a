"""Look backs: a weekly message, for those who want it, on rising terms, papers that build on saved ones, and quiz scores."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from bot.domain.analysis.short_names import papers_naming, short_name
from bot.domain.analysis.trends import RisingTerm, rising_terms
from bot.domain.message import WrittenDelivery, WrittenText
from bot.domain.papers import Paper
from bot.domain.planning import written_to
from bot.domain.query import Document, document_of
from bot.domain.quizzes.scores import weak_topics
from bot.domain.subscriptions import Channel, Subscriber
from bot.domain.text import one_line, plain_line
from bot.domain.translations import Wording, wording
from bot.pipeline.ports.incidents import IncidentStore
from bot.pipeline.ports.papers import NoticedPaper, PaperStore
from bot.pipeline.ports.preferences import PreferenceStore
from bot.pipeline.preferences import Preferences
from bot.pipeline.quizzes import QuizStats
from bot.pipeline.subscribers import SubscriberRegistry

_AT = time(9)
_WEEK = timedelta(days=7)
_BEFORE = timedelta(weeks=8)
_NOTICES = 5_000
_TERMS, _SUBSCRIPTIONS, _SAVED, _NAMING, _WEAK = 5, 6, 4, 3, 3
_TITLE = 120


class LookBacks:
    """Plans the look backs of those who want them, on Mondays at nine by each subscriber's clock."""

    def __init__(
        self,
        store: PreferenceStore,
        preferences: Preferences,
        registry: SubscriberRegistry,
        papers: PaperStore,
        deliveries: IncidentStore,
        stats: QuizStats,
    ) -> None:
        self._store = store
        self._preferences = preferences
        self._registry = registry
        self._papers = papers
        self._deliveries = deliveries
        self._stats = stats

    def plan_due(self, now: datetime) -> int:
        """Plan the look backs that are due; gives the number of new rows. Idempotent: one a week and target."""
        _, choices = self._store.all_choices()
        asking = (self._registry.subscriber(name) for name, chosen in choices.items() if chosen.weekly)
        planned = [row for subscriber in filter(None, asking) for row in self._due(subscriber, now)]
        if not planned:
            return 0
        with self._deliveries.change() as tx:
            return tx.plan(planned, now)

    def _due(self, subscriber: Subscriber, now: datetime) -> list[WrittenDelivery]:
        today = now.astimezone(subscriber.timezone).date()
        monday = today - timedelta(days=today.weekday())
        begins = datetime.combine(monday, _AT, subscriber.timezone)
        channel = next(
            (channel for channel in subscriber.channels if not channel.capabilities.is_document), None
        )
        if channel is None or not begins <= now < begins + timedelta(days=1):
            return []
        text = self._text(subscriber, channel, monday)
        if text is None:
            return []
        part, earliest = f"week:{monday.isoformat()}", max(now, subscriber.snoozed_until or now)
        return [
            written_to(subscriber, channel.target, "look_back", text, part=part, earliest=earliest, now=now)
        ]

    def _text(self, subscriber: Subscriber, channel: Channel, monday: date) -> WrittenText | None:
        """The look back at the week before that Monday; None for a week without papers and answers."""
        noticed = self._papers.noticed(subscriber.id, _NOTICES)
        week = [notice for notice in noticed if monday - _WEEK <= _day(notice) < monday]
        before = [notice for notice in noticed if monday - _WEEK - _BEFORE <= _day(notice) < monday - _WEEK]
        words = wording(subscriber.language)
        quizzes = self._quizzes(subscriber, channel, monday, words)
        if not week and not quizzes:
            return None
        rising = rising_terms(
            [_document(notice) for notice in week], [_document(notice) for notice in before], _TERMS
        )
        counts = Counter(name for notice in week for name in notice.subscriptions)
        saved = self._preferences.saved(self._preferences.owner(subscriber.id))
        papers = [notice.stored.paper for notice in noticed]
        fresh = {notice.stored.paper.id for notice in week}
        named = (
            (paper, [other for other in papers_naming(paper, papers) if other.id in fresh]) for paper in saved
        )
        paragraphs = (
            " · ".join(f"{one_line(name, 40)} {count}" for name, count in counts.most_common(_SUBSCRIPTIONS)),
            words.rose.format(terms=_terms(rising, words)) if rising else "",
            *(_named(paper, others, words) for paper, others in [pair for pair in named if pair[1]][:_SAVED]),
            quizzes,
        )
        subject = words.your_week.format(papers=words.count(len(week)))
        return WrittenText(subject=subject, body="\n\n".join(filter(None, paragraphs)))

    def _quizzes(self, subscriber: Subscriber, channel: Channel, monday: date, words: Wording) -> str:
        """The score of that week's first answers, the weak topics, and the command to practise the weakest; empty without answers."""
        if not channel.capabilities.polls:
            return ""
        zone = subscriber.timezone
        since, until = (datetime.combine(day, time(), zone) for day in (monday - _WEEK, monday))
        scores = self._stats.between(channel.address, since, until, zone)
        if not scores.score.judged:
            return ""
        lines = [words.week_score.format(right=scores.score.right, judged=scores.score.judged)]
        if weak := weak_topics(scores.topics)[:_WEAK]:
            topics = (
                words.weak_topic.format(name=one_line(topic.name, 40), right=topic.right, judged=topic.judged)
                for topic in weak
            )
            lines.append(words.week_weak.format(topics=" · ".join(topics)))
            lines.append(words.practise.format(name=one_line(weak[0].name)))
        return "\n".join(lines)


def _day(notice: NoticedPaper) -> date:
    return notice.stored.paper.date or date.min


def _document(notice: NoticedPaper) -> Document:
    return document_of(notice.stored.paper)


def _terms(rising: Sequence[RisingTerm], words: Wording) -> str:
    return " · ".join(
        (words.rose_term if before else words.rose_from_little).format(
            term=term, count=count, before=f"{before:g}"
        )
        for term, count, before in rising
    )


def _named(saved: Paper, others: Sequence[Paper], words: Wording) -> str:
    lines = (
        f"• {plain_line(other.title, _TITLE)} {other.links.best or ''}".rstrip() for other in others[:_NAMING]
    )
    more = [words.more_heading.format(count=len(others) - _NAMING)] if len(others) > _NAMING else []
    return "\n".join((words.built_on.format(name=short_name(saved)), *lines, *more))
