"""The alert manager beside a cluster: whom it tells.

Source: the HTTP API of Alertmanager (``/api/v2/status``); its configuration is reduced to names where it is read.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ztui.errors import DataError
from ztui.kinds.base import Kind
from ztui.kinds.measured import AlertRouting, alert_routing
from ztui.sources.http import Http
from ztui.sources.side import Side, by_route
from ztui.store import Event, Put, Whole

LIMIT_BYTES: Final = 16 * 1024 * 1024
NAME: Final = "alertmanager"


async def ask(http: Http, kind: type[Kind]) -> list[Event]:
    """Who is told of an alert, from the configuration in force. Raises ZtuiError."""
    answer = await http.request("GET", "/api/v2/status", limit_bytes=LIMIT_BYTES)
    try:
        told = msgspec.json.decode(answer.body)["config"]["original"]
        found = alert_routing(str(told))
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            "the alert manager's configuration cannot be read", why=str(error), next="look at its own status page"
        ) from error
    return [Put(found), Whole(kind, frozenset({("", NAME)}))]


_ROUTE: Final = by_route("openshift-monitoring", "alertmanager-main")
ALERTS: Final = Side(NAME, "alerts", "monitoring-alertmanager-view", (AlertRouting,), _ROUTE, ask)
