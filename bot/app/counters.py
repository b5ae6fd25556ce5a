"""The two counters that face people: the web server and the bot's conversation."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from bot.app.wiring import House

if TYPE_CHECKING:
    from bot.adapters.chat import ChatService
    from bot.adapters.chat.service import Heard
    from bot.adapters.web import WebServer
    from bot.domain.errors import ChannelDown


async def start_web(house: House) -> "WebServer":
    """The running web server; UsageError where its address cannot be had."""
    from bot.adapters.publishers.atom import render_atom
    from bot.adapters.web import create_app, serve

    settings = house.settings
    app = create_app(
        house.library,
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


async def _nobody_asks(_: "ChannelDown | None") -> None:
    """Whether the bot is heard is told to nobody."""


def chat_service(
    house: House,
    *,
    wake: Callable[[], None] = lambda: None,
    heard: "Heard" = _nobody_asks,
) -> "ChatService":
    """The conversation over the bot of the settings.

    It calls `wake` when there is something to send, and `heard` when the service refuses to be asked for
    updates, and when it no longer does.
    """
    from bot.adapters.botapi.client import BotClient
    from bot.adapters.chat import ChatService
    from bot.adapters.chat.study import StudyTalk
    from bot.adapters.chat.votes import VoteKeeper

    telegram = house.settings.telegram
    bot = BotClient(telegram.token.get_secret_value(), api_url=telegram.api_url)
    return ChatService(
        bot,
        house.store.updates,
        house.desk,
        house.clock,
        study=StudyTalk(house.quizzes.desk, house.quizzes.practice),
        votes=VoteKeeper(house.quizzes.counter, house.store.study, house.clock),
        wake=wake,
        heard=heard,
    )
