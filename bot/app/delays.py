"""Delays: what targets, deliveries and stopped channels still wait for, repaired after the clock was wrong."""

from datetime import timedelta

from bot.app.container import Container

_LONGEST_STOP = timedelta(days=3)


def repair_delays(container: Container) -> int:
    """Shorten delays that were set while the clock was far ahead; gives the number of those that it changed.

    Delays of targets are clamped, deliveries are rescheduled like new ones, and channels that were stopped for longer
    than three days are opened.
    """
    store, now = container.store, container.clock.now()
    changed = store.maintenance.clamp_delays(now)
    for name in store.maintenance.subscribers_held_too_long(now):
        subscriber = container.registry.subscriber(name)
        changed += store.preferences.reschedule(subscriber, now) if subscriber else 0
    for kind, stop in store.incidents.stopped_channels().items():
        if stop.until > now + _LONGEST_STOP:
            store.incidents.open_channel(kind)
            changed += 1
    return changed
