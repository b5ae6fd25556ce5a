"""Record: the labelled fields of one paper, whatever their names and nesting, and the entry that they make."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from bot.adapters.readers.document import any_date, is_printable_link, plain_words
from bot.domain.papers import (
    Edition,
    Entry,
    Links,
    PaperId,
    Point,
    best_id,
    linked_id,
    parse_paper_id,
    title_id,
)
from bot.domain.text import one_line

MAX_TITLE = 600
MAX_TEXT = 100_000
"""Characters of one text; longer ones are cut: no abstract is a book."""
MAX_AUTHORS = 2_000
MAX_NAME = 40
"""Characters of a field's name."""
MAX_POINTS = 30
FIVE_DIGITS = 1501
"""Year and month from which arXiv's numbers have five digits (https://info.arxiv.org/help/arxiv_identifier.html, seen 2026-11)."""

_LANGUAGES = {
    "zh": "zh", "cn": "zh", "chs": "zh", "chinese": "zh", "中文": "zh", "ja": "ja", "jp": "ja", "japanese": "ja", "日本語": "ja",
    "ko": "ko", "kr": "ko", "korean": "ko", "한국어": "ko", "en": "en", "eng": "en", "english": "en", "英文": "en", "original": "en", "原文": "en",
    "translated": "", "translation": "", "译": "", "翻译": "",
}  # fmt: skip
"""What in a field's name tells the language of its text; `""`: some other than the original's."""

_ROLES: dict[str, str] = {
    word: role
    for role, words in {
        "title": "title papertitle articletitle headline titel titre 标题 題目 题目 论文标题 论文题目 タイトル 論文タイトル 제목 논문제목 ti t1 名称 论文 论文名称",
        "authors": "authors author authorlist authornames authorsname creators creator dccreator writtenby by au a1 作者 论文作者 著者 저자 authorsstring authorstr 作成者",
        "summary": "abstract summary description abstracttext papersummary paperabstract content contenthtml contenttext contentsnippet ab n2 "
        "details overview 摘要 论文摘要 简介 概要 要約 要旨 初록 초록 요약 总结 論文概要 内容 描述 synopsis",
        "categories": "categories category subjects subject primarycategory arxivcategories arxivprimarycategory maincategory "
        "arxiv所属领域 所属领域 研究领域 领域分类 tags keywords keyword kw topics topic terms fieldsofstudy 分类 分類 领域 主题 关键词 類別 标签 主分类 カテゴリ キーワード 카테고리",
        "published": "published publishedat publisheddate publicationdate pubdate publishdate publishedon submitted submitteddate submittedon "
        "submittedat arxivsubmitted datepublished created createdat date day year issued py y1 da 日期 发布日期 发表日期 发布时间 提交日期 时间 公開日 投稿日 日付 날짜 게시일 初回投稿日 announced dateadded",
        "updated": "updated updatedat updateddate lastupdated modified datemodified arxivupdated 更新日期 更新时间",
        "comment": "comment comments note notes remark journalref journal journalreference venue conference publication containertitle jf jo t2 备注 注释 评论 期刊 会议 コメント booktitle",
        "score": "score upvotes votes vote rating stars finalscore totalscore overallscore relevancescore 评分 得分 分数 点赞 点赞数 スコア upvote totalauthorhindex",
        "code": "code codeurl codelink codeurls github githubrepo githuburl repo repository repourl 代码 代码链接 コード 代码仓库 official code",
        "arxiv": "arxivid arxiv arxivnumber eprint arxividv arxividentifier arxivpaperid 论文id",
        "id": "id paperid articleid entryid uid guid identifier key an",
        "doi": "doi doiurl do 数字对象标识符",
        "bibtex": "bibtex bibtexentry bib",
        "pmid": "pmid pubmedid pubmed",
        "openreview": "openreviewid openreview",
        "nber": "nber nberid",
        "ssrn": "ssrn ssrnid",
        "link": "link links url urls abs absurl abslink arxivurl arxivlink pdf pdfurl pdflink pdfurls paper paperurl paperlink href externalurl "
        "howpublished sources publisherpage publisherurl landingpage htmlurl alternate ur l1 l2 lk 链接 论文链接 原文链接 地址 pdf链接 リンク 링크 source sourceurl arxivabs",
        "ignored": "references citations relatedpapers related cites citedby thumbnail image images figures avatar avatarurl user submittedby "
        "organization owner mediaurls figuresjson relatedwork reference bibliography 参考文献 相关论文 関連論文",
    }.items()
    for word in words.split()
}
_POINTS = frozenset(
    "tldr motivation method methods methodology result results conclusion conclusions findings finding keypoints keypoint highlights "
    "contribution contributions keycontributions problem background innovation innovations limitations limitation approach experiments "
    "evaluation insight insights takeaway takeaways keyfindings whatsnew technicaldetails performancehighlights novelty impact significance "
    "objective objectives task aisummary oneliner onesentencesummary evidence reason 动机 方法 结果 结论 背景 贡献 创新点 一句话总结 核心贡献 研究背景 要点 结论 实验 亮点 "
    "whyitmatters inonesentence onesentence keyidea mainidea coreidea keyresult keyresults maincontribution maincontributions strengths weaknesses futurework "
    "researchquestion researchgap 一句话摘要 为什么值得关注 核心思想 核心方法 关键结果 主要结果 研究方法 研究动机 实验结果 局限性 创新 新規性 課題 提案手法 実験結果 "
    "研究问题 主要贡献 速览 一句话结论 一句话概括 为什么重要 核心要点 関連 手法 結論 背景 動機 결론 방법 배경 동기 핵심".split()
)
NESTED = frozenset(
    "paper article entry metadata item ai data attributes externalids links analysis result details bibjson info node fields oaidc identifiers "
    "summaries translations llm gpt sources".split()
)
"""Names under which an object holds fields of the same paper."""
_KEY = re.compile(r"[^\w]+|_+")
_AUTHOR_PARTS = re.compile(r"\s*[;；、，]\s*|\s+(?:and|und|&)\s+|\s*\n\s*")
_ET_AL = re.compile(
    r"[\s,]*(?:\bet\.?\s*al\.?|等\s*\d*\s*[位名]?(?:作者|人)?|et\s+coll\.?|\(\d+ authors?\)|…|\.\.\.)\s*$",
    re.IGNORECASE,
)
_UPDATES = re.compile(r"^\[[\w.\s-]+ updates on arXiv\.org\]\s*")
_SIGNS = re.compile(
    "^(?:[\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff\ufe0f\u200d]+\\s*)+"
)
"""Arrows, dingbats and emoji before a title."""
_VENUE = re.compile(
    r"^(?:[\[(](?:(?:19|20)\d\d(?:[./-]\d{1,2}){0,2}|[a-z][a-z&. -]{1,20}?\s?(?:['’]\s?\d\d|(?:19|20)\d\d|\s(?:1[0-8]|2\d))|arxiv|preprint|[\u4e00-\u9fff]{2,8})[\])]\s*[:：-]?\s+)+(?=\S.{9})",
    re.IGNORECASE,
)
"""A year or a conference in brackets before a title."""
_DAY_BEHIND = re.compile(r"\s*[(\[](?:19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2}[)\]]$")
_IN_BRACKETS = re.compile(r"^([^（(]{4,300}?)\s*[（(](.{4,300})[)）]$")
_BY = re.compile(r"^\s*(?:by|authors?\s*[:：])\s+", re.IGNORECASE)
_AND = re.compile(r"^and\s+")
_NO_NAME = re.compile(r"^[^\w'\"(]+")
_FOOTNOTE = re.compile(r"\s*(?:\[[\d,*†]+\]|\(\d+\)|[\d,*†‡§¹²³⁴⁵⁶]+)$")
_NOTHING = frozenset(
    {
        "",
        "null",
        "none",
        "nan",
        "n/a",
        "na",
        "-",
        "—",
        "unknown",
        "placeholder",
        "no code",
        "不可用",
        "无",
        "undefined",
        "tbd",
        "no summary available.",
        "no abstract available.",
        "no summary available",
        "no abstract available",
        "暂无摘要",
    }
)
_ID_IN_BIBTEX = re.compile(r"\b(?:doi|eprint)\s*=\s*[{\"]+\s*([^\s{}\"]{4,100})", re.IGNORECASE)
_INITIALS = re.compile(r"(?:[A-Z]\.?[ -]?){1,4}")
MIN_PAIRED = 4
"""Parts of a line of names from which it may be families with initials."""
_URL = re.compile(r"https?://[^\s<>\"'`|\\^{}]{4,500}")
_TEXT_ID = re.compile(
    r"(?<![\w/.])arxiv(?:\s*id)?(?:[\]*]{0,3}\s?[:：]\s{0,3}|\s)(\d{4}\.\d{4,5}|[a-z-]+(?:\.[a-z]{2})?/\d{7})(?:v\d+)?(?![\d\w])",
    re.IGNORECASE,
)
_BEGINS_WITH_ID = re.compile(r"[\[(*\s]*arxiv", re.IGNORECASE)
_MONTH_DAY = re.compile(r"\d\d[-/.]\d\d")
_BARE = re.compile(r"(?:\d\d(?:0[1-9]|1[0-2])\.\d{4,5})(?:v\d+)?")
_CODE_HOST = re.compile(
    r"https?://(?:www\.)?(?:github\.com|gitlab\.com|gitee\.com|bitbucket\.org|codeberg\.org|\w+\.github\.io)/"
    r"(?![^/\s]+/[^/\s]+/(?:-/)?(?:issues|pulls?|discussions|actions|commits?|stargazers)\b)",
    re.IGNORECASE,
)
_KANA, _HANGUL, _HAN = (
    re.compile("[\u3040-\u30ff]"),
    re.compile("[\uac00-\ud7af]"),
    re.compile("[\u4e00-\u9fff]"),
)
_FEED_PREAMBLE = re.compile(r"^arXiv:\S+ Announce Type: [\w-]+\s+Abstract:\s*", re.IGNORECASE)


def key_of(name: str) -> str:
    """A field's name without case, signs and blanks."""
    return _KEY.sub("", name).casefold()


@lru_cache(4096)
def role_of(name: str) -> tuple[str, str | None]:
    """The role of a field of that name, and its language if the name tells it; ("", None) for an unknown name."""
    key = key_of(name) if len(name) <= 2 * MAX_NAME else ""
    if key in _ROLES:
        return _ROLES[key], None
    if key in _POINTS:
        return "point", None
    if not 1 < len(key) <= MAX_NAME:
        return "", None
    for mark, language in _LANGUAGES.items():
        for rest in (key.removesuffix(mark), key.removeprefix(mark)):
            if rest != key and rest in _ROLES:
                return _ROLES[rest], language
            if rest != key and rest in _POINTS:
                return "point", language
    return "", None


def language_of_text(text: str) -> str:
    """The language that the text's script tells: `ja`, `ko`, `zh`, else `en`."""
    if text.isascii():
        return "en"
    sample = text[:2000]
    han = len(_HAN.findall(sample))
    if len(_HANGUL.findall(sample)) * 8 > len(sample):
        return "ko"
    kana = len(_KANA.findall(sample))
    if (han + kana) * 8 < len(sample):
        return "en"
    return "ja" if kana * 10 > han else "zh"


@dataclass(kw_only=True, slots=True)
class Record:
    """Fields of one paper as they come, sorted by what they hold."""

    titles: list[tuple[str, str]] = field(default_factory=list)
    """(language, title)."""
    authors: list[str] = field(default_factory=list)
    summaries: list[tuple[str, str]] = field(default_factory=list)
    points: list[tuple[str, Point]] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    published: dt.date | None = None
    updated: dt.date | None = None
    month_day: str | None = None
    """A day that lacks its year."""
    comment: str | None = None
    score: str | None = None
    code: str | None = None
    ids: list[PaperId] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The original title where there is one, else the first; empty where there is none."""
        return next(
            (title for language, title in self.titles if language == "en"),
            self.titles[0][1] if self.titles else "",
        )

    @property
    def id(self) -> PaperId | None:
        """The best of the ids that fields or links name."""
        return best_id((*self.ids, *filter(None, map(linked_id, self.urls))))

    def add(self, name: str, value: Any, *, label: str | None = None) -> bool:
        """Take a field in; False where its name says nothing to us."""
        role, language = role_of(name)
        if role == "ignored":
            return True
        if not role or value is None or isinstance(value, bool):
            return bool(role)
        _ADDERS[role](self, value, language, label or name)
        return True

    def add_text(self, role: str, text: str) -> None:
        """Take in a text whose role is known."""
        _ADDERS[role](self, text, None, role)

    def add_text_point(self, label: str, text: str) -> None:
        """Take in a labelled text that is none of the fields known by name."""
        _add_point(self, text, None, label)

    def fill(self, other: "Record") -> None:
        """Take from the other record the fields that this one lacks."""
        self.titles += other.titles
        self.authors = self.authors or other.authors
        self.summaries += other.summaries
        self.points = self.points or other.points
        self.categories = self.categories or other.categories
        self.published = self.published or other.published
        self.updated = self.updated or other.updated
        self.comment = self.comment or other.comment
        self.score = self.score or other.score
        self.code = self.code or other.code
        self.ids += other.ids
        self.urls += other.urls

    def entry(self, near: dt.date | None = None) -> Entry | None:
        """The entry that the fields make; None without a title. Days without a year are the last ones before `near`."""
        title = self.title
        if not title:
            return None
        ids = list(dict.fromkeys((*self.ids, *filter(None, map(linked_id, self.urls)))))
        paper = best_id(ids) or title_id(title)
        summary, editions = self._texts()
        day = self.published or self.updated or _last_before(near, self.month_day)
        return Entry(
            id=paper,
            title=title,
            authors=tuple(dict.fromkeys(self.authors))[:MAX_AUTHORS],
            summary=summary,
            published=day,
            date=self.updated or day,
            categories=tuple(dict.fromkeys(self.categories))[:50],
            comment=self.comment,
            score=self.score,
            links=links_to(paper, ids, self.urls, code=self.code),
            editions=editions,
        )

    def _texts(self) -> tuple[str | None, tuple[Edition, ...]]:
        """The summary in the original's language, and what there is in others."""
        if not self.summaries and not self.points and len(self.titles) < 2:
            return None, ()
        longest: dict[str, str] = {}
        for language, text in self.summaries:
            if len(text) > len(longest.get(language, "")):
                longest[language] = text
        summary = longest.get("en") or max(longest.values(), key=len, default=None)
        titles = {language: title for language, title in reversed(self.titles) if title != self.title}
        points: dict[str, list[Point]] = {}
        for language, point in self.points[:MAX_POINTS]:
            points.setdefault(language, []).append(point)
        editions = []
        for language in dict.fromkeys(("en", *titles, *longest, *points)):
            edition = Edition(
                language=language,
                title=titles.get(language) if language != "en" else None,
                summary=longest.get(language) if language != "en" else None,
                points=tuple(points.get(language, ())),
            )
            if edition != Edition(language=language):
                editions.append(edition)
        return summary, tuple(editions)


def record_of(value: Mapping[Any, Any], name: str = "", *, cited: bool = False) -> Record | None:
    """The paper that an object describes; None where it has no title, or nothing beside it.

    `cited` where the object is an entry of a bibliography: authors beside the title are enough.
    """
    record = Record()
    for key, content in _fields(value, 0):
        record.add(key, content)
    if (
        not record.titles and record.ids
    ):  # a name is a title beside the id of a paper, and not beside a link alone
        for key, content in value.items():
            if key_of(str(key)) == "name":
                record.add("title", content)
    if not record.titles:
        return None
    if not record.ids and (paper := parse_paper_id(name)) and not paper.startswith("title:"):
        record.ids.append(paper)
    if record.id is None:
        _look_everywhere(value, record)
    described = bool(record.authors) and (cited or bool(record.summaries or record.urls))
    return record if record.id is not None or described or _has_abstract(value) else None


def _has_abstract(value: Mapping[Any, Any]) -> bool:
    """True where a field is called an abstract, which only papers have."""
    return any(
        "abstract" in str(key).lower() and isinstance(content, str) and len(content) > 100
        for key, content in value.items()
    )


def _fields(value: Mapping[Any, Any], depth: int) -> Iterator[tuple[str, Any]]:
    """The object's fields, then those of objects in it that are about the same paper."""
    inner: list[Mapping[Any, Any]] = []
    for key, content in value.items():
        if isinstance(content, Mapping) and key_of(str(key)) in NESTED and depth < 3:
            inner.append(content)
        else:
            yield str(key), content
    for nested in inner:
        yield from _fields(nested, depth + 1)


def _look_everywhere(value: Mapping[Any, Any], record: Record) -> None:
    """Take links from fields of unknown names, and a number after `arXiv:` from short texts."""
    for key, content in value.items():
        if (
            isinstance(content, str)
            and len(content) < 2_000
            and role_of(str(key))[0] in {"", "link", "id", "comment"}
        ):
            record.add("link", content)
            if role_of(str(key))[0] != "link":
                _add_text_ids(record, content)
    if record.id is None:
        for key, content in value.items():
            if (
                isinstance(content, str)
                and role_of(str(key))[0] == "summary"
                and content[:200].lower().startswith("arxiv:")
            ):
                record.add("link", content[:60])


def _add_title(record: Record, value: Any, language: str | None, label: str) -> None:
    title = clean_title(value) if isinstance(value, str) else ""
    if _URL.fullmatch(title):
        _add_link(record, title, None, label)
    elif pair := in_two_languages(title):
        record.titles += pair
    elif title:
        spoken = language_of_text(title)
        if language == "" and spoken == "en":
            return
        if spoken == "en" and language not in {None, "en"}:
            spoken = str(language)
        record.titles.append((spoken, title))


def _add_authors(record: Record, value: Any, _language: str | None, _label: str) -> None:
    if not record.authors:
        record.authors = names_of(value)


def _add_summary(record: Record, value: Any, language: str | None, _label: str) -> None:
    text = _FEED_PREAMBLE.sub("", text_of(value))
    if len(text) > 12 and text.casefold() not in _NOTHING:
        spoken = language_of_text(text)
        record.summaries.append((language if language and spoken == "en" else spoken, text))


def _add_point(record: Record, value: Any, language: str | None, label: str) -> None:
    texts = value if isinstance(value, list) else [value]
    for item in texts:
        text = text_of(item)
        if any(map(str.isalpha, text)) and text.casefold() not in _NOTHING:
            spoken = language_of_text(text)
            record.points.append(
                (language if language and spoken == "en" else spoken, Point(label=label_of(label), text=text))
            )


def _add_categories(record: Record, value: Any, _language: str | None, _label: str) -> None:
    texts: Iterable[Any] = (
        value
        if isinstance(value, list)
        else re.split(r"[,;；，、]|\s(?=[a-z-]{2,8}\.[A-Z]{2}\b)", value)
        if isinstance(value, str)
        else ()
    )
    for item in texts:
        text = item.get("term") or item.get("name") if isinstance(item, Mapping) else item
        if (
            isinstance(text, str)
            and 0 < len(word := one_line(text).strip("`*# ")) <= 80
            and word.casefold() not in _NOTHING
        ):
            record.categories.append(word)


def _add_published(record: Record, value: Any, _language: str | None, _label: str) -> None:
    record.published = record.published or day_of(value)
    if record.published is None and isinstance(value, str) and _MONTH_DAY.fullmatch(value.strip()):
        record.month_day = value.strip()


def _add_updated(record: Record, value: Any, _language: str | None, _label: str) -> None:
    record.updated = record.updated or day_of(value)


def _add_comment(record: Record, value: Any, _language: str | None, _label: str) -> None:
    text = text_of(value) if isinstance(value, str) else ""
    if text.casefold() not in _NOTHING:
        record.comment = record.comment or text[:2000]
        _add_text_ids(record, text)


def _add_score(record: Record, value: Any, _language: str | None, _label: str) -> None:
    if isinstance(value, (int, float, str)) and (text := one_line(str(value))).casefold() not in _NOTHING:
        record.score = record.score or text[:40]


def _add_code(record: Record, value: Any, _language: str | None, _label: str) -> None:
    match = _URL.search(value) if isinstance(value, str) else None
    if match and record.code is None and linked_id(match[0]) is None:
        record.code = trimmed(match[0])


def _add_arxiv(record: Record, value: Any, _language: str | None, _label: str) -> None:
    text = _number_of(value) if isinstance(value, float) else value.strip() if isinstance(value, str) else ""
    paper = parse_paper_id(text)
    if paper and paper.startswith("arxiv:"):
        record.ids.append(paper)
    elif text:
        _add_link(record, text, None, "")


def _number_of(value: float) -> str:
    """The arXiv number that was read as a decimal, which forgets its last zeros: five digits from 2015 on, before four."""
    return f"{value:.{5 if value >= FIVE_DIGITS else 4}f}"


def _add_id(record: Record, value: Any, _language: str | None, _label: str) -> None:
    text = _number_of(value) if isinstance(value, float) else value.strip() if isinstance(value, str) else ""
    if _BARE.fullmatch(text):
        record.ids.append(PaperId(f"arxiv:{text.partition('v')[0]}"))
    elif text.lower().startswith(("arxiv:", "oai:arxiv.org:", "10.")):
        paper = parse_paper_id(text.lower().removeprefix("oai:arxiv.org:"))
        record.ids += [paper] if paper else []
    elif "://" in text:
        _add_link(record, text, None, "")


def _add_doi(record: Record, value: Any, _language: str | None, _label: str) -> None:
    text = value.strip() if isinstance(value, str) else ""
    paper = parse_paper_id(re.sub(r"^doi:\s*", "", text, flags=re.IGNORECASE))
    record.ids += [paper] if paper else []


def _numbered(kind: str, pattern: str) -> Any:
    number = re.compile(pattern)

    def add(record: Record, value: Any, _language: str | None, _label: str) -> None:
        text = str(value).strip() if isinstance(value, (str, int)) else ""
        if match := number.fullmatch(text):
            record.ids.append(PaperId(f"{kind}:{match[1]}"))
        elif text:
            _add_link(record, text, None, "")

    return add


def _add_link(record: Record, value: Any, _language: str | None, _label: str) -> None:
    for text in strings(value):
        for match in _URL.finditer(text[:4000]):
            record.urls.append(trimmed(match[0]))
        if _BEGINS_WITH_ID.match(text):  # elsewhere it names another: `cited-by:arxiv:2101.00001`
            _add_text_ids(record, text[:4000])


def _add_text_ids(record: Record, text: str) -> None:
    record.ids += text_ids(text)


def _add_bibtex(record: Record, value: Any, _language: str | None, _label: str) -> None:
    for match in _ID_IN_BIBTEX.finditer(value[:MAX_TEXT] if isinstance(value, str) else ""):
        paper = parse_paper_id(match[1])
        record.ids += [paper] if paper else []


_ADDERS = {
    "bibtex": _add_bibtex,
    "title": _add_title,
    "authors": _add_authors,
    "summary": _add_summary,
    "point": _add_point,
    "categories": _add_categories,
    "published": _add_published,
    "updated": _add_updated,
    "comment": _add_comment,
    "score": _add_score,
    "code": _add_code,
    "arxiv": _add_arxiv,
    "id": _add_id,
    "doi": _add_doi,
    "pmid": _numbered("pmid", r"(?:pmid:?\s*)?(\d{4,9})"),
    "openreview": _numbered("openreview", r"([\w-]{6,20})"),
    "nber": _numbered("nber", r"(w\d{1,6})"),
    "ssrn": _numbered("ssrn", r"(\d{4,9})"),
    "link": _add_link,
}


def links_to(paper: PaperId, ids: Iterable[PaperId], urls: Iterable[str], *, code: str | None) -> Links:
    """The paper's links: pages made from its ids, then the file's own links; `code` is that of its code."""
    kind, _, name = paper.partition(":")
    usable = [url for url in dict.fromkeys(urls) if is_printable_link(url)]
    unnamed = [url for url in usable if linked_id(url) is None]
    at_hosts = [url for url in unnamed if _CODE_HOST.match(url)]
    pages = [url for url in unnamed if url not in at_hosts]
    at_huggingface = any("huggingface.co/" in url.lower() and linked_id(url) == paper for url in usable)
    others = [_page(known) for known in ids if known != paper and not known.startswith("arxiv:")]
    return Links(
        abs=pages.pop(0) if kind == "title" and pages else _page(paper) if kind != "title" else None,
        pdf=f"https://arxiv.org/pdf/{name}" if kind == "arxiv" else None,
        huggingface=f"https://huggingface.co/papers/{name}" if at_huggingface else None,
        code=code if code and is_printable_link(code) else next(iter(at_hosts), None),
        other=tuple(dict.fromkeys((*others, *pages)))[:20],
    )


def _page(paper: PaperId) -> str:
    kind, _, name = paper.partition(":")
    return {
        "arxiv": "https://arxiv.org/abs/",
        "doi": "https://doi.org/",
        "openreview": "https://openreview.net/forum?id=",
        "acl": "https://aclanthology.org/",
        "pmid": "https://pubmed.ncbi.nlm.nih.gov/",
        "nber": "https://www.nber.org/papers/",
        "ssrn": "https://ssrn.com/abstract=",
    }[kind] + name


def text_ids(text: str) -> list[PaperId]:
    """Papers whose arXiv numbers stand after `arXiv:`, in the text's order."""
    if "rxiv" not in text.lower():
        return []
    return [PaperId(f"arxiv:{match[1].lower()}") for match in _TEXT_ID.finditer(text)]


def text_urls(text: str) -> list[str]:
    """The web addresses that stand in the text, without the punctuation after them."""
    return [trimmed(match[0]) for match in _URL.finditer(text)] if "://" in text else []


def trimmed(url: str) -> str:
    """The address without the punctuation that follows it in a sentence."""
    url = url.rstrip(".,;:!?*_'\"”’。，、；：）】」")
    while url.endswith((")", "]")) and url.count("(") + url.count("[") < url.count(")") + url.count("]"):
        url = url[:-1].rstrip(".,;:")
    return url


def strings(value: Any, depth: int = 3) -> Iterator[str]:
    """The texts in a value, which may be nested a little."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping) and depth:
        for item in value.values():
            yield from strings(item, depth - 1)
    elif isinstance(value, (list, tuple)) and depth:
        for item in value[:50]:
            yield from strings(item, depth - 1)


def text_of(value: Any) -> str:
    """The value as one line of text without markup."""
    if isinstance(value, str):
        return plain_words(value[:MAX_TEXT])
    if isinstance(value, (list, tuple)):
        return one_line(" ".join(text_of(item) for item in value[:100]))
    return one_line(str(value)) if isinstance(value, (int, float)) else ""


def clean_title(value: str) -> str:
    """A title without markup, quotation marks around it and a full stop after it; empty where it is no title."""
    title = plain_words(value[: 4 * MAX_TITLE]).strip(" ·|*_#")
    if title.startswith("["):
        title = _UPDATES.sub("", title)
    if not title[:1].isalnum():
        title = _SIGNS.sub("", title)
        title = _VENUE.sub("", title)
    if title.endswith((")", "]")):
        title = _DAY_BEHIND.sub("", title)
    if (
        len(title) > 2
        and title[0] in '"“«「『'
        and title[-1] in '"”»」』'
        and not set(title[1:-1]) & set('"“”')
    ):
        title = title[1:-1].strip()
    if title.endswith(".") and not title.endswith(("..", " al.", "Inc.")):
        title = title[:-1].rstrip()
    return title if len(title) <= MAX_TITLE and title.casefold() not in _NOTHING else ""


def in_two_languages(title: str) -> list[tuple[str, str]]:
    """The (language, title) of a title with its translation in brackets behind it, the English one first; empty elsewhere."""
    if title.isascii() or not (match := _IN_BRACKETS.match(title)):
        return []
    first, second = (
        (language_of_text(text), text) for text in (match[1].strip(" *_"), match[2].strip(" *_"))
    )
    pair = sorted((first, second), key=lambda each: each[0] != "en")
    whole = pair[0][0] == "en" != pair[1][0] and len(pair[0][1].split()) > 3 and len(pair[1][1]) > 3
    return pair if whole else []


def label_of(name: str) -> str:
    """A field's name as a label to show: `what_is_new` is `What is new`."""
    text = one_line(name.replace("_", " ")).strip(" :：*#-")
    if key_of(text) == "tldr":
        return "TL;DR"
    return text[:1].upper() + text[1:] if text.islower() else text


def names_of(value: Any) -> list[str]:
    """Authors' names from a list, a list of objects, or one line."""
    if isinstance(value, str):
        return list(_split_names(value))
    if isinstance(value, Mapping):
        value = [value]
    names: list[str] = []
    for item in value if isinstance(value, (list, tuple)) else ():
        if isinstance(item, str):
            names += _split_names(item) if len(value) == 1 else [one_line(item)]
        elif isinstance(item, Mapping):
            names.append(_person(item))
    return [name for name in names if name and len(name) <= 200]


def _person(parts: Mapping[str, Any]) -> str:
    whole = parts.get("name") or parts.get("fullname") or parts.get("full_name") or parts.get("literal")
    if isinstance(whole, str):
        return one_line(whole)
    given = parts.get("given") or parts.get("first") or parts.get("firstname") or ""
    family = parts.get("family") or parts.get("last") or parts.get("lastname") or ""
    return one_line(f"{given} {family}")


def _split_names(text: str) -> Iterator[str]:
    text = plain_words(text[:MAX_TEXT])
    text = _BY.sub("", text).strip("[]()*_ ")
    text = _NO_NAME.sub("", text)
    text = _ET_AL.sub("", text)
    parts = _AUTHOR_PARTS.split(text)
    if len(parts) == 1 or (text.count(",") >= len(parts) - 1 and ";" not in text):
        parts = _given_first([piece.strip() for part in parts for piece in part.split(",")])
    for part in parts:
        name = _FOOTNOTE.sub("", _ET_AL.sub("", _AND.sub("", part.strip().strip("'\"")))).strip(" .'\"*_")
        if name and name.casefold() not in _NOTHING:
            yield name + ("." if part.rstrip().endswith(("Jr.", "Sr.")) else "")


def _given_first(parts: list[str]) -> list[str]:
    """Names whose initials stand behind a comma, `Poe, A. B., Lee, C.`, with the initials before them."""
    if len(parts) < MIN_PAIRED or not all(map(_INITIALS.fullmatch, parts[1:-1:2])):
        return parts
    return [" ".join(reversed(parts[index : index + 2])) for index in range(0, len(parts), 2)]


def _last_before(near: dt.date | None, month_day: str | None) -> dt.date | None:
    """The last day of that month and day that is not after `near`."""
    if near is None or month_day is None:
        return None
    days = (day_of(f"{near.year - back}-{month_day.replace('/', '-').replace('.', '-')}") for back in (0, 1))
    return next((day for day in days if day and day <= near), None)


def day_of(value: Any) -> dt.date | None:
    """The day in a date, a timestamp, or a text that begins with one."""
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    if isinstance(value, Mapping):  # CSL-JSON: {"date-parts": [[2031, 5, 5]]}
        parts = next(iter(value.get("date-parts") or ()), ())
        text = (
            "-".join(f"{part:02}" for part in parts[:3] if isinstance(part, int))
            if isinstance(parts, (list, tuple))
            else ""
        )
        return any_date(text)
    return any_date(value[:60]) if isinstance(value, str) else None
