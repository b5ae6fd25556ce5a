"""docs/conversations.md: ten conversations as the bot holds them today."""

from collections.abc import Awaitable, Callable

import pytest

from tests.docs.conversations import PAGE, SCRIPTS, Script, held

WRITTEN = PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
async def test_a_conversation_stands_on_the_page_as_it_is_held(
    script: Callable[[Script], Awaitable[None]],
) -> None:
    """Where this fails: python -m tests.docs.conversations."""
    assert await held(script) in WRITTEN


def test_the_page_has_ten_conversations() -> None:
    assert WRITTEN.count("\n## ") == len(SCRIPTS) == 10
