"""Hatchling metadata hook: the README as the package index shows it, without what leads into the repository alone.

The index knows no relative addresses: a picture would be broken, and a link lead nowhere.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_RELATIVE = r"\((?!https?://|#)[^()\s]*\)"
_PICTURE = re.compile(rf"^!\[[^\]]*\]{_RELATIVE}\n+", re.MULTILINE)
_LINK = re.compile(rf"(?<!!)\[([^\]]+)\]{_RELATIVE}")


def description(readme: str) -> str:
    """The Markdown without relative pictures, and with the words of relative links alone."""
    return _LINK.sub(r"\1", _PICTURE.sub("", readme))


class Description(MetadataHookInterface):
    """Gives the project its description."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the description, which pyproject.toml calls dynamic."""
        readme = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": description(readme)}
