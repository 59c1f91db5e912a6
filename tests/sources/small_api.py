"""A very small API server over loopback for tests of the connection: TLS by a test CA, one handler, all requests noted."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import trustme
import yaml
from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CANARY = "canary-7c1f0e5d-token-value"


@dataclass
class SmallApi:
    """Where it listens, how to trust it, and what it was asked."""

    port: int
    ca: trustme.CA
    seen: list[web.Request] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    peers: list[object] = field(default_factory=list)

    @property
    def server(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def ca_pem(self) -> str:
        return self.ca.cert_pem.bytes().decode()


async def versions(_request: web.Request) -> web.Response:
    """A plain good answer."""
    return web.json_response({"kind": "APIVersions", "versions": ["v1"]})


@contextlib.asynccontextmanager
async def small_api(
    handler: Handler = versions,
    *,
    ca: trustme.CA | None = None,
    names: tuple[str, ...] = ("localhost", "127.0.0.1", "::1"),
    context: ssl.SSLContext | None = None,
    tls: bool = True,
) -> AsyncIterator[SmallApi]:
    """Serve until the block ends."""
    ca = ca or trustme.CA()
    if context is None and tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert(*names).configure_cert(context)
    api = SmallApi(0, ca)

    async def answer(request: web.Request) -> web.StreamResponse:
        api.seen.append(request)
        api.tokens.append(request.headers.get("Authorization", ""))
        api.peers.append(request.transport.get_extra_info("peername") if request.transport is not None else None)
        return await handler(request)

    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)  # type: ignore[arg-type]  # a coroutine is what it takes
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    api.port = runner.addresses[0][1]
    try:
        yield api
    finally:
        await runner.cleanup()


def kubeconfig(
    path: Path,
    server: str,
    *,
    ca_pem: str | None = None,
    user: dict[str, object] | None = None,
    cluster: dict[str, object] | None = None,
) -> Path:
    """Write a kubeconfig of one context named ``test``; ``ca_pem`` goes to a file beside it."""
    parts: dict[str, object] = {"server": server, **(cluster or {})}
    if ca_pem is not None:
        path.with_suffix(".ca").write_text(ca_pem)
        parts["certificate-authority"] = path.with_suffix(".ca").name
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "c", "cluster": parts}],
        "users": [{"name": "u", "user": {"token": CANARY} if user is None else user}],
        "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document))
    return path
