"""Validation of both files: types of values, secrets, environment variables, and error messages in plain words."""

import os
import re
import stat
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bot.app.config.yaml import KeyPath, Lookup, Plain, YamlDocument, plain_value, scalar_value
from bot.domain.text import UNSAFE, cut, nearest

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

MAX_LINE = 300
MAX_SECRET_BYTES = 65_536
READABLE_BY_ALL = "can be read by everybody on this machine; chmod 600 it"
_MAX_SHOWN = 60
_SECRET_KEYS = frozenset(
    {"token", "password", "state", "transport", "key_file", "reports", "reports_password"}
)
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
_REFERENCE = re.compile(
    r"\$(?P<escaped>\$)?\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\})?"
)
_HIDDEN = re.compile(r"(?<=://)[^/\s]*(?=@)|(?<=:)[A-Za-z0-9_-]{30,}")
"""The user and password of an address, and the secret part of a bot's token."""


class FieldFault(ValueError):
    """An invalid value. A message that begins with "must" is shown after the key's name.

    `key` is the key inside the value, or the path to it, that is wrong; `position` is the character of the text. With
    `secret` the message does not repeat the value.
    """

    def __init__(
        self,
        message: str,
        *,
        key: str | KeyPath | None = None,
        position: int | None = None,
        secret: bool = False,
    ) -> None:
        super().__init__(message)
        self.key = key
        self.position = position
        self.secret = secret


class FromEnvironment(str):
    """Text from an environment variable; fields of other types parse it like a bare scalar."""

    __slots__ = ()


@dataclass(kw_only=True, slots=True)
class Context:
    """Context of the checks: the base folder, and the warnings so far."""

    base: Path
    """Start of relative paths."""
    warnings: list[tuple[tuple[str, ...], str]] = field(default_factory=list)
    """The path of the key, and the text."""


class _Info(Protocol):
    @property
    def context(self) -> Any: ...
    @property
    def data(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """Annotation of a value that is written as text and kept as the result of `parse`.

    `parse` takes the text, and with `in_context` the Context too; it raises FieldFault or another ValueError.
    """

    parse: Callable[..., object]
    schema: dict[str, Any]
    in_context: bool = False

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: Any) -> dict[str, Any]:
        return dict(self.schema)

    def _check(self, value: object, info: _Info) -> object:
        text = "" if value is None else value
        if isinstance(text, Mapping | tuple):
            raise FieldFault("must be text")
        parsed = self.parse(str(text), info.context) if self.in_context else self.parse(str(text))
        if not isinstance(text, str):
            raise FieldFault("must be text")
        return parsed


@dataclass(frozen=True, slots=True, eq=False)
class Converted:
    """Annotation of a value that may be written in several types and is kept as the result of `convert`."""

    convert: Callable[[object], object]
    schema: dict[str, Any]

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(lambda value: self.convert(typed(value)))

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: Any) -> dict[str, Any]:
        return dict(self.schema)


class Section(BaseModel):
    """A group of keys. An empty group means its defaults; an unknown key is a fault."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        validate_default=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
        arbitrary_types_allowed=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_means_defaults(cls, values: object) -> object:
        return {} if values is None else values


def setting(default: object, *, description: str | None = None, **rules: Any) -> Any:
    """A key of a section. The default is given as the file would write it, and validated like written text."""
    return Field(default=default, description=description, **rules)


def typed(value: object) -> object:
    """The value; text from the environment is parsed as a bare scalar."""
    return plain_value(value.strip()) if isinstance(value, FromEnvironment) else value


def parse_heading(text: str) -> str:
    """Text for a heading: not empty, one line, at most MAX_LINE characters, blanks folded."""
    if "\n" in text or "\r" in text:
        raise FieldFault("must be on one line")
    folded = " ".join(text.split())
    if not folded:
        raise FieldFault("must not be empty")
    if len(folded) > MAX_LINE:
        raise FieldFault(f"must have {MAX_LINE} characters or fewer")
    return folded


def path_as_written(text: str, context: Context) -> Path:
    """A path from the base folder, relative to the working directory if the base is; `~` is the home folder."""
    if not text.strip() or "\n" in text:
        raise FieldFault("must be a path")
    try:
        return context.base / Path(text).expanduser()
    except RuntimeError as error:
        raise FieldFault("must be a path; the home folder of this '~' is not known") from error


def resolved_path(text: str, context: Context) -> Path:
    """Absolute path from the base folder."""
    return absolute(path_as_written(text, context))


def absolute(path: Path) -> Path:
    """The absolute path without `..` in it; links are kept as they are."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps `..`, Path.resolve follows links


def _empty_list(value: object) -> object:
    return () if value is None else value


Integer = Annotated[int, BeforeValidator(typed)]
Number = Annotated[float, BeforeValidator(typed)]
Flag = Annotated[bool, BeforeValidator(typed)]
Heading = Annotated[str, Parsed(parse_heading, {"type": "string", "minLength": 1, "maxLength": MAX_LINE})]
FilePath = Annotated[Path, Parsed(resolved_path, {"type": "string", "minLength": 1}, in_context=True)]
ShownPath = Annotated[Path, Parsed(path_as_written, {"type": "string", "minLength": 1}, in_context=True)]
Many = Annotated[tuple[T, ...], BeforeValidator(_empty_list)]


def parse_secret(text: str) -> SecretStr:
    """A token or password on one line; the empty text is no secret."""
    if "\n" in text or "\r" in text:
        raise FieldFault("must be on one line")
    return SecretStr(text.strip())


Secret = Annotated[SecretStr, Parsed(parse_secret, {"type": "string", "writeOnly": True})]


@dataclass(frozen=True, slots=True, eq=False)
class SecretFile:
    """Annotation of a path that is replaced by the file's content, stripped of blanks.

    `key` is the path of the key, for the warning about a file that everybody may read. `instead_of` names the
    field of the same section that holds the secret itself; only one of both may be set.
    """

    key: tuple[str, ...]
    instead_of: str | None = None
    one_line: bool = True

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: Any) -> dict[str, Any]:
        return {"type": "string"}

    def _check(self, value: object, info: Any) -> SecretStr:
        text = "" if value is None else value
        if not isinstance(text, str):
            raise FieldFault("must be text")
        if not text.strip():
            return SecretStr("")
        if self.instead_of and info.data.get(self.instead_of):
            name = self.key[-1]
            raise FieldFault(f"{name.removesuffix('_file')} and {name} exclude each other; keep one")
        path = resolved_path(text, info.context)
        content, is_open = secret_in(path)
        if "\0" in content or (self.one_line and len(content.splitlines()) > 1):
            raise FieldFault(f"{path} must hold the secret on one line and nothing else")
        if is_open:
            info.context.warnings.append((self.key, f"{path} {READABLE_BY_ALL}"))
        return SecretStr(content)


def secret_in(path: Path) -> tuple[str, bool]:
    """The text of a secret's file, stripped of blanks, and whether everybody on this machine may read it.

    Raises FieldFault where it cannot be used.
    """
    try:
        content = _content(path)
        mode = path.stat().st_mode
    except OSError as error:
        raise FieldFault(f"{path}: {(error.strerror or 'not readable').lower()}") from error
    except UnicodeDecodeError as error:
        raise FieldFault(f"{path} is not text in UTF-8") from error
    if not content:
        raise FieldFault(f"{path} is empty; it must hold the secret")
    return content, bool(mode & stat.S_IROTH)


def _content(path: Path) -> str:
    """The text of a regular file (or a link to one); reading a pipe would block."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise FieldFault(f"{path} is not a file")
    with path.open("rb") as file:
        data = file.read(MAX_SECRET_BYTES + 1)
    if len(data) > MAX_SECRET_BYTES:
        raise FieldFault(f"{path} is larger than {MAX_SECRET_BYTES:,} bytes, the limit for a secret")
    return data.decode().strip()


class Substitution:
    """Replaces `${NAME}` and `${NAME:-default}` in one document's scalars, once; never parsed as YAML again.

    A reference that cannot be replaced becomes a fault at its place.
    """

    def __init__(self, document: YamlDocument, environ: Mapping[str, str]) -> None:
        self._document = document
        self._environ = environ

    def __call__(self, scalar: ScalarNode) -> Plain:
        """The scalar's value: FromEnvironment if a variable or default was put in. `$${` is the text `${`."""
        written = str(scalar.value)
        if "${" not in written:
            return scalar_value(scalar)
        filled, end, uses_variables = [], 0, False
        for reference in _REFERENCE.finditer(written):
            filled += [written[end : reference.start()], self._value(reference, scalar)]
            end = reference.end()
            uses_variables = uses_variables or not reference["escaped"]
        text = "".join([*filled, written[end:]])
        return FromEnvironment(text) if uses_variables else text

    def _value(self, reference: re.Match[str], scalar: ScalarNode) -> str:
        name, default = reference["name"], reference["default"]
        if reference["escaped"]:
            return reference[0][1:]
        if not name:
            return self._fault(
                reference, scalar, "'${' begins ${NAME} or ${NAME:-default}; write $${ for the text"
            )
        value = self._environ.get(name)
        if default is not None and not value:
            return str(default)
        if value is None:
            return self._fault(
                reference, scalar, f"${{{name}}} is not set; set it, or write ${{{name}:-default}}"
            )
        if UNSAFE.search(value):
            return self._fault(
                reference, scalar, f"${{{name}}} holds invisible control characters or is not UTF-8"
            )
        return value

    def _fault(self, reference: re.Match[str], scalar: ScalarNode, message: str) -> str:
        self._document.fault(self._document.offset_in(scalar, reference.start()), message)
        self._document.spoiled.add(scalar.start_mark.index)
        return ""


def validated(
    model: type[M], data: object, document: YamlDocument, *, context: Context, at: KeyPath = ()
) -> M | None:
    """The model of the data at a path of the document; None if it is invalid: the faults are then added to the document."""
    try:
        return model.model_validate(data, context=context)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    for detail in details:
        _record(cast("dict[str, Any]", detail), model, document, at)
    return None


def _record(detail: dict[str, Any], model: type[BaseModel], document: YamlDocument, at: KeyPath) -> None:
    """Record one of pydantic's errors as a fault of the document."""
    loc: tuple[str | int, ...] = detail["loc"]
    if detail["type"] == "extra_forbidden":
        start = document.offset_of((*at, *loc), at_key=True)
        document.fault(start, _unknown(str(loc[-1]), _keys_at(model, loc[:-1]), model))
    elif detail["type"] == "missing":
        document.fault(document.offset_of((*at, *loc[:-1])), f"the key {loc[-1]!r} is missing here")
    else:
        _record_value(detail, document, (*at, *loc))


def _record_value(detail: dict[str, Any], document: YamlDocument, path: KeyPath) -> None:
    context = detail.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, FieldFault) and cause.key is not None:
        path = (*path, *((cause.key,) if isinstance(cause.key, str) else cause.key))
    lookup = document.find(path)
    if lookup.node and lookup.offset in document.spoiled:
        return
    start = document.offset_of(path)
    if isinstance(cause, FieldFault) and cause.position is not None and isinstance(lookup.node, ScalarNode):
        start = document.offset_in(lookup.node, cause.position)
    if cause is not None:
        message = str(cause)
    else:
        message = _TEXTS.get(detail["type"], "cannot be used: {reason}").format(
            **context, reason=detail["msg"]
        )
    # A token may stand right behind `telegram:`, where the key `token` was forgotten.
    is_secret = cause.secret if isinstance(cause, FieldFault) else detail["type"] == "model_type"
    document.fault(start, _sentence(message, path[: lookup.known], lookup, is_secret=is_secret))


def _sentence(message: str, path: KeyPath, lookup: Lookup, *, is_secret: bool) -> str:
    """The message after the name of its key, with the value that was written."""
    if not message.startswith("must "):
        return message
    keys = [part for part in path if isinstance(part, str)]
    name = keys[-1] if keys else "the file"
    subject = f"each of {name}" if path and isinstance(path[-1], int) and keys else name
    wants_text = message == _TEXTS["string_type"]
    is_secret = is_secret or name in _SECRET_KEYS
    return f"{subject} {message}{_instead(lookup.node, wants_text=wants_text, is_secret=is_secret)}"


def _instead(node: Node | None, *, wants_text: bool, is_secret: bool) -> str:
    if isinstance(node, SequenceNode) and not node.value:
        return ""
    if isinstance(node, MappingNode | SequenceNode):
        return f", not a {'list' if isinstance(node, SequenceNode) else 'group of keys'}"
    if not isinstance(node, ScalarNode) or not node.value:
        return "" if is_secret else "; nothing is written there"
    remedy = "; put it in quotes" if wants_text and not node.style else ""
    return remedy if is_secret else f", not {shown_text(node.value)}{remedy}"


def shown_text(text: str) -> str:
    """The text for a message: quoted and escaped, cut to 60 characters, without passwords and tokens."""
    text = _HIDDEN.sub("…", text)
    return repr(cut(text, _MAX_SHOWN))


def _unknown(key: str, known: tuple[str, ...], model: type[BaseModel]) -> str:
    text = f"unknown key {shown_text(key)}"
    meant = key.replace("-", "_")
    if near := nearest(meant, known):
        return f"{text}; did you mean {near!r}?"
    for section in _keys_at(model, ()):
        if near := nearest(meant, _keys_at(model, (section,)), cutoff=0.8):
            remedy = "it belongs" if near == key else f"did you mean {near!r}"
            return f"{text} here; {remedy} below {section!r}{'' if near == key else '?'}"
    return f"{text}; possible here: {', '.join(known)}"


def _keys_at(model: type[BaseModel], loc: KeyPath) -> tuple[str, ...]:
    """The keys of the model at a path; empty where no keys belong."""
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
