"""Postfix as a private instance on loopback: its own configuration, queue, data and mailboxes in one folder.

It needs root (its master process changes users) and the package `postfix`; `MISSING` says what is not there.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.rigs.web import free_port

DOMAIN, BOUNCES = "example.org", "bounces@example.org"
SIZE_LIMIT, MAILS_A_MINUTE = 40_000, 3
ELSEWHERE = "closed.example.net"
"""A domain whose mails are taken for relaying, and whose own server then knows nobody."""
_USERS = ("ada", "ben", "cy", "dee", "bounces")
_ACCESS = {
    "greylisted": "450 4.2.0 Greylisted, see you later",
    "full": "452 4.2.2 Mailbox full",
    "stuffed": "552 5.2.2 Mailbox full",
}
"""Recipients who are refused at RCPT, and how."""
_DAEMONS = Path("/usr/lib/postfix/sbin")
_SERVICES = """
127.0.0.1:{plain} inet n - n - - smtpd
127.0.0.1:{small} inet n - n - - smtpd -o message_size_limit={size}
127.0.0.1:{slow} inet n - n - - smtpd -o smtpd_client_message_rate_limit={rate} -o smtpd_client_event_limit_exceptions=
127.0.0.1:{closed} inet n - n - - smtpd -o myhostname={elsewhere} -o smtpd_recipient_restrictions=$closed_restrictions
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.example.org
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
recipient_delimiter = +
virtual_mailbox_domains = example.org
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = texthash:{folder}/conf/users
virtual_uid_maps = static:{user}
virtual_gid_maps = static:{user}
virtual_minimum_uid = 1
transport_maps = texthash:{folder}/conf/transport
smtpd_recipient_restrictions = check_recipient_access texthash:{folder}/conf/access, permit_mynetworks, reject
closed_restrictions = check_recipient_access texthash:{folder}/conf/closed, reject
smtpd_peername_lookup = no
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
bounce_queue_lifetime = 1h
"""


def _missing() -> str | None:
    if shutil.which("postfix") is None or not _DAEMONS.is_dir():
        return "postfix is not installed"
    return None if os.geteuid() == 0 else "only root may start postfix"


MISSING = _missing()


@dataclass(frozen=True)
class Postfix:
    """A mail server with three doors that share their mailboxes: `plain`, `small` takes small mails only, `slow` few a minute."""

    folder: Path
    plain: int
    small: int
    slow: int

    def start(self) -> None:
        self._command("start")

    def restart(self) -> None:
        """It forgets how many mails came in this minute."""
        self.abort()
        self.start()

    def abort(self) -> None:
        """End it at once, whatever it is doing; it has ended then, so that it can be started again."""
        self._command("abort")
        while self._run("status").returncode == 0:
            time.sleep(0.01)

    def inbox(self, user: str) -> list[bytes]:
        """The mails that were delivered to that user, oldest first."""
        paths = (self.folder / "mail" / user / "new").glob("*")
        return [path.read_bytes() for path in sorted(paths, key=lambda path: path.stat().st_mtime)]

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def _command(self, what: str) -> None:
        done = self._run(what)
        assert done.returncode == 0, done.stderr + (self.log if (self.folder / "log").exists() else "")

    def _run(self, what: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["postfix", "-c", str(self.folder / "conf"), what], check=False, capture_output=True, text=True
        )


@contextmanager
def running_postfix() -> Iterator[Postfix]:
    """A server with nothing in it, until the block ends."""
    # Its daemons give up root, so they could not reach into the folders of pytest.
    folder = Path(tempfile.mkdtemp(prefix="paperboy-postfix-"))
    try:
        folder.chmod(0o755)
        postfix = Postfix(folder, free_port(), free_port(), free_port())
        _configure(postfix)
        postfix.start()
        try:
            yield postfix
        finally:
            postfix.abort()
    finally:
        shutil.rmtree(folder)


def _configure(postfix: Postfix) -> None:
    import pwd

    folder, user, closed = postfix.folder, pwd.getpwnam("postfix").pw_uid, free_port()
    for name in ("conf", "queue", "data", "mail"):
        (folder / name).mkdir()
    for name in ("data", "mail"):
        os.chown(folder / name, user, user)
    conf = folder / "conf"
    (conf / "main.cf").write_text(_MAIN.format(folder=folder, user=user))
    (conf / "master.cf").write_text(
        _SERVICES.format(
            plain=postfix.plain,
            small=postfix.small,
            slow=postfix.slow,
            size=SIZE_LIMIT,
            rate=MAILS_A_MINUTE,
            closed=closed,
            elsewhere=ELSEWHERE,
        )
    )
    (conf / "users").write_text("".join(f"{name}@{DOMAIN} {name}/\n" for name in (*_USERS, *_ACCESS)))
    (conf / "access").write_text("".join(f"{name}@{DOMAIN} {answer}\n" for name, answer in _ACCESS.items()))
    (conf / "transport").write_text(f"{ELSEWHERE} smtp:[127.0.0.1]:{closed}\n")
    (conf / "closed").write_text(f"{ELSEWHERE} 550 5.1.1 nobody of that name lives here any more\n")
    with suppress(
        FileNotFoundError
    ):  # Debian's script copies what daemons in a chroot need; ours are in none
        (folder / "queue" / "etc").mkdir()
