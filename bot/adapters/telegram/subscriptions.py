"""Subscriptions in the chat: previewing a query, keeping it, searching, and the list with its buttons."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from bot.adapters.telegram.markup import (
    NOTHING,
    Markup,
    bold,
    code,
    joined,
    link,
    own_text,
    pieces,
    plain,
)
from bot.adapters.telegram.rendering import Button, Message, render_list
from bot.adapters.telegram.requests import (
    Actions,
    Deliver,
    DropButtons,
    Request,
    Say,
    chat_channel,
    line,
    message,
    own_message,
    parse_number,
    short_key,
    shortened,
)
from bot.adapters.telegram.texts import text
from bot.domain.analysis.preview import Match
from bot.domain.card import Card, card_of, cut_pieces
from bot.domain.chats import ChatAddress, address_in
from bot.domain.errors import QuerySyntaxError
from bot.domain.message import Item
from bot.domain.notices import Reason
from bot.domain.papers import PaperId, parse_paper_id
from bot.domain.preferences import query_of_payload, same_name
from bot.domain.query import Query, parse
from bot.domain.query.faults import hints_on
from bot.domain.text import cut
from bot.domain.translations import wording
from bot.pipeline.finder import QueryPreview
from bot.pipeline.ports.preferences import Proposal
from bot.pipeline.preferences import AddedSubscription, ChoiceRefused, ListedSubscription

_NAME, _QUERY, _TITLE = 80, 200, 160
_PER_PAGE = 8
"""Subscriptions on one page of the list: each has a row of buttons."""
_FOUND = 5
_ANSWER_WITHIN = timedelta(minutes=30)
"""Time in which the next text counts as the answer to a question of the bot."""
_LONGEST_SEARCH = 300
"""Text that is not a command is cut to this length and searched for."""

# --- previews of queries


def add(request: Request) -> Actions:
    """Show what a query would have brought, with buttons to keep it."""
    if not request.arguments:
        return request.say(own_message(request.t("add.usage")))
    return offer(request, request.arguments)


def offer(request: Request, written: str, *, lead: str = "", replaces: str = "") -> Actions:
    """Show what the query would have brought, and offer to keep it, or to put it in place of `replaces`."""
    if paper_id := _linked_paper(written):
        return _one_paper(request, paper_id)
    try:
        query = parse(" ".join(written.split()))
    except QuerySyntaxError as error:
        return request.wrong_query(" ".join(written.split()), error)
    preview = request.services.finder.preview(query)
    values = {"query": query.text, "replaces": replaces}
    if preview.better:
        values["better"] = preview.better[0].query
    proposal = request.preferences.propose("add", request.address, request.now, **values)
    buttons = [Button(text=request.t("button.keep"), data=f"keep:{proposal}")]
    if preview.better:
        buttons.append(Button(text=request.t("button.both"), data=f"both:{proposal}"))
    rows = [
        buttons,
        [
            Button(text=request.t("button.edit"), data=f"edit:{proposal}"),
            Button(text=request.t("button.cancel"), data=f"no:{proposal}"),
        ],
    ]
    return request.say(message(own_text(lead) if lead else NOTHING, *_preview(request, preview), rows=rows))


def _preview(request: Request, preview: QueryPreview) -> Sequence[Markup]:
    paragraphs = [
        joined("\n", (_counted(request, preview), *(_match(request, match) for match in preview.matches)))
    ]
    if preview.verdict == "flood":
        share = round(100 * preview.found / preview.papers)
        paragraphs.append(plain(request.t("preview.flood", share=share)))
    if preview.near_misses and not preview.found:
        lines = [bold(request.t("preview.near"))]
        for miss in preview.near_misses:
            key = "preview.excluded" if miss.missing.startswith("NOT ") else "preview.without"
            lacking = line(" – ", request.t(key), bold(shortened(miss.missing.removeprefix("NOT "), _NAME)))
            card = card_of(Item(paper=miss.paper), language=request.language)
            lines.append(plain("• ") + _titled(card) + lacking)
        paragraphs.append(joined("\n", lines))
    if preview.better:
        better = preview.better[0]
        paragraphs.append(
            line(
                request.t("preview.better"),
                code(cut(better.query, _QUERY)),
                request.t("preview.better.count", count=better.would_find),
            )
        )
    paragraphs += [plain(hint) for hint in hints_on(preview.query, request.language)]
    return paragraphs


def _counted(request: Request, preview: QueryPreview) -> Markup:
    query = bold(cut(preview.query.text, _QUERY))
    if not preview.papers:
        return query + plain("\n" + request.t("preview.no papers"))
    span = request.t(f"preview.span.{'one' if preview.covered == 1 else 'many'}", days=preview.covered)
    if not preview.found:
        return query + plain(request.t("preview.none", span=span, papers=preview.papers))
    if preview.found == 1:
        return query + plain(request.t("preview.one", span=span))
    if preview.covered == 1:
        return query + plain(request.t("preview.one day", count=preview.found))
    count, unit = preview.frequency or (preview.found, "year")
    frequency = request.t(f"frequency.{unit}", count=count)
    return query + plain(request.t("preview.many", count=preview.found, span=span, frequency=frequency))


def _match(request: Request, match: Match) -> Markup:
    """A match on one line: date, title, and the words that matched where the title does not show them."""
    reason = Reason(subscription="", why=match.why)
    card = card_of(Item(paper=match.paper, reasons=(reason,)), language=request.language)
    entry = plain("• ") + _titled(card)
    excerpt = next((match.excerpt for match in card.matches if match.excerpt), ())
    if any(piece.matched for piece in card.title) or not excerpt:
        return entry
    return entry + plain(" – “") + pieces(excerpt) + plain("”")


def _titled(card: Card) -> Markup:
    """The date and the linked title."""
    day = plain(f"{wording(card.language).brief_day(card.date)}  ") if card.date else NOTHING
    return day + link(pieces(cut_pieces(card.title, _TITLE)), card.links.best)


# --- keeping what was offered


def keep(request: Request, proposal_id: str) -> Actions:
    """Keep what was offered."""
    return _keep(request, proposal_id, lambda proposal: proposal.values["query"])


def keep_both(request: Request, proposal_id: str) -> Actions:
    """Keep what was offered together with the better spelling."""
    return _keep(request, proposal_id, _both)


def _both(proposal: Proposal) -> str:
    query, better = proposal.values["query"], proposal.values.get("better", "")
    return f"({query}) OR ({better})" if better else query


def _keep(request: Request, proposal_id: str, query_of: Callable[[Proposal], str]) -> Actions:
    proposal = request.preferences.proposal(proposal_id, request.address)
    if proposal is None or proposal.kind not in ("add", "like"):
        return request.acknowledge(request.t("dead button"))
    refusal = _admitted(request, proposal)
    if refusal is not None:
        return refusal
    remember_language(request, request.subscriber, request.language)
    try:
        if proposal.kind == "like":
            added = _add_like(request, proposal)
        elif replaced := proposal.values.get("replaces"):
            name = request.preferences.edit(request.subscriber, replaced, query_of(proposal), request.now)
            return (*request.show(message(line(request.t("edited"), bold(name)))), Deliver())
        else:
            added = request.preferences.add(
                request.subscriber,
                query_of(proposal),
                request.now,
                channel=request.channel,
                only=request.only,
            )
    except ChoiceRefused as refused:
        return request.refuse(refused)
    request.services.deliveries.resume(request.addresses)
    return (*request.show(_kept(request, added)), Deliver())


def remember_language(request: Request, name: str, language: str) -> None:
    """Set the language of a new subscriber to that of their Telegram app."""
    is_new = (
        request.preferences.subscriber(name) is None and request.preferences.choices(name).language is None
    )
    if is_new and language != "en":
        request.preferences.set_language(name, language, request.now)


def _add_like(request: Request, proposal: Proposal) -> AddedSubscription:
    return request.preferences.add_like(
        request.subscriber,
        PaperId(proposal.values["paper"]),
        request.now,
        channel=request.channel,
        only=request.only,
    )


def _kept(request: Request, added: AddedSubscription) -> Message:
    name = bold(shortened(added.name, _NAME))
    if added.wins:
        return message(line(request.t("kept.already"), name), plain(request.t("kept.wins")))
    if not added.is_new:
        return message(line(request.t("kept.already"), name))
    return message(line(request.t("kept"), name), own_text(request.t("kept.rest")))


def cancel(request: Request, proposal_id: str) -> Actions:
    """Leave everything as it was."""
    if request.preferences.proposal(proposal_id, request.address) is None:
        return request.acknowledge(request.t("dead button"))
    return request.show(own_message(request.t("cancelled")))


# --- admission


def _admitted(request: Request, proposal: Proposal) -> Actions | None:
    """The actions that ask the operators, once, and say so; None where the chat may subscribe."""
    site, name = request.services.site, request.subscriber
    admission = request.preferences.admission(name)
    is_operator = request.author.id in site.operators
    if site.is_open or is_operator or admission == "allowed" or request.subscribers:
        return None
    if not site.operators:
        nobody = line(request.t("not open.nobody"), code(request.address), request.t("stop"))
        return request.show(message(nobody))
    if admission != "unknown":
        key = "not open.refused" if admission == "refused" else "not open.waiting"
        return request.show(own_message(request.t(key)))
    request.preferences.admit(name, "asked", request.now)
    who = shortened(request.author.name or request.chat.title or name, _NAME)
    if not request.chat.is_private:
        who += f" ({shortened(request.chat.title, _NAME)})"
    asks: list[Say] = []
    for operator in site.operators:
        proposal_id = request.preferences.propose(
            "admit",
            str(operator),
            request.now,
            subscriber=name,
            chat=request.address,
            proposal=proposal.id,
            language=request.language,
        )
        rows = [
            [
                Button(text=text("button.allow", "en"), data=f"let:{proposal_id}:y"),
                Button(text=text("button.refuse", "en"), data=f"let:{proposal_id}:n"),
            ]
        ]
        query = proposal.values.get("query") or f"like {proposal.values.get('paper', '')}"
        question = line(text("ask.operator", "en", who=who), code(cut(query, _QUERY)))
        asks.append(Say(chat=ChatAddress(id=operator), message=message(question, rows=rows)))
    return (*request.show(own_message(request.t("not open"))), *asks)


def admit(request: Request, proposal_id: str, answer: str) -> Actions:
    """Carry out an operator's answer, and tell the person who asked.

    The first answer counts; later ones only show what it was.
    """
    admission = request.preferences.proposal(proposal_id, request.address)
    if (
        admission is None
        or admission.kind != "admit"
        or request.author.id not in request.services.site.operators
    ):
        return request.acknowledge(request.t("dead button"))
    name, origin, language = (
        admission.values["subscriber"],
        admission.values["chat"],
        admission.values["language"],
    )
    allowed = answer == "y"
    answered = request.preferences.admission(name)
    if answered == "unknown":  # the person who asked has deleted it
        return request.acknowledge(request.t("dead button"))
    if answered != "asked":
        return request.show(own_message(request.t(f"ask.{answered}")))
    address = ChatAddress.parse(origin)
    if not allowed:
        request.preferences.admit(name, "refused", request.now)
        return (
            *request.show(own_message(request.t("ask.refused"))),
            Say(chat=address, message=own_message(text("not open.refused", language))),
        )
    remember_language(request, name, language)
    parts = [own_text(text("admitted", language))]
    proposal = request.preferences.proposal(admission.values["proposal"], origin)
    if proposal is not None and proposal.kind == "add":
        channel = chat_channel(origin)
        only = () if address.is_private else (channel.target,)
        added = request.preferences.add(
            name, proposal.values["query"], request.now, channel=channel, only=only
        )
        parts.append(line(text("kept", language), bold(shortened(added.name, _NAME))))
    request.preferences.admit(name, "allowed", request.now)  # last, so that it is repeated after a crash
    parts.append(own_text(text("begin", language)))
    return (
        *request.show(own_message(request.t("ask.allowed"))),
        Say(chat=address, message=message(*parts)),
        Deliver(),
    )


# --- questions of the bot, which the next text answers


def ask_for_query(request: Request, proposal_id: str) -> Actions:
    """Ask for a query in place of the one that was offered."""
    proposal = request.preferences.proposal(proposal_id, request.address)
    if proposal is None or proposal.kind != "add":
        return request.acknowledge(request.t("dead button"))
    return _ask(request, proposal.values["query"], proposal.values.get("replaces", ""))


def _ask(request: Request, query: str, replaces: str) -> Actions:
    request.preferences.await_answer(
        request.address, request.author.id, request.now + _ANSWER_WITHIN, request.now, replaces=replaces
    )
    question = line(request.t("edit.ask"), code(cut(query, _QUERY)))
    return request.say(message(question, asks=request.t("edit.placeholder")))


def answer(request: Request) -> Actions:
    """Take text that is not a command as the answer to a question of the bot, else as a search."""
    awaited = request.preferences.take_answer(request.address, request.author.id, request.now)
    if awaited is not None and request.may_change:
        return offer(request, request.arguments, replaces=awaited.get("replaces", ""))
    if not request.chat.is_private:
        return ()
    if not any(map(str.isalnum, request.arguments)):
        return request.reply("search.words")
    return _search(request, request.arguments[:_LONGEST_SEARCH], lead=request.t("search.text"))


# --- searching


def search(request: Request) -> Actions:
    """Show the newest papers that a query finds."""
    if not request.arguments:
        return request.say(own_message(request.t("search.usage")))
    return _search(request, request.arguments)


def _search(request: Request, written: str, *, lead: str = "") -> Actions:
    if paper_id := _linked_paper(written):
        return _one_paper(request, paper_id)
    try:
        query = parse(" ".join(written.split()))
    except QuerySyntaxError as error:
        return request.wrong_query(" ".join(written.split()), error)
    proposal = request.preferences.propose("add", request.address, request.now, query=query.text)
    return request.say(_found(request, query, proposal, 0, lead))


def _linked_paper(written: str) -> PaperId | None:
    """The paper where the text is nothing but its id or link."""
    return None if len(written.split()) != 1 else parse_paper_id(written)


def _one_paper(request: Request, paper_id: PaperId) -> Actions:
    """Show a paper that was asked for by its id or link, and offer papers like it."""
    paper = request.services.finder.paper(paper_id)
    if paper is None:
        return request.reply("search.no paper")
    shown = render_list(request.t("search.paper"), (Item(paper=paper, reasons=()),), request.language)
    proposal = request.preferences.propose("like", request.address, request.now, paper=paper.id)
    follow = Button(text=request.t("button.follow"), data=f"keep:{proposal}")
    return request.say(Message(html=shown.html, buttons=(follow,)))


def more_found(request: Request, proposal_id: str, start: str) -> Actions:
    """Show the next papers of a search, in its message."""
    proposal = request.preferences.proposal(proposal_id, request.address)
    first = parse_number(start)
    if proposal is None or first is None:
        return request.acknowledge(request.t("dead button"))
    try:
        query = parse(proposal.values.get("query", ""))
    except QuerySyntaxError:
        return request.acknowledge(request.t("dead button"))
    return request.show(_found(request, query, proposal_id, first, ""))


def _found(request: Request, query: Query, proposal: str, start: int, lead: str) -> Message:
    result = request.services.finder.search(query, start=start, limit=_FOUND)
    count, matches = result.total, result.matches
    heading = bold(cut(query.text, _QUERY))
    if count:
        index = request.t("search.found", first=start + 1, last=start + len(matches), count=count)
        heading += plain(f" · {index}")
    lines = [_match(request, match) for match in matches] or [plain(request.t("search.none"))]
    buttons = [Button(text=request.t("button.subscribe"), data=f"sub:{proposal}")]
    if start + len(matches) < count:
        buttons.append(Button(text=request.t("button.more"), data=f"find:{proposal}:{start + len(matches)}"))
    above = own_text(lead) if lead else NOTHING
    return message(above, joined("\n\n", (heading, *lines)), rows=[buttons])


def subscribe(request: Request, proposal_id: str) -> Actions:
    """Show what the searched query would bring as a subscription."""
    proposal = request.preferences.proposal(proposal_id, request.address)
    if proposal is None or "query" not in proposal.values:
        return request.acknowledge(request.t("dead button"))
    return (
        DropButtons(chat=request.chat.reply_address, message=request.message),
        *offer(request, proposal.values["query"]),
    )


def follow_link(request: Request) -> Actions:
    """Offer the query in the payload of a link (`/start PAYLOAD`)."""
    query = query_of_payload(request.arguments)
    if query is None:
        return request.say(own_message(request.t("link.wrong")))
    return offer(request, query, lead=request.t("link.question"))


# --- the list


def list_subscriptions(request: Request) -> Actions:
    """Show what the chat is subscribed to, with buttons to change it."""
    return request.say(_list(request, 0))


def page(request: Request, number: str) -> Actions:
    """Show another page of the list."""
    return request.show(_list(request, parse_number(number) or 0))


def _list(request: Request, number: int, note: str = "") -> Message:
    listed = request.preferences.listed(request.subscriber)
    if not listed:
        return message(own_text(request.t("list.none")), own_text(request.t("begin")))
    pages = -(-len(listed) // _PER_PAGE)
    number = min(max(number, 0), pages - 1)
    first = number * _PER_PAGE
    entries = listed[first : first + _PER_PAGE]
    numbered = list(enumerate(entries, start=first + 1))
    lines = [_entry(request, number, entry) for number, entry in numbered]
    rows = [_list_buttons(request, number, entry) for number, entry in numbered]
    page_links = [("‹", number - 1)] * (number > 0) + [("›", number + 1)] * (number < pages - 1)
    rows.append([Button(text=sign, data=f"list:{to}") for sign, to in page_links])
    shown_range = (
        plain(request.t("list.page", first=first + 1, last=first + len(entries), count=len(listed)))
        if pages > 1
        else NOTHING
    )
    above = plain(note) if note else NOTHING
    return message(
        above, joined("\n", lines), shown_range, *_list_notes(request), rows=[row for row in rows if row]
    )


def _entry(request: Request, number: int, entry: ListedSubscription) -> Markup:
    markup = line(f"{number}. ", bold(shortened(entry.name, _NAME)))
    if not same_name(entry.name, entry.text):
        markup += line(" — ", code(shortened(entry.text, _QUERY)))
    if entry.paused:
        markup += plain(request.t("list.paused"))
    if where := _where(request, entry):
        markup += plain(f" · {where}")
    if not entry.chosen:
        markup += plain(request.t("list.configured"))
    if entry.wins:
        markup += plain(request.t("list.wins"))
    return markup


def _where(request: Request, entry: ListedSubscription) -> str:
    """Names of the topics that a subscription goes to; empty where it is not limited to any."""
    addresses = filter(None, map(address_in, entry.only))
    topics = sorted((address for address in addresses if address.id == request.chat.id), key=str)
    if not entry.only or (not request.chat.is_forum and topics):
        return ""
    if not topics:
        return request.t("list.elsewhere")
    names = request.topics
    return request.t("comma").join(_topic_name(request, topic, names) for topic in topics)


def _topic_name(request: Request, address: ChatAddress, names: Mapping[int, str]) -> str:
    if not address.has_topic:
        return request.t("list.general")
    known = names.get(address.topic) if address.topic else address.topic_name
    return request.t("list.topic", name=known or address.topic)


def _list_buttons(request: Request, number: int, entry: ListedSubscription) -> list[Button]:
    key = short_key(entry.name)
    pause = ("▶", "go") if entry.paused else ("⏸", "hold")
    buttons = [Button(text=f"{number} {pause[0]}", data=f"{pause[1]}:{key}")]
    if entry.chosen:
        buttons = [
            Button(text=f"{number} ✎", data=f"ed:{key}"),
            *buttons,
            *([Button(text=f"{number} ⇄", data=f"route:{key}")] if request.chat.is_forum else []),
            Button(text=f"{number} ✕", data=f"del:{key}"),
        ]
    return buttons


def _list_notes(request: Request) -> list[Markup]:
    notes: list[Markup] = []
    subscriber = request.preferences.subscriber(request.subscriber)
    if subscriber is not None and subscriber.exclude:
        left_out = request.t("comma").join(shortened(word, _NAME) for word in subscriber.exclude)
        notes.append(plain(request.t("list.excluded") + cut(left_out, 600)))
    if subscriber is not None and subscriber.snoozed_until and subscriber.snoozed_until > request.now:
        until = subscriber.snoozed_until.astimezone(subscriber.timezone)
        notes.append(plain(request.t("list.snoozed", until=f"{until:%Y-%m-%d %H:%M}")))
    if request.services.deliveries.is_stopped(request.addresses):
        notes.append(own_text(request.t("list.stopped")))
    return notes


def _entry_of(request: Request, key: str) -> ListedSubscription | None:
    """The subscription of the chat that a button refers to; None where there is none."""
    listed = request.preferences.listed(request.subscriber)
    return next((entry for entry in listed if short_key(entry.name) == key), None)


def _page_of(request: Request, key: str) -> int:
    listed = request.preferences.listed(request.subscriber)
    return next((index // _PER_PAGE for index, entry in enumerate(listed) if short_key(entry.name) == key), 0)


def pause(request: Request, key: str) -> Actions:
    """Pause a subscription of the list."""
    return _set_paused(request, key, paused=True)


def resume(request: Request, key: str) -> Actions:
    """Resume a paused subscription of the list."""
    return _set_paused(request, key, paused=False)


def _set_paused(request: Request, key: str, *, paused: bool) -> Actions:
    entry = _entry_of(request, key)
    if entry is None:
        return request.acknowledge(request.t("gone"))
    request.preferences.pause(request.subscriber, entry.name, request.now, paused=paused)
    return (*request.show(_list(request, _page_of(request, key))), Deliver())


def remove_pressed(request: Request, key: str) -> Actions:
    """Remove a subscription of the list."""
    entry = _entry_of(request, key)
    if entry is None:
        return request.acknowledge(request.t("gone"))
    number = _page_of(request, key)
    try:
        request.preferences.remove(request.subscriber, entry.name, request.now)
    except ChoiceRefused as refused:
        return request.refuse(refused)
    return request.show(_list(request, number, request.t("removed") + shortened(entry.name, _NAME)))


def edit_pressed(request: Request, key: str) -> Actions:
    """Ask for a new query of a subscription of the list."""
    entry = _entry_of(request, key)
    if entry is None or not entry.chosen:
        return request.acknowledge(request.t("gone"))
    return _ask(request, entry.text, entry.name)


def route_pressed(request: Request, key: str) -> Actions:
    """Show the topics to which a subscription of the list may go."""
    entry = _entry_of(request, key)
    if entry is None or not entry.chosen:
        return request.acknowledge(request.t("gone"))
    topics = {0: request.t("list.general"), **request.topics}
    if request.chat.topic is not None:
        topics.setdefault(request.chat.topic, request.t("list.topic", name=request.chat.topic))
    buttons = [
        Button(text=shortened(name, 40), data=f"to:{key}:{topic}")
        for topic, name in list(topics.items())[:60]
    ]
    rows = [buttons[start : start + 2] for start in range(0, len(buttons), 2)]
    question = line(request.t("route.where"), bold(shortened(entry.name, _NAME)))
    back = [Button(text="‹", data=f"list:{_page_of(request, key)}")]
    return request.show(message(question, rows=[*rows, back]))


def route(request: Request, key: str, topic: str) -> Actions:
    """Send a subscription of the list to a topic; 0 is the general one."""
    entry = _entry_of(request, key)
    thread = parse_number(topic)
    if entry is None or thread is None:
        return request.acknowledge(request.t("gone"))
    topic_name = request.topics.get(thread, "")
    channel = request.channel_at(replace(request.chat, topic=thread or None, topic_name=topic_name))
    try:
        request.preferences.route(request.subscriber, entry.name, channel, request.now)
    except ChoiceRefused as refused:
        return request.refuse(refused)
    return request.show(_list(request, _page_of(request, key), request.t("routed")))


def remove(request: Request) -> Actions:
    """Remove a subscription by its number or name; without either show the list."""
    listed = request.preferences.listed(request.subscriber)
    wanted = request.arguments
    if not wanted:
        return request.say(_list(request, 0, request.t("remove.which") if listed else ""))
    if wanted.isdecimal() and 0 < int(wanted[:6]) <= len(listed):
        wanted = listed[int(wanted[:6]) - 1].name
    try:
        gone = request.preferences.remove(request.subscriber, wanted, request.now)
    except ChoiceRefused as refused:
        return request.refuse(refused)
    if not gone:
        return request.say(_list(request, 0, request.t("gone")))
    return request.say(message(line(request.t("removed"), bold(shortened(wanted, _NAME)))))
