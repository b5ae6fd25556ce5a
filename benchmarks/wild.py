"""How well digests of many public repositories are read: ids, titles, other ids and time, family by family.

    python -m benchmarks.wild [FOLDER] [--files]

FOLDER holds `digests/`, `counts.json` and `titles.json` as `../shared/corpus/wild` does. Beside paperboy: a plain
regular expression for ids in links, which knows no titles, and feedparser alone, which reads feeds.
"""

import argparse
import html
import json
import re
import resource
import sys
import time
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.corpus import CORPUS
from bot.adapters.readers import read_closely
from bot.domain.digests import Digest
from bot.domain.papers import linked_id

LINKED = re.compile(
    r"(?:arxiv\.org/(?:abs|pdf|html)/|huggingface\.co/papers/|papers\.cool/arxiv/|ar5iv\S*?/|alphaxiv\.org/\S*?|10\.48550/arxiv\.|arxiv\W{0,3}(?:id)?\W{0,3}:\W{0,4})"
    r"(\d{4}\.\d{4,5})(?!\d)",
    re.IGNORECASE,
)
NUMBER = re.compile(r"(?<![\d.])\d{4}\.\d{4,5}(?!\d)")
WRAPPER = re.compile(
    r"\\(?:text|math)?(?:bf|it|tt|sc|rm|sf|bb|cal|normal|frak|scr)\b|\\(?:emph|textsc|texttt|textsuperscript|operatorname|underline|boldsymbol|bm|text|mathrm|ensuremath|mathds)\b"
)
ONE_PAPER = frozenset({"one-per-file", "yaml"})


def normal(title: str) -> str:
    """A title in the normal form of `titles.json`."""
    text = WRAPPER.sub("", html.unescape(title))
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    text = "".join(char for char in text if not unicodedata.combining(char))
    return " ".join("".join(char if char.isalnum() else " " for char in text).split())


@dataclass
class Score:
    """What was found in some files, against what stands in them."""

    files: int = 0
    linked: int = 0
    found: int = 0
    titled: int = 0
    right: int = 0
    invented: int = 0
    others: int = 0
    others_found: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    bytes: int = 0
    unread: list[str] = field(default_factory=list)

    def add(self, other: "Score") -> None:
        for name in (
            "files",
            "linked",
            "found",
            "titled",
            "right",
            "invented",
            "others",
            "others_found",
            "seconds",
            "bytes",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.slowest = max(self.slowest, other.slowest)
        self.unread += other.unread


def papers_of(digest: Digest | None) -> dict[str, str]:
    return {entry.id: entry.title for entry in digest.entries} if digest else {}


def score_of(path: Path, count: dict[str, object], titles: dict[str, list[str]], *, show: bool) -> Score:
    """One file's score. Of a file on one paper that one counts; elsewhere every id that stands in a link."""
    data = path.read_bytes()
    began = time.process_time()
    digest = read_closely(data, name=str(count["path"])).digest
    seconds = time.process_time() - began
    text = data.decode(errors="replace")
    found = {
        name.removeprefix("arxiv:"): title
        for name, title in papers_of(digest).items()
        if name.startswith("arxiv:")
    }
    linked = set(LINKED.findall(text))
    wanted = min(1, int(str(count["linked"]))) if count["family"] in ONE_PAPER else int(str(count["linked"]))
    checkable = {number: title for number, title in found.items() if number in titles}
    wrong = {number: title for number, title in checkable.items() if normal(title) not in titles[number]}
    unlinked = found.keys() - linked  # most are linked, and each search goes through the whole text
    upper = text.upper() if unlinked else ""
    invented = [number for number in unlinked if number.upper() not in upper]
    got = {entry.id for entry in digest.entries} if digest else set()
    got |= {
        other
        for entry in (digest.entries if digest else ())
        for link in entry.links.other
        if (other := linked_id(link))
    }
    counted = sum(dict(count["other"]).values())  # type: ignore[call-overload]
    if show:
        missing = sorted(linked - set(found))
        if (missing and wanted > 1) or wrong or invented or (not found and wanted) or len(found) < wanted:
            print(
                f"-- {count['file']}: {digest.kind if digest else None} {len(found)} of {wanted} (regex {len(linked)})"
            )
            print("   missing", len(missing), missing[:6], "invented", invented[:5])
            for number, title in list(wrong.items())[:6]:
                print(f"   {number} {title[:110]!r}\n        not {titles[number][0][:110]!r}")
    return Score(
        files=1,
        linked=wanted,
        found=min(
            len([number for number in found if number in linked] if len(linked) == wanted else found), wanted
        ),
        titled=len(checkable),
        right=len(checkable) - len(wrong),
        invented=len(invented),
        others=counted,
        others_found=min(
            len({other for other in got if not other.startswith(("arxiv:", "title:"))}), counted
        ),
        seconds=seconds,
        slowest=seconds,
        bytes=len(data),
        unread=[] if digest and digest.entries else [str(count["file"])],
    )


def score(folder: Path, *, show: bool = False) -> dict[str, Score]:
    """The scores of all families, and of everything under `all`."""
    counts = json.loads((folder / "counts.json").read_text("utf-8"))
    titles = json.loads((folder / "titles.json").read_text("utf-8"))
    scores: dict[str, Score] = defaultdict(Score)
    for count in counts:
        score = score_of(folder / "digests" / count["file"], count, titles, show=show)
        scores[count["family"]].add(score)
        scores["all"].add(score)
    return dict(scores)


def rivals(folder: Path) -> list[str]:
    """A plain regular expression over every file, and feedparser over the feeds."""
    import feedparser

    paths = sorted(path for path in (folder / "digests").rglob("*") if path.is_file())
    began = time.process_time()
    numbers = [set(LINKED.findall(path.read_text("utf-8", errors="replace"))) for path in paths]
    plain = time.process_time() - began
    feeds = [path for path in paths if path.suffix == ".xml"]
    began = time.process_time()
    items = [entry for path in feeds for entry in feedparser.parse(path.read_bytes()).entries]
    parsed = time.process_time() - began
    named = [entry for entry in items if linked_id(entry.get("link", ""))]
    return [
        f"regular expression    {sum(map(len, numbers)):6} ids, no titles, {plain:5.2f} s",
        f"feedparser, {len(feeds)} feeds  {len(named):6} ids with titles, {parsed:5.2f} s; 0 of the other {len(paths) - len(feeds)} files",
    ]


def share(part: int, whole: int) -> str:
    return f"{100 * part / whole:6.2f} %" if whole else "       –"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=CORPUS / "wild")
    parser.add_argument("--files", action="store_true", help="what is missing or wrong, file by file")
    options = parser.parse_args()
    if not options.folder.is_dir():
        sys.exit(f"no digests: {options.folder} does not exist")
    scores = score(options.folder, show=options.files)
    print(
        f"{'family':20} {'files':>5} {'MB':>5} {'ids':>6} {'found':>8} {'titles':>7} {'right':>8} {'invented':>8} {'other ids':>14} {'s':>6} {'slowest':>7}"
    )
    for family, counts in sorted(scores.items(), key=lambda item: (item[0] == "all", item[0])):
        print(
            f"{family:20} {counts.files:5} {counts.bytes / 1e6:5.1f} {counts.linked:6} {share(counts.found, counts.linked)} {counts.titled:7} "
            f"{share(counts.right, counts.titled)} {counts.invented:8} {counts.others:5} {share(counts.others_found, counts.others)} {counts.seconds:6.2f} {counts.slowest:7.2f}"
        )
    for line in rivals(options.folder):
        print(line)
    for name in scores["all"].unread:
        print(f"no paper found: {name}")
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at most")


if __name__ == "__main__":
    main()
