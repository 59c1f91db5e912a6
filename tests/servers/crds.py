"""Custom resource definitions for the test server: upstream's from the folder shared with this project, and our own.

Ours (`openshift/`) stand for kinds that OpenShift serves from aggregated servers and that have no definition to load; they
keep any field and check none. The upstream files are data beside the repository, never part of it.
"""

from __future__ import annotations

import asyncio
import io
import time
from fnmatch import fnmatchcase
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import aiohttp

    from tests.servers.kube import KubeServer

OURS = Path(__file__).parent / "openshift"
UPSTREAM = Path(__file__).parents[2].parent / "shared" / "crds"

# Patterns over `<plural>.<group>`.
ALL = ("*",)
# What an OpenShift cluster has from its first minute, as far as checks read it.
OPENSHIFT = (
    "*.config.openshift.io",
    "*.operator.openshift.io",
    "*.route.openshift.io",
    "*.security.openshift.io",
    "*.security.internal.openshift.io",
    "*.authorization.openshift.io",
    "*.machineconfiguration.openshift.io",
    "*.machine.openshift.io",
    "*.apiserver.openshift.io",
    "*.quota.openshift.io",
    "*.console.openshift.io",
    "*.k8s.ovn.org",
    "*.k8s.cni.cncf.io",
    "*.operators.coreos.com",
    "*.monitoring.coreos.com",
    "*.policy.networking.k8s.io",
    "*.gateway.networking.k8s.io",
    "*.apps.openshift.io",
    "*.build.openshift.io",
    "*.image.openshift.io",
    "*.oauth.openshift.io",
    "*.project.openshift.io",
    "*.template.openshift.io",
    "*.user.openshift.io",
)

_DISCOVERY = "application/json;v=v2;g=apidiscovery.k8s.io;as=APIGroupDiscoveryList"
_APPLY = "application/apply-patch+yaml"
_SECONDS = 120.0
_AT_ONCE = 8


class CrdError(RuntimeError):
    """A definition was refused or is not served in time."""


def available() -> Mapping[str, Path]:
    """The file of each definition, by `<plural>.<group>`, sorted; files are named `<group>_<plural>.yaml`."""
    found = {}
    for folder in (UPSTREAM, OURS):
        for file in folder.glob("*_*.yaml"):
            group, _, plural = file.stem.partition("_")
            found[f"{plural}.{group}"] = file
    return dict(sorted(found.items()))


def why_missing() -> str:
    """Why the upstream definitions cannot be loaded; empty where they can."""
    return "" if UPSTREAM.is_dir() else "no custom resource definitions: the folder shared/crds is not beside the repository"


def select(patterns: Sequence[str]) -> Mapping[str, Path]:
    """The definitions that match any of the patterns.

    **Raises**: CrdError for a pattern that matches nothing.
    """
    files = available()
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in files):
            raise CrdError(f"no custom resource definition matches {pattern}; {why_missing()}")
    return {name: file for name, file in files.items() if any(fnmatchcase(name, pattern) for pattern in patterns)}


def load(server: KubeServer, patterns: Sequence[str] = OPENSHIFT) -> list[str]:
    """`load_async` for callers without a loop, such as fixtures."""
    return asyncio.run(load_async(server, patterns))


async def load_async(server: KubeServer, patterns: Sequence[str] = OPENSHIFT) -> list[str]:
    """Apply the definitions that match and return their names once all of them answer; loading twice is harmless.

    **Raises**: CrdError with the server's words.
    """
    files = select(patterns)
    async with server.session(connections=_AT_ONCE) as session:
        async with asyncio.TaskGroup() as group:
            for name, file in files.items():
                group.create_task(_apply(session, name, await asyncio.to_thread(file.read_bytes)))
        paths = await _wait_discovered(session, list(files))
        async with asyncio.TaskGroup() as group:
            for path in paths:
                group.create_task(_wait_answers(session, path))
    return list(files)


async def _apply(session: aiohttp.ClientSession, name: str, text: bytes) -> None:
    """Server-side apply of the file as it is; the server reads YAML itself."""
    path = f"apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
    query = {"fieldManager": "ztui-tests", "force": "true"}
    async with session.patch(path, params=query, data=io.BytesIO(text), headers={"Content-Type": _APPLY}) as response:
        if not response.ok:
            raise CrdError(f"{name}: {response.status} {await response.text()}")


async def _wait_discovered(session: aiohttp.ClientSession, names: Sequence[str]) -> list[str]:
    """The path of each kind once discovery names them all."""
    deadline = time.monotonic() + _SECONDS
    while missing := set(names) - (paths := await _discovered(session)).keys():
        if time.monotonic() > deadline:
            raise CrdError(f"not served after {_SECONDS:.0f} s: {', '.join(sorted(missing))}")
        await asyncio.sleep(0.1)
    return [paths[name] for name in names]


async def _discovered(session: aiohttp.ClientSession) -> dict[str, str]:
    """Paths by `<plural>.<group>`; a definition is there only when Established, and discovery is what clients go by."""
    async with session.get("apis", headers={"Accept": _DISCOVERY}) as response:
        body = await response.json(content_type=None)
    return {
        f"{plural}.{name}": f"apis/{name}/{version['version']}/{plural}"
        for group in body["items"]
        for name in [group["metadata"]["name"]]
        for version in reversed(group["versions"])  # the preferred one comes first and stays
        for plural in [resource["resource"] for resource in version.get("resources", ())]
    }


async def _wait_answers(session: aiohttp.ClientSession, path: str) -> None:
    """List until the server stops answering 429: the first request for a kind is what makes its storage."""
    deadline = time.monotonic() + _SECONDS
    while True:
        async with session.get(path, params={"limit": "1"}) as response:
            if response.ok:
                return
            if response.status != HTTPStatus.TOO_MANY_REQUESTS or time.monotonic() > deadline:
                raise CrdError(f"{path}: {response.status} {await response.text()}")
        await asyncio.sleep(0.1)
