"""A home for a whole paperboy, before emulated services on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.botapi import BotApi

CHAT = 123456789

SUBSCRIBERS = """\
subscribers:
  - id: alice
    channels:
      - {{telegram: {chat}, quizzes: true}}
      - email: alice@example.org
      - atom: true
    keywords: ["title:(Hala OR WebSailor-V2 OR ReSum)"]
"""


@pytest.fixture
def bot_api() -> Iterator[BotApi]:
    """An emulated Bot API in a thread, with alice's private chat."""
    with BotApi.in_thread() as api:
        api.chat(CHAT)
        yield api
    assert api.complaints == []


@pytest.fixture
def home(tmp_path: Path, bot_api: BotApi) -> Path:
    """A folder with a configuration that talks to the emulator; its digests lie in `digests/`."""
    (tmp_path / "config").mkdir()
    (tmp_path / "digests").mkdir()
    (tmp_path / "config" / "paperboy.yaml").write_text(
        "watch: {folders: [digests], settle_seconds: 0.05}\n"
        "web: {listen: ''}\n"
        f"telegram: {{token: '{bot_api.token}', api_url: '{bot_api.url}'}}\n"
    )
    (tmp_path / "config" / "subscriptions.yaml").write_text(SUBSCRIBERS.format(chat=CHAT))
    return tmp_path
