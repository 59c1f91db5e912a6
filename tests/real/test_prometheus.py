"""Every question to a metrics store, asked of a real Prometheus: it takes the query, and its answer is what was counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.prometheuses import PrometheusServer
from tests.sources.small_api import kubeconfig
from ztui.clock import SystemClock
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
from ztui.settings import Settings
from ztui.sources.http import Http
from ztui.sources.metrics import QUERIES, ask
from ztui.sources.target import find_target
from ztui.store import Hole, Put

STEP_S = 300
SPAN_S = 50 * 3600
API = 'destination_workload="api",destination_workload_namespace="shop"'
WEB = 'source_workload="web",source_workload_namespace="edge"'
SEEN = f'reporter="destination",{API}'
AT_SOURCE = f'reporter="source",{API},{WEB},connection_security_policy="unknown"'
BATCH_H = (3, 4)
"""How many full hours ago plaintext came."""


def page(now: float) -> str:
    """Counters of the last two days, five minutes apart: what they count is told by the hour."""
    hour = int(now) // 3600 * 3600
    times = range(int(now) - SPAN_S, int(now) - 30, STEP_S)
    lines: list[str] = []

    def counter(name: str, labels: str, an_hour: Callable[[int], float]) -> None:
        total = 0.0
        for at in times:
            total += an_hour((hour - at) // 3600) * STEP_S / 3600
            lines.append(f"{name}{{{labels}}} {total:.6f} {at * 1000}")

    counter("istio_requests_total", f'{SEEN},{WEB},connection_security_policy="mutual_tls"', lambda ago: 120.0)
    old = 'source_workload="old",source_workload_namespace="edge"'
    counter("istio_requests_total", f'{SEEN},{old},connection_security_policy="none"', lambda ago: 60.0 * (ago in BATCH_H))
    nobody = 'source_workload="unknown",source_workload_namespace="unknown"'
    counter("istio_requests_total", f'{SEEN},{nobody},connection_security_policy="none"', lambda ago: 12.0 * (ago in BATCH_H))
    counter("istio_requests_total", AT_SOURCE, lambda ago: 999.0)
    counter("istio_tcp_connections_opened_total", f'{SEEN},{WEB},connection_security_policy="mutual_tls"', lambda ago: 24.0)
    flow = 'SrcK8S_Namespace="edge",SrcK8S_OwnerName="web",DstK8S_Namespace="bank",DstK8S_OwnerName="db"'
    for name in ("flows", "ingress_bytes", "egress_packets"):  # the collector counts several things of the same two ends
        counter(f"netobserv_workload_{name}_total", flow, lambda ago: 36.0)
        counter(f"netobserv_namespace_{name}_total", 'DstK8S_Namespace="bank"', lambda ago: 36.0)
    sink = 'namespace="openshift-logging",component_id="output_siem",component_kind="sink"'
    counter("vector_component_sent_events_total", sink, lambda ago: 600.0)
    counter("vector_component_errors_total", sink, lambda ago: 6.0)
    for at in times:
        leases = 200 if at < now - 86_400 else 250
        lines.append(f'vault_expire_num_leases{{namespace="vault"}} {leases} {at * 1000}')
    lines += [f'vault_expire_num_leases{{namespace="vault"}} 250 {int(now) * 1000}']
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def prometheus() -> Iterator[PrometheusServer]:
    if reason := PrometheusServer.why_not():
        pytest.skip(reason)
    with PrometheusServer(page(time.time())) as server:
        yield server


async def measured(server: PrometheusServer, folder: Path, kind: type[Kind]) -> dict[tuple[str, str], Kind]:
    http = Http(find_target(Settings(kubeconfig=str(kubeconfig(folder / "config", server.url))), {}), SystemClock())
    try:
        events = await ask(http, kind)
    finally:
        await http.close()
    assert not [item for item in events if isinstance(item, Hole)], events
    return {(item.obj.namespace, item.obj.name): item.obj for item in events if isinstance(item, Put)}


async def test_an_hour_of_traffic(prometheus: PrometheusServer, tmp_path: Path) -> None:
    found = (await measured(prometheus, tmp_path, TrafficSecurity))["shop", "api"]
    assert isinstance(found, TrafficSecurity)
    assert (found.http_mutual, found.tcp, found.tcp_mutual) == pytest.approx((120.0, 24.0, 24.0), rel=0.15)


async def test_a_day_and_the_day_before(prometheus: PrometheusServer, tmp_path: Path) -> None:
    found = (await measured(prometheus, tmp_path, DayTraffic))["shop", "api"]
    assert isinstance(found, DayTraffic)
    assert (found.mutual, found.plain, found.nameless) == pytest.approx((24 * 144.0, 144.0, 24.0), rel=0.1)
    assert found.before == pytest.approx(24 * 144.0, rel=0.1)
    assert found.plain_before == pytest.approx(0.0, abs=1.0)


async def test_a_day_by_the_hour(prometheus: PrometheusServer, tmp_path: Path) -> None:
    found = (await measured(prometheus, tmp_path, HourTraffic))["shop", "api"]
    assert isinstance(found, HourTraffic)
    assert [len(found.calls), len(found.mutual), len(found.plain)] == [HOURS] * 3
    assert found.mutual == pytest.approx([144.0] * HOURS, rel=0.15)
    loud = {HOURS - 1 - at for at, count in enumerate(found.plain) if count > 0.5 * 72}
    assert {ago + 1 for ago in loud} <= set(range(3, 7)), "an hour is named by its end"
    assert sum(found.plain) == pytest.approx(144.0, rel=0.15)


async def test_who_called_whom(prometheus: PrometheusServer, tmp_path: Path) -> None:
    found = await measured(prometheus, tmp_path, ObservedCall)
    calls = {(item.source, item.target): item for item in found.values() if isinstance(item, ObservedCall)}
    assert set(calls) == {("web", "api"), ("old", "api"), ("web", "db")}
    assert calls["web", "api"].mutual == pytest.approx(24 * 144.0, rel=0.1)
    assert calls["old", "api"].plain == pytest.approx(120.0, rel=0.1)
    assert not calls["web", "db"].measured_tls


async def test_targets_flows_logs_and_leases(prometheus: PrometheusServer, tmp_path: Path) -> None:
    flows = await measured(prometheus, tmp_path, ObservedFlow)
    assert {name for _, name in flows} == {"bank", "shop"}
    logs = (await measured(prometheus, tmp_path, LogDelivery))["openshift-logging", "output_siem"]
    assert isinstance(logs, LogDelivery)
    assert (logs.sent, logs.errors) == pytest.approx((600.0, 6.0), rel=0.15)
    leases = (await measured(prometheus, tmp_path, LeaseCount))["", "vault"]
    assert isinstance(leases, LeaseCount)
    assert (leases.now, leases.before) == (250.0, 200.0)


@pytest.mark.parametrize("kind", QUERIES, ids=lambda kind: kind.__name__)
def test_every_query_is_one(prometheus: PrometheusServer, kind: type[MeasuredKind]) -> None:
    for query in QUERIES[kind].values():
        assert isinstance(prometheus.query(query), list), query


async def test_targets_that_answer(prometheus: PrometheusServer) -> None:
    assert prometheus.query(QUERIES[ScrapeTarget]["up"]), "and it names what it scrapes by its job"
