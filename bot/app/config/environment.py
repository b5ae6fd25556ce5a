"""`${NAME}` and `${NAME:-default}` in values: environment variables put into text, never read as YAML again."""

import re
from collections.abc import Mapping

from bot.app.config.fields import FromEnvironment
from bot.app.config.yaml_nodes import Document, Plain, Scalar
from bot.domain.text import UNSAFE

_REFERENCE = re.compile(
    r"\$(?P<escaped>\$)?\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\})?"
)


class Substitution:
    """Fills in one document's values; what cannot be filled in becomes a fault at its value."""

    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self._document = document
        self._environ = environ

    def __call__(self, scalar: Scalar) -> Plain:
        """The value; as FromEnvironment where a variable (or its default) was put in.

        `$${` stands for the text `${`.
        """
        if "${" not in scalar.text:
            return scalar.plain
        filled, end, uses_variables = [], 0, False
        for found in _REFERENCE.finditer(scalar.text):
            filled += [scalar.text[end : found.start()], self._value(found, scalar)]
            end = found.end()
            uses_variables = uses_variables or not found["escaped"]
        text = "".join([*filled, scalar.text[end:]])
        return FromEnvironment(text) if uses_variables else text

    def _value(self, found: re.Match[str], scalar: Scalar) -> str:
        name, default = found["name"], found["default"]
        if found["escaped"]:
            return found[0][1:]
        if not name:
            return self._fault(
                found, scalar, "'${' begins ${NAME} or ${NAME:-default}; write $${ for the text"
            )
        value = self._environ.get(name)
        if default is not None and not value:
            return str(default)
        if value is None:
            return self._fault(
                found, scalar, f"${{{name}}} is not set; set it, or write ${{{name}:-default}}"
            )
        if UNSAFE.search(value):
            return self._fault(found, scalar, f"${{{name}}} holds control characters or is not UTF-8")
        return value

    def _fault(self, found: re.Match[str], scalar: Scalar, message: str) -> str:
        self._document.fault(self._document.character_in(scalar, found.start()), message)
        self._document.spoiled.add(scalar.start)
        return ""
