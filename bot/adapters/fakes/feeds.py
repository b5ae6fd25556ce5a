"""A feed folder that remembers what ever stood in each feed."""

from collections import defaultdict

from bot.domain.feeds import Feed
from bot.domain.papers import PaperId


class CountingFeeds:
    """`papers` holds, by feed file, every paper that a reader of it could have seen."""

    def __init__(self) -> None:
        self.papers: dict[str, set[PaperId]] = defaultdict(set)
        self.writes = 0
        self._last: dict[str, Feed] = {}

    def write(self, name: str, feed: Feed) -> bool:
        if self._last.get(name) == feed:
            return False
        self._last[name] = feed
        self.writes += 1
        self.papers[name].update(entry.paper.id for entry in feed.entries)
        return True

    def remove(self, name: str) -> None:
        self._last.pop(name, None)
