"""Shared by the readers: the decoded text, the findings, and the parsing of dates, links, points and questions."""

import codecs
import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.domain.digests import Digest, DigestKind, Problem
from bot.domain.errors import DigestTooLarge, NotADigest
from bot.domain.flowchart import merged
from bot.domain.papers import USUAL_LINK, Entry, Links, PaperId, Point, Question, arxiv_id, linked_id
from bot.domain.text import one_line, unescape

_DATE = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)")
_MONTHS = "january february march april may june july august september october november december".split()
_MONTH = "(" + "|".join(f"{month}|{month[:3]}" for month in _MONTHS) + ")[a-z]{0,4}"
_DIGITS = re.compile(r"\d{4}")
MIN_DATE = 8
_OTHER_DATES = (
    (re.compile(r"(?<!\d)((?:19|20|21)\d\d)[./_年](\d{1,2})[./_月](\d{1,2})(?!\d)"), "ymd"),
    (re.compile(r"(?<!\d)((?:19|20|21)\d\d)(\d\d)[/]?(\d\d)(?!\d)"), "ymd"),
    (re.compile(r"(?<!\d)(\d{1,2})/(\d{1,2})/((?:19|20|21)\d\d)(?!\d)"), "mdy"),
    (
        re.compile(
            rf"(?<!\d)(\d{{1,2}})(?:st|nd|rd|th)?[ -]{_MONTH}[.,]?[ -]((?:19|20|21)\d\d)(?!\d)", re.IGNORECASE
        ),
        "dby",
    ),
    (
        re.compile(
            rf"\b{_MONTH}\.?[ -](\d{{1,2}})(?:st|nd|rd|th)?,?[ -]((?:19|20|21)\d\d)(?!\d)", re.IGNORECASE
        ),
        "bdy",
    ),
)
_TAG = re.compile(
    r"</?(?:a|abbr|b|blockquote|br|code|div|em|figure|font|h[1-6]|hr|i|img|li|mark|ol|p|pre|q|s|small|span|strong|su[bp]|table|tbody|td|th|thead|tr|u|ul"
    r"|details|summary|center|section|article|i?frame)\b[^<>]*/?>|<!--.{0,500}?-->",
    re.IGNORECASE,
)
_MARKDOWN_LINK = re.compile(r"!?\[([^\[\]]{0,500})\]\((?:[^()\s]|\([^()\s]*\)){0,500}\)")
_STRONG_WORDS = re.compile(r"(\*\*|__)(?=\S)([^*_]{1,600}?)(?<=\S)\1")
_UNDECODABLE = re.compile("[\udc80-\udcff]+")
_LOOKED_AT = 4_096
"""Bytes in which a document declares its encoding (HTML: 1,024)."""
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
_LABELS = {
    **dict.fromkeys(("gb2312", "gbk", "gb_2312-80", "x-gbk", "chinese", "hz-gb-2312"), "gb18030"),
    **dict.fromkeys(("iso-8859-1", "latin1", "l1", "us-ascii", "ascii", "x-cp1252"), "cp1252"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis", "ms_kanji", "windows-31j"), "cp932"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987", "korean", "windows-949"), "cp949"),
    **dict.fromkeys(("big5", "x-x-big5", "cn-big5"), "big5hkscs"),
    "x-euc-jp": "euc_jp",
    "utf-16": "utf-16-le",
    "unicode": "utf-16-le",
}
"""What browsers take a label for, where that differs from its standard: pages hold more signs than they declare."""
_MHTML = re.compile(
    rb"(?:[A-Za-z-]+:[^\n]*\r?\n(?:[ \t][^\n]*\r?\n)*)*?Content-Type:\s*multipart/related\b", re.IGNORECASE
)
_HEAD_OF_MHTML = 4_096
_WIDE = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


@dataclass(frozen=True, kw_only=True, slots=True)
class DigestText:
    """A whole file as text; `name` is for messages and, where nothing else tells it, the date."""

    text: str
    name: str
    problems: tuple[Problem, ...] = ()
    """What was wrong with the bytes themselves."""
    paper_beside: Callable[[str], PaperId | None] | None = None
    """The paper that a file of the same folder is about, by its bare name; None where files are not looked at."""

    _counted: list[int] = field(default_factory=lambda: [0, 1], init=False, repr=False, compare=False)
    """The offset whose line was last asked for, and that line."""

    def line(self, offset: int) -> int:
        """The line, from 1, of the character at `offset`; sooner where offsets ascend from one question to the next."""
        start, line = self._counted if offset >= self._counted[0] else (0, 1)
        line += self.text.count("\n", start, offset)
        self._counted[:] = offset, line
        return line


def decode(data: bytes, *, name: str) -> DigestText:
    """The bytes as text, by byte order mark, as UTF-8, or else as they declare; bytes that are neither become U+FFFD, named.

    A page saved as MHTML is the page in it. Raises NotADigest for one without a page.
    """
    problems: tuple[Problem, ...] = ()
    if _MHTML.match(data[:_HEAD_OF_MHTML]):
        data, encoding = _page_in(data, name)
    else:
        encoding = _encoding_by_bytes(data)
    if data[:2] in _WIDE:
        data = data[2:]
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text, problems = _decode_damaged(data, encoding)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return DigestText(text=text, name=name, problems=problems)


def _encoding_by_bytes(data: bytes) -> str:
    """The encoding that the byte order mark tells, or the zero bytes that UTF-16 has in any Latin text; UTF-8 otherwise."""
    if data[:2] in _WIDE:
        return _WIDE[data[:2]]
    head = data[:_LOOKED_AT]
    if head.count(0) * 4 < len(head):
        return "utf-8-sig"
    return "utf-16-le" if head[1::2].count(0) >= head[::2].count(0) else "utf-16-be"


def declared_encoding(data: bytes) -> str | None:
    """The encoding that a page, a feed or a style declares near its beginning, as browsers take the name."""
    match = _DECLARED.search(data[:_LOOKED_AT])
    return known_encoding(match[1].decode("ascii")) if match else None


def known_encoding(label: str) -> str | None:
    """Python's name for an encoding's label (WHATWG Encoding Standard §4.2); None for an unknown one."""
    label = label.strip().lower()
    try:
        return codecs.lookup(_LABELS.get(label, label)).name
    except LookupError:
        return None


def _page_in(data: bytes, name: str) -> tuple[bytes, str]:
    """The first page of an MHTML file, with its encoding."""
    from email import message_from_bytes

    for part in message_from_bytes(data).walk():
        if part.get_content_type() in ("text/html", "application/xhtml+xml"):
            page = part.get_payload(decode=True)
            if isinstance(page, bytes):
                label = part.get_content_charset() or ""
                return page, known_encoding(label) or _encoding_by_bytes(page)
    raise NotADigest(f"{name}: a saved page (MHTML) without a page in it; save it as HTML")


def _decode_damaged(data: bytes, encoding: str) -> tuple[str, tuple[Problem, ...]]:
    if encoding != "utf-8-sig":
        text = data.decode(encoding, "replace")
        return text, (Problem(line=1, what=f"not everything is {encoding.upper()}; the rest is marked �"),)
    escaped = data.decode(encoding, "surrogateescape")
    text, count = _UNDECODABLE.subn("\ufffd", escaped)
    declared = declared_encoding(data)
    if declared and declared not in ("utf-8", "ascii"):
        decoded = data.decode(declared, "replace")
        missing = decoded.count("\ufffd")
        if not missing:
            return decoded, ()
        if missing < count:
            text, count, encoding = decoded, missing, declared
    first = text.count("\n", 0, text.index("\ufffd")) + 1
    what = f"bytes that are not {encoding.removesuffix('-sig').upper()} in {count} place(s), shown as \ufffd; the first is here"
    return text, (Problem(line=first, what=what),)


def find_date(text: str) -> dt.date | None:
    """The first real calendar day written as YYYY-MM-DD."""
    for match in _DATE.finditer(text):
        try:
            return dt.date(int(match[1]), int(match[2]), int(match[3]))
        except ValueError:
            continue
    return None


def any_date(text: str) -> dt.date | None:
    """The first real calendar day in the text, in the spellings that digests use; numbers alone read year first."""
    if len(text) < MIN_DATE or not _DIGITS.search(text):
        return None
    if day := find_date(text):
        return day
    for pattern, order in _OTHER_DATES:
        for match in pattern.finditer(text):
            if day := _day(match.groups(), order):
                return day
    return None


def _day(parts: Sequence[str], order: str) -> dt.date | None:
    by_sign = dict(zip(order, parts, strict=True))
    month = by_sign.get("m") or next(
        index for index, name in enumerate(_MONTHS, 1) if name.startswith(by_sign["b"].lower()[:3])
    )
    try:
        return dt.date(int(by_sign["y"]), int(month), int(by_sign["d"]))
    except ValueError:
        return None


def plain_words(text: str) -> str:
    """The text on one line without HTML tags, entities and the commonest Markdown; formulas stay as written."""
    if "<" in text:
        text = _TAG.sub(" ", text) if _BREAK.search(text) else _TAG.sub("", text)
    if "&" in text:
        text = unescape(text)
        if "&" in text and ";" in text:
            text = unescape(text)
    if "](" in text:
        text = _MARKDOWN_LINK.sub(r"\1", text)
    if "**" in text or "__" in text:
        text = _STRONG_WORDS.sub(r"\2", text)
    return one_line(text)


def is_printable_link(url: str) -> bool:
    """True for a whole http or https address without blanks and control characters."""
    scheme, _, rest = url.partition("://")
    return (
        scheme.lower() in {"http", "https"}
        and bool(rest)
        and url.isprintable()
        and " " not in url
        and len(url) <= 2_000
    )


MAX_PAPERS = 20_000
MAX_PROBLEMS = 100
MAX_PASSED_OVER = 1_000


class NotThisKind(NotADigest):
    """The content is not of the reader's format, or holds no papers in it: others may try."""


class Findings:
    """Entries, one per paper in the file's order, and problems with the place where they are."""

    def __init__(self, document: DigestText) -> None:
        self.document = document
        self.near: dt.date | None = None
        """The digest's day as far as it is known yet: days without a year lie before it."""
        self._entries: dict[PaperId, Entry] = {}
        self._lines: dict[PaperId, int] = {}
        self._known_as: dict[PaperId, PaperId] = {}
        self._problems = list(document.problems)
        self._passed_over: list[Problem] = []
        self._added = 0
        self._unnamed = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, paper: PaperId) -> bool:
        return paper in self._entries

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._entries.values())

    def add(self, entry: Entry, *, at: int) -> None:
        """Keep the entry; a paper's second entry is a problem. Raises DigestTooLarge over MAX_PAPERS."""
        self._added += 1
        if self._added > MAX_PAPERS:
            raise self._too_many(self.document.line(at))
        if entry.id in self._entries:
            self.problem(at, f"{entry.id} stands here a second time; the first is kept")
        else:
            self._entries[entry.id] = entry
            self._lines[entry.id] = self.document.line(at)

    def take(self, entry: Entry, *, line: int) -> None:
        """Keep the entry; what a paper's later entries say fills in what its first one lacks.

        Raises DigestTooLarge over MAX_PAPERS.
        """
        self._added += 1
        paper = self._known_as.get(entry.id, entry.id)
        known = self._entries.get(paper)
        if self._added > 5 * MAX_PAPERS or (known is None and len(self._entries) >= MAX_PAPERS):
            raise self._too_many(line)
        if known is None:
            self._entries[paper] = entry
            self._lines[paper] = line
        else:
            self._entries[paper] = _filled(known, entry)
        for link in entry.links.other:
            if other := linked_id(link):
                self._known_as.setdefault(other, paper)

    def _too_many(self, line: int) -> DigestTooLarge:
        return DigestTooLarge(f"{self.document.name}:{line}: more than {MAX_PAPERS:,} papers; split the file")

    def problem(self, at: int, what: str) -> None:
        """Name what is wrong at the character `at`; beyond MAX_PROBLEMS they are only counted.

        Raises DigestTooLarge where there is no end to them.
        """
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(Problem(line=self.document.line(at), what=what))
            return
        self._unnamed += 1
        if self._unnamed > MAX_PAPERS:
            index = f"{self.document.name}:{self.document.line(at)}"
            raise DigestTooLarge(f"{index}: more than {MAX_PAPERS:,} problems; split the file")

    def note(self, line: int, what: str) -> None:
        """Name what is wrong in a line; beyond MAX_PROBLEMS they are only counted."""
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(Problem(line=line, what=what))
        else:
            self._unnamed += 1

    def pass_over(self, line: int, what: str) -> None:
        """Remember what names a paper and was not taken, for those who ask why."""
        if len(self._passed_over) < MAX_PASSED_OVER:
            self._passed_over.append(Problem(line=line, what=what))

    def digest(
        self,
        kind: DigestKind,
        *,
        date: dt.date | None,
        empty_at: int,
        tips: Mapping[str, str] | None = None,
    ) -> Digest:
        """The digest as found, its problems in line order; `empty_at` is where papers would stand."""
        if not self._entries:
            self.problem(empty_at, "no papers in this digest")
        if date is None:
            date = find_date(self.document.name)
            taken = "; taken from the file's name" if date else ""
            self.problem(0, f"no date in the heading{taken}")
        return self._digest(kind, date, tips or {})

    def loose_digest(self, kind: DigestKind, *, date: dt.date | None) -> Digest:
        """The digest of a format that need not have a date in its heading: the file's name tells it too."""
        if not self._entries:
            self.note(1, "no papers in this digest")
        return self._digest(kind, date or any_date(self.document.name), {})

    def _digest(self, kind: DigestKind, date: dt.date | None, tips: Mapping[str, str]) -> Digest:
        problems = sorted(self._problems, key=lambda problem: problem.line)
        papers = sorted(self._entries, key=lambda paper: self._lines[paper])
        if self._unnamed:
            problems.append(Problem(line=problems[-1].line, what=f"and {self._unnamed} more problems"))
        return Digest(
            kind=kind,
            date=date,
            entries=tuple(self._entries[paper] for paper in papers),
            tips=tips,
            problems=tuple(problems),
            lines=tuple(self._lines[paper] for paper in papers),
            passed_over=tuple(sorted(self._passed_over, key=lambda problem: problem.line)),
        )


def _filled(known: Entry, other: Entry) -> Entry:
    """The entry with what it lacks taken from a later one on the same paper."""
    editions = {edition.language: edition for edition in other.editions}
    return replace(
        known,
        authors=known.authors or other.authors,
        summary=known.summary or other.summary,
        published=known.published or other.published,
        date=known.date or other.date,
        categories=known.categories or other.categories,
        comment=known.comment or other.comment,
        score=known.score or other.score,
        links=known.links.filled_from(other.links),
        flowchart=merged(known.flowchart, other.flowchart),
        editions=(
            *(
                edition.filled_from(editions.pop(edition.language))
                if edition.language in editions
                else edition
                for edition in known.editions
            ),
            *editions.values(),
        ),
    )


_BREAK = re.compile(r"</?(?:br|div|h[1-6]|li|ol|p|ul)\b[^<>]*>")
_INLINE = re.compile(r"</?(?:a|b|code|em|i|mark|small|span|strong|su[bp]|u)\b[^<>]*>")
_LANGUAGE = re.compile(r"\bdata-lang\s*=\s*[\"']?([a-zA-Z]+)")


def plain(piece: str) -> str:
    """The piece without its markup, folded. What only looks like markup stays: `<think>`, `<10B`, `<|image|>`."""
    if "<" in piece:
        piece = _INLINE.sub("", _BREAK.sub(" ", piece))
    return one_line(unescape(piece))


def language_of(attributes: str) -> str:
    """The language that a tag's attributes name; English where they name none, as the first pages did."""
    match = _LANGUAGE.search(attributes)
    return match[1].lower() if match else "en"


def links_of(urls: Iterable[str]) -> Links:
    """The paper's links: to arXiv and Hugging Face normalised, others unchanged, the first of each kind.

    A PDF on arXiv also gives its abstract page. Links that are not http or https are left out.
    """
    links: dict[str, str] = {}
    for url in urls:
        for kind, link in _named(url.strip()):
            links.setdefault(kind, link)
    return Links(abs=links.get("abs"), pdf=links.get("pdf"), huggingface=links.get("huggingface"))


def _named(url: str) -> Iterable[tuple[str, str]]:
    usual = USUAL_LINK.fullmatch(url)
    if usual:
        return _pages(usual[2], address=usual[1])
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in {"http", "https"} or not rest or not url.isprintable() or " " in url:
        return ()
    number = arxiv_id(url)
    if number is None:
        return [("pdf" if rest.lower().endswith(".pdf") else "abs", url)]
    return _pages(number, address=rest.lower())


def _pages(number: str, *, address: str) -> Iterable[tuple[str, str]]:
    if address.partition("/")[0].endswith("huggingface.co"):
        return (("huggingface", f"https://huggingface.co/papers/{number}"),)
    page = ("abs", f"https://arxiv.org/abs/{number}")
    return (page, ("pdf", f"https://arxiv.org/pdf/{number}")) if "/pdf" in address else (page,)


_RAW_POINT = re.compile(r"(?<!\S)(\d{1,2})\.\s{0,9}\*\*([^*]{1,99})\*\*\s{0,9}[:：]?")
_RAW_LABEL = re.compile(r"\s*\*\*([^*]{1,99})\*\*\s{0,9}[:：]?")


def points_of(parts: Iterable[tuple[int, str, str]]) -> tuple[Point, ...]:
    """The points from (number, label, text) as the digest gives them, in the order of their numbers.

    In some digests each point's text goes on with all following points as raw `2. **Label:** text`: such a
    tail is cut off, and used where its point does not stand on its own.
    """
    own: list[tuple[int, Point]] = []
    raw: dict[int, Point] = {}
    for number, label, text in parts:
        first, *others = _cascade(number, label, text)
        own.append(first)
        for following, point in others:
            raw.setdefault(following, point)
    present = {number for number, _ in own}
    missing = [(number, point) for number, point in raw.items() if number not in present]
    return tuple(point for _, point in sorted([*own, *missing], key=lambda numbered: numbered[0]))


def _cascade(number: int, label: str, text: str) -> Iterator[tuple[int, Point]]:
    labelled = None if label else _RAW_LABEL.match(text)
    begin = labelled.end() if labelled else 0
    label = labelled[1] if labelled else label
    for match in _RAW_POINT.finditer(text, begin) if "**" in text else ():
        if int(match[1]) == number + 1:
            yield number, _point(label, text[begin : match.start()])
            number, label, begin = number + 1, match[2], match.end()
    yield number, _point(label, text[begin:])


def _point(label: str, text: str) -> Point:
    # The model that writes the pages sometimes ends its answer with a line of equals signs.
    return Point(label=plain(label).rstrip(":： "), text=plain(text).removesuffix("===").rstrip())


MIN_OPTIONS = 2
MAX_OPTIONS = 20
MAX_QUESTIONS = 50

_QUESTION_NUMBER = re.compile(r"\d{1,3}[.)．、](?!\d)\s*")


def question_of(
    text: str, options: Sequence[str], *, keys: Sequence[str] | None, problems: list[str]
) -> Question | None:
    """The question without its number, or None where it is no quiz; what is wrong is added to `problems`.

    Texts come folded. `keys` are the readings of the key's attribute, the whole one first, then the one that
    ends at its first quotation mark; None where the digest's form has no keys.
    """
    number = _QUESTION_NUMBER.match(text)
    text = text[number.end() :] if number else text
    usable = tuple(dict.fromkeys(filter(None, options)))
    if not text or not MIN_OPTIONS <= len(usable) <= MAX_OPTIONS:
        problems.append(f"not a quiz, {len(usable)} usable option(s): {text[:60]!r}")
        return None
    if len(usable) < len(options):
        problems.append(f"empty or repeated options left out: {text[:60]!r}")
    if keys is None:
        return Question(question=text, options=usable)
    if not any(keys):
        problems.append(f"a question without a key: {text[:60]!r}")
        return Question(question=text, options=usable)
    answer = _answer(usable, keys)
    if answer is None:
        problems.append(f"the key is none of the options: {text[:60]!r}")
        return Question(question=text, options=usable)
    return Question(question=text, options=usable, answer=answer, answer_source="key")


def _answer(options: Sequence[str], keys: Sequence[str]) -> int | None:
    for key in keys:
        if key in options:
            return options.index(key)
    # An unescaped quotation mark ends the attribute: the key is the one option that goes on with such a mark.
    for key in filter(None, keys):
        cut = [index for index, option in enumerate(options) if _continues(option, key)]
        if len(cut) == 1:
            return cut[0]
    return None


def _continues(option: str, key: str) -> bool:
    return option.startswith(key) and option[len(key) :].lstrip().startswith('"')
