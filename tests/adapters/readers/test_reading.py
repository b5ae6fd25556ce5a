"""The choice of a reader, what holds for all readers, and input that means no good."""

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.adapters.readers import peek_date, read_digest
from bot.adapters.readers.document import MAX_PAPERS, MAX_PROBLEMS
from bot.domain.digests import Digest
from bot.domain.errors import DigestTooLarge, NotADigest

FOLDER = Path(__file__).parents[2] / "data" / "digests"
DIGESTS = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.suffix != ".json"}
ROW = (
    "| {title} (Read more on [arXiv](https://arxiv.org/abs/{number}) or "
    "[HuggingFace](https://huggingface.co/papers/{number}))| Ada Example | A summary. |\n"
)
TABLE = "## Papers for 2031-02-03\n\n| Title | Authors | Summary |\n|---|---|---|\n"


def table(*titles: str) -> bytes:
    rows = (ROW.format(title=title, number=f"3102.{index:05}") for index, title in enumerate(titles, 1))
    return (TABLE + "".join(rows)).encode()


def read(data: bytes) -> Digest:
    return read_digest(data, name="digest")


@pytest.mark.parametrize("name", DIGESTS)
def test_the_content_chooses_the_reader_and_the_name_does_not(name: str) -> None:
    kinds = {"table": "table", "page": "quiz_page", "text": "quiz_text"}
    for misleading in ("x.html", "x.md", "x.txt", "x.bin", ""):
        assert read_digest(DIGESTS[name], name=misleading).kind == kinds[name.partition("_")[0]]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"\x7fELF\x02\x01\x01" + bytes(64),
        b"%PDF-1.7 Papers",
        b"A letter about papers.\n\nPaper 1 is good.\n",
        b"# Notes\n\n| Title | Price |\n|---|---|\n| A | 1 |\n",
        b"<html><head><title>Some page</title></head><body><div>Paper 1</div></body></html>",
        "2031-02-03 的论文".encode("gb18030"),
    ],
)
def test_what_no_reader_knows_is_no_digest(data: bytes) -> None:
    with pytest.raises(NotADigest, match=r"2031-02-03\.md"):
        read_digest(data, name="2031-02-03.md")


def test_the_heading_tells_the_date_even_where_the_name_says_another() -> None:
    assert read_digest(table("A"), name="2030-01-01.md").date == dt.date(2031, 2, 3)


def test_a_date_taken_from_the_name_is_named_as_a_problem() -> None:
    digest = read_digest(table("A").partition(b"\n")[2], name="archive/2030-01-31.md")
    assert digest.date == dt.date(2030, 1, 31)
    assert [(problem.line, problem.what) for problem in digest.problems] == [
        (1, "no date in the heading; taken from the file's name")
    ]


def test_no_date_at_all_is_a_problem_and_not_a_guess() -> None:
    digest = read(table("A").replace(b"2031-02-03", b"2031-02-30"))
    assert digest.date is None
    assert digest.problems[0].what == "no date in the heading"


@pytest.mark.parametrize("name", DIGESTS)
def test_the_date_can_be_peeked_at_before_the_digest_is_read(name: str) -> None:
    assert peek_date(DIGESTS[name][:400], name="2000-01-01") == read(DIGESTS[name]).date


def test_a_peek_falls_back_on_the_name_and_then_on_nothing() -> None:
    assert peek_date(b"\xff\xd8 no heading", name="a/2031-02-03.jpg") == dt.date(2031, 2, 3)
    assert peek_date(b"", name="2031-02-31.md") is None


def test_bytes_that_are_not_utf8_are_shown_as_such_and_named_with_their_line() -> None:
    digest = read(table("First", "Caf\u00e9").replace("\u00e9".encode(), b"\xe9"))
    assert digest.entries[1].title == "Caf\ufffd"
    (problem,) = digest.problems
    assert problem.line == 6
    assert "not UTF-8 in 1 place" in problem.what


def test_utf16_that_is_cut_in_the_middle_of_a_character_is_a_problem() -> None:
    digest = read(table("A").decode().encode("utf-16") + b"\n")
    assert len(digest.entries) == 1
    assert "UTF-16-LE" in digest.problems[0].what


def test_control_and_bidi_characters_never_reach_a_text() -> None:
    digest = read(table("Red\x1b[31m \u202egnp\u202c\x00 and\u2066 \u2069 more\x9b0m \ufeff"))
    assert digest.entries[0].title == "Red[31m gnp and more0m"


def test_blanks_of_all_kinds_fold_to_one() -> None:
    assert read(table("A\u00a0\u2003 \t b\u202fc")).entries[0].title == "A b c"


def test_a_paper_that_stands_in_the_digest_twice_is_one_entry() -> None:
    data = table("First", "Second").replace(b"3102.00002", b"3102.00001v3")
    digest = read(data)
    assert [entry.title for entry in digest.entries] == ["First"]
    assert [(problem.line, problem.what) for problem in digest.problems] == [
        (6, "arxiv:3102.00001 stands here a second time; the first is kept")
    ]


def test_more_papers_than_the_limit_are_refused_with_the_place() -> None:
    data = TABLE.encode() + b"".join(b"| t%d | a | s |\n" % index for index in range(MAX_PAPERS + 1))
    with pytest.raises(DigestTooLarge, match=rf"big\.md:{4 + MAX_PAPERS + 1}: .* split the file"):
        read_digest(data, name="big.md")


def test_the_same_row_a_million_times_is_refused_too() -> None:
    with pytest.raises(DigestTooLarge):
        read(TABLE.encode() + b"| t | a | s |\n" * (MAX_PAPERS + 1))


def test_problems_beyond_the_limit_are_counted() -> None:
    digest = read(TABLE.encode() + b"astray\n" * (MAX_PROBLEMS + 5))
    assert len(digest.problems) == MAX_PROBLEMS + 1
    assert digest.problems[-1].what == "and 6 more problems"


def outcome(data: bytes) -> Digest | None:
    try:
        return read(data)
    except (NotADigest, DigestTooLarge):
        return None


@given(st.binary(max_size=300))
@example(b"\xff\xfe")
@example(b"\xfe\xff\xd8")
@example(b"\xef\xbb\xbf")
def test_any_bytes_are_a_digest_or_none(data: bytes) -> None:
    outcome(data)
    peek_date(data, name="x")


PIECES = sorted(
    {line for data in DIGESTS.values() for line in data.splitlines(keepends=True)}
    | {piece for data in DIGESTS.values() for piece in data.replace(b">", b">\0").split(b"\0")}
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60))
def test_shuffled_pieces_of_digests_are_a_digest_or_none(pieces: list[bytes]) -> None:
    for heading in (
        b"",
        b"## Papers for 2031-01-01\n",
        b"<title>2031-01-01 Papers</title>",
        b"2031-01-01 Papers\n",
    ):
        digest = outcome(heading + b"".join(pieces))
        assert digest is None or digest.entries or digest.problems


@settings(deadline=None)
@given(st.sampled_from(sorted(DIGESTS)), st.floats(0, 1))
def test_a_cut_digest_gives_nothing_that_the_whole_one_has_not(name: str, share: float) -> None:
    data = DIGESTS[name]
    beginning = data[: int(share * len(data))]
    if beginning.rstrip().endswith(b"|"):
        return  # cut right behind a bar: nothing can tell that from the end of a row
    cut, whole = outcome(beginning), read(data)
    if cut is None:
        return
    entries = {entry.id: entry for entry in whole.entries}
    for entry in cut.entries:
        assert entry.title == entries[entry.id].title
        assert entry.links == entries[entry.id].links
        assert entry.summary == entries[entry.id].summary
        if cut.kind == "quiz_page":
            for edition in entry.editions:
                assert set(edition.quiz) <= set(entries[entry.id].edition(edition.language).quiz)
                assert set(edition.points) <= set(entries[entry.id].edition(edition.language).points)


@settings(deadline=None)
@given(st.sampled_from(sorted(DIGESTS)), st.data())
def test_damaged_bytes_never_stop_a_reader(name: str, data: st.DataObject) -> None:
    damaged = bytearray(DIGESTS[name])
    for _ in range(data.draw(st.integers(1, 20))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    outcome(bytes(damaged))


CELLS = (
    "| {title} (Read more on [arXiv](https://arxiv.org/abs/2509.14008) or"
    " [HuggingFace](https://huggingface.co/papers/2509.14008))| {authors} | {summary} |\n"
)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"Mask\_IoU", "Mask_IoU"),
        ("R&amp;D", "R&D"),
        (r"R\&D", "R&D"),
        (r"5 \* 3 \< 16 \[v2\] \#1", "5 * 3 < 16 [v2] #1"),
        ("&quot;quoted&quot; &lt;b&gt; &#39;x&#39; &#x3b1;", "\"quoted\" <b> 'x' α"),
        (r"either\|or", "either|or"),
        (r"$\alpha\_1 \& \beta$ of A\_B", r"$\alpha\_1 \& \beta$ of A_B"),
        (r"\textbf{bold} \(x\)", r"\textbf{bold} \(x\)"),
        ("AT&T and B&C; Q &", "AT&T and B&C; Q &"),
    ],
)
def test_escapes_and_entities_in_a_tables_cells_are_decoded(written: str, meant: str) -> None:
    table = "# 2025-09-18\n\n| Title | Authors | Summary |\n|---|---|---|\n"
    row = CELLS.format(title=f"On {written}", authors=f"{written} X, Ann", summary=f"About {written}.")
    (entry,) = read_digest((table + row).encode(), name="a.txt").entries
    assert entry.title == f"On {meant}"
    assert entry.authors == (f"{meant} X", "Ann")
    assert entry.summary == f"About {meant}."
