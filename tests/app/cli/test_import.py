"""`paperboy import`: history that nobody is told of."""

import shutil
from pathlib import Path

from tests.app.cli.conftest import Paperboy


def test_history_is_read_and_nobody_is_told_now_or_later(home: Path, paperboy: Paperboy, seeds: Path) -> None:
    done = paperboy("import", seeds)
    assert (done.code, done.err) == (0, "")
    assert "5 digests of 5 files: 83 entries, 82 new papers; nothing of them is sent" in done.out
    once = paperboy("once")
    assert once.out == "nothing new in 5 files\nnothing was due\n"
    status = paperboy("status", "--json").json
    assert status["papers"] == 82
    assert sum(status["deliveries"].values()) == 0


def test_it_can_be_started_again(home: Path, paperboy: Paperboy, seeds: Path) -> None:
    paperboy("import", seeds)
    again = paperboy("import", seeds)
    assert (again.code, again.out) == (0, "nothing new in 5 files\n")


def test_a_stop_says_how_to_go_on(home: Path, paperboy: Paperboy, seeds: Path, monkeypatch) -> None:
    from bot.pipeline.ingest import Ingest

    real = Ingest.process_history
    calls: list[int] = []

    def stopped(self, files, *rest, **more):
        if calls:
            raise KeyboardInterrupt
        calls.append(len(files))
        return real(self, files, *rest, **more)

    monkeypatch.setattr("bot.app.cli.import_._FILES_A_STEP", 2)
    monkeypatch.setattr(Ingest, "process_history", stopped)
    ran = paperboy("import", seeds)
    assert ran.code == 130
    assert "goes on from here" in ran.err
    monkeypatch.setattr(Ingest, "process_history", real)
    assert "3 digests of 5 files" in paperboy("import", seeds).out


def test_files_that_are_no_digests_are_named_and_do_not_stay(
    home: Path, paperboy: Paperboy, seeds: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "old"
    shutil.copytree(seeds, folder)
    for number in range(7):
        (folder / f"notes{number}.txt").write_text(f"just notes {number}\n")
    done = paperboy("import", folder)
    assert done.code == 1
    assert done.err.count("nothing in it links to a paper") == 5
    assert "and 2 more files" in done.err
    assert paperboy("status").code == 0
    assert len(paperboy("import", folder, "--json").json["problems"]) == 7


def test_a_folder_that_is_not_there_is_exit_2(home: Path, paperboy: Paperboy) -> None:
    ran = paperboy("import", "nowhere")
    assert (ran.code, "is no folder" in ran.err) == (2, True)
