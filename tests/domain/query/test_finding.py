"""What is found in texts as they are written is exactly what the evaluation finds in their folded words."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import QuerySyntaxError
from bot.domain.query import Document, Hit, Query, evaluation, match, missing, parse
from bot.domain.query.evaluation import MAX_HITS
from bot.domain.query.finding import Finder
from bot.domain.query.folding import UNSPACED, words
from bot.domain.query.language import Phrase, Word
from bot.domain.query.plurals import PLURAL_RULES, singular, spellings
from bot.domain.query.spots import Sheet, in_sheets
from bot.domain.query.written import sure
from tests.domain.query.samples import document, documents, queries

WORDS = (
    *(
        "model",
        "Models",
        "MODEL",
        "modelling",
        "remodel",
        "mo\u00addel",
        "modèl",
        "ｍｏｄｅｌ",
        "mo'del",
        "𝐦odel",
    ),
    *(
        "s",
        "c",
        "C++",
        "c#",
        "model#",
        "model++",
        "people",
        "Person",
        "policies",
        "policy",
        "gpus",
        "2",
        "2x",
    ),
    *(
        "扩散",
        "扩",
        "散",
        "模",
        "αmodel",
        "modelα",
        "ﬁt",
        "don't",
        "graph",
        "graphs",
        "İx",
        "K",
        "\u212a",
        "d",
    ),
)
SIGNS = (
    *(
        " ",
        " ",
        " ",
        "-",
        "_",
        "\n",
        ", ",
        "",
        "'",
        "’",
        "'s ",
        "’s ",
        "'S-",
        "'s",
        "''s ",
        "'s's ",
        " '",
        "ʼ",
    ),
    *(
        "+",
        "++",
        "#",
        "+ ",
        ". ",
        "📌",
        "🛠\ufe0f ",
        "\ufe0f",
        "\u200d",
        "\u0301",
        "\u0e33",
        "，",
        "中",
        "\x07",
    ),
)
TERMS = (
    *("model", "models", '"model"', "=model", "=Models", "mod*", "re*", "people", "policy", "poli*", "gpu"),
    *(
        "s",
        "c",
        "C++",
        "c#",
        "2",
        "扩散",
        "扩",
        "扩*",
        "扩散 model",
        "model 扩",
        "graph model",
        "model model",
    ),
    *("model graph policy", "mod* graph", "=graph =model", '=graph "model"', "graph s", "model's graph", "d"),
    *("αmodel", "don't", "fit", "graph NEAR/2 model", "model NEAR/1 扩", "model NEAR/3 model", "title:model"),
    *(
        "=model graph",
        "graph =Models",
        "mod* =Graph",
        "扩 =model policy",
        "s NEAR/2 graph",
        "model graph NEAR/4 graph model",
        "author:model",
        "summary:(mod* NEAR/2 graph)",
        "k",
    ),
)


def texts() -> st.SearchStrategy[str]:
    pieces = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(SIGNS)), max_size=9)
    return pieces.map(lambda pairs: "".join(word + sign for word, sign in pairs))


def odd_documents() -> st.SearchStrategy[Document]:
    some = st.lists(texts(), max_size=2).map(tuple)
    return st.builds(document, texts(), authors=some, summaries=some, points=some)


def odd_queries() -> st.SearchStrategy[Query]:
    terms = st.lists(st.sampled_from(TERMS), min_size=1, max_size=4, unique=True)
    signs = st.lists(st.sampled_from((" OR ", " OR ", " AND ", " AND NOT ")), min_size=3, max_size=3)
    texts = st.builds(
        lambda terms, signs: "".join(
            f"{sign}({term})" for sign, term in zip(("", *signs), terms, strict=False)
        ),
        terms,
        signs,
    )
    return texts.map(_sound).filter(bool).map(parse)


def _sound(text: str) -> str:
    try:
        return parse(text).text
    except QuerySyntaxError:
        return ""


def hits(query: Query, paper: Document, limit: int = MAX_HITS) -> tuple[Hit, ...] | None:
    """What the finder finds, in the words of the plain evaluation."""
    found = Finder(query).places(Sheet(paper), limit)
    if found is None:
        return None
    each = [(paper.parts[number], start, end, term) for (number, start, end), term in found]
    return tuple(
        dict.fromkeys(
            Hit(term=term, field=part.field, part=part.index, start=start, end=end, text=part.text[start:end])
            for part, start, end, term in each
        )
    )


@given(queries(), documents(), st.sampled_from((0, 1, 2, 3, MAX_HITS)))
def test_the_finder_gives_the_hits_of_the_plain_evaluation(query: Query, paper: Document, limit: int):
    assert hits(query, paper, limit) == match(query, paper, limit)


@given(odd_queries(), odd_documents(), st.sampled_from((1, 2, 5, MAX_HITS)))
def test_the_finder_gives_the_same_hits_whatever_signs_stand_around(
    query: Query, paper: Document, limit: int
):
    assert hits(query, paper, limit) == match(query, paper, limit)


@pytest.mark.parametrize("term", TERMS)
@given(paper=odd_documents())
def test_the_finder_gives_the_same_hits_for_each_term(term: str, paper: Document):
    query = parse(term)
    assert hits(query, paper) == match(query, paper)


NEARS = (
    *(
        "graph NEAR/1 model",
        "graph NEAR/2 model",
        "model NEAR/3 graph",
        "model NEAR/2 model",
        "gra* NEAR/2 扩散",
    ),
    *(
        "graph model NEAR/2 graph",
        "graph NEAR/1 model graph",
        "=graph NEAR/3 models",
        "扩 NEAR/4 model's graph",
    ),
)
NEAR_WORDS = ("graph", "model", "Graphs", "model's", "a", "graphic", "扩散")
NEAR_GAPS = (" ", " ", "-", ". ", "’s ", "# ", "++")


@pytest.mark.parametrize("term", NEARS)
def test_what_is_near_is_the_same_among_few_words(term: str):
    rng = random.Random(term)
    query = parse(term)
    found = 0
    for _ in range(300):
        text = "".join(rng.choice(NEAR_WORDS) + rng.choice(NEAR_GAPS) for _ in range(rng.randint(2, 12)))
        paper = document(text, points=(f"{text} don't",))
        expected = match(query, paper)
        assert hits(query, paper) == expected
        found += sure(text) is not None and expected is not None
    assert found > 10


@pytest.mark.parametrize("term", TERMS)
def test_long_texts_of_few_words_have_the_same_hits(term: str):
    rng = random.Random(term)
    query = parse(term)
    for _ in range(40):
        text = "".join(rng.choice(WORDS) + rng.choice(SIGNS) for _ in range(60))
        few = "".join(rng.choice(WORDS[:3]) + rng.choice(SIGNS[:9]) for _ in range(60))
        paper = document(few, authors=(text, few), summaries=(few, text))
        assert hits(query, paper) == match(query, paper)


@given(odd_queries(), odd_documents())
def test_reasons_are_the_hits_without_their_places(query: Query, paper: Document):
    expected = match(query, paper)
    reasons = Finder(query).reasons(Sheet(paper))
    assert reasons == (expected and list(dict.fromkeys((hit.term, hit.field, hit.text) for hit in expected)))


@given(odd_queries(), odd_documents())
def test_what_is_missing_is_what_the_plain_evaluation_misses(query: Query, paper: Document):
    assert Finder(query).missing(Sheet(paper)) == missing(query, paper)


@given(queries(), documents())
def test_what_is_missing_of_any_query_is_the_same(query: Query, paper: Document):
    assert Finder(query).missing(Sheet(paper)) == missing(query, paper)


@pytest.mark.parametrize("word", ["s", "c", "f", "d", "扩", "α", "c++"])
def test_beginnings_of_one_sign_are_found_alike(word: str):
    """No query can say them, but the search for near misses does."""
    begun = Phrase(scope="", words=(Word(text=word, mode="prefix"),), written=word, position=0)
    rng = random.Random(word)
    for _ in range(100):
        paper = document("".join(rng.choice(WORDS) + rng.choice(SIGNS) for _ in range(3)))
        assert in_sheets(begun)(Sheet(paper)) == evaluation.test_of(begun)(paper)


def test_terms_found_at_the_same_place_keep_the_order_of_the_query():
    for text in ('model OR "model" OR mod*', "(mod* AND graph) OR (model AND mod*)", "model OR title:model"):
        for limit in (1, 2, 3, 40):
            paper = document("Graph model of graph models", summaries=("a model",))
            assert hits(parse(text), paper, limit) == match(parse(text), paper, limit)


@pytest.mark.parametrize(
    "text",
    ["A model's graph, 3 × 4 — C++", "the authors’ model’s", "🛠\ufe0f Method: 一种LLM’s扩散模型，", ""],
)
def test_common_texts_need_no_folding(text: str):
    assert sure(text) == text.replace("’", "'")


@pytest.mark.parametrize(
    "text",
    ["don't", "l’eau", "model's's", "naïve", "model\ufe0f", "mod\u00adel", "ﬁt", "１", "x\u0301", "ｱ", "αx"],
)
def test_texts_with_other_signs_in_words_are_folded(text: str):
    assert sure(text) is None


def test_every_sign_of_a_sure_text_parts_words_or_stays_as_it_is():
    """What the expressions count on, for every sign and both sides of a word."""
    unspaced = re.compile(f"[{UNSPACED}]")
    for sign in map(chr, range(128, 0x40000)):
        text = f"b{sign}d"
        if sure(text) is None or sign == "\u2019":
            continue
        assert len(sign.lower()) == 1, hex(ord(sign))
        for layer in ("plain", "exact"):
            for written in (text, text.lower()):
                found = words(written, layer)
                if len(found) == 2:
                    assert found == ["b", "d"], hex(ord(sign))
                    assert re.fullmatch(r"[\W_]", sign), hex(ord(sign))
                else:
                    assert len(found) == 3, hex(ord(sign))
                    assert unspaced.fullmatch(sign), hex(ord(sign))
                    assert re.fullmatch(r"\w", sign), hex(ord(sign))
                    assert found[1] == sign or not re.search(
                        "[\x00-\x7f\u3400-\u4dbf\u4e00-\u9fff]", found[1]
                    )


def test_a_picture_parts_words_coloured_or_not():
    pictures = [
        chr(code) for first, last in ((0x2600, 0x2712), (0x1F300, 0x1FAFF)) for code in range(first, last + 1)
    ]
    for picture in pictures:
        assert sure(f"b{picture}\ufe0fd") == f"b{picture}\ufe0fd"
        assert words(f"b{picture}\ufe0fd", "plain") == ["b", "d"]


@given(st.from_regex(r"[a-z0-9]{1,10}(s|es|ies|ices|yses|xes|ss|ses|y|x|sh|ch)?", fullmatch=True))
def test_every_word_is_a_spelling_of_its_singular(word: str):
    assert word in spellings(singular(word))
    assert all(singular(spelling) == singular(word) for spelling in spellings(singular(word)))


def test_irregular_plurals_are_spellings():
    irregular = dict(PLURAL_RULES[0])
    assert all(plural in spellings(singular(one)) for plural, one in irregular.items())
    assert spellings("person") == {"person", "persons", "people", "peoples"}
    assert spellings("models") == frozenset()
