"""What the cluster's administrators put above and around the tenants: baseline, fences, quarantine; and narrow rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from ztui.checks.base import Reason
from ztui.engines.cuts import CUTS
from ztui.engines.units import workloads
from ztui.kinds.base import Kind, Ref, matches
from ztui.kinds.clusternetwork import NetworkConfig
from ztui.kinds.measured import ObservedCall
from ztui.kinds.netpolicy import (
    AdminNetworkPolicy,
    BaselineAdminNetworkPolicy,
    ClusterNetworkPolicy,
    EgressFirewall,
    NetworkPolicy,
    TierPolicy,
)
from ztui.kinds.workload import Namespace, Pod
from ztui.recipes.base import Draft, Question, Stop, add, expect, gone, made, note, patched, pointer, recipe, replace
from ztui.recipes.netpol import caller
from ztui.view import View

Body = dict[str, Any]
TENANT: Final = "ztui.io/tenant"
QUARANTINE: Final = "ztui.io/quarantine"
METADATA_SERVICE: Final = "169.254.169.254/32"
MOST_PEERS: Final = 20

THERE: Final = Reason("baseline-there", "{what} is there already: change it by hand")
PLATFORM: Final = (
    {"policy-group.network.openshift.io/ingress": ""},
    {"network.openshift.io/policy-group": "monitoring"},
    {"policy-group.network.openshift.io/host-network": ""},
)
"""The labels by which OpenShift's own callers are told. Source: OpenShift, network policies."""
NOT_SERVED: Final = Reason("tier-not-served", "the cluster serves no policies of its administrators")
FOR_TENANTS: Final = Reason("for-tenants", "it holds for namespaces with the label {label}=true: {count} have it")
SAME_NAMESPACE: Final = Reason(
    "same-namespace", "where no NetworkPolicy allows it, pods of one namespace no longer reach each other"
)
NOT_OVN: Final = Reason("not-ovn", "egress firewalls are those of OVN-Kubernetes, and this is {plugin}")
FENCED: Final = Reason("fenced", "{what} denies the cloud's metadata service already")
NO_METADATA: Final = Reason("no-metadata", "pods of {namespace} no longer reach the cloud's metadata service, nor its identities")
LABELLED: Final = Reason("quarantine-labelled", "{count} pods carry {label}=true and would be cut off at once")
WAITS: Final = Reason("quarantine-waits", "it touches no pod until one gets the label {label}=true")
TAKEN: Final = Reason("priority-taken", "{what} has the priority {priority} already")
NO_RULE: Final = Reason("no-open-rule", "{what} has no rule {rule} for {direction} that lets everybody in")
NO_CALLS: Final = Reason("no-calls", "nobody was seen calling the pods that {what} selects: what to allow is not known")
MANY: Final = Reason("many-peers", "{count} callers were seen: more than {most} are for a person to sort out")
ALLOWS: Final = Reason("narrowed", "from then on only {callers} may call")


@recipe(
    "R-BANP",
    "Put a guard rail below the tenants' policies",
    risk_class="disruptive",
    on=("Cluster",),
    writes=(BaselineAdminNetworkPolicy, ClusterNetworkPolicy),
    makes=(BaselineAdminNetworkPolicy, ClusterNetworkPolicy),
    reads=CUTS,
    verify_s=60.0,
    done=lambda view, ref, _: bool(_baselines(view)) and ref.kind == "Cluster",
)
def baseline(view: View, ref: Ref) -> Draft:
    """What no tenant allows is denied: ingress from other namespaces, but for the platform's own."""
    del ref
    held = _baselines(view)
    if held:
        return Draft(stops=(Stop(note(THERE, held[0].ref, what=held[0].ref)),))
    tenants = sum(item.labels.get(TENANT) == "true" for item in view.all(Namespace))
    told = (note(FOR_TENANTS, None, label=TENANT, count=tenants), note(SAME_NAMESPACE))
    subject = {"namespaces": {"matchLabels": {TENANT: "true"}}}
    platform = [{"namespaces": {"matchLabels": labels}} for labels in PLATFORM]
    everybody: list[Body] = [{"namespaces": {}}]
    if not view.absent(ClusterNetworkPolicy):
        rules = [
            {"name": "platform", "action": "Accept", "from": platform},
            {"name": "deny", "action": "Deny", "from": everybody},
        ]
        spec: Body = {"tier": "Baseline", "priority": 1000, "subject": subject, "ingress": rules}
        return Draft((made(ClusterNetworkPolicy, "ztui-baseline", "", {"spec": spec}),), told)
    if view.absent(BaselineAdminNetworkPolicy):
        return Draft(stops=(Stop(note(NOT_SERVED)),))
    rules = [{"name": "platform", "action": "Allow", "from": platform}, {"name": "deny", "action": "Deny", "from": everybody}]
    return Draft((made(BaselineAdminNetworkPolicy, "default", "", {"spec": {"subject": subject, "ingress": rules}}),), told)


@recipe(
    "R-EGRESSFW",
    "Fence off the cloud's metadata service",
    risk_class="disruptive",
    on=(Namespace,),
    writes=(EgressFirewall,),
    makes=(EgressFirewall,),
    reads=(EgressFirewall, NetworkConfig, Namespace, Pod),
    verify_s=60.0,
)
def fence(view: View, ref: Ref) -> Draft:
    """A Deny before all other rules: the first that matches decides."""
    if view.get(Namespace, ref.name) is None:
        return gone(ref)
    network = view.get(NetworkConfig, "cluster")
    plugin = network.status.network_type if network is not None else ""
    stops = (Stop(note(NOT_OVN, ref, plugin=plugin)),) if plugin not in {"", "OVNKubernetes"} else ()
    rule = {"type": "Deny", "to": {"cidrSelector": METADATA_SERVICE}}
    told = (note(NO_METADATA, ref, namespace=ref.name),)
    held = view.get(EgressFirewall, "default", ref.name)
    if held is None:
        return Draft((made(EgressFirewall, "default", ref.name, {"spec": {"egress": [rule]}}),), told, stops)
    rules = held.spec.egress or ()
    if rules and rules[0].type == "Deny" and rules[0].to.cidr_selector == METADATA_SERVICE:
        return Draft(stops=(Stop(note(FENCED, held.ref, what=held.ref)),))
    path = pointer("spec", "egress")
    return Draft((patched(held, expect(path, msgspec.to_builtins(rules)), add(f"{path}/0", rule)),), told, stops)


@recipe(
    "R-QUARANTINE-BASE",
    "Have a quarantine ready",
    risk_class="safe",
    on=("Cluster", "SecuredCluster", "TracingPolicy"),
    writes=(ClusterNetworkPolicy, AdminNetworkPolicy),
    makes=(ClusterNetworkPolicy, AdminNetworkPolicy),
    reads=CUTS,
    verify_s=30.0,
    done=lambda view, ref, _: any(item.name == "ztui-quarantine" for item in _admin(view)) and bool(ref.kind),
)
def quarantine(view: View, ref: Ref) -> Draft:
    """A policy of the administrators that cuts off whatever gets its label; nothing has it yet."""
    del ref
    labelled = sum(pod.labels.get(QUARANTINE) == "true" for pod in view.all(Pod))
    stops = [Stop(note(LABELLED, None, count=labelled, label=QUARANTINE))] if labelled else []
    taken = [item for item in _admin(view) if item.spec.priority == 1 and item.name != "ztui-quarantine"]
    stops += [Stop(note(TAKEN, item.ref, what=item.ref, priority=1)) for item in taken]
    told = (note(WAITS, None, label=QUARANTINE),)
    pods = {"namespaceSelector": {}, "podSelector": {"matchLabels": {QUARANTINE: "true"}}}
    leaving = [{"namespaces": {}}, {"networks": ["0.0.0.0/0", "::/0"]}]
    spec: Body = {
        "priority": 1,
        "subject": {"pods": pods},
        "ingress": [{"name": "deny-in", "action": "Deny", "from": [{"namespaces": {}}]}],
        "egress": [{"name": "deny-out", "action": "Deny", "to": leaving}],
    }
    if not view.absent(ClusterNetworkPolicy):
        held: Kind | None = view.get(ClusterNetworkPolicy, "ztui-quarantine")
        body = {"spec": {"tier": "Admin", **spec}}
        return Draft((made(ClusterNetworkPolicy, "ztui-quarantine", "", body, held=held),), told, tuple(stops))
    if view.absent(AdminNetworkPolicy):
        return Draft(stops=(Stop(note(NOT_SERVED)),))
    held = view.get(AdminNetworkPolicy, "ztui-quarantine")
    return Draft((made(AdminNetworkPolicy, "ztui-quarantine", "", {"spec": spec}, held=held),), told, tuple(stops))


@recipe(
    "R-NP-NARROW",
    "Allow only those who were seen",
    risk_class="disruptive",
    on=(NetworkPolicy,),
    writes=(NetworkPolicy,),
    reads=(*CUTS, ObservedCall),
    asks=(
        Question("direction", "Which rules: ingress or egress", "ingress", told_by="direction"),
        Question("rule", "Which rule, counted from 0", "0", told_by="rule"),
    ),
    verify_s=120.0,
    rolls_back=True,
)
def narrow(view: View, ref: Ref, direction: str = "ingress", rule: str = "0") -> Draft:
    """The rule for everybody, replaced by one for each caller of the last day."""
    policy = view.get(NetworkPolicy, ref.name, ref.namespace)
    if policy is None:
        return gone(ref)
    rules = policy.spec.ingress or ()
    at = int(rule) if rule.isdecimal() else -1
    if direction != "ingress" or not 0 <= at < len(rules):
        return Draft(stops=(Stop(note(NO_RULE, ref, what=ref, rule=rule, direction=direction)),))
    callers = sorted(set(_callers_of(view, policy)))
    if not callers:
        return Draft(stops=(Stop(note(NO_CALLS, ref, what=ref)),))
    if len(callers) > MOST_PEERS:
        return Draft(stops=(Stop(note(MANY, ref, count=len(callers), most=MOST_PEERS)),))
    peers = [peer for place, name in callers if (peer := caller(view, place, name)) is not None]
    path = pointer("spec", "ingress", at)
    old = msgspec.to_builtins(rules[at])
    kept = [{key: value for key, value in item.items() if value} for item in old.get("ports") or ()]
    ports = {"ports": kept} if kept else {}
    told = (note(ALLOWS, ref, callers=", ".join(f"{place}/{name}" for place, name in callers)),)
    return Draft((patched(policy, expect(path, old), replace(path, {"from": peers, **ports})),), told)


def _callers_of(view: View, policy: NetworkPolicy) -> Iterator[tuple[str, str]]:
    selected = {
        unit.root.name
        for unit in view.derive(workloads, policy.namespace)
        if any(matches(policy.spec.pod_selector, pod.labels) for pod in unit.pods)
    }
    for call in view.within(ObservedCall, policy.namespace):
        if call.target in selected:
            yield call.source_namespace, call.source


def _baselines(view: View) -> list[TierPolicy]:
    found: list[TierPolicy] = list(view.all(BaselineAdminNetworkPolicy))
    return found + [item for item in view.all(ClusterNetworkPolicy) if item.spec.tier == "Baseline"]


def _admin(view: View) -> list[TierPolicy]:
    found: list[TierPolicy] = list(view.all(AdminNetworkPolicy))
    return found + [item for item in view.all(ClusterNetworkPolicy) if item.spec.tier == "Admin"]
