"""`paperboy doctor`: what could be better, and what to do about it."""

from pathlib import Path

import pytest

from tests.app.cli.conftest import Paperboy


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
    found = [one for one in paperboy("doctor", "--json").json["channels"] if said in one["what"]]
    assert [one["urgent"] for one in found] == [urgent]


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


def test_the_loss_and_the_noise_of_real_digests_are_named(
    home: Path, paperboy: Paperboy, corpus: Path
) -> None:
    asks(home, '"large language model"', "rag")
    paperboy("import", corpus / "tables")
    found = paperboy("doctor", "--json").json
    loss = next(one for one in found["subscriptions"] if one["kind"] == "spelling")
    assert loss["figures"]["better"] == "large language model"
    assert 0.7 < loss["figures"]["missed"] < 0.8
    noise = next(one for one in found["subscriptions"] if one["kind"] == "noise")
    assert noise["figures"]["noise"] > 0.9
    kinds = [one["kind"] for one in found["sources"]]
    assert kinds.count("empty") == 1
    assert kinds.count("no authors") == 1


def test_before_the_first_digest_there_is_nothing_to_judge_by(home: Path, paperboy: Paperboy) -> None:
    assert "digests: none has been read yet; `paperboy once`" in paperboy("doctor").out
    paperboy("once")
    assert "none has been read" not in paperboy("doctor").out
