"""What commands print and how they end."""

import json
from pathlib import Path

import pytest

from bot import __version__
from bot.app.config.channels import CHANNELS
from tests.app.cli.conftest import Paperboy, without_chats

BROKEN_SETTINGS = "watch:\n  folderz: [seeds]\nfirst_run: 3\nfirst_run: 4\n"
BROKEN_SUBSCRIBERS = """\
subscribers:
  - id: alice
    timezone: Mars/Olympus
    channels: [{atom: true}]
    keywords: ["agents AND ("]
"""


def test_four_mistakes_have_four_places(home: Path, paperboy: Paperboy) -> None:
    (home / "config/paperboy.yaml").write_text(BROKEN_SETTINGS)
    (home / "config/subscriptions.yaml").write_text(BROKEN_SUBSCRIBERS)
    checked = paperboy("check")
    assert checked.code == 2
    positions = [line.split(" ")[0] for line in checked.err.splitlines()]
    assert [position.split(":")[0] for position in positions] == [
        "config/paperboy.yaml",
        "config/paperboy.yaml",
        "config/subscriptions.yaml",
        "config/subscriptions.yaml",
    ]
    assert len(set(positions)) == 4
    assert "folders" in checked.err


def test_a_good_configuration_is_fine(home: Path, paperboy: Paperboy) -> None:
    without_chats(home)
    checked = paperboy("check")
    assert (checked.code, checked.err) == (0, "")
    assert "1 subscriber with 1 subscription" in checked.out


def test_a_subscription_that_matched_nothing_is_warned_of(home: Path, paperboy: Paperboy) -> None:
    config = home / "config/subscriptions.yaml"
    config.write_text(config.read_text().replace("[language models]", "[language models, zymurgy]"))
    paperboy("once")
    checked = paperboy("check")
    assert checked.code == 0
    assert "'zymurgy' of alice matched none" in checked.err
    assert "language models" not in checked.err


def dead(count: int) -> str:
    return "".join(
        f"  - {{id: s{number}, channels: [{{atom: true}}], keywords: [zymurgy {number}]}}\n"
        for number in range(count)
    )


def test_many_dead_subscriptions_are_no_wall_of_text(home: Path, paperboy: Paperboy) -> None:
    paperboy("once")
    (home / "config/subscriptions.yaml").write_text("subscribers:\n" + dead(25))
    checked = paperboy("check")
    lines = checked.err.splitlines()
    assert checked.code == 0
    assert len(lines) == 11
    assert lines[-1] == "… and 15 more subscriptions matched nothing; `paperboy doctor` lists them all"
    assert len(paperboy("check", "--json").json["warnings"]) == 25
    assert paperboy("doctor").out.count("zymurgy") == 25


def test_nobody_to_send_to_is_warned_of(home: Path, paperboy: Paperboy) -> None:
    (home / "config/subscriptions.yaml").write_text("subscribers: []\n")
    checked = paperboy("check")
    assert checked.code == 0
    assert "subscriptions.yaml:1:1: warning: nobody is named" in checked.err


def test_commands_that_need_the_configuration_tell_ten_mistakes_and_who_tells_all(
    home: Path, paperboy: Paperboy
) -> None:
    (home / "config/subscriptions.yaml").write_text(f"subscribers:\n{dead(25)}".replace("atom:", "atm:"))
    ran = paperboy("status")
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 11
    assert ran.err.endswith("and 15 more faults; `paperboy check` lists them\n")
    assert len(paperboy("check").err.splitlines()) == 25


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["statu"], "Did you mean 'status'? `paperboy --help` shows"),
        (["ledger"], "'SUBSCRIBER'; `paperboy ledger --help` shows"),
        (["outbox", "lst"], "`paperboy outbox --help` shows"),
        (["--verbos"], "`paperboy --help` shows"),
    ],
)
def test_wrong_usage_names_the_help_that_helps(paperboy: Paperboy, arguments: list[str], said: str) -> None:
    ran = paperboy(*arguments)
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)
    assert said in ran.err


def test_init_writes_files_that_check_and_never_overwrites(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paperboy: Paperboy
) -> None:
    monkeypatch.chdir(tmp_path)
    assert paperboy("init").code == 0
    assert paperboy("check").code == 0
    before = (tmp_path / "config/paperboy.yaml").read_bytes()
    again = paperboy("init")
    assert again.code == 2
    assert "config/" in again.err
    assert (tmp_path / "config/paperboy.yaml").read_bytes() == before


def test_read_gives_the_contracts_form(paperboy: Paperboy, seeds: Path) -> None:
    ran = paperboy("read", seeds / "002_7448b9b0a17a3cd7.txt", "--json")
    assert ran.code == 0
    digest = ran.json
    assert set(digest) == {"file", "date", "kind", "papers", "tips", "problems"}
    assert (digest["date"], digest["kind"]) == ("2025-09-18", "quiz_text")
    paper = digest["papers"][0]
    assert set(paper) == {
        *("id", "title", "authors", "summary", "points", "flowchart", "flowchart_svg"),
        *("published", "categories", "links", "quiz"),
    }
    assert set(paper["links"]) == {"abs", "pdf", "huggingface", "code", "other"}
    assert set(paper["quiz"][0]) == {"question", "options", "answer", "answer_source", "confidence"}
    assert [len(entry["quiz"]) for entry in digest["papers"]] == [3, 3, 3]


def test_reading_something_else_is_exit_2(paperboy: Paperboy, tmp_path: Path) -> None:
    (tmp_path / "x.md").write_text("# Shopping\n\n- milk\n")
    ran = paperboy("read", tmp_path / "x.md")
    assert ran.code == 2
    assert "x.md" in ran.err


def test_reading_something_else_with_json_is_a_line_without_a_kind(
    paperboy: Paperboy, tmp_path: Path
) -> None:
    (tmp_path / "x.md").write_text("# Shopping\n\n- milk\n")
    ran = paperboy("read", tmp_path / "x.md", tmp_path / "nowhere.md", "--json")
    assert ran.code == 2
    shopping, nowhere = map(json.loads, ran.out.splitlines())
    assert (shopping["file"], shopping["kind"], shopping["papers"]) == (str(tmp_path / "x.md"), None, [])
    assert shopping["problems"] == [{"line": 1, "what": "nothing in it links to a paper"}]
    assert nowhere["problems"][0]["what"] == "cannot be read: No such file or directory"


def test_read_shows_each_paper_with_its_line_and_explain_what_was_passed_over(
    paperboy: Paperboy, tmp_path: Path
) -> None:
    (tmp_path / "x.md").write_text(
        "# 2031-05-05\n\n## 1. Tame Tigers\n\n[arXiv](https://arxiv.org/abs/3105.01234)\n\n"
        "### Background\n\nSee [Lions](https://arxiv.org/abs/3105.01235).\n\n## 2. Bears of Brno\n\n"
        "[arXiv](https://arxiv.org/abs/3105.01236)\n"
    )
    ran = paperboy("read", tmp_path / "x.md")
    assert ran.code == 0
    assert ran.out.splitlines()[1:] == [
        "   3  arxiv:3105.01234  Tame Tigers",
        "  11  arxiv:3105.01236  Bears of Brno",
    ]
    explained = paperboy("read", "--explain", tmp_path / "x.md").out.splitlines()
    assert explained[3:] == [
        "  reader markdown (chosen): likely, 2 papers",
        "  passed over, line 7: arxiv:3105.01235 is mentioned in the text on arxiv:3105.01234",
    ]
    (tmp_path / "y.md").write_text("# x\n\nSome arXiv news.\n")
    unread = paperboy("read", "--explain", tmp_path / "y.md")
    assert "reader markdown: possible, 0 papers" in unread.out


def test_read_follows_links_to_the_files_beside_it(paperboy: Paperboy, tmp_path: Path) -> None:
    (tmp_path / "index.md").write_text("# 2031-05-05\n\n### [Tame Tigers by Patience](tame.md)\n\nA text.\n")
    (tmp_path / "tame.md").write_text(
        "# Tame Tigers by Patience\n\n**arXiv**: [3105.01234](https://arxiv.org/abs/3105.01234)\n"
    )
    ran = paperboy("read", tmp_path / "index.md", "--json")
    assert [paper["id"] for paper in ran.json["papers"]] == ["arxiv:3105.01234"]


def test_reading_an_empty_table_is_exit_1_with_its_line(paperboy: Paperboy, tmp_path: Path) -> None:
    (tmp_path / "x.md").write_text(
        "## Papers for 2025-10-15\n\n| Title | Authors | Summary |\n|---|---|---|\n"
    )
    ran = paperboy("read", tmp_path / "x.md", "--json")
    assert ran.code == 1
    assert ran.json["papers"] == []
    assert ran.json["problems"][0]["line"] >= 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("bogus",),
        ("read",),
        (),
        ("run", "--only", "dance"),
        ("outbox", "retry"),
        ("outbox", "list", "--state", "x"),
    ],
)
def test_wrong_usage_is_exit_2_and_one_line(
    home: Path, paperboy: Paperboy, arguments: tuple[str, ...]
) -> None:
    ran = paperboy(*arguments)
    assert ran.code == 2
    if arguments:
        assert len(ran.err.splitlines()) == 1


def test_a_missing_configuration_that_was_asked_for_is_named(home: Path, paperboy: Paperboy) -> None:
    ran = paperboy("status", "--config", "nowhere.yaml")
    assert ran.code == 2
    assert "nowhere.yaml" in ran.err


def test_a_state_of_another_program_is_exit_3(home: Path, paperboy: Paperboy) -> None:
    (home / "state").mkdir()
    (home / "state/paperboy.sqlite3").write_bytes(b"no database at all" * 100)
    ran = paperboy("status")
    assert ran.code == 3
    assert len(ran.err.splitlines()) == 1


def test_the_outbox_can_be_listed_and_given_up(home: Path, paperboy: Paperboy) -> None:
    config = home / "config/subscriptions.yaml"
    config.write_text(
        config.read_text().replace(
            "email: alice@example.org", "{email: alice@example.org, deliver: mondays at 08:00}"
        )
    )
    paperboy("once")
    messages = paperboy("outbox", "list", "--state", "held", "--json").json["messages"]
    assert messages
    assert all(message["state"] == "held" for message in messages)
    dropped = paperboy("outbox", "drop", *messages[0]["keys"])
    count = len(messages[0]["keys"])
    assert dropped.out.startswith(f"1 message: {count} of {count} deliver")
    assert paperboy("status").code == 0
    unknown = paperboy("outbox", "drop", "email:nobody|alert|arxiv:1")
    assert (unknown.code, "no such delivery" in unknown.err) == (2, True)


def test_status_has_the_contracts_counts(home: Path, paperboy: Paperboy) -> None:
    paperboy("once")
    status = paperboy("status", "--json").json
    assert {"digests", "papers", "quizzes", "subscribers", "subscriptions", "deliveries", "channels"} <= set(
        status
    )
    assert set(status["messages"]) == {"pending", "held", "sending", "sent", "uncertain", "dead"}
    assert set(status["deliveries"]) == {
        *("pending", "held", "sending", "sent", "uncertain", "dead", "merged", "limited", "skipped")
    }
    assert set(status["channels"]) == set(CHANNELS)
    assert status["oldest_pending_seconds"] is None


def test_schema_and_version_are_printed(paperboy: Paperboy) -> None:
    assert "$schema" in json.loads(paperboy("schema").out)
    assert paperboy("version").out == f"paperboy {__version__}\n"
    assert paperboy("version", "--json").json == {"version": __version__}


def test_the_demo_shows_everything_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paperboy: Paperboy
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    shown = paperboy("demo")
    assert shown.code == 0
    for part in (
        "Telegram message",
        "Telegram quiz",
        "To: bob@example.org",
        "Paperboy demo: carol: 22 papers",
        "Matched",
    ):
        assert part in shown.out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["--help"], ["outbox", "--help"]], ids=" ".join)
def test_the_list_of_commands_is_not_cut_off(paperboy: Paperboy, arguments: list[str]) -> None:
    assert "..." not in paperboy(*arguments).out.partition("Commands:")[2]


def test_roles_that_have_nothing_to_do_are_wrong_usage(home: Path, paperboy: Paperboy) -> None:
    ran = paperboy("run", "--only", "chat,web")
    assert (ran.code, ran.out) == (2, "")
    assert "would do nothing: chat needs telegram.token, and web needs web.listen" in ran.err


def test_more_may_be_said_before_and_behind_the_command(home: Path, paperboy: Paperboy) -> None:
    assert paperboy("-v", "once", "--dry-run").code == 0
    assert paperboy("once", "-v", "--dry-run").code == 0


def test_init_refuses_before_anybody_is_asked_to_say_start(home: Path, paperboy: Paperboy) -> None:
    ran = paperboy("init", "--telegram", "1:nobody-is-asked")
    assert (ran.code, ran.out) == (2, "")
    assert "exists already" in ran.err
