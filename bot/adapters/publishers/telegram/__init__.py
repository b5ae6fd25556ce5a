"""Telegram: alerts as messages, questions as polls, and previews of both where there is no token."""

from bot.adapters.botapi.alerts import render_alert
from bot.adapters.publishers.telegram.preview import plain_preview
from bot.adapters.publishers.telegram.previews import Preview, PreviewFolder, PreviewPublisher
from bot.adapters.publishers.telegram.publisher import TelegramPublisher
from bot.adapters.publishers.telegram.quiz import quiz_poll

__all__ = [
    "Preview",
    "PreviewFolder",
    "PreviewPublisher",
    "TelegramPublisher",
    "plain_preview",
    "quiz_poll",
    "render_alert",
]
