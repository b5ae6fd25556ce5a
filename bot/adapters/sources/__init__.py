"""Fetchers of sources: each brings what a source has into the source's own folder, where the watcher reads it."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.adapters.sources.git import fetch_git
from bot.adapters.sources.url import fetch_url
from bot.domain.sources import Fetched, Source, Validators

__all__ = ["FETCHERS", "Fetcher"]

Fetcher = Callable[[Source, Validators, Path, int], Awaitable[Fetched]]
"""(source, validators of the last time, its folder, most bytes of one file). Raises SourceUnreachable."""

FETCHERS: dict[str, Fetcher] = {"git": fetch_git, "url": fetch_url}
"""By the kind of source. A new kind is a file in this folder and a line here."""
