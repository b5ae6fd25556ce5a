"""DKIM signatures (RFC 6376, RFC 8463): relaxed/relaxed, RSA or Ed25519, deterministic."""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from bot.domain.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_SIGNED = (
    "from", "to", "subject", "date", "message-id", "list-id", "list-unsubscribe", "list-unsubscribe-post",
    "auto-submitted", "mime-version", "content-type",
)  # fmt: skip
"""Both List-Unsubscribe headers must be covered (RFC 8058 §4)."""

_SIGNED_TWICE = ("from", "to", "subject")
"""Listed once more than they occur, so that nobody can add a second one (RFC 6376 §8.15)."""

_MIN_RSA_BITS = 1024
_BLANKS = re.compile(rb"[ \t]+")
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_LINE = 72


@dataclass(frozen=True, kw_only=True, slots=True)
class DkimSigner:
    """Signs with the key published at `selector._domainkey.domain`; its repr does not show the key."""

    domain: str
    selector: str
    key: "RSAPrivateKey | Ed25519PrivateKey" = field(repr=False)

    def sign(self, message: bytes, at: datetime) -> bytes:
        """The message (CRLF line ends) with a DKIM-Signature before its headers; `at` is the time stated in it."""
        head, _, body = message.partition(b"\r\n\r\n")
        headers = _by_name(head)
        present = [name for name in _SIGNED if name in headers]
        names = ":".join((*present, *_SIGNED_TWICE))
        body_hash = base64.b64encode(hashlib.sha256(_relaxed_body(body)).digest()).decode()
        algorithm = "rsa-sha256" if hasattr(self.key, "key_size") else "ed25519-sha256"
        unsigned = (
            f"v=1; a={algorithm}; c=relaxed/relaxed; d={self.domain}; s={self.selector};\r\n"
            f" t={int(at.timestamp())}; h={_folded(names, ':')};\r\n bh={body_hash};\r\n b="
        )
        lines = [_relaxed_header(name, headers[name]) for name in present]
        signed = b"\r\n".join((*lines, _relaxed_header("dkim-signature", unsigned.encode())))
        signature = base64.b64encode(_signature(self.key, signed)).decode()
        lines_of_signature = (signature[at : at + _LINE] for at in range(0, len(signature), _LINE))
        folded_signature = "\r\n ".join(lines_of_signature)
        return f"DKIM-Signature: {unsigned}{folded_signature}\r\n".encode() + message


def dkim_signer(*, domain: str, selector: str, pem: bytes) -> DkimSigner:
    """The signer with that private key. Raises UsageError for an unusable key, without showing it."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageError("email.dkim.key_file: not an unencrypted private key in PEM form") from error
    if isinstance(key, Ed25519PrivateKey) or (
        isinstance(key, RSAPrivateKey) and key.key_size >= _MIN_RSA_BITS
    ):
        return DkimSigner(domain=domain, selector=selector, key=key)
    raise UsageError(
        f"email.dkim.key_file: needs an RSA key of at least {_MIN_RSA_BITS} bits, or an Ed25519 key"
    )


def _by_name(head: bytes) -> dict[str, bytes]:
    """Value of each header by its lower-case name; our mails have each header at most once."""
    headers = {}
    for line in _FOLD.sub(b"", head).split(b"\r\n"):
        name, _, value = line.partition(b":")
        headers[name.decode("ascii").strip().lower()] = value
    return headers


def _relaxed_header(name: str, value: bytes) -> bytes:
    """A header in relaxed form (RFC 6376 §3.4.2), without the line end."""
    return name.encode() + b":" + _BLANKS.sub(b" ", _FOLD.sub(b"", value)).strip()


def _relaxed_body(body: bytes) -> bytes:
    """The body in relaxed form (RFC 6376 §3.4.4); replacing in the whole is faster than line by line."""
    body = body.replace(b"\t", b" ")
    while b"  " in body:
        body = body.replace(b"  ", b" ")
    body = body.replace(b" \r\n", b"\r\n").removesuffix(b" ")
    while body.endswith(b"\r\n"):
        body = body.removesuffix(b"\r\n")
    return body + b"\r\n" if body else b""


def _signature(key: "RSAPrivateKey | Ed25519PrivateKey", signed: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if isinstance(key, Ed25519PrivateKey):
        return key.sign(hashlib.sha256(signed).digest())  # RFC 8463 §3: the hash is what is signed
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    return key.sign(signed, PKCS1v15(), SHA256())


def _folded(text: str, separator: str) -> str:
    lines = [""]
    for part in text.split(separator):
        if len(lines[-1]) + len(part) > _LINE:
            lines.append("")
        lines[-1] += part + separator
    return "\r\n  ".join(lines).removesuffix(separator)
