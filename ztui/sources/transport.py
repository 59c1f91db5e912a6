"""The official client's transport, hardened: three pools on one TLS context, and the translation of its failures.

``kubernetes.aio`` gives configuration, TLS context and session. Its own ``request`` is not used: it follows redirects (D6), has
one total limit (D4), dumps bodies that are bytes already, and turns a patch's content type into another.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from ztui.errors import ConnectError, LoginError, TrustError, ZtuiError
from ztui.sources import official
from ztui.sources.login import KeyPair
from ztui.sources.target import Target
from ztui.sources.tls import explain, load_pair, look_at, relax, strict

if TYPE_CHECKING:
    import aiohttp

Pool = Literal["requests", "streams", "heartbeat"]
_POOL_SIZES: Final[dict[Pool, int]] = {"requests": 32, "streams": 0, "heartbeat": 1}
"""Connections at most; 0 is no limit: every stream holds one, and a shared pool would dead-lock its requests."""


@dataclass(slots=True, eq=False)
class Transport:
    """The sessions for one client certificate; ``active`` counts answers that are still being read."""

    context: ssl.SSLContext
    sessions: dict[Pool, aiohttp.ClientSession]
    proxy: str | None
    server_name: str | None
    generation: int
    active: int = 0
    is_relaxed: bool = False

    async def send(
        self,
        pool: Pool,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes | None,
        timeout_s: float | None,
        connect_s: float,
    ) -> aiohttp.ClientResponse:
        """Send one request and wait for the head of its answer. Raises aiohttp's errors."""
        import aiohttp  # noqa: PLC0415  first paint comes before any client
        from multidict import CIMultiDict  # noqa: PLC0415  as above
        from yarl import URL  # noqa: PLC0415  as above

        waits_for_pool = pool != "streams"
        limits = aiohttp.ClientTimeout(total=timeout_s, connect=None if waits_for_pool else connect_s, sock_connect=connect_s)
        return await self.sessions[pool].request(
            method,
            URL(url, encoded=True),
            headers=CIMultiDict(headers),
            data=body,
            timeout=limits,
            allow_redirects=False,
            proxy=self.proxy,
            server_hostname=self.server_name,
        )

    def relaxed_by(self, error: Exception) -> bool:
        """Whether ``error`` is one of the strict profile alone, which is then dropped for this context."""
        cause = getattr(error, "certificate_error", None)
        if isinstance(cause, ssl.SSLCertVerificationError) and relax(self.context, cause):
            self.is_relaxed = True
            return True
        return False

    def was_dead(self, error: Exception) -> bool:
        """Whether the connection broke before an answer, as a kept-alive one does when the server has closed it."""
        import aiohttp  # noqa: PLC0415  as above

        return isinstance(error, aiohttp.ServerDisconnectedError) or (
            isinstance(error, aiohttp.ClientOSError) and not isinstance(error, aiohttp.ClientConnectorError)
        )

    async def close(self) -> None:
        """Close every connection."""
        for session in self.sessions.values():
            await session.close()


async def open_transport(target: Target, certificate: KeyPair | None, generation: int) -> Transport:
    """Build the sessions. Raises ValueError where the client certificate cannot be used."""
    # In a thread: half a second of importing would hold up the first frames.
    client = await asyncio.to_thread(official.load)
    rest = await asyncio.to_thread(_rest, client, target)
    context: ssl.SSLContext = rest.ssl_context
    strict(context)
    if certificate is not None:
        load_pair(context, certificate)
    sessions = {pool: _session(client, target, context, size) for pool, size in _POOL_SIZES.items()}
    return Transport(context, sessions, target.proxy_url, target.tls_server_name, generation)


def _configuration(client: official.Client, target: Target, size: int) -> Any:
    """The client's Configuration; keys and tokens stay out of it: it would write the one to disk (D8) and show the other."""
    import aiohttp  # noqa: PLC0415  as above

    configuration = client.configuration.Configuration(
        host=target.server,
        ca_cert_data=target.ca_pem,
        verify_ssl=not target.insecure,
        tls_server_name=target.tls_server_name,
        connection_pool_maxsize=size,
        client_session_kwargs={"trust_env": False, "cookie_jar": aiohttp.DummyCookieJar()},
    )
    configuration.proxy = None  # we resolve proxies (D5)
    return configuration


def _rest(client: official.Client, target: Target) -> Any:
    configuration = client.configuration.Configuration(
        host=target.server, ca_cert_data=target.ca_pem, verify_ssl=not target.insecure
    )
    return client.rest.RESTClientObject(configuration)


def _session(client: official.Client, target: Target, context: ssl.SSLContext, size: int) -> aiohttp.ClientSession:
    """One pool, made by the client's own factory on the shared TLS context."""
    rest = client.rest.RESTClientObject(_configuration(client, target, size))
    rest.ssl_context = context
    session: aiohttp.ClientSession = rest._create_pool_manager()
    session._retry_connection = False  # aiohttp would send a DELETE twice; reads are repeated by us
    return session


def failures() -> tuple[type[Exception], ...]:
    """What a transport may raise; asked for only when something was raised, so that no import waits for the client."""
    import aiohttp  # noqa: PLC0415  as above

    return aiohttp.ClientError, OSError, TimeoutError


async def explain_failure(error: Exception, target: Target, timeout_s: float | None) -> ZtuiError:
    """Translate one of ``failures``."""
    import aiohttp  # noqa: PLC0415  as above

    where = f"{target.context}, {target.host}"
    retried = "check network and proxy; it is retried"
    cause = getattr(error, "certificate_error", error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        parts = urlsplit(target.server)
        host, port = parts.hostname or "", parts.port or 443
        peer = await look_at(host, port, target.tls_server_name or host) if target.proxy_url is None else None
        return explain(cause, where, peer)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return _proxy_refusal(error, target)
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return ConnectError("cannot reach the proxy", where=_proxy_host(target), why=_reason(error), next=retried)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return ConnectError("cannot resolve host", where=where, why=_reason(error), next="check its name and DNS; it is retried")
    if isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError)) or isinstance(error.__cause__, ssl.SSLError):
        return _tls_refusal(error, where)
    if isinstance(error, TimeoutError):
        connecting = isinstance(error, aiohttp.ConnectionTimeoutError) or not timeout_s
        limit = "no connection in time" if connecting else f"no answer in {timeout_s:g} s"
        return ConnectError("the server does not answer", where=where, why=limit, next=retried)
    if isinstance(error, aiohttp.ClientConnectorError):
        return ConnectError("cannot connect", where=where, why=_reason(error), next=retried)
    if isinstance(error, (aiohttp.ClientResponseError, aiohttp.InvalidURL)):
        return TrustError(
            "not a Kubernetes API (not HTTP)", where=where, why=str(error.args[-1:])[:200], next="check server and port"
        )
    return ConnectError("the connection broke", where=where, why=_reason(error), next=retried)


def _tls_refusal(error: Exception, where: str) -> ZtuiError:
    """The handshake failed for another reason than the server's certificate: ours was refused, or it does not speak TLS."""
    cause = error if isinstance(error, ssl.SSLError) else error.__cause__
    reason = getattr(cause, "reason", None) or getattr(getattr(error, "os_error", None), "reason", None) or type(error).__name__
    words = str(reason).replace("_", " ").lower()
    if "alert" in words and ("certificate" in words or "unknown ca" in words):
        return LoginError(
            "the server refused our client certificate", where=where, why=words, next="renew the client certificate"
        )
    return TrustError("no TLS with the server", where=where, why=words, next="check server and port in the kubeconfig")


def _proxy_refusal(error: aiohttp.ClientHttpProxyError, target: Target) -> ZtuiError:
    where = _proxy_host(target)
    if error.status == 407:
        return LoginError("the proxy asks for a login (407)", where=where, next="put user and password into the proxy's address")
    return ConnectError(
        f"the proxy refused ({error.status})", where=where, why=error.message, next="check the proxy", status=error.status
    )


def _proxy_host(target: Target) -> str:
    parts = urlsplit(target.proxy_url or "")
    return f"{target.context}, proxy {parts.hostname}:{parts.port or ''}"


def _reason(error: BaseException) -> str:
    inner = getattr(error, "os_error", error)
    return getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
