"""A strict emulator of Telegram's Bot API on loopback, which counts what it took over.

Nothing here knows our publisher: limits and texts are those of the Bot API (seen 2026-11), and markup is
judged by Telegram's own parser.
"""

from tests.rigs.botapi.chats import Chat
from tests.rigs.botapi.emulator import BotApi
from tests.rigs.botapi.faults import Fault
from tests.rigs.botapi.messages import SentFile, SentMessage, SentPoll

__all__ = ["BotApi", "Chat", "Fault", "SentFile", "SentMessage", "SentPoll"]
