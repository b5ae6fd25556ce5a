"""DKIM signatures, judged by dkimpy."""

import base64
import contextlib

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from dkim.canonicalization import Relaxed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.adapters.email.content import EmailSettings
from bot.adapters.email.dkim import DkimSigner, _relaxed_body, dkim_signer
from bot.adapters.email.publisher import compose
from bot.domain.errors import UsageError
from bot.domain.mailbox import Mailbox
from bot.domain.site import SiteAddresses
from tests.builders import NOW, an_item, an_outgoing

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED = ed25519.Ed25519PrivateKey.generate()


def record(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        raw = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return b"v=DKIM1; k=rsa; p=" + base64.b64encode(raw)
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return b"v=DKIM1; k=ed25519; p=" + base64.b64encode(raw)


def valid(message: bytes, key) -> bool:
    def dns(name: bytes, **_: object) -> bytes:
        assert name == b"s1._domainkey.example.org."
        return record(key)

    return dkim.verify(message, dnsfunc=dns)


def signer(key) -> DkimSigner:
    return DkimSigner(domain="example.org", selector="s1", key=key)


def signed(key, **parts) -> bytes:
    who = EmailSettings(
        sender=Mailbox.parse("Paperboy <paperboy@example.org>"),
        site=SiteAddresses("https://papers.example.org"),
        dkim=signer(key),
    )
    outgoing = an_outgoing(
        an_item(1, title="Grüße, 世界: a title long enough to be folded over lines " * 2), **parts
    )
    return compose(outgoing, who)


@pytest.mark.parametrize("key", [RSA, ED], ids=["rsa", "ed25519"])
def test_a_signed_mail_is_valid_and_signed_the_same_again(key) -> None:
    message = signed(key, unsubscribe_token="t0k")
    assert message.startswith(b"DKIM-Signature: ")
    assert valid(message, key)
    assert message == signed(key, unsubscribe_token="t0k")
    assert all(len(line) <= 998 for line in message.split(b"\r\n"))


@pytest.mark.parametrize("key", [RSA, ED], ids=["rsa", "ed25519"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"List-Unsubscribe: <https://papers", b"List-Unsubscribe: <https://evil"),
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click", b"List-Unsubscribe-Post: x"),
        (b"From: Paperboy", b"From: Mallory\r\nFrom: Paperboy"),
        (b"Subject: ", b"Subject: x\r\nSubject: "),
        (b"arXiv", b"arxiv"),
    ],
)
def test_a_changed_mail_is_not_valid(key, old, new) -> None:
    message = signed(key, unsubscribe_token="t0k")
    assert old in message
    head, _, rest = message.partition(b"\r\nFrom: ")
    changed = head + (b"\r\nFrom: " + rest).replace(old, new, 1)
    with contextlib.suppress(dkim.MessageFormatError):  # two From headers are no mail at all to some
        assert not valid(changed, key)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    body=st.lists(st.text(st.sampled_from("ab \t.=-"), max_size=12), max_size=8),
    subject=st.text(st.sampled_from("ab \t"), max_size=30).map(str.strip),
)
def test_any_blanks_and_empty_lines_are_canonicalised_as_the_verifier_does(body, subject) -> None:
    text = "\r\n".join(body)
    message = f"From: a@example.org\r\nSubject: {subject}\r\n\tgoes  on\r\n\r\n{text}\r\n".encode()
    assert valid(signer(ED).sign(message, NOW), ED)


def test_a_key_is_read_and_never_shown() -> None:
    pem = ED.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    loaded = dkim_signer(domain="example.org", selector="s1", pem=pem)
    assert "key" not in repr(loaded)
    message = b"From: a@example.org\r\nSubject: x\r\n\r\nx\r\n"
    assert loaded.sign(message, NOW) == signer(ED).sign(message, NOW)


def test_a_key_that_cannot_sign_is_a_usage_error() -> None:
    curve = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for content in (b"not a key", curve):
        with pytest.raises(UsageError, match="key_file"):
            dkim_signer(domain="d", selector="s", pem=content)


@given(st.lists(st.sampled_from([b"a", b"word", b" ", b"\t", b"\r\n", b"\r", b"\n"])).map(b"".join))
def test_a_body_is_relaxed_as_dkimpy_does(lines: bytes):
    body = lines + b"\r\n"
    assert _relaxed_body(body) == Relaxed.canonicalize_body(body)
