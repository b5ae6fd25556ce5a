"""Feeds: documents in Atom, JSON and OPML, the folder they are written to, and the channel that writes them."""
