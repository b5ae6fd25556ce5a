"""Rows of tables that are read one by one are read as the closer look reads them."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.readers import read_closely, read_digest, rows
from bot.adapters.readers.rows import LineFinder
from bot.domain.errors import NotADigest

PLAIN = '<tr><td>{day}</td><td>{title}</td><td>Ann Poe et al.</td><td><a href="http://arxiv.org/abs/{id}">{id}</a></td><td>null</td></tr>'
HEAD = "<tr><th>Publish Date</th><th>Title</th><th>Authors</th><th>PDF</th><th>Code</th></tr>\n"
TITLES = (
    "A title of <b>two</b> kinds",
    "<b>All of it is bold</b>",
    "<i>All of it is italic</i>",
    "Tigers &amp; lions at large",
    "Tigers *or* lions",
    "Models_of_tigers and `code`",
    "Tigers | lions | bears",
    "Tigers",
    "42",
    "PDF",
    "老虎的研究",
    "",
)
LINKS = (
    '<a href="https://arxiv.org/pdf/{id}" target="_blank">PDF</a>',
    '<a href="http://arxiv.org/abs/{id}">{id}</a> <a href="https://github.com/ann/tigers">code</a>',
    '<a href="http://arxiv.org/abs/{id}">A title of the link itself</a>',
    "arXiv:{id}",
    "",
)
LOOKS = ("", "", "", "", ' align="center"', ' class="title"')
BETWEEN = (
    '<!-- <tr><td>A title in a comment</td><td><a href="http://arxiv.org/abs/3105.99999">x</a></td></tr> -->\n',
    "```\n<table>\n" + HEAD + "<tr><td>A title in code</td></tr>\n</table>\n```\n",
    "The table goes on.\n",
)


def _row(drawn: random.Random, number: int, indent: str) -> str:
    paper = f"3105.{number:05}"
    title = drawn.choice(TITLES) if drawn.random() < 0.2 else f"A title of number {number}"
    link = drawn.choice(LINKS) if drawn.random() < 0.2 else LINKS[1]
    code = drawn.choice(("null", '<a href="https://github.com/ann/lions">code</a>', ""))
    cells = [
        f"<td{drawn.choice(LOOKS)}>{cell}</td>"
        for cell in ("2031-05-05", title, "Ann Poe et al.", link.format(id=paper), code)
    ]
    parted = drawn.choice(("", "", f"\n{indent}"))
    return f"{indent}<tr>{parted}{parted.join(cells)}{parted}</tr>"


def _page(seed: int) -> str:
    drawn = random.Random(seed)
    parts, number = ["Tigers\n\n"], 0
    for _ in range(drawn.randint(1, 3)):
        indent, gap = drawn.choice(("", "  ", "      ")), "\n" if drawn.random() < 0.9 else "\n\n"
        parts += ["<table>", gap, indent, HEAD if drawn.random() < 0.9 else ""]
        for _ in range(drawn.randint(1, 9)):
            number += 1
            parts += [_row(drawn, number, indent), gap if drawn.random() < 0.95 else ""]
        parts += ["</table>\n\n", drawn.choice(BETWEEN) if drawn.random() < 0.4 else "", "\n"]
    return "".join(parts)


@pytest.mark.parametrize("head", ["# ", "<!DOCTYPE html>\n"], ids=["markdown", "html"])
def test_rows_of_html_are_read_as_in_the_outline(head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = 0
    for seed in range(40):
        data = (head + _page(seed)).encode()
        monkeypatch.setattr(rows, "MANY_ROWS", 1_000_000)
        whole = read_closely(data, name="x")
        rows._plain_html_row.cache_clear()
        monkeypatch.setattr(rows, "MANY_ROWS", 0)
        directly = read_closely(data, name="x")
        assert directly == whole, seed
        assert whole.digest
        assert directly.digest
        assert directly.digest.lines == whole.digest.lines, seed
        assert directly.digest.passed_over == whole.digest.passed_over, seed
        taken += rows._plain_html_row.cache_info().currsize
    assert taken > 200


@pytest.mark.parametrize("head", ["# Tigers\n\n", "<!DOCTYPE html>\n"], ids=["markdown", "html"])
def test_of_a_history_in_html_that_grew_only_the_new_rows_are_looked_at(head: str) -> None:
    papers = [
        PLAIN.format(day="2031-05-05", title=f"A title of number {n}", id=f"3105.{n:05}") + "\n"
        for n in range(400)
    ]
    rows._plain_html_row.cache_clear()
    read_digest(f"{head}<table>\n{HEAD}{''.join(papers[30:])}</table>\n".encode(), name="x")
    before = rows._plain_html_row.cache_info().misses
    digest = read_digest(f"{head}<table>\n{HEAD}{''.join(papers)}</table>\n".encode(), name="x")
    assert len(digest.entries) == 400
    assert rows._plain_html_row.cache_info().misses == before + 30


def test_papers_in_rows_count_against_the_words_of_a_project() -> None:
    papers = "".join(
        PLAIN.format(day="2031-05-05", title=f"A title of number {n}", id=f"3105.{n:05}") + "\n"
        for n in range(400)
    )
    text = f"# Tigers\n\n<table>\n{HEAD}{papers}</table>\n\n## Installation\n\n## Usage\n\n## License\n"
    assert len(read_digest(text.encode(), name="x").entries) == 400


@given(
    st.text(st.sampled_from("012.\n"), max_size=60), st.from_regex(r"[012]{4}\.[012]{4,5}", fullmatch=True)
)
def test_a_paper_s_line_is_that_in_which_its_number_stands_first(text: str, number: str) -> None:
    for lines in (text, f"{text}{number}{text}"):
        match = re.search(re.escape(number), lines)
        assert LineFinder(lines).line(number) == lines.count("\n", 0, match.start() if match else 0) + 1


def test_rows_and_cells_that_do_not_end_take_no_time() -> None:
    papers = "".join(
        PLAIN.format(day="2031-05-05", title=f"A title of number {n}", id=f"3105.{n:05}") + "\n"
        for n in range(400)
    )
    torn = f"<tr>{'<td>a</td>' * 60}<td>b</tr>\n{'<table>' * 20_000}\n{'<tr>' * 20_000}\n"
    text = f"# Tigers\n\n<table>\n{HEAD}{papers}{torn}"
    with pytest.raises(NotADigest, match="x: "):
        read_digest(("<!--" + text).encode(), name="x")
    assert len(read_digest(text.encode(), name="x").entries) == 400
