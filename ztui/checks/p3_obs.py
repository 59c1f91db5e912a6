"""Row P3.OBS: who did what is recorded, leaves the nodes, and is collected on every node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ztui.checks.base import Bands, Finding, aside, check, cluster_ref, fail, ok, reason, seen, unknown, warn
from ztui.engines import units
from ztui.engines.coverage import linux_nodes, nodes_of
from ztui.engines.grants import ACCESS, cluster_grants
from ztui.engines.holders import is_full_admin
from ztui.engines.logflow import LOGS, LOGS_WHERE_SERVED, collectors, flows, forwarders, is_settled, missing
from ztui.kinds.base import Kind, Ref, matches
from ztui.kinds.measured import AlertRouting, ScrapeTarget
from ztui.kinds.network import Service
from ztui.kinds.platformconfig import APIServerConfig
from ztui.kinds.telemetry import Monitor, MonitoringConfig, PodMonitor, ServiceMonitor
from ztui.kinds.workload import Namespace
from ztui.view import View, Why

RECORDED = reason("audited", "the API server records requests by the profile {profile}")
NOT_RECORDED = reason(
    "audit-off",
    "the API server records nothing: the audit profile is None",
    next="Set spec.audit.profile to Default",
    stands=True,
)
ADMIN_UNRECORDED = reason(
    "audit-off-for-group",
    "the requests of {group} are not recorded, and {who}",
    next="Delete the rule of the group from spec.audit.customRules",
    stands=True,
)
SOME_UNRECORDED = reason(
    "audit-off-for-some",
    "the requests of {group} are not recorded",
    next="Delete the rule of the group from spec.audit.customRules, or raise its profile",
)
HOSTED = reason(
    "audit-hosted", "the control plane runs elsewhere: what it records is written there", next="Attest the audit profile"
)
NOT_SHOWN = reason(
    "audit-not-shown", "this platform does not show what its API server records", next="Attest the audit policy of the API server"
)
FORWARDED = reason("logs-forwarded", "application, infrastructure and audit logs go to {outputs}, encrypted")
NO_FORWARDER = reason(
    "no-forwarder", "no log leaves its node", next="Install the logging operator and walk through a forwarder in the guide"
)
SHIPPER = reason(
    "unknown-shipper",
    "{shipper} reads the logs of every node; what it sends, and where to, is in its own configuration",
    next="Attest what it sends, or use a forwarder that the cluster can show",
)
SHIPPER_PARTLY = reason(
    "shipper-partly", "{shipper} reads the logs of {count} of {total} nodes", next="Let it tolerate the taints of the others"
)
UNSETTLED = reason("forwarder-not-ready", "no forwarder is ready: {forwarder}", next="Look at the conditions of the forwarder")
UNCOVERED = reason("logs-missing", "no working pipeline takes {what} logs", next="Add {what} to the inputs of a pipeline")
EXPOSED = reason(
    "logs-exposed",
    "{output} is sent logs in a way that others can read or bend: {how}",
    next="Use tls:// or https:// and let the certificate be checked",
    stands=True,
)
AUDIT_INSIDE = reason(
    "audit-inside",
    "audit logs stay in this cluster, where who breaks into it can reach them",
    next="Send audit logs to a receiver outside as well",
)
PARTIAL = reason("logs-partial", "pipelines take {what} logs only in part", next="Drop what narrows the inputs, or add sources")
UNMANAGED = reason("forwarder-unmanaged", "{forwarder} is Unmanaged: nobody keeps it as it is written", next="Set Managed")
COLLECTED = reason("node-collected", "a collector runs on {node}")
NOT_COLLECTED = reason(
    "node-not-collected",
    "no collector is ready on {node}",
    next="Add the taints of the node to the tolerations of the collector",
)
NO_COLLECTOR = reason("no-collector", "no collector of logs runs on any node", next="Install the logging operator")

SCRAPED = reason("scraped", "{by} selects it")
NOT_SCRAPED = reason(
    "not-scraped", "is called by a Service, and no monitor selects it", next="Add a ServiceMonitor for its Service"
)
SCRAPING_OFF = reason("scraping-off", "is not scraped: {why}", next="Preview switching monitoring for user projects on")
SILENT = reason("scrape-silent", "{by} selects it, and no target of it answers", next="Look at the targets in the metrics store")
DECLARED = reason(
    "scrape-declared",
    "monitors are written; whether their targets answer is in the metrics store, which does not say: {why}",
    next="Connect Thanos: the role cluster-monitoring-view is enough",
)
TOLD = reason("alerts-told", "critical alerts are told to {receivers}")
TOLD_OTHERS = reason(
    "alerts-told-others",
    "only some alerts are told, to {receivers}, and not every critical one",
    next="Add a route for severity critical",
)
TOLD_NOBODY = reason(
    "alerts-untold", "no receiver has an integration: {receivers}", next="Give the receiver of critical alerts one"
)

_UNMONITORED: Final = "openshift.io/user-monitoring"
_EVERYBODY: Final = "system:authenticated"


@check(
    "ZT3-OBS-001",
    "API audit logging is on",
    severity="critical",
    gate="R",
    grain="cluster",
    needs=ACCESS,
    where_served=(APIServerConfig,),
    variants=("ocp", "k8s"),
    recipes=("R-AUDIT",),
    maps=("CISA V&A", "800-53 AU-2", "800-53 AU-3", "800-53 AU-12", "CIS-OCP 3.2.1", "CIS-OCP 3.2.2"),
)
def audited(view: View) -> Iterator[Finding]:
    """The API server records who asks for what.

    Why: decisions about identities must be open to a second look.
    How: with the audit log off, nobody can tell what a stolen token was used for.
    Rule: pass with the profile Default or a richer one; warn if a group without administration is left out; fail if everything is
    off, or off for everybody who is logged in, or for a group that may do everything.
    Traps: an empty profile is Default; a hosted control plane and a plain Kubernetes show nothing of it here.
    Source: config.openshift.io/v1 APIServer, spec.audit.profile, spec.audit.customRules[].group,
    spec.audit.customRules[].profile; rbac.authorization.k8s.io/v1 ClusterRoleBinding, subjects, roleRef.
    Verify: oc get apiserver cluster -o jsonpath='{.spec.audit}'
    """
    platform = view.derive(units.platform)
    if platform.variant == "k8s" or platform.hosted:
        why, text = (Why.HOSTED, HOSTED) if platform.hosted else (Why.K8S, NOT_SHOWN)
        yield unknown(cluster_ref(), text, why, "audit policy")
        return
    config = view.get(APIServerConfig, "cluster")
    on: Kind | None = config
    audit = config.spec.audit if config else None
    profile = (audit.profile if audit else "") or "Default"
    facts = [seen(config, "spec.audit.profile", profile)] if config else []
    if profile == "None":
        yield fail(on or cluster_ref(), NOT_RECORDED, seen=facts)
        return
    silent = [rule.group for rule in (audit.custom_rules if audit else None) or () if rule.profile == "None"]
    admins = {
        grant.subject.name for grant in view.derive(cluster_grants) if grant.subject.kind == "Group" and is_full_admin(grant)
    }
    for group in silent:
        if group.startswith(_EVERYBODY) or group in admins:
            who = "that is everybody" if group.startswith(_EVERYBODY) else "it may do everything"
            yield fail(on or cluster_ref(), ADMIN_UNRECORDED, seen=facts, group=group, who=who)
        else:
            yield warn(on or cluster_ref(), SOME_UNRECORDED, seen=facts, group=group)
    if not silent:
        yield ok(on or cluster_ref(), RECORDED, seen=facts, profile=profile)


@check(
    "ZT3-OBS-002",
    "Application, infrastructure and audit logs leave the node, encrypted",
    severity="high",
    gate="R",
    grain="cluster",
    needs=LOGS,
    where_served=LOGS_WHERE_SERVED,
    maps=("800-53 AU-6", "800-53 AU-9(2)", "800-53 AU-4(1)", "CIS-OCP 1.2.21"),
)
def forwarded(view: View) -> Iterator[Finding]:
    """What the nodes log is sent away over TLS, the audit log to a place outside.

    Why: logs that stay where they are written die with the intruder's last command.
    How: whoever owns a node deletes its logs, and whoever owns the cluster those that it keeps.
    Rule: pass if working pipelines take application, infrastructure and audit logs (of the Kubernetes and OpenShift APIs and the
    network), every output in use is encrypted, and audit logs leave the cluster; warn if they stay inside, for inputs that leave
    something out, for a forwarder that nobody manages, and for a collector whose configuration is its own; fail if application
    or audit logs go nowhere, for an output in plaintext or without a look at certificates, and without any of it.
    Traps: several forwarders count together; an input of one's own may narrow what its name promises; an output that the operator
    refuses takes nothing.
    Source: observability.openshift.io/v1 ClusterLogForwarder, spec.managementState, spec.inputs[], spec.outputs[].type,
    spec.outputs[].tls.insecureSkipVerify, spec.outputs[].syslog.url, spec.pipelines[].inputRefs, spec.pipelines[].outputRefs,
    status.conditions, status.outputConditions; apps/v1 DaemonSet, spec.template.spec.containers[].image.
    Verify: oc get clusterlogforwarders.observability.openshift.io -A -o yaml
    """
    known, found = view.derive(forwarders), view.derive(flows)
    if not known:
        yield _shipped(view)
        return
    if not found:
        state = next((item for item in known if not is_settled(item)), known[0])
        yield fail(state, UNSETTLED, seen=[seen(state, "status.conditions[type=Ready].status")], forwarder=str(state.ref))
        return
    bad = [flow for flow in found if not flow.is_encrypted]
    for flow in {(item.forwarder.ref, item.output.name): item for item in bad}.values():
        how = ", ".join(flow.output.endpoints) or flow.output.type
        if flow.output.tls is not None and flow.output.tls.insecure_skip_verify:
            how = "insecureSkipVerify"
        fact = seen(flow.forwarder, f"spec.outputs[name={flow.output.name}]", how)
        yield fail(flow.forwarder, EXPOSED, seen=[fact], output=flow.output.name, how=how)
    none, part = missing(found)
    facts = [seen(item.forwarder, "spec.pipelines[].inputRefs", ", ".join(sorted(item.types))) for item in found]
    for what in sorted(none):
        make = warn if what == "infrastructure" else fail
        yield make(known[0], UNCOVERED, seen=facts, what=what)
    if part:
        yield warn(known[0], PARTIAL, seen=facts, what=" and ".join(sorted(part)))
    inside = "audit" not in none and not any(item.is_outside for item in found if "audit" in item.types)
    if inside:
        yield warn(known[0], AUDIT_INSIDE, seen=facts)
    unmanaged = [item for item in known if item.spec.management_state == "Unmanaged"]
    for item in unmanaged:
        yield warn(item, UNMANAGED, seen=[seen(item, "spec.managementState", "Unmanaged")], forwarder=str(item.ref))
    if not (bad or none or part or inside or unmanaged):
        yield ok(known[0], FORWARDED, seen=facts, outputs=", ".join(sorted({item.output.name for item in found})))


@check(
    "ZT3-OBS-003",
    "Collectors run on every node",
    severity="high",
    gate="R",
    grain="cluster",
    needs=LOGS,
    where_served=LOGS_WHERE_SERVED,
    ratio=Bands(1.0, 0.95, any_fail=False),
    maps=("800-53 AU-12(1)",),
)
def collected(view: View) -> Iterator[Finding]:
    """A collector of logs is ready on each node.

    Why: an intruder goes to the node that nobody watches.
    How: a taint that the collector does not tolerate keeps it away, and the DaemonSet still counts itself complete.
    Rule: of the ready Linux nodes, pass if each has a ready pod of a collector, warn from 95 %, fail below and without one.
    Traps: a DaemonSet wants only the nodes that its selector and tolerations allow: nodes are counted, not its own wishes; a node
    that is not ready is left out.
    Source: apps/v1 DaemonSet, spec.template.spec.containers[].image; v1 Node, status.conditions,
    status.nodeInfo.operatingSystem; v1 Pod, spec.nodeName, status.containerStatuses[].ready, metadata.ownerReferences.
    Verify: kubectl get pods -A -o wide | grep collector; kubectl get nodes
    """
    sets = view.derive(collectors)
    if not sets:
        yield fail(cluster_ref(), NO_COLLECTOR)
        return
    at = {item.ref: view.derive(nodes_of, item.namespace, item.name) for item in sets}
    for node in linux_nodes(view):
        running = [item for item in sets if node.name in at[item.ref]]
        if running:
            yield ok(node, COLLECTED, seen=[node, *running], node=node.name)
        else:
            yield fail(node, NOT_COLLECTED, seen=[node, *sets], node=node.name)


@check(
    "ZT3-OBS-004",
    "Metrics exist for user services",
    severity="medium",
    gate="R",
    grain="namespace",
    needs=(*units.WORKLOADS, Service),
    where_served=(*units.WORKLOADS_WHERE_SERVED, MonitoringConfig, ServiceMonitor, PodMonitor),
    may=(ScrapeTarget,),
    ratio=Bands(0.90, 0.60, any_fail=False),
    recipes=("R-UWM",),
    maps=("CISA V&A", "800-53 SI-4", "800-53 CA-7"),
)
def scraped(view: View, namespace: Namespace) -> Iterator[Finding]:
    """What tenants serve is measured.

    Why: "all services" needs to be counted, and what is not measured can fail, or be abused, in silence.
    How: a stolen service answers ten times as many requests as ever, and no line shows it.
    Rule: of the workloads behind a Service, pass if monitors select 90 %, warn from 60 %, fail below, and where monitoring of
    user projects is off. A workload whose targets do not answer counts as not scraped; while the metrics store does not say,
    what monitors promise is only declared, which warns.
    Traps: a missing monitoring configuration is the default, which is off; a label keeps a namespace out; a monitor looks into
    its own namespace unless it says otherwise, and selects Services by their labels, not by their pods'.
    Source: v1 ConfigMap, data; monitoring.coreos.com/v1 ServiceMonitor, spec.selector, spec.namespaceSelector;
    monitoring.coreos.com/v1 PodMonitor, spec.selector, spec.namespaceSelector; v1 Service, metadata.labels, spec.selector;
    v1 Namespace, metadata.labels.
    Verify: kubectl get servicemonitors,podmonitors -A
    """
    config = view.get(MonitoringConfig, "cluster-monitoring-config", "openshift-monitoring")
    off = ""
    if view.derive(units.platform).variant == "ocp" and (config is None or not config.data.user_workload):
        off = "monitoring of user projects is off"
    if namespace.labels.get(_UNMONITORED) == "false":
        off = f"the label {_UNMONITORED} keeps the namespace out"
    services = [item for item in view.within(Service, namespace.name) if item.spec.selector]
    declared = False
    for unit in view.derive(units.workloads, namespace.name):
        mine = [item for item in services if (item.spec.selector or {}).items() <= unit.pods[0].labels.items()]
        if not mine:
            continue
        by = view.derive(_monitor_of, namespace.name, unit.root, tuple(item.name for item in mine))
        gap = view.gap(ScrapeTarget, namespace.name)
        up = by is not None and any(_answers(view, name, namespace.name) for name in _targets(mine, by))
        if off:
            yield fail(unit.root, SCRAPING_OFF, seen=[*mine, *([config] if config else [])], why=off)
        elif by is None:
            yield fail(unit.root, NOT_SCRAPED, seen=mine)
        elif gap is None and not up:
            yield fail(unit.root, SILENT, seen=[by, *mine], by=str(by.ref))
        else:
            declared = declared or gap is not None
            yield ok(unit.root, SCRAPED, seen=[by, *mine], by=str(by.ref))
    if declared:
        yield aside(warn(namespace, DECLARED, why=str(view.gap(ScrapeTarget, namespace.name))))


@check(
    "ZT3-OBS-005",
    "Alerts reach a human or machine",
    severity="medium",
    gate="S",
    grain="cluster",
    needs=(AlertRouting,),
    maps=("800-53 AU-5", "800-53 IR-6"),
)
def alerted(view: View) -> Iterator[Finding]:
    """A critical alert is told to somebody.

    Why: monitoring without a notification is an archive.
    How: the alarm fires all night into a receiver that has no address.
    Rule: pass if every critical alert gets to a receiver that has an integration; warn if only other alerts do; fail if no
    receiver has any, which is how Alertmanager is shipped.
    Traps: a route that asks for other labels takes some critical alerts and not all; a receiver without an integration tells
    nobody.
    Source: Alertmanager /api/v2/status, config.original, route, receivers.
    Verify: oc -n openshift-monitoring exec alertmanager-main-0 -- amtool config show --alertmanager.url=http://localhost:9093
    """
    for item in view.all(AlertRouting):
        facts = [seen(item, "config.original")]
        if item.reached:
            yield ok(item, TOLD, seen=facts, receivers=", ".join(item.reached))
        elif item.idle:
            yield warn(item, TOLD_OTHERS, seen=facts, receivers=", ".join(item.idle))
        else:
            yield fail(item, TOLD_NOBODY, seen=facts, receivers=", ".join(item.empty) or "none")


def _answers(view: View, name: str, namespace: str) -> bool:
    target = view.get(ScrapeTarget, name, namespace)
    return target is not None and target.up > 0


def _targets(services: list[Service], by: Monitor) -> tuple[str, ...]:
    """The names under which the targets of a monitor are counted: Services, and the job of a PodMonitor."""
    return (*(item.name for item in services), f"{by.namespace}/{by.name}", f"podMonitor/{by.namespace}/{by.name}/0")


def _monitor_of(view: View, namespace: str, root: Ref, services: tuple[str, ...]) -> Monitor | None:
    """The first monitor that selects one of the Services, or the pods, of a workload."""
    unit = next((item for item in view.derive(units.workloads, namespace) if item.root == root), None)
    labels = [item.labels for name in services if (item := view.get(Service, name, namespace)) is not None]
    choices: tuple[tuple[type[Monitor], list[dict[str, str]]], ...] = (
        (ServiceMonitor, labels),
        (PodMonitor, [unit.pods[0].labels] if unit else []),
    )
    for kind, told in choices:
        monitors: list[Monitor] = sorted(view.all(kind), key=lambda one: (one.namespace, one.name))
        for monitor in monitors:
            if monitor.looks_into(namespace) and any(matches(monitor.spec.selector, one) for one in told):
                return monitor
    return None


def _shipped(view: View) -> Finding:
    """What collectors without a forwarder are worth."""
    sets = view.derive(collectors)
    if not sets:
        return fail(cluster_ref(), NO_FORWARDER)
    nodes = linux_nodes(view)
    best = max(sets, key=lambda item: len(view.derive(nodes_of, item.namespace, item.name)))
    count = sum(node.name in view.derive(nodes_of, best.namespace, best.name) for node in nodes)
    words = {"shipper": str(best.ref)}
    if count == len(nodes):
        return warn(best, SHIPPER, seen=[best], **words)
    return fail(best, SHIPPER_PARTLY, seen=[best], **words, count=count, total=len(nodes))
