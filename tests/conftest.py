"""What every test may use: the seeds, and the real digests where they are at hand."""

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no failure, and the same examples are tried each time; PAPERBOY_RANDOM=1 looks for others,
# PAPERBOY_EXAMPLES=1000 for more of them.
settings.register_profile(
    "paperboy",
    deadline=None,
    derandomize=not os.environ.get("PAPERBOY_RANDOM"),
    max_examples=int(os.environ.get("PAPERBOY_EXAMPLES", "40")),
)
settings.load_profile("paperboy")

ROOT = Path(__file__).resolve().parent.parent


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was not tested is said, with why."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"SKIPPED {count} x: {reason}", yellow=True)


@pytest.fixture(scope="session")
def seeds() -> Path:
    """The five documents that the project began from."""
    return ROOT / "seeds"


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real digests (tables/, pages/, flat/, keys/); skips where there is none."""
    folder = Path(os.environ.get("PAPERBOY_CORPUS") or ROOT.parent / "shared" / "corpus")
    if not folder.is_dir():
        pytest.skip(f"no real digests: {folder} does not exist (set PAPERBOY_CORPUS)")
    return folder
