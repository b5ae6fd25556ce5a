"""Chats over a database: their kinds and rights, the names of topics, and the bot's own name."""

from sqlalchemy import Engine, delete, select

from bot.adapters.store.engine import reading, writing
from bot.adapters.store.schema import chats, meta, topics
from bot.adapters.store.sql import insert, upsert
from bot.domain.chats import ChatFacts

_BOT_NAME = "telegram bot"
"""The row of `meta` that holds the bot's own name."""


class ChatTables:
    """`ChatStore` over a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def chat_facts(self, chat: int | str) -> ChatFacts | None:
        query = select(chats.c.id, chats.c.kind, chats.c.messages, chats.c.polls)
        with reading(self._engine) as connection:
            row = connection.execute(query.where(chats.c.name == str(chat))).first()
        return None if row is None else ChatFacts(**row._asdict())

    def keep_chat_facts(self, chat: int | str, facts: ChatFacts) -> None:
        values = {"id": facts.id, "kind": facts.kind, "messages": facts.messages, "polls": facts.polls}
        with writing(self._engine) as connection:
            upsert(connection, chats, {"name": str(chat)}, values)

    def forget_chat_facts(self, chat: int) -> None:
        with writing(self._engine) as connection:
            connection.execute(delete(chats).where(chats.c.id == chat))

    def bot_name(self) -> str | None:
        """The bot's name, without `@`; None where none is stored."""
        with reading(self._engine) as connection:
            name: str | None = connection.execute(
                select(meta.c.value).where(meta.c.key == _BOT_NAME)
            ).scalar()
        return name

    def keep_bot_name(self, name: str) -> None:
        with writing(self._engine) as connection:
            upsert(connection, meta, {"key": _BOT_NAME}, {"value": name})

    def name_topic(self, chat: int, topic: int, name: str, *, renamed: bool) -> None:
        key = {"chat": chat, "topic": topic}
        with writing(self._engine) as connection:
            if renamed:
                upsert(connection, topics, key, {"name": name})
            else:
                statement = insert(connection, topics).values(**key, name=name)
                connection.execute(statement.on_conflict_do_nothing())

    def topics(self, chat: int) -> dict[int, str]:
        query = select(topics.c.topic, topics.c.name).where(topics.c.chat == chat).order_by(topics.c.topic)
        with reading(self._engine) as connection:
            return {row.topic: row.name for row in connection.execute(query)}
