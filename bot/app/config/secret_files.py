"""Secrets: written in the file, or kept in a file of their own that the file names."""

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, SecretStr
from pydantic_core import CoreSchema, core_schema

from bot.app.config.fields import Context, FieldFault, Parsed, resolved_path

MAX_SECRET_BYTES = 65_536
READABLE_BY_ALL = "can be read by everybody on this machine; chmod 600 it"


def parse_secret(text: str) -> SecretStr:
    """A token or password on one line; the empty text is no secret."""
    if "\n" in text or "\r" in text:
        raise FieldFault("must be on one line")
    return SecretStr(text.strip())


Secret = Annotated[SecretStr, Parsed(parse_secret, {"type": "string", "writeOnly": True})]


@dataclass(frozen=True, slots=True, eq=False)
class SecretFile:
    """Annotates a path that is replaced by what the file holds, without blanks around it.

    `key` is its own path in the file, for the warning that everybody may read the secret; `instead_of` the
    field of the same section that holds the secret itself, where both exist only one may be used.
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
        return self._read(resolved_path(text, info.context), info.context)

    def _read(self, path: Path, context: Context) -> SecretStr:
        try:
            content = _content(path)
            mode = path.stat().st_mode
        except OSError as error:
            raise FieldFault(f"{path}: {(error.strerror or 'not readable').lower()}") from error
        except UnicodeDecodeError as error:
            raise FieldFault(f"{path} is not text in UTF-8") from error
        if not content:
            raise FieldFault(f"{path} is empty; it must hold the secret")
        if "\0" in content or (self.one_line and len(content.splitlines()) > 1):
            raise FieldFault(f"{path} must hold the secret on one line and nothing else")
        if mode & stat.S_IROTH:
            context.warnings.append((self.key, f"{path} {READABLE_BY_ALL}"))
        return SecretStr(content)


def _content(path: Path) -> str:
    """Only of a regular file (or a link to one): a pipe would make us wait."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise FieldFault(f"{path} is not a file")
    with path.open("rb") as file:
        data = file.read(MAX_SECRET_BYTES + 1)
    if len(data) > MAX_SECRET_BYTES:
        raise FieldFault(f"{path} is larger than {MAX_SECRET_BYTES:,} bytes, the limit for a secret")
    return data.decode().strip()
