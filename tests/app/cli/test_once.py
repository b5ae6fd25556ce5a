"""The main job in one pass, over the five seeds."""

import email
import email.policy
import hashlib
import os
from pathlib import Path

import pytest

from tests.app.cli.conftest import Paperboy, without_chats

HALA = "Hala Technical Report"


def texts(folder: Path, pattern: str) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob(pattern)))


def everything(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "sqlite3" not in path.name
    }


def test_the_seeds_hold_82_papers_in_83_entries(home: Path, paperboy: Paperboy) -> None:
    assert paperboy("once").code == 0
    status = paperboy("status", "--json").json
    assert (status["papers"], status["entries"], status["digests"], status["quizzes"]) == (82, 83, 5, 9)


def test_a_second_pass_sends_nothing(home: Path, paperboy: Paperboy) -> None:
    paperboy("once")
    before = everything(home / "state")
    second = paperboy("once", "--json")
    assert second.code == 0
    assert second.json["deliveries"] == {}
    assert everything(home / "state") == before


def test_the_words_that_matched_are_named_in_alert_mail_and_feed(home: Path, paperboy: Paperboy) -> None:
    paperboy("once")
    alerts = texts(home / "state/previews", "*alert.html")
    assert HALA in alerts
    assert "language models" in alerts.casefold()
    (mail,) = (home / "state/mail/new").iterdir()
    message = email.message_from_bytes(mail.read_bytes(), policy=email.policy.default)
    body = message.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert HALA in text
    assert "gets this for: language models" in text
    feed = (home / "state/feeds/alice.atom").read_text(encoding="utf-8")
    assert HALA in feed
    assert 'term="language models"' in feed


def test_the_quiz_of_a_matched_paper_comes_as_replies_to_its_alert(home: Path, paperboy: Paperboy) -> None:
    config = home / "config/subscriptions.yaml"
    config.write_text(
        config.read_text().replace("[language models]", "['title:(Hala OR WebSailor-V2 OR ReSum)']")
    )
    paperboy("once")
    polls = texts(home / "state/previews", "*quiz.txt")
    assert polls.count("a reply to the alert") == 9
    assert "What innovative compression technique did HALA use" in polls


def test_a_dry_run_shows_and_stores_nothing(home: Path, paperboy: Paperboy) -> None:
    shown = paperboy("once", "--dry-run")
    assert shown.code == 0
    assert HALA in shown.out
    assert "Nothing was sent or stored" in shown.out
    assert not (home / "state").exists()


def a_folder(home: Path) -> Path:
    """An empty watched folder."""
    folder = home / "digests"
    folder.mkdir()
    (home / "config/paperboy.yaml").write_text("watch: {folders: [digests], settle_seconds: 0}\n")
    without_chats(home)
    return folder


def test_a_digest_that_cannot_be_read_needs_a_look(home: Path, paperboy: Paperboy) -> None:
    a_folder(home)
    (home / "digests" / "2026-09-18.txt").write_text("just some notes\n")
    first = paperboy("once")
    assert first.code == 1
    assert "2026-09-18.txt" in first.out
    assert "`paperboy status` names it" in first.err
    status = paperboy("status")
    assert status.code == 1
    assert "unreadable   2026-09-18.txt: nothing in it links to a paper" in status.out
    assert list(paperboy("status", "--json").json["unreadable"]) == ["2026-09-18.txt"]


def test_what_is_plainly_no_digest_is_passed_over_in_silence(home: Path, paperboy: Paperboy) -> None:
    folder = a_folder(home)
    (folder / "README.md").write_text("# Digests\n\nOne file a day.\n")
    (folder / "LICENSE").write_text("MIT License\n\nPermission is hereby granted\n")
    (folder / "desktop.ini").write_text("[.ShellClassInfo]\nIconResource=x.dll,1\n")
    (folder / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(range(256)) * 8)
    for _ in range(2):
        done = paperboy("once")
        assert (done.code, done.err) == (0, "")
        assert "README" not in done.out
    status = paperboy("status")
    assert status.code == 0
    assert "no digest    README.md: nothing in it links to a paper" in status.out
    assert set(paperboy("status", "--json").json["no_digests"]) == {
        "LICENSE", "README.md", "Thumbs.db", "desktop.ini"
    }  # fmt: skip
    assert paperboy("doctor").code == 0
    assert paperboy("read", folder / "README.md").code == 2
    (folder / "README.md").unlink()
    paperboy("once")
    assert "README.md" not in paperboy("status", "--json").json["no_digests"]


def test_a_digest_that_becomes_none_needs_a_look(home: Path, paperboy: Paperboy, seeds: Path) -> None:
    folder = a_folder(home)
    digest = folder / "today.md"
    digest.write_bytes(next(seeds.glob("*.txt")).read_bytes())
    assert paperboy("once").code == 0
    for text in ("gone", "gone again"):
        digest.write_text(text)
        assert paperboy("once").code == 1


def test_patterns_of_names_are_ignored(home: Path, paperboy: Paperboy) -> None:
    folder = a_folder(home)
    (folder / "2026-09-18.draft.md").write_text("not yet")
    (folder / "old").mkdir()
    (folder / "old" / "2025-01-01.md").write_text("gone")
    assert paperboy("once").code == 1
    (home / "config/paperboy.yaml").write_text(
        "watch: {folders: [digests], settle_seconds: 0, ignore: ['*.draft.md', old]}\n"
    )
    done = paperboy("once")
    assert (done.code, done.err) == (0, "")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_without_leave_to_read_it_needs_a_look(home: Path, paperboy: Paperboy) -> None:
    folder = a_folder(home)
    (folder / "a.md").write_text("x")
    (folder / "a.md").chmod(0)
    refused(home, paperboy)


def test_a_file_that_may_not_be_read_is_named_until_it_may(
    home: Path, paperboy: Paperboy, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = a_folder(home)
    (folder / "a.md").write_text("x")
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: not str(path).endswith("a.md") and access(path, mode)
    )
    refused(home, paperboy)
    monkeypatch.undo()
    monkeypatch.chdir(home)
    assert "may not be read" not in paperboy("status").out


def refused(home: Path, paperboy: Paperboy) -> None:
    done = paperboy("once")
    assert done.code == 1
    assert "skipped a.md: may not be read; chmod u+r it" in done.err
    status = paperboy("status")
    assert status.code == 1
    assert "unreadable   a.md: may not be read" in status.out
    looked = paperboy("doctor")
    assert looked.code == 1
    assert "! watch: a.md: may not be read" in looked.out


def test_an_unreadable_file_that_is_gone_needs_no_look(home: Path, paperboy: Paperboy) -> None:
    notes = home / "digests" / "2026-09-18.txt"
    notes.parent.mkdir()
    notes.write_text("just some notes\n")
    (home / "config/paperboy.yaml").write_text("watch: {folders: [digests], settle_seconds: 0}\n")
    assert paperboy("once").code == 1
    away = notes.parent.rename(home / "away")
    assert paperboy("once").code == 1  # the whole folder is away: who knows
    away.rename(notes.parent)
    notes.unlink()
    assert paperboy("once").code == 0
    assert paperboy("status").code == 0
    notes.write_text("just some notes\n")
    assert paperboy("once").code == 1


def test_a_new_subscriber_wakes_the_next_pass(home: Path, paperboy: Paperboy) -> None:
    paperboy("once")
    config = home / "config/subscriptions.yaml"
    config.write_text(
        config.read_text() + "  - id: bob\n    channels: [{atom: true}]\n    keywords: [video]\n"
    )
    second = paperboy("once")
    assert "nothing was due" not in second.out
    assert (home / "state/feeds/bob.atom").exists()


def test_a_pass_sweeps_what_killed_processes_left_unfinished(home: Path, paperboy: Paperboy):
    drafts = [home / "state" / ".paperboy.index.0123abcd", home / "state" / "feeds" / ".all.atom.0123abcd"]
    for draft in drafts:
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(b"half")
        os.utime(draft, (0, 0))
    paperboy("once", "--dry-run")
    assert all(draft.exists() for draft in drafts)
    paperboy("once")
    assert not any(draft.exists() for draft in drafts)


def test_a_dry_run_speaks_json(home: Path, paperboy: Paperboy) -> None:
    shown = paperboy("once", "--dry-run", "--json").json
    assert (shown["new"], shown["problems"]) == (82, [])
    assert {entry["kind"] for entry in shown["messages"]} == {"alert", "quiz"}
    assert {entry["target"] for entry in shown["messages"]} == {
        "telegram:123456789",
        "email:alice@example.org",
    }
    assert HALA in shown["messages"][0]["text"]


def test_a_dry_run_names_what_cannot_be_read(home: Path, paperboy: Paperboy) -> None:
    (home / "digests").mkdir()
    (home / "digests" / "2026-09-18.txt").write_text("just some notes\n")
    (home / "config/paperboy.yaml").write_text("watch: {folders: [digests], settle_seconds: 0}\n")
    assert "2026-09-18.txt" in paperboy("once", "--dry-run").out


def test_a_watched_folder_that_is_not_there_is_said(home: Path, paperboy: Paperboy) -> None:
    without_chats(home)
    (home / "config/paperboy.yaml").write_text("watch: {folders: [digests]}\n")
    said = f"the watched folder {home / 'digests'} is not there\n"
    for _ in range(2):
        done = paperboy("once")
        assert done.err.startswith(said)
        assert done.code == 1


def test_a_feed_folder_that_cannot_be_written_costs_nobody_else_a_message(
    home: Path, paperboy: Paperboy
) -> None:
    without_chats(home)
    (home / "state").mkdir()
    (home / "state" / "feeds").write_text("in the way")
    done = paperboy("once")
    assert done.code == 1
    assert "make the folder writable or set atom.folder" in done.out
    assert list((home / "state" / "mail" / "new").iterdir())
    assert "CHANNEL      atom: stopped" in paperboy("status").out
    (home / "state" / "feeds").unlink()
    assert paperboy("once").code == 0
    assert (home / "state" / "feeds" / "all.atom").exists()


def test_a_warning_comes_once(home: Path, paperboy: Paperboy) -> None:
    config = home / "config/paperboy.yaml"
    config.write_text(config.read_text() + "email: {transport: 'smtp+plain://127.0.0.1:25'}\n")
    assert paperboy("once", "--dry-run").err.count("without encryption") == 1


def test_only_what_surprises_is_said_of_skipped_files(home: Path, paperboy: Paperboy) -> None:
    (home / "digests").mkdir()
    (home / "digests" / ".gitkeep").write_text("x")
    (home / "digests" / "link.md").symlink_to("/nowhere")
    without_chats(home)
    (home / "config/paperboy.yaml").write_text("watch: {folders: [digests], settle_seconds: 0}\n")
    assert (
        paperboy("once").err
        == "skipped link.md: is a symbolic link that leads out of the watched folder, or nowhere\n"
    )
    assert ".gitkeep" in paperboy("once", "-v").err
    assert len(paperboy("once", "--json").json["skipped"]) == 2


def test_links_to_files_beside_a_digest_lead_to_their_papers(home: Path, paperboy: Paperboy) -> None:
    folder = home / "digests"
    folder.mkdir(exist_ok=True)
    (home / "config/paperboy.yaml").write_text(
        "watch: {folders: [digests], settle_seconds: 0}\nweb: {listen: ''}\n"
    )
    (folder / "index.md").write_text(
        "# 2031-05-05\n\n### [Tame Tigers by Patience](tame.md)\n\nA text.\n\n### [Lions at Large](lions.md)\n\nA text.\n"
    )
    for name, title, number in (("tame", "Tame Tigers by Patience", 1234), ("lions", "Lions at Large", 1235)):
        (folder / f"{name}.md").write_text(
            f"# {title}\n\n**arXiv**: [3105.0{number}](https://arxiv.org/abs/3105.0{number})\n"
        )
    paperboy("once")
    found = paperboy("preview", "tigers OR lions", "--days", "36500", "--json").json["matches"]
    assert {match["id"] for match in found} == {"arxiv:3105.01234", "arxiv:3105.01235"}
