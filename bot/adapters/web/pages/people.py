"""Pages of a person: preferences, objection to a paper, sign-up, unsubscribing, deletion."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from bot.adapters.web.pages.layout import Layout, PageLanguage, path_with
from bot.adapters.web.pages.papers import paper_link
from bot.adapters.web.pages.refusals import ShownRefusal, refusal_text
from bot.adapters.web.texts import Texts
from bot.domain.channels import Capabilities, CapabilitiesOf, Target
from bot.domain.errors import QuerySyntaxError
from bot.domain.papers import PaperId
from bot.domain.preferences import Choices
from bot.domain.schedule import parse_schedule, schedule_in_words
from bot.domain.subscriptions import Channel, Subscriber
from bot.pipeline.preferences import ChoiceRefused, ListedSubscription, Objection


@dataclass(frozen=True, kw_only=True, slots=True)
class SubscriberPreferences:
    """A subscriber with their subscriptions and choices; `feed_token` opens their private feed, if they have one."""

    subscriber: Subscriber
    listed: tuple[ListedSubscription, ...]
    choices: Choices
    feed_token: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExclusionLine:
    query: str
    chosen: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelLine:
    name: str
    address: str
    deliver: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OfferedWord:
    """A word whose exclusion would have kept a paper away; `costs` tells what else it would keep away."""

    word: str
    costs: str
    excluded: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectedSubscription:
    name: str
    paused: bool


class PersonPages:
    """Pages of one person, whom a token in the path names."""

    def __init__(self, layout: Layout, capabilities: CapabilitiesOf) -> None:
        self._layout = layout
        self._capabilities = capabilities

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
        texts, person, choices = language.texts, preferences.subscriber, preferences.choices
        typed = defaultdict(str, typed if refused and typed else {})
        timed = _timed_channels(person)
        feed = preferences.feed_token
        return self._layout.page(
            "preferences.html",
            language,
            None,
            texts.preferences,
            key=key,
            export=f"{self._layout.paths.preferences(token)}/export",
            done=done,
            fault=_refusal(language, refused, typed["query"]) if refused else None,
            typed=typed,
            listed=preferences.listed,
            exclude=[ExclusionLine(query=query, chosen=query in choices.exclude) for query in person.exclude],
            settings=_settings(person, choices, texts),
            fields=("timezone", "quiet_hours", "deliver") if timed else ("timezone", "quiet_hours"),
            fixed=_fixed_settings(person),
            channels=[_channel_line(channel, texts) for channel in person.channels],
            feed=self._layout.addresses.private_feed(feed) if feed else None,
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
        texts, excluded = language.texts, preferences.choices.exclude
        paused = {subscription.name for subscription in preferences.listed if subscription.paused}
        named = ", ".join(f"“{name}”" for name in objection.subscriptions)
        return self._layout.page(
            "objection.html",
            language,
            None,
            texts.objection,
            key=key,
            done=done,
            fault=refusal_text(refused, language.code) if refused else "",
            paper=paper_link(language, objection.paper),
            brought=texts("brought_by", subscriptions=named),
            offer=_offer(texts, objection, paused),
            words=[
                OfferedWord(
                    word=word.word,
                    costs=texts("objection_costs", count=word.noticed),
                    excluded=word.word in excluded,
                )
                for word in objection.words
            ],
            subscriptions=[
                ObjectedSubscription(name=name, paused=name in paused) for name in objection.subscriptions
            ],
            preferences=f"/preferences/{token}",
        )

    def preferences_path(
        self, token: str, language: str | None, done: int | None, paper: PaperId | None = None
    ) -> str:
        """The path of a person's preferences, or of their objection to a paper."""
        paths = self._layout.paths
        path = paths.objection(token, paper) if paper else paths.preferences(token)
        return path_with(path, lang=language, done=done)

    def sign_up_outcome(self, language: PageLanguage, name: str, detail: str, query: str) -> str:
        """The outcome of a sign-up: the text `name`, then `detail` or the text `name_text`, and a link to the preview."""
        texts = language.texts
        return self._layout.page(
            "outcome.html",
            language,
            None,
            texts(name),
            text=detail or texts(f"{name}_text"),
            back=path_with("/preview", q=query),
        )

    def confirmation(self, language: PageLanguage, target: Target, query: str) -> str:
        """The page that asks the owner of an address before subscribing it."""
        texts = language.texts
        return self._layout.page(
            "confirm.html",
            language,
            None,
            texts.confirm,
            target=self._shown_target(target, texts),
            query=query,
        )

    def unsubscribe(self, language: PageLanguage, target: Target, *, done: bool) -> str:
        """The page that asks before unsubscribing, or with `done` the one that confirms it."""
        texts = language.texts
        title = texts.unsubscribed if done else texts.unsubscribe
        return self._layout.page(
            "unsubscribe.html", language, None, title, done=done, target=self._shown_target(target, texts)
        )

    def deletion(self, language: PageLanguage, *, configured: bool) -> str:
        """The page after a person's data was deleted; `configured` where the configuration still names them."""
        texts = language.texts
        text = texts.deleted_configured if configured else texts.deleted_text
        return self._layout.page(
            "message.html", language, None, texts.deleted, text=text, searching=False, searched=""
        )

    def _shown_target(self, target: Target, texts: Texts) -> str:
        capabilities = self._capabilities.get(target.kind, Capabilities())
        return _shown_address(capabilities, target.address, texts)


def _refusal(language: PageLanguage, error: QuerySyntaxError | ChoiceRefused, query: str) -> ShownRefusal:
    if isinstance(error, QuerySyntaxError):
        return ShownRefusal.of_query(" ".join(query.split()), error, language.code)
    return ShownRefusal(message=refusal_text(error, language.code))


def _settings(person: Subscriber, choices: Choices, texts: Texts) -> dict[str, str]:
    """The values of the settings, as they are typed."""
    quiet = person.quiet_hours
    configured = next((channel.deliver for channel in _timed_channels(person)), None)
    deliver = parse_schedule(choices.deliver) if choices.deliver else configured
    return {
        "timezone": str(person.timezone),
        "language": person.language,
        "quiet_hours": f"{quiet.start:%H:%M}-{quiet.end:%H:%M}" if quiet else "off",
        "deliver": schedule_in_words(deliver, texts.language) if deliver else "",
    }


def _fixed_settings(person: Subscriber) -> frozenset[str]:
    """The settings that the configuration makes for this person, who therefore cannot change them."""
    timed = _timed_channels(person)
    are_fixed = bool(timed) and all("deliver" in channel.fixed for channel in timed)
    return person.fixed | ({"deliver"} if are_fixed else set())


def _timed_channels(person: Subscriber) -> list[Channel]:
    """The channels that deliver at times: all but feeds, which are fetched."""
    return [channel for channel in person.channels if not channel.capabilities.is_document]


def _channel_line(channel: Channel, texts: Texts) -> ChannelLine:
    words = channel.capabilities.words_in(texts.language)
    return ChannelLine(
        name=words.name if words else channel.kind,
        address=_shown_address(channel.capabilities, channel.address, texts),
        deliver=schedule_in_words(channel.deliver, texts.language),
    )


def _shown_address(capabilities: Capabilities, address: str, texts: Texts) -> str:
    """The address, masked, or words that stand for it."""
    if capabilities.mask is not None:
        return capabilities.mask(address)
    words = capabilities.words_in(texts.language)
    return words.target if words else texts.this_channel


def _offer(texts: Texts, objection: Objection, paused: set[str]) -> str:
    """The sentence above the words; empty where there are none since a subscription is paused."""
    if objection.words:
        return texts("objection_words", count=objection.papers)
    return texts.objection_none if paused.isdisjoint(objection.subscriptions) else ""
