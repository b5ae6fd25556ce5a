"""The sign of life of the installation that the settings describe."""

from typing import TYPE_CHECKING

from bot.adapters.heartbeat import Heartbeat

if TYPE_CHECKING:
    from bot.app.config.settings_model import Settings


def heartbeat(settings: "Settings") -> Heartbeat:
    """The same from whichever folder it is asked for."""
    file = settings.sqlite_file
    return Heartbeat(str(file.resolve()) if file else settings.state)
