"""The JSON Schema takes what the program takes, and refuses what an editor should mark."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bot.app.cli.schema import json_schema
from bot.app.config.new_files import FirstConfiguration, settings_text, subscriptions_text
from bot.app.config.yaml import parse_document, to_data
from tests.app.config.test_subscriptions import CONTRACT

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def validator() -> Any:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    return jsonschema.Draft202012Validator(json_schema())


def value(text: str) -> Any:
    """The file as an editor sees it: lists are lists, and variables are not filled in."""
    document = parse_document(text.encode(), "f.yaml")
    assert not document.faults
    return json.loads(json.dumps(to_data(document.root)))


@pytest.mark.parametrize(
    "text",
    [
        settings_text(FirstConfiguration(folder=Path("config"))),
        subscriptions_text(FirstConfiguration(folder=Path("config"))),
        subscriptions_text(
            FirstConfiguration(folder=Path("config"), chat=-100123, keywords=("agents", "no"))
        ),
        CONTRACT,
        "",
        "site:\nwatch:\n  folders:\n",
        "atom: {entries: '${N}'}\nwatch: {polling: '${P:-true}'}\nfirst_run: ${F}\ntelegram: {on_uncertain: '${U}'}",
        "first_run: all",
        "email: {transport: 'smtp://me@x.org:587', from: P <p@x.org>, password_file: x}",
        "web: {listen: ''}",
        "state: postgresql://me@h/db",
        "sources: [{name: a, git: 'git@x.org:y', branch: main, folder: a/b, every: 30m}]",
        "sources: [{name: a.b, url: 'https://x.org/?a=b', every: 1d, headers_file: ''}]",
        "subscribers: [{id: a, channels: [{telegram: {chat: '@abcd', topic: 3}, quizzes: 1}], keywords: [rag]}]",
        "subscribers:",
    ],
)
def test_what_the_program_takes_the_schema_takes(validator: Any, text: str) -> None:
    validator.validate(value(text))


@pytest.mark.parametrize("name", ["paperboy.yaml", "subscriptions.yaml"])
def test_the_shipped_files_fit_their_own_schema(validator: Any, name: str) -> None:
    found = value((ROOT / "config" / name).read_text())
    validator.validate(found)
    own = {"$ref": f"#/$defs/{name}", "$defs": json_schema()["$defs"]}
    jsonschema.Draft202012Validator(own).validate(found)


@pytest.mark.parametrize(
    "text",
    [
        "wach: {}",
        "watch: {max_file_mbb: 1}",
        "watch: {folders: seeds}",
        "watch: {settle_seconds: -1}",
        "first_run: some",
        "state: mysql://x/y",
        "sources: [{name: a}]",
        "sources: [{url: 'https://x.org'}]",
        "sources: [{name: a, url: 'https://x.org', git: x}]",
        "sources: [{name: .a, git: x}]",
        "sources: [{name: a, url: 'ftp://x.org'}]",
        "sources: [{name: a, git: x, every: 6}]",
        "site: {url: ftp://x}",
        "site: {feed_authority: x.org}",
        "web: {listen: 8080}",
        "telegram: {on_uncertain: maybe}",
        "quiz: {min_confidence: 2}",
        "email: {transport: x.org}",
        "subscribers: [{}]",
        "subscribers: [{id: a b}]",
        "subscribers: [{id: a, daily_limit: 0}]",
        "subscribers: [{id: a, quiet_hours: '22:00'}]",
        "subscribers: [{id: a, channels: [{}]}]",
        "subscribers: [{id: a, channels: [{telegram: 1, email: a@b.c}]}]",
        "subscribers: [{id: a, channels: [{telegram: {chat: 1, topic: 0}}]}]",
        "subscribers: [{id: a, channels: [{email: a@b.c, deliver: noon}]}]",
        "subscribers: [{id: a, channels: [{telegram: 1, quizzes: 2}]}]",
        "subscribers: [{id: a, keywords: [{name: x}]}]",
        "subscribers: [{id: a, keywords: [7]}]",
    ],
)
def test_what_an_editor_should_mark_the_schema_refuses(validator: Any, text: str) -> None:
    assert not validator.is_valid(value(text))


def test_every_key_is_described() -> None:
    parts = json_schema()["$defs"]
    sections = [part for part in parts.values() if "properties" in part]
    undescribed = [
        key
        for section in sections
        for key, rule in section["properties"].items()
        if "description" not in rule and "$ref" not in rule
    ]
    assert undescribed == []
    assert all("description" in part for part in sections)


def test_the_schema_is_the_same_text_every_time_and_names_every_key_of_the_contract() -> None:
    assert json.dumps(json_schema()) == json.dumps(json_schema())
    parts = json_schema()["$defs"]
    keys = [
        "site", "watch", "first_run", "sources", "state", "subscriptions", "atom", "web", "email", "telegram", "quiz",
        "source_alarm",
    ]  # fmt: skip
    assert [key for key in parts["paperboy.yaml"]["properties"] if key in keys] == keys
    email = [
        "transport", "password", "password_file", "from", "dkim", "open", "bounces", "reports", "reports_password",
        "reports_password_file",
    ]  # fmt: skip
    assert [key for key in parts["Email"]["properties"] if key in email] == email
