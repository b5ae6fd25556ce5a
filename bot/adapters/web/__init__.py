"""The web server: feeds, paper pages and unsubscribing, over HTTP."""

from bot.adapters.web.app import create_app
from bot.adapters.web.server import WebServer, serve

__all__ = ["WebServer", "create_app", "serve"]
