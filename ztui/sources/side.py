"""One thing beside a cluster (metrics store, alert manager, log store) as a source of events: a few questions, again and again.

It is found by its Route, or where the settings say. The cluster's token goes to that host and no other, and not even there where
it has a login of its own; a client certificate never does. Whatever is wrong with an answer is a gap, never a value; what was
measured stays, marked as stale, until four rounds in a row brought nothing.
"""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ztui.clock import Clock
from ztui.errors import AbsentError, ForbiddenError, ZtuiError
from ztui.health import Freshness, SideLink
from ztui.kinds.base import Kind, Malformed
from ztui.kinds.network import Route
from ztui.sources.credentials import Credentials
from ztui.sources.discovery import Resource
from ztui.sources.http import Http
from ztui.sources.kube import KubeApi
from ztui.sources.reflector import gap_of
from ztui.sources.target import Target
from ztui.store import Event, Hole
from ztui.view import Gap, Why

POLL_S: Final = 30.0
TIMEOUT_S: Final = 10.0
AT_ONCE: Final = 500
"""How much is passed on before others have their turn."""

STALE_AFTER: Final = 2
MISSES: Final = 4
"""Rounds without an answer until what was measured is stale, and until it counts no more."""

ROUTES: Final = Resource("/apis/route.openshift.io/v1", "routes", namespaced=True)
_HOST_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")


@dataclass(frozen=True, slots=True)
class Side:
    """One thing beside the cluster: its name in gaps, its word on screens, what it is asked, and how its host is found.

    ``role`` is what a user needs to ask it, ``poll_s`` how long it is left alone between two rounds, ``pauses`` how long at least
    between two answers about a kind that is asked for less often, ``missing`` what it means that there is none.
    """

    name: str
    word: str
    role: str
    kinds: tuple[type[Kind], ...]
    find: Callable[[KubeApi], Awaitable[str]]
    ask: Callable[[Http, type[Kind]], Awaitable[list[Event]]]
    poll_s: float = POLL_S
    missing: Why = Why.NOT_CONNECTED
    pauses: Mapping[type[Kind], float] = field(default_factory=dict)


class Beyond(Credentials):
    """A login for a host beside the cluster: never renewed on that host's word, never with a certificate."""

    def __init__(self, advice: str) -> None:
        self._advice = advice
        self.generation = 0
        self.certificate_generation = 0
        self.skew_s = 0.0

    @property
    def certificate(self) -> None:
        """None: a client certificate is the cluster's own matter."""
        return

    async def headers(self) -> dict[str, str]:
        """What logs a request in."""
        raise NotImplementedError

    async def refresh(self, reason: str, *, refused: int | None = None) -> bool:
        """Another host's refusal says nothing about the login to the cluster."""
        del reason, refused
        return False

    def advice(self) -> str:
        """What the user can do."""
        return self._advice


class Borrowed(Beyond):
    """The token of the cluster's own login."""

    def __init__(self, lender: Credentials, advice: str) -> None:
        super().__init__(advice)
        self._lender = lender

    async def headers(self) -> dict[str, str]:
        """The bearer token alone."""
        return {name: value for name, value in (await self._lender.headers()).items() if name == "Authorization"}


class Poller:
    """One of them: asks, and knows how that is going."""

    def __init__(
        self,
        side: Side,
        url: str,
        wanted: frozenset[type[Kind]],
        cluster: Http,
        emit: Callable[[Event], None],
        clock: Clock,
    ) -> None:
        self.side = side
        self._url = url
        self._kinds = [kind for kind in side.kinds if kind in wanted]
        self._cluster = cluster
        self._emit = emit
        self._clock = clock
        self._misses: defaultdict[type[Kind], int] = defaultdict(lambda: MISSES - 1)
        self._due: defaultdict[type[Kind], float] = defaultdict(lambda: -math.inf)
        self._missed = 0
        self._heard_at: float | None = None
        self._http: Http | None = None
        self._is_there = True
        self._problem: ZtuiError | None = None
        self._requests = 0

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await self.round()
            await self._clock.sleep(self.side.poll_s)

    async def close(self) -> None:
        """Close the connection."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def round(self) -> None:
        """Ask everything once."""
        try:
            http = await self._host()
        except ZtuiError as error:
            self._fail(self._kinds, error)
            return
        self._is_there, problem = http is not None, None
        for kind in self._kinds:
            if http is None:
                self._emit(Hole(kind, Gap(self.side.missing, self.side.name), forget=True))
                continue
            if self._clock.monotonic() < self._due[kind]:
                continue
            self._requests += 1
            try:
                events = await self._asked(http, kind)
            except ZtuiError as error:
                problem = self._told(error)
                self._fail([kind], problem, counts=False)
                continue
            self._misses[kind] = 0
            self._due[kind] = self._clock.monotonic() + self.side.pauses.get(kind, 0.0)
            for number, event in enumerate(events, 1):
                self._emit(event)
                if number % AT_ONCE == 0:  # whatever tells so much at once, the screen goes on
                    await asyncio.sleep(0)
        if problem is None:
            self._heard_at, self._missed, self._problem = self._clock.monotonic(), 0, None
        else:
            self._missed += 1

    @property
    def http(self) -> Http | None:
        """The client for the host, once it was found."""
        return self._http if self._is_there else None

    def link(self) -> SideLink:
        """How this connection is doing."""
        silent_s = 0.0 if self._heard_at is None else self._clock.monotonic() - self._heard_at
        return SideLink(
            name=self.side.word,
            address=self._http.target.server if self._http is not None else self._url,
            freshness=self._freshness(),
            silent_s=silent_s,
            found=self._is_there,
            problem=self._problem,
            requests=self._requests,
        )

    def _fail(self, kinds: Iterable[type[Kind]], error: ZtuiError, *, counts: bool = True) -> None:
        """No answer, or none that may be used: once is no news where there was one before, four times is."""
        gap = gap_of(error)
        self._problem = error
        self._missed += counts
        for kind in kinds:
            self._misses[kind] += 1
            if self._misses[kind] >= MISSES or gap.why is Why.FORBIDDEN:
                self._emit(Hole(kind, gap, forget=gap.why is Why.FORBIDDEN))

    def _told(self, error: ZtuiError) -> ZtuiError:
        """A refusal in the words of this side: its paths are no resources of the cluster's API."""
        if not isinstance(error, ForbiddenError):
            return error
        return ForbiddenError("get", self.side.word, self.side.name, why=error.why, next=f"ask for the role {self.side.role}")

    def _freshness(self) -> Freshness:
        if self._heard_at is None:
            return Freshness.CONNECTING if self._problem is None else Freshness.LOST
        if self._missed >= MISSES:
            return Freshness.LOST
        return Freshness.STALE if self._missed >= STALE_AFTER else Freshness.LIVE

    async def _host(self) -> Http | None:
        """A client for the host, ``None`` where there is none. A Route that moved is another host."""
        server = self._url.rstrip("/") or await self._found()
        if not server:
            return None
        if self._http is None or self._http.target.server != server:
            await self.close()
            self._due.clear()
            target, login = await self._entrance(beside(self._cluster.target, server))
            self._http = Http(target, self._clock, timeout_s=TIMEOUT_S, credentials=login)
        return self._http

    async def _entrance(self, target: Target) -> tuple[Target, Credentials]:
        """The host as it is to be trusted, and the login for it."""
        return target, Borrowed(self._cluster.credentials, f"the user needs the role {self.side.role}")

    async def _asked(self, http: Http, kind: type[Kind]) -> list[Event]:
        """What there is of a kind. Raises ZtuiError."""
        return await self.side.ask(http, kind)

    async def _found(self) -> str:
        try:
            host = await self.side.find(KubeApi(self._cluster))
        except AbsentError:
            return ""
        return f"https://{host}" if host and set(host) <= _HOST_CHARACTERS else ""


def by_route(namespace: str, name: str) -> Callable[[KubeApi], Awaitable[str]]:
    """Finds the host of a Route that is known by its name."""

    async def find(api: KubeApi) -> str:
        found = await api.get(Route, ROUTES, namespace, name)
        return "" if isinstance(found, Malformed) else found.spec.host

    return find


def beside(target: Target, server: str) -> Target:
    """A host beside the cluster: its own name, the cluster's authorities, nobody else's identity."""
    return replace(
        target,
        server=server,
        tls_server_name=None,
        impersonate=(),
        files=(),
        reread=None,
        warnings=(),
    )
