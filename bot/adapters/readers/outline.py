"""Outline: a marked-up document as a tree of blocks, with the papers that each block names."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote

from bot.adapters.readers.document import DigestText, NotThisKind
from bot.adapters.readers.record import key_of, text_ids, text_urls
from bot.domain.errors import DigestTooLarge
from bot.domain.papers import PaperId, linked_id, title_id
from bot.domain.text import one_line

MAX_BLOCKS = 250_000
MAX_LEVELS = 120
"""Of blocks in blocks; what nests deeper is read as if it stood beside."""
MAX_ATTRIBUTES = 5_000
"""Of one tag: the parser compares each with all before it."""
_LONG_TAG = re.compile(r"<[a-zA-Z][^<]{10000,}")
_VALUE = re.compile(r"\"[^\"]*\"|'[^']*'")
MIN_FILES = 3
MAX_FOOTER, SHORT = 3, 300
"""Paragraphs of a footer, and characters of each."""
MAX_OCCURRENCES = 500
"""Of papers in one paragraph."""
NEAR = 40
"""Runs around a link that tell whether it stands in a sentence."""
_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_INLINE = frozenset(
    "a abbr b bdi bdo big cite code data del dfn em font i ins kbd label mark math q s samp small span strike strong sub sup time tt u var "
    "img nobr center picture".split()
)
_ROWS = frozenset({"thead", "tbody", "tr"})
_BOLD = frozenset({"b", "strong"})
_ITALIC = frozenset({"em", "i"})
_SKIPPED = frozenset(
    "script style noscript template svg pre iframe select textarea canvas video audio object head button form".split()
)
_LOCAL_ID = re.compile(r"(?:^|/)(\d\d(?:0[1-9]|1[0-2])\.\d{4,5})(?:v\d+)?(?=[-_./ ]|$)")
_SIGN = re.compile(
    r"(?:\]\(|href=.)[^()\s\"']{0,200}\d{4}\.\d{4,5}|rxiv|10\.\d{4,9}/|openreview|aclanthology|pubmed|europepmc|nber\.org|ssrn|nature\.com/articles|\]\([^()\s:]{1,200}\.md\)",
    re.IGNORECASE,
)
_FILE_NAME = re.compile(r"[^/\\\0:]{1,200}\.(?:md|markdown|html?|json|ya?ml|txt|org)", re.IGNORECASE)
_BACK_MATTER = frozenset(
    "references reference bibliography relatedwork relatedpapers relatedlinks citation citations citing cite acknowledgements acknowledgments "
    "furtherreading furtherlinks 参考文献 相关论文 相关工作 関連論文 引用 相关链接 相关推荐 参考 참고문헌 license changelog contributing installation".split()
)
_LABELS = frozenset(
    "pdf abs arxiv link links html paper papers code github project page website site web read more full text fulltext view here doi huggingface "
    "hf abstract download source url slides slide video blog tweet demo model models dataset data openreview pubmed 论文 链接 原文 代码 查看 下载 阅读 "
    "详情 リンク 論文 링크 논문 kimi alphaxiv scholar bibtex back top comments twitter discuss the on at to this in of original arxivorg open see 原文链接 "
    "论文链接 论文地址 地址 全文 主页 项目 项目主页 项目页面 摘要 preprint tex version publisher supplement related semantic google icon badge dataset notes summary "
    "article journal acl springer ieee nature science sciencedirect elsevier wiley x post thread poster talk colab space weights homepage 笔记 解读 "
    "本地 arxiv链接 点击 查看论文 阅读全文 阅读原文 论文原文 pdf链接 english chinese show hide expand collapse toggle details 中文 英文 zh en v1 v2 v3 v4 v5 nan null none cool ar5iv papers cs 本文 상세 원문 보기 "
    "report reports translate translation read reading ページ 詳細 全文を読む 元論文 プロジェクト".split()
)
_MADE_BY = re.compile(
    r"\W*(?:(?:this (?:page|digest|report|list|newsletter) (?:is|was) )?(?:automatically |auto-?)?(?:generated|powered|built|made|created|maintained|curated|compiled)\b"
    r"|(?:本\S{1,6})?由.{1,60}(?:生成|提供|维护)|(?:自動|自动)生成)",
    re.IGNORECASE,
)
"""How a page's last words begin that say who made it."""
_WORD = re.compile(r"[^\W_]+(?:[-.'’][^\W_]+)*")
_DOI = re.compile(r"\b10\.\d{4,9}(?:/|%2F)\S+", re.IGNORECASE)
_IDENTIFIER = re.compile(
    r"\d{4}\.\d{4,5}(?:v\d+)?|(?:19|20)\d\d\.\d\d?|v?\d{1,4}|[a-z][a-z-]*\.[a-z]{2}|\d{4}-\d\d-\d\d|10\.\d{4,9}.*|[a-z0-9.-]+\.(?:org|com|net|io|gov)",
    re.IGNORECASE,
)


REPEATED = "\0repeated"
"""The class of a link's text or a heading that stands for several papers and so is no title of one."""
MANY_PAPERS = 3
FEW = 0.1
"""Of a document's papers: a title that several papers have, such as `Editorial`, stands for no more."""


class TextRun(NamedTuple):
    """A stretch of text of one kind; `name` is the class of the element around it, `em` for plain italics."""

    text: str
    href: str = ""
    bold: bool = False
    name: str = ""


class Occurrence(NamedTuple):
    paper: PaperId
    strong: bool
    """False for a mention in the middle of prose, in code or among references."""
    line: int
    text: str
    """The text of the link, empty where the paper is named by text."""


@dataclass(slots=True, eq=False)
class Block:
    """A block with inline content (`runs`) or with blocks in it (`children`), never both."""

    tag: str
    line: int
    name: str = ""
    """The element's class and id."""
    runs: list[TextRun] = field(default_factory=list)
    children: list["Block"] = field(default_factory=list)
    level: int = 0
    """Of a heading, or of the section that it opens."""
    heading: "Block | None" = None
    """Of a section."""
    columns: tuple[str, ...] = ()
    """Of a table's row: the names of its cells."""
    found: list[Occurrence] = field(default_factory=list)
    _leaves: "list[Block] | None" = None
    papers: dict[PaperId, None] = field(default_factory=dict)
    """The papers that strong occurrences in it name, in order."""

    def leaves(self) -> list["Block"]:
        """The blocks with inline content, in reading order; known once and for all, so only for whole outlines."""
        if not self.children:
            return (
                [self] if self.runs else []
            )  # not kept: a block that held itself would be left to the garbage
        if self._leaves is None:
            self._leaves = [leaf for child in self.children for leaf in child.leaves()]
        return self._leaves

    @property
    def text(self) -> str:
        """Everything that is written in the block, on one line."""
        return one_line(" ".join("".join(run.text for run in leaf.runs) for leaf in self.leaves()))


@dataclass(kw_only=True, slots=True)
class _Builder:
    """Makes blocks from lxml's elements."""

    line_of: Callable[[Any], int]
    """An element's line, or 0."""
    keep_lines: bool
    """True where a line break in a text is one to a reader."""
    blocks: int = 0
    levels: int = 0

    def fill(self, element: Any, block: Block, like: TextRun) -> None:
        """Take an element's content into the block; `like` tells link, weight and class of its text."""
        self._say(block, element.text, like)
        for child in element:
            tag = child.tag
            if not isinstance(tag, str) or tag in _SKIPPED:
                pass
            elif tag == "br":
                _put(block, TextRun("\n"))
            elif tag in _INLINE and not _holds_blocks(child):
                self._inline(child, block, like)
            elif self.levels > MAX_LEVELS:
                self._say(block, "".join(child.itertext()), like)
            else:
                self.levels += 1
                self._block(child, block, child.get("href") or like.href if tag == "a" else like.href)
                self.levels -= 1
            self._say(block, child.tail, like)

    def _inline(self, element: Any, block: Block, like: TextRun) -> None:
        tag = element.tag
        name = element.get("class") or ("em" if tag in _ITALIC else like.name)
        inner = TextRun("", element.get("href") or like.href, like.bold or tag in _BOLD, name)
        if tag == "img" and like.href:
            _put(block, TextRun(" ", like.href))
        self.fill(element, block, inner)

    def _block(self, element: Any, parent: Block, href: str) -> None:
        self.blocks += 1
        if self.blocks > MAX_BLOCKS:
            raise DigestTooLarge(f"more than {MAX_BLOCKS:,} paragraphs, list items and cells; split the file")
        tag = element.tag
        name = f"{element.get('class') or ''} {element.get('id') or ''}".strip()
        if not name and tag == "p":
            name = parent.name
        line = self.line_of(element) or parent.line
        block = Block(tag=tag, line=line, name=name, level=_HEADINGS.get(tag, 0))
        _block_children(parent).append(block)
        self.fill(element, block, TextRun("", href))
        if tag == "table":
            _name_columns(block)
        elif block.children and tag not in _ROWS:
            block.children = sections(block.children)

    def _say(self, block: Block, text: str | None, like: TextRun) -> None:
        if text:
            text = text if self.keep_lines else text.replace("\n", " ")
            _put(block, TextRun(text, like.href, like.bold, like.name))


def _put(block: Block, run: TextRun) -> None:
    """Add a run to the block's inline content, or to what stands behind the last block in it."""
    runs = block.runs
    if block.children:
        last = block.children[-1]
        if last.tag != "text":
            if run.text.isspace() and not run.href:
                return
            last = Block(tag="text", line=last.line)
            block.children.append(last)
        runs = last.runs
    if runs and runs[-1].text == "\n" == run.text:
        return
    if runs or run.href or not run.text.isspace():
        runs.append(run)


def _holds_blocks(element: Any) -> bool:
    return any(
        child.tag in {"div", "p", "h1", "h2", "h3", "h4", "h5", "h6", "li", "section", "article"}
        for child in element
    )


def _block_children(parent: Block) -> list[Block]:
    """The children of a block that may have begun as inline content."""
    if parent.runs:
        parent.children.append(Block(tag="text", line=parent.line, runs=parent.runs))
        parent.runs = []
    return parent.children


def _name_columns(table: Block) -> None:
    rows = [block for block in _inside(table) if block.tag == "tr"]
    if not rows:
        return
    first = rows[0]
    if len(rows) > 1 and len(first.children) > 1 and all(cell.tag == "th" for cell in first.children):
        names = tuple(cell.text for cell in first.children)
        for row in rows[1:]:
            row.columns = names


def _inside(block: Block) -> Iterator[Block]:
    for child in block.children:
        yield child
        yield from _inside(child)


def sections(blocks: list[Block]) -> list[Block]:
    """The blocks with what follows each heading put into a section, and what rules part put into groups."""
    if not any(block.level and block.tag in _HEADINGS for block in blocks):
        return _groups(blocks)
    nested: list[Block] = []
    open_sections: list[Block] = []
    loose: list[Block] = []

    def close(level: int) -> None:
        target = open_sections[-1].children if open_sections else nested
        target += _groups(loose)
        loose.clear()
        while open_sections and open_sections[-1].level >= level:
            open_sections.pop()

    footer = _footer_of(blocks)
    for block in blocks[: len(blocks) - len(footer)]:
        if block.tag in _HEADINGS:
            close(block.level)
            section = Block(
                tag="section", line=block.line, level=block.level, heading=block, children=[block]
            )
            (open_sections[-1].children if open_sections else nested).append(section)
            open_sections.append(section)
        else:
            loose.append(block)
    close(0)
    return nested + _as_footer(footer)


def _footer_of(blocks: list[Block]) -> list[Block]:
    """The blocks that end the page and not its last paper: a footer, or a few words behind the last rule or of its maker.

    Words behind a rule are none where more stands behind other rules: there rules part the pieces of papers.
    """
    rules = [index for index, block in enumerate(blocks) if block.tag == "hr"]
    last = rules[-1] + 1 if rules else len(blocks)
    parts_papers = all(blocks[index + 1].tag in _HEADINGS for index in rules[:-1])
    start = next((index for index, block in enumerate(blocks) if block.tag == "footer"), len(blocks))
    if parts_papers and 0 < len(blocks) - last <= MAX_FOOTER:
        start = min(start, last)
    elif blocks and blocks[-1].tag in {"p", "text"} and _MADE_BY.match(blocks[-1].text):
        start = min(start, len(blocks) - 1)
    footer = blocks[start:]
    return footer if all(map(_is_of_footer, footer)) else []


def _is_of_footer(block: Block) -> bool:
    if block.tag not in {"p", "text"}:
        return block.tag == "footer"
    links = [run.href or run.text for leaf in block.leaves() for run in leaf.runs]
    return len(block.text) < SHORT and not (any(map(linked_id, links)) or text_ids(block.text))


def _as_footer(blocks: list[Block]) -> list[Block]:
    return [Block(tag="footer", line=blocks[0].line, children=blocks)] if blocks else []


def _groups(blocks: list[Block]) -> list[Block]:
    if sum(block.tag == "hr" for block in blocks) < 2:
        footer = _footer_of(blocks)
        kept = blocks[: len(blocks) - len(footer)]
        return [block for block in kept if block.tag != "hr"] + _as_footer(footer)
    groups: list[Block] = [Block(tag="group", line=blocks[0].line)]
    for block in blocks:
        if block.tag == "hr":
            groups.append(Block(tag="group", line=block.line))
        else:
            groups[-1].children.append(block)
    return [group for group in groups if group.children]


def parse_fragment(markup: str) -> Any:
    """The lxml tree of HTML, whole or in pieces.

    Raises NotThisKind where there is nothing to read, DigestTooLarge for a tag that the parser would look at for hours.
    """
    import lxml.etree
    import lxml.html

    for tag in _LONG_TAG.finditer(markup):
        inside = _VALUE.sub("", tag[0]).partition(">")[0]
        if max(inside.count("="), len(inside.split())) > MAX_ATTRIBUTES:
            raise DigestTooLarge(f"a tag with more than {MAX_ATTRIBUTES:,} attributes")
    parser = lxml.html.HTMLParser(encoding="utf-8", huge_tree=False)
    try:
        return lxml.html.document_fromstring(markup.encode() or b"<p></p>", parser=parser)
    except (lxml.etree.ParserError, lxml.etree.XMLSyntaxError) as error:
        raise NotThisKind("no HTML that can be read") from error


def outline(
    root: Any, *, line_of: Callable[[Any], int], keep_lines: bool, local: Callable[[str], PaperId | None]
) -> Block:
    """The tree of an lxml document; `local` tells the paper of a link to a neighbouring file."""
    top = Block(tag="document", line=1)
    builder = _Builder(line_of=line_of, keep_lines=keep_lines)
    builder.fill(root, top, TextRun(""))
    top.children = sections(_block_children(top))
    _name_papers(top, local, in_prose=False)
    titles = _titles_of_files(top)
    if len(titles) >= MIN_FILES and all(
        local(href) for leaf in top.leaves() for href in _hrefs_of_papers(leaf)
    ):
        _name_papers(top, lambda href: local(href) or titles.get(href), in_prose=False)
    _mark_repeated_links(top)
    _mark_repeated_headings(top)
    return top


def _mark_repeated_headings(top: Block) -> None:
    """Mark headings that stand in the texts on several papers: they name parts of these texts."""
    named: dict[str, list[Block]] = {}
    for block in _inside(top):
        if block.heading is not None:
            named.setdefault(key_of(block.heading.text), []).append(block)
    for sections in named.values():
        papers = {tuple(section.papers) for section in sections}
        if len(sections) >= MANY_PAPERS and (len(papers) > 1 or () in papers):
            for section in sections:
                if section.heading is not None:
                    section.heading.name = REPEATED


def _mark_repeated_links(top: Block) -> None:
    """Mark the texts of links that stand for several papers: whatever they say, they are labels."""
    papers: dict[str, set[PaperId]] = {}
    for leaf in top.leaves():
        for occurrence in leaf.found:
            if occurrence.text and not is_label(occurrence.text):
                papers.setdefault(occurrence.text, set()).add(occurrence.paper)
    many = max(MANY_PAPERS, FEW * len(top.papers))
    repeated = {text for text, named in papers.items() if len(named) >= many}
    for leaf in top.leaves() if repeated else ():
        if any(occurrence.text in repeated for occurrence in leaf.found):
            leaf.runs = [
                run._replace(name=REPEATED) if run.href and one_line(run.text) in repeated else run
                for run in leaf.runs
            ]


def _hrefs_of_papers(leaf: Block) -> list[str]:
    return [run.href for run in leaf.runs if run.href and linked_id(run.href)]


def _titles_of_files(top: Block) -> dict[str, PaperId]:
    """Files beside the document to which headings link, with the paper that each heading's title names."""
    return {
        run.href: title_id(one_line(run.text))
        for leaf in top.leaves()
        if leaf.level > 1
        for run in leaf.runs
        if _FILE_NAME.fullmatch(unquote(run.href).removeprefix("./")) and len(run.text.split()) > 2
    }


def _name_papers(block: Block, local: Callable[[str], PaperId | None], *, in_prose: bool) -> None:
    if block.heading is not None and key_of(block.heading.text) in _BACK_MATTER:
        in_prose = True
    if block.runs:
        block.found = _occurrences(block, local, in_prose=in_prose)
        block.papers = dict.fromkeys(occurrence.paper for occurrence in block.found if occurrence.strong)
        return
    for child in block.children:
        _name_papers(child, local, in_prose=in_prose)
        block.papers.update(child.papers)


def _occurrences(block: Block, local: Callable[[str], PaperId | None], *, in_prose: bool) -> list[Occurrence]:
    runs = block.runs
    found: list[Occurrence] = []
    for index, run in enumerate(runs):
        if len(found) >= MAX_OCCURRENCES:
            break
        if run.href:
            paper = linked_id(run.href) or (local(run.href) if "://" not in run.href else None)
            papers = [paper] if paper else []
        elif "://" in run.text:
            papers = [paper for paper in map(linked_id, text_urls(run.text)) if paper]
        else:
            continue
        for paper in papers:
            strong = not in_prose and not _in_prose(block, index)
            found.append(Occurrence(paper, strong, block.line, one_line(run.text) if run.href else ""))
    text = "".join(run.text for run in runs)
    if "rxiv" in text.lower():
        named = {occurrence.paper for occurrence in found}
        apart = (paper for run in runs[:MAX_OCCURRENCES] for paper in text_ids(run.text))
        for paper in dict.fromkeys([*text_ids(text)[:MAX_OCCURRENCES], *apart]):
            if paper not in named:
                strong = not in_prose and not (
                    len(text) > 300 and not one_line(text).lower().startswith("arxiv")
                )
                found.append(Occurrence(paper, strong, block.line, ""))
    return found


def _in_prose(block: Block, index: int) -> bool:
    """True for a link inside a sentence: it goes on behind the link, or the link is the object of its last words."""
    if block.tag in _HEADINGS or block.tag in {"td", "th"}:
        return False
    run = block.runs[index]
    before = "".join(run.text for run in block.runs[max(0, index - NEAR) : index]).rpartition("\n")[2].split()
    after = _words_after(block, index)
    goes_on = len(after) >= 5 and sum(len(word) for word in after) > 25
    if not before or before[-1].endswith((":", "：", "|")) or (run.bold and not is_label(run.text)):
        return False
    if block.tag == "li" and not is_label(run.text) and len(run.text.split()) > 3:
        return False
    bracketed = run.text.startswith(("[", "(")) and is_label(run.text)
    if bracketed and any(map(str.isalpha, run.text)):  # `[[pdf]](…)` stands in lists; `[[1]](…)` in sentences
        return False
    in_words = before[-1].isalpha() and not is_label(before[-1]) and not bracketed
    if len(before) < 8:
        return goes_on and in_words and block.tag != "li" and len(run.text.split()) < 4
    return goes_on or (in_words and before[-1].islower())


def _words_after(block: Block, index: int) -> list[str]:
    """The words on the rest of the link's line, without further links to the paper's code, slides and the like."""
    runs = block.runs[index + 1 : index + NEAR]
    text = "".join(" " if run.href and is_label(run.text) else run.text for run in runs)
    return [word for word in text.partition("\n")[0].split() if any(map(str.isalnum, word))]


def names_papers(text: str) -> bool:
    """True where there is anything in the text that could name a paper: most other texts need no closer look."""
    return bool(_SIGN.search(text))


def local_papers(document: DigestText) -> Callable[[str], PaperId | None]:
    """Tell the paper of a link without a host: by the file's name, or by what the file beside is about."""

    def paper(href: str) -> PaperId | None:
        if matched := _LOCAL_ID.search(href):
            return PaperId(f"arxiv:{matched[1]}")
        name = unquote(href.partition("#")[0].removeprefix("./"))
        if document.paper_beside is None or not _FILE_NAME.fullmatch(name) or name == document.name:
            return None
        return document.paper_beside(name)

    return paper


def labels(run: TextRun) -> bool:
    """True for a link that names the kind of the page and not the paper."""
    return bool(run.href) and (run.name == REPEATED or is_label(run.text))


@lru_cache(4096)
def is_label(text: str) -> bool:
    """True for the text of a link that names the kind of the page and not the paper: `PDF`, `arXiv:2101.00001`, `Read more`."""
    if "://" in text or text.lstrip().startswith("www."):
        return True
    words = _WORD.findall(_DOI.sub("", text) if "10." in text else text)
    return all(word.casefold() in _LABELS or _IDENTIFIER.fullmatch(word) for word in words)
