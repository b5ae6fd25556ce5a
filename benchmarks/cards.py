"""What is left uncleaned on the cards of real papers, and how well their gists tell them.

    python -m benchmarks.cards [FOLDER] [--show RULE]

FOLDER holds digests in any of its subfolders, as `../shared/corpus` does. Every paper of every file is made a card in
English and in Chinese, once as the file has it and once merged over all files; each text of a card goes by the rules below.
"""

import argparse
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from benchmarks.corpus import CORPUS
from bot.adapters.readers import read_digest
from bot.domain.card import Card, card_of, text_of
from bot.domain.digests import merge
from bot.domain.errors import DigestTooLarge, NotADigest
from bot.domain.gist import GIST_LENGTH
from bot.domain.message import Item
from bot.domain.papers import Paper, PaperId
from bot.domain.text import DANGLING, sentences

RULES = {
    "list residue": re.compile(
        r"^\W{0,3}(?:i{1,3}|iv|v|[a-e])\)\s|^1[.)]\s|^(?!.*[:,;] \(?i\) ).*[.?!]\s(?:ii|iii|iv|b|c)\)\s+[A-Z]"
    ),
    "markup": re.compile(r"\*\*[^*\s][^*]*\*\*|(?<!`)`[^`\s][^`]*`|\]\(https?:|</?(?:b|i|strong|em|sub|sup|br|p|code|span)\b[^>]*>"),
    "LaTeX": re.compile(
        r"\\(?:text|math|bf|it|frac|sqrt|emph|times|alpha|beta|gamma|pi|sigma|cdot|left|right|le|ge|sim|approx|in|to|mathbb|mathcal|operatorname)\w*\b(?!\\)"
        r"|\$[^$\s]{0,40}[\\^_{}][^$]{0,80}\$"
    ),
    "chatter": re.compile(
        r"^(?:sure|okay|certainly|here(?:'s|’s| is| are)|below is|the following is)\b.{0,80}\b(?:summary|guideline|overview)"
        r"|\bfollow.?up questions?\b\s*:|\byour (?:specified |strict )?guidelines\b", re.IGNORECASE
    ),
    "head": re.compile(r"^\W{0,3}(?:(?:one|1)-line )?(?:summary|overview)\b\s*[:：]", re.IGNORECASE),
}  # fmt: skip
GIST_RULES = {
    "gist: paper introduces": re.compile(
        r"^(?:in )?(?:this|the) (?:research )?(?:paper|work|study|article)\b.{0,40}\b(?:introduc|present|propos)", re.IGNORECASE
    ),
    "gist: label": re.compile(r"^.{0,40}[:：]$|^(?:objective|results?|methodology|summary)\s*:", re.IGNORECASE),
    "gist: one word": re.compile(r"^[!-\u2e7f]+$"),
}  # fmt: skip


def papers_of(folder: Path) -> Iterator[tuple[str, Paper]]:
    """(name of the top folder, a paper as one file has it), then ("merged", the paper over all files)."""
    merged: dict[PaperId, Paper] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path.parent == folder or path.name in {"counts.json", "titles.json"}:
            continue
        group = path.relative_to(folder).parts[0]
        try:
            digest = read_digest(path.read_bytes(), name=path.name)
        except (NotADigest, DigestTooLarge):
            continue
        for entry in digest.entries:
            name, day = f"{group}/{path.name}", digest.date or entry.date
            yield group, merge(None, entry, digest=name, day=day)
            if group != "flat":
                merged[entry.id] = merge(merged.get(entry.id), entry, digest=name, day=day)
    yield from (("merged", paper) for paper in merged.values())


def texts_of(card: Card) -> Iterator[tuple[str, str]]:
    """(name of the field, its text) of everything that a card shows."""
    yield "title", card.title_text
    yield "gist", card.gist_text
    yield from (("point", text_of(point.text)) for point in card.points)
    yield from (("label", point.label) for point in card.points)
    yield from (("summary", text_of(summary.text)) for summary in card.summaries)
    yield from (("author", text_of(author)) for author in card.authors)


def broken_rules(card: Card) -> Iterator[tuple[str, str]]:
    """(rule, the text that breaks it)."""
    for _, text in texts_of(card):
        for rule, pattern in RULES.items():
            if pattern.search(text):
                yield rule, text
    gist = card.gist_text
    for rule, pattern in GIST_RULES.items():
        if gist and pattern.search(gist):
            yield rule, gist
    if len(gist) > GIST_LENGTH:
        yield "gist: too long", gist
    last = gist.rstrip(" .…").rpartition(" ")[2].strip("(“\"'").lower()
    if " " in gist and last in DANGLING and gist.endswith("…"):
        yield "gist: dangling", gist
    if gist and gist[-1] not in '.?!…。？！"”)」』':
        yield "gist: no full stop", gist
    if any(source.endswith((".md", ".html", ".txt", ".json")) for source in card.sources):
        yield "source: a file", ", ".join(card.sources)


def quality(card: Card) -> str:
    """The class of the card's gist."""
    gist = card.gist_text
    if not gist:
        return "none (only a title is known)" if not card.points and not card.summaries else "none"
    if gist.endswith("…"):
        return "cut"
    return "what and what came out" if len(sentences(gist)) > 1 else "what"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=CORPUS)
    parser.add_argument("--show", metavar="RULE", help="print what breaks that rule")
    options = parser.parse_args(arguments)
    if not options.folder.is_dir():
        print(f"cards: no digests in {options.folder}; name their folder", file=sys.stderr)
        return 1
    broken: dict[str, Counter[str]] = defaultdict(Counter)
    classes: dict[str, Counter[str]] = defaultdict(Counter)
    cards: Counter[str] = Counter()
    seconds = 0.0
    for group, paper in papers_of(options.folder):
        for language in ("en", "zh"):
            began = time.perf_counter()
            card = card_of(Item(paper=paper), language=language)
            seconds += time.perf_counter() - began
            cards[group] += 1
            if language == "en":
                classes[group][quality(card)] += 1
            for rule, text in broken_rules(card):
                broken[rule][group] += 1
                if options.show == rule:
                    print(f"{paper.id}  {text}")
    groups = list(cards)
    print(f"{'':28}" + "".join(f"{group:>10}" for group in groups))
    print(f"{'cards (en and zh)':28}" + "".join(f"{cards[group]:>10}" for group in groups))
    every = (*RULES, *GIST_RULES, "gist: too long", "gist: dangling", "gist: no full stop", "source: a file")
    for rule in every:
        print(f"{rule:28}" + "".join(f"{broken[rule][group]:>10}" for group in groups))
    print("\nGists, in English")
    for name in sorted({name for counter in classes.values() for name in counter}):
        print(f"{name:28}" + "".join(f"{classes[group][name]:>10}" for group in groups))
    print(
        f"\n{sum(cards.values()):,} cards in {seconds:.1f} s, {1e6 * seconds / max(sum(cards.values()), 1):.0f} µs each"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
