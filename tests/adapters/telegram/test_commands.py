"""What the bot answers to commands and texts, in each kind of chat."""

import re
from datetime import date

import pytest

from bot.adapters.telegram.commands import COMMANDS, Command, menu
from bot.adapters.telegram.requests import Actions, Request, message, plain
from bot.adapters.telegram.texts import TEXTS, language_of, text
from bot.domain.preferences import start_payload
from bot.domain.schedule import parse_schedule
from bot.domain.translations import LANGUAGES
from tests.adapters.telegram.conftest import MakeTalk
from tests.builders import a_channel, a_digest, a_quiz, a_subscriber, an_edition, an_entry
from tests.rigs.botapi import BotApi, SentPoll
from tests.rigs.talk import labels, until

ALICE = a_subscriber("alice", a_channel(address="1"), asks=("language models", "=RAG"))
GROUP = a_subscriber("club", a_channel(address="-5"))


# --- the texts and the table


@pytest.mark.parametrize("key", TEXTS)
def test_every_text_is_there_in_every_language_with_the_same_blanks_to_fill(key: str) -> None:
    blanks = [sorted(set(re.findall(r"\{(\w+)\}", TEXTS[key][language]))) for language in LANGUAGES]
    assert all(blank == blanks[0] for blank in blanks), key
    assert TEXTS[key].keys() == set(LANGUAGES)
    assert "!" not in TEXTS[key]["en"].removesuffix("Hello!")


def test_a_language_that_there_is_not_is_english() -> None:
    assert text("hello", "fr") == "Hello!"
    assert [language_of(code) for code in ("zh-hans", "zh", "de", None)] == ["zh", "zh", "en", "en"]


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_every_command_fits_the_menu_in_every_language(command: Command) -> None:
    assert re.fullmatch("[a-z0-9_]{1,32}", command.name)
    assert command.help.keys() == set(LANGUAGES)
    assert all(1 <= len(about) <= 256 for about in command.help.values())


def test_the_commands_of_the_contract_are_there() -> None:
    promised = (
        "start help add list remove preview latest search quiz score leaderboard saved digest quiet timezone language "
        "snooze feed export stop delete_me"
    )
    assert COMMANDS.keys() >= {*promised.split(), "status"}
    assert "status" in menu("en", 77)


async def test_a_new_command_is_one_entry_and_one_handler(
    talk_with: MakeTalk, api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shout(request: Request) -> Actions:
        return request.say(message(plain(request.arguments.upper())))

    command = Command(
        name="shout", who="administrators", handler=shout, help={"en": "Say it louder", "zh": "大声说"}
    )
    monkeypatch.setitem(COMMANDS, "shout", command)
    talk = await talk_with()
    assert (await talk.say(api.chat(1), "/shout papers")).text == "PAPERS"
    assert "/shout – Say it louder" in (await talk.say(api.chat(1), "/help")).text
    group = api.chat(-5, kind="group", administrators={77})
    assert "Only administrators" in (await talk.say(group, "/shout papers", user=78)).text
    assert (await talk.say(group, "/shout papers", user=77)).text == "PAPERS"


# --- hello, help, stop


async def test_start_tells_a_stranger_how_to_begin_in_their_language(
    talk_with: MakeTalk, api: BotApi
) -> None:
    talk = await talk_with()
    assert "/add retrieval" in (await talk.say(api.chat(4711), "/start")).text
    assert "你好" in (await talk.say(api.chat(4712), "/start", language="zh-hans")).text


async def test_start_tells_a_subscriber_what_comes_here(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with(ALICE)
    assert "subscribed to language models, =RAG" in (await talk.say(api.chat(1), "/start")).text


async def test_start_revives_a_stopped_chat_under_any_of_its_names(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with(a_subscriber("alice", a_channel(address="@papers")))
    chat = api.chat(-1002, kind="channel", username="papers")
    assert "until you send /start" in (await talk.say(chat, "/stop")).text
    assert talk.made.store.deliveries.suspended(["telegram:@papers"]) == {
        "telegram:@papers": "stopped in the chat"
    }
    assert (await talk.say(chat, "/start")).text.startswith("Welcome back.")
    assert talk.woken == 1
    assert talk.made.store.deliveries.suspended(["telegram:@papers"]) == {}


async def test_help_lists_the_commands_of_the_chat_as_commands(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with()
    answer = await talk.say(api.chat(1), "/help")
    commands = answer.message.content.words("BotCommand", auto=True)
    assert {f"/{name}" for name in menu("en", "private")} <= set(commands)
    assert "◆2" in answer.text
    group = await talk.say(api.chat(-5, kind="group"), "/help")
    assert "/leaderboard" in group.text
    assert "/saved" not in group.text
    assert "only administrators" in group.text


async def test_help_speaks_the_language_of_the_subscriber(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with(a_subscriber("alice", a_channel(address="1"), language="zh"))
    assert "/latest – 本聊天的最新论文" in (await talk.say(api.chat(1), "/help")).text


async def test_stop_stops_and_says_how_to_come_back(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with(ALICE)
    chat = api.chat(1)
    assert "until you send /start" in (await talk.say(chat, "/stop")).text
    assert "Nothing was being sent here" in (await talk.say(chat, "/stop")).text
    assert "stopped by /stop" in (await talk.say(chat, "/list")).text


@pytest.mark.parametrize(
    "command",
    [
        "/stop",
        "/add rag",
        "/remove 1",
        "/digest hourly",
        "/quiet off",
        "/timezone UTC",
        "/language zh",
        "/snooze 1d",
    ],
)
async def test_only_administrators_change_a_group(talk_with: MakeTalk, api: BotApi, command: str) -> None:
    talk = await talk_with(GROUP)
    group = api.chat(-5, kind="group", administrators={77})
    assert "Only administrators" in (await talk.say(group, command, user=78)).text
    assert talk.made.store.preferences.all_choices()[1] == {}
    assert talk.made.store.deliveries.suspended(["telegram:-5"]) == {}
    assert "Only administrators" not in (await talk.say(group, command, user=77)).text


async def test_an_anonymous_administrator_and_the_voice_of_a_channel_may_change_it(
    talk_with: MakeTalk, api: BotApi
) -> None:
    talk = await talk_with(GROUP, a_subscriber("news", a_channel(address="-1009")))
    await talk.say(api.chat(-5, kind="supergroup"), "/stop", as_chat=True)
    await talk.say(api.chat(-1009, kind="channel"), "/stop")
    assert talk.made.store.deliveries.suspended(["telegram:-5", "telegram:-1009"]).keys() == {
        "telegram:-5",
        "telegram:-1009",
    }


async def test_nobody_changes_a_group_while_its_administrators_are_unknown(
    talk_with: MakeTalk, api: BotApi
) -> None:
    from tests.rigs.botapi import Fault

    talk = await talk_with(GROUP)
    api.fail(Fault(kind="error", methods=("getChatMember",)))
    group = api.chat(-5, kind="group", administrators={77})
    assert "Only administrators" in (await talk.say(group, "/stop", user=77)).text


async def test_anybody_in_a_group_may_ask_but_not_revive_it(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with(GROUP)
    group = api.chat(-5, kind="group", administrators={77})
    await talk.say(group, "/stop", user=77)
    answer = await talk.say(group, "/start", user=78)
    assert "subscribed to language models" in answer.text
    assert answer.message.reply_to is not None
    assert talk.made.store.deliveries.suspended(["telegram:-5"])


@pytest.mark.parametrize("written", ["/help@other_bot", "/unknown", "hello there"])
async def test_groups_are_not_disturbed(talk_with: MakeTalk, api: BotApi, written: str) -> None:
    talk = await talk_with()
    assert (await talk.say(api.chat(-5, kind="group"), written)).sent == []


@pytest.mark.parametrize("written", ["/help@paperboy_bot", "/HELP", "/help   please"])
async def test_commands_are_known_in_every_spelling(talk_with: MakeTalk, api: BotApi, written: str) -> None:
    talk = await talk_with()
    assert "/latest" in (await talk.say(api.chat(1), written)).text


async def test_an_unknown_command_is_named(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with()
    answer = await talk.say(api.chat(1), "/teleport now")
    assert answer.text.endswith("teleport. /help lists all commands.")


async def test_other_bots_are_not_talked_to(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with()
    chat = api.chat(1)
    author = {"id": 9, "is_bot": True, "first_name": "Echo"}
    api.updates.add(
        "message", {"message_id": 1, "date": 1, "chat": chat.described(), "from": author, "text": "/help"}
    )
    await talk.settled()
    assert api.messages == []


async def test_blocking_stops_and_coming_back_revives_what_waited(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with(ALICE)
    chat = api.chat(1)
    api.block(chat)
    await talk.settled()
    assert talk.made.store.deliveries.suspended(["telegram:1"])
    api.unblock(chat)
    await talk.settled()
    assert talk.made.store.deliveries.suspended(["telegram:1"]) == {}
    assert talk.woken == 1
    assert api.messages == []


# --- what a query would have brought


def papers(talk, count: int = 3) -> None:  # type: ignore[no-untyped-def]
    rag = an_entry(90, title="RAG Is Not All You Need", summary="On retrieval.")
    inside = an_entry(91, title="Grounded Answers", summary="We study RAG systems for medicine.")
    talk.made.read("a.md", a_digest(*range(1, count + 1), rag, inside))


async def test_a_pace_counts_the_days_that_the_papers_reach_back(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with()
    old = an_entry(92, title="RAG before", summary="On retrieval.")
    talk.made.read("old.md", a_digest(old, day=date(2026, 9, 12)))
    papers(talk)
    answer = await talk.say(api.chat(7), "/add rag")
    assert answer.text.splitlines()[0] == "rag would have brought 3 papers in 7 days, about 3 a week:"


async def test_add_shows_what_a_query_would_have_brought_with_its_words_in_bold(
    talk_with: MakeTalk, api: BotApi
) -> None:
    talk = await talk_with()
    papers(talk)
    answer = await talk.say(api.chat(7), "/add rag")
    assert answer.text.splitlines() == [
        "rag would have brought 2 papers in 1 day:",
        "• 18 Sep  RAG Is Not All You Need",
        "• 18 Sep  Grounded Answers – “We study RAG systems for medicine.”",
    ]
    assert answer.message.content.words("Bold") == ("rag", "RAG", "RAG")
    assert labels(answer.message) == [["Keep"], ["Edit", "Cancel"]]


async def test_a_query_that_brings_nearly_everything_or_nothing_is_told(
    talk_with: MakeTalk, api: BotApi
) -> None:
    talk = await talk_with()
    assert "There are no papers here yet" in (await talk.say(api.chat(7), "/add rag")).text
    papers(talk, 18)
    flood = await talk.say(api.chat(7), "/add language")
    assert "18 papers in 1 day" in flood.text
    assert "90 % of everything" in flood.text
    dead = await talk.say(api.chat(7), "/preview grounded AND zebra")
    assert "would have brought nothing in 1 day, among 20 papers" in dead.text
    assert "Near misses, each lacking one term:\n• 18 Sep  Grounded Answers – without zebra" in dead.text
    out = await talk.say(api.chat(7), "/add rag AND grounded AND NOT medicine")
    assert "Grounded Answers – left out by NOT medicine" in out.text


async def test_a_better_spelling_is_offered_and_both_are_kept(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with()
    talk.made.read("a.md", a_digest(*range(1, 8), an_entry(90, title="A Language Model", summary="One.")))
    chat = api.chat(7)
    answer = await talk.say(chat, '/add "language model"')
    assert "Also try language model: 8 papers." in answer.text
    assert labels(answer.message) == [["Keep", "Keep both spellings"], ["Edit", "Cancel"]]
    kept = await talk.press(answer.message, "both", user=7)
    assert kept.sent == []
    assert answer.message.text.startswith('Kept: ("language model") OR (language model)')
    assert answer.message.buttons == ()


@pytest.mark.parametrize(
    ("query", "index"),
    [("(agent OR tool use", 0), ("rag AND", 7), ("a" * 60 + " (b", 61)],
)
async def test_a_wrong_query_gets_its_caret(talk_with: MakeTalk, api: BotApi, query: str, index: int) -> None:
    talk = await talk_with()
    for command in ("/add ", "/search ", ""):
        answer = await talk.say(api.chat(7), command + query)
        assert "I cannot read this" in answer.text
        shown, caret = answer.text.splitlines()[-2:]
        assert caret.strip() == "^"
        assert shown[len(caret) - 1 :][:1] == query[index : index + 1]


async def test_without_a_query_add_search_and_remove_say_how(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with()
    chat = api.chat(7)
    assert "/add rag AND NOT survey" in (await talk.say(chat, "/add")).text
    assert "/search diffusion" in (await talk.say(chat, "/search")).text
    assert "no subscriptions here yet" in (await talk.say(chat, "/remove")).text


# --- searching


async def test_a_text_is_a_search_that_can_be_subscribed_to(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with()
    papers(talk, 7)
    chat = api.chat(7)
    answer = await talk.say(chat, "language models")
    assert answer.text.startswith("That is not a command, so I searched:\n\nlanguage models · 1–5 of 7")
    more = await talk.press(answer.message, "More", user=7)
    assert more.sent == []
    assert answer.message.text.startswith("language models · 6–7 of 7")
    assert labels(answer.message) == [["Subscribe to this"]]
    offered = await talk.press(answer.message, "Subscribe", user=7)
    assert "would have brought 7 papers" in offered.text
    await talk.press(offered.message, "Keep", user=7)
    assert [subscription.name for subscription in talk.made.preferences.listed("chat7")] == [
        "language models"
    ]


async def test_search_says_when_nothing_is_found(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with()
    assert "Nothing found." in (await talk.say(api.chat(7), "/search quantum chess")).text


async def test_the_latest_of_the_chat_and_of_all(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with(ALICE, first_run=0)
    assert "Nothing yet." in (await talk.say(api.chat(1), "/latest")).text
    talk.made.look()
    papers(talk, 8)
    own = (await talk.say(api.chat(1), "/latest")).text
    assert own.startswith("The latest papers for this chat\n\n1. Paper 1: ")
    assert "6. " not in own
    assert (await talk.say(api.chat(9), "/latest")).text.startswith("The latest papers\n\n1. ")


async def test_inline_queries_search_all_papers_page_by_page(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with()
    papers(talk, 13)
    first = await talk.type("language models")
    assert [entry["title"] for entry in first][:2] == [f"Paper {n}: Language Models at Scale" for n in (1, 2)]
    assert len(first) == 10
    assert first[0]["description"].startswith("18 Sep · Paper 1 presents")
    assert "https://arxiv.org/abs/2509.14001" in first[0]["input_message_content"]["message_text"]
    rest = await talk.type("language models", offset="10")
    assert len(rest) == 3
    assert list(api.inline_offsets.values()) == ["10", ""]
    assert len(await talk.type("")) == 10
    assert await talk.type("(half a query") == []
    assert await talk.type("rag", offset="x") != []


# --- links


async def test_a_link_offers_what_it_says_and_subscribes_after_a_yes(
    talk_with: MakeTalk, api: BotApi
) -> None:
    talk = await talk_with()
    papers(talk)
    chat = api.chat(7)
    answer = await talk.say(chat, f"/start {start_payload('rag OR retrieval')}")
    assert answer.text.startswith("The link offers this subscription:\n\nrag OR retrieval would")
    assert talk.made.preferences.listed("chat7") == ()
    await talk.press(answer.message, "Keep", user=7)
    assert [subscription.text for subscription in talk.made.preferences.listed("chat7")] == [
        "rag OR retrieval"
    ]
    assert "cannot read this link" in (await talk.say(chat, "/start ref")).text
    wrong = start_payload("(rag")
    assert "I cannot read this" in (await talk.say(chat, f"/start {wrong}")).text


# --- settings


async def test_settings_are_shown_with_buttons_and_set_by_either(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with(a_subscriber("alice", a_channel(address="7")))
    chat, prefs = api.chat(7), talk.made.preferences

    async def pressed(command: str, label: str) -> str:
        answer = await talk.say(chat, command)
        await talk.press(answer.message, label, user=7)
        return answer.message.text

    assert "papers come on weekdays at 08:00" in await pressed("/digest", "Weekdays")
    assert "A look back" in await pressed("/digest", "Weekly look back")
    assert "No weekly" in await pressed("/digest", "No weekly")
    assert "Quiet hours: 23:00-08:00" in await pressed("/quiet", "23:00")
    assert "No quiet hours" in await pressed("/quiet", "Off")
    assert "Asia/Shanghai: it is 16:00 there" in await pressed("/timezone", "Shanghai")
    assert "until 2026-09-19 16:00" in await pressed("/snooze", "1 day")
    assert "I am sending papers again." in await pressed("/snooze", "Resume now")
    assert "好的，这里以后用中文。" in await pressed("/language", "中文")
    assert "From now on I will write English" in await pressed("/language", "English")
    person = prefs.subscriber("alice")
    assert person is not None
    assert person.channels[0].deliver == parse_schedule("weekdays at 08:00")
    assert (person.timezone.key, person.language, person.quiet_hours) == ("Asia/Shanghai", "en", None)
    assert "Papers come on weekdays at 08:00\nQuizzes: only when" in (await talk.say(chat, "/digest")).text
    assert "on Sundays at 18:30" in (await talk.say(chat, "/digest sundays at 18:30")).text
    await talk.say(chat, "/language zh")
    assert "今后论文：每星期日 18:30。" in (await talk.say(chat, "/digest sundays at 18:30")).text
    assert "今后论文：工作日 07:30。" in (await talk.say(chat, "/digest 工作日 7：30")).text
    await talk.say(chat, "/language en")
    await talk.say(chat, "/quiet 22:00-07:00")
    assert "Quiet hours: 22:00-07:00 (Asia/Shanghai)" in (await talk.say(chat, "/quiet")).text


async def test_a_command_that_is_nearly_one_is_named(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with()
    assert (await talk.say(api.chat(7), "/serach agents")).text.endswith("Did you mean /search?")


async def test_a_newcomer_is_asked_on_request_and_may_choose_otherwise(
    talk_with: MakeTalk, api: BotApi
) -> None:
    talk = await talk_with(first_run=1)
    chat = api.chat(7)
    quizzed = [
        an_entry(number, title=f"Language Models {number}", editions=(an_edition(quiz=a_quiz(3)),))
        for number in range(1, 6)
    ]
    offered = await talk.say(chat, "/add language models")
    await talk.press(offered.message, "Keep", user=7)
    await talk.deliver()

    async def brought(entry: object) -> list[str]:
        talk.made.clock.advance(hours=1)
        talk.made.read(f"{entry}.md", a_digest(entry))  # type: ignore[arg-type]
        return [type(sent).__name__ for sent in await talk.deliver()]

    assert await brought(quizzed[0]) == ["SentMessage"]
    shown = (await talk.say(chat, "/digest")).message
    assert "Quizzes: when you press Quiz me" in shown.text
    await talk.press(shown, "Quizzes", user=7)
    assert labels(shown) == [["All", "One a paper"], ["✓ On request", "None"], ["‹"]]
    await talk.press(shown, "One a paper", user=7)
    assert labels(shown)[0] == ["All", "✓ One a paper"]
    await talk.deliver()
    assert await brought(quizzed[1]) == ["SentMessage", "SentPoll"]
    await talk.press(shown, "‹", user=7)
    assert "Quizzes: one question a paper" in shown.text
    for written, polls in (("all", 3), ("1", 1), ("off", 0)):
        assert "✓" in str(labels((await talk.say(chat, f"/digest quizzes {written}")).message))
        await talk.deliver()
        assert (await brought(quizzed.pop())).count("SentPoll") == polls
    wrong = (await talk.say(chat, "/digest quizzes often")).message
    assert wrong.text.startswith("Quizzes can be all, one, on request or none.")
    assert labels(wrong)[1] == ["On request", "✓ None"]


async def test_questions_that_wait_when_they_are_no_longer_wished_for_are_asked_on_request(
    talk_with: MakeTalk, api: BotApi
) -> None:
    talk = await talk_with(a_subscriber("alice", a_channel(address="7")), first_run=0)
    chat = api.chat(7)
    for word in ("quizzes all", "daily at 20:00"):
        await talk.say(chat, f"/digest {word}")
    await talk.deliver()
    entry = an_entry(1, title="Language Models", editions=(an_edition(quiz=a_quiz(2)),))
    talk.made.read("a.md", a_digest(entry))
    await talk.say(chat, "/digest quizzes none")
    assert [type(sent).__name__ for sent in await talk.later(hours=24)] == ["SentMessage"]
    await talk.say(chat, "/quiz")
    assert [type(sent).__name__ for sent in await talk.deliver()] == ["SentPoll"]


async def test_the_configuration_says_how_questions_come_where_it_does(
    talk_with: MakeTalk, api: BotApi
) -> None:
    fixed = a_channel(address="7", quizzes="one", fixed=frozenset({"quizzes"}))
    talk = await talk_with(a_subscriber("alice", fixed))
    answer = await talk.say(api.chat(7), "/digest quizzes none")
    assert "set in the configuration file" in answer.text
    assert "one question a paper" in (await talk.say(api.chat(7), "/digest")).text


async def test_a_question_may_be_asked_of_one_subscription(talk_with: MakeTalk, api: BotApi) -> None:
    reader = a_subscriber("alice", a_channel(address="7"), asks=("agents", "medical models"))
    talk = await talk_with(reader, first_run=0)
    chat = api.chat(7)
    for number, about in ((1, "Agents"), (2, "Medical Models")):
        entry = an_entry(number, title=about, summary=about, editions=(an_edition(quiz=a_quiz(1)),))
        talk.made.read(f"{number}.md", a_digest(entry))
    await talk.deliver()

    async def question(about: str) -> str | None:
        await talk.say(chat, f"/quiz {about}")
        (poll,) = await talk.deliver()
        assert isinstance(poll, SentPoll)
        wrong = next(index for index in range(len(poll.options)) if index not in poll.correct)
        api.vote(poll, 7, wrong)
        await talk.settled()
        return poll.description

    assert await question("Agents") == "❔ Agents"
    assert "Every question on it has been asked" in (await talk.say(chat, "/quiz agents")).text
    assert "name one of: agents · medical models" in (await talk.say(chat, "/quiz vision")).text
    talk.made.clock.advance(hours=24)
    assert await question("medical models") == "❔ Medical Models"
    assert await question("agents") == "❔ Agents"  # it comes back, for the answer was wrong


async def test_the_latest_are_turned_page_by_page(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with(a_subscriber("alice", a_channel(address="7")), first_run=0)
    assert "Nothing yet" in (await talk.say(api.chat(7), "/latest")).text
    talk.made.read("a.md", a_digest(*range(1, 13)))
    pages = []
    for user in (7, 8):  # a reader, and a stranger who is shown all papers
        shown = (await talk.say(api.chat(user), "/latest")).message
        for label in ("›", "›", "‹"):
            pages.append((re.findall(r"^(\d+)\.", shown.text, re.MULTILINE), labels(shown)))
            await talk.press(shown, label, user=user)
    numbers = [list(map(str, range(first, min(first + 5, 13)))) for first in (1, 6, 11)]
    arrows = [[["›"]], [["‹", "›"]], [["‹"]]]
    assert pages == [*zip(numbers, arrows, strict=True)] * 2
    for start in ("999999", "13"):
        assert "no longer works" in str((await talk.press(shown, user=7, data=f"latest:{start}")).note)


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ("/digest sometimes", "cannot read that time"),
        ("/quiet nights", "like this: 22:00-07:00"),
        ("/timezone Berlin", "Did you mean Europe/Berlin?"),
        ("/timezone qqqqq", "qqqqq. Time zones are written like Europe"),
        ("/language fr", "language en, /language zh"),
        ("/snooze never", "A snooze is 12h"),
        ("/snooze 999w", "A snooze is 12h"),
        ("/snooze 2020-01-01", "A snooze is 12h"),
        ("/snooze 0d", "A snooze is 12h"),
        ("/export csv", "/export bib"),
        ("/leaderboard", "needs a group"),
        ("/status", "Only operators"),
        ("/export", "nothing to export"),
        ("/export bib", "nothing to export"),
        ("/saved", "Nothing saved yet"),
        ("/feed", "no web server"),
    ],
)
async def test_what_cannot_be_set_or_shown_says_why(
    talk_with: MakeTalk, api: BotApi, written: str, answer: str
) -> None:
    talk = await talk_with()
    assert answer in (await talk.say(api.chat(7), written)).text


async def test_what_the_configuration_fixes_is_said(talk_with: MakeTalk, api: BotApi) -> None:
    fixed = a_subscriber("alice", a_channel(address="1"), fixed=frozenset({"timezone"}))
    talk = await talk_with(fixed)
    chat = api.chat(1)
    assert "set in the configuration file" in (await talk.say(chat, "/timezone UTC")).text
    shown = await talk.say(chat, "/timezone")
    note = (await talk.press(shown.message, "UTC", user=1)).note
    assert note is not None
    assert "set in the configuration file" in note


async def test_a_snooze_until_a_day_ends_at_eight_there(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with(a_subscriber("alice", a_channel(address="1")))
    chat = api.chat(1)
    await talk.say(chat, "/timezone Europe/Berlin")
    assert "until 2026-10-01 08:00" in (await talk.say(chat, "/snooze 2026-10-01")).text
    assert "Snoozed until 2026-10-01 08:00" in (await talk.say(chat, "/list")).text


# --- too much, and what is private


async def test_a_storm_of_commands_is_answered_with_one_word_and_then_nothing(
    talk_with: MakeTalk, api: BotApi
) -> None:
    talk = await talk_with()
    chat = api.chat(7)
    for number in range(60):
        api.say(chat, f"/add n{number}")
    await talk.settled()
    assert len(api.messages) == 31
    assert "a lot at once" in api.messages[-1].text
    assert "a lot at once" not in (await talk.say(api.chat(8), "/help")).text
    talk.made.clock.advance(minutes=1)
    assert "a lot at once" not in (await talk.say(chat, "/help")).text


@pytest.mark.parametrize("command", ["/feed", "/saved", "/export bib"])
async def test_private_things_are_not_shown_in_a_group(
    talk_with: MakeTalk, api: BotApi, command: str
) -> None:
    talk = await talk_with()
    answer = await talk.say(api.chat(-5, kind="group"), command, user=7)
    assert "ask me in our private chat" in answer.text


async def test_names_with_markup_and_unsafe_signs_stay_text(talk_with: MakeTalk, api: BotApi) -> None:
    talk = await talk_with()
    chat = api.chat(7)
    answer = await talk.say(chat, "/add title:<b>rag \u202e@bob")
    await talk.press(answer.message, "Keep", user=7)
    shown = await talk.say(chat, "/list")
    assert "\u202e" not in shown.text
    assert api.complaints == []
    await until(lambda: True)
