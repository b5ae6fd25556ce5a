"""What those who face people may ask and do: the web server's library and the conversation's desk."""

from collections.abc import Iterator
from datetime import datetime

from bot.domain.channels import Target
from bot.domain.delivery import OWN_WISH, STOPPED, UNSUBSCRIBED
from bot.domain.feeds import Feed
from bot.domain.message import OutgoingMessage
from bot.domain.papers import PaperId
from bot.domain.subscriptions import Subscriber
from bot.pipeline.compose import MessageBuilder
from bot.pipeline.feeds import FeedDesk
from bot.pipeline.ports import DeliveryStore, PaperStore, StoredPaper, Tokens, Told
from bot.pipeline.subscribers import SubscriberRegistry


class ReadingRoom:
    """The library over the state."""

    def __init__(
        self, papers: PaperStore, deliveries: DeliveryStore, tokens: Tokens, feeds: FeedDesk
    ) -> None:
        self._papers = papers
        self._deliveries = deliveries
        self._tokens = tokens
        self._feeds = feeds

    def edition(self) -> str:
        return self._feeds.edition()

    def everything(self) -> Feed:
        return self._feeds.everything()

    def feed_behind(self, token: str) -> Feed | None:
        return self._feeds.behind(token)

    def paper(self, paper_id: PaperId) -> StoredPaper | None:
        return self._papers.stored([paper_id]).get(paper_id)

    def unsubscribable(self, token: str) -> Target | None:
        key = self._tokens.subject("unsubscribe", token)
        status = self._deliveries.target(key) if key else None
        return status.target if status else None

    def unsubscribe(self, token: str, now: datetime) -> Target | None:
        target = self.unsubscribable(token)
        if target is not None:
            self._deliveries.suspend(target.key, UNSUBSCRIBED, now)
        return target


class ChatDesk:
    """The desk over the state, for chats of Telegram."""

    def __init__(
        self,
        papers: PaperStore,
        deliveries: DeliveryStore,
        builder: MessageBuilder,
        roster: SubscriberRegistry,
    ) -> None:
        self._papers = papers
        self._deliveries = deliveries
        self._builder = builder
        self._roster = roster

    def subscribers_at(self, chat: str) -> tuple[Subscriber, ...]:
        place = self._place(chat)
        return tuple(
            subscriber
            for subscriber in self._roster.matcher.subscribers.values()
            if any(channel.target == place for channel in subscriber.channels)
        )

    def latest_for(self, chat: str, limit: int) -> tuple[Told, ...]:
        subscribers = self.subscribers_at(chat)
        if not subscribers:
            return tuple(Told(paper=stored.paper) for stored in self._papers.newest(limit))
        subscriber = subscribers[0]
        return tuple(
            Told(
                paper=one.stored.paper,
                reasons=self._roster.reasons(subscriber, one.stored.paper, one.subscriptions),
            )
            for one in self._papers.noticed(subscriber.id, limit)
        )

    def stop(self, chat: str, now: datetime) -> bool:
        return bool(self.subscribers_at(chat)) and self._deliveries.suspend(self._place(chat), STOPPED, now)

    def resume(self, chat: str, now: datetime) -> bool:
        revived = [self._deliveries.revive(self._place(chat), now)]
        revived += [self._deliveries.revive(place, now) for place in self._lost_topics(chat)]
        return any(revived)

    def message(self, name: str, chat: str) -> OutgoingMessage | None:
        found = self._deliveries.rows_of(name)
        if found is None or found[0].target.address != chat or found[0].kind != "alert":
            return None
        subscriber = self._roster.subscriber(found[0].subscriber)
        return self._builder.shown_again(found[0], subscriber) if subscriber else None

    def _lost_topics(self, chat: str) -> Iterator[str]:
        """Places of the chat's topics that its service gave up on; who stopped a topic goes on in the topic."""
        channels = (one for who in self._roster.matcher.subscribers.values() for one in who.channels)
        topics = dict.fromkeys(
            one.address for one in channels if one.kind == "telegram" and one.address.startswith(f"{chat}/")
        )
        for place in map(self._place, topics):
            known = self._deliveries.target(place)
            if known is not None and known.suspended is not None and known.suspended not in OWN_WISH:
                yield place

    def _place(self, chat: str) -> str:
        return self._deliveries.target_at("telegram", chat) or f"telegram:{chat}"
