"""The alert manager beside a cluster: whom it tells, and what fires now.

Source: the HTTP API of Alertmanager (``/api/v2/status``, ``/api/v2/alerts``); its configuration is reduced to names where it is
read.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ztui.errors import DataError
from ztui.kinds.alert import FiringAlert
from ztui.kinds.base import Kind, Malformed, decode_or_malformed
from ztui.kinds.measured import AlertRouting, alert_routing
from ztui.sources.http import Http
from ztui.sources.side import Side, by_route
from ztui.store import Event, Hole, Put, Whole
from ztui.view import Gap, Why

LIMIT_BYTES: Final = 16 * 1024 * 1024
NAME: Final = "alertmanager"
ALERTS_LIMIT: Final = 10_000
SOON_S: Final = 10.0
"""Seconds between two looks: somebody waits for what fires."""

_FIRING: Final = {"active": "true", "silenced": "false", "inhibited": "false"}


async def ask(http: Http, kind: type[Kind]) -> list[Event]:
    """Who is told of an alert, from the configuration in force; or what fires. Raises ZtuiError."""
    if kind is FiringAlert:
        return await _firing(http)
    answer = await http.request("GET", "/api/v2/status", limit_bytes=LIMIT_BYTES)
    try:
        told = msgspec.json.decode(answer.body)["config"]["original"]
        found = alert_routing(str(told))
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            "the alert manager's configuration cannot be read", why=str(error), next="look at its own status page"
        ) from error
    return [Put(found), Whole(kind, frozenset({("", NAME)}))]


async def _firing(http: Http) -> list[Event]:
    """The alerts that fire and nobody silenced; one that cannot be read is a gap, and costs no other."""
    answer = await http.request("GET", "/api/v2/alerts", query=_FIRING, limit_bytes=LIMIT_BYTES)
    try:
        told = msgspec.json.decode(answer.body, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DataError("the alerts cannot be read", why=str(error), next="look at the alert manager's own page") from error
    events: list[Event] = []
    bad = 0
    for raw in told[:ALERTS_LIMIT]:
        found = decode_or_malformed(FiringAlert, raw)
        bad += isinstance(found, Malformed)
        if isinstance(found, FiringAlert):
            events.append(Put(found))
    events.append(Whole(FiringAlert, frozenset()))
    if bad or len(told) > ALERTS_LIMIT:
        why = f"{bad} alerts cannot be read" if bad else f"only the first {ALERTS_LIMIT} of {len(told)} alerts were read"
        events.append(Hole(FiringAlert, Gap(Why.PARTIAL, why)))
    return events


_ROUTE: Final = by_route("openshift-monitoring", "alertmanager-main")
ALERTS: Final = Side(NAME, "alerts", "monitoring-alertmanager-view", (AlertRouting, FiringAlert), _ROUTE, ask, SOON_S)
