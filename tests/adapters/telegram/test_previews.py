"""What is kept while there is no token."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.telegram.preview import Preview, PreviewPublisher, plain_preview
from bot.adapters.telegram.rendering import render_alert
from bot.domain.errors import TryLater
from bot.domain.message import Receipt
from tests.builders import a_question, a_reason, an_alarm_message, an_edition, an_item, an_outgoing


async def test_a_preview_is_kept_as_a_page_and_as_a_text(tmp_path: Path) -> None:
    publisher = PreviewPublisher(tmp_path)
    receipt = await publisher.send(an_outgoing(kind="telegram", address="-100123/7"))
    page, text = sorted((tmp_path / "telegram--100123_7").iterdir())
    assert page.name == "2026-09-18T080000-b5f1c0de-alert.html"
    assert 'href="https://arxiv.org/abs/2509.14001"' in page.read_text()
    assert text.read_text().startswith("╭─ Telegram message to -100123/7\n│ Paper 1: ")
    assert receipt == Receipt(message="preview-b5f1c0de")


async def test_the_same_message_again_is_the_same_preview(tmp_path: Path) -> None:
    publisher = PreviewPublisher(tmp_path)
    for _ in range(2):
        await publisher.send(an_outgoing(kind="telegram", address="1"))
    assert len(list(tmp_path.rglob("*.txt"))) == 1


async def test_a_quiz_shows_its_answer_and_keeps_its_order() -> None:
    kept: list[Preview] = []
    outgoing = replace(
        an_outgoing(kind="telegram", address="1"),
        kind="quiz",
        question=a_question("Which?", "one", "two", "three", answer=2),
        reply_to=Receipt(message="preview-b1"),
    )
    receipt = await PreviewPublisher(show=kept.append).send(outgoing)
    (preview,) = kept
    assert preview.heading == "Telegram quiz to 1, a reply to the alert"
    assert "● three  ✓" in preview.text()
    assert sorted(receipt.option_order) == [0, 1, 2]


async def test_a_folder_that_cannot_be_written_is_tried_again_later(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(TryLater, match="cannot be kept") as later:
        await PreviewPublisher(tmp_path / "taken").send(an_outgoing(kind="telegram", address="1"))
    assert later.value.scope == "channel"  # one folder for everybody: no one target's trouble


def test_the_text_preview_reads_like_the_message() -> None:
    outgoing = an_outgoing(
        an_item(1, a_reason(), editions=(an_edition(points=2),)), kind="telegram", address="1"
    )
    message = render_alert(outgoing)
    assert message is not None
    assert plain_preview(message).split("\n") == [
        "╭─ Telegram",
        "│ Paper 1: *Language Models* at Scale",
        "│ https://arxiv.org/abs/2509.14001",
        "│ Bernard Ghanem, Mohammad Zbeeb",
        "│",
        "│ A family of *language models*.",
        "│",
        "│ ▎ *Topic:* What there is to say on Topic.",
        "│ ▎ *Problem:* What there is to say on Problem.",
        "│ 🔎 language models",
        "│ 18 Sep",
        "╰─",
        "  [ Save ]  [ More like this ]",
        "  [ Not for me ]",
    ]


def test_no_line_of_a_text_preview_is_too_wide_and_no_word_is_lost() -> None:
    title = "多模态大语言模型的统一框架 and a long English tail that goes on and on, far past the edge " * 2
    message = render_alert(an_outgoing(an_item(1, title=title), kind="telegram", address="1"))
    assert message is not None
    text = plain_preview(message, width=40)
    widths = [sum(2 if "\u2e80" < sign < "\ufb00" else 1 for sign in line) for line in text.split("\n")]
    assert max(widths) <= 40
    assert "".join(title.split()) in "".join(text.replace("│", "").split())


async def test_an_alarm_is_kept_as_a_message(tmp_path: Path) -> None:
    receipt = await PreviewPublisher(tmp_path).send(an_alarm_message())
    (text,) = tmp_path.rglob("*.txt")
    assert "has fallen silent" in text.read_text()
    assert receipt.message == f"preview-{an_alarm_message().id}"
