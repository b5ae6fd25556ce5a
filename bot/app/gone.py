"""Files that gave no digest and are gone: nobody needs to look at them any more."""

from bot.adapters.folders import scan
from bot.app.wiring import House


def forget_gone(house: House) -> None:
    """Forget them; none while a watched folder is away, as one on another machine may be."""
    unreadable = house.store.digests.unreadable()
    folders = house.settings.watched
    if not unreadable or not all(folder.is_dir() for folder in folders):
        return
    entries = scan(folders, max_bytes=house.settings.max_bytes, base=house.settings.base)
    there = {entry.name for entry in entries}
    house.store.maintenance.forget_unreadable([name for name in unreadable if name not in there])
