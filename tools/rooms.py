"""Writes the list of rooms and files into docs/architecture.md, from the first paragraphs of the docstrings.

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
    """The first paragraph of a module's docstring, as one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split()).removesuffix(".").replace("|", "\\|")


def public_names(path: Path) -> list[str]:
    """The public names that a module defines itself, in their order."""
    names = list[str]()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [target.id for target in targets if isinstance(target, ast.Name)]
    return [name for name in names if not name.startswith("_")]


def row(path: Path) -> str:
    """The row of a file; of a package's `__init__.py` the names it defines, and no row where it defines none."""
    what = definition(path)
    if path.name == "__init__.py":
        what = ", ".join(f"`{name}`" for name in public_names(path))
    return f"| `{path.name}` | {what} |\n" if what else ""


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
            rows = [row(path) for path in sorted(folder.glob("*.py"))]
            intro = f"### `{folder.relative_to(root)}/`\n\n{definition(folder / '__init__.py')}.\n"
            parts.append(intro + ("\n| file | |\n|---|---|\n" + "".join(rows) if any(rows) else ""))
    return "\n".join(parts)


def with_rooms(page: str) -> str:
    """The page with the list as it is now."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{rooms()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(with_rooms(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
