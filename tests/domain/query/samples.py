"""Documents and random queries for the tests of the query language."""

from hypothesis import strategies as st

from bot.domain.errors import QuerySyntaxError
from bot.domain.query import Document, Part, Query, parse
from bot.domain.query.documents import Field

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

FIELDS: tuple[Field, ...] = ("title", "authors", "summary", "points", "source")


def document(
    title: str = "",
    *,
    authors: tuple[str, ...] = (),
    summaries: tuple[str, ...] = (),
    points: tuple[str, ...] = (),
    sources: tuple[str, ...] = (),
) -> Document:
    """A document of these texts."""
    texts = {"title": (title,), "authors": authors, "summary": summaries, "points": points, "source": sources}
    return Document(
        parts=tuple(
            Part(field=field, index=index, text=text)
            for field in FIELDS
            for index, text in enumerate(texts[field])
        )
    )


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
        word.map(lambda one: f"={one}"),
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
