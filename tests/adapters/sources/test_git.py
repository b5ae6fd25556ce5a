"""Git repositories as sources: real git, a real remote on loopback."""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from bot.adapters.sources.git import fetch_git
from bot.domain.errors import SourceUnreachable
from bot.domain.sources import Source
from tests.rigs.site import reply, serving

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed here")

MAX = 1_000_000


def git(folder: Path, *arguments: str) -> str:
    names = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org"}
    names |= {
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.org",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=os.environ | names, capture_output=True, text=True, check=True
    )
    return done.stdout


def commit(repository: Path, **files: str) -> None:
    for name, text in files.items():
        path = repository / name.replace("__", "/").replace("_md", ".md")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "digests")


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    repository = tmp_path / "remote"
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    git(repository, "config", "uploadpack.allowFilter", "true")
    commit(repository, days__1_md="one", README_md="about")
    return repository


@pytest.fixture
def served(remote: Path) -> Iterator[str]:
    """The address of a git daemon on loopback that serves the remote."""
    daemon = Path(git(remote, "--exec-path").strip()) / "git-daemon"
    if not daemon.exists():
        pytest.skip("this git has no daemon")
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(daemon), "--listen=127.0.0.1", f"--port={port}", f"--base-path={remote.parent}"]
    process = subprocess.Popen(
        [*command, "--export-all", "--reuseaddr"], stderr=subprocess.DEVNULL, start_new_session=True
    )
    for _ in range(100):
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"git://127.0.0.1:{port}/remote"
    process.terminate()
    process.wait()


def source(address: object, **rest: str) -> Source:
    return Source(name="daily", kind="git", address=str(address), **rest)


def texts(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.parts
    }


async def test_a_clone_is_shallow_and_a_later_fetch_brings_what_is_new(
    served: str, remote: Path, tmp_path: Path
) -> None:
    commit(remote, days__2_md="two")
    folder = tmp_path / "daily"
    first = await fetch_git(source(served), folder, MAX)
    assert first
    assert texts(folder) == {"README.md": "about", "days/1.md": "one", "days/2.md": "two"}
    assert git(folder, "rev-list", "--count", "HEAD") == "1\n"

    again = await fetch_git(source(served), folder, MAX)
    assert not again

    commit(remote, days__2_md="two, corrected", days__3_md="three")
    (remote / "days/1.md").unlink()
    commit(remote)
    third = await fetch_git(source(served), folder, MAX)
    assert third
    assert texts(folder) == {"README.md": "about", "days/2.md": "two, corrected", "days/3.md": "three"}


async def test_only_files_below_the_folder_are_checked_out(served: str, remote: Path, tmp_path: Path) -> None:
    folder = tmp_path / "daily"
    await fetch_git(source(served, folder="days"), folder, MAX)
    assert texts(folder) == {"days/1.md": "one"}
    await fetch_git(source(served, folder="README.md"), folder, MAX)
    assert texts(folder) == {"README.md": "about"}
    await fetch_git(source(served), folder, MAX)
    assert texts(folder) == {"README.md": "about", "days/1.md": "one"}


async def test_a_branch_is_followed(remote: Path, tmp_path: Path) -> None:
    git(remote, "checkout", "-qb", "data")
    commit(remote, extra_md="x")
    git(remote, "checkout", "-q", "main")
    folder = tmp_path / "daily"
    await fetch_git(source(remote, branch="data"), folder, MAX)
    assert "extra.md" in texts(folder)


async def test_a_history_that_was_rewritten_is_taken_as_it_is_now(remote: Path, tmp_path: Path) -> None:
    folder = tmp_path / "daily"
    await fetch_git(source(remote.as_uri()), folder, MAX)
    git(remote, "commit", "-q", "--amend", "--allow-empty", "-m", "other")
    commit(remote, new_md="new")
    second = await fetch_git(source(remote.as_uri()), folder, MAX)
    assert second
    assert "new.md" in texts(folder)


async def test_local_changes_and_links_of_the_repository_do_no_harm(remote: Path, tmp_path: Path) -> None:
    (remote / "out.md").symlink_to("/etc/hostname")
    hook = remote / ".git/hooks/post-checkout"
    hook.write_text("#!/bin/sh\ntouch ../ran\n")
    hook.chmod(0o755)
    commit(remote)
    folder = tmp_path / "daily"
    await fetch_git(source(remote.as_uri()), folder, MAX)
    assert (folder / "out.md").read_text() == "/etc/hostname"
    (folder / "days/1.md").write_text("spoilt")
    await fetch_git(source(remote.as_uri()), folder, MAX)
    assert texts(folder)["days/1.md"] == "one"
    assert not list(tmp_path.rglob("ran"))


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("/nowhere/at/all", "does not exist"),
        ("https://ann:geheim@127.0.0.1:1/x", "127.0.0.1"),
        ("ext::sh -c touch% /tmp/never", "not allowed"),
    ],
)
async def test_a_remote_that_cannot_be_reached_is_named_without_its_password(
    tmp_path: Path, address: str, says: str
) -> None:
    with pytest.raises(SourceUnreachable, match=says) as caught:
        await fetch_git(source(address), tmp_path / "daily", MAX)
    assert "geheim" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


async def test_a_branch_that_is_not_there_is_named(remote: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match="nonesuch"):
        await fetch_git(source(remote, branch="nonesuch"), tmp_path / "daily", MAX)


async def test_a_remote_that_hangs_is_given_up(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        address = f"git://127.0.0.1:{silent.getsockname()[1]}/x"
        with pytest.raises(SourceUnreachable, match="took longer than"):
            await fetch_git(source(address), tmp_path / "daily", MAX, seconds=0.5)


async def test_a_git_that_was_killed_or_a_damaged_clone_does_not_stop_the_next_fetch(
    remote: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "daily"
    await fetch_git(source(remote.as_uri()), folder, MAX)
    for lock in ("index.lock", "shallow.lock"):
        (folder / ".git" / lock).touch()
    commit(remote, days__2_md="two")
    assert await fetch_git(source(remote.as_uri()), folder, MAX)
    shutil.rmtree(folder / ".git/objects")
    assert await fetch_git(source(remote.as_uri()), folder, MAX)
    assert texts(folder)["days/2.md"] == "two"
    assert not await fetch_git(source(remote.as_uri()), folder, MAX)


async def test_what_lay_in_the_folder_before_the_first_clone_is_replaced(
    remote: Path, tmp_path: Path
) -> None:
    (tmp_path / "daily").mkdir()
    (tmp_path / "daily" / "feed.xml").write_text("of a URL")
    assert await fetch_git(source(remote), tmp_path / "daily", MAX)
    assert texts(tmp_path / "daily").keys() == {"README.md", "days/1.md"}


async def test_a_folder_that_the_repository_does_not_have_is_named(remote: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match="there is no 'nights' in its newest commit"):
        await fetch_git(source(remote, folder="nights"), tmp_path / "daily", MAX)


async def test_signs_of_patterns_in_the_name_of_a_folder_are_letters(remote: Path, tmp_path: Path) -> None:
    for name in ("a[1]", "a1", "b*", "bc"):
        (remote / name).mkdir()
        (remote / name / "x.md").write_text("x")
    commit(remote)
    folder = tmp_path / "daily"
    await fetch_git(source(remote, folder="a[1]"), folder, MAX)
    assert texts(folder).keys() == {"a[1]/x.md"}
    await fetch_git(source(remote, folder="b*"), folder, MAX)
    assert texts(folder).keys() == {"b*/x.md"}


async def test_a_server_that_asks_for_a_password_is_not_answered_and_the_remedy_is_said(
    tmp_path: Path,
) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        reply(request, 401, WWW_Authenticate='Basic realm="x"')

    with serving(answer) as site, pytest.raises(SourceUnreachable, match="credential helper"):
        await fetch_git(source(f"{site}/x.git"), tmp_path / "daily", MAX)


async def test_a_fetch_that_is_cancelled_leaves_no_git_behind(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        address = f"git://127.0.0.1:{silent.getsockname()[1]}/x"
        fetching = asyncio.create_task(fetch_git(source(address), tmp_path / "daily", MAX))
        connection, _ = await asyncio.to_thread(silent.accept)
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        with closing(connection):
            connection.settimeout(5)
            while connection.recv(4096):
                pass  # what git had asked; then the connection ends, since git has ended
    assert list(tmp_path.iterdir()) == []


async def test_without_git_the_remedy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceUnreachable, match="apt install git"):
        await fetch_git(source("/x"), tmp_path / "daily", MAX)
