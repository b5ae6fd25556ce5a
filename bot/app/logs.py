"""Logs: an event's name and its fields on one line, for people or for machines."""

import json
import logging
import sys
from datetime import UTC, datetime

from bot.domain.text import printable

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


def start(verbose: int, *, as_json: bool = False) -> None:
    """Send logs to stderr; `verbose` 0 shows warnings, 1 the story of a day, 2 everything."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormat() if as_json else TextFormat())
    logging.basicConfig(level=_LEVELS[min(verbose, 2)], handlers=[handler], force=True)
    for name in ("httpx", "httpcore", "telegram", "apscheduler", "watchdog", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)  # they name tokens in URLs, or each single poll


class TextFormat(logging.Formatter):
    """`12:00:03 digest.taken_in digests=1 new_papers=14`."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        fields = "".join(f" {name}={printable(str(value))}" for name, value in _fields(record).items())
        level = "" if record.levelno <= logging.INFO else f"{record.levelname} "
        text = f"{moment:%H:%M:%S} {level}{printable(record.getMessage())}{fields}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class JsonFormat(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        parts = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **{
                name: value if isinstance(value, int | float | bool) else str(value)
                for name, value in _fields(record).items()
            },
        }
        if record.exc_info:
            parts["exception"] = self.formatException(record.exc_info)
        return json.dumps(parts, ensure_ascii=False)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _OWN}
