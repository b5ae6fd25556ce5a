"""The bot's conversation: what people write to it, and what it says and does about that."""

from bot.adapters.chat.service import ChatService, Waits

__all__ = ["ChatService", "Waits"]
