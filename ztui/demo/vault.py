"""A Vault beside the demo cluster: what an assessor reads and a remedy writes, in the shapes of the real server, over TLS.

It listens on loopback and keeps no secret values. `faults` make it misbehave; `story` is what it tells, by path.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import ssl
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from ztui.demo import vaultengines, vaultgiven
from ztui.demo.vaultsound import mend
from ztui.demo.vaultstory import Answer, story
from ztui.demo.vaultwrites import ACCESSORS, LEASES, envelope, write

_OPEN = frozenset({"sys/seal-status", "sys/health", "sys/leader", "sys/generate-root/attempt"})
_BARE = _OPEN | {"sys/metrics"}
"""Paths that answer without the usual envelope."""


@dataclass
class VaultFaults:
    """How the Vault misbehaves. `status` is the node's state as `sys/health` codes it, `body` replaces every answer."""

    status: int = 200
    denied: set[str] = field(default_factory=set)
    body: bytes | None = None
    content_type: str = "application/json"
    redirect: str = ""
    hold: asyncio.Event | None = None
    """Every answer waits for this."""
    is_expired: bool = False
    answers: dict[str, Answer] = field(default_factory=dict)
    """What single paths answer, whatever is kept there."""
    closed: set[str] = field(default_factory=set)
    """Paths that the token may read and not write."""
    lose: int = 0
    """So many writes are done, and nobody is told."""

    def off(self) -> None:
        """Behave again."""
        self.__init__()  # type: ignore[misc]  # the defaults are the good behaviour


_OWN = frozenset({"auth/token/lookup-self", "auth/token/renew-self", "sys/capabilities-self"})
"""What Vault's `default` policy lets every token do."""


class DemoVault:
    """The server. `requests` records method, path and whether a token came along, `spaces` the namespace of each.

    Its token is that of somebody without a policy where it is `narrow`.
    """

    def __init__(
        self,
        listening: socket.socket | None = None,
        *,
        now: Callable[[], float] = time.time,
        sound: bool = False,
        narrow: bool = False,
    ) -> None:
        self._narrow = narrow
        self._listening = listening
        self.token = f"hvs.{secrets.token_urlsafe(24)}"
        self.url = ""
        self.faults = VaultFaults()
        self.requests: list[tuple[str, str, bool]] = []
        self.spaces: list[str] = []
        self.story: dict[str, Any] = story(now)
        if sound:
            mend(self.story, now())
        if narrow:
            own = self.story["auth/token/lookup-self"]
            self.story["auth/token/lookup-self"] = {**own, "display_name": "ana", "policies": ["default"]}
        self._runner: web.AppRunner | None = None
        self._open: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()

    async def start(self, context: ssl.SSLContext | None = None) -> None:
        """Listen, over TLS where a context is given; `url` is known afterwards."""
        listening = self._listening = self._listening or socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        app = web.Application()
        app.router.add_route("*", "/v1/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.SockSite(self._runner, listening, ssl_context=context).start()

    async def stop(self) -> None:
        """Listen no more, and wait for nobody who is still connected."""
        for transport in self._open:
            transport.abort()
        await asyncio.sleep(0)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._listening is not None:
            self._listening.close()

    def know(self, accounts: Mapping[tuple[str, str], str]) -> None:
        """The uids of the cluster's accounts, by namespace and name: what logins by them are called."""
        vaultgiven.know(self.story, accounts)

    async def _handle(self, request: web.Request) -> web.Response:
        if isinstance(request.transport, asyncio.Transport):
            self._open.add(request.transport)
        path, method = request.match_info["path"].strip("/"), request.method
        if method == "GET" and request.query.get("list") == "true":
            method = "LIST"
        token = request.headers.get("X-Vault-Token", "")
        self.requests.append((method, path, bool(token)))
        self.spaces.append(request.headers.get("X-Vault-Namespace", ""))
        faults = self.faults
        if faults.hold is not None:
            await faults.hold.wait()
        if faults.redirect:
            return web.Response(status=307, headers={"Location": f"{faults.redirect}/v1/{path}"})
        if faults.body is not None:
            return web.Response(body=faults.body, headers={"Content-Type": faults.content_type})
        body = json.loads(await request.read() or b"{}") if method in {"POST", "PUT"} else {}
        status, found = self._answer(method, path, token, body)
        if faults.lose and method in {"POST", "PUT"} and "lookup" not in path and request.transport:
            faults.lose -= 1
            request.transport.close()
            raise ConnectionResetError("the answer was lost on purpose")
        return web.json_response(found, status=status) if found is not None else web.Response(status=status)

    def _answer(self, method: str, path: str, token: str, body: Mapping[str, Any]) -> Answer:
        if path in _OPEN:
            return self._state(path)
        if self.faults.status not in {200, 473}:
            return 503, {"errors": ["Vault is sealed"]}
        refused = token != self.token or self.faults.is_expired or path in self.faults.denied
        if refused or (self._narrow and path not in _OWN):
            return 403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}
        if method == "GET" and ("/data/" in f"{path}/" or "/subkeys/" in f"{path}/"):
            return 403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}
        if path in self.faults.answers:
            return self.faults.answers[path]
        if method == "LIST":
            return self._list(path)
        if method != "GET":
            return self._written(method, path, body) or (403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]})
        if (mount := vaultengines.seen(self.story, path)) is not None:
            return 200, envelope(mount)
        if path not in self.story:
            return 404, {"errors": []}
        data = self.story[path]
        return (200, data) if path in _BARE else (200, envelope(data))

    def _written(self, method: str, path: str, body: Mapping[str, Any]) -> Answer | None:
        if path in self.faults.closed:
            return None
        if method == "DELETE":
            return vaultengines.delete(self.story, path)
        return write(self.story, path, body, frozenset(self.faults.closed))

    def _state(self, path: str) -> Answer:
        found, status = dict(self.story[path]), self.faults.status
        if path == "sys/seal-status":
            return 200, found | {"sealed": status == 503, "initialized": status != 501}
        if path == "sys/health":
            changes = {"sealed": status == 503, "initialized": status != 501, "standby": status == 429}
            return status, found | changes
        return 200, found

    def _list(self, path: str) -> Answer:
        prefix = f"{path}/"
        if path == "auth/token/accessors":
            prefix = ACCESSORS
        folders = "/metadata" in f"/{path}" or prefix.startswith(LEASES)
        keys = {
            rest.partition("/")[0] + ("/" if "/" in rest and folders else "")
            for known in self.story
            if known.startswith(prefix)
            for rest in [known.removeprefix(prefix)]
        }
        return (200, envelope({"keys": sorted(keys)})) if keys else (404, {"errors": []})
