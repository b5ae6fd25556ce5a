"""The web server: feeds, paper pages and unsubscribing, over HTTP."""

from bot.adapters.web.app import WebService, create_app
from bot.adapters.web.server import WebServer, serve

__all__ = ["WebServer", "WebService", "create_app", "serve"]
