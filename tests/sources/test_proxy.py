"""Which way a request goes: D5, proxies and NO_PROXY as Go reads them."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import pytest

from tests.sources.small_api import CANARY
from ztui.errors import SettingsError
from ztui.sources.proxy import bypasses, proxy_for

SERVER = "https://api.prod.example:6443"
PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("host", "no_proxy", "direct"),
    [
        ("localhost", "", True),
        ("127.0.0.53", "", True),
        ("::1", "", True),
        ("api.prod.example", "", False),
        ("api.prod.example", "*", True),
        ("api.prod.example", "other.example, prod.example", True),
        ("API.Prod.Example.", "PROD.example", True),
        ("xprod.example", "prod.example", False),
        ("prod.example", ".prod.example", False),
        ("api.prod.example", ".prod.example", True),
        ("api.prod.example", "*.prod.example", True),
        ("api.prod.example", "api.prod.example:6443", True),
        ("api.prod.example", "api.prod.example:443", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("fd00::5", "fd00::/8", True),
        ("fd00::5", "[fd00::5]:6443", True),
        ("10.1.2.3", "10.0.0.0/99,,nonsense/x", False),
    ],
)
def test_D05_no_proxy_names_suffixes_addresses_and_ranges(host: str, no_proxy: str, direct: bool) -> None:
    assert bypasses(host, 6443, no_proxy) is direct


@pytest.mark.parametrize(
    ("environ", "configured", "proxy"),
    [
        ({}, None, None),
        ({"HTTPS_PROXY": PROXY}, None, PROXY),
        ({"https_proxy": "proxy.example:3128"}, None, PROXY),
        ({"HTTP_PROXY": PROXY, "ALL_PROXY": PROXY}, None, None),
        ({"HTTPS_PROXY": PROXY, "no_proxy": "example"}, None, None),
        ({"NO_PROXY": "*"}, PROXY, PROXY),
    ],
)
def test_D05_the_kubeconfig_is_before_the_environment(environ: dict[str, str], configured: str | None, proxy: str | None) -> None:
    assert proxy_for(SERVER, configured, environ) == proxy


@pytest.mark.parametrize(
    "url", ["socks5://proxy:1080", "http://", "http://proxy:0", f"http://ana:{CANARY}@:1", "file:///x", "http://[::1"]
)
def test_D05_a_proxy_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="prox") as caught:
        proxy_for(SERVER, url, {})
    assert CANARY not in str(caught.value)
