"""Text made plain and safe to show: Markdown, LaTeX, unsafe characters, cutting, length, width, sentences, excerpts."""

import hashlib
import html
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable
from difflib import get_close_matches

_BIDI = "\u202a-\u202e\u2066-\u2069"  # embeddings, overrides and isolates
_NO_SIGN = "\u00ad\u061c\u200b\u200e\u200f\u2060-\u2064"  # soft hyphens, direction marks, signs without width
_UNSAFE = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # controls, which terminals obey
    f"{_BIDI}"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff"  # surrogates, byte order marks, what XML 1.0 §2.2 forbids
)
UNSAFE = re.compile(f"[{_UNSAFE}]")
"""Characters that are never shown: they steer a terminal, reorder a reader's text, or break an XML parser."""
INVISIBLE = re.compile(f"[{_NO_SIGN}{_BIDI}\ufeff]")
"""Invisible characters that copied text brings along; those that join letters are not among them."""
_NOT_PRINTABLE = re.compile(f"[{_UNSAFE}{_NO_SIGN}\t\n\r\u2028\u2029]")
_HUGE_REFERENCE = re.compile(r"&#\d{8,};?")
"""A number of more digits than `int` takes would raise."""
_ASCII_CONTROLS = bytes((*range(0x20), 0x7F))
_WIDE = frozenset("WF")
_NO_WIDTH = frozenset({"Mn", "Me", "Cf"})


def one_line(text: str, limit: int | None = None) -> str:
    """The text on one line without unsafe characters; runs of blanks and line breaks are one blank. Cut to `limit`."""
    text = text.strip()
    if not _is_printable(text):
        text = " ".join(UNSAFE.sub("", " ".join(text.split())).split())
    while "  " in text:  # printable text has no blanks but U+0020
        text = text.replace("  ", " ")
    return text if limit is None else cut(text, limit)


def _is_printable(text: str) -> bool:
    """`str.isprintable`, which looks each character up, in a tenth of its time for ASCII."""
    if not text.isascii():
        return text.isprintable()
    return len(text.encode().translate(None, _ASCII_CONTROLS)) == len(text)


def unescape(text: str) -> str:
    """The text with HTML's character references resolved; what they may not stand for is U+FFFD."""
    return html.unescape(_HUGE_REFERENCE.sub("\ufffd", text)) if "&" in text else text


def printable(text: str) -> str:
    """The text for a terminal: each line break and each character that may steer it becomes a blank."""
    return text if text.isprintable() else _NOT_PRINTABLE.sub(" ", text)


def units(text: str) -> int:
    """Length in UTF-16 code units, as Telegram may count it; never less than the number of characters."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def columns(text: str) -> int:
    """Width in columns of a terminal: East Asian wide characters take two, marks and format characters none."""
    if text.isascii():
        return len(text)
    return sum(map(_column, text))


def _column(character: str) -> int:
    if unicodedata.category(character) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


DANGLING = frozenset([
    "a", "an", "the", "this", "that", "these", "those", "its", "their", "his", "her", "our", "your", "any",
    "each", "every", "some", "no", "and", "or", "but", "nor", "so", "yet", "as", "if", "than", "of", "in",
    "on", "at", "by", "to", "for", "from", "with", "without", "within", "into", "onto", "over", "under",
    "between", "among", "across", "through", "via", "per", "about", "against", "during", "before", "after",
    "beyond", "toward", "towards", "upon", "using", "based", "such", "is", "are", "was", "were", "be",
    "been", "being", "has", "have", "had", "can", "could", "may", "might", "will", "would", "should",
    "does", "do", "did", "which", "who", "whose", "where", "when", "while", "whether", "because", "both",
    "either", "not", "only", "also", "more", "most", "very", "e.g", "i.e", "vs", "cf", "including", "like",
    "respectively", "significantly",
])  # fmt: skip
"""Words on which a cut text does not end, as they need another one after them."""
_NO_END = ' ,;:.&–—-("“/'


def cut(text: str, limit: int, measure: Callable[[str], int] = len) -> str:
    """The text in at most `limit` of what `measure` counts, ended between words with `…` where something is left out.

    It ends on a word that can end, not on "of the".
    """
    if measure(text) <= limit:
        return text
    head = text[: limit - 1]
    while measure(head) > limit - 1:
        head = head[:-1]
    if text[len(head)] != " " and " " in head[len(head) // 2 :]:
        head = head.rsplit(" ", 1)[0]
    head = head.rstrip(_NO_END)
    while (word := head.rpartition(" ")[2]) != head and word.strip('("“').lower() in DANGLING:
        head = head[: -len(word)].rstrip(_NO_END)
    return head + "…"


# LaTeX


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_LETTERS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ",
    "eta": "η", "theta": "θ", "vartheta": "ϑ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν",
    "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "φ", "varphi": "φ",
    "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ",
    "Pi": "Π", "Sigma": "Σ", "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "ell": "ℓ", "hbar": "ℏ",
    "nabla": "∇", "partial": "∂", "infty": "∞", "emptyset": "∅", "aleph": "ℵ",
}  # fmt: skip
_OPERATORS = {
    "times": "×", "cdot": "·", "cdots": "…", "ldots": "…", "dots": "…", "div": "÷", "pm": "±", "mp": "∓",
    "ast": "∗", "star": "⋆", "circ": "∘", "bullet": "•", "oplus": "⊕", "otimes": "⊗", "odot": "⊙", "le": "≤",
    "leq": "≤", "leqslant": "≤", "ge": "≥", "geq": "≥", "geqslant": "≥", "ne": "≠", "neq": "≠", "ll": "≪",
    "gg": "≫", "approx": "≈", "sim": "∼", "simeq": "≃", "equiv": "≡", "propto": "∝", "in": "∈", "notin": "∉",
    "subset": "⊂", "subseteq": "⊆", "supset": "⊃", "cup": "∪", "cap": "∩", "setminus": "∖", "forall": "∀",
    "exists": "∃", "neg": "¬", "land": "∧", "wedge": "∧", "lor": "∨", "vee": "∨", "to": "→", "rightarrow": "→",
    "leftarrow": "←", "leftrightarrow": "↔", "Rightarrow": "⇒", "Leftarrow": "⇐", "Leftrightarrow": "⇔",
    "mapsto": "↦", "uparrow": "↑", "downarrow": "↓", "sum": "∑", "prod": "∏", "int": "∫", "mid": "|",
    "vert": "|", "Vert": "‖", "parallel": "∥", "langle": "⟨", "rangle": "⟩", "lfloor": "⌊", "rfloor": "⌋",
    "lceil": "⌈", "rceil": "⌉", "lesssim": "≲", "gtrsim": "≳", "lvert": "|", "rvert": "|", "lVert": "‖", "rVert": "‖",
    "square": "□", "Subset": "⋐", "bot": "⊥", "triangle": "△", "sharp": "♯", "textdegree": "°", "degree": "°",
    "cong": "≅", "prec": "≺", "succ": "≻", "hookrightarrow": "↪", "longrightarrow": "⟶", "mathbin": "", "dagger": "†", "checkmark": "✓", "prime": "′", "top": "⊤", "perp": "⊥",
}  # fmt: skip
_SPACES = {"quad": " ", "qquad": " ", ",": " ", ";": " ", ":": " ", "!": "", " ": " ", "\\": " "}
_SILENT = _names(
    "left right big Big bigg Bigg displaystyle textstyle limits nolimits bf it rm em sl tt sc sf cal"
)
_LAST_OF_TWO = _names("textcolor colorbox href")
"""Commands with two arguments, of which only the second is text."""
_SYMBOLS = {**_LETTERS, **_OPERATORS, **_SPACES, **dict.fromkeys(_SILENT, "")}
"""Plain form of commands without an argument."""
_STYLES = _names(
    "text textbf textit textsc texttt textrm textsf textnormal emph underline mathrm mathbf mathit mathsf mathtt "
    "mathcal mathbb mathfrak mathscr boldsymbol bm operatorname mbox hbox hat tilde bar vec overline widehat "
    "widetilde"
)
"""Commands that are replaced by their one argument."""

_UP = str.maketrans("0123456789+-=()in*", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁱⁿ*")
_DOWN = str.maketrans("0123456789+-=()aeioxhklmnpst", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑᵢₒₓₕₖₗₘₙₚₛₜ")
_RAISABLE, _LOWERABLE = (frozenset(map(chr, table)) for table in (_UP, _DOWN))

_TOKEN = re.compile(r"\\([A-Za-z]+)\*?|\\(.)|([{}^_~])|(.)", re.DOTALL)
_DELIMITED = re.compile(
    r"\$\$(?P<display>[^$]{1,400})\$\$|\\\((?P<round>.{1,400}?)\\\)|\\\[(?P<square>.{1,400}?)\\\]"
    r"|(?<!\\)\$(?P<inline>(?!\s)[^$]{0,400}[^$\s\\]|[^$\s\\])\$(?!\d)"
    r"|(?<!\\)\$(?P<loose>[^$]{0,200}(?:\\[A-Za-z]|[α-ω])[^$]{0,200})\$(?!\d)"
    r"|(?<!\\)\$\s(?P<letter>[A-Za-z](?:[_^][A-Za-z0-9])?)\s\$"
)
_MATHS = re.compile(r"[\\^_{}=<>+~]|[^\x00-\x7f]|^[A-Za-z0-9]{1,2}$|^[A-Za-z]\([A-Za-z]\)$")
_CERTAIN = re.compile(r"[\\^_]")
"""Marks of a formula, also of one whose braces do not pair."""
_TEXT_ALONE = re.compile(r"\$\s?(\\text(?:bf|it|tt|sc|rm|sf)\{[^{}$]*\})\s?\$")
"""A text command alone between dollars, as `$\\textbf{L}$`, which may stand inside other braces."""
_IN_TEXT = re.compile(
    r"(?<!\\)\\(?P<name>[A-Za-z]{2,})\*?\s*\{(?P<first>[^{}$\\]*)\}(?:\{(?P<second>[^{}$\\]*)\})?"
    r"|(?<![\\A-Za-z_:/])\\(?P<sign>[A-Za-z]{2,})(?![A-Za-z\\{])"
)
_SHIFTED_ALONE = re.compile(r"\$\s?([\^_])(?:\{([^{}$]{1,20})\}|([^{}$\s\\]))\s?\$")
"""A power or an index alone between dollars, recognised also where the text's other dollars do not pair."""
_SWITCHED = re.compile(r"\{\\(?:it|bf|em|sl|tt|sc|rm|sf)\s+([^{}$]*)\}")
_DEEPEST_IN_TEXT = 4
_ESCAPED = re.compile(r"\\([&%#_])")
_POWER = re.compile(r"(?<=[\w)\]])\^(?:(-?\d+)(?![\d.]*\d)|\{(-?[\d+n]+)\})")


def without_latex(text: str) -> str:
    r"""The text with its LaTeX as plain characters: `$\pi_0$` is `π₀`, `Free$^2$Guide` is `Free²Guide`.

    Dollars that are money stay. A command without a plain form becomes its argument, or its name, so that nothing is lost
    but markup. Anything that is no LaTeX (`C:\to\alpha`, braces that do not pair) stays as it is.
    """
    if "$" in text or "\\" in text:
        text = _TEXT_ALONE.sub(r"\1", _SHIFTED_ALONE.sub(_shifted_alone, text))
        text = _DELIMITED.sub(_plain_formula, text)
        text = _ESCAPED.sub(r"\1", text)
        for _ in range(_DEEPEST_IN_TEXT):
            inner = _IN_TEXT.sub(_plain_command, _SWITCHED.sub(r"\1", text))
            if inner == text:
                break
            text = inner
        text = text.replace(r"\$", "$")
    return _POWER.sub(lambda matched: raised(matched[1] or matched[2]), text) if "^" in text else text


def raised(text: str) -> str:
    """The text as a superscript; `^…` where not every character has one."""
    return _shifted(text, "^", _UP, _RAISABLE)


def lowered(text: str) -> str:
    """The text as a subscript; `_…` where not every character has one."""
    return _shifted(text, "_", _DOWN, _LOWERABLE)


def _shifted(text: str, mark: str, table: dict[int, int], possible: frozenset[str]) -> str:
    text = text.strip()
    if text and possible.issuperset(text):
        return text.translate(table)
    if text in {"′", "∗", "⋆", "†", "∘"}:  # these stand high by themselves
        return text
    return f"{mark}({text})" if " " in text or any(sign in text for sign in "+-/,=") else mark + text


def _plain_formula(matched: re.Match[str]) -> str:
    formula = next(filter(None, matched.group("display", "round", "square", "inline", "loose", "letter")))
    if matched["inline"] and not _MATHS.search(formula):
        return matched[0]
    try:
        return _Formula(_with_paired_braces(formula) if _CERTAIN.search(formula) else formula).plain()
    except _Unreadable:
        return matched[0]


def _with_paired_braces(formula: str) -> str:
    """The formula without closing braces that pair with none, and with those that are missing at its end."""
    parts, depth = [], 0
    for token in _TOKEN.finditer(formula):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if depth < 0:
            depth = 0
        else:
            parts.append(token[0])
    return "".join(parts) + "}" * depth


def _plain_command(matched: re.Match[str]) -> str:
    """A command outside a formula as its symbol, its last argument, or its name."""
    name, first, second, sign = matched.group("name", "first", "second", "sign")
    if sign:
        return _SYMBOLS.get(sign, sign)
    if name in _LAST_OF_TWO and second is not None:
        return second
    after = "" if second is None else f"{{{second}}}"
    if name in {"textsuperscript", "textsubscript"} and first:
        return (raised if name == "textsuperscript" else lowered)(first) + after
    known = _SYMBOLS.get(name, "")
    return known + (first or ("" if known else name)) + after


def _shifted_alone(matched: re.Match[str]) -> str:
    return (raised if matched[1] == "^" else lowered)(matched[2] or matched[3])


class _Unreadable(Exception):
    """Braces that do not pair or nest too deeply: the formula stays as it was written."""


_DEEPEST = 20


class _Formula:
    """Parser of one formula, which gives its plain form. Methods return the plain form of what they read."""

    def __init__(self, formula: str) -> None:
        self._tokens = list(_TOKEN.finditer(formula))
        self._at = 0

    def plain(self) -> str:
        text = self._group(0)
        if self._at < len(self._tokens):
            raise _Unreadable
        return text.strip()

    def _group(self, depth: int) -> str:
        """Everything up to the brace that closes this group, or to the end."""
        parts: list[str] = []
        while self._at < len(self._tokens) and self._tokens[self._at][3] != "}":
            parts.append(self._item(depth))
        return "".join(parts)

    def _item(self, depth: int) -> str:
        if depth > _DEEPEST:
            raise _Unreadable
        token = self._tokens[self._at]
        self._at += 1
        command, escaped, sign, plain = token.groups()
        if plain is not None:
            return plain
        if escaped is not None:
            return _SPACES.get(escaped, escaped)
        if command is not None:
            return self._command(command, depth + 1)
        return self._sign(sign, depth)

    def _sign(self, sign: str, depth: int) -> str:
        if sign == "{":
            return self._braced(depth)
        if sign == "~":
            return " "
        if self._at == len(self._tokens) or self._tokens[self._at][3] == "}":
            return ""  # Markdown may have taken its argument, a star between two others
        return (raised if sign == "^" else lowered)(self._argument(depth))

    def _braced(self, depth: int) -> str:
        text = self._group(depth + 1)
        if self._at == len(self._tokens):
            raise _Unreadable
        self._at += 1
        return text

    def _argument(self, depth: int) -> str:
        """The argument of a command or of `^`: a group, a command, or one sign."""
        while self._at < len(self._tokens) and self._tokens[self._at][0].isspace():
            self._at += 1
        if self._at == len(self._tokens) or self._tokens[self._at][3] == "}":
            raise _Unreadable
        return self._item(depth + 1)

    def _command(self, name: str, depth: int) -> str:
        if name in {"frac", "dfrac", "tfrac"}:
            return f"{_bracketed(self._argument(depth))}/{_bracketed(self._argument(depth))}"
        if name == "sqrt":
            return "√" + _bracketed(self._argument(depth))
        if name in _LAST_OF_TWO:
            self._argument(depth)
        elif name in _SYMBOLS:
            return _SYMBOLS[name]
        elif name not in _STYLES and not self._is_braced():
            return name
        return self._argument(depth) or name

    def _is_braced(self) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at][3] == "{"


def _bracketed(text: str) -> str:
    return text if len(text) <= 1 or text.isalnum() else f"({text})"


# Markdown

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
    r"""The text on one line, without marks that only tell how it should look.

    `**x**` is `x`, `$\pi_0$` is `π₀`, `<sup>2</sup>` is `²`, a link is its words. The same characters stay where they are
    part of the text: `<|image|>`, `</think>`, `S*`, `N_layers`, `$5`.
    """
    if "<" in text:
        text = _SHIFTED.sub(_shift, _PAIRED.sub(r"\2", _BREAK.sub(" ", text)))
    text = without_latex(text)
    if "*" in text:
        text = _EMPHASIS.sub(r"\1", _STRONG.sub(r"\1", text))
    if "`" in text:
        text = _CODE.sub(r"\2", text)
    if "](" in text:
        text = _LINK.sub(r"\1", text)
    return " ".join(text.split())


def plain_line(text: str, limit: int | None = None) -> str:
    """The text without marks and unsafe characters, on one line; cut to `limit`."""
    return one_line(plain_text(text), limit)


def _shift(matched: re.Match[str]) -> str:
    return (raised if matched[1].lower() == "sup" else lowered)(matched[2])


_SENTENCE_END = re.compile(
    r"[.?](?<!\b[A-Z]\.)(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bet al\.)(?<!\bvs\.)(?<!\bcf\.)(\s+)(?=[\"“(A-Z0-9])"
    r"|[。！？](\s*)(?=[^\s。！？”’」』）)])"
)


def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a plain text, in order, without the blanks between them.

    An exclamation mark ends a sentence only in Chinese and Japanese: in other texts on papers it is part of a name.
    """
    parts: list[str] = []
    at = 0
    for end in _SENTENCE_END.finditer(text):
        first, last = end.span(end.lastindex or 0)
        parts.append(text[at:first])
        at = last
    parts.append(text[at:])
    return tuple(filter(None, parts))


_URL_TARGET = re.compile(r"""\b([a-z_]\w*):([a-z][a-z0-9+.-]*)://(?!…)([^\s|"'<>\\]+)""", re.IGNORECASE)


def names_url_targets(text: str) -> bool:
    """Whether the text may contain the key of a target whose address is a URL."""
    return "://" in text and _URL_TARGET.search(text) is not None


def mask_addresses(text: str, kinds: Collection[str]) -> str:
    """The text with the addresses of targets on these channels, which are URLs with tokens, reduced to scheme and hash.

    `apprise:discord://4174/aToken` → `apprise:discord://…3b5f1c09`
    """

    def masked(match: re.Match[str]) -> str:
        kind, scheme, rest = match.groups()
        if kind not in kinds:
            return match[0]
        return f"{kind}:{scheme}://…{hashlib.sha256(rest.encode(errors='replace')).hexdigest()[:8]}"

    return _URL_TARGET.sub(masked, text)


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known word with the most similar spelling; None where none is similar."""
    by_folded = {name.lower(): name for name in known}
    close = get_close_matches(word[:64].lower(), by_folded, n=1, cutoff=cutoff)
    return by_folded[close[0]] if close else None


_AROUND = 34
"""Characters of an excerpt on either side of what it is about, at least."""
_LONGEST_WORD = 24
"""Characters by which an excerpt is made longer at most so that it ends between words."""
_WINDOW = 100
"""Characters of a query that are shown around an error."""


def excerpt(text: str, start: int, end: int) -> tuple[str, str, str]:
    """The text from `start` to `end`, with some words before and after it; `…` says where something is left out."""
    first, last = max(start - _AROUND, 0), min(end + _AROUND, len(text))
    farthest = max(first - _LONGEST_WORD, 0)
    blank = text.rfind(" ", farthest, first)
    first = blank + 1 if blank >= 0 else first if farthest else 0
    farthest = last + _LONGEST_WORD
    blank = text.find(" ", last, farthest)
    last = blank if blank >= 0 else last if farthest < len(text) else len(text)
    before = ("…" if first else "") + text[first:start]
    after = text[end:last].rstrip(" ,;:") + "…" if last < len(text) else text[end:]
    return before, text[start:end], after


def counted(number: int, singular: str, plural: str = "") -> str:
    """The number with its noun in the singular or plural."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"


def caret(text: str, position: int, window: int = _WINDOW) -> str:
    """The text on one line and a caret below that character; long text is cut around it."""
    start = max(position - window // 2, 0) if len(text) > window else 0
    window_text = printable(text[start : start + window])
    before = ("… " if start else "") + window_text[: position - start]
    return f"{'… ' if start else ''}{window_text}\n{' ' * columns(before)}^"
