"""The words of the project: docs/glossary.md is what a reader may rely on."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from bot.adapters.store.schema import metadata
from bot.domain.delivery import DeliveryKind

ROOT = Path(__file__).parents[2]
GLOSSARY = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
FOLDERS = ("bot", "benchmarks", "tests", "tools")
MODULES = sorted((ROOT / "bot").rglob("*.py"))
PAGES = [
    page
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
    if page.exists() and page.name != "glossary.md"
]
FILLERS = {
    "one",
    "some",
    "each",
    "theirs",
    "mine",
    "those",
    "found",
    "given",
    "held",
    "said",
    "shown",
    "taken",
    "wanted",
    "which",
    "it",
    "thing",
}
"""Names that say nothing of what a loop is over."""
DATA = {"bot/domain/query/folding.py": {"shelf"}}
"""Replaced words that are no names there: the list of irregular plurals has them."""
ALIAS = re.compile(r"_?[A-Z](?=.*[a-z])[A-Za-z0-9]*")
"""The form of a type's name, which constants in capitals do not have."""
RIDDLES = ("What ", "Who ", "Whoever ", "Where", "See the port")
PREPOSITIONS = (
    "As ",
    "At ",
    "By ",
    "For ",
    "From ",
    "In ",
    "None ",
    "Of ",
    "On ",
    "So ",
    "To ",
    "Up ",
    "With ",
)
"""Beginnings of a docstring that describes instead of defining."""


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes_of(tree: ast.AST) -> tuple[ast.AST, ...]:
    """Everything in a module, walked through once for all tests."""
    return tuple(ast.walk(tree))


def section(title: str) -> str:
    return GLOSSARY.partition(f"## {title}\n")[2].partition("\n## ")[0]


def words_of(title: str) -> set[str]:
    """The words of the first column of the section's first table."""
    table = section(title).partition("| not | but |\n")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)
    words = {word.strip() for row in rows for word in row.split(",")}
    return {word for word in words if word.isalpha()}


REPLACED = words_of("Words that were replaced")
NO_NAMES = REPLACED | words_of("Words that are no names")
PRONOUNS = {"one", "some", "theirs", "mine", "those"}


@cache
def parts(name: str) -> set[str]:
    """The words of an identifier, in the singular as well."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    lower = {word.lower() for word in words} | {name.strip("_").lower()}
    return lower | {word.removesuffix("s") for word in lower}


def refused(text: str) -> set[str]:
    """The replaced words that stand in a text."""
    words = {word.lower() for word in re.findall(r"[A-Za-z]+", text)}
    return (words | {word.removesuffix("s") for word in words}) & REPLACED


@cache
def names_in(tree: ast.AST) -> tuple[tuple[int, str], ...]:
    """(line, identifier) of everything that a module names."""
    return tuple(_names_in(tree))


def _names_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in nodes_of(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr


@cache
def bad_parts(name: str) -> set[str]:
    """The words of a name that no name may have. The name of a test is a sentence, which may have plain English words."""
    return parts(name) & (REPLACED if name.startswith("test_") else NO_NAMES)


def pronouns_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, identifier) of what a module itself calls by a pronoun; attributes may be those of a library."""
    foreign = {node.attr for node in nodes_of(tree) if isinstance(node, ast.Attribute)}
    return (
        (line, name) for line, name in names_in(tree) if name.strip("_") in PRONOUNS and name not in foreign
    )


def log_events(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, event) of what a module logs."""
    for node in nodes_of(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            event = node.args[0]
            if ast.unparse(node.func.value) in ("log", "self._log") and isinstance(event, ast.Constant):
                yield node.lineno, event.value


def targets_of_loops(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, name) of each variable that a loop or a comprehension binds."""
    for node in nodes_of(tree):
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            for target in ast.walk(node.target):
                if isinstance(target, ast.Name):
                    yield target.lineno, target.id


def classes_in(tree: ast.Module) -> Iterator[str]:
    return (node.name for node in nodes_of(tree) if isinstance(node, ast.ClassDef))


def aliases_in(tree: ast.Module) -> Iterator[str]:
    """The names of types that a module assigns. A TypeVar is none: it stands for another type at each use."""
    conditional = (node for block in tree.body if isinstance(block, ast.If) for node in block.body)
    for node in (*tree.body, *conditional):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            (target, *_) = node.targets if isinstance(node, ast.Assign) else [node.target]
            is_variable = isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "TypeVar"
            if isinstance(target, ast.Name) and ALIAS.fullmatch(target.id) and not is_variable:
                yield target.id


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    return {str(path.relative_to(ROOT)): tree_of(path) for path in MODULES}


def test_every_term_has_one_definition() -> None:
    terms = [
        term.strip()
        for title in (
            "Digests and papers",
            "Subscribers and matching",
            "Channels and deliveries",
            "Quizzes",
            "The program",
        )
        for row in re.findall(r"^\| ([^|]+) \| [^|]+\.? ?\|", section(title), re.MULTILINE)
        if row not in ("term", "---")
        for term in row.split(",")
    ]
    assert len(terms) > 60
    assert len(set(terms)) == len(terms)


def test_the_kinds_of_deliveries_are_those_of_the_program() -> None:
    (kinds,) = re.findall(r"^\| delivery \| .* Kinds: ([^.]+)\. \|$", GLOSSARY, re.MULTILINE)
    assert sorted(kinds.split(", ")) == sorted(get_args(DeliveryKind))


def test_the_list_of_replaced_words_is_read() -> None:
    assert {"parcel", "herald", "roster", "crowd"} <= REPLACED
    assert parts("OutgoingParcels") & REPLACED == {"parcel"}
    assert parts("landed_at") & REPLACED == {"landed"}
    assert refused("It is in the shelves of the courier.") == {"courier"}
    assert {"place", "pace", "story"} <= NO_NAMES - REPLACED
    assert bad_parts("place_of") == {"place"}
    assert bad_parts("test_a_place_is_named") == set()
    assert "batch" not in NO_NAMES  # the table below says what it means


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_module_is_called_by_a_replaced_word(folder: str) -> None:
    modules = sorted((ROOT / folder).rglob("*.py"))
    assert [str(path) for path in modules if parts(path.stem) & NO_NAMES] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_class_function_or_variable_is_called_by_a_replaced_word(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, name in names_in(tree_of(path))
        if bad_parts(name)
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_nothing_is_called_by_a_pronoun(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, name in pronouns_in(tree_of(path))
    ]
    assert wrong == []


def test_no_table_or_column_is_called_by_a_replaced_word() -> None:
    names = [
        name
        for table in metadata.tables.values()
        for name in (table.name, *(f"{table.name}.{column.name}" for column in table.columns))
    ]
    assert [name for name in names if parts(name) & NO_NAMES] == []


def test_no_log_event_is_called_by_a_replaced_word(trees: dict[str, ast.Module]) -> None:
    events = [(file, *event) for file, tree in trees.items() for event in log_events(tree)]
    assert len(events) > 50
    assert [event for event in events if parts(event[2]) & NO_NAMES] == []


def test_no_text_of_the_program_holds_a_replaced_word(trees: dict[str, ast.Module]) -> None:
    """Docstrings, log events, messages, help."""
    wrong = [
        f"{file}:{node.lineno} {sorted(refused(node.value))}"
        for file, tree in trees.items()
        for node in nodes_of(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and refused(node.value) - DATA.get(file, set())
    ]
    assert wrong == []


def test_no_comment_holds_a_replaced_word() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{number} {sorted(refused(comment))}"
        for path in MODULES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (comment := line.partition("#")[2]) and refused(comment)
    ]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_holds_a_replaced_word(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [
        f"{number}: {sorted(refused(line))}" for number, line in enumerate(lines, 1) if refused(line)
    ] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_loop_variables_are_nouns(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, name in targets_of_loops(tree_of(path))
        if name in FILLERS
    ]
    assert wrong == []


def test_a_class_or_alias_name_means_one_thing(trees: dict[str, ast.Module]) -> None:
    homes = defaultdict(list)
    for file, tree in trees.items():
        for name in [*classes_in(tree), *aliases_in(tree)]:
            homes[name.lstrip("_")].append(file)
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}


def test_aliases_are_seen_as_names() -> None:
    tree = ast.parse(
        "Kind = Literal['a']\nState: TypeAlias = int | str\n_Id = NewType('_Id', str)\n"
        "if TYPE_CHECKING:\n    Scope = Mapping[str, int]\n"
        "MOST = 3\nlog = logger()\n_T = TypeVar('_T')\n_Row = TypeVar('_Row', bound=Mapping)\n"
    )
    assert list(aliases_in(tree)) == ["Kind", "State", "_Id", "Scope"]


def test_docstrings_define(trees: dict[str, ast.Module]) -> None:
    wrong = []
    for file, tree in trees.items():
        for node in nodes_of(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node) or ""
                if text.startswith((*RIDDLES, *PREPOSITIONS)):
                    wrong.append(f"{file}:{getattr(node, 'lineno', 1)} {text.splitlines()[0]}")
    assert wrong == []


def test_chinese_readers_are_spoken_to_in_one_way() -> None:
    texts = (path for kind in ("*.py", "*.html") for path in (ROOT / "bot").rglob(kind))
    assert [path.name for path in texts if "您" in path.read_text(encoding="utf-8")] == []
