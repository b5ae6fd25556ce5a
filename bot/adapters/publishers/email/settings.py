"""The settings that every mail has in common: sender, site, signature."""

from dataclasses import dataclass

from bot.adapters.publishers.email.dkim import DkimSigner
from bot.domain.card import web_link
from bot.domain.mailbox import Mailbox
from bot.domain.text import one_line


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
