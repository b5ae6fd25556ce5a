"""Who writes the mails, in whose name, and one checked mail address."""

import re
from dataclasses import dataclass

from bot.adapters.publishers.email.dkim import DkimSigner
from bot.domain.card import web_link
from bot.domain.text import one_line

_NAMED = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
_LONGEST_LOCAL = 64
_LONGEST_ADDRESS = 254


@dataclass(frozen=True, kw_only=True, slots=True)
class Mailbox:
    """Exactly one address (RFC 5321 dot-string, the domain in ASCII), with the name to show."""

    address: str
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> "Mailbox":
        """The mailbox in `a@b.c` or `Name <a@b.c>`; raises ValueError for anything else, lists and quoted parts included."""
        found = _NAMED.fullmatch(text.strip())
        name, address = (found["name"], found["address"]) if found else ("", text.strip())
        local, at, domain = address.rpartition("@")
        if not at or "," in name or "\n" in text or "\r" in text:
            raise ValueError(f"not one mail address: {one_line(text, 80)!r}")
        try:
            domain = domain.encode("idna").decode("ascii").lower()
        except UnicodeError:
            domain = ""
        address = f"{local}@{domain}"
        fits = len(local) <= _LONGEST_LOCAL and len(address) <= _LONGEST_ADDRESS
        if not (fits and _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain)):
            raise ValueError(f"not a mail address: {one_line(text, 80)!r}")
        return cls(address=address, name=one_line(name.strip().strip('"'), 80))

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class EmailSettings:
    """What every mail has in common."""

    sender: Mailbox
    site_title: str = "Paperboy"
    site_url: str = "http://127.0.0.1:8080"
    dkim: DkimSigner | None = None

    def __post_init__(self) -> None:
        if web_link(self.site_url) is None:
            raise ValueError(f"site.url is no http or https address: {one_line(self.site_url, 80)!r}")
