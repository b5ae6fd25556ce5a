"""Markdown, LaTeX and stray tags as the plain text they mean."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.gist import clean_summary
from bot.domain.text import (
    DANGLING,
    INVISIBLE,
    caret,
    columns,
    counted,
    cut,
    excerpt,
    mask_addresses,
    names_url_targets,
    one_line,
    plain_text,
    printable,
    sentences,
    unescape,
    units,
    without_latex,
)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"$\textbf{Only-IF}$:Revealing the Decisive Effect", "Only-IF:Revealing the Decisive Effect"),
        (r"$\text{Transformer}^2$: Self-adaptive LLMs", "Transformer²: Self-adaptive LLMs"),
        ("$γ-$MoD: Exploring", "γ-MoD: Exploring"),
        ("Free$^2$Guide: Gradient-Free", "Free²Guide: Gradient-Free"),
        ("(SL$^{2}$A-INR)", "(SL²A-INR)"),
        ("D^2iT and GUI-G^2 and π^3", "D²iT and GUI-G² and π³"),
        ("X^{2}-Gaussian", "X²-Gaussian"),
        (r"$\pi_0$ is $\pi_{0.5}$", "π₀ is π_0.5"),
        (r"$\frac{a+b}{c}$, $\sqrt{x}$, $\sqrt{x+y}$, $\sqrt\infty$", "(a+b)/c, √x, √(x+y), √∞"),
        (r"$x_{i,j}^{2}$ in $\mathbb{R}^{d}$", "x_(i,j)² in R^d"),
        (r"$O(n \log n)$ and $\mathcal{L}_{CE} \leq 3$", "O(n log n) and L_CE ≤ 3"),
        ("3.0×10^-3", "3.0×10⁻³"),
        (
            r"$T^\ast$, $f^{\prime}$, $x~y$, $a\,b\quad c$, $\left(n\right)$, $\{k\}$",
            "T∗, f′, x y, a b c, (n), {k}",
        ),
        (
            r"$T_{c}$$\approx$ 10 K, $R(T)$, $ (E,θ) $, $(M,ω_g) $ and $ h_0 $ on $ E $",
            "T_c≈ 10 K, R(T), (E,θ), (M,ω_g) and h₀ on E",
        ),
        (r"$T_{2g}/T_{1u$ and $n}{n\geq 1}$", "T_2g/T_1u and nn≥ 1"),
        (r"Lion ($\textit{Evo$\textbf{L}$ved S$\textbf{i}$gn}$)", "Lion (EvoLved Sign)"),
        (r"$x_ {ab} ^ 2$ and $10^{-3}$", "x_ab ² and 10⁻³"),
        (r"\emph{Lens} and \textit{more}, 50\% \& 3 \times 4", "Lens and more, 50% & 3 × 4"),
        (r"$\unknown{x}$ and $\ours$, \ourname{} by \textbf{\ours{}}", "x and ours, ourname by ours"),
        (
            r"\textcolor{blue}{Code} at $\textcolor{red}{x}$, 360{\textdegree}, E\textsuperscript{2}R and O\textsubscript{3}",
            "Code at x, 360{°}, E²R and O₃",
        ),
        (
            r"{\it Envy} is \textit{C\textbf{on}d}ensed, \alpha{x}\lesssim2 and (2.96\times)",
            "Envy is Condensed, αx≲2 and (2.96×)",
        ),
        (
            r"$ a \to b $ costs 5$, AP$_{50}$, V$^*$Bench and V$^*$, \frac{a}{b}",
            "a → b costs 5$, AP₅₀, V*Bench and V*, a{b}",
        ),
        ("$x^$ and ${x^}$ and $N_f^$", "x and x and N_f"),
        (r"\a{\bb{\cc{\dd{\ee{\ff{x}}}}}}", r"\a{\bb{x}}"),
        (r"by \textbf{97.2\%} and \$5", "by 97.2% and $5"),
        (r"TPLA: Prefill \& Decode", "TPLA: Prefill & Decode"),
        (r"\(a^2\) and \[b^2\] and $$E=mc^2$$", "a² and b² and E=mc²"),
        ("**Main:** `SciArena-Eval` and *Lens*", "Main: SciArena-Eval and Lens"),
        ("[the code](https://github.com/x/y) is out", "the code is out"),
        ("x<sup>2</sup>, a<sub>i</sub>, <b>bold</b><br/>next", "x², aᵢ, bold next"),
        ("two\nlines \t and   blanks", "two lines and blanks"),
    ],
)
def test_markup_becomes_what_it_means(written: str, meant: str) -> None:
    assert plain_text(written) == meant


@pytest.mark.parametrize(
    "text",
    [
        "Fixing 7,400 Bugs for 1$: Cheap Crash-Site Program Repair",
        "Can Frontier LLMs Earn $1 Million from Real-World Work? Or $5?",
        "costs $5 and $10, or $1.00-$2.00, US$5 and AU$6",
        "$0.024",
        "S*: Test Time Scaling, 2 * 3 * 4, a*b*c",
        "A pseudo-link [1109,9,14](8,13)",
        "replace 'wait' with '</think>' or <think>, <|image|>, <10B parameters, </CN>",
        "N_Layers, call_subagent, H_q, __init__",
        "(e^-0.4, e^0.4)",
        r"C:\to\alpha",
        r"${open$ and $close}$",
        "$" + "{" * 25 + "x" + "}" * 25 + "$",
        "A$AP and B$AP",
        "a ^ b and x^",
    ],
)
def test_what_is_no_markup_stays(text: str) -> None:
    assert plain_text(text) == text


@given(st.text())
def test_any_text_becomes_one_line_and_words_of_letters_survive(text: str) -> None:
    plain = plain_text(text)
    assert plain == " ".join(plain.split())


@given(st.lists(st.from_regex(r"[a-zA-Z]{1,12}[.,!?]?", fullmatch=True), max_size=30))
def test_plain_words_are_left_alone(words: list[str]) -> None:
    assert plain_text(" ".join(words)) == " ".join(words)


@pytest.mark.parametrize(
    "text",
    [
        "$" + "{" * 20_000 + "}$",
        "$" + "^" * 399 + "$",
        "<b>" * 8_000,
        "`a" * 10_000,
        r"\(" * 10_000,
        "*a " * 8_000,
        "[a](https://" * 2_000,
        "Here is" + ' "' * 10_000,
        r"$\frac" * 4_000 + "$",
    ],
    ids=lambda text: text[:12],
)
def test_hostile_texts_are_read_in_time(text: str) -> None:
    assert plain_text(text)
    assert clean_summary(text)


@pytest.mark.parametrize(("depth", "read"), [(19, True), (20, False)])
def test_a_formula_nested_too_deep_stays_as_it_is_written(depth: int, read: bool) -> None:
    formula = f"${'{' * depth}x_1{'}' * depth}$"
    assert without_latex(formula) == ("x₁" if read else formula)


@given(st.text())
def test_sentences_are_the_text(text: str) -> None:
    plain = plain_text(text)
    assert "".join(sentences(plain)).replace(" ", "") == plain.replace(" ", "")


def test_chinese_sentences_end_without_a_blank_and_an_exclamation_mark_belongs_to_a_name() -> None:
    assert sentences("提出了方法。效果很好！见“附录。”之后。") == (
        "提出了方法。",
        "效果很好！",
        "见“附录。”之后。",
    )
    assert sentences("Hogwild! Inference is a method. It works.") == (
        "Hogwild! Inference is a method.",
        "It works.",
    )


def test_a_cut_text_ends_on_a_word_that_can_end_and_is_measured_as_asked() -> None:
    assert cut("Models of the world", 16) == "Models…"
    assert cut("Models of the world", 16, lambda text: 2 * len(text)) == "Models…"
    assert cut("Modelling", 6) == "Model…"
    assert cut("Modelling", 6, lambda text: 2 * len(text)) == "Mo…"


@given(
    st.lists(st.sampled_from(["of", "the", "such", "as", "model", "(and", "graphs,"]), min_size=3),
    st.integers(8, 60),
)
def test_a_cut_text_never_ends_on_a_dangling_word(words: list[str], limit: int) -> None:
    text = cut("Model " + " ".join(words), limit)
    assert not text.endswith("…") or text[:-1].split()[-1].lower().strip("(,") not in DANGLING


def test_one_line_has_no_breaks_no_unsafe_characters_and_fits() -> None:
    assert one_line("  two\n lines\t\x00of\u202e  text ") == "two lines of text"
    assert one_line("two\nlines") == "two lines"
    assert one_line("plain – te\u202ext") == "plain – text"
    assert one_line("two words", 9) == "two words"
    assert one_line("two words", 8) == "two…"


def test_what_may_steer_a_terminal_becomes_a_blank() -> None:
    assert printable("a\x1b[2Jb\nc") == "a [2Jb c"
    assert printable("plain – text") == "plain – text"
    assert printable("a\u2063b\u202ec\u00add") == "a b c d"


def test_character_references_are_resolved_however_large_their_number_is() -> None:
    assert unescape("R&amp;D &#65; &lt;") == "R&D A <"
    assert unescape(f"a &#{'9' * 5000}; b") == "a \ufffd b"
    assert unescape("as it is") == "as it is"


def test_letters_stay_joined_where_invisible_characters_are_taken_out() -> None:
    assert INVISIBLE.sub("", "\ufeffa\u200bb\u2063c\u202ed\u200de\u200cf") == "abcd\u200de\u200cf"


def test_a_sign_beyond_the_basic_plane_counts_as_two_units() -> None:
    assert [units(text) for text in ("abc", "模型", "𝓐b")] == [3, 2, 3]


def test_a_terminal_gives_east_asian_signs_two_columns_and_marks_none() -> None:
    assert columns("abc") == 3
    assert columns("模型a") == 5
    assert columns("e\u0301\u200b") == 1


def test_addresses_that_hold_tokens_are_masked_and_nothing_else() -> None:
    text = "apprise:discord://1/token|alert|arxiv:1 and code:https://example.org/x apprise:ntfy://h/topic"
    masked = mask_addresses(text, ["apprise"])
    assert "token" not in masked
    assert "topic" not in masked
    assert re.fullmatch(
        r"apprise:discord://…[0-9a-f]{8}\|alert\|arxiv:1 and code:https://example.org/x apprise:ntfy://…[0-9a-f]{8}",
        masked,
    )
    assert mask_addresses(masked, ["apprise"]) == masked
    assert (names_url_targets(text), names_url_targets("see https://example.org")) == (True, False)


def test_an_excerpt_is_cut_at_words_and_says_so() -> None:
    text = "word " * 20 + "the RAG system, " + "more, " * 20
    assert excerpt(text, 104, 107) == (
        "…word word word word word word the ",
        "RAG",
        " system, more, more, more, more, more…",
    )
    assert excerpt("a RAG", 2, 5) == ("a ", "RAG", "")


def test_an_excerpt_is_longer_by_a_word_and_not_by_a_text_without_blanks() -> None:
    assert excerpt("x" * 58 + "RAG" + "y" * 58, 58, 61) == ("x" * 58, "RAG", "y" * 58)
    assert excerpt("x" * 59 + "RAG" + "y" * 59, 59, 62) == ("…" + "x" * 34, "RAG", "y" * 34 + "…")


def test_a_number_has_its_noun_in_the_right_form() -> None:
    assert [counted(number, "entry", "entries") for number in (0, 1, 2)] == [
        "0 entries",
        "1 entry",
        "2 entries",
    ]
    assert (counted(1, "paper"), counted(2, "paper")) == ("1 paper", "2 papers")


def test_a_caret_stands_below_its_place_also_in_long_and_wide_text() -> None:
    assert caret("(rag", 0) == "(rag\n^"
    assert caret("检索 (", 3) == "检索 (\n     ^"
    shown, below = caret("a" * 120 + "(b", 120, 30).splitlines()
    assert shown[len(below) - 1] == "("
    assert shown.startswith("… ")
