"""Papers in the chat: the latest, the pages and buttons of alerts, saved papers, exports and inline queries."""

from collections.abc import Iterable
from itertools import islice

from bot.adapters.telegram.client import InlineResult
from bot.adapters.telegram.markup import (
    TEXT_UNITS,
    Markup,
    block,
    bold,
    joined,
    link,
    own_text,
    pieces,
    plain,
)
from bot.adapters.telegram.rendering import Button, Message, render_alert, render_card, render_list
from bot.adapters.telegram.requests import (
    Actions,
    AnswerInline,
    Deliver,
    DropButtons,
    Request,
    Say,
    item_of,
    items_of,
    line,
    message,
    own_message,
    parse_number,
    short_key,
    shortened,
)
from bot.adapters.telegram.updates import InlineQuery
from bot.domain.bibliography import bibtex, ris
from bot.domain.card import card_of, cut_pieces
from bot.domain.errors import QuerySyntaxError
from bot.domain.message import Item
from bot.domain.papers import Paper
from bot.domain.query import parse
from bot.domain.text import cut, plain_line
from bot.domain.translations import wording
from bot.pipeline.finder import PaperFinder
from bot.pipeline.preferences import ChoiceRefused

_LATEST, _LIKE, _PER_PAGE = 5, 5, 5
_MOST_LATEST = 5_000
"""Papers that /latest goes back; /search finds older ones."""
_TITLE, _NAME = 160, 80
_INLINE = 10
"""Results of an inline query at a time."""
_INLINE_GIST = 200


def latest(request: Request) -> Actions:
    """Show the newest papers that matched for this chat."""
    page = _latest(request, 0)
    return request.say(page) if page else request.reply("latest.none")


def latest_page(request: Request, start: str) -> Actions:
    """Show the papers from an index on, in the same message."""
    page = _latest(request, parse_number(start) or 0)
    return request.show(page) if page else request.acknowledge(request.t("dead button"))


def _latest(request: Request, start: int) -> Message | None:
    """The papers from that index on, as many as fit in one message; None where there are none."""
    if start > _MOST_LATEST:
        return None
    items = request.services.deliveries.latest(request.addresses, _LATEST + 1, start)
    if not items:
        return None
    heading = request.t("latest" if request.subscribers else "latest.all")
    page = render_list(heading, items[:_LATEST], request.language, first=start + 1)
    end = start + (page.papers_shown or 0)
    page_buttons = [Button(text="‹", data=f"latest:{max(start - _LATEST, 0)}")] * (start > 0)
    page_buttons += [Button(text="›", data=f"latest:{end}")] * (end < start + len(items))
    return Message(html=page.html, buttons=tuple(page_buttons))


def more(request: Request, message_id: str, start: str) -> Actions:
    """Show the next page of a message below it (buttons of old messages)."""
    outgoing = request.services.deliveries.message(message_id, request.addresses)
    first = parse_number(start)
    answer = render_alert(outgoing, first) if outgoing and first is not None else None
    if answer is None:
        return request.acknowledge(request.t("dead button"))
    return (
        *request.acknowledge(),
        Say(chat=request.chat.reply_address, message=answer, reply_to=request.message),
        DropButtons(chat=request.chat.reply_address, message=request.message),
    )


def page(request: Request, message_id: str, start: str) -> Actions:
    """Show another page in the same message."""
    outgoing = request.services.deliveries.message(message_id, request.addresses)
    first = parse_number(start)
    answer = render_alert(outgoing, first) if outgoing and first is not None else None
    return request.show(answer) if answer else request.acknowledge(request.t("dead button"))


def open_card(request: Request, message_id: str, number: str) -> Actions:
    """Show one paper in full in the same message."""
    outgoing = request.services.deliveries.message(message_id, request.addresses)
    index = parse_number(number)
    card = render_card(outgoing, index) if outgoing and index is not None else None
    return request.show(card) if card else request.acknowledge(request.t("dead button"))


# --- buttons below an alert


def save(request: Request, message_id: str, number: str) -> Actions:
    """Save a paper for the person who pressed the button."""
    item = item_of(request, message_id, number)
    if item is None or request.owner is None:
        return request.acknowledge(request.t("dead button"))
    try:
        is_new = request.preferences.save(request.owner, item.paper.id, request.now)
    except ChoiceRefused as refused:
        return request.refuse(refused)
    return request.acknowledge(request.t("saved.done" if is_new else "saved.already"))


def like(request: Request, message_id: str, number: str) -> Actions:
    """Show papers like one, and offer to follow such papers."""
    item = item_of(request, message_id, number)
    if item is None:
        return request.acknowledge(request.t("dead button"))
    near = request.services.finder.like(item.paper, _LIKE)
    proposal = request.preferences.propose("like", request.address, request.now, paper=item.paper.id)
    button = Button(text=request.t("button.follow"), data=f"keep:{proposal}")
    heading = request.t("like.heading", title=plain_line(item.paper.title, _TITLE))
    if not near:
        return request.say(message(bold(heading), plain(request.t("like.none")), rows=[[button]]))
    listing = render_list(
        heading, tuple(Item(paper=paper, reasons=(why,)) for paper, why in near), request.language
    )
    return request.say(Message(html=listing.html, buttons=(button,)))


def not_for_me(request: Request, message_id: str, number: str) -> Actions:
    """Show which subscription brought a paper, and offer to exclude words that would have kept it away."""
    item = item_of(request, message_id, number)
    if item is None:
        return request.acknowledge(request.t("dead button"))
    objection = request.preferences.objection(request.subscriber, item.paper.id)
    if objection is None:
        return request.say(own_message(request.t("not.gone")))
    names = objection.subscriptions
    brought = line(
        request.t("not.brought"),
        bold(request.t("comma").join(shortened(name, _NAME) for name in names)),
        request.t("stop"),
    )
    rows = []
    for offer in objection.words:
        proposal = request.preferences.propose("exclude", request.address, request.now, query=offer.word)
        rows.append([Button(text=f"NOT {offer.word} (−{offer.noticed})", data=f"ex:{proposal}")])
    rows += [[Button(text=f"⏸ {shortened(name, 40)}", data=f"hold:{short_key(name)}")] for name in names[:2]]
    note = request.t("not.offer", count=objection.papers) if objection.words else request.t("not.nothing")
    return request.say(message(brought, own_text(note), rows=rows))


def exclude(request: Request, proposal_id: str) -> Actions:
    """Exclude papers that an offered word matches."""
    proposal = request.preferences.proposal(proposal_id, request.address)
    if proposal is None or proposal.kind != "exclude":
        return request.acknowledge(request.t("dead button"))
    word = proposal.values["query"]
    try:
        is_new = request.preferences.exclude(request.subscriber, word, request.now)
    except ChoiceRefused as refused:
        return request.refuse(refused)
    if not is_new:
        return request.acknowledge(request.t("excluded.already"))
    button = Button(text=request.t("button.undo"), data=f"in:{proposal.id}")
    return request.show(message(line(request.t("excluded"), bold(word)), rows=[[button]]))


def include(request: Request, proposal_id: str) -> Actions:
    """Undo an exclusion."""
    proposal = request.preferences.proposal(proposal_id, request.address)
    if proposal is None or proposal.kind != "exclude":
        return request.acknowledge(request.t("dead button"))
    word = proposal.values["query"]
    request.preferences.include(request.subscriber, word, request.now)
    return request.show(message(line(request.t("included"), bold(word))))


def quiz_me(request: Request, message_id: str, number: str) -> Actions:
    """Ask a question on the paper."""
    item = item_of(request, message_id, number)
    if item is None:
        return request.acknowledge(request.t("dead button"))
    planned = request.services.scheduler.question_on(request.addresses, item.paper, request.now)
    notes = {"none": "quiz.paper", "unsubscribed": "quiz.unsubscribed", "stopped": "quiz.stopped"}
    if planned in notes:
        key = (
            "quiz.no quiz"
            if planned == "none" and not item.paper.edition(request.language).quiz
            else notes[planned]
        )
        return request.acknowledge(request.t(key))
    return (*request.acknowledge(request.t("quiz.comes")), Deliver())


# --- saved papers


def saved(request: Request) -> Actions:
    """Show the papers that the person saved."""
    if not request.chat.is_private:
        return request.reply("private only")
    return request.say(_saved(request, 0))


def saved_page(request: Request, number: str) -> Actions:
    """Show another page of the saved papers."""
    if not request.chat.is_private:
        return request.acknowledge(request.t("private only"))
    return request.show(_saved(request, parse_number(number) or 0))


def unsave(request: Request, key: str, number: str) -> Actions:
    """Remove a paper from the saved ones."""
    if request.owner is None or not request.chat.is_private:
        return request.acknowledge(request.t("dead button"))
    papers = request.preferences.saved(request.owner)
    paper = next((paper for paper in papers if short_key(paper.id) == key), None)
    if paper is None:
        return request.acknowledge(request.t("gone"))
    request.preferences.unsave(request.owner, paper.id)
    return request.show(_saved(request, parse_number(number) or 0))


def _saved(request: Request, number: int) -> Message:
    papers = request.preferences.saved(request.owner) if request.owner else ()
    if not papers:
        return own_message(request.t("saved.none"))
    number = min(number, (len(papers) - 1) // _PER_PAGE)
    first = number * _PER_PAGE
    entries = papers[first : first + _PER_PAGE]
    heading = request.t("saved")
    if len(papers) > _PER_PAGE:
        heading = request.t("saved.page", first=first + 1, last=first + len(entries), count=len(papers))
    lines = [
        line(f"{index}. ", _linked(paper, request.language))
        for index, paper in enumerate(entries, start=first + 1)
    ]
    removes = [
        Button(text=f"{index} ✕", data=f"unsave:{short_key(paper.id)}:{number}")
        for index, paper in enumerate(entries, start=first + 1)
    ]
    page_buttons = [Button(text="‹", data=f"saved:{number - 1}")] * (number > 0)
    page_buttons += [Button(text="›", data=f"saved:{number + 1}")] * (first + len(entries) < len(papers))
    rows = [removes, page_buttons] if page_buttons else [removes]
    return message(bold(heading), joined("\n\n", lines), rows=rows)


def _linked(paper: Paper, language: str) -> Markup:
    """Title and gist of a paper."""
    card = card_of(Item(paper=paper), language=language)
    title = link(bold(pieces(cut_pieces(card.title, _TITLE))), card.links.best)
    return joined("\n", (title, plain(card.gist_text)))


# --- export


def export(request: Request) -> Actions:
    """Export the subscriptions as YAML, or the saved papers as BibTeX or RIS."""
    wanted = request.arguments.lower()
    if wanted in ("bib", "bibtex", "ris"):
        if request.owner is None or not request.chat.is_private:
            return request.reply("private only")
        write = ris if wanted == "ris" else bibtex
        content = write(request.preferences.saved(request.owner))
        return _as_text_or_file(request, f"papers.{'ris' if wanted == 'ris' else 'bib'}", content, "")
    if wanted not in ("", "yaml", "subscriptions"):
        return request.reply("export.usage")
    if request.preferences.subscriber(request.subscriber) is None:
        return request.reply("export.empty")
    content = request.preferences.export(request.subscriber)
    return _as_text_or_file(request, "subscriptions.yaml", content, request.t("export.yaml"))


def _as_text_or_file(request: Request, name: str, content: str, lead: str) -> Actions:
    """The content as text to copy where it fits in one message, else as a file."""
    if not content:
        return request.reply("export.empty")
    whole = block(content)
    if whole.units < TEXT_UNITS - 200 and whole.fits:
        return request.say(message(*([own_text(lead)] if lead else []), whole))
    return request.file(name, content)


# --- inline queries


def inline(finder: PaperFinder, query: InlineQuery, language: str) -> AnswerInline:
    """Papers for the text typed so far: the newest for an empty text, none where it is not a valid query yet."""
    start = parse_number(query.offset) or 0
    typed = " ".join(query.text.split())
    papers: Iterable[Paper]
    if not typed:
        papers = finder.newest(start=start, limit=_INLINE)
    else:
        try:
            result = finder.search(parse(typed), start=start, limit=_INLINE)
            papers = (match.paper for match in result.matches)
        except QuerySyntaxError:
            papers = ()
    results = tuple(_inline_result(paper, language) for paper in islice(papers, _INLINE))
    return AnswerInline(
        query=query.id, results=results, next_offset=str(start + _INLINE) if len(results) == _INLINE else ""
    )


def _inline_result(paper: Paper, language: str) -> InlineResult:
    card = card_of(Item(paper=paper), language=language)
    day = wording(language).brief_day(card.date) if card.date else ""
    return InlineResult(
        id=short_key(paper.id),
        title=cut(card.title_text, _TITLE),
        description=cut(" · ".join(filter(None, (day, card.gist_text))), _INLINE_GIST),
        message=render_list("", items_of([paper]), language),
        url=card.links.best,
    )
