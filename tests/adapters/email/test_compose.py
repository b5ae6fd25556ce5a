"""One mail from one message: its headers, its two parts, and what hostile papers cannot do to it."""

import email
import email.policy
import re
from dataclasses import replace
from email.message import EmailMessage

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from bot.adapters.email.content import MAX_HTML_BYTES, EmailSettings
from bot.adapters.email.publisher import compose, compose_text
from bot.domain.errors import Refused
from bot.domain.mailbox import Mailbox
from bot.domain.papers import Edition, Links, Point, Summary
from tests.builders import a_paper, a_parcel, a_question, a_reason, an_alarm_message, an_edition, an_item

SETTINGS = EmailSettings(
    sender=Mailbox.parse("Paperboy <paperboy@example.org>"), site_url="https://papers.example.org"
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
    return parsed(compose(a_parcel(*items, **{"unsubscribe_token": "t0ken", **parts}), settings))


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
    assert mail["Subject"] == "New paper: Hala"
    assert mail["Date"] == "Fri, 18 Sep 2026 08:00:00 +0000"
    assert mail["Message-ID"] == "<b5f1c0de@example.org>"
    assert mail["List-Id"] == "Paperboy <digest.example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] == "<https://papers.example.org/unsubscribe/t0ken>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_long_unsubscribe_address_stays_on_one_line() -> None:
    raw = compose(a_parcel(unsubscribe_token="x" * 300), SETTINGS)
    assert b"\r\nList-Unsubscribe: <https://papers.example.org/unsubscribe/" + b"x" * 300 + b">\r\n" in raw


def test_one_click_is_offered_over_https_only() -> None:
    mail = a_mail(settings=replace(SETTINGS, site_url="http://127.0.0.1:8080"))
    assert mail["List-Unsubscribe"] == "<http://127.0.0.1:8080/unsubscribe/t0ken>"
    assert "List-Unsubscribe-Post" not in mail


def test_without_a_token_nothing_is_said_of_unsubscribing() -> None:
    mail = a_mail(unsubscribe_token=None)
    assert "List-Unsubscribe" not in mail
    assert "nsubscribe" not in text_of(mail) + html_of(mail)


def test_the_subject_names_the_first_paper_and_counts_all() -> None:
    items = (an_item(1, title="Hala Technical Report"), an_item(2), an_item(3))
    assert a_mail(*items)["Subject"] == "3 new papers: Hala Technical Report +2"
    assert a_mail(*items, more=4)["Subject"] == "7 new papers: Hala Technical Report +6"


def test_a_subject_is_cut_between_words_and_stays_ascii() -> None:
    subject = a_mail(an_item(1, title="A " + "very " * 40 + "long title"))["Subject"]
    assert len(subject) < 90
    assert subject.endswith("...")


def test_a_date_is_written_in_the_subscriber_s_zone() -> None:
    late = a_parcel(timezone="Asia/Tokyo", created_at=a_parcel().created_at.replace(hour=20))
    assert "Saturday, 19 September 2026" in text_of(parsed(compose(late, SETTINGS)))


def test_the_same_message_gives_the_same_bytes() -> None:
    parcel = a_parcel(an_item(1), an_item(2), unsubscribe_token="t")
    assert compose(parcel, SETTINGS) == compose(parcel, SETTINGS)
    assert compose(parcel, SETTINGS) != compose(replace(parcel, id="other"), SETTINGS)


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
    raw = compose(a_parcel(an_item(1, title=title), unsubscribe_token="t"), SETTINGS)
    mail = parsed(raw)
    assert mail.keys() == EXPECTED_HEADERS
    assert "\n" not in mail["Subject"]
    assert "\x00" not in mail["Subject"]
    assert mail["Subject"].replace("= ?", "=?") == "New paper: " + words(title.replace("\x00", ""))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(title=st.text(max_size=200), author=st.text(max_size=60), name=st.text(max_size=60))
def test_no_text_breaks_the_form_of_a_mail(title, author, name) -> None:
    who = replace(SETTINGS, site_title=name)
    raw = compose(a_parcel(an_item(1, title=title, authors=(author,)), unsubscribe_token="t"), who)
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
        compose(a_parcel(address=address), SETTINGS)


def test_a_name_and_an_international_domain_are_taken() -> None:
    mail = a_mail(address="Alice, the first <Alice+papers@Exämple.org>".replace(",", ""))
    assert mail["To"] == "Alice the first <Alice+papers@xn--exmple-cua.org>"


def test_a_site_address_that_is_no_web_address_is_refused() -> None:
    with pytest.raises(ValueError, match=r"site\.url"):
        replace(SETTINGS, site_url="javascript:alert(1)")


# --- what stands in it ----------------------------------------------------------------------------

HALA = an_item(
    "2509.14008",
    a_reason("language models", ("title", "Translation Models"), ("summary", "language model")),
    a_reason("agents"),
    title="Hala Technical Report: Building Arabic-Centric Instruction & Translation Models at Scale",
    summaries=(Summary(text="We train a language model, a <b>bold</b> one. " * 20, source="a"),),
    editions=(an_edition(quiz=(a_question(), a_question())),),
)


def test_both_parts_say_the_same() -> None:
    mail = a_mail(HALA, an_item(2, authors=()), more=12, more_titles=("Third", "Fourth"))
    tree = LexborHTMLParser(html_of(mail)).body
    for hidden in tree.css(".preheader"):
        hidden.decompose()
    text = words(text_of(mail).replace("* ", "").replace("(“", "").replace("”)", ""))
    blocks = tree.css(".title, .authors, .summary, .point, .rest-title, .rest-heading")
    assert len(blocks) > 10
    for block in blocks:
        assert words(block.text()) in text, block.text()
    for link in tree.css("a"):
        if "Quiz" not in link.text():
            assert link.attributes["href"] in text_of(mail)
    for reason in ("language models", "agents", "Quiz: 2 questions", "12 more", "and 10 more"):
        assert reason in text
        assert reason in words(tree.text())


def test_the_matched_words_stand_out() -> None:
    hits = [node.text() for node in LexborHTMLParser(html_of(a_mail(HALA))).css(".hit")]
    assert hits == ["Translation Models", "language model"]
    assert "Matched: language models (“Translation Models”); agents" in words(text_of(a_mail(HALA)))


def test_markup_in_papers_is_shown_and_never_works() -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)></div>"
    item = an_item(
        1,
        a_reason(evil, ("title", "<img src=x")),
        title=evil,
        authors=(evil,),
        summaries=(Summary(text=evil, source="s"),),
        links=Links(abs="javascript:alert(1)", pdf="data:text/html,x", huggingface="//evil.example/x"),
        editions=(replace(an_edition(), points=(Point(label=evil, text=evil),)),),
    )
    mail = a_mail(item, more=1, more_titles=(evil,))
    tree = LexborHTMLParser(html_of(mail))
    assert not tree.css("script, img, iframe, object, link, form, svg")
    assert not [node for node in tree.css("*") if any(name.startswith("on") for name in node.attributes)]
    assert {link.attributes["href"].partition(":")[0] for link in tree.css("a")} == {"https"}
    assert words(tree.css_first("h2").text()) == evil
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
    assert all(node.attributes.get("style") for node in tree.css("p, h2, h2 a"))
    assert tree.css_first("html").attributes["lang"] == "en"


def test_a_chinese_reader_gets_chinese() -> None:
    item = an_item(
        1, title="大型语言模型的研究", editions=(an_edition("en"), replace(an_edition("zh"), points=(Point(label="📘 主题", text="研究" * 100),)))
    )  # fmt: skip
    mail = a_mail(item, language="zh")
    assert mail["Subject"] == "新论文：大型语言模型的研究"
    assert "2026 年 9 月 18 日" in text_of(mail)
    assert "研究" * 100 in text_of(mail).replace("\n", "").replace(" ", "")
    assert max(map(len, text_of(mail).splitlines())) <= 72
    assert 'lang="zh"' in html_of(mail)


def test_lines_of_the_text_are_at_most_72_columns_but_for_addresses() -> None:
    long = [line for line in text_of(a_mail(HALA, an_item(2))).splitlines() if len(line) > 72]
    assert all("http" in line for line in long)


def test_a_mail_that_would_be_clipped_names_the_rest_with_a_link() -> None:
    long = (Edition(language="en", points=(Point(label="Result", text="word " * 700),)),)
    items = [an_item(number, title=f"Title {number}", editions=long) for number in range(1, 41)]
    mail = a_mail(*items, more=2, more_titles=("Over the limit",))
    html = html_of(mail)
    assert len(html.encode()) <= MAX_HTML_BYTES < 100_000
    shown = len(LexborHTMLParser(html).css(".entry"))
    assert 10 < shown < 40
    assert text_of(mail).count("arXiv  ") == shown
    for part in (html, text_of(mail)):
        assert f"+{42 - shown} more" in part
        for number in range(1, 41):
            assert re.search(rf"\bTitle {number}\b", part)
        assert "Over the limit" in part
        assert "and 1 more" in part
        assert "https://papers.example.org/" in part
    assert mail["Subject"].startswith("42 new papers: Title 1 ")


def test_a_single_paper_without_anything_but_a_title_is_a_whole_mail() -> None:
    bare = a_paper(1, authors=(), summaries=(), links=Links())
    mail = a_mail(replace(an_item(1), paper=bare, reasons=()))
    assert "https://papers.example.org/papers/arxiv:2509.14001" in text_of(mail)
    assert "alice@example.org gets this for: Paperboy." in text_of(mail)


def test_a_mail_can_be_read_in_a_terminal() -> None:
    text = compose_text(a_parcel(an_item(1, title="Hala \x1b[31m")), SETTINGS)
    assert text.startswith("To: alice@example.org\nSubject: New paper: Hala [31m\n\nPaperboy · 1 new paper\n")
    assert "\x1b" not in text


def test_the_id_becomes_a_message_id_whatever_it_is() -> None:
    odd = parsed(compose(a_parcel(id="a b@c>\r\nBcc: x"), SETTINGS))["Message-ID"]
    assert re.fullmatch(r"<[0-9a-f]{32}@example\.org>", odd)


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
