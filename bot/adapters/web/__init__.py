"""The web server: pages, feeds, forms and a read API."""
