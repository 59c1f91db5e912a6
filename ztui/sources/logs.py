"""The log store beside a cluster: how much has arrived there lately, and the lines that tell of security events.

Source: Loki's HTTP API (``/loki/api/v1/query``, ``query_range``) behind the gateway of a LokiStack, which serves each tenant
below its own path.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ztui.errors import DataError
from ztui.kinds.base import Kind
from ztui.kinds.logline import LINES, LogLine
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
LOOK_BACK: Final = "5m"
"""How far back lines are read each time: several rounds, so that one that fails costs no line."""

LINES_LIMIT: Final = 5000
SOON_S: Final = 10.0
"""Seconds between two looks: somebody waits for what they tell."""
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
    if issubclass(kind, LogLine):
        return await _lines(http, kind)
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


class _Stream(msgspec.Struct, frozen=True):
    values: tuple[tuple[str, str], ...] = ()


class _Streams(msgspec.Struct, frozen=True, rename="camel"):
    result: tuple[_Stream, ...] = ()
    result_type: str = ""


class _Lines(msgspec.Struct, frozen=True):
    data: _Streams = _Streams()


async def _lines(http: Http, kind: type[LogLine]) -> list[Event]:
    """The lines of the last minutes that are events of this kind. Raises ZtuiError.

    What is read twice is told once, by its hash.
    """
    path = f"/api/logs/v1/{kind.TENANT}/loki/api/v1/query_range"
    query = {"query": kind.QUERY, "since": LOOK_BACK, "limit": str(LINES_LIMIT), "direction": "backward"}
    answer = await http.request("GET", path, query=query, limit_bytes=LIMIT_BYTES)
    try:
        found = msgspec.json.decode(answer.body, type=_Lines).data
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DataError("the log store's answer cannot be read", why=str(error), next="ask it by its own console") from error
    if found.result_type not in {"", "streams"}:
        raise DataError("the log store's answer is of another kind", why=found.result_type, next="ask it by its own console")
    lines = [line for stream in found.result for _, line in stream.values]
    events: list[Event] = [Put(told) for line in lines if (told := kind.read(line)) is not None]
    events.append(Whole(kind, frozenset()))
    if len(lines) >= LINES_LIMIT:
        events.append(Hole(kind, Gap(Why.PARTIAL, f"more than {LINES_LIMIT} lines in {LOOK_BACK}: the newest were read")))
    return events


LOGS: Final = Side("loki", "logs", "cluster-logging-audit-view", (StoredRecords, *LINES), find, ask, SOON_S)
