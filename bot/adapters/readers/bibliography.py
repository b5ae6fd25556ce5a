"""Reads bibliographies: BibTeX by bibtexparser, RIS by rispy. CSL-JSON is JSON, and read as such."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bot.adapters.readers.document import MAX_PAPERS, DigestText, Findings, any_date
from bot.adapters.readers.record import Record, record_of
from bot.domain.digests import Digest
from bot.domain.errors import DigestTooLarge, NotADigest

_BIBTEX = re.compile(
    r"^\s*@(?:article|misc|inproceedings|unpublished|techreport|book|online|incollection|phdthesis|proceedings|preprint|conference)\s*\{",
    re.IGNORECASE | re.MULTILINE,
)
_RIS = re.compile(r"\A\s*TY  - \w+", re.MULTILINE)
_BRACES = re.compile(r"(?<!\\)[{}]")
_BLOCK_START = re.compile(r"^\s*@\w+\s*\{", re.MULTILINE)
_BARE_LINK = re.compile(r"(?:www\.)?(?:doi|arxiv)\.org/\S+$", re.IGNORECASE)
MAX_BLOCK = 200_000
MAX_BLOCKS = 2 * MAX_PAPERS
"""Entries, macros and comments."""


def recognises_bibtex(document: DigestText) -> int:
    """3 where the first thing after comments is an entry of BibTeX."""
    match = _BIBTEX.search(document.text[:20_000])
    head = document.text[: match.start()] if match else ""
    remarks = all(line.startswith(("#", "%", "@", "---")) for line in head.split("\n") if line.strip())
    return 3 if match and (remarks or not re.search(r"^#|\]\(", head, re.MULTILINE)) else 0


def recognises_ris(document: DigestText) -> int:
    """3 where the document begins with a type of reference."""
    return 3 if _RIS.match(document.text) else 0


def read_bibtex(document: DigestText) -> Digest:
    """The entries of a BibTeX file as papers. Entries are parsed one by one: one without an end loses nothing else."""
    import logging

    from bibtexparser.entrypoint import parse_string

    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
    findings = Findings(document)
    for line, block in _blocks(document.text):
        if len(block) > MAX_BLOCK:
            findings.note(line, "an entry without an end, left out")
            continue
        parsed = parse_string(block)
        if not parsed.entries:
            if not block.lower().startswith(("@comment", "@string", "@preamble")):
                findings.note(line, "an entry that is not whole, left out")
            continue
        for entry in parsed.entries:
            fields = {field.key.lower(): _BRACES.sub("", str(field.value)) for field in entry.fields}
            _take(_bibtex_record(fields), findings, line)
    if not len(findings):
        raise NotADigest("BibTeX without papers")
    return findings.loose_digest("bibtex", date=any_date(document.name))


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """(line, entry) from each `@` at the beginning of a line to the next."""
    starts = [match.start() for match in _BLOCK_START.finditer(text)]
    if len(starts) > MAX_BLOCKS:
        raise DigestTooLarge(f"more than {MAX_BLOCKS:,} entries of BibTeX; split the file")
    line, at = 1, 0
    for start, stop in zip(starts, [*starts[1:], len(text)], strict=False):
        begin = start + len(text[start:stop]) - len(text[start:stop].lstrip())
        line += text.count("\n", at, begin)
        at = begin
        yield line, text[begin:stop].strip()


def _bibtex_record(fields: Mapping[str, str]) -> Record | None:
    given = dict(fields)
    if "author" in given:
        given["authors"] = " ; ".join(map(_in_order, re.split(r"\s+and\s+", given.pop("author"))))
    if (
        given.get("eprint")
        and given.get("archiveprefix", given.get("eprinttype", "arxiv")).lower() != "arxiv"
    ):
        del given["eprint"]
    if "primaryclass" in given:
        given.setdefault("categories", given.pop("primaryclass"))
    if re.fullmatch(r"\d{4}", given.get("year", "")) and given.get("month", ""):
        given["date"] = (
            f"{given['month'][:3]} 1, {given['year']}"
            if given["month"].isalpha()
            else f"{given['year']}-{given['month']:0>2}-01"
        )
    given = {key: value for key, value in given.items() if key != "year"}
    bare = [f"https://{value}" for value in given.values() if _BARE_LINK.match(value)]
    if bare and "url" not in given:
        given["url"] = bare[0]
    return record_of(given, cited=True)


def _in_order(name: str) -> str:
    """`Poe, Ann` as `Ann Poe`."""
    family, comma, given = name.partition(",")
    return f"{given.strip()} {family.strip()}" if comma else name


def _take(record: Record | None, findings: Findings, line: int) -> None:
    entry = record.entry() if record else None
    if entry is None:
        findings.pass_over(line, "a reference without a title")
    else:
        findings.take(entry, line=line)


def read_ris(document: DigestText) -> Digest:
    """The references of a RIS file as papers."""
    import rispy

    findings = Findings(document)
    line = 1
    for block in re.split(r"(?<=\n)(?=TY  - )", document.text):
        try:
            references: list[dict[str, Any]] = rispy.loads(
                block if "\nER  -" in block else block.rstrip() + "\nER  - \n"
            )
        except (OSError, ValueError, KeyError) as error:
            findings.note(line, f"a reference that is not whole, left out: {error}")
            references = []
        for reference in references:
            fields = {
                key: value
                for key, value in reference.items()
                if key not in {"id", "notes", "year", "secondary_title"}
            }
            names = fields.pop("authors", None) or fields.pop("first_authors", None)
            if names:
                fields["authors"] = [_in_order(name) for name in names]
            fields["title"] = reference.get("title") or reference.get("primary_title")
            fields["comment"] = reference.get("secondary_title") or reference.get("journal_name")
            _take(record_of(fields, cited=True), findings, line)
        line += block.count("\n")
    if not len(findings):
        raise NotADigest("RIS without papers")
    return findings.loose_digest("ris", date=any_date(document.name))
