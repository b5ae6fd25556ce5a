"""Feeds: documents in Atom, JSON and OPML, the files that they become, and the channel that writes them."""
