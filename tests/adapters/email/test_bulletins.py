"""Bulletins as mails."""

import email
import email.policy
from pathlib import Path

import pytest

from bot.adapters.email.bulletins import compose_bulletin
from bot.adapters.email.content import EmailSettings
from bot.adapters.email.dkim import dkim_signer
from bot.adapters.email.publisher import EmailPublisher
from bot.adapters.email.transports import MaildirTransport
from bot.domain.errors import Refused
from bot.domain.mailbox import Mailbox
from tests.builders import a_bulletin

SETTINGS = EmailSettings(sender=Mailbox.parse("Paperboy <paperboy@example.org>"))


def test_a_mail_says_the_same_in_both_parts_and_carries_nothing_of_a_list() -> None:
    bulletin = a_bulletin("email", "op@example.org", text="File <a.md> & more.\n\nNoticed today.")
    mail = compose_bulletin(bulletin, SETTINGS)
    read = email.message_from_bytes(mail.content, policy=email.policy.default)
    assert read["Subject"] == "Paperboy: The source “tables” has fallen silent"
    assert (read["To"], read["Auto-Submitted"], read["List-Id"]) == (
        "op@example.org",
        "auto-generated",
        None,
    )
    assert read["Message-ID"] == mail.message_id
    text = read.get_body(("plain",)).get_content().replace("\r\n", "\n")  # type: ignore[union-attr]
    assert text == "File <a.md> & more.\n\nNoticed today.\n"
    html = read.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "<p>File &lt;a.md&gt; &amp; more.</p>" in html
    assert compose_bulletin(bulletin, SETTINGS) == mail


def test_it_is_signed_where_a_key_is_configured(dkim_pem: bytes) -> None:
    signer = dkim_signer(domain="example.org", selector="s1", pem=dkim_pem)
    signed = compose_bulletin(
        a_bulletin("email", "op@example.org"), EmailSettings(sender=SETTINGS.sender, dkim=signer)
    )
    assert signed.content.startswith(b"DKIM-Signature:")


@pytest.fixture(scope="module")
def dkim_pem() -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_a_target_that_is_no_address_is_refused() -> None:
    with pytest.raises(Refused, match="correct it"):
        compose_bulletin(a_bulletin("email", "nobody"), SETTINGS)


async def test_the_publisher_hands_it_over(tmp_path: Path) -> None:
    publisher = EmailPublisher(SETTINGS, MaildirTransport(tmp_path))
    bulletin = a_bulletin("email", "op@example.org")
    receipt = await publisher.tell(bulletin)
    assert receipt.message == f"<{bulletin.name}@example.org>"
    assert len(list((tmp_path / "new").iterdir())) == 1
