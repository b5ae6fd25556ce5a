"""`init` asks, or takes options: it writes files that work as written, never over anything, and sends a first paper."""

import io
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bot.app.cli.check import examine
from bot.app.cli.init import checked_token, parse_keywords, wait_for_start
from bot.app.config import new_files
from bot.app.config.known_sources import choose_source
from bot.app.config.new_files import (
    FirstConfiguration,
    local_timezone,
    settings_text,
    subscriptions_text,
    write_first_configuration,
)
from bot.app.config.settings import Settings, load_settings
from bot.app.config.subscriptions import load_subscribers
from bot.domain.errors import UsageError
from tests.app.cli.conftest import Paperboy
from tests.rigs.botapi import BotApi
from tests.rigs.terminal import Terminal

ROOT = Path(__file__).resolve().parents[3]
TOKEN = "123456789:AAE-a-token-of-thirty-five-signs-xy"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@contextmanager
def somebody_starts(api: BotApi, chat_id: int) -> Iterator[None]:
    """Say /start once the program waits for it."""
    chat = api.chat(chat_id)
    ended = threading.Event()

    def talk() -> None:
        while not api.calls["getUpdates"] and not ended.wait(0.01):
            pass
        api.say(chat, "hello?")
        api.say(chat, "/start")

    person = threading.Thread(target=talk)
    person.start()
    try:
        yield
    finally:
        ended.set()
        person.join()


def mode(path: Path) -> str:
    return f"{path.stat().st_mode & 0o777:o}"


# The files


@pytest.mark.parametrize("folder", ["config", "elsewhere"])
@pytest.mark.parametrize("chat", [None, 123456789, -1001234567890, "@channel"])
def test_both_files_work_as_written(tmp_path: Path, folder: str, chat: int | str | None) -> None:
    token = TOKEN if chat else ""
    first = FirstConfiguration(folder=tmp_path / folder, chat=chat, token=token, timezone="Europe/Berlin")
    written = write_first_configuration(first)
    assert written[:2] == [tmp_path / folder / "paperboy.yaml", tmp_path / folder / "subscriptions.yaml"]
    checked = examine(written[0], {})
    assert (checked.faults, checked.warnings) == ((), ())
    settings = load_settings(written[0], {})
    assert (settings.subscriptions, settings.telegram.token.get_secret_value()) == (written[1], token)
    (me,) = load_subscribers(settings.subscriptions)
    chats = [channel.address for channel in me.channels if channel.kind == "telegram"]
    assert chats == ([str(chat)] if chat else [])
    assert me.channels
    assert me.timezone.key == "Europe/Berlin"


def test_all_is_for_this_user_alone_and_the_folders_are_made(tmp_path: Path) -> None:
    written = write_first_configuration(FirstConfiguration(folder=tmp_path / "config", chat=1, token=TOKEN))
    assert [(path.name, mode(path)) for path in (tmp_path / "config", tmp_path / "state", *written)] == [
        ("config", "700"),
        ("state", "700"),
        ("paperboy.yaml", "600"),
        ("subscriptions.yaml", "600"),
        ("telegram.token", "600"),
    ]
    assert (tmp_path / "seeds").is_dir()
    assert TOKEN not in written[0].read_text() + written[1].read_text()
    assert "  token_file: config/telegram.token\n" in written[0].read_text()


def test_the_settings_that_are_written_are_the_defaults_with_every_comment_true(tmp_path: Path) -> None:
    path = write_first_configuration(FirstConfiguration(folder=tmp_path / "config"))[0]
    defaults = load_settings(path, {})
    token_line = "  token: ${PAPERBOY_TELEGRAM_TOKEN:-}"
    uncommented = "\n".join(
        line.removeprefix("#")
        if (line[:1] == "#" and line[1:2] not in (" ", "")) or line[:3] == "#  "
        else line
        for line in path.read_text().splitlines()
        if not line.startswith("#                 ")
    )
    assert token_line in uncommented
    path.write_text(uncommented)
    assert _shown(load_settings(path, {})) == _shown(defaults)


def _shown(settings: Settings) -> str:
    return repr(settings) + settings.state


def test_the_token_may_come_from_the_environment(tmp_path: Path) -> None:
    path = write_first_configuration(FirstConfiguration(folder=tmp_path))[0]
    assert load_settings(path, {"PAPERBOY_TELEGRAM_TOKEN": "1:x"}).telegram.token.get_secret_value() == "1:x"


@pytest.mark.parametrize("name", ["paperboy.yaml", "subscriptions.yaml", "telegram.token"])
def test_where_one_file_exists_nothing_is_written(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(UsageError, match=f"{name} exists already; init never overwrites"):
        write_first_configuration(FirstConfiguration(folder=tmp_path))
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_a_link_to_nowhere_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "paperboy.yaml").symlink_to(tmp_path / "target")
    with pytest.raises(UsageError, match="exists already"):
        write_first_configuration(FirstConfiguration(folder=tmp_path))
    assert not (tmp_path / "target").exists()


def test_where_the_second_file_cannot_be_written_the_first_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: str, flags: int) -> int:
        if path.endswith("subscriptions.yaml"):
            raise OSError(28, "No space left on device", path)
        return os.open(path, flags, 0o600)

    monkeypatch.setattr(new_files, "private_opener", full)
    with pytest.raises(UsageError, match="no space left on device"):
        write_first_configuration(FirstConfiguration(folder=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_the_settings_file_may_have_another_name(tmp_path: Path) -> None:
    first = FirstConfiguration(folder=tmp_path, name="my.yaml")
    assert write_first_configuration(first)[0] == tmp_path / "my.yaml"


def test_the_shipped_settings_are_what_init_writes(tmp_path: Path) -> None:
    assert (ROOT / "config" / "paperboy.yaml").read_text() == settings_text(
        FirstConfiguration(folder=tmp_path / "config")
    )


def test_an_installed_package_brings_its_own_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "paperboy.yaml").write_text("#first_run: 3\n")
    monkeypatch.setattr("importlib.resources.files", lambda _package: tmp_path)
    assert settings_text(FirstConfiguration(folder=ROOT / "config")) == "#first_run: 3\n"


def test_in_a_checkout_whose_settings_were_edited_an_answer_is_never_left_out_silently(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited = tmp_path / "edited.yaml"
    edited.write_text(new_files._IN_CHECKOUT.read_text().replace("  token: $", "  token: 1:x  # $"))
    monkeypatch.setattr(new_files, "_IN_CHECKOUT", edited)
    settings_text(FirstConfiguration(folder=tmp_path / "config"))
    with pytest.raises(UsageError, match=r"edited.yaml was edited: it has no 'token: .*: restore it"):
        settings_text(FirstConfiguration(folder=tmp_path / "config", token=TOKEN))


def test_in_a_checkout_without_its_settings_the_remedy_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_files, "_IN_CHECKOUT", tmp_path / "moved.yaml")
    with pytest.raises(UsageError, match=r"moved.yaml: no such file or directory; .*restore it, and name"):
        settings_text(FirstConfiguration(folder=tmp_path / "config"))


def test_keywords_stand_in_the_file_as_they_were_said(tmp_path: Path) -> None:
    keywords = parse_keywords(
        'agents, "language models", title:(video OR 4D), =RAG, no, 3D, quantiz*, (a OR b) AND NOT c'
    )
    (tmp_path / "x.yaml").write_text(
        subscriptions_text(FirstConfiguration(folder=tmp_path, keywords=keywords))
    )
    (me,) = load_subscribers(tmp_path / "x.yaml")
    assert [subscription.text for subscription in me.subscriptions] == list(keywords)
    assert keywords[:3] == ("agents", '"language models"', "title:(video OR 4D)")


def test_a_comma_inside_quotes_or_parentheses_ends_no_keyword() -> None:
    assert parse_keywords('"a, b", x') == ('"a, b"', "x")
    assert parse_keywords("title:(a, b), x, x,") == ("title:(a, b)", "x")


def test_the_time_zone_is_this_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    for zone, expected in (("Asia/Tokyo", "Asia/Tokyo"), ("Etc/UTC", "UTC")):
        monkeypatch.setattr("tzlocal.get_localzone_name", lambda zone=zone: zone)
        assert local_timezone() == expected


def test_sources_are_written_in_the_contracts_form(tmp_path: Path) -> None:
    sources = [choose_source(text) for text in ("daily-paper", "arxiv:cs.CL", "./mine")]
    text = settings_text(FirstConfiguration(folder=tmp_path / "config", sources=sources))
    data = YAML(typ="safe").load(text)
    assert data["sources"] == [
        {
            "name": "daily-paper",
            "git": "https://github.com/XINZHANG-ops/daily_paper",
            "branch": "main",
            "folder": "dailies/pages",
            "every": "6h",
        },
        {"name": "arxiv-cs-cl", "url": "https://rss.arxiv.org/rss/cs.CL", "every": "6h"},
    ]
    assert data["watch"] == {"folders": ["./mine"]}


def test_two_sources_of_one_name_are_named_apart_and_one_that_comes_twice_is_one(paperboy: Paperboy) -> None:
    first, second = "https://github.com/one/digests", "https://github.com/other/digests.git"
    ran = paperboy("init", "--json", *("--source", first), *("--source", second), *("--source", first))
    assert ran.json["sources"] == ["digests", "digests-2"]
    assert paperboy("check").code == 0


# The command


def test_without_a_terminal_nothing_is_asked_and_the_files_work(tmp_path: Path, paperboy: Paperboy) -> None:
    ran = paperboy("init")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "Wrote config/paperboy.yaml, config/subscriptions.yaml (all 0600).",
        "Next: paperboy run   (digests are read from seeds/)",
    ]
    assert paperboy("check").code == 0


def test_every_question_has_an_option(
    tmp_path: Path, paperboy: Paperboy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with BotApi.in_thread() as api:
        api.chat(4711)
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{api.token}\n"))
        ran = paperboy(
            *("init", "--keywords", "agents", "--keywords", "rag, video", "--source", "./papers"),
            *(
                "--telegram",
                "-",
                "--chat",
                "4711",
                "--api-url",
                api.url,
                "--timezone",
                "Asia/Tokyo",
                "--json",
            ),
        )
        assert ran.code == 0, ran.err
        assert [(len(api.messages), len(api.polls))] == [(1, 1)]
    assert ran.json == {
        "files": ["config/paperboy.yaml", "config/subscriptions.yaml", "config/telegram.token"],
        "folders": ["papers"],
        "sources": ["papers"],
        "timezone": "Asia/Tokyo",
        "chat": 4711,
        "sent": [
            {"target": "telegram:4711", "kind": "alert", "error": None},
            {"target": "telegram:4711", "kind": "quiz", "error": None},
        ],
    }
    assert "Sent you 1 paper and 1 question." in ran.err
    settings = load_settings(tmp_path / "config/paperboy.yaml", {})
    assert settings.watch.folders == (tmp_path / "papers",)
    assert settings.telegram.api_url == api.url
    (me,) = load_subscribers(settings.subscriptions)
    assert [subscription.text for subscription in me.subscriptions] == ["agents", "rag", "video"]
    assert not list((tmp_path / "state").iterdir())


def test_the_token_may_be_in_a_file(tmp_path: Path, paperboy: Paperboy) -> None:
    (tmp_path / "token.txt").write_text(f"  {TOKEN}\n")
    with BotApi.in_thread() as api:
        (tmp_path / "token.txt").write_text(f"  {api.token}\n")
        api.chat(4711)
        ran = paperboy("init", "--telegram", "token.txt", "--chat", "4711", "--api-url", api.url)
    assert ran.code == 0, ran.err
    assert (tmp_path / "config/telegram.token").read_text() == f"{api.token}\n"


def test_a_first_paper_that_cannot_be_sent_is_said_and_the_files_stay(
    tmp_path: Path, paperboy: Paperboy
) -> None:
    (tmp_path / "token.txt").write_text(TOKEN)
    with BotApi.in_thread() as api:
        ran = paperboy("init", "--telegram", "token.txt", "--chat", "4711", "--api-url", api.url)
    assert ran.code == 1
    assert "The alert was not sent: " in ran.out
    assert ran.err == ""  # no log repeats it
    assert TOKEN not in ran.out + ran.err
    assert (tmp_path / "config/paperboy.yaml").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--telegram", TOKEN], "a token on the command line is seen by everybody"),
        (["--telegram", "no.txt"], "--telegram no.txt: no such file or directory"),
        (["--telegram", "hello.txt"], "this is no bot token; @BotFather gives one like 123456789:AAE…"),
        (["--source", "dayly-paper"], "did you mean 'daily-paper'?"),
        (["--source", "arxiv"], "needs a category of arXiv: arxiv:cs.CL, for example"),
        (["--source", "99"], "there is no source 99; choose 1 to 12"),
        (["--source", "https://me:secret@example.org/x"], "must not hold a user or a password"),
        (["--keywords", "agents AND ("], "the keyword 'agents AND ('"),
        (["--timezone", "Mars/Olympus"], "--timezone: 'Mars/Olympus' is no IANA time zone"),
        (["--chat", "me"], "--chat must be a chat id like 123456789"),
        (["--api-url", "nowhere"], "--api-url must be an http or https address"),
    ],
)
def test_what_is_wrong_is_said_before_any_network_and_nothing_is_written(
    tmp_path: Path, paperboy: Paperboy, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    (tmp_path / "hello.txt").write_text("hello")
    monkeypatch.setattr(
        "bot.app.cli.init.wait_for_start", lambda *_args, **_kw: pytest.fail("asked the network")
    )
    ran = paperboy("init", *arguments)
    assert (ran.code, ran.out) == (2, "")
    (line,) = ran.err.splitlines()
    assert said in line
    assert "secret" not in line
    assert [path.name for path in tmp_path.iterdir()] == ["hello.txt"]


def test_a_token_that_is_none_is_not_repeated() -> None:
    with pytest.raises(UsageError) as refused:
        checked_token("123:my-secret")
    assert "my-secret" not in str(refused.value)


def test_the_known_sources_can_be_listed(paperboy: Paperboy) -> None:
    rows = [line.split("\t") for line in paperboy("init", "--source", "list").out.splitlines()]
    assert rows[0][:2] == ["1", "daily-paper"]
    assert "keyed quiz" in rows[0][2]
    (ended,) = [row for row in rows if "ended" in row[2]]
    assert ended[1:] == [
        "daily-ai-papers",
        "Hugging Face's daily papers with summaries (en); ended 2025-10-30, history only",
    ]


# On a terminal


def test_a_newcomer_answers_three_questions_and_has_a_paper_and_a_quiz(tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    with BotApi.in_thread() as api, somebody_starts(api, 4711):
        with Terminal(["init", "--api-url", api.url], tmp_path, {"TZ": "Asia/Tokyo"}) as terminal:
            terminal.wait_for("What should it look for?")
            terminal.type("agents AND (")
            terminal.wait_for("the keyword 'agents AND ('")
            terminal.type("agents, rag")
            terminal.wait_for(" 1  daily-paper")
            terminal.wait_for("Sources")
            terminal.type("./papers")
            terminal.wait_for("Enter: later): ")  # with the blank: what is typed before it is thrown away
            terminal.type("hello")
            terminal.wait_for("this is no bot token")
            terminal.wait_for("Enter: later): ")  # with the blank: what is typed before it is thrown away
            terminal.type("987654321:AAE-a_token_that_Telegram_does_not_know")
            terminal.wait_for("Telegram does not know this token; @BotFather shows yours at /mybots")
            terminal.wait_for("Enter: later): ")
            terminal.type(api.token)
            terminal.wait_for("Say /start to @paperboy_bot: https://t.me/paperboy_bot")
            assert terminal.end() == 0
        shown = terminal.shown
        assert api.token not in shown
        assert re.search(
            r"found: .+ \(4711\)\nWrote config/paperboy.yaml, .*telegram.token \(all 0600\).\n", shown
        )
        assert shown.endswith(
            "Sent you 1 paper and 1 question.\nNext: paperboy run   (digests are read from papers/)\n"
        )
        assert ([message.chat.id for message in api.messages], len(api.polls)) == ([4711], 1)
    (me,) = load_subscribers(tmp_path / "config/subscriptions.yaml")
    assert me.timezone.key == "Asia/Tokyo"
    assert [channel.target for channel in me.channels] == ["telegram:4711"]


def test_without_a_network_the_other_answers_are_kept_and_enter_goes_on(tmp_path: Path) -> None:
    with Terminal(["init", "--api-url", "http://127.0.0.1:9"], tmp_path) as terminal:
        for question, answer in (("look for?", "agents"), ("Sources", "./papers"), ("later): ", TOKEN)):
            terminal.wait_for(question)
            terminal.type(answer)
        terminal.wait_for("Telegram cannot be reached")
        terminal.wait_for("without a token no bot is needed")
        terminal.wait_for("later): ")
        terminal.type("")
        assert terminal.end() == 0
    (me,) = load_subscribers(tmp_path / "config/subscriptions.yaml")
    assert [subscription.text for subscription in me.subscriptions] == ["agents"]
    assert not (tmp_path / "config/telegram.token").exists()


@pytest.mark.parametrize("columns", [60, 80])
def test_the_known_sources_fit_the_terminal(tmp_path: Path, columns: int) -> None:
    with Terminal(["init"], tmp_path, {"COLUMNS": str(columns)}) as terminal:
        terminal.wait_for("look for?")
        terminal.type("")
        terminal.wait_for("Sources")
    shown = terminal.shown.partition("Where do digests come from?\n")[2].partition("Sources")[0].splitlines()
    assert max(map(len, shown[:-1])) <= columns


def test_interrupted_while_it_waits_for_a_start_it_says_so_and_writes_nothing(
    tmp_path: Path, paperboy: Paperboy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_args: object, **_kw: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bot.app.cli.init.wait_for_start", interrupted)
    (tmp_path / "token.txt").write_text(TOKEN)
    ran = paperboy("init", "--telegram", "token.txt")
    assert (ran.code, ran.err) == (130, "paperboy: interrupted\n")
    assert [path.name for path in tmp_path.iterdir()] == ["token.txt"]


def test_on_a_terminal_no_input_asks_nothing(tmp_path: Path) -> None:
    with Terminal(["init", "--no-input"], tmp_path) as terminal:
        assert terminal.end() == 0
    assert "?" not in terminal.shown
    assert (tmp_path / "config/paperboy.yaml").is_file()


# The first /start


def test_the_first_start_gives_the_chats_id() -> None:
    said: list[str] = []
    with BotApi.in_thread() as api:
        chat = api.chat(4711)

        def talk() -> None:
            while not said:
                time.sleep(0.01)
            api.say(chat, "hello?")
            api.say(chat, "/start")

        person = threading.Thread(target=talk)
        person.start()
        assert wait_for_start(api.token, say=said.append, api_url=api.url).id == 4711
        person.join()
    assert "t.me/paperboy_bot" in said[0]


def test_a_refused_token_is_a_usage_error_that_does_not_repeat_it() -> None:
    with BotApi.in_thread() as api, pytest.raises(UsageError) as refused:
        wait_for_start("1:WRONG-secret-token", say=lambda _: None, api_url=api.url)
    assert "WRONG" not in str(refused.value)
