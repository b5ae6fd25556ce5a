"""Items: the pieces of an outline that are about one paper each, and the records and entries that they make."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from bot.adapters.readers.document import Findings, any_date
from bot.adapters.readers.outline import MANY_PAPERS, REPEATED, Block, TextRun, is_label
from bot.adapters.readers.record import (
    Record,
    in_two_languages,
    key_of,
    language_of_text,
    role_of,
    text_ids,
    text_urls,
)
from bot.adapters.readers.rows import LineFinder
from bot.adapters.readers.titles import (
    LABELLED,
    MIN_TITLE,
    begins_bold,
    is_chrome,
    is_field,
    is_reference,
    is_said,
    leaf_titles,
    looks_like_names,
    own_titles,
    plain_title,
    tidy_title,
    without_labels,
    words_of_lead,
)
from bot.domain.errors import NotADigest
from bot.domain.papers import PaperId, folded_title, linked_id
from bot.domain.text import one_line

_CLASS_ROLES = (
    (re.compile(r"author", re.IGNORECASE), "authors"),
    (re.compile(r"abstract|summary(?!-)|(?:^|-)summary", re.IGNORECASE), "summary"),
    (re.compile(r"(?:^|[\s_-])(?:date|published|pubdate)(?:\s|$)", re.IGNORECASE), "published"),
    (re.compile(r"(?:^|[\s_-])(?:categor(?:y|ies)|subjects?|tags?)(?:\s|$)", re.IGNORECASE), "categories"),
)
_ET_AL = re.compile(r"(?:^|[,|]\s*|\*\*\s*)([^,|*\[\]:]{3,60})\s+et\.?\s?al\b")
_REMARK = re.compile(r"[(\[（][^()\[\]（）]{1,40}[)\]）]")
"""Words in brackets behind a title: `(CVPR 2031 Oral)`."""
_PARTS = re.compile(r"\s+[|·•│]\s+|\s*｜\s*|\u00a0+\||\t+")
MAX_LABEL = 60
MAX_DAY = 40
MAX_ORIGINAL = 250
MIN_LED = 3
"""Bold paragraphs before papers that tell that such are titles."""
MIN_GROUPS = 3
"""Groups between rules that tell whether rules part papers."""
MAX_RUNS = 2_000
"""Of one paragraph that are looked at for links."""
LONG = 120
"""Characters from which a text without a label may be the paper's summary."""
_SOFTWARE = re.compile(
    r"(?:\W*\d*[.)]?\s*)(?:how to )?(?:install(?:ation|ing)?(?: instructions)?|usage|use|getting started|quick ?start|requirements|prerequisites|contribut(?:e|ing|ors?)(?: guide)?|licen[sc]e|"
    r"citations?|citing(?: .{1,40})?|cite(?: us)?|dependencies|training|train|evaluation|inference|configuration|development|faq|set ?up|api(?: reference)?|docker|deployment|examples?|"
    r"demo|model zoo|checkpoints|models?|datasets?|data preparation|changelog|acknowledge?ments?|installation guide|how it works|project structure|features?|environment variables|local development|architecture|troubleshooting|roadmap|secrets|安装|使用方法|使用说明|使用|本地运行|本地开发|快速上手|项目结构|目录结构|功能特性|主要功能|环境变量|常见问题|インストール|使い方|ライセンス|セットアップ|設定|クイックスタート|설치|설치 방법|사용법|사용 방법|빠른 시작|라이선스|기여|快速开始|配置|部署|许可证?|引用|贡献|常见问题)(?: (?:and|&) .{1,30})?\W*",
    re.IGNORECASE,
)
_CODE = re.compile(r"^\s{0,3}(?:```|~~~)", re.MULTILINE)
_AROUND = " .:#*🔧🚀📦📖🛠💡"
_ARTICLE = re.compile(
    r"(?:[\divx.]+\s*)?(?:abstract|introduction|related works?|background|methods?|methodology|results|experiments|discussion|conclusions?|references|bibliography|acknowledge?ments?)",
    re.IGNORECASE,
)
_ITEM_TAGS = frozenset({"li", "tr"})
_LOOSE_TAGS = frozenset({"p", "text", "blockquote", "details", "ul", "ol"})
"""Blocks that do not hold a whole paper: what belongs to it may stand before and after."""
_CLOSED_TAGS = frozenset({"section", "li", "tr", "ul", "ol", "table", "group", "footer"})


@dataclass(kw_only=True, slots=True)
class OutlineItem:
    """A piece of the outline about one paper."""

    paper: PaperId
    blocks: list[Block]
    """What belongs to it, in reading order."""
    line: int
    heading: Block | None = None
    """The heading that is this paper's, if one is."""
    inner: Block | None = None
    """The row or list item around its first link."""
    also: tuple[PaperId, ...] = ()
    """Ids of other kinds under which the same paper stands there."""


@dataclass(kw_only=True, slots=True)
class Items:
    """Finds the items of an outline."""

    bold_leads: bool = False
    """True where bold paragraphs are the titles of what follows them."""
    found: list[OutlineItem] = field(default_factory=list)
    passed_over: list[tuple[int, str]] = field(default_factory=list)

    def collect(self, block: Block) -> None:
        """Find the items in the block: one where it names one paper, else those in its parts."""
        if not block.papers:
            return
        if len(block.papers) == 1 and block.tag == "section" and self._is_led(block.children):
            self._children(block)
        elif len(block.papers) == 1:
            self._add(next(iter(block.papers)), [block], block.line)
        elif (block.tag in _ITEM_TAGS or block.runs) and (ids := _ids_of_one(block)):
            self._add(ids[0], [block], block.line, also=ids[1:])
        elif block.tag == "section":
            self._section(block)
        elif block.runs:
            self._line_items(block)
        elif block.tag == "tr":
            self._row(block)
        else:
            self._children(block)

    def _section(self, section: Block) -> None:
        heading = section.heading
        own = [child for child in section.children if child.tag != "section"]
        below = [child for child in section.children if child.tag == "section"]
        named = next(iter(heading.papers), None) if heading else None
        first = next(iter(next((child.papers for child in own if child.papers), ())), None)
        if (
            named is None
            and first is not None
            and heading is not None
            and not is_chrome(heading)
            and not _is_table(own)
            and not self._titled(own, first)
        ):
            named = first
        if named is None:
            self._children(section)
            return
        rest = below
        if heading and heading.papers:
            rest = [child for child in below if not (child.heading and child.heading.papers)]
        also = () if rest != below else _ids_of_one(section)
        blocks = [*own, *(child for child in below if child in rest)]
        self._add(named, blocks, section.line, heading, also=tuple(paper for paper in also if paper != named))
        for child in below:
            if child.heading is not None and child.heading.papers:
                self.collect(child)
            elif not also:
                self._mention(child, named)

    def _titled(self, blocks: list[Block], paper: PaperId) -> bool:
        """True where the paper has a title of its own beside its first link: in its row, list item or paragraph."""
        for index, block in enumerate(blocks):
            if paper in block.papers:
                around = _outermost(block, paper)
                inner = _innermost(around, paper)
                if any(True for _ in own_titles(around, paper, plain=False)):
                    return True
                if inner.tag in _ITEM_TAGS and plain_title(inner):
                    return True
                if any(leaf.level and not is_chrome(leaf) for leaf in around.leaves()):
                    return True
                if self._is_led(blocks[: index + 1]):
                    return True
                parted = block.tag in {"ul", "ol"} and sum(bool(part.papers) for part in blocks) > 2
                return bool(parted and index and _title_distance(blocks[index - 1 : index]))
        return False

    def _is_led(self, blocks: list[Block]) -> bool:
        """True where a bold title stands right before the first block that names papers."""
        index = next((index for index, block in enumerate(blocks) if block.papers), 0)
        if not self.bold_leads or index == 0:
            return False
        return leads(blocks[index - 1], blocks[index]) or _leads_itself(blocks[index])

    def _row(self, row: Block) -> None:
        for paper in row.papers:
            titled = sum(1 for _ in own_titles(row, paper, plain=False, links_only=True))
            if titled or paper == next(iter(row.papers)):
                self._add(paper, [row], row.line)
            else:
                self.passed_over.append((row.line, f"{paper} is named in the row of another paper"))

    def _line_items(self, block: Block) -> None:
        """A paragraph that names several papers: one a line, else those whose links are titles, else the first."""
        lines = list(_lines_of(block))
        if len(lines) > 1 and sum(bool(line.papers) for line in lines) > 1:
            grouped: list[Block] = []
            for line in lines:
                if line.papers or not grouped:
                    grouped.append(line)
                else:
                    grouped[-1].runs = [*grouped[-1].runs, TextRun("\n"), *line.runs]
            for line in grouped:
                self.collect(line)
            return
        for index, paper in enumerate(block.papers):
            if index == 0 or any(True for _ in own_titles(block, paper, plain=False, links_only=True)):
                self._add(paper, [block], block.line)
            else:
                self.passed_over.append((block.line, f"{paper} is mentioned in the text on another paper"))

    def _children(self, block: Block) -> None:
        children = _without_groups(block.children)
        below = 0
        leads = False  # a title stands before its link, as one did before
        begun = False  # and a number and a day before the title
        for index, child in enumerate(children):
            if not child.papers:
                continue
            if child.tag not in _LOOSE_TAGS or len(child.papers) > 1:
                self.collect(child)
                below = index + 1
                continue
            paper = next(iter(child.papers))
            start, stop = index, index + 1
            if not any(True for _ in own_titles(child, paper, plain=False)):
                start -= _title_distance(children[below:index])
                first = not leads and start < index
                leads = leads or start < index
                if (first or begun) and start < index:
                    start -= _number_and_day(children[below:start])
                    begun = begun or (start < index and _number_and_day(children[start : start + 1]) > 0)
            while (
                stop < len(children) and not children[stop].papers and children[stop].tag not in _CLOSED_TAGS
            ):
                if leads and (begins_bold(children[stop]) or _is_labelled_title(children[stop])):
                    stop -= _number_and_day(children[index + 1 : stop]) if begun else 0
                    break
                stop += 1
            self._add(paper, children[start:stop], children[start].line)
            below = stop

    def _mention(self, block: Block, owner: PaperId) -> None:
        for paper in block.papers:
            if paper != owner:
                self.passed_over.append((block.line, f"{paper} is mentioned in the text on {owner}"))

    def _add(
        self,
        paper: PaperId,
        blocks: list[Block],
        line: int,
        heading: Block | None = None,
        also: tuple[PaperId, ...] = (),
    ) -> None:
        inner = next((_innermost(block, paper) for block in blocks if paper in block.papers), None)
        self.found.append(
            OutlineItem(paper=paper, blocks=blocks, line=line, heading=heading, inner=inner, also=also)
        )


def _is_table(blocks: list[Block]) -> bool:
    """True where the first papers stand in a table that has several in rows of their own, below names of columns."""
    block = next((block for block in blocks if block.papers), None)
    if block is None or block.tag not in {"table", "thead", "tbody"}:
        return False
    rows = [row for part in block.children for row in (part, *part.children) if row.tag == "tr"]
    return sum(bool(row.papers and row.columns) for row in rows) > 1


def leads(block: Block, following: Block) -> bool:
    """True for a paragraph that is bold as a whole and like a title, before one with a paper or a list about it."""
    return (
        block.tag == "p"
        and not block.papers
        and following.tag in {"p", "ul", "ol"}
        and len(following.papers) == 1
        and begins_bold(block)
        and all(run.bold or not is_said(run) or _REMARK.fullmatch(run.text.strip()) for run in block.runs)
    )


def _leads_itself(block: Block) -> bool:
    """True for a paragraph about one paper that begins with its bold title in a line of its own."""
    return (
        block.tag == "p" and bool(block.runs) and len(block.papers) == 1 and words_of_lead(block) > MIN_TITLE
    )


def _bold_leads(block: Block) -> bool:
    """True where bold paragraphs lead papers side by side somewhere in the block."""
    led = sum(leads(*pair) or _leads_itself(pair[1]) for pair in pairwise(block.children))
    return led >= MIN_LED or any(map(_bold_leads, block.children))


def _ids_of_one(block: Block) -> tuple[PaperId, ...]:
    """The ids of the one paper that the block is about, each of another kind; empty where it names several papers.

    The first is the one whose link is its title. `[Paper](https://doi.org/…) [arXiv](https://arxiv.org/…)` is one paper.
    Behind a bold title several DOIs are too: those of the preprint, of the journal, and of its supplement.
    """
    enough = words_of_lead(block)
    kinds = [paper.partition(":")[0] for paper in block.papers if not (enough and paper.startswith("doi:"))]
    if len(set(kinds)) < len(kinds):
        return ()
    titled: dict[PaperId, None] = {}
    for leaf in block.leaves():
        for occurrence in leaf.found:
            named = occurrence.strong and occurrence.text and not is_label(occurrence.text)
            if named and not is_reference(occurrence.text, enough):
                if len(occurrence.text.split()) < MIN_TITLE:
                    return ()
                titled[occurrence.paper] = None
    if len(titled) > 1:
        return ()
    return tuple(dict.fromkeys((*titled, *block.papers)))


def _without_groups(blocks: list[Block]) -> list[Block]:
    """The blocks, where rules part the pieces of one paper rather than papers, without the groups that they make."""
    groups = [block for block in blocks if block.tag == "group"]
    named = sum(bool(group.papers) for group in groups)
    if named < MIN_GROUPS or named * 3 > len(groups) * 2:
        return blocks
    return [part for block in blocks for part in (block.children if block.tag == "group" else [block])]


def _title_distance(before: list[Block]) -> int:
    """How many blocks before the link the paper's title stands; 0 where none of them is like a title."""
    for distance, block in enumerate(reversed(before[-6:]), 1):
        if block.tag == "section":
            return 0
        if begins_bold(block) or _is_labelled_title(block):
            return distance
    nearest = before[-1] if before else None
    if nearest is None or nearest.tag == "section":
        return 0
    if nearest.tag in {"ul", "ol"}:
        return int(bool(nearest.children) and bool(plain_title(nearest.children[-1])))
    text = nearest.text
    return int(nearest.tag in {"p", "text", "div"} and 8 < len(text) < 300 and not LABELLED.match(text))


def _number_and_day(before: list[Block]) -> int:
    """How many blocks at the end are nothing but a number or a day, with which the next paper begins."""
    count = 0
    for block in reversed(before):
        text = block.text
        if (
            block.level
            or not text[:1].isdigit()
            or not (text.isdigit() or (len(text) < MAX_DAY and any_date(text)))
        ):
            break
        count += 1
    return count


def _is_labelled_title(block: Block) -> bool:
    """True for a paragraph that says itself that it is a title: `Title: …`."""
    labelled = LABELLED.match(block.text) if block.runs else None
    return labelled is not None and role_of(labelled[1].strip())[0] == "title" and bool(labelled[2])


def _outermost(block: Block, paper: PaperId) -> Block:
    """The largest block around the paper's first link that names no other paper."""
    while len(block.papers) > 1 and not (block.tag in _ITEM_TAGS and _ids_of_one(block)):
        child = next((child for child in block.children if paper in child.papers), None)
        if child is None:
            return block
        block = child
    return block


def _innermost(block: Block, paper: PaperId) -> Block:
    """The row or outermost list item, else the paragraph, around the paper's first link."""
    while True:
        if block.tag in _ITEM_TAGS or block.runs:
            return block
        child = next((child for child in block.children if paper in child.papers), None)
        if child is None:
            return block
        block = child


def _lines_of(block: Block) -> Iterator[Block]:
    """The lines of a paragraph as blocks of their own."""
    line = Block(tag="li" if block.tag == "li" else "text", line=block.line)
    names = [(paper, paper.partition(":")[2]) for paper in block.papers]
    count = 0
    for run in block.runs:
        pieces = run.text.split("\n")
        for index, piece in enumerate(pieces):
            if index:
                if line.runs:
                    yield _named(line, names)
                count += 1
                line = Block(tag=line.tag, line=block.line + count)
            if piece.strip() or run.href:
                line.runs.append(run._replace(text=piece))
    if line.runs:
        yield _named(line, names)


def _named(line: Block, names: list[tuple[PaperId, str]]) -> Block:
    """The line with those of the papers that stand in it; `names` are the papers with what their links hold."""
    hrefs = {run.href for run in line.runs if run.href}
    linked = set(map(linked_id, hrefs))
    written = "\0".join((*hrefs, "".join(run.text for run in line.runs))).lower()
    line.papers = dict.fromkeys(paper for paper, name in names if name in written or paper in linked)
    return line


def records(items: list[OutlineItem]) -> Iterator[tuple[OutlineItem, Record]]:
    """Each item with its record. Of several headings around a paper its own is of the level that most papers' are."""
    levels = Counter(
        level for item in items for level in ({item.heading.level} if item.heading else _heading_levels(item))
    )
    usual = max(levels, key=lambda level: (levels[level], level), default=0)
    for item in items:
        record = Record()
        own = _own(item)
        loose = _take_fields(item, record, [item.inner] if own and item.inner is not None else item.blocks)
        title, translations = _title(item, record, own, usual, alone=len(items) == 1)
        if title:
            pairs = [(language_of_text(title), title), *translations, *record.titles]
            known = {title}
            record.titles = pairs[:1]
            for language, text in pairs[1:]:
                if text not in known and language != record.titles[0][0]:
                    known.add(text)
                    record.titles.append((language, text))
        _take_loose(loose, record, title)
        record.points = [
            (language, point)
            for language, point in record.points
            if folded_title(f"{point.label} {point.text}") != folded_title(title)
        ]
        _leave_out_others(record, item)
        record.ids[:0] = [item.paper, *item.also]
        if own and item.inner is not None:
            item.line = item.inner.line
        yield item, record


def _leave_out_others(record: Record, item: OutlineItem) -> None:
    """Take out what the fields name of other papers that stand in the item."""
    others = {paper for block in item.blocks for paper in block.papers} - {item.paper, *item.also}
    if others:
        record.ids = [paper for paper in record.ids if paper not in others]
        record.urls = [url for url in record.urls if linked_id(url) not in others]


def _own(item: OutlineItem) -> list[tuple[int, str]]:
    """The titles in the item's own row or list item; empty where it has none, and what is around it counts."""
    inner = item.inner
    if inner is None or inner.tag not in _ITEM_TAGS or item.heading is not None:
        return []
    return list(own_titles(inner, item.paper, plain=True))


def _heading_levels(item: OutlineItem) -> set[int]:
    return {heading.level for heading in _headings(item) if heading.name != REPEATED}


def _headings(item: OutlineItem) -> list[Block]:
    return [leaf for block in item.blocks for leaf in block.leaves() if leaf.level]


def _title(
    item: OutlineItem, record: Record, own: list[tuple[int, str]], usual: int, *, alone: bool
) -> tuple[str, list[tuple[str, str]]]:
    """The item's title, and its translations as (language, title)."""
    if any(language == "en" for language, _ in record.titles):
        return record.title, []
    candidates = [(1, title) for _, title in record.titles]
    candidates += own or list(_around(item, usual, alone=alone))
    if not candidates:
        return "", []
    ranked = sorted(candidates, key=lambda candidate: candidate[0])
    best = ranked[0][1]
    if pair := in_two_languages(best):
        return pair[0][1], pair[1:]
    if language_of_text(best) == "en":
        return best, []
    original = next(
        (
            text
            for rank, text in ranked
            if rank <= 4 and language_of_text(text) == "en" and len(text.split()) > 1
        ),
        None,
    )
    original = original or _original_below(item, best)
    return (original, [(language_of_text(best), best)]) if original else (best, [])


def _original_below(item: OutlineItem, translated: str) -> str:
    """The English title right below the heading that is its translation; empty where there is none."""
    leaves = [leaf for block in item.blocks for leaf in block.leaves()]
    for heading, below in pairwise(leaves):
        if heading.level and tidy_title(heading.text) == translated:
            text = one_line(below.text)
            fits = len(text.split()) >= MIN_TITLE and len(text) < MAX_ORIGINAL and not LABELLED.match(text)
            plain = language_of_text(text) == "en" and not text.endswith(".") and not looks_like_names(text)
            return tidy_title(text) if fits and plain and not below.found else ""
    return ""


def _around(item: OutlineItem, usual: int, *, alone: bool) -> Iterator[tuple[int, str]]:
    """Titles in everything that belongs to the item."""
    headings = [item.heading] if item.heading else _headings(item)
    own = set(map(id, headings))
    leaves = [leaf for block in item.blocks for leaf in block.leaves()]
    for leaf in sorted(leaves, key=lambda leaf: item.paper not in leaf.papers):  # beside the link first
        if not leaf.level:
            yield from leaf_titles(leaf, item.paper)
        elif id(leaf) in own:
            yield from ((rank, text) for rank, text in leaf_titles(leaf, item.paper) if rank != 5)
    fitting = [heading for heading in headings if not is_chrome(heading)]
    best = (
        _title_of_page(item, fitting)
        if alone
        else next((heading for heading in fitting if heading.level == usual), None)
    )
    best = best or next(iter(fitting), None)
    if best is not None:
        yield 4, tidy_title(without_labels(best))
    if item.inner is not None and item.heading is None and (text := plain_title(item.inner)):
        yield 7, text
    if best is None and item.blocks[0] is not item.inner and (text := plain_title(item.blocks[0])):
        yield 8, text


def _title_of_page(item: OutlineItem, headings: list[Block]) -> Block | None:
    """The title of a page about one paper: the last of its highest headings before the paper's link (the first are the site's)."""
    highest = [heading for heading in headings if heading.level == min(other.level for other in headings)]
    if len(highest) < 2:
        return None
    leaves = [leaf for block in item.blocks for leaf in block.leaves()]
    link = next((index for index, leaf in enumerate(leaves) if item.paper in leaf.papers), len(leaves))
    before = {id(leaf) for leaf in leaves[: link + 1]}
    return next((heading for heading in reversed(highest) if id(heading) in before), None)


def _take_fields(item: OutlineItem, record: Record, blocks: list[Block]) -> list[str]:
    """Fill the record from labels, columns and classes; returns the texts that have none of these."""
    pending = ""
    loose: list[str] = []
    properties = {id(cell) for block in blocks for row in _property_rows(block) for cell in row.children}
    for block in blocks:
        if block.tag == "tr" and block is item.inner:
            _take_row(block, record, item.paper)
            continue
        for leaf in block.leaves():
            _take_links(leaf, record, item.paper)
            if leaf is item.heading:
                continue
            if leaf.tag in {"td", "th"}:
                pending = _take_property(leaf, record, pending) if id(leaf) in properties else ""
                continue
            for line in _lines_of(leaf) if any("\n" in run.text for run in leaf.runs) else (leaf,):
                pending = _take_line(line, leaf, record, pending, loose)
    return loose


def _take_links(leaf: Block, record: Record, paper: PaperId) -> None:
    """Take the leaf's links: the paper's own, and those to no paper."""
    for run in leaf.runs[:MAX_RUNS]:
        urls = text_urls(run.text) if not run.href else [run.href] if "://" in run.href else []
        record.urls += [url for url in urls if url not in record.urls and linked_id(url) in {paper, None}]


def _property_rows(block: Block) -> Iterator[Block]:
    """Rows that say a property each: a label and its value. Others are of tables of something else, such as results."""
    if block.tag == "tr":
        tags = [cell.tag for cell in block.children]
        if len(tags) == 2 or tags == ["th", "td"] * (len(tags) // 2):
            yield block
        return
    for child in block.children:
        yield from _property_rows(child)


def _take_property(cell: Block, record: Record, pending: str) -> str:
    """A cell of a table of properties inside an item: the label of the next cell, or what the last one labels."""
    text = one_line("".join(run.text for run in cell.runs))
    if pending:
        if cell.tag == "td" or role_of(pending)[0] != "point":  # else two columns of results
            record.add(pending, text, label=pending)
        return ""
    name = tidy_title(text) or text
    return name.rstrip(":：") if role_of(name)[0] not in {"", "link"} else ""


def _take_loose(loose: list[str], record: Record, title: str) -> None:
    """Take summary and authors from texts without labels: the longest may be the summary, one of the first the authors."""
    texts = [text for text in loose if title not in text]
    longest = max((text for text in texts if not looks_like_names(text)), key=len, default="")
    if not record.summaries and len(longest) >= LONG:
        record.add_text("summary", longest)
    if not record.authors and title:
        behind = [text.partition(title)[2].strip(" ()（）,，.*_-–—|·") for text in loose if title in text]
        names = next((text for text in [*behind, *texts[:6]] if text and looks_like_names(text)), None)
        if names:
            record.add_text("authors", names)
    record.urls = record.urls[:30]


def _take_row(row: Block, record: Record, paper: PaperId) -> None:
    for index, cell in enumerate(row.children):
        column = tidy_title(row.columns[index]) or row.columns[index] if index < len(row.columns) else ""
        text = " ".join(
            "".join(run.text for run in leaf.runs) for leaf in cell.leaves() if leaf.tag != "summary"
        )
        for leaf in cell.leaves():
            record.urls += [
                run.href for run in leaf.runs if "://" in run.href and linked_id(run.href) in {paper, None}
            ]
        role = role_of(column)[0] if column else ""
        if role == "code":
            code = next(
                (
                    run.href
                    for leaf in cell.leaves()
                    for run in leaf.runs
                    if run.href and linked_id(run.href) is None
                ),
                None,
            )
            record.code = record.code or code
        elif role and role not in {"title", "link", "id"}:
            record.add(column, text, label=column)
        elif not role and not column and record.published is None and len(text) < 30:
            record.published = any_date(text)
        if not role and not record.authors and "et" in text and len(text) < 120 and _ET_AL.search(text):
            record.add_text("authors", text)
        if not role and len(text) > LONG:
            record.add_text("summary", text)


def _take_line(line: Block, leaf: Block, record: Record, pending: str, loose: list[str]) -> str:
    """Take one line in; returns the label that waits for the next line's text."""
    text = one_line(_with_colons(line.runs))
    if not text:
        return pending
    if len(text) <= MAX_LABEL and not LABELLED.match(text) and _stands_as_label(line, leaf):
        name = tidy_title(text).rstrip(":：")
        if role_of(name)[0]:
            return name
        if leaf.level:
            return ""
    waits = ""
    for piece in _PARTS.split(text) if len(text) < 600 else (text,):
        labelled = LABELLED.match(piece)
        if labelled and _take_labelled(line, labelled, record):
            waits = "" if _rest_of(labelled) else labelled[1]
        elif pending and record.add(pending, piece, label=pending):
            pending = ""
        else:
            _take_piece(piece, leaf, record, loose)
    return waits


def _with_colons(runs: list[TextRun]) -> str:
    """The runs' text, with a colon after bold words that are a label without one: `**Date** 2031-05-05 | **Score** 9`."""
    text = ""
    for index, run in enumerate(runs):
        behind = runs[index + 1].text.lstrip() if index + 1 < len(runs) and not runs[index + 1].bold else ""
        begins = not text.strip() or text.rstrip()[-1] in "|｜·•"
        stripped = run.text.strip()
        if (
            run.bold
            and not run.href
            and begins
            and len(stripped) <= MAX_LABEL
            and not stripped.endswith((":", "："))
            and behind[:1].isalnum()
            and role_of(stripped)[0] not in {"", "title", "link"}
        ):
            text += f"{stripped}: "
        else:
            text += run.text
    return text


def _stands_as_label(line: Block, leaf: Block) -> bool:
    """True for a heading, the summary of details, a term, or a line that is bold as a whole."""
    return bool(leaf.level) or leaf.tag in {"summary", "dt"} or all(run.bold for run in line.runs)


def _take_piece(piece: str, leaf: Block, record: Record, loose: list[str]) -> None:
    """Take in a text without a label: by its class, or as one of those that are told apart later."""
    role = (
        next((role for pattern, role in _CLASS_ROLES if pattern.search(leaf.name)), "") if leaf.name else ""
    )
    if role:
        record.add_text(role, piece)
        return
    matched = _ET_AL.search(piece) if not record.authors and len(piece) < 1500 else None
    if matched:
        record.add_text("authors", matched[1])
    loose.append(piece)
    if record.published is None and len(piece) < 400:
        record.published = any_date(piece)


def _rest_of(labelled: re.Match[str]) -> str:
    """The text behind a label, without the same label once more: `Subjects: Subjects: cs.AI`."""
    again = LABELLED.match(labelled[2])
    return (again[2] if again and key_of(again[1]) == key_of(labelled[1]) else labelled[2]).strip()


def _take_labelled(line: Block, labelled: re.Match[str], record: Record) -> bool:
    label, rest = labelled[1].strip(), _rest_of(labelled)
    role = role_of(label)[0] or ("link" if any(map(str.isalpha, label)) and is_label(label) else "")
    if role and not is_field(role, rest) and rest:
        return False
    if role == "link" and not text_ids(rest):
        return True
    if role:
        if rest:
            if role == "code":
                href = next((run.href for run in line.runs if run.href and linked_id(run.href) is None), rest)
                rest = href
            record.add(label, rest, label=label)
        return True
    first = next((run for run in line.runs if run.text.strip()), None)
    if (
        first is not None
        and first.bold
        and label
        and label in one_line(first.text)
        and 20 <= len(rest) <= 5000
        and not first.href
    ):
        record.add_text_point(label, rest)
        return True
    return False


def merged(pairs: Iterator[tuple[OutlineItem, Record]]) -> list[tuple[int, Record]]:
    """One record a paper with its line: what stands in several places is put together, the better title wins."""
    known: dict[PaperId, tuple[int, Record]] = {}
    for item, record in pairs:
        paper = item.paper
        if paper in known:
            line, first = known[paper]
            if not first.titles or (
                record.titles and len(folded_title(record.title)) > 2 * len(folded_title(first.title))
            ):
                first.titles = record.titles + first.titles
                known[paper] = (line if first.titles else item.line, first)
            first.fill(record)
        else:
            known[paper] = (item.line, record)
    return list(known.values())


def take_outline(top: Block, findings: Findings, text: str) -> list[OutlineItem]:
    """Add an entry for each paper of the outline to the findings."""
    items = Items(bold_leads=_bold_leads(top))
    items.collect(top)
    parts = REPEATED if len(top.papers) >= MANY_PAPERS else None  # of texts on papers: `Dataset`, `Model`
    headings = [leaf.text for leaf in top.leaves() if leaf.level and leaf.name != parts]
    papers = len({item.paper for item in items.found if item.paper not in findings}) + len(findings)
    refuse_other_texts(headings, papers, text)
    finder = LineFinder(text)
    for line, record in merged(records(items.found)):
        entry = record.entry(findings.near)
        index = line if line > 1 else finder.line(record.ids[0].partition(":")[2])
        if entry is None:
            findings.pass_over(index, f"{record.id} has no title near it")
        else:
            findings.take(entry, line=index)
    for line, what in items.passed_over:
        findings.pass_over(line, what)
    for leaf in top.leaves():
        for occurrence in leaf.found:
            if not occurrence.strong and occurrence.paper not in findings:
                findings.pass_over(occurrence.line, f"{occurrence.paper} is mentioned in a text")
    return items.found


def refuse_other_texts(headings: list[str], papers: int, text: str) -> None:
    """Raise NotADigest for a project's README and for a paper's full text, which name papers but list none."""
    software = {
        heading.casefold()
        for heading in headings
        if len(heading) < 40 and _SOFTWARE.fullmatch(heading.strip(_AROUND))
    }
    examples = len(_CODE.findall(text)) // 2
    few = papers <= 3 or (len(software) > 2 and papers <= 5 * len(software)) or examples > max(2, papers // 2)
    if len(software) >= 2 and few:
        raise NotADigest(f"the description of a project: {', '.join(sorted(software)[:3])}")
    article = {heading.casefold() for heading in headings if _ARTICLE.fullmatch(heading.strip(_AROUND))}
    if len(article) >= 4 and any("introduction" in heading for heading in article):
        raise NotADigest("the full text of a paper")
