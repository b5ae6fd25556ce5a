"""Refusals: why a query or a change was refused, in the reader's language."""

from dataclasses import dataclass

from bot.adapters.web.texts import Texts
from bot.domain.errors import QuerySyntaxError
from bot.domain.query.faults import fault_text
from bot.domain.text import columns
from bot.pipeline.preferences import ChoiceRefused


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownRefusal:
    """Why something was refused; `pointed` is the query with a caret below the fault, where a query was the reason."""

    message: str
    pointed: str = ""

    @classmethod
    def of_query(cls, text: str, error: QuerySyntaxError, language: str) -> "ShownRefusal":
        caret = " " * columns(text[: error.position]) + "^"
        return cls(message=refusal_text(error, language), pointed=f"{text}\n{caret}")


def refusal_text(error: QuerySyntaxError | ChoiceRefused, language: str) -> str:
    """Why something was refused, as a sentence in that language."""
    texts = Texts(language)
    if isinstance(error, QuerySyntaxError):
        text = fault_text(error, language)
        return f"{text[:1].upper()}{text[1:]}{texts.full_stop}"
    name = error.why.replace(" ", "_")
    hint = ("_near" if error.values["near"] else "_like") if name == "zone" else ""
    return texts(f"refused_{name}{hint}", **error.values)
