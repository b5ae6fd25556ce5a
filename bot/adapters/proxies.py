"""Proxies and certificates from environment variables: normalised for httpx, or rejected with a one-line reason."""

import os
import re
import ssl
from collections.abc import MutableMapping
from importlib.util import find_spec

_NAMES = ("https_proxy", "http_proxy", "all_proxy")
_SCHEMES = frozenset({"http", "https", "socks5", "socks5h"})
_HIGHEST_PORT = 65_535
_CERTIFICATES = "SSL_CERT_FILE"
_SOCKS_REMEDY = "needs one more package: pip install 'paperboy-bot[socks]'"


def network_fault() -> str | None:
    """Fault in the proxy or certificate settings of the environment that rules out any connection; None without one."""
    return proxy_fault() or certificates_fault(os.environ.get(_CERTIFICATES))


def certificates_fault(file: str | None) -> str | None:
    """Why the certificate file cannot be used; None where it can, or none is named."""
    if file:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
        except OSError as error:
            why = error.reason if isinstance(error, ssl.SSLError) else error.strerror
            return f"the certificates in {_CERTIFICATES} cannot be read: {file}: {why or error}"
    return None


def proxy_fault(environment: MutableMapping[str, str] | None = None) -> str | None:
    """Why a proxy in the environment (the process's own by default) cannot be used; None where it can, or none is set.

    Changes the environment: `socks://` becomes `socks5://`, and NO_PROXY loses the entries that httpx cannot parse. With
    either of them httpx refuses to make a client at all.
    """
    environment = os.environ if environment is None else environment
    for name in list(environment):
        if name.lower() == "no_proxy":
            value = ",".join(_parseable_entries(environment[name]))
        elif name.lower() in _NAMES:
            value = re.sub(r"^socks://", "socks5://", environment[name].strip(), flags=re.IGNORECASE)
        else:
            continue
        if value != environment[name]:
            environment[name] = value
    faults = (_fault(name, environment[name]) for name in sorted(environment) if name.lower() in _NAMES)
    return next(filter(None, faults), None)


def _fault(name: str, value: str) -> str | None:
    if not value:
        return None
    scheme = value.partition("://")[0].lower() if "://" in value else "http"
    if scheme not in _SCHEMES:
        return f"the proxy in {name} cannot be used: it must begin with http://, https:// or socks5://"
    if scheme.startswith("socks") and find_spec("socksio") is None:
        return f"the SOCKS proxy in {name} {_SOCKS_REMEDY}"
    if not _is_address(value if "://" in value else f"http://{value}"):
        return f"the proxy in {name} cannot be used: it is no address like http://host:port"
    return None


def _is_address(url: str) -> bool:
    import httpx

    try:
        address = httpx.URL(url)
        return bool(address.host) and (address.port or 0) <= _HIGHEST_PORT
    except httpx.InvalidURL:
        return False


def _parseable_entries(value: str) -> list[str]:
    """Entries of NO_PROXY that httpx can parse: hosts, domains and addresses, IPv6 without brackets; no IPv6 ranges."""
    entries = (entry.strip() for entry in value.split(","))
    plain = (entry[1:-1] if re.fullmatch(r"\[[0-9A-Fa-f:.]+\]", entry) else entry for entry in entries)
    return [entry for entry in plain if entry and _is_pattern(entry)]


def _is_pattern(entry: str) -> bool:
    if entry == "*":
        return True
    if "://" in entry:
        return _is_address(entry)
    is_ipv6 = re.fullmatch(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%\w+)?", entry) is not None
    return _is_address(f"all://[{entry}]" if is_ipv6 else f"all://*{entry}")
