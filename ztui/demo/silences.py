"""The silences of the demo's alert manager: made, listed and ended as by the real one; what is silenced fires unheard."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from aiohttp import web

from ztui.demo.answers import Obj
from ztui.demo.cluster import Cluster
from ztui.demo.rbac import Ask

Refusal = Callable[[web.Request, Ask], web.Response | None]


class Silences:
    """What is silenced. `refusal` turns away who may not, as the proxy before a real one does."""

    def __init__(self, cluster: Cluster, refusal: Refusal) -> None:
        self._cluster = cluster
        self._refusal = refusal
        self._held: list[Obj] = []

    def routes(self, application: web.Application) -> None:
        """Add the paths to an application."""
        application.router.add_get("/api/v2/silences", self._list)
        application.router.add_post("/api/v2/silences", self._make)
        application.router.add_delete("/api/v2/silence/{id}", self._end)

    def hides(self, alert: Obj) -> bool:
        """Whether a silence in force matches an alert."""
        now, labels = self._now(), alert["labels"]
        return any(self._state(item, now) == "active" and _matches(item, labels) for item in self._held)

    async def _list(self, request: web.Request) -> web.Response:
        if refused := self._refusal(request, _ask("get")):
            return refused
        now = self._now()
        return web.json_response([{**item, "status": {"state": self._state(item, now)}} for item in self._held])

    async def _make(self, request: web.Request) -> web.Response:
        if refused := self._refusal(request, _ask("create")):
            return refused
        told: Any = await request.json()
        try:
            starts, ends = datetime.fromisoformat(told["startsAt"]), datetime.fromisoformat(told["endsAt"])
        except (KeyError, TypeError, ValueError):
            return web.json_response("invalid silence", status=400)
        if ends <= max(starts, self._now()) or not told.get("matchers"):
            return web.json_response("invalid silence", status=400)
        keys = ("matchers", "startsAt", "endsAt", "createdBy", "comment")
        made = {"id": self._cluster.store.new_uid(), **{key: told.get(key, "") for key in keys}}
        self._held.append(made)
        return web.json_response({"silenceID": made["id"]})

    async def _end(self, request: web.Request) -> web.Response:
        if refused := self._refusal(request, _ask("delete")):
            return refused
        now = self._now()
        for item in self._held:
            if item["id"] == request.match_info["id"]:
                if self._state(item, now) == "expired":
                    return web.json_response("silence already expired", status=500)
                item["endsAt"] = now.isoformat()
                return web.Response()
        return web.json_response("silence not found", status=404)

    def _now(self) -> datetime:
        return self._cluster.store.now()

    def _state(self, item: Obj, now: datetime) -> str:
        if datetime.fromisoformat(item["endsAt"]) <= now:
            return "expired"
        return "active" if datetime.fromisoformat(item["startsAt"]) <= now else "pending"


def _ask(verb: str) -> Ask:
    return Ask(verb, "monitoring.coreos.com", "alertmanagers", "api", "openshift-monitoring", "main")


def _matches(silence: Obj, labels: dict[str, str]) -> bool:
    for item in silence["matchers"]:
        found = labels.get(item["name"], "")
        hit = re.fullmatch(item["value"], found) is not None if item.get("isRegex") else found == item["value"]
        if hit is not item.get("isEqual", True):
            return False
    return True
