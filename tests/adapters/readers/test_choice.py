"""Which reader reads a file, and which files are no digests."""

import datetime as dt

import pytest

from bot.adapters.readers import READERS, peek_date, read_closely, read_digest, rows
from bot.domain.digests import Digest
from bot.domain.errors import DigestTooLarge, NotADigest

LINK = "https://arxiv.org/abs/3105.0123"
PROSE = (
    "It was the best of times for tigers, as everybody who has read of them in the papers knows very well. "
)

NO_DIGESTS = {
    "README": "# Tamer\n\n[![arXiv](https://img.shields.io/b.svg)](https://arxiv.org/abs/3105.01234)\n\nTames tigers.\n\n"
    "## Installation\n\n```\npip install tamer\n```\n\n## Usage\n\n```\ntamer\n```\n\n## License\n\nMIT\n",
    "README with news": "# Tamer: Taming Tigers\n\n**Taming Tigers by Patience** [[Paper](https://arxiv.org/abs/3105.01234)]\n\n"
    "## News\n\n- We follow up with [Lions at Large](https://arxiv.org/abs/3105.01235)!\n- [Bears of Brno](https://arxiv.org/abs/3105.01236) is out.\n"
    "- [Wolves of Wales](https://arxiv.org/abs/3105.01237) is out.\n\n## Install\n\n## Training\n\n## Citation\n",
    "LICENCE": "MIT License\n\nCopyright (c) 2031 Ann Poe\n\nPermission is hereby granted, free of charge, to any person\n",
    "configuration": "title: Tiger news\nauthor: Ann Poe\ndescription: What there is to say of tigers\nurl: https://tigers.example\n",
    "JSON configuration": '{"title": "Tiger news", "author": "Ann Poe", "description": "What there is to say of tigers and lions"}',
    "JSON of examples": '[{"title": "To tame a tiger", "description": "This example tames a tiger by patience", "id": "to-tame"}]',
    "table of numbers": ",key,DOI,cited,year\n"
    + "".join(f"{n},K{n},10.5555/{n},{n},203{n}\n" for n in range(9)),
    "page of a tool": "# tiger-feed\n\n[![Paper](https://img.example/p.svg)](https://doi.org/10.5555/1)\n\n## Features\n\nTames.\n\n"
    "## Local development\n\nRun it.\n",
    "lock file": '{"name": "tiger", "packages": {"node": {"version": "10.1234/5", "resolved": "https://npm.example/a.tgz"}}}',
    "full text": "# Taming Tigers\n\nAnn Poe\n\n## Abstract\n\nWe tame.\n\n## 1 Introduction\n\n"
    + PROSE
    + "\n\n## 2 Related Work\n\nSee [Lions at Large](https://arxiv.org/abs/3105.01235).\n\n## 3 Method\n\n## 4 Conclusion\n\n## References\n\n"
    "- Cy Doe. Lions at Large. [arXiv:3105.01235](https://arxiv.org/abs/3105.01235)\n",
    "essay": f"# On tigers\n\n{PROSE}As [Poe](https://arxiv.org/abs/3105.01234) has shown, tigers can be tamed by patience and food.\n\n"
    f"{PROSE}In [Lions at Large](https://arxiv.org/abs/3105.01235) the same is told of lions, which are larger and less patient.\n",
    "blog feed": '<rss version="2.0"><channel><title>B</title><item><title>My week with tigers</title><link>https://b.example/1</link>'
    "<description>It was long.</description></item></channel></rss>",
    "web page": '<!DOCTYPE html><html><body><p>Tigers</p><a href="https://tigers.example">home</a></body></html>',
    "login page": "<!DOCTYPE html><html><body><form><input name=user><h1>Log in to arXiv</h1></form></body></html>",
}


def read(text: str, name: str = "digest") -> Digest:
    return read_digest(text.encode(), name=name)


@pytest.mark.parametrize("name", NO_DIGESTS)
def test_what_lists_no_papers_is_no_digest_and_the_reason_is_told(name: str) -> None:
    reading = read_closely(NO_DIGESTS[name].encode(), name="x")
    assert reading.digest is None
    assert reading.reason
    with pytest.raises(NotADigest, match=r"^x: "):
        read(NO_DIGESTS[name], "x")


def test_the_readers_are_a_list_in_the_order_in_which_they_are_asked() -> None:
    known = [
        *("quiz_page", "table", "quiz_text"),
        *("feed", "json", "csv", "bibtex", "ris", "yaml", "markdown", "html"),
    ]
    assert [reader.kind for reader in READERS if reader.kind in known] == known


def test_a_reader_that_recognises_and_finds_nothing_does_not_stand_before_the_others() -> None:
    page = f'<div class="paper-card"><h3>Tame Tigers by Patience</h3><a href="{LINK}4">Abs</a></div>'
    reading = read_closely(page.encode(), name="x")
    assert [(attempt.kind, attempt.papers) for attempt in reading.attempts] == [("quiz_page", 0), ("html", 1)]
    assert reading.digest is not None
    assert [entry.title for entry in reading.digest.entries] == ["Tame Tigers by Patience"]


def test_a_heading_of_a_known_source_above_another_table_is_read_as_what_it_is() -> None:
    text = f"## Papers for 2031-05-05\n\n- **Tame Tigers by Patience** [pdf]({LINK}4)\n"
    digest = read(text)
    assert (digest.kind, len(digest.entries)) == ("markdown", 1)


def test_the_attempts_tell_which_was_chosen_and_why_others_found_nothing() -> None:
    text = f"[notes]\n\n- [Tame Tigers by Patience]({LINK}4)\n- [Lions at Large]({LINK}5)\n- [Bears of Brno]({LINK}6)\n"
    reading = read_closely(text.encode(), name="x")
    chosen = [attempt for attempt in reading.attempts if attempt.chosen]
    assert [(attempt.kind, attempt.papers) for attempt in chosen] == [("markdown", 3)]


def test_an_object_whose_list_of_papers_is_empty_is_an_empty_digest() -> None:
    digest = read('{"date": "2031-05-05", "papers": []}')
    assert (digest.kind, digest.date, digest.entries) == ("json", dt.date(2031, 5, 5), ())
    assert [problem.what for problem in digest.problems] == ["no papers in this digest"]


def test_a_feed_without_entries_is_an_empty_digest() -> None:
    assert read('<rss version="2.0"><channel><title>Empty day</title></channel></rss>').kind == "feed"


def test_a_day_without_papers_is_no_digest_of_the_generic_readers() -> None:
    with pytest.raises(NotADigest):
        read("# Digest of 2031-05-05\n\n## Tigers\n\nNo new papers today.\n")


def test_brackets_in_texts_are_no_levels() -> None:
    lines = "".join(
        f"{{'id': '3105.{n:05}', 'title': 'A title of {n}', 'abstract': 'Open [ and {{ and \" in {n}'}}\n"
        for n in range(200)
    )
    assert len(read(lines).entries) == 200
    items = "".join(
        f"- title: A title of {n} [open\n  link: https://arxiv.org/abs/3105.{n:05}\n" for n in range(100)
    )
    assert len(read(items).entries) == 100


def test_links_to_files_beside_a_digest_are_followed_to_the_papers_there() -> None:
    index = "# 2031-05-05\n\n" + "".join(
        f"### [{title}]({name}.md)\n\nA text.\n\n"
        for title, name in (("Tame Tigers by Patience", "tame"), ("Lions at Large", "lions"))
    )
    files = {
        "tame.md": f"# Tame Tigers by Patience\n\n**arXiv**: [3105.01234]({LINK}4)\n".encode(),
        "lions.md": f"# Lions at Large\n\n**arXiv**: [3105.01235]({LINK}5)\n".encode(),
    }
    digest = read_digest(index.encode(), name="index.md", neighbour=files.get)
    assert [(entry.id, entry.title) for entry in digest.entries] == [
        ("arxiv:3105.01234", "Tame Tigers by Patience"),
        ("arxiv:3105.01235", "Lions at Large"),
    ]


def test_where_files_beside_cannot_be_looked_at_headings_that_link_to_them_are_titles() -> None:
    index = "# 2031-05-05\n\n" + "".join(
        f"### [The title of paper {n}](paper{n}.md)\n\nA text.\n\n" for n in range(3)
    )
    assert [entry.title for entry in read(index).entries] == [f"The title of paper {n}" for n in range(3)]


def test_a_link_out_of_the_folder_is_never_followed() -> None:
    asked: list[str] = []

    def neighbour(name: str) -> bytes | None:
        asked.append(name)
        return None

    text = f"# x\n\n- [a](../secret.md) [b](/etc/passwd.md) [c](file:secret.md) [d](%2e%2e/x.md) [Tame Tigers by Patience]({LINK}4)\n"
    read_digest(text.encode(), name="x.md", neighbour=neighbour)
    assert asked == []


def test_one_paper_under_two_ids_is_one_entry_under_the_first_kind() -> None:
    text = (
        '[{"title": "Tame Tigers", "doi": "10.1234/ABC.5", "pmid": "12345678"},'
        '{"title": "Tame Tigers again", "pmid": "12345678", "authors": ["Ann Poe"]}]'
    )
    (entry,) = read(text).entries
    assert (entry.id, entry.title, entry.authors) == ("doi:10.1234/abc.5", "Tame Tigers", ("Ann Poe",))


def test_a_paper_in_several_topics_is_one_entry_with_all_that_was_said() -> None:
    lions = f"- [Lions at Large]({LINK}5)\n"
    text = (
        f"## A\n\n- [Tame Tigers by Patience]({LINK}4)\n{lions}\n"
        f"## B\n\n- [Tame Tigers by Patience]({LINK}4)\n  Authors: Ann Poe, Bob Roe\n{lions}"
    )
    tigers, lions_entry = read(text).entries
    assert (tigers.authors, lions_entry.title) == (("Ann Poe", "Bob Roe"), "Lions at Large")


@pytest.mark.parametrize("label", ["pdf", "![arXiv](https://img.example/arXiv-paper.svg)"])
def test_of_a_history_that_grew_only_the_new_rows_are_looked_at(label: str) -> None:
    head = "|Publish Date|Title|Authors|PDF|\n|---|---|---|---|\n"
    papers = [
        f"|**2031-05-05**|**A title {n}**|Ann Poe et.al.|[{label}](https://arxiv.org/abs/3105.{n:05})|\n"
        for n in range(400)
    ]
    rows.plain_row.cache_clear()
    read(head + "".join(papers[30:]))
    before = rows.plain_row.cache_info().misses
    digest = read(head + "".join(papers))
    assert len(digest.entries) == 400
    assert rows.plain_row.cache_info().misses == before + 30


def test_more_papers_than_the_limit_are_refused() -> None:
    rows = "".join(
        f"- [A title {n}](https://arxiv.org/abs/{3100 + n // 90_000}.{n % 90_000 + 1:05})\n"
        for n in range(20_001)
    )
    with pytest.raises(DigestTooLarge, match="split the file"):
        read(rows)


@pytest.mark.parametrize(
    ("heading", "day"),
    [
        ("# Papers 05/05/2031", dt.date(2031, 5, 5)),
        ("# Updated on 2031.05.06", dt.date(2031, 5, 6)),
        ("# Digest of 5 May 2031", dt.date(2031, 5, 5)),
        ("# 2031年5月5日", dt.date(2031, 5, 5)),
        ("# May 5, 2031", dt.date(2031, 5, 5)),
        ("Last update: 2031-05-07", dt.date(2031, 5, 7)),
        ("# Papers", None),
    ],
)
def test_the_date_is_found_in_the_spellings_of_digests(heading: str, day: dt.date | None) -> None:
    text = f"{heading}\n\n- [Tame Tigers by Patience]({LINK}4)\n"
    assert read(text).date == day
    assert peek_date(text.encode(), name="x") == day


@pytest.mark.parametrize(
    "name", ["2031/05/05.md", "20310505_Mon/a.md", "5-May-2031/a.md", "daily_2031_05_05.html"]
)
def test_a_date_in_the_files_name_is_taken_without_a_problem(name: str) -> None:
    digest = read(f"- [Tame Tigers by Patience]({LINK}4)\n", name)
    assert (digest.date, digest.problems) == (dt.date(2031, 5, 5), ())
