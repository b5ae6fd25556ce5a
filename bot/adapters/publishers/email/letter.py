"""What a mail says, before it is put into plain text and HTML: both are made from the same letter."""

from dataclasses import dataclass, replace
from urllib.parse import quote
from zoneinfo import ZoneInfo

from bot.adapters.presentation import ShownPaper, cut, paper_url, shown, shown_paper
from bot.adapters.publishers.email.questions import ShownQuestion, shown_questions
from bot.adapters.publishers.email.settings import EmailSettings
from bot.adapters.wording import Wording, wording
from bot.domain.message import OutgoingMessage

_TEXT_LIMIT = 4_000
_SUBJECT_TITLE = 72
_PREHEADER = 140


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """One paper of a letter and its page."""

    paper: ShownPaper
    page: str
    links: tuple[tuple[str, str], ...]
    """(name, address), the paper's page last."""
    quiz: tuple[ShownQuestion, ...] = ()
    """Empty where the channel takes no quizzes."""

    @property
    def main_link(self) -> str:
        return self.links[0][1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """One mail: its stories best first, then the titles of what there was no room for."""

    subject: str
    preheader: str
    site_title: str
    heading: str
    day: str
    stories: tuple[Story, ...]
    rest: int
    rest_titles: tuple[str, ...]
    site_url: str
    why_you: str
    unsubscribe_url: str | None
    words: Wording

    @property
    def answers(self) -> tuple[ShownQuestion, ...]:
        """The questions whose answers stand at the end."""
        return tuple(question for story in self.stories for question in story.quiz)

    @property
    def unnamed(self) -> int:
        """How many of the rest have no title here."""
        return self.rest - len(self.rest_titles)

    def shortened(self, stories: int) -> "Letter":
        """The letter with only the first `stories`; the others are named among the rest."""
        dropped = tuple(story.paper.title for story in self.stories[stories:])
        return replace(
            self,
            stories=self.stories[:stories],
            rest=self.rest + len(dropped),
            rest_titles=(*dropped, *self.rest_titles),
        )


def letter_for(parcel: OutgoingMessage, settings: EmailSettings) -> Letter:
    """The letter for that parcel, with every paper as a story."""
    words = wording(parcel.language)
    site_url = settings.site_url.rstrip("/")
    papers = tuple(
        shown_paper(item, language=parcel.language, text_limit=_TEXT_LIMIT) for item in parcel.items
    )
    titles = [paper.title for paper in papers]
    count = len(papers) + parcel.more
    subscriptions = dict.fromkeys(match.subscription for paper in papers for match in paper.matches)
    token = parcel.unsubscribe_token
    return Letter(
        subject=_subject(words, titles, count),
        preheader=_preheader(papers, titles),
        site_title=shown(settings.site_title, 80),
        heading=words.count(count),
        day=words.day(parcel.created_at.astimezone(ZoneInfo(parcel.timezone)).date()),
        stories=_stories(parcel, papers, site_url, words, settings.min_confidence),
        rest=parcel.more,
        rest_titles=tuple(shown(title, 200) for title in parcel.more_titles[: parcel.more]),
        site_url=site_url + "/",
        why_you=words.why_you.format(
            address=shown(parcel.target.address, 120),
            subscriptions=cut(", ".join(subscriptions) or settings.site_title, 400),
        ),
        unsubscribe_url=f"{site_url}/unsubscribe/{quote(token, safe='')}" if token else None,
        words=words,
    )


def _stories(
    parcel: OutgoingMessage,
    papers: tuple[ShownPaper, ...],
    site_url: str,
    words: Wording,
    min_confidence: float,
) -> tuple[Story, ...]:
    stories: list[Story] = []
    number = 1
    for item, paper in zip(parcel.items, papers, strict=True):
        quiz = shown_questions(
            item.quiz, first=number, target=parcel.target.key, min_confidence=min_confidence, words=words
        )
        stories.append(_story(paper, quiz, site_url, words))
        number += len(quiz)
    return tuple(stories)


def _story(paper: ShownPaper, quiz: tuple[ShownQuestion, ...], site_url: str, words: Wording) -> Story:
    page = paper_url(site_url, paper.id)
    named = (
        ("arXiv", paper.links.abs),
        ("PDF", paper.links.pdf),
        ("Hugging Face", paper.links.huggingface),
        (words.paper_page, page),
    )
    links = tuple((name, url) for name, url in named if url)
    return Story(paper=paper, page=page, links=links, quiz=quiz)


def _subject(words: Wording, titles: list[str], count: int) -> str:
    title = cut(titles[0], _SUBJECT_TITLE).replace("…", "...")  # keeps most subjects plain ASCII
    if count == 1:
        return words.subject_one.format(title=title)
    return words.subject_many.format(count=count, title=title, others=count - 1)


def _preheader(papers: tuple[ShownPaper, ...], titles: list[str]) -> str:
    """The line that an inbox shows beside the subject: what the subject did not say."""
    if len(titles) > 1:
        return cut(" · ".join(titles[1:]), _PREHEADER)
    first = papers[0].summaries[0] if papers[0].summaries else papers[0].authors
    return cut("".join(piece.text for piece in first), _PREHEADER)
