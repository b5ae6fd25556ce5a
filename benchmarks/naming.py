"""How often a later paper that says a saved one's short name means it: pairs of public digests, labelled by hand.

    python -m benchmarks.naming [FOLDER [LABELS]]

FOLDER holds `digests/` as `../shared/corpus/wild` does; LABELS is a file of pairs, by default `tests/data/naming_wild.txt`. The
pairs of `tests/data/naming_fields.txt` are of repositories of many fields; those whose papers FOLDER lacks are left out.
"""

import sys
from collections import defaultdict
from pathlib import Path

from bot.adapters.readers import read_digest
from bot.domain.analysis.short_names import papers_naming
from bot.domain.digests import merge
from bot.domain.errors import DigestError
from bot.domain.papers import Paper, PaperId

LABELS = Path(__file__).parents[1] / "tests" / "data" / "naming_wild.txt"


def main(folder: str = "../shared/corpus/wild", file: str = str(LABELS)) -> None:
    """Print precision and recall, and the pairs that are wrong."""
    papers: dict[PaperId, Paper] = {}
    for path in sorted(file for file in (Path(folder) / "digests").rglob("*") if file.is_file()):
        try:
            digest = read_digest(path.read_bytes(), name=path.name)
        except DigestError:
            continue
        for entry in digest.entries:
            papers[entry.id] = merge(papers.get(entry.id), entry, digest=path.name, day=digest.date)
    labels: dict[PaperId, dict[str, bool]] = defaultdict(dict)
    for line in Path(file).read_text().splitlines():
        if line.startswith("#"):
            continue
        saved, other, _, answer = line.split()
        if saved in papers and other in papers:
            labels[PaperId(saved)][other] = answer == "yes"
    right, wrong, missed = 0, [], []
    for saved, answers in labels.items():
        named = {paper.id for paper in papers_naming(papers[saved], papers.values())}
        right += sum(answer for other, answer in answers.items() if other in named)
        wrong += [(saved, other) for other, answer in answers.items() if other in named and not answer]
        missed += [(saved, other) for other, answer in answers.items() if other not in named and answer]
    print(
        f"{right} right, {len(wrong)} wrong, {len(missed)} missed of {sum(map(len, labels.values()))} pairs"
    )
    print(
        f"precision {right / ((right + len(wrong)) or 1):.1%}, recall {right / ((right + len(missed)) or 1):.1%}"
    )
    for verdict, pairs in (("wrong", wrong), ("missed", missed)):
        print(f"{verdict}: " + ", ".join(f"{saved} by {other}" for saved, other in pairs))


if __name__ == "__main__":
    main(*sys.argv[1:3])
