"""Alerts are never over a limit, whatever the papers say; Telegram's own parser is the judge."""

from collections.abc import Iterator
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.telegram.rendering import PAGE, Message, parse_more, render_alarm, render_alert, render_list
from bot.domain.message import Item, OutgoingMessage
from bot.domain.notices import Reason, Why
from bot.domain.papers import Edition, Links, Point, Summary
from tests.builders import a_paper, a_parcel, a_reason, an_alarm_text, an_edition, an_item
from tests.rigs.botapi.entities import Formatted, formatted, units

_NASTY = st.sampled_from(
    [
        "<b>", "</a>", "<", "&amp;", "&", "\"'", "𝓐𝓑", "👩‍👩‍👧", "\u202e", "\x00", "\ud800", "@durov", "/start",
        "#tag", "README.md", "a a a a", "**x**", "$\\pi_0$", "]]>", "javascript:alert(1)", "中文", "ﷺ", "\n\n", "e.org",
    ]
)  # fmt: skip
_TEXT = st.lists(st.one_of(_NASTY, st.text(max_size=20)), max_size=60).map(" ".join)
_LONG = st.tuples(_NASTY, st.integers(1, 900)).map(lambda given: given[0] * given[1])
_ANY = st.one_of(_TEXT, _LONG)
_URL = st.one_of(
    st.just("https://arxiv.org/abs/2509.14001"),
    st.sampled_from(["javascript:alert(1)", "tg://user?id=1", "//host", "https://e.org/" + "a" * 3000]),
)


@st.composite
def items(draw: st.DrawFn) -> Item:
    title, summary = draw(_ANY), draw(_ANY)
    words = [*title.split()[:2], *summary.split()[:2], "a"]
    points = draw(st.lists(st.builds(Point, label=_TEXT, text=_ANY), max_size=5))
    return Item(
        paper=a_paper(
            draw(st.integers(1, 99)),
            title=title,
            authors=tuple(draw(st.lists(_TEXT, max_size=8))),
            summaries=(Summary(text=summary, source="s"),) if summary else (),
            links=Links(abs=draw(_URL)),
            editions=(Edition(language="en", points=tuple(points)),),
            date=draw(st.sampled_from([None, date(2026, 9, 18), date(2026, 9, 17)])),
            sources=tuple(draw(st.lists(_TEXT, max_size=3))),
        ),
        reasons=tuple(
            Reason(
                subscription=draw(_TEXT),
                why=tuple(Why(term=word, field="title", text=word) for word in words),
            )
            for _ in range(draw(st.integers(0, 9)))
        ),
    )


def judged(message: Message) -> Formatted:
    content = formatted(message.html, "HTML")
    assert 0 < units(content.text) <= 4096
    assert len(message.html.encode()) <= 32_768
    assert content.dropped == 0
    assert len([one for one in content.entities if not one.auto]) <= 100
    return content


def pages(parcel: OutgoingMessage) -> Iterator[Message]:
    start = 0
    while (page := render_alert(parcel, start)) is not None:
        yield page
        if not page.buttons:
            return
        wanted = parse_more(page.buttons[0].data)
        assert wanted is not None
        assert wanted.start > start
        start = wanted.start


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(max_examples=50, deadline=None)
@given(st.lists(items(), min_size=1, max_size=12), st.integers(0, 5), st.lists(_TEXT, max_size=10))
def test_no_alert_is_ever_over_a_limit(given_items: list[Item], more: int, titles: list[str]) -> None:
    parcel = a_parcel(*given_items, kind="telegram", address="1", more=more, more_titles=tuple(titles))
    for page in pages(parcel):
        content = judged(page)
        assert not content.words("Mention", auto=True)
        assert not content.words("BotCommand", auto=True)
        assert {one.url for one in content.entities if one.kind == "TextUrl"} <= {
            "https://arxiv.org/abs/2509.14001"
        }
        assert not any("\u202e" in one or "\x00" in one for one in content.text)


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(max_examples=25, deadline=None)
@given(st.lists(items(), min_size=1, max_size=8))
def test_no_list_is_ever_over_a_limit(given_items: list[Item]) -> None:
    judged(render_list("The latest papers", tuple(given_items), "en"))


def test_a_paper_full_of_domains_costs_no_entity_of_ours() -> None:
    domains = " ".join(f"site{number}.org" for number in range(60))
    item = an_item(1, title=domains, authors=(domains,) * 6, summaries=(Summary(text=domains, source="s"),))
    message = render_alert(a_parcel(item, kind="telegram"))
    assert message is not None
    assert judged(message).words("Italic") == ("Friday, 18 September 2026",)


def test_the_pages_of_a_message_show_every_paper_once_in_order() -> None:
    titles = [f"Paper number {number} of all" for number in range(1, 41)]
    parcel = a_parcel(
        *(an_item(number, title=title) for number, title in enumerate(titles, 1)), kind="telegram"
    )
    text = "\n".join(judged(page).text for page in pages(parcel))
    assert [line.partition(". ")[2] for line in text.split("\n") if ". Paper number" in line] == titles


def test_a_page_never_holds_more_than_can_be_read() -> None:
    parcel = a_parcel(*(an_item(number) for number in range(1, 41)), kind="telegram")
    first = next(pages(parcel))
    assert judged(first).text.count("🔎") == PAGE


def test_matched_words_are_bold_as_the_paper_writes_them_and_only_whole() -> None:
    item = an_item(
        1,
        a_reason("rag", ("title", "RAG"), ("summary", "R&D")),
        title="RAG beats leverage: RAG & fragments",
        summaries=(Summary(text="On R&D and RAG.", source="s"),),
    )
    message = render_alert(a_parcel(item, kind="telegram"))
    assert message is not None
    content = judged(message)
    assert content.words("Bold") == ("RAG", "RAG", "R&D", "RAG", "R&D")
    assert "leverage" in content.text


def test_markup_of_the_source_is_shown_as_it_is_meant() -> None:
    item = an_item(1, title=r"$\text{Transformer}^2$: **Self-adaptive** `LLMs` with <think> \& <|image|>")
    message = render_alert(a_parcel(item, kind="telegram"))
    assert message is not None
    assert judged(message).text.startswith("Transformer²: Self-adaptive LLMs with <think> & <|image|>\n")


def test_chatter_of_the_model_that_wrote_a_summary_is_left_out() -> None:
    chatter = (
        'Here is a concise summary of the research paper "A: B" following your guidelines: i) **Summary:** '
    )
    item = an_item(1, summaries=(Summary(text=chatter + "We do this. More. ii) **Main** Y", source="s"),))
    message = render_alert(a_parcel(item, kind="telegram"))
    assert message is not None
    assert "\n\nWe do this. More.\n\n" in judged(message).text


def test_a_paper_without_a_summary_tells_the_most_telling_point() -> None:
    item = an_item(1, summaries=(), editions=(an_edition(points=2),))
    message = render_alert(a_parcel(item, kind="telegram"))
    assert message is not None
    assert "\n\nWhat there is to say on Problem.\n\n" in judged(message).text


def test_long_author_lists_are_cut_and_counted() -> None:
    item = an_item(1, authors=tuple(f"Author {number}" for number in range(1, 31)))
    message = render_alert(a_parcel(item, kind="telegram"))
    assert message is not None
    assert "Author 6 and 24 more\n" in judged(message).text


@pytest.mark.parametrize("message_id", ["b" * 60, "with blank", "a:b"])
def test_papers_behind_an_id_that_no_button_can_hold_are_counted_in_words(message_id: str) -> None:
    parcel = a_parcel(*(an_item(number) for number in range(1, 12)), kind="telegram", id=message_id)
    message = render_alert(parcel)
    assert message is not None
    assert message.buttons == ()
    assert judged(message).text.endswith("\n\n+3 more")


@pytest.mark.parametrize("start", [-1, 1, 40])
def test_there_is_no_page_beyond_the_papers(start: int) -> None:
    assert render_alert(a_parcel(an_item(1), kind="telegram"), start) is None


@pytest.mark.parametrize(
    "data", ["", "more:", "more:b", "more:b:-1", "more:b:x", "more:b:99999", "less:b:1", "more:b:1 "]
)
def test_foreign_callback_data_asks_for_nothing(data: str) -> None:
    assert parse_more(data) is None


def test_an_alarm_that_is_too_long_keeps_its_first_paragraphs_whole() -> None:
    paragraphs = [f"{number}: {'word ' * 60}".strip() for number in range(40)]
    text = judged(render_alarm(an_alarm_text(body="\n\n".join(paragraphs)))).text
    subject, *kept = text.split("\n\n")
    assert subject == "The source “tables” has fallen silent"
    assert 1 < len(kept) < len(paragraphs)
    assert kept == paragraphs[: len(kept)]
