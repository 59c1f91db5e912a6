"""Row P2.MTLS, by measurement: whether what workloads were sent was mutually authenticated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ztui.checks.base import Finding, check, fail, na, ok, reason, seen, unknown, warn
from ztui.engines.mtls import MESH, MESH_WHERE_SERVED, is_enrolled, mesh
from ztui.kinds.measured import TrafficSecurity
from ztui.kinds.meshcontrol import ServiceMeshControlPlane
from ztui.kinds.workload import Namespace, Pod
from ztui.view import View, Why

MUTUAL = reason("traffic-mutual", "{share} of what it was sent in an hour came over mutual TLS")
MIXED = reason(
    "traffic-mixed", "{share} of what it was sent in an hour came over mutual TLS", next="Find the callers outside of the mesh"
)
PLAIN = reason(
    "traffic-plain",
    "only {share} of what it was sent in an hour came over mutual TLS",
    next="Find the callers outside of the mesh; the policy STRICT would cut them off",
)
TOO_FEW = reason("traffic-few", "{count} requests and connections in an hour are too few to tell", next="Look again under load")
NO_CALLS = reason("traffic-none", "nothing called it in the last hour")

NOT_MEASURED = reason(
    "traffic-not-measured",
    "what was sent here is not measured",
    next="Connect Thanos: the role cluster-monitoring-view is enough",
)

ENOUGH: Final = 20
PASS_AT: Final = 0.999
WARN_AT: Final = 0.95


@check(
    "ZT2-MTLS-006",
    "Observed traffic is mutually authenticated",
    severity="high",
    gate="S",
    grain="namespace",
    needs=(*MESH, Pod),
    where_served=MESH_WHERE_SERVED,
    beyond=(ServiceMeshControlPlane,),
    may=(TrafficSecurity,),
    maps=("800-53 SC-8", "800-53 SI-4", "800-53 CA-7"),
)
def mutual_traffic(view: View, namespace: Namespace) -> Iterator[Finding]:
    """What workloads were really sent came over mutual TLS.

    Why: a policy says what should be; a count says what is.
    How: one forgotten client goes on in plaintext, and who listens on the way reads it.
    Rule: for each workload that was called in the last hour, the lower of two shares, of requests and of connections: pass from
    99.9 %, warn from 95 %, fail below; fewer than 20 calls tell nothing.
    Traps: at the source of a call its security is unknown by design, so only the destination's count is read; the node proxies of
    an ambient mesh report plaintext as unknown, which counts as not mutual.
    Source: Prometheus /api/v1/query, istio_requests_total, istio_tcp_connections_opened_total, connection_security_policy.
    Verify: oc get route thanos-querier -n openshift-monitoring
    """
    inside = any(pod.is_live and is_enrolled(pod) for pod in view.within(Pod, namespace.name))
    if view.derive(mesh) is None or not inside:
        return
    gap = view.gap(TrafficSecurity, namespace.name)
    if gap is not None:
        yield unknown(namespace, NOT_MEASURED, gap.why, gap.detail)
        return
    for item in sorted(view.within(TrafficSecurity, namespace.name), key=lambda one: one.name):
        yield _judge(item)


def _judge(item: TrafficSecurity) -> Finding:
    count = item.http + item.tcp
    pairs = [(mutual, total) for mutual, total in ((item.http_mutual, item.http), (item.tcp_mutual, item.tcp)) if total > 0]
    facts = [seen(item, "connection_security_policy=mutual_tls", f"{mutual:g} of {total:g}") for mutual, total in pairs]
    if count < ENOUGH:
        return (
            unknown(item, TOO_FEW, Why.NO_SAMPLES, "few calls", seen=facts, count=round(count)) if count else na(item, NO_CALLS)
        )
    share = min(mutual / total for mutual, total in pairs)
    make, because = (ok, MUTUAL) if share >= PASS_AT else (warn, MIXED) if share >= WARN_AT else (fail, PLAIN)
    return make(item, because, seen=facts, share=f"{share:.1%}")
