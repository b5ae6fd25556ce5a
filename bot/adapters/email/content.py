"""An email's content: one value, as plain text and as HTML."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from string import ascii_uppercase
from typing import TYPE_CHECKING
from urllib.parse import quote
from zoneinfo import ZoneInfo

from bot.adapters.email.dkim import DkimSigner
from bot.domain.card import Card, CardMatch, CardPoint, card_of, paper_url, plain_line, text_of, web_link
from bot.domain.mailbox import Mailbox
from bot.domain.message import OutgoingMessage
from bot.domain.papers import Question
from bot.domain.quizzes.polls import clean, poll_of, shuffle_seed
from bot.domain.text import columns, cut, one_line
from bot.domain.translations import Wording, wording

if TYPE_CHECKING:
    import jinja2


@dataclass(frozen=True, kw_only=True, slots=True)
class EmailSettings:
    """Settings of all mails: the sender, the site, the signature."""

    sender: Mailbox
    site_title: str = "Paperboy"
    site_url: str = "http://127.0.0.1:8080"
    dkim: DkimSigner | None = None
    bounces: Mailbox | None = None
    """Where undeliverable mails come back to."""

    def __post_init__(self) -> None:
        if web_link(self.site_url) is None:
            raise ValueError(f"site.url is no http or https address: {one_line(self.site_url, 80)!r}")


_QUESTION_LIMIT, _OPTION_LIMIT = 1_000, 400


@dataclass(frozen=True, kw_only=True, slots=True)
class EmailQuestion:
    """One question with its lettered options in the order shown, and its answer for the end of the mail."""

    number: int
    """Counts through the whole mail."""
    text: str
    options: tuple[tuple[str, str], ...]
    """(letter, text)"""
    answer: str


def shown_questions(
    quiz: Sequence[Question], *, first: int, target: str, words: Wording
) -> tuple[EmailQuestion, ...]:
    """The questions that can be asked, numbered from `first`; each target has its own order of options."""
    return tuple(
        EmailQuestion(number=number, text=text, options=options, answer=answer)
        for number, (text, options, answer) in enumerate(_askable(quiz, target, words), start=first)
    )


def _askable(
    quiz: Sequence[Question], target: str, words: Wording
) -> Iterator[tuple[str, tuple[tuple[str, str], ...], str]]:
    for question in quiz:
        poll = poll_of(question, seed=shuffle_seed(question, target))
        if poll is None:
            continue
        texts = (one_line(clean(question.options[option]), _OPTION_LIMIT) for option in poll.order)
        options = tuple(zip(ascii_uppercase, texts, strict=False))
        answer = words.no_key if poll.correct is None else "{}. {}".format(*options[poll.correct])
        if poll.marked_inferred:
            answer += f" ({words.worked_out.format(sure=int((question.confidence or 0) * 100))})"
        yield one_line(clean(question.question), _QUESTION_LIMIT), options, answer


_TEXT_LIMIT = 4_000
_SUBJECT_TITLE = 72
_PREHEADER = 140


@dataclass(frozen=True, kw_only=True, slots=True)
class EmailEntry:
    """One paper of a mail and its page."""

    paper: Card
    page: str
    links: tuple[tuple[str, str], ...]
    """(name, address), the paper's page last."""
    quiz: tuple[EmailQuestion, ...] = ()
    """Empty where the channel takes no quizzes."""

    @property
    def main_link(self) -> str:
        return self.links[0][1]


@dataclass(frozen=True, kw_only=True, slots=True)
class EmailContent:
    """Everything one mail says: its entries best first, then the titles of what there was no room for."""

    subject: str
    preheader: str
    site_title: str
    heading: str
    day: str
    entries: tuple[EmailEntry, ...]
    rest: int
    rest_titles: tuple[str, ...]
    site_url: str
    why_you: str
    unsubscribe_url: str | None
    words: Wording

    @property
    def answers(self) -> tuple[EmailQuestion, ...]:
        """The questions whose answers stand at the end."""
        return tuple(question for entry in self.entries for question in entry.quiz)

    @property
    def unnamed(self) -> int:
        """The number of papers of the rest without a title here."""
        return self.rest - len(self.rest_titles)

    def shortened(self, entries: int) -> "EmailContent":
        """The content with only the first `entries`; the others are named among the rest."""
        dropped = tuple(entry.paper.title_text for entry in self.entries[entries:])
        return replace(
            self,
            entries=self.entries[:entries],
            rest=self.rest + len(dropped),
            rest_titles=(*dropped, *self.rest_titles),
        )


def email_content(outgoing: OutgoingMessage, settings: EmailSettings) -> EmailContent:
    """The content of the mail for that message, every paper as an entry."""
    words = wording(outgoing.language)
    site_url = settings.site_url.rstrip("/")
    papers = tuple(
        card_of(item, language=outgoing.language, text_limit=_TEXT_LIMIT) for item in outgoing.items
    )
    titles = [paper.title_text for paper in papers]
    count = len(papers) + outgoing.more
    subscriptions = dict.fromkeys(match.subscription for paper in papers for match in paper.matches)
    token = outgoing.unsubscribe_token
    return EmailContent(
        subject=_subject(words, titles, count),
        preheader=_preheader(papers, titles),
        site_title=one_line(settings.site_title, 80),
        heading=words.count(count),
        day=words.day(outgoing.created_at.astimezone(ZoneInfo(outgoing.timezone)).date()),
        entries=_entries(outgoing, papers, site_url, words),
        rest=outgoing.more,
        rest_titles=tuple(plain_line(title, 200) for title in outgoing.more_titles[: outgoing.more]),
        site_url=site_url + "/",
        why_you=words.why_you.format(
            address=one_line(outgoing.target.address, 120),
            subscriptions=cut(", ".join(subscriptions) or settings.site_title, 400),
        ),
        unsubscribe_url=f"{site_url}/unsubscribe/{quote(token, safe='')}" if token else None,
        words=words,
    )


def _entries(
    outgoing: OutgoingMessage, papers: tuple[Card, ...], site_url: str, words: Wording
) -> tuple[EmailEntry, ...]:
    entries: list[EmailEntry] = []
    number = 1
    for item, paper in zip(outgoing.items, papers, strict=True):
        quiz = shown_questions(item.quiz, first=number, target=outgoing.target.key, words=words)
        entries.append(_entry(paper, quiz, site_url, words))
        number += len(quiz)
    return tuple(entries)


def _entry(paper: Card, quiz: tuple[EmailQuestion, ...], site_url: str, words: Wording) -> EmailEntry:
    page = paper_url(site_url, paper.id)
    named = (
        ("arXiv", paper.links.abs),
        ("PDF", paper.links.pdf),
        ("Hugging Face", paper.links.huggingface),
        (words.paper_page, page),
    )
    links = tuple((name, url) for name, url in named if url)
    return EmailEntry(paper=paper, page=page, links=links, quiz=quiz)


def _subject(words: Wording, titles: list[str], count: int) -> str:
    title = cut(titles[0], _SUBJECT_TITLE).replace("…", "...")  # keeps most subjects plain ASCII
    if count == 1:
        return words.subject_one.format(title=title)
    return words.subject_many.format(count=count, title=title, others=count - 1)


def _preheader(papers: tuple[Card, ...], titles: list[str]) -> str:
    """The line that an inbox shows beside the subject: what the subject leaves out."""
    if len(titles) > 1:
        return cut(" · ".join(titles[1:]), _PREHEADER)
    return cut(papers[0].gist_text or text_of(papers[0].author_line()), _PREHEADER)


MAX_HTML_BYTES = 96_000
"""Gmail hides what comes after some 102 kB."""


def html_body(content: EmailContent) -> tuple[EmailContent, str]:
    """The HTML with every style inline, and the content as it fits: entries over the limit are only named, the last ones first."""
    html = _render(content)
    while (size := len(html.encode())) > MAX_HTML_BYTES and len(content.entries) > 1:
        fitting = len(content.entries) * MAX_HTML_BYTES // size
        content = content.shortened(max(1, min(fitting, len(content.entries) - 1)))
        html = _render(content)
    return content, html


def _render(content: EmailContent) -> str:
    return _html_template().render(content=content)


@cache
def _html_template() -> "jinja2.Template":
    import css_inline
    import jinja2

    source = files("bot.adapters.email").joinpath("templates", "mail.html").read_text("utf-8")
    inliner = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(inliner.inline(source))


_WIDTH = 72
_INDENT = "   "
_RULE = "-" * _WIDTH

_WIDE_LETTER = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003fffd"
_CLOSING = "\u2019\u201d\u3001\u3002\u3009\u300b\u300d\u300f\u3011\uff01\uff09\uff0c\uff1a\uff1b\uff1f"
_STRETCH = re.compile(f"([{_WIDE_LETTER}][{_CLOSING}]*|[^ {_WIDE_LETTER}]+)( ?)")
"""Text that stays on one line, and the blank after it; Chinese and Japanese break at any letter but not before `，`."""


def text_body(content: EmailContent) -> str:
    """The content as plain text set for 72 columns, with line feeds, in the order of the HTML."""
    blocks = [f"{content.site_title} · {content.heading}\n{content.day}", _RULE]
    for number, entry in enumerate(content.entries, start=1):
        blocks.extend((_entry_text(content, entry, number), _RULE))
    if content.answers:
        blocks.extend((_answers_text(content), _RULE))
    if content.rest:
        blocks.extend((_rest_text(content), _RULE))
    blocks.append(_footer_text(content))
    return "\n\n".join(blocks) + "\n"


def _entry_text(content: EmailContent, entry: EmailEntry, number: int) -> str:
    paper = entry.paper
    parts = [_filled(paper.title_text, first=f"{number}. ".ljust(len(_INDENT)))]
    if paper.authors:
        parts[0] += "\n" + _filled(text_of(paper.author_line()))
    if paper.matches:
        named = "; ".join(map(_match_text, paper.matches))
        parts.append(_filled(f"{content.words.matched}: {named}"))
    if paper.gist:
        parts.append(_filled(paper.gist_text))
    if paper.points:
        parts.append("\n".join(map(_point_text, paper.points)))
    if paper.questions:
        parts.append(_filled(content.words.quiz(paper.questions)))
    parts.extend(map(_question_text, entry.quiz))
    parts.append("\n".join(_link_lines(entry)))
    return "\n\n".join(parts)


def _question_text(question: EmailQuestion) -> str:
    asked = _filled(f"{question.number}. {question.text}", rest=_INDENT + "   ")
    options = (
        _filled(f"{letter}. {text}", first=_INDENT * 2, rest=_INDENT * 3) for letter, text in question.options
    )
    return "\n".join((asked, *options))


def _answers_text(content: EmailContent) -> str:
    answers = (
        _filled(f"{question.number}. {question.answer}", rest=_INDENT + "   ") for question in content.answers
    )
    return "\n".join((content.words.answers, *answers))


def _match_text(match: CardMatch) -> str:
    words = ", ".join(f"“{word}”" for word in match.words)
    return f"{match.subscription} ({words})" if words else match.subscription


def _point_text(point: CardPoint) -> str:
    label = f"{point.label}: " if point.label else ""
    return _filled(label + text_of(point.text), first=_INDENT + "* ", rest=_INDENT + "  ")


def _link_lines(entry: EmailEntry) -> Iterator[str]:
    width = max(columns(name) for name, _ in entry.links) + 2
    for name, url in entry.links:
        yield _INDENT + name + " " * (width - columns(name)) + url


def _rest_text(content: EmailContent) -> str:
    lines = [content.words.more_heading.format(count=content.rest)]
    lines.extend(_filled(title, first=_INDENT + "* ", rest=_INDENT + "  ") for title in content.rest_titles)
    if content.rest_titles and content.unnamed:
        lines.append(_filled(content.words.more_unnamed.format(count=content.unnamed)))
    lines.append(f"{_INDENT}{content.words.all_papers}: {content.site_url}")
    return "\n".join(lines)


def _footer_text(content: EmailContent) -> str:
    lines = [_filled(content.why_you, first="", rest="")]
    if content.unsubscribe_url:
        lines.append(f"{content.words.unsubscribe}: {content.unsubscribe_url}")
    return "\n".join(lines)


def _filled(text: str, *, first: str = _INDENT, rest: str = _INDENT) -> str:
    """The one-line text in lines of at most 72 columns; only what has no place to break is longer."""
    lines: list[str] = []
    line, width, bare = first, columns(first), True
    for stretch, blank in _STRETCH.findall(text):
        if width + columns(stretch) > _WIDTH and not bare:
            lines.append(line.rstrip(" "))
            line, width = rest, len(rest)
        line += stretch + blank
        width += columns(stretch) + len(blank)
        bare = False
    return "\n".join((*lines, line.rstrip(" ")))
