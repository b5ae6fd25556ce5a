"""`paperboy schema`: the JSON Schema of both configuration files."""

import json
from typing import TYPE_CHECKING, Any

import typer

from bot.app.cli.context import JsonOption

if TYPE_CHECKING:
    from bot.app.config.settings import Settings
    from bot.app.config.subscriptions import SubscriptionsForm

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_FROM_ENVIRONMENT = {"$ref": "#/$defs/Environment"}
_ENVIRONMENT = {
    "type": "string",
    "pattern": r"\$\{[A-Za-z_]",
    "description": "${NAME} or ${NAME:-default}: an environment variable.",
}
_RULES = frozenset({"pattern", "enum", "const", "minimum", "maximum", "exclusiveMinimum"})
_SHORT_FORMS = {
    "KeywordForm": {"type": "string", "minLength": 1, "description": "A query."},
    "ChatForm": {"type": ["integer", "string"], "description": 'A chat id, or "@channel".'},
}
"""Values that may be written instead of a group of keys."""


def schema(_as_json: JsonOption = False) -> None:
    """Print the JSON Schema of both files, for editors."""
    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


def json_schema() -> dict[str, Any]:
    """One JSON Schema (draft 2020-12) of both files; the key `subscribers` tells which file it is.

    The schema of each file is `#/$defs/paperboy.yaml` and `#/$defs/subscriptions.yaml`.
    """
    from bot.app.config.settings import Settings
    from bot.app.config.subscriptions import SubscriptionsForm

    settings, settings_parts = _schema_of(Settings)
    subscriptions, subscriptions_parts = _schema_of(SubscriptionsForm)
    parts = {**_with_environment(settings_parts), **_with_short_forms(subscriptions_parts)}
    return {
        "$schema": _DRAFT,
        "title": "paperboy.yaml and subscriptions.yaml of paperboy",
        "if": {"type": "object", "required": ["subscribers"]},
        "then": {"$ref": "#/$defs/subscriptions.yaml"},
        "else": {"$ref": "#/$defs/paperboy.yaml"},
        "$defs": {
            "paperboy.yaml": _with_environment(settings),
            "subscriptions.yaml": subscriptions,
            "Environment": _ENVIRONMENT,
            **{name: parts[name] for name in sorted(parts)},
        },
    }


def _schema_of(model: "type[Settings | SubscriptionsForm]") -> tuple[dict[str, Any], dict[str, Any]]:
    whole = _without_titles(model.model_json_schema(ref_template="#/$defs/{model}"))
    return whole, whole.pop("$defs")


def _without_titles(node: Any) -> Any:
    """The schema without pydantic's generated titles, and with empty groups allowed if all their keys are optional."""
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _without_titles(value) for key, value in node.items() if not _is_made_up(key, value)}
    if kept.get("type") in ("object", "array") and not kept.get("required"):
        kept["type"] = [kept["type"], "null"]
    return kept


def _is_made_up(key: str, value: Any) -> bool:
    return key == "title" and isinstance(value, str)


def _with_environment(node: Any) -> Any:
    """The schema with `${NAME}` allowed in place of single values."""
    if isinstance(node, list):
        return [_with_environment(item) for item in node]
    if not isinstance(node, dict):
        return node
    if _RULES & node.keys() or node.get("type") in ("integer", "number", "boolean"):
        about = {key: node[key] for key in ("description", "default") if key in node}
        rule = {key: value for key, value in node.items() if key not in about}
        return {"anyOf": [rule, _FROM_ENVIRONMENT], **about}
    return {
        key: value if key in ("default", "required") else _with_environment(value)
        for key, value in node.items()
    }


def _with_short_forms(parts: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {"anyOf": [_SHORT_FORMS[name], part]} if name in _SHORT_FORMS else part
        for name, part in parts.items()
    }
