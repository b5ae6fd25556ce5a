"""LaTeX as plain text: what a formula says, in signs that any medium can show."""

import re


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
    "lceil": "⌈", "rceil": "⌉", "dagger": "†", "checkmark": "✓", "prime": "′", "top": "⊤", "perp": "⊥",
}  # fmt: skip
_FUNCTIONS = _names("log ln exp min max arg argmin argmax sin cos tan tanh softmax Pr lim sup inf det")
_SPACES = {"quad": " ", "qquad": " ", ",": " ", ";": " ", ":": " ", "!": "", " ": " ", "\\": " "}
_SILENT = _names("left right big Big bigg Bigg displaystyle textstyle limits nolimits bf it rm")
_STYLES = _names(
    "text textbf textit textsc texttt textrm textsf textnormal emph underline mathrm mathbf mathit mathsf mathtt "
    "mathcal mathbb mathfrak mathscr boldsymbol bm operatorname mbox hbox hat tilde bar vec overline widehat "
    "widetilde"
)
"""Commands whose one argument says it all."""

_UP = str.maketrans("0123456789+-=()in*", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁱⁿ*")
_DOWN = str.maketrans("0123456789+-=()aeioxhklmnpst", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑᵢₒₓₕₖₗₘₙₚₛₜ")
_RAISABLE, _LOWERABLE = (frozenset(map(chr, table)) for table in (_UP, _DOWN))

_TOKEN = re.compile(r"\\([A-Za-z]+)\*?|\\(.)|([{}^_~])|(.)", re.DOTALL)
_DELIMITED = re.compile(
    r"\$\$(?P<display>[^$]{1,400})\$\$|\\\((?P<round>.{1,400}?)\\\)|\\\[(?P<square>.{1,400}?)\\\]"
    r"|(?<![\\$])\$(?P<inline>(?!\s)[^$]{0,400}[^$\s\\]|[^$\s\\])\$(?!\d)"
)
_MATHS = re.compile(r"[\\^_{}=<>+~]|[^\x00-\x7f]|^[A-Za-z0-9]{1,2}$")
_STYLED = re.compile(r"\\(?:" + "|".join(sorted(_STYLES, key=len, reverse=True)) + r")\s*\{([^{}$]*)\}")
_SIGN = re.compile(
    r"(?<![\\\w:])\\("
    + "|".join(sorted({**_LETTERS, **_OPERATORS}, key=len, reverse=True))
    + r")(?![A-Za-z\\])"
)
_ESCAPED = re.compile(r"\\([&%#_$])")
_POWER = re.compile(r"(?<=[\w)\]])\^(?:(-?\d+)(?![\d.]*\d)|\{(-?[\d+n]+)\})")


def without_latex(text: str) -> str:
    r"""The text with its LaTeX said in plain signs: `$\pi_0$` is `π₀`, `Free$^2$Guide` is `Free²Guide`.

    Dollars that are money stay. What has no plain form stays as it was written; nothing is dropped but
    the markup itself.
    """
    if "$" in text or "\\" in text:
        text = _DELIMITED.sub(_said, text)
        text = _STYLED.sub(r"\1", text)
        text = _SIGN.sub(lambda found: _LETTERS.get(found[1]) or _OPERATORS[found[1]], text)
        text = _ESCAPED.sub(r"\1", text)
    return _POWER.sub(lambda found: raised(found[1] or found[2]), text) if "^" in text else text


def raised(text: str) -> str:
    """The text as a superscript; `^…` where not every sign has a raised form."""
    return _shifted(text, "^", _UP, _RAISABLE)


def lowered(text: str) -> str:
    """The text as a subscript; `_…` where not every sign has a lowered form."""
    return _shifted(text, "_", _DOWN, _LOWERABLE)


def _shifted(text: str, mark: str, table: dict[int, int], possible: frozenset[str]) -> str:
    text = text.strip()
    if text and possible.issuperset(text):
        return text.translate(table)
    if text in {"′", "∗", "⋆", "†", "∘"}:  # these stand high by themselves
        return text
    return f"{mark}({text})" if " " in text or any(sign in text for sign in "+-/,=") else mark + text


def _said(found: re.Match[str]) -> str:
    formula = found["display"] or found["round"] or found["square"] or found["inline"]
    if found["inline"] and not _MATHS.search(formula):
        return found[0]
    try:
        return _Formula(formula).said()
    except _CannotSay:
        return found[0]


class _CannotSay(Exception):
    """An unknown command, or braces that do not pair or nest too deeply: the formula stays as it was written."""


_DEEPEST = 20


class _Formula:
    """Reads one formula token by token."""

    def __init__(self, formula: str) -> None:
        self._tokens = list(_TOKEN.finditer(formula))
        self._at = 0

    def said(self) -> str:
        text = self._group(0)
        if self._at < len(self._tokens):
            raise _CannotSay
        return text.strip()

    def _group(self, depth: int) -> str:
        """Everything up to the brace that closes this group, or to the end."""
        parts: list[str] = []
        while self._at < len(self._tokens) and self._tokens[self._at][3] != "}":
            parts.append(self._one(depth))
        return "".join(parts)

    def _one(self, depth: int) -> str:
        if depth > _DEEPEST:
            raise _CannotSay
        token = self._tokens[self._at]
        self._at += 1
        command, escaped, sign, plain = token.groups()
        if plain is not None:
            return plain
        if escaped is not None:
            return _SPACES.get(escaped, escaped)
        if command is not None:
            return self._command(command, depth + 1)
        if sign == "{":
            return self._braced(depth)
        if sign == "~":
            return " "
        return (raised if sign == "^" else lowered)(self._argument(depth))

    def _braced(self, depth: int) -> str:
        text = self._group(depth + 1)
        if self._at == len(self._tokens):
            raise _CannotSay
        self._at += 1
        return text

    def _argument(self, depth: int) -> str:
        """What a command or a `^` works on: a group, a command, or one sign."""
        while self._at < len(self._tokens) and self._tokens[self._at][0].isspace():
            self._at += 1
        if self._at == len(self._tokens) or self._tokens[self._at][3] == "}":
            raise _CannotSay
        return self._one(depth + 1)

    def _command(self, name: str, depth: int) -> str:
        if name in _STYLES:
            return self._argument(depth)
        if name in {"frac", "dfrac", "tfrac"}:
            return f"{_whole(self._argument(depth))}/{_whole(self._argument(depth))}"
        if name == "sqrt":
            return "√" + _whole(self._argument(depth))
        if name in _SILENT:
            return ""
        if name in _SPACES:
            return _SPACES[name]
        said = _LETTERS.get(name) or _OPERATORS.get(name) or (name if name in _FUNCTIONS else None)
        if said is None:
            raise _CannotSay
        return said


def _whole(text: str) -> str:
    return text if len(text) <= 1 or text.isalnum() else f"({text})"
