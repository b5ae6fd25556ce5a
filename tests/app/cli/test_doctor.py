"""`paperboy doctor`: what could be better, and what to do about it."""

from pathlib import Path

import pytest

from bot.adapters.store import Store
from bot.app.cli.doctor import online_findings
from bot.app.config.settings import load_settings
from tests.app.cli.conftest import Paperboy
from tests.builders import a_channel, a_subscriber
from tests.rigs.botapi import BotApi
from tests.rigs.publishers import ChatMemory
from tests.rigs.smtp import SmtpRig


def asks(home: Path, *queries: str) -> None:
    lines = "".join(f"      - '{query}'\n" for query in queries)
    (home / "config/subscriptions.yaml").write_text(
        f"subscribers:\n  - id: alice\n    channels: [{{atom: true}}]\n    keywords:\n{lines}"
    )


def test_what_needs_a_look_is_exit_1_and_marked(home: Path, paperboy: Paperboy) -> None:
    asks(home, "zymurgy", "arabic")
    paperboy("once")
    looked = paperboy("doctor")
    assert looked.code == 1
    assert "! alice: zymurgy: matches none of the 82 stored papers" in looked.out
    assert "needs a look" in looked.out


def test_a_state_in_order_is_exit_0(home: Path, paperboy: Paperboy) -> None:
    looked = paperboy("doctor")
    assert looked.code == 0
    assert looked.out.endswith("all is well\n")
    assert "not tried" not in looked.out


def test_json_has_an_area_each(home: Path, paperboy: Paperboy) -> None:
    asks(home, "zymurgy")
    paperboy("once")
    found = paperboy("doctor", "--json").json
    assert set(found) == {"needs_a_look", "sources", "subscriptions", "channels"}
    assert found["needs_a_look"] is True
    assert found["subscriptions"][0]["kind"] == "dead"
    assert found["subscriptions"][0]["figures"] == {"papers": 82}


@pytest.mark.parametrize(
    ("settings", "said", "urgent"),
    [
        ("telegram: {token: nonsense}", "no bot token", True),
        ("telegram: {token: '123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc'}", "not tried (--online)", False),
        ("email: {transport: 'smtp://bob@mail.example.org:587'}", "without a password", True),
        ("email: {transport: 'smtp+plain://mail.example.org:25'}", "without TLS", True),
        ("email: {transport: 'smtp://mail.example.org:587'}", "not tried (--online)", False),
    ],
)
def test_channels_are_looked_at_without_asking_anybody(
    home: Path, paperboy: Paperboy, settings: str, said: str, urgent: bool
) -> None:
    config = home / "config/paperboy.yaml"
    config.write_text(config.read_text() + settings + "\n")
    found = [entry for entry in paperboy("doctor", "--json").json["channels"] if said in entry["what"]]
    assert [finding["urgent"] for finding in found] == [urgent]


def test_folders_that_are_missing_or_files_are_told(home: Path, paperboy: Paperboy) -> None:
    config = home / "config/paperboy.yaml"
    (home / "blocked").write_text("")
    config.write_text(
        "watch: {folders: [nowhere]}\nemail: {transport: 'maildir:blocked/mail'}\nweb: {listen: ''}\n"
    )
    looked = paperboy("doctor")
    assert looked.code == 1
    assert "the watched folder" in looked.out
    assert "is no folder, so the Maildir cannot be there" in looked.out


def test_online_the_mail_server_is_asked(home: Path, paperboy: Paperboy) -> None:
    config = home / "config/paperboy.yaml"
    config.write_text(config.read_text() + "email: {transport: 'smtp+plain://127.0.0.1:1'}\n")
    looked = paperboy("doctor", "--online")
    assert looked.code == 1
    assert "! email: 127.0.0.1:1:" in looked.out


def test_online_nothing_is_said_to_be_untried_and_a_service_out_of_reach_is_no_wrong_token(
    home: Path, paperboy: Paperboy
) -> None:
    config = home / "config/paperboy.yaml"
    token = "123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"
    config.write_text(
        config.read_text() + f"telegram: {{token: '{token}', api_url: 'http://127.0.0.1:1'}}\n"
        "email: {transport: 'smtp+plain://127.0.0.1:1'}\n"
    )
    looked = paperboy("doctor", "--online").out
    assert "! telegram: Telegram cannot be reached: " in looked
    assert "not tried" not in looked
    assert "not tried (--online)" in paperboy("doctor").out


async def test_online_each_chat_is_asked_what_it_lets_the_bot_send(home: Path) -> None:
    async with BotApi() as api:
        for number, condition in ((-1, "no_polls"), (-2, "open"), (-3, "no_rights"), (-4, "no_polls")):
            api.chat(number, kind="group", condition=condition)
        (home / "config/paperboy.yaml").write_text(
            f"telegram: {{token: '{api.token}', api_url: '{api.url}'}}\n"
        )
        settings = load_settings(home / "config/paperboy.yaml", {})
        subscribers = [
            a_subscriber(f"p{number}", a_channel(address=f"-{number}", quizzes=quizzes))
            for number, quizzes in ((1, "all"), (2, "all"), (3, "none"), (4, "none"), (5, "all"))
        ]
        found = list(await online_findings(settings, subscribers, chats := ChatMemory()))
    told = {number: facts and facts.polls for number in range(-5, 0) for facts in (chats.chat_facts(number),)}
    assert told == {-1: False, -2: True, -3: False, -4: False, -5: None}
    assert [
        (finding.subject, finding.what.partition(";")[0]) for finding in found if finding.kind == "rights"
    ] == [
        ("telegram:-1", "polls are not allowed in this chat"),
        ("telegram:-3", "the bot may not write there"),
        ("telegram:-5", "the bot cannot write there: Chat not found"),
    ]


def test_a_topic_that_is_named_and_was_not_seen_is_said_everywhere_until_it_is_seen(
    home: Path, paperboy: Paperboy
) -> None:
    (home / "config/subscriptions.yaml").write_text(
        "subscribers:\n  - id: group\n    channels:\n      - telegram: {chat: -100123, topic: Papers}\n"
        "    keywords: [arabic]\n"
    )
    unseen = "no topic “papers” was seen in the chat; write /help in it once"
    assert f"subscriptions.yaml:4:19: warning: {unseen}" in paperboy("check").err
    assert f"telegram:-100123/papers: {unseen}" in paperboy("doctor").out
    shown = paperboy("status")
    assert (shown.code, f"TOPIC        telegram:-100123/papers: {unseen}" in shown.out) == (1, True)
    store = Store(f"sqlite:///{home}/state/paperboy.sqlite3")
    store.chats.name_topic(-100123, 7, "Papers", renamed=False)
    store.close()
    assert unseen not in paperboy("check").err
    assert unseen not in paperboy("doctor").out
    assert paperboy("status").code == 0


async def test_online_the_size_that_the_mail_server_takes_is_said(home: Path) -> None:
    async with SmtpRig(size=60_000) as rig:
        (home / "config/paperboy.yaml").write_text(
            f"email: {{transport: 'smtp+plain://127.0.0.1:{rig.port}'}}\n"
        )
        settings = load_settings(home / "config/paperboy.yaml", {})
        (found,) = await online_findings(settings, (), ChatMemory())
    assert found.what.endswith("lets us in and takes mails of 0.06 MB at most; larger ones are split")


def test_a_proxy_that_cannot_be_used_is_said_with_its_remedy(
    home: Path, paperboy: Paperboy, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = home / "config/paperboy.yaml"
    config.write_text(
        config.read_text() + "telegram: {token: '123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc'}\n"
    )
    monkeypatch.setenv("all_proxy", "socks4://127.0.0.1:1")
    looked = paperboy("doctor")
    assert looked.code == 1
    assert "! network: the proxy in all_proxy cannot be used" in looked.out


def test_the_loss_and_the_noise_of_real_digests_are_named(
    home: Path, paperboy: Paperboy, corpus: Path
) -> None:
    asks(home, '"large language model"', "rag")
    paperboy("import", corpus / "tables")
    found = paperboy("doctor", "--json").json
    loss = next(entry for entry in found["subscriptions"] if entry["kind"] == "spelling")
    assert loss["figures"]["better"] == "large language model"
    assert 0.7 < loss["figures"]["missed"] < 0.8
    noise = next(entry for entry in found["subscriptions"] if entry["kind"] == "noise")
    assert noise["figures"]["noise"] > 0.9
    kinds = [entry["kind"] for entry in found["sources"]]
    assert kinds.count("empty") == 1
    assert kinds.count("no authors") == 1


def test_before_the_first_digest_there_is_nothing_to_judge_by(home: Path, paperboy: Paperboy) -> None:
    assert "digests: none has been read yet; `paperboy once`" in paperboy("doctor").out
    paperboy("once")
    assert "none has been read" not in paperboy("doctor").out
