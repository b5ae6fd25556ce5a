"""`test SUBSCRIBER` sends one paper and quiz to each channel, outside the state, and says what came of it."""

from pathlib import Path

import pytest

from bot.adapters.store import Store
from tests.app.cli.conftest import Paperboy
from tests.rigs.botapi import BotApi

PEOPLE = """\
subscribers:
  - id: ann
    quiet_hours: "00:00-23:59"
    channels:
      - {telegram: 4711, quizzes: true, deliver: mondays at 08:00}
      - {email: ann@example.org, quizzes: true}
      - atom: true
    keywords: [zymurgy]
  - {id: feedless, channels: [{telegram: 4712}], keywords: [language models]}
  - {id: nowhere, channels: [], keywords: [language models]}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "config").mkdir()
    (tmp_path / "seeds").mkdir()
    (tmp_path / "config/subscriptions.yaml").write_text(PEOPLE)
    (tmp_path / "config/paperboy.yaml").write_text("watch: {settle_seconds: 0}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def with_bot(home: Path, api: BotApi) -> None:
    path = home / "config/paperboy.yaml"
    path.write_text(f"telegram: {{token: '{api.token}', api_url: '{api.url}'}}\nfirst_run: 0\n")
    path.chmod(0o600)


def test_each_channel_gets_the_paper_and_its_quiz_now_and_the_state_knows_nothing_of_it(
    home: Path, paperboy: Paperboy
) -> None:
    with BotApi.in_thread() as api:
        with_bot(home, api)
        api.chat(4711)
        ran = paperboy("test", "Ann", "--json")
        assert ran.code == 0, ran.err
        (alert,), (poll,) = api.messages, api.polls
    answer = ran.json
    assert [(message["target"], message["kind"], message["outcome"]) for message in answer["messages"]] == [
        ("telegram:4711", "alert", "sent"),
        ("telegram:4711", "quiz", "sent"),
        (
            "email:ann@example.org",
            "alert",
            f"written to {home / 'state/mail'}, because no mail server is set",
        ),
    ]
    assert answer["feed"].startswith("http://127.0.0.1:8080/feeds/")
    assert "a sample" in alert.text
    assert poll.chat.id == 4711
    (mail,) = (home / "state/mail/new").iterdir()
    text = mail.read_text()
    assert "a sample" in text
    store = Store(f"sqlite:///{home}/state/paperboy.sqlite3")
    token = text.partition("/unsubscribe/")[2][:22]
    assert store.tokens.subject("unsubscribe", token) is not None
    assert store.deliveries.list_rows(states=(), keys=(), limit=10) == ()
    store.close()


def test_without_a_token_a_preview_is_named_as_one(home: Path, paperboy: Paperboy) -> None:
    ran = paperboy("test", "feedless")
    assert ran.code == 0
    assert f"kept as a preview in {home / 'state/previews'}, because no token is set" in ran.out
    assert "warning: feedless gets nothing by Telegram" in ran.err


def test_a_message_that_is_refused_is_said_and_needs_a_look(home: Path, paperboy: Paperboy) -> None:
    with BotApi.in_thread() as api:
        with_bot(home, api)
        ran = paperboy("test", "ann")
    assert ran.code == 1
    (line,) = [line for line in ran.out.splitlines() if line.startswith("telegram:4711\talert")]
    assert "NOT SENT: " in line
    assert "delivery.failed" not in ran.err  # a log says it to those who ask for more
    with BotApi.in_thread() as api:
        with_bot(home, api)
        assert "delivery.failed" in paperboy("test", "ann", "-v").err


def test_somebody_without_channels_needs_a_look(home: Path, paperboy: Paperboy) -> None:
    ran = paperboy("test", "nowhere")
    assert ran.code == 1
    assert "nowhere has no channels" in ran.err


def test_an_unknown_subscriber_is_wrong_usage(home: Path, paperboy: Paperboy) -> None:
    ran = paperboy("test", "an")
    assert ran.code == 2
    assert "did you mean 'ann'?" in ran.err


def test_a_stored_paper_that_matches_is_preferred(home: Path, paperboy: Paperboy, seeds: Path) -> None:
    source = (seeds / "002_7448b9b0a17a3cd7.txt").read_text()
    (home / "seeds/page.txt").write_text(source.replace("WebSailor-V2", "Zymurgy WebSailor"))
    stored = paperboy("read", "seeds/page.txt", "--json").json["papers"]
    zymurgy = [paper["id"] for paper in stored if "Zymurgy" in str(paper)]
    assert zymurgy
    assert paperboy("once").code == 0
    assert paperboy("test", "ann", "--json").json["paper"] in zymurgy
