"""Logs of the commands: levels, the formats for people and machines, and a filter of repeated errors."""

import json
import logging
import sys
from collections import Counter
from datetime import UTC, datetime

from bot.app.cli.context import masked
from bot.domain.text import cut, printable

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""Fields that every log record has."""
_VARYING_FIELDS = frozenset({"error", "failures", "until", "retry_in", "seconds"})
"""Fields that differ between repetitions of an error."""
_PAUSE_SECONDS = 60.0
_REMEMBERED_SECONDS = 3_600.0
_LONGEST_FIELD = 300


def start_logs(verbose: int, *, as_json: bool = False) -> None:
    """Send logs to stderr; `verbose` 0 shows warnings, 1 also events, 2 everything."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormat() if as_json else TextFormat())
    if verbose < len(_LEVELS) - 1:
        handler.addFilter(RepeatFilter())
    logging.basicConfig(level=_LEVELS[min(verbose, 2)], handlers=[handler], force=True)
    for name in ("httpx", "httpcore", "watchdog", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)  # their INFO shows tokens in URLs, or each poll
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


def no_logs() -> None:
    """Discard logs, for commands that print every result themselves."""
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)


class RepeatFilter(logging.Filter):
    """Log filter: passes a repeated error once a minute, with the number of repetitions in between as `repeated`.

    Errors are the same if their event and their fields are, except for those in _VARYING_FIELDS. So a database that
    cannot be reached for a night does not fill the log.
    """

    def __init__(self) -> None:
        super().__init__()
        self._logged_at: dict[tuple[object, ...], float] = {}
        self._suppressed: Counter[tuple[object, ...]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        fields = _fields(record)
        if record.levelno < logging.WARNING or "error" not in fields:
            return True
        details = tuple((name, str(value)) for name, value in fields.items() if name not in _VARYING_FIELDS)
        error = (record.name, record.msg, *details)
        if record.created - self._logged_at.get(error, -_PAUSE_SECONDS) < _PAUSE_SECONDS:
            self._suppressed[error] += 1
            return False
        self._forget_old(record.created)
        self._logged_at[error] = record.created
        if suppressed := self._suppressed.pop(error, 0):
            record.repeated = suppressed
        return True

    def _forget_old(self, now: float) -> None:
        old = [error for error, moment in self._logged_at.items() if now - moment > _REMEMBERED_SECONDS]
        for error in old:
            del self._logged_at[error]
            self._suppressed.pop(error, None)


class TextFormat(logging.Formatter):
    """Log format for people, in this machine's time: `12:00:03 digests.ingested digests=1 new_papers=14`."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).astimezone()
        fields = "".join(f" {name}={printable(_shown(value))}" for name, value in _fields(record).items())
        level = "" if record.levelno <= logging.INFO else f"{record.levelname} "
        text = f"{moment:%H:%M:%S} {level}{printable(record.getMessage())}{fields}"
        return masked(f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text)


class JsonFormat(logging.Formatter):
    """Log format for machines: one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        parts = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **{
                name: value if isinstance(value, int | float | bool) else _shown(value)
                for name, value in _fields(record).items()
            },
        }
        if record.exc_info:
            parts["exception"] = self.formatException(record.exc_info)
        return masked(json.dumps(parts, ensure_ascii=False))


def _shown(value: object) -> str:
    """The field's text, masked and then cut to _LONGEST_FIELD characters."""
    return cut(masked(str(value)), _LONGEST_FIELD)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _OWN_FIELDS}
