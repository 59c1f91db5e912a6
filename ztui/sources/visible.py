"""Which namespaces a user can see who may not list them: those named to us, and the projects of OpenShift."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from ztui.clock import Clock
from ztui.errors import ZtuiError
from ztui.sources.discovery import Resource, Served
from ztui.sources.kube import KubeApi
from ztui.sources.reflector import ASK_AGAIN_S

KNOWN_S: Final = ASK_AGAIN_S / 2
"""How long an answer does for all: kinds ask a little apart from each other, and all of them every ``ASK_AGAIN_S``."""

_PROJECTS: Final = ("project.openshift.io", "v1", "projects")


class Visible:
    """Asked by every kind that may not be listed, and asks the server once for all of them: at most once in ``KNOWN_S``."""

    def __init__(self, api: KubeApi, served: Callable[[], Served | None], clock: Clock, named: Iterable[str]) -> None:
        self._api = api
        self._served = served
        self._clock = clock
        self._named = tuple(dict.fromkeys(named))
        self._projects: tuple[str, ...] = ()
        self._asked_at = -KNOWN_S
        self._asking = asyncio.Lock()

    async def names(self) -> tuple[str, ...]:
        """The namespaces of now; where the projects cannot be listed now, those that were seen last."""
        async with self._asking:
            served = self._served()
            now = self._clock.monotonic()
            if served is not None and _PROJECTS in served.resources and now - self._asked_at >= KNOWN_S:
                try:
                    found = await self._api.names(Resource("/apis/project.openshift.io/v1", "projects", namespaced=False))
                    self._projects = tuple(found)
                except ZtuiError:
                    pass  # asked again with the next try of what is forbidden
                self._asked_at = self._clock.monotonic()
        return tuple(dict.fromkeys((*self._named, *self._projects)))
