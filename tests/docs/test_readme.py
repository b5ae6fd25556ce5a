"""README.md and docs/reference.md: whole, short, and with links that lead somewhere."""

import re
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from bot.adapters.telegram.commands import COMMANDS
from bot.app.cli.main import command_line
from bot.app.config.channels import CHANNELS

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
