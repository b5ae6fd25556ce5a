"""Mutation test of the two pure rooms: changes one sign of the code at a time and looks whether a test fails.

    python -m tools.mutants [--sample 200] [--seed 10] [--rooms bot/domain bot/pipeline] [--only TEXT]

A mutant is a comparison, `and`/`or`, `+`/`-`, a `not` or a branch turned round, by the operators of the library
Cosmic Ray. Its own runner starts the whole suite for each mutant and rewrites the files in place; here each mutant
is run in a fork that imports it in place of the module, by those tests alone that come to its line, the quickest
first. Which tests come to which line is measured once (coverage's contexts) and kept in build/mutants/.

A sample with the same seed stays the same where the code does: mutants are drawn by a hash of their line.
"""

import argparse
import hashlib
import importlib
import importlib.abc
import importlib.util
import json
import os
import resource
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from itertools import islice
from pathlib import Path
from types import CodeType, ModuleType

import coverage
import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators import binary_operator_replacement as binary
from cosmic_ray.operators import boolean_replacer as boolean
from cosmic_ray.operators import comparison_operator_replacement as comparison
from cosmic_ray.operators import unary_operator_replacement as unary
from cosmic_ray.operators.operator import Operator
from parso import parse
from parso.tree import NodeOrLeaf

KEPT = Path("build/mutants")
ROOMS = ("bot/domain", "bot/pipeline")
TESTS = ("tests/domain", "tests/pipeline", "tests/adapters/telegram", "tests/adapters/store/test_quizzes.py")
"""Those of the rooms, and of those who ask quizzes and count votes, with a real store and in the chat."""
AT_ONCE = 2
"""Forks that run at the same time."""
_MEMORY = 4 << 30
"""Bytes of address space of a fork."""

WARM = ("lxml.etree", "numpy", "pydantic", "sqlalchemy")
"""Foreign modules that tests import, brought in once before the forks."""


class SwapIn(Operator):  # type: ignore[misc]
    """Swaps `in` and `not in`, which the library leaves alone."""

    def mutation_positions(self, node: NodeOrLeaf) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        if node.type == "comparison":
            for sign in node.children[1::2]:
                if " ".join(sign.get_code().split()) in ("in", "not in"):
                    yield sign.start_pos, sign.end_pos

    def mutate(self, node: NodeOrLeaf, index: int) -> NodeOrLeaf:
        signs = [n for n, sign in enumerate(node.children) if n % 2 and "in" in sign.get_code().split()]
        negated = "not" in node.children[signs[index]].get_code().split()
        node.children[signs[index]] = parse(" in" if negated else " not in")
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


def _comparisons(*pairs: str) -> Iterator[Operator]:
    for pair in pairs:
        yield getattr(comparison, f"ReplaceComparisonOperator_{pair}")()


OPERATORS: tuple[Operator, ...] = (
    *_comparisons("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is"),
    *_comparisons("Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt"),  # the boundary moved
    *_comparisons("Lt_GtE", "LtE_Gt", "Gt_LtE", "GtE_Lt"),  # turned round
    SwapIn(),
    boolean.ReplaceAndWithOr(),
    boolean.ReplaceOrWithAnd(),
    boolean.AddNot(),
    binary.ReplaceBinaryOperator_Add_Sub(),
    binary.ReplaceBinaryOperator_Sub_Add(),
    unary.ReplaceUnaryOperator_Delete_Not(),
)


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    path: str
    operator: Operator = field(compare=False)
    occurrence: int
    """Which of the operator's positions in the file."""

    lines: range
    """From the statement's first line to the changed sign."""

    key: str
    """Path, line, column and operator, without the line's number."""

    def source(self) -> str:
        """The file with this change."""
        code: str | None = mutate_code(
            Path(self.path).read_text(encoding="utf-8"), self.operator, self.occurrence
        )
        assert code is not None, self.key
        return code

    def is_python(self) -> bool:
        """False for a `not` before a named expression: `if not match := …`."""
        try:
            compile(self.source(), self.path, "exec")
        except SyntaxError:
            return False
        return True

    def change(self) -> tuple[str, str]:
        """The changed line before and after."""
        before = Path(self.path).read_text(encoding="utf-8").splitlines()
        return next(
            (old.strip(), new.strip())
            for old, new in zip(before, self.source().splitlines(), strict=False)
            if old != new
        )


def mutants(path: Path) -> Iterator[Mutant]:
    """Every mutant of a file."""
    text = path.read_text(encoding="utf-8")
    lines, occurrences, same = text.splitlines(), Counter[str](), Counter[str]()
    for node in ast_nodes(get_ast(text)):
        for operator in OPERATORS:
            name = type(operator).__name__
            for (line, column), (last, _) in operator.mutation_positions(node):
                code = lines[line - 1]
                key = f"{path}: {code.strip()} [{column - len(code) + len(code.lstrip())} {name}]"
                same[key] += 1
                yield Mutant(
                    path=str(path),
                    operator=operator,
                    occurrence=occurrences[name],
                    lines=range(_statement_line(node), last + 1),
                    key=f"{key} {same[key]}",
                )
                occurrences[name] += 1


def _statement_line(node: NodeOrLeaf) -> int:
    while node.parent is not None and node.parent.type not in ("suite", "file_input"):
        node = node.parent
    line: int = node.start_pos[0]
    return line


def sample(rooms: Iterable[str], count: int, seed: int) -> list[Mutant]:
    """So many mutants of the rooms, drawn by a hash."""
    paths = sorted(
        path
        for room in rooms
        for path in ([Path(room)] if room.endswith(".py") else Path(room).rglob("*.py"))
    )
    every = [mutant for path in paths for mutant in mutants(path)]
    every.sort(key=lambda mutant: hashlib.sha256(f"{seed} {mutant.key}".encode()).digest())
    chosen = list(islice(filter(Mutant.is_python, every), count))
    print(
        f"{len(every)} mutants in {len(paths)} files, a sample of {len(chosen)} with seed {seed}", flush=True
    )
    return chosen


class Reach:
    """The tests that come to a line, and how long each takes."""

    def __init__(self) -> None:
        self._data = coverage.CoverageData(str(KEPT / "coverage"))
        self._data.read()
        self._seconds: dict[str, float] = json.loads((KEPT / "seconds.json").read_text())
        self._contexts: dict[str, dict[int, list[str]]] = {}

    def tests(self, mutant: Mutant) -> dict[str, float]:
        """Seconds of each test that comes to the mutant, or to its file where the line runs at import."""
        path = str(Path(mutant.path).resolve())
        if path not in self._contexts:
            self._contexts[path] = self._data.contexts_by_lineno(path)
        contexts = self._contexts[path]
        names = {name for line in mutant.lines for name in contexts.get(line, [])}
        if not names - {""}:
            names = {name for line in contexts for name in contexts[line]}
        tests = {name.rpartition("|")[0] for name in names} & self._seconds.keys()
        return {test: self._seconds[test] for test in sorted(tests)}


class _Durations:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration


def measure() -> None:
    """Run the rooms' tests once with coverage's contexts, unless that was done since the last change.

    In a process of its own, so that no module is imported when the mutants take its place.
    """
    marker = KEPT / "seconds.json"
    files = [path for root in ("bot", "tests") for path in Path(root).rglob("*.py")]
    if marker.exists() and max(path.stat().st_mtime for path in files) < marker.stat().st_mtime:
        return
    print("measuring which test comes to which line ...", flush=True)
    KEPT.mkdir(parents=True, exist_ok=True)
    os.environ["COVERAGE_FILE"] = str(KEPT / "coverage")
    durations = _Durations()
    options = [f"--cov={room}" for room in ROOMS] + [
        "--cov-context=test",
        "--cov-report=",
        "--cov-fail-under=0",
    ]
    if not (pid := os.fork()):
        status = pytest.main([*TESTS, "-n", str(AT_ONCE), *options], plugins=[durations])
        if not status:
            marker.write_text(json.dumps(durations.seconds))
        sys.stdout.flush()
        os._exit(status)
    if status := os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
        sys.exit(f"the tests fail without any mutant: {status}")


class _Loader(importlib.abc.InspectLoader):
    """Loads the mutant's module from its changed source."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant
        self.source = mutant.source()  # now, while the current folder is the project's

    def get_source(self, fullname: str) -> str:  # noqa: ARG002
        return self.source

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_source(fullname), self.mutant.path)

    def is_package(self, fullname: str) -> bool:  # noqa: ARG002
        return self.mutant.path.endswith("__init__.py")


class _Finder(importlib.abc.MetaPathFinder):
    """Finds one module changed and leaves all others to Python."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant
        self.loader = _Loader(mutant)
        self.file = Path(mutant.path).resolve()
        self.name = mutant.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        package = [str(self.file.parent)] if self.loader.is_package(fullname) else None
        return importlib.util.spec_from_file_location(
            fullname, self.file, loader=self.loader, submodule_search_locations=package
        )


class _Selected:
    """Keeps the tests that come to the mutant, the quickest first."""

    def __init__(self, tests: dict[str, float]) -> None:
        self.tests = tests

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid in self.tests]
        items.sort(key=lambda item: self.tests[item.nodeid])


def start(mutant: Mutant | None, tests: dict[str, float]) -> int:
    """Fork a process that runs the tests on the mutant, or on the code as it is; its id."""
    if pid := os.fork():
        return pid
    # A mutant that loops for ever is killed, and so is one that waits; on a busy machine a slow one is not.
    seconds = min(300, 20 + 3 * sum(tests.values()))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.alarm(4 * int(seconds))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))  # one that loops may fill the memory sooner
    output = os.open(KEPT / "last.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    if mutant is not None:
        sys.meta_path.insert(0, _Finder(mutant))
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(KEPT / "hypothesis")
    import hypothesis  # not before `measure`, whose pytest wants to be the first

    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)  # the first failure is enough
    hypothesis.settings.register_profile(
        "mutants", phases=phases, database=None, deadline=None, derandomize=True, max_examples=60
    )
    files = sorted({test.partition("::")[0] for test in tests})
    options = ["-x", "--assert=plain", "-p", "no:xdist", "--hypothesis-profile=mutants"]
    status = pytest.main([*options, *files], plugins=[_Selected(tests)])
    sys.stdout.flush()
    os._exit(status)


OUTCOMES: dict[int, str] = {
    pytest.ExitCode.OK: "survived",
    pytest.ExitCode.TESTS_FAILED: "killed",
    pytest.ExitCode.INTERRUPTED: "killed",
    # Not even conftest can be imported; without the mutant it just was.
    pytest.ExitCode.USAGE_ERROR: "killed",
}


def run(chosen: Sequence[Mutant], reach: Reach) -> Iterator[tuple[Mutant, str, float]]:
    """Each mutant with its outcome and the seconds that it took, as they end."""
    waiting, running = list(reversed(chosen)), dict[int, tuple[Mutant, float]]()
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            mutant = waiting.pop()
            if tests := reach.tests(mutant):
                running[start(mutant, tests)] = mutant, time.monotonic()
            else:
                yield mutant, "survived", 0.0
        if running:
            pid, status = os.wait()
            mutant, began = running.pop(pid)
            code = os.waitstatus_to_exitcode(status)
            timed_out = code in (-signal.SIGPROF, -signal.SIGALRM)
            # Any other signal is a crash, as of one that fills its memory.
            outcome = (
                "timeout" if timed_out else "killed" if code < 0 else OUTCOMES.get(code, f"error {code}")
            )
            yield mutant, outcome, time.monotonic() - began


def main() -> int:
    """Run the sample and print a table; 1 where fewer than nine in ten were killed, or a survivor has no reason."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--seed", type=int, default=10)
    parser.add_argument("--rooms", nargs="+", default=ROOMS, help="folders or files")
    parser.add_argument("--only", default="", help="run the mutants alone whose key has this text")
    options = parser.parse_args()
    measure()
    reach, results = Reach(), Counter[str]()
    chosen = [
        mutant for mutant in sample(options.rooms, options.sample, options.seed) if options.only in mutant.key
    ]
    unnamed = 0
    for name in WARM:
        importlib.import_module(name)
    tests = {
        test: seconds for mutant in chosen[:1] for test, seconds in list(reach.tests(mutant).items())[:100]
    }
    if status := os.waitpid(start(None, tests), 0)[1]:
        sys.exit(f"the tests fail without any mutant: {status}; see {KEPT / 'last.log'}")
    for mutant, outcome, seconds in run(chosen, reach):
        results[outcome] += 1
        if results.total() % 20 == 0:
            print(f"... {results.total()} of {len(chosen)}: {dict(results)}", flush=True)
        if outcome == "killed":
            continue
        before, after = mutant.change()
        reason = EQUIVALENT.get((mutant.path, before, after))
        unnamed += reason is None and outcome != "timeout"
        print(
            f"{outcome} {mutant.path}:{mutant.lines.stop - 1} ({len(reach.tests(mutant))} tests, {seconds:.0f} s)"
        )
        print(
            f"    - {before}\n    + {after}\n    = {reason or ('look whether it loops' if outcome == 'timeout' else 'NO REASON NAMED')}",
            flush=True,
        )
    killed = results["killed"] + results["timeout"]
    print(
        f"{killed} of {len(chosen)} killed ({killed / max(1, len(chosen)):.1%}); {dict(results)}; {unnamed} unnamed"
    )
    return int(killed < 0.9 * len(chosen) or unnamed > 0)


EQUIVALENT: dict[tuple[str, str, str], str] = {
    (
        "bot/domain/query/index/arrays.py",
        "if size > len(self.array):",
        "if size >= len(self.array):",
    ): "a column that is just large enough grows once more; what it holds stays the same",
    (
        "bot/domain/query/index/arrays.py",
        "if size > len(self._last):",
        "if size >= len(self._last):",
    ): "a buffer of just the right size is made again, with the same content",
    (
        "bot/domain/query/index/arrays.py",
        "elif self._new.used > _FULLEST * (self._new.mask + 1):",
        "elif self._new.used >= _FULLEST * (self._new.mask + 1):",
    ): "a table grows one entry earlier; what it holds stays the same",
    **dict.fromkeys(
        (
            ("bot/domain/query/index/atoms.py", "if len(word) > _LONG:", change)
            for change in (
                "if len(word) >= _LONG:",
                "if len(word) <= _LONG:",
                "if not len(word) > _LONG:",
            )
        ),
        "both branches give the same prefixes, in no order; only their speed differs",
    ),
    (
        "bot/domain/query/index/atoms.py",
        "return self.uses.cells[root] > 0",
        "return self.uses.cells[root] >= 0",
    ): "a root without nodes is searched as well, and nothing is there",
    (
        "bot/domain/query/index/storage.py",
        "successors[np.append(begins[1:], len(begins) > 0)[: len(begins)]] = NOTHING",
        "successors[np.append(begins[1:], len(begins) >= 0)[: len(begins)]] = NOTHING",
    ): "where there are no begins, the slice takes nothing of either",
    (
        "bot/domain/query/folding.py",
        "if len(piece) <= _LONGEST_CACHED:",
        "if len(piece) < _LONGEST_CACHED:",
    ): "one length less is kept in the cache; the folded words are the same",
    **dict.fromkeys(
        (
            ("bot/domain/query/index/index.py", "if size > _MASKS_AT_ONCE:", change)
            for change in (
                "if size >= _MASKS_AT_ONCE:",
                "if size <= _MASKS_AT_ONCE:",
                "if not size > _MASKS_AT_ONCE:",
            )
        ),
        "the masks are unpacked in other portions, which takes more time or memory; the matches are the same",
    ),
    (
        "bot/domain/query/patterns.py",
        "if any(exact) and not all(exact):",
        "if any(exact) or not all(exact):",
    ): "without a pattern the words of the texts are compared, which finds the same and takes longer",
    (
        "bot/domain/query/evaluation.py",
        "if count >= self._limit:",
        "if count > self._limit:",
    ): "a part more is searched; hits over the limit are left out below",
    (
        "bot/domain/quizzes/polls.py",
        "if end > start:",
        "if end >= start:",
    ): "a token without room is taken off the sum, and fits back into it at once when the next one is looked at",
    (
        "bot/domain/gist.py",
        "if len(whole) > GIST_LENGTH:",
        "if len(whole) >= GIST_LENGTH:",
    ): "a gist of just this length is whole either way, and leaves no room for a result",
    (
        "bot/domain/schedule.py",
        "over_midnight = quiet.end < quiet.start",
        "over_midnight = quiet.end <= quiet.start",
    ): "quiet hours that end when they begin are refused where they are read",
    (
        "bot/domain/text.py",
        "last = blank if blank >= 0 else last if farthest < len(text) else len(text)",
        "last = blank if blank > 0 else last if farthest < len(text) else len(text)",
    ): "the blank stands behind what the excerpt is about, so not at the beginning",
    (
        "bot/domain/text.py",
        "first = blank + 1 if blank >= 0 else first if farthest else 0",
        "first = blank + 1 if blank > 0 else first if farthest else 0",
    ): "a text of a paper does not begin with a blank",
    **dict.fromkeys(
        (
            ("bot/domain/text.py", "if not text.isascii():", change)
            for change in ("if not not text.isascii():", "if  text.isascii():")
        ),
        "texts in other scripts have more bytes than characters and go the careful way, which gives the same",
    ),
    (
        "bot/pipeline/circuit_breaker.py",
        "in_topic = receipt.lost_topic is None",
        "in_topic = receipt.lost_topic is not None",
    ): "the mark is compared with earlier marks alone, which are turned round as well",
    (
        "bot/domain/matcher.py",
        "if len(subscription_of) < len(self._owned):",
        "if len(subscription_of) <= len(self._owned):",
    ): "where each subscription has a query, each query has the number of its subscription",
    (
        "bot/domain/query/evaluation.py",
        "search = search_of(atom) if many else None",
        "search = search_of(atom) if not many else None",
    ): "patterns find what the words find; they cost more to make and less to use",
    (
        "bot/domain/query/index/arrays.py",
        "if end > old.mask:",
        "if end >= old.mask:",
    ): "six entries move at a time, so before the last step `end` is even, and the mask is odd",
    (
        "bot/pipeline/vote_counter.py",
        "if person > 0 and not is_private(poll.chat):",
        "if person >= 0 and not is_private(poll.chat):",
    ): "nobody has the number 0: a person's is positive, a chat's negative",
    (
        "bot/domain/papers.py",
        "if not usual and not _PAPER_LINK.search(url):",
        "if not not usual and not _PAPER_LINK.search(url):",
    ): "links that name no paper are looked at more closely, which finds nothing either",
    (
        "bot/pipeline/finder.py",
        "if self._related is not None and self._indexed == window.version:",
        "if self._related is None and self._indexed == window.version:",
    ): "a shortcut: of papers that did not change none is missing in the index",
    **dict.fromkeys(
        (
            (path, "if TYPE_CHECKING:", "if not TYPE_CHECKING:")
            for path in ("bot/domain/matcher.py", "bot/pipeline/finder.py", "bot/pipeline/subscribers.py")
        ),
        "the names are for types; that commands start without numpy is tested with the command line",
    ),
    (
        "bot/pipeline/planning_runs.py",
        "self._waiting = {run: matched for run, matched in self._waiting.items() if run > runs[0].number}",
        "self._waiting = {run: matched for run, matched in self._waiting.items() if run >= runs[0].number}",
    ): "the run that is planned is kept among those that wait, until the next one is looked up",
    (
        "bot/domain/text.py",
        "head = text[: limit - 1]",
        "head = text[: limit + 1]",
    ): "the loop takes off what is too much; it only begins nearer to its end",
    (
        "bot/domain/query/documents.py",
        'if line is None and layer == "folded":',
        'if not line is None and layer == "folded":',
    ): "the part is folded by itself, which gives the same line and takes longer",
    (
        "bot/domain/matcher.py",
        "if subscription.like and owner in self.subscribers",
        "if subscription.like or owner in self.subscribers",
    ): "a subscription without liked papers is near none, and results leave out other subscribers",
    (
        "bot/pipeline/finder.py",
        "if self._related is not None and self._indexed == window.version:",
        "if not self._related is not None and self._indexed == window.version:",
    ): "a shortcut: of papers that did not change none is missing in the index",
    (
        "bot/pipeline/rate_limiter.py",
        "if len(self._targets) > _BUCKETS:",
        "if len(self._targets) >= _BUCKETS:",
    ): "idle windows are dropped one target earlier, and an idle window allows what no window does",
    (
        "bot/pipeline/planning_runs.py",
        "if self._cursor < name <= cursor and name in self.matcher.subscribers",
        "if self._cursor <= name <= cursor and name in self.matcher.subscribers",
    ): "the last one of the part before is marked as onboarded again, with the same subscriptions",
    (
        "bot/pipeline/feeds.py",
        "if matcher is not self._cache_matcher or len(self._cache) > _MOST_CACHED:",
        "if matcher is not self._cache_matcher or len(self._cache) >= _MOST_CACHED:",
    ): "one entry less is kept; entries that are made again are the same",
}
"""Mutants that no test can kill, each with the reason why it changes nothing."""


if __name__ == "__main__":
    sys.exit(main())
