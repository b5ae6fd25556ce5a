"""Pages: values made ready for the templates, which escape every text."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from markupsafe import Markup, escape

from bot.adapters.svg import safe_svg
from bot.adapters.web.charts import Bar, Series, bars, lines
from bot.adapters.web.texts import Texts
from bot.domain.analysis.disagreement import disagreements
from bot.domain.analysis.preview import Match
from bot.domain.bibliography import bibtex
from bot.domain.card import (
    Card,
    CardPoint,
    CardSummary,
    Piece,
    Pieces,
    card_of,
    text_of,
    web_link,
)
from bot.domain.channels import Capabilities, CapabilitiesOf, Target
from bot.domain.errors import QuerySyntaxError
from bot.domain.flowchart import Flowchart
from bot.domain.message import Item
from bot.domain.notices import Reason
from bot.domain.papers import Paper, PaperId, Question
from bot.domain.preferences import Choices, start_link
from bot.domain.query import Query
from bot.domain.query.faults import fault_text, hints_on
from bot.domain.quizzes.polls import evidence_for, poll_of
from bot.domain.schedule import schedule_text
from bot.domain.site import SiteAddresses
from bot.domain.subscriptions import Channel, Subscriber
from bot.domain.text import columns, cut, one_line, plain_line
from bot.domain.translations import LANGUAGES, Wording, wording
from bot.pipeline.ports.papers import StoredPaper
from bot.pipeline.preferences import ChoiceRefused, ListedSubscription, Objection

if TYPE_CHECKING:
    import jinja2

    from bot.pipeline.finder import QueryPreview, Relations, SearchResult, Trends

CHART_DAYS = 56
"""Days of the front page's chart at most."""
_FEWEST_BARS = 21
"""Bars of a chart of days at least, so that the few days of a new installation are not thin bars at its end."""
FRONT_PAPERS = 40
"""Papers on the front page at least, in whole days."""
PAGE_SIZE = 25
"""Papers on a page of search results."""
OLDER_DAYS = 18
"""Links to earlier days on the front page at most."""
_TEXT_LIMIT = 20_000
_AUTHORS_NAMED = 3
_MOST_SOURCES_NAMED = 6
_MOST_BARS = 100
_WEEK = 7
_EXAMPLES = (
    "diffusion model AND NOT survey",
    "(agent OR tool use) AND benchmark",
    'title:"retrieval-augmented generation"',
    "author:Bengio",
    "quantiz*",
    "graph NEAR/5 neural",
    "=RAG",
)
"""Example queries, whose meanings are the texts `example_1` and so on."""
_FILES = files("bot.adapters.web")

Days = Mapping[date | None, int]
"""How many papers each day has, newest first; under None those without a day."""
QuizProvider = Callable[[Paper, str], Sequence[Question]]
"""A function that gives a paper's questions in a language, with answers only where they may be shown."""


def original_questions(paper: Paper, language: str) -> Sequence[Question]:
    """The questions as the digests give them."""
    return paper.edition(language).quiz


@dataclass(frozen=True, kw_only=True, slots=True)
class PageLanguage:
    """The language of a page; `explicit` where `?lang=` asked for it, so that the page's links ask for it as well."""

    code: str = "en"
    explicit: bool = False


def refusal_text(error: QuerySyntaxError | ChoiceRefused, language: str) -> str:
    """Why something was refused, as a sentence in that language."""
    texts = Texts(language)
    if isinstance(error, QuerySyntaxError):
        text = fault_text(error, language)
        return f"{text[:1].upper()}{text[1:]}{texts.full_stop}"
    name = error.why.replace(" ", "_")
    hint = ("_near" if error.values["near"] else "_like") if name == "zone" else ""
    return texts(f"refused_{name}{hint}", **error.values)


class StaticFile(NamedTuple):
    """A static file; `version` changes with its content."""

    body: bytes
    media_type: str
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class QuizOption:
    text: str
    correct: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class QuizQuestion:
    """A question of a page's quiz, its options shuffled; `answer` is empty where it is unknown.

    `sure` is the confidence of a worked-out answer in percent; None for an answer of the digest.
    """

    text: str
    options: tuple[QuizOption, ...]
    answer: str = ""
    evidence: str = ""
    sure: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryFault:
    """A query that cannot be used: its text, the reason, and the character at fault."""

    text: str
    message: str
    position: int

    @classmethod
    def of(cls, text: str, error: QuerySyntaxError, language: str) -> "QueryFault":
        return cls(text=text, message=refusal_text(error, language), position=error.position)


@dataclass(frozen=True, kw_only=True, slots=True)
class SubscriberPreferences:
    """A subscriber with their subscriptions and choices; `feed_token` opens their private feed, if they have one."""

    subscriber: Subscriber
    listed: tuple[ListedSubscription, ...]
    choices: Choices
    feed_token: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """A day as a link, with its papers where they are shown."""

    path: str
    name: str
    count: str
    papers: list[dict[str, Any]] = field(default_factory=list)


class Pages:
    """The pages of one site, as HTML."""

    def __init__(
        self,
        *,
        title: str,
        url: str,
        quiz: QuizProvider = original_questions,
        mail: bool = False,
        is_open: bool = False,
        capabilities: CapabilitiesOf,
    ) -> None:
        """`mail`: visitors can sign up by mail address. `is_open`: they can make private feeds."""
        self._quiz = quiz
        self._mail = mail
        self._is_open = is_open
        self._capabilities = capabilities
        self.title = one_line(title, 80) or "Paperboy"
        self.url = url if web_link(url) else ""
        self.base = urlsplit(self.url).path
        self._paths, self._addresses = SiteAddresses(self.base), SiteAddresses(self.url or self.base)

    def front(self, language: PageLanguage, days: Days, papers: Mapping[date | None, Sequence[Paper]]) -> str:
        """The front page: a chart of papers per day, the papers of the newest days, and links to earlier days."""
        texts = Texts(language.code)
        if not days:
            return self._page("empty.html", language, "/", self.title)
        dated = [day for day in days if day is not None]
        return self._page(
            "front.html",
            language,
            "/",
            self.title,
            description=f"{self.title}: {texts.newest}",
            **self._days_chart(language, days, dated),
            sections=[self._day(language, day, days[day], day_papers) for day, day_papers in papers.items()],
            older=[self._day(language, day, days[day], ()) for day in dated if day not in papers][
                :OLDER_DAYS
            ],
        )

    def day(self, language: PageLanguage, day: date | None, days: Days, papers: Sequence[Paper]) -> str:
        """The papers of a day, or with None those without a day, and links to the days before and after."""
        dated = sorted(other for other in days if other is not None)
        texts = Texts(language.code)
        newer = next((other for other in dated if day and other > day), None)
        older = next((other for other in reversed(dated) if day and other < day), None)
        name = self._day(language, day, len(papers), papers)
        return self._page(
            "day.html",
            language,
            name.path,
            name.name,
            description=f"{name.name}: {texts.count('paper', len(papers))}",
            count=name.count if papers else "",
            papers=name.papers,
            newer=self._day_link(language, newer),
            older=self._day_link(language, older),
        )

    def days(self, language: PageLanguage, days: Days) -> str:
        """All days, by month, with the number of papers of each."""
        texts, words = Texts(language.code), wording(language.code)
        months = []
        dated = [day for day in days if day is not None]
        for (year, month), group in groupby(dated, key=lambda day: (day.year, day.month)):
            inside = list(group)
            months.append(
                {
                    "name": texts("month_name", month=words.months[month - 1], year=year),
                    "count": texts.count("paper", sum(days[day] for day in inside)),
                    "days": [self._day(language, day, days[day], (), short=True) for day in inside],
                }
            )
        undated = texts.count("paper", days[None]) if days.get(None) else ""
        return self._page("days.html", language, "/digests", texts.days, months=months, undated=undated)

    def paper(self, language: PageLanguage, stored: StoredPaper, relations: "Relations") -> str:
        """Everything known of one paper; points and quiz are in the page's language where the paper has them."""
        paper, texts, words = stored.paper, Texts(language.code), wording(language.code)
        edition = paper.edition(language.code)
        flowchart = paper.flowchart or Flowchart()
        card = card_of(Item(paper=paper), language=language.code, text_limit=_TEXT_LIMIT)
        line = self._card_item(language, card)
        addresses = (
            ("arXiv" if paper.id.startswith("arxiv:") else texts.paper_page, card.links.abs),
            ("PDF", card.links.pdf),
            ("Hugging Face", card.links.huggingface),
            (texts.code, card.links.code),
            *((urlsplit(link).hostname or link, link) for link in card.links.other[:3]),
        )
        points, summaries, differ = _mark_disagreements(
            card.points, card.summaries if len(card.summaries) != 1 else card.further_summaries
        )
        facts = (
            (texts.published, _short_day(words, paper.published) if paper.published else ""),
            (texts.categories, ", ".join(map(one_line, paper.categories[:8]))),
            (texts.sources, ", ".join(card.sources[:_MOST_SOURCES_NAMED])),
            ("ID", paper.id),
        )
        return self._page(
            "paper.html",
            language,
            f"/papers/{quote(paper.id, safe=':/')}",
            plain_line(paper.title, 120) or paper.id,
            description=line["plain_gist"],
            paper={**line, "authors": card.author_line()},
            links=[(name, href) for name, href in addresses if href],
            content_language=edition.language
            if edition.points or edition.quiz or paper.flowchart
            else language.code,
            points=points,
            summaries=summaries,
            differ=differ,
            drawing=safe_svg(flowchart.drawing) if flowchart.drawing else None,
            flowchart=one_line(flowchart.words, _TEXT_LIMIT),
            quiz=[
                shown
                for question in self._quiz(paper, edition.language)
                if (shown := _quiz_question(question, paper, edition.language)) is not None
            ],
            related=[self._brief_item(language, other) for other in relations.related],
            builds_on=[self._brief_item(language, other) for other in relations.builds_on],
            short_name=relations.short_name,
            facts=[(label, value) for label, value in facts if value],
            bibtex=bibtex([paper]),
        )

    def search(
        self, language: PageLanguage, text: str, result: "SearchResult | QueryFault | None", *, page: int
    ) -> str:
        """A page of search results; for a faulty query the reason, without a query how to write one."""
        texts = Texts(language.code)
        parts: dict[str, Any] = {"papers": [], "summary": "", "fault": None, "newer": None, "older": None}
        title = texts.search
        if isinstance(result, QueryFault):
            parts["fault"] = _fault(result)
        elif result is not None:
            kind = "none" if not result.total else "one" if result.total == 1 else "many"
            parts["summary"] = texts(f"results_{kind}", count=f"{result.total:,}", query=cut(text, 100))
            parts["papers"] = [self._match_item(language, result.query, match) for match in result.matches]
            parts["hints"] = hints_on(result.query, language.code)
            pages = -(-result.total // PAGE_SIZE)
            parts["newer"] = search_path("/search", q=text, page=page - 1) if page > 1 else None
            parts["older"] = search_path("/search", q=text, page=page + 1) if page < pages else None
            parts["where"] = texts("page_of", page=page, pages=pages) if pages > 1 else ""
            title = f"{text} · {texts.search}"
        return self._page(
            "search.html",
            language,
            search_path("/search", q=text or None, page=page if page > 1 else None),
            cut(title, 120),
            query=text,
            follow=search_path("/preview", q=text),
            feed=search_path(f"{self.base}/feed.atom", q=text),
            examples=_EXAMPLES,
            **{"hints": (), "where": "", **parts},
        )

    def preview(
        self,
        language: PageLanguage,
        text: str,
        result: "QueryPreview | QueryFault | None",
        *,
        days: int,
        bot: str | None = None,
    ) -> str:
        """The papers that a query would have brought, and the ways to subscribe to it; `bot` is the bot's name."""
        texts, words = Texts(language.code), wording(language.code)
        parts: dict[str, Any] = {"preview": None, "fault": None}
        if isinstance(result, QueryFault):
            parts["fault"] = _fault(result)
        elif result is not None:
            step, bar_days = self._hit_bars(result, days)
            last_day = bar_days[-1][0] + timedelta(days=step - 1) if bar_days else None
            hits_title = (
                texts("hits_every", days=step)
                if step > _WEEK
                else texts.hits_a_week
                if step > 1
                else texts.hits_a_day
            )
            parts |= {
                "preview": result,
                "hints": hints_on(result.query, language.code),
                "frequency": self._frequency(texts, result)
                if result.found
                else texts("preview_nothing", span=texts.count("span", result.covered)),
                "hits": bars(
                    [
                        Bar(value=count, label=f"{words.day(day)}: {texts.count('paper', count)}")
                        for day, count in bar_days
                    ],
                    title=hits_title,
                )
                if bar_days and result.found
                else None,
                "hits_title": hits_title,
                "first_day": _short_day(words, bar_days[0][0]) if bar_days else "",
                "last_day": _short_day(words, last_day) if last_day else "",
                "samples": [self._match_item(language, result.query, match) for match in result.matches],
                "near": [
                    self._brief_item(language, miss.paper, _missing_note(texts, miss.missing))
                    for miss in result.near_misses
                ],
                "better": [
                    {
                        "query": spelling.query,
                        "path": search_path("/preview", q=spelling.query),
                        "text": texts("better_would", count=f"{spelling.would_find:,}"),
                    }
                    for spelling in result.better
                ],
            }
        feed = search_path("/feed.atom", q=text)
        return self._page(
            "preview.html",
            language,
            search_path("/preview", q=text or None),
            cut(f"{text} · {texts.preview}", 120) if text else texts.preview,
            query=text,
            days=f"{days:,}",
            feed=self._addresses.url + feed,
            feed_path=self.base + feed,
            mail=self._mail,
            is_open=self._is_open,
            add=f"/add {text}",
            bot=bot,
            start=start_link(bot, text) if bot else None,
            found=search_path("/search", q=text),
            examples=_EXAMPLES,
            **parts,
        )

    def trends(self, language: PageLanguage, text: str, result: "Trends | QueryFault") -> str:
        """Papers per week for some queries, as a plot and as a table, and the rising terms."""
        texts, words = Texts(language.code), wording(language.code)
        parts: dict[str, Any] = {"fault": None, "plot": None, "table": [], "risers": [], "series": []}
        if isinstance(result, QueryFault):
            parts["fault"] = _fault(result)
        else:
            parts["is_empty"] = not result.weeks
            series = [Series(name=query.text, values=values) for query, values in result.counts]
            if series and result.weeks:
                if len(result.weeks) > 1:
                    parts["plot"] = lines(series, title=texts.trends_title)
                parts["top"] = max((value for line in series for value in line.values), default=0)
                parts["first_day"] = _short_day(words, result.weeks[0])
                parts["last_day"] = _short_day(words, result.weeks[-1])
                parts["table"] = [
                    (_short_day(words, week), [line.values[number] for line in series])
                    for number, week in reversed(list(enumerate(result.weeks)))
                ]
            parts["series"] = [
                {"name": line.name, "path": search_path("/search", q=line.name), "total": sum(line.values)}
                for line in series
            ]
            parts["risers"] = [
                {
                    "term": term,
                    "path": search_path("/search", q=f"title:({term})"),
                    "text": texts("riser_line", now=now, before=f"{before:g}"),
                }
                for term, now, before in result.risers
            ]
        return self._page(
            "trends.html",
            language,
            search_path("/trends", q=text or None),
            texts.trends_title,
            query=text,
            **{"is_empty": False, "top": 0, "first_day": "", "last_day": "", **parts},
        )

    def paper_path(self, paper: PaperId) -> str:
        """The path of the paper's page, below the site's prefix."""
        return self._paths.paper(paper)

    def unsubscribe(self, language: PageLanguage, target: Target, *, done: bool) -> str:
        """The page that asks before unsubscribing, or with `done` the one that confirms it."""
        texts = Texts(language.code)
        title = texts.unsubscribed if done else texts.unsubscribe
        return self._page(
            "unsubscribe.html", language, None, title, done=done, target=self._shown_target(target, texts)
        )

    def preferences(
        self,
        language: PageLanguage,
        preferences: SubscriberPreferences,
        *,
        token: str,
        key: str,
        done: bool,
        refused: QuerySyntaxError | ChoiceRefused | None = None,
        typed: Mapping[str, str] | None = None,
    ) -> str:
        """A person's subscriptions, settings and channels with their forms; `refused` is why a change was not made, and `typed`
        the fields of its form.
        """
        texts, person, typed = Texts(language.code), preferences.subscriber, typed or {}
        fault = None
        if isinstance(refused, QuerySyntaxError):
            query = " ".join(typed.get("query", "").split())
            fault = _fault(QueryFault.of(query, refused, language.code))
        elif refused is not None:
            fault = {"message": refusal_text(refused, language.code), "pointed": ""}
        quiet = (
            f"{person.quiet_hours.start:%H:%M}-{person.quiet_hours.end:%H:%M}"
            if person.quiet_hours
            else "off"
        )
        timed = _timed_channels(person)
        settings = {
            "timezone": str(person.timezone),
            "language": person.language,
            "quiet_hours": quiet,
            "deliver": preferences.choices.deliver
            or next((schedule_text(channel.deliver) for channel in timed), ""),
        }
        return self._page(
            "preferences.html",
            language,
            None,
            texts.preferences,
            key=key,
            export=f"{self._paths.preferences(token)}/export",
            done=done,
            fault=fault,
            typed=defaultdict(str, typed if refused is not None else {}),
            listed=[
                {
                    "name": subscription.name,
                    "text": subscription.text,
                    "chosen": subscription.chosen,
                    "paused": subscription.paused,
                    "preview": search_path("/preview", q=subscription.text),
                }
                for subscription in preferences.listed
            ],
            exclude=[
                {"query": query, "chosen": query in preferences.choices.exclude} for query in person.exclude
            ],
            settings=settings,
            fields=("timezone", "quiet_hours", "deliver") if timed else ("timezone", "quiet_hours"),
            fixed=_fixed_settings(person),
            channels=[
                {
                    "kind": _channel_name(channel, texts),
                    "address": _shown_address(channel.capabilities, channel.address, texts),
                    "deliver": texts.at_once
                    if schedule_text(channel.deliver) == "immediately"
                    else schedule_text(channel.deliver),
                }
                for channel in person.channels
            ],
            feed=self._addresses.private_feed(preferences.feed_token) if preferences.feed_token else None,
        )

    def objection(
        self,
        language: PageLanguage,
        objection: Objection,
        preferences: SubscriberPreferences,
        *,
        token: str,
        key: str,
        done: bool,
        refused: ChoiceRefused | None = None,
    ) -> str:
        """Why a paper was sent to somebody, with a form for each word whose exclusion would have kept it away."""
        texts = Texts(language.code)
        paused = {subscription.name for subscription in preferences.listed if subscription.paused}
        return self._page(
            "objection.html",
            language,
            None,
            texts.objection,
            key=key,
            done=done,
            fault=refusal_text(refused, language.code) if refused else "",
            paper=self._brief_item(language, objection.paper),
            brought=texts(
                "brought_by", subscriptions=", ".join(f"“{name}”" for name in objection.subscriptions)
            ),
            offer=texts("objection_words", count=objection.papers)
            if objection.words
            else texts.objection_none
            if paused.isdisjoint(objection.subscriptions)
            else "",
            words=[
                {
                    "word": word.word,
                    "costs": texts("objection_costs", count=word.noticed),
                    "excluded": word.word in preferences.choices.exclude,
                }
                for word in objection.words
            ],
            subscriptions=[{"name": name, "paused": name in paused} for name in objection.subscriptions],
            preferences=f"/preferences/{token}",
        )

    def sign_up_outcome(self, language: PageLanguage, name: str, detail: str, query: str) -> str:
        """The outcome of a sign-up: the text `name`, then `detail` or the text `name_text`, and a link to the preview."""
        texts = Texts(language.code)
        return self._page(
            "outcome.html",
            language,
            None,
            texts(name),
            text=detail or texts(f"{name}_text"),
            back=search_path("/preview", q=query),
        )

    def _shown_target(self, target: Target, texts: Texts) -> str:
        capabilities = self._capabilities.get(target.kind, Capabilities())
        return _shown_address(capabilities, target.address, texts)

    def confirmation(self, language: PageLanguage, target: Target, query: str) -> str:
        """The page that asks the owner of an address before subscribing it."""
        title = Texts(language.code).confirm
        return self._page(
            "confirm.html",
            language,
            None,
            title,
            target=self._shown_target(target, Texts(language.code)),
            query=query,
        )

    def deletion(self, language: PageLanguage, *, configured: bool) -> str:
        """The page after a person's data was deleted; `configured` where the configuration still names them."""
        texts = Texts(language.code)
        text = texts.deleted_configured if configured else texts.deleted_text
        return self._page(
            "message.html", language, None, texts.deleted, text=text, searching=False, searched=""
        )

    def preferences_path(
        self, token: str, language: str | None, done: int | None, paper: PaperId | None = None
    ) -> str:
        """The path of a person's preferences, or of their objection to a paper, below the site's prefix."""
        path = self._paths.objection(token, paper) if paper else self._paths.preferences(token)
        return search_path(path, lang=language, done=done)

    def message(
        self, language: PageLanguage, name: str, *, searched: str | None = None, **values: object
    ) -> str:
        """A message: the texts `name` and `name_text`. With `searched`, even empty, it offers a search for that."""
        texts = Texts(language.code)
        return self._page(
            "message.html",
            language,
            None,
            texts(name),
            text=texts(f"{name}_text", **values),
            searching=searched is not None,
            searched=searched or "",
        )

    def _days_chart(self, language: PageLanguage, days: Days, dated: Sequence[date]) -> dict[str, Any]:
        """The chart of papers per day: the newest `CHART_DAYS` days, or days with papers where those are few."""
        if not dated:
            return {"strip": None}
        last = dated[0]
        chart_days = [last - timedelta(days=number) for number in reversed(range(CHART_DAYS))]
        few = CHART_DAYS // 4
        if (
            sum(day in days for day in chart_days) < few <= len(dated)
        ):  # mostly gaps: show days with papers only
            chart_days = list(reversed(dated[:CHART_DAYS]))
        else:
            first = next(number for number, day in enumerate(chart_days) if day in days)
            chart_days = chart_days[min(first, CHART_DAYS - _FEWEST_BARS) :]
        words = wording(language.code)
        drawn = [
            Bar(
                value=days.get(day, 0),
                label=self._bar_label(language, day, days),
                href=self._url(language, f"/digests/{day}") if days.get(day) else None,
                marked=day == last,
            )
            for day in chart_days
        ]
        return {
            "strip": bars(drawn, title=Texts(language.code).papers_a_day),
            "first_day": _short_day(words, chart_days[0]),
            "last_day": _short_day(words, last),
        }

    def _bar_label(self, language: PageLanguage, day: date, days: Days) -> str:
        return f"{wording(language.code).day(day)}: {Texts(language.code).count('paper', days.get(day, 0))}"

    def _day(
        self,
        language: PageLanguage,
        day: date | None,
        count: int,
        papers: Sequence[Paper],
        *,
        short: bool = False,
    ) -> Day:
        texts, words = Texts(language.code), wording(language.code)
        name = words.day(day) if day else texts.undated
        if day and short:
            name = texts("day_in_month", day=day.day, weekday=words.weekdays[day.weekday()])
        return Day(
            path=f"/digests/{day or 'undated'}",
            name=name,
            count=str(count) if short else texts.count("paper", count),
            papers=[self._list_item(language, paper) for paper in best_first(papers)],
        )

    def _day_link(self, language: PageLanguage, day: date | None) -> dict[str, str] | None:
        if day is None:
            return None
        return {"path": f"/digests/{day}", "name": _short_day(wording(language.code), day)}

    def _list_item(self, language: PageLanguage, paper: Paper) -> dict[str, Any]:
        """A paper in a list, with its gist."""
        return self._card_item(
            language, card_of(Item(paper=paper), language=language.code, text_limit=_TEXT_LIMIT)
        )

    def _card_item(self, language: PageLanguage, card: Card) -> dict[str, Any]:
        texts = Texts(language.code)
        return {
            "path": f"/papers/{quote(card.id, safe=':/')}",
            "plain_title": card.title_text,
            "title": card.title,
            "gist": card.gist,
            "plain_gist": card.gist_text,
            "authors": card.author_line(_AUTHORS_NAMED),
            "day": "",
            "found": None,
            "sources": texts("sources_many", count=card.source_count) if card.source_count > 1 else "",
            "source_names": ", ".join(card.sources),
            "questions": card.questions,
        }

    def _match_item(self, language: PageLanguage, query: Query, match: Match) -> dict[str, Any]:
        """A paper that a query found, with its day, and an excerpt where no match is in the title, gist or authors."""
        paper, reason = match.paper, Reason(subscription=query.text, why=match.why)
        card = card_of(Item(paper=paper, reasons=(reason,)), language=language.code, text_limit=_TEXT_LIMIT)
        line = self._card_item(language, card)
        excerpt = next((match.excerpt for match in card.matches if match.excerpt), ())
        if excerpt and not any(piece.matched for piece in (*card.title, *card.gist, *line["authors"])):
            line["found"] = excerpt
        line["day"] = _short_day(wording(language.code), paper.date) if paper.date else ""
        return line

    @staticmethod
    def _hit_bars(result: "QueryPreview", days: int) -> tuple[int, list[tuple[date, int]]]:
        """Days per bar (one, or whole weeks where there would be too many bars), and (first day, hits) of each bar.

        The bars go no further back than the oldest paper, but are at least `_FEWEST_BARS`.
        """
        if result.newest is None:
            return 1, []
        last = max([result.newest, *result.hits])
        first = min([result.oldest or last, *result.hits])
        days = min(days, max((last - first).days + 1, _FEWEST_BARS))
        step = 1 if days <= _MOST_BARS else -(-days // (_MOST_BARS * _WEEK)) * _WEEK
        count = -(-days // step)
        starts = [last - timedelta(days=step * number - 1) for number in range(count, 0, -1)]
        by_bar: dict[int, int] = defaultdict(int)
        for day, hits in result.hits.items():
            by_bar[(last - day).days // step] += hits
        return step, [(start, by_bar[count - 1 - number]) for number, start in enumerate(starts)]

    @staticmethod
    def _frequency(texts: Texts, result: "QueryPreview") -> str:
        count, unit = result.frequency or (0, "year")
        frequency = texts(f"frequency_{unit}", count=count)
        return texts(
            "preview_frequency",
            count=f"{result.found:,}",
            searched=f"{result.papers:,}",
            span=texts.count("span", result.covered),
            frequency=frequency,
        )

    def _brief_item(self, language: PageLanguage, paper: Paper, note: str = "") -> dict[str, Any]:
        """A paper as a link with its day and a note."""
        title = plain_line(paper.title, 200) or paper.id
        return {
            "path": f"/papers/{quote(paper.id, safe=':/')}",
            "title": (Piece(title),),
            "day": _short_day(wording(language.code), paper.date) if paper.date else "",
            "note": note,
        }

    def _url(self, language: PageLanguage, path: str) -> str:
        """The address of a page of this site; it keeps `?lang=` where the page has it."""
        if not language.explicit:
            return self.base + path
        path, hash_, fragment = path.partition("#")
        return f"{self.base}{path}{'&' if '?' in path else '?'}lang={language.code}{hash_}{fragment}"

    def _page(
        self, template: str, language: PageLanguage, path: str | None, title: str, **parts: object
    ) -> str:
        """The filled template. `path` is the page's canonical path in any language; None for a private page."""
        here = path or "/"

        def in_language(code: str) -> str:
            return self._url(PageLanguage(code=code, explicit=True), here)

        return _environment().get_template(template).render(
            site=self.title,
            base=self.base,
            title=title,
            t=Texts(language.code),
            explicit=language.explicit,
            languages=LANGUAGES,
            url=lambda to: self._url(language, to),
            in_language=in_language,
            static=lambda name: f"{self.base}/{name}?v={static_files()[name].version}",
            here=here.partition("?")[0],
            canonical=self.url + path if path and self.url else None,
            private=path is None,
            **{"description": "", **parts},
        )  # fmt: skip


def _timed_channels(person: Subscriber) -> list[Channel]:
    """The channels that deliver at times: all but feeds, which are fetched."""
    return [channel for channel in person.channels if not channel.capabilities.is_document]


def _fixed_settings(person: Subscriber) -> frozenset[str]:
    """The settings that the configuration makes for this person, who therefore cannot change them."""
    timed = _timed_channels(person)
    are_fixed = bool(timed) and all("deliver" in channel.fixed for channel in timed)
    return person.fixed | ({"deliver"} if are_fixed else set())


def _fault(fault: QueryFault) -> dict[str, str]:
    """The reason, and the query with a caret below the fault."""
    return {
        "message": fault.message,
        "pointed": f"{fault.text}\n{' ' * columns(fault.text[: fault.position])}^",
    }


def _missing_note(texts: Texts, missing: str) -> str:
    if missing.startswith("NOT "):
        return f"{texts.left_out_by} {missing.removeprefix('NOT ')}"
    return f"{texts.without} {missing}"


def best_first(papers: Iterable[Paper]) -> list[Paper]:
    """The papers by number of digests, then those with a quiz first, else in their order."""
    return sorted(papers, key=lambda paper: (-len(paper.digests), not paper.has_quiz))


def search_path(path: str, **query: object) -> str:
    """A path with a query string of the values that are not None."""
    parameters = {name: str(value) for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(parameters)}" if parameters else path


@cache
def static_files() -> Mapping[str, StaticFile]:
    """The static files, by name."""
    types = {
        "style.css": "text/css; charset=utf-8",
        "feed.css": "text/css; charset=utf-8",
        "paperboy.js": "text/javascript; charset=utf-8",
        "favicon.svg": "image/svg+xml",
    }
    contents = {name: _FILES.joinpath("static", name).read_bytes() for name in types}
    return {
        name: StaticFile(body, types[name], hashlib.sha256(body).hexdigest()[:12]) for name, body in contents.items()
    }  # fmt: skip


def _mark_disagreements(
    points: Sequence[CardPoint], summaries: Sequence[CardSummary]
) -> tuple[list[CardPoint], list[CardSummary], bool]:
    """Points and summaries with contradictory numbers marked, and whether there are any."""
    texts = [text_of(summary.text) for summary in summaries]
    in_points, *in_summaries = disagreements(
        [[text_of(point.text) for point in points], *([text] for text in texts)]
    )
    marked_points = [
        replace(
            point,
            text=_marked_at(text_of(point.text), [span[1:] for span in in_points if span[0] == number]),
        )
        for number, point in enumerate(points)
    ]
    marked_summaries = [
        replace(summary, text=_marked_at(text, [span[1:] for span in spans]))
        for summary, text, spans in zip(summaries, texts, in_summaries, strict=True)
    ]
    return marked_points, marked_summaries, bool(in_points or any(in_summaries))


def _marked_at(text: str, spans: Iterable[tuple[int, int]]) -> Pieces:
    """The text in pieces; those of the spans (start, end) are marked."""
    pieces: list[Piece] = []
    at = 0
    for start, end in spans:
        pieces += (Piece(text[at:start]), Piece(text[start:end], matched=True))
        at = end
    return tuple(piece for piece in (*pieces, Piece(text[at:])) if piece.text)


def _short_day(words: Wording, day: date) -> str:
    return words.short_date.format(day=day.day, month=words.months[day.month - 1][:3], year=day.year)


def _quiz_question(question: Question, paper: Paper, language: str) -> QuizQuestion | None:
    """The question as the page shows it; None where fewer than two options differ."""
    poll = poll_of(question, seed=paper.id)
    if poll is None:
        return None
    right = question.usable_answer
    options = tuple(
        QuizOption(text=plain_line(question.options[index]), correct=index == right) for index in poll.order
    )
    if right is None:
        return QuizQuestion(text=plain_line(question.question), options=options)
    return QuizQuestion(
        text=plain_line(question.question),
        options=options,
        answer=plain_line(question.options[right]),
        evidence=evidence_for(question, paper, language) or "",
        sure=None if question.keyed else int((question.confidence or 0) * 100),
    )


def _shown_address(capabilities: Capabilities, address: str, texts: Texts) -> str:
    """The address, masked, or words that stand for it."""
    if capabilities.mask is not None:
        return capabilities.mask(address)
    words = capabilities.words_in(texts.language)
    return words.target if words else texts.this_channel


def _channel_name(channel: Channel, texts: Texts) -> str:
    words = channel.capabilities.words_in(texts.language)
    return words.name if words else channel.kind


def _fill(text: str, **parts: Markup) -> Markup:
    """The escaped text with markup filled in for the names in braces."""
    return Markup(str(escape(text)).format(**parts))  # noqa: S704 - the text is escaped, the parts are markup


def _code(text: str) -> Markup:
    return Markup("<code>{}</code>").format(text)


def _target_name(text: str) -> Markup:
    return Markup('<span class="target">{}</span>').format(text)


def _link(href: str, text: str) -> Markup:
    return Markup('<a href="{}">{}</a>').format(href, text)


@cache
def _environment() -> "jinja2.Environment":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bot.adapters.web"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
    )
    environment.filters["fill"] = _fill
    environment.globals["search_for"] = lambda query: search_path("/search", q=query)
    environment.globals["preview_of"] = lambda query: search_path("/preview", q=query)
    environment.globals["code"] = _code
    environment.globals["link"] = _link
    environment.globals["target_name"] = _target_name
    return environment
