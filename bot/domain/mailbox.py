"""Mailbox: one validated mail address, with a display name."""

import re
from dataclasses import dataclass

from bot.domain.text import one_line

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
LOCAL_PART = rf"{_ATOM}(?:\.{_ATOM})*"
"""Pattern of what stands before the @ (RFC 5321 dot-string)."""
DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
"""Pattern of a domain in ASCII (RFC 1123: a label has at most 63 characters)."""
_NAMED = re.compile(r"(?P<name>[^<>@,;:\"\\]*|\"[^<>\"\\]*\")\s*<(?P<address>[^<>]*)>")
_ADDRESS = re.compile(rf"{LOCAL_PART}@{DOMAIN}")
_LONGEST_LOCAL, _LONGEST_ADDRESS = 64, 254


@dataclass(frozen=True, kw_only=True, slots=True)
class Mailbox:
    """One address (RFC 5321 dot-string, the domain in ASCII and lower case), with its display name or none."""

    address: str
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> "Mailbox":
        """The mailbox in `a@b.c` or `Name <a@b.c>`; a domain in other letters is encoded (IDNA).

        Raises ValueError for anything else, lists and quoted local parts included. Encoded words are refused in the
        name: mail libraries of Python before 3.11.10 decode them into header lines of their own (CVE-2024-6923).
        """
        named = _NAMED.fullmatch(text.strip())
        name = one_line(named["name"].strip(' "'), 80) if named else ""
        local, _, domain = (named["address"] if named else text).strip().rpartition("@")
        try:
            domain = domain.encode("idna").decode("ascii").lower()
        except UnicodeError:
            domain = ""
        address = f"{local}@{domain}"
        fits = len(local) <= _LONGEST_LOCAL and len(address) <= _LONGEST_ADDRESS
        if not (fits and _ADDRESS.fullmatch(address)) or "=?" in name or "\n" in text or "\r" in text:
            raise ValueError(f"not one mail address: {one_line(text, 80)!r}")
        return cls(address=address, name=name)

    @property
    def local_part(self) -> str:
        return self.address.rpartition("@")[0]

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address
