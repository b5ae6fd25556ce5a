"""The index of all subscriptions: exactly the matches of the plain evaluation, for a million queries at once.

Kept apart from the rest of the query language because it needs numpy.
"""

from bot.domain.query.index.core import Index

__all__ = ["Index"]
