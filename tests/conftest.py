"""What every test may use: the seeds, and the real digests where they are at hand."""

import gc
import importlib.util
import os
import pkgutil
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import _lru_cache_wrapper, partial
from importlib import import_module
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage
from hypothesis import settings

# A busy machine is no failure, and the same examples are tried each time; PAPERBOY_RANDOM=1 looks for others,
# PAPERBOY_EXAMPLES=1000 for more of them.
settings.register_profile(
    "paperboy",
    deadline=None,
    derandomize=not os.environ.get("PAPERBOY_RANDOM"),
    max_examples=int(os.environ.get("PAPERBOY_EXAMPLES", "25")),
)
settings.load_profile("paperboy")

ROOT = Path(__file__).resolve().parent.parent

_MEMORY = Path("/dev/shm")
_ROOM = 2 << 30


def _in_memory() -> bool:
    try:
        free, flags = shutil.disk_usage(_MEMORY).free, os.statvfs(_MEMORY).f_flag
    except OSError:
        return False
    return free > _ROOM and not flags & os.ST_NOEXEC and os.access(_MEMORY, os.W_OK)


# Each commit of a state waits for the disk; in memory it does not.
if "TMPDIR" not in os.environ and _in_memory():
    os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)


# Each client would load the certificates that this names, 20 ms; tests of them name their own.
os.environ.pop("SSL_CERT_FILE", None)

# The workers share the processors: threads of NumPy's own would wait for each other, at full speed.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# httpcore asks for it several times a request, and what is not there is looked for in every folder each time.
if importlib.util.find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]


class Tracer:
    """Traces the tests of `--traced` alone, since before Python 3.14 that doubles the time of whatever it sees.

    Tests of drawn examples and of real digests are left out: what they reach depends on what was drawn, and on what
    lies beside the repository. A test of both databases is traced with SQLite. Lines that run at import count too, so
    the measured packages are imported first.
    """

    def __init__(self, coverage: Coverage, traced: str) -> None:
        self._coverage = coverage
        self._traced = [ROOT / path for path in traced.split()]
        for package in ("bot.domain", "bot.pipeline"):
            for module in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
                import_module(module.name)
        # In a worker there is another one below it, which pytest-cov never uses and which would trace on in its place.
        while (running := Coverage.current()) is not None:
            running.stop()
        self._runs = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        wanted = (
            any(item.path.is_relative_to(path) for path in self._traced)
            and item.get_closest_marker("hypothesis") is None
            and "corpus" not in getattr(item, "fixturenames", ())
            and "[postgresql" not in item.name
        )
        if wanted is not self._runs:
            if wanted:
                _forget_results()
            (self._coverage.start if wanted else self._coverage.stop)()
            self._runs = wanted
        return (yield)


def _forget_results() -> None:
    """Empty the caches of functions, so that what an untraced test has called before runs once more."""
    for module in [module for name, module in sys.modules.items() if name.startswith("bot.")]:
        for function in vars(module).values():
            if isinstance(function, _lru_cache_wrapper):
                function.cache_clear()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--traced", default="", help="with --cov: the folders and files whose tests count")


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    traced, coverage = session.config.getoption("traced"), Coverage.current()
    if traced and coverage is not None:
        session.config.pluginmanager.register(Tracer(coverage, traced))


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Modules and tests stay to the end, so the garbage collector need not look at them again and again.

    And it looks as seldom as in the program itself.
    """
    gc.disable()
    try:
        _share_compilation(session.config)
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        gc.enable()


def _share_compilation(config: pytest.Config) -> None:
    """In a fresh clone all workers would compile all tests at once, so each of them begins to import at another file.

    What cannot be imported says so when it is collected.
    """
    worker = getattr(config, "workerinput", None)
    if worker is None:
        return
    files = [file for folder in config.args for file in sorted(Path(folder).resolve().rglob("test_*.py"))]
    start = len(files) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
    for file in files[start:] + files[:start]:
        with suppress(Exception, pytest.skip.Exception):
            import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files of tests/e2e, each followed by another one: they take long and wait, others compute.

    The one of tests/tools would be the last, and computes for seconds in one test while the other workers are done.
    """
    files = [list(tests) for _, tests in groupby(items, key=lambda item: item.path)]
    waiting = [tests for tests in files if "e2e" in tests[0].path.parts]
    computing = [tests for tests in files if "e2e" not in tests[0].path.parts]
    computing.sort(key=lambda tests: "tools" not in tests[0].path.parts)
    pairs = zip_longest(waiting, computing, fillvalue=())
    items[:] = [item for pair in pairs for tests in pair for item in tests]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was not tested is said, with why."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"SKIPPED {count} x: {reason}", yellow=True)


@pytest.fixture(autouse=True)
def _vocabulary() -> None:
    """Every test begins with an empty vocabulary, as a new process does."""
    from bot.domain.query.vocabulary import PieceVocabulary

    PieceVocabulary.current = PieceVocabulary()


class CompiledStatements(dict[tuple[Any, ...], Any]):
    """Statements that SQLAlchemy has compiled, by the name of their dialect rather than by the dialect of one engine."""

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        dialect, *statement = key
        return super().get((dialect.name, *statement), default)

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        dialect, *statement = key
        super().__setitem__((dialect.name, *statement), compiled)


@pytest.fixture(autouse=True, scope="session")
def _compiled_statements() -> Iterator[None]:
    """The engines of all states share compiled statements: a test makes several, a process only one."""
    from bot.adapters.store import engine

    options = {"compiled_cache": CompiledStatements()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "create_engine", partial(engine.create_engine, execution_options=options))
        yield


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


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a real PostgreSQL."""
    from tests.rigs.postgres import postgres_server

    with postgres_server() as address:
        yield address
