"""Markdown, LaTeX and stray markup as the plain text that they mean."""

import re

from bot.domain.latex import lowered, raised, without_latex

_PAIRED = re.compile(
    r"<(b|i|u|em|strong|code|kbd|mark|small|span)>(.{0,400}?)</\1>", re.IGNORECASE | re.DOTALL
)
_SHIFTED = re.compile(r"<(sup|sub)>([^<>]*)</\1>", re.IGNORECASE)
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_STRONG = re.compile(r"\*\*(?=\S)([^*]+?)(?<=\S)\*\*")
_EMPHASIS = re.compile(r"(?<![\w*\\])\*(?=[^\s*])([^*]*[^\s*])\*(?![\w*])")
_CODE = re.compile(r"(`+)(?!`)(.{1,400}?)(?<!`)\1(?!`)")
_LINK = re.compile(r"!?\[([^\[\]]+)\]\(https?://[^()\s]+\)")


def plain_text(text: str) -> str:
    r"""What the text says on one line, without the marks that only tell how it should look.

    `**x**` is `x`, `$\pi_0$` is `π₀`, `<sup>2</sup>` is `²`, a link is its words. Signs that mean
    something stay as they are: `<|image|>`, `</think>`, `S*`, `N_layers`, `$5`.
    """
    if "<" in text:
        text = _SHIFTED.sub(_shift, _PAIRED.sub(r"\2", _BREAK.sub(" ", text)))
    if "*" in text:
        text = _EMPHASIS.sub(r"\1", _STRONG.sub(r"\1", text))
    if "`" in text:
        text = _CODE.sub(r"\2", text)
    if "](" in text:
        text = _LINK.sub(r"\1", text)
    return " ".join(without_latex(text).split())


def _shift(found: re.Match[str]) -> str:
    return (raised if found[1].lower() == "sup" else lowered)(found[2])


_CHATTER = re.compile(
    r"(?:sure|okay|ok|certainly|here(?:'s|’s| is| are)|below is|the following is|based on|i've|this is a (?:concise )?summary)\b"
    r"[^:]{0,300}?(?:\"[^\"]{0,300}\"[^:]{0,300}?)?:\s*",
    re.IGNORECASE,
)
_MARK = re.compile(r"(?:\(?(?:i{1,3}|a|1)[).]|[-•])\s*", re.IGNORECASE)
_LABEL = re.compile(
    r"(?:(?:one|1)[- ](?:line|sentence) )?(?:brief |concise )?(?:summary|overview|tl;?dr)\s*(?:\([^()]*\))?\s*:\s*",
    re.IGNORECASE,
)
_NEXT_PART = re.compile(r"\s+(?:\(?ii[).]|b\)|2[).]\s+[A-Z])\s*")
_SENTENCE_END = re.compile(
    r"(?<=[.!?。！？])(?<!\b[A-Z]\.)(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bet al\.)(?<!\bvs\.)\s+(?=[\"“(A-Z0-9])"
)


def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a plain text, in order; joined by blanks they are the text."""
    return tuple(filter(None, _SENTENCE_END.split(text)))


def gist(summary: str) -> str:
    """The first sentence that says something of the paper, as plain text.

    Chatter of the model that wrote the summary ("Here is a concise summary…:") and the label of the first
    part (`i) **Summary:**`) are left out.
    """
    text = plain_text(summary)
    said = text[found.end() :] if (found := _CHATTER.match(text)) else text
    for opening in (_MARK, _LABEL, _MARK):
        if found := opening.match(said):
            said = said[found.end() :]
    first_part = _NEXT_PART.split(said, maxsplit=1)[0]
    first = next(iter(sentences(first_part)), "")
    return first or text
