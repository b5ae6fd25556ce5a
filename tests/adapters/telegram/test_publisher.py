"""Sending to the emulator: what arrives, and what each failure becomes."""

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.adapters.telegram.client import BotClient
from bot.adapters.telegram.publisher import TelegramPublisher
from bot.domain.chats import ChatFacts
from bot.domain.errors import (
    ChannelDown,
    KindForbidden,
    NotSent,
    OutcomeUnknown,
    Refused,
    TargetGone,
    TargetMoved,
    TryLater,
    Withdrawn,
)
from bot.domain.message import Item, OutgoingMessage, Receipt
from tests.builders import a_paper, a_question, a_reason, an_alarm_message, an_edition, an_item, an_outgoing
from tests.rigs.botapi import BotApi, Fault
from tests.rigs.publishers import ChatMemory


def to(address: str = "1", **parts: object) -> OutgoingMessage:
    return an_outgoing(kind="telegram", address=address, **parts)


def quiz(address: str = "1", **parts: object) -> OutgoingMessage:
    given = {"question": a_question(answer=2), "reply_to": None, **parts}
    return to_kind("quiz", address, **given)


def to_kind(kind: str, address: str = "1", **parts: object) -> OutgoingMessage:
    return replace(to(address), kind=kind, **parts)  # type: ignore[arg-type]


async def test_an_alert_shows_its_parts_in_order(publisher: TelegramPublisher, api: BotApi) -> None:
    item = an_item(1, a_reason(), editions=(an_edition(),))
    await publisher.send(to("1", items=(item,)))
    (message,) = api.messages
    assert message.text.split("\n") == [
        "Paper 1: Language Models at Scale",
        "Bernard Ghanem, Mohammad Zbeeb",
        "",
        "A family of language models. What there is to say on Results.",
        "",
        "Topic: What there is to say on Topic.",
        "Problem: What there is to say on Problem.",
        "Method: What there is to say on Method.",
        "Result: What there is to say on Results.",
        "So what: What there is to say on Takeaway.",
        "🔎 language models",
        "18 Sep",
    ]


async def test_title_is_linked_matches_are_bold_and_points_are_folded(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    await publisher.send(to("1", items=(an_item(1, a_reason(), editions=(an_edition(),)),)))
    content = api.messages[0].content
    (title,) = (entity for entity in content.entities if entity.kind == "TextUrl")
    assert (content.of(title), title.url) == (
        "Paper 1: Language Models at Scale",
        "https://arxiv.org/abs/2509.14001",
    )
    assert content.words("Bold")[:3] == ("Language Models", "language models", "Topic:")
    (fold,) = content.words("ExpandableBlockQuote")
    assert fold.startswith("Topic:")
    assert fold.endswith("on Takeaway.")


async def test_the_receipt_names_the_message(publisher: TelegramPublisher, api: BotApi) -> None:
    receipt = await publisher.send(to())
    assert receipt == Receipt(message=str(api.messages[0].id))


async def test_several_papers_go_as_one_message_with_the_rest_behind_a_button(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    await publisher.send(to("1", items=tuple(an_item(number) for number in range(1, 31))))
    (message,) = api.messages
    *numbers, (button,) = message.buttons
    assert message.text.startswith("30 new for you · language models\n\n1. Paper 1: ")
    assert "\n24. Paper 24: " in message.text
    assert "Paper 25" not in message.text
    assert [len(row) for row in numbers] == [8, 8, 8]
    assert (button["text"], button["callback_data"]) == ("+6 more", "page:b5f1c0de:24")


async def test_polls_make_no_sound_and_messages_where_they_are_to_make_one(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    await publisher.send(to())
    await publisher.send(to(silent=True))
    await publisher.send(quiz())
    assert [message.silent for message in api.messages] == [False, True]
    assert api.polls[0].silent


async def test_an_edit_that_changes_nothing_is_not_asked_for(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    receipt = await publisher.send(to())
    changed = replace(an_item(1), updated=frozenset({"quiz"}))
    begun: list[int] = []

    async def begin() -> None:
        begun.append(1)

    for items in ((an_item(1),), (changed,), (changed,)):
        await publisher.send(to_kind("edit", items=items, replaces=receipt), begin)
    assert len(begun) == 3
    assert len(api.messages[0].edits) == 1
    assert "Updated: quiz added" in api.messages[0].text


async def test_only_what_the_latest_messages_show_is_remembered(
    publisher: TelegramPublisher, api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.chat(2)
    monkeypatch.setattr("bot.adapters.telegram.publisher._MOST_REMEMBERED", 1)
    first = await publisher.send(to())
    await publisher.send(to("2"))
    await publisher.send(to_kind("edit", replaces=first))
    assert api.messages[0].edits == []


async def test_what_the_daily_limit_kept_out_is_named(publisher: TelegramPublisher, api: BotApi) -> None:
    await publisher.send(to("1", more=12, more_titles=("First of them", "Second of them")))
    assert api.messages[0].text.endswith("+12 more, over your daily limit")


async def test_a_question_is_a_quiz_that_replies_to_its_alert(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    alert = await publisher.send(to())
    question = a_question("Which?", "one", "two", "three", answer=2)
    receipt = await publisher.send(quiz(question=question, reply_to=alert))
    (poll,) = api.polls
    assert (poll.kind, poll.anonymous, poll.reply_to) == ("quiz", False, int(alert.message))
    assert [question.options[index] for index in receipt.option_order] == list(poll.options)
    assert poll.options[poll.correct[0]] == "three"
    assert receipt.poll == poll.poll
    assert int(poll.poll) > 2**53
    assert poll.explanation == "A family of language models.\nhttps://arxiv.org/abs/2509.14001"


async def test_a_server_older_than_the_library_still_gives_its_receipt(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    api.unknown_fields = frozenset({"members_only", "allows_revoting"})
    receipt = await publisher.send(quiz())
    assert receipt.poll == api.polls[0].poll


async def test_a_question_nobody_knows_the_answer_to_is_an_ordinary_poll(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    await publisher.send(quiz(question=a_question(answer=None)))
    (poll,) = api.polls
    assert (poll.kind, poll.correct) == ("regular", ())
    assert "No official key" in poll.description


async def test_a_second_try_asks_in_the_same_order(publisher: TelegramPublisher, api: BotApi) -> None:
    first, second = await publisher.send(quiz()), await publisher.send(quiz())
    assert first.option_order == second.option_order


async def test_a_quiz_whose_alert_is_gone_is_sent_all_the_same(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    await publisher.send(quiz(reply_to=Receipt(message="4711")))
    await publisher.send(quiz(reply_to=Receipt(message="preview-b1")))
    assert [poll.reply_to for poll in api.polls] == [None, None]


async def test_channels_get_anonymous_polls_and_none_costs_a_refusal(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    api.chat(-1001, kind="channel", username="papers")
    for _ in range(2):
        await publisher.send(quiz("@papers"))
    assert [poll.anonymous for poll in api.polls] == [True, True]
    assert api.calls["sendPoll"] == 2


async def test_a_public_group_keeps_its_voters_names(publisher: TelegramPublisher, api: BotApi) -> None:
    api.chat(-1002, kind="supergroup", username="readers")
    await publisher.send(quiz("@readers"))
    assert not api.polls[0].anonymous


async def test_a_question_without_room_in_the_poll_is_told_in_a_message_before(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    options = tuple(f"{letter * 500} <&>" for letter in "xyz")
    alert = await publisher.send(to())
    await publisher.send(quiz(question=a_question("Which?", *options, answer=0), reply_to=alert))
    preface, (poll,) = api.messages[1], api.polls
    assert all(option in preface.text for option in options)
    assert (preface.reply_to, poll.reply_to) == (int(alert.message), preface.id)
    assert poll.options == ("A", "B", "C")


async def test_a_poll_and_the_message_before_it_are_two_messages_a_second_apart() -> None:
    async with BotApi(paced=True) as api:
        api.chat(1)
        publisher = TelegramPublisher(BotClient(api.token, api_url=api.url), chats=ChatMemory())
        options = tuple(letter * 500 for letter in "xyz")
        receipt = await publisher.send(quiz(question=a_question("Which?", *options, answer=0)))
        await publisher.close()
        assert api.rate_limit is not None
        assert (api.rate_limit.refused, receipt.messages) == (0, 2)
        assert (len(api.messages), len(api.polls), api.complaints) == (1, 1, [])


async def test_an_alarm_arrives_with_its_subject_in_bold_and_none_of_its_words_become_links(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    receipt = await publisher.send(an_alarm_message(body="File <a.md> & more.\n\nNoticed by @nobody."))
    (message,) = api.messages
    assert receipt == Receipt(message=str(message.id))
    assert message.content.words("Bold") == ("The source “tables” has fallen silent",)
    assert [entity.kind for entity in message.content.entities] == ["Bold"]
    assert "File <a.md> & more." in message.text.replace("\u2060", "")


async def test_an_alarm_to_a_topic_that_is_gone_goes_to_the_chat(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    api.chat(-1001, kind="supergroup")
    await publisher.send(an_alarm_message(address="-1001/7"))
    assert [message.chat.id for message in api.messages] == [-1001]


async def test_the_message_before_a_poll_is_taken_back_when_the_poll_is_refused(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    chat = api.chat(5, condition="no_polls")
    options = tuple(letter * 500 for letter in "xyz")
    with pytest.raises(NotSent):
        await publisher.send(quiz("5", question=a_question("Which?", *options)))
    assert [message for message in api.messages if message.chat is chat] == []


async def test_an_edit_replaces_the_message_in_place(publisher: TelegramPublisher, api: BotApi) -> None:
    alert = await publisher.send(to())
    corrected = an_item(1, title="Paper 1, corrected")
    receipt = await publisher.send(to_kind("edit", items=(corrected,), replaces=alert))
    (message,) = api.messages
    assert receipt == alert
    assert message.text.startswith("Paper 1, corrected\n")


async def test_an_edit_that_changes_nothing_is_a_success(publisher: TelegramPublisher, api: BotApi) -> None:
    alert = await publisher.send(to())
    assert await publisher.send(to_kind("edit", replaces=alert)) == alert


async def test_an_edit_whose_answer_was_lost_is_simply_made_again(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    alert = await publisher.send(to())
    api.fail(Fault(kind="drop", after=True))
    with pytest.raises(TryLater):
        await publisher.send(to_kind("edit", items=(an_item(1, title="New"),), replaces=alert))


async def test_an_edit_of_a_preview_is_refused(publisher: TelegramPublisher) -> None:
    with pytest.raises(Refused, match="no message to edit"):
        await publisher.send(to_kind("edit", replaces=Receipt(message="preview-b1")))


async def test_topics_are_named_except_the_general_one(publisher: TelegramPublisher, api: BotApi) -> None:
    api.chat(-1003, kind="supergroup", topics={7})
    await publisher.send(to("-1003/7"))
    await publisher.send(to("-1003/1"))
    assert [message.thread for message in api.messages] == [7, None]


async def test_a_deleted_topic_does_not_lose_the_message_and_the_operator_is_told(
    publisher: TelegramPublisher, api: BotApi, caplog: pytest.LogCaptureFixture
) -> None:
    api.chat(-1003, kind="supergroup", topics={7})
    await publisher.send(to("-1003/8"))
    assert [message.thread for message in api.messages] == [None]
    (record,) = (record for record in caplog.records if record.msg == "telegram.topic_gone")
    assert (record.levelno, record.chat, record.topic) == (logging.WARNING, -1003, 8)


@pytest.mark.parametrize("condition", ["blocked", "deactivated", "not_started", "kicked", "no_rights"])
async def test_a_target_that_refuses_for_good_is_gone(
    publisher: TelegramPublisher, api: BotApi, condition: str
) -> None:
    api.chat(5, condition=condition)
    with pytest.raises(TargetGone):
        await publisher.send(to("5"))


async def test_an_unknown_chat_is_gone(publisher: TelegramPublisher) -> None:
    with pytest.raises(TargetGone, match="hat not found"):
        await publisher.send(to("404"))


@pytest.mark.parametrize(
    "chat", [{"kind": "channel"}, {"kind": "supergroup", "condition": "no_polls"}, {"kind": "group"}]
)
async def test_no_poll_is_refused_not_even_the_first_for_the_chat_is_asked_about_once(
    publisher: TelegramPublisher, api: BotApi, chat: dict[str, Any]
) -> None:
    api.chat(-6, **chat)
    await publisher.send(to("-6"))
    polls = [await sent_or_forbidden(publisher, quiz("-6", question=a_question(text))) for text in "abc"]
    allowed = "condition" not in chat
    assert polls == [allowed] * 3
    assert [poll.anonymous for poll in api.polls] == [chat["kind"] == "channel"] * (3 if allowed else 0)
    assert api.calls["sendPoll"] == len(api.polls)
    assert api.calls["getChat"] == (1 if allowed else 4)  # a "no" is asked again, for the owner may change it


async def sent_or_forbidden(publisher: TelegramPublisher, outgoing: OutgoingMessage) -> bool:
    try:
        await publisher.send(outgoing)
    except KindForbidden:
        return False
    return True


async def test_polls_that_are_allowed_again_are_sent(publisher: TelegramPublisher, api: BotApi) -> None:
    chat = api.chat(-6, kind="group", condition="no_polls")
    assert not await sent_or_forbidden(publisher, quiz("-6"))
    chat.condition = "open"
    assert await sent_or_forbidden(publisher, quiz("-6"))


async def test_a_chat_that_became_something_else_is_asked_about_again_after_a_refusal(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    chat = api.chat(-6, kind="group")
    assert await sent_or_forbidden(publisher, quiz("-6", question=a_question("a")))
    chat.condition = "no_polls"
    assert not await sent_or_forbidden(publisher, quiz("-6", question=a_question("b")))
    chat.condition, chat.kind = "open", "channel"
    assert await sent_or_forbidden(publisher, quiz("-6", question=a_question("c")))
    assert [poll.anonymous for poll in api.polls] == [False, True]


async def test_where_the_service_tells_nothing_of_a_chat_the_poll_finds_out(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    api.chat(-6, kind="channel")
    api.fail(*[Fault(kind="error", methods=("getChat",))] * 2)
    await publisher.send(quiz("-6"))
    assert [poll.anonymous for poll in api.polls] == [True]


async def test_a_topic_is_found_by_its_name_in_any_case_and_the_newest_of_several(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    api.chat(-1003, kind="supergroup", username="group", topics={3, 7})
    for topic, name in ((3, "Papers"), (7, "PAPERS")):
        publisher._chats.name_topic(-1003, topic, name, renamed=False)
    receipts = [await publisher.send(to(address)) for address in ("-1003/papers", "@group/Papers")]
    assert [message.thread for message in api.messages] == [7, 7]
    assert [receipt.lost_topic for receipt in receipts] == [None, None]
    assert [receipt.in_topic for receipt in receipts] == [True, True]
    assert not (await publisher.send(to("-1003"))).in_topic


async def test_for_a_topic_that_nobody_saw_yet_the_chat_itself_gets_the_message_and_it_is_said(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    api.chat(-1003, kind="supergroup", topics={7})
    receipt = await publisher.send(to("-1003/papers"))
    assert [message.thread for message in api.messages] == [None]
    assert receipt.lost_topic == "no topic “papers” was seen in the chat; write /help in it once"
    assert not receipt.in_topic


async def test_a_migrated_chat_tells_its_new_address(publisher: TelegramPublisher, api: BotApi) -> None:
    api.chat(-7, kind="group", condition="migrated", moved_to=-100777)
    with pytest.raises(TargetMoved) as caught:
        await publisher.send(to("-7"))
    assert caught.value.address == "-100777"


async def test_a_flood_wait_holds_the_target_and_a_second_one_the_channel(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    api.chat(2)
    api.fail(*[Fault(kind="flood", seconds=37)] * 3)
    with pytest.raises(TryLater) as first:
        await publisher.send(to("1"))
    with pytest.raises(TryLater) as again:
        await publisher.send(to("1"))
    with pytest.raises(TryLater) as other:
        await publisher.send(to("2"))
    assert [text.value.wait for text in (first, again, other)] == [timedelta(seconds=37)] * 3
    assert [text.value.scope for text in (first, again, other)] == ["target", "target", "channel"]


async def test_a_success_between_two_flood_waits_keeps_the_channel_open(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    api.chat(2)
    for address in ("1", "2"):
        api.fail(Fault(kind="flood", seconds=3))
        with pytest.raises(TryLater) as caught:
            await publisher.send(to(address))
        assert caught.value.scope == "target"
        await publisher.send(to(address))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("kind", ["error", "drop", "garbage"])
async def test_an_answer_never_seen_is_unknown_whatever_happened(
    publisher: TelegramPublisher, api: BotApi, kind: str, after: bool
) -> None:
    api.fail(Fault(kind=kind, after=after))
    with pytest.raises(OutcomeUnknown):
        await publisher.send(to())
    assert len(api.messages) == after


async def test_an_answer_that_takes_too_long_is_unknown(publisher: TelegramPublisher, api: BotApi) -> None:
    api.fail(Fault(kind="slow", seconds=0.6))
    with pytest.raises(OutcomeUnknown):
        await publisher.send(to())


async def test_a_service_that_is_not_there_certainly_took_nothing(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    await api.stop()
    with pytest.raises(TryLater) as caught:
        await publisher.send(to())
    assert caught.value.scope == "channel"
    await api.start()


async def test_a_wrong_token_stops_the_channel(api: BotApi) -> None:
    publisher = TelegramPublisher(BotClient("123:wrong", api_url=api.url), chats=ChatMemory())
    with pytest.raises(ChannelDown, match=r"telegram\.token"):
        await publisher.send(to())
    await publisher.close()


@pytest.mark.parametrize("code", [401, 404])
async def test_one_refusal_of_the_token_that_getme_does_not_confirm_stops_no_channel(
    publisher: TelegramPublisher, api: BotApi, code: int
) -> None:
    api.fail(Fault(kind="error", code=code))
    with pytest.raises(TryLater) as later:
        await publisher.send(to())
    assert later.value.scope == "target"
    assert api.calls["getMe"] == 1
    await publisher.send(to())


async def test_a_token_that_nobody_could_be_asked_about_is_not_called_wrong(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    api.fail(Fault(kind="error", code=401), Fault(kind="drop", methods=("getMe",)))
    with pytest.raises(TryLater):
        await publisher.send(to())


@pytest.mark.parametrize("gone", [True, False])
async def test_an_edit_of_a_message_that_its_reader_deleted_is_done(
    publisher: TelegramPublisher, api: BotApi, gone: bool
) -> None:
    first = await publisher.send(to())
    api.messages[0].deleted = gone
    corrected = replace(to(), kind="edit", replaces=first)
    assert await publisher.send(corrected) == first
    assert len(api.messages) == (0 if gone else 1)


async def test_the_service_is_asked_what_the_bot_may_send(api: BotApi) -> None:
    client = BotClient(api.token, api_url=api.url)
    api.chat(-1001, kind="supergroup", condition="no_polls")
    api.chat(-1002, kind="channel", username="news")
    assert await client.chat_facts(1) == ChatFacts(id=1, kind="private", messages=True, polls=True)
    assert await client.chat_facts(-1001) == ChatFacts(
        id=-1001, kind="supergroup", messages=True, polls=False
    )
    assert await client.chat_facts("@news") == ChatFacts(id=-1002, kind="channel", messages=True, polls=True)
    with pytest.raises(TargetGone):
        await client.chat_facts(-5)
    await client.close()


async def test_a_question_with_one_option_is_refused_before_it_is_sent(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    with pytest.raises(Refused):
        await publisher.send(quiz(question=a_question("Which?", "only one", answer=0)))
    assert api.sent == []


async def test_a_paper_in_chinese_shows_its_chinese_points(publisher: TelegramPublisher, api: BotApi) -> None:
    paper = a_paper(1, editions=(an_edition("en", points=1), an_edition("zh", points=2)))
    await publisher.send(to("1", items=(Item(paper=paper),), language="zh"))
    assert "问题：" in api.messages[0].text
    assert "9月18日" in api.messages[0].text


# --- when it begins ---------------------------------------------------------------------------------------


async def test_a_message_begins_when_its_first_request_leaves(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    begun: list[int] = []

    async def begin() -> None:
        begun.append(len(api.sent))

    await publisher.send(quiz(question=a_question("Which?", *(letter * 500 for letter in "xyz"))), begin)
    assert (begun, len(api.sent)) == ([0], 2)


async def test_what_cannot_be_begun_is_not_sent_and_leaves_the_next_alone(
    publisher: TelegramPublisher, api: BotApi
) -> None:
    async def refuse() -> None:
        raise Withdrawn("dropped")

    with pytest.raises(Withdrawn):
        await publisher.send(to(), refuse)
    assert api.sent == []
    await publisher.send(to())
    assert len(api.sent) == 1


async def test_without_a_connection_nothing_begins() -> None:
    publisher, begun = (
        TelegramPublisher(BotClient("1:x", api_url="http://127.0.0.1:9"), chats=ChatMemory()),
        [],
    )

    async def begin() -> None:
        begun.append(1)

    with pytest.raises(NotSent):
        await publisher.send(to(), begin)
    assert begun == []
    await publisher.close()
