"""Row P2.MTLS, the calls: nobody goes back to plaintext, and each call is allowed by identity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ztui.checks.base import Finding, check, fail, ok, reason, seen, unknown, warn
from ztui.engines.meshcalls import allows_all, calls_gap, calls_in, is_about_requests, is_dry, targets_of
from ztui.engines.meshunits import callable_units
from ztui.engines.mtls import (
    MESH,
    MESH_WHERE_SERVED,
    container_ports,
    is_enrolled,
    is_excluded,
    mesh,
    observed,
)
from ztui.engines.mtls_clients import CLIENTS, CLIENTS_WHERE_SERVED, SUFFIX, effective_rule, full_host, matches_host
from ztui.engines.units import WORKLOADS, WORKLOADS_WHERE_SERVED, Workload, workloads
from ztui.kinds.mesh import AuthorizationPolicy, AuthorizationRule, DestinationRule, TrafficPolicy
from ztui.kinds.meshcontrol import ServiceMeshControlPlane
from ztui.kinds.network import Gateway, Service
from ztui.kinds.workload import Namespace, Pod
from ztui.view import View

MUTUAL = reason("rule-mutual", "{rule} leaves mutual TLS to the mesh, or asks for it")
DOWNGRADE = reason(
    "client-downgrade",
    "{rule} makes callers of {host} use {mode}: {what}",
    next="Preview ISTIO_MUTUAL in its place",
    stands=True,
)
OWN_CERTS = reason(
    "own-certificates", "{rule} uses certificates of its own for {host}", next="Use ISTIO_MUTUAL, which renews them"
)
INERT = reason("rule-inert", "{rule} asks for {mode}, and no caller is bound by it", next="Delete the rule")
BOUND_UNSEEN = reason(
    "rule-bound-unseen",
    "{rule} asks for {mode}; whether callers are bound by it is not known, for not all of them are seen",
    next="Delete the rule, or let other namespaces be read",
)
CAPTURED = reason("captured", "nothing keeps traffic of {unit} away from the mesh")
BYPASS = reason(
    "capture-bypass", "{unit} keeps {what} away from the mesh", next="Remove the annotation from the pod template", stands=True
)
LEAK = reason("capture-leak", "{unit} keeps {what} away from the mesh", next="Remove it, or say why beside it")
OPTED_OUT = reason(
    "opted-out", "{unit} has ports and opts out of the mesh by {what}", next="Remove the label, or exempt the namespace"
)
BY_IDENTITY = reason("by-identity", "{policy} allows nothing by default, and each exposed workload names who may call it")
BY_PLACE = reason(
    "by-place", "{what} is allowed by namespace or address, not by identity", next="Name principals or serviceAccounts instead"
)
DRY_RUN = reason("authorization-dry-run", "{policy} only reports", next="Remove the annotation istio.io/dry-run")
ANYONE = reason(
    "anyone-calls", "nothing says who may call whom: {what}", next="Preview a policy that allows nothing, then name callers"
)
NO_DEFAULT = reason(
    "no-default",
    "each exposed workload names its callers, and what comes next will not",
    next="Add a policy without selector and rules: it allows nothing by default",
)
ROOT_UNSEEN = reason(
    "mesh-rules-unseen",
    "who may call whom is said in the root namespace of the mesh too, and at waypoints, whose policies are not all seen",
    next="Let the policies of those namespaces be read",
)
ALLOW_ALL = reason("authorization-allow-all", "{policy} allows every call", next="Name the callers in the rule", stands=True)
NEEDS_WAYPOINT = reason(
    "l7-needs-waypoint",
    "{policy} asks for requests in an ambient namespace, where only a waypoint sees them",
    next="Attach the policy to a waypoint by targetRefs",
    stands=True,
)

_BAD: Final = frozenset({"DISABLE", "SIMPLE"})
_INBOUND: Final = "traffic.sidecar.istio.io/excludeInboundPorts"
_OUTBOUND: Final = ("excludeOutboundPorts", "excludeOutboundIPRanges")


@check(
    "ZT2-MTLS-005",
    "No client-side downgrade or capture bypass",
    severity="high",
    gate="R",
    grain="namespace",
    needs=(*CLIENTS, *WORKLOADS),
    where_served=(*CLIENTS_WHERE_SERVED, *WORKLOADS_WHERE_SERVED),
    beyond=(ServiceMeshControlPlane,),
    recipes=("R-DR-MUTUAL",),
    maps=("800-53 SC-8(1)",),
)
def no_downgrade(view: View, namespace: Namespace) -> Iterator[Finding]:
    """No rule and no annotation takes traffic of the mesh back to plaintext.

    Why: a client's rule or an annotation silently returns traffic to plaintext, whatever the servers ask for.
    How: a DestinationRule from a debugging day still says DISABLE; towards a STRICT server it breaks, elsewhere it leaks.
    Rule: fail for DISABLE and SIMPLE where callers are bound by it, for a declared port kept away from the proxy, and for
    bypass-inbound-capture; warn for certificates of one's own, for other exclusions, and for workloads with ports that opt out;
    pass otherwise.
    Traps: the first namespace with a rule ends the search: the caller's, the Service's, the root; a port's entry without TLS
    means the default; hosts outside of the cluster are no matter of the mesh.
    Source: networking.istio.io/v1 DestinationRule, spec.host, spec.exportTo, spec.workloadSelector, spec.trafficPolicy.tls.mode,
    spec.trafficPolicy.portLevelSettings, spec.subsets; v1 Pod, metadata.annotations, metadata.labels.
    Verify: kubectl get destinationrules -A -o yaml | grep -B6 -A2 'mode: DISABLE'
    """
    if view.derive(mesh) is None:
        return
    for rule in sorted(view.within(DestinationRule, namespace.name), key=lambda item: item.name):
        found = _rule(view, rule)
        if found is not None:
            yield found
    for unit in view.derive(workloads, namespace.name):
        judged = _capture(unit)
        if judged is not None:
            yield judged


@check(
    "ZT2-MTLS-007",
    "Calls are authorised by identity",
    severity="medium",
    gate="S",
    grain="namespace",
    needs=(*MESH, *WORKLOADS, Service),
    where_served=(*MESH_WHERE_SERVED, *WORKLOADS_WHERE_SERVED, AuthorizationPolicy, Gateway),
    beyond=(ServiceMeshControlPlane,),
    recipes=("R-AP-DENY",),
    maps=("CISA Apps", "800-53 AC-3", "800-53 AC-4", "800-53 AC-6"),
)
def by_identity(view: View, namespace: Namespace) -> Iterator[Finding]:
    """In the mesh, a call is allowed by who calls.

    Why: encryption without authorization lets any identity of the mesh call anything.
    How: a stolen front end has a good certificate and uses it on the ledger.
    Rule: per namespace with workloads of the mesh: pass if a policy allows nothing by default, here or in the root namespace,
    and every workload with a Service has an ALLOW by principals or accounts; warn if callers are named by namespace or address,
    or if a policy only reports; fail if nothing is denied, or if a rule allows every call.
    Traps: ALLOW without rules allows nothing, a rule without conditions everything; in ambient mode policies about requests need
    a waypoint; a policy that is attached to one is about those alone whose callers pass it.
    Source: security.istio.io/v1 AuthorizationPolicy, spec.selector, spec.targetRefs, spec.action, spec.rules,
    metadata.annotations; gateway.networking.k8s.io/v1 Gateway, spec.gatewayClassName; v1 Pod, metadata.annotations.
    Verify: kubectl get authorizationpolicies -n NAMESPACE
    """
    found = view.derive(mesh)
    units = [unit for unit in view.derive(callable_units, namespace.name) if any(map(is_enrolled, unit.pods))]
    if found is None or not units:
        return
    here = sorted(view.within(AuthorizationPolicy, namespace.name), key=lambda item: item.name)
    ambient = any(observed(pod) == "ambient" for unit in units for pod in unit.pods)
    for policy in here:
        if ambient and is_about_requests(policy) and not (policy.spec.target_refs or policy.spec.target_ref):
            yield fail(policy, NEEDS_WAYPOINT, seen=[policy], policy=str(policy.ref))
        elif policy.spec.action in {"", "ALLOW"} and any(map(allows_all, policy.spec.rules or ())) and not is_dry(policy):
            yield fail(policy, ALLOW_ALL, seen=[seen(policy, "spec.rules", "[{}]")], policy=str(policy.ref))
    unseen = calls_gap(view, namespace.name)
    if unseen is not None:
        _, gap = unseen
        yield unknown(namespace, ROOT_UNSEEN, gap.why, gap.detail, seen=here)
        return
    root = view.within(AuthorizationPolicy, found.root) if found.root != namespace.name else ()
    yield _authorization(view, namespace, units, [*here, *sorted(root, key=lambda item: item.name)])


def _rule(view: View, rule: DestinationRule) -> Finding | None:
    """The judgement on a rule for hosts of the cluster; ``None`` for those outside."""
    host = full_host(rule)
    modes = [(mode, path) for mode, path in _modes(rule) if mode]
    if not host.endswith(f".{SUFFIX}") and not host.startswith("*"):
        return None
    words = {"rule": str(rule.ref), "host": host}
    bad = next((item for item in modes if item[0] in _BAD), None)
    if bad is not None:
        mode, path = bad
        facts = [seen(rule, path, mode)]
        if not _binds_anybody(view, rule, host):
            gap = view.gap(Pod) or view.gap(Service) or view.gap(DestinationRule)
            if gap is not None:
                return unknown(rule, BOUND_UNSEEN, gap.why, gap.detail, seen=facts, mode=mode, **words)
            return warn(rule, INERT, seen=facts, mode=mode, **words)
        what = "a STRICT server refuses them" if mode == "DISABLE" else "the server cannot tell who calls"
        return fail(rule, DOWNGRADE, seen=facts, mode=mode, what=what, **words)
    own = next((item for item in modes if item[0] == "MUTUAL"), None)
    if own is not None:
        return warn(rule, OWN_CERTS, seen=[seen(rule, own[1], own[0])], **words)
    return ok(rule, MUTUAL, seen=[rule], **words)


def _modes(rule: DestinationRule) -> Iterator[tuple[str, str]]:
    """Every TLS mode in a rule with its path."""
    yield from _policy_modes(rule.spec.traffic_policy, "spec.trafficPolicy")
    for subset in rule.spec.subsets or ():
        yield from _policy_modes(subset.traffic_policy, f"spec.subsets[{subset.name}].trafficPolicy")


def _policy_modes(policy: TrafficPolicy | None, path: str) -> Iterator[tuple[str, str]]:
    if policy is None:
        return
    if policy.tls is not None:
        yield policy.tls.mode, f"{path}.tls.mode"
    for item in policy.port_level_settings or ():
        if item.tls is not None:
            yield item.tls.mode, f"{path}.portLevelSettings[{item.port.number if item.port else 0}].tls.mode"


def _binds_anybody(view: View, rule: DestinationRule, host: str) -> bool:
    """Whether the rule is the one in effect for some caller of the mesh towards some Service of the cluster."""
    services = [item for item in view.all(Service) if matches_host(host, f"{item.name}.{item.namespace}.{SUFFIX}")]
    callers = view.derive(_callers)
    return any(
        effective_rule(view, namespace, labels, service.namespace, service.name) == rule
        for service in services
        for namespace, labels in callers
    )


def _callers(view: View) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """The different kinds of callers with a proxy: namespace and labels."""
    return tuple(
        sorted(
            {
                (pod.namespace, tuple(sorted(pod.labels.items())))
                for pod in view.all(Pod)
                if pod.is_live and observed(pod) in {"sidecar", "gateway"}
            }
        )
    )


def _capture(unit: Workload) -> Finding | None:
    pod = unit.pods[0]
    notes, ports = pod.annotations, container_ports(unit.pods)
    words = {"unit": str(unit.root)}
    if notes.get("ambient.istio.io/bypass-inbound-capture") == "true":
        return fail(unit.root, BYPASS, seen=[pod], what="everything that comes in", **words)
    hidden = [port for port in ports if observed(pod) == "sidecar" and is_excluded(pod, port)]
    if hidden:
        facts = [seen(pod, f"metadata.annotations[{_INBOUND}]", notes.get(_INBOUND, ""))]
        return fail(unit.root, BYPASS, seen=facts, what=f"port {', '.join(map(str, hidden))}", **words)
    if ports and not is_enrolled(pod):
        for label, value in (("sidecar.istio.io/inject", "false"), ("istio.io/dataplane-mode", "none")):
            if pod.labels.get(label) == value:
                facts = [seen(pod, f"metadata.labels[{label}]", value)]
                return warn(unit.root, OPTED_OUT, seen=facts, what=f"{label}={value}", **words)
    others = [name for name in ("excludeInboundPorts", *_OUTBOUND) if notes.get(f"traffic.sidecar.istio.io/{name}", "").strip()]
    if others:
        return warn(unit.root, LEAK, seen=[pod], what=", ".join(others), **words)
    return ok(unit.root, CAPTURED, seen=[pod], **words) if is_enrolled(pod) else None


def _authorization(view: View, namespace: Namespace, units: list[Workload], policies: list[AuthorizationPolicy]) -> Finding:
    closing = next((item for item in policies if _closes(item) and not is_dry(item)), None)
    allows = [
        item for item in policies if item.spec.action in {"", "ALLOW"} and item.spec.rules and item.namespace == namespace.name
    ]
    dry = next((item for item in policies if is_dry(item)), None)
    exposed = [unit for unit in units if _has_service(view, unit)]
    closed = {item.unit for item in view.derive(calls_in, namespace.name) if item.closing}
    open_units = [str(unit.root) for unit in exposed if unit.root not in closed and not _allowed(unit, allows)]
    if closing is None and (open_units or not (allows or closed)):
        if dry is not None:
            return warn(namespace, DRY_RUN, seen=[dry], policy=str(dry.ref))
        return fail(namespace, ANYONE, seen=policies, what=", ".join(open_units[:3]) or "no policy denies anything")
    by_place = [
        str(item.ref) for item in allows if not is_dry(item) and not all(_names_identity(rule) for rule in item.spec.rules or ())
    ]
    if by_place:
        return warn(namespace, BY_PLACE, seen=allows, what=by_place[0])
    if closing is None:
        return warn(namespace, DRY_RUN, seen=[dry], policy=str(dry.ref)) if dry else warn(namespace, NO_DEFAULT, seen=allows)
    return ok(namespace, BY_IDENTITY, seen=policies, policy=str(closing.ref))


def _closes(policy: AuthorizationPolicy) -> bool:
    """Whether a policy allows nothing, for every workload it covers."""
    spec = policy.spec
    targets = spec.target_ref is not None or bool(spec.target_refs)
    wide = spec.selector is None or not spec.selector.match_labels
    return spec.action in {"", "ALLOW"} and not spec.rules and wide and not targets


def _has_service(view: View, unit: Workload) -> bool:
    found = (item.spec.selector for item in view.within(Service, unit.root.namespace))
    return any(selector and selector.items() <= pod.labels.items() for selector in found for pod in unit.pods)


def _allowed(unit: Workload, allows: list[AuthorizationPolicy]) -> bool:
    """Whether a policy in force selects the workload: from there on only what is named may call it."""
    for policy in allows:
        wanted = (policy.spec.selector.match_labels if policy.spec.selector else None) or {}
        if not is_dry(policy) and not targets_of(policy) and all(wanted.items() <= pod.labels.items() for pod in unit.pods):
            return True
    return False


def _names_identity(rule: AuthorizationRule) -> bool:
    sources = [item.source for item in rule.from_ or ()]
    return bool(sources) and all(item.principals or item.service_accounts or item.request_principals for item in sources)
