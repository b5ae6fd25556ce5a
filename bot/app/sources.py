"""The fetcher of the configured sources."""

import random

from bot.adapters.store import Store
from bot.app.config.settings import Settings
from bot.domain.sources import Source
from bot.pipeline.fetch import Fetcher
from bot.pipeline.ports import Clock


def build_fetcher(
    settings: Settings, store: Store, clock: Clock, rng: random.Random | None = None
) -> Fetcher:
    """A fetcher into the folders of the sources, with its states in that store."""

    async def fetch(source: Source) -> bool:
        from bot.adapters.sources import fetch_into

        return await fetch_into(settings.sources_folder, source, settings.max_bytes)

    return Fetcher(
        [form.source for form in settings.sources],
        states=store.sources,
        fetch=fetch,
        clock=clock,
        rng=rng or random.Random(),  # noqa: S311 - jitter, not secrets
    )
