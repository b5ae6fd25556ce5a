"""docs/architecture.md: its walks lead through files and functions that exist, and its list of files is whole.

And CONTRIBUTING.md: it tells where each module of domain and pipeline is tested.
"""

import ast
import re
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

from tools.rooms import BEGIN, END, LAYERS, rooms

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
# The most files of each walk: of its numbered steps, and of these with what is also on the way. The second figure is
# what somebody opens who leaves nothing out; a channel's key takes the files beside the walk in place of its last step.
LONGEST = {
    "From a digest's file event to its outbox row": (17, 22),
    "From an outbox row to sent and settled": (16, 20),
    "From `/quiz` to a planned row": (12, 17),
    "From `quiz.per_day` in the YAML to its use": (7, 11),
}
_STEP = re.compile(
    r"^(?P<number>\d+)\. `(?P<file>[^:`]+)(?:: (?P<names>[^`]+))?` – (?P<adds>.+)", re.MULTILINE
)


_ASIDE = re.compile(r"^- `(?P<file>[^:`]+)(?:: (?P<names>[^`]+))?` – (?P<adds>.+)", re.MULTILINE)


def walk_text(title: str) -> str:
    return PAGE.partition(f"### {title}\n")[2].partition("\n##")[0]


def steps(title: str) -> list[re.Match[str]]:
    return list(_STEP.finditer(walk_text(title)))


def asides(title: str) -> list[re.Match[str]]:
    """The files that are "also on the way"."""
    return list(_ASIDE.finditer(walk_text(title).partition("\nAlso on the way")[2]))


@cache
def names_in(file: str) -> frozenset[str]:
    """Everything that a module defines at its top, and methods as `Class.method`."""
    names = set[str]()
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            functions = (
                part for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)
            )
            names.update(f"{node.name}.{function.name}" for function in functions)
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(target.id for target in targets if isinstance(target, ast.Name))
    return frozenset(names)


@pytest.mark.parametrize("title", LONGEST)
def test_a_walk_leads_through_files_and_functions_that_exist(title: str) -> None:
    missing = [
        f"{step['file']}: {name}"
        for step in (*steps(title), *asides(title))
        for name in (step["names"] or "").split(", ")
        if not (ROOT / step["file"]).is_file() or (name and name not in names_in(step["file"]))
    ]
    assert missing == []


@pytest.mark.parametrize(("title", "most"), LONGEST.items(), ids=LONGEST)
def test_a_walk_is_short_and_its_steps_are_numbered(title: str, most: tuple[int, int]) -> None:
    walk = steps(title)
    files = {step["file"] for step in walk}
    assert 5 <= len(files) <= most[0]
    assert len(files | {aside["file"] for aside in asides(title)}) <= most[1]
    assert [int(step["number"]) for step in walk] == list(range(1, len(walk) + 1))


@pytest.mark.parametrize("title", LONGEST)
def test_files_beside_a_walk_are_listed_whole_and_are_no_steps_of_it(title: str) -> None:
    beside = [aside["file"] for aside in asides(title)]
    assert len(beside) == len(re.findall("^- ", walk_text(title), re.MULTILINE))
    assert len(set(beside)) == len(beside)
    assert set(beside).isdisjoint(step["file"] for step in steps(title))


def test_the_page_says_how_many_files_each_walk_has() -> None:
    rows = re.findall(r"^\| .+ \| (\d+) \| (\d+)( for a key of a channel)? \|$", PAGE, re.MULTILINE)
    counted = [(len(steps(title)), len(steps(title)) + len(asides(title))) for title in LONGEST]
    assert counted == [(int(walk), int(whole) + bool(instead)) for walk, whole, instead in rows]


def test_the_walks_of_the_page_are_those_that_are_counted() -> None:
    section = PAGE.partition("\n## Walks\n")[2].partition("\n## ")[0]
    assert re.findall(r"^### (.+)$", section, re.MULTILINE) == list(LONGEST)


def test_the_table_of_what_the_state_keeps_names_every_interface_and_only_files_that_exist() -> None:
    rows = re.findall(
        r"^\| ([^|]+) \|([^|]*)\|([^|]*)\|([^|]*)\|$", PAGE.partition("\n## Walks\n")[0], re.MULTILINE
    )
    folders = [ROOT / "bot" / folder.strip(" `") for folder in rows.pop(0)[1:]]
    named = [
        [folder / file for file in re.findall("`([^`]+)`", cell)]
        for row in rows
        for folder, cell in zip(folders, row[1:], strict=True)
    ]
    assert [str(path) for paths in named for path in paths if not path.exists()] == []
    interfaces = set(chain.from_iterable(named)) & set(folders[1].iterdir())
    assert interfaces == set(folders[1].glob("*.py"))


def test_every_file_stands_in_its_room_with_what_it_is() -> None:
    """Where this fails: python -m tools.rooms."""
    assert PAGE.partition(BEGIN)[2].partition(END)[0].strip() == rooms().strip()


def test_the_list_of_files_has_whole_definitions_and_packages_that_define_something(tmp_path: Path) -> None:
    for layer in LAYERS:
        (tmp_path / "bot" / layer).mkdir(parents=True)
        (tmp_path / "bot" / layer / "__init__.py").write_text(f'"""Layer {layer}."""\n')
    (tmp_path / "bot/domain/papers.py").write_text('"""Papers: what digests\nname.\n\nMore."""\n')
    with (tmp_path / "bot/app/__init__.py").open("a") as package:
        package.write(
            "import os\n\n__all__ = ('run',)\n_HERE = 1\nLIMIT: int = 2\n\n\ndef run() -> None: ...\n"
        )
    rows = re.findall(r"^\| `(.+?)` \| (.+) \|$", rooms(tmp_path), re.MULTILINE)
    assert rows == [("papers.py", "Papers: what digests name"), ("__init__.py", "`LIMIT`, `run`")]


def test_every_module_of_domain_and_pipeline_has_a_test_of_its_name_or_is_listed_with_its_tests() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `((?:domain|pipeline)/[^`]+\.py)` \| (.+) \|$", guide, re.MULTILINE))
    modules = {
        path.relative_to(ROOT / "bot")
        for layer in ("domain", "pipeline")
        for path in (ROOT / "bot" / layer).rglob("*.py")
        if path.name != "__init__.py"
    }
    untested = {
        str(module)
        for module in modules
        if not (ROOT / "tests" / module.with_name(f"test_{module.name}")).exists()
    }
    interfaces = {module for module in untested if module.startswith("pipeline/ports/")}
    assert untested - interfaces <= listed.keys() <= untested
    files = [file for tests in listed.values() for file in re.findall("`([^`]+)`", tests)]
    assert [file for file in files if not (ROOT / "tests" / file).exists()] == []
