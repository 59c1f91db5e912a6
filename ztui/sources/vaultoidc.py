"""A person's login to a Vault by an identity provider: an address to open in a browser, and one callback on loopback.

The answer is taken once, with the state that the Vault gave, by a server that says nothing of what it was told and ends with the
login. Source: Vault's API of the jwt and oidc method (``oidc/auth_url``, ``oidc/callback``), RFC 8252 section 7.3.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from ztui.clock import Clock, within
from ztui.errors import DataError, ForbiddenError, LoginError
from ztui.sources.vaultdoor import Reply, VaultDoor

if TYPE_CHECKING:
    from aiohttp import web

Show = Callable[[str, str], None]
"""Shows a person the address to open: the Vault's name, and the address."""

WAIT_S: Final = 300.0
PATH: Final = "/oidc/callback"
ADDRESS_LIMIT: Final = 8192
_LIMIT: Final = 4096
_PAGE: Final = "<!doctype html><meta charset=utf-8><title>ztui</title><p>{}"
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


async def log_in(door: VaultDoor, clock: Clock, show: Show) -> Reply:
    """The Vault's answer to a person's login. Raises LoginError where none comes in time, or where it cannot be asked for."""
    target = door.target
    where = f"vault {target.name}, {target.host}"
    nonce = secrets.token_urlsafe(32)
    async with _listening(target.callback_port, where) as callback:
        uri = f"http://localhost:{target.callback_port}{PATH}"
        body = {"redirect_uri": uri, "client_nonce": nonce} | ({"role": target.role} if target.role else {})
        at = target.namespaces[0]
        path = ("auth", target.mount, "oidc", "auth_url")
        asked = await door.ask(path, method="POST", namespace=at, body=body, with_token=False)
        address, state = _address(asked, uri, where)
        callback.state = state
        show(target.name, address)
        if not await within(clock, WAIT_S, callback.done):
            raise LoginError("nobody logged in to the Vault", where=where, why=f"waited {WAIT_S:.0f} s", next="r tries again")
        if not callback.code:
            raise LoginError("the login to the Vault was refused", where=where, why=callback.refused, next="ask its owner")
    query = {"state": state, "code": callback.code, "client_nonce": nonce}
    return await door.ask(("auth", target.mount, "oidc", "callback"), namespace=at, query=query, with_token=False)


class _Callback:
    """What the browser brings; only the first answer with the right state counts."""

    def __init__(self, port: int) -> None:
        self.state = ""
        self.code = ""
        self.refused = ""
        self.done = asyncio.Event()
        self._hosts = frozenset({f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"})

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request. A page of another site cannot know the state, and a name that only points here is none of ours."""
        from aiohttp import web as server  # noqa: PLC0415  only for whoever logs in so

        told = request.query
        known = request.host in self._hosts and request.path == PATH and request.method == "GET" and bool(self.state)
        if not known or self.done.is_set() or not hmac.compare_digest(told.get("state", "").encode(), self.state.encode()):
            return _page(server, 400, "This is not the login that ztui waits for.")
        code = told.get("code", "")
        if 0 < len(code) <= _LIMIT and "error" not in told:
            self.code = code
        else:
            self.refused = (told.get("error_description") or told.get("error") or "no code came back")[:300]
        self.done.set()
        return _page(server, 200, "That is all: go back to ztui, and close this page.")


def _page(server: Any, status: int, words: str) -> web.Response:
    """A page of fixed words: nothing of what was asked for comes back."""
    page: web.Response = server.Response(status=status, text=_PAGE.format(words), content_type="text/html", headers=_HEADERS)
    return page


@contextlib.asynccontextmanager
async def _listening(port: int, where: str) -> AsyncIterator[_Callback]:
    """Listen on loopback, by both its names, for as long as the block runs. Raises LoginError where the port is taken."""
    from aiohttp import web as server  # noqa: PLC0415  only for whoever logs in so

    callback = _Callback(port)
    runner = server.ServerRunner(server.Server(callback.handle, access_log=None), shutdown_timeout=0.5)
    await runner.setup()
    try:
        for number, host in enumerate(("127.0.0.1", "::1")):
            try:
                await server.TCPSite(runner, host, port).start()
            except OSError as error:
                if number and not _has_v6():
                    continue
                raise LoginError(
                    "the login to the Vault cannot listen",
                    where=f"{where}: port {port} of this machine",
                    why=error.strerror or "",
                    next="free the port, or set `callback_port` and allow it in the Vault's role",
                ) from error
        yield callback
    finally:
        await runner.cleanup()


def _has_v6() -> bool:
    """Whether this machine has the other loopback at all."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def _address(reply: Reply, uri: str, where: str) -> tuple[str, str]:
    """Where the person logs in, and the state that must come back. Raises what keeps them from it."""
    if isinstance(reply.error, (ForbiddenError, DataError)):
        raise LoginError("the Vault refused the login", where=where, why=reply.error.why, next="check role and mount")
    address = reply.data.get("auth_url")
    if not isinstance(address, str) or not address:
        why = f"its role does not allow {uri}, or is none for people"
        raise LoginError("the Vault gives no address to log in at", where=where, why=why, next="see allowed_redirect_uris")
    try:
        parts = urlsplit(address)
        host, state = parts.hostname or "", parse_qs(parts.query).get("state", [""])[0]
    except ValueError:
        host = state = ""
    safe = len(address) <= ADDRESS_LIMIT and address.isascii() and address.isprintable() and " " not in address
    secure = bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in {"localhost", "127.0.0.1", "::1"}))
    if not safe or not secure or not state or "@" in parts.netloc:
        why = "it is not an https address with a state"
        raise LoginError("the Vault gives no address to log in at", where=where, why=why, next="ask its owner")
    return address, state
