"""The service as its user meets it: how soon an alert is out, what idling costs, how soon nothing is done.

    python -m benchmarks.service [CORPUS]

1. File closed → alert accepted by a Bot API on loopback, beyond `settle_seconds`: median of several files.
2. An idle `paperboy run` with the default configuration's parts: memory and share of a core.
3. `paperboy once` on an unchanged folder of all digests: from the start of the process to its end, beside
   a Python process that does nothing.

Needs the development requirements (the emulator judges markup by Telegram's own parser).
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.corpus import CORPUS
from tests.rigs.botapi import BotApi

ROOT = Path(__file__).resolve().parent.parent
SETTLE = 0.3
ALERTS = 15
IDLE_SECONDS = 20
PATIENCE = 60
STARTS = 9
CHAT = 123456789
TABLE = """## Papers for 2026-01-{day:02}

| Title | Authors | Summary |
|-------|---------|---------|
| Number {day} on language models (Read more on [arXiv](https://arxiv.org/abs/2601.{day:05}) or \
[HuggingFace](https://huggingface.co/papers/2601.{day:05}))| Ada Lovelace | It studies language models. |
"""


def configure(
    home: Path, folders: list[Path], telegram: str = "", keywords: Sequence[str] = ("language models",)
) -> None:
    """A reader in a chat of their own for each of the keywords."""
    (home / "config").mkdir()
    (home / "config/paperboy.yaml").write_text(
        f"watch: {{folders: {[str(folder) for folder in folders]}, settle_seconds: {SETTLE}}}\n"
        f"web: {{listen: '127.0.0.1:0'}}\n{telegram}"
    )
    (home / "config/subscriptions.yaml").write_text(
        "subscribers:\n"
        + "".join(
            f"  - id: reader{number}\n    channels: [{{telegram: {CHAT + number}}}, {{atom: true}}]\n"
            f"    keywords: [{keyword}]\n"
            for number, keyword in enumerate(keywords)
        )
    )


@contextmanager
def running(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "bot", "run"]
    process = subprocess.Popen(
        command, cwd=home, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    for line in process.stdout:  # it says so when the first look is done
        if b"Ctrl-C" in line:
            break
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(ROOT)}


def alerts() -> list[float]:
    """Seconds from closing a file to the alert, one file after the other, without the chat's own pace."""
    seconds: list[float] = []
    with TemporaryDirectory(prefix="paperboy-bench-") as folder, BotApi.in_thread() as api:
        home, digests = Path(folder), Path(folder) / "digests"
        digests.mkdir()
        for number in range(ALERTS):
            api.chat(CHAT + number)
        telegram = f"telegram: {{token: '{api.token}', api_url: '{api.url}'}}\n"
        # Each paper is for a reader of its own, whom no flood guard lets wait.
        configure(home, [digests], telegram, [f"number {day}" for day in range(1, ALERTS + 1)])
        with running(home):
            for day in range(1, ALERTS + 1):
                (digests / f"{day}.md").write_text(TABLE.format(day=day))
                closed = time.perf_counter()
                while len(api.messages) < day:
                    if time.perf_counter() - closed > PATIENCE:
                        raise SystemExit(f"service: the alert of file {day} did not come")
                    time.sleep(0.0005)
                seconds.append(time.perf_counter() - closed)
                time.sleep(1.2)
    return seconds


def idling() -> tuple[float, float]:
    """(MB, share of a core) of an idle service that has read the seeds."""
    with TemporaryDirectory(prefix="paperboy-bench-") as folder:
        home = Path(folder)
        shutil.copytree(ROOT / "seeds", home / "seeds")
        configure(home, [home / "seeds"])
        with running(home) as process:
            time.sleep(3)
            before = cpu_seconds(process.pid)
            time.sleep(IDLE_SECONDS)
            share = (cpu_seconds(process.pid) - before) / IDLE_SECONDS
            return resident_mb(process.pid), share


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def starts(corpus: Path) -> tuple[list[float], list[float]]:
    """(seconds of a `once` with nothing to do, seconds of a Python that does nothing), in turn."""
    with TemporaryDirectory(prefix="paperboy-bench-") as folder:
        home = Path(folder)
        configure(home, [corpus / "tables", corpus / "pages"])
        once = [sys.executable, "-m", "bot", "once"]
        for _ in range(2):
            subprocess.run(once, cwd=home, env=environment(), capture_output=True, check=True)
        nothing = [sys.executable, "-c", "pass"]
        taken: tuple[list[float], list[float]] = ([], [])
        for _ in range(STARTS):
            for command, seconds in zip((once, nothing), taken, strict=True):
                begin = time.perf_counter()
                subprocess.run(command, cwd=home, env=environment(), capture_output=True, check=True)
                seconds.append(time.perf_counter() - begin)
        return taken


def main() -> None:
    corpus = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else CORPUS
    beyond = sorted(second - SETTLE for second in alerts())
    print(
        f"file closed → alert accepted, beyond settling   median {median(beyond) * 1000:6.0f} ms (at most 150)"
    )
    print(f"  of {ALERTS} files: {beyond[0] * 1000:.0f} to {beyond[-1] * 1000:.0f} ms")
    memory, share = idling()
    print(f"idle `run`                                      {memory:6.0f} MB (at most 85)")
    print(f"                                                {share:6.2%} of a core (under 0.50%)")
    if corpus.is_dir():
        once, nothing = starts(corpus)
        print(
            f"`once` on unchanged digests                     median {median(once) * 1000:6.0f} ms (at most 1000)"
        )
        print(
            f"  {min(once) * 1000:.0f} to {max(once) * 1000:.0f} ms; {median(once) / median(nothing):.1f} × an empty Python"
        )


if __name__ == "__main__":
    main()
