"""A small demo server, the real client on it, and the real store behind: what all tests of the reading edge stand on.

The server is the demo's own application over plain HTTP on loopback, empty but for what a test puts there.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

from aiohttp import web

from tests.faults.proxy import Proxy, fault_proxy
from tests.faults.virtual import LoopClock
from tests.worlds import resource
from ztui.demo.app import App
from ztui.demo.cluster import new_cluster
from ztui.demo.server import Recorded
from ztui.kinds.base import Kind
from ztui.settings import Settings
from ztui.sources.cluster import Cluster
from ztui.sources.http import Http
from ztui.sources.kube import KubeApi
from ztui.sources.reflector import Feed, Reflector
from ztui.sources.target import find_target
from ztui.store import Drop, Event, Put, Store
from ztui.view import EVERYWHERE, Gap

USER = "system:admin"
SPACE = "web"


class ConfigMap(Kind, frozen=True):
    """A kind of the tests: metadata is all that is kept, its data stays at the door."""

    PLURAL: ClassVar[str] = "configmaps"
    KIND: ClassVar[str] = "ConfigMap"


class Lease(Kind, frozen=True):
    """A second kind, to see that trouble of the first does not reach it."""

    GROUP: ClassVar[str] = "coordination.k8s.io"
    PLURAL: ClassVar[str] = "leases"
    KIND: ClassVar[str] = "Lease"


class Thing(Kind, frozen=True):
    """A custom resource that comes, changes its version, and goes."""

    GROUP: ClassVar[str] = "new.example"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v2", "v1")
    PLURAL: ClassVar[str] = "things"
    KIND: ClassVar[str] = "Thing"


def config(name: str, value: str = "", namespace: str = SPACE) -> dict[str, Any]:
    """A ConfigMap whose label ``value`` tells its states apart."""
    meta: dict[str, Any] = {"name": name, "namespace": namespace, "labels": {"value": value}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}


def lease(name: str) -> dict[str, Any]:
    """A Lease."""
    meta = {"name": name, "namespace": SPACE}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta}


class Rig:
    """Server, proxy, client and store of one test."""

    def __init__(self, seed: int = 0) -> None:
        self.cluster = new_cluster(seed)
        self.objects = self.cluster.store
        self.faults = self.cluster.faults
        self.requests: list[Recorded] = []
        self.came: list[float] = []
        self.clock = LoopClock()
        self.rng = random.Random(seed)  # noqa: S311  jitter, not a secret
        self.store = Store()
        self.events: list[Event] = []
        self.http: Http
        self.proxy: Proxy
        self._news = asyncio.Event()

    def take(self, event: Event) -> None:
        """Where the source's events go."""
        self.events.append(event)
        self.store.apply(event)

    def feed(self, *, lists: int = 8) -> Feed:
        """What reflectors share."""
        return Feed(KubeApi(self.http), self.take, self.clock, rng=self.rng, lists=lists)

    def reflector(self, kind: type[Kind] = ConfigMap, *, feed: Feed | None = None, streaming: bool = False) -> Reflector:
        """A reflector of a kind, everywhere."""
        return Reflector(feed or self.feed(), kind, resource(kind), EVERYWHERE, streaming=streaming)

    def source(self, *kinds: type[Kind], namespaces: Iterable[str] = ()) -> Cluster:
        """The whole source, as the core makes it."""
        return Cluster(self.http, kinds, self.take, self.clock, namespaces)

    def gap(self, kind: type[Kind] = ConfigMap, namespace: str = EVERYWHERE) -> Gap | None:
        """Why a kind is not whole at this moment."""
        return self.store.tick(self.clock.now()).gap(kind, namespace)

    def held(self, kind: type[Kind] = ConfigMap) -> dict[str, str]:
        """What the store holds of a kind: name -> version."""
        parts = self.store.tick(self.clock.now()).objects.get(kind, {}).values()
        return {name: obj.metadata.resource_version for part in parts for name, obj in part.items()}

    def served(self, kind: type[Kind] = ConfigMap) -> dict[str, str]:
        """What the server holds of a kind: name -> version."""
        found = self.cluster.catalogue.get(kind.GROUP, kind.PLURAL)
        return {obj["metadata"]["name"]: obj["metadata"]["resourceVersion"] for obj in self.objects.all(found)} if found else {}

    def same(self, kind: type[Kind] = ConfigMap) -> bool:
        """Whether the store holds exactly what the server holds, in the same versions, and says that it is whole."""
        return self.held(kind) == self.served(kind) and self.gap(kind) is None

    def asked(self, plural: str, *, watch: bool | None = None) -> list[Recorded]:
        """The answered requests for a resource."""
        found = [item for item in self.requests if item.path.endswith(f"/{plural}")]
        return found if watch is None else [item for item in found if ("watch=" in item.query) is watch]

    async def until(self, claim: Callable[[], object], *, within_s: float = 600.0) -> float:
        """Let time pass until the claim holds; returns the virtual seconds that took. Fails after ``within_s`` of them."""
        started = self.clock.monotonic()
        while not claim():
            took = self.clock.monotonic() - started
            assert took <= within_s, f"not within {within_s:g} s"
            await self.clock.sleep(0.1)
        return self.clock.monotonic() - started

    async def always(self, claim: Callable[[], object], *, for_s: float, step_s: float = 0.5) -> None:
        """Let time pass; the claim must hold at every look."""
        ends = self.clock.monotonic() + for_s
        while self.clock.monotonic() < ends:
            assert claim()
            await self.clock.sleep(step_s)

    def record(self, method: str, path: str, query: str, user: str, status: int) -> None:
        """The server's note of an answer."""
        self.requests.append(Recorded(method, path, query, user, status))
        self.came.append(self.clock.monotonic())


@asynccontextmanager
async def rig(folder: Path, *, seed: int = 0, user: str = USER) -> AsyncIterator[Rig]:
    """Start server, proxy and client; stop them all at the end."""
    made = Rig(seed)
    app = App(made.cluster, "http://127.0.0.1", made.record)
    runner = web.AppRunner(app.application(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with fault_proxy(runner.addresses[0][1]) as made.proxy:
            made.http = Http(find_target(Settings(kubeconfig=str(_login(made, folder, user))), {}), made.clock)
            try:
                yield made
            finally:
                await made.http.close()
    finally:
        await runner.cleanup()


@asynccontextmanager
async def running(*followers: Reflector | Cluster) -> AsyncIterator[None]:
    """Let reflectors or a source run until the block ends; one that fails, fails the test."""
    tasks = [asyncio.ensure_future(follower.run()) for follower in followers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result


def versions_seen(events: Iterable[Event], kind: type[Kind] = ConfigMap) -> dict[str, list[str]]:
    """The versions of each object in the order in which they came; ``gone`` for a deletion that was told."""
    found: dict[str, list[str]] = {}
    for event in events:
        match event:
            case Put(obj) if isinstance(obj, kind):
                found.setdefault(obj.name, []).append(obj.metadata.resource_version)
            case Drop(kind=of, name=name) if of is kind:
                found.setdefault(name, []).append("gone")
    return found


def _login(made: Rig, folder: Path, user: str) -> Path:
    """A kubeconfig for the proxy's port."""
    path = folder / "rig-kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "rig",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{made.proxy.port}"}}],
        "users": [{"name": "u", "user": {"token": made.cluster.identities.token(user)}}],
        "contexts": [{"name": "rig", "context": {"cluster": "c", "user": "u"}}],
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(content))
    return path
