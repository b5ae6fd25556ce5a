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
from bot.domain.sources import Fetched, Source, Validators

TIMEOUT = 300.0
"""Seconds that one git command may take; a remote that hangs is given up then."""
_SLOW = ("-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60")
_HARMLESS = ("-c", "core.hooksPath=/dev/null", "-c", "core.symlinks=false", "-c", "core.fsmonitor=false")
"""Nothing of a fetched repository is run, and none of its links leads out of its folder."""
_SECRET = re.compile(r"(?<=://)[^/@\s]+@")


async def fetch_git(
    source: Source, validators: Validators, folder: Path, _max_bytes: int, *, seconds: float = TIMEOUT
) -> Fetched:
    """Bring the newest commit of the branch into the folder.

    `validators.etag` is the commit that was there. Too large a file is refused by the watcher, not here.
    Credentials come from the usual git helpers only; nothing is asked for. Raises SourceUnreachable.
    """
    git = _Git(folder, seconds)
    if not (folder / ".git").is_dir():
        await _clone(git, source, folder)
    else:
        await git("remote", "set-url", "origin", "--", source.address)
        await _limit_to(git, source)
        await git("fetch", "--depth", "1", "--no-tags", "origin", source.branch or "HEAD")
        await git("checkout", "--quiet", "--force", "--detach", "FETCH_HEAD")
    commit = (await git("rev-parse", "HEAD")).strip()
    return Fetched(changed=commit != validators.etag, validators=Validators(etag=commit))


async def _clone(git: "_Git", source: Source, folder: Path) -> None:
    """Clone beside the folder and rename, so that a clone that was interrupted is never taken for a whole one."""
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = folder.with_name(f".{folder.name}.clone")
    await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)
    branch = ("--branch", source.branch) if source.branch else ()
    options = ("--depth", "1", "--single-branch", "--no-tags", "--filter=blob:none", "--no-checkout")
    try:
        await git("clone", *options, *branch, "--", source.address, str(unfinished), inside=folder.parent)
        cloned = _Git(unfinished, git.seconds)
        await _limit_to(cloned, source)
        await cloned("checkout", "--quiet", "--force", "--detach", "HEAD")
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        unfinished.rename(folder)
    finally:
        await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)


async def _limit_to(git: "_Git", source: Source) -> None:
    """Check out only what lies below `source.folder`, a folder or a single file of the repository."""
    wanted = source.folder.strip("/")
    if wanted:
        await git("sparse-checkout", "set", "--no-cone", f"/{wanted}")
    else:
        await git("sparse-checkout", "disable")


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
            raise SourceUnreachable(
                f"git {arguments[0]} took longer than {self.seconds:.0f} seconds"
            ) from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if process.returncode:
            raise SourceUnreachable(f"git {arguments[0]}: {_said(errors)}")
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
    """The last line that says something, without the credentials of an address."""
    lines = [line.strip() for line in errors.decode(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))] or lines
    return _SECRET.sub("", telling[-1].removeprefix("fatal: ")) if telling else "it failed without a word"
