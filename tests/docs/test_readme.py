"""The pages: whole, without repetitions, and with links that lead somewhere."""

import re
import tomllib
from itertools import combinations
from pathlib import Path
from typing import get_args

import pytest
from typer.main import get_command

from bot.adapters.telegram.commands import COMMANDS
from bot.app.cli.main import command_line
from bot.app.config.channels import CHANNELS
from bot.domain.delivery import STATES, DeliveryKind

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
README = (ROOT / "README.md").read_text(encoding="utf-8")
REFERENCE = (ROOT / "docs/reference.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return REFERENCE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_cells(table: str) -> str:
    return "\n".join(re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE))


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 112


def test_every_dependency_says_what_it_is_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(name for names in extras.values() for name in names)]
    names = {re.match(r"[\w.-]+", dependency)[0] for dependency in wanted}
    named = set(re.findall(r"[\w.-]+", first_cells(section("Dependencies"))))
    assert names - named == set()
    assert all(f"(extra `{extra}`)" in REFERENCE for extra in extras)


def test_every_command_stands_in_the_reference() -> None:
    program = set(get_command(command_line()).commands)
    assert program - set(re.findall(r"[a-z]+", first_cells(section("Commands")))) == set()


def test_every_chat_command_stands_in_the_reference() -> None:
    assert {f"/{name}" for name in COMMANDS} - set(re.findall(r"/\w+", section("In the chat"))) == set()


def test_every_channel_stands_in_readme_and_reference() -> None:
    assert {kind for kind in CHANNELS if f"| `{kind}` |" not in section("Channels")} == set()
    assert {kind for kind in CHANNELS if f"| `{kind}: " not in README} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_pages_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        if "://" in file:
            continue
        linked = (page.parent / file) if file else page
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_no_path_of_somebodys_machine(page: Path) -> None:
    assert re.findall(r"(?<![\w.])/(?:work|home|root|tmp|Users)/\S*", page.read_text(encoding="utf-8")) == []


_ITEM = re.compile(r"^ *(?:-|\d+\.) (.+(?:\n(?! *(?:-|\d+\.) |\n|#|\||```).+)*)", re.MULTILINE)
SHARED = 0.8


def words(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", text.casefold()))


def repetitions(text: str) -> list[tuple[str, str]]:
    """List items of at least eight words that hold nearly all words of another, by their beginnings."""
    items = [(item[:60], words(item)) for item in _ITEM.findall(text)]
    long = [(item, its_words) for item, its_words in items if len(its_words) >= 8]
    return [
        (first[0], second[0])
        for first, second in combinations(long, 2)
        if len(first[1] & second[1]) >= SHARED * min(len(first[1]), len(second[1]))
    ]


WRITTEN = [page for page in PAGES if page.name != "conversations.md"]  # in conversations answers come again


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_no_two_items_of_a_page_say_the_same(page: Path) -> None:
    assert repetitions(page.read_text(encoding="utf-8")) == []


def test_an_item_that_repeats_another_in_other_order_is_noticed() -> None:
    first = "- A retry waits on the target, not on the row,\n  so nothing overtakes it.\n"
    second = "- So nothing overtakes: a retry waits\n  on the target and not on the row.\n"
    assert len(repetitions(f"{first}- Something else.\n\n## Later\n\n{second}")) == 1


def test_the_lines_of_the_decisions_fit_a_screen() -> None:
    lines = (ROOT / "docs/design.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > 120] == []


def test_the_reference_names_every_kind_and_state_of_a_delivery() -> None:
    life = section("A delivery's life")
    words = {word for span in re.findall(r"`([^`]+)`", life) for word in span.split(" → ")}
    assert {*get_args(DeliveryKind), *STATES} <= words
