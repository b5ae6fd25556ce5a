"""Input that means no good to the readers of many formats: named, and bounded in time and memory."""

import json
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from bot.adapters.readers import read_closely
from bot.domain.errors import DigestTooLarge

LINK = "[a](https://arxiv.org/abs/3105.01234)"
SECONDS = 10
"""Twenty times what the slowest of these takes; most steps that are not linear would need hours."""


def rows(count: int) -> str:
    return "|Title|Link|\n|-|-|\n" + "".join(
        f"|Title number {n}|[pdf](https://arxiv.org/pdf/{3100 + n // 90_000}.{n % 90_000:05})|\n"
        for n in range(count)
    )


HOSTILE: dict[str, Callable[[], str]] = {
    "JSON with a million levels": lambda: "[" * 1_000_000,
    "JSON objects with levels": lambda: '{"a":' * 300_000,
    "JSON that is closed again": lambda: "[" * 100_000 + "]" * 100_000,
    "JSON with one long text": lambda: '{"a":"' + '\\"' * 500_000,
    "lines of Python with brackets": lambda: "{'a': " + "(" * 5_000 + "\n" + "{'a': " + "-" * 50_000 + "1}\n",
    "Markdown of stars": lambda: LINK + "*a_" * 100_000,
    "Markdown of brackets": lambda: "x" + LINK + "[" * 200_000,
    "Markdown of open links": lambda: "x" + LINK + "[a](" * 100_000,
    "Markdown of quotes": lambda: LINK + "\n\n" + ">" * 50_000 + "x",
    "Markdown of nested lists": lambda: LINK + "\n\n" + "\n".join(" " * n * 2 + "- a" for n in range(700)),
    "Markdown of backticks": lambda: LINK + " ".join("`" * n for n in range(700)),
    "Markdown of one link": lambda: (LINK + " ") * 15_000,
    "Markdown of headings": lambda: LINK + "\n" + "# x\n" * 15_000,
    "Markdown of rules": lambda: LINK + "\n\n" + "---\n\n" * 15_000,
    "a table of 100,000 rows": lambda: "|Title|Link|\n|-|-|\n" + "|A title|x|\n" * 100_000 + LINK,
    "a table of 100,000 papers": lambda: rows(100_000),
    "a row of a million cells": lambda: "|a|\n|-|\n" + "|" * 1_000_000 + LINK,
    "front matter without an end": lambda: "---\n" + "a: " * 50_000,
    "HTML of divisions": lambda: "<html>" + "<div>" * 100_000 + "arXiv:3105.01234",
    "HTML of tables": lambda: "<html>" + "<table><tr><td>" * 50_000 + "arXiv:3105.01234",
    "HTML of links": lambda: "<html>" + '<a href="https://arxiv.org/abs/3105.01234">' * 20_000,
    "HTML of signs": lambda: "<html>arXiv:3105.01234" + "<" * 700_000,
    "HTML of breaks": lambda: "<html>arXiv:3105.01234" + "<br>" * 50_000,
    "a feed that laughs a billion times": lambda: (
        '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "x"><!ENTITY b "'
        + "&a;" * 1000
        + '">]><rss><channel><item><title>&b;</title></item></channel></rss>'
    ),
    "a feed of open items": lambda: "<rss><channel>" + "<item>" * 10_000,
    "a feed of depth": lambda: "<rss>" + "<a>" * 25_000,
    "a quote without an end": lambda: 'title,url\n"' + "a,b\n" * 200_000,
    "a row of columns": lambda: "title,url" + ",x" * 200_000 + "\na,b\n",
    "BibTeX without an end": lambda: "@article{a, title={" + "{" * 300_000,
    "BibTeX of open entries": lambda: "@article{a, title={x\n" * 2_000,
    "RIS of titles": lambda: "TY  - JOUR\n" + "TI  - x\n" * 50_000,
    "YAML of aliases": lambda: "title: x\na: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n",
    "YAML of aliases in lists": lambda: (
        "a: &a\n - x\n"
        + "".join(f"{name}: &{name}\n" + f" - *{last}\n" * 9 for last, name in pairwise("abcdefghijk"))
    ),
    "YAML of merges": lambda: (
        "a: &a0 {x: 1}\n"
        + "".join(f"b{n}: &a{n}\n  <<: [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    ),
    "YAML of itself": lambda: "a: &a\n  title: x\n  b: *a\n",
    "HTML of attributes": lambda: f'<html><div q=">" {" ".join(f"a{n}=b" for n in range(100_000))}>{LINK}',
    "Markdown of attributes": lambda: f"{LINK}\n\n<div {' '.join(f'a{n}' for n in range(100_000))}>x</div>",
    "lines of addresses": lambda: "\n".join(f"https://arxiv.org/abs/3105.{n:05}" for n in range(4_500)),
    "lines of nothing": lambda: LINK + "\n" * 2_000_000,
    "BibTeX of beginnings": lambda: "@article{a, title={T}}\n" + "@a{\n" * 100_000,
    "YAML of depth": lambda: "a:\n" + "".join(" " * n + "a:\n" for n in range(500)),
    "YAML of brackets": lambda: "a: " + "[" * 100_000,
    "org of brackets": lambda: "#+title: arxiv\n" + "[[" * 100_000,
    "a number without an end": lambda: "- arXiv:" + "1" * 500_000,
    "a DOI of parentheses": lambda: "- https://doi.org/10.1234/" + "(" * 200_000,
    "a title of scores": lambda: "# " + "(1/10) " * 50_000 + LINK,
    "a label without an end": lambda: "- " + "a" * 300_000 + ": " + LINK,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_comes_to_an_end_and_is_named(name: str) -> None:
    began = time.process_time()
    assert outcome(HOSTILE[name]())
    assert time.process_time() - began < SECONDS


def outcome(text: str) -> str:
    """What is told of the input: its limit, its reason, or that something was read."""
    try:
        reading = read_closely(text.encode(), name="digest")
    except DigestTooLarge as error:
        return str(error)
    return "read" if reading.digest else reading.reason


def test_json_that_is_cut_short_gives_its_whole_objects_and_a_problem() -> None:
    whole = json.dumps([{"id": f"3105.{n:05}", "title": f"Title number {n}"} for n in range(100)])
    digest = read_closely(whole[:-30].encode(), name="x").digest
    assert digest is not None
    assert len(digest.entries) == 99
    assert [problem.what for problem in digest.problems] == ["the JSON ends too early: it is cut short"]


def test_a_cell_of_5_mb_is_named_and_the_rows_before_it_are_read() -> None:
    data = "title,url\nTame Tigers,https://arxiv.org/abs/3105.01234\n" + "x" * 5_000_000 + ",y\n"
    digest = read_closely(data.encode(), name="x").digest
    assert digest is not None
    assert [entry.id for entry in digest.entries] == ["arxiv:3105.01234"]
    assert "field larger than field limit" in digest.problems[0].what


def test_an_entry_without_an_end_loses_no_other() -> None:
    data = "@article{a, title={Torn\n" + "@article{b, title={Tame Tigers}, doi={10.1234/a}}\n"
    digest = read_closely(data.encode(), name="x").digest
    assert digest is not None
    assert [entry.title for entry in digest.entries] == ["Tame Tigers"]


def test_20000_papers_in_one_file_are_read() -> None:
    digest = read_closely(rows(20_000).encode(), name="x").digest
    assert digest is not None
    assert len(digest.entries) == 20_000
