"""Which proxy a request takes: the kubeconfig's, else the environment's with NO_PROXY, as Go's httpproxy reads it.

Resolved once, when the target is pinned; the HTTP client itself never looks at the environment (D5).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from ztui.errors import SettingsError

_SCHEMES: Final = ("http", "https")


def proxy_for(server: str, configured: str | None, environ: Mapping[str, str]) -> str | None:
    """The proxy's address for ``server``, or None for a direct connection.

    A proxy named in the kubeconfig is used always; NO_PROXY and loopback rules are for the environment's alone (client-go
    rest.Config.Proxy). Raises SettingsError for a proxy that we cannot speak to.
    """
    if configured:
        return _checked(configured, "proxy-url in the kubeconfig")
    parts = urlsplit(server)
    names = (f"{parts.scheme.upper()}_PROXY", f"{parts.scheme}_proxy")
    found = next(((name, environ[name]) for name in names if environ.get(name)), None)
    if found is None or bypasses(
        parts.hostname or "", parts.port or 443, environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    ):
        return None
    name, value = found
    return _checked(value if "://" in value else f"http://{value}", name)


def bypasses(host: str, port: int, no_proxy: str) -> bool:
    """Whether ``host`` is reached without a proxy: loopback, or an entry of ``no_proxy`` (name, suffix, address, CIDR, ``*``).

    Source: golang.org/x/net/http/httpproxy, config.useProxy.
    """
    host = host.lower().rstrip(".")
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(_matches(entry.strip().lower(), host, address, port) for entry in no_proxy.split(",") if entry.strip())


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _matches(entry: str, host: str, address: _Address | None, port: int) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, only_port = _split_port(entry)
    if only_port is not None and only_port != port:
        return False
    if (single := _address(name)) is not None:
        return single == address
    if name.startswith("*."):
        name = name[1:]
    if name.startswith("."):
        return host.endswith(name)
    return host == name or host.endswith(f".{name}")


def _split_port(entry: str) -> tuple[str, int | None]:
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, int(rest[1:]) if rest[1:].isdigit() else None
    if entry.count(":") == 1:
        name, _, port = entry.partition(":")
        return name, int(port) if port.isdigit() else None
    return entry, None


def _address(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None


def _checked(url: str, where: str) -> str:
    try:
        parts = urlsplit(url.strip())
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError("the proxy address cannot be read", where=where, next="expected http://host:port")
    if parts.scheme not in _SCHEMES:
        raise SettingsError(f"a {parts.scheme} proxy is not supported", where=where, next="use an http:// or https:// proxy")
    return url.strip()
