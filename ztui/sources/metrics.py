"""The metrics store beside a cluster: what it counted of traffic, targets, flows, delivered logs and leases.

Source: the HTTP API of Prometheus (``/api/v1/query``), which Thanos serves too. A subquery (``[24h:1h]``) is answered with one
value for each full hour of the server's own clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, TypeVar

import msgspec

from ztui.errors import DataError
from ztui.kinds.base import Kind
from ztui.kinds.measured import (
    HOURS,
    DayTraffic,
    HourTraffic,
    LeaseCount,
    LogDelivery,
    MeasuredKind,
    ObservedCall,
    ObservedFlow,
    ScrapeTarget,
    TrafficSecurity,
)
from ztui.sources.http import Http
from ztui.sources.side import Side, by_route
from ztui.store import Event, Hole, Put, Whole
from ztui.view import Gap, Why

S = TypeVar("S")

_LAST_SECOND: Final = 253_402_300_800
"""The year 10000: no store counts beyond it."""

LIMIT_BYTES: Final = 16 * 1024 * 1024
SERIES_LIMIT: Final = 10_000
BY_HOUR_S: Final = 300.0
"""How long what was counted by the hour is left alone: it changes once in an hour, and is the largest answer."""

_BY_SECURITY: Final = "sum by (destination_workload,destination_workload_namespace,connection_security_policy)"
_BY_ENDS: Final = (
    "sum by (source_workload,source_workload_namespace,destination_workload,destination_workload_namespace,"
    "connection_security_policy)"
)
_HTTP: Final = 'istio_requests_total{reporter=~"destination|waypoint"%s}'
_TCP: Final = 'istio_tcp_connections_opened_total{reporter="destination"%s}'
_NAMELESS: Final = ',source_workload=~"|unknown"'


def _flows(by: str, levels: Iterable[str], span: str) -> str:
    """What was counted of flows: by the first counter that knows two ends, for which of them are counted is a setting.

    Asked for together by a pattern they would lose the name that tells them apart, which the store refuses.
    """
    names = [f"netobserv_{level}_{what}_total" for level in levels for what in _COUNTED]
    return " or ".join(f"{by}(increase({name}[{span}]))" for name in names)


_COUNTED: Final = ("flows", "ingress_bytes", "egress_bytes", "ingress_packets", "egress_packets")
"""Source: the metrics of the network observability operator (``spec.processor.metrics.includeList``)."""

QUERIES: Final[dict[type[MeasuredKind], dict[str, str]]] = {
    TrafficSecurity: {
        "http": f"{_BY_SECURITY}(increase({_HTTP % ''}[1h]))",
        "tcp": f"{_BY_SECURITY}(increase({_TCP % ''}[1h]))",
    },
    ScrapeTarget: {"up": "sum by (namespace,service,job)(up)"},
    ObservedFlow: {
        "to": _flows("sum by (DstK8S_Namespace)", ("namespace", "workload"), "15m"),
        "mesh": 'sum by (destination_workload_namespace)(increase(istio_requests_total{reporter="destination"}[15m]))',
    },
    ObservedCall: {
        "http": f"{_BY_ENDS}(increase({_HTTP % ''}[1d]))",
        "tcp": f"{_BY_ENDS}(increase({_TCP % ''}[1d]))",
        "flows": _flows("sum by (SrcK8S_Namespace,SrcK8S_OwnerName,DstK8S_Namespace,DstK8S_OwnerName)", ("workload",), "1d"),
    },
    DayTraffic: {
        "http": f"{_BY_SECURITY}(increase({_HTTP % ''}[1d]))",
        "tcp": f"{_BY_SECURITY}(increase({_TCP % ''}[1d]))",
        "nameless http": f"{_BY_SECURITY}(increase({_HTTP % _NAMELESS}[1d]))",
        "nameless tcp": f"{_BY_SECURITY}(increase({_TCP % _NAMELESS}[1d]))",
        "before http": f"{_BY_SECURITY}(increase({_HTTP % ''}[1d] offset 1d))",
        "before tcp": f"{_BY_SECURITY}(increase({_TCP % ''}[1d] offset 1d))",
    },
    HourTraffic: {
        "http": f"{_BY_SECURITY}(increase({_HTTP % ''}[1h]))[{HOURS}h:1h]",
        "tcp": f"{_BY_SECURITY}(increase({_TCP % ''}[1h]))[{HOURS}h:1h]",
    },
    LogDelivery: {
        "sent": 'sum by (namespace,component_id)(increase(vector_component_sent_events_total{component_kind="sink"}[1h]))',
        "errors": 'sum by (namespace,component_id)(increase(vector_component_errors_total{component_kind="sink"}[1h]))',
    },
    # Only the active node of a Vault counts leases; a node that gave way a while ago may still have a last word.
    LeaseCount: {
        "now": "max by (namespace)(vault_expire_num_leases)",
        "before": "max by (namespace)(vault_expire_num_leases offset 1d)",
    },
}
"""The questions by kind. At the source of a call its security is unknown by design, so only the destination's word counts."""


class _Sample(msgspec.Struct, frozen=True):
    metric: dict[str, str] = {}
    value: tuple[float, str] = (0.0, "")


class _Series(msgspec.Struct, frozen=True):
    metric: dict[str, str] = {}
    values: tuple[tuple[float, str], ...] = ()


class _Data(msgspec.Struct, frozen=True, rename="camel"):
    result_type: str = ""
    result: msgspec.Raw = msgspec.Raw(b"[]")


class _Answer(msgspec.Struct, frozen=True):
    status: str = ""
    data: _Data = _Data()
    warnings: tuple[str, ...] | None = None
    error: str = ""


async def ask(http: Http, kind: type[Kind]) -> list[Event]:
    """The objects of a kind: its questions, and what is wrong with the answers. Raises ZtuiError."""
    if not issubclass(kind, MeasuredKind):
        raise TypeError(kind)
    samples: list[tuple[str, dict[str, str], float]] = []
    notes: list[str] = []
    for name, query in QUERIES[kind].items():
        answer = await http.request("GET", "/api/v1/query", query={"query": query}, limit_bytes=LIMIT_BYTES)
        if kind is HourTraffic:
            hours, warnings = read_hours(answer.body)
            samples += hours
        else:
            found, warnings = read_vector(answer.body)
            samples += [(name, labels, value) for labels, value in found]
        notes += warnings
    objects = kind.measured(samples)
    events: list[Event] = [Put(item) for item in objects]
    events.append(Whole(kind, frozenset((item.namespace, item.name) for item in objects)))
    if notes:
        events.append(Hole(kind, Gap(Why.PARTIAL, notes[0])))
    elif not objects:
        events.append(Hole(kind, Gap(Why.NO_SAMPLES, kind.PLURAL)))
    return events


_ROUTE: Final = by_route("openshift-monitoring", "thanos-querier")
METRICS: Final = Side(
    "thanos", "metrics", "cluster-monitoring-view", tuple(QUERIES), _ROUTE, ask, pauses={HourTraffic: BY_HOUR_S}
)


def read_vector(body: bytes, of: str = "metrics store") -> tuple[list[tuple[dict[str, str], float]], list[str]]:
    """The samples of an instant vector, and what is wrong with them.

    Raises DataError for what is no such answer, or for more than ``SERIES_LIMIT`` series.
    """
    samples, notes = _read(body, "vector", _Sample, of)
    good = [(item.metric, value) for item in samples if (value := _number(item.value[1])) is not None]
    return good, notes + _odd(len(samples) - len(good), len(samples))


def read_hours(body: bytes, of: str = "metrics store") -> tuple[list[tuple[str, dict[str, str], float]], list[str]]:
    """The samples of a subquery by the hour (counted from 1970, as text), and what is wrong with them. Raises as above."""
    series, notes = _read(body, "matrix", _Series, of)
    told = [(at, item.metric, _number(text)) for item in series for at, text in item.values]
    good = [(str(round(at / 3600)), labels, value) for at, labels, value in told if value is not None and 0 <= at < _LAST_SECOND]
    return good, notes + _odd(len(told) - len(good), len(told))


def _read(body: bytes, kind: str, of_type: type[S], of: str) -> tuple[list[S], list[str]]:
    """The series of an answer and its warnings."""
    try:
        answer = msgspec.json.decode(body, type=_Answer)
        if answer.status != "success":
            raise _bad(of, answer.error[:200] or "the query failed")
        if answer.data.result_type != kind:
            raise _bad(of, f"a result of the type {answer.data.result_type[:40] or '?'} instead of a {kind}")
        series = msgspec.json.decode(answer.data.result, type=list[of_type])  # type: ignore[valid-type]
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _bad(of, str(error)) from error
    if len(series) > SERIES_LIMIT:
        raise _bad(of, f"more than {SERIES_LIMIT} series")
    return series, [text[:200] for text in answer.warnings or ()]


def _odd(count: int, of: int) -> list[str]:
    return [f"{count} of {of} values are no numbers"] if count else []


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _bad(of: str, why: str) -> DataError:
    return DataError(f"the {of} gave an answer that cannot be used", why=why, next="ask it the same in its own console")
