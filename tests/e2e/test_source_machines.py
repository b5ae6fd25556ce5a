"""Two machines on one PostgreSQL: one fetches, and the other takes over when it is gone."""

import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.adapters.store import Store
from bot.domain.sources import SourceState
from tests.e2e.test_file_to_message import eventually, running
from tests.e2e.test_sources import Site, site
from tests.rigs.botapi import BotApi
from tests.rigs.postgres import postgres_database

__all__ = ["site"]


def test_one_machine_fetches_and_when_it_is_gone_the_other_asks_for_a_copy_of_its_own(
    home: Path, tmp_path_factory: pytest.TempPathFactory, site: Site, bot_api: BotApi, postgres: str
) -> None:
    with postgres_database(postgres) as url, closing(Store(url)) as store:
        config = home / "config/paperboy.yaml"
        config.write_text(f"{config.read_text()}state: '{url}'\n")
        other = tmp_path_factory.mktemp("machine")
        shutil.copytree(home, other, dirs_exist_ok=True)
        with running(home) as first, running(other) as second:
            eventually(lambda: bool(bot_api.messages), seconds=60)
            leads = (home / "state/sources").exists()
            leader, follower = (first, other) if leads else (second, home)
            assert not (follower / "state/sources").exists()
            assert site.asked.count("/daily.md") == 1

            now = datetime.now(UTC)
            store.sources.save_source_state(SourceState(name="daily", next_at=now, checked_at=now))
            leader.kill()
            eventually((follower / "state/sources/daily/daily.md").exists, seconds=60)
            assert site.asked.count("/daily.md") == 2
        assert sum("Hala Technical Report" in message.text for message in bot_api.messages) == 1
