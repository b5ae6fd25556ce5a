"""Writes the list of rooms and files into docs/architecture.md, from the first lines of the docstrings.

python -m tools.rooms
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/architecture.md"
BEGIN, END = "<!-- rooms: python -m tools.rooms -->\n", "<!-- end of rooms -->\n"
LAYERS = ("domain", "pipeline", "adapters", "app")


def definition(path: Path) -> str:
    """The first line of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0].removesuffix(".").replace("|", "\\|")


def folders(layer: Path) -> Iterator[Path]:
    """The packages of a layer, its own first."""
    yield layer
    for path in sorted(layer.iterdir()):
        if path.is_dir() and (path / "__init__.py").exists():
            yield from folders(path)


def rooms(root: Path = ROOT) -> str:
    """A heading for each package, and a row for each of its files."""
    parts = []
    for layer in LAYERS:
        for folder in folders(root / "bot" / layer):
            rows = [
                f"| `{path.name}` | {definition(path)} |\n"
                for path in sorted(folder.glob("*.py"))
                if path.name != "__init__.py"
            ]
            intro = f"### `{folder.relative_to(root)}/`\n\n{definition(folder / '__init__.py')}.\n"
            parts.append(intro + ("\n| file | |\n|---|---|\n" + "".join(rows) if rows else ""))
    return "\n".join(parts)


def with_rooms(page: str) -> str:
    """The page with the list as it is now."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{rooms()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(with_rooms(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
