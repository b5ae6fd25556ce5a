"""Sign-ups over a database; a new one deletes those that are too old."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, delete, func, select, update

from bot.adapters.store.engine import reading, writing
from bot.adapters.store.schema import sign_ups, tokens
from bot.adapters.store.sql import insert
from bot.domain.sign_ups import KEPT_FOR, SignUp, may_ask

_HOUR = timedelta(hours=1)


class SignUpTable:
    """`SignUpStore` over a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep_sign_up(self, sign_up: SignUp) -> bool:
        now = sign_up.asked_at
        with writing(self._engine, alone=True) as connection:
            old = select(sign_ups.c.id).where(sign_ups.c.asked_at < now - KEPT_FOR)
            connection.execute(delete(tokens).where(tokens.c.purpose == "confirm", tokens.c.subject.in_(old)))
            connection.execute(delete(sign_ups).where(sign_ups.c.asked_at < now - KEPT_FOR))
            rows = connection.execute(select(sign_ups).where(sign_ups.c.address == sign_up.address))
            last_hour = select(func.count()).select_from(sign_ups).where(sign_ups.c.asked_at > now - _HOUR)
            if not may_ask([_sign_up(row) for row in rows], connection.execute(last_hour).scalar_one(), now):
                return False
            values = {name: getattr(sign_up, name) for name in sign_ups.c.keys()}  # noqa: SIM118 - columns, not a dict
            connection.execute(insert(connection, sign_ups), values)
            return True

    def sign_up(self, sign_up_id: str) -> SignUp | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(sign_ups).where(sign_ups.c.id == sign_up_id)).first()
        return _sign_up(row) if row is not None else None

    def confirm_sign_up(self, sign_up_id: str, now: datetime) -> bool:
        with writing(self._engine) as connection:
            result = connection.execute(
                update(sign_ups)
                .where(sign_ups.c.id == sign_up_id, sign_ups.c.confirmed_at.is_(None))
                .values(confirmed_at=now)
            )
            return result.rowcount > 0


def _sign_up(row: Any) -> SignUp:
    return SignUp(**row._asdict())
