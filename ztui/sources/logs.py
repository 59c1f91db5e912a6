"""The log store beside a cluster: what has arrived there lately. Records are counted, never read.

Source: Loki's HTTP API (``/loki/api/v1/query``) behind the gateway of a LokiStack, which serves each tenant below its own path.
"""

from __future__ import annotations

from typing import Final

from ztui.kinds.base import Kind
from ztui.kinds.measured import StoredRecords
from ztui.kinds.network import Route
from ztui.sources.http import Http
from ztui.sources.kube import KubeApi
from ztui.sources.metrics import LIMIT_BYTES, read_vector
from ztui.sources.side import ROUTES, Side
from ztui.store import Event, Hole, Put, Whole
from ztui.view import Gap, Why

HOME: Final = "openshift-logging"
TENANTS: Final = ("audit",)
WINDOW: Final = "15m"
_COMPONENT: Final = "app.kubernetes.io/component"
_GATEWAY: Final = "lokistack-gateway"


async def find(api: KubeApi) -> str:
    """The host of the gateway's Route, which is named after its LokiStack; the first by name where there are several."""
    page = await api.page(Route, ROUTES, namespace=HOME)
    routes = [item for item in page.objects if isinstance(item, Route) and item.labels.get(_COMPONENT) == _GATEWAY]
    return min(routes, key=lambda item: item.name).spec.host if routes else ""


async def ask(http: Http, kind: type[Kind]) -> list[Event]:
    """How many records of each tenant arrived in the last quarter of an hour. Raises ZtuiError.

    A store that knows no stream of a tenant answers with no sample: nothing arrived.
    """
    events: list[Event] = []
    notes: list[str] = []
    for tenant in TENANTS:
        query = f'sum(count_over_time({{log_type="{tenant}"}}[{WINDOW}]))'
        path = f"/api/logs/v1/{tenant}/loki/api/v1/query"
        answer = await http.request("GET", path, query={"query": query}, limit_bytes=LIMIT_BYTES)
        samples, warnings = read_vector(answer.body, "log store")
        events.append(Put(StoredRecords.of(tenant, sum(value for _, value in samples))))
        notes += warnings
    events.append(Whole(kind, frozenset(("", tenant) for tenant in TENANTS)))
    if notes:
        events.append(Hole(kind, Gap(Why.PARTIAL, notes[0])))
    return events


LOGS: Final = Side("loki", "logs", "cluster-logging-audit-view", (StoredRecords,), find, ask)
