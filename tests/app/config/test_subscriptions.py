"""subscriptions.yaml: what becomes of each key, where mistakes are, and what hostile files cost."""

import time
from datetime import time as clock_time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.app.config.channels import CHANNELS
from bot.app.config.subscriptions import load_subscribers, read_subscribers
from bot.domain.errors import ConfigError, UsageError
from bot.domain.query import author_query, excluding, parse
from bot.domain.schedule import At, Hourly, Immediately, QuietHours
from bot.domain.subscriptions import Channel, Subscriber
from bot.domain.translations import LANGUAGES
from tests.builders import a_channel

*_FIRST, _LAST = CHANNELS
KINDS = f"{', '.join(_FIRST)} and {_LAST}"
CONTRACT = """\
subscribers:
  - id: alice
    timezone: Europe/Berlin
    language: en
    quiet_hours: "22:00-07:00"
    daily_limit: 20
    channels:
      - telegram: 123456789
        quizzes: true
        deliver: immediately
      - email: alice@example.org
        deliver: weekdays at 08:00
      - atom: true
    keywords:
      - diffusion model
      - name: agents
        query: (agent OR tool use) AND NOT survey
        only: [telegram]
    authors: [Bernard Ghanem]
    exclude: [medical]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "subscriptions.yaml"


def load(file: Path, text: str) -> tuple[Subscriber, ...]:
    file.write_text(text)
    return load_subscribers(file)


def subscriber_of(file: Path, rest: str) -> Subscriber:
    (subscriber,) = load(file, f"subscribers:\n  - id: a\n    {rest}\n")
    return subscriber


def channel(file: Path, rest: str) -> Channel:
    (found,) = subscriber_of(file, f"channels: [{{{rest}}}]").channels
    return found


def faults(file: Path, text: str) -> list[str]:
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_subscribers(file)
    return [f"{fault.line}:{fault.column}: {fault.message}" for fault in caught.value.faults]


def fault(file: Path, rest: str) -> str:
    """The only fault of a subscriber with this one key, in line 3 from column 5 on."""
    (found,) = faults(file, f"subscribers:\n  - id: a\n    {rest}\n")
    return found


def warnings(file: Path, text: str) -> list[str]:
    file.write_text(text)
    read = read_subscribers(file)
    assert not read.faults
    return [f"{warning.line}:{warning.column}: {warning.message}" for warning in read.warnings]


def test_a_subscriber_may_have_every_language_that_there_are_texts_in(file: Path) -> None:
    for code in LANGUAGES:
        (alice,) = load(file, CONTRACT.replace("language: en", f"language: {code}"))
        assert alice.language == code


def test_the_example_of_the_contract_becomes_a_subscriber(file: Path) -> None:
    (alice,) = load(file, CONTRACT)
    assert (alice.id, alice.timezone, alice.language) == ("alice", ZoneInfo("Europe/Berlin"), "en")
    assert alice.quiet_hours == QuietHours(start=clock_time(22), end=clock_time(7))
    assert alice.daily_limit == 20
    assert alice.channels == (
        a_channel("telegram", "123456789", quizzes="all"),
        a_channel(
            "email",
            "alice@example.org",
            deliver=At(days=frozenset(range(5)), at=clock_time(8)),
        ),
        a_channel("atom", "alice"),
    )
    diffusion, agents, author = alice.subscriptions
    assert (diffusion.name, diffusion.text, diffusion.only) == (
        "diffusion model",
        "diffusion model",
        frozenset(),
    )
    assert (agents.name, agents.text) == ("agents", "(agent OR tool use) AND NOT survey")
    assert agents.only == {"telegram"}
    assert author.name == "author: Bernard Ghanem"


def test_exclusions_are_taken_from_every_keyword_and_from_no_author(file: Path) -> None:
    (alice,) = load(file, CONTRACT)
    medical = (parse("medical"),)
    diffusion, agents, author = alice.subscriptions
    assert diffusion.query == excluding(parse("diffusion model"), medical)
    assert agents.query == excluding(parse("(agent OR tool use) AND NOT survey"), medical)
    assert author.query == author_query("Bernard Ghanem")


@pytest.mark.parametrize("text", ["", "subscribers:\n", "subscribers: []\n"])
def test_nobody_is_no_mistake(file: Path, text: str) -> None:
    assert load(file, text) == ()


def test_a_subscriber_needs_no_more_than_an_id(file: Path) -> None:
    (bare,) = load(file, "subscribers: [{id: a, channels: , keywords: , authors: , exclude: }]")
    assert bare == Subscriber(id="a")


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("123456789", "123456789"),
        ("-1001234567890", "-1001234567890"),
        ("'123'", "123"),
        ("'@Some_Channel'", "@some_channel"),
        ("{chat: -100123, topic: 7}", "-100123/7"),
        ("{chat: -100123, topic: 1}", "-100123"),
        ("{chat: -100123, topic: General}", "-100123"),
        ("{chat: -100123, topic: New  Papers}", "-100123/new papers"),
        ("{chat: -100123}", "-100123"),
        ("{chat: '@group', topic: 12}", "@group/12"),
    ],
)
def test_a_telegram_chat_may_be_written_in_several_ways(file: Path, written: str, address: str) -> None:
    assert channel(file, f"telegram: {written}").address == address


@pytest.mark.parametrize(
    ("written", "expected"),
    [("true", "all"), ("false", "none"), ("1", "one")],
)
def test_quizzes_are_all_none_or_one(file: Path, written: str, expected: str) -> None:
    assert channel(file, f"telegram: 1, quizzes: {written}").quizzes == expected


def test_delivery_times_are_read(file: Path) -> None:
    assert channel(file, "email: a@b.c").deliver == Immediately()
    assert channel(file, "email: a@b.c, deliver: hourly").deliver == Hourly()
    assert channel(file, "email: a@b.c, deliver: 'mondays at 7:30'").deliver == At(
        days=frozenset({0}), at=clock_time(7, 30)
    )


def test_a_feed_that_is_off_is_no_channel(file: Path) -> None:
    assert subscriber_of(file, "channels: [atom: false]").channels == ()
    assert subscriber_of(file, "channels: [atom: true]").has_feed


def test_two_people_may_name_the_same_chat(file: Path) -> None:
    both = load(file, "subscribers: [{id: a, channels: [telegram: 1]}, {id: b, channels: [telegram: 1]}]")
    assert {subscriber.channels[0].target for subscriber in both} == {"telegram:1"}


def test_a_place_may_come_twice_under_two_names(file: Path) -> None:
    text = (
        "channels: [{telegram: 1, name: now}, {telegram: 1, name: later, deliver: hourly}]\n"
        "    keywords: [{query: rag, only: [later]}]"
    )
    found = subscriber_of(file, text)
    assert [item.name for item in found.channels] == ["now", "later"]
    assert found.subscriptions[0].only == {"later"}


def test_a_long_query_over_several_lines_is_named_on_one(file: Path) -> None:
    found = subscriber_of(file, "keywords:\n      - >\n        rag OR\n        retrieval\n")
    assert found.subscriptions[0].name == "rag OR retrieval"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("timezon: UTC", "3:5: unknown key 'timezon'; did you mean 'timezone'?"),
        ("keyword: [x]", "3:5: unknown key 'keyword'; did you mean 'keywords'?"),
        ("timezone: Europe/Berln", "3:15: unknown time zone 'Europe/Berln'; did you mean 'Europe/Berlin'?"),
        ("timezone: CEST", "3:15: unknown time zone 'CEST'; use a name like 'Europe/Berlin'"),
        ("timezone: ../../etc/passwd", "3:15: unknown time zone '../../etc/passwd'; use a name like 'Europe/Berlin'"),
        ("timezone: [a]", "3:15: timezone must be text, not a list"),
        ("language: de", "3:15: language must be 'en' or 'zh', not 'de'"),
        ("quiet_hours: 22:00", "3:18: '22:00' is no span of quiet hours like 22:00-07:00"),
        ("quiet_hours: 25:00-07:00", "3:18: '25:00' is not a time of day like 08:00"),
        ("quiet_hours: 2200", "3:18: '2200' is no span of quiet hours like 22:00-07:00"),
        ("daily_limit: 0", "3:18: daily_limit must be 1 or more, not '0'"),
        ("daily_limit: many", "3:18: daily_limit must be a whole number, not 'many'"),
        ("channels: telegram", "3:15: channels must be a list like [a, b], not 'telegram'"),
        ("channels: [telegram]", "3:16: each of channels must hold keys and values below it"),
        ("channels: [{}]", f"3:16: a channel needs exactly one of {KINDS}; none is here"),
        (
            "channels: [{telegram: 1, atom: true}]",
            f"3:16: a channel needs exactly one of {KINDS}; here are telegram and atom; "
            "make a list item of each",
        ),
        ("channels: [{telegram: 0}]", "3:27: telegram must be a chat id like 123456789"),
        ("channels: [{telegram: 1.5}]", "3:27: telegram must be a chat id like 123456789"),
        ("channels: [{telegram: true}]", "3:27: telegram must be a chat id like 123456789"),
        ("channels: [{telegram: channel}]", "3:27: telegram must be a chat id like 123456789"),
        ("channels: [{telegram: 99999999999999999}]", "3:27: telegram must be a chat id like 123456789"),
        ("channels: [{telegram: {topic: 7}}]", "3:27: the key 'chat' is missing here"),
        ("channels: [{telegram: {chat: 1, topc: 7}}]", "3:37: unknown key 'topc'; did you mean 'topic'?"),
        ("channels: [{telegram: {chat: 1, topic: 0}}]", "3:44: topic must be a topic's number, or its name"),
        ("channels: [{email: [a@b.c, d@e.f]}]", "3:24: one address a channel; write a list item `- email: …` for each"),
        ("channels: [{telegram: '123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K'}]",
         "3:27: the bot's token belongs into paperboy.yaml; here goes a chat id like 123456789"),
        ("channels: [{email: 'a@b.c, d@e.f'}]", "3:24: email must be one mail address like alice@example.org"),
        (r'channels: [{email: "a@b.c\r\nBcc: d@e.f"}]', "3:24: email must be one mail address on one line"),
        ("channels: [{email: a@b.c, deliver: noon}]", "3:40: 'noon' is no delivery time; use immediately, hourly"),
        ("channels: [{email: a@b.c, deliver: daily at 8:60}]", "3:40: '8:60' is not a time of day like 08:00"),
        ("channels: [{telegram: 1, quizzes: 2}]", "3:39: quizzes must be true (all), false, 1 (one a paper), or on_request (a button), not '2'"),
        ("channels: [{telegram: 1, quizzes: 'all'}]", "3:39: quizzes must be true (all), false, 1"),
        ("channels: [{email: a@example.org, quizzes: on_request}]", "email has no buttons; use true, false or 1"),
        ("channels: [{atom: true, quizzes: true}]", "3:38: atom has no quizzes; remove the key"),
        ("channels: [{atom: 1}]", "3:23: atom must be true or false, not '1'"),
        ("channels: [{atom: true, name: email}]", "3:35: 'email' is a kind of channel; choose another name"),
        ("channels: [telegram: 1, telegram: 1]", "3:39: the same target a second time; give each a `name:`"),
        ("channels: [{email: a@b.c, name: x}, {atom: true, name: x}]", "3:60: a second channel named 'x'"),
        ("keywords: rag", "3:15: keywords must be a list like [a, b], not 'rag'"),
        ("keywords: [2024]", "3:16: each of keywords must be text, not '2024'; put it in quotes"),
        ("keywords: [title: rag]", '3:16: a query with a field needs quotes here: "title: …"'),
        ("keywords: [{name: x}]", "3:16: the key 'query' is missing here"),
        ("keywords: ['']", "3:17: query: the query is empty"),
        ("keywords: [rag AND (llm]", "3:24: query: this bracket is never closed"),
        ("keywords: ['it''s AND (llm']", "3:27: query: this bracket is never closed"),
        ("keywords:\n      - |\n        rag AND\n        (llm", "6:9: query: this bracket is never closed"),
        ("keywords: [{query: rag OR}]", "3:30: query: the query ends where a word is missing"),
        ("keywords: [NOT rag]", "query: this only excludes (NOT rag): name something to find as well"),
        ("keywords: [rag, RAG]", "3:21: 'RAG' is used twice; give one of them another `name:`"),
        ("keywords: [{name: x, query: a b}, {name: X, query: c d}]", "3:56: 'X' is used twice"),
        ("authors: [Bo Li, bo li]", "3:22: 'author: bo li' is used twice; give one of them another `name:`"),
        ("authors: ['...']", "3:15: there is no word in the author's name '...'"),
        ("authors: ['']", "3:15: each of authors must not be empty"),
        ("exclude: [AND]", "query: "),
        ("exclude: [rag]\n    keywords: [rag]", "4:16: query: nothing could match: rag is excluded"),
        ("keywords: [{query: rag, only: [emial]}]\n    channels: [email: a@b.c]",
         "3:36: unknown channel 'emial'; did you mean 'email'?"),
        ("keywords: [{query: rag, only: telegram}]", "3:35: only must be a list like [a, b], not 'telegram'"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_what_to_do(file: Path, rest: str, expected: str) -> None:
    assert expected in fault(file, rest)


@pytest.mark.parametrize(
    "channel", ["apprise: discord/SECRET", "apprise: 'nosuch://SECRET@host'", "telegram: '123456789:SECRETSECRETSECRETSECRETSECRETSECRET'",
                "telegram: {chat: '123456789:SECRETSECRETSECRETSECRETSECRETSECRET'}", "email: 'smtp://me:SECRET@host'"]
)  # fmt: skip
def test_no_mistake_repeats_a_secret(file: Path, channel: str) -> None:
    found = fault(file, f"channels: [{{{channel}}}]")
    assert "SECRET" not in found


@pytest.mark.parametrize("name", ["", "a b", "ä", "a/b", "..", ".a", "-a", "x" * 65, "all", "ALL", "a\\nb"])
def test_ids_that_could_not_be_a_file_name_are_refused(file: Path, name: str) -> None:
    (found,) = faults(file, f'subscribers:\n  - id: "{name}"\n')
    assert (
        found.startswith(("2:9: id must be", f"2:9: the id '{name}' is taken by the feed of all")) or not name
    )


def test_ids_differ_by_more_than_case(file: Path) -> None:
    found = faults(file, "subscribers:\n  - id: alice\n  - id: Alice\n    bad: 1\n")
    assert found[0] == "3:9: the id 'alice' is taken already; ids differ by more than case"
    assert "unknown key 'bad'" in found[1]


def test_a_missing_id_is_named_at_its_subscriber(file: Path) -> None:
    assert faults(file, "subscribers:\n  - timezone: UTC\n") == ["2:5: the key 'id' is missing here"]


def test_two_mistakes_at_one_place_are_both_told(file: Path) -> None:
    assert faults(file, "subscribers:\n  - timezon: UTC\n") == [
        "2:5: the key 'id' is missing here",
        "2:5: unknown key 'timezon'; did you mean 'timezone'?",
    ]


def test_a_list_without_its_key_is_explained(file: Path) -> None:
    assert faults(file, "- id: a\n") == ["1:1: the file must hold keys and values below it, not a list"]


def test_all_mistakes_of_all_subscribers_are_told_at_once(file: Path) -> None:
    text = (
        "subscribers:\n  - id: a\n    timezone: X/Y\n    keywords: [rag AND]\n    daily_limit: 1\n    daily_limit: 2\n"
        "  - id: b\n    keywords: [rag, rag]\n  - id: c\n    channels: [telegram: x]\n"
    )
    assert [line.partition(":")[0] for line in faults(file, text)] == ["3", "4", "6", "8", "10"]


def test_one_persons_mistake_leaves_the_others_readable(file: Path) -> None:
    file.write_text("subscribers: [{id: a, keywords: [rag AND]}, {id: b, keywords: [rag]}]")
    assert [subscriber.id for subscriber in read_subscribers(file).subscribers] == ["b"]


def test_what_works_but_does_nothing_is_warned_of(file: Path) -> None:
    assert warnings(file, "subscribers:\n  - id: a\n") == [
        "2:9: a has neither keywords nor authors: nothing will match",
        "2:9: a has no channels: nothing can go out",
    ]
    assert warnings(
        file, "subscribers:\n- id: a\n  channels: [atom: true]\n  keywords: [{query: rag, only: [email]}]\n"
    ) == ["4:34: a has no channel 'email'"]
    (hint,) = warnings(file, "subscribers:\n- id: a\n  channels: [atom: true]\n  keywords: [rag or llm]\n")
    assert hint.startswith("4:14: query: 'or' in small letters is a word to find")


def test_each_channel_and_subscription_has_a_position_for_later_warnings(file: Path) -> None:
    file.write_text(CONTRACT)
    positions = read_subscribers(file).positions
    assert {name: (mark.line, mark.column) for (_, name), mark in positions.items()} == {
        "telegram:123456789": (8, 19),
        "email:alice@example.org": (11, 16),
        "atom:alice": (13, 15),
        "diffusion model": (15, 9),
        "agents": (17, 16),
        "author: Bernard Ghanem": (19, 15),
    }


def test_variables_are_not_filled_in_here(file: Path) -> None:
    assert "${HOME}" in fault(file, "channels: [{email: '${HOME}'}]")


def test_a_missing_file_says_what_to_do(file: Path) -> None:
    with pytest.raises(UsageError, match="no such file; `paperboy init` writes one"):
        load_subscribers(file)


def test_reading_again_gives_equal_subscribers(file: Path) -> None:
    assert load(file, CONTRACT) == load(file, CONTRACT)


@pytest.mark.parametrize(
    "text",
    [
        "subscribers: [{id: a, keywords: [" + "1, " * 20_000 + "]}]",
        "subscribers: [" + "{id: a}, " * 5_000 + "]",
        "subscribers: [" + "{idd: 1, x: 2}, " * 5_000 + "]",
        "subscribers: [{id: a, keywords: [" + "rag AND (, " * 5_000 + "]}]",
        "subscribers: [{id: a, keywords: ['" + "(" * 100_000 + "']}]",
        "subscribers: [{id: a, keywords: ['" + "rag " * 50_000 + "']}]",
        "subscribers: [{id: a, authors: ['" + "x" * 200_000 + "']}]",
        "subscribers: [{" + ", ".join(f"{'k' * 60}{n}: 1" for n in range(2_000)) + "}]",
    ],
    ids=["wrong types", "equal ids", "unknown keys", "bad queries", "deep query", "long query", "long name", "keys"],
)  # fmt: skip
def test_a_file_full_of_mistakes_is_refused_in_bounded_time(file: Path, text: str) -> None:
    start = time.process_time()
    found = faults(file, text)
    assert len(found) <= 101
    assert all(len(message) < 500 for message in found)
    assert time.process_time() - start < 8


def test_bidirectional_controls_in_a_mistake_are_shown_not_obeyed(file: Path) -> None:
    found = fault(file, "timezone: \u202eCTU")
    assert "\u202e" not in found
