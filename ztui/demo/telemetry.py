"""The metrics store, the alert manager and the log store beside the demo cluster: what they count follows from its objects.

Prometheus' instant queries over the demo's story (who is in the mesh, who calls in plaintext, what monitors select, what
forwarders send, how many leases the Vault has open), the configuration of an Alertmanager as it is shipped but for one receiver,
and Loki's count of what a tenant got. What happens is in the chronicle: alerts and lines of logs. Logins are those of the
cluster.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Iterator
from datetime import timedelta

from aiohttp import web

from ztui.demo.answers import ApiError, Obj
from ztui.demo.attack import Chronicle
from ztui.demo.cluster import Cluster
from ztui.demo.rbac import Ask
from ztui.demo.silences import Silences

Series = tuple[dict[str, str], float]
_POLICY = "connection_security_policy"
_PLAIN = {("payments", "api"): 0.03, ("payments", "ledger"): 0.4}
"""The share of plaintext that reaches workloads in spite of the mesh: an old gateway, and a client that switches TLS off."""
_SCRAPER = ("openshift-user-workload-monitoring", "prometheus-user-workload")
_APART = "traffic.sidecar.istio.io/excludeInboundPorts"
"""Ports that are kept away from the proxy, as those of metrics are: the mesh does not count who calls there."""
_CALLS = (
    (("istio-ingress", "shop-gateway"), ("shop", "web"), 52_000.0),
    (("shop", "web"), ("shop", "catalog"), 48_000.0),
    (("shop", "web"), ("shop", "cart"), 31_000.0),
    (("shop", "web"), ("shop", "search"), 12_000.0),
    (("shop", "catalog"), ("shop", "redis"), 40_000.0),
    (("shop", "cart"), ("shop", "redis"), 29_000.0),
    (("shop", "cart"), ("payments", "api"), 97_776.0),
    (("shop", "cart"), ("shop", "mailer"), 900.0),
    (("payments", "old-gateway"), ("payments", "api"), 3_024.0),
    (("payments", "api"), ("payments", "ledger"), 2_600.0),
    (("payments", "worker"), ("payments", "ledger"), 1_720.0),
    (("reporting", "reports"), ("payments", "ledger"), 480.0),
    (("mobile", "bff"), ("shop", "catalog"), 7_000.0),
    (("web", "frontend"), ("web", "cms"), 18_000.0),
    (("data", "etl"), ("data", "kafka"), 22_000.0),
    (("legacy", "monolith"), ("legacy", "ftp"), 12.0),
    (("reporting", "reports"), ("legacy", "monolith"), 24.0),
    (("openshift-ingress", "router-default"), ("web", "frontend"), 33_000.0),
    (("openshift-ingress", "router-default"), ("legacy", "monolith"), 2_000.0),
    (_SCRAPER, ("payments", "api"), 2_880.0),
)
"""Who calls whom, and how often in a day."""
_DAY_BEFORE = {("payments", "old-gateway"): 1.6}
"""How much more often somebody called the day before; the others did so as often as today."""
_SEES = Ask("get", "", "namespaces")
_HOURLY = "[24h:1h]"
_HOURS = 24
_BATCH = {("reporting", "reports"): (0, 1, 2, 3)}
"""Who calls in a few hours of the day only: how many hours ago each of them was. The others are busy by day."""
_SHIPPED = """
route:
  receiver: Default
  routes:
  - {matchers: ['alertname = "Watchdog"'], receiver: Watchdog}
  - {matchers: ['severity = "critical"'], receiver: Critical}
receivers:
- {name: Default}
- {name: Watchdog, webhook_configs: [{url: <secret>}]}
- {name: Critical}
"""


class Telemetry:
    """The three services on one address."""

    def __init__(self, cluster: Cluster, chronicle: Chronicle) -> None:
        self._cluster = cluster
        self._chronicle = chronicle
        self._silences = Silences(cluster, self._refusal)

    def application(self) -> web.Application:
        """The aiohttp application."""
        application = web.Application()
        application.router.add_get("/api/v1/query", self._query)
        application.router.add_get("/api/v2/status", self._status)
        application.router.add_get("/api/v2/alerts", self._alerts)
        self._silences.routes(application)
        application.router.add_get("/api/logs/v1/{tenant}/loki/api/v1/query_range", self._lines)
        application.router.add_get("/api/logs/v1/{tenant}/loki/api/v1/query", self._logs)
        return application

    async def _query(self, request: web.Request) -> web.Response:
        if refused := self._refusal(request):
            return refused
        query, now = request.query["query"], self._cluster.store.now().timestamp()
        if query.endswith(_HOURLY):
            hours = ((labels, [[at, f"{value:g}"] for at, value in told]) for labels, told in self.hours(query))
            series = [{"metric": labels, "values": values} for labels, values in hours]
            return web.json_response({"status": "success", "data": {"resultType": "matrix", "result": series}})
        result = [{"metric": labels, "value": [now, f"{value:g}"]} for labels, value in self.series(query)]
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})

    async def _logs(self, request: web.Request) -> web.Response:
        """Records of a tenant; a store that no forwarder sends to answers with no sample, as Loki does for what it never saw."""
        if refused := self._refusal(request):
            return refused
        tenant, now = request.match_info["tenant"], self._cluster.store.now().timestamp()
        kept = any(tenant in types for kind, _, _, types in self._outputs() if kind == "lokiStack")
        result = [{"metric": {}, "value": [now, "5400"]}] if kept else []
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result, "stats": {}}})

    async def _alerts(self, request: web.Request) -> web.Response:
        if refused := self._refusal(request):
            return refused
        heard = request.query.get("silenced") != "false"
        return web.json_response([item for item in self._chronicle.alerts if heard or not self._silences.hides(item)])

    async def _lines(self, request: web.Request) -> web.Response:
        """The lines of a tenant that hold all texts, and match all patterns, of a query; newest first."""
        if refused := self._refusal(request):
            return refused
        tenant, query, now = request.match_info["tenant"], request.query["query"], self._cluster.store.now()
        since = now - timedelta(minutes=int(request.query.get("since", "60m").removesuffix("m")))
        kept = any(tenant in types for kind, _, _, types in self._outputs() if kind == "lokiStack")
        texts, patterns = (
            [json.loads(found) for found in re.findall(mark + r' ("(?:[^"\\]|\\.)*")', query)] for mark in (r"\|=", r"\|~")
        )
        found = [
            (at, line)
            for at, line in (self._chronicle.lines.get(tenant, ()) if kept else ())
            if at >= since and all(text in line for text in texts) and all(re.search(pattern, line) for pattern in patterns)
        ]
        newest = found[::-1][: int(request.query.get("limit", "100"))]
        values = [[str(int(at.timestamp() * 1e9)), line] for at, line in newest]
        streams = [{"stream": {"log_type": tenant}, "values": values}] if values else []
        return web.json_response({"status": "success", "data": {"resultType": "streams", "result": streams, "stats": {}}})

    async def _status(self, request: web.Request) -> web.Response:
        return self._refusal(request) or web.json_response({"config": {"original": self._routing()}})

    def _routing(self) -> str:
        """What the Secret of the alert manager says; as it is shipped where nobody wrote one."""
        secrets = self._cluster.store.catalogue.named("secrets")
        found = self._cluster.store.find(secrets, "alertmanager-main", "openshift-monitoring")
        return base64.b64decode(found["data"]["alertmanager.yaml"]).decode() if found else _SHIPPED

    def _refusal(self, request: web.Request, ask: Ask = _SEES) -> web.Response | None:
        """Who is nobody is turned away, and who may not see all namespaces: so the proxy before the real ones decides."""
        try:
            user = self._cluster.identities.authenticate(request.headers.get("Authorization", ""))
        except ApiError:
            return web.Response(status=401)
        if user.name == "system:anonymous":
            return web.Response(status=401)
        allowed = self._cluster.authorizer.allows(user, ask)
        return None if allowed else web.Response(status=403)

    def series(self, query: str) -> Iterator[Series]:
        """The answer to one query. In the story every caller has a name."""
        if "unknown" in query:
            return iter(())
        if "source_workload" in query:
            return self._calls() if "istio_requests_total" in query else iter(())
        return self._flows() if "SrcK8S_OwnerName" in query else self._sums(query)

    def _sums(self, query: str) -> Iterator[Series]:
        if _POLICY in query and "[1d]" in query:
            yield from self._day(is_before="offset" in query) if "requests" in query else ()
        elif "istio_requests_total" in query and _POLICY in query:
            yield from self._traffic("http", 4200.0)
        elif "istio_tcp_connections" in query:
            yield from self._traffic("tcp", 300.0)
        elif query.endswith("(up)"):
            yield from self._targets()
        elif "vector_component" in query:
            for _, namespace, name, types in self._outputs():
                component = "output_" + name.replace("-", "_").replace(".", "_")
                count = 21_000.0 * len(types) if "sent_events" in query else 4.0
                yield {"namespace": namespace, "component_id": component}, count
        elif "vault_expire_num_leases" in query and self._has_vault():
            yield {"namespace": "vault"}, 205.0 if "offset" in query else 214.0
        elif "netobserv_" in query:
            for space in sorted({pod["metadata"]["namespace"] for pod in self._flowing()}):
                yield {"DstK8S_Namespace": space}, 70_000.0
        elif "istio_requests_total" in query:
            for space in sorted({pod["metadata"]["namespace"] for pod in self._meshed()}):
                yield {"destination_workload_namespace": space}, 900.0

    def _outputs(self) -> Iterator[tuple[str, str, str, frozenset[str]]]:
        """The outputs of forwarders that work: type, namespace, name, and the types of logs that go there."""
        for item in self._cluster.store.of("clusterlogforwarders.observability.openshift.io"):
            spec = item["spec"]
            for output in spec.get("outputs") or ():
                lines = [line for line in spec.get("pipelines") or () if output["name"] in line.get("outputRefs", ())]
                types = frozenset(name for line in lines for name in line.get("inputRefs", ()))
                yield output["type"], item["metadata"]["namespace"], output["name"], types

    def _has_vault(self) -> bool:
        sets = self._cluster.store.of("statefulsets.apps")
        return any((item["metadata"].get("labels") or {}).get("app.kubernetes.io/name") == "vault" for item in sets)

    def _meshed(self) -> list[Obj]:
        mark = "sidecar.istio.io/status"
        return [pod for pod in self._cluster.store.of("pods") if mark in (pod["metadata"].get("annotations") or {})]

    def _gateways(self) -> list[Obj]:
        """Proxies that stand for themselves: they call with an identity of the mesh."""
        mark = "gateway.networking.k8s.io/gateway-name"
        return [pod for pod in self._cluster.store.of("pods") if mark in (pod["metadata"].get("labels") or {})]

    def _flowing(self) -> list[Obj]:
        """The pods whose flows a collector sees: all that have an address of their own, where there is a collector."""
        store = self._cluster.store
        if not store.of("flowcollectors"):
            return []
        return [pod for pod in store.of("pods") if pod["status"].get("podIP") and not pod["spec"].get("hostNetwork")]

    def _traffic(self, protocol: str, calls: float) -> Iterator[Series]:
        """What each workload of the mesh that has a port of that protocol was sent."""
        seen = set()
        for pod in self._meshed():
            name = (pod["metadata"].get("labels") or {}).get("app.kubernetes.io/name", "")
            at = (pod["metadata"]["namespace"], name)
            ports = {port.get("name", "") for box in pod["spec"]["containers"] for port in box.get("ports") or ()}
            if not name or at in seen or not any(port.startswith(protocol) for port in ports):
                continue
            seen.add(at)
            labels = {"destination_workload_namespace": at[0], "destination_workload": name}
            plain = 0.0 if self._is_strict(at[0]) else calls * _PLAIN.get(at, 0.0)
            yield {**labels, _POLICY: "mutual_tls"}, calls - plain
            if plain:
                yield {**labels, _POLICY: "none"}, plain

    def _calls(self) -> Iterator[Series]:
        """The calls of the story whose called end is in the mesh, as its proxy counts them."""
        meshed = {_named(pod) for pod in self._meshed()}
        there = {_named(pod) for pod in self._cluster.store.of("pods")}
        proxied = meshed | {_named(pod) for pod in self._gateways()}
        apart = {_named(pod) for pod in self._meshed() if _APART in pod["metadata"]["annotations"]}
        for src, dst, count in _CALLS:
            if src not in there or dst not in meshed or (src == _SCRAPER and dst in apart):
                continue
            is_mutual = src in proxied and src != ("payments", "old-gateway")
            if not is_mutual and self._is_strict(dst[0]):
                continue  # refused before anything is counted
            labels = {"source_workload_namespace": src[0], "source_workload": src[1]}
            labels |= {"destination_workload_namespace": dst[0], "destination_workload": dst[1]}
            yield {**labels, _POLICY: "mutual_tls" if is_mutual else "none"}, count

    def hours(self, query: str) -> Iterator[tuple[dict[str, str], list[tuple[int, float]]]]:
        """The calls by the called end hour by hour, up to the last full hour."""
        if "requests" not in query:
            return
        last = int(self._cluster.store.now().timestamp()) // 3600
        for labels, told in self._called(_shares):
            yield labels, [((last - ago) * 3600, told[ago]) for ago in reversed(range(_HOURS))]

    def _day(self, *, is_before: bool) -> Iterator[Series]:
        """The calls by the called end, today or the day before."""
        for labels, (count,) in self._called(lambda source: [_DAY_BEFORE.get(source, 1.0) if is_before else 1.0]):
            yield labels, count

    def _called(self, spread: Callable[[tuple[str, str]], list[float]]) -> Iterator[tuple[dict[str, str], list[float]]]:
        """What each workload was sent, and how: the calls of a day times what they are spread to, by who calls."""
        sums: dict[tuple[str, str, str], list[float]] = {}
        for labels, count in self._calls():
            source = (labels["source_workload_namespace"], labels["source_workload"])
            at = (labels["destination_workload_namespace"], labels["destination_workload"], labels[_POLICY])
            shares = spread(source)
            told = sums.setdefault(at, [0.0] * len(shares))
            sums[at] = [total + count * share for total, share in zip(told, shares, strict=True)]
        for (namespace, name, policy), told in sums.items():
            yield {"destination_workload_namespace": namespace, "destination_workload": name, _POLICY: policy}, told

    def _flows(self) -> Iterator[Series]:
        """The calls of the story between pods whose flows a collector sees."""
        flowing = {_named(pod) for pod in self._flowing()}
        for src, dst, count in _CALLS:
            if {src, dst} <= flowing:
                labels = {"SrcK8S_Namespace": src[0], "SrcK8S_OwnerName": src[1]}
                yield {**labels, "DstK8S_Namespace": dst[0], "DstK8S_OwnerName": dst[1]}, count * 900.0

    def _is_strict(self, namespace: str) -> bool:
        """Whether the mesh lets nothing but mutual TLS into a namespace: by its own policy, else by the mesh's."""
        modes = {
            item["metadata"]["namespace"]: item["spec"].get("mtls", {}).get("mode")
            for item in self._cluster.store.of("peerauthentications")
            if not item["spec"].get("selector")
        }
        return modes.get(namespace, modes.get("istio-system")) == "STRICT"

    def _targets(self) -> Iterator[Series]:
        """A target for each Service of a namespace that has a ServiceMonitor."""
        spaces = {item["metadata"]["namespace"] for item in self._cluster.store.of("servicemonitors.monitoring.coreos.com")}
        for service in self._cluster.store.of("services"):
            if service["metadata"]["namespace"] in spaces:
                yield {"namespace": service["metadata"]["namespace"], "service": service["metadata"]["name"]}, 1.0
        for item in self._cluster.store.of("podmonitors.monitoring.coreos.com"):
            meta = item["metadata"]
            yield {"namespace": meta["namespace"], "job": f"{meta['namespace']}/{meta['name']}"}, 2.0


def _shares(source: tuple[str, str]) -> list[float]:
    """How the calls of a day are spread over its hours, the last one first."""
    batch = _BATCH.get(source)
    if batch is not None:
        return [1 / len(batch) if ago in batch else 0.0 for ago in range(_HOURS)]
    return [(1.0 + 0.6 * math.cos(2 * math.pi * (ago - 6) / _HOURS)) / _HOURS for ago in range(_HOURS)]


def _named(pod: Obj) -> tuple[str, str]:
    """A pod's workload, as its labels name it."""
    meta = pod["metadata"]
    labels = meta.get("labels") or {}
    return meta["namespace"], labels.get("app.kubernetes.io/name") or labels.get("app") or meta["name"]
