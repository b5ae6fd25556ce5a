"""Logs: one line an event, fit for people and machines, whatever the fields hold."""

import json
import logging
import sys
import time

import pytest

from bot.app.cli import logs
from bot.domain.text import printable

NASTY = "\x1b[31mred\x07\u202egnp.exe\nsecond line"


def record(message: str, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("bot", logging.WARNING, "x.py", 1, message, (), None)
    made.__dict__.update(fields)
    return made


def test_a_field_cannot_steer_the_terminal_or_begin_a_new_line() -> None:
    text = logs.TextFormat().format(record("digest.problem", file=NASTY))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert len(text.splitlines()) == 1
    assert "digest.problem" in text


def test_plain_keeps_every_letter_and_loses_every_control() -> None:
    assert printable("Größe → 论文 😀") == "Größe → 论文 😀"
    assert printable("a\x00b\x85c\u2028d\ud800e").isprintable()


def test_people_read_the_time_of_their_machine_and_machines_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    made = record("delivery.sent")
    made.created = 1_790_000_000.0  # 2026-09-21 14:13:20 UTC
    with monkeypatch.context() as machine:
        machine.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        text, line = logs.TextFormat().format(made), logs.JsonFormat().format(made)
    time.tzset()
    assert text == "23:13:20 WARNING delivery.sent"
    assert json.loads(line)["at"] == "2026-09-21T14:13:20.000+00:00"


def test_json_logs_are_one_object_a_line_with_the_fields() -> None:
    line = logs.JsonFormat().format(record("delivery.sent", batch="b1", papers=3, error=NASTY))
    parts = json.loads(line)
    assert len(line.splitlines()) == 1
    assert (parts["event"], parts["batch"], parts["papers"], parts["level"]) == (
        *("delivery.sent", "b1", 3),
        "warning",
    )
    assert parts["at"].endswith("+00:00")


def test_an_exception_is_told_in_both_forms() -> None:
    failed = record("job.failed")
    try:
        raise RuntimeError("broken pipe")
    except RuntimeError:
        failed.exc_info = sys.exc_info()
    assert "broken pipe" in logs.TextFormat().format(failed)
    assert "broken pipe" in json.loads(logs.JsonFormat().format(failed))["exception"]


def test_a_field_is_cut_so_that_a_line_stays_a_line() -> None:
    for formatted in (logs.TextFormat(), logs.JsonFormat()):
        assert len(formatted.format(record("delivery.failed", error="x" * 5_000))) < 500


def seen(repeats: logs.RepeatFilter, at: float, event: str, **fields: object) -> int | None:
    """None where the line is left out, else how often it was left out before."""
    made = record(event, **fields)
    made.created = at
    return getattr(made, "repeated", 0) if repeats.filter(made) else None


def test_an_error_that_comes_again_and_again_is_said_once_a_minute_with_how_often() -> None:
    repeats = logs.RepeatFilter()
    times = [
        seen(repeats, float(at), "job.failed", job="reload", error=f"away: {at}", failures=at)
        for at in range(0, 180, 2)
    ]
    assert [time for time in times if time is not None] == [0, 29, 29]


def test_what_differs_in_more_than_its_text_is_said_each_time() -> None:
    repeats = logs.RepeatFilter()
    assert seen(repeats, 0, "delivery.failed", target="telegram:1", error="blocked") == 0
    assert seen(repeats, 1, "delivery.failed", target="telegram:2", error="blocked") == 0
    assert (
        seen(repeats, 1, "digest.problem", file="a.md")
        == seen(repeats, 1, "digest.problem", file="a.md")
        == 0
    )
    assert seen(repeats, 2, "delivery.failed", target="telegram:1", error="blocked") is None


def test_errors_of_an_hour_ago_are_forgotten() -> None:
    repeats = logs.RepeatFilter()
    seen(repeats, 0, "job.failed", job="a", error="x")
    seen(repeats, 1, "job.failed", job="a", error="x")
    seen(repeats, 4_000, "job.failed", job="b", error="x")
    assert seen(repeats, 4_001, "job.failed", job="a", error="x") == 0
    assert len(repeats._logged_at) == 2


def test_libraries_that_name_tokens_in_addresses_stay_quiet() -> None:
    before = {name: logging.getLogger(name).level for name in ("httpx", "telegram", "")}
    handlers = logging.getLogger().handlers[:]
    try:
        logs.start_logs(2)
        assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
        assert logging.getLogger("bot").isEnabledFor(logging.DEBUG)
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
        logging.getLogger().handlers[:] = handlers
