"""Row G.RES: critical paths survive a failure, and what is lost can be brought back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from ztui.checks.base import Evidence, Finding, attested, check, cluster_ref, fail, na, ok, reason, seen, warn
from ztui.engines import units
from ztui.engines.entry import ENTRIES, ENTRIES_WHERE_SERVED, entry_points
from ztui.engines.units import Workload
from ztui.kinds.base import Kind, condition, instant, matches
from ztui.kinds.network import Service
from ztui.kinds.policy import MutatingWebhookConfiguration, ValidatingWebhookConfiguration
from ztui.kinds.resilience import Backup, ClusterBackup, DataProtectionApplication, EtcdBackup, PodDisruptionBudget, Schedule
from ztui.kinds.workload import CronJob, Namespace, Node
from ztui.view import View

PLANE = reason("control-plane-survives", "{count} control plane nodes in {zones} zones")
PLANE_ELSEWHERE = reason("control-plane-elsewhere", "the control plane runs once by choice, or in another cluster")
PLANE_TWO = reason(
    "control-plane-two",
    "{topology} has two full control plane nodes by design",
    next="Keep the backups: two bear the loss of one only",
)
PLANE_FEW = reason(
    "control-plane-few", "the control plane has {count} nodes; it takes three to lose one", next="Add control plane nodes"
)
PLANE_ZONE = reason(
    "control-plane-one-zone", "all control plane nodes are in the zone {zone}", next="Spread the control plane over zones"
)
SURVIVES = reason("survives", "{role}; runs {count} times on {nodes} nodes, with a budget")
ONE_CRITICAL = reason(
    "one-replica", "{role}, and runs once", next="Run at least two replicas with a PodDisruptionBudget", stands=True
)
ONE_GATE = reason(
    "one-replica-gate",
    "the webhook {webhook} refuses everything when this fails, and it runs once",
    next="Run at least two replicas",
    stands=True,
)
ONE_NODE = reason(
    "one-node", "{role}; all {count} pods are on the node {node}", next="Add topologySpreadConstraints over hostnames"
)
ONE_ZONE = reason("one-zone", "{role}; all {count} pods are in the zone {zone}", next="Add topologySpreadConstraints over zones")
NO_BUDGET = reason("no-budget", "{role}; no PodDisruptionBudget covers it", next="Add a PodDisruptionBudget")
STUCK_BUDGET = reason(
    "stuck-budget",
    "{role}; the budget {budget} never allows a disruption, so nodes cannot be drained",
    next="Let the budget spare one pod",
)
RECOVERABLE = reason("recoverable", "applications: {apps}; control plane: {plane}")
HALF = reason("half-recoverable", "applications: {apps}; control plane: {plane}", next="Schedule the backup that is missing")
LOST = reason(
    "not-recoverable", "no application backup in a day, and no control plane backup in a week", next="Schedule both backups"
)

_APPS_WITHIN: Final = timedelta(hours=24)
_PLANE_WITHIN: Final = timedelta(days=7)
_MARK: Final = "ztui.io/etcd-backup"
_CRITICAL: Final = "ztui.io/critical"
_ZONE: Final = "topology.kubernetes.io/zone"
_ROLES: Final = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
_TWO_BY_DESIGN: Final = frozenset({"HighlyAvailableArbiter", "DualReplica"})
_PER_NODE: Final = frozenset({"DaemonSet", "Node"})


@check(
    "ZTG-RES-001",
    "Critical paths survive a failure",
    severity="high",
    gate="R",
    grain="both",
    needs=(Node, PodDisruptionBudget, Service, *ENTRIES, *units.WORKLOADS),
    where_served=(*ENTRIES_WHERE_SERVED, *units.WORKLOADS_WHERE_SERVED),
    scope="all",
    recipes=("R-PDB", "R-REPLICAS"),
    maps=("800-53 CP-2", "800-53 CP-10", "800-53 SC-5"),
)
def survives(view: View, namespace: Namespace | None) -> Iterator[Finding]:
    """The control plane, what is critical or exposed, and what admission depends on bear the loss of a pod or a node.

    Why: attacks include availability.
    How: one pod that is made to fail takes a service down, or stops every change to the cluster.
    Rule: fail with fewer than three control plane nodes, or one replica of a critical workload, or of a webhook that refuses when
    it fails; warn without a budget, with all pods on one node or in one zone, or with a budget that never allows a disruption.
    Traps: one control plane node may be the design; a workload on every node has as many replicas as nodes; a webhook that
    matches its own namespace cannot start again.
    Source: v1 Node, metadata.labels; policy/v1 PodDisruptionBudget, spec.selector, status.disruptionsAllowed; apps/v1
    Deployment, StatefulSet, spec.replicas; v1 Pod, spec.nodeName; admissionregistration.k8s.io/v1
    ValidatingWebhookConfiguration, webhooks[].failurePolicy; config.openshift.io/v1 Infrastructure,
    status.controlPlaneTopology.
    Verify: kubectl get nodes,pdb -A
    """
    if namespace is None:
        yield from _plane(view)
        return
    gates = _gates(view, namespace.name)
    judged = view.derive(units.namespace_class, namespace.name) in {"user", "unproven"}
    exposed = {name for entry in view.derive(entry_points, namespace.name) if entry.admitted for name in entry.services}
    for unit in view.derive(units.workloads, namespace.name):
        if unit.root.kind in _PER_NODE:
            continue
        services = _services(view, unit)
        webhook = next((gates[name] for name in services if name in gates), "")
        critical = unit.labels.get(_CRITICAL) == "true"
        open_ = judged and bool(exposed & set(services))
        if webhook or critical or open_:
            role = f"admits changes for {webhook}" if webhook else "is critical" if critical else "is exposed"
            yield from _unit(view, unit, role, webhook, critical=critical or open_)


@check(
    "ZTG-RES-002",
    "State is recoverable",
    severity="high",
    gate="R",
    grain="cluster",
    needs=(CronJob,),
    where_served=(DataProtectionApplication, Schedule, Backup, ClusterBackup, EtcdBackup),
    maps=("800-53 CP-9", "800-53 CP-10"),
)
def recoverable(view: View) -> Iterator[Finding]:
    """Applications and the control plane have a recent backup.

    Why: resilience is recovery.
    How: who encrypts or deletes everything wins where nothing can be brought back.
    Rule: pass with a scheduled application backup completed in a day and a control plane backup in a week; warn with one of them;
    fail with none.
    Traps: backups of encrypted etcd need the keys; a schedule is not a backup, and neither is one that has expired; a CronJob
    counts by its label ztui.io/etcd-backup, which is an owner's word.
    Source: oadp.openshift.io/v1alpha1 DataProtectionApplication, status.conditions; velero.io/v1 Schedule,
    status.lastBackup; velero.io/v1 Backup, status.phase; batch/v1 CronJob, metadata.labels, status.lastSuccessfulTime.
    Verify: kubectl get schedules.velero.io,backups.velero.io -A; kubectl get cronjobs -A -l ztui.io/etcd-backup
    """
    apps = _latest_app(view)
    plane, by_word = latest_plane(view)
    words = {"apps": apps.value if apps else _why_no_apps(view), "plane": plane.value if plane else _why_no_plane(view)}
    facts = [item for item in (apps, plane) if item]
    if apps and plane:
        found = ok(cluster_ref(), RECOVERABLE, seen=facts, **words)
    elif facts:
        found = warn(cluster_ref(), HALF, seen=facts, **words)
    else:
        yield fail(cluster_ref(), LOST)
        return
    yield attested(found) if by_word else found


def _plane(view: View) -> Iterator[Finding]:
    found = view.derive(units.platform)
    nodes = [item for item in view.all(Node) if any(role in item.labels for role in _ROLES)]
    zones = sorted({item.labels[_ZONE] for item in nodes if item.labels.get(_ZONE)})
    facts = [seen(item, f"metadata.labels[{_ZONE}]", item.labels.get(_ZONE, "")) for item in sorted(nodes, key=_name)]
    if found.hosted or found.single_node or found.variant == "microshift" or (found.variant == "k8s" and not nodes):
        yield na(cluster_ref(), PLANE_ELSEWHERE, seen=facts)
    elif found.topology in _TWO_BY_DESIGN:
        yield warn(cluster_ref(), PLANE_TWO, seen=facts, topology=found.topology)
    elif len(nodes) < 3:
        yield fail(cluster_ref(), PLANE_FEW, seen=facts, count=len(nodes))
    elif len(zones) == 1 and all(item.labels.get(_ZONE) for item in nodes):
        yield warn(cluster_ref(), PLANE_ZONE, seen=facts, zone=zones[0])
    else:
        yield ok(cluster_ref(), PLANE, seen=facts, count=len(nodes), zones=len(zones) or "unnamed")


def _unit(view: View, unit: Workload, role: str, webhook: str, *, critical: bool) -> Iterator[Finding]:
    count = len(unit.pods)
    facts: list[Kind | Evidence] = list(unit.pods)
    if count < 2 and webhook:
        yield fail(unit.root, ONE_GATE, seen=facts, webhook=webhook)
        return
    if count < 2 and critical:
        yield fail(unit.root, ONE_CRITICAL, seen=facts, role=role)
        return
    nodes = {pod.spec.node_name for pod in unit.pods if pod.spec.node_name}
    placed = all(pod.spec.node_name for pod in unit.pods)
    zones = {_zone(view, name) for name in nodes}
    weak = False
    if placed and len(nodes) == 1:
        weak = True
        yield warn(unit.root, ONE_NODE, seen=facts, role=role, count=count, node=next(iter(nodes)))
    elif placed and len(zones) == 1 and "" not in zones and _has_zones(view):
        weak = True
        yield warn(unit.root, ONE_ZONE, seen=facts, role=role, count=count, zone=next(iter(zones)))
    budgets = [
        item
        for item in sorted(view.within(PodDisruptionBudget, unit.root.namespace), key=_name)
        if matches(item.spec.selector, unit.pods[0].labels)
    ]
    stuck = next((item for item in budgets if _never_allows(item)), None)
    if not budgets:
        yield warn(unit.root, NO_BUDGET, seen=facts, role=role)
    elif stuck is not None:
        path = "status.disruptionsAllowed"
        yield warn(unit.root, STUCK_BUDGET, seen=[seen(stuck, path, 0)], role=role, budget=stuck.name)
    elif not weak:
        yield ok(unit.root, SURVIVES, seen=[*facts, *budgets], role=role, count=count, nodes=len(nodes))


def _never_allows(budget: PodDisruptionBudget) -> bool:
    """Whether every pod is wanted although all are healthy: that does not pass by waiting."""
    status = budget.status
    full = status.expected_pods > 0 and status.desired_healthy >= status.expected_pods
    return status.disruptions_allowed == 0 and full


def _zone(view: View, node: str) -> str:
    found = view.get(Node, node)
    return found.labels.get(_ZONE, "") if found else ""


def _has_zones(view: View) -> bool:
    return len({item.labels.get(_ZONE, "") for item in view.all(Node)} - {""}) > 1


def _services(view: View, unit: Workload) -> tuple[str, ...]:
    """The Services that send traffic to a workload."""
    labels = unit.pods[0].labels
    found = (item for item in view.within(Service, unit.root.namespace) if item.spec.selector)
    return tuple(sorted(item.name for item in found if (item.spec.selector or {}).items() <= labels.items()))


def _gates(view: View, namespace: str) -> dict[str, str]:
    """Service -> webhook configuration, for the webhooks answered in this namespace that refuse when they fail."""
    configs: tuple[ValidatingWebhookConfiguration | MutatingWebhookConfiguration, ...] = (
        *view.all(ValidatingWebhookConfiguration),
        *view.all(MutatingWebhookConfiguration),
    )
    found: dict[str, str] = {}
    for config in sorted(configs, key=_name):
        for hook in config.webhooks or ():
            target = hook.client_config.service
            if target is not None and target.namespace == namespace and hook.failure_policy == "Fail":
                found.setdefault(target.name, config.name)
    return found


def _latest_app(view: View) -> Evidence | None:
    """The newest scheduled application backup of the last day that can still be restored."""
    good = [
        (at, item)
        for item in view.all(Backup)
        if item.status.phase == "Completed"
        and "velero.io/schedule-name" in item.labels
        and (at := instant(item.status.completion_timestamp)) is not None
        and _within(view.now, at, _APPS_WITHIN)
        and not _expired(view.now, item.status.expiration)
    ]
    newest = max(good, key=lambda pair: (pair[0], pair[1].name), default=None)
    return seen(newest[1], "status.completionTimestamp", newest[1].status.completion_timestamp) if newest else None


def latest_plane(view: View) -> tuple[Evidence | None, bool]:
    """The newest control plane backup of the last week, and whether only a label says that it is one."""
    for backup in sorted(view.all(EtcdBackup), key=_name):
        done = condition(backup.status.conditions, "BackupCompleted")
        at = instant(done.last_transition_time) or backup.created if done and done.status == "True" else None
        if at is not None and _within(view.now, at, _PLANE_WITHIN):
            return seen(backup, "status.conditions[type=BackupCompleted].lastTransitionTime", at.isoformat()), False
    for job in sorted(view.all(CronJob), key=_name):
        when = job.status.last_successful_time if job.status else None
        at = instant(when)
        if _MARK in job.labels and at is not None and _within(view.now, at, _PLANE_WITHIN):
            return seen(job, "status.lastSuccessfulTime", when), True
    return None, False


def _within(now: datetime, at: datetime, span: timedelta) -> bool:
    """Whether it happened in the span before now; a clock that runs a little ahead is no lie."""
    return now - at <= span and at - now <= timedelta(minutes=5)


def _expired(now: datetime, text: str | None) -> bool:
    at = instant(text)
    return at is not None and at <= now


def _why_no_apps(view: View) -> str:
    running = [item for item in view.all(Schedule) if not item.spec.paused]
    if running:
        return "a schedule, but no completed backup in a day"
    return "installed, but nothing is scheduled" if any(True for _ in view.all(DataProtectionApplication)) else "none"


def _why_no_plane(view: View) -> str:
    return "a schedule, but no completed backup in a week" if any(True for _ in view.all(ClusterBackup)) else "none"


def _name(of: Kind) -> str:
    return of.name
