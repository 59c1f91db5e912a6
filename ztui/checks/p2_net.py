"""Row P2.NET: who enforces network policies, and whether namespaces are closed by default in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ztui.checks.base import Finding, Reason, Status, check, cluster_ref, fail, ok, reason, seen, unknown, warn
from ztui.engines import units
from ztui.engines.isolation import ISOLATION, ISOLATION_WHERE_SERVED, isolation, live_pods
from ztui.engines.netrules import Direction
from ztui.engines.reach import reach, rulebook, spot_of
from ztui.engines.units import WORKLOADS, WORKLOADS_WHERE_SERVED, Workload, workloads
from ztui.kinds.clusternetwork import NetworkConfig, NetworkOperator
from ztui.kinds.netpolicy import NetworkPolicy
from ztui.kinds.workload import DaemonSet, Namespace
from ztui.view import View, Why

ENFORCES = reason("plugin-enforces", "{plugin} enforces network policies")
PARTLY = reason("plugin-partly", "{plugin} enforces network policies only in part", next="Move to OVN-Kubernetes or its like")
NO_ENFORCEMENT = reason(
    "plugin-ignores",
    "{plugin} does not enforce network policies: they are decoration",
    next="Change the network plugin, or its mode, before writing policies",
    stands=True,
)
UNKNOWN_PLUGIN = reason(
    "plugin-unknown", "what connects the pods is not known: {plugin}", next="Attest that the plugin enforces NetworkPolicy"
)
CLOSED = reason("closed", "{total} pods are closed to {what} by default, and so is every pod to come")
OPEN = reason(
    "not-isolated",
    "{count} of {total} pods are open to {what}: {pods}",
    next="Preview a default deny for the namespace",
)
PER_APP = reason(
    "per-app-only",
    "today's {total} pods are closed to {what}, tomorrow's are not",
    next="Add a policy whose podSelector is empty",
)
EMPTY_OPEN = reason(
    "empty-and-open", "nothing runs here, and what comes will be open to {what}", next="Add a policy whose podSelector is empty"
)
NO_DNS = reason(
    "dns-broken",
    "{total} pods are closed to egress, and no rule lets them ask the DNS",
    next="Allow UDP and TCP 5353 to openshift-dns (53 to kube-system elsewhere): the port of the DNS pods, not of their Service",
)
ON_HOST = reason(
    "host-network",
    "pods of {unit} are on the node's network, where no policy reaches them",
    next="Set hostNetwork to false, or move the workload to a namespace of the platform",
    stands=True,
)
HOST_PORT = reason("host-port", "{unit} opens port {port} of its node", next="Use a Service instead of hostPort", stands=True)
SIDE_NETWORK = reason(
    "secondary-network",
    "{unit} is on secondary networks that no policy covers: {networks}",
    next="Set useMultiNetworkPolicy in the network operator and write MultiNetworkPolicies",
)
ON_POD_NETWORK = reason("pod-network", "{unit} is on the pod network only")

_GOOD: Final = frozenset({"OVNKubernetes", "Calico", "Cilium", "Antrea", "kube-router"})
_SDN_BLIND: Final = frozenset({"Multitenant", "Subnet"})
# DaemonSets of network plugins. Source: the plugins' own manifests.
_PLUGINS: Final[dict[str, str]] = {
    "ovnkube-node": "OVNKubernetes",
    "ovnkube-master": "OVNKubernetes",
    "calico-node": "Calico",
    "cilium": "Cilium",
    "antrea-agent": "Antrea",
    "kube-router": "kube-router",
    "kindnet": "kindnet",
    "kube-flannel": "flannel",
    "kube-flannel-ds": "flannel",
}
_PLUGIN_HOMES: Final = frozenset({"calico-system", "kube-flannel", "openshift-ovn-kubernetes", "cilium"})
_NETWORKS: Final = "k8s.v1.cni.cncf.io/networks"
_DNS: Final = (
    ("openshift-dns", "dns.operator.openshift.io/daemonset-dns", "default", 5353),
    ("kube-system", "k8s-app", "kube-dns", 53),
)
"""Namespace, label, value and port of DNS pods. Source: the DNS operator, CoreDNS of kubeadm."""


@check(
    "ZT2-NET-001",
    "The network plugin enforces NetworkPolicy",
    severity="critical",
    gate="R",
    grain="cluster",
    needs=(DaemonSet,),
    where_served=(NetworkConfig, NetworkOperator),
    maps=("CISA Networks", "800-53 SC-7", "800-53 AC-4", "CIS-OCP 5.3.1"),
)
def plugin_enforces(view: View) -> Iterator[Finding]:
    """What connects the pods also keeps them apart.

    Why: a policy object without enforcement is decoration.
    How: every NetworkPolicy is there, and a stolen pod still opens any connection.
    Rule: pass for OVN-Kubernetes, Calico, Cilium, Antrea and kube-router; warn for OpenShift SDN and kindnet; fail for flannel
    alone and for OpenShift SDN in the modes Multitenant and Subnet; unknown for what is not recognised.
    Traps: MicroShift has no Network configuration and ships OVN-Kubernetes; a DaemonSet in a tenant's namespace proves nothing.
    Source: config.openshift.io/v1 Network, status.networkType; operator.openshift.io/v1 Network,
    spec.defaultNetwork.openshiftSDNConfig.mode; apps/v1 DaemonSet, metadata.name.
    Verify: oc get network.config cluster -o jsonpath='{.status.networkType}'
    """
    network = view.get(NetworkConfig, "cluster")
    if network is not None and network.status.network_type:
        plugin = network.status.network_type
        facts = [seen(network, "status.networkType", plugin)]
        on = network.ref
    else:
        sets = _plugin_sets(view)
        names = [_PLUGINS[item.name] for item in sets]
        plugin = next((name for name in names if name in _GOOD), names[0] if names else "")
        on = cluster_ref()
        facts = [seen(item, "metadata.name", item.name) for item in sets if _PLUGINS[item.name] == plugin]
    operator = view.get(NetworkOperator, "cluster")
    mode = operator.sdn_mode if operator else ""
    if plugin in _GOOD:
        yield ok(on, ENFORCES, seen=facts, plugin=plugin)
    elif plugin == "OpenShiftSDN" and mode in _SDN_BLIND:
        yield fail(on, NO_ENFORCEMENT, seen=facts, plugin=f"{plugin} in mode {mode}")
    elif plugin in {"OpenShiftSDN", "kindnet"}:
        yield warn(on, PARTLY, seen=facts, plugin=plugin)
    elif plugin == "flannel":
        yield fail(on, NO_ENFORCEMENT, seen=facts, plugin=plugin)
    else:
        yield unknown(on, UNKNOWN_PLUGIN, Why.NO_SOURCE, "network plugin", seen=facts, plugin=plugin or "nothing recognised")


@check(
    "ZT2-NET-002",
    "Ingress default-deny in every user namespace",
    severity="high",
    gate="R",
    grain="namespace",
    needs=ISOLATION,
    where_served=ISOLATION_WHERE_SERVED,
    recipes=("R-NP-DENY", "R-NP-ALLOW"),
    maps=("CISA Networks", "800-53 SC-7(5)", "800-53 AC-4", "CIS-OCP 5.3.2", "NSA network separation"),
)
def ingress_default_deny(view: View, namespace: Namespace) -> Iterator[Finding]:
    """No pod takes connections that nobody allowed, and no future pod will.

    Why: one stolen pod must not reach every other: lateral movement starts with an open pod.
    How: from a shell in any pod, every open port of every open pod answers.
    Rule: pass if every live pod is closed by a policy for all pods of the namespace or by a baseline that denies everybody; warn
    if only selectors of single applications close them, or if nothing runs and nothing would be closed; fail if a pod is open.
    Traps: pods on a host network ignore policies and are judged by ZT2-NET-007; policyTypes decides, not the rule lists; an empty
    podSelector is all pods.
    Source: networking.k8s.io/v1 NetworkPolicy, spec.podSelector, spec.policyTypes, spec.ingress;
    policy.networking.k8s.io/v1alpha1 BaselineAdminNetworkPolicy, spec.subject, spec.ingress;
    policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy, spec.tier, spec.priority, spec.subject, spec.ingress;
    v1 Pod, metadata.labels, spec.hostNetwork, status.phase.
    Verify: kubectl get networkpolicies -n NAMESPACE
    """
    yield _default_deny(view, namespace, "ingress")


@check(
    "ZT2-NET-003",
    "Egress default-deny in every user namespace",
    severity="high",
    gate="R",
    grain="namespace",
    needs=ISOLATION,
    where_served=ISOLATION_WHERE_SERVED,
    recipes=("R-NP-DENY", "R-NP-ALLOW"),
    maps=("800-53 SC-7", "800-53 AC-4(21)"),
)
def egress_default_deny(view: View, namespace: Namespace) -> Iterator[Finding]:
    """No pod opens connections that nobody allowed, and no future pod will.

    Why: data leaves, and commands come in, through connections that pods open themselves.
    How: a stolen pod calls its master on any port of any address.
    Rule: as ZT2-NET-002, for egress. Where everything is closed and no rule allows the DNS, the finding says so.
    Traps: egress is only isolated where policyTypes names it or rules for it exist; the DNS pods of OpenShift listen on 5353.
    Source: networking.k8s.io/v1 NetworkPolicy, spec.podSelector, spec.policyTypes, spec.egress;
    policy.networking.k8s.io/v1alpha1 BaselineAdminNetworkPolicy, spec.subject, spec.egress;
    policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy, spec.tier, spec.priority, spec.subject, spec.egress;
    v1 Pod, spec.dnsPolicy, spec.hostNetwork.
    Verify: kubectl get networkpolicies -n NAMESPACE -o yaml | grep -A3 policyTypes
    """
    found = _default_deny(view, namespace, "egress")
    if found.status is Status.PASS and found.reason is CLOSED and _cannot_resolve(view, namespace.name):
        yield ok(namespace, NO_DNS, total=len(live_pods(view, namespace.name)))
    else:
        yield found


@check(
    "ZT2-NET-007",
    "No user workload sidesteps pod networking",
    severity="high",
    gate="R",
    grain="namespace",
    needs=WORKLOADS,
    where_served=(*WORKLOADS_WHERE_SERVED, NetworkOperator),
    empty=Status.PASS,
    maps=("800-53 SC-7", "800-53 CM-7", "CIS-OCP 5.2.4"),
)
def on_the_pod_network(view: View, namespace: Namespace) -> Iterator[Finding]:
    """Every pod of a tenant is where policies reach it.

    Why: a pod on its node's network is outside of every NetworkPolicy, and sees the node's own traffic.
    How: a scanner with hostNetwork talks to kubelets and to the cloud's metadata service as the node would.
    Rule: fail for hostNetwork; warn for hostPort, and for secondary networks while policies for them are off; pass otherwise.
    Traps: jobs that have ended have no part in it; on a host network every port is a host port and is not told twice.
    Source: v1 Pod, spec.hostNetwork, spec.containers[].ports[].hostPort, metadata.annotations; operator.openshift.io/v1 Network,
    spec.useMultiNetworkPolicy.
    Verify: kubectl get pods -n NAMESPACE -o custom-columns=NAME:.metadata.name,HOST:.spec.hostNetwork
    """
    operator = view.get(NetworkOperator, "cluster")
    covered = operator is not None and operator.spec.use_multi_network_policy
    for unit in view.derive(workloads, namespace.name):
        yield _sidestep(unit, side_networks_covered=covered)


def _plugin_sets(view: View) -> list[DaemonSet]:
    found = [
        item
        for item in view.all(DaemonSet)
        if item.name in _PLUGINS
        and (item.namespace in _PLUGIN_HOMES or view.derive(units.namespace_class, item.namespace) == "platform")
    ]
    return sorted(found, key=lambda item: (item.namespace, item.name))


def _default_deny(view: View, namespace: Namespace, direction: Direction) -> Finding:
    found = view.derive(isolation, namespace.name, direction)
    policies = [item for item in view.within(NetworkPolicy, namespace.name) if direction.capitalize() in item.directions]
    words = {"what": direction, "total": found.total}
    if found.open_pods:
        names = ", ".join(pod.name for pod in found.open_pods[:3])
        more = f" and {len(found.open_pods) - 3} more" if len(found.open_pods) > 3 else ""
        return fail(namespace, OPEN, seen=found.open_pods, count=len(found.open_pods), pods=names + more, **words)
    if found.by is not None:
        return ok(namespace, CLOSED, seen=policies, **words)
    short: Reason = PER_APP if found.total else EMPTY_OPEN
    return warn(namespace, short, seen=policies, **words)


def _cannot_resolve(view: View, namespace: str) -> bool:
    """Whether pods that use the cluster's DNS cannot reach it; where no DNS pods are seen, nothing is said."""
    asking = [pod for pod in live_pods(view, namespace) if pod.spec.dns_policy in {"ClusterFirst", "ClusterFirstWithHostNet"}]
    servers = [
        (spot_of(view, pod), port)
        for place, label, value, port in _DNS
        for pod in live_pods(view, place)
        if pod.labels.get(label) == value
    ]
    if not asking or not servers:
        return False
    book = rulebook(view, namespace, *{server.namespace for server, _ in servers})
    return any(
        not any(reach(book, spot_of(view, pod), server, "UDP", port).egress.allowed for server, port in servers) for pod in asking
    )


def _sidestep(unit: Workload, *, side_networks_covered: bool) -> Finding:
    words = {"unit": str(unit.root)}
    on_host = [pod for pod in unit.pods if pod.spec.host_network]
    if on_host:
        return fail(unit.root, ON_HOST, seen=[seen(pod, "spec.hostNetwork", "true") for pod in on_host], **words)
    for pod in unit.pods:
        ports = sorted({port.host_port for item in pod.containers for port in item.ports or () if port.host_port})
        if ports:
            facts = [seen(pod, "spec.containers[].ports[].hostPort", port) for port in ports]
            return warn(unit.root, HOST_PORT, seen=facts, port=", ".join(map(str, ports)), **words)
        networks = pod.annotations.get(_NETWORKS, "").strip()
        if networks and not side_networks_covered:
            facts = [seen(pod, f"metadata.annotations[{_NETWORKS}]", networks)]
            return warn(unit.root, SIDE_NETWORK, seen=facts, networks=networks, **words)
    return ok(unit.root, ON_POD_NETWORK, seen=unit.pods, **words)
