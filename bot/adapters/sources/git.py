"""Git repositories as sources: a shallow, sparse clone, kept up to date by the system's git."""

import asyncio
import os
import re
import shutil
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from bot.domain.errors import SourceUnreachable
from bot.domain.sources import Source

TIMEOUT = 300.0
"""Seconds that one git command may take; a remote that hangs is given up then."""
_SLOW = ("-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60")
_HARMLESS = ("-c", "core.hooksPath=/dev/null", "-c", "core.symlinks=false", "-c", "core.fsmonitor=false")
"""Nothing of a fetched repository is run, and none of its links leads out of its folder."""
_SMALL = ("-c", "gc.autoDetach=false", "-c", "core.logAllRefUpdates=false")
"""What is no longer needed is packed and dropped now and then, before the command ends."""
_SECRET = re.compile(r"(?<=://)[^/@\s]+@")
_REMEDIES = (
    (
        re.compile("Authentication failed|could not read (Username|Password)|Permission denied"),
        "is the address right? Where it needs a password, set up a credential helper or an ssh key for git",
    ),
    (re.compile("Remote branch .* not found|couldn't find remote ref"), "see `branch:`"),
    (re.compile("certificate"), "TLS is always checked"),
    (re.compile("dubious ownership"), "it belongs to another user; git config --global safe.directory"),
)
"""What to do about some of git's errors, in the words of git 2.39 to 2.51."""


async def fetch_git(source: Source, folder: Path, _max_bytes: int, *, seconds: float = TIMEOUT) -> bool:
    """Bring the newest commit of the branch into the folder; False where it was there already.

    Too large a file is refused by the watcher, not here. Credentials come from the usual git helpers only; nothing
    is asked for. A clone that is damaged is made anew. Raises SourceUnreachable, and OSError for the folder.
    """
    git = _Git(folder, seconds)
    before = await _commit(git, folder)
    if before is None:
        await _clone(git, source, folder)
    else:
        await git("remote", "set-url", "origin", "--", source.address)
        await _limit_to(git, source)
        await git("fetch", "--depth", "1", "--no-tags", "origin", source.branch or "HEAD")
        await git("checkout", "--quiet", "--force", "--detach", "FETCH_HEAD")
    if not await asyncio.to_thread((folder / source.folder).exists):
        raise SourceUnreachable(f"there is no {source.folder!r} in its newest commit; see `folder:`")
    return await _commit(git, folder) != before


async def _commit(git: "_Git", folder: Path) -> str | None:
    """The commit that is checked out; None where there is no whole clone of this very folder."""
    inside = folder / ".git"
    if not await asyncio.to_thread(_is_unlocked_clone, inside):
        return None
    try:
        return (await git("--git-dir", str(inside), "rev-parse", "--verify", "HEAD^{commit}")).strip()
    except GitFailed:
        return None


def _is_unlocked_clone(inside: Path) -> bool:
    """Remove the locks of a git that was killed, since nobody else works here; False where there is no clone."""
    for lock in inside.rglob("*.lock"):
        lock.unlink(missing_ok=True)
    return inside.is_dir()


async def _clone(git: "_Git", source: Source, folder: Path) -> None:
    """Clone beside the folder and rename, so that a clone that was interrupted is never taken for a whole one."""
    unfinished = folder.with_name(f".{folder.name}.clone")
    await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)
    branch = ("--branch", source.branch) if source.branch else ()
    options = ("--depth", "1", "--single-branch", "--no-tags", "--filter=blob:none", "--no-checkout")
    try:
        await git("clone", *options, *branch, "--", source.address, str(unfinished), inside=folder.parent)
        cloned = _Git(unfinished, git.seconds)
        await _limit_to(cloned, source)
        await cloned("checkout", "--quiet", "--force", "--detach", "HEAD")
        unfinished.chmod(0o700)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        unfinished.rename(folder)
    finally:
        await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)


async def _limit_to(git: "_Git", source: Source) -> None:
    """Check out only what lies below `source.folder`, a folder or a single file of the repository."""
    if source.folder:
        pattern = re.sub(r"([*?\[\\])", r"\\\1", source.folder)
        await git("sparse-checkout", "set", "--no-cone", f"/{pattern}")
    else:
        await git("sparse-checkout", "disable")


class GitFailed(SourceUnreachable):
    """git ended with an error."""


class _Git:
    """Runs git in one folder, without asking anybody anything."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder = folder
        self.seconds = seconds

    async def __call__(self, *arguments: str, inside: Path | None = None) -> str:
        """Its standard output. Raises SourceUnreachable with the last line that git said."""
        try:
            process = await asyncio.create_subprocess_exec(
                "git",
                *_HARMLESS,
                *_SLOW,
                *_SMALL,
                *arguments,
                cwd=inside or self._folder,
                env=_environment(os.environ),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except FileNotFoundError:
            raise SourceUnreachable("git is not installed; on Debian and Ubuntu: apt install git") from None
        except OSError as error:
            raise SourceUnreachable(f"git cannot be started: {error.strerror}") from None
        try:
            async with asyncio.timeout(self.seconds):
                output, errors = await process.communicate()
        except TimeoutError:
            raise SourceUnreachable(f"git took longer than {self.seconds:.0f} seconds") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if process.returncode:
            raise GitFailed(_said(errors))
        return output.decode(errors="replace")


def _environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Ours, without what would point git at another repository, and with nothing that could ask for a password."""
    kept = {
        name: value for name, value in environment.items() if not name.startswith(("GIT_DIR", "GIT_WORK"))
    }
    return kept | {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_ALLOW_PROTOCOL": "https:http:ssh:git:file",
        "GIT_SSH_COMMAND": kept.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=20"),
        "LC_ALL": "C",
    }


def _said(errors: bytes) -> str:
    """The last line of git's that says something, without the credentials of an address, and the remedy."""
    lines = [line.strip() for line in errors.decode(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))] or lines
    if not telling:
        return "git failed without a word"
    remedy = next((f" ({remedy})" for error, remedy in _REMEDIES if error.search(telling[-1])), "")
    return f"git: {_SECRET.sub('', telling[-1].removeprefix('fatal: '))}{remedy}"
