"""Git repositories as sources: a shallow, sparse clone, updated by the system's git."""

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
"""Seconds that one git command may take."""
_LOW_SPEED_LIMIT = ("-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60")
_SAFETY = ("-c", "core.hooksPath=/dev/null", "-c", "core.symlinks=false", "-c", "core.fsmonitor=false")
"""Runs nothing of a fetched repository, and makes no links that lead out of its folder."""
_CLEANUP = ("-c", "gc.autoDetach=false", "-c", "core.logAllRefUpdates=false")
"""Collects garbage before the command ends rather than in the background."""
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_REMEDIES = (
    (
        re.compile("Authentication failed|could not read (Username|Password)|Permission denied"),
        "is the address right? Where it needs a password, set up a credential helper or an ssh key for git",
    ),
    (re.compile("Remote branch .* not found|couldn't find remote ref"), "see `branch:`"),
    (re.compile("certificate"), "TLS is always checked"),
    (re.compile("dubious ownership"), "it belongs to another user; git config --global safe.directory"),
)
"""(error message of git 2.39 to 2.51, what to do about it)"""


async def fetch_git(source: Source, folder: Path, _max_bytes: int, *, seconds: float = TIMEOUT) -> bool:
    """Check out the newest commit of the branch in the folder; False where it was there already.

    Files over the size limit are refused when they are read, not here. Credentials come from git's own helpers;
    git never prompts. A damaged clone is replaced. Raises SourceUnreachable, and OSError for the folder.
    """
    git = _Git(folder, seconds)
    before = await _commit(git, folder)
    if before is None:
        await _clone(git, source, folder)
    else:
        await git("remote", "set-url", "origin", "--", source.address)
        await _set_sparse_checkout(git, source)
        await git("fetch", "--depth", "1", "--no-tags", "origin", source.branch or "HEAD")
        await git("checkout", "--quiet", "--force", "--detach", "FETCH_HEAD")
    if not await asyncio.to_thread((folder / source.folder).exists):
        raise SourceUnreachable(f"there is no {source.folder!r} in its newest commit; see `folder:`")
    return await _commit(git, folder) != before


async def _commit(git: "_Git", folder: Path) -> str | None:
    """The commit that is checked out; None where there is no complete clone."""
    git_dir = folder / ".git"
    await asyncio.to_thread(_remove_stale_locks, git_dir)
    if not await asyncio.to_thread(git_dir.is_dir):
        return None
    try:
        return (await git("--git-dir", str(git_dir), "rev-parse", "--verify", "HEAD^{commit}")).strip()
    except _GitFailed:
        return None


def _remove_stale_locks(git_dir: Path) -> None:
    """Remove locks that a killed git left behind; no other process works in this clone."""
    for lock in git_dir.rglob("*.lock"):
        lock.unlink(missing_ok=True)


async def _clone(git: "_Git", source: Source, folder: Path) -> None:
    """Clone beside the folder and rename, so that an interrupted clone is never taken for a complete one."""
    unfinished = folder.with_name(f".{folder.name}.clone")
    await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)
    branch = ("--branch", source.branch) if source.branch else ()
    options = ("--depth", "1", "--single-branch", "--no-tags", "--filter=blob:none", "--no-checkout")
    try:
        parent = _Git(folder.parent, git.seconds)
        await parent("clone", *options, *branch, "--", source.address, str(unfinished))
        clone = _Git(unfinished, git.seconds)
        await _set_sparse_checkout(clone, source)
        await clone("checkout", "--quiet", "--force", "--detach", "HEAD")
        unfinished.chmod(0o700)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        unfinished.rename(folder)
    finally:
        await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)


async def _set_sparse_checkout(git: "_Git", source: Source) -> None:
    """Limit the checkout to `source.folder`, a folder or a single file of the repository."""
    if source.folder:
        pattern = re.sub(r"([*?\[\\])", r"\\\1", source.folder)
        await git("sparse-checkout", "set", "--no-cone", f"/{pattern}")
    else:
        await git("sparse-checkout", "disable")


class _GitFailed(SourceUnreachable):
    """git exited with an error."""


class _Git:
    """Runs git in one folder, without prompts."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder = folder
        self.seconds = seconds

    async def __call__(self, *arguments: str) -> str:
        """Run git; gives its standard output. Raises SourceUnreachable."""
        try:
            process = await asyncio.create_subprocess_exec(
                "git",
                *_SAFETY,
                *_LOW_SPEED_LIMIT,
                *_CLEANUP,
                *arguments,
                cwd=self._folder,
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
            raise _GitFailed(_failure(errors))
        return output.decode(errors="replace")


def _environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Environment for git: ours without variables that name another repository, and with prompts disabled."""
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


def _failure(errors: bytes) -> str:
    """The last error line of git's standard error, without credentials, and its remedy."""
    lines = [line.strip() for line in errors.decode(errors="replace").splitlines() if line.strip()]
    error_lines = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))] or lines
    if not error_lines:
        return "git failed without a message"
    last = error_lines[-1]
    remedy = next((f" ({remedy})" for error, remedy in _REMEDIES if error.search(last)), "")
    return f"git: {_CREDENTIALS.sub('', last.removeprefix('fatal: '))}{remedy}"
