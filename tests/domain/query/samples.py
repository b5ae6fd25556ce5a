"""Documents and random queries for the tests of the query language."""

from hypothesis import strategies as st

from bot.domain.errors import QuerySyntaxError
from bot.domain.query import Document, Query, parse
from bot.domain.query.documents import FIELDS
from bot.domain.query.needs import AllOf, ButNot, Need, Term

VOCABULARY = (
    "graph",
    "graphs",
    "neural",
    "model",
    "models",
    "rag",
    "RAG",
    "policy",
    "policies",
    "扩散",
    "gaz",
    "Gas",
)
AUTHORS = ("Ada Graph", "Williams", "graph-neural", "Łukasz Model")


def document(
    title: str = "",
    *,
    authors: tuple[str, ...] = (),
    summaries: tuple[str, ...] = (),
    points: tuple[str, ...] = (),
    sources: tuple[str, ...] = (),
) -> Document:
    """A document of these texts."""
    return Document(texts=((title,), authors, summaries, points, sources))


def _texts(vocabulary: tuple[str, ...], longest: int) -> st.SearchStrategy[str]:
    word = st.sampled_from(vocabulary)
    return st.lists(st.tuples(word, st.sampled_from((" ", "-", ", ", "'s "))), max_size=longest).map(
        lambda pairs: "".join(word + gap for word, gap in pairs)
    )


def documents() -> st.SearchStrategy[Document]:
    """Documents of few different words, so that queries of the same words match now and then."""
    text = _texts(VOCABULARY, 6)
    return st.builds(
        document,
        text,
        authors=st.lists(_texts(AUTHORS, 2), max_size=2).map(tuple),
        summaries=st.lists(text, max_size=2).map(tuple),
        points=st.lists(text, max_size=2).map(tuple),
        sources=st.lists(st.sampled_from(("tables/graph.md", "002_rag.txt")), max_size=2).map(tuple),
    )


def query_texts() -> st.SearchStrategy[str]:
    """Texts in the shape of queries, most of them sound."""
    word = st.sampled_from(VOCABULARY)
    piece = st.one_of(
        word,
        word,
        st.lists(word, min_size=1, max_size=3).map(lambda words: f'"{" ".join(words)}"'),
        word.map(lambda text: f"={text}"),
        st.sampled_from(("gra*", "pol*", "mo*", "ga*", "扩*", "gr* neural", "policie*")),
    )
    phrase = st.lists(piece, min_size=1, max_size=3).map(" ".join)
    near = st.builds(lambda left, far, right: f"{left} NEAR/{far} {right}", phrase, st.integers(1, 4), phrase)
    scope = st.sampled_from(("", "", "", "title:", "author:", "summary: ", "source:"))
    atom = st.builds(str.__add__, scope, st.one_of(phrase, phrase, phrase, near))

    def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        operator = st.sampled_from((" AND ", " OR ", " AND NOT ", " NOT "))
        return st.one_of(
            st.builds(lambda left, sign, right: f"({left}){sign}({right})", inner, operator, inner),
            st.builds(lambda left, sign, right: f"{left}{sign}{right}", inner, operator, inner),
            inner.map(lambda text: f"NOT ({text})"),
        )

    return st.recursive(atom, grown, max_leaves=6)


def sound(text: str) -> Query | None:
    """The query, where the text is one."""
    try:
        return parse(text)
    except QuerySyntaxError:
        return None


def queries() -> st.SearchStrategy[Query]:
    """Queries that can be parsed."""
    return query_texts().map(sound).filter(lambda query: query is not None)


ODD_WORDS = (
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
ODD_SIGNS = (
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
ODD_TERMS = (
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


def odd_texts() -> st.SearchStrategy[str]:
    pieces = st.lists(st.tuples(st.sampled_from(ODD_WORDS), st.sampled_from(ODD_SIGNS)), max_size=9)
    return pieces.map(lambda pairs: "".join(word + sign for word, sign in pairs))


def odd_documents() -> st.SearchStrategy[Document]:
    texts = st.lists(odd_texts(), max_size=2).map(tuple)
    return st.builds(document, odd_texts(), authors=texts, summaries=texts, points=texts)


def plain_documents() -> st.SearchStrategy[Document]:
    """Documents of letters, digits and signs that only part words."""
    words = st.sampled_from([word for word in (*VOCABULARY, *ODD_WORDS) if word.isascii() and word.isalnum()])
    signs = st.sampled_from((" ", " ", "-", "_", ", ", ".", '"', "/"))
    pieces = st.lists(st.tuples(words, signs), max_size=12)
    text = pieces.map(lambda pairs: "".join(word + sign for word, sign in pairs))
    texts = st.lists(text, max_size=2).map(tuple)
    return st.builds(document, text, authors=texts, summaries=texts, points=texts)


def odd_queries() -> st.SearchStrategy[Query]:
    terms = st.lists(st.sampled_from(ODD_TERMS), min_size=1, max_size=4, unique=True)
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


def has(need: Need, document: Document) -> bool:
    """Whether the document's folded words have what is needed, looked up part by part."""
    if isinstance(need, Term):
        lines = zip(FIELDS, document.folded_words(), strict=True)
        parts = [part.split() for field, line in lines if field in need.fields for part in line.split("\n")]
        needle = f" {need.text}{'' if need.is_prefix else ' '}"
        return any(needle in f" {' '.join(words)} " for words in parts)
    if isinstance(need, ButNot):
        return has(need.need, document) and not has(need.barred, document)
    combine = all if isinstance(need, AllOf) else any
    return combine(has(part, document) for part in need.needs)
