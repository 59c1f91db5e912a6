"""Row P1.MAP: what runs is known and owned, what is exposed has a backend, and flows are observed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from ztui.checks.base import Bands, Evidence, Finding, check, cluster_ref, fail, na, ok, reason, seen, unknown, warn
from ztui.engines import units
from ztui.engines.acs import ACS_WHERE_SERVED, acs
from ztui.engines.entry import ENTRIES, ENTRIES_WHERE_SERVED, EntryPoint, entry_points
from ztui.engines.tenancy import runs_pods, user_namespaces
from ztui.engines.units import Workload
from ztui.kinds.base import Kind, condition, instant
from ztui.kinds.clusternetwork import NetworkOperator
from ztui.kinds.measured import ObservedFlow
from ztui.kinds.meshcontrol import Istio
from ztui.kinds.network import EndpointSlice, Route, Service
from ztui.kinds.telemetry import FlowCollector
from ztui.kinds.workload import Namespace, Pod
from ztui.view import View, Why

KNOWN = reason("known-and-owned", "is {app} and belongs to {owner}")
PARTLY_KNOWN = reason(
    "partly-known", "lacks {missing}", next="Label the workload with app.kubernetes.io/name, and its namespace with an owner"
)
NAKED_SERVED = reason(
    "naked-and-served",
    "nobody controls this pod, and the Service {service} sends traffic to it",
    next="Run it by a Deployment, or delete it",
    stands=True,
)
NOT_KNOWN = reason(
    "unknown-workload",
    "nobody controls it, no label says what it is, and nobody owns its namespace",
    next="Find out who started it; label it and its namespace, or delete it",
    stands=True,
)
READY = reason("backend-ready", "{host} has a ready backend that is known")
EXTERNAL = reason("backend-outside", "{host} ends at addresses that {service} lists by hand, outside the cluster's workloads")
ASLEEP = reason("backend-asleep", "{host} ends at {service}, which is scaled to zero and woken by traffic")
NOT_ADMITTED = reason("not-admitted", "{host} is not admitted anywhere, so nothing is exposed")
NO_READY = reason(
    "no-ready-backend", "{host} ends at {service}, which has no ready endpoint", next="Start what {service} selects"
)
UNMAPPED = reason(
    "unmapped-backend",
    "{host} ends at {service}, whose endpoints belong to no known workload",
    next="Find out what answers there",
)
NO_BACKEND = reason("no-backend", "{host} names no Service", next="Name a Service, or delete it")
DANGLING_NEW = reason(
    "dangling-new", "{host} ends at {service}, which does not exist yet", next="Create the Service, or delete this"
)
DANGLING = reason(
    "dangling",
    "{host} ends at {service}, which does not exist",
    next="Delete this, or create the Service: whoever creates it gets the traffic",
    stands=True,
)
EXTERNAL_NAME = reason(
    "external-name",
    "{host} ends at {service}, an ExternalName for {target}",
    next="Send the traffic to a Service of this cluster",
    stands=True,
)
NO_TENANTS = reason("no-workloads", "no user workload runs here")
FLOWS_UNREAD = reason(
    "flows-not-queried", "{source} observes flows; which namespaces it covers is in its store", next="Connect {store}"
)
FLOWS_SEEN = reason("flows-seen", "flows into {count} of {total} namespaces were seen in the last quarter of an hour")
FLOWS_PARTLY = reason(
    "flows-partly",
    "flows into {count} of {total} namespaces were seen in the last quarter of an hour, none into {name}",
    next="Find out whether nothing is called there, or nothing is observed",
)
FLOWS_EXPORTED = reason(
    "flows-exported",
    "flows leave the cluster as {ways}; what they cover cannot be seen here",
    next="Install the network observability operator to see flows here",
)
FLOWS_BROKEN = reason(
    "flows-not-ready", "the FlowCollector is not ready: {why}, and there is no other source", next="Repair the FlowCollector"
)
NO_FLOWS = reason(
    "no-flow-source", "nothing observes the flows between workloads", next="Install the network observability operator"
)

_DAY: Final = timedelta(hours=24)
_IDLED: Final = "idling.alpha.openshift.io/"
_SERVERLESS: Final = "serving.knative.dev/service"


@check(
    "ZT1-MAP-001",
    "Workload inventory complete and owned",
    severity="medium",
    gate="R",
    grain="namespace",
    needs=(*units.WORKLOADS, Service),
    where_served=units.WORKLOADS_WHERE_SERVED,
    ratio=Bands(0.95, 0.80),
    recipes=("R-LABEL-OWNER",),
    maps=("CISA Apps", "CISA V&A", "800-53 CM-8", "800-53 PM-5"),
)
def inventory(view: View, namespace: Namespace) -> Iterator[Finding]:
    """Each workload has a controller, a name and an owner.

    Why: nothing can be verified or isolated until it is known and someone answers for it.
    How: a pod that nobody started is where an intruder stays.
    Rule: a workload passes with a controller, an application label and an owner of its namespace; it fails if all are missing, or
    if a Service sends traffic to a pod that nobody controls. Pass from 95 %, warn from 80 %; one that fails is enough to fail.
    Traps: pods of operators have custom controllers; the namespace default belongs to users; the system is nobody's requester.
    Source: v1 Pod, metadata.ownerReferences, metadata.labels; apps/v1 Deployment, StatefulSet, DaemonSet, metadata.labels;
    batch/v1 CronJob, metadata.labels; apps.openshift.io/v1 DeploymentConfig, metadata.labels; v1 Namespace, metadata.labels,
    metadata.annotations.
    Verify: kubectl get pods -A -o custom-columns=NS:.metadata.namespace,POD:.metadata.name,BY:.metadata.ownerReferences[0].kind
    """
    owner = units.owner_of(namespace, view.limits.owner_keys)
    for unit in view.derive(units.workloads, namespace.name):
        yield _inventory(view, unit, owner)


@check(
    "ZT1-MAP-002",
    "Every exposed API resolves to a known, ready backend",
    severity="medium",
    gate="R",
    grain="namespace",
    needs=(*ENTRIES, Service, EndpointSlice, *units.WORKLOADS),
    where_served=(*ENTRIES_WHERE_SERVED, *units.WORKLOADS_WHERE_SERVED),
    maps=("CISA Apps", "800-53 CM-8", "800-53 AC-4"),
)
def backends(view: View, namespace: Namespace) -> Iterator[Finding]:
    """Each way into the cluster ends at a workload that is known and ready.

    Why: dangling entry points are takeover targets; unknown backends are unmapped APIs.
    How: whoever may create the missing Service answers under a name that others trust.
    Rule: pass with a ready endpoint of a known workload; warn without a ready one; fail if the Service has been missing for a day
    or is an ExternalName.
    Traps: serverless and idled Services have no endpoints by design; a Service without selector lists outside addresses by hand.
    Source: route.openshift.io/v1 Route, spec.to, spec.alternateBackends, spec.port; networking.k8s.io/v1 Ingress,
    spec.rules[].http.paths[].backend; gateway.networking.k8s.io/v1 HTTPRoute, GRPCRoute, TLSRoute, spec.parentRefs,
    spec.rules[].backendRefs; v1 Service, spec.ports, spec.selector; discovery.k8s.io/v1 EndpointSlice,
    endpoints[].conditions, endpoints[].targetRef.
    Verify: kubectl get routes,ingresses,httproutes,services,endpointslices -A
    """
    for entry in view.derive(entry_points, namespace.name):
        host = entry.host or "any host"
        if not entry.admitted:
            yield na(entry.of, NOT_ADMITTED, host=host)
        elif entry.backends:
            for place, name in entry.backends:
                yield _backend(view, entry, host, place, name)
        elif not entry.redirects:
            yield warn(entry.of, NO_BACKEND, seen=[entry.of], host=host)


@check(
    "ZT1-MAP-003",
    "A live data-flow source covers the workloads",
    severity="medium",
    gate="R",
    grain="cluster",
    needs=(Pod,),
    where_served=(FlowCollector, Istio, NetworkOperator, *ACS_WHERE_SERVED),
    may=(ObservedFlow,),
    maps=("CISA Networks", "CISA V&A", "800-53 AC-4", "800-53 SI-4"),
)
def flows(view: View) -> Iterator[Finding]:
    """Something observes who talks to whom.

    Why: declared policy without observed flows cannot be tightened safely.
    How: an intruder's connections leave no trace where nothing observes flows.
    Rule: with a store that can be asked, pass if flows into 90 % of the namespaces with running workloads were seen in the last
    quarter of an hour, warn from 50 %, fail below; fail without a source; warn if flows are only exported.
    Traps: a namespace without traffic is not a namespace without coverage; a source that is not ready observes nothing.
    Source: flows.netobserv.io/v1beta2 FlowCollector, status.conditions; sailoperator.io/v1 Istio, status.conditions;
    operator.openshift.io/v1 Network, spec.exportNetworkFlows.
    Verify: kubectl get flowcollectors,istios
    """
    if not any(view.derive(runs_pods, name) for name in view.derive(user_namespaces)):
        yield na(cluster_ref(), NO_TENANTS)
        return
    if view.gap(ObservedFlow) is None:
        yield _observed(view)
        return
    collector = view.get(FlowCollector, "cluster")
    state = condition(collector.status.conditions, "Ready") if collector else None
    if collector is not None and state is not None and state.status == "True":
        fact = seen(collector, "status.conditions[type=Ready].status", "True")
        yield unknown(
            collector, FLOWS_UNREAD, Why.NOT_CONNECTED, "thanos", seen=[fact], source=str(collector.ref), store="Thanos"
        )
        return
    mesh = next(iter(sorted(view.all(Istio), key=_name)), None)
    if mesh is not None:
        yield unknown(mesh, FLOWS_UNREAD, Why.NOT_CONNECTED, "thanos", seen=[mesh], source=str(mesh.ref), store="Thanos")
        return
    central = acs(view)
    if central is not None:
        yield unknown(central, FLOWS_UNREAD, Why.NOT_CONNECTED, "acs", seen=[central], source="ACS", store="ACS")
        return
    network = view.get(NetworkOperator, "cluster")
    if network is not None and network.exports:
        ways = ", ".join(network.exports)
        yield warn(network, FLOWS_EXPORTED, seen=[seen(network, "spec.exportNetworkFlows", ways)], ways=ways)
    elif collector is not None:
        why = (state.message or state.reason if state else "") or "it does not say"
        yield fail(collector, FLOWS_BROKEN, seen=[collector], why=why)
    else:
        yield fail(cluster_ref(), NO_FLOWS)


def _observed(view: View) -> Finding:
    """Which tenants' namespaces the observed flows cover."""
    wanted = [name for name in view.derive(user_namespaces) if view.derive(runs_pods, name)]
    known = {item.name: item for item in view.all(ObservedFlow)}
    hit = [name for name in wanted if name in known]
    words = {"count": str(len(hit)), "total": str(len(wanted))}
    facts = [seen(known[name], "flows in 15 min", f"{known[name].count:g}") for name in hit]
    if len(hit) >= 0.9 * len(wanted):
        return ok(cluster_ref(), FLOWS_SEEN, seen=facts, **words)
    make = warn if len(hit) >= 0.5 * len(wanted) else fail
    return make(cluster_ref(), FLOWS_PARTLY, seen=facts, **words, name=next(name for name in wanted if name not in known))


def _inventory(view: View, unit: Workload, owner: str) -> Finding:
    facts: list[Kind | Evidence] = [unit.pods[0]]
    service = _selecting(view, unit) if unit.naked else None
    if service is not None:
        return fail(unit.root, NAKED_SERVED, seen=[*facts, seen(service, "spec.selector")], service=service.name)
    lacks = {"a controller": unit.naked, "an application label": not unit.has_identity, "an owner of its namespace": not owner}
    missing = [name for name, absent in lacks.items() if absent]
    if len(missing) == len(lacks):
        return fail(unit.root, NOT_KNOWN, seen=facts)
    if missing:
        return warn(unit.root, PARTLY_KNOWN, seen=facts, missing=" and ".join(missing))
    return ok(unit.root, KNOWN, seen=facts, app=unit.app, owner=owner)


def _selecting(view: View, unit: Workload) -> Service | None:
    """The Service that sends traffic to a naked pod. A Service without selector selects nothing."""
    labels = unit.pods[0].labels
    for service in sorted(view.within(Service, unit.root.namespace), key=_name):
        selector = service.spec.selector or {}
        if selector and service.spec.type != "ExternalName" and selector.items() <= labels.items():
            return service
    return None


def _backend(view: View, entry: EntryPoint, host: str, place: str, name: str) -> Finding:
    """What is behind one way in."""
    words = {"host": host, "service": f"service/{place}/{name}"}
    service = view.get(Service, name, place)
    if service is None:
        return _missing(view, entry, words)
    if service.spec.type == "ExternalName":
        fact = seen(service, "spec.type", "ExternalName")
        return fail(entry.of, EXTERNAL_NAME, seen=[entry.of, fact], **words, target=service.spec.external_name)
    slices = [item for item in view.within(EndpointSlice, place) if item.labels.get("kubernetes.io/service-name") == name]
    ready = [end for item in slices for end in item.endpoints or () if end.conditions.ready is not False]
    facts: list[Kind | Evidence] = [entry.of, service, *slices]
    if not ready:
        sleeps = any(key.startswith(_IDLED) for key in service.annotations) or _SERVERLESS in service.labels
        return ok(entry.of, ASLEEP, seen=facts, **words) if sleeps else warn(entry.of, NO_READY, seen=facts, **words)
    targets = {end.target_ref.name for end in ready if end.target_ref and end.target_ref.kind == "Pod"}
    if not targets and not service.spec.selector:
        return ok(entry.of, EXTERNAL, seen=facts, **words)
    known = {pod.name for unit in view.derive(units.workloads, place) for pod in unit.pods}
    return ok(entry.of, READY, seen=facts, **words) if targets & known else warn(entry.of, UNMAPPED, seen=facts, **words)


def _missing(view: View, entry: EntryPoint, words: dict[str, str]) -> Finding:
    """A Service that is not there: a takeover target once the entry has been admitted for a day."""
    times = [entry.of.created]
    if isinstance(entry.of, Route):
        times += [instant(item.last_transition_time) for at in entry.of.status.ingress or () for item in at.conditions or ()]
    since = max((item for item in times if item), default=None)
    if since is not None and view.now - since > _DAY:
        return fail(entry.of, DANGLING, seen=[entry.of], **words)
    return warn(entry.of, DANGLING_NEW, seen=[entry.of], **words)


def _name(of: Kind) -> str:
    return of.name
