"""What the server serves: groups, versions, resources. Aggregated discovery, with the plain form as fallback.

A group that is listed but does not answer is unavailable; only a healthy answer that lacks a resource proves that it is absent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final, Protocol

import msgspec

from ztui.errors import ConnectError, DataError, ZtuiError
from ztui.kinds.base import DECODE_ERRORS, Kind
from ztui.view import Gap, Why

AGGREGATED: Final = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
)


class Fetch(Protocol):
    """Read one path; raises the errors of ``errors.py``."""

    async def __call__(self, path: str, accept: str = "application/json") -> bytes:
        """The body of a 2xx answer."""


class Resource(msgspec.Struct, frozen=True):
    """A kind as this server serves it: ``base`` is ``/api/v1`` or ``/apis/<group>/<version>``."""

    base: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """The path of the resource, of one namespace's part of it, or of one object."""
        place = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return f"{self.base}{place}/{self.plural}{f'/{name}' if name else ''}"


class Served(msgspec.Struct, frozen=True):
    """The answer of discovery: ``(group, version, plural)`` of all resources, in the server's order of preference.

    ``down`` are group versions that are registered but did not answer, with the reason.
    """

    resources: dict[tuple[str, str, str], bool]
    versions: dict[str, tuple[str, ...]]
    down: dict[tuple[str, str], str]

    def resolve(self, kind: type[Kind]) -> Resource | Gap:
        """Where the kind is served: the group's preferred version that we know, or why nowhere."""
        served = self.versions.get(kind.GROUP, ())
        for version in sorted(kind.VERSIONS, key=lambda item: served.index(item) if item in served else len(served)):
            namespaced = self.resources.get((kind.GROUP, version, kind.PLURAL))
            if namespaced is not None:
                base = f"/apis/{kind.GROUP}/{version}" if kind.GROUP else f"/api/{version}"
                return Resource(base, kind.PLURAL, namespaced)
        down = next((why for (group, _), why in self.down.items() if group == kind.GROUP), None)
        if down is not None:
            return Gap(Why.UNAVAILABLE, f"{kind.GROUP}: {down}")
        other = [version for group, version, plural in self.resources if (group, plural) == (kind.GROUP, kind.PLURAL)]
        if other:
            return Gap(Why.UNAVAILABLE, f"{kind.PLURAL}.{kind.GROUP} is served as {', '.join(other)} only")
        return Gap(Why.ABSENT, f"{kind.PLURAL}.{kind.GROUP}" if kind.GROUP else kind.PLURAL)


async def discover(fetch: Fetch, groups: Iterable[str]) -> Served:
    """Ask the server what it serves. ``groups`` are those that matter where each has to be asked on its own.

    Raises what the first answer raises: without it nothing is known. Source: discovery v2 APIGroupDiscoveryList.
    """
    bodies = await asyncio.gather(fetch("/api", AGGREGATED), fetch("/apis", AGGREGATED))
    found = [_aggregated(body) for body in bodies]
    if all(item is not None for item in found):
        return _from_aggregated([group for item in found for group in item or ()])
    return await _plain(fetch, bodies[1], frozenset(groups))


class _Name(msgspec.Struct):
    name: str = ""


class _Resource(msgspec.Struct):
    resource: str = ""
    scope: str = "Namespaced"


class _Version(msgspec.Struct):
    version: str = ""
    resources: list[_Resource] | None = None
    freshness: str = "Current"


class _Group(msgspec.Struct):
    metadata: _Name = msgspec.field(default_factory=_Name)
    versions: list[_Version] | None = None


class _GroupList(msgspec.Struct):
    kind: str = ""
    items: list[_Group] | None = None


class _PlainVersion(msgspec.Struct, rename="camel"):
    group_version: str = ""
    version: str = ""


class _PlainGroup(msgspec.Struct, rename="camel"):
    name: str = ""
    versions: list[_PlainVersion] | None = None
    preferred_version: _PlainVersion | None = None


class _PlainGroups(msgspec.Struct):
    groups: list[_PlainGroup] | None = None


class _PlainResource(msgspec.Struct):
    name: str = ""
    namespaced: bool = False


class _PlainResources(msgspec.Struct):
    resources: list[_PlainResource] | None = None


def _aggregated(body: bytes) -> list[_Group] | None:
    try:
        found = msgspec.json.decode(body, type=_GroupList)
    except DECODE_ERRORS as error:
        msg = "the server's discovery cannot be read"
        raise DataError(msg, where="/apis", why=str(error)) from error
    return found.items or [] if found.kind == "APIGroupDiscoveryList" else None


def _from_aggregated(groups: list[_Group]) -> Served:
    served = Served({}, {}, {})
    for group in groups:
        name = group.metadata.name
        versions = group.versions or []
        served.versions[name] = tuple(item.version for item in versions)
        for version in versions:
            if version.freshness == "Stale":
                served.down[name, version.version] = "its API server does not answer"
                continue
            for item in version.resources or []:
                served.resources[name, version.version, item.resource] = item.scope == "Namespaced"
    return served


async def _plain(fetch: Fetch, body: bytes, wanted: frozenset[str]) -> Served:
    try:
        groups = msgspec.json.decode(body, type=_PlainGroups).groups or []
    except DECODE_ERRORS as error:
        msg = "the server's discovery cannot be read"
        raise DataError(msg, where="/apis", why=str(error)) from error
    served = Served({}, {"": ("v1",)}, {})
    asked: list[tuple[str, str, str]] = [("", "v1", "/api/v1")]
    for group in groups:
        first = group.preferred_version.version if group.preferred_version else ""
        versions = sorted((item.version for item in group.versions or []), key=lambda item: item != first)
        served.versions[group.name] = tuple(versions)
        if group.name in wanted:
            asked += [(group.name, version, f"/apis/{group.name}/{version}") for version in versions]
    answers = await asyncio.gather(*(_resources(fetch, path) for _, _, path in asked))
    for (group_name, version, _), answer in zip(asked, answers, strict=True):
        if isinstance(answer, str):
            served.down[group_name, version] = answer
        else:
            for item in answer:
                served.resources[group_name, version, item.name] = item.namespaced
    return served


async def _resources(fetch: Fetch, path: str) -> list[_PlainResource] | str:
    try:
        return msgspec.json.decode(await fetch(path), type=_PlainResources).resources or []
    except ConnectError as error:
        return error.why or error.what
    except ZtuiError as error:
        return str(error)
    except DECODE_ERRORS as error:
        return f"its discovery cannot be read: {error}"
