"""The kinds of values that both files are made of: strict, named in plain words, described for editors."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

from bot.app.config.yaml_nodes import plain_value

T = TypeVar("T")
MAX_LINE = 300


class FieldFault(ValueError):
    """What is wrong with a value; a message that begins with "must" is shown behind the key's name.

    `key` names a key inside the value that is the real place, `position` a character of the value's text.
    """

    def __init__(self, message: str, *, key: str | None = None, position: int | None = None) -> None:
        super().__init__(message)
        self.key = key
        self.position = position


class FromEnvironment(str):
    """A text into which an environment variable was put: where a number is expected, it may be read as one."""

    __slots__ = ()


@dataclass(kw_only=True, slots=True)
class Context:
    """What checks may know besides the value, and where they leave their warnings."""

    base: Path
    """Relative paths start here."""
    warnings: list[tuple[tuple[str, ...], str]] = field(default_factory=list)
    """The path of the key, and the text."""


class _Info(Protocol):
    @property
    def context(self) -> Any: ...
    @property
    def data(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """Annotates a value that is written as one text and kept as what `parse` makes of it.

    `parse` takes the text, and the Context too where `in_context` says so; ValueError says what is wrong.
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
class Chosen:
    """Annotates a value that may be written in several types; `choose` gives what is kept."""

    choose: Callable[[object], object]
    schema: dict[str, Any]

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(lambda value: self.choose(typed(value)))

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: Any) -> dict[str, Any]:
        return dict(self.schema)


class Section(BaseModel):
    """A group of keys; an empty one means its defaults, a key it does not know is a fault."""

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
    """A key of a section; its default is written as in the file, and checked like what is written there."""
    return Field(default=default, description=description, **rules)


def typed(value: object) -> object:
    """The value, read as a bare scalar where it came from the environment."""
    return plain_value(value.strip()) if isinstance(value, FromEnvironment) else value


def one_line(text: str) -> str:
    """Text that fits a heading: not empty, on one line, not too long; blanks folded."""
    if "\n" in text or "\r" in text:
        raise FieldFault("must be on one line")
    folded = " ".join(text.split())
    if not folded:
        raise FieldFault("must not be empty")
    if len(folded) > MAX_LINE:
        raise FieldFault(f"must have {MAX_LINE} characters or fewer")
    return folded


def path_as_written(text: str, context: Context) -> Path:
    """A path from the base folder, relative to the working directory where the base is; `~` is the home folder."""
    if not text.strip() or "\n" in text:
        raise FieldFault("must be a path")
    try:
        return context.base / Path(text).expanduser()
    except RuntimeError as error:
        raise FieldFault("must be a path; the home folder of this '~' is not known") from error


def resolved_path(text: str, context: Context) -> Path:
    """The same as an absolute path."""
    return absolute(path_as_written(text, context))


def absolute(path: Path) -> Path:
    """The absolute path without `..` in it; links are kept as they are."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps `..`, Path.resolve follows links


def _empty_list(value: object) -> object:
    return () if value is None else value


Integer = Annotated[int, BeforeValidator(typed)]
Number = Annotated[float, BeforeValidator(typed)]
Flag = Annotated[bool, BeforeValidator(typed)]
Line = Annotated[str, Parsed(one_line, {"type": "string", "minLength": 1, "maxLength": MAX_LINE})]
FilePath = Annotated[Path, Parsed(resolved_path, {"type": "string", "minLength": 1}, in_context=True)]
ShownPath = Annotated[Path, Parsed(path_as_written, {"type": "string", "minLength": 1}, in_context=True)]
Many = Annotated[tuple[T, ...], BeforeValidator(_empty_list)]
