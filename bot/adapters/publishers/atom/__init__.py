"""Atom feeds: a feed value to bytes, and those to files."""

from bot.adapters.publishers.atom.document import MAX_FEED_BYTES, render_atom
from bot.adapters.publishers.atom.folder import FeedFolder
from bot.adapters.publishers.atom.publisher import AtomPublisher

__all__ = ["MAX_FEED_BYTES", "AtomPublisher", "FeedFolder", "render_atom"]
