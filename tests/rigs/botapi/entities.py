"""Telegram's own judgement on markup: what a text says, and what in it becomes a link by itself."""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tests.rigs.botapi.errors import ApiError, bad_request

_MODES = {"HTML": "textParseModeHTML"}
_MOST = 100
_CLOSED = {"TextUrl", "Code", "Pre", "PreCode"}
"""Inside these nothing becomes a link by itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entity:
    """A stretch of a text; offset and length in UTF-16 units. `auto` ones nobody asked for."""

    kind: str
    offset: int
    length: int
    url: str | None = None
    auto: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Formatted:
    text: str
    entities: tuple[Entity, ...]
    dropped: int = 0
    """Entities over the limit, which the service drops without a word."""

    def of(self, entity: Entity) -> str:
        """The words of that entity."""
        raw = self.text.encode("utf-16-le")
        return raw[2 * entity.offset : 2 * (entity.offset + entity.length)].decode("utf-16-le")

    def words(self, kind: str, *, auto: bool = False) -> tuple[str, ...]:
        return tuple(
            self.of(entity) for entity in self.entities if entity.kind == kind and entity.auto == auto
        )


def formatted(text: str, parse_mode: str | None) -> Formatted:
    """The text as the service understands it; ApiError where it does not."""
    if parse_mode is None:
        plain, asked = text, []
    elif parse_mode in _MODES:
        plain, asked = _parsed(text, _MODES[parse_mode])
    else:
        raise bad_request("unsupported parse_mode")
    found = _execute({"@type": "getTextEntities", "text": plain}).get("entities", [])
    own = [_entity(entity, auto=False) for entity in asked]
    closed = [entity for entity in own if entity.kind in _CLOSED]
    auto = [entity for entity in (_entity(raw, auto=True) for raw in found) if not _overlaps(entity, closed)]
    entities = tuple(sorted((*own, *auto), key=lambda entity: (entity.offset, -entity.length)))
    return Formatted(text=plain, entities=entities[:_MOST], dropped=max(len(entities) - _MOST, 0))


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _parsed(text: str, mode: str) -> tuple[str, list[dict[str, Any]]]:
    answer = _execute({"@type": "parseTextEntities", "text": text, "parse_mode": {"@type": mode}})
    if answer["@type"] == "error":
        told = answer["message"]
        raise ApiError(400, "Bad Request: " + told[0].lower() + told[1:])
    return answer["text"], answer["entities"]


def _entity(raw: dict[str, Any], *, auto: bool) -> Entity:
    kind = raw["type"]["@type"].removeprefix("textEntityType")
    url = raw["type"].get("url")
    return Entity(kind=kind, offset=raw["offset"], length=raw["length"], url=url, auto=auto)


def _overlaps(entity: Entity, others: list[Entity]) -> bool:
    return any(
        entity.offset < other.offset + other.length and other.offset < entity.offset + entity.length
        for other in others
    )


def _execute(request: dict[str, Any]) -> dict[str, Any]:
    answer = _tdjson().td_execute(json.dumps(request).encode())
    return json.loads(answer)


@lru_cache(maxsize=1)
def _tdjson() -> Any:
    import tdjson

    tdjson.td_execute(json.dumps({"@type": "setLogVerbosityLevel", "new_verbosity_level": 0}).encode())
    return tdjson
