"""The web server: feeds, paper pages and unsubscribing."""
