"""The demo API server: listens on loopback over TLS, authenticates, authorizes, and hands each call to its verb.

`DemoServer` runs in the caller's loop, `DemoThread` in a thread with a loop of its own. Both start with the objects of
`world` and keep them alive with `reconcile` and, if asked, `churn`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from aiohttp import web

from ztui.demo import churn, scenarios, tls, world
from ztui.demo.app import App
from ztui.demo.attack import Attack, Chronicle
from ztui.demo.cluster import new_cluster
from ztui.demo.faults import Faults
from ztui.demo.store import Store
from ztui.demo.telemetry import Telemetry
from ztui.demo.vault import DemoVault


class Recorded(NamedTuple):
    """One answered request."""

    method: str
    path: str
    query: str
    user: str
    status: int


class DemoServer:
    """An OpenShift-like API server on loopback. `requests` records every answer for tests.

    Without `controllers` nothing reacts to a change, as in a real cluster of which only the API server runs.
    """

    def __init__(
        self,
        *,
        scenario: str = "default",
        seed: int = 7,
        scale: int = 0,
        churn: bool = True,
        port: int = 0,
        vault_socket: socket.socket | None = None,
        controllers: bool = True,
    ) -> None:
        self.vault = DemoVault(vault_socket, sound=scenario in scenarios.SOUND_VAULT, narrow=scenario in scenarios.USERS)
        self.cluster = new_cluster(seed)
        self.chronicle = Chronicle()
        self.attack: Attack | None = None
        self.objects: Store = self.cluster.store
        self.faults: Faults = self.cluster.faults
        self.requests: list[Recorded] = []
        self.url = ""
        self.ca_pem = ""
        self.telemetry_url = ""
        self._scenario, self._seed, self._scale, self._churn, self._port = scenario, seed, scale, churn, port
        self._controllers = controllers
        self._runner: web.AppRunner | None = None
        self._beside: web.AppRunner | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Fills the world and listens; `url`, `telemetry_url` and `ca_pem` are known afterwards."""
        controllers = world.fill(self.cluster, scenario=self._scenario, seed=self._seed, scale=self._scale)
        controllers.go_live()
        if not self._controllers:
            controllers.rest()
        accounts = [item["metadata"] for item in self.objects.of("serviceaccounts")]
        self.vault.know({(meta["namespace"], meta["name"]): meta["uid"] for meta in accounts})
        made = tls.make()
        self.ca_pem = made.ca_pem
        listening = socket.create_server(("127.0.0.1", self._port))
        port = listening.getsockname()[1]
        self.url = f"https://127.0.0.1:{port}"
        app = App(self.cluster, self.url, self._record)
        self._runner = web.AppRunner(app.application(), access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.SockSite(self._runner, listening, ssl_context=made.context).start()
        await self.vault.start(made.context)
        self._beside = web.AppRunner(Telemetry(self.cluster, self.chronicle).application(), access_log=None, shutdown_timeout=0.1)
        await self._beside.setup()
        beside = socket.create_server(("127.0.0.1", 0))
        self.telemetry_url = f"https://127.0.0.1:{beside.getsockname()[1]}"
        await web.SockSite(self._beside, beside, ssl_context=made.context).start()
        if self._scenario in scenarios.ATTACKED:
            self.attack = Attack(self.cluster, self.chronicle, self._seed)
        if self.attack is not None and self._churn:
            self._tasks.append(asyncio.create_task(self.attack.run(), name="demo-attack"))
        if self._churn:
            self._tasks.append(asyncio.create_task(churn.live(self.cluster, self._seed), name="demo-churn"))

    async def stop(self) -> None:
        """Ends every stream and stops listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self.vault.stop()
        for runner in (self._runner, self._beside):
            if runner:
                await runner.cleanup()
        self._runner = self._beside = None

    def _record(self, method: str, path: str, query: str, user: str, status: int) -> None:
        self.requests.append(Recorded(method, path, query, user, status))
        if len(self.requests) > 20_000:
            del self.requests[:10_000]

    def token(self, user: str) -> str:
        """A bearer token for a user of the demo: admin, viewer, ana, nobody, or any other user name."""
        return self.cluster.identities.token(user)

    def kubeconfig(self, user: str = "") -> str:
        """A kubeconfig (JSON, hence YAML) with one context, `demo`, and the certificate authority inline.

        It is that of the scenario's user where none is named.
        """
        user = user or scenarios.USERS.get(self._scenario, "admin")
        authority = base64.b64encode(self.ca_pem.encode()).decode()
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "demo", "cluster": {"server": self.url, "certificate-authority-data": authority}},
            ],
            "users": [{"name": user, "user": {"token": self.token(user)}}],
            "contexts": [{"name": "demo", "context": {"cluster": "demo", "user": user, "namespace": "default"}}],
            "current-context": "demo",
        }
        return json.dumps(content, indent=2)

    def write_vault(self, folder: Path) -> tuple[Path, Path]:
        """Writes what a client of the Vault needs: its certificate authority and a token, readable by their owner only."""
        authority, token = folder / "vault-ca.pem", folder / "vault-token"
        for path, text in ((authority, self.ca_pem), (token, self.vault.token)):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
        return authority, token

    def write_kubeconfig(self, path: Path, user: str = "") -> Path:
        """Writes the kubeconfig, readable by its owner only."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(self.kubeconfig(user))
        return path


class DemoThread:
    """A DemoServer in a thread of its own: `with DemoThread() as demo:`, then use it as the server itself."""

    def __init__(
        self,
        *,
        scenario: str = "default",
        seed: int = 7,
        scale: int = 0,
        churn: bool = True,
        port: int = 0,
        vault_socket: socket.socket | None = None,
        controllers: bool = True,
    ) -> None:
        self.server = DemoServer(
            scenario=scenario,
            seed=seed,
            scale=scale,
            churn=churn,
            port=port,
            vault_socket=vault_socket,
            controllers=controllers,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._done: asyncio.Event | None = None
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="demo-cluster", daemon=True)

    async def _main(self) -> None:
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        try:
            await self.server.start()
        except Exception as wrong:  # noqa: BLE001  # raised again in the thread that waits
            self._error = wrong
            return
        finally:
            self._ready.set()
        await self._done.wait()
        await self.server.stop()

    def start(self) -> DemoThread:
        """Returns once the server listens. Raises what kept it from doing so."""
        self._thread.start()
        self._ready.wait()
        if self._error:
            raise self._error
        return self

    def stop(self) -> None:
        """Stops the server and waits for its thread."""
        if self._loop and self._done and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._done.set)
            self._thread.join()

    def __enter__(self) -> DemoThread:
        return self.start()

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Address of the API server."""
        return self.server.url

    @property
    def telemetry_url(self) -> str:
        """Address of the metrics store and the alert manager."""
        return self.server.telemetry_url

    @property
    def ca_pem(self) -> str:
        """Certificate authority to trust."""
        return self.server.ca_pem

    @property
    def faults(self) -> Faults:
        """Fault switches."""
        return self.server.faults

    @property
    def objects(self) -> Store:
        """The objects; safe to change from any thread."""
        return self.server.objects

    @property
    def requests(self) -> list[Recorded]:
        """Answered requests."""
        return self.server.requests

    def token(self, user: str) -> str:
        """See DemoServer.token."""
        return self.server.token(user)

    def kubeconfig(self, user: str = "") -> str:
        """See DemoServer.kubeconfig."""
        return self.server.kubeconfig(user)

    def write_kubeconfig(self, path: Path, user: str = "") -> Path:
        """See DemoServer.write_kubeconfig."""
        return self.server.write_kubeconfig(path, user)
