"""Channels have capabilities, not cases: nothing but a channel's own files compares the names of channels."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.app.config.channels import CHANNELS

ROOT = Path(__file__).parents[3]
OWN = (
    "bot/adapters/apprise.py",
    "bot/adapters/email/",
    "bot/adapters/feeds/",
    "bot/adapters/telegram/",
    "bot/app/config/channels/",
    "bot/domain/chats.py",
)
"""The files of the channels themselves, and the list of them."""
ALLOWED = {
    "bot/adapters/store/quizzes.py": (
        2,
        "polls, votes and members are those of chats, which one channel has",
    ),
    "bot/app/replay/fakes.py": (2, "the faults of the two services that a replay imitates"),
    "bot/app/replay/scenario.py": (4, "the two services that a replay imitates"),
    "bot/domain/subscriptions.py": (1, "a private feed has an address, which pages and `feeds` show"),
}
"""How many comparisons a file may have, and why."""
CONSTANTS = ("FEED", "CHAT", "KIND")
LOOK_UPS = ("startswith", "removeprefix", "partition", "get", "pop", "index", "count")


def names_a_channel(node: ast.expr) -> bool:
    """True for a channel's name or the beginning of its targets' keys, as a literal or a constant."""
    match node:
        case ast.Constant(value=str(text)):
            return any(text == kind or text.startswith(f"{kind}:") for kind in CHANNELS)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in CONSTANTS
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return any(map(names_a_channel, parts))
        case ast.JoinedStr(values=[first, *_]):
            return names_a_channel(first)
        case ast.FormattedValue(value=value):
            return names_a_channel(value)
    return False


def comparisons(tree: ast.AST) -> Iterator[int]:
    """Lines in which something is compared with the name of a channel, looked up by it, or told by a table of channels."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left=left, comparators=others) if any(map(names_a_channel, (left, *others))):
                yield node.lineno
            case ast.Call(func=ast.Attribute(attr=name), args=arguments) if name in LOOK_UPS:
                if any(map(names_a_channel, arguments)):
                    yield node.lineno
            case ast.Subscript(slice=key) if names_a_channel(key):
                yield node.lineno
            case ast.Dict(keys=keys) if any(key is not None and names_a_channel(key) for key in keys):
                yield node.lineno
            case ast.MatchValue(value=value) if names_a_channel(value):
                yield value.lineno


def test_a_channel_is_registered_under_the_kind_of_its_publisher() -> None:
    assert {kind: channel.publisher_class.kind for kind, channel in CHANNELS.items()} == {
        kind: kind for kind in CHANNELS
    }


def test_nothing_but_a_channels_own_files_compares_the_names_of_channels() -> None:
    """Where this fails: state the difference in `Capabilities` or `ChannelType`, and read it here."""
    found = Counter[str]()
    lines: list[str] = []
    for path in sorted((ROOT / "bot").rglob("*.py")):
        file = path.relative_to(ROOT).as_posix()
        if file.startswith(OWN):
            continue
        for line in comparisons(ast.parse(path.read_text(encoding="utf-8"))):
            found[file] += 1
            lines.append(f"{file}:{line}")
    assert found == {file: count for file, (count, _) in ALLOWED.items()}, "\n".join(lines)


@pytest.mark.parametrize(
    "code",
    [
        'channel.kind == "telegram"',
        'kind in ("email", FEED)',
        "channels.FEED != kind",
        'target.startswith("atom:")',
        'target.removeprefix(f"{CHAT}:")',
        'names.get("apprise")',
        'counts["email"]',
        '{"email": "Email", FEED: "Feed"}.get(kind)',
        "match kind:\n    case 'email':\n        pass",
    ],
)
def test_a_comparison_is_found_however_it_is_written(code: str) -> None:
    assert list(comparisons(ast.parse(code)))


@pytest.mark.parametrize("code", ['Target(kind="email", address=address)', 'text == "emails"'])
def test_what_only_names_a_channel_is_no_comparison(code: str) -> None:
    assert list(comparisons(ast.parse(code))) == []
