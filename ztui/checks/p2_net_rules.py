"""Row P2.NET, what policies let through: rules for everybody, the administrators' tier, and the ways out of the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from ztui.checks.base import Evidence, Finding, check, cluster_ref, fail, na, ok, reason, seen, warn
from ztui.engines import tenancy
from ztui.engines.clouds import METADATA_ADDRESS, cloud, may_serve
from ztui.engines.isolation import ISOLATION, ISOLATION_WHERE_SERVED, baseline_over, is_everything, live_pods, means_everybody
from ztui.engines.netrules import (
    FIREWALLS,
    RULES_WHERE_SERVED,
    Direction,
    NetPolicy,
    NetRule,
    Network,
    admin_policies,
    baseline_policies,
    inside,
    of_namespace,
)
from ztui.engines.reach import ANYWHERE, Reach, namespace_labels, outside, reach, rulebook, spot_of
from ztui.kinds.base import Kind, matches
from ztui.kinds.clusternetwork import NetworkConfig
from ztui.kinds.netpolicy import (
    AdminNetworkPolicy,
    BaselineAdminNetworkPolicy,
    ClusterNetworkPolicy,
    NetworkPolicy,
    TierPolicy,
)
from ztui.kinds.openshift import Infrastructure
from ztui.kinds.workload import Namespace, Node, Pod
from ztui.view import View

NARROW = reason("narrow", "{policy} names who may talk to whom")
ALLOW_ALL = reason(
    "allow-all",
    "{direction} rule {rule} of {policy} lets everybody through on every port",
    next="Name the namespaces, pods and ports that need it",
    stands=True,
)
ALLOW_ALL_PORTS = reason(
    "allow-all-on-ports",
    "{direction} rule {rule} of {policy} lets everybody through on some ports",
    next="Name the namespaces and pods that need it",
)
ALLOW_CLUSTER = reason(
    "allow-cluster-network",
    "{direction} rule {rule} of {policy} lets the whole cluster network through by its address range",
    next="Use selectors instead of addresses for what runs in the cluster",
)
GUARDED = reason("guard-rails", "{policy} denies traffic between namespaces for all {count} user namespaces")
NO_GUARD = reason(
    "no-guard-rails",
    "nothing above the tenants denies traffic between namespaces",
    next="Preview a baseline that denies it: tenants can then only open what they name",
)
GUARD_GAPS = reason(
    "guard-gaps", "the baseline leaves out {missing}", next="Widen the subject of the baseline to every user namespace"
)
GUARD_REFUSED = reason(
    "guard-not-accepted", "the network plugin has not taken {policy}: {what}", next="Look at the conditions of the object"
)
SAME_PRIORITY = reason(
    "same-priority",
    "{policy} and {other} share priority {priority} and subjects: which one decides is not defined",
    next="Give each its own priority",
)
OVERRULES = reason(
    "overrules-tenants",
    "rule {rule} of {policy} lets every namespace into {subject}, whatever the tenants' policies say",
    next="Use Pass instead of Allow, or name the namespaces",
    stands=True,
)
NOT_OVN = reason("other-plugin", "{plugin} has no administrators' tier that is read here")
FENCED = reason("fenced", "{total} pods reach neither the metadata service nor the internet by default")
NO_METADATA = reason(
    "fenced-no-metadata", "{platform} has no metadata service, and {total} pods do not reach the internet by default"
)
INTERNET = reason(
    "internet-open",
    "{pod} may open connections to any address outside",
    next="Preview an EgressFirewall that ends with a deny of 0.0.0.0/0",
)
METADATA = reason(
    "metadata-open",
    "no policy denies {pod} the metadata service 169.254.169.254, where {platform} gives out the node's credentials",
    next="Preview an EgressFirewall that denies 169.254.169.254/32 first",
)


@check(
    "ZT2-NET-004",
    "No allow-all rules hide behind a policy",
    severity="high",
    gate="R",
    grain="namespace",
    needs=(NetworkPolicy,),
    where_served=(NetworkConfig,),
    recipes=("R-NP-NARROW",),
    maps=("800-53 SC-7", "800-53 AC-6"),
)
def no_allow_all(view: View, namespace: Namespace) -> Iterator[Finding]:
    """No rule of a policy opens what the policy seems to close.

    Why: policies add up, so one rule for everybody reopens the namespace.
    How: the list shows a policy, an auditor counts it, and every pod still answers everybody.
    Rule: fail for a rule without peers and ports, for all namespaces, and for 0.0.0.0/0 or ::/0, on every port; warn for the same
    with ports, and for a block that covers the whole cluster network; pass otherwise.
    Traps: an empty rule allows everything while an empty rule list allows nothing; a range with exceptions is not everybody.
    Source: networking.k8s.io/v1 NetworkPolicy, spec.ingress[].from, spec.ingress[].ports, spec.egress[].to, spec.egress[].ports;
    config.openshift.io/v1 Network, status.clusterNetwork.
    Verify: kubectl get networkpolicies -n NAMESPACE -o yaml
    """
    ranges = view.derive(inside)
    for policy in sorted(view.within(NetworkPolicy, namespace.name), key=lambda item: item.name):
        if not policy.is_going:
            yield _widest(policy, ranges)


@check(
    "ZT2-NET-005",
    "Admin-tier guard rails",
    severity="medium",
    gate="S",
    grain="cluster",
    tier="x",
    needs=(Namespace,),
    where_served=RULES_WHERE_SERVED,
    recipes=("R-BANP",),
    maps=("800-53 SC-7", "800-53 AC-4"),
)
def guard_rails(view: View) -> Iterator[Finding]:
    """What the cluster denies, no tenant can allow by leaving a policy out.

    Why: tenants cannot delete what the cluster's tier denies.
    How: an admin of a namespace deletes its policies to debug, and the namespace stays open.
    Rule: pass if the baseline denies ingress from other namespaces for every user namespace and the plugin took it; warn if there
    is none, if it leaves out a namespace, or if two policies of one priority overlap; fail if an Allow of the administrators'
    tier lets every namespace into one of a tenant.
    Traps: an Allow of the administrators overrules the tenants' policies, a Pass does not; of the older API only the object named
    default counts; priorities above 99 are not honoured by OVN-Kubernetes.
    Source: policy.networking.k8s.io/v1alpha1 AdminNetworkPolicy, spec.priority, spec.subject, spec.ingress, status.conditions;
    policy.networking.k8s.io/v1alpha1 BaselineAdminNetworkPolicy, spec.subject, spec.ingress, status.conditions;
    policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy, spec.tier, spec.priority, spec.subject, spec.ingress,
    status.conditions; config.openshift.io/v1 Network, status.networkType.
    Verify: kubectl get adminnetworkpolicies,baselineadminnetworkpolicies,clusternetworkpolicies
    """
    network = view.get(NetworkConfig, "cluster")
    if network is not None and network.status.network_type not in {"", "OVNKubernetes"}:
        yield na(network, NOT_OVN, plugin=network.status.network_type)
        return
    users = view.derive(tenancy.user_namespaces)
    objects: list[TierPolicy] = [
        *view.all(AdminNetworkPolicy),
        *view.all(BaselineAdminNetworkPolicy),
        *view.all(ClusterNetworkPolicy),
    ]
    yield from _overruling(view, users)
    yield from _overlapping(view)
    for item in sorted(objects, key=lambda one: (one.KIND, one.name)):
        refused = next((one for one in item.status.conditions or () if one.status == "False"), None)
        if refused is not None:
            yield warn(item, GUARD_REFUSED, seen=[item], policy=str(item.ref), what=refused.reason or refused.type)
    yield _baseline(view, users)


@check(
    "ZT2-NET-006",
    "Cloud metadata and internet egress are fenced",
    severity="medium",
    gate="S",
    grain="namespace",
    needs=(*ISOLATION, Node),
    where_served=(*ISOLATION_WHERE_SERVED, *FIREWALLS, Infrastructure),
    recipes=("R-EGRESSFW",),
    maps=("800-53 SC-7(5)", "800-53 AC-4", "NSA network separation"),
)
def fenced(view: View, namespace: Namespace) -> Iterator[Finding]:
    """Pods reach neither the cloud's metadata service nor the internet unless somebody allowed it.

    Why: the node's credentials sit behind 169.254.169.254, and the internet is where data goes.
    How: one request from a stolen pod returns a token of the node's role in the cloud.
    Rule: pass if policies deny both, or if the platform has no metadata service and the internet is denied; warn if only the
    internet is open; fail if nothing denies the metadata service of a cloud.
    Traps: an EgressFirewall counts only under the name default, and its first match decides; plugins may block the service
    besides, so the finding says what policies deny; pods on a host network are judged by ZT2-NET-007.
    Source: k8s.ovn.org/v1 EgressFirewall, spec.egress, status.status; networking.k8s.io/v1 NetworkPolicy, spec.egress;
    policy.networking.k8s.io/v1alpha1 AdminNetworkPolicy, spec.egress; config.openshift.io/v1 Infrastructure,
    status.platformStatus.type; v1 Node, spec.providerID.
    Verify: kubectl exec POD -- curl -m 3 http://169.254.169.254/
    """
    pods = live_pods(view, namespace.name)
    if not pods:
        return
    platform = view.derive(cloud)
    metadata = _first_reaching(view, pods, METADATA_ADDRESS, 80) if may_serve(platform) else None
    internet = _first_reaching(view, pods, ANYWHERE, 443)
    words = {"platform": platform or "the cloud, if this is one,", "total": len(pods)}
    if metadata is not None:
        judge = fail if platform else warn
        yield judge(namespace, METADATA, seen=[metadata[0]], pod=metadata[0].name, **words)
    elif internet is not None:
        yield warn(namespace, INTERNET, seen=_why_open(internet), pod=internet[0].name, **words)
    else:
        yield ok(namespace, FENCED if may_serve(platform) else NO_METADATA, seen=pods, **words)


def _first_reaching(view: View, pods: tuple[Pod, ...], address: str, port: int) -> tuple[Pod, Reach] | None:
    book = rulebook(view, pods[0].namespace, outside=True)
    target = outside(address)
    for pod in pods:
        found = reach(book, spot_of(view, pod), target, "TCP", port)
        if found.allowed:
            return pod, found
    return None


def _why_open(found: tuple[Pod, Reach]) -> list[Kind | Evidence]:
    pod, answer = found
    by = answer.egress.by
    return [pod] if by is None else [pod, Evidence(by, f"rule {answer.egress.rule}")]


def _widest(policy: NetworkPolicy, ranges: tuple[Network, ...]) -> Finding:
    """The worst rule of a policy."""
    form = of_namespace(policy)
    words = {"policy": str(policy.ref)}
    worst: Finding | None = None
    directions: tuple[tuple[Direction, tuple[NetRule, ...]], ...] = (
        ("ingress", form.ingress or ()),
        ("egress", form.egress or ()),
    )
    for direction, rules in directions:
        for rule in rules:
            facts = [seen(policy, f"spec.{direction}[{rule.index}]")]
            more = {"direction": direction, "rule": rule.index, **words}
            if rule.peers is None or any(means_everybody(item) for item in rule.peers):
                if rule.ports is None:
                    return fail(policy, ALLOW_ALL, seen=facts, **more)
                worst = warn(policy, ALLOW_ALL_PORTS, seen=facts, **more)
            elif worst is None and _covers_cluster(rule, ranges):
                worst = warn(policy, ALLOW_CLUSTER, seen=facts, **more)
    return worst or ok(policy, NARROW, seen=[policy], **words)


def _covers_cluster(rule: NetRule, ranges: tuple[Network, ...]) -> bool:
    for peer in rule.peers or ():
        block = peer.block
        if block is None or block.without:
            continue
        for item in ranges:
            if _is_within(item, block.range):
                return True
    return False


def _is_within(part: Network, whole: Network) -> bool:
    same = part.version == whole.version
    return same and part.network_address in whole and part.broadcast_address in whole


def _overruling(view: View, users: tuple[str, ...]) -> Iterator[Finding]:
    for policy in view.derive(admin_policies):
        if not policy.enforced:
            continue
        subjects = [name for name in users if matches(policy.namespaces, namespace_labels(view, name))]
        for rule in policy.ingress or ():
            if subjects and rule.action == "allow" and any(is_everything(item.namespaces) for item in rule.peers or ()):
                yield fail(policy.ref, OVERRULES, policy=str(policy.ref), rule=rule.index, subject=_some(subjects))


def _overlapping(view: View) -> Iterator[Finding]:
    names = [item.name for item in view.all(Namespace)]
    for policies in (view.derive(admin_policies), view.derive(baseline_policies)):
        for first, second in pairwise(policies):
            if first.priority != second.priority or first.ref.kind != second.ref.kind:
                continue
            shared = [name for name in names if _concerns(view, first, name) and _concerns(view, second, name)]
            if shared:
                words = {"policy": str(first.ref), "other": str(second.ref), "priority": str(first.priority)}
                yield warn(second.ref, SAME_PRIORITY, seen=(), **words)


def _concerns(view: View, policy: NetPolicy, namespace: str) -> bool:
    return matches(policy.namespaces, namespace_labels(view, namespace))


def _baseline(view: View, users: tuple[str, ...]) -> Finding:
    policies = view.derive(baseline_policies)
    if not policies:
        return warn(cluster_ref(), NO_GUARD)
    missing = [name for name in users if baseline_over(view, name, "ingress") is None]
    if missing:
        return warn(policies[0].ref, GUARD_GAPS, missing=_some(missing))
    return ok(policies[0].ref, GUARDED, policy=str(policies[0].ref), count=len(users))


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
