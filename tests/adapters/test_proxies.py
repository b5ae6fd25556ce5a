"""Proxies named by the environment: used, made usable, or said to be unusable in one line."""

import importlib.util
from pathlib import Path

import certifi
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters import proxies
from bot.adapters.proxies import certificates_fault, proxy_fault
from bot.adapters.telegram.client import BotClient
from bot.adapters.telegram.publisher import TelegramPublisher
from bot.domain.errors import ChannelDown
from tests.builders import an_outgoing
from tests.rigs.publishers import ChatMemory


@pytest.fixture
def no_socks(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the extra."""
    monkeypatch.setattr(proxies, "find_spec", lambda _: None)


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without proxies, put back afterwards."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        for spelt in (name, name.upper()):
            monkeypatch.delenv(spelt, raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    "value",
    ["", "http://127.0.0.1:3128", "https://me:pw@proxy.example:8443/", "127.0.0.1:7890", "HTTP://p:1"],
)
def test_a_usable_proxy_is_left_as_it_is(value: str) -> None:
    environment = {"HTTPS_PROXY": value}
    assert proxy_fault(environment) is None
    assert environment == {"HTTPS_PROXY": value}


@pytest.mark.parametrize("value", ["socks://127.0.0.1:7890/", "SOCKS://127.0.0.1:7890/"])
def test_a_proxy_of_plain_socks_is_one_of_socks5(value: str) -> None:
    assert importlib.util.find_spec("socksio"), "the development packages bring it"
    environment = {"ALL_PROXY": value}
    assert proxy_fault(environment) is None
    assert environment == {"ALL_PROXY": "socks5://127.0.0.1:7890/"}


@pytest.mark.usefixtures("no_socks")
@pytest.mark.parametrize("value", ["socks://127.0.0.1:1", "socks5://me:secret@h:1", "socks5h://h:1"])
def test_a_socks_proxy_without_the_extra_is_said_with_the_remedy_and_without_its_password(value: str) -> None:
    fault = proxy_fault({"all_proxy": value})
    assert fault == ("the SOCKS proxy in all_proxy needs one more package: pip install 'paperboy-bot[socks]'")


@pytest.mark.parametrize(
    "value", ["ftp://proxy:21", "socks4://h:1", "http://", "http://[::1", "http://h:port", "http://h:99999"]
)
def test_a_proxy_that_cannot_be_used_is_said_in_one_line(value: str) -> None:
    fault = proxy_fault({"HTTPS_PROXY": value})
    assert fault is not None
    assert fault.startswith("the proxy in HTTPS_PROXY cannot be used: ")


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ("[::1]", "::1"),
        ("localhost, [::1] ,.example.org", "localhost,::1,.example.org"),
        ("fe80::/10,10.0.0.0/8", "10.0.0.0/8"),
        ("*", "*"),
        ("http://example.org", "http://example.org"),
        ("", ""),
    ],
)
def test_entries_that_no_client_can_read_are_left_out(value: str, left: str) -> None:
    environment = {"NO_PROXY": value, "no_proxy": value}
    assert proxy_fault(environment) is None
    assert environment == {"NO_PROXY": left, "no_proxy": left}


@given(st.lists(st.text("ab:[]/.%*@0159 \x7f-", max_size=12), max_size=4))
def test_a_client_can_be_made_whatever_no_proxy_holds(entries: list[str]) -> None:
    environment = {"NO_PROXY": ",".join(entries), "HTTPS_PROXY": "http://127.0.0.1:1"}
    proxy_fault(environment)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "ALL_PROXY"):
            patch.delenv(name, raising=False)
        for name, value in environment.items():
            patch.setenv(name, value)
        httpx.Client(verify=False).close()


@pytest.mark.usefixtures("no_socks")
async def test_behind_an_unusable_proxy_nothing_is_sent_and_nothing_is_in_doubt(
    clean: pytest.MonkeyPatch,
) -> None:
    clean.setenv("ALL_PROXY", "socks5://127.0.0.1:7890")
    publisher = TelegramPublisher(BotClient("123:abc", api_url="http://127.0.0.1:1"), chats=ChatMemory())
    with pytest.raises(ChannelDown, match=r"pip install 'paperboy-bot\[socks\]'"):
        await publisher.send(an_outgoing(kind="telegram"))
    await publisher.close()


@pytest.mark.parametrize(("content", "why"), [(None, "No such file or directory"), (b"no certificate", "")])
async def test_with_certificates_that_cannot_be_read_nothing_is_sent_and_the_file_is_named(
    clean: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, why: str
) -> None:
    file = tmp_path / "certificates.pem"
    if content is not None:
        file.write_bytes(content)
    clean.setenv("SSL_CERT_FILE", str(file))
    publisher = TelegramPublisher(BotClient("123:abc", api_url="http://127.0.0.1:1"), chats=ChatMemory())
    with pytest.raises(ChannelDown, match=f"the certificates in SSL_CERT_FILE cannot be read: {file}: {why}"):
        await publisher.send(an_outgoing(kind="telegram"))
    await publisher.close()


def test_certificates_that_can_be_read_are_no_fault() -> None:
    assert certificates_fault(None) is None
    assert certificates_fault(certifi.where()) is None
