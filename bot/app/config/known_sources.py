"""Known sources of digests, and the choice of one: by number, name, address or folder."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bot.domain.errors import UsageError
from bot.domain.text import nearest

_FILE = "known_sources.yaml"
_CATEGORY = re.compile(r"[a-z-]+(\.[A-Za-z-]{2,})?")
_GIT_HOSTS = frozenset({"github.com", "gitlab.com", "codeberg.org", "gitee.com", "huggingface.co"})


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceEntry:
    """A source for a new configuration; one of `git`, `url` and `watched` is set."""

    name: str
    git: str = ""
    branch: str = ""
    folder: str = ""
    url: str = ""
    watched: str = ""
    """A folder on this machine."""

    @property
    def yaml(self) -> str:
        """An item of `sources:`, as the settings take it; empty for a watched folder."""
        keys = {"git": self.git, "branch": self.branch, "folder": self.folder, "url": self.url}
        if self.watched:
            return ""
        lines = [f"  - name: {self.name}", *(f"    {key}: {text}" for key, text in keys.items() if text)]
        return "\n".join([*lines, "    every: 6h"])


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownSource:
    """A published source and what it brings."""

    source: SourceEntry
    brings: str
    language: str
    ended: str
    """The day of the last digest, if there will be no more; else empty."""

    @property
    def about(self) -> str:
        end = f"; ended {self.ended}, history only" if self.ended else ""
        return f"{self.brings} ({self.language}){end}"


@cache
def known_sources() -> tuple[KnownSource, ...]:
    """The list in the package."""
    from importlib.resources import files

    from ruamel.yaml import YAML

    text = (files("bot.app.config") / _FILE).read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = YAML(typ="safe").load(text)
    return tuple(
        KnownSource(
            source=SourceEntry(
                **{key: row[key] for key in ("name", "git", "branch", "folder", "url") if key in row}
            ),
            brings=row["brings"],
            language=row["language"],
            ended=str(row.get("ended", "")),
        )
        for row in rows
    )


def choose_source(text: str) -> SourceEntry:
    """The source with that number or name (`arxiv:cs.CL` with a category), git or web address, or folder.

    Raises UsageError.
    """
    text = text.strip()
    name, _, category = text.partition(":")
    known = known_sources()
    if text.isdigit():
        if not 0 < int(text) <= len(known):
            raise UsageError(f"there is no source {text}; choose 1 to {len(known)}")
        name, category = known[int(text) - 1].source.name, ""
    by_name = {item.source.name: item.source for item in known}
    if name in by_name:
        return _with_category(by_name[name], category)
    if re.match(r"[a-z+]+://|git@", text):
        return _from_address(text)
    if "/" in text or text.startswith((".", "~")) or Path(text).is_dir():
        return SourceEntry(name=_name_of(text), watched=text)
    near = nearest(text, by_name)
    hint = f"did you mean {near!r}?" if near else "give a folder as ./FOLDER, or an address with https://"
    raise UsageError(f"no known source is called {text!r}; {hint}")


def _with_category(source: SourceEntry, category: str) -> SourceEntry:
    if "CATEGORY" not in source.url:
        if category:
            raise UsageError(f"{source.name} has no categories; write {source.name} alone")
        return source
    if not _CATEGORY.fullmatch(category):
        raise UsageError(f"{source.name} needs a category of arXiv: {source.name}:cs.CL, for example")
    name = f"{source.name}-{category.lower().replace('.', '-')}"
    return SourceEntry(name=name, url=source.url.replace("CATEGORY", category))


def _from_address(text: str) -> SourceEntry:
    if text != "".join(text.split()) or "#" in text:
        raise UsageError(f"{text!r} is no address; write it without blanks and #")
    parts = urlsplit(text.removeprefix("git+"))
    if parts.username and parts.scheme in ("http", "https"):
        raise UsageError(
            "a source's address must not hold a user or a password; put a token into its headers_file"
        )
    segments = [segment for segment in parts.path.split("/") if segment]
    is_git = (
        text.startswith(("git+", "git@", "ssh://", "git://", "file://"))
        or text.endswith(".git")
        or (parts.hostname in _GIT_HOSTS and len(segments) == 2)  # noqa: PLR2004 - owner and repository
    )
    name = _name_of(segments[-1] if segments else parts.hostname or text)
    address = text.removeprefix("git+")
    return SourceEntry(name=name, git=address) if is_git else SourceEntry(name=name, url=address)


def _name_of(text: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", text.lower().removesuffix(".git")).strip("-")
    return words or "digests"
