"""What pydantic finds wrong, said in plain words at its place in the file."""

import types
import typing
from collections.abc import Iterable
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from bot.app.config.fields import Context, FieldFault
from bot.app.config.yaml_nodes import Document, Found, Items, Mapping, Scalar

M = TypeVar("M", bound=BaseModel)
Loc = tuple[str | int, ...]
"""The keys and list positions that lead to a value."""

MAX_SHOWN = 60
_SECRET_KEYS = frozenset({"token", "password", "state", "transport", "key_file"})
"""Keys whose values are never repeated in a message: they hold secrets, or might by mistake."""
_TEXTS = {
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "tuple_type": "must be a list like [a, b]",
    "model_type": "must hold keys and values below it",
    "greater_than_equal": "must be {ge:g} or more",
    "greater_than": "must be more than {gt:g}",
    "less_than_equal": "must be {le:g} or less",
    "literal_error": "must be {expected}",
    "too_short": "must not be empty",
}


def validated(
    model: type[M], data: object, document: Document, *, context: Context, at: Loc = ()
) -> M | None:
    """The model of the data, which stands at a path of the document; None with the faults noted there."""
    try:
        return model.model_validate(data, context=context)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    for detail in details:
        note(cast("dict[str, Any]", detail), model, document, at)
    return None


def note(detail: dict[str, Any], model: type[BaseModel], document: Document, at: Loc) -> None:
    """One of pydantic's findings, as a fault of the document."""
    loc: Loc = detail["loc"]
    if detail["type"] == "extra_forbidden":
        start = document.place_of((*at, *loc), at_key=True)
        document.fault(start, _unknown(str(loc[-1]), _keys_at(model, loc[:-1]), model))
    elif detail["type"] == "missing":
        document.fault(document.place_of((*at, *loc[:-1])), f"the key {loc[-1]!r} is missing here")
    else:
        _note_value(detail, document, (*at, *loc))


def _note_value(detail: dict[str, Any], document: Document, path: Loc) -> None:
    context = detail.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, FieldFault) and cause.key is not None:
        path = (*path, cause.key)
    found = document.find(path)
    if found.node and found.node.start in document.spoiled:
        return
    start = document.place_of(path)
    if isinstance(cause, FieldFault) and cause.position is not None and isinstance(found.node, Scalar):
        start = document.character_in(found.node, cause.position)
    if cause is not None:
        message = str(cause)
    else:
        message = _TEXTS.get(detail["type"], "cannot be used: {reason}").format(
            **context, reason=detail["msg"]
        )
    document.fault(start, _sentence(message, path[: found.known], found))


def _sentence(message: str, path: Loc, found: Found) -> str:
    """The message behind the name of its key, and what stands there instead."""
    if not message.startswith("must "):
        return message
    keys = [part for part in path if isinstance(part, str)]
    name = keys[-1] if keys else "the file"
    subject = f"each of {name}" if path and isinstance(path[-1], int) and keys else name
    return f"{subject} {message}{_instead(found, name, wants_text=message == 'must be text')}"


def _instead(found: Found, name: str, *, wants_text: bool) -> str:
    node = found.node
    if name in _SECRET_KEYS:
        return "; put it in quotes" if wants_text and isinstance(node, Scalar) and node.text else ""
    if isinstance(node, Items) and not node.values:
        return ""
    if isinstance(node, Mapping | Items):
        return f", not a {'list' if isinstance(node, Items) else 'group of keys'}"
    if node is None or not node.text:
        return "; nothing is written there"
    shown = shown_text(node.text)
    return f", not {shown}" + ("; put it in quotes" if wants_text and not node.style else "")


def shown_text(text: str) -> str:
    """The text for a message: quoted, without anything a terminal could obey, cut where it is long."""
    return repr(text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…")


def _unknown(key: str, known: tuple[str, ...], model: type[BaseModel]) -> str:
    text = f"unknown key {shown_text(key)}"
    meant = key.replace("-", "_")
    if near := nearest(meant, known):
        return f"{text}; did you mean {near!r}?"
    for section in _keys_at(model, ()):
        if near := nearest(meant, _keys_at(model, (section,)), cutoff=0.8):
            found = "it belongs" if near == key else f"did you mean {near!r}"
            return f"{text} here; {found} below {section!r}{'' if near == key else '?'}"
    return f"{text}; possible here: {', '.join(known)}"


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known word that a misspelling most likely means."""
    from difflib import get_close_matches

    by_folded = {name.lower(): name for name in known}
    close = get_close_matches(word[:64].lower(), by_folded, n=1, cutoff=cutoff)
    return by_folded[close[0]] if close else None


def _keys_at(model: type[BaseModel], loc: Loc) -> tuple[str, ...]:
    """The keys that the model knows at a path; empty where no keys belong."""
    inner: type[BaseModel] | None = model
    for part in loc:
        if isinstance(part, str):
            by_key = (
                {field.alias or name: field for name, field in inner.model_fields.items()} if inner else {}
            )
            inner = _model_in(by_key[part].annotation) if part in by_key else None
    return tuple(field.alias or name for name, field in inner.model_fields.items()) if inner else ()


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, BaseModel) else None
    inner = (_model_in(part) for part in typing.get_args(annotation))
    return next((model for model in inner if model), None)
