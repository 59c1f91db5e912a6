"""Row P2.MTLS: a mesh that works, STRICT by default and in effect, on every workload that can be called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ztui.checks.base import Bands, Evidence, Finding, Status, attested, check, cluster_ref, fail, ok, reason, seen, unknown, warn
from ztui.engines import tenancy
from ztui.engines.meshunits import EXEMPT, callable_units, exemption
from ztui.engines.mtls import (
    MESH,
    MESH_WHERE_SERVED,
    Inbound,
    container_ports,
    expected,
    inbound,
    is_enrolled,
    mesh,
    root_gap,
    wide_policies,
)
from ztui.engines.units import WORKLOADS, WORKLOADS_WHERE_SERVED, Workload
from ztui.kinds.base import Condition, Kind, Ref, condition
from ztui.kinds.clusternetwork import NetworkOperator
from ztui.kinds.mesh import PeerAuthentication
from ztui.kinds.meshcontrol import Istio, ServiceMeshControlPlane, ServiceMeshMemberRoll, ZTunnel
from ztui.kinds.network import Service
from ztui.kinds.workload import DaemonSet, Deployment, Namespace, Pod
from ztui.view import View

READY = reason("mesh-ready", "{plane} is ready")
UNSETTLED = reason("mesh-unsettled", "{plane} is ready, and says {what}", next="Look at the conditions of the control plane")
OLD_MESH = reason(
    "mesh-end-of-life", "{plane} is of OpenShift Service Mesh 2, which ends", next="Move to OpenShift Service Mesh 3"
)
NOT_READY = reason(
    "mesh-not-ready", "{plane} is not ready: {what}", next="Look at the conditions of the control plane", stands=True
)
NO_ZTUNNEL = reason(
    "ztunnel-missing", "the node proxies run on {ready} of {wanted} nodes", next="Look at the DaemonSet ztunnel", stands=True
)
NO_MESH = reason("no-mesh", "no service mesh is installed", next="Walk through the installation of a mesh in the guide")
IPSEC = reason(
    "encrypted-not-authenticated",
    "IPsec encrypts what pods say, and proves nodes, not workloads",
    next="Install a mesh: identity is what the next phases stand on",
)
STRICT = reason("mesh-strict", "{by} makes every port of the mesh STRICT")
OWN_STRICT = reason(
    "namespaces-strict",
    "the mesh default is {mode}; every user namespace has a STRICT of its own",
    next="Set it once in {root}",
)
LOOSE = reason(
    "mesh-loose",
    "the mesh default is {mode}: whoever joins accepts plaintext until told otherwise",
    next="Preview STRICT for the whole mesh",
)
SWITCHED_OFF = reason("mesh-off", "{by} switches mutual TLS off for the whole mesh", next="Set mode STRICT", stands=True)
EXTRA = reason("mesh-extra-policy", "{policy} does nothing: {by} is older", next="Delete it, or give it a selector")
PORT_STRICT = reason("port-strict", "{unit} accepts only mutual TLS ({ports})")
PORT_PERMISSIVE = reason(
    "port-permissive", "{unit} also accepts plaintext on {port}, by {by}", next="Preview STRICT for the namespace"
)
ROOT_UNSEEN = reason(
    "mesh-policy-unseen",
    "what {unit} accepts is left to the root namespace of the mesh, whose policies are not all seen",
    next="Let the policies of that namespace be read",
)
PORT_OFF = reason(
    "port-off", "{unit} accepts only plaintext on {port}, by {by}", next="Remove the DISABLE from the policy", stands=True
)
EXCLUDED = reason(
    "port-excluded",
    "an annotation keeps {port} of {unit} away from the mesh",
    next="Remove the port from the annotation",
    stands=True,
)
NOT_INJECTED = reason(
    "not-injected",
    "{unit} should be in the mesh ({want}) and {count} of its pods are not",
    next="Restart the workload: pods older than the label run without a proxy",
    stands=True,
)
ENROLLED = reason("enrolled", "{unit} is in the mesh")
ISLAND = reason("not-enrolled", "{unit} can be called and is in no mesh", next="Preview enrolling the namespace")
OUTSIDE_STILL = reason(
    "not-started-again", "{unit} is to be in the mesh ({want}), and pods of it are older than that", next="Start its pods again"
)
EXEMPTED = reason("mesh-exempt", "exempt since {since}: {why}")

_RATIO: Final = Bands(0.95, 0.80, any_fail=False)
_NEEDS: Final = (*MESH, *WORKLOADS, Service)
_SERVED: Final = (*MESH_WHERE_SERVED, *WORKLOADS_WHERE_SERVED)


@check(
    "ZT2-MTLS-001",
    "A mesh is installed and healthy",
    severity="high",
    gate="R",
    grain="cluster",
    needs=(*MESH, DaemonSet, Namespace),
    where_served=(*MESH_WHERE_SERVED, NetworkOperator),
    maps=("CISA Networks", "800-53 SC-8", "800-53 IA-9"),
)
def mesh_installed(view: View) -> Iterator[Finding]:
    """A service mesh is there and works.

    Why: mutual TLS needs an issuer that works and a data plane that uses it.
    How: without it, whoever listens on the wire reads what services say, and whoever connects is believed.
    Rule: pass if a control plane is Ready, and in ambient mode its node proxies run wherever they should; warn if it is Ready and
    says that something is amiss, for OpenShift Service Mesh 2, and for IPsec without a mesh; fail otherwise.
    Traps: a Deployment named istiod in a tenant's namespace is no control plane; CRDs without a control plane encrypt nothing.
    Source: sailoperator.io/v1 Istio, status.state, status.conditions, status.activeRevisionName; sailoperator.io/v1 ZTunnel,
    spec.namespace; maistra.io/v2 ServiceMeshControlPlane, status.conditions; apps/v1 Deployment, status.availableReplicas;
    apps/v1 DaemonSet, status.desiredNumberScheduled, status.numberReady; operator.openshift.io/v1 Network,
    spec.defaultNetwork.ovnKubernetesConfig.ipsecConfig.mode.
    Verify: oc get istios,istiorevisions,ztunnels; kubectl get deployments -A -l app=istiod
    """
    found = view.derive(mesh)
    if found is None:
        network = view.get(NetworkOperator, "cluster")
        if network is not None and network.encrypts_pods:
            yield warn(network, IPSEC, seen=[network])
        else:
            yield fail(cluster_ref(), NO_MESH)
        return
    for plane in sorted(view.all(Istio), key=_name):
        yield _plane(plane, plane.status.conditions, plane.status.state)
    for older in sorted(view.all(ServiceMeshControlPlane), key=_name):
        judged = _plane(older, older.status.conditions, "")
        yield judged if judged.status is Status.FAIL else warn(older, OLD_MESH, seen=[older], plane=str(older.ref))
    for ref in found.planes:
        daemon = view.get(Deployment, ref.name, ref.namespace) if ref.kind == "Deployment" else None
        if daemon is not None:
            words = {"plane": str(ref), "what": "no replica is available"}
            facts = [seen(daemon, "status.availableReplicas", daemon.status.available_replicas)]
            up = daemon.status.available_replicas > 0
            yield ok(daemon, READY, seen=facts, **words) if up else fail(daemon, NOT_READY, seen=facts, **words)
    yield from _node_proxies(view)


@check(
    "ZT2-MTLS-002",
    "Mesh default is STRICT",
    severity="high",
    gate="R",
    grain="cluster",
    needs=(*MESH, Namespace),
    where_served=MESH_WHERE_SERVED,
    recipes=("R-PA-MESH",),
    maps=("800-53 SC-8(1)", "800-53 AC-17(2)"),
)
def mesh_default(view: View) -> Iterator[Finding]:
    """Whoever joins the mesh accepts only mutual TLS unless somebody says otherwise.

    Why: with a permissive default every new workload tolerates plaintext.
    How: a service is moved into the mesh, everybody believes it is protected, and it answers plain requests.
    Rule: pass if the policy of the root namespace is STRICT; warn if it is absent or permissive while every user namespace in the
    mesh has its own STRICT; fail otherwise, and for DISABLE.
    Traps: of several policies without a selector the oldest counts, and the others are told; one with a selector in the root
    namespace selects nothing; the older operator keeps its own switch.
    Source: security.istio.io/v1 PeerAuthentication, spec.selector, spec.mtls.mode; sailoperator.io/v1 Istio,
    spec.values.meshConfig.rootNamespace; maistra.io/v2 ServiceMeshControlPlane, spec.security.dataPlane.mtls.
    Verify: kubectl get peerauthentications -n istio-system
    """
    found = view.derive(mesh)
    if found is None:
        return
    policies = wide_policies(view, found.root)
    mode = policies[0].spec.mtls.mode if policies and policies[0].spec.mtls else ""
    on: Kind | Ref = policies[0] if policies else Ref("", "Namespace", "", found.root)
    facts = [seen(policies[0], "spec.mtls.mode", mode or "UNSET")] if policies else []
    words = {"mode": mode if mode not in {"", "UNSET"} else "PERMISSIVE", "root": found.root}
    older = next((item for item in sorted(view.all(ServiceMeshControlPlane), key=_name) if item.is_strict), None)
    if mode == "STRICT":
        yield ok(on, STRICT, seen=facts, by=str(policies[0].ref))
    elif mode in {"", "UNSET"} and older is not None:
        yield ok(older, STRICT, seen=[seen(older, "spec.security.dataPlane.mtls", "true")], by=str(older.ref))
    elif mode == "DISABLE":
        yield fail(on, SWITCHED_OFF, seen=facts, by=str(policies[0].ref))
    elif _all_strict(view):
        yield warn(on, OWN_STRICT, seen=facts, **words)
    else:
        yield fail(on, LOOSE, seen=facts, **words)
    for extra in policies[1:]:
        yield warn(extra, EXTRA, seen=[extra], policy=str(extra.ref), by=str(policies[0].ref))


@check(
    "ZT2-MTLS-003",
    "Every workload port accepts only mTLS",
    severity="critical",
    gate="R",
    grain="namespace",
    needs=_NEEDS,
    where_served=_SERVED,
    beyond=(ServiceMeshControlPlane, ServiceMeshMemberRoll),
    recipes=("R-PA-NS", "R-PA-PORT", "R-ROLLOUT"),
    maps=("CISA Networks", "800-53 SC-8", "800-53 IA-9"),
)
def ports_strict(view: View, namespace: Namespace) -> Iterator[Finding]:
    """The mode in effect, not the one declared, protects every port.

    Why: what decides is what the port accepts after mesh, namespace, workload and port have had their say.
    How: one port set to DISABLE for a probe years ago still answers anybody in plaintext.
    Rule: per workload of the mesh, its worst port: pass for STRICT; warn for PERMISSIVE; fail for DISABLE, for a port kept away
    from the proxy, and for pods that should have a proxy and have none. Workloads in no mesh are judged by ZT2-MTLS-004.
    Traps: ports are container ports; a policy with a selector in the root namespace selects nothing; ambient mode takes DISABLE
    for PERMISSIVE; pods older than the label of their namespace run without a proxy.
    Source: security.istio.io/v1 PeerAuthentication, spec.selector, spec.mtls.mode, spec.portLevelMtls; v1 Namespace,
    metadata.labels; v1 Pod, metadata.labels, metadata.annotations, spec.containers[].ports[].containerPort.
    Verify: istioctl x describe pod POD
    """
    if view.derive(mesh) is None:
        return
    for unit in view.derive(callable_units, namespace.name):
        found = _unit_ports(view, unit)
        if found is not None:
            yield found


@check(
    "ZT2-MTLS-004",
    "Enrolment coverage",
    severity="high",
    gate="R",
    grain="namespace",
    ratio=_RATIO,
    needs=_NEEDS,
    where_served=_SERVED,
    beyond=(ServiceMeshControlPlane,),
    recipes=("R-ENROLL", "R-ROLLOUT"),
    maps=("800-53 IA-9", "800-53 SC-8"),
)
def enrolment(view: View, namespace: Namespace) -> Iterator[Finding]:
    """Nearly every workload that can be called is in the mesh.

    Why: services outside of the mesh are islands that prove nothing to anybody.
    How: an attacker needs only one service that still takes and makes plain calls.
    Rule: the share of workloads with a port or a Service whose pods are all in the mesh: pass from 95 %, warn from 80 %, fail
    below. A namespace with ztui.io/mesh-exempt leaves the ratio and makes the row attested at best.
    Traps: what counts is what runs, not what the labels ask for; pods on a host network cannot be in a mesh.
    Source: v1 Pod, metadata.annotations, spec.containers[].name, spec.initContainers[].name, spec.hostNetwork; v1 Service,
    spec.selector; v1 Namespace, metadata.annotations.
    Verify: kubectl get pods -n NAMESPACE -o custom-columns=NAME:.metadata.name,BOXES:.spec.containers[*].name
    """
    if view.derive(mesh) is None:
        return
    why = exemption(namespace)
    units = view.derive(callable_units, namespace.name)
    if why and units:
        since = namespace.metadata.creation_timestamp or "?"
        facts = [seen(namespace, f"metadata.annotations[{EXEMPT}]", why)]
        yield attested(ok(namespace, EXEMPTED, seen=facts, why=why, since=since))
        return
    for unit in units:
        outside = [pod for pod in unit.pods if not is_enrolled(pod)]
        if not outside:
            yield ok(unit.root, ENROLLED, seen=unit.pods, unit=str(unit.root))
        elif (want := expected(view, outside[0])) != "none":
            yield warn(unit.root, OUTSIDE_STILL, seen=outside, unit=str(unit.root), want=want)
        else:
            yield warn(unit.root, ISLAND, seen=unit.pods, unit=str(unit.root))


def _plane(plane: Kind, conditions: tuple[Condition, ...] | None, state: str) -> Finding:
    ready = condition(conditions, "Ready")
    words = {"plane": str(plane.ref)}
    if ready is None or ready.status != "True":
        what = (ready.reason or ready.message) if ready else "no condition Ready"
        return fail(
            plane, NOT_READY, seen=[seen(plane, "status.conditions[Ready]", ready.status if ready else "")], what=what, **words
        )
    settled = condition(conditions, "Reconciled")
    amiss = settled.reason or "Reconciled is False" if settled is not None and settled.status == "False" else ""
    amiss = amiss or (state if state not in {"", "Healthy"} else "")
    facts = [seen(plane, "status.conditions[Ready]", "True"), *([seen(plane, "status.state", state)] if state else [])]
    return warn(plane, UNSETTLED, seen=facts, what=amiss, **words) if amiss else ok(plane, READY, seen=facts, **words)


def _node_proxies(view: View) -> Iterator[Finding]:
    """The node proxies of ambient mode, where a ZTunnel asks for them."""
    homes = {item.spec.namespace for item in view.all(ZTunnel)}
    for item in sorted(view.all(DaemonSet), key=_name):
        status = item.status
        if item.name == "ztunnel" and item.namespace in homes and status.number_ready < status.desired_number_scheduled:
            facts = [seen(item, "status.numberReady", status.number_ready)]
            yield fail(item, NO_ZTUNNEL, seen=facts, ready=status.number_ready, wanted=status.desired_number_scheduled)


def _all_strict(view: View) -> bool:
    """Whether every user namespace with callable workloads has a STRICT of its own."""
    names = [name for name in view.derive(tenancy.user_namespaces) if view.derive(_has_members, name)]
    return bool(names) and all(view.derive(_own_mode, name) == "STRICT" for name in names)


def _has_members(view: View, namespace: str) -> bool:
    return any(is_enrolled(pod) for pod in view.within(Pod, namespace) if pod.is_live)


def _own_mode(view: View, namespace: str) -> str:
    policies = wide_policies(view, namespace)
    return policies[0].spec.mtls.mode if policies and policies[0].spec.mtls else ""


def _unit_ports(view: View, unit: Workload) -> Finding | None:
    """The worst port of a workload; ``None`` where neither its labels nor its pods are of the mesh."""
    words = {"unit": str(unit.root)}
    missing = [pod for pod in unit.pods if expected(view, pod) != "none" and not is_enrolled(pod)]
    if missing:
        want = expected(view, missing[0])
        return fail(unit.root, NOT_INJECTED, seen=missing, want=want, count=f"{len(missing)} of {len(unit.pods)}", **words)
    inside = [pod for pod in unit.pods if is_enrolled(pod)]
    if not inside:
        return None
    ports = container_ports(inside) or (0,)
    found = [(inbound(view, pod, port), port) for pod in inside for port in ports]
    worst, port = min(found, key=lambda item: _RANK[item[0].mode])
    gap = root_gap(view, PeerAuthentication, unit.root.namespace)
    wide = [
        item for item, _ in found if item.mode != "PLAINTEXT" and (item.by is None or item.by.namespace != unit.root.namespace)
    ]
    if gap is not None and wide and (worst in wide or worst.mode not in {"PLAINTEXT", "DISABLE"}):
        return unknown(unit.root, ROOT_UNSEEN, gap.why, gap.detail, seen=inside, **words)
    facts = _facts(worst, inside[0])
    more = {"port": port or "every port", "by": str(worst.by) if worst.by else "the mesh's default", **words}
    if worst.mode == "PLAINTEXT":
        return fail(unit.root, EXCLUDED, seen=facts, **more)
    if worst.mode == "DISABLE":
        return fail(unit.root, PORT_OFF, seen=facts, **more)
    if worst.mode == "PERMISSIVE":
        return warn(unit.root, PORT_PERMISSIVE, seen=facts, **more)
    return ok(unit.root, PORT_STRICT, seen=facts, ports=", ".join(map(str, ports)) if ports != (0,) else "all", **words)


def _facts(found: Inbound, pod: Kind) -> list[Kind | Evidence]:
    if found.by is None or found.by == pod.ref:
        return [pod]
    return [pod, Evidence(found.by, "spec.mtls.mode", found.mode)]


_RANK: Final = {"PLAINTEXT": 0, "DISABLE": 1, "PERMISSIVE": 2, "STRICT": 3}


def _name(item: Kind) -> tuple[str, str]:
    return (item.namespace, item.name)
