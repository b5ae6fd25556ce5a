"""The links of a digest in one spelling."""

import re
from collections.abc import Iterable

from bot.domain.papers import Links, arxiv_id

_USUAL = re.compile(r"https?://(arxiv\.org/abs|arxiv\.org/pdf|huggingface\.co/papers)/(\d{4}\.\d{4,5})")
"""The whole link, in all but a few rows of a year."""


def links_of(urls: Iterable[str]) -> Links:
    """Where the paper lives: arXiv and Hugging Face links normalised, others as they are, the first of each.

    A PDF on arXiv also gives its abstract page. Links that are not http or https are left out.
    """
    found: dict[str, str] = {}
    for url in urls:
        for field, link in _named(url.strip()):
            found.setdefault(field, link)
    return Links(abs=found.get("abs"), pdf=found.get("pdf"), huggingface=found.get("huggingface"))


def _named(url: str) -> Iterable[tuple[str, str]]:
    usual = _USUAL.fullmatch(url)
    if usual:
        return _pages(usual[2], shelf=usual[1])
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in {"http", "https"} or not rest or not url.isprintable() or " " in url:
        return ()
    number = arxiv_id(url)
    if number is None:
        return [("pdf" if rest.lower().endswith(".pdf") else "abs", url)]
    return _pages(number, shelf=rest.lower())


def _pages(number: str, *, shelf: str) -> Iterable[tuple[str, str]]:
    if shelf.partition("/")[0].endswith("huggingface.co"):
        return (("huggingface", f"https://huggingface.co/papers/{number}"),)
    page = ("abs", f"https://arxiv.org/abs/{number}")
    return (page, ("pdf", f"https://arxiv.org/pdf/{number}")) if "/pdf" in shelf else (page,)
