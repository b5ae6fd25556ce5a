"""A program on a terminal of its own: what it shows, and what a person types."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.conftest import ROOT

_PATIENCE = 60.0


class Terminal:
    """Runs `python -m bot ARGUMENT…` in a folder on a pseudo terminal; use as a context manager."""

    def __init__(
        self, arguments: Sequence[str], folder: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        master, slave = pty.openpty()
        self._terminal = master
        self.shown = ""
        self._seen = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bot", *arguments],
            cwd=folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100", **(environ or {})},
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    def wait_for(self, text: str) -> None:
        """Until the program shows the text, after what was waited for before."""
        give_up = time.monotonic() + _PATIENCE
        while (at := self.shown.find(text, self._seen)) < 0:
            assert time.monotonic() < give_up, f"{text!r} was not shown in:\n{self.shown}"
            assert self._read() or text in self.shown[self._seen :], (
                f"{text!r} was not shown in:\n{self.shown}"
            )
        self._seen = at + len(text)

    def type(self, line: str) -> None:
        """The line and Enter."""
        os.write(self._terminal, f"{line}\n".encode())

    def end(self) -> int:
        """The exit code, once the program has ended by itself."""
        while self._read():
            pass
        return self._process.wait(_PATIENCE)

    def _read(self) -> bool:
        """Take in what is shown by now; False once the program has closed the terminal."""
        ready, _, _ = select.select([self._terminal], [], [], 0.1)
        if not ready:
            return True
        try:
            data = os.read(self._terminal, 65_536)
        except OSError:
            return False
        self.shown += data.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(data)
