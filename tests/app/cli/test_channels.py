"""Channels as `check`, `doctor` and `run` see them: sample people, chats without a token, mails from nowhere, defaults."""

from pathlib import Path

import pytest

from bot.app.cli.check import examine
from bot.app.config.channels import CHANNELS
from bot.app.config.channels.telegram import is_sample, sample_people
from bot.app.config.settings import load_settings
from bot.app.config.subscriptions import load_subscribers
from bot.domain.subscriptions import Channel
from tests.app.cli.conftest import Paperboy
from tests.builders import a_channel, a_subscriber

ROOT = Path(__file__).resolve().parents[3]
TOKEN = "123456789:AAE-a-token-of-thirty-five-signs-xy"
SAMPLE = (ROOT / "config" / "subscriptions.yaml").read_text()


def configured(folder: Path, settings: str, subscribers: str = "subscribers: []\n") -> Path:
    (folder / "config").mkdir(exist_ok=True)
    (folder / "seeds").mkdir(exist_ok=True)
    (folder / "config" / "subscriptions.yaml").write_text(subscribers)
    (folder / "config" / "paperboy.yaml").write_text(settings)
    return folder / "config" / "paperboy.yaml"


def person(channel: str) -> str:
    return f"subscribers: [{{id: ann, channels: [{channel}], keywords: [agents]}}]\n"


def warnings(path: Path) -> list[str]:
    return [f"{fault.line}:{fault.column}: {fault.message}" for fault in examine(path, {}).warnings]


@pytest.mark.parametrize(
    ("address", "sample"),
    [
        ("1099511627775", False),
        ("1099511627776", True),
        ("-4000000000000", False),
        ("-4000000000001/7", True),
        ("-1001234567890/7", False),
        ("@channel", False),
    ],
)
def test_a_chat_is_a_sample_where_no_chat_can_have_its_id(address: str, *, sample: bool) -> None:
    assert is_sample(Channel(kind="telegram", address=address)) is sample


def test_every_shipped_chat_and_address_cannot_exist() -> None:
    people = load_subscribers(ROOT / "config" / "subscriptions.yaml")
    assert [subscriber.id for subscriber in sample_people(people)] == [subscriber.id for subscriber in people]
    channels = [channel for subscriber in people for channel in subscriber.channels]
    assert all(is_sample(channel) for channel in channels if channel.kind == "telegram")
    assert all(channel.address.endswith(".invalid") for channel in channels if channel.kind == "email")


@pytest.mark.parametrize("command", [["run"], ["once"], ["test", "alice"], ["check"]], ids=" ".join)
def test_a_token_with_the_sample_people_is_refused_with_the_remedy(
    tmp_path: Path, paperboy: Paperboy, command: list[str]
) -> None:
    path = configured(tmp_path, f"web: {{listen: ''}}\ntelegram: {{token: '{TOKEN}'}}\n", SAMPLE)
    path.chmod(0o600)
    ran = paperboy("--config", path, *command)
    assert (ran.code, ran.out) == (2, "")
    (line,) = ran.err.splitlines()
    people = (
        "alice is one of the sample people"
        if "alice" in command
        else "alice, reading-group, carol are sample people"
    )
    assert people in line
    assert "put your own keywords and chat id into" in line
    assert TOKEN not in line
    if command == ["check"]:
        assert line.startswith(f"{path}:2:19: ")


def test_the_sample_people_are_previewed_without_a_token(tmp_path: Path, paperboy: Paperboy) -> None:
    path = configured(tmp_path, "watch: {settle_seconds: 0}\nweb: {listen: ''}\n", SAMPLE)
    assert paperboy("--config", path, "once").code == 0
    assert paperboy("--config", path, "once", "--dry-run").code == 0


def test_a_chat_without_a_token_is_a_warning(tmp_path: Path) -> None:
    path = configured(tmp_path, "first_run: 3\n", person("telegram: 4711"))
    (warning,) = warnings(path)
    assert "ann gets nothing by Telegram, because no telegram.token is set" in warning
    path.write_text(f"telegram: {{token: '{TOKEN}'}}\n")
    path.chmod(0o600)
    assert warnings(path) == []


@pytest.mark.parametrize("command", ["once", "run"])
def test_a_chat_without_a_token_is_said_where_messages_would_go_out(
    tmp_path: Path, paperboy: Paperboy, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    path = configured(tmp_path, "web: {listen: ''}\n", person("telegram: 4711"))
    monkeypatch.setattr("bot.app.service.Service.run", _nothing)
    ran = paperboy("--config", path, command)
    assert "paperboy: warning: ann gets nothing by Telegram" in ran.err


async def _nothing(_service: object) -> None:
    """End at once."""


@pytest.mark.parametrize(
    ("settings", "keys"),
    [
        ("email: {transport: 'smtps://mx.example.org'}\n", ["site.url", "email.from"]),
        (
            "site: {url: https://papers.example.org}\n"
            "email: {transport: 'smtps://mx.example.org', from: papers@example.org}\n",
            [],
        ),
        ("email: {transport: 'smtps://mx.example.org', from: papers@example.org}\n", ["site.url"]),
        (
            "site: {url: 'http://0.0.0.0:8080'}\n"
            "email: {transport: 'smtps://mx.example.org', from: papers@example.org}\n",
            ["site.url"],
        ),
        ("email: {transport: 'maildir:mail'}\n", []),
    ],
)
def test_mails_with_addresses_that_lead_nowhere_are_warned_of(
    tmp_path: Path, settings: str, keys: list[str], paperboy: Paperboy
) -> None:
    path = configured(tmp_path, settings, person("email: ann@example.org"))
    texts = warnings(path)
    assert [
        key for key in ("site.url", "email.from") if any(f"set {key} to" in text for text in texts)
    ] == keys
    assert len(texts) == len(keys)
    looked = paperboy("--config", path, "doctor", "--json").json["channels"]
    assert [finding["kind"] for finding in looked if finding["kind"] in ("site.url", "email.from")] == keys


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1:18090", "http://127.0.0.1:18090"),
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        ("'[::]:8081'", "http://[::1]:8081"),
        ("papers.local:8080", "http://papers.local:8080"),
        ("''", "http://127.0.0.1:8080"),
    ],
)
def test_the_sites_address_follows_the_web_server(tmp_path: Path, listen: str, url: str) -> None:
    path = configured(tmp_path, f"web: {{listen: {listen}}}\n")
    assert load_settings(path, {}).site.url == url
    path.write_text(f"site: {{title: Ours}}\nweb: {{listen: {listen}}}\n")
    assert (load_settings(path, {}).site.url, load_settings(path, {}).site.title) == (url, "Ours")
    path.write_text(f"site: {{url: https://papers.example.org}}\nweb: {{listen: {listen}}}\n")
    assert load_settings(path, {}).site.url == "https://papers.example.org"


def test_a_channel_without_a_check_of_its_own_has_its_addresses_checked_by_doctor(
    tmp_path: Path,
) -> None:
    apprise = CHANNELS["apprise"]
    good = a_subscriber("ann", a_channel("apprise", "ntfy://ntfy.example.org/a"))
    bad = a_subscriber("bob", a_channel("apprise", "nonsense"))
    settings = load_settings(configured(tmp_path, "web: {listen: ''}\n"), {})
    assert list(apprise.checked(settings, [], online=False)) == []
    (well,) = apprise.checked(settings, [good], online=False)
    assert (well.kind, well.urgent) == ("fine", False)
    assert well.what == "sends to 1 address; none was tried"
    wrong, both = apprise.checked(settings, [good, bad], online=False)
    assert (wrong.subject, wrong.kind, wrong.urgent) == ("apprise:nonsense", "address", True)
    assert both.what == "sends to 2 addresses; none was tried"


def test_a_channel_without_words_of_its_own_counts_its_messages_in_run(tmp_path: Path) -> None:
    apprise = CHANNELS["apprise"]
    settings = load_settings(configured(tmp_path, "web: {listen: ''}\n"), {})
    assert apprise.summarized(settings, {"sent": 1, "held": 2}) == "1 Apprise message sent"
    assert apprise.summarized(settings, {"sent": 2}) == "2 Apprise messages sent"
