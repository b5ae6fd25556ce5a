"""One mail from one message: its headers, its two parts, and what hostile papers cannot do to it."""

import email
import email.policy
import re
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from bot.adapters.email.content import MOST_ENTRIES, EmailSettings
from bot.adapters.email.publisher import MAX_MAIL_BYTES, EmailPublisher, compose, compose_text
from bot.domain.errors import Refused
from bot.domain.mailbox import Mailbox
from bot.domain.message import OutgoingMessage, Receipt, WrittenText
from bot.domain.papers import Links, Point, Question, Summary
from bot.domain.site import SiteAddresses
from tests.builders import a_paper, a_question, a_reason, an_alarm_message, an_edition, an_item, an_outgoing

SETTINGS = EmailSettings(
    sender=Mailbox.parse("Paperboy <paperboy@example.org>"), site=SiteAddresses("https://papers.example.org")
)
EXPECTED_HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "List-Id",
    "Auto-Submitted",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "MIME-Version",
    "Content-Type",
]


def parsed(message: bytes) -> EmailMessage:
    return email.message_from_bytes(message, policy=email.policy.default)  # type: ignore[return-value]


def a_mail(*items, settings: EmailSettings = SETTINGS, **parts) -> EmailMessage:
    return parsed(compose(an_outgoing(*items, **{"unsubscribe_token": "t0ken", **parts}), settings))


def text_of(mail: EmailMessage) -> str:
    return mail.get_body(("plain",)).get_content().replace("\r\n", "\n")


def html_of(mail: EmailMessage) -> str:
    return mail.get_body(("html",)).get_content()


def words(text: str) -> str:
    return " ".join(text.split())


# --- headers ---------------------------------------------------------------------------------------


def test_the_headers_are_all_there_in_order() -> None:
    mail = a_mail(an_item(1, title="Hala"))
    assert mail.keys() == EXPECTED_HEADERS
    assert mail["From"] == "Paperboy <paperboy@example.org>"
    assert mail["To"] == "alice@example.org"
    assert mail["Subject"] == "Hala"
    assert mail["Date"] == "Fri, 18 Sep 2026 08:00:00 +0000"
    assert mail["Message-ID"] == "<b5f1c0de@example.org>"
    assert mail["List-Id"] == "Paperboy <digest.example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] == "<https://papers.example.org/unsubscribe/t0ken>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_mail_leads_to_preferences_and_each_paper_to_a_way_against_its_like() -> None:
    items = an_item(1, a_reason("agents")), replace(an_item(2), reasons=())
    mail = a_mail(*items, preferences_token="pr3f")
    page = "https://papers.example.org/preferences/pr3f"
    objection = f"{page}/papers/{a_paper(1).id}"
    for part in mail.iter_parts():
        content = part.get_content()
        assert page in content.replace(objection, "")
        assert content.count(objection) == 1
        assert f"papers/{a_paper(2).id}" not in content.replace(
            "example.org/papers/", ""
        )  # nothing brought it
    html = LexborHTMLParser(mail.get_body(("html",)).get_content())
    (link,) = [anchor for anchor in html.css("a") if anchor.text() == "Not for me"]
    assert link.attributes["href"] == objection
    without = a_mail(*items).as_string()
    assert "Not for me" not in without
    assert "/preferences/" not in without


def test_a_long_unsubscribe_address_stays_on_one_line() -> None:
    raw = compose(an_outgoing(unsubscribe_token="x" * 300), SETTINGS)
    assert b"\r\nList-Unsubscribe: <https://papers.example.org/unsubscribe/" + b"x" * 300 + b">\r\n" in raw


def test_one_click_is_offered_over_https_only() -> None:
    mail = a_mail(settings=replace(SETTINGS, site=SiteAddresses("http://127.0.0.1:8080")))
    assert mail["List-Unsubscribe"] == "<http://127.0.0.1:8080/unsubscribe/t0ken>"
    assert "List-Unsubscribe-Post" not in mail


def test_without_a_token_nothing_is_said_of_unsubscribing() -> None:
    mail = a_mail(unsubscribe_token=None)
    assert "List-Unsubscribe" not in mail
    assert "nsubscribe" not in text_of(mail) + html_of(mail)


def subject(*names: str, more: int = 0, language: str = "en") -> str:
    """The subject of a mail of papers that each one subscription brought."""
    items = [an_item(number, a_reason(name)) for number, name in enumerate(names, start=1)]
    return a_mail(*items, more=more, language=language)["Subject"]


def test_the_subject_says_what_brought_how_many_and_the_day() -> None:
    assert (
        subject("diffusion", "agents", "diffusion", "agents", "agents")
        == "3 on agents, 2 on diffusion · 18 Sep"
    )
    assert subject("a", "a", "author: Bernard Ghanem") == "2 on a, 1 by Bernard Ghanem · 18 Sep"
    assert subject("a", "b", "c", "d", "e", more=4) == "1 on a, 1 on b, 1 on c, 6 more · 18 Sep"
    assert subject("智能体", "智能体", language="zh") == "智能体 2 篇 · 9月18日"


def test_a_paper_is_counted_under_the_subscription_that_tells_most() -> None:
    both = an_item(3, a_reason("everything"), a_reason("agents"))
    mail = a_mail(an_item(1, a_reason("everything")), an_item(2, a_reason("everything")), both)
    assert mail["Subject"] == "2 on everything, 1 on agents · 18 Sep"


def test_papers_without_a_reason_are_counted() -> None:
    items = [replace(an_item(number), reasons=()) for number in (1, 2)]
    assert a_mail(*items)["Subject"] == "2 new papers · 18 Sep"


def preheader(mail: EmailMessage) -> str:
    return words(LexborHTMLParser(html_of(mail)).css_first(".preheader").text())


def test_the_preheader_names_the_papers() -> None:
    items = [an_item(number, title=f"Name{number}: what it is") for number in range(1, 6)]
    assert preheader(a_mail(*items)) == "Name1, Name2, Name3 and two more"
    assert preheader(a_mail(*items[:2])) == "Name1 and Name2"
    assert preheader(a_mail(*items, more=20)) == "Name1, Name2, Name3 and 22 more"
    assert preheader(a_mail(*items, language="zh")) == "Name1、Name2、Name3 等 5 篇"


def test_the_preheader_of_one_paper_tells_what_it_is() -> None:
    assert preheader(a_mail(an_item(1))) == "A family of language models."


def test_a_subject_is_cut_between_words_and_stays_ascii() -> None:
    subject = a_mail(an_item(1, title="A " + "very " * 40 + "long title"))["Subject"]
    assert len(subject) < 90
    assert subject.endswith("...")


def test_a_date_is_written_in_the_subscriber_s_zone() -> None:
    late = an_outgoing(timezone="Asia/Tokyo", created_at=an_outgoing().created_at.replace(hour=20))
    assert "Saturday, 19 September 2026" in text_of(parsed(compose(late, SETTINGS)))


def test_the_same_message_gives_the_same_bytes() -> None:
    outgoing = an_outgoing(an_item(1), an_item(2), unsubscribe_token="t")
    assert compose(outgoing, SETTINGS) == compose(outgoing, SETTINGS)
    assert compose(outgoing, SETTINGS) != compose(replace(outgoing, id="other"), SETTINGS)


# --- hostile headers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "title",
    [
        "=?utf-8?q?x=0ABcc:_a=40b.c?=",
        "Innocent\r\nBcc: victim@example.org",
        "Innocent\nBcc: victim@example.org\n\n<script>",
        "null \x00 byte",
        "Grüße =?utf-8?q?x=0ABcc:_a=40b.c?=",
        "=?=?utf-8?q?=0ABcc:x?=",
    ],
)
def test_a_title_cannot_become_a_header(title) -> None:
    raw = compose(an_outgoing(an_item(1, title=title), unsubscribe_token="t"), SETTINGS)
    mail = parsed(raw)
    assert mail.keys() == EXPECTED_HEADERS
    assert "\n" not in mail["Subject"]
    assert "\x00" not in mail["Subject"]
    assert mail["Subject"].replace("= ?", "=?") == words(title.replace("\x00", ""))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(title=st.text(max_size=200), author=st.text(max_size=60), name=st.text(max_size=60))
def test_no_text_breaks_the_form_of_a_mail(title, author, name) -> None:
    who = replace(SETTINGS, site_title=name)
    raw = compose(an_outgoing(an_item(1, title=title, authors=(author,)), unsubscribe_token="t"), who)
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    mail = parsed(raw)
    assert mail.keys() == EXPECTED_HEADERS
    assert not mail.defects
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize(
    "address",
    [
        "a@b.c, evil@x.y",
        "a@b.c\r\nBcc: evil@x.y",
        "",
        "alice",
        "@example.org",
        "a b@example.org",
        "<a@b.c> <evil@x.y>",
        "a@b.c>",
        "a@exa mple.org",
        "a@-example.org",
        "a..b@example.org",
        "ä@example.org",
        "a@" + "x" * 70 + "." + "y" * 250,
    ],
)
def test_what_is_not_exactly_one_address_is_refused(address) -> None:
    with pytest.raises(Refused, match="alice"):
        compose(an_outgoing(address=address), SETTINGS)


def test_a_name_and_an_international_domain_are_taken() -> None:
    mail = a_mail(address="Alice, the first <Alice+papers@Exämple.org>".replace(",", ""))
    assert mail["To"] == "Alice the first <Alice+papers@xn--exmple-cua.org>"


def test_a_site_address_that_is_no_web_address_is_refused() -> None:
    with pytest.raises(ValueError, match=r"site\.url"):
        replace(SETTINGS, site=SiteAddresses("javascript:alert(1)"))


# --- what stands in it ----------------------------------------------------------------------------

HALA = an_item(
    "2509.14008",
    a_reason("language models", ("title", "Translation Models"), ("summary", "language model")),
    a_reason("agents"),
    title="Hala Technical Report: Building Arabic-Centric Instruction & Translation Models at Scale",
    summaries=(Summary(text="We train a language model, a <b>bold</b> one. " * 20, digest="a"),),
    editions=(an_edition(quiz=(a_question(), a_question())),),
)


def test_both_parts_say_the_same() -> None:
    mail = a_mail(HALA, an_item(2, authors=()), more=12, more_titles=("Third", "Fourth"))
    tree = LexborHTMLParser(html_of(mail)).body
    for hidden in tree.css(".preheader, .mark, .number, .index"):
        hidden.decompose()
    text = words(text_of(mail).replace("* ", ""))
    blocks = tree.css(".paper, .gist, .point, .why, .more, .part-head")
    assert len(blocks) > 10
    for block in blocks:
        assert words(block.text()) in text, block.text()
    for link in tree.css("a[href^=https]"):
        assert link.attributes["href"] in text_of(mail)
    for reason in ("language models", "agents", "Quiz: 2 questions", "12 more", "and 10 more"):
        assert reason in text
    assert "12 more" in words(tree.text())


def test_the_matched_words_stand_out() -> None:
    hits = [node.text() for node in LexborHTMLParser(html_of(a_mail(HALA))).css(".hit")]
    assert hits == ["Translation Models", "language model"]
    assert "Why: language models · agents" in words(text_of(a_mail(HALA)))


def test_words_that_cannot_be_seen_are_quoted_with_what_stands_around_them() -> None:
    hidden = "The gist of it is told. " + "A word that nobody sees here is RAG, of which it is said."
    reasons = (a_reason("rag", ("summary", "RAG")), a_reason("alien", ("summary", "gone")))
    paper = an_item(1, *reasons, summaries=(Summary(text="We present a thing. " * 20 + hidden, digest="a"),))
    mail = a_mail(paper)
    assert (
        "Why: rag – “…told. A word that nobody sees here is *RAG*, of which it is said.” · alien (gone)"
        in words(text_of(mail))
    )
    assert LexborHTMLParser(html_of(mail)).css_first(".why .hit").text() == "RAG"


def test_an_index_leads_to_the_papers_of_each_subscription() -> None:
    items = [an_item(1, a_reason("a")), an_item(2, a_reason("b")), an_item(3, a_reason("a"))]
    quizzed = replace(items[1], quiz=(a_question(), a_question()))
    mail = a_mail(items[0], quizzed, items[2])
    tree = LexborHTMLParser(html_of(mail))
    rows = [words(row.text(separator=" ")) for row in tree.css(".index tr")]
    assert rows == ["2 a 1 3", "1 b 2", "2 questions, answers at the end 2"]
    for jump in tree.css(".jump"):
        (heading,) = tree.css(jump.attributes["href"])
        assert heading.parent.css_first(".number").text() == jump.text()
    assert "In this mail\n  2 on a: 1, 3\n  1 on b: 2\n  2 questions, answers at the end: 2\n" in text_of(
        mail
    )
    assert not LexborHTMLParser(html_of(a_mail(items[0], items[2]))).css(".index")


def test_at_most_three_parts_are_told_and_none_that_the_gist_tells() -> None:
    texts = {
        "Topic": "Arabic language models of several sizes.",
        "Problem": "The primary objective is to close the gap of Arabic models.",
        "Method": "Our method is a teacher that is compressed. " + "It goes on and on about details. " * 9,
        "Results": "We reach 51.4 % on average.",
        "Takeaway": "For AI practitioners, small models are enough.",
    }
    points = tuple(Point(label=label, text=text) for label, text in texts.items())
    item = an_item(1, summaries=(), editions=(replace(an_edition(), points=points),))
    tree = LexborHTMLParser(html_of(a_mail(item)))
    gist = tree.css_first(".gist").text()
    told = [point.text() for point in tree.css(".point")]
    assert len(told) == 3
    assert told[0] == "Problem: Close the gap of Arabic models."
    assert all(words(point.partition(": ")[2]) not in gist for point in told)
    assert all(len(point) < 220 for point in told)


def test_marks_tell_of_several_sources_and_of_a_quiz() -> None:
    mail = a_mail(replace(HALA, paper=replace(HALA.paper, digests=("table/a.md", "pages/b.html"))))
    tree = LexborHTMLParser(html_of(mail))
    assert [words(mark.text()) for mark in tree.css(".mark")] == ["◆ 2 sources", "Quiz: 2 questions"]
    assert "Bernard Ghanem, Mohammad Zbeeb · 18 Sep · 2 sources · Quiz: 2 questions" in words(text_of(mail))


def test_links_are_named_by_where_they_lead() -> None:
    links = Links(abs="https://www.biorxiv.org/x", pdf="https://a.org/x.pdf", code="https://github.com/x/y")
    tree = LexborHTMLParser(html_of(a_mail(an_item(1, links=links))))
    assert [words(link.text()) for link in tree.css(".links a")] == ["bioRxiv", "PDF", "Code", "Paper page"]
    other = LexborHTMLParser(html_of(a_mail(an_item(1, links=Links(abs="https://www.nature.com/x")))))
    assert other.css_first(".links a").text() == "nature.com"


def test_markup_in_papers_is_shown_and_never_works() -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)></div>"
    item = an_item(
        1,
        a_reason(evil, ("title", "<img src=x")),
        title=evil,
        authors=(evil,),
        summaries=(Summary(text=evil, digest="s"),),
        links=Links(abs="javascript:alert(1)", pdf="data:text/html,x", huggingface="//evil.example/x"),
        editions=(replace(an_edition(), points=(Point(label=evil, text=evil),)),),
    )
    mail = a_mail(item, more=1, more_titles=(evil,))
    tree = LexborHTMLParser(html_of(mail))
    assert not tree.css("script, img, iframe, object, link, form, svg")
    assert not [node for node in tree.css("*") if any(name.startswith("on") for name in node.attributes)]
    assert {link.attributes["href"].partition(":")[0] for link in tree.css("a")} == {"https"}
    assert words(tree.css_first("h2 a").text()) == evil
    assert evil in words(text_of(mail))


def test_nothing_is_fetched_from_elsewhere() -> None:
    html = html_of(a_mail(HALA))
    tree = LexborHTMLParser(html)
    assert not tree.css("[src], [background], link")
    assert "url(" not in html
    assert "@import" not in html


def test_styles_are_inline_and_there_is_a_dark_side() -> None:
    html = html_of(a_mail(HALA))
    assert "prefers-color-scheme: dark" in html
    assert '<meta name="color-scheme" content="light dark">' in html
    tree = LexborHTMLParser(html)
    assert all(node.attributes.get("style") for node in tree.css("p, h1, h2, h2 a"))
    assert tree.css_first("html").attributes["lang"] == "en"


def test_a_chinese_reader_gets_chinese() -> None:
    item = an_item(
        1, title="大型语言模型的研究", editions=(an_edition("en"), replace(an_edition("zh"), points=(Point(label="📘 主题", text="研究" * 100),)))
    )  # fmt: skip
    mail = a_mail(item, language="zh")
    assert mail["Subject"] == "大型语言模型的研究"
    assert "2026 年 9 月 18 日" in text_of(mail)
    assert "研究" * 60 in text_of(mail).replace("\n", "").replace(" ", "")
    assert max(map(len, text_of(mail).splitlines())) <= 72
    assert 'lang="zh"' in html_of(mail)


def test_lines_of_the_text_are_at_most_72_columns_but_for_addresses() -> None:
    long = [line for line in text_of(a_mail(HALA, an_item(2))).splitlines() if len(line) > 72]
    assert all("http" in line for line in long)


@pytest.mark.parametrize("length", range(52, 62))
def test_no_line_of_the_text_ends_within_a_date(length: int) -> None:
    item = an_item(1, authors=("A" * length,))
    (line,) = (line for line in text_of(a_mail(item)).splitlines() if line.endswith("Sep"))
    assert line.endswith("18\u00a0Sep")


def test_a_mail_tells_the_best_papers_and_names_the_rest_with_links() -> None:
    items = [an_item(number, title=f"Title {number}") for number in range(1, 41)]
    mail = a_mail(*items, more=2, more_titles=("Over the limit",))
    html = LexborHTMLParser(html_of(mail))
    assert len(html.css(".entry")) == MOST_ENTRIES
    lines = {words(node.text()): node.attributes["href"] for node in html.css(".more")}
    assert list(lines) == [*(f"Title {number}" for number in range(21, 41)), "Over the limit"]
    assert lines["Title 40"] == "https://arxiv.org/abs/2509.14040"
    for part in (words(html.body.text()), words(text_of(mail))):
        assert f"+{42 - MOST_ENTRIES} more" in part
        assert "and 1 more" in part
    for address in lines.values():
        assert address in text_of(mail)


def long_questions(count: int) -> tuple[Question, ...]:
    return tuple(
        a_question(f"{at} " + "Why? " * 40, *(f"{number} " + "word " * 17 for number in range(8)))
        for at in range(count)
    )


def test_no_mail_is_so_large_that_it_is_clipped() -> None:
    quiz = long_questions(6)
    items = [
        replace(an_item(number, title=f"Title {number} " + "x" * 380), quiz=quiz) for number in range(1, 101)
    ]
    raw = compose(an_outgoing(*items, unsubscribe_token="t"), SETTINGS)
    assert 60_000 < len(raw) <= MAX_MAIL_BYTES < 100_000
    mail = parsed(raw)
    shown = len(LexborHTMLParser(html_of(mail)).css(".entry"))
    assert 1 < shown < MOST_ENTRIES
    assert text_of(mail).count("arXiv  ") == shown
    assert f"+{100 - shown} more" in html_of(mail)


def test_even_one_paper_with_hundreds_of_questions_and_reasons_fits() -> None:
    reasons = [a_reason(f"{at} " + "name " * 20) for at in range(500)]
    named = [f"{at} " + "title " * 60 for at in range(50)]
    item = replace(an_item(1, *reasons), quiz=long_questions(300))
    raw = compose(an_outgoing(item, more=50, more_titles=named), SETTINGS)
    assert len(raw) <= MAX_MAIL_BYTES
    assert not LexborHTMLParser(html_of(parsed(raw))).css(".question")


def a_correction(answered: str = "<b5f1c0de@example.org>", **parts: object) -> OutgoingMessage:
    wrong = an_outgoing(an_item(1, a_reason("agents")), an_item(2, a_reason("agents")))
    right = replace(an_item(2, a_reason("agents")), quiz=(a_question(answer=2),))
    later = wrong.created_at + timedelta(days=1)
    return an_outgoing(
        right,
        kind="email",
        id="c0ffee",
        reply_to=Receipt(message=answered),
        corrects=wrong,
        created_at=later,
        **parts,
    )


def test_a_correction_replies_to_the_mail_that_it_corrects() -> None:
    mail = parsed(compose(replace(a_correction(), kind="edit"), SETTINGS))
    assert mail["Subject"] == "Re: 2 on agents · 18 Sep"
    assert mail["In-Reply-To"] == mail["References"] == "<b5f1c0de@example.org>"
    assert mail["Message-ID"] == "<c0ffee@example.org>"
    for part in (words(text_of(mail)), words(LexborHTMLParser(html_of(mail)).body.text())):
        assert "The answer that the mail of Friday, 18 September 2026 gave was wrong." in part
        assert "Answers" in part
        assert "Paper 2" in part
        assert "Paper 1" not in part


def test_what_is_no_message_id_is_not_answered() -> None:
    mail = parsed(compose(a_correction("<a@b.c>\r\nBcc: x@y.z"), SETTINGS))
    assert "In-Reply-To" not in mail
    assert "Bcc" not in mail


async def test_only_an_edit_that_corrects_is_sent() -> None:
    sent: list[str] = []

    class Transport:
        at_once = None
        harmless_twice = False

        async def deliver(self, message: bytes, *, name: str, **_: object) -> None:
            sent.append(name)

        async def close(self) -> None:
            pass

    publisher = EmailPublisher(SETTINGS, Transport())
    await publisher.send(replace(a_correction(), kind="edit"))
    with pytest.raises(Refused):
        await publisher.send(replace(an_outgoing(), kind="edit"))
    assert sent == ["c0ffee"]


def test_a_single_paper_without_anything_but_a_title_is_a_whole_mail() -> None:
    bare = a_paper(1, authors=(), summaries=(), links=Links())
    mail = a_mail(replace(an_item(1), paper=bare, reasons=()))
    assert "https://papers.example.org/papers/arxiv:2509.14001" in text_of(mail)
    assert "alice@example.org gets this for: Paperboy." in text_of(mail)


def test_a_mail_can_be_read_in_a_terminal() -> None:
    text = compose_text(an_outgoing(an_item(1, title="Hala \x1b[31m")), SETTINGS)
    assert text.startswith("To: alice@example.org\nSubject: Hala [31m\n\nPaperboy · 1 new paper\n")
    assert "\x1b" not in text


def test_the_id_becomes_a_message_id_whatever_it_is() -> None:
    odd = parsed(compose(an_outgoing(id="a b@c>\r\nBcc: x"), SETTINGS))["Message-ID"]
    assert re.fullmatch(r"<[0-9a-f]{32}@example\.org>", odd)


@pytest.mark.parametrize(
    ("language", "label", "shown"),
    [("en", "Unsubscribe", "Unsubscribe: https://"), ("zh", "退订", "退订：https://")],
)
def test_a_look_back_can_be_unsubscribed_from(language: str, label: str, shown: str) -> None:
    text = WrittenText(subject="Your week: 4 new papers", body="llm 4")
    tokens = {"unsubscribe_token": "u1", "preferences_token": "p1"}
    message = replace(an_outgoing(), kind="look_back", items=(), text=text, language=language, **tokens)
    mail = parsed(compose(message, SETTINGS))
    assert mail["List-Unsubscribe"] == "<https://papers.example.org/unsubscribe/u1>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    plain = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert f"{shown}papers.example.org/unsubscribe/u1" in plain
    assert "https://papers.example.org/preferences/p1" in plain
    page = LexborHTMLParser(mail.get_body(("html",)).get_content())  # type: ignore[union-attr]
    assert page.css_first('a[href="https://papers.example.org/unsubscribe/u1"]').text() == label
    without = parsed(compose(replace(message, unsubscribe_token=None, preferences_token=None), SETTINGS))
    assert without["List-Unsubscribe"] is None


def test_an_alarm_says_the_same_in_both_parts_and_carries_nothing_of_a_list() -> None:
    message = an_alarm_message("email", "op@example.org", body="File <a.md> & more.\n\nNoticed today.")
    mail = parsed(compose(message, SETTINGS))
    assert mail["Subject"] == f"{SETTINGS.site_title}: The source “tables” has fallen silent"
    assert (mail["To"], mail["Auto-Submitted"], mail["List-Id"]) == (
        "op@example.org",
        "auto-generated",
        None,
    )
    text = mail.get_body(("plain",)).get_content().replace("\r\n", "\n")  # type: ignore[union-attr]
    assert text == "File <a.md> & more.\n\nNoticed today.\n"
    html = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "<p>File &lt;a.md&gt; &amp; more.</p>" in html
    assert compose(message, SETTINGS) == compose(message, SETTINGS)
    assert "Noticed today." in compose_text(message, SETTINGS)
