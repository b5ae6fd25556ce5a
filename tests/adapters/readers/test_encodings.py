"""Encodings: as marked, as UTF-8, else as declared; saved pages are the page in them."""

import quopri
from base64 import encodebytes

import pytest

from bot.adapters.readers import peek_date, read_digest
from bot.adapters.readers.document import decode
from bot.domain.errors import NotADigest

CHINESE = "大型语言模型的高效推理：方法、结果与展望"
KOREAN = "대규모 언어 모델의 효율적인 추론"
JAPANESE = "大規模言語モデルの効率的な推論について"
FRENCH = "Modèles de langue “efficaces” – déjà vu"


def page(title: str, charset: str | None) -> str:
    meta = f'<meta http-equiv="Content-Type" content="text/html; charset={charset}">' if charset else ""
    return (
        f"<html><head>{meta}<title>2026-09-18</title></head><body><h1>Papers of 2026-09-18</h1>"
        f'<h2><a href="https://arxiv.org/abs/2509.14008">{title}</a></h2><p>{title} {title}</p></body></html>'
    )


@pytest.mark.parametrize(
    ("title", "declared", "written"),
    [
        (CHINESE, "gb2312", "gb2312"),
        (CHINESE, "gb2312", "gb18030"),
        (CHINESE + "㐀镕", "gbk", "gb18030"),
        (CHINESE, "GB18030", "gb18030"),
        ("大型語言模型的高效推理", "big5", "big5"),
        (FRENCH, "windows-1252", "cp1252"),
        (FRENCH, "iso-8859-1", "cp1252"),
        (JAPANESE, "Shift_JIS", "cp932"),
        (JAPANESE, "euc-jp", "euc_jp"),
        (KOREAN, "EUC-KR", "cp949"),
        (KOREAN, "utf-16", "utf-16"),
        (KOREAN, "utf-16", "utf-16-le"),
        (KOREAN, "utf-16", "utf-16-be"),
        (KOREAN, "euc-kr", "utf-8"),
        (KOREAN, "utf-8", "utf-8-sig"),
    ],
)
def test_a_page_reads_as_it_was_written(title: str, declared: str, written: str) -> None:
    data = page(title, declared).encode(written)
    digest = read_digest(data, name="page.html")
    assert digest.entries[0].title == title
    assert digest.problems == ()
    assert str(peek_date(data, name="page.html")) == "2026-09-18"


@pytest.mark.parametrize("declared", [None, "no-such-charset", "utf-8", "us"])
def test_bytes_that_nothing_explains_are_marked_and_named(declared: str | None) -> None:
    document = decode(page("caf\xe9", declared).encode("latin-1"), name="page.html")
    assert "caf\ufffd" in document.text
    (problem,) = document.problems
    assert "not UTF-8" in problem.what


def test_a_declaration_that_explains_most_is_believed_and_the_rest_named() -> None:
    data = page(CHINESE, "gb2312").encode("gb18030").replace("推理".encode("gb18030"), b"\xff\xff")
    document = decode(data, name="page.html")
    assert "大型语言模型" in document.text
    (problem,) = document.problems
    assert "GB18030" in problem.what


def test_a_feed_says_its_encoding_in_its_first_line() -> None:
    text = f'<?xml version="1.0" encoding="Shift_JIS"?>\n<p>{JAPANESE}</p>'
    assert JAPANESE in decode(text.encode("cp932"), name="feed.xml").text


def mhtml(part: bytes, coding: str, charset: str, kind: str = "text/html") -> bytes:
    return (
        b"From: <Saved by Blink>\r\nSnapshot-Content-Location: https://example.org/digest\r\n"
        b"Subject: Papers\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/related;\r\n\ttype="text/html";\r\n\tboundary="----b"\r\n\r\n'
        b"------b\r\nContent-Type: "
        + f"{kind}; charset={charset}\r\nContent-Transfer-Encoding: {coding}\r\n\r\n".encode()
        + part
        + b"\r\n------b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n------b--\r\n"
    )


@pytest.mark.parametrize("charset", ["utf-8", "gb2312", "utf-16"])
@pytest.mark.parametrize("coding", ["quoted-printable", "base64", "8bit"])
def test_a_page_saved_as_mhtml_is_the_page_in_it(charset: str, coding: str) -> None:
    title = "A Simple and Effective Method: " + CHINESE
    written = page(title, None).encode("utf-16-le" if charset == "utf-16" else charset)
    part = {"quoted-printable": quopri.encodestring, "base64": encodebytes}.get(coding, bytes)(written)
    if charset == "utf-16" and coding == "8bit":
        pytest.skip("a line of UTF-16 cannot stand in a message as it is")
    digest = read_digest(mhtml(part, coding, charset), name="page.mhtml")
    assert digest.entries[0].title == title
    assert read_digest(page(title, "utf-8").encode(), name="page.html").entries == digest.entries


def test_an_mhtml_without_a_page_is_refused_by_name() -> None:
    with pytest.raises(NotADigest, match=r"mail\.mhtml: a saved page \(MHTML\) without a page in it"):
        read_digest(mhtml(b"nothing", "8bit", "utf-8", kind="text/css"), name="mail.mhtml")
