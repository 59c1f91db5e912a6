"""What stands beside one cluster, asked side by side: one that is slow or away holds up nothing but itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from ztui.clock import Clock
from ztui.health import SideLink
from ztui.kinds.base import Kind
from ztui.sources.acs import ACS, AcsPoller
from ztui.sources.alerts import ALERTS
from ztui.sources.http import Http
from ztui.sources.logs import LOGS
from ztui.sources.metrics import METRICS
from ztui.sources.side import Poller
from ztui.store import Event
from ztui.view import Why


class Beside:
    """All that stands beside one cluster and is asked something."""

    def __init__(self, http: Http, kinds: Iterable[type[Kind]], emit: Callable[[Event], None], clock: Clock) -> None:
        wanted = frozenset(kinds)
        sides = zip((METRICS, ALERTS, LOGS), http.target.beside, strict=True)
        self._pollers = [Poller(side, url, wanted, http, emit, clock) for side, url in sides if wanted.intersection(side.kinds)]
        if wanted.intersection(ACS.kinds):
            self._pollers.append(AcsPoller(ACS, http.target.acs.url, wanted, http, emit, clock))

    async def run(self) -> None:
        """Ask until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for poller in self._pollers:
                    tasks.create_task(poller.run(), name=f"ask {poller.side.name}")
        finally:
            await self.close()

    async def round(self) -> None:
        """Ask everything once."""
        for poller in self._pollers:
            await poller.round()

    async def close(self) -> None:
        """Close the connections."""
        for poller in self._pollers:
            await poller.close()

    def http(self, name: str) -> Http | None:
        """The client of one of them, once it was found; ``None`` before, and where there is none."""
        return next((poller.http for poller in self._pollers if poller.side.name == name), None)

    @property
    def cluster(self) -> str:
        """The name that ACS Central has for this cluster; empty where nothing tells."""
        return next((poller.cluster for poller in self._pollers if isinstance(poller, AcsPoller)), "")

    def links(self) -> tuple[SideLink, ...]:
        """The connections as they are now."""
        links = ((poller.side.missing, poller.link()) for poller in self._pollers)
        return tuple(link for missing, link in links if link.found or missing is not Why.ABSENT)
