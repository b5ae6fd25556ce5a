"""Where words begin and end, and which spellings are one word."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain.query.folding import (
    _CACHES,
    PLURAL_RULES,
    WordPositions,
    begins_alike,
    common_beginning,
    folded_form,
    joined,
    plain_form,
    plurals,
    singular,
    spans,
    without_possessive,
    words,
)
from tests.domain.query.samples import odd_texts

LAYERS = ("folded", "plain", "exact")

TEXTS = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("abcs'’-. +#\u0301\u00ad的モ한ไtéＡ")))


@pytest.mark.parametrize(
    ("spelling", "other"),
    [
        ("vision-language model", "Vision Language Models"),
        ("vision\u2010language", "vision\u2011language"),
        ("vision–language", "vision language"),
        ("state-of-the-art", "State of the Art"),
        ("soft\u00adhyphen", "softhyphen"),
        ("zero\u200dwidth\ufeff", "zerowidth"),
        ("naïve Bayes", "naive bayes"),
        ("Cafe\u0301", "café"),
        ("Łukasz Ørsted", "lukasz orsted"),
        ("Straße", "STRASSE"),
        ("ＲＡＧ　ｍｏｄｅｌ", "rag model"),
        ("ﬁne-tuning", "Fine Tuning"),
        ("don’t", "don't"),
        ("O'Brien", "OBrien"),
        ("the model's loss", "the model loss"),
        ("GPT-4o", "gpt 4o"),
        ("Qwen2.5", "qwen2 5"),
        ("$\\pi_0$", "pi 0"),
        ("snake_case_name", "snake case names"),
        ("**bold** `code`", "bold code"),
        ("3D/4D", "3d 4d"),
        ("Ёлка", "елка"),
        ("مُحَمَّد", "محمد"),
        ("Ⅳ", "iv"),
    ],
)
def test_two_spellings_are_the_same_words(spelling: str, other: str) -> None:
    assert words(spelling, "folded") == words(other, "folded")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("C++ and C#, not C", ["c++", "and", "c#", "not", "c"]),
        ("LLaVA++ a+b #tag", ["llava", "a", "b", "tag"]),
        ("扩散模型RAG系统", ["扩", "散", "模", "型", "rag", "系", "统"]),
        ("大規模言語モデル", list("大規模言語モデル")),
        ("한국어 모델", list("한국어모델")),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("'90s 'quoted' models' rock'n'roll", ["90s", "quoted", "model", "rocknroll"]),
        ("x² π₀ 8×", ["x2", "π0", "8"]),
        ("\x00\ud800 … — 🎉", []),
        ("", []),
    ],
)
def test_a_text_has_these_words(text: str, expected: list[str]) -> None:
    assert words(text, "folded") == expected


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        ("policies", "policy"),
        ("analyses", "analysis"),
        ("hypotheses", "hypothesis"),
        ("matrices", "matrix"),
        ("submatrices", "submatrix"),
        ("indices", "index"),
        ("indexes", "index"),
        ("vertices", "vertex"),
        ("biases", "bias"),
        ("classes", "class"),
        ("losses", "loss"),
        ("lenses", "lens"),
        ("viruses", "virus"),
        ("uses", "use"),
        ("databases", "database"),
        ("caches", "cache"),
        ("approaches", "approach"),
        ("batches", "batch"),
        ("meshes", "mesh"),
        ("boxes", "box"),
        ("sizes", "size"),
        ("quizzes", "quiz"),
        ("corpora", "corpus"),
        ("corpuses", "corpus"),
        ("criteria", "criterion"),
        ("phenomena", "phenomenon"),
        ("formulae", "formula"),
        ("formulas", "formula"),
        ("stimuli", "stimulus"),
        ("mice", "mouse"),
        ("leaves", "leaf"),
        ("movies", "movie"),
        ("ties", "tie"),
        ("LLMs", "llm"),
        ("GPUs", "gpu"),
        ("APIs", "api"),
        ("LMs", "lm"),
        ("MoEs", "moe"),
        ("H100s", "h100"),
        ("transformers", "transformer"),
        ("metrics", "metric"),
        ("videos", "video"),
        ("heroes", "hero"),
        ("women", "woman"),
        ("keys", "key"),
        ("curves", "curve"),
        ("responses", "response"),
        ("ideas", "idea"),
        ("criterias", "criterion"),
    ],
)
def test_a_plural_is_its_singular(plural: str, singular: str) -> None:
    assert folded_form(plural) == folded_form(singular) == singular


SINGULARS = (
    "analysis bias gas loss lens class series species physics dynamics semantics robotics news axis corpus "
    "focus virus status this its has was does chaos atlas canvas basis hypothesis consensus opus versus "
    "timeseries subspecies 2020s 100s always means press data media dss"
)


@pytest.mark.parametrize("word", SINGULARS.split())
def test_a_word_that_is_no_plural_stays(word: str) -> None:
    assert folded_form(word) == word


@pytest.mark.parametrize(
    ("spelling", "other"),
    [
        ("news", "new"),
        ("lens", "len"),
        ("gas", "ga"),
        ("physics", "physic"),
        ("dynamics", "dynamic"),
        ("means", "mean"),
        ("rag", "leverage"),
        ("bases", "basis"),
        ("C", "C++"),
        ("GPT-4", "GPT-4o"),
        ("visionlanguage", "vision-language"),
    ],
)
def test_different_words_stay_different(spelling: str, other: str) -> None:
    assert words(spelling, "folded") != words(other, "folded")


def test_the_exact_layer_keeps_letters_and_drops_only_what_is_no_letter() -> None:
    assert words("RAG's ＲＡＧ GPUs Cafe\u0301 don’t so\u00adft C++", "exact") == [
        "RAG",
        "ＲＡＧ",
        "GPUs",
        "Café",
        "don't",
        "soft",
        "C++",
    ]


@given(TEXTS)
@example("a'b''c 'd' e's s' 's ''")
@example("a+b c++d e++ f# g#h ++ # '")
@example("\u0301a \u00ad b\u00ad")
@example("x\x1cy\x85z\u2028w\u3000v")
def test_the_fast_line_holds_the_words_of_the_text(text: str) -> None:
    for layer in LAYERS:
        found = words(text, layer)
        assert (
            joined(text, layer).split(" ") == ["", *found, ""] if found else not joined(text, layer).strip()
        )
        assert all(word and not any(map(str.isspace, word)) for word in found)


@given(TEXTS)
def test_every_word_has_a_span_that_holds_it(text: str) -> None:
    found = spans(text)
    pieces = [without_possessive(text[start:end]) for start, end in found]
    assert [words(piece, "plain") for piece in pieces] == [[word] for word in words(text, "plain")]
    assert found == sorted(found)


@given(st.text())
def test_folding_a_folded_word_changes_nothing(text: str) -> None:
    for word in words(text, "folded"):
        assert folded_form(word) == word
    for word in words(text, "plain"):
        assert plain_form(word) == word


@given(st.text(alphabet="abceimnorstuxyz", min_size=1, max_size=12))
@example("criterias")
@example("sses")
@example("series")
def test_a_singular_is_its_own_singular_and_keeps_what_a_prefix_counts_on(word: str) -> None:
    assert singular(singular(word)) == singular(word)
    for end in range(1, len(word) + 1):
        assert singular(word).startswith(common_beginning(word[:end]))


@given(st.text(alphabet="ＡＢＣａｂｃ０１２ xyz-"))
def test_width_makes_no_difference(text: str) -> None:
    assert words(text, "folded") == words(unicodedata.normalize("NFKC", text), "folded")


@given(st.text(alphabet="abcdefgäöüéèñçåß -"))
def test_case_and_accents_make_no_difference(text: str) -> None:
    expected = words(text, "plain")
    assert words(text.upper(), "plain") == expected
    bare = unicodedata.normalize("NFD", text)
    assert words(bare, "plain") == expected
    assert words("".join(sign for sign in bare if not unicodedata.combining(sign)), "plain") == expected


@pytest.mark.parametrize(
    ("beginning", "common"), [("quantiz", "quantiz"), ("peop", "pe"), ("policies", "pol")]
)
def test_a_beginning_is_cut_to_what_all_its_singulars_share(beginning: str, common: str) -> None:
    assert common_beginning(beginning) == common


def test_what_is_remembered_of_pieces_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.domain.query.folding._MOST_CACHED", 10)
    text = " ".join(f"word{number}s" for number in range(50)) + " " + "x" * 100
    for _ in range(2):
        assert joined(text, "folded").split() == words(text, "folded")
        assert len(_CACHES["folded"]) <= 10


def test_letters_that_fold_in_several_steps_end_in_one_form() -> None:
    for sign in map(chr, range(0x20, 0x30000)):
        for word in words(f"a{sign}", "plain"):
            assert plain_form(word) == word


def test_every_irregular_plural_has_a_singular_that_stays() -> None:
    for plural, form in PLURAL_RULES[0]:
        assert singular(plural) == singular(form) == form


@given(odd_texts())
def test_words_are_found_where_they_stand(text: str):
    where = spans(text)
    positions = WordPositions(text)
    assert [positions[number] for number in range(len(where))] == where
    assert [positions[number] for number in reversed(range(len(where)))] == where[::-1]


def test_words_are_counted_rightly_however_long_and_however_many_there_are(monkeypatch):
    """The counts of pieces are kept for a while; a full store and a piece too long for it change nothing."""
    monkeypatch.setattr("bot.domain.query.folding._MOST_CACHED", 2)
    pieces = ["a-b", "c-d-e", "x" * 41, "-".join(["w"] * 30), "f.g", "a-b", "h"]
    text = " ".join(pieces)
    spans = WordPositions(text)
    words = re.findall(r"[a-z]+", text)
    assert [text[slice(*spans[number])] for number in range(len(words))] == words


@given(st.text("iesxyachtrmndzbplu", max_size=7), st.integers(1, 8))
def test_a_beginning_is_kept_where_it_is_said_to_be(word: str, end: int):
    for form in (word, *plurals(singular(word))):
        beginning = form[:end]
        if beginning and begins_alike(beginning):
            assert form.startswith(beginning) == singular(form).startswith(beginning)
            assert word.startswith(beginning) == singular(word).startswith(beginning)


@pytest.mark.parametrize(
    "beginning", ["peop", "perso", "studi", "study", "class", "indi", "matrix", "geese", "che"]
)
def test_a_beginning_that_a_plural_changes_is_not_kept(beginning: str):
    assert not begins_alike(beginning)


@pytest.mark.parametrize("beginning", ["quantiz", "graph", "rag", "扩", "studyo", "class1"])
def test_a_beginning_that_no_plural_changes_is_kept(beginning: str):
    assert begins_alike(beginning)


@pytest.mark.parametrize(
    ("word", "forms"),
    [
        ("agent", {"agent", "agents"}),
        ("policy", {"policy", "policys", "policies"}),
        ("person", {"person", "persons", "people", "peoples"}),
        ("analysis", {"analysis", "analyses"}),
        ("bias", {"bias", "biases"}),
        ("扩", {"扩"}),
    ],
)
def test_all_words_of_one_singular_are_known(word: str, forms: set[str]):
    assert set(plurals(word)) == forms


@given(st.text("iesxyachtrmndzbplu", max_size=8))
def test_every_word_is_among_the_plurals_of_its_singular(word: str):
    assert word in plurals(singular(word))
    assert {singular(form) for form in plurals(singular(word))} == {singular(word)}
