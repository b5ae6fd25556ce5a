"""`init` writes two files that work as written, and never over anything."""

import threading
import time
from pathlib import Path

import pytest

from bot.app.cli.check import examine
from bot.app.cli.init import settings_template, wait_for_start, write_templates
from bot.app.config.settings import Settings, load_settings
from bot.app.config.subscriptions import load_subscribers
from bot.domain.errors import UsageError
from tests.rigs.botapi import BotApi

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("folder", ["config", "elsewhere"])
@pytest.mark.parametrize("chat_id", [None, 123456789, -1001234567890])
def test_both_files_work_as_written(tmp_path: Path, folder: str, chat_id: int | None) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "seeds").mkdir()
    (tmp_path / "seeds").mkdir()
    written = write_templates(tmp_path / folder, chat_id=chat_id)
    assert written == (tmp_path / folder / "paperboy.yaml", tmp_path / folder / "subscriptions.yaml")
    checked = examine(written[0], {})
    assert (checked.faults, checked.warnings) == ((), ())
    settings = load_settings(written[0], {})
    assert settings.subscriptions == written[1]
    (me,) = load_subscribers(settings.subscriptions)
    chats = [channel.address for channel in me.channels if channel.kind == "telegram"]
    assert chats == ([str(chat_id)] if chat_id else [])
    assert me.channels


def test_the_settings_that_are_written_are_the_defaults_with_every_comment_true(tmp_path: Path) -> None:
    (path, _) = write_templates(tmp_path / "config", chat_id=None)
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
    (path, _) = write_templates(tmp_path, chat_id=None)
    assert load_settings(path, {"PAPERBOY_TELEGRAM_TOKEN": "1:x"}).telegram.token.get_secret_value() == "1:x"


@pytest.mark.parametrize("name", ["paperboy.yaml", "subscriptions.yaml"])
def test_where_one_file_exists_nothing_is_written(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(UsageError, match=f"{name} exists already; init never overwrites"):
        write_templates(tmp_path, chat_id=None)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_a_link_to_nowhere_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "paperboy.yaml").symlink_to(tmp_path / "target")
    with pytest.raises(UsageError, match="exists already"):
        write_templates(tmp_path, chat_id=None)
    assert not (tmp_path / "target").exists()


def test_where_the_second_file_cannot_be_written_the_first_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.open

    def full(self: Path, *args: object, **kwargs: object) -> object:
        if self.name == "subscriptions.yaml" and args == ("x",):
            raise OSError(28, "No space left on device", str(self))
        return real(self, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(UsageError, match="no space left on device"):
        write_templates(tmp_path, chat_id=None)
    assert list(tmp_path.iterdir()) == []


def test_the_settings_file_may_have_another_name(tmp_path: Path) -> None:
    assert write_templates(tmp_path, chat_id=None, name="my.yaml")[0] == tmp_path / "my.yaml"


def test_the_shipped_settings_are_what_init_writes() -> None:
    assert (ROOT / "config" / "paperboy.yaml").read_text() == settings_template()


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
        assert wait_for_start(api.token, say=said.append, api_url=api.url) == 4711
        person.join()
    assert "t.me/paperboy_bot" in said[0]


def test_a_refused_token_is_a_usage_error_that_does_not_repeat_it() -> None:
    with BotApi.in_thread() as api, pytest.raises(UsageError) as refused:
        wait_for_start("1:WRONG-secret-token", say=lambda _: None, api_url=api.url)
    assert "WRONG" not in str(refused.value)
