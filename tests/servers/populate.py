"""Fills a server as a busy cluster is filled: nodes, team namespaces, Deployments down to running pods.

For benches and hand use. No controllers and no kubelet are needed (or wanted: they would judge what they did not make);
parents are made first, so that owner references carry true uids, and status is written as a kubelet would.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from tests.servers import shapes

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    import aiohttp

    from tests.servers.kube import KubeServer

_AT_ONCE = 24
_MERGE = {"Content-Type": "application/merge-patch+json"}
_JSON = {"Content-Type": "application/json"}


class PopulateError(RuntimeError):
    """The server refused an object; the message carries its words."""


@dataclass(frozen=True)
class Census:
    """What was made, in how many seconds."""

    namespaces: int
    pods: int
    objects: int
    seconds: float


async def populate(server: KubeServer, namespaces: int, pods_per_namespace: int, seed: int = 7) -> Census:
    """Fill an empty server; the same arguments give the same objects, but for what the server decides (uid, clusterIP).

    **Raises**: PopulateError at the first refusal, as within an exception group.
    """
    start = time.monotonic()
    names = [f"team-{number:04d}" for number in range(namespaces)]
    async with server.session(connections=_AT_ONCE) as session:
        loader = _Loader(session)
        await _all(loader.node(number) for number in range(shapes.NODES))
        await _all(loader.team(name, number * pods_per_namespace, pods_per_namespace, seed) for number, name in enumerate(names))
    return Census(namespaces, namespaces * pods_per_namespace, loader.objects, round(time.monotonic() - start, 1))


@dataclass
class _Loader:
    session: aiohttp.ClientSession
    objects: int = 0
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    async def node(self, number: int) -> None:
        await self._make("/api/v1/nodes", shapes.node(number))
        await self._report(f"/api/v1/nodes/worker-{number}", shapes.node_status())

    async def team(self, name: str, first: int, count: int, seed: int) -> None:
        core = f"/api/v1/namespaces/{name}"
        apps = shapes.apps(name, seed)
        await self._make("/api/v1/namespaces", shapes.namespace(name))
        accounts = ["default", *(app.name for app in apps)]
        await _all(self._make(f"{core}/serviceaccounts", {"metadata": {"name": account}}) for account in accounts)
        await _all(self._make(path, body) for path, body in shapes.settings(name))
        await _all(self._app(app, list(range(first + place, first + count, shapes.APPS))) for place, app in enumerate(apps))

    async def _app(self, app: shapes.App, numbers: list[int]) -> None:
        core, apps = f"/api/v1/namespaces/{app.namespace}", f"/apis/apps/v1/namespaces/{app.namespace}"
        size = len(numbers)
        deployment = await self._make(f"{apps}/deployments", shapes.deployment(app, size))
        replica_set = await self._make(f"{apps}/replicasets", shapes.replica_set(app, size, deployment))
        await self._report(f"{apps}/deployments/{app.name}", shapes.deployment_status(size))
        await self._report(f"{apps}/replicasets/{app.name}-{app.hash}", shapes.workload_status(size))
        service = await self._make(f"{core}/services", shapes.service(app))
        pods = [(shapes.pod_name(app, number), number) for number in numbers]
        slices = f"/apis/discovery.k8s.io/v1/namespaces/{app.namespace}/endpointslices"
        await self._make(slices, shapes.endpoint_slice(app, service, pods))
        await _all(self._pod(app, name, number, replica_set) for name, number in pods)

    async def _pod(self, app: shapes.App, name: str, number: int, replica_set: shapes.Object) -> None:
        path = f"/api/v1/namespaces/{app.namespace}/pods"
        await self._send("POST", path, shapes.pod(app, name, number, replica_set))
        await self._report(f"{path}/{name}", shapes.pod_status(app, number))
        self.objects += 1

    async def _make(self, path: str, body: shapes.Object) -> shapes.Object:
        made: shapes.Object = msgspec.json.decode(await self._send("POST", path, body))
        self.objects += 1
        return made

    async def _report(self, path: str, status: shapes.Object) -> None:
        await self._send("PATCH", f"{path}/status", status)

    async def _send(self, method: str, path: str, body: shapes.Object) -> bytes:
        headers = _MERGE if method == "PATCH" else _JSON
        async with self.gate, self.session.request(method, path, data=msgspec.json.encode(body), headers=headers) as response:
            answer = await response.read()
            if not response.ok:
                raise PopulateError(f"{method} {path}: {response.status} {answer.decode(errors='replace')}")
        return answer


async def _all(work: Iterable[Coroutine[None, None, object]]) -> None:
    async with asyncio.TaskGroup() as group:
        for each in work:
            group.create_task(each)
