"""Reads HTML digests: cards, tables and lists of papers; and builds entries from any outline of a document."""

import datetime as dt
import json
import re
from itertools import islice
from typing import Any

from bot.adapters.readers.document import DigestText, Findings, NotThisKind, any_date
from bot.adapters.readers.items import Items, OutlineItem, merged, records
from bot.adapters.readers.outline import Block, local_papers, names_papers, outline
from bot.adapters.readers.rows import LineFinder, take_html_rows
from bot.domain.digests import Digest
from bot.domain.errors import DigestTooLarge, NotADigest

MAX_TAGS = 600_000
_SCRIPT = re.compile(r"<script\b[^<>]{0,1000}>(.*?)</script>", re.IGNORECASE | re.DOTALL)
_DATA = re.compile(r"(?:\A|=)\s*(?=[\[{])")
MAX_DATA = 50
"""Positions in a script at which data may begin."""
MAX_ATTRIBUTES = 5_000
"""Of one tag: the parser compares each with all before it."""
_LONG_TAG = re.compile(r"<[a-zA-Z][^<]{10000,}")
_VALUE = re.compile(r"\"[^\"]*\"|'[^']*'")
_BEGINS = re.compile(
    r"\s*(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html|head|body|h[1-6]|div|p|table|ul|ol|main|article|section|title|meta)\b",
    re.IGNORECASE | re.DOTALL,
)
_DOCTYPE = re.compile(r"\s*(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<(title|h1|h2)\b[^<>]*>(.{0,300}?)</\1>", re.IGNORECASE | re.DOTALL)
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


def recognises(document: DigestText) -> int:
    """3 where the document says that it is HTML, 2 where it begins as HTML does, 1 where it is full of its links."""
    text = document.text
    if _DOCTYPE.match(text):
        return 3
    if _BEGINS.match(text):
        return 2
    return int(text.count("href=") > 2 and "```" not in text)


def heading_date(text: str) -> dt.date | None:
    """The date in the page's title or first headings."""
    for match in _TITLE.finditer(text[:20_000]):
        if day := any_date(match[2]):
            return day
    return None


def read(document: DigestText) -> Digest:
    """The papers on the page, each with what stands around its link."""
    if not names_papers(document.text):
        raise NotThisKind("nothing in it links to a paper")
    if document.text.count("<") > MAX_TAGS:
        raise DigestTooLarge(f"{document.name}: more than {MAX_TAGS:,} tags; split the file")
    findings = Findings(document)
    findings.near = heading_date(document.text) or any_date(document.name)
    text = take_html_rows(document.text, findings, lambda index, _: document.line(index))
    top = outline(
        parse_fragment(text),
        line_of=lambda element: element.sourceline or 0,
        keep_lines=False,
        local=local_papers(document),
    )
    take_outline(top, findings, document.text)
    if not len(findings):
        _read_scripts(document.text, findings)
    if not len(findings):
        raise NotThisKind("HTML without papers")
    return findings.loose_digest("html", date=findings.near)


def _read_scripts(text: str, findings: Findings) -> None:
    """Adds the papers of pages that hold them as data for a script: `const papers = [{"title": …}]`."""
    from bot.adapters.readers.structured import take_values

    decoder = json.JSONDecoder()
    for script in _SCRIPT.finditer(text):
        body, at = script[1], 0
        for start in islice(_DATA.finditer(body), MAX_DATA) if '"title"' in body else ():
            if start.end() < at:
                continue
            try:
                value, at = decoder.raw_decode(body, start.end())
            except (ValueError, RecursionError):
                continue
            take_values([value], findings)


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


def take_outline(top: Block, findings: Findings, text: str) -> list[OutlineItem]:
    """Adds an entry for each paper of the outline to the findings."""
    items = Items()
    items.collect(top)
    headings = [leaf.text for leaf in top.leaves() if leaf.level]
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
    """Raises NotADigest for a project's README and for a paper's full text, which name papers but list none."""
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
