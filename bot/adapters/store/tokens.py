"""Secret tokens: bearer credentials of private feeds and unsubscribe links.

A token is the first 128 bits of an HMAC over its purpose and subject, keyed with a secret of the state, so that it can
be shown again without being stored. The table holds only its SHA-256. A feed's token can be renewed: a new salt then goes
into the HMAC, and the hash of the old token is removed.
"""

import base64
import hashlib
import hmac
import secrets

from sqlalchemy import Engine, delete, select

from bot.adapters.store.engine import reading, writing
from bot.adapters.store.schema import meta, tokens
from bot.adapters.store.sql import insert
from bot.pipeline.ports import TokenPurpose

_SECRET = "token secret"  # noqa: S105 - the key of a row in `meta`
_SALT = "feed salt"
_RENEWABLE: tuple[TokenPurpose, ...] = ("feed", "preferences")
_LONGEST_TOKEN = 64


class Tokens:
    """Issues tokens and finds their subjects; issued tokens are cached."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._secret: bytes | None = None
        self._issued: dict[tuple[TokenPurpose, str, str], str] = {}

    def issue(self, purpose: TokenPurpose, subject: str) -> str:
        salt = self._salt(subject) if purpose in _RENEWABLE else ""
        token = self._issued.get((purpose, subject, salt))
        if token is None:
            token = self._issued[purpose, subject, salt] = self._issue(purpose, subject, salt)
        return token

    def renew(self, subject: str) -> str:
        """Make a new token for the subject's feed; the old one stops working at once, in every process.

        The link to the preferences is renewed too, since whoever got hold of one may have the other.
        """
        salt = {"key": f"{_SALT} {subject}", "value": secrets.token_hex(16)}
        with writing(self._engine) as connection:
            connection.execute(
                delete(tokens).where(tokens.c.purpose.in_(_RENEWABLE), tokens.c.subject == subject)
            )
            connection.execute(delete(meta).where(meta.c.key == salt["key"]))
            connection.execute(insert(connection, meta), salt)
        return self.issue("feed", subject)

    def _salt(self, subject: str) -> str:
        """Salt of the subject's tokens, empty until renewed; read each time, since another process may renew it."""
        with reading(self._engine) as connection:
            query = select(meta.c.value).where(meta.c.key == f"{_SALT} {subject}")
            return connection.execute(query).scalar() or ""

    def _issue(self, purpose: TokenPurpose, subject: str, salt: str) -> str:
        content = f"{purpose}\n{subject}" + (f"\n{salt}" if salt else "")
        digest = hmac.digest(self._load_secret(), content.encode(), "sha256")
        token = _encoded(purpose, digest[:16])
        if self.subject(purpose, token) is None:
            row = {"hash": _hash(token), "purpose": purpose, "subject": subject}
            with writing(self._engine) as connection:
                connection.execute(insert(connection, tokens).on_conflict_do_nothing(), row)
        return token

    def subject(self, purpose: TokenPurpose, token: str) -> str | None:
        if len(token) > _LONGEST_TOKEN:
            return None
        query = select(tokens.c.subject).where(tokens.c.hash == _hash(token), tokens.c.purpose == purpose)
        with reading(self._engine) as connection:
            return connection.execute(query).scalar()

    def _load_secret(self) -> bytes:
        if self._secret is None:
            new = {"key": _SECRET, "value": secrets.token_hex(32)}
            with writing(self._engine) as connection:
                connection.execute(insert(connection, meta).on_conflict_do_nothing(), new)
                stored = connection.execute(select(meta.c.value).where(meta.c.key == _SECRET)).scalar_one()
            self._secret = bytes.fromhex(stored)
        return self._secret


def _encoded(purpose: TokenPurpose, token: bytes) -> str:
    """URL-safe Base64; lower-case Base32 in mail addresses, whose case some servers change."""
    if purpose == "return":
        return base64.b32encode(token).rstrip(b"=").decode().lower()
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
