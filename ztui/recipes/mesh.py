"""The mesh: STRICT where it is not, workloads brought in, clients that go back to plaintext, calls allowed by identity."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from ztui.checks.base import Reason
from ztui.engines.mtls import is_enrolled, mesh, wide_policy
from ztui.engines.units import WORKLOADS, workloads
from ztui.kinds.base import Kind, Ref
from ztui.kinds.measured import DayTraffic, ObservedCall, TrafficSecurity
from ztui.kinds.mesh import AuthorizationPolicy, DestinationRule, PeerAuthentication
from ztui.kinds.workload import DaemonSet, Deployment, Namespace, StatefulSet
from ztui.recipes.base import (
    Draft,
    Note,
    Question,
    Stop,
    Write,
    applied,
    expect,
    gone,
    made,
    note,
    patched,
    pointer,
    recipe,
    refused,
    replace,
)
from ztui.recipes.netpol import pod_selector
from ztui.recipes.roots import are_new, root_of, unit_of
from ztui.view import View

Body = dict[str, Any]
STRICT: Final[Body] = {"spec": {"mtls": {"mode": "STRICT"}}}
LEAST_MUTUAL: Final = 0.99
"""The share of calls over mutual TLS from which STRICT breaks next to nothing."""

NO_MESH: Final = Reason("no-mesh", "no mesh is seen in this cluster")
ENDED: Final = Reason("strict-plaintext", "{src} calls {dst} in plaintext and would be refused ({count} calls in the last day)")
PART_PLAIN: Final = Reason("strict-share", "{share} of the calls to {dst} came in plaintext in the last hour")
UNCOUNTED: Final = Reason("strict-uncounted", "nobody counts the calls to {namespace}: who would be refused is not known")
COVERS: Final = Reason("strict-covers", "{count} workloads of {namespace} take nothing but mutual TLS from then on")
NO_PORT: Final = Reason("no-port-setting", "no policy sets a port of {what} apart")
MIXED: Final = Reason("mixed-labels", "{namespace} asks for a mesh in two ways already")
ASKS_ALREADY: Final = Reason("asks-already", "{namespace} asks for a mesh already, by {label}; R-ROLLOUT starts it anew")
NEXT_START: Final = Reason("next-start", "pods come into the mesh when they start again: R-ROLLOUT does that")
RESTARTS: Final = Reason("restarts", "{count} pods of {what} start again, one after another")
NOT_ROLLED: Final = Reason("not-rolled", "{what} has no rollout: delete its pods by hand")
NOTHING: Final = Reason("no-downgrade", "{what} switches off nothing any more")
LETS: Final = Reason("lets-call", "{dst} is called by {callers}, and by nobody else")
UNSEEN_CALLS: Final = Reason("calls-unseen", "calls are not measured: everybody would be refused")
NAMELESS: Final = "somebody whom the mesh has no name for"
RESTARTED: Final = "kubectl.kubernetes.io/restartedAt"
ROOTS: Final = ("Deployment", "StatefulSet", "DaemonSet", "DeploymentConfig", "Pod", "ReplicaSet", "Job")
READS: Final[tuple[type[Kind], ...]] = (*WORKLOADS, Namespace, PeerAuthentication, ObservedCall, DayTraffic, TrafficSecurity)


@recipe(
    "R-PA-NS",
    "Take only mutual TLS in the namespace",
    risk_class="disruptive",
    on=ROOTS,
    writes=(PeerAuthentication,),
    makes=(PeerAuthentication,),
    reads=READS,
    verify_s=120.0,
    rolls_back=True,
)
def strict_namespace(view: View, ref: Ref) -> Draft:
    """STRICT for all workloads of the namespace; a policy for all that is there already is changed."""
    if view.derive(mesh) is None:
        return Draft(stops=(Stop(note(NO_MESH)),))
    return _strict(view, ref.namespace, [ref.namespace])


@recipe(
    "R-PA-MESH",
    "Take only mutual TLS in the whole mesh",
    risk_class="disruptive",
    on=("PeerAuthentication", "Cluster", "Istio", "ServiceMeshControlPlane", "Deployment", "Namespace"),
    writes=(PeerAuthentication,),
    makes=(PeerAuthentication,),
    reads=READS,
    verify_s=120.0,
    rolls_back=True,
)
def strict_mesh(view: View, ref: Ref) -> Draft:
    """STRICT in the root namespace; namespaces with a policy of their own keep it."""
    del ref
    found = view.derive(mesh)
    if found is None:
        return Draft(stops=(Stop(note(NO_MESH)),))
    own = {item.name for item in view.all(Namespace) if wide_policy(view, item.name) is not None}
    return _strict(view, found.root, sorted({item.name for item in view.all(Namespace)} - own))


@recipe(
    "R-PA-PORT",
    "Take only mutual TLS on the ports that are set apart",
    risk_class="disruptive",
    on=ROOTS,
    writes=(PeerAuthentication,),
    reads=READS,
    verify_s=120.0,
    rolls_back=True,
)
def strict_ports(view: View, ref: Ref) -> Draft:
    """STRICT for each port that a policy of the workload leaves open."""
    unit = unit_of(view, ref)
    if unit is None:
        return gone(ref)
    labels = unit.pods[0].labels
    writes = []
    for policy in sorted(view.within(PeerAuthentication, ref.namespace), key=lambda item: item.name):
        wanted = policy.spec.selector.match_labels if policy.spec.selector is not None else None
        if not wanted or any(labels.get(key) != value for key, value in wanted.items()):
            continue
        loose = [port for port, mode in (policy.spec.port_level_mtls or {}).items() if mode.mode not in {"STRICT", "UNSET", ""}]
        if loose:
            writes.append(applied(policy, {"spec": {"portLevelMtls": {port: {"mode": "STRICT"} for port in sorted(loose)}}}))
    stops = () if writes else (Stop(note(NO_PORT, ref, what=ref)),)
    return Draft(tuple(writes), (), (*stops, *_ended(view, [ref.namespace], only=ref.name)))


@recipe(
    "R-ENROLL",
    "Bring the namespace into the mesh",
    risk_class="disruptive",
    on=ROOTS,
    writes=(Namespace,),
    reads=READS,
    verify_s=10.0,
    done=lambda view, ref, _: any(_asks(item) for item in (view.get(Namespace, ref.namespace),) if item is not None),
)
def enroll(view: View, ref: Ref) -> Draft:
    """The label by which other namespaces of this mesh ask for it."""
    space, found = view.get(Namespace, ref.namespace), view.derive(mesh)
    if space is None:
        return gone(ref)
    if found is None:
        return Draft(stops=(Stop(note(NO_MESH)),))
    asked = _asks(space)
    if len(asked) == 1:
        return refused(ref, ASKS_ALREADY, namespace=space.name, label=f"{asked[0]}={space.labels[asked[0]]}")
    stops = (Stop(note(MIXED, space.ref, namespace=space.name)),) if len(asked) > 1 else ()
    key, value = _usual_way(view)
    told = (note(NEXT_START, ref),) if key != "istio.io/dataplane-mode" else ()
    return Draft((applied(space, {"metadata": {"labels": {key: value}}}),), told, stops)


@recipe(
    "R-ROLLOUT",
    "Start its pods again, with a proxy",
    risk_class="disruptive",
    on=("Deployment", "StatefulSet", "DaemonSet"),
    writes=(Deployment, StatefulSet, DaemonSet),
    reads=READS,
    verify_s=600.0,
    done=are_new,
)
def rollout(view: View, ref: Ref) -> Draft:
    """The annotation by which a rollout is asked for, as kubectl writes it."""
    found = root_of(view, ref)
    unit = unit_of(view, ref)
    if found is None or unit is None:
        return Draft(stops=(Stop(note(NOT_ROLLED, ref, what=ref)),))
    when = view.now.isoformat(timespec="seconds").replace("+00:00", "Z")
    body = {"spec": {"template": {"metadata": {"annotations": {RESTARTED: when}}}}}
    return Draft((applied(found, body),), (note(RESTARTS, ref, count=len(unit.pods), what=ref),))


@recipe(
    "R-DR-MUTUAL",
    "Let clients use mutual TLS again",
    risk_class="disruptive",
    on=(DestinationRule,),
    writes=(DestinationRule,),
    reads=(DestinationRule,),
    verify_s=60.0,
)
def client_mutual(view: View, ref: Ref) -> Draft:
    """ISTIO_MUTUAL in each place of the rule that says something weaker."""
    rule = view.get(DestinationRule, ref.name, ref.namespace)
    if rule is None:
        return gone(ref)
    operations: list[Body] = []
    for path, mode in _weak(rule):
        operations += [expect(f"{path}/mode", mode), replace(path, {"mode": "ISTIO_MUTUAL"})]
    if not operations:
        return Draft(stops=(Stop(note(NOTHING, ref, what=ref)),))
    return Draft((patched(rule, *operations),))


def _is_asked(view: View, ref: Ref, was: View) -> bool:
    """Whether the policy that allows nothing is there, as it was not before: made, or from reporting to refusing."""
    now, before = (each.get(AuthorizationPolicy, "ztui-deny-all", ref.name) for each in (view, was))
    return now is not None and (before is None or now.metadata.resource_version != before.metadata.resource_version)


@recipe(
    "R-AP-DENY",
    "Allow calls by identity, and nothing else",
    risk_class="disruptive",
    on=(Namespace,),
    writes=(AuthorizationPolicy,),
    makes=(AuthorizationPolicy,),
    reads=(*READS, AuthorizationPolicy),
    asks=(Question("mode", "enforce, or warn (the mesh only logs what it would refuse)", "warn", told_by="step"),),
    verify_s=120.0,
    rolls_back=True,
    done=_is_asked,
)
def by_identity(view: View, ref: Ref, mode: str = "warn") -> Draft:
    """An ALLOW for each workload by the identities that were seen calling it, and a policy that allows nothing."""
    if view.get(Namespace, ref.name) is None:
        return gone(ref)
    dry = {"metadata": {"annotations": {"istio.io/dry-run": "true"}}} if mode.strip().lower() != "enforce" else {}
    writes: list[Write] = []
    told: list[Note] = []
    for target, callers in sorted(_callers(view, ref.name).items()):
        unit = next((item for item in view.derive(workloads, ref.name) if item.root.name == target), None)
        principals = sorted({name for caller in callers if (name := _principal(view, *caller))})
        if unit is None or not principals:
            continue
        rules = [{"from": [{"source": {"principals": principals}}]}]
        spec = {"selector": pod_selector(unit), "action": "ALLOW", "rules": rules}
        writes.append(_authorization(view, f"ztui-allow-{target}"[:63], ref.name, {**dry, "spec": spec}))
        told.append(note(LETS, unit.root, dst=unit.root, callers=", ".join(f"{place}/{name}" for place, name in sorted(callers))))
    writes.append(_authorization(view, "ztui-deny-all", ref.name, {**dry, "spec": {}}))
    blind = view.gap(ObservedCall) is not None
    stops = (Stop(note(UNSEEN_CALLS, ref), override=True),) if blind and not dry else ()
    return Draft(tuple(writes), tuple(told), stops)


def _strict(view: View, place: str, namespaces: list[str]) -> Draft:
    held = wide_policy(view, place)
    write = applied(held, STRICT) if held is not None else made(PeerAuthentication, "default", place, STRICT)
    units = [unit for name in namespaces for unit in view.derive(workloads, name) if any(map(is_enrolled, unit.pods))]
    told = [note(COVERS, None, count=len(units), namespace=place)] if units else []
    counted = {item.namespace for item in view.all(TrafficSecurity)}
    told += [note(UNCOUNTED, None, namespace=name) for name in sorted({unit.root.namespace for unit in units} - counted)]
    return Draft((write,), tuple(told), tuple(_ended(view, namespaces)))


def _ended(view: View, namespaces: list[str], *, only: str = "") -> list[Stop]:
    """Whom STRICT would refuse, as far as calls are counted: to be overridden by a person alone."""
    found = []
    told: set[tuple[str, str]] = set()
    for name in namespaces:
        for call in sorted(view.within(ObservedCall, name), key=lambda item: item.name):
            plain = call.count - call.mutual
            if call.measured_tls and plain > 0 and only in {"", call.target}:
                src, dst = f"{call.source_namespace}/{call.source}", f"{name}/{call.target}"
                found.append(Stop(note(ENDED, None, src=src, dst=dst, count=f"{plain:.0f}"), override=True))
                told.add((name, call.target))
        for day in sorted(view.within(DayTraffic, name), key=lambda one: one.name):
            if day.nameless >= 1 and only in {"", day.name}:
                words = {"src": NAMELESS, "dst": f"{name}/{day.name}", "count": f"{day.nameless:.0f}"}
                found.append(Stop(note(ENDED, None, **words), override=True))
                told.add((name, day.name))
        for item in sorted(view.within(TrafficSecurity, name), key=lambda one: one.name):
            total, mutual = item.http + item.tcp, item.http_mutual + item.tcp_mutual
            share = 1 - mutual / total if total else 0.0
            if share > 1 - LEAST_MUTUAL and only in {"", item.name} and (name, item.name) not in told:
                values = {"share": f"{share:.0%}", "dst": f"{name}/{item.name}"}
                found.append(Stop(note(PART_PLAIN, None, **values), override=True))
    return found


def _asks(space: Namespace) -> list[str]:
    keys = ("istio-injection", "istio.io/rev", "istio.io/dataplane-mode")
    return [key for key in keys if space.labels.get(key) not in {None, "disabled", "none"}]


def _usual_way(view: View) -> tuple[str, str]:
    """The label by which most namespaces of the cluster ask for the mesh."""
    votes: defaultdict[tuple[str, str], int] = defaultdict(int)
    for space in view.all(Namespace):
        for key in _asks(space):
            votes[key, space.labels[key]] += 1
    return max(sorted(votes), key=lambda item: votes[item], default=("istio-injection", "enabled"))


def _weak(rule: DestinationRule) -> list[tuple[str, str]]:
    """The places of a rule where clients do not use mutual TLS, with what they do."""
    found: list[tuple[str, str]] = []
    policies = [(pointer("spec", "trafficPolicy"), rule.spec.traffic_policy)]
    policies += [
        (pointer("spec", "subsets", at, "trafficPolicy"), item.traffic_policy) for at, item in enumerate(rule.spec.subsets or ())
    ]
    for path, policy in policies:
        if policy is None:
            continue
        settings = [(f"{path}/tls", policy.tls)]
        settings += [(f"{path}/portLevelSettings/{at}/tls", item.tls) for at, item in enumerate(policy.port_level_settings or ())]
        found += [(place, tls.mode) for place, tls in settings if tls is not None and tls.mode in {"DISABLE", "SIMPLE"}]
    return found


def _callers(view: View, namespace: str) -> dict[str, set[tuple[str, str]]]:
    found: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for call in view.within(ObservedCall, namespace):
        if call.measured_tls and call.mutual > 0:
            found[call.target].add((call.source_namespace, call.source))
    return found


def _principal(view: View, place: str, name: str) -> str:
    """The identity of a workload in the words of AuthorizationPolicies."""
    unit = next((item for item in view.derive(workloads, place) if item.root.name == name), None)
    found = view.derive(mesh)
    return f"{found.trust_domain}/ns/{place}/sa/{unit.account}" if unit is not None and found is not None else ""


def _authorization(view: View, name: str, namespace: str, body: Body) -> Write:
    return made(AuthorizationPolicy, name, namespace, body, held=view.get(AuthorizationPolicy, name, namespace))
