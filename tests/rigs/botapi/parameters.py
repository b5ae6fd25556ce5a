"""The parameters of one call, read strictly."""

import json
from collections.abc import Mapping
from typing import Any

from tests.rigs.botapi.errors import bad_request


class Parameters:
    """What was sent along. What nobody asked for by the end is `unread`: the service would ignore it silently."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._read: set[str] = set()

    @property
    def unread(self) -> set[str]:
        return set(self._values) - self._read

    def text(self, name: str, default: str = "") -> str:
        self._read.add(name)
        return self._values.get(name, default)

    def optional(self, name: str) -> str | None:
        self._read.add(name)
        return self._values.get(name)

    def integer(self, name: str) -> int | None:
        value = self.optional(name)
        if value is None:
            return None
        if not value.lstrip("-").isdecimal():
            raise bad_request(f"invalid {name} specified")
        return int(value)

    def file(self, name: str) -> tuple[str, str]:
        """Name and text of an uploaded file."""
        self._read.add(name)
        found = self._values.get(name, "")
        if "\0" not in found:
            raise bad_request("there is no document in the request")
        file_name, _, content = found.partition("\0")
        return file_name, content

    def boolean(self, name: str, *, default: bool) -> bool:
        value = self.optional(name)
        return default if value is None else value.lower() in {"true", "1", "yes"}

    def data(self, name: str, default: Any = None) -> Any:
        """A value in JSON."""
        value = self.optional(name)
        if value is None:
            return default
        try:
            return json.loads(value)
        except ValueError:
            raise bad_request(f"can't parse {name} JSON object") from None
