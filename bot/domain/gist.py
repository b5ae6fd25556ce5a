"""Gist: a sentence or two on what a paper does and what came out, from summaries as models and authors write them.

A summary may begin with chatter of the model that wrote it, be a list (`i) … ii) …`, `a) **Objective:** …`), or have
five sentences in a fixed order (what, question, method, result, use). Either way it has *parts*, each with a *role*.
The rules go by the form of the text; none knows a source.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple

from bot.domain.papers import Point
from bot.domain.text import cut, plain_line, plain_text, sentences

Role = Literal["gist", "topic", "idea", "problem", "method", "result", "use", "other"]
"""What a part tells: the paper in short, its field, what is new, the problem, the method, the result, what it is good for."""

GIST_LENGTH = 280


class LabelledPart(NamedTuple):
    """A part of a summary, as plain text; `label` is the digest's own, empty where it has none."""

    role: Role
    label: str
    text: str


class CleanSummary(NamedTuple):
    """A summary as plain text without chatter, headings and list marks; `parts` are empty where it has no such form."""

    text: str
    parts: tuple[LabelledPart, ...]


# Labels


def _patterns(written: Iterable[tuple[Role, str]]) -> tuple[tuple[Role, re.Pattern[str]], ...]:
    return tuple((role, re.compile(pattern, re.IGNORECASE)) for role, pattern in written)


_ROLES = _patterns(
    (
        ("other", r"why selected|relevan|follow.?up|keyword|关键词|相关"),
        ("gist", r"\bsummary\b|tl;?\s?dr|overview|in short|一句话|总结|概括|摘要|要約|요약"),
        ("idea", r"\bidea|contribution|innovation|novel|insight|what'?s new|创新|贡献|思路|想法|切入"),
        ("problem", r"problem|objective|question|\bgoal|\baim|motivation|challenge|background|\bgap\b"
            r"|问题|动机|背景|目标|挑战|现状|痛点|矛盾|課題|目的"),
        ("method", r"method|approach|technique|technical|\bhow\b|方法|技术|手法|技術"),
        ("result", r"result|finding|performance|evaluation|evidence|experiment|结果|实验|证据|結果"),
        ("use", r"implication|conclusion|impact|take.?away|practitioner|significance|application|so what"
            r"|结论|意义|启示|影响|結論|意義"),
        ("topic", r"topic|domain|\bfield|\btask|主题|领域|任务"),
    )
)  # fmt: skip
_BEFORE_LABEL = re.compile(r"^[^\w(]+|[\s:：*]+$")


def role_of(label: str) -> Role:
    """The role of a part with that label, in any language that the rules know; else `other`."""
    return next((role for role, pattern in _ROLES if pattern.search(label)), "other")


def label_words(label: str) -> str:
    """The label's words, without emoji before them and the colon after them."""
    return _BEFORE_LABEL.sub("", plain_line(label, 60))


# Summaries


_CHATTER = re.compile(
    r"^\W{0,4}(?:sure|okay|ok|certainly|of course|here(?:'s|’s| is| are)|below is|the following is|based on|this is)\b"
    r"(?=[^:]{0,300}(?:summary|summari[sz]|overview|guideline|tl;?dr))"
    r"(?:[^:\"“]|\"[^\"]{0,300}\"|“[^”]{0,300}”){0,300}?:\s*"
    r"|^\W{0,4}summary of (?:the |this )?(?:ai )?(?:research )?(?:paper|article|work)(?: is)?\s*:\s*",
    re.IGNORECASE,
)
_AFTER_ALL = re.compile(r"(?:follow.?up questions?|questions for further)\b[^.]{0,40}:", re.IGNORECASE)
"""A model's questions to its reader, after the summary."""
_HEAD = re.compile(
    r"^(?:\*\*)?(?:paper |concise |brief )?summary\s*(?:\*\*)?\s*[:：]\s*(?:\*\*)?\s*(?=\(?(?:i|a|1)[).])",
    re.IGNORECASE,
)
_LISTS = (
    ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii"),
    tuple("abcdefgh"),
    tuple("12345678"),
)
_ITEM = re.compile(
    r"(?:^|\s|(?<=[；。，]))\s*\**\s*\(?(?P<mark>[ivx]{1,4}|[a-h]|[1-8])(?P<close>[).])\s*(?=\S)"
)
_LONE_MARK = re.compile(r"^\W{0,3}(?:1[.)]|i\)|a\))\s+")
_BLANK_AFTER_STOP = re.compile(r"(?<=[；。，]) ")
_BEGINS = re.compile(r"(?:^|[.?!”\"*)])$")
_GOES_ON = re.compile(r"(?:[,;:(]|\b(?:and|or|with|step|eq))$", re.IGNORECASE)
_BOLD_LABEL = re.compile(
    r"^\s*\*{0,2}(?:an? )?([^*:：.]{2,90}?)\s*(?:[:：]\s*\*\*|\*\*\s*[:：]?)\s*", re.IGNORECASE
)
_PLAIN_LABEL = re.compile(
    r"^\s*((?:an? )?(?:(?:main|primary|key|principal|core|one|1|brief|concise|research|specific)[- ])*"
    r"(?:line |sentence |research )*(?:summary|overview|tl;?dr|questions?|objectives?|goals?|aims?|methodology|methods?|approach|results?"
    r"|findings?|implications?|conclusions?|motivation|background|problem)"
    r"(?:(?: or |/| and | )(?:questions?|objectives?|used|results?|findings?))*(?: for ai practitioners)?)\s*(?:\([^()]{0,60}\))?\s*"
    r"[:：]\s*",
    re.IGNORECASE,
)  # fmt: skip
_SUMMARY_WORD = re.compile(
    r"^\s*\*{0,2}(?:an? )?(?:(?:one|1)[- ]line |brief )?summary\*{0,2}\s*[:：]?\s+(?=[A-Z0-9])", re.IGNORECASE
)
_BOLD_HEAD = re.compile(r"^\s*\*\*([^*]{3,300})\*\*\s*[:：]?\s*")

_CUES = _patterns(
    (
        ("use", r"^.{0,60}\b(?:practitioners?|implications?)\b|^(?:this|these) (?:work|research|finding|result)s?\b.{0,60}\b(?:engineers?|developers?)\b"),
        ("problem", r"^(?:the|its|their|a)?\s*(?:(?:main|primary|core|central|key|overall|research|paper'?s?|study'?s?|authors'?) )*"
            r"(?:research )?(?:questions?|objectives?|goals?|aims?|problem|motivation)\b"
            r"|^(?:the|this) (?:research|paper|study|work|authors?) (?:\w+ly )?(?:aim|seek|address|ask|tackle)"),
        ("method", r"^(?:the|its|their|a|this)?\s*(?:(?:main|primary|core|central|key|proposed|research|paper'?s?|study'?s?|authors'?) )*"
            r"(?:methodolog|method |methods |approach |technique|framework |pipeline )"),
        ("result", r"^(?:the|its|their|a|some|on)?\s*(?:(?:main|primary|core|central|key|experimental|empirical|preliminary|quantitative|extensive"
            r"|evaluation|comprehensive|human) )*(?:results?|findings?|experiments?|evaluations?|benchmarking|tests?)\b"
            r"|^.{0,200}\b(?:outperform|achiev|surpass|exceed|state-of-the-art|improv(?:es|ed|ing|ement)|reduc(?:es|ed|ing|tion))"),
    )
)  # fmt: skip
_IN_ORDER: tuple[Role, ...] = ("gist", "problem", "method", "result", "use")
_BY_LETTER: tuple[Role, ...] = ("problem", "method", "result", "use")


@lru_cache(maxsize=4096)
def clean_summary(written: str, title: str = "") -> CleanSummary:
    """The summary without anything that is not about the paper, and its parts in order. A heading that repeats the `title`
    is dropped.
    """
    plain = _CHATTER.sub("", written.strip(), count=1)
    if "question" in plain.lower() and (questions := _AFTER_ALL.search(plain)):
        plain = plain[: questions.start()].rstrip().rstrip("*").rstrip()
    head = _BOLD_HEAD.match(plain)
    if head and title and plain_text(head[1]).casefold() == plain_text(title).casefold():
        plain = plain[head.end() :]
    plain = _HEAD.sub("", plain, count=1)
    parts = _listed(plain) or _ordered(plain)
    if not parts:
        _, text = _labelled(_LONE_MARK.sub("", plain))
        return CleanSummary(plain_line(text), ())
    return CleanSummary(_BLANK_AFTER_STOP.sub("", " ".join(part.text for part in parts)), parts)


def _listed(text: str) -> tuple[LabelledPart, ...]:
    """The parts of a text that is a list, the first one being the text before the list; empty where it is no list."""
    lists = [marks for marks in _LISTS if f"{marks[1]})" in text or f"{marks[1]}." in text]
    items = list(_ITEM.finditer(text)) if lists else []
    for marks in lists:
        run: list[re.Match[str]] = []
        for item in items:
            if item["mark"] == marks[len(run) % len(marks)] and _is_next(text, item, run):
                run.append(item)
        if len(run) > 1:
            return _parts_of_list(text, run, _BY_LETTER if marks[0] == "a" else _IN_ORDER)
    return ()


def _is_next(text: str, item: re.Match[str], run: Sequence[re.Match[str]]) -> bool:
    """True where the mark begins the next part: the first part follows a sentence, later ones are not in an enumeration."""
    before = text[max(item.start() - 12, 0) : item.start()].rstrip()
    if run:
        whole = not text[: run[0].start()].strip()
        return item["close"] == run[0]["close"] and (
            not _GOES_ON.search(before) or (whole and before.endswith((";", ",", "；", "，")))
        )
    return _BEGINS.search(before) is not None


def _parts_of_list(
    plain: str, run: Sequence[re.Match[str]], order: Sequence[Role]
) -> tuple[LabelledPart, ...]:
    texts = [
        plain[item.end() : end]
        for item, end in zip(run, [item.start() for item in run[1:]] + [None], strict=True)
    ]
    parts = [_part(text) for text in texts]
    if len(parts) == len(order) and _is_in_order(parts, order):
        parts = [part._replace(role=role) for part, role in zip(parts, order, strict=True)]
    elif parts[0].role == "other":
        parts[0] = parts[0]._replace(role="gist")
    before = plain_line(plain[: run[0].start()])
    if before:
        parts.insert(0, LabelledPart("gist", "", before))
    return tuple(part for part in parts if part.text)


def _is_in_order(parts: Sequence[LabelledPart], order: Sequence[Role]) -> bool:
    """Whether the parts have the roles of `order`; one unlabelled part may seem to have another."""
    odd = [part for part, role in zip(parts, order, strict=True) if part.role not in ("other", role)]
    return len(odd) <= 1 and not any(part.label for part in odd)


def _part(written: str) -> LabelledPart:
    label, text = _labelled(written)
    text = plain_line(text).strip("*").strip()
    cued: Role = next((role for role, cue in _CUES if cue.search(text)), "other")
    return LabelledPart(role_of(label) if label else cued, label, text)


def _labelled(written: str) -> tuple[str, str]:
    """The label at the beginning, empty where there is none, and the text after it."""
    for pattern in (_BOLD_LABEL, _PLAIN_LABEL):
        match = pattern.match(written)
        if match and (pattern is _PLAIN_LABEL or role_of(match[1]) != "other"):
            return label_words(match[1]), written[match.end() :]
    if match := _SUMMARY_WORD.match(written):
        return "Summary", written[match.end() :]
    return "", written


def _ordered(plain: str) -> tuple[LabelledPart, ...]:
    """The parts of a text whose sentences show their roles by their beginnings, in the usual order; else none."""
    _, text = _labelled(plain)
    written = sentences(plain_line(text))
    if len(written) < len(_BY_LETTER):
        return ()
    parts = [LabelledPart("gist", "", written[0])]
    for sentence in written[1:]:
        role = next((role for role, cue in _CUES if cue.search(sentence)), None)
        if role is None or role == parts[-1].role:
            parts[-1] = parts[-1]._replace(text=f"{parts[-1].text} {sentence}")
        else:
            parts.append(LabelledPart(role, "", sentence))
    indices = [_IN_ORDER.index(part.role) for part in parts]
    in_order = all(left < right for left, right in pairwise(indices))
    return tuple(parts) if in_order and len(parts) >= len(_BY_LETTER) else ()


# Openings


_SUBJECT = (
    r"(?:in )?(?:this|the|our|their)(?: present)? (?:[\w-]+ ){0,2}?(?:research paper|technical report|position paper|paper|work|study"
    r"|article|report|research|survey|manuscript|thesis|letter|review|authors?|researchers?)"
    r"(?:,? (?:titled |entitled )?[\"“][^\"”]{0,300}[\"”],?)?(?:,? by [^.]{1,200}?)?"
)
_INTRODUCING = r"(?:introduc|present|propos|describ|provid|report|offer|detail|develop|unveil|releas|contribut|creat)(?:e|es|ed|s)?"
_FINDING = r"(?:show|demonstrat|find|reveal|prov|establish|found)(?:e|es|ed|s|ing)? that"
_ADVERB = r"(?:(?:\w+ly|also|first|further|then|therefore|thus|here) )*"
_REFERRING = (
    r"(?:(?:to|in|for|by|with|motivated by|inspired by|based on|building on|given)\b[^,]{0,90}"
    r"\b(?:this|these|those|such|above)\b[^,]{0,60},\s*|(?:thus|therefore|hence|here|to this end|in response|specifically|however|accordingly),\s*)?"
)
_SUBJECT_OR_PRONOUN = rf"(?:{_SUBJECT},? (?:we |the authors )?|we |authors |it )"
_DROPPED = re.compile(
    rf"{_REFERRING}{_SUBJECT_OR_PRONOUN}{_ADVERB}(?:{_INTRODUCING}|{_FINDING})\s+(?!(?-i:and|or|to|that|how|in|on|for|by)\b|,)"
    r"(?:the (?:novel|new|key|core|main) (?:idea|concept|notion) (?:of|that)\s+)?(?=\S{2}|[A-Z])",
    re.IGNORECASE,
)
_KEPT_VERB = re.compile(
    rf"{_REFERRING}{_SUBJECT},? {_ADVERB}(?!(?:is|was|has|does)\b)(?=[a-z]+(?:s|ed) )", re.IGNORECASE
)
_WE_VERB = re.compile(
    rf"{_REFERRING}(?:{_SUBJECT},? )?(?:we|the (?:authors?|researchers?)) {_ADVERB}"
    r"(?P<verb>propose|investigate|explore|study|evaluate|analy[sz]e|examine|demonstrate|show|address|survey|review|aim|seek|tackle|argue|revisit"
    r"|benchmark|conduct|compare|assess|identify|reveal|prove|derive|outline|discuss|formalize|extend|apply|improve|focus|leverage|employ"
    r"|adapt|design|build|construct|formulate|ask|advance|characterize|quantify|solve|consider|measure|establish|generalize|use)\b",
    re.IGNORECASE,
)
_IN_THIS_PAPER = re.compile(
    r"in (?:this|the present) (?:paper|work|study|article|report|letter),\s*", re.IGNORECASE
)
_CHINESE_SUBJECT = re.compile(
    r"(?:本(?:研究|論文|試験)は、|在?(?:本文|本研究|本论文|该论文|这篇论文|论文|该研究|该文章?|文章|研究者|作者|我们)(?:中)?[，,]?)(?=[^は]\S{4})"
)
_ANNOUNCES = re.compile(
    rf"\b(?:we|authors|{_SUBJECT},?(?: we)?) {_ADVERB}(?:{_INTRODUCING}|{_FINDING}|investigat|explor|stud(?:y|ies)|evaluat|analy|examin|address"
    r"|argue|survey|review|design|build|construct|formulate|revisit|derive|prove|aim|seek|tackle|show|conduct|establish|demonstrat)"
    r"|^[\"“]?[\w.+-]{0,40}[A-Z0-9][\w.+-]* (?:is|are) (?:an? |the )"
    r"|(?:本文|本研究|本论文|该论文|论文|我们)(?:.{0,4})(?:提出|介绍|研究|探讨|构建|引入|开发)",
    re.IGNORECASE,
)
_AMID = re.compile(
    rf"(?:^|[,;:.—]\s*|\b(?:while|but|and|whereas)\s+)(?P<tail>(?:{_SUBJECT},? (?:we )?|we |it |authors ){_ADVERB}(?:{_INTRODUCING})\s.*)",
    re.IGNORECASE | re.DOTALL,
)
_NEW_IDEA = re.compile(
    r"(?:proposing|introducing|presenting)(?: instead)? (?P<tail>.{30,})", re.IGNORECASE | re.DOTALL
)


_ENUMERATES = re.compile(r"\(?(?:\d{1,2}|[ivx]{1,4}|[a-e])\)", re.IGNORECASE)
"""An enumeration after an opening, which is kept: without it the list would have no subject."""


def without_opening(sentence: str) -> str:
    """The sentence without the words that only say that this is a paper: `This paper introduces a benchmark` is `A benchmark`."""
    if (match := _DROPPED.match(sentence)) and not _ENUMERATES.match(sentence, match.end()):
        return _capitalised(sentence[match.end() :])
    if match := _WE_VERB.match(sentence):
        return _capitalised(_third_person(match["verb"].lower()) + sentence[match.end() :])
    if match := _KEPT_VERB.match(sentence):
        return _capitalised(sentence[match.end() :])
    if match := _IN_THIS_PAPER.match(sentence):
        return _capitalised(sentence[match.end() :])
    if match := _CHINESE_SUBJECT.match(sentence):
        return sentence[match.end() :]
    return sentence


def _third_person(verb: str) -> str:
    if verb.endswith("y"):
        return f"{verb[:-1]}ies"
    return verb + ("es" if verb.endswith(("s", "x", "ch", "sh")) else "s")


def _capitalised(text: str) -> str:
    """The text with a capital first letter where its first word is an ordinary one; names in lower case stay."""
    first = text.split(" ", 1)[0].rstrip(",;:.")
    return (
        text[:1].upper() + text[1:]
        if first.islower() and first.replace("-", "").isalpha() and first.isascii()
        else text
    )


_RESULT_OPENING = re.compile(
    r"(?:(?:\w+ly, )?(?:the|a|our|its|in)?\s*(?:(?:main|primary|core|central|key|experimental|empirical|preliminary|quantitative|extensive|evaluation"
    r"|comprehensive|principal|significant) )*(?:results?|findings?|experiments?|evaluations?|analys[ie]s|study|authors?|research|paper)"
    r"(?: (?:of|on|with|across|in|using|from|for) [^,.]{1,60}?)?,? (?:\w+ly )?(?:show|shows|showed|shown|indicate|indicates|indicated|demonstrate|demonstrates|demonstrated|reveal|reveals|revealed"
    r"|suggest|suggests|find|finds|found|is|include|are|include that)(?: that)?[:,]?\s+)(?=\S{2})",
    re.IGNORECASE,
)
_PART_OPENING = re.compile(
    r"(?:the|its|their|a|this)?\s*(?:(?:main|primary|core|central|key|overall|research|principal|paper'?s?|study'?s?|authors'?|proposed) )*"
    r"(?:(?:questions?|objectives?|goals?|aims?|methodolog(?:y|ies)|methods?|approach|implications?)"
    r"(?: (?:for|of) (?:ai )?practitioners| used)?) (?:(?:is|was|are|involves|includes?|employs|uses|consists of)(?: that| to)?[:,]?|that)\s+"
    r"|for (?:ai )?practitioners, (?:this|the (?:principal |main |key )?(?:implication|takeaway)) (?:implies|is|means|suggests)(?: that)?\s+",
    re.IGNORECASE,
)  # fmt: skip
_STATES_RESULT = re.compile(
    r"\b(?:achiev|outperform|surpass|exceed|improv|reduc|state-of-the-art|sota\b|speedup|faster|gain|accura|attain|reach|boost|better than|competitive)"
    r"|\d\s?%|优于|超过|达到|提升|提高|降低|超越|最先进",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r";\s|\s(?=and (?:improv|achiev|reduc|outperform|surpass|increas|exceed|enabl|maintain)\w+ )|[,，—]\s?(?=(?:and |while|whereas|with|which|but|[a-z]+ing)\b)|；|——"
)
_LEFT_OVER = re.compile(r",? (?:for example|for instance|specifically|notably|namely|e\.g\.?|i\.e\.?)$")
_SHORTEST, _SHORTEST_CLAUSE = 30, 20
_FULL_STOPS = ".?!。！？…"


def gist_of(summaries: Iterable[CleanSummary], points: Sequence[Point]) -> str:
    """The gist as plain text of at most GIST_LENGTH; empty where nothing is known.

    It begins with a short summary (a TL;DR), else the sentence of a summary that announces what the paper does, else what
    is new or the method. A result follows where there is room. The topic is used only where there is nothing else.
    """
    parts = [LabelledPart(role_of(point.label), point.label, plain_line(point.text)) for point in points]
    texts = list(summaries)
    short = next((part.text for part in parts if part.role == "gist" and len(part.text) >= _SHORTEST), "")
    what = (
        _announcement(short)
        or next(filter(None, (_announcement_of(summary) for summary in texts)), "")
        or _announcement_in_points(parts)
    )
    results = [_without_result_opening(text) for text in _result_sentences(texts, parts)]
    if not what:
        what = next(filter(None, results), "") or next((part.text for part in parts), "")
    whole = _with_full_stop(what)
    if len(whole) > GIST_LENGTH:
        return _shortened(what, GIST_LENGTH) or cut(whole, GIST_LENGTH)
    space = "" if whole.endswith(tuple("。！？")) else " "
    for result in results:
        if result in what or _same_beginning(result, what) or _is_cjk(result) != _is_cjk(what):
            continue
        if fitting := _shortened(result, GIST_LENGTH - len(whole) - len(space)):
            return whole + space + fitting
    return whole


def _announcement_of(summary: CleanSummary) -> str:
    if summary.parts:
        heads = [part for part in summary.parts if part.role == "gist"] or list(summary.parts[:1])
        return _announcement(" ".join(part.text for part in heads))
    return _announcement(summary.text)


def _announcement(text: str) -> str:
    """The first sentence that announces what the paper does, else the first one, without its opening."""
    written = sentences(text)
    if not written:
        return ""
    chosen = next((sentence for sentence in written if _ANNOUNCES.search(sentence)), written[0])
    if len(chosen) < _SHORTEST and len(written) > 1 and text.isascii():
        chosen = text[text.index(chosen) :]
    return without_opening(_introduction(chosen))


def _introduction(sentence: str) -> str:
    """The sentence from the words on that introduce something, where it begins with earlier work."""
    if _DROPPED.match(sentence) or len(sentence) < GIST_LENGTH // 2:
        return sentence
    match = _AMID.search(sentence)
    return match["tail"] if match and len(match["tail"]) > 2 * _SHORTEST else sentence


def _announcement_in_points(parts: Sequence[LabelledPart]) -> str:
    for part in parts:
        if part.role == "idea":
            for pattern in (_AMID, _NEW_IDEA):
                if match := pattern.search(part.text):
                    return without_opening(_capitalised(sentences(match["tail"])[0]))
    roles: tuple[Role, ...] = ("method", "idea", "problem", "other")
    for role in roles:
        for part in parts:
            if part.role == role and part.text:
                return without_opening(sentences(part.text)[0])
    return ""


def _result_sentences(summaries: Sequence[CleanSummary], parts: Sequence[LabelledPart]) -> Iterator[str]:
    for every in (*(summary.parts for summary in summaries), parts):
        results = [sentence for part in every if part.role == "result" for sentence in sentences(part.text)]
        yield from sorted(results, key=lambda sentence: not any(sign.isdigit() for sign in sentence))
    for summary in summaries:
        if not summary.parts:
            yield from (sentence for sentence in sentences(summary.text) if _STATES_RESULT.search(sentence))


def _without_result_opening(sentence: str) -> str:
    match = _RESULT_OPENING.match(sentence)
    return _capitalised(sentence[match.end() :]) if match else without_opening(sentence)


def without_part_opening(text: str) -> str:
    """The text of a labelled part without words that repeat the label: `The main objective is to see` is `See`."""
    for pattern in (_PART_OPENING, _RESULT_OPENING):
        match = pattern.match(text)
        if match and text[match.end() :][:1].isalnum() and not _ENUMERATES.match(text, match.end()):
            return _capitalised(text[match.end() :])
    return text


def _shortened(sentence: str, room: int) -> str:
    """The sentence if it fits, else its beginning up to the last clause end at which it still tells a result; else ""."""
    whole = _with_full_stop(sentence)
    if len(whole) <= room:
        return whole
    ends = [
        clause.start() for clause in _CLAUSE.finditer(sentence) if _SHORTEST_CLAUSE <= clause.start() < room
    ]
    for end in reversed(ends):
        clause = _LEFT_OVER.sub("", sentence[:end].rstrip(" ,;:，；"))
        if _STATES_RESULT.search(clause) and clause.count("(") == clause.count(")"):
            return _with_full_stop(clause)
    return ""


def _with_full_stop(text: str) -> str:
    text = text.rstrip(" ,;:")
    if not text or text.endswith(tuple(_FULL_STOPS)) or (text[-1:] in '”"' and text[-2:-1] in _FULL_STOPS):
        return text
    return text + ("。" if text[-1] > "\u2e80" else ".")


def _is_cjk(text: str) -> bool:
    """True where the beginning of the text has Chinese, Japanese or Korean characters."""
    return any(sign > "\u2e80" for sign in text[:_SHORTEST])


def _same_beginning(text: str, other: str) -> bool:
    return text[:_SHORTEST].casefold() == other[:_SHORTEST].casefold()
