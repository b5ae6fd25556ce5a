"""Alerts are never over a limit, whatever the papers say; Telegram's own parser is the judge."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.telegram.rendering import Message, render_alert, render_card, render_list, render_written
from bot.domain.message import Item, Occasion, OutgoingMessage
from bot.domain.notices import Reason, Why
from bot.domain.papers import Edition, Links, Point, Summary
from tests.builders import a_paper, a_question, a_reason, an_alarm_text, an_edition, an_item, an_outgoing
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
            summaries=(Summary(text=summary, digest="s"),) if summary else (),
            links=Links(abs=draw(_URL)),
            editions=(Edition(language="en", points=tuple(points)),),
            date=draw(st.sampled_from([None, date(2026, 9, 18), date(2026, 9, 17)])),
            digests=tuple(draw(st.lists(_TEXT, max_size=3))),
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
    assert len([entity for entity in content.entities if not entity.auto]) <= 100
    return content


def data_of(message: Message, name: str) -> list[str]:
    return [button.data for button in message.buttons if button.data.startswith(f"{name}:")]


def pages(outgoing: OutgoingMessage) -> Iterator[Message]:
    start = 0
    while (page := render_alert(outgoing, start)) is not None:
        yield page
        assert all(len(button.data.encode()) <= 64 for button in page.buttons)
        wanted = [int(data.split(":")[2]) for data in data_of(page, "page") if not data.endswith(":0")]
        if not wanted:
            return
        assert wanted[0] > start
        (start,) = wanted


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(max_examples=20, deadline=None)
@given(st.lists(items(), min_size=1, max_size=12), st.integers(0, 5), st.lists(_TEXT, max_size=10))
def test_no_alert_is_ever_over_a_limit(given_items: list[Item], more: int, titles: list[str]) -> None:
    outgoing = an_outgoing(*given_items, kind="telegram", address="1", more=more, more_titles=tuple(titles))
    for page in pages(outgoing):
        content = judged(page)
        assert not content.words("Mention", auto=True)
        assert not content.words("BotCommand", auto=True)
        assert {entity.url for entity in content.entities if entity.kind == "TextUrl"} <= {
            "https://arxiv.org/abs/2509.14001"
        }
        assert not any("\u202e" in letter or "\x00" in letter for letter in content.text)


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(max_examples=12, deadline=None)
@given(st.lists(items(), min_size=1, max_size=8))
def test_no_list_is_ever_over_a_limit(given_items: list[Item]) -> None:
    judged(render_list("The latest papers", tuple(given_items), "en"))


def test_a_paper_full_of_domains_costs_no_entity_of_ours() -> None:
    domains = " ".join(f"site{number}.org" for number in range(60))
    item = an_item(1, title=domains, authors=(domains,) * 6, summaries=(Summary(text=domains, digest="s"),))
    message = render_alert(an_outgoing(item, kind="telegram"))
    assert message is not None
    assert judged(message).words("Italic") == ("language models", "18 Sep")


def test_the_pages_of_a_message_show_every_paper_once_in_order() -> None:
    titles = [f"Paper number {number} of all" for number in range(1, 41)]
    outgoing = an_outgoing(
        *(an_item(number, title=title) for number, title in enumerate(titles, 1)), kind="telegram"
    )
    text = "\n".join(judged(page).text for page in pages(outgoing))
    assert [line.partition(". ")[2] for line in text.split("\n") if ". Paper number" in line] == titles


def test_a_page_never_holds_more_than_can_be_read() -> None:
    outgoing = an_outgoing(*(an_item(number) for number in range(1, 41)), kind="telegram")
    first = next(pages(outgoing))
    assert first.papers_shown == 24
    assert data_of(first, "open") == [f"open:b5f1c0de:{number}" for number in range(24)]
    assert {button.row for button in first.buttons} == {0, 1, 2, 3}


def test_as_many_entries_as_fit_stand_on_a_page_and_the_points_fill_what_is_left() -> None:
    long = (Summary(text=f"We present {'one more word ' * 22}and its end.", digest="s"),)
    item = an_item(1, summaries=long, editions=(an_edition(),))
    many = next(pages(an_outgoing(*[item] * 20, kind="telegram")))
    assert many.papers_shown is not None
    assert 10 < many.papers_shown < 20
    assert not judged(many).words("ExpandableBlockQuote")
    few = next(pages(an_outgoing(*[item] * 3, kind="telegram")))
    assert [fold.count("\n") for fold in judged(few).words("ExpandableBlockQuote")] == [4, 4, 4]


def test_an_entry_of_a_list_folds_no_beginning_that_stands_above() -> None:
    longer = (
        f"A lamp dims itself while somebody sleeps below it, {'as it has done before, ' * 14}and wakes them."
    )
    points = (Point(label="TL;DR", text=longer), Point(label="Method", text="A sensor."))
    told = {"summaries": (), "editions": (Edition(language="en", points=points),)}
    listed = next(pages(an_outgoing(an_item(1, **told), an_item(2, **told), kind="telegram")))
    assert [fold.count("In short") for fold in judged(listed).words("ExpandableBlockQuote")] == [0, 0]
    alone = next(pages(an_outgoing(an_item(1, **told), kind="telegram")))
    assert "In short" in judged(alone).text


def test_what_two_sources_bring_and_what_has_a_quiz_is_marked() -> None:
    picked = an_item(
        1, digests=("t/a.md", "p/a.html"), editions=(an_edition(quiz=(a_question(), a_question("Why?"))),)
    )
    first = next(pages(an_outgoing(picked, an_item(2), kind="telegram")))
    assert "1. Paper 1: Language Models at Scale ◆2 ❔\n" in judged(first).text
    assert "2. Paper 2: Language Models at Scale\n" in judged(first).text
    whole = render_card(an_outgoing(picked, kind="telegram"), 0)
    assert whole is not None
    assert judged(whole).text.endswith("\n18 Sep · t + p · Quiz: 2 questions")


def test_the_subscription_that_brought_all_is_named_once_in_the_head() -> None:
    text = judged(next(pages(an_outgoing(an_item(1), an_item(2), kind="telegram")))).text
    assert text.startswith("2 new for you · language models\n")
    assert "🔎" not in text


def test_the_head_counts_for_several_subscriptions() -> None:
    agents = a_reason("agents", ("summary", "family"))
    text = judged(next(pages(an_outgoing(an_item(1), an_item(2, agents), kind="telegram")))).text
    assert text.startswith("2 new for you · language models 1 · agents 1\n")
    assert "🔎 agents" in text


def test_words_that_no_line_shows_are_shown_with_what_stands_around_them() -> None:
    summaries = (Summary(text="We present one thing of a kind. It is used by tool-use agents.", digest="s"),)
    item = an_item(1, a_reason("agents", ("summary", "tool-use")), summaries=summaries)
    message = render_alert(an_outgoing(item, kind="telegram"))
    assert message is not None
    assert "🔎 agents: “…one thing of a kind. It is used by tool-use agents.”" in judged(message).text
    absent = an_item(1, a_reason("agents", ("summary", "absent")), summaries=summaries)
    message = render_alert(an_outgoing(absent, kind="telegram"))
    assert message is not None
    assert "🔎 agents: absent" in judged(message).text


def test_below_a_paper_stand_its_buttons() -> None:
    quiz = an_item(1, editions=(an_edition(quiz=(a_question(),)),))
    message = render_alert(an_outgoing(quiz, kind="telegram"))
    assert message is not None
    assert [(button.text, button.data, button.row) for button in message.buttons] == [
        ("Save", "save:b5f1c0de:0", 0),
        ("More like this", "like:b5f1c0de:0", 0),
        ("Not for me", "not:b5f1c0de:0", 1),
        ("Quiz me", "quiz:b5f1c0de:0", 1),
    ]


def test_a_card_has_a_way_back_to_its_page() -> None:
    outgoing = an_outgoing(*(an_item(number) for number in range(1, 41)), kind="telegram")
    first, second = (render_card(outgoing, number) for number in (3, 30))
    assert first is not None
    assert second is not None
    assert data_of(first, "page") == ["page:b5f1c0de:0"]
    assert data_of(second, "page") == ["page:b5f1c0de:24"]
    assert "Paper 31: Language Models at Scale" in judged(second).text
    assert render_card(outgoing, 40) is None


def test_what_the_daily_limit_kept_out_is_opened_by_a_button_and_never_shown_by_itself() -> None:
    items = [an_item(number) for number in range(1, 6)]
    sent = render_alert(an_outgoing(*items[:3], kind="telegram", more=2))
    assert sent is not None
    assert "+2 more, over your daily limit" in judged(sent).text
    assert data_of(sent, "page") == ["page:b5f1c0de:3"]
    asked = an_outgoing(*items, kind="telegram", limited=2)
    again, opened = render_alert(asked, 0), render_alert(asked, 3)
    assert (again, sent.html) == (sent, sent.html)
    assert opened is not None
    assert "Paper 5" in judged(opened).text
    assert data_of(opened, "page") == ["page:b5f1c0de:0"]


def test_a_paper_alone_above_the_limit_stays_in_full() -> None:
    sent = render_alert(an_outgoing(an_item(1), kind="telegram", more=1))
    asked = render_alert(an_outgoing(an_item(1), an_item(2), kind="telegram", limited=1))
    assert sent == asked
    assert sent is not None
    assert data_of(sent, "page") == ["page:b5f1c0de:1"]


def test_what_a_paper_gained_is_said() -> None:
    item = replace(an_item(1), updated=frozenset({"quiz", "summary", "flowchart"}))
    message = render_alert(an_outgoing(item, kind="telegram"))
    assert message is not None
    assert "\n🔄 Updated: quiz added, summary added\n" in judged(message).text
    listed = next(pages(an_outgoing(item, an_item(2), kind="telegram")))
    assert "🔄 Updated: quiz added, summary added\n" in judged(listed).text


def test_what_came_while_somebody_slept_says_so() -> None:
    quiz = an_item(1, editions=(an_edition(quiz=(a_question(),)),))
    slept = an_outgoing(quiz, an_item(2), kind="telegram", occasion=Occasion(quiet_hours="22:00–07:00"))
    text = judged(next(pages(slept))).text
    assert text.startswith("While you slept (22:00–07:00): 2 new papers · 1 with a quiz · language models\n")


def test_after_an_absence_the_ten_best_stand_first_and_the_rest_is_one_press_away() -> None:
    items = [an_item(number) for number in range(1, 31)]
    away = an_outgoing(*items, kind="telegram", occasion=Occasion(away_days=12))
    first, *others = pages(away)
    assert first.papers_shown == 10
    assert judged(first).text.startswith(
        "While you were away (12 days): the 10 best of 30 · language models\n"
    )
    assert [button.text for button in first.buttons][-1] == "All of it"
    assert sum(judged(page).text.count("Language Models at Scale") for page in (first, *others)) == 30


def test_matched_words_are_bold_as_the_paper_writes_them_and_only_whole() -> None:
    item = an_item(
        1,
        a_reason("rag", ("title", "RAG"), ("summary", "R&D")),
        title="RAG beats leverage: RAG & fragments",
        summaries=(Summary(text="On R&D and RAG.", digest="s"),),
    )
    message = render_alert(an_outgoing(item, kind="telegram"))
    assert message is not None
    content = judged(message)
    assert content.words("Bold") == ("RAG", "RAG", "R&D", "RAG")
    assert "leverage" in content.text


def test_markup_of_the_source_is_shown_as_it_is_meant() -> None:
    item = an_item(1, title=r"$\text{Transformer}^2$: **Self-adaptive** `LLMs` with <think> \& <|image|>")
    message = render_alert(an_outgoing(item, kind="telegram"))
    assert message is not None
    assert judged(message).text.startswith("Transformer²: Self-adaptive LLMs with <think> & <|image|>\n")


def test_chatter_of_the_model_that_wrote_a_summary_is_left_out() -> None:
    chatter = (
        'Here is a concise summary of the research paper "A: B" following your guidelines: i) **Summary:** '
    )
    item = an_item(1, summaries=(Summary(text=chatter + "We do this. More. ii) **Main** Y", digest="s"),))
    message = render_alert(an_outgoing(item, kind="telegram"))
    assert message is not None
    assert "\n\nWe do this. More.\n\n" in judged(message).text


def test_a_paper_without_a_summary_tells_the_most_telling_point() -> None:
    item = an_item(1, summaries=(), editions=(an_edition(points=2),))
    message = render_alert(an_outgoing(item, kind="telegram"))
    assert message is not None
    assert "\n\nWhat there is to say on Problem.\n\n" in judged(message).text


def test_long_author_lists_are_cut_and_counted() -> None:
    item = an_item(1, authors=tuple(f"Author {number}" for number in range(1, 31)))
    message = render_alert(an_outgoing(item, kind="telegram"))
    assert message is not None
    assert "Author 6 and 24 more\n" in judged(message).text


@pytest.mark.parametrize("message_id", ["b" * 60, "with blank", "a:b"])
def test_papers_behind_an_id_that_no_button_can_hold_are_counted_in_words(message_id: str) -> None:
    outgoing = an_outgoing(*(an_item(number) for number in range(1, 31)), kind="telegram", id=message_id)
    message = render_alert(outgoing)
    assert message is not None
    assert message.buttons == ()
    assert judged(message).text.endswith("\n\n+6 more")


@pytest.mark.parametrize("start", [-1, 1, 40])
def test_there_is_no_page_beyond_the_papers(start: int) -> None:
    assert render_alert(an_outgoing(an_item(1), kind="telegram"), start) is None


def test_an_alarm_that_is_too_long_keeps_its_first_paragraphs_whole() -> None:
    paragraphs = [f"{number}: {'word ' * 60}".strip() for number in range(40)]
    text = judged(render_written(an_alarm_text(body="\n\n".join(paragraphs)))).text
    subject, *kept = text.split("\n\n")
    assert subject == "The source “tables” has fallen silent"
    assert 1 < len(kept) < len(paragraphs)
    assert kept == paragraphs[: len(kept)]
