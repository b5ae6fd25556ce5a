"""Addresses of the pages and feeds of the web server, and which hosts are this machine."""

import ipaddress
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

from bot.domain.papers import PaperId


@dataclass(frozen=True, slots=True)
class SiteAddresses:
    """Addresses of pages and feeds below `url`, which ends with no slash; where it is a path or empty, they are paths."""

    url: str

    @property
    def front(self) -> str:
        return f"{self.url}/"

    @property
    def public_feed(self) -> str:
        """The feed of all papers."""
        return f"{self.url}/feed.atom"

    def private_feed(self, token: str) -> str:
        return f"{self.url}/feeds/{_quoted(token)}.atom"

    def archive(self, month: date) -> str:
        """The archive document of the month that begins on that day."""
        return f"{self.url}/archive/{month:%Y-%m}.atom"

    def paper(self, paper: PaperId) -> str:
        return f"{self.url}{_paper_path(paper)}"

    def preferences(self, token: str) -> str:
        return f"{self.url}/preferences/{_quoted(token)}"

    def objection(self, token: str, paper: PaperId) -> str:
        """The page on which a person says that a paper is not for them."""
        return f"{self.preferences(token)}{_paper_path(paper)}"

    def unsubscribe(self, token: str) -> str:
        return f"{self.url}/unsubscribe/{_quoted(token)}"

    def confirm(self, token: str) -> str:
        """The page on which a sign-up is confirmed."""
        return f"{self.url}/confirm/{_quoted(token)}"


def is_loopback(host: str) -> bool:
    """True for a name or address by which only this machine is reached (RFC 6761, RFC 6890)."""
    name = host.lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _paper_path(paper: PaperId) -> str:
    return f"/papers/{quote(paper, safe=':/')}"


def _quoted(token: str) -> str:
    return quote(token, safe="")
