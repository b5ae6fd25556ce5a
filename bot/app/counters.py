"""The web server and the chat service, built from the container."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from bot.app.wiring import House

if TYPE_CHECKING:
    from bot.adapters.telegram.chat import ChatService, OnPolling
    from bot.adapters.web.server import WebServer


async def start_web(house: House) -> "WebServer":
    """The running web server; UsageError where its address cannot be had."""
    from bot.adapters.atom import render_atom
    from bot.adapters.web.app import WebService, create_app
    from bot.adapters.web.server import serve

    settings = house.settings
    app = create_app(
        WebService(house.store.papers, house.store.deliveries, house.store.tokens, house.feeds),
        render_feed=render_atom,
        clock=house.clock,
        site_title=settings.site.title,
        site_url=settings.site.url,
        quiz=house.answer_quiz,
    )
    listen = settings.web.listen
    assert listen is not None  # the caller asked
    host = f"[{listen.host}]" if ":" in listen.host else listen.host
    return await serve(app, f"{host}:{listen.port}")


def chat_service(
    house: House,
    *,
    wake: Callable[[], None] = lambda: None,
    on_polling: "OnPolling | None" = None,
) -> "ChatService":
    """The conversation over the bot of the settings.

    It calls `wake` when there is something to send; `on_polling` see there.
    """
    from bot.adapters.telegram.chat import ChatService, VoteCollector
    from bot.adapters.telegram.client import BotClient
    from bot.adapters.telegram.commands import ChatDeliveries, Services

    store, quizzes, telegram = house.store, house.quizzes, house.settings.telegram
    return ChatService(
        BotClient(telegram.token.get_secret_value(), api_url=telegram.api_url),
        store.updates,
        Services(
            deliveries=ChatDeliveries(store.papers, store.deliveries, house.builder, house.registry),
            scheduler=quizzes.scheduler,
            stats=quizzes.stats,
        ),
        house.clock,
        votes=VoteCollector(quizzes.counter, store.quizzes, house.clock),
        wake=wake,
        on_polling=on_polling,
    )
