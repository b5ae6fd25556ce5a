"""Many chats with many polls each that wait for one bot: what floods, paces and faults are tried on."""

from collections.abc import Sequence
from pathlib import Path

from bot.adapters.store import Store
from bot.app.config.settings import Settings, load_settings
from bot.app.container import Container, build_container
from bot.domain.delivery import Delivery
from bot.domain.subscriptions import Subscriber
from bot.pipeline.ports import Clock, Publisher
from tests.builders import a_channel, a_delivery, a_paper, a_quiz, a_subscriber, an_edition
from tests.rigs.botapi import BotApi, Chat
from tests.rigs.botapi.emulator import TOKEN

CONFIG = "web: {{listen: ''}}\ntelegram: {{token: '{token}', api_url: '{url}', on_uncertain: {uncertain}}}\n"


def private_chats(count: int) -> list[str]:
    return [str(1_000_000 + number) for number in range(count)]


def groups(count: int) -> list[str]:
    return [str(-100_000 - number) for number in range(count)]


def channels(count: int) -> list[str]:
    return [str(-1_009_000_000_000 - number) for number in range(count)]


def join(api: BotApi, chats: Sequence[str]) -> None:
    """The emulator's side of these chats."""
    for chat in chats:
        kind = "private" if not chat.startswith("-") else "channel" if chat.startswith("-1009") else "group"
        api._chats.add(Chat(id=int(chat), kind=kind))


def people(chats: Sequence[str]) -> tuple[Subscriber, ...]:
    return tuple(
        a_subscriber(f"p{chat}", a_channel("telegram", chat, quizzes="all"), asks=()) for chat in chats
    )


def settings_for(folder: Path, *, url: str = "http://127.0.0.1:9", uncertain: str = "hold") -> Settings:
    (folder / "paperboy.yaml").write_text(CONFIG.format(token=TOKEN, url=url, uncertain=uncertain))
    return load_settings(folder / "paperboy.yaml", {})


def container_for(
    settings: Settings,
    chats: Sequence[str],
    *,
    publisher: Publisher | None = None,
    clock: Clock | None = None,
) -> Container:
    publishers = None if publisher is None else {"telegram": publisher}
    return build_container(settings, people(chats), publishers=publishers, clock=clock)


def ask(container: Container, chats: Sequence[str], polls: int) -> list[Delivery]:
    """Plan that many polls on one paper to each chat, in turns, due now."""
    paper = a_paper(1, editions=(an_edition(quiz=a_quiz(polls)),))
    now = container.clock.now()
    rows = [
        a_delivery(1, f"telegram:{chat}", "quiz", question.part, subscriber=f"p{chat}", due_at=now)
        for question in paper.edition("en").quiz
        for chat in chats
    ]
    store: Store = container.store
    with store.digests.transaction() as tx:
        tx.save_papers([paper], now, changed=True)
        tx.plan(rows, tx.new_run(now, "asked"))  # the flood guard counts what nobody asked for
    return rows
