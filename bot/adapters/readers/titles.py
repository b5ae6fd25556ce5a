"""Titles: what of a text near a paper's link is its title, and how good a title it makes."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import zip_longest

from bot.adapters.readers.document import any_date
from bot.adapters.readers.outline import REPEATED, Block, TextRun, is_label, labels
from bot.adapters.readers.record import clean_title, key_of, language_of_text, role_of, text_ids
from bot.domain.papers import PaperId, linked_id
from bot.domain.text import one_line

_NUMBERING = re.compile(
    r"^\s*(?:(?:[(\[]?(?:19|20|21)\d\d[-./]\d{1,2}[-./]\d{1,2}[)\]]?[\s:,|–-]+|\[\s*(?:new|updated?|cross|replace[d]?)?\s*#?\d{1,4}\s*\]|\(\d{1,4}\)|#\d{1,4}\b|(?:no|paper|论文|论文标题|第)\s*\.?\s*\d{1,4}\s*[篇]?\s*[.:：)、]?(?=\s)"
    r"|\d{1,2}\.\d{1,2}\.?\s+(?=[^\W\d_])|\d{1,4}\s*[.)、:：](?=\s|[^\d\s]))\s*)+",
    re.IGNORECASE,
)
_MAY_BE_NUMBERED = re.compile(r"[\s\d\[(#第]|no\b|paper|论文", re.IGNORECASE)
_VENUE_BEHIND = re.compile(r"\s*\([A-Z][A-Za-z]{0,8}[A-Z]{2}[A-Za-z]{0,8} (?:19|20)\d\d\)$")
"""A conference and its year behind a title: `(ICLR 2031)`."""
_LEAD = re.compile(r"^[^\w\"“'‘«「『(\[<$\\{@¿¡/~]+")
_SCORE = re.compile(
    r"\s*[-–—|·•:：]?\s*[(（\[【]?\s*(?:⭐|★|🌟|🔥|👍|▲|score|rating|评分|得分|upvotes?|votes?)?\s*[:：]?\s*\d{1,3}(?:\.\d+)?\s*(?:/\s*\d{1,3}|分|★|⭐|👍|票|votes?|upvotes?|points?)\s*[)）\]】]?\s*$"
    r"|\s*[(（\[]\s*(?:score|rating|评分|⭐|★|👍|🔥|▲)\s*[:：]?\s*\d{1,4}(?:\.\d+)?\s*[)）\]]\s*$|\s*[⭐★🌟🔥👍▲]+\s*\d{0,4}(?:\.\d+)?\s*$",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"\s*[(\[（【]+\s*(?:arxiv\s*[:：]?\s*)?(?:\d{4}\.\d{4,5}(?:v\d+)?|back|pdf|paper|link|code|arxiv|new|html|↑|top|\d{4}-\d\d-\d\d|[^()]{2,40}\bet\.? al\.?)\s*[)\]）】]+\s*$|\s*\{#[\w-]+\}\s*$|\s*[|·•–—:：-]+\s*$|\s*🔗\s*$",
    re.IGNORECASE,
)
_LABEL_BEHIND = re.compile(r"(?<=\S)\s+\[\s*([^\[\]]{0,40}?)\s*\]$")
_SUBJECT = re.compile(r"[A-Z]{2,4}")
_SIGN_BEHIND = re.compile(
    "\\s*[\u2600-\u27bf\U0001f000-\U0001faff\ufe0f]+\\s*(?:code|pdf|paper|new|updated?|代码|论文|开源|项目)?$",
    re.IGNORECASE,
)
LABELLED = re.compile(
    r"^[^\w(\[$]*((?:[^\W\d]|[\d /&()（）._'’-]){1,40}?)\s*[*_]*[:：][*_]*\s*(.*)$", re.DOTALL
)
_NOT_A_TITLE = re.compile(
    r"^(?:[\d\s./:,%+()-]+|\[[^\[\]]*\]|\([^()]*\)|[a-z-]{2,8}\.[A-Z]{2}(?:[,;\s]+[a-z-]{2,8}(?:\.[A-Z]{2})?)*|https?://\S+|[\W_]+)$"
)
_TITLE_CLASS = re.compile(
    r"(?:^|[\s_-])(?:title|headline)(?:[_-](?:en|zh|cn|ja|ko|text|link|original|main|h\d))?(?=\s|$)",
    re.IGNORECASE,
)
_OTHER_TITLE = re.compile(
    r"(?:sub|section|site|page|block|toc|nav|category|topic|group|header|doc|widget|card-group|day|date|list)[_-]?title",
    re.IGNORECASE,
)
_CHROME_HEADINGS = frozenset(
    "papers paper paperlist paperdetails contents tableofcontents index today todayspapers dailypapers overview introduction news latest latestpapers new newpapers updates "
    "update highlights summary details metadata info information bibliographicinfo bibliographicinformation links resources notes others other "
    "论文 论文列表 论文详情 目录 今日论文 最新论文 基本信息 论文信息 书志情报 書誌情報 目次 概要 要約 摘要 元信息 文献信息 详细信息 其他 链接 相关链接 최신논문 목차 论文概览 精读区 速读区 "
    "abstract authors readme home archive publications results methods conclusion discussion 展开论文总结 show details more expand".split()
)
_PAPER_COLUMNS = frozenset("paper papers article work publication publications name 文章 文献".split())
"""Names of columns that hold titles, and elsewhere links."""
_NAME = re.compile(
    r"^(?:[^\W\d_][\w.'’`-]*\s+){1,5}[^\W\d_][\w.'’`-]*\.?$|^[\u4e00-\u9fff\uac00-\ud7af]{2,5}$"
)
_INSTITUTIONS = frozenset(
    "university universities universität université universidad institute institut college school academy laboratory laboratories lab labs inc center centre corporation".split()
)
_CITATION = re.compile(
    r"^[^\"“”]{3,300}[.,]\s*[\"“]([^\"“”]{12,300}?)[.,]?[\"”][.,]?\s[^\"“”]{0,200}\b(?:19|20)\d\d\b"
)
"""A reference as bibliographies set it: `Poe, Ann. "Tame Tigers." Journal of Tigers (2031)`."""
_REST = re.compile(r"[:：]\s+([^\s|:][^\n|]{12,200}?)(?=\s*(?:[|\n]|$))")
_QUOTED = re.compile(r"[\"“]([^\"“”]{12,300})[\"”]")
MAX_RUNS = 1_000
"""Of one paragraph in which titles are looked for."""
_VENUE_BEFORE = re.compile(r"^\s*[A-Za-z][A-Za-z-]{2,11} (?:19|20)\d\d(?:\.\d{1,2})?[,:]\s+(?=\S.{9})")
"""A conference and its year before a title: `ICLR 2031, `."""
MAX_BEHIND = 250
_IN_BRACKETS = re.compile(r"\[[^\[\]]{1,60}\]")
_REMARK = re.compile(r"^\([^()]{1,30}\)\s*")
"""A remark of the list's maker before a title: `(recommended!) `."""
LINK = 2
"""The rank of the text of the paper's own link."""
ITALICS = 6
"""The rank of italics, and of references behind a title."""
_SIGN_NAME = re.compile(r":[a-z][a-z0-9_+-]+:")
MIN_TITLE = 4
"""Words that make a title for certain."""
_REFERENCE = re.compile(r"\((?:19|20)\d\d\)\W*$|\b(?:19|20)\d\d[.,]\s?\w*\d")
_END = 60
"""Characters at a title's end in which its score and labels stand."""


@lru_cache(4096)
def tidy_title(text: str) -> str:
    """A title without number, marks before it, score and labels after it."""
    text = one_line(text).replace("🔗", " ").partition("｜")[0].strip()
    if cited := _CITATION.match(text):
        text = cited[1]
    for _ in range(3):
        before = text
        if not text[:1].isalpha():
            text = _LEAD.sub("", text)
        if _MAY_BE_NUMBERED.match(text):
            text = _NUMBERING.sub("", text, count=1)
        if not text[-1:].isalpha():
            text = text[:-_END] + _VENUE_BEHIND.sub("", _SCORE.sub("", _TAIL.sub("", text[-_END:])))
        if not text.isascii():
            text = _SIGN_BEHIND.sub("", text)
        text = _without_labels_behind(text)
        text = text.strip().strip("*_").strip()
        if text == before:
            break
    return clean_title(text)


def _without_labels_behind(text: str) -> str:
    """The title without bracketed labels after it: `[project]`, the code of a subject such as `[IL]`, empty brackets."""
    while text.endswith("]") and (behind := _LABEL_BEHIND.search(text)):
        if not (is_label(behind[1]) or _SUBJECT.fullmatch(behind[1])):
            break
        text = text[: behind.start()]
    return text


@lru_cache(4096)
def _is_title(text: str, *, named: bool = False) -> bool:
    """True for what can be a title; `named` where a column or class says that it is one."""
    if not 3 <= len(text) <= 500 or _NOT_A_TITLE.match(text) or is_label(text):
        return False
    if named:
        return True
    if text.endswith((":", "：")) or role_of(text)[0] or key_of(text) in _CHROME_HEADINGS:
        return False
    labelled = LABELLED.match(text)
    return not (labelled and is_field(role_of(labelled[1])[0], labelled[2]))


def is_field(role: str, value: str) -> bool:
    """True where a label of that role stands before a value that fits it: `Score: 9`, but not `SCORE: a method`."""
    if role in {"score", "published", "updated", "id", "arxiv", "doi", "pmid", "ssrn", "nber"}:
        return bool(re.search(r"\d", value[:12])) or len(value) < 4
    if role in {"code", "link"}:
        return is_label(value)
    return bool(role)


def is_chrome(heading: Block) -> bool:
    text = tidy_title(heading.text)
    return heading.name == REPEATED or not _is_title(text) or bool(any_date(text) and len(text) < 40)


def own_titles(
    block: Block, paper: PaperId, *, plain: bool, links_only: bool = False
) -> Iterator[tuple[int, str]]:
    """Titles that stand in the block itself as (rank, text): the lower the rank the better."""
    titles = [pair for leaf in block.leaves() for pair in leaf_titles(leaf, paper, links_only=links_only)]
    yield from titles
    if links_only:
        return
    if block.tag == "tr":
        yield from _cell_titles(block)
        plain = plain and not any(rank <= LINK for rank, _ in titles)  # no other cell could be a better one
    if plain:
        text = plain_title(block)
        if text:
            yield 4 if _has_bold_words_within(block) else 7, text


def _has_bold_words_within(block: Block) -> bool:
    """True for an item such as `ICLR 2031, Learning **Fields** for Robots, [paper](…)`: its bold words are no title."""
    leaf = next(iter(block.leaves()), None)
    if leaf is None or block.tag != "li" or not (venue := _VENUE_BEFORE.match(leaf.text)):
        return False
    bold = next((run.text for run in leaf.runs if run.bold and run.text.strip()), None)
    before, _, behind = leaf.text[venue.end() :].partition(bold) if bold else ("", "", "")
    return bool(before.strip()) or behind.startswith(":") or behind[1:2].isalnum()


def leaf_titles(leaf: Block, paper: PaperId, *, links_only: bool = False) -> Iterator[tuple[int, str]]:
    """Titles in one stretch of text: of a title's class 1, of the paper's link 2, of bold words 5, of italics 6."""
    enough = words_of_lead(leaf)
    runs = list(_joined(leaf.runs[:MAX_RUNS]))
    for run, following in zip_longest(runs, runs[1:]):
        rank = _link_rank(run, leaf, paper) if run.href else 0 if links_only else _rank(run)
        if rank == LINK and is_reference(run.text, enough):
            rank = ITALICS
        if rank and not (links_only and rank != LINK):
            yield rank, tidy_title(run.text + (_rest_of_title(run, following) if rank == LINK else ""))
    if not links_only and _is_title_class(leaf.name):
        text = tidy_title(without_labels(leaf))
        if _is_title(text, named=True):
            yield 1, text


def _rest_of_title(run: TextRun, following: TextRun | None) -> str:
    """The rest of a title of which only the first words are linked: `[TigerNet](…): Taming Tigers by Patience`; empty elsewhere."""
    if following is None or following.href or len(run.text.split()) >= MIN_TITLE:
        return ""
    rest = _REST.match(following.text)
    words = [word for word in rest[1].split() if len(word) > MIN_TITLE] if rest else []
    return rest[0] if rest and len(words) > 1 and all(not word[0].islower() for word in words) else ""


def _link_rank(run: TextRun, leaf: Block, paper: PaperId) -> int:
    """How good a title the text of a link makes; 0 where it makes none."""
    text = tidy_title(run.text)
    if labels(run) or not _is_title(text):
        return 0
    if _is_title_class(run.name):
        return 1
    named = linked_id(run.href)
    if named == paper or any(
        occurrence.paper == paper and occurrence.text == one_line(run.text) for occurrence in leaf.found
    ):
        return LINK
    return 5 if named is None and (len(text.split()) > 2 or run.bold) else 0


def _rank(run: TextRun) -> int:
    """How good a title a stretch without a link makes; 0 where it makes none."""
    if not (run.bold or run.name):
        return 0
    text = tidy_title(run.text)
    if _is_title_class(run.name) and _is_title(text, named=True):
        return 1
    if not _is_title(text) or len(text) > 300:
        return 0
    if run.bold:
        return 5
    return ITALICS if run.name == "em" and len(text.split()) > 2 and not looks_like_names(text) else 0


def _is_title_class(name: str) -> bool:
    return bool(name) and bool(_TITLE_CLASS.search(name)) and not _OTHER_TITLE.search(name)


def _joined(runs: list[TextRun]) -> Iterator[TextRun]:
    """The runs, neighbours of one link or one bold stretch put together."""
    last: TextRun | None = None
    for run in runs:
        if (
            last is not None
            and (run.href, run.bold) == (last.href, last.bold)
            and (run.href or run.bold or run.name == last.name)
        ):
            last = TextRun(last.text + run.text, last.href, last.bold, last.name or run.name)
            continue
        if last is not None and last.text.strip():
            yield last
        last = run
    if last is not None and last.text.strip():
        yield last


def _cell_titles(row: Block) -> Iterator[tuple[int, str]]:
    for index, cell in enumerate(row.children):
        column = row.columns[index] if index < len(row.columns) else ""
        if column and role_of(tidy_title(column) or column)[0] == "title":
            text = tidy_title(without_labels(cell))
            if _is_title(text, named=True):
                yield 3, text


def without_labels(block: Block) -> str:
    """The block's text without links that are labels."""
    return " ".join("".join(run.text for run in leaf.runs if not labels(run)) for leaf in block.leaves())


def plain_title(block: Block) -> str:
    """The beginning of a list item or row that has neither link nor bold words for a title."""
    leaf = next(iter(block.leaves()), None)
    if leaf is None:
        return ""
    if block.tag == "tr":
        texts = [tidy_title(cell.text) for cell in block.children]
        fitting = [text for text in texts if _is_title(text) and not any_date(text[:12])]
        columns = dict(zip(texts, map(key_of, block.columns), strict=False))
        named = [text for text in fitting if columns.get(text) in _PAPER_COLUMNS and len(text.split()) > 2]
        return max(named or fitting, key=len, default="")
    if quoted := _QUOTED.search(one_line("".join(run.text for run in leaf.runs))):
        return tidy_title(quoted[1])
    text = ""
    for run in leaf.runs[:MAX_RUNS]:
        if run.href or "://" in run.text:
            text += run.text.partition("http")[0] if not run.href else ""
            break
        text += run.text
    text = re.split(r"\n|\s[-–—|·]\s|\s[(（\[]|(?<=[\w)][.;!?])\s(?=[A-Z])", text.strip(), maxsplit=1)[0]
    tidy = tidy_title(_VENUE_BEFORE.sub("", re.sub(r"(?i)\barxiv:\s*\S+", "", text)).rstrip(", "))
    if _is_title(tidy) and len(tidy) > 7:
        return tidy
    return _title_behind(leaf) if block.tag == "li" else ""


def _title_behind(leaf: Block) -> str:
    """The title that stands behind links which are labels: `[ICLR 2019] ([paper](…) [code](…)) A Closer Look`."""
    runs = leaf.runs[:MAX_RUNS]
    first = next((index for index, run in enumerate(runs) if run.href), None)
    before = _IN_BRACKETS.sub("", "".join(run.text for run in runs[:first]))
    if first is None or any(word.islower() for word in before.split()):
        return ""
    behind = first
    while behind < len(runs) and (labels(runs[behind]) or not any(map(str.isalnum, runs[behind].text))):
        behind += 1
    text = runs[behind].text.partition("\n")[0] if behind < len(runs) and not runs[behind].href else ""
    text = _REMARK.sub("", text.strip().lstrip(")]）】,;:.–—- ").strip(), count=1)
    tidy = tidy_title(text)
    fits = tidy[:1].isupper() and len(tidy.split()) > 2 and len(tidy) < MAX_BEHIND and not text.endswith(".")
    return tidy if fits and _is_title(tidy) else ""


def words_of_lead(leaf: Block) -> int:
    """How many words a link's text needs beside the bold title with which a paragraph begins; 0 where it begins with none.

    Behind a title in a line of its own shorter ones say where the paper appeared.
    """
    runs = iter(leaf.runs)
    first = next((run for run in runs if is_said(run)), None)
    if first is None or not first.bold or first.href:
        return 0
    words = len(tidy_title(first.text).split())
    alone = next((run.text.lstrip(" ").startswith("\n") for run in runs if run.text != " "), False)
    return 0 if words < MIN_TITLE else words if alone else MIN_TITLE


def is_reference(text: str, enough: int) -> bool:
    """True for a link's text of fewer words than are enough for a title, or with a journal's issue: `Nat Commun 13, 7151 (2022)`."""
    return len(text.split()) < enough or bool(enough and _REFERENCE.search(text))


def is_said(run: TextRun) -> bool:
    """True for a run with words in it, which names of signs such as `:heavy_check_mark:` are not."""
    return any(map(str.isalnum, _SIGN_NAME.sub("", run.text) if ":" in run.text else run.text))


def begins_bold(block: Block) -> bool:
    """True for a paragraph whose first words are bold and like a title."""
    first = next((run for run in block.runs if is_said(run)), None)
    return bool(first and first.bold and _is_title(tidy_title(first.text)))


def looks_like_names(text: str) -> bool:
    if len(text) > 3000 or any(char.isdigit() for char in text[:200]) or text_ids(text) or is_label(text):
        return False
    if key_of(text[:60]) in _CHROME_HEADINGS:
        return False
    parts = [part.strip(" *_.") for part in re.split(r"[,;，、]| and ", text) if part.strip(" *_.")]
    named = sum(
        bool(_NAME.match(part))
        and (" " not in part or language_of_text(part) == "en")
        and part[:1].upper() == part[:1]
        and _INSTITUTIONS.isdisjoint(part.casefold().split())
        for part in parts
    )
    words = text.split()
    last = words[-1].strip(" *_.") if words else ""
    alone = len(words) in {2, 3, 4} and words[0][:1].isupper() and last[:1].isupper() and not last.isupper()
    return bool(parts) and named * 10 >= len(parts) * 8 and (len(parts) > 1 or alone)
